/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "fastpath/lookup/hash_map.h"

/*
 * A map from a number by which the model's objects are named (a unique_key, or two numbers in one) to what a table
 * keeps for it.
 *
 * Invariant: an object stays in the map from df_id_map_add() to df_hash_map_del(); what workers read of it is an RCU
 * pointer inside it, so that it changes without leaving the map.
 *
 * Readers: any registered thread between two quiescent states, lock-free. Writer: the control thread alone, which frees
 * a deleted object with df_rcu_call().
 */

/* First member of the object. */
struct df_id_object {
    struct df_hash_object hash;
    uint64_t id;
};

static inline uint64_t df_id_hash(uint64_t id)
{
    return df_hash_bytes(&id, sizeof(id));
}

static inline bool df_id_equal(const struct df_hash_object *object, const void *id)
{
    return ((const struct df_id_object *)object)->id == *(const uint64_t *)id;
}

/** hash: df_id_hash(id). NULL: not there. */
static inline void *df_id_map_find(const struct df_hash_map *map, uint64_t id, uint64_t hash)
{
    return df_hash_map_find(map, hash, df_id_equal, &id);
}

/** A zeroed object of that size for id, in the map; NULL: no memory. id is not in the map yet. */
void *df_id_map_add(struct df_hash_map *map, uint64_t id, size_t size);
