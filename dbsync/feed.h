/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "dbsync/driver.h"

/*
 * A feed: news of a database that do not come from the database, but from publishers beside it, so that a thousand
 * nodes do not all watch it. The database stays the truth: whoever uses a feed takes a snapshot first, and again when
 * the feed says that something was lost.
 *
 * Rows come with the revision that they have in the database, maybe more than once, and maybe in another order than
 * they were written: who takes them goes by the revisions.
 */

struct df_feed;

struct df_feed_row {
    struct df_db_row row;
    const char *topic;     /* by which it came */
    bool moved;            /* the row had the topic, and has it no more */
    const char *publisher; /* who told it; as long as the feed lives */
};

/**
 * Returns -EPROTO to say that it is not of the topic it came by, -EEXIST that the object is said to be gone and the database
 * has it: then the publisher is not believed.
 */
typedef int (*df_feed_row_cb)(const struct df_feed_row *row, void *arg);

struct df_feed_ops {
    /* To poll for reading. */
    int (*fd)(struct df_feed *feed);
    /*
     * Listens to these topics and to what concerns everybody; n == 0: to everything. When it returns, nothing that is
     * published from now on is missed unnoticed by publishers that can be reached.
     *
     * What comes meanwhile, of topics that were listened to before too, goes to cb. NULL: it is dropped, and what was
     * lost before is forgotten, because a snapshot is taken next.
     */
    int (*follow)(struct df_feed *feed, const char *const *topics, size_t n, df_feed_row_cb cb, void *arg,
                  struct df_error *error);
    /*
     * What has come. -ESTALE: something was lost, or came that cannot be: take a snapshot; said once a second at most, to be
     * asked for again without news. -ENOTCONN: no publisher was heard of for some time.
     */
    int (*take)(struct df_feed *feed, df_feed_row_cb cb, void *arg, struct df_error *error);
    /* What a publisher told turned out to be wrong. Not from the callback. */
    void (*disbelieve)(struct df_feed *feed, const char *publisher, const char *why);
    /* Of a clock that only goes on. */
    uint64_t (*now_ms)(struct df_feed *feed);
    void (*close)(struct df_feed *feed);
};

struct df_feed {
    const struct df_feed_ops *ops;
};
