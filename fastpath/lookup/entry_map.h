/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "fastpath/lookup/hash_map.h"
#include "fastpath/pipeline.h"

/*
 * A map from keys of one size to immutable entries.
 *
 * Invariant: a reader finds an entry whole or not at all, and while a key is replaced it finds either the old entry or
 * the new one. Taking an entry out of the map does not free it: the caller does with df_entry_node_retire(), after it
 * has bumped the stamps and nothing that it published points to the entry any more.
 *
 * Readers: any registered thread between two quiescent states, lock-free. Writer: the control thread alone. At most max
 * entries.
 */

/* One entry: a cache line for the look-up, then the value. */
struct df_entry_node {
    uint64_t hash;         /* of the key: this is a struct df_hash_object */
    struct df_entry entry; /* its value points to the member of that name */
    /* next cache line */
    struct rcu_head rcu;
    bool gone; /* the writer's: taken out of the map, perhaps not retired yet */
    uint64_t value[];
} __attribute__((aligned(64)));

struct df_entry_map {
    struct df_hash_map map;
    uint32_t max;
    uint16_t key_len;
};

/** Makes a map for keys of key_len bytes. -ENOMEM. */
int df_entry_map_init(struct df_entry_map *map, uint16_t key_len, uint32_t max);

/** Frees the map with its entries, which nobody reads any more. A zeroed map is ignored. */
void df_entry_map_fini(struct df_entry_map *map);

/** hash: of the key by df_hash_bytes(). NULL: not there. */
const struct df_entry_node *df_entry_map_find(const struct df_entry_map *map, const void *key, uint64_t hash);

/**
 * Publishes a copy of the entry.
 *
 * @param fresh the copy in the map; may be NULL
 * @param old   the entry that it replaced, to be retired, or NULL
 * @return 0, -ENOSPC (max entries), -EINVAL (not a key of this map), -ENOMEM
 */
int df_entry_map_put(struct df_entry_map *map, const struct df_entry *entry, uint64_t hash,
                     struct df_entry_node **fresh, struct df_entry_node **old);

/** Takes an entry out; old is to be retired. -ENOENT. */
int df_entry_map_del(struct df_entry_map *map, const struct df_entry *entry, uint64_t hash, struct df_entry_node **old);

/** Frees an entry that was taken out after a grace period. NULL is ignored. */
void df_entry_node_retire(struct df_entry_node *node);

/** Calls cb with every entry until it returns non-zero, which is returned. hits are not counted and always 0. */
int df_entry_map_each(const struct df_entry_map *map, int (*cb)(const struct df_entry *entry, uint64_t hits, void *arg),
                      void *arg);

uint32_t df_entry_map_count(const struct df_entry_map *map);
