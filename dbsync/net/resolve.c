/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/net/resolve.h"

#include <ares.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

/*
 * A server is asked three times, waiting twice as long each time: with one server all of that fits into the time, so that
 * an answer for IPv4 counts though the question for IPv6 has none.
 */
#define TRIES 3
#define FIRST_PART 8 /* of the time, for the first try */

struct lookup {
    ares_channel channel;
    struct ares_addrinfo *found;
    bool done;
    int status;
};

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void on_found(void *arg, int status, int timeouts, struct ares_addrinfo *found)
{
    struct lookup *lookup = arg;
    (void)timeouts;
    lookup->done = true;
    lookup->status = status;
    lookup->found = found;
}

/* Waits for the name servers, or for when they are to be asked again, and passes on what came. */
static void go_on(struct lookup *lookup, uint64_t ms)
{
    ares_socket_t sockets[ARES_GETSOCK_MAXNUM];
    struct pollfd fds[ARES_GETSOCK_MAXNUM];
    nfds_t n = 0;
    int wanted = ares_getsock(lookup->channel, sockets, ARES_GETSOCK_MAXNUM);
    for (int i = 0; i < ARES_GETSOCK_MAXNUM; i++)
        if (ARES_GETSOCK_READABLE(wanted, i) || ARES_GETSOCK_WRITABLE(wanted, i))
            fds[n++] = (struct pollfd){.fd = sockets[i],
                                       .events = (short)((ARES_GETSOCK_READABLE(wanted, i) ? POLLIN : 0) |
                                                         (ARES_GETSOCK_WRITABLE(wanted, i) ? POLLOUT : 0))};
    struct timeval most = {.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000) * 1000}, wait;
    const struct timeval *next = ares_timeout(lookup->channel, &most, &wait);
    poll(fds, n, (int)(next->tv_sec * 1000 + next->tv_usec / 1000 + 1));
    for (nfds_t i = 0; i < n; i++)
        if (fds[i].revents)
            ares_process_fd(lookup->channel, fds[i].revents & ~POLLOUT ? fds[i].fd : ARES_SOCKET_BAD,
                            fds[i].revents & POLLOUT ? fds[i].fd : ARES_SOCKET_BAD);
    ares_process_fd(lookup->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD); /* whose time is over */
}

static pthread_once_t library_once = PTHREAD_ONCE_INIT;

static void start_library(void)
{
    ares_library_init(ARES_LIB_INIT_ALL); /* fails in the system's memory only, and ares_init_options() then does too */
}

static int ask(struct lookup *lookup, const char *host, const char *port, unsigned timeout_ms)
{
    uint64_t end = now_ms() + timeout_ms, now;
    struct ares_options options = {.timeout = (int)(timeout_ms / FIRST_PART) + 1, .tries = TRIES};
    struct ares_addrinfo_hints hints = {.ai_flags = ARES_AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
    pthread_once(&library_once, start_library);
    int status = ares_init_options(&lookup->channel, &options, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES);
    if (status != ARES_SUCCESS)
        return status;
    ares_getaddrinfo(lookup->channel, host, port, &hints, on_found, lookup);
    while (!lookup->done && (now = now_ms()) < end)
        go_on(lookup, end - now);
    bool late = !lookup->done;
    ares_destroy(lookup->channel); /* what is still asked ends now, by on_found() */
    return late ? ARES_ETIMEOUT : lookup->status;
}

static size_t take(struct df_net_address *to, size_t n, size_t max, const struct sockaddr *address, socklen_t len)
{
    if (n == max || len > sizeof to->address)
        return n;
    to[n].len = len;
    memcpy(&to[n].address, address, len);
    return n + 1;
}

/* An address of numbers, with the zone that it may have. */
static size_t take_number(const char *host, const char *port, struct df_net_address *to, size_t max)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV}, *found;
    if (getaddrinfo(host, port, &hints, &found))
        return 0;
    size_t n = take(to, 0, max, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    return n;
}

static size_t take_family(int family, const struct ares_addrinfo *found, struct df_net_address *to, size_t n,
                          size_t max)
{
    for (const struct ares_addrinfo_node *at = found ? found->nodes : NULL; at; at = at->ai_next)
        if (at->ai_family == family)
            n = take(to, n, max, at->ai_addr, at->ai_addrlen);
    return n;
}

int df_net_resolve(const char *host, const char *port, unsigned timeout_ms, struct df_net_address *to, size_t max,
                   const char **why)
{
    struct lookup lookup = {0};
    size_t n = take_number(host, port, to, max);
    if (n)
        return (int)n;
    *why = "its address is not known yet";
    if (!timeout_ms)
        return -EHOSTUNREACH;
    if (max > DF_NET_ADDRESSES_MAX)
        max = DF_NET_ADDRESSES_MAX;
    int status = ask(&lookup, host, port, timeout_ms);
    n = take_family(AF_INET, lookup.found, to, n, max);
    n = take_family(AF_INET6, lookup.found, to, n, max);
    if (lookup.found)
        ares_freeaddrinfo(lookup.found);
    if (n)
        return (int)n;
    if (status == ARES_ENOMEM)
        return -ENOMEM;
    bool is_silent = status == ARES_ETIMEOUT || status == ARES_ECONNREFUSED;
    *why = is_silent                ? "no name server answers: write an address, or mend /etc/resolv.conf"
           : status == ARES_SUCCESS ? "its name has no address"
                                    : ares_strerror(status);
    return is_silent ? -ETIMEDOUT : -EHOSTUNREACH;
}
