/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

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

/* Each parses from packet->l3_offset, or l4_offset; DF_DROP_NONE, or why the packet is malformed. */
enum df_drop df_parse_ip4(struct frame *frame, struct df_packet *packet);
enum df_drop df_parse_ip6(struct frame *frame, struct df_packet *packet);
enum df_drop df_parse_l4(const struct frame *frame, struct df_packet *packet);
enum df_drop df_parse_nd(const struct frame *frame, struct df_packet *packet);
