/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "fastpath/tables/services.h"
#include "tests/unit/fastpath/table_test.h"

/*
 * The guest of lport 11 may send from its MAC with 10.0.0.1 and 2001:db8::1, has the allowed address pairs
 * 10.0.9.0/24 (own MAC) and 10.0.0.200 with another MAC, as VRRP has.
 */

#define VRRP_MAC "\x00\x00\x5e\x00\x01\x07"
#define OTHER_MAC "\x02\x00\x00\x00\x00\x99"
#define OWN_LINK_LOCAL "fe80::ff:fe00:1"
#define TABLE DF_TABLE_PORT_SECURITY

static int put_pairs(uint32_t enabled, uint32_t said, const struct df_port_security_pair *pairs, uint32_t n)
{
    uint8_t bytes[1024] = {0};
    struct df_port_security_value *value = (void *)bytes;
    struct df_port_security_key key = {.lport = 11};
    value->enabled = enabled;
    value->n_pairs = said;
    if (n > 0)
        memcpy(value->pair, pairs, n * sizeof(*pairs));
    return put_len(TABLE, &key, sizeof(key), value, sizeof(*value) + n * sizeof(*pairs));
}

static void setup(void)
{
    tables_setup();
    const struct df_port_security_pair pairs[] = {
        {GUEST_MAC, 128, ip4("10.0.0.1")},
        {GUEST_MAC, 128, ip6("2001:db8::1")},
        {GUEST_MAC, 120, ip4("10.0.9.0")},
        {mac(VRRP_MAC), 128, ip4("10.0.0.200")},
    };
    cr_assert_eq(put_pairs(1, 4, pairs, 4), 0);
}

TestSuite(port_security, .init = setup, .fini = tables_teardown);

static void from_guest(void)
{
    walk_parse();
    walk.in_lport = 11;
}

static void make_ip4(const char *source_mac, const char *src)
{
    frame_ethernet(&frame);
    memcpy(frame.byte + 6, source_mac, 6);
    frame_ip4(&frame, 6, src, "10.0.0.2", 0);
    frame_tcp(&frame, 40000, 443);
    frame_close(&frame);
    from_guest();
}

static void make_udp4(const char *src, unsigned sport, unsigned dport)
{
    frame_ethernet(&frame);
    frame_ip4(&frame, 17, src, "255.255.255.255", 0);
    frame_udp(&frame, sport, dport, 4);
    frame_close(&frame);
    from_guest();
}

static void make_ip6(const char *src)
{
    frame_ethernet(&frame);
    frame_ip6(&frame, 6, 64, src, "2001:db8::2");
    frame_tcp(&frame, 40000, 443);
    frame_close(&frame);
    from_guest();
}

static void make_udp6(unsigned sport, unsigned dport)
{
    frame_ethernet(&frame);
    frame_ip6(&frame, 17, 64, OWN_LINK_LOCAL, "ff02::1:2");
    frame_udp(&frame, sport, dport, 4);
    frame_set16(&frame, frame.len - 6, 0xabcd); /* IPv6 has no UDP without a checksum */
    frame_close(&frame);
    from_guest();
}

/* payload: behind the first eight bytes of the message. */
static void make_icmp6_long(unsigned type, const char *src, unsigned payload)
{
    frame_ethernet(&frame);
    frame_ip6(&frame, 58, 255, src, "ff02::16");
    frame_icmp(&frame, type, 0, payload);
    frame_close(&frame);
    from_guest();
}

static void make_icmp6(unsigned type, const char *src)
{
    make_icmp6_long(type, src, 16);
}

static void make_nd(unsigned type, const char *src, const char *target, const char *lladdr)
{
    frame_ethernet(&frame);
    frame_ip6(&frame, 58, 255, src, type == 135 ? "ff02::1:ff00:1" : "ff02::1");
    frame_nd(&frame, type, type == 135 ? 0 : 0x20, target);
    if (lladdr != NULL)
        frame_lladdr(&frame, type == 135 ? 1 : 2, lladdr);
    frame_close(&frame);
    from_guest();
}

static void make_arp(unsigned op, const char *sha, const char *spa)
{
    frame_ethernet(&frame);
    frame_arp(&frame, op, sha, spa, "10.0.0.2");
    from_guest();
}

#define passes() expect_next(TABLE, DF_TABLE_EGRESS_CONNTRACK)

Test(port_security, a_port_that_is_not_programmed_sends_nothing)
{
    make_ip4(TEST_GUEST_MAC, "10.0.0.1");
    walk.in_lport = 12;
    expect_drop(TABLE, PORT_NOT_PROGRAMMED);
}

Test(port_security, switched_off_everything_passes)
{
    cr_assert_eq(put_pairs(0, 0, NULL, 0), 0);
    make_ip4(OTHER_MAC, "1.2.3.4");
    passes();
    make_udp4("1.2.3.4", 67, 68);
    passes();
    make_icmp6_long(134, "fe80::1234", 8);
    passes();
    make_arp(1, OTHER_MAC, "1.2.3.4");
    passes();
    frame_ethernet(&frame);
    frame_16(&frame, 0x88cc);
    frame_fill(&frame, 0, 46);
    from_guest();
    passes();
}

Test(port_security, macs)
{
    make_ip4(TEST_GUEST_MAC, "10.0.0.1");
    passes();
    make_ip4(OTHER_MAC, "10.0.0.1");
    expect_drop(TABLE, SPOOFED_MAC);
    make_ip4(VRRP_MAC, "10.0.0.200");
    passes();
}

Test(port_security, ip4_source_belongs_to_the_mac_it_comes_from)
{
    make_ip4(TEST_GUEST_MAC, "10.0.0.2");
    expect_drop(TABLE, SPOOFED_IPV4);
    make_ip4(TEST_GUEST_MAC, "10.0.0.200");
    expect_drop(TABLE, SPOOFED_IPV4);
    make_ip4(VRRP_MAC, "10.0.0.1");
    expect_drop(TABLE, SPOOFED_IPV4);
    make_ip4(TEST_GUEST_MAC, "0.0.0.0");
    expect_drop(TABLE, SPOOFED_IPV4);
}

Test(port_security, ip4_prefix_pairs)
{
    make_ip4(TEST_GUEST_MAC, "10.0.9.0");
    passes();
    make_ip4(TEST_GUEST_MAC, "10.0.9.255");
    passes();
    make_ip4(TEST_GUEST_MAC, "10.0.10.0");
    expect_drop(TABLE, SPOOFED_IPV4);
    make_ip4(VRRP_MAC, "10.0.9.1");
    expect_drop(TABLE, SPOOFED_IPV4);
}

Test(port_security, every_ip6_address_is_no_ip4_address)
{
    const struct df_port_security_pair any6 = {GUEST_MAC, 0, ip6("::")};
    cr_assert_eq(put_pairs(1, 1, &any6, 1), 0);
    make_ip6("2001:db8::77");
    passes();
    make_ip4(TEST_GUEST_MAC, "10.0.0.1");
    expect_drop(TABLE, SPOOFED_IPV4);
}

Test(port_security, every_ip4_address_is_no_ip6_address)
{
    const struct df_port_security_pair any4 = {GUEST_MAC, 96, ip4("0.0.0.0")};
    cr_assert_eq(put_pairs(1, 1, &any4, 1), 0);
    make_ip4(TEST_GUEST_MAC, "1.2.3.4");
    passes();
    make_ip6("2001:db8::1");
    expect_drop(TABLE, SPOOFED_IPV6);
}

Test(port_security, dhcp_client_without_an_address)
{
    make_udp4("0.0.0.0", 68, 67);
    passes();
    make_udp4("0.0.0.0", 69, 67);
    expect_drop(TABLE, SPOOFED_IPV4);
    make_udp4("0.0.0.0", 68, 69);
    expect_drop(TABLE, SPOOFED_IPV4);
    make_udp4("10.0.0.2", 68, 67);
    expect_drop(TABLE, SPOOFED_IPV4);
    make_udp4("0.0.0.0", 68, 67);
    memcpy(walk.packet.eth_src.byte, OTHER_MAC, 6);
    expect_drop(TABLE, SPOOFED_MAC);
}

Test(port_security, dhcp_servers)
{
    make_udp4("10.0.0.1", 67, 68);
    expect_drop(TABLE, ROGUE_DHCP);
    make_udp6(547, 546);
    expect_drop(TABLE, ROGUE_DHCP);
    make_udp6(546, 547);
    passes();
    make_udp4("10.0.0.1", 547, 546);
    passes();
    make_udp6(67, 68);
    passes();
}

Test(port_security, dhcp_relays)
{
    make_udp4("10.0.0.1", 67, 67);
    passes();
    make_udp4("10.0.0.1", 67, 9999);
    passes();
    make_udp4("1.2.3.4", 67, 67);
    expect_drop(TABLE, SPOOFED_IPV4);
    make_udp4("0.0.0.0", 67, 67);
    expect_drop(TABLE, SPOOFED_IPV4);
    make_udp6(547, 547);
    passes();
    make_udp6(547, 9999);
    passes();
}

/* What the flow cache keys by address pair must be decided without a look at ports. */
Test(port_security, reads_ports_of_special_packets_only)
{
    make_udp4("10.0.0.1", 67, 9999);
    cr_assert(df_packet_is_special(&walk.packet));
    make_udp4("0.0.0.0", 68, 67);
    cr_assert(df_packet_is_special(&walk.packet));
    make_udp6(547, 546);
    cr_assert(df_packet_is_special(&walk.packet));
    make_udp4("0.0.0.0", 68, 69);
    cr_assert_not(df_packet_is_special(&walk.packet));
    expect_drop(TABLE, SPOOFED_IPV4);
    cr_assert_not(walk.read_l4);
    cr_assert_not(walk.uncacheable);
}

Test(port_security, ip6_sources)
{
    make_ip6("2001:db8::1");
    passes();
    make_ip6("2001:db8::2");
    expect_drop(TABLE, SPOOFED_IPV6);
    make_ip6(OWN_LINK_LOCAL);
    passes();
    make_ip6("fe80::ff:fe00:2");
    expect_drop(TABLE, SPOOFED_IPV6);
    make_ip6("::");
    expect_drop(TABLE, SPOOFED_IPV6);
}

Test(port_security, the_unspecified_address_is_for_mld_and_dad)
{
    static const unsigned may[] = {131, 132, 143};
    for (unsigned i = 0; i < 3; i++) {
        make_icmp6(may[i], "::");
        passes();
    }
    make_icmp6(128, "::");
    expect_drop(TABLE, SPOOFED_IPV6);
    make_icmp6(130, "::");
    expect_drop(TABLE, SPOOFED_IPV6);
    make_nd(135, "::", "2001:db8::1", NULL);
    passes();
}

Test(port_security, routers)
{
    make_icmp6_long(134, OWN_LINK_LOCAL, 8);
    expect_drop(TABLE, ROGUE_RA);
    make_icmp6_long(137, OWN_LINK_LOCAL, 32);
    expect_drop(TABLE, ROGUE_RA);
    make_icmp6_long(133, OWN_LINK_LOCAL, 0);
    passes();
}

Test(port_security, solicitations)
{
    make_nd(135, "2001:db8::1", "2001:db8::2", TEST_GUEST_MAC);
    passes();
    cr_assert(walk.uncacheable, "the option is not in the flow cache's key");
    make_nd(135, "2001:db8::1", "2001:db8::2", NULL);
    passes();
    make_nd(135, "2001:db8::1", "2001:db8::2", OTHER_MAC);
    expect_drop(TABLE, SPOOFED_ND);
    make_nd(135, "2001:db8::2", "2001:db8::1", TEST_GUEST_MAC);
    expect_drop(TABLE, SPOOFED_IPV6);
}

Test(port_security, advertisements)
{
    make_nd(136, "2001:db8::1", "2001:db8::1", TEST_GUEST_MAC);
    passes();
    cr_assert(walk.uncacheable);
    make_nd(136, "2001:db8::1", OWN_LINK_LOCAL, TEST_GUEST_MAC);
    passes();
    make_nd(136, "2001:db8::1", "2001:db8::1", NULL);
    passes();
    make_nd(136, "2001:db8::1", "2001:db8::2", TEST_GUEST_MAC);
    expect_drop(TABLE, SPOOFED_ND);
    make_nd(136, "2001:db8::1", "2001:db8::1", OTHER_MAC);
    expect_drop(TABLE, SPOOFED_ND);
    make_nd(136, "2001:db8::1", "2001:db8::1", TEST_GUEST_MAC);
    walk.packet.bits &= (uint16_t)~DF_PACKET_ND;
    expect_drop(TABLE, SPOOFED_ND);
}

Test(port_security, arp)
{
    make_arp(1, TEST_GUEST_MAC, "10.0.0.1");
    passes();
    cr_assert(walk.uncacheable, "who sends is not in the flow cache's key");
    make_arp(2, TEST_GUEST_MAC, "10.0.9.7");
    passes();
    make_arp(1, TEST_GUEST_MAC, "0.0.0.0");
    passes();
    make_arp(2, TEST_GUEST_MAC, "0.0.0.0");
    expect_drop(TABLE, SPOOFED_ARP);
    make_arp(2, TEST_GUEST_MAC, "10.0.0.2");
    expect_drop(TABLE, SPOOFED_ARP);
    make_arp(1, TEST_GUEST_MAC, "10.0.0.200");
    expect_drop(TABLE, SPOOFED_ARP);
    make_arp(1, VRRP_MAC, "10.0.0.200"); /* a MAC of the port's, but not the frame's */
    expect_drop(TABLE, SPOOFED_ARP);
}

Test(port_security, other_protocols)
{
    static const unsigned types[] = {0x8035 /* RARP */, 0x88cc /* LLDP */, 0x8847 /* MPLS */};
    for (unsigned i = 0; i < 3; i++) {
        frame_ethernet(&frame);
        frame_16(&frame, types[i]);
        frame_fill(&frame, 0, 46);
        from_guest();
        expect_drop(TABLE, ETHERTYPE);
    }
}

Test(port_security, malformed_values_are_refused)
{
    struct df_port_security_pair pair = {GUEST_MAC, 128, ip4("10.0.0.1")};
    cr_assert_eq(put_pairs(1, 2, &pair, 1), -EINVAL, "more pairs said than there are");
    cr_assert_eq(put_pairs(1, 0, &pair, 1), -EINVAL);
    pair.prefix_len = 129;
    cr_assert_eq(put_pairs(1, 1, &pair, 1), -EINVAL);
}
