/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "dbsync/error.h"
#include "dbsync/net/resolve.h"

/*
 * Where a redis database is:
 *
 *   HOST[:PORT],...                   one server, or servers of which one at a time is the master
 *   sentinel:NAME@HOST[:PORT],...     Sentinels, which know where the master NAME is
 *   cluster:HOST[:PORT],...           members of a Cluster, any of which knows who has our slot
 *
 * and behind it, if need be, ?replicas=N: a commit is done when N replicas have it. IPv6 addresses are in brackets.
 */

#define DF_REDIS_POINTS_MAX 16
#define DF_REDIS_HOST_MAX 256
#define DF_REDIS_PORT "6379"
#define DF_REDIS_SENTINEL_PORT "26379"

enum df_redis_mode { DF_REDIS_SERVERS, DF_REDIS_SENTINEL, DF_REDIS_CLUSTER };

/* An end point. */
struct df_redis_point {
    char host[DF_REDIS_HOST_MAX];
    char port[6];
    struct df_net_address address; /* its len is 0: not known yet */
};

struct df_redis_place {
    enum df_redis_mode mode;
    char master[DF_REDIS_HOST_MAX]; /* for Sentinel */
    struct df_redis_point points[DF_REDIS_POINTS_MAX];
    size_t n;
    bool counts_replicas; /* replicas was given */
    unsigned replicas;
};

/** @return 0; -EINVAL with the part that is wrong */
int df_redis_place_parse(const char *location, struct df_redis_place *place, struct df_error *error);

/** @return 0; -EINVAL: too long, or no port */
int df_redis_point_set(struct df_redis_point *point, const char *host, size_t host_len, const char *port,
                       size_t port_len);

/**
 * Finds the address of an end point, within the time; where that fails an address that is known already will do.
 *
 * @return 0, or an error of df_net_resolve()
 */
int df_redis_point_resolve(struct df_redis_point *point, unsigned timeout_ms, struct df_error *error);
