/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "dbsync/pubsub/source.h"

/* What subscriber.c (the feed), hearing.c (what its publishers say) and silence.c (that they do not) share. Private to them. */

#define PUBLISHERS_MAX 64

struct subscriber {
    struct df_feed feed;
    struct df_subscriber_config config;
    void *context;
    int epoll;
    int more; /* readable: there is more than was taken */
    struct df_source sources[PUBLISHERS_MAX];
    size_t n_sources;
    char **topics; /* listened to; "" alone: everything */
    size_t n_topics;
    bool gap;
    uint64_t stale_ms; /* a snapshot was asked for last */
    bool tried;        /* each had its chance to say hello */
    struct df_subscriber_tally tally;
};

/** Of a clock that only goes on, in milliseconds. */
uint64_t df_subscriber_now_ms(void);

/** A line for the operator. */
void df_subscriber_say(const struct subscriber *subscriber, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/** Was nothing heard of it for some time? */
bool df_subscriber_is_silent(const struct subscriber *subscriber, const struct df_source *source);

/** Says and notes who is not heard. Returns whether nobody is. */
bool df_subscriber_note_silence(struct subscriber *subscriber);

/** It lied: a snapshot is asked for, that is logged, and at last it is not listened to. */
void df_subscriber_disbelieve(struct subscriber *subscriber, struct df_source *source, const char *why);

/**
 * Takes what came, for a while: a publisher that sends more than can be taken must not keep the thread, which has a
 * lease to renew. What is left polls readable.
 */
void df_subscriber_hear(struct subscriber *subscriber, df_feed_row_cb cb, void *arg);
