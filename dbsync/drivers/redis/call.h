/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "dbsync/drivers/redis/link.h"

/*
 * Requests that wait for their answers, for as long as a request may take at most. Where the connection turns out to be
 * dead, or to lead astray, another one is made and the request repeated, unless it may have been done.
 */

#define DF_REDIS_CALL_MAX 4 /* commands in one call */

enum df_redis_repeat { DF_REDIS_REPEAT, DF_REDIS_ONCE };

/** Waits until the link stands. @return 0, or an error with its text */
int df_redis_call_ready(struct df_redis_link *link, struct df_error *error);

/**
 * Sends n commands and takes their answers, which are the caller's to free; none is an error.
 *
 * @return 0; -EINPROGRESS: of a call that may not be repeated the answer was lost; or an error with its text
 */
int df_redis_call(struct df_redis_link *link, const struct df_redis_command *commands, unsigned n,
                  enum df_redis_repeat repeat, redisReply **replies, struct df_error *error);

/** Frees answers, and forgets them. */
void df_redis_replies_free(redisReply **replies, unsigned n);
