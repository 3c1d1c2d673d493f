/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scenario/groups.h"

#include <stdio.h>
#include <string.h>

#include "control/model/address.h"
#include "control/trace/words.h"
#include "control/underlay/held.h"
#include "tests/scenario/memory_port.h"

/*
 * The node's own end of the underlay: 192.0.2.1 and 2001:db8:ff::1 on up0, without a word about its neighbours in the
 * configuration. vm1 of models.h is here; far1 (10.1.0.21, 02:00:00:00:01:21) is on node2, which is on link, and far2
 * (10.1.0.22, 02:00:00:00:01:22) on node3, which is behind the gateway 192.0.2.254.
 */

#define US LAB_UNDERLAY_MAC
#define PEER LAB_PEER2_MAC
#define GATEWAY "02:00:00:00:ff:fe"
#define FAR1 "02:00:00:00:01:21"
#define FAR2 "02:00:00:00:01:22"
#define BEHIND "198.51.100.4"
#define ALL "ff:ff:ff:ff:ff:ff"
#define KEY 5001

#define AT(id, mac, ip, chassis)                                                                                       \
    "{'id': '" id "', 'topic': 'red', 'name': '" id "', 'lswitch': 'net1', 'macs': ['" mac "'], 'ips': ['" ip          \
    "'], 'binding': {'type': 'chassis', 'chassis': '" chassis "'}}"
#define MODEL_TUNNELLED                                                                                                \
    "{'lswitch': [{'id': 'net1', 'topic': 'red', 'name': 'net1', 'network_type': 'vxlan', 'segmentation_id': 5001,"    \
    " 'mtu': 1500}],"                                                                                                  \
    " 'lport': [" AT("far1", FAR1, "10.1.0.21", "node2") "," AT(                                                       \
        "far2", FAR2, "10.1.0.22", "node3") "],"                                                                       \
                                            " 'chassis': [{'id': 'node2', 'ip': '" LAB_PEER2                           \
                                            "', 'tunnel_types': ['vxlan']},"                                           \
                                            " {'id': 'node3', 'ip': '" BEHIND "', 'tunnel_types': ['vxlan']}]}"

#define UDP "udp,tp_src=1000,tp_dst=2000"
#define VM1_FAR1 UDP ",dl_src=" MAC1 ",dl_dst=" FAR1 ",nw_src=10.1.0.11,nw_dst=10.1.0.21"
#define VM1_FAR2 UDP ",dl_src=" MAC1 ",dl_dst=" FAR2 ",nw_src=10.1.0.11,nw_dst=10.1.0.22"

#define ARP(op, src, dst, sha, spa, tha, tpa)                                                                          \
    "arp,arp_op=" op ",dl_src=" src ",dl_dst=" dst ",arp_sha=" sha ",arp_spa=" spa ",arp_tha=" tha ",arp_tpa=" tpa
#define NOBODY "00:00:00:00:00:00"
#define ASK(tpa) ARP("1", PEER, ALL, PEER, LAB_PEER2, NOBODY, tpa)
#define STRANGER_ASKS ARP("1", PEER, ALL, PEER, "192.0.2.77", NOBODY, LAB_UNDERLAY_IP)
#define REPLY(mac, spa) ARP("2", mac, US, mac, spa, US, LAB_UNDERLAY_IP)
#define GRATUITOUS(mac, spa) ARP("1", mac, ALL, mac, spa, NOBODY, spa)
#define WE_ASK(tpa) ARP("1", US, ALL, US, LAB_UNDERLAY_IP, NOBODY, tpa)
#define WE_REPLY(tpa) ARP("2", US, PEER, US, LAB_UNDERLAY_IP, PEER, tpa)

static void up_with(const char *exception, uint16_t vlan)
{
    static const char *const local_ips[] = {LAB_UNDERLAY_IP "/24", LAB_UNDERLAY_IP6 "/64", NULL};
    static const char *const gateways[] = {"192.0.2.254", NULL};
    struct df_underlay_config underlay = {
        .port = "up0", .local_ips = local_ips, .gateways = gateways, .exception = exception, .vlan = vlan, .mtu = 1550};
    lab_up_underlay(&underlay);
}

static void forget_up0(void)
{
    struct rte_mbuf *mbuf;
    while ((mbuf = memory_port_take("up0")) != NULL)
        rte_pktmbuf_free(mbuf);
}

static void with_model(void)
{
    lab_turn_ms(LAB_ANNOUNCE_MS);
    forget_up0();
    lab_model(MODEL_NETWORKS);
    lab_model(MODEL_TUNNELLED);
    lab_model(GROUPS(EVERYTHING));
    lab_model(PORTS(VM1_IN("'everything'")));
    lab_turn_ms(0);
    forget_up0();
}

static void up(void)
{
    up_with("", 0);
    with_model();
}

static void down(void)
{
    forget_up0();
    lab_down();
}

TestSuite(underlay, .init = up, .fini = down);
TestSuite(underlay_bare, .fini = down);

/* What came was taken by the controller, and it does what follows from it. */
static void hear(const char *words)
{
    lab_send("up0", words);
    lab_turn_ms(0);
}

/* The next frame at up0 is our advertisement with these flags (RFC 4861 section 4.4). */
static void expect_advertisement(const char *dst_mac, const char *dst, uint8_t flags)
{
    uint8_t wanted[DF_WORDS_FRAME_MAX];
    char words[512];
    size_t len, wanted_len = sizeof(wanted);
    const uint8_t *frame = lab_receive("up0", &len);
    snprintf(words, sizeof(words),
             "icmp6,icmp_type=136,nw_ttl=255,dl_src=" US ",dl_dst=%s,ipv6_src=" LAB_UNDERLAY_IP6
             ",ipv6_dst=%s,nd_target=" LAB_UNDERLAY_IP6 ",nd_tll=" US,
             dst_mac, dst);
    lab_frame(words, wanted, &wanted_len);
    cr_assert_not_null(frame);
    cr_assert_eq(len, wanted_len);
    cr_assert_eq(frame[58], flags, "its flags are %02x", frame[58]);
    wanted[58] = flags; /* and the checksum in front hangs on them */
    memcpy(wanted + 56, frame + 56, 2);
    cr_assert_eq(memcmp(frame, wanted, len), 0);
}

/* The next frame at up0 says that we listen to ff02::1:ff00:1 (tests/unit/control/underlay_mld.c has all of its bytes). */
static void expect_report(uint8_t type, uint8_t record)
{
    static const uint8_t group[16] = {0xff, 0x02, [11] = 1, [12] = 0xff, [15] = 1};
    size_t len;
    const uint8_t *frame = lab_receive("up0", &len);
    cr_assert_not_null(frame, "no report");
    cr_assert_eq(len, type == 143 ? 90 : 86);
    cr_assert_eq(frame[62], type);
    if (type == 143)
        cr_assert_eq(frame[70], record);
    cr_assert_eq(memcmp(frame + len - 16, group, 16), 0);
}

/* ---- It says who it is */

Test(underlay_bare, it_says_which_addresses_it_has_and_asks_for_its_peers)
{
    up_with("", 0);
    for (unsigned i = 0; i < 2; i++) {
        lab_turn_ms(i == 0 ? 0 : LAB_ANNOUNCE_MS);
        lab_expect("up0", ARP("1", US, ALL, US, LAB_UNDERLAY_IP, NOBODY, LAB_UNDERLAY_IP));
        expect_report(143, 4);
        expect_advertisement("33:33:00:00:00:01", "ff02::1", 0x20);
        lab_expect_silence();
    }
    lab_model(MODEL_NETWORKS);
    lab_model(MODEL_TUNNELLED);
    lab_turn_ms(0);
    size_t len;
    unsigned n = 0;
    while (lab_receive("up0", &len) != NULL)
        n++;
    cr_assert_eq(n, 2, "one is on link, and one behind the gateway");
}

/* ---- It answers */

Test(underlay, arp_for_its_address_is_answered_and_for_others_is_not)
{
    hear(REPLY(PEER, LAB_PEER2));
    hear(ASK(LAB_UNDERLAY_IP));
    lab_expect("up0", WE_REPLY(LAB_PEER2));
    hear(ARP("1", PEER, ALL, PEER, "0.0.0.0", NOBODY, LAB_UNDERLAY_IP)); /* RFC 5227: is it free? */
    lab_expect("up0", WE_REPLY("0.0.0.0"));
    hear(ARP("1", PEER, US, PEER, LAB_PEER2, NOBODY, LAB_UNDERLAY_IP));
    lab_expect("up0", WE_REPLY(LAB_PEER2));
    lab_expect_no_drop();
    lab_refused("up0", ASK("192.0.2.9"), "underlay_other");
    lab_refused("up0", ARP("1", PEER, "02:00:00:00:ff:09", PEER, LAB_PEER2, NOBODY, LAB_UNDERLAY_IP), "underlay_other");
}

#define SOLICITATION(dst_mac, src, dst, target, more)                                                                  \
    "icmp6,icmp_type=135,nw_ttl=255,dl_src=" PEER ",dl_dst=" dst_mac ",ipv6_src=" src ",ipv6_dst=" dst                 \
    ",nd_target=" target more

Test(underlay, a_solicitation_for_its_address_is_answered_and_a_probe_for_a_duplicate)
{
    lab_send("up0",
             SOLICITATION("33:33:ff:00:00:01", LAB_PEER2_IP6, "ff02::1:ff00:1", LAB_UNDERLAY_IP6, ",nd_sll=" PEER));
    expect_advertisement(PEER, LAB_PEER2_IP6, 0x60);
    lab_send("up0", SOLICITATION("33:33:ff:00:00:01", "::", "ff02::1:ff00:1", LAB_UNDERLAY_IP6, ""));
    expect_advertisement("33:33:00:00:00:01", "ff02::1", 0x20);
    lab_expect_no_drop();
    lab_refused("up0", SOLICITATION("33:33:ff:00:00:09", LAB_PEER2_IP6, "ff02::1:ff00:9", "2001:db8:ff::9", ""),
                "underlay_other");
}

/* A querier asks: MLDv2 with 28 bytes, MLDv1 with 24; to be answered at once. The checksum is for these. */
static void send_query(unsigned message_len, uint8_t hop_limit)
{
    uint8_t frame[14 + 48 + 28] = {0x33, 0x33, [5] = 1, [6] = 2, [11] = 9, [12] = 0x86, [13] = 0xdd, [14] = 0x60};
    uint8_t *ip = frame + 14, *message = ip + 48;
    ip[5] = (uint8_t)(8 + message_len);
    ip[7] = hop_limit;
    memcpy(ip + 8, (const uint8_t[]){0xfe, 0x80, [15] = 9}, 16);
    memcpy(ip + 24, (const uint8_t[]){0xff, 0x02, [15] = 1}, 16);
    memcpy(ip + 40, (const uint8_t[]){58, 0, 5, 2, 0, 0, 1, 0}, 8);
    message[0] = 130;
    uint32_t sum = 0xfe80 + 9 + 0xff02 + 1 + 58 + message_len + 0x8200;
    sum = (sum & 0xffff) + (sum >> 16);
    message[2] = (uint8_t)(~sum >> 8);
    message[3] = (uint8_t)~sum;
    lab_send_bytes("up0", frame, 14 + 48 + message_len);
    lab_turn_ms(0);
}

Test(underlay, a_querier_is_told_that_it_listens_for_solicitations)
{
    send_query(28, 1);
    expect_report(143, 2);
    lab_expect_silence();
    send_query(24, 1);
    expect_report(131, 0);
    lab_expect_silence();
    lab_expect_no_drop();
    send_query(28, 2);
    lab_expect_silence();
    lab_expect_drop("underlay_other", 1);
}

Test(underlay, many_queries_are_not_for_the_controller)
{
    unsigned answered = 0;
    for (unsigned i = 0; i < 100; i++) {
        size_t len;
        send_query(28, 1);
        answered += lab_receive("up0", &len) != NULL;
    }
    cr_assert_lt(answered, 50);
    lab_expect_drop("rate_punt", 100 - answered);
    hear(ASK(LAB_UNDERLAY_IP)); /* what others ask goes on */
    lab_expect("up0", WE_REPLY(LAB_PEER2));
}

#define ECHO(dst) "icmp,icmp_type=8,len=56,dl_src=" PEER ",dl_dst=" US ",nw_src=" LAB_PEER2 ",nw_dst=" dst

Test(underlay, ping_is_answered)
{
    lab_send("up0", ECHO(LAB_UNDERLAY_IP));
    lab_expect("up0",
               "icmp,icmp_type=0,len=56,dl_src=" US ",dl_dst=" PEER ",nw_src=" LAB_UNDERLAY_IP ",nw_dst=" LAB_PEER2);
    lab_expect_no_drop();
    lab_refused("up0", ECHO("192.0.2.9"), "underlay_other");
    lab_refused("up0",
                "udp,tp_src=1,tp_dst=53,dl_src=" PEER ",dl_dst=" US ",nw_src=" LAB_PEER2 ",nw_dst=" LAB_UNDERLAY_IP,
                "underlay_other");
}

Test(underlay, pings_do_not_keep_arp_from_being_answered)
{
    unsigned answered = 0;
    for (unsigned i = 0; i < 200; i++) {
        size_t len;
        lab_send("up0", ECHO(LAB_UNDERLAY_IP));
        answered += lab_receive("up0", &len) != NULL;
    }
    cr_assert_lt(answered, 200);
    lab_expect_drop("rate_answer", 200 - answered);
    lab_send("up0", ASK(LAB_UNDERLAY_IP));
    lab_expect("up0", WE_REPLY(LAB_PEER2));
}

/* ---- It resolves */

Test(underlay, packets_wait_for_the_mac_and_go_when_it_is_known)
{
    lab_send("vm1", VM1_FAR1);
    lab_send("vm1", VM1_FAR1);
    lab_expect_silence();
    lab_expect_no_drop();
    hear(REPLY(PEER, LAB_PEER2));
    lab_expect_tunnel(LAB_PEER2, KEY, VM1_FAR1);
    lab_expect_tunnel(LAB_PEER2, KEY, VM1_FAR1);
    lab_expect_silence();
    lab_expect_no_drop();
    lab_send("vm1", VM1_FAR1);
    lab_expect_tunnel(LAB_PEER2, KEY, VM1_FAR1);
}

/* The first 12 bytes of the next frame at up0. */
static void expect_macs(const char *dst, const char *src)
{
    struct df_mac wanted[2];
    size_t len;
    const uint8_t *frame = lab_receive("up0", &len);
    cr_assert_not_null(frame);
    df_mac_parse(dst, &wanted[0]);
    df_mac_parse(src, &wanted[1]);
    cr_assert_eq(memcmp(frame, wanted, sizeof(wanted)), 0);
}

Test(underlay, who_is_not_on_link_is_reached_by_the_gateway)
{
    lab_send("vm1", VM1_FAR2);
    lab_expect_silence();
    hear(REPLY(GATEWAY, "192.0.2.254"));
    expect_macs(GATEWAY, US);
    lab_expect_silence();
    lab_expect_no_drop();
}

Test(underlay, only_so_many_wait)
{
    for (unsigned i = 0; i < DF_HELD_PER_PEER; i++)
        lab_send("vm1", VM1_FAR1);
    lab_expect_no_drop();
    lab_send("vm1", VM1_FAR1);
    lab_expect_drop("resolve_queue_full", 1);
    for (unsigned i = 0; i < 50; i++)
        lab_send("vm1", VM1_FAR1);
    lab_expect_drop("peer_unresolved", 50); /* the worker does not trouble the controller with them */
    cr_assert_eq(lab_port_drops("vm1", "resolve_queue_full"), 1);
    cr_assert_eq(lab_port_drops("vm1", "peer_unresolved"), 50);
}

Test(underlay, what_waits_for_nobody_is_dropped_by_name)
{
    lab_send("vm1", VM1_FAR1);
    for (unsigned i = 0; i < 40; i++)
        lab_turn_ms(100);
    lab_expect("up0", WE_ASK(LAB_PEER2));
    forget_up0();
    lab_expect_drop("resolve_failed", 1);
    lab_refused("vm1", VM1_FAR1, "resolve_failed");
    hear(REPLY(PEER, LAB_PEER2));
    lab_send("vm1", VM1_FAR1);
    forget_up0();
    lab_send("vm1", VM1_FAR1);
    lab_expect_tunnel(LAB_PEER2, KEY, VM1_FAR1);
    lab_expect_no_drop();
}

/* ---- Who asks says who it is */

#define MOVED "02:00:00:00:ff:22"
#define ASK_FROM(mac) ARP("1", mac, ALL, mac, LAB_PEER2, NOBODY, LAB_UNDERLAY_IP)

Test(underlay, a_peer_that_was_not_there_is_known_when_it_asks)
{
    for (unsigned i = 0; i < 40; i++)
        lab_turn_ms(100);
    forget_up0();
    lab_refused("vm1", VM1_FAR1, "resolve_failed");
    hear(ASK_FROM(PEER));
    lab_expect("up0", WE_REPLY(LAB_PEER2));
    forget_up0();
    lab_send("vm1", VM1_FAR1);
    lab_expect_tunnel(LAB_PEER2, KEY, VM1_FAR1);
    lab_expect_no_drop();
}

Test(underlay, a_peer_with_another_mac_is_followed_when_it_asks)
{
    hear(REPLY(PEER, LAB_PEER2));
    forget_up0();
    hear(ASK_FROM(MOVED));
    forget_up0();
    lab_send("vm1", VM1_FAR1);
    expect_macs(MOVED, US);
    lab_expect_no_drop();
}

Test(underlay, a_peer_s_solicitation_says_who_it_is)
{
    lab_model("{'chassis': [{'id': 'node2', 'ip': '" LAB_PEER2_IP6 "', 'tunnel_types': ['vxlan']}]}");
    lab_turn_ms(0);
    forget_up0();
    hear(SOLICITATION("33:33:ff:00:00:01", LAB_PEER2_IP6, "ff02::1:ff00:1", LAB_UNDERLAY_IP6, ""));
    forget_up0();
    lab_send("vm1", VM1_FAR1);
    lab_expect_silence();
    hear(SOLICITATION("33:33:ff:00:00:01", LAB_PEER2_IP6, "ff02::1:ff00:1", LAB_UNDERLAY_IP6, ",nd_sll=" PEER));
    expect_advertisement(PEER, LAB_PEER2_IP6, 0x60);
    forget_up0();
    lab_send("vm1", VM1_FAR1);
    expect_macs(PEER, US);
    lab_expect_no_drop();
}

static json_int_t counter(const char *name)
{
    struct df_error error;
    json_t *report = df_controller_report(lab_controller(), "underlay", NULL, &error);
    json_int_t value = json_integer_value(json_object_get(report, name));
    json_decref(report);
    return value;
}

Test(underlay, what_nobody_asked_for_is_not_learnt_and_does_not_get_to_the_controller)
{
    char words[512];
    hear(REPLY(PEER, LAB_PEER2));
    json_int_t answers = counter("answers");
    for (unsigned i = 0; i < 200; i++) {
        snprintf(words, sizeof(words), GRATUITOUS("02:00:00:00:ff:66", "203.0.113.%u"), i, i);
        lab_send("up0", words);
    }
    lab_turn_ms(0);
    lab_expect_drop("underlay_other", 200);
    cr_assert_eq(counter("answers"), answers);
    cr_assert_eq(counter("unasked"), 0);
    lab_send("vm1", VM1_FAR1);
    lab_expect_tunnel(LAB_PEER2, KEY, VM1_FAR1);
}

/* As thousands do, again and again. */
Test(underlay, a_peer_that_is_known_and_asks_does_not_get_to_the_controller)
{
    hear(REPLY(PEER, LAB_PEER2));
    json_int_t answers = counter("answers");
    for (unsigned i = 0; i < 2; i++)
        hear(ASK(LAB_UNDERLAY_IP));
    cr_assert_eq(counter("answers"), answers);
    for (unsigned i = 0; i < 2; i++)
        hear(STRANGER_ASKS);
    cr_assert_eq(counter("unasked"), 0);
    lab_expect_no_drop();
    forget_up0();
}

Test(underlay, a_gateway_that_takes_over_is_followed_at_once)
{
    hear(REPLY(GATEWAY, "192.0.2.254"));
    lab_send("vm1", VM1_FAR2);
    expect_macs(GATEWAY, US);
    hear(GRATUITOUS("02:00:5e:00:01:01", "192.0.2.254"));
    forget_up0();
    lab_send("vm1", VM1_FAR2);
    expect_macs("02:00:5e:00:01:01", US);
    lab_expect_no_drop();
}

Test(underlay, a_flood_of_announcements_leaves_room_for_what_guests_have_to_say)
{
    for (unsigned i = 0; i < 300; i++)
        lab_send("up0", GRATUITOUS(PEER, LAB_PEER2));
    lab_turn_ms(0);
    cr_assert_gt(counter("answers"), 0);
    uint64_t before = lab_port_drops("vm1", "peer_unresolved");
    lab_send("vm1", VM1_FAR2);
    cr_assert_eq(lab_port_drops("vm1", "peer_unresolved"), before);
    cr_assert_eq(counter("waiting"), 1);
}

/* ---- VLAN */

Test(underlay_bare, with_a_vlan_its_tag_is_on_all_and_what_has_another_is_not_for_us)
{
    up_with("", 100);
    lab_turn_ms(0);
    lab_expect("up0", ARP("1", US, ALL, US, LAB_UNDERLAY_IP, NOBODY, LAB_UNDERLAY_IP) ",dl_vlan=100");
    with_model();
    lab_send("up0", STRANGER_ASKS ",dl_vlan=100");
    lab_expect("up0", WE_REPLY("192.0.2.77") ",dl_vlan=100");
    lab_expect_no_drop();
    lab_refused("up0", ASK(LAB_UNDERLAY_IP), "underlay_other");
    lab_refused("up0", ASK(LAB_UNDERLAY_IP) ",dl_vlan=101", "underlay_other");
    hear(REPLY(PEER, LAB_PEER2));
    lab_expect_drop("underlay_other", 1);
    lab_send("vm1", VM1_FAR1);
    lab_expect_silence();
    hear(REPLY(PEER, LAB_PEER2) ",dl_vlan=100");
    expect_macs(PEER, US);
    lab_expect_no_drop();
}

Test(underlay, without_a_vlan_a_tag_is_not_for_us_but_a_priority_is)
{
    lab_refused("up0", ASK(LAB_UNDERLAY_IP) ",dl_vlan=100", "underlay_other");
    lab_send("up0", ASK(LAB_UNDERLAY_IP) ",dl_vlan=0,dl_vlan_pcp=5");
    lab_expect("up0", WE_REPLY(LAB_PEER2) ",dl_vlan=0,dl_vlan_pcp=5");
    lab_expect_no_drop();
}

/* ---- The host */

Test(underlay_bare, what_is_no_tunnel_s_and_not_answered_is_the_host_s_as_it_is)
{
    up_with("host0", 0);
    with_model();
    lab_passes("up0", ECHO(LAB_UNDERLAY_IP), "host0");
    lab_passes("up0", ASK("192.0.2.9"), "host0");
    lab_passes("up0", ASK("192.0.2.9") ",dl_vlan=100", "host0");
    lab_passes("up0",
               "tcp,tcp_flags=syn,tp_src=1000,tp_dst=22,dl_src=" PEER ",dl_dst=" US
               ",nw_src=203.0.113.9,nw_dst=192.0.2.1",
               "host0");
    lab_passes("up0", SOLICITATION("33:33:ff:00:00:09", LAB_PEER2_IP6, "ff02::1:ff00:9", "2001:db8:ff::9", ""),
               "host0");
    lab_passes("host0", ARP("1", US, ALL, US, LAB_UNDERLAY_IP, NOBODY, "192.0.2.3"), "up0");
    lab_passes("host0", ECHO("198.51.100.9") ",dl_vlan=7", "up0");
    lab_refused("up0", ARP("1", PEER, "02:00:00:00:ff:09", PEER, LAB_PEER2, NOBODY, "192.0.2.9"), "underlay_other");
}

Test(underlay_bare, exactly_one_answers_and_both_hear_answers)
{
    up_with("host0", 0);
    with_model();
    lab_send("up0", ASK(LAB_UNDERLAY_IP));
    lab_expect("up0", WE_REPLY(LAB_PEER2));
    lab_expect_silence();
    lab_send("up0", SOLICITATION("33:33:ff:00:00:01", LAB_PEER2_IP6, "ff02::1:ff00:1", LAB_UNDERLAY_IP6, ""));
    expect_advertisement(PEER, LAB_PEER2_IP6, 0x60);
    lab_expect_silence();
    lab_send("vm1", VM1_FAR1);
    hear(REPLY(PEER, LAB_PEER2));
    lab_expect_tunnel(LAB_PEER2, KEY, VM1_FAR1);
    lab_expect("host0", REPLY(PEER, LAB_PEER2));
    lab_passes("up0", REPLY(PEER, "192.0.2.77"), "host0");
}

Test(underlay_bare, the_host_s_traffic_has_a_limit_and_tunnels_go_on)
{
    unsigned passed = 0;
    up_with("host0", 0);
    with_model();
    hear(REPLY(PEER, LAB_PEER2));
    forget_up0();
    lab_turn_ms(1000);
    forget_up0();
    while (memory_port_count("host0") != 0)
        rte_pktmbuf_free(memory_port_take("host0"));
    for (unsigned i = 0; i < 400; i++) {
        size_t len;
        lab_send("up0", ECHO(LAB_UNDERLAY_IP));
        passed += lab_receive("host0", &len) != NULL;
    }
    cr_assert(passed > 0 && passed < 400, "%u passed", passed);
    lab_expect_drop("rate_exception", 400 - passed);
    lab_send("vm1", VM1_FAR1);
    lab_expect_tunnel(LAB_PEER2, KEY, VM1_FAR1);
    lab_send("host0", ECHO("198.51.100.9"));
    lab_expect("up0", ECHO("198.51.100.9"));
}
