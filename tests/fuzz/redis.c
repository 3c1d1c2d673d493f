/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dbsync/drivers/redis/greeting.h"
#include "dbsync/drivers/redis/log.h"
#include "dbsync/drivers/redis/scan.h"

/*
 * What a redis server may answer: the first byte says what was asked, the second one in what portions the rest, the
 * answers, comes.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ASKED_LOG, ASKED_PAGE, ASKED_GREETING, ASKED_SENTINEL, ASKED_MOVED, ASKED };

static int read_row(const struct df_db_row *row, void *arg)
{
    size_t *bytes = arg;
    *bytes += strlen(row->table) + strlen(row->id);
    for (size_t i = 0; row->data && i < row->len; i++)
        *bytes += ((const unsigned char *)row->data)[i];
    return 0;
}

/* The batch has the answer from then on. */
static void read_log(redisReply *reply)
{
    struct df_error error;
    struct df_redis_batch *batch;
    uint64_t revision = 1;
    size_t bytes = 0;
    if (df_redis_batch_read(reply, revision, 3, 2, &batch, &error))
        return;
    if (df_redis_batch_tell(batch, &revision, read_row, &bytes) == 0 && revision != df_redis_batch_end(batch))
        abort();
    df_redis_batch_free(batch);
}

static void read_page(const redisReply *reply)
{
    struct df_error error;
    struct df_redis_scan *scan;
    char cursor[24];
    size_t bytes = 0;
    if (df_redis_scan_new(NULL, &scan, &error))
        abort();
    df_redis_scan_page(scan, reply, cursor, &error);
    df_redis_scan_tell(scan, read_row, &bytes);
    df_redis_scan_free(scan);
}

static void read_reply(unsigned asked, unsigned step, redisReply *reply)
{
    struct df_redis_greeting greeting = {0};
    struct df_redis_point point;
    struct df_error error;
    switch (asked) {
    case ASKED_LOG:
        read_log(reply);
        return;
    case ASKED_PAGE:
        read_page(reply);
        break;
    case ASKED_GREETING:
        df_redis_greeting_read(&greeting, step, reply, "x", &error);
        break;
    case ASKED_SENTINEL:
        df_redis_greeting_read_sentinel(&point, step, reply, "x", &error);
        break;
    default:
        if (reply->type == REDIS_REPLY_ERROR)
            df_redis_greeting_read_moved(reply->str, "x", &point);
        break;
    }
    freeReplyObject(reply);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct df_error error;
    redisReply *reply;
    if (size < 2)
        return 0;
    unsigned asked = data[0] % ASKED, step = 0;
    size_t portion = data[1] + 1U;
    struct df_redis_reader *reader = df_redis_reader_new();
    int rc = reader ? -EAGAIN : -ENOMEM;
    for (size_t at = 2; at < size && rc == -EAGAIN; at += portion) {
        size_t n = size - at < portion ? size - at : portion;
        rc = df_redis_reader_feed(reader, (const char *)data + at, n, &error);
        while (rc == 0 && (rc = df_redis_reader_next(reader, &reply, &error)) == 0)
            read_reply(asked, step++, reply);
    }
    df_redis_reader_free(reader);
    return 0;
}
