/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/tables/networks.h"

#include <errno.h>

#include "fastpath/tables/builtin.h"

/*
 * How long packets on a network may be. No packet walks through this table: l3 and peers ask it. A network's MTU is one
 * entry, so that a new one concerns the flows to that network and compiles no port.
 */

uint16_t df_networks_mtu(struct df_walk *walk, uint32_t network)
{
    const struct df_table *table = df_table(DF_TABLE_NETWORKS), *asking = walk->table;
    struct df_network_key key = {.network = network};
    walk->table = table; /* a trace is to know whose look-up it is */
    const struct df_network_value *value = df_exact_find(table->state, walk, &key, NULL);
    walk->table = asking;
    return value != NULL ? (uint16_t)value->mtu : 0;
}

/* Nothing leads here. */
static uint16_t decide(void *state, struct df_walk *walk)
{
    (void)state;
    return df_walk_drop(walk, DF_DROP_LOOP);
}

static int put(void *state, const struct df_entry *entry)
{
    const struct df_network_value *value = entry->value;
    if (!df_table_entry_fits(&df_table_networks.desc, entry) || value->mtu < DF_NETWORK_MTU_MIN ||
        value->mtu > UINT16_MAX)
        return -EINVAL;
    return df_exact_put(state, entry);
}

static const struct df_field key_fields[] = {
    DF_FIELD(df_network_key, network, DF_FIELD_UINT),
    DF_FIELD_END,
};

static const struct df_field value_fields[] = {
    DF_FIELD(df_network_value, mtu, DF_FIELD_UINT),
    DF_FIELD_END,
};

const struct df_table_ops df_table_networks = {
    .desc = {.number = DF_TABLE_NETWORKS,
             .name = "networks",
             .upstream = "NETWORKS",
             .summary = "how long packets on a network may be",
             .key_size = sizeof(struct df_network_key),
             .value_size = sizeof(struct df_network_value),
             .order = DF_ORDER_NETWORKS,
             .key_fields = key_fields,
             .value_fields = value_fields},
    .init = df_exact_init,
    .fini = df_exact_fini,
    .put = put,
    .del = df_exact_del,
    .for_each = df_exact_for_each,
    .count = df_exact_count,
    .decide = decide,
};
