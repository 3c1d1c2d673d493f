/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>

#include "fastpath/lookup/entry_map.h"
#include "fastpath/lookup/hash.h"
#include "fastpath/tables/table.h"

/* The exact-match table: a map whose entries come with stamps. */
struct exact {
    struct df_entry_map map;
    const struct df_table_ops *ops;
};

int df_exact_init(void **state, const struct df_table_ops *ops, uint32_t max)
{
    struct exact *exact = malloc(sizeof(*exact));
    if (exact == NULL)
        return -ENOMEM;
    exact->ops = ops;
    int rc = df_entry_map_init(&exact->map, ops->desc.key_size, max);
    if (rc != 0) {
        free(exact);
        return rc;
    }
    *state = exact;
    return 0;
}

void df_exact_fini(void *state)
{
    struct exact *exact = state;
    df_entry_map_fini(&exact->map);
    free(exact);
}

/* The entry has been published or taken out: tell the caches, and only then let go of its predecessor. */
static void changed(const struct exact *exact, uint64_t hash, struct df_entry_node *old)
{
    df_stamps_bump(df_stamp_mark(exact->ops->desc.number, hash));
    df_entry_node_retire(old);
}

int df_exact_put(void *state, const struct df_entry *entry)
{
    struct exact *exact = state;
    struct df_entry_node *old;
    if (!df_table_entry_fits(&exact->ops->desc, entry))
        return -EINVAL;
    uint64_t hash = df_hash_bytes(entry->key, entry->key_len);
    int rc = df_entry_map_put(&exact->map, entry, hash, NULL, &old);
    if (rc == 0)
        changed(exact, hash, old);
    return rc;
}

int df_exact_del(void *state, const struct df_entry *entry)
{
    struct exact *exact = state;
    struct df_entry_node *old;
    if (entry->key_len != exact->ops->desc.key_size)
        return -ENOENT;
    uint64_t hash = df_hash_bytes(entry->key, entry->key_len);
    int rc = df_entry_map_del(&exact->map, entry, hash, &old);
    if (rc == 0)
        changed(exact, hash, old);
    return rc;
}

int df_exact_for_each(void *state, int (*cb)(const struct df_entry *entry, uint64_t hits, void *arg), void *arg)
{
    return df_entry_map_each(&((struct exact *)state)->map, cb, arg);
}

uint32_t df_exact_count(void *state)
{
    return df_entry_map_count(&((struct exact *)state)->map);
}

const void *df_exact_find(void *state, struct df_walk *walk, const void *key, uint32_t *value_len)
{
    struct exact *exact = state;
    const struct df_table_desc *desc = &exact->ops->desc;
    uint64_t hash = df_hash_bytes(key, desc->key_size);
    df_stamps_add(&walk->stamps, df_stamp_mark(desc->number, hash));
    const struct df_entry_node *node = df_entry_map_find(&exact->map, key, hash);
    if (walk->trace != NULL)
        df_walk_trace_entry(walk, key, node != NULL ? &node->entry : NULL);
    if (node == NULL)
        return NULL;
    if (value_len != NULL)
        *value_len = node->entry.value_len;
    return node->value;
}
