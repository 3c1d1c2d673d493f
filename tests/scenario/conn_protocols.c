/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scenario/groups.h"

#include "tests/unit/fastpath/frame.h"

/*
 * Connections of what is not TCP: UDP, ICMP and ICMPv6 echo, SCTP, and any other protocol by its addresses. vm2 may send
 * nothing by itself, so its answers pass by their connection alone.
 */

#define SERVER                                                                                                             \
    GROUP(                                                                                                                 \
        "server",                                                                                                          \
        IN4("dns", PROTOCOL("udp") RANGE("53", "53")) "," IN6("dns6", PROTOCOL("udp") RANGE("53", "53")) "," IN4(          \
            "ping",                                                                                                        \
            PROTOCOL("icmp") RANGE(                                                                                        \
                "8",                                                                                                       \
                "0")) "," IN6("ping6",                                                                                     \
                              PROTOCOL("ipv6-icmp") RANGE(                                                                 \
                                  "128",                                                                                   \
                                  "0")) "," IN4("sctp",                                                                    \
                                                PROTOCOL("sctp")                                                           \
                                                    RANGE(                                                                 \
                                                        "5000",                                                            \
                                                        "5000")) "," IN4("vrrp",                                           \
                                                                         PROTOCOL(                                         \
                                                                             "112")) "," IN4("gre",                        \
                                                                                             PROTOCOL(                     \
                                                                                                 "gre")) "," IN6("gre"     \
                                                                                                                 "6",      \
                                                                                                                 PROTOCOL( \
                                                                                                                     "47")))

static void up(void)
{
    lab_up_secgroup();
    lab_model(MODEL_NETWORKS);
    lab_model(GROUPS(CLIENT "," SERVER "," EVERYTHING));
    lab_model(PORTS(VM1_IN("'client'") "," VM2_IN("'server'")));
}

TestSuite(conn_protocols, .init = up, .fini = lab_down);

/* A served flow tells its connection each four seconds that it is used: so much later it is gone. */
#define LATE_MS 5000

static void to_server(const char *words)
{
    lab_passes("vm1", words, "vm2");
}

static void to_client(const char *words)
{
    lab_passes("vm2", words, "vm1");
}

/* ---- UDP */

#define UDP_TO "udp,tp_src=4000,tp_dst=53,len=30" VM1_VM2
#define UDP_BACK "udp,tp_src=53,tp_dst=4000,len=60" VM2_VM1
#define UDP6_TO "udp6,tp_src=4000,tp_dst=53,len=30" VM1_VM2_6
#define UDP6_BACK "udp6,tp_src=53,tp_dst=4000,len=60" VM2_VM1_6

Test(conn_protocols, udp_is_answered)
{
    lab_refused("vm2", UDP_BACK, "sg_egress");
    lab_refused("vm2", UDP6_BACK, "sg_egress");
    to_server(UDP_TO);
    to_client(UDP_BACK);
    to_server(UDP6_TO);
    to_client(UDP6_BACK);
    for (unsigned i = 0; i < 3; i++) {
        to_client(UDP_BACK);
        to_server(UDP_TO);
    }
    lab_expect_cached();
    to_client(UDP_BACK);
    lab_expect_cached();
}

Test(conn_protocols, what_is_refused_is_so_until_a_connection_begins)
{
    for (unsigned i = 0; i < 3; i++)
        lab_refused("vm2", UDP_BACK, "sg_egress");
    lab_expect_cached();
    to_server(UDP_TO);
    to_client(UDP_BACK);
    lab_turn_ms(120000 + LATE_MS);
    for (unsigned i = 0; i < 3; i++)
        lab_refused("vm2", UDP_BACK, "sg_egress");
    to_server(UDP_TO);
    to_client(UDP_BACK);
}

Test(conn_protocols, udp_is_answered_to_its_ports_only)
{
    to_server(UDP_TO);
    lab_refused("vm2", "udp,tp_src=53,tp_dst=4001" VM2_VM1, "sg_egress");
    lab_refused("vm2", "udp,tp_src=54,tp_dst=4000" VM2_VM1, "sg_egress");
    lab_refused("vm2", "tcp,tp_src=53,tp_dst=4000,tcp_flags=ack,tcp_seq=1,tcp_ack=1" VM2_VM1, "sg_egress");
    lab_refused("vm2", UDP6_BACK, "sg_egress");
    lab_refused("vm2", "udp,tp_src=4000,tp_dst=53" VM2_VM1, "sg_egress");
}

Test(conn_protocols, udp_without_an_answer_is_known_for_half_a_minute)
{
    to_server(UDP_TO);
    lab_turn_ms(30000);
    to_client(UDP_BACK);
}

Test(conn_protocols, udp_without_an_answer_is_forgotten_after_half_a_minute)
{
    to_server(UDP_TO);
    to_server(UDP_TO);
    lab_turn_ms(30000 + LATE_MS);
    lab_refused("vm2", UDP_BACK, "sg_egress");
}

static void udp_stream(void)
{
    for (unsigned i = 0; i < 4; i++) {
        to_server(UDP_TO);
        to_client(UDP_BACK);
        lab_turn_ms(1000);
    }
}

Test(conn_protocols, a_udp_stream_is_known_for_two_minutes)
{
    udp_stream();
    lab_turn_ms(120000 - 1000);
    to_client(UDP_BACK);
}

Test(conn_protocols, a_udp_stream_is_forgotten_after_two_minutes)
{
    udp_stream();
    lab_turn_ms(120000 + LATE_MS);
    lab_refused("vm2", UDP_BACK, "sg_egress");
}

Test(conn_protocols, what_is_served_from_the_cache_keeps_a_connection_alive)
{
    udp_stream();
    for (unsigned i = 0; i < 10; i++) {
        lab_turn_ms(60000);
        to_client(UDP_BACK);
    }
    for (unsigned i = 0; i < 10; i++) {
        lab_turn_ms(60000);
        to_server(UDP_TO);
    }
    to_client(UDP_BACK);
}

Test(conn_protocols, so_does_what_comes_each_second)
{
    udp_stream();
    for (unsigned i = 0; i < 125; i++) {
        lab_turn_ms(1000);
        to_client(UDP_BACK);
    }
    lab_turn_ms(120000);
    to_server(UDP_TO);
}

/* ---- Echo */

#define PING(id) "icmp,icmp_type=8,icmp_id=" id VM1_VM2
#define PONG(id) "icmp,icmp_type=0,icmp_id=" id VM2_VM1
#define PING6(id) "icmp6,icmp_type=128,icmp_id=" id VM1_VM2_6
#define PONG6(id) "icmp6,icmp_type=129,icmp_id=" id VM2_VM1_6

Test(conn_protocols, an_echo_is_answered_by_its_identifier)
{
    to_server(PING("7"));
    to_client(PONG("7"));
    to_client(PONG("7"));
    lab_refused("vm2", PONG("8"), "conn_invalid");
    to_server(PING6("7"));
    to_client(PONG6("7"));
    lab_refused("vm2", PONG6("8"), "conn_invalid");
    to_server(PING("8"));
    to_client(PONG("8"));
    to_client(PONG("7"));
}

Test(conn_protocols, who_is_pinged_may_not_ping)
{
    to_server(PING("7"));
    lab_refused("vm2", "icmp,icmp_type=8,icmp_id=7" VM2_VM1, "sg_egress");
    lab_refused("vm2", "icmp,icmp_type=8,icmp_id=9" VM2_VM1, "sg_egress");
    to_client(PONG("7"));
}

Test(conn_protocols, an_answer_nobody_asked_for_is_refused_though_all_is_allowed)
{
    lab_model(PORTS(VM1_IN("'everything'") "," VM2_IN("'everything'")));
    lab_refused("vm2", PONG("7"), "conn_invalid");
    lab_refused("vm2", PONG6("7"), "conn_invalid");
    to_client("icmp,icmp_type=8,icmp_id=7" VM2_VM1);
    to_server("icmp,icmp_type=0,icmp_id=7" VM1_VM2);
}

Test(conn_protocols, an_echo_waits_half_a_minute)
{
    to_server(PING("7"));
    lab_turn_ms(30000);
    to_client(PONG("7"));
    lab_turn_ms(30000 + LATE_MS);
    lab_refused("vm2", PONG("7"), "conn_invalid");
}

/* ---- SCTP: RFC 9260 section 4 */

enum {
    DATA = 0,
    INIT,
    INIT_ACK,
    SACK,
    HEARTBEAT,
    HEARTBEAT_ACK,
    ABORT,
    SHUTDOWN,
    SHUTDOWN_ACK,
    COOKIE_ECHO = 10,
    COOKIE_ACK,
    SHUTDOWN_COMPLETE = 14
};

#define TAG1 0xa1a1a1a1 /* what vm1 wants to see in what it gets */
#define TAG2 0xb2b2b2b2

/* A packet of one chunk from vm1 to vm2's port 5000, or back. */
static void sctp_frame(struct test_frame *frame, bool back, uint32_t tag, unsigned chunk, uint32_t initiate_tag)
{
    memset(frame, 0, sizeof(*frame));
    frame_bytes(frame,
                back ? "\x02\x00\x00\x00\x01\x11\x02\x00\x00\x00\x01\x12"
                     : "\x02\x00\x00\x00\x01\x12\x02\x00\x00\x00\x01\x11",
                12);
    frame_ip4(frame, 132, back ? "10.1.0.12" : "10.1.0.11", back ? "10.1.0.11" : "10.1.0.12", 0);
    frame_16(frame, back ? 5000 : 4000);
    frame_16(frame, back ? 4000 : 5000);
    frame_32(frame, tag);
    frame_32(frame, 0); /* checksum: the receiver's business */
    bool is_init = chunk == INIT || chunk == INIT_ACK;
    frame_8(frame, chunk);
    frame_8(frame, chunk == DATA ? 3 : 0);
    frame_16(frame, is_init ? 20 : 16);
    frame_32(frame, initiate_tag);
    frame_fill(frame, 0, is_init ? 12 : 8);
    frame_close(frame);
}

static void sctp_to(uint32_t tag, unsigned chunk, uint32_t initiate_tag)
{
    struct test_frame frame;
    sctp_frame(&frame, false, tag, chunk, initiate_tag);
    lab_passes_bytes("vm1", frame.byte, frame.len, "vm2");
}

static void sctp_back(uint32_t tag, unsigned chunk, uint32_t initiate_tag)
{
    struct test_frame frame;
    sctp_frame(&frame, true, tag, chunk, initiate_tag);
    lab_passes_bytes("vm2", frame.byte, frame.len, "vm1");
}

static void sctp_refused(bool back, uint32_t tag, unsigned chunk, const char *reason)
{
    struct test_frame frame;
    sctp_frame(&frame, back, tag, chunk, 0x77);
    lab_refused_bytes(back ? "vm2" : "vm1", frame.byte, frame.len, reason);
}

static void association(void)
{
    sctp_to(0, INIT, TAG1);
    sctp_back(TAG1, INIT_ACK, TAG2);
    sctp_to(TAG2, COOKIE_ECHO, 0);
    sctp_back(TAG1, COOKIE_ACK, 0);
}

Test(conn_protocols, sctp_from_init_to_shutdown)
{
    association();
    sctp_to(TAG2, DATA, 0);
    sctp_back(TAG1, SACK, 0);
    sctp_back(TAG1, DATA, 0);
    sctp_to(TAG2, SACK, 0);
    lab_turn_ms(100000);
    sctp_back(TAG1, DATA, 0);
    sctp_to(TAG2, SHUTDOWN, 0);
    sctp_back(TAG1, SHUTDOWN_ACK, 0);
    sctp_to(TAG2, SHUTDOWN_COMPLETE, 0);
    lab_turn_ms(12000);
    sctp_refused(true, TAG1, DATA, "conn_invalid");
}

Test(conn_protocols, sctp_is_closed_by_the_server_too)
{
    association();
    sctp_back(TAG1, SHUTDOWN, 0);
    sctp_to(TAG2, SHUTDOWN_ACK, 0);
    sctp_back(TAG1, SHUTDOWN_COMPLETE, 0);
    lab_turn_ms(12000);
    sctp_refused(true, TAG1, DATA, "conn_invalid");
}

Test(conn_protocols, sctp_with_another_tag_is_refused)
{
    association();
    sctp_refused(true, TAG2, DATA, "conn_invalid");
    sctp_refused(false, TAG1, DATA, "conn_invalid");
    sctp_refused(true, 1, ABORT, "conn_invalid");
    sctp_refused(true, 0, SHUTDOWN, "conn_invalid");
    sctp_back(TAG1, DATA, 0);
}

Test(conn_protocols, sctp_begins_with_an_init)
{
    sctp_refused(false, TAG2, DATA, "conn_invalid");
    sctp_refused(false, TAG2, COOKIE_ECHO, "conn_invalid");
    sctp_refused(false, TAG2, SHUTDOWN, "conn_invalid");
    sctp_refused(false, TAG2, ABORT, "conn_invalid");
    sctp_refused(true, TAG1, INIT_ACK, "conn_invalid");
    sctp_refused(false, 5, INIT, "conn_invalid"); /* RFC 9260 section 8.5.1: an INIT has no tag */
    sctp_refused(true, 0, INIT, "sg_egress");
    association();
}

Test(conn_protocols, sctp_is_aborted)
{
    association();
    sctp_back(TAG1, ABORT, 0);
    lab_turn_ms(12000);
    sctp_refused(true, TAG1, DATA, "conn_invalid");
    association();
    sctp_back(TAG1, DATA, 0);
}

Test(conn_protocols, sctp_is_aborted_on_a_path_that_only_a_heartbeat_opened)
{
    sctp_to(TAG2, HEARTBEAT, 0);
    sctp_back(TAG1, ABORT, 0);
    lab_turn_ms(12000);
    sctp_refused(true, TAG1, DATA, "conn_invalid");
}

/* ---- Any other protocol */

#define IP_TO(proto) "ip,nw_proto=" proto ",len=40" VM1_VM2
#define IP_BACK(proto) "ip,nw_proto=" proto ",len=80" VM2_VM1

Test(conn_protocols, another_protocol_is_answered_by_its_addresses)
{
    lab_refused("vm2", IP_BACK("112"), "sg_egress");
    to_server(IP_TO("112"));
    to_client(IP_BACK("112"));
    lab_refused("vm2", IP_BACK("47"), "sg_egress");
    lab_refused("vm2", "ip,nw_proto=112,dl_src=" MAC2 ",dl_dst=" MAC1 ",nw_src=10.1.0.12,nw_dst=10.1.0.13",
                "sg_egress");
    to_server(IP_TO("47"));
    to_client(IP_BACK("47"));
    for (unsigned i = 0; i < 2; i++) {
        to_server(IP_TO("112"));
        to_client(IP_BACK("112"));
    }
    lab_expect_cached();
    lab_refused("vm1", IP_TO("50"), "sg_ingress");
}

Test(conn_protocols, another_protocol_in_ipv6)
{
    lab_refused("vm2", "ipv6,nw_proto=47,len=9" VM2_VM1_6, "sg_egress");
    to_server("ipv6,nw_proto=47,len=9" VM1_VM2_6);
    to_client("ipv6,nw_proto=47,len=9" VM2_VM1_6);
    lab_refused("vm1", "ipv6,nw_proto=112,len=9" VM1_VM2_6, "sg_ingress");
}

Test(conn_protocols, another_protocol_is_known_for_ten_minutes)
{
    to_server(IP_TO("47"));
    lab_turn_ms(600000);
    to_client(IP_BACK("47"));
    lab_turn_ms(600000 + LATE_MS);
    lab_refused("vm2", IP_BACK("47"), "sg_egress");
}
