/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The control page of a replay port.
 *
 * Motivation: programs that share nothing but a DPDK port are to be measured in one way. So the port
 * itself counts, in a file that it maps, and whoever measures maps the same file: no program under
 * measurement has to know that it is one.
 *
 * Who writes what: the port fills in `magic`, `tsc_hz` and `frames` when it is probed, and each queue
 * its own line of counters from the one lcore that polls it. Whoever measures writes `run` and
 * `passes`, and reads the rest at any time. Numbers are native-endian 64-bit words, each written at
 * once; a line's words may be one burst apart, but who sees a turn counted sees when it was.
 *
 * Counters only grow; they are never reset. A rate is the difference of two readings of `packets` by
 * the difference of the two readings of `last_tsc`.
 *
 * replay.py knows this layout too.
 */

#include <assert.h>
#include <stdint.h>

#define REPLAY_CTL_MAGIC UINT64_C(0x31594c5045524644) /* "DFREPLY1" */
#define REPLAY_QUEUES_MAX 16

struct replay_counters {
    uint64_t packets;
    uint64_t bytes;
    uint64_t first_tsc; /* first burst of the run */
    uint64_t last_tsc;  /* latest burst */
    uint64_t done;      /* rx: the last run whose passes are all received */
    uint64_t no_mbuf;   /* rx: bursts that found the mempool empty */
    uint64_t turns;     /* tx, with watch_mac: frames to another MAC than the frame before */
    uint64_t turn_tsc;  /* the burst of the last one */
};
static_assert(sizeof(struct replay_counters) == 64, "a cache line for each queue and direction");

struct replay_ctl {
    uint64_t magic;
    uint64_t tsc_hz;
    uint64_t frames; /* in the file, 0 for a port that receives nothing */
    /* 0 stops; any other number runs. A number other than the last one is a new run: each queue starts
     * again at its own place in the file. The same number goes on where 0 stopped it. */
    uint64_t run;
    uint64_t passes; /* of the whole file, for each queue of the next run; 0 is endless */
    uint64_t unused[3];
    struct replay_counters rx[REPLAY_QUEUES_MAX];
    struct replay_counters tx[REPLAY_QUEUES_MAX];
};
static_assert(sizeof(struct replay_ctl) == 64 + 2 * REPLAY_QUEUES_MAX * 64, "replay.py has this size");
