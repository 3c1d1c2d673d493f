/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scenario/groups.h"

#include <stdio.h>
#include <string.h>

#include "control/trace/words.h"
#include "fastpath/conn/conn.h"
#include "fastpath/worker/worker.h"

/*
 * VXLAN to other nodes and from there. vm1 to vm4 of models.h are here; their networks go on elsewhere:
 *
 *   net1   key 5001   far1 10.1.0.21   02:00:00:00:01:21   on node2
 *   net2   key 5002   far2 10.2.0.23   02:00:00:00:02:23   on node3
 *   other  key 5003   far4 10.1.0.21   02:00:00:00:01:21   on node3: the addresses of far1, another tenant's
 */

#define FAR1 "02:00:00:00:01:21"
#define FAR2 "02:00:00:00:02:23"

#define NETWORK(id, topic, key)                                                                                        \
    "{'id': '" id "', 'topic': '" topic "', 'name': '" id "', 'network_type': 'vxlan', 'segmentation_id': " key        \
    ", 'mtu': 1500}"
#define MODEL_TUNNELLED                                                                                                \
    "{'lswitch': [" NETWORK("net1", "red", "5001") "," NETWORK("net2", "red", "5002") "," NETWORK("other", "blue",     \
                                                                                                  "5003") "]}"
#define CHASSIS(id, ip) "{'id': '" id "', 'ip': '" ip "', 'tunnel_types': ['vxlan']}"
#define MODEL_CHASSIS                                                                                                  \
    "{'chassis': [" CHASSIS("node1", LAB_UNDERLAY_IP) "," CHASSIS("node2", LAB_PEER2) "," CHASSIS("node3",             \
                                                                                                  LAB_PEER3) "]}"
#define AT(id, net, mac, ip, chassis)                                                                                  \
    "{'id': '" id "', 'topic': 'red', 'name': '" id "', 'lswitch': '" net "', 'macs': ['" mac "'], 'ips': ['" ip       \
    "'], 'binding': {'type': 'chassis', 'chassis': '" chassis "'}}"
#define MODEL_FAR                                                                                                      \
    "{'lport': [" AT("far1", "net1", FAR1, "10.1.0.21", "node2") "," AT(                                               \
        "far2", "net2", FAR2, "10.2.0.23", "node3") "," AT("far4", "other", FAR1, "10.1.0.21", "node3") "]}"

static void two_nodes(void)
{
    lab_up_tunneling();
    lab_model(MODEL_NETWORKS);
    lab_model(MODEL_TUNNELLED);
    lab_model(MODEL_ROUTER);
    lab_model(MODEL_CHASSIS);
    lab_model(GROUPS(EVERYTHING "," CLIENT));
    lab_model(
        PORTS(VM1_IN("'everything'") "," VM2_IN("'everything'") "," VM3_IN("'everything'") "," VM4_IN("'everything'")));
    lab_model(MODEL_FAR);
}

TestSuite(tunnel, .init = two_nodes, .fini = lab_down);

#define UDP "udp,tp_src=1000,tp_dst=2000"
#define VM1_FAR1 UDP ",dl_src=" MAC1 ",dl_dst=" FAR1 ",nw_src=10.1.0.11,nw_dst=10.1.0.21"
#define FAR1_VM1 UDP ",dl_src=" FAR1 ",dl_dst=" MAC1 ",nw_src=10.1.0.21,nw_dst=10.1.0.11"
#define VM4_FAR4 UDP ",dl_src=" MAC4 ",dl_dst=" FAR1 ",nw_src=10.1.0.11,nw_dst=10.1.0.21"
#define FAR4_VM4 UDP ",dl_src=" FAR1 ",dl_dst=" MAC4 ",nw_src=10.1.0.21,nw_dst=10.1.0.11"

static void in(const char *peer, uint32_t key, const char *words, const char *port)
{
    lab_send_tunnel(peer, key, words);
    lab_expect(port, words);
    lab_expect_silence();
    lab_expect_no_drop();
}

static void out(const char *port, const char *words, const char *peer, uint32_t key, const char *inside)
{
    lab_send(port, words);
    lab_expect_tunnel(peer, key, inside);
    lab_expect_silence();
    lab_expect_no_drop();
}

static void refused_in(const char *peer, uint32_t key, const char *words, const char *reason)
{
    lab_send_tunnel(peer, key, words);
    lab_expect_silence();
    lab_expect_drop(reason, 1);
}

/* ---- Out */

Test(tunnel, a_packet_to_a_port_elsewhere_is_wrapped_for_its_node)
{
    for (int i = 0; i < 3; i++)
        out("vm1", VM1_FAR1, LAB_PEER2, 5001, VM1_FAR1);
    lab_expect_cached();
}

Test(tunnel, a_flow_keeps_its_source_port)
{
    lab_send("vm1", VM1_FAR1);
    uint16_t port = lab_expect_tunnel(LAB_PEER2, 5001, VM1_FAR1);
    lab_send("vm1", VM1_FAR1);
    cr_assert_eq(lab_expect_tunnel(LAB_PEER2, 5001, VM1_FAR1), port);
}

Test(tunnel, tcp_both_ways_is_a_connection)
{
#define TCP(flags, more) "tcp,tcp_flags=" flags more
#define TCP_OUT(flags, numbers)                                                                                        \
    TCP(flags, ",tp_src=4000,tp_dst=80,dl_src=" MAC1 ",dl_dst=" FAR1 ",nw_src=10.1.0.11,nw_dst=10.1.0.21" numbers)
#define TCP_IN(flags, numbers)                                                                                         \
    TCP(flags, ",tp_src=80,tp_dst=4000,dl_src=" FAR1 ",dl_dst=" MAC1 ",nw_src=10.1.0.21,nw_dst=10.1.0.11" numbers)
    /* vm1 lets nothing in, so what comes back does by its connection alone. */
    lab_model(PORTS(VM1_IN("'client'")));
    refused_in(LAB_PEER2, 5001, TCP_IN("syn", ",tcp_seq=1,tcp_ack=0"), "sg_ingress");
    out("vm1", TCP_OUT("syn", ",tcp_seq=1000,tcp_ack=0"), LAB_PEER2, 5001, TCP_OUT("syn", ",tcp_seq=1000,tcp_ack=0"));
    in(LAB_PEER2, 5001, TCP_IN("syn|ack", ",tcp_seq=5000,tcp_ack=1001"), "vm1");
    for (int i = 0; i < 3; i++) {
        out("vm1", TCP_OUT("ack", ",tcp_seq=1001,tcp_ack=5001"), LAB_PEER2, 5001,
            TCP_OUT("ack", ",tcp_seq=1001,tcp_ack=5001"));
        in(LAB_PEER2, 5001, TCP_IN("ack|psh", ",len=100,tcp_seq=5001,tcp_ack=1001"), "vm1");
    }
    lab_expect_cached();
}

static int add_up(struct df_conn *conn, const struct df_conn_info *info, void *arg)
{
    struct df_conn_info *sum = arg;
    (void)conn;
    sum->packets[0] += info->packets[0];
    sum->bytes[0] += info->bytes[0];
    return 0;
}

Test(tunnel, the_bytes_of_a_connection_are_without_outer_headers)
{
    struct df_conn_info sum = {0};
    uint8_t frame[2000];
    size_t len = sizeof(frame);
    lab_frame(FAR1_VM1, frame, &len);
    for (int i = 0; i < 4; i++)
        in(LAB_PEER2, 5001, FAR1_VM1, "vm1");
    lab_expect_cached();
    df_conns_each(0, UINT32_MAX, df_workers_now_ms(), add_up, &sum);
    cr_assert_geq(sum.packets[0], 4);
    cr_assert_eq(sum.bytes[0], sum.packets[0] * len);
}

Test(tunnel, a_routed_packet_leaves_with_the_key_of_the_network_it_is_routed_to)
{
    const char *sent = UDP ",nw_ttl=64,dl_src=" MAC1 ",dl_dst=" ROUTER1 ",nw_src=10.1.0.11,nw_dst=10.2.0.23";
    const char *inside = UDP ",nw_ttl=63,dl_src=" ROUTER2 ",dl_dst=" FAR2 ",nw_src=10.1.0.11,nw_dst=10.2.0.23";
    for (int i = 0; i < 3; i++)
        out("vm1", sent, LAB_PEER3, 5002, inside);
    lab_expect_cached();
}

Test(tunnel, ipv6_is_wrapped_and_routed)
{
    lab_model("{'lport': [{'id': 'far6', 'topic': 'red', 'lswitch': 'net2', 'macs': ['02:00:00:00:02:26'],"
              " 'ips': ['2001:db8:2::26'], 'subnets': ['sub2v6'],"
              " 'binding': {'type': 'chassis', 'chassis': 'node2'}}]}");
    const char *sent = "udp6,tp_src=1,tp_dst=2,nw_ttl=64,dl_src=" MAC1 ",dl_dst=" ROUTER1
                       ",ipv6_src=2001:db8:1::11,ipv6_dst=2001:db8:2::26";
    const char *inside = "udp6,tp_src=1,tp_dst=2,nw_ttl=63,dl_src=" ROUTER2
                         ",dl_dst=02:00:00:00:02:26,ipv6_src=2001:db8:1::11,ipv6_dst=2001:db8:2::26";
    for (int i = 0; i < 2; i++)
        out("vm1", sent, LAB_PEER2, 5002, inside);
}

Test(tunnel, the_longest_packet_of_the_network_is_wrapped)
{
    const char *words = UDP ",len=1472,dl_src=" MAC1 ",dl_dst=" FAR1 ",nw_src=10.1.0.11,nw_dst=10.1.0.21";
    out("vm1", words, LAB_PEER2, 5001, words);
}

Test(tunnel, fragments_are_wrapped_with_one_source_port)
{
    /* A port without groups: nothing waits for a fragment, or remembers it. */
    lab_model("{'lport': [" PORT("vm1", "net1", MAC1, "'10.1.0.11'", "'sub1'", OPEN) "]}");
    lab_send("vm1", VM1_FAR1);
    lab_expect_tunnel(LAB_PEER2, 5001, VM1_FAR1);
    uint8_t frame[DF_WORDS_FRAME_MAX];
    size_t len = sizeof(frame), out_len;
    lab_frame(VM1_FAR1 ",len=64", frame, &len);
    uint16_t ports[2];
    for (unsigned i = 0; i < 2; i++) {
        frame[20] = i == 0 ? 0x20 : 0;         /* more fragments; none */
        frame[21] = i == 0 ? 0 : (64 + 8) / 8; /* offset */
        uint32_t sum = 0;
        frame[24] = frame[25] = 0;
        for (unsigned at = 14; at < 34; at += 2)
            sum += (uint32_t)(frame[at] << 8 | frame[at + 1]);
        sum = (sum & 0xffff) + (sum >> 16);
        frame[24] = (uint8_t)(~sum >> 8);
        frame[25] = (uint8_t)~sum;
        lab_send_bytes("vm1", frame, len);
        const uint8_t *sent = lab_receive("up0", &out_len);
        cr_assert_not_null(sent);
        cr_assert_eq(out_len, len + 50);
        cr_assert_arr_eq(sent + 50, frame, len);
        ports[i] = (uint16_t)(sent[34] << 8 | sent[35]);
    }
    cr_assert_eq(ports[0], ports[1]);
    lab_expect_no_drop();
}

Test(tunnel, arp_for_a_port_elsewhere_is_answered_here)
{
    lab_send("vm1", "arp,arp_op=1,arp_spa=10.1.0.11,arp_tpa=10.1.0.21,arp_sha=" MAC1 ",dl_src=" MAC1);
    lab_expect("vm1", "arp,arp_op=2,arp_spa=10.1.0.21,arp_tpa=10.1.0.11,arp_sha=" FAR1 ",arp_tha=" MAC1 ",dl_src=" FAR1
                      ",dl_dst=" MAC1);
    lab_expect_silence();
}

Test(tunnel, broadcast_reaches_the_other_node_of_the_network)
{
    const char *words =
        "udp,tp_src=5,tp_dst=9,dl_src=" MAC1 ",dl_dst=ff:ff:ff:ff:ff:ff,nw_src=10.1.0.11,nw_dst=255.255.255.255";
    lab_send("vm1", words);
    lab_expect("vm2", words);
    lab_expect_tunnel(LAB_PEER2, 5001, words);
    lab_expect_silence();
}

/* ---- In */

Test(tunnel, a_packet_from_another_node_reaches_the_port)
{
    for (int i = 0; i < 3; i++)
        in(LAB_PEER2, 5001, FAR1_VM1, "vm1");
    lab_expect_cached();
}

Test(tunnel, a_packet_that_was_routed_elsewhere_reaches_the_port_as_it_is)
{
    const char *words = UDP ",nw_ttl=63,dl_src=" ROUTER2 ",dl_dst=" MAC3 ",nw_src=10.1.0.21,nw_dst=10.2.0.13";
    for (int i = 0; i < 2; i++)
        in(LAB_PEER2, 5002, words, "vm3");
}

Test(tunnel, what_is_for_a_router_is_not_routed_a_second_time)
{
    const char *words = UDP ",nw_ttl=64,dl_src=" FAR1 ",dl_dst=" ROUTER1 ",nw_src=10.1.0.21,nw_dst=10.2.0.13";
    refused_in(LAB_PEER2, 5001, words, "tunnel_unknown_mac");
}

Test(tunnel, equal_addresses_in_two_networks_are_kept_apart_by_their_keys)
{
    for (int i = 0; i < 2; i++) {
        out("vm1", VM1_FAR1, LAB_PEER2, 5001, VM1_FAR1);
        out("vm4", VM4_FAR4, LAB_PEER3, 5003, VM4_FAR4);
        in(LAB_PEER2, 5001, FAR1_VM1, "vm1");
        in(LAB_PEER3, 5003, FAR4_VM4, "vm4");
    }
    refused_in(LAB_PEER2, 5001, FAR4_VM4, "tunnel_unknown_mac");
    refused_in(LAB_PEER3, 5003, FAR1_VM1, "tunnel_unknown_mac");
}

Test(tunnel, a_cached_packet_with_another_key_or_sender_is_another_flow)
{
    lab_model("{'lport': [" PORT("vm5", "other", MAC1, "'10.1.0.12'", "'subo'", IN_GROUPS("'everything'")) "]}");
    for (int i = 0; i < 2; i++)
        in(LAB_PEER2, 5001, FAR1_VM1, "vm1");
    for (int i = 0; i < 2; i++)
        in(LAB_PEER2, 5003, FAR1_VM1, "vm5");
    in(LAB_PEER2, 5001, FAR1_VM1, "vm1");
    refused_in("192.0.2.9", 5001, FAR1_VM1, "tunnel_unknown_peer");
    refused_in(LAB_PEER2, 70000 + 5001, FAR1_VM1, "tunnel_unknown_key");
    refused_in(LAB_PEER2, 65536 + 5001, FAR1_VM1, "tunnel_unknown_key"); /* the same lower half */
    in(LAB_PEER2, 5001, FAR1_VM1, "vm1");
}

Test(tunnel, broadcast_from_another_node_is_heard_by_the_ports_of_the_network_and_goes_nowhere_else)
{
    const char *words =
        "udp,tp_src=5,tp_dst=9,dl_src=" FAR1 ",dl_dst=ff:ff:ff:ff:ff:ff,nw_src=10.1.0.21,nw_dst=255.255.255.255";
    for (int i = 0; i < 2; i++) {
        lab_send_tunnel(LAB_PEER2, 5001, words);
        lab_expect("vm1", words);
        lab_expect("vm2", words);
        lab_expect_silence();
    }
    lab_expect_no_drop();
}

Test(tunnel, an_unknown_mac_is_for_ports_that_may_have_any)
{
    const char *words = UDP ",dl_src=" FAR1 ",dl_dst=02:00:00:00:01:99,nw_src=10.1.0.21,nw_dst=10.1.0.99";
    refused_in(LAB_PEER2, 5001, words, "tunnel_unknown_mac");
    lab_model("{'lport': [" PORT("vm5", "net1", "02:00:00:00:01:15", "'10.1.0.15'", "'sub1'", OPEN) "]}");
    lab_send_tunnel(LAB_PEER2, 5001, words);
    lab_expect("vm5", words);
    lab_expect_silence();
    lab_expect_no_drop();
}

Test(tunnel, a_mac_of_an_address_pair_is_found)
{
    lab_model("{'lport': [" PORT("vm2", "net1", MAC2, "'10.1.0.12'", "'sub1'",
                                 IN_GROUPS("'everything'") ", 'allowed_address_pairs': [{'ip_address': '10.1.0.50',"
                                                           " 'mac_address': '02:00:00:00:01:50'}]") "]}");
    in(LAB_PEER2, 5001, UDP ",dl_src=" FAR1 ",dl_dst=02:00:00:00:01:50,nw_src=10.1.0.21,nw_dst=10.1.0.50", "vm2");
}

Test(tunnel, a_packet_for_a_port_on_a_third_node_is_not_sent_on)
{
    const char *words = UDP ",dl_src=" FAR1 ",dl_dst=02:00:00:00:01:31,nw_src=10.1.0.21,nw_dst=10.1.0.31";
    lab_model("{'lport': [" AT("far3", "net1", "02:00:00:00:01:31", "10.1.0.31", "node3") "]}");
    refused_in(LAB_PEER2, 5001, words, "tunnel_unknown_mac");
}

/* ---- What is refused, by name */

Test(tunnel, a_stranger_and_an_unknown_key_are_refused)
{
    refused_in("192.0.2.9", 5001, FAR1_VM1, "tunnel_unknown_peer");
    refused_in(LAB_PEER2, 5009, FAR1_VM1, "tunnel_unknown_key");
    lab_delete("chassis", "node2");
    refused_in(LAB_PEER2, 5001, FAR1_VM1, "tunnel_unknown_peer");
}

/* The frame from node2 with one byte changed; the header's checksum is made right again. */
static void refused_with(size_t at, uint8_t value, bool with_checksum, const char *reason)
{
    uint8_t frame[DF_WORDS_FRAME_MAX];
    size_t len = sizeof(frame);
    uint32_t sum = 0;
    lab_wrap(LAB_PEER2, 5001, FAR1_VM1, frame, &len);
    frame[at] = value;
    if (with_checksum)
        frame[24] = frame[25] = 0;
    for (unsigned i = 14; i < 34; i += 2)
        sum += (uint32_t)(frame[i] << 8 | frame[i + 1]);
    sum = (sum & 0xffff) + (sum >> 16);
    if (with_checksum) {
        frame[24] = (uint8_t)(~sum >> 8);
        frame[25] = (uint8_t)~sum;
    }
    lab_send_bytes("up0", frame, len);
    lab_expect_silence();
    lab_expect_drop(reason, 1);
}

Test(tunnel, wrong_outer_headers_are_refused_though_the_flow_is_cached)
{
    for (int i = 0; i < 2; i++)
        in(LAB_PEER2, 5001, FAR1_VM1, "vm1");
    refused_with(22, 63, false, "tunnel_malformed"); /* TTL: the checksum is wrong now */
    refused_with(17, 1, true, "tunnel_malformed");
    refused_with(20, 0x20, true, "tunnel_fragment");
    refused_with(39, 9, true, "tunnel_malformed");
    refused_with(42, 0x00, true, "tunnel_malformed");
    refused_with(42, 0xf7, true, "tunnel_malformed");
    in(LAB_PEER2, 5001, FAR1_VM1, "vm1");
}

Test(tunnel, what_comes_by_the_underlay_and_is_no_tunnel_is_refused)
{
    refused_with(37, 0x12, true, "underlay_other");
    refused_with(33, 77, true, "underlay_other");
    refused_with(5, 77, true, "underlay_other");
    lab_refused("up0", FAR1_VM1, "underlay_other");
}

Test(tunnel, a_malformed_or_tagged_packet_inside_is_refused)
{
    uint8_t frame[DF_WORDS_FRAME_MAX];
    size_t len = sizeof(frame);
    lab_wrap(LAB_PEER2, 5001, FAR1_VM1, frame, &len);
    frame[50 + 14 + 8]++; /* TTL: its checksum is wrong now */
    lab_refused_bytes("up0", frame, len, "bad_ip");
    refused_in(LAB_PEER2, 5001, FAR1_VM1 ",dl_vlan=5", "bad_vlan");
}

Test(tunnel, a_guest_cannot_pretend_to_be_the_underlay)
{
    uint8_t frame[DF_WORDS_FRAME_MAX];
    size_t len = sizeof(frame);
    lab_wrap(LAB_PEER2, 5001, FAR1_VM1, frame, &len);
    lab_refused_bytes("vm2", frame, len, "spoofed_mac");
}

Test(tunnel, a_port_on_a_node_that_is_not_known_has_no_path)
{
    lab_delete("chassis", "node2");
    lab_refused("vm1", VM1_FAR1, "egress_no_path");
    lab_model(MODEL_CHASSIS);
    out("vm1", VM1_FAR1, LAB_PEER2, 5001, VM1_FAR1);
}

/* This node has an IPv4 address alone. */
Test(tunnel, a_node_of_both_families_is_sent_to_in_ours_and_one_of_the_other_alone_has_no_path)
{
    lab_model("{'chassis': [{'id': 'node2', 'ip': '" LAB_PEER2_IP6 "', 'ips': ['" LAB_PEER2_IP6 "', '" LAB_PEER2
              "'], 'tunnel_types': ['vxlan']}]}");
    out("vm1", VM1_FAR1, LAB_PEER2, 5001, VM1_FAR1);
    in(LAB_PEER2, 5001, FAR1_VM1, "vm1");
    lab_model("{'chassis': [{'id': 'node2', 'ip': '" LAB_PEER2_IP6 "', 'tunnel_types': ['vxlan']}]}");
    lab_refused("vm1", VM1_FAR1, "egress_no_path");
    refused_in(LAB_PEER2, 5001, FAR1_VM1, "tunnel_unknown_peer");
    const char *words =
        "udp,tp_src=5,tp_dst=9,dl_src=" MAC1 ",dl_dst=ff:ff:ff:ff:ff:ff,nw_src=10.1.0.11,nw_dst=255.255.255.255";
    lab_send("vm1", words);
    lab_expect("vm2", words);
    lab_expect_silence();
}

/* ---- Changes */

Test(tunnel, a_port_that_moves_to_another_node_is_followed)
{
    out("vm1", VM1_FAR1, LAB_PEER2, 5001, VM1_FAR1);
    lab_model("{'lport': [" AT("far1", "net1", FAR1, "10.1.0.21", "node3") "]}");
    out("vm1", VM1_FAR1, LAB_PEER3, 5001, VM1_FAR1);
    lab_expect_walked();
    lab_model("{'lport': [{'id': 'far1', 'topic': 'red', 'lswitch': 'net1', 'macs': ['" FAR1
              "'], 'ips': ['10.1.0.21'], 'subnets': ['sub1'], 'binding': {'type': 'chassis', 'chassis': 'node1',"
              " 'vif_type': 'ethdev', 'vif_name': 'vm9'}" IN_GROUPS("'everything'") "}]}");
    lab_passes("vm1", VM1_FAR1, "vm9");
    in(LAB_PEER2, 5001, UDP ",dl_src=02:00:00:00:01:88,dl_dst=" FAR1 ",nw_src=10.1.0.88,nw_dst=10.1.0.21", "vm9");
}

Test(tunnel, a_node_that_gets_another_address_is_followed)
{
    out("vm1", VM1_FAR1, LAB_PEER2, 5001, VM1_FAR1);
    lab_delete("chassis", "node3");
    lab_model("{'chassis': [" CHASSIS("node2", LAB_PEER3) "]}");
    out("vm1", VM1_FAR1, LAB_PEER3, 5001, VM1_FAR1);
    refused_in(LAB_PEER2, 5001, FAR1_VM1, "tunnel_unknown_peer");
    in(LAB_PEER3, 5001, FAR1_VM1, "vm1");
}

Test(tunnel, a_network_that_gets_another_key_is_followed_both_ways)
{
    out("vm1", VM1_FAR1, LAB_PEER2, 5001, VM1_FAR1);
    in(LAB_PEER2, 5001, FAR1_VM1, "vm1");
    lab_model("{'lswitch': [" NETWORK("net1", "red", "6001") "]}");
    out("vm1", VM1_FAR1, LAB_PEER2, 6001, VM1_FAR1);
    in(LAB_PEER2, 6001, FAR1_VM1, "vm1");
    refused_in(LAB_PEER2, 5001, FAR1_VM1, "tunnel_unknown_key");
}

Test(tunnel, a_network_that_is_local_has_no_tunnel)
{
    lab_model("{'lswitch': [{'id': 'net1', 'topic': 'red', 'network_type': 'local', 'mtu': 1500}]}");
    lab_refused("vm1", VM1_FAR1, "egress_no_path");
    refused_in(LAB_PEER2, 5001, FAR1_VM1, "tunnel_unknown_key");
}

Test(tunnel, of_two_networks_with_one_key_the_lower_id_has_it)
{
    lab_model("{'lswitch': [" NETWORK("other", "blue", "5001") "]}");
    in(LAB_PEER2, 5001, FAR1_VM1, "vm1");
    refused_in(LAB_PEER3, 5001, FAR4_VM4, "tunnel_unknown_mac");
    lab_delete("lport", "vm1");
    lab_delete("lport", "vm2");
    lab_delete("lport", "vm3"); /* nothing on this node leads to net1 now */
    in(LAB_PEER3, 5001, FAR4_VM4, "vm4");
}

Test(tunnel, a_network_that_this_node_does_not_need_has_no_key_here)
{
    lab_delete("lport", "vm4");
    refused_in(LAB_PEER3, 5003, FAR4_VM4, "tunnel_unknown_key");
}

/* ---- The port */

Test(tunnel, no_port_of_the_model_gets_the_underlay)
{
    struct df_port_status status;
    lab_model("{'lport': [{'id': 'thief', 'topic': 'red', 'lswitch': 'net1', 'macs': ['02:00:00:00:01:66'],"
              " 'ips': ['10.1.0.66'], 'subnets': ['sub1'], 'binding': {'type': 'chassis', 'chassis': 'node1',"
              " 'vif_type': 'ethdev', 'vif_name': 'up0'}}]}");
    cr_assert_eq(df_controller_port_status(lab_controller(), "thief", &status), 0);
    cr_assert_not_null(strstr(status.reason, "underlay_port"), "%s", status.reason);
    in(LAB_PEER2, 5001, FAR1_VM1, "vm1");
}

Test(tunnel, the_list_of_ports_shows_the_underlay)
{
    struct df_error error;
    json_t *ports = df_controller_report(lab_controller(), "ports", NULL, &error);
    json_t *item = json_array_get(ports, json_array_size(ports) - 1);
    cr_assert_str_eq(json_string_value(json_object_get(item, "name")), "up0");
    cr_assert_str_eq(json_string_value(json_object_get(item, "status")), "open");
    cr_assert_eq(json_integer_value(json_object_get(item, "number")), 1023);
    cr_assert_str_eq(json_string_value(json_array_get(json_object_get(item, "ips"), 0)), LAB_UNDERLAY_IP);
    cr_assert_str_eq(json_string_value(json_array_get(json_object_get(item, "macs"), 0)), LAB_UNDERLAY_MAC);
    json_decref(ports);
}
