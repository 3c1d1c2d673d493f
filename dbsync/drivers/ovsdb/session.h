/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "dbsync/driver.h"
#include "dbsync/drivers/ovsdb/rpc.h"

/*
 * A session with whichever server of the location serves our database: connects, sees that the server has the database
 * and is in touch with its cluster (by OVSDB's own database `_Server`), and connects again when it is lost.
 *
 * One attempt goes to each end point in turn, without pause. When none of them will have us, the session pauses 100 ms,
 * then twice as long and so on up to 5 s, more or less a quarter, and says at once what went wrong until that is over.
 * A server that says nothing for the time-out is asked (echo), and given up when it says nothing for as long again.
 *
 * As with every program that speaks OVSDB by TLS, a server is one when its certificate is signed by the CA; its name is
 * not compared, since certificates made by ovs-pki name no host. So that CA should sign nothing else, and certificates
 * of clients should say that they are for clients (extended key usage), which makes them useless for a server.
 *
 * A session belongs to one thread. df_ovsdb_session_run() never waits; what waits has a deadline. Times are
 * milliseconds of the monotonic clock.
 */

#define DF_OVSDB_DATABASE "Dragonflow_Northbound"
#define DF_OVSDB_PAUSE_MIN_MS 100
#define DF_OVSDB_PAUSE_MAX_MS 5000

struct df_ovsdb_session;

struct df_ovsdb_handler {
    /* A server is ready for requests. A negative errno ends the connection. */
    int (*ready)(void *arg, struct df_error *error);
    /* The connection that was ready is lost; requests under way have been told. */
    void (*lost)(void *arg);
    /* What concerns our database. Borrowed. A negative errno ends the connection. */
    int (*notify)(void *arg, const char *method, const json_t *params, struct df_error *error);
};

uint64_t df_ovsdb_now_ms(void);

/** Does not connect yet. config's strings must live as long as the session. @return 0, -EINVAL or -ENOMEM */
int df_ovsdb_session_new(const struct df_db_config *config, const struct df_ovsdb_handler *handler, void *arg,
                         struct df_ovsdb_session **session, struct df_error *error);
void df_ovsdb_session_free(struct df_ovsdb_session *session);

/** Does what can be done at once. @return 0: ready; -EAGAIN: connecting; or why the database is away, with a message */
int df_ovsdb_session_run(struct df_ovsdb_session *session, struct df_error *error);

/** Waits until a server is ready. @return 0 or why the database is away, with a message */
int df_ovsdb_session_connect(struct df_ovsdb_session *session, uint64_t deadline, struct df_error *error);

/** Asks without waiting; see df_ovsdb_rpc_ask(). -ENOTCONN when no server is ready. */
int df_ovsdb_session_ask(struct df_ovsdb_session *session, const char *method, json_t *params, df_ovsdb_reply_cb cb,
                         void *arg, struct df_error *error);

/* A request that somebody waits for. Zeroes at first. */
struct df_ovsdb_call {
    bool is_done;
    json_t *result; /* NULL: refused or lost; the caller's */
    bool is_unsure; /* nobody answered, but the server may have it */
};

/** Asks; *call must live until it is done. Several may be under way. */
int df_ovsdb_session_call(struct df_ovsdb_session *session, const char *method, json_t *params,
                          struct df_ovsdb_call *call, struct df_error *error);

/** Waits for its end. @return 0, call->result is there; or a negative errno with a message */
int df_ovsdb_session_wait(struct df_ovsdb_session *session, struct df_ovsdb_call *call, uint64_t deadline,
                          struct df_error *error);

/** Ends the connection for this reason; the next attempt goes to the next end point. Returns code. */
int df_ovsdb_session_fail(struct df_ovsdb_session *session, int code, const struct df_error *error);

/**
 * Whether to leave a server, given whether it is behind what was seen before. It is for moments after a change of
 * leader, and another one will do better; what is behind for 10 s was restored from a backup, and is the truth now.
 */
bool df_ovsdb_session_leave(struct df_ovsdb_session *session, bool is_behind);

/** The end point in use, for messages. */
const char *df_ovsdb_session_place(const struct df_ovsdb_session *session);

bool df_ovsdb_session_is_ready(const struct df_ovsdb_session *session);

/** When a request that begins now must have ended. */
uint64_t df_ovsdb_session_deadline(const struct df_ovsdb_session *session);

/** Sends what was asked, as far as that goes without waiting; a failure is found by df_ovsdb_session_run(). */
void df_ovsdb_session_flush(struct df_ovsdb_session *session);

/** Becomes readable when df_ovsdb_session_run() may have something to do. */
int df_ovsdb_session_fd(struct df_ovsdb_session *session);

/** Sees that it becomes readable at this time at the latest, or when the session wants it, whichever is earlier. */
void df_ovsdb_session_wake_at(struct df_ovsdb_session *session, uint64_t at);
