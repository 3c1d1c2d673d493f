/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scenario/groups.h"

#include "tests/unit/fastpath/frame.h"

/*
 * Fragments through security groups. Only the first one has ports; the others follow it, wait for it when they come
 * before it, and never come where it does not.
 */

#define SENDER GROUP("sender", OUT4("sender-4", "") "," OUT6("sender-6", ""))
#define RECEIVER                                                                                                       \
    GROUP("receiver",                                                                                                  \
          IN4("udp", PROTOCOL("udp") RANGE("5000", "5000")) "," IN6(                                                   \
              "udp6", PROTOCOL("udp") RANGE("5000", "5000")) "," IN4("ping", PROTOCOL("icmp") RANGE("8", "0")))

static void up(void)
{
    lab_up_secgroup();
    lab_model(MODEL_NETWORKS);
    lab_model(GROUPS(SENDER "," RECEIVER));
    lab_model(PORTS(VM1_IN("'sender'") "," VM2_IN("'receiver'")));
}

TestSuite(secgroup_fragments, .init = up, .fini = lab_down);

#define PIECE 1480 /* payload of each but the last */
#define PIECES 6   /* a datagram of 8008 bytes: 5 pieces and 608 bytes */
#define LAST 608

/* Piece i of a datagram to that UDP port. */
static void piece4(struct test_frame *frame, unsigned id, unsigned i, unsigned port)
{
    memset(frame, 0, sizeof(*frame));
    frame_bytes(frame, "\x02\x00\x00\x00\x01\x12\x02\x00\x00\x00\x01\x11", 12);
    frame_ip4(frame, 17, "10.1.0.11", "10.1.0.12", 0);
    frame_set16(frame, frame->ip + 4, id);
    frame_set16(frame, frame->ip + 6, (i < PIECES - 1 ? 0x2000 : 0) | i * PIECE / 8);
    if (i == 0) {
        frame_udp(frame, 4000, port, PIECE - 8);
        frame_set16(frame, frame->l4 + 4, (PIECES - 1) * PIECE + LAST);
    } else {
        frame_fill(frame, (uint8_t)i, i < PIECES - 1 ? PIECE : LAST);
    }
    frame_close(frame);
}

static void piece6(struct test_frame *frame, uint32_t id, unsigned i, unsigned port)
{
    memset(frame, 0, sizeof(*frame));
    frame_bytes(frame, "\x02\x00\x00\x00\x01\x12\x02\x00\x00\x00\x01\x11", 12);
    frame_ip6(frame, 44, 64, "2001:db8:1::11", "2001:db8:1::12");
    frame_8(frame, 17);
    frame_8(frame, 0);
    frame_16(frame, i * PIECE | (i < PIECES - 1));
    frame_32(frame, id);
    if (i == 0)
        frame_udp(frame, 4000, port, PIECE - 8);
    else
        frame_fill(frame, (uint8_t)i, i < PIECES - 1 ? PIECE : LAST);
    frame_close(frame);
}

typedef void piece_fn(struct test_frame *frame, unsigned id, unsigned i, unsigned port);

/* How many of these frames came to vm2, each of them once. */
static unsigned came(const struct test_frame *pieces, unsigned n)
{
    unsigned seen = 0, count = 0;
    size_t len;
    for (const uint8_t *frame; (frame = lab_receive("vm2", &len)) != NULL; count++) {
        for (unsigned i = 0; i < n; i++) {
            if (len == pieces[i].len && memcmp(frame, pieces[i].byte, len) == 0)
                seen |= 1u << i;
        }
    }
    lab_expect_silence();
    cr_assert_eq(count, (unsigned)__builtin_popcount(seen), "a frame came twice, or another one");
    return count;
}

static void whole_datagram(piece_fn *piece, unsigned id, const unsigned order[PIECES])
{
    static struct test_frame pieces[PIECES];
    for (unsigned i = 0; i < PIECES; i++) {
        piece(&pieces[i], id, order[i], 5000);
        lab_send_bytes("vm1", pieces[i].byte, pieces[i].len);
    }
    cr_assert_eq(came(pieces, PIECES), PIECES, "datagram %u did not come whole", id);
    lab_expect_no_drop();
}

static const unsigned orders[][PIECES] = {
    {0, 1, 2, 3, 4, 5}, {5, 4, 3, 2, 1, 0}, {1, 2, 3, 4, 5, 0}, {3, 0, 5, 1, 4, 2}};

Test(secgroup_fragments, in_any_order_a_datagram_comes_whole)
{
    for (unsigned i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
        whole_datagram(piece4, 100 + i, orders[i]);
        whole_datagram(piece6, 100 + i, orders[i]);
    }
}

/*
 * All that was dropped of vm1's because of its groups or the receiver's: by rule, or as later fragments of such a one.
 */
static uint64_t refused(void)
{
    return lab_port_drops("vm1", "sg_ingress") + lab_port_drops("vm1", "conn_invalid");
}

static void nothing_leaks(piece_fn *piece, unsigned id, const unsigned order[PIECES])
{
    static struct test_frame pieces[PIECES];
    uint64_t before = refused();
    for (unsigned i = 0; i < PIECES; i++) {
        piece(&pieces[i], id, order[i], 5001);
        lab_send_bytes("vm1", pieces[i].byte, pieces[i].len);
    }
    lab_expect_silence();
    cr_assert_eq(refused() - before, PIECES, "not each piece was dropped");
}

Test(secgroup_fragments, nothing_of_a_datagram_to_another_port_leaks)
{
    for (unsigned i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
        nothing_leaks(piece4, 200 + i, orders[i]);
        nothing_leaks(piece6, 200 + i, orders[i]);
    }
}

Test(secgroup_fragments, two_datagrams_at_a_time_are_not_mixed_up)
{
    static struct test_frame good[PIECES], bad[PIECES];
    for (unsigned i = 0; i < PIECES; i++) {
        piece4(&good[i], 7, PIECES - 1 - i, 5000);
        piece4(&bad[i], 8, PIECES - 1 - i, 5001);
        bad[i].byte[bad[i].len - 1] = 0xbb;
        lab_send_bytes("vm1", good[i].byte, good[i].len);
        lab_send_bytes("vm1", bad[i].byte, bad[i].len);
    }
    cr_assert_eq(came(good, PIECES), PIECES);
    cr_assert_eq(refused(), PIECES);
}

Test(secgroup_fragments, the_answer_to_a_fragmented_datagram_passes)
{
    whole_datagram(piece4, 300, orders[0]);
    lab_passes("vm2", "udp,tp_src=5000,tp_dst=4000" VM2_VM1, "vm1");
    lab_refused("vm2", "udp,tp_src=5001,tp_dst=4000" VM2_VM1, "sg_egress");
}

Test(secgroup_fragments, a_first_fragment_without_a_whole_header_is_dropped)
{
    struct test_frame frame;
    piece4(&frame, 9, 0, 5000);
    frame.len = frame.l4 + 8;
    frame.byte[frame.ip + 9] = 6; /* of TCP, cut behind its ports and sequence number */
    frame_close(&frame);
    lab_refused_bytes("vm1", frame.byte, frame.len, "frag_tiny");
    piece6(&frame, 9, 0, 5000);
    frame.len = frame.l4 + 8; /* nothing but the fragment header */
    frame_close(&frame);
    lab_refused_bytes("vm1", frame.byte, frame.len, "frag_tiny");
}

/* A piece whose first byte lies `back` bytes before its place. */
static void overlapping(struct test_frame *frame, unsigned id, unsigned i, unsigned back)
{
    piece4(frame, id, i, 5000);
    frame_set16(frame, frame->ip + 6, 0x2000 | (i * PIECE - back) / 8);
    frame_checksum4(frame);
}

Test(secgroup_fragments, overlapping_fragments_end_their_datagram)
{
    struct test_frame frame;
    piece4(&frame, 10, 0, 5000);
    lab_passes_bytes("vm1", frame.byte, frame.len, "vm2");
    overlapping(&frame, 10, 1, 8);
    lab_refused_bytes("vm1", frame.byte, frame.len, "frag_overlap");
    piece4(&frame, 10, 2, 5000);
    lab_refused_bytes("vm1", frame.byte, frame.len, "frag_overlap");
    piece4(&frame, 11, 0, 5000); /* another datagram */
    lab_passes_bytes("vm1", frame.byte, frame.len, "vm2");
    piece4(&frame, 11, 1, 5000);
    lab_passes_bytes("vm1", frame.byte, frame.len, "vm2");
}

Test(secgroup_fragments, a_fragment_that_comes_again_is_dropped_alone)
{
    struct test_frame frame;
    piece4(&frame, 12, 0, 5000);
    lab_passes_bytes("vm1", frame.byte, frame.len, "vm2");
    lab_refused_bytes("vm1", frame.byte, frame.len, "frag_overlap");
    piece4(&frame, 12, 1, 5000);
    lab_passes_bytes("vm1", frame.byte, frame.len, "vm2");
}

Test(secgroup_fragments, a_second_first_fragment_with_other_ports_gets_nothing_through)
{
    struct test_frame frame;
    piece4(&frame, 12, 0, 5000);
    lab_passes_bytes("vm1", frame.byte, frame.len, "vm2");
    piece4(&frame, 12, 0, 22);
    lab_refused_bytes("vm1", frame.byte, frame.len, "frag_overlap");
    piece4(&frame, 13, 0, 22);
    lab_refused_bytes("vm1", frame.byte, frame.len, "sg_ingress");
    piece4(&frame, 13, 0, 5000);
    lab_refused_bytes("vm1", frame.byte, frame.len, "frag_overlap");
    piece4(&frame, 13, 1, 22);
    lab_refused_bytes("vm1", frame.byte, frame.len, "conn_invalid");
}

Test(secgroup_fragments, overlapping_ones_that_wait_end_their_datagram_too)
{
    struct test_frame frame;
    piece4(&frame, 13, 2, 5000);
    lab_send_bytes("vm1", frame.byte, frame.len);
    overlapping(&frame, 13, 2, 8);
    lab_send_bytes("vm1", frame.byte, frame.len);
    piece4(&frame, 13, 0, 5000);
    lab_send_bytes("vm1", frame.byte, frame.len);
    lab_expect_silence();
    lab_expect_drop("frag_overlap", 3);
}

Test(secgroup_fragments, what_waits_in_vain_is_dropped_when_its_time_is_over)
{
    struct test_frame frame;
    for (unsigned i = 1; i < PIECES; i++) {
        piece4(&frame, 14, i, 5000);
        lab_send_bytes("vm1", frame.byte, frame.len);
    }
    lab_expect_silence();
    lab_expect_no_drop();
    for (unsigned i = 0; i < 40; i++)
        lab_turn_ms(LAB_FRAGMENT_TIMEOUT_MS / 30);
    lab_expect_drop("frag_timeout", PIECES - 1);
    piece4(&frame, 14, 0, 5000);
    lab_passes_bytes("vm1", frame.byte, frame.len, "vm2"); /* alone */
}

/* A datagram of two pieces of vm5's, a neighbour of vm1. */
static void piece_of_vm5(struct test_frame *frame, unsigned i)
{
    piece4(frame, 7, i == 0 ? 0 : PIECES - 1, 5000);
    memcpy(frame->byte + 6, "\x02\x00\x00\x00\x01\x15", 6);
    frame->byte[frame->ip + 15] = 15;
    frame_checksum4(frame);
}

/* vm1 sends piece i of so many datagrams, and nothing else of them. */
static void flood_of_vm1(unsigned i, unsigned n)
{
    static unsigned id = 1000;
    struct test_frame frame;
    size_t len;
    for (; n > 0; n--) {
        piece4(&frame, id++, i, 5000);
        lab_send_bytes("vm1", frame.byte, frame.len);
        while (lab_receive("vm2", &len) != NULL)
            continue;
    }
}

/* Between the two pieces of vm5's datagram, and before, vm1 sends so many. */
static void beside_a_flood(unsigned piece, unsigned n, unsigned first_of_vm5)
{
    static struct test_frame own[2];
    lab_model(PORTS(PORT("vm5", "net1", "02:00:00:00:01:15", "'10.1.0.15'", "'sub1'", IN_GROUPS("'sender'"))));
    piece_of_vm5(&own[0], first_of_vm5);
    piece_of_vm5(&own[1], !first_of_vm5);
    flood_of_vm1(piece, n);
    lab_send_bytes("vm5", own[0].byte, own[0].len);
    unsigned n_came = first_of_vm5 == 0 ? came(own, 2) : 0;
    flood_of_vm1(piece, n);
    lab_send_bytes("vm5", own[1].byte, own[1].len);
    cr_assert_eq(n_came + came(own, 2), 2, "vm5 lost what vm1 flooded with");
    cr_assert_eq(lab_port_drops("vm5", "frag_limit"), 0);
}

Test(secgroup_fragments, a_port_that_lets_too_many_wait_loses_its_own)
{
    beside_a_flood(1, 2 * LAB_FRAGMENTS_HELD, 1);
    lab_expect_drop("frag_limit", 3 * LAB_FRAGMENTS_HELD + 1); /* all but the last ones: vm5 had a place */
}

Test(secgroup_fragments, a_port_that_finishes_nothing_breaks_nobody_elses_datagrams)
{
    beside_a_flood(0, 3 * LAB_FRAGMENT_DATAGRAMS, 0);
    lab_expect_no_drop();
}

Test(secgroup_fragments, without_port_security_they_need_not_wait)
{
    struct test_frame frame;
    lab_model(PORTS(PORT("vm1", "net1", MAC1, "'10.1.0.11'", "'sub1'", OPEN) "," PORT("vm2", "net1", MAC2,
                                                                                      "'10.1.0.12'", "'sub1'", OPEN)));
    piece4(&frame, 15, 3, 5000);
    lab_passes_bytes("vm1", frame.byte, frame.len, "vm2");
    piece4(&frame, 15, 0, 22);
    lab_passes_bytes("vm1", frame.byte, frame.len, "vm2");
}

Test(secgroup_fragments, of_a_fragmented_echo)
{
    static struct test_frame pieces[2];
    for (unsigned i = 0; i < 2; i++) {
        memset(&pieces[i], 0, sizeof(pieces[i]));
        frame_bytes(&pieces[i], "\x02\x00\x00\x00\x01\x12\x02\x00\x00\x00\x01\x11", 12);
        frame_ip4(&pieces[i], 1, "10.1.0.11", "10.1.0.12", 0);
        frame_set16(&pieces[i], pieces[i].ip + 6, i == 0 ? 0x2000 : 1008 / 8);
        if (i == 0)
            frame_icmp(&pieces[i], 8, 0, 1000);
        else
            frame_fill(&pieces[i], 7, 300);
        frame_close(&pieces[i]);
    }
    lab_send_bytes("vm1", pieces[1].byte, pieces[1].len);
    lab_expect_silence();
    lab_send_bytes("vm1", pieces[0].byte, pieces[0].len);
    cr_assert_eq(came(pieces, 2), 2);
    lab_expect_no_drop();
    lab_passes("vm2", "icmp,icmp_type=0,icmp_id=30464" VM2_VM1, "vm1");
}

/* ---- Other protocols with ports */

#define FIRST(port, id) "udplite,tp_src=4000,tp_dst=" port ",ip_id=" id ",len=64,frag_more=1" VM1_VM2
#define LATER(id) "udplite,ip_id=" id ",len=64,frag_offset=72" VM1_VM2

Test(secgroup_fragments, those_of_udp_lite_follow_the_first_ones_ports)
{
    lab_model(GROUPS(GROUP("receiver", IN4("lite", PROTOCOL("udplite") RANGE("80", "80")))));
    lab_passes("vm1", FIRST("80", "1"), "vm2");
    lab_passes("vm1", LATER("1"), "vm2");
    lab_refused("vm1", FIRST("81", "2"), "sg_ingress");
    lab_send("vm1", LATER("2"));
    lab_expect_silence();
}
