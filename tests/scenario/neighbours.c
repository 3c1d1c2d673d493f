/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scenario/lab.h"
#include "tests/scenario/models.h"

#include "tests/unit/fastpath/frame.h"

#include <stdio.h>

/* Who answers ARP and neighbour solicitations, for whom, and what is left to the stations themselves. */

static void routed(void)
{
    lab_up();
    lab_model(MODEL_NETWORKS);
    lab_model(MODEL_ROUTER);
    lab_model(MODEL_PORTS);
}

TestSuite(neighbours, .init = routed, .fini = lab_down);

#define ARP(port_mac, spa, tpa) "arp,arp_op=1,arp_spa=" spa ",arp_tpa=" tpa ",arp_sha=" port_mac ",dl_src=" port_mac
#define ARP_REPLY(mac, ip, to_mac, to_ip)                                                                              \
    "arp,arp_op=2,arp_spa=" ip ",arp_tpa=" to_ip ",arp_sha=" mac ",arp_tha=" to_mac ",dl_src=" mac ",dl_dst=" to_mac

Test(neighbours, the_router_answers_arp_for_its_address_on_that_network)
{
    lab_send("vm1", ARP(MAC1, "10.1.0.11", "10.1.0.1"));
    lab_expect("vm1", ARP_REPLY(ROUTER1, "10.1.0.1", MAC1, "10.1.0.11"));
    lab_send("vm3", ARP(MAC3, "10.2.0.13", "10.2.0.1"));
    lab_expect("vm3", ARP_REPLY(ROUTER2, "10.2.0.1", MAC3, "10.2.0.13"));
    lab_expect_silence();
    lab_expect_no_drop();
}

Test(neighbours, the_router_does_not_answer_arp_for_its_address_on_another_network)
{
    lab_send("vm1", ARP(MAC1, "10.1.0.11", "10.2.0.1"));
    lab_expect_none("vm1");
    lab_expect("vm2", ARP(MAC1, "10.1.0.11", "10.2.0.1"));
    lab_expect_silence();
}

Test(neighbours, a_unicast_arp_request_is_answered_too)
{
    lab_send("vm1", ARP(MAC1, "10.1.0.11", "10.1.0.12") ",dl_dst=" MAC2);
    lab_expect("vm1", ARP_REPLY(MAC2, "10.1.0.12", MAC1, "10.1.0.11"));
    lab_expect_silence();
}

Test(neighbours, a_probe_for_somebody_elses_address_is_answered)
{
    lab_send("vm1", ARP(MAC1, "0.0.0.0", "10.1.0.12"));
    lab_expect("vm1", ARP_REPLY(MAC2, "10.1.0.12", MAC1, "0.0.0.0"));
    lab_expect_silence();
}

Test(neighbours, an_announcement_is_heard_by_all_and_answered_by_nobody)
{
    lab_send("vm1", ARP(MAC1, "10.1.0.11", "10.1.0.11"));
    lab_expect_none("vm1");
    lab_expect("vm2", ARP(MAC1, "10.1.0.11", "10.1.0.11"));
    lab_expect_silence();
}

Test(neighbours, an_arp_reply_goes_to_whom_it_is_addressed)
{
    const char *reply = ARP_REPLY(MAC1, "10.1.0.11", MAC2, "10.1.0.12");
    lab_send("vm1", reply);
    lab_expect("vm2", reply);
    lab_expect_silence();
}

Test(neighbours, a_reservation_is_not_answered_for_but_left_to_who_has_the_address)
{
    lab_model("{'lport': [{'id': 'vip', 'topic': 'red', 'lswitch': 'net1', 'macs': ['02:00:00:00:01:64'],"
              " 'ips': ['10.1.0.100'], 'subnets': ['sub1']}]}");
    lab_send("vm1", ARP(MAC1, "10.1.0.11", "10.1.0.100"));
    lab_expect_none("vm1");
    lab_expect("vm2", ARP(MAC1, "10.1.0.11", "10.1.0.100"));
}

Test(neighbours, an_allowed_address_pair_is_announced_by_its_holder_and_known_by_its_mac)
{
    lab_model("{'lport': [" PORT("vm2", "net1", MAC2, "'10.1.0.12'", "'sub1'",
                                 ", 'allowed_address_pairs': [{'ip_address': '10.1.0.100',"
                                 " 'mac_address': '00:00:5e:00:01:05'}]") "]}");
#define GARP "arp,arp_op=1,arp_spa=10.1.0.100,arp_tpa=10.1.0.100,arp_sha=00:00:5e:00:01:05,dl_src=00:00:5e:00:01:05"
    lab_send("vm2", GARP);
    lab_expect("vm1", GARP);
    const char *ping = "icmp,icmp_type=8,dl_src=" MAC1 ",dl_dst=00:00:5e:00:01:05,nw_src=10.1.0.11,nw_dst=10.1.0.100";
    lab_send("vm1", ping);
    lab_expect("vm2", ping);
    lab_expect_silence();
    lab_expect_no_drop();
}

Test(neighbours, a_port_that_is_gone_is_not_answered_for)
{
    lab_delete("lport", "vm2");
    lab_send("vm1", ARP(MAC1, "10.1.0.11", "10.1.0.12"));
    lab_expect_silence();
    lab_expect_drop("l2_no_member", 1);
}

/* ---- IPv6 */

#define NS(mac, dst_mac, src, dst, target)                                                                             \
    "icmp6,icmp_type=135,nw_ttl=255,dl_src=" mac ",dl_dst=" dst_mac ",ipv6_src=" src ",ipv6_dst=" dst                  \
    ",nd_target=" target
#define SOLICITED_12 "33:33:ff:00:00:12"

/* The next frame at the port is a neighbour advertisement with these flags, made here byte by byte. */
static void expect_advertisement(const char *port, const char *to_mac, const char *mac, const char *src,
                                 const char *dst, const char *target, uint8_t flags)
{
    struct test_frame frame;
    struct df_mac to, from;
    sscanf(to_mac, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", to.byte, to.byte + 1, to.byte + 2, to.byte + 3, to.byte + 4,
           to.byte + 5);
    sscanf(mac, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", from.byte, from.byte + 1, from.byte + 2, from.byte + 3, from.byte + 4,
           from.byte + 5);
    frame_ethernet(&frame);
    memcpy(frame.byte, to.byte, 6);
    memcpy(frame.byte + 6, from.byte, 6);
    frame_ip6(&frame, 58, 255, src, dst);
    frame.byte[frame.ip] = 0x60; /* no traffic class, no flow label */
    memset(frame.byte + frame.ip + 1, 0, 3);
    frame_nd(&frame, 136, flags, target);
    frame_lladdr(&frame, 2, from.byte);
    frame_close(&frame);
    lab_expect_bytes(port, frame.byte, frame.len);
}

Test(neighbours, a_solicitation_for_a_neighbour_is_answered_and_not_flooded)
{
    lab_send("vm1", NS(MAC1, SOLICITED_12, "2001:db8:1::11", "ff02::1:ff00:12", "2001:db8:1::12") ",nd_sll=" MAC1);
    expect_advertisement("vm1", MAC1, MAC2, "2001:db8:1::12", "2001:db8:1::11", "2001:db8:1::12", 0x60);
    lab_expect_silence();
}

Test(neighbours, a_unicast_solicitation_is_answered_too)
{
    lab_send("vm1", NS(MAC1, MAC2, "2001:db8:1::11", "2001:db8:1::12", "2001:db8:1::12"));
    expect_advertisement("vm1", MAC1, MAC2, "2001:db8:1::12", "2001:db8:1::11", "2001:db8:1::12", 0x60);
    lab_expect_silence();
}

Test(neighbours, the_router_says_that_it_is_one)
{
    lab_send("vm1", NS(MAC1, "33:33:ff:00:00:01", "2001:db8:1::11", "ff02::1:ff00:1", "2001:db8:1::1") ",nd_sll=" MAC1);
    expect_advertisement("vm1", MAC1, ROUTER1, "2001:db8:1::1", "2001:db8:1::11", "2001:db8:1::1", 0xe0);
    lab_send("vm1", NS(MAC1, "33:33:ff:00:01:01", "fe80::ff:fe00:111", "ff02::1:ff00:101",
                       "fe80::ff:fe00:101") ",nd_sll=" MAC1);
    expect_advertisement("vm1", MAC1, ROUTER1, "fe80::ff:fe00:101", "fe80::ff:fe00:111", "fe80::ff:fe00:101", 0xe0);
    lab_expect_silence();
}

Test(neighbours, the_router_does_not_answer_for_its_address_on_another_network)
{
    const char *words = NS(MAC1, "33:33:ff:00:00:01", "2001:db8:1::11", "ff02::1:ff00:1", "2001:db8:2::1");
    lab_send("vm1", words);
    lab_expect_none("vm1");
    lab_expect("vm2", words);
    lab_expect_silence();
}

Test(neighbours, duplicate_address_detection_of_anothers_address_is_answered_to_all)
{
    lab_send("vm1", NS(MAC1, SOLICITED_12, "::", "ff02::1:ff00:12", "2001:db8:1::12"));
    expect_advertisement("vm1", "33:33:00:00:00:01", MAC2, "2001:db8:1::12", "ff02::1", "2001:db8:1::12", 0x20);
    lab_expect_silence();
}

Test(neighbours, duplicate_address_detection_of_ones_own_address_is_not_answered)
{
    const char *words = NS(MAC1, "33:33:ff:00:00:11", "::", "ff02::1:ff00:11", "2001:db8:1::11");
    lab_send("vm1", words);
    lab_expect_none("vm1");
    lab_expect("vm2", words);
    lab_expect_silence();
}

Test(neighbours, a_solicitation_for_an_unknown_address_is_flooded)
{
    const char *words = NS(MAC1, "33:33:ff:00:00:99", "2001:db8:1::11", "ff02::1:ff00:99", "2001:db8:1::99");
    lab_send("vm1", words);
    lab_expect("vm2", words);
    lab_expect_silence();
}

Test(neighbours, a_solicitation_that_a_router_forwarded_is_malformed)
{
    lab_send("vm1", "icmp6,icmp_type=135,nw_ttl=254,dl_src=" MAC1 ",dl_dst=" MAC2
                    ",ipv6_src=2001:db8:1::11,ipv6_dst=2001:db8:1::12,nd_target=2001:db8:1::12");
    lab_expect_silence();
    lab_expect_drop("bad_nd", 1);
}

Test(neighbours, an_advertisement_of_ones_own_address_is_heard)
{
    const char *words = "icmp6,icmp_type=136,nw_ttl=255,dl_src=" MAC1 ",dl_dst=" MAC2
                        ",ipv6_src=2001:db8:1::11,ipv6_dst=2001:db8:1::12,nd_target=2001:db8:1::11,nd_tll=" MAC1;
    lab_send("vm1", words);
    lab_expect("vm2", words);
    lab_expect_silence();
}

Test(neighbours, a_router_solicitation_and_mld_are_multicast_as_any)
{
    const char *rs = "icmp6,icmp_type=133,nw_ttl=255,dl_src=" MAC1
                     ",dl_dst=33:33:00:00:00:02,ipv6_src=fe80::ff:fe00:111,ipv6_dst=ff02::2";
    lab_send("vm1", rs);
    lab_expect("vm2", rs);
    const char *mld =
        "icmp6,icmp_type=143,nw_ttl=1,dl_src=" MAC1 ",dl_dst=33:33:00:00:00:16,ipv6_src=::,ipv6_dst=ff02::16";
    lab_send("vm1", mld);
    lab_expect("vm2", mld);
    lab_expect_silence();
    lab_expect_no_drop();
}
