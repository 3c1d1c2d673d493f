/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "fastpath/lookup/entry_map.h"
#include "fastpath/lookup/id_map.h"

/*
 * Entries that workers read as a whole, by the number they share: the routes of a router, the members of a network.
 *
 * Invariant: put and del change entries and note that their group is due; a flush compiles each group that is due once,
 * however many of its entries changed, and publishes the outcome. A group whose compile fails stays due, with what it
 * published before still in force.
 *
 * Readers find a group by df_group_find() and read what the table published inside it by an RCU pointer; entries are
 * read by them for traces only. Writer: the control thread alone.
 */

/* First member of a table's own group. */
struct df_group {
    struct df_id_object id;
    /* The writer's. */
    bool is_due;
    struct df_group *next_due;
    struct rcu_head rcu; /* to free it by, once it is out of the map */
};

struct df_groups {
    struct df_entry_map entries;
    struct df_hash_map map; /* of groups, by id */
    struct df_group *due;   /* changed since the last flush */
};

/** For entries with keys of key_len bytes, at most max of them. NULL: no memory. */
struct df_groups *df_groups_new(uint16_t key_len, uint32_t max);

/** Calls del, which takes the group out by df_group_remove(), with each group; then frees the entries and groups. */
void df_groups_free(struct df_groups *groups, void (*del)(struct df_groups *groups, struct df_group *group));

/** The group of that id, or NULL. hash: df_id_hash(id). */
static inline void *df_group_find(const struct df_groups *groups, uint64_t id, uint64_t hash)
{
    return df_id_map_find(&groups->map, id, hash);
}

/** The group of that id, made with size zeroed bytes if need be, and due; NULL: no memory. */
void *df_group_get(struct df_groups *groups, uint64_t id, size_t size);

/** Notes that the group changed. */
void df_group_due(struct df_groups *groups, struct df_group *group);

/** Takes the group out of the map and frees it by fn after a grace period. */
void df_group_remove(struct df_groups *groups, struct df_group *group, void (*fn)(struct rcu_head *head));

/** Calls flush with each group that is due, until one fails: its code is returned, and the group stays due. */
int df_groups_flush(struct df_groups *groups, int (*flush)(struct df_groups *groups, struct df_group *group));

/* for_each and count of df_table_ops, for a table whose state is a struct df_groups. */
int df_groups_for_each(void *state, int (*cb)(const struct df_entry *entry, uint64_t hits, void *arg), void *arg);
uint32_t df_groups_count(void *state);
