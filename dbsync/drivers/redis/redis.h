/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "dbsync/driver.h"
#include "dbsync/drivers/redis/call.h"
#include "dbsync/drivers/redis/row.h"

/* What the files of the driver share. */

struct df_redis_watch;
struct df_redis_leases; /* those that a handle holds; NULL is the empty list */

/* What a handle is told of: everything, or topics and what has none. */
struct df_redis_view {
    bool is_partial;
    char **streams; /* their logs, sorted; the first is that of no topic */
    size_t n;
};

#define DF_REDIS_FOLLOW_MAX 4096

struct df_db {
    struct df_redis_place place;
    struct df_db_config config;
    struct df_redis_access access;
    struct df_redis_link *link;
    struct df_redis_watch *watch; /* NULL until it is asked for */
    struct df_redis_view view;
    struct df_redis_leases *leases;
    char history[DF_REDIS_SHA_LEN + 1]; /* of the database that was opened */
    unsigned replicas;                  /* of the server, when it was asked last */
};

/** The streams that a view has are asked for what came after revision `from`, a text that lives as long as command. */
void df_redis_view_streams(const struct df_redis_view *view, struct df_redis_command *command, const char *from);

/** The i-th topic; "" is no topic. */
const char *df_redis_view_topic(const struct df_redis_view *view, size_t i);

/** Is the i-th topic of the other one in this view, too? */
bool df_redis_view_has(const struct df_redis_view *view, const struct df_redis_view *other, size_t i);

void df_redis_view_clear(struct df_redis_view *view);

/** How many entries of each stream to ask for, so that an answer stays within bounds. */
unsigned df_redis_view_count(const struct df_redis_view *view);

/** @return 0; -ENODEV, with a text: a script says that another database is there; -EPROTO: not what a script says */
int df_redis_outcome(struct df_db *db, const redisReply *reply, const char **outcome, struct df_error *error);

/** Every row of the view, as of one revision. */
int df_redis_snapshot(struct df_db *db, df_db_row_cb cb, void *arg, uint64_t *revision, struct df_error *error);

/** Changes the view and tells the rows of topics that are new. */
int df_redis_follow(struct df_db *db, const char *const *topics, size_t n, df_db_row_cb cb, void *arg,
                    struct df_error *error);

int df_redis_lease_take(struct df_db *db, const char *name, const char *owner, unsigned ttl, struct df_error *error);
int df_redis_lease_release(struct df_db *db, const char *name, struct df_error *error);
void df_redis_lease_release_all(struct df_db *db);
