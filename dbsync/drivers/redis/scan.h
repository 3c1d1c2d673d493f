/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "dbsync/driver.h"
#include "dbsync/drivers/redis/reply.h"

/*
 * Rows, read page by page so that no other client waits for long, and kept until all are there. Pages are read while
 * others write; what a page shows may be of any moment in between, and what is changed in between may be missed or be
 * there twice. So the log is read after the last page, from the revision of before the first one, and its changes are
 * applied: then the rows are those of the revision where the log ends. For `follow` this is not needed, since the watch
 * goes on from a revision of before.
 */

struct df_redis_scan;

int df_redis_scan_new(struct df_db *db, struct df_redis_scan **scan, struct df_error *error);
/** NULL does nothing. */
void df_redis_scan_free(struct df_redis_scan *scan);

/** Reads all rows, or those of a topic. */
int df_redis_scan_rows(struct df_redis_scan *scan, const char *topic, struct df_error *error);

/** Tells all; returns what cb returned. */
int df_redis_scan_tell(const struct df_redis_scan *scan, df_db_row_cb cb, void *arg);

/** One page, as HSCAN answers it; *cursor is the next one's. @return 0; -EPROTO; -ENOMEM; for tests without a server */
int df_redis_scan_page(struct df_redis_scan *scan, const redisReply *reply, char cursor[24], struct df_error *error);
