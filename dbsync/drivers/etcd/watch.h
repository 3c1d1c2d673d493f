/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "dbsync/drivers/etcd/etcd.h"
#include "dbsync/drivers/etcd/queue.h"

/* What watch.c and follow.c share. */

struct watched {
    struct df_etcd_range range;
    uint64_t hash;   /* by which notes name it */
    uint64_t told;   /* of this range, up to this revision */
    uint64_t coming; /* up to this etcd has begun to tell of it, */
    uint64_t heard;  /* and up to this it has told all */
};

struct df_etcd_watch {
    struct df_db *db;
    struct watched *list; /* a watch's id is its index + 1 */
    size_t n;
    struct df_etcd_call call;
    uint64_t generation; /* of the connection on which it is; 0: on none */
    bool on;             /* call is under way */
    bool lost;           /* something cannot be told any more */
    bool asked;          /* for a sign of life */
    uint64_t waits_for;  /* the transaction of which some ranges have not been heard of yet, or 0 */
    uint64_t waits_since;
    int rc; /* why it does not work; 0: it does */
    struct df_error error;
    struct df_etcd_queue queue;
};

/** The handle's, which is made when it is first asked for; NULL: out of memory. */
struct df_etcd_watch *df_etcd_watch_of(struct df_db *db);

/** Ends the stream and forgets what was not told. */
void df_etcd_watch_stop(struct df_etcd_watch *watch);

/** Makes the list of what is watched anew. -ENOMEM: it is as it was. */
int df_etcd_watch_set_ranges(struct df_etcd_watch *watch, uint64_t told);
