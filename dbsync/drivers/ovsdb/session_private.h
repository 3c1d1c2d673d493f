/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "dbsync/drivers/ovsdb/location.h"
#include "dbsync/drivers/ovsdb/session.h"

/* What session.c and call.c share. */

enum df_ovsdb_session_state { IDLE, CONNECTING, GREETING, READY };

struct df_ovsdb_session {
    const struct df_db_config *config;
    const struct df_ovsdb_handler *handler;
    void *arg;
    SSL_CTX *tls; /* NULL: no end point wants it */
    struct df_ovsdb_endpoint endpoints[DF_OVSDB_ENDPOINTS];
    unsigned n, current, tried; /* tried: of this round */
    unsigned timeout_ms;
    enum df_ovsdb_session_state state;
    bool lacks_database; /* as far as it said */
    bool was_ready;      /* at any time */
    struct df_ovsdb_rpc rpc;
    uint64_t attempt_ends;              /* while connecting */
    uint64_t ready_since, heard, asked; /* asked: 0, or since when an echo is under way */
    uint64_t next_attempt;
    uint64_t behind_since; /* 0: the server is not */
    unsigned pause_ms;
    int failure; /* why the last attempt failed */
    struct df_error failure_text;
    int epoll, timer;
    short polled; /* events that epoll knows of */
};

/** Sends and reads what can be at once. A negative errno with a message: the connection is to be given up. */
int df_ovsdb_session_talk(struct df_ovsdb_session *session, struct df_error *error);

/** Tells epoll what the line waits for. */
void df_ovsdb_session_poll_for(struct df_ovsdb_session *session);

/** Waits for the line, no longer than until the deadline or the end of the attempt. */
void df_ovsdb_session_wait_for_line(struct df_ovsdb_session *session, uint64_t deadline);

/** What the last attempt said. */
int df_ovsdb_session_tell_failure(const struct df_ovsdb_session *session, struct df_error *error);
