/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "dbsync/driver.h"
#include "dbsync/pubsub/publication.h"

/*
 * What a publisher knows and says, without its sockets.
 *
 * It hears of each transaction from the writer that pushed it, from the database that it watches, or from both, in any
 * order, and publishes it once. So a push makes news quick, and a writer that dies between its commit and its push
 * loses nothing.
 *
 * Invariants:
 * - Of each row it knows topics and revision: a row that was deleted, or has moved to other topics, is told to those
 *   who knew it; and after a gap only what differs is told. Writers push in no order: of a row what is older than what
 *   is known is not told, and not remembered.
 * - Messages of a topic are numbered from 1. Who begins to listen to a topic is told the last number, and so are all
 *   again 1, 2, 4, ... 64 seconds after a message; those who listen to what concerns everybody each second.
 * - Until its first snapshot has ended it says nothing, not even hello. That snapshot tells nobody anything, so who was
 *   greeted before would read the database, and never hear of what was written between the two.
 * - Cut off from the database it falls silent: no hello, and no push is told. Those who listen then take it for gone,
 *   and watch the database themselves. Its numbers go on when it is back, for what it missed it is told then, and tells.
 *
 * One thread.
 */

struct df_publisher;

/** Sends both frames; non-zero: it was dropped, at least for some. */
typedef int (*df_publisher_send)(void *arg, const char *topic, const void *data, size_t len);

struct df_publisher_tally {
    uint64_t published; /* messages with rows */
    uint64_t hellos;
    uint64_t pushed;   /* transactions that a writer pushed */
    uint64_t repeated; /* and the database, or another push, told of before */
    uint64_t left;     /* pushed, and left for the database to tell of, as it could not tell anything then */
    uint64_t late;     /* rows that were older than what was known of them */
    uint64_t untold;   /* rows of the database that no message carries, each time they were met */
    uint64_t refused;  /* pushes that could not be read */
    uint64_t dropped;  /* messages for which somebody's queue was found full (see publisher_sockets.h) */
    uint64_t rows;     /* that it knows */
    uint64_t topics;   /* that it published something of */
};

/** id: new with each start, at most 255 bytes; copied. NULL: out of memory. */
struct df_publisher *df_publisher_new(const char *id, df_publisher_send send, void *arg);
void df_publisher_free(struct df_publisher *publisher);

/* What the database tells: rows of a snapshot between begin and end, or changes after it. -ENOMEM. */
void df_publisher_snapshot_begin(struct df_publisher *publisher);
int df_publisher_snapshot_row(struct df_publisher *publisher, const struct df_db_row *row);
int df_publisher_snapshot_end(struct df_publisher *publisher, uint64_t revision);
int df_publisher_change(struct df_publisher *publisher, const struct df_db_row *row);
/** All changes that there were, so far, were told. */
int df_publisher_flush(struct df_publisher *publisher);

/** The database does not answer, or does again. */
void df_publisher_cut_off(struct df_publisher *publisher, bool cut_off);

/** A writer pushed a transaction. -EPROTO: it cannot be read; error says why. */
int df_publisher_push(struct df_publisher *publisher, const void *data, size_t len, struct df_error *error);

/** Somebody listens to the topic (the frame, with its end). */
void df_publisher_subscribed(struct df_publisher *publisher, const char *frame, size_t len);

/**
 * Says hello to each topic that somebody began to listen to, once it may. All who listen to it hear that, so it is said once for those
 * who came together: a thousand nodes that connect again are not a million messages.
 */
void df_publisher_greet(struct df_publisher *publisher);

/** Says the hellos that are due. Call each second or so. */
void df_publisher_tick(struct df_publisher *publisher, uint64_t now_ms);

struct df_publisher_tally df_publisher_tally(const struct df_publisher *publisher);
