/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/answer/answer.h"
#include "fastpath/packet/checksum.h"

#include <stdlib.h>

/*
 * Any bytes are a frame, on the heap at their exact length. Of a frame that is well formed every answer is asked for,
 * and an answer that is made is a well-formed frame too.
 */

#define FRAME_MAX 4096
#define TAIL_ROOM 8 /* what the longest advertisement needs more than the shortest solicitation */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void fill_mbuf(struct rte_mbuf *mbuf, const uint8_t *data, uint16_t len)
{
    memset(mbuf, 0, sizeof(*mbuf));
    mbuf->buf_len = (uint16_t)(RTE_PKTMBUF_HEADROOM + len + TAIL_ROOM);
    mbuf->buf_addr = malloc(mbuf->buf_len);
    check(mbuf->buf_addr != NULL);
    mbuf->data_off = RTE_PKTMBUF_HEADROOM;
    mbuf->data_len = len;
    mbuf->pkt_len = len;
    mbuf->nb_segs = 1;
    mbuf->refcnt = 1;
    memcpy(rte_pktmbuf_mtod(mbuf, uint8_t *), data, len);
}

static struct df_ip router_address(const struct df_packet *parsed)
{
    if (parsed->bits & DF_PACKET_IP4)
        return df_ip_from4(htonl(0x0a0000fe));
    return (struct df_ip){.byte = {0xfe, 0x80, [15] = 0xfe}};
}

/* The tables answer only for addresses that they hold, and those are hosts'. */
static bool may_be_asked(enum df_answer kind, const struct df_packet *parsed)
{
    static const struct df_mac zero;
    struct df_ip asked = parsed->ip_dst;
    if (kind == DF_ANSWER_ARP)
        asked = df_ip_from4(parsed->arp.tpa);
    if (kind == DF_ANSWER_ND)
        asked = parsed->nd.target;
    return !df_ip_is_never_source(&asked) && !df_mac_equal(&parsed->eth_dst, &zero);
}

static void check_answer(enum df_answer kind, const uint8_t *data, uint16_t len, const struct df_packet *parsed)
{
    struct rte_mbuf mbuf;
    struct df_packet again;
    struct df_walk walk = {
        .verdict = {.kind = DF_VERDICT_ANSWER,
                    .answer = (uint8_t)kind,
                    .answer_type = parsed->bits & DF_PACKET_IP4 ? 11 : 3,
                    .answer_is_router = true,
                    .answer_mac = {{0x02, 0, 0, 0, 0, 0xfe}},
                    .answer_ip = router_address(parsed)},
    };
    fill_mbuf(&mbuf, data, len);
    if (df_answer_write(&mbuf, parsed, &walk) == DF_DROP_NONE) {
        enum df_drop drop = df_packet_parse(rte_pktmbuf_mtod(&mbuf, const uint8_t *), mbuf.data_len, &again);
        check(mbuf.pkt_len == mbuf.data_len);
        check(drop == DF_DROP_NONE);
        check(again.eth_type == parsed->eth_type && again.n_vlans == parsed->n_vlans);
    }
    free(mbuf.buf_addr);
}

/* Of an ICMP error, what it quotes is nowhere but in the frame, and is no IPv6 address in an IPv4 message. */
static void check_quoted(const struct df_packet *parsed)
{
    check(!(parsed->bits & DF_PACKET_ICMP_ECHO) && (parsed->bits & DF_PACKET_L4));
    if (!parsed->quoted.whole)
        return;
    bool ip4 = parsed->bits & DF_PACKET_IP4;
    check(df_ip_is4(&parsed->quoted.src) == ip4 && df_ip_is4(&parsed->quoted.dst) == ip4);
    check((uint32_t)(parsed->l4_offset - parsed->l3_offset) + 8 + (ip4 ? 20 : 40) <= parsed->l3_len);
}

static void check_fragment(const struct df_packet *parsed)
{
    bool fragment = parsed->bits & DF_PACKET_FRAGMENT;
    check(fragment || !(parsed->bits & (DF_PACKET_LATER_FRAGMENT | DF_PACKET_MORE_FRAGMENTS)));
    check(fragment == (parsed->fragment_offset != 0 || (parsed->bits & DF_PACKET_MORE_FRAGMENTS)));
    check(parsed->fragment_offset + parsed->fragment_len <= UINT16_MAX && parsed->fragment_len <= parsed->l3_len);
    check(!(parsed->bits & DF_PACKET_LATER_FRAGMENT) == (parsed->fragment_offset == 0));
}

static void check_transport(const struct df_packet *parsed)
{
    check_fragment(parsed);
    if (parsed->bits & DF_PACKET_ICMP_ERROR)
        check_quoted(parsed);
    if (!(parsed->bits & DF_PACKET_L4))
        return;
    if (parsed->ip_proto == 6)
        check((parsed->tcp.window_shift <= 14 || parsed->tcp.window_shift == 0xff) &&
              parsed->tcp.payload_len + 20 <= parsed->l3_len);
    if (parsed->ip_proto == 132)
        check(parsed->sctp.has_chunk || (parsed->sctp.chunk == 0 && parsed->sctp.initiate_tag == 0));
}

static enum df_drop check_frame(const uint8_t *frame, uint16_t len, struct df_packet *parsed)
{
    enum df_drop drop = df_packet_parse(frame, len, parsed);
    check(drop < DF_DROPS);
    check(parsed->l3_offset <= len && parsed->l4_offset <= len);
    if (drop != DF_DROP_NONE)
        return drop;
    check(parsed->l3_offset + parsed->l3_len <= len);
    check_transport(parsed);
    for (enum df_answer kind = DF_ANSWER_NONE; kind <= DF_ANSWER_ICMP_ERROR; kind++)
        if (may_be_asked(kind, parsed))
            check_answer(kind, frame, len, parsed);
    return drop;
}

/* The fuzzer cannot guess a checksum: makes those right that the parser found wrong, if that was it. */
static void mend_checksum(uint8_t *frame, uint32_t len, const struct df_packet *parsed)
{
    uint8_t *ip = frame + parsed->l3_offset;
    uint8_t *message = frame + parsed->l4_offset;
    rte_be16_t checksum;
    if (parsed->eth_type == 0x0800 && parsed->l3_offset + 20u <= len && parsed->l3_offset + (ip[0] & 15) * 4u <= len) {
        memset(ip + 10, 0, sizeof(checksum));
        checksum = df_checksum(ip, (ip[0] & 15) * 4u);
        memcpy(ip + 10, &checksum, sizeof(checksum));
    }
    if ((parsed->bits & DF_PACKET_IP6) && (parsed->bits & DF_PACKET_L4) && parsed->ip_proto == 58) {
        memset(message + 2, 0, sizeof(checksum));
        checksum = df_checksum_ip6(&parsed->ip_src, &parsed->ip_dst, 58, message,
                                   parsed->l3_len - (uint32_t)(parsed->l4_offset - parsed->l3_offset));
        memcpy(message + 2, &checksum, sizeof(checksum));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct df_packet parsed;
    uint8_t *frame = malloc(size);
    if (frame == NULL || size > FRAME_MAX)
        goto out;
    memcpy(frame, data, size);
    if (check_frame(frame, (uint16_t)size, &parsed) == DF_DROP_NONE)
        goto out;
    mend_checksum(frame, (uint32_t)size, &parsed);
    check_frame(frame, (uint16_t)size, &parsed);
out:
    free(frame);
    return 0;
}
