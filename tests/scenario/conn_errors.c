/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scenario/groups.h"

#include "control/trace/words.h"
#include "tests/unit/fastpath/frame.h"

/*
 * ICMP errors. One belongs to the connection whose packet it quotes, and passes with it; no rule lets in another one
 * where groups are stateful, or an error would be a packet from anybody to anybody.
 */

#define SERVER                                                                                                         \
    GROUP("server",                                                                                                    \
          IN4("udp", PROTOCOL("udp") RANGE("53", "53")) "," IN6("udp6", PROTOCOL("udp") RANGE("53", "53")) "," IN4(    \
              "tcp", PROTOCOL("tcp") RANGE("80", "80")) "," IN4("ping", PROTOCOL("icmp") RANGE("8", "0")))

static void up(void)
{
    lab_up_secgroup();
    lab_model(MODEL_NETWORKS);
    lab_model(GROUPS(CLIENT "," SERVER "," EVERYTHING));
    lab_model(PORTS(VM1_IN("'client'") "," VM2_IN("'server'")));
}

TestSuite(conn_errors, .init = up, .fini = lab_down);

struct station {
    const char *mac, *ip4, *ip6;
};

static const struct station vm1 = {"\x02\x00\x00\x00\x01\x11", "10.1.0.11", "2001:db8:1::11"};
static const struct station vm2 = {"\x02\x00\x00\x00\x01\x12", "10.1.0.12", "2001:db8:1::12"};
static const struct station vm5 = {"\x02\x00\x00\x00\x01\x15", "10.1.0.15", "2001:db8:1::15"};

#define UDP_TO "udp,tp_src=4000,tp_dst=53,len=30" VM1_VM2
#define UDP_BACK "udp,tp_src=53,tp_dst=4000,len=30" VM2_VM1
#define UDP6_TO "udp6,tp_src=4000,tp_dst=53,len=30" VM1_VM2_6

/* An error about the packet of these words, of which it quotes n bytes of IP. */
static void error_quoting(struct test_frame *frame, const struct station *from, const struct station *to, unsigned type,
                          unsigned code, const char *about, size_t n)
{
    uint8_t quoted[DF_WORDS_FRAME_MAX];
    size_t len = sizeof(quoted);
    lab_frame(about, quoted, &len);
    bool is4 = quoted[12] == 0x08;
    if (n > len - 14)
        n = len - 14;
    memset(frame, 0, sizeof(*frame));
    frame_bytes(frame, to->mac, 6);
    frame_bytes(frame, from->mac, 6);
    if (is4)
        frame_ip4(frame, 1, from->ip4, to->ip4, 0);
    else
        frame_ip6(frame, 58, 64, from->ip6, to->ip6);
    uint32_t icmp = frame->len;
    frame_8(frame, type);
    frame_8(frame, code);
    frame_16(frame, 0);
    frame_32(frame, 0);
    frame_bytes(frame, quoted + 14, (uint32_t)n);
    if (is4)
        frame_set16(frame, icmp + 2, plain_checksum(frame->byte + icmp, frame->len - icmp));
    else
        frame->icmp6 = icmp;
    frame_close(frame);
}

#define ALL 2000 /* as much as there is */

static void comes(const struct station *from, const struct station *to, unsigned type, unsigned code, const char *about)
{
    struct test_frame frame;
    error_quoting(&frame, from, to, type, code, about, ALL);
    lab_passes_bytes(from == &vm1 ? "vm1" : "vm2", frame.byte, frame.len, to == &vm1 ? "vm1" : "vm2");
}

static void is_refused(const struct station *from, const struct station *to, unsigned type, unsigned code,
                       const char *about, const char *reason)
{
    struct test_frame frame;
    error_quoting(&frame, from, to, type, code, about, ALL);
    lab_refused_bytes(from == &vm1 ? "vm1" : "vm2", frame.byte, frame.len, reason);
}

Test(conn_errors, an_error_about_a_connection_reaches_its_sender)
{
    lab_passes("vm1", UDP_TO, "vm2");
    comes(&vm2, &vm1, 3, 3, UDP_TO);  /* port unreachable */
    comes(&vm2, &vm1, 3, 4, UDP_TO);  /* fragmentation needed */
    comes(&vm2, &vm1, 11, 0, UDP_TO); /* time exceeded */
    comes(&vm2, &vm1, 12, 0, UDP_TO); /* parameter problem */
}

Test(conn_errors, an_icmpv6_error_about_a_connection_reaches_its_sender)
{
    lab_passes("vm1", UDP6_TO, "vm2");
    comes(&vm2, &vm1, 1, 4, UDP6_TO); /* port unreachable */
    comes(&vm2, &vm1, 2, 0, UDP6_TO); /* packet too big */
    comes(&vm2, &vm1, 3, 0, UDP6_TO); /* time exceeded */
    comes(&vm2, &vm1, 4, 1, UDP6_TO); /* parameter problem */
}

Test(conn_errors, an_error_about_no_connection_is_refused)
{
    is_refused(&vm2, &vm1, 3, 3, UDP_TO, "conn_unrelated");
    is_refused(&vm2, &vm1, 1, 4, UDP6_TO, "conn_unrelated");
    lab_passes("vm1", UDP_TO, "vm2");
    lab_passes("vm1", UDP6_TO, "vm2");
    is_refused(&vm2, &vm1, 3, 3, "udp,tp_src=4001,tp_dst=53,len=30" VM1_VM2, "conn_unrelated");
    is_refused(&vm2, &vm1, 3, 3, "tcp,tp_src=4000,tp_dst=53" VM1_VM2, "conn_unrelated");
    is_refused(&vm2, &vm1, 1, 4, "udp6,tp_src=4000,tp_dst=54,len=30" VM1_VM2_6, "conn_unrelated");
    comes(&vm2, &vm1, 3, 3, UDP_TO);
}

Test(conn_errors, no_rule_lets_in_an_error_about_no_connection)
{
    lab_model(PORTS(VM1_IN("'everything'") "," VM2_IN("'everything'")));
    is_refused(&vm2, &vm1, 3, 3, UDP_TO, "conn_unrelated");
    is_refused(&vm2, &vm1, 1, 4, UDP6_TO, "conn_unrelated");
    lab_passes("vm1", UDP_TO, "vm2");
    comes(&vm2, &vm1, 3, 3, UDP_TO);
}

Test(conn_errors, an_error_about_an_answer_reaches_who_answered)
{
    lab_passes("vm1", UDP_TO, "vm2");
    lab_passes("vm2", UDP_BACK, "vm1");
    comes(&vm1, &vm2, 3, 3, UDP_BACK);
    is_refused(&vm1, &vm2, 3, 3, "udp,tp_src=53,tp_dst=4001" VM2_VM1, "conn_unrelated");
}

Test(conn_errors, an_error_goes_to_who_sent_what_it_quotes)
{
    lab_model(PORTS(PORT("vm5", "net1", "02:00:00:00:01:15", "'10.1.0.15'", "'sub1'", OPEN)));
    lab_passes("vm1", UDP_TO, "vm2");
    struct test_frame frame;
    error_quoting(&frame, &vm2, &vm5, 3, 3, UDP_TO, ALL);
    lab_refused_bytes("vm2", frame.byte, frame.len, "conn_unrelated");
    error_quoting(&frame, &vm1, &vm2, 3, 3, UDP_TO, ALL); /* one's own packet */
    lab_refused_bytes("vm1", frame.byte, frame.len, "conn_unrelated");
}

Test(conn_errors, a_router_on_the_way_sends_an_error_from_its_own_address)
{
    lab_model(PORTS(PORT("vm2", "net1", MAC2, "'10.1.0.12'", "'sub1'", OPEN)));
#define FAR "udp,tp_src=4000,tp_dst=53,len=30,dl_src=" MAC1 ",dl_dst=" MAC2 ",nw_src=10.1.0.11,nw_dst=203.0.113.5"
    is_refused(&vm2, &vm1, 11, 0, FAR, "conn_unrelated");
    lab_passes("vm1", FAR, "vm2");
    comes(&vm2, &vm1, 11, 0, FAR);
}

Test(conn_errors, an_error_that_quotes_too_little_is_refused)
{
    lab_passes("vm1", UDP_TO, "vm2");
    struct test_frame frame;
    error_quoting(&frame, &vm2, &vm1, 3, 3, UDP_TO, 20 + 3); /* RFC 792: 8 bytes behind the header */
    lab_refused_bytes("vm2", frame.byte, frame.len, "conn_unrelated");
    error_quoting(&frame, &vm2, &vm1, 3, 3, UDP_TO, 20 + 8);
    lab_passes_bytes("vm2", frame.byte, frame.len, "vm1");
}

Test(conn_errors, an_error_about_an_error_is_refused)
{
    lab_passes("vm1", UDP_TO, "vm2");
    is_refused(&vm2, &vm1, 3, 3, "icmp,icmp_type=3,icmp_code=3,len=28" VM1_VM2, "conn_unrelated");
}

Test(conn_errors, an_error_about_an_echo)
{
#define PING(id) "icmp,icmp_type=8,icmp_id=" id VM1_VM2
    is_refused(&vm2, &vm1, 3, 1, PING("7"), "conn_unrelated");
    lab_passes("vm1", PING("7"), "vm2");
    comes(&vm2, &vm1, 3, 1, PING("7"));
    is_refused(&vm2, &vm1, 3, 1, PING("8"), "conn_unrelated");
}

Test(conn_errors, an_error_changes_nothing)
{
    lab_passes("vm1", "tcp,tp_src=4000,tp_dst=80,tcp_flags=syn,tcp_seq=1000" VM1_VM2, "vm2");
    lab_passes("vm2", "tcp,tp_src=80,tp_dst=4000,tcp_flags=syn|ack,tcp_seq=5000,tcp_ack=1001" VM2_VM1, "vm1");
    lab_passes("vm1", "tcp,tp_src=4000,tp_dst=80,tcp_flags=ack,tcp_seq=1001,tcp_ack=5001" VM1_VM2, "vm2");
    comes(&vm2, &vm1, 3, 3, "tcp,tp_src=4000,tp_dst=80,tcp_flags=ack,tcp_seq=1001,tcp_ack=5001" VM1_VM2);
    lab_turn_ms(3600 * 1000);
    lab_passes("vm2", "tcp,tp_src=80,tp_dst=4000,tcp_flags=ack,tcp_seq=5001,tcp_ack=1001,len=9" VM2_VM1, "vm1");
}

Test(conn_errors, an_error_does_not_keep_a_connection_alive)
{
    lab_passes("vm1", UDP_TO, "vm2");
    lab_turn_ms(20000);
    comes(&vm2, &vm1, 3, 3, UDP_TO);
    lab_turn_ms(15000);
    is_refused(&vm2, &vm1, 3, 3, UDP_TO, "conn_unrelated");
}

Test(conn_errors, an_error_is_cut_with_its_connection)
{
    lab_passes("vm1", UDP_TO, "vm2");
    lab_model(GROUPS(GROUP("server", IN4("tcp", PROTOCOL("tcp") RANGE("80", "80")))));
    is_refused(&vm2, &vm1, 3, 3, UDP_TO, "sg_egress");
    lab_model(GROUPS(SERVER));
    comes(&vm2, &vm1, 3, 3, UDP_TO);
    lab_model(GROUPS(GROUP("client", "")));
    is_refused(&vm2, &vm1, 3, 3, UDP_TO, "sg_ingress");
}

Test(conn_errors, the_router_of_the_network_tells_a_guest_what_it_must)
{
    lab_model(MODEL_ROUTER);
    const char *words =
        "udp,tp_src=7,tp_dst=9,len=20,nw_ttl=1,dl_src=" MAC1 ",dl_dst=" ROUTER1 ",nw_src=10.1.0.11,nw_dst=10.2.0.13";
    lab_send("vm1", words);
    lab_expect_icmp_error("vm1", "10.1.0.1", 11, 0, words);
    lab_model(PORTS(VM1_IN("'server'"))); /* may send nothing */
    lab_expect_drop("l3_ttl", 1);
    lab_refused("vm1", words, "sg_egress");
}
