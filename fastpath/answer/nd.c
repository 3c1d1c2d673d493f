/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/answer/writers.h"
#include "fastpath/packet/checksum.h"
#include "fastpath/packet/nd.h"

#include <rte_ip.h>
#include <netinet/in.h>

struct advertisement {
    struct df_nd_message message;
    struct df_nd_lladdr_option lladdr;
};

static const struct df_mac all_nodes_mac = {{0x33, 0x33, 0, 0, 0, 1}}; /* RFC 2464 section 7 */
static const struct df_ip all_nodes = {.byte = {0xff, 0x02, [15] = 1}};

static void write_ip6(struct rte_ipv6_hdr *ip, const struct df_ip *src, const struct df_ip *dst)
{
    *ip = (struct rte_ipv6_hdr){
        .vtc_flow = RTE_BE32(6u << 28),
        .payload_len = RTE_BE16((uint16_t)sizeof(struct advertisement)),
        .proto = IPPROTO_ICMPV6,
        .hop_limits = DF_ND_HOP_LIMIT,
    };
    memcpy(ip->src_addr, src, sizeof(*src));
    memcpy(ip->dst_addr, dst, sizeof(*dst));
}

static void write_advertisement(struct rte_ipv6_hdr *ip, const struct df_packet *parsed, const struct df_mac *mac,
                                uint8_t flags)
{
    struct advertisement *advertisement = (void *)(ip + 1);
    *advertisement = (struct advertisement){
        .message = {.type = DF_ND_ADVERTISEMENT, .flags = flags},
        .lladdr = {.type = DF_ND_TARGET_LLADDR, .len = 1},
    };
    memcpy(advertisement->message.target, &parsed->nd.target, sizeof(advertisement->message.target));
    memcpy(advertisement->lladdr.mac, mac, sizeof(*mac));
    rte_be16_t checksum =
        df_checksum_ip6(ip->src_addr, ip->dst_addr, IPPROTO_ICMPV6, advertisement, sizeof(*advertisement));
    memcpy(advertisement->message.checksum, &checksum, sizeof(checksum));
}

/* RFC 4861 section 7.2.4; who probes for a duplicate has no address yet, so all nodes hear the answer. */
enum df_drop df_answer_nd(struct rte_mbuf *mbuf, const struct df_packet *parsed, const struct df_walk *walk)
{
    if (!(parsed->bits & DF_PACKET_ND) || parsed->l4_dst != DF_ND_SOLICITATION)
        return DF_DROP_ANSWER_NONE;
    uint32_t packet_len = (uint32_t)(sizeof(struct rte_ipv6_hdr) + sizeof(struct advertisement));
    if (!df_answer_resize(mbuf, parsed->l3_offset + packet_len))
        return DF_DROP_NO_MBUF;
    bool probe = df_ip_is_zero(&parsed->ip_src);
    uint8_t flags = DF_ND_OVERRIDE;
    flags |= walk->verdict.answer_is_router ? DF_ND_ROUTER : 0;
    flags |= probe ? 0 : DF_ND_SOLICITED;

    uint8_t *frame = rte_pktmbuf_mtod(mbuf, uint8_t *);
    struct rte_ipv6_hdr *ip = (void *)(frame + parsed->l3_offset);
    df_answer_ethernet(frame, probe ? &all_nodes_mac : &parsed->eth_src, &walk->verdict.answer_mac);
    write_ip6(ip, &parsed->nd.target, probe ? &all_nodes : &parsed->ip_src);
    write_advertisement(ip, parsed, &walk->verdict.answer_mac, flags);
    return DF_DROP_NONE;
}
