/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/packet/checksum.h"
#include "tests/unit/fastpath/frame.h"

#include <criterion/criterion.h>

/* Bytes that are the same in every run (a linear congruential sequence). */
static void fill(uint8_t *at, uint32_t n, uint32_t seed)
{
    for (uint32_t i = 0; i < n; i++) {
        seed = seed * 1664525 + 1013904223;
        at[i] = (uint8_t)(seed >> 24);
    }
}

Test(checksum, example_of_rfc_1071)
{
    static const uint8_t bytes[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
    cr_assert_eq(ntohs(df_checksum(bytes, sizeof(bytes))), 0x220d);
}

Test(checksum, same_as_the_plain_one_at_every_length)
{
    uint8_t bytes[1600];
    fill(bytes, sizeof(bytes), 1);
    for (uint32_t n = 0; n <= sizeof(bytes); n++)
        cr_assert_eq(ntohs(df_checksum(bytes, n)), plain_checksum(bytes, n), "%u bytes", n);
}

Test(checksum, carries_are_brought_round)
{
    static uint8_t ones[65535];
    memset(ones, 0xff, sizeof(ones));
    for (uint32_t n = 1; n <= sizeof(ones); n += 911)
        cr_assert_eq(ntohs(df_checksum(ones, n)), plain_checksum(ones, n), "%u bytes", n);
}

Test(checksum, in_pieces)
{
    uint8_t bytes[101];
    fill(bytes, sizeof(bytes), 2);
    for (uint32_t cut = 0; cut < sizeof(bytes); cut += 2) {
        uint64_t sum = df_checksum_add(df_checksum_add(0, bytes, cut), bytes + cut, (uint32_t)sizeof(bytes) - cut);
        cr_assert_eq(ntohs(df_checksum_finish(sum)), plain_checksum(bytes, sizeof(bytes)), "cut at %u", cut);
    }
}

Test(checksum, right_ones_verify_and_others_do_not)
{
    struct test_frame frame;
    frame_ethernet(&frame);
    frame_ip4(&frame, 17, "192.0.2.1", "198.51.100.7", 0);
    frame_close(&frame);
    cr_assert_eq(df_checksum(frame.byte + frame.ip, 20), 0);
    frame.byte[frame.ip + 13] ^= 0x10;
    cr_assert_neq(df_checksum(frame.byte + frame.ip, 20), 0);
}

Test(checksum, ip6_pseudo_header)
{
    for (uint32_t payload = 0; payload < 64; payload++) {
        struct test_frame frame;
        frame_ethernet(&frame);
        frame_ip6(&frame, 58, 64, "2001:db8::1", "fe80::abcd:1");
        frame_icmp(&frame, 128, 0, payload);
        uint32_t n = frame.len - frame.l4;
        const uint8_t *ip = frame.byte + frame.ip;
        cr_assert_eq(ntohs(df_checksum_ip6(ip + 8, ip + 24, 58, frame.byte + frame.l4, n)),
                     plain_checksum6(ip, frame.byte + frame.l4, n), "%u bytes", n);
    }
}

/* Both zeros of one's complement are the same number; nothing here sums to zero, so they cannot be mixed up. */
Test(checksum, update_is_the_same_as_anew)
{
    uint8_t bytes[40];
    for (uint32_t seed = 0; seed < 1000; seed++) {
        fill(bytes, sizeof(bytes), seed);
        rte_be16_t before = df_checksum(bytes, sizeof(bytes)), from, to;
        memcpy(&from, bytes + 6, 2);
        bytes[6] = (uint8_t)seed;
        bytes[7] = (uint8_t)(seed >> 8);
        memcpy(&to, bytes + 6, 2);
        cr_assert_eq(df_checksum_update(before, from, to), df_checksum(bytes, sizeof(bytes)), "seed %u", seed);
    }
}

/* RFC 1624 section 4: where the equation before it gave ffff. */
Test(checksum, update_example_of_rfc_1624)
{
    cr_assert_eq(df_checksum_update(htons(0xdd2f), htons(0x5555), htons(0x3285)), htons(0x0000));
}
