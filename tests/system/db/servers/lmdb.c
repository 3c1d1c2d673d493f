/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "tests/system/db/servers/kinds.h"

/* No server: a directory is the database. */

static void wipe(const struct server *server)
{
    server_command(server, "rm -rf %s/nb", server->path);
}

static void prepare(struct server *server)
{
    snprintf(server->location, sizeof server->location, "%s/nb", server->path);
}

const struct server_kind server_lmdb = {.name = "lmdb", .driver = "lmdb", .prepare = prepare, .wipe = wipe};
