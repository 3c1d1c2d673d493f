/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The control page of one replay port or of several that are measured together.
 *
 * Motivation: programs that share nothing but a DPDK port are to be measured in one way. So the port
 * itself counts, in a file that it maps, and whoever measures maps the same file: no program under
 * measurement has to know that it is one. Ports that map the same file start and stop together; each
 * has lines of its own, from the one that its device arguments name.
 *
 * Who writes what: each port fills in `magic`, `tsc_hz` and `frames` of its lines when it is probed and
 * then adds itself to `ports`, and each queue writes its own line of counters from the one lcore that
 * polls it. Whoever measures writes `run`, `passes`, `muted`, `frame_ticks` and `wakes`, and reads the
 * rest at any time. Numbers are native-endian 64-bit words, each written at once; a line's words may be
 * one burst apart, but who sees a turn counted sees when it was.
 *
 * Counters only grow; they are never reset. A rate is the difference of two readings of `packets` by
 * the difference of the two readings of `last_tsc`.
 *
 * replay.py knows this layout too.
 */

#include <assert.h>
#include <stdint.h>

#define REPLAY_CTL_MAGIC UINT64_C(0x32594c5045524644) /* "DFREPLY2" */
#define REPLAY_QUEUES_MAX 16                          /* of a port */
#define REPLAY_LINES 64                               /* of all ports of a page; `muted` has a bit for each */

struct replay_counters {
    uint64_t packets;
    uint64_t bytes;
    uint64_t first_tsc; /* first burst of the run */
    uint64_t last_tsc;  /* latest burst */
    union {
        uint64_t done;  /* rx: the last run whose passes are all received */
        uint64_t turns; /* tx, with watch_mac: frames to another MAC than the frame before */
    };
    union {
        uint64_t no_mbuf;  /* rx: bursts that found the mempool empty */
        uint64_t turn_tsc; /* tx: the burst of the last turn */
    };
    uint64_t missed; /* rx, paced: frames that found no descriptor free */
    uint64_t frames; /* rx: in the file of the port, in the line of its first queue */
};
static_assert(sizeof(struct replay_counters) == 64, "a cache line for each queue and direction");

struct replay_ctl {
    uint64_t magic;
    uint64_t tsc_hz;
    uint64_t ports; /* that have opened the page */
    /* 0 stops; any other number runs. A number other than the last one is a new run: each queue starts
     * again at its own place in the file. The same number goes on where 0 stopped it. */
    uint64_t run;
    uint64_t passes; /* of the whole file, for each queue of the next run; 0 is endless */
    uint64_t muted;  /* a bit for each line: a port whose first line is in here receives nothing in the next run */
    /* 0: there are frames whenever a queue is polled. Otherwise they arrive one by one, so many ticks of the
     * TSC apart (on a port with every=N, N times as many), and wait in as many descriptors as the queue has. */
    uint64_t frame_ticks;
    uint64_t wakes; /* when this changes, frames begin to arrive now, however long nobody polled */
    struct replay_counters rx[REPLAY_LINES];
    struct replay_counters tx[REPLAY_LINES];
};
static_assert(sizeof(struct replay_ctl) == 64 + 2 * REPLAY_LINES * 64, "replay.py has this size");
