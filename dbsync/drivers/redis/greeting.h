/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "dbsync/drivers/redis/link.h"

/*
 * What is said on a new connection, in one go: who we are, who the server is, our scripts, what database it has. To a
 * Sentinel: who we are, and where the master is. The functions are pure: they read answers one by one.
 */

/** Puts the i-th command together. @return false: there are no more */
bool df_redis_greeting_command(const struct df_redis_access *access, bool to_sentinel, unsigned i,
                               struct df_redis_command *command);

/** Reads the answer to the i-th one. @return 0; or an error */
int df_redis_greeting_read(struct df_redis_greeting *greeting, unsigned i, const redisReply *reply, const char *where,
                           struct df_error *error);

/** Reads a Sentinel's answer to the i-th one; the last one has the master's address. */
int df_redis_greeting_read_sentinel(struct df_redis_point *master, unsigned i, const redisReply *reply,
                                    const char *where, struct df_error *error);

/** Takes "MOVED slot host:port" apart; the host may be left out: then it is `host`. @return 0; -EPROTO */
int df_redis_greeting_read_moved(const char *text, const char *host, struct df_redis_point *point);
