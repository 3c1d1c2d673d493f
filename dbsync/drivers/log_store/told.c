/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/log_store/told.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
    const struct df_told_lease *x = a, *y = b;
    int rc = strcmp(x->name, y->name);
    return rc ? rc : strcmp(x->owner, y->owner);
}

static void sort(struct df_told *list)
{
    if (list->n)
        qsort(list->leases, list->n, sizeof *list->leases, compare);
}

static bool has(const struct df_told *list, size_t n, const struct df_told_lease *lease)
{
    return n && bsearch(lease, list->leases, n, sizeof *lease, compare);
}

static int tell(const struct df_told_lease *lease, bool held, uint64_t revision, df_db_row_cb cb, void *arg)
{
    struct df_db_row row = {.table = DF_DB_LEASES, .id = lease->name, .revision = revision};
    if (held) {
        row.data = lease->owner;
        row.len = strlen(lease->owner);
    }
    return cb(&row, arg);
}

int df_told_add(struct df_told *list, const char *name, const char *owner)
{
    struct df_told_lease *leases = realloc(list->leases, (list->n + 1) * sizeof *leases);
    if (!leases)
        return -ENOMEM;
    list->leases = leases;
    leases[list->n] = (struct df_told_lease){0};
    snprintf(leases[list->n].name, sizeof leases[list->n].name, "%s", name);
    snprintf(leases[list->n].owner, sizeof leases[list->n].owner, "%s", owner);
    list->n++;
    return 0;
}

/* What went is told before what came: a lease that changed hands is a delete and a set. */
int df_told_tell(struct df_told *told, struct df_told *list, uint64_t revision, df_db_row_cb cb, void *arg)
{
    int rc = 0;
    sort(list);
    for (size_t i = told->n; i-- > 0 && rc == 0;)
        if (!has(list, list->n, &told->leases[i])) {
            rc = tell(&told->leases[i], false, revision, cb, arg);
            if (rc == 0)
                memmove(&told->leases[i], &told->leases[i + 1], (--told->n - i) * sizeof *told->leases);
        }
    size_t before = told->n;
    for (size_t i = 0; i < list->n && rc == 0; i++)
        if (!has(told, before, &list->leases[i])) {
            rc = tell(&list->leases[i], true, revision, cb, arg);
            if (rc == 0)
                rc = df_told_add(told, list->leases[i].name, list->leases[i].owner);
        }
    sort(told);
    return rc;
}

bool df_told_same(struct df_told *a, struct df_told *b)
{
    sort(a);
    sort(b);
    return a->n == b->n && (a->n == 0 || memcmp(a->leases, b->leases, a->n * sizeof *a->leases) == 0);
}

void df_told_clear(struct df_told *told)
{
    free(told->leases);
    *told = (struct df_told){0};
}
