/* SPDX-License-Identifier: Apache-2.0 */
#include "control/underlay/frames.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "control/model/address.h"
#include "underlay_bytes.h"

/* What the node says on its underlay, byte by byte, and what it makes of what others say. */

static struct df_frames_self self = {.mac = {{2, 0, 0, 0, 0xff, 1}}};

static struct df_ip ip_of(const char *text)
{
    struct df_ip ip;
    cr_assert_eq(df_ip_parse(text, &ip), 0);
    return ip;
}

static void up(void)
{
    self.ip4 = ip_of("192.0.2.1");
    self.ip6 = ip_of("2001:db8::1");
    self.vlan = 0;
}

TestSuite(underlay_frames, .init = up);

/* ---- What it says */

#define ARP_HEAD "0001 0800 06 04 "
#define SELF "02000000ff01"

Test(underlay_frames, arp_asks_all_or_one)
{
    uint8_t frame[DF_FRAMES_MAX];
    struct df_ip target = ip_of("192.0.2.2");
    struct df_mac to = {{2, 0, 0, 0, 0xff, 2}};
    expect_bytes(frame, df_frames_ask(frame, &self, &target, NULL),
                 "ffffffffffff " SELF " 0806 " ARP_HEAD "0001 " SELF " c0000201 000000000000 c0000202");
    expect_bytes(frame, df_frames_ask(frame, &self, &target, &to),
                 "02000000ff02 " SELF " 0806 " ARP_HEAD "0001 " SELF " c0000201 000000000000 c0000202");
    self.vlan = 100;
    expect_bytes(frame, df_frames_ask(frame, &self, &target, NULL),
                 "ffffffffffff " SELF " 8100 0064 0806 " ARP_HEAD "0001 " SELF " c0000201 000000000000 c0000202");
}

#define OUR_IP6 "20010db8000000000000000000000001"
#define PEER_IP6 "20010db8000000000000000000000002"

Test(underlay_frames, a_solicitation_asks_the_group_of_the_address_or_one)
{
    uint8_t frame[DF_FRAMES_MAX];
    struct df_ip target = ip_of("2001:db8::a:b0c");
    struct df_mac to = {{2, 0, 0, 0, 0xff, 2}};
    expect_bytes(frame, df_frames_ask(frame, &self, &target, NULL),
                 "3333ff0a0b0c " SELF " 86dd 60000000 0020 3a ff " OUR_IP6 " ff0200000000000000000001ff0a0b0c "
                 "87 00 06fe 00000000 20010db80000000000000000000a0b0c 01 01 " SELF);
    expect_bytes(frame, df_frames_ask(frame, &self, &target, &to),
                 "02000000ff02 " SELF " 86dd 60000000 0020 3a ff " OUR_IP6 " 20010db80000000000000000000a0b0c "
                 "87 00 d749 00000000 20010db80000000000000000000a0b0c 01 01 " SELF);
}

Test(underlay_frames, it_announces_its_addresses_to_all)
{
    uint8_t frame[DF_FRAMES_MAX];
    expect_bytes(frame, df_frames_announce(frame, &self, &self.ip4),
                 "ffffffffffff " SELF " 0806 " ARP_HEAD "0001 " SELF " c0000201 000000000000 c0000201");
    self.vlan = 7;
    expect_bytes(frame, df_frames_announce(frame, &self, &self.ip6),
                 "333300000001 " SELF " 8100 0007 86dd 60000000 0020 3a ff " OUR_IP6
                 " ff020000000000000000000000000001 "
                 "88 00 fa29 20000000 " OUR_IP6 " 02 01 " SELF);
}

/* ---- Who has an address */

static bool read_answer(const char *hex, struct df_frames_answer *answer)
{
    uint8_t frame[256];
    uint32_t len = bytes_of(hex, frame);
    return df_frames_read_answer(frame, len, &self, answer);
}

#define PEER "02000000ff02"
#define ARP_REPLY(to, sha, spa, tpa) to " " PEER " 0806 " ARP_HEAD "0002 " sha " " spa " " SELF " " tpa

Test(underlay_frames, an_arp_reply_to_this_node_is_an_answer)
{
    struct df_frames_answer answer;
    struct df_ip peer = ip_of("192.0.2.2");
    cr_assert(read_answer(ARP_REPLY(SELF, PEER, "c0000202", "c0000201"), &answer));
    cr_assert(df_ip_equal(&answer.ip, &peer));
    cr_assert_eq(answer.mac.byte[5], 2);
    cr_assert(answer.solicited && answer.override);
    cr_assert(read_answer(ARP_REPLY("ffffffffffff", PEER, "c0000202", "c0000202"), &answer));
    cr_assert(!answer.solicited && answer.override, "it says so without being asked");
    cr_assert(read_answer(ARP_REPLY(SELF, PEER, "c0000202", "c0000209"), &answer));
    cr_assert_not(answer.solicited, "another asked");
}

Test(underlay_frames, what_cannot_be_a_station_or_is_this_node_is_no_answer)
{
    struct df_frames_answer answer;
    cr_assert_not(read_answer(ARP_REPLY(SELF, "ffffffffffff", "c0000202", "c0000201"), &answer));
    cr_assert_not(read_answer(ARP_REPLY(SELF, "000000000000", "c0000202", "c0000201"), &answer));
    cr_assert_not(read_answer(ARP_REPLY(SELF, SELF, "c0000202", "c0000201"), &answer));
    cr_assert_not(read_answer(SELF " " PEER " 0806 " ARP_HEAD "0002 " PEER " c0000202 " SELF " c00002", &answer));
    cr_assert_not(read_answer("", &answer));
}

#define ADVERTISEMENT(len, rest) SELF " " PEER " 86dd 60000000 " len " 3a ff " PEER_IP6 " " OUR_IP6 " " rest

Test(underlay_frames, an_advertisement_is_an_answer_with_its_flags)
{
    struct df_frames_answer answer;
    struct df_ip peer = ip_of("2001:db8::2");
    cr_assert(read_answer(ADVERTISEMENT("0020", "88008b7060000000 " PEER_IP6 " 0201 " PEER), &answer));
    cr_assert(df_ip_equal(&answer.ip, &peer));
    cr_assert_eq(answer.mac.byte[5], 2);
    cr_assert(answer.solicited && answer.override);
    cr_assert(read_answer(ADVERTISEMENT("0020", "8800ab7040000000 " PEER_IP6 " 0201 " PEER), &answer));
    cr_assert(answer.solicited && !answer.override);
    cr_assert(read_answer(ADVERTISEMENT("0018", "8800ae7c40000000 " PEER_IP6), &answer));
    cr_assert_eq(answer.mac.byte[5], 0, "it does not say its MAC");
    cr_assert_not(read_answer(ADVERTISEMENT("0020", "88008b7160000000 " PEER_IP6 " 0201 " PEER), &answer), "checksum");
}

Test(underlay_frames, who_asks_says_who_it_is)
{
    struct df_frames_answer answer;
    struct df_ip peer = ip_of("2001:db8::2");
    cr_assert(read_answer(ADVERTISEMENT("0020", "8700ed7100000000 " OUR_IP6 " 0101 " PEER), &answer));
    cr_assert(df_ip_equal(&answer.ip, &peer));
    cr_assert_eq(answer.mac.byte[5], 2);
    cr_assert(!answer.solicited && answer.override);
    cr_assert_not(read_answer(ADVERTISEMENT("0018", "8700ef7d00000000 " OUR_IP6), &answer), "without its MAC");
}

/* ---- Too long packets */

/* RFC 1071 as it is written. */
static unsigned checksum(const uint8_t *at, uint32_t len, uint32_t sum)
{
    for (uint32_t i = 0; i < len; i++)
        sum += i % 2 ? at[i] : (uint32_t)at[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return ~sum & 0xffff;
}

static void put16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

/* An error of 192.0.2.254 that quotes a VXLAN packet of 1500 bytes; both checksums right. */
static uint32_t too_big4(uint8_t *frame, const char *mtu, const char *quoted_src)
{
    char hex[512];
    snprintf(hex, sizeof(hex),
             SELF " 02000000fffe 0800 4500 0038 0000 0000 40 01 0000 c00002fe c0000201 03 04 0000 0000 %s "
                  "4500 05dc 0000 4000 3f 11 0000 %s c6336404 c350 12b5 05c8 0000",
             mtu, quoted_src);
    uint32_t len = bytes_of(hex, frame);
    put16(frame + 24, checksum(frame + 14, 20, 0));
    put16(frame + 36, checksum(frame + 34, len - 34, 0));
    return len;
}

Test(underlay_frames, fragmentation_needed_tells_the_mtu_of_the_path)
{
    uint8_t frame[256];
    struct df_frames_too_big too_big;
    struct df_ip peer = ip_of("198.51.100.4");
    uint32_t len = too_big4(frame, "0514", "c0000201");
    cr_assert(df_frames_read_too_big(frame, len, &self, &too_big));
    cr_assert(df_ip_equal(&too_big.peer, &peer));
    cr_assert_eq(too_big.mtu, 1300);
    len = too_big4(frame, "0044", "c0000201");
    cr_assert(df_frames_read_too_big(frame, len, &self, &too_big));
    cr_assert_eq(too_big.mtu, 576, "not below the least");
    len = too_big4(frame, "0000", "c0000201");
    cr_assert(df_frames_read_too_big(frame, len, &self, &too_big));
    cr_assert_eq(too_big.mtu, 1492, "an old router: the next below 1500 of RFC 1191");
}

Test(underlay_frames, an_error_about_another_s_packet_or_a_wrong_one_tells_nothing)
{
    uint8_t frame[256];
    struct df_frames_too_big too_big;
    uint32_t len = too_big4(frame, "0514", "c0000209");
    cr_assert_not(df_frames_read_too_big(frame, len, &self, &too_big), "not sent by this node");
    len = too_big4(frame, "0514", "c0000201");
    frame[36] ^= 1;
    cr_assert_not(df_frames_read_too_big(frame, len, &self, &too_big), "checksum");
    frame[36] ^= 1;
    frame[35] = 3; /* port unreachable, and its checksum */
    frame[37] = (uint8_t)(frame[37] + 1);
    cr_assert_not(df_frames_read_too_big(frame, len, &self, &too_big));
    for (uint32_t cut = 0; cut < len; cut++)
        cr_assert_not(df_frames_read_too_big(frame, cut, &self, &too_big));
}

static uint32_t too_big6(uint8_t *frame, const char *mtu)
{
    char hex[512];
    uint8_t pseudo[40] = {[35] = 64, [39] = 58};
    snprintf(hex, sizeof(hex),
             SELF " 02000000fffe 86dd 60000000 0040 3a 40 20010db80000000000000000000000fe " OUR_IP6 " 02 00 0000 %s "
                  "60000000 05b4 11 3f " OUR_IP6 " " PEER_IP6 " c350 12b5 05b4 0000 0800000000000000",
             mtu);
    uint32_t len = bytes_of(hex, frame);
    memcpy(pseudo, frame + 22, 32);
    put16(frame + 56, checksum(frame + 54, len - 54, ~checksum(pseudo, 40, 0) & 0xffff));
    return len;
}

Test(underlay_frames, packet_too_big_tells_the_mtu_of_the_path)
{
    uint8_t frame[256];
    struct df_frames_too_big too_big;
    struct df_ip peer = ip_of("2001:db8::2");
    uint32_t len = too_big6(frame, "00000578");
    cr_assert(df_frames_read_too_big(frame, len, &self, &too_big));
    cr_assert(df_ip_equal(&too_big.peer, &peer));
    cr_assert_eq(too_big.mtu, 1400);
    len = too_big6(frame, "00000044");
    cr_assert(df_frames_read_too_big(frame, len, &self, &too_big));
    cr_assert_eq(too_big.mtu, 1280);
    len = too_big6(frame, "ffffffff");
    cr_assert(df_frames_read_too_big(frame, len, &self, &too_big));
    cr_assert_eq(too_big.mtu, 65535);
    frame[60] ^= 1;
    cr_assert_not(df_frames_read_too_big(frame, len, &self, &too_big), "checksum");
}
