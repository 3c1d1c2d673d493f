/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "dbsync/drivers/etcd/client.h"

/* What the files of client.h share: client.c has the handle and its descriptor, connection.c the way to a member, call.c
 * what is asked of it. */

#define DF_ETCD_PAUSE_MIN_MS 100

enum df_etcd_state_of_line { DOWN, CONNECTING, LOGIN, READY };

struct df_etcd_client {
    struct df_etcd_endpoints endpoints;
    size_t at; /* the one that is used, or is tried next */
    SSL_CTX *tls;
    char *location, *user, *password;
    unsigned timeout_ms;

    enum df_etcd_state_of_line state;
    struct df_line *line; /* while connecting */
    struct df_etcd_session *session;
    struct df_etcd_call login;
    struct df_etcd_answer login_answer;
    char *token;
    uint64_t generation;

    size_t failures; /* end points that were tried in vain, one after the other */
    unsigned pause_ms;
    uint64_t next_try, attempt_ends, ready_at; /* monotonic ms */
    uint64_t heard, heard_at;
    bool proven; /* this connection has answered a call: when it breaks, the next try needs no pause */
    int rc;      /* why it is down, and the text */
    struct df_error error;

    int poll_fd, timer_fd, bell_fd;
    uint64_t alarm;
    uint32_t polled; /* what epoll was asked for */
};

/* The descriptor. */
uint32_t df_etcd_client_wanted(const struct df_etcd_client *client);
int df_etcd_client_socket(const struct df_etcd_client *client);
void df_etcd_client_update_poll(struct df_etcd_client *client);
void df_etcd_client_set_timer(struct df_etcd_client *client, uint64_t at);

/* The connection. */
void df_etcd_client_disconnect(struct df_etcd_client *client);
/** One state on; a failure leaves the end point. may_wait: for the resolver. */
void df_etcd_client_step_once(struct df_etcd_client *client, bool may_wait);
/** All that can be done now; as df_etcd_client_step(). */
int df_etcd_client_try(struct df_etcd_client *client, bool may_wait, struct df_error *error);
int df_etcd_client_login(struct df_etcd_client *client, struct df_error *error);
/** What one of several end points gets of a time. */
unsigned df_etcd_client_share(const struct df_etcd_client *client, unsigned ms);
int df_etcd_client_too_late(const struct df_etcd_client *client, struct df_error *error);

/* Calls. */
int df_etcd_client_start(struct df_etcd_client *client, struct df_etcd_call *call, const char *path,
                         const ProtobufCMessage *request, bool open, struct df_error *error);
int df_etcd_keep_answer(const uint8_t *data, size_t len, void *arg);
void df_etcd_call_ended(struct df_etcd_call *call);
