/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scenario/groups.h"

#include <string.h>

#include "control/trace/words.h"

/*
 * Three kinds of tunnel over two families, at one time. Three tenants have a network of each type, and all is the same
 * in them: addresses, MACs, and the key. What keeps them apart is the type.
 *
 *   vx vxlan  vm1     gn geneve  vm2     gr gre  vm3      each 10.1.0.11, 02:00:00:00:01:11, key 5001
 *
 *   node2 192.0.2.2        has near1, near2, near3: each 10.1.0.21, 02:00:00:00:01:21
 *   node3 2001:db8:ff::3   has far1, far2, far3: each 10.1.0.22, 02:00:00:00:01:22
 */

#define NEAR "02:00:00:00:01:21"
#define FAR "02:00:00:00:01:22"
#define KEY 5001

#define NETWORK(id, type)                                                                                              \
    "{'id': '" id "', 'topic': '" id "', 'name': '" id "', 'network_type': '" type                                     \
    "', 'segmentation_id': 5001, 'mtu': 1400}"
#define NETWORKS "{'lswitch': [" NETWORK("vx", "vxlan") "," NETWORK("gn", "geneve") "," NETWORK("gr", "gre") "]}"
#define ALL_TYPES "'geneve', 'vxlan', 'gre'"
#define CHASSIS(id, ip, types) "{'id': '" id "', 'ip': '" ip "', 'tunnel_types': [" types "]}"
#define CHASSES(types2, types3)                                                                                        \
    "{'chassis': [" CHASSIS("node2", LAB_PEER2, types2) "," CHASSIS("node3", LAB_PEER3_IP6, types3) "]}"
#define HERE(id, net)                                                                                                  \
    "{'id': '" id "', 'topic': '" net "', 'lswitch': '" net "', 'macs': ['" MAC1                                       \
    "'], 'ips': ['10.1.0.11'], 'port_security_enabled': false, 'binding': {'type': 'chassis', 'chassis': 'node1',"     \
    " 'vif_type': 'ethdev', 'vif_name': '" id "'}}"
#define AT(id, net, mac, ip, chassis)                                                                                  \
    "{'id': '" id "', 'topic': '" net "', 'lswitch': '" net "', 'macs': ['" mac "'], 'ips': ['" ip                     \
    "'], 'binding': {'type': 'chassis', 'chassis': '" chassis "'}}"
#define NODE2(id, net) AT(id, net, NEAR, "10.1.0.21", "node2")
#define NODE3(id, net) AT(id, net, FAR, "10.1.0.22", "node3")

static void up_with(uint16_t vlan, bool checksum, const char *const *types)
{
    static const char *const local_ips[] = {LAB_UNDERLAY_IP, LAB_UNDERLAY_IP6, NULL};
    static const char *const neighbours[] = {LAB_PEER2 "=" LAB_PEER2_MAC, LAB_PEER3_IP6 "=" LAB_PEER3_MAC,
                                             LAB_PEER2_IP6 "=" LAB_PEER2_MAC, NULL};
    struct df_underlay_config underlay = {.port = "up0",
                                          .local_ips = local_ips,
                                          .neighbours = neighbours,
                                          .types = types,
                                          .udp6_checksum = checksum,
                                          .vlan = vlan,
                                          .mtu = 1500};
    size_t len;
    lab_up_underlay(&underlay);
    lab_turn_ms(LAB_ANNOUNCE_MS);
    while (lab_receive("up0", &len) != NULL)
        ; /* what it says of itself */
    lab_model(NETWORKS);
    lab_model(CHASSES(ALL_TYPES, ALL_TYPES));
    lab_model("{'lport': [" HERE("vm1", "vx") "," HERE("vm2", "gn") "," HERE("vm3", "gr") "]}");
    lab_model("{'lport': [" NODE2("near1", "vx") "," NODE2("near2", "gn") "," NODE2("near3", "gr") "]}");
    lab_model("{'lport': [" NODE3("far1", "vx") "," NODE3("far2", "gn") "," NODE3("far3", "gr") "]}");
    lab_expect_silence();
}

static void untagged(void)
{
    up_with(0, true, NULL);
}

TestSuite(tunnel_types, .init = untagged, .fini = lab_down);

#define UDP "udp,tp_src=1000,tp_dst=2000"
#define TO_NEAR UDP ",dl_src=" MAC1 ",dl_dst=" NEAR ",nw_src=10.1.0.11,nw_dst=10.1.0.21"
#define TO_FAR UDP ",dl_src=" MAC1 ",dl_dst=" FAR ",nw_src=10.1.0.11,nw_dst=10.1.0.22"
#define FROM_NEAR UDP ",dl_src=" NEAR ",dl_dst=" MAC1 ",nw_src=10.1.0.21,nw_dst=10.1.0.11"
#define FROM_FAR UDP ",dl_src=" FAR ",dl_dst=" MAC1 ",nw_src=10.1.0.22,nw_dst=10.1.0.11"

/* The networks by number, and the ways to them over both families. */
static const char *const vms[] = {"vm1", "vm2", "vm3"};
static const struct lab_way ways4[] = {{.type = "vxlan"}, {.type = "geneve"}, {.type = "gre"}};
static const struct lab_way ways6[] = {{.type = "vxlan", .ip6 = true, .checksum = true},
                                       {.type = "geneve", .ip6 = true, .checksum = true},
                                       {.type = "gre", .ip6 = true}};

static void in(const struct lab_way *way, const char *peer, const char *words, const char *port)
{
    lab_send_by(way, peer, KEY, words);
    lab_expect(port, words);
    lab_expect_silence();
    lab_expect_no_drop();
}

static uint16_t out(const char *port, const char *words, const struct lab_way *way, const char *peer)
{
    lab_send(port, words);
    uint16_t entropy = lab_expect_by(way, peer, KEY, words);
    lab_expect_silence();
    lab_expect_no_drop();
    return entropy;
}

static void refused_in(const struct lab_way *way, const char *peer, uint32_t key, const char *words, const char *reason)
{
    lab_send_by(way, peer, key, words);
    lab_expect_silence();
    lab_expect_drop(reason, 1);
}

/* ---- Each by its own */

Test(tunnel_types, a_network_goes_by_its_own_type_over_either_family)
{
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 3; i++) {
            out(vms[i], TO_NEAR, &ways4[i], LAB_PEER2);
            out(vms[i], TO_FAR, &ways6[i], LAB_PEER3_IP6);
        }
    }
    lab_expect_cached();
}

Test(tunnel_types, what_comes_reaches_the_network_of_its_type)
{
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 3; i++) {
            in(&ways4[i], LAB_PEER2, FROM_NEAR, vms[i]);
            in(&ways6[i], LAB_PEER3_IP6, FROM_FAR, vms[i]);
        }
    }
    lab_expect_cached();
}

/* The same packet inside from two nodes, over two families: when one node goes, its flows are not the other's. */
Test(tunnel_types, equal_packets_from_two_nodes_are_two_flows)
{
    for (unsigned i = 0; i < 3; i++) {
        for (unsigned round = 0; round < 2; round++) {
            in(&ways4[i], LAB_PEER2, FROM_NEAR, vms[i]);
            in(&ways6[i], LAB_PEER3_IP6, FROM_NEAR, vms[i]);
        }
    }
    lab_delete("chassis", "node3");
    for (unsigned i = 0; i < 3; i++) {
        refused_in(&ways6[i], LAB_PEER3_IP6, KEY, FROM_NEAR, "tunnel_unknown_peer");
        in(&ways4[i], LAB_PEER2, FROM_NEAR, vms[i]);
    }
    lab_model(CHASSES(ALL_TYPES, ALL_TYPES));
    lab_delete("chassis", "node2");
    for (unsigned i = 0; i < 3; i++) {
        refused_in(&ways4[i], LAB_PEER2, KEY, FROM_NEAR, "tunnel_unknown_peer");
        in(&ways6[i], LAB_PEER3_IP6, FROM_NEAR, vms[i]);
    }
}

Test(tunnel_types, a_peer_that_comes_and_goes_keeps_its_flows_to_itself)
{
    for (unsigned round = 0; round < 5; round++) {
        in(&ways6[0], LAB_PEER3_IP6, FROM_FAR, "vm1");
        in(&ways6[0], LAB_PEER3_IP6, FROM_FAR, "vm1");
        lab_model("{'chassis': [" CHASSIS("node3", LAB_PEER2_IP6, ALL_TYPES) "]}");
        refused_in(&ways6[0], LAB_PEER3_IP6, KEY, FROM_FAR, "tunnel_unknown_peer");
        in(&ways6[0], LAB_PEER2_IP6, FROM_FAR, "vm1");
        lab_model(CHASSES(ALL_TYPES, ALL_TYPES));
        refused_in(&ways6[0], LAB_PEER2_IP6, KEY, FROM_FAR, "tunnel_unknown_peer");
    }
}

Test(tunnel_types, a_flow_has_an_entropy_of_its_own)
{
    static const char other[] = UDP ",dl_src=" MAC1 ",dl_dst=02:00:00:00:01:23,nw_src=10.1.0.11,nw_dst=10.1.0.23";
    lab_model("{'lport': [" AT("far4", "vx", "02:00:00:00:01:23", "10.1.0.23", "node3") "]}");
    uint16_t first = out("vm1", TO_FAR, &ways6[0], LAB_PEER3_IP6);
    uint16_t second = out("vm1", other, &ways6[0], LAB_PEER3_IP6);
    cr_assert_neq(first, second);
    cr_assert_eq(out("vm1", TO_FAR, &ways6[0], LAB_PEER3_IP6), first);
    cr_assert_eq(out("vm1", other, &ways6[0], LAB_PEER3_IP6), second);
    cr_assert_eq(out("vm3", TO_FAR, &ways6[2], LAB_PEER3_IP6), first, "GRE has it in the flow label");
}

/* ---- By another */

Test(tunnel_types, to_a_node_that_does_not_speak_its_type_a_network_goes_by_the_best_of_both)
{
    lab_model(CHASSES("'gre', 'vxlan'", "'gre'"));
    for (unsigned round = 0; round < 2; round++) {
        out("vm2", TO_NEAR, &ways4[0], LAB_PEER2); /* of geneve: vxlan is before gre in this node's list */
        out("vm2", TO_FAR, &ways6[2], LAB_PEER3_IP6);
        out("vm1", TO_FAR, &ways6[2], LAB_PEER3_IP6);
        out("vm3", TO_FAR, &ways6[2], LAB_PEER3_IP6);
    }
    lab_model(CHASSES(ALL_TYPES, ALL_TYPES));
    out("vm2", TO_NEAR, &ways4[1], LAB_PEER2);
    out("vm2", TO_FAR, &ways6[1], LAB_PEER3_IP6);
}

Test(tunnel_types, what_comes_by_another_type_is_the_networks_that_the_sender_can_mean)
{
    lab_model(CHASSES("'vxlan'", "'gre'"));
    lab_delete("lport", "vm1");
    lab_delete("lport", "vm3");
    for (unsigned round = 0; round < 2; round++) { /* of gn alone this node has a port now */
        in(&ways4[0], LAB_PEER2, FROM_NEAR, "vm2");
        in(&ways6[2], LAB_PEER3_IP6, FROM_FAR, "vm2");
    }
    lab_model(CHASSES(ALL_TYPES, ALL_TYPES));
    refused_in(&ways4[0], LAB_PEER2, KEY, FROM_NEAR, "tunnel_unknown_key");
    refused_in(&ways6[2], LAB_PEER3_IP6, KEY, FROM_FAR, "tunnel_unknown_key");
    in(&ways4[1], LAB_PEER2, FROM_NEAR, "vm2");
}

Test(tunnel_types, a_key_that_may_mean_two_tenants_means_none)
{
    for (unsigned round = 0; round < 2; round++) {
        in(&ways4[0], LAB_PEER2, FROM_NEAR, "vm1");
        lab_model(CHASSES("'vxlan'", ALL_TYPES));
        refused_in(&ways4[0], LAB_PEER2, KEY, FROM_NEAR, "tunnel_ambiguous_key");
        refused_in(&ways4[0], LAB_PEER2, KEY, FROM_NEAR, "tunnel_ambiguous_key");
        lab_model(CHASSES(ALL_TYPES, ALL_TYPES));
    }
}

Test(tunnel_types, a_node_without_a_common_type_has_no_path_and_is_no_peer)
{
    lab_model(CHASSES("'geneve'", ALL_TYPES));
    out("vm1", TO_NEAR, &ways4[1], LAB_PEER2);
    lab_model("{'chassis': [" CHASSIS("node2", LAB_PEER2, "") "]}");
    lab_refused("vm1", TO_NEAR, "egress_no_path");
    refused_in(&ways4[0], LAB_PEER2, KEY, FROM_NEAR, "tunnel_unknown_peer");
}

/* ---- Refused, by every way */

/* The frame of the way with one byte changed; IPv4's checksum is made right again. */
static void refused_with(const struct lab_way *way, const char *peer, size_t at, uint8_t flip, const char *reason)
{
    uint8_t frame[DF_WORDS_FRAME_MAX];
    size_t len = sizeof(frame), ip = lab_way_ip(way);
    uint32_t sum = 0;
    lab_wrap_by(way, peer, KEY, way->ip6 ? FROM_FAR : FROM_NEAR, frame, &len);
    frame[at] ^= flip;
    frame[ip + 10] = way->ip6 ? frame[ip + 10] : 0;
    frame[ip + 11] = way->ip6 ? frame[ip + 11] : 0;
    for (size_t i = ip; i < ip + 20; i += 2)
        sum += (uint32_t)(frame[i] << 8 | frame[i + 1]);
    sum = (sum & 0xffff) + (sum >> 16);
    if (!way->ip6) {
        frame[ip + 10] = (uint8_t)(~sum >> 8);
        frame[ip + 11] = (uint8_t)~sum;
    }
    lab_send_bytes("up0", frame, len);
    lab_expect_silence();
    lab_expect_drop(reason, 1);
}

static void refusals(const struct lab_way *way, const char *peer, const char *port)
{
    const char *words = way->ip6 ? FROM_FAR : FROM_NEAR;
    size_t ip = lab_way_ip(way), l4 = lab_way_l4(way);
    bool gre = strcmp(way->type, "gre") == 0;
    in(way, peer, words, port);
    in(way, peer, words, port);
    refused_in(way, way->ip6 ? LAB_PEER2_IP6 : LAB_PEER3, KEY, words, "tunnel_unknown_peer");
    refused_in(way, peer, KEY + 1, words, "tunnel_unknown_key");
    refused_in(way, peer, KEY + 65536, words, "tunnel_unknown_key"); /* the lower half is the same */
    refused_with(way, peer, ip + (way->ip6 ? 5 : 3), 1, "tunnel_malformed");
    refused_with(way, peer, ip + (way->ip6 ? 39 : 19), 8, "underlay_other");
    refused_with(way, peer, 5, 8, "underlay_other");
    refused_with(way, peer, l4 + 2, 0x40, "underlay_other");
    if (gre)
        refused_with(way, peer, l4, 0x40, "tunnel_malformed");
    else
        refused_with(way, peer, l4 + 5, 1, "tunnel_malformed");
    refused_in(way, peer, KEY, way->ip6 ? FROM_FAR ",dl_vlan=5" : FROM_NEAR ",dl_vlan=5", "bad_vlan");
    in(way, peer, words, port);
}

Test(tunnel_types, what_is_wrong_is_refused_by_name_though_the_flow_is_cached)
{
    for (unsigned i = 0; i < 3; i++) {
        refusals(&ways4[i], LAB_PEER2, vms[i]);
        refusals(&ways6[i], LAB_PEER3_IP6, vms[i]);
    }
}

Test(tunnel_types, geneve_with_what_must_be_understood_is_refused)
{
    for (unsigned ip6 = 0; ip6 < 2; ip6++) {
        struct lab_way way = ip6 ? ways6[1] : ways4[1];
        const char *peer = ip6 ? LAB_PEER3_IP6 : LAB_PEER2;
        way.checksum = false;
        size_t geneve = lab_way_l4(&way) + 8;
        refused_with(&way, peer, geneve, 0x40, "tunnel_malformed");
        refused_with(&way, peer, geneve + 1, 0x40, "tunnel_option");
        refused_with(&way, peer, geneve + 1, 0x80, "tunnel_control");
        refused_with(&way, peer, geneve + 3, 0x01, "tunnel_payload");
        refused_with(&way, peer, lab_way_l4(&way) + 7, 0x01, "tunnel_checksum"); /* of zero, one */
    }
}

Test(tunnel_types, geneve_options_are_stepped_over)
{
    for (unsigned ip6 = 0; ip6 < 2; ip6++) {
        struct lab_way way = ip6 ? ways6[1] : ways4[1];
        uint8_t frame[DF_WORDS_FRAME_MAX];
        size_t len = sizeof(frame) - 8, inner, ip = lab_way_ip(&way), l4 = lab_way_l4(&way);
        way.checksum = false;
        lab_wrap_by(&way, ip6 ? LAB_PEER3_IP6 : LAB_PEER2, KEY, FROM_NEAR, frame, &len);
        inner = lab_way_len(&way);
        memmove(frame + inner + 8, frame + inner, len - inner);
        memcpy(frame + inner, "\x01\x02\x03\x01\xde\xad\xbe\xef", 8);
        len += 8;
        frame[l4 + 8] = 2; /* options of eight bytes */
        frame[l4 + 5] = (uint8_t)(frame[l4 + 5] + 8);
        frame[ip + (ip6 ? 5 : 3)] = (uint8_t)(frame[ip + (ip6 ? 5 : 3)] + 8);
        if (!ip6) {
            uint32_t sum = (uint32_t)(frame[ip + 10] << 8 | frame[ip + 11]) + 0xffff - 8;
            sum = (sum & 0xffff) + (sum >> 16);
            frame[ip + 10] = (uint8_t)(sum >> 8);
            frame[ip + 11] = (uint8_t)sum;
        }
        for (unsigned round = 0; round < 2; round++) {
            lab_send_bytes("up0", frame, len);
            lab_expect("vm2", FROM_NEAR);
            lab_expect_silence();
            lab_expect_no_drop();
        }
        lab_expect_cached();
    }
}

/* ---- Congestion (RFC 6040) */

#define ECN(n) ",nw_tos=" #n

Test(tunnel_types, a_mark_that_was_set_on_the_way_is_handed_on)
{
    static const char capable[] = FROM_NEAR ECN(2), marked[] = FROM_NEAR ECN(3);
    for (unsigned i = 0; i < 3; i++) {
        struct lab_way ways[2] = {ways4[i], ways6[i]};
        for (unsigned ip6 = 0; ip6 < 2; ip6++) {
            const char *peer = ip6 ? LAB_PEER3_IP6 : LAB_PEER2;
            for (unsigned round = 0; round < 2; round++) {
                ways[ip6].ecn = 2;
                in(&ways[ip6], peer, capable, vms[i]);
                ways[ip6].ecn = 3;
                lab_send_by(&ways[ip6], peer, KEY, capable);
                lab_expect(vms[i], marked);
                lab_expect_silence();
                lab_expect_no_drop();
                in(&ways[ip6], peer, marked, vms[i]);
                refused_in(&ways[ip6], peer, KEY, FROM_NEAR, "tunnel_ecn");
            }
            lab_send_by(&ways[ip6], peer, KEY, capable);
            lab_expect(vms[i], marked);
            lab_expect_cached();
        }
    }
}

Test(tunnel_types, the_guests_mark_goes_into_the_outer_header)
{
    static const char *const words[] = {TO_NEAR, TO_NEAR ECN(1), TO_NEAR ECN(2), TO_NEAR ECN(3)};
    for (unsigned i = 0; i < 3; i++) {
        for (unsigned ecn = 0; ecn < 4; ecn++) {
            struct lab_way way = ways4[i];
            way.ecn = ecn;
            out(vms[i], words[ecn], &way, LAB_PEER2);
            out(vms[i], words[ecn], &way, LAB_PEER2);
        }
    }
    lab_expect_cached();
}

/* ---- A tagged underlay */

static void tagged(void)
{
    up_with(100, false, NULL);
}

TestSuite(tunnel_tagged, .init = tagged, .fini = lab_down);

static struct lab_way with_tag(const struct lab_way *way, uint16_t vlan)
{
    struct lab_way copy = *way;
    copy.vlan = vlan;
    copy.checksum = false;
    return copy;
}

Test(tunnel_tagged, all_that_goes_has_the_tag_and_all_that_comes_must)
{
    for (unsigned i = 0; i < 3; i++) {
        struct lab_way way4 = with_tag(&ways4[i], 100), way6 = with_tag(&ways6[i], 100);
        for (unsigned round = 0; round < 2; round++) {
            out(vms[i], TO_NEAR, &way4, LAB_PEER2);
            out(vms[i], TO_FAR, &way6, LAB_PEER3_IP6);
            in(&way4, LAB_PEER2, FROM_NEAR, vms[i]);
            in(&way6, LAB_PEER3_IP6, FROM_FAR, vms[i]);
        }
        lab_expect_cached();
        struct lab_way other4 = with_tag(&ways4[i], 101), other6 = with_tag(&ways6[i], 101);
        struct lab_way none4 = with_tag(&ways4[i], 0), none6 = with_tag(&ways6[i], 0);
        refused_in(&other4, LAB_PEER2, KEY, FROM_NEAR, "underlay_other");
        refused_in(&other6, LAB_PEER3_IP6, KEY, FROM_FAR, "underlay_other");
        refused_in(&none4, LAB_PEER2, KEY, FROM_NEAR, "underlay_other");
        refused_in(&none6, LAB_PEER3_IP6, KEY, FROM_FAR, "underlay_other");
    }
}

Test(tunnel_tagged, what_is_wrong_is_refused_by_name)
{
    for (unsigned i = 0; i < 3; i++) {
        struct lab_way way4 = with_tag(&ways4[i], 100), way6 = with_tag(&ways6[i], 100);
        refusals(&way4, LAB_PEER2, vms[i]);
        refusals(&way6, LAB_PEER3_IP6, vms[i]);
    }
}

/* ---- A node that speaks less than others */

static void gre_alone(void)
{
    static const char *const types[] = {"gre", NULL};
    up_with(0, true, types);
}

TestSuite(tunnel_gre_alone, .init = gre_alone, .fini = lab_down);

Test(tunnel_gre_alone, what_this_node_does_not_speak_is_not_its_and_what_it_does_serves_any_network)
{
    refused_in(&ways4[0], LAB_PEER2, KEY, FROM_NEAR, "underlay_other");
    refused_in(&ways6[1], LAB_PEER3_IP6, KEY, FROM_FAR, "underlay_other");
    for (unsigned i = 0; i < 3; i++)
        out(vms[i], TO_NEAR, &ways4[2], LAB_PEER2);
    refused_in(&ways4[2], LAB_PEER2, KEY, FROM_NEAR, "tunnel_ambiguous_key"); /* all three may be meant */
    lab_delete("lport", "vm2");
    lab_delete("lport", "vm3");
    in(&ways4[2], LAB_PEER2, FROM_NEAR, "vm1");
    in(&ways6[2], LAB_PEER3_IP6, FROM_FAR, "vm1");
}

/* ---- vteps */

#define VTEP(id, net, mac, ip, address)                                                                                \
    "{'lport': [{'id': '" id "', 'topic': '" net "', 'lswitch': '" net "', 'macs': ['" mac "'], 'ips': ['" ip          \
    "'], 'binding': {'type': 'vtep', 'vtep_address': '" address "'}}]}"

Test(tunnel_types, a_device_that_is_no_node_is_reached_by_vxlan_and_heard)
{
    lab_delete("chassis", "node2");
    lab_model(VTEP("near1", "vx", NEAR, "10.1.0.21", LAB_PEER2));
    for (unsigned round = 0; round < 2; round++) {
        out("vm1", TO_NEAR, &ways4[0], LAB_PEER2);
        in(&ways4[0], LAB_PEER2, FROM_NEAR, "vm1"); /* though gn and gr have the key as well */
    }
    lab_expect_cached();
    for (size_t i = 1; i < 3; i++)
        refused_in(&ways4[i], LAB_PEER2, KEY, FROM_NEAR, "tunnel_vtep_type");
    lab_delete("lport", "near1");
    lab_refused("vm1", TO_NEAR, "l2_unknown");
    refused_in(&ways4[0], LAB_PEER2, KEY, FROM_NEAR, "tunnel_unknown_peer");
}

Test(tunnel_types, over_ipv6_too)
{
    lab_delete("chassis", "node3");
    lab_model(VTEP("far1", "vx", FAR, "10.1.0.22", LAB_PEER3_IP6));
    for (unsigned round = 0; round < 2; round++) {
        out("vm1", TO_FAR, &ways6[0], LAB_PEER3_IP6);
        in(&ways6[0], LAB_PEER3_IP6, FROM_FAR, "vm1");
    }
}

Test(tunnel_types, a_network_of_another_type_has_no_way_to_a_vtep)
{
    lab_model(VTEP("near2", "gn", NEAR, "10.1.0.21", LAB_PEER2));
    lab_refused("vm2", TO_NEAR, "egress_no_path");
}

/* ---- Nodes with an address of each family */

#define NODE2_AT(ip, ips)                                                                                              \
    "{'chassis': [{'id': 'node2', 'ip': '" ip "', 'ips': [" ips "], 'tunnel_types': [" ALL_TYPES "]}]}"

Test(tunnel_types, a_node_is_sent_to_at_the_first_of_its_addresses_and_heard_from_all)
{
    lab_model(NODE2_AT(LAB_PEER2, "'" LAB_PEER2 "', '" LAB_PEER2_IP6 "'"));
    for (size_t i = 0; i < 3; i++) {
        out(vms[i], TO_NEAR, &ways4[i], LAB_PEER2);
        in(&ways4[i], LAB_PEER2, FROM_NEAR, vms[i]);
        in(&ways6[i], LAB_PEER2_IP6, FROM_NEAR, vms[i]);
    }
    lab_model(NODE2_AT(LAB_PEER2_IP6, "'" LAB_PEER2_IP6 "', '" LAB_PEER2 "'"));
    for (size_t i = 0; i < 3; i++) {
        out(vms[i], TO_NEAR, &ways6[i], LAB_PEER2_IP6);
        in(&ways4[i], LAB_PEER2, FROM_NEAR, vms[i]);
        in(&ways6[i], LAB_PEER2_IP6, FROM_NEAR, vms[i]);
    }
}

Test(tunnel_types, an_address_that_a_node_has_no_more_is_a_strangers)
{
    lab_model(NODE2_AT(LAB_PEER2, "'" LAB_PEER2 "', '" LAB_PEER2_IP6 "'"));
    in(&ways6[0], LAB_PEER2_IP6, FROM_NEAR, "vm1");
    lab_model(CHASSES(ALL_TYPES, ALL_TYPES));
    refused_in(&ways6[0], LAB_PEER2_IP6, KEY, FROM_NEAR, "tunnel_unknown_peer");
    in(&ways4[0], LAB_PEER2, FROM_NEAR, "vm1");
}
