/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "dbsync/drivers/zookeeper/multi.h"
#include "dbsync/drivers/zookeeper/read.h"
#include "dbsync/drivers/zookeeper/zk.h"

/* How transactions are written: see node.h for what makes them whole. */

/** Adds the write of one row to a multi; what is in its nodes now was read. -ENOMEM */
int df_zk_write_row(struct df_zk *zk, struct df_zk_multi *multi, const struct df_db_row *row,
                    const struct df_zk_read *now);

/**
 * Writes the rows of the transaction that the state says is pending, and ends that.
 * @return 0, also when somebody else did it in the meantime
 */
int df_zk_apply(struct df_zk *zk, const struct df_zk_state *state, int32_t version, struct df_error *error);

/**
 * Writes the body of a transaction in pieces. stage gets their name.
 * @param state the database's when the transaction was made: names of pieces tell whose they were, when they are left over
 */
int df_zk_stage(struct df_zk *zk, const struct df_zk_state *state, const char *body, size_t len,
                char stage[DF_ZK_STAGE_NAME_MAX], struct df_error *error);
/** Takes the pieces away again; what fails is left over, to be found by the next who stages. */
void df_zk_unstage(struct df_zk *zk, const char *stage, size_t len);

/** The commit of the contract. */
int df_zk_commit(struct df_zk *zk, const struct df_db_op *ops, size_t n, size_t *failed, uint64_t *revision,
                 struct df_error *error);
