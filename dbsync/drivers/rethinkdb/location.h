/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "dbsync/error.h"

/* HOST[:PORT],HOST[:PORT]...[/DATABASE], IPv6 addresses in brackets. */

#define DF_RETHINKDB_HOSTS 16

struct df_rethinkdb_location {
    char *text; /* of which the others are parts, cut by zeros */
    char *hosts[DF_RETHINKDB_HOSTS], *ports[DF_RETHINKDB_HOSTS];
    unsigned n;
    char *database;
};

/** @return 0, -EINVAL with a text, -ENOMEM. Free with df_rethinkdb_location_clear(), also after an error. */
int df_rethinkdb_location_parse(struct df_rethinkdb_location *location, const char *text, struct df_error *error);
void df_rethinkdb_location_clear(struct df_rethinkdb_location *location);
