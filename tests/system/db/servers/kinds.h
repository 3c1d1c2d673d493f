/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "tests/system/db/server.h"

/* The servers that there are tests with. */

extern const struct server_kind server_lmdb;
extern const struct server_kind server_etcd;
extern const struct server_kind server_etcd_cluster;
extern const struct server_kind server_etcd_secure;
extern const struct server_kind server_redis;
extern const struct server_kind server_redis_secure;
extern const struct server_kind server_redis_sentinel;
extern const struct server_kind server_redis_sentinel_secure;
extern const struct server_kind server_redis_cluster;
extern const struct server_kind server_redis_cluster_secure;
extern const struct server_kind server_ramcloud;
extern const struct server_kind server_rethinkdb;
extern const struct server_kind server_rethinkdb_secure;
extern const struct server_kind server_zookeeper;
extern const struct server_kind server_zookeeper_cluster;
extern const struct server_kind server_zookeeper_secure;
extern const struct server_kind server_ovsdb;
extern const struct server_kind server_ovsdb_cluster;
extern const struct server_kind server_ovsdb_secure;

/** The kind of that name, or NULL. */
const struct server_kind *server_kind_find(const char *name);
