/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dbsync/drivers/redis/redis.h"
#include "dbsync/drivers/redis/scan.h"
#include "dbsync/drivers/redis/watch.h"

/* Which rows a handle is told of. */

#define LOG DF_REDIS_BASE ":log"
#define LOG_OF LOG ":"
#define ENTRIES_MAX 16384 /* in one answer */
#define ENTRIES_OF_STREAM_MAX 256

void df_redis_view_streams(const struct df_redis_view *view, struct df_redis_command *command, const char *from)
{
    size_t n = view->is_partial ? view->n : 1;
    df_redis_command_word(command, "STREAMS");
    for (size_t i = 0; i < n; i++)
        df_redis_command_word(command, view->is_partial ? view->streams[i] : LOG);
    for (size_t i = 0; i < n; i++)
        df_redis_command_word(command, from);
}

unsigned df_redis_view_count(const struct df_redis_view *view)
{
    size_t n = view->is_partial ? ENTRIES_MAX / view->n : ENTRIES_OF_STREAM_MAX;
    return (unsigned)(n < ENTRIES_OF_STREAM_MAX ? n : ENTRIES_OF_STREAM_MAX);
}

void df_redis_view_clear(struct df_redis_view *view)
{
    for (size_t i = 0; i < view->n; i++)
        free(view->streams[i]);
    free(view->streams);
    *view = (struct df_redis_view){0};
}

const char *df_redis_view_topic(const struct df_redis_view *view, size_t i)
{
    return view->streams[i] + strlen(LOG_OF);
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int add(struct df_redis_view *view, const char *topic)
{
    size_t len = strlen(topic);
    char *stream = malloc(strlen(LOG_OF) + len + 1);
    if (!stream)
        return -ENOMEM;
    memcpy(stream, LOG_OF, strlen(LOG_OF));
    memcpy(stream + strlen(LOG_OF), topic, len + 1);
    view->streams[view->n++] = stream;
    return 0;
}

static void drop_doubles(struct df_redis_view *view)
{
    size_t kept = 0;
    for (size_t i = 0; i < view->n; i++) {
        if (kept && strcmp(view->streams[kept - 1], view->streams[i]) == 0)
            free(view->streams[i]);
        else
            view->streams[kept++] = view->streams[i];
    }
    view->n = kept;
}

/* What has no topic is the topic "", which everybody follows. */
static int make(struct df_redis_view *view, const char *const *topics, size_t n, struct df_error *error)
{
    *view = (struct df_redis_view){.is_partial = n > 0};
    if (n == 0)
        return 0;
    if (n > DF_REDIS_FOLLOW_MAX)
        return df_error_set(error, -E2BIG, "%zu topics are more than the %d that can be followed", n,
                            DF_REDIS_FOLLOW_MAX);
    view->streams = calloc(n + 1, sizeof *view->streams);
    int rc = view->streams ? add(view, "") : -ENOMEM;
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = add(view, topics[i]);
    if (rc) {
        df_redis_view_clear(view);
        return df_error_set(error, rc, "out of memory");
    }
    qsort(view->streams, view->n, sizeof *view->streams, compare);
    drop_doubles(view);
    return 0;
}

bool df_redis_view_has(const struct df_redis_view *view, const struct df_redis_view *other, size_t i)
{
    return !view->is_partial || bsearch(&other->streams[i], view->streams, view->n, sizeof *view->streams, compare);
}

/* Nothing at all was followed before: everything was told, and nothing is new. */
int df_redis_follow(struct df_db *db, const char *const *topics, size_t n, df_db_row_cb cb, void *arg,
                    struct df_error *error)
{
    struct df_redis_view view;
    int rc = make(&view, topics, n, error);
    if (rc)
        return rc;
    struct df_redis_scan *scan;
    rc = df_redis_scan_new(db, &scan, error);
    if (rc == 0 && !view.is_partial && db->view.is_partial)
        rc = df_redis_scan_rows(scan, NULL, error);
    for (size_t i = 0; rc == 0 && i < view.n; i++)
        if (!df_redis_view_has(&db->view, &view, i))
            rc = df_redis_scan_rows(scan, df_redis_view_topic(&view, i), error);
    if (rc) {
        df_redis_view_clear(&view);
        df_redis_scan_free(scan);
        return rc;
    }
    df_redis_view_clear(&db->view);
    db->view = view;
    if (db->watch)
        df_redis_watch_restart(db->watch);
    rc = df_redis_scan_tell(scan, cb, arg);
    df_redis_scan_free(scan);
    return rc;
}
