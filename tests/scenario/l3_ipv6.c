/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scenario/lab.h"
#include "tests/scenario/models.h"

/* The distributed router in IPv6: what l3.c says of IPv4, and what is IPv6's own. */

static void routed(void)
{
    lab_up();
    lab_model(MODEL_NETWORKS);
    lab_model(MODEL_ROUTER);
    lab_model(MODEL_PORTS);
}

TestSuite(l3_ipv6, .init = routed, .fini = lab_down);

#define TO(ip) "udp6,tp_src=1000,tp_dst=2000,dl_src=" MAC1 ",dl_dst=" ROUTER1 ",ipv6_src=2001:db8:1::11,ipv6_dst=" ip
#define TO_VM3 TO("2001:db8:2::13")
#define AT_VM3                                                                                                         \
    "udp6,tp_src=1000,tp_dst=2000,dl_src=" ROUTER2 ",dl_dst=" MAC3 ",ipv6_src=2001:db8:1::11,ipv6_dst=2001:db8:2::13"
#define PING(dst) "icmp6,icmp_type=128,dl_src=" MAC1 ",dl_dst=" ROUTER1 ",ipv6_src=2001:db8:1::11,ipv6_dst=" dst

Test(l3_ipv6, a_packet_to_another_network_leaves_with_the_routers_mac_and_hop_limit_less_one)
{
    lab_send("vm1", TO_VM3 ",nw_ttl=64");
    lab_expect("vm3", AT_VM3 ",nw_ttl=63");
    lab_send("vm1", TO_VM3 ",nw_ttl=2");
    lab_expect_cached();
    lab_expect("vm3", AT_VM3 ",nw_ttl=1");
    lab_expect_silence();
    lab_expect_no_drop();
}

Test(l3_ipv6, tcp_sctp_and_ping_are_routed_as_udp_is)
{
#define WITH(words)                                                                                                    \
    lab_send("vm1",                                                                                                    \
             words ",nw_ttl=9,dl_src=" MAC1 ",dl_dst=" ROUTER1 ",ipv6_src=2001:db8:1::11,ipv6_dst=2001:db8:2::13");    \
    lab_expect("vm3",                                                                                                  \
               words ",nw_ttl=8,dl_src=" ROUTER2 ",dl_dst=" MAC3 ",ipv6_src=2001:db8:1::11,ipv6_dst=2001:db8:2::13")
    WITH("tcp6,tp_src=1,tp_dst=2");
    WITH("sctp6,tp_src=1,tp_dst=2");
    WITH("icmp6,icmp_type=128");
    WITH("ipv6,nw_proto=47,len=40");
    lab_expect_silence();
    lab_expect_no_drop();
}

Test(l3_ipv6, the_router_answers_a_ping_on_each_of_its_addresses)
{
#define PONG(src) "icmp6,icmp_type=129,dl_src=" ROUTER1 ",dl_dst=" MAC1 ",ipv6_src=" src ",ipv6_dst=2001:db8:1::11"
    lab_send("vm1", PING("2001:db8:1::1"));
    lab_expect("vm1", PONG("2001:db8:1::1"));
    lab_send("vm1", PING("2001:db8:2::1"));
    lab_expect("vm1", PONG("2001:db8:2::1"));
    lab_send("vm1", PING("fe80::ff:fe00:101"));
    lab_expect("vm1", PONG("fe80::ff:fe00:101"));
    lab_expect_silence();
}

Test(l3_ipv6, the_router_answers_a_ping_from_a_link_local_address)
{
    lab_send("vm1", "icmp6,icmp_type=128,dl_src=" MAC1 ",dl_dst=" ROUTER1
                    ",ipv6_src=fe80::ff:fe00:111,ipv6_dst=fe80::ff:fe00:101");
    lab_expect("vm1", "icmp6,icmp_type=129,dl_src=" ROUTER1 ",dl_dst=" MAC1
                      ",ipv6_src=fe80::ff:fe00:101,ipv6_dst=fe80::ff:fe00:111");
}

Test(l3_ipv6, a_ping_of_the_router_with_hop_limit_1_is_answered)
{
    lab_send("vm1", PING("2001:db8:2::1") ",nw_ttl=1");
    lab_expect("vm1", PONG("2001:db8:2::1"));
    lab_expect_no_drop();
}

Test(l3_ipv6, the_router_speaks_nothing_but_echo)
{
    lab_send("vm1", TO("2001:db8:1::1"));
    lab_expect_silence();
    lab_expect_drop("l3_to_router", 1);
}

Test(l3_ipv6, a_hop_limit_that_runs_out_is_answered_by_the_router_of_the_senders_network)
{
    for (const char *const *ttl = (const char *const[]){TO_VM3 ",nw_ttl=1", TO_VM3 ",nw_ttl=0", NULL}; *ttl; ttl++) {
        lab_send("vm1", *ttl);
        lab_expect_icmp_error("vm1", "2001:db8:1::1", 3, 0, *ttl);
        lab_expect_silence();
        lab_expect_drop("l3_ttl", 1);
    }
}

Test(l3_ipv6, a_cached_flow_does_not_carry_hop_limit_1_across)
{
    lab_send("vm1", TO_VM3 ",nw_ttl=64");
    lab_expect("vm3", AT_VM3 ",nw_ttl=63");
    lab_send("vm1", TO_VM3 ",nw_ttl=1");
    lab_expect_none("vm3");
    lab_expect_icmp_error("vm1", "2001:db8:1::1", 3, 0, TO_VM3 ",nw_ttl=1");
    lab_expect_drop("l3_ttl", 1);
    lab_send("vm1", TO_VM3 ",nw_ttl=64");
    lab_expect("vm3", AT_VM3 ",nw_ttl=63");
    lab_expect_no_drop();
}

Test(l3_ipv6, no_route_is_answered_with_unreachable)
{
    lab_send("vm1", TO("2001:db8:99::1"));
    lab_expect_icmp_error("vm1", "2001:db8:1::1", 1, 0, TO("2001:db8:99::1"));
    lab_expect_silence();
    lab_expect_drop("l3_no_route", 1);
}

Test(l3_ipv6, an_address_that_nobody_has_is_unreachable)
{
    lab_send("vm1", TO("2001:db8:2::99"));
    lab_expect_icmp_error("vm1", "2001:db8:1::1", 1, 3, TO("2001:db8:2::99"));
    lab_expect_silence();
    lab_expect_drop("l3_no_neighbour", 1);
}

Test(l3_ipv6, multicast_and_link_local_are_not_routed)
{
    lab_send("vm1", TO("ff05::1"));
    lab_expect_drop("l3_multicast", 1);
    lab_send("vm1", TO("fe80::1234"));
    lab_expect_drop("l3_multicast", 1);
    lab_send("vm1", "udp6,tp_src=1,tp_dst=2,dl_src=" MAC1 ",dl_dst=" ROUTER1
                    ",ipv6_src=fe80::ff:fe00:111,ipv6_dst=2001:db8:2::13");
    lab_expect_drop("l3_multicast", 1);
    lab_send("vm1", TO("::1"));
    lab_expect_drop("l3_multicast", 1);
    lab_expect_silence();
}

Test(l3_ipv6, the_longest_prefix_wins)
{
    lab_model("{'lrouter': [{'id': 'r1', 'topic': 'red', 'name': 'r1', 'ports': ["
              "  {'id': 'r1-net1', 'topic': 'red', 'unique_key': 9001, 'mac': '" ROUTER1 "', 'lswitch': 'net1',"
              "   'network': '2001:db8:1::1/64'},"
              "  {'id': 'r1-net2', 'topic': 'red', 'unique_key': 9002, 'mac': '" ROUTER2 "', 'lswitch': 'net2',"
              "   'network': '2001:db8:2::1/64'}],"
              " 'routes': [{'destination': '2001:db8:f::/48', 'nexthop': '2001:db8:1::12'},"
              "            {'destination': '2001:db8:f:8000::/49', 'nexthop': '2001:db8:2::13'}]}]}");
    lab_send("vm1", TO("2001:db8:f::5") ",nw_ttl=64");
    lab_expect("vm2", "udp6,tp_src=1000,tp_dst=2000,nw_ttl=63,dl_src=" ROUTER1 ",dl_dst=" MAC2
                      ",ipv6_src=2001:db8:1::11,ipv6_dst=2001:db8:f::5");
    lab_send("vm1", TO("2001:db8:f:8000::5") ",nw_ttl=64");
    lab_expect("vm3", "udp6,tp_src=1000,tp_dst=2000,nw_ttl=63,dl_src=" ROUTER2 ",dl_dst=" MAC3
                      ",ipv6_src=2001:db8:1::11,ipv6_dst=2001:db8:f:8000::5");
    lab_expect_silence();
}

Test(l3_ipv6, a_router_without_an_address_in_this_family_is_silent)
{
    lab_model("{'lrouter': [{'id': 'r1', 'topic': 'red', 'name': 'r1', 'ports': ["
              "  {'id': 'r1-net1', 'topic': 'red', 'unique_key': 9001, 'mac': '" ROUTER1 "', 'lswitch': 'net1',"
              "   'network': '10.1.0.1/24'}]}]}");
    lab_send("vm1", TO_VM3 ",nw_ttl=1");
    lab_expect_silence();
    lab_expect_drop("l3_ttl", 1);
    lab_send("vm1", TO_VM3);
    lab_expect_silence();
    lab_expect_drop("l3_no_route", 1);
}
