/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dbsync/drivers/log_store/store_private.h"

#define LOG_ENTRIES 4096
#define LOG_BYTES ((uint64_t)32 << 20)
#define TRIM_MAX 8
#define COURTESY_MAX_MS 100

struct commit {
    const struct df_store *store;
    const struct df_db_op *ops;
    size_t n, failed;
    uint64_t revision;
    struct df_state state; /* of one attempt, as is what follows */
    bool *exists;
    char *body;
    size_t len, changes;
    bool others; /* have helped with our transaction, so they want to commit, too */
};

static bool is_expected(const struct df_db_op *op, const struct df_stored *now)
{
    bool exists = now->revision && !now->deleted;
    switch (op->expect) {
    case DF_DB_ABSENT:
        return !exists;
    case DF_DB_REVISION:
        return exists && now->revision == op->revision;
    default:
        return true;
    }
}

static int check_expected(struct commit *commit, struct df_error *error)
{
    int rc = 0;
    for (size_t i = 0; i < commit->n && rc == 0; i++) {
        const struct df_db_op *op = &commit->ops[i];
        struct df_stored now;
        rc = df_stored_read(commit->store, op->table, op->id, &now, error);
        commit->exists[i] = now.revision && !now.deleted;
        if (rc == 0 && !is_expected(op, &now)) {
            commit->failed = i;
            rc = df_error_set(error, -EAGAIN, "%s '%s' was changed by another writer", op->table, op->id);
        }
        df_stored_clear(&now);
    }
    return rc;
}

/* To delete what is not there is no change. */
static bool is_change(const struct commit *commit, size_t i)
{
    return commit->ops[i].data || commit->exists[i];
}

static int make_body(struct commit *commit, struct df_error *error)
{
    commit->len = commit->changes = 0;
    for (size_t i = 0; i < commit->n; i++)
        if (is_change(commit, i)) {
            commit->len += df_body_size(&commit->ops[i]);
            commit->changes++;
        }
    commit->body = malloc(commit->len + 1);
    char *to = commit->body;
    if (!to)
        return df_store_no_memory(error);
    for (size_t i = 0; i < commit->n; i++)
        if (is_change(commit, i))
            to = df_body_put(to, &commit->ops[i]);
    return 0;
}

static int drop_key(const struct df_store *store, const char *key, uint64_t stamp)
{
    return store->ops->drop(store->kv, key, stamp, NULL);
}

/* A deleted row has to be remembered only as long as the log knows of it. */
static int drop_deleted(const struct df_db_row *row, void *arg)
{
    const struct df_store *store = arg;
    char key[DF_KV_KEY_MAX];
    if (!row->data) {
        drop_key(store, df_key_row("row", row->table, row->id, key), row->revision);
        drop_key(store, df_key_row("rest", row->table, row->id, key), row->revision);
    }
    return 0;
}

/* After the state says that the log begins later. What is left over when this fails is only room. */
static void drop_entry(const struct df_store *store, uint64_t revision)
{
    char key[DF_KV_KEY_MAX];
    struct df_entry entry;
    if (df_entry_read(store, revision, &entry, NULL) == 0) {
        df_body_tell(entry.body, entry.record.len, revision, drop_deleted, (void *)(uintptr_t)store);
        for (unsigned i = 0; i < entry.record.pieces; i++)
            drop_key(store, df_key_piece(entry.record.name, i, key), 1);
    }
    df_entry_clear(&entry);
    drop_key(store, df_key_log(revision, key), revision);
}

static int write_pieces(struct commit *commit, struct df_record *record, struct df_error *error)
{
    char key[DF_KV_KEY_MAX];
    int rc = 0;
    snprintf(record->name, sizeof record->name, "%" PRIx64 "-%" PRIx64, record->revision, df_store_random());
    for (unsigned i = 0; i * DF_RECORD_PIECE < commit->len && rc == 0; i++) {
        size_t at = i * DF_RECORD_PIECE, left = commit->len - at;
        struct df_kv_value piece = {1, commit->body + at, left < DF_RECORD_PIECE ? left : DF_RECORD_PIECE};
        record->pieces = i + 1;
        rc = commit->store->ops->swap(commit->store->kv, df_key_piece(record->name, i, key), 0, &piece, error);
        if (rc == -EINPROGRESS) /* nothing is committed yet */
            rc = -ETIMEDOUT;
    }
    return rc;
}

static void unwrite_pieces(struct commit *commit, const struct df_record *record)
{
    char key[DF_KV_KEY_MAX];
    for (unsigned i = 0; i < record->pieces; i++)
        drop_key(commit->store, df_key_piece(record->name, i, key), 1);
}

/* The length of the entry that falls out; 0: unknown, and the sum is a little too large for a while. */
static uint64_t length_of(const struct df_store *store, uint64_t revision)
{
    struct df_entry entry;
    uint64_t len = df_entry_read(store, revision, &entry, NULL) ? 0 : entry.record.len;
    df_entry_clear(&entry);
    return len;
}

static struct df_record next_record(const struct commit *commit)
{
    struct df_record next = {
        .revision = commit->state.record.revision + 1,
        .oldest = commit->state.record.oldest,
        .bytes = commit->state.record.bytes + commit->len,
        .len = commit->len,
    };
    if (commit->len <= DF_RECORD_PIECE)
        next.body = commit->body;
    for (int i = 0; i < TRIM_MAX && next.oldest < next.revision; i++) {
        if (next.revision - next.oldest < LOG_ENTRIES && next.bytes <= LOG_BYTES)
            break;
        uint64_t len = length_of(commit->store, next.oldest++);
        next.bytes -= len < next.bytes ? len : next.bytes;
    }
    return next;
}

/* The one write that commits. */
static int write_state(struct commit *commit, const struct df_record *next, struct df_error *error)
{
    struct df_kv_value value = {.stamp = 2 * next->revision, .data = malloc(df_record_size(next))};
    if (!value.data)
        return df_store_no_memory(error);
    value.len = df_record_put(value.data, next);
    int rc = commit->store->ops->swap(commit->store->kv, "state", commit->state.value.stamp, &value, error);
    free(value.data);
    return rc;
}

/* From here on the transaction is committed, and whoever writes next does what fails here. */
static void finish(struct commit *commit, const struct df_record *next)
{
    struct df_state state;
    if (df_state_read(commit->store, &state, NULL))
        return;
    if (!state.applied && state.record.revision == next->revision)
        df_apply(commit->store, &state, &commit->others, NULL);
    df_state_clear(&state);
    for (uint64_t revision = commit->state.record.oldest; revision < next->oldest; revision++)
        drop_entry(commit->store, revision);
}

/* -ESTALE: overtaken. */
static int write_all(struct commit *commit, struct df_error *error)
{
    struct df_record next = next_record(commit);
    int rc = next.body ? 0 : write_pieces(commit, &next, error);
    if (rc == 0)
        rc = write_state(commit, &next, error);
    if (rc && rc != -EINPROGRESS)
        unwrite_pieces(commit, &next);
    if (rc)
        return rc == -EAGAIN ? -ESTALE : rc;
    commit->revision = next.revision;
    finish(commit, &next);
    return 0;
}

static int attempt(struct commit *commit, struct df_error *error)
{
    int rc = df_state_read(commit->store, &commit->state, error);
    if (rc)
        return rc;
    if (!commit->state.applied) {
        bool theirs = false;
        rc = df_apply(commit->store, &commit->state, &theirs, error);
        rc = rc ? rc : -ESTALE;
    }
    if (rc == 0)
        rc = check_expected(commit, error);
    if (rc == 0)
        rc = make_body(commit, error);
    if (rc == 0 && commit->changes)
        rc = write_all(commit, error);
    else if (rc == 0)
        commit->revision = commit->state.record.revision;
    df_state_clear(&commit->state);
    free(commit->body);
    commit->body = NULL;
    return rc;
}

/*
 * Who has just committed knows first that the next one may begin, and would win every time. So one who saw that others
 * wait lets them go first, half of the times.
 */
static void give_way(struct df_store *store)
{
    unsigned ms = store->courtesy_ms < COURTESY_MAX_MS ? store->courtesy_ms : COURTESY_MAX_MS;
    store->courtesy_ms = 0;
    if (ms)
        poll(NULL, 0, (int)(df_store_random() % (2 * ms)));
}

int df_store_commit(struct df_store *store, const struct df_db_op *ops, size_t n, size_t *failed, uint64_t *revision,
                    struct df_error *error)
{
    int rc = df_body_check(ops, n, error);
    if (rc)
        return rc;
    struct commit commit = {.store = store, .ops = ops, .n = n, .exists = calloc(n + 1, sizeof *commit.exists)};
    if (!commit.exists)
        return df_store_no_memory(error);
    give_way(store);
    uint64_t begin = df_store_now_ms(), end = begin + store->timeout_ms;
    do
        rc = attempt(&commit, error);
    while (rc == -ESTALE && df_store_now_ms() < end);
    if (rc == -ESTALE)
        rc = df_error_set(error, -ETIMEDOUT, "%s:%s: other writers were quicker for %u ms", store->ops->name,
                          store->location, store->timeout_ms);
    if (commit.others)
        store->courtesy_ms = (unsigned)(df_store_now_ms() - begin) + 1;
    *failed = commit.failed;
    *revision = commit.revision;
    free(commit.exists);
    return rc;
}

/* Revisions go on where no database before this one can have been. Milliseconds, as a stamp has room for these only. */
int df_store_create(const struct df_store *store, struct df_error *error)
{
    char text[DF_RECORD_HEAD_MAX + DF_RECORD_NAME_MAX];
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t revision = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    struct df_record record = {.revision = revision, .oldest = revision + 1, .body = ""};
    struct df_kv_value value = {2 * revision + 1, text, df_record_put(text, &record)};
    int rc = store->ops->swap(store->kv, "state", 0, &value, error);
    return rc == -EAGAIN || rc == -EINPROGRESS ? 0 : rc;
}
