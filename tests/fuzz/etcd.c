/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "dbsync/drivers/etcd/decode.h"
#include "dbsync/drivers/etcd/frame.h"
#include "dbsync/drivers/etcd/note.h"
#include "dbsync/drivers/etcd/queue.h"
#include "dbsync/drivers/etcd/status.h"

/*
 * What etcd answers: the first byte says what it is an answer to. What is told of must be made of names and data that
 * are in bounds, and a key that was understood must be made again as it was.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int look_at(const struct df_etcd_row *row, void *arg)
{
    struct df_etcd_key key;
    uint64_t *sum = arg;
    if (row->is_note) {
        *sum += df_etcd_note_has(row->data, row->len, *sum);
        return 0;
    }
    if (df_etcd_key_make(&key, row->name.place, row->name.topic, row->name.table, row->name.id))
        abort();
    for (size_t i = 0; i < row->len; i++)
        *sum += row->data[i];
    return 0;
}

static int look_at_news(const struct df_etcd_news *news, void *arg)
{
    *(uint64_t *)arg += news->revision;
    return 0;
}

struct stream {
    struct df_etcd_queue queue;
    uint64_t sum;
};

static int keep(const struct df_etcd_row *row, void *arg)
{
    struct stream *stream = arg;
    return df_etcd_queue_add(&stream->queue, row, 1);
}

static int skip(const struct df_etcd_news *news, void *arg)
{
    (void)news;
    (void)arg;
    return 0;
}

static int take_news(const uint8_t *data, size_t len, void *arg)
{
    struct df_etcd_news news;
    return df_etcd_decode_news(data, len, &news, skip, keep, arg);
}

static void told(int64_t watch, uint64_t revision, void *arg)
{
    (void)watch;
    *(uint64_t *)arg += revision;
}

static int tell(const struct df_db_row *row, void *arg)
{
    *(uint64_t *)arg += strlen(row->table) + strlen(row->id) + row->len;
    return 0;
}

/* A stream of watch responses, in two pieces. */
static void try_stream(const uint8_t *data, size_t size)
{
    struct stream stream = {.sum = 0};
    struct df_etcd_buffer in = {0};
    df_etcd_queue_init(&stream.queue);
    size_t half = size / 2;
    if (df_etcd_frame_take(&in, data, half, take_news, &stream) == 0)
        df_etcd_frame_take(&in, data + half, size - half, take_news, &stream);
    df_etcd_queue_complete(&stream.queue, 1);
    while (!df_etcd_queue_is_empty(&stream.queue))
        df_etcd_queue_tell(&stream.queue, told, &stream.sum, tell, &stream.sum);
    df_etcd_queue_clear(&stream.queue);
    df_etcd_buffer_free(&in);
}

static void try_small(const uint8_t *data, size_t size)
{
    int64_t id, ttl;
    char *value = NULL, text[DF_ETCD_STATUS_TEXT];
    struct df_error error;
    df_etcd_decode_lease(data, size, &id, &ttl);
    free(df_etcd_decode_token(data, size));
    if (df_etcd_decode_value(data, size, &value) == 0)
        free(value);
    df_etcd_status_text((const char *)data, size, text);
    if (size && df_etcd_status_error(data[0], text, "host:1", &error) >= 0)
        abort();
}

static void try_key(const uint8_t *data, size_t size)
{
    struct df_etcd_name name;
    struct df_etcd_key key;
    if (!df_etcd_key_parse(data, size, &name))
        return;
    if (df_etcd_key_make(&key, name.place, name.topic, name.table, name.id) || key.len != size ||
        memcmp(key.bytes, data, size) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct df_etcd_page page;
    struct df_etcd_verdict verdict;
    struct df_etcd_news news;
    uint64_t sum = 0;
    if (size == 0)
        return 0;
    uint8_t what = *data++;
    size--;
    switch (what % 6) {
    case 0:
        df_etcd_decode_page(data, size, &page, look_at, &sum);
        break;
    case 1:
        df_etcd_decode_txn(data, size, &verdict, look_at, &sum);
        break;
    case 2:
        df_etcd_decode_news(data, size, &news, look_at_news, look_at, &sum);
        break;
    case 3:
        try_stream(data, size);
        break;
    case 4:
        try_small(data, size);
        break;
    default:
        try_key(data, size);
    }
    return 0;
}
