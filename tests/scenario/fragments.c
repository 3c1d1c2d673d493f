/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scenario/lab.h"
#include "tests/scenario/models.h"

#include "tests/unit/fastpath/frame.h"

/*
 * Packets that are not plain: fragments, IPv4 options, IPv6 extension headers, VLAN tags. They go where plain ones go,
 * but by the tables each time: the flow cache may not take them for the flow whose addresses they have.
 */

static void routed(void)
{
    lab_up();
    lab_model(MODEL_NETWORKS);
    lab_model(MODEL_ROUTER);
    lab_model(MODEL_PORTS);
}

TestSuite(fragments, .init = routed, .fini = lab_down);

#define TO_VM3 ",nw_ttl=64,dl_src=" MAC1 ",dl_dst=" ROUTER1 ",nw_src=10.1.0.11,nw_dst=10.2.0.13"
#define AT_VM3 ",nw_ttl=63,dl_src=" ROUTER2 ",dl_dst=" MAC3 ",nw_src=10.1.0.11,nw_dst=10.2.0.13"
#define TO_VM3_6 ",nw_ttl=64,dl_src=" MAC1 ",dl_dst=" ROUTER1 ",ipv6_src=2001:db8:1::11,ipv6_dst=2001:db8:2::13"
#define AT_VM3_6 ",nw_ttl=63,dl_src=" ROUTER2 ",dl_dst=" MAC3 ",ipv6_src=2001:db8:1::11,ipv6_dst=2001:db8:2::13"

/* The plain flow of the address pair is in the cache. */
static void established(void)
{
    lab_send("vm1", "udp,tp_src=1,tp_dst=2" TO_VM3);
    lab_expect("vm3", "udp,tp_src=1,tp_dst=2" AT_VM3);
    lab_send("vm1", "udp6,tp_src=1,tp_dst=2" TO_VM3_6);
    lab_expect("vm3", "udp6,tp_src=1,tp_dst=2" AT_VM3_6);
}

#define PASSES(packet, to, at)                                                                                         \
    lab_send("vm1", packet to);                                                                                        \
    lab_expect_walked();                                                                                               \
    lab_expect("vm3", packet at)

Test(fragments, they_are_routed_in_any_order_and_never_cached)
{
    established();
    for (int i = 0; i < 2; i++) {
        PASSES("udp,nw_frag=later,len=64", TO_VM3, AT_VM3);
        PASSES("udp,nw_frag=first,len=64", TO_VM3, AT_VM3);
        PASSES("tcp,nw_frag=later,len=64", TO_VM3, AT_VM3);
        PASSES("udp6,nw_frag=later,len=64", TO_VM3_6, AT_VM3_6);
        PASSES("udp6,nw_frag=first,len=64", TO_VM3_6, AT_VM3_6);
    }
    lab_expect_silence();
    lab_expect_no_drop();
}

Test(fragments, a_spoofed_fragment_is_refused)
{
    established();
    lab_send("vm1", "udp,nw_frag=later,len=64,dl_src=" MAC1 ",dl_dst=" ROUTER1 ",nw_src=10.1.0.77,nw_dst=10.2.0.13");
    lab_expect_silence();
    lab_expect_drop("spoofed_ipv4", 1);
}

/* A frame from vm1 to the router, by hand. */
static void ethernet(struct test_frame *frame)
{
    frame_ethernet(frame);
    memcpy(frame->byte, "\x02\x00\x00\x00\x01\x01\x02\x00\x00\x00\x01\x11", 12);
}

static void ip4_fragment(struct test_frame *frame, unsigned proto, unsigned field, unsigned len)
{
    ethernet(frame);
    frame_ip4(frame, proto, "10.1.0.11", "10.2.0.13", 0);
    frame_fill(frame, 0, len);
    frame_set16(frame, frame->ip + 6, field);
    frame_close(frame);
}

static void refused(const struct test_frame *frame, const char *reason)
{
    lab_send_bytes("vm1", frame->byte, frame->len);
    lab_expect_silence();
    lab_expect_drop(reason, 1);
}

Test(fragments, what_no_sender_makes_is_malformed)
{
    struct test_frame frame;
    ip4_fragment(&frame, 17, 0x2000 | 10, 61); /* more follow, and its length is no multiple of 8 */
    refused(&frame, "bad_ip");
    ip4_fragment(&frame, 17, 0x1fff, 64); /* ends behind 64 KiB */
    refused(&frame, "bad_ip");
    ip4_fragment(&frame, 6, 1, 64); /* would bring TCP's flags (RFC 1858 section 3.2.2) */
    refused(&frame, "frag_tiny");
    ip4_fragment(&frame, 6, 0x2000, 8); /* a first fragment too short for TCP's header */
    refused(&frame, "frag_tiny");
}

/* Forwards the frame, of which only MACs and TTL change: to vm3. */
static void routed_as_it_is(struct test_frame *frame)
{
    lab_send_bytes("vm1", frame->byte, frame->len);
    lab_expect_walked();
    memcpy(frame->byte, "\x02\x00\x00\x00\x02\x13\x02\x00\x00\x00\x02\x01", 12);
    if (frame->byte[frame->ip] >> 4 == 4) {
        frame->byte[frame->ip + 8]--;
        frame_checksum4(frame);
    } else {
        frame->byte[frame->ip + 7]--;
    }
    lab_expect_bytes("vm3", frame->byte, frame->len);
    lab_expect_silence();
    lab_expect_no_drop();
}

Test(fragments, a_packet_with_ipv4_options_is_routed_by_the_tables)
{
    struct test_frame frame;
    established();
    for (int i = 0; i < 2; i++) {
        ethernet(&frame);
        frame_ip4(&frame, 17, "10.1.0.11", "10.2.0.13", 8);
        frame_udp(&frame, 1, 2, 10);
        frame_close(&frame);
        routed_as_it_is(&frame);
    }
}

static void ip6_with_extension(struct test_frame *frame, unsigned type, const char *source)
{
    ethernet(frame);
    frame_ip6(frame, type, 64, source, "2001:db8:2::13");
    frame_8(frame, 17);
    frame_fill(frame, 0, 7);
    frame_udp(frame, 1, 2, 10);
    frame_close(frame);
}

Test(fragments, a_packet_with_ipv6_extension_headers_is_routed_by_the_tables)
{
    static const uint8_t extensions[] = {0, 43, 44, 60};
    struct test_frame frame;
    established();
    for (unsigned i = 0; i < 2 * sizeof(extensions); i++) {
        ip6_with_extension(&frame, extensions[i / 2], "2001:db8:1::11");
        routed_as_it_is(&frame);
    }
}

Test(fragments, behind_an_extension_header_spoofing_shows)
{
    struct test_frame frame;
    established();
    ip6_with_extension(&frame, 60, "2001:db8:1::77");
    refused(&frame, "spoofed_ipv6");
    ethernet(&frame);
    frame_ip6(&frame, 60, 255, "fe80::ff:fe00:111", "ff02::1");
    frame_8(&frame, 58);
    frame_fill(&frame, 0, 7);
    frame_icmp(&frame, 134, 0, 8);
    frame_close(&frame);
    refused(&frame, "rogue_ra");
}

Test(fragments, neighbour_discovery_in_a_fragment_is_malformed)
{
    struct test_frame frame;
    ethernet(&frame);
    frame_ip6(&frame, 44, 255, "2001:db8:1::11", "2001:db8:1::12");
    frame_8(&frame, 58);
    frame_fill(&frame, 0, 7);
    frame_nd(&frame, 136, 0, "2001:db8:1::11");
    frame_close(&frame);
    refused(&frame, "bad_nd");
}

Test(fragments, too_many_extension_headers_are_refused)
{
    struct test_frame frame;
    ethernet(&frame);
    frame_ip6(&frame, 60, 64, "2001:db8:1::11", "2001:db8:2::13");
    for (unsigned i = 0; i < 9; i++) {
        frame_8(&frame, i < 8 ? 60 : 17);
        frame_fill(&frame, 0, 7);
    }
    frame_udp(&frame, 1, 2, 10);
    frame_close(&frame);
    refused(&frame, "too_many_headers");
}

/* ---- VLAN tags */

static void tagged(struct test_frame *frame, unsigned tpid, unsigned tci)
{
    ethernet(frame);
    frame_tag(frame, tpid, tci);
    frame_ip4(frame, 17, "10.1.0.11", "10.2.0.13", 0);
    frame_udp(frame, 1, 2, 10);
    frame_close(frame);
}

Test(fragments, a_tagged_frame_of_a_port_without_subports_is_refused)
{
    struct test_frame frame;
    established();
    tagged(&frame, 0x8100, 5);
    refused(&frame, "no_lport");
    tagged(&frame, 0x88a8, 5);
    refused(&frame, "no_lport");
}

Test(fragments, a_priority_tag_counts_as_none_and_is_taken_off)
{
    struct test_frame frame, plain;
    established();
    for (int i = 0; i < 2; i++) {
        tagged(&frame, 0x8100, 3 << 13);
        lab_send_bytes("vm1", frame.byte, frame.len);
        lab_expect_walked();
        ethernet(&plain);
        memcpy(plain.byte, "\x02\x00\x00\x00\x02\x13\x02\x00\x00\x00\x02\x01", 12);
        frame_ip4(&plain, 17, "10.1.0.11", "10.2.0.13", 0);
        plain.byte[plain.ip + 8]--;
        frame_udp(&plain, 1, 2, 10);
        frame_close(&plain);
        lab_expect_bytes("vm3", plain.byte, plain.len);
        lab_expect_silence();
    }
}

Test(fragments, more_tags_than_two_and_tags_in_the_wrong_order_are_malformed)
{
    struct test_frame frame;
    ethernet(&frame);
    for (int i = 0; i < 3; i++)
        frame_tag(&frame, 0x8100, 0);
    frame_16(&frame, 0x0800);
    refused(&frame, "bad_vlan");
    ethernet(&frame);
    frame_tag(&frame, 0x8100, 0);
    frame_tag(&frame, 0x88a8, 0);
    frame_16(&frame, 0x0800);
    refused(&frame, "bad_vlan");
}
