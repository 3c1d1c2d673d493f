/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scenario/lab.h"
#include "tests/scenario/models.h"

/*
 * Decisions that a change made stale. A flow is in the cache, something it was decided from changes, and its very next
 * packet goes the new way.
 */

static void running(void)
{
    lab_up();
    lab_model(MODEL_NETWORKS);
    lab_model(MODEL_ROUTER);
    lab_model(MODEL_PORTS);
}

TestSuite(stale, .init = running, .fini = lab_down);

#define TO_VM2 "udp,tp_src=1000,tp_dst=2000,dl_src=" MAC1 ",dl_dst=" MAC2 ",nw_src=10.1.0.11,nw_dst=10.1.0.12"
#define TO_VM3                                                                                                         \
    "udp,tp_src=1000,tp_dst=2000,nw_ttl=64,dl_src=" MAC1 ",dl_dst=" ROUTER1 ",nw_src=10.1.0.11,nw_dst=10.2.0.13"
#define AT_VM3                                                                                                         \
    "udp,tp_src=1000,tp_dst=2000,nw_ttl=63,dl_src=" ROUTER2 ",dl_dst=" MAC3 ",nw_src=10.1.0.11,nw_dst=10.2.0.13"
#define TO_VM3_6                                                                                                       \
    "udp6,tp_src=1,tp_dst=2,nw_ttl=64,dl_src=" MAC1 ",dl_dst=" ROUTER1                                                 \
    ",ipv6_src=2001:db8:1::11,ipv6_dst=2001:db8:2::13"
#define AT_VM3_6                                                                                                       \
    "udp6,tp_src=1,tp_dst=2,nw_ttl=63,dl_src=" ROUTER2 ",dl_dst=" MAC3                                                 \
    ",ipv6_src=2001:db8:1::11,ipv6_dst=2001:db8:2::13"

static void twice(const char *words, const char *port, const char *comes)
{
    for (int i = 0; i < 2; i++) {
        lab_send("vm1", words);
        lab_expect(port, comes);
    }
    lab_expect_cached();
}

/* Both flows of vm1 are in the cache. */
static void established(void)
{
    twice(TO_VM2, "vm2", TO_VM2);
    twice(TO_VM3, "vm3", AT_VM3);
    twice(TO_VM3_6, "vm3", AT_VM3_6);
}

static void dropped(const char *words, const char *reason)
{
    lab_send("vm1", words);
    lab_expect_none("vm2");
    lab_expect_none("vm3");
    lab_expect_drop(reason, 1);
}

#define VM1_WITH(ips, more) "{'lport': [" PORT("vm1", "net1", MAC1, ips, "'sub1'", more) "]}"

Test(stale, an_address_taken_from_a_port_is_spoofed_at_once)
{
    established();
    lab_model(VM1_WITH("'10.1.0.44'", ""));
    dropped(TO_VM2, "spoofed_ipv4");
    dropped(TO_VM3, "spoofed_ipv4");
    dropped(TO_VM3_6, "spoofed_ipv6");
    lab_model("{'lport': [" VM1 "]}");
    established();
}

Test(stale, a_drop_for_spoofing_ends_when_the_address_is_given)
{
    const char *words = "udp,tp_src=1,tp_dst=2,dl_src=" MAC1 ",dl_dst=" MAC2 ",nw_src=10.1.0.44,nw_dst=10.1.0.12";
    dropped(words, "spoofed_ipv4");
    dropped(words, "spoofed_ipv4");
    lab_expect_cached();
    lab_model(VM1_WITH("'10.1.0.11'", ", 'allowed_address_pairs': [{'ip_address': '10.1.0.44'}]"));
    twice(words, "vm2", words);
    lab_model("{'lport': [" VM1 "]}");
    dropped(words, "spoofed_ipv4");
}

Test(stale, port_security_goes_on_and_off_for_a_kept_flow)
{
    const char *words = "udp,tp_src=1,tp_dst=2,dl_src=" MAC4 ",dl_dst=" MAC2 ",nw_src=9.9.9.9,nw_dst=10.1.0.12";
    lab_model(VM1_WITH("'10.1.0.11'", ", 'port_security_enabled': false"));
    twice(words, "vm2", words);
    lab_model(VM1_WITH("'10.1.0.11'", ""));
    dropped(words, "spoofed_mac");
    lab_model(VM1_WITH("'10.1.0.11'", ", 'port_security_enabled': false"));
    twice(words, "vm2", words);
}

Test(stale, a_router_that_is_removed_forwards_nothing_more)
{
    established();
    lab_delete("lrouter", "r1");
    dropped(TO_VM3, "l2_unknown");
    dropped(TO_VM3_6, "l2_unknown");
    lab_send("vm1", TO_VM2);
    lab_expect_cached();
    lab_expect("vm2", TO_VM2);
    lab_model(MODEL_ROUTER);
    established();
}

Test(stale, a_router_that_is_disabled_is_as_if_removed)
{
    established();
    lab_model("{'lrouter': [{'id': 'r1', 'topic': 'red', 'name': 'r1', 'enabled': false, 'ports': ["
              "  {'id': 'r1-net1', 'topic': 'red', 'unique_key': 9001, 'mac': '" ROUTER1 "', 'lswitch': 'net1',"
              "   'network': '10.1.0.1/24'},"
              "  {'id': 'r1-net2', 'topic': 'red', 'unique_key': 9002, 'mac': '" ROUTER2 "', 'lswitch': 'net2',"
              "   'network': '10.2.0.1/24'}]}]}");
    dropped(TO_VM3, "l2_unknown");
    lab_model(MODEL_ROUTER);
    established();
}

Test(stale, a_routers_new_mac_is_the_new_way)
{
#define NEW "02:00:00:00:02:aa"
    established();
    lab_model("{'lrouter': [{'id': 'r1', 'topic': 'red', 'name': 'r1', 'ports': ["
              "  {'id': 'r1-net1', 'topic': 'red', 'unique_key': 9001, 'mac': '" ROUTER1 "', 'lswitch': 'net1',"
              "   'network': '10.1.0.1/24'},"
              "  {'id': 'r1-net2', 'topic': 'red', 'unique_key': 9002, 'mac': '" NEW "', 'lswitch': 'net2',"
              "   'network': '10.2.0.1/24'}]}]}");
    lab_send("vm1", TO_VM3);
    lab_expect_walked();
    lab_expect("vm3", "udp,tp_src=1000,tp_dst=2000,nw_ttl=63,dl_src=" NEW ",dl_dst=" MAC3
                      ",nw_src=10.1.0.11,nw_dst=10.2.0.13");
}

Test(stale, a_longer_route_takes_a_kept_flow_over_and_gives_it_back)
{
    established();
    lab_model("{'lrouter': [{'id': 'r1', 'topic': 'red', 'name': 'r1', 'ports': ["
              "  {'id': 'r1-net1', 'topic': 'red', 'unique_key': 9001, 'mac': '" ROUTER1 "', 'lswitch': 'net1',"
              "   'network': '10.1.0.1/24', 'networks': ['2001:db8:1::1/64']},"
              "  {'id': 'r1-net2', 'topic': 'red', 'unique_key': 9002, 'mac': '" ROUTER2 "', 'lswitch': 'net2',"
              "   'network': '10.2.0.1/24', 'networks': ['2001:db8:2::1/64']}], 'routes': ["
              "  {'destination': '10.2.0.13/32', 'nexthop': '10.1.0.12'},"
              "  {'destination': '2001:db8:2::13/128', 'nexthop': '2001:db8:1::12'}]}]}");
    lab_send("vm1", TO_VM3);
    lab_expect("vm2", "udp,tp_src=1000,tp_dst=2000,nw_ttl=63,dl_src=" ROUTER1 ",dl_dst=" MAC2
                      ",nw_src=10.1.0.11,nw_dst=10.2.0.13");
    lab_send("vm1", TO_VM3_6);
    lab_expect("vm2", "udp6,tp_src=1,tp_dst=2,nw_ttl=63,dl_src=" ROUTER1 ",dl_dst=" MAC2
                      ",ipv6_src=2001:db8:1::11,ipv6_dst=2001:db8:2::13");
    lab_expect_silence();
    lab_model(MODEL_ROUTER);
    established();
}

Test(stale, a_mac_moves_from_one_port_to_another)
{
    established();
    lab_model("{'lport': [" PORT("vm2", "net1", "02:00:00:00:01:22", "'10.1.0.12'", "'sub1'",
                                 "") "," PORT("vm5", "net1", MAC2, "'10.1.0.15'", "'sub1'", "") "]}");
    lab_send("vm1", TO_VM2);
    lab_expect("vm5", TO_VM2);
    lab_expect_silence();
}

Test(stale, an_unknown_mac_is_known_when_its_port_comes)
{
#define TO_NEW "udp,tp_src=1,tp_dst=2,dl_src=" MAC1 ",dl_dst=02:00:00:00:01:15,nw_src=10.1.0.11,nw_dst=10.1.0.15"
    dropped(TO_NEW, "l2_unknown");
    dropped(TO_NEW, "l2_unknown");
    lab_expect_cached();
    lab_model("{'lport': [" PORT("vm5", "net1", "02:00:00:00:01:15", "'10.1.0.15'", "'sub1'", "") "]}");
    twice(TO_NEW, "vm5", TO_NEW);
}

Test(stale, an_unknown_mac_is_flooded_when_a_port_wants_it)
{
    dropped(TO_NEW, "l2_unknown");
    lab_model("{'lport': [" PORT("vm5", "net1", "02:00:00:00:01:55", "'10.1.0.55'", "'sub1'",
                                 ", 'port_security_enabled': false") "]}");
    lab_send("vm1", TO_NEW);
    lab_expect("vm5", TO_NEW);
    lab_delete("lport", "vm5");
    dropped(TO_NEW, "l2_unknown");
}

Test(stale, a_sender_that_is_disabled_is_not_heard)
{
    established();
    lab_model(VM1_WITH("'10.1.0.11'", ", 'enabled': false"));
    struct df_port_status status;
    cr_assert_eq(df_controller_port_status(lab_controller(), "vm1", &status), 0);
    cr_assert(strstr(status.reason, "disabled") != NULL, "the reason is '%s'", status.reason);
    lab_send("vm2", "udp,dl_src=" MAC2 ",dl_dst=" MAC1 ",nw_src=10.1.0.12,nw_dst=10.1.0.11");
    lab_expect_silence();
    lab_expect_drop("l2_unknown", 1);
    lab_model("{'lport': [" VM1 "]}");
    established();
}

Test(stale, a_port_in_another_network_has_left_the_first)
{
    established();
    lab_model("{'lport': [" PORT("vm2", "other", MAC2, "'10.1.0.12'", "'subo'", "") "]}");
    dropped(TO_VM2, "l2_unknown");
    const char *in_other = "udp,dl_src=" MAC4 ",dl_dst=" MAC2 ",nw_src=10.1.0.11,nw_dst=10.1.0.12";
    lab_send("vm4", in_other);
    lab_expect("vm2", in_other);
    lab_expect_silence();
}

Test(stale, a_flow_to_a_port_that_went_and_came_goes_to_the_new_one)
{
    established();
    lab_delete("lport", "vm3");
    dropped(TO_VM3, "l3_no_neighbour");
    size_t len;
    cr_assert_not_null(lab_receive("vm1", &len), "host unreachable");
    lab_model("{'lport': [" PORT("vm6", "net2", MAC3, "'10.2.0.13'", "'sub2'", "") "]}");
    twice(TO_VM3, "vm6", AT_VM3);
}

Test(stale, a_broadcast_reaches_who_joins_and_not_who_left)
{
    const char *words =
        "udp,tp_src=5,tp_dst=9,dl_src=" MAC1 ",dl_dst=ff:ff:ff:ff:ff:ff,nw_src=10.1.0.11,nw_dst=10.1.0.255";
    lab_send("vm1", words);
    lab_expect("vm2", words);
    lab_send("vm1", words);
    lab_expect("vm2", words);
    lab_model("{'lport': [" PORT("vm5", "net1", "02:00:00:00:01:15", "'10.1.0.15'", "'sub1'", "") "]}");
    lab_send("vm1", words);
    lab_expect("vm2", words);
    lab_expect("vm5", words);
    lab_delete("lport", "vm2");
    lab_send("vm1", words);
    lab_expect("vm5", words);
    lab_expect_silence();
}

Test(stale, a_network_that_is_removed_closes_its_ports_until_it_is_back)
{
    established();
    lab_delete("lswitch", "net1");
    dropped(TO_VM2, "no_lport");
    dropped(TO_VM3, "no_lport");
    lab_model("{'lswitch': [{'id': 'net1', 'topic': 'red', 'name': 'net1', 'network_type': 'local', 'mtu': 1500}]}");
    established();
}
