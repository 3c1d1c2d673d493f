/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/system/db/proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct line {
    int client, member;
    const atomic_bool *swallows;
    struct proxy_tally *tally;
    atomic_int users;
};

static struct sockaddr_in address(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int dial(uint16_t port)
{
    struct sockaddr_in to = address(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0)
        return fd;
    close(fd);
    return -1;
}

static bool pass(int to, const char *bytes, ssize_t n)
{
    while (n > 0) {
        ssize_t sent = send(to, bytes, (size_t)n, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        bytes += sent;
        n -= sent;
    }
    return true;
}

static void pump(struct line *line, int from, int to, bool answers)
{
    char bytes[65536];
    ssize_t n;
    while ((n = recv(from, bytes, sizeof bytes, 0)) > 0) {
        if (answers && atomic_load(line->swallows))
            continue;
        if (!pass(to, bytes, n))
            break;
        if (answers)
            atomic_fetch_add(&line->tally->answered, (uint64_t)n);
    }
    shutdown(from, SHUT_RDWR);
    shutdown(to, SHUT_RDWR);
    if (atomic_fetch_sub(&line->users, 1) == 1) {
        close(line->client);
        close(line->member);
        free(line);
    }
}

static void *pump_requests(void *arg)
{
    struct line *line = arg;
    pump(line, line->client, line->member, false);
    return NULL;
}

static void *pump_answers(void *arg)
{
    struct line *line = arg;
    pump(line, line->member, line->client, true);
    return NULL;
}

static void start(void *(*body)(void *), struct line *line)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, body, line))
        abort();
    pthread_detach(thread);
}

static void serve(int client, uint16_t to, const atomic_bool *swallows, struct proxy_tally *tally)
{
    int now = 1, member = dial(to);
    if (member < 0) {
        close(client);
        return;
    }
    setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &now, sizeof now);
    setsockopt(member, IPPROTO_TCP, TCP_NODELAY, &now, sizeof now);
    struct line *line = malloc(sizeof *line);
    *line = (struct line){.client = client, .member = member, .swallows = swallows, .tally = tally};
    atomic_init(&line->users, 2);
    start(pump_requests, line);
    start(pump_answers, line);
}

void proxy_run(uint16_t from, uint16_t to, const atomic_bool *swallows, struct proxy_tally *tally)
{
    struct sockaddr_in here = address(from);
    int yes = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (listener < 0 || bind(listener, (struct sockaddr *)&here, sizeof here) || listen(listener, 128))
        abort();
    for (;;) {
        int client = accept(listener, NULL, NULL);
        if (client < 0)
            continue;
        atomic_fetch_add(&tally->connections, 1);
        serve(client, to, swallows, tally);
    }
}
