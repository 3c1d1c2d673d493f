/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scenario/lab.h"
#include "tests/scenario/models.h"

#include <stdio.h>

/* Routes: extra ones, several ways at once, next hops that come and go, routers behind routers. */

static void networks(void)
{
    lab_up();
    lab_model(MODEL_NETWORKS);
    lab_model(MODEL_PORTS);
}

TestSuite(routes, .init = networks, .fini = lab_down);

#define ROUTER_WITH(routes)                                                                                            \
    "{'lrouter': [{'id': 'r1', 'topic': 'red', 'name': 'r1', 'ports': ["                                               \
    "  {'id': 'r1-net1', 'topic': 'red', 'unique_key': 9001, 'mac': '" ROUTER1 "', 'lswitch': 'net1',"                 \
    "   'network': '10.1.0.1/24', 'networks': ['2001:db8:1::1/64']},"                                                  \
    "  {'id': 'r1-net2', 'topic': 'red', 'unique_key': 9002, 'mac': '" ROUTER2 "', 'lswitch': 'net2',"                 \
    "   'network': '10.2.0.1/24', 'networks': ['2001:db8:2::1/64']}], 'routes': [" routes "]}]}"
#define ROUTE(to, via) "{'destination': '" to "', 'nexthop': '" via "'}"

#define UDP4(ttl, smac, dmac, dst)                                                                                     \
    "udp,tp_src=1000,tp_dst=2000,nw_ttl=" ttl ",dl_src=" smac ",dl_dst=" dmac ",nw_src=10.1.0.11,nw_dst=" dst
#define UDP6(ttl, smac, dmac, dst)                                                                                     \
    "udp6,tp_src=7,tp_dst=9,nw_ttl=" ttl ",dl_src=" smac ",dl_dst=" dmac ",ipv6_src=2001:db8:1::11,ipv6_dst=" dst

Test(routes, an_extra_route_leads_to_its_next_hop)
{
    lab_model(ROUTER_WITH(ROUTE("30.0.0.0/24", "10.2.0.13")));
    lab_send("vm1", UDP4("64", MAC1, ROUTER1, "30.0.0.12"));
    lab_expect("vm3", UDP4("63", ROUTER2, MAC3, "30.0.0.12"));
    lab_send("vm1", UDP4("64", MAC1, ROUTER1, "30.0.1.12"));
    lab_expect_none("vm3");
    lab_expect_drop("l3_no_route", 1);
}

Test(routes, default_routes_of_both_families_take_what_nothing_else_does)
{
    lab_model(ROUTER_WITH(ROUTE("0.0.0.0/0", "10.2.0.13") "," ROUTE("::/0", "2001:db8:2::13")));
    lab_send("vm1", UDP4("64", MAC1, ROUTER1, "192.0.2.1"));
    lab_expect("vm3", UDP4("63", ROUTER2, MAC3, "192.0.2.1"));
    lab_send("vm1", UDP6("64", MAC1, ROUTER1, "2001:db8:ffff::1"));
    lab_expect("vm3", UDP6("63", ROUTER2, MAC3, "2001:db8:ffff::1"));
    lab_send("vm1", UDP4("64", MAC1, ROUTER1, "10.1.0.12"));
    lab_expect("vm2", UDP4("63", ROUTER1, MAC2, "10.1.0.12"));
    lab_expect_silence();
    lab_expect_no_drop();
}

Test(routes, an_ipv6_default_route_takes_no_ipv4)
{
    lab_model(ROUTER_WITH(ROUTE("::/0", "2001:db8:2::13")));
    lab_send("vm1", UDP4("64", MAC1, ROUTER1, "192.0.2.1"));
    lab_expect_none("vm3");
    lab_expect_drop("l3_no_route", 1);
}

Test(routes, a_next_hop_that_is_missing_drops_until_it_appears)
{
    lab_model(ROUTER_WITH(ROUTE("30.0.0.0/24", "10.2.0.15")));
    lab_send("vm1", UDP4("64", MAC1, ROUTER1, "30.0.0.12"));
    lab_expect_icmp_error("vm1", "10.1.0.1", 3, 1, UDP4("64", MAC1, ROUTER1, "30.0.0.12"));
    lab_expect_drop("l3_no_neighbour", 1);
    lab_model("{'lport': [" PORT("vm5", "net2", "02:00:00:00:02:15", "'10.2.0.15'", "'sub2'", "") "]}");
    lab_send("vm1", UDP4("64", MAC1, ROUTER1, "30.0.0.12"));
    lab_expect("vm5", UDP4("63", ROUTER2, "02:00:00:00:02:15", "30.0.0.12"));
    lab_delete("lport", "vm5");
    lab_send("vm1", UDP4("64", MAC1, ROUTER1, "30.0.0.12"));
    lab_expect_drop("l3_no_neighbour", 1);
}

Test(routes, an_allowed_address_may_be_the_next_hop_and_the_destination)
{
    lab_model(ROUTER_WITH(ROUTE("30.0.0.0/24", "10.2.0.100")));
    lab_model("{'lport': [" PORT("vm3", "net2", MAC3, "'10.2.0.13'", "'sub2'",
                                 ", 'allowed_address_pairs': [{'ip_address': '10.2.0.100',"
                                 " 'mac_address': '00:00:5e:00:01:07'}]") "]}");
    lab_send("vm1", UDP4("64", MAC1, ROUTER1, "30.0.0.12"));
    lab_expect("vm3", UDP4("63", ROUTER2, "00:00:5e:00:01:07", "30.0.0.12"));
    lab_send("vm1", UDP4("64", MAC1, ROUTER1, "10.2.0.100"));
    lab_expect("vm3", UDP4("63", ROUTER2, "00:00:5e:00:01:07", "10.2.0.100"));
    lab_expect_silence();
}

Test(routes, a_route_back_into_the_senders_network_reaches_a_neighbour_but_not_the_sender)
{
    lab_model(ROUTER_WITH(ROUTE("30.0.0.0/24", "10.1.0.12") "," ROUTE("31.0.0.0/24", "10.1.0.11")));
    lab_send("vm1", UDP4("64", MAC1, ROUTER1, "30.0.0.12"));
    lab_expect("vm2", UDP4("63", ROUTER1, MAC2, "30.0.0.12"));
    lab_send("vm1", UDP4("64", MAC1, ROUTER1, "31.0.0.12"));
    lab_expect("vm1", UDP4("63", ROUTER1, MAC1, "31.0.0.12"));
    lab_expect_silence();
}

/* ---- ECMP */

/* Sends 64 flows of so many packets each; which of vm2 and vm3 each flow took, as bits, and no flow takes two ways. */
static uint64_t ways_of_flows(const char *format, unsigned packets)
{
    uint64_t by_vm3 = 0;
    size_t len;
    for (unsigned flow = 0; flow < 64; flow++) {
        char words[300];
        snprintf(words, sizeof(words), format, 1000 + flow);
        for (unsigned i = 0; i < packets; i++) {
            lab_send("vm1", words);
            uint64_t way = lab_receive("vm3", &len) != NULL;
            cr_assert(way || lab_receive("vm2", &len) != NULL, "the packet went nowhere");
            if (i == 0)
                by_vm3 |= way << flow;
            cr_assert_eq(by_vm3 >> flow & 1, way, "flow %u took another way", flow);
        }
        lab_expect_silence();
    }
    return by_vm3;
}

static void expect_spread(uint64_t ways)
{
    int n = __builtin_popcountll(ways);
    cr_assert(n > 12 && n < 52, "%d of 64 flows took one of two ways", n);
}

#define ECMP                                                                                                           \
    ROUTER_WITH(ROUTE("30.0.0.0/24", "10.1.0.12") "," ROUTE("30.0.0.0/24", "10.2.0.13") "," ROUTE(                     \
        "2001:db8:f::/64", "2001:db8:1::12") "," ROUTE("2001:db8:f::/64", "2001:db8:2::13"))

Test(routes, equal_routes_share_flows_and_a_flow_keeps_its_way)
{
    lab_model(ECMP);
    const char *udp = "udp,tp_dst=2000,dl_src=" MAC1 ",dl_dst=" ROUTER1 ",nw_src=10.1.0.11,nw_dst=30.0.0.12,tp_src=%u";
    uint64_t ways = ways_of_flows(udp, 3);
    lab_expect_cached();
    expect_spread(ways);
    cr_assert_eq(ways_of_flows(udp, 1), ways, "the flows took other ways than before");
    lab_expect_no_drop();
}

Test(routes, equal_routes_share_flows_in_ipv6_and_by_destination_port_too)
{
    lab_model(ECMP);
    expect_spread(ways_of_flows("tcp6,tcp_flags=ack,tp_src=7,dl_src=" MAC1 ",dl_dst=" ROUTER1
                                ",ipv6_src=2001:db8:1::11,ipv6_dst=2001:db8:f::12,tp_dst=%u",
                                2));
    lab_expect_cached();
}

Test(routes, ping_and_fragments_of_an_address_pair_take_one_way)
{
    lab_model(ECMP);
    uint64_t ways = ways_of_flows("udp,nw_frag=first,len=16,tp_dst=2000,dl_src=" MAC1 ",dl_dst=" ROUTER1
                                  ",nw_src=10.1.0.11,nw_dst=30.0.0.12,tp_src=%u",
                                  1);
    cr_assert(ways == 0 || ~ways == 0, "fragments of one pair took two ways");
}

Test(routes, when_a_way_goes_all_flows_take_the_other)
{
    lab_model(ECMP);
    const char *udp = "udp,tp_dst=2000,dl_src=" MAC1 ",dl_dst=" ROUTER1 ",nw_src=10.1.0.11,nw_dst=30.0.0.12,tp_src=%u";
    expect_spread(ways_of_flows(udp, 2));
    lab_model(ROUTER_WITH(ROUTE("30.0.0.0/24", "10.2.0.13")));
    cr_assert_eq(~ways_of_flows(udp, 1), 0);
}

/* ---- Routers behind routers */

#define MACA "02:00:00:00:09:01"
#define MACB "02:00:00:00:09:02"
#define CHAIN(a_routes, b_routes)                                                                                      \
    "{'lswitch': [{'id': 'transit', 'topic': 'red', 'network_type': 'local', 'mtu': 1500}],"                           \
    " 'lrouter': [{'id': 'ra', 'topic': 'red', 'ports': ["                                                             \
    "  {'id': 'ra-1', 'topic': 'red', 'unique_key': 9001, 'mac': '" ROUTER1 "', 'lswitch': 'net1',"                    \
    "   'network': '10.1.0.1/24', 'networks': ['2001:db8:1::1/64']},"                                                  \
    "  {'id': 'ra-t', 'topic': 'red', 'unique_key': 9003, 'mac': '" MACA "', 'lswitch': 'transit',"                    \
    "   'network': '10.9.0.1/24', 'networks': ['2001:db8:9::1/64']}], 'routes': [" a_routes "]},"                      \
    " {'id': 'rb', 'topic': 'red', 'ports': ["                                                                         \
    "  {'id': 'rb-2', 'topic': 'red', 'unique_key': 9002, 'mac': '" ROUTER2 "', 'lswitch': 'net2',"                    \
    "   'network': '10.2.0.1/24', 'networks': ['2001:db8:2::1/64']},"                                                  \
    "  {'id': 'rb-t', 'topic': 'red', 'unique_key': 9004, 'mac': '" MACB "', 'lswitch': 'transit',"                    \
    "   'network': '10.9.0.2/24', 'networks': ['2001:db8:9::2/64']}], 'routes': [" b_routes "]}]}"
#define THERE ROUTE("10.2.0.0/24", "10.9.0.2") "," ROUTE("2001:db8:2::/64", "2001:db8:9::2")
#define BACK ROUTE("10.1.0.0/24", "10.9.0.1") "," ROUTE("2001:db8:1::/64", "2001:db8:9::1")

Test(routes, two_routers_in_a_row_take_two_off_the_ttl)
{
    lab_model(CHAIN(THERE, BACK));
    for (int i = 0; i < 2; i++) {
        lab_send("vm1", UDP4("64", MAC1, ROUTER1, "10.2.0.13"));
        lab_expect("vm3", UDP4("62", ROUTER2, MAC3, "10.2.0.13"));
        lab_send("vm1", UDP6("64", MAC1, ROUTER1, "2001:db8:2::13"));
        lab_expect("vm3", UDP6("62", ROUTER2, MAC3, "2001:db8:2::13"));
    }
    lab_expect_cached();
    lab_expect_silence();
    lab_expect_no_drop();
}

Test(routes, the_second_router_answers_for_itself)
{
    lab_model(CHAIN(THERE, BACK));
    lab_send("vm1", UDP4("2", MAC1, ROUTER1, "10.2.0.13"));
    lab_expect_icmp_error("vm1", "10.9.0.2", 11, 0, UDP4("2", MAC1, ROUTER1, "10.2.0.13"));
    lab_expect_drop("l3_ttl", 1);
    lab_send("vm1", UDP6("2", MAC1, ROUTER1, "2001:db8:2::13"));
    lab_expect_icmp_error("vm1", "2001:db8:9::2", 3, 0, UDP6("2", MAC1, ROUTER1, "2001:db8:2::13"));
    lab_expect_drop("l3_ttl", 1);
    lab_send("vm1", "icmp,icmp_type=8,dl_src=" MAC1 ",dl_dst=" ROUTER1 ",nw_src=10.1.0.11,nw_dst=10.2.0.1");
    lab_expect("vm1", "icmp,icmp_type=0,dl_src=" ROUTER1 ",dl_dst=" MAC1 ",nw_src=10.2.0.1,nw_dst=10.1.0.11");
    lab_expect_silence();
}

Test(routes, a_cached_flow_across_two_routers_needs_a_ttl_of_three)
{
    lab_model(CHAIN(THERE, BACK));
    lab_send("vm1", UDP4("64", MAC1, ROUTER1, "10.2.0.13"));
    lab_expect("vm3", UDP4("62", ROUTER2, MAC3, "10.2.0.13"));
    lab_send("vm1", UDP4("3", MAC1, ROUTER1, "10.2.0.13"));
    lab_expect_cached();
    lab_expect("vm3", UDP4("1", ROUTER2, MAC3, "10.2.0.13"));
    lab_send("vm1", UDP4("2", MAC1, ROUTER1, "10.2.0.13"));
    lab_expect_none("vm3");
    lab_expect_drop("l3_ttl", 1);
}

Test(routes, a_loop_of_routers_ends)
{
    lab_model(CHAIN(ROUTE("0.0.0.0/0", "10.9.0.2"), ROUTE("0.0.0.0/0", "10.9.0.1")));
    for (int i = 0; i < 2; i++) {
        lab_send("vm1", UDP4("255", MAC1, ROUTER1, "192.0.2.1"));
        lab_expect_silence();
        lab_expect_drop("loop", 1);
        lab_send("vm1", UDP4("5", MAC1, ROUTER1, "192.0.2.1"));
        lab_expect_icmp_error("vm1", "10.9.0.1", 11, 0, UDP4("5", MAC1, ROUTER1, "192.0.2.1"));
        lab_expect_silence();
        lab_expect_drop("l3_ttl", 1);
    }
}

/* ---- The same addresses twice */

Test(routes, equal_addresses_behind_two_routers_do_not_meet)
{
    lab_model(ROUTER_WITH(""));
    lab_model("{'lswitch': [{'id': 'other2', 'topic': 'blue', 'network_type': 'local'}],"
              " 'lport': [" PORT("vm5", "other2", "02:00:00:00:05:13", "'10.2.0.13'", "",
                                 "") "],"
                                     " 'lrouter': [{'id': 'r2', 'topic': 'blue', 'ports': ["
                                     "  {'id': 'r2-1', 'topic': 'blue', 'unique_key': 9011, 'mac': '" ROUTER1
                                     "', 'lswitch': 'other',"
                                     "   'network': '10.1.0.1/24'},"
                                     "  {'id': 'r2-2', 'topic': 'blue', 'unique_key': 9012, 'mac': '" ROUTER2
                                     "', 'lswitch': 'other2',"
                                     "   'network': '10.2.0.1/24'}]}]}");
    for (int i = 0; i < 2; i++) {
        lab_send("vm1", UDP4("64", MAC1, ROUTER1, "10.2.0.13"));
        lab_expect("vm3", UDP4("63", ROUTER2, MAC3, "10.2.0.13"));
        lab_send("vm4", UDP4("64", MAC4, ROUTER1, "10.2.0.13"));
        lab_expect("vm5", UDP4("63", ROUTER2, "02:00:00:00:05:13", "10.2.0.13"));
        lab_expect_silence();
    }
    lab_expect_cached();
    lab_send("vm4", "arp,arp_op=1,arp_spa=10.1.0.11,arp_tpa=10.1.0.12,arp_sha=" MAC4 ",dl_src=" MAC4);
    lab_expect_silence();
    lab_expect_drop("l2_no_member", 1);
}
