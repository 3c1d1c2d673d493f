/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "fastpath/lookup/groups.h"
#include "fastpath/tables/builtin.h"

/*
 * The ports that hear a network's broadcast, multicast and unknown unicast.
 *
 * Invariant: workers iterate over an immutable array of a network's members. put and del change the network's list and
 * note that it is due; flush publishes one new array per network, bumps the network's stamp, and retires the old array.
 * The entries themselves are read by dumps and traces only.
 */

struct member {
    uint32_t lport;
    uint32_t unknown; /* takes unknown unicast too */
};

struct members {
    struct rcu_head rcu;
    uint32_t n;
    struct member member[];
};

struct network {
    struct df_group group;
    struct members *members; /* RCU; NULL: nobody */

    /* The writer's. */
    struct member *list; /* sorted by lport */
    uint32_t n, room;
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
    free(network->list);
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

/* Where lport is in the list, or belongs. */
static uint32_t list_place(const struct network *network, uint32_t lport)
{
    uint32_t low = 0, high = network->n;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (network->list[middle].lport < lport)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool list_has_at(const struct network *network, uint32_t place, uint32_t lport)
{
    return place < network->n && network->list[place].lport == lport;
}

static int list_reserve(struct network *network)
{
    if (network->n < network->room)
        return 0;
    uint32_t room = network->room * 2 + 4;
    struct member *list = realloc(network->list, room * sizeof(*list));
    if (list == NULL)
        return -ENOMEM;
    network->list = list;
    network->room = room;
    return 0;
}

static void list_put(struct network *network, struct member member)
{
    uint32_t place = list_place(network, member.lport);
    struct member *at = &network->list[place];
    if (!list_has_at(network, place, member.lport)) {
        memmove(at + 1, at, (network->n - place) * sizeof(*at));
        network->n++;
    }
    *at = member;
}

static void list_del(struct network *network, uint32_t lport)
{
    uint32_t place = list_place(network, lport);
    if (!list_has_at(network, place, lport))
        return;
    network->n--;
    memmove(&network->list[place], &network->list[place + 1], (network->n - place) * sizeof(network->list[0]));
}

static int put(void *state, const struct df_entry *entry)
{
    struct df_groups *networks = state;
    struct df_entry_node *old;
    if (!df_table_entry_fits(&df_table_flood.desc, entry))
        return -EINVAL;
    const struct df_flood_key *key = (const void *)entry->key;
    const struct df_flood_value *value = entry->value;
    /* It is due also if the entry is refused: a network without members goes at the next flush. */
    struct network *network = df_group_get(networks, key->network, sizeof(*network));
    if (network == NULL)
        return -ENOMEM;
    int rc = list_reserve(network);
    if (rc == 0)
        rc = df_entry_map_put(&networks->entries, entry, df_hash_bytes(key, sizeof(*key)), NULL, &old);
    if (rc != 0)
        return rc;
    df_entry_node_retire(old);
    list_put(network, (struct member){key->lport, value->unknown});
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
    list_del(network, key->lport);
    df_group_due(networks, &network->group);
    return 0;
}

static int network_flush(struct df_groups *networks, struct df_group *group)
{
    struct network *network = (struct network *)group;
    if (network->n == 0) {
        network_del(networks, group);
        return 0;
    }
    size_t size = network->n * sizeof(network->list[0]);
    struct members *members = malloc(sizeof(*members) + size);
    if (members == NULL)
        return -ENOMEM;
    members->n = network->n;
    memcpy(members->member, network->list, size);
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

static void trace_member(struct df_groups *networks, struct df_walk *walk, const struct member *member)
{
    struct df_flood_key key = {.network = walk->network, .lport = member->lport};
    const struct df_entry_node *node = df_entry_map_find(&networks->entries, &key, df_hash_bytes(&key, sizeof(key)));
    df_walk_trace_entry(walk, &key, node != NULL ? &node->entry : NULL);
}

/* The copies differ in where they go, and nothing that follows rewrites the packet. */
static void copy_to(struct df_groups *networks, struct df_walk *walk, const struct member *member)
{
    if (walk->trace != NULL)
        trace_member(networks, walk, member);
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
        return;
    }
    if (verdict->n_outputs > 0) {
        verdict->kind = DF_VERDICT_OUTPUT;
        if (verdict->drop != DF_DROP_NO_MBUF)
            verdict->drop = DF_DROP_NONE;
        walk->uncacheable = true;
    } else if (verdict->drop == DF_DROP_NONE) {
        df_walk_drop(walk, nobody);
    }
}

static enum df_drop nobody_hears(const struct df_walk *walk, bool unknown)
{
    if (!unknown)
        return DF_DROP_L2_NO_MEMBER;
    return walk->tunnel_type != 0 ? DF_DROP_TUNNEL_UNKNOWN_MAC : DF_DROP_L2_UNKNOWN;
}

static uint16_t decide(void *state, struct df_walk *walk)
{
    struct df_groups *networks = state;
    bool unknown = !df_mac_is_group(&walk->packet.eth_dst);
    const struct members *members = members_find(networks, walk);
    walk->flooded = true;
    for (uint32_t i = 0; members != NULL && i < members->n; i++) {
        const struct member *member = &members->member[i];
        if (member->lport == walk->in_lport || (unknown && !member->unknown))
            continue;
        copy_to(networks, walk, member);
        if (walk->verdict.drop == DF_DROP_NO_MBUF || walk->verdict.kind == DF_VERDICT_HOLD)
            break;
    }
    finish(walk, nobody_hears(walk, unknown));
    return DF_TABLE_END;
}

static const struct df_field key_fields[] = {
    DF_FIELD(df_flood_key, network, DF_FIELD_UINT),
    DF_FIELD(df_flood_key, lport, DF_FIELD_UINT),
    DF_FIELD_END,
};

static const struct df_field value_fields[] = {
    DF_FIELD(df_flood_value, unknown, DF_FIELD_UINT),
    DF_FIELD_END,
};

const struct df_table_ops df_table_flood = {
    .desc = {.number = DF_TABLE_FLOOD,
             .name = "flood",
             .upstream = "FLOOD",
             .summary = "which ports hear a network's broadcast, multicast and unknown unicast",
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
