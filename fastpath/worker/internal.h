/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <rte_mbuf.h>
#include <rte_mbuf_dyn.h>
#include <rte_ring.h>

#include "fastpath/cache/flow_cache.h"
#include "fastpath/fragment/fragment.h"
#include "fastpath/tables/flood_allowance.h"
#include "fastpath/worker/worker.h"

/*
 * What a worker is, for the files of this folder and fastpath/act/ only.
 *
 * Everything in struct df_worker is written by the worker alone, except its last members: the lists of queues, which
 * the control thread prepares and publishes, and two flags.
 */

struct df_tx_buffer {
    uint16_t n;
    uint32_t bytes;
    struct rte_mbuf *mbufs[DF_BATCH];
};

#define DF_POLLS_MAX 4096 /* receive queues per worker */

/*
 * Under load packets for the same port are gathered over some rounds, until the worker has received so many, so that a
 * burst to it is worth its cost: with 16 ports that each get two packets a round, that is a quarter of the time of a
 * packet. They wait for some microseconds. A round with less than a batch ends the wait, so it lasts that many rounds.
 */
#define DF_HELD_MAX (8 * DF_BATCH)
#define DF_ROUNDS_HELD_MAX (DF_HELD_MAX / DF_BATCH)

/* The queues a worker polls. */
struct df_poll {
    struct df_port *port;
    uint16_t queue;
};
struct df_polls {
    unsigned n;
    struct df_poll poll[DF_POLLS_MAX];
};

/* What a port may cause only so often. */
enum df_allowed {
    DF_ALLOW_ANSWER,
    DF_ALLOW_ECHO, /* by the underlay, so that pings do not keep those from being answered who ask for our MAC */
    DF_ALLOW_PUNT,
    DF_ALLOW_NEIGHBOUR,  /* of the underlay, that say who has an address */
    DF_ALLOW_PATH_MTU,   /* errors of the underlay */
    DF_ALLOW_MLD,        /* queries for multicast listeners, by the underlay */
    DF_ALLOW_UNRESOLVED, /* packets that are to wait for a peer's MAC */
    DF_ALLOW_HOST,       /* between underlay and host */
    DF_ALLOWED
};

/* How often it did in the present window of time. */
struct df_allowance {
    uint32_t window;
    uint32_t used[DF_ALLOWED];
};

struct df_worker {
    unsigned index;
    unsigned lcore;
    uint32_t now_ms;  /* of this round: df_workers_now_ms() */
    uint16_t tick;    /* of the flow cache's ages: now_ms >> DF_FLOW_TICK_SHIFT */
    uint32_t window;  /* of allowances: cycles >> window_shift */
    uint32_t changes; /* of the model, as seen since the last quiescent state */
    uint32_t random;  /* which packet of a batch stands for it in the estimates of connections */
    unsigned window_shift;
    uint32_t per_window[DF_ALLOWED];
    uint64_t (*cycles)(void);
    uint32_t idle_us;
    struct rte_mempool *pool;
    void (*wake)(void *arg);
    void *wake_arg;

    struct df_flow_cache cache;
    struct df_ways ways;
    struct df_flood_allowance floods;
    struct df_worker_tally tally;
    struct df_polls *polls;      /* RCU: one of poll_lists */
    uint16_t full[DF_POLLS_MAX]; /* scratch of a round: the queues that gave full bursts */
    struct rte_ring *injected, *punted;
    struct df_fragments *fragments;
    struct df_walk walk; /* scratch of the packet that is walking */
    struct df_output outputs[DF_OUTPUTS_MAX];

    uint32_t held; /* packets received since the transmit buffers were flushed */
    uint16_t n_dirty;
    uint16_t dirty[DF_PORTS_MAX]; /* ports with packets in their transmit buffer */
    uint8_t by_l4[DF_PORTS_MAX];  /* a decision of this ingress read ports */
    struct df_allowance allowance[DF_PORTS_MAX];
    struct df_tx_buffer tx[DF_PORTS_MAX];
    struct df_port_tally ports[DF_PORTS_MAX];
    struct df_polls poll_lists[2]; /* the control thread's */
    _Atomic bool stop;
    _Atomic bool woken; /* the controller was, and has not found all rings empty since */
} __attribute__((aligned(64)));

extern int df_punt_info_offset; /* dynamic field of an mbuf, of struct df_punt_info */

static inline struct df_punt_info *df_punt_info(struct rte_mbuf *mbuf)
{
    return RTE_MBUF_DYNFIELD(mbuf, df_punt_info_offset, struct df_punt_info *);
}

/** Sends what waits for a port. */
void df_tx_flush(struct df_worker *worker, uint16_t port);

/** Queues a packet for a port; the worker owns it no more. */
static inline void df_tx_put(struct df_worker *worker, uint16_t port, struct rte_mbuf *mbuf)
{
    struct df_tx_buffer *tx = &worker->tx[port];
    if (tx->n == 0)
        worker->dirty[worker->n_dirty++] = port;
    tx->mbufs[tx->n++] = mbuf;
    tx->bytes += mbuf->pkt_len;
    if (tx->n == DF_BATCH) {
        df_tx_flush(worker, port);
        worker->n_dirty--;
        /* The flushed port need not be the last of the list: the one that is takes its place. */
        for (uint16_t i = 0; i < worker->n_dirty; i++) {
            if (worker->dirty[i] == port) {
                worker->dirty[i] = worker->dirty[worker->n_dirty];
                break;
            }
        }
    }
}

/** Counts a drop of a packet that came in by port, and frees it. */
static inline void df_worker_drop(struct df_worker *worker, uint16_t port, enum df_drop reason, struct rte_mbuf *mbuf)
{
    worker->ports[port].drops[reason]++;
    rte_pktmbuf_free(mbuf);
}

/**
 * Walks the tables with a packet that came in by port, and does what they decide; the mbuf is gone afterwards.
 *
 * @param probe  how the cache saw it; of kind DF_FLOW_NONE: it is not cached
 * @param weight for how many packets it stands in the estimates of its connections; 0: none
 */
void df_worker_walk(struct df_worker *worker, uint16_t port, struct rte_mbuf *mbuf, const struct df_flow_probe *probe,
                    uint32_t weight);

/** Gives a packet to the controller, within the port's allowance. */
void df_punt(struct df_worker *worker, struct rte_mbuf *mbuf, const struct df_punt_info *info);

/** Is there allowance left for one more of this port? Takes it. */
bool df_allow(struct df_worker *worker, uint16_t port, enum df_allowed what);
