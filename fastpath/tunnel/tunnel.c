/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/tunnel/tunnel.h"

#include <stdatomic.h>

#include "fastpath/lookup/hash.h"

#define OUTER_TTL 64

/* IANA's dynamic ports (RFC 6335 section 6), of which there are 2 to the 14. */
#define ENTROPY_FIRST 49152
#define ENTROPY_MASK 0x3fff

struct df_underlay df_underlay;
struct df_peer_header df_peer_headers[DF_PEERS_MAX];

const char *const df_tunnel_type_names[] = {[0] = "none", [DF_TUNNEL_VXLAN] = "vxlan", NULL};

void df_underlay_set(const struct df_underlay *underlay)
{
    df_underlay = underlay != NULL ? *underlay : (struct df_underlay){0};
}

/* Is it UDP for VXLAN's port at this node, as far as can be seen? A later fragment does not show its port. */
static bool is_ours(const uint8_t *frame, uint32_t len)
{
    const struct df_tunnel_outer *outer = (const void *)frame;
    const struct rte_ipv4_hdr *ip = &outer->ip;
    if (len < RTE_ETHER_HDR_LEN + sizeof(*ip) || !df_mac_equal(&outer->dst, &df_underlay.mac) ||
        outer->eth_type != RTE_BE16(RTE_ETHER_TYPE_IPV4))
        return false;
    if (ip->dst_addr != df_underlay.ip || ip->next_proto_id != IPPROTO_UDP ||
        (ip->fragment_offset & RTE_BE16(RTE_IPV4_HDR_OFFSET_MASK)) != 0)
        return false;
    uint32_t at = RTE_ETHER_HDR_LEN + rte_ipv4_hdr_len(ip);
    const struct rte_udp_hdr *udp = (const void *)(frame + at);
    return at + offsetof(struct rte_udp_hdr, dgram_len) <= len && udp->dst_port == RTE_BE16(DF_VXLAN_PORT);
}

enum df_drop df_tunnel_refusal(const uint8_t *frame, uint32_t len)
{
    return is_ours(frame, len) ? DF_DROP_TUNNEL_MALFORMED : DF_DROP_UNDERLAY_OTHER;
}

/* A callback of RCU gives back what the control thread takes. */
static _Atomic bool taken[DF_PEERS_MAX];

uint16_t df_peer_header_take(void)
{
    for (uint16_t index = 1; index < DF_PEERS_MAX; index++) {
        if (atomic_load_explicit(&taken[index], memory_order_acquire))
            continue;
        atomic_store_explicit(&taken[index], true, memory_order_relaxed);
        return index;
    }
    return 0;
}

void df_peer_header_give(uint16_t index)
{
    atomic_store_explicit(&taken[index], false, memory_order_release);
}

void df_peer_header_fill(struct df_peer_header *header, const struct df_mac *dst, const struct df_mac *src,
                         uint32_t dst_ip, uint32_t src_ip)
{
    struct df_tunnel_outer outer = {
        .dst = *dst,
        .src = *src,
        .eth_type = RTE_BE16(RTE_ETHER_TYPE_IPV4),
        .ip = {.version_ihl = RTE_IPV4_VHL_DEF,
               .fragment_offset = RTE_BE16(RTE_IPV4_HDR_DF_FLAG),
               .time_to_live = OUTER_TTL,
               .next_proto_id = IPPROTO_UDP,
               .src_addr = src_ip,
               .dst_addr = dst_ip},
        .udp = {.dst_port = RTE_BE16(DF_VXLAN_PORT)},
        .vxlan_flags = DF_VXLAN_FLAG_VNI,
    };
    *header = (struct df_peer_header){0};
    memcpy(header->bytes, &outer, sizeof(outer));
    header->ip_sum = (uint16_t)~df_checksum(&outer.ip, sizeof(outer.ip));
}

/* What tells one flow from another; zeroes where a packet has no such thing. */
struct tuple {
    struct df_ip src, dst;
    uint16_t l4_src, l4_dst;
    uint16_t proto;
    uint16_t zero;
};

uint16_t df_tunnel_entropy(const struct df_packet *inner)
{
    struct tuple tuple = {.src = inner->ip_src, .dst = inner->ip_dst};
    if (!(inner->bits & (DF_PACKET_IP4 | DF_PACKET_IP6))) {
        memcpy(tuple.src.byte, inner->eth_src.byte, sizeof(inner->eth_src));
        memcpy(tuple.dst.byte, inner->eth_dst.byte, sizeof(inner->eth_dst));
    } else if (!(inner->bits & DF_PACKET_FRAGMENT)) {
        tuple.l4_src = inner->l4_src;
        tuple.l4_dst = inner->l4_dst;
        tuple.proto = inner->ip_proto;
    }
    return (uint16_t)(ENTROPY_FIRST | (df_hash_bytes(&tuple, sizeof(tuple)) & ENTROPY_MASK));
}
