/* SPDX-License-Identifier: Apache-2.0 */
#include "control/daemon/outbox.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "control/log.h"
#include "control/model/alloc.h"
#include "dbsync/field.h"
#include "dbsync/topics.h"

enum what { WRITE, WITHDRAW, BURY };

/* The ports of a dead node, as of the database: this node may not have heard of all. */
struct burial {
    const char *host;
    bool is_listed;
    char **ids; /* still to be marked */
    size_t n, room;
};

struct item {
    UT_hash_handle hh;
    enum what what;
    enum df_nb_table table;
    ProtobufCMessage *object; /* of WRITE */
    struct burial burial;     /* of BURY */
    char *id;                 /* in key */
    char key[];               /* "TABLE/ID", or "/HOST" of a burial */
};

struct df_outbox {
    const char *driver;
    struct df_db_config database;
    pthread_mutex_t lock;
    struct item *items;   /* in order of the first wish */
    struct item *written; /* just now, by df_outbox_write(); it is not among items */
    bool unwanted;        /* nobody wants what is left of it any more */
};

struct df_outbox *df_outbox_new(const char *driver, const struct df_db_config *database)
{
    struct df_outbox *outbox = df_alloc(sizeof(*outbox));
    outbox->driver = driver;
    outbox->database = *database;
    pthread_mutex_init(&outbox->lock, NULL);
    return outbox;
}

static void forget_list(struct burial *burial)
{
    while (burial->n > 0)
        free(burial->ids[--burial->n]);
    free(burial->ids);
    *burial = (struct burial){0};
}

static void item_free(struct item *item)
{
    forget_list(&item->burial);
    if (item->object)
        protobuf_c_message_free_unpacked(item->object, NULL);
    free(item);
}

void df_outbox_free(struct df_outbox *outbox)
{
    struct item *item, *next;
    if (!outbox)
        return;
    HASH_ITER(hh, outbox->items, item, next) {
        HASH_DEL(outbox->items, item);
        item_free(item);
    }
    pthread_mutex_destroy(&outbox->lock);
    free(outbox);
}

/* ---- Wishes */

static struct item *item_new(enum what what, const char *table, const char *id)
{
    size_t len = strlen(table) + 1 + strlen(id) + 1;
    struct item *item = df_alloc(sizeof(*item) + len);
    snprintf(item->key, len, "%s/%s", table, id);
    item->what = what;
    item->id = item->key + strlen(table) + 1;
    return item;
}

static void keep(struct df_outbox *outbox, struct item *item)
{
    struct item *old;
    pthread_mutex_lock(&outbox->lock);
    HASH_FIND_STR(outbox->items, item->key, old);
    if (old)
        HASH_DEL(outbox->items, old);
    HASH_ADD_STR(outbox->items, key, item);
    pthread_mutex_unlock(&outbox->lock);
    if (old)
        item_free(old);
}

void df_outbox_put(struct df_outbox *outbox, enum df_nb_table table, const char *id, const ProtobufCMessage *object)
{
    struct item *item = item_new(object ? WRITE : WITHDRAW, df_schema_table(table)->name, id);
    item->table = table;
    if (object) {
        item->object = df_message_copy(object);
        if (!item->object)
            abort(); /* as df_alloc() */
    }
    keep(outbox, item);
}

void df_outbox_bury(struct df_outbox *outbox, const char *host)
{
    keep(outbox, item_new(BURY, "", host));
}

void df_outbox_spare(struct df_outbox *outbox, const char *host)
{
    struct item *item, *burial = item_new(BURY, "", host);
    pthread_mutex_lock(&outbox->lock);
    HASH_FIND_STR(outbox->items, burial->key, item);
    if (item)
        HASH_DEL(outbox->items, item);
    if (outbox->written && strcmp(outbox->written->key, burial->key) == 0)
        outbox->unwanted = true;
    pthread_mutex_unlock(&outbox->lock);
    if (item)
        item_free(item);
    item_free(burial);
}

/* ---- Writing */

/* An operator may have set more of a chassis than the node says of itself. */
static int write_chassis(struct df_nb *nb, const struct item *item, struct df_error *error)
{
    ProtobufCMessage *stored;
    int rc = df_nb_get(nb, item->table, item->id, &stored, error);
    if (rc)
        return rc == -ENOENT || rc == -EBADMSG ? df_nb_write(nb, DF_NB_PUT, item->table, item->object, error) : rc;
    bool same = df_message_equal(stored, item->object);
    protobuf_c_message_free_unpacked(stored, NULL);
    return same ? 0 : df_nb_write(nb, DF_NB_UPDATE, item->table, item->object, error);
}

static int write_row(struct df_nb *nb, const struct item *item, struct df_error *error)
{
    return item->table == DF_NB_CHASSIS ? write_chassis(nb, item, error)
                                        : df_nb_write(nb, DF_NB_ENSURE, item->table, item->object, error);
}

/* A port that moved may have been told of by its new node before the old one lets go. */
static int withdraw(struct df_nb *nb, const struct item *item, const char *host, struct df_error *error)
{
    ProtobufCMessage *stored;
    int rc = df_nb_get(nb, item->table, item->id, &stored, error);
    if (rc)
        return rc == -ENOENT ? 0 : rc;
    const Df__PortStatus *status = (const Df__PortStatus *)stored;
    bool ours = item->table == DF_NB_PORT_STATUS && status->chassis && strcmp(status->chassis, host) == 0;
    protobuf_c_message_free_unpacked(stored, NULL);
    rc = ours ? df_nb_delete(nb, item->table, item->id, error) : 0;
    return rc == -ENOENT ? 0 : rc;
}

static void list_port(struct df_nb_change *change, void *arg)
{
    struct burial *burial = arg;
    const Df__PortStatus *status = (const Df__PortStatus *)change->object;
    if (change->event != DF_NB_SET || !status->chassis || strcmp(status->chassis, burial->host) != 0 ||
        (status->has_attached && !status->attached && status->applied_version == 0))
        return;
    if (burial->n == burial->room) {
        burial->room = burial->room ? 2 * burial->room : 64;
        burial->ids = df_realloc(burial->ids, burial->room * sizeof(*burial->ids));
    }
    burial->ids[burial->n++] = df_strdup(change->id);
}

static int mark_dead(ProtobufCMessage **object, void *arg, struct df_error *error)
{
    Df__PortStatus *status = (Df__PortStatus *)*object;
    const char *host = arg;
    char reason[300];
    if (!status->chassis || strcmp(status->chassis, host) != 0)
        return df_error_set(error, -ECANCELED, "port_status '%s': not %s's any more", status->id, host);
    snprintf(reason, sizeof(reason), "chassis %.200s is dead", host);
    free(status->reason);
    status->reason = df_strdup(reason);
    status->has_attached = status->has_applied_version = true;
    status->attached = false;
    status->applied_version = 0;
    return 0;
}

static void pass_over(struct df_nb_change *change, void *arg)
{
    (void)change;
    (void)arg;
}

/*
 * By a handle of its own, as that of a selective node does not tell of what others say of their ports; and by topics, as
 * all that a cloud has is much to read for each death.
 */
static int list_ports(const struct df_outbox *outbox, struct burial *burial, struct df_error *error)
{
    struct df_nb *nb = NULL;
    char *own = df_topic(DF_TOPIC_STATUS, burial->host);
    const char *const topics[] = {own, DF_TOPIC_STATUS};
    int rc =
        own ? df_nb_open(outbox->driver, &outbox->database, &nb, error) : df_error_set(error, -ENOMEM, "out of memory");
    if (rc == 0)
        rc = df_nb_follow(nb, topics, 2, pass_over, NULL, error);
    if (rc >= 0)
        rc = df_nb_list(nb, DF_NB_PORT_STATUS, list_port, burial, error);
    df_nb_close(nb);
    free(own);
    return rc;
}

/* Such a row is given up: trying again changes nothing. */
static bool is_hopeless(int rc)
{
    return rc == -EINVAL || rc == -EROFS || rc == -EBADMSG;
}

/* Lists the ports, or marks the next one. 1: there are more. */
static int bury(struct df_outbox *outbox, struct df_nb *nb, struct item *item, struct df_error *error)
{
    struct burial *burial = &item->burial;
    if (!burial->is_listed) {
        forget_list(burial); /* of a list that broke off */
        burial->host = item->id;
        int rc = list_ports(outbox, burial, error);
        burial->is_listed = rc == 0;
        return rc ? rc : burial->n > 0;
    }
    int rc = df_nb_edit(nb, DF_NB_PORT_STATUS, burial->ids[burial->n - 1], mark_dead, item->id, error);
    if (rc == -ENOENT || rc == -ECANCELED)
        rc = 0;
    if (rc == 0 || is_hopeless(rc))
        free(burial->ids[--burial->n]);
    return rc ? rc : burial->n > 0;
}

/* 1: a part of it was written. */
static int write_item(struct df_outbox *outbox, struct df_nb *nb, struct item *item, const char *host,
                      struct df_error *error)
{
    switch (item->what) {
    case WRITE:
        return write_row(nb, item, error);
    case WITHDRAW:
        return withdraw(nb, item, host, error);
    case BURY:
        break;
    }
    return bury(outbox, nb, item, error);
}

static struct item *take(struct df_outbox *outbox)
{
    pthread_mutex_lock(&outbox->lock);
    struct item *item = outbox->items;
    if (item)
        HASH_DEL(outbox->items, item);
    outbox->written = item;
    outbox->unwanted = false;
    pthread_mutex_unlock(&outbox->lock);
    return item;
}

/* What is left of it waits for its turn, unless there was another wish meanwhile. Returns whether anything waits. */
static bool put_back(struct df_outbox *outbox, struct item *item, bool is_left)
{
    struct item *newer;
    pthread_mutex_lock(&outbox->lock);
    HASH_FIND_STR(outbox->items, item->key, newer);
    is_left = is_left && !newer && !outbox->unwanted;
    if (is_left)
        HASH_ADD_STR(outbox->items, key, item);
    outbox->written = NULL;
    bool waits = outbox->items != NULL;
    pthread_mutex_unlock(&outbox->lock);
    if (!is_left)
        item_free(item);
    return waits;
}

int df_outbox_write(struct df_outbox *outbox, struct df_nb *nb, const char *host, struct df_error *error)
{
    struct item *item = take(outbox);
    if (!item)
        return 0;
    int rc = write_item(outbox, nb, item, host, error);
    if (is_hopeless(rc)) {
        df_log(DF_LOG_ERROR, "cannot tell the database of this node: %s", error->text);
        rc = item->burial.n > 0;
    }
    bool waits = put_back(outbox, item, rc != 0);
    return rc < 0 ? rc : waits;
}
