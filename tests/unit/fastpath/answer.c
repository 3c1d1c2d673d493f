/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/answer/answer.h"
#include "tests/unit/fastpath/frame.h"

#include <criterion/criterion.h>
#include <rte_eal.h>

/*
 * The way of a frame here: made by hand, copied into a buffer with the head room of a receive buffer, parsed as on the
 * wire, turned into its answer, and the answer's bytes read as the guest would.
 */

#define ROUTER4 "10.0.0.254"
#define ROUTER6 "2001:db8::fe"
#define GUEST4 "10.0.0.1"
#define GUEST6 "2001:db8::1"

static struct test_frame frame;
static struct rte_mbuf mbuf;
static struct df_walk walk;
static const uint8_t *reply; /* the answer; its length is in mbuf */
static uint16_t head_room = RTE_PKTMBUF_HEADROOM;
static uint16_t tail_room = 128;

static void fill_mbuf(void)
{
    uint16_t size = (uint16_t)(head_room + frame.len + tail_room);
    memset(&mbuf, 0, sizeof(mbuf));
    mbuf.buf_addr = malloc(size);
    mbuf.buf_len = size;
    mbuf.data_off = head_room;
    mbuf.data_len = (uint16_t)frame.len;
    mbuf.pkt_len = frame.len;
    mbuf.nb_segs = 1;
    mbuf.refcnt = 1;
    mbuf.ol_flags = RTE_MBUF_F_TX_TCP_SEG | RTE_MBUF_F_TX_TCP_CKSUM;
    mbuf.tso_segsz = 1400;
    memcpy(rte_pktmbuf_mtod(&mbuf, uint8_t *), frame.byte, frame.len);
}

static enum df_drop answer(enum df_answer kind)
{
    struct df_packet parsed;
    enum df_drop drop = df_packet_parse(frame.byte, frame.len, &parsed);
    cr_assert_eq(drop, DF_DROP_NONE, "the test's own frame is malformed: %s", df_drop_name(drop));
    free(mbuf.buf_addr);
    fill_mbuf();
    walk.verdict.kind = DF_VERDICT_ANSWER;
    walk.verdict.answer = (uint8_t)kind;
    drop = df_answer_write(&mbuf, &parsed, &walk);
    reply = rte_pktmbuf_mtod(&mbuf, const uint8_t *);
    return drop;
}

static void expect_(enum df_drop got, enum df_drop wanted, int line)
{
    cr_assert(got == wanted, "line %d: %s, wanted %s", line, df_drop_name(got), df_drop_name(wanted));
}

#define expect(kind, wanted) expect_(answer(DF_ANSWER_##kind), DF_DROP_##wanted, __LINE__)

static void expect_macs(const char *dst, const char *src)
{
    cr_assert_eq(memcmp(reply, dst, 6), 0);
    cr_assert_eq(memcmp(reply + 6, src, 6), 0);
    cr_assert_eq(mbuf.pkt_len, mbuf.data_len);
}

static bool address_is(const uint8_t *at, int family, const char *text)
{
    uint8_t wanted[16];
    inet_pton(family, text, wanted);
    return memcmp(at, wanted, family == AF_INET ? 4 : 16) == 0;
}

/* The answer as a guest's stack sees it: well formed, and nothing else. */
static struct df_packet parse_reply(void)
{
    struct df_packet packet;
    enum df_drop drop = df_packet_parse(reply, mbuf.data_len, &packet);
    cr_assert_eq(drop, DF_DROP_NONE, "the answer is malformed: %s", df_drop_name(drop));
    return packet;
}

/* ---- ARP ---- */

static void make_arp(unsigned op, const char *spa, unsigned tags)
{
    frame_ethernet(&frame);
    memset(frame.byte, 0xff, 6);
    for (unsigned i = 0; i < tags; i++)
        frame_tag(&frame, 0x8100, 0x6000 + 10 + i);
    frame_arp(&frame, op, TEST_GUEST_MAC, spa, ROUTER4);
    walk = (struct df_walk){.verdict.answer_mac = {TEST_ROUTER_MAC}};
}

Test(answer, arp_reply)
{
    for (unsigned tags = 0; tags <= 2; tags++) {
        make_arp(1, GUEST4, tags);
        frame_fill(&frame, 0, 18);
        expect(ARP, NONE);
        expect_macs(TEST_GUEST_MAC, TEST_ROUTER_MAC);
        cr_assert_eq(mbuf.data_len, 14 + 4 * tags + 28 + 18);
        const uint8_t *arp = reply + 14 + 4 * tags;
        cr_assert_eq(memcmp(reply + 12, frame.byte + 12, 2 + 4 * tags), 0, "tags and type stay");
        cr_assert_eq(memcmp(arp, "\0\1\x08\0\6\4\0\2", 8), 0);
        cr_assert_eq(memcmp(arp + 8, TEST_ROUTER_MAC, 6), 0);
        cr_assert(address_is(arp + 14, AF_INET, ROUTER4));
        cr_assert_eq(memcmp(arp + 18, TEST_GUEST_MAC, 6), 0);
        cr_assert(address_is(arp + 24, AF_INET, GUEST4));
        parse_reply();
    }
}

Test(answer, arp_probe_is_answered_to_the_prober)
{
    make_arp(1, "0.0.0.0", 0);
    expect(ARP, NONE);
    expect_macs(TEST_GUEST_MAC, TEST_ROUTER_MAC);
    cr_assert(address_is(reply + 14 + 24, AF_INET, "0.0.0.0"));
}

Test(answer, arp_replies_are_not_answered)
{
    make_arp(2, GUEST4, 0);
    expect(ARP, ANSWER_NONE);
}

/* ---- Neighbour discovery ---- */

static void make_solicitation(const char *src, bool lladdr)
{
    frame_ethernet(&frame);
    memcpy(frame.byte, "\x33\x33\xff\x00\x00\xfe", 6);
    frame_ip6(&frame, 58, 255, src, "ff02::1:ff00:fe");
    frame_nd(&frame, 135, 0, ROUTER6);
    if (lladdr)
        frame_lladdr(&frame, 1, TEST_GUEST_MAC);
    frame_close(&frame);
    walk = (struct df_walk){.verdict = {.answer_mac = {TEST_ROUTER_MAC}, .answer_is_router = true}};
}

static void expect_advertisement(const char *dst, unsigned flags)
{
    const uint8_t *ip = reply + 14, *message = ip + 40;
    cr_assert_eq(mbuf.data_len, 14 + 40 + 32);
    struct df_packet packet = parse_reply();
    cr_assert(packet.bits & DF_PACKET_ND);
    cr_assert_eq(frame_get16(ip + 4), 32);
    cr_assert_eq(ip[7], 255);
    cr_assert(address_is(ip + 8, AF_INET6, ROUTER6));
    cr_assert(address_is(ip + 24, AF_INET6, dst));
    cr_assert_eq(message[0], 136);
    cr_assert_eq(message[4], flags);
    cr_assert(address_is(message + 8, AF_INET6, ROUTER6));
    cr_assert_eq(memcmp(message + 24, "\2\1" TEST_ROUTER_MAC, 8), 0);
    cr_assert_eq(plain_checksum6(ip, message, 32), 0);
}

Test(answer, solicited_advertisement)
{
    make_solicitation(GUEST6, true);
    expect(ND, NONE);
    expect_macs(TEST_GUEST_MAC, TEST_ROUTER_MAC);
    expect_advertisement(GUEST6, 0xe0);
}

Test(answer, advertisement_for_a_host_has_no_router_flag)
{
    make_solicitation(GUEST6, true);
    walk.verdict.answer_is_router = false;
    expect(ND, NONE);
    expect_advertisement(GUEST6, 0x60);
}

Test(answer, duplicate_address_is_told_to_all_nodes)
{
    make_solicitation("::", false);
    expect(ND, NONE);
    expect_macs("\x33\x33\0\0\0\1", TEST_ROUTER_MAC);
    expect_advertisement("ff02::1", 0xa0);
}

Test(answer, advertisement_is_as_long_as_it_must_be)
{
    make_solicitation(GUEST6, true);
    for (unsigned i = 0; i < 5; i++)
        frame_lladdr(&frame, 14, "nonces");
    frame_close(&frame);
    expect(ND, NONE);
    expect_advertisement(GUEST6, 0xe0);
    tail_room = 8; /* without the sender's address, the solicitation is 8 bytes shorter */
    make_solicitation(GUEST6, false);
    expect(ND, NONE);
    expect_advertisement(GUEST6, 0xe0);
    tail_room = 7;
    expect(ND, NO_MBUF);
}

Test(answer, advertisements_are_not_answered)
{
    frame_ethernet(&frame);
    frame_ip6(&frame, 58, 255, "fe80::1", "fe80::fe");
    frame_nd(&frame, 136, 0x60, "fe80::1");
    frame_close(&frame);
    expect(ND, ANSWER_NONE);
}

/* ---- Echo ---- */

static void make_echo4(unsigned payload)
{
    frame_ethernet(&frame);
    frame_ip4(&frame, 1, GUEST4, ROUTER4, 0);
    frame_icmp(&frame, 8, 0, payload);
    frame_close(&frame);
    walk = (struct df_walk){0};
}

static void make_echo6(unsigned payload)
{
    frame_ethernet(&frame);
    frame_ip6(&frame, 58, 64, GUEST6, ROUTER6);
    frame_icmp(&frame, 128, 0, payload);
    frame_close(&frame);
    walk = (struct df_walk){0};
}

Test(answer, echo4)
{
    static const unsigned payloads[] = {0, 1, 56, 57, 1472, 2000};
    for (unsigned i = 0; i < 6; i++) {
        make_echo4(payloads[i]);
        expect(ECHO, NONE);
        expect_macs(TEST_GUEST_MAC, TEST_ROUTER_MAC);
        cr_assert_eq(mbuf.data_len, frame.len);
        const uint8_t *ip = reply + 14, *icmp = ip + 20;
        cr_assert_eq(ip[8], 64);
        cr_assert_eq(plain_checksum(ip, 20), 0);
        cr_assert(address_is(ip + 12, AF_INET, ROUTER4));
        cr_assert(address_is(ip + 16, AF_INET, GUEST4));
        cr_assert_eq(icmp[0], 0);
        cr_assert_eq(icmp[1], 0);
        cr_assert_eq(plain_checksum(icmp, 8 + payloads[i]), 0);
        cr_assert_eq(memcmp(icmp + 4, frame.byte + frame.l4 + 4, 4 + payloads[i]), 0);
        parse_reply();
    }
}

Test(answer, echo6)
{
    static const unsigned payloads[] = {0, 1, 56, 57, 1452, 2000};
    for (unsigned i = 0; i < 6; i++) {
        make_echo6(payloads[i]);
        expect(ECHO, NONE);
        expect_macs(TEST_GUEST_MAC, TEST_ROUTER_MAC);
        cr_assert_eq(mbuf.data_len, frame.len);
        const uint8_t *ip = reply + 14, *icmp = ip + 40;
        cr_assert_eq(ip[7], 64);
        cr_assert(address_is(ip + 8, AF_INET6, ROUTER6));
        cr_assert(address_is(ip + 24, AF_INET6, GUEST6));
        cr_assert_eq(icmp[0], 129);
        cr_assert_eq(plain_checksum6(ip, icmp, 8 + payloads[i]), 0);
        cr_assert_eq(memcmp(icmp + 4, frame.byte + frame.l4 + 4, 4 + payloads[i]), 0);
        parse_reply();
    }
}

Test(answer, damaged_echo_stays_damaged)
{
    make_echo4(56);
    frame.byte[frame.len - 1] ^= 0x40;
    expect(ECHO, NONE);
    cr_assert_neq(plain_checksum(reply + 34, 64), 0);
}

Test(answer, only_echo_requests_are_echoed)
{
    frame_ethernet(&frame);
    frame_ip4(&frame, 1, GUEST4, ROUTER4, 0);
    frame_icmp(&frame, 0, 0, 8); /* a reply */
    frame_close(&frame);
    expect(ECHO, ANSWER_NONE);
    frame_ethernet(&frame);
    frame_ip4(&frame, 1, GUEST4, ROUTER4, 0);
    frame_icmp(&frame, 8, 1, 8); /* code */
    frame_close(&frame);
    expect(ECHO, ANSWER_NONE);
    frame_ethernet(&frame);
    frame_ip4(&frame, 17, GUEST4, ROUTER4, 0);
    frame_udp(&frame, 1, 8, 8);
    frame_close(&frame);
    expect(ECHO, ANSWER_NONE);
    make_echo6(0);
    frame.len -= 4; /* no room for identifier and sequence */
    frame_close(&frame);
    expect(ECHO, ANSWER_NONE);
    make_arp(1, GUEST4, 0);
    expect(ECHO, ANSWER_NONE);
}

Test(answer, echo_in_fragments_or_with_options)
{
    make_echo4(64);
    frame_set16(&frame, frame.ip + 6, 0x2000);
    frame_checksum4(&frame);
    expect(ECHO, ANSWER_NONE);
    frame_ethernet(&frame);
    frame_ip4(&frame, 1, GUEST4, ROUTER4, 4);
    frame_icmp(&frame, 8, 0, 8);
    frame_close(&frame);
    expect(ECHO, ANSWER_NONE);
    frame_ethernet(&frame);
    frame_ip6(&frame, 60, 64, GUEST6, ROUTER6);
    frame_16(&frame, 58 << 8);
    frame_fill(&frame, 0, 6);
    frame_icmp(&frame, 128, 0, 8);
    frame_close(&frame);
    expect(ECHO, ANSWER_NONE);
}

/* ---- ICMP errors ---- */

static struct df_ip ip_of(int family, const char *text)
{
    struct df_ip ip = {.byte = {[10] = 0xff, [11] = 0xff}};
    inet_pton(family, text, family == AF_INET ? ip.byte + 12 : ip.byte);
    return ip;
}

static void ask_error(int family, unsigned type, unsigned code)
{
    walk = (struct df_walk){.verdict = {.answer_type = (uint8_t)type, .answer_code = (uint8_t)code}};
    walk.verdict.answer_ip = ip_of(family, family == AF_INET ? ROUTER4 : ROUTER6);
}

static void make_udp4(unsigned payload, unsigned options, unsigned tags)
{
    frame_ethernet(&frame);
    for (unsigned i = 0; i < tags; i++)
        frame_tag(&frame, 0x8100, 5 + i);
    frame_ip4(&frame, 17, GUEST4, "192.0.2.9", options);
    frame_udp(&frame, 33434, 33435, payload);
    frame_close(&frame);
    ask_error(AF_INET, 11, 0);
}

static void make_udp6(unsigned payload)
{
    frame_ethernet(&frame);
    frame_ip6(&frame, 17, 1, GUEST6, "2001:db8:9::9");
    frame_udp(&frame, 33434, 33435, payload);
    frame_close(&frame);
    ask_error(AF_INET6, 3, 0);
}

static void expect_error4(unsigned tags, unsigned quote)
{
    expect_macs(TEST_GUEST_MAC, TEST_ROUTER_MAC);
    const uint8_t *ip = reply + 14 + 4 * tags, *icmp = ip + 20;
    cr_assert_eq(mbuf.data_len, 14 + 4 * tags + 28 + quote);
    cr_assert_eq(memcmp(reply + 12, frame.byte + 12, 2 + 4 * tags), 0, "tags and type stay");
    cr_assert_eq(ip[0], 0x45);
    cr_assert_eq(ip[1], 0xc0);
    cr_assert_eq(frame_get16(ip + 2), 28 + quote);
    cr_assert_eq(ip[8], 64);
    cr_assert_eq(ip[9], 1);
    cr_assert_eq(plain_checksum(ip, 20), 0);
    cr_assert(address_is(ip + 12, AF_INET, ROUTER4));
    cr_assert(address_is(ip + 16, AF_INET, GUEST4));
    cr_assert_eq(memcmp(icmp, "\x0b\0", 2), 0);
    cr_assert_eq(memcmp(icmp + 4, "\0\0\0\0", 4), 0);
    cr_assert_eq(plain_checksum(icmp, 8 + quote), 0);
    cr_assert_eq(memcmp(icmp + 8, frame.byte + frame.ip, quote), 0, "the packet is quoted as it came");
    parse_reply();
}

Test(answer, error4_quotes_the_packet)
{
    for (unsigned tags = 0; tags <= 2; tags++) {
        make_udp4(11, 0, tags);
        expect(ICMP_ERROR, NONE);
        expect_error4(tags, 20 + 8 + 11);
    }
    make_udp4(3, 40, 0);
    expect(ICMP_ERROR, NONE);
    expect_error4(0, 60 + 8 + 3);
}

Test(answer, error4_does_not_quote_padding)
{
    make_udp4(0, 0, 0);
    frame_fill(&frame, 0xee, 18);
    expect(ICMP_ERROR, NONE);
    expect_error4(0, 28);
}

Test(answer, error4_is_576_bytes_at_most)
{
    make_udp4(520, 0, 0);
    expect(ICMP_ERROR, NONE);
    expect_error4(0, 548);
    make_udp4(521, 0, 0);
    expect(ICMP_ERROR, NONE);
    expect_error4(0, 548);
    make_udp4(1472, 0, 2);
    expect(ICMP_ERROR, NONE);
    expect_error4(2, 548);
}

static void expect_error6(unsigned quote)
{
    expect_macs(TEST_GUEST_MAC, TEST_ROUTER_MAC);
    const uint8_t *ip = reply + 14, *icmp = ip + 40;
    cr_assert_eq(mbuf.data_len, 14 + 48 + quote);
    cr_assert_eq(memcmp(ip, "\x60\0\0\0", 4), 0);
    cr_assert_eq(frame_get16(ip + 4), 8 + quote);
    cr_assert_eq(ip[6], 58);
    cr_assert_eq(ip[7], 64);
    cr_assert(address_is(ip + 8, AF_INET6, ROUTER6));
    cr_assert(address_is(ip + 24, AF_INET6, GUEST6));
    cr_assert_eq(memcmp(icmp, "\3\0", 2), 0);
    cr_assert_eq(memcmp(icmp + 4, "\0\0\0\0", 4), 0);
    cr_assert_eq(plain_checksum6(ip, icmp, 8 + quote), 0);
    cr_assert_eq(memcmp(icmp + 8, frame.byte + frame.ip, quote), 0, "the packet is quoted as it came");
    parse_reply();
}

Test(answer, error6_quotes_up_to_1280_bytes)
{
    make_udp6(5);
    expect(ICMP_ERROR, NONE);
    expect_error6(40 + 8 + 5);
    make_udp6(1184);
    expect(ICMP_ERROR, NONE);
    expect_error6(1232);
    make_udp6(1452);
    expect(ICMP_ERROR, NONE);
    expect_error6(1232);
}

Test(answer, error_fits_the_head_room_of_a_receive_buffer)
{
    head_room = 48;
    make_udp6(5);
    expect(ICMP_ERROR, NONE);
    expect_error6(40 + 8 + 5);
    head_room = 47;
    expect(ICMP_ERROR, NO_MBUF);
}

Test(answer, no_error_about_an_error)
{
    static const struct {
        unsigned type4;
        bool due;
    } cases[] = {{3, false}, {4, false}, {5, false}, {11, false}, {12, false}, {0, true}, {8, true}, {13, true}};
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        frame_ethernet(&frame);
        frame_ip4(&frame, 1, GUEST4, "192.0.2.9", 0);
        frame_icmp(&frame, cases[i].type4, 0, 8);
        frame_close(&frame);
        ask_error(AF_INET, 11, 0);
        cr_assert_eq(answer(DF_ANSWER_ICMP_ERROR), cases[i].due ? DF_DROP_NONE : DF_DROP_ANSWER_NONE, "type %u",
                     cases[i].type4);
    }
}

Test(answer, no_error6_about_an_error)
{
    static const struct {
        unsigned type6;
        bool due;
    } cases[] = {{1, false}, {3, false}, {100, false}, {127, false}, {128, true}, {129, true}, {139, true}};
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        frame_ethernet(&frame);
        frame_ip6(&frame, 58, 1, GUEST6, "2001:db8:9::9");
        frame_icmp(&frame, cases[i].type6, 0, 8);
        frame_close(&frame);
        ask_error(AF_INET6, 3, 0);
        cr_assert_eq(answer(DF_ANSWER_ICMP_ERROR), cases[i].due ? DF_DROP_NONE : DF_DROP_ANSWER_NONE, "type %u",
                     cases[i].type6);
    }
}

Test(answer, no_error_about_a_redirect)
{
    frame_ethernet(&frame);
    frame_ip6(&frame, 58, 255, "fe80::1", "2001:db8:9::9");
    frame.icmp6 = frame.len;
    frame_32(&frame, 137u << 24);
    frame_fill(&frame, 0, 36);
    frame_close(&frame);
    ask_error(AF_INET6, 3, 0);
    expect(ICMP_ERROR, ANSWER_NONE);
}

Test(answer, no_error_about_later_fragments)
{
    make_udp4(64, 0, 0);
    frame_set16(&frame, frame.ip + 6, 0x2000);
    frame_checksum4(&frame);
    expect(ICMP_ERROR, NONE);
    frame_set16(&frame, frame.ip + 6, 0x0004);
    frame_checksum4(&frame);
    expect(ICMP_ERROR, ANSWER_NONE);
}

Test(answer, no_error4_unless_between_two_hosts)
{
    static const struct {
        const char *src, *dst;
    } cases[] = {{"0.0.0.0", "192.0.2.9"},    {"0.1.2.3", "192.0.2.9"}, {"240.0.0.1", "192.0.2.9"},
                 {GUEST4, "255.255.255.255"}, {GUEST4, "224.0.0.5"},    {GUEST4, "127.0.0.1"}};
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        frame_ethernet(&frame);
        frame_ip4(&frame, 17, cases[i].src, cases[i].dst, 0);
        frame_udp(&frame, 1, 2, 0);
        frame_close(&frame);
        ask_error(AF_INET, 11, 0);
        cr_assert_eq(answer(DF_ANSWER_ICMP_ERROR), DF_DROP_ANSWER_NONE, "%s to %s", cases[i].src, cases[i].dst);
    }
    make_udp4(0, 0, 0);
    memset(frame.byte, 0xff, 6); /* a broadcast frame around a unicast packet */
    expect(ICMP_ERROR, ANSWER_NONE);
}

Test(answer, no_error6_unless_between_two_hosts)
{
    static const struct {
        const char *src, *dst;
    } cases[] = {{"::", "2001:db8:9::9"}, {GUEST6, "ff05::2"}, {GUEST6, "::1"}};
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        frame_ethernet(&frame);
        frame_ip6(&frame, 17, 1, cases[i].src, cases[i].dst);
        frame_udp(&frame, 1, 2, 0);
        frame_close(&frame);
        ask_error(AF_INET6, 3, 0);
        cr_assert_eq(answer(DF_ANSWER_ICMP_ERROR), DF_DROP_ANSWER_NONE, "%s to %s", cases[i].src, cases[i].dst);
    }
}

Test(answer, no_error_from_a_router_without_an_address)
{
    make_udp4(0, 0, 0);
    walk.verdict.answer_ip = (struct df_ip){0};
    expect(ICMP_ERROR, ANSWER_NONE);
    walk.verdict.answer_ip = df_ip_from4(0);
    expect(ICMP_ERROR, ANSWER_NONE);
    walk.verdict.answer_ip = ip_of(AF_INET6, ROUTER6);
    expect(ICMP_ERROR, ANSWER_NONE);
    make_udp6(0);
    walk.verdict.answer_ip = ip_of(AF_INET, ROUTER4);
    expect(ICMP_ERROR, ANSWER_NONE);
    make_arp(1, GUEST4, 0);
    ask_error(AF_INET, 11, 0);
    expect(ICMP_ERROR, ANSWER_NONE);
}

/* ---- Whatever the answer ---- */

Test(answer, forgets_what_the_sender_asked_of_its_device)
{
    make_udp4(0, 0, 0);
    expect(ICMP_ERROR, NONE);
    cr_assert_eq(mbuf.ol_flags, 0);
    cr_assert_eq(mbuf.tx_offload, 0);
}

Test(answer, nothing_was_asked)
{
    make_udp4(0, 0, 0);
    expect(NONE, ANSWER_NONE);
}

static struct rte_mbuf *chain(struct rte_mempool *pool, uint32_t in_first)
{
    struct rte_mbuf *first = rte_pktmbuf_alloc(pool), *second = rte_pktmbuf_alloc(pool);
    memcpy(rte_pktmbuf_append(first, (uint16_t)in_first), frame.byte, in_first);
    memcpy(rte_pktmbuf_append(second, (uint16_t)(frame.len - in_first)), frame.byte + in_first, frame.len - in_first);
    rte_pktmbuf_chain(first, second);
    return first;
}

/* A packet in two buffers: an error keeps the first and gives the other back, an echo keeps both. */
Test(answer, packets_in_several_segments)
{
    char *argv[] = {"answer",      "--no-huge", "--no-pci", "-m",          "64",   "--no-telemetry",
                    "--no-shconf", "-l",        "0",        "--log-level", "error"};
    cr_assert_geq(rte_eal_init((int)RTE_DIM(argv), argv), 0);
    struct rte_mempool *pool = rte_pktmbuf_pool_create("test", 15, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
    cr_assert_not_null(pool);
    struct df_packet parsed;

    make_udp4(1400, 0, 0);
    cr_assert_eq(df_packet_parse(frame.byte, frame.len, &parsed), DF_DROP_NONE);
    struct rte_mbuf *packet = chain(pool, 500);
    walk.verdict.answer = DF_ANSWER_ICMP_ERROR;
    cr_assert_eq(df_answer_write(packet, &parsed, &walk), DF_DROP_NONE);
    cr_assert_eq(packet->nb_segs, 1);
    cr_assert_null(packet->next);
    cr_assert_eq(packet->pkt_len, 528);
    cr_assert_eq(rte_mempool_in_use_count(pool), 1);
    mbuf = *packet;
    reply = rte_pktmbuf_mtod(packet, const uint8_t *);
    expect_error4(0, 486);
    rte_pktmbuf_free(packet);

    make_echo4(1400);
    cr_assert_eq(df_packet_parse(frame.byte, frame.len, &parsed), DF_DROP_NONE);
    packet = chain(pool, 500);
    walk.verdict.answer = DF_ANSWER_ECHO;
    cr_assert_eq(df_answer_write(packet, &parsed, &walk), DF_DROP_NONE);
    cr_assert_eq(packet->nb_segs, 2);
    uint8_t whole[2048];
    const uint8_t *bytes = rte_pktmbuf_read(packet, 0, packet->pkt_len, whole);
    cr_assert_eq(packet->pkt_len, frame.len);
    cr_assert_eq(plain_checksum(bytes + 34, 1408), 0);
    rte_pktmbuf_free(packet);
    cr_assert_eq(rte_mempool_in_use_count(pool), 0);
}
