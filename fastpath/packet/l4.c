/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/packet/icmp.h"
#include "fastpath/packet/nd.h"
#include "fastpath/packet/parse.h"

#include <rte_sctp.h>
#include <rte_tcp.h>
#include <rte_udp.h>
#include <netinet/in.h>

#define ICMP_HEADER_LEN 8u /* RFC 792, of all messages that are known here */
#define ICMP6_HEADER_LEN 4 /* RFC 4443 section 2.1; a body need not follow */

/* Ports lie at the same place in all protocols that have them. */
static enum df_drop parse_ports(const struct frame *frame, struct df_packet *packet, uint32_t header)
{
    if (!frame_has(frame, packet->l4_offset, header))
        return DF_DROP_TRUNCATED;
    packet->l4_src = frame_u16(frame, packet->l4_offset);
    packet->l4_dst = frame_u16(frame, packet->l4_offset + 2u);
    packet->bits |= DF_PACKET_L4;
    return DF_DROP_NONE;
}

static enum df_drop parse_tcp(const struct frame *frame, struct df_packet *packet)
{
    enum df_drop drop = parse_ports(frame, packet, sizeof(struct rte_tcp_hdr));
    if (drop != DF_DROP_NONE)
        return drop;
    const struct rte_tcp_hdr *tcp = (const void *)(frame->data + packet->l4_offset);
    uint32_t header = (tcp->data_off >> 4) * 4u;
    if (header < sizeof(*tcp))
        return DF_DROP_BAD_L4;
    if (!frame_has(frame, packet->l4_offset, header))
        return DF_DROP_TRUNCATED;
    df_parse_tcp(frame, packet, header);
    return DF_DROP_NONE;
}

static enum df_drop parse_sctp(const struct frame *frame, struct df_packet *packet)
{
    enum df_drop drop = parse_ports(frame, packet, sizeof(struct rte_sctp_hdr));
    if (drop == DF_DROP_NONE)
        df_parse_sctp(frame, packet);
    return drop;
}

static enum df_drop parse_udp(const struct frame *frame, struct df_packet *packet)
{
    enum df_drop drop = parse_ports(frame, packet, sizeof(struct rte_udp_hdr));
    if (drop != DF_DROP_NONE)
        return drop;
    const struct rte_udp_hdr *udp = (const void *)(frame->data + packet->l4_offset);
    uint32_t len = rte_be_to_cpu_16(udp->dgram_len);
    if (len < sizeof(*udp))
        return DF_DROP_BAD_L4;
    /* The length is the whole datagram's: a first fragment has less. */
    if (!(packet->bits & DF_PACKET_FRAGMENT) && !frame_has(frame, packet->l4_offset, len))
        return DF_DROP_BAD_L4;
    return DF_DROP_NONE;
}

static enum df_drop parse_icmp(const struct frame *frame, struct df_packet *packet, uint32_t header)
{
    if (!frame_has(frame, packet->l4_offset, header))
        return DF_DROP_TRUNCATED;
    uint8_t type = frame->data[packet->l4_offset];
    packet->l4_dst = type;
    packet->icmp_code = frame->data[packet->l4_offset + 1];
    packet->bits |= DF_PACKET_L4;
    if (df_icmp_is_echo(packet->ip_proto, type) && frame_has(frame, packet->l4_offset, ICMP_HEADER_LEN)) {
        packet->bits |= DF_PACKET_ICMP_ECHO;
        packet->icmp_id = frame_u16(frame, packet->l4_offset + 4u);
    } else if (df_icmp_is_error(packet->ip_proto, type)) {
        packet->bits |= DF_PACKET_ICMP_ERROR;
        df_parse_quoted(frame, packet, packet->l4_offset + ICMP_HEADER_LEN);
    }
    return DF_DROP_NONE;
}

static enum df_drop parse_icmp6(const struct frame *frame, struct df_packet *packet)
{
    enum df_drop drop = parse_icmp(frame, packet, ICMP6_HEADER_LEN);
    if (drop != DF_DROP_NONE || packet->l4_dst < DF_ND_ROUTER_SOLICITATION || packet->l4_dst > DF_ND_REDIRECT)
        return drop;
    return df_parse_nd(frame, packet);
}

enum df_drop df_parse_l4(const struct frame *frame, struct df_packet *packet)
{
    switch (packet->ip_proto) {
    case IPPROTO_TCP:
        return parse_tcp(frame, packet);
    case IPPROTO_UDP:
        return parse_udp(frame, packet);
    case IPPROTO_SCTP:
        return parse_sctp(frame, packet);
    case IPPROTO_UDPLITE:
        return parse_ports(frame, packet, DF_UDPLITE_HEADER_LEN);
    case IPPROTO_DCCP:
        return parse_ports(frame, packet, DF_DCCP_HEADER_LEN);
    case IPPROTO_ICMP: /* each of the two belongs to its own IP, and is just a number in the other */
        return packet->bits & DF_PACKET_IP4 ? parse_icmp(frame, packet, ICMP_HEADER_LEN) : DF_DROP_NONE;
    case IPPROTO_ICMPV6:
        return packet->bits & DF_PACKET_IP6 ? parse_icmp6(frame, packet) : DF_DROP_NONE;
    default:
        return DF_DROP_NONE;
    }
}
