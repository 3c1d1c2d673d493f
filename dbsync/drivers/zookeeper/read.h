/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "dbsync/drivers/zookeeper/zk.h"

/* A row as it is in its node. As long as the state is pending, the log knows better. */

struct df_zk_read {
    struct df_zk_request *node;
    struct df_zk_row row; /* data points into node, or is whole */
    char *whole;          /* of a row with a tail, put together */
    bool exists, has_tail;
    bool torn; /* row and tail are of two transactions: it is being written */
};

/** Asks for the row. */
int df_zk_read_begin(struct df_zk *zk, struct df_zk_read *read, const char *table, const char *id,
                     struct df_error *error);
/** Waits for it, and for its tail when with_tail. It is no error when there is no row. */
int df_zk_read_end(struct df_zk *zk, struct df_zk_read *read, const char *table, const char *id, bool with_tail,
                   struct df_error *error);
void df_zk_read_clear(struct df_zk_read *read);

/** One row as of the last transaction; -ENOENT. */
int df_zk_get_row(struct df_zk *zk, const char *table, const char *id, df_db_row_cb cb, void *arg,
                  struct df_error *error);
