/* SPDX-License-Identifier: Apache-2.0 */
#include "control/daemon/db_queue.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "control/model/alloc.h"

#define ROOM 65536 /* a snapshot of a large node, in a few steps */

struct df_db_queue {
    pthread_mutex_t lock;
    pthread_cond_t emptied;
    struct df_db_news *first, **last;
    size_t n;
    bool closed;
    int fd;
};

struct df_db_queue *df_db_queue_new(void)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0)
        return NULL;
    struct df_db_queue *queue = df_alloc(sizeof(*queue));
    queue->fd = fd;
    queue->last = &queue->first;
    pthread_mutex_init(&queue->lock, NULL);
    pthread_cond_init(&queue->emptied, NULL);
    return queue;
}

void df_db_news_free(struct df_db_news *news)
{
    if (news->change.object)
        protobuf_c_message_free_unpacked(news->change.object, NULL);
    free((char *)news->change.id);
    free((char *)news->change.error);
    free((char *)news->change.owner);
    free(news->text);
    free(news);
}

void df_db_queue_free(struct df_db_queue *queue)
{
    struct df_db_news *news, *next;
    if (!queue)
        return;
    for (news = queue->first; news; news = next) {
        next = news->next;
        df_db_news_free(news);
    }
    pthread_cond_destroy(&queue->emptied);
    pthread_mutex_destroy(&queue->lock);
    close(queue->fd);
    free(queue);
}

int df_db_queue_fd(const struct df_db_queue *queue)
{
    return queue->fd;
}

/* The descriptor is written once for all that comes until the next look. */
static void put(struct df_db_queue *queue, struct df_db_news *news)
{
    pthread_mutex_lock(&queue->lock);
    while (queue->n >= ROOM && !queue->closed)
        pthread_cond_wait(&queue->emptied, &queue->lock);
    bool dropped = queue->closed;
    if (!dropped) {
        *queue->last = news;
        queue->last = &news->next;
        if (queue->n++ == 0)
            eventfd_write(queue->fd, 1);
    }
    pthread_mutex_unlock(&queue->lock);
    if (dropped)
        df_db_news_free(news);
}

void df_db_queue_put_change(struct df_db_queue *queue, struct df_nb_change *change)
{
    struct df_db_news *news = df_alloc(sizeof(*news));
    news->kind = DF_DB_NEWS_CHANGE;
    news->change = *change;
    news->change.id = df_strdup(change->id);
    news->change.error = df_strdup(change->error);
    news->change.owner = df_strdup(change->owner);
    change->object = NULL;
    put(queue, news);
}

void df_db_queue_put(struct df_db_queue *queue, enum df_db_news_kind kind, const char *text)
{
    struct df_db_news *news = df_alloc(sizeof(*news));
    news->kind = kind;
    news->text = df_strdup(text);
    put(queue, news);
}

struct df_db_news *df_db_queue_take(struct df_db_queue *queue)
{
    eventfd_t value;
    pthread_mutex_lock(&queue->lock);
    struct df_db_news *news = queue->first;
    queue->first = NULL;
    queue->last = &queue->first;
    queue->n = 0;
    eventfd_read(queue->fd, &value);
    pthread_cond_signal(&queue->emptied);
    pthread_mutex_unlock(&queue->lock);
    return news;
}

void df_db_queue_close(struct df_db_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->closed = true;
    pthread_cond_signal(&queue->emptied);
    pthread_mutex_unlock(&queue->lock);
}
