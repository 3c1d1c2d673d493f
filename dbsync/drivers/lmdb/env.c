/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/lmdb/env.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Address space, not memory or disk: those are used as the data grows. */
#define FIRST_MAP_SIZE ((size_t)64 << 20)
#define MAX_READERS 1024
#define FILE_MODE 0660

static pthread_mutex_t envs_lock = PTHREAD_MUTEX_INITIALIZER;
static struct df_lmdb_env *envs;

/* How many read transactions this thread is in. */
static _Thread_local unsigned reading;

int df_lmdb_error(const char *location, int code, struct df_error *error)
{
    switch (code) {
    case EACCES:
    case EPERM:
        return df_error_set(error, -code, "%s: %s: run as the database's owner or a member of its group", location,
                            strerror(code));
    case MDB_INVALID:
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_PANIC:
        return df_error_set(error, -EBADMSG, "%s: %s: restore it from a dump", location, mdb_strerror(code));
    case MDB_VERSION_MISMATCH:
        return df_error_set(error, -EPROTO, "%s: %s: another liblmdb made it", location, mdb_strerror(code));
    case MDB_READERS_FULL:
        return df_error_set(error, -EUSERS, "%s: more than %d readers at once", location, MAX_READERS);
    default:
        return df_error_set(error, code > 0 ? -code : -EIO, "%s: %s", location, mdb_strerror(code));
    }
}

static int data_file(const char *location, char path[PATH_MAX], struct stat *st)
{
    int n = snprintf(path, PATH_MAX, "%s/data.mdb", location);
    if (n < 0 || n >= PATH_MAX)
        return -ENAMETOOLONG;
    return stat(path, st) ? -errno : 0;
}

static int make_directories(const char *location)
{
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s", location);
    if (n < 0 || (size_t)n >= sizeof path)
        return -ENAMETOOLONG;
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(path, 0755) && errno != EEXIST)
            return -errno;
        *slash = '/';
    }
    return mkdir(path, 0770) && errno != EEXIST ? -errno : 0;
}

static int open_tables(struct df_lmdb_env *env, bool create)
{
    MDB_txn *txn;
    int rc = mdb_txn_begin(env->mdb, NULL, create ? 0 : MDB_RDONLY, &txn);
    if (rc)
        return rc;
    unsigned flags = create ? MDB_CREATE : 0;
    rc = mdb_dbi_open(txn, "rows", flags, &env->rows);
    if (rc == 0)
        rc = mdb_dbi_open(txn, "log", flags, &env->log);
    if (rc == 0)
        return mdb_txn_commit(txn);
    mdb_txn_abort(txn);
    return rc;
}

static int open_files(struct df_lmdb_env *env, const struct df_db_config *config, bool is_new)
{
    int rc = mdb_env_create(&env->mdb);
    if (rc == 0)
        rc = mdb_env_set_maxdbs(env->mdb, 2);
    if (rc == 0)
        rc = mdb_env_set_maxreaders(env->mdb, MAX_READERS);
    if (rc == 0 && is_new)
        rc = mdb_env_set_mapsize(env->mdb, FIRST_MAP_SIZE);
    if (rc == 0)
        rc = mdb_env_open(env->mdb, config->location, MDB_NOTLS, FILE_MODE);
    if (rc == 0)
        rc = mdb_reader_check(env->mdb, NULL);
    if (rc == 0)
        rc = open_tables(env, config->create);
    return rc;
}

static void env_free(struct df_lmdb_env *env)
{
    if (env->mdb)
        mdb_env_close(env->mdb);
    pthread_rwlock_destroy(&env->map_lock);
    free(env->location);
    free(env);
}

static int no_database(const char *location, struct df_error *error)
{
    return df_error_set(error, -ENOENT, "no database in %s: run df-db --db lmdb:%s init", location, location);
}

static int env_new(const struct df_db_config *config, bool is_new, struct df_lmdb_env **result, struct df_error *error)
{
    struct df_lmdb_env *env = calloc(1, sizeof *env);
    if (!env || !(env->location = strdup(config->location))) {
        free(env);
        return df_error_set(error, -ENOMEM, "out of memory");
    }
    pthread_rwlock_init(&env->map_lock, NULL);
    env->process = getpid();

    char path[PATH_MAX];
    struct stat st = {0};
    int rc = open_files(env, config, is_new);
    if (rc == MDB_NOTFOUND)
        rc = no_database(config->location, error);
    else if (rc)
        rc = df_lmdb_error(config->location, rc, error);
    else if ((rc = data_file(config->location, path, &st)))
        rc = df_lmdb_error(config->location, -rc, error);
    if (rc) {
        env_free(env);
        return rc;
    }
    env->device = st.st_dev;
    env->inode = st.st_ino;
    env->next = envs;
    envs = env;
    *result = env;
    return 0;
}

/* A child of fork() must not touch its parent's environment and opens its own. */
static struct df_lmdb_env *env_find(const struct stat *st)
{
    for (struct df_lmdb_env *env = envs; env; env = env->next)
        if (env->device == st->st_dev && env->inode == st->st_ino && env->process == getpid())
            return env;
    return NULL;
}

static int env_get(const struct df_db_config *config, struct df_lmdb_env **env, struct df_error *error)
{
    char path[PATH_MAX];
    struct stat st;
    int rc = config->create ? make_directories(config->location) : 0;
    if (rc)
        return df_lmdb_error(config->location, -rc, error);
    rc = data_file(config->location, path, &st);
    bool is_new = rc == -ENOENT || rc == -ENOTDIR;
    if (is_new && !config->create)
        return no_database(config->location, error);
    if (rc && !is_new)
        return df_lmdb_error(config->location, -rc, error);
    *env = is_new ? NULL : env_find(&st);
    return *env ? 0 : env_new(config, is_new, env, error);
}

int df_lmdb_env_open(const struct df_db_config *config, struct df_lmdb_env **env, struct df_error *error)
{
    pthread_mutex_lock(&envs_lock);
    *env = NULL;
    int rc = env_get(config, env, error);
    if (*env)
        (*env)->handles++;
    pthread_mutex_unlock(&envs_lock);
    return rc;
}

void df_lmdb_env_close(struct df_lmdb_env *env)
{
    pthread_mutex_lock(&envs_lock);
    if (--env->handles == 0) {
        struct df_lmdb_env **at = &envs;
        while (*at != env)
            at = &(*at)->next;
        *at = env->next;
        env_free(env);
    }
    pthread_mutex_unlock(&envs_lock);
}

/* The files may have been removed, or a new database put in their place, under the open environment. */
static int check_files(struct df_lmdb_env *env, struct df_error *error)
{
    char path[PATH_MAX];
    struct stat st;
    int rc = data_file(env->location, path, &st);
    if (rc == 0 && st.st_dev == env->device && st.st_ino == env->inode)
        return 0;
    return df_error_set(error, -ENODEV, "the database in %s was removed or replaced: it must be opened again",
                        env->location);
}

/* Doubles the map, or takes the size that another process has given it. */
static int resize(struct df_lmdb_env *env, bool grow)
{
    if (reading)
        return -EDEADLK;
    pthread_rwlock_wrlock(&env->map_lock);
    MDB_envinfo info;
    int rc = mdb_env_info(env->mdb, &info);
    if (rc == 0)
        rc = mdb_env_set_mapsize(env->mdb, grow ? info.me_mapsize * 2 : 0);
    pthread_rwlock_unlock(&env->map_lock);
    return rc;
}

/* After an attempt failed with code: puts right what can be, and returns 0 when trying again makes sense. */
static int mend(struct df_lmdb_env *env, int code)
{
    int cleared = 0;
    switch (code) {
    case MDB_MAP_RESIZED:
        return resize(env, false);
    case MDB_MAP_FULL:
        mdb_reader_check(env->mdb, NULL);
        return resize(env, true);
    case MDB_READERS_FULL:
        mdb_reader_check(env->mdb, &cleared);
        return cleared ? 0 : code;
    default:
        return code;
    }
}

static int explain(struct df_lmdb_env *env, int code, struct df_error *error)
{
    if (code == -EDEADLK)
        return df_error_set(error, code, "%s: the database must grow, which cannot be while it is being read",
                            env->location);
    bool from_lmdb = code > 0 || code <= MDB_LAST_ERRCODE;
    return from_lmdb ? df_lmdb_error(env->location, code, error) : code;
}

int df_lmdb_read_begin(struct df_lmdb_env *env, MDB_txn **txn, struct df_error *error)
{
    int rc = check_files(env, error);
    if (rc)
        return rc;
    for (;;) {
        pthread_rwlock_rdlock(&env->map_lock);
        rc = mdb_txn_begin(env->mdb, NULL, MDB_RDONLY, txn);
        if (rc == 0) {
            reading++;
            return 0;
        }
        pthread_rwlock_unlock(&env->map_lock);
        rc = mend(env, rc);
        if (rc)
            return explain(env, rc, error);
    }
}

void df_lmdb_read_end(struct df_lmdb_env *env, MDB_txn *txn)
{
    mdb_txn_abort(txn);
    reading--;
    pthread_rwlock_unlock(&env->map_lock);
}

static int write_once(struct df_lmdb_env *env, df_lmdb_body body, void *arg)
{
    MDB_txn *txn;
    int rc = mdb_txn_begin(env->mdb, NULL, 0, &txn);
    if (rc)
        return rc;
    rc = body(txn, arg);
    if (rc == 0)
        return mdb_txn_commit(txn);
    mdb_txn_abort(txn);
    return rc;
}

int df_lmdb_write(struct df_lmdb_env *env, df_lmdb_body body, void *arg, struct df_error *error)
{
    int rc = check_files(env, error);
    while (rc == 0) {
        pthread_rwlock_rdlock(&env->map_lock);
        rc = write_once(env, body, arg);
        pthread_rwlock_unlock(&env->map_lock);
        if (rc == 0)
            return 0;
        rc = mend(env, rc);
        if (rc)
            return explain(env, rc, error);
    }
    return rc;
}
