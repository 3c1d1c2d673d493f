/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "dbsync/error.h"

/*
 * A lease is a lock (flock) on the file leases/NAME, so the kernel gives it up in the moment its holder dies, and a
 * time to live is not needed. The file's text says who holds it.
 */

struct df_lmdb_lease; /* a list of those that a handle holds; NULL is the empty list */

int df_lmdb_lease_take(struct df_lmdb_lease **held, const char *location, const char *name, const char *owner,
                       struct df_error *error);
int df_lmdb_lease_release(struct df_lmdb_lease **held, const char *name, struct df_error *error);
void df_lmdb_lease_release_all(struct df_lmdb_lease **held);
