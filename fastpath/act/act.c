/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/act/act.h"

#include <errno.h>
#include <rte_ether.h>

#include "fastpath/act/split.h"
#include "fastpath/answer/answer.h"
#include "fastpath/tunnel/tunnel.h"
#include "fastpath/underlay/underlay.h"
#include "fastpath/worker/internal.h"

static void write_macs(uint8_t *frame, const struct df_packet *to)
{
    memcpy(frame, to->eth_dst.byte, RTE_ETHER_ADDR_LEN);
    memcpy(frame + RTE_ETHER_ADDR_LEN, to->eth_src.byte, RTE_ETHER_ADDR_LEN);
}

static void write_ttl(uint8_t *frame, const struct df_packet *from, const struct df_packet *to)
{
    uint8_t *ip = frame + from->l3_offset;
    uint8_t less = (uint8_t)(from->ip_ttl - to->ip_ttl);
    if (less == 0)
        return;
    if (from->bits & DF_PACKET_IP4) {
        uint16_t checksum = df_checksum_less(df_load16(ip + 10), rte_cpu_to_be_16((uint16_t)(less << 8)));
        ip[8] = to->ip_ttl;
        memcpy(ip + 10, &checksum, sizeof(checksum));
    } else if (from->bits & DF_PACKET_IP6) {
        ip[7] = to->ip_ttl;
    }
}

/* Takes the outer tags away that the walk took off its copy. */
static void strip_tags(struct rte_mbuf *mbuf, const struct df_packet *from, const struct df_packet *to)
{
    uint16_t gone = (uint16_t)((from->n_vlans - to->n_vlans) * RTE_VLAN_HLEN);
    if (gone == 0)
        return;
    uint8_t *frame = rte_pktmbuf_mtod(mbuf, uint8_t *);
    memmove(frame + gone, frame, 2 * RTE_ETHER_ADDR_LEN);
    rte_pktmbuf_adj(mbuf, gone);
}

static bool put_tag(struct rte_mbuf *mbuf, uint16_t vlan)
{
    uint8_t *frame = (uint8_t *)rte_pktmbuf_prepend(mbuf, RTE_VLAN_HLEN);
    if (frame == NULL)
        return false;
    memmove(frame, frame + RTE_VLAN_HLEN, 2 * RTE_ETHER_ADDR_LEN);
    uint16_t tag[2] = {RTE_BE16(RTE_ETHER_TYPE_VLAN), rte_cpu_to_be_16(vlan)};
    memcpy(frame + 2 * RTE_ETHER_ADDR_LEN, tag, sizeof(tag));
    return true;
}

/* What a delivery puts in front of the packet. False: there is no room. */
static bool dress(struct rte_mbuf *mbuf, const struct df_output *output)
{
    if (output->vlan != 0 && !put_tag(mbuf, output->vlan))
        return false;
    return output->peer == 0 || df_tunnel_push(mbuf, output->peer, output->tunnel_key, output->entropy);
}

static bool is_plain(const struct df_output *output)
{
    return output->vlan == 0 && output->peer == 0;
}

/* Sends what is one packet now, or a piece of one. The mbuf is gone afterwards. */
static void send_off(struct df_worker *worker, struct rte_mbuf *mbuf, uint16_t in_port, const struct df_output *output)
{
    if (likely(dress(mbuf, output)))
        df_tx_put(worker, output->port, mbuf);
    else
        df_worker_drop(worker, in_port, DF_DROP_NO_MBUF, mbuf);
}

/* Bytes in front of the IP header, when the walk's headers are written. */
static uint16_t l2_len(const struct df_walk *walk)
{
    return (uint16_t)(walk->parsed.l3_offset - (walk->parsed.n_vlans - walk->packet.n_vlans) * RTE_VLAN_HLEN);
}

static bool is_longer(const struct rte_mbuf *mbuf, const struct df_walk *walk, const struct df_output *output)
{
    return output->mtu != 0 && mbuf->pkt_len > (uint32_t)output->mtu + l2_len(walk);
}

/*
 * What is longer than the way carries, and passed the tables all the same: it may be fragmented, or has padding behind
 * the IP packet, which is nobody's. The mbuf stays the caller's.
 */
static __attribute__((noinline)) void send_long(struct df_worker *worker, const struct rte_mbuf *mbuf,
                                                const struct df_walk *walk, const struct df_output *output)
{
    struct rte_mbuf *pieces[DF_SPLIT_MAX];
    const struct df_split split = {.l2_len = l2_len(walk), .l3_len = walk->packet.l3_len, .mtu = output->mtu};
    int n = df_split(mbuf, &split, worker->pool, pieces);
    if (n < 0)
        worker->ports[walk->in_port].drops[n == -EMSGSIZE ? DF_DROP_TOO_BIG_PIECES : DF_DROP_NO_MBUF]++;
    for (int i = 0; i < n; i++)
        send_off(worker, pieces[i], walk->in_port, output);
}

/*
 * Plain deliveries share one buffer by its reference count, because no port writes into what it transmits; one with
 * something in front gets a copy of its own.
 */
static void deliver_copy(struct df_worker *worker, struct rte_mbuf *mbuf, const struct df_walk *walk,
                         const struct df_output *output)
{
    struct rte_mbuf *copy = mbuf;
    if (is_longer(mbuf, walk, output)) {
        send_long(worker, mbuf, walk, output);
        return;
    }
    if (is_plain(output))
        rte_mbuf_refcnt_update(mbuf, 1);
    else
        copy = rte_pktmbuf_copy(mbuf, worker->pool, 0, UINT32_MAX);
    if (copy != NULL)
        send_off(worker, copy, walk->in_port, output);
    else
        worker->ports[walk->in_port].drops[DF_DROP_NO_MBUF]++;
}

static void count_copies(struct df_worker *worker, const struct df_walk *walk)
{
    worker->tally.floods++;
    for (unsigned i = 0; i < walk->verdict.n_outputs; i++) {
        worker->tally.flood_copies += walk->outputs[i].port != 0;
        worker->tally.flood_tunnel_copies += walk->outputs[i].peer != 0;
    }
}

static void deliver(struct df_worker *worker, struct rte_mbuf *mbuf, const struct df_walk *walk)
{
    for (unsigned i = 0; i < walk->verdict.n_outputs; i++) {
        const struct df_output *output = &walk->outputs[i];
        if (output->lost == DF_DROP_NONE)
            deliver_copy(worker, mbuf, walk, output);
        else
            worker->ports[walk->in_port].drops[output->lost]++;
    }
    if (walk->verdict.drop != DF_DROP_NONE) /* copies that a flood had no room for */
        worker->ports[walk->in_port].drops[walk->verdict.drop]++;
    rte_pktmbuf_free(mbuf);
}

static void output(struct df_worker *worker, struct rte_mbuf *mbuf, const struct df_walk *walk)
{
    const struct df_output *first = &walk->outputs[0];
    rte_pktmbuf_adj(mbuf, walk->outer_len);
    uint8_t *frame = rte_pktmbuf_mtod(mbuf, uint8_t *);
    if (unlikely(df_ecn_may_tell(walk->outer_ecn)))
        df_ecn_write(walk->outer_ecn, frame, mbuf->data_len);
    write_macs(frame, &walk->packet);
    write_ttl(frame, &walk->parsed, &walk->packet);
    strip_tags(mbuf, &walk->parsed, &walk->packet);
    if (walk->flooded)
        count_copies(worker, walk);
    if (likely(walk->verdict.n_outputs == 1 && !is_longer(mbuf, walk, first)))
        send_off(worker, mbuf, walk->in_port, first);
    else
        deliver(worker, mbuf, walk);
}

static void answer(struct df_worker *worker, struct rte_mbuf *mbuf, const struct df_walk *walk)
{
    enum df_drop reason = DF_DROP_RATE_ANSWER;
    bool is_ping = walk->verdict.answer == DF_ANSWER_ECHO && df_underlay_is(walk->in_port);
    if (df_allow(worker, walk->in_port, is_ping ? DF_ALLOW_ECHO : DF_ALLOW_ANSWER))
        reason = df_answer_write(mbuf, &walk->parsed, walk);
    if (reason != DF_DROP_NONE) {
        df_worker_drop(worker, walk->in_port, reason, mbuf);
        return;
    }
    worker->tally.answers++;
    if (walk->verdict.drop != DF_DROP_NONE) /* an ICMP error also is a drop, with its reason */
        worker->ports[walk->in_port].drops[walk->verdict.drop]++;
    df_tx_put(worker, walk->in_port, mbuf);
}

/* Who has to resolve a peer must know which: its address goes in front. */
static bool put_peer(struct rte_mbuf *mbuf, const struct df_ip *peer)
{
    char *front = rte_pktmbuf_prepend(mbuf, sizeof(*peer));
    if (front != NULL)
        memcpy(front, peer, sizeof(*peer));
    return front != NULL;
}

static void punt(struct df_worker *worker, struct rte_mbuf *mbuf, const struct df_walk *walk)
{
    struct df_punt_info info = {
        .app = walk->verdict.punt_app, .lport = walk->in_lport, .network = walk->network, .port = walk->in_port};
    if (info.app == DF_PUNT_UNRESOLVED && !put_peer(mbuf, &walk->tunnel_peer))
        df_worker_drop(worker, walk->in_port, DF_DROP_NO_MBUF, mbuf);
    else
        df_punt(worker, mbuf, &info);
}

static void punt_copy(struct df_worker *worker, const struct rte_mbuf *mbuf, const struct df_walk *walk)
{
    struct rte_mbuf *copy = rte_pktmbuf_copy(mbuf, worker->pool, 0, UINT32_MAX);
    if (copy != NULL)
        punt(worker, copy, walk);
    else
        worker->ports[walk->in_port].drops[DF_DROP_NO_MBUF]++;
}

/* From the underlay to the host, or back. */
static void exchange(struct df_worker *worker, struct rte_mbuf *mbuf, const struct df_walk *walk)
{
    uint16_t out = df_underlay_is(walk->in_port) ? df_underlay.exception : df_underlay.port;
    if (walk->verdict.punt_app != 0)
        punt_copy(worker, mbuf, walk);
    if (df_allow(worker, walk->in_port, DF_ALLOW_HOST))
        df_tx_put(worker, out, mbuf);
    else
        df_worker_drop(worker, walk->in_port, DF_DROP_RATE_EXCEPTION, mbuf);
}

void df_act(struct df_worker *worker, struct rte_mbuf *mbuf, const struct df_walk *walk)
{
    switch (walk->verdict.kind) {
    case DF_VERDICT_OUTPUT:
        output(worker, mbuf, walk);
        return;
    case DF_VERDICT_ANSWER:
        if (walk->verdict.punt_app != 0)
            punt_copy(worker, mbuf, walk);
        answer(worker, mbuf, walk);
        return;
    case DF_VERDICT_PUNT:
        punt(worker, mbuf, walk);
        return;
    case DF_VERDICT_HOST:
        exchange(worker, mbuf, walk);
        return;
    default:
        df_worker_drop(worker, walk->in_port, walk->verdict.drop, mbuf);
    }
}
