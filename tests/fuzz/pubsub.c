/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <zmq.h>

#include "dbsync/nb_private.h"
#include "dbsync/pubsub/publisher.h"
#include "dbsync/pubsub/subscriber_private.h"

/*
 * What a writer pushes to a publisher, and what a publisher sends to a node: the first byte says which. Whatever the
 * publisher publishes of a push a node can read. What the node hears becomes events of the NB API, beside a database that
 * has each object whose id begins with a k, as it was before: none of them goes, and each event is whole.
 */

#define SNAPSHOT_REVISION 5
#define KEPT_REVISION 3
#define ASKED_A_SECOND 20 /* what is over it is believed (nb_feed_check.c) */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- A push */

static int read_back(void *arg, const char *topic, const void *data, size_t len)
{
    struct df_error error;
    Df__Publication *publication = df_publication_read(topic, strlen(topic), data, len, &error);
    (void)arg;
    if (!publication)
        abort();
    df__publication__free_unpacked(publication, NULL);
    return 0;
}

static void push(const uint8_t *data, size_t size)
{
    struct df_error error;
    struct df_publisher *publisher = df_publisher_new("fuzz", read_back, NULL);
    if (!publisher)
        return;
    df_publisher_snapshot_begin(publisher);
    df_publisher_snapshot_end(publisher, 1);
    df_publisher_push(publisher, data, size, &error);
    df_publisher_push(publisher, data, size, &error);
    df_publisher_tick(publisher, 1000);
    df_publisher_free(publisher);
}

/* ---- A node: what it listens to, and its database */

static struct node {
    struct df_feed feed;
    struct df_nb nb;
    struct subscriber subscriber;
    void *context, *publisher; /* the other end of its source's socket */
    uint64_t now_ms;
    unsigned asked; /* in this second */
} node;

static int snapshot(struct df_db *db, df_db_row_cb cb, void *arg, uint64_t *revision, struct df_error *error)
{
    (void)db, (void)cb, (void)arg, (void)error;
    *revision = SNAPSHOT_REVISION;
    return 0;
}

static int get(struct df_db *db, const char *table, const char *id, df_db_row_cb cb, void *arg, struct df_error *error)
{
    (void)db, (void)error;
    node.asked++;
    if (*id != 'k')
        return -ENOENT;
    return cb(&(struct df_db_row){.table = table, .id = id, .data = "", .revision = KEPT_REVISION}, arg);
}

/* The library's would wait until all members of a database are in step. */
int usleep(useconds_t us)
{
    (void)us;
    return 0;
}

static int no_fd(struct df_db *db)
{
    (void)db;
    return -1;
}

static int feed_follow(struct df_feed *feed, const char *const *topics, size_t n, df_feed_row_cb cb, void *arg,
                       struct df_error *error)
{
    (void)feed, (void)topics, (void)n, (void)cb, (void)arg, (void)error;
    return 0;
}

static int feed_take(struct df_feed *feed, df_feed_row_cb cb, void *arg, struct df_error *error)
{
    (void)feed, (void)error;
    df_subscriber_hear(&node.subscriber, cb, arg);
    return 0;
}

static void feed_disbelieve(struct df_feed *feed, const char *publisher, const char *why)
{
    (void)feed;
    if (publisher != node.subscriber.sources[0].endpoint || !*why)
        abort();
}

static uint64_t feed_now_ms(struct df_feed *feed)
{
    (void)feed;
    return node.now_ms;
}

static void check_change(struct df_nb_change *change, void *arg)
{
    (void)arg;
    if ((change->event == DF_NB_SET && !change->object) || (change->event == DF_NB_BAD && !change->error))
        abort();
    if (change->event == DF_NB_DELETE && *change->id == 'k' && node.asked < ASKED_A_SECOND)
        abort();
    if (change->event <= DF_NB_BAD && change->event != DF_NB_SNAPSHOT_BEGIN && change->revision <= SNAPSHOT_REVISION)
        abort();
}

static void node_up(void)
{
    static const struct df_db_driver driver = {.snapshot = snapshot, .get = get, .watch_fd = no_fd};
    static const struct df_feed_ops ops = {
        .follow = feed_follow, .take = feed_take, .disbelieve = feed_disbelieve, .now_ms = feed_now_ms};
    static char everything[] = "", *topics[] = {everything};
    static unsigned long n; /* a socket that was closed has its name for a while */
    struct subscriber *subscriber = &node.subscriber;
    char name[64];
    snprintf(name, sizeof(name), "inproc://node%lu", n++);
    if (!node.context)
        node.context = zmq_ctx_new();
    node.feed.ops = &ops;
    node.nb = (struct df_nb){.driver = &driver};
    *subscriber =
        (struct subscriber){.more = eventfd(0, EFD_NONBLOCK), .n_sources = 1, .topics = topics, .n_topics = 1};
    subscriber->sources[0].sequences = df_sequences_new();
    subscriber->sources[0].socket = zmq_socket(node.context, ZMQ_PAIR);
    node.publisher = zmq_socket(node.context, ZMQ_PAIR);
    if (zmq_bind(subscriber->sources[0].socket, name) != 0 || zmq_connect(node.publisher, name) != 0)
        abort();
    df_nb_set_feed(&node.nb, &node.feed);
}

static void node_down(void)
{
    df_nb_feed_forget(&node.nb.feed);
    df_source_close(&node.subscriber.sources[0]);
    zmq_close(node.publisher);
    close(node.subscriber.more);
}

static void node_hears(void)
{
    struct df_error error;
    node.now_ms += 1000;
    node.asked = 0;
    if (df_nb_sync(&node.nb, check_change, NULL, &error) < 0)
        abort();
}

/* ---- What is sent to it */

/* The bytes of a field, whose length comes before it in so many bytes. False: there is no such field. */
static bool cut(const uint8_t **data, size_t *size, size_t length_bytes, const uint8_t **field, size_t *len)
{
    *len = 0;
    if (*size < length_bytes)
        return false;
    for (size_t i = 0; i < length_bytes; i++)
        *len |= (size_t)(*data)[i] << 8 * i;
    *field = *data + length_bytes;
    if (*size - length_bytes < *len)
        return false;
    *data += length_bytes + *len;
    *size -= length_bytes + *len;
    return true;
}

/* Messages, each a topic's frame and what it carries. */
static void receive(const uint8_t *data, size_t size)
{
    const uint8_t *topic, *message;
    size_t topic_len, len;
    node_up();
    node_hears();
    while (cut(&data, &size, 1, &topic, &topic_len) && cut(&data, &size, 2, &message, &len)) {
        if (zmq_send(node.publisher, topic, topic_len, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0)
            break; /* it is not listened to any more */
        zmq_send(node.publisher, message, len, ZMQ_DONTWAIT);
        node_hears();
    }
    node.now_ms += 60000; /* what is doubted is asked for */
    node_hears();
    node_down();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    if (data[0] & 1)
        push(data + 1, size - 1);
    else
        receive(data + 1, size - 1);
    return 0;
}
