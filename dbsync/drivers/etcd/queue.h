/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <sys/queue.h>

#include "dbsync/drivers/etcd/etcd.h"

/*
 * What etcd told of and the caller was not told yet: events by revision. Those of one revision are one transaction.
 * Invariant: no event of a transaction is told before all that etcd sends of it on its watch have come. The caller sees by
 * the transaction's note whether other watches are to say something of it, too.
 */

#define DF_ETCD_QUEUE_BYTES ((size_t)64 << 20) /* more: it is a gap, a snapshot is cheaper */

struct df_etcd_event {
    TAILQ_ENTRY(df_etcd_event) link;
    int64_t watch;
    uint64_t revision;
    bool deleted, is_note;
    const char *table, *id; /* behind the event, in the same piece of memory */
    const void *data;
    size_t len, cost;
};

TAILQ_HEAD(df_etcd_events, df_etcd_event);

struct df_etcd_queue {
    struct df_etcd_events partial; /* more of the same is coming */
    struct df_etcd_events whole;   /* by revision */
    struct df_etcd_events told;    /* of the last revision that was told */
    size_t bytes;
};

void df_etcd_queue_init(struct df_etcd_queue *queue);
void df_etcd_queue_clear(struct df_etcd_queue *queue);

/** -ENOMEM; -ENOBUFS: it is full. */
int df_etcd_queue_add(struct df_etcd_queue *queue, const struct df_etcd_row *row, int64_t watch);

/** All of a watch's transactions up to here have come whole. */
void df_etcd_queue_complete(struct df_etcd_queue *queue, int64_t watch);

bool df_etcd_queue_is_empty(const struct df_etcd_queue *queue);

/** Of the oldest transaction; there is one. */
uint64_t df_etcd_queue_revision(const struct df_etcd_queue *queue);

/** The note of the oldest transaction, or NULL. */
const struct df_etcd_event *df_etcd_queue_note(const struct df_etcd_queue *queue);

typedef void (*df_etcd_told_cb)(int64_t watch, uint64_t revision, void *arg);

/**
 * Tells the oldest transaction, then tells `told` which watches it came by, and takes it away.
 * @return what cb returned; when that is not 0 the transaction stays
 */
int df_etcd_queue_tell(struct df_etcd_queue *queue, df_etcd_told_cb told, void *told_arg, df_db_row_cb cb, void *arg);
