/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "dbsync/drivers/etcd/etcd.h"
#include "dbsync/drivers/etcd/etcd.pb-c.h"
#include "dbsync/drivers/etcd/note.h"
#include "dbsync/drivers/etcd/seen.h"

/*
 * A request of a commit: "if each row is as it is believed to be, write all of this, else tell how they are".
 *
 * etcd takes 128 operations a transaction (its default), of each kind: comparisons, writes, reads. But a transaction
 * may hold others, and each level has what the ones around it left of the 128. A row needs at most two comparisons and
 * two reads, so with 42 rows there are 44 left for each of up to 84 inner transactions: 3,696 writes.
 */

#define DF_ETCD_TXN_OPS 128

/* One request under construction; everything it points to is in here. */
struct df_etcd_build {
    struct df_db *db;
    const struct df_db_op *ops;
    size_t n;
    struct df_etcd_state *states; /* of the rows, as they are believed to be */
    struct df_etcd_state *next;   /* and as they will be */

    DfEtcd__Compare compares[2 * DF_ETCD_OPS_MAX], *compare_list[2 * DF_ETCD_OPS_MAX];
    size_t n_compares;
    DfEtcd__RangeRequest ranges[2 * DF_ETCD_OPS_MAX];
    DfEtcd__RequestOp reads[2 * DF_ETCD_OPS_MAX], *read_list[2 * DF_ETCD_OPS_MAX];
    struct df_etcd_key row_keys[2 * DF_ETCD_OPS_MAX];
    uint8_t *values[DF_ETCD_OPS_MAX];

    struct df_etcd_write *writes;
    size_t n_writes, max_writes;
    size_t at; /* the operation whose writes are being made */
    struct df_etcd_note note;
    uint8_t note_bytes[DF_ETCD_NOTE_BYTES];
    int rc;
};

struct df_etcd_write {
    struct df_etcd_key key;
    DfEtcd__RequestOp op;
    DfEtcd__PutRequest put;
    DfEtcd__DeleteRangeRequest delete;
};

struct df_etcd_shelf {
    DfEtcd__RequestOp **list; /* of all writes */
    DfEtcd__TxnRequest inner[DF_ETCD_TXN_OPS];
    DfEtcd__RequestOp inner_ops[DF_ETCD_TXN_OPS], *inner_list[DF_ETCD_TXN_OPS];
};

/** The keys of the rows; -EINVAL: *failed has none. */
int df_etcd_build_keys(struct df_etcd_build *build, size_t *failed);
/** What is told of the rows where they are not as they were believed to be. */
void df_etcd_build_reads(struct df_etcd_build *build);
/** That the rows are as `states` says. */
void df_etcd_build_compares(struct df_etcd_build *build);
/** What makes `next` of `states`. -ENOMEM; -E2BIG: more topics than DF_ETCD_NOTE_RANGES. */
int df_etcd_build_writes(struct df_etcd_build *build);
/** Packs the writes into inner transactions. -E2BIG. */
int df_etcd_build_nest(const struct df_etcd_build *build, struct df_etcd_shelf *shelf, DfEtcd__TxnRequest *request);
