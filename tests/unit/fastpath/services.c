/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/tables/services.h"

#include <errno.h>

#include "tests/unit/fastpath/table_test.h"

/* Services classification and the services' own tables: ARP, ND, DHCP. */

static const struct df_services_key for_arp = {.eth_type = 0x0806};
static const struct df_services_key for_ns = {.eth_type = 0x86dd, .ip_proto = 58, .l4_dst = 135};
static const struct df_services_key for_dhcp = {.eth_type = 0x0800, .ip_proto = 17, .l4_dst = 67};

static int try_service(const struct df_services_key *key, uint16_t table)
{
    struct df_services_value value = {.table = table};
    return try_put(DF_TABLE_SERVICES, key, &value);
}

#define service(key, table) cr_assert_eq(try_service(key, table), 0)

static void make_udp4(unsigned sport, unsigned dport)
{
    frame_ethernet(&frame);
    frame_ip4(&frame, 17, "10.0.0.1", "10.0.0.2", 0);
    frame_udp(&frame, sport, dport, 4);
    frame_close(&frame);
    walk_parse();
    walk.in_lport = 11;
    walk.network = 5;
}

static void make_arp(unsigned op, const char *spa, const char *tpa)
{
    frame_ethernet(&frame);
    memset(frame.byte, 0xff, 6);
    frame_arp(&frame, op, TEST_GUEST_MAC, spa, tpa);
    walk_parse();
    walk.in_lport = 11;
    walk.network = 5;
}

static void make_nd(unsigned type, const char *src, const char *target)
{
    frame_ethernet(&frame);
    frame_ip6(&frame, 58, 255, src, type == 135 ? "ff02::1:ff00:1" : "ff02::1");
    frame_nd(&frame, type, type == 135 ? 0 : 0x20, target);
    frame_close(&frame);
    walk_parse();
    walk.in_lport = 11;
    walk.network = 5;
}

static void make_icmp4(unsigned type)
{
    frame_ethernet(&frame);
    frame_ip4(&frame, 1, "10.0.0.1", "10.0.0.2", 0);
    frame_icmp(&frame, type, 0, 8);
    frame_close(&frame);
    walk_parse();
}

TestSuite(services, .init = tables_setup, .fini = tables_teardown);

Test(services, without_services_everything_goes_to_l2)
{
    make_udp4(68, 67);
    expect_next(DF_TABLE_SERVICES, DF_TABLE_L2);
    make_arp(1, "10.0.0.1", "10.0.0.2");
    expect_next(DF_TABLE_SERVICES, DF_TABLE_L2);
    make_icmp4(8);
    expect_next(DF_TABLE_SERVICES, DF_TABLE_L2);
}

Test(services, each_kind_goes_to_its_table)
{
    static const struct df_services_key for_echo = {.eth_type = 0x0800, .ip_proto = 1, .l4_dst = 8};
    service(&for_arp, DF_TABLE_ARP);
    service(&for_ns, DF_TABLE_ND);
    service(&for_dhcp, DF_TABLE_DHCP);
    service(&for_echo, DF_TABLE_DHCP);
    make_arp(1, "10.0.0.1", "10.0.0.2");
    expect_next(DF_TABLE_SERVICES, DF_TABLE_ARP);
    make_nd(135, "fe80::1", "2001:db8::1");
    expect_next(DF_TABLE_SERVICES, DF_TABLE_ND);
    make_nd(136, "fe80::1", "2001:db8::1");
    expect_next(DF_TABLE_SERVICES, DF_TABLE_L2);
    make_udp4(68, 67);
    expect_next(DF_TABLE_SERVICES, DF_TABLE_DHCP);
    make_udp4(68, 68);
    expect_next(DF_TABLE_SERVICES, DF_TABLE_L2);
    make_icmp4(8);
    expect_next(DF_TABLE_SERVICES, DF_TABLE_DHCP);
    make_icmp4(0);
    expect_next(DF_TABLE_SERVICES, DF_TABLE_L2);
}

Test(services, a_port_is_wanted_of_one_protocol_only)
{
    service(&for_dhcp, DF_TABLE_DHCP);
    frame_ethernet(&frame);
    frame_ip4(&frame, 6, "10.0.0.1", "10.0.0.2", 0);
    frame_tcp(&frame, 40000, 67);
    frame_close(&frame);
    walk_parse();
    expect_next(DF_TABLE_SERVICES, DF_TABLE_L2);
}

Test(services, a_later_fragment_has_no_port)
{
    service(&for_dhcp, DF_TABLE_DHCP);
    make_udp4(68, 67);
    walk.packet.bits &= (uint16_t)~DF_PACKET_L4;
    expect_next(DF_TABLE_SERVICES, DF_TABLE_L2);
    cr_assert_eq(walk.stamps.n, 0);
}

Test(services, an_unwanted_port_is_not_looked_up)
{
    service(&for_dhcp, DF_TABLE_DHCP);
    make_udp4(1000, 2000);
    expect_next(DF_TABLE_SERVICES, DF_TABLE_L2);
    cr_assert_eq(walk.stamps.n, 1, "the set of wanted ports alone");
    cr_assert_not(walk.read_l4);
    make_udp4(68, 67);
    expect_next(DF_TABLE_SERVICES, DF_TABLE_DHCP);
    cr_assert_eq(walk.stamps.n, 2);
    cr_assert_not(walk.read_l4, "a special packet has its ports in its key");
}

Test(services, a_new_wanted_port_changes_earlier_decisions)
{
    make_udp4(1000, 67);
    expect_next(DF_TABLE_SERVICES, DF_TABLE_L2);
    service(&for_dhcp, DF_TABLE_DHCP);
    cr_assert_neq(walk.stamps.sum, atomic_load(&df_stamp_array[walk.stamps.slot[0]].value));
}

Test(services, entries_that_lead_nowhere_are_refused)
{
    static const struct df_services_key zero;
    cr_assert_eq(try_service(&for_dhcp, 54), -EINVAL, "no such table");
    cr_assert_eq(try_service(&zero, DF_TABLE_DHCP), -EINVAL);
}

/* ---- the set of ports */

Test(services, wanted_ports)
{
    for (uint32_t port = 0; port < 65536; port++)
        cr_assert_not(df_services_wants_port((uint16_t)port), "%u", port);
    service(&for_dhcp, DF_TABLE_DHCP);
    for (uint32_t port = 0; port < 65536; port++)
        cr_assert_eq(df_services_wants_port((uint16_t)port), port == 67, "%u", port);
    must_del(DF_TABLE_SERVICES, &for_dhcp);
    for (uint32_t port = 0; port < 65536; port++)
        cr_assert_not(df_services_wants_port((uint16_t)port), "%u", port);
}

static bool is_in(uint32_t port, const uint16_t *ports, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (ports[i] == port)
            return true;
    return false;
}

Test(services, wanted_ports_that_collide_in_small_arrays)
{
    static const uint16_t ports[] = {0, 1, 2, 53, 67, 80, 547, 32768, 32769, 65535};
    for (unsigned i = 0; i < 10; i++) {
        struct df_services_key key = {.eth_type = 0x0800, .ip_proto = i % 2 ? 17 : 6, .l4_dst = ports[i]};
        service(&key, DF_TABLE_DHCP);
    }
    for (uint32_t port = 0; port < 65536; port++)
        cr_assert_eq(df_services_wants_port((uint16_t)port), is_in(port, ports, 10), "%u", port);
}

Test(services, an_icmp_type_is_no_wanted_port)
{
    service(&for_ns, DF_TABLE_ND);
    service(&for_arp, DF_TABLE_ARP);
    cr_assert_not(df_services_wants_port(135));
    cr_assert_not(df_services_wants_port(0));
}

Test(services, special_packets)
{
    service(&for_dhcp, DF_TABLE_DHCP);
    cr_assert(df_services_is_special(17, 9, 67));
    cr_assert(df_services_is_special(17, 67, 9));
    cr_assert(df_services_is_special(17, 547, 9));
    cr_assert(df_services_is_special(6, 9, 67));
    cr_assert(df_services_is_special(1, 0, 0));
    cr_assert(df_services_is_special(58, 0, 0));
    cr_assert_not(df_services_is_special(17, 9, 9));
    cr_assert_not(df_services_is_special(6, 67, 9));
    cr_assert_not(df_services_is_special(47, 67, 67));
    make_arp(1, "10.0.0.1", "10.0.0.2");
    cr_assert(df_packet_is_special(&walk.packet));
    make_udp4(68, 67);
    cr_assert(df_packet_is_special(&walk.packet));
    walk.packet.bits &= (uint16_t)~DF_PACKET_L4;
    cr_assert_not(df_packet_is_special(&walk.packet));
}

/* ---- ARP: 10.0.0.1 is the asking guest's, 10.0.0.2 another's */

static void owners(uint16_t table, struct df_ip own, struct df_ip others, uint16_t is_router)
{
    struct df_neighbour_key key = {.network = 5, .ip = own};
    struct df_neighbour_value value = {.lport = 11, .mac = GUEST_MAC};
    must_put(table, &key, &value);
    key.ip = others;
    value = (struct df_neighbour_value){.lport = 12, .mac = ROUTER_MAC, .is_router = is_router};
    must_put(table, &key, &value);
}

static void arp_setup(void)
{
    tables_setup();
    owners(DF_TABLE_ARP, ip4("10.0.0.1"), ip4("10.0.0.2"), 0);
}

TestSuite(arp, .init = arp_setup, .fini = tables_teardown);

Test(arp, a_request_for_a_known_address_is_answered)
{
    make_arp(1, "10.0.0.1", "10.0.0.2");
    expect_answer(DF_TABLE_ARP, ARP);
    struct df_mac wanted = ROUTER_MAC;
    cr_assert(df_mac_equal(&walk.verdict.answer_mac, &wanted));
    cr_assert(walk.uncacheable);
}

Test(arp, a_probe_for_anothers_address_is_answered)
{
    make_arp(1, "0.0.0.0", "10.0.0.2");
    expect_answer(DF_TABLE_ARP, ARP);
}

Test(arp, everything_else_goes_on)
{
    make_arp(1, "10.0.0.1", "10.0.0.3"); /* nobody's */
    expect_next(DF_TABLE_ARP, DF_TABLE_L2);
    make_arp(1, "0.0.0.0", "10.0.0.1"); /* a probe for the own address */
    expect_next(DF_TABLE_ARP, DF_TABLE_L2);
    make_arp(1, "10.0.0.9", "10.0.0.1");
    expect_next(DF_TABLE_ARP, DF_TABLE_L2);
    make_arp(1, "10.0.0.2", "10.0.0.2"); /* an announcement */
    expect_next(DF_TABLE_ARP, DF_TABLE_L2);
    make_arp(2, "10.0.0.1", "10.0.0.2"); /* a reply */
    expect_next(DF_TABLE_ARP, DF_TABLE_L2);
    make_arp(1, "10.0.0.1", "10.0.0.2");
    walk.network = 6;
    expect_next(DF_TABLE_ARP, DF_TABLE_L2);
    make_udp4(1, 2);
    expect_next(DF_TABLE_ARP, DF_TABLE_L2);
}

/* ---- ND */

static void nd_setup(void)
{
    tables_setup();
    owners(DF_TABLE_ND, ip6("2001:db8::1"), ip6("2001:db8::2"), 1);
}

TestSuite(nd, .init = nd_setup, .fini = tables_teardown);

Test(nd, a_solicitation_for_a_known_address_is_answered)
{
    make_nd(135, "2001:db8::1", "2001:db8::2");
    expect_answer(DF_TABLE_ND, ND);
    struct df_mac wanted = ROUTER_MAC;
    cr_assert(df_mac_equal(&walk.verdict.answer_mac, &wanted));
    cr_assert(walk.verdict.answer_is_router);
    cr_assert(walk.uncacheable);
    make_nd(135, "::", "2001:db8::2"); /* duplicate address detection */
    expect_answer(DF_TABLE_ND, ND);
}

Test(nd, a_host_is_no_router)
{
    owners(DF_TABLE_ND, ip6("2001:db8::1"), ip6("2001:db8::2"), 0);
    make_nd(135, "2001:db8::1", "2001:db8::2");
    expect_answer(DF_TABLE_ND, ND);
    cr_assert_not(walk.verdict.answer_is_router);
}

Test(nd, everything_else_goes_on)
{
    make_nd(135, "2001:db8::1", "2001:db8::3");
    expect_next(DF_TABLE_ND, DF_TABLE_L2);
    make_nd(135, "::", "2001:db8::1"); /* the own address */
    expect_next(DF_TABLE_ND, DF_TABLE_L2);
    make_nd(136, "2001:db8::1", "2001:db8::2");
    expect_next(DF_TABLE_ND, DF_TABLE_L2);
    make_nd(135, "2001:db8::1", "2001:db8::2");
    walk.network = 6;
    expect_next(DF_TABLE_ND, DF_TABLE_L2);
    make_udp4(1, 2);
    expect_next(DF_TABLE_ND, DF_TABLE_L2);
}

/* ---- DHCP */

TestSuite(dhcp, .init = tables_setup, .fini = tables_teardown);

Test(dhcp, a_served_port_is_punted_to_the_app)
{
    struct df_dhcp_key key = {.lport = 11, .ip_version = 4};
    struct df_dhcp_value value = {.app = 3};
    must_put(DF_TABLE_DHCP, &key, &value);
    make_udp4(68, 67);
    cr_assert_eq(visit(DF_TABLE_DHCP), DF_TABLE_END);
    cr_assert_eq(walk.verdict.kind, DF_VERDICT_PUNT);
    cr_assert_eq(walk.verdict.punt_app, 3);
    cr_assert(walk.uncacheable);
}

Test(dhcp, others_go_on)
{
    struct df_dhcp_key key = {.lport = 11, .ip_version = 6};
    struct df_dhcp_value value = {.app = 3};
    must_put(DF_TABLE_DHCP, &key, &value);
    make_udp4(68, 67); /* served IPv6 only */
    expect_next(DF_TABLE_DHCP, DF_TABLE_L2);
    walk.in_lport = 12;
    expect_next(DF_TABLE_DHCP, DF_TABLE_L2);
    make_arp(1, "10.0.0.1", "10.0.0.2");
    expect_next(DF_TABLE_DHCP, DF_TABLE_L2);
}
