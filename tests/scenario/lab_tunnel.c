/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scenario/lab.h"

#include <arpa/inet.h>
#include <string.h>

#include "control/model/address.h"
#include "control/trace/words.h"

/*
 * Tunnels of the lab: outer headers made by hand (RFC 7348 section 5, RFC 8926 section 3.1, RFC 2890 section 2), for
 * what comes and what is expected to go.
 */

#define ENTROPY 50505 /* of the peers */

static const struct lab_way vxlan = {.type = "vxlan"};

static bool is_gre(const struct lab_way *way)
{
    return strcmp(way->type, "gre") == 0;
}

static bool is_geneve(const struct lab_way *way)
{
    return strcmp(way->type, "geneve") == 0;
}

size_t lab_way_ip(const struct lab_way *way)
{
    return way->vlan != 0 ? 18 : 14;
}

size_t lab_way_l4(const struct lab_way *way)
{
    return lab_way_ip(way) + (way->ip6 ? 40 : 20);
}

size_t lab_way_len(const struct lab_way *way)
{
    return lab_way_l4(way) + (is_gre(way) ? 8 : 16);
}

static void put16(uint8_t *at, unsigned value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
    put16(at, value >> 16);
    put16(at + 2, value & 0xffff);
}

static unsigned get16(const uint8_t *at)
{
    return (unsigned)(at[0] << 8 | at[1]);
}

/* RFC 1071 as it is written. */
static uint32_t add_up(uint32_t sum, const uint8_t *at, size_t len)
{
    for (size_t i = 0; i < len; i++)
        sum += i % 2 ? at[i] : (uint32_t)at[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

static void put_mac(uint8_t *at, const char *text)
{
    cr_assert_eq(df_mac_parse(text, (struct df_mac *)at), 0);
}

static const char *mac_of(const char *peer)
{
    return strcmp(peer, LAB_PEER2) == 0 || strcmp(peer, LAB_PEER2_IP6) == 0 ? LAB_PEER2_MAC : LAB_PEER3_MAC;
}

static void put_ip4(uint8_t *ip, const struct lab_way *way, const char *src, const char *dst, size_t len)
{
    memset(ip, 0, 20);
    put16(ip, 0x4500u | way->ecn);
    put16(ip + 2, (unsigned)len);
    put16(ip + 6, 0x4000);
    put16(ip + 8, 64 << 8 | (is_gre(way) ? 47 : 17));
    cr_assert_eq(inet_pton(AF_INET, src, ip + 12), 1);
    cr_assert_eq(inet_pton(AF_INET, dst, ip + 16), 1);
    put16(ip + 10, ~add_up(0, ip, 20) & 0xffff);
}

static void put_ip6(uint8_t *ip, const struct lab_way *way, const char *src, const char *dst, size_t len,
                    unsigned entropy)
{
    put32(ip, 0x60000000 | way->ecn << 20 | entropy);
    put16(ip + 4, (unsigned)(len - 40));
    put16(ip + 6, (is_gre(way) ? 47 << 8 : 17 << 8) | 64);
    cr_assert_eq(inet_pton(AF_INET6, src, ip + 8), 1);
    cr_assert_eq(inet_pton(AF_INET6, dst, ip + 24), 1);
}

/* RFC 8200 section 8.1. */
static unsigned checksum6(const uint8_t *ip, const uint8_t *udp, size_t len)
{
    uint8_t rest[4] = {(uint8_t)(len >> 8), (uint8_t)len, 0, 17};
    unsigned sum = ~add_up(add_up(add_up(0, ip + 8, 32), rest, 4), udp, len) & 0xffff;
    return sum != 0 ? sum : 0xffff;
}

static void put_tunnel(uint8_t *l4, const struct lab_way *way, unsigned entropy, uint32_t key, size_t len)
{
    if (is_gre(way)) {
        put32(l4, 0x20006558);
        put32(l4 + 4, key);
        return;
    }
    put16(l4, entropy);
    put16(l4 + 2, is_geneve(way) ? 6081 : 4789);
    put16(l4 + 4, (unsigned)len);
    put16(l4 + 6, 0);
    put32(l4 + 8, is_geneve(way) ? 0x00006558 : 0x08000000);
    put32(l4 + 12, key << 8);
}

/* The outer headers in front of inner_len bytes that are there; Ethernet from src to dst. */
static void put_outer(uint8_t *frame, const struct lab_way *way, const char *src, const char *dst, unsigned entropy,
                      uint32_t key, size_t inner_len)
{
    size_t ip = lab_way_ip(way), l4 = lab_way_l4(way), end = lab_way_len(way) + inner_len;
    if (way->vlan != 0) {
        put16(frame + 12, 0x8100);
        put16(frame + 14, way->vlan);
    }
    put16(frame + ip - 2, way->ip6 ? 0x86dd : 0x0800);
    put_tunnel(frame + l4, way, entropy, key, end - l4);
    if (way->ip6)
        put_ip6(frame + ip, way, src, dst, end - ip, entropy);
    else
        put_ip4(frame + ip, way, src, dst, end - ip);
    if (way->checksum)
        put16(frame + l4 + 6, checksum6(frame + ip, frame + l4, end - l4));
}

void lab_wrap_by(const struct lab_way *way, const char *peer, uint32_t key, const char *words, uint8_t *frame,
                 size_t *len)
{
    size_t outer = lab_way_len(way), inner_len = *len - outer;
    lab_frame(words, frame + outer, &inner_len);
    put_mac(frame, LAB_UNDERLAY_MAC);
    put_mac(frame + 6, mac_of(peer));
    put_outer(frame, way, peer, way->ip6 ? LAB_UNDERLAY_IP6 : LAB_UNDERLAY_IP, ENTROPY, key, inner_len);
    *len = inner_len + outer;
}

void lab_send_by(const struct lab_way *way, const char *peer, uint32_t key, const char *words)
{
    uint8_t frame[DF_WORDS_FRAME_MAX];
    size_t len = sizeof(frame);
    lab_wrap_by(way, peer, key, words, frame, &len);
    lab_send_bytes("up0", frame, len);
}

/* What the sender chose: it need not be guessed. */
static unsigned entropy_of(const uint8_t *frame, const struct lab_way *way)
{
    const uint8_t *ip = frame + lab_way_ip(way);
    if (way->ip6)
        return (ip[1] & 0xfu) << 16 | get16(ip + 2);
    return is_gre(way) ? 0 : get16(frame + lab_way_l4(way));
}

uint16_t lab_expect_by(const struct lab_way *way, const char *peer, uint32_t key, const char *words)
{
    uint8_t wanted[DF_WORDS_FRAME_MAX];
    size_t len, outer = lab_way_len(way), inner_len = sizeof(wanted) - outer;
    const uint8_t *frame = lab_receive("up0", &len);
    cr_assert_not_null(frame, "nothing leaves by the underlay; expected %s", words);
    cr_assert_geq(len, outer);
    unsigned entropy = entropy_of(frame, way);
    if (way->ip6 || !is_gre(way))
        cr_assert(entropy >= 49152 && entropy <= 65535, "entropy %u", entropy);
    lab_frame(words, wanted + outer, &inner_len);
    put_mac(wanted, mac_of(peer));
    put_mac(wanted + 6, LAB_UNDERLAY_MAC);
    put_outer(wanted, way, way->ip6 ? LAB_UNDERLAY_IP6 : LAB_UNDERLAY_IP, peer, entropy, key, inner_len);
    cr_assert_eq(len, inner_len + outer, "%zu bytes leave, not %zu: %s", len, inner_len + outer, words);
    for (size_t i = 0; i < len; i++)
        cr_assert_eq(frame[i], wanted[i], "byte %zu of what leaves is %02x, not %02x: %s", i, frame[i], wanted[i],
                     words);
    return (uint16_t)entropy;
}

void lab_wrap(const char *peer, uint32_t key, const char *words, uint8_t *frame, size_t *len)
{
    lab_wrap_by(&vxlan, peer, key, words, frame, len);
}

void lab_send_tunnel(const char *peer, uint32_t key, const char *words)
{
    lab_send_by(&vxlan, peer, key, words);
}

uint16_t lab_expect_tunnel(const char *peer, uint32_t key, const char *words)
{
    return lab_expect_by(&vxlan, peer, key, words);
}
