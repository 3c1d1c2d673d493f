/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "fastpath/worker/internal.h"

/* The packets of one receive burst, on their way through the passes of a round. Private to fastpath/worker. */

struct df_batch {
    uint16_t port;
    uint16_t n;
    struct rte_mbuf **mbufs;
    struct df_flow_probe probe[DF_BATCH];
    struct df_flow *flow[DF_BATCH]; /* where it may be found */
    uint16_t n_misses;
    uint8_t miss[DF_BATCH];
    uint32_t waits; /* bit i: its flow is found, and its connection on the way from memory */
    /* One packet of the batch stands for so many in the estimates of connections. */
    uint16_t sample;
    uint32_t weight;
};

/**
 * Serves what the flow cache can, in passes over the batch, so that the memory accesses of 32 packets overlap; what is
 * left is in miss[].
 */
void df_batch_serve(struct df_worker *worker, struct df_batch *b);

/** Serves packet i, if a packet before it in the batch brought its flow into the cache meanwhile. */
bool df_batch_serve_late(struct df_worker *worker, struct df_batch *b, unsigned i);
