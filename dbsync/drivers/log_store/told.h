/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "dbsync/drivers/log_store/body.h"

/* The leases as a watcher was told of them: of a database that gives their list, what changed in it is told. */

struct df_told_lease {
    char name[DF_BODY_NAME_MAX + 1], owner[DF_BODY_NAME_MAX + 1];
};

struct df_told {
    struct df_told_lease *leases; /* sorted by name and owner */
    size_t n;
};

/** Adds to a list. @return 0 or -ENOMEM */
int df_told_add(struct df_told *list, const char *name, const char *owner);

/**
 * Tells how list differs from what was told, with this revision, and makes it what was told. list is sorted here.
 * @return 0, what cb returned (what was told until there is remembered), -ENOMEM
 */
int df_told_tell(struct df_told *told, struct df_told *list, uint64_t revision, df_db_row_cb cb, void *arg);

/** Whether two lists, which are sorted here, are of the same leases. */
bool df_told_same(struct df_told *a, struct df_told *b);

void df_told_clear(struct df_told *told);
