/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stdint.h>

#include "dbsync/error.h"

/*
 * Answers of a server, as hiredis' parser reads them, with limits: what is over one is -EPROTO, and the connection must
 * be closed.
 */

#define DF_REDIS_REPLY_MAX ((size_t)256 << 20)  /* bytes of one answer */
#define DF_REDIS_ELEMENTS_MAX ((size_t)1 << 20) /* elements of all lists of one answer */

struct df_redis_reader;

/** NULL: out of memory. */
struct df_redis_reader *df_redis_reader_new(void);
void df_redis_reader_free(struct df_redis_reader *reader);

/** Takes bytes that came. @return 0; -EPROTO; -ENOMEM */
int df_redis_reader_feed(struct df_redis_reader *reader, const char *data, size_t len, struct df_error *error);

/**
 * The next whole answer, to be freed with freeReplyObject().
 * @return 0; -EAGAIN: it is not all there; -EPROTO; -ENOMEM
 */
int df_redis_reader_next(struct df_redis_reader *reader, redisReply **reply, struct df_error *error);

/* Of an answer, NULL allowed: is it a text, or a list of n or more elements? */
bool df_redis_is_text(const redisReply *reply);
bool df_redis_is_list(const redisReply *reply, size_t n);

/** A text in digits, or an integer, as a number. @return 0; -EPROTO */
int df_redis_number(const redisReply *reply, uint64_t *number);
