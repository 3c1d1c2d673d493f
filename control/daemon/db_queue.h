/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "dbsync/nb.h"

/*
 * News from the database's thread to the control thread, in order.
 *
 * Invariant: one thread puts, another takes; a descriptor polls readable while there is something to take. The queue is
 * bounded: who puts into a full one waits until it was emptied, or closed.
 */

enum df_db_news_kind {
    DF_DB_NEWS_CHANGE,
    DF_DB_NEWS_IN_SYNC, /* all that was put before is what the database holds */
    DF_DB_NEWS_AWAY,    /* text says why */
    DF_DB_NEWS_HEARD,   /* what was put before came, though the database is away */
    DF_DB_NEWS_RIVAL,   /* another df-switchd has this host's name: text says who; NULL: none has it any more */
};

struct df_db_news {
    struct df_db_news *next;
    enum df_db_news_kind kind;
    struct df_nb_change change; /* of CHANGE; strings and object are the news' */
    char *text;
};

struct df_db_queue;

/** NULL: out of memory or descriptors. */
struct df_db_queue *df_db_queue_new(void);

/** Frees what was not taken, too. Nobody may use it any more. */
void df_db_queue_free(struct df_db_queue *queue);

/** To poll for reading. */
int df_db_queue_fd(const struct df_db_queue *queue);

/** Copies the change and takes its object. The putting thread; may wait. */
void df_db_queue_put_change(struct df_db_queue *queue, struct df_nb_change *change);

/** text may be NULL. The putting thread. */
void df_db_queue_put(struct df_db_queue *queue, enum df_db_news_kind kind, const char *text);

/** All that is there, the oldest first, or NULL. Free each with df_db_news_free(). The taking thread. */
struct df_db_news *df_db_queue_take(struct df_db_queue *queue);
void df_db_news_free(struct df_db_news *news);

/** Nobody waits in the queue from now on: what is put is dropped. The taking thread. */
void df_db_queue_close(struct df_db_queue *queue);
