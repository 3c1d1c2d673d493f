/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>

#include "dbsync/error.h"

/**
 * What the workers have to say, as JSON: "workers", "drops", "connections" (counters; fastpath_conns.h shows them),
 * "flows" (params: "limit", at most 10000) or "rule_hits" ({hits} of params "rule", the number of a security group rule; null: none are counted).
 * Control thread; the caller owns the result. NULL: no report of that name.
 */
json_t *df_fastpath_report(const char *what, json_t *params, struct df_error *error);
