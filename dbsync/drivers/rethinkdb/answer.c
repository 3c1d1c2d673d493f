/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/rethinkdb/answer.h"

#include <errno.h>
#include <math.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

int df_rethinkdb_answer_take(struct df_rethinkdb_answer *answer, const char *data, size_t len)
{
    *answer = (struct df_rethinkdb_answer){0};
    answer->json = len <= DF_RETHINKDB_MESSAGE_MAX ? json_loadb(data, len, 0, NULL) : NULL;
    const json_t *type = json_object_get(answer->json, "t");
    answer->results = json_object_get(answer->json, "r");
    if (json_is_integer(type) && json_is_array(answer->results)) {
        answer->type = (int)json_integer_value(type);
        answer->error = json_integer_value(json_object_get(answer->json, "e"));
        return 0;
    }
    json_decref(answer->json);
    *answer = (struct df_rethinkdb_answer){0};
    return -EBADMSG;
}

const char *df_rethinkdb_answer_text(const struct df_rethinkdb_answer *answer)
{
    const char *text = json_string_value(json_array_get(answer->results, 0));
    return text ? text : "no reason given";
}

long long df_rethinkdb_answer_count(const struct df_rethinkdb_answer *answer, const char *name)
{
    return json_integer_value(json_object_get(json_array_get(answer->results, 0), name));
}

static int decode64(const char *text, size_t len, struct df_kv_value *value)
{
    if (len % 4 || len / 4 * 3 > DF_KV_BYTES_MAX + 3)
        return -EBADMSG;
    value->data = malloc(len / 4 * 3 + 4);
    if (!value->data)
        return -ENOMEM;
    int n = len ? EVP_DecodeBlock((unsigned char *)value->data, (const unsigned char *)text, (int)len) : 0;
    if (n >= 0 && len)
        n -= (text[len - 1] == '=') + (text[len - 2] == '=');
    if (n < 0) {
        free(value->data);
        value->data = NULL;
        return -EBADMSG;
    }
    value->len = (size_t)n;
    return 0;
}

int df_rethinkdb_document_take(const json_t *document, const char **key, struct df_kv_value *value)
{
    const json_t *data = json_object_get(json_object_get(document, "d"), "data"),
                 *stamp = json_object_get(document, "s");
    double number = json_number_value(stamp);
    *key = json_string_value(json_object_get(document, "k"));
    *value = (struct df_kv_value){0};
    if (!*key || strlen(*key) >= DF_KV_KEY_MAX || !json_is_string(data) || !(number >= 1) ||
        number > (double)DF_KV_STAMP_MAX || floor(number) < number)
        return -EBADMSG;
    value->stamp = (uint64_t)number;
    return decode64(json_string_value(data), json_string_length(data), value);
}

/* Long keys are not allowed for an id, so that is their digest, and the key is beside it. */
static void id_of(const char *key, char id[DF_KV_KEY_MAX])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    size_t key_len = strlen(key), folder = strcspn(key, "/");
    if (key_len <= 120) {
        memcpy(id, key, key_len + 1);
        return;
    }
    EVP_Digest(key, key_len, digest, &len, EVP_sha256(), NULL);
    memcpy(id, key, folder + 1);
    char *to = id + folder + 1;
    *to++ = '#';
    EVP_EncodeBlock((unsigned char *)to, digest, (int)len);
}

json_t *df_rethinkdb_id(const char *key)
{
    char id[DF_KV_KEY_MAX];
    id_of(key, id);
    return json_string(id);
}

json_t *df_rethinkdb_document(const char *key, const struct df_kv_value *value)
{
    char *text = malloc(value->len / 3 * 4 + 8);
    if (!text)
        return NULL;
    text[0] = '\0';
    if (value->len)
        EVP_EncodeBlock((unsigned char *)text, (const unsigned char *)value->data, (int)value->len);
    json_t *document = json_pack("{s:o, s:s, s:I, s:{s:s, s:s}}", "id", df_rethinkdb_id(key), "k", key, "s",
                                 (json_int_t)value->stamp, "d", "$reql_type$", "BINARY", "data", text);
    free(text);
    return document;
}

int df_rethinkdb_greeting_take(json_t **greeting, const char *data, size_t len, const char **text)
{
    *greeting = json_loadb(data, len, 0, NULL);
    const json_t *success = json_object_get(*greeting, "success");
    *text = "";
    if (!json_is_boolean(success))
        return -EBADMSG;
    if (json_is_true(success))
        return 0;
    json_int_t code = json_integer_value(json_object_get(*greeting, "error_code"));
    const char *why = json_string_value(json_object_get(*greeting, "error"));
    *text = why ? why : "no reason given";
    return code >= 10 && code <= 20 ? -EACCES : -EPROTO;
}
