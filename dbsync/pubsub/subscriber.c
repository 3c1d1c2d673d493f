/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/pubsub/subscriber.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#include "dbsync/pubsub/publication.h"
#include "dbsync/pubsub/source.h"

#define HELLO_MS 1000
#define DEAF_MS 5000
#define PUBLISHERS_MAX 64
#define LIES_MAX 3           /* then it is not listened to */
#define SHUNNED_MS 60000     /* for so long */
#define MESSAGES_AT_ONCE 100 /* of each publisher in turn */
#define TAKE_MS 500          /* then whoever has the feed goes on */
#define STALE_MS 1000        /* between two snapshots that are asked for */

struct subscriber {
    struct df_feed feed;
    struct df_subscriber_config config;
    void *context;
    int epoll;
    int more; /* readable: there is more than was taken */
    struct df_source sources[PUBLISHERS_MAX];
    size_t n_sources;
    char **topics; /* listened to; "" alone: everything */
    size_t n_topics;
    bool gap;
    uint64_t stale_ms; /* a snapshot was asked for last */
    bool tried;        /* each had its chance to say hello */
    struct df_subscriber_tally tally;
};

static struct subscriber *of(const struct df_feed *feed)
{
    return (struct subscriber *)(uintptr_t)feed;
}

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void say(const struct subscriber *subscriber, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(const struct subscriber *subscriber, const char *format, ...)
{
    char text[512];
    va_list args;
    if (!subscriber->config.log)
        return;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    subscriber->config.log(subscriber->config.arg, text);
}

/* ---- Publishers */

static int open_source(struct subscriber *subscriber, struct df_source *source, struct df_error *error)
{
    return df_source_open(source, subscriber->context, subscriber->epoll, &subscriber->config.curve, subscriber->topics,
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

/* ---- Messages */

static void lied(struct subscriber *subscriber, struct df_source *source, const char *why)
{
    subscriber->gap = true;
    say(subscriber, "publisher %s is not believed: %s; taking a snapshot", source->endpoint, why);
    if (++source->lies < LIES_MAX)
        return;
    say(subscriber, "publisher %s: not listened to for %d seconds", source->endpoint, SHUNNED_MS / 1000);
    source->lies = 0;
    source->shunned_ms = now_ms() + SHUNNED_MS;
    df_source_close(source);
}

static void hand_over(struct subscriber *subscriber, struct df_source *source, const Df__Publication *publication,
                      df_feed_row_cb cb, void *arg)
{
    bool lie = false;
    for (size_t i = 0; i < publication->n_rows && cb; i++) {
        const Df__PublishedRow *from = publication->rows[i];
        struct df_feed_row row = {.row = {.table = from->table,
                                          .id = from->id,
                                          .data = from->has_data ? from->data.data : NULL,
                                          .len = from->data.len,
                                          .revision = publication->revision},
                                  .topic = publication->topic,
                                  .moved = from->has_moved && from->moved};
        if (from->has_data && !from->data.data)
            row.row.data = "";
        subscriber->tally.rows++;
        if (cb(&row, arg) == -EPROTO) {
            subscriber->tally.lies++;
            lie = true;
        }
    }
    if (lie)
        lied(subscriber, source, "a row that is not of the topic it came by");
}

static void take_publication(struct subscriber *subscriber, struct df_source *source,
                             const Df__Publication *publication, df_feed_row_cb cb, void *arg)
{
    bool all = subscriber->n_topics == 1 && !*subscriber->topics[0];
    enum df_sequence_verdict verdict =
        df_sequences_hear(source->sequences, publication->publisher, all ? "" : publication->topic,
                          all ? publication->total : publication->sequence, publication->n_rows > 0);
    source->heard_ms = now_ms();
    if (verdict == DF_SEQUENCE_REPEAT) {
        subscriber->tally.lies++;
        lied(subscriber, source, "a number that was there before");
        return;
    }
    if (verdict == DF_SEQUENCE_GAP) {
        subscriber->tally.gaps++;
        subscriber->gap = true;
    }
    if (verdict != DF_SEQUENCE_KNOWN)
        hand_over(subscriber, source, publication, cb, arg);
}

static void take_frames(struct subscriber *subscriber, struct df_source *source, zmq_msg_t *topic, zmq_msg_t *data,
                        df_feed_row_cb cb, void *arg)
{
    struct df_error error;
    subscriber->tally.messages++;
    subscriber->tally.bytes += zmq_msg_size(topic) + zmq_msg_size(data);
    Df__Publication *publication =
        df_publication_read(zmq_msg_data(topic), zmq_msg_size(topic), zmq_msg_data(data), zmq_msg_size(data), &error);
    if (!publication) {
        subscriber->tally.garbage++;
        lied(subscriber, source, error.text);
        return;
    }
    take_publication(subscriber, source, publication, cb, arg);
    df__publication__free_unpacked(publication, NULL);
}

/* Whole messages only: what has not two frames is garbage. Returns false when there is none. */
static bool take_message(struct subscriber *subscriber, struct df_source *source, df_feed_row_cb cb, void *arg)
{
    zmq_msg_t frame[2];
    zmq_msg_init(&frame[0]);
    zmq_msg_init(&frame[1]);
    bool any = zmq_msg_recv(&frame[0], source->socket, ZMQ_DONTWAIT) >= 0;
    unsigned n = 1;
    for (bool more = any && zmq_msg_more(&frame[0]); more; more = zmq_msg_more(&frame[1])) {
        if (zmq_msg_recv(&frame[1], source->socket, ZMQ_DONTWAIT) < 0)
            break;
        n++;
    }
    if (any && n == 2) {
        take_frames(subscriber, source, &frame[0], &frame[1], cb, arg);
    } else if (any) {
        subscriber->tally.garbage++;
        lied(subscriber, source, "a message that has not two frames");
    }
    zmq_msg_close(&frame[0]);
    zmq_msg_close(&frame[1]);
    return any;
}

/* The descriptors of ZeroMQ tell once: all that is there has to be taken, or asked for again soon. */
static bool take_turn(struct subscriber *subscriber, df_feed_row_cb cb, void *arg)
{
    bool more = false;
    for (size_t i = 0; i < subscriber->n_sources; i++) {
        struct df_source *source = &subscriber->sources[i];
        unsigned n = 0;
        while (source->socket && n < MESSAGES_AT_ONCE && take_message(subscriber, source, cb, arg))
            n++;
        more = more || n == MESSAGES_AT_ONCE;
    }
    return more;
}

/*
 * A publisher that sends more than can be taken must not keep the thread, which has a lease to renew. What is left polls
 * readable.
 */
static void take_some(struct subscriber *subscriber, df_feed_row_cb cb, void *arg)
{
    eventfd_t value;
    uint64_t until_ms = now_ms() + TAKE_MS;
    eventfd_read(subscriber->more, &value);
    while (take_turn(subscriber, cb, arg))
        if (now_ms() >= until_ms) {
            eventfd_write(subscriber->more, 1);
            return;
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

static bool is_silent(const struct subscriber *subscriber, const struct df_source *source)
{
    uint64_t limit = subscriber->config.deaf_ms ? subscriber->config.deaf_ms : DEAF_MS;
    return !source->socket || source->heard_ms == 0 || now_ms() - source->heard_ms > limit;
}

/* Has each said hello to everything? Nobody waits twice for one that is not there. */
static bool all_greeted(const struct subscriber *subscriber, bool first)
{
    for (size_t i = 0; i < subscriber->n_sources; i++) {
        const struct df_source *source = &subscriber->sources[i];
        if (source->socket && (first || !is_silent(subscriber, source)) &&
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
    uint64_t until_ms = now_ms() + (subscriber->config.hello_ms ? subscriber->config.hello_ms : HELLO_MS);
    struct pollfd fd = {.fd = subscriber->epoll, .events = POLLIN};
    take_some(subscriber, cb, arg);
    while (!all_greeted(subscriber, !subscriber->tried) && now_ms() < until_ms) {
        poll(&fd, 1, 20);
        take_some(subscriber, cb, arg);
    }
    if (!cb) /* what was lost, or comes now, is older than the snapshot */
        subscriber->gap = false;
    subscriber->tried = true;
    return 0;
}

static bool is_deaf(const struct subscriber *subscriber)
{
    for (size_t i = 0; i < subscriber->n_sources; i++)
        if (!is_silent(subscriber, &subscriber->sources[i]))
            return false;
    return true;
}

static void open_again(struct subscriber *subscriber)
{
    for (size_t i = 0; i < subscriber->n_sources; i++) {
        struct df_source *source = &subscriber->sources[i];
        if (source->socket || now_ms() < source->shunned_ms)
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
    uint64_t now = now_ms();
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
    take_some(subscriber, cb, arg);
    if (is_deaf(subscriber))
        return -ENOTCONN;
    return is_snapshot_due(subscriber) ? -ESTALE : 0;
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
    static const struct df_feed_ops ops = {
        .fd = feed_fd, .follow = feed_follow, .take = feed_take, .close = feed_close};
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
