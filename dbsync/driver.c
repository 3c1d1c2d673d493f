/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/driver.h"

#include <string.h>

#include "dbsync/drivers/drivers.h"

/* The drivers of this build, in the order in which they are listed. Each is built where its library is. */
static const struct df_db_driver *const drivers[] = {
    &df_db_lmdb_driver,
#ifdef DF_DB_WITH_ETCD
    &df_db_etcd_driver,
#endif
#ifdef DF_DB_WITH_REDIS
    &df_db_redis_driver,
#endif
#ifdef DF_DB_WITH_OVSDB
    &df_db_ovsdb_driver,
#endif
#ifdef DF_DB_WITH_ZOOKEEPER
    &df_db_zookeeper_driver,
#endif
#ifdef DF_DB_WITH_RETHINKDB
    &df_db_rethinkdb_driver,
#endif
#ifdef DF_DB_WITH_RAMCLOUD
    &df_db_ramcloud_driver,
#endif
};

/* Ends with an empty one. */
static const struct df_db_absent absent[] = {
#ifndef DF_DB_WITH_ETCD
    {"etcd", "libcurl was not found"},
#endif
#ifndef DF_DB_WITH_REDIS
    {"redis", "hiredis was not found"},
#endif
#ifndef DF_DB_WITH_OVSDB
    {"ovsdb", "Open vSwitch's library was not found"},
#endif
#ifndef DF_DB_WITH_ZOOKEEPER
    {"zookeeper", "libzookeeper_mt was not found"},
#endif
#ifndef DF_DB_WITH_RETHINKDB
    {"rethinkdb", "it was switched off"},
#endif
#ifndef DF_DB_WITH_RAMCLOUD
    {"ramcloud", "libramcloud was not found; never tried with a real cluster"},
#endif
    {NULL, NULL},
};

const struct df_db_absent *df_db_absent_at(size_t i)
{
    return absent[i].name ? &absent[i] : NULL;
}

const struct df_db_driver *df_db_driver_at(size_t i)
{
    return i < sizeof drivers / sizeof drivers[0] ? drivers[i] : NULL;
}

const struct df_db_driver *df_db_driver_find(const char *name)
{
    const struct df_db_driver *driver;
    for (size_t i = 0; (driver = df_db_driver_at(i)); i++)
        if (strcmp(driver->name, name) == 0)
            return driver;
    return NULL;
}
