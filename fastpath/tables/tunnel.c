/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "fastpath/tables/builtin.h"
#include "fastpath/tables/peers.h"
#include "fastpath/tunnel/tunnel.h"

/*
 * What came by a tunnel: from a node that is known, on a network that this node needs. The sending node has checked who
 * the guest is, so nothing of that is repeated here.
 */

static uint16_t decide(void *state, struct df_walk *walk)
{
    struct df_tunnel_key key = {.tunnel_type = walk->tunnel_type, .tunnel_key = walk->tunnel_key};
    if (df_peers_find(walk, &walk->tunnel_peer, NULL) == NULL)
        return df_walk_drop(walk, DF_DROP_TUNNEL_UNKNOWN_PEER);
    const struct df_tunnel_value *value = df_exact_find(state, walk, &key, NULL);
    if (value == NULL)
        return df_walk_drop(walk, DF_DROP_TUNNEL_UNKNOWN_KEY);
    if (walk->packet.n_vlans != 0) /* RFC 7348 section 6.1 */
        return df_walk_drop(walk, DF_DROP_BAD_VLAN);
    walk->network = value->network;
    return DF_TABLE_INGRESS_LOOKUP;
}

static int put(void *state, const struct df_entry *entry)
{
    const struct df_tunnel_key *key = (const void *)entry->key;
    if (!df_table_entry_fits(&df_table_tunnel.desc, entry) || key->tunnel_type != DF_TUNNEL_VXLAN ||
        key->tunnel_key > DF_VXLAN_VNI_MAX)
        return -EINVAL;
    return df_exact_put(state, entry);
}

static const struct df_field key_fields[] = {
    DF_FIELD_NAMES(df_tunnel_key, tunnel_type, df_tunnel_type_names),
    DF_FIELD(df_tunnel_key, tunnel_key, DF_FIELD_UINT),
    DF_FIELD_END,
};

static const struct df_field value_fields[] = {
    DF_FIELD(df_tunnel_value, network, DF_FIELD_UINT),
    DF_FIELD_END,
};

const struct df_table_ops df_table_tunnel = {
    .desc = {.number = DF_TABLE_TUNNEL,
             .name = "tunnel",
             .upstream = "TUNNEL",
             .summary = "which network a tunnel key is",
             .key_size = sizeof(struct df_tunnel_key),
             .value_size = sizeof(struct df_tunnel_value),
             .order = DF_ORDER_TUNNEL,
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
