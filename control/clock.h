/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

/*
 * Time is a parameter: code that needs it reads a clock object. The daemon has the monotonic clock of the kernel, tests
 * have one that they turn by hand.
 */

struct df_clock {
    uint64_t (*now_ms)(const struct df_clock *clock); /* monotonic milliseconds */
};

/** CLOCK_MONOTONIC. */
extern const struct df_clock df_clock_monotonic;
