/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/field.h"
#include "dbsync/rule.h"

/* Message to JSON: what is set, in the order of model.proto. */

static json_t *print_value(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field, size_t i)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
        return json_string(df_field_string(message, field, i));
    case PROTOBUF_C_TYPE_MESSAGE:
        return df_schema_to_json(df_field_message(message, field, i));
    case PROTOBUF_C_TYPE_BOOL:
        return json_boolean(df_field_uint(message, field, i));
    default:
        return json_integer((json_int_t)df_field_uint(message, field, i));
    }
}

static json_t *print_list(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    json_t *list = json_array();
    size_t n = df_field_count(message, field);
    for (size_t i = 0; i < n; i++)
        if (json_array_append_new(list, print_value(message, field, i)))
            goto err;
    return list;
err:
    json_decref(list);
    return NULL;
}

static json_t *print_map(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    json_t *map = json_object();
    size_t n = df_field_count(message, field);
    for (size_t i = 0; i < n; i++) {
        const ProtobufCMessage *pair = df_field_message(message, field, i);
        const char *key = df_field_string(pair, df_field_find(pair, "key"), 0);
        if (json_object_set_new(map, key, print_value(pair, df_field_find(pair, "value"), 0)))
            goto err;
    }
    return map;
err:
    json_decref(map);
    return NULL;
}

static json_t *print_field(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    if (df_rule_of(message->descriptor, field)->kind == DF_KIND_MAP)
        return print_map(message, field);
    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return print_list(message, field);
    return print_value(message, field, 0);
}

json_t *df_schema_to_json(const ProtobufCMessage *object)
{
    json_t *json = json_object();
    for (unsigned i = 0; i < object->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &object->descriptor->fields[i];
        if (df_field_count(object, field) && json_object_set_new(json, field->name, print_field(object, field)))
            goto err;
    }
    return json;
err:
    json_decref(json);
    return NULL;
}
