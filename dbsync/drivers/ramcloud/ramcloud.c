/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/drivers.h"
#include "dbsync/drivers/log_store/store.h"
#include "dbsync/drivers/ramcloud/store.h"

static int open_db(const struct df_db_config *config, struct df_db **db, struct df_error *error)
{
    return df_log_store_open(&df_ramcloud_kv, config, db, error);
}

const struct df_db_driver df_db_ramcloud_driver = {
    .name = "ramcloud",
    .summary = "RAMCloud: the coordinator's locator, and #CLUSTER if it is not main",
    .untried = "never tried with a real cluster: tested against a stand-in for its C library",
    .open = open_db,
    .close = df_log_store_close,
    .snapshot = df_log_store_snapshot,
    .get = df_log_store_get,
    .commit = df_log_store_commit,
    .watch_fd = df_log_store_watch_fd,
    .watch = df_log_store_watch,
    .lease = df_log_store_lease,
    .release = df_log_store_release,
};
