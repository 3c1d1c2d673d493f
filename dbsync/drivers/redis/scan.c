/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/redis/scan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "dbsync/drivers/redis/log.h"
#include "dbsync/drivers/redis/redis.h"

/* A page should be about this large, so that the server is not busy with it for long. */
#define PAGE_BYTES ((size_t)1 << 20)
#define PAGE_ROWS_FIRST 64
#define PAGE_ROWS_MAX 2000
#define ATTEMPTS 3

struct row {
    UT_hash_handle hh;
    uint64_t revision;
    size_t key_len, len;
    char bytes[]; /* key, data */
};

struct df_redis_scan {
    struct df_db *db;
    struct row *rows; /* by key */
    size_t page_bytes;
};

int df_redis_scan_new(struct df_db *db, struct df_redis_scan **scan, struct df_error *error)
{
    *scan = calloc(1, sizeof **scan);
    if (!*scan)
        return df_error_set(error, -ENOMEM, "out of memory");
    (*scan)->db = db;
    return 0;
}

static void forget(struct df_redis_scan *scan)
{
    struct row *row, *next;
    HASH_ITER(hh, scan->rows, row, next) {
        HASH_DEL(scan->rows, row);
        free(row);
    }
}

void df_redis_scan_free(struct df_redis_scan *scan)
{
    if (!scan)
        return;
    forget(scan);
    free(scan);
}

static void drop(struct df_redis_scan *scan, const char *key, size_t key_len)
{
    struct row *row;
    HASH_FIND(hh, scan->rows, key, key_len, row);
    if (!row)
        return;
    HASH_DEL(scan->rows, row);
    free(row);
}

static int keep(struct df_redis_scan *scan, const char *key, size_t key_len, uint64_t revision, const char *data,
                size_t len)
{
    struct row *row = malloc(sizeof *row + key_len + len);
    if (!row)
        return -ENOMEM;
    drop(scan, key, key_len);
    row->revision = revision;
    row->key_len = key_len;
    row->len = len;
    memcpy(row->bytes, key, key_len);
    if (len)
        memcpy(row->bytes + key_len, data, len);
    HASH_ADD_KEYPTR(hh, scan->rows, row->bytes, key_len, row);
    return 0;
}

static int read_pair(struct df_redis_scan *scan, const redisReply *key, const redisReply *value)
{
    struct df_redis_row_name name;
    uint64_t revision;
    const char *data;
    size_t len;
    if (!df_redis_is_text(key) || !df_redis_is_text(value))
        return -EPROTO;
    int rc = df_redis_row_name(key->str, key->len, &name);
    if (rc == 0)
        rc = df_redis_row_value(value->str, value->len, &revision, &data, &len);
    if (rc)
        return rc;
    scan->page_bytes += key->len + value->len;
    return keep(scan, key->str, key->len, revision, data, len);
}

static int read_page(struct df_redis_scan *scan, const redisReply *reply, char cursor[24])
{
    if (!df_redis_is_list(reply, 2) || !df_redis_is_text(reply->element[0]) || reply->element[0]->len >= 24 ||
        !df_redis_is_list(reply->element[1], 0) || reply->element[1]->elements % 2)
        return -EPROTO;
    const redisReply *pairs = reply->element[1];
    int rc = 0;
    scan->page_bytes = 0;
    for (size_t i = 0; rc == 0 && i < pairs->elements; i += 2)
        rc = read_pair(scan, pairs->element[i], pairs->element[i + 1]);
    memcpy(cursor, reply->element[0]->str, reply->element[0]->len + 1);
    return rc;
}

int df_redis_scan_page(struct df_redis_scan *scan, const redisReply *reply, char cursor[24], struct df_error *error)
{
    int rc = read_page(scan, reply, cursor);
    if (rc == -ENOMEM)
        return df_error_set(error, rc, "out of memory");
    return rc ? df_error_set(error, rc, "redis: a row is garbled: restore the database from a dump") : 0;
}

static int ask_page(struct df_redis_scan *scan, const char *topic, char cursor[24], unsigned rows,
                    struct df_error *error)
{
    struct df_redis_command command = {0};
    redisReply *reply;
    char count[12];
    snprintf(count, sizeof count, "%u", rows);
    if (topic) {
        df_redis_command_script(&command, DF_REDIS_PAGE, scan->db->history);
        df_redis_command_words(&command, topic, cursor, count, NULL);
    } else {
        df_redis_command_words(&command, "HSCAN", DF_REDIS_ROWS, cursor, "COUNT", count, NULL);
    }
    int rc = df_redis_call(scan->db->link, &command, 1, DF_REDIS_REPEAT, &reply, error);
    df_redis_command_clear(&command);
    if (rc)
        return rc;
    rc = df_redis_scan_page(scan, reply, cursor, error);
    freeReplyObject(reply);
    return rc;
}

int df_redis_scan_rows(struct df_redis_scan *scan, const char *topic, struct df_error *error)
{
    char cursor[24] = "0";
    unsigned rows = PAGE_ROWS_FIRST;
    int rc;
    do {
        rc = ask_page(scan, topic, cursor, rows, error);
        if (scan->page_bytes < PAGE_BYTES / 2 && rows < PAGE_ROWS_MAX)
            rows *= 2;
        else if (scan->page_bytes > PAGE_BYTES && rows > 1)
            rows /= 2;
    } while (rc == 0 && strcmp(cursor, "0") != 0);
    return rc;
}

int df_redis_scan_tell(const struct df_redis_scan *scan, df_db_row_cb cb, void *arg)
{
    struct row *at, *next;
    struct df_redis_row_name name;
    HASH_ITER(hh, scan->rows, at, next) {
        if (df_redis_row_name(at->bytes, at->key_len, &name))
            return -EPROTO;
        struct df_db_row row = {.table = name.table,
                                .id = name.id,
                                .data = at->bytes + at->key_len,
                                .len = at->len,
                                .revision = at->revision};
        int rc = cb(&row, arg);
        if (rc)
            return rc;
    }
    return 0;
}

/* The log on top. */

static int apply(const struct df_db_row *row, void *arg)
{
    struct df_redis_scan *scan = arg;
    char key[DF_REDIS_KEY_MAX + 1];
    size_t key_len = df_redis_row_key(row->table, row->id, key);
    if (row->data)
        return keep(scan, key, key_len, row->revision, row->data, row->len);
    drop(scan, key, key_len);
    return 0;
}

struct glance {
    uint64_t revision, floor;
};

static int read_glance(struct df_db *db, const redisReply *reply, struct glance *glance, struct df_error *error)
{
    const char *outcome;
    int rc = df_redis_outcome(db, reply, &outcome, error);
    if (rc)
        return rc;
    if (!df_redis_is_list(reply, 3) || df_redis_number(reply->element[1], &glance->revision) ||
        df_redis_number(reply->element[2], &glance->floor))
        return df_error_set(error, -EPROTO, "redis: its state is garbled");
    return 0;
}

static void add_glance(struct df_db *db, struct df_redis_command *command)
{
    df_redis_command_script(command, DF_REDIS_GLANCE, db->history);
    df_redis_command_word(command, "look");
}

static int look(struct df_db *db, struct glance *glance, struct df_error *error)
{
    struct df_redis_command command = {0};
    redisReply *reply;
    add_glance(db, &command);
    int rc = df_redis_call(db->link, &command, 1, DF_REDIS_REPEAT, &reply, error);
    df_redis_command_clear(&command);
    if (rc)
        return rc;
    rc = read_glance(db, reply, glance, error);
    freeReplyObject(reply);
    return rc;
}

/* Asks for the log after revision; *end: all of it was there. */
static int read_log(struct df_redis_scan *scan, uint64_t *revision, bool *end, struct df_error *error)
{
    struct df_db *db = scan->db;
    struct df_redis_command commands[3] = {0};
    struct df_redis_batch *batch;
    struct glance before, after;
    redisReply *replies[3];
    char from[24], count[12];
    unsigned n = df_redis_view_count(&db->view);
    snprintf(from, sizeof from, "%" PRIu64, *revision);
    snprintf(count, sizeof count, "%u", n);
    add_glance(db, &commands[0]);
    df_redis_command_words(&commands[1], "XREAD", "COUNT", count, NULL);
    df_redis_view_streams(&db->view, &commands[1], from);
    add_glance(db, &commands[2]);
    int rc = df_redis_call(db->link, commands, 3, DF_REDIS_REPEAT, replies, error);
    for (unsigned i = 0; i < 3; i++)
        df_redis_command_clear(&commands[i]);
    if (rc)
        return rc;
    rc = read_glance(db, replies[0], &before, error);
    if (rc == 0)
        rc = read_glance(db, replies[2], &after, error);
    if (rc == 0 && (after.floor > *revision || before.revision < *revision))
        rc = -ESTALE;
    if (rc == 0) {
        rc = df_redis_batch_read(replies[1], *revision, before.revision, n, &batch, error);
        replies[1] = NULL;
    }
    if (rc == 0) {
        *end = !df_redis_batch_is_cut(batch);
        rc = df_redis_batch_tell(batch, revision, apply, scan);
        df_redis_batch_free(batch);
    }
    df_redis_replies_free(replies, 3);
    return rc == -ENOMEM ? df_error_set(error, rc, "out of memory") : rc;
}

static int collect(struct df_redis_scan *scan, uint64_t *revision, struct df_error *error)
{
    struct df_db *db = scan->db;
    struct glance glance;
    bool end = false;
    int rc = look(db, &glance, error);
    if (rc == 0 && !db->view.is_partial)
        rc = df_redis_scan_rows(scan, NULL, error);
    for (size_t i = 0; rc == 0 && i < db->view.n; i++)
        rc = df_redis_scan_rows(scan, df_redis_view_topic(&db->view, i), error);
    *revision = glance.revision;
    while (rc == 0 && !end)
        rc = read_log(scan, revision, &end, error);
    return rc;
}

int df_redis_snapshot(struct df_db *db, df_db_row_cb cb, void *arg, uint64_t *revision, struct df_error *error)
{
    struct df_redis_scan *scan;
    uint64_t at = 0;
    int rc = df_redis_scan_new(db, &scan, error);
    if (rc)
        return rc;
    rc = -ESTALE;
    for (unsigned i = 0; rc == -ESTALE && i < ATTEMPTS; i++) {
        forget(scan);
        rc = collect(scan, &at, error);
    }
    if (rc == -ESTALE)
        rc = df_error_set(error, -ETIMEDOUT, "redis: the database changes faster than it can be read");
    if (rc == 0)
        rc = df_redis_scan_tell(scan, cb, arg);
    if (rc == 0)
        *revision = at;
    df_redis_scan_free(scan);
    return rc;
}
