/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/zookeeper/probe.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dbsync/drivers/zookeeper/session.h"

#define ADDRESSES_MAX 64

struct probe {
    struct pollfd fds[ADDRESSES_MAX];
    size_t n;
    char *addresses;
    size_t used, size;
    int rc;
};

static void note(struct probe *probe, const struct addrinfo *at)
{
    char host[NI_MAXHOST], port[NI_MAXSERV];
    if (getnameinfo(at->ai_addr, at->ai_addrlen, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV))
        return;
    bool six = at->ai_family == AF_INET6;
    int n = snprintf(probe->addresses + probe->used, probe->size - probe->used, "%s%s%s%s:%s", probe->used ? "," : "",
                     six ? "[" : "", host, six ? "]" : "", port);
    probe->used += (size_t)n;
}

static void begin(struct probe *probe, const struct addrinfo *at)
{
    if (probe->n == ADDRESSES_MAX || probe->size - probe->used < NI_MAXHOST + NI_MAXSERV)
        return;
    note(probe, at);
    int fd = socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || (connect(fd, at->ai_addr, at->ai_addrlen) && errno != EINPROGRESS)) {
        probe->rc = -errno;
        if (fd >= 0)
            close(fd);
        return;
    }
    probe->fds[probe->n++] = (struct pollfd){.fd = fd, .events = POLLOUT};
}

/* HOST:PORT or [HOST]:PORT, which are taken apart in place. */
static void resolve(struct probe *probe, char *host)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list;
    char *port = strrchr(host, ':');
    *port++ = '\0';
    if (host[0] == '[') {
        host++;
        port[-2] = '\0';
    }
    int rc = getaddrinfo(host, port, &hints, &list);
    if (rc) {
        probe->rc = rc == EAI_AGAIN ? -EHOSTUNREACH : -EINVAL;
        return;
    }
    for (const struct addrinfo *at = list; at; at = at->ai_next)
        begin(probe, at);
    freeaddrinfo(list);
}

/* True when one is connected; those that failed are not asked again. */
static bool look(struct probe *probe, size_t *left)
{
    for (size_t i = 0; i < probe->n; i++) {
        int code = 0;
        socklen_t len = sizeof code;
        if (probe->fds[i].fd < 0 || !probe->fds[i].revents)
            continue;
        getsockopt(probe->fds[i].fd, SOL_SOCKET, SO_ERROR, &code, &len);
        if (code == 0)
            return true;
        probe->rc = -code;
        close(probe->fds[i].fd);
        probe->fds[i].fd = -1;
        --*left;
    }
    return false;
}

static bool any_connects(struct probe *probe, unsigned timeout_ms)
{
    uint64_t end = df_zk_now_ms() + timeout_ms, now;
    size_t left = probe->n;
    while (left && (now = df_zk_now_ms()) < end) {
        int n = poll(probe->fds, probe->n, (int)(end - now));
        if (n > 0 && look(probe, &left))
            return true;
    }
    if (left)
        probe->rc = -ETIMEDOUT;
    return false;
}

int df_zk_probe(const char *hosts, unsigned timeout_ms, char **addresses, struct df_error *error)
{
    struct probe probe = {.size = ADDRESSES_MAX * (INET6_ADDRSTRLEN + 16) + NI_MAXHOST + NI_MAXSERV, .rc = -EINVAL};
    char *copy = strdup(hosts), *rest;
    probe.addresses = calloc(1, probe.size);
    if (!copy || !probe.addresses) {
        free(copy);
        free(probe.addresses);
        return df_error_set(error, -ENOMEM, "out of memory");
    }
    for (char *host = strtok_r(copy, ",", &rest); host; host = strtok_r(NULL, ",", &rest))
        resolve(&probe, host);
    free(copy);
    bool connects = any_connects(&probe, timeout_ms);
    for (size_t i = 0; i < probe.n; i++)
        if (probe.fds[i].fd >= 0)
            close(probe.fds[i].fd);
    *addresses = probe.addresses;
    if (connects)
        return 0;
    free(probe.addresses);
    return df_error_set(error, probe.rc, "zookeeper at %s: %s: check the location and that the server runs", hosts,
                        probe.rc == -EINVAL ? "nobody knows this host" : strerror(-probe.rc));
}
