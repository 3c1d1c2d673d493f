/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/system/db/servers/kinds.h"

#include <string.h>

static const struct server_kind *const kinds[] = {
    &server_lmdb,
    &server_etcd,
    &server_etcd_cluster,
    &server_etcd_secure,
    &server_redis,
    &server_redis_secure,
    &server_redis_sentinel,
    &server_redis_sentinel_secure,
    &server_redis_cluster,
    &server_redis_cluster_secure,
#ifdef DF_DB_WITH_ZOOKEEPER
    &server_zookeeper,
    &server_zookeeper_cluster,
    &server_zookeeper_secure,
#endif
    &server_ramcloud,
    &server_rethinkdb,
    &server_rethinkdb_secure,
    &server_ovsdb,
    &server_ovsdb_cluster,
    &server_ovsdb_secure,
};

const struct server_kind *server_kind_find(const char *name)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(kinds[i]->name, name) == 0)
            return kinds[i];
    return NULL;
}
