/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scenario/lab.h"
#include "tests/scenario/models.h"

/* Anti-spoofing: what a guest may claim to be. Each refusal has its own name; without it all passes. */

static void secured(void)
{
    lab_up();
    lab_model(MODEL_NETWORKS);
    lab_model(MODEL_PORTS);
}

TestSuite(port_security, .init = secured, .fini = lab_down);

#define UDP(mac, ip) "udp,tp_src=1000,tp_dst=2000,dl_src=" mac ",dl_dst=" MAC2 ",nw_src=" ip ",nw_dst=10.1.0.12"
#define UDP6(mac, ip)                                                                                                  \
    "udp6,tp_src=1000,tp_dst=2000,dl_src=" mac ",dl_dst=" MAC2 ",ipv6_src=" ip ",ipv6_dst=2001:db8:1::12"
#define ARP(mac, sha, spa) "arp,arp_op=1,arp_spa=" spa ",arp_tpa=10.1.0.99,arp_sha=" sha ",dl_src=" mac

static void refused(const char *words, const char *reason)
{
    lab_send("vm1", words);
    lab_expect_silence();
    lab_expect_drop(reason, 1);
}

static void passes(const char *words)
{
    lab_send("vm1", words);
    lab_expect("vm2", words);
    lab_expect_no_drop();
}

Test(port_security, the_ports_own_addresses_pass)
{
    passes(UDP(MAC1, "10.1.0.11"));
    passes(UDP6(MAC1, "2001:db8:1::11"));
    passes(ARP(MAC1, MAC1, "10.1.0.11"));
}

Test(port_security, a_foreign_mac_is_refused)
{
    refused(UDP("02:00:00:00:09:99", "10.1.0.11"), "spoofed_mac");
}

Test(port_security, a_foreign_address_is_refused)
{
    refused(UDP(MAC1, "10.1.0.77"), "spoofed_ipv4");
    refused(UDP6(MAC1, "2001:db8:1::77"), "spoofed_ipv6");
}

Test(port_security, a_foreign_address_is_refused_from_the_cache_too)
{
    passes(UDP(MAC1, "10.1.0.11"));
    refused(UDP(MAC1, "10.1.0.77"), "spoofed_ipv4");
    refused(UDP(MAC1, "10.1.0.77"), "spoofed_ipv4");
    refused(UDP("02:00:00:00:09:99", "10.1.0.11"), "spoofed_mac");
    passes(UDP(MAC1, "10.1.0.11"));
}

Test(port_security, forged_arp_is_refused)
{
    refused(ARP(MAC1, MAC1, "10.1.0.77"), "spoofed_arp");
    refused(ARP(MAC1, "02:00:00:00:09:99", "10.1.0.11"), "spoofed_arp");
}

Test(port_security, forged_neighbour_advertisement_is_refused)
{
    refused("icmp6,icmp_type=136,nw_ttl=255,dl_src=" MAC1 ",dl_dst=" MAC2
            ",ipv6_src=2001:db8:1::11,ipv6_dst=2001:db8:1::12,nd_target=2001:db8:1::99,nd_tll=" MAC1,
            "spoofed_nd");
}

Test(port_security, router_advertisements_and_dhcp_servers_are_refused)
{
    refused("icmp6,icmp_type=134,nw_ttl=255,len=8,dl_src=" MAC1 ",dl_dst=" MAC2
            ",ipv6_src=fe80::ff:fe00:111,ipv6_dst=2001:db8:1::12",
            "rogue_ra");
    refused("udp,tp_src=67,tp_dst=68,dl_src=" MAC1 ",dl_dst=" MAC2 ",nw_src=10.1.0.11,nw_dst=10.1.0.12", "rogue_dhcp");
}

Test(port_security, an_address_pair_opens_its_prefix_and_not_more)
{
    lab_model("{'lport': [" PORT("vm1", "net1", MAC1, "'10.1.0.11'", "'sub1'",
                                 ", 'allowed_address_pairs': [{'ip_address': '10.1.0.64/28', 'mac_address': '" MAC1
                                 "'}, {'ip_address': '10.1.0.200', 'mac_address': '00:00:5e:00:01:05'}]") "]}");
    passes(UDP(MAC1, "10.1.0.64"));
    passes(UDP(MAC1, "10.1.0.79"));
    refused(UDP(MAC1, "10.1.0.80"), "spoofed_ipv4");
    passes(UDP("00:00:5e:00:01:05", "10.1.0.200"));
    refused(UDP(MAC1, "10.1.0.200"), "spoofed_ipv4");
    refused(UDP("00:00:5e:00:01:05", "10.1.0.11"), "spoofed_ipv4");
}

Test(port_security, without_it_everything_passes)
{
    lab_model(
        "{'lport': [" PORT("vm1", "net1", MAC1, "'10.1.0.11'", "'sub1'", ", 'port_security_enabled': false") "]}");
    passes(UDP("02:00:00:00:09:99", "10.1.0.77"));
    passes(ARP(MAC1, MAC1, "10.1.0.77"));
    passes("udp,tp_src=67,tp_dst=68,dl_src=" MAC1 ",dl_dst=" MAC2 ",nw_src=10.1.0.11,nw_dst=10.1.0.12");
}

Test(port_security, a_port_with_security_groups_is_not_opened_while_no_app_filters)
{
    lab_model("{'secgroup': [{'id': 'sg1', 'topic': 'red'}], 'lport': [" PORT(
        "vm1", "net1", MAC1, "'10.1.0.11'", "'sub1'", ", 'security_groups': ['sg1']") "]}");
    refused(UDP(MAC1, "10.1.0.11"), "no_lport");
    struct df_port_status status;
    cr_assert_eq(df_controller_port_status(lab_controller(), "vm1", &status), 0);
    cr_assert(strstr(status.reason, "security group") != NULL, "the reason is '%s'", status.reason);
}

Test(port_security, a_mended_port_opens)
{
    lab_model("{'secgroup': [{'id': 'sg1', 'topic': 'red'}], 'lport': [" PORT(
        "vm1", "net1", MAC1, "'10.1.0.11'", "'sub1'", ", 'security_groups': ['sg1']") "]}");
    refused(UDP(MAC1, "10.1.0.11"), "no_lport");
    lab_model("{'lport': [" VM1 "]}");
    passes(UDP(MAC1, "10.1.0.11"));
}

Test(port_security, malformed_frames_are_dropped_by_name)
{
    const uint8_t short_ip[18] = {0x02, 0, 0, 0, 0x01, 0x12, 0x02, 0, 0, 0, 0x01, 0x11, 0x08, 0x00, 0x45};
    lab_send_bytes("vm1", short_ip, sizeof(short_ip));
    lab_expect_silence();
    lab_expect_drop("truncated", 1);
    const uint8_t runt[9] = {0x02};
    lab_send_bytes("vm1", runt, sizeof(runt));
    lab_expect_drop("truncated", 1);
}

Test(port_security, an_ipv6_address_pair_opens_its_prefix_and_not_more)
{
    lab_model("{'lport': [" PORT("vm1", "net1", MAC1, "'2001:db8:1::11'", "'sub1v6'",
                                 ", 'allowed_address_pairs': [{'ip_address': '2001:db8:1::100/120'},"
                                 " {'ip_address': '2001:db8:1::64', 'mac_address': '10:20:99:99:99:99'}]") "]}");
    passes(UDP6(MAC1, "2001:db8:1::11"));
    passes(UDP6(MAC1, "2001:db8:1::1ff"));
    refused(UDP6(MAC1, "2001:db8:1::200"), "spoofed_ipv6");
    passes(UDP6("10:20:99:99:99:99", "2001:db8:1::64"));
    refused(UDP6(MAC1, "2001:db8:1::64"), "spoofed_ipv6");
    refused(UDP6("10:20:99:99:99:99", "2001:db8:1::11"), "spoofed_ipv6");
}

Test(port_security, a_pair_of_every_address_of_a_family_is_of_that_family_alone)
{
    lab_model("{'lport': [" PORT("vm1", "net1", MAC1, "'10.1.0.11'", "'sub1'",
                                 ", 'allowed_address_pairs': [{'ip_address': '::/0'}]") "]}");
    passes(UDP6(MAC1, "2001:db8:ffff::1"));
    refused(UDP(MAC1, "10.1.0.12"), "spoofed_ipv4");
    lab_model("{'lport': [" PORT("vm1", "net1", MAC1, "'10.1.0.11'", "'sub1'",
                                 ", 'allowed_address_pairs': [{'ip_address': '0.0.0.0/0'}]") "]}");
    passes(UDP(MAC1, "203.0.113.9"));
    refused(UDP6(MAC1, "2001:db8:ffff::1"), "spoofed_ipv6");
}

Test(port_security, a_link_local_address_is_the_one_of_the_mac)
{
    passes(UDP6(MAC1, "fe80::ff:fe00:111"));
    refused(UDP6(MAC1, "fe80::ff:fe00:112"), "spoofed_ipv6");
}

Test(port_security, who_has_no_address_yet_may_ask_for_one_and_say_nothing_else)
{
    lab_model("{'lsubnet': [{'id': 'sub1', 'topic': 'red', 'lswitch': 'net1', 'cidr': '10.1.0.0/24'}]}");
    passes("udp,tp_src=68,tp_dst=67,dl_src=" MAC1 ",dl_dst=ff:ff:ff:ff:ff:ff,nw_src=0.0.0.0,nw_dst=255.255.255.255");
    refused("udp,tp_src=68,tp_dst=69,dl_src=" MAC1 ",dl_dst=ff:ff:ff:ff:ff:ff,nw_src=0.0.0.0,nw_dst=255.255.255.255",
            "spoofed_ipv4");
    passes(ARP(MAC1, MAC1, "0.0.0.0"));
    passes("udp6,tp_src=546,tp_dst=547,dl_src=" MAC1
           ",dl_dst=33:33:00:01:00:02,ipv6_src=fe80::ff:fe00:111,ipv6_dst=ff02::1:2");
    refused("udp6,tp_src=5,tp_dst=9,dl_src=" MAC1 ",dl_dst=33:33:00:00:00:01,ipv6_src=::,ipv6_dst=ff02::1",
            "spoofed_ipv6");
}

Test(port_security, forged_arp_replies_and_announcements_are_refused)
{
    refused("arp,arp_op=2,arp_spa=10.1.0.1,arp_tpa=10.1.0.12,arp_sha=" MAC1 ",arp_tha=" MAC2 ",dl_src=" MAC1
            ",dl_dst=" MAC2,
            "spoofed_arp");
    refused("arp,arp_op=1,arp_spa=10.1.0.12,arp_tpa=10.1.0.12,arp_sha=" MAC1 ",dl_src=" MAC1, "spoofed_arp");
    refused("arp,arp_op=2,arp_spa=0.0.0.0,arp_tpa=10.1.0.12,arp_sha=" MAC1 ",dl_src=" MAC1 ",dl_dst=" MAC2,
            "spoofed_arp");
}

Test(port_security, a_forged_link_layer_address_in_a_solicitation_is_refused)
{
#define NS                                                                                                             \
    "icmp6,icmp_type=135,nw_ttl=255,dl_src=" MAC1                                                                      \
    ",dl_dst=33:33:ff:00:00:99,ipv6_src=2001:db8:1::11,ipv6_dst=ff02::1:ff00:99"
    passes(NS ",nd_target=2001:db8:1::99,nd_sll=" MAC1);
    refused(NS ",nd_target=2001:db8:1::99,nd_sll=" MAC2, "spoofed_nd");
    refused("icmp6,icmp_type=136,nw_ttl=255,dl_src=" MAC1 ",dl_dst=" MAC2
            ",ipv6_src=2001:db8:1::11,ipv6_dst=2001:db8:1::12,nd_target=2001:db8:1::11,nd_tll=" MAC2,
            "spoofed_nd");
}

Test(port_security, redirects_are_refused)
{
    refused("icmp6,icmp_type=137,nw_ttl=255,len=32,dl_src=" MAC1 ",dl_dst=" MAC2
            ",ipv6_src=fe80::ff:fe00:111,ipv6_dst=2001:db8:1::12",
            "rogue_ra");
}

Test(port_security, a_spoofed_source_is_refused_whatever_it_is_sent_to)
{
    refused("udp,tp_src=5,tp_dst=9,dl_src=" MAC1 ",dl_dst=ff:ff:ff:ff:ff:ff,nw_src=10.1.0.12,nw_dst=255.255.255.255",
            "spoofed_ipv4");
    refused("tcp,tp_src=5,tp_dst=9,dl_src=" MAC1 ",dl_dst=" MAC1 ",nw_src=10.1.0.12,nw_dst=10.1.0.12", "spoofed_ipv4");
    refused("icmp,icmp_type=8,dl_src=" MAC2 ",dl_dst=" MAC2 ",nw_src=10.1.0.12,nw_dst=10.1.0.12", "spoofed_mac");
}
