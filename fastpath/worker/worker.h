/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "fastpath/cache/flow_cache.h"
#include "fastpath/drop.h"
#include "fastpath/fragment/fragment.h"
#include "fastpath/ports/port.h"
#include "fastpath/walk.h"

/*
 * Workers: one lcore each, run to completion, batches of 32.
 *
 *   receive ─► parse ─► flow cache ─┬─► act ─► transmit
 *                                   └─► walk the tables, cache the verdict ─► act
 *
 * A worker owns its flow cache, transmit buffers and counters; nobody else writes them, and readers of counters may see
 * values of different moments. It shares with others only what is read: tables, the list of queues it polls, ports.
 * It reports a quiescent state after each round.
 *
 * df_worker_round() is the body of the loop; the tests call it by hand.
 */

#define DF_BATCH 32

/* Milliseconds that a connection may have been busy since it was noted as seen, because cached flows served it. */
#define DF_WORKER_SEEN_LATE_MS (DF_FLOW_NOTE_TICKS << DF_FLOW_TICK_SHIFT)

/* Counters of one port on one worker. */
struct df_port_tally {
    uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes;
    uint64_t drops[DF_DROPS];
};

/* Counters of a worker. Cycles are of the TSC. */
struct df_worker_tally {
    uint64_t rounds, busy_rounds;
    uint64_t packets, batches;
    uint64_t cycles_busy, cycles_idle;
    uint64_t hits, misses, stale; /* flow cache: served, walked, walked again because something changed */
    uint64_t inserts, evictions, uncacheable;
    uint64_t punts, answers, injected;
    uint64_t floods, flood_copies, flood_tunnel_copies; /* packets that were flooded; their copies; those by tunnels */
};

/* What goes with a packet to the controller. */
struct df_punt_info {
    uint32_t app;
    uint32_t lport;
    uint32_t network;
    uint16_t port;
    bool walks; /* on the way back: as if it came in by port, instead of out of it */
};

struct df_worker_config {
    unsigned n_workers;
    unsigned lcores[RTE_MAX_LCORE];       /* of each worker; ignored by tests that run rounds by hand */
    uint32_t flow_cache_entries;          /* per worker, rounded up to a power of two; 0: no cache */
    uint32_t answers_per_second;          /* per port and worker, ARP, ND, ICMP together */
    uint32_t punts_per_second;            /* per port and worker */
    uint32_t exceptions_per_second;       /* per worker and direction, between underlay and host */
    uint32_t flood_copies_per_second;     /* per port and worker; 0: no limit */
    struct df_fragments_config fragments; /* per worker */
    uint32_t idle_us;                     /* sleep this long after 1000 idle rounds; 0: poll always */
    struct rte_mempool *pool;             /* for copies and answers */
    uint64_t (*cycles)(void);             /* the worker's clock; NULL: the TSC. Tests turn their own by hand */
    uint64_t cycles_per_second;           /* of that clock; 0: the TSC's */
    /** Called on a worker at its first punt after df_workers_punted() had no more; must not block. */
    void (*wake)(void *arg);
    void *wake_arg;
};

struct df_worker;

/** Makes the workers; none runs yet. Control thread, after the EAL. 0, -ENOMEM. */
int df_workers_init(const struct df_worker_config *config);
void df_workers_fini(void);

/** Starts and stops them on their lcores. */
int df_workers_start(void);
void df_workers_stop(void);

/**
 * Milliseconds of the workers' clock (df_worker_config.cycles), the clock of connections and fragments: wraps around.
 * Any thread, after df_workers_init().
 */
uint32_t df_workers_now_ms(void);

unsigned df_workers_count(void);
struct df_worker *df_worker(unsigned index);

/** One round: every queue, then packets from the controller, then transmit. The number of packets it had. */
unsigned df_worker_round(struct df_worker *worker);

/**
 * Makes a port known to workers: its receive queues are spread over them. Control thread.
 * -EEXIST: the number is taken.
 */
int df_ports_publish(struct df_port *port);

/**
 * Hides a port and waits until no worker can be using it, nor has a packet for it: a few rounds, some microseconds.
 * Control thread, which must be offline (rcu.h). The port is then the caller's, for df_port_close(). NULL: no such port.
 */
struct df_port *df_ports_withdraw(uint16_t number);

/** The port of that number, or NULL. Worker between quiescent states, or control thread. */
struct df_port *df_ports_get(uint16_t number);

/**
 * Queues a frame for transmission by a worker. Control thread; copies the frame.
 * -ENODEV, -ENOBUFS (queue or pool is full).
 */
int df_workers_packet_out(uint16_t port, const uint8_t *frame, uint32_t len);

/** Likewise, for the walk of a frame that came in by the port before. */
int df_workers_packet_in(uint16_t port, const uint8_t *frame, uint32_t len);

/** Counts a punted packet, which came in by the port, as dropped. Control thread. */
void df_workers_dropped(uint16_t port, enum df_drop reason);

/** The next punted packet; the caller frees it. NULL: none, and the next one wakes. Control thread. */
struct rte_mbuf *df_workers_punted(struct df_punt_info *info);

/** Sums over workers. */
void df_port_tally(uint16_t port, struct df_port_tally *tally);
void df_worker_tally(const struct df_worker *worker, struct df_worker_tally *tally);
unsigned df_worker_lcore(const struct df_worker *worker);
uint32_t df_worker_flows(const struct df_worker *worker); /* cached flows, counted now */

/**
 * Calls cb with each cached flow of a worker, as far as it can be read while the worker runs on. For `df-ctl flows`.
 */
struct df_flow_info {
    uint16_t in_port, out_port, eth_type;
    uint8_t ip_proto;
    bool by_address_pair; /* ports are not part of the key */
    struct df_ip ip_src, ip_dst;
    uint16_t l4_src, l4_dst;
    struct df_mac eth_src, eth_dst;
    uint8_t drop;        /* enum df_drop */
    uint8_t tunnel_type; /* enum df_tunnel_type it came by */
    uint32_t tunnel_key; /* it came with; 0: from a local port */
    uint32_t idle_ms;    /* since it was last noted: up to DF_WORKER_SEEN_LATE_MS more than since its last packet */
};
void df_worker_flows_each(const struct df_worker *worker, int (*cb)(const struct df_flow_info *flow, void *arg),
                          void *arg);
