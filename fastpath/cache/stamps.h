/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "fastpath/lookup/hash.h"

/*
 * Stamps: how a cached decision knows that it still holds.
 *
 * Invariant: a decision is valid while every look-up it was made from would answer the same. There is one array of 2^16
 * stamps for the whole process. A look-up of (table, key) belongs to the slot its hash names; the reader records the
 * slot and its stamp BEFORE it reads the entry. The single writer publishes the new entry, THEN bumps the slot, THEN
 * the change counter. Stamps only grow, so equal sums of the recorded slots mean that none of them moved.
 *
 *   reader: counter (acquire) ... stamp (acquire), entry ...        check: counter same? else sum same?
 *   writer: entry (release) ... stamp + 1 (release) ... counter + 1 (release)
 *
 * While the change counter stands still a decision is checked by one compare; when it moved, the sum is computed once.
 * Two keys that share a slot cost a spurious walk, never a wrong answer.
 *
 * Readers: workers and trace. Writer: the control thread alone.
 */

#define DF_STAMP_SLOTS 65536
#define DF_STAMPS_MAX 16

struct df_stamps {
    uint32_t counter; /* of changes, when the walk began */
    uint32_t sum;
    uint16_t n; /* DF_STAMPS_MAX + 1: too many, not to be cached */
    uint16_t slot[DF_STAMPS_MAX];
};

extern _Atomic uint32_t df_stamp_array[DF_STAMP_SLOTS];
extern _Atomic uint32_t df_stamp_changes;

/** The slot of a key of a table; hash is the key's. */
static inline uint16_t df_stamp_slot(uint16_t table, uint64_t hash)
{
    return (uint16_t)((hash >> 32) ^ (uint32_t)(table * 0x9e37u));
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

/** Records a slot; call before the entry is read. */
static inline void df_stamps_add(struct df_stamps *stamps, uint16_t slot)
{
    if (stamps->n >= DF_STAMPS_MAX) {
        stamps->n = DF_STAMPS_MAX + 1;
        return;
    }
    stamps->sum += atomic_load_explicit(&df_stamp_array[slot], memory_order_acquire);
    stamps->slot[stamps->n++] = slot;
}

/** Control thread, after it published the new entry (or unlinked the old) and before it frees the old. */
void df_stamps_bump(uint16_t slot);
