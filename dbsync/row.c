/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/row.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dbsync/path.h"
#include "dbsync/rule.h"
#include "dbsync/unpack.h"

#define UNPACKED_MAX ((size_t)64 << 20)

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
    int rc = df_schema_check(table, message, error);
    if (rc == 0 && strcmp(df_schema_id(message), id) != 0)
        rc = df_object_error(&at, NULL, "the row holds the object '%s'", df_schema_id(message));
    if (rc)
        protobuf_c_message_free_unpacked(message, NULL);
    else
        *object = message;
    return rc;
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
