/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <lmdb.h>

#include "dbsync/driver.h"

/* Rows as LMDB keeps them: key "table/id", value revision (big endian) and data. Functions return an LMDB code. */

#define DF_LMDB_KEY_MAX 256

struct df_lmdb_row_key {
    char text[DF_LMDB_KEY_MAX];
    MDB_val val; /* points into text */
};

struct df_lmdb_row_name {
    char text[DF_LMDB_KEY_MAX];
    const char *table, *id; /* point into text */
};

/** Makes a key; EINVAL when table or id are empty, too long or the table has a slash. */
int df_lmdb_row_key(const char *table, const char *id, struct df_lmdb_row_key *key);

/** Takes a key apart; MDB_CORRUPTED when it is none. */
int df_lmdb_row_name(const MDB_val *key, struct df_lmdb_row_name *name);

/** Tells one row. @return an LMDB code or what cb returned */
int df_lmdb_row_tell(const MDB_val *key, const MDB_val *value, df_db_row_cb cb, void *arg);

/** The revision of a row; 0 when it is not there. */
int df_lmdb_row_revision(MDB_txn *txn, MDB_dbi rows, MDB_val *key, uint64_t *revision);

int df_lmdb_row_put(MDB_txn *txn, MDB_dbi rows, MDB_val *key, uint64_t revision, const void *data, size_t len);
