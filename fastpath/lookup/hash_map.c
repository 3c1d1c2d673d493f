/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/lookup/hash_map.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define FIRST_SLOTS 64

static uint64_t word_of(const struct df_hash_object *object)
{
    uint64_t place = (uint64_t)(uintptr_t)object >> 6;
    assert(((uintptr_t)object & 63) == 0 && place <= DF_HASH_PLACE);
    return place | object->hash >> DF_HASH_TAG_SHIFT << DF_HASH_TAG_SHIFT;
}

static struct df_hash_object *object_of(uint64_t word)
{
    bool none = word == DF_HASH_EMPTY || word == DF_HASH_MARK;
    return none ? NULL : (struct df_hash_object *)(uintptr_t)((word & DF_HASH_PLACE) << 6);
}

static uint64_t word_at(const struct df_hash_slots *slots, uint64_t at)
{
    return atomic_load_explicit(&slots->slot[at & slots->mask], memory_order_relaxed);
}

/* What the word leads to is complete before the word can be seen. */
static void word_set(struct df_hash_slots *slots, uint64_t at, uint64_t word)
{
    atomic_store_explicit(&slots->slot[at & slots->mask], word, memory_order_release);
}

static struct df_hash_slots *slots_new(uint64_t n)
{
    struct df_hash_slots *slots = calloc(1, sizeof(*slots) + n * sizeof(slots->slot[0]));
    if (slots != NULL)
        slots->mask = n - 1;
    return slots;
}

int df_hash_map_init(struct df_hash_map *map)
{
    *map = (struct df_hash_map){.slots = slots_new(FIRST_SLOTS)};
    return map->slots != NULL ? 0 : -ENOMEM;
}

void df_hash_map_fini(struct df_hash_map *map)
{
    free(map->slots);
    map->slots = NULL;
}

static void slots_free(struct rcu_head *head)
{
    free(caa_container_of(head, struct df_hash_slots, rcu));
}

static void fill_in(struct df_hash_slots *slots, uint64_t hash, uint64_t word)
{
    uint64_t at = hash;
    while (word_at(slots, at) != DF_HASH_EMPTY)
        at++;
    word_set(slots, at, word);
}

/* A new array, a quarter full, and without marks. */
static int rebuild(struct df_hash_map *map)
{
    uint64_t n = FIRST_SLOTS, at = 0;
    struct df_hash_slots *old = map->slots;
    const struct df_hash_object *object;
    while (n < 4ull * (map->n_objects + 1))
        n *= 2;
    struct df_hash_slots *slots = slots_new(n);
    if (slots == NULL)
        return -ENOMEM;
    while ((object = df_hash_map_next(map, &at)) != NULL)
        fill_in(slots, object->hash, word_of(object));
    df_rcu_publish(map->slots, slots);
    map->n_used = map->n_objects;
    df_rcu_call(&old->rcu, slots_free);
    return 0;
}

int df_hash_map_add(struct df_hash_map *map, struct df_hash_object *object)
{
    if (map->n_used >= (map->slots->mask + 1) / 2 && rebuild(map) != 0)
        return -ENOMEM;
    uint64_t at = object->hash;
    while (object_of(word_at(map->slots, at)) != NULL)
        at++;
    map->n_used += word_at(map->slots, at) == DF_HASH_EMPTY;
    map->n_objects++;
    word_set(map->slots, at, word_of(object));
    return 0;
}

static uint64_t place_of(const struct df_hash_map *map, const struct df_hash_object *object)
{
    uint64_t at = object->hash;
    while (object_of(word_at(map->slots, at)) != object)
        at++;
    return at;
}

void df_hash_map_replace(struct df_hash_map *map, struct df_hash_object *old, struct df_hash_object *object)
{
    word_set(map->slots, place_of(map, old), word_of(object));
}

void df_hash_map_del(struct df_hash_map *map, struct df_hash_object *object)
{
    word_set(map->slots, place_of(map, object), DF_HASH_MARK);
    map->n_objects--;
}

struct df_hash_object *df_hash_map_next(const struct df_hash_map *map, uint64_t *at)
{
    while (*at <= map->slots->mask) {
        struct df_hash_object *object = object_of(word_at(map->slots, (*at)++));
        if (object != NULL)
            return object;
    }
    return NULL;
}
