/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dbsync/drivers/log_store/record.h"
#include "dbsync/drivers/rethinkdb/answer.h"
#include "dbsync/drivers/rethinkdb/location.h"
#include "dbsync/drivers/rethinkdb/scram.h"

/* What a RethinkDB server answers, and what is in its documents: the first byte says which, the rest is that. */

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void read_answer(const char *data, size_t len)
{
    struct df_rethinkdb_answer answer;
    if (df_rethinkdb_answer_take(&answer, data, len))
        return;
    df_rethinkdb_answer_text(&answer);
    df_rethinkdb_answer_count(&answer, "replaced");
    for (size_t i = 0; i < json_array_size(answer.results); i++) {
        struct df_kv_value value;
        const char *key;
        if (df_rethinkdb_document_take(json_array_get(answer.results, i), &key, &value) == 0) {
            json_t *again = df_rethinkdb_document(key, &value);
            json_decref(again);
            free(value.data);
        }
    }
    json_decref(answer.json);
}

static void read_greeting(const char *data, size_t len)
{
    json_t *greeting;
    const char *text;
    df_rethinkdb_greeting_take(&greeting, data, len, &text);
    json_decref(greeting);
}

static void read_scram(const char *text)
{
    struct df_scram scram = {.nonce = "n", .first_bare = "n=a,r=n"};
    char to[DF_SCRAM_TEXT_MAX];
    const char *iterations = strstr(text, ",i=");
    if (iterations && strtoul(iterations + 3, NULL, 10) > 1000)
        return; /* right, and slow */
    df_scram_final(&scram, "password", text, to);
    df_scram_verify(&scram, text);
}

static void read_record(const char *data, size_t len)
{
    struct df_record record;
    struct df_row_record row;
    struct df_lease_record lease;
    if (df_record_take(&record, data, len) == 0 && record.body && record.len >= len)
        abort();
    if (df_row_record_take(&row, data, len) == 0 && row.len > len)
        abort();
    df_lease_record_take(&lease, data, len);
}

static void read_texts(uint8_t which, const char *text)
{
    struct df_rethinkdb_location location;
    char name[129];
    if (which == 's') {
        read_scram(text);
    } else if (which == 'k') {
        df_key_name_take(text, name);
    } else {
        df_rethinkdb_location_parse(&location, text, NULL);
        df_rethinkdb_location_clear(&location);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    const char *data = (const char *)bytes + 1;
    if (len == 0)
        return 0;
    if (bytes[0] == 'a') {
        read_answer(data, len - 1);
    } else if (bytes[0] == 'g') {
        read_greeting(data, len - 1);
    } else if (bytes[0] == 'r') {
        read_record(data, len - 1);
    } else {
        char *text = strndup(data, len - 1);
        if (text)
            read_texts(bytes[0], text);
        free(text);
    }
    return 0;
}
