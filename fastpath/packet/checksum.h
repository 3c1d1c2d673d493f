/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <rte_byteorder.h>
#include <stdint.h>
#include <string.h>

#include "fastpath/packet/addr.h"

/*
 * The Internet checksum (RFC 1071).
 *
 * A sum adds words as they lie in memory, in whatever order the machine reads them: the checksum is the same in both
 * (RFC 1071 section 2 B), so nothing is swapped here and a result goes into a header as it is.
 */

/** Adds len bytes to a sum. Only the last piece of a message may have an odd length. */
static inline uint64_t df_checksum_add(uint64_t sum, const void *data, uint32_t len)
{
    const uint8_t *at = data;
    uint32_t word;
    for (; len >= sizeof(word); len -= (uint32_t)sizeof(word), at += sizeof(word)) {
        memcpy(&word, at, sizeof(word));
        sum += word;
    }
    uint16_t half;
    if (len & 2) {
        memcpy(&half, at, sizeof(half));
        sum += half;
        at += sizeof(half);
    }
    if (len & 1) {
        half = 0;
        memcpy(&half, at, 1);
        sum += half;
    }
    return sum;
}

/** The checksum of a sum, ready for the header. Of a message that holds its checksum: 0 when it is right. */
static inline rte_be16_t df_checksum_finish(uint64_t sum)
{
    sum = (sum >> 32) + (sum & 0xffffffff);
    sum = (sum >> 16) + (sum & 0xffff);
    sum = (sum >> 16) + (sum & 0xffff);
    sum = (sum >> 16) + (sum & 0xffff);
    return (rte_be16_t)~sum;
}

/** Of a plain run of bytes: IPv4 headers, ICMP messages. */
static inline rte_be16_t df_checksum(const void *data, uint32_t len)
{
    return df_checksum_finish(df_checksum_add(0, data, len));
}

/** Of an IPv6 upper-layer message with its pseudo-header (RFC 8200 section 8.1). src and dst: 16 bytes each. */
static inline rte_be16_t df_checksum_ip6(const void *src, const void *dst, uint8_t proto, const void *message,
                                         uint32_t len)
{
    uint64_t sum = (uint64_t)rte_cpu_to_be_32(len) + rte_cpu_to_be_32((uint32_t)proto);
    sum = df_checksum_add(sum, src, sizeof(struct df_ip));
    sum = df_checksum_add(sum, dst, sizeof(struct df_ip));
    return df_checksum_finish(df_checksum_add(sum, message, len));
}

/**
 * A checksum after one 16-bit word changed (RFC 1624 equation 3). What was wrong before stays wrong by as much, so a
 * packet that was damaged on its way is still found out by who receives it.
 */
static inline rte_be16_t df_checksum_update(rte_be16_t checksum, rte_be16_t from, rte_be16_t to)
{
    return df_checksum_finish((uint64_t)(uint16_t)~checksum + (uint16_t)~from + to);
}
