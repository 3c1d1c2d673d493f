/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/system/db/server_private.h"
#include "tests/system/db/servers/kinds.h"

/* ovsdb-server: alone, three in a RAFT cluster, and alone with TLS. A cluster's members meet at port + 1. */

#define TABLES "Meta Revision Row Change Lease"

static bool is_secure(const struct server *server)
{
    return server->ca[0] != '\0';
}

/* Runs ovsdb-client with a member; what is a command and its arguments behind the server. */
static int client(const struct server *server, unsigned m, const char *command, const char *arguments)
{
    char tls[3 * SERVER_TEXT + 16] = "";
    if (is_secure(server))
        snprintf(tls, sizeof tls, "-p %s -c %s -C %s", server->key, server->cert, server->ca);
    return server_command(server, "ovsdb-client --timeout=5 %s %s %s:127.0.0.1:%u %s", tls, command,
                          is_secure(server) ? "ssl" : "tcp", server->members[m].port, arguments);
}

/* The first member begins the cluster, and all others join it, as does the first one when it was thrown out. */
static const char join[] =
    "if test $m$out = 0; then\n"
    "    ovsdb-tool --election-timer=$patience create-cluster nb.db $schema tcp:127.0.0.1:$peer\n"
    "else\n"
    "    ovsdb-tool join-cluster nb.db Dragonflow_Northbound tcp:127.0.0.1:$peer $peers\n"
    "fi\n";

/*
 * ovsdb-server 3.1 may note in its part of a cluster what there was no room for, and does not read that again
 * ("advances commit index"). Such a member is thrown out, and joins anew.
 */
static const char rejoin[] =
    "if test -e nb.db && ! ovsdb-tool check-cluster nb.db; then\n"
    "    for other in $others; do\n"
    "        ovs-appctl -t $PWD/../$other/ctl cluster/kick Dragonflow_Northbound $(ovsdb-tool db-sid nb.db) && break\n"
    "    done\n"
    "    rm nb.db\n"
    "    out=yes\n"
    "fi\n";

static void run(const struct server *server, unsigned m)
{
    char script[4096], others[128] = "", peers[256] = "", tls[3 * SERVER_TEXT] = "";
    unsigned port = server->members[m].port;
    for (unsigned i = 0; i < server->n; i++) {
        if (i == m)
            continue;
        snprintf(others + strlen(others), sizeof others - strlen(others), "m%u ", i);
        snprintf(peers + strlen(peers), sizeof peers - strlen(peers), "tcp:127.0.0.1:%u ", server->members[i].port + 1);
    }
    if (is_secure(server))
        snprintf(tls, sizeof tls, "--private-key=%s/server.key --certificate=%s/server.pem --ca-cert=%s/ca.pem",
                 server->path, server->path, server->path);
    snprintf(script, sizeof script,
             "m=%u out= others='%s' peers='%s' peer=%u schema=%s patience=%u\n%s"
             "test -e nb.db || {\n%s\n} || exit\n"
             "rm -f .nb.db.~lock~\n"
             "exec ovsdb-server --unixctl=$PWD/ctl --remote=p%s:%u:127.0.0.1 %s nb.db",
             m, others, peers, port + 1, DF_TEST_OVSSCHEMA, server->elects_soon ? 1000U : 5000U,
             server->n > 1 ? rejoin : "", server->n > 1 ? join : "ovsdb-tool create nb.db $schema",
             is_secure(server) ? "ssl" : "tcp", port, tls);
    execlp("sh", "sh", "-c", script, NULL);
}

/* What a member says of the database in OVSDB's own one. */
static bool says(const struct server *server, unsigned m, const char *column)
{
    char query[256];
    snprintf(query, sizeof query,
             "'[\"_Server\", {\"op\": \"select\", \"table\": \"Database\", \"columns\": [\"%s\"], "
             "\"where\": [[\"name\", \"==\", \"Dragonflow_Northbound\"]]}]' | grep -q true",
             column);
    return client(server, m, "transact", query) == 0;
}

static bool is_ready(const struct server *server, unsigned m)
{
    return server_listens(server->members[m].port) && says(server, m, "connected");
}

static int leader(const struct server *server)
{
    for (unsigned m = 0; m < server->n; m++)
        if (server_runs(server, m) && says(server, m, "leader"))
            return (int)m;
    return -1;
}

static void wipe(const struct server *server)
{
    char script[1024] = "'[\"Dragonflow_Northbound\"", tables[] = TABLES;
    uint64_t end = 0;
    for (char *table = strtok(tables, " "); table; table = strtok(NULL, " "))
        snprintf(script + strlen(script), sizeof script - strlen(script),
                 ", {\"op\": \"delete\", \"table\": \"%s\", \"where\": []}", table);
    strcat(script, "]' >wiped && grep -q count wiped && ! grep error wiped");
    for (unsigned m = 0; client(server, m, "transact", script); m = (m + 1) % server->n)
        if (!server_wait(&end))
            server_fail("ovsdb-server cannot be emptied, see %s/commands", server->path);
}

/* The doors as OVSDB writes them; server->location names them without a transport. */
static void name_doors(struct server *server, const char *transport)
{
    size_t used = 0;
    for (unsigned m = 0; m < server->n && used < sizeof server->location; m++)
        used += (size_t)snprintf(server->location + used, sizeof server->location - used, "%s%s:127.0.0.1:%u",
                                 m ? "," : "", transport, server->members[m].door);
}

static void prepare(struct server *server)
{
    name_doors(server, "tcp");
}

static void prepare_secure(struct server *server)
{
    server_certificates(server);
    name_doors(server, "ssl");
    snprintf(server->ca, sizeof server->ca, "%s/ca.pem", server->path);
    snprintf(server->cert, sizeof server->cert, "%s/client.pem", server->path);
    snprintf(server->key, sizeof server->key, "%s/client.key", server->path);
}

const struct server_kind server_ovsdb = {.name = "ovsdb",
                                         .driver = "ovsdb",
                                         .program = "ovsdb-server",
                                         .package = "openvswitch-common",
                                         .members = 1,
                                         .disk_mib = 256,
                                         .prepare = prepare,
                                         .run = run,
                                         .is_ready = is_ready,
                                         .wipe = wipe};

const struct server_kind server_ovsdb_cluster = {.name = "ovsdb-cluster",
                                                 .driver = "ovsdb",
                                                 .program = "ovsdb-server",
                                                 .package = "openvswitch-common",
                                                 .members = 3,
                                                 .disk_mib = 256,
                                                 .prepare = prepare,
                                                 .run = run,
                                                 .is_ready = is_ready,
                                                 .leader = leader,
                                                 .stays_full = true,
                                                 .wipe = wipe};

const struct server_kind server_ovsdb_secure = {.name = "ovsdb-secure",
                                                .driver = "ovsdb",
                                                .program = "ovsdb-server",
                                                .package = "openvswitch-common",
                                                .members = 1,
                                                .disk_mib = 256,
                                                .prepare = prepare_secure,
                                                .run = run,
                                                .is_ready = is_ready,
                                                .wipe = wipe};
