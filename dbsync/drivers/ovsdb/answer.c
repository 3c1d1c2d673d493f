/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/ovsdb/answer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static int bad(const char *what, struct df_error *error)
{
    return df_error_set(error, -EPROTO, "the server's answer has no good %s", what);
}

/* Updates of monitors leave out what has its default value, ovsdb-server(7), 4.1.14: zero, "", no element. */
static int get_number(const json_t *columns, const char *name, uint64_t *number, struct df_error *error)
{
    const json_t *value = json_object_get(columns, name);
    *number = 0;
    if (!value)
        return 0;
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return bad(name, error);
    *number = (uint64_t)json_integer_value(value);
    return 0;
}

/* A string of ours of limited length. */
static int get_name(const json_t *columns, const char *column, char name[DF_OVSDB_NAME_MAX + 1], struct df_error *error)
{
    char bytes[2 * DF_OVSDB_NAME_MAX + 1];
    const json_t *value = json_object_get(columns, column);
    size_t len = json_string_length(value);
    if (!json_is_string(value) || len == 0 || len >= sizeof bytes ||
        df_ovsdb_text_bytes(json_string_value(value), len, bytes, &len) || len > DF_OVSDB_NAME_MAX ||
        memchr(bytes, '\0', len))
        return bad(column, error);
    memcpy(name, bytes, len + 1);
    return 0;
}

/* The columns of the one row of a table that was changed so: {table: {uuid: {"initial": columns}}}; or NULL. */
static const json_t *only_row(const json_t *updates, const char *table, const char *const kinds[])
{
    const char *uuid;
    json_t *row;
    json_object_foreach(json_object_get(updates, table), uuid, row) {
        for (size_t i = 0; kinds[i]; i++) {
            const json_t *columns = json_object_get(row, kinds[i]);
            if (columns)
                return columns;
        }
    }
    return NULL;
}

static const char *const set_kinds[] = {"initial", "insert", "modify", NULL};
static const char *const delete_kind[] = {"delete", NULL};

int df_ovsdb_answer_server_update(const json_t *updates, struct df_error *error)
{
    const json_t *columns = only_row(updates, "Database", set_kinds);
    if (json_is_false(json_object_get(columns, "connected")))
        return df_error_set(error, -EHOSTDOWN, "the server is out of touch with its cluster");
    return 0;
}

/* The major version of a schema says whether we can read it: "1.0.0". */
static int check_schema(const char *text, struct df_error *error)
{
    json_t *schema = json_loads(text, 0, NULL);
    const char *version = json_string_value(json_object_get(schema, "version"));
    unsigned long major = version ? strtoul(version, NULL, 10) : 0;
    bool is_ours = json_object_get(json_object_get(schema, "tables"), "Change") != NULL;
    json_decref(schema);
    if (!is_ours)
        return df_error_set(error, -EPROTO, "the database's schema is not dragonflow-nb.ovsschema");
    if (major != DF_OVSDB_VERSION)
        return df_error_set(error, -EPROTO,
                            "the database's schema has version %lu, this program knows %d: use a newer "
                            "Dragonflow",
                            major, DF_OVSDB_VERSION);
    return 0;
}

int df_ovsdb_answer_server(const json_t *updates, struct df_error *error)
{
    const json_t *columns = only_row(updates, "Database", set_kinds);
    if (!columns)
        return df_error_set(error, -ENOENT,
                            "the server has no database Dragonflow_Northbound: make one with "
                            "`ovsdb-tool create` (or create-cluster) of dragonflow-nb.ovsschema and "
                            "serve it, then run df-db init");
    int rc = df_ovsdb_answer_server_update(updates, error);
    const char *schema = json_string_value(json_object_get(columns, "schema"));
    if (rc == 0 && !schema)
        rc = df_error_set(error, -EHOSTDOWN, "the server does not have the database yet");
    return rc ? rc : check_schema(schema, error);
}

const json_t *df_ovsdb_answer_rows(const json_t *result, struct df_error *error)
{
    const json_t *rows = json_object_get(result, "rows");
    if (!json_is_array(rows))
        bad("rows", error);
    return json_is_array(rows) ? rows : NULL;
}

int df_ovsdb_answer_number(const json_t *result, const char *column, uint64_t *number, struct df_error *error)
{
    const json_t *rows = df_ovsdb_answer_rows(result, error);
    *number = 0;
    if (!rows)
        return -EPROTO;
    return json_array_size(rows) ? get_number(json_array_get(rows, 0), column, number, error) : 0;
}

static int get_instance(const json_t *columns, char instance[DF_OVSDB_UUID_LEN + 1], struct df_error *error)
{
    const char *text = json_string_value(json_object_get(columns, "instance"));
    if (!text || strlen(text) != DF_OVSDB_UUID_LEN)
        return bad("instance", error);
    memcpy(instance, text, DF_OVSDB_UUID_LEN + 1);
    return 0;
}

int df_ovsdb_answer_head(const json_t *revision, const json_t *meta, struct df_ovsdb_head *head, struct df_error *error)
{
    const json_t *rows = df_ovsdb_answer_rows(meta, error), *columns = json_array_get(rows, 0);
    *head = (struct df_ovsdb_head){0};
    int rc = rows ? df_ovsdb_answer_number(revision, "revision", &head->revision, error) : -EPROTO;
    if (rc || !columns)
        return rc;
    head->is_there = true;
    struct {
        const char *name;
        uint64_t *to;
    } numbers[] = {{"version", &head->version},
                   {"floor", &head->floor},
                   {"mark", &head->mark},
                   {"log_bytes", &head->log_bytes},
                   {"log_rows", &head->log_rows}};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0] && rc == 0; i++)
        rc = get_number(columns, numbers[i].name, numbers[i].to, error);
    return rc ? rc : get_instance(columns, head->instance, error);
}

void df_ovsdb_scratch_free(struct df_ovsdb_scratch *scratch)
{
    free(scratch->data);
    *scratch = (struct df_ovsdb_scratch){0};
}

int df_ovsdb_answer_row(const json_t *columns, struct df_ovsdb_scratch *scratch, struct df_db_row *row,
                        struct df_error *error)
{
    *row = (struct df_db_row){.table = scratch->table, .id = scratch->id};
    int rc = get_name(columns, "table_name", scratch->table, error);
    if (rc == 0)
        rc = get_name(columns, "id", scratch->id, error);
    if (rc == 0)
        rc = get_number(columns, "revision", &row->revision, error);
    if (rc)
        return rc;
    const json_t *data = json_object_get(columns, "data");
    const char *text = data ? json_string_value(data) : "";
    size_t len = json_string_length(data);
    if (!text || len > 2 * DF_OVSDB_DATA_MAX)
        return bad("data", error);
    if (len + 1 > scratch->size) {
        char *larger = realloc(scratch->data, len + 1);
        if (!larger)
            return df_error_set(error, -ENOMEM, "out of memory");
        scratch->data = larger;
        scratch->size = len + 1;
    }
    row->data = scratch->data;
    return df_ovsdb_text_bytes(text, len, scratch->data, &row->len) ? bad("data", error) : 0;
}

int df_ovsdb_answer_verdict(const json_t *result, size_t operations, struct df_ovsdb_verdict *verdict,
                            struct df_error *error)
{
    *verdict = (struct df_ovsdb_verdict){0};
    size_t n = json_array_size(result);
    for (; verdict->at < n; verdict->at++) {
        const json_t *one = json_array_get(result, verdict->at);
        verdict->tag = json_string_value(json_object_get(one, "error"));
        if (verdict->tag) {
            verdict->details = json_string_value(json_object_get(one, "details"));
            return 0;
        }
        if (!json_is_object(one))
            return bad("result of a transaction", error);
    }
    return n == operations ? 0 : bad("number of results", error);
}

int df_ovsdb_answer_lease(const json_t *columns, struct df_ovsdb_lease *lease, struct df_error *error)
{
    int rc = get_name(columns, "name", lease->name, error);
    if (rc == 0)
        rc = get_name(columns, "owner", lease->owner, error);
    if (rc == 0)
        rc = get_number(columns, "beats", &lease->beats, error);
    return rc ? rc : get_number(columns, "ttl", &lease->ttl, error);
}

/* Batches. */

static int compare_changes(const void *a, const void *b)
{
    const struct df_ovsdb_change *x = a, *y = b;
    if (x->revision != y->revision)
        return x->revision < y->revision ? -1 : 1;
    return x->sequence < y->sequence ? -1 : x->sequence > y->sequence;
}

/* "data" is a set of none, a deletion, or one string. */
static const json_t *data_of(const json_t *columns)
{
    const json_t *data = json_object_get(columns, "data");
    return json_is_string(data) ? data : json_array_get(json_array_get(data, 1), 0);
}

static size_t room_for(const json_t *columns)
{
    return 2 * (DF_OVSDB_NAME_MAX + 1) + json_string_length(data_of(columns)) + 1;
}

/* Decodes into *room, and moves it on. */
static int get_change(const json_t *columns, char **room, struct df_ovsdb_change *change, struct df_error *error)
{
    char *table = *room, *id = table + DF_OVSDB_NAME_MAX + 1, *to = id + DF_OVSDB_NAME_MAX + 1;
    const json_t *data = data_of(columns);
    int rc = get_name(columns, "table_name", table, error);
    if (rc == 0)
        rc = get_name(columns, "id", id, error);
    if (rc == 0)
        rc = get_number(columns, "revision", &change->revision, error);
    if (rc == 0)
        rc = get_number(columns, "sequence", &change->sequence, error);
    if (rc)
        return rc;
    change->row = (struct df_db_row){.table = table, .id = id, .revision = change->revision};
    *room += room_for(columns);
    if (!data)
        return 0;
    size_t len = json_string_length(data);
    if (!json_is_string(data) || len > 2 * DF_OVSDB_DATA_MAX ||
        df_ovsdb_text_bytes(json_string_value(data), len, to, &change->row.len))
        return bad("data", error);
    change->row.data = to;
    return 0;
}

static const json_t *set_columns(const json_t *row)
{
    const json_t *columns = json_object_get(row, "insert");
    return columns ? columns : json_object_get(row, "initial");
}

static int get_changes(const json_t *rows, char *room, struct df_ovsdb_batch *batch, struct df_error *error)
{
    const char *uuid;
    json_t *row;
    json_object_foreach((json_t *)(uintptr_t)rows, uuid, row) {
        const json_t *columns = set_columns(row);
        int rc = columns ? get_change(columns, &room, &batch->changes[batch->n++], error) : 0;
        if (rc)
            return rc;
    }
    if (batch->n)
        qsort(batch->changes, batch->n, sizeof batch->changes[0], compare_changes);
    return 0;
}

static int get_log_state(const json_t *updates, struct df_ovsdb_batch *batch, struct df_error *error)
{
    const json_t *meta = only_row(updates, "Meta", set_kinds), *revision = only_row(updates, "Revision", set_kinds);
    bool is_whole = json_object_get(meta, "instance") != NULL;
    batch->has_instance = is_whole || only_row(updates, "Meta", delete_kind);
    batch->has_floor = is_whole || json_object_get(meta, "floor");
    batch->has_mark = is_whole || json_object_get(meta, "mark");
    int rc = get_number(meta, "floor", &batch->floor, error);
    if (rc == 0)
        rc = get_number(meta, "mark", &batch->mark, error);
    if (rc == 0 && is_whole)
        rc = get_instance(meta, batch->instance, error);
    if (rc == 0 && revision)
        rc = get_number(revision, "revision", &batch->revision, error);
    return rc;
}

int df_ovsdb_answer_batch(const json_t *updates, struct df_ovsdb_batch **batch, struct df_error *error)
{
    json_t *rows = json_object_get(updates, "Change"), *row;
    const char *uuid;
    size_t n = 0, room = 0;
    if (!json_is_object(updates))
        return bad("updates", error);
    json_object_foreach(rows, uuid, row) {
        const json_t *columns = set_columns(row);
        n += columns != NULL;
        room += columns ? room_for(columns) : 0;
    }
    size_t bytes = sizeof **batch + n * sizeof(*batch)->changes[0] + room;
    struct df_ovsdb_batch *new = calloc(1, bytes);
    if (!new)
        return df_error_set(error, -ENOMEM, "out of memory");
    new->bytes = bytes;
    int rc = get_changes(rows, (char *)&new->changes[n], new, error);
    if (rc == 0)
        rc = get_log_state(updates, new, error);
    if (rc)
        free(new);
    else
        *batch = new;
    return rc;
}
