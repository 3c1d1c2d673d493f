/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/datapath/datapath.h"
#include "control/model/alloc.h"

/* Values are copied into chunks, which never move. One holds at least the longest value. */
#define CHUNK_SIZE (DF_VALUE_MAX + 1024)

struct chunk {
    struct chunk *next;
    size_t used;
    size_t size;
    uint8_t bytes[];
};

struct op {
    struct df_entry entry;
    const struct df_table_desc *desc; /* NULL: there is no such table */
    bool del;
    bool taken; /* by the backend, in this pass */
    size_t seq; /* in which the caller asked for it */
};

struct df_txn {
    struct op *op;
    size_t n, room;
    struct chunk *chunks;
};

typedef void (*failed_cb)(const struct df_entry *entry, const struct df_error *error, void *arg);

struct commit {
    struct df_datapath *dp;
    failed_cb failed;
    void *arg;
    size_t refused;
};

struct df_txn *df_txn_new(void)
{
    return df_alloc(sizeof(struct df_txn));
}

static void *keep(struct df_txn *txn, const void *value, size_t len)
{
    struct chunk *chunk = txn->chunks;
    if (!chunk || chunk->size - chunk->used < len) {
        size_t size = len > CHUNK_SIZE ? len : CHUNK_SIZE;
        chunk = df_realloc(NULL, sizeof(*chunk) + size);
        *chunk = (struct chunk){.next = txn->chunks, .size = size};
        txn->chunks = chunk;
    }
    void *kept = chunk->bytes + chunk->used;
    memcpy(kept, value, len);
    /* Values are arrays of 32-bit words and addresses. */
    size_t aligned = (len + 7) & ~(size_t)7;
    size_t left = chunk->size - chunk->used;
    chunk->used += aligned < left ? aligned : left;
    return kept;
}

static void add(struct df_txn *txn, const struct df_entry *entry, bool del)
{
    if (txn->n == txn->room) {
        txn->room = txn->room ? 2 * txn->room : 64;
        txn->op = df_realloc(txn->op, txn->room * sizeof(*txn->op));
    }
    struct op *op = &txn->op[txn->n];
    *op = (struct op){.entry = *entry, .desc = df_table_desc(entry->table), .del = del, .seq = txn->n};
    op->entry.value = entry->value && entry->value_len ? keep(txn, entry->value, entry->value_len) : NULL;
    txn->n++;
}

void df_txn_put(struct df_txn *txn, const struct df_entry *entry)
{
    add(txn, entry, false);
}

void df_txn_del(struct df_txn *txn, const struct df_entry *entry)
{
    add(txn, entry, true);
}

/* By place in the walk, then table, then key; of one key the put before the delete, a later put before an earlier. */
static int compare(const void *left, const void *right)
{
    const struct op *a = left, *b = right;
    unsigned order_a = a->desc ? a->desc->order : 0;
    unsigned order_b = b->desc ? b->desc->order : 0;
    if (order_a != order_b)
        return order_a < order_b ? -1 : 1;
    if (a->entry.table != b->entry.table)
        return a->entry.table < b->entry.table ? -1 : 1;
    if (a->entry.key_len != b->entry.key_len)
        return a->entry.key_len < b->entry.key_len ? -1 : 1;
    int keys = memcmp(a->entry.key, b->entry.key, a->entry.key_len);
    if (keys != 0)
        return keys;
    if (a->del != b->del)
        return a->del ? 1 : -1;
    return a->seq > b->seq ? -1 : 1;
}

static bool same_key(const struct op *a, const struct op *b)
{
    return a->entry.table == b->entry.table && a->entry.key_len == b->entry.key_len &&
           memcmp(a->entry.key, b->entry.key, a->entry.key_len) == 0;
}

/* Sorts, and leaves one operation for each key. */
static void arrange(struct df_txn *txn)
{
    size_t kept = 0;
    if (txn->n)
        qsort(txn->op, txn->n, sizeof(*txn->op), compare);
    for (size_t i = 0; i < txn->n; i++)
        if (kept == 0 || !same_key(&txn->op[kept - 1], &txn->op[i]))
            txn->op[kept++] = txn->op[i];
    txn->n = kept;
}

static int check(const struct op *op, struct df_error *error)
{
    const struct df_table_desc *desc = op->desc;
    const struct df_entry *entry = &op->entry;
    if (!desc)
        return df_error_set(error, -ENOENT, "there is no table %u; the service that brings it must register it in init",
                            entry->table);
    if (entry->key_len != desc->key_size)
        return df_error_set(error, -EINVAL, "table %s: a key of %u bytes where it has %u", desc->name, entry->key_len,
                            desc->key_size);
    if (op->del)
        return 0;
    uint32_t items = entry->value_len - desc->value_size;
    bool whole = entry->value_len >= desc->value_size && entry->value_len <= DF_VALUE_MAX &&
                 (desc->item_size ? items % desc->item_size == 0 : items == 0);
    if (!whole)
        return df_error_set(error, -EINVAL, "table %s: a value of %u bytes, which is not %u and items of %u",
                            desc->name, entry->value_len, desc->value_size, desc->item_size);
    return 0;
}

static void refuse(struct commit *commit, const struct op *op, int err, struct df_error *error)
{
    if (error->text[0] == '\0')
        df_error_set(error, err, "%s", strerror(-err));
    commit->refused++;
    if (commit->failed)
        commit->failed(&op->entry, error, commit->arg);
}

/* True when the backend took it. */
static bool apply(struct commit *commit, const struct op *op)
{
    struct df_datapath *dp = commit->dp;
    struct df_error error = {""};
    int err = check(op, &error);
    if (err == 0)
        err = op->del ? dp->ops->del(dp, &op->entry, &error) : dp->ops->put(dp, &op->entry, &error);
    if (err != 0) {
        refuse(commit, op, err, &error);
        return false;
    }
    if (op->del)
        dp->work.dels++;
    else
        dp->work.puts++;
    return true;
}

/* One table's puts or deletes, ops [from, to). What could not be published is as good as refused. */
static void apply_table(struct commit *commit, struct op *op, size_t from, size_t to, bool del)
{
    struct df_datapath *dp = commit->dp;
    bool any = false;
    for (size_t i = from; i < to; i++) {
        op[i].taken = op[i].del == del && apply(commit, &op[i]);
        any = any || op[i].taken;
    }
    int err = any && dp->ops->flush ? dp->ops->flush(dp, op[from].entry.table) : 0;
    for (size_t i = from; err != 0 && i < to; i++) {
        struct df_error error = {""};
        if (op[i].taken)
            refuse(commit, &op[i], err, &error);
    }
}

/* Puts go from the last table of the walk to the first, so that what leads to an entry comes after it. */
static void apply_puts(struct commit *commit, const struct df_txn *txn)
{
    size_t to = txn->n;
    while (to > 0) {
        size_t from = to - 1;
        while (from > 0 && txn->op[from - 1].entry.table == txn->op[to - 1].entry.table)
            from--;
        apply_table(commit, txn->op, from, to, false);
        to = from;
    }
}

/* Deletes go the other way. */
static void apply_dels(struct commit *commit, const struct df_txn *txn)
{
    size_t from = 0;
    while (from < txn->n) {
        size_t to = from + 1;
        while (to < txn->n && txn->op[to].entry.table == txn->op[from].entry.table)
            to++;
        apply_table(commit, txn->op, from, to, true);
        from = to;
    }
}

static void txn_free(struct df_txn *txn)
{
    while (txn->chunks) {
        struct chunk *chunk = txn->chunks;
        txn->chunks = chunk->next;
        free(chunk);
    }
    free(txn->op);
    free(txn);
}

size_t df_datapath_commit(struct df_datapath *dp, struct df_txn *txn, failed_cb failed, void *arg)
{
    struct commit commit = {.dp = dp, .failed = failed, .arg = arg};
    arrange(txn);
    apply_puts(&commit, txn);
    apply_dels(&commit, txn);
    if (txn->n)
        dp->work.commits++;
    txn_free(txn);
    return commit.refused;
}
