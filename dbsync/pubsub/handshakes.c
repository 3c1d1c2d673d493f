/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/pubsub/handshakes.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <zmq.h>

#define MONITOR "inproc://handshakes"
#define QUEUE_MAX 100000 /* then ZeroMQ's thread waits until they are taken */
#define FAILED_SAID_S 10 /* between two lines about it: who fails tries again and again */

struct df_handshakes {
    void *watched, *socket;
    bool has_key;
    uint64_t failed, failed_said; /* how many; and when that was said last */
    time_t said_s;                /* 0: never */
};

static int watch(struct df_handshakes *handshakes, void *context, struct df_error *error)
{
    int most = QUEUE_MAX;
    if (zmq_socket_monitor(handshakes->watched, MONITOR,
                           ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL) != 0)
        return df_error_set(error, -ENOMEM, "cannot watch the socket: %s", zmq_strerror(errno));
    handshakes->socket = zmq_socket(context, ZMQ_PAIR);
    if (!handshakes->socket)
        return df_error_set(error, -ENOMEM, "no memory for a socket");
    zmq_setsockopt(handshakes->socket, ZMQ_RCVHWM, &most, sizeof(most));
    if (zmq_connect(handshakes->socket, MONITOR) != 0)
        return df_error_set(error, -ENOMEM, "cannot watch the socket: %s", zmq_strerror(errno));
    return 0;
}

int df_handshakes_watch(void *context, void *socket, bool has_key, struct df_handshakes **made, struct df_error *error)
{
    struct df_handshakes *handshakes = calloc(1, sizeof(*handshakes));
    if (!handshakes)
        return df_error_set(error, -ENOMEM, "out of memory");
    handshakes->watched = socket;
    handshakes->has_key = has_key;
    int rc = watch(handshakes, context, error);
    if (rc)
        df_handshakes_close(handshakes);
    else
        *made = handshakes;
    return rc;
}

void df_handshakes_close(struct df_handshakes *handshakes)
{
    if (!handshakes)
        return;
    zmq_socket_monitor(handshakes->watched, NULL, 0);
    if (handshakes->socket)
        zmq_close(handshakes->socket);
    free(handshakes);
}

void *df_handshakes_socket(struct df_handshakes *handshakes)
{
    return handshakes->socket;
}

static void note_failed(struct df_handshakes *handshakes)
{
    struct timespec now;
    handshakes->failed++;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (handshakes->said_s && now.tv_sec < handshakes->said_s + FAILED_SAID_S)
        return;
    fprintf(stderr, "df-publisher: somebody who connected %s (%" PRIu64 " times since that was said last)\n",
            handshakes->has_key
                ? "has no key, or not this publisher's public key: see [df_zmq] of the nodes"
                : "asks for a key, and this publisher has none (--secret-key), or does not speak ZeroMQ",
            handshakes->failed - handshakes->failed_said);
    handshakes->said_s = now.tv_sec;
    handshakes->failed_said = handshakes->failed;
}

/* Two frames: the event, and the end point, which is ours. */
static bool serve_one(struct df_handshakes *handshakes)
{
    zmq_msg_t frame;
    zmq_msg_init(&frame);
    bool any = zmq_msg_recv(&frame, handshakes->socket, ZMQ_DONTWAIT) >= 0;
    for (int more = any && zmq_msg_more(&frame); more; more = zmq_msg_more(&frame))
        if (zmq_msg_recv(&frame, handshakes->socket, ZMQ_DONTWAIT) < 0)
            break;
    zmq_msg_close(&frame);
    if (any)
        note_failed(handshakes);
    return any;
}

void df_handshakes_serve(struct df_handshakes *handshakes)
{
    while (serve_one(handshakes))
        ;
}

uint64_t df_handshakes_failed(const struct df_handshakes *handshakes)
{
    return handshakes->failed;
}
