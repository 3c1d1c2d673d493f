/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scenario/groups.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/trace/trace.h"
#include "control/trace/words.h"
#include "fastpath/tables/flood_allowance.h"
#include "fastpath/worker/worker.h"
#include "tests/scenario/memory_port.h"

/*
 * Broadcast across nodes. Three tenants have a network of each type, and all is the same in them, as in tunnel_types.c:
 *
 *   vx vxlan  vm1 vm4     gn geneve  vm2     gr gre  vm3      each key 5001
 *
 *   node2 192.0.2.2        node3 192.0.2.3        node4 192.0.2.4        node6 2001:db8:ff::3
 *
 * A node has the ports of vx, gn and gr that a test puts there.
 */

#define KEY 5001
#define PEER4 "192.0.2.4" /* behind the MAC of node3 */
#define PEER6 LAB_PEER3_IP6
#define MAC_VM4 "02:00:00:00:01:14"
#define FAR "02:00:00:00:01:21"

#define NETWORK(id, type)                                                                                              \
    "{'id': '" id "', 'topic': '" id "', 'name': '" id "', 'network_type': '" type                                     \
    "', 'segmentation_id': 5001, 'mtu': 1400}"
#define NETWORKS "{'lswitch': [" NETWORK("vx", "vxlan") "," NETWORK("gn", "geneve") "," NETWORK("gr", "gre") "]}"
#define CHASSIS(id, ip, types) "{'id': '" id "', 'ip': '" ip "', 'tunnel_types': [" types "]}"
#define ALL_TYPES "'geneve', 'vxlan', 'gre'"
#define CHASSES                                                                                                        \
    "{'chassis': [" CHASSIS("node2", LAB_PEER2, ALL_TYPES) "," CHASSIS("node3", LAB_PEER3, ALL_TYPES) "," CHASSIS(     \
        "node4", PEER4, ALL_TYPES) "," CHASSIS("node6", PEER6, ALL_TYPES) "]}"
#define HERE(id, net, mac, ip, more)                                                                                   \
    "{'id': '" id "', 'topic': '" net "', 'lswitch': '" net "', 'macs': ['" mac "'], 'ips': ['" ip                     \
    "'], 'binding': {'type': 'chassis', 'chassis': 'node1', 'vif_type': 'ethdev', 'vif_name': '" id "'}" more "}"
#define VM1_(more) HERE("vm1", "vx", MAC1, "10.1.0.11", more)
#define VM4_(more) HERE("vm4", "vx", MAC_VM4, "10.1.0.14", more)

static void up(void)
{
    static const char *const local_ips[] = {LAB_UNDERLAY_IP, LAB_UNDERLAY_IP6, NULL};
    static const char *const neighbours[] = {LAB_PEER2 "=" LAB_PEER2_MAC, LAB_PEER3 "=" LAB_PEER3_MAC,
                                             PEER4 "=" LAB_PEER3_MAC,     PEER6 "=" LAB_PEER3_MAC,
                                             "192.0.2.5=" LAB_PEER3_MAC,  NULL};
    struct df_underlay_config underlay = {
        .port = "up0", .local_ips = local_ips, .neighbours = neighbours, .udp6_checksum = true, .mtu = 1500};
    size_t len;
    lab_up_underlay(&underlay);
    lab_turn_ms(LAB_ANNOUNCE_MS);
    while (lab_receive("up0", &len) != NULL)
        ; /* what it says of itself */
    lab_model(NETWORKS);
    lab_model(CHASSES);
    lab_model("{'lport': [" VM1_(OPEN) "," HERE("vm2", "gn", MAC1, "10.1.0.11", OPEN) "," HERE(
        "vm3", "gr", MAC1, "10.1.0.11", OPEN) "," VM4_(OPEN) "]}");
}

TestSuite(flood, .init = up, .fini = lab_down);

/* A port of the network on that node. */
static void there_with(const char *id, const char *net, const char *node, const char *more)
{
    char json[512];
    snprintf(json, sizeof(json),
             "{'lport': [{'id': '%s', 'topic': '%s', 'lswitch': '%s', 'macs': ['" FAR "'], 'ips': ['10.1.0.21'],"
             " 'binding': {'type': 'chassis', 'chassis': '%s'}%s}]}",
             id, net, net, node, more);
    lab_model(json);
}

static void there(const char *id, const char *net, const char *node)
{
    there_with(id, net, node, "");
}

static const struct lab_way vxlan = {.type = "vxlan"}, vxlan6 = {.type = "vxlan", .ip6 = true, .checksum = true};

#define ALL "dl_dst=ff:ff:ff:ff:ff:ff"
#define BROADCAST "udp,tp_src=5,tp_dst=9,dl_src=" MAC1 "," ALL ",nw_src=10.1.0.11,nw_dst=255.255.255.255"
#define MDNS "udp,tp_src=5353,tp_dst=5353,dl_src=" MAC1 ",dl_dst=01:00:5e:00:00:fb,nw_src=10.1.0.11,nw_dst=224.0.0.251"
#define MDNS6 "udp6,tp_src=5353,tp_dst=5353,dl_src=" MAC1 ",dl_dst=33:33:00:00:00:fb,ipv6_src=fe80::1,ipv6_dst=ff02::fb"
#define ARP_FOR(ip) "arp,arp_op=1,arp_spa=10.1.0.11,arp_tpa=" ip ",arp_sha=" MAC1 ",dl_src=" MAC1 "," ALL
#define FAR_BROADCAST "udp,tp_src=5,tp_dst=9,dl_src=" FAR "," ALL ",nw_src=10.1.0.21,nw_dst=255.255.255.255"

static void quiet(void)
{
    lab_expect_silence();
    lab_expect_no_drop();
}

/* ---- To whom */

Test(flood, a_broadcast_goes_to_the_local_ports_and_once_to_each_node_with_a_port)
{
    there("far2", "vx", "node2");
    there("far3", "vx", "node3");
    there("far4", "vx", "node4");
    const char *const frames[] = {BROADCAST, MDNS, MDNS6, ARP_FOR("10.1.0.99")};
    for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
        lab_send("vm1", frames[i]);
        lab_expect("vm4", frames[i]);
        lab_expect_tunnel(LAB_PEER2, KEY, frames[i]);
        lab_expect_tunnel(LAB_PEER3, KEY, frames[i]);
        lab_expect_tunnel(PEER4, KEY, frames[i]);
        quiet();
    }
}

Test(flood, two_ports_on_a_node_are_one_copy_and_the_last_one_takes_it_along)
{
    there("far2", "vx", "node2");
    there("another2", "vx", "node2");
    lab_send("vm1", BROADCAST);
    lab_expect("vm4", BROADCAST);
    lab_expect_tunnel(LAB_PEER2, KEY, BROADCAST);
    quiet();
    lab_delete("lport", "another2");
    lab_send("vm1", BROADCAST);
    lab_expect("vm4", BROADCAST);
    lab_expect_tunnel(LAB_PEER2, KEY, BROADCAST);
    quiet();
    lab_delete("lport", "far2");
    lab_send("vm1", BROADCAST);
    lab_expect("vm4", BROADCAST);
    quiet();
}

Test(flood, a_port_that_moves_or_is_disabled_takes_the_copy_along)
{
    there("far2", "vx", "node2");
    there("far2", "vx", "node3");
    lab_send("vm1", BROADCAST);
    lab_expect("vm4", BROADCAST);
    lab_expect_tunnel(LAB_PEER3, KEY, BROADCAST);
    quiet();
    there_with("far2", "vx", "node3", ", 'enabled': false");
    lab_send("vm1", BROADCAST);
    lab_expect("vm4", BROADCAST);
    quiet();
    there("far2", "gn", "node3");
    lab_send("vm1", BROADCAST);
    lab_expect("vm4", BROADCAST);
    quiet();
}

Test(flood, without_another_local_port_it_goes_to_nodes_alone)
{
    lab_delete("lport", "vm4");
    lab_refused("vm1", BROADCAST, "l2_no_member");
    there("far2", "vx", "node2");
    lab_send("vm1", BROADCAST);
    lab_expect_tunnel(LAB_PEER2, KEY, BROADCAST);
    quiet();
}

Test(flood, ports_of_the_network_that_are_there_before_the_local_one_are_found)
{
    lab_delete("lport", "vm1");
    lab_delete("lport", "vm4");
    there("far2", "vx", "node2");
    lab_model("{'lport': [" VM1_(OPEN) "]}");
    lab_send("vm1", BROADCAST);
    lab_expect_tunnel(LAB_PEER2, KEY, BROADCAST);
    quiet();
}

Test(flood, a_node_that_was_not_known_yet_gets_copies_when_it_is)
{
    there("far9", "vx", "node9");
    lab_send("vm1", BROADCAST);
    lab_expect("vm4", BROADCAST);
    quiet();
    lab_model("{'chassis': [" CHASSIS("node9", "192.0.2.5", ALL_TYPES) "]}");
    lab_send("vm1", BROADCAST);
    lab_expect("vm4", BROADCAST);
    lab_expect_tunnel("192.0.2.5", KEY, BROADCAST);
    quiet();
    lab_delete("chassis", "node9");
    lab_send("vm1", BROADCAST);
    lab_expect("vm4", BROADCAST);
    quiet();
}

Test(flood, two_nodes_at_one_address_are_one_copy)
{
    there("far2", "vx", "node2");
    there("far9", "vx", "node9");
    lab_model("{'chassis': [" CHASSIS("node9", LAB_PEER2, ALL_TYPES) "]}");
    lab_send("vm1", BROADCAST);
    lab_expect("vm4", BROADCAST);
    lab_expect_tunnel(LAB_PEER2, KEY, BROADCAST);
    quiet();
}

Test(flood, a_vtep_gets_a_copy_for_all_ports_behind_it)
{
#define BEHIND(id, mac)                                                                                                \
    "{'id': '" id "', 'topic': 'vx', 'lswitch': 'vx', 'macs': ['" mac                                                  \
    "'], 'binding': {'type': 'vtep', 'vtep_address': '192.0.2.5'}}"
    lab_model("{'lport': [" BEHIND("v1", "02:00:00:00:01:51") "," BEHIND("v2", "02:00:00:00:01:52") "]}");
    lab_send("vm1", BROADCAST);
    lab_expect("vm4", BROADCAST);
    lab_expect_tunnel("192.0.2.5", KEY, BROADCAST);
    quiet();
    lab_send_tunnel("192.0.2.5", KEY, FAR_BROADCAST);
    lab_expect("vm1", FAR_BROADCAST);
    lab_expect("vm4", FAR_BROADCAST);
    quiet();
}

Test(flood, a_node_without_a_common_type_gets_none)
{
    lab_model("{'chassis': [{'id': 'node2', 'ip': '" LAB_PEER2 "'}]}");
    there("far2", "vx", "node2");
    lab_send("vm1", BROADCAST);
    lab_expect("vm4", BROADCAST);
    quiet();
}

static void hold_lease(const char *node, bool held)
{
    char lease[64];
    snprintf(lease, sizeof(lease), "chassis-%s", node);
    struct df_nb_change change = {
        .event = held ? DF_NB_LEASE_HELD : DF_NB_LEASE_ENDED, .id = lease, .owner = held ? "somebody" : NULL};
    df_controller_change(lab_controller(), &change);
    df_controller_settle(lab_controller());
}

Test(flood, a_dead_node_gets_no_copy_until_it_lives_again)
{
    there("far2", "vx", "node2");
    there("far3", "vx", "node3");
    lab_model("{'service': [{'id': 's2', 'chassis': 'node2', 'binary': 'df-switchd'}]}");
    hold_lease("node2", true);
    lab_send("vm1", BROADCAST);
    lab_expect("vm4", BROADCAST);
    lab_expect_tunnel(LAB_PEER2, KEY, BROADCAST);
    lab_expect_tunnel(LAB_PEER3, KEY, BROADCAST);
    quiet();
    hold_lease("node2", false);
    lab_turn_ms(4000);
    lab_turn_ms(0);
    lab_send("vm1", BROADCAST);
    lab_expect("vm4", BROADCAST);
    lab_expect_tunnel(LAB_PEER3, KEY, BROADCAST);
    quiet();
    hold_lease("node2", true);
    lab_send("vm1", BROADCAST);
    lab_expect("vm4", BROADCAST);
    lab_expect_tunnel(LAB_PEER2, KEY, BROADCAST);
    lab_expect_tunnel(LAB_PEER3, KEY, BROADCAST);
    quiet();
}

/* ---- By which type */

Test(flood, each_network_goes_by_its_own_type_over_both_families)
{
    static const struct lab_way ways4[] = {{.type = "vxlan"}, {.type = "geneve"}, {.type = "gre"}};
    static const struct lab_way ways6[] = {{.type = "vxlan", .ip6 = true, .checksum = true},
                                           {.type = "geneve", .ip6 = true, .checksum = true},
                                           {.type = "gre", .ip6 = true}};
    static const char *const nets[] = {"vx", "gn", "gr"}, *const vms[] = {"vm1", "vm2", "vm3"};
    for (size_t i = 0; i < 3; i++) {
        char id[8];
        snprintf(id, sizeof(id), "a%zu", i);
        there(id, nets[i], "node2");
        snprintf(id, sizeof(id), "b%zu", i);
        there(id, nets[i], "node6");
    }
    for (size_t i = 0; i < 3; i++) {
        lab_send(vms[i], BROADCAST);
        if (i == 0)
            lab_expect("vm4", BROADCAST);
        lab_expect_by(&ways4[i], LAB_PEER2, KEY, BROADCAST);
        lab_expect_by(&ways6[i], PEER6, KEY, BROADCAST);
        quiet();
    }
}

Test(flood, each_node_gets_it_by_the_best_type_that_both_speak)
{
    static const struct lab_way geneve = {.type = "geneve"}, gre = {.type = "gre"};
    lab_model("{'chassis': [" CHASSIS("node2", LAB_PEER2, "'gre'") "," CHASSIS("node3", LAB_PEER3, "'geneve'") "]}");
    there("far2", "vx", "node2");
    there("far3", "vx", "node3");
    there("far4", "vx", "node4");
    lab_send("vm1", BROADCAST);
    lab_expect("vm4", BROADCAST);
    lab_expect_by(&gre, LAB_PEER2, KEY, BROADCAST);
    lab_expect_by(&geneve, LAB_PEER3, KEY, BROADCAST);
    lab_expect_by(&vxlan, PEER4, KEY, BROADCAST);
    quiet();
}

/* ---- From others */

Test(flood, what_came_by_a_tunnel_goes_to_local_ports_alone)
{
    there("far2", "vx", "node2");
    there("far3", "vx", "node3");
    there("far6", "vx", "node6");
    lab_send_tunnel(LAB_PEER2, KEY, FAR_BROADCAST);
    lab_expect("vm1", FAR_BROADCAST);
    lab_expect("vm4", FAR_BROADCAST);
    quiet();
    lab_send_by(&vxlan6, PEER6, KEY, FAR_BROADCAST);
    lab_expect("vm1", FAR_BROADCAST);
    lab_expect("vm4", FAR_BROADCAST);
    quiet();
}

Test(flood, a_broadcast_from_a_stranger_or_with_a_key_of_nobody_is_dropped_by_name)
{
    there("far2", "vx", "node2");
    lab_send_tunnel("192.0.2.77", KEY, FAR_BROADCAST);
    lab_expect_silence();
    lab_expect_drop("tunnel_unknown_peer", 1);
    lab_send_tunnel(LAB_PEER2, KEY + 1, FAR_BROADCAST);
    lab_expect_silence();
    lab_expect_drop("tunnel_unknown_key", 1);
}

/* ---- What does not go out */

Test(flood, what_is_known_is_answered_here_and_asked_nobody)
{
    there("far2", "vx", "node2");
    lab_send("vm1", ARP_FOR("10.1.0.21"));
    lab_expect("vm1", "arp,arp_op=2,arp_spa=10.1.0.21,arp_tpa=10.1.0.11,arp_sha=" FAR ",arp_tha=" MAC1 ",dl_src=" FAR
                      ",dl_dst=" MAC1);
    quiet();
}

Test(flood, a_reserved_address_crosses_no_node)
{
    there("far2", "vx", "node2");
    lab_refused("vm1",
                "udp,tp_src=5,tp_dst=9,dl_src=" MAC1 ",dl_dst=01:80:c2:00:00:0e,nw_src=10.1.0.11,nw_dst=10.1.0.21",
                "l2_reserved");
}

Test(flood, port_security_and_groups_of_the_sender_come_first)
{
    there("far2", "vx", "node2");
    lab_model(GROUPS(GROUP("mdns", OUT4("mdns-out", PROTOCOL("udp") RANGE("5353", "5353")))));
    lab_model("{'lport': [" VM1_(IN_GROUPS("'mdns'")) "]}");
    lab_send("vm1", MDNS);
    lab_expect("vm4", MDNS);
    lab_expect_tunnel(LAB_PEER2, KEY, MDNS);
    quiet();
    lab_refused("vm1", BROADCAST, "sg_egress");
    lab_refused("vm1",
                "udp,tp_src=5353,tp_dst=5353,dl_src=02:00:00:00:66:66,dl_dst=01:00:5e:00:00:fb,"
                "nw_src=10.1.0.11,nw_dst=224.0.0.251",
                "spoofed_mac");
}

Test(flood, groups_of_a_receiver_judge_what_came_from_another_node)
{
    there("far2", "vx", "node2");
    lab_model(GROUPS(GROUP("nothing-in", OUT4("any-out", ""))));
    lab_model("{'lport': [" VM4_(IN_GROUPS("'nothing-in'")) "]}");
    lab_send_tunnel(LAB_PEER2, KEY, FAR_BROADCAST);
    lab_expect("vm1", FAR_BROADCAST);
    quiet();
}

Test(flood, an_unknown_mac_is_looked_for_where_ports_may_have_any)
{
    const char *words =
        "udp,tp_src=5,tp_dst=9,dl_src=" MAC1 ",dl_dst=02:00:00:00:01:99,nw_src=10.1.0.11,nw_dst=10.1.0.9";
    lab_delete("lport", "vm4");
    there("far2", "vx", "node2");
    there("far3", "vx", "node3");
    lab_refused("vm1", words, "l2_unknown");
    there_with("far3", "vx", "node3", OPEN);
    lab_send("vm1", words);
    lab_expect_tunnel(LAB_PEER3, KEY, words);
    quiet();
    there("far3", "vx", "node3");
    lab_refused("vm1", words, "l2_unknown");
}

/* ---- Fragments */

static const char *const fragments[] = {"udp,nw_frag=first,tp_src=5,tp_dst=9,len=64,ip_id=7,dl_src=" MAC1 "," ALL
                                        ",nw_src=10.1.0.11,nw_dst=255.255.255.255",
                                        "udp,nw_frag=later,frag_offset=72,len=64,ip_id=7,dl_src=" MAC1 "," ALL
                                        ",nw_src=10.1.0.11,nw_dst=255.255.255.255"};

static void expect_fragment(const char *words)
{
    lab_expect("vm4", words);
    lab_expect_tunnel(LAB_PEER2, KEY, words);
}

Test(flood, fragments_go_to_the_same)
{
    there("far2", "vx", "node2");
    for (size_t i = 0; i < 2; i++) {
        lab_send("vm1", fragments[i]);
        expect_fragment(fragments[i]);
    }
    quiet();
}

/* The copy for node2 needs no ports; the one for vm4 does, so all are made when they are known. */
Test(flood, a_later_fragment_that_waits_is_copied_once)
{
    there("far2", "vx", "node2");
    lab_model(GROUPS(GROUP("nine", IN4("nine-in", PROTOCOL("udp") RANGE("9", "9")))));
    lab_model("{'lport': [" VM4_(IN_GROUPS("'nine'")) "]}");
    lab_send("vm1", fragments[1]);
    lab_expect_silence();
    lab_send("vm1", fragments[0]);
    expect_fragment(fragments[0]);
    expect_fragment(fragments[1]);
    quiet();
}

/* ---- Copies that are not made */

/* It asks for the MACs of other nodes. */
static void forget_questions(void)
{
    struct rte_mbuf *mbuf;
    lab_turn_ms(0);
    while ((mbuf = memory_port_take("up0")) != NULL)
        rte_pktmbuf_free(mbuf);
}

static void expect_problem(const char *words)
{
    struct df_error error;
    json_t *report = df_controller_report(lab_controller(), "show", NULL, &error);
    char *text = json_dumps(json_object_get(report, "problems"), JSON_COMPACT);
    cr_assert_not_null(strstr(text, words), "no \"%s\" in %s", words, text);
    free(text);
    json_decref(report);
}

Test(flood, a_copy_that_is_lost_is_counted_and_the_others_are_made)
{
    /* Nobody answers for the MAC of node9. */
    there("far2", "vx", "node2");
    there("far8", "vx", "node8");
    there("far9", "vx", "node9");
    lab_model(
        "{'chassis': [" CHASSIS("node8", "192.0.2.8", ALL_TYPES) "," CHASSIS("node9", "192.0.2.9", ALL_TYPES) "]}");
    forget_questions();
    lab_send("vm1", BROADCAST);
    lab_expect("vm4", BROADCAST);
    lab_expect_tunnel(LAB_PEER2, KEY, BROADCAST);
    lab_expect_silence();
    lab_expect_drop("peer_unresolved", 2);
}

Test(flood, more_nodes_than_may_hear_a_network_are_left_out_by_name)
{
    static char json[256 * 1024];
    const unsigned over = 3, n = DF_FLOOD_PEERS_MAX + over;
    size_t at = (size_t)snprintf(json, sizeof(json), "{'chassis': [");
    for (unsigned i = 0; i < n; i++)
        at += (size_t)snprintf(json + at, sizeof(json) - at,
                               "%s{'id': 'n%u', 'ip': '10.9.%u.%u', 'tunnel_types': ['vxlan']}", i ? "," : "", i,
                               i / 250, i % 250 + 1);
    snprintf(json + at, sizeof(json) - at, "]}");
    lab_model(json);
    at = (size_t)snprintf(json, sizeof(json), "{'lport': [");
    for (unsigned i = 0; i < n; i++)
        at += (size_t)snprintf(json + at, sizeof(json) - at,
                               "%s{'id': 'p%u', 'topic': 'vx', 'lswitch': 'vx', 'macs': ['02:00:00:09:%02x:%02x'],"
                               " 'binding': {'type': 'chassis', 'chassis': 'n%u'}}",
                               i ? "," : "", i, i / 250, i % 250, i);
    snprintf(json + at, sizeof(json) - at, "]}");
    lab_model(json);
    forget_questions();
    lab_send("vm1", BROADCAST);
    lab_expect("vm4", BROADCAST);
    cr_assert_eq(lab_port_drops("vm1", "peer_unresolved"), DF_FLOOD_PEERS_MAX, "a copy for each that may have one");
    cr_assert_eq(lab_port_drops("vm1", "flood_peer_limit"), 1);
    forget_questions();
    expect_problem("3 do not hear it");
}

/* ---- How often */

static unsigned received(const char *port)
{
    size_t len;
    unsigned n = 0;
    while (lab_receive(port, &len) != NULL)
        n++;
    return n;
}

/* Broadcasts of vm1, of which three copies are made each. How many passed. */
static unsigned flood(unsigned frames)
{
    unsigned passed = 0, by_tunnel = 0;
    for (unsigned i = 0; i < frames; i++) {
        lab_send("vm1", BROADCAST);
        passed += received("vm4");
        by_tunnel += received("up0");
    }
    cr_assert_eq(by_tunnel, 2 * passed, "a flood is whole or not at all");
    return passed;
}

#define AT_ONCE (LAB_FLOOD_COPIES_PER_SECOND / 64 / 3 + 1)

Test(flood, a_port_has_so_much_copied_in_a_second_and_no_more)
{
    const unsigned at_once = AT_ONCE, frames = at_once + 100, in_3_ms = LAB_FLOOD_COPIES_PER_SECOND / 1000;
    there("far2", "vx", "node2");
    there("far3", "vx", "node3");
    cr_assert_eq(flood(frames), at_once);
    lab_expect_drop("rate_flood", frames - at_once);
    lab_turn_ms(3);
    cr_assert_eq(flood(in_3_ms + 100), in_3_ms, "what three milliseconds paid off");
    lab_expect_drop("rate_flood", 100);
    lab_turn_ms(1000);
    cr_assert_eq(flood(frames), at_once, "a pause is worth no more than what may be at once");
    lab_expect_drop("rate_flood", frames - at_once);
}

Test(flood, a_port_that_floods_too_much_is_not_in_the_way_of_others)
{
    const char *unicast = "udp,tp_src=5,tp_dst=9,dl_src=" MAC1 ",dl_dst=" MAC_VM4 ",nw_src=10.1.0.11,nw_dst=10.1.0.14";
    const char *others = "udp,tp_src=5,tp_dst=9,dl_src=" MAC_VM4 "," ALL ",nw_src=10.1.0.14,nw_dst=255.255.255.255";
    there("far2", "vx", "node2");
    there("far3", "vx", "node3");
    flood(AT_ONCE + 100);
    cr_assert_gt(lab_port_drops("vm1", "rate_flood"), 0);
    lab_expect_drop("rate_flood", lab_port_drops("vm1", "rate_flood"));
    lab_send("vm1", unicast);
    lab_expect("vm4", unicast);
    lab_send("vm4", others);
    lab_expect("vm1", others);
    cr_assert_eq(received("up0"), 2);
    for (unsigned i = 0; i < 1000; i++) {
        lab_send_tunnel(LAB_PEER2, KEY, FAR_BROADCAST);
        lab_expect("vm1", FAR_BROADCAST);
        lab_expect("vm4", FAR_BROADCAST);
    }
    quiet();
}

Test(flood, a_flood_that_is_larger_than_what_may_be_at_once_comes_when_its_time_has_come)
{
    struct df_flood_allowance small;
    memset(&small, 0, sizeof(small));
    df_flood_allowance_init(&small, 1000);
    cr_assert(df_flood_may(&small, 1, UINT32_MAX - 5));
    df_flood_owe(&small, 1, 1024);
    cr_assert_not(df_flood_may(&small, 1, UINT32_MAX - 5));
    cr_assert(df_flood_may(&small, 2, UINT32_MAX - 5), "of another port");
    cr_assert_not(df_flood_may(&small, 1, 1000), "the clock wrapped around a second ago");
    cr_assert(df_flood_may(&small, 1, 1010));
}

/* ---- To see it */

static uint16_t number_of(const char *name)
{
    struct df_error error;
    size_t i;
    json_t *port, *ports = df_controller_report(lab_controller(), "ports", NULL, &error);
    uint16_t number = 0;
    json_array_foreach(ports, i, port) {
        if (strcmp(json_string_value(json_object_get(port, "id")), name) == 0)
            number = (uint16_t)json_integer_value(json_object_get(port, "number"));
    }
    json_decref(ports);
    return number;
}

Test(flood, a_trace_names_each_copy)
{
    uint8_t frame[DF_WORDS_FRAME_MAX];
    size_t len = sizeof(frame);
    there("far2", "vx", "node2");
    there("far6", "vx", "node6");
    there("far9", "vx", "node9");
    lab_model("{'chassis': [" CHASSIS("node9", "192.0.2.9", ALL_TYPES) "]}");
    forget_questions();
    lab_frame(BROADCAST, frame, &len);
    json_t *trace = df_trace_frame(NULL, number_of("vm1"), frame, (uint32_t)len, 0);
    char *text = json_dumps(json_object_get(trace, "verdict"), JSON_COMPACT);
    static const char *const copies[] = {"\"type\":\"vxlan\",\"key\":5001,\"peer\":\"192.0.2.2\"",
                                         "\"type\":\"vxlan\",\"key\":5001,\"peer\":\"2001:db8:ff::3\"",
                                         "\"reason\":\"peer_unresolved\""};
    for (size_t i = 0; i < 3; i++)
        cr_assert_not_null(strstr(text, copies[i]), "no %s in %s", copies[i], text);
    cr_assert_eq(json_array_size(json_object_get(json_object_get(trace, "verdict"), "outputs")), 4, "%s", text);
    free(text);
    json_decref(trace);
    lab_expect_silence();
}

Test(flood, copies_are_counted)
{
    struct df_worker_tally before, after;
    there("far2", "vx", "node2");
    there("far3", "vx", "node3");
    df_worker_tally(df_worker(0), &before);
    lab_send("vm1", BROADCAST);
    df_worker_tally(df_worker(0), &after);
    cr_assert_eq(after.floods - before.floods, 1);
    cr_assert_eq(after.flood_copies - before.flood_copies, 3);
    cr_assert_eq(after.flood_tunnel_copies - before.flood_tunnel_copies, 2);
    lab_expect("vm4", BROADCAST);
    lab_expect_tunnel(LAB_PEER2, KEY, BROADCAST);
    lab_expect_tunnel(LAB_PEER3, KEY, BROADCAST);
    quiet();
}
