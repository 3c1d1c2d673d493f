/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "dbsync/error.h"
#include "dbsync/net/resolve.h"

/*
 * The members of a cluster, from a location: `HOST[:PORT],HOST[:PORT]...`, an IPv6 address in brackets. The port is
 * 2379 where none is said.
 */

#define DF_ETCD_ENDPOINTS_MAX 16

struct df_etcd_endpoint {
    char host[256], port[8];
    char name[272];                /* for messages: host:port */
    struct df_net_address address; /* its len is 0: not resolved yet */
};

struct df_etcd_endpoints {
    struct df_etcd_endpoint list[DF_ETCD_ENDPOINTS_MAX];
    size_t n;
};

/** -EINVAL: the text says what is wrong with it. */
int df_etcd_endpoints_parse(const char *location, struct df_etcd_endpoints *endpoints, struct df_error *error);

/** Finds its address, within the time; as df_net_resolve(). */
int df_etcd_endpoint_resolve(struct df_etcd_endpoint *endpoint, unsigned timeout_ms, struct df_error *error);
