/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/redis/reply.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct df_redis_reader {
    redisReader *parser;
    redisReplyObjectFunctions functions; /* the parser's own, but for lists */
    void *(*create_list)(const redisReadTask *task, int n);
    size_t bytes, elements; /* of the answer that is being read */
    bool too_many;
};

/* The parser would make a list as long as the server says it is, before any of it has come. */
static void *create_list(const redisReadTask *task, int n)
{
    struct df_redis_reader *reader = task->privdata;
    if (n < 0 || (size_t)n > DF_REDIS_ELEMENTS_MAX - reader->elements) {
        reader->too_many = true;
        return NULL;
    }
    reader->elements += (size_t)n;
    return reader->create_list(task, n);
}

struct df_redis_reader *df_redis_reader_new(void)
{
    struct df_redis_reader *reader = calloc(1, sizeof *reader);
    if (!reader)
        return NULL;
    reader->parser = redisReaderCreate();
    if (!reader->parser) {
        free(reader);
        return NULL;
    }
    reader->functions = *reader->parser->fn;
    reader->create_list = reader->functions.createArray;
    reader->functions.createArray = create_list;
    reader->parser->fn = &reader->functions;
    reader->parser->privdata = reader;
    return reader;
}

void df_redis_reader_free(struct df_redis_reader *reader)
{
    if (!reader)
        return;
    redisReaderFree(reader->parser);
    free(reader);
}

int df_redis_reader_feed(struct df_redis_reader *reader, const char *data, size_t len, struct df_error *error)
{
    reader->bytes += len;
    if (reader->bytes > DF_REDIS_REPLY_MAX)
        return df_error_set(error, -EPROTO, "redis answered with more than %zu bytes at once", DF_REDIS_REPLY_MAX);
    if (redisReaderFeed(reader->parser, data, len) != REDIS_OK)
        return df_error_set(error, -ENOMEM, "out of memory");
    return 0;
}

int df_redis_reader_next(struct df_redis_reader *reader, redisReply **reply, struct df_error *error)
{
    void *got = NULL;
    if (redisReaderGetReply(reader->parser, &got) != REDIS_OK) {
        if (reader->too_many)
            return df_error_set(error, -EPROTO, "redis answered with more than %zu elements", DF_REDIS_ELEMENTS_MAX);
        if (reader->parser->err == REDIS_ERR_OOM)
            return df_error_set(error, -ENOMEM, "out of memory");
        return df_error_set(error, -EPROTO, "this is no redis: %s", reader->parser->errstr);
    }
    if (!got)
        return -EAGAIN;
    reader->bytes = reader->parser->len - reader->parser->pos;
    reader->elements = 0;
    *reply = got;
    return 0;
}

bool df_redis_is_text(const redisReply *reply)
{
    return reply && reply->type == REDIS_REPLY_STRING;
}

bool df_redis_is_list(const redisReply *reply, size_t n)
{
    return reply && reply->type == REDIS_REPLY_ARRAY && reply->elements >= n;
}

int df_redis_number(const redisReply *reply, uint64_t *number)
{
    if (reply && reply->type == REDIS_REPLY_INTEGER && reply->integer >= 0) {
        *number = (uint64_t)reply->integer;
        return 0;
    }
    if (!df_redis_is_text(reply) || !isdigit((unsigned char)reply->str[0]))
        return -EPROTO;
    char *end;
    errno = 0;
    *number = strtoumax(reply->str, &end, 10);
    return errno || end != reply->str + reply->len ? -EPROTO : 0;
}
