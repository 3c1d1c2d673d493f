/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/tunnel/tunnel.h"
#include "fastpath/worker/internal.h"

/*
 * Reading what workers count. They count on meanwhile: values are of slightly different moments, and none is torn on
 * a 64-bit machine.
 */

/* What the control thread dropped of what it was given, and counts alone. */
static uint64_t dropped[DF_PORTS_MAX][DF_DROPS];

void df_workers_dropped(uint16_t port, enum df_drop reason)
{
    dropped[port][reason]++;
}

void df_port_tally(uint16_t port, struct df_port_tally *tally)
{
    *tally = (struct df_port_tally){0};
    memcpy(tally->drops, dropped[port], sizeof(tally->drops));
    for (unsigned i = 0; i < df_workers_count(); i++) {
        const struct df_port_tally *part = &df_worker(i)->ports[port];
        tally->rx_packets += part->rx_packets;
        tally->rx_bytes += part->rx_bytes;
        tally->tx_packets += part->tx_packets;
        tally->tx_bytes += part->tx_bytes;
        for (unsigned reason = 0; reason < DF_DROPS; reason++)
            tally->drops[reason] += part->drops[reason];
    }
}

void df_worker_tally(const struct df_worker *worker, struct df_worker_tally *tally)
{
    *tally = worker->tally;
}

static struct df_flow_info describe(const struct df_flow *flow, const struct df_flow_rest *rest, unsigned kind)
{
    struct df_flow_info info = {
        .in_port = (uint16_t)flow->key.word[0],
        .out_port = flow->action & DF_FLOW_ENCAP ? df_underlay.port : flow->out_port,
        .eth_type = kind & DF_FLOW_IP4 ? RTE_ETHER_TYPE_IPV4 : RTE_ETHER_TYPE_IPV6,
        .ip_proto = (uint8_t)(flow->key.word[0] >> 16),
        .by_address_pair = !(kind & DF_FLOW_BY_L4),
        .l4_src = rte_be_to_cpu_16((uint16_t)(flow->key.word[0] >> 32)),
        .l4_dst = rte_be_to_cpu_16((uint16_t)(flow->key.word[0] >> 48)),
    };
    if (kind & DF_FLOW_TUNNEL) {
        info.tunnel_type = (uint8_t)(kind >> DF_FLOW_TYPE_SHIFT & 3);
        info.tunnel_key = (uint32_t)info.in_port | (uint32_t)flow->peer << 16;
        info.in_port = df_underlay.port;
    }
    if ((flow->action & DF_FLOW_ACTION) == DF_FLOW_DROP) {
        info.drop = (uint8_t)flow->out_port;
        info.out_port = 0;
    }
    memcpy(info.eth_dst.byte, flow->in_macs, sizeof(info.eth_dst));
    memcpy(info.eth_src.byte, flow->in_macs + RTE_ETHER_ADDR_LEN, sizeof(info.eth_src));
    if (kind & DF_FLOW_IP4) {
        info.ip_src = df_ip_from4((uint32_t)flow->key.word[1]);
        info.ip_dst = df_ip_from4((uint32_t)(flow->key.word[1] >> 32));
    } else {
        memcpy(info.ip_src.byte, &rest->ip6[0], sizeof(info.ip_src));
        memcpy(info.ip_dst.byte, &rest->ip6[2], sizeof(info.ip_dst));
    }
    return info;
}

uint32_t df_worker_flows(const struct df_worker *worker)
{
    const struct df_flow_cache *cache = &worker->cache;
    uint32_t n = 0;
    for (uint64_t b = 0; cache->buckets != NULL && b <= cache->bucket_mask; b++)
        n += DF_FLOW_WAYS - (uint32_t)__builtin_popcount(df_flow_match(&cache->buckets[b], 0));
    return n;
}

void df_worker_flows_each(const struct df_worker *worker, int (*cb)(const struct df_flow_info *flow, void *arg),
                          void *arg)
{
    const struct df_flow_cache *cache = &worker->cache;
    for (uint64_t i = 0; cache->buckets != NULL && i < (cache->bucket_mask + 1) * DF_FLOW_WAYS; i++) {
        const struct df_flow_bucket *bucket = &cache->buckets[i / DF_FLOW_WAYS];
        unsigned way = (unsigned)(i % DF_FLOW_WAYS);
        struct df_flow flow = bucket->flow[way]; /* a copy: the worker may be writing; a torn one shows once */
        if (bucket->signature[way] == 0 || flow.action == DF_FLOW_FREE)
            continue;
        struct df_flow_info info =
            describe(&flow, df_flow_rest(cache, &bucket->flow[way]), df_flow_key_kind(&flow.key));
        info.idle_ms = (uint32_t)(uint16_t)(worker->tick - flow.used) << DF_FLOW_TICK_SHIFT;
        if (cb(&info, arg) != 0)
            return;
    }
}
