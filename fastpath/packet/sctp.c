/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/packet/parse.h"
#include "fastpath/packet/sctp.h"

#include <rte_sctp.h>

/* Chunks of a packet that are looked at; control chunks stand in front of DATA (RFC 9260 section 6.10). */
#define CHUNKS_MAX 8

static void take_chunk(const struct frame *frame, struct df_packet *packet, uint32_t offset, uint32_t len)
{
    packet->sctp.has_chunk = true;
    packet->sctp.chunk = frame->data[offset];
    bool begins = packet->sctp.chunk == DF_SCTP_INIT || packet->sctp.chunk == DF_SCTP_INIT_ACK;
    if (begins && len >= DF_SCTP_CHUNK_HEADER_LEN + sizeof(packet->sctp.initiate_tag))
        packet->sctp.initiate_tag = frame_u32(frame, offset + DF_SCTP_CHUNK_HEADER_LEN);
}

/*
 * The first chunk that is no everyday one, or else the first. A chunk that is not whole ends the list: of a fragment.
 */
static void read_chunks(const struct frame *frame, struct df_packet *packet, uint32_t offset)
{
    for (unsigned n = 0; n < CHUNKS_MAX && frame_has(frame, offset, DF_SCTP_CHUNK_HEADER_LEN); n++) {
        uint32_t len = frame_u16(frame, offset + 2);
        bool steady = df_sctp_is_steady(frame->data[offset]);
        if (len < DF_SCTP_CHUNK_HEADER_LEN)
            return;
        if (n == 0 || !steady)
            take_chunk(frame, packet, offset, frame_has(frame, offset, len) ? len : DF_SCTP_CHUNK_HEADER_LEN);
        if (!steady)
            return;
        offset += (len + 3) & ~3u; /* RFC 9260 section 3.2: padded to four bytes */
    }
}

void df_parse_sctp(const struct frame *frame, struct df_packet *packet)
{
    packet->sctp.tag = frame_u32(frame, packet->l4_offset + 4u);
    read_chunks(frame, packet, packet->l4_offset + (uint32_t)sizeof(struct rte_sctp_hdr));
}
