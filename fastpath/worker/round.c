/* SPDX-License-Identifier: Apache-2.0 */

#include "fastpath/act/act.h"
#include "fastpath/rcu.h"
#include "fastpath/worker/internal.h"

/*
 * One round of a worker. The flow cache is looked up for a whole batch in passes, so that the memory accesses of 32
 * packets overlap; what misses walks the tables one by one.
 */

struct batch {
    uint16_t port;
    uint16_t n;
    struct rte_mbuf **mbufs;
    uint8_t *frame[DF_BATCH];
    uint8_t kind[DF_BATCH]; /* enum df_flow_kind */
    struct df_flow_key key[DF_BATCH];
    uint64_t hash[DF_BATCH];
    struct df_flow *flow[DF_BATCH]; /* where it may be found */
    uint16_t n_misses;
    uint8_t miss[DF_BATCH];
};

static void read_keys(struct df_worker *worker, struct batch *b)
{
    bool by_l4 = worker->by_l4[b->port];
    for (unsigned i = 0; i < b->n; i++) {
        b->kind[i] = (uint8_t)df_flow_key_read(b->frame[i], b->mbufs[i]->data_len, b->port, by_l4, &b->key[i]);
        b->hash[i] = likely(b->kind[i] != DF_FLOW_NONE) ? df_flow_hash(&b->key[i]) : 0;
        b->flow[i] = &df_flow_bucket(&worker->cache, b->hash[i])->flow[df_flow_preferred(b->hash[i])];
        rte_prefetch0(b->flow[i]);
    }
}

/* Does what a cached flow says. False: this packet must walk (its TTL runs out on the way). */
static inline bool act_on_flow(struct df_worker *worker, struct batch *b, unsigned i, const struct df_flow *flow)
{
    uint8_t *frame = b->frame[i];
    if (unlikely(flow->action == DF_FLOW_DROP)) {
        df_worker_drop(worker, b->port, flow->drop, b->mbufs[i]);
        return true;
    }
    if (flow->ttl_less != 0) {
        uint8_t ttl = frame[RTE_ETHER_HDR_LEN + (b->kind[i] & DF_FLOW_IP4 ? 8 : 7)];
        if (unlikely(ttl <= flow->ttl_less))
            return false;
        df_act_rewrite(flow, frame);
    }
    df_tx_put(worker, flow->out_port, b->mbufs[i]);
    return true;
}

/* Acts on packet i if its flow is where b->flow[i] says, and holds. */
static inline bool serve(struct df_worker *worker, struct batch *b, unsigned i)
{
    struct df_flow *flow = b->flow[i];
    if (unlikely(b->kind[i] == DF_FLOW_NONE) ||
        unlikely(!df_flow_is(&worker->cache, flow, &b->key[i], b->kind[i], b->frame[i])) ||
        unlikely(!df_flow_holds(&worker->cache, flow, worker->changes)))
        return false;
    if (unlikely(flow->used != worker->tick))
        flow->used = worker->tick;
    return act_on_flow(worker, b, i, flow);
}

static void serve_preferred(struct df_worker *worker, struct batch *b)
{
    b->n_misses = 0;
    for (unsigned i = 0; i < b->n; i++) {
        if (likely(serve(worker, b, i)))
            continue;
        rte_prefetch0(df_flow_bucket(&worker->cache, b->hash[i]));
        b->miss[b->n_misses++] = (uint8_t)i;
    }
}

/* The flows that are not in the way they prefer. */
static void serve_others(struct df_worker *worker, struct batch *b)
{
    unsigned n = b->n_misses;
    for (unsigned m = 0; m < n; m++) {
        unsigned i = b->miss[m];
        struct df_flow_bucket *bucket = df_flow_bucket(&worker->cache, b->hash[i]);
        uint32_t match = df_flow_match(bucket, df_flow_signature(b->hash[i]));
        if (match != 0)
            b->flow[i] = &bucket->flow[__builtin_ctz(match)];
        rte_prefetch0(b->flow[i]);
    }
    b->n_misses = 0;
    for (unsigned m = 0; m < n; m++) {
        if (!serve(worker, b, b->miss[m]))
            b->miss[b->n_misses++] = b->miss[m];
    }
}

static bool is_cacheable(const struct df_walk *walk, unsigned kind)
{
    const struct df_verdict *verdict = &walk->verdict;
    if (kind == DF_FLOW_NONE || walk->uncacheable || walk->stamps.n > DF_FLOW_STAMPS_MAX)
        return false;
    if (walk->read_l4 && !(kind & DF_FLOW_BY_L4))
        return false;
    return verdict->kind == DF_VERDICT_DROP ||
           (verdict->kind == DF_VERDICT_OUTPUT && verdict->n_outputs == 1 && walk->outputs[0].vlan == 0);
}

/* The finished verdict in the form in which the cache keeps it. */
static void fill_flow(struct df_flow *flow, struct df_flow_rest *rest, const struct df_walk *walk,
                      const struct df_flow_key *key, unsigned kind, const uint8_t *frame)
{
    flow->key = *key;
    flow->head[0] = df_load64(frame);
    flow->head[1] = df_load64(frame + 8) & df_flow_head_mask(kind);
    if (kind & DF_FLOW_IP6)
        memcpy(rest->ip6, frame + RTE_ETHER_HDR_LEN + 8, sizeof(rest->ip6));
    memcpy(flow->macs, walk->packet.eth_dst.byte, RTE_ETHER_ADDR_LEN);
    memcpy(flow->macs + RTE_ETHER_ADDR_LEN, walk->packet.eth_src.byte, RTE_ETHER_ADDR_LEN);
    flow->ttl_less = (uint8_t)(walk->parsed.ip_ttl - walk->packet.ip_ttl);
    flow->action = walk->verdict.kind == DF_VERDICT_DROP ? DF_FLOW_DROP : DF_FLOW_OUTPUT;
    flow->drop = walk->verdict.drop;
    flow->out_port = walk->verdict.n_outputs == 1 ? walk->outputs[0].port : 0;
    flow->changes = walk->stamps.counter;
    flow->sum = walk->stamps.sum;
    flow->n_stamps = (uint8_t)walk->stamps.n;
    memcpy(rest->stamp, walk->stamps.slot, walk->stamps.n * sizeof(rest->stamp[0]));
}

static void cache_verdict(struct df_worker *worker, const struct batch *b, unsigned i)
{
    const struct df_walk *walk = &worker->walk;
    if (walk->read_l4)
        worker->by_l4[b->port] = 1; /* from now on the ports are part of this ingress's keys */
    if (worker->cache.buckets == NULL || !is_cacheable(walk, b->kind[i])) {
        worker->tally.uncacheable++;
        return;
    }
    bool evicted;
    /* NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage): what has a kind has a hash */
    struct df_flow *flow = df_flow_place(&worker->cache, &b->key[i], b->hash[i], b->kind[i], b->frame[i], worker->tick,
                                         walk->verdict.kind != DF_VERDICT_DROP, &evicted);
    if (flow == NULL)
        return;
    worker->tally.inserts++;
    worker->tally.evictions += evicted;
    fill_flow(flow, df_flow_rest(&worker->cache, flow), walk, &b->key[i], b->kind[i], b->frame[i]);
}

static void walk_packet(struct df_worker *worker, struct batch *b, unsigned i)
{
    struct df_walk *walk = &worker->walk;
    worker->tally.misses++;
    df_walk_frame(walk, b->port, b->frame[i], b->mbufs[i]->data_len);
    cache_verdict(worker, b, i);
    df_act(worker, b->mbufs[i], walk);
}

/* A packet before it in the batch may have brought its flow into the cache. */
static bool found_meanwhile(struct df_worker *worker, struct batch *b, unsigned i)
{
    if (worker->cache.buckets == NULL || b->kind[i] == DF_FLOW_NONE)
        return false;
    struct df_flow *flow = df_flow_find(&worker->cache, &b->key[i], b->hash[i], b->kind[i], b->frame[i]);
    if (flow == NULL)
        return false;
    if (!df_flow_holds(&worker->cache, flow, worker->changes)) {
        worker->tally.stale++;
        return false;
    }
    if (!act_on_flow(worker, b, i, flow))
        return false;
    worker->tally.hits++;
    return true;
}

/* Without a cache. */
static void all_miss(struct batch *b)
{
    for (unsigned i = 0; i < b->n; i++) {
        b->kind[i] = DF_FLOW_NONE;
        b->miss[i] = (uint8_t)i;
    }
    b->n_misses = b->n;
}

/* The parser and the flow cache read contiguous frames only: what lies in several buffers ends here. */
static __attribute__((noinline, cold)) void drop_chained(struct df_worker *worker, struct batch *b)
{
    uint16_t whole = 0;
    for (unsigned i = 0; i < b->n; i++) {
        if (b->mbufs[i]->nb_segs > 1) {
            df_worker_drop(worker, b->port, DF_DROP_CHAINED, b->mbufs[i]);
            continue;
        }
        b->frame[whole] = b->frame[i];
        b->mbufs[whole++] = b->mbufs[i];
    }
    b->n = whole;
}

static void process(struct df_worker *worker, uint16_t port, struct rte_mbuf **mbufs, uint16_t n)
{
    struct batch b; /* not cleared: each pass writes what the next one reads */
    uint64_t bytes = 0;
    uint16_t segments = 0; /* of all frames, or-ed: 1 when each has one */
    b.port = port;
    b.n = n;
    b.mbufs = mbufs;
    for (unsigned i = 0; i < n; i++) {
        b.frame[i] = rte_pktmbuf_mtod(mbufs[i], uint8_t *);
        rte_prefetch0(b.frame[i]);
        bytes += mbufs[i]->pkt_len;
        segments |= mbufs[i]->nb_segs;
    }
    worker->ports[port].rx_packets += n;
    worker->ports[port].rx_bytes += bytes;
    worker->tally.packets += n;
    worker->tally.batches++;
    if (unlikely(segments > 1))
        drop_chained(worker, &b);

    if (likely(worker->cache.buckets != NULL)) {
        read_keys(worker, &b);
        serve_preferred(worker, &b);
        if (b.n_misses != 0)
            serve_others(worker, &b);
        worker->tally.hits += (unsigned)(b.n - b.n_misses);
    } else {
        all_miss(&b);
    }
    for (unsigned m = 0; m < b.n_misses; m++) {
        if (!found_meanwhile(worker, &b, b.miss[m]))
            walk_packet(worker, &b, b.miss[m]);
    }
}

/* What the controller wants sent. */
static unsigned send_injected(struct df_worker *worker)
{
    struct rte_mbuf *mbufs[DF_BATCH];
    unsigned n = rte_ring_sc_dequeue_burst(worker->injected, (void **)mbufs, DF_BATCH, NULL);
    for (unsigned i = 0; i < n; i++)
        df_tx_put(worker, df_punt_info(mbufs[i])->port, mbufs[i]);
    worker->tally.injected += n;
    return n;
}

static void begin_round(struct df_worker *worker, uint64_t now)
{
    worker->tick = (uint16_t)(now >> worker->tick_shift);
    worker->window = (uint32_t)(now >> worker->window_shift);
    worker->changes = df_stamps_now();
}

unsigned df_worker_round(struct df_worker *worker)
{
    uint64_t start = worker->cycles();
    unsigned total = 0;
    begin_round(worker, start);
    const struct df_polls *polls = df_rcu_read(worker->polls);
    for (unsigned i = 0; i < polls->n; i++) {
        struct rte_mbuf *mbufs[DF_BATCH];
        const struct df_poll *poll = &polls->poll[i];
        uint16_t n = poll->port->ops->rx(poll->port, poll->queue, mbufs, DF_BATCH);
        if (n != 0)
            process(worker, poll->port->number, mbufs, n);
        total += n;
    }
    if (unlikely(!rte_ring_empty(worker->injected)))
        total += send_injected(worker);
    while (worker->n_dirty != 0)
        df_tx_flush(worker, worker->dirty[--worker->n_dirty]);

    uint64_t spent = worker->cycles() - start;
    worker->tally.rounds++;
    worker->tally.busy_rounds += total != 0;
    if (total != 0)
        worker->tally.cycles_busy += spent;
    else
        worker->tally.cycles_idle += spent;
    return total;
}
