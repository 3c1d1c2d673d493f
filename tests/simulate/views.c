/* SPDX-License-Identifier: Apache-2.0 */
#include "views.h"

#include "control/datapath/null.h"
#include "control/model/alloc.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* An entry as one number. */
struct view {
    uint64_t *hashes;
    size_t n, room;
    struct df_controller *controller;
};

static uint64_t hash(uint64_t seed, const void *data, size_t len)
{
    const unsigned char *at = data;
    for (size_t i = 0; i < len; i++)
        seed = (seed ^ at[i]) * 0x100000001b3u;
    return seed;
}

/* What a key's first number stands for, where the controller gave it out. */
static const char *group_of(struct df_controller *controller, const struct df_entry *entry)
{
    uint32_t number;
    memcpy(&number, entry->key, sizeof(number));
    return df_controller_group_name(controller, number);
}

/* Does the value speak of nothing but the model? */
static bool is_plain(uint16_t table)
{
    switch (table) {
    case DF_TABLE_EGRESS_CONNTRACK:
    case DF_TABLE_INGRESS_CONNTRACK:
    case DF_TABLE_EGRESS_SECURITY_GROUP:
    case DF_TABLE_INGRESS_SECURITY_GROUP:
    case DF_TABLE_DISPATCH:
        return false;
    default:
        return true;
    }
}

static int add(const struct df_entry *entry, uint64_t hits, void *arg)
{
    struct view *view = arg;
    uint64_t sum = hash(0xcbf29ce484222325u, &entry->table, sizeof(entry->table));
    size_t from = 0;
    (void)hits;
    switch (entry->table) {
    case DF_TABLE_CLASSIFICATION: /* its key is a port, which a value names */
        from = entry->key_len;
        break;
    case DF_TABLE_EGRESS_SECURITY_GROUP:
    case DF_TABLE_INGRESS_SECURITY_GROUP:
    case DF_TABLE_ADDRESS_SET: {
        const char *name = group_of(view->controller, entry);
        sum = name ? hash(sum, name, strlen(name)) : sum;
        from = sizeof(uint32_t);
        break;
    }
    default:
        break;
    }
    sum = hash(sum, entry->key + from, entry->key_len - from);
    sum = is_plain(entry->table) ? hash(sum, entry->value, entry->value_len)
                                 : hash(sum, &entry->value_len, sizeof(entry->value_len));
    if (view->n == view->room) {
        view->room = view->room ? 2 * view->room : 1024;
        view->hashes = df_realloc(view->hashes, view->room * sizeof(*view->hashes));
    }
    view->hashes[view->n++] = sum;
    return 0;
}

static int compare(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

static struct view view_of(struct df_controller *controller, struct df_datapath *dp)
{
    struct view view = {.controller = controller};
    for (uint16_t table = 0; table <= DF_TABLE_MAX; table++)
        if (dp->ops->count(dp, table) > 0)
            dp->ops->for_each(dp, table, add, &view);
    if (view.n)
        qsort(view.hashes, view.n, sizeof(*view.hashes), compare);
    return view;
}

static void take(struct df_nb_change *change, void *arg)
{
    df_controller_change(arg, change);
}

/* Tells the twin the whole cloud. */
static int tell_all(struct df_controller *twin, struct df_nb *nb)
{
    struct df_error error;
    df_nb_resync(nb);
    int rc = df_nb_sync(nb, take, twin, &error);
    if (rc < 0)
        fprintf(stderr, "simulate: %s\n", error.text);
    else
        df_controller_settle(twin);
    return rc < 0 ? rc : 0;
}

static void print_tables(const struct farm_node *node, struct df_datapath *dp)
{
    for (uint16_t table = 0; table <= DF_TABLE_MAX; table++) {
        uint32_t has = node->dp->ops->count(node->dp, table), wants = dp->ops->count(dp, table);
        if (has != wants)
            fprintf(stderr, "simulate: node %u: table %u has %" PRIu32 " entries and should have %" PRIu32 "\n",
                    node->number, table, has, wants);
    }
}

static bool is_as_it_should_be(struct farm *farm, unsigned i, struct df_nb *nb)
{
    struct farm_node node = farm_node(farm, i);
    size_t changed = df_controller_recompile(node.controller);
    if (changed)
        fprintf(stderr, "simulate: node %u: compiling all again changed %zu entries\n", node.number, changed);
    struct df_datapath *dp = df_datapath_null_open();
    struct df_controller *twin = farm_twin(farm, i, dp);
    bool same = false;
    if (twin && tell_all(twin, nb) == 0) {
        struct view has = view_of(node.controller, node.dp), wants = view_of(twin, dp);
        same = has.n > 0 && has.n == wants.n && memcmp(has.hashes, wants.hashes, has.n * sizeof(*has.hashes)) == 0;
        if (!same)
            fprintf(stderr, "simulate: node %u: it has %zu entries, one that hears of all has %zu, and they differ\n",
                    node.number, has.n, wants.n);
        if (!same)
            print_tables(&node, dp);
        free(has.hashes);
        free(wants.hashes);
    }
    df_controller_free(twin);
    dp->ops->close(dp);
    return same && changed == 0;
}

unsigned views_check(struct farm *farm, struct df_nb *nb)
{
    unsigned wrong = 0;
    for (unsigned i = 0; i < farm_size(farm); i++)
        wrong += !is_as_it_should_be(farm, i, nb);
    return wrong;
}
