/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/packet/checksum.h"
#include "fastpath/packet/parse.h"

#include <rte_ip.h>
#include <netinet/in.h>

/*
 * offset: of the fragment's first byte in the datagram; len: of the fragment; both in bytes.
 * RFC 791 section 3.2 and RFC 8200 section 4.5.
 */
static enum df_drop note_fragment(struct df_packet *packet, uint32_t offset, bool more, uint32_t len)
{
    if ((more && len % 8 != 0) || offset + len > UINT16_MAX)
        return DF_DROP_BAD_IP;
    packet->bits |= DF_PACKET_FRAGMENT;
    if (more)
        packet->bits |= DF_PACKET_MORE_FRAGMENTS;
    if (offset != 0)
        packet->bits |= DF_PACKET_LATER_FRAGMENT;
    packet->fragment_offset = (uint16_t)offset;
    packet->fragment_len = (uint16_t)len;
    /* It would bring the flags of a TCP header, of which the first fragment was too short (RFC 1858 section 3.2.2). */
    if (offset == 8 && packet->ip_proto == IPPROTO_TCP)
        return DF_DROP_FRAG_TINY;
    return DF_DROP_NONE;
}

/* A first fragment holds all headers up to the transport's (RFC 1858 section 3.2.1, RFC 7112 section 5). */
static enum df_drop of_first_fragment(const struct df_packet *packet, enum df_drop drop)
{
    return drop == DF_DROP_TRUNCATED && (packet->bits & DF_PACKET_FRAGMENT) ? DF_DROP_FRAG_TINY : drop;
}

static enum df_drop parse_ip4_fragment(const struct frame *frame, struct df_packet *packet,
                                       const struct rte_ipv4_hdr *ip)
{
    uint16_t fragment = rte_be_to_cpu_16(ip->fragment_offset);
    if (fragment & RTE_IPV4_HDR_DF_FLAG)
        packet->bits |= DF_PACKET_DF;
    bool more = fragment & RTE_IPV4_HDR_MF_FLAG;
    uint32_t offset = (uint32_t)(fragment & RTE_IPV4_HDR_OFFSET_MASK) * RTE_IPV4_HDR_OFFSET_UNITS;
    if (!more && offset == 0)
        return DF_DROP_NONE;
    packet->fragment_id = rte_be_to_cpu_16(ip->packet_id);
    return note_fragment(packet, offset, more, frame->end - packet->l4_offset);
}

static enum df_drop check_ip4_lengths(struct frame *frame, struct df_packet *packet, const struct rte_ipv4_hdr *ip)
{
    uint32_t header = rte_ipv4_hdr_len(ip);
    uint32_t total = rte_be_to_cpu_16(ip->total_length);
    if (ip->version_ihl >> 4 != IPVERSION || header < sizeof(*ip) || total < header)
        return DF_DROP_BAD_IP;
    if (!frame_has(frame, packet->l3_offset, header))
        return DF_DROP_TRUNCATED;
    if (!frame_has(frame, packet->l3_offset, total) || df_checksum(ip, header) != 0)
        return DF_DROP_BAD_IP;
    packet->l3_len = (uint16_t)total;
    packet->l4_offset = (uint16_t)(packet->l3_offset + header);
    frame->end = packet->l3_offset + total;
    if (header > sizeof(*ip))
        packet->bits |= DF_PACKET_OPTIONS;
    return DF_DROP_NONE;
}

enum df_drop df_parse_ip4(struct frame *frame, struct df_packet *packet)
{
    const struct rte_ipv4_hdr *ip = (const void *)(frame->data + packet->l3_offset);
    if (!frame_has(frame, packet->l3_offset, sizeof(*ip)))
        return DF_DROP_TRUNCATED;
    enum df_drop drop = check_ip4_lengths(frame, packet, ip);
    if (drop != DF_DROP_NONE)
        return drop;

    packet->bits |= DF_PACKET_IP4;
    packet->ip_proto = ip->next_proto_id;
    packet->ip_tos = ip->type_of_service;
    packet->ip_ttl = ip->time_to_live;
    packet->ip_src = df_ip_from4(ip->src_addr);
    packet->ip_dst = df_ip_from4(ip->dst_addr);
    if (df_ip_is_never_source(&packet->ip_src))
        return DF_DROP_BAD_IP_SOURCE;
    drop = parse_ip4_fragment(frame, packet, ip);
    if (drop != DF_DROP_NONE || (packet->bits & DF_PACKET_LATER_FRAGMENT))
        return drop;
    return of_first_fragment(packet, df_parse_l4(frame, packet));
}

static enum df_drop parse_ip6_fragment(struct frame *frame, struct df_packet *packet, uint32_t offset)
{
    uint16_t fragment = frame_u16(frame, offset + 2);
    bool more = fragment & RTE_IPV6_EHDR_MF_MASK;
    uint32_t first = fragment & RTE_IPV6_EHDR_FO_MASK; /* in units of 8, shifted by 3: bytes */
    if (frame->fragment_header)
        return DF_DROP_BAD_IP;
    frame->fragment_header = true;
    if (!more && first == 0) /* whole after all (RFC 6946) */
        return DF_DROP_NONE;
    packet->fragment_id = frame_u32(frame, offset + 4);
    return note_fragment(packet, first, more, frame->end - offset - EXTENSION_UNIT);
}

/* Goes behind the extension headers: sets ip_proto and l4_offset. Of a later fragment only those in front are there. */
static enum df_drop parse_extensions(struct frame *frame, struct df_packet *packet)
{
    uint32_t offset = packet->l3_offset + (uint32_t)sizeof(struct rte_ipv6_hdr);
    enum df_drop drop = DF_DROP_NONE;
    for (unsigned n = 0; extension_is(packet->ip_proto) && !(packet->bits & DF_PACKET_LATER_FRAGMENT); n++) {
        uint8_t type = packet->ip_proto;
        if (n == EXTENSIONS_MAX)
            return DF_DROP_TOO_MANY_HEADERS;
        if (type == IPPROTO_HOPOPTS && n != 0) /* RFC 8200 section 4.1 */
            return DF_DROP_BAD_IP;
        if (!frame_has(frame, offset, EXTENSION_UNIT))
            return DF_DROP_TRUNCATED;
        uint32_t len = extension_len(frame, type, offset);
        if (!frame_has(frame, offset, len))
            return DF_DROP_TRUNCATED;
        packet->bits |= DF_PACKET_OPTIONS;
        packet->ip_proto = frame->data[offset];
        if (type == IPPROTO_FRAGMENT && (drop = parse_ip6_fragment(frame, packet, offset)) != DF_DROP_NONE)
            return drop;
        offset += len;
    }
    packet->l4_offset = (uint16_t)offset;
    return DF_DROP_NONE;
}

static enum df_drop check_ip6_lengths(struct frame *frame, struct df_packet *packet, const struct rte_ipv6_hdr *ip)
{
    uint32_t total = (uint32_t)sizeof(*ip) + rte_be_to_cpu_16(ip->payload_len);
    if ((frame->data[packet->l3_offset] >> 4) != 6 || total > UINT16_MAX || !frame_has(frame, packet->l3_offset, total))
        return DF_DROP_BAD_IP;
    packet->l3_len = (uint16_t)total;
    frame->end = packet->l3_offset + total;
    return DF_DROP_NONE;
}

enum df_drop df_parse_ip6(struct frame *frame, struct df_packet *packet)
{
    const struct rte_ipv6_hdr *ip = (const void *)(frame->data + packet->l3_offset);
    if (!frame_has(frame, packet->l3_offset, sizeof(*ip)))
        return DF_DROP_TRUNCATED;
    enum df_drop drop = check_ip6_lengths(frame, packet, ip);
    if (drop != DF_DROP_NONE)
        return drop;

    packet->bits |= DF_PACKET_IP6;
    packet->ip_proto = ip->proto;
    packet->ip_tos = (uint8_t)(rte_be_to_cpu_32(ip->vtc_flow) >> RTE_IPV6_HDR_TC_SHIFT);
    packet->ip_ttl = ip->hop_limits;
    memcpy(&packet->ip_src, ip->src_addr, sizeof(packet->ip_src));
    memcpy(&packet->ip_dst, ip->dst_addr, sizeof(packet->ip_dst));
    /* On the wire a mapped address is an attempt to be taken for the IPv4 address (addr.h makes them the same key). */
    if (df_ip_is4(&packet->ip_src) || df_ip_is_never_source(&packet->ip_src))
        return DF_DROP_BAD_IP_SOURCE;
    if (df_ip_is4(&packet->ip_dst))
        return DF_DROP_BAD_IP;
    drop = parse_extensions(frame, packet);
    if (drop == DF_DROP_NONE && !(packet->bits & DF_PACKET_LATER_FRAGMENT))
        drop = df_parse_l4(frame, packet);
    return of_first_fragment(packet, drop);
}
