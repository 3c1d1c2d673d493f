/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dbsync/nb_private.h"
#include "dbsync/row.h"

/* Rows of a driver become events of the NB API. */

static void tell(struct df_nb_teller *teller, struct df_nb_change *change)
{
    teller->cb(change, teller->arg);
    teller->events++;
    if (change->object)
        protobuf_c_message_free_unpacked(change->object, NULL);
}

/* Of a table of the model. What concerns nobody here (any more) is gone, as far as this node is concerned. */
static void tell_object(struct df_nb_teller *teller, const struct df_db_row *row, struct df_nb_change *change)
{
    struct df_error error;
    if (!row->data) {
        change->event = DF_NB_DELETE;
    } else if (df_row_decode(change->table, row->id, row->data, row->len, &change->object, &error)) {
        change->event = DF_NB_BAD;
        change->error = error.text;
    } else if (!df_nb_follows(teller->nb, change->table, change->object)) {
        protobuf_c_message_free_unpacked(change->object, NULL);
        change->object = NULL;
        change->event = DF_NB_DELETE;
    }
    if (change->event != DF_NB_DELETE || !teller->in_snapshot)
        tell(teller, change);
}

static void tell_lease(struct df_nb_teller *teller, const struct df_db_row *row, struct df_nb_change *change)
{
    char owner[256];
    change->event = row->data ? DF_NB_LEASE_HELD : DF_NB_LEASE_ENDED;
    snprintf(owner, sizeof owner, "%.*s", row->data ? (int)(row->len < sizeof owner ? row->len : sizeof owner) : 0,
             row->data ? (const char *)row->data : "");
    change->owner = owner;
    tell(teller, change);
}

/* Rows of tables that this program does not know are a newer program's, or the API's own. */
int df_nb_tell_row(const struct df_db_row *row, void *arg)
{
    struct df_nb_change change = {.event = DF_NB_SET, .id = row->id, .revision = row->revision};
    change.table = df_schema_find(row->table);
    if (change.table != DF_NB_TABLES)
        tell_object(arg, row, &change);
    else if (strcmp(row->table, DF_DB_LEASES) == 0)
        tell_lease(arg, row, &change);
    return 0;
}

/*
 * The revision of a snapshot is known when its rows were told, so SNAPSHOT_BEGIN has none. When it breaks off half
 * way there is no SNAPSHOT_END, and the next one begins anew.
 */
static int tell_snapshot(struct df_nb *nb, struct df_nb_teller *teller, struct df_error *error)
{
    struct df_nb_change begin = {.event = DF_NB_SNAPSHOT_BEGIN, .table = DF_NB_TABLES};
    tell(teller, &begin);
    teller->in_snapshot = true;
    int rc = nb->driver->snapshot(nb->db, df_nb_tell_row, teller, &nb->revision, error);
    if (rc)
        return rc;
    nb->synced = true;
    teller->in_snapshot = false;
    struct df_nb_change end = {.event = DF_NB_SNAPSHOT_END, .table = DF_NB_TABLES, .revision = nb->revision};
    tell(teller, &end);
    return 0;
}

/* Listens before a snapshot is taken, so that no change comes between the two. */
static int listen_to_news(struct df_nb *nb, struct df_error *error)
{
    struct df_feed *feed = nb->feed.feed;
    if (!feed || nb->feed.deaf) {
        nb->driver->watch_fd(nb->db);
        return 0;
    }
    df_nb_feed_forget(&nb->feed);
    return feed->ops->follow(feed, (const char *const *)nb->topics, nb->n_topics, NULL, NULL, error);
}

/* A publisher that is heard again is listened to again, by way of a snapshot. */
static int take_news(struct df_nb *nb, struct df_nb_teller *teller, struct df_error *error)
{
    struct df_feed *feed = nb->feed.feed;
    int rc = feed ? feed->ops->take(feed, df_nb_feed_row, teller, error) : -ENOTCONN;
    bool deaf = feed && rc == -ENOTCONN;
    if (deaf != nb->feed.deaf) {
        nb->feed.deaf = deaf;
        return -ESTALE;
    }
    if (feed && rc == 0)
        df_nb_feed_settle_doubt(nb);
    return rc == -ENOTCONN ? nb->driver->watch(nb->db, &nb->revision, df_nb_tell_row, teller, error) : rc;
}

int df_nb_sync(struct df_nb *nb, df_nb_change_cb cb, void *arg, struct df_error *error)
{
    struct df_nb_teller teller = {.nb = nb, .cb = cb, .arg = arg};
    int rc = nb->synced ? take_news(nb, &teller, error) : -ESTALE;
    if (rc == -ESTALE) {
        nb->synced = false;
        rc = listen_to_news(nb, error);
        if (rc == 0)
            rc = tell_snapshot(nb, &teller, error);
    }
    return rc ? rc : teller.events;
}

void df_nb_set_feed(struct df_nb *nb, struct df_feed *feed)
{
    nb->feed.feed = feed;
}

void df_nb_resync(struct df_nb *nb)
{
    nb->synced = false;
}

int df_nb_sync_fd(struct df_nb *nb)
{
    struct df_feed *feed = nb->feed.feed;
    int fd = feed && !nb->feed.deaf ? feed->ops->fd(feed) : nb->driver->watch_fd(nb->db);
    return fd < 0 ? -1 : fd;
}

/* The rows of a list, kept to be told in order. */
struct list {
    enum df_nb_table table; /* DF_NB_TABLES: all */
    struct df_nb_change *changes;
    size_t n, max;
};

static struct df_nb_change *list_add(struct list *list)
{
    if (list->n == list->max) {
        size_t max = list->max ? list->max * 2 : 64;
        struct df_nb_change *changes = realloc(list->changes, max * sizeof *changes);
        if (!changes)
            return NULL;
        list->changes = changes;
        list->max = max;
    }
    struct df_nb_change *change = &list->changes[list->n++];
    *change = (struct df_nb_change){0};
    return change;
}

static int list_row(const struct df_db_row *row, void *arg)
{
    struct list *list = arg;
    struct df_error error;
    enum df_nb_table table = df_schema_find(row->table);
    if (table == DF_NB_TABLES || (list->table != DF_NB_TABLES && list->table != table))
        return 0;
    struct df_nb_change *change = list_add(list);
    if (!change)
        return -ENOMEM;
    change->table = table;
    change->revision = row->revision;
    change->id = strdup(row->id);
    change->event = DF_NB_SET;
    if (df_row_decode(table, row->id, row->data, row->len, &change->object, &error)) {
        change->event = DF_NB_BAD;
        change->error = strdup(error.text);
        return change->id && change->error ? 0 : -ENOMEM;
    }
    return change->id ? 0 : -ENOMEM;
}

static int compare_changes(const void *a, const void *b)
{
    const struct df_nb_change *x = a, *y = b;
    if (x->table != y->table)
        return x->table < y->table ? -1 : 1;
    return strcmp(x->id, y->id);
}

static void list_free(struct list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        struct df_nb_change *change = &list->changes[i];
        if (change->object)
            protobuf_c_message_free_unpacked(change->object, NULL);
        free((char *)(uintptr_t)change->id);
        free((char *)(uintptr_t)change->error);
    }
    free(list->changes);
}

int df_nb_list(struct df_nb *nb, enum df_nb_table table, df_nb_change_cb cb, void *arg, struct df_error *error)
{
    struct list list = {.table = table};
    uint64_t revision;
    int rc = nb->driver->snapshot(nb->db, list_row, &list, &revision, error);
    if (rc == -ENOMEM)
        df_error_set(error, rc, "out of memory");
    if (rc == 0) {
        if (list.n)
            qsort(list.changes, list.n, sizeof list.changes[0], compare_changes);
        for (size_t i = 0; i < list.n; i++)
            cb(&list.changes[i], arg);
    }
    list_free(&list);
    return rc;
}
