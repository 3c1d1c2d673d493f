/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/lookup/entry_map.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static_assert(offsetof(struct df_entry_node, rcu) == 64, "what a look-up compares is one cache line");

/* What the comparison gets. */
struct wanted {
    const void *key;
    uint16_t len;
};

static struct df_entry_node *node_of(struct df_hash_object *object)
{
    return (struct df_entry_node *)object;
}

static struct df_hash_object *object_of(struct df_entry_node *node)
{
    return (struct df_hash_object *)node;
}

static bool equal(const struct df_hash_object *object, const void *key)
{
    const struct wanted *wanted = key;
    return memcmp(((const struct df_entry_node *)object)->entry.key, wanted->key, wanted->len) == 0;
}

int df_entry_map_init(struct df_entry_map *map, uint16_t key_len, uint32_t max)
{
    map->key_len = key_len;
    map->max = max;
    return df_hash_map_init(&map->map);
}

void df_entry_map_fini(struct df_entry_map *map)
{
    struct df_hash_object *object;
    uint64_t at = 0;
    if (map->map.slots == NULL)
        return; /* it was never made */
    while ((object = df_hash_map_next(&map->map, &at)) != NULL)
        free(object);
    df_hash_map_fini(&map->map);
}

static struct df_entry_node *find(const struct df_entry_map *map, const void *key, uint64_t hash)
{
    struct wanted wanted = {key, map->key_len};
    return node_of(df_hash_map_find(&map->map, hash, equal, &wanted));
}

const struct df_entry_node *df_entry_map_find(const struct df_entry_map *map, const void *key, uint64_t hash)
{
    return find(map, key, hash);
}

static struct df_entry_node *node_new(const struct df_entry *entry, uint64_t hash)
{
    size_t size = offsetof(struct df_entry_node, value) + entry->value_len;
    struct df_entry_node *node = aligned_alloc(64, (size + 63) & ~(size_t)63);
    if (node == NULL)
        return NULL;
    node->hash = hash;
    node->entry = *entry;
    node->entry.value = node->value;
    node->gone = false;
    if (entry->value_len != 0)
        memcpy(node->value, entry->value, entry->value_len);
    return node;
}

int df_entry_map_put(struct df_entry_map *map, const struct df_entry *entry, uint64_t hash,
                     struct df_entry_node **fresh, struct df_entry_node **old)
{
    *old = NULL;
    if (entry->key_len != map->key_len)
        return -EINVAL;
    struct df_entry_node *have = find(map, entry->key, hash);
    if (have == NULL && map->map.n_objects >= map->max)
        return -ENOSPC;
    struct df_entry_node *node = node_new(entry, hash);
    if (node == NULL)
        return -ENOMEM;
    if (have != NULL) {
        df_hash_map_replace(&map->map, object_of(have), object_of(node));
        have->gone = true;
        *old = have;
    } else if (df_hash_map_add(&map->map, object_of(node)) != 0) {
        free(node);
        return -ENOMEM;
    }
    if (fresh != NULL)
        *fresh = node;
    return 0;
}

int df_entry_map_del(struct df_entry_map *map, const struct df_entry *entry, uint64_t hash, struct df_entry_node **old)
{
    *old = entry->key_len == map->key_len ? find(map, entry->key, hash) : NULL;
    if (*old == NULL)
        return -ENOENT;
    df_hash_map_del(&map->map, object_of(*old));
    (*old)->gone = true;
    return 0;
}

static void node_free(struct rcu_head *head)
{
    free(caa_container_of(head, struct df_entry_node, rcu));
}

void df_entry_node_retire(struct df_entry_node *node)
{
    if (node != NULL)
        df_rcu_call(&node->rcu, node_free);
}

int df_entry_map_each(const struct df_entry_map *map, int (*cb)(const struct df_entry *entry, uint64_t hits, void *arg),
                      void *arg)
{
    struct df_hash_object *object;
    uint64_t at = 0;
    while ((object = df_hash_map_next(&map->map, &at)) != NULL) {
        int stop = cb(&node_of(object)->entry, 0, arg);
        if (stop != 0)
            return stop;
    }
    return 0;
}

uint32_t df_entry_map_count(const struct df_entry_map *map)
{
    return map->map.n_objects;
}
