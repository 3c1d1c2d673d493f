/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/redis/place.h"

#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SENTINEL "sentinel:"
#define CLUSTER "cluster:"
#define REPLICAS "?replicas="
#define REPLICAS_MAX 100

int df_redis_point_set(struct df_redis_point *point, const char *host, size_t host_len, const char *port,
                       size_t port_len)
{
    *point = (struct df_redis_point){0};
    if (host_len == 0 || host_len >= sizeof point->host || port_len == 0 || port_len >= sizeof point->port)
        return -EINVAL;
    for (size_t i = 0; i < port_len; i++)
        if (!isdigit((unsigned char)port[i]))
            return -EINVAL;
    memcpy(point->host, host, host_len);
    memcpy(point->port, port, port_len);
    unsigned long number = strtoul(point->port, NULL, 10);
    return number == 0 || number > 65535 || memchr(host, '\0', host_len) ? -EINVAL : 0;
}

/* HOST, HOST:PORT, [ADDRESS] or [ADDRESS]:PORT. */
static int parse_point(struct df_redis_place *place, const char *text, size_t len, struct df_error *error)
{
    const char *host = text, *end = text + len, *close, *port;
    if (place->n == DF_REDIS_POINTS_MAX)
        return df_error_set(error, -EINVAL, "more than %d end points", DF_REDIS_POINTS_MAX);
    if (len && *text == '[') {
        host++;
        close = memchr(host, ']', len - 1);
        if (!close)
            return df_error_set(error, -EINVAL, "'%.*s': there is no ]", (int)len, text);
        port = close + 1;
    } else {
        close = memchr(text, ':', len);
        if (!close)
            close = end;
        port = close;
    }
    const char *standard = place->mode == DF_REDIS_SENTINEL ? DF_REDIS_SENTINEL_PORT : DF_REDIS_PORT;
    int rc = -EINVAL;
    if (port == end)
        rc = df_redis_point_set(&place->points[place->n], host, (size_t)(close - host), standard, strlen(standard));
    else if (*port == ':')
        rc = df_redis_point_set(&place->points[place->n], host, (size_t)(close - host), port + 1,
                                (size_t)(end - port - 1));
    if (rc)
        return df_error_set(error, -EINVAL, "'%.*s' is not HOST or HOST:PORT ([ADDRESS]:PORT for IPv6)", (int)len,
                            text);
    place->n++;
    return 0;
}

static int parse_points(struct df_redis_place *place, const char *text, size_t len, struct df_error *error)
{
    int rc = 0;
    for (const char *end = text + len; rc == 0 && text <= end;) {
        const char *comma = memchr(text, ',', (size_t)(end - text));
        if (!comma)
            comma = end;
        rc = parse_point(place, text, (size_t)(comma - text), error);
        text = comma + 1;
    }
    return rc;
}

static int parse_replicas(struct df_redis_place *place, const char *text, struct df_error *error)
{
    char *end;
    unsigned long replicas = strtoul(text, &end, 10);
    if (!isdigit((unsigned char)*text) || *end || replicas > REPLICAS_MAX)
        return df_error_set(error, -EINVAL, "replicas: '%s' is not a number up to %d", text, REPLICAS_MAX);
    place->counts_replicas = true;
    place->replicas = (unsigned)replicas;
    return 0;
}

static int parse_master(struct df_redis_place *place, const char **text, struct df_error *error)
{
    const char *at = strchr(*text, '@');
    size_t len = at ? (size_t)(at - *text) : 0;
    if (len == 0 || len >= sizeof place->master)
        return df_error_set(error, -EINVAL, "'%s' names no master: write sentinel:NAME@HOST:PORT,...", *text);
    memcpy(place->master, *text, len);
    *text = at + 1;
    return 0;
}

int df_redis_place_parse(const char *location, struct df_redis_place *place, struct df_error *error)
{
    int rc = 0;
    *place = (struct df_redis_place){.mode = DF_REDIS_SERVERS};
    if (strncmp(location, SENTINEL, strlen(SENTINEL)) == 0) {
        place->mode = DF_REDIS_SENTINEL;
        location += strlen(SENTINEL);
        rc = parse_master(place, &location, error);
    } else if (strncmp(location, CLUSTER, strlen(CLUSTER)) == 0) {
        place->mode = DF_REDIS_CLUSTER;
        location += strlen(CLUSTER);
    }
    const char *replicas = strstr(location, REPLICAS);
    if (rc == 0 && replicas)
        rc = parse_replicas(place, replicas + strlen(REPLICAS), error);
    if (rc == 0)
        rc = parse_points(place, location, replicas ? (size_t)(replicas - location) : strlen(location), error);
    return rc;
}

int df_redis_point_resolve(struct df_redis_point *point, unsigned timeout_ms, struct df_error *error)
{
    const char *why;
    int rc = df_net_resolve(point->host, point->port, timeout_ms, &point->address, 1, &why);
    if (rc >= 0 || point->address.len)
        return 0;
    return df_error_set(error, rc, "redis at %s:%s: %s", point->host, point->port, why);
}
