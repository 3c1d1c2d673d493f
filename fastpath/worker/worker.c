/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <rte_cycles.h>
#include <rte_launch.h>
#include <rte_malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "fastpath/rcu.h"
#include "fastpath/worker/internal.h"

#define RING_SIZE 1024
#define FLOWS_PER_WAY 8
#define WAYS_MAX 131072
#define IDLE_ROUNDS 1000 /* before a worker that may sleep sleeps */

/* What the controller takes of the underlay: it asks a hundred addresses a second, and holds 64 packets. */
#define NEIGHBOURS_PER_SECOND 1000
#define PATH_MTUS_PER_SECOND 40
#define UNRESOLVED_PER_SECOND 64
#define MLD_QUERIES_PER_SECOND 32

#define WINDOWS_PER_SECOND 8 /* of allowances, about: the nearest power of two in cycles */

static struct df_worker *workers[RTE_MAX_LCORE];
static unsigned n_workers;
static uint64_t (*clock_cycles)(void);
static uint64_t ms_per_cycle; /* in units of 2^-64 */
int df_punt_info_offset = -1;

uint32_t df_workers_now_ms(void)
{
    return (uint32_t)((__uint128_t)clock_cycles() * ms_per_cycle >> 64);
}

unsigned df_workers_count(void)
{
    return n_workers;
}

struct df_worker *df_worker(unsigned index)
{
    return workers[index];
}

unsigned df_worker_lcore(const struct df_worker *worker)
{
    return worker->lcore;
}

static unsigned shift_of(uint64_t cycles)
{
    return 63 - (unsigned)__builtin_clzll(cycles | 1);
}

/* A limit per second as a limit per window, which is at most one WINDOWS_PER_SECOND-th of it, and at least one. */
static uint32_t per_window(uint32_t per_second, uint64_t hz, unsigned window_shift)
{
    uint64_t limit = (uint64_t)per_second * (1ull << window_shift) / hz;
    return limit != 0 ? (uint32_t)limit : 1;
}

static uint64_t hz_of(const struct df_worker_config *config)
{
    return config->cycles_per_second != 0 ? config->cycles_per_second : rte_get_tsc_hz();
}

static void set_common_clock(const struct df_worker_config *config)
{
    clock_cycles = config->cycles != NULL ? config->cycles : rte_rdtsc;
    ms_per_cycle = (uint64_t)(((__uint128_t)1000 << 64) / hz_of(config));
}

static void set_clock(struct df_worker *worker, const struct df_worker_config *config)
{
    uint64_t hz = hz_of(config);
    worker->cycles = config->cycles != NULL ? config->cycles : rte_rdtsc;
    worker->window_shift = shift_of(hz / WINDOWS_PER_SECOND);
    const uint32_t per_second[DF_ALLOWED] = {
        [DF_ALLOW_ANSWER] = config->answers_per_second,  [DF_ALLOW_ECHO] = config->answers_per_second,
        [DF_ALLOW_PUNT] = config->punts_per_second,      [DF_ALLOW_NEIGHBOUR] = NEIGHBOURS_PER_SECOND,
        [DF_ALLOW_PATH_MTU] = PATH_MTUS_PER_SECOND,      [DF_ALLOW_UNRESOLVED] = UNRESOLVED_PER_SECOND,
        [DF_ALLOW_HOST] = config->exceptions_per_second, [DF_ALLOW_MLD] = MLD_QUERIES_PER_SECOND,
    };
    for (unsigned what = 0; what < DF_ALLOWED; what++)
        worker->per_window[what] = per_window(per_second[what], hz, worker->window_shift);
}

static struct rte_ring *ring_new(const char *what, unsigned index)
{
    char name[RTE_RING_NAMESIZE];
    snprintf(name, sizeof(name), "df_%s_%u", what, index);
    return rte_ring_create(name, RING_SIZE, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
}

static void drop_held(void *packet, uint16_t port, enum df_drop reason, void *arg)
{
    df_worker_drop(arg, port, reason, packet);
}

/* What waited for its ports when the last round ended. */
static void free_unsent(struct df_worker *worker)
{
    for (uint16_t i = 0; i < worker->n_dirty; i++) {
        struct df_tx_buffer *tx = &worker->tx[worker->dirty[i]];
        rte_pktmbuf_free_bulk(tx->mbufs, tx->n);
    }
}

static void worker_free(struct df_worker *worker)
{
    if (worker == NULL)
        return;
    free_unsent(worker);
    rte_ring_free(worker->injected);
    rte_ring_free(worker->punted);
    df_fragments_free(worker->fragments);
    df_flow_cache_fini(&worker->cache);
    df_ways_fini(&worker->ways);
    free(worker);
}

static struct df_worker *worker_new(const struct df_worker_config *config, unsigned index)
{
    struct df_worker *worker = aligned_alloc(64, sizeof(*worker));
    if (worker == NULL)
        return NULL;
    memset(worker, 0, sizeof(*worker));
    worker->index = index;
    worker->lcore = config->lcores[index];
    worker->idle_us = config->idle_us;
    worker->pool = config->pool;
    worker->wake = config->wake;
    worker->wake_arg = config->wake_arg;
    worker->polls = &worker->poll_lists[0];
    worker->walk.outputs = worker->outputs;
    worker->walk.outputs_max = DF_OUTPUTS_MAX;
    set_clock(worker, config);
    worker->injected = ring_new("injected", index);
    worker->punted = ring_new("punted", index);
    worker->fragments = df_fragments_new(&config->fragments, drop_held, worker);
    worker->random = index + 1;
    worker->walk.worker = index;
    if (worker->injected == NULL || worker->punted == NULL || worker->fragments == NULL ||
        df_flow_cache_init(&worker->cache, config->flow_cache_entries) != 0 ||
        df_ways_init(&worker->ways, RTE_MIN(config->flow_cache_entries / FLOWS_PER_WAY, WAYS_MAX)) != 0) {
        worker_free(worker);
        return NULL;
    }
    df_flood_allowance_init(&worker->floods, config->flood_copies_per_second);
    worker->walk.floods = config->flood_copies_per_second != 0 ? &worker->floods : NULL;
    worker->walk.ways = worker->ways.way != NULL ? &worker->ways : NULL; /* a small cache keeps none */
    return worker;
}

static int register_punt_info(void)
{
    static const struct rte_mbuf_dynfield field = {
        .name = "df_punt_info", .size = sizeof(struct df_punt_info), .align = __alignof__(struct df_punt_info)};
    df_punt_info_offset = rte_mbuf_dynfield_register(&field);
    return df_punt_info_offset < 0 ? -ENOMEM : 0;
}

int df_workers_init(const struct df_worker_config *config)
{
    if (register_punt_info() != 0)
        return -ENOMEM;
    set_common_clock(config);
    for (unsigned i = 0; i < config->n_workers; i++) {
        workers[i] = worker_new(config, i);
        if (workers[i] == NULL) {
            df_workers_fini();
            return -ENOMEM;
        }
        n_workers = i + 1;
    }
    return 0;
}

static void drain(struct rte_ring *ring)
{
    void *mbuf;
    while (rte_ring_sc_dequeue(ring, &mbuf) == 0)
        rte_pktmbuf_free(mbuf);
}

void df_workers_fini(void)
{
    for (unsigned i = 0; i < n_workers; i++) {
        drain(workers[i]->injected);
        drain(workers[i]->punted);
        worker_free(workers[i]);
        workers[i] = NULL;
    }
    n_workers = 0;
}

/* Sleeping lets others have the core where the operator asked for it; an offline thread delays no grace period. */
static void idle(struct df_worker *worker)
{
    uint64_t start = worker->cycles();
    df_rcu_offline();
    usleep(worker->idle_us);
    df_rcu_online();
    worker->tally.cycles_idle += worker->cycles() - start;
}

static int worker_main(void *arg)
{
    struct df_worker *worker = arg;
    unsigned idle_rounds = 0;
    df_rcu_register();
    while (!atomic_load_explicit(&worker->stop, memory_order_relaxed)) {
        idle_rounds = df_worker_round(worker) != 0 ? 0 : idle_rounds + 1;
        df_rcu_quiescent();
        if (unlikely(idle_rounds > IDLE_ROUNDS && worker->idle_us != 0))
            idle(worker);
    }
    df_rcu_unregister();
    return 0;
}

int df_workers_start(void)
{
    for (unsigned i = 0; i < n_workers; i++) {
        atomic_store(&workers[i]->stop, false);
        int error = rte_eal_remote_launch(worker_main, workers[i], workers[i]->lcore);
        if (error != 0) {
            df_workers_stop();
            return error;
        }
    }
    return 0;
}

void df_workers_stop(void)
{
    for (unsigned i = 0; i < n_workers; i++)
        atomic_store(&workers[i]->stop, true);
    for (unsigned i = 0; i < n_workers; i++)
        rte_eal_wait_lcore(workers[i]->lcore);
}
