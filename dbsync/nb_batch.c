/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dbsync/field.h"
#include "dbsync/nb_private.h"
#include "dbsync/row.h"

/* Large enough that a commit's fsync does not count, small enough that a watcher is never far behind. */
#define BATCH_OBJECTS 1000
#define BATCH_BYTES ((size_t)8 << 20)

struct item {
    enum df_nb_table table;
    size_t order; /* of the put */
    char *id;
    void *data;
    size_t len;
};

struct df_nb_batch {
    struct df_nb *nb;
    struct item items[BATCH_OBJECTS];
    size_t n, bytes;
};

int df_nb_batch_begin(struct df_nb *nb, struct df_nb_batch **batch)
{
    *batch = calloc(1, sizeof **batch);
    if (!*batch)
        return -ENOMEM;
    (*batch)->nb = nb;
    return 0;
}

static void drop_items(struct df_nb_batch *batch, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        batch->bytes -= batch->items[i].len;
        free(batch->items[i].id);
        free(batch->items[i].data);
    }
    batch->n -= n;
    memmove(batch->items, batch->items + n, batch->n * sizeof batch->items[0]);
}

static int compare_items(const void *a, const void *b)
{
    const struct item *x = a, *y = b;
    if (x->table != y->table)
        return x->table < y->table ? -1 : 1;
    int rc = strcmp(x->id, y->id);
    return rc ? rc : x->order < y->order ? -1 : 1;
}

/* Of several puts of one object only the last counts: in one transaction a row is written once. */
static bool is_overwritten(const struct df_nb_batch *batch, size_t i)
{
    const struct item *item = &batch->items[i], *next = item + 1;
    return i + 1 < batch->n && next->table == item->table && strcmp(next->id, item->id) == 0;
}

static int stage_items(struct df_nb_batch *batch, struct df_transaction *txn, size_t n, struct df_error *error)
{
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++) {
        const struct item *item = &batch->items[i];
        ProtobufCMessage *object;
        if (is_overwritten(batch, i))
            continue;
        rc = df_row_decode(item->table, item->id, item->data, item->len, &object, error);
        if (rc)
            break;
        rc = df_nb_stage(txn, DF_NB_PUT, item->table, object, error);
        protobuf_c_message_free_unpacked(object, NULL);
    }
    return rc;
}

/* An object is mostly its row and that of its unique_key, and there is a row that counts; -E2BIG tells when it is more. */
static size_t objects_of_one_commit(const struct df_nb_batch *batch)
{
    size_t max = batch->nb->driver->max_ops / 2;
    return max > 1 && max - 1 < batch->n ? max - 1 : batch->n;
}

/*
 * Commits everything. A large transaction loses against writers of single objects, who are quicker every time, so a
 * lost attempt is repeated at half the size; so is one with more bytes than the database takes.
 */
static int flush(struct df_nb_batch *batch, struct df_error *error)
{
    struct df_transaction txn;
    df_transaction_init(&txn, batch->nb->driver, batch->nb->db, batch->nb->announcer);
    qsort(batch->items, batch->n, sizeof batch->items[0], compare_items);
    size_t n = objects_of_one_commit(batch);
    int rc = 0, lost = 0;
    while (batch->n && rc == 0) {
        rc = stage_items(batch, &txn, n, error);
        if (rc == 0)
            rc = df_transaction_commit(&txn, error);
        df_transaction_clear(&txn);
        if ((rc == -EAGAIN && lost++ < DF_NB_ATTEMPTS) || (rc == -E2BIG && n > 1)) {
            n = n > 1 ? n / 2 : 1;
            rc = 0;
        } else if (rc == 0) {
            drop_items(batch, n);
            n = n < batch->n ? n : batch->n;
            lost = 0;
        }
    }
    return rc;
}

int df_nb_batch_put(struct df_nb_batch *batch, enum df_nb_table table, const ProtobufCMessage *object,
                    struct df_error *error)
{
    int rc = df_schema_check(table, object, error);
    if (rc)
        return rc;
    if (batch->n == BATCH_OBJECTS || batch->bytes > BATCH_BYTES) {
        rc = flush(batch, error);
        if (rc)
            return rc;
    }
    struct item item = {.table = table, .order = batch->n, .id = strdup(df_schema_id(object))};
    rc = item.id ? df_row_encode(table, object, &item.data, &item.len, error)
                 : df_error_set(error, -ENOMEM, "out of memory");
    if (rc) {
        free(item.id);
        return rc;
    }
    batch->items[batch->n++] = item;
    batch->bytes += item.len;
    return 0;
}

int df_nb_batch_end(struct df_nb_batch *batch, struct df_error *error)
{
    int rc = flush(batch, error);
    drop_items(batch, batch->n);
    free(batch);
    return rc;
}
