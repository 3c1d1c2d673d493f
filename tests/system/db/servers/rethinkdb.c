/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/system/db/servers/kinds.h"

/*
 * RethinkDB: no server in Debian, so a stand-in that speaks its protocol; see standin/rethinkdb.py. Alone, and alone with
 * TLS and a password.
 */

static void run(const struct server *server, unsigned m)
{
    char port[8];
    snprintf(port, sizeof port, "%u", server->members[m].port);
    execlp("python3", "python3", DF_TEST_RETHINKDB, port, ".", NULL);
}

/* The stand-in's own way to have it: see there what a client is told. */
static void move(const struct server *server, unsigned m)
{
    if (server_runs(server, m))
        kill(server->members[m].pid, SIGUSR1);
}

static void run_secure(const struct server *server, unsigned m)
{
    char port[8], certificate[SERVER_TEXT], key[SERVER_TEXT];
    snprintf(port, sizeof port, "%u", server->members[m].port);
    snprintf(certificate, sizeof certificate, "%s/server.pem", server->path);
    snprintf(key, sizeof key, "%s/server.key", server->path);
    execlp("python3", "python3", DF_TEST_RETHINKDB, port, ".", server->user, server->password, certificate, key,
           server->ca, NULL);
}

static void prepare_secure(struct server *server)
{
    server_certificates(server);
    snprintf(server->ca, sizeof server->ca, "%s/ca.pem", server->path);
    snprintf(server->cert, sizeof server->cert, "%s/client.pem", server->path);
    snprintf(server->key, sizeof server->key, "%s/client.key", server->path);
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
                                                    .run = run_secure};
