/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/etcd/endpoint.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_PORT "2379"

static bool is_port(const char *text, size_t len)
{
    if (len == 0 || len > 5 || strspn(text, "0123456789") < len)
        return false;
    unsigned long port = strtoul(text, NULL, 10);
    return port > 0 && port < 65536;
}

/* Where the host begins and ends, and what is behind it. */
static bool split(const char *text, size_t len, const char **host, size_t *host_len, const char **rest)
{
    const char *end = text + len;
    *host = text;
    if (len && *text == '[') {
        const char *bracket = memchr(text, ']', len);
        if (!bracket)
            return false;
        *host = text + 1;
        *host_len = (size_t)(bracket - *host);
        *rest = bracket + 1;
        return true;
    }
    const char *colon = memchr(text, ':', len);
    *rest = colon ? colon : end;
    *host_len = (size_t)(*rest - text);
    return true;
}

static bool parse_one(const char *text, size_t len, struct df_etcd_endpoint *endpoint)
{
    const char *host, *rest, *end = text + len;
    size_t host_len;
    const char *port = DEFAULT_PORT;
    size_t port_len = sizeof DEFAULT_PORT - 1;
    *endpoint = (struct df_etcd_endpoint){0};
    if (!split(text, len, &host, &host_len, &rest) || host_len == 0 || host_len >= sizeof endpoint->host)
        return false;
    memcpy(endpoint->host, host, host_len);
    if (rest < end) {
        port = rest + 1;
        port_len = (size_t)(end - port);
        if (*rest != ':' || !is_port(port, port_len))
            return false;
    }
    memcpy(endpoint->port, port, port_len);
    bool is_ipv6 = memchr(host, ':', host_len);
    snprintf(endpoint->name, sizeof endpoint->name, is_ipv6 ? "[%.*s]:%.*s" : "%.*s:%.*s", (int)host_len, host,
             (int)port_len, port);
    return true;
}

int df_etcd_endpoints_parse(const char *location, struct df_etcd_endpoints *endpoints, struct df_error *error)
{
    endpoints->n = 0;
    for (const char *at = location;; at++) {
        size_t len = strcspn(at, ",");
        if (endpoints->n == DF_ETCD_ENDPOINTS_MAX)
            return df_error_set(error, -EINVAL, "etcd: '%s': more than %d end points", location, DF_ETCD_ENDPOINTS_MAX);
        if (!parse_one(at, len, &endpoints->list[endpoints->n++]))
            return df_error_set(error, -EINVAL,
                                "etcd: '%.*s' in '%s' is not an end point: write HOST[:PORT],HOST[:PORT]..., an IPv6 "
                                "address in brackets",
                                (int)len, at, location);
        at += len;
        if (!*at)
            return 0;
    }
}

int df_etcd_endpoint_resolve(struct df_etcd_endpoint *endpoint, unsigned timeout_ms, struct df_error *error)
{
    const char *why;
    int rc = df_net_resolve(endpoint->host, endpoint->port, timeout_ms, &endpoint->address, 1, &why);
    return rc < 0 ? df_error_set(error, rc, "etcd at %s: %s", endpoint->name, why) : 0;
}
