/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/*
 * Addresses as keys: fixed size, no padding, compared as bytes.
 *
 * An IPv4 address is kept as its IPv4-mapped IPv6 address (RFC 4291 section 2.5.5.2), so that one key serves both
 * families. Bytes are in network order.
 */

struct df_mac {
    uint8_t byte[6];
};

struct df_ip {
    union {
        uint8_t byte[16];
        uint32_t word[4]; /* network order */
    };
};

#define DF_IP4_MAPPED htonl(0x0000ffff) /* word[2] of a mapped address */

static inline bool df_mac_equal(const struct df_mac *a, const struct df_mac *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

/* Group bit of IEEE 802: broadcast and multicast. */
static inline bool df_mac_is_group(const struct df_mac *mac)
{
    return mac->byte[0] & 1;
}

static inline bool df_ip_equal(const struct df_ip *a, const struct df_ip *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

/* be32: the IPv4 address in network order. */
static inline struct df_ip df_ip_from4(uint32_t be32)
{
    struct df_ip ip = {.byte = {[10] = 0xff, [11] = 0xff}};
    ip.word[3] = be32;
    return ip;
}

static inline bool df_ip_is4(const struct df_ip *ip)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    return memcmp(ip->byte, mapped, sizeof(mapped)) == 0;
}

static inline bool df_ip_is_zero(const struct df_ip *ip)
{
    return (ip->word[0] | ip->word[1] | ip->word[2] | ip->word[3]) == 0;
}

static inline bool df_ip_is_multicast(const struct df_ip *ip)
{
    return df_ip_is4(ip) ? (ip->byte[12] & 0xf0) == 0xe0 : ip->byte[0] == 0xff;
}

/* Multicast, limited broadcast, loopback: never the source of a packet (RFC 1122 3.2.1.3, RFC 4291 2.5.3 and 2.7). */
static inline bool df_ip_is_never_source(const struct df_ip *ip)
{
    static const struct df_ip loopback6 = {.byte = {[15] = 1}};
    if (df_ip_is4(ip))
        return df_ip_is_multicast(ip) || ip->byte[12] == 127 || ip->word[3] == 0xffffffff;
    return df_ip_is_multicast(ip) || df_ip_equal(ip, &loopback6);
}

/* bits: 0 to 128, counted in the mapped form (an IPv4 prefix of n bits is 96 + n here). */
static inline bool df_ip_in_prefix(const struct df_ip *ip, const struct df_ip *prefix, unsigned bits)
{
    unsigned whole = bits / 8;
    unsigned rest = bits % 8;
    if (memcmp(ip, prefix, whole) != 0)
        return false;
    return rest == 0 || ((ip->byte[whole] ^ prefix->byte[whole]) >> (8 - rest)) == 0;
}
