/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "dbsync/driver.h"
#include "dbsync/drivers/redis/reply.h"

/*
 * The change log. An entry of a stream has the id REVISION-0 and one field, whose value is the records of that
 * transaction that belong into the stream:
 *
 *   index (4 bytes) | kind (1) | length of key (2) | length of data (4) | key | data
 *
 * The index tells a row of the transaction, so that one that is in several streams is told once. Kinds: S the row was
 * written, D it was deleted, L it has the stream's topic no more (and is as good as deleted for those who follow no
 * other topic of it), T another server process took over, and data is the last revision that it knew: who has seen
 * revisions between that and the entry's saw what is lost.
 */

struct df_redis_batch; /* what was read of the log: transactions, whole and in order */

/**
 * Reads the answer of XREAD, which asked for `count` entries of each stream after revision `after`; complete is a
 * revision that the database had reached before it was asked. *batch has the answer from then on, which is freed also
 * when this fails.
 *
 * @return 0; -EPROTO: the answer is not a log; -ENOMEM
 */
int df_redis_batch_read(redisReply *reply, uint64_t after, uint64_t complete, size_t count,
                        struct df_redis_batch **batch, struct df_error *error);

/** NULL does nothing. */
void df_redis_batch_free(struct df_redis_batch *batch);

/** The revision up to which the batch tells everything. */
uint64_t df_redis_batch_end(const struct df_redis_batch *batch);

/** Were there more entries than fit? Then the next batch begins at the end of this one. */
bool df_redis_batch_is_cut(const struct df_redis_batch *batch);

/**
 * Tells the changes after *revision and moves it on, to the batch's end when all was told.
 * @return 0, -ESTALE: what the caller has seen was lost by the database, or what cb returned
 */
int df_redis_batch_tell(const struct df_redis_batch *batch, uint64_t *revision, df_db_row_cb cb, void *arg);
