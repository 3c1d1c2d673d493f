/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "fastpath/ports/port.h"

/*
 * Packets that wait, in queues that share one room.
 *
 * Invariant: a packet is in one queue, or nobody's here. A port has at most per_port of them, and never more than there
 * is room left for others.
 *
 * Private to fastpath/fragment. Threads: the worker.
 */

#define DF_WAITING_NONE UINT32_MAX

struct df_waiting_packet {
    void *packet;
    uint32_t next; /* in its queue, or of the free ones */
    uint16_t port;
};

struct df_waiting_queue {
    uint32_t first, last; /* index of a packet, or DF_WAITING_NONE */
};

static const struct df_waiting_queue df_waiting_empty = {DF_WAITING_NONE, DF_WAITING_NONE};

struct df_waiting {
    uint32_t n, max, per_port;
    struct df_waiting_packet *packets;
    uint32_t used; /* from here on none was ever used, so memory is touched as it is needed */
    uint32_t free;
    uint32_t of[DF_PORTS_MAX]; /* by port */
};

/** Makes room for max packets. -ENOMEM. Control thread, as df_waiting_fini(). */
int df_waiting_init(struct df_waiting *waiting, uint32_t max, uint32_t per_port);
void df_waiting_fini(struct df_waiting *waiting);

/** Does one port have, of what is left, so much that it could take all? */
static inline bool df_waiting_has_share(uint32_t of_port, uint32_t left)
{
    return of_port >= left;
}

/** May a packet of that port wait? */
bool df_waiting_may(const struct df_waiting *waiting, uint16_t port);

/** It waits in the queue from now on; df_waiting_may() said so. */
void df_waiting_put(struct df_waiting *waiting, struct df_waiting_queue *queue, void *packet, uint16_t port);

/** The oldest packet of a queue, which is the caller's again; NULL: there is none. */
void *df_waiting_take(struct df_waiting *waiting, struct df_waiting_queue *queue, uint16_t *port);

/** Moves all packets of a queue behind those of another. */
void df_waiting_move(struct df_waiting *waiting, struct df_waiting_queue *from, struct df_waiting_queue *to);
