/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "dbsync/drivers/ovsdb/answer.h"
#include "dbsync/drivers/ovsdb/frame.h"
#include "dbsync/drivers/ovsdb/location.h"
#include "dbsync/drivers/ovsdb/plan.h"

/*
 * What a server may say: a stream of messages, cut in any way, and each of them read as the answer to anything that the
 * ovsdb driver asks.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void insist(bool so)
{
    if (!so)
        abort();
}

/* The end of a message is the same whether it comes at once or byte by byte. */
static ssize_t find_end(const char *text, size_t len)
{
    struct df_ovsdb_frame whole = {0}, cut = {0};
    ssize_t end = df_ovsdb_frame_end(&whole, text, len), at = 0;
    for (size_t i = 1; i <= len && at == 0; i++)
        at = df_ovsdb_frame_end(&cut, text, i);
    insist(at == end);
    return end;
}

static int count(const struct df_ovsdb_batch *batch)
{
    int n = 0;
    for (size_t i = 0; i < batch->n; i++) {
        const struct df_ovsdb_change *change = &batch->changes[i];
        insist(i == 0 || change[-1].revision <= change->revision);
        insist(*change->row.table && *change->row.id && strlen(change->row.id) <= DF_OVSDB_NAME_MAX);
        for (size_t at = 0; change->row.data && at < change->row.len; at++)
            n += ((const char *)change->row.data)[at];
    }
    return n;
}

static void read_updates(const json_t *updates, struct df_error *error)
{
    struct df_ovsdb_batch *batch;
    df_ovsdb_answer_server(updates, error);
    df_ovsdb_answer_server_update(updates, error);
    if (df_ovsdb_answer_batch(updates, &batch, error) == 0) {
        count(batch);
        free(batch);
    }
}

static void read_columns(const json_t *columns, struct df_error *error)
{
    struct df_ovsdb_scratch scratch = {0};
    struct df_ovsdb_lease lease;
    struct df_db_row row;
    if (df_ovsdb_answer_row(columns, &scratch, &row, error) == 0) {
        json_t *again = df_ovsdb_text(row.data, row.len);
        const char *text = json_string_value(json_object_get(columns, "data"));
        insist(strcmp(json_string_value(again), text ? text : "") == 0);
        json_decref(again);
    }
    df_ovsdb_scratch_free(&scratch);
    df_ovsdb_answer_lease(columns, &lease, error);
}

static void read_transaction(const json_t *result, struct df_error *error)
{
    struct df_db_op ops[] = {{.table = "t", .id = "a", .data = "1", .len = 1, .expect = DF_DB_REVISION, .revision = 3},
                             {.table = "t", .id = "b", .expect = DF_DB_ABSENT, .topics = "x y x"}};
    struct df_ovsdb_known known[2] = {0};
    struct df_ovsdb_wish wish = {.ops = ops, .n = 2};
    struct df_ovsdb_head head = {.revision = 7, .mark = 5};
    struct df_ovsdb_plan plan;
    uint64_t revision;
    insist(df_ovsdb_plan_make(&plan, &wish, &head, error) == 0);
    struct df_ovsdb_outcome outcome = df_ovsdb_plan_judge(&plan, result, error);
    insist(outcome.fate != DF_OVSDB_FAILED || outcome.rc < 0);
    insist(outcome.op < wish.n);
    df_ovsdb_plan_clear(&plan);
    if (df_ovsdb_plan_read(&wish, result, &head, known, &revision, error))
        return;
    wish.known = known;
    if (df_ovsdb_plan_make(&plan, &wish, &head, error) == 0)
        df_ovsdb_plan_clear(&plan);
}

static void read_message(const char *text, size_t len)
{
    struct df_error error;
    json_t *message = json_loadb(text, len, 0, NULL), *result = json_object_get(message, "result");
    size_t i;
    json_t *one;
    read_updates(result, &error);
    read_updates(json_array_get(json_object_get(message, "params"), 2), &error);
    read_transaction(result, &error);
    json_array_foreach(result, i, one) {
        read_updates(one, &error);
        read_columns(json_array_get(df_ovsdb_answer_rows(one, &error), 0), &error);
    }
    json_decref(message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct df_ovsdb_endpoint endpoints[DF_OVSDB_ENDPOINTS];
    struct df_error error;
    const char *text = (const char *)data;
    char location[256] = "";
    memcpy(location, data, size < sizeof location ? size : sizeof location - 1);
    insist(df_ovsdb_location_parse(location, endpoints, &error) <= DF_OVSDB_ENDPOINTS);
    for (ssize_t len; size && (len = find_end(text, size)) > 0; text += len, size -= (size_t)len)
        read_message(text, (size_t)len);
    return 0;
}
