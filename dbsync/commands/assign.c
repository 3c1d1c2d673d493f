/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/commands/assign.h"

#include <errno.h>
#include <string.h>

#include "dbsync/rule.h"

/* Where a path has led: a place in the JSON and what the descriptors say of it. */
struct place {
    json_t *parent;
    const char *name;
    const ProtobufCMessageDescriptor *descriptor; /* of parent; NULL in a map, where any name goes */
};

static json_t *split_list(const char *text)
{
    json_t *list = json_array();
    for (;;) {
        size_t len = strcspn(text, ",");
        json_array_append_new(list, json_stringn(text, len));
        if (!text[len])
            return list;
        text += len + 1;
    }
}

static json_t *parse_value(const ProtobufCFieldDescriptor *field, const char *text)
{
    bool is_list = field && field->label == PROTOBUF_C_LABEL_REPEATED;
    bool is_string = !field || field->type == PROTOBUF_C_TYPE_STRING;
    if (is_string && !is_list)
        return json_string(text);
    if (is_string && *text != '[')
        return split_list(text);
    return json_loads(text, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
}

/* Goes into an embedded object, which is made where there is none. */
static int descend(struct place *place, const ProtobufCFieldDescriptor *field)
{
    bool is_map = field && df_rule_of(place->descriptor, field)->kind == DF_KIND_MAP;
    if (!field || field->type != PROTOBUF_C_TYPE_MESSAGE || (field->label == PROTOBUF_C_LABEL_REPEATED && !is_map))
        return -EINVAL;
    json_t *child = json_object_get(place->parent, field->name);
    if (!child) {
        child = json_object();
        json_object_set_new(place->parent, field->name, child);
    }
    place->parent = child;
    place->descriptor = is_map ? NULL : field->descriptor;
    return 0;
}

static const ProtobufCFieldDescriptor *field_at(const struct place *place)
{
    if (!place->descriptor)
        return NULL;
    return protobuf_c_message_descriptor_get_field_by_name(place->descriptor, place->name);
}

static int assign_at(struct place *place, const char *value)
{
    const ProtobufCFieldDescriptor *field = field_at(place);
    if (place->descriptor && !field)
        return -EINVAL;
    if (!*value)
        return json_object_del(place->parent, place->name), 0;
    return json_object_set_new(place->parent, place->name, parse_value(field, value)) ? -EINVAL : 0;
}

int df_assign(enum df_nb_table table, json_t *object, const char *assignment, struct df_error *error)
{
    char path[DF_TEXT_MAX];
    const struct df_schema_table *schema = df_schema_table(table);
    const char *id = json_string_value(json_object_get(object, "id"));
    size_t len = strcspn(assignment, "=");
    if (!assignment[len] || !len || len >= sizeof path)
        return df_error_set(error, -EINVAL, "'%.80s' is not FIELD=VALUE", assignment);
    memcpy(path, assignment, len);
    path[len] = '\0';

    struct place place = {.parent = object, .descriptor = schema->descriptor};
    char *rest = path;
    int rc = 0;
    while (rc == 0 && (place.name = strsep(&rest, ".")) && rest)
        rc = descend(&place, field_at(&place));
    if (rc || (place.descriptor && !field_at(&place)))
        return df_error_set(error, -EINVAL, "%s '%s': %.*s: there is no such field to set", schema->name, id, (int)len,
                            assignment);
    if (assign_at(&place, assignment + len + 1))
        return df_error_set(error, -EINVAL, "%s '%s': %.*s: '%.80s' is not JSON", schema->name, id, (int)len,
                            assignment, assignment + len + 1);
    return 0;
}
