/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "dbsync/pubsub/sequence.h"
#include "dbsync/pubsub/subscriber.h"

/* One publisher that a subscriber listens to, and its socket. Private to subscriber.c and hearing.c. */

struct df_source {
    char endpoint[300];
    void *socket;
    struct df_sequences *sequences;
    uint64_t heard_ms; /* 0: never */
    bool unheard;      /* which was said */
    unsigned lies;
    uint64_t shunned_ms; /* until then */
};

/**
 * Reads HOST, HOST:PORT or an IPv6 address into the end point.
 *
 * @param port where the name has none
 */
int df_source_init(struct df_source *source, const char *name, uint16_t port, struct df_error *error);

/** Connects and listens to the topics; its descriptor joins epoll. error may be NULL. */
int df_source_open(struct df_source *source, void *context, int epoll, const struct df_subscriber_config *config,
                   char *const *topics, size_t n_topics, struct df_error *error);
void df_source_close(struct df_source *source);

/** Begins or ends to listen to a topic; "": to everything. */
void df_source_listen(struct df_source *source, const char *topic, bool on);
