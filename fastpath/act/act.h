/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <rte_byteorder.h>
#include <rte_mbuf.h>

#include "fastpath/cache/flow_cache.h"

/*
 * Acting on a verdict: the only place where a packet changes.
 *
 * A finished verdict is the difference between the packet and the working copy the walk left. df_act() writes it for
 * a packet that walked; df_act_rewrite() writes the same difference as the flow cache keeps it.
 */

struct df_worker;

/**
 * Does what the walk decided: drop, deliver (to several ports), answer, punt. The mbuf is gone afterwards.
 * walk->parsed is what the headers are, walk->packet what they are to be.
 */
void df_act(struct df_worker *worker, struct rte_mbuf *mbuf, const struct df_walk *walk);

/* The one's complement checksum after a 16-bit word of the header fell by `less` in network order (RFC 1624). */
static inline uint16_t df_checksum_less(uint16_t checksum, uint16_t less)
{
    uint32_t sum = (uint32_t)checksum + less;
    return (uint16_t)(sum + (sum >= 0xffff));
}

/** Writes MACs and TTL of a cached flow into an untagged frame. */
static inline void df_act_rewrite(const struct df_flow *flow, uint8_t *frame)
{
    memcpy(frame, flow->macs, sizeof(flow->macs));
    uint8_t *ip = frame + RTE_ETHER_HDR_LEN;
    if (df_flow_key_kind(&flow->key) & DF_FLOW_IP4) {
        uint16_t checksum = df_checksum_less(df_load16(ip + 10), rte_cpu_to_be_16((uint16_t)(flow->ttl_less << 8)));
        ip[8] = (uint8_t)(ip[8] - flow->ttl_less);
        memcpy(ip + 10, &checksum, sizeof(checksum));
    } else {
        ip[7] = (uint8_t)(ip[7] - flow->ttl_less);
    }
}
