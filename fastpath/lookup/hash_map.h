/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "fastpath/lookup/hash.h"
#include "fastpath/rcu.h"

/*
 * A hash map from keys to objects, for many readers and one writer.
 *
 * Motivation: a walk makes eight look-ups, each of which should cost one cache miss for the map and one for the object.
 * With liburcu's cds_lfht, made for concurrent writers that we do not have, the whole walk takes 12 to 30 % longer
 * (docs/performance.md).
 *
 * Invariant: an object that is in the map is found by every look-up, also while others come and go and while the map
 * grows. It is an array of words, at most half of them used, searched from the hash's place on until an empty one. A
 * word holds where the object is and 13 bits of its hash, so that another object is hardly ever touched. Taking an
 * object out leaves a mark behind, for the searches that go past it. When the array gets too full, the writer fills a
 * new one and publishes it; the old one, and what was taken out, live on for the readers until a grace period is over.
 *
 * Readers: any registered thread between two quiescent states; they neither wait nor write. Writer: the control thread
 * alone, online. Growing costs it a few nanoseconds per object, each time the number of objects doubles.
 */

/* First member of each object. */
struct df_hash_object {
    uint64_t hash; /* of its key, set before it is put into the map */
} __attribute__((aligned(64)));

struct df_hash_slots {
    struct rcu_head rcu;
    uint64_t mask; /* slots - 1 */
    _Atomic uint64_t slot[];
};

struct df_hash_map {
    struct df_hash_slots *slots;
    /* The writer's. */
    uint32_t n_objects;
    uint32_t n_used; /* objects and marks */
};

/* Objects are aligned to 64 bytes and addresses have 57 bits at most: 51 for where it is, 13 for the hash. */
#define DF_HASH_TAG_SHIFT 51
#define DF_HASH_PLACE ((1ull << DF_HASH_TAG_SHIFT) - 1)
#define DF_HASH_EMPTY 0ull
#define DF_HASH_MARK 1ull /* where something was taken out: no object is there */

int df_hash_map_init(struct df_hash_map *map); /* -ENOMEM */

/** Frees the map, which nobody reads; the objects are the caller's. */
void df_hash_map_fini(struct df_hash_map *map);

/** Puts an object into the map whose key is not there yet. -ENOMEM. */
int df_hash_map_add(struct df_hash_map *map, struct df_hash_object *object);

/** Puts an object in the place of one with the same key; a look-up finds one or the other. */
void df_hash_map_replace(struct df_hash_map *map, struct df_hash_object *old, struct df_hash_object *object);

/** Takes an object out, which is in the map. */
void df_hash_map_del(struct df_hash_map *map, struct df_hash_object *object);

/** The object of that hash and key, or NULL. equal compares the key; it is inlined into the look-up. */
static inline __attribute__((always_inline)) struct df_hash_object *
df_hash_map_find(const struct df_hash_map *map, uint64_t hash,
                 bool (*equal)(const struct df_hash_object *object, const void *key), const void *key)
{
    const struct df_hash_slots *slots = df_rcu_read(map->slots);
    for (uint64_t at = hash;; at++) {
        uint64_t word = atomic_load_explicit(&slots->slot[at & slots->mask], memory_order_acquire);
        if (word == DF_HASH_EMPTY)
            return NULL;
        if (word >> DF_HASH_TAG_SHIFT != hash >> DF_HASH_TAG_SHIFT || word == DF_HASH_MARK)
            continue;
        struct df_hash_object *object = (struct df_hash_object *)(uintptr_t)((word & DF_HASH_PLACE) << 6);
        __builtin_prefetch((const uint8_t *)object + 64); /* most entries go on there */
        if (object->hash == hash && equal(object, key))
            return object;
    }
}

/** The next object from slot *at on, or NULL; begin with *at = 0. The writer; nothing may change in between. */
struct df_hash_object *df_hash_map_next(const struct df_hash_map *map, uint64_t *at);
