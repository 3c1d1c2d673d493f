/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dbsync/pubsub/publisher_private.h"
#include "dbsync/topics.h"

/* What a publisher says: messages of topics, numbered, and hellos. */

#define HELLO_FIRST_MS 1000
#define HELLO_LAST_MS 64000
#define GREETINGS_MAX 1024      /* that wait */
#define ROWS_AT_ONCE 256        /* of one message */
#define BYTES_AT_ONCE (1 << 20) /* or so many, or one row */

static struct topic *want_topic(struct df_publisher *publisher, const char *name, size_t len)
{
    struct topic *topic;
    HASH_FIND(hh, publisher->topics, name, len, topic);
    if (topic)
        return topic;
    topic = calloc(1, sizeof(*topic) + len + 1);
    if (!topic)
        return NULL;
    memcpy(topic->name, name, len);
    HASH_ADD_KEYPTR(hh, publisher->topics, topic->name, len, topic);
    return topic;
}

static int send_message(struct df_publisher *publisher, const char *topic, uint64_t sequence, Df__PublishedRow **rows,
                        size_t n)
{
    char frame[300];
    void *data;
    size_t len;
    Df__Publication publication = DF__PUBLICATION__INIT;
    publication.publisher = publisher->id;
    publication.topic = (char *)(uintptr_t)topic;
    publication.has_sequence = publication.has_revision = publication.has_total = true;
    publication.sequence = sequence;
    publication.total = publisher->tally.published += n > 0;
    publication.revision = publisher->revision;
    publication.rows = rows;
    publication.n_rows = n;
    int rc = df_publication_write(&publication, &data, &len);
    if (rc)
        return rc;
    snprintf(frame, sizeof(frame), "%s%s", topic, DF_PUBLICATION_END);
    publisher->tally.dropped += publisher->send(publisher->arg, frame, data, len) != 0;
    publisher->tally.hellos += n == 0;
    free(data);
    return 0;
}

/* rows NULL: a hello. */
static int say(struct df_publisher *publisher, struct topic *topic, Df__PublishedRow **rows, size_t n)
{
    topic->last += n > 0;
    topic->said_ms = publisher->now_ms;
    return send_message(publisher, topic->name, topic->last, rows, n);
}

/* The rows that concern the topic, and those that do not any more. */
static int say_rows(struct df_publisher *publisher, struct topic *topic)
{
    Df__PublishedRow *rows[ROWS_AT_ONCE];
    size_t n = 0, bytes = 0;
    int rc = 0;
    bool everybody = strcmp(topic->name, DF_TOPIC_EVERYBODY) == 0;
    for (size_t i = 0; i < publisher->n_out && rc == 0; i++) {
        struct out *out = &publisher->out[i];
        bool has = out->topics ? df_topics_have(out->topics, topic->name) : everybody;
        bool had = df_topics_have(out->left, topic->name);
        if (!has && !had)
            continue;
        out->row.has_moved = out->row.has_data && !has;
        out->row.moved = out->row.has_moved;
        if (n == ROWS_AT_ONCE || (n > 0 && bytes + out->row.data.len > BYTES_AT_ONCE)) {
            rc = say(publisher, topic, rows, n);
            n = bytes = 0;
        }
        rows[n++] = &out->row;
        bytes += out->row.data.len;
    }
    if (rc == 0 && n > 0)
        rc = say(publisher, topic, rows, n);
    topic->hello_ms = HELLO_FIRST_MS;
    return rc;
}

static int say_to_each(struct df_publisher *publisher, const char *topics)
{
    int rc = 0;
    for (const char *at = topics; at && *at && rc == 0;) {
        size_t len = strcspn(at, " ");
        struct topic *topic = want_topic(publisher, at, len);
        if (!topic)
            return -ENOMEM;
        if (topic->round != publisher->round) /* once for this transaction */
            rc = say_rows(publisher, topic);
        topic->round = publisher->round;
        at += len + (at[len] == ' ');
    }
    return rc;
}

int df_publisher_say_out(struct df_publisher *publisher)
{
    int rc = 0;
    publisher->round++;
    for (size_t i = 0; i < publisher->n_out && rc == 0; i++) {
        const struct out *out = &publisher->out[i];
        rc = say_to_each(publisher, out->topics ? out->topics : DF_TOPIC_EVERYBODY);
        if (rc == 0)
            rc = say_to_each(publisher, out->left);
    }
    return rc;
}

/* ---- Hellos */

void df_publisher_subscribed(struct df_publisher *publisher, const char *frame, size_t len)
{
    size_t end = strlen(DF_PUBLICATION_END);
    struct greeting *greeting;
    if (len <= end || len - end > DF_TOPIC_MAX || memcmp(frame + len - end, DF_PUBLICATION_END, end) != 0)
        return; /* to everything: it will hear the hello to everybody */
    len -= end;
    HASH_FIND(hh, publisher->greetings, frame, len, greeting);
    if (greeting)
        return;
    if (HASH_COUNT(publisher->greetings) == GREETINGS_MAX)
        df_publisher_greet(publisher);
    if (HASH_COUNT(publisher->greetings) == GREETINGS_MAX)
        return; /* it may not speak yet: who listens waits for its hello, and goes on without */
    greeting = calloc(1, sizeof(*greeting) + len + 1);
    if (!greeting)
        return;
    memcpy(greeting->name, frame, len);
    HASH_ADD_KEYPTR(hh, publisher->greetings, greeting->name, len, greeting);
}

/* A topic of which nothing was said yet is not kept: who listens chooses its name, and may choose as many as it likes. */
void df_publisher_greet(struct df_publisher *publisher)
{
    struct greeting *greeting, *next;
    if (!df_publisher_may_speak(publisher))
        return;
    HASH_ITER(hh, publisher->greetings, greeting, next) {
        struct topic *topic;
        HASH_FIND_STR(publisher->topics, greeting->name, topic);
        send_message(publisher, greeting->name, topic ? topic->last : 0, NULL, 0);
        HASH_DEL(publisher->greetings, greeting);
        free(greeting);
    }
}

void df_publisher_tick(struct df_publisher *publisher, uint64_t now_ms)
{
    publisher->now_ms = now_ms;
    if (!df_publisher_may_speak(publisher))
        return;
    struct topic *everybody = want_topic(publisher, DF_TOPIC_EVERYBODY, strlen(DF_TOPIC_EVERYBODY));
    for (struct topic *topic = publisher->topics; topic; topic = topic->hh.next) {
        if (topic != everybody && (topic->hello_ms == 0 || now_ms < topic->said_ms + topic->hello_ms))
            continue;
        say(publisher, topic, NULL, 0);
        topic->hello_ms = topic->hello_ms < HELLO_LAST_MS ? 2 * topic->hello_ms : 0;
    }
}
