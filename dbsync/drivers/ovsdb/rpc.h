/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>

#include "dbsync/drivers/ovsdb/frame.h"
#include "dbsync/net/line.h"

/*
 * JSON-RPC 1.0 on one connection (RFC 7047, 4): requests that wait for their replies, and what the server says by
 * itself. It never waits.
 *
 * A request is answered once: by a reply, or by "lost" when the connection ends. What the server sends is bounded by
 * DF_OVSDB_MESSAGE_MAX a message, which must hold a whole snapshot, since OVSDB sends one in one piece.
 */

#define DF_OVSDB_MESSAGE_MAX ((size_t)1 << 30)
#define DF_OVSDB_UNSENT_MAX ((size_t)256 << 20)
#define DF_OVSDB_REQUESTS 64

/*
 * A reply: result, or error when the server refused, or neither: the connection was lost. Both stay the caller's. A
 * negative errno with a message ends the connection.
 */
typedef int (*df_ovsdb_reply_cb)(void *arg, json_t *result, json_t *refusal, struct df_error *error);

/* What the server says by itself; id is NULL but in its requests. A negative errno ends the connection. */
typedef int (*df_ovsdb_notify_cb)(void *arg, const char *method, json_t *params, json_t *id, struct df_error *error);

struct df_ovsdb_bytes {
    char *data;
    size_t len, size;
};

struct df_ovsdb_request {
    json_int_t id; /* 0: free */
    uint64_t end;  /* of its bytes in all that was ever sent on the connection */
    df_ovsdb_reply_cb cb;
    void *arg;
};

struct df_ovsdb_rpc {
    struct df_line *line; /* NULL: closed */
    struct df_ovsdb_bytes in, out;
    struct df_ovsdb_frame frame;
    uint64_t queued, sent; /* bytes, since the connection began */
    json_int_t last_id;
    struct df_ovsdb_request requests[DF_OVSDB_REQUESTS];
};

/** Queues a message, which is taken. @return 0, -ENOMEM or -ENOBUFS with a message */
int df_ovsdb_rpc_say(struct df_ovsdb_rpc *rpc, json_t *message, struct df_error *error);

/** Queues a request; params are taken. @return 0 or a negative errno with a message; then cb will not be called */
int df_ovsdb_rpc_ask(struct df_ovsdb_rpc *rpc, const char *method, json_t *params, df_ovsdb_reply_cb cb, void *arg,
                     struct df_error *error);

/** Whether the bytes of the request with this arg have all been given to the system; true when there is none. */
bool df_ovsdb_rpc_is_sent(const struct df_ovsdb_rpc *rpc, const void *arg);

/** Sends what can be sent at once. */
int df_ovsdb_rpc_flush(struct df_ovsdb_rpc *rpc, struct df_error *error);

/**
 * Reads what there is and hands it on.
 * @return how many bytes, or a negative errno with a message: the connection is of no use any more
 */
ssize_t df_ovsdb_rpc_receive(struct df_ovsdb_rpc *rpc, df_ovsdb_notify_cb notify, void *arg, struct df_error *error);

/** What to poll its line for. */
short df_ovsdb_rpc_events(const struct df_ovsdb_rpc *rpc);

/** Ends the connection, and tells who waits for a reply. */
void df_ovsdb_rpc_close(struct df_ovsdb_rpc *rpc);
