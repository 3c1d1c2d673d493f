/* SPDX-License-Identifier: Apache-2.0 */
#include <stdatomic.h>

#include "fastpath/lookup/hash.h"
#include "fastpath/underlay/underlay.h"

/*
 * Which addresses the controller asks about: a count for each value of their hash, so that a flood of what nobody asked
 * about ends on the worker. The controller looks again.
 */

#define PLACES 16384

static _Atomic uint16_t asked[PLACES]; /* the control thread writes */

static _Atomic uint16_t *place(const struct df_ip *ip)
{
    return &asked[df_hash_bytes(ip, sizeof(*ip)) % PLACES];
}

void df_underlay_listen(const struct df_ip *ip, bool on)
{
    uint16_t n = atomic_load_explicit(place(ip), memory_order_relaxed);
    atomic_store_explicit(place(ip), (uint16_t)(on ? n + 1 : n - 1), memory_order_relaxed);
}

bool df_underlay_asked(const struct df_ip *ip)
{
    return atomic_load_explicit(place(ip), memory_order_relaxed) != 0;
}
