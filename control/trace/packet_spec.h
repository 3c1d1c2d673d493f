/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "control/trace/words.h"

/*
 * A packet as words describe it; words.c reads it, fill_in.c adds what is missing, build.c makes the frame.
 * Private to them.
 */

#define DF_SPEC_WORD_MAX 128 /* bytes of a word */

enum df_spec_given {
    DF_SPEC_DL_SRC = 1 << 0,
    DF_SPEC_DL_DST = 1 << 1,
    DF_SPEC_IP_SRC = 1 << 2,
    DF_SPEC_IP_DST = 1 << 3,
    DF_SPEC_TTL = 1 << 4,
    DF_SPEC_ICMP_TYPE = 1 << 5,
    DF_SPEC_ARP_SHA = 1 << 6,
    DF_SPEC_ND_TARGET = 1 << 7,
    DF_SPEC_ND_LLADDR = 1 << 8,
    DF_SPEC_TP_SRC = 1 << 9,
    DF_SPEC_DL_TYPE = 1 << 10,
    DF_SPEC_VLAN = 1 << 11,
    DF_SPEC_PROTO = 1 << 12,
    DF_SPEC_FRAG_OFFSET = 1 << 13,
    DF_SPEC_FRAG_MORE = 1 << 14,
    DF_SPEC_TCP_ACK = 1 << 15,
    DF_SPEC_TCP_WSCALE = 1 << 16,
    DF_SPEC_SCTP_CHUNK = 1 << 17,
    DF_SPEC_SCTP_TAG = 1 << 18,
    DF_SPEC_QUOTE_LEN = 1 << 19,
    DF_SPEC_DF = 1 << 20,
};

#define DF_SPEC_QUOTES_MAX 2 /* an ICMP error quotes a packet, which may be an ICMP error */

enum df_spec_fragment { DF_SPEC_WHOLE, DF_SPEC_FIRST_FRAGMENT, DF_SPEC_LATER_FRAGMENT };

struct df_packet_spec {
    uint32_t given;
    struct df_mac dl_src, dl_dst;
    uint16_t dl_type; /* 0x0800, 0x86dd, 0x0806, or another without a header of ours */
    uint16_t vlan, vlan_pcp;
    struct df_ip ip_src, ip_dst;
    uint8_t proto, ttl, tos;
    uint8_t fragment; /* enum df_spec_fragment */
    uint8_t frag_more;
    uint8_t df;           /* IPv4: must not be fragmented */
    uint16_t frag_offset; /* bytes */
    uint32_t ip_id;
    uint16_t tp_src, tp_dst;
    uint8_t tcp_flags, tcp_wscale;
    uint16_t tcp_window;
    uint32_t tcp_seq, tcp_ack;
    uint8_t sctp_chunk; /* type of the only chunk */
    uint32_t sctp_tag, sctp_init_tag;
    uint8_t icmp_type, icmp_code;
    uint16_t icmp_id, icmp_seq;
    struct df_packet_spec *quote; /* what an ICMP error is about, from its IP header on; NULL: nothing */
    uint16_t quote_len;           /* bytes of it */
    uint16_t arp_op;
    struct df_ip arp_spa, arp_tpa; /* mapped */
    struct df_mac arp_sha, arp_tha;
    struct df_ip nd_target;
    struct df_mac nd_lladdr;
    uint16_t payload;
    char src[DF_SPEC_WORD_MAX], dst[DF_SPEC_WORD_MAX]; /* names of ports; "" is none */
};

/** What the words need not say and is the same for all packets. */
struct df_packet_spec df_spec_default(void);

/** Adds what the words left out: protocol, addresses, next hop. -EINVAL, or what a name's function returned. */
int df_spec_fill_in(struct df_packet_spec *spec, const struct df_words_names *names, struct df_error *error);

/** Writes the frame; every field that it needs is set. -ENOSPC: longer than room. */
int df_spec_build(const struct df_packet_spec *spec, uint8_t *frame, size_t *len);

/** Is it a neighbour solicitation (135) or advertisement (136)? */
static inline bool df_spec_is_nd(const struct df_packet_spec *spec)
{
    return spec->dl_type == 0x86dd && spec->proto == 58 && (spec->icmp_type == 135 || spec->icmp_type == 136);
}
