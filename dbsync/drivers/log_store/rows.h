/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "dbsync/driver.h"

/*
 * The rows of a snapshot in the making: read while they may change, then brought to one revision by the transactions
 * that were committed in the meantime. Functions return -ENOMEM without a text.
 */

struct df_rows {
    struct df_rows_item *items;
};

/** Adds a row as it was read, with a copy of everything. torn: half of it was read, and a transaction must bring it. */
int df_rows_add(struct df_rows *rows, const struct df_db_row *row, bool torn);

/** A df_db_row_cb: what a transaction did, in order. Older than what was read: nothing. */
int df_rows_change(const struct df_db_row *row, void *rows);

/** The id of a row of which only half was read, or NULL. */
const char *df_rows_torn(const struct df_rows *rows);

/** Tells all of them. @return 0 or what cb returned */
int df_rows_tell(const struct df_rows *rows, df_db_row_cb cb, void *arg);

void df_rows_clear(struct df_rows *rows);
