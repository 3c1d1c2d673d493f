/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/answer/writers.h"
#include "fastpath/packet/checksum.h"
#include "fastpath/packet/nd.h"

#include <rte_icmp.h>
#include <rte_ip.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>

#define ERROR4_MAX 576  /* bytes of the whole datagram: RFC 1812 section 4.3.2.3 */
#define ERROR6_MAX 1280 /* the least MTU of IPv6: RFC 4443 section 2.4 c */

#define TOS_INTERNETWORK_CONTROL 0xc0 /* RFC 1812 section 4.3.2.5 */

/* The part of an ICMP or ICMPv6 message in front of what it quotes. */
struct error_header {
    uint8_t type;
    uint8_t code;
    rte_be16_t checksum;
    rte_be32_t mtu; /* of a packet too big (RFC 1191 section 4, RFC 4443 section 3.2); else unused, 0 */
};

struct error4 {
    struct rte_ipv4_hdr ip;
    struct error_header icmp;
} __rte_packed;

struct error6 {
    struct rte_ipv6_hdr ip;
    struct error_header icmp;
} __rte_packed;

/* ---- Echo ---- */

static bool echo_is_due(const struct df_packet *parsed)
{
    uint8_t request = parsed->bits & DF_PACKET_IP4 ? ICMP_ECHO : ICMP6_ECHO_REQUEST;
    uint8_t proto = parsed->bits & DF_PACKET_IP4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
    uint32_t payload = parsed->l3_len - (uint32_t)(parsed->l4_offset - parsed->l3_offset);
    /* A source route would have to be turned round (RFC 1122 section 3.2.2.6); fragments would have to be joined. */
    if (!(parsed->bits & DF_PACKET_L4) || (parsed->bits & (DF_PACKET_OPTIONS | DF_PACKET_FRAGMENT)))
        return false;
    return parsed->ip_proto == proto && parsed->l4_dst == request && parsed->icmp_code == 0 &&
           payload >= sizeof(struct rte_icmp_hdr) && df_answer_is_unicast(parsed);
}

static void turn_ip4(struct rte_ipv4_hdr *ip)
{
    rte_be32_t asked = ip->dst_addr;
    ip->dst_addr = ip->src_addr;
    ip->src_addr = asked;
    ip->time_to_live = DF_ANSWER_TTL;
    ip->hdr_checksum = 0;
    ip->hdr_checksum = df_checksum(ip, sizeof(*ip));
}

static void turn_ip6(struct rte_ipv6_hdr *ip, const struct df_packet *parsed)
{
    memcpy(ip->src_addr, &parsed->ip_dst, sizeof(ip->src_addr));
    memcpy(ip->dst_addr, &parsed->ip_src, sizeof(ip->dst_addr));
    ip->hop_limits = DF_ANSWER_TTL;
}

/* The payload stays where it is and is not read, so it may be of any length and in any number of segments. */
enum df_drop df_answer_echo(struct rte_mbuf *mbuf, const struct df_packet *parsed)
{
    if (!echo_is_due(parsed))
        return DF_DROP_ANSWER_NONE;
    uint8_t *frame = rte_pktmbuf_mtod(mbuf, uint8_t *);
    struct rte_icmp_hdr *icmp = (void *)(frame + parsed->l4_offset);
    uint8_t reply;

    df_answer_ethernet(frame, &parsed->eth_src, &parsed->eth_dst);
    if (parsed->bits & DF_PACKET_IP4) {
        turn_ip4((void *)(frame + parsed->l3_offset));
        reply = ICMP_ECHOREPLY;
    } else {
        turn_ip6((void *)(frame + parsed->l3_offset), parsed);
        reply = ICMP6_ECHO_REPLY;
    }
    /* The pseudo-header of ICMPv6 sums to the same with source and destination swapped: only the type changed. */
    icmp->icmp_cksum = df_checksum_update(icmp->icmp_cksum, rte_cpu_to_be_16((uint16_t)(icmp->icmp_type << 8)),
                                          rte_cpu_to_be_16((uint16_t)(reply << 8)));
    icmp->icmp_type = reply;
    return DF_DROP_NONE;
}

/* ---- Errors ---- */

static bool is_icmp_error(const struct df_packet *parsed)
{
    if (!(parsed->bits & DF_PACKET_L4))
        return false;
    uint16_t type = parsed->l4_dst;
    if (parsed->bits & DF_PACKET_IP4)
        return parsed->ip_proto == IPPROTO_ICMP &&
               (type == ICMP_DEST_UNREACH || type == ICMP_SOURCE_QUENCH || type == ICMP_REDIRECT ||
                type == ICMP_TIME_EXCEEDED || type == ICMP_PARAMETERPROB);
    return parsed->ip_proto == IPPROTO_ICMPV6 && (!(type & ICMP6_INFOMSG_MASK) || type == DF_ND_REDIRECT);
}

/* from: the router's address; it may have none in this family. */
static bool error_is_due(const struct df_packet *parsed, const struct df_ip *from)
{
    bool ip4 = parsed->bits & DF_PACKET_IP4;
    if (!(parsed->bits & (DF_PACKET_IP4 | DF_PACKET_IP6)) || (parsed->bits & DF_PACKET_LATER_FRAGMENT))
        return false;
    if (df_ip_is_zero(from) || df_ip_is4(from) != ip4 || (ip4 && from->word[3] == 0))
        return false;
    return df_answer_is_unicast(parsed) && !is_icmp_error(parsed);
}

static void write_error4(struct error4 *error, uint16_t quote, const struct df_packet *parsed,
                         const struct df_verdict *verdict)
{
    uint16_t total = (uint16_t)(sizeof(*error) + quote);
    *error = (struct error4){
        .ip = {.version_ihl = RTE_IPV4_VHL_DEF,
               .type_of_service = TOS_INTERNETWORK_CONTROL,
               .total_length = rte_cpu_to_be_16(total),
               .fragment_offset = RTE_BE16(RTE_IPV4_HDR_DF_FLAG), /* so its identification may be 0 (RFC 6864) */
               .time_to_live = DF_ANSWER_TTL,
               .next_proto_id = IPPROTO_ICMP,
               .src_addr = verdict->answer_ip.word[3],
               .dst_addr = parsed->ip_src.word[3]},
        .icmp = {.type = verdict->answer_type,
                 .code = verdict->answer_code,
                 .mtu = rte_cpu_to_be_32(verdict->answer_mtu)},
    };
    error->ip.hdr_checksum = df_checksum(&error->ip, sizeof(error->ip));
    error->icmp.checksum = df_checksum(&error->icmp, (uint32_t)sizeof(error->icmp) + quote);
}

static void write_error6(struct error6 *error, uint16_t quote, const struct df_packet *parsed,
                         const struct df_verdict *verdict)
{
    uint32_t payload = (uint32_t)sizeof(error->icmp) + quote;
    *error = (struct error6){
        .ip = {.vtc_flow = RTE_BE32(6u << 28),
               .payload_len = rte_cpu_to_be_16((uint16_t)payload),
               .proto = IPPROTO_ICMPV6,
               .hop_limits = DF_ANSWER_TTL},
        .icmp = {.type = verdict->answer_type,
                 .code = verdict->answer_code,
                 .mtu = rte_cpu_to_be_32(verdict->answer_mtu)},
    };
    memcpy(error->ip.src_addr, &verdict->answer_ip, sizeof(error->ip.src_addr));
    memcpy(error->ip.dst_addr, &parsed->ip_src, sizeof(error->ip.dst_addr));
    error->icmp.checksum =
        df_checksum_ip6(error->ip.src_addr, error->ip.dst_addr, IPPROTO_ICMPV6, &error->icmp, payload);
}

/* Headers go in front of the packet, which becomes the quotation where it lies; Ethernet's moves ahead of them. */
enum df_drop df_answer_icmp_error(struct rte_mbuf *mbuf, const struct df_packet *parsed, const struct df_walk *walk)
{
    const struct df_verdict *verdict = &walk->verdict;
    if (!error_is_due(parsed, &verdict->answer_ip))
        return DF_DROP_ANSWER_NONE;
    bool ip4 = parsed->bits & DF_PACKET_IP4;
    uint16_t headers = ip4 ? sizeof(struct error4) : sizeof(struct error6);
    uint32_t here = mbuf->data_len - (uint32_t)parsed->l3_offset;
    uint32_t quote = RTE_MIN((uint32_t)parsed->l3_len, (ip4 ? ERROR4_MAX : ERROR6_MAX) - (uint32_t)headers);
    quote = RTE_MIN(quote, here);

    if (!df_answer_resize(mbuf, parsed->l3_offset + quote))
        return DF_DROP_NO_MBUF;
    uint8_t *frame = (uint8_t *)rte_pktmbuf_prepend(mbuf, headers);
    if (frame == NULL)
        return DF_DROP_NO_MBUF;
    memmove(frame, frame + headers, parsed->l3_offset);
    df_answer_ethernet(frame, &parsed->eth_src, &parsed->eth_dst);
    if (ip4)
        write_error4((void *)(frame + parsed->l3_offset), (uint16_t)quote, parsed, verdict);
    else
        write_error6((void *)(frame + parsed->l3_offset), (uint16_t)quote, parsed, verdict);
    return DF_DROP_NONE;
}
