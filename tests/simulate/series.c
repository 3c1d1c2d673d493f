/* SPDX-License-Identifier: Apache-2.0 */
#include "series.h"

#include "control/model/alloc.h"

#include <stdlib.h>

#define NS_PER_MS 1e6

void series_add(struct series *series, uint64_t ns)
{
    if (series->n == series->room) {
        series->room = series->room ? 2 * series->room : 256;
        series->ns = df_realloc(series->ns, series->room * sizeof(*series->ns));
    }
    series->ns[series->n++] = ns;
}

static int compare(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

/* The smallest that so many of a hundred do not exceed. */
static double percentile(const struct series *series, size_t percent)
{
    size_t place = (series->n * percent + 99) / 100;
    return (double)series->ns[place > 0 ? place - 1 : 0] / NS_PER_MS;
}

json_t *series_json(struct series *series)
{
    json_t *json = NULL;
    if (series->n > 0) {
        qsort(series->ns, series->n, sizeof(*series->ns), compare);
        json = json_pack("{s:I, s:f, s:f, s:f}", "n", (json_int_t)series->n, "p50", percentile(series, 50), "p99",
                         percentile(series, 99), "max", percentile(series, 100));
    }
    free(series->ns);
    *series = (struct series){0};
    return json ? json : json_null();
}
