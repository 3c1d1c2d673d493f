/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <lmdb.h>

#include "dbsync/driver.h"

/*
 * The change log: every change with its data, by revision, in the transaction that makes it. Revisions count
 * transactions, so the newest entry tells the database's revision and a hole at the old end is a gap that a watcher can
 * see. The log keeps the last DF_LMDB_LOG_CHANGES changes or DF_LMDB_LOG_BYTES, whatever is less, always in whole
 * transactions and always the last one. Who is further behind takes a snapshot, which is cheaper by then.
 *
 * Functions return an LMDB code.
 */

#define DF_LMDB_LOG_CHANGES 65536
#define DF_LMDB_LOG_BYTES ((size_t)64 << 20)

/** The revision of the last transaction; 0 in a new database. */
int df_lmdb_log_revision(MDB_txn *txn, MDB_dbi log, uint64_t *revision);

/** Appends change number `sequence` of a transaction. data NULL: the row was deleted. */
int df_lmdb_log_append(MDB_txn *txn, MDB_dbi log, uint64_t revision, uint32_t sequence, const MDB_val *row,
                       const void *data, size_t len);

/** Drops the oldest transactions over the limits. */
int df_lmdb_log_trim(MDB_txn *txn, MDB_dbi log);

/**
 * Tells every change after *revision and moves it to the last transaction that was told whole.
 * @return 0, an LMDB code, -ESTALE or what cb returned
 */
int df_lmdb_log_read(MDB_txn *txn, MDB_dbi log, uint64_t *revision, df_db_row_cb cb, void *arg);
