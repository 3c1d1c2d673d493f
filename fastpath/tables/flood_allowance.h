/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "fastpath/ports/port.h"

/*
 * How many copies of its broadcast, multicast and unknown unicast a port may cause on one worker.
 *
 * One frame of a guest is as many as its network has members, so a limit of packets would say nothing about the time that
 * the other guests of the worker lose. A port owes what was copied for it, and pays it off with time; who owes more than
 * a 64th of a second pays off has no further frame copied until it owes less. So a flood is whole or dropped whole, a
 * network of any size has one now and then, and a worker is held up by that 64th and one flood at a time.
 *
 * Written by the worker alone; debts are in thousandths of a copy, so that what is paid off in a millisecond is whole.
 */

#define DF_FLOODS_PER_SECOND_MAX (100 * 1000 * 1000)

struct df_flood_debt {
    uint64_t owed;
    uint32_t since_ms; /* of the worker's clock: df_walk.now_ms */
};

struct df_flood_allowance {
    uint32_t per_second; /* copies */
    uint32_t owed_max;
    struct df_flood_debt debt[DF_PORTS_MAX];
};

static inline void df_flood_allowance_init(struct df_flood_allowance *allowance, uint32_t per_second)
{
    allowance->per_second = per_second;
    allowance->owed_max = (uint32_t)((uint64_t)per_second * 1000 / 64);
}

/** May a frame that came in by the port be copied now? */
static inline bool df_flood_may(struct df_flood_allowance *allowance, uint16_t port, uint32_t now_ms)
{
    struct df_flood_debt *debt = &allowance->debt[port];
    uint64_t paid = (uint64_t)(now_ms - debt->since_ms) * allowance->per_second;
    debt->since_ms = now_ms;
    debt->owed = debt->owed > paid ? debt->owed - paid : 0;
    return debt->owed < allowance->owed_max;
}

/** It was copied so often. */
static inline void df_flood_owe(struct df_flood_allowance *allowance, uint16_t port, uint32_t copies)
{
    allowance->debt[port].owed += (uint64_t)copies * 1000;
}
