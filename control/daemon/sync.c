/* SPDX-License-Identifier: Apache-2.0 */
#include "control/daemon/sync.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/daemon/db_thread.h"
#include "control/log.h"
#include "control/model/alloc.h"

/*
 * What is not of interest any more is forgotten by a snapshot, and not at once, as others may follow. If it is of
 * interest again before, it is read anew: nobody told what went meanwhile.
 */
#define FORGET_AFTER_S 30

enum state { CONNECTING, IN_SYNC, AWAY };

struct df_sync {
    struct df_sync_config config;
    struct df_db_queue *queue;
    struct df_outbox *outbox;
    struct df_db_thread *thread;
    struct event *news;
    struct event *forget;
    char **topics; /* as the thread was told last; sorted */
    size_t n_topics;
    char **lapsed; /* topics that were followed, of which rows are known that nobody speaks of any more */
    size_t n_lapsed;
    enum state state;
    struct df_error error; /* why it is away */
    char *rival;           /* has this host's name; NULL: none */
};

/* ---- News */

static void went_away(struct df_sync *sync, const char *why)
{
    enum state before = sync->state;
    sync->state = AWAY;
    snprintf(sync->error.text, sizeof(sync->error.text), "%s", why);
    if (before == AWAY) {
        df_log(DF_LOG_WARNING, "the database is still away, and now: %s", why);
        return;
    }
    df_log(DF_LOG_WARNING, "the database is away: %s; going on with what is known, and trying again", why);
    df_controller_database(sync->config.controller, true);
    sync->config.away(sync->config.arg);
}

static void came_into_sync(struct df_sync *sync)
{
    if (sync->state != IN_SYNC) {
        df_log(DF_LOG_INFO, "in sync with the database %s:%s", sync->config.driver, sync->config.database.location);
        df_controller_database(sync->config.controller, false);
    }
    sync->state = IN_SYNC;
    sync->config.changed(sync->config.arg);
}

static void set_rival(struct df_sync *sync, const char *why)
{
    if (why)
        df_log(DF_LOG_ERROR, "host %s: %s; no port is opened until that one ends", sync->config.host, why);
    else
        df_log(DF_LOG_INFO, "host %s: no other df-switchd has this name any more: opening its ports",
               sync->config.host);
    free(sync->rival);
    sync->rival = df_strdup(why);
    df_controller_rival(sync->config.controller, why);
    if (sync->state == IN_SYNC)
        sync->config.changed(sync->config.arg);
}

bool df_sync_is_away(const struct df_sync *sync)
{
    return sync->state == AWAY;
}

bool df_sync_has_rival(const struct df_sync *sync)
{
    return sync->rival != NULL;
}

static void take(struct df_sync *sync, struct df_db_news *news)
{
    switch (news->kind) {
    case DF_DB_NEWS_CHANGE:
        df_controller_change(sync->config.controller, &news->change);
        break;
    case DF_DB_NEWS_IN_SYNC:
        came_into_sync(sync);
        break;
    case DF_DB_NEWS_AWAY:
        went_away(sync, news->text);
        break;
    case DF_DB_NEWS_HEARD:
        sync->config.changed(sync->config.arg);
        break;
    case DF_DB_NEWS_RIVAL:
        set_rival(sync, news->text);
        break;
    }
}

static void on_news(evutil_socket_t fd, short what, void *arg)
{
    struct df_sync *sync = arg;
    struct df_db_news *news, *next;
    (void)fd;
    (void)what;
    sync->config.before(sync->config.arg);
    for (news = df_db_queue_take(sync->queue); news; news = next) {
        next = news->next;
        take(sync, news);
        df_db_news_free(news);
    }
    sync->config.after(sync->config.arg);
}

/* ---- Interest */

static void free_list(char **list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(list[i]);
    free(list);
}

static void keep_topics(struct df_sync *sync, const char *const *topics, size_t n)
{
    free_list(sync->topics, sync->n_topics);
    sync->topics = df_alloc((n + 1) * sizeof(*sync->topics));
    for (size_t i = 0; i < n; i++)
        sync->topics[i] = df_strdup(topics[i]);
    sync->n_topics = n;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool has_topic(const char *const *topics, size_t n, const char *topic)
{
    return bsearch(&topic, topics, n, sizeof(*topics), compare) != NULL;
}

static void note_lapsed(struct df_sync *sync, const char *const *topics, size_t n)
{
    sync->lapsed = df_realloc(sync->lapsed, (sync->n_lapsed + sync->n_topics + 1) * sizeof(*sync->lapsed));
    for (size_t i = 0; i < sync->n_topics; i++)
        if (!has_topic(topics, n, sync->topics[i]))
            sync->lapsed[sync->n_lapsed++] = df_strdup(sync->topics[i]);
}

/* Is a topic followed again of which rows are known that may be gone meanwhile? */
static bool comes_back(const struct df_sync *sync, const char *const *topics, size_t n)
{
    for (size_t i = 0; i < sync->n_lapsed; i++)
        if (has_topic(topics, n, sync->lapsed[i]))
            return true;
    return false;
}

/* By a snapshot. */
static void forget(struct df_sync *sync)
{
    event_del(sync->forget);
    free_list(sync->lapsed, sync->n_lapsed);
    sync->lapsed = NULL;
    sync->n_lapsed = 0;
    df_db_thread_follow(sync->thread, (const char *const *)sync->topics, sync->n_topics, true);
}

static void on_forget(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    forget(arg);
}

bool df_sync_settled(struct df_sync *sync)
{
    static const struct timeval later = {.tv_sec = FORGET_AFTER_S};
    size_t n;
    bool less;
    const char *const *topics = sync ? df_controller_interest(sync->config.controller, &n, &less) : NULL;
    if (!topics)
        return false;
    if (less)
        note_lapsed(sync, topics, n);
    keep_topics(sync, topics, n);
    if (comes_back(sync, topics, n))
        forget(sync);
    else
        df_db_thread_follow(sync->thread, topics, n, false);
    if (sync->n_lapsed > 0 && !evtimer_pending(sync->forget, NULL))
        event_add(sync->forget, &later);
    return true;
}

/* ---- What the node says */

void df_sync_post(void *arg, enum df_nb_table table, const char *id, const ProtobufCMessage *object)
{
    struct df_sync *sync = *(struct df_sync **)arg;
    if (!sync)
        return;
    df_outbox_put(sync->outbox, table, id, object);
    df_db_thread_wake(sync->thread);
}

void df_sync_bury(void *arg, const char *host)
{
    struct df_sync *sync = *(struct df_sync **)arg;
    if (!sync)
        return;
    df_outbox_bury(sync->outbox, host);
    df_db_thread_wake(sync->thread);
}

void df_sync_spare(void *arg, const char *host)
{
    struct df_sync *sync = *(struct df_sync **)arg;
    if (sync)
        df_outbox_spare(sync->outbox, host);
}

/* ---- */

static int start(struct df_sync *sync)
{
    struct df_db_thread_config config = {.driver = sync->config.driver,
                                         .database = sync->config.database,
                                         .host = sync->config.host,
                                         .owner = sync->config.owner,
                                         .subscriber = sync->config.subscriber};
    size_t n;
    bool less;
    if (!sync->queue || !sync->outbox)
        return -1;
    sync->news = event_new(sync->config.base, df_db_queue_fd(sync->queue), EV_READ | EV_PERSIST, on_news, sync);
    sync->forget = evtimer_new(sync->config.base, on_forget, sync);
    if (!sync->news || !sync->forget || event_add(sync->news, NULL) != 0)
        return -1;
    const char *const *topics = df_controller_interest(sync->config.controller, &n, &less);
    if (topics)
        keep_topics(sync, topics, n);
    config.topics = (const char *const *)sync->topics;
    config.n_topics = sync->n_topics;
    sync->thread = df_db_thread_new(&config, sync->queue, sync->outbox);
    return sync->thread ? 0 : -1;
}

struct df_sync *df_sync_new(const struct df_sync_config *config)
{
    struct df_sync *sync = calloc(1, sizeof(*sync));
    if (!sync)
        return NULL;
    sync->config = *config;
    sync->queue = df_db_queue_new();
    sync->outbox = df_outbox_new(config->driver, &config->database);
    if (start(sync) == 0)
        return sync;
    df_sync_free(sync);
    return NULL;
}

void df_sync_free(struct df_sync *sync)
{
    if (!sync)
        return;
    df_db_thread_free(sync->thread);
    if (sync->news)
        event_free(sync->news);
    if (sync->forget)
        event_free(sync->forget);
    free_list(sync->topics, sync->n_topics);
    free_list(sync->lapsed, sync->n_lapsed);
    free(sync->rival);
    df_outbox_free(sync->outbox);
    df_db_queue_free(sync->queue);
    free(sync);
}

/* NULL: there are none to listen to. */
static json_t *publishers_json(const struct df_sync *sync)
{
    struct df_subscriber_tally tally;
    if (!df_db_thread_tally(sync->thread, &tally))
        return NULL;
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:s}", "messages", (json_int_t)tally.messages, "bytes",
                     (json_int_t)tally.bytes, "rows", (json_int_t)tally.rows, "gaps", (json_int_t)tally.gaps, "garbage",
                     (json_int_t)tally.garbage, "lies", (json_int_t)tally.lies, "deaf", tally.deaf, "unheard",
                     tally.unheard);
}

json_t *df_sync_report(const struct df_sync *sync)
{
    static const char *const names[] = {"connecting", "in sync", "away"};
    return json_pack("{s:s, s:s, s:s, s:s*, s:s*, s:o*}", "driver", sync->config.driver, "location",
                     sync->config.database.location, "state", names[sync->state], "error",
                     sync->state == AWAY ? sync->error.text : NULL, "rival", sync->rival, "publishers",
                     publishers_json(sync));
}
