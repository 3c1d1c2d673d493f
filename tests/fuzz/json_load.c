/* SPDX-License-Identifier: Apache-2.0 */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dbsync/row.h"

/*
 * JSON from anywhere into the model: what is taken for an object of some table must survive the way through a row of
 * the database and back to the same JSON. The bytes are tried as such a row, too.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the run when two texts differ. */
static void expect_same(const json_t *a, const json_t *b)
{
    char *x = json_dumps(a, JSON_SORT_KEYS), *y = json_dumps(b, JSON_SORT_KEYS);
    if (!x || !y || strcmp(x, y) != 0)
        abort();
    free(x);
    free(y);
}

static void try_object(enum df_nb_table table, const ProtobufCMessage *object)
{
    struct df_error error;
    ProtobufCMessage *copy;
    void *row;
    size_t len;
    if (df_row_encode(table, object, &row, &len, &error))
        return;
    if (df_row_decode(table, df_schema_id(object), row, len, &copy, &error))
        abort();
    json_t *before = df_schema_to_json(object), *after = df_schema_to_json(copy);
    expect_same(before, after);
    json_decref(before);
    json_decref(after);
    protobuf_c_message_free_unpacked(copy, NULL);
    free(row);
}

static void try_json(enum df_nb_table table, const json_t *json)
{
    struct df_error error;
    ProtobufCMessage *object;
    if (df_schema_from_json(table, json, &object, &error))
        return;
    try_object(table, object);
    protobuf_c_message_free_unpacked(object, NULL);
}

static void try_row(enum df_nb_table table, const uint8_t *data, size_t size)
{
    struct df_error error;
    ProtobufCMessage *object;
    if (df_row_decode(table, "p1", data, size, &object, &error))
        return;
    try_object(table, object);
    protobuf_c_message_free_unpacked(object, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *json = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
    for (enum df_nb_table table = 0; table < DF_NB_TABLES; table++) {
        if (json)
            try_json(table, json);
        try_row(table, data, size);
    }
    json_decref(json);
    return 0;
}
