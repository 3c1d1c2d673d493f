/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/packet/icmp.h"
#include "fastpath/packet/parse.h"

#include <rte_ip.h>

/*
 * The packet that an ICMP error quotes: RFC 792 has its IP header and eight bytes behind it, RFC 4443 section 2.4 (c)
 * as much as fits. Its lengths speak of the packet as it was, so only the end of the frame bounds what is read, and its
 * checksum is that of a packet that routers had in their hands: neither is checked.
 */

#define L4_MIN 8u /* RFC 792: the first 64 bits of the datagram's data */

/* Where a quoted IP header ends, and what follows it. */
struct inner {
    uint32_t l4_offset;
    uint8_t ip_proto;
    bool later_fragment;
    uint8_t icmp_proto; /* the family's own ICMP */
};

static bool read_ip4(const struct frame *frame, uint32_t offset, struct df_packet *packet, struct inner *inner)
{
    const struct rte_ipv4_hdr *ip = (const void *)(frame->data + offset);
    if (!frame_has(frame, offset, sizeof(*ip)))
        return false;
    uint32_t header = rte_ipv4_hdr_len(ip);
    if (ip->version_ihl >> 4 != IPVERSION || header < sizeof(*ip) || !frame_has(frame, offset, header))
        return false;
    packet->quoted.src = df_ip_from4(ip->src_addr);
    packet->quoted.dst = df_ip_from4(ip->dst_addr);
    *inner = (struct inner){.l4_offset = offset + header,
                            .ip_proto = ip->next_proto_id,
                            .later_fragment = ip->fragment_offset & RTE_BE16(RTE_IPV4_HDR_OFFSET_MASK),
                            .icmp_proto = IPPROTO_ICMP};
    return true;
}

static bool skip_extensions(const struct frame *frame, struct inner *inner)
{
    for (unsigned n = 0; extension_is(inner->ip_proto) && !inner->later_fragment; n++) {
        uint8_t type = inner->ip_proto;
        uint32_t offset = inner->l4_offset;
        if (n == EXTENSIONS_MAX || !frame_has(frame, offset, EXTENSION_UNIT))
            return false;
        uint32_t len = extension_len(frame, type, offset);
        if (!frame_has(frame, offset, len))
            return false;
        if (type == IPPROTO_FRAGMENT)
            inner->later_fragment = frame_u16(frame, offset + 2) & RTE_IPV6_EHDR_FO_MASK;
        inner->ip_proto = frame->data[offset];
        inner->l4_offset += len;
    }
    return true;
}

static bool read_ip6(const struct frame *frame, uint32_t offset, struct df_packet *packet, struct inner *inner)
{
    const struct rte_ipv6_hdr *ip = (const void *)(frame->data + offset);
    if (!frame_has(frame, offset, sizeof(*ip)) || frame->data[offset] >> 4 != 6)
        return false;
    memcpy(&packet->quoted.src, ip->src_addr, sizeof(packet->quoted.src));
    memcpy(&packet->quoted.dst, ip->dst_addr, sizeof(packet->quoted.dst));
    *inner = (struct inner){
        .l4_offset = offset + (uint32_t)sizeof(*ip), .ip_proto = ip->proto, .icmp_proto = IPPROTO_ICMPV6};
    /* A mapped address would be taken for the IPv4 address (addr.h). */
    if (df_ip_is4(&packet->quoted.src) || df_ip_is4(&packet->quoted.dst))
        return false;
    return skip_extensions(frame, inner);
}

static bool read_ports(const struct frame *frame, struct df_packet *packet, uint32_t offset)
{
    if (!frame_has(frame, offset, L4_MIN))
        return false;
    packet->quoted.l4_src = frame_u16(frame, offset);
    packet->quoted.l4_dst = frame_u16(frame, offset + 2);
    return true;
}

static bool read_icmp(const struct frame *frame, struct df_packet *packet, const struct inner *inner)
{
    if (!frame_has(frame, inner->l4_offset, L4_MIN))
        return false;
    uint8_t type = frame->data[inner->l4_offset];
    packet->quoted.is_error = df_icmp_is_error(inner->ip_proto, type);
    if (df_icmp_is_echo(inner->ip_proto, type))
        packet->quoted.l4_src = packet->quoted.l4_dst = frame_u16(frame, inner->l4_offset + 4);
    return true;
}

static bool read_l4(const struct frame *frame, struct df_packet *packet, const struct inner *inner)
{
    if (inner->later_fragment)
        return false;
    switch (inner->ip_proto) {
    case IPPROTO_TCP:
    case IPPROTO_UDP:
    case IPPROTO_SCTP:
    case IPPROTO_UDPLITE:
    case IPPROTO_DCCP:
        return read_ports(frame, packet, inner->l4_offset);
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
        return inner->ip_proto != inner->icmp_proto || read_icmp(frame, packet, inner);
    default:
        return true;
    }
}

void df_parse_quoted(const struct frame *frame, struct df_packet *packet, uint32_t offset)
{
    struct inner inner;
    bool found = packet->bits & DF_PACKET_IP4 ? read_ip4(frame, offset, packet, &inner)
                                              : read_ip6(frame, offset, packet, &inner);
    if (!found)
        return;
    packet->quoted.ip_proto = inner.ip_proto;
    packet->quoted.whole = read_l4(frame, packet, &inner);
}
