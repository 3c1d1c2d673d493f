/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <protobuf-c/protobuf-c.h>

#include "dbsync/driver.h"
#include "dbsync/drivers/etcd/session.h"

/*
 * A handle's way to a cluster: at any time at most one connection, to one of the end points. Where it breaks or does
 * not answer, the next end point is tried; where all were tried in vain, there is a pause, 100 ms at first and twice as
 * long each time up to 5 s, jittered, in which every call fails at once with what was said last. A connection is
 * logged in before it counts, and again when its token has expired.
 *
 * Whoever keeps a call open (the watch) sees by the generation that there is another connection.
 */

struct df_etcd_client;

int df_etcd_client_new(const struct df_db_config *config, struct df_etcd_client **client, struct df_error *error);
void df_etcd_client_free(struct df_etcd_client *client);

/** For messages: the end points. */
const char *df_etcd_client_location(const struct df_etcd_client *client);

struct df_etcd_answer {
    uint8_t *data; /* malloc()ed */
    size_t len;
};

/* What may be done when the answer to a call is lost. */
enum df_etcd_kind {
    DF_ETCD_READ, /* it is asked again, of another member */
    DF_ETCD_WRITE /* -EINPROGRESS */
};

/**
 * One request, one answer, within the time-out.
 *
 * @return 0; -EINPROGRESS, a status's errno, or why there is no connection. -EMSGSIZE: see DF_ETCD_MESSAGE_MAX
 */
int df_etcd_client_call(struct df_etcd_client *client, enum df_etcd_kind kind, const char *path,
                        const ProtobufCMessage *request, struct df_etcd_answer *answer, struct df_error *error);

/**
 * Goes on with whatever is to be done, without waiting.
 * @return 1: there is a connection; 0: it is being made; else why it is away
 */
int df_etcd_client_step(struct df_etcd_client *client, struct df_error *error);

/** A descriptor that polls readable when df_etcd_client_step() has something to do. */
int df_etcd_client_fd(const struct df_etcd_client *client);

/** Keeps that descriptor readable, or not. */
void df_etcd_client_ring(struct df_etcd_client *client, bool on);

/** Grows with each new connection; never 0. */
uint64_t df_etcd_client_generation(const struct df_etcd_client *client);

/** Begins a call that stays open, on the connection that there is. */
int df_etcd_client_open_call(struct df_etcd_client *client, struct df_etcd_call *call, const char *path,
                             const ProtobufCMessage *request, struct df_error *error);
int df_etcd_client_send(struct df_etcd_call *call, const ProtobufCMessage *request, struct df_error *error);

/** How long nothing was heard of the other end, in ms; what asks it for a sign of life does so in time. */
unsigned df_etcd_client_silence(const struct df_etcd_client *client);
unsigned df_etcd_client_timeout(const struct df_etcd_client *client);

/** The other end is no good, code and error say why: it is left, and the next one is tried. */
void df_etcd_client_leave(struct df_etcd_client *client, int code, const struct df_error *error);

/** Wakes the descriptor in so many ms, at the latest. */
void df_etcd_client_alarm(struct df_etcd_client *client, unsigned ms);

/** The monotonic clock in ms. */
uint64_t df_etcd_now(void);
