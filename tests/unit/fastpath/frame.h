/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/*
 * Frames made by hand for the tests of the parser and the answers: built from the outside in, then closed, which fills
 * in lengths and checksums. Nothing here is the product's code, so what both agree on is right twice.
 */

struct test_frame {
    uint8_t byte[4096];
    uint32_t len;
    uint32_t ip;    /* offset of the IP header; 0: none */
    uint32_t l4;    /* offset of the first byte behind the IP header proper */
    uint32_t icmp6; /* offset of an ICMPv6 message whose checksum close fills in; 0: none */
};

#define TEST_GUEST_MAC "\x02\x00\x00\x00\x00\x01"
#define TEST_ROUTER_MAC "\x02\x00\x00\x00\x00\xfe"

static inline void frame_bytes(struct test_frame *frame, const void *bytes, uint32_t n)
{
    memcpy(frame->byte + frame->len, bytes, n);
    frame->len += n;
}

static inline void frame_fill(struct test_frame *frame, uint8_t byte, uint32_t n)
{
    memset(frame->byte + frame->len, byte, n);
    frame->len += n;
}

static inline void frame_8(struct test_frame *frame, unsigned value)
{
    frame->byte[frame->len++] = (uint8_t)value;
}

static inline void frame_16(struct test_frame *frame, unsigned value)
{
    frame_8(frame, value >> 8);
    frame_8(frame, value);
}

static inline void frame_32(struct test_frame *frame, uint32_t value)
{
    frame_16(frame, value >> 16);
    frame_16(frame, value & 0xffff);
}

static inline void frame_set16(struct test_frame *frame, uint32_t offset, unsigned value)
{
    frame->byte[offset] = (uint8_t)(value >> 8);
    frame->byte[offset + 1] = (uint8_t)value;
}

static inline unsigned frame_get16(const uint8_t *at)
{
    return (unsigned)(at[0] << 8 | at[1]);
}

/* RFC 1071 as it is written: 16-bit words in network order, one after the other, the carry brought round. */
static inline uint32_t plain_sum(uint32_t sum, const uint8_t *at, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        sum += i % 2 ? at[i] : (uint32_t)at[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

static inline unsigned plain_checksum(const uint8_t *at, uint32_t n)
{
    return ~plain_sum(0, at, n) & 0xffff;
}

/* ip: an IPv6 header; message: n bytes of ICMPv6. */
static inline unsigned plain_checksum6(const uint8_t *ip, const uint8_t *message, uint32_t n)
{
    uint8_t rest[8] = {(uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n, 0, 0, 0, 58};
    return ~plain_sum(plain_sum(plain_sum(0, ip + 8, 32), rest, 8), message, n) & 0xffff;
}

static inline void frame_ethernet(struct test_frame *frame)
{
    memset(frame, 0, sizeof(*frame));
    frame_bytes(frame, TEST_ROUTER_MAC, 6);
    frame_bytes(frame, TEST_GUEST_MAC, 6);
}

static inline void frame_tag(struct test_frame *frame, unsigned tpid, unsigned tci)
{
    frame_16(frame, tpid);
    frame_16(frame, tci);
}

/* options: bytes of zero behind the header, a multiple of 4. */
static inline void frame_ip4(struct test_frame *frame, unsigned proto, const char *src, const char *dst,
                             unsigned options)
{
    frame_16(frame, 0x0800);
    frame->ip = frame->len;
    frame_8(frame, 0x45 + options / 4);
    frame_8(frame, 0x28);
    frame_32(frame, 0x00001234); /* length, identification */
    frame_16(frame, 0);
    frame_8(frame, 17); /* TTL */
    frame_8(frame, proto);
    frame_16(frame, 0);
    inet_pton(AF_INET, src, frame->byte + frame->len);
    inet_pton(AF_INET, dst, frame->byte + frame->len + 4);
    frame->len += 8 + options;
    frame->l4 = frame->len;
}

static inline void frame_ip6(struct test_frame *frame, unsigned next, unsigned hop_limit, const char *src,
                             const char *dst)
{
    frame_16(frame, 0x86dd);
    frame->ip = frame->len;
    frame_32(frame, 0x62812345); /* traffic class 0x28 */
    frame_16(frame, 0);
    frame_8(frame, next);
    frame_8(frame, hop_limit);
    inet_pton(AF_INET6, src, frame->byte + frame->len);
    inet_pton(AF_INET6, dst, frame->byte + frame->len + 16);
    frame->len += 32;
    frame->l4 = frame->len;
}

static inline void frame_tcp(struct test_frame *frame, unsigned sport, unsigned dport)
{
    frame_16(frame, sport);
    frame_16(frame, dport);
    frame_fill(frame, 0, 8);
    frame_16(frame, 0x5002);
    frame_fill(frame, 0, 6);
}

/* The flags of a header without data, and numbers as of the first segments of two ends that both begin at 0. */
static inline void frame_tcp_flags(struct test_frame *frame, unsigned flags)
{
    frame_set16(frame, frame->l4 + 6, !(flags & 0x02));
    frame_set16(frame, frame->l4 + 10, (flags & 0x10) != 0);
    frame_set16(frame, frame->l4 + 12, 0x5000 | flags);
}

static inline void frame_udp(struct test_frame *frame, unsigned sport, unsigned dport, unsigned payload)
{
    frame_16(frame, sport);
    frame_16(frame, dport);
    frame_16(frame, 8 + payload);
    frame_16(frame, 0);
    frame_fill(frame, 0x55, payload);
}

/* An echo request, or any message of eight bytes and a payload; IPv4's checksum is filled in, IPv6's by closing. */
static inline void frame_icmp(struct test_frame *frame, unsigned type, unsigned code, unsigned payload)
{
    uint32_t at = frame->len;
    frame_8(frame, type);
    frame_8(frame, code);
    frame_16(frame, 0);
    frame_32(frame, 0x77000001);
    for (unsigned i = 0; i < payload; i++)
        frame_8(frame, i * 7 + 1);
    if (frame->byte[frame->ip] >> 4 == 4)
        frame_set16(frame, at + 2, plain_checksum(frame->byte + at, frame->len - at));
    else
        frame->icmp6 = at;
}

static inline void frame_nd(struct test_frame *frame, unsigned type, unsigned flags, const char *target)
{
    frame->icmp6 = frame->len;
    frame_8(frame, type);
    frame_8(frame, 0);
    frame_16(frame, 0);
    frame_8(frame, flags);
    frame_fill(frame, 0, 3);
    inet_pton(AF_INET6, target, frame->byte + frame->len);
    frame->len += 16;
}

static inline void frame_lladdr(struct test_frame *frame, unsigned type, const void *mac)
{
    frame_8(frame, type);
    frame_8(frame, 1);
    frame_bytes(frame, mac, 6);
}

static inline void frame_checksum4(struct test_frame *frame)
{
    frame_set16(frame, frame->ip + 10, 0);
    frame_set16(frame, frame->ip + 10, plain_checksum(frame->byte + frame->ip, (frame->byte[frame->ip] & 15) * 4u));
}

static inline void frame_checksum6(struct test_frame *frame)
{
    uint32_t n = frame->len - frame->icmp6;
    frame_set16(frame, frame->icmp6 + 2, 0);
    frame_set16(frame, frame->icmp6 + 2, plain_checksum6(frame->byte + frame->ip, frame->byte + frame->icmp6, n));
}

/* Fills in the lengths and checksums of the IP packet that ends here. */
static inline void frame_close(struct test_frame *frame)
{
    if (frame->byte[frame->ip] >> 4 == 4) {
        frame_set16(frame, frame->ip + 2, frame->len - frame->ip);
        frame_checksum4(frame);
    } else {
        frame_set16(frame, frame->ip + 4, frame->len - frame->ip - 40);
        if (frame->icmp6 != 0)
            frame_checksum6(frame);
    }
}

static inline void frame_arp(struct test_frame *frame, unsigned op, const void *sha, const char *spa, const char *tpa)
{
    frame_16(frame, 0x0806);
    frame_32(frame, 0x00010800);
    frame_16(frame, 0x0604);
    frame_16(frame, op);
    frame_bytes(frame, sha, 6);
    inet_pton(AF_INET, spa, frame->byte + frame->len);
    frame->len += 4;
    frame_fill(frame, 0, 6);
    inet_pton(AF_INET, tpa, frame->byte + frame->len);
    frame->len += 4;
}
