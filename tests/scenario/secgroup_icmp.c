/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scenario/groups.h"

#include "tests/unit/fastpath/frame.h"

/*
 * Rules of ICMP: type and code, where 0 is a type and a code like any other; and IPv6, whose protocol is behind its
 * extension headers. In stateless groups each message is judged by itself. In stateful ones what asks begins a connection
 * and its answer belongs to it; nothing else does either, as Linux has it.
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

/* ---- Stateful groups */

#define STATEFUL(rules) GROUPS(SENDER "," GROUP("receiver", rules))
#define MESSAGE(type, id, ends) "icmp,icmp_type=" type ",icmp_id=" id ",len=28" ends
#define MESSAGE6(type, id, ends) "icmp6,icmp_type=" type ",icmp_id=" id ",len=48" ends

Test(secgroup_icmp, what_asks_begins_a_connection_and_is_answered)
{
    static const char *const asked[][2] = {
        {MESSAGE("8", "3", VM1_VM2), MESSAGE("0", "3", VM2_VM1)},
        {MESSAGE("13", "3", VM1_VM2), MESSAGE("14", "3", VM2_VM1)},
        {MESSAGE("15", "3", VM1_VM2), MESSAGE("16", "3", VM2_VM1)},
        {MESSAGE("17", "3", VM1_VM2), MESSAGE("18", "3", VM2_VM1)},
        {MESSAGE6("128", "3", VM1_VM2_6), MESSAGE6("129", "3", VM2_VM1_6)},
        {MESSAGE6("139", "3", VM1_VM2_6), MESSAGE6("140", "3", VM2_VM1_6)},
    };
    lab_model(STATEFUL(IN4("icmp", PROTOCOL("icmp")) "," IN6("icmpv6", PROTOCOL("icmpv6"))));
    for (unsigned i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
        comes(asked[i][0]);
        lab_passes("vm2", asked[i][1], "vm1");
    }
}

Test(secgroup_icmp, nothing_else_does_whatever_a_stateful_groups_rules_say)
{
    static const char *const told[] = {
        MESSAGE("0", "7", VM1_VM2),      MESSAGE("9", "7", VM1_VM2),      MESSAGE("10", "7", VM1_VM2),
        MESSAGE("14", "7", VM1_VM2),     MESSAGE("42", "7", VM1_VM2),     MESSAGE("255", "7", VM1_VM2),
        MESSAGE6("129", "7", VM1_VM2_6), MESSAGE6("138", "7", VM1_VM2_6), MESSAGE6("140", "7", VM1_VM2_6),
        MESSAGE6("160", "7", VM1_VM2_6),
    };
    lab_model(STATEFUL(IN4("icmp", PROTOCOL("icmp")) "," IN6("icmpv6", PROTOCOL("icmpv6"))));
    for (unsigned i = 0; i < sizeof(told) / sizeof(told[0]); i++)
        lab_refused("vm1", told[i], "conn_invalid");
    lab_refused("vm1", ICMP("3", "1"), "conn_unrelated");
    lab_model(STATEFUL(IN4("zero", PROTOCOL("icmp") TYPE("0"))));
    lab_refused("vm1", told[0], "conn_invalid");
    is_shut_out(ICMP("8", "0"));
}

#define SOLICITATION                                                                                                   \
    "icmp,icmp_type=10,len=28,dl_src=" MAC1 ",dl_dst=01:00:5e:00:00:02,nw_src=10.1.0.11,nw_dst=224.0.0.2"

Test(secgroup_icmp, multicast_is_judged_by_its_own_type_in_stateful_groups_too)
{
    lab_model(STATEFUL(IN4("solicitation", PROTOCOL("icmp") TYPE("10"))));
    comes(SOLICITATION);
    lab_refused("vm1", ICMP("10", "0"), "conn_invalid");
    lab_model(STATEFUL(IN4("advertisement", PROTOCOL("icmp") TYPE("9"))));
    is_shut_out(SOLICITATION);
}

/* Both groups at one port: what the stateless one allows needs no connection. */
Test(secgroup_icmp, a_stateless_group_beside_a_stateful_one_lets_its_own_types_in)
{
    lab_model(GROUPS(GROUP("stateful", IN4("ping", PROTOCOL("icmp") TYPE("8")))));
    lab_model(RECEIVER(IN4("reply", PROTOCOL("icmp") TYPE("0"))));
    lab_model(PORTS(VM2_IN("'receiver', 'stateful'")));
    comes(ICMP("0", "0"));
    comes(ICMP("8", "0"));
    lab_refused("vm1", ICMP("10", "0"), "conn_invalid");
}

/* The problem that `df-ctl secgroup receiver` shows at its first rule, or NULL. */
static char *first_problem(void)
{
    struct df_error error = {""};
    json_t *params = json_pack("{s:s}", "name", "receiver");
    json_t *report = df_controller_report(lab_controller(), "secgroup", params, &error);
    cr_assert_not_null(report, "%s", error.text);
    json_t *problem = json_object_get(json_array_get(json_object_get(report, "rules"), 0), "problem");
    char *text = json_is_string(problem) ? strdup(json_string_value(problem)) : NULL;
    json_decref(report);
    json_decref(params);
    return text;
}

Test(secgroup_icmp, a_rule_for_what_begins_no_connection_is_told_where_it_matters)
{
    lab_model(STATEFUL(IN4("zero", PROTOCOL("icmp") TYPE("0"))));
    char *problem = first_problem();
    cr_assert(problem && strstr(problem, "ICMP of type 0 begins no connection"), "%s", problem ? problem : "none");
    free(problem);
    lab_model(RECEIVER(IN4("zero", PROTOCOL("icmp") TYPE("0"))));
    cr_assert_null(first_problem());
    lab_model(STATEFUL(IN4("ping", PROTOCOL("icmp") TYPE("8"))));
    cr_assert_null(first_problem());
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
