/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scenario/lab.h"
#include "tests/scenario/models.h"

#include <stdio.h>

/* ICMP errors of the router: they quote what they are about, and are never sent where none is due. */

static void routed(void)
{
    lab_up();
    lab_model(MODEL_NETWORKS);
    lab_model(MODEL_ROUTER);
    lab_model(MODEL_PORTS);
}

TestSuite(icmp_errors, .init = routed, .fini = lab_down);

#define FROM1 ",dl_src=" MAC1 ",dl_dst=" ROUTER1 ",nw_src=10.1.0.11"
#define FROM1_6 ",dl_src=" MAC1 ",dl_dst=" ROUTER1 ",ipv6_src=2001:db8:1::11"
#define NOWHERE ",nw_dst=192.0.2.1"
#define NOWHERE_6 ",ipv6_dst=2001:db8:99::1"

/* What nobody answers: it is dropped for the reason, and that is all. */
static void unanswered(const char *words, const char *reason)
{
    lab_send("vm1", words);
    lab_expect_silence();
    lab_expect_drop(reason, 1);
}

Test(icmp_errors, each_kind_has_its_type_and_code)
{
#define UDP_TO(rest) "udp,tp_src=7,tp_dst=9,len=20" FROM1 rest
    lab_send("vm1", UDP_TO(",nw_dst=10.2.0.13,nw_ttl=1"));
    lab_expect_icmp_error("vm1", "10.1.0.1", 11, 0, UDP_TO(",nw_dst=10.2.0.13,nw_ttl=1"));
    lab_expect_drop("l3_ttl", 1);
    lab_send("vm1", UDP_TO(NOWHERE));
    lab_expect_icmp_error("vm1", "10.1.0.1", 3, 0, UDP_TO(NOWHERE));
    lab_expect_drop("l3_no_route", 1);
    lab_send("vm1", UDP_TO(",nw_dst=10.2.0.99"));
    lab_expect_icmp_error("vm1", "10.1.0.1", 3, 1, UDP_TO(",nw_dst=10.2.0.99"));
    lab_expect_drop("l3_no_neighbour", 1);
    lab_expect_silence();
}

Test(icmp_errors, a_ping_is_no_error_and_is_answered_with_one)
{
    lab_send("vm1", "icmp,icmp_type=8" FROM1 NOWHERE);
    lab_expect_icmp_error("vm1", "10.1.0.1", 3, 0, "icmp,icmp_type=8" FROM1 NOWHERE);
    lab_send("vm1", "icmp6,icmp_type=128" FROM1_6 NOWHERE_6);
    lab_expect_icmp_error("vm1", "2001:db8:1::1", 1, 0, "icmp6,icmp_type=128" FROM1_6 NOWHERE_6);
}

Test(icmp_errors, a_long_packet_is_quoted_as_far_as_the_rfc_lets)
{
    lab_send("vm1", "udp,tp_src=7,tp_dst=9,len=1400" FROM1 NOWHERE);
    lab_expect_icmp_error("vm1", "10.1.0.1", 3, 0, "udp,tp_src=7,tp_dst=9,len=1400" FROM1 NOWHERE);
    lab_send("vm1", "udp6,tp_src=7,tp_dst=9,len=1400" FROM1_6 NOWHERE_6);
    lab_expect_icmp_error("vm1", "2001:db8:1::1", 1, 0, "udp6,tp_src=7,tp_dst=9,len=1400" FROM1_6 NOWHERE_6);
}

Test(icmp_errors, the_sender_is_told_by_the_router_of_its_own_network)
{
    const char *words =
        "udp,tp_src=7,tp_dst=9,nw_ttl=1,dl_src=" MAC3 ",dl_dst=" ROUTER2 ",nw_src=10.2.0.13,nw_dst=10.1.0.11";
    lab_send("vm3", words);
    lab_expect_icmp_error("vm3", "10.2.0.1", 11, 0, words);
    lab_expect_silence();
}

Test(icmp_errors, none_is_sent_about_an_error)
{
    unanswered("icmp,icmp_type=3,icmp_code=1,len=28" FROM1 NOWHERE, "l3_no_route");
    unanswered("icmp,icmp_type=4,len=28" FROM1 NOWHERE, "l3_no_route");
    unanswered("icmp,icmp_type=5,len=28" FROM1 NOWHERE, "l3_no_route");
    unanswered("icmp,icmp_type=11,len=28" FROM1 ",nw_ttl=1,nw_dst=10.2.0.13", "l3_ttl");
    unanswered("icmp,icmp_type=12,len=28" FROM1 ",nw_dst=10.2.0.99", "l3_no_neighbour");
    for (int i = 1; i < 5; i++) {
        char words[256];
        snprintf(words, sizeof(words), "icmp6,icmp_type=%d,len=48" FROM1_6 NOWHERE_6, i);
        unanswered(words, "l3_no_route");
    }
}

Test(icmp_errors, none_is_sent_about_a_later_fragment)
{
    unanswered("udp,nw_frag=later,len=32" FROM1 NOWHERE, "l3_no_route");
    unanswered("udp,nw_frag=later,len=32,nw_ttl=1" FROM1 ",nw_dst=10.2.0.13", "l3_ttl");
    unanswered("udp6,nw_frag=later,len=32" FROM1_6 NOWHERE_6, "l3_no_route");
    lab_send("vm1", "udp,nw_frag=first,len=32" FROM1 NOWHERE);
    lab_expect_icmp_error("vm1", "10.1.0.1", 3, 0, "udp,nw_frag=first,len=32" FROM1 NOWHERE);
}

Test(icmp_errors, none_is_sent_about_multicast_and_broadcast)
{
    unanswered("udp,tp_src=7,tp_dst=9,nw_ttl=1" FROM1 ",nw_dst=224.0.0.251", "l3_multicast");
    unanswered("udp,tp_src=7,tp_dst=9,nw_ttl=1" FROM1 ",nw_dst=255.255.255.255", "l3_multicast");
    unanswered("udp6,tp_src=7,tp_dst=9,nw_ttl=1" FROM1_6 ",ipv6_dst=ff05::2", "l3_multicast");
}

Test(icmp_errors, none_is_sent_to_who_is_nobody)
{
    lab_model(
        "{'lport': [" PORT("vm1", "net1", MAC1, "'10.1.0.11'", "'sub1'", ", 'port_security_enabled': false") "]}");
#define FROM(ip) "udp,tp_src=7,tp_dst=9,nw_ttl=1,dl_src=" MAC1 ",dl_dst=" ROUTER1 ",nw_dst=10.2.0.13,nw_src=" ip
    unanswered(FROM("0.0.0.0"), "bad_ip_source");
    unanswered(FROM("240.0.0.1"), "l3_ttl");
    unanswered(FROM("255.255.255.255"), "bad_ip_source");
    unanswered(FROM("127.0.0.1"), "bad_ip_source");
    unanswered(FROM("224.0.0.1"), "bad_ip_source");
    unanswered("udp6,tp_src=7,tp_dst=9,nw_ttl=1,dl_src=" MAC1 ",dl_dst=" ROUTER1 ",ipv6_src=::,ipv6_dst=2001:db8:2::13",
               "bad_ip_source");
}

Test(icmp_errors, an_echo_request_with_a_payload_comes_back_whole)
{
    lab_send("vm1", "icmp,icmp_type=8,len=1400" FROM1 ",nw_dst=10.1.0.1");
    lab_expect("vm1", "icmp,icmp_type=0,len=1400,dl_src=" ROUTER1 ",dl_dst=" MAC1 ",nw_src=10.1.0.1,nw_dst=10.1.0.11");
    lab_send("vm1", "icmp6,icmp_type=128,len=1400" FROM1_6 ",ipv6_dst=2001:db8:1::1");
    lab_expect("vm1", "icmp6,icmp_type=129,len=1400,dl_src=" ROUTER1 ",dl_dst=" MAC1
                      ",ipv6_src=2001:db8:1::1,ipv6_dst=2001:db8:1::11");
}

Test(icmp_errors, the_router_answers_no_echo_that_is_a_fragment)
{
    unanswered("icmp,icmp_type=8,nw_frag=first,len=32" FROM1 ",nw_dst=10.1.0.1", "l3_to_router");
    unanswered("icmp,icmp_type=8,nw_frag=later,len=32" FROM1 ",nw_dst=10.1.0.1", "l3_to_router");
    unanswered("icmp,icmp_type=0" FROM1 ",nw_dst=10.1.0.1", "l3_to_router");
    unanswered("udp,tp_src=7,tp_dst=9" FROM1 ",nw_dst=10.1.0.1", "l3_to_router");
}
