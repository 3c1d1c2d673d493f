/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scenario/lab.h"
#include "tests/scenario/models.h"

#include "tests/unit/fastpath/frame.h"

/* Malformed frames, of each kind. Each is dropped by name and heard by nobody, also where there is no port security. */

static void networks(void)
{
    lab_up();
    lab_model(MODEL_NETWORKS);
    lab_model(MODEL_ROUTER);
    lab_model(MODEL_PORTS);
    lab_model("{'lport': [" PORT("vm1", "net1", MAC1, "'10.1.0.11', '2001:db8:1::11'", "'sub1', 'sub1v6'",
                                 ", 'port_security_enabled': false") "]}");
}

TestSuite(bad_input, .init = networks, .fini = lab_down);

static struct test_frame frame;

static void ethernet(void)
{
    frame_ethernet(&frame);
    memcpy(frame.byte, "\x02\x00\x00\x00\x01\x12\x02\x00\x00\x00\x01\x11", 12);
}

static void udp4(void)
{
    ethernet();
    frame_ip4(&frame, 17, "10.1.0.11", "10.1.0.12", 0);
    frame_udp(&frame, 1, 2, 10);
    frame_close(&frame);
}

static void udp6(void)
{
    ethernet();
    frame_ip6(&frame, 17, 64, "2001:db8:1::11", "2001:db8:1::12");
    frame_udp(&frame, 1, 2, 10);
    frame_close(&frame);
}

static void nd(unsigned type, unsigned hop_limit, const char *src, const char *dst, const char *target)
{
    ethernet();
    frame_ip6(&frame, 58, hop_limit, src, dst);
    frame_nd(&frame, type, 0, target);
    frame_close(&frame);
}

static void refused(const char *reason)
{
    lab_send_bytes("vm1", frame.byte, frame.len);
    lab_expect_silence();
    lab_expect_drop(reason, 1);
    lab_turn_ms(200);
}

Test(bad_input, the_frames_below_are_good_before_they_are_spoiled)
{
    udp4();
    lab_send_bytes("vm1", frame.byte, frame.len);
    lab_expect_bytes("vm2", frame.byte, frame.len);
    udp6();
    lab_send_bytes("vm1", frame.byte, frame.len);
    lab_expect_bytes("vm2", frame.byte, frame.len);
    lab_expect_no_drop();
}

Test(bad_input, a_frame_that_ends_in_a_header)
{
    udp4();
    for (uint32_t len = 0; len < 34; len++) {
        frame.len = len;
        refused("truncated");
    }
    udp6();
    for (uint32_t len = 14; len < 54; len++) {
        frame.len = len;
        refused("truncated");
    }
    ethernet();
    frame_arp(&frame, 1, frame.byte + 6, "10.1.0.11", "10.1.0.99");
    for (uint32_t len = 14; len < 42; len++) {
        frame.len = len;
        refused("truncated");
    }
    ethernet();
    frame_tag(&frame, 0x8100, 0);
    frame.len = 16;
    refused("truncated");
}

Test(bad_input, an_ip_packet_shorter_than_it_says)
{
    udp4();
    frame.len--;
    refused("bad_ip");
    udp6();
    frame.len--;
    refused("bad_ip");
}

Test(bad_input, a_source_mac_that_no_station_has)
{
    udp4();
    frame.byte[6] |= 1;
    refused("bad_ethernet");
    memset(frame.byte + 6, 0, 6);
    refused("bad_ethernet");
}

Test(bad_input, ipv4_headers)
{
    static const struct {
        unsigned offset, value;
    } wrong[] = {{0, 0x55}, {0, 0x44}, {0, 0x65}, {2, 0xff}};
    for (unsigned i = 0; i < 4; i++) {
        udp4();
        frame.byte[frame.ip + wrong[i].offset] = (uint8_t)wrong[i].value;
        refused("bad_ip");
    }
    udp4();
    frame_set16(&frame, frame.ip + 2, 19);
    frame_checksum4(&frame);
    refused("bad_ip");
    udp4();
    frame.byte[frame.ip + 11]++;
    refused("bad_ip");
}

Test(bad_input, ipv6_headers)
{
    udp6();
    frame.byte[frame.ip] = 0x40;
    refused("bad_ip");
    udp6();
    frame.byte[frame.ip + 4] = 0xff;
    refused("bad_ip");
    ethernet();
    frame_ip6(&frame, 17, 64, "2001:db8:1::11", "::ffff:10.1.0.12");
    frame_udp(&frame, 1, 2, 10);
    frame_close(&frame);
    refused("bad_ip");
    ethernet();
    frame_ip6(&frame, 60, 64, "2001:db8:1::11", "2001:db8:1::12");
    frame_8(&frame, 0); /* hop-by-hop options not in the first place */
    frame_fill(&frame, 0, 7);
    frame_8(&frame, 17);
    frame_fill(&frame, 0, 7);
    frame_udp(&frame, 1, 2, 10);
    frame_close(&frame);
    refused("bad_ip");
}

Test(bad_input, an_extension_header_that_ends_behind_the_packet)
{
    ethernet();
    frame_ip6(&frame, 60, 64, "2001:db8:1::11", "2001:db8:1::12");
    frame_8(&frame, 17);
    frame_8(&frame, 255);
    frame_fill(&frame, 0, 30);
    frame_close(&frame);
    refused("truncated");
}

Test(bad_input, sources_that_cannot_be)
{
    static const char *const ip4s[] = {"127.0.0.1", "224.0.0.1", "255.255.255.255"};
    static const char *const ip6s[] = {"::1", "ff02::1", "::ffff:10.1.0.11"};
    for (unsigned i = 0; i < 3; i++) {
        ethernet();
        frame_ip4(&frame, 17, ip4s[i], "10.1.0.12", 0);
        frame_udp(&frame, 1, 2, 10);
        frame_close(&frame);
        refused("bad_ip_source");
        ethernet();
        frame_ip6(&frame, 17, 64, ip6s[i], "2001:db8:1::12");
        frame_udp(&frame, 1, 2, 10);
        frame_close(&frame);
        refused("bad_ip_source");
    }
}

Test(bad_input, transport_headers)
{
    udp4();
    frame_set16(&frame, frame.l4 + 4, 7);
    refused("bad_l4");
    udp6();
    frame_set16(&frame, frame.l4 + 4, 19);
    refused("bad_l4");
    ethernet();
    frame_ip4(&frame, 6, "10.1.0.11", "10.1.0.12", 0);
    frame_tcp(&frame, 1, 2);
    frame.byte[frame.l4 + 12] = 0x40;
    frame_close(&frame);
    refused("bad_l4");
    static const uint8_t protos[] = {1, 6, 17, 132};
    for (unsigned i = 0; i < 4; i++) {
        ethernet();
        frame_ip4(&frame, protos[i], "10.1.0.11", "10.1.0.12", 0);
        frame_fill(&frame, 0, 7);
        frame_close(&frame);
        refused("truncated");
    }
}

Test(bad_input, arp)
{
    static const struct {
        unsigned offset, value;
    } wrong[] = {{1, 2}, {3, 1}, {4, 7}, {5, 16}, {7, 3}, {8, 0x01}, {14, 224}, {14, 127}};
    for (unsigned i = 0; i < 8; i++) {
        ethernet();
        frame_arp(&frame, 1, frame.byte + 6, "10.1.0.11", "10.1.0.99");
        frame.byte[14 + wrong[i].offset] = (uint8_t)wrong[i].value;
        refused("bad_arp");
    }
}

#define ME "2001:db8:1::11"
#define YOU "2001:db8:1::12"

Test(bad_input, neighbour_discovery)
{
    nd(135, 254, ME, YOU, YOU); /* not from this link */
    refused("bad_nd");
    nd(135, 255, ME, YOU, "ff02::1"); /* a group has no neighbour */
    refused("bad_nd");
    nd(135, 255, "::", YOU, YOU); /* duplicate address detection goes to the solicited-node group */
    refused("bad_nd");
    nd(136, 255, ME, "ff02::1", ME); /* solicited, and to all */
    frame.byte[frame.icmp6 + 4] = 0x40;
    frame_checksum6(&frame);
    refused("bad_nd");
    nd(135, 255, ME, YOU, YOU);
    frame.byte[frame.icmp6 + 1] = 1; /* code */
    frame_checksum6(&frame);
    refused("bad_nd");
    nd(135, 255, ME, YOU, YOU);
    frame.byte[frame.icmp6 + 2]++; /* checksum */
    refused("bad_nd");
    nd(135, 255, ME, YOU, YOU);
    frame_8(&frame, 1); /* an option of no length */
    frame_fill(&frame, 0, 7);
    frame_close(&frame);
    refused("bad_nd");
}

Test(bad_input, other_ethertypes_are_switched_without_port_security_and_refused_with_it)
{
    ethernet();
    frame_16(&frame, 0x88b5);
    frame_fill(&frame, 7, 46);
    lab_send_bytes("vm1", frame.byte, frame.len);
    lab_expect_bytes("vm2", frame.byte, frame.len);
    lab_expect_no_drop();
    lab_model("{'lport': [" VM1 "]}");
    refused("ethertype");
}

Test(bad_input, what_is_no_ip_is_not_routed)
{
    ethernet();
    memcpy(frame.byte, "\x02\x00\x00\x00\x01\x01", 6);
    frame_16(&frame, 0x88b5);
    frame_fill(&frame, 7, 46);
    refused("l3_not_ip");
}
