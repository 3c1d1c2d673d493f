/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "fastpath/tables/builtin.h"
#include "fastpath/tables/peers.h"
#include "fastpath/tunnel/tunnel.h"

/*
 * What came by a tunnel: from a node that is known, on a network that this node needs. The sending node has checked who
 * the guest is, so nothing of that is repeated here.
 *
 * A node sends a network's packets by the network's own type where the other one speaks that too, and else by the best
 * that both speak. So what comes by a type is of the network of that type with the key, or of one of a type that the
 * peer and this node do not share. Where both are there it is refused: the networks may be different tenants'. A vtep's
 * packets are of networks of type vxlan, by VXLAN, and nothing else is taken from it.
 */

static enum df_drop find_network(void *state, struct df_walk *walk, unsigned shared)
{
    walk->network = 0;
    for (enum df_tunnel_type type = 1; type < DF_TUNNEL_TYPES; type++) {
        struct df_tunnel_key key = {.tunnel_type = type, .tunnel_key = walk->tunnel_key};
        if (type != walk->tunnel_type && (shared & DF_TUNNEL_BIT(type)))
            continue;
        const struct df_tunnel_value *value = df_exact_find(state, walk, &key, NULL);
        if (value == NULL)
            continue;
        if (walk->network != 0)
            return DF_DROP_TUNNEL_AMBIGUOUS_KEY;
        walk->network = value->network;
    }
    return walk->network != 0 ? DF_DROP_NONE : DF_DROP_TUNNEL_UNKNOWN_KEY;
}

static uint16_t decide(void *state, struct df_walk *walk)
{
    const struct df_peer_value *peer = df_peers_find(walk, &walk->tunnel_peer);
    if (peer == NULL)
        return df_walk_drop(walk, DF_DROP_TUNNEL_UNKNOWN_PEER);
    if (peer->vtep && walk->tunnel_type != DF_TUNNEL_VXLAN)
        return df_walk_drop(walk, DF_DROP_TUNNEL_VTEP_TYPE);
    enum df_drop drop = find_network(state, walk, peer->vtep ? DF_TUNNEL_ALL : peer->types);
    if (drop != DF_DROP_NONE)
        return df_walk_drop(walk, drop);
    if (walk->packet.n_vlans != 0) /* RFC 7348 section 6.1 */
        return df_walk_drop(walk, DF_DROP_BAD_VLAN);
    return DF_TABLE_INGRESS_LOOKUP;
}

static int put(void *state, const struct df_entry *entry)
{
    const struct df_tunnel_key *key = (const void *)entry->key;
    const struct df_tunnel_value *value = entry->value;
    if (!df_table_entry_fits(&df_table_tunnel.desc, entry) || key->tunnel_type == 0 ||
        key->tunnel_type >= DF_TUNNEL_TYPES || key->tunnel_key > df_tunnel_key_max(key->tunnel_type) ||
        value->network == 0)
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
             .summary = "which network a tunnel key is, by the network's own type",
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
