/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/lookup/groups.h"

#include <stdlib.h>

struct df_groups *df_groups_new(uint16_t key_len, uint32_t max)
{
    struct df_groups *groups = calloc(1, sizeof(*groups));
    if (groups == NULL)
        return NULL;
    if (df_entry_map_init(&groups->entries, key_len, max) == 0 && df_hash_map_init(&groups->map) == 0)
        return groups;
    df_entry_map_fini(&groups->entries);
    free(groups);
    return NULL;
}

void df_groups_free(struct df_groups *groups, void (*del)(struct df_groups *groups, struct df_group *group))
{
    struct df_group *group;
    uint64_t at = 0;
    while ((group = (struct df_group *)df_hash_map_next(&groups->map, &at)) != NULL)
        del(groups, group);
    df_hash_map_fini(&groups->map);
    df_entry_map_fini(&groups->entries);
    free(groups);
}

void df_group_due(struct df_groups *groups, struct df_group *group)
{
    if (group->is_due)
        return;
    group->is_due = true;
    group->next_due = groups->due;
    groups->due = group;
}

void *df_group_get(struct df_groups *groups, uint64_t id, size_t size)
{
    struct df_group *group = df_group_find(groups, id, df_id_hash(id));
    if (group == NULL)
        group = df_id_map_add(&groups->map, id, size);
    if (group != NULL)
        df_group_due(groups, group);
    return group;
}

void df_group_remove(struct df_groups *groups, struct df_group *group, void (*fn)(struct rcu_head *head))
{
    df_hash_map_del(&groups->map, &group->id.hash);
    df_rcu_call(&group->rcu, fn);
}

int df_groups_flush(struct df_groups *groups, int (*flush)(struct df_groups *groups, struct df_group *group))
{
    while (groups->due != NULL) {
        struct df_group *group = groups->due;
        struct df_group *next = group->next_due;
        group->is_due = false;
        int rc = flush(groups, group);
        if (rc != 0) {
            group->is_due = true;
            return rc;
        }
        groups->due = next;
    }
    return 0;
}

int df_groups_for_each(void *state, int (*cb)(const struct df_entry *entry, uint64_t hits, void *arg), void *arg)
{
    return df_entry_map_each(&((struct df_groups *)state)->entries, cb, arg);
}

uint32_t df_groups_count(void *state)
{
    return df_entry_map_count(&((struct df_groups *)state)->entries);
}
