/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scenario/lab.h"
#include "tests/scenario/models.h"

/* Switching inside a network: who hears what, and who answers ARP and neighbour solicitations. */

static void networks(void)
{
    lab_up();
    lab_model(MODEL_NETWORKS);
    lab_model(MODEL_PORTS);
}

TestSuite(l2, .init = networks, .fini = lab_down);

#define PING_12 "icmp,icmp_type=8,dl_src=" MAC1 ",dl_dst=" MAC2 ",nw_src=10.1.0.11,nw_dst=10.1.0.12"

Test(l2, a_frame_goes_to_the_port_that_has_its_mac_and_to_no_other)
{
    lab_send("vm1", PING_12);
    lab_expect("vm2", PING_12);
    lab_expect_silence();
    lab_expect_no_drop();
}

Test(l2, the_second_packet_of_a_flow_is_served_by_the_cache)
{
    lab_send("vm1", PING_12);
    lab_expect_walked();
    lab_send("vm1", PING_12);
    lab_expect_cached();
    lab_expect("vm2", PING_12);
    lab_expect("vm2", PING_12);
    lab_expect_silence();
}

Test(l2, ipv6_too)
{
    const char *ping =
        "icmp6,icmp_type=128,dl_src=" MAC1 ",dl_dst=" MAC2 ",ipv6_src=2001:db8:1::11,ipv6_dst=2001:db8:1::12";
    for (int i = 0; i < 2; i++) {
        lab_send("vm1", ping);
        lab_expect("vm2", ping);
    }
    lab_expect_cached();
    lab_expect_silence();
}

Test(l2, unknown_unicast_goes_nowhere_while_all_ports_have_port_security)
{
    lab_send("vm1", "icmp,icmp_type=8,dl_src=" MAC1 ",dl_dst=02:00:00:00:01:99,nw_src=10.1.0.11,nw_dst=10.1.0.99");
    lab_expect_silence();
    lab_expect_drop("l2_unknown", 1);
}

Test(l2, unknown_unicast_goes_to_ports_that_may_have_any_mac)
{
    lab_model("{'lport': [" PORT("vm5", "net1", "02:00:00:00:01:15", "'10.1.0.15'", "'sub1'",
                                 ", 'port_security_enabled': false") "]}");
    const char *frame = "icmp,icmp_type=8,dl_src=" MAC1 ",dl_dst=02:00:00:00:01:99,nw_src=10.1.0.11,nw_dst=10.1.0.99";
    lab_send("vm1", frame);
    lab_expect("vm5", frame);
    lab_expect_silence();
    lab_expect_no_drop();
}

Test(l2, broadcast_reaches_every_other_port_of_the_network_once)
{
    lab_model("{'lport': [" PORT("vm5", "net1", "02:00:00:00:01:15", "'10.1.0.15'", "'sub1'", "") "]}");
    const char *frame =
        "udp,tp_src=1000,tp_dst=2000,dl_src=" MAC1 ",dl_dst=ff:ff:ff:ff:ff:ff,nw_src=10.1.0.11,nw_dst=10.1.0.255";
    lab_send("vm1", frame);
    lab_expect("vm2", frame);
    lab_expect("vm5", frame);
    lab_expect_silence();
    lab_expect_no_drop();
}

Test(l2, equal_addresses_in_another_network_are_another_port)
{
    lab_send("vm1", "arp,arp_op=1,arp_spa=10.1.0.11,arp_tpa=10.1.0.12,arp_sha=" MAC1 ",dl_src=" MAC1);
    size_t len;
    cr_assert_not_null(lab_receive("vm1", &len));
    lab_expect_none("vm4");
    lab_send("vm4", "icmp,icmp_type=8,dl_src=" MAC4 ",dl_dst=" MAC2 ",nw_src=10.1.0.11,nw_dst=10.1.0.12");
    lab_expect_silence();
    lab_expect_drop("l2_unknown", 1);
}

Test(l2, arp_for_a_neighbour_is_answered_at_once_and_not_flooded)
{
    lab_send("vm1", "arp,arp_op=1,arp_spa=10.1.0.11,arp_tpa=10.1.0.12,arp_sha=" MAC1 ",dl_src=" MAC1);
    lab_expect("vm1", "arp,arp_op=2,arp_spa=10.1.0.12,arp_tpa=10.1.0.11,arp_sha=" MAC2 ",arp_tha=" MAC1 ",dl_src=" MAC2
                      ",dl_dst=" MAC1);
    lab_expect_silence();
}

Test(l2, arp_for_an_unknown_address_is_flooded)
{
    const char *request = "arp,arp_op=1,arp_spa=10.1.0.11,arp_tpa=10.1.0.99,arp_sha=" MAC1 ",dl_src=" MAC1;
    lab_send("vm1", request);
    lab_expect("vm2", request);
    lab_expect_silence();
}

Test(l2, a_port_that_probes_its_own_address_gets_no_answer)
{
    lab_send("vm1", "arp,arp_op=1,arp_spa=0.0.0.0,arp_tpa=10.1.0.11,arp_sha=" MAC1 ",dl_src=" MAC1);
    lab_expect_none("vm1");
}

Test(l2, a_neighbour_solicitation_is_answered)
{
    lab_send("vm1", "icmp6,icmp_type=135,nw_ttl=255,dl_src=" MAC1
                    ",dl_dst=33:33:ff:00:00:12,ipv6_src=2001:db8:1::11,ipv6_dst=ff02::1:ff00:12,"
                    "nd_target=2001:db8:1::12,nd_sll=" MAC1);
    size_t len;
    const uint8_t *answer = lab_receive("vm1", &len);
    cr_assert_not_null(answer);
    cr_assert_eq(len, 14 + 40 + 32);
    cr_assert_eq(answer[54], 136);
    cr_assert_eq(answer[58] & 0xe0, 0x60, "solicited and override, not a router");
    lab_expect_silence();
}

Test(l2, frames_of_the_bridge_protocol_go_nowhere)
{
    const uint8_t lldp[60] = {0x01, 0x80, 0xc2, 0, 0, 0x0e, 0x02, 0, 0, 0, 0x01, 0x11, 0x08, 0x00, 0x45};
    lab_send_bytes("vm1", lldp, sizeof(lldp));
    lab_expect_silence();
}

Test(l2, a_removed_port_hears_nothing_more)
{
    lab_send("vm1", PING_12);
    lab_expect("vm2", PING_12);
    lab_delete("lport", "vm2");
    lab_send("vm1", PING_12);
    lab_expect_silence();
    lab_expect_drop("l2_unknown", 1);
}

Test(l2, limited_broadcast_reaches_every_other_port_of_the_network_once)
{
    lab_model("{'lport': [" PORT("vm5", "net1", "02:00:00:00:01:15", "'10.1.0.15'", "'sub1'",
                                 "") "," PORT("vm6", "net1", "02:00:00:00:01:16", "'10.1.0.16'", "'sub1'", "") "]}");
    const char *frame = "udp,tp_src=5,tp_dst=9,len=1000,dl_src=" MAC1
                        ",dl_dst=ff:ff:ff:ff:ff:ff,nw_src=10.1.0.11,nw_dst=255.255.255.255";
    for (int i = 0; i < 2; i++) {
        lab_send("vm1", frame);
        lab_expect("vm2", frame);
        lab_expect("vm5", frame);
        lab_expect("vm6", frame);
        lab_expect_silence();
    }
    lab_expect_no_drop();
}

Test(l2, multicast_reaches_every_other_port_of_the_network)
{
    lab_model("{'lport': [" PORT("vm5", "net1", "02:00:00:00:01:15", "'10.1.0.15'", "'sub1'", "") "]}");
    static const char *const frames[] = {
        "udp,tp_src=5353,tp_dst=5353,dl_src=" MAC1 ",dl_dst=01:00:5e:00:00:fb,nw_src=10.1.0.11,nw_dst=224.0.0.251",
        "udp,tp_src=5,tp_dst=9,dl_src=" MAC1 ",dl_dst=01:00:5e:01:02:03,nw_src=10.1.0.11,nw_dst=239.1.2.3",
        "udp6,tp_src=5353,tp_dst=5353,dl_src=" MAC1
        ",dl_dst=33:33:00:00:00:fb,ipv6_src=2001:db8:1::11,ipv6_dst=ff02::fb",
    };
    for (unsigned i = 0; i < 3; i++) {
        lab_send("vm1", frames[i]);
        lab_expect("vm2", frames[i]);
        lab_expect("vm5", frames[i]);
        lab_expect_silence();
    }
    lab_expect_no_drop();
}

Test(l2, a_broadcast_that_nobody_can_hear_is_dropped_by_name)
{
    lab_send("vm4",
             "udp,tp_src=5,tp_dst=9,dl_src=" MAC4 ",dl_dst=ff:ff:ff:ff:ff:ff,nw_src=10.1.0.11,nw_dst=255.255.255.255");
    lab_expect_silence();
    lab_expect_drop("l2_no_member", 1);
}

Test(l2, a_frame_to_the_port_it_came_from_goes_nowhere)
{
    for (int i = 0; i < 2; i++) {
        lab_send("vm1", "udp,tp_src=5,tp_dst=9,dl_src=" MAC1 ",dl_dst=" MAC1 ",nw_src=10.1.0.11,nw_dst=10.1.0.11");
        lab_expect_silence();
        lab_expect_drop("hairpin", 1);
    }
}

Test(l2, unknown_unicast_is_not_sent_back_to_the_port_it_came_from)
{
    lab_model(
        "{'lport': [" PORT("vm1", "net1", MAC1, "'10.1.0.11'", "'sub1'", ", 'port_security_enabled': false") "]}");
    lab_send("vm1", "udp,tp_src=5,tp_dst=9,dl_src=" MAC1 ",dl_dst=02:00:00:00:01:99,nw_src=10.1.0.11,nw_dst=10.1.0.99");
    lab_expect_silence();
    lab_expect_drop("l2_unknown", 1);
}

Test(l2, a_port_of_several_macs_hears_each)
{
    lab_model("{'lport': [{'id': 'vm2', 'topic': 'red', 'lswitch': 'net1', 'macs': ['" MAC2 "', '02:00:00:00:01:88'],"
              " 'ips': ['10.1.0.12'], 'subnets': ['sub1'], 'binding': {'type': 'chassis', 'chassis': 'node1',"
              " 'vif_type': 'ethdev', 'vif_name': 'vm2'}}]}");
    const char *frame =
        "udp,tp_src=5,tp_dst=9,dl_src=" MAC1 ",dl_dst=02:00:00:00:01:88,nw_src=10.1.0.11,nw_dst=10.1.0.12";
    lab_send("vm1", frame);
    lab_expect("vm2", frame);
    lab_send("vm1", PING_12);
    lab_expect("vm2", PING_12);
    lab_expect_silence();
}

Test(l2, every_protocol_over_ip_is_switched_and_a_long_frame_too)
{
#define IP_12 ",dl_src=" MAC1 ",dl_dst=" MAC2 ",nw_src=10.1.0.11,nw_dst=10.1.0.12"
    static const char *const frames[] = {"tcp,tp_src=5,tp_dst=22,tcp_flags=syn" IP_12,
                                         "sctp,tp_src=5,tp_dst=9" IP_12,
                                         "ip,nw_proto=47,len=40" IP_12,
                                         "ip,nw_proto=112,len=20" IP_12,
                                         "udp,tp_src=5,tp_dst=9,len=1472" IP_12,
                                         "icmp,icmp_type=13" IP_12};
    for (unsigned i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
        lab_send("vm1", frames[i]);
        lab_expect("vm2", frames[i]);
        lab_expect_silence();
    }
    lab_expect_no_drop();
}

Test(l2, a_port_on_another_node_is_known_and_not_reached_from_here_yet)
{
    lab_model("{'lport': [{'id': 'far', 'topic': 'red', 'lswitch': 'net1', 'macs': ['02:00:00:00:01:77'],"
              " 'ips': ['10.1.0.77'], 'subnets': ['sub1'], 'binding': {'type': 'chassis', 'chassis': 'node2'}}]}");
    lab_send("vm1", "arp,arp_op=1,arp_spa=10.1.0.11,arp_tpa=10.1.0.77,arp_sha=" MAC1 ",dl_src=" MAC1);
    lab_expect("vm1", "arp,arp_op=2,arp_spa=10.1.0.77,arp_tpa=10.1.0.11,arp_sha=02:00:00:00:01:77,arp_tha=" MAC1
                      ",dl_src=02:00:00:00:01:77,dl_dst=" MAC1);
    lab_send("vm1", "udp,tp_src=5,tp_dst=9,dl_src=" MAC1 ",dl_dst=02:00:00:00:01:77,nw_src=10.1.0.11,nw_dst=10.1.0.77");
    lab_expect_silence();
    lab_expect_drop("egress_no_path", 1);
}
