/* SPDX-License-Identifier: Apache-2.0 */
#include "usage.h"

#include "control/model/alloc.h"

#include <dirent.h>
#include <inttypes.h>
#include <linux/tcp.h>
#include <malloc.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

#define NS_PER_S UINT64_C(1000000000)

static uint64_t ns_of(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

/* ---- Connections */

static void take_socket(struct usage *usage, int fd)
{
    int protocol = 0;
    socklen_t len = sizeof(protocol);
    struct stat stat;
    struct tcp_info info = {0};
    if (getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len) != 0 || protocol != IPPROTO_TCP)
        return;
    len = sizeof(info);
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0 || fstat(fd, &stat) != 0)
        return;
    usage->sockets = df_realloc(usage->sockets, (usage->n_sockets + 1) * sizeof(*usage->sockets));
    usage->sockets[usage->n_sockets++] = (struct usage_socket){
        .inode = stat.st_ino, .received = info.tcpi_bytes_received, .sent = info.tcpi_bytes_acked};
}

static int by_inode(const void *a, const void *b)
{
    const struct usage_socket *left = a, *right = b;
    return (left->inode > right->inode) - (left->inode < right->inode);
}

static void take_sockets(struct usage *usage)
{
    DIR *dir = opendir("/proc/self/fd");
    const struct dirent *entry;
    while (dir && (entry = readdir(dir)) != NULL)
        if (*entry->d_name != '.')
            take_socket(usage, atoi(entry->d_name));
    if (dir)
        closedir(dir);
    if (usage->n_sockets)
        qsort(usage->sockets, usage->n_sockets, sizeof(*usage->sockets), by_inode);
}

static const struct usage_socket *find(const struct usage *usage, const struct usage_socket *socket)
{
    if (!usage || !usage->n_sockets)
        return NULL;
    return bsearch(socket, usage->sockets, usage->n_sockets, sizeof(*socket), by_inode);
}

struct usage_bytes usage_bytes(const struct usage *from, const struct usage *to, const struct usage *not_of)
{
    struct usage_bytes bytes = {0};
    for (size_t i = 0; i < to->n_sockets; i++) {
        const struct usage_socket *now = &to->sockets[i], *then = find(from, now);
        if (find(not_of, now))
            continue;
        bytes.received += now->received - (then ? then->received : 0);
        bytes.sent += now->sent - (then ? then->sent : 0);
    }
    return bytes;
}

/* ---- Memory */

static void take_memory(struct usage *usage)
{
    char line[128];
    FILE *file = fopen("/proc/self/status", "re");
    uint64_t kib;
    while (file && fgets(line, sizeof(line), file)) {
        if (sscanf(line, "VmRSS: %" SCNu64, &kib) == 1)
            usage->resident = kib * 1024;
        else if (sscanf(line, "VmHWM: %" SCNu64, &kib) == 1)
            usage->peak = kib * 1024;
    }
    if (file)
        fclose(file);
}

void usage_forget_peak(void)
{
    malloc_trim(0);
    FILE *file = fopen("/proc/self/clear_refs", "we");
    if (!file)
        return;
    fputs("5\n", file);
    fclose(file);
}

void usage_take(struct usage *usage)
{
    *usage = (struct usage){.wall_ns = ns_of(CLOCK_MONOTONIC), .cpu_ns = ns_of(CLOCK_PROCESS_CPUTIME_ID)};
    take_sockets(usage);
    take_memory(usage);
}

void usage_free(struct usage *usage)
{
    free(usage->sockets);
    *usage = (struct usage){0};
}
