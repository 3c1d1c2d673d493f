/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "dbsync/driver.h"

/* Every driver there is; which of them are in this build driver.c knows. */

extern const struct df_db_driver df_db_lmdb_driver;
extern const struct df_db_driver df_db_etcd_driver;
extern const struct df_db_driver df_db_redis_driver;
extern const struct df_db_driver df_db_ovsdb_driver;
extern const struct df_db_driver df_db_zookeeper_driver;
extern const struct df_db_driver df_db_rethinkdb_driver;
extern const struct df_db_driver df_db_ramcloud_driver;
