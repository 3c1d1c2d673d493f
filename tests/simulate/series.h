/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/* Times that were measured. One thread. */

struct series {
    uint64_t *ns;
    size_t n, room;
};

void series_add(struct series *series, uint64_t ns);

/** {n, p50, p99, max}, in milliseconds; frees them. The caller's. */
json_t *series_json(struct series *series);
