/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stdint.h>

#include "dbsync/driver.h"
#include "dbsync/schema.h"

/*
 * The northbound API: typed objects over any driver.
 *
 * Objects are protobuf-c messages of the types in model.proto. The API packs and unpacks them, checks
 * them field by field (addresses, references, ranges; see schema.h), raises `version` and allocates
 * `unique_key` where the model has them, and never shows a caller an object that failed its check.
 *
 * A handle belongs to one thread. Messages handed to a callback stay the API's unless the callback
 * takes them (df_nb_change.object set to NULL).
 */

struct df_nb;

/* Opens `driver:location`'s two halves; config as in driver.h. */
int df_nb_open(const char *driver, const struct df_db_config *config, struct df_nb **nb, struct df_error *error);
void df_nb_close(struct df_nb *nb);

enum df_nb_write {
    DF_NB_CREATE, /* -EEXIST when the id is there */
    DF_NB_UPDATE, /* merge: fields present in the object replace the stored ones; -ENOENT */
    DF_NB_PUT,    /* replace or create: what `df-db load` does */
    DF_NB_ENSURE, /* as PUT, but what is stored as it should be already is not written */
};

/**
 * Writes one object in one transaction; retries by itself when it lost a compare-and-swap.
 * `version` is raised over the stored one and `unique_key` allocated or kept, whatever the object says,
 * unless it names a unique_key that is free.
 * Errors name table, id and field: -EINVAL (check failed), -EEXIST, -ENOENT, or the driver's.
 */
int df_nb_write(struct df_nb *nb, enum df_nb_write how, enum df_nb_table table, const ProtobufCMessage *object,
                struct df_error *error);

/**
 * Changes one stored object: edit gets a copy of it and may change or replace (free, set anew) all but the id. Unlike
 * DF_NB_UPDATE it can unset fields. edit runs again when another writer was quicker; what it returns other than 0 ends
 * the call.
 */
typedef int (*df_nb_edit_cb)(ProtobufCMessage **object, void *arg, struct df_error *error);
int df_nb_edit(struct df_nb *nb, enum df_nb_table table, const char *id, df_nb_edit_cb edit, void *arg,
               struct df_error *error);

/** Deletes; -ENOENT when it is not there. */
int df_nb_delete(struct df_nb *nb, enum df_nb_table table, const char *id, struct df_error *error);

/** Reads one; *object is the caller's, free with protobuf_c_message_free_unpacked(object, NULL). -ENOENT. */
int df_nb_get(struct df_nb *nb, enum df_nb_table table, const char *id, ProtobufCMessage **object,
              struct df_error *error);

/** 0: the database is there, and lets us in. It is asked, where df_nb_sync() may not know yet that it went. */
int df_nb_probe(struct df_nb *nb, struct df_error *error);

/*
 * A batch of writes, for loading: committed in transactions of many objects. The objects are packed when added.
 * df_nb_batch_end() commits the rest and frees the batch also when it fails.
 */
struct df_nb_batch;
int df_nb_batch_begin(struct df_nb *nb, struct df_nb_batch **batch);
int df_nb_batch_put(struct df_nb_batch *batch, enum df_nb_table table, const ProtobufCMessage *object,
                    struct df_error *error);
int df_nb_batch_end(struct df_nb_batch *batch, struct df_error *error);

enum df_nb_event {
    DF_NB_SNAPSHOT_BEGIN, /* what is not told until SNAPSHOT_END does not exist any more */
    DF_NB_SET,
    DF_NB_DELETE,
    DF_NB_BAD,         /* the row cannot be used: error says why; an older good version stays in force */
    DF_NB_LEASE_HELD,  /* id is the lease's name, owner who holds it; table is DF_NB_TABLES */
    DF_NB_LEASE_ENDED, /* its holder released it, or died */
    DF_NB_SNAPSHOT_END,
};

struct df_nb_change {
    enum df_nb_event event;
    enum df_nb_table table;
    const char *id;
    ProtobufCMessage *object; /* SET only; the callback may take it by setting this to NULL */
    uint64_t revision;        /* of the row; of the snapshot for SNAPSHOT_* */
    const char *error;        /* BAD only: names table, id and field */
    const char *owner;        /* LEASE_HELD only */
};

typedef void (*df_nb_change_cb)(struct df_nb_change *change, void *arg);

/**
 * Delivers news: the first call gives a snapshot, later ones the changes after it, and a gap gives a new
 * snapshot. Never blocks. Returns the number of events, or a negative errno when the database is away
 * (call again later; nothing is lost and nothing was deleted). -ENODEV: the database was removed or another one put in
 * its place; close and open again until that works.
 */
int df_nb_sync(struct df_nb *nb, df_nb_change_cb cb, void *arg, struct df_error *error);

/** A descriptor to poll for reading; then call df_nb_sync(). -1 when the driver has none: poll by time. */
int df_nb_sync_fd(struct df_nb *nb);

/**
 * From now on df_nb_sync() tells only what has one of these topics (topics.h), or none, and leases; n == 0: everything
 * again. What concerns new topics is told to cb at once where the database can do that, else with the snapshot that the
 * next df_nb_sync() gives. What concerns no topic any more is not told to be gone: df_nb_resync() does that.
 *
 * @return the number of events, or a negative errno; then call again
 */
int df_nb_follow(struct df_nb *nb, const char *const *topics, size_t n, df_nb_change_cb cb, void *arg,
                 struct df_error *error);

/**
 * From now on news come by a feed, which stays the caller's and must outlive the handle; the driver's watch stands in
 * while no publisher is heard of. Before the first df_nb_sync().
 */
struct df_feed;
void df_nb_set_feed(struct df_nb *nb, struct df_feed *feed);

/** From now on a publisher of this machine is told of each commit (pubsub/announcer.h); it stays the caller's. */
struct df_announcer;
void df_nb_set_announcer(struct df_nb *nb, struct df_announcer *announcer);

/** The next df_nb_sync() begins with a snapshot. */
void df_nb_resync(struct df_nb *nb);

/**
 * Every object of a table (DF_NB_TABLES: of all tables), bad rows as DF_NB_BAD, in the order of their ids. A handle that
 * follows topics may leave out those that have none of them.
 */
int df_nb_list(struct df_nb *nb, enum df_nb_table table, df_nb_change_cb cb, void *arg, struct df_error *error);

/** See struct df_db_driver. */
int df_nb_lease(struct df_nb *nb, const char *name, const char *owner, unsigned ttl, struct df_error *error);
int df_nb_release(struct df_nb *nb, const char *name, struct df_error *error);
