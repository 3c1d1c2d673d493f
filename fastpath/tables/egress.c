/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "fastpath/tables/builtin.h"

/* The way to a port. */

static uint16_t decide(void *state, struct df_walk *walk)
{
    struct df_egress_key key = {.lport = walk->out_lport};
    const struct df_egress_value *value = df_exact_find(state, walk, &key, NULL);
    if (value == NULL)
        return df_walk_drop(walk, DF_DROP_EGRESS_NO_PATH);
    return DF_TABLE_DISPATCH;
}

static int put(void *state, const struct df_entry *entry)
{
    if (!df_table_entry_fits(&df_table_egress.desc, entry))
        return -EINVAL;
    const struct df_egress_value *value = entry->value;
    return value->kind == DF_EGRESS_LOCAL ? df_exact_put(state, entry) : -EINVAL;
}

static const char *const kinds[] = {[0] = "none", [DF_EGRESS_LOCAL] = "local", NULL};

static const struct df_field key_fields[] = {
    DF_FIELD(df_egress_key, lport, DF_FIELD_UINT),
    DF_FIELD_END,
};

static const struct df_field value_fields[] = {
    DF_FIELD_NAMES(df_egress_value, kind, kinds),
    DF_FIELD_END,
};

const struct df_table_ops df_table_egress = {
    .desc = {.number = DF_TABLE_EGRESS,
             .name = "egress",
             .upstream = "EGRESS",
             .summary = "the way to a port",
             .key_size = sizeof(struct df_egress_key),
             .value_size = sizeof(struct df_egress_value),
             .order = DF_ORDER_EGRESS,
             .key_fields = key_fields,
             .value_fields = value_fields},
    .init = df_exact_init,
    .fini = df_exact_fini,
    .put = put,
    .del = df_exact_del,
    .for_each = df_exact_for_each,
    .count = df_exact_count,
    .decide = decide,
};
