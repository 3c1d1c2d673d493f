/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "dbsync/drivers/ovsdb/answer.h"
#include "dbsync/drivers/ovsdb/session.h"

/*
 * What a watch is told: a monitor of the log, table Change, whose rows are kept here until watch() asks for them.
 *
 * ovsdb-server may put several transactions into one update, and what was inserted and deleted in between is in none.
 * Rows of the log are inserted once and never changed, so an update has every transaction that the log still has; and
 * the log drops only what is older than Meta.mark (plan.h). So nothing was missed exactly when an update that moves
 * Meta.floor moves it to the mark that was known before; otherwise the stream is stale.
 *
 * A lost connection goes on from the last transaction's id, where the server remembers it (monitor_cond_since);
 * otherwise the server sends all of its log, and the stream goes on in that, or is stale when the log begins later.
 */

#define DF_OVSDB_TOPICS_MAX 65536
#define DF_OVSDB_WAITING_MAX ((size_t)256 << 20) /* bytes of changes that nobody asked for yet; then it is stale */

enum df_ovsdb_stream_state {
    DF_OVSDB_STREAM_NONE,
    DF_OVSDB_STREAM_STARTING,
    DF_OVSDB_STREAM_LIVE,
    DF_OVSDB_STREAM_LOST
};

struct df_ovsdb_stream {
    enum df_ovsdb_stream_state state;
    unsigned serial;                         /* of the monitor, whose name it is part of */
    char transaction[DF_OVSDB_UUID_LEN + 1]; /* the last one's id; "": unknown */
    char instance[DF_OVSDB_UUID_LEN + 1];
    uint64_t mark;
    uint64_t base;    /* the oldest revision that the stream can go on from */
    uint64_t reached; /* all up to here has come from the server */
    uint64_t known;   /* the highest revision that was heard of */
    struct df_ovsdb_batch *first, **last;
    size_t waiting;      /* bytes */
    bool leases_changed; /* since it was last cleared */
    bool is_monitored;   /* the server has our monitor on this connection */
    json_t *where;       /* which log rows: a condition of OVSDB */
    struct df_ovsdb_session *session;
};

void df_ovsdb_stream_init(struct df_ovsdb_stream *stream, struct df_ovsdb_session *session);
void df_ovsdb_stream_free(struct df_ovsdb_stream *stream);

/** Begins anew, from where the database is. Does not wait. */
int df_ovsdb_stream_start(struct df_ovsdb_stream *stream, struct df_error *error);

/** The session is ready again: goes on, when there is something to go on with. */
int df_ovsdb_stream_resume(struct df_ovsdb_stream *stream, struct df_error *error);

/** The connection is lost. */
void df_ovsdb_stream_lost(struct df_ovsdb_stream *stream);

/** It cannot tell everything any more. */
void df_ovsdb_stream_stale(struct df_ovsdb_stream *stream);

/** An update for it, or for nobody. */
int df_ovsdb_stream_notify(struct df_ovsdb_stream *stream, const char *method, const json_t *params,
                           struct df_error *error);

/** Sets the condition, which is taken; tells the server by *call when the stream is live. */
int df_ovsdb_stream_follow(struct df_ovsdb_stream *stream, json_t *where, struct df_ovsdb_call *call,
                           struct df_error *error);

/** As watch() of the contract, of what has come. */
int df_ovsdb_stream_tell(struct df_ovsdb_stream *stream, uint64_t *revision, df_db_row_cb cb, void *arg);
