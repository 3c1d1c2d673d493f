/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/row.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dbsync/field.h"
#include "dbsync/path.h"
#include "dbsync/rule.h"
#include "dbsync/unpack.h"

#define UNPACKED_MAX ((size_t)64 << 20)

/* What is not printed gets a space, with which a text is still nothing that a part may hold. */
static void make_printable(char *text)
{
    text[strnlen(text, DF_TEXT_MAX)] = '\0';
    for (; *text; text++)
        if (!isascii((unsigned char)*text) || !isprint((unsigned char)*text))
            *text = ' ';
}

static void make_part_printable(ProtobufCMessage *part)
{
    for (unsigned i = 0; i < part->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &part->descriptor->fields[i];
        bool is_string = field->type == PROTOBUF_C_TYPE_STRING;
        for (size_t n = 0; is_string && n < df_field_count(part, field); n++)
            make_printable((char *)(uintptr_t)df_field_string(part, field, n));
    }
}

/* A part that cannot be is named with what is in it. No field of a part is longer than DF_TEXT_MAX, nor has other text. */
static void make_parts_printable(ProtobufCMessage *object)
{
    for (unsigned i = 0; i < object->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &object->descriptor->fields[i];
        bool has_parts = df_rule_of(object->descriptor, field)->kind == DF_KIND_PARTS;
        for (size_t n = 0; has_parts && n < df_field_count(object, field); n++)
            make_part_printable(df_field_message(object, field, n));
    }
}

int df_row_decode(enum df_nb_table table, const char *id, const void *data, size_t len, ProtobufCMessage **object,
                  struct df_error *error)
{
    const struct df_schema_table *schema = df_schema_table(table);
    struct df_object_at at = {table, id, error};
    static const struct df_rule id_rule = {.kind = DF_KIND_ID};
    const char *refusal = df_rule_refuses(&id_rule, id);
    if (refusal)
        return df_object_error(&at, NULL, "%s", refusal);
    if (len > DF_ROW_MAX)
        return df_object_error(&at, NULL, "%zu bytes are more than %zu", len, DF_ROW_MAX);

    ProtobufCMessage *message = df_unpack(schema->descriptor, data, len, UNPACKED_MAX);
    if (!message)
        return df_error_set(error, -EBADMSG, "%s '%s': the row is not a packed %s", schema->name, id,
                            schema->descriptor->short_name);
    int rc = df_schema_check_stored(table, message, error);
    if (rc == 0 && strcmp(df_schema_id(message), id) != 0)
        rc = df_object_error(&at, NULL, "the row holds the object '%s'", df_schema_id(message));
    if (rc) {
        protobuf_c_message_free_unpacked(message, NULL);
        return rc;
    }
    make_parts_printable(message);
    *object = message;
    return 0;
}

int df_row_encode(enum df_nb_table table, const ProtobufCMessage *object, void **data, size_t *len,
                  struct df_error *error)
{
    struct df_object_at at = {table, df_schema_id(object), error};
    *len = protobuf_c_message_get_packed_size(object);
    if (*len > DF_ROW_MAX)
        return df_object_error(&at, NULL, "%zu bytes are more than %zu", *len, DF_ROW_MAX);
    *data = malloc(*len + 1);
    if (!*data)
        return df_error_set(error, -ENOMEM, "out of memory");
    protobuf_c_message_pack(object, *data);
    return 0;
}
