/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "dbsync/drivers/zookeeper/snapshot.h"

/*
 * ZooKeeper says once that a node has changed, and not how. A watcher is told that the state has, asks for it and for
 * the next transaction in one go, and reads the log on to where the state says. It asks and goes away; what is answered
 * rings its bell. Leases are told as the difference between their list and what was told before.
 */

struct df_zk_watch;

/** bell is an eventfd of the caller's, which the session rings. */
int df_zk_watch_new(int bell, struct df_zk_watch **watch, struct df_error *error);
void df_zk_watch_free(struct df_zk_watch *watch);

int df_zk_watch_fd(const struct df_zk_watch *watch);

/** A snapshot was just taken, with a watch: what it says needs not be asked again. Its leases are told to cb. */
int df_zk_watch_start(struct df_zk *zk, struct df_zk_watch *watch, struct df_zk_snapshot *snapshot, df_db_row_cb cb,
                      void *arg);

/** watch() of the contract. */
int df_zk_watch_go(struct df_zk *zk, struct df_zk_watch *watch, uint64_t *revision, df_db_row_cb cb, void *arg,
                   struct df_error *error);
