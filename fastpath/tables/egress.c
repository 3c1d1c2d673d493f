/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "fastpath/tables/builtin.h"
#include "fastpath/tunnel/tunnel.h"

/* The way to a port: on this node, or by a tunnel to the node it is on. */

/* What came by a tunnel never goes into one again: two nodes that take the port for the other's would play with it. */
static uint16_t to_peer(struct df_walk *walk, const struct df_egress_value *value)
{
    if (walk->tunnel_type != 0)
        return df_walk_drop(walk, DF_DROP_EGRESS_NO_PATH);
    walk->out_tunnel_type = (uint8_t)value->tunnel_type;
    walk->tunnel_key = value->tunnel_key;
    walk->tunnel_peer = value->peer;
    return DF_TABLE_PEERS;
}

static uint16_t decide(void *state, struct df_walk *walk)
{
    struct df_egress_key key = {.lport = walk->out_lport};
    const struct df_egress_value *value = df_exact_find(state, walk, &key, NULL);
    if (value == NULL)
        return df_walk_drop(walk, DF_DROP_EGRESS_NO_PATH);
    return value->kind == DF_EGRESS_TUNNEL ? to_peer(walk, value) : DF_TABLE_INGRESS_CONNTRACK;
}

static bool is_good(const struct df_egress_value *value)
{
    if (value->kind == DF_EGRESS_LOCAL)
        return true;
    return value->kind == DF_EGRESS_TUNNEL && value->tunnel_type != 0 && value->tunnel_type < DF_TUNNEL_TYPES &&
           value->tunnel_key <= df_tunnel_key_max(value->tunnel_type) && !df_ip_is_zero(&value->peer);
}

static int put(void *state, const struct df_entry *entry)
{
    if (!df_table_entry_fits(&df_table_egress.desc, entry) || !is_good(entry->value))
        return -EINVAL;
    return df_exact_put(state, entry);
}

static const char *const kinds[] = {[0] = "none", [DF_EGRESS_LOCAL] = "local", [DF_EGRESS_TUNNEL] = "tunnel", NULL};

static const struct df_field key_fields[] = {
    DF_FIELD(df_egress_key, lport, DF_FIELD_UINT),
    DF_FIELD_END,
};

static const struct df_field value_fields[] = {
    DF_FIELD_NAMES(df_egress_value, kind, kinds),
    DF_FIELD_NAMES(df_egress_value, tunnel_type, df_tunnel_type_names),
    DF_FIELD(df_egress_value, tunnel_key, DF_FIELD_UINT),
    DF_FIELD(df_egress_value, peer, DF_FIELD_IP),
    DF_FIELD_END,
};

const struct df_table_ops df_table_egress = {
    .desc = {.number = DF_TABLE_EGRESS,
             .name = "egress",
             .upstream = "EGRESS",
             .summary = "the way to a port",
             .key_size = sizeof(struct df_egress_key),
             .value_size = sizeof(struct df_egress_value),
             .order = DF_ORDER_EGRESS,
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
