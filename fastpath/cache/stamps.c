/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/cache/stamps.h"

_Atomic uint32_t df_stamp_array[DF_STAMP_SLOTS];
_Atomic uint32_t df_stamp_changes;

/* A single writer needs no atomic addition. */
static void grow(_Atomic uint32_t *counter)
{
    uint32_t now = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, now + 1, memory_order_release);
}

void df_stamps_bump(uint16_t slot)
{
    grow(&df_stamp_array[slot]);
    grow(&df_stamp_changes);
}
