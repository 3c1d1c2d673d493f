/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/pubsub/publisher.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dbsync/pubsub/publisher_private.h"
#include "dbsync/row.h"
#include "dbsync/schema.h"
#include "dbsync/topics.h"

#define REVISIONS_MAX 65536 /* transactions that are remembered, to publish each once */

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

static void free_out(struct out *out)
{
    free(out->row.table);
    free(out->row.id);
    free(out->row.data.data);
    free(out->topics);
    free(out->left);
}

static void drop_out(struct df_publisher *publisher)
{
    while (publisher->n_out > 0)
        free_out(&publisher->out[--publisher->n_out]);
}

void df_publisher_free(struct df_publisher *publisher)
{
    struct topic *topic, *next_topic;
    struct greeting *greeting, *next_greeting;
    struct told *told, *next_told;
    if (!publisher)
        return;
    df_publisher_forget_rows(publisher);
    HASH_ITER(hh, publisher->topics, topic, next_topic) {
        HASH_DEL(publisher->topics, topic);
        free(topic);
    }
    HASH_ITER(hh, publisher->greetings, greeting, next_greeting) {
        HASH_DEL(publisher->greetings, greeting);
        free(greeting);
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

/* ---- Transactions that were told */

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
    if (publisher->n_out == 0)
        return 0;
    int rc = df_publisher_say_out(publisher);
    remember_told(publisher, publisher->revision);
    drop_out(publisher);
    return rc;
}

/* ---- Rows */

/* Leases are everybody's; tables that are not the model's are nobody's. A row that is bad is told as one. */
static bool topics_of(struct df_publisher *publisher, const struct df_db_row *row, char **topics)
{
    ProtobufCMessage *object;
    enum df_nb_table table = df_schema_find(row->table);
    *topics = NULL;
    if (!df_publication_carries(row->table, row->id, row->len)) {
        publisher->tally.untold++;
        return false;
    }
    if (table == DF_NB_TABLES)
        return strcmp(row->table, DF_DB_LEASES) == 0;
    if (!row->data || df_row_decode(table, row->id, row->data, row->len, &object, NULL))
        return true;
    df_topics_of(table, object, topics);
    protobuf_c_message_free_unpacked(object, NULL);
    return true;
}

static int want_room(struct df_publisher *publisher)
{
    if (publisher->n_out < publisher->room_out)
        return 0;
    size_t room = publisher->room_out ? publisher->room_out * 2 : 16;
    struct out *out = realloc(publisher->out, room * sizeof(*out));
    if (!out)
        return -ENOMEM;
    publisher->out = out;
    publisher->room_out = room;
    return 0;
}

/* Takes topics and left over, also when it fails. */
static int add_out(struct df_publisher *publisher, const struct df_db_row *row, char *topics, char *left)
{
    struct out out = {.row = DF__PUBLISHED_ROW__INIT, .topics = topics, .left = left};
    out.row.table = strdup(row->table);
    out.row.id = strdup(row->id);
    out.row.has_data = row->data != NULL;
    out.row.data.len = row->len;
    out.row.data.data = malloc(row->len + 1);
    if (!out.row.table || !out.row.id || !out.row.data.data || want_room(publisher) != 0) {
        free_out(&out);
        return -ENOMEM;
    }
    if (row->data)
        memcpy(out.row.data.data, row->data, row->len);
    publisher->out[publisher->n_out++] = out;
    return 0;
}

/* Takes a row over into what is known, and puts it on its way. */
static int take_row(struct df_publisher *publisher, const struct df_db_row *row)
{
    char *topics;
    if (!topics_of(publisher, row, &topics))
        return 0;
    struct known *known = df_publisher_want_row(publisher, row->table, row->id);
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
        df_publisher_forget_row(publisher, known);
    }
    return add_out(publisher, row, topics, left);
}

/* Of a transaction. What is older than what is known would name those who knew the row before for those who know it. */
static int take_change(struct df_publisher *publisher, const struct df_db_row *row)
{
    if (!df_publisher_is_late(publisher, row))
        return take_row(publisher, row);
    publisher->tally.late++;
    return 0;
}

void df_publisher_snapshot_begin(struct df_publisher *publisher)
{
    df_publisher_flush(publisher);
    publisher->snapshot++;
    publisher->in_snapshot = true;
}

/* The first snapshot tells nobody anything: who listens reads the database behind it. Later ones tell what differs. */
int df_publisher_snapshot_row(struct df_publisher *publisher, const struct df_db_row *row)
{
    char *topics;
    if (!topics_of(publisher, row, &topics))
        return 0;
    free(topics);
    struct known *known = df_publisher_want_row(publisher, row->table, row->id);
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

/* A lease is no transaction: nobody pushes it, and what it comes by may be the revision of the last one. */
int df_publisher_change(struct df_publisher *publisher, const struct df_db_row *row)
{
    int rc = 0;
    bool is_lease = strcmp(row->table, DF_DB_LEASES) == 0;
    if (row->revision != publisher->revision)
        rc = df_publisher_flush(publisher);
    if (rc || (!is_lease && was_told(publisher, row->revision)))
        return rc;
    publisher->revision = row->revision;
    return is_lease ? take_row(publisher, row) : take_change(publisher, row);
}

/* ---- Pushes */

void df_publisher_cut_off(struct df_publisher *publisher, bool cut_off)
{
    publisher->cut_off = cut_off;
}

bool df_publisher_may_speak(const struct df_publisher *publisher)
{
    return publisher->primed && !publisher->cut_off;
}

int df_publisher_push(struct df_publisher *publisher, const void *data, size_t len, struct df_error *error)
{
    Df__Publication *push = df_publication_read(NULL, 0, data, len, error);
    int rc = 0;
    if (!push) {
        publisher->tally.refused++;
        return -EPROTO;
    }
    publisher->tally.pushed++;
    bool told = was_told(publisher, push->revision), speaks = df_publisher_may_speak(publisher);
    publisher->tally.repeated += told;
    publisher->tally.left += !speaks && !told;
    if (speaks && !told) {
        rc = df_publisher_flush(publisher);
        publisher->revision = push->revision;
        for (size_t i = 0; i < push->n_rows && rc == 0; i++) {
            const Df__PublishedRow *row = push->rows[i];
            rc = take_change(publisher, &(struct df_db_row){.table = row->table,
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

struct df_publisher_tally df_publisher_tally(const struct df_publisher *publisher)
{
    struct df_publisher_tally tally = publisher->tally;
    tally.rows = HASH_COUNT(publisher->rows);
    tally.topics = HASH_COUNT(publisher->topics);
    return tally;
}
