/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdio.h>

#include "dbsync/pubsub/config.h"
#include "dbsync/pubsub/publisher.h"

/*
 * The sockets of a publisher: writers push by ipc, subscribers connect by tcp.
 *
 * A subscriber that does not keep up has a queue; what does not fit is dropped for it alone, and its numbers tell it
 * that something is missing. Counted is how often a queue was found full: ZeroMQ then leaves it out until it has been
 * half emptied, and does not tell of how many messages.
 */

#define DF_PUBLISHER_QUEUE 100000
#define DF_PUBLISHER_QUEUE_MAX 10000000

struct df_publisher_sockets;

struct df_publisher_sockets_config {
    const char *bind;            /* where subscribers connect to, as ZeroMQ has it */
    const char *ipc;             /* ipc:///... ; its folder is made, for the owner and group alone */
    const char *secret_key_file; /* CURVE; NULL: anybody may listen */
    const char *clients_file;    /* public keys of those who may, a line each; NULL: who has ours */
    unsigned queue_max;          /* messages that wait for a subscriber, or from a writer; 0: DF_PUBLISHER_QUEUE */
};

int df_publisher_sockets_open(const struct df_publisher_sockets_config *config, struct df_publisher_sockets **sockets,
                              struct df_error *error);
void df_publisher_sockets_close(struct df_publisher_sockets *sockets);

/** Waits for something to do, or fd to be readable (-1: none), at most ms. */
void df_publisher_sockets_wait(struct df_publisher_sockets *sockets, int fd, int ms);

/** Takes what writers pushed and who subscribed. */
void df_publisher_sockets_serve(struct df_publisher_sockets *sockets, struct df_publisher *publisher);

/** How often somebody was not let in. */
uint64_t df_publisher_sockets_not_let_in(const struct df_publisher_sockets *sockets);

/** How often a handshake failed, as somebody has no key, or that of another one. */
uint64_t df_publisher_sockets_failed(const struct df_publisher_sockets *sockets);

/** A df_publisher_send. */
int df_publisher_sockets_send(struct df_publisher_sockets *sockets, const char *topic, const void *data, size_t len);

/** Prints a new pair: "public KEY" and "secret KEY". -ENOTSUP: ZeroMQ was built without CURVE. */
int df_publisher_make_keys(FILE *out);
