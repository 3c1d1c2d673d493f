/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <lmdb.h>
#include <pthread.h>
#include <sys/types.h>

#include "dbsync/driver.h"

/*
 * An LMDB environment as handles share it. LMDB forbids to open one twice in a process (closing the second would drop
 * the first one's file locks), so a directory's environment is opened once and counted.
 *
 * LMDB's map has a fixed size that may only change while the process has no transaction. Transactions hold map_lock
 * for reading, growing holds it for writing; when the map is full, df_lmdb_write() grows it and starts over.
 */

struct df_lmdb_env {
    MDB_env *mdb;
    MDB_dbi rows; /* "table/id" -> revision, data */
    MDB_dbi log;  /* see log.h */
    char *location;
    pthread_rwlock_t map_lock;
    unsigned handles;
    dev_t device;
    ino_t inode; /* of data.mdb */
    pid_t process;
    struct df_lmdb_env *next;
};

int df_lmdb_env_open(const struct df_db_config *config, struct df_lmdb_env **env, struct df_error *error);
void df_lmdb_env_close(struct df_lmdb_env *env);

/** Begins a read transaction; end it with df_lmdb_read_end(). */
int df_lmdb_read_begin(struct df_lmdb_env *env, MDB_txn **txn, struct df_error *error);
void df_lmdb_read_end(struct df_lmdb_env *env, MDB_txn *txn);

/* Returns 0 to commit; an LMDB code or a negative errno to abort. It is run again after the map has grown. */
typedef int (*df_lmdb_body)(MDB_txn *txn, void *arg);

/**
 * Runs body in a write transaction. A negative errno of body comes back as it is, without a message.
 * -EDEADLK: the map must grow, but this thread is reading (it writes from within a callback).
 */
int df_lmdb_write(struct df_lmdb_env *env, df_lmdb_body body, void *arg, struct df_error *error);

/** Turns an LMDB code (not 0) into a negative errno with a message. */
int df_lmdb_error(const char *location, int code, struct df_error *error);
