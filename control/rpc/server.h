/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <event2/event.h>
#include <jansson.h>

#include "control/rpc/rpc.h"
#include "dbsync/error.h"

/*
 * The RPC server of the control thread's event loop.
 *
 * Invariant: every call that has an id is answered exactly once, unless its connection goes first, and then whoever
 * holds the call is told so. A method may answer at once or keep the call and answer later; the loop is never blocked.
 * Nothing that a client sends or fails to read makes the server hold more than the limits of rpc.h.
 */

struct df_rpc_server;
struct df_rpc_call; /* one request on its way to an answer */

struct df_rpc_method {
    const char *name;
    /**
     * Must answer the call, now or later; params is an object, an array or NULL, and valid until the call is
     * answered.
     */
    void (*run)(struct df_rpc_call *call, json_t *params, void *arg);
};

/** @param methods ends with a NULL name; it and arg stay the caller's. NULL: out of memory. */
struct df_rpc_server *df_rpc_server_new(struct event_base *base, const struct df_rpc_method *methods, void *arg);

/** before and after are called around all work on a connection's input, for a thread that must be told (RCU). */
void df_rpc_server_around(struct df_rpc_server *server, void (*before)(void *arg), void (*after)(void *arg));

/**
 * Takes path for this process (a lock on path.lock tells a living owner from a stale socket) and listens on it with
 * mode 0600. Makes the directory if there is none.
 *
 * @return 0, -EADDRINUSE (another process has it: error names its pid), or what the system said
 */
int df_rpc_server_listen(struct df_rpc_server *server, const char *path, struct df_error *error);

/**
 * Serves a connected socket, which becomes the server's also on failure. 0, -EMFILE (too many connections),
 * -ENOMEM.
 */
int df_rpc_server_adopt(struct df_rpc_server *server, int fd);

/** Drops every connection (cancelling calls), removes the socket and gives the lock back. NULL is fine. */
void df_rpc_server_free(struct df_rpc_server *server);

/** Answers and ends the call; takes over result (NULL becomes an internal error). */
void df_rpc_reply(struct df_rpc_call *call, json_t *result);

/** Answers with an error and ends the call. */
void df_rpc_fail(struct df_rpc_call *call, enum df_rpc_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/**
 * For a method that keeps the call: cancelled(arg) is called when the connection goes before the answer; the call ends
 * with it and may not be used afterwards.
 */
void df_rpc_call_keep(struct df_rpc_call *call, void (*cancelled)(void *arg), void *arg);
