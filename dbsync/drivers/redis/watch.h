/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "dbsync/driver.h"

/*
 * Follows the change log on a connection of its own, which never waits. It is always in the middle of a cycle:
 *
 *   XREAD BLOCK   the server answers when there is news, or after a while
 *   XREAD         only where several streams are followed: the first answer is of one stream alone
 *   glance        is it the same database, does the log still begin before what we asked for, when do leases end
 *
 * The server runs them in this order, so where the glance finds that the log reaches back to the revision that was asked
 * from, the answer before it is complete up to any revision that was reached before the cycle began. Watchers reap
 * leases (common.lua): a cycle lasts until the next one may end, so that the first watcher who finds it ended says so to
 * all.
 */

struct df_redis_watch;

int df_redis_watch_new(struct df_db *db, struct df_redis_watch **watch);
/** NULL does nothing. */
void df_redis_watch_free(struct df_redis_watch *watch);

/** An epoll descriptor, readable when df_redis_watch_go_on() should be called. */
int df_redis_watch_fd(const struct df_redis_watch *watch);

/** driver.h's watch(). */
int df_redis_watch_go_on(struct df_redis_watch *watch, uint64_t *revision, df_db_row_cb cb, void *arg,
                         struct df_error *error);

/** Begins anew: another view, or another revision. */
void df_redis_watch_restart(struct df_redis_watch *watch);

/** Waits until a cycle from this revision is asked for, if that can be had soon. */
void df_redis_watch_settle(struct df_redis_watch *watch, uint64_t revision);
