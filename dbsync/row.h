/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "dbsync/schema.h"

/* Objects as bytes of a row. What a database returns is untrusted: its size and what it unpacks to are bounded. */

#define DF_ROW_MAX ((size_t)8 << 20)

/**
 * Unpacks and checks one row; the object must carry the row's id. Its parts are not checked (df_schema_check_stored()),
 * but their strings are printable ASCII of at most DF_TEXT_MAX bytes.
 * @param object the caller's, free with protobuf_c_message_free_unpacked(object, NULL)
 * @return -EBADMSG or -EINVAL, error names table, id and field
 */
int df_row_decode(enum df_nb_table table, const char *id, const void *data, size_t len, ProtobufCMessage **object,
                  struct df_error *error);

/** Packs a checked object into memory of malloc. -EINVAL when it is larger than DF_ROW_MAX. */
int df_row_encode(enum df_nb_table table, const ProtobufCMessage *object, void **data, size_t *len,
                  struct df_error *error);
