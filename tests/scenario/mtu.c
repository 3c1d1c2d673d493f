/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scenario/groups.h"

#include <stdio.h>

#include "tests/scenario/lab_private.h"
#include "tests/scenario/mtu_lab.h"

/*
 * Packets that are too long for the way to another node. Three tenants have a network of each type, all alike, with one
 * port here: vm1 vxlan, vm2 geneve, vm3 gre. The underlay takes 1500 bytes.
 *
 *   10.1.0.11, 2001:db8:1::11   02:00:00:00:01:11   here
 *   10.1.0.21, 2001:db8:1::21   02:00:00:00:01:21   on node2, 192.0.2.2
 *   10.1.0.22, 2001:db8:1::22   02:00:00:00:01:22   on node3, 2001:db8:ff::3
 */

#define NEAR "02:00:00:00:01:21"
#define FAR "02:00:00:00:01:22"
#define KEY 5001
#define UNDERLAY_MTU 1500

#define NETWORK(id, type, more)                                                                                        \
    "{'id': '" id "', 'topic': '" id "', 'name': '" id "', 'network_type': '" type "', 'segmentation_id': 5001" more "}"
#define NETWORKS(more)                                                                                                 \
    "{'lswitch': [" NETWORK("vx", "vxlan", more) "," NETWORK("gn", "geneve", more) "," NETWORK("gr", "gre", more) "]}"
#define CHASSIS(id, ip) "{'id': '" id "', 'ip': '" ip "', 'tunnel_types': ['geneve', 'vxlan', 'gre']}"
#define HERE(id, net, more)                                                                                            \
    "{'id': '" id "', 'topic': '" net "', 'lswitch': '" net "', 'macs': ['" MAC1                                       \
    "'], 'ips': ['10.1.0.11', '2001:db8:1::11'], 'binding': {'type': 'chassis', 'chassis': 'node1',"                   \
    " 'vif_type': 'ethdev', 'vif_name': '" id "'}" more "}"
#define AT(id, net, mac, host, chassis)                                                                                \
    "{'id': '" id "', 'topic': '" net "', 'lswitch': '" net "', 'macs': ['" mac "'], 'ips': ['10.1.0." host            \
    "', '2001:db8:1::" host "'], 'binding': {'type': 'chassis', 'chassis': '" chassis "'}}"
#define NODE2(id, net) AT(id, net, NEAR, "21", "node2")
#define NODE3(id, net) AT(id, net, FAR, "22", "node3")

static void three_tenants(void)
{
    static const char *const local_ips[] = {LAB_UNDERLAY_IP, LAB_UNDERLAY_IP6, NULL};
    static const char *const neighbours[] = {LAB_PEER2 "=" LAB_PEER2_MAC, LAB_PEER3_IP6 "=" LAB_PEER3_MAC, NULL};
    struct df_underlay_config underlay = {
        .port = "up0", .local_ips = local_ips, .neighbours = neighbours, .udp6_checksum = true, .mtu = UNDERLAY_MTU};
    size_t len;
    lab_up_underlay(&underlay);
    lab_turn_ms(LAB_ANNOUNCE_MS);
    while (lab_receive("up0", &len) != NULL)
        ; /* what it says of itself */
    lab_model(NETWORKS(""));
    lab_model("{'chassis': [" CHASSIS("node2", LAB_PEER2) "," CHASSIS("node3", LAB_PEER3_IP6) "]}");
    lab_model(GROUPS(CLIENT));
    lab_model(PORTS(HERE("vm1", "vx", OPEN) "," HERE("vm2", "gn", OPEN) "," HERE("vm3", "gr", OPEN)));
    lab_model(PORTS(NODE2("near1", "vx") "," NODE2("near2", "gn") "," NODE2("near3", "gr")));
    lab_model(PORTS(NODE3("far1", "vx") "," NODE3("far2", "gn") "," NODE3("far3", "gr")));
    lab_expect_silence();
}

TestSuite(mtu, .init = three_tenants, .fini = lab_down);

#define TO_NEAR ",dl_src=" MAC1 ",dl_dst=" NEAR ",nw_src=10.1.0.11,nw_dst=10.1.0.21"
#define TO_FAR ",dl_src=" MAC1 ",dl_dst=" FAR ",nw_src=10.1.0.11,nw_dst=10.1.0.22"
#define TO_NEAR_6 ",dl_src=" MAC1 ",dl_dst=" NEAR ",ipv6_src=2001:db8:1::11,ipv6_dst=2001:db8:1::21"
#define TO_FAR_6 ",dl_src=" MAC1 ",dl_dst=" FAR ",ipv6_src=2001:db8:1::11,ipv6_dst=2001:db8:1::22"
#define MAY_SPLIT ",ip_df=0,ip_id=77"

/* Each way: what it takes of a packet that the underlay carries, and where it leads. */
static const struct lane {
    const char *vm;
    struct lab_way way;
    unsigned overhead;
    const char *peer;
} lanes[] = {
    {"vm1", {.type = "vxlan"}, 50, LAB_PEER2},
    {"vm2", {.type = "geneve"}, 50, LAB_PEER2},
    {"vm3", {.type = "gre"}, 42, LAB_PEER2},
    {"vm1", {.type = "vxlan", .ip6 = true, .checksum = true}, 70, LAB_PEER3_IP6},
    {"vm2", {.type = "geneve", .ip6 = true, .checksum = true}, 70, LAB_PEER3_IP6},
    {"vm3", {.type = "gre", .ip6 = true}, 62, LAB_PEER3_IP6},
};
#define LANES (sizeof(lanes) / sizeof(lanes[0]))

static const char *udp(const struct lane *lane, unsigned ip_len)
{
    return lane->way.ip6 ? UDP_OF(ip_len, TO_FAR) : UDP_OF(ip_len, TO_NEAR);
}

static const char *udp6(const struct lane *lane, unsigned ip_len)
{
    return lane->way.ip6 ? UDP6_OF(ip_len, TO_FAR_6) : UDP6_OF(ip_len, TO_NEAR_6);
}

static const char *splittable(const struct lane *lane, unsigned ip_len)
{
    return lane->way.ip6 ? UDP_OF(ip_len, TO_FAR MAY_SPLIT) : UDP_OF(ip_len, TO_NEAR MAY_SPLIT);
}

static const char *there(const struct lane *lane)
{
    return lane->way.ip6 ? "10.1.0.22" : "10.1.0.21";
}

static const char *there6(const struct lane *lane)
{
    return lane->way.ip6 ? "2001:db8:1::22" : "2001:db8:1::21";
}

static void passes(const struct lane *lane, const char *words)
{
    lab_send(lane->vm, words);
    lab_expect_by(&lane->way, lane->peer, KEY, words);
    lab_expect_silence();
    lab_expect_no_drop();
}

static void too_big(const struct lane *lane, const char *from, const char *words, uint16_t mtu)
{
    lab_turn_ms(200); /* so that no answer is one too many */
    lab_send(lane->vm, words);
    lab_expect_too_big(lane->vm, from, mtu, words);
    lab_expect_silence();
    lab_expect_drop("too_big", 1);
}

/* In both families exactly mtu bytes get through, and one more do not. */
static void expect_mtu(const struct lane *lane, uint16_t mtu)
{
    passes(lane, udp(lane, mtu));
    too_big(lane, there(lane), udp(lane, mtu + 1u), mtu);
    passes(lane, udp6(lane, mtu));
    too_big(lane, there6(lane), udp6(lane, mtu + 1u), mtu);
}

/* ---- Too big */

Test(mtu, each_type_over_each_family_leaves_what_its_headers_do_not_take)
{
    for (unsigned round = 0; round < 3; round++) /* from then on they are in the flow cache */
        for (unsigned i = 0; i < LANES; i++)
            expect_mtu(&lanes[i], (uint16_t)(UNDERLAY_MTU - lanes[i].overhead));
    passes(&lanes[0], udp(&lanes[0], 100));
    lab_expect_cached();
}

Test(mtu, of_network_and_path_the_lesser_counts)
{
    lab_model(NETWORKS(", 'mtu': 1400"));
    for (unsigned i = 0; i < LANES; i++)
        expect_mtu(&lanes[i], 1400);
    lab_model(NETWORKS(", 'mtu': 1440")); /* more than there is over IPv6, but by GRE */
    for (unsigned i = 0; i < LANES; i++)
        expect_mtu(&lanes[i], (uint16_t)RTE_MIN(1440u, UNDERLAY_MTU - lanes[i].overhead));
}

Test(mtu, a_new_mtu_holds_at_once_and_for_flows_that_are_cached)
{
    const struct lane *lane = &lanes[0];
    lab_model(NETWORKS(", 'mtu': 1400"));
    for (unsigned i = 0; i < 3; i++)
        passes(lane, udp(lane, 1400));
    lab_expect_cached();
    lab_model(NETWORKS(", 'mtu': 1300"));
    too_big(lane, there(lane), udp(lane, 1400), 1300);
    passes(lane, udp(lane, 1300));
    lab_model(NETWORKS(""));
    for (unsigned i = 0; i < 2; i++)
        passes(lane, udp(lane, 1450));
}

Test(mtu, the_least_mtu_that_there_is)
{
    lab_model(NETWORKS(", 'mtu': 68"));
    passes(&lanes[0], udp(&lanes[0], 68));
    too_big(&lanes[0], there(&lanes[0]), udp(&lanes[0], 69), 68);
}

/* What vm1 gets in by its groups is nothing at all. */
Test(mtu, the_answer_reaches_a_guest_whose_groups_let_nothing_in)
{
    lab_model(PORTS(HERE("vm1", "vx", IN_GROUPS("'client'"))));
    for (unsigned i = 0; i < 3; i++)
        expect_mtu(&lanes[0], 1450);
    lab_expect_no_drop();
}

Test(mtu, a_tcp_segment_is_told_like_any_packet)
{
#define SEGMENT(flags, more) "tcp,tcp_flags=" flags ",tp_src=4000,tp_dst=80" TO_NEAR more
#define SYN_ACK                                                                                                        \
    "tcp,tcp_flags=syn|ack,tp_src=80,tp_dst=4000,tcp_seq=500,tcp_ack=2,dl_src=" NEAR ",dl_dst=" MAC1                   \
    ",nw_src=10.1.0.21,nw_dst=10.1.0.11"
#define DATA(len) SEGMENT("ack", ",tcp_seq=2,tcp_ack=501,len=" #len)
    lab_model(PORTS(HERE("vm1", "vx", IN_GROUPS("'client'"))));
    passes(&lanes[0], SEGMENT("syn", ""));
    lab_send_tunnel(LAB_PEER2, KEY, SYN_ACK);
    lab_expect("vm1", SYN_ACK);
    too_big(&lanes[0], "10.1.0.21", DATA(1411), 1450);
    for (unsigned i = 0; i < 3; i++)
        passes(&lanes[0], DATA(1410));
    lab_expect_cached();
    too_big(&lanes[0], "10.1.0.21", DATA(1411), 1450);
    passes(&lanes[0], DATA(1410));
}

/* RFC 4443 section 3.2 knows nothing below 1280: RFC 8200 section 5. */
Test(mtu, ipv6_is_never_told_less_than_1280)
{
    const struct lane *lane = &lanes[0];
    lab_model(NETWORKS(", 'mtu': 1000"));
    passes(lane, udp6(lane, 1000));
    lab_refused("vm1", udp6(lane, 1001), "too_big_ip6");
    lab_refused("vm1", udp6(lane, 1280), "too_big_ip6");
    too_big(lane, there6(lane), udp6(lane, 1281), 1280);
    too_big(lane, there(lane), udp(lane, 1001), 1000);
    passes(lane, udp6(lane, 1000));
}

Test(mtu, what_is_not_ip_is_dropped_by_name)
{
#define OTHER(len) "dl_type=0x88b5,dl_src=" MAC1 ",dl_dst=" NEAR ",len=" #len
    passes(&lanes[0], OTHER(1450));
    lab_refused("vm1", OTHER(1451), "too_big_not_ip");
    passes(&lanes[0], OTHER(1450));
}

/* ---- Nobody is told */

Test(mtu, no_answer_to_errors)
{
    lab_refused("vm1", mtu_words("icmp,icmp_type=3,icmp_code=1,len=%u" TO_NEAR, 1423), "too_big");
    lab_refused("vm1", mtu_words("icmp,icmp_type=11,len=%u" TO_NEAR, 1423), "too_big");
    lab_refused("vm1", mtu_words("icmp6,icmp_type=1,len=%u" TO_NEAR_6, 1403), "too_big");
    lab_refused("vm1", mtu_words("icmp6,icmp_type=2,len=%u" TO_NEAR_6, 1403), "too_big");
}

Test(mtu, an_echo_request_is_no_error)
{
    too_big(&lanes[0], "10.1.0.21", mtu_words("icmp,icmp_type=8,len=%u" TO_NEAR, 1423), 1450);
    too_big(&lanes[0], "2001:db8:1::21", mtu_words("icmp6,icmp_type=128,len=%u" TO_NEAR_6, 1403), 1450);
}

Test(mtu, no_answer_about_groups_nor_to_nobody)
{
#define FROM(ip) ",dl_src=" MAC1 ",dl_dst=" NEAR ",nw_dst=10.1.0.21,nw_src=" ip
    lab_refused("vm1", UDP_OF(1451, ",dl_src=" MAC1 ",dl_dst=" NEAR ",nw_src=10.1.0.11,nw_dst=224.0.0.251"), "too_big");
    lab_refused("vm1", UDP_OF(1451, ",dl_src=" MAC1 ",dl_dst=" NEAR ",nw_src=10.1.0.11,nw_dst=255.255.255.255"),
                "too_big");
    lab_refused("vm1", UDP6_OF(1451, ",dl_src=" MAC1 ",dl_dst=" NEAR ",ipv6_src=2001:db8:1::11,ipv6_dst=ff02::1"),
                "too_big");
    lab_refused("vm1", UDP_OF(1451, FROM("0.0.0.0")), "too_big");
    lab_refused("vm1", UDP_OF(1451, FROM("240.0.0.1")), "too_big");
}

Test(mtu, of_fragments_that_must_stay_as_they_are_the_first_one_is_answered)
{
    too_big(&lanes[0], "10.1.0.21", mtu_words("udp,nw_frag=first,ip_df=1,len=%u" TO_NEAR, 1424), 1450);
    lab_refused("vm1", mtu_words("udp,nw_frag=later,ip_df=1,len=%u" TO_NEAR, 1431), "too_big");
    too_big(&lanes[0], "2001:db8:1::21", mtu_words("udp6,nw_frag=first,len=%u" TO_NEAR_6, 1400), 1450);
    lab_refused("vm1", mtu_words("udp6,nw_frag=later,len=%u" TO_NEAR_6, 1403), "too_big");
}

/* ---- In pieces */

/* What leaves by the lane is this frame's packet in pieces. */
static unsigned expect_pieces(const struct lane *lane, const uint8_t *sent, size_t sent_len, uint16_t mtu)
{
    static struct mtu_pieces pieces;
    const uint8_t *outer;
    size_t len, skip = lab_way_len(&lane->way), ip = lab_way_ip(&lane->way);
    pieces = (struct mtu_pieces){.len = 0};
    while ((outer = lab_receive("up0", &len)) != NULL) {
        cr_assert_leq(len - ip, UNDERLAY_MTU);
        cr_assert_eq(frame_get16(outer + ip + (lane->way.ip6 ? 4 : 2)), len - ip - (lane->way.ip6 ? 40 : 0));
        mtu_add(&pieces, outer + skip, len - skip, sent);
    }
    mtu_expect_whole(&pieces, sent, sent_len, mtu);
    lab_expect_silence();
    lab_expect_no_drop();
    return pieces.n;
}

static unsigned goes_in_pieces(const struct lane *lane, const char *words, uint16_t mtu)
{
    uint8_t frame[DF_WORDS_FRAME_MAX];
    size_t len = sizeof(frame);
    mtu_frame(words, frame, &len);
    lab_send_bytes(lane->vm, frame, len);
    return expect_pieces(lane, frame, len, mtu);
}

Test(mtu, without_df_it_goes_in_pieces_that_make_it_up_again)
{
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < LANES; i++) {
            uint16_t mtu = (uint16_t)(UNDERLAY_MTU - lanes[i].overhead);
            passes(&lanes[i], splittable(&lanes[i], mtu));
            cr_assert_eq(goes_in_pieces(&lanes[i], splittable(&lanes[i], mtu + 1u), mtu), 2);
            cr_assert_eq(goes_in_pieces(&lanes[i], splittable(&lanes[i], 1990), mtu), 2);
        }
    }
}

Test(mtu, as_many_pieces_as_the_mtu_makes_necessary_and_not_too_many)
{
    lab_model(NETWORKS(", 'mtu': 576"));
    cr_assert_eq(goes_in_pieces(&lanes[0], splittable(&lanes[0], 1990), 576), 4);
    lab_model(NETWORKS(", 'mtu': 68"));
    cr_assert_eq(goes_in_pieces(&lanes[0], splittable(&lanes[0], 1990), 68), 42);
}

Test(mtu, a_fragment_becomes_smaller_ones)
{
    lab_model(NETWORKS(", 'mtu': 700"));
    cr_assert_eq(goes_in_pieces(&lanes[0], mtu_words("udp,nw_frag=first,ip_id=9,len=%u" TO_NEAR, 1440), 700), 3);
    cr_assert_eq(
        goes_in_pieces(&lanes[0], mtu_words("udp,frag_offset=1448,frag_more=1,ip_id=9,len=%u" TO_NEAR, 1440), 700), 3);
    cr_assert_eq(goes_in_pieces(&lanes[0], mtu_words("udp,frag_offset=2896,ip_id=9,len=%u" TO_NEAR, 1441), 700), 3);
}

/* Padding is nobody's: what is behind the packet does not count, and does not cross the tunnel. */
Test(mtu, padding_behind_a_packet_is_left_behind)
{
    uint8_t frame[DF_WORDS_FRAME_MAX] = {0};
    size_t len = sizeof(frame);
    lab_frame(udp(&lanes[0], 1440), frame, &len);
    lab_send_bytes("vm1", frame, len + 100);
    lab_expect_by(&lanes[0].way, lanes[0].peer, KEY, udp(&lanes[0], 1440));
    lab_expect_silence();
    lab_expect_no_drop();
}

static const uint8_t options[12] = {
    0x94, 4, 0, 0,          /* router alert (RFC 2113): to be copied into all fragments */
    0x01,                   /* no operation */
    0x07, 7, 4, 0, 0, 0, 0, /* record route: only in the first one (RFC 791 section 3.1) */
};

/* A datagram with options, without DF. */
static size_t with_options(uint8_t *frame, unsigned ip_len)
{
    uint8_t plain[DF_WORDS_FRAME_MAX];
    size_t len = sizeof(plain), header = MTU_IP + 20;
    mtu_frame(splittable(&lanes[0], ip_len - (unsigned)sizeof(options)), plain, &len);
    memcpy(frame, plain, header);
    memcpy(frame + header, options, sizeof(options));
    memcpy(frame + header + sizeof(options), plain + header, len - header);
    frame[MTU_IP] = 0x45 + sizeof(options) / 4;
    frame[MTU_IP + 2] = (uint8_t)(ip_len >> 8);
    frame[MTU_IP + 3] = (uint8_t)ip_len;
    mtu_ip_checksum(frame + MTU_IP);
    return MTU_IP + ip_len;
}

Test(mtu, later_pieces_have_those_options_that_say_so)
{
    static struct mtu_pieces pieces;
    uint8_t frame[DF_WORDS_FRAME_MAX];
    size_t len, sent_len = with_options(frame, 1600), skip = lab_way_len(&lanes[0].way);
    pieces = (struct mtu_pieces){.len = 0};
    lab_send_bytes("vm1", frame, sent_len);
    const uint8_t *piece = lab_receive("up0", &len);
    cr_assert_not_null(piece);
    cr_assert_eq(piece[skip + MTU_IP], 0x48);
    cr_assert_arr_eq(piece + skip + MTU_IP + 20, options, sizeof(options));
    mtu_add(&pieces, piece + skip, len - skip, frame);
    piece = lab_receive("up0", &len);
    cr_assert_not_null(piece);
    cr_assert_eq(piece[skip + MTU_IP], 0x46, "header of %u words", piece[skip + MTU_IP] & 0xf);
    cr_assert_arr_eq(piece + skip + MTU_IP + 20, options, 4);
    mtu_add(&pieces, piece + skip, len - skip, frame);
    mtu_expect_whole(&pieces, frame, sent_len, 1450);
    lab_expect_silence();
    lab_expect_no_drop();
}

Test(mtu, without_buffers_nothing_goes_and_that_has_a_name)
{
    static struct rte_mbuf *taken[8192];
    unsigned n = 0;
    uint8_t frame[DF_WORDS_FRAME_MAX];
    size_t len = sizeof(frame), none;
    mtu_frame(splittable(&lanes[0], 1990), frame, &len);
    while (n < RTE_DIM(taken) && (taken[n] = rte_pktmbuf_alloc(lab_pool())) != NULL)
        n++;
    rte_pktmbuf_free(taken[--n]); /* for the packet */
    rte_pktmbuf_free(taken[--n]); /* and one of its two pieces */
    lab_send_bytes("vm1", frame, len);
    cr_assert_null(lab_receive("up0", &none));
    lab_expect_drop("no_mbuf", 1);
    rte_pktmbuf_free_bulk(taken, n);
    lab_send_bytes("vm1", frame, len);
    expect_pieces(&lanes[0], frame, len, 1450);
}

/* ---- To all */

/* The copy to node2 fits, that to node3 does not, which is told nobody: others heard it. */
Test(mtu, each_copy_of_a_broadcast_has_the_mtu_of_its_path)
{
#define TO_ALL ",dl_src=" MAC1 ",dl_dst=ff:ff:ff:ff:ff:ff,nw_src=10.1.0.11,nw_dst=10.1.0.255"
    uint8_t frame[DF_WORDS_FRAME_MAX];
    size_t len = sizeof(frame);
    lab_send("vm1", UDP_OF(1440, TO_ALL));
    lab_expect_by(&lanes[0].way, lanes[0].peer, KEY, UDP_OF(1440, TO_ALL));
    lab_expect_silence();
    lab_expect_drop("too_big", 1);
    mtu_frame(UDP_OF(1440, TO_ALL MAY_SPLIT), frame, &len);
    lab_send_bytes("vm1", frame, len);
    size_t whole;
    const uint8_t *copy = lab_receive("up0", &whole);
    cr_assert_not_null(copy);
    cr_assert_eq(whole, lab_way_len(&lanes[0].way) + len);
    cr_assert_arr_eq(copy + lab_way_len(&lanes[0].way), frame, len);
    cr_assert_eq(expect_pieces(&lanes[3], frame, len, 1430), 2);
}

/* ---- The path */

/* A router of the underlay says that a packet of the tunnel was too long. The error quotes it. */
static void path_mtu(bool ip6, uint16_t mtu)
{
    static const char error4[] = "icmp,icmp_type=3,icmp_code=4,dl_src=" LAB_PEER2_MAC ",dl_dst=" LAB_UNDERLAY_MAC
                                 ",nw_src=198.51.100.1,nw_dst=" LAB_UNDERLAY_IP ",quote=[udp,nw_src=" LAB_UNDERLAY_IP
                                 ",nw_dst=" LAB_PEER2 ",tp_src=50000,tp_dst=4789,len=1400]";
    static const char error6[] =
        "icmp6,icmp_type=2,dl_src=" LAB_PEER3_MAC ",dl_dst=" LAB_UNDERLAY_MAC
        ",ipv6_src=2001:db8:ff::9,ipv6_dst=" LAB_UNDERLAY_IP6 ",quote=[udp6,ipv6_src=" LAB_UNDERLAY_IP6
        ",ipv6_dst=" LAB_PEER3_IP6 ",tp_src=50000,tp_dst=4789,len=1000]";
    uint8_t frame[DF_WORDS_FRAME_MAX];
    size_t len = sizeof(frame), icmp = MTU_IP + (ip6 ? 40 : 20);
    lab_frame(ip6 ? error6 : error4, frame, &len);
    frame[icmp + 6] = (uint8_t)(mtu >> 8);
    frame[icmp + 7] = (uint8_t)mtu;
    frame[icmp + 2] = frame[icmp + 3] = 0;
    uint32_t n = (uint32_t)(len - icmp);
    unsigned sum = ip6 ? plain_checksum6(frame + MTU_IP, frame + icmp, n) : plain_checksum(frame + icmp, n);
    frame[icmp + 2] = (uint8_t)(sum >> 8);
    frame[icmp + 3] = (uint8_t)sum;
    lab_send_bytes("up0", frame, len);
    cr_assert_eq(df_controller_next_due_ms(lab_controller()), (int64_t)lab_clock()->now_ms(lab_clock()),
                 "nobody is told that there is something to be done");
    lab_turn_ms(0);
    lab_expect_silence();
    lab_expect_no_drop();
}

Test(mtu, what_the_underlay_says_the_guest_is_told_with_its_next_packet)
{
    for (unsigned i = 0; i < 3; i++)
        for (unsigned lane = 0; lane < LANES; lane++)
            passes(&lanes[lane], udp(&lanes[lane], 1430));
    lab_expect_cached();
    path_mtu(false, 1400);
    for (unsigned i = 0; i < 3; i++)
        expect_mtu(&lanes[i], (uint16_t)(1400 - lanes[i].overhead));
    passes(&lanes[3], udp(&lanes[3], 1430)); /* another path */
    path_mtu(true, 1380);
    for (unsigned i = 3; i < LANES; i++)
        expect_mtu(&lanes[i], (uint16_t)(1380 - lanes[i].overhead));
    cr_assert_eq(goes_in_pieces(&lanes[0], splittable(&lanes[0], 1450), 1350), 2);
    cr_assert_eq(goes_in_pieces(&lanes[3], splittable(&lanes[3], 1430), 1310), 2);
}

/* The least path of IPv6 has less than 1280 left for what is inside. */
Test(mtu, over_the_least_path_of_ipv6_goes_ipv4_and_little_ipv6)
{
    const struct lane *lane = &lanes[3];
    path_mtu(true, 1280);
    passes(lane, udp(lane, 1210));
    too_big(lane, there(lane), udp(lane, 1211), 1210);
    passes(lane, udp6(lane, 1210));
    lab_refused("vm1", udp6(lane, 1211), "too_big_ip6");
    too_big(lane, there6(lane), udp6(lane, 1300), 1280);
}

Test(mtu, a_path_mtu_is_forgotten_after_ten_minutes)
{
    const struct lane *lane = &lanes[0];
    path_mtu(false, 1300);
    too_big(lane, there(lane), udp(lane, 1400), 1250);
    lab_turn_ms(599000);
    too_big(lane, there(lane), udp(lane, 1400), 1250);
    lab_turn_ms(2000);
    size_t len;
    while (lab_receive("up0", &len) != NULL)
        ; /* questions for neighbours */
    passes(lane, udp(lane, 1400));
}
