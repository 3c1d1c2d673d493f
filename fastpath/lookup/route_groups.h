/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "fastpath/lookup/groups.h"
#include "fastpath/lookup/route_table.h"
#include "fastpath/walk.h"

/*
 * Prefixes by the id they share: the routes of a router, the prefixes of an address set.
 *
 * Invariant: workers look an address up in the id's compiled table, which points to entries. put and del change the
 * entries and note that their id is due; flush compiles one new table for each id, publishes it, bumps the id's stamp,
 * and only then retires the old table and the entries that are gone. So the prefixes of an id change all at once, at a
 * cost bounded by how many they are.
 *
 * Readers: any registered thread between two quiescent states. Writer: the control thread alone.
 */

/* How the keys of such a table end: behind the id, which is one word or two. */
struct df_route_key {
    uint32_t bits; /* 0 to 128 in the mapped form */
    struct df_ip prefix;
};

struct df_route_groups {
    struct df_groups *groups;
    uint16_t number; /* the pipeline table's: of its stamps */
};

/** For the entries of that table, at most max of them. NULL: no memory. */
struct df_route_groups *df_route_groups_new(const struct df_table_desc *desc, uint32_t max);

/** The end of an entry's key. */
static inline const struct df_route_key *df_route_key(const struct df_entry *entry)
{
    return (const void *)(entry->key + entry->key_len - sizeof(struct df_route_key));
}

/** The id of two words: of one, the second is 0. */
static inline uint64_t df_route_id(uint32_t first, uint32_t second)
{
    return (uint64_t)second << 32 | first;
}

/** Has the prefix no more bits than there are, and none set behind its end? */
bool df_route_key_is_good(const struct df_route_key *key);

/*
 * As of df_table_ops, for a table whose state is a struct df_route_groups; put and del are in force after the flush.
 * The key of what is put is good.
 */
void df_route_groups_free(void *state);
int df_route_groups_put(void *state, const struct df_entry *entry); /* -ENOSPC, -ENOMEM */
int df_route_groups_del(void *state, const struct df_entry *entry); /* -ENOENT */
int df_route_groups_flush(void *state); /* -ENOMEM: what failed to compile stays as it was until a flush succeeds */
int df_route_groups_for_each(void *state, int (*cb)(const struct df_entry *entry, uint64_t hits, void *arg), void *arg);
uint32_t df_route_groups_count(void *state);

/**
 * The entry of the id's longest prefix that has the address in it, or NULL.
 *
 * @param stamps the id's is recorded there; NULL: the caller has recorded what covers it
 */
const struct df_entry *df_route_groups_find(const struct df_route_groups *routes, struct df_stamps *stamps, uint64_t id,
                                            const struct df_ip *ip, bool ip4);
