/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <netinet/in.h>
#include <rte_byteorder.h>

#include "fastpath/packet/packet.h"

/*
 * Private to fastpath/packet: how the parser's parts hand a frame to each other.
 *
 * Each part reads between the offset it is given and frame->end only. The end moves in as headers say how long the
 * packet is, so that nothing reads Ethernet padding as a header.
 */

struct frame {
    const uint8_t *data;
    uint32_t end;         /* first offset that is not to be read */
    bool fragment_header; /* IPv6: there is one, even if it says that the packet is whole */
};

static inline bool frame_has(const struct frame *frame, uint32_t offset, uint32_t len)
{
    return len <= frame->end && offset <= frame->end - len;
}

static inline uint16_t frame_u16(const struct frame *frame, uint32_t offset)
{
    return (uint16_t)(frame->data[offset] << 8 | frame->data[offset + 1]);
}

static inline uint32_t frame_u32(const struct frame *frame, uint32_t offset)
{
    return (uint32_t)frame_u16(frame, offset) << 16 | frame_u16(frame, offset + 2);
}

/* ---- IPv6 extension headers (RFC 8200 section 4) */

/* No sender uses more than four; RFC 8504 section 5.3 lets a node draw a line. */
#define EXTENSIONS_MAX 8

/* The shortest extension header, and the unit of their lengths. */
#define EXTENSION_UNIT 8

static inline bool extension_is(uint8_t type)
{
    return type == IPPROTO_HOPOPTS || type == IPPROTO_ROUTING || type == IPPROTO_FRAGMENT || type == IPPROTO_DSTOPTS ||
           type == IPPROTO_AH;
}

/* Bytes of the extension header at offset, of which the first EXTENSION_UNIT are there. */
static inline uint32_t extension_len(const struct frame *frame, uint8_t type, uint32_t offset)
{
    switch (type) {
    case IPPROTO_HOPOPTS:
    case IPPROTO_ROUTING:
    case IPPROTO_DSTOPTS:
        return (frame->data[offset + 1] + 1u) * EXTENSION_UNIT;
    case IPPROTO_AH:
        return (frame->data[offset + 1] + 2u) * 4; /* RFC 4302 section 2.2 */
    default:
        return EXTENSION_UNIT;
    }
}

/* ---- The parts */

/* Each parses from packet->l3_offset, or l4_offset; DF_DROP_NONE, or why the packet is malformed. */
enum df_drop df_parse_ip4(struct frame *frame, struct df_packet *packet);
enum df_drop df_parse_ip6(struct frame *frame, struct df_packet *packet);
enum df_drop df_parse_l4(const struct frame *frame, struct df_packet *packet);
enum df_drop df_parse_nd(const struct frame *frame, struct df_packet *packet);

/* Each reads what follows the ports of a header that is whole; what it finds wrong behind that is left out. */
void df_parse_tcp(const struct frame *frame, struct df_packet *packet, uint32_t header);
void df_parse_sctp(const struct frame *frame, struct df_packet *packet);

/* Reads the packet that an ICMP error quotes, which begins at offset. It may be cut off, and says what it likes. */
void df_parse_quoted(const struct frame *frame, struct df_packet *packet, uint32_t offset);
