/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/etcd/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dbsync/drivers/etcd/etcd.pb-c.h"
#include "dbsync/drivers/etcd/note.h"

/*
 * One stream with a watch for each range: one for who is told of everything, else one for what is everybody's and one a
 * topic. A watch begins behind what was told of its range, so after a broken connection each goes on where it was.
 */

struct df_etcd_watch *df_etcd_watch_of(struct df_db *db)
{
    if (db->watch)
        return db->watch;
    db->watch = calloc(1, sizeof *db->watch);
    if (db->watch) {
        db->watch->db = db;
        df_etcd_queue_init(&db->watch->queue);
    }
    return db->watch;
}

void df_etcd_watch_stop(struct df_etcd_watch *watch)
{
    if (watch->on)
        df_etcd_call_drop(&watch->call);
    watch->on = false;
    watch->generation = 0;
    df_etcd_queue_clear(&watch->queue);
}

void df_etcd_watch_free(struct df_db *db)
{
    if (!db->watch)
        return;
    df_etcd_watch_stop(db->watch);
    free(db->watch->list);
    free(db->watch);
}

/* Ranges. */

int df_etcd_watch_set_ranges(struct df_etcd_watch *watch, uint64_t told)
{
    struct df_db *db = watch->db;
    struct watched *list = calloc(1 + db->n_topics, sizeof *list);
    if (!list)
        return -ENOMEM;
    free(watch->list);
    watch->list = list;
    watch->n = 1 + db->n_topics;
    df_etcd_range_places(&list[0].range, DF_ETCD_LEASE, db->follows ? DF_ETCD_SHARED : DF_ETCD_TOPICAL);
    for (size_t i = 0; i < db->n_topics; i++)
        df_etcd_range_topic(&list[1 + i].range, db->topics[i]);
    for (size_t i = 0; i < watch->n; i++) {
        list[i].told = told;
        list[i].hash = df_etcd_note_hash(i ? db->topics[i - 1] : "");
    }
    return 0;
}

void df_etcd_watch_reset(struct df_db *db, uint64_t position)
{
    struct df_etcd_watch *watch = df_etcd_watch_of(db);
    db->position = position;
    if (!watch)
        return;
    df_etcd_watch_stop(watch);
    watch->lost = df_etcd_watch_set_ranges(watch, position) != 0;
    /* Who polls must call watch() once for the stream to begin. */
    df_etcd_client_ring(db->client, true);
}

/* What etcd says. */

struct hearing {
    struct df_etcd_watch *watch;
    int64_t id;
};

static int hear(const struct df_etcd_news *news, void *arg)
{
    struct hearing *hearing = arg;
    struct df_etcd_watch *watch = hearing->watch;
    hearing->id = news->watch;
    df_etcd_learn(watch->db, news->revision);
    watch->asked = false;
    if (news->canceled && news->compacted) {
        watch->lost = true;
    } else if (news->canceled && news->no_rights) {
        watch->rc = df_error_set(&watch->error, -EACCES, "etcd at %s: grant the user readwrite on %s",
                                 df_etcd_client_location(watch->db->client), DF_ETCD_PREFIX);
    } else if (news->canceled) {
        return -ECONNRESET;
    }
    return 0;
}

static int hear_row(const struct df_etcd_row *row, void *arg)
{
    struct hearing *hearing = arg;
    struct df_etcd_watch *watch = hearing->watch;
    if (hearing->id < 1 || (size_t)hearing->id > watch->n || watch->lost)
        return 0;
    struct watched *watched = &watch->list[hearing->id - 1];
    watched->coming = row->revision;
    if (row->revision <= watched->told)
        return 0;
    watch->lost = df_etcd_queue_add(&watch->queue, row, hearing->id) != 0;
    return 0;
}

static void complete(struct df_etcd_watch *watch, int64_t id)
{
    if (id < 1 || (size_t)id > watch->n)
        return;
    watch->list[id - 1].heard = watch->list[id - 1].coming;
    df_etcd_queue_complete(&watch->queue, id);
}

static int on_message(const uint8_t *data, size_t len, void *arg)
{
    struct df_etcd_watch *watch = arg;
    struct hearing hearing = {.watch = watch};
    struct df_etcd_news news;
    int rc = df_etcd_decode_news(data, len, &news, hear, hear_row, &hearing);
    if (rc == 0 && !news.partial)
        complete(watch, news.watch);
    if (watch->lost)
        df_etcd_queue_clear(&watch->queue);
    if (watch->lost || watch->rc || !df_etcd_queue_is_empty(&watch->queue))
        df_etcd_client_ring(watch->db->client, true);
    return rc;
}

static void on_end(struct df_etcd_call *call)
{
    struct df_etcd_watch *watch = call->arg;
    watch->on = false;
    watch->generation = 0;
    df_etcd_client_ring(watch->db->client, true);
}

/* The stream. */

static int create(struct df_etcd_watch *watch, size_t i, struct df_error *error)
{
    DfEtcd__WatchCreateRequest create = DF_ETCD__WATCH_CREATE_REQUEST__INIT;
    DfEtcd__WatchRequest request = DF_ETCD__WATCH_REQUEST__INIT;
    const struct watched *watched = &watch->list[i];
    create.key = (ProtobufCBinaryData){watched->range.from.len, (uint8_t *)(uintptr_t)watched->range.from.bytes};
    create.range_end = (ProtobufCBinaryData){watched->range.to.len, (uint8_t *)(uintptr_t)watched->range.to.bytes};
    create.start_revision = (int64_t)watched->told + 1;
    create.watch_id = (int64_t)i + 1;
    create.fragment = true;
    request.request_union_case = DF_ETCD__WATCH_REQUEST__REQUEST_UNION_CREATE_REQUEST;
    request.create_request = &create;
    if (i > 0)
        return df_etcd_client_send(&watch->call, &request.base, error);
    watch->call = (struct df_etcd_call){.on_message = on_message, .on_end = on_end, .arg = watch};
    int rc =
        df_etcd_client_open_call(watch->db->client, &watch->call, "/etcdserverpb.Watch/Watch", &request.base, error);
    watch->on = rc == 0;
    return rc;
}

static int start(struct df_etcd_watch *watch, struct df_error *error)
{
    int rc = 0;
    df_etcd_watch_stop(watch);
    watch->asked = false;
    for (size_t i = 0; i < watch->n && rc == 0; i++) {
        watch->list[i].coming = watch->list[i].heard = watch->list[i].told;
        rc = create(watch, i, error);
    }
    if (rc == 0)
        watch->generation = df_etcd_client_generation(watch->db->client);
    return rc;
}

/* A stream without news is asked for a sign of life, and left when it gives none. */
static int check_life(struct df_etcd_watch *watch, struct df_error *error)
{
    struct df_etcd_client *client = watch->db->client;
    unsigned timeout = df_etcd_client_timeout(client), silence = df_etcd_client_silence(client);
    DfEtcd__WatchProgressRequest progress = DF_ETCD__WATCH_PROGRESS_REQUEST__INIT;
    DfEtcd__WatchRequest request = DF_ETCD__WATCH_REQUEST__INIT;
    request.request_union_case = DF_ETCD__WATCH_REQUEST__REQUEST_UNION_PROGRESS_REQUEST;
    request.progress_request = &progress;
    if (silence >= 2 * timeout) {
        int rc = df_error_set(error, -ETIMEDOUT, "etcd at %s: nothing was heard of it for %u ms",
                              df_etcd_client_location(client), silence);
        df_etcd_client_leave(client, rc, error);
        return rc;
    }
    int rc = 0;
    if (silence >= timeout && !watch->asked) {
        watch->asked = true;
        rc = df_etcd_client_send(&watch->call, &request.base, error);
    }
    df_etcd_client_alarm(client, silence < timeout ? timeout - silence : 2 * timeout - silence);
    return rc;
}

/* Telling. */

static void note_told(int64_t id, uint64_t revision, void *arg)
{
    struct df_etcd_watch *watch = arg;
    watch->list[id - 1].told = revision;
}

/* Whether all that is watched of the oldest transaction has come. */
static bool is_whole(const struct df_etcd_watch *watch)
{
    const struct df_etcd_event *note = df_etcd_queue_note(&watch->queue);
    for (size_t i = 0; note && i < watch->n; i++)
        if (watch->list[i].heard < note->revision && df_etcd_note_has(note->data, note->len, watch->list[i].hash))
            return false;
    return true;
}

static bool can_tell(const struct df_etcd_watch *watch)
{
    return !df_etcd_queue_is_empty(&watch->queue) && is_whole(watch);
}

/* What a note promises comes, unless it is none of ours: then it is a gap, for who waits too long. */
static void check_patience(struct df_etcd_watch *watch)
{
    bool waits = !df_etcd_queue_is_empty(&watch->queue) && !is_whole(watch);
    uint64_t waits_for = waits ? df_etcd_queue_revision(&watch->queue) : 0;
    if (waits_for != watch->waits_for)
        watch->waits_since = df_etcd_now();
    watch->waits_for = waits_for;
    if (waits && df_etcd_now() - watch->waits_since > 2 * df_etcd_client_timeout(watch->db->client))
        watch->lost = true;
}

static int tell(struct df_etcd_watch *watch, uint64_t *revision, df_db_row_cb cb, void *arg)
{
    int rc = 0;
    while (rc == 0 && can_tell(watch)) {
        uint64_t at = df_etcd_queue_revision(&watch->queue);
        rc = df_etcd_queue_tell(&watch->queue, note_told, watch, cb, arg);
        if (rc == 0 && at > *revision)
            *revision = at;
    }
    watch->db->position = *revision;
    return rc;
}

/* The connection, and the stream on it. */
static int go_on(struct df_etcd_watch *watch, struct df_error *error)
{
    int rc = df_etcd_client_step(watch->db->client, error);
    if (rc != 1)
        return rc;
    rc = 0;
    if (watch->generation != df_etcd_client_generation(watch->db->client)) {
        rc = start(watch, error);
        if (rc == 0)
            rc = df_etcd_client_step(watch->db->client, error);
    }
    return rc < 0 ? rc : check_life(watch, error);
}

int df_etcd_watch(struct df_db *db, uint64_t *revision, df_db_row_cb cb, void *arg, struct df_error *error)
{
    struct df_etcd_watch *watch = df_etcd_watch_of(db);
    if (!watch)
        return df_error_set(error, -ENOMEM, "out of memory");
    if (*revision > db->known)
        return -ESTALE; /* it is not of this database, or of one that was restored from a backup */
    if (!watch->list || *revision != db->position)
        df_etcd_watch_reset(db, *revision);
    df_etcd_client_ring(db->client, false);
    watch->rc = 0;
    int line = watch->lost ? 0 : go_on(watch, error);
    int rc = tell(watch, revision, cb, arg);
    if (can_tell(watch))
        df_etcd_client_ring(db->client, true);
    check_patience(watch);
    if (rc == 0 && watch->lost)
        return -ESTALE;
    if (rc == 0 && watch->rc)
        return df_error_set(error, watch->rc, "%s", watch->error.text);
    return rc ? rc : line;
}
