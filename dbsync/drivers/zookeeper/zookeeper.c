/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "dbsync/drivers/drivers.h"
#include "dbsync/drivers/zookeeper/lease.h"
#include "dbsync/drivers/zookeeper/read.h"
#include "dbsync/drivers/zookeeper/watch.h"
#include "dbsync/drivers/zookeeper/write.h"

/* The driver for ZooKeeper. place.h has its nodes, write.h, snapshot.h, watch.h and lease.h how it keeps the contract. */

#define SESSION_MIN_MS 1000

struct df_db {
    struct df_zk zk;
    struct df_zk_watch *watch;
    struct df_zk_lease *leases;
    int bell;
};

static void close_db(struct df_db *db)
{
    df_zk_lease_release_all(&db->zk, &db->leases);
    df_zk_watch_free(db->watch);
    df_zk_session_free(db->zk.session);
    df_zk_place_clear(&db->zk.place);
    free(db->zk.user);
    free(db->zk.password);
    if (db->bell >= 0)
        close(db->bell);
    free(db);
}

static int copy_text(char **to, const char *text, struct df_error *error)
{
    *to = text ? strdup(text) : NULL;
    return text && !*to ? df_zk_no_memory(error) : 0;
}

static int take_config(struct df_zk *zk, const struct df_db_config *config, struct df_error *error)
{
    if (config->ca || config->cert || config->key)
        return df_error_set(error, -ENOTSUP,
                            "zookeeper:%s: the library was built without TLS: put stunnel before the server, and do "
                            "not configure certificates",
                            config->location);
    zk->read_only = config->read_only;
    zk->timeout_ms = config->timeout_ms ? config->timeout_ms : DF_DB_TIMEOUT_MS;
    int rc = df_zk_place_parse(&zk->place, config->location, error);
    if (rc == 0)
        rc = copy_text(&zk->user, config->user, error);
    return rc ? rc : copy_text(&zk->password, config->password, error);
}

/* A silent server is given up after two thirds of the session's time-out; that leaves time for another host. */
static int begin_session(struct df_db *db, struct df_error *error)
{
    struct df_zk *zk = &db->zk;
    struct df_zk_session_config config = {.place = &zk->place, .user = zk->user, .password = zk->password};
    config.session_ms = zk->timeout_ms * 3 / 4 > SESSION_MIN_MS ? zk->timeout_ms * 3 / 4 : SESSION_MIN_MS;
    config.timeout_ms = zk->timeout_ms;
    config.bell = db->bell;
    return df_zk_session_new(&config, &zk->session, error);
}

static int open_db(const struct df_db_config *config, struct df_db **result, struct df_error *error)
{
    struct df_db *db = calloc(1, sizeof *db);
    if (!db)
        return df_zk_no_memory(error);
    db->bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    int rc = db->bell < 0 ? df_error_set(error, -errno, "no descriptor for a database: %s", strerror(errno)) : 0;
    if (rc == 0)
        rc = take_config(&db->zk, config, error);
    if (rc == 0)
        rc = begin_session(db, error);
    if (rc == 0)
        rc = df_zk_watch_new(db->bell, &db->watch, error);
    if (rc == 0)
        rc = config->create ? df_zk_create(&db->zk, error) : df_zk_check(&db->zk, error);
    if (rc)
        close_db(db);
    else
        *result = db;
    return rc;
}

static int snapshot(struct df_db *db, df_db_row_cb cb, void *arg, uint64_t *revision, struct df_error *error)
{
    struct df_zk_snapshot taken;
    int rc = df_zk_snapshot_take(&db->zk, &taken, error);
    if (rc == 0)
        rc = df_rows_tell(&taken.rows, cb, arg);
    if (rc == 0)
        rc = df_zk_watch_start(&db->zk, db->watch, &taken, cb, arg);
    if (rc == 0)
        *revision = taken.end.revision;
    df_zk_snapshot_clear(&taken);
    return rc;
}

static int get(struct df_db *db, const char *table, const char *id, df_db_row_cb cb, void *arg, struct df_error *error)
{
    return df_zk_get_row(&db->zk, table, id, cb, arg, error);
}

static int read_only(const struct df_db *db, struct df_error *error)
{
    return df_error_set(error, -EROFS, "zookeeper:%s was opened for reading only", db->zk.place.text);
}

static int commit(struct df_db *db, const struct df_db_op *ops, size_t n, size_t *failed, uint64_t *revision,
                  struct df_error *error)
{
    return db->zk.read_only ? read_only(db, error) : df_zk_commit(&db->zk, ops, n, failed, revision, error);
}

static int watch_fd(struct df_db *db)
{
    return df_zk_watch_fd(db->watch);
}

static int watch(struct df_db *db, uint64_t *revision, df_db_row_cb cb, void *arg, struct df_error *error)
{
    return df_zk_watch_go(&db->zk, db->watch, revision, cb, arg, error);
}

static int lease(struct df_db *db, const char *name, const char *owner, unsigned ttl, struct df_error *error)
{
    return df_zk_lease_take(&db->zk, &db->leases, name, owner, ttl, error);
}

static int release(struct df_db *db, const char *name, struct df_error *error)
{
    return df_zk_lease_release(&db->zk, &db->leases, name, error);
}

const struct df_db_driver df_db_zookeeper_driver = {
    .name = "zookeeper",
    .summary = "Apache ZooKeeper: host:port,... of its servers, and the root node if it is not /dragonflow",
    .open = open_db,
    .close = close_db,
    .snapshot = snapshot,
    .get = get,
    .commit = commit,
    .watch_fd = watch_fd,
    .watch = watch,
    .lease = lease,
    .release = release,
};
