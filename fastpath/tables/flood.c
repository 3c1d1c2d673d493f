/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "fastpath/lookup/groups.h"
#include "fastpath/tables/builtin.h"
#include "fastpath/tables/flood_allowance.h"
#include "fastpath/tables/flood_list.h"
#include "fastpath/tunnel/tunnel.h"

/*
 * Who hears a network's broadcast, multicast and unknown unicast: local ports, and peers (ingress replication: the node
 * of the sender makes a copy for each node that has a port of the network).
 *
 * Invariants:
 * - Workers iterate over an immutable array of a network's members, local ports first. put and del change the network's
 *   list and note that it is due; flush publishes one new array per network, bumps the network's stamp, and retires the
 *   old array. The entries themselves are read by dumps and traces only.
 * - What came by a tunnel goes to local ports alone: its sender made the copies for the other peers. So no copy is ever
 *   copied again, whatever the nodes take each other for.
 */

struct members {
    struct rcu_head rcu;
    uint32_t n;
    uint32_t n_local; /* of these, local ports */
    uint32_t n_over;  /* peers that are left out: DF_FLOOD_PEERS_MAX */
    struct df_flood_member member[];
};

struct network {
    struct df_group group;
    struct members *members; /* RCU; NULL: nobody */

    struct df_flood_list list; /* the writer's */
};

/* ---- control thread */

static int init(void **state, const struct df_table_ops *ops, uint32_t max)
{
    *state = df_groups_new(ops->desc.key_size, max);
    return *state != NULL ? 0 : -ENOMEM;
}

static void members_free(struct rcu_head *head)
{
    free(caa_container_of(head, struct members, rcu));
}

static void network_free(struct rcu_head *head)
{
    struct network *network = caa_container_of(head, struct network, group.rcu);
    free(network->list.member);
    free(network);
}

static void members_replace(struct network *network, struct members *members)
{
    struct members *old = network->members;
    df_rcu_publish(network->members, members);
    df_stamps_bump(df_stamp_mark(DF_TABLE_FLOOD, df_id_hash(network->group.id.id)));
    if (old != NULL)
        df_rcu_call(&old->rcu, members_free);
}

static void network_del(struct df_groups *networks, struct df_group *group)
{
    members_replace((struct network *)group, NULL);
    df_group_remove(networks, group, network_free);
}

static void fini(void *state)
{
    df_groups_free(state, network_del);
}

static struct df_flood_member member_of(const struct df_flood_key *key)
{
    return (struct df_flood_member){.peer = key->peer, .lport = key->lport};
}

/* A local port or a peer; and a peer by a tunnel, which a port has not. */
static bool is_good(const struct df_flood_key *key, const struct df_flood_value *value)
{
    if (key->lport != 0)
        return df_ip_is_zero(&key->peer) && value->tunnel_type == 0 && value->tunnel_key == 0;
    return !df_ip_is_zero(&key->peer) && value->tunnel_type != 0 && value->tunnel_type < DF_TUNNEL_TYPES &&
           value->tunnel_key <= df_tunnel_key_max(value->tunnel_type);
}

static int put(void *state, const struct df_entry *entry)
{
    struct df_groups *networks = state;
    struct df_entry_node *old;
    const struct df_flood_key *key = (const void *)entry->key;
    const struct df_flood_value *value = entry->value;
    if (!df_table_entry_fits(&df_table_flood.desc, entry) || !is_good(key, value))
        return -EINVAL;
    /* It is due also if the entry is refused: a network without members goes at the next flush. */
    struct network *network = df_group_get(networks, key->network, sizeof(*network));
    if (network == NULL)
        return -ENOMEM;
    int rc = df_flood_list_reserve(&network->list);
    if (rc == 0)
        rc = df_entry_map_put(&networks->entries, entry, df_hash_bytes(key, sizeof(*key)), NULL, &old);
    if (rc != 0)
        return rc;
    df_entry_node_retire(old);
    struct df_flood_member member = member_of(key);
    member.unknown = value->unknown != 0;
    member.tunnel_type = (uint8_t)value->tunnel_type;
    member.tunnel_key = value->tunnel_key;
    df_flood_list_put(&network->list, &member);
    return 0;
}

static int del(void *state, const struct df_entry *entry)
{
    struct df_groups *networks = state;
    struct df_entry_node *old;
    const struct df_flood_key *key = (const void *)entry->key;
    int rc = df_entry_map_del(&networks->entries, entry, df_hash_bytes(key, sizeof(*key)), &old);
    if (rc != 0)
        return rc;
    df_entry_node_retire(old);
    struct network *network = df_group_find(networks, key->network, df_id_hash(key->network));
    struct df_flood_member member = member_of(key);
    df_flood_list_del(&network->list, &member);
    df_group_due(networks, &network->group);
    return 0;
}

static int network_flush(struct df_groups *networks, struct df_group *group)
{
    struct network *network = (struct network *)group;
    const struct df_flood_list *list = &network->list;
    if (list->n == 0) {
        network_del(networks, group);
        return 0;
    }
    uint32_t n_local = df_flood_list_local(list);
    uint32_t n_peers = list->n - n_local;
    uint32_t n_over = n_peers > DF_FLOOD_PEERS_MAX ? n_peers - DF_FLOOD_PEERS_MAX : 0;
    size_t size = (list->n - n_over) * sizeof(list->member[0]);
    struct members *members = malloc(sizeof(*members) + size);
    if (members == NULL)
        return -ENOMEM;
    members->n = list->n - n_over;
    members->n_local = n_local;
    members->n_over = n_over;
    memcpy(members->member, list->member, size);
    members_replace(network, members);
    return 0;
}

static int flush(void *state)
{
    return df_groups_flush(state, network_flush);
}

/* ---- workers */

static const struct members *members_find(struct df_groups *networks, struct df_walk *walk)
{
    uint64_t hash = df_id_hash(walk->network);
    df_stamps_add(&walk->stamps, df_stamp_mark(DF_TABLE_FLOOD, hash));
    const struct network *network = df_group_find(networks, walk->network, hash);
    return network != NULL ? df_rcu_read(network->members) : NULL;
}

static void trace_member(struct df_groups *networks, struct df_walk *walk, const struct df_flood_member *member)
{
    struct df_flood_key key = {.network = walk->network, .lport = member->lport, .peer = member->peer};
    const struct df_entry_node *node = df_entry_map_find(&networks->entries, &key, df_hash_bytes(&key, sizeof(key)));
    df_walk_trace_entry(walk, &key, node != NULL ? &node->entry : NULL);
}

/* A copy that a node does not get, though ports are there, is counted beside the others. */
static void lose(struct df_walk *walk, enum df_drop reason)
{
    uint16_t n_outputs = walk->verdict.n_outputs;
    df_walk_deliver(walk, (struct df_output){.lost = (uint16_t)reason});
    if (walk->verdict.n_outputs != n_outputs)
        walk->verdict.n_lost++;
}

static void to_peer(struct df_walk *walk, const struct df_flood_member *member)
{
    const struct df_verdict *verdict = &walk->verdict;
    uint16_t n_outputs = verdict->n_outputs;
    walk->out_lport = 0;
    walk->out_tunnel_type = member->tunnel_type;
    walk->tunnel_key = member->tunnel_key;
    walk->tunnel_peer = member->peer;
    df_walk_from(walk, DF_TABLE_PEERS);
    if (verdict->n_outputs == n_outputs && verdict->drop != DF_DROP_NONE && verdict->drop != DF_DROP_NO_MBUF)
        lose(walk, verdict->drop);
}

/* The copies differ in where they go, and nothing that follows rewrites the packet. */
static void copy_to(struct df_groups *networks, struct df_walk *walk, const struct df_flood_member *member)
{
    if (walk->trace != NULL)
        trace_member(networks, walk, member);
    if (member->lport == 0) {
        to_peer(walk, member);
        return;
    }
    walk->out_lport = member->lport;
    df_walk_from(walk, DF_TABLE_EGRESS);
}

/* A copy that is dropped drops none of the others; a packet that has no copy is dropped for the last one's reason. */
static void finish(struct df_walk *walk, enum df_drop nobody)
{
    struct df_verdict *verdict = &walk->verdict;
    walk->out_lport = 0;
    if (verdict->kind == DF_VERDICT_HOLD) { /* all copies: they are made anew when the ports are known */
        verdict->n_outputs = 0;
        verdict->n_lost = 0;
        return;
    }
    if (verdict->n_outputs > verdict->n_lost) {
        verdict->kind = DF_VERDICT_OUTPUT;
        if (verdict->drop != DF_DROP_NO_MBUF)
            verdict->drop = DF_DROP_NONE;
        walk->uncacheable = true;
        return;
    }
    verdict->n_outputs = 0;
    verdict->n_lost = 0;
    df_walk_drop(walk, verdict->drop != DF_DROP_NONE ? verdict->drop : nobody);
}

static enum df_drop nobody_hears(const struct df_walk *walk, bool unknown)
{
    if (!unknown)
        return DF_DROP_L2_NO_MEMBER;
    return walk->tunnel_type != 0 ? DF_DROP_TUNNEL_UNKNOWN_MAC : DF_DROP_L2_UNKNOWN;
}

/* How many were tried. */
static uint32_t copy_to_all(struct df_groups *networks, struct df_walk *walk, const struct df_flood_member *member,
                            uint32_t n, bool unknown)
{
    uint32_t copies = 0;
    for (const struct df_flood_member *end = member + n; member < end; member++) {
        bool is_sender = member->lport != 0 && member->lport == walk->in_lport;
        if (is_sender || (unknown && !member->unknown))
            continue;
        copy_to(networks, walk, member);
        copies++;
        if (walk->verdict.drop == DF_DROP_NO_MBUF || walk->verdict.kind == DF_VERDICT_HOLD)
            break;
    }
    return copies;
}

static uint16_t decide(void *state, struct df_walk *walk)
{
    struct df_groups *networks = state;
    bool unknown = !df_mac_is_group(&walk->packet.eth_dst);
    bool from_peer = walk->tunnel_type != 0;
    const struct members *members = members_find(networks, walk);
    uint32_t n = members == NULL ? 0 : from_peer ? members->n_local : members->n;
    struct df_flood_allowance *limit = from_peer ? NULL : walk->floods; /* a peer's node has limited it */
    if (limit != NULL && n != 0 && !df_flood_may(limit, walk->in_port, walk->now_ms)) {
        walk->uncacheable = true;
        return df_walk_drop(walk, DF_DROP_RATE_FLOOD);
    }
    walk->flooded = true;
    if (n != 0) {
        uint32_t copies = copy_to_all(networks, walk, members->member, n, unknown);
        if (limit != NULL)
            df_flood_owe(limit, walk->in_port, copies);
    }
    if (n != 0 && !from_peer && !unknown && members->n_over != 0 && walk->verdict.kind != DF_VERDICT_HOLD)
        lose(walk, DF_DROP_FLOOD_PEER_LIMIT);
    finish(walk, nobody_hears(walk, unknown));
    return DF_TABLE_END;
}

static const struct df_field key_fields[] = {
    DF_FIELD(df_flood_key, network, DF_FIELD_UINT),
    DF_FIELD(df_flood_key, lport, DF_FIELD_UINT),
    DF_FIELD(df_flood_key, peer, DF_FIELD_IP),
    DF_FIELD_END,
};

static const struct df_field value_fields[] = {
    DF_FIELD(df_flood_value, unknown, DF_FIELD_UINT),
    DF_FIELD_NAMES(df_flood_value, tunnel_type, df_tunnel_type_names),
    DF_FIELD(df_flood_value, tunnel_key, DF_FIELD_UINT),
    DF_FIELD_END,
};

const struct df_table_ops df_table_flood = {
    .desc = {.number = DF_TABLE_FLOOD,
             .name = "flood",
             .upstream = "FLOOD",
             .summary = "who hears a network's broadcast, multicast and unknown unicast",
             .key_size = sizeof(struct df_flood_key),
             .value_size = sizeof(struct df_flood_value),
             .order = DF_ORDER_FLOOD,
             .key_fields = key_fields,
             .value_fields = value_fields},
    .init = init,
    .fini = fini,
    .put = put,
    .del = del,
    .flush = flush,
    .for_each = df_groups_for_each,
    .count = df_groups_count,
    .decide = decide,
};
