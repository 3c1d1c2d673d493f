/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scenario/groups.h"

#include <stdio.h>

#include "tests/scenario/lab_private.h"

/*
 * TCP connections. vm2 may send nothing by itself, so whatever it sends to vm1 shows whether the switch knows the
 * connection, and in which state. Sequence numbers are the guests'; what they are worth is RFC 9293 section 3.
 */

#define SERVER                                                                                                         \
    GROUP("server", IN4("http", PROTOCOL("tcp") RANGE("80", "80")) "," IN6("http6", PROTOCOL("tcp") RANGE("80", "8"    \
                                                                                                                "0")))

static void client_and_server(void)
{
    lab_model(MODEL_NETWORKS);
    lab_model(GROUPS(CLIENT "," SERVER "," EVERYTHING));
    lab_model(PORTS(VM1_IN("'client'") "," VM2_IN("'server'")));
}

static void up(void)
{
    lab_up_secgroup();
    client_and_server();
}

TestSuite(connections, .init = up, .fini = lab_down);

#define TO(flags, more) "tcp,tp_src=4000,tp_dst=80,tcp_flags=" flags more VM1_VM2
#define BACK(flags, more) "tcp,tp_src=80,tp_dst=4000,tcp_flags=" flags more VM2_VM1

/* vm1 begins at 1000, vm2 at 5000. */
#define SYN TO("syn", ",tcp_seq=1000,tcp_ack=0")
#define SYN_ACK BACK("syn|ack", ",tcp_seq=5000,tcp_ack=1001")
#define ACK TO("ack", ",tcp_seq=1001,tcp_ack=5001")
#define DATA TO("ack|psh", ",len=100,tcp_seq=1001,tcp_ack=5001")
#define DATA_BACK BACK("ack|psh", ",len=100,tcp_seq=5001,tcp_ack=1101")

static void to_server(const char *words)
{
    lab_passes("vm1", words, "vm2");
}

static void to_client(const char *words)
{
    lab_passes("vm2", words, "vm1");
}

static void handshake(void)
{
    to_server(SYN);
    to_client(SYN_ACK);
    to_server(ACK);
}

static void established(void)
{
    handshake();
    to_server(DATA);
    to_client(DATA_BACK);
}

/* What the cache serves: the server acknowledges up to 40001. */
static void many_segments_to_server(void)
{
    char words[256];
    for (unsigned i = 1; i < 40; i++) {
        snprintf(words, sizeof(words), TO("ack|psh", ",len=1000,tcp_seq=%u,tcp_ack=5101"), 1 + i * 1000);
        lab_send("vm1", words);
        lab_expect("vm2", words);
        snprintf(words, sizeof(words), BACK("ack", ",tcp_seq=5101,tcp_ack=%u"), 1001 + i * 1000);
        lab_send("vm2", words);
        lab_expect("vm1", words);
    }
    lab_expect_cached();
}

/* No connection is left that what vm2 sends could be part of. */
static void is_gone(void)
{
    lab_refused("vm2", DATA_BACK, "sg_egress");
}

static void is_alive(void)
{
    to_client(DATA_BACK);
    to_server(DATA);
}

/* ---- Begin */

Test(connections, a_handshake_and_data_pass_both_ways)
{
    established();
    is_alive();
    lab_expect_cached();
    to_client(DATA_BACK);
    lab_expect_cached();
}

Test(connections, a_handshake_in_ipv6)
{
#define TO_6(flags, more) "tcp6,tp_src=4000,tp_dst=80,tcp_flags=" flags more VM1_VM2_6
#define BACK_6(flags, more) "tcp6,tp_src=80,tp_dst=4000,tcp_flags=" flags more VM2_VM1_6
    lab_refused("vm2", BACK_6("syn", ",tcp_seq=5000,tcp_ack=0"), "sg_egress");
    to_server(TO_6("syn", ",tcp_seq=1000,tcp_ack=0"));
    to_client(BACK_6("syn|ack", ",tcp_seq=5000,tcp_ack=1001"));
    to_server(TO_6("ack", ",tcp_seq=1001,tcp_ack=5001"));
    for (int i = 0; i < 3; i++)
        to_client(BACK_6("ack|psh", ",len=100,tcp_seq=5001,tcp_ack=1001"));
    lab_expect_cached();
    lab_refused("vm2", "tcp6,tp_src=80,tp_dst=4001,tcp_flags=ack,tcp_seq=1,tcp_ack=1" VM2_VM1_6, "sg_egress");
}

Test(connections, the_server_begins_nothing)
{
    lab_refused("vm2", BACK("syn", ",tcp_seq=5000,tcp_ack=0"), "sg_egress");
    established();
    lab_refused("vm2", "tcp,tp_src=80,tp_dst=4001,tcp_flags=syn,tcp_seq=1,tcp_ack=0" VM2_VM1, "sg_egress");
    lab_refused("vm2", "tcp,tp_src=81,tp_dst=4000,tcp_flags=syn,tcp_seq=1,tcp_ack=0" VM2_VM1, "sg_egress");
}

Test(connections, the_other_ports_of_the_server_are_shut)
{
    established();
    lab_refused("vm1", "tcp,tp_src=4000,tp_dst=81,tcp_flags=syn,tcp_seq=1,tcp_ack=0" VM1_VM2, "sg_ingress");
    lab_refused("vm1", "udp,tp_src=4000,tp_dst=80" VM1_VM2, "sg_ingress");
}

Test(connections, a_refused_syn_begins_nothing_at_the_sender_either)
{
    lab_refused("vm1", "tcp,tp_src=4000,tp_dst=81,tcp_flags=syn,tcp_seq=1000,tcp_ack=0" VM1_VM2, "sg_ingress");
    lab_model(PORTS(VM2_IN("'everything'")));
    lab_refused("vm2", "tcp,tp_src=81,tp_dst=4000,tcp_flags=ack,len=9,tcp_seq=1,tcp_ack=1001" VM2_VM1, "sg_ingress");
}

Test(connections, a_syn_is_sent_again_and_so_is_its_answer)
{
    to_server(SYN);
    to_server(SYN);
    to_client(SYN_ACK);
    to_client(SYN_ACK);
    to_server(ACK);
    is_alive();
}

Test(connections, both_begin_at_once)
{
    to_server(SYN);
    to_client(BACK("syn", ",tcp_seq=5000,tcp_ack=0"));
    to_server(TO("syn|ack", ",tcp_seq=1000,tcp_ack=5001"));
    to_client(BACK("syn|ack", ",tcp_seq=5000,tcp_ack=1001"));
    to_server(ACK);
    is_alive();
    lab_turn_ms(3600 * 1000);
    is_alive();
}

/* Who sends from an address that is another one's never sees the server's answer. */
Test(connections, a_handshake_is_not_completed_by_who_did_not_see_its_answer)
{
    to_server(SYN);
    to_client(SYN_ACK);
    lab_refused("vm1", TO("ack", ",tcp_seq=3000000000,tcp_ack=777"), "conn_invalid");
    lab_refused("vm1", TO("ack|psh", ",len=100,tcp_seq=1001,tcp_ack=777"), "conn_invalid");
    lab_refused("vm1", TO("fin|ack", ",tcp_seq=1001,tcp_ack=777"), "conn_invalid");
    lab_turn_ms(62000);
    is_gone();
}

Test(connections, a_handshake_is_completed_by_data)
{
    to_server(SYN);
    to_client(SYN_ACK);
    to_server(DATA);
    lab_turn_ms(3600 * 1000);
    is_alive();
}

Test(connections, what_no_tcp_sends_begins_nothing)
{
    lab_model(PORTS(VM1_IN("'everything'") "," VM2_IN("'everything'")));
    lab_refused("vm1", TO("syn|ack", ",tcp_seq=1000,tcp_ack=1"), "conn_invalid");
    lab_refused("vm1", TO("rst", ",tcp_seq=1000,tcp_ack=0"), "conn_invalid");
    lab_refused("vm1", TO("syn|fin", ",tcp_seq=1000,tcp_ack=0"), "conn_invalid");
    lab_refused("vm1", TO("syn|rst", ",tcp_seq=1000,tcp_ack=0"), "conn_invalid");
    lab_refused("vm1", TO("", ",tcp_seq=1000,tcp_ack=0"), "conn_invalid");
    lab_refused("vm1", TO("fin|psh|urg", ",tcp_seq=1000,tcp_ack=0"), "conn_invalid");
}

/* ---- Mid-stream */

Test(connections, one_in_mid_stream_is_picked_up)
{
    to_server(DATA);
    to_client(DATA_BACK);
    to_server(DATA);
    is_alive();
}

Test(connections, one_in_mid_stream_is_picked_up_by_who_may_begin_it_only)
{
    lab_refused("vm2", DATA_BACK, "sg_egress");
    to_server(DATA);
    to_client(DATA_BACK);
}

static void up_without_pick_up(void)
{
    lab_up_connections(&(const struct lab_connections){.no_pick_up = true});
    client_and_server();
}

Test(no_pick_up, one_in_mid_stream_is_not_picked_up, .init = up_without_pick_up, .fini = lab_down)
{
    lab_refused("vm1", DATA, "conn_invalid");
    lab_refused("vm1", ACK, "conn_invalid");
    established();
    is_alive();
}

/* ---- End */

/* How long a closed connection can be known at most: TIME_WAIT. */
#define MINUTES(n) lab_turn_ms((n)*60000)

Test(connections, the_client_closes)
{
    established();
    to_server(TO("fin|ack", ",tcp_seq=1101,tcp_ack=5101"));
    to_client(BACK("ack", ",tcp_seq=5101,tcp_ack=1102"));
    to_client(BACK("ack|psh", ",len=50,tcp_seq=5101,tcp_ack=1102")); /* half closed */
    to_client(BACK("fin|ack", ",tcp_seq=5151,tcp_ack=1102"));
    to_server(TO("ack", ",tcp_seq=1102,tcp_ack=5152"));
    MINUTES(3);
    is_gone();
}

Test(connections, the_server_closes)
{
    established();
    to_client(BACK("fin|ack", ",tcp_seq=5101,tcp_ack=1101"));
    to_server(TO("ack", ",tcp_seq=1101,tcp_ack=5102"));
    to_server(TO("fin|ack", ",tcp_seq=1101,tcp_ack=5102"));
    to_client(BACK("ack", ",tcp_seq=5102,tcp_ack=1102"));
    MINUTES(3);
    is_gone();
}

Test(connections, both_close_at_once)
{
    established();
    to_server(TO("fin|ack", ",tcp_seq=1101,tcp_ack=5101"));
    to_client(BACK("fin|ack", ",tcp_seq=5101,tcp_ack=1101"));
    to_server(TO("ack", ",tcp_seq=1102,tcp_ack=5102"));
    to_client(BACK("ack", ",tcp_seq=5102,tcp_ack=1102"));
    MINUTES(3);
    is_gone();
}

Test(connections, one_that_is_not_closed_is_known_for_days)
{
    established();
    MINUTES(4 * 24 * 60);
    to_client(DATA_BACK);
    MINUTES(4 * 24 * 60);
    to_client(DATA_BACK);
    MINUTES(5 * 24 * 60 + 1);
    is_gone();
}

/* From who knows addresses and ports, and none of the numbers. */
Test(connections, a_fin_from_nowhere_passes_and_changes_nothing)
{
    established();
    is_alive();
    lab_expect_cached();
    to_server(TO("fin|ack", ",tcp_seq=2000000000,tcp_ack=3000000000"));
    to_client(BACK("ack", ",tcp_seq=5101,tcp_ack=1101"));
    to_server(DATA);
    lab_expect_cached();
    MINUTES(5);
    is_alive();
}

Test(connections, a_session_that_goes_on_behind_a_fin_is_not_closed)
{
    established();
    to_server(TO("fin|ack", ",tcp_seq=1500,tcp_ack=5101"));
    to_client(BACK("ack", ",tcp_seq=5101,tcp_ack=1101"));
    to_server(TO("ack|psh", ",len=1000,tcp_seq=1101,tcp_ack=5101"));
    MINUTES(5);
    to_client(BACK("ack|psh", ",len=10,tcp_seq=5101,tcp_ack=2101"));
}

Test(connections, a_busy_session_ends_by_a_fin)
{
    established();
    many_segments_to_server();
    to_server(TO("fin|ack", ",tcp_seq=40001,tcp_ack=5101"));
    to_client(BACK("fin|ack", ",tcp_seq=5101,tcp_ack=40002"));
    to_server(TO("ack", ",tcp_seq=40002,tcp_ack=5102"));
    MINUTES(3);
    is_gone();
}

static void closed(void)
{
    established();
    to_server(TO("fin|ack", ",tcp_seq=1101,tcp_ack=5101"));
    to_client(BACK("fin|ack", ",tcp_seq=5101,tcp_ack=1102"));
    to_server(TO("ack", ",tcp_seq=1102,tcp_ack=5102"));
}

/* The same tuple with other sequence numbers. */
static void handshake_anew(void)
{
    to_server(TO("syn", ",tcp_seq=900000,tcp_ack=0"));
    to_client(BACK("syn|ack", ",tcp_seq=3000000,tcp_ack=900001"));
    to_server(TO("ack", ",tcp_seq=900001,tcp_ack=3000001"));
    to_client(BACK("ack|psh", ",len=9,tcp_seq=3000001,tcp_ack=900001"));
}

Test(connections, a_syn_on_a_closed_tuple_begins_anew)
{
    closed();
    handshake_anew();
    MINUTES(60);
    to_client(BACK("ack|psh", ",len=9,tcp_seq=3000010,tcp_ack=900001"));
}

Test(connections, a_syn_after_a_reset_begins_anew)
{
    established();
    to_server(TO("rst", ",tcp_seq=1101,tcp_ack=0"));
    handshake_anew();
    MINUTES(60);
    to_client(BACK("ack|psh", ",len=9,tcp_seq=3000010,tcp_ack=900001"));
}

Test(connections, a_syn_from_the_other_side_of_a_closed_tuple_is_judged_as_its_own)
{
    closed();
    lab_refused("vm2", BACK("syn", ",tcp_seq=700000,tcp_ack=0"), "sg_egress");
    lab_model(PORTS(VM2_IN("'everything'")));
    lab_refused("vm2", BACK("syn", ",tcp_seq=700000,tcp_ack=0"), "sg_ingress");
    lab_model(PORTS(VM1_IN("'everything'")));
    to_client(BACK("syn", ",tcp_seq=700000,tcp_ack=0"));
    to_server(TO("syn|ack", ",tcp_seq=800000,tcp_ack=700001"));
    to_client(BACK("ack", ",tcp_seq=700001,tcp_ack=800001"));
    MINUTES(60);
    lab_model(PORTS(VM1_IN("'client'") "," VM2_IN("'server'")));
    lab_refused("vm1", TO("ack|psh", ",len=9,tcp_seq=800001,tcp_ack=700001"), "sg_egress");
}

/* ---- Resets */

Test(connections, a_reset_of_the_client_ends_it)
{
    established();
    to_server(TO("rst", ",tcp_seq=1101,tcp_ack=0"));
    lab_turn_ms(12000);
    is_gone();
}

Test(connections, a_reset_of_the_server_ends_it)
{
    established();
    to_client(BACK("rst|ack", ",tcp_seq=5101,tcp_ack=1101"));
    lab_turn_ms(12000);
    is_gone();
}

Test(connections, a_syn_is_refused_by_a_reset)
{
    if (lab_cache() == LAB_CACHE_TWICE)
        return; /* it refuses once: the second one refuses nothing any more */
    to_server(SYN);
    to_client(BACK("rst|ack", ",tcp_seq=0,tcp_ack=1001"));
    lab_turn_ms(12000);
    is_gone();
}

Test(connections, a_reset_outside_the_window_is_dropped_and_the_connection_goes_on)
{
    established();
    lab_refused("vm1", TO("rst", ",tcp_seq=2000000000,tcp_ack=0"), "conn_rst_window");
    lab_refused("vm1", TO("rst", ",tcp_seq=4294900000,tcp_ack=0"), "conn_rst_window");
    lab_refused("vm1", TO("rst|ack", ",tcp_seq=200000,tcp_ack=5101"), "conn_rst_window");
    lab_refused("vm2", BACK("rst", ",tcp_seq=4000000000,tcp_ack=0"), "conn_rst_window");
    lab_refused("vm2", BACK("rst|ack", ",tcp_seq=200000,tcp_ack=1101"), "conn_rst_window");
    lab_turn_ms(12000);
    is_alive();
}

/* It is somewhere in vm2's window, so vm2 challenges it and keeps the session (RFC 5961 section 3.2). */
#define GUESSED_RESET TO("rst", ",tcp_seq=11101,tcp_ack=0")

Test(connections, a_reset_that_its_receiver_does_not_heed_ends_nothing)
{
    established();
    to_server(GUESSED_RESET);
    to_client(BACK("ack", ",tcp_seq=5101,tcp_ack=1101"));
    MINUTES(60);
    is_alive();
}

Test(connections, nor_does_one_whose_challenge_is_lost_while_the_session_goes_on)
{
    established();
    to_server(GUESSED_RESET);
    lab_turn_ms(5000);
    to_server(TO("ack|psh", ",len=100,tcp_seq=1101,tcp_ack=5101"));
    MINUTES(60);
    is_alive();
}

Test(connections, a_reset_that_nobody_speaks_after_ends_it)
{
    established();
    to_server(GUESSED_RESET);
    lab_turn_ms(12000);
    is_gone();
}

Test(connections, a_busy_session_ends_by_a_reset)
{
    established();
    many_segments_to_server();
    to_server(TO("rst|ack", ",tcp_seq=47001,tcp_ack=5101")); /* what is on its way was not acknowledged yet */
    to_client(BACK("ack", ",tcp_seq=5101,tcp_ack=46001"));
    to_server(TO("rst", ",tcp_seq=46001,tcp_ack=0")); /* it is closed */
    lab_turn_ms(12000);
    is_gone();
}

Test(connections, a_session_that_says_little_takes_no_place_in_the_cache)
{
    if (lab_cache() == LAB_CACHE_TWICE)
        return; /* each packet comes again there, so each says enough */
    handshake();
    to_client(DATA_BACK);
    to_server(DATA);
    lab_expect_walked();
    to_client(DATA_BACK);
    lab_expect_walked();
    to_client(DATA_BACK);
    lab_expect_cached();
    to_server(DATA);
    lab_expect_cached();
}

Test(connections, a_reset_is_checked_against_what_the_cache_served)
{
    established();
    many_segments_to_server();
    lab_turn_ms(1500);
    to_client(BACK("ack", ",tcp_seq=5101,tcp_ack=40001"));
    to_server(TO("rst", ",tcp_seq=40001,tcp_ack=0"));
    lab_turn_ms(12000);
    is_gone();
}

Test(connections, the_window_that_a_reset_must_be_in_is_scaled)
{
    to_server(SYN);
    to_client(SYN_ACK);
    to_server(TO("ack", ",tcp_seq=1001,tcp_ack=5001,tcp_window=1000"));
    to_client(BACK("ack", ",tcp_seq=5001,tcp_ack=1001,tcp_window=1000"));
    lab_refused("vm1", TO("rst", ",tcp_seq=200000,tcp_ack=0"), "conn_rst_window");
    lab_turn_ms(12000);
    to_client(DATA_BACK);
}

Test(connections, a_reset_without_a_connection_is_refused)
{
    lab_model(PORTS(VM1_IN("'everything'") "," VM2_IN("'everything'")));
    lab_refused("vm1", TO("rst", ",tcp_seq=1,tcp_ack=0"), "conn_invalid");
    lab_refused("vm2", BACK("rst|ack", ",tcp_seq=1,tcp_ack=1"), "conn_invalid");
}

Test(connections, a_session_anew_on_an_established_tuple_has_its_own_numbers)
{
    established();
    to_server(TO("syn", ",tcp_seq=900000,tcp_ack=0"));
    to_client(BACK("syn|ack", ",tcp_seq=3000000000,tcp_ack=900001"));
    to_server(TO("ack", ",tcp_seq=900001,tcp_ack=3000000001"));
    lab_refused("vm1", TO("rst", ",tcp_seq=1101,tcp_ack=0"), "conn_rst_window");
    to_server(TO("rst|ack", ",tcp_seq=900001,tcp_ack=3000000001"));
    lab_turn_ms(12000);
    is_gone();
}

/* ---- Time */

/*
 * A phase of a connection ends when nothing comes for that long, and not sooner. Each packet of these phases walks, so
 * none is noted late, as those are that the flow cache serves.
 */
#define SLACK_MS 2000

static void known_until_ms(uint64_t ms, const char *then)
{
    lab_turn_ms(ms - SLACK_MS);
    to_client(then);
}

static void gone_after_ms(uint64_t ms, const char *then)
{
    lab_turn_ms(ms + SLACK_MS);
    lab_send("vm2", then);
    lab_expect_silence();
}

Test(connections, a_syn_waits_two_minutes_for_its_answer)
{
    to_server(SYN);
    known_until_ms(120000, SYN_ACK);
}

Test(connections, a_syn_does_not_wait_longer)
{
    to_server(SYN);
    gone_after_ms(120000, SYN_ACK);
}

Test(connections, a_handshake_waits_a_minute_for_its_end)
{
    to_server(SYN);
    to_client(SYN_ACK);
    known_until_ms(60000, SYN_ACK);
    gone_after_ms(60000, SYN_ACK);
}

Test(connections, a_half_closed_one_waits_a_minute_in_close_wait)
{
    established();
    to_server(TO("fin|ack", ",tcp_seq=1101,tcp_ack=5101"));
    to_client(BACK("ack", ",tcp_seq=5101,tcp_ack=1102"));
    known_until_ms(60000, BACK("ack|psh", ",len=9,tcp_seq=5101,tcp_ack=1102"));
    gone_after_ms(60000, BACK("ack|psh", ",len=9,tcp_seq=5110,tcp_ack=1102"));
}

/* ---- Two zones, a router between */

#define ROUTED ",dl_src=" MAC1 ",dl_dst=" ROUTER1 ",nw_src=10.1.0.11,nw_dst=10.2.0.13,nw_ttl=64"
#define ROUTED_AT ",dl_src=" ROUTER2 ",dl_dst=" MAC3 ",nw_src=10.1.0.11,nw_dst=10.2.0.13,nw_ttl=63"
#define ROUTED_BACK ",dl_src=" MAC3 ",dl_dst=" ROUTER2 ",nw_src=10.2.0.13,nw_dst=10.1.0.11,nw_ttl=64"
#define ROUTED_BACK_AT ",dl_src=" ROUTER1 ",dl_dst=" MAC1 ",nw_src=10.2.0.13,nw_dst=10.1.0.11,nw_ttl=63"

static void crosses(const char *from, const char *words, const char *to, const char *comes)
{
    lab_send(from, words);
    lab_expect(to, comes);
    lab_expect_silence();
    lab_expect_no_drop();
}

#define CROSSES(packet) crosses("vm1", packet ROUTED, "vm3", packet ROUTED_AT)
#define CROSSES_BACK(packet) crosses("vm3", packet ROUTED_BACK, "vm1", packet ROUTED_BACK_AT)

Test(connections, one_across_a_router)
{
#define FORTH "tcp,tp_src=4000,tp_dst=80"
#define BACKWARDS "tcp,tp_src=80,tp_dst=4000"
    lab_model(MODEL_ROUTER);
    lab_model(PORTS(VM3_IN("'server'")));
    lab_refused("vm3", BACKWARDS ",tcp_flags=syn,tcp_seq=1" ROUTED_BACK, "sg_egress");
    CROSSES(FORTH ",tcp_flags=syn,tcp_seq=1000");
    CROSSES_BACK(BACKWARDS ",tcp_flags=syn|ack,tcp_seq=5000,tcp_ack=1001");
    CROSSES(FORTH ",tcp_flags=ack,tcp_seq=1001,tcp_ack=5001");
    for (int i = 0; i < 3; i++) {
        CROSSES_BACK(BACKWARDS ",tcp_flags=ack|psh,len=99,tcp_seq=5001,tcp_ack=1001");
        lab_expect_no_drop();
    }
    lab_expect_cached();
    lab_refused("vm1", "tcp,tp_src=4000,tp_dst=22,tcp_flags=syn" ROUTED, "sg_ingress");
}

Test(connections, to_a_port_without_port_security_only_the_senders_side_is_tracked)
{
    lab_model(PORTS(PORT("vm2", "net1", MAC2, "'10.1.0.12'", "'sub1'", OPEN)));
    lab_refused("vm2", BACK("syn", ",tcp_seq=5000,tcp_ack=0"), "sg_ingress");
    established();
    lab_refused("vm2", "tcp,tp_src=80,tp_dst=4001,tcp_flags=ack,tcp_seq=1,tcp_ack=1" VM2_VM1, "sg_ingress");
    is_alive();
}

/* ---- Who is who */

Test(connections, a_port_that_comes_anew_has_no_connections_of_the_old_one)
{
    established();
    lab_delete("lport", "vm2");
    lab_model(PORTS(VM2_IN("'server'")));
    is_gone();
    to_server(DATA); /* is picked up */
    to_client(DATA_BACK);
}

Test(connections, one_of_another_network_with_the_same_addresses_is_another_one)
{
#define MAC5 "02:00:00:00:03:12"
#define OTHER ",dl_src=" MAC4 ",dl_dst=" MAC5 ",nw_src=10.1.0.11,nw_dst=10.1.0.12"
#define OTHER_BACK ",dl_src=" MAC5 ",dl_dst=" MAC4 ",nw_src=10.1.0.12,nw_dst=10.1.0.11"
    lab_model(PORTS(VM4_IN("'client'") "," PORT("vm5", "other", MAC5, "'10.1.0.12'", "'subo'", IN_GROUPS("'server'"))));
    established();
    lab_refused("vm5", "tcp,tp_src=80,tp_dst=4000,tcp_flags=ack,len=9,tcp_seq=5001,tcp_ack=1101" OTHER_BACK,
                "sg_egress");
    lab_passes("vm4", "tcp,tp_src=4000,tp_dst=80,tcp_flags=syn,tcp_seq=77" OTHER, "vm5");
    lab_passes("vm5", "tcp,tp_src=80,tp_dst=4000,tcp_flags=syn|ack,tcp_seq=500,tcp_ack=78" OTHER_BACK, "vm4");
    lab_passes("vm5", "tcp,tp_src=80,tp_dst=4000,tcp_flags=rst,tcp_seq=501" OTHER_BACK, "vm4");
    lab_turn_ms(12000);
    lab_refused("vm5", "tcp,tp_src=80,tp_dst=4000,tcp_flags=ack,len=9,tcp_seq=1,tcp_ack=78" OTHER_BACK, "sg_egress");
    is_alive();
}
