/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * How a watcher learns of a commit without asking: the writer opens the file `bell` in the database's directory
 * before its transaction and closes it after; watchers poll an inotify descriptor for that close.
 *
 * Watching data.mdb itself loses wake-ups: LMDB writes the meta page, which inotify reports, before it makes the new
 * transaction visible to readers, so a quick watcher looks too early and is not called again. The close of the bell
 * comes after that, and the kernel closes it too when the writer is killed in between.
 */

/** Before a transaction. @return a descriptor, or a negative errno */
int df_lmdb_bell_grip(const char *location);

/** After it. */
void df_lmdb_bell_ring(int bell);

/** A non-blocking inotify descriptor that gets readable when the bell rings, or a negative errno. */
int df_lmdb_bell_watch(const char *location);

/** Forgets the ringing up to now. */
void df_lmdb_bell_quiet(int watch);
