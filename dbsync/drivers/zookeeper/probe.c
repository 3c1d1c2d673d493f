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
#include "dbsync/net/resolve.h"

#define ADDRESSES_MAX 64

struct probe {
    struct pollfd fds[ADDRESSES_MAX];
    size_t n;
    char *addresses;
    size_t used, size;
    int rc;
    const char *why; /* in words, or NULL */
};

static void fail(struct probe *probe, int rc, const char *why)
{
    probe->rc = rc;
    probe->why = why;
}

static void note(struct probe *probe, const struct df_net_address *at)
{
    char host[NI_MAXHOST], port[NI_MAXSERV];
    if (getnameinfo((const struct sockaddr *)&at->address, at->len, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV))
        return;
    bool six = at->address.ss_family == AF_INET6;
    int n = snprintf(probe->addresses + probe->used, probe->size - probe->used, "%s%s%s%s:%s", probe->used ? "," : "",
                     six ? "[" : "", host, six ? "]" : "", port);
    probe->used += (size_t)n;
}

static void begin(struct probe *probe, const struct df_net_address *at)
{
    if (probe->n == ADDRESSES_MAX || probe->size - probe->used < NI_MAXHOST + NI_MAXSERV)
        return;
    note(probe, at);
    int fd = socket(at->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || (connect(fd, (const struct sockaddr *)&at->address, at->len) && errno != EINPROGRESS)) {
        fail(probe, -errno, NULL);
        if (fd >= 0)
            close(fd);
        return;
    }
    probe->fds[probe->n++] = (struct pollfd){.fd = fd, .events = POLLOUT};
}

/* HOST:PORT or [HOST]:PORT, which are taken apart in place. */
static void resolve(struct probe *probe, char *host, unsigned timeout_ms)
{
    struct df_net_address found[DF_NET_ADDRESSES_MAX];
    const char *why;
    char *port = strrchr(host, ':');
    *port++ = '\0';
    if (host[0] == '[') {
        host++;
        port[-2] = '\0';
    }
    int n = df_net_resolve(host, port, timeout_ms, found, DF_NET_ADDRESSES_MAX, &why);
    if (n < 0)
        fail(probe, n, why);
    for (int i = 0; i < n; i++)
        begin(probe, &found[i]);
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
        fail(probe, -code, NULL);
        close(probe->fds[i].fd);
        probe->fds[i].fd = -1;
        --*left;
    }
    return false;
}

static bool any_connects(struct probe *probe, uint64_t end)
{
    uint64_t now;
    size_t left = probe->n;
    while (left && (now = df_zk_now_ms()) < end) {
        int n = poll(probe->fds, probe->n, (int)(end - now));
        if (n > 0 && look(probe, &left))
            return true;
    }
    if (left)
        fail(probe, -ETIMEDOUT, NULL);
    return false;
}

int df_zk_probe(const char *hosts, unsigned timeout_ms, char **addresses, struct df_error *error)
{
    struct probe probe = {.size = ADDRESSES_MAX * (INET6_ADDRSTRLEN + 16) + NI_MAXHOST + NI_MAXSERV,
                          .rc = -ECONNREFUSED};
    uint64_t end = df_zk_now_ms() + timeout_ms, now;
    char *copy = strdup(hosts), *rest;
    unsigned left = 1;
    probe.addresses = calloc(1, probe.size);
    if (!copy || !probe.addresses) {
        free(copy);
        free(probe.addresses);
        return df_error_set(error, -ENOMEM, "out of memory");
    }
    for (const char *at = hosts; *at; at++)
        left += *at == ',';
    /* Each name gets its part of the time that is left, and connections what the names did not take. */
    for (char *host = strtok_r(copy, ",", &rest); host; host = strtok_r(NULL, ",", &rest))
        resolve(&probe, host, (now = df_zk_now_ms()) < end ? (unsigned)(end - now) / (left-- + 1) : 0);
    free(copy);
    bool connects = any_connects(&probe, end);
    for (size_t i = 0; i < probe.n; i++)
        if (probe.fds[i].fd >= 0)
            close(probe.fds[i].fd);
    *addresses = probe.addresses;
    if (connects)
        return 0;
    free(probe.addresses);
    return df_error_set(error, probe.rc, "zookeeper at %s: %s: check the location and that the server runs", hosts,
                        probe.why ? probe.why : strerror(-probe.rc));
}
