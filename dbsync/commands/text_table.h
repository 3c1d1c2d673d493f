/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>
#include <stddef.h>

/* A table for people: as wide as its cells, columns that are empty in every row left out. */

struct df_text_table;

/** columns: names separated by a space, which also are paths into a row's JSON ("binding.chassis"). NULL: no memory. */
struct df_text_table *df_text_table_new(const char *columns);
int df_text_table_add(struct df_text_table *table, const json_t *row);
void df_text_table_print(const struct df_text_table *table);
void df_text_table_free(struct df_text_table *table);

/** A value as one cell: a list by commas. Free it. NULL: no memory. */
char *df_text_cell(const json_t *value);
