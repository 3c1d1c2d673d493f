/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "fastpath/lookup/hash.h"

/*
 * Stamps: how a cached decision knows that it still holds.
 *
 * Invariant: a decision is valid while every look-up it was made from would answer the same. There is one array of 2^16
 * stamps for the whole process. A look-up of (table, key) belongs to the slot that its mark names; the reader records the
 * slot and its stamp BEFORE it reads the entry. The single writer publishes the new entry, THEN bumps the slot, THEN
 * the change counter. Stamps only grow, so equal sums of the recorded slots mean that none of them moved.
 *
 *   reader: counter (acquire) ... asked, stamp (acquire), entry ...     check: counter same? else sum same?
 *   writer: entry (release) ... asked? ... stamp + 1 (release) ... counter + 1 (release)
 *
 * While the change counter stands still a decision is checked by one compare; when it moved, the sum is computed once.
 * With a million flows that is a sum for nearly every packet, so the counter must not move for what concerns nobody: most
 * changes of a large model are of keys that no packet was ever looked up by. A slot therefore remembers who asked: three
 * bits that the key's hash chooses, set before the entry is read. The writer looks at them after it published the entry,
 * and if they are not all set there is no decision to tell. Of the two, asking and publishing, one comes first for all
 * to see (a full fence on either side): either the writer sees that somebody asked, or who asked sees the new entry. That
 * holds where a store is seen by all other CPUs at once, as on x86 and ARMv8.
 *
 * What was asked long ago stays set, until so much is that the bits tell little. Then all is forgotten, and every
 * decision made before with it: df_stamps_forgotten.
 *
 * Two keys that share a slot and bits cost a spurious walk, never a wrong answer.
 *
 * Readers: workers and trace. Writer: the control thread alone.
 */

#define DF_STAMP_SLOTS 65536
#define DF_STAMPS_MAX 40

struct df_stamps {
    uint32_t counter; /* of changes, when the walk began */
    uint32_t sum;
    uint16_t n; /* DF_STAMPS_MAX + 1: too many, not to be cached */
    uint16_t slot[DF_STAMPS_MAX];
};

struct df_stamp {
    _Atomic uint32_t value;
    _Atomic uint32_t asked; /* bits of the keys that were looked up, by any thread */
};

extern struct df_stamp df_stamp_array[DF_STAMP_SLOTS];
extern _Atomic uint32_t df_stamp_changes;
extern _Atomic uint32_t df_stamps_forgotten; /* a decision that last held at an older counter holds no more */

/** The mark of a key of a table, its slot in the lower half and its bits in the upper; hash is the key's. */
static inline uint32_t df_stamp_mark(uint16_t table, uint64_t hash)
{
    return (uint32_t)(hash >> 32) ^ (uint32_t)(table * 0x9e37u);
}

static inline uint16_t df_stamp_slot(uint32_t mark)
{
    return (uint16_t)mark;
}

/* Three; fewer where the hash names one twice. */
static inline uint32_t df_stamp_bits(uint32_t mark)
{
    return 1u << (mark >> 16 & 31) | 1u << (mark >> 21 & 31) | 1u << (mark >> 26 & 31);
}

static inline uint32_t df_stamps_now(void)
{
    return atomic_load_explicit(&df_stamp_changes, memory_order_acquire);
}

static inline void df_stamps_begin(struct df_stamps *stamps)
{
    stamps->counter = df_stamps_now();
    stamps->sum = 0;
    stamps->n = 0;
}

/** Records a look-up; call before the entry is read. */
static inline void df_stamps_add(struct df_stamps *stamps, uint32_t mark)
{
    struct df_stamp *stamp = &df_stamp_array[df_stamp_slot(mark)];
    uint32_t bits = df_stamp_bits(mark);
    if (stamps->n >= DF_STAMPS_MAX) {
        stamps->n = DF_STAMPS_MAX + 1;
        return;
    }
    if ((atomic_load_explicit(&stamp->asked, memory_order_acquire) & bits) != bits) {
        atomic_fetch_or_explicit(&stamp->asked, bits, memory_order_seq_cst);
        atomic_thread_fence(memory_order_seq_cst);
    }
    stamps->sum += atomic_load_explicit(&stamp->value, memory_order_acquire);
    stamps->slot[stamps->n++] = df_stamp_slot(mark);
}

/* How many stamps there were at some moment of a walk. */
struct df_stamps_mark {
    uint32_t sum;
    uint16_t n;
};

static inline struct df_stamps_mark df_stamps_mark_now(const struct df_stamps *stamps)
{
    return (struct df_stamps_mark){stamps->sum, stamps->n};
}

/** Forgets those since. */
static inline void df_stamps_back_to(struct df_stamps *stamps, const struct df_stamps_mark *mark)
{
    stamps->sum = mark->sum;
    stamps->n = mark->n;
}

/** Adds those of a decision that still holds and is part of this one. */
static inline void df_stamps_add_known(struct df_stamps *stamps, const uint16_t *slot, unsigned n, uint32_t sum)
{
    if (stamps->n + n > DF_STAMPS_MAX) {
        stamps->n = DF_STAMPS_MAX + 1;
        return;
    }
    memcpy(stamps->slot + stamps->n, slot, n * sizeof(slot[0]));
    stamps->n = (uint16_t)(stamps->n + n);
    stamps->sum += sum;
}

/** The sum of those slots now. */
static inline uint32_t df_stamps_sum(const uint16_t *slot, unsigned n)
{
    uint32_t sum = 0;
    for (unsigned i = 0; i < n; i++)
        sum += atomic_load_explicit(&df_stamp_array[slot[i]].value, memory_order_acquire);
    return sum;
}

/** Does a decision that held at this counter, and whose slots have not moved since, still hold? */
static inline bool df_stamps_remembered(uint32_t counter)
{
    return (int32_t)(counter - atomic_load_explicit(&df_stamps_forgotten, memory_order_acquire)) >= 0;
}

/** Control thread, after it published the new entry (or unlinked the old) and before it frees the old. */
void df_stamps_bump(uint32_t mark);

/** Forgets who asked for what, and ends every decision. df_stamps_bump() does it when it is due. Control thread. */
void df_stamps_forget(void);
