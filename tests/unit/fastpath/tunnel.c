/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/tunnel/tunnel.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "fastpath/lookup/hash.h"
#include "tests/unit/fastpath/frame.h"

/*
 * VXLAN over untagged IPv4, which is read and written inline: what is taken off, what is put in front, byte by byte
 * against headers made by hand. tunnel_types.c has the others.
 */

#define NODE_MAC TEST_ROUTER_MAC
#define PEER_MAC TEST_GUEST_MAC
#define NODE_IP "192.0.2.1"
#define PEER_IP "192.0.2.2"
#define INNER_LEN 60u

static void node(void)
{
    struct df_underlay underlay = {.port = 7, .ip4 = inet_addr(NODE_IP), .types = DF_TUNNEL_ALL};
    memcpy(underlay.mac.byte, NODE_MAC, 6);
    df_underlay_set(&underlay);
    df_hash_init();
}

TestSuite(tunnel, .init = node);

/* A frame from the peer, with a guest's frame of zeroes in it. */
static struct test_frame wrapped(uint32_t key)
{
    struct test_frame frame;
    frame_ethernet(&frame);
    frame_ip4(&frame, IPPROTO_UDP, PEER_IP, NODE_IP, 0);
    frame_16(&frame, 50000);
    frame_16(&frame, 4789);
    frame_16(&frame, 8 + 8 + INNER_LEN);
    frame_16(&frame, 0);
    frame_32(&frame, 0x08000000);
    frame_32(&frame, key << 8);
    frame_fill(&frame, 0, INNER_LEN);
    frame_close(&frame);
    return frame;
}

static enum df_drop read_frame(const struct test_frame *frame)
{
    struct df_tunnel_in in;
    return df_tunnel_read(frame->byte, frame->len, &in);
}

#define expect_read(frame, reason)                                                                                     \
    do {                                                                                                               \
        enum df_drop got_ = read_frame(frame);                                                                         \
        cr_assert_eq(got_, DF_DROP_##reason, "%s, wanted %s", df_drop_name(got_), df_drop_name(DF_DROP_##reason));     \
    } while (0)

Test(tunnel, a_frame_for_this_node_is_read)
{
    static const uint32_t keys[] = {0, 1, 5000, 0x800000, 0xffffff};
    for (unsigned i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        struct test_frame frame = wrapped(keys[i]);
        struct df_tunnel_in in;
        cr_assert_eq(df_tunnel_read(frame.byte, frame.len, &in), DF_DROP_NONE);
        cr_assert_eq(in.key, keys[i]);
        cr_assert_eq(in.src4, inet_addr(PEER_IP));
        cr_assert(in.type == DF_TUNNEL_VXLAN && in.len == 50 && !in.ip6);
    }
}

Test(tunnel, reserved_bits_and_the_udp_checksum_are_ignored)
{
    struct test_frame frame = wrapped(5);
    frame.byte[42] = 0xff; /* flags */
    memset(frame.byte + 43, 0xff, 3);
    frame.byte[49] = 0xff;               /* behind the VNI */
    frame_set16(&frame, 40, 0x1234);     /* UDP checksum */
    frame_set16(&frame, 34, 7);          /* any source port */
    frame.byte[15] = 0xb8;               /* DSCP */
    frame_set16(&frame, 18, 0xbeef);     /* identification */
    frame_set16(&frame, 20, 0x4000);     /* DF */
    frame.byte[22] = 1;                  /* TTL */
    memcpy(frame.byte + 6, NODE_MAC, 6); /* any source MAC */
    frame_checksum4(&frame);
    struct df_tunnel_in in;
    cr_assert_eq(df_tunnel_read(frame.byte, frame.len, &in), DF_DROP_NONE);
    cr_assert_eq(in.key, 5);
}

Test(tunnel, what_is_for_somebody_else_is_named)
{
    static const struct {
        uint32_t at;
        uint8_t flip;
    } other[] = {
        {0, 2},     /* destination MAC */
        {5, 1},     /* its last byte */
        {12, 0x10}, /* EtherType */
        {23, 1},    /* protocol */
        {30, 1},    /* destination address */
        {33, 1},    /* its last byte */
        {36, 1},    /* destination port */
        {37, 1},
    };
    for (unsigned i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
        struct test_frame frame = wrapped(5);
        frame.byte[other[i].at] ^= other[i].flip;
        frame_checksum4(&frame);
        cr_assert_eq(read_frame(&frame), DF_DROP_UNDERLAY_OTHER, "byte %u", other[i].at);
    }
}

Test(tunnel, a_broadcast_and_arp_are_for_somebody_else)
{
    struct test_frame frame = wrapped(5);
    memset(frame.byte, 0xff, 6);
    expect_read(&frame, UNDERLAY_OTHER);
    frame_ethernet(&frame);
    frame_arp(&frame, 1, PEER_MAC, PEER_IP, NODE_IP);
    expect_read(&frame, UNDERLAY_OTHER);
    frame_fill(&frame, 0, 18);
    expect_read(&frame, UNDERLAY_OTHER);
}

Test(tunnel, wrong_outer_headers_are_malformed)
{
    struct test_frame frame = wrapped(5);
    frame.byte[24] ^= 1;
    expect_read(&frame, TUNNEL_MALFORMED); /* header checksum */

    frame = wrapped(5);
    frame_set16(&frame, 16, frame.len - 15);
    frame_checksum4(&frame);
    expect_read(&frame, TUNNEL_MALFORMED); /* total length, too short */
    frame_set16(&frame, 16, frame.len - 13);
    frame_checksum4(&frame);
    expect_read(&frame, TUNNEL_MALFORMED); /* and too long */

    frame = wrapped(5);
    frame_set16(&frame, 38, 8 + 8 + INNER_LEN - 1);
    expect_read(&frame, TUNNEL_MALFORMED); /* UDP length, too short */
    frame_set16(&frame, 38, 8 + 8 + INNER_LEN + 1);
    expect_read(&frame, TUNNEL_MALFORMED); /* and too long */

    frame = wrapped(5);
    frame_set16(&frame, 20, 0x2000);
    frame_checksum4(&frame);
    expect_read(&frame, TUNNEL_FRAGMENT); /* a first fragment */

    frame = wrapped(5);
    frame.byte[42] = 0xf7;
    expect_read(&frame, TUNNEL_MALFORMED); /* every flag but I */

    frame = wrapped(5);
    frame_fill(&frame, 0, 4);
    expect_read(&frame, TUNNEL_MALFORMED); /* bytes behind the packet */
}

Test(tunnel, a_later_fragment_is_nobodys)
{
    struct test_frame frame = wrapped(5);
    frame_set16(&frame, 20, 0x2003);
    frame_checksum4(&frame);
    expect_read(&frame, UNDERLAY_OTHER);
}

Test(tunnel, options_are_malformed)
{
    struct test_frame frame;
    frame_ethernet(&frame);
    frame_ip4(&frame, IPPROTO_UDP, PEER_IP, NODE_IP, 8);
    frame_udp(&frame, 50000, 4789, 8 + INNER_LEN);
    frame_close(&frame);
    expect_read(&frame, TUNNEL_MALFORMED);
}

/* In memory of just that size, so that a sanitizer sees a byte read too many. */
Test(tunnel, a_cut_frame_is_refused_at_every_length)
{
    struct test_frame frame = wrapped(5);
    for (uint32_t len = 0; len < frame.len; len++) {
        uint8_t *cut = malloc(len != 0 ? len : 1);
        struct df_tunnel_in in = {.src4 = 1, .key = 1};
        memcpy(cut, frame.byte, len);
        enum df_drop drop = df_tunnel_read(cut, len, &in);
        cr_assert_eq(drop, len < 38 ? DF_DROP_UNDERLAY_OTHER : DF_DROP_TUNNEL_MALFORMED, "%u bytes: %s", len,
                     df_drop_name(drop));
        cr_assert(in.key == 0 && in.src4 == 0 && in.len == 0);
        free(cut);
    }
}

Test(tunnel, less_than_an_ethernet_header_inside_is_malformed)
{
    struct test_frame frame = wrapped(5);
    frame.len = 50 + 13;
    frame_set16(&frame, 38, 8 + 8 + 13);
    frame_close(&frame);
    expect_read(&frame, TUNNEL_MALFORMED);
    frame.len = 50 + 14;
    frame_set16(&frame, 38, 8 + 8 + 14);
    frame_close(&frame);
    expect_read(&frame, NONE);
}

/* ---- putting headers in front */

struct packet {
    struct rte_mbuf mbuf;
    uint8_t room[4096];
};

static void packet_make(struct packet *packet, uint16_t headroom, uint16_t len)
{
    memset(packet, 0, sizeof(*packet));
    packet->mbuf.buf_addr = packet->room;
    packet->mbuf.buf_len = sizeof(packet->room);
    packet->mbuf.data_off = headroom;
    packet->mbuf.data_len = len;
    packet->mbuf.pkt_len = len;
    packet->mbuf.nb_segs = 1;
    for (unsigned i = 0; i < len; i++)
        packet->room[headroom + i] = (uint8_t)(i * 7 + 1);
}

static void fill(uint16_t index, const struct df_mac *dst, const struct df_mac *src, uint32_t dst_ip, uint32_t src_ip)
{
    struct df_ip peer = df_ip_from4(dst_ip);
    struct df_peer_value value = {.local_ip = df_ip_from4(src_ip), .src = *src, .dst = *dst, .mtu = 1500};
    df_peer_header_fill(&df_peer_headers[index], DF_TUNNEL_VXLAN, &peer, &value);
}

static uint16_t some_peer(void)
{
    uint16_t index = df_peer_header_take();
    struct df_mac src, dst;
    memcpy(&src, NODE_MAC, 6);
    memcpy(&dst, PEER_MAC, 6);
    fill(index, &dst, &src, inet_addr(PEER_IP), inet_addr(NODE_IP));
    return index;
}

/* What the frame must be, by RFC 7348 section 5. */
static struct test_frame wanted(uint16_t len, uint32_t key, uint16_t entropy)
{
    struct test_frame frame = {.len = 0};
    frame_bytes(&frame, PEER_MAC, 6);
    frame_bytes(&frame, NODE_MAC, 6);
    frame_16(&frame, 0x0800);
    frame.ip = frame.len;
    frame_16(&frame, 0x4500);
    frame_16(&frame, 36u + len);
    frame_32(&frame, 0x00004000);
    frame_16(&frame, 64 << 8 | IPPROTO_UDP);
    frame_16(&frame, 0);
    uint32_t ips[2] = {inet_addr(NODE_IP), inet_addr(PEER_IP)};
    frame_bytes(&frame, ips, 8);
    frame_16(&frame, entropy);
    frame_16(&frame, 4789);
    frame_16(&frame, 16u + len);
    frame_16(&frame, 0);
    frame_32(&frame, 0x08000000);
    frame_32(&frame, key << 8);
    frame_checksum4(&frame);
    return frame;
}

Test(tunnel, the_headers_of_every_length_are_right_to_the_byte)
{
    static struct packet packet;
    uint16_t peer = some_peer();
    for (uint16_t len = 14; len < 3900; len++) {
        uint32_t key = len * 4001u & 0xffffff;
        struct test_frame frame = wanted(len, key, (uint16_t)(49152 + len));
        packet_make(&packet, 128, len);
        cr_assert(df_tunnel_push(&packet.mbuf, peer, key, (uint16_t)(49152 + len)));
        const uint8_t *data = rte_pktmbuf_mtod(&packet.mbuf, const uint8_t *);
        cr_assert_eq(packet.mbuf.data_len, len + 50);
        cr_assert_eq(packet.mbuf.pkt_len, len + 50u);
        cr_assert_arr_eq(data, frame.byte, 50, "len %u", len);
        cr_assert(data[50] == 1 && data[50 + len - 1] == (uint8_t)((len - 1) * 7 + 1));
    }
}

/* Addresses for which the sum of the header carries, does not, and is all ones. */
Test(tunnel, the_header_checksum_is_right_for_every_sum)
{
    static struct packet packet;
    uint16_t peer = some_peer();
    struct df_mac mac = {{2}};
    for (uint32_t i = 0; i < 65536; i++) {
        fill(peer, &mac, &mac, htonl(0x0a000000 | i), htonl(0xc0000201));
        packet_make(&packet, 50, 100);
        cr_assert(df_tunnel_push(&packet.mbuf, peer, 1, 49152));
        cr_assert_eq(plain_checksum(packet.room + 14, 20), 0, "destination 10.0.%u.%u", i >> 8, i & 255);
    }
}

Test(tunnel, what_is_put_in_front_can_be_read)
{
    static struct packet packet;
    struct df_mac node_mac, peer_mac;
    uint16_t peer = df_peer_header_take();
    memcpy(&node_mac, NODE_MAC, 6);
    memcpy(&peer_mac, PEER_MAC, 6);
    fill(peer, &node_mac, &peer_mac, inet_addr(NODE_IP), inet_addr(PEER_IP));
    packet_make(&packet, 128, 99);
    cr_assert(df_tunnel_push(&packet.mbuf, peer, 0xabcdef, 60000));
    struct df_tunnel_in in;
    cr_assert_eq(df_tunnel_read(rte_pktmbuf_mtod(&packet.mbuf, uint8_t *), packet.mbuf.data_len, &in), DF_DROP_NONE);
    cr_assert_eq(in.key, 0xabcdef);
    cr_assert_eq(in.src4, inet_addr(PEER_IP));
}

Test(tunnel, a_packet_without_headroom_stays_as_it_is)
{
    static struct packet packet, before;
    uint16_t peer = some_peer();
    packet_make(&packet, 49, 100);
    before = packet;
    cr_assert_not(df_tunnel_push(&packet.mbuf, peer, 5, 49152));
    cr_assert_arr_eq(&packet, &before, sizeof(packet));
    packet_make(&packet, 50, 100);
    cr_assert(df_tunnel_push(&packet.mbuf, peer, 5, 49152));
}

/* ---- lines */

Test(tunnel, every_line_but_the_first_is_given_out_once)
{
    static bool seen[DF_PEER_HEADERS_MAX];
    for (unsigned i = 1; i < DF_PEER_HEADERS_MAX; i++) {
        uint16_t index = df_peer_header_take();
        cr_assert(index != 0 && index < DF_PEER_HEADERS_MAX && !seen[index]);
        seen[index] = true;
    }
    cr_assert_eq(df_peer_header_take(), 0);
    df_peer_header_give(77);
    df_peer_header_give(0);
    cr_assert_eq(df_peer_header_take(), 77);
    cr_assert_eq(df_peer_header_take(), 0);
}

/* ---- the source port */

static struct df_packet tcp(uint16_t from, uint16_t to)
{
    return (struct df_packet){.bits = DF_PACKET_IP4 | DF_PACKET_L4,
                              .ip_proto = IPPROTO_TCP,
                              .ip_src = df_ip_from4(htonl(0x0a000001)),
                              .ip_dst = df_ip_from4(htonl(0x0a000002)),
                              .l4_src = from,
                              .l4_dst = to};
}

Test(tunnel, the_source_port_is_a_flows_own_and_dynamic)
{
    static bool used[65536];
    unsigned ports = 0;
    for (unsigned i = 0; i < 1000; i++) {
        struct df_packet packet = tcp((uint16_t)(1024 + i), 80);
        uint16_t port = df_tunnel_entropy(&packet);
        cr_assert_geq(port, 49152);
        packet.ip_ttl = 9; /* is not part of the flow */
        cr_assert_eq(df_tunnel_entropy(&packet), port);
        ports += !used[port];
        used[port] = true;
    }
    cr_assert_gt(ports, 900, "1000 flows share %u source ports", ports);
}

Test(tunnel, all_fragments_of_a_packet_have_one_source_port)
{
    struct df_packet first = tcp(1024, 80), later = tcp(0, 0), whole = tcp(1024, 80), other = tcp(7, 8);
    first.bits |= DF_PACKET_FRAGMENT | DF_PACKET_MORE_FRAGMENTS;
    later.bits = DF_PACKET_IP4 | DF_PACKET_FRAGMENT | DF_PACKET_LATER_FRAGMENT;
    later.ip_proto = 0; /* what is behind IPv6 extension headers only the first one shows */
    other.bits = first.bits;
    cr_assert_eq(df_tunnel_entropy(&first), df_tunnel_entropy(&later));
    cr_assert_eq(df_tunnel_entropy(&first), df_tunnel_entropy(&other));
    cr_assert_neq(df_tunnel_entropy(&first), df_tunnel_entropy(&whole));
}

Test(tunnel, the_source_port_of_what_is_not_ip_is_by_its_macs)
{
    struct df_packet a = {.eth_src = {{2, 0, 0, 0, 0, 1}}, .eth_dst = {{2, 0, 0, 0, 0, 2}}}, b = a, c = a;
    b.eth_type = 0x0806;
    c.eth_src.byte[5] = 9;
    cr_assert_eq(df_tunnel_entropy(&a), df_tunnel_entropy(&b));
    cr_assert_neq(df_tunnel_entropy(&a), df_tunnel_entropy(&c));
}
