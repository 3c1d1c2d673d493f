/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <stdbool.h>
#include <sys/queue.h>

#include "control/rpc/server.h"

/* What server.c (socket, connections) and call.c (requests, answers) share. Private to the two. */

struct connection;

struct df_rpc_call {
    LIST_ENTRY(df_rpc_call) link;
    struct connection *connection;
    struct batch *batch; /* or NULL */
    json_t *request;     /* owns params */
    json_t *id;          /* borrowed from request; NULL: a notification, which gets no answer */
    void (*cancelled)(void *arg);
    void *cancelled_arg;
};

/* The answers of a batch go out together, when the last one is there. */
struct batch {
    json_t *answers;
    unsigned pending;
};

struct connection {
    LIST_ENTRY(connection) link;
    struct df_rpc_server *server;
    struct bufferevent *bev;
    LIST_HEAD(, df_rpc_call) calls;
    unsigned pending;
    bool reading; /* inside connection_read(): an answer given there needs no wake-up */
    bool closing; /* nothing is read any more; goes when the output is out */
};

struct df_rpc_server {
    struct event_base *base;
    const struct df_rpc_method *methods;
    void *arg;
    void (*before)(void *arg);
    void (*after)(void *arg);
    struct evconnlistener *listener;
    LIST_HEAD(, connection) connections;
    unsigned n_connections;
    int lock_fd;
    char *path;
};

/** Handles one line: a request or a batch. */
void df_rpc_take_line(struct connection *connection, const char *line, size_t len);

/** Ends the call without an answer. */
void df_rpc_call_cancel(struct df_rpc_call *call);

/** Writes an error that belongs to no call. */
void df_rpc_send_error(struct connection *connection, enum df_rpc_code code, const char *text);

/** A call ended: reads on if the connection was held back. */
void df_rpc_connection_resume(struct connection *connection);
