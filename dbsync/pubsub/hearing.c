/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <zmq.h>

#include "dbsync/pubsub/publication.h"
#include "dbsync/pubsub/subscriber_private.h"

/* What publishers say, and whether they are believed. */

#define LIES_MAX 3           /* then it is not listened to */
#define SHUNNED_MS 60000     /* for so long */
#define MESSAGES_AT_ONCE 100 /* of each publisher in turn */
#define TAKE_MS 500          /* then whoever has the feed goes on */

uint64_t df_subscriber_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void df_subscriber_say(const struct subscriber *subscriber, const char *format, ...)
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

void df_subscriber_disbelieve(struct subscriber *subscriber, struct df_source *source, const char *why)
{
    subscriber->gap = true;
    df_subscriber_say(subscriber, "publisher %s is not believed: %s; taking a snapshot", source->endpoint, why);
    if (++source->lies < LIES_MAX)
        return;
    df_subscriber_say(subscriber, "publisher %s: not listened to for %d seconds", source->endpoint, SHUNNED_MS / 1000);
    source->lies = 0;
    source->shunned_ms = df_subscriber_now_ms() + SHUNNED_MS;
    df_source_close(source);
}

static void hand_over(struct subscriber *subscriber, struct df_source *source, const Df__Publication *publication,
                      df_feed_row_cb cb, void *arg)
{
    const char *why = NULL;
    for (size_t i = 0; i < publication->n_rows && cb; i++) {
        const Df__PublishedRow *from = publication->rows[i];
        struct df_feed_row row = {.row = {.table = from->table,
                                          .id = from->id,
                                          .data = from->has_data ? from->data.data : NULL,
                                          .len = from->data.len,
                                          .revision = publication->revision},
                                  .topic = publication->topic,
                                  .moved = from->has_moved && from->moved,
                                  .publisher = source->endpoint};
        if (from->has_data && !from->data.data)
            row.row.data = "";
        subscriber->tally.rows++;
        int rc = cb(&row, arg);
        if (rc != -EPROTO && rc != -EEXIST)
            continue;
        subscriber->tally.lies++;
        why = rc == -EPROTO ? "a row that is not of the topic it came by" : "an object is gone that the database has";
    }
    if (why)
        df_subscriber_disbelieve(subscriber, source, why);
}

static void take_publication(struct subscriber *subscriber, struct df_source *source,
                             const Df__Publication *publication, df_feed_row_cb cb, void *arg)
{
    bool all = subscriber->n_topics == 1 && !*subscriber->topics[0];
    enum df_sequence_verdict verdict =
        df_sequences_hear(source->sequences, publication->publisher, all ? "" : publication->topic,
                          all ? publication->total : publication->sequence, publication->n_rows > 0);
    if (source->heard_ms == 0) /* it tells nothing of before, and nobody may have: the one that did has just died */
        subscriber->gap = true;
    source->heard_ms = df_subscriber_now_ms();
    if (verdict == DF_SEQUENCE_REPEAT) {
        subscriber->tally.lies++;
        df_subscriber_disbelieve(subscriber, source, "a number that was there before");
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
        df_subscriber_disbelieve(subscriber, source, error.text);
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
        df_subscriber_disbelieve(subscriber, source, "a message that has not two frames");
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

void df_subscriber_hear(struct subscriber *subscriber, df_feed_row_cb cb, void *arg)
{
    eventfd_t value;
    uint64_t until_ms = df_subscriber_now_ms() + TAKE_MS;
    eventfd_read(subscriber->more, &value);
    while (take_turn(subscriber, cb, arg))
        if (df_subscriber_now_ms() >= until_ms) {
            eventfd_write(subscriber->more, 1);
            return;
        }
}
