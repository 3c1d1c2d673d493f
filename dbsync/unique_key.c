/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/unique_key.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void index_id(enum df_nb_table table, uint32_t key, char id[DF_TRANSACTION_ID_MAX])
{
    snprintf(id, DF_TRANSACTION_ID_MAX, "%s:%" PRIu32, df_schema_table(table)->name, key);
}

/* A counter is decimal text, which every database can show. */
static int parse_counter(const struct df_transaction_row *row, uint32_t *value)
{
    char text[16] = "";
    if (row->len == 0 || row->len >= sizeof text)
        return -EBADMSG;
    memcpy(text, row->data, row->len);
    char *end;
    unsigned long long number = strtoull(text, &end, 10);
    if (*end || number >= DF_UNIQUE_KEY_NAMED)
        return -EBADMSG;
    *value = (uint32_t)number;
    return 0;
}

static int load_counter(struct df_transaction *txn, enum df_nb_table table, struct df_error *error)
{
    struct df_transaction_counter *counter = &txn->counters[table];
    if (counter->loaded)
        return 0;
    struct df_transaction_row row;
    const char *name = df_schema_table(table)->name;
    int rc = df_transaction_read(txn, DF_UNIQUE_KEY_TABLE, name, &row, error);
    if (rc)
        return rc;
    counter->value = 0;
    counter->revision = row.revision;
    if (row.revision && parse_counter(&row, &counter->value))
        rc = df_error_set(error, -EBADMSG, "%s '%s': the row is not a counter", DF_UNIQUE_KEY_TABLE, name);
    free(row.data);
    counter->loaded = rc == 0;
    return rc;
}

static bool is_claimed(const struct df_transaction *txn, enum df_nb_table table, uint32_t key)
{
    for (size_t i = 0; i < txn->n_claims; i++)
        if (txn->claims[i].table == table && txn->claims[i].key == key)
            return true;
    return false;
}

static int claim(struct df_transaction *txn, enum df_nb_table table, uint32_t key, struct df_error *error)
{
    if (txn->n_claims == txn->max_claims) {
        size_t max = txn->max_claims ? txn->max_claims * 2 : 8;
        struct df_transaction_claim *claims = realloc(txn->claims, max * sizeof *claims);
        if (!claims)
            return df_error_set(error, -ENOMEM, "out of memory");
        txn->claims = claims;
        txn->max_claims = max;
    }
    txn->claims[txn->n_claims++] = (struct df_transaction_claim){table, key};
    return 0;
}

/* Takes a key that nobody has; index_revision: of its row, when that names this object already. */
static int take(struct df_transaction *txn, enum df_nb_table table, const char *id, uint32_t key,
                uint64_t index_revision, struct df_error *error)
{
    int rc = claim(txn, table, key, error);
    if (rc)
        return rc;
    char index[DF_TRANSACTION_ID_MAX];
    index_id(table, key, index);
    char *owner = strdup(id);
    if (!owner)
        return df_error_set(error, -ENOMEM, "out of memory");
    return df_transaction_stage_own(txn, DF_UNIQUE_KEY_TABLE, index, index_revision, owner, strlen(owner), error);
}

/* Takes the key that the object names. *taken: whether it was free. */
static int take_named(struct df_transaction *txn, enum df_nb_table table, const char *id, uint32_t key, bool *taken,
                      struct df_error *error)
{
    char index[DF_TRANSACTION_ID_MAX];
    struct df_transaction_row row;
    *taken = false;
    if (is_claimed(txn, table, key))
        return 0;
    index_id(table, key, index);
    int rc = df_transaction_read(txn, DF_UNIQUE_KEY_TABLE, index, &row, error);
    if (rc)
        return rc;
    bool mine = row.revision && row.len == strlen(id) && memcmp(row.data, id, row.len) == 0;
    free(row.data);
    if (row.revision && !mine)
        return 0;
    *taken = true;
    if (key < DF_UNIQUE_KEY_NAMED) {
        rc = load_counter(txn, table, error);
        if (rc)
            return rc;
        struct df_transaction_counter *counter = &txn->counters[table];
        if (key > counter->value) {
            counter->value = key;
            counter->changed = true;
        }
    }
    return take(txn, table, id, key, row.revision, error);
}

static int take_next(struct df_transaction *txn, enum df_nb_table table, const char *id, uint32_t *key,
                     struct df_error *error)
{
    int rc = load_counter(txn, table, error);
    if (rc)
        return rc;
    struct df_transaction_counter *counter = &txn->counters[table];
    if (counter->value + 1 >= DF_UNIQUE_KEY_NAMED)
        return df_error_set(error, -ENOSPC, "%s '%s': unique_key: all keys of the table were given out",
                            df_schema_table(table)->name, id);
    *key = ++counter->value;
    counter->changed = true;
    return take(txn, table, id, *key, 0, error);
}

int df_unique_key_assign(struct df_transaction *txn, enum df_nb_table table, const char *id, uint32_t stored,
                         uint32_t wanted, uint32_t *key, struct df_error *error)
{
    *key = stored;
    if (wanted && wanted != stored) {
        bool taken;
        int rc = take_named(txn, table, id, wanted, &taken, error);
        if (rc)
            return rc;
        if (taken) {
            *key = wanted;
            return stored ? df_unique_key_release(txn, table, stored, error) : 0;
        }
    }
    return stored ? 0 : take_next(txn, table, id, key, error);
}

int df_unique_key_release(struct df_transaction *txn, enum df_nb_table table, uint32_t key, struct df_error *error)
{
    char index[DF_TRANSACTION_ID_MAX];
    struct df_transaction_row row;
    index_id(table, key, index);
    int rc = df_transaction_read(txn, DF_UNIQUE_KEY_TABLE, index, &row, error);
    if (rc || !row.revision)
        return rc;
    free(row.data);
    return df_transaction_stage_own(txn, DF_UNIQUE_KEY_TABLE, index, row.revision, NULL, 0, error);
}

int df_unique_key_stage_counters(struct df_transaction *txn, struct df_error *error)
{
    for (enum df_nb_table table = 0; table < DF_NB_TABLES; table++) {
        const struct df_transaction_counter *counter = &txn->counters[table];
        char *text;
        if (!counter->changed)
            continue;
        int len = asprintf(&text, "%" PRIu32, counter->value);
        if (len < 0)
            return df_error_set(error, -ENOMEM, "out of memory");
        int rc = df_transaction_stage_own(txn, DF_UNIQUE_KEY_TABLE, df_schema_table(table)->name, counter->revision,
                                          text, (size_t)len, error);
        if (rc)
            return rc;
    }
    return 0;
}
