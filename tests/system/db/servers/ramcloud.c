/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "tests/system/db/servers/kinds.h"

/* No server: the stand-in for RAMCloud's library keeps its cluster in a file. */

static void wipe(const struct server *server)
{
    server_command(server, "rm -f %s/ramcloud-*", server->path);
}

static void prepare(struct server *server)
{
    snprintf(server->location, sizeof server->location, "%s", server->path);
}

const struct server_kind server_ramcloud = {.name = "ramcloud", .driver = "ramcloud", .prepare = prepare, .wipe = wipe};
