/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <zookeeper/zookeeper.h>

#include "tests/system/db/servers/kinds.h"

/*
 * ZooKeeper: alone, an ensemble of three, and alone with a user and a password. Its peers meet at port + 1 and elect a
 * leader at port + 2. Its tick is short, so that leases of a second are granted.
 */

static void write_config(const struct server *server, unsigned m)
{
    FILE *file = fopen("zoo.cfg", "w");
    if (!file)
        server_fail("zookeeper: cannot write %s/zoo.cfg", server->members[m].path);
    fprintf(file, "tickTime=200\ninitLimit=50\nsyncLimit=10\ndataDir=data\nclientPort=%u\n", server->members[m].port);
    fprintf(file, "clientPortAddress=127.0.0.1\nadmin.enableServer=false\nmaxClientCnxns=0\n");
    fprintf(file, "minSessionTimeout=400\nmaxSessionTimeout=60000\n4lw.commands.whitelist=srvr\n");
    for (unsigned i = 0; i < server->n && server->n > 1; i++)
        fprintf(file, "server.%u=127.0.0.1:%u:%u\n", i + 1, server->members[i].port + 1, server->members[i].port + 2);
    fclose(file);
    server_command(server, "mkdir -p %s/data && echo %u >%s/data/myid", server->members[m].path, m + 1,
                   server->members[m].path);
}

static void run(const struct server *server, unsigned m)
{
    write_config(server, m);
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

static int delete_below(zhandle_t *zh, const char *path)
{
    struct String_vector names = {0};
    int rc = zoo_get_children(zh, path, 0, &names);
    for (int i = 0; i < names.count && rc == ZOK; i++) {
        char child[1200];
        snprintf(child, sizeof child, "%s/%s", path, names.data[i]);
        rc = delete_below(zh, child);
        if (rc == ZOK)
            rc = zoo_delete(zh, child, -1);
        if (rc == ZNONODE) /* the end of a session was quicker */
            rc = ZOK;
    }
    deallocate_String_vector(&names);
    return rc == ZNONODE ? ZOK : rc;
}

static void wipe(const struct server *server)
{
    char address[32], credentials[2 * SERVER_TEXT + 2];
    int rc = ZSYSTEMERROR;
    zoo_set_debug_level((ZooLogLevel)0);
    snprintf(address, sizeof address, "127.0.0.1:%u", server->members[0].port);
    snprintf(credentials, sizeof credentials, "%s:%s", server->user, server->password);
    zhandle_t *zh = zookeeper_init(address, NULL, 10000, NULL, NULL, 0);
    if (zh && server->user[0])
        zoo_add_auth(zh, "digest", credentials, (int)strlen(credentials), NULL, NULL);
    for (int attempt = 0; zh && attempt < 10 && rc != ZOK; attempt++) {
        rc = delete_below(zh, "/dragonflow");
        if (rc == ZOK)
            rc = zoo_delete(zh, "/dragonflow", -1);
        if (rc == ZNONODE)
            rc = ZOK;
    }
    if (zh)
        zookeeper_close(zh);
    if (rc != ZOK)
        server_fail("zookeeper cannot be emptied: %s", zerror(rc));
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
                                             .wipe = wipe};

const struct server_kind server_zookeeper_cluster = {.name = "zookeeper-cluster",
                                                     .driver = "zookeeper",
                                                     .program = "java",
                                                     .package = "default-jre-headless zookeeper",
                                                     .members = 3,
                                                     .disk_mib = 320,
                                                     .run = run,
                                                     .is_ready = is_ready,
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
                                                    .wipe = wipe};
