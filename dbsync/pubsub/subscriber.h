/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "dbsync/feed.h"
#include "dbsync/pubsub/config.h"

/*
 * A feed from publishers over ZeroMQ (tcp).
 *
 * Invariants:
 * - Each publisher has a socket of its own, so what cannot be is laid at the door of the one that sent it: it is
 *   dropped, counted and logged with its end point, and asks for a snapshot. One that lies again and again is not
 *   listened to for a while.
 * - A topic is listened to when each publisher that answers has said hello to it. Numbers of each topic then tell of
 *   every message that is lost, whoever lost it.
 */

struct df_subscriber_config {
    const char *const *publishers; /* host, or host:port; ends with NULL */
    uint16_t port;                 /* of those without one */
    struct df_curve curve;
    unsigned hello_ms;  /* how long to wait for a hello; 0: 1000 */
    unsigned deaf_ms;   /* without a word a publisher is gone; 0: 5000 */
    unsigned queue_max; /* messages of a publisher that wait here; 0: 100000 */
    /* Where lines for the operator go. */
    void (*log)(void *arg, const char *text);
    void *arg;
};

struct df_subscriber_tally {
    uint64_t messages, rows;
    uint64_t gaps;          /* messages that were lost are not counted, only how often some were */
    uint64_t garbage, lies; /* what could not be read; what claimed to be what it is not */
    uint64_t bytes;
    bool deaf;         /* no publisher is heard: the database is watched */
    char unheard[256]; /* end points of publishers that are not heard, as many as fit */
};

/** -EINVAL: an end point or a key cannot be; error says which. Strings stay the caller's. Close with its ops. */
int df_subscriber_new(const struct df_subscriber_config *config, struct df_feed **feed, struct df_error *error);

/** Can a publisher have that name? -EINVAL: error names the remedy. */
int df_subscriber_check_name(const char *name, struct df_error *error);

struct df_subscriber_tally df_subscriber_tally(const struct df_feed *feed);
