/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "fastpath/tables/security_group.h"
#include "fastpath/worker/tracks.h"
#include "tests/unit/fastpath/groups.h"

/* What goes past the groups, and how connections and rules judge a packet together. */

#define PEER "10.0.0.2"
#define PEER6 "2001:db8::2"
#define LINK_LOCAL "fe80::2"

/* ---- without connections: what always passes. The guest is in no group, so nothing else does. */

static void setup_alone(void)
{
    tables_setup();
    guest_in(0, NULL);
}

TestSuite(conntrack, .init = setup_alone, .fini = tables_teardown);

Test(conntrack, a_port_that_is_not_programmed_sends_and_gets_nothing)
{
    make_udp(OUT, PEER, 68, 67);
    walk.in_lport = GUEST + 1;
    expect_denied(OUT, SG_NOT_PROGRAMMED);
    make_udp(IN, PEER, 67, 68);
    walk.out_lport = GUEST + 1;
    expect_denied(IN, SG_NOT_PROGRAMMED);
}

Test(conntrack, switched_off_everything_passes)
{
    cr_assert_eq(conntrack_put(GUEST, 0, 0, 0, NULL), 0);
    make_tcp(OUT, PEER, 40000, 443, ACK);
    expect_pass(OUT);
    make_tcp(IN, PEER, 40000, 443, RST);
    expect_pass(IN);
    frame_ethernet(&frame);
    frame_16(&frame, 0x88cc);
    frame_fill(&frame, 0, 46);
    walk_ready(OUT);
    expect_pass(OUT);
    cr_assert_not(walk.read_l4);
}

Test(conntrack, arp_passes_and_other_protocols_do_not)
{
    frame_ethernet(&frame);
    frame_arp(&frame, 1, TEST_GUEST_MAC, GUEST4, PEER);
    walk_ready(OUT);
    expect_pass(OUT);
    walk_ready(IN);
    expect_pass(IN);
    frame_ethernet(&frame);
    frame_16(&frame, 0x88cc);
    frame_fill(&frame, 0, 46);
    walk_ready(OUT);
    expect_denied(OUT, SG_EGRESS);
    walk_ready(IN);
    expect_denied(IN, SG_INGRESS);
}

Test(conntrack, dhcp_clients_ask_and_are_answered)
{
    make_udp(OUT, PEER, 68, 67);
    expect_pass(OUT);
    make_udp(IN, PEER, 67, 68);
    expect_pass(IN);
    make_udp(OUT, PEER, 67, 68);
    expect_denied(OUT, SG_EGRESS);
    make_udp(IN, PEER, 68, 67);
    expect_denied(IN, SG_INGRESS);
    make_udp(OUT, PEER, 68, 68);
    expect_denied(OUT, SG_EGRESS);
    make_udp(OUT, PEER, 546, 547);
    expect_denied(OUT, SG_EGRESS);
    make_tcp(OUT, PEER, 68, 67, SYN);
    expect_denied(OUT, SG_EGRESS);
}

Test(conntrack, dhcp6_clients_ask_and_are_answered)
{
    make_udp(OUT, PEER6, 546, 547);
    expect_pass(OUT);
    cr_assert(walk.read_l4, "what goes to port 547 need not be special");
    make_udp(IN, PEER6, 547, 546);
    expect_pass(IN);
    make_udp(OUT, PEER6, 547, 546);
    expect_denied(OUT, SG_EGRESS);
    make_udp(IN, PEER6, 546, 547);
    expect_denied(IN, SG_INGRESS);
    make_udp(OUT, PEER6, 68, 67);
    expect_denied(OUT, SG_EGRESS);
}

static void make_nd_message(enum way way, unsigned type, const char *remote)
{
    frame_ethernet(&frame);
    frame_ip6(&frame, 58, 255, way == OUT ? GUEST6 : remote, way == OUT ? remote : GUEST6);
    frame.icmp6 = frame.len;
    frame_8(&frame, type);
    frame_fill(&frame, 0, type == 134 ? 15 : type == 133 ? 7 : 3);
    if (type == 135 || type == 136) {
        frame_fill(&frame, 0, 4);
        frame_bytes(&frame, ip6("2001:db8::77").byte, 16);
    }
    frame_shut(way);
}

Test(conntrack, neighbour_discovery_and_multicast_listeners_pass)
{
    static const unsigned both_ways[] = {130, 131, 132, 143};
    for (unsigned i = 0; i < 4; i++) {
        make_icmp(OUT, PEER6, both_ways[i], 0);
        expect_pass(OUT);
        make_icmp(IN, PEER6, both_ways[i], 0);
        expect_pass(IN);
    }
    for (unsigned type = 135; type <= 136; type++) {
        make_nd_message(OUT, type, PEER6);
        expect_pass(OUT);
        make_nd_message(IN, type, PEER6);
        expect_pass(IN);
    }
    make_icmp(OUT, PEER6, 128, 0);
    expect_denied(OUT, SG_EGRESS);
    make_icmp(IN, PEER6, 128, 0);
    expect_denied(IN, SG_INGRESS);
    make_icmp(IN, PEER6, 144, 0);
    expect_denied(IN, SG_INGRESS);
}

Test(conntrack, guests_solicit_and_routers_advertise)
{
    make_nd_message(OUT, 133, PEER6);
    expect_pass(OUT);
    make_nd_message(IN, 133, PEER6);
    expect_denied(IN, SG_INGRESS);
    make_nd_message(IN, 134, LINK_LOCAL);
    expect_pass(IN);
    make_nd_message(IN, 134, PEER6);
    expect_denied(IN, SG_INGRESS);
    make_nd_message(OUT, 134, PEER6);
    expect_denied(OUT, SG_EGRESS);
}

Test(conntrack, icmp6_types_mean_nothing_in_ip4)
{
    make_icmp(IN, PEER, 135, 0);
    expect_denied(IN, SG_INGRESS);
    make_proto(IN, PEER, 58);
    walk.packet.l4_dst = 135;
    expect_denied(IN, SG_INGRESS);
}

Test(conntrack, malformed_values_are_refused)
{
    cr_assert_eq(conntrack_put(GUEST, 1, 2, 1, (uint32_t[]){GROUP}), -EINVAL);
    cr_assert_eq(conntrack_put(GUEST, 1, 0, 1, (uint32_t[]){GROUP}), -EINVAL);
    static uint32_t groups[DF_CONNTRACK_GROUPS_MAX + 1];
    uint32_t n = DF_CONNTRACK_GROUPS_MAX;
    cr_assert_eq(conntrack_put(GUEST, 1, n, n, groups), 0);
    cr_assert_eq(conntrack_put(GUEST, 1, n + 1, n + 1, groups), -EINVAL);
    struct df_conntrack_key key = {.lport = GUEST};
    struct df_conntrack_value value = {.enabled = 1, .port = DF_CONN_PORTS};
    cr_assert_eq(try_put(DF_TABLE_EGRESS_CONNTRACK, &key, &value), -EINVAL);
    cr_assert_eq(try_put(DF_TABLE_INGRESS_CONNTRACK, &key, &value), -EINVAL);
}

/* ---- fragments */

/* offset in units of eight bytes. */
static void make_fragment(enum way way, unsigned proto, unsigned offset, bool more)
{
    frame_open(way, proto, PEER);
    frame_udp(&frame, 9, 53, 16);
    frame_set16(&frame, frame.ip + 6, offset | (more ? 0x2000 : 0));
    frame_shut(way);
}

Test(conntrack, later_fragments_wait_for_their_ports)
{
    for (unsigned way = OUT; way <= IN; way++) {
        make_fragment(way, 17, 3, false);
        cr_assert_eq(through(way), DF_TABLE_END);
        cr_assert_eq(walk.verdict.kind, DF_VERDICT_HOLD);
        make_fragment(way, 17, 0, true);
        expect_denied_(way, way == OUT ? DF_DROP_SG_EGRESS : DF_DROP_SG_INGRESS, __LINE__);
        cr_assert(walk.read_l4, "so that the first one is kept for the others");
    }
}

Test(conntrack, a_later_fragment_that_was_told_its_ports_is_judged_by_them)
{
    guest_in(1, (uint32_t[]){GROUP});
    only_rule(IN, GROUP, 1, PROTO4(17), TO_PORTS(53, 53));
    make_fragment(IN, 17, 3, false);
    walk.packet.bits |= DF_PACKET_L4;
    walk.packet.l4_dst = 53;
    expect_pass(IN);
    make_fragment(IN, 17, 3, false);
    walk.packet.bits |= DF_PACKET_L4;
    walk.packet.l4_dst = 54;
    expect_denied(IN, SG_INGRESS);
}

Test(conntrack, later_fragments_of_protocols_without_ports_do_not_wait)
{
    guest_in(1, (uint32_t[]){GROUP});
    only_rule(IN, GROUP, 1, PROTO4(47));
    make_fragment(IN, 47, 3, false);
    expect_pass(IN);
}

Test(conntrack, fragments_to_a_port_that_is_switched_off_do_not_wait)
{
    cr_assert_eq(conntrack_put(GUEST, 0, 0, 0, NULL), 0);
    make_fragment(IN, 17, 3, false);
    expect_pass(IN);
}

/* ---- with connections */

static void setup_tracked(void)
{
    const struct df_conns_config config = {
        .max = 1000, .max_per_port = 500, .n_workers = 1, .tcp_pick_up = false, .timeouts = df_conn_timeouts_default};
    tables_setup();
    cr_assert_eq(df_conns_init(&config), 0);
    guest_in(1, (uint32_t[]){GROUP});
}

static void teardown_tracked(void)
{
    df_tables_fini();
    df_rcu_barrier();
    df_conns_fini();
    df_rcu_unregister();
}

TestSuite(conntrack_tracked, .init = setup_tracked, .fini = teardown_tracked);

static void carry_out(void)
{
    walk.worker = 0;
    cr_assert(df_tracks_carry_out(&walk));
}

/* Passes, and is delivered. */
#define deliver(way)                                                                                                   \
    do {                                                                                                               \
        expect_pass(way);                                                                                              \
        carry_out();                                                                                                   \
    } while (0)

static uint32_t live(void)
{
    return df_conns_of_port(GUEST_PORT);
}

/* The guest asks PEER by UDP, and is answered: only the connection lets the answer in. */
static void converse(void)
{
    only_rule(OUT, GROUP, 1, PROTO4(17), TO_PORTS(53, 53));
    make_udp(OUT, PEER, 40000, 53);
    deliver(OUT);
    make_udp(IN, PEER, 53, 40000);
    deliver(IN);
}

Test(conntrack_tracked, what_begins_a_connection)
{
    only_rule(OUT, GROUP, 1, ANY4);
    make_udp(OUT, PEER, 40000, 53);
    expect_pass(OUT);
    cr_assert(walk.track[OUT].tracked && walk.track[OUT].begin);
    cr_assert_null(walk.track[OUT].conn);
    cr_assert_eq(walk.track[OUT].key.l4_dst, 53);
    cr_assert_eq(df_conn_zone_port(walk.track[OUT].key.zone), GUEST_PORT);
    cr_assert_not(walk.track[IN].tracked);
    cr_assert(walk.read_l4);
    cr_assert_eq(walk.rule[OUT], 100);
    cr_assert_eq(live(), 0, "deciding changes nothing");
}

Test(conntrack_tracked, an_answer_passes_by_its_connection)
{
    make_udp(IN, PEER, 53, 40000);
    expect_denied(IN, SG_INGRESS);
    cr_assert(walk.unless_conn && !walk.uncacheable, "a connection may come to be, and no stamp would tell");
    converse();
    cr_assert_eq(live(), 1);
    cr_assert(walk.track[IN].reply);
    cr_assert_not(walk.track[IN].begin);
    cr_assert_not(walk.uncacheable);
    cr_assert(walk.read_l4);
    cr_assert_eq(walk.rule[IN], 102, "the rule that let the question out");
    make_udp(IN, PEER, 53, 40001);
    expect_denied(IN, SG_INGRESS);
    make_udp(IN, "10.0.0.3", 53, 40000);
    expect_denied(IN, SG_INGRESS);
}

Test(conntrack_tracked, a_removed_rule_cuts_both_ways_and_comes_back)
{
    converse();
    only_rule(IN, GROUP, 1, PROTO4(6));
    only_rule(OUT, GROUP, 1, PROTO4(17), TO_PORTS(54, 54));
    make_udp(OUT, PEER, 40000, 53);
    expect_denied(OUT, SG_EGRESS);
    make_udp(IN, PEER, 53, 40000);
    expect_denied(IN, SG_INGRESS);
    only_rule(OUT, GROUP, 1, PROTO4(17), TO_PORTS(53, 53));
    make_udp(IN, PEER, 53, 40000);
    expect_pass(IN);
    cr_assert_not(walk.track[IN].begin, "the connection is still there");
    make_udp(OUT, PEER, 40000, 53);
    expect_pass(OUT);
    cr_assert_eq(live(), 1);
}

/* The other way's rules would let the packet begin, but it is part of a connection that is not allowed any more. */
Test(conntrack_tracked, the_original_direction_decides)
{
    converse();
    only_rule(IN, GROUP, 1, PROTO4(17), TO_PORTS(40001, 40001));
    rules_del(OUT, GROUP);
    make_udp(IN, PEER, 53, 40000);
    expect_denied(IN, SG_INGRESS);
    cr_assert(walk.uncacheable);
    make_udp(IN, PEER, 53, 40001);
    expect_pass(IN);
    cr_assert(walk.track[IN].begin);
}

Test(conntrack_tracked, where_it_is_denied_the_other_end_may_begin_another_in_its_place)
{
    converse();
    only_rule(IN, GROUP, 1, ANY4);
    make_udp(IN, PEER, 53, 40000);
    expect_pass(IN);
    cr_assert_not(walk.track[IN].begin, "it is allowed, and this an answer");
    rules_del(OUT, GROUP);
    make_udp(IN, PEER, 53, 40000);
    expect_pass(IN);
    cr_assert(walk.track[IN].begin && walk.track[IN].conn != NULL);
    cr_assert_eq(walk.rule[IN], 100);
}

Test(conntrack_tracked, what_came_in_is_answered_by_the_rules_for_what_comes_in)
{
    only_rule(IN, GROUP, 1, PROTO4(17), TO_PORTS(53, 53), IN_PREFIX(ip4(PEER), 128));
    make_udp(IN, PEER, 40000, 53);
    deliver(IN);
    make_udp(OUT, PEER, 53, 40000);
    deliver(OUT);
    cr_assert(walk.track[OUT].reply);
    cr_assert_eq(walk.rule[OUT], 102);
    make_udp(OUT, PEER, 53, 40001);
    expect_denied(OUT, SG_EGRESS);
    only_rule(IN, GROUP, 1, PROTO4(17), TO_PORTS(53, 53), IN_PREFIX(ip4("10.0.0.3"), 128));
    make_udp(OUT, PEER, 53, 40000);
    expect_denied(OUT, SG_EGRESS);
    make_udp(IN, PEER, 40000, 53);
    expect_denied(IN, SG_INGRESS);
}

Test(conntrack_tracked, a_member_that_leaves_is_cut_and_others_are_not)
{
    only_rule(IN, GROUP, 1, ANY4, IN_SET(7));
    member_put(7, ip4(PEER), 128);
    member_put(7, ip4("10.0.0.3"), 128);
    make_udp(IN, PEER, 40000, 53);
    deliver(IN);
    make_udp(IN, "10.0.0.3", 40000, 53);
    deliver(IN);
    member_del(7, ip4(PEER), 128);
    make_udp(OUT, PEER, 53, 40000);
    expect_denied(OUT, SG_EGRESS);
    make_udp(OUT, "10.0.0.3", 53, 40000);
    expect_pass(OUT);
}

/* ---- TCP */

static void handshake(void)
{
    only_rule(OUT, GROUP, 1, PROTO4(6));
    make_tcp(OUT, PEER, 40000, 80, SYN);
    deliver(OUT);
    make_tcp(IN, PEER, 80, 40000, SYN | ACK);
    deliver(IN);
    make_tcp(OUT, PEER, 40000, 80, ACK);
    deliver(OUT);
}

Test(conntrack_tracked, tcp_begins_with_a_syn)
{
    only_rule(OUT, GROUP, 1, PROTO4(6));
    make_tcp(OUT, PEER, 40000, 80, ACK);
    expect_denied(OUT, CONN_INVALID);
    cr_assert(walk.unless_conn && !walk.uncacheable);
    make_tcp(OUT, PEER, 40000, 80, SYN | ACK);
    expect_denied(OUT, CONN_INVALID);
    make_tcp(OUT, PEER, 40000, 80, RST);
    expect_denied(OUT, CONN_INVALID);
    handshake();
    make_tcp(IN, PEER, 80, 40000, ACK);
    expect_pass(IN);
}

Test(conntrack_tracked, a_reset_outside_the_window)
{
    handshake();
    make_tcp(IN, PEER, 80, 40000, RST);
    walk.packet.tcp.seq = 0x40000000;
    expect_denied(IN, CONN_RST_WINDOW);
    cr_assert(walk.uncacheable);
}

Test(conntrack_tracked, a_syn_the_other_way_in_a_connection_that_is_allowed)
{
    handshake();
    only_rule(IN, GROUP, 1, PROTO4(6));
    make_tcp(IN, PEER, 80, 40000, SYN);
    expect_denied(IN, CONN_INVALID);
}

Test(conntrack_tracked, a_syn_begins_anew_where_the_connection_is_not_allowed_any_more)
{
    handshake();
    only_rule(IN, GROUP, 1, PROTO4(6));
    rules_del(OUT, GROUP);
    make_tcp(IN, PEER, 80, 40000, ACK);
    expect_denied(IN, SG_INGRESS);
    make_tcp(IN, PEER, 80, 40000, SYN);
    expect_pass(IN);
    cr_assert(walk.track[IN].begin);
    cr_assert_not_null(walk.track[IN].conn, "which it takes the place of");
    carry_out();
    cr_assert_eq(live(), 1);
    make_tcp(OUT, PEER, 40000, 80, SYN | ACK);
    expect_pass(OUT);
    cr_assert(walk.track[OUT].reply);
}

Test(conntrack_tracked, a_syn_that_no_rule_allows_begins_nothing)
{
    handshake();
    rules_del(OUT, GROUP);
    make_tcp(IN, PEER, 80, 40000, SYN);
    expect_denied(IN, SG_INGRESS);
    make_tcp(OUT, PEER, 40000, 80, SYN);
    expect_denied(OUT, SG_EGRESS);
}

Test(conntrack_tracked, a_syn_on_a_closed_tuple_is_judged_in_its_own_direction)
{
    handshake();
    make_tcp(OUT, PEER, 40000, 80, RST | ACK);
    deliver(OUT);
    make_tcp(IN, PEER, 80, 40000, SYN);
    expect_denied(IN, SG_INGRESS);
    make_tcp(OUT, PEER, 40000, 80, SYN);
    expect_pass(OUT);
    cr_assert(walk.track[OUT].begin);
    cr_assert_not_null(walk.track[OUT].conn);
    only_rule(IN, GROUP, 1, PROTO4(6));
    make_tcp(IN, PEER, 80, 40000, SYN);
    expect_pass(IN);
    cr_assert(walk.track[IN].begin);
}

/* ---- ICMP */

Test(conntrack_tracked, an_echo_is_answered_by_its_rule)
{
    only_rule(OUT, GROUP, 1, PROTO4(1), OF_CODE(8, 0));
    make_icmp(IN, PEER, 0, 0);
    expect_denied(IN, CONN_INVALID);
    make_icmp(OUT, PEER, 8, 0);
    deliver(OUT);
    make_icmp(IN, PEER, 0, 0);
    expect_pass(IN);
    cr_assert_not(walk.uncacheable, "the identifier of an echo is in the flow cache's key");
    only_rule(OUT, GROUP, 1, PROTO4(1), OF_TYPE(0));
    make_icmp(IN, PEER, 0, 0);
    expect_denied(IN, SG_INGRESS);
}

Test(conntrack_tracked, an_echo6_is_answered_by_its_rule)
{
    only_rule(OUT, GROUP, 1, PROTO6(58), OF_TYPE(128));
    make_icmp(OUT, PEER6, 128, 0);
    deliver(OUT);
    make_icmp(IN, PEER6, 129, 0);
    expect_pass(IN);
    make_icmp(IN, "2001:db8::3", 129, 0);
    expect_denied(IN, CONN_INVALID);
}

Test(conntrack_tracked, other_questions_are_answered_by_the_rule_for_their_type)
{
    only_rule(OUT, GROUP, 1, PROTO4(1), OF_TYPE(13));
    make_icmp(OUT, PEER, 13, 0);
    deliver(OUT);
    make_icmp(IN, PEER, 14, 0);
    expect_pass(IN);
    only_rule(OUT, GROUP, 1, PROTO4(1), OF_TYPE(8));
    make_icmp(IN, PEER, 14, 0);
    expect_denied(IN, SG_INGRESS);
}

/* A destination unreachable about a UDP packet, from a router on the way. */
static void make_error(enum way way, const char *from, const char *to, const char *src, unsigned sport, const char *dst,
                       unsigned dport)
{
    static struct test_frame quoted;
    frame_ethernet(&quoted);
    frame_ip4(&quoted, 17, src, dst, 0);
    frame_udp(&quoted, sport, dport, 4);
    frame_close(&quoted);
    frame_ethernet(&frame);
    frame_ip4(&frame, 1, from, to, 0);
    frame_bytes(&frame, "\x03\x01\x00\x00\x00\x00\x00\x00", 8);
    frame_bytes(&frame, quoted.byte + quoted.ip, quoted.len - quoted.ip);
    frame_set16(&frame, frame.l4 + 2, plain_checksum(frame.byte + frame.l4, frame.len - frame.l4));
    frame_shut(way);
    cr_assert(walk.packet.bits & DF_PACKET_ICMP_ERROR);
}

#define ROUTER "10.0.0.254"

Test(conntrack_tracked, an_error_about_what_the_guest_sent)
{
    converse();
    make_error(IN, ROUTER, GUEST4, GUEST4, 40000, PEER, 53);
    expect_pass(IN);
    cr_assert(walk.track[IN].related && walk.track[IN].tracked);
    cr_assert_not(walk.track[IN].begin);
    cr_assert(walk.uncacheable, "what it quotes is not in the flow cache's key");
    rules_del(OUT, GROUP);
    make_error(IN, ROUTER, GUEST4, GUEST4, 40000, PEER, 53);
    expect_denied(IN, SG_INGRESS);
}

Test(conntrack_tracked, an_error_about_what_the_guest_got)
{
    only_rule(IN, GROUP, 1, PROTO4(17), TO_PORTS(53, 53));
    make_udp(IN, PEER, 40000, 53);
    deliver(IN);
    make_error(OUT, GUEST4, PEER, PEER, 40000, GUEST4, 53);
    expect_pass(OUT);
    cr_assert(walk.track[OUT].related);
    rules_del(IN, GROUP);
    make_error(OUT, GUEST4, PEER, PEER, 40000, GUEST4, 53);
    expect_denied(OUT, SG_EGRESS);
}

Test(conntrack_tracked, errors_about_nothing)
{
    converse();
    only_rule(IN, GROUP, 1, PROTO4(1));
    only_rule(OUT, GROUP, 1, ANY4);
    make_error(IN, ROUTER, GUEST4, GUEST4, 40001, PEER, 53);
    expect_denied(IN, CONN_UNRELATED);
    cr_assert(walk.uncacheable);
    make_error(IN, ROUTER, "10.0.0.9", GUEST4, 40000, PEER, 53); /* goes to somebody else than who sent it */
    expect_denied(IN, CONN_UNRELATED);
    make_error(OUT, GUEST4, "10.0.0.9", PEER, 53, GUEST4, 40000);
    expect_denied(OUT, CONN_UNRELATED);
}

/* ---- stateless groups */

Test(conntrack_tracked, a_stateless_group_matches_each_packet)
{
    only_rule(OUT, GROUP, 0, PROTO4(6));
    make_tcp(OUT, PEER, 40000, 80, ACK);
    expect_pass(OUT);
    cr_assert_not(walk.track[OUT].tracked);
    cr_assert_not(walk.uncacheable, "no connection can make a difference");
    cr_assert_not(walk.read_l4);
    cr_assert_eq(walk.rule[OUT], 102);
    make_tcp(OUT, PEER, 40000, 80, RST);
    expect_pass(OUT);
    make_tcp(OUT, PEER, 40000, 80, SYN);
    deliver(OUT);
    cr_assert_eq(live(), 0);
    only_rule(IN, GROUP, 0, PROTO4(17));
    make_tcp(IN, PEER, 80, 40000, SYN | ACK);
    expect_denied(IN, SG_INGRESS);
    cr_assert_not(walk.uncacheable);
    only_rule(IN, GROUP, 0, PROTO4(1));
    make_error(IN, ROUTER, GUEST4, GUEST4, 40001, PEER, 53);
    expect_pass(IN);
}

Test(conntrack_tracked, what_a_stateless_group_allows_depends_on_the_set_that_decided)
{
    struct df_security_group_rule rules[30];
    for (uint32_t i = 0; i < 30; i++)
        rules[i] = (struct df_security_group_rule){
            .rule = 1 + i, .ip_version = 4, .ip_proto = 6, TO_PORTS(80, 80), IN_SET(1 + i)};
    rules_put(OUT, GROUP, 0, 30, rules);
    member_put(30, ip4(PEER), 128);
    make_tcp(OUT, PEER, 40000, 80, ACK);
    expect_pass(OUT);
    cr_assert_eq(walk.rule[OUT], 30);
    cr_assert_leq(walk.stamps.n, 8, "%u stamps", walk.stamps.n);
    struct df_stamps before = walk.stamps;
    member_put(2, ip4("10.9.9.9"), 128);
    cr_assert(holds(&before));
    member_del(30, ip4(PEER), 128);
    cr_assert_not(holds(&before));
}

Test(conntrack_tracked, stateful_groups_are_asked_first)
{
    guest_in(2, (uint32_t[]){OTHER_GROUP, GROUP});
    only_rule(OUT, OTHER_GROUP, 0, .rule = 7, .ip_version = 4, .any_proto = 1);
    only_rule(OUT, GROUP, 1, PROTO4(6));
    make_tcp(OUT, PEER, 40000, 80, SYN);
    expect_pass(OUT);
    cr_assert_eq(walk.rule[OUT], 102);
    cr_assert(walk.track[OUT].tracked && walk.track[OUT].begin);
    make_tcp(OUT, PEER, 40000, 80, ACK);
    expect_pass(OUT);
    cr_assert_eq(walk.rule[OUT], 7, "what fits no connection");
    cr_assert_not(walk.track[OUT].tracked);
    cr_assert(walk.uncacheable, "until there is one");
    make_udp(OUT, PEER, 40000, 53);
    expect_pass(OUT);
    cr_assert_eq(walk.rule[OUT], 7);
    cr_assert_not(walk.track[OUT].tracked);
    cr_assert(walk.uncacheable);
}

/* A stateless group's rules know no answers. */
Test(conntrack_tracked, a_connection_is_nothing_to_a_stateless_group)
{
    converse();
    only_rule(OUT, GROUP, 0, PROTO4(17), TO_PORTS(53, 53));
    make_udp(OUT, PEER, 40000, 53);
    expect_pass(OUT);
    cr_assert_not(walk.track[OUT].tracked);
    only_rule(IN, GROUP, 0, PROTO4(17), TO_PORTS(53, 53));
    make_udp(IN, PEER, 53, 40000);
    expect_denied(IN, SG_INGRESS);
}

/* ---- groups of receivers */

Test(conntrack_tracked, broadcast_and_multicast_are_not_tracked)
{
    only_rule(OUT, GROUP, 1, PROTO4(17));
    make_udp(OUT, "255.255.255.255", 40000, 53);
    expect_pass(OUT);
    cr_assert_not(walk.track[OUT].tracked);
    cr_assert_not(walk.uncacheable);
    make_udp(OUT, "224.0.0.251", 5353, 5353);
    expect_pass(OUT);
    cr_assert_not(walk.track[OUT].tracked);
    make_udp(OUT, PEER, 40000, 53);
    walk.packet.eth_dst = mac("\xff\xff\xff\xff\xff\xff");
    expect_pass(OUT);
    cr_assert_not(walk.track[OUT].tracked);
    make_tcp(OUT, "224.0.0.251", 9, 9, SYN);
    expect_denied(OUT, SG_EGRESS);
}

Test(conntrack_tracked, a_flooded_copy_is_not_tracked)
{
    only_rule(IN, GROUP, 1, PROTO4(17));
    make_udp(IN, PEER, 40000, 53);
    walk.flooded = true;
    expect_pass(IN);
    cr_assert_not(walk.track[IN].tracked);
    make_udp(OUT, PEER, 40000, 53);
    walk.flooded = true;
    only_rule(OUT, GROUP, 1, PROTO4(17));
    expect_pass(OUT);
    cr_assert(walk.track[OUT].tracked, "it is the copies that are not");
}

/* ---- hits, and what a change ends */

Test(conntrack_tracked, hits_count_beginnings)
{
    uint64_t before = df_security_group_hits(102);
    only_rule(OUT, GROUP, 1, PROTO4(17));
    make_udp(OUT, PEER, 40000, 53);
    expect_pass(OUT);
    cr_assert_eq(df_security_group_hits(102), before, "nothing began yet");
    for (unsigned i = 0; i < 3; i++) {
        make_udp(OUT, PEER, 40000, 53);
        deliver(OUT);
        make_udp(IN, PEER, 53, 40000);
        deliver(IN);
    }
    cr_assert_eq(df_security_group_hits(102), before + 1);
}

Test(conntrack_tracked, a_change_of_the_original_directions_rules_ends_decisions_of_both_ways)
{
    converse();
    make_udp(IN, PEER, 53, 40000);
    expect_pass(IN);
    struct df_stamps answer = walk.stamps;
    make_udp(OUT, PEER, 40000, 53);
    expect_pass(OUT);
    struct df_stamps question = walk.stamps;
    only_rule(IN, GROUP, 1, PROTO4(6));
    cr_assert(holds(&answer) && holds(&question), "rules for what comes in do not concern it");
    only_rule(OUT, GROUP, 1, PROTO4(6));
    cr_assert_not(holds(&answer));
    cr_assert_not(holds(&question));
}

/* ---- trace */

static unsigned in_15, in_110;

static void note_enter(struct df_trace *trace, uint16_t table, const struct df_walk *at)
{
    (void)trace, (void)table, (void)at;
}

static void note_leave(struct df_trace *trace, uint16_t table, uint16_t next, const struct df_walk *at)
{
    (void)trace, (void)table, (void)next, (void)at;
}

static void note_lookup(struct df_trace *trace, const struct df_table *table, const void *key, uint16_t key_len,
                        const struct df_entry *entry)
{
    (void)trace;
    if (table->ops->desc.number == DF_TABLE_EGRESS_CONNTRACK || table->ops->desc.number == DF_TABLE_INGRESS_CONNTRACK)
        return;
    cr_assert_eq(key_len, table->ops->desc.key_size);
    cr_assert_eq(((const struct df_security_group_key *)key)->group, GROUP);
    cr_assert(entry == NULL || memcmp(entry->key, key, key_len) == 0);
    *(table->ops->desc.number == DF_TABLE_EGRESS_SECURITY_GROUP ? &in_15 : &in_110) += entry != NULL;
}

Test(conntrack_tracked, a_trace_is_told_whose_rules_were_asked)
{
    struct df_trace trace = {.enter = note_enter, .lookup = note_lookup, .leave = note_leave};
    converse();
    make_udp(IN, PEER, 53, 40000);
    walk.trace = &trace;
    in_15 = in_110 = 0;
    expect_pass(IN);
    cr_assert_eq(in_15, 1, "those for what the guest sends, of an answer that it gets");
    cr_assert_eq(in_110, 0);
}
