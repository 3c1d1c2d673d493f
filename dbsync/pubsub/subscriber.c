/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/pubsub/subscriber.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <zmq.h>

#include "dbsync/pubsub/publication.h"
#include "dbsync/pubsub/subscriber_private.h"

#define HELLO_MS 1000
#define STALE_MS 1000 /* between two snapshots that are asked for */

static struct subscriber *of(const struct df_feed *feed)
{
    return (struct subscriber *)(uintptr_t)feed;
}

/* ---- Publishers */

static int open_source(struct subscriber *subscriber, struct df_source *source, struct df_error *error)
{
    return df_source_open(source, subscriber->context, subscriber->epoll, &subscriber->config, subscriber->topics,
                          subscriber->n_topics, error);
}

static int add_source(struct subscriber *subscriber, const char *name, struct df_error *error)
{
    struct df_source *source = &subscriber->sources[subscriber->n_sources];
    if (subscriber->n_sources == PUBLISHERS_MAX)
        return df_error_set(error, -EINVAL, "more than %d publishers", PUBLISHERS_MAX);
    int rc = df_source_init(source, name, subscriber->config.port, error);
    if (rc)
        return rc;
    subscriber->n_sources++;
    return open_source(subscriber, source, error);
}

/* ---- Topics */

static void free_list(char **topics, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(topics[i]);
    free(topics);
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static char **list_topics(const char *const *topics, size_t n, size_t *listed)
{
    char **list = calloc(n + 1, sizeof(*list));
    *listed = 0;
    for (size_t i = 0; list && i <= n; i++) {
        list[i] = strdup(i < n ? topics[i] : n == 0 ? "" : DF_TOPIC_EVERYBODY);
        if (!list[i]) {
            free_list(list, i);
            return NULL;
        }
        *listed = i + 1;
    }
    if (list)
        qsort(list, *listed, sizeof(*list), compare);
    return list;
}

/* Both lists are sorted: what is in one alone begins or ends. */
static void change_topics(struct subscriber *subscriber, struct df_source *source, char *const *to, size_t n)
{
    size_t i = 0, j = 0;
    while (source->socket && (i < subscriber->n_topics || j < n)) {
        int order = i == subscriber->n_topics ? 1 : j == n ? -1 : strcmp(subscriber->topics[i], to[j]);
        if (order > 0)
            df_source_listen(source, to[j], true);
        if (order < 0) {
            df_source_listen(source, subscriber->topics[i], false);
            df_sequences_forget(source->sequences, subscriber->topics[i]);
        }
        i += order <= 0;
        j += order >= 0;
    }
}

/* ---- The feed */

static int feed_fd(struct df_feed *feed)
{
    return of(feed)->epoll;
}

static bool is_greeted(const struct df_source *source, char *const *topics, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!df_sequences_heard(source->sequences, topics[i]))
            return false;
    return true;
}

/* Has each said hello to everything? Nobody waits twice for one that is not there. */
static bool all_greeted(const struct subscriber *subscriber, bool first)
{
    for (size_t i = 0; i < subscriber->n_sources; i++) {
        const struct df_source *source = &subscriber->sources[i];
        if (source->socket && (first || !df_subscriber_is_silent(subscriber, source)) &&
            !is_greeted(source, subscriber->topics, subscriber->n_topics))
            return false;
    }
    return true;
}

static int feed_follow(struct df_feed *feed, const char *const *topics, size_t n, df_feed_row_cb cb, void *arg,
                       struct df_error *error)
{
    struct subscriber *subscriber = of(feed);
    size_t listed;
    char **list = list_topics(topics, n, &listed);
    if (!list)
        return df_error_set(error, -ENOMEM, "out of memory");
    for (size_t i = 0; i < subscriber->n_sources; i++)
        change_topics(subscriber, &subscriber->sources[i], list, listed);
    free_list(subscriber->topics, subscriber->n_topics);
    subscriber->topics = list;
    subscriber->n_topics = listed;
    uint64_t until_ms = df_subscriber_now_ms() + (subscriber->config.hello_ms ? subscriber->config.hello_ms : HELLO_MS);
    struct pollfd fd = {.fd = subscriber->epoll, .events = POLLIN};
    df_subscriber_hear(subscriber, cb, arg);
    while (!all_greeted(subscriber, !subscriber->tried) && df_subscriber_now_ms() < until_ms) {
        poll(&fd, 1, 20);
        df_subscriber_hear(subscriber, cb, arg);
    }
    if (!cb) /* what was lost, or comes now, is older than the snapshot */
        subscriber->gap = false;
    subscriber->tried = true;
    return 0;
}

static void open_again(struct subscriber *subscriber)
{
    for (size_t i = 0; i < subscriber->n_sources; i++) {
        struct df_source *source = &subscriber->sources[i];
        if (source->socket || df_subscriber_now_ms() < source->shunned_ms)
            continue;
        if (open_source(subscriber, source, NULL) == 0)
            subscriber->gap = true;
        else
            df_source_close(source);
    }
}

/* A publisher that loses or makes up numbers must not have all nodes read the database all the time. */
static bool is_snapshot_due(struct subscriber *subscriber)
{
    uint64_t now = df_subscriber_now_ms();
    if (!subscriber->gap || (subscriber->stale_ms && now < subscriber->stale_ms + STALE_MS))
        return false;
    subscriber->stale_ms = now;
    return true;
}

static int feed_take(struct df_feed *feed, df_feed_row_cb cb, void *arg, struct df_error *error)
{
    struct subscriber *subscriber = of(feed);
    struct epoll_event events[8];
    (void)error;
    epoll_wait(subscriber->epoll, events, 8, 0);
    open_again(subscriber);
    df_subscriber_hear(subscriber, cb, arg);
    if (df_subscriber_note_silence(subscriber))
        return -ENOTCONN;
    return is_snapshot_due(subscriber) ? -ESTALE : 0;
}

static void feed_disbelieve(struct df_feed *feed, const char *publisher, const char *why)
{
    struct subscriber *subscriber = of(feed);
    for (size_t i = 0; i < subscriber->n_sources; i++) {
        struct df_source *source = &subscriber->sources[i];
        if (source->endpoint != publisher || !source->socket)
            continue;
        subscriber->tally.lies++;
        df_subscriber_disbelieve(subscriber, source, why);
    }
}

static uint64_t feed_now_ms(struct df_feed *feed)
{
    (void)feed;
    return df_subscriber_now_ms();
}

static void feed_close(struct df_feed *feed)
{
    struct subscriber *subscriber = of(feed);
    for (size_t i = 0; i < subscriber->n_sources; i++)
        df_source_close(&subscriber->sources[i]);
    if (subscriber->context)
        zmq_ctx_term(subscriber->context);
    if (subscriber->epoll >= 0)
        close(subscriber->epoll);
    if (subscriber->more >= 0)
        close(subscriber->more);
    free_list(subscriber->topics, subscriber->n_topics);
    free(subscriber);
}

int df_subscriber_new(const struct df_subscriber_config *config, struct df_feed **feed, struct df_error *error)
{
    static const struct df_feed_ops ops = {.fd = feed_fd,
                                           .follow = feed_follow,
                                           .take = feed_take,
                                           .disbelieve = feed_disbelieve,
                                           .now_ms = feed_now_ms,
                                           .close = feed_close};
    struct subscriber *subscriber = calloc(1, sizeof(*subscriber));
    if (!subscriber)
        return df_error_set(error, -ENOMEM, "out of memory");
    subscriber->feed.ops = &ops;
    subscriber->config = *config;
    subscriber->context = zmq_ctx_new();
    subscriber->epoll = epoll_create1(EPOLL_CLOEXEC);
    subscriber->more = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN};
    int rc = subscriber->context && subscriber->epoll >= 0 && subscriber->more >= 0 &&
                     epoll_ctl(subscriber->epoll, EPOLL_CTL_ADD, subscriber->more, &event) == 0
                 ? 0
                 : df_error_set(error, -ENOMEM, "no memory or descriptors for a subscriber");
    for (const char *const *name = config->publishers; rc == 0 && *name; name++)
        rc = add_source(subscriber, *name, error);
    if (rc) {
        feed_close(&subscriber->feed);
        return rc;
    }
    *feed = &subscriber->feed;
    return 0;
}

struct df_subscriber_tally df_subscriber_tally(const struct df_feed *feed)
{
    return of(feed)->tally;
}
