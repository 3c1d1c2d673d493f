/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/ovsdb/plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dbsync/drivers/ovsdb/session.h"

json_t *df_ovsdb_where(const char *uuid)
{
    return uuid ? json_pack("[[s, s, [s, s]]]", "_uuid", "==", "uuid", uuid) : json_array();
}

json_t *df_ovsdb_select(const char *table, const char *uuid, json_t *columns)
{
    return json_pack("{s:s, s:s, s:o, s:o}", "op", "select", "table", table, "where", df_ovsdb_where(uuid), "columns",
                     columns);
}

json_t *df_ovsdb_demand(const char *table, const char *uuid, json_t *columns, json_t *row)
{
    json_t *rows = row ? json_pack("[o]", row) : json_array();
    return json_pack("{s:s, s:i, s:s, s:o, s:o, s:s, s:o}", "op", "wait", "timeout", 0, "table", table, "where",
                     df_ovsdb_where(uuid), "columns", columns, "until", "==", "rows", rows);
}

/* A set has each word once, or OVSDB refuses it. word is taken. */
static void add_word(json_t *words, json_t *word)
{
    size_t i;
    json_t *other;
    json_array_foreach(words, i, other)
        if (json_equal(other, word)) {
            json_decref(word);
            return;
        }
    json_array_append_new(words, word);
}

json_t *df_ovsdb_topics(const char *words)
{
    json_t *list = json_array();
    for (const char *at = words ? words : ""; *at;) {
        size_t len = strcspn(at, " ");
        if (len)
            add_word(list, df_ovsdb_text(at, len));
        at += len + (at[len] == ' ');
    }
    return json_pack("[s, o]", "set", list);
}

/*
 * What a row had and what it has now: who followed the old topics must hear of the change, too. A set is ["set", [...]],
 * or the string where it has one element, RFC 7047, 5.1. None means everybody.
 */
static void unite(json_t *now, json_t *before)
{
    json_t *words = json_array_get(now, 1), *old = json_is_string(before) ? NULL : json_array_get(before, 1), *word;
    size_t i;
    if (!json_is_string(before) && json_array_size(old) == 0)
        json_array_clear(words);
    if (json_array_size(words) == 0)
        return;
    if (json_is_string(before))
        add_word(words, json_incref(before));
    json_array_foreach(old, i, word)
        add_word(words, json_incref(word));
}

static void own_uuid(const struct df_ovsdb_wish *wish, size_t change, char uuid[DF_OVSDB_UUID_LEN + 1])
{
    unsigned char name[sizeof wish->commit_id + sizeof change];
    memcpy(name, wish->commit_id, sizeof wish->commit_id);
    memcpy(name + sizeof wish->commit_id, &change, sizeof change);
    df_ovsdb_uuid("change", name, sizeof name, uuid);
}

/* Adds an operation, which is taken. Memory that is out is noticed when the plan is whole. */
static void add(struct df_ovsdb_plan *plan, json_t *operation, size_t op, enum df_ovsdb_role role)
{
    if (plan->n < plan->max)
        plan->steps[plan->n] = (struct df_ovsdb_step){.op = (uint32_t)op, .role = role};
    plan->n++;
    json_array_append_new(plan->params, operation);
}

static json_t *columns_of(const char *name)
{
    return json_pack("[s]", name);
}

static void add_demands(struct df_ovsdb_plan *plan, const struct df_db_op *op, size_t i, const char *uuid,
                        json_t *topics)
{
    json_t *row = NULL;
    if (op->expect == DF_DB_REVISION)
        row = json_pack("{s:I}", "revision", (json_int_t)op->revision);
    add(plan, df_ovsdb_demand("Row", uuid, columns_of("revision"), row), i, DF_OVSDB_ROLE_DEMAND);
    /* Whoever was told of the row must be told of the change: the log row's topics must cover the row's old ones. */
    if (op->expect == DF_DB_REVISION)
        add(plan, df_ovsdb_demand("Row", uuid, columns_of("topics"), json_pack("{s:O}", "topics", topics)), i,
            DF_OVSDB_ROLE_TOPICS);
}

/* The log row; data and topics are taken. */
static void add_change(struct df_ovsdb_plan *plan, const struct df_ovsdb_wish *wish, size_t i, json_t *data,
                       json_t *topics)
{
    const struct df_db_op *op = &wish->ops[i];
    char uuid[DF_OVSDB_UUID_LEN + 1];
    own_uuid(wish, plan->changes, uuid);
    json_t *row = json_pack("{s:I, s:I, s:o, s:o, s:O, s:o}", "revision", (json_int_t)plan->after.revision, "sequence",
                            (json_int_t)plan->changes, "table_name", df_ovsdb_name(op->table), "id",
                            df_ovsdb_name(op->id), "data", data, "topics", topics);
    plan->bytes += json_string_length(data);
    plan->changes++;
    json_decref(data);
    add(plan, json_pack("{s:s, s:s, s:s, s:o}", "op", "insert", "table", "Change", "uuid", uuid, "row", row), i,
        DF_OVSDB_ROLE_OTHER);
}

static void add_write(struct df_ovsdb_plan *plan, const struct df_ovsdb_wish *wish, size_t i, const char *uuid,
                      bool exists, json_t *topics)
{
    const struct df_db_op *op = &wish->ops[i];
    json_t *data = df_ovsdb_text(op->data, op->len);
    json_t *row =
        json_pack("{s:O, s:I, s:O}", "data", data, "revision", (json_int_t)plan->after.revision, "topics", topics);
    json_t *write;
    if (exists) {
        write = json_pack("{s:s, s:s, s:o, s:o}", "op", "update", "table", "Row", "where", df_ovsdb_where(uuid), "row",
                          row);
    } else {
        json_object_set_new(row, "table_name", df_ovsdb_name(op->table));
        json_object_set_new(row, "id", df_ovsdb_name(op->id));
        write = json_pack("{s:s, s:s, s:s, s:o}", "op", "insert", "table", "Row", "uuid", uuid, "row", row);
    }
    add(plan, write, i, DF_OVSDB_ROLE_OTHER);
    add_change(plan, wish, i, data, json_deep_copy(topics));
}

static void add_op(struct df_ovsdb_plan *plan, const struct df_ovsdb_wish *wish, size_t i)
{
    const struct df_db_op *op = &wish->ops[i];
    const struct df_ovsdb_known *known = wish->known ? &wish->known[i] : NULL;
    bool exists = known ? known->exists : op->expect == DF_DB_REVISION;
    char uuid[DF_OVSDB_UUID_LEN + 1];
    if (!op->data && !exists && known)
        return; /* it is gone already */
    df_ovsdb_row_uuid(op->table, op->id, uuid);
    json_t *topics = df_ovsdb_topics(op->topics);
    if (!known)
        add_demands(plan, op, i, uuid, topics);
    if (op->data) {
        add_write(plan, wish, i, uuid, exists, topics);
    } else if (exists) {
        add(plan, json_pack("{s:s, s:s, s:o}", "op", "delete", "table", "Row", "where", df_ovsdb_where(uuid)), i,
            DF_OVSDB_ROLE_OTHER);
        add_change(plan, wish, i, json_pack("[s, []]", "set"), json_deep_copy(topics));
    }
    if (exists && known) { /* what was added last is the log row */
        json_t *last = json_array_get(plan->params, json_array_size(plan->params) - 1);
        json_t *row = json_object_get(last, "row");
        if (!op->data && (!op->topics || !*op->topics)) /* a deletion concerns whom the row did */
            json_object_set(row, "topics", known->topics);
        else
            unite(json_object_get(row, "topics"), known->topics);
    }
    json_decref(topics);
}

static void add_all(struct df_ovsdb_plan *plan, json_t *operations, enum df_ovsdb_role role)
{
    size_t i;
    json_t *operation;
    json_array_foreach(operations, i, operation)
        add(plan, json_incref(operation), 0, role);
}

static json_t *update_of(const char *table, json_t *row)
{
    return json_pack("{s:s, s:s, s:[], s:o}", "op", "update", "table", table, "where", "row", row);
}

/* Accounts for the log's growth, or drops its older generation. */
static void add_log_state(struct df_ovsdb_plan *plan, const struct df_ovsdb_head *head)
{
    json_int_t mark = (json_int_t)head->mark, bytes = (json_int_t)plan->bytes, rows = (json_int_t)plan->changes;
    plan->after.log_bytes += plan->bytes;
    plan->after.log_rows += plan->changes;
    if (plan->after.log_bytes <= DF_OVSDB_LOG_BYTES && plan->after.log_rows <= DF_OVSDB_LOG_ROWS) {
        add(plan,
            json_pack("{s:s, s:s, s:[], s:[[s,s,I], [s,s,I]]}", "op", "mutate", "table", "Meta", "where", "mutations",
                      "log_bytes", "+=", bytes, "log_rows", "+=", rows),
            0, DF_OVSDB_ROLE_OTHER);
        return;
    }
    add(plan,
        json_pack("{s:s, s:s, s:[[s, s, I]]}", "op", "delete", "table", "Change", "where", "revision", "<=", mark), 0,
        DF_OVSDB_ROLE_OTHER);
    add(plan,
        update_of("Meta", json_pack("{s:I, s:I, s:I, s:I}", "floor", mark, "mark", (json_int_t)plan->after.revision,
                                    "log_bytes", (json_int_t)0, "log_rows", (json_int_t)0)),
        0, DF_OVSDB_ROLE_OTHER);
    plan->after.floor = head->mark;
    plan->after.mark = plan->after.revision;
    plan->after.log_bytes = plan->after.log_rows = 0;
}

static int check_wish(const struct df_ovsdb_wish *wish, struct df_error *error)
{
    size_t bytes = 0;
    if (wish->n > DF_OVSDB_OPS_MAX)
        return df_error_set(error, -E2BIG, "a commit of %zu rows: %d at most", wish->n, DF_OVSDB_OPS_MAX);
    for (size_t i = 0; i < wish->n; i++) {
        const struct df_db_op *op = &wish->ops[i];
        size_t table = strlen(op->table), id = strlen(op->id);
        if (!table || !id || table > DF_OVSDB_NAME_MAX || id > DF_OVSDB_NAME_MAX)
            return df_error_set(error, -EINVAL, "%s '%s': names of tables and ids have 1 to %d bytes", op->table,
                                op->id, DF_OVSDB_NAME_MAX);
        if (op->len > DF_OVSDB_DATA_MAX)
            return df_error_set(error, -E2BIG, "%s '%s': has %zu bytes, %zu at most", op->table, op->id, op->len,
                                DF_OVSDB_DATA_MAX);
        bytes += op->len;
    }
    if (bytes > DF_OVSDB_COMMIT_MAX)
        return df_error_set(error, -E2BIG, "a commit of %zu bytes: %zu at most", bytes, DF_OVSDB_COMMIT_MAX);
    return 0;
}

static void add_beginning(struct df_ovsdb_plan *plan, const struct df_ovsdb_wish *wish)
{
    char uuid[DF_OVSDB_UUID_LEN + 1];
    own_uuid(wish, 0, uuid);
    add(plan, df_ovsdb_select("Change", uuid, columns_of("revision")), 0, DF_OVSDB_ROLE_OTHER);
    add(plan, df_ovsdb_select("Revision", NULL, columns_of("revision")), 0, DF_OVSDB_ROLE_OTHER);
    add(plan, df_ovsdb_select("Meta", NULL, json_pack("[s,s,s,s,s,s]", DF_OVSDB_META_COLUMNS)), 0, DF_OVSDB_ROLE_OTHER);
    add(plan, df_ovsdb_demand("Change", uuid, columns_of("revision"), NULL), 0, DF_OVSDB_ROLE_OTHER);
}

int df_ovsdb_plan_make(struct df_ovsdb_plan *plan, const struct df_ovsdb_wish *wish, const struct df_ovsdb_head *head,
                       struct df_error *error)
{
    int rc = check_wish(wish, error);
    *plan = (struct df_ovsdb_plan){.after = *head};
    plan->after.revision++;
    if (rc)
        return rc;
    plan->max = DF_OVSDB_FIRST_STEP + 4 * wish->n + json_array_size(wish->demands) + json_array_size(wish->deeds) + 8;
    plan->params = json_pack("[s]", DF_OVSDB_DATABASE);
    plan->steps = calloc(plan->max, sizeof *plan->steps);
    if (!plan->params || !plan->steps)
        goto out_of_memory;
    add_beginning(plan, wish);
    add_all(plan, wish->demands, DF_OVSDB_ROLE_FURTHER);
    for (size_t i = 0; i < wish->n; i++)
        add_op(plan, wish, i);
    add_all(plan, wish->deeds, DF_OVSDB_ROLE_OTHER);
    /* Demands of rows stand before this one. */
    add(plan,
        df_ovsdb_demand("Revision", NULL, columns_of("revision"),
                        json_pack("{s:I}", "revision", (json_int_t)head->revision)),
        0, DF_OVSDB_ROLE_OTHER);
    add(plan, update_of("Revision", json_pack("{s:I}", "revision", (json_int_t)plan->after.revision)), 0,
        DF_OVSDB_ROLE_OTHER);
    add_log_state(plan, head);
    add(plan, json_pack("{s:s, s:b}", "op", "commit", "durable", 1), 0, DF_OVSDB_ROLE_OTHER);
    if (plan->n <= plan->max && json_array_size(plan->params) == plan->n + 1)
        return 0;
out_of_memory:
    df_ovsdb_plan_clear(plan);
    return df_error_set(error, -ENOMEM, "out of memory");
}

void df_ovsdb_plan_clear(struct df_ovsdb_plan *plan)
{
    json_decref(plan->params);
    free(plan->steps);
    *plan = (struct df_ovsdb_plan){0};
}

json_t *df_ovsdb_plan_reading(const struct df_ovsdb_wish *wish)
{
    char uuid[DF_OVSDB_UUID_LEN + 1];
    json_t *params = json_pack("[s]", DF_OVSDB_DATABASE);
    own_uuid(wish, 0, uuid);
    json_array_append_new(params, df_ovsdb_select("Change", uuid, columns_of("revision")));
    json_array_append_new(params, df_ovsdb_select("Revision", NULL, columns_of("revision")));
    json_array_append_new(params, df_ovsdb_select("Meta", NULL, json_pack("[s,s,s,s,s,s]", DF_OVSDB_META_COLUMNS)));
    for (size_t i = 0; i < wish->n; i++) {
        df_ovsdb_row_uuid(wish->ops[i].table, wish->ops[i].id, uuid);
        json_array_append_new(params, df_ovsdb_select("Row", uuid, json_pack("[s, s]", "revision", "topics")));
    }
    return params;
}
