/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/system/db/server.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/system/db/server_private.h"
#include "tests/system/db/servers/kinds.h"

#define FIRST_PORT 7000
#define PORTS 10 /* of a member; the last one is its door */

const struct server_kind *server_kind(const struct server *server)
{
    return server_kind_find(server->kind);
}

/* Members. */

static void run_member(const struct server *server, unsigned m)
{
    server_kind(server)->run(server, m);
}

static bool is_ready(const struct server *server, unsigned m)
{
    const struct server_kind *kind = server_kind(server);
    return kind->is_ready ? kind->is_ready(server, m) : server_listens(server->members[m].port);
}

static void wait_ready(const struct server *server, unsigned m)
{
    uint64_t end = 0;
    while (!is_ready(server, m)) {
        bool runs = server_runs(server, m);
        if (!runs || !server_wait(&end)) {
            server_command(server, "tail -n 20 %s/log >&2", server->members[m].path);
            server_fail("%s: member %u %s, see %s/log", server->kind, m, runs ? "does not get ready" : "ended",
                        server->members[m].path);
        }
    }
}

void server_begin(struct server *server, unsigned m)
{
    if (!server_runs(server, m))
        server_spawn(&server->members[m].pid, run_member, server, m);
}

void server_run(struct server *server, unsigned m)
{
    server_begin(server, m);
    wait_ready(server, m);
}

void server_revive(struct server *server, unsigned m)
{
    uint64_t end = 0;
    do {
        server_begin(server, m);
        if (is_ready(server, m))
            return;
    } while (server_wait(&end));
    wait_ready(server, m);
}

void server_kill(struct server *server, unsigned m)
{
    server_end(&server->members[m].pid);
}

/* A signal takes its time to reach each thread. */
static bool has_stopped(const struct server *server, unsigned m)
{
    return server_command(server, "! grep -h '^State:' /proc/%d/task/*/status | grep -qv stopped",
                          (int)server->members[m].pid) == 0;
}

void server_pause(struct server *server, unsigned m)
{
    if (!server_runs(server, m))
        return;
    uint64_t end = 0;
    kill(server->members[m].pid, SIGSTOP);
    while (!has_stopped(server, m))
        if (!server_wait(&end))
            server_fail("%s: member %u does not stop", server->kind, m);
}

void server_continue(struct server *server, unsigned m)
{
    if (server->members[m].pid)
        kill(server->members[m].pid, SIGCONT);
}

unsigned server_leader(const struct server *server)
{
    const struct server_kind *kind = server_kind(server);
    uint64_t end = 0;
    int leader = kind->leader ? kind->leader(server) : 0;
    while (leader < 0) {
        if (!server_wait(&end))
            server_fail("%s: no member leads", server->kind);
        leader = kind->leader(server);
    }
    return (unsigned)leader;
}

/* Doors. */

static void run_proxy(const struct server *server, unsigned m)
{
    const struct server_member *member = &server->members[m];
    proxy_run(member->door, member->port, &member->swallows, &server_here()->members[m].tally);
}

void server_cut(struct server *server, unsigned m)
{
    server_end(&server->members[m].proxy);
    atomic_store(&server->members[m].swallows, false);
}

void server_swallow(struct server *server, unsigned m)
{
    atomic_store(&server->members[m].swallows, true);
}

void server_mend(struct server *server, unsigned m)
{
    if (server->members[m].proxy && !atomic_load(&server->members[m].swallows))
        return; /* servers that know each other by their doors need not find each other again */
    server_cut(server, m);
    uint64_t end = 0;
    server_spawn(&server->members[m].proxy, run_proxy, server, m);
    while (!server_listens(server->members[m].door))
        if (!server_wait(&end))
            server_fail("%s: the door of member %u does not open", server->kind, m);
}

/* Disks. */

void server_fill(struct server *server, unsigned m)
{
    server_command(server, "cat /dev/zero >%s/filler", server->members[m].path);
}

void server_free(struct server *server, unsigned m)
{
    server_command(server, "rm -f %s/filler", server->members[m].path);
}

static void make_disk(struct server *server, unsigned m, unsigned mib)
{
    struct server_member *member = &server->members[m];
    char options[64];
    snprintf(member->path, sizeof member->path, "%s/m%u", server->path, m);
    snprintf(options, sizeof options, "size=%um,mode=755", mib);
    if (mkdir(member->path, 0755) || mount("tmpfs", member->path, "tmpfs", 0, options))
        server_fail("%s: cannot be a file system of %u MiB: %s", member->path, mib, strerror(errno));
}

/* The whole. */

struct server *server_here(void)
{
    const char *path = getenv(SERVER_ENVIRONMENT);
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd < 0)
        server_fail("there is no server: the program of this test has started none");
    void *server = mmap(NULL, sizeof(struct server), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (server == MAP_FAILED)
        server_fail("%s: %s", path, strerror(errno));
    return server;
}

static struct server *make(void)
{
    char folder[] = "/tmp/df-test-XXXXXX", path[64];
    if (!mkdtemp(folder) || chmod(folder, 0755))
        server_fail("%s: %s", folder, strerror(errno));
    snprintf(path, sizeof path, "%s/server", folder);
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, sizeof(struct server)))
        server_fail("%s: %s", path, strerror(errno));
    close(fd);
    setenv(SERVER_ENVIRONMENT, path, 1);
    struct server *server = server_here();
    snprintf(server->path, sizeof server->path, "%s", folder);
    return server;
}

static void find_program(const struct server *server, const struct server_kind *kind)
{
    if (kind->program && server_command(server, "command -v %s", kind->program))
        server_fail("%s: there is no %s on this machine: apt-get install %s", kind->name, kind->program, kind->package);
}

static void make_member(struct server *server, unsigned m, unsigned mib)
{
    struct server_member *member = &server->members[m];
    member->port = (uint16_t)(FIRST_PORT + PORTS * m);
    member->door = (uint16_t)(member->port + PORTS - 1);
    size_t used = strlen(server->location);
    snprintf(server->location + used, sizeof server->location - used, "%s127.0.0.1:%u", m ? "," : "", member->door);
    make_disk(server, m, mib);
}

static void start_all(struct server *server)
{
    const struct server_kind *kind = server_kind(server);
    for (unsigned m = 0; m < server->n; m++)
        server_begin(server, m);
    for (unsigned m = 0; m < server->n; m++)
        wait_ready(server, m);
    if (kind->form)
        kind->form(server);
    if (kind->leader)
        server_leader(server);
}

struct server *server_start(const struct server_kind *kind, bool elects_soon)
{
    struct server *server = make();
    server->elects_soon = elects_soon;
    find_program(server, kind);
    snprintf(server->kind, sizeof server->kind, "%s", kind->name);
    server->n = kind->members;
    for (unsigned m = 0; m < server->n; m++)
        make_member(server, m, kind->disk_mib);
    if (kind->prepare)
        kind->prepare(server);
    start_all(server);
    for (unsigned m = 0; m < server->n; m++)
        server_mend(server, m);
    return server;
}

static void start_anew(struct server *server)
{
    for (unsigned m = 0; m < server->n; m++) {
        server_kill(server, m);
        server_command(server, "find %s -mindepth 1 -delete", server->members[m].path);
    }
    start_all(server);
}

void server_heal(struct server *server)
{
    const struct server_kind *kind = server_kind(server);
    for (unsigned m = 0; m < server->n; m++) {
        server_free(server, m);
        server_continue(server, m);
        server_mend(server, m);
        server_begin(server, m);
    }
    for (unsigned m = 0; m < server->n; m++)
        wait_ready(server, m);
    if (kind->leader)
        server_leader(server);
}

void server_restore(struct server *server)
{
    const struct server_kind *kind = server_kind(server);
    server_heal(server);
    if (kind->settle)
        kind->settle(server);
    if (kind->wipe)
        kind->wipe(server);
    else
        start_anew(server);
}

static const char *text_or_null(const char *text)
{
    return *text ? text : NULL;
}

struct df_db_config server_config(const struct server *server)
{
    return (struct df_db_config){
        .location = server->location,
        .user = text_or_null(server->user),
        .password = text_or_null(server->password),
        .ca = text_or_null(server->ca),
        .cert = text_or_null(server->cert),
        .key = text_or_null(server->key),
    };
}

void server_certificates(const struct server *server)
{
    if (server_command(server, "%s %s", DF_TEST_CERTIFICATES, server->path))
        server_fail("no certificates, see %s/commands", server->path);
}
