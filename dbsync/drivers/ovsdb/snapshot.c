/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dbsync/drivers/ovsdb/private.h"

/*
 * Snapshots and topics. A snapshot is the first answer of a monitor of table Row that is given up at once: unlike
 * selects, its condition can ask for the rows of any of many topics in one pass.
 */

#define ROWS_MONITOR "rows"

static json_t *columns_of_rows(void)
{
    return json_pack("[s,s,s,s]", "table_name", "id", "data", "revision");
}

static json_t *rows_request(const struct df_db *db)
{
    json_t *request = json_pack("{s:o, s:{s:b, s:b, s:b, s:b}}", "columns", columns_of_rows(), "select", "initial", 1,
                                "insert", 0, "delete", 0, "modify", 0);
    if (request && db->stream.where)
        json_object_set(request, "where", db->stream.where);
    return request;
}

/* The rows, the end of the monitor that gave them, and the stream that goes on from there. */
struct calls {
    struct df_ovsdb_call head, rows, cancel;
};

static int ask(struct df_db *db, struct calls *calls, struct df_error *error)
{
    /* The stream first, so that no change comes between it and the rows. */
    int rc = df_ovsdb_stream_start(&db->stream, error);
    if (rc)
        return rc;
    json_t *params = json_pack("[s, {s:s, s:s, s:[], s:[s,s,s,s,s,s]}, {s:s, s:s, s:[], s:[s]}]", DF_OVSDB_DATABASE,
                               "op", "select", "table", "Meta", "where", "columns", DF_OVSDB_META_COLUMNS, "op",
                               "select", "table", "Revision", "where", "columns", "revision");
    rc = df_ovsdb_session_call(db->session, "transact", params, &calls->head, error);
    if (rc)
        return rc;
    params = json_pack("[s, s, {s:[o], s:[{s:[s]}]}]", DF_OVSDB_DATABASE, ROWS_MONITOR, "Row", rows_request(db),
                       "Revision", "columns", "revision");
    rc = df_ovsdb_session_call(db->session, "monitor_cond", params, &calls->rows, error);
    return rc ? rc
              : df_ovsdb_session_call(db->session, "monitor_cancel", json_pack("[s]", ROWS_MONITOR), &calls->cancel,
                                      error);
}

/* Waits for all calls: what is on the stack must not be answered later. */
static int wait_for(struct df_db *db, struct df_ovsdb_call *const calls[], size_t n, struct df_error *error)
{
    int rc = 0;
    uint64_t deadline = df_ovsdb_session_deadline(db->session);
    for (size_t i = 0; i < n; i++) {
        int code = df_ovsdb_session_wait(db->session, calls[i], deadline, rc ? NULL : error);
        rc = rc ? rc : code;
    }
    return rc;
}

static int check_head(struct df_db *db, const json_t *result, struct df_error *error)
{
    struct df_ovsdb_head head;
    int rc = df_ovsdb_answer_head(json_array_get(result, 1), json_array_get(result, 0), &head, error);
    if (rc == 0)
        rc = df_ovsdb_note_head(db, &head, error);
    return rc == -EHOSTDOWN ? df_ovsdb_session_fail(db->session, rc, error) : rc;
}

static int tell_rows(const json_t *updates, df_db_row_cb cb, void *arg, uint64_t *revision, struct df_error *error)
{
    struct df_ovsdb_scratch scratch = {0};
    struct df_ovsdb_batch *batch;
    struct df_db_row row;
    const char *uuid;
    json_t *update;
    int rc = df_ovsdb_answer_batch(updates, &batch, error);
    if (rc)
        return rc;
    *revision = batch->revision;
    free(batch);
    json_object_foreach(json_object_get(updates, "Row"), uuid, update) {
        rc = df_ovsdb_answer_row(json_object_get(update, "initial"), &scratch, &row, error);
        if (rc == 0)
            rc = cb(&row, arg);
        if (rc)
            break;
    }
    df_ovsdb_scratch_free(&scratch);
    return rc;
}

int df_ovsdb_snapshot(struct df_db *db, df_db_row_cb cb, void *arg, uint64_t *revision, struct df_error *error)
{
    struct calls calls = {.head.is_done = true, .rows.is_done = true, .cancel.is_done = true};
    struct df_ovsdb_call *all[] = {&calls.head, &calls.rows, &calls.cancel};
    int rc = df_ovsdb_session_connect(db->session, df_ovsdb_session_deadline(db->session), error);
    if (rc)
        return rc;
    rc = ask(db, &calls, error);
    int waited = wait_for(db, all, sizeof all / sizeof all[0], rc ? NULL : error);
    rc = rc ? rc : waited;
    if (rc == 0)
        rc = check_head(db, calls.head.result, error);
    if (rc == 0)
        rc = tell_rows(calls.rows.result, cb, arg, revision, error);
    if (rc == 0 && *revision > db->stream.known)
        db->stream.known = *revision;
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        json_decref(all[i]->result);
    return rc;
}

/* Topics. */

/* Rows that have one of the topics, and rows that have none. */
static json_t *condition(const char *const *topics, size_t n)
{
    json_t *where = json_pack("[[s, s, [s, []]]]", "topics", "==", "set");
    for (size_t i = 0; i < n; i++)
        json_array_append_new(where, json_pack("[s, s, o]", "topics", "includes", df_ovsdb_name(topics[i])));
    return json_array_size(where) == n + 1 ? where : NULL;
}

static bool is_followed(const struct df_db *db, const char *topic)
{
    size_t i;
    json_t *clause, *name = df_ovsdb_name(topic);
    bool found = false;
    json_array_foreach(db->stream.where, i, clause)
        found |= json_equal(json_array_get(clause, 2), name);
    json_decref(name);
    return found;
}

/* The rows of each topic that is new, as they are now. */
static json_t *rows_of_new(const struct df_db *db, const char *const *topics, size_t n)
{
    json_t *params = json_pack("[s]", DF_OVSDB_DATABASE);
    for (size_t i = 0; i < n; i++)
        if (!is_followed(db, topics[i]))
            json_array_append_new(params, json_pack("{s:s, s:s, s:[[s, s, o]], s:o}", "op", "select", "table", "Row",
                                                    "where", "topics", "includes", df_ovsdb_name(topics[i]), "columns",
                                                    columns_of_rows()));
    return params;
}

static int tell_selected(const json_t *result, df_db_row_cb cb, void *arg, struct df_error *error)
{
    struct df_ovsdb_scratch scratch = {0};
    struct df_db_row row;
    size_t i, j;
    json_t *one, *columns;
    int rc = 0;
    json_array_foreach(result, i, one) {
        const json_t *rows = df_ovsdb_answer_rows(one, error);
        if (!rows)
            rc = -EPROTO;
        json_array_foreach(rows, j, columns) {
            rc = df_ovsdb_answer_row(columns, &scratch, &row, error);
            if (rc == 0)
                rc = cb(&row, arg);
            if (rc)
                break;
        }
        if (rc)
            break;
    }
    df_ovsdb_scratch_free(&scratch);
    return rc;
}

/* The condition first, so that what is written after the rows were read comes by the stream. */
static int ask_and_tell(struct df_db *db, json_t *where, json_t *params, df_db_row_cb cb, void *arg,
                        struct df_error *error)
{
    struct df_ovsdb_call change = {.is_done = true}, rows = {.is_done = true};
    struct df_ovsdb_call *both[] = {&change, &rows};
    bool is_live = db->stream.state != DF_OVSDB_STREAM_NONE && db->stream.state != DF_OVSDB_STREAM_LOST;
    int rc = df_ovsdb_stream_follow(&db->stream, where, &change, error);
    if (rc == 0)
        rc = df_ovsdb_session_call(db->session, "transact", params, &rows, error);
    else
        json_decref(params);
    size_t first = is_live ? 0 : 1;
    int waited = wait_for(db, both + first, 2 - first, rc ? NULL : error);
    rc = rc ? rc : waited;
    if (rc == 0)
        rc = tell_selected(rows.result, cb, arg, error);
    json_decref(change.result);
    json_decref(rows.result);
    return rc;
}

int df_ovsdb_follow(struct df_db *db, const char *const *topics, size_t n, df_db_row_cb cb, void *arg,
                    struct df_error *error)
{
    if (n > DF_OVSDB_TOPICS_MAX)
        return df_error_set(error, -E2BIG, "%zu topics are to be followed, %d at most", n, DF_OVSDB_TOPICS_MAX);
    for (size_t i = 0; i < n; i++)
        if (!*topics[i] || strlen(topics[i]) > DF_OVSDB_NAME_MAX)
            return df_error_set(error, -EINVAL, "topic '%s': has 1 to %d bytes", topics[i], DF_OVSDB_NAME_MAX);
    int rc = df_ovsdb_session_connect(db->session, df_ovsdb_session_deadline(db->session), error);
    json_t *where = rc ? NULL : condition(topics, n);
    if (rc)
        return rc;
    if (!where)
        return df_error_set(error, -ENOMEM, "out of memory");
    rc = ask_and_tell(db, where, rows_of_new(db, topics, n), cb, arg, error);
    if (rc) /* the server may follow other topics now than the caller was told of */
        df_ovsdb_stream_stale(&db->stream);
    return rc;
}
