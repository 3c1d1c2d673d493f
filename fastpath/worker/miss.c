/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/act/act.h"
#include "fastpath/tunnel/tunnel.h"
#include "fastpath/worker/internal.h"
#include "fastpath/worker/tracks.h"

/*
 * A packet that the flow cache cannot serve: it walks the tables, its verdict is carried out, and cached where it can
 * be.
 */

/* ---- the cache */

static bool is_cacheable(const struct df_walk *walk, unsigned kind)
{
    const struct df_verdict *verdict = &walk->verdict;
    if (kind == DF_FLOW_NONE || walk->uncacheable)
        return false;
    if (walk->read_l4 && !(kind & DF_FLOW_BY_L4))
        return false;
    if (verdict->kind == DF_VERDICT_DROP && walk->unless_conn)
        return true;
    if (verdict->kind == DF_VERDICT_DROP) /* where a connection had a say, no stamp tells when that ends */
        return !walk->track[DF_TRACK_EGRESS].tracked && !walk->track[DF_TRACK_INGRESS].tracked;
    return verdict->kind == DF_VERDICT_OUTPUT && verdict->n_outputs == 1 && walk->outputs[0].vlan == 0 &&
           !walk->unless_conn && df_tracks_last(walk);
}

/* Then its stamps are whole. */
static bool may_be_cached(struct df_walk *walk, unsigned kind)
{
    if (!is_cacheable(walk, kind))
        return false;
    df_ways_add_stamps(walk);
    return walk->stamps.n <= DF_FLOW_STAMPS_MAX;
}

/* The connections of the flow, and how it speaks of them: bits of enum df_flow_action. */
static uint8_t fill_connections(struct df_flow *flow, struct df_flow_rest *rest, const struct df_walk *walk)
{
    const struct df_track *first = &walk->track[DF_TRACK_EGRESS], *second = &walk->track[DF_TRACK_INGRESS];
    uint8_t bits = 0;
    flow->conn = 0;
    if (!first->tracked) {
        first = second;
        second = &walk->track[DF_TRACK_EGRESS];
    }
    if (!first->tracked)
        return 0;
    flow->conn = df_conn_reference(first->conn);
    bits |= first->reply ? DF_FLOW_REPLY : 0;
    if (second->tracked) {
        rest->second = df_conn_reference(second->conn);
        bits |= DF_FLOW_SECOND | (second->reply ? DF_FLOW_REPLY2 : 0);
    }
    if (walk->parsed.ip_proto == IPPROTO_TCP) {
        bits |= DF_FLOW_TCP;
        flow->acked = df_flow_ack(walk->parsed.tcp.ack) & ((1u << 18) - 1);
    }
    return bits;
}

/* From here on who ends one of its connections, or moves it out of its steady state, ends the flow. */
static void tell_connections(struct df_flow *flow, const struct df_walk *walk)
{
    for (unsigned side = 0; side < DF_TRACK_SIDES; side++) {
        const struct df_track *track = &walk->track[side];
        if (track->tracked)
            df_conn_set_flow(track->conn, track->reply, &flow->action);
    }
}

/* Where it goes. */
static uint8_t fill_way(struct df_flow *flow, const struct df_walk *walk, const struct df_flow_probe *probe)
{
    flow->tunnel_key = probe->outer_src;
    flow->peer = probe->outer_key_high;
    if (walk->verdict.kind == DF_VERDICT_DROP) {
        flow->out_port = walk->verdict.drop;
        if (!walk->unless_conn)
            return DF_FLOW_DROP;
        memcpy(flow->macs, &walk->conn_hash, sizeof(walk->conn_hash));
        return DF_FLOW_DROP | DF_FLOW_UNLESS_CONN;
    }
    const struct df_output *output = &walk->outputs[0];
    flow->out_port = output->port;
    if (output->peer == 0)
        return DF_FLOW_OUTPUT;
    flow->out_port = output->entropy;
    flow->peer = output->peer;
    flow->tunnel_key = output->tunnel_key;
    return DF_FLOW_OUTPUT | DF_FLOW_ENCAP;
}

/* The finished verdict in the form in which the cache keeps it. */
static void fill_flow(struct df_flow *flow, struct df_flow_rest *rest, const struct df_walk *walk,
                      const struct df_flow_probe *probe)
{
    flow->key = probe->key;
    memcpy(flow->in_macs, probe->frame, sizeof(flow->in_macs));
    if (probe->kind & DF_FLOW_IP6)
        memcpy(rest->ip6, probe->frame + RTE_ETHER_HDR_LEN + 8, sizeof(rest->ip6));
    memcpy(flow->macs, walk->packet.eth_dst.byte, RTE_ETHER_ADDR_LEN);
    memcpy(flow->macs + RTE_ETHER_ADDR_LEN, walk->packet.eth_src.byte, RTE_ETHER_ADDR_LEN);
    flow->ttl_less = (uint8_t)(walk->parsed.ip_ttl - walk->packet.ip_ttl);
    flow->len_max =
        df_flow_len_max(walk->verdict.kind == DF_VERDICT_OUTPUT ? walk->outputs[0].mtu : walk->mtu) & DF_FLOW_LEN_MAX;
    flow->changes = walk->stamps.counter;
    rest->sum = walk->stamps.sum;
    rest->n_stamps = walk->stamps.n;
    memcpy(rest->stamp, walk->stamps.slot, walk->stamps.n * sizeof(rest->stamp[0]));
    uint8_t action = fill_way(flow, walk, probe);
    flow->conn = 0;
    if (walk->verdict.kind == DF_VERDICT_OUTPUT)
        action |= fill_connections(flow, rest, walk);
    atomic_store_explicit(&flow->action, action, memory_order_relaxed);
    if (flow->conn != 0) /* last, so that an end that comes meanwhile is not written over */
        tell_connections(flow, walk);
}

static void cache_verdict(struct df_worker *worker, const struct df_flow_probe *probe)
{
    struct df_walk *walk = &worker->walk;
    if (walk->read_l4)
        worker->by_l4[walk->in_port] = 1; /* from now on the ports are part of this ingress's keys */
    if (worker->cache.buckets == NULL || !may_be_cached(walk, probe->kind)) {
        worker->tally.uncacheable++;
        return;
    }
    bool evicted;
    struct df_flow *flow =
        df_flow_place(&worker->cache, probe, worker->tick, walk->verdict.kind != DF_VERDICT_DROP, &evicted);
    if (flow == NULL)
        return;
    worker->tally.inserts++;
    worker->tally.evictions += evicted;
    fill_flow(flow, df_flow_rest(&worker->cache, flow), walk, probe);
}

/* ---- fragments */

static bool is_first_fragment(const struct df_packet *packet)
{
    return !(packet->bits & DF_PACKET_LATER_FRAGMENT);
}

/* False: the packet waits for its first fragment and is not ours any more. */
static bool walk_fragment(struct df_worker *worker, struct rte_mbuf *mbuf, const struct df_fragment_key *key,
                          bool released)
{
    struct df_walk *walk = &worker->walk;
    enum df_drop drop = released ? df_fragments_recall(worker->fragments, key, &walk->parsed)
                                 : df_fragments_see(worker->fragments, key, &walk->parsed, worker->now_ms);
    if (drop != DF_DROP_NONE) {
        df_walk_drop(walk, drop);
        return true;
    }
    df_walk_go(walk);
    if (walk->verdict.kind == DF_VERDICT_HOLD) {
        drop = df_fragments_hold(worker->fragments, key, &walk->parsed, mbuf, worker->now_ms);
        if (drop == DF_DROP_NONE)
            return false;
        df_walk_drop(walk, drop);
    } else if (walk->read_l4 && is_first_fragment(&walk->parsed)) {
        df_fragments_first(worker->fragments, key, &walk->parsed, worker->now_ms);
    }
    return true;
}

/* ---- all of it */

static void carry_out(struct df_worker *worker, struct rte_mbuf *mbuf, const struct df_flow_probe *probe,
                      uint32_t weight)
{
    struct df_walk *walk = &worker->walk;
    if (walk->verdict.kind == DF_VERDICT_OUTPUT && df_tracks_carry_out(walk) && weight != 0)
        df_tracks_count(walk, weight, mbuf->pkt_len - walk->outer_len);
    cache_verdict(worker, probe);
    df_act(worker, mbuf, walk);
}

static void walk_released(struct df_worker *worker, struct rte_mbuf *mbuf)
{
    static const struct df_flow_probe none; /* fragments are never cached */
    struct df_walk *walk = &worker->walk;
    struct df_fragment_key key;
    uint16_t port = mbuf->port;
    if (df_walk_begin(walk, port, rte_pktmbuf_mtod(mbuf, uint8_t *), mbuf->data_len)) {
        df_fragment_key(&walk->parsed, port, (uint8_t)walk->tunnel_type, walk->tunnel_key, &key);
        if (!walk_fragment(worker, mbuf, &key, true))
            return;
    }
    carry_out(worker, mbuf, &none, 0);
}

void df_worker_walk(struct df_worker *worker, uint16_t port, struct rte_mbuf *mbuf, const struct df_flow_probe *probe,
                    uint32_t weight)
{
    struct df_walk *walk = &worker->walk;
    worker->tally.misses++;
    if (!df_walk_begin(walk, port, rte_pktmbuf_mtod(mbuf, uint8_t *), mbuf->data_len)) {
        carry_out(worker, mbuf, probe, weight);
        return;
    }
    if (likely(!(walk->parsed.bits & DF_PACKET_FRAGMENT))) {
        df_walk_go(walk);
        carry_out(worker, mbuf, probe, weight);
        return;
    }
    struct df_fragment_key key;
    df_fragment_key(&walk->parsed, port, (uint8_t)walk->tunnel_type, walk->tunnel_key, &key);
    mbuf->port = port; /* for when it is released: devices set it to numbers of their own */
    if (walk_fragment(worker, mbuf, &key, false))
        carry_out(worker, mbuf, probe, weight);
    struct rte_mbuf *held;
    while ((held = df_fragments_release(worker->fragments)) != NULL)
        walk_released(worker, held);
}
