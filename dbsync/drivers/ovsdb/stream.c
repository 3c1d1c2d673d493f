/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/ovsdb/stream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void df_ovsdb_stream_init(struct df_ovsdb_stream *stream, struct df_ovsdb_session *session)
{
    *stream = (struct df_ovsdb_stream){.session = session, .last = &stream->first};
}

/* A batch that is being told is in no queue: the callback may do what empties it. */
static struct df_ovsdb_batch *take_first(struct df_ovsdb_stream *stream)
{
    struct df_ovsdb_batch *batch = stream->first;
    if (!batch)
        return NULL;
    stream->first = batch->next;
    if (!stream->first)
        stream->last = &stream->first;
    stream->waiting -= batch->bytes;
    return batch;
}

static void put_first(struct df_ovsdb_stream *stream, struct df_ovsdb_batch *batch)
{
    batch->next = stream->first;
    stream->first = batch;
    if (!batch->next)
        stream->last = &batch->next;
    stream->waiting += batch->bytes;
}

void df_ovsdb_stream_free(struct df_ovsdb_stream *stream)
{
    df_ovsdb_stream_stale(stream);
    json_decref(stream->where);
    stream->where = NULL;
}

void df_ovsdb_stream_stale(struct df_ovsdb_stream *stream)
{
    struct df_ovsdb_batch *batch;
    while ((batch = take_first(stream)))
        free(batch);
    stream->state = DF_OVSDB_STREAM_NONE;
    stream->transaction[0] = '\0';
}

void df_ovsdb_stream_lost(struct df_ovsdb_stream *stream)
{
    stream->is_monitored = false;
    if (stream->state == DF_OVSDB_STREAM_LIVE)
        stream->state = DF_OVSDB_STREAM_LOST;
    else if (stream->state == DF_OVSDB_STREAM_STARTING && stream->reached)
        stream->state = DF_OVSDB_STREAM_LOST;
    else if (stream->state == DF_OVSDB_STREAM_STARTING)
        df_ovsdb_stream_stale(stream);
}

static json_t *monitor_name(const struct df_ovsdb_stream *stream)
{
    return json_sprintf("watch-%u", stream->serial);
}

/* Of which log rows we hear, and whether also of those that are there already. */
static json_t *log_request(const struct df_ovsdb_stream *stream, bool from_start)
{
    json_t *request =
        json_pack("{s:[s,s,s,s,s], s:{s:b, s:b, s:b, s:b}}", "columns", "revision", "sequence", "table_name", "id",
                  "data", "select", "initial", from_start, "insert", 1, "delete", 0, "modify", 0);
    if (request && stream->where)
        json_object_set(request, "where", stream->where);
    return request;
}

static int monitor(struct df_ovsdb_stream *stream, bool from_start, df_ovsdb_reply_cb cb, struct df_error *error)
{
    stream->serial++;
    const char *since =
        from_start && *stream->transaction ? stream->transaction : "00000000-0000-0000-0000-000000000000";
    json_t *params = json_pack("[s, o, {s:[o], s:[{s:[s,s,s]}], s:[{s:[s], s:{s:b, s:b, s:b, s:b}}]}, s]",
                               DF_OVSDB_DATABASE, monitor_name(stream), "Change", log_request(stream, from_start),
                               "Meta", "columns", "instance", "floor", "mark", "Revision", "columns", "revision",
                               "select", "initial", 1, "insert", 0, "delete", 0, "modify", 0, since);
    int rc = df_ovsdb_session_ask(stream->session, "monitor_cond_since", params, cb, stream, error);
    if (rc == 0)
        stream->state = DF_OVSDB_STREAM_STARTING;
    stream->is_monitored = rc == 0;
    return rc;
}

/* [found, last transaction's id, updates]: ovsdb-server(7), 4.1.15. */
static int read_reply(const json_t *result, bool *found, const char **transaction, struct df_ovsdb_batch **batch,
                      struct df_error *error)
{
    const json_t *first = json_array_get(result, 0);
    *transaction = json_string_value(json_array_get(result, 1));
    *found = json_is_true(first);
    if (!json_is_boolean(first) || !*transaction || strlen(*transaction) != DF_OVSDB_UUID_LEN)
        return df_error_set(error, -EPROTO, "the server's answer to monitor_cond_since is none");
    return df_ovsdb_answer_batch(json_array_get(result, 2), batch, error);
}

static void note_transaction(struct df_ovsdb_stream *stream, const char *transaction)
{
    snprintf(stream->transaction, sizeof stream->transaction, "%s", transaction);
}

static int refused(const json_t *refusal, struct df_error *error)
{
    char *why = json_dumps(refusal, JSON_ENCODE_ANY | JSON_COMPACT);
    int rc = df_error_set(error, -EPROTO, "the server refuses to be watched (ovsdb-server 2.12 or later is needed): %s",
                          why ? why : "");
    free(why);
    return rc;
}

static int started(void *arg, json_t *result, json_t *refusal, struct df_error *error)
{
    struct df_ovsdb_stream *stream = arg;
    struct df_ovsdb_batch *batch;
    const char *transaction;
    bool found;
    if (!error)
        return 0;
    int rc = refusal ? refused(refusal, error) : read_reply(result, &found, &transaction, &batch, error);
    if (rc)
        return rc;
    stream->state = DF_OVSDB_STREAM_LIVE;
    stream->mark = batch->mark;
    stream->base = stream->reached = stream->known = batch->revision;
    snprintf(stream->instance, sizeof stream->instance, "%s", batch->instance);
    note_transaction(stream, transaction);
    if (!batch->has_mark)
        df_ovsdb_stream_stale(stream);
    free(batch);
    return 0;
}

static void queue(struct df_ovsdb_stream *stream, struct df_ovsdb_batch *batch)
{
    for (size_t i = 0; i < batch->n; i++) {
        const struct df_ovsdb_change *change = &batch->changes[i];
        if (change->revision > stream->reached)
            stream->reached = change->revision;
        if (strcmp(change->row.table, DF_DB_LEASES) == 0)
            stream->leases_changed = true;
    }
    if (batch->revision > stream->reached)
        stream->reached = batch->revision;
    if (batch->has_mark && batch->mark > stream->reached)
        stream->reached = batch->mark;
    batch->reaches = stream->reached;
    if (stream->reached > stream->known)
        stream->known = stream->reached;
    batch->next = NULL;
    *stream->last = batch;
    stream->last = &batch->next;
    stream->waiting += batch->bytes;
    if (stream->waiting > DF_OVSDB_WAITING_MAX)
        df_ovsdb_stream_stale(stream);
}

/* The whole log came, since the server does not remember our last transaction: is what we need still in it? */
static bool goes_on_in(const struct df_ovsdb_stream *stream, const struct df_ovsdb_batch *batch)
{
    return batch->has_floor && batch->has_mark && strcmp(batch->instance, stream->instance) == 0 &&
           batch->floor <= stream->reached && batch->revision >= stream->reached;
}

/* The server's memory of transactions has no gaps, but the log may have lost some of what came in between. */
static bool is_whole(const struct df_ovsdb_stream *stream, const struct df_ovsdb_batch *batch)
{
    return !batch->has_instance && (!batch->has_floor || batch->floor == stream->mark);
}

static int resumed(void *arg, json_t *result, json_t *refusal, struct df_error *error)
{
    struct df_ovsdb_stream *stream = arg;
    struct df_ovsdb_batch *batch;
    const char *transaction;
    bool found;
    if (!error)
        return 0;
    int rc = refusal ? refused(refusal, error) : read_reply(result, &found, &transaction, &batch, error);
    if (rc)
        return rc;
    bool is_behind = !found && strcmp(batch->instance, stream->instance) == 0 && batch->revision < stream->reached;
    if (df_ovsdb_session_leave(stream->session, is_behind)) {
        free(batch);
        return df_error_set(error, -EHOSTDOWN, "the server is not up to date");
    }
    if (found ? !is_whole(stream, batch) : !goes_on_in(stream, batch)) {
        free(batch);
        df_ovsdb_stream_stale(stream);
        return 0;
    }
    stream->state = DF_OVSDB_STREAM_LIVE;
    stream->mark = batch->has_mark ? batch->mark : stream->mark;
    note_transaction(stream, transaction);
    queue(stream, batch);
    return 0;
}

static int canceled(void *arg, json_t *result, json_t *refusal, struct df_error *error)
{
    (void)arg;
    (void)result;
    (void)refusal;
    (void)error;
    return 0;
}

int df_ovsdb_stream_start(struct df_ovsdb_stream *stream, struct df_error *error)
{
    int rc = 0;
    if (stream->state == DF_OVSDB_STREAM_STARTING || stream->state == DF_OVSDB_STREAM_LIVE)
        return 0;
    df_ovsdb_stream_stale(stream);
    stream->reached = 0;
    if (stream->is_monitored)
        rc = df_ovsdb_session_ask(stream->session, "monitor_cancel", json_pack("[o]", monitor_name(stream)), canceled,
                                  NULL, error);
    return rc ? rc : monitor(stream, false, started, error);
}

int df_ovsdb_stream_resume(struct df_ovsdb_stream *stream, struct df_error *error)
{
    return stream->state == DF_OVSDB_STREAM_LOST ? monitor(stream, true, resumed, error) : 0;
}

int df_ovsdb_stream_notify(struct df_ovsdb_stream *stream, const char *method, const json_t *params,
                           struct df_error *error)
{
    const char *name = json_string_value(json_array_get(params, 0)), *id = json_string_value(json_array_get(params, 1));
    char own[32];
    struct df_ovsdb_batch *batch;
    snprintf(own, sizeof own, "watch-%u", stream->serial);
    if (stream->state != DF_OVSDB_STREAM_LIVE || strcmp(method, "update3") != 0 || !name || strcmp(name, own) != 0)
        return 0;
    int rc = df_ovsdb_answer_batch(json_array_get(params, 2), &batch, error);
    if (rc)
        return rc;
    if (!is_whole(stream, batch)) {
        free(batch);
        df_ovsdb_stream_stale(stream);
        return 0;
    }
    if (id && strlen(id) == DF_OVSDB_UUID_LEN)
        note_transaction(stream, id);
    stream->mark = batch->has_mark ? batch->mark : stream->mark;
    queue(stream, batch);
    return 0;
}

int df_ovsdb_stream_follow(struct df_ovsdb_stream *stream, json_t *where, struct df_ovsdb_call *call,
                           struct df_error *error)
{
    json_decref(stream->where);
    stream->where = where;
    if (stream->state == DF_OVSDB_STREAM_LOST)
        df_ovsdb_stream_stale(stream);
    if (stream->state == DF_OVSDB_STREAM_NONE) {
        *call = (struct df_ovsdb_call){.is_done = true};
        return 0;
    }
    json_t *params =
        json_pack("[o, o, {s:[{s:O}]}]", monitor_name(stream), monitor_name(stream), "Change", "where", where);
    return df_ovsdb_session_call(stream->session, "monitor_cond_change", params, call, error);
}

/* Tells the rest of a batch; *revision is moved after each whole transaction. */
static int tell_batch(const struct df_ovsdb_batch *batch, uint64_t *revision, df_db_row_cb cb, void *arg)
{
    uint64_t told = *revision, floor = *revision;
    for (size_t i = 0; i < batch->n; i++) {
        const struct df_ovsdb_change *change = &batch->changes[i];
        if (change->revision <= floor)
            continue;
        *revision = told;
        int rc = cb(&change->row, arg);
        if (rc)
            return rc;
        if (i + 1 == batch->n || batch->changes[i + 1].revision != change->revision)
            told = change->revision;
    }
    *revision = batch->reaches > told ? batch->reaches : told;
    return 0;
}

int df_ovsdb_stream_tell(struct df_ovsdb_stream *stream, uint64_t *revision, df_db_row_cb cb, void *arg)
{
    if (stream->state == DF_OVSDB_STREAM_NONE)
        return -ESTALE;
    if (stream->state != DF_OVSDB_STREAM_STARTING && (*revision < stream->base || *revision > stream->known))
        return -ESTALE;
    struct df_ovsdb_batch *batch;
    while ((batch = take_first(stream))) {
        int rc = tell_batch(batch, revision, cb, arg);
        if (rc && stream->state != DF_OVSDB_STREAM_NONE) {
            put_first(stream, batch);
            return rc;
        }
        free(batch);
        if (rc)
            return rc;
        stream->base = *revision;
    }
    return stream->state == DF_OVSDB_STREAM_NONE ? -ESTALE : 0;
}
