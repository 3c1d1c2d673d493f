/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/redis/log.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dbsync/drivers/redis/row.h"

enum { KIND_SET = 'S', KIND_DELETE = 'D', KIND_LEFT = 'L', KIND_TAKEOVER = 'T' };

struct change {
    uint64_t revision;
    uint32_t index;
    char kind;
    const char *key, *data; /* point into the answer */
    size_t key_len, data_len;
};

struct df_redis_batch {
    redisReply *reply;
    struct change *changes;
    size_t n, max;
    uint64_t end;
    bool is_cut;
};

/* Little by little, so that a length is never believed before it was compared. */
struct bytes {
    const char *at;
    size_t left;
};

static bool take(struct bytes *bytes, void *to, size_t len)
{
    if (bytes->left < len)
        return false;
    memcpy(to, bytes->at, len);
    bytes->at += len;
    bytes->left -= len;
    return true;
}

static const char *skip(struct bytes *bytes, size_t len)
{
    const char *at = bytes->at;
    if (bytes->left < len)
        return NULL;
    bytes->at += len;
    bytes->left -= len;
    return at;
}

static bool is_sound(const struct change *change)
{
    struct df_redis_row_name name;
    if (change->kind == KIND_TAKEOVER)
        return change->key_len == 0 && change->data_len == sizeof(uint64_t);
    return (change->kind == KIND_SET || change->kind == KIND_DELETE || change->kind == KIND_LEFT) &&
           change->data_len <= DF_REDIS_DATA_MAX && df_redis_row_name(change->key, change->key_len, &name) == 0;
}

static bool take_change(struct bytes *bytes, struct change *change)
{
    uint32_t data_len;
    uint16_t key_len;
    if (!take(bytes, &change->index, sizeof change->index) || !take(bytes, &change->kind, 1) ||
        !take(bytes, &key_len, sizeof key_len) || !take(bytes, &data_len, sizeof data_len))
        return false;
    change->index = be32toh(change->index);
    change->key_len = be16toh(key_len);
    change->data_len = be32toh(data_len);
    change->key = skip(bytes, change->key_len);
    change->data = change->key ? skip(bytes, change->data_len) : NULL;
    return change->data && is_sound(change);
}

static struct change *add(struct df_redis_batch *batch)
{
    if (batch->n == batch->max) {
        size_t max = batch->max ? batch->max * 2 : 16;
        struct change *changes = realloc(batch->changes, max * sizeof *changes);
        if (!changes)
            return NULL;
        batch->changes = changes;
        batch->max = max;
    }
    return &batch->changes[batch->n++];
}

/* An entry: its id and a list of one field and its value. */
static int read_entry(struct df_redis_batch *batch, const redisReply *entry, uint64_t *revision)
{
    if (!df_redis_is_list(entry, 2) || !df_redis_is_text(entry->element[0]) ||
        !df_redis_is_list(entry->element[1], 2) || !df_redis_is_text(entry->element[1]->element[1]))
        return -EPROTO;
    char *end;
    errno = 0;
    *revision = strtoull(entry->element[0]->str, &end, 10);
    if (errno || strcmp(end, "-0") != 0)
        return -EPROTO;
    const redisReply *value = entry->element[1]->element[1];
    struct bytes bytes = {value->str, value->len};
    while (bytes.left) {
        struct change *change = add(batch);
        if (!change)
            return -ENOMEM;
        if (!take_change(&bytes, change))
            return -EPROTO;
        change->revision = *revision;
    }
    return 0;
}

/* A stream: its name and a list of entries, oldest first. *last is the last one's revision. */
static int read_stream(struct df_redis_batch *batch, const redisReply *stream, uint64_t after, size_t count,
                       uint64_t *last)
{
    uint64_t revision;
    if (!df_redis_is_list(stream, 2) || !df_redis_is_list(stream->element[1], 1))
        return -EPROTO;
    const redisReply *entries = stream->element[1];
    *last = after;
    for (size_t i = 0; i < entries->elements; i++) {
        int rc = read_entry(batch, entries->element[i], &revision);
        if (rc)
            return rc;
        if (revision <= *last)
            return -EPROTO;
        *last = revision;
    }
    if (entries->elements >= count && (!batch->is_cut || *last < batch->end)) {
        batch->is_cut = true;
        batch->end = *last;
    }
    return 0;
}

static int read_streams(struct df_redis_batch *batch, uint64_t after, uint64_t complete, size_t count)
{
    const redisReply *reply = batch->reply;
    uint64_t newest = complete > after ? complete : after;
    if (reply->type != REDIS_REPLY_NIL && reply->type != REDIS_REPLY_ARRAY)
        return -EPROTO;
    for (size_t i = 0; i < reply->elements; i++) {
        uint64_t last;
        int rc = read_stream(batch, reply->element[i], after, count, &last);
        if (rc)
            return rc;
        if (last > newest)
            newest = last;
    }
    if (!batch->is_cut)
        batch->end = newest;
    return 0;
}

/* By time; of what several streams say of a row, the most that is known comes first. */
static int compare(const void *a, const void *b)
{
    const struct change *x = a, *y = b;
    if (x->revision != y->revision)
        return x->revision < y->revision ? -1 : 1;
    if (x->index != y->index)
        return x->index < y->index ? -1 : 1;
    return (x->kind == KIND_LEFT) - (y->kind == KIND_LEFT);
}

static bool is_same_row(const struct change *x, const struct change *y)
{
    return x->revision == y->revision && x->index == y->index;
}

static void settle(struct df_redis_batch *batch)
{
    size_t kept = 0;
    if (batch->n)
        qsort(batch->changes, batch->n, sizeof batch->changes[0], compare);
    for (size_t i = 0; i < batch->n; i++) {
        const struct change *change = &batch->changes[i];
        if (change->revision > batch->end)
            break;
        if (kept == 0 || !is_same_row(change, &batch->changes[kept - 1]))
            batch->changes[kept++] = *change;
    }
    batch->n = kept;
}

int df_redis_batch_read(redisReply *reply, uint64_t after, uint64_t complete, size_t count,
                        struct df_redis_batch **batch, struct df_error *error)
{
    struct df_redis_batch *new = calloc(1, sizeof *new);
    if (!new) {
        freeReplyObject(reply);
        return df_error_set(error, -ENOMEM, "out of memory");
    }
    new->reply = reply;
    int rc = read_streams(new, after, complete, count);
    if (rc) {
        df_redis_batch_free(new);
        return df_error_set(error, rc, rc == -ENOMEM ? "out of memory" : "redis: the change log is garbled");
    }
    settle(new);
    *batch = new;
    return 0;
}

void df_redis_batch_free(struct df_redis_batch *batch)
{
    if (!batch)
        return;
    freeReplyObject(batch->reply);
    free(batch->changes);
    free(batch);
}

uint64_t df_redis_batch_end(const struct df_redis_batch *batch)
{
    return batch->end;
}

bool df_redis_batch_is_cut(const struct df_redis_batch *batch)
{
    return batch->is_cut;
}

static int tell(const struct change *change, uint64_t seen, df_db_row_cb cb, void *arg)
{
    struct df_redis_row_name name;
    struct df_db_row row = {.revision = change->revision};
    if (change->kind == KIND_TAKEOVER) {
        uint64_t known;
        memcpy(&known, change->data, sizeof known);
        return be64toh(known) < seen ? -ESTALE : 0;
    }
    int rc = df_redis_row_name(change->key, change->key_len, &name);
    if (rc)
        return rc;
    row.table = name.table;
    row.id = name.id;
    if (change->kind == KIND_SET) {
        row.data = change->data;
        row.len = change->data_len;
    }
    return cb(&row, arg);
}

int df_redis_batch_tell(const struct df_redis_batch *batch, uint64_t *revision, df_db_row_cb cb, void *arg)
{
    uint64_t seen = *revision;
    for (size_t i = 0; i < batch->n; i++) {
        const struct change *change = &batch->changes[i];
        if (change->revision <= seen)
            continue;
        if (i && change->revision != batch->changes[i - 1].revision && batch->changes[i - 1].revision > seen)
            *revision = batch->changes[i - 1].revision;
        int rc = tell(change, *revision, cb, arg);
        if (rc)
            return rc;
    }
    if (batch->end > *revision)
        *revision = batch->end;
    return 0;
}
