/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/ovsdb/rpc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define READ_SIZE ((size_t)64 << 10)
#define KEPT_SIZE ((size_t)1 << 20) /* a larger buffer is given back when it is empty */
#define AT_ONCE ((ssize_t)64 << 20) /* then the caller has its turn, however much more there is */

static int out_of_memory(struct df_error *error)
{
    return df_error_set(error, -ENOMEM, "out of memory");
}

static bool reserve(struct df_ovsdb_bytes *bytes, size_t more)
{
    if (bytes->size - bytes->len >= more)
        return true;
    size_t size = bytes->size ? bytes->size : READ_SIZE;
    while (size - bytes->len < more)
        size *= 2;
    char *data = realloc(bytes->data, size);
    if (!data)
        return false;
    bytes->data = data;
    bytes->size = size;
    return true;
}

static void drop(struct df_ovsdb_bytes *bytes, size_t n)
{
    bytes->len -= n;
    if (bytes->len) {
        memmove(bytes->data, bytes->data + n, bytes->len);
    } else if (bytes->size > KEPT_SIZE) {
        free(bytes->data);
        *bytes = (struct df_ovsdb_bytes){0};
    }
}

static int append(const char *text, size_t len, void *arg)
{
    struct df_ovsdb_bytes *bytes = arg;
    if (!reserve(bytes, len))
        return -1;
    memcpy(bytes->data + bytes->len, text, len);
    bytes->len += len;
    return 0;
}

int df_ovsdb_rpc_say(struct df_ovsdb_rpc *rpc, json_t *message, struct df_error *error)
{
    size_t before = rpc->out.len;
    int rc = message && json_dump_callback(message, append, &rpc->out, JSON_COMPACT) == 0 ? 0 : -ENOMEM;
    json_decref(message);
    if (rc == 0 && rpc->out.len > DF_OVSDB_UNSENT_MAX)
        rc = -ENOBUFS;
    if (rc) {
        rpc->out.len = before;
        return df_error_set(error, rc, "%s", rc == -ENOMEM ? "out of memory" : "more is to be sent than fits");
    }
    rpc->queued += rpc->out.len - before;
    return 0;
}

int df_ovsdb_rpc_ask(struct df_ovsdb_rpc *rpc, const char *method, json_t *params, df_ovsdb_reply_cb cb, void *arg,
                     struct df_error *error)
{
    size_t free_slot = 0;
    while (free_slot < DF_OVSDB_REQUESTS && rpc->requests[free_slot].id)
        free_slot++;
    if (free_slot == DF_OVSDB_REQUESTS) {
        json_decref(params);
        return df_error_set(error, -ENOBUFS, "more than %d requests wait for a reply", DF_OVSDB_REQUESTS);
    }
    json_int_t id = ++rpc->last_id;
    json_t *message = params ? json_pack("{s:I, s:s, s:o}", "id", id, "method", method, "params", params) : NULL;
    int rc = df_ovsdb_rpc_say(rpc, message, error);
    if (rc == 0)
        rpc->requests[free_slot] = (struct df_ovsdb_request){.id = id, .end = rpc->queued, .cb = cb, .arg = arg};
    return rc;
}

bool df_ovsdb_rpc_is_sent(const struct df_ovsdb_rpc *rpc, const void *arg)
{
    for (size_t i = 0; i < DF_OVSDB_REQUESTS; i++)
        if (rpc->requests[i].id && rpc->requests[i].arg == arg)
            return rpc->sent >= rpc->requests[i].end;
    return true;
}

int df_ovsdb_rpc_flush(struct df_ovsdb_rpc *rpc, struct df_error *error)
{
    size_t done = 0;
    ssize_t n = 0;
    while (done < rpc->out.len) {
        n = df_line_write(rpc->line, rpc->out.data + done, rpc->out.len - done, error);
        if (n < 0)
            break;
        done += (size_t)n;
    }
    if (done) {
        rpc->sent += done;
        drop(&rpc->out, done);
    }
    return n < 0 && n != -EAGAIN ? (int)n : 0;
}

static int answer(struct df_ovsdb_rpc *rpc, json_t *message, struct df_error *error)
{
    json_int_t id = json_integer_value(json_object_get(message, "id"));
    json_t *result = json_object_get(message, "result"), *refusal = json_object_get(message, "error");
    for (size_t i = 0; id && i < DF_OVSDB_REQUESTS; i++) {
        struct df_ovsdb_request request = rpc->requests[i];
        if (request.id != id)
            continue;
        rpc->requests[i] = (struct df_ovsdb_request){0};
        if (refusal && !json_is_null(refusal))
            return request.cb(request.arg, NULL, refusal, error);
        if (result)
            return request.cb(request.arg, result, NULL, error);
        return df_error_set(error, -EPROTO, "the server sent a reply without a result");
    }
    return df_error_set(error, -EPROTO, "the server answered what was not asked");
}

static int dispatch(struct df_ovsdb_rpc *rpc, const char *text, size_t len, df_ovsdb_notify_cb notify, void *arg,
                    struct df_error *error)
{
    json_error_t where;
    json_t *message = json_loadb(text, len, 0, &where);
    if (!message)
        return df_error_set(error, -EPROTO, "the server sent what is no JSON: %s", where.text);
    const char *method = json_string_value(json_object_get(message, "method"));
    json_t *id = json_object_get(message, "id");
    int rc;
    if (method)
        rc = notify(arg, method, json_object_get(message, "params"), json_is_null(id) ? NULL : id, error);
    else
        rc = answer(rpc, message, error);
    json_decref(message);
    return rc;
}

/* Hands on the whole messages that have come. */
static int take_messages(struct df_ovsdb_rpc *rpc, df_ovsdb_notify_cb notify, void *arg, struct df_error *error)
{
    size_t done = 0;
    int rc = 0;
    while (rc == 0) {
        const char *start = rpc->in.data + done;
        ssize_t len = df_ovsdb_frame_end(&rpc->frame, start, rpc->in.len - done);
        if (len == 0)
            break;
        if (len < 0) {
            rc = df_error_set(error, -EPROTO, "the server sent what is no JSON-RPC");
            break;
        }
        rpc->frame = (struct df_ovsdb_frame){0};
        rc = dispatch(rpc, start, (size_t)len, notify, arg, error);
        done += (size_t)len;
    }
    drop(&rpc->in, done);
    if (rc == 0 && rpc->in.len > DF_OVSDB_MESSAGE_MAX)
        rc = df_error_set(error, -EPROTO, "the server sent a message of more than %zu bytes", DF_OVSDB_MESSAGE_MAX);
    return rc;
}

ssize_t df_ovsdb_rpc_receive(struct df_ovsdb_rpc *rpc, df_ovsdb_notify_cb notify, void *arg, struct df_error *error)
{
    ssize_t got = 0;
    for (;;) {
        if (!reserve(&rpc->in, READ_SIZE))
            return out_of_memory(error);
        ssize_t n = df_line_read(rpc->line, rpc->in.data + rpc->in.len, rpc->in.size - rpc->in.len, error);
        if (n == -EAGAIN)
            return got;
        if (n < 0)
            return n;
        got += n;
        rpc->in.len += (size_t)n;
        int rc = take_messages(rpc, notify, arg, error);
        if (rc)
            return rc;
        if (got >= AT_ONCE && !df_line_has_more(rpc->line))
            return got;
    }
}

short df_ovsdb_rpc_events(const struct df_ovsdb_rpc *rpc)
{
    return df_line_events(rpc->line, rpc->out.len > 0);
}

void df_ovsdb_rpc_close(struct df_ovsdb_rpc *rpc)
{
    struct df_ovsdb_request lost[DF_OVSDB_REQUESTS];
    memcpy(lost, rpc->requests, sizeof lost);
    df_line_close(rpc->line);
    free(rpc->in.data);
    free(rpc->out.data);
    *rpc = (struct df_ovsdb_rpc){.last_id = rpc->last_id};
    for (size_t i = 0; i < DF_OVSDB_REQUESTS; i++)
        if (lost[i].id)
            lost[i].cb(lost[i].arg, NULL, NULL, NULL);
}
