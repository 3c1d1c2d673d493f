/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <event2/event.h>

#include "control/trace/tables.h"

/*
 * A table in pages.
 *
 * The first page copies every entry of the table as it is at that moment (about 0.2 us each), later pages are made
 * from the copy: so a dump is consistent, and JSON is made for some hundred entries at a time and the loop goes on in
 * between. A copy goes with its last page, when nobody asked for a page for half a minute, or when there are too many.
 */

struct df_dumps;

struct df_dumps *df_dumps_new(struct event_base *base);
void df_dumps_free(struct df_dumps *dumps);

/**
 * A page of a table.
 *
 * @param cursor NULL: the first page of a new dump; else "next" of the page before
 * @param limit  entries in a page; 0: 500
 * @return {"table", "name", "upstream", "total", "entries": [...], "next": cursor, if there is more}, or NULL with the
 *         reason in error: no such table, or the cursor has gone
 */
json_t *df_dumps_page(struct df_dumps *dumps, struct df_datapath *dp, const struct df_table_desc *desc,
                      const char *cursor, size_t limit, const struct df_names *names, struct df_error *error);
