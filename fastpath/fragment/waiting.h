/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*
 * Packets that wait, in queues that share one room.
 *
 * Invariant: a packet is in one queue, or nobody's here.
 *
 * Private to fastpath/fragment. Threads: the worker.
 */

#define DF_WAITING_NONE UINT32_MAX

struct df_waiting_packet {
    void *packet;
    uint32_t next; /* in its queue, or of the free ones */
};

struct df_waiting_queue {
    uint32_t first, last; /* index of a packet, or DF_WAITING_NONE */
};

static const struct df_waiting_queue df_waiting_empty = {DF_WAITING_NONE, DF_WAITING_NONE};

struct df_waiting {
    uint32_t n, max;
    struct df_waiting_packet *packets;
    uint32_t used; /* from here on none was ever used, so memory is touched as it is needed */
    uint32_t free;
};

/** Makes room for max packets. -ENOMEM. Control thread, as df_waiting_fini(). */
int df_waiting_init(struct df_waiting *waiting, uint32_t max);
void df_waiting_fini(struct df_waiting *waiting);

static inline bool df_waiting_is_full(const struct df_waiting *waiting)
{
    return waiting->n == waiting->max;
}

/** It waits in the queue from now on; there was room. */
void df_waiting_put(struct df_waiting *waiting, struct df_waiting_queue *queue, void *packet);

/** The oldest packet of a queue, which is the caller's again; NULL: there is none. */
void *df_waiting_take(struct df_waiting *waiting, struct df_waiting_queue *queue);
