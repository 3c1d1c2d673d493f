/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "dbsync/drivers/log_store/rows.h"
#include "dbsync/drivers/log_store/told.h"
#include "dbsync/drivers/zookeeper/zk.h"

/*
 * ZooKeeper shows one node at a time and nothing as of a moment. A snapshot notes the state, reads all rows while they
 * may change, notes the state again, and repairs what it read by the log of what was committed in between. Rows are in
 * memory until all of them are told.
 */

struct df_zk_snapshot {
    struct df_rows rows;
    struct df_zk_state end; /* what it is as of */
    struct df_told leases;
};

/** Takes one. The state and the leases are asked for last, with a watch. Clear it, also after an error. */
int df_zk_snapshot_take(struct df_zk *zk, struct df_zk_snapshot *snapshot, struct df_error *error);
/** The leases in the list of their nodes; names that are none of ours are passed over. @return 0 or -ENOMEM */
int df_zk_leases_of(const struct df_zk_request *list, struct df_told *leases);
void df_zk_snapshot_clear(struct df_zk_snapshot *snapshot);
