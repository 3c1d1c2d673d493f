/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>

#include "control/datapath/datapath.h"
#include "fastpath/pipeline.h"

/*
 * Table entries as JSON, for every table alike: made from the table's descriptor, so that a new table needs no code
 * here.
 *
 *     {"key": {"network": 3, "network_name": "blue", "mac": "fa:16:3e:00:00:01"}, "value": {...}, "items": [...],
 *      "origin": {"app": "l2", "table": "lport", "id": "...", "version": 7}}
 */

/* What people call the numbers in entries. A function may be NULL and may return NULL. */
struct df_names {
    const char *(*lport)(void *arg, uint32_t key);
    const char *(*network)(void *arg, uint32_t key);
    const char *(*router)(void *arg, uint32_t key);
    const char *(*port)(void *arg, uint16_t number);
    const char *(*group)(void *arg, uint32_t number); /* a secgroup or address_group */
    const char *(*rule)(void *arg, uint32_t number);
    json_t *(*rule_words)(void *arg, uint32_t number); /* df_controller_rule() */
    void *arg;
};

/** The key alone, or NULL when its length is not the table's. names may be NULL. The caller owns the result. */
json_t *df_table_key_json(const struct df_table_desc *desc, const void *key, size_t key_len,
                          const struct df_names *names);

/** A whole entry. Control thread (the origin is read). A value of wrong length is shown as far as it goes. */
json_t *df_table_entry_json(const struct df_table_desc *desc, const struct df_entry *entry,
                            const struct df_names *names);

/** Adds `what` and, if it has a name, `what_name` to json; what is lport, network, router, port, group,
 * set (a group) or rule. */
void df_names_add(const struct df_names *names, json_t *json, const char *field, const char *what, uint32_t key);
