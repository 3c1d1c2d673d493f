/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <criterion/criterion.h>
#include <stdint.h>
#include <stdio.h>

/* Frames as a test writes them down. */

/* Bytes in hexadecimal, blanks between them as one likes. */
static inline uint32_t bytes_of(const char *hex, uint8_t *bytes)
{
    uint32_t n = 0;
    unsigned byte;
    int used;
    while (sscanf(hex, " %2x%n", &byte, &used) == 1) {
        bytes[n++] = (uint8_t)byte;
        hex += used;
    }
    return n;
}

static inline void expect_bytes(const uint8_t *frame, uint32_t len, const char *hex)
{
    uint8_t wanted[256];
    uint32_t n = bytes_of(hex, wanted);
    cr_assert_eq(len, n, "%u bytes, not %u", len, n);
    for (uint32_t i = 0; i < n; i++)
        cr_assert_eq(frame[i], wanted[i], "byte %u is %02x, not %02x", i, frame[i], wanted[i]);
}
