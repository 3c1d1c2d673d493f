/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "dbsync/drivers/etcd/client.h"
#include "dbsync/drivers/etcd/decode.h"

/* What the files of the driver share: a handle, and how it asks. */

struct df_etcd_lease;
struct df_etcd_seen;
struct df_etcd_watch;

struct df_db {
    struct df_etcd_client *client;
    bool read_only;
    char **topics; /* that it follows, sorted */
    size_t n_topics;
    bool follows;      /* else it is told of everything */
    uint64_t known;    /* the newest revision that etcd told of */
    uint64_t position; /* what the caller was told up to */
    struct df_etcd_watch *watch;
    struct df_etcd_seen *seen;
    struct df_etcd_lease *leases;
};

/** A call and its decoding failed: the text for it, unless it has one. */
int df_etcd_bad_answer(const struct df_db *db, int code, struct df_error *error);

void df_etcd_learn(struct df_db *db, uint64_t revision);

/* Reading. */

struct df_etcd_range {
    struct df_etcd_key from, to;
};

/** From the first key of a place to the last one of another. */
void df_etcd_range_places(struct df_etcd_range *range, enum df_etcd_place from, enum df_etcd_place to);
void df_etcd_range_topic(struct df_etcd_range *range, const char *topic);

/** All rows of a range, in pages, as of *revision; 0: as of now, and it is set to what that is. */
int df_etcd_read(struct df_db *db, const struct df_etcd_range *range, uint64_t *revision, df_etcd_row_cb cb, void *arg,
                 struct df_error *error);

int df_etcd_snapshot(struct df_db *db, df_db_row_cb cb, void *arg, uint64_t *revision, struct df_error *error);
int df_etcd_get(struct df_db *db, const char *table, const char *id, df_db_row_cb cb, void *arg,
                struct df_error *error);

/** Tells a row as driver.h has it. */
int df_etcd_tell(const struct df_etcd_row *row, df_db_row_cb cb, void *arg);

/** Whether it follows a topic. */
bool df_etcd_follows(const struct df_db *db, const char *topic);

/* Writing. */

#define DF_ETCD_OPS_MAX 42             /* of a commit, see commit.c */
#define DF_ETCD_DATA_MAX (1 << 20)     /* of a row; etcd's own limit of a request is 1.5 MiB */
#define DF_ETCD_COPIES_BYTES (1 << 20) /* of a row with all its copies; one with more is everybody's */

int df_etcd_commit(struct df_db *db, const struct df_db_op *ops, size_t n, size_t *failed, uint64_t *revision,
                   struct df_error *error);

/* Watching. */

/** Forgets the connection's watches: they are made again from where the caller is. */
void df_etcd_watch_reset(struct df_db *db, uint64_t position);
int df_etcd_watch(struct df_db *db, uint64_t *revision, df_db_row_cb cb, void *arg, struct df_error *error);
int df_etcd_follow(struct df_db *db, const char *const *topics, size_t n, df_db_row_cb cb, void *arg,
                   struct df_error *error);
void df_etcd_watch_free(struct df_db *db);

/* Leases. */

int df_etcd_lease(struct df_db *db, const char *name, const char *owner, unsigned ttl, struct df_error *error);
int df_etcd_release(struct df_db *db, const char *name, struct df_error *error);
void df_etcd_release_all(struct df_db *db);
