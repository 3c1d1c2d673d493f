/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/ovsdb/location.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#define SYNTAX "write tcp:HOST:PORT, ssl:HOST:PORT or unix:PATH, separated by commas"

/* Copies a part of the text; false when it is empty or too long. */
static bool take(char *to, size_t size, const char *from, size_t len)
{
    if (len == 0 || len >= size)
        return false;
    memcpy(to, from, len);
    to[len] = '\0';
    return true;
}

static bool parse_port(struct df_ovsdb_endpoint *endpoint, const char *text, size_t len)
{
    if (!take(endpoint->port, sizeof endpoint->port, text, len))
        return false;
    char *end;
    unsigned long port = strtoul(endpoint->port, &end, 10);
    return *end == '\0' && endpoint->port[0] >= '0' && endpoint->port[0] <= '9' && port >= 1 && port <= 65535;
}

/* HOST, HOST:PORT, [IPV6] or [IPV6]:PORT */
static bool parse_host(struct df_ovsdb_endpoint *endpoint, const char *text, size_t len)
{
    const char *end = text + len, *host_end, *colon;
    if (*text == '[') {
        host_end = memchr(text, ']', len);
        if (!host_end || !take(endpoint->host, sizeof endpoint->host, text + 1, (size_t)(host_end - text - 1)))
            return false;
        colon = host_end + 1;
    } else {
        colon = memchr(text, ':', len);
        colon = colon ? colon : end;
        if (!take(endpoint->host, sizeof endpoint->host, text, (size_t)(colon - text)))
            return false;
    }
    snprintf(endpoint->port, sizeof endpoint->port, "%d", DF_OVSDB_PORT);
    return colon == end || (*colon == ':' && parse_port(endpoint, colon + 1, (size_t)(end - colon - 1)));
}

static bool parse_path(struct df_ovsdb_endpoint *endpoint, const char *text, size_t len)
{
    struct sockaddr_un *address = (struct sockaddr_un *)&endpoint->addresses[0].address;
    if (!take(endpoint->host, sizeof address->sun_path, text, len))
        return false;
    address->sun_family = AF_UNIX;
    strcpy(address->sun_path, endpoint->host);
    endpoint->addresses[0].len = sizeof *address;
    endpoint->n = 1;
    return true;
}

static const struct {
    const char *word;
    enum df_ovsdb_transport transport;
    bool (*parse)(struct df_ovsdb_endpoint *endpoint, const char *text, size_t len);
} transports[] = {
    {"tcp:", DF_OVSDB_TCP, parse_host},
    {"ssl:", DF_OVSDB_SSL, parse_host},
    {"unix:", DF_OVSDB_UNIX, parse_path},
    {"", DF_OVSDB_TCP, parse_host},
};

static bool parse_endpoint(struct df_ovsdb_endpoint *endpoint, const char *text, size_t len)
{
    *endpoint = (struct df_ovsdb_endpoint){0};
    size_t i = 0, word = 0;
    while ((word = strlen(transports[i].word)) > len || strncmp(text, transports[i].word, word) != 0)
        i++;
    endpoint->transport = transports[i].transport;
    endpoint->is_bare = word == 0;
    return take(endpoint->text, sizeof endpoint->text, text, len) &&
           transports[i].parse(endpoint, text + word, len - word);
}

int df_ovsdb_location_parse(const char *location, struct df_ovsdb_endpoint endpoints[DF_OVSDB_ENDPOINTS],
                            struct df_error *error)
{
    int n = 0;
    for (const char *at = location;; n++) {
        size_t len = strcspn(at, ",");
        if (n == DF_OVSDB_ENDPOINTS)
            return df_error_set(error, -EINVAL, "%s: more than %d end points", location, DF_OVSDB_ENDPOINTS);
        if (!parse_endpoint(&endpoints[n], at, len))
            return df_error_set(error, -EINVAL, "'%.*s' is no place of an OVSDB server: " SYNTAX, (int)len, at);
        if (at[len] == '\0')
            return n + 1;
        at += len + 1;
    }
}

int df_ovsdb_endpoint_resolve(struct df_ovsdb_endpoint *endpoint, unsigned timeout_ms, struct df_error *error)
{
    const char *why;
    if (endpoint->next < endpoint->n)
        return 0;
    endpoint->next = 0;
    if (endpoint->transport == DF_OVSDB_UNIX || (endpoint->n && timeout_ms == 0))
        return 0;
    struct df_net_address found[DF_OVSDB_ADDRESSES];
    int n = df_net_resolve(endpoint->host, endpoint->port, timeout_ms, found, DF_OVSDB_ADDRESSES, &why);
    if (n < 0 && endpoint->n)
        return 0;
    if (n < 0)
        return df_error_set(error, n, "%s: %s: %s", endpoint->text, endpoint->host, why);
    memcpy(endpoint->addresses, found, (size_t)n * sizeof found[0]);
    endpoint->n = (unsigned)n;
    return 0;
}
