/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "fastpath/lookup/route_table.h"
#include "tests/unit/fastpath/table_test.h"

/*
 * Router 7 has 10.0.0.254 and fe80::1 on network 5 (10.0.0.0/24, 2001:db8:5::/64), where the guest is, and routes to
 * network 6 (10.0.6.0/24, 2001:db8:6::/64).
 */

#define FAR_MAC "\x02\x00\x00\x00\x06\xfe" /* the router's on network 6 */
#define PEER_MAC "\x02\x00\x00\x00\x06\x01"

static int try_route(uint32_t router, struct df_ip prefix, uint32_t bits, const struct df_l3_hop *hops, uint32_t n)
{
    uint8_t bytes[sizeof(struct df_l3_value) + (DF_L3_HOPS_MAX + 1) * sizeof(*hops)] = {0};
    struct df_l3_value *value = (void *)bytes;
    struct df_l3_key key = {.router = router, .prefix_len = bits, .prefix = prefix};
    value->n_hops = n;
    if (n > 0)
        memcpy(value->hop, hops, n * sizeof(*hops));
    return put_len(DF_TABLE_L3, &key, sizeof(key), bytes, sizeof(*value) + n * sizeof(*hops));
}

static void route(struct df_ip prefix, uint32_t bits, struct df_l3_hop hop)
{
    cr_assert_eq(try_route(7, prefix, bits, &hop, 1), 0);
}

static void unroute(struct df_ip prefix, uint32_t bits)
{
    struct df_l3_key key = {.router = 7, .prefix_len = bits, .prefix = prefix};
    must_del(DF_TABLE_L3, &key);
}

static struct df_l3_hop connected(uint32_t network)
{
    return (struct df_l3_hop){.network = network, .lport = 30, .mac = mac(FAR_MAC), .kind = DF_ROUTE_CONNECTED};
}

static struct df_l3_hop via(const char *next)
{
    struct df_l3_hop hop = connected(6);
    hop.kind = DF_ROUTE_VIA;
    hop.ip = strchr(next, ':') ? ip6(next) : ip4(next);
    return hop;
}

static void setup(void)
{
    struct df_l3_hop own = {.network = 5, .kind = DF_ROUTE_LOCAL};
    tables_setup();
    route(ip4("10.0.0.0"), 120, connected(5));
    route(ip6("2001:db8:5::"), 64, connected(5));
    route(ip4("10.0.0.254"), 128, own);
    route(ip6("2001:db8:5::fe"), 128, own);
    route(ip6("fe80::1"), 128, own);
    route(ip4("10.0.6.0"), 120, connected(6));
    route(ip6("2001:db8:6::"), 64, connected(6));
}

static void at_router(void)
{
    walk_parse();
    walk.in_lport = 11;
    walk.network = 5;
    walk.router = 7;
    walk.router_ip4 = ip4("10.0.0.254");
    walk.router_ip6 = ip6("fe80::1");
}

static void make_ip4(unsigned proto, const char *src, const char *dst)
{
    frame_ethernet(&frame);
    frame_ip4(&frame, proto, src, dst, 0);
    if (proto == 6)
        frame_tcp(&frame, 40000, 443);
    else if (proto == 17)
        frame_udp(&frame, 40000, 443, 4);
    else
        frame_fill(&frame, 0, 20);
    frame_close(&frame);
    at_router();
}

static void make_to(const char *dst)
{
    make_ip4(6, "10.0.0.1", dst);
}

static void make_ip6(const char *src, const char *dst)
{
    frame_ethernet(&frame);
    frame_ip6(&frame, 6, 64, src, dst);
    frame_tcp(&frame, 40000, 443);
    frame_close(&frame);
    at_router();
}

static void make_icmp(const char *dst, unsigned type)
{
    bool six = strchr(dst, ':') != NULL;
    frame_ethernet(&frame);
    if (six)
        frame_ip6(&frame, 58, 64, "2001:db8:5::1", dst);
    else
        frame_ip4(&frame, 1, "10.0.0.1", dst, 0);
    frame_icmp(&frame, type, 0, 40);
    frame_close(&frame);
    at_router();
}

static bool is_ip(const struct df_ip *ip, struct df_ip wanted)
{
    return df_ip_equal(ip, &wanted);
}

static bool is_mac(const struct df_mac *got, struct df_mac wanted)
{
    return df_mac_equal(got, &wanted);
}

static void expect_error_(uint16_t table, unsigned type, unsigned code, enum df_drop reason, struct df_ip from,
                          int line)
{
    expect_answer_(table, DF_ANSWER_ICMP_ERROR, line);
    cr_assert_eq(walk.verdict.answer_type, type, "line %d: type %u", line, walk.verdict.answer_type);
    cr_assert_eq(walk.verdict.answer_code, code, "line %d: code %u", line, walk.verdict.answer_code);
    cr_assert_eq(walk.verdict.drop, reason, "line %d: %s", line, df_drop_name(walk.verdict.drop));
    cr_assert(is_ip(&walk.verdict.answer_ip, from), "line %d: another source", line);
}

#define expect_error4(table, type, code, reason)                                                                       \
    expect_error_(table, type, code, DF_DROP_##reason, ip4("10.0.0.254"), __LINE__)
#define expect_error6(table, type, code, reason)                                                                       \
    expect_error_(table, type, code, DF_DROP_##reason, ip6("fe80::1"), __LINE__)

TestSuite(l3, .init = setup, .fini = tables_teardown);

/* ---- forwarding */

Test(l3, a_connected_destination)
{
    make_to("10.0.6.9");
    expect_next(DF_TABLE_L3, DF_TABLE_L3_PROACTIVE);
    cr_assert_eq(walk.network, 6);
    cr_assert(is_ip(&walk.next_hop, ip4("10.0.6.9")));
    cr_assert(is_mac(&walk.packet.eth_src, mac(FAR_MAC)));
    cr_assert_eq(walk.packet.ip_ttl, 16);
    cr_assert_eq(walk.routed, 1);
    cr_assert_not(walk.read_l4);
    cr_assert_not(walk.uncacheable);
    cr_assert_eq(walk.stamps.n, 2, "a look-up records its router once, and the network whose MTU counts");
}

Test(l3, a_connected_destination_in_ip6)
{
    make_ip6("2001:db8:5::1", "2001:db8:6::9");
    expect_next(DF_TABLE_L3, DF_TABLE_L3_PROACTIVE);
    cr_assert_eq(walk.network, 6);
    cr_assert(is_ip(&walk.next_hop, ip6("2001:db8:6::9")));
    cr_assert_eq(walk.packet.ip_ttl, 63);
}

Test(l3, by_a_next_hop_and_the_longest_prefix)
{
    route(ip4("0.0.0.0"), 96, via("10.0.6.1"));
    route(ip4("192.0.2.0"), 120, via("10.0.6.2"));
    make_to("192.0.3.1");
    expect_next(DF_TABLE_L3, DF_TABLE_L3_PROACTIVE);
    cr_assert(is_ip(&walk.next_hop, ip4("10.0.6.1")));
    make_to("192.0.2.1");
    expect_next(DF_TABLE_L3, DF_TABLE_L3_PROACTIVE);
    cr_assert(is_ip(&walk.next_hop, ip4("10.0.6.2")));
    make_to("10.0.6.9");
    expect_next(DF_TABLE_L3, DF_TABLE_L3_PROACTIVE);
    cr_assert(is_ip(&walk.next_hop, ip4("10.0.6.9")), "what is connected is more specific");
}

Test(l3, routes_change_and_go)
{
    route(ip4("192.0.2.0"), 120, via("10.0.6.2"));
    route(ip4("192.0.2.0"), 120, via("10.0.6.3"));
    make_to("192.0.2.1");
    expect_next(DF_TABLE_L3, DF_TABLE_L3_PROACTIVE);
    cr_assert(is_ip(&walk.next_hop, ip4("10.0.6.3")));
    uint32_t before = atomic_load(&df_stamp_array[walk.stamps.slot[0]].value);
    unroute(ip4("192.0.2.0"), 120);
    cr_assert_eq(atomic_load(&df_stamp_array[walk.stamps.slot[0]].value), before + 1);
    make_to("192.0.2.1");
    expect_error4(DF_TABLE_L3, 3, 0, L3_NO_ROUTE);
    make_to("10.0.6.9");
    expect_next(DF_TABLE_L3, DF_TABLE_L3_PROACTIVE);
}

Test(l3, nothing_changes_before_the_flush)
{
    const struct df_table *table = df_table(DF_TABLE_L3);
    struct df_l3_key key = {.router = 7, .prefix_len = 120, .prefix = ip4("10.0.6.0")};
    struct df_entry entry = entry_of(DF_TABLE_L3, &key, sizeof(key), NULL, 0);
    cr_assert_eq(table->ops->del(table->state, &entry), 0);
    df_rcu_quiescent();
    make_to("10.0.6.9");
    expect_next(DF_TABLE_L3, DF_TABLE_L3_PROACTIVE);
    cr_assert_eq(flush(DF_TABLE_L3), 0);
    make_to("10.0.6.9");
    expect_error4(DF_TABLE_L3, 3, 0, L3_NO_ROUTE);
    cr_assert_eq(table->ops->del(table->state, &entry), -ENOENT);
}

/* A change of one router's routes costs nothing to decisions about another's. */
Test(l3, routers_are_apart)
{
    make_to("10.0.6.9");
    walk.router = 8;
    expect_error4(DF_TABLE_L3, 3, 0, L3_NO_ROUTE);
    uint16_t slot = walk.stamps.slot[0];
    uint32_t before = atomic_load(&df_stamp_array[slot].value);
    unroute(ip4("10.0.6.0"), 120);
    cr_assert_eq(atomic_load(&df_stamp_array[slot].value), before);
    struct df_l3_hop hop = connected(6);
    cr_assert_eq(try_route(8, ip4("10.0.6.0"), 120, &hop, 1), 0);
    cr_assert_eq(atomic_load(&df_stamp_array[slot].value), before + 1);
}

/* ---- several ways */

static unsigned ways_taken(unsigned proto, bool vary_ports)
{
    unsigned taken = 0;
    for (unsigned i = 0; i < 200; i++) {
        make_ip4(proto, "10.0.0.1", "192.0.2.1");
        if (vary_ports)
            walk.packet.l4_src = (uint16_t)(1000 + i);
        else
            walk.packet.ip_src.byte[15] = (uint8_t)(1 + i);
        cr_assert_eq(visit(DF_TABLE_L3), DF_TABLE_L3_PROACTIVE);
        taken |= 1u << walk.next_hop.byte[15];
    }
    return taken;
}

static void route_by_three(void)
{
    struct df_l3_hop hops[] = {via("10.0.6.1"), via("10.0.6.2"), via("10.0.6.3")};
    cr_assert_eq(try_route(7, ip4("192.0.2.0"), 120, hops, 3), 0);
}

Test(l3, several_ways_share_the_flows)
{
    route_by_three();
    cr_assert_eq(ways_taken(6, true), 1u << 1 | 1u << 2 | 1u << 3);
    cr_assert(walk.read_l4, "the choice depends on ports");
    cr_assert_eq(ways_taken(47, false), 1u << 1 | 1u << 2 | 1u << 3);
    cr_assert_not(walk.read_l4, "GRE has none");
}

Test(l3, a_flow_keeps_its_way)
{
    route_by_three();
    make_to("192.0.2.1");
    cr_assert_eq(visit(DF_TABLE_L3), DF_TABLE_L3_PROACTIVE);
    struct df_ip first = walk.next_hop;
    for (unsigned i = 0; i < 50; i++) {
        make_to("192.0.2.1");
        cr_assert_eq(visit(DF_TABLE_L3), DF_TABLE_L3_PROACTIVE);
        cr_assert(is_ip(&walk.next_hop, first));
    }
}

Test(l3, fragments_go_by_addresses_alone)
{
    route_by_three();
    struct df_ip first = {0};
    for (unsigned i = 0; i < 50; i++) {
        make_to("192.0.2.1");
        walk.packet.bits |= DF_PACKET_FRAGMENT;
        walk.packet.l4_src = (uint16_t)i;
        cr_assert_eq(visit(DF_TABLE_L3), DF_TABLE_L3_PROACTIVE);
        first = i == 0 ? walk.next_hop : first;
        cr_assert(is_ip(&walk.next_hop, first));
        cr_assert_not(walk.read_l4);
    }
}

/* ---- what is not forwarded */

Test(l3, not_ip)
{
    frame_ethernet(&frame);
    frame_arp(&frame, 1, TEST_GUEST_MAC, "10.0.0.1", "10.0.0.2");
    at_router();
    expect_drop(DF_TABLE_L3, L3_NOT_IP);
}

Test(l3, groups_and_link_local_addresses)
{
    route(ip4("0.0.0.0"), 96, via("10.0.6.1"));
    route(ip6("::"), 0, via("2001:db8:6::1"));
    static const char *const never4[] = {"224.0.0.1", "239.1.2.3", "255.255.255.255",
                                         "127.0.0.1", "0.0.0.0",   "169.254.169.254"};
    for (unsigned i = 0; i < 6; i++) {
        make_to(never4[i]);
        expect_drop(DF_TABLE_L3, L3_MULTICAST);
    }
    static const char *const never6[] = {"ff02::1", "ff0e::1", "::1", "::", "fe80::9", "febf::1"};
    for (unsigned i = 0; i < 6; i++) {
        make_ip6("2001:db8:5::1", never6[i]);
        expect_drop(DF_TABLE_L3, L3_MULTICAST);
    }
    make_ip4(6, "169.254.0.9", "10.0.6.9");
    expect_drop(DF_TABLE_L3, L3_MULTICAST);
    make_ip6("fe80::9", "2001:db8:6::9");
    expect_drop(DF_TABLE_L3, L3_MULTICAST);
    make_ip4(6, "0.0.0.0", "10.0.6.9");
    expect_drop(DF_TABLE_L3, BAD_IP_SOURCE);
}

Test(l3, no_route)
{
    make_to("192.0.2.1");
    expect_error4(DF_TABLE_L3, 3, 0, L3_NO_ROUTE);
    cr_assert_eq(walk.routed, 0);
    make_ip6("2001:db8:5::1", "2001:db8:7::1");
    expect_error6(DF_TABLE_L3, 1, 0, L3_NO_ROUTE);
}

Test(l3, the_default_route_of_ip6_is_none_for_ip4)
{
    route(ip6("::"), 0, via("2001:db8:6::1"));
    make_to("192.0.2.1");
    expect_error4(DF_TABLE_L3, 3, 0, L3_NO_ROUTE);
    make_ip6("2001:db8:5::1", "2001:db8:7::1");
    expect_next(DF_TABLE_L3, DF_TABLE_L3_PROACTIVE);
}

Test(l3, hops_run_out)
{
    make_to("10.0.6.9");
    walk.packet.ip_ttl = 1;
    expect_error4(DF_TABLE_L3, 11, 0, L3_TTL);
    cr_assert(walk.uncacheable, "packets of the flow with hops left go on");
    make_to("10.0.6.9");
    walk.packet.ip_ttl = 0;
    expect_error4(DF_TABLE_L3, 11, 0, L3_TTL);
    make_to("10.0.6.9");
    walk.packet.ip_ttl = 2;
    expect_next(DF_TABLE_L3, DF_TABLE_L3_PROACTIVE);
    make_ip6("2001:db8:5::1", "2001:db8:6::9");
    walk.packet.ip_ttl = 1;
    expect_error6(DF_TABLE_L3, 3, 0, L3_TTL);
}

/* ---- the router's own addresses */

Test(l3, echo_requests_to_the_router)
{
    make_icmp("10.0.0.254", 8);
    expect_answer(DF_TABLE_L3, ECHO);
    cr_assert_not(walk.read_l4, "ICMP has its type in the flow cache's key");
    make_icmp("10.0.0.254", 8);
    walk.packet.ip_ttl = 1;
    expect_answer(DF_TABLE_L3, ECHO);
    make_icmp("2001:db8:5::fe", 128);
    expect_answer(DF_TABLE_L3, ECHO);
    make_icmp("fe80::1", 128);
    expect_answer(DF_TABLE_L3, ECHO);
}

Test(l3, everything_else_to_the_router)
{
    make_to("10.0.0.254");
    expect_drop(DF_TABLE_L3, L3_TO_ROUTER);
    make_ip6("2001:db8:5::1", "2001:db8:5::fe");
    expect_drop(DF_TABLE_L3, L3_TO_ROUTER);
    make_icmp("10.0.0.254", 0);
    expect_drop(DF_TABLE_L3, L3_TO_ROUTER);
    make_icmp("2001:db8:5::fe", 129);
    expect_drop(DF_TABLE_L3, L3_TO_ROUTER);
    make_icmp("10.0.0.254", 8);
    walk.packet.bits |= DF_PACKET_FRAGMENT;
    expect_drop(DF_TABLE_L3, L3_TO_ROUTER);
    make_icmp("10.0.0.254", 8);
    walk.packet.ip_src = ip4("0.0.0.0");
    expect_drop(DF_TABLE_L3, L3_TO_ROUTER);
}

/* ---- when no error is due: RFC 1122 section 3.2.2, RFC 4443 section 2.4 e */

Test(l3, no_error_about_an_error)
{
    static const unsigned errors4[] = {3, 4, 5, 11, 12}, errors6[] = {1, 2, 3, 4, 100};
    for (unsigned i = 0; i < 5; i++) {
        make_icmp("192.0.2.1", errors4[i]);
        expect_drop(DF_TABLE_L3, L3_NO_ROUTE);
        make_icmp("2001:db8:7::1", errors6[i]);
        expect_drop(DF_TABLE_L3, L3_NO_ROUTE);
    }
    make_icmp("192.0.2.1", 8);
    expect_error4(DF_TABLE_L3, 3, 0, L3_NO_ROUTE);
    make_icmp("2001:db8:7::1", 128);
    expect_error6(DF_TABLE_L3, 1, 0, L3_NO_ROUTE);
}

Test(l3, no_error_about_later_fragments_and_groups)
{
    make_to("192.0.2.1");
    walk.packet.bits |= DF_PACKET_FRAGMENT | DF_PACKET_LATER_FRAGMENT;
    expect_drop(DF_TABLE_L3, L3_NO_ROUTE);
    make_to("192.0.2.1");
    memset(&walk.packet.eth_dst, 0xff, 6);
    expect_drop(DF_TABLE_L3, L3_NO_ROUTE);
    make_ip4(6, "240.0.0.1", "192.0.2.1");
    expect_drop(DF_TABLE_L3, L3_NO_ROUTE);
}

Test(l3, no_error_from_a_router_without_an_address_there)
{
    make_to("192.0.2.1");
    walk.router_ip4 = (struct df_ip){0};
    expect_drop(DF_TABLE_L3, L3_NO_ROUTE);
}

/* ---- bad entries, limits */

Test(l3, malformed_routes_are_refused)
{
    struct df_l3_hop hops[DF_L3_HOPS_MAX + 1];
    for (unsigned i = 0; i <= DF_L3_HOPS_MAX; i++)
        hops[i] = via("10.0.6.1");
    cr_assert_eq(try_route(7, ip4("192.0.2.1"), 120, hops, 1), -EINVAL, "bits behind the prefix");
    cr_assert_eq(try_route(7, ip6("::"), 129, hops, 1), -EINVAL);
    cr_assert_eq(try_route(7, ip4("192.0.2.0"), 120, hops, 0), -EINVAL, "no hop");
    cr_assert_eq(try_route(7, ip4("192.0.2.0"), 120, hops, DF_L3_HOPS_MAX + 1), -EINVAL);
    cr_assert_eq(try_route(7, ip4("192.0.2.0"), 120, hops, DF_L3_HOPS_MAX), 0);
    hops[0].kind = 9;
    cr_assert_eq(try_route(7, ip4("192.0.2.0"), 120, hops, 1), -EINVAL);
}

Test(l3, is_full_at_its_limit)
{
    struct df_l3_hop hop = via("10.0.6.1");
    uint32_t have = df_table(DF_TABLE_L3)->ops->count(df_table(DF_TABLE_L3)->state);
    for (uint32_t i = have; i < TABLE_TEST_MAX; i++)
        cr_assert_eq(try_route(9, df_ip_from4(htonl(0xc0000000u + i)), 128, &hop, 1), 0);
    cr_assert_eq(try_route(9, ip4("1.0.0.0"), 128, &hop, 1), -ENOSPC);
    cr_assert_eq(try_route(10, ip4("1.0.0.0"), 128, &hop, 1), -ENOSPC);
    cr_assert_eq(flush(DF_TABLE_L3), 0);
    make_to("10.0.6.9");
    expect_next(DF_TABLE_L3, DF_TABLE_L3_PROACTIVE);
}

/* ---- L3_PROACTIVE */

static void neighbour(const char *ip, uint32_t lport, uint32_t router)
{
    struct df_l3_proactive_key key = {.network = 6, .ip = strchr(ip, ':') ? ip6(ip) : ip4(ip)};
    struct df_l3_proactive_value value = {.lport = lport, .router = router, .mac = mac(PEER_MAC)};
    must_put(DF_TABLE_L3_PROACTIVE, &key, &value);
}

Test(l3, the_neighbour_gets_it)
{
    neighbour("10.0.6.9", 12, 0);
    make_to("10.0.6.9");
    expect_next(DF_TABLE_L3, DF_TABLE_L3_PROACTIVE);
    expect_next(DF_TABLE_L3_PROACTIVE, DF_TABLE_EGRESS);
    cr_assert_eq(walk.out_lport, 12);
    cr_assert(is_mac(&walk.packet.eth_dst, mac(PEER_MAC)));
    cr_assert(is_mac(&walk.packet.eth_src, mac(FAR_MAC)));
}

Test(l3, nobody_has_the_address)
{
    make_to("10.0.6.9");
    expect_next(DF_TABLE_L3, DF_TABLE_L3_PROACTIVE);
    expect_error4(DF_TABLE_L3_PROACTIVE, 3, 1, L3_NO_NEIGHBOUR);
    make_ip6("2001:db8:5::1", "2001:db8:6::9");
    expect_next(DF_TABLE_L3, DF_TABLE_L3_PROACTIVE);
    expect_error6(DF_TABLE_L3_PROACTIVE, 1, 3, L3_NO_NEIGHBOUR);
}

Test(l3, the_next_hop_is_another_router)
{
    route(ip4("192.0.2.0"), 120, via("10.0.6.1"));
    neighbour("10.0.6.1", 31, 8);
    make_to("192.0.2.1");
    expect_next(DF_TABLE_L3, DF_TABLE_L3_PROACTIVE);
    expect_next(DF_TABLE_L3_PROACTIVE, DF_TABLE_L3);
    cr_assert_eq(walk.router, 8);
    /* Router 8 has no route, and says so by the address it was reached at. */
    expect_error_(DF_TABLE_L3, 3, 0, DF_DROP_L3_NO_ROUTE, ip4("10.0.6.1"), __LINE__);
    cr_assert_eq(walk.routed, 1);
}

Test(l3, hops_run_out_at_the_second_router)
{
    route(ip4("192.0.2.0"), 120, via("10.0.6.1"));
    neighbour("10.0.6.1", 31, 8);
    make_to("192.0.2.1");
    walk.packet.ip_ttl = 2;
    df_walk_from(&walk, DF_TABLE_L3);
    cr_assert_eq(walk.verdict.kind, DF_VERDICT_ANSWER);
    cr_assert_eq(walk.verdict.drop, DF_DROP_L3_TTL);
    cr_assert(is_ip(&walk.verdict.answer_ip, ip4("10.0.6.1")));
}

/* Two routers that send a packet to each other: the steps end it, though its TTL would let it go on. */
Test(l3, a_loop_of_routers)
{
    struct df_l3_hop back = via("10.0.6.2");
    route(ip4("192.0.2.0"), 120, via("10.0.6.1"));
    cr_assert_eq(try_route(8, ip4("192.0.2.0"), 120, &back, 1), 0);
    neighbour("10.0.6.1", 31, 8);
    neighbour("10.0.6.2", 32, 7);
    make_to("192.0.2.1");
    walk.packet.ip_ttl = 255;
    df_walk_from(&walk, DF_TABLE_L3);
    cr_assert_eq(walk.verdict.kind, DF_VERDICT_DROP);
    cr_assert_eq(walk.verdict.drop, DF_DROP_LOOP);
}
