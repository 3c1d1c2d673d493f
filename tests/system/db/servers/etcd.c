/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/system/db/server_private.h"
#include "tests/system/db/servers/kinds.h"

/* etcd: alone, three members, and alone with TLS and a password. Its peers meet at port + 1. */

static bool is_secure(const struct server *server)
{
    return server->ca[0] != '\0';
}

/* The option of one end of etcdctl. */
static const char *client_options(const struct server *server)
{
    return is_secure(server) ? "--cacert ca.pem --cert client.pem --key client.key --user root:secret" : "";
}

enum { COMMAND_MAX = 256 };

static const char *command(const struct server *server, unsigned m, const char *what, char text[COMMAND_MAX])
{
    snprintf(text, COMMAND_MAX, "ETCDCTL_API=3 etcdctl --endpoints %s://127.0.0.1:%u %s %s",
             is_secure(server) ? "https" : "http", server->members[m].port, client_options(server), what);
    return text;
}

static int control(const struct server *server, unsigned m, const char *what)
{
    char text[COMMAND_MAX];
    return server_command(server, "%s", command(server, m, what, text));
}

static void list_cluster(const struct server *server, char *text, size_t size)
{
    size_t used = 0;
    for (unsigned m = 0; m < server->n && used < size; m++)
        used += (size_t)snprintf(text + used, size - used, "%sm%u=http://127.0.0.1:%u", m ? "," : "", m,
                                 server->members[m].port + 1);
}

static void run(const struct server *server, unsigned m)
{
    char name[8], client[64], peer[64], cluster[SERVER_TEXT], cert[128], key[128], ca[128], patience[16];
    const char *scheme = is_secure(server) ? "https" : "http";
    snprintf(name, sizeof name, "m%u", m);
    snprintf(client, sizeof client, "%s://127.0.0.1:%u", scheme, server->members[m].port);
    snprintf(peer, sizeof peer, "http://127.0.0.1:%u", server->members[m].port + 1);
    snprintf(cert, sizeof cert, "--cert-file=%s/server.pem", server->path);
    snprintf(key, sizeof key, "--key-file=%s/server.key", server->path);
    snprintf(ca, sizeof ca, "--trusted-ca-file=%s/ca.pem", server->path);
    snprintf(patience, sizeof patience, "%u", server->n > 1 && !server->elects_soon ? 3000U : 1000U);
    list_cluster(server, cluster, sizeof cluster);
    char *args[] = {"etcd",   "--name",
                    name,     "--data-dir",
                    "data",   "--listen-client-urls",
                    client,   "--advertise-client-urls",
                    client,   "--listen-peer-urls",
                    peer,     "--initial-advertise-peer-urls",
                    peer,     "--initial-cluster",
                    cluster,  "--heartbeat-interval",
                    "100",    "--election-timeout",
                    patience, NULL,
                    NULL,     NULL,
                    NULL,     NULL};
    size_t n = 0;
    while (args[n])
        n++;
    if (is_secure(server)) {
        args[n++] = cert;
        args[n++] = key;
        args[n++] = ca;
        args[n] = "--client-cert-auth";
    }
    execvp(args[0], args);
}

static bool is_ready(const struct server *server, unsigned m)
{
    return server_listens(server->members[m].port) && control(server, m, "endpoint health") == 0;
}

static int leader(const struct server *server)
{
    char line[64];
    for (unsigned m = 0; m < server->n; m++) {
        if (!server_runs(server, m) ||
            control(server, m, "--command-timeout=3s endpoint status -w fields >status 2>&1"))
            continue;
        /* It leads when the leader's id is its own. */
        server_ask(server, line, sizeof line,
                   "awk '/\"MemberID\"/ {me = $3} /\"Leader\"/ {leader = $3} END {print me == leader}' status");
        if (strcmp(line, "1") == 0)
            return (int)m;
    }
    return -1;
}

static void wipe(const struct server *server)
{
    uint64_t end = 0;
    for (unsigned m = 0; control(server, m, "del '' --prefix"); m = (m + 1) % server->n)
        if (!server_wait(&end))
            server_fail("etcd cannot be emptied, see %s/commands", server->path);
}

static void prepare_secure(struct server *server)
{
    server_certificates(server);
    snprintf(server->ca, sizeof server->ca, "%s/ca.pem", server->path);
    snprintf(server->cert, sizeof server->cert, "%s/client.pem", server->path);
    snprintf(server->key, sizeof server->key, "%s/client.key", server->path);
    snprintf(server->user, sizeof server->user, "df");
    snprintf(server->password, sizeof server->password, "switch");
}

static void form_secure(struct server *server)
{
    static const char *const steps[] = {"user add root:secret",
                                        "user grant-role root root",
                                        "role add root",
                                        "role add dragonflow",
                                        "role grant-permission dragonflow --prefix=true readwrite /dragonflow/",
                                        "user add df:switch",
                                        "user grant-role df dragonflow",
                                        "auth enable"};
    char text[COMMAND_MAX];
    /* A step of which the answer did not come may have been done. */
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
        server_insist(server, "said=$(%s 2>&1) || { echo \"$said\"; echo \"$said\" | grep -q 'already exists'; }",
                      command(server, 0, steps[i], text));
}

const struct server_kind server_etcd = {.name = "etcd",
                                        .driver = "etcd",
                                        .program = "etcd",
                                        .package = "etcd-server etcd-client",
                                        .members = 1,
                                        .disk_mib = 320,
                                        .run = run,
                                        .is_ready = is_ready,
                                        .leader = leader,
                                        .wipe = wipe};

const struct server_kind server_etcd_cluster = {.name = "etcd-cluster",
                                                .driver = "etcd",
                                                .program = "etcd",
                                                .package = "etcd-server etcd-client",
                                                .members = 3,
                                                .disk_mib = 320,
                                                .shortest_ttl = 5, /* one and a half of the time for elections */
                                                .run = run,
                                                .is_ready = is_ready,
                                                .leader = leader,
                                                .wipe = wipe};

const struct server_kind server_etcd_secure = {.name = "etcd-secure",
                                               .driver = "etcd",
                                               .program = "etcd",
                                               .package = "etcd-server etcd-client",
                                               .members = 1,
                                               .disk_mib = 320,
                                               .prepare = prepare_secure,
                                               .run = run,
                                               .is_ready = is_ready,
                                               .form = form_secure,
                                               .wipe = wipe};
