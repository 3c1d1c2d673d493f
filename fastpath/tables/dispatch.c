/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/tables/builtin.h"

/* The last step to a local port: its number in the datapath, and its tag. */

static uint16_t decide(void *state, struct df_walk *walk)
{
    struct df_dispatch_key key = {.lport = walk->out_lport};
    const struct df_dispatch_value *value = df_exact_find(state, walk, &key, NULL);
    if (value == NULL)
        return df_walk_drop(walk, DF_DROP_EGRESS_DETACHED);
    return df_walk_output(walk, value->port, value->vlan);
}

static const struct df_field key_fields[] = {
    DF_FIELD(df_dispatch_key, lport, DF_FIELD_UINT),
    DF_FIELD_END,
};

static const struct df_field value_fields[] = {
    DF_FIELD(df_dispatch_value, port, DF_FIELD_UINT),
    DF_FIELD(df_dispatch_value, vlan, DF_FIELD_UINT),
    DF_FIELD_END,
};

const struct df_table_ops df_table_dispatch = {
    .desc = {.number = DF_TABLE_DISPATCH,
             .name = "dispatch",
             .upstream = "INGRESS_DISPATCH",
             .summary = "the datapath port of a local logical port",
             .key_size = sizeof(struct df_dispatch_key),
             .value_size = sizeof(struct df_dispatch_value),
             .order = DF_ORDER_DISPATCH,
             .key_fields = key_fields,
             .value_fields = value_fields},
    DF_EXACT_OPS,
    .decide = decide,
};
