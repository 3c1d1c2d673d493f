/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * Watches: who is to be called again when a thing changes.
 *
 * Invariant: a watcher is in its queue at most once, and it is in it whenever a thing that it watches was fired after
 * the watcher was last taken out. Both ends are intrusive lists: setting a watch is O(1), firing a thing is O(its
 * watches), renewing a watcher is O(its watches), and no thing is searched for.
 *
 * A watcher renews all of its watches at once: what it watched before df_watcher_renew() holds until
 * df_watches_drop(), so that a thing which is only there because it is watched survives in between.
 */

struct df_object;
struct df_watcher;

struct df_watch {
    struct df_watch *next;  /* on the same thing */
    struct df_watch **link; /* what points to this one */
    struct df_watch *sibling;
    struct df_watcher *watcher; /* NULL: being replaced */
    struct df_object *object;   /* that the thing belongs to; may go with its last watch; NULL: it stays by itself */
};

/* A thing: one aspect of an object. */
struct df_watched {
    struct df_watch *first;
};

struct df_due {
    struct df_watcher *first, *last;
    size_t n;
};

struct df_watcher {
    struct df_watch *watches;
    struct df_watcher *next_due;
    struct df_due *queue;
    bool due;
};

/** Sets a watch unless the watcher set one on this thing since df_watcher_renew(). */
void df_watch(struct df_watched *thing, struct df_watcher *watcher, struct df_object *object);

/** Takes the watcher's watches away from it, for df_watches_drop(). */
struct df_watch *df_watcher_renew(struct df_watcher *watcher);

/** Unlinks and frees what df_watcher_renew() returned; objects that nobody needs any more go. */
void df_watches_drop(struct df_watch *watches);

/** Puts every watcher of the thing into its queue. */
void df_watched_fire(struct df_watched *thing);

/** Puts one watcher into its queue. */
void df_watcher_due(struct df_watcher *watcher);

/** Takes the first out of the queue, or NULL. */
struct df_watcher *df_due_take(struct df_due *due);
