/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/packet/packet.h"
#include "tests/unit/fastpath/frame.h"

#include <criterion/criterion.h>

static struct test_frame frame;
static struct df_packet packet;

/* On the heap at its exact length, so that the sanitizer sees a read past the end. */
static enum df_drop parse_first(uint32_t len)
{
    uint8_t *copy = malloc(len);
    memcpy(copy, frame.byte, len);
    enum df_drop drop = df_packet_parse(copy, len, &packet);
    free(copy);
    return drop;
}

static enum df_drop parse(void)
{
    return parse_first(frame.len);
}

static void expect_(enum df_drop got, enum df_drop wanted, int line)
{
    cr_assert(got == wanted, "line %d: %s, wanted %s", line, df_drop_name(got), df_drop_name(wanted));
}

#define expect(wanted) expect_(parse(), DF_DROP_##wanted, __LINE__)

/* Every byte of these frames is needed: whatever is cut off, the frame is malformed. */
static void expect_no_prefix_passes(void)
{
    for (uint32_t len = 0; len < frame.len; len++)
        cr_assert_neq(parse_first(len), DF_DROP_NONE, "%u of %u bytes pass", len, frame.len);
}

static bool ip_is(const struct df_ip *ip, int family, const char *text)
{
    struct df_ip wanted = {.byte = {[10] = 0xff, [11] = 0xff}};
    inet_pton(family, text, family == AF_INET ? wanted.byte + 12 : wanted.byte);
    return df_ip_equal(ip, &wanted);
}

static void make_tcp4(void)
{
    frame_ethernet(&frame);
    frame_ip4(&frame, 6, "10.0.0.1", "10.0.0.2", 0);
    frame_tcp(&frame, 40000, 443);
    frame_close(&frame);
}

static void make_tcp6(void)
{
    frame_ethernet(&frame);
    frame_ip6(&frame, 6, 64, "2001:db8::1", "2001:db8::2");
    frame_tcp(&frame, 40000, 443);
    frame_close(&frame);
}

/* ---- Ethernet and VLAN tags ---- */

Test(packet, ethernet)
{
    frame_ethernet(&frame);
    frame_16(&frame, 0x88cc);
    expect(NONE);
    cr_assert_eq(memcmp(&packet.eth_dst, TEST_ROUTER_MAC, 6), 0);
    cr_assert_eq(memcmp(&packet.eth_src, TEST_GUEST_MAC, 6), 0);
    cr_assert_eq(packet.eth_type, 0x88cc);
    cr_assert_eq(packet.frame_len, 14);
    cr_assert_eq(packet.l3_offset, 14);
    cr_assert_eq(packet.bits, 0);
    cr_assert_eq(packet.n_vlans, 0);
    for (uint32_t len = 0; len < 14; len++)
        expect_(parse_first(len), DF_DROP_TRUNCATED, __LINE__);
}

Test(packet, source_mac_is_a_group_or_zero)
{
    make_tcp4();
    frame.byte[6] |= 1;
    expect(BAD_ETHERNET);
    memset(frame.byte + 6, 0, 6);
    expect(BAD_ETHERNET);
}

Test(packet, longer_than_the_length_can_say)
{
    uint32_t len = 70000;
    uint8_t *jumbo = calloc(1, len);
    make_tcp4();
    memcpy(jumbo, frame.byte, frame.len);
    cr_assert_eq(df_packet_parse(jumbo, len, &packet), DF_DROP_NONE);
    cr_assert_eq(packet.frame_len, 65535);
    free(jumbo);
}

static void make_tagged(unsigned n, unsigned outer)
{
    frame_ethernet(&frame);
    for (unsigned i = 0; i < n; i++)
        frame_tag(&frame, i == 0 ? outer : 0x8100, 0x2000 + 100 + i);
    frame_ip4(&frame, 6, "10.0.0.1", "10.0.0.2", 0);
    frame_tcp(&frame, 1, 2);
    frame_close(&frame);
}

Test(packet, vlan_tags)
{
    static const unsigned outer[] = {0x8100, 0x88a8};
    for (unsigned i = 0; i < 2; i++) {
        for (unsigned n = 1; n <= 2; n++) {
            make_tagged(n, outer[i]);
            expect(NONE);
            cr_assert_eq(packet.n_vlans, n);
            cr_assert_eq(packet.vlan[0], 0x2064);
            cr_assert_eq(packet.vlan[1], n == 2 ? 0x2065 : 0);
            cr_assert_eq(packet.eth_type, 0x0800);
            cr_assert_eq(packet.l3_offset, 14 + 4 * n);
            cr_assert_eq(packet.l4_dst, 2);
            expect_no_prefix_passes();
        }
    }
}

Test(packet, vlan_tags_that_do_not_belong)
{
    make_tagged(3, 0x8100);
    expect(BAD_VLAN);
    make_tagged(2, 0x8100);
    frame_set16(&frame, 16, 0x88a8); /* a service tag inside */
    expect(BAD_VLAN);
    make_tagged(1, 0x8100);
    expect_(parse_first(17), DF_DROP_TRUNCATED, __LINE__);
}

/* ---- ARP ---- */

static void make_arp(void)
{
    frame_ethernet(&frame);
    frame_arp(&frame, 1, TEST_GUEST_MAC, "10.0.0.1", "10.0.0.254");
}

Test(packet, arp)
{
    make_arp();
    frame_fill(&frame, 0xee, 18); /* Ethernet padding */
    expect(NONE);
    cr_assert_eq(packet.bits, DF_PACKET_ARP);
    cr_assert_eq(packet.arp.op, 1);
    cr_assert_eq(memcmp(&packet.arp.sha, TEST_GUEST_MAC, 6), 0);
    cr_assert_eq(packet.arp.spa, inet_addr("10.0.0.1"));
    cr_assert_eq(packet.arp.tpa, inet_addr("10.0.0.254"));
    cr_assert_eq(packet.ip_proto, 0);
    make_arp();
    expect_no_prefix_passes();
}

Test(packet, arp_probe_has_no_sender)
{
    frame_ethernet(&frame);
    frame_arp(&frame, 1, TEST_GUEST_MAC, "0.0.0.0", "10.0.0.1");
    expect(NONE);
}

Test(packet, arp_malformed)
{
    static const struct {
        uint8_t offset, value;
    } cases[] = {{15, 6}, {17, 0x06}, {18, 8}, {19, 16}, {21, 0}, {21, 3}, {22, 3}, {28, 224}, {28, 127}};
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        make_arp();
        frame.byte[cases[i].offset] = cases[i].value;
        cr_assert_eq(parse(), DF_DROP_BAD_ARP, "byte %u", cases[i].offset);
    }
    make_arp();
    memset(frame.byte + 22, 0, 6); /* sender's MAC */
    expect(BAD_ARP);
    make_arp();
    memset(frame.byte + 28, 0xff, 4); /* sender's address */
    expect(BAD_ARP);
}

/* ---- IPv4 ---- */

Test(packet, ip4)
{
    make_tcp4();
    frame_fill(&frame, 0xee, 6); /* Ethernet padding */
    expect(NONE);
    cr_assert_eq(packet.bits, DF_PACKET_IP4 | DF_PACKET_L4);
    cr_assert(ip_is(&packet.ip_src, AF_INET, "10.0.0.1"));
    cr_assert(ip_is(&packet.ip_dst, AF_INET, "10.0.0.2"));
    cr_assert_eq(packet.ip_proto, 6);
    cr_assert_eq(packet.ip_tos, 0x28);
    cr_assert_eq(packet.ip_ttl, 17);
    cr_assert_eq(packet.l3_len, 40);
    cr_assert_eq(packet.l4_offset, 34);
    cr_assert_eq(packet.l4_src, 40000);
    cr_assert_eq(packet.l4_dst, 443);
    cr_assert_eq(packet.frame_len, 60);
    make_tcp4();
    expect_no_prefix_passes();
}

Test(packet, ip4_options)
{
    frame_ethernet(&frame);
    frame_ip4(&frame, 6, "10.0.0.1", "10.0.0.2", 40);
    frame_tcp(&frame, 40000, 443);
    frame_close(&frame);
    expect(NONE);
    cr_assert_eq(packet.bits, DF_PACKET_IP4 | DF_PACKET_L4 | DF_PACKET_OPTIONS);
    cr_assert_eq(packet.l4_offset, 14 + 60);
    cr_assert_eq(packet.l4_dst, 443);
    expect_no_prefix_passes();
}

Test(packet, ip4_malformed)
{
    make_tcp4();
    frame.byte[frame.ip] = 0x65; /* version */
    frame_checksum4(&frame);
    expect(BAD_IP);
    make_tcp4();
    frame.byte[frame.ip] = 0x44; /* header length of 16 */
    expect(BAD_IP);
    make_tcp4();
    frame_set16(&frame, frame.ip + 2, 19); /* total length below the header's */
    frame_checksum4(&frame);
    expect(BAD_IP);
    make_tcp4();
    frame_set16(&frame, frame.ip + 2, 41); /* total length past the frame */
    frame_checksum4(&frame);
    expect(BAD_IP);
    make_tcp4();
    frame.byte[frame.ip + 8]--; /* checksum */
    expect(BAD_IP);
}

/* The frame goes on, but the packet does not: padding is not a header. */
Test(packet, ip4_header_ends_with_the_packet_not_with_the_frame)
{
    make_tcp4();
    frame_set16(&frame, frame.ip + 2, 39);
    frame_checksum4(&frame);
    expect(TRUNCATED);
    expect_(parse_first(33), DF_DROP_TRUNCATED, __LINE__);
}

Test(packet, ip4_sources)
{
    static const struct {
        const char *source;
        enum df_drop drop;
    } cases[] = {
        {"224.0.0.1", DF_DROP_BAD_IP_SOURCE},       {"239.255.255.255", DF_DROP_BAD_IP_SOURCE},
        {"255.255.255.255", DF_DROP_BAD_IP_SOURCE}, {"127.0.0.1", DF_DROP_BAD_IP_SOURCE},
        {"127.255.0.1", DF_DROP_BAD_IP_SOURCE},     {"0.0.0.0", DF_DROP_NONE},
        {"223.255.255.254", DF_DROP_NONE},          {"128.0.0.1", DF_DROP_NONE},
    };
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        frame_ethernet(&frame);
        frame_ip4(&frame, 6, cases[i].source, "10.0.0.2", 0);
        frame_tcp(&frame, 1, 2);
        frame_close(&frame);
        cr_assert_eq(parse(), cases[i].drop, "%s", cases[i].source);
    }
}

/* field: flags and offset in units of 8. */
static void make_fragment4(unsigned proto, unsigned field, unsigned payload)
{
    frame_ethernet(&frame);
    frame_ip4(&frame, proto, "10.0.0.1", "10.0.0.2", 0);
    if (field & 0x1fff)
        frame_fill(&frame, 0xaa, payload);
    else
        frame_udp(&frame, 5000, 53, payload - 8);
    frame_close(&frame);
    frame_set16(&frame, frame.ip + 6, field);
    frame_checksum4(&frame);
}

static void expect_fragment_(uint32_t id, unsigned offset, unsigned len, int line)
{
    cr_assert(packet.fragment_id == id && packet.fragment_offset == offset && packet.fragment_len == len,
              "line %d: id %u, %u bytes at %u", line, packet.fragment_id, packet.fragment_len, packet.fragment_offset);
}

#define expect_fragment(id, offset, len) expect_fragment_(id, offset, len, __LINE__)

Test(packet, ip4_fragments)
{
    make_fragment4(17, 0x2000, 64);          /* the first */
    frame_set16(&frame, frame.l4 + 4, 1400); /* UDP says how long the whole datagram is */
    expect(NONE);
    cr_assert_eq(packet.bits, DF_PACKET_IP4 | DF_PACKET_L4 | DF_PACKET_FRAGMENT | DF_PACKET_MORE_FRAGMENTS);
    cr_assert_eq(packet.l4_dst, 53);
    expect_fragment(0x1234, 0, 64);
    make_fragment4(17, 0x2008, 64); /* a middle one */
    expect(NONE);
    cr_assert_eq(packet.bits, DF_PACKET_IP4 | DF_PACKET_FRAGMENT | DF_PACKET_LATER_FRAGMENT | DF_PACKET_MORE_FRAGMENTS);
    cr_assert_eq(packet.l4_dst, 0);
    expect_fragment(0x1234, 64, 64);
    make_fragment4(17, 0x0010, 3); /* the last */
    expect(NONE);
    expect_fragment(0x1234, 128, 3);
    cr_assert_eq(packet.bits, DF_PACKET_IP4 | DF_PACKET_FRAGMENT | DF_PACKET_LATER_FRAGMENT);
    make_fragment4(17, 0x4000, 64); /* none: do not fragment */
    expect(NONE);
    cr_assert_eq(packet.bits, DF_PACKET_IP4 | DF_PACKET_L4 | DF_PACKET_DF);
    expect_fragment(0, 0, 0);
}

Test(packet, ip4_fragments_malformed)
{
    make_fragment4(17, 0x2008, 63); /* more follow, and its length is no multiple of 8 */
    expect(BAD_IP);
    make_fragment4(17, 0x1fff, 64); /* past 65535 bytes */
    expect(BAD_IP);
    make_fragment4(17, 0x0001, 64);
    expect(NONE);
    make_fragment4(17, 0x2000, 64);
    frame_set16(&frame, frame.l4 + 4, 7);
    expect(BAD_L4); /* not for being short */
}

/* A first fragment of the protocol with so many bytes, of which byte 12 is right for TCP. */
static void make_first_fragment(unsigned proto, unsigned len)
{
    frame_ethernet(&frame);
    frame_ip4(&frame, proto, "10.0.0.1", "10.0.0.2", 0);
    frame_fill(&frame, 0x50, len);
    frame_close(&frame);
    frame_set16(&frame, frame.ip + 6, 0x2000);
    frame_checksum4(&frame);
}

/* RFC 1858, RFC 7112. */
Test(packet, tiny_first_fragments)
{
    static const struct {
        unsigned proto, len;
        enum df_drop drop;
    } cases[] = {{6, 0, DF_DROP_FRAG_TINY},   {6, 8, DF_DROP_FRAG_TINY},  {6, 16, DF_DROP_FRAG_TINY},
                 {6, 24, DF_DROP_NONE},       {17, 0, DF_DROP_FRAG_TINY}, {17, 8, DF_DROP_NONE},
                 {132, 8, DF_DROP_FRAG_TINY}, {132, 16, DF_DROP_NONE},    {1, 0, DF_DROP_FRAG_TINY},
                 {136, 0, DF_DROP_FRAG_TINY}, {136, 8, DF_DROP_NONE},     {33, 8, DF_DROP_FRAG_TINY},
                 {33, 16, DF_DROP_NONE},      {1, 8, DF_DROP_NONE},       {47, 0, DF_DROP_NONE}};
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        make_first_fragment(cases[i].proto, cases[i].len);
        expect_(parse(), cases[i].drop, (int)i);
    }
    make_first_fragment(6, 24);
    frame.byte[frame.l4 + 12] = 0x70; /* options that go past the fragment */
    expect(FRAG_TINY);
    frame.byte[frame.l4 + 12] = 0x40; /* wrong in any packet */
    expect(BAD_L4);
    make_fragment4(6, 0x0001, 64); /* it would bring TCP's flags: RFC 1858 section 3.2.2 */
    expect(FRAG_TINY);
    make_fragment4(6, 0x0002, 64);
    expect(NONE);
}

/* ---- IPv6 ---- */

Test(packet, ip6)
{
    make_tcp6();
    frame_fill(&frame, 0xee, 9);
    expect(NONE);
    cr_assert_eq(packet.bits, DF_PACKET_IP6 | DF_PACKET_L4);
    cr_assert(ip_is(&packet.ip_src, AF_INET6, "2001:db8::1"));
    cr_assert(ip_is(&packet.ip_dst, AF_INET6, "2001:db8::2"));
    cr_assert_eq(packet.ip_tos, 0x28);
    cr_assert_eq(packet.ip_ttl, 64);
    cr_assert_eq(packet.ip_proto, 6);
    cr_assert_eq(packet.l3_len, 60);
    cr_assert_eq(packet.l4_offset, 54);
    cr_assert_eq(packet.l4_src, 40000);
    cr_assert_eq(packet.l4_dst, 443);
    make_tcp6();
    expect_no_prefix_passes();
}

Test(packet, ip6_malformed)
{
    make_tcp6();
    frame.byte[frame.ip] = 0x45;
    expect(BAD_IP);
    make_tcp6();
    frame_set16(&frame, frame.ip + 4, 21);
    expect(BAD_IP);
    make_tcp6();
    frame_set16(&frame, frame.ip + 4, 19);
    expect(TRUNCATED);
    expect_(parse_first(53), DF_DROP_TRUNCATED, __LINE__);
}

Test(packet, ip6_longer_than_16_bits)
{
    uint32_t len = 14 + 40 + 65535;
    uint8_t *jumbo = calloc(1, len);
    make_tcp6();
    frame_set16(&frame, frame.ip + 4, 65535);
    memcpy(jumbo, frame.byte, frame.len);
    cr_assert_eq(df_packet_parse(jumbo, len, &packet), DF_DROP_BAD_IP);
    frame_set16(&frame, frame.ip + 4, 65535 - 40);
    memcpy(jumbo, frame.byte, frame.len);
    cr_assert_eq(df_packet_parse(jumbo, len, &packet), DF_DROP_NONE);
    cr_assert_eq(packet.l3_len, 65535);
    free(jumbo);
}

Test(packet, ip6_addresses)
{
    static const struct {
        const char *src, *dst;
        enum df_drop drop;
    } cases[] = {
        {"ff02::1", "2001:db8::2", DF_DROP_BAD_IP_SOURCE},
        {"::1", "2001:db8::2", DF_DROP_BAD_IP_SOURCE},
        {"::ffff:10.0.0.1", "2001:db8::2", DF_DROP_BAD_IP_SOURCE}, /* would be taken for 10.0.0.1 */
        {"2001:db8::1", "::ffff:10.0.0.2", DF_DROP_BAD_IP},
        {"::", "ff02::16", DF_DROP_NONE},
        {"fe80::1", "ff02::16", DF_DROP_NONE},
    };
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        frame_ethernet(&frame);
        frame_ip6(&frame, 17, 1, cases[i].src, cases[i].dst);
        frame_udp(&frame, 1, 2, 0);
        frame_close(&frame);
        cr_assert_eq(parse(), cases[i].drop, "%s to %s", cases[i].src, cases[i].dst);
    }
}

static void extension(unsigned next, unsigned units)
{
    frame_8(&frame, next);
    frame_8(&frame, units - 1);
    frame_fill(&frame, 0, units * 8 - 2);
}

static void authentication(unsigned next, unsigned words)
{
    frame_8(&frame, next);
    frame_8(&frame, words - 2);
    frame_fill(&frame, 0, words * 4 - 2);
}

/* field: offset in bytes, and 1 when more follow. */
static void fragment_header(unsigned next, unsigned field)
{
    frame_8(&frame, next);
    frame_8(&frame, 0);
    frame_16(&frame, field);
    frame_32(&frame, 0x12345678);
}

static void begin_ip6(unsigned next)
{
    frame_ethernet(&frame);
    frame_ip6(&frame, next, 64, "2001:db8::1", "2001:db8::2");
}

Test(packet, ip6_extension_headers)
{
    begin_ip6(0);
    extension(43, 1); /* hop-by-hop options */
    extension(60, 3); /* routing */
    extension(51, 2); /* destination options */
    authentication(44, 6);
    fragment_header(17, 0); /* and it is whole: RFC 6946 */
    frame_udp(&frame, 7, 53, 4);
    frame_close(&frame);
    expect(NONE);
    cr_assert_eq(packet.bits, DF_PACKET_IP6 | DF_PACKET_L4 | DF_PACKET_OPTIONS);
    cr_assert_eq(packet.ip_proto, 17);
    cr_assert_eq(packet.l4_offset, 54 + 8 + 24 + 16 + 24 + 8);
    cr_assert_eq(packet.l4_dst, 53);
    expect_no_prefix_passes();
}

Test(packet, ip6_extension_header_goes_past_the_end)
{
    begin_ip6(60);
    extension(59, 2);
    frame_close(&frame);
    frame.byte[frame.l4 + 1] = 2;
    expect(TRUNCATED);
    frame.byte[frame.l4 + 1] = 1;
    expect(NONE);
    cr_assert_eq(packet.ip_proto, 59);
}

Test(packet, ip6_too_many_extension_headers)
{
    for (unsigned n = 8; n <= 9; n++) {
        begin_ip6(60);
        for (unsigned i = 1; i < n; i++)
            extension(60, 1);
        extension(17, 1);
        frame_udp(&frame, 1, 2, 0);
        frame_close(&frame);
        cr_assert_eq(parse(), n == 8 ? DF_DROP_NONE : DF_DROP_TOO_MANY_HEADERS);
    }
}

Test(packet, ip6_extension_headers_out_of_order)
{
    begin_ip6(60);
    extension(0, 1); /* hop-by-hop options are the first or none */
    extension(59, 1);
    frame_close(&frame);
    expect(BAD_IP);
    begin_ip6(44);
    fragment_header(44, 0);
    fragment_header(59, 0);
    frame_close(&frame);
    expect(BAD_IP);
}

Test(packet, ip6_fragments)
{
    begin_ip6(44);
    fragment_header(17, 1);
    frame_udp(&frame, 7, 53, 8);
    frame_set16(&frame, frame.len - 12, 1400);
    frame_close(&frame);
    expect(NONE);
    cr_assert_eq(packet.bits,
                 DF_PACKET_IP6 | DF_PACKET_L4 | DF_PACKET_OPTIONS | DF_PACKET_FRAGMENT | DF_PACKET_MORE_FRAGMENTS);
    expect_fragment(0x12345678, 0, 16);
    begin_ip6(44);
    fragment_header(60, 16 | 1); /* what follows is not a header, though 60 says so */
    frame_fill(&frame, 0xff, 16);
    frame_close(&frame);
    expect(NONE);
    cr_assert_eq(packet.bits, DF_PACKET_IP6 | DF_PACKET_OPTIONS | DF_PACKET_FRAGMENT | DF_PACKET_LATER_FRAGMENT |
                                  DF_PACKET_MORE_FRAGMENTS);
    cr_assert_eq(packet.ip_proto, 60);
    expect_fragment(0x12345678, 16, 16);
}

/* RFC 7112: all headers are in the first fragment. */
Test(packet, ip6_headers_of_the_first_fragment_are_whole)
{
    begin_ip6(44);
    fragment_header(60, 1);
    extension(17, 3);
    frame_udp(&frame, 7, 53, 0);
    frame_close(&frame);
    expect(NONE);
    expect_fragment(0x12345678, 0, 32);
    begin_ip6(44);
    fragment_header(60, 1);
    extension(17, 3);
    frame_close(&frame);
    expect(FRAG_TINY);
    begin_ip6(44);
    fragment_header(60, 1);
    frame_16(&frame, 17 << 8 | 2);
    frame_fill(&frame, 0, 14);
    frame_close(&frame);
    expect(FRAG_TINY);
    begin_ip6(60); /* in front of the fragment header it is just cut off */
    frame_16(&frame, 44 << 8 | 2);
    frame_fill(&frame, 0, 14);
    frame_close(&frame);
    expect(TRUNCATED);
}

Test(packet, ip6_fragments_malformed)
{
    static const struct {
        unsigned next, field, payload;
        enum df_drop drop;
    } cases[] = {
        {17, 16 | 1, 15, DF_DROP_BAD_IP}, {17, 0xfff8, 16, DF_DROP_BAD_IP}, {6, 8, 16, DF_DROP_FRAG_TINY},
        {6, 1, 16, DF_DROP_FRAG_TINY}, /* the first fragment lacks the header: RFC 7112 */
        {17, 0xfff0, 8, DF_DROP_NONE},
    };
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        begin_ip6(44);
        fragment_header(cases[i].next, cases[i].field);
        frame_fill(&frame, 0, cases[i].payload);
        frame_close(&frame);
        expect_(parse(), cases[i].drop, (int)i);
    }
}

/* ---- Transport ---- */

Test(packet, tcp_malformed)
{
    make_tcp4();
    frame.byte[frame.l4 + 12] = 0x40;
    expect(BAD_L4);
    make_tcp4();
    frame.byte[frame.l4 + 12] = 0x60; /* options past the end */
    expect(TRUNCATED);
}

/* A TCP header with options, and payload behind it. */
static void make_tcp_with(unsigned flags, const void *options, unsigned len, unsigned payload)
{
    frame_ethernet(&frame);
    frame_ip4(&frame, 6, "10.0.0.1", "10.0.0.2", 0);
    frame_16(&frame, 1000);
    frame_16(&frame, 80);
    frame_32(&frame, 0xfedcba98);
    frame_32(&frame, 0x89abcdef);
    frame_8(&frame, (5 + len / 4) << 4);
    frame_8(&frame, flags);
    frame_16(&frame, 0xfff0);
    frame_fill(&frame, 0, 4);
    frame_bytes(&frame, options, len);
    frame_fill(&frame, 0, payload);
    frame_close(&frame);
}

Test(packet, tcp)
{
    make_tcp_with(0xd8, "", 0, 5); /* CWR, ECE, ACK, PSH */
    frame_fill(&frame, 0xee, 9);   /* Ethernet padding */
    expect(NONE);
    cr_assert_eq(packet.tcp.seq, 0xfedcba98);
    cr_assert_eq(packet.tcp.ack, 0x89abcdef);
    cr_assert_eq(packet.tcp.window, 0xfff0);
    cr_assert_eq(packet.tcp.payload_len, 5);
    cr_assert_eq(packet.tcp.flags, 0x18);
    cr_assert_eq(packet.tcp.window_shift, 0xff);
    make_tcp_with(0x02, "\1\1\1\1", 4, 0);
    expect(NONE);
    cr_assert_eq(packet.tcp.payload_len, 0);
}

Test(packet, tcp_window_scale)
{
    static const struct {
        unsigned flags, len;
        const char *options;
        unsigned shift;
    } cases[] = {
        {0x02, 4, "\3\3\7\0", 7},
        {0x12, 4, "\1\3\3\16", 14},
        {0x02, 4, "\1\3\3\17", 14},         /* RFC 7323 section 2.3 */
        {0x02, 8, "\2\4\5\264\1\3\3\1", 1}, /* behind MSS */
        {0x10, 4, "\3\3\7\0", 0xff},        /* not a SYN */
        {0x02, 4, "\0\3\3\7", 0xff},        /* behind the end of options */
        {0x02, 4, "\1\1\3\3", 0xff},        /* cut off */
        {0x02, 4, "\1\1\1\3", 0xff},
        {0x02, 4, "\3\4\7\0", 0xff},         /* of a wrong length */
        {0x02, 8, "\2\0\3\3\3\3\7\0", 0xff}, /* behind one without length */
        {0x02, 8, "\2\1\3\3\3\3\7\0", 0xff},
        {0x02, 8, "\2\11\3\3\3\3\7\0", 0xff}, /* behind one that goes past the header */
    };
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        make_tcp_with(cases[i].flags, cases[i].options, cases[i].len, 0);
        expect(NONE);
        cr_assert_eq(packet.tcp.window_shift, cases[i].shift, "case %u: %u", i, packet.tcp.window_shift);
    }
}

static void make_udp4(unsigned payload)
{
    frame_ethernet(&frame);
    frame_ip4(&frame, 17, "10.0.0.1", "10.0.0.2", 0);
    frame_udp(&frame, 68, 67, payload);
    frame_close(&frame);
}

Test(packet, udp)
{
    make_udp4(4);
    expect(NONE);
    cr_assert_eq(packet.l4_src, 68);
    cr_assert_eq(packet.l4_dst, 67);
    expect_no_prefix_passes();
    frame_set16(&frame, frame.l4 + 4, 7);
    expect(BAD_L4);
    frame_set16(&frame, frame.l4 + 4, 13);
    expect(BAD_L4);
    frame_set16(&frame, frame.l4 + 4, 12);
    expect(NONE);
}

/* UDP-Lite (RFC 3828) and DCCP (RFC 4340): nothing but the ports is read, of a header that is whole. */
Test(packet, others_with_ports)
{
    static const unsigned others[][2] = {{136, 8}, {33, 12}};
    for (unsigned i = 0; i < 4; i++) {
        const unsigned *other = others[i % 2];
        frame_ethernet(&frame);
        if (i < 2)
            frame_ip4(&frame, other[0], "10.0.0.1", "10.0.0.2", 0);
        else
            frame_ip6(&frame, other[0], 64, "2001:db8::1", "2001:db8::2");
        frame_16(&frame, 5000);
        frame_16(&frame, 2905);
        frame_fill(&frame, 0xff, other[1] - 4);
        frame_close(&frame);
        expect(NONE);
        cr_assert_eq(packet.bits & ~DF_PACKET_DF, (i < 2 ? DF_PACKET_IP4 : DF_PACKET_IP6) | DF_PACKET_L4);
        cr_assert_eq(packet.l4_src, 5000);
        cr_assert_eq(packet.l4_dst, 2905);
        expect_no_prefix_passes();
        frame.len--;
        frame_close(&frame);
        expect(TRUNCATED);
    }
}

Test(packet, sctp)
{
    frame_ethernet(&frame);
    frame_ip4(&frame, 132, "10.0.0.1", "10.0.0.2", 0);
    frame_16(&frame, 5000);
    frame_16(&frame, 2905);
    frame_fill(&frame, 1, 8);
    frame_close(&frame);
    expect(NONE);
    cr_assert_eq(packet.l4_src, 5000);
    cr_assert_eq(packet.l4_dst, 2905);
    cr_assert_eq(packet.sctp.tag, 0x01010101);
    cr_assert_not(packet.sctp.has_chunk);
    expect_no_prefix_passes();
    frame.len--;
    frame_close(&frame);
    expect(TRUNCATED);
}

static void begin_sctp(void)
{
    frame_ethernet(&frame);
    frame_ip4(&frame, 132, "10.0.0.1", "10.0.0.2", 0);
    frame_16(&frame, 5000);
    frame_16(&frame, 2905);
    frame_32(&frame, 0xfedcba98);
    frame_32(&frame, 0);
}

/* len: of the chunk as it says; there: how much of it is. */
static void chunk(unsigned type, unsigned len, unsigned there)
{
    frame_16(&frame, type << 8);
    frame_16(&frame, len);
    frame_fill(&frame, 0x22, there - 4);
}

static void expect_chunk_(unsigned type, uint32_t initiate_tag, int line)
{
    frame_close(&frame);
    expect_(parse(), DF_DROP_NONE, line);
    cr_assert(packet.sctp.has_chunk, "line %d", line);
    cr_assert_eq(packet.sctp.chunk, type, "line %d: chunk %u", line, packet.sctp.chunk);
    cr_assert_eq(packet.sctp.initiate_tag, initiate_tag, "line %d", line);
    cr_assert_eq(packet.sctp.tag, 0xfedcba98);
}

#define expect_chunk(type, initiate_tag) expect_chunk_(type, initiate_tag, __LINE__)

Test(packet, sctp_chunks)
{
    begin_sctp();
    chunk(1, 20, 20);
    expect_chunk(1, 0x22222222);
    begin_sctp();
    chunk(2, 20, 20);
    expect_chunk(2, 0x22222222);
    begin_sctp();
    chunk(10, 8, 8); /* COOKIE ECHO with DATA behind it */
    chunk(0, 20, 20);
    expect_chunk(10, 0);
    begin_sctp();
    chunk(3, 16, 16); /* SACK, DATA padded, and what tells */
    chunk(0, 17, 20);
    chunk(7, 8, 8);
    expect_chunk(7, 0);
    begin_sctp();
    chunk(3, 16, 16);
    chunk(0, 17, 20);
    expect_chunk(3, 0);
}

Test(packet, sctp_chunks_malformed)
{
    begin_sctp();
    frame_fill(&frame, 1, 3); /* half a header */
    frame_close(&frame);
    expect(NONE);
    cr_assert_not(packet.sctp.has_chunk);
    begin_sctp();
    chunk(1, 3, 20); /* a length that is none */
    frame_close(&frame);
    expect(NONE);
    cr_assert_not(packet.sctp.has_chunk);
    begin_sctp();
    chunk(1, 20, 6); /* cut off in its tag */
    expect_chunk(1, 0);
    begin_sctp();
    chunk(1, 4, 20); /* a tag that is not the chunk's */
    expect_chunk(1, 0);
    begin_sctp();
    chunk(0, 65535, 16); /* DATA past the end */
    expect_chunk(0, 0);
    begin_sctp();
    for (unsigned i = 0; i < 20; i++) /* more than are looked at */
        chunk(0, 4, 4);
    chunk(7, 8, 8);
    expect_chunk(0, 0);
}

static void make_icmp(int family, unsigned proto)
{
    frame_ethernet(&frame);
    if (family == AF_INET)
        frame_ip4(&frame, proto, "10.0.0.1", "10.0.0.2", 0);
    else
        frame_ip6(&frame, proto, 64, "2001:db8::1", "2001:db8::2");
    frame_icmp(&frame, family == AF_INET ? 3 : 1, 4, 0);
    frame_close(&frame);
}

Test(packet, icmp)
{
    make_icmp(AF_INET, 1);
    expect(NONE);
    cr_assert_eq(packet.bits, DF_PACKET_IP4 | DF_PACKET_L4 | DF_PACKET_ICMP_ERROR);
    cr_assert_eq(packet.l4_src, 0);
    cr_assert_eq(packet.l4_dst, 3);
    cr_assert_eq(packet.icmp_code, 4);
    expect_no_prefix_passes();
    frame.len--;
    frame_close(&frame);
    expect(TRUNCATED);
}

Test(packet, icmp6)
{
    make_icmp(AF_INET6, 58);
    expect(NONE);
    cr_assert_eq(packet.bits, DF_PACKET_IP6 | DF_PACKET_L4 | DF_PACKET_ICMP_ERROR);
    cr_assert_eq(packet.l4_dst, 1);
    cr_assert_eq(packet.icmp_code, 4);
    frame.len -= 4;
    frame_close(&frame);
    expect(NONE);
    frame.len--;
    frame_close(&frame);
    expect(TRUNCATED);
}

Test(packet, icmp_of_the_other_family_is_a_number)
{
    make_icmp(AF_INET, 58);
    expect(NONE);
    cr_assert_eq(packet.bits, DF_PACKET_IP4);
    make_icmp(AF_INET6, 1);
    expect(NONE);
    cr_assert_eq(packet.bits, DF_PACKET_IP6);
}

Test(packet, icmp_of_which_kind)
{
    static const uint8_t errors[] = {3, 4, 5, 11, 12}, errors6[] = {1, 2, 3, 4};
    for (unsigned type = 0; type < 256; type++) {
        for (unsigned v6 = 0; v6 < 2; v6++) {
            if (v6 && type >= 133 && type <= 137)
                continue;
            frame_ethernet(&frame);
            v6 ? frame_ip6(&frame, 58, 64, "2001:db8::1", "2001:db8::2")
               : frame_ip4(&frame, 1, "10.0.0.1", "10.0.0.2", 0);
            frame_icmp(&frame, type, 0, 0);
            frame_close(&frame);
            expect(NONE);
            bool echo = v6 ? type == 128 || type == 129 : type == 8 || type == 0;
            bool error = memchr(v6 ? errors6 : errors, (int)type, v6 ? sizeof(errors6) : sizeof(errors)) != NULL;
            cr_assert_eq((packet.bits & DF_PACKET_ICMP_ECHO) != 0, echo, "type %u", type);
            cr_assert_eq((packet.bits & DF_PACKET_ICMP_ERROR) != 0, error, "type %u", type);
            cr_assert_eq(packet.icmp_id, echo ? 0x7700 : 0);
            cr_assert_not(packet.quoted.whole);
        }
    }
}

Test(packet, icmp6_echo_without_identifier)
{
    make_icmp(AF_INET6, 58);
    frame.byte[frame.l4] = 128;
    frame.len -= 1;
    frame_close(&frame);
    expect(NONE);
    cr_assert_eq(packet.bits, DF_PACKET_IP6 | DF_PACKET_L4);
    cr_assert_eq(packet.icmp_id, 0);
}

/* ---- What ICMP errors quote ---- */

/* Begins an error; what it quotes comes behind it. */
static void begin_error(int family)
{
    frame_ethernet(&frame);
    if (family == AF_INET)
        frame_ip4(&frame, 1, "10.0.0.254", "10.0.0.1", 0);
    else
        frame_ip6(&frame, 58, 64, "2001:db8::fe", "2001:db8::1");
    frame_32(&frame, family == AF_INET ? 3 << 24 : 1 << 24);
    frame_32(&frame, 0);
}

static void quote_ip4(unsigned proto, unsigned fragment, unsigned options)
{
    frame_32(&frame, 0x45000000u + (options / 4 << 24) + 1400); /* a packet of which most is not there */
    frame_32(&frame, 0x12340000 + fragment);
    frame_32(&frame, 0x40000000 + (proto << 16) + 0xbad);
    frame_bytes(&frame, "\12\0\0\1\12\0\0\2", 8);
    frame_fill(&frame, 1, options);
}

static void quote_ip6(unsigned next)
{
    frame_32(&frame, 0x60000000);
    frame_32(&frame, 1400u << 16 | next << 8 | 64);
    inet_pton(AF_INET6, "2001:db8::1", frame.byte + frame.len);
    inet_pton(AF_INET6, "2001:db8::2", frame.byte + frame.len + 16);
    frame.len += 32;
}

static void quote_ports(void)
{
    frame_16(&frame, 5000);
    frame_16(&frame, 53);
    frame_32(&frame, 0x05780000); /* UDP: its length is the whole datagram's */
}

static void expect_quoted_(int family, unsigned proto, unsigned src, unsigned dst, int line)
{
    frame_close(&frame);
    expect_(parse(), DF_DROP_NONE, line);
    cr_assert(packet.bits & DF_PACKET_ICMP_ERROR);
    cr_assert(packet.quoted.whole, "line %d", line);
    cr_assert_eq(packet.quoted.ip_proto, proto, "line %d: protocol %u", line, packet.quoted.ip_proto);
    cr_assert(ip_is(&packet.quoted.src, family, family == AF_INET ? "10.0.0.1" : "2001:db8::1"));
    cr_assert(ip_is(&packet.quoted.dst, family, family == AF_INET ? "10.0.0.2" : "2001:db8::2"));
    cr_assert_eq(packet.quoted.l4_src, src, "line %d: %u", line, packet.quoted.l4_src);
    cr_assert_eq(packet.quoted.l4_dst, dst, "line %d: %u", line, packet.quoted.l4_dst);
}

#define expect_quoted(family, proto, src, dst) expect_quoted_(family, proto, src, dst, __LINE__)

static void expect_no_quote_(int line)
{
    frame_close(&frame);
    expect_(parse(), DF_DROP_NONE, line);
    cr_assert(packet.bits & DF_PACKET_ICMP_ERROR, "line %d", line);
    cr_assert_not(packet.quoted.whole, "line %d", line);
}

#define expect_no_quote() expect_no_quote_(__LINE__)

Test(packet, quoted_ip4)
{
    static const uint8_t with_ports[] = {6, 17, 132, 136, 33};
    for (unsigned i = 0; i < sizeof(with_ports); i++) {
        begin_error(AF_INET);
        quote_ip4(with_ports[i], 0x2000, i * 8); /* a first fragment has ports */
        quote_ports();
        expect_quoted(AF_INET, with_ports[i], 5000, 53);
        cr_assert_not(packet.quoted.is_error);
        for (unsigned n = 0; n < 28 + i * 8; n++) {
            frame.len--;
            expect_no_quote();
        }
    }
}

Test(packet, quoted_ip6)
{
    begin_error(AF_INET6);
    quote_ip6(0);
    extension(60, 1);
    extension(44, 2);
    fragment_header(17, 1);
    quote_ports();
    expect_quoted(AF_INET6, 17, 5000, 53);
    for (unsigned n = 0; n < 40 + 8 + 16 + 8 + 8; n++) {
        frame.len--;
        expect_no_quote();
    }
}

Test(packet, quoted_icmp)
{
    static const struct {
        unsigned type;
        bool echo, error;
    } cases[] = {{8, true, false}, {0, true, false}, {3, false, true}, {13, false, false}},
      cases6[] = {{128, true, false}, {129, true, false}, {2, false, true}, {143, false, false}};
    for (unsigned i = 0; i < 8; i++) {
        bool v6 = i >= 4;
        begin_error(v6 ? AF_INET6 : AF_INET);
        v6 ? quote_ip6(58) : quote_ip4(1, 0, 0);
        frame_32(&frame, (v6 ? cases6[i - 4].type : cases[i].type) << 24);
        frame_32(&frame, 0x99880001);
        unsigned id = (v6 ? cases6[i - 4].echo : cases[i].echo) ? 0x9988 : 0;
        expect_quoted(v6 ? AF_INET6 : AF_INET, v6 ? 58 : 1, id, id);
        cr_assert_eq(packet.quoted.is_error, v6 ? cases6[i - 4].error : cases[i].error);
        frame.len--;
        expect_no_quote();
    }
}

Test(packet, quoted_protocols_without_ports)
{
    static const uint8_t protos[] = {47, 50, 58, 2};
    for (unsigned i = 0; i < sizeof(protos); i++) {
        begin_error(AF_INET);
        quote_ip4(protos[i], 0, 0);
        expect_quoted(AF_INET, protos[i], 0, 0);
    }
    begin_error(AF_INET6);
    quote_ip6(1); /* of the other family: just a number */
    expect_quoted(AF_INET6, 1, 0, 0);
}

Test(packet, quoted_malformed)
{
    begin_error(AF_INET);
    quote_ip4(17, 1, 0); /* a later fragment */
    quote_ports();
    expect_no_quote();
    begin_error(AF_INET);
    quote_ip4(17, 0, 0);
    quote_ports();
    frame.byte[frame.len - 28] = 0x44; /* header length */
    expect_no_quote();
    frame.byte[frame.len - 28] = 0x65; /* version */
    expect_no_quote();
    frame.byte[frame.len - 28] = 0x4f; /* header past the end */
    expect_no_quote();
    begin_error(AF_INET6);
    quote_ip4(17, 0, 0); /* of the other family */
    quote_ports();
    frame_fill(&frame, 0, 40);
    expect_no_quote();
    begin_error(AF_INET6);
    quote_ip6(44);
    fragment_header(17, 8);
    quote_ports();
    expect_no_quote();
    begin_error(AF_INET6);
    quote_ip6(17);
    quote_ports();
    memcpy(frame.byte + frame.len - 24, "\0\0\0\0\0\0\0\0\0\0\xff\xff\12\0\0\2", 16); /* mapped */
    expect_no_quote();
}

Test(packet, quoted_extension_headers_are_counted)
{
    for (unsigned n = 8; n <= 9; n++) {
        begin_error(AF_INET6);
        quote_ip6(60);
        for (unsigned i = 1; i < n; i++)
            extension(60, 1);
        extension(17, 1);
        quote_ports();
        if (n == 8)
            expect_quoted(AF_INET6, 17, 5000, 53);
        else
            expect_no_quote();
    }
}

Test(packet, an_error_in_a_first_fragment_quotes_too)
{
    begin_error(AF_INET);
    quote_ip4(17, 0, 0);
    quote_ports();
    frame_fill(&frame, 0, 4);
    frame_close(&frame);
    frame_set16(&frame, frame.ip + 6, 0x2000);
    frame_checksum4(&frame);
    expect(NONE);
    cr_assert(packet.quoted.whole);
    cr_assert_eq(packet.quoted.l4_dst, 53);
}

Test(packet, unknown_transport)
{
    frame_ethernet(&frame);
    frame_ip4(&frame, 47, "10.0.0.1", "10.0.0.2", 0);
    frame_close(&frame);
    expect(NONE);
    cr_assert_eq(packet.ip_proto, 47);
    cr_assert_eq(packet.bits, DF_PACKET_IP4);
}

/* ---- Neighbour discovery ---- */

#define SOLICITED_NODE "ff02::1:ff00:fe"
#define ROUTER_LINK_LOCAL "fe80::fe"

static void make_solicitation(const char *src, const char *dst)
{
    frame_ethernet(&frame);
    frame_ip6(&frame, 58, 255, src, dst);
    frame_nd(&frame, 135, 0, ROUTER_LINK_LOCAL);
}

static void make_advertisement(unsigned flags, const char *dst)
{
    frame_ethernet(&frame);
    frame_ip6(&frame, 58, 255, "fe80::1", dst);
    frame_nd(&frame, 136, flags, "fe80::1");
}

Test(packet, neighbour_solicitation)
{
    make_solicitation("fe80::1", SOLICITED_NODE);
    frame_lladdr(&frame, 1, TEST_GUEST_MAC);
    frame_close(&frame);
    expect(NONE);
    cr_assert_eq(packet.bits, DF_PACKET_IP6 | DF_PACKET_L4 | DF_PACKET_ND);
    cr_assert_eq(packet.l4_dst, 135);
    cr_assert(ip_is(&packet.nd.target, AF_INET6, ROUTER_LINK_LOCAL));
    cr_assert_eq(packet.nd.has_lladdr, 1);
    cr_assert_eq(memcmp(&packet.nd.lladdr, TEST_GUEST_MAC, 6), 0);
    expect_no_prefix_passes();
}

Test(packet, duplicate_address_detection)
{
    make_solicitation("::", SOLICITED_NODE);
    frame_8(&frame, 14); /* a nonce: RFC 7527 */
    frame_8(&frame, 1);
    frame_fill(&frame, 9, 6);
    frame_close(&frame);
    expect(NONE);
    cr_assert_eq(packet.nd.has_lladdr, 0);
    frame_lladdr(&frame, 1, TEST_GUEST_MAC);
    frame_close(&frame);
    expect(BAD_ND);
    make_solicitation("::", "fe80::fe");
    frame_close(&frame);
    expect(BAD_ND);
}

Test(packet, neighbour_advertisement)
{
    make_advertisement(0xe0, ROUTER_LINK_LOCAL);
    frame_lladdr(&frame, 1, TEST_ROUTER_MAC); /* not this one */
    frame_lladdr(&frame, 2, TEST_GUEST_MAC);
    frame_close(&frame);
    expect(NONE);
    cr_assert_eq(packet.bits, DF_PACKET_IP6 | DF_PACKET_L4 | DF_PACKET_ND);
    cr_assert_eq(packet.nd.flags, 0xe0);
    cr_assert_eq(memcmp(&packet.nd.lladdr, TEST_GUEST_MAC, 6), 0);
    make_advertisement(0x20, "ff02::1");
    frame_close(&frame);
    expect(NONE);
    make_advertisement(0x60, "ff02::1"); /* nobody solicited what all hear */
    frame_close(&frame);
    expect(BAD_ND);
}

static void finish_solicitation(void)
{
    frame_close(&frame);
    cr_assert_eq(parse(), DF_DROP_BAD_ND);
}

Test(packet, neighbour_message_malformed)
{
    make_solicitation("fe80::1", SOLICITED_NODE);
    frame.byte[frame.ip + 7] = 254; /* hop limit */
    finish_solicitation();
    make_solicitation("fe80::1", SOLICITED_NODE);
    frame.byte[frame.l4 + 1] = 1; /* code */
    finish_solicitation();
    make_solicitation("fe80::1", SOLICITED_NODE);
    frame.len--; /* target */
    finish_solicitation();
    make_solicitation("fe80::1", SOLICITED_NODE);
    frame.byte[frame.l4 + 8] = 0xff; /* target is multicast */
    finish_solicitation();
    make_solicitation("fe80::1", SOLICITED_NODE);
    memcpy(frame.byte + frame.l4 + 8, "\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\0\0\1", 16); /* target is mapped */
    finish_solicitation();
    make_solicitation("fe80::1", SOLICITED_NODE);
    frame_close(&frame);
    frame.byte[frame.l4 + 3] ^= 1; /* checksum */
    expect(BAD_ND);
}

Test(packet, neighbour_options_malformed)
{
    make_solicitation("fe80::1", SOLICITED_NODE);
    frame_16(&frame, 14 << 8); /* length 0 */
    frame_fill(&frame, 0, 6);
    finish_solicitation();
    make_solicitation("fe80::1", SOLICITED_NODE);
    frame_16(&frame, 14 << 8 | 2); /* past the end */
    frame_fill(&frame, 0, 6);
    finish_solicitation();
    make_solicitation("fe80::1", SOLICITED_NODE);
    frame_fill(&frame, 1, 7); /* half an option */
    finish_solicitation();
    make_solicitation("fe80::1", SOLICITED_NODE);
    frame_lladdr(&frame, 1, TEST_GUEST_MAC);
    frame_lladdr(&frame, 1, TEST_ROUTER_MAC); /* which one? */
    finish_solicitation();
    make_solicitation("fe80::1", SOLICITED_NODE);
    frame_lladdr(&frame, 1, "\x33\x33\0\0\0\1");
    finish_solicitation();
    make_solicitation("fe80::1", SOLICITED_NODE);
    frame_16(&frame, 1 << 8 | 2); /* longer than an Ethernet address */
    frame_fill(&frame, 2, 14);
    finish_solicitation();
}

Test(packet, neighbour_options_are_counted)
{
    for (unsigned n = 32; n <= 33; n++) {
        make_solicitation("fe80::1", SOLICITED_NODE);
        for (unsigned i = 0; i < n; i++)
            frame_lladdr(&frame, 200, TEST_GUEST_MAC);
        frame_close(&frame);
        cr_assert_eq(parse(), n == 32 ? DF_DROP_NONE : DF_DROP_BAD_ND);
    }
}

Test(packet, neighbour_message_in_a_fragment)
{
    frame_ethernet(&frame);
    frame_ip6(&frame, 44, 255, "fe80::1", SOLICITED_NODE);
    fragment_header(58, 0); /* RFC 6980, whole or not */
    frame_nd(&frame, 135, 0, ROUTER_LINK_LOCAL);
    frame_close(&frame);
    expect(BAD_ND);
}

/* Router solicitations, advertisements and redirects are checked as far as they are alike, and are no neighbours. */
Test(packet, other_discovery_messages)
{
    static const struct {
        unsigned type, body;
    } cases[] = {{133, 4}, {134, 12}, {137, 36}};
    for (unsigned i = 0; i < 3; i++) {
        for (unsigned missing = 0; missing < 2; missing++) {
            frame_ethernet(&frame);
            frame_ip6(&frame, 58, 255, "fe80::1", "ff02::2");
            frame.icmp6 = frame.len;
            frame_32(&frame, cases[i].type << 24);
            frame_fill(&frame, 0, cases[i].body - missing);
            frame_close(&frame);
            cr_assert_eq(parse(), missing ? DF_DROP_BAD_ND : DF_DROP_NONE, "type %u", cases[i].type);
            cr_assert_eq(packet.bits & DF_PACKET_ND, 0);
        }
    }
}

/* ---- Reasons ---- */

Test(drop, every_reason_has_a_name_and_a_help_text_of_its_own)
{
    for (unsigned i = 0; i < DF_DROPS; i++) {
        cr_assert_neq(df_drop_help((enum df_drop)i)[0], '\0');
        for (unsigned j = 0; j < i; j++)
            cr_assert_str_neq(df_drop_name((enum df_drop)i), df_drop_name((enum df_drop)j));
    }
    cr_assert_str_eq(df_drop_name(DF_DROP_TOO_MANY_HEADERS), "too_many_headers");
    cr_assert_str_eq(df_drop_name((enum df_drop)DF_DROPS), "unknown");
    cr_assert_neq(df_drop_help((enum df_drop)DF_DROPS), NULL);
}
