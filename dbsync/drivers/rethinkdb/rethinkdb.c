/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/drivers.h"
#include "dbsync/drivers/log_store/store.h"
#include "dbsync/drivers/rethinkdb/store.h"

static int open_db(const struct df_db_config *config, struct df_db **db, struct df_error *error)
{
    return df_log_store_open(&df_rethinkdb_kv, config, db, error);
}

const struct df_db_driver df_db_rethinkdb_driver = {
    .name = "rethinkdb",
    .summary = "RethinkDB: host:port,... of its servers, and /DATABASE if it is not dragonflow",
    .untried = "never tried with a real server: tested against a stand-in that was written from the protocol",
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
