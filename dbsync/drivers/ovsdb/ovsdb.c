/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dbsync/drivers/drivers.h"
#include "dbsync/drivers/ovsdb/private.h"

/*
 * ovsdb-server, alone or in a cluster of several, by OVSDB's own protocol (RFC 7047 and ovsdb-server(7)).
 *
 *   conf/dragonflow-nb.ovsschema   our tables: rows as they are, and the log of changes
 *   text.h                         bytes as OVSDB's strings
 *   line.h, frame.h, rpc.h         a connection, and messages on it
 *   session.h                      which server, and again when it is lost
 *   answer.h                       what servers say, checked
 *   plan.h                         a commit as one transaction
 *   stream.h, snapshot.c           what a watcher is told
 *   lease.h                        leases by counters
 */

static int is_ready(void *arg, struct df_error *error)
{
    struct df_db *db = arg;
    int rc = df_ovsdb_stream_resume(&db->stream, error);
    return rc ? rc : df_ovsdb_reaper_enlist(db, error);
}

static void is_lost(void *arg)
{
    struct df_db *db = arg;
    df_ovsdb_stream_lost(&db->stream);
    df_ovsdb_lease_forget(&db->leases);
    db->leases.is_reaper = db->leases.is_busy = false;
}

static int is_told(void *arg, const char *method, const json_t *params, struct df_error *error)
{
    struct df_db *db = arg;
    if (strcmp(method, "monitor_canceled") == 0)
        return df_error_set(error, -ECONNRESET, "the server gave the database up");
    if (strcmp(method, "locked") == 0)
        df_ovsdb_reaper_appoint(db);
    return df_ovsdb_stream_notify(&db->stream, method, params, error);
}

static const struct df_ovsdb_handler handler = {.ready = is_ready, .lost = is_lost, .notify = is_told};

/* Sees that the descriptor wakes its poller when there is something to tell or to do. */
static void arm(struct df_db *db)
{
    if (db->is_watched)
        df_ovsdb_session_wake_at(db->session, db->stream.first ? 0 : df_ovsdb_reaper_due(db));
}

/* The marker. */

static int read_head(struct df_db *db, struct df_ovsdb_head *head, struct df_error *error)
{
    json_t *result;
    json_t *params =
        json_pack("[s, o, o]", DF_OVSDB_DATABASE, df_ovsdb_select("Revision", NULL, json_pack("[s]", "revision")),
                  df_ovsdb_select("Meta", NULL, json_pack("[s,s,s,s,s,s]", DF_OVSDB_META_COLUMNS)));
    int rc = df_ovsdb_query(db, params, 2, &result, error);
    if (rc)
        return rc;
    rc = df_ovsdb_answer_head(json_array_get(result, 0), json_array_get(result, 1), head, error);
    json_decref(result);
    return rc;
}

/* Whoever comes second finds the first one's. */
static int write_marker(struct df_db *db, struct df_error *error)
{
    char instance[DF_OVSDB_UUID_LEN + 1];
    unsigned char random[16];
    struct df_ovsdb_verdict verdict;
    json_t *result;
    bool is_unsure;
    arc4random_buf(random, sizeof random);
    df_ovsdb_uuid("instance", random, sizeof random, instance);
    json_t *params = json_pack("[s, o, {s:s, s:s, s:{s:s, s:i}}, {s:s, s:s, s:{s:i}}, {s:s, s:b}]", DF_OVSDB_DATABASE,
                               df_ovsdb_demand("Meta", NULL, json_pack("[s]", "version"), NULL), "op", "insert",
                               "table", "Meta", "row", "instance", instance, "version", DF_OVSDB_VERSION, "op",
                               "insert", "table", "Revision", "row", "revision", 0, "op", "commit", "durable", 1);
    uint64_t deadline = df_ovsdb_session_deadline(db->session);
    int rc = df_ovsdb_transact(db, params, deadline, &result, &is_unsure, error);
    if (rc)
        return rc;
    rc = df_ovsdb_answer_verdict(result, 4, &verdict, error);
    if (rc == 0 && verdict.tag && strcmp(verdict.tag, "timed out") != 0)
        rc = df_ovsdb_refusal(&verdict, error);
    json_decref(result);
    return rc;
}

static int find_database(struct df_db *db, struct df_error *error)
{
    struct df_ovsdb_head head;
    int rc = read_head(db, &head, error);
    if (rc == 0 && !head.is_there && db->config.create) {
        rc = write_marker(db, error);
        if (rc == 0)
            rc = read_head(db, &head, error);
    }
    return rc ? rc : df_ovsdb_note_head(db, &head, error);
}

/* The functions of the contract. */

static void close_db(struct df_db *db)
{
    if (db->session) {
        df_ovsdb_lease_close(db);
        df_ovsdb_session_free(db->session);
    }
    df_ovsdb_stream_free(&db->stream);
    free(db);
}

static int open_db(const struct df_db_config *config, struct df_db **db, struct df_error *error)
{
    struct df_db *new = calloc(1, sizeof *new);
    if (!new)
        return df_error_set(error, -ENOMEM, "out of memory");
    new->config = *config;
    int rc = df_ovsdb_session_new(&new->config, &handler, new, &new->session, error);
    df_ovsdb_stream_init(&new->stream, new->session);
    if (rc == 0)
        rc = find_database(new, error);
    if (rc)
        close_db(new);
    else
        *db = new;
    return rc;
}

static int snapshot(struct df_db *db, df_db_row_cb cb, void *arg, uint64_t *revision, struct df_error *error)
{
    int rc = df_ovsdb_snapshot(db, cb, arg, revision, error);
    arm(db);
    return rc;
}

static int tell_row(const json_t *result, df_db_row_cb cb, void *arg, struct df_error *error)
{
    struct df_ovsdb_scratch scratch = {0};
    struct df_db_row row;
    const json_t *columns = json_array_get(json_object_get(result, "rows"), 0);
    int rc = columns ? df_ovsdb_answer_row(columns, &scratch, &row, error) : -ENOENT;
    if (rc == 0)
        rc = cb(&row, arg);
    df_ovsdb_scratch_free(&scratch);
    return rc;
}

static int get(struct df_db *db, const char *table, const char *id, df_db_row_cb cb, void *arg, struct df_error *error)
{
    char uuid[DF_OVSDB_UUID_LEN + 1];
    struct df_ovsdb_head head;
    json_t *result;
    df_ovsdb_row_uuid(table, id, uuid);
    json_t *columns = json_pack("[s,s,s,s]", "table_name", "id", "data", "revision");
    json_t *params =
        json_pack("[s, o, o, o]", DF_OVSDB_DATABASE, df_ovsdb_select("Revision", NULL, json_pack("[s]", "revision")),
                  df_ovsdb_select("Meta", NULL, json_pack("[s,s,s,s,s,s]", DF_OVSDB_META_COLUMNS)),
                  df_ovsdb_select("Row", uuid, columns));
    int rc = df_ovsdb_query(db, params, 3, &result, error);
    if (rc == 0)
        rc = df_ovsdb_answer_head(json_array_get(result, 0), json_array_get(result, 1), &head, error);
    if (rc == 0)
        rc = df_ovsdb_note_head(db, &head, error);
    if (rc == -EHOSTDOWN)
        df_ovsdb_session_fail(db->session, rc, error);
    if (rc == 0) {
        rc = tell_row(json_array_get(result, 2), cb, arg, error);
        if (rc == -ENOENT)
            df_error_set(error, rc, "%s '%s' does not exist", table, id);
    }
    json_decref(result);
    arm(db);
    return rc;
}

static int commit(struct df_db *db, const struct df_db_op *ops, size_t n, size_t *failed, uint64_t *revision,
                  struct df_error *error)
{
    struct df_ovsdb_wish wish = {.ops = ops, .n = n};
    if (db->config.read_only)
        return df_error_set(error, -EROFS, "%s was opened for reading only", db->config.location);
    int rc = df_ovsdb_commit(db, &wish, failed, revision, error);
    arm(db);
    return rc;
}

static int watch_fd(struct df_db *db)
{
    struct df_error error;
    if (!db->is_watched) {
        db->is_watched = true;
        if (df_ovsdb_session_is_ready(db->session) && df_ovsdb_reaper_enlist(db, &error))
            return -ENOMEM;
        arm(db);
    }
    return df_ovsdb_session_fd(db->session);
}

static int watch(struct df_db *db, uint64_t *revision, df_db_row_cb cb, void *arg, struct df_error *error)
{
    int rc = df_ovsdb_session_run(db->session, error);
    if (rc == 0)
        df_ovsdb_reaper_run(db);
    if (rc == 0 || rc == -EAGAIN || db->stream.first || db->stream.state == DF_OVSDB_STREAM_NONE) {
        int told = df_ovsdb_stream_tell(&db->stream, revision, cb, arg);
        rc = told || rc == -EAGAIN ? told : rc;
    }
    df_ovsdb_session_flush(db->session);
    arm(db);
    return rc;
}

static int follow(struct df_db *db, const char *const *topics, size_t n, df_db_row_cb cb, void *arg,
                  struct df_error *error)
{
    int rc = df_ovsdb_follow(db, topics, n, cb, arg, error);
    arm(db);
    return rc;
}

static int lease(struct df_db *db, const char *name, const char *owner, unsigned ttl, struct df_error *error)
{
    int rc = df_ovsdb_lease_take(db, name, owner, ttl, error);
    arm(db);
    return rc;
}

static int release(struct df_db *db, const char *name, struct df_error *error)
{
    int rc = df_ovsdb_lease_release(db, name, error);
    arm(db);
    return rc;
}

const struct df_db_driver df_db_ovsdb_driver = {
    .name = "ovsdb",
    .summary = "ovsdb-server of Open vSwitch, alone or in a cluster",
    .open = open_db,
    .close = close_db,
    .snapshot = snapshot,
    .get = get,
    .commit = commit,
    .watch_fd = watch_fd,
    .watch = watch,
    .follow = follow,
    .lease = lease,
    .release = release,
};
