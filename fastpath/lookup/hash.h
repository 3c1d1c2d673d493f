/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>
#include <string.h>

/*
 * The hash of all look-ups: 64x64 -> 128 bit multiplication folded, over 8 bytes at a time, with a secret of the
 * process in it, so that a guest cannot compute which of its packets share a bucket. The last fold is folded once more:
 * of keys that count up, such as the ports of one guest, a single product counts up as well, and with one secret in some
 * hundred it leaves most of them to a few buckets.
 */

extern uint64_t df_hash_secret[2]; /* set once by df_hash_init(), before any thread reads it */

/** Draws the secret. Call once before any table is made. */
void df_hash_init(void);

static inline uint64_t df_hash_mix(uint64_t a, uint64_t b)
{
    __uint128_t product = (__uint128_t)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/** The hash, of what all bytes of the key were folded into. */
static inline uint64_t df_hash_end(uint64_t folded)
{
    return df_hash_mix(folded, df_hash_secret[1]);
}

/** Hash of len bytes, any alignment. */
static inline uint64_t df_hash_bytes(const void *key, uint32_t len)
{
    const uint8_t *at = key;
    uint64_t hash = df_hash_secret[0] ^ len;
    for (; len > 8; len -= 8, at += 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        hash = df_hash_mix(hash ^ word, df_hash_secret[1]);
    }
    uint64_t last = 0;
    memcpy(&last, at, len);
    return df_hash_end(df_hash_mix(hash ^ last, df_hash_secret[1]));
}
