/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "dbsync/schema.h"

/**
 * As df_schema_from_json() without the check at the end: for a part of an object, which is checked after it was
 * merged. The object has an id.
 */
int df_json_parse(enum df_nb_table table, const json_t *json, ProtobufCMessage **object, struct df_error *error);
