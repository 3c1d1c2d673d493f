/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "tests/unit/fastpath/table_test.h"

/* From the port to the network and out again: classification, L2, flood, egress, dispatch. */

#define BROADCAST "\xff\xff\xff\xff\xff\xff"

/* lport 10 + n is on datapath port n. */
static void attach(uint32_t n)
{
    struct df_egress_key egress = {.lport = 10 + n};
    struct df_egress_value local = {.kind = DF_EGRESS_LOCAL};
    struct df_dispatch_key dispatch = {.lport = 10 + n};
    struct df_dispatch_value out = {.port = (uint16_t)n, .vlan = 0};
    must_put(DF_TABLE_DISPATCH, &dispatch, &out);
    groups_off(10 + n);
    must_put(DF_TABLE_EGRESS, &egress, &local);
}

static void make_frame(const char *destination)
{
    frame_ethernet(&frame);
    memcpy(frame.byte, destination, 6);
    frame_ip4(&frame, 17, "10.0.0.1", "10.0.0.2", 0);
    frame_udp(&frame, 1, 2, 4);
    frame_close(&frame);
    walk_parse();
    walk.in_lport = 11;
    walk.network = 5;
}

/* ---- classification */

static void open_port(uint16_t vlan, uint32_t lport)
{
    struct df_classification_key key = {.port = 1, .vlan = vlan};
    struct df_classification_value value = {.lport = lport, .network = 5};
    must_put(DF_TABLE_CLASSIFICATION, &key, &value);
}

static void make_tagged(unsigned n, unsigned outer, unsigned inner)
{
    frame_ethernet(&frame);
    if (n > 0)
        frame_tag(&frame, 0x8100, outer);
    if (n > 1)
        frame_tag(&frame, 0x8100, inner);
    frame_ip4(&frame, 17, "10.0.0.1", "10.0.0.2", 0);
    frame_udp(&frame, 1, 2, 4);
    frame_close(&frame);
    walk_parse();
    walk.in_port = 1;
}

TestSuite(classification, .init = tables_setup, .fini = tables_teardown);

Test(classification, untagged)
{
    open_port(0, 11);
    make_tagged(0, 0, 0);
    expect_next(DF_TABLE_CLASSIFICATION, DF_TABLE_PORT_SECURITY);
    cr_assert_eq(walk.in_lport, 11);
    cr_assert_eq(walk.network, 5);
}

Test(classification, a_port_that_is_not_open)
{
    make_tagged(0, 0, 0);
    expect_drop(DF_TABLE_CLASSIFICATION, NO_LPORT);
    open_port(0, 11);
    make_tagged(0, 0, 0);
    walk.in_port = 2;
    expect_drop(DF_TABLE_CLASSIFICATION, NO_LPORT);
}

Test(classification, a_tag_leads_to_the_subport_and_is_gone)
{
    open_port(0, 11);
    open_port(100, 12);
    make_tagged(1, 0x6064, 0); /* priority 3, VID 100 */
    expect_next(DF_TABLE_CLASSIFICATION, DF_TABLE_PORT_SECURITY);
    cr_assert_eq(walk.in_lport, 12);
    cr_assert_eq(walk.packet.n_vlans, 0);
    cr_assert_eq(walk.packet.vlan[0], 0);
}

Test(classification, the_inner_tag_stays)
{
    open_port(100, 12);
    make_tagged(2, 100, 7);
    expect_next(DF_TABLE_CLASSIFICATION, DF_TABLE_PORT_SECURITY);
    cr_assert_eq(walk.packet.n_vlans, 1);
    cr_assert_eq(walk.packet.vlan[0], 7);
    cr_assert_eq(walk.packet.vlan[1], 0);
}

Test(classification, an_unknown_tag_is_not_the_parents)
{
    open_port(0, 11);
    open_port(100, 12);
    make_tagged(1, 101, 0);
    expect_drop(DF_TABLE_CLASSIFICATION, NO_LPORT);
    cr_assert_eq(walk.packet.n_vlans, 1);
}

Test(classification, a_priority_tag_counts_as_none)
{
    open_port(0, 11);
    make_tagged(1, 0xe000, 0);
    expect_next(DF_TABLE_CLASSIFICATION, DF_TABLE_PORT_SECURITY);
    cr_assert_eq(walk.in_lport, 11);
    cr_assert_eq(walk.packet.n_vlans, 0);
}

/* ---- L2 */

static void place(uint32_t lport, uint32_t router)
{
    struct df_l2_key key = {.network = 5, .mac = ROUTER_MAC};
    struct df_l2_value value = {.lport = lport, .router = router, .ip4 = ip4("10.0.0.254"), .ip6 = ip6("fe80::1")};
    must_put(DF_TABLE_L2, &key, &value);
}

TestSuite(l2, .init = tables_setup, .fini = tables_teardown);

Test(l2, unicast_to_a_port)
{
    place(12, 0);
    make_frame(TEST_ROUTER_MAC);
    expect_next(DF_TABLE_L2, DF_TABLE_EGRESS);
    cr_assert_eq(walk.out_lport, 12);
    cr_assert_eq(walk.router, 0);
}

Test(l2, unicast_to_a_router)
{
    struct df_ip wanted4 = ip4("10.0.0.254"), wanted6 = ip6("fe80::1");
    place(30, 7);
    make_frame(TEST_ROUTER_MAC);
    expect_next(DF_TABLE_L2, DF_TABLE_L3);
    cr_assert_eq(walk.router, 7);
    cr_assert(df_ip_equal(&walk.router_ip4, &wanted4));
    cr_assert(df_ip_equal(&walk.router_ip6, &wanted6));
}

Test(l2, the_port_it_came_from)
{
    place(11, 0);
    make_frame(TEST_ROUTER_MAC);
    expect_drop(DF_TABLE_L2, HAIRPIN);
}

Test(l2, unknown_and_group_destinations_are_flooded)
{
    place(12, 0);
    make_frame("\x02\x00\x00\x00\x00\x77");
    expect_next(DF_TABLE_L2, DF_TABLE_FLOOD);
    make_frame(TEST_ROUTER_MAC);
    walk.network = 6;
    expect_next(DF_TABLE_L2, DF_TABLE_FLOOD);
    make_frame(BROADCAST);
    expect_next(DF_TABLE_L2, DF_TABLE_FLOOD);
    make_frame("\x33\x33\x00\x00\x00\x01");
    expect_next(DF_TABLE_L2, DF_TABLE_FLOOD);
}

Test(l2, reserved_destinations)
{
    make_frame("\x01\x80\xc2\x00\x00\x00");
    expect_drop(DF_TABLE_L2, L2_RESERVED);
    make_frame("\x01\x80\xc2\x00\x00\x0f");
    expect_drop(DF_TABLE_L2, L2_RESERVED);
    make_frame("\x01\x80\xc2\x00\x00\x10");
    expect_next(DF_TABLE_L2, DF_TABLE_FLOOD);
}

/* ---- flood: lports 11, 12, 13 are on network 5; 13 takes unknown unicast */

static void join(uint32_t lport, uint32_t unknown)
{
    struct df_flood_key key = {.network = 5, .lport = lport};
    struct df_flood_value value = {.unknown = unknown};
    must_put(DF_TABLE_FLOOD, &key, &value);
}

static void leave(uint32_t lport)
{
    struct df_flood_key key = {.network = 5, .lport = lport};
    must_del(DF_TABLE_FLOOD, &key);
}

static void flood_setup(void)
{
    tables_setup();
    for (uint32_t n = 1; n <= 3; n++)
        attach(n);
    join(13, 1);
    join(11, 0);
    join(12, 0);
}

/* The ports that the frame went to, as bits. */
static unsigned flooded_to(const char *destination)
{
    unsigned ports = 0;
    make_frame(destination);
    cr_assert_eq(visit(DF_TABLE_FLOOD), DF_TABLE_END);
    cr_assert_eq(walk.verdict.kind, walk.verdict.n_outputs > 0 ? DF_VERDICT_OUTPUT : DF_VERDICT_DROP);
    for (unsigned i = 0; i < walk.verdict.n_outputs; i++) {
        cr_assert_not(ports & 1u << outputs[i].port, "twice to port %u", outputs[i].port);
        ports |= 1u << outputs[i].port;
    }
    return ports;
}

#define PORT(n) (1u << (n))
#define UNKNOWN "\x02\x00\x00\x00\x00\x77"

TestSuite(flood, .init = flood_setup, .fini = tables_teardown);

Test(flood, everybody_but_the_sender_hears_a_broadcast)
{
    cr_assert_eq(flooded_to(BROADCAST), PORT(2) | PORT(3));
    cr_assert_eq(walk.verdict.drop, DF_DROP_NONE);
    cr_assert(walk.uncacheable);
}

Test(flood, unknown_unicast_goes_to_those_who_take_it)
{
    cr_assert_eq(flooded_to(UNKNOWN), PORT(3));
    join(13, 0);
    cr_assert_eq(flooded_to(UNKNOWN), 0);
    cr_assert_eq(walk.verdict.drop, DF_DROP_L2_UNKNOWN);
}

Test(flood, members_come_and_go)
{
    leave(12);
    cr_assert_eq(flooded_to(BROADCAST), PORT(3));
    leave(13);
    cr_assert_eq(flooded_to(BROADCAST), 0);
    cr_assert_eq(walk.verdict.drop, DF_DROP_L2_NO_MEMBER);
    leave(11);
    cr_assert_eq(flooded_to(BROADCAST), 0);
    cr_assert_eq(walk.verdict.drop, DF_DROP_L2_NO_MEMBER);
    join(12, 0);
    cr_assert_eq(flooded_to(BROADCAST), PORT(2));
    struct df_flood_key missing = {.network = 5, .lport = 99};
    cr_assert_eq(del_len(DF_TABLE_FLOOD, &missing, sizeof(missing)), -ENOENT);
}

/* Port 3 is in no group: what it gets depends on ports, which a later fragment has not. Then no copy is made yet. */
Test(flood, a_later_fragment_waits_when_one_copy_needs_its_ports)
{
    struct df_conntrack_key key = {.lport = 13};
    struct df_conntrack_value no_group = {.enabled = 1};
    must_put(DF_TABLE_INGRESS_CONNTRACK, &key, &no_group);
    make_frame(BROADCAST);
    walk.packet.bits |= DF_PACKET_FRAGMENT | DF_PACKET_LATER_FRAGMENT;
    walk.packet.bits &= (uint16_t)~DF_PACKET_L4;
    cr_assert_eq(visit(DF_TABLE_FLOOD), DF_TABLE_END);
    cr_assert_eq(walk.verdict.kind, DF_VERDICT_HOLD);
    cr_assert_eq(walk.verdict.n_outputs, 0);
    cr_assert(walk.uncacheable);
    walk.packet.bits |= DF_PACKET_L4;
    cr_assert_eq(visit(DF_TABLE_FLOOD), DF_TABLE_END);
    cr_assert_eq(walk.verdict.kind, DF_VERDICT_OUTPUT);
    cr_assert_eq(walk.verdict.n_outputs, 1);
    cr_assert_eq(outputs[0].port, 2);
}

Test(flood, networks_are_apart)
{
    make_frame(BROADCAST);
    walk.network = 6;
    expect_drop(DF_TABLE_FLOOD, L2_NO_MEMBER);
}

Test(flood, a_change_is_seen_by_decisions_about_that_network)
{
    make_frame(BROADCAST);
    visit(DF_TABLE_FLOOD);
    uint32_t before = atomic_load(&df_stamp_array[walk.stamps.slot[0]].value);
    leave(12);
    cr_assert_eq(atomic_load(&df_stamp_array[walk.stamps.slot[0]].value), before + 1);
}

static void leave_unflushed(uint32_t lport)
{
    const struct df_table *table = df_table(DF_TABLE_FLOOD);
    struct df_flood_key key = {.network = 5, .lport = lport};
    struct df_entry entry = entry_of(DF_TABLE_FLOOD, &key, sizeof(key), NULL, 0);
    cr_assert_eq(table->ops->del(table->state, &entry), 0);
}

Test(flood, changes_are_published_together)
{
    leave_unflushed(12);
    leave_unflushed(13);
    cr_assert_eq(flooded_to(BROADCAST), PORT(2) | PORT(3));
    uint32_t changes = df_stamps_now();
    cr_assert_eq(flush(DF_TABLE_FLOOD), 0);
    cr_assert_eq(df_stamps_now(), changes + 1);
    cr_assert_eq(flooded_to(BROADCAST), 0);
}

Test(flood, a_copy_that_goes_nowhere_stops_no_other)
{
    struct df_egress_key no_path = {.lport = 12};
    must_del(DF_TABLE_EGRESS, &no_path);
    cr_assert_eq(flooded_to(BROADCAST), PORT(3));
    cr_assert_eq(walk.verdict.drop, DF_DROP_NONE);
    struct df_dispatch_key detached = {.lport = 13};
    must_del(DF_TABLE_DISPATCH, &detached);
    cr_assert_eq(flooded_to(BROADCAST), 0);
    cr_assert_eq(walk.verdict.drop, DF_DROP_EGRESS_DETACHED);
}

Test(flood, more_members_than_there_is_room_for_copies)
{
    for (uint32_t n = 4; n < 20; n++) {
        attach(n);
        join(10 + n, 0);
    }
    flooded_to(BROADCAST);
    cr_assert_eq(walk.verdict.kind, DF_VERDICT_OUTPUT);
    cr_assert_eq(walk.verdict.n_outputs, walk.outputs_max);
    cr_assert_eq(walk.verdict.drop, DF_DROP_NO_MBUF, "and the rest is counted");
}

Test(flood, a_large_network_is_no_loop)
{
    static struct df_output many[600];
    for (uint32_t n = 4; n <= 500; n++) {
        attach(n);
        join(10 + n, 0);
    }
    make_frame(BROADCAST);
    walk.outputs = many;
    walk.outputs_max = 600;
    cr_assert_eq(visit(DF_TABLE_FLOOD), DF_TABLE_END);
    cr_assert_eq(walk.verdict.n_outputs, 499);
    cr_assert_gt(walk.stamps.n, DF_STAMPS_MAX, "it read more than a decision remembers");
}

Test(flood, is_full_at_its_limit)
{
    struct df_flood_value value = {0};
    for (uint32_t lport = 100; lport < 100 + TABLE_TEST_MAX - 3; lport++)
        join(lport, 0);
    struct df_flood_key key = {.network = 77, .lport = 1};
    cr_assert_eq(try_put(DF_TABLE_FLOOD, &key, &value), -ENOSPC);
    cr_assert_eq(df_table(DF_TABLE_FLOOD)->ops->count(df_table(DF_TABLE_FLOOD)->state), TABLE_TEST_MAX);
    cr_assert_eq(flush(DF_TABLE_FLOOD), 0);
}

/* ---- flood to peers */

static void join_peer(void)
{
    struct df_flood_key key = {.network = 5, .peer = df_ip_from4(RTE_BE32(0xc0000209))};
    struct df_flood_value value = {.tunnel_type = DF_TUNNEL_VXLAN, .tunnel_key = 77};
    must_put(DF_TABLE_FLOOD, &key, &value);
}

Test(flood, a_copy_for_a_peer_that_is_lost_stands_beside_those_that_are_made)
{
    join_peer();
    make_frame(BROADCAST);
    cr_assert_eq(visit(DF_TABLE_FLOOD), DF_TABLE_END);
    cr_assert_eq(walk.verdict.kind, DF_VERDICT_OUTPUT);
    cr_assert_eq(walk.verdict.n_outputs, 3);
    cr_assert_eq(walk.verdict.n_lost, 1);
    cr_assert_eq(outputs[2].lost, DF_DROP_TUNNEL_UNREACHABLE, "local ports come first");
    cr_assert_eq(walk.verdict.drop, DF_DROP_NONE);
}

Test(flood, a_packet_whose_only_copy_is_lost_is_dropped_once)
{
    leave(12);
    leave(13);
    join_peer();
    make_frame(BROADCAST);
    expect_drop(DF_TABLE_FLOOD, TUNNEL_UNREACHABLE);
    cr_assert_eq(walk.verdict.n_outputs, 0);
}

Test(flood, what_came_by_a_tunnel_sees_no_peers)
{
    join_peer();
    make_frame(BROADCAST);
    walk.tunnel_type = DF_TUNNEL_GRE;
    walk.in_lport = 0;
    cr_assert_eq(visit(DF_TABLE_FLOOD), DF_TABLE_END);
    cr_assert_eq(walk.verdict.n_outputs, 3);
    cr_assert_eq(walk.verdict.n_lost, 0);
}

static void refuse(struct df_flood_key key, struct df_flood_value value)
{
    key.network = 5;
    cr_assert_eq(try_put(DF_TABLE_FLOOD, &key, &value), -EINVAL);
}

Test(flood, an_entry_is_a_port_or_a_peer_with_its_tunnel)
{
    struct df_ip ip = {.byte = {0x20, 1, [15] = 9}};
    refuse((struct df_flood_key){0}, (struct df_flood_value){0});
    refuse((struct df_flood_key){.lport = 1, .peer = ip}, (struct df_flood_value){.tunnel_type = DF_TUNNEL_GRE});
    refuse((struct df_flood_key){.lport = 1}, (struct df_flood_value){.tunnel_type = DF_TUNNEL_GRE});
    refuse((struct df_flood_key){.peer = ip}, (struct df_flood_value){0});
    refuse((struct df_flood_key){.peer = ip}, (struct df_flood_value){.tunnel_type = DF_TUNNEL_TYPES});
    refuse((struct df_flood_key){.peer = ip},
           (struct df_flood_value){.tunnel_type = DF_TUNNEL_VXLAN, .tunnel_key = 1u << 24});
}

/* ---- egress and dispatch */

TestSuite(egress, .init = tables_setup, .fini = tables_teardown);

Test(egress, a_local_port)
{
    attach(2);
    make_frame(TEST_ROUTER_MAC);
    walk.out_lport = 12;
    expect_next(DF_TABLE_EGRESS, DF_TABLE_INGRESS_CONNTRACK);
}

Test(egress, no_path)
{
    attach(2);
    make_frame(TEST_ROUTER_MAC);
    walk.out_lport = 13;
    expect_drop(DF_TABLE_EGRESS, EGRESS_NO_PATH);
}

Test(egress, a_kind_that_is_not_known_is_refused)
{
    struct df_egress_key key = {.lport = 12};
    struct df_egress_value value = {.kind = 99};
    cr_assert_eq(try_put(DF_TABLE_EGRESS, &key, &value), -EINVAL);
}

Test(egress, dispatch_delivers)
{
    struct df_dispatch_key key = {.lport = 12};
    struct df_dispatch_value value = {.port = 2, .vlan = 100};
    must_put(DF_TABLE_DISPATCH, &key, &value);
    make_frame(TEST_ROUTER_MAC);
    walk.out_lport = 12;
    cr_assert_eq(visit(DF_TABLE_DISPATCH), DF_TABLE_END);
    cr_assert_eq(walk.verdict.kind, DF_VERDICT_OUTPUT);
    cr_assert_eq(walk.verdict.n_outputs, 1);
    cr_assert_eq(outputs[0].port, 2);
    cr_assert_eq(outputs[0].vlan, 100);
}

Test(egress, detached)
{
    make_frame(TEST_ROUTER_MAC);
    walk.out_lport = 12;
    expect_drop(DF_TABLE_DISPATCH, EGRESS_DETACHED);
}
