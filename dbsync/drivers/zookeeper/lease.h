/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "dbsync/drivers/zookeeper/zk.h"

/*
 * A lease is a pair of ephemeral nodes, lock/NAME and lease/NAME,OWNER, of a session whose time-out is the lease's time
 * to live. The library keeps the session alive as long as the process lives, so that to renew a lease is to look
 * whether it is still there.
 */

struct df_zk_lease; /* a list of those that a handle holds; NULL is the empty list */

int df_zk_lease_take(struct df_zk *zk, struct df_zk_lease **held, const char *name, const char *owner, unsigned ttl,
                     struct df_error *error);
int df_zk_lease_release(struct df_zk *zk, struct df_zk_lease **held, const char *name, struct df_error *error);
void df_zk_lease_release_all(struct df_zk *zk, struct df_zk_lease **held);
