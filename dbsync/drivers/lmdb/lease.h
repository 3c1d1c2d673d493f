/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "dbsync/error.h"

/*
 * A lease is a lock (flock) on the file leases/NAME, so the kernel gives it up in the moment its holder dies, and a
 * time to live is not needed. The file's text says who holds it. The row that tells of it is lmdb.c's: it is written
 * and deleted by who has the lock.
 *
 * Who wants a lease and who looks for the dead, which locks their files for a moment, go through one door, also a lock:
 * so a lock on a file that cannot be had is a holder's.
 */

struct df_lmdb_lease; /* a list of those that a handle holds; NULL is the empty list */

/** *taken: it was not held before. */
int df_lmdb_lease_take(struct df_lmdb_lease **held, const char *location, const char *name, const char *owner,
                       bool *taken, struct df_error *error);
/** The name of one that is held, or NULL. */
const char *df_lmdb_lease_first(const struct df_lmdb_lease *held);
bool df_lmdb_lease_is_held(struct df_lmdb_lease *held, const char *name);
/** Locks the door: a descriptor to close, or a negative errno; without patience -EWOULDBLOCK: somebody is in it. */
int df_lmdb_lease_door(const char *location, bool patient);
/** Locks one that nobody holds: a descriptor to close, or a negative errno. In the door. */
int df_lmdb_lease_lock_free(const char *location, const char *name);
int df_lmdb_lease_release(struct df_lmdb_lease **held, const char *name, struct df_error *error);
