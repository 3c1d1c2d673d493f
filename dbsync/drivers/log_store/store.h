/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "dbsync/drivers/log_store/kv.h"

/*
 * The contract of driver.h made of a key-value store (kv.h): record.h says how. These are the functions of a driver but
 * for open(), which says what store it is. A handle has a thread of its own once it is watched, with a connection of
 * its own, that reads the log for it.
 *
 * Two things are weaker than where the database helps, and the drivers' documentation says so: a lease is judged dead
 * by the clock of who looks, so each watcher reads the holders' beats; and a client that sleeps in the middle of a
 * commit for as long as the whole log covers may write a row again that was deleted since.
 */

int df_log_store_open(const struct df_kv_ops *ops, const struct df_db_config *config, struct df_db **db,
                      struct df_error *error);
void df_log_store_close(struct df_db *db);
int df_log_store_snapshot(struct df_db *db, df_db_row_cb cb, void *arg, uint64_t *revision, struct df_error *error);
int df_log_store_get(struct df_db *db, const char *table, const char *id, df_db_row_cb cb, void *arg,
                     struct df_error *error);
int df_log_store_commit(struct df_db *db, const struct df_db_op *ops, size_t n, size_t *failed, uint64_t *revision,
                        struct df_error *error);
int df_log_store_watch_fd(struct df_db *db);
int df_log_store_watch(struct df_db *db, uint64_t *revision, df_db_row_cb cb, void *arg, struct df_error *error);
int df_log_store_lease(struct df_db *db, const char *name, const char *owner, unsigned ttl, struct df_error *error);
int df_log_store_release(struct df_db *db, const char *name, struct df_error *error);
