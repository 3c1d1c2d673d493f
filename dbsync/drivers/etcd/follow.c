/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dbsync/drivers/etcd/watch.h"

/* Which topics a handle follows, and what is told when that changes. */

struct telling {
    df_db_row_cb cb;
    void *arg;
};

static int tell_row(const struct df_etcd_row *row, void *arg)
{
    const struct telling *telling = arg;
    return row->places.shared ? 0 : df_etcd_tell(row, telling->cb, telling->arg);
}

static void free_topics(char **topics, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(topics[i]);
    free(topics);
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static char **copy_topics(const char *const *topics, size_t n)
{
    char **copy = calloc(n + 1, sizeof *copy);
    for (size_t i = 0; copy && i < n; i++) {
        copy[i] = strndup(topics[i], DF_ETCD_NAME_MAX);
        if (copy[i])
            continue;
        free_topics(copy, i);
        return NULL;
    }
    if (copy)
        qsort(copy, n, sizeof *copy, compare);
    return copy;
}

/* Where the new watches begin: where the old ones of the same range are, or at `told`. */
static int take_over(struct df_etcd_watch *watch, char *const *old, size_t n_old, bool followed, uint64_t told)
{
    struct watched *list = watch->list;
    watch->list = NULL;
    if (df_etcd_watch_set_ranges(watch, told)) {
        watch->list = list;
        return -ENOMEM;
    }
    for (size_t i = 0; list && i < watch->n; i++) {
        const char *topic = i ? watch->db->topics[i - 1] : NULL;
        char *const *at = topic && followed ? bsearch(&topic, old, n_old, sizeof *old, compare) : NULL;
        if (!topic || !followed)
            watch->list[i].told = list[0].told;
        else if (at)
            watch->list[i].told = list[1 + (at - old)].told;
    }
    free(list);
    return 0;
}

/* Rows of topics that were not followed, as of now. */
static int tell_new(struct df_db *db, char *const *old, size_t n_old, df_db_row_cb cb, void *arg, uint64_t *revision,
                    struct df_error *error)
{
    struct telling telling = {cb, arg};
    struct df_etcd_range range;
    int rc = 0;
    for (size_t i = 0; i < db->n_topics && rc == 0; i++) {
        if (n_old && bsearch(&db->topics[i], old, n_old, sizeof *old, compare))
            continue;
        df_etcd_range_topic(&range, db->topics[i]);
        rc = df_etcd_read(db, &range, revision, tell_row, &telling, error);
    }
    return rc;
}

int df_etcd_follow(struct df_db *db, const char *const *topics, size_t n, df_db_row_cb cb, void *arg,
                   struct df_error *error)
{
    struct df_etcd_watch *watch = df_etcd_watch_of(db);
    char **old = db->topics, **new = copy_topics(topics, n);
    size_t n_old = db->n_topics;
    bool followed = db->follows;
    uint64_t told = 0;
    if (!watch || !new) {
        free_topics(new, new ? n : 0);
        return df_error_set(error, -ENOMEM, "out of memory");
    }
    df_etcd_watch_stop(watch);
    db->topics = new;
    db->n_topics = n;
    db->follows = n > 0;
    int rc = followed && n ? tell_new(db, old, n_old, cb, arg, &told, error) : 0;
    if (rc == 0 && watch->list)
        rc = take_over(watch, old, n_old, followed, told ? told : db->position);
    if (rc || (followed && !n))
        watch->lost = true;
    free_topics(old, n_old);
    df_etcd_client_ring(db->client, true);
    return rc;
}
