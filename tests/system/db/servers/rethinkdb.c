/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/system/db/servers/kinds.h"

/* RethinkDB: no server in Debian, so a stand-in that speaks its protocol; see standin/rethinkdb.py. */

static void run(const struct server *server, unsigned m)
{
    char port[8];
    snprintf(port, sizeof port, "%u", server->members[m].port);
    if (server->user[0])
        execlp("python3", "python3", DF_TEST_RETHINKDB, port, ".", server->user, server->password, NULL);
    else
        execlp("python3", "python3", DF_TEST_RETHINKDB, port, ".", NULL);
}

/* The stand-in's own way to have it: see there what a client is told. */
static void move(const struct server *server, unsigned m)
{
    if (server_runs(server, m))
        kill(server->members[m].pid, SIGUSR1);
}

static void prepare_secure(struct server *server)
{
    snprintf(server->user, sizeof server->user, "df,1=x");
    snprintf(server->password, sizeof server->password, "switch");
}

const struct server_kind server_rethinkdb = {.name = "rethinkdb",
                                             .driver = "rethinkdb",
                                             .program = "python3",
                                             .package = "python3",
                                             .members = 1,
                                             .disk_mib = 320,
                                             .run = run,
                                             .move = move};

const struct server_kind server_rethinkdb_secure = {.name = "rethinkdb-secure",
                                                    .driver = "rethinkdb",
                                                    .program = "python3",
                                                    .package = "python3",
                                                    .members = 1,
                                                    .disk_mib = 320,
                                                    .prepare = prepare_secure,
                                                    .run = run};
