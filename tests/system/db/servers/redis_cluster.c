/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "tests/system/db/server_private.h"
#include "tests/system/db/servers/kinds.h"
#include "tests/system/db/servers/redis_private.h"

/*
 * redis: a Cluster of three masters, of which the first has our keys and two replicas, also with TLS and a password. Its
 * bus is at port + 1.
 */

enum { CLUSTER_MASTERS = 3 };

#define SLOTS 16384U

static void prepare(struct server *server)
{
    char points[SERVER_TEXT];
    memcpy(points, server->location, sizeof points);
    snprintf(server->location, sizeof server->location, "cluster:%.*s", (int)sizeof points - 9, points);
}

static void prepare_secure(struct server *server)
{
    prepare(server);
    redis_prepare_secure(server);
}

static void run(const struct server *server, unsigned m)
{
    const struct server_member *member = &server->members[m];
    FILE *file = redis_begin();
    if (file) {
        redis_write_data_server(file, server, m);
        fprintf(file,
                "cluster-enabled yes\ncluster-port %u\ncluster-announce-ip 127.0.0.1\ncluster-announce-port %u\n"
                "cluster-node-timeout %u\ncluster-replica-validity-factor 0\ncluster-require-full-coverage no\n"
                "cluster-allow-replica-migration no\nreplica-announce-port %u\n",
                member->port + 1, member->door, server->elects_soon ? 2000U : 5000U, member->door);
    }
    redis_exec(file, NULL);
}

static void form(struct server *server)
{
    char what[160], id[64], printed[32];
    for (unsigned m = 0; m < server->n; m++)
        server_mend(server, m);
    for (unsigned m = 0; m < CLUSTER_MASTERS; m++) {
        /* A master without a slot has no vote. */
        snprintf(what, sizeof what, "cluster addslotsrange %u %u", m ? SLOTS - m : 0,
                 m ? SLOTS - m : SLOTS - CLUSTER_MASTERS);
        redis_insist(server, m, what);
    }
    for (unsigned m = 1; m < server->n; m++) {
        snprintf(what, sizeof what, "cluster meet 127.0.0.1 %u %u", server->members[m].port,
                 server->members[m].port + 1);
        redis_insist(server, 0, what);
    }
    snprintf(printed, sizeof printed, "cluster_known_nodes:%u", server->n);
    for (unsigned m = 0; m < server->n; m++)
        redis_wait_for(server, m, "cluster info", printed);
    server_ask(server, id, sizeof id, "redis-cli %s -p %u cluster myid", redis_options(server),
               server->members[0].port);
    snprintf(what, sizeof what, "cluster replicate %s", id);
    for (unsigned m = CLUSTER_MASTERS; m < server->n; m++)
        redis_insist(server, m, what);
    for (unsigned m = 0; m < server->n; m++)
        redis_wait_for(server, m, "cluster info", "cluster_state:ok");
    redis_wait_for_replicas(server, 0);
}

/* Who has the slot of our keys, as most members see it: a MOVED names its door. */
static int find_leader(const struct server *server)
{
    for (unsigned m = 0; m < server->n; m++) {
        if (!server_runs(server, m) || server_command(server, "timeout 3 redis-cli %s -p %u get '{dragonflow}' >slot",
                                                      redis_options(server), server->members[m].port))
            continue;
        if (server_command(server, "grep -q '^MOVED\\|^CLUSTERDOWN' slot") && redis_is_master(server, m))
            return (int)m;
    }
    return -1;
}

static bool is_whole(const struct server *server, unsigned leader)
{
    char moved[64];
    snprintf(moved, sizeof moved, "^MOVED [0-9]* 127.0.0.1:%u$", server->members[leader].door);
    for (unsigned m = 0; m < server->n; m++)
        if (!redis_prints(server, m, "cluster info", true, "cluster_state:ok") ||
            !redis_prints(server, m, "cluster nodes", false, "fail\\|handshake") ||
            (m != leader && !redis_prints(server, m, "get '{dragonflow}'", true, moved)))
            return false;
    return true;
}

static void settle(const struct server *server)
{
    redis_settle(server, server->n, is_whole);
}

static bool follows(const struct server *server, unsigned m)
{
    return (m == 0 || m >= CLUSTER_MASTERS) && m != server_leader(server);
}

const struct server_kind server_redis_cluster = {.name = "redis-cluster",
                                                 .driver = "redis",
                                                 .program = "redis-server",
                                                 .package = "redis-server",
                                                 .members = CLUSTER_MASTERS + REDIS_REPLICAS,
                                                 .disk_mib = REDIS_DISK_MIB,
                                                 .prepare = prepare,
                                                 .run = run,
                                                 .is_ready = redis_is_ready,
                                                 .form = form,
                                                 .leader = find_leader,
                                                 .keeps_acknowledged = "?replicas=2",
                                                 .settle = settle,
                                                 .follows = follows,
                                                 .wipe = redis_wipe_leader};

const struct server_kind server_redis_cluster_secure = {.name = "redis-cluster-secure",
                                                        .driver = "redis",
                                                        .program = "redis-server",
                                                        .package = "redis-server",
                                                        .members = CLUSTER_MASTERS + REDIS_REPLICAS,
                                                        .disk_mib = REDIS_DISK_MIB,
                                                        .prepare = prepare_secure,
                                                        .run = run,
                                                        .is_ready = redis_is_ready,
                                                        .form = form,
                                                        .leader = find_leader,
                                                        .settle = settle,
                                                        .wipe = redis_wipe_leader};
