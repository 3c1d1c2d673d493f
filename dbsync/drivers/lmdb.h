/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "dbsync/driver.h"

/*
 * The embedded database: an LMDB environment in a directory, shared by any number of processes of one host.
 *
 *   data.mdb, lock.mdb   LMDB's own
 *   bell                 rung by every writer, see lmdb_bell.h
 *   leases/NAME          locked by who holds the lease, see lmdb_lease.h
 *
 * A reader works on the version that was current when it began and neither waits for a writer nor holds one up. A
 * commit is on disk when it returns (LMDB's default: the northbound model is the truth of the network, its writes are
 * few, and a load packs thousands of rows into one commit). A process killed at any moment leaves either the whole
 * transaction or none: pages are copied on write, the lock is a robust mutex, a dead reader's slot is cleared by the
 * next one who needs it.
 */
extern const struct df_db_driver df_db_lmdb_driver;
