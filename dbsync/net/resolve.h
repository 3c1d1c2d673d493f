/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <sys/socket.h>

/*
 * Addresses of hosts, in bounded time: what getaddrinfo() cannot promise, since the C library's resolver has time-outs of
 * its own. c-ares asks the name servers, without a thread, so nothing is left behind when the time is over.
 *
 * /etc/hosts, /etc/nsswitch.conf (files and dns) and /etc/resolv.conf are read anew for each look-up. Any thread.
 */

#define DF_NET_ADDRESSES_MAX 16

struct df_net_address {
    struct sockaddr_storage address;
    socklen_t len;
};

/**
 * Finds the addresses of a host, in the order in which they are to be tried: those of a family as RFC 6724 has it, and
 * IPv4 before IPv6, because who tries one alone must reach a server that listens by IPv4 only, which localhost often is.
 *
 * @param port       a number, in decimal
 * @param timeout_ms how long name servers may take in all; 0: a host that is no address is not looked up
 * @param why        what went wrong, in words
 * @return how many, at most max and DF_NET_ADDRESSES_MAX; -EHOSTUNREACH: there is no such name, or no time for it;
 *         -ETIMEDOUT: the name servers do not answer; -ENOMEM
 */
int df_net_resolve(const char *host, const char *port, unsigned timeout_ms, struct df_net_address *to, size_t max,
                   const char **why);
