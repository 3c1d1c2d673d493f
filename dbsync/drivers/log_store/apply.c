/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dbsync/drivers/log_store/store_private.h"

/* What follows from a transaction, written as often as it takes: each write is kept out by one that is newer. */

#define ATTEMPTS 100

/* Writes unless what is there is as new. A lost answer is asked for again. */
static int raise_value(const struct df_store *store, const char *key, const struct df_kv_value *value, bool *others,
                       struct df_error *error)
{
    int rc = -EAGAIN;
    for (int i = 0; i < ATTEMPTS && (rc == -EAGAIN || rc == -EINPROGRESS); i++) {
        struct df_kv_value now = {0};
        rc = store->ops->read(store->kv, key, &now, error);
        free(now.data);
        if (rc && rc != -ENOENT)
            return rc;
        if (rc == 0 && now.stamp >= value->stamp) {
            *others = true;
            return 0;
        }
        rc = store->ops->swap(store->kv, key, rc == 0 ? now.stamp : 0, value, error);
    }
    return rc;
}

struct applying {
    const struct df_store *store;
    bool *others;
    struct df_error *error;
};

/* The rest first: a row's head says what there must be. */
static int write_row(struct applying *applying, const char *key, const char *rest_key, char *change, size_t total,
                     uint64_t revision)
{
    size_t here = total < DF_RECORD_PIECE ? total : DF_RECORD_PIECE;
    struct df_kv_value value = {revision, change + DF_ROW_HEAD + here, total - here};
    int rc = value.len ? raise_value(applying->store, rest_key, &value, applying->others, applying->error) : 0;
    if (rc)
        return rc;
    df_row_head_put(change, total);
    value = (struct df_kv_value){revision, change, DF_ROW_HEAD + here};
    return raise_value(applying->store, key, &value, applying->others, applying->error);
}

static int apply_row(const struct df_db_row *row, void *arg)
{
    struct applying *applying = arg;
    char key[DF_KV_KEY_MAX], rest_key[DF_KV_KEY_MAX];
    struct df_db_op op = {.table = row->table, .id = row->id, .data = row->data, .len = row->len};
    size_t total = df_body_size(&op);
    char *change = malloc(DF_ROW_HEAD + total);
    if (!change)
        return df_store_no_memory(applying->error);
    df_body_put(change + DF_ROW_HEAD, &op);
    df_key_row("row", row->table, row->id, key);
    df_key_row("rest", row->table, row->id, rest_key);
    int rc = write_row(applying, key, rest_key, change, total, row->revision);
    free(change);
    return rc;
}

static int write_log(const struct df_store *store, const struct df_state *state, bool *others, struct df_error *error)
{
    char key[DF_KV_KEY_MAX];
    struct df_kv_value value = {state->record.revision, state->value.data, state->value.len};
    return raise_value(store, df_key_log(state->record.revision, key), &value, others, error);
}

int df_apply(const struct df_store *store, const struct df_state *state, bool *others, struct df_error *error)
{
    struct applying applying = {store, others, error};
    struct df_entry entry;
    int rc = write_log(store, state, others, error);
    if (rc)
        return rc;
    rc = df_entry_of_state(store, state, &entry, error);
    if (rc == 0)
        rc = df_body_tell(entry.body, entry.record.len, entry.record.revision, apply_row, &applying);
    df_entry_clear(&entry);
    if (rc)
        return rc == -ESTALE ? 0 : rc;
    struct df_kv_value value = {state->value.stamp + 1, state->value.data, state->value.len};
    rc = store->ops->swap(store->kv, "state", state->value.stamp, &value, error);
    *others |= rc == -EAGAIN;
    return rc == -EAGAIN || rc == -EINPROGRESS ? 0 : rc;
}
