/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/pubsub/publisher.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "dbsync/row.h"
#include "dbsync/schema.h"
#include "dbsync/topics.h"

#define HELLO_FIRST_MS 1000
#define HELLO_LAST_MS 64000
#define REVISIONS_MAX 65536 /* transactions that are remembered, to publish each once */
#define ROWS_AT_ONCE 256    /* of one message */

/* A row that subscribers may know. */
struct known {
    UT_hash_handle hh;
    uint64_t revision;
    uint32_t snapshot;
    char *topics; /* NULL: none */
    char key[];   /* "TABLE/ID" */
};

struct topic {
    UT_hash_handle hh;
    uint64_t last; /* number */
    uint64_t said_ms;
    uint32_t hello_ms; /* after that time it is said again; 0: not any more */
    uint32_t round;    /* of the transaction that was said last */
    char name[];
};

/* A transaction that was published. */
struct told {
    UT_hash_handle hh;
    uint64_t revision;
};

/* A row on its way out. */
struct out {
    Df__PublishedRow row; /* strings and data owned */
    char *topics;         /* it has now */
    char *left;           /* it had before, too; NULL: none */
};

struct df_publisher {
    char *id;
    df_publisher_send send;
    void *arg;
    struct known *rows;
    struct topic *topics;
    struct told *told;
    uint32_t snapshot;
    bool in_snapshot, primed; /* it knows what there is */
    uint64_t revision;        /* of what is on its way out */
    uint32_t round;
    struct out *out;
    size_t n_out, room_out;
    uint64_t now_ms;
    struct df_publisher_tally tally;
};

struct df_publisher *df_publisher_new(const char *id, df_publisher_send send, void *arg)
{
    struct df_publisher *publisher = calloc(1, sizeof(*publisher));
    if (!publisher)
        return NULL;
    publisher->id = strdup(id);
    publisher->send = send;
    publisher->arg = arg;
    if (publisher->id)
        return publisher;
    free(publisher);
    return NULL;
}

static void drop_out(struct df_publisher *publisher)
{
    for (size_t i = 0; i < publisher->n_out; i++) {
        struct out *out = &publisher->out[i];
        free(out->row.table);
        free(out->row.id);
        free(out->row.data.data);
        free(out->topics);
        free(out->left);
    }
    publisher->n_out = 0;
}

static void forget_row(struct df_publisher *publisher, struct known *known)
{
    HASH_DEL(publisher->rows, known);
    free(known->topics);
    free(known);
}

void df_publisher_free(struct df_publisher *publisher)
{
    struct known *known, *next_known;
    struct topic *topic, *next_topic;
    struct told *told, *next_told;
    if (!publisher)
        return;
    HASH_ITER(hh, publisher->rows, known, next_known) {
        forget_row(publisher, known);
    }
    HASH_ITER(hh, publisher->topics, topic, next_topic) {
        HASH_DEL(publisher->topics, topic);
        free(topic);
    }
    HASH_ITER(hh, publisher->told, told, next_told) {
        HASH_DEL(publisher->told, told);
        free(told);
    }
    drop_out(publisher);
    free(publisher->out);
    free(publisher->id);
    free(publisher);
}

/* ---- Messages */

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
    size_t n = 0;
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
        rows[n++] = &out->row;
        if (n == ROWS_AT_ONCE) {
            rc = say(publisher, topic, rows, n);
            n = 0;
        }
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

static void remember_told(struct df_publisher *publisher, uint64_t revision)
{
    struct told *told = calloc(1, sizeof(*told));
    if (!told)
        return;
    told->revision = revision;
    HASH_ADD(hh, publisher->told, revision, sizeof(told->revision), told);
    if (HASH_COUNT(publisher->told) <= REVISIONS_MAX)
        return;
    told = publisher->told; /* uthash keeps the order of arrival */
    HASH_DEL(publisher->told, told);
    free(told);
}

static bool was_told(const struct df_publisher *publisher, uint64_t revision)
{
    struct told *told;
    HASH_FIND(hh, publisher->told, &revision, sizeof(revision), told);
    return told != NULL;
}

int df_publisher_flush(struct df_publisher *publisher)
{
    int rc = 0;
    if (publisher->n_out == 0)
        return 0;
    publisher->round++;
    for (size_t i = 0; i < publisher->n_out && rc == 0; i++) {
        const struct out *out = &publisher->out[i];
        rc = say_to_each(publisher, out->topics ? out->topics : DF_TOPIC_EVERYBODY);
        if (rc == 0)
            rc = say_to_each(publisher, out->left);
    }
    remember_told(publisher, publisher->revision);
    drop_out(publisher);
    return rc;
}

/* ---- Rows */

static struct known *want_row(struct df_publisher *publisher, const char *table, const char *id)
{
    char key[512];
    struct known *known;
    size_t len = (size_t)snprintf(key, sizeof(key), "%s/%s", table, id);
    if (len >= sizeof(key))
        return NULL;
    HASH_FIND(hh, publisher->rows, key, len, known);
    if (known)
        return known;
    known = calloc(1, sizeof(*known) + len + 1);
    if (!known)
        return NULL;
    memcpy(known->key, key, len + 1);
    HASH_ADD_KEYPTR(hh, publisher->rows, known->key, len, known);
    return known;
}

/* Leases are everybody's; tables that are not the model's are nobody's. A row that is bad is told as one. */
static bool topics_of(const struct df_db_row *row, char **topics)
{
    ProtobufCMessage *object;
    enum df_nb_table table = df_schema_find(row->table);
    *topics = NULL;
    if (table == DF_NB_TABLES)
        return strcmp(row->table, DF_DB_LEASES) == 0;
    if (!row->data || df_row_decode(table, row->id, row->data, row->len, &object, NULL))
        return true;
    df_topics_of(table, object, topics);
    protobuf_c_message_free_unpacked(object, NULL);
    return true;
}

static int add_out(struct df_publisher *publisher, const struct df_db_row *row, char *topics, char *left)
{
    if (publisher->n_out == publisher->room_out) {
        size_t room = publisher->room_out ? publisher->room_out * 2 : 16;
        struct out *out = realloc(publisher->out, room * sizeof(*out));
        if (!out)
            return -ENOMEM;
        publisher->out = out;
        publisher->room_out = room;
    }
    struct out *out = &publisher->out[publisher->n_out++];
    *out = (struct out){.row = DF__PUBLISHED_ROW__INIT, .topics = topics, .left = left};
    out->row.table = strdup(row->table);
    out->row.id = strdup(row->id);
    out->row.has_data = row->data != NULL;
    out->row.data.len = row->len;
    out->row.data.data = malloc(row->len + 1);
    if (!out->row.table || !out->row.id || !out->row.data.data)
        return -ENOMEM;
    if (row->data)
        memcpy(out->row.data.data, row->data, row->len);
    return 0;
}

/* Takes a row over into what is known, and puts it on its way. */
static int take_row(struct df_publisher *publisher, const struct df_db_row *row)
{
    char *topics;
    if (!topics_of(row, &topics))
        return 0;
    struct known *known = want_row(publisher, row->table, row->id);
    char *copy = topics ? strdup(topics) : NULL;
    if (!known || (topics && !copy)) {
        free(topics);
        free(copy);
        return -ENOMEM;
    }
    char *left = known->topics;
    known->topics = copy;
    known->revision = row->revision;
    known->snapshot = publisher->snapshot;
    if (!row->data) { /* it concerned whom it concerned */
        topics = left;
        left = NULL;
        forget_row(publisher, known);
    }
    return add_out(publisher, row, topics, left);
}

void df_publisher_snapshot_begin(struct df_publisher *publisher)
{
    df_publisher_flush(publisher);
    publisher->snapshot++;
    publisher->in_snapshot = true;
}

/* The first snapshot tells nobody anything: who listens reads the database first. Later ones tell what differs. */
int df_publisher_snapshot_row(struct df_publisher *publisher, const struct df_db_row *row)
{
    char *topics;
    if (!topics_of(row, &topics))
        return 0;
    free(topics);
    struct known *known = want_row(publisher, row->table, row->id);
    if (!known)
        return -ENOMEM;
    known->snapshot = publisher->snapshot;
    if (known->revision == row->revision)
        return 0;
    publisher->revision = row->revision;
    int rc = take_row(publisher, row);
    if (!publisher->primed)
        drop_out(publisher);
    return rc ? rc : df_publisher_flush(publisher);
}

static int tell_gone(struct df_publisher *publisher, const struct known *known, uint64_t revision)
{
    char table[512];
    snprintf(table, sizeof(table), "%s", known->key);
    char *slash = strchr(table, '/');
    *slash = '\0';
    struct df_db_row row = {.table = table, .id = slash + 1, .revision = revision};
    publisher->revision = revision;
    int rc = take_row(publisher, &row);
    return rc ? rc : df_publisher_flush(publisher);
}

int df_publisher_snapshot_end(struct df_publisher *publisher, uint64_t revision)
{
    struct known *known, *next;
    int rc = 0;
    HASH_ITER(hh, publisher->rows, known, next) {
        if (known->snapshot != publisher->snapshot && rc == 0)
            rc = tell_gone(publisher, known, revision);
    }
    publisher->revision = revision;
    publisher->in_snapshot = false;
    publisher->primed = rc == 0;
    return rc;
}

int df_publisher_change(struct df_publisher *publisher, const struct df_db_row *row)
{
    int rc = 0;
    if (row->revision != publisher->revision)
        rc = df_publisher_flush(publisher);
    if (rc || was_told(publisher, row->revision))
        return rc;
    publisher->revision = row->revision;
    return take_row(publisher, row);
}

/* ---- Pushes */

int df_publisher_push(struct df_publisher *publisher, const void *data, size_t len, struct df_error *error)
{
    Df__Publication *push = df_publication_read(NULL, 0, data, len, error);
    int rc = 0;
    if (!push) {
        publisher->tally.refused++;
        return -EPROTO;
    }
    publisher->tally.pushed++;
    bool told = was_told(publisher, push->revision);
    publisher->tally.repeated += told;
    if (publisher->primed && !told) {
        rc = df_publisher_flush(publisher);
        publisher->revision = push->revision;
        for (size_t i = 0; i < push->n_rows && rc == 0; i++) {
            const Df__PublishedRow *row = push->rows[i];
            rc = take_row(publisher, &(struct df_db_row){.table = row->table,
                                                         .id = row->id,
                                                         .data = row->has_data ? row->data.data : NULL,
                                                         .len = row->data.len,
                                                         .revision = push->revision});
        }
        if (rc == 0)
            rc = df_publisher_flush(publisher);
    }
    df__publication__free_unpacked(push, NULL);
    return rc;
}

/* ---- Hellos */

/* A topic of which nothing was said yet is not kept: who listens chooses its name, and may choose as many as it likes. */
void df_publisher_subscribed(struct df_publisher *publisher, const char *frame, size_t len)
{
    size_t end = strlen(DF_PUBLICATION_END);
    char name[256];
    struct topic *topic;
    if (len <= end || len - end >= sizeof(name) || memcmp(frame + len - end, DF_PUBLICATION_END, end) != 0)
        return; /* to everything: it will hear the hello to everybody */
    memcpy(name, frame, len - end);
    name[len - end] = '\0';
    HASH_FIND_STR(publisher->topics, name, topic);
    send_message(publisher, name, topic ? topic->last : 0, NULL, 0);
}

void df_publisher_tick(struct df_publisher *publisher, uint64_t now_ms)
{
    publisher->now_ms = now_ms;
    struct topic *everybody = want_topic(publisher, DF_TOPIC_EVERYBODY, strlen(DF_TOPIC_EVERYBODY));
    for (struct topic *topic = publisher->topics; topic; topic = topic->hh.next) {
        if (topic != everybody && (topic->hello_ms == 0 || now_ms < topic->said_ms + topic->hello_ms))
            continue;
        say(publisher, topic, NULL, 0);
        topic->hello_ms = topic->hello_ms < HELLO_LAST_MS ? 2 * topic->hello_ms : 0;
    }
}

struct df_publisher_tally df_publisher_tally(const struct df_publisher *publisher)
{
    struct df_publisher_tally tally = publisher->tally;
    tally.rows = HASH_COUNT(publisher->rows);
    tally.topics = HASH_COUNT(publisher->topics);
    return tally;
}
