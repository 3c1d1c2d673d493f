/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/system/db/server_private.h"
#include "tests/system/db/servers/kinds.h"
#include "tests/system/db/servers/redis_private.h"

/* redis alone, also with TLS and a password, and what it has in common with several of them. */

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

bool redis_is_secure(const struct server *server)
{
    return server->ca[0] != '\0';
}

const char *redis_options(const struct server *server)
{
    return redis_is_secure(server)
               ? "--tls --cacert ca.pem --cert client.pem --key client.key --no-auth-warning -a secret"
               : "";
}

int redis_control(const struct server *server, unsigned m, const char *what)
{
    return server_command(server, "timeout 5 redis-cli %s -e -p %u %s", redis_options(server), server->members[m].port,
                          what);
}

/* Where a command was done and its answer did not come, it says so the next time. */
void redis_insist(const struct server *server, unsigned m, const char *what)
{
    server_insist(server,
                  "said=$(timeout 5 redis-cli %s -e -p %u %s 2>&1) || "
                  "{ echo \"$said\"; echo \"$said\" | grep -q 'already busy\\|Duplicate master'; }",
                  redis_options(server), server->members[m].port, what);
}

void redis_wait_for(const struct server *server, unsigned m, const char *what, const char *printed)
{
    uint64_t end = 0;
    while (server_command(server, "timeout 5 redis-cli %s -p %u %s | grep -q '%s'", redis_options(server),
                          server->members[m].port, what, printed))
        if (!server_wait(&end))
            server_fail("%s: '%s' of member %u does not print '%s'", server->kind, what, m, printed);
}

void redis_wait_for_replicas(const struct server *server, unsigned m)
{
    for (unsigned i = 0; i < REDIS_REPLICAS; i++) {
        char line[32];
        snprintf(line, sizeof line, "slave%u:.*state=online", i);
        redis_wait_for(server, m, "info replication", line);
    }
}

bool redis_is_ready(const struct server *server, unsigned m)
{
    return redis_control(server, m, "ping") == 0;
}

FILE *redis_begin(void)
{
    if (access("redis.conf", F_OK) == 0)
        return NULL;
    FILE *file = fopen("redis.conf", "w");
    if (!file)
        server_fail("redis.conf cannot be written");
    return file;
}

void redis_exec(FILE *file, const char *option)
{
    if (file)
        fclose(file);
    execlp("redis-server", "redis-server", "redis.conf", option, NULL);
}

void redis_write_port(FILE *file, const struct server *server, unsigned m)
{
    if (redis_is_secure(server))
        fprintf(file,
                "port 0\ntls-port %u\ntls-cert-file %s/server.pem\ntls-key-file %s/server.key\n"
                "tls-ca-cert-file %s/ca.pem\ntls-auth-clients yes\ntls-replication yes\ntls-cluster yes\n",
                server->members[m].port, server->path, server->path, server->path);
    else
        fprintf(file, "port %u\n", server->members[m].port);
}

void redis_write_data_server(FILE *file, const struct server *server, unsigned m)
{
    fputs(common, file);
    redis_write_port(file, server, m);
    if (redis_is_secure(server))
        fprintf(file, "%smasterauth secret\n", rights);
}

static void run(const struct server *server, unsigned m)
{
    FILE *file = redis_begin();
    if (file)
        redis_write_data_server(file, server, m);
    redis_exec(file, NULL);
}

static void wipe(const struct server *server)
{
    redis_insist(server, 0, "flushall");
}

void redis_prepare_secure(struct server *server)
{
    server_certificates(server);
    snprintf(server->ca, sizeof server->ca, "%s/ca.pem", server->path);
    snprintf(server->cert, sizeof server->cert, "%s/client.pem", server->path);
    snprintf(server->key, sizeof server->key, "%s/client.key", server->path);
    snprintf(server->user, sizeof server->user, "df");
    snprintf(server->password, sizeof server->password, "switch");
}

bool redis_is_master(const struct server *server, unsigned m)
{
    return server_command(server, "timeout 3 redis-cli %s -p %u role | grep -q master", redis_options(server),
                          server->members[m].port) == 0;
}

bool redis_prints(const struct server *server, unsigned m, const char *what, bool does, const char *pattern)
{
    return server_command(server, "timeout 3 redis-cli %s -p %u %s >printed && %s grep -q '%s' printed",
                          redis_options(server), server->members[m].port, what, does ? "" : "!", pattern) == 0;
}

/*
 * The leader has its replicas, and what a restart would read is what each has: a server that was made a replica writes
 * its file anew, and has the old one until then.
 */
static bool is_in_step(const struct server *server, unsigned data_servers, unsigned leader)
{
    bool is = redis_prints(server, leader, "info replication | paste -s", true,
                           "slave0:[^\t]*state=online.*slave1:[^\t]*state=online");
    for (unsigned m = 0; is && m < data_servers; m++)
        is = redis_prints(server, m, "info persistence", false, "^aof_rewrite_[a-z_]*:1\\|^loading:1");
    return is;
}

void redis_settle(const struct server *server, unsigned data_servers,
                  bool (*is_whole)(const struct server *server, unsigned leader))
{
    uint64_t end = 0;
    unsigned leader = server_leader(server);
    while (!is_whole(server, leader) || !is_in_step(server, data_servers, leader)) {
        if (!server_wait(&end))
            server_fail("%s: not all servers come back, see %s", server->kind, server->path);
        leader = server_leader(server);
    }
}

/* The replicas have heard of it: one that has not, and takes over, would bring back what was. */
void redis_wipe_leader(const struct server *server)
{
    uint64_t end = 0;
    while (server_command(server, "printf 'flushall\\nwait %d 2000\\n' | timeout 5 redis-cli %s -p %u | grep -qx %d",
                          REDIS_REPLICAS, redis_options(server), server->members[server_leader(server)].port,
                          REDIS_REPLICAS))
        if (!server_wait(&end))
            server_fail("%s cannot be emptied, see %s/commands", server->kind, server->path);
}

const struct server_kind server_redis = {.name = "redis",
                                         .driver = "redis",
                                         .program = "redis-server",
                                         .package = "redis-server",
                                         .members = 1,
                                         .disk_mib = REDIS_DISK_MIB,
                                         .run = run,
                                         .is_ready = redis_is_ready,
                                         .wipe = wipe};

const struct server_kind server_redis_secure = {.name = "redis-secure",
                                                .driver = "redis",
                                                .program = "redis-server",
                                                .package = "redis-server",
                                                .members = 1,
                                                .disk_mib = REDIS_DISK_MIB,
                                                .prepare = redis_prepare_secure,
                                                .run = run,
                                                .is_ready = redis_is_ready,
                                                .wipe = wipe};
