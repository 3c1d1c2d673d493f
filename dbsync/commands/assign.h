/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "dbsync/schema.h"

/**
 * Carries out one FIELD=VALUE on an object's JSON. FIELD may be a path ("binding.chassis", "dhcp_params.opts.15").
 * VALUE is text for a string, JSON otherwise; a list of strings may be written with commas; nothing unsets the field.
 * @return 0, or -EINVAL with a message
 */
int df_assign(enum df_nb_table table, json_t *object, const char *assignment, struct df_error *error);
