/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <zookeeper/zookeeper.h>

#include "tests/system/db/server_private.h"
#include "tests/system/db/servers/kinds.h"

/*
 * ZooKeeper: alone, an ensemble of three, and alone with a user and a password. Its peers meet at port + 1 and elect a
 * leader at port + 2. Its tick is short, so that leases of a second are granted.
 */

#define TICK_MS 200U

static void write_config(const struct server *server, unsigned m)
{
    FILE *file = fopen("zoo.cfg", "w");
    if (!file)
        server_fail("zookeeper: cannot write %s/zoo.cfg", server->members[m].path);
    fprintf(file, "tickTime=%u\ninitLimit=50\nsyncLimit=%u\ndataDir=data\nclientPort=%u\n", TICK_MS,
            (server->elects_soon ? 2000 : 5000) / TICK_MS, server->members[m].port);
    fprintf(file, "clientPortAddress=127.0.0.1\nadmin.enableServer=false\nmaxClientCnxns=0\n");
    fprintf(file, "minSessionTimeout=400\nmaxSessionTimeout=60000\n4lw.commands.whitelist=srvr\n");
    for (unsigned i = 0; i < server->n && server->n > 1; i++)
        fprintf(file, "server.%u=127.0.0.1:%u:%u\n", i + 1, server->members[i].port + 1, server->members[i].port + 2);
    fclose(file);
    server_command(server, "mkdir -p %s/data && echo %u >%s/data/myid", server->members[m].path, m + 1,
                   server->members[m].path);
}

/*
 * A log file that a full disk left without its head of 16 bytes keeps the server from starting (ZOOKEEPER-1621); to
 * remove it, as there is nothing in it, is what operators do.
 */
static void run(const struct server *server, unsigned m)
{
    write_config(server, m);
    server_command(server, "find %s/data -name 'log.*' -size -17c -delete", server->members[m].path);
    execlp("java", "java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp",
           "/usr/share/java/zookeeper.jar", "org.apache.zookeeper.server.quorum.QuorumPeerMain", "zoo.cfg", NULL);
}

/* What a member says that it is: standalone, leader or follower; empty when it does not serve. */
static void mode(const struct server *server, unsigned m, char text[16])
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(server->members[m].port)};
    struct timeval second = {.tv_sec = 1};
    char answer[1024];
    size_t len = 0;
    ssize_t n = 1;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof second);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) || write(fd, "srvr", 4) != 4)
        n = 0;
    while (n > 0 && len < sizeof answer - 1) {
        n = read(fd, answer + len, sizeof answer - 1 - len);
        len += n > 0 ? (size_t)n : 0;
    }
    close(fd);
    answer[len] = '\0';
    const char *at = strstr(answer, "Mode: ");
    if (!at || sscanf(at, "Mode: %15s", text) != 1)
        text[0] = '\0';
}

static bool is_ready(const struct server *server, unsigned m)
{
    char text[16];
    mode(server, m, text);
    return text[0] != '\0';
}

static int leader(const struct server *server)
{
    char text[16];
    for (unsigned m = 0; m < server->n; m++) {
        if (!server_runs(server, m))
            continue;
        mode(server, m, text);
        if (strcmp(text, "leader") == 0 || strcmp(text, "standalone") == 0)
            return (int)m;
    }
    return -1;
}

static zhandle_t *connect_to(const struct server *server)
{
    char address[32], credentials[2 * SERVER_TEXT + 2];
    zoo_set_debug_level((ZooLogLevel)0);
    snprintf(address, sizeof address, "127.0.0.1:%u", server->members[0].port);
    snprintf(credentials, sizeof credentials, "%s:%s", server->user, server->password);
    zhandle_t *zh = zookeeper_init(address, NULL, 10000, NULL, NULL, 0);
    if (!zh)
        server_fail("zookeeper: no client: %s", strerror(errno));
    zoo_set_servers_resolution_delay(zh, -1); /* looking up addresses all the time, it holds locks while others fork */
    if (server->user[0])
        zoo_add_auth(zh, "digest", credentials, (int)strlen(credentials), NULL, NULL);
    return zh;
}

enum { NODES = 2000 };

/* Nodes to be deleted, from the leaves on. */
struct doomed {
    zoo_op_t ops[NODES];
    char *paths[NODES];
    int n;
};

static int delete_all(zhandle_t *zh, struct doomed *doomed)
{
    static zoo_op_result_t results[NODES];
    int rc = doomed->n ? zoo_multi(zh, doomed->n, doomed->ops, results) : ZOK;
    while (doomed->n)
        free(doomed->paths[--doomed->n]);
    return rc;
}

static int doom(zhandle_t *zh, struct doomed *doomed, const char *path)
{
    struct String_vector names = {0};
    int rc = zoo_get_children(zh, path, 0, &names);
    for (int i = 0; i < names.count && rc == ZOK; i++) {
        char child[1200];
        snprintf(child, sizeof child, "%s/%s", path, names.data[i]);
        rc = doom(zh, doomed, child);
    }
    deallocate_String_vector(&names);
    if (rc == ZOK && doomed->n == NODES)
        rc = delete_all(zh, doomed);
    if (rc == ZOK) {
        doomed->paths[doomed->n] = strdup(path);
        zoo_delete_op_init(&doomed->ops[doomed->n], doomed->paths[doomed->n], -1);
        doomed->n++;
    }
    return rc;
}

/* Sessions of tests that ended are ending yet, and take their nodes with them. */
static void wipe(const struct server *server)
{
    static struct doomed doomed;
    zhandle_t *zh = connect_to(server);
    uint64_t end = 0;
    int rc;
    do {
        rc = doom(zh, &doomed, "/dragonflow");
        if (rc == ZOK)
            rc = delete_all(zh, &doomed);
        else if (rc == ZNONODE && doomed.n == 0)
            rc = ZOK;
        while (doomed.n)
            free(doomed.paths[--doomed.n]);
    } while (rc != ZOK && server_wait(&end));
    zookeeper_close(zh);
    if (rc != ZOK)
        server_fail("zookeeper cannot be emptied: %s", zerror(rc));
}

/* As many nodes as a database has: the first of these take the JVM longer than tests want to wait. */
static void warm(struct server *server)
{
    enum { WARM = 80 };
    zoo_op_t ops[WARM + 1];
    zoo_op_result_t results[WARM + 1];
    char paths[WARM + 1][32];
    zhandle_t *zh = connect_to(server);
    for (int i = 0; i <= WARM; i++) {
        snprintf(paths[i], sizeof paths[i], i ? "/dragonflow/%d" : "/dragonflow", i);
        zoo_create_op_init(&ops[i], paths[i], "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0);
    }
    int rc = zoo_multi(zh, WARM + 1, ops, results);
    zookeeper_close(zh);
    if (rc != ZOK)
        server_fail("zookeeper takes no nodes: %s", zerror(rc));
    wipe(server);
}

static void prepare_secure(struct server *server)
{
    snprintf(server->user, sizeof server->user, "df");
    snprintf(server->password, sizeof server->password, "switch");
}

const struct server_kind server_zookeeper = {.name = "zookeeper",
                                             .driver = "zookeeper",
                                             .program = "java",
                                             .package = "default-jre-headless zookeeper",
                                             .members = 1,
                                             .disk_mib = 320,
                                             .run = run,
                                             .is_ready = is_ready,
                                             .form = warm,
                                             .wipe = wipe};

const struct server_kind server_zookeeper_cluster = {.name = "zookeeper-cluster",
                                                     .driver = "zookeeper",
                                                     .program = "java",
                                                     .package = "default-jre-headless zookeeper",
                                                     .members = 3,
                                                     .disk_mib = 320,
                                                     .run = run,
                                                     .is_ready = is_ready,
                                                     .form = warm,
                                                     .leader = leader,
                                                     .wipe = wipe};

const struct server_kind server_zookeeper_secure = {.name = "zookeeper-secure",
                                                    .driver = "zookeeper",
                                                    .program = "java",
                                                    .package = "default-jre-headless zookeeper",
                                                    .members = 1,
                                                    .disk_mib = 320,
                                                    .prepare = prepare_secure,
                                                    .run = run,
                                                    .is_ready = is_ready,
                                                    .form = warm,
                                                    .wipe = wipe};
