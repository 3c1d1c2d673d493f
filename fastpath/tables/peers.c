/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/tables/peers.h"

#include <errno.h>
#include <stdlib.h>

#include "fastpath/lookup/hash_map.h"
#include "fastpath/ports/port.h"
#include "fastpath/tables/builtin.h"
#include "fastpath/tables/networks.h"
#include "fastpath/tunnel/tunnel.h"
#include "fastpath/underlay/underlay.h"

/*
 * The nodes that tunnels lead to and come from.
 *
 * Invariant: an entry that can be found and is not only heard has a line of df_peer_headers to itself for each of its
 * types, filled before the entry was published. The lines are given back a grace period after the entry is gone. Its number was never another's.
 */

#define VLAN_MAX 4094

struct peer {
    struct df_hash_object object;
    struct df_entry entry; /* its value is the member of that name */
    struct df_peer_value value;
    uint32_t number;
    uint16_t index[DF_TUNNEL_TYPES]; /* by enum df_tunnel_type; 0: none */
    struct rcu_head rcu;
};

struct peers {
    struct df_hash_map map;
    uint32_t max;
    uint32_t last_number;
};

static uint64_t hash_of(const void *key)
{
    return df_hash_bytes(key, sizeof(struct df_peer_key));
}

static bool equal(const struct df_hash_object *object, const void *key)
{
    return memcmp(((const struct peer *)object)->entry.key, key, sizeof(struct df_peer_key)) == 0;
}

static struct peer *find(const struct peers *peers, const void *key, uint64_t hash)
{
    return (struct peer *)df_hash_map_find(&peers->map, hash, equal, key);
}

/* ---- control thread */

static int init(void **state, const struct df_table_ops *ops, uint32_t max)
{
    (void)ops;
    struct peers *peers = malloc(sizeof(*peers));
    if (peers == NULL)
        return -ENOMEM;
    *peers = (struct peers){.max = max};
    int rc = df_hash_map_init(&peers->map);
    if (rc == 0)
        *state = peers;
    else
        free(peers);
    return rc;
}

static void peer_free(struct peer *peer)
{
    for (unsigned type = 0; type < DF_TUNNEL_TYPES; type++)
        df_peer_header_give(peer->index[type]);
    free(peer);
}

static void peer_free_rcu(struct rcu_head *head)
{
    peer_free(caa_container_of(head, struct peer, rcu));
}

static void fini(void *state)
{
    struct peers *peers = state;
    struct df_hash_object *object;
    uint64_t at = 0;
    while ((object = df_hash_map_next(&peers->map, &at)) != NULL)
        peer_free((struct peer *)object);
    df_hash_map_fini(&peers->map);
    free(peers);
}

static bool is_good(const struct df_entry *entry)
{
    const struct df_peer_key *key = (const void *)entry->key;
    const struct df_peer_value *value = entry->value;
    return df_table_entry_fits(&df_table_peers.desc, entry) && !df_ip_is_zero(&key->ip) &&
           !df_ip_is_zero(&value->local_ip) && df_ip_is4(&key->ip) == df_ip_is4(&value->local_ip) &&
           (value->mtu == 0 || value->mtu >= DF_PEER_MTU_MIN) && value->port < DF_PORTS_MAX &&
           value->types <= DF_TUNNEL_ALL && value->vlan <= VLAN_MAX;
}

/* A line for each type that is sent. -ENOSPC: every line is taken, or waits for its grace period. */
static int take_lines(struct peer *peer, const struct df_ip *ip)
{
    if (peer->value.reachable == DF_PEER_HEARD)
        return 0;
    for (enum df_tunnel_type type = 1; type < DF_TUNNEL_TYPES; type++) {
        if (!(peer->value.types & DF_TUNNEL_BIT(type)))
            continue;
        peer->index[type] = df_peer_header_take();
        if (peer->index[type] == 0)
            return -ENOSPC;
        df_peer_header_fill(&df_peer_headers[peer->index[type]], type, ip, &peer->value);
    }
    return 0;
}

static int peer_new(struct peers *peers, const struct df_entry *entry, uint64_t hash, struct peer **made)
{
    struct peer *peer = aligned_alloc(64, (sizeof(*peer) + 63) & ~(size_t)63);
    if (peer == NULL)
        return -ENOMEM;
    *peer = (struct peer){.object.hash = hash, .entry = *entry, .number = ++peers->last_number};
    memcpy(&peer->value, entry->value, sizeof(peer->value));
    peer->entry.value = &peer->value;
    struct df_peer_key key;
    memcpy(&key, entry->key, sizeof(key));
    int rc = take_lines(peer, &key.ip);
    if (rc != 0) {
        peer_free(peer);
        return rc;
    }
    *made = peer;
    return 0;
}

/* The entry was published or taken out: tell the caches, and only then let go of its predecessor. */
static void changed(uint64_t hash, struct peer *old)
{
    df_stamps_bump(df_stamp_mark(DF_TABLE_PEERS, hash));
    if (old != NULL)
        df_rcu_call(&old->rcu, peer_free_rcu);
}

static int put(void *state, const struct df_entry *entry)
{
    struct peers *peers = state;
    struct peer *peer;
    if (!is_good(entry))
        return -EINVAL;
    uint64_t hash = hash_of(entry->key);
    struct peer *old = find(peers, entry->key, hash);
    if (old == NULL && peers->map.n_objects >= peers->max)
        return -ENOSPC;
    int rc = peer_new(peers, entry, hash, &peer);
    if (rc != 0)
        return rc;
    if (old != NULL)
        df_hash_map_replace(&peers->map, &old->object, &peer->object);
    else
        rc = df_hash_map_add(&peers->map, &peer->object);
    if (rc != 0) {
        peer_free(peer);
        return rc;
    }
    changed(hash, old);
    return 0;
}

static int del(void *state, const struct df_entry *entry)
{
    struct peers *peers = state;
    uint64_t hash = hash_of(entry->key);
    struct peer *old = entry->key_len == sizeof(struct df_peer_key) ? find(peers, entry->key, hash) : NULL;
    if (old == NULL)
        return -ENOENT;
    df_hash_map_del(&peers->map, &old->object);
    changed(hash, old);
    return 0;
}

static int for_each(void *state, int (*cb)(const struct df_entry *entry, uint64_t hits, void *arg), void *arg)
{
    struct peers *peers = state;
    struct df_hash_object *object;
    uint64_t at = 0;
    while ((object = df_hash_map_next(&peers->map, &at)) != NULL) {
        int stop = cb(&((struct peer *)object)->entry, 0, arg);
        if (stop != 0)
            return stop;
    }
    return 0;
}

static uint32_t count(void *state)
{
    return ((struct peers *)state)->map.n_objects;
}

/* ---- workers */

static const struct peer *find_in_walk(struct df_walk *walk, const struct df_ip *ip)
{
    const struct df_table *table = df_table(DF_TABLE_PEERS);
    struct df_peer_key key = {.ip = *ip};
    uint64_t hash = hash_of(&key);
    df_stamps_add(&walk->stamps, df_stamp_mark(DF_TABLE_PEERS, hash));
    const struct peer *peer = find(table->state, &key, hash);
    if (walk->trace != NULL)
        walk->trace->lookup(walk->trace, table, &key, sizeof(key), peer != NULL ? &peer->entry : NULL);
    return peer;
}

const struct df_peer_value *df_peers_find(struct df_walk *walk, const struct df_ip *ip)
{
    const struct peer *peer = find_in_walk(walk, ip);
    return peer != NULL ? &peer->value : NULL;
}

uint32_t df_peers_number(const struct df_ip *ip)
{
    struct df_peer_key key = {.ip = *ip};
    const struct peer *peer = find(df_table(DF_TABLE_PEERS)->state, &key, hash_of(&key));
    return peer != NULL ? peer->number : 0;
}

/*
 * The longest packet that gets to the peer: of what its network and the path carry the less. Routers asked for the
 * network's already. Tags that the guest wrote stay with the packet inside, and leave it less.
 */
static uint16_t mtu_of(struct df_walk *walk, uint16_t index)
{
    uint16_t path = df_peer_headers[index].inner_mtu;
    uint16_t network = walk->router != 0 ? walk->mtu : df_networks_mtu(walk, walk->network);
    if (path != 0)
        path = (uint16_t)(path - walk->packet.n_vlans * RTE_VLAN_HLEN);
    return df_mtu_min(network, path);
}

/*
 * The entropy reads the packet's ports, which is not noted: a flow that is cached by its address pair alone goes on
 * with that of the packet that walked, and all that is lost is how well its packets spread.
 */
static uint16_t decide(void *state, struct df_walk *walk)
{
    (void)state;
    const struct peer *peer = find_in_walk(walk, &walk->tunnel_peer);
    if (peer == NULL)
        return df_walk_drop(walk, DF_DROP_TUNNEL_UNREACHABLE);
    uint16_t index = peer->index[walk->out_tunnel_type];
    if (index == 0)
        return df_walk_drop(walk, DF_DROP_EGRESS_NO_PATH);
    if (peer->value.reachable != DF_PEER_REACHABLE)
        return df_underlay_no_way(walk, peer->value.reachable);
    uint16_t mtu = mtu_of(walk, index);
    if (!df_walk_fits(walk, mtu))
        return df_walk_too_big(walk, mtu);
    return df_walk_deliver(walk, (struct df_output){.port = peer->value.port,
                                                    .peer = index,
                                                    .entropy = df_tunnel_entropy(&walk->packet),
                                                    .tunnel_key = walk->tunnel_key,
                                                    .mtu = mtu});
}

static const struct df_field key_fields[] = {
    DF_FIELD(df_peer_key, ip, DF_FIELD_IP),
    DF_FIELD_END,
};

static const char *const reaches[] = {
    [DF_PEER_UNREACHABLE] = "no", [DF_PEER_REACHABLE] = "yes", [DF_PEER_RESOLVING] = "resolving",
    [DF_PEER_FAILED] = "failed",  [DF_PEER_HEARD] = "heard",   NULL};

static const struct df_field value_fields[] = {
    DF_FIELD(df_peer_value, local_ip, DF_FIELD_IP),
    DF_FIELD(df_peer_value, src, DF_FIELD_MAC),
    DF_FIELD(df_peer_value, dst, DF_FIELD_MAC),
    DF_FIELD(df_peer_value, port, DF_FIELD_UINT),
    DF_FIELD_NAMES(df_peer_value, reachable, reaches),
    DF_FIELD_NAMES(df_peer_value, types, df_tunnel_set_names),
    DF_FIELD(df_peer_value, vlan, DF_FIELD_UINT),
    DF_FIELD(df_peer_value, mtu, DF_FIELD_UINT),
    DF_FIELD(df_peer_value, udp6_checksum, DF_FIELD_UINT),
    DF_FIELD(df_peer_value, vtep, DF_FIELD_UINT),
    DF_FIELD_END,
};

const struct df_table_ops df_table_peers = {
    .desc = {.number = DF_TABLE_PEERS,
             .name = "peers",
             .upstream = "PEERS",
             .summary = "the nodes that tunnels lead to and come from",
             .key_size = sizeof(struct df_peer_key),
             .value_size = sizeof(struct df_peer_value),
             .order = DF_ORDER_PEERS,
             .key_fields = key_fields,
             .value_fields = value_fields},
    .init = init,
    .fini = fini,
    .put = put,
    .del = del,
    .for_each = for_each,
    .count = count,
    .decide = decide,
};
