/* SPDX-License-Identifier: Apache-2.0 */
#include "apps/dhcp/server.h"
#include "tests/unit/apps/dhcp/request.h"

#include <criterion/criterion.h>

/*
 * Every state of RFC 2131 section 4.3.2 and every message, against a lease made by hand: 10.0.0.5/24 from 10.0.0.2,
 * router 10.0.0.1, for 86400 s.
 */

static struct df_dhcp_lease lease;
static struct df_dhcp_reply reply;
static struct frame frame;

static void setup(void)
{
    memset(&lease, 0, sizeof(lease));
    lease.address = inet_addr("10.0.0.5");
    lease.prefix_len = 24;
    lease.gateway = inet_addr("10.0.0.1");
    lease.server_ip = lease.siaddr = inet_addr("10.0.0.2");
    lease.server_mac = (struct df_mac){{0x02, 0xdf, 0, 0, 0, 5}};
    lease.lease_s = 86400;
    lease.mtu = 1450;
    lease.domain = (struct df_dhcp_bytes){(const uint8_t *)"example.org", 11};
    df_dhcp_value_put(&lease.dns, "\x08\x08\x08\x08", 4);
    df_dhcp_value_put_route(&lease.routes, 0, 0, lease.gateway);
}

TestSuite(dhcp_server, .init = setup);

/* Closes the frame that the test began and serves it. */
static struct df_dhcp_outcome serve(void)
{
    struct df_dhcp_request request;
    request_end(&frame);
    cr_assert_eq(df_dhcp_read(frame.data, frame.len, &request), 0);
    return df_dhcp_serve(&request, &lease, &reply);
}

static void expect_type(uint8_t type)
{
    cr_expect(reply_has(reply.frame, sizeof(reply.frame), 53, &type, 1), "not a message of type %d", type);
    cr_expect(reply_has(reply.frame, sizeof(reply.frame), 54, &lease.server_ip, 4));
}

static void expect_address(uint32_t at, const char *text)
{
    uint32_t got;
    memcpy(&got, reply.frame + at, 4);
    cr_expect_eq(got, inet_addr(text), "at %u is %s, not %s", at, inet_ntoa((struct in_addr){got}), text);
}

static bool eth_dst_is(const uint8_t mac[6])
{
    return memcmp(reply.frame, mac, 6) == 0;
}

static const uint8_t client_mac[6] = {CLIENT_MAC};
static const uint8_t everybody[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

static void expect_outcome(struct df_dhcp_outcome outcome, enum df_dhcp_counter received, enum df_dhcp_counter result)
{
    cr_expect_eq(outcome.received, received);
    cr_expect_eq(outcome.result, result);
    bool sent = result == DF_DHCP_COUNT_OFFER || result == DF_DHCP_COUNT_ACK || result == DF_DHCP_COUNT_NAK;
    cr_expect_eq(outcome.frame_len > 0, sent);
}

/* ---- DISCOVER */

Test(dhcp_server, discover_is_offered_the_ports_address)
{
    request_begin(&frame, DF_DHCP_DISCOVER);
    request_address(&frame, 50, "10.0.0.77"); /* a wish that is not granted */
    expect_outcome(serve(), DF_DHCP_COUNT_DISCOVER, DF_DHCP_COUNT_OFFER);
    expect_type(DF_DHCP_OFFER);
    expect_address(DHCP + YIADDR, "10.0.0.5");
    expect_address(DHCP + SIADDR, "10.0.0.2");
    expect_address(DHCP + CIADDR, "0.0.0.0");
    expect_address(IP + 12, "10.0.0.2");
    expect_address(IP + 16, "10.0.0.5");
    cr_expect(eth_dst_is(client_mac));
    cr_expect_eq(memcmp(reply.frame + DHCP + XID, "\x01\x02\x03\x04", 4), 0);
    cr_expect_eq(memcmp(reply.frame + DHCP + CHADDR, client_mac, 6), 0);
}

Test(dhcp_server, broadcast_flag_makes_the_answer_a_broadcast)
{
    request_begin(&frame, DF_DHCP_DISCOVER);
    frame.data[DHCP + FLAGS] = 0x80;
    serve();
    expect_address(IP + 16, "255.255.255.255");
    cr_expect(eth_dst_is(everybody));
    cr_expect_eq(reply.frame[DHCP + FLAGS], 0x80);
}

/* ---- REQUEST, SELECTING */

Test(dhcp_server, selecting_our_offer)
{
    request_begin(&frame, DF_DHCP_REQUEST);
    request_address(&frame, 54, "10.0.0.2");
    request_address(&frame, 50, "10.0.0.5");
    expect_outcome(serve(), DF_DHCP_COUNT_SELECTING, DF_DHCP_COUNT_ACK);
    expect_type(DF_DHCP_ACK);
    expect_address(DHCP + YIADDR, "10.0.0.5");
    expect_address(IP + 16, "10.0.0.5");
    cr_expect(reply_has(reply.frame, sizeof(reply.frame), 51, "\x00\x01\x51\x80", 4));
}

Test(dhcp_server, selecting_another_servers_offer_is_not_answered)
{
    request_begin(&frame, DF_DHCP_REQUEST);
    request_address(&frame, 54, "10.0.0.3");
    request_address(&frame, 50, "10.0.0.5");
    expect_outcome(serve(), DF_DHCP_COUNT_SELECTING, DF_DHCP_COUNT_OTHER_SERVER);
}

Test(dhcp_server, selecting_an_address_that_was_not_offered)
{
    request_begin(&frame, DF_DHCP_REQUEST);
    request_address(&frame, 54, "10.0.0.2");
    request_address(&frame, 50, "10.0.0.6");
    expect_outcome(serve(), DF_DHCP_COUNT_SELECTING, DF_DHCP_COUNT_NAK);
}

Test(dhcp_server, selecting_without_an_address_is_incomplete)
{
    request_begin(&frame, DF_DHCP_REQUEST);
    request_address(&frame, 54, "10.0.0.2");
    expect_outcome(serve(), DF_DHCP_COUNT_SELECTING, DF_DHCP_COUNT_INCOMPLETE);
}

/* ---- REQUEST, INIT-REBOOT */

Test(dhcp_server, init_reboot_with_the_right_address)
{
    request_begin(&frame, DF_DHCP_REQUEST);
    request_address(&frame, 50, "10.0.0.5");
    expect_outcome(serve(), DF_DHCP_COUNT_INIT_REBOOT, DF_DHCP_COUNT_ACK);
    expect_address(DHCP + YIADDR, "10.0.0.5");
}

Test(dhcp_server, init_reboot_with_a_wrong_address_gets_a_broadcast_nak)
{
    request_begin(&frame, DF_DHCP_REQUEST);
    request_address(&frame, 50, "192.168.1.5");
    request_option(&frame, 61, 3, "\x00xy");
    expect_outcome(serve(), DF_DHCP_COUNT_INIT_REBOOT, DF_DHCP_COUNT_NAK);
    expect_type(DF_DHCP_NAK);
    expect_address(IP + 16, "255.255.255.255");
    cr_expect(eth_dst_is(everybody));
    expect_address(DHCP + YIADDR, "0.0.0.0");
    expect_address(DHCP + SIADDR, "0.0.0.0");
    expect_address(DHCP + CIADDR, "0.0.0.0");
    uint8_t codes[256];
    size_t n = reply_codes(reply.frame, sizeof(reply.frame), codes);
    cr_expect(n == 4 && memcmp(codes, (uint8_t[]){53, 54, 61, 56}, 4) == 0,
              "RFC 2131 table 3 allows nothing else in a NAK");
}

Test(dhcp_server, request_that_names_nothing_is_incomplete)
{
    request_begin(&frame, DF_DHCP_REQUEST);
    expect_outcome(serve(), DF_DHCP_COUNT_INIT_REBOOT, DF_DHCP_COUNT_INCOMPLETE);
}

/* ---- REQUEST, RENEWING and REBINDING */

static void begin_renewal(const char *ciaddr, const char *to)
{
    request_begin(&frame, DF_DHCP_REQUEST);
    set_address(&frame, DHCP + CIADDR, ciaddr);
    set_address(&frame, IP + 12, ciaddr);
    set_address(&frame, IP + 16, to);
}

Test(dhcp_server, renewing_by_unicast)
{
    begin_renewal("10.0.0.5", "10.0.0.2");
    frame.data[DHCP + FLAGS] = 0x80; /* does not count: the client has an address */
    expect_outcome(serve(), DF_DHCP_COUNT_RENEWING, DF_DHCP_COUNT_ACK);
    expect_address(DHCP + CIADDR, "10.0.0.5");
    expect_address(DHCP + YIADDR, "10.0.0.5");
    expect_address(IP + 16, "10.0.0.5");
    cr_expect(eth_dst_is(client_mac));
}

Test(dhcp_server, renewing_an_address_that_the_port_has_lost)
{
    begin_renewal("10.0.0.6", "10.0.0.2");
    expect_outcome(serve(), DF_DHCP_COUNT_RENEWING, DF_DHCP_COUNT_NAK);
    expect_address(IP + 16, "255.255.255.255");
}

Test(dhcp_server, renewing_with_another_server_is_not_answered)
{
    begin_renewal("10.0.0.5", "10.0.0.3");
    expect_outcome(serve(), DF_DHCP_COUNT_RENEWING, DF_DHCP_COUNT_OTHER_SERVER);
}

Test(dhcp_server, rebinding_by_broadcast)
{
    begin_renewal("10.0.0.5", "255.255.255.255");
    expect_outcome(serve(), DF_DHCP_COUNT_REBINDING, DF_DHCP_COUNT_ACK);
    expect_address(IP + 16, "10.0.0.5");
    begin_renewal("10.0.0.6", "255.255.255.255");
    expect_outcome(serve(), DF_DHCP_COUNT_REBINDING, DF_DHCP_COUNT_NAK);
}

/* ---- INFORM, RELEASE, DECLINE and the rest */

Test(dhcp_server, inform_gets_options_and_no_lease)
{
    request_begin(&frame, DF_DHCP_INFORM);
    set_address(&frame, DHCP + CIADDR, "10.0.0.99");
    request_option(&frame, 55, 5, "\x01\x33\x3a\x3b\x06");
    expect_outcome(serve(), DF_DHCP_COUNT_INFORM, DF_DHCP_COUNT_ACK);
    expect_type(DF_DHCP_ACK);
    expect_address(DHCP + CIADDR, "10.0.0.99");
    expect_address(DHCP + YIADDR, "0.0.0.0");
    expect_address(IP + 16, "10.0.0.99");
    uint8_t codes[256];
    size_t n = reply_codes(reply.frame, sizeof(reply.frame), codes);
    cr_expect(n == 4 && memcmp(codes, (uint8_t[]){53, 54, 1, 6}, 4) == 0);
}

Test(dhcp_server, inform_without_an_address_is_incomplete)
{
    request_begin(&frame, DF_DHCP_INFORM);
    expect_outcome(serve(), DF_DHCP_COUNT_INFORM, DF_DHCP_COUNT_INCOMPLETE);
}

Test(dhcp_server, release_and_decline_are_noted_and_not_answered)
{
    request_begin(&frame, DF_DHCP_RELEASE);
    request_address(&frame, 54, "10.0.0.2");
    expect_outcome(serve(), DF_DHCP_COUNT_RELEASE, DF_DHCP_COUNTERS);
    request_begin(&frame, DF_DHCP_DECLINE);
    request_address(&frame, 54, "10.0.0.2");
    expect_outcome(serve(), DF_DHCP_COUNT_DECLINE, DF_DHCP_COUNTERS);
    request_begin(&frame, DF_DHCP_DECLINE);
    request_address(&frame, 54, "10.0.0.3");
    expect_outcome(serve(), DF_DHCP_COUNT_DECLINE, DF_DHCP_COUNT_OTHER_SERVER);
}

Test(dhcp_server, messages_of_servers_and_unknown_ones)
{
    static const uint8_t types[] = {DF_DHCP_OFFER, DF_DHCP_ACK, DF_DHCP_NAK, 10, 255};
    for (size_t i = 0; i < sizeof(types); i++) {
        request_begin(&frame, types[i]);
        expect_outcome(serve(), DF_DHCP_COUNTERS, DF_DHCP_COUNT_TYPE);
    }
}

/* ---- Options */

static void expect_codes(const uint8_t *want, size_t n_want)
{
    uint8_t codes[256];
    size_t n = reply_codes(reply.frame, sizeof(reply.frame), codes);
    cr_assert_eq(n, n_want, "%zu options, not %zu", n, n_want);
    for (size_t i = 0; i < n; i++)
        cr_expect_eq(codes[i], want[i], "option %zu is %d, not %d", i, codes[i], want[i]);
}
#define EXPECT_CODES(...) expect_codes((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static bool has(uint8_t code, const char *bytes, size_t n)
{
    return reply_has(reply.frame, sizeof(reply.frame), code, bytes, n);
}

static void discover_asking(const char *codes, uint8_t n)
{
    request_begin(&frame, DF_DHCP_DISCOVER);
    request_option(&frame, 55, n, codes);
    serve();
}

Test(dhcp_server, what_is_asked_for_comes_in_its_order_once)
{
    discover_asking("\x1a\x79\x0f\x06\x1c\x79\x3b\x3a\x2a\x35\x33", 11);
    EXPECT_CODES(53, 54, 51, 26, 121, 15, 6, 28, 59, 58);
}

Test(dhcp_server, netmask_comes_before_the_routers)
{
    discover_asking("\x06\x03\x01", 3);
    EXPECT_CODES(53, 54, 51, 6, 1, 3);
    discover_asking("\x03", 1);
    EXPECT_CODES(53, 54, 51, 3);
}

Test(dhcp_server, values_of_the_lease)
{
    discover_asking("\x01\x03\x06\x0f\x1a\x1c\x3a\x3b\x79\xf9", 10);
    cr_expect(has(1, "\xff\xff\xff\x00", 4));
    cr_expect(has(3, "\x0a\x00\x00\x01", 4));
    cr_expect(has(6, "\x08\x08\x08\x08", 4));
    cr_expect(has(15, "example.org", 11));
    cr_expect(has(26, "\x05\xaa", 2));
    cr_expect(has(28, "\x0a\x00\x00\xff", 4));
    cr_expect(has(51, "\x00\x01\x51\x80", 4));
    cr_expect(has(58, "\x00\x00\xa8\xc0", 4), "43200");
    cr_expect(has(59, "\x00\x01\x27\x50", 4), "75600");
    cr_expect(has(121, "\x00\x0a\x00\x00\x01", 5));
    cr_expect(has(249, "\x00\x0a\x00\x00\x01", 5));
}

Test(dhcp_server, what_the_lease_does_not_have_is_not_sent)
{
    lease.gateway = 0;
    lease.routes.len = lease.dns.len = lease.domain.len = 0;
    discover_asking("\x03\x06\x0f\x79\x0c", 5);
    EXPECT_CODES(53, 54, 51);
}

Test(dhcp_server, a_client_that_asks_for_nothing_gets_the_usual_and_the_ports_own)
{
    lease.opts.text[42] = "10.0.0.9";
    request_begin(&frame, DF_DHCP_DISCOVER);
    serve();
    EXPECT_CODES(53, 54, 51, 1, 3, 6, 15, 26, 28, 58, 59, 121, 42);
}

Test(dhcp_server, the_ports_own_options_come_first_but_only_when_asked_for)
{
    lease.opts.text[6] = "10.0.0.9,10.0.0.10";
    lease.opts.text[42] = "10.0.0.11";
    lease.opts.text[121] = "10.9.0.0/16,10.0.0.3";
    discover_asking("\x06\x79\xf9", 3);
    EXPECT_CODES(53, 54, 51, 6, 121, 249);
    cr_expect(has(6, "\x0a\x00\x00\x09\x0a\x00\x00\x0a", 8));
    cr_expect(has(121, "\x10\x0a\x09\x0a\x00\x00\x03", 7));
    cr_expect(has(249, "\x10\x0a\x09\x0a\x00\x00\x03", 7));
}

Test(dhcp_server, boot_options_are_in_the_fixed_fields_for_those_who_do_not_ask)
{
    lease.opts.text[66] = "tftp.example.org";
    lease.opts.text[67] = "pxelinux.0";
    discover_asking("\x01", 1);
    cr_expect_str_eq((const char *)reply.frame + DHCP + SNAME, "tftp.example.org");
    cr_expect_str_eq((const char *)reply.frame + DHCP + FILE_NAME, "pxelinux.0");
    discover_asking("\x42\x43", 2);
    cr_expect_eq(reply.frame[DHCP + SNAME], 0);
    cr_expect_eq(reply.frame[DHCP + FILE_NAME], 0);
    cr_expect(has(67, "pxelinux.0", 10));
}

Test(dhcp_server, client_identifier_comes_back_unaltered)
{
    request_begin(&frame, DF_DHCP_DISCOVER);
    request_option(&frame, 61, 7, "\x01\x02\x03\x04\x05\x06\x07");
    request_option(&frame, 55, 2, "\x3d\x01");
    serve();
    EXPECT_CODES(53, 54, 51, 61, 1);
    cr_expect(has(61, "\x01\x02\x03\x04\x05\x06\x07", 7));
}

Test(dhcp_server, a_lease_for_ever)
{
    lease.lease_s = UINT32_MAX;
    discover_asking("\x3a\x3b", 2);
    cr_expect(has(51, "\xff\xff\xff\xff", 4));
    cr_expect(has(58, "\xff\xff\xff\xff", 4));
    cr_expect(has(59, "\xff\xff\xff\xff", 4));
}

/* 307 bytes of options: 53, 54 and 51 take 15, option 60 takes 242, so 60 more do not fit and 6 do. */
Test(dhcp_server, what_does_not_fit_is_left_out_and_the_next_tried)
{
    static char long_text[241], other[59];
    memset(long_text, 'x', 240);
    memset(other, 'y', 58);
    lease.opts.text[60] = long_text;
    lease.opts.text[17] = other;
    discover_asking("\x3c\x11\x01", 3);
    EXPECT_CODES(53, 54, 51, 60, 1);
    cr_expect_eq(reply.left_out, 1);

    request_begin(&frame, DF_DHCP_DISCOVER);
    request_option(&frame, 55, 3, "\x3c\x11\x01");
    request_option(&frame, 57, 2, "\x05\xdc");
    serve();
    EXPECT_CODES(53, 54, 51, 60, 17, 1);
    cr_expect_eq(reply.left_out, 0);
}
