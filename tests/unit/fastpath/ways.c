/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/cache/ways.h"

#include "tests/unit/fastpath/table_test.h"

#include <stdio.h>

/*
 * The shorter way of a walk. The guest, lport 11 on network 5 at port 1, sends by router 7 to the
 * peer, lport 12 on network 6 at port 2. Whether a walk took a way is told by its stamps: it finds what the tables have
 * without asking them, so an entry that is taken out behind the back of the stamps is still found.
 */

#define FAR_MAC "\x02\x00\x00\x00\x06\xfe"
#define PEER_MAC "\x02\x00\x00\x00\x06\x01"
#define PEER "10.0.6.1"

static struct df_ways ways;

static void l2_put(uint32_t network, const char *address, uint32_t lport, uint32_t router)
{
    struct df_l2_key key = {.network = network, .mac = mac(address)};
    struct df_l2_value value = {.lport = lport, .router = router};
    must_put(DF_TABLE_L2, &key, &value);
}

static void neighbour_put(const char *ip, uint32_t lport, const char *address)
{
    struct df_l3_proactive_key key = {.network = 6, .ip = ip4(ip)};
    struct df_l3_proactive_value value = {.lport = lport, .mac = mac(address)};
    must_put(DF_TABLE_L3_PROACTIVE, &key, &value);
}

static void route_put(uint32_t n_hops)
{
    uint8_t bytes[sizeof(struct df_l3_value) + 2 * sizeof(struct df_l3_hop)] = {0};
    struct df_l3_value *value = (void *)bytes;
    struct df_l3_key key = {.router = 7, .prefix_len = 120, .prefix = ip4("10.0.6.0")};
    value->n_hops = n_hops;
    for (uint32_t i = 0; i < n_hops; i++)
        value->hop[i] = (struct df_l3_hop){.network = 6, .lport = 30, .mac = mac(FAR_MAC), .kind = DF_ROUTE_CONNECTED};
    cr_assert_eq(put_len(DF_TABLE_L3, &key, sizeof(key), bytes, sizeof(*value) + n_hops * sizeof(value->hop[0])), 0);
}

static void local_put(uint32_t lport, uint16_t port)
{
    struct df_egress_key egress = {.lport = lport};
    struct df_egress_value local = {.kind = DF_EGRESS_LOCAL};
    struct df_dispatch_key dispatch = {.lport = lport};
    struct df_dispatch_value to = {.port = port};
    must_put(DF_TABLE_EGRESS, &egress, &local);
    must_put(DF_TABLE_DISPATCH, &dispatch, &to);
    groups_off(lport);
}

static void guest_on(uint32_t network)
{
    struct df_classification_key key = {.port = 1};
    struct df_classification_value value = {.lport = 11, .network = network};
    must_put(DF_TABLE_CLASSIFICATION, &key, &value);
}

static void setup(void)
{
    struct df_port_security_key key = {.lport = 11};
    struct df_port_security_value off = {.enabled = 0};
    tables_setup();
    cr_assert_eq(df_ways_init(&ways, 64), 0);
    guest_on(5);
    must_put(DF_TABLE_PORT_SECURITY, &key, &off);
    l2_put(5, TEST_ROUTER_MAC, 30, 7);
    route_put(1);
    neighbour_put(PEER, 12, PEER_MAC);
    local_put(11, 1);
    local_put(12, 2);
}

static void teardown(void)
{
    df_ways_fini(&ways);
    tables_teardown();
}

TestSuite(ways, .init = setup, .fini = teardown);

static void send_udp(const char *dst, unsigned sport, unsigned dport)
{
    frame_ethernet(&frame);
    frame_ip4(&frame, 17, "10.0.0.1", dst, 0);
    frame_udp(&frame, sport, dport, 4);
    memcpy(frame.byte, TEST_ROUTER_MAC, 6);
    memcpy(frame.byte + 6, TEST_GUEST_MAC, 6);
    frame_close(&frame);
    walk = (struct df_walk){
        .outputs = outputs, .outputs_max = sizeof(outputs) / sizeof(outputs[0]), .ways = &ways, .worker = 0};
    df_walk_frame(&walk, 1, frame.byte, frame.len);
    df_ways_add_stamps(&walk);
}

static void expect_delivered(uint16_t port, const char *to)
{
    struct df_mac mac_to = mac(to);
    cr_assert_eq(walk.verdict.kind, DF_VERDICT_OUTPUT, "%s", df_drop_name(walk.verdict.drop));
    cr_assert_eq(walk.verdict.n_outputs, 1);
    cr_assert_eq(outputs[0].port, port);
    cr_assert(df_mac_equal(&walk.packet.eth_dst, &mac_to));
    cr_assert_eq(walk.packet.ip_ttl, walk.parsed.ip_ttl - 1);
}

static unsigned n_ways(void)
{
    unsigned n = 0;
    for (uint32_t i = 1; i < ways.n; i++)
        n += ways.way[i].kept;
    return n;
}

/* The one way there is leads to another port from now on: who takes it goes astray. */
static void lead_astray(void)
{
    for (uint32_t i = 1; i < ways.n; i++)
        if (ways.way[i].kept)
            ways.way[i].out_port = 1;
}

static void expect_way_taken(bool taken)
{
    cr_assert_eq(walk.verdict.kind, DF_VERDICT_OUTPUT);
    cr_assert_eq(outputs[0].port, taken ? 1 : 2);
}

Test(ways, packets_with_other_ports_go_the_way_of_the_first)
{
    send_udp(PEER, 1000, 2000);
    expect_delivered(2, PEER_MAC);
    cr_assert_eq(n_ways(), 1);
    struct df_stamps first = walk.stamps;
    bool first_read_l4 = walk.read_l4;
    send_udp(PEER, 1001, 2001);
    expect_delivered(2, PEER_MAC);
    cr_assert_eq(walk.stamps.sum, first.sum);
    cr_assert_eq(walk.stamps.n, first.n, "it depends on all that the first one looked up");
    cr_assert_eq(walk.read_l4, first_read_l4);
    cr_assert_eq(n_ways(), 1);
    lead_astray();
    send_udp(PEER, 1002, 2002);
    expect_way_taken(true);
}

Test(ways, a_change_on_the_way_ends_it)
{
    send_udp(PEER, 1000, 2000);
    lead_astray();
    neighbour_put(PEER, 12, FAR_MAC);
    send_udp(PEER, 1000, 2000);
    expect_delivered(2, FAR_MAC);
}

Test(ways, a_change_elsewhere_does_not)
{
    send_udp(PEER, 1000, 2000);
    lead_astray();
    neighbour_put("10.0.6.9", 12, FAR_MAC);
    send_udp(PEER, 1000, 2000);
    expect_way_taken(true);
}

Test(ways, a_port_that_moved_to_another_network_has_another_way)
{
    send_udp(PEER, 1000, 2000);
    lead_astray();
    l2_put(9, TEST_ROUTER_MAC, 30, 7);
    guest_on(9);
    send_udp(PEER, 1000, 2000);
    expect_way_taken(false);
}

Test(ways, who_has_not_the_hops_left_walks)
{
    send_udp(PEER, 1000, 2000);
    lead_astray();
    frame.byte[frame.ip + 8] = 1;
    frame_checksum4(&frame);
    df_walk_frame(&walk, 1, frame.byte, frame.len);
    cr_assert_eq(walk.verdict.drop, DF_DROP_L3_TTL);
}

Test(ways, ways_that_ports_choose_are_not_kept)
{
    route_put(2);
    send_udp(PEER, 1000, 2000);
    expect_delivered(2, PEER_MAC);
    cr_assert(walk.read_l4);
    cr_assert_eq(n_ways(), 0);
}

Test(ways, what_a_service_may_want_walks)
{
    send_udp(PEER, 68, 67);
    cr_assert_eq(n_ways(), 0);
}

Test(ways, what_does_not_arrive_leaves_no_way)
{
    send_udp("10.0.6.77", 1000, 2000);
    cr_assert_eq(walk.verdict.drop, DF_DROP_L3_NO_NEIGHBOUR);
    cr_assert_eq(n_ways(), 0);
    cr_assert_not(walk.read_l4);
}

/* The guest's groups are on, and one rule lets it send whatever the rule says. */
static void guest_may_send(const struct df_security_group_rule *rule)
{
    uint8_t bytes[sizeof(struct df_conntrack_value) + sizeof(struct df_conntrack_group)] = {0};
    struct df_conntrack_value *value = (void *)bytes;
    struct df_conntrack_key key = {.lport = 11};
    *value = (struct df_conntrack_value){.enabled = 1, .port = 1, .domain = 5, .n_groups = 1};
    value->group[0].group = 8;
    cr_assert_eq(put_len(DF_TABLE_EGRESS_CONNTRACK, &key, sizeof(key), bytes, sizeof(bytes)), 0);
    uint8_t rules[sizeof(struct df_security_group_value) + sizeof(*rule)] = {0};
    struct df_security_group_key group = {.group = 8};
    *(struct df_security_group_value *)(void *)rules = (struct df_security_group_value){.stateful = 1, .n_rules = 1};
    memcpy(rules + sizeof(struct df_security_group_value), rule, sizeof(*rule));
    cr_assert_eq(put_len(DF_TABLE_EGRESS_SECURITY_GROUP, &group, sizeof(group), rules, sizeof(rules)), 0);
}

#define UDP_RULE .ip_version = 4, .ip_proto = 17
#define PORT_RULE(n) UDP_RULE, .l4 = DF_RULE_L4_PORTS, .first = (n), .last = (n)

static const struct df_ruling *ruling(void)
{
    return &ways.way[1].ruling[DF_TRACK_EGRESS];
}

Test(ways, judges_are_asked_on_the_way_too)
{
    guest_may_send(&(struct df_security_group_rule){.rule = 21, PORT_RULE(2000)});
    send_udp(PEER, 1000, 2000);
    expect_delivered(2, PEER_MAC);
    send_udp(PEER, 1000, 2001);
    cr_assert_eq(walk.verdict.drop, DF_DROP_SG_EGRESS);
    send_udp(PEER, 1000, 2000);
    expect_delivered(2, PEER_MAC);
    cr_assert_eq(n_ways(), 1);
}

Test(ways, a_ruling_is_remembered_for_what_it_was_about)
{
    guest_may_send(&(struct df_security_group_rule){.rule = 21, PORT_RULE(2000)});
    send_udp(PEER, 1000, 2000);
    cr_assert_eq(ruling()->rule, 0, "the first walk only finds the way");
    struct df_stamps first = walk.stamps;
    for (unsigned i = 0; i < 3; i++) {
        send_udp(PEER, 1000 + i, 2000);
        expect_delivered(2, PEER_MAC);
        cr_assert_eq(walk.rule[DF_TRACK_EGRESS], 21);
        cr_assert(walk.read_l4);
        cr_assert_eq(walk.stamps.sum, first.sum);
        cr_assert_eq(walk.stamps.n, first.n);
        cr_assert_eq(ruling()->rule, 21);
    }
    send_udp(PEER, 1000, 2001);
    cr_assert_eq(walk.verdict.drop, DF_DROP_SG_EGRESS);
}

Test(ways, a_ruling_goes_with_its_rule)
{
    guest_may_send(&(struct df_security_group_rule){.rule = 21, UDP_RULE});
    for (unsigned i = 0; i < 3; i++)
        send_udp(PEER, 1000, 2000);
    cr_assert_eq(ruling()->rule, 21);
    guest_may_send(&(struct df_security_group_rule){.rule = 22, PORT_RULE(9)});
    send_udp(PEER, 1000, 2000);
    cr_assert_eq(walk.verdict.drop, DF_DROP_SG_EGRESS);
    guest_may_send(&(struct df_security_group_rule){.rule = 23, UDP_RULE});
    send_udp(PEER, 1000, 2000);
    expect_delivered(2, PEER_MAC);
    cr_assert_eq(walk.rule[DF_TRACK_EGRESS], 23);
}

Test(ways, the_oldest_go_when_there_are_too_many)
{
    char address[16];
    for (unsigned i = 0; i < 200; i++) {
        snprintf(address, sizeof(address), "10.0.6.%u", 1 + i);
        neighbour_put(address, 12, PEER_MAC);
        send_udp(address, 1000, 2000);
        expect_delivered(2, PEER_MAC);
    }
    cr_assert_eq(n_ways(), 64);
    send_udp(PEER, 1000, 2000);
    expect_delivered(2, PEER_MAC);
    lead_astray();
    send_udp("10.0.6.200", 1000, 2000);
    expect_way_taken(true);
    send_udp("10.0.6.100", 1000, 2000);
    expect_way_taken(false);
}

Test(ways, a_trace_goes_through_every_table)
{
    send_udp(PEER, 1000, 2000);
    lead_astray();
    walk.ways = NULL;
    df_walk_frame(&walk, 1, frame.byte, frame.len);
    expect_way_taken(false);
}
