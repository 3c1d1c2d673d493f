/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "dbsync/drivers/etcd/frame.h"
#include "dbsync/drivers/etcd/endpoint.h"
#include "dbsync/drivers/etcd/status.h"
#include "dbsync/net/line.h"

/*
 * gRPC on one connection: any number of calls at a time, each an HTTP/2 stream (nghttp2). A call sends one message and
 * ends its half, or stays open to send more (a watch). Nothing here waits.
 */

struct df_etcd_session;

struct df_etcd_call {
    df_etcd_message_cb on_message;             /* for each message of the answer; not 0: the session is broken */
    void (*on_end)(struct df_etcd_call *call); /* when `ended` is set; may free the call */
    void *arg;
    /* How it ended. */
    bool ended;
    bool answered;  /* by a status; else the connection broke off */
    bool too_large; /* the answer was over DF_ETCD_MESSAGE_MAX, and was refused */
    int status;
    char text[DF_ETCD_STATUS_TEXT];
    /* Of the session alone. */
    struct df_etcd_session *session;
    struct df_etcd_call *next;
    int stream;
    bool open; /* more may be sent */
    struct df_etcd_buffer out, in;
};

/** Takes the line, also when it fails. -ENOMEM. */
int df_etcd_session_new(struct df_line *line, const struct df_etcd_endpoint *to, bool tls,
                        struct df_etcd_session **session, struct df_error *error);

/** Ends its calls (answered is false) and closes the line. */
void df_etcd_session_free(struct df_etcd_session *session);

/**
 * Begins a call; the callbacks and arg are set, the rest is zero. It must live until it ended or was dropped.
 * token: NULL or what Authenticate gave. open: more is to be sent.
 */
int df_etcd_session_call(struct df_etcd_session *session, struct df_etcd_call *call, const char *path,
                         const char *token, const void *message, size_t len, bool open, struct df_error *error);

/** Sends one more message. */
int df_etcd_call_send(struct df_etcd_call *call, const void *message, size_t len, struct df_error *error);

/** Forgets a call that did not end: it is reset, and nothing of it is touched any more. */
void df_etcd_call_drop(struct df_etcd_call *call);

/** Sends and receives what the socket allows, and makes the callbacks. A negative errno: it is broken. */
int df_etcd_session_step(struct df_etcd_session *session, struct df_error *error);

int df_etcd_session_fd(const struct df_etcd_session *session);
/** What to poll it for. */
short df_etcd_session_events(struct df_etcd_session *session);

/** How often something has come: it lives as long as this moves. */
uint64_t df_etcd_session_heard(const struct df_etcd_session *session);
