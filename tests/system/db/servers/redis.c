/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/system/db/server_private.h"
#include "tests/system/db/servers/kinds.h"

/*
 * redis: alone, alone with TLS and a password, three with three Sentinels, and a Cluster of three masters, of which the
 * first has our keys and two replicas, whose bus is at port + 1. Servers know each other by their doors, since that is
 * where clients are sent.
 */

enum { DATA_SERVERS = 3, CLUSTER_MASTERS = 3, REPLICAS = 2 };

#define SLOTS 16384U
#define DISK_MIB 384 /* for the append-only file */

static const char common[] = "bind 127.0.0.1\n"
                             "loglevel notice\n"
                             "save \"\"\n"
                             "appendonly yes\n"
                             "appendfsync always\n"
                             "repl-diskless-sync yes\n"
                             "repl-diskless-sync-delay 0\n"
                             "repl-ping-replica-period 1\n";

/* What docs/databases.md says that a user needs. */
static const char rights[] =
    "user df on >switch resetchannels ~{dragonflow}* -@all +ping +info +wait +time +script|load +evalsha +exists "
    "+hget +hmget +hset +hdel +hincrby +hscan +sadd +srem +sscan +zadd +zrem +zrange +zscore +rpush +lpop +llen +xadd "
    "+xlen +xread +xtrim +unlink\n"
    "user default on >secret ~* &* +@all\n";

static bool is_secure(const struct server *server)
{
    return server->ca[0] != '\0';
}

static int control(const struct server *server, unsigned m, const char *what)
{
    const char *secure = is_secure(server) ? "--tls --cacert ca.pem --cert client.pem --key client.key "
                                             "--no-auth-warning -a secret"
                                           : "";
    return server_command(server, "timeout 5 redis-cli %s -e -p %u %s", secure, server->members[m].port, what);
}

/* Waits until a command prints what it should. */
static void wait_for(const struct server *server, unsigned m, const char *what, const char *printed)
{
    uint64_t end = 0;
    while (
        server_command(server, "timeout 5 redis-cli -p %u %s | grep -q '%s'", server->members[m].port, what, printed))
        if (!server_wait(&end))
            server_fail("%s: '%s' of member %u does not print '%s'", server->kind, what, m, printed);
}

static void wait_for_replicas(const struct server *server, unsigned m)
{
    for (unsigned i = 0; i < REPLICAS; i++) {
        char line[32];
        snprintf(line, sizeof line, "slave%u:.*state=online", i);
        wait_for(server, m, "info replication", line);
    }
}

static bool is_ready(const struct server *server, unsigned m)
{
    return control(server, m, "ping") == 0;
}

/* The configuration is written once: servers write what changes into it themselves. */
static FILE *begin(void)
{
    if (access("redis.conf", F_OK) == 0)
        return NULL;
    FILE *file = fopen("redis.conf", "w");
    if (!file)
        server_fail("redis.conf cannot be written");
    return file;
}

static void exec_server(FILE *file, const char *option)
{
    if (file)
        fclose(file);
    execlp("redis-server", "redis-server", "redis.conf", option, NULL);
}

static void run(const struct server *server, unsigned m)
{
    FILE *file = begin();
    if (file)
        fprintf(file, "%sport %u\n", common, server->members[m].port);
    exec_server(file, NULL);
}

static void wipe(const struct server *server)
{
    if (control(server, 0, "flushall"))
        server_fail("redis cannot be emptied, see %s/commands", server->path);
}

/* With TLS. */

static void prepare_secure(struct server *server)
{
    server_certificates(server);
    snprintf(server->ca, sizeof server->ca, "%s/ca.pem", server->path);
    snprintf(server->cert, sizeof server->cert, "%s/client.pem", server->path);
    snprintf(server->key, sizeof server->key, "%s/client.key", server->path);
    snprintf(server->user, sizeof server->user, "df");
    snprintf(server->password, sizeof server->password, "switch");
}

static void run_secure(const struct server *server, unsigned m)
{
    FILE *file = begin();
    if (file)
        fprintf(file,
                "%s%sport 0\ntls-port %u\ntls-cert-file %s/server.pem\ntls-key-file %s/server.key\n"
                "tls-ca-cert-file %s/ca.pem\ntls-auth-clients yes\n",
                common, rights, server->members[m].port, server->path, server->path, server->path);
    exec_server(file, NULL);
}

/* With Sentinels: members from DATA_SERVERS on. */

static void prepare_sentinel(struct server *server)
{
    size_t used = (size_t)snprintf(server->location, sizeof server->location, "sentinel:df@");
    for (unsigned m = DATA_SERVERS; m < server->n; m++)
        used += (size_t)snprintf(server->location + used, sizeof server->location - used, "%s127.0.0.1:%u",
                                 m > DATA_SERVERS ? "," : "", server->members[m].door);
    server_command(server, "printf 'info sentinel\\nsentinel master df\\nsentinel ckquorum df\\n' >questions");
}

static void run_sentinel(const struct server *server, unsigned m)
{
    const struct server_member *member = &server->members[m];
    FILE *file = begin();
    if (file && m >= DATA_SERVERS)
        fprintf(file, "port %u\nbind 127.0.0.1\n", member->port);
    if (file && m < DATA_SERVERS)
        fprintf(file, "%sport %u\nreplica-announce-ip 127.0.0.1\nreplica-announce-port %u\n", common, member->port,
                member->door);
    if (file && m > 0 && m < DATA_SERVERS)
        fprintf(file, "replicaof 127.0.0.1 %u\n", server->members[0].door);
    exec_server(file, m >= DATA_SERVERS ? "--sentinel" : NULL);
}

static void form_sentinel(struct server *server)
{
    char what[160];
    for (unsigned m = 0; m < DATA_SERVERS; m++)
        server_mend(server, m);
    wait_for_replicas(server, 0);
    for (unsigned m = DATA_SERVERS; m < server->n; m++) {
        snprintf(what, sizeof what, "sentinel monitor df 127.0.0.1 %u 2", server->members[0].door);
        control(server, m, what);
        control(server, m, "sentinel set df down-after-milliseconds 1500 failover-timeout 2000");
    }
    for (unsigned m = DATA_SERVERS; m < server->n; m++)
        wait_for(server, m, "info sentinel", "slaves=2,sentinels=3");
}

static int member_at_door(const struct server *server, const char *port)
{
    for (unsigned m = 0; m < server->n; m++)
        if (server->members[m].door == atoi(port))
            return (int)m;
    return -1;
}

static int leader_by_sentinel(const struct server *server)
{
    char port[16];
    for (unsigned m = DATA_SERVERS; m < server->n; m++) {
        if (!server_runs(server, m) || control(server, m, "sentinel get-master-addr-by-name df >master"))
            continue;
        server_ask(server, port, sizeof port, "tail -n 1 master");
        int leads = member_at_door(server, port);
        if (leads >= 0 && server_runs(server, (unsigned)leads) &&
            server_command(server, "timeout 1 redis-cli -p %u role | grep -q master", server->members[leads].port) == 0)
            return leads;
    }
    return -1;
}

/* Does a command print this, or not print it? */
static bool prints(const struct server *server, unsigned m, const char *what, bool does, const char *pattern)
{
    return server_command(server, "timeout 1 redis-cli -p %u %s >printed && %s grep -q '%s' printed",
                          server->members[m].port, what, does ? "" : "!", pattern) == 0;
}

static bool is_sentinel(const struct server *server, unsigned m)
{
    return strcmp(server->kind, "redis-sentinel") == 0 && m >= DATA_SERVERS;
}

/*
 * The leader has its replicas, and what a restart would read is what each has: a server that was made a replica writes
 * its file anew, and has the old one until then.
 */
static bool is_in_step(const struct server *server, unsigned leader)
{
    bool is = prints(server, leader, "info replication | paste -s", true,
                     "slave0:[^\t]*state=online.*slave1:[^\t]*state=online");
    for (unsigned m = 0; is && m < server->n; m++)
        is = is_sentinel(server, m) ||
             prints(server, m, "info persistence", false, "^aof_rewrite_[a-z_]*:1\\|^loading:1");
    return is;
}

/*
 * Sentinels know who leads, and that all are there. None is about to depose the leader, neither in the middle of it
 * (flags) nor at its beginning, which is a ping that has waited for long.
 */
static bool is_whole_by_sentinel(const struct server *server, unsigned leader)
{
    static const char questions[] = "<questions | paste -s -d ' '";
    char printed[160];
    snprintf(printed, sizeof printed,
             "status=ok,address=127.0.0.1:%u,slaves=2,sentinels=3.* flags master .* last-ping-sent 0 .* OK 3 ",
             server->members[leader].door);
    for (unsigned m = DATA_SERVERS; m < server->n; m++)
        if (!prints(server, m, questions, true, printed))
            return false;
    return true;
}

static bool is_whole_cluster(const struct server *server, unsigned leader)
{
    (void)leader;
    for (unsigned m = 0; m < server->n; m++)
        if (!prints(server, m, "cluster info", true, "cluster_state:ok") ||
            !prints(server, m, "cluster nodes", false, "fail\\|handshake"))
            return false;
    return true;
}

static void settle(const struct server *server, bool (*is_whole)(const struct server *server, unsigned leader))
{
    uint64_t end = 0;
    unsigned leader = server_leader(server);
    while (!is_whole(server, leader) || !is_in_step(server, leader)) {
        if (!server_wait(&end))
            server_fail("%s: not all servers come back, see %s", server->kind, server->path);
        leader = server_leader(server);
    }
}

static void settle_sentinel(const struct server *server)
{
    settle(server, is_whole_by_sentinel);
}

static bool follows_by_sentinel(const struct server *server, unsigned m)
{
    return m < DATA_SERVERS && m != server_leader(server);
}

static bool follows_in_cluster(const struct server *server, unsigned m)
{
    return (m == 0 || m >= CLUSTER_MASTERS) && m != server_leader(server);
}

static void settle_cluster(const struct server *server)
{
    settle(server, is_whole_cluster);
}

static void wipe_leader(const struct server *server)
{
    uint64_t end = 0;
    while (control(server, server_leader(server), "flushall"))
        if (!server_wait(&end))
            server_fail("%s cannot be emptied, see %s/commands", server->kind, server->path);
}

/* As a Cluster. */

static void prepare_cluster(struct server *server)
{
    char points[SERVER_TEXT];
    memcpy(points, server->location, sizeof points);
    snprintf(server->location, sizeof server->location, "cluster:%.*s", (int)sizeof points - 9, points);
}

static void run_cluster(const struct server *server, unsigned m)
{
    const struct server_member *member = &server->members[m];
    FILE *file = begin();
    if (file)
        fprintf(file,
                "%sport %u\ncluster-enabled yes\ncluster-port %u\ncluster-announce-ip 127.0.0.1\n"
                "cluster-announce-port %u\ncluster-node-timeout 2000\ncluster-replica-validity-factor 0\n"
                "cluster-require-full-coverage no\ncluster-allow-replica-migration no\nreplica-announce-port %u\n",
                common, member->port, member->port + 1, member->door, member->door);
    exec_server(file, NULL);
}

static void form_cluster(struct server *server)
{
    char what[160], id[64], printed[32];
    for (unsigned m = 0; m < server->n; m++)
        server_mend(server, m);
    for (unsigned m = 0; m < CLUSTER_MASTERS; m++) {
        /* A master without a slot has no vote. */
        snprintf(what, sizeof what, "cluster addslotsrange %u %u", m ? SLOTS - m : 0,
                 m ? SLOTS - m : SLOTS - CLUSTER_MASTERS);
        control(server, m, what);
    }
    for (unsigned m = 1; m < server->n; m++) {
        snprintf(what, sizeof what, "cluster meet 127.0.0.1 %u %u", server->members[m].port,
                 server->members[m].port + 1);
        control(server, 0, what);
    }
    snprintf(printed, sizeof printed, "cluster_known_nodes:%u", server->n);
    for (unsigned m = 0; m < server->n; m++)
        wait_for(server, m, "cluster info", printed);
    server_ask(server, id, sizeof id, "redis-cli -p %u cluster myid", server->members[0].port);
    snprintf(what, sizeof what, "cluster replicate %s", id);
    for (unsigned m = CLUSTER_MASTERS; m < server->n; m++)
        control(server, m, what);
    for (unsigned m = 0; m < server->n; m++)
        wait_for(server, m, "cluster info", "cluster_state:ok");
    wait_for_replicas(server, 0);
}

/* Who has the slot of our keys, as most members see it: a MOVED names its door. */
static int leader_in_cluster(const struct server *server)
{
    for (unsigned m = 0; m < server->n; m++) {
        if (!server_runs(server, m) ||
            server_command(server, "timeout 1 redis-cli -p %u get '{dragonflow}' >slot", server->members[m].port))
            continue;
        if (server_command(server, "grep -q '^MOVED\\|^CLUSTERDOWN' slot") &&
            server_command(server, "timeout 1 redis-cli -p %u role | grep -q master", server->members[m].port) == 0)
            return (int)m;
    }
    return -1;
}

const struct server_kind server_redis = {.name = "redis",
                                         .driver = "redis",
                                         .program = "redis-server",
                                         .package = "redis-server",
                                         .members = 1,
                                         .disk_mib = DISK_MIB,
                                         .run = run,
                                         .is_ready = is_ready,
                                         .wipe = wipe};

const struct server_kind server_redis_secure = {.name = "redis-secure",
                                                .driver = "redis",
                                                .program = "redis-server",
                                                .package = "redis-server",
                                                .members = 1,
                                                .disk_mib = DISK_MIB,
                                                .prepare = prepare_secure,
                                                .run = run_secure,
                                                .is_ready = is_ready,
                                                .wipe = wipe};

const struct server_kind server_redis_sentinel = {.name = "redis-sentinel",
                                                  .driver = "redis",
                                                  .program = "redis-server",
                                                  .package = "redis-server",
                                                  .members = DATA_SERVERS + 3,
                                                  .disk_mib = DISK_MIB,
                                                  .prepare = prepare_sentinel,
                                                  .run = run_sentinel,
                                                  .is_ready = is_ready,
                                                  .form = form_sentinel,
                                                  .leader = leader_by_sentinel,
                                                  .keeps_acknowledged = "?replicas=2",
                                                  .settle = settle_sentinel,
                                                  .follows = follows_by_sentinel,
                                                  .wipe = wipe_leader};

const struct server_kind server_redis_cluster = {.name = "redis-cluster",
                                                 .driver = "redis",
                                                 .program = "redis-server",
                                                 .package = "redis-server",
                                                 .members = CLUSTER_MASTERS + REPLICAS,
                                                 .disk_mib = DISK_MIB,
                                                 .prepare = prepare_cluster,
                                                 .run = run_cluster,
                                                 .is_ready = is_ready,
                                                 .form = form_cluster,
                                                 .leader = leader_in_cluster,
                                                 .keeps_acknowledged = "?replicas=2",
                                                 .settle = settle_cluster,
                                                 .follows = follows_in_cluster,
                                                 .wipe = wipe_leader};
