/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "dbsync/driver.h"
#include "dbsync/drivers/redis/command.h"
#include "dbsync/drivers/redis/reply.h"

/*
 * A commit is one call of commit.lua and, where the server has replicas, a WAIT until enough of them have it: a replica
 * that takes over then has all that was acknowledged. As many are waited for as the location says; where it does not,
 * one with Sentinel and in a Cluster, and one as long as one is connected to a server alone.
 */

#define DF_REDIS_OPS_MAX 16384
#define DF_REDIS_COMMIT_MAX ((size_t)16 << 20) /* bytes */

/** driver.h's commit(). */
int df_redis_commit(struct df_db *db, const struct df_db_op *ops, size_t n, size_t *failed, uint64_t *revision,
                    struct df_error *error);

/* Reads what a script answered. */
typedef int (*df_redis_answer_cb)(struct df_db *db, const redisReply *reply, void *arg, struct df_error *error);

/**
 * Runs a script that writes (commit.lua, init.lua) with these arguments after the number of replicas, and waits for
 * replicas where its answer, which answer (may be NULL) reads, is good.
 * @return what answer returns; -EHOSTDOWN: there are too few replicas, nothing was done; -EINPROGRESS; or another error
 */
int df_redis_write(struct df_db *db, enum df_redis_script script, const char *history,
                   const struct df_redis_command *arguments, df_redis_answer_cb answer, void *arg,
                   struct df_error *error);
