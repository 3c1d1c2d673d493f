/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <netinet/in.h>

#include "fastpath/tables/peers.h"
#include "fastpath/tunnel/tunnel.h"
#include "tests/unit/fastpath/table_test.h"

/* The tables on the way to other nodes and from there: 75, 203, 202, 100. */

TestSuite(tunnel_tables, .init = tables_setup, .fini = tables_teardown);

static const struct df_mac node_mac = {{2, 0, 0, 0, 0, 1}}, peer_mac = {{2, 0, 0, 0, 0, 2}};

static struct df_peer_value peer_at(uint16_t port)
{
    return (struct df_peer_value){
        .local_ip = ip4("192.0.2.1"), .src = node_mac, .dst = peer_mac, .port = port, .reachable = 1, .types = 1};
}

static void put_peer(const char *ip, struct df_peer_value value)
{
    struct df_peer_key key = {.ip = ip4(ip)};
    must_put(DF_TABLE_PEERS, &key, &value);
}

static void guest_frame(void)
{
    frame_ethernet(&frame);
    frame_ip4(&frame, IPPROTO_UDP, "10.0.0.1", "10.0.0.2", 0);
    frame_udp(&frame, 1000, 2000, 20);
    frame_close(&frame);
    walk_parse();
}

/* ---- 75 */

static struct df_egress_value to_peer(const char *ip, uint32_t key)
{
    return (struct df_egress_value){
        .kind = DF_EGRESS_TUNNEL, .tunnel_type = DF_TUNNEL_VXLAN, .tunnel_key = key, .peer = ip4(ip)};
}

Test(tunnel_tables, egress_leads_to_a_peer_with_the_networks_key)
{
    struct df_egress_key key = {.lport = 5};
    struct df_egress_value value = to_peer("192.0.2.2", 5000);
    must_put(DF_TABLE_EGRESS, &key, &value);
    guest_frame();
    walk.out_lport = 5;
    expect_next(DF_TABLE_EGRESS, DF_TABLE_PEERS);
    struct df_ip peer = ip4("192.0.2.2");
    cr_assert_eq(walk.tunnel_key, 5000);
    cr_assert(df_ip_equal(&walk.tunnel_peer, &peer));
    cr_assert_eq(walk.tunnel_type, 0, "it did not come by a tunnel");
}

Test(tunnel_tables, what_came_by_a_tunnel_does_not_go_into_one)
{
    struct df_egress_key key = {.lport = 5};
    struct df_egress_value value = to_peer("192.0.2.2", 5000);
    must_put(DF_TABLE_EGRESS, &key, &value);
    guest_frame();
    walk.tunnel_type = DF_TUNNEL_VXLAN;
    walk.out_lport = 5;
    expect_drop(DF_TABLE_EGRESS, EGRESS_NO_PATH);
}

Test(tunnel_tables, egress_refuses_what_cannot_be)
{
    struct df_egress_key key = {.lport = 5};
    struct df_egress_value bad[] = {to_peer("192.0.2.2", 0x1000000), to_peer("192.0.2.2", 1), to_peer("192.0.2.2", 1),
                                    to_peer("192.0.2.2", 1)};
    bad[1].tunnel_type = DF_TUNNEL_TYPES;
    bad[2].tunnel_type = 0;
    bad[3].kind = 3;
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_assert_eq(try_put(DF_TABLE_EGRESS, &key, &bad[i]), -EINVAL, "%u", i);
    struct df_egress_value good[] = {to_peer("192.0.2.2", 0xffffff), to_peer("192.0.2.2", 0xffffffff)};
    good[0].peer = ip6("2001:db8::2");
    good[1].tunnel_type = DF_TUNNEL_GRE;
    for (unsigned i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        cr_assert_eq(try_put(DF_TABLE_EGRESS, &key, &good[i]), 0, "%u", i);
}

/* ---- 203 */

static uint16_t index_of(const char *ip)
{
    guest_frame();
    walk.tunnel_peer = ip4(ip);
    walk.out_tunnel_type = DF_TUNNEL_VXLAN;
    expect_next(DF_TABLE_PEERS, DF_TABLE_END);
    return outputs[0].peer;
}

Test(tunnel_tables, a_packet_to_a_peer_leaves_by_the_underlay)
{
    put_peer("192.0.2.2", peer_at(1000));
    guest_frame();
    walk.out_tunnel_type = DF_TUNNEL_VXLAN;
    walk.tunnel_key = 5000;
    walk.tunnel_peer = ip4("192.0.2.2");
    expect_next(DF_TABLE_PEERS, DF_TABLE_END);
    cr_assert_eq(walk.verdict.kind, DF_VERDICT_OUTPUT);
    cr_assert_eq(walk.verdict.n_outputs, 1);
    cr_assert_eq(outputs[0].port, 1000);
    cr_assert_eq(outputs[0].vlan, 0);
    cr_assert_eq(outputs[0].tunnel_key, 5000);
    cr_assert_eq(outputs[0].entropy, df_tunnel_entropy(&walk.packet));
    cr_assert_neq(outputs[0].peer, 0);
    const struct df_tunnel_outer *outer = (const void *)df_peer_headers[outputs[0].peer].bytes;
    cr_assert(df_mac_equal(&outer->dst, &peer_mac) && df_mac_equal(&outer->src, &node_mac));
    cr_assert_eq(outer->ip.dst_addr, inet_addr("192.0.2.2"));
    cr_assert_eq(outer->ip.src_addr, inet_addr("192.0.2.1"));
    cr_assert_not(walk.read_l4, "a flow stays one of its address pair");
    cr_assert_eq(walk.stamps.n, 2, "of the peer, and of the network's MTU");
}

Test(tunnel_tables, a_peer_without_a_mac_and_one_that_is_none_cannot_be_reached)
{
    struct df_peer_value value = peer_at(1000);
    value.reachable = 0;
    put_peer("192.0.2.2", value);
    guest_frame();
    walk.out_tunnel_type = DF_TUNNEL_VXLAN;
    walk.tunnel_peer = ip4("192.0.2.2");
    expect_drop(DF_TABLE_PEERS, TUNNEL_UNREACHABLE);
    walk.out_tunnel_type = DF_TUNNEL_GRE; /* it speaks no such thing */
    expect_drop(DF_TABLE_PEERS, EGRESS_NO_PATH);
    guest_frame();
    walk.tunnel_peer = ip4("192.0.2.3");
    expect_drop(DF_TABLE_PEERS, TUNNEL_UNREACHABLE);
}

/* No grace period ends while this thread, a reader, stays as it is. */
Test(tunnel_tables, a_replaced_peer_has_another_line_until_nobody_can_use_the_old_one)
{
    struct df_peer_value value = peer_at(1000);
    put_peer("192.0.2.2", value);
    uint16_t old = index_of("192.0.2.2");
    struct df_peer_header before = df_peer_headers[old];
    value.dst.byte[5] = 77;
    put_peer("192.0.2.2", value);
    uint16_t fresh = index_of("192.0.2.2");
    cr_assert_neq(fresh, old);
    put_peer("192.0.2.3", value);
    cr_assert_neq(index_of("192.0.2.3"), old, "the line is given out while it may be in use");
    cr_assert_arr_eq(&df_peer_headers[old], &before, sizeof(before));
    cr_assert_eq(df_table(DF_TABLE_PEERS)->ops->count(df_table(DF_TABLE_PEERS)->state), 2);

    df_rcu_barrier();
    bool given_back = false;
    for (unsigned i = 1; i < DF_PEER_HEADERS_MAX; i++)
        given_back = given_back || df_peer_header_take() == old;
    cr_assert(given_back, "the line is lost");
}

Test(tunnel_tables, a_change_of_a_peer_is_stamped)
{
    struct df_peer_key key = {.ip = ip4("192.0.2.2")};
    put_peer("192.0.2.2", peer_at(1000));
    index_of("192.0.2.2");
    uint32_t counter = df_stamps_now();
    put_peer("192.0.2.2", peer_at(1001));
    cr_assert_neq(df_stamps_now(), counter);
    counter = df_stamps_now();
    must_del(DF_TABLE_PEERS, &key);
    cr_assert_neq(df_stamps_now(), counter);
    walk_reset();
    cr_assert_null(df_peers_find(&walk, &key.ip));
    cr_assert_eq(del_len(DF_TABLE_PEERS, &key, sizeof(key)), -ENOENT);
    cr_assert_eq(walk.stamps.n, 1, "a miss is stamped as well");
}

Test(tunnel_tables, a_peer_has_a_line_for_each_of_its_types)
{
    static const uint8_t len[] = {[DF_TUNNEL_VXLAN] = 74, [DF_TUNNEL_GENEVE] = 74, [DF_TUNNEL_GRE] = 66};
    struct df_peer_value value = peer_at(1000);
    value.local_ip = ip6("2001:db8::1");
    value.types = DF_TUNNEL_ALL;
    value.vlan = 7;
    struct df_peer_key key = {.ip = ip6("2001:db8::2")};
    must_put(DF_TABLE_PEERS, &key, &value);
    for (enum df_tunnel_type type = 1; type < DF_TUNNEL_TYPES; type++) {
        guest_frame();
        walk.tunnel_peer = key.ip;
        walk.out_tunnel_type = (uint8_t)type;
        expect_next(DF_TABLE_PEERS, DF_TABLE_END);
        const struct df_peer_header *line = &df_peer_headers[outputs[0].peer];
        cr_assert(line->type == type && line->len == len[type] && df_ip_equal(&line->peer, &key.ip), "%u", type);
    }
}

Test(tunnel_tables, no_two_entries_ever_have_one_number)
{
    struct df_ip a = ip4("192.0.2.2"), b = ip6("2001:db8::2");
    struct df_peer_key key = {.ip = b};
    struct df_peer_value value = peer_at(1000), value6 = value;
    value6.local_ip = ip6("2001:db8::1");
    cr_assert_eq(df_peers_number(&b), 0);
    put_peer("192.0.2.2", value);
    must_put(DF_TABLE_PEERS, &key, &value6);
    uint32_t first = df_peers_number(&a), second = df_peers_number(&b);
    cr_assert(first != 0 && second != 0 && first != second);
    put_peer("192.0.2.2", value);
    cr_assert(df_peers_number(&a) != first && df_peers_number(&a) != second, "a replaced one has another");
    must_del(DF_TABLE_PEERS, &key);
    cr_assert_eq(df_peers_number(&b), 0);
    must_put(DF_TABLE_PEERS, &key, &value6);
    cr_assert(df_peers_number(&b) != second && df_peers_number(&b) != first);
}

Test(tunnel_tables, peers_refuses_what_cannot_be)
{
    struct df_peer_key key = {.ip = ip6("2001:db8::2")}, key4 = {.ip = ip4("192.0.2.2")}, none = {.ip = {{{0}}}};
    struct df_peer_value value = peer_at(1000), bad_ip = value, bad_port = value, bad_types = value, bad_vlan = value;
    struct df_peer_value no_ip = value, bad_mtu = value;
    bad_ip.local_ip = ip6("2001:db8::1");
    bad_port.port = 1024;
    bad_types.types = DF_TUNNEL_ALL + 1;
    bad_vlan.vlan = 4095;
    bad_mtu.mtu = DF_PEER_MTU_MIN - 1;
    no_ip.local_ip = none.ip;
    cr_assert_eq(try_put(DF_TABLE_PEERS, &key, &value), -EINVAL, "the addresses are of two families");
    cr_assert_eq(try_put(DF_TABLE_PEERS, &key4, &bad_ip), -EINVAL);
    cr_assert_eq(try_put(DF_TABLE_PEERS, &key4, &bad_port), -EINVAL);
    cr_assert_eq(try_put(DF_TABLE_PEERS, &key4, &bad_types), -EINVAL);
    cr_assert_eq(try_put(DF_TABLE_PEERS, &key4, &bad_vlan), -EINVAL);
    cr_assert_eq(try_put(DF_TABLE_PEERS, &key4, &bad_mtu), -EINVAL);
    cr_assert_eq(try_put(DF_TABLE_PEERS, &none, &bad_ip), -EINVAL);
    cr_assert_eq(try_put(DF_TABLE_PEERS, &key, &no_ip), -EINVAL);
    cr_assert_eq(put_len(DF_TABLE_PEERS, &key4, sizeof(key4), &value, sizeof(value) - 1), -EINVAL);
    cr_assert_eq(df_table(DF_TABLE_PEERS)->ops->count(df_table(DF_TABLE_PEERS)->state), 0);
}

Test(tunnel_tables, peers_has_a_limit)
{
    struct df_peer_value value = peer_at(1000);
    struct df_peer_key key = {.ip = ip4("10.0.0.0")};
    for (unsigned i = 0; i < TABLE_TEST_MAX; i++) {
        key.ip.word[3] = htonl(0x0a000000 + i);
        must_put(DF_TABLE_PEERS, &key, &value);
    }
    must_put(DF_TABLE_PEERS, &key, &value); /* in place of one that is there */
    key.ip.word[3] = htonl(0x0b000000);
    cr_assert_eq(try_put(DF_TABLE_PEERS, &key, &value), -ENOSPC);
}

/* ---- 202 */

static void from_peer(const char *ip, uint32_t key)
{
    guest_frame();
    walk.tunnel_type = DF_TUNNEL_VXLAN;
    walk.tunnel_key = key;
    walk.tunnel_peer = ip4(ip);
}

static void put_network_of(enum df_tunnel_type type, uint32_t tunnel_key, uint32_t network)
{
    struct df_tunnel_key key = {.tunnel_type = type, .tunnel_key = tunnel_key};
    struct df_tunnel_value value = {.network = network};
    must_put(DF_TABLE_TUNNEL, &key, &value);
}

static void put_network(uint32_t tunnel_key, uint32_t network)
{
    put_network_of(DF_TUNNEL_VXLAN, tunnel_key, network);
}

Test(tunnel_tables, a_tunnel_key_is_a_network)
{
    struct df_peer_value value = peer_at(1000);
    value.types = DF_TUNNEL_ALL;
    put_peer("192.0.2.2", value);
    put_network(5000, 7);
    from_peer("192.0.2.2", 5000);
    expect_next(DF_TABLE_TUNNEL, DF_TABLE_INGRESS_LOOKUP);
    cr_assert_eq(walk.network, 7);
    cr_assert_eq(walk.in_lport, 0);
    cr_assert_eq(walk.stamps.n, 2);
}

static void peer_speaks(unsigned types)
{
    struct df_peer_value value = peer_at(1000);
    value.types = (uint16_t)types;
    put_peer("192.0.2.2", value);
}

static void expect_network(enum df_tunnel_type type, uint32_t network)
{
    from_peer("192.0.2.2", 5000);
    walk.tunnel_type = type;
    expect_next(DF_TABLE_TUNNEL, DF_TABLE_INGRESS_LOOKUP);
    cr_assert_eq(walk.network, network);
}

static void expect_refused(enum df_tunnel_type type, enum df_drop reason)
{
    from_peer("192.0.2.2", 5000);
    walk.tunnel_type = type;
    expect_next(DF_TABLE_TUNNEL, DF_TABLE_END);
    cr_assert_eq(walk.verdict.kind, DF_VERDICT_DROP);
    cr_assert_eq(walk.verdict.drop, reason, "%s", df_drop_name(walk.verdict.drop));
}

#define V DF_TUNNEL_BIT(DF_TUNNEL_VXLAN)
#define N DF_TUNNEL_BIT(DF_TUNNEL_GENEVE)
#define R DF_TUNNEL_BIT(DF_TUNNEL_GRE)

Test(tunnel_tables, networks_of_different_types_may_have_one_key)
{
    put_network_of(DF_TUNNEL_VXLAN, 5000, 7);
    put_network_of(DF_TUNNEL_GENEVE, 5000, 8);
    peer_speaks(V | N);
    expect_network(DF_TUNNEL_VXLAN, 7);
    expect_network(DF_TUNNEL_GENEVE, 8);
    expect_refused(DF_TUNNEL_GRE, DF_DROP_TUNNEL_UNKNOWN_KEY);
}

Test(tunnel_tables, a_network_of_a_type_that_the_peer_cannot_speak_comes_by_another)
{
    put_network_of(DF_TUNNEL_GENEVE, 5000, 8);
    peer_speaks(V | R);
    expect_network(DF_TUNNEL_VXLAN, 8);
    expect_network(DF_TUNNEL_GRE, 8);
    expect_network(DF_TUNNEL_GENEVE, 8); /* it has just learnt it */
    peer_speaks(V | N);
    expect_network(DF_TUNNEL_GENEVE, 8);
    expect_refused(DF_TUNNEL_VXLAN, DF_DROP_TUNNEL_UNKNOWN_KEY);
}

Test(tunnel_tables, of_two_networks_that_may_be_meant_neither_gets_the_packet)
{
    put_network_of(DF_TUNNEL_VXLAN, 5000, 7);
    put_network_of(DF_TUNNEL_GENEVE, 5000, 8);
    peer_speaks(V);
    expect_refused(DF_TUNNEL_VXLAN, DF_DROP_TUNNEL_AMBIGUOUS_KEY);
    peer_speaks(R);
    expect_refused(DF_TUNNEL_GRE, DF_DROP_TUNNEL_AMBIGUOUS_KEY);
    peer_speaks(V | N);
    expect_network(DF_TUNNEL_VXLAN, 7);
}

Test(tunnel_tables, a_stranger_and_an_unknown_key_are_dropped_by_name)
{
    struct df_peer_value value = peer_at(1000);
    value.reachable = 0; /* it can still send */
    put_peer("192.0.2.2", value);
    put_network(5000, 7);
    from_peer("192.0.2.3", 5000);
    expect_drop(DF_TABLE_TUNNEL, TUNNEL_UNKNOWN_PEER);
    from_peer("192.0.2.2", 5001);
    expect_drop(DF_TABLE_TUNNEL, TUNNEL_UNKNOWN_KEY);
    from_peer("192.0.2.2", 5000);
    expect_next(DF_TABLE_TUNNEL, DF_TABLE_INGRESS_LOOKUP);
}

Test(tunnel_tables, a_tag_inside_is_refused)
{
    put_peer("192.0.2.2", peer_at(1000));
    put_network(5000, 7);
    from_peer("192.0.2.2", 5000);
    walk.packet.n_vlans = 1;
    expect_drop(DF_TABLE_TUNNEL, BAD_VLAN);
}

Test(tunnel_tables, tunnel_refuses_what_cannot_be)
{
    static const struct df_tunnel_key bad[] = {
        {0, 1}, {DF_TUNNEL_TYPES, 1}, {DF_TUNNEL_VXLAN, 0x1000000}, {DF_TUNNEL_GENEVE, 0x1000000}};
    static const struct df_tunnel_key good[] = {
        {DF_TUNNEL_VXLAN, 0xffffff}, {DF_TUNNEL_GENEVE, 0xffffff}, {DF_TUNNEL_GRE, 0xffffffff}};
    struct df_tunnel_value value = {.network = 7}, no_network = {.network = 0};
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_assert_eq(try_put(DF_TABLE_TUNNEL, &bad[i], &value), -EINVAL, "%u", i);
    for (unsigned i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        cr_assert_eq(try_put(DF_TABLE_TUNNEL, &good[i], &value), 0, "%u", i);
    cr_assert_eq(try_put(DF_TABLE_TUNNEL, &good[0], &no_network), -EINVAL);
}

/* ---- 100 */

Test(tunnel_tables, a_mac_is_a_local_port_and_all_else_is_flooded)
{
    struct df_ingress_lookup_key key = {.network = 7, .mac = ROUTER_MAC};
    struct df_ingress_lookup_value value = {.lport = 5};
    must_put(DF_TABLE_INGRESS_LOOKUP, &key, &value);
    from_peer("192.0.2.2", 5000);
    walk.network = 7;
    expect_next(DF_TABLE_INGRESS_LOOKUP, DF_TABLE_INGRESS_CONNTRACK);
    cr_assert_eq(walk.out_lport, 5);

    from_peer("192.0.2.2", 5000);
    walk.network = 8; /* the MAC is another network's */
    expect_next(DF_TABLE_INGRESS_LOOKUP, DF_TABLE_FLOOD);
    from_peer("192.0.2.2", 5000);
    walk.network = 7;
    walk.packet.eth_dst.byte[0] |= 1;
    expect_next(DF_TABLE_INGRESS_LOOKUP, DF_TABLE_FLOOD);
}

Test(tunnel_tables, what_nobody_takes_is_dropped_by_name)
{
    from_peer("192.0.2.2", 5000);
    walk.network = 7;
    expect_drop(DF_TABLE_FLOOD, TUNNEL_UNKNOWN_MAC);
    from_peer("192.0.2.2", 5000);
    walk.network = 7;
    walk.packet.eth_dst.byte[0] |= 1;
    expect_drop(DF_TABLE_FLOOD, L2_NO_MEMBER);
    guest_frame();
    walk.network = 7;
    expect_drop(DF_TABLE_FLOOD, L2_UNKNOWN);
}
