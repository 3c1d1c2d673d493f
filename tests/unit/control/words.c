/* SPDX-License-Identifier: Apache-2.0 */
#include "control/trace/words.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <rte_hash_crc.h>
#include <rte_icmp.h>
#include <rte_ip.h>
#include <rte_tcp.h>
#include <string.h>

#include "control/model/address.h"
#include "fastpath/packet/packet.h"

/* The frames are read back by the data plane's own parser and their checksums checked by DPDK's functions. */

#define MACS "dl_src=02:00:00:00:00:01,dl_dst=02:00:00:00:00:02,"
#define V4 MACS "nw_src=10.0.0.1,nw_dst=10.0.0.2,"
#define V6 MACS "ipv6_src=2001:db8::1,ipv6_dst=2001:db8::2,"

static uint8_t frame[DF_WORDS_FRAME_MAX];
static size_t frame_len;

static struct df_packet make_with(const char *words, const struct df_words_names *names)
{
    struct df_error error;
    struct df_packet packet;
    frame_len = sizeof(frame);
    cr_assert_eq(df_words_to_frame(words, names, frame, &frame_len, &error), 0, "%s: %s", words, error.text);
    enum df_drop malformed = df_packet_parse(frame, (uint32_t)frame_len, &packet);
    cr_assert_eq(malformed, DF_DROP_NONE, "%s: %s", words, df_drop_name(malformed));
    return packet;
}

static struct df_packet make(const char *words)
{
    return make_with(words, NULL);
}

static void expect_ip(struct df_ip ip, const char *wanted)
{
    char text[DF_IP_TEXT];
    cr_expect_str_eq(df_ip_text(&ip, text), wanted);
}

static void expect_mac(struct df_mac mac, const char *wanted)
{
    char text[DF_MAC_TEXT];
    cr_expect_str_eq(df_mac_text(&mac, text), wanted);
}

static void expect_ip4_checksums(const struct df_packet *packet)
{
    const struct rte_ipv4_hdr *ip = (const void *)(frame + packet->l3_offset);
    cr_expect_eq(rte_raw_cksum(ip, sizeof(*ip)), 0xffff, "IPv4 header");
    if (packet->ip_proto == IPPROTO_ICMP)
        cr_expect_eq(rte_raw_cksum(frame + packet->l4_offset, frame_len - packet->l4_offset), 0xffff, "ICMP");
    else
        cr_expect_eq(rte_ipv4_udptcp_cksum_verify(ip, frame + packet->l4_offset), 0, "transport");
}

static void expect_ip6_checksum(const struct df_packet *packet)
{
    cr_expect_eq(rte_ipv6_udptcp_cksum_verify((const void *)(frame + packet->l3_offset), frame + packet->l4_offset), 0);
}

Test(words, icmp)
{
    struct df_packet packet = make("icmp," V4 "nw_ttl=3,len=56");
    expect_mac(packet.eth_src, "02:00:00:00:00:01");
    expect_mac(packet.eth_dst, "02:00:00:00:00:02");
    expect_ip(packet.ip_src, "10.0.0.1");
    expect_ip(packet.ip_dst, "10.0.0.2");
    cr_expect_eq(packet.ip_ttl, 3);
    cr_expect_eq(packet.l4_dst, 8, "an echo request unless it is said");
    cr_expect_eq(frame_len, 14 + 20 + 8 + 56);
    expect_ip4_checksums(&packet);
    packet = make("icmp," V4 "icmp_type=3 icmp_code=4");
    cr_expect_eq(packet.l4_dst, 3);
    cr_expect_eq(packet.icmp_code, 4);
}

Test(words, tcp_and_udp_and_sctp)
{
    struct df_packet packet = make("tcp," V4 "tp_src=1000,tp_dst=80,tcp_flags=syn|ack,nw_tos=0xb8,len=3");
    cr_expect_eq(packet.l4_src, 1000);
    cr_expect_eq(packet.l4_dst, 80);
    cr_expect_eq(packet.ip_tos, 0xb8);
    cr_expect_eq(frame[packet.l4_offset + 13], 0x12);
    expect_ip4_checksums(&packet);
    packet = make("udp," V4 "tp_dst=53,len=101");
    cr_expect_eq(packet.ip_proto, 17);
    expect_ip4_checksums(&packet);
    packet = make("sctp," V4 "sctp_dst=36412,len=5");
    cr_expect_eq(packet.l4_dst, 36412);
    uint64_t aligned[16]; /* as DPDK's function wants it */
    size_t len = frame_len - packet.l4_offset;
    cr_assert_leq(len, sizeof(aligned));
    memcpy(aligned, frame + packet.l4_offset, len);
    uint32_t *sctp = (uint32_t *)aligned;
    uint32_t sum = sctp[2];
    sctp[2] = 0;
    cr_expect_eq(~rte_hash_crc(aligned, (uint32_t)len, 0xffffffff), sum);
}

Test(words, ipv6)
{
    struct df_packet packet = make("tcp6," V6 "tp_dst=443");
    expect_ip(packet.ip_src, "2001:db8::1");
    cr_expect_eq(packet.l4_dst, 443);
    expect_ip6_checksum(&packet);
    packet = make("udp6," V6 "len=9");
    expect_ip6_checksum(&packet);
    packet = make("icmp6," V6 "len=8");
    cr_expect_eq(packet.l4_dst, 128);
    expect_ip6_checksum(&packet);
}

Test(words, others_with_ports)
{
    static const char *const packets[] = {"udplite," V4 "tp_dst=80,len=9", "dccp," V4 "tp_dst=80,len=9"};
    static const char *const packets6[] = {"udplite6," V6 "tp_dst=80,len=9", "dccp6," V6 "tp_dst=80,len=9"};
    for (unsigned i = 0; i < 2; i++) {
        struct df_packet packet = make(packets[i]);
        cr_expect_eq(packet.l4_dst, 80);
        expect_ip4_checksums(&packet);
        packet = make(packets6[i]);
        cr_expect_eq(packet.l4_dst, 80);
        expect_ip6_checksum(&packet);
    }
}

Test(words, neighbour_discovery)
{
    struct df_packet packet =
        make("icmp6,icmp_type=135,nd_target=2001:db8::12,nd_sll=02:00:00:00:00:01,dl_src=02:00:00:00:00:01,"
             "ipv6_src=2001:db8::1");
    cr_expect(packet.bits & DF_PACKET_ND);
    expect_mac(packet.eth_dst, "33:33:ff:00:00:12");
    expect_ip(packet.ip_dst, "ff02::1:ff00:12");
    expect_ip(packet.nd.target, "2001:db8::12");
    expect_mac(packet.nd.lladdr, "02:00:00:00:00:01");
    cr_expect_eq(packet.ip_ttl, 255, "RFC 4861 section 7.1");
    expect_ip6_checksum(&packet);
    packet = make("icmp6," V6 "icmp_type=136,nd_target=2001:db8::1,nd_tll=02:00:00:00:00:01");
    cr_expect_eq(packet.nd.flags, 0x60);
    expect_mac(packet.nd.lladdr, "02:00:00:00:00:01");
}

Test(words, arp)
{
    static const uint8_t wanted[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0,  0, 0, 0, 1, 8, 6, 0, 1, 8, 0,  6, 4, 0,
                                     1,    2,    0,    0,    0,    0,    1, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2};
    make("arp,arp_op=1,dl_src=02:00:00:00:00:01,arp_spa=10.0.0.1,arp_tpa=10.0.0.2");
    cr_expect_eq(frame_len, sizeof(wanted));
    cr_expect_eq(memcmp(frame, wanted, sizeof(wanted)), 0);
    struct df_packet packet = make("arp,arp_op=2," MACS "arp_spa=10.0.0.1,arp_tpa=10.0.0.2,arp_tha=02:00:00:00:00:02");
    cr_expect_eq(packet.arp.op, 2);
    expect_mac(packet.arp.sha, "02:00:00:00:00:01");
    expect_mac(packet.arp.tha, "02:00:00:00:00:02");
}

Test(words, vlan_fragments_and_multicast)
{
    struct df_packet packet = make("udp," V4 "dl_vlan=100,dl_vlan_pcp=5");
    cr_expect_eq(packet.n_vlans, 1);
    cr_expect_eq(packet.vlan[0], 5 << 13 | 100);
    packet = make("udp," V4 "nw_frag=first,tp_dst=53,len=64");
    cr_expect((packet.bits & DF_PACKET_FRAGMENT) && !(packet.bits & DF_PACKET_LATER_FRAGMENT));
    cr_expect_eq(packet.l4_dst, 53);
    packet = make("udp," V4 "nw_frag=later,len=64");
    cr_expect(packet.bits & DF_PACKET_LATER_FRAGMENT);
    packet = make("udp6," V6 "nw_frag=later,len=64");
    cr_expect(packet.bits & DF_PACKET_LATER_FRAGMENT);
    packet = make("udp,dl_src=02:00:00:00:00:01,nw_src=10.0.0.1,nw_dst=239.129.2.3");
    expect_mac(packet.eth_dst, "01:00:5e:01:02:03");
    packet = make("udp,dl_src=02:00:00:00:00:01,nw_src=0.0.0.0,nw_dst=255.255.255.255,tp_src=68,tp_dst=67");
    expect_mac(packet.eth_dst, "ff:ff:ff:ff:ff:ff");
}

Test(words, tcp_numbers)
{
    struct df_packet packet = make("tcp," V4 "tcp_flags=ack,tcp_seq=4294967295,tcp_ack=0x10,tcp_window=512,len=9");
    cr_expect_eq(packet.tcp.seq, 4294967295u);
    cr_expect_eq(packet.tcp.ack, 16);
    cr_expect_eq(packet.tcp.window, 512);
    cr_expect_eq(packet.tcp.flags, 0x10);
    cr_expect_eq(packet.tcp.payload_len, 9);
    cr_expect_eq(packet.tcp.window_shift, 0xff);
    expect_ip4_checksums(&packet);
    packet = make("tcp6," V6 "tcp_wscale=7,len=3");
    cr_expect_eq(packet.tcp.flags, 0x02, "a SYN unless it is said");
    cr_expect_eq(packet.tcp.seq, 1);
    cr_expect_eq(packet.tcp.ack, 0);
    cr_expect_eq(packet.tcp.window_shift, 7);
    cr_expect_eq(packet.tcp.payload_len, 3);
    expect_ip6_checksum(&packet);
    packet = make("tcp," V4 "tcp_flags=syn|ack");
    cr_expect_eq(packet.tcp.ack, 1);
}

Test(words, sctp_chunks)
{
    struct df_packet packet = make("sctp," V4 "sctp_init_tag=77");
    cr_expect_eq(packet.sctp.chunk, 1, "an INIT unless it is said or has a payload");
    cr_expect_eq(packet.sctp.tag, 0);
    cr_expect_eq(packet.sctp.initiate_tag, 77);
    cr_expect_eq(frame_len, 14 + 20 + 12 + 20);
    packet = make("sctp6," V6 "sctp_chunk=init_ack,sctp_tag=77,sctp_init_tag=4294967295,len=5");
    cr_expect_eq(packet.sctp.chunk, 2);
    cr_expect_eq(packet.sctp.tag, 77);
    cr_expect_eq(packet.sctp.initiate_tag, 4294967295u);
    cr_expect_eq(frame_len, 14 + 40 + 12 + 20 + 8, "padded");
    packet = make("sctp," V4 "len=5");
    cr_expect_eq(packet.sctp.chunk, 0);
    cr_expect_eq(packet.sctp.tag, 1);
    static const struct {
        const char *name;
        unsigned type, len;
    } chunks[] = {{"sack", 3, 16},       {"heartbeat", 4, 4},          {"heartbeat_ack", 5, 4}, {"abort", 6, 4},
                  {"shutdown", 7, 8},    {"shutdown_ack", 8, 4},       {"error", 9, 4},         {"cookie_echo", 10, 4},
                  {"cookie_ack", 11, 4}, {"shutdown_complete", 14, 4}, {"192", 192, 4}};
    for (unsigned i = 0; i < sizeof(chunks) / sizeof(chunks[0]); i++) {
        char words[200];
        snprintf(words, sizeof(words), "sctp," V4 "sctp_chunk=%s", chunks[i].name);
        packet = make(words);
        cr_expect(packet.sctp.has_chunk);
        cr_expect_eq(packet.sctp.chunk, chunks[i].type, "%s", words);
        cr_expect_eq(frame_len, 14 + 20 + 12 + chunks[i].len, "%s", words);
    }
}

Test(words, icmp_identifier)
{
    struct df_packet packet = make("icmp," V4 "icmp_id=65535,icmp_seq=258");
    cr_expect(packet.bits & DF_PACKET_ICMP_ECHO);
    cr_expect_eq(packet.icmp_id, 65535);
    cr_expect_eq(frame[packet.l4_offset + 6], 1);
    cr_expect_eq(frame[packet.l4_offset + 7], 2);
    expect_ip4_checksums(&packet);
    packet = make("icmp6," V6 "icmp_type=129,icmp_id=5");
    cr_expect_eq(packet.icmp_id, 5);
}

static void expect_fragment(const char *words, uint32_t id, unsigned offset, unsigned len, bool more)
{
    struct df_packet packet = make(words);
    cr_expect(packet.bits & DF_PACKET_FRAGMENT, "%s", words);
    cr_expect_eq(!!(packet.bits & DF_PACKET_LATER_FRAGMENT), offset != 0, "%s", words);
    cr_expect_eq(!!(packet.bits & DF_PACKET_MORE_FRAGMENTS), more, "%s", words);
    cr_expect_eq(packet.fragment_id, id, "%s", words);
    cr_expect_eq(packet.fragment_offset, offset, "%s", words);
    cr_expect_eq(packet.fragment_len, len, "%s", words);
}

Test(words, fragments)
{
    expect_fragment("udp," V4 "nw_frag=first,len=8", 1, 0, 16, true);
    expect_fragment("udp," V4 "nw_frag=later,len=9", 1, 1480, 9, false);
    expect_fragment("udp," V4 "ip_id=65535,frag_more=1,len=8", 65535, 0, 16, true);
    expect_fragment("udp," V4 "ip_id=7,frag_offset=16,frag_more=1,len=16", 7, 16, 16, true);
    expect_fragment("udp," V4 "ip_id=7,frag_offset=32,len=3", 7, 32, 3, false);
    expect_fragment("udp," V4 "nw_frag=later,frag_offset=65528,frag_more=0,len=7", 1, 65528, 7, false);
    expect_fragment("tcp6," V6 "ip_id=4294967295,nw_frag=first,len=4", 4294967295u, 0, 24, true);
    expect_fragment("tcp6," V6 "ip_id=9,frag_offset=24,frag_more=1,len=8", 9, 24, 8, true);
    struct df_packet packet = make("udp," V4 "frag_more=0,frag_offset=0,ip_id=9");
    cr_expect_not(packet.bits & DF_PACKET_FRAGMENT);
}

static unsigned df_of(const char *words)
{
    struct df_packet packet = make(words);
    cr_expect_eq(!!(packet.bits & DF_PACKET_DF), frame[packet.l3_offset + 6] >> 6 & 1, "%s", words);
    return frame[packet.l3_offset + 6] >> 6 & 1;
}

Test(words, whether_a_packet_may_be_fragmented)
{
    cr_expect_eq(df_of("udp," V4 "len=8"), 1);
    cr_expect_eq(df_of("udp," V4 "len=8,ip_df=1"), 1);
    cr_expect_eq(df_of("udp," V4 "len=8,ip_df=0"), 0);
    cr_expect_eq(df_of("udp," V4 "len=8,nw_frag=first"), 0);
    cr_expect_eq(df_of("udp," V4 "len=8,nw_frag=later"), 0);
    cr_expect_eq(df_of("udp," V4 "len=8,nw_frag=first,ip_df=1"), 1);
}

Test(words, an_icmp_error_quotes_a_packet)
{
    struct df_packet packet = make("icmp," V4 "icmp_type=11,icmp_code=1,quote=[udp,nw_src=10.0.0.3,nw_dst=10.0.0.4,"
                                   "tp_src=1000,tp_dst=53,len=20],nw_ttl=9");
    cr_expect_eq(packet.l4_dst, 11);
    cr_expect_eq(packet.icmp_code, 1);
    cr_expect_eq(packet.ip_ttl, 9, "what follows the quote is the message's own");
    cr_assert(packet.quoted.whole);
    cr_expect_eq(packet.quoted.ip_proto, 17);
    expect_ip(packet.quoted.src, "10.0.0.3");
    expect_ip(packet.quoted.dst, "10.0.0.4");
    cr_expect_eq(packet.quoted.l4_src, 1000);
    cr_expect_eq(packet.quoted.l4_dst, 53);
    cr_expect_eq(frame_len, 14 + 20 + 8 + 20 + 8 + 20);
    expect_ip4_checksums(&packet);
    const struct rte_ipv4_hdr *quoted = (const void *)(frame + packet.l4_offset + 8);
    cr_expect_eq(rte_raw_cksum(quoted, sizeof(*quoted)), 0xffff);
    cr_expect_eq(quoted->total_length, RTE_BE16(48));
}

Test(words, what_a_quote_leaves_out_went_the_other_way)
{
    struct df_packet packet = make("icmp," V4 "quote=[tcp tp_dst=80]");
    cr_expect_eq(packet.l4_dst, 3);
    expect_ip(packet.quoted.src, "10.0.0.2");
    expect_ip(packet.quoted.dst, "10.0.0.1");
    cr_expect_eq(packet.quoted.ip_proto, 6);
    packet = make("icmp6," V6 "quote=[]");
    cr_expect_eq(packet.l4_dst, 1);
    cr_assert(packet.quoted.whole);
    cr_expect_eq(packet.quoted.ip_proto, IPPROTO_ICMPV6);
    cr_expect_eq(packet.quoted.l4_src, 1);
    expect_ip(packet.quoted.src, "2001:db8::2");
    expect_ip6_checksum(&packet);
}

Test(words, a_quote_may_be_an_error_a_fragment_or_cut_off)
{
    struct df_packet packet = make("icmp," V4 "quote=[icmp,icmp_type=3,quote=[udp,tp_dst=5]]");
    cr_expect(packet.quoted.whole);
    cr_expect(packet.quoted.is_error);
    cr_expect_eq(frame_len, 14 + 20 + 8 + 20 + 8 + 20 + 8);
    packet = make("icmp," V4 "quote=[udp,frag_offset=8,len=8]");
    cr_expect_not(packet.quoted.whole);
    packet = make("icmp," V4 "quote=[udp,len=100],quote_len=28");
    cr_expect(packet.quoted.whole);
    cr_expect_eq(frame_len, 14 + 20 + 8 + 28);
    expect_ip4_checksums(&packet);
    packet = make("icmp," V4 "quote=[udp,len=100],quote_len=27");
    cr_expect_not(packet.quoted.whole);
    packet = make("icmp," V4 "icmp_type=3");
    cr_expect(packet.bits & DF_PACKET_ICMP_ERROR);
}

Test(words, no_protocol_is_a_ping)
{
    struct df_packet packet = make(V4);
    cr_expect_eq(packet.ip_proto, IPPROTO_ICMP);
    packet = make(V6);
    cr_expect_eq(packet.ip_proto, IPPROTO_ICMPV6);
}

/* ---- names */

static int station(void *arg, const char *name, struct df_words_station *out, struct df_error *error)
{
    (void)arg;
    if (name && strcmp(name, "db1") == 0) {
        df_mac_parse("02:00:00:00:02:01", &out->mac);
        df_ip_parse("10.2.0.1", &out->ip4);
        return 0;
    }
    if (name)
        return df_error_set(error, -ENOENT, "%s: unknown", name);
    df_mac_parse("02:00:00:00:01:01", &out->mac);
    df_ip_parse("10.1.0.1", &out->ip4);
    df_ip_parse("2001:db8:1::1", &out->ip6);
    return 0;
}

static int next_hop(void *arg, const struct df_ip *dst, struct df_mac *mac, struct df_error *error)
{
    char text[DF_IP_TEXT];
    (void)arg;
    if (dst->byte[13] == 9)
        return df_error_set(error, -ENETUNREACH, "no way to %s", df_ip_text(dst, text));
    return df_mac_parse("02:00:00:00:01:fe", mac);
}

static const struct df_words_names names = {.station = station, .next_hop = next_hop};

Test(words, what_is_left_out_is_filled_in_as_the_sender_would)
{
    struct df_packet packet = make_with("icmp,dst=db1", &names);
    expect_mac(packet.eth_src, "02:00:00:00:01:01");
    expect_mac(packet.eth_dst, "02:00:00:00:01:fe");
    expect_ip(packet.ip_src, "10.1.0.1");
    expect_ip(packet.ip_dst, "10.2.0.1");
    packet = make_with("tcp6,ipv6_dst=2001:db8:2::1", &names);
    expect_ip(packet.ip_src, "2001:db8:1::1");
    packet = make_with("arp,dst=db1", &names);
    expect_mac(packet.eth_dst, "ff:ff:ff:ff:ff:ff");
    expect_ip(df_ip_from4(packet.arp.spa), "10.1.0.1");
    expect_ip(df_ip_from4(packet.arp.tpa), "10.2.0.1");
    packet = make_with("udp,src=db1,nw_dst=10.1.0.1,dl_dst=02:00:00:00:00:09", &names);
    expect_ip(packet.ip_src, "10.2.0.1");
    expect_mac(packet.eth_dst, "02:00:00:00:00:09");
}

Test(words, what_is_said_wins_over_what_would_be_filled_in)
{
    struct df_packet packet =
        make_with("icmp,dst=db1,nw_src=10.1.0.99,dl_src=02:00:00:00:01:99,nw_dst=10.2.0.2", &names);
    expect_mac(packet.eth_src, "02:00:00:00:01:99");
    expect_ip(packet.ip_src, "10.1.0.99");
    expect_ip(packet.ip_dst, "10.2.0.2");
}

/* ---- hexadecimal */

Test(words, hexadecimal_is_the_frame_itself)
{
    struct df_error error;
    frame_len = sizeof(frame);
    cr_expect_eq(df_words_to_frame("ff:ff:ff:ff:ff:ff 020000000001 08 06 00 FF", NULL, frame, &frame_len, &error), 0);
    cr_expect_eq(frame_len, 16);
    cr_expect_eq(frame[6], 2);
    cr_expect_eq(frame[15], 0xff);
    frame_len = sizeof(frame);
    cr_expect_eq(df_words_to_frame("ffffffffffff02000000000108060", NULL, frame, &frame_len, &error), -EINVAL);
    cr_expect(strstr(error.text, "half a byte"));
    frame_len = 15;
    cr_expect_eq(df_words_to_frame("ffffffffffff020000000001080600ff", NULL, frame, &frame_len, &error), -ENOSPC);
}

/* ---- errors */

struct bad {
    char words[200];
    char expected[100];
};

ParameterizedTestParameters(words, an_error_names_the_word)
{
    static struct bad cases[] = {
        {"icmp,bogus=1," V4, "bogus: there is no such field"},
        {"icpm," V4, "icpm: neither FIELD=VALUE nor one of"},
        {"icmp,tcp," V4, "tcp: the packet has been said to be another one before"},
        {"icmp," MACS "nw_src=10.0.0,nw_dst=10.0.0.2", "nw_src=10.0.0: must be an IPv4 address"},
        {"icmp," MACS "nw_src=::1,nw_dst=10.0.0.2", "nw_src=::1: must be an IPv4 address"},
        {"icmp6," MACS "ipv6_src=10.0.0.1", "ipv6_src=10.0.0.1: must be an IPv6 address"},
        {"icmp," V4 "nw_ttl=256", "nw_ttl=256: must be a number from 0 to 255"},
        {"icmp," V4 "nw_ttl=-1", "nw_ttl=-1: must be a number"},
        {"udp," V4 "tp_dst=http", "tp_dst=http: must be a number from 0 to 65535"},
        {"udp," V4 "tp_dst=", "tp_dst=: must be a number"},
        {"udp," V4 "dl_vlan=4095", "dl_vlan=4095: must be a number from 0 to 4094"},
        {"tcp," V4 "tcp_flags=syn|foo", "tcp_flags=syn|foo: must be names such as"},
        {"udp," V4 "nw_frag=middle", "nw_frag=middle: must be no, first or later"},
        {"icmp,dl_src=02:00:00:00:00,", "dl_src=02:00:00:00:00: must be a MAC address"},
        {"icmp,nw_src=10.0.0.1,nw_dst=10.0.0.2", "dl_src is missing"},
        {"icmp," MACS "nw_dst=10.0.0.2", "nw_src is missing"},
        {"icmp," MACS "nw_src=10.0.0.2", "nw_dst is missing"},
        {"icmp,dl_src=02:00:00:00:00:01,nw_src=10.0.0.1,nw_dst=10.0.0.2", "dl_dst is missing"},
        {"tcp6," V4, "ipv6 and an IPv4 address do not go together"},
        {"icmp6," V6 "icmp_type=135", "nd_target is missing"},
        {"tcp," V4 "tcp_seq=4294967296", "tcp_seq=4294967296: must be a number from 0 to 4294967295"},
        {"udp," V4 "frag_offset=12", "frag_offset=12: must be a multiple of 8"},
        {"udp," V4 "frag_more=2", "frag_more=2: must be a number from 0 to 1"},
        {"udp," V4 "ip_df=2", "ip_df=2: must be a number from 0 to 1"},
        {"udp," V4 "ip_id=65536", "ip_id=65536: IPv4 has 16 bits"},
        {"sctp," V4 "sctp_chunk=inti", "sctp_chunk=inti: must be a number, or a name"},
        {"sctp," V4 "sctp_chunk=256", "sctp_chunk=256: must be a number from 0 to 255"},
        {"icmp," V4 "quote=udp", "quote=udp: must be words in brackets"},
        {"icmp," V4 "quote=[udp,tp_dst=1", "quote=[udp,tp_dst=1: must be words in brackets"},
        {"icmp," V4 "quote=[udp]x", "quote=[udp]x: must be words in brackets"},
        {"icmp," V4 "quote=[udp,bogus=1]", "bogus: there is no such field"},
        {"icmp," V4 "quote=[udp],quote=[tcp]", "quote: a packet quotes one packet"},
        {"icmp," V4 "quote=[icmp,quote=[icmp,quote=[udp]]]", "quote: a packet quotes one packet, and that"},
        {"udp," V4 "quote=[udp]", "quote: only ICMP and ICMPv6 messages"},
        {"icmp," V4 "quote=[udp,src=vm1]", "quote: a quoted packet has neither ports' names"},
        {"icmp," V4 "quote=[udp,dl_vlan=1]", "quote: a quoted packet has neither ports' names"},
        {"icmp," V4 "quote=[arp]", "quote: a quoted packet is an IP packet"},
        {"icmp," V4 "quote=[udp6]", "ipv6 and an IPv4 address do not go together"},
        {"icmp," V4 "quote=[udp,frag_offset=1]", "frag_offset=1: must be a multiple of 8"},
        {"icmp,dst=vm2," MACS, "vm2: names of ports are not known here"},
        {"icmp,src=", "src=: must be the name of a port"},
        {"udp," V4 "len=9200", "len=9200: the frame is longer than"},
        {"udp," V4 "len=9217", "len=9217: must be a number"},
    };
    return cr_make_param_array(struct bad, cases, sizeof(cases) / sizeof(cases[0]));
}

ParameterizedTest(struct bad *bad, words, an_error_names_the_word)
{
    struct df_error error = {.text = ""};
    size_t len = sizeof(frame);
    cr_expect_lt(df_words_to_frame(bad->words, NULL, frame, &len, &error), 0, "%s", bad->words);
    cr_expect(strstr(error.text, bad->expected), "%s: got: %s", bad->words, error.text);
}

Test(words, errors_of_names_come_through)
{
    struct df_error error;
    size_t len = sizeof(frame);
    cr_expect_eq(df_words_to_frame("icmp,dst=vm9", &names, frame, &len, &error), -ENOENT);
    cr_expect_str_eq(error.text, "vm9: unknown");
    cr_expect_eq(df_words_to_frame("icmp,nw_dst=10.9.0.1", &names, frame, &len, &error), -ENETUNREACH);
    cr_expect_str_eq(error.text, "no way to 10.9.0.1");
    cr_expect_eq(df_words_to_frame("icmp6,dst=db1", &names, frame, &len, &error), -EINVAL);
    cr_expect_str_eq(error.text, "dst=db1: the port has no IPv6 address");
}

Test(words, a_word_or_text_without_end_is_refused)
{
    static char text[65536];
    struct df_error error;
    size_t len = sizeof(frame);
    memset(text, 'x', 300);
    cr_expect_eq(df_words_to_frame(text, NULL, frame, &len, &error), -EINVAL);
    cr_expect(strstr(error.text, "the word is too long"));
    memset(text, ',', sizeof(text) - 1);
    cr_expect_eq(df_words_to_frame(text, NULL, frame, &len, &error), -EINVAL);
}
