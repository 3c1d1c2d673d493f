/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/tables/security_group.h"

#include <stdatomic.h>

#include "fastpath/eal.h"

/* By worker and rule. What no rule has is never touched, and takes no memory. */
static _Atomic uint64_t hits[DF_EAL_WORKERS_MAX][DF_RULES_COUNTED] __attribute__((aligned(64)));

void df_security_group_hit(unsigned worker, uint32_t rule)
{
    if (worker >= DF_EAL_WORKERS_MAX || rule >= DF_RULES_COUNTED)
        return;
    _Atomic uint64_t *counter = &hits[worker][rule]; /* that worker alone writes it */
    uint64_t now = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, now + 1, memory_order_relaxed);
}

/* Most were never hit: what is 0 is read only, and its memory stays untouched. */
void df_security_group_hits_clear(uint32_t rule)
{
    for (unsigned worker = 0; worker < DF_EAL_WORKERS_MAX && rule < DF_RULES_COUNTED; worker++)
        if (atomic_load_explicit(&hits[worker][rule], memory_order_relaxed) != 0)
            atomic_store_explicit(&hits[worker][rule], 0, memory_order_relaxed);
}

uint64_t df_security_group_hits(uint32_t rule)
{
    uint64_t sum = 0;
    for (unsigned worker = 0; worker < DF_EAL_WORKERS_MAX && rule < DF_RULES_COUNTED; worker++)
        sum += atomic_load_explicit(&hits[worker][rule], memory_order_relaxed);
    return sum;
}
