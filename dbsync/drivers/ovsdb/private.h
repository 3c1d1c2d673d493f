/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "dbsync/drivers/ovsdb/answer.h"
#include "dbsync/drivers/ovsdb/lease.h"
#include "dbsync/drivers/ovsdb/plan.h"
#include "dbsync/drivers/ovsdb/session.h"
#include "dbsync/drivers/ovsdb/stream.h"

/* A handle, as the files of this driver share it. */

struct df_db {
    struct df_db_config config;
    struct df_ovsdb_session *session;
    struct df_ovsdb_head head; /* as far as we know */
    struct df_ovsdb_stream stream;
    struct df_ovsdb_leases leases;
    bool is_watched; /* the descriptor was asked for */
};

/** Commits a wish within the time-out: as often as others are quicker, and again where an answer was lost. */
int df_ovsdb_commit(struct df_db *db, struct df_ovsdb_wish *wish, size_t *failed, uint64_t *revision,
                    struct df_error *error);

/** Asks and waits. *result is the caller's. */
int df_ovsdb_transact(struct df_db *db, json_t *params, uint64_t deadline, json_t **result, bool *is_unsure,
                      struct df_error *error);

/** The same of reading: every operation must succeed. */
int df_ovsdb_query(struct df_db *db, json_t *params, size_t operations, json_t **result, struct df_error *error);

/** Says what a handle says that finds no marker: -ENOENT, or -ENODEV when there was one before. */
int df_ovsdb_no_database(const struct df_db *db, struct df_error *error);

/** Notes a head; -EHOSTDOWN when the server is behind what was seen already: another one will do better. */
int df_ovsdb_note_head(struct df_db *db, const struct df_ovsdb_head *head, struct df_error *error);

int df_ovsdb_snapshot(struct df_db *db, df_db_row_cb cb, void *arg, uint64_t *revision, struct df_error *error);
int df_ovsdb_follow(struct df_db *db, const char *const *topics, size_t n, df_db_row_cb cb, void *arg,
                    struct df_error *error);
