/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/lookup/route_groups.h"

#include <errno.h>
#include <stdlib.h>

struct route_group {
    struct df_group group;
    struct df_route_table *table; /* RCU; NULL: not compiled yet */

    /* The writer's. */
    uint32_t mark;                 /* of its stamp */
    struct df_entry_node **routes; /* all since the last flush, also those that are gone */
    uint32_t n, room;
};

static uint64_t id_of(const struct df_entry *entry)
{
    uint32_t word[2] = {0};
    memcpy(word, entry->key, entry->key_len - sizeof(struct df_route_key));
    return df_route_id(word[0], word[1]);
}

static uint32_t mark_of(const struct df_route_groups *routes, uint64_t hash)
{
    return df_stamp_mark(routes->number, hash);
}

struct df_route_groups *df_route_groups_new(const struct df_table_desc *desc, uint32_t max)
{
    struct df_route_groups *routes = malloc(sizeof(*routes));
    if (routes == NULL)
        return NULL;
    routes->number = desc->number;
    routes->groups = df_groups_new(desc->key_size, max);
    if (routes->groups != NULL)
        return routes;
    free(routes);
    return NULL;
}

static void group_free(struct rcu_head *head)
{
    struct route_group *group = caa_container_of(head, struct route_group, group.rcu);
    free(group->routes);
    free(group);
}

/* After this nobody finds the routes that are gone. */
static void table_replace(struct route_group *group, struct df_route_table *table)
{
    struct df_route_table *old = group->table;
    df_rcu_publish(group->table, table);
    df_stamps_bump(group->mark);
    df_route_table_retire(old);
}

/* Retires the routes that are gone; the others move together. */
static void routes_sweep(struct route_group *group)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < group->n; i++) {
        if (group->routes[i]->gone)
            df_entry_node_retire(group->routes[i]);
        else
            group->routes[kept++] = group->routes[i];
    }
    group->n = kept;
}

static void group_del(struct df_groups *groups, struct df_group *head)
{
    table_replace((struct route_group *)head, NULL);
    routes_sweep((struct route_group *)head);
    df_group_remove(groups, head, group_free);
}

void df_route_groups_free(void *state)
{
    struct df_route_groups *routes = state;
    df_groups_free(routes->groups, group_del);
    free(routes);
}

bool df_route_key_is_good(const struct df_route_key *key)
{
    if (key->bits > 128)
        return false;
    for (uint32_t bit = key->bits; bit < 128; bit++)
        if (key->prefix.byte[bit / 8] & 0x80 >> bit % 8)
            return false;
    return true;
}

static int routes_reserve(struct route_group *group)
{
    if (group->n < group->room)
        return 0;
    uint32_t room = group->room * 2 + 4;
    struct df_entry_node **routes = realloc(group->routes, room * sizeof(*routes));
    if (routes == NULL)
        return -ENOMEM;
    group->routes = routes;
    group->room = room;
    return 0;
}

int df_route_groups_put(void *state, const struct df_entry *entry)
{
    struct df_route_groups *routes = state;
    struct df_entry_node *fresh, *old;
    /* It is due also if the entry is refused: a group without routes goes at the next flush. */
    struct route_group *group = df_group_get(routes->groups, id_of(entry), sizeof(*group));
    if (group == NULL)
        return -ENOMEM;
    group->mark = mark_of(routes, group->group.id.hash.hash);
    int rc = routes_reserve(group);
    if (rc == 0)
        rc = df_entry_map_put(&routes->groups->entries, entry, df_hash_bytes(entry->key, entry->key_len), &fresh, &old);
    if (rc == 0)
        group->routes[group->n++] = fresh; /* the one it replaced is in the list, and gone */
    return rc;
}

int df_route_groups_del(void *state, const struct df_entry *entry)
{
    struct df_route_groups *routes = state;
    struct df_entry_node *old;
    int rc = df_entry_map_del(&routes->groups->entries, entry, df_hash_bytes(entry->key, entry->key_len), &old);
    if (rc == 0)
        df_group_due(routes->groups, df_group_find(routes->groups, id_of(entry), df_id_hash(id_of(entry))));
    return rc;
}

/* The routes as the compiler wants them; the caller frees. */
static struct df_route *routes_sorted(const struct route_group *group, uint32_t *n)
{
    struct df_route *routes = malloc((group->n + 1) * sizeof(*routes));
    *n = 0;
    for (uint32_t i = 0; i < group->n && routes != NULL; i++) {
        const struct df_entry_node *node = group->routes[i];
        const struct df_route_key *key = df_route_key(&node->entry);
        if (!node->gone)
            routes[(*n)++] = (struct df_route){.prefix = key->prefix, .bits = key->bits, .value = &node->entry};
    }
    if (*n > 1)
        qsort(routes, *n, sizeof(*routes), df_route_compare);
    return routes;
}

static int group_flush(struct df_groups *groups, struct df_group *head)
{
    uint32_t n;
    struct route_group *group = (struct route_group *)head;
    struct df_route_table *table = NULL;
    struct df_route *routes = routes_sorted(group, &n);
    if (routes == NULL)
        return -ENOMEM;
    int rc = n > 0 ? df_route_table_new(&table, routes, n) : 0;
    free(routes);
    if (rc != 0)
        return rc;
    if (n == 0) {
        group_del(groups, head);
        return 0;
    }
    table_replace(group, table);
    routes_sweep(group);
    return 0;
}

int df_route_groups_flush(void *state)
{
    return df_groups_flush(((struct df_route_groups *)state)->groups, group_flush);
}

int df_route_groups_for_each(void *state, int (*cb)(const struct df_entry *entry, uint64_t hits, void *arg), void *arg)
{
    return df_groups_for_each(((struct df_route_groups *)state)->groups, cb, arg);
}

uint32_t df_route_groups_count(void *state)
{
    return df_groups_count(((struct df_route_groups *)state)->groups);
}

const struct df_entry *df_route_groups_find(const struct df_route_groups *routes, struct df_stamps *stamps, uint64_t id,
                                            const struct df_ip *ip, bool ip4)
{
    uint64_t hash = df_id_hash(id);
    if (stamps != NULL)
        df_stamps_add(stamps, mark_of(routes, hash));
    const struct route_group *group = df_group_find(routes->groups, id, hash);
    const struct df_route_table *table = group != NULL ? df_rcu_read(group->table) : NULL;
    return table != NULL ? df_route_table_lookup(table, ip, ip4) : NULL;
}
