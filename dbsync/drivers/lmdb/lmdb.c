/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dbsync/drivers/drivers.h"
#include "dbsync/drivers/lmdb/bell.h"
#include "dbsync/drivers/lmdb/env.h"
#include "dbsync/drivers/lmdb/lease.h"
#include "dbsync/drivers/lmdb/log.h"
#include "dbsync/drivers/lmdb/row.h"

/*
 * The embedded database: an LMDB environment in a directory, shared by any number of processes of one host.
 *
 *   data.mdb, lock.mdb   LMDB's own
 *   bell                 rung by every writer, see bell.h
 *   leases/NAME          locked by who holds the lease, see lease.h
 *
 * A reader works on the version that was current when it began and neither waits for a writer nor holds one up. A
 * commit is on disk when it returns (LMDB's default: the northbound model is the truth of the network, its writes are
 * few, and a load packs thousands of rows into one commit). A process killed at any moment leaves either the whole
 * transaction or none: pages are copied on write, the lock is a robust mutex, a dead reader's slot is cleared by the
 * next one who needs it.
 */

struct df_db {
    struct df_lmdb_env *env;
    struct df_lmdb_lease *leases;
    int watch; /* inotify descriptor, -1 until it is asked for */
    bool read_only;
};

static int open_db(const struct df_db_config *config, struct df_db **db, struct df_error *error)
{
    struct df_db *new = calloc(1, sizeof *new);
    if (!new)
        return df_error_set(error, -ENOMEM, "out of memory");
    new->watch = -1;
    new->read_only = config->read_only;
    int rc = df_lmdb_env_open(config, &new->env, error);
    if (rc)
        free(new);
    else
        *db = new;
    return rc;
}

/* Codes of LMDB get their message; what a callback returned and -ESTALE do not. */
static int end_read(struct df_db *db, MDB_txn *txn, int rc, struct df_error *error)
{
    df_lmdb_read_end(db->env, txn);
    return rc <= MDB_LAST_ERRCODE ? df_lmdb_error(db->env->location, rc, error) : rc;
}

/* All rows, or those from a key on. */
static int tell_rows(MDB_txn *txn, MDB_dbi rows, const char *from, df_db_row_cb cb, void *arg)
{
    MDB_cursor *cursor;
    MDB_val value, key = {from ? strlen(from) : 0, (void *)(uintptr_t)from};
    MDB_cursor_op step = from ? MDB_SET_RANGE : MDB_FIRST;
    int rc = mdb_cursor_open(txn, rows, &cursor);
    if (rc)
        return rc;
    for (; (rc = mdb_cursor_get(cursor, &key, &value, step)) == 0; step = MDB_NEXT) {
        rc = df_lmdb_row_tell(&key, &value, cb, arg);
        if (rc)
            break;
    }
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

static int snapshot(struct df_db *db, df_db_row_cb cb, void *arg, uint64_t *revision, struct df_error *error)
{
    MDB_txn *txn;
    int rc = df_lmdb_read_begin(db->env, &txn, error);
    if (rc)
        return rc;
    rc = df_lmdb_log_revision(txn, db->env->log, revision);
    if (rc == 0)
        rc = tell_rows(txn, db->env->rows, NULL, cb, arg);
    return end_read(db, txn, rc, error);
}

static int get(struct df_db *db, const char *table, const char *id, df_db_row_cb cb, void *arg, struct df_error *error)
{
    struct df_lmdb_row_key key;
    MDB_val value;
    MDB_txn *txn;
    if (df_lmdb_row_key(table, id, &key))
        return df_error_set(error, -ENOENT, "%s '%s' does not exist", table, id);
    int rc = df_lmdb_read_begin(db->env, &txn, error);
    if (rc)
        return rc;
    rc = mdb_get(txn, db->env->rows, &key.val, &value);
    if (rc == MDB_NOTFOUND)
        rc = df_error_set(error, -ENOENT, "%s '%s' does not exist", table, id);
    else if (rc == 0)
        rc = df_lmdb_row_tell(&key.val, &value, cb, arg);
    return end_read(db, txn, rc, error);
}

struct commit {
    const struct df_lmdb_env *env;
    const struct df_db_op *ops;
    size_t n, failed;
    uint64_t revision; /* of this commit, or of the last one when nothing changed */
    uint32_t changes;
};

/* A body's own reasons not to commit, without a message. */
enum { NOTHING_CHANGED = -ECANCELED };

static bool is_expected(const struct df_db_op *op, uint64_t revision)
{
    switch (op->expect) {
    case DF_DB_ABSENT:
        return revision == 0;
    case DF_DB_REVISION:
        return revision != 0 && revision == op->revision;
    default:
        return true;
    }
}

static int apply(MDB_txn *txn, struct commit *commit, const struct df_db_op *op)
{
    const struct df_lmdb_env *env = commit->env;
    struct df_lmdb_row_key key;
    uint64_t stored;
    int rc = df_lmdb_row_key(op->table, op->id, &key);
    if (rc == 0)
        rc = df_lmdb_row_revision(txn, env->rows, &key.val, &stored);
    if (rc)
        return rc;
    if (!is_expected(op, stored))
        return -EAGAIN;
    if (!op->data && stored == 0)
        return 0;
    if (op->data)
        rc = df_lmdb_row_put(txn, env->rows, &key.val, commit->revision, op->data, op->len);
    else
        rc = mdb_del(txn, env->rows, &key.val, NULL);
    if (rc == 0)
        rc = df_lmdb_log_append(txn, env->log, commit->revision, commit->changes++, &key.val, op->data,
                                op->data ? op->len : 0);
    return rc;
}

static int commit_body(MDB_txn *txn, void *arg)
{
    struct commit *commit = arg;
    uint64_t last;
    int rc = df_lmdb_log_revision(txn, commit->env->log, &last);
    if (rc)
        return rc;
    commit->revision = last + 1;
    commit->changes = 0;
    for (commit->failed = 0; commit->failed < commit->n; commit->failed++) {
        rc = apply(txn, commit, &commit->ops[commit->failed]);
        if (rc)
            return rc;
    }
    if (commit->changes)
        return df_lmdb_log_trim(txn, commit->env->log);
    commit->revision = last;
    return NOTHING_CHANGED;
}

static int commit(struct df_db *db, const struct df_db_op *ops, size_t n, size_t *failed, uint64_t *revision,
                  struct df_error *error)
{
    if (db->read_only)
        return df_error_set(error, -EROFS, "%s was opened for reading only", db->env->location);
    int bell = df_lmdb_bell_grip(db->env->location);
    if (bell < 0)
        return df_lmdb_error(db->env->location, -bell, error);

    struct commit commit = {.env = db->env, .ops = ops, .n = n};
    int rc = df_lmdb_write(db->env, commit_body, &commit, error);
    df_lmdb_bell_ring(bell);
    if (rc == -EAGAIN) {
        *failed = commit.failed;
        return df_error_set(error, rc, "%s '%s' was changed by another writer", ops[commit.failed].table,
                            ops[commit.failed].id);
    }
    if (rc && rc != NOTHING_CHANGED)
        return rc;
    *revision = commit.revision;
    return 0;
}

static int watch_fd(struct df_db *db)
{
    if (db->watch < 0)
        db->watch = df_lmdb_bell_watch(db->env->location);
    return db->watch;
}

static int watch(struct df_db *db, uint64_t *revision, df_db_row_cb cb, void *arg, struct df_error *error)
{
    /* Before looking, so that what comes while looking rings again. */
    if (db->watch >= 0)
        df_lmdb_bell_quiet(db->watch);
    MDB_txn *txn;
    int rc = df_lmdb_read_begin(db->env, &txn, error);
    if (rc)
        return rc;
    rc = df_lmdb_log_read(txn, db->env->log, revision, cb, arg);
    return end_read(db, txn, rc, error);
}

/*
 * Leases are told as rows, though nobody writes in the name of a holder that died: the next one who takes or renews any
 * lease does.
 */

static int write_lease(struct df_db *db, const char *name, const char *owner, struct df_error *error)
{
    size_t failed;
    uint64_t revision;
    struct df_db_op op = {.table = DF_DB_LEASES, .id = name, .data = owner, .len = owner ? strlen(owner) : 0};
    return commit(db, &op, 1, &failed, &revision, error);
}

#define REAPED_AT_ONCE 16

struct reaping {
    struct df_db *db;
    char names[REAPED_AT_ONCE][NAME_MAX + 1];
    size_t n;
};

static int note_lease(const struct df_db_row *row, void *arg)
{
    struct reaping *reaping = arg;
    if (strcmp(row->table, DF_DB_LEASES) != 0)
        return 1;
    if (df_lmdb_lease_is_held(reaping->db->leases, row->id))
        return 0;
    snprintf(reaping->names[reaping->n], sizeof reaping->names[0], "%s", row->id);
    int free = df_lmdb_lease_lock_free(reaping->db->env->location, row->id);
    if (free >= 0) {
        close(free);
        reaping->n++;
    }
    return reaping->n == REAPED_AT_ONCE;
}

static void reap_leases(struct df_db *db)
{
    struct reaping reaping = {.db = db};
    struct df_error unused;
    MDB_txn *txn;
    int door = df_lmdb_lease_door(db->env->location, false); /* whoever is in it does this, or the next one will */
    if (door < 0)
        return;
    if (df_lmdb_read_begin(db->env, &txn, &unused)) {
        close(door);
        return;
    }
    tell_rows(txn, db->env->rows, DF_DB_LEASES "/", note_lease, &reaping);
    df_lmdb_read_end(db->env, txn);
    for (size_t i = 0; i < reaping.n; i++) {
        int fd = df_lmdb_lease_lock_free(db->env->location, reaping.names[i]);
        if (fd < 0)
            continue;
        write_lease(db, reaping.names[i], NULL, &unused);
        close(fd);
    }
    close(door);
}

static int lease(struct df_db *db, const char *name, const char *owner, unsigned ttl, struct df_error *error)
{
    struct df_error unused;
    bool taken;
    (void)ttl;
    if (db->read_only)
        return df_error_set(error, -EROFS, "%s was opened for reading only", db->env->location);
    int rc = df_lmdb_lease_take(&db->leases, db->env->location, name, owner, &taken, error);
    if (rc == 0 && taken) {
        rc = write_lease(db, name, owner, error);
        if (rc)
            df_lmdb_lease_release(&db->leases, name, &unused);
    }
    reap_leases(db);
    return rc;
}

static int release(struct df_db *db, const char *name, struct df_error *error)
{
    int rc = df_lmdb_lease_is_held(db->leases, name) ? write_lease(db, name, NULL, error) : 0;
    return rc ? rc : df_lmdb_lease_release(&db->leases, name, error);
}

/* What cannot be written is left to the next holder. */
static void close_db(struct df_db *db)
{
    struct df_error unused;
    const char *name;
    while ((name = df_lmdb_lease_first(db->leases))) {
        write_lease(db, name, NULL, &unused);
        df_lmdb_lease_release(&db->leases, name, &unused);
    }
    if (db->watch >= 0)
        close(db->watch);
    df_lmdb_env_close(db->env);
    free(db);
}

const struct df_db_driver df_db_lmdb_driver = {
    .name = "lmdb",
    .summary = "embedded database in a directory, for the processes of one host",
    .open = open_db,
    .close = close_db,
    .snapshot = snapshot,
    .get = get,
    .commit = commit,
    .watch_fd = watch_fd,
    .watch = watch,
    .lease = lease,
    .release = release,
};
