/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/transaction.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dbsync/unique_key.h"

#define OWN_TOPIC "own" /* a topic that nobody follows */

void df_transaction_init(struct df_transaction *txn, const struct df_db_driver *driver, struct df_db *db,
                         struct df_announcer *announcer)
{
    *txn = (struct df_transaction){.driver = driver, .db = db, .announcer = announcer};
}

void df_transaction_clear(struct df_transaction *txn)
{
    for (size_t i = 0; i < txn->n_ops; i++) {
        free(txn->ops[i].data);
        free(txn->ops[i].topics);
    }
    free(txn->ops);
    free(txn->claims);
    df_transaction_init(txn, txn->driver, txn->db, txn->announcer);
}

static int keep_row(const struct df_db_row *row, void *arg)
{
    struct df_transaction_row *kept = arg;
    kept->data = malloc(row->len + 1);
    if (!kept->data)
        return -ENOMEM;
    if (row->len)
        memcpy(kept->data, row->data, row->len);
    kept->len = row->len;
    kept->revision = row->revision;
    return 0;
}

int df_transaction_read(struct df_transaction *txn, const char *table, const char *id, struct df_transaction_row *row,
                        struct df_error *error)
{
    *row = (struct df_transaction_row){0};
    int rc = txn->driver->get(txn->db, table, id, keep_row, row, error);
    return rc == -ENOENT ? 0 : rc;
}

int df_transaction_stage(struct df_transaction *txn, const char *table, const char *id, uint64_t revision, void *data,
                         size_t len, char *topics, struct df_error *error)
{
    if (txn->n_ops == txn->max_ops) {
        size_t max = txn->max_ops ? txn->max_ops * 2 : 8;
        struct df_transaction_op *ops = realloc(txn->ops, max * sizeof *ops);
        if (!ops) {
            free(data);
            free(topics);
            return df_error_set(error, -ENOMEM, "out of memory");
        }
        txn->ops = ops;
        txn->max_ops = max;
    }
    struct df_transaction_op *op = &txn->ops[txn->n_ops++];
    *op = (struct df_transaction_op){.table = table, .data = data, .len = len, .topics = topics, .revision = revision};
    snprintf(op->id, sizeof op->id, "%s", id);
    return 0;
}

int df_transaction_stage_own(struct df_transaction *txn, const char *table, const char *id, uint64_t revision,
                             void *data, size_t len, struct df_error *error)
{
    char *topics = strdup(OWN_TOPIC);
    if (topics)
        return df_transaction_stage(txn, table, id, revision, data, len, topics, error);
    free(data);
    return df_error_set(error, -ENOMEM, "out of memory");
}

int df_transaction_commit(struct df_transaction *txn, struct df_error *error)
{
    int rc = df_unique_key_stage_counters(txn, error);
    if (rc || txn->n_ops == 0)
        return rc;
    struct df_db_op *ops = calloc(txn->n_ops, sizeof *ops);
    if (!ops)
        return df_error_set(error, -ENOMEM, "out of memory");
    for (size_t i = 0; i < txn->n_ops; i++) {
        const struct df_transaction_op *from = &txn->ops[i];
        ops[i] = (struct df_db_op){.table = from->table,
                                   .id = from->id,
                                   .data = from->data,
                                   .len = from->len,
                                   .topics = from->topics,
                                   .expect = from->revision ? DF_DB_REVISION : DF_DB_ABSENT,
                                   .revision = from->revision};
    }
    size_t failed;
    uint64_t revision;
    rc = txn->driver->commit(txn->db, ops, txn->n_ops, &failed, &revision, error);
    if (rc == 0 && txn->announcer)
        df_announcer_tell(txn->announcer, ops, txn->n_ops, revision);
    free(ops);
    return rc;
}
