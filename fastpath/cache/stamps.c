/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/cache/stamps.h"

/* A forgotten decision costs a walk, so that is spread over as many changes as there are slots. */
#define FORGET_EVERY DF_STAMP_SLOTS
/* More of the bits set than that, and one change in fifty of what nobody asked for looks as if somebody had. */
#define ASKED_MOST (DF_STAMP_SLOTS * 8ull)
/* df_stamps_remembered() tells older from newer up to 2^31. */
#define COUNTER_FAR (1u << 30)

struct df_stamp df_stamp_array[DF_STAMP_SLOTS];
_Atomic uint32_t df_stamp_changes;
_Atomic uint32_t df_stamps_forgotten;

/* A single writer needs no atomic addition. */
static void grow(_Atomic uint32_t *counter)
{
    uint32_t now = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, now + 1, memory_order_release);
}

void df_stamps_forget(void)
{
    uint32_t next = atomic_load_explicit(&df_stamp_changes, memory_order_relaxed) + 1;
    for (unsigned i = 0; i < DF_STAMP_SLOTS; i++)
        atomic_store_explicit(&df_stamp_array[i].asked, 0, memory_order_relaxed);
    /* Before the counter: who sees the new one must not take an old decision over to it. */
    atomic_store_explicit(&df_stamps_forgotten, next, memory_order_release);
    atomic_store_explicit(&df_stamp_changes, next, memory_order_release);
}

static bool is_crowded(void)
{
    uint64_t bits = 0;
    for (unsigned i = 0; i < DF_STAMP_SLOTS; i++)
        bits += (unsigned)__builtin_popcount(atomic_load_explicit(&df_stamp_array[i].asked, memory_order_relaxed));
    return bits > ASKED_MOST;
}

static void forget_if_due(void)
{
    uint32_t now = atomic_load_explicit(&df_stamp_changes, memory_order_relaxed);
    uint32_t age = now - atomic_load_explicit(&df_stamps_forgotten, memory_order_relaxed);
    if (now % FORGET_EVERY == 0 && (age > COUNTER_FAR || is_crowded()))
        df_stamps_forget();
}

void df_stamps_bump(uint32_t mark)
{
    struct df_stamp *stamp = &df_stamp_array[df_stamp_slot(mark)];
    uint32_t bits = df_stamp_bits(mark);
    atomic_thread_fence(memory_order_seq_cst);
    if ((atomic_load_explicit(&stamp->asked, memory_order_relaxed) & bits) != bits)
        return;
    grow(&stamp->value);
    grow(&df_stamp_changes);
    forget_if_due();
}
