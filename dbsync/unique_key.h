/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "dbsync/transaction.h"

/*
 * Unique keys: small integers that stand for an object in the data plane, unique in their table.
 *
 * Rows of the table `unique_key`, written in the transaction that writes the object:
 *   TABLE       the highest key given out so far, so that a key is not given twice even after its object is gone
 *   TABLE:KEY   the id of the object that has it, so that an object (restored from a dump) may name its key
 *
 * Keys are given out below DF_UNIQUE_KEY_NAMED. A named key from there on does not raise the counter: otherwise one
 * object that names 4294967295 would leave no key for any other.
 */

#define DF_UNIQUE_KEY_TABLE "unique_key"
#define DF_UNIQUE_KEY_NAMED (UINT32_C(1) << 30)

/**
 * Settles the key of an object that is being written: the wanted one if it is free, else the one it has, else a new
 * one. wanted and stored: 0 for none. -ENOSPC when none is left.
 */
int df_unique_key_assign(struct df_transaction *txn, enum df_nb_table table, const char *id, uint32_t stored,
                         uint32_t wanted, uint32_t *key, struct df_error *error);

/** Gives up the key of an object that is being deleted. */
int df_unique_key_release(struct df_transaction *txn, enum df_nb_table table, uint32_t key, struct df_error *error);

/** Stages the counters that this transaction has moved. */
int df_unique_key_stage_counters(struct df_transaction *txn, struct df_error *error);
