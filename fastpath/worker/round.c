/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/rcu.h"
#include "fastpath/tunnel/tunnel.h"
#include "fastpath/worker/batch.h"

/* One round of a worker: each queue's burst is served from the flow cache (serve.c), and what misses walks (miss.c). */

static void hint_ports(struct df_conn_key *key, const uint8_t *l4, uint8_t ip_proto)
{
    key->l4_src = rte_be_to_cpu_16(df_load16(l4));
    key->l4_dst = rte_be_to_cpu_16(df_load16(l4 + 2));
    key->ip_proto = ip_proto;
}

/*
 * What the walk of a packet without options will look up by its addresses and ports, read without a check: it is a hint.
 * False: it is no such packet.
 */
static bool hint(const struct df_flow_probe *probe, const struct rte_mbuf *mbuf, struct df_conn_key *key)
{
    const uint8_t *ip = probe->frame + RTE_ETHER_HDR_LEN;
    const uint8_t *end = rte_pktmbuf_mtod(mbuf, const uint8_t *) + mbuf->data_len;
    *key = (struct df_conn_key){0};
    if (ip + 24 <= end && ip[0] == 0x45 && df_load16(ip - 2) == RTE_BE16(RTE_ETHER_TYPE_IPV4)) {
        key->src = df_ip_from4(df_load32(ip + 12));
        key->dst = df_ip_from4(df_load32(ip + 16));
        hint_ports(key, ip + 20, ip[9]);
        return true;
    }
    if (ip + 44 <= end && ip[0] >> 4 == 6 && df_load16(ip - 2) == RTE_BE16(RTE_ETHER_TYPE_IPV6)) {
        memcpy(&key->src, ip + 8, 2 * sizeof(key->src));
        hint_ports(key, ip + 40, ip[6]);
        return true;
    }
    return false;
}

/* The walks of a batch wait for memory one after the other, unless it is fetched for all of them before. */
static void fetch_ahead(struct df_worker *worker, const struct df_batch *b)
{
    const struct df_ways *ways = worker->walk.ways;
    uint64_t hash[DF_BATCH], way[DF_BATCH];
    unsigned n = 0;
    for (unsigned m = 0; m < b->n_misses; m++) {
        struct df_conn_key key;
        unsigned i = b->miss[m];
        if (!hint(&b->probe[i], b->mbufs[i], &key))
            continue;
        hash[n] = df_conn_hash(&key);
        way[n] = df_ways_hash(&key.src, &key.dst);
        df_conn_prefetch(hash[n]);
        if (ways != NULL)
            df_ways_prefetch(ways, way[n]);
        n++;
    }
    for (unsigned k = 0; k < n; k++) {
        df_conn_prefetch_entry(hash[k]);
        if (ways != NULL)
            df_ways_prefetch_way(ways, way[k]);
    }
}

static void walk_misses(struct df_worker *worker, struct df_batch *b)
{
    if (worker->by_l4[b->port] && b->n_misses > 1 && df_conns_ready())
        fetch_ahead(worker, b);
    for (unsigned m = 0; m < b->n_misses; m++) {
        unsigned i = b->miss[m];
        if (!df_batch_serve_late(worker, b, i))
            df_worker_walk(worker, b->port, b->mbufs[i], &b->probe[i], i == b->sample ? b->weight : 0);
    }
}

/* Without a cache. */
static void all_miss(struct df_batch *b)
{
    for (unsigned i = 0; i < b->n; i++) {
        b->probe[i].kind = DF_FLOW_NONE;
        b->miss[i] = (uint8_t)i;
    }
    b->n_misses = b->n;
}

/* The parser and the flow cache read contiguous frames only: what lies in several buffers ends here. */
static __attribute__((noinline, cold)) void drop_chained(struct df_worker *worker, struct df_batch *b)
{
    uint16_t whole = 0;
    for (unsigned i = 0; i < b->n; i++) {
        if (b->mbufs[i]->nb_segs > 1) {
            df_worker_drop(worker, b->port, DF_DROP_CHAINED, b->mbufs[i]);
            continue;
        }
        b->probe[whole].frame = b->probe[i].frame;
        b->mbufs[whole++] = b->mbufs[i];
    }
    b->n = whole;
}

/*
 * An estimate without bias, and exact where packets come one by one: each packet stands for the batch with the same
 * chance. Of full batches one in SAMPLE_BATCHES counts, for all of them, so that it costs nothing.
 */
#define SAMPLE_BATCHES 8
static void draw_sample(struct df_worker *worker, struct df_batch *b)
{
    uint32_t random = worker->random * 1664525u + 1013904223u;
    worker->random = random;
    b->sample = (uint16_t)((uint64_t)random * b->n >> 32);
    b->weight = b->n;
    if (b->n < DF_BATCH)
        return;
    b->weight = DF_BATCH * SAMPLE_BATCHES;
    if ((random & (SAMPLE_BATCHES - 1) << 8) != 0)
        b->sample = DF_BATCH;
}

static void process(struct df_worker *worker, uint16_t port, struct rte_mbuf **mbufs, uint16_t n)
{
    struct df_batch b; /* not cleared: each pass writes what the next one reads */
    uint64_t bytes = 0;
    uint16_t segments = 0; /* of all frames, or-ed: 1 when each has one */
    b.port = port;
    b.n = n;
    b.mbufs = mbufs;
    for (unsigned i = 0; i < n; i++) {
        b.probe[i].frame = rte_pktmbuf_mtod(mbufs[i], uint8_t *);
        rte_prefetch0(b.probe[i].frame);
        bytes += mbufs[i]->pkt_len;
        segments |= mbufs[i]->nb_segs;
    }
    worker->ports[port].rx_packets += n;
    worker->ports[port].rx_bytes += bytes;
    worker->tally.packets += n;
    worker->tally.batches++;
    if (unlikely(segments > 1))
        drop_chained(worker, &b);
    draw_sample(worker, &b);
    if (likely(worker->cache.buckets != NULL))
        df_batch_serve(worker, &b);
    else
        all_miss(&b);
    if (b.n_misses != 0)
        walk_misses(worker, &b);
}

/* What the controller wants sent, or walked again. */
static unsigned send_injected(struct df_worker *worker)
{
    static const struct df_flow_probe none; /* it is not cached */
    struct rte_mbuf *mbufs[DF_BATCH];
    unsigned n = rte_ring_sc_dequeue_burst(worker->injected, (void **)mbufs, DF_BATCH, NULL);
    for (unsigned i = 0; i < n; i++) {
        struct df_punt_info info = *df_punt_info(mbufs[i]);
        if (info.walks)
            df_worker_walk(worker, info.port, mbufs[i], &none, 1);
        else
            df_tx_put(worker, info.port, mbufs[i]);
    }
    worker->tally.injected += n;
    return n;
}

static void flush(struct df_worker *worker)
{
    worker->held = 0;
    while (worker->n_dirty != 0)
        df_tx_flush(worker, worker->dirty[--worker->n_dirty]);
}

static void begin_round(struct df_worker *worker, uint64_t now)
{
    worker->now_ms = df_workers_now_ms();
    worker->walk.now_ms = worker->now_ms;
    uint16_t tick = (uint16_t)(worker->now_ms >> DF_FLOW_TICK_SHIFT);
    if (unlikely(tick != worker->tick)) {
        worker->tick = tick;
        df_flow_cache_age(&worker->cache, tick);
    }
    worker->window = (uint32_t)(now >> worker->window_shift);
    worker->changes = df_stamps_now();
}

static uint16_t serve_burst(struct df_worker *worker, const struct df_poll *poll)
{
    struct rte_mbuf *mbufs[DF_BATCH];
    uint16_t n = poll->port->ops->rx(poll->port, poll->queue, mbufs, DF_BATCH);
    if (n != 0)
        process(worker, poll->port->number, mbufs, n);
    return n;
}

/*
 * Serves each queue once, and then again and again those that gave full bursts, in turn: a round in which many queues
 * have little must not give a busy one, such as the uplink's, so few packets that it overflows while the worker has
 * time left. A round that has had so many packets is over, as those who had little wait.
 */
#define ROUND_PACKETS (16 * DF_BATCH)
static unsigned serve_queues(struct df_worker *worker, const struct df_polls *polls)
{
    uint16_t *full = worker->full;
    unsigned total = 0;
    unsigned asked = polls->n;
    for (bool first = true; asked != 0 && (first || total < ROUND_PACKETS); first = false) {
        unsigned n_full = 0;
        for (unsigned i = 0; i < asked; i++) {
            uint16_t which = first ? (uint16_t)i : full[i];
            uint16_t n = serve_burst(worker, &polls->poll[which]);
            if (n == DF_BATCH)
                full[n_full++] = which;
            total += n;
        }
        asked = n_full;
    }
    return total;
}

unsigned df_worker_round(struct df_worker *worker)
{
    uint64_t start = worker->cycles();
    begin_round(worker, start);
    if (unlikely(df_fragments_any(worker->fragments)))
        df_fragments_expire(worker->fragments, worker->now_ms);
    unsigned total = serve_queues(worker, df_rcu_read(worker->polls));
    if (unlikely(!rte_ring_empty(worker->injected)))
        total += send_injected(worker);
    worker->held += total;
    if (total < DF_BATCH || worker->held >= DF_HELD_MAX)
        flush(worker);

    uint64_t spent = worker->cycles() - start;
    worker->tally.rounds++;
    worker->tally.busy_rounds += total != 0;
    if (total != 0)
        worker->tally.cycles_busy += spent;
    else
        worker->tally.cycles_idle += spent;
    return total;
}
