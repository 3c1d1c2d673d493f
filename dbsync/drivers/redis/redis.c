/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/redis/redis.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dbsync/drivers/drivers.h"
#include "dbsync/drivers/redis/commit.h"
#include "dbsync/net/tls.h"
#include "dbsync/drivers/redis/watch.h"

/*
 * A redis server, or several by Sentinel or Cluster. Every write is one script, which redis runs alone and whole: it
 * checks what is demanded, takes the next revision, writes the rows and appends to the change log. row.h says what lies
 * where, common.lua how it is written. Reads and writes have one connection, the watch has another one.
 *
 * A server that is started again, or takes over, may lack what the one before had acknowledged. It is recognized by its
 * run id, before the first write to it: revisions then jump, and the log says so, so nobody mistakes a new revision for
 * a lost one.
 */

static void close_db(struct df_db *db)
{
    if (db->link)
        df_redis_lease_release_all(db);
    df_redis_watch_free(db->watch);
    df_redis_link_free(db->link);
    df_redis_view_clear(&db->view);
    SSL_CTX_free(db->access.tls);
    free(db);
}

static int make_history(char history[DF_REDIS_SHA_LEN + 1], struct df_error *error)
{
    unsigned char bytes[DF_REDIS_SHA_LEN / 2];
    if (RAND_bytes(bytes, sizeof bytes) != 1)
        return df_error_set(error, -EIO, "there is no random number to be had");
    for (size_t i = 0; i < sizeof bytes; i++)
        snprintf(history + 2 * i, 3, "%02x", bytes[i]);
    return 0;
}

static int create(struct df_db *db, struct df_error *error)
{
    const struct df_redis_command nothing = {0};
    char history[DF_REDIS_SHA_LEN + 1];
    int rc = make_history(history, error);
    if (rc)
        return rc;
    rc = df_redis_write(db, DF_REDIS_INIT, history, &nothing, NULL, NULL, error);
    df_redis_link_drop(db->link); /* the next greeting shows it */
    return rc;
}

static int find_database(struct df_db *db, struct df_error *error)
{
    int rc = df_redis_call_ready(db->link, error);
    if (rc == 0 && !df_redis_link_greeting(db->link)->has_database && db->config.create) {
        rc = create(db, error);
        if (rc == 0)
            rc = df_redis_call_ready(db->link, error);
    }
    if (rc)
        return rc;
    const struct df_redis_greeting *greeting = df_redis_link_greeting(db->link);
    if (!greeting->has_database)
        return df_error_set(error, -ENOENT, "no database in redis at %s: run df-db --db redis:%s init",
                            df_redis_link_name(db->link), db->config.location);
    memcpy(db->history, greeting->history, sizeof db->history);
    db->replicas = greeting->replicas;
    return 0;
}

static int connect_db(struct df_db *db, struct df_error *error)
{
    int rc = df_redis_place_parse(db->config.location, &db->place, error);
    if (rc == 0 && db->config.user && !db->config.password)
        rc = df_error_set(error, -EINVAL, "redis: user '%s' has no password", db->config.user);
    if (rc == 0)
        rc = df_tls_new(&db->config, "redis", &db->access.tls, error);
    if (rc)
        return rc;
    db->access.place = &db->place;
    db->access.config = &db->config;
    db->access.timeout_ms = db->config.timeout_ms ? db->config.timeout_ms : DF_DB_TIMEOUT_MS;
    db->link = df_redis_link_new(&db->access, -1);
    if (!db->link)
        return df_error_set(error, -ENOMEM, "out of memory");
    return find_database(db, error);
}

static int open_db(const struct df_db_config *config, struct df_db **db, struct df_error *error)
{
    struct df_db *new = calloc(1, sizeof *new);
    if (!new)
        return df_error_set(error, -ENOMEM, "out of memory");
    new->config = *config;
    int rc = connect_db(new, error);
    if (rc)
        close_db(new);
    else
        *db = new;
    return rc;
}

static int removed(struct df_db *db, struct df_error *error)
{
    return df_error_set(error, -ENODEV, "the database in redis at %s was removed or replaced: it must be opened again",
                        db->config.location);
}

int df_redis_outcome(struct df_db *db, const redisReply *reply, const char **outcome, struct df_error *error)
{
    if (!df_redis_is_list(reply, 1) || !df_redis_is_text(reply->element[0]))
        return df_error_set(error, -EPROTO, "redis at %s: a script answers what it cannot", db->config.location);
    *outcome = reply->element[0]->str;
    return strcmp(*outcome, "unknown") == 0 ? removed(db, error) : 0;
}

static int snapshot(struct df_db *db, df_db_row_cb cb, void *arg, uint64_t *revision, struct df_error *error)
{
    int rc = df_redis_snapshot(db, cb, arg, revision, error);
    if (rc == 0 && db->watch)
        df_redis_watch_settle(db->watch, *revision);
    return rc;
}

static int tell_row(struct df_db *db, const char *table, const char *id, redisReply **replies, df_db_row_cb cb,
                    void *arg, struct df_error *error)
{
    struct df_db_row row = {.table = table, .id = id};
    const char *data;
    const redisReply *value = replies[1];
    if (!df_redis_is_text(replies[0]) || strcmp(replies[0]->str, db->history) != 0)
        return removed(db, error);
    if (value->type == REDIS_REPLY_NIL)
        return df_error_set(error, -ENOENT, "%s '%s' does not exist", table, id);
    if (!df_redis_is_text(value) || df_redis_row_value(value->str, value->len, &row.revision, &data, &row.len))
        return df_error_set(error, -EPROTO, "redis: %s '%s' is garbled: restore the database from a dump", table, id);
    row.data = data;
    return cb(&row, arg);
}

static int get(struct df_db *db, const char *table, const char *id, df_db_row_cb cb, void *arg, struct df_error *error)
{
    struct df_redis_command commands[2] = {0};
    redisReply *replies[2];
    char key[DF_REDIS_KEY_MAX + 1];
    size_t len = df_redis_row_key(table, id, key);
    if (len == 0)
        return df_error_set(error, -ENOENT, "%s '%s' does not exist", table, id);
    df_redis_command_words(&commands[0], "HGET", DF_REDIS_META, "history", NULL);
    df_redis_command_words(&commands[1], "HGET", DF_REDIS_ROWS, NULL);
    df_redis_command_add(&commands[1], key, len);
    int rc = df_redis_call(db->link, commands, 2, DF_REDIS_REPEAT, replies, error);
    df_redis_command_clear(&commands[0]);
    df_redis_command_clear(&commands[1]);
    if (rc)
        return rc;
    rc = tell_row(db, table, id, replies, cb, arg, error);
    df_redis_replies_free(replies, 2);
    return rc;
}

static int need_watch(struct df_db *db)
{
    return db->watch ? 0 : df_redis_watch_new(db, &db->watch);
}

static int watch_fd(struct df_db *db)
{
    int rc = need_watch(db);
    return rc ? rc : df_redis_watch_fd(db->watch);
}

static int watch(struct df_db *db, uint64_t *revision, df_db_row_cb cb, void *arg, struct df_error *error)
{
    int rc = need_watch(db);
    if (rc)
        return df_error_set(error, rc, "redis: a watch cannot be set up: %s", strerror(-rc));
    return df_redis_watch_go_on(db->watch, revision, cb, arg, error);
}

const struct df_db_driver df_db_redis_driver = {
    .name = "redis",
    .summary = "redis 7: one server, Sentinel or Cluster",
    .max_ops = DF_REDIS_OPS_MAX,
    .open = open_db,
    .close = close_db,
    .snapshot = snapshot,
    .get = get,
    .commit = df_redis_commit,
    .watch_fd = watch_fd,
    .watch = watch,
    .follow = df_redis_follow,
    .lease = df_redis_lease_take,
    .release = df_redis_lease_release,
};
