/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scenario/lab.h"
#include "tests/scenario/models.h"

#include "fastpath/worker/worker.h"

#include <stdio.h>

/* The flow cache: what is kept in it under which key, and that it never knows more than the tables do. */

static void routed(void)
{
    lab_up();
    lab_model(MODEL_NETWORKS);
    lab_model(MODEL_ROUTER);
    lab_model(MODEL_PORTS);
}

TestSuite(cache, .init = routed, .fini = lab_down);

#define UDP(ports) "udp," ports ",nw_ttl=64,dl_src=" MAC1 ",dl_dst=" ROUTER1 ",nw_src=10.1.0.11,nw_dst=10.2.0.13"
#define AT_VM3(ports) "udp," ports ",nw_ttl=63,dl_src=" ROUTER2 ",dl_dst=" MAC3 ",nw_src=10.1.0.11,nw_dst=10.2.0.13"

static uint32_t flows(void)
{
    return df_worker_flows(df_worker(0));
}

Test(cache, a_thousand_flows_of_an_address_pair_are_one_entry)
{
    size_t len;
    char words[200];
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(words, sizeof(words), UDP("tp_src=%u,tp_dst=%u"), 1024 + i, 5000 + i % 3);
        lab_send("vm1", words);
        cr_assert_not_null(lab_receive("vm3", &len));
    }
    lab_expect_cached();
    cr_assert_eq(flows(), 1);
}

Test(cache, where_routes_are_shared_each_flow_is_an_entry)
{
    lab_model("{'lrouter': [{'id': 'r1', 'topic': 'red', 'name': 'r1', 'ports': ["
              "  {'id': 'r1-net1', 'topic': 'red', 'unique_key': 9001, 'mac': '" ROUTER1 "', 'lswitch': 'net1',"
              "   'network': '10.1.0.1/24'},"
              "  {'id': 'r1-net2', 'topic': 'red', 'unique_key': 9002, 'mac': '" ROUTER2 "', 'lswitch': 'net2',"
              "   'network': '10.2.0.1/24'}], 'routes': [{'destination': '30.0.0.0/24', 'nexthop': '10.1.0.12'},"
              "  {'destination': '30.0.0.0/24', 'nexthop': '10.2.0.13'}]}]}");
    char words[200];
    size_t len;
    for (unsigned i = 0; i < 200; i++) {
        snprintf(words, sizeof(words),
                 "udp,tp_dst=9,tp_src=%u,dl_src=" MAC1 ",dl_dst=" ROUTER1 ",nw_src=10.1.0.11,nw_dst=30.0.0.1",
                 1024 + i / 2);
        lab_send("vm1", words);
        cr_assert(lab_receive("vm2", &len) != NULL || lab_receive("vm3", &len) != NULL);
    }
    cr_assert_geq(flows(), 99, "the first packet told that the ports are read; all after it are kept by them");
    cr_assert_leq(flows(), 101);
}

Test(cache, dhcp_is_not_taken_for_the_flow_of_its_address_pair)
{
    for (int i = 0; i < 2; i++) {
        lab_send("vm1", UDP("tp_src=1000,tp_dst=2000"));
        lab_expect("vm3", AT_VM3("tp_src=1000,tp_dst=2000"));
    }
    lab_expect_cached();
    struct df_worker_tally before, after;
    df_worker_tally(df_worker(0), &before);
    lab_send("vm1", UDP("tp_src=68,tp_dst=67"));
    df_worker_tally(df_worker(0), &after);
    lab_expect_silence();
    cr_assert_eq(after.punts, before.punts + 1, "it did not go to the controller");
    lab_send("vm1", UDP("tp_src=67,tp_dst=68"));
    lab_expect_silence();
    lab_expect_drop("rogue_dhcp", 1);
    lab_send("vm1", UDP("tp_src=67,tp_dst=9999"));
    lab_expect("vm3", AT_VM3("tp_src=67,tp_dst=9999"));
    lab_send("vm1", UDP("tp_src=67,tp_dst=68"));
    lab_expect_silence();
    lab_expect_drop("rogue_dhcp", 1);
    lab_send("vm1", UDP("tp_src=1000,tp_dst=2000"));
    lab_expect("vm3", AT_VM3("tp_src=1000,tp_dst=2000"));
}

Test(cache, dhcpv6_is_not_taken_for_the_flow_of_its_address_pair)
{
#define UDP6(ports) "udp6," ports ",dl_src=" MAC1 ",dl_dst=" MAC2 ",ipv6_src=2001:db8:1::11,ipv6_dst=2001:db8:1::12"
    for (int i = 0; i < 2; i++) {
        lab_send("vm1", UDP6("tp_src=1000,tp_dst=2000"));
        lab_expect("vm2", UDP6("tp_src=1000,tp_dst=2000"));
    }
    lab_expect_cached();
    lab_send("vm1", UDP6("tp_src=547,tp_dst=546"));
    lab_expect_silence();
    lab_expect_drop("rogue_dhcp", 1);
}

Test(cache, an_error_is_not_taken_for_an_echo)
{
#define ICMP(type) "icmp," type ",dl_src=" MAC1 ",dl_dst=" MAC2 ",nw_src=10.1.0.11,nw_dst=10.1.0.12"
    lab_send("vm1", ICMP("icmp_type=8"));
    lab_expect_walked();
    lab_send("vm1", ICMP("icmp_type=3,icmp_code=1"));
    lab_expect_walked();
    lab_send("vm1", ICMP("icmp_type=8"));
    lab_expect_cached();
    cr_assert_eq(flows(), 2);
}

/* A packet of a kept flow, with one thing wrong in it. */
static void refused_though_kept(const char *words, size_t offset, uint8_t byte, const char *reason)
{
    uint8_t frame[2000];
    size_t len = sizeof(frame);
    lab_frame(words, frame, &len);
    for (int i = 0; i < 2; i++)
        lab_send_bytes("vm1", frame, len);
    lab_expect_cached();
    frame[offset] = byte;
    lab_send_bytes("vm1", frame, len);
    lab_expect_drop(reason, 1);
}

#define TCP_AT_VM3 "tcp,tp_src=7,tp_dst=9,dl_src=" MAC1 ",dl_dst=" ROUTER1 ",nw_src=10.1.0.11,nw_dst=10.2.0.13"

Test(cache, a_malformed_packet_is_not_taken_for_one_of_its_flow)
{
    refused_though_kept(UDP("tp_src=7,tp_dst=9"), 14 + 10, 0xaa, "bad_ip");   /* header checksum */
    refused_though_kept(UDP("tp_src=7,tp_dst=9"), 14 + 20 + 5, 7, "bad_l4");  /* UDP length below its header */
    refused_though_kept(UDP("tp_src=7,tp_dst=9"), 14 + 20 + 5, 90, "bad_l4"); /* and behind the packet */
    refused_though_kept(TCP_AT_VM3, 14 + 20 + 12, 0x40, "bad_l4");            /* TCP header of 16 bytes */
    refused_though_kept(TCP_AT_VM3, 14 + 20 + 12, 0xf0, "truncated");         /* and of 60 */
    refused_though_kept(UDP("tp_src=7,tp_dst=9"), 14, 0x44, "bad_ip");        /* header length */
    refused_though_kept(UDP("tp_src=7,tp_dst=9"), 14 + 3, 0xff, "bad_ip");    /* total length */
    refused_though_kept(UDP("tp_src=7,tp_dst=9"), 6, 0x03, "bad_ethernet");   /* source MAC is a group */
}

Test(cache, an_advertisement_that_was_forwarded_is_malformed_where_port_security_is_off_too)
{
    lab_model("{'lport': [" PORT("vm1", "net1", MAC1, "'2001:db8:1::11'", "'sub1v6'",
                                 ", 'port_security_enabled': false") "]}");
#define NA(ttl)                                                                                                        \
    "icmp6,icmp_type=136,nw_ttl=" ttl ",dl_src=" MAC1 ",dl_dst=" MAC2                                                  \
    ",ipv6_src=2001:db8:1::11,ipv6_dst=2001:db8:1::12,nd_target=2001:db8:1::11,nd_tll=" MAC1
    for (int i = 0; i < 2; i++) {
        lab_send("vm1", NA("255"));
        lab_expect("vm2", NA("255"));
    }
    lab_send("vm1", NA("254"));
    lab_expect_silence();
    lab_expect_drop("bad_nd", 1);
}

Test(cache, an_error_about_no_neighbour_is_dropped_by_its_own_name_when_hops_run_out)
{
#define ERROR(ttl)                                                                                                     \
    "icmp,icmp_type=3,len=28,nw_ttl=" ttl ",dl_src=" MAC1 ",dl_dst=" ROUTER1 ",nw_src=10.1.0.11,nw_dst=10.2.0.99"
    lab_send("vm1", ERROR("64"));
    lab_expect_drop("l3_no_neighbour", 1);
    lab_send("vm1", ERROR("1"));
    lab_expect_drop("l3_ttl", 1);
    lab_send("vm1", ERROR("64"));
    lab_expect_drop("l3_no_neighbour", 1);
}

Test(cache, a_drop_is_kept_and_counted_each_time)
{
    for (int i = 0; i < 3; i++) {
        lab_send("vm1", "udp,dl_src=" MAC1 ",dl_dst=" MAC2 ",nw_src=10.1.0.77,nw_dst=10.1.0.12");
        lab_expect_silence();
        lab_expect_drop("spoofed_ipv4", 1);
    }
    lab_expect_cached();
    cr_assert_eq(lab_port_drops("vm1", "spoofed_ipv4"), 3);
}

Test(cache, a_flow_to_more_ports_than_one_and_an_answer_are_not_kept)
{
    lab_model("{'lport': [" PORT("vm5", "net1", "02:00:00:00:01:15", "'10.1.0.15'", "'sub1'", "") "]}");
    for (int i = 0; i < 2; i++) {
        lab_send("vm1", "udp,dl_src=" MAC1 ",dl_dst=ff:ff:ff:ff:ff:ff,nw_src=10.1.0.11,nw_dst=10.1.0.255");
        lab_expect_walked();
        lab_send("vm1", "icmp,icmp_type=8,dl_src=" MAC1 ",dl_dst=" ROUTER1 ",nw_src=10.1.0.11,nw_dst=10.1.0.1");
        lab_expect_walked();
    }
    cr_assert_eq(flows(), 0);
}

Test(cache, more_flows_than_it_holds_are_served_all_the_same)
{
    char words[200];
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < 3000; i++) {
            snprintf(words, sizeof(words),
                     "ip,nw_proto=47,len=8,dl_src=" MAC1 ",dl_dst=" MAC2 ",nw_src=10.1.0.11,nw_dst=192.%u.%u.1",
                     i / 200, i % 200);
            lab_send("vm1", words);
            lab_expect("vm2", words);
        }
    }
    struct df_worker_tally tally;
    df_worker_tally(df_worker(0), &tally);
    cr_assert_gt(tally.evictions, 1000);
    cr_assert_leq(flows(), 1024);
    lab_expect_no_drop();
}
