/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "dbsync/driver.h"
#include "dbsync/pubsub/announcer.h"
#include "dbsync/schema.h"

/*
 * A transaction of the NB API in the making. It is optimistic: rows are read one by one, and each write demands the
 * revision that was read, so the commit fails with -EAGAIN when another writer came in between. Then the whole of it is
 * made again from new reads.
 */

/* Names of rows of the API's own: the object ids' 63 bytes and a table's name in front. */
#define DF_TRANSACTION_ID_MAX 128

struct df_transaction_counter {
    bool loaded, changed;
    uint32_t value;
    uint64_t revision; /* of the row; 0: there is none */
};

struct df_transaction_op {
    const char *table; /* static */
    char id[DF_TRANSACTION_ID_MAX];
    void *data; /* owned; NULL deletes */
    size_t len;
    char *topics;      /* owned; NULL: none */
    uint64_t revision; /* what the row must have; 0: it must not be there */
};

struct df_transaction_claim {
    enum df_nb_table table;
    uint32_t key;
};

struct df_transaction {
    const struct df_db_driver *driver;
    struct df_db *db;
    struct df_announcer *announcer;
    struct df_transaction_op *ops;
    size_t n_ops, max_ops;
    struct df_transaction_claim *claims; /* unique keys taken by this transaction */
    size_t n_claims, max_claims;
    struct df_transaction_counter counters[DF_NB_TABLES];
};

/* A row as it was read. */
struct df_transaction_row {
    uint64_t revision; /* 0: it is not there */
    void *data;
    size_t len;
};

/** announcer: is told of the commit; NULL: nobody is. */
void df_transaction_init(struct df_transaction *txn, const struct df_db_driver *driver, struct df_db *db,
                         struct df_announcer *announcer);

/** Forgets everything staged, for another attempt or for good. */
void df_transaction_clear(struct df_transaction *txn);

/** Reads a row; it is not an error when there is none. Free row->data. */
int df_transaction_read(struct df_transaction *txn, const char *table, const char *id, struct df_transaction_row *row,
                        struct df_error *error);

/**
 * Stages a write of the row that was read with this revision. data and topics (of malloc; NULL: none) become the
 * transaction's, always.
 */
int df_transaction_stage(struct df_transaction *txn, const char *table, const char *id, uint64_t revision, void *data,
                         size_t len, char *topics, struct df_error *error);

/** The same for a row of the API's own, which concerns nobody who watches. */
int df_transaction_stage_own(struct df_transaction *txn, const char *table, const char *id, uint64_t revision,
                             void *data, size_t len, struct df_error *error);

/** Commits what is staged. -EAGAIN: clear, and make it again. -EINPROGRESS: so too, but it may have been done. */
int df_transaction_commit(struct df_transaction *txn, struct df_error *error);
