/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "control/compile/unit.h"
#include "control/datapath/datapath.h"

/*
 * The entries that apps want, and those in force.
 *
 * Invariants:
 * - For each (table, key) there is the list of its candidates, at most one of each unit and rank, the winner first:
 *   lowest rank, then NB table, id and rule. It does not depend on the order in which they came.
 * - What is in force changes by df_entries_changes() and the commit of its transaction alone, and then only where
 *   winner and entry in force differ in value or origin. What happens between two commits and is undone again never
 *   reaches the datapath.
 * - An origin lives as long as an entry that is in force or wanted points to it, and a grace period longer.
 *
 * Control thread.
 */

struct df_entries;

struct df_entries *df_entries_new(void);

/** Frees all, origins after a grace period. The units must have been ended with nothing emitted. */
void df_entries_free(struct df_entries *entries);

/* One unit's emissions are renewed between begin and end; what was not emitted again is taken back by end. */
void df_entries_begin(struct df_unit *unit);
void df_entries_emit(struct df_entries *entries, struct df_unit *unit, unsigned rank, uint16_t table, const void *key,
                     uint16_t key_len, const void *value, uint32_t value_len);
void df_entries_end(struct df_entries *entries, struct df_unit *unit);

/** Lets go of what the unit holds, after an end that took everything back. The unit may be freed then. */
void df_entries_forget(struct df_unit *unit);

/** The difference between what is wanted and what is in force; NULL when there is none. To be committed at once. */
struct df_txn *df_entries_changes(struct df_entries *entries);

/** For df_datapath_commit(): an entry was refused. entries is the argument. */
void df_entries_failed(const struct df_entry *entry, const struct df_error *error, void *entries);

/** After the commit: what was not refused is in force now. */
void df_entries_committed(struct df_entries *entries);

/** How many entries the datapath refuses; makes df_entries_changes() try them again. */
size_t df_entries_refused(const struct df_entries *entries);
void df_entries_retry(struct df_entries *entries);

/** Why the datapath refuses an entry of the unit, or NULL when it has all of them. */
const char *df_entries_refusal(const struct df_unit *unit);
