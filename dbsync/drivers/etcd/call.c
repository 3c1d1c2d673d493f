/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/etcd/client_private.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

int df_etcd_keep_answer(const uint8_t *data, size_t len, void *arg)
{
    struct df_etcd_answer *answer = arg;
    free(answer->data);
    answer->data = malloc(len + 1);
    if (!answer->data)
        return -ENOMEM;
    memcpy(answer->data, data, len);
    answer->len = len;
    return 0;
}

void df_etcd_call_ended(struct df_etcd_call *call)
{
    (void)call;
}

int df_etcd_client_start(struct df_etcd_client *client, struct df_etcd_call *call, const char *path,
                         const ProtobufCMessage *request, bool open, struct df_error *error)
{
    size_t len = protobuf_c_message_get_packed_size(request);
    if (len > DF_ETCD_MESSAGE_MAX)
        return df_error_set(error, -E2BIG, "etcd: a request of %zu bytes: write less at a time", len);
    uint8_t *bytes = malloc(len + 1);
    if (!bytes)
        return df_error_set(error, -ENOMEM, "out of memory");
    protobuf_c_message_pack(request, bytes);
    int rc = df_etcd_session_call(client->session, call, path, client->token, bytes, len, open, error);
    free(bytes);
    return rc;
}

/* Waits for the socket, no longer than until `end`. */
static void wait_for_socket(struct df_etcd_client *client, uint64_t end)
{
    uint64_t now = df_etcd_now();
    int fd = df_etcd_client_socket(client);
    if (fd < 0 || now >= end)
        return;
    struct pollfd socket = {.fd = fd, .events = (short)df_etcd_client_wanted(client)};
    poll(&socket, 1, (int)(end - now));
}

static int connect_until(struct df_etcd_client *client, uint64_t deadline, struct df_error *error)
{
    int rc;
    while ((rc = df_etcd_client_try(client, true, error)) == 0) {
        if (df_etcd_now() >= deadline) {
            struct df_error late;
            df_etcd_client_leave(client, df_etcd_client_too_late(client, &late), &late);
            return df_error_set(error, client->rc, "%s", client->error.text);
        }
        uint64_t end = client->attempt_ends < deadline ? client->attempt_ends : deadline;
        wait_for_socket(client, end);
    }
    return rc == 1 ? 0 : rc;
}

/* How a call that was begun ended. -EAGAIN: not yet, time is up. */
static int run_call(struct df_etcd_client *client, const struct df_etcd_call *call, uint64_t end)
{
    while (!call->ended) {
        df_etcd_client_step_once(client, false);
        if (call->ended)
            break;
        if (df_etcd_now() >= end)
            return -EAGAIN;
        df_etcd_client_update_poll(client);
        wait_for_socket(client, end);
    }
    df_etcd_client_update_poll(client);
    return 0;
}

static int open_outcome(const struct df_etcd_client *client, const char *why, struct df_error *error)
{
    return df_error_set(error, -EINPROGRESS, "etcd at %s: it may or may not have been done: %s", client->location, why);
}

/* The verdict on an answered call. Where another member may do better, this one is left. */
static int judge(struct df_etcd_client *client, enum df_etcd_kind kind, const struct df_etcd_call *call,
                 struct df_error *error)
{
    if (call->status == DF_ETCD_OK) {
        client->proven = true;
        return 0;
    }
    int rc = df_etcd_status_error(call->status, call->text, client->endpoints.list[client->at].name, error);
    if (rc == -ETIMEDOUT && client->state == READY)
        df_etcd_client_leave(client, rc, error);
    if (kind == DF_ETCD_WRITE && df_etcd_status_is_open(call->status, call->text))
        return open_outcome(client, call->text, error);
    return rc;
}

struct attempt {
    enum df_etcd_kind kind;
    const char *path;
    const ProtobufCMessage *request;
    uint64_t deadline;
    bool logged_in_again, again; /* it makes sense to try once more */
};

static int try_call(struct df_etcd_client *client, struct attempt *attempt, struct df_etcd_answer *answer,
                    struct df_error *error)
{
    struct df_etcd_call call = {.on_message = df_etcd_keep_answer, .on_end = df_etcd_call_ended, .arg = answer};
    uint64_t now = df_etcd_now(), end = attempt->deadline;
    bool read = attempt->kind == DF_ETCD_READ;
    int rc = df_etcd_client_start(client, &call, attempt->path, attempt->request, false, error);
    if (rc)
        return rc;
    if (read && now + df_etcd_client_share(client, client->timeout_ms) < end)
        end = now + df_etcd_client_share(client, client->timeout_ms);
    if (run_call(client, &call, end)) {
        df_etcd_call_drop(&call);
        rc = df_etcd_client_too_late(client, error);
        df_etcd_client_leave(client, rc, error);
        attempt->again = read;
        return read ? rc : open_outcome(client, "there was no answer in time", error);
    }
    if (call.too_large)
        return df_error_set(error, -EMSGSIZE, "etcd at %s: an answer is over %zu bytes", client->location,
                            DF_ETCD_MESSAGE_MAX);
    if (!call.answered) {
        attempt->again = read;
        rc = client->state == READY ? -ECONNRESET : client->rc;
        df_error_set(error, rc, "%s", client->error.text);
        return read ? rc : open_outcome(client, client->error.text, error);
    }
    if (df_etcd_status_is_stale_token(call.status, call.text) && client->user && !attempt->logged_in_again &&
        client->state == READY) {
        attempt->logged_in_again = attempt->again = true;
        return df_etcd_client_login(client, error);
    }
    rc = judge(client, attempt->kind, &call, error);
    attempt->again = read && rc == -ETIMEDOUT;
    return rc;
}

int df_etcd_client_call(struct df_etcd_client *client, enum df_etcd_kind kind, const char *path,
                        const ProtobufCMessage *request, struct df_etcd_answer *answer, struct df_error *error)
{
    struct attempt attempt = {.kind = kind, .path = path, .request = request};
    attempt.deadline = df_etcd_now() + client->timeout_ms;
    *answer = (struct df_etcd_answer){0};
    int rc;
    do {
        rc = connect_until(client, attempt.deadline, error);
        if (rc)
            break;
        attempt.again = false;
        rc = try_call(client, &attempt, answer, error);
    } while (attempt.again && df_etcd_now() < attempt.deadline);
    if (rc == 0 && !answer->data)
        rc = df_error_set(error, -EPROTO, "etcd at %s: an answer is missing", client->location);
    if (rc) {
        free(answer->data);
        answer->data = NULL;
    }
    return rc;
}

int df_etcd_client_open_call(struct df_etcd_client *client, struct df_etcd_call *call, const char *path,
                             const ProtobufCMessage *request, struct df_error *error)
{
    return df_etcd_client_start(client, call, path, request, true, error);
}

int df_etcd_client_send(struct df_etcd_call *call, const ProtobufCMessage *request, struct df_error *error)
{
    size_t len = protobuf_c_message_get_packed_size(request);
    uint8_t *bytes = malloc(len + 1);
    if (!bytes)
        return df_error_set(error, -ENOMEM, "out of memory");
    protobuf_c_message_pack(request, bytes);
    int rc = df_etcd_call_send(call, bytes, len, error);
    free(bytes);
    return rc;
}
