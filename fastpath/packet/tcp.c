/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/packet/parse.h"

#include <rte_tcp.h>

/* RFC 9293 section 3.1, RFC 7323 section 2.2. */
enum option { OPTION_END = 0, OPTION_NOP = 1, OPTION_WINDOW_SCALE = 3 };

#define OPTION_WINDOW_SCALE_LEN 3
#define SHIFT_MAX 14 /* more counts as this: RFC 7323 section 2.3 */
#define SHIFT_NONE 0xff
#define FLAGS 0x3f /* without ECN's */

/* The shift of the window scale option among the options from offset to end. */
static uint8_t read_window_shift(const uint8_t *data, uint32_t offset, uint32_t end)
{
    while (offset < end && data[offset] != OPTION_END) {
        if (data[offset] == OPTION_NOP) {
            offset++;
            continue;
        }
        if (end - offset < 2 || data[offset + 1] < 2 || data[offset + 1] > end - offset)
            break;
        if (data[offset] == OPTION_WINDOW_SCALE && data[offset + 1] == OPTION_WINDOW_SCALE_LEN)
            return data[offset + 2] < SHIFT_MAX ? data[offset + 2] : SHIFT_MAX;
        offset += data[offset + 1];
    }
    return SHIFT_NONE;
}

void df_parse_tcp(const struct frame *frame, struct df_packet *packet, uint32_t header)
{
    const struct rte_tcp_hdr *tcp = (const void *)(frame->data + packet->l4_offset);
    packet->tcp.seq = rte_be_to_cpu_32(tcp->sent_seq);
    packet->tcp.ack = rte_be_to_cpu_32(tcp->recv_ack);
    packet->tcp.window = rte_be_to_cpu_16(tcp->rx_win);
    packet->tcp.payload_len = (uint16_t)(frame->end - packet->l4_offset - header);
    packet->tcp.flags = tcp->tcp_flags & FLAGS;
    packet->tcp.window_shift = SHIFT_NONE;
    if (tcp->tcp_flags & RTE_TCP_SYN_FLAG)
        packet->tcp.window_shift =
            read_window_shift(frame->data, packet->l4_offset + (uint32_t)sizeof(*tcp), packet->l4_offset + header);
}
