/* SPDX-License-Identifier: Apache-2.0 */
#include "control/clock.h"

#include <time.h>

static uint64_t monotonic_now_ms(const struct df_clock *clock)
{
    (void)clock;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

const struct df_clock df_clock_monotonic = {.now_ms = monotonic_now_ms};
