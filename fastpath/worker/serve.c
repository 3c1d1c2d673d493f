/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/act/act.h"
#include "fastpath/tables/peers.h"
#include "fastpath/tunnel/tunnel.h"
#include "fastpath/worker/batch.h"

/* The flow cache's packets: most of all. What misses walks the tables (miss.c). */

static inline void look_at_preferred(struct df_worker *worker, struct df_batch *b, unsigned i, unsigned kind)
{
    struct df_flow_probe *probe = &b->probe[i];
    probe->kind = (uint8_t)kind;
    probe->hash = likely(kind != DF_FLOW_NONE) ? df_flow_hash(&probe->key) : 0;
    b->flow[i] = &df_flow_bucket(&worker->cache, probe->hash)->flow[df_flow_preferred(probe->hash)];
    rte_prefetch0(b->flow[i]);
}

static void read_keys(struct df_worker *worker, struct df_batch *b)
{
    bool by_l4 = worker->by_l4[b->port];
    for (unsigned i = 0; i < b->n; i++) {
        struct df_flow_probe *probe = &b->probe[i];
        unsigned kind = df_flow_key_read(probe->frame, b->mbufs[i]->data_len, b->port, by_l4, &probe->key);
        probe->outer_src = 0;
        probe->outer_key_high = 0;
        look_at_preferred(worker, b, i, kind);
    }
}

/*
 * What marks on the way make of the packet. False: it is to be dropped, which a walk does. ECT(1) is what the sender
 * wrote, mostly.
 */
static __attribute__((noinline)) bool read_ecn(struct df_flow_probe *probe, uint32_t len, uint8_t outer)
{
    uint8_t ecn;
    bool keep = df_ecn_decide(outer, probe->frame, len, &ecn);
    probe->outer_ecn = ecn != df_ecn_of(probe->frame, len) ? outer : 0;
    return keep;
}

/* The key of a packet from a tunnel is the inner one's, and what the outer headers say of where it comes from. */
static inline unsigned read_inner_key(struct df_flow_probe *probe, uint32_t len, bool by_l4)
{
    struct df_tunnel_in outer;
    if (df_tunnel_read(probe->frame, len, &outer) != DF_DROP_NONE)
        return DF_FLOW_NONE;
    probe->frame += outer.len;
    unsigned kind = df_flow_key_read(probe->frame, len - outer.len, (uint16_t)outer.key, by_l4, &probe->key);
    if (kind == DF_FLOW_NONE)
        return DF_FLOW_NONE;
    unsigned more = DF_FLOW_TUNNEL | (unsigned)outer.type << DF_FLOW_TYPE_SHIFT;
    probe->outer_src = outer.src4;
    probe->outer_key_high = (uint16_t)(outer.key >> 16);
    probe->outer_len = outer.len;
    probe->outer_ecn = 0;
    if (unlikely(outer.ip6)) {
        more |= DF_FLOW_OUTER6;
        probe->outer_src = df_peers_number(&outer.src6);
        if (probe->outer_src == 0)
            return DF_FLOW_NONE;
    }
    if (unlikely(df_ecn_may_tell(outer.ecn)) && !read_ecn(probe, len - outer.len, outer.ecn))
        return DF_FLOW_NONE;
    probe->key.word[0] |= (uint64_t)more << DF_FLOW_KIND_SHIFT;
    return kind | more;
}

static void read_inner_keys(struct df_worker *worker, struct df_batch *b)
{
    bool by_l4 = worker->by_l4[b->port];
    for (unsigned i = 0; i < b->n; i++)
        look_at_preferred(worker, b, i, read_inner_key(&b->probe[i], b->mbufs[i]->data_len, by_l4));
}

/* ---- the connections of a cached flow */

static inline bool is_noted(const struct df_worker *worker, const struct df_flow *flow)
{
    return (uint16_t)(worker->tick - flow->used) < DF_FLOW_NOTE_TICKS;
}

static bool is_steady(df_conn_ref ref, bool reply)
{
    struct df_conn *conn = df_conn_at(ref);
    return conn != NULL && df_conn_is_steady(conn, reply);
}

/* The first packet after DF_FLOW_NOTE_TICKS: do the connections still live? Then they are seen. */
static __attribute__((noinline)) bool touch_connections(struct df_worker *worker, struct df_flow *flow, uint8_t action)
{
    const struct df_flow_rest *rest = df_flow_rest(&worker->cache, flow);
    if ((uint16_t)(worker->tick - flow->used) > DF_FLOW_IDLE_TICKS_MAX ||
        !is_steady(flow->conn, action & DF_FLOW_REPLY) ||
        (action & DF_FLOW_SECOND && !is_steady(rest->second, action & DF_FLOW_REPLY2)))
        return false;
    df_conn_touch(df_conn_at(flow->conn), worker->now_ms);
    if (action & DF_FLOW_SECOND)
        df_conn_touch(df_conn_at(rest->second), worker->now_ms);
    flow->acked ^= 1u << 17; /* far from every acknowledgement: the next one is told */
    return true;
}

static __attribute__((noinline)) void tell_ack(struct df_worker *worker, struct df_flow *flow, uint8_t action,
                                               uint32_t ack, uint16_t window)
{
    struct df_conn *conn = df_conn_at(flow->conn);
    flow->acked = df_flow_ack(ack) & ((1u << 18) - 1);
    if (conn != NULL)
        df_conn_note_ack(conn, action & DF_FLOW_REPLY, ack, window);
    conn = action & DF_FLOW_SECOND ? df_conn_at(df_flow_rest(&worker->cache, flow)->second) : NULL;
    if (conn != NULL)
        df_conn_note_ack(conn, action & DF_FLOW_REPLY2, ack, window);
}

static inline void note_ack(struct df_worker *worker, struct df_flow *flow, uint8_t action,
                            const struct df_flow_probe *probe)
{
    const uint8_t *tcp = probe->frame + RTE_ETHER_HDR_LEN + (probe->kind & DF_FLOW_IP4 ? 20 : 40);
    uint32_t ack = rte_be_to_cpu_32(df_load32(tcp + 8));
    if (unlikely(df_flow_ack(ack) != flow->acked))
        tell_ack(worker, flow, action, ack, rte_be_to_cpu_16(df_load16(tcp + 14)));
}

static __attribute__((noinline)) void count_sample(struct df_worker *worker, const struct df_flow *flow, uint8_t action,
                                                   uint32_t weight, uint32_t len)
{
    struct df_conn *conn = df_conn_at(flow->conn);
    if (conn != NULL)
        df_conn_count(conn, action & DF_FLOW_REPLY, weight, weight * len);
    conn = action & DF_FLOW_SECOND ? df_conn_at(df_flow_rest(&worker->cache, flow)->second) : NULL;
    if (conn != NULL)
        df_conn_count(conn, action & DF_FLOW_REPLY2, weight, weight * len);
}

/* ---- acting on a cached flow */

static inline void transmit(struct df_worker *worker, const struct df_flow *flow, uint8_t action, struct rte_mbuf *mbuf,
                            uint16_t in_port)
{
    uint16_t out_port = flow->out_port;
    if (action & DF_FLOW_ENCAP) {
        if (unlikely(!df_tunnel_push(mbuf, flow->peer, flow->tunnel_key, flow->out_port))) {
            df_worker_drop(worker, in_port, DF_DROP_NO_MBUF, mbuf);
            return;
        }
        out_port = df_underlay.port;
    }
    df_tx_put(worker, out_port, mbuf);
}

static inline void take_off(struct rte_mbuf *mbuf, const struct df_flow_probe *probe)
{
    if (unlikely(probe->outer_ecn != 0))
        df_ecn_write(probe->outer_ecn, rte_pktmbuf_mtod(mbuf, uint8_t *) + probe->outer_len,
                     (uint32_t)mbuf->data_len - probe->outer_len);
    rte_pktmbuf_adj(mbuf, probe->outer_len);
}

/* A packet that no rule allowed is dropped as long as no connection does: what began meanwhile is in the index. */
static __attribute__((noinline)) bool drop_by_flow(struct df_worker *worker, struct df_batch *b, unsigned i,
                                                   const struct df_flow *flow, uint8_t action)
{
    if ((action & DF_FLOW_ACTION) != DF_FLOW_DROP ||
        ((action & DF_FLOW_UNLESS_CONN) && df_conn_may_be(df_load64(flow->macs))))
        return false;
    df_worker_drop(worker, b->port, flow->out_port, b->mbufs[i]);
    return true;
}

/*
 * Does what a cached flow says. False: this packet must walk (it is too long for the way, its TTL runs out there, or the
 * flow was ended).
 */
static inline bool act_on_flow(struct df_worker *worker, struct df_batch *b, unsigned i, struct df_flow *flow,
                               uint8_t action)
{
    const struct df_flow_probe *probe = &b->probe[i];
    struct rte_mbuf *mbuf = b->mbufs[i];
    if (unlikely(mbuf->data_len > flow->len_max))
        return false;
    if (unlikely((action & DF_FLOW_ACTION) != DF_FLOW_OUTPUT))
        return drop_by_flow(worker, b, i, flow, action);
    uint8_t *frame = rte_pktmbuf_mtod(mbuf, uint8_t *);
    if (probe->kind & DF_FLOW_TUNNEL)
        frame += probe->outer_len;
    if (flow->ttl_less != 0) {
        uint8_t ttl = frame[RTE_ETHER_HDR_LEN + (probe->kind & DF_FLOW_IP4 ? 8 : 7)];
        if (unlikely(ttl <= flow->ttl_less))
            return false;
        df_act_rewrite(flow, frame);
    }
    if (action & DF_FLOW_TCP)
        note_ack(worker, flow, action, probe);
    if (probe->kind & DF_FLOW_TUNNEL)
        take_off(mbuf, probe);
    if (unlikely(i == b->sample) && flow->conn != 0)
        count_sample(worker, flow, action, b->weight, mbuf->pkt_len);
    transmit(worker, flow, action, mbuf, b->port);
    return true;
}

/* Is the flow of packet i where b->flow[i] says, and does it hold? */
static inline bool is_found(struct df_worker *worker, const struct df_batch *b, unsigned i)
{
    return likely(b->probe[i].kind != DF_FLOW_NONE) && likely(df_flow_is(&worker->cache, b->flow[i], &b->probe[i])) &&
           likely(df_flow_holds(&worker->cache, b->flow[i], worker->changes));
}

/* Acts on packet i, whose flow is found. */
static inline bool serve_found(struct df_worker *worker, struct df_batch *b, unsigned i)
{
    struct df_flow *flow = b->flow[i];
    uint8_t action = atomic_load_explicit(&flow->action, memory_order_relaxed);
    if (unlikely(!is_noted(worker, flow))) {
        if (flow->conn != 0 && !touch_connections(worker, flow, action))
            return false;
        flow->used = worker->tick;
    }
    return act_on_flow(worker, b, i, flow, action);
}

static inline bool serve(struct df_worker *worker, struct df_batch *b, unsigned i)
{
    return is_found(worker, b, i) && serve_found(worker, b, i);
}

/*
 * With a million connections more than one packet of a batch has to note: their connections come from memory at once.
 */
static inline bool must_wait(const struct df_worker *worker, struct df_batch *b, unsigned i)
{
    const struct df_flow *flow = b->flow[i];
    if (likely(is_noted(worker, flow)) || flow->conn == 0)
        return false;
    rte_prefetch0(&df_conn_array[flow->conn & DF_CONN_MAX]);
    b->waits |= 1u << i;
    return true;
}

static void serve_preferred(struct df_worker *worker, struct df_batch *b)
{
    b->n_misses = 0;
    b->waits = 0;
    for (unsigned i = 0; i < b->n; i++) {
        if (is_found(worker, b, i)) {
            if (likely(!must_wait(worker, b, i)) && likely(serve_found(worker, b, i)))
                continue;
        } else {
            rte_prefetch0(df_flow_bucket(&worker->cache, b->probe[i].hash));
        }
        b->miss[b->n_misses++] = (uint8_t)i;
    }
}

/* The flows that are not in the way they prefer, and those whose connection was waited for. */
static void serve_others(struct df_worker *worker, struct df_batch *b)
{
    unsigned n = b->n_misses;
    for (unsigned m = 0; m < n; m++) {
        unsigned i = b->miss[m];
        if (b->waits >> i & 1)
            continue;
        struct df_flow_bucket *bucket = df_flow_bucket(&worker->cache, b->probe[i].hash);
        uint32_t match = df_flow_match(bucket, df_flow_signature(b->probe[i].hash));
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

void df_batch_serve(struct df_worker *worker, struct df_batch *b)
{
    if (unlikely(b->port == df_underlay.port))
        read_inner_keys(worker, b);
    else
        read_keys(worker, b);
    serve_preferred(worker, b);
    if (b->n_misses != 0)
        serve_others(worker, b);
    worker->tally.hits += (unsigned)(b->n - b->n_misses);
}

bool df_batch_serve_late(struct df_worker *worker, struct df_batch *b, unsigned i)
{
    if (worker->cache.buckets == NULL || b->probe[i].kind == DF_FLOW_NONE)
        return false;
    b->flow[i] = df_flow_find(&worker->cache, &b->probe[i]);
    if (b->flow[i] == NULL)
        return false;
    if (!serve(worker, b, i)) {
        worker->tally.stale++;
        return false;
    }
    worker->tally.hits++;
    return true;
}
