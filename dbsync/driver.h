/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dbsync/error.h"

/*
 * A database driver: a key-value store with revisions, below the typed NB API.
 *
 * The contract, the same for every driver:
 *
 * - A row is (table, id) -> bytes. Every committed transaction has a revision; revisions grow by any
 *   amount and are never reused. A row remembers the revision of its last write.
 * - snapshot() shows every row as of one revision. watch() then delivers every transaction after that
 *   revision, once, whole and in order, or says -ESTALE: some are gone, take a new snapshot. It never
 *   skips silently.
 * - commit() applies all of its operations or none; each may demand the revision that its row must
 *   have (compare-and-swap). -EAGAIN says that a demand failed and nothing was written.
 * - A lease is a name held by one owner until it is released, the holder dies, or the database has not
 *   heard of the holder for the lease's time to live.
 * - A database that is empty or away is an error or a gap, never a stream of deletes.
 *
 * One handle belongs to one thread. Any number of handles, in any number of processes, work at once.
 * What a driver returns is untrusted bytes: the NB API checks them.
 */

struct df_db;

struct df_db_row {
    const char *table;
    const char *id;
    const void *data; /* NULL: the row was deleted (watch only) */
    size_t len;
    uint64_t revision; /* of the row's last write */
};

/* Return non-zero to stop; the driver's function returns that value. Pointers in row die with the call. */
typedef int (*df_db_row_cb)(const struct df_db_row *row, void *arg);

/* What the revision of a row must be for an operation to go through. */
enum df_db_expect { DF_DB_ANY, DF_DB_ABSENT, DF_DB_REVISION };

struct df_db_op {
    const char *table;
    const char *id;
    const void *data; /* NULL deletes */
    size_t len;
    enum df_db_expect expect;
    uint64_t revision; /* for DF_DB_REVISION */
};

/* Where a database is; strings live as long as the caller's configuration. */
struct df_db_config {
    const char *location; /* driver's own: a directory for lmdb, host:port,... for a server */
    bool create;          /* make the database where there is none */
    bool read_only;
};

struct df_db_driver {
    const char *name;    /* as in [df] nb_db_class */
    const char *summary; /* one line for `df-db drivers` */
    int (*open)(const struct df_db_config *config, struct df_db **db, struct df_error *error);
    void (*close)(struct df_db *db);
    /* Every row, then *revision is the snapshot's. */
    int (*snapshot)(struct df_db *db, df_db_row_cb cb, void *arg, uint64_t *revision, struct df_error *error);
    /* One row; -ENOENT. */
    int (*get)(struct df_db *db, const char *table, const char *id, df_db_row_cb cb, void *arg, struct df_error *error);
    /* -EAGAIN: an expectation failed, *failed is its index. *revision is the commit's own. */
    int (*commit)(struct df_db *db, const struct df_db_op *ops, size_t n, size_t *failed, uint64_t *revision,
                  struct df_error *error);
    /* A descriptor that polls readable when watch() may have news. Stays the driver's. */
    int (*watch_fd)(struct df_db *db);
    /* Delivers what came after *revision and moves it on; never blocks. -ESTALE: take a snapshot. */
    int (*watch)(struct df_db *db, uint64_t *revision, df_db_row_cb cb, void *arg, struct df_error *error);
    /* Takes or renews name for owner; -EBUSY: someone else holds it, who is in error. ttl in seconds. */
    int (*lease)(struct df_db *db, const char *name, const char *owner, unsigned ttl, struct df_error *error);
    int (*release)(struct df_db *db, const char *name, struct df_error *error);
};

/** The driver of that name, or NULL. */
const struct df_db_driver *df_db_driver_find(const char *name);

/** The i-th driver known to this build, or NULL behind the last. */
const struct df_db_driver *df_db_driver_at(size_t i);
