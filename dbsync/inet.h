/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* An IP address or prefix as text has it, for checks. */
struct df_inet {
    int family;        /* AF_INET or AF_INET6 */
    uint8_t bytes[16]; /* network order; the first four for IPv4 */
    unsigned length;   /* of the prefix; all bits where the text has none */
    bool has_length;
};

/** "10.0.0.1", "10.0.0.0/24", "2001:db8::/64". -EINVAL. */
int df_inet_parse(const char *text, struct df_inet *inet);

/** False for zero, loopback, multicast and broadcast addresses. */
bool df_inet_is_host(const struct df_inet *inet);

/** Are bits set behind the prefix? */
bool df_inet_has_host_bits(const struct df_inet *inet);
