/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/packet/nd.h"
#include "fastpath/packet/checksum.h"
#include "fastpath/packet/parse.h"

#include <netinet/in.h>

#define OPTIONS_MAX 32
#define OPTION_UNIT 8
#define INDEX(TYPE) ((TYPE)-DF_ND_ROUTER_SOLICITATION)

/* Bytes in front of the options, by type (RFC 4861 section 4). */
static const uint8_t fixed_len[] = {
    [INDEX(DF_ND_ROUTER_SOLICITATION)] = 8,
    [INDEX(DF_ND_ROUTER_ADVERTISEMENT)] = 16,
    [INDEX(DF_ND_SOLICITATION)] = sizeof(struct df_nd_message),
    [INDEX(DF_ND_ADVERTISEMENT)] = sizeof(struct df_nd_message),
    [INDEX(DF_ND_REDIRECT)] = 40,
};

/*
 * The link-layer address of a neighbour message. One option that two receivers could read in two ways is none:
 * a second one, or an address that is not a station's, is refused.
 */
static bool read_lladdr(const struct frame *frame, struct df_packet *packet, uint32_t offset)
{
    const struct df_nd_lladdr_option *option = (const void *)(frame->data + offset);
    if (option->len != 1 || packet->nd.has_lladdr)
        return false;
    memcpy(&packet->nd.lladdr, option->mac, sizeof(packet->nd.lladdr));
    packet->nd.has_lladdr = 1;
    return !df_mac_is_group(&packet->nd.lladdr);
}

/* Walks the options from offset; those of type wanted (0: none) are the link-layer address. */
static bool read_options(const struct frame *frame, struct df_packet *packet, uint32_t offset, uint8_t wanted)
{
    for (unsigned n = 0; offset < frame->end; n++) {
        if (n == OPTIONS_MAX || !frame_has(frame, offset, OPTION_UNIT))
            return false;
        uint32_t len = frame->data[offset + 1] * (uint32_t)OPTION_UNIT;
        if (len == 0 || !frame_has(frame, offset, len))
            return false;
        if (wanted != 0 && frame->data[offset] == wanted && !read_lladdr(frame, packet, offset))
            return false;
        offset += len;
    }
    return true;
}

/* ff02::1:ff00:0/104 (RFC 4291 section 2.7.1). */
static bool is_solicited_node(const struct df_ip *ip)
{
    static const struct df_ip prefix = {.byte = {0xff, 0x02, [11] = 1, [12] = 0xff}};
    return df_ip_in_prefix(ip, &prefix, 104);
}

static bool solicitation_is_valid(const struct df_packet *packet)
{
    if (!df_ip_is_zero(&packet->ip_src))
        return true;
    return is_solicited_node(&packet->ip_dst) && !packet->nd.has_lladdr; /* duplicate address detection */
}

static bool advertisement_is_valid(const struct df_packet *packet)
{
    return !df_ip_is_multicast(&packet->ip_dst) || !(packet->nd.flags & DF_ND_SOLICITED);
}

static bool parse_neighbour(const struct frame *frame, struct df_packet *packet)
{
    const struct df_nd_message *message = (const void *)(frame->data + packet->l4_offset);
    bool solicitation = message->type == DF_ND_SOLICITATION;
    uint8_t wanted = solicitation ? DF_ND_SOURCE_LLADDR : DF_ND_TARGET_LLADDR;

    memcpy(&packet->nd.target, message->target, sizeof(packet->nd.target));
    if (!solicitation)
        packet->nd.flags = message->flags & (DF_ND_ROUTER | DF_ND_SOLICITED | DF_ND_OVERRIDE);
    if (!read_options(frame, packet, packet->l4_offset + (uint32_t)sizeof(*message), wanted))
        return false;
    if (df_ip_is_multicast(&packet->nd.target) || df_ip_is4(&packet->nd.target))
        return false;
    packet->bits |= DF_PACKET_ND;
    return solicitation ? solicitation_is_valid(packet) : advertisement_is_valid(packet);
}

/* RFC 4861 sections 6.1, 7.1 and 8.1, what they have in common; no fragments: RFC 6980 section 5. */
static bool message_is_valid(const struct frame *frame, const struct df_packet *packet, uint32_t fixed)
{
    const uint8_t *message = frame->data + packet->l4_offset;
    return packet->ip_ttl == DF_ND_HOP_LIMIT && packet->icmp_code == 0 && !frame->fragment_header &&
           frame_has(frame, packet->l4_offset, fixed) &&
           df_checksum_ip6(&packet->ip_src, &packet->ip_dst, IPPROTO_ICMPV6, message, frame->end - packet->l4_offset) ==
               0;
}

enum df_drop df_parse_nd(const struct frame *frame, struct df_packet *packet)
{
    uint8_t type = (uint8_t)packet->l4_dst;
    uint32_t fixed = fixed_len[type - DF_ND_ROUTER_SOLICITATION];
    if (!message_is_valid(frame, packet, fixed))
        return DF_DROP_BAD_ND;
    bool neighbour = type == DF_ND_SOLICITATION || type == DF_ND_ADVERTISEMENT;
    bool valid = neighbour ? parse_neighbour(frame, packet) : read_options(frame, packet, packet->l4_offset + fixed, 0);
    return valid ? DF_DROP_NONE : DF_DROP_BAD_ND;
}
