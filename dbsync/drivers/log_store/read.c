/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dbsync/drivers/log_store/store_private.h"

/* The state, transactions and rows as they are stored. */

static void clear_value(struct df_kv_value *value)
{
    free(value->data);
    *value = (struct df_kv_value){0};
}

static int take_record(const struct df_store *store, const char *key, struct df_record *record,
                       const struct df_kv_value *value, struct df_error *error)
{
    int rc = df_record_take(record, value->data, value->len);
    if (rc == -EPROTONOSUPPORT)
        return df_error_set(error, -EPROTO, "%s:%s: the database is of a newer version: upgrade this program",
                            store->ops->name, store->location);
    return rc ? df_store_malformed(store, key, error) : 0;
}

int df_state_read(const struct df_store *store, struct df_state *state, struct df_error *error)
{
    *state = (struct df_state){0};
    int rc = store->ops->read(store->kv, "state", &state->value, error);
    if (rc == -ENOENT)
        return df_error_set(error, -ENODEV, "%s:%s: the database was removed: it must be opened again",
                            store->ops->name, store->location);
    if (rc == 0)
        rc = take_record(store, "state", &state->record, &state->value, error);
    if (rc == 0 && state->value.stamp / 2 != state->record.revision)
        rc = df_store_malformed(store, "state", error);
    state->applied = state->value.stamp % 2;
    if (rc)
        df_state_clear(state);
    return rc;
}

void df_state_clear(struct df_state *state)
{
    clear_value(&state->value);
}

static int read_piece(const struct df_store *store, struct df_entry *entry, unsigned i, struct df_error *error)
{
    char key[DF_KV_KEY_MAX];
    struct df_kv_value piece = {0};
    size_t at = i * DF_RECORD_PIECE, left = entry->record.len - at;
    df_key_piece(entry->record.name, i, key);
    int rc = store->ops->read(store->kv, key, &piece, error);
    if (rc == -ENOENT)
        return df_error_set(error, -ESTALE, "%s:%s: %s is gone", store->ops->name, store->location, key);
    if (rc == 0 && piece.len != (left < DF_RECORD_PIECE ? left : DF_RECORD_PIECE))
        rc = df_store_malformed(store, key, error);
    if (rc == 0)
        memcpy(entry->whole + at, piece.data, piece.len);
    clear_value(&piece);
    return rc;
}

static int read_body(const struct df_store *store, struct df_entry *entry, struct df_error *error)
{
    char key[DF_KV_KEY_MAX];
    int rc = 0;
    entry->body = entry->record.body;
    if (!entry->body) {
        entry->whole = malloc(entry->record.len);
        entry->body = entry->whole;
        rc = entry->whole ? 0 : df_store_no_memory(error);
        for (unsigned i = 0; i < entry->record.pieces && rc == 0; i++)
            rc = read_piece(store, entry, i, error);
    }
    if (rc == 0 && df_body_verify(entry->body, entry->record.len))
        rc = df_store_malformed(store, df_key_log(entry->record.revision, key), error);
    return rc;
}

int df_entry_read(const struct df_store *store, uint64_t revision, struct df_entry *entry, struct df_error *error)
{
    char key[DF_KV_KEY_MAX];
    *entry = (struct df_entry){0};
    int rc = store->ops->read(store->kv, df_key_log(revision, key), &entry->value, error);
    if (rc == -ENOENT)
        return df_error_set(error, -ESTALE, "%s:%s: revision %llu is not in the log", store->ops->name, store->location,
                            (unsigned long long)revision);
    if (rc == 0)
        rc = take_record(store, key, &entry->record, &entry->value, error);
    if (rc == 0 && entry->record.revision != revision)
        rc = df_store_malformed(store, key, error);
    return rc ? rc : read_body(store, entry, error);
}

int df_entry_of_state(const struct df_store *store, const struct df_state *state, struct df_entry *entry,
                      struct df_error *error)
{
    *entry = (struct df_entry){.record = state->record};
    return read_body(store, entry, error);
}

void df_entry_clear(struct df_entry *entry)
{
    clear_value(&entry->value);
    free(entry->whole);
    *entry = (struct df_entry){0};
}

/* The rest belongs to the row when it has its stamp. */
static int read_rest(const struct df_store *store, const char *key, struct df_stored *row,
                     const struct df_row_record *record, struct df_error *error)
{
    char rest_key[DF_KV_KEY_MAX];
    struct df_kv_value rest = {0};
    snprintf(rest_key, sizeof rest_key, "rest%s", key + strlen("row"));
    int rc = store->ops->read(store->kv, rest_key, &rest, error);
    if (rc && rc != -ENOENT)
        return rc;
    if (rc == 0 && rest.stamp == row->revision && rest.len == record->total - record->len) {
        row->whole = malloc(record->total);
        if (row->whole) {
            memcpy(row->whole, record->data, record->len);
            memcpy(row->whole + record->len, rest.data, rest.len);
        }
        row->change = row->whole;
        row->len = record->total;
    }
    clear_value(&rest);
    return 0;
}

static int note_deleted(const struct df_db_row *row, void *arg)
{
    struct df_stored *stored = arg;
    stored->deleted = !row->data;
    return 0;
}

int df_stored_take(const struct df_store *store, const char *key, struct df_kv_value value, struct df_stored *row,
                   struct df_error *error)
{
    struct df_row_record record;
    *row = (struct df_stored){.value = value, .revision = value.stamp};
    if (df_row_record_take(&record, value.data, value.len))
        return df_store_malformed(store, key, error);
    row->change = record.data;
    row->len = record.len;
    if (record.total > record.len) {
        row->change = NULL;
        return read_rest(store, key, row, &record, error);
    }
    if (df_body_verify(row->change, row->len))
        return df_store_malformed(store, key, error);
    df_body_tell(row->change, row->len, row->revision, note_deleted, row);
    return 0;
}

int df_stored_read(const struct df_store *store, const char *table, const char *id, struct df_stored *row,
                   struct df_error *error)
{
    char key[DF_KV_KEY_MAX];
    struct df_kv_value value = {0};
    *row = (struct df_stored){0};
    int rc = store->ops->read(store->kv, df_key_row("row", table, id, key), &value, error);
    if (rc)
        return rc == -ENOENT ? 0 : rc;
    return df_stored_take(store, key, value, row, error);
}

void df_stored_clear(struct df_stored *row)
{
    clear_value(&row->value);
    free(row->whole);
    *row = (struct df_stored){0};
}
