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
 *   heard of the holder for the lease's time to live. Leases are told as rows of table DF_DB_LEASES, id the
 *   name and data the owner, by snapshot() and watch(), so a watcher hears that a holder died. Renewing one is
 *   no change: nobody is told, and it costs the database the same however many watch. Taking and ending one need be
 *   no transaction: the row may come by the revision of the last one.
 * - A row may have topics: words that say whom it concerns. A handle that follows topics is told of rows that
 *   have one of them, of rows that have none, and of leases. It may be told of more.
 * - A database that is empty or away is an error or a gap, never a stream of deletes. A handle connects again by
 *   itself: each call is a new attempt where it is time for one (drivers pause longer and longer between attempts,
 *   and say at once what the last one said in between), and a watch goes on where it was or says -ESTALE.
 * - -ETIMEDOUT, -ECONNREFUSED and other errors of the line: the database is away, and time may mend it.
 *   -EACCES: it does not let us in (password, certificate, rights). -EPROTO: it answered what it must not.
 *   -EINVAL: the configuration is wrong. Texts name the end point and the remedy.
 * - A commit whose answer was lost may have been done: it says -EINPROGRESS, and the caller reads before it writes
 *   again.
 *
 * Calls other than watch() may block for the configured time-out. One handle belongs to one thread. Any number of
 * handles, in any number of processes, work at once. What a driver returns is untrusted bytes: the NB API checks them.
 */

#define DF_DB_LEASES "_lease"
#define DF_DB_TIMEOUT_MS 5000 /* of one request, where none is configured */

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
    uint64_t revision;  /* for DF_DB_REVISION */
    const char *topics; /* words separated by single spaces, of this write of the row; NULL or "": none */
};

/* Where a database is; strings live as long as the caller's configuration. */
struct df_db_config {
    const char *location; /* driver's own: a directory for lmdb, host:port,... for a server */
    bool create;          /* make the database where there is none */
    bool read_only;
    const char *user, *password; /* NULL: none */
    const char *ca, *cert, *key; /* PEM files; ca: the server must prove itself by TLS; cert and key: so do we */
    unsigned timeout_ms;         /* of one request; 0: DF_DB_TIMEOUT_MS */
};

struct df_db_driver {
    const char *name;    /* as in [df] nb_db_class */
    const char *summary; /* one line for `df-db drivers` */
    const char *untried; /* NULL; or what its tests could not have it meet, such as a real server */
    size_t max_ops;      /* of one commit; 0: no limit of its own */
    int (*open)(const struct df_db_config *config, struct df_db **db, struct df_error *error);
    void (*close)(struct df_db *db);
    /* Every row, then *revision is the snapshot's. */
    int (*snapshot)(struct df_db *db, df_db_row_cb cb, void *arg, uint64_t *revision, struct df_error *error);
    /* One row; -ENOENT. */
    int (*get)(struct df_db *db, const char *table, const char *id, df_db_row_cb cb, void *arg, struct df_error *error);
    /*
     * -EAGAIN: an expectation failed, *failed is its index. *revision is the commit's own. -E2BIG: more rows or bytes
     * than the database takes in one transaction; less may be.
     */
    int (*commit)(struct df_db *db, const struct df_db_op *ops, size_t n, size_t *failed, uint64_t *revision,
                  struct df_error *error);
    /* A descriptor that polls readable when watch() may have news. Stays the driver's. */
    int (*watch_fd)(struct df_db *db);
    /* Delivers what came after *revision and moves it on; never blocks. -ESTALE: take a snapshot. */
    int (*watch)(struct df_db *db, uint64_t *revision, df_db_row_cb cb, void *arg, struct df_error *error);
    /*
     * Follows these topics from now on, and no others. Rows of topics that are new are told to cb, as they are now;
     * watch() may tell some of their changes again, with revisions that are not newer than what was told. NULL: the
     * driver always tells of all rows.
     */
    int (*follow)(struct df_db *db, const char *const *topics, size_t n, df_db_row_cb cb, void *arg,
                  struct df_error *error);
    /*
     * Takes or renews name for owner; -EBUSY: someone else holds it, who is in error. ttl in seconds: whoever watches
     * hears of the holder's death within the ttl and a third of it.
     */
    int (*lease)(struct df_db *db, const char *name, const char *owner, unsigned ttl, struct df_error *error);
    int (*release)(struct df_db *db, const char *name, struct df_error *error);
};

/** The driver of that name, or NULL. */
const struct df_db_driver *df_db_driver_find(const char *name);

/* A driver that this build lacks. */
struct df_db_absent {
    const char *name, *why;
};

/** The i-th of those, or NULL behind the last. */
const struct df_db_absent *df_db_absent_at(size_t i);

/** The i-th driver known to this build, or NULL behind the last. */
const struct df_db_driver *df_db_driver_at(size_t i);
