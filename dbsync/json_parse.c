/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "dbsync/field.h"
#include "dbsync/json.h"
#include "dbsync/path.h"
#include "dbsync/rule.h"

/* JSON to message. How deep it goes is bounded by the descriptors, how long a list is by DF_LIST_MAX. */

static int parse_message(const struct df_object_at *at, const struct df_path *up, const json_t *json,
                         ProtobufCMessage *message);

static int out_of_memory(const struct df_object_at *at)
{
    return df_error_set(at->error, -ENOMEM, "out of memory");
}

/* Some strings are often numbers (a protocol, a DHCP option's value), so JSON may write them as such. */
static int parse_string(const struct df_object_at *at, const struct df_path *path, bool or_number, const json_t *json,
                        ProtobufCMessage *message, const ProtobufCFieldDescriptor *field, size_t i)
{
    char number[24];
    const char *text = json_string_value(json);
    if (or_number && json_is_integer(json)) {
        snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(json));
        text = number;
    }
    if (!text)
        return df_object_error(at, path, "must be a string%s", or_number ? " or an integer" : "");
    return df_field_set_string(message, field, i, text) ? out_of_memory(at) : 0;
}

static int parse_number(const struct df_object_at *at, const struct df_path *path, const json_t *json,
                        ProtobufCMessage *message, const ProtobufCFieldDescriptor *field, size_t i)
{
    json_int_t most = field->type == PROTOBUF_C_TYPE_UINT64 ? INT64_MAX : UINT32_MAX;
    if (!json_is_integer(json))
        return df_object_error(at, path, "must be an integer");
    json_int_t value = json_integer_value(json);
    if (value < 0 || value > most)
        return df_object_error(at, path, "%" JSON_INTEGER_FORMAT " is not in 0 to %" JSON_INTEGER_FORMAT, value, most);
    df_field_set_uint(message, field, i, (uint64_t)value);
    return 0;
}

static int parse_embedded(const struct df_object_at *at, const struct df_path *path, const json_t *json,
                          ProtobufCMessage *message, const ProtobufCFieldDescriptor *field, size_t i)
{
    if (!json_is_object(json))
        return df_object_error(at, path, "must be an object");
    ProtobufCMessage *value = df_message_new(field->descriptor);
    if (!value)
        return out_of_memory(at);
    df_field_set_message(message, field, i, value);
    return parse_message(at, path, json, value);
}

static int parse_value(const struct df_object_at *at, const struct df_path *path, const json_t *json,
                       ProtobufCMessage *message, const ProtobufCFieldDescriptor *field, size_t i)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING: {
        bool or_number = df_rule_of(message->descriptor, field)->kind == DF_KIND_PROTOCOL;
        return parse_string(at, path, or_number, json, message, field, i);
    }
    case PROTOBUF_C_TYPE_MESSAGE:
        return parse_embedded(at, path, json, message, field, i);
    case PROTOBUF_C_TYPE_BOOL:
        if (!json_is_boolean(json))
            return df_object_error(at, path, "must be true or false");
        df_field_set_uint(message, field, i, json_is_true(json));
        return 0;
    default:
        return parse_number(at, path, json, message, field, i);
    }
}

/*
 * A value that fails half way must leave a message that can be freed: protobuf-c frees a list's strings and messages
 * wherever they are NULL or not, so the zeroed room of df_field_reserve() will do.
 */
static int parse_list(const struct df_object_at *at, struct df_path *path, const json_t *json,
                      ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    if (!json_is_array(json))
        return df_object_error(at, path, "must be a list");
    size_t n = json_array_size(json);
    if (n > DF_LIST_MAX)
        return df_object_error(at, path, "%zu items are more than %d", n, DF_LIST_MAX);
    if (n && df_field_reserve(message, field, n))
        return out_of_memory(at);
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++) {
        path->index = i;
        rc = parse_value(at, path, json_array_get(json, i), message, field, i);
    }
    return rc;
}

/* {"key": "value", ...} to repeated messages of a key and a value. */
static int parse_map(const struct df_object_at *at, const struct df_path *up, const json_t *json,
                     ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    if (!json_is_object(json))
        return df_object_error(at, up, "must be an object");
    size_t n = json_object_size(json);
    if (n > DF_LIST_MAX)
        return df_object_error(at, up, "%zu items are more than %d", n, DF_LIST_MAX);
    if (n && df_field_reserve(message, field, n))
        return out_of_memory(at);

    size_t i = 0;
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)json, key, value) {
        struct df_path path = {up, key, DF_PATH_NO_INDEX};
        ProtobufCMessage *pair = df_message_new(field->descriptor);
        if (!pair)
            return out_of_memory(at);
        df_field_set_message(message, field, i++, pair);
        if (df_field_set_string(pair, df_field_find(pair, "key"), 0, key))
            return out_of_memory(at);
        int rc = parse_string(at, &path, true, value, pair, df_field_find(pair, "value"), 0);
        if (rc)
            return rc;
    }
    return 0;
}

static int parse_field(const struct df_object_at *at, const struct df_path *up, const json_t *json,
                       ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    struct df_path path = {up, field->name, DF_PATH_NO_INDEX};
    if (json_is_null(json))
        return 0;
    if (df_rule_of(message->descriptor, field)->kind == DF_KIND_MAP)
        return parse_map(at, &path, json, message, field);
    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return parse_list(at, &path, json, message, field);
    if (df_field_reserve(message, field, 1))
        return out_of_memory(at);
    return parse_value(at, &path, json, message, field, 0);
}

static int parse_message(const struct df_object_at *at, const struct df_path *up, const json_t *json,
                         ProtobufCMessage *message)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)json, key, value) {
        const ProtobufCFieldDescriptor *field = df_field_find(message, key);
        if (!field)
            return df_object_error(at, &(struct df_path){up, key, DF_PATH_NO_INDEX}, "there is no such field");
        int rc = parse_field(at, up, value, message, field);
        if (rc)
            return rc;
    }
    return 0;
}

int df_json_parse(enum df_nb_table table, const json_t *json, ProtobufCMessage **object, struct df_error *error)
{
    struct df_object_at at = {.table = table, .error = error};
    if (!json_is_object(json))
        return df_object_error(&at, NULL, "must be an object");
    at.id = json_string_value(json_object_get(json, "id"));
    if (!at.id)
        return df_object_error(&at, &(struct df_path){NULL, "id", DF_PATH_NO_INDEX}, "is missing or not a string");
    ProtobufCMessage *message = df_message_new(df_schema_table(table)->descriptor);
    if (!message)
        return out_of_memory(&at);
    int rc = parse_message(&at, NULL, json, message);
    if (rc) {
        protobuf_c_message_free_unpacked(message, NULL);
        return rc;
    }
    *object = message;
    return 0;
}

int df_schema_from_json(enum df_nb_table table, const json_t *json, ProtobufCMessage **object, struct df_error *error)
{
    ProtobufCMessage *message = NULL;
    int rc = df_json_parse(table, json, &message, error);
    if (rc)
        return rc;
    rc = df_schema_check(table, message, error);
    if (rc) {
        protobuf_c_message_free_unpacked(message, NULL);
        return rc;
    }
    *object = message;
    return 0;
}
