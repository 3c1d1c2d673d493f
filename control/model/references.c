/* SPDX-License-Identifier: Apache-2.0 */
#include "control/model/references.h"

#include <stdlib.h>
#include <string.h>

#include "control/model/alloc.h"

#define FIELD_MAX 256

struct entering {
    struct df_object *from;
    struct df_reference_names *names;
};

/* "ports[2].lswitch" and "ports[3].lswitch" are one field. */
static void strip_indexes(char *field, const char *path)
{
    size_t n = 0;
    for (bool index = false; *path && n < FIELD_MAX - 1; path++) {
        if (*path == '[')
            index = true;
        if (!index)
            field[n++] = *path;
        if (*path == ']')
            index = false;
    }
    field[n] = '\0';
}

static uint16_t number_of(struct df_reference_names *names, enum df_nb_table table, const char *field)
{
    for (uint16_t i = 0; i < names->n; i++)
        if (names->name[i].table == table && strcmp(names->name[i].field, field) == 0)
            return i;
    names->name = df_realloc(names->name, (names->n + 1u) * sizeof(*names->name));
    names->name[names->n] = (struct df_reference_name){table, df_strdup(field)};
    return names->n++;
}

static void forget_order(struct df_referrers *set)
{
    free(set->sorted);
    set->sorted = NULL;
}

struct df_referrers *df_references_set(struct df_object *object, enum df_nb_table table, const char *field,
                                       struct df_reference_names *names)
{
    uint16_t number = number_of(names, table, field);
    struct df_referrers *set = object->referrers;
    while (set && set->field != number)
        set = set->next;
    if (set)
        return set;
    set = df_alloc(sizeof(*set));
    set->field = number;
    set->next = object->referrers;
    object->referrers = set;
    return set;
}

static void enter(const char *path, enum df_nb_table table, const char *id, void *arg)
{
    struct entering *entering = arg;
    struct df_object *from = entering->from;
    char field[FIELD_MAX];
    if (!id || !*id)
        return;
    strip_indexes(field, path);
    struct df_object *to = df_store_want(from->store, table, id);
    struct df_referrers *set = df_references_set(to, from->table, field, entering->names);
    struct df_reference *reference = df_alloc(sizeof(*reference));

    *reference = (struct df_reference){.next = set->first, .link = &set->first, .from = from, .to = to, .set = set};
    if (set->first)
        set->first->link = &reference->next;
    set->first = reference;
    set->n++;
    forget_order(set);
    reference->sibling = from->refers;
    from->refers = reference;
}

void df_references_enter(struct df_object *object, struct df_reference_names *names)
{
    struct entering entering = {object, names};
    df_schema_references(object->table, object->message, enter, &entering);
}

void df_references_leave(struct df_object *object)
{
    while (object->refers) {
        struct df_reference *reference = object->refers;
        object->refers = reference->sibling;
        *reference->link = reference->next;
        if (reference->next)
            reference->next->link = reference->link;
        reference->set->n--;
        forget_order(reference->set);
        /* The object itself is being changed and is trimmed by who changes it. */
        if (reference->to != object)
            df_object_trim(reference->to);
        free(reference);
    }
}

void df_references_fire(struct df_object *object)
{
    for (struct df_reference *reference = object->refers; reference; reference = reference->sibling)
        df_watched_fire(&reference->set->watched);
}

void df_references_trim(struct df_object *object)
{
    struct df_referrers **at = &object->referrers;
    while (*at) {
        struct df_referrers *set = *at;
        if (set->first || set->watched.first) {
            at = &set->next;
            continue;
        }
        *at = set->next;
        forget_order(set);
        free(set);
    }
}

void df_reference_names_free(struct df_reference_names *names)
{
    for (uint16_t i = 0; i < names->n; i++)
        free(names->name[i].field);
    free(names->name);
}

static int by_id(const void *a, const void *b)
{
    return strcmp((*(struct df_object *const *)a)->id, (*(struct df_object *const *)b)->id);
}

void df_referrers_each(const struct df_referrers *set, void (*cb)(struct df_object *from, void *arg), void *arg)
{
    for (const struct df_reference *reference = set->first; reference; reference = reference->next)
        cb(reference->from, arg);
}

struct df_object *const *df_referrers_sorted(struct df_referrers *set, size_t *n)
{
    if (!set->sorted && set->n) {
        set->sorted = df_alloc(set->n * sizeof(*set->sorted));
        size_t filled = 0;
        for (struct df_reference *reference = set->first; reference; reference = reference->next)
            set->sorted[filled++] = reference->from;
        qsort(set->sorted, filled, sizeof(*set->sorted), by_id);
        set->n_sorted = 0;
        for (size_t i = 0; i < filled; i++)
            if (i == 0 || set->sorted[i] != set->sorted[i - 1])
                set->sorted[set->n_sorted++] = set->sorted[i];
    }
    *n = set->n ? set->n_sorted : 0;
    return set->sorted;
}
