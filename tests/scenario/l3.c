/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scenario/lab.h"
#include "tests/scenario/models.h"

/* The distributed router: what it forwards, what it answers, what it refuses. */

static void routed(void)
{
    lab_up();
    lab_model(MODEL_NETWORKS);
    lab_model(MODEL_ROUTER);
    lab_model(MODEL_PORTS);
}

TestSuite(l3, .init = routed, .fini = lab_down);

#define TO_VM3 "udp,tp_src=1000,tp_dst=2000,dl_src=" MAC1 ",dl_dst=" ROUTER1 ",nw_src=10.1.0.11,nw_dst=10.2.0.13"
#define AT_VM3 "udp,tp_src=1000,tp_dst=2000,dl_src=" ROUTER2 ",dl_dst=" MAC3 ",nw_src=10.1.0.11,nw_dst=10.2.0.13"

Test(l3, a_packet_to_another_network_leaves_with_the_routers_mac_and_ttl_less_one)
{
    lab_send("vm1", TO_VM3 ",nw_ttl=64");
    lab_expect("vm3", AT_VM3 ",nw_ttl=63");
    lab_expect_silence();
    lab_expect_no_drop();
}

Test(l3, the_cache_rewrites_as_the_tables_do)
{
    lab_send("vm1", TO_VM3 ",nw_ttl=64");
    lab_expect("vm3", AT_VM3 ",nw_ttl=63");
    lab_send("vm1", TO_VM3 ",nw_ttl=17");
    lab_expect_cached();
    lab_expect("vm3", AT_VM3 ",nw_ttl=16");
}

Test(l3, ipv6_is_routed)
{
    for (int i = 0; i < 2; i++) {
        lab_send("vm1", "udp6,tp_src=1000,tp_dst=2000,nw_ttl=64,dl_src=" MAC1 ",dl_dst=" ROUTER1
                        ",ipv6_src=2001:db8:1::11,ipv6_dst=2001:db8:2::13");
        lab_expect("vm3", "udp6,tp_src=1000,tp_dst=2000,nw_ttl=63,dl_src=" ROUTER2 ",dl_dst=" MAC3
                          ",ipv6_src=2001:db8:1::11,ipv6_dst=2001:db8:2::13");
    }
    lab_expect_cached();
    lab_expect_no_drop();
}

Test(l3, the_router_answers_a_ping)
{
    lab_send("vm1", "icmp,icmp_type=8,dl_src=" MAC1 ",dl_dst=" ROUTER1 ",nw_src=10.1.0.11,nw_dst=10.1.0.1");
    lab_expect("vm1", "icmp,icmp_type=0,dl_src=" ROUTER1 ",dl_dst=" MAC1 ",nw_src=10.1.0.1,nw_dst=10.1.0.11");
    lab_send("vm1", "icmp,icmp_type=8,dl_src=" MAC1 ",dl_dst=" ROUTER1 ",nw_src=10.1.0.11,nw_dst=10.2.0.1");
    lab_expect("vm1", "icmp,icmp_type=0,dl_src=" ROUTER1 ",dl_dst=" MAC1 ",nw_src=10.2.0.1,nw_dst=10.1.0.11");
    lab_expect_silence();
}

Test(l3, ttl_that_runs_out_is_answered_by_the_router_of_the_senders_network)
{
    lab_send("vm1", TO_VM3 ",nw_ttl=1");
    size_t len;
    const uint8_t *error = lab_receive("vm1", &len);
    cr_assert_not_null(error);
    cr_assert_eq(error[34], 11, "time exceeded");
    cr_assert_eq(error[35], 0, "in transit");
    cr_assert_arr_eq(error + 26, ((uint8_t[]){10, 1, 0, 1}), 4);
    cr_assert_arr_eq(error + 30, ((uint8_t[]){10, 1, 0, 11}), 4);
    lab_expect_silence();
    lab_expect_drop("l3_ttl", 1);
}

Test(l3, a_cached_flow_does_not_carry_ttl_1_across)
{
    lab_send("vm1", TO_VM3 ",nw_ttl=64");
    lab_expect("vm3", AT_VM3 ",nw_ttl=63");
    lab_send("vm1", TO_VM3 ",nw_ttl=1");
    lab_expect_none("vm3");
    lab_expect_drop("l3_ttl", 1);
}

Test(l3, no_route_is_answered_with_unreachable)
{
    lab_send("vm1", "udp,tp_src=1,tp_dst=2,dl_src=" MAC1 ",dl_dst=" ROUTER1 ",nw_src=10.1.0.11,nw_dst=192.0.2.1");
    size_t len;
    const uint8_t *error = lab_receive("vm1", &len);
    cr_assert_not_null(error);
    cr_assert_eq(error[34], 3);
    cr_assert_eq(error[35], 0, "net unreachable");
    lab_expect_drop("l3_no_route", 1);
}

Test(l3, an_address_that_nobody_has_is_unreachable)
{
    lab_send("vm1", "udp,tp_src=1,tp_dst=2,dl_src=" MAC1 ",dl_dst=" ROUTER1 ",nw_src=10.1.0.11,nw_dst=10.2.0.99");
    lab_expect_drop("l3_no_neighbour", 1);
}

Test(l3, multicast_is_not_routed)
{
    lab_send("vm1", "udp,tp_src=1,tp_dst=2,dl_src=" MAC1 ",dl_dst=" ROUTER1 ",nw_src=10.1.0.11,nw_dst=224.0.0.5");
    lab_expect_silence();
    lab_expect_drop("l3_multicast", 1);
}

Test(l3, the_longest_prefix_wins)
{
    lab_model("{'lrouter': [{'id': 'r1', 'topic': 'red', 'name': 'r1', 'ports': ["
              "  {'id': 'r1-net1', 'topic': 'red', 'unique_key': 9001, 'mac': '" ROUTER1 "', 'lswitch': 'net1',"
              "   'network': '10.1.0.1/24'},"
              "  {'id': 'r1-net2', 'topic': 'red', 'unique_key': 9002, 'mac': '" ROUTER2 "', 'lswitch': 'net2',"
              "   'network': '10.2.0.1/24'}],"
              " 'routes': [{'destination': '192.0.2.0/24', 'nexthop': '10.1.0.12'},"
              "            {'destination': '192.0.2.128/25', 'nexthop': '10.2.0.13'}]}]}");
#define TO(ip) "udp,tp_src=1,tp_dst=2,dl_src=" MAC1 ",dl_dst=" ROUTER1 ",nw_src=10.1.0.11,nw_dst=" ip
    lab_send("vm1", TO("192.0.2.5") ",nw_ttl=64");
    lab_expect("vm2",
               "udp,tp_src=1,tp_dst=2,nw_ttl=63,dl_src=" ROUTER1 ",dl_dst=" MAC2 ",nw_src=10.1.0.11,nw_dst=192.0.2.5");
    lab_send("vm1", TO("192.0.2.129") ",nw_ttl=64");
    lab_expect("vm3", "udp,tp_src=1,tp_dst=2,nw_ttl=63,dl_src=" ROUTER2 ",dl_dst=" MAC3
                      ",nw_src=10.1.0.11,nw_dst=192.0.2.129");
    lab_expect_silence();
}

Test(l3, a_network_that_leaves_the_router_cannot_be_reached)
{
    lab_send("vm1", TO_VM3 ",nw_ttl=64");
    lab_expect("vm3", AT_VM3 ",nw_ttl=63");
    lab_model("{'lrouter': [{'id': 'r1', 'topic': 'red', 'name': 'r1', 'ports': ["
              "  {'id': 'r1-net1', 'topic': 'red', 'unique_key': 9001, 'mac': '" ROUTER1 "', 'lswitch': 'net1',"
              "   'network': '10.1.0.1/24'}]}]}");
    lab_send("vm1", TO_VM3 ",nw_ttl=64");
    lab_expect_none("vm3");
    lab_expect_drop("l3_no_route", 1);
}
