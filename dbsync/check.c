/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "dbsync/field.h"
#include "dbsync/path.h"
#include "dbsync/relations.h"
#include "dbsync/rule.h"

/* The check of an object: each field by its rule, then the fields of a message against each other. */

static int check_message(const struct df_object_at *at, const struct df_path *up, const ProtobufCMessage *message);

static int check_string(const struct df_object_at *at, const struct df_path *path, const struct df_rule *rule,
                        const char *text)
{
    const char *refusal = df_rule_refuses(rule, text);
    return refusal ? df_object_error(at, path, "'%.*s' %s", 120, text, refusal) : 0;
}

static int check_number(const struct df_object_at *at, const struct df_path *path, const struct df_rule *rule,
                        uint64_t value)
{
    if (value >= rule->min && value <= rule->max)
        return 0;
    return df_object_error(at, path, "%" PRIu64 " is not in %" PRIu64 " to %" PRIu64, value, rule->min, rule->max);
}

static int check_value(const struct df_object_at *at, const struct df_path *path, const ProtobufCMessage *message,
                       const ProtobufCFieldDescriptor *field, size_t i)
{
    const struct df_rule *rule = df_rule_of(message->descriptor, field);
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
        return check_string(at, path, rule, df_field_string(message, field, i));
    case PROTOBUF_C_TYPE_MESSAGE:
        if (rule->kind == DF_KIND_PARTS && at->leaves_parts)
            return 0;
        return check_message(at, path, df_field_message(message, field, i));
    case PROTOBUF_C_TYPE_BOOL:
        return 0;
    default:
        return check_number(at, path, rule, df_field_uint(message, field, i));
    }
}

static int check_field(const struct df_object_at *at, const struct df_path *up, const ProtobufCMessage *message,
                       const ProtobufCFieldDescriptor *field)
{
    struct df_path path = {up, field->name, DF_PATH_NO_INDEX};
    size_t n = df_field_count(message, field);
    if (n == 0)
        return df_rule_of(message->descriptor, field)->required ? df_object_error(at, &path, "is missing") : 0;
    if (n > DF_LIST_MAX)
        return df_object_error(at, &path, "%zu items are more than %d", n, DF_LIST_MAX);
    for (size_t i = 0; i < n; i++) {
        if (field->label == PROTOBUF_C_LABEL_REPEATED)
            path.index = i;
        int rc = check_value(at, &path, message, field, i);
        if (rc)
            return rc;
    }
    return 0;
}

static int check_message(const struct df_object_at *at, const struct df_path *up, const ProtobufCMessage *message)
{
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        int rc = check_field(at, up, message, &message->descriptor->fields[i]);
        if (rc)
            return rc;
    }
    return df_relations_check(at, up, message);
}

static int check_object(struct df_object_at *at, const ProtobufCMessage *object)
{
    if (object->descriptor != df_schema_table(at->table)->descriptor)
        return df_object_error(at, NULL, "the object is a %s", object->descriptor->short_name);
    at->id = df_schema_id(object);
    if (!at->id)
        return df_object_error(at, &(struct df_path){NULL, "id", DF_PATH_NO_INDEX}, "is missing");
    return check_message(at, NULL, object);
}

int df_schema_check(enum df_nb_table table, const ProtobufCMessage *object, struct df_error *error)
{
    struct df_object_at at = {.table = table, .error = error};
    return check_object(&at, object);
}

int df_schema_check_stored(enum df_nb_table table, const ProtobufCMessage *object, struct df_error *error)
{
    struct df_object_at at = {.table = table, .error = error, .leaves_parts = true};
    return check_object(&at, object);
}

int df_schema_check_part(const ProtobufCMessage *part, struct df_error *error)
{
    struct df_object_at at = {.table = DF_NB_TABLES, .error = error};
    return check_message(&at, NULL, part);
}
