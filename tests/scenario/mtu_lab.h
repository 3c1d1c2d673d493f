/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "control/trace/words.h"
#include "tests/scenario/lab.h"
#include "tests/unit/fastpath/frame.h"

/* Packets of a length, and what becomes of them in pieces: for the tests of MTUs. IPv4 without tags. */

#define MTU_IP 14 /* of a frame without a tag */

/* A UDP packet of ip_len bytes for the rest of the words, which are an array. */
#define UDP_OF(ip_len, rest) mtu_words("udp,tp_src=1000,tp_dst=2000,len=%u" rest, (unsigned)(ip_len)-28) /* IPv4, UDP */
#define UDP6_OF(ip_len, rest) mtu_words("udp6,tp_src=1000,tp_dst=2000,len=%u" rest, (unsigned)(ip_len)-48)

/* One of four texts, so that two can be in a line. */
static inline const char *mtu_words(const char *format, unsigned len)
{
    static char text[4][512];
    static unsigned next;
    char *words = text[next++ % 4];
    snprintf(words, sizeof(text[0]), format, len);
    return words;
}

/* The frame of these words with a payload of which no two parts are alike. */
static inline void mtu_frame(const char *words, uint8_t *frame, size_t *len)
{
    lab_frame(words, frame, len);
    size_t start = MTU_IP + (frame[MTU_IP] & 0xfu) * 4u + 8;
    for (size_t i = start; i < *len; i++)
        frame[i] = (uint8_t)(i * 7 + (i >> 8) * 13);
}

static inline void mtu_ip_checksum(uint8_t *ip)
{
    uint32_t header = (ip[0] & 0xfu) * 4;
    ip[10] = ip[11] = 0;
    uint32_t sum = plain_checksum(ip, header);
    ip[10] = (uint8_t)(sum >> 8);
    ip[11] = (uint8_t)sum;
}

/* What a datagram is put together from again. */
struct mtu_pieces {
    uint8_t payload[65536];
    size_t len;     /* bytes that are there, from the first one on */
    unsigned n;     /* pieces */
    bool more;      /* of the last one */
    size_t longest; /* IP packet */
};

/* The next piece, a frame of IPv4, behind those that are there. Its header but for what makes it a piece is like's. */
static inline void mtu_add(struct mtu_pieces *pieces, const uint8_t *frame, size_t len, const uint8_t *like)
{
    const uint8_t *ip = frame + MTU_IP;
    size_t header = (ip[0] & 0xfu) * 4u, total = frame_get16(ip + 2);
    unsigned fragment = frame_get16(ip + 6);
    size_t first = (frame_get16(like + MTU_IP + 6) & 0x1fffu) * 8u;
    cr_assert_arr_eq(frame, like, MTU_IP);
    cr_assert_eq(len, MTU_IP + total);
    cr_assert_eq(plain_checksum(ip, (uint32_t)header), 0, "header checksum of piece %u", pieces->n);
    cr_assert_eq(fragment & 0xc000, 0, "piece %u has flags %x", pieces->n, fragment >> 13);
    cr_assert_eq((fragment & 0x1fffu) * 8u, first + pieces->len, "piece %u is at %u, not %zu", pieces->n,
                 (fragment & 0x1fffu) * 8u, first + pieces->len);
    cr_assert_eq(frame_get16(ip + 4), frame_get16(like + MTU_IP + 4), "identification");
    cr_assert_eq(ip[1], like[MTU_IP + 1], "TOS");
    cr_assert_arr_eq(ip + 8, like + MTU_IP + 8, 2, "TTL and protocol");
    cr_assert_arr_eq(ip + 12, like + MTU_IP + 12, 8, "addresses");
    cr_assert(pieces->n == 0 || pieces->more);
    pieces->more = fragment & 0x2000;
    cr_assert(!pieces->more || (total - header) % 8 == 0);
    memcpy(pieces->payload + pieces->len, ip + header, total - header);
    pieces->len += total - header;
    pieces->n++;
    pieces->longest = total > pieces->longest ? total : pieces->longest;
}

/* They are all of this packet, each at most mtu bytes long, and no more of them than need be. */
static inline void mtu_expect_whole(const struct mtu_pieces *pieces, const uint8_t *frame, size_t len, uint16_t mtu)
{
    const uint8_t *ip = frame + MTU_IP;
    size_t header = (ip[0] & 0xfu) * 4u, payload = len - MTU_IP - header, room = (mtu - header) & ~(size_t)7;
    cr_assert_eq(pieces->len, payload, "%zu bytes of payload, not %zu", pieces->len, payload);
    cr_assert_arr_eq(pieces->payload, ip + header, payload);
    cr_assert_leq(pieces->longest, mtu);
    cr_assert_eq(pieces->n, (payload + room - 1) / room, "%u pieces", pieces->n);
    cr_assert_eq(pieces->more, (frame_get16(ip + 6) & 0x2000) != 0, "more fragments");
}
