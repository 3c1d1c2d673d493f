/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/pubsub/subscriber.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#include "dbsync/pubsub/publication.h"
#include "dbsync/pubsub/sequence.h"

#define HELLO_MS 1000
#define DEAF_MS 5000
#define PUBLISHERS_MAX 64
#define QUEUE_MAX 100000 /* messages of a publisher that wait here */
#define LIES_MAX 3       /* then it is not listened to */
#define SHUNNED_MS 60000 /* for so long */
#define MESSAGES_AT_ONCE 1000

struct source {
    char endpoint[300];
    void *socket;
    struct df_sequences *sequences;
    uint64_t heard_ms; /* 0: never */
    unsigned lies;
    uint64_t shunned_ms; /* until then */
};

struct subscriber {
    struct df_feed feed;
    struct df_subscriber_config config;
    void *context;
    int epoll;
    struct source sources[PUBLISHERS_MAX];
    size_t n_sources;
    char **topics; /* listened to; "" alone: everything */
    size_t n_topics;
    bool gap;
    bool tried; /* each had its chance to say hello */
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

/* ---- Sockets */

static int set(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof(value));
}

static int set_curve(void *socket, const struct df_curve *curve)
{
    if (!curve->server_key)
        return 0;
    if (zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, curve->server_key, strlen(curve->server_key)) != 0 ||
        zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, curve->public_key, strlen(curve->public_key)) != 0 ||
        zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, curve->secret_key, strlen(curve->secret_key)) != 0)
        return -EINVAL;
    return 0;
}

static void listen_to(struct source *source, const char *topic, bool on)
{
    char frame[300];
    int len = *topic ? snprintf(frame, sizeof(frame), "%s%s", topic, DF_PUBLICATION_END) : 0;
    if (len < (int)sizeof(frame))
        zmq_setsockopt(source->socket, on ? ZMQ_SUBSCRIBE : ZMQ_UNSUBSCRIBE, frame, (size_t)len);
}

/* Heartbeats find a line that is cut without a word. */
static int open_source(struct subscriber *subscriber, struct source *source, struct df_error *error)
{
    int fd;
    size_t size = sizeof(fd);
    source->socket = zmq_socket(subscriber->context, ZMQ_SUB);
    source->sequences = df_sequences_new();
    if (!source->socket || !source->sequences)
        return df_error_set(error, -ENOMEM, "publisher %s: no memory for its socket", source->endpoint);
    set(source->socket, ZMQ_RCVHWM, QUEUE_MAX);
    set(source->socket, ZMQ_LINGER, 0);
    set(source->socket, ZMQ_IPV6, 1);
    set(source->socket, ZMQ_RECONNECT_IVL_MAX, 5000);
    set(source->socket, ZMQ_HEARTBEAT_IVL, 1000);
    set(source->socket, ZMQ_HEARTBEAT_TIMEOUT, 3000);
    int64_t most = DF_PUBLICATION_MAX + 1024;
    zmq_setsockopt(source->socket, ZMQ_MAXMSGSIZE, &most, sizeof(most));
    if (set_curve(source->socket, &subscriber->config.curve) != 0)
        return df_error_set(error, -EINVAL,
                            "publishers' keys: each must be 40 characters of Z85, as df-publisher "
                            "--make-keys writes them");
    if (zmq_connect(source->socket, source->endpoint) != 0)
        return df_error_set(error, -EINVAL, "publisher %s: %s; it must be HOST or HOST:PORT", source->endpoint,
                            zmq_strerror(errno));
    for (size_t i = 0; i < subscriber->n_topics; i++)
        listen_to(source, subscriber->topics[i], true);
    zmq_getsockopt(source->socket, ZMQ_FD, &fd, &size);
    struct epoll_event event = {.events = EPOLLIN | EPOLLET};
    epoll_ctl(subscriber->epoll, EPOLL_CTL_ADD, fd, &event);
    return 0;
}

static void close_source(struct source *source)
{
    if (source->socket)
        zmq_close(source->socket);
    source->socket = NULL;
    df_sequences_free(source->sequences);
    source->sequences = NULL;
}

static int add_source(struct subscriber *subscriber, const char *name, struct df_error *error)
{
    struct source *source = &subscriber->sources[subscriber->n_sources];
    const char *colon = strrchr(name, ':');
    bool has_port = colon && (strchr(name, ':') == colon || (colon > name && colon[-1] == ']'));
    bool bare6 = colon && !has_port && *name != '[';
    if (subscriber->n_sources == PUBLISHERS_MAX)
        return df_error_set(error, -EINVAL, "more than %d publishers", PUBLISHERS_MAX);
    int len = has_port ? snprintf(source->endpoint, sizeof(source->endpoint), "tcp://%s", name)
                       : snprintf(source->endpoint, sizeof(source->endpoint), bare6 ? "tcp://[%s]:%u" : "tcp://%s:%u",
                                  name, subscriber->config.port);
    if (len >= (int)sizeof(source->endpoint))
        return df_error_set(error, -EINVAL, "publisher %.100s...: too long a name", name);
    subscriber->n_sources++;
    return open_source(subscriber, source, error);
}

/* ---- Topics */

static void free_topics(struct subscriber *subscriber)
{
    for (size_t i = 0; i < subscriber->n_topics; i++)
        free(subscriber->topics[i]);
    free(subscriber->topics);
    subscriber->topics = NULL;
    subscriber->n_topics = 0;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static char **list_topics(const char *const *topics, size_t n, size_t *listed)
{
    char **list = calloc(n + 2, sizeof(*list));
    *listed = 0;
    if (!list)
        return NULL;
    list[(*listed)++] = strdup(n == 0 ? "" : DF_TOPIC_EVERYBODY);
    for (size_t i = 0; i < n; i++)
        list[(*listed)++] = strdup(topics[i]);
    qsort(list, *listed, sizeof(*list), compare);
    return list;
}

/* Both lists are sorted: what is in one alone begins or ends. */
static void change_topics(struct subscriber *subscriber, struct source *source, char *const *to, size_t n)
{
    size_t i = 0, j = 0;
    while (source->socket && (i < subscriber->n_topics || j < n)) {
        int order = i == subscriber->n_topics ? 1 : j == n ? -1 : strcmp(subscriber->topics[i], to[j]);
        if (order > 0)
            listen_to(source, to[j], true);
        if (order < 0) {
            listen_to(source, subscriber->topics[i], false);
            df_sequences_forget(source->sequences, subscriber->topics[i]);
        }
        i += order <= 0;
        j += order >= 0;
    }
}

/* ---- Messages */

static void lied(struct subscriber *subscriber, struct source *source, const char *why)
{
    subscriber->gap = true;
    say(subscriber, "publisher %s is not believed: %s; taking a snapshot", source->endpoint, why);
    if (++source->lies < LIES_MAX)
        return;
    say(subscriber, "publisher %s: not listened to for %d seconds", source->endpoint, SHUNNED_MS / 1000);
    source->lies = 0;
    source->shunned_ms = now_ms() + SHUNNED_MS;
    close_source(source);
}

static void hand_over(struct subscriber *subscriber, struct source *source, const Df__Publication *publication,
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

static void take_publication(struct subscriber *subscriber, struct source *source, const Df__Publication *publication,
                             df_feed_row_cb cb, void *arg)
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

static void take_frames(struct subscriber *subscriber, struct source *source, zmq_msg_t *topic, zmq_msg_t *data,
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
static bool take_message(struct subscriber *subscriber, struct source *source, df_feed_row_cb cb, void *arg)
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
static bool take_all(struct subscriber *subscriber, df_feed_row_cb cb, void *arg)
{
    bool more = false;
    for (size_t i = 0; i < subscriber->n_sources; i++) {
        struct source *source = &subscriber->sources[i];
        unsigned n = 0;
        while (source->socket && n < MESSAGES_AT_ONCE && take_message(subscriber, source, cb, arg))
            n++;
        more = more || n == MESSAGES_AT_ONCE;
    }
    return more;
}

/* ---- The feed */

static int feed_fd(struct df_feed *feed)
{
    return of(feed)->epoll;
}

static bool is_greeted(const struct source *source, char *const *topics, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!df_sequences_heard(source->sequences, topics[i]))
            return false;
    return true;
}

static bool is_silent(const struct subscriber *subscriber, const struct source *source)
{
    uint64_t limit = subscriber->config.deaf_ms ? subscriber->config.deaf_ms : DEAF_MS;
    return !source->socket || source->heard_ms == 0 || now_ms() - source->heard_ms > limit;
}

/* Has each said hello to everything? Nobody waits twice for one that is not there. */
static bool all_greeted(const struct subscriber *subscriber, bool first)
{
    for (size_t i = 0; i < subscriber->n_sources; i++) {
        const struct source *source = &subscriber->sources[i];
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
    free_topics(subscriber);
    subscriber->topics = list;
    subscriber->n_topics = listed;
    uint64_t until_ms = now_ms() + (subscriber->config.hello_ms ? subscriber->config.hello_ms : HELLO_MS);
    struct pollfd fd = {.fd = subscriber->epoll, .events = POLLIN};
    while (take_all(subscriber, cb, arg) || (!all_greeted(subscriber, !subscriber->tried) && now_ms() < until_ms))
        poll(&fd, 1, 20);
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
        struct source *source = &subscriber->sources[i];
        if (source->socket || now_ms() < source->shunned_ms)
            continue;
        close_source(source);
        if (open_source(subscriber, source, NULL) == 0)
            subscriber->gap = true;
    }
}

static int feed_take(struct df_feed *feed, df_feed_row_cb cb, void *arg, struct df_error *error)
{
    struct subscriber *subscriber = of(feed);
    struct epoll_event events[8];
    (void)error;
    epoll_wait(subscriber->epoll, events, 8, 0);
    open_again(subscriber);
    while (take_all(subscriber, cb, arg) && !subscriber->gap)
        ;
    if (is_deaf(subscriber))
        return -ENOTCONN;
    return subscriber->gap ? -ESTALE : 0;
}

static void feed_close(struct df_feed *feed)
{
    struct subscriber *subscriber = of(feed);
    for (size_t i = 0; i < subscriber->n_sources; i++)
        close_source(&subscriber->sources[i]);
    if (subscriber->context)
        zmq_ctx_term(subscriber->context);
    if (subscriber->epoll >= 0)
        close(subscriber->epoll);
    free_topics(subscriber);
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
    int rc = subscriber->context && subscriber->epoll >= 0
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
