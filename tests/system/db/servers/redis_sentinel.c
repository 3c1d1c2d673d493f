/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/system/db/server_private.h"
#include "tests/system/db/servers/kinds.h"
#include "tests/system/db/servers/redis_private.h"

/*
 * redis: three with three Sentinels, the members from DATA_SERVERS on, also with TLS and a password, which Sentinels
 * believe to be each other's, too.
 */

enum { DATA_SERVERS = 3 };

static void prepare(struct server *server)
{
    size_t used = (size_t)snprintf(server->location, sizeof server->location, "sentinel:df@");
    for (unsigned m = DATA_SERVERS; m < server->n; m++)
        used += (size_t)snprintf(server->location + used, sizeof server->location - used, "%s127.0.0.1:%u",
                                 m > DATA_SERVERS ? "," : "", server->members[m].door);
    server_command(server, "printf 'info sentinel\\nsentinel master df\\nsentinel ckquorum df\\n' >questions");
}

static void prepare_secure(struct server *server)
{
    prepare(server);
    redis_prepare_secure(server);
}

static void write_sentinel(FILE *file, const struct server *server, unsigned m)
{
    fputs("bind 127.0.0.1\n", file);
    redis_write_port(file, server, m);
    if (redis_is_secure(server))
        fputs("requirepass secret\nuser df on >switch -@all +ping +sentinel|get-master-addr-by-name\n", file);
}

static void run(const struct server *server, unsigned m)
{
    FILE *file = redis_begin();
    if (file && m >= DATA_SERVERS)
        write_sentinel(file, server, m);
    if (file && m < DATA_SERVERS) {
        redis_write_data_server(file, server, m);
        fprintf(file, "replica-announce-ip 127.0.0.1\nreplica-announce-port %u\n", server->members[m].door);
    }
    if (file && m > 0 && m < DATA_SERVERS)
        fprintf(file, "replicaof 127.0.0.1 %u\n", server->members[0].door);
    redis_exec(file, m >= DATA_SERVERS ? "--sentinel" : NULL);
}

static void form(struct server *server)
{
    char what[160];
    for (unsigned m = 0; m < DATA_SERVERS; m++)
        server_mend(server, m);
    redis_wait_for_replicas(server, 0);
    for (unsigned m = DATA_SERVERS; m < server->n; m++) {
        snprintf(what, sizeof what, "sentinel monitor df 127.0.0.1 %u 2", server->members[0].door);
        redis_insist(server, m, what);
        snprintf(what, sizeof what, "sentinel set df down-after-milliseconds %u failover-timeout 2000",
                 server->elects_soon ? 1500U : 5000U);
        redis_insist(server, m, what);
        if (redis_is_secure(server))
            redis_insist(server, m, "sentinel set df auth-pass secret");
    }
    for (unsigned m = DATA_SERVERS; m < server->n; m++)
        redis_wait_for(server, m, "info sentinel", "slaves=2,sentinels=3");
}

static int member_at_door(const struct server *server, const char *port)
{
    for (unsigned m = 0; m < server->n; m++)
        if (server->members[m].door == atoi(port))
            return (int)m;
    return -1;
}

static int find_leader(const struct server *server)
{
    char port[16];
    for (unsigned m = DATA_SERVERS; m < server->n; m++) {
        if (!server_runs(server, m) || redis_control(server, m, "sentinel get-master-addr-by-name df >master"))
            continue;
        server_ask(server, port, sizeof port, "tail -n 1 master");
        int leads = member_at_door(server, port);
        if (leads >= 0 && server_runs(server, (unsigned)leads) && redis_is_master(server, (unsigned)leads))
            return leads;
    }
    return -1;
}

/*
 * Sentinels know who leads, and that all are there. None is about to depose the leader, neither in the middle of it
 * (flags) nor at its beginning, which is a ping that has waited for long.
 */
static bool is_whole(const struct server *server, unsigned leader)
{
    static const char questions[] = "<questions | paste -s -d ' '";
    char printed[160];
    snprintf(printed, sizeof printed,
             "status=ok,address=127.0.0.1:%u,slaves=2,sentinels=3.* flags master .* last-ping-sent 0 .* OK 3 ",
             server->members[leader].door);
    for (unsigned m = DATA_SERVERS; m < server->n; m++)
        if (!redis_prints(server, m, questions, true, printed))
            return false;
    return true;
}

static void settle(const struct server *server)
{
    redis_settle(server, DATA_SERVERS, is_whole);
}

static bool follows(const struct server *server, unsigned m)
{
    return m < DATA_SERVERS && m != server_leader(server);
}

const struct server_kind server_redis_sentinel = {.name = "redis-sentinel",
                                                  .driver = "redis",
                                                  .program = "redis-server",
                                                  .package = "redis-server",
                                                  .members = DATA_SERVERS + 3,
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

const struct server_kind server_redis_sentinel_secure = {.name = "redis-sentinel-secure",
                                                         .driver = "redis",
                                                         .program = "redis-server",
                                                         .package = "redis-server",
                                                         .members = DATA_SERVERS + 3,
                                                         .disk_mib = REDIS_DISK_MIB,
                                                         .prepare = prepare_secure,
                                                         .run = run,
                                                         .is_ready = redis_is_ready,
                                                         .form = form,
                                                         .leader = find_leader,
                                                         .settle = settle,
                                                         .wipe = redis_wipe_leader};
