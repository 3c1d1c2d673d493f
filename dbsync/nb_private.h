/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "dbsync/feed.h"
#include "dbsync/nb.h"
#include "dbsync/transaction.h"

/* What the files of the NB API share. */

struct known;

/* The newest of the rows that were told lately, which the database will be asked for. */
struct df_nb_doubt {
    char table[256], id[256];
    uint64_t revision; /* 0: none */
    uint64_t due_ms;
    bool again; /* the answer was another one: asked once more, as not all members of a database are in step */
    const char *publisher;
};

/* News by a feed (nb_feed.c), and what the database was asked of them (nb_feed_check.c). */
struct df_nb_feed {
    struct df_feed *feed; /* NULL: news come by the driver's watch */
    bool deaf;            /* no publisher is heard of: the driver's watch stands in */
    struct known *now, *before;
    uint64_t asked_s, unasked_ms; /* the second of the last question; no question before that time */
    unsigned asked;               /* in that second */
    struct df_nb_doubt doubt;
};

struct df_nb {
    const struct df_db_driver *driver;
    struct df_db *db;
    bool synced; /* revision is that of the last snapshot or change told */
    uint64_t revision;
    char **topics; /* followed, sorted */
    size_t n_topics;
    struct df_nb_feed feed;
    struct df_announcer *announcer; /* NULL: nobody is told of commits */
};

/** Does it concern a topic that is followed? */
bool df_nb_follows(const struct df_nb *nb, enum df_nb_table table, const ProtobufCMessage *object);

/** Frees the list of topics. */
void df_nb_forget_topics(struct df_nb *nb);

/** A callback for the driver's rows: tells them; arg is a struct df_nb_teller. */
int df_nb_tell_row(const struct df_db_row *row, void *arg);

struct df_nb_teller {
    struct df_nb *nb;
    df_nb_change_cb cb;
    void *arg;
    int events;
    bool in_snapshot;
};

/* How often a write is tried when other writers keep winning. */
#define DF_NB_ATTEMPTS 1000

/** Stages one object into a transaction, see df_nb_write(). */
int df_nb_stage(struct df_transaction *txn, enum df_nb_write how, enum df_nb_table table,
                const ProtobufCMessage *object, struct df_error *error);

/** A callback for a feed's rows, as df_nb_tell_row(). */
int df_nb_feed_row(const struct df_feed_row *row, void *arg);

/** The row was told: news of it that are not newer are none. */
void df_nb_feed_note(struct df_nb *nb, const struct df_db_row *row);

/** Is it true that the object was deleted, or moved? False: the database has it as it was. */
bool df_nb_feed_is_gone(struct df_nb *nb, const struct df_db_row *row);

/** It was told, and is doubted if nothing newer was. */
void df_nb_feed_doubt(struct df_nb *nb, const struct df_feed_row *row);

/** Asks the database, if it is time. Not from the feed's callback. */
void df_nb_feed_settle_doubt(struct df_nb *nb);

/** Forgets what was told. */
void df_nb_feed_forget(struct df_nb_feed *feed);
