/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "dbsync/driver.h"
#include "dbsync/drivers/zookeeper/node.h"
#include "dbsync/drivers/zookeeper/place.h"
#include "dbsync/drivers/zookeeper/session.h"

/*
 * What the parts of this driver share: the handle's place and its session. Functions return a negative errno with a
 * text. -ETIMEDOUT: the connection was lost or the answer did not come, and what only reads may be tried again.
 */

struct df_zk {
    struct df_zk_place place;
    struct df_zk_session *session;
    char *user, *password;
    unsigned timeout_ms;
    bool read_only;
};

/** A node that has something else in it than what we write: -EPROTO. */
int df_zk_malformed(const struct df_zk *zk, const char *path, struct df_error *error);
int df_zk_no_memory(struct df_error *error);

/** Makes an empty database, or finds that there is one. */
int df_zk_create(struct df_zk *zk, struct df_error *error);
/** -ENOENT: there is no database. */
int df_zk_check(struct df_zk *zk, struct df_error *error);

struct df_zk_request *df_zk_ask_state(struct df_zk *zk, int how);
/** Waits for the answer and takes it; version may be NULL. Drops the request, which may be NULL: out of memory. */
int df_zk_take_state(struct df_zk *zk, struct df_zk_request *request, struct df_zk_state *state, int32_t *version,
                     struct df_error *error);

/**
 * Does once(), which only reads, until it does not return -ETIMEDOUT or -ESTALE any more, within the time-out.
 * -ESTALE: what it saw moved while it looked, which is what is returned when it did so all the time.
 */
int df_zk_retry(struct df_zk *zk, int (*once)(struct df_zk *zk, void *arg, struct df_error *error), void *arg,
                struct df_error *error);
