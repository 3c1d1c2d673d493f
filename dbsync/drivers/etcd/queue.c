/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dbsync/drivers/etcd/queue.h"

void df_etcd_queue_init(struct df_etcd_queue *queue)
{
    TAILQ_INIT(&queue->partial);
    TAILQ_INIT(&queue->whole);
    TAILQ_INIT(&queue->told);
    queue->bytes = 0;
}

static void clear(struct df_etcd_queue *queue, struct df_etcd_events *events)
{
    struct df_etcd_event *event;
    while ((event = TAILQ_FIRST(events))) {
        TAILQ_REMOVE(events, event, link);
        queue->bytes -= event->cost;
        free(event);
    }
}

void df_etcd_queue_clear(struct df_etcd_queue *queue)
{
    clear(queue, &queue->partial);
    clear(queue, &queue->whole);
    clear(queue, &queue->told);
}

/* One piece of memory: the event, the name's text, the data. Places are not needed any more. */
static struct df_etcd_event *event_new(const struct df_etcd_row *row)
{
    size_t table = strlen(row->name.table) + 1, id = strlen(row->name.id) + 1;
    size_t cost = sizeof(struct df_etcd_event) + table + id + row->len;
    struct df_etcd_event *event = malloc(cost);
    if (!event)
        return NULL;
    char *text = (char *)(event + 1);
    event->cost = cost;
    event->table = memcpy(text, row->name.table, table);
    event->id = memcpy(text + table, row->name.id, id);
    event->data = memcpy(text + table + id, row->data, row->len);
    event->len = row->len;
    event->revision = row->revision;
    event->deleted = row->deleted;
    event->is_note = row->is_note;
    return event;
}

int df_etcd_queue_add(struct df_etcd_queue *queue, const struct df_etcd_row *row, int64_t watch)
{
    struct df_etcd_event *event = event_new(row);
    if (!event)
        return -ENOMEM;
    event->watch = watch;
    queue->bytes += event->cost;
    TAILQ_INSERT_TAIL(&queue->partial, event, link);
    return queue->bytes > DF_ETCD_QUEUE_BYTES ? -ENOBUFS : 0;
}

/* Nearly always the last one: watches on one stream are told in order, unless one of them lags behind. */
static void insert(struct df_etcd_queue *queue, struct df_etcd_event *event)
{
    struct df_etcd_event *before;
    TAILQ_FOREACH_REVERSE(before, &queue->whole, df_etcd_events, link)
    if (before->revision <= event->revision)
        break;
    if (before)
        TAILQ_INSERT_AFTER(&queue->whole, before, event, link);
    else
        TAILQ_INSERT_HEAD(&queue->whole, event, link);
}

void df_etcd_queue_complete(struct df_etcd_queue *queue, int64_t watch)
{
    struct df_etcd_event *event = TAILQ_FIRST(&queue->partial), *next;
    for (; event; event = next) {
        next = TAILQ_NEXT(event, link);
        if (event->watch != watch)
            continue;
        TAILQ_REMOVE(&queue->partial, event, link);
        insert(queue, event);
    }
}

bool df_etcd_queue_is_empty(const struct df_etcd_queue *queue)
{
    return TAILQ_EMPTY(&queue->whole);
}

static bool is_same(const struct df_etcd_event *a, const struct df_etcd_event *b)
{
    return a->revision == b->revision && strcmp(a->id, b->id) == 0 && strcmp(a->table, b->table) == 0;
}

/* Whether a row was told before, from another of its places. */
static bool was_told(const struct df_etcd_queue *queue, const struct df_etcd_event *event)
{
    const struct df_etcd_event *at;
    TAILQ_FOREACH(at, &queue->told, link)
    if (is_same(at, event))
        return true;
    for (at = TAILQ_FIRST(&queue->whole); at != event; at = TAILQ_NEXT(at, link))
        if (is_same(at, event))
            return true;
    return false;
}

static int tell(const struct df_etcd_event *event, df_db_row_cb cb, void *arg)
{
    struct df_db_row row = {.table = event->table, .id = event->id, .revision = event->revision};
    if (!event->deleted) {
        row.data = event->data;
        row.len = event->len;
    }
    return cb(&row, arg);
}

static void retire(struct df_etcd_queue *queue, uint64_t revision)
{
    struct df_etcd_event *event;
    if (!TAILQ_EMPTY(&queue->told) && TAILQ_FIRST(&queue->told)->revision != revision)
        clear(queue, &queue->told);
    while ((event = TAILQ_FIRST(&queue->whole)) && event->revision == revision) {
        TAILQ_REMOVE(&queue->whole, event, link);
        TAILQ_INSERT_TAIL(&queue->told, event, link);
    }
}

int df_etcd_queue_tell(struct df_etcd_queue *queue, df_etcd_told_cb told, void *told_arg, df_db_row_cb cb, void *arg)
{
    struct df_etcd_event *first = TAILQ_FIRST(&queue->whole), *event;
    uint64_t revision = first->revision;
    for (event = first; event && event->revision == revision; event = TAILQ_NEXT(event, link)) {
        int rc = event->is_note || was_told(queue, event) ? 0 : tell(event, cb, arg);
        if (rc)
            return rc;
    }
    for (event = first; event && event->revision == revision; event = TAILQ_NEXT(event, link))
        told(event->watch, revision, told_arg);
    retire(queue, revision);
    return 0;
}

const struct df_etcd_event *df_etcd_queue_note(const struct df_etcd_queue *queue)
{
    const struct df_etcd_event *first = TAILQ_FIRST(&queue->whole), *event;
    for (event = first; event && event->revision == first->revision; event = TAILQ_NEXT(event, link))
        if (event->is_note)
            return event;
    return NULL;
}

uint64_t df_etcd_queue_revision(const struct df_etcd_queue *queue)
{
    return TAILQ_FIRST(&queue->whole)->revision;
}
