/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scenario/groups.h"

#include "tests/unit/fastpath/frame.h"

/*
 * Rules of ICMP: type and code, where 0 is a type and a code like any other; and IPv6, whose protocol is behind its
 * extension headers. What is not an echo is no connection, and is judged by itself.
 */

#define SENDER GROUP("sender", OUT4("sender-4", "") "," OUT6("sender-6", ""))
#define RECEIVER(rules) GROUPS(GROUP_WITH("receiver", rules, ", 'stateful': false"))

/* Stateless groups: each type can be sent by itself. */
static void up(void)
{
    lab_up_secgroup();
    lab_model(MODEL_NETWORKS);
    lab_model(GROUPS(GROUP_WITH("sender", OUT4("sender-4", "") "," OUT6("sender-6", ""), ", 'stateful': false")));
    lab_model(PORTS(VM1_IN("'sender'") "," VM2_IN("'receiver'")));
}

TestSuite(secgroup_icmp, .init = up, .fini = lab_down);

static void comes(const char *words)
{
    lab_passes("vm1", words, "vm2");
}

static void is_shut_out(const char *words)
{
    lab_refused("vm1", words, "sg_ingress");
}

#define ICMP(type, code) "icmp,icmp_type=" type ",icmp_code=" code ",len=28" VM1_VM2
#define ICMP6(type, code) "icmp6,icmp_type=" type ",icmp_code=" code ",len=48" VM1_VM2_6
#define TYPE(type) ", 'port_range_min': " type
#define TYPE_CODE(type, code) RANGE(type, code)

Test(secgroup_icmp, every_type)
{
    lab_model(RECEIVER(IN4("icmp", PROTOCOL("icmp"))));
    comes(ICMP("0", "0"));
    comes(ICMP("8", "0"));
    comes(ICMP("3", "1"));
    comes(ICMP("255", "255"));
    is_shut_out(ICMP6("128", "0"));
    is_shut_out("udp,tp_src=8,tp_dst=8" VM1_VM2);
}

Test(secgroup_icmp, one_type_of_every_code)
{
    lab_model(RECEIVER(IN4("unreachable", PROTOCOL("icmp") TYPE("3"))));
    comes(ICMP("3", "0"));
    comes(ICMP("3", "4"));
    comes(ICMP("3", "255"));
    is_shut_out(ICMP("4", "0"));
    is_shut_out(ICMP("8", "0"));
    is_shut_out(ICMP("0", "3"));
}

Test(secgroup_icmp, one_type_and_code)
{
    lab_model(RECEIVER(IN4("too-big", PROTOCOL("icmp") TYPE_CODE("3", "4"))));
    comes(ICMP("3", "4"));
    is_shut_out(ICMP("3", "3"));
    is_shut_out(ICMP("3", "5"));
    is_shut_out(ICMP("4", "3"));
}

Test(secgroup_icmp, type_0_is_a_type)
{
    lab_model(RECEIVER(IN4("reply", PROTOCOL("icmp") TYPE("0"))));
    comes(ICMP("0", "0"));
    comes(ICMP("0", "7"));
    is_shut_out(ICMP("8", "0"));
    is_shut_out(ICMP("3", "0"));
}

Test(secgroup_icmp, code_0_is_a_code)
{
    lab_model(RECEIVER(IN4("echo", PROTOCOL("icmp") TYPE_CODE("8", "0"))));
    comes(ICMP("8", "0"));
    is_shut_out(ICMP("8", "1"));
    lab_model(RECEIVER(IN4("zero", PROTOCOL("icmp") TYPE_CODE("0", "0"))));
    comes(ICMP("0", "0"));
    is_shut_out(ICMP("0", "1"));
    is_shut_out(ICMP("8", "0"));
}

Test(secgroup_icmp, a_code_may_be_less_than_its_type)
{
    lab_model(RECEIVER(IN4("ttl", PROTOCOL("1") TYPE_CODE("11", "1"))));
    comes(ICMP("11", "1"));
    is_shut_out(ICMP("11", "11"));
    is_shut_out(ICMP("1", "11"));
}

Test(secgroup_icmp, icmpv6_under_each_of_its_names)
{
    static const char *const groups[] = {
        RECEIVER(IN6("a", PROTOCOL("icmpv6") TYPE("128"))), RECEIVER(IN6("b", PROTOCOL("ipv6-icmp") TYPE("128"))),
        RECEIVER(IN6("c", PROTOCOL("58") TYPE("128"))), RECEIVER(IN6("d", PROTOCOL("icmp") TYPE("128")))};
    for (unsigned i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
        lab_model(groups[i]);
        comes(ICMP6("128", "0"));
        comes(ICMP6("128", "3"));
        is_shut_out(ICMP6("129", "0"));
        is_shut_out(ICMP("128", "0"));
    }
}

Test(secgroup_icmp, icmpv6_type_and_code)
{
    lab_model(RECEIVER(IN6("no-route", PROTOCOL("ipv6-icmp") TYPE_CODE("1", "0"))));
    comes(ICMP6("1", "0"));
    is_shut_out(ICMP6("1", "4"));
    is_shut_out(ICMP6("2", "0"));
    lab_model(RECEIVER(IN6("zero", PROTOCOL("ipv6-icmp") TYPE("0"))));
    comes(ICMP6("0", "0"));
    is_shut_out(ICMP6("1", "0"));
}

Test(secgroup_icmp, of_the_sender_too)
{
    lab_model(RECEIVER(IN4("icmp", PROTOCOL("icmp"))));
    lab_model(GROUPS(GROUP_WITH("sender", OUT4("echo", PROTOCOL("icmp") TYPE_CODE("8", "0")), ", 'stateful': false")));
    comes(ICMP("8", "0"));
    lab_refused("vm1", ICMP("8", "1"), "sg_egress");
    lab_refused("vm1", ICMP("0", "0"), "sg_egress");
}

/* ---- As upstream's tests have it: who may ping vm3 */

#define VM5 PORT("vm5", "net1", "02:00:00:00:01:15", "'10.1.0.15'", "'sub1'", IN_GROUPS("'default'"))
#define PING_FROM(mac, ip) "icmp,icmp_type=8,icmp_id=3,dl_src=" mac ",dl_dst=" MAC2 ",nw_src=" ip ",nw_dst=10.1.0.12"
#define PONG_TO(mac, ip) "icmp,icmp_type=0,icmp_id=3,dl_src=" MAC2 ",dl_dst=" mac ",nw_src=10.1.0.12,nw_dst=" ip
#define FROM_1 PING_FROM(MAC1, "10.1.0.11")
#define FROM_5 PING_FROM("02:00:00:00:01:15", "10.1.0.15")

static void only_one_pings(bool first)
{
    if (first) {
        lab_passes("vm1", FROM_1, "vm2");
        lab_passes("vm2", PONG_TO(MAC1, "10.1.0.11"), "vm1");
        lab_refused("vm5", FROM_5, "sg_ingress");
    } else {
        lab_passes("vm5", FROM_5, "vm2");
        lab_passes("vm2", PONG_TO("02:00:00:00:01:15", "10.1.0.15"), "vm5");
        lab_refused("vm1", FROM_1, "sg_ingress");
    }
}

Test(secgroup_icmp, the_roles_swap_each_time_the_group_does)
{
    lab_model(GROUPS(GROUP("default", OUT4("default-out", "")) "," GROUP(
        "sg1", IN4("from-1", PROTOCOL("icmp") FROM_PREFIX("10.1.0.11/32")) "," OUT4(
                   "ping-1",
                   PROTOCOL("icmp"))) "," GROUP("sg2",
                                                IN4("from-5", PROTOCOL("icmp") FROM_PREFIX("10.1.0.15/32")) "," OUT4(
                                                    "ping-2",
                                                    PROTOCOL("icmp"))) "," GROUP("sg3", IN4("from-default",
                                                                                            PROTOCOL("icmp") FROM_GROUP(
                                                                                                "default")))));
    lab_model(PORTS(VM1_IN("'default'") "," VM5 "," VM2_IN("'sg1'")));
    only_one_pings(true);
    lab_model(PORTS(VM2_IN("'sg2'")));
    only_one_pings(false);
    lab_model(PORTS(VM2_IN("'sg1'")));
    only_one_pings(true);
    lab_model(PORTS(VM2_IN("'sg3'")));
    lab_passes("vm1", FROM_1, "vm2");
    lab_passes("vm5", FROM_5, "vm2");
    lab_model(PORTS(PORT("vm5", "net1", "02:00:00:00:01:15", "'10.1.0.15'", "'sub1'",
                         IN_GROUPS("'default'") ", 'allowed_address_pairs': [{'ip_address': '10.1.0.200',"
                                                " 'mac_address': '10:20:99:99:99:99'}]")));
    lab_passes("vm5", PING_FROM("10:20:99:99:99:99", "10.1.0.200"), "vm2");
}

/* ---- Behind extension headers */

#define ROUTE 43
#define DESTINATION 60

/* UDP, or an echo, behind one extension header. */
static void extended(struct test_frame *frame, unsigned extension, unsigned proto, unsigned port)
{
    memset(frame, 0, sizeof(*frame));
    frame_bytes(frame, "\x02\x00\x00\x00\x01\x12\x02\x00\x00\x00\x01\x11", 12);
    frame_ip6(frame, extension, 64, "2001:db8:1::11", "2001:db8:1::12");
    frame_8(frame, proto);
    frame_fill(frame, 0, 7);
    if (proto == 17)
        frame_udp(frame, 4000, port, 20);
    else if (proto == 58)
        frame_icmp(frame, port, 0, 16);
    else
        frame_fill(frame, 0x11, 40);
    frame_close(frame);
}

static void extended_comes(unsigned extension, unsigned proto, unsigned port)
{
    struct test_frame frame;
    extended(&frame, extension, proto, port);
    lab_passes_bytes("vm1", frame.byte, frame.len, "vm2");
}

static void extended_is_shut_out(unsigned extension, unsigned proto, unsigned port)
{
    struct test_frame frame;
    extended(&frame, extension, proto, port);
    lab_refused_bytes("vm1", frame.byte, frame.len, "sg_ingress");
}

Test(secgroup_icmp, the_protocol_is_the_one_behind_an_extension_header)
{
    static const unsigned extensions[] = {0, ROUTE, DESTINATION};
    lab_model(RECEIVER(IN6("dns", PROTOCOL("udp") RANGE("53", "53")) "," IN6("vrrp", PROTOCOL("112")) "," IN6(
        "ping", PROTOCOL("ipv6-icmp") TYPE("128"))));
    for (unsigned i = 0; i < sizeof(extensions) / sizeof(extensions[0]); i++) {
        extended_comes(extensions[i], 17, 53);
        extended_is_shut_out(extensions[i], 17, 54);
        extended_comes(extensions[i], 58, 128);
        extended_is_shut_out(extensions[i], 58, 129);
        extended_comes(extensions[i], 112, 0);
        extended_is_shut_out(extensions[i], 47, 0);
    }
}

Test(secgroup_icmp, a_connection_is_found_behind_an_extension_header)
{
    lab_model(GROUPS(GROUP("receiver", IN6("dns", PROTOCOL("udp") RANGE("53", "53")))));
    lab_model(GROUPS(SENDER));
    lab_refused("vm2", "udp6,tp_src=53,tp_dst=4000" VM2_VM1_6, "sg_egress");
    extended_comes(DESTINATION, 17, 53);
    lab_passes("vm2", "udp6,tp_src=53,tp_dst=4000" VM2_VM1_6, "vm1");
    lab_passes("vm1", "udp6,tp_src=4000,tp_dst=53" VM1_VM2_6, "vm2");
}
