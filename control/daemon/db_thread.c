/* SPDX-License-Identifier: Apache-2.0 */
#include "control/daemon/db_thread.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "control/clock.h"
#include "control/daemon/holder.h"
#include "control/log.h"
#include "control/model/alloc.h"

#define PAUSE_FIRST_MS 100
#define PAUSE_MAX_MS 10000
#define TURN_MS 1500 /* for what comes by time alone: a publisher that is silent, a row that could not be written */
#define POLL_MS 1000 /* where the driver has no descriptor to wait for */

struct wish {
    char **topics;
    size_t n;
    bool anew, is_new;
};

struct df_db_thread {
    struct df_db_thread_config config;
    struct df_db_queue *queue;
    struct df_outbox *outbox;
    struct df_holder *holder;
    pthread_t thread;
    int wake;
    _Atomic bool stop;
    pthread_mutex_t lock;
    struct wish wish;                 /* topics to follow; under lock */
    struct df_subscriber_tally tally; /* under lock */

    /* The thread's own. */
    struct df_nb *nb;
    struct df_feed *feed;                /* NULL: none */
    struct df_holder_view name;          /* this host's, and who has it */
    bool name_failed;                    /* to be asked for, since the attempt before */
    enum { UNTOLD, IN_SYNC, AWAY } told; /* to the control thread */
    bool reads;                          /* the last attempt to hear of news went well */
    bool failed;                         /* or did not */
    bool has_rival;                      /* who had the lease before this process ever did; told */
    bool cannot_write;                   /* logged */
    bool writes_more;                    /* in the next turn */
    uint64_t retry_ms;                   /* when it does not read */
    unsigned pause_ms;
    struct df_error error;
    struct df_error last, why; /* of the last attempt that failed; why it is away, as was told last */
};

static uint64_t now_ms(void)
{
    return df_clock_monotonic.now_ms(&df_clock_monotonic);
}

static void free_topics(struct wish *wish)
{
    for (size_t i = 0; i < wish->n; i++)
        free(wish->topics[i]);
    free(wish->topics);
    wish->topics = NULL;
    wish->n = 0;
}

/* ---- One attempt */

static void put_change(struct df_nb_change *change, void *arg)
{
    df_db_queue_put_change(((struct df_db_thread *)arg)->queue, change);
}

/* That another one has the name does not keep from reading. */
static void look_at_name(struct df_db_thread *thread)
{
    unsigned failures = thread->name.failures;
    char text[sizeof(thread->name.who.text) + 100];
    df_holder_view(thread->holder, &thread->name);
    thread->name_failed = thread->name.failures != failures;
    bool has_rival = thread->name.state == DF_HOLDER_RIVALS;
    if (has_rival == thread->has_rival)
        return;
    snprintf(text, sizeof(text), "another df-switchd has this name, stop it or set [df] host: %s",
             thread->name.who.text);
    df_db_queue_put(thread->queue, DF_DB_NEWS_RIVAL, has_rival ? text : NULL);
    thread->has_rival = has_rival;
}

static int open_database(struct df_db_thread *thread)
{
    if (thread->nb)
        return 0;
    if (thread->config.subscriber && !thread->feed) {
        int rc = df_subscriber_new(thread->config.subscriber, &thread->feed, &thread->error);
        if (rc != 0)
            return rc;
    }
    int rc = df_nb_open(thread->config.driver, &thread->config.database, &thread->nb, &thread->error);
    if (rc == 0)
        df_nb_set_feed(thread->nb, thread->feed);
    return rc;
}

/* A handle that was opened anew follows nothing yet, so the wish stays. */
static int follow(struct df_db_thread *thread, int *events)
{
    pthread_mutex_lock(&thread->lock);
    struct wish wish = thread->wish;
    if (wish.is_new)
        thread->wish = (struct wish){0};
    pthread_mutex_unlock(&thread->lock);
    if (!wish.is_new)
        return 0;
    if (wish.anew)
        df_nb_resync(thread->nb);
    int rc = df_nb_follow(thread->nb, (const char *const *)wish.topics, wish.n, put_change, thread, &thread->error);
    pthread_mutex_lock(&thread->lock);
    bool newer = thread->wish.is_new;
    if (!newer) {
        thread->wish = wish;
        thread->wish.is_new = rc < 0;
    }
    pthread_mutex_unlock(&thread->lock);
    if (newer)
        free_topics(&wish);
    if (rc > 0)
        *events += rc;
    return rc < 0 ? rc : 0;
}

/* The database was removed or replaced: this handle never sees the new one, in which the lease is taken anew. */
static void abandon(struct df_db_thread *thread)
{
    df_holder_reopen(thread->holder);
    df_nb_close(thread->nb);
    thread->nb = NULL;
    pthread_mutex_lock(&thread->lock);
    thread->wish.is_new = thread->wish.topics != NULL;
    pthread_mutex_unlock(&thread->lock);
}

/* What it was first, and what it is by now: members that fail for reasons of their own in turn are not news each time. */
static bool is_news(struct df_db_thread *thread, const struct df_error *why)
{
    bool again = strcmp(why->text, thread->last.text) == 0;
    thread->last = *why;
    if (thread->told == AWAY && (!again || strcmp(why->text, thread->why.text) == 0))
        return false;
    thread->why = *why;
    return true;
}

static void went_away(struct df_db_thread *thread, const struct df_error *why)
{
    if (is_news(thread, why))
        df_db_queue_put(thread->queue, DF_DB_NEWS_AWAY, why->text);
    thread->told = AWAY;
}

static void set_pause(struct df_db_thread *thread)
{
    thread->retry_ms = now_ms() + thread->pause_ms;
    thread->pause_ms = thread->pause_ms * 2 < PAUSE_MAX_MS ? thread->pause_ms * 2 : PAUSE_MAX_MS;
}

/*
 * One row a turn, so that what is heard, and what is to be followed, waits for one write and not for those of all ports.
 * What cannot be written stays in the box until the next attempt. It says nothing of reading: a database that is away
 * shows there.
 */
static void write_outbox(struct df_db_thread *thread)
{
    struct df_error error;
    int rc = df_outbox_write(thread->outbox, thread->nb, thread->config.host, &error);
    if (rc < 0 && !thread->cannot_write)
        df_log(DF_LOG_WARNING, "cannot tell the database of this node, and will try again: %s", error.text);
    thread->cannot_write = rc < 0;
    thread->writes_more = rc > 0;
}

/* After a failure an answer must tell that the database is back: a watch says nothing while its connection is set up. */
static int read_news(struct df_db_thread *thread)
{
    int events = 0;
    int rc = open_database(thread);
    if (rc == 0 && thread->failed)
        rc = df_nb_probe(thread->nb, &thread->error);
    if (rc == 0)
        rc = follow(thread, &events);
    if (rc == 0)
        rc = df_nb_sync(thread->nb, put_change, thread, &thread->error);
    if (rc == -ENODEV)
        abandon(thread);
    return rc < 0 ? rc : rc + events;
}

static void in_sync(struct df_db_thread *thread, int events)
{
    if (events > 0 || thread->told != IN_SYNC)
        df_db_queue_put(thread->queue, DF_DB_NEWS_IN_SYNC, NULL);
    thread->told = IN_SYNC;
    if (!thread->has_rival)
        write_outbox(thread);
}

/*
 * News of publishers need no database, so that they are taken also while it is away. Those that come in sequence are as
 * good as ever; after a gap it is asked for a snapshot, and then they wait for it.
 */
static void attempt(struct df_db_thread *thread)
{
    look_at_name(thread);
    thread->reads = thread->writes_more = false;
    if (thread->name_failed)
        went_away(thread, &thread->name.error);
    if (thread->name.state == DF_HOLDER_ASKING)
        return;
    int rc = read_news(thread);
    thread->failed = rc < 0;
    if (rc < 0) {
        went_away(thread, &thread->error);
        set_pause(thread);
        return;
    }
    thread->reads = true;
    thread->pause_ms = PAUSE_FIRST_MS;
    if (!thread->name.away)
        in_sync(thread, rc);
    else if (rc > 0)
        df_db_queue_put(thread->queue, DF_DB_NEWS_HEARD, NULL);
}

/* For who may ask from another thread. */
static void show_tally(struct df_db_thread *thread)
{
    if (!thread->feed)
        return;
    pthread_mutex_lock(&thread->lock);
    thread->tally = df_subscriber_tally(thread->feed);
    pthread_mutex_unlock(&thread->lock);
}

/* ---- The loop */

static int time_to_wait(const struct df_db_thread *thread)
{
    uint64_t now = now_ms();
    if (thread->reads && thread->writes_more)
        return 0;
    if (thread->reads)
        return df_nb_sync_fd(thread->nb) < 0 ? POLL_MS : TURN_MS;
    return thread->retry_ms > now ? (int)(thread->retry_ms - now) : TURN_MS;
}

/* While it pauses after a failure only time counts, and the end. */
static void wait_for_something(struct df_db_thread *thread)
{
    struct pollfd fds[2] = {{.fd = thread->wake, .events = POLLIN}, {.fd = -1, .events = POLLIN}};
    eventfd_t value;
    if (thread->reads)
        fds[1].fd = df_nb_sync_fd(thread->nb);
    do {
        poll(fds, 2, time_to_wait(thread));
        eventfd_read(thread->wake, &value);
    } while (!thread->reads && now_ms() < thread->retry_ms && !atomic_load(&thread->stop));
}

static void *run(void *arg)
{
    struct df_db_thread *thread = arg;
    pthread_setname_np(pthread_self(), "database");
    while (!atomic_load(&thread->stop)) {
        attempt(thread);
        show_tally(thread);
        if (!atomic_load(&thread->stop))
            wait_for_something(thread);
    }
    df_nb_close(thread->nb);
    if (thread->feed)
        thread->feed->ops->close(thread->feed);
    return NULL;
}

static void set_wish(struct df_db_thread *thread, const char *const *topics, size_t n, bool anew)
{
    struct wish wish = {.n = n, .anew = anew, .is_new = true};
    wish.topics = df_alloc((n + 1) * sizeof(*wish.topics));
    for (size_t i = 0; i < n; i++)
        wish.topics[i] = df_strdup(topics[i]);
    pthread_mutex_lock(&thread->lock);
    wish.anew = wish.anew || (thread->wish.is_new && thread->wish.anew);
    free_topics(&thread->wish);
    thread->wish = wish;
    pthread_mutex_unlock(&thread->lock);
}

static struct df_holder *hold(const struct df_db_thread *thread)
{
    const struct df_db_thread_config *config = &thread->config;
    struct df_holder_config holder = {.driver = config->driver,
                                      .database = config->database,
                                      .host = config->host,
                                      .owner = config->owner,
                                      .changed = thread->wake};
    return df_holder_new(&holder);
}

/* Signals are the control thread's. */
static int start(struct df_db_thread *thread)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&thread->thread, NULL, run, thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

struct df_db_thread *df_db_thread_new(const struct df_db_thread_config *config, struct df_db_queue *queue,
                                      struct df_outbox *outbox)
{
    struct df_db_thread *thread = df_alloc(sizeof(*thread));
    thread->config = *config;
    thread->queue = queue;
    thread->outbox = outbox;
    thread->pause_ms = PAUSE_FIRST_MS;
    pthread_mutex_init(&thread->lock, NULL);
    if (config->n_topics > 0)
        set_wish(thread, config->topics, config->n_topics, false);
    thread->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (thread->wake >= 0)
        thread->holder = hold(thread);
    if (thread->holder && start(thread) == 0)
        return thread;
    df_holder_free(thread->holder);
    free_topics(&thread->wish);
    pthread_mutex_destroy(&thread->lock);
    if (thread->wake >= 0)
        close(thread->wake);
    free(thread);
    return NULL;
}

void df_db_thread_free(struct df_db_thread *thread)
{
    if (!thread)
        return;
    atomic_store(&thread->stop, true);
    df_db_thread_wake(thread);
    df_db_queue_close(thread->queue);
    pthread_join(thread->thread, NULL);
    df_holder_free(thread->holder); /* when nothing is written any more */
    free_topics(&thread->wish);
    pthread_mutex_destroy(&thread->lock);
    close(thread->wake);
    free(thread);
}

void df_db_thread_wake(struct df_db_thread *thread)
{
    eventfd_write(thread->wake, 1);
}

void df_db_thread_follow(struct df_db_thread *thread, const char *const *topics, size_t n, bool anew)
{
    set_wish(thread, topics, n, anew);
    df_db_thread_wake(thread);
}

bool df_db_thread_tally(struct df_db_thread *thread, struct df_subscriber_tally *tally)
{
    pthread_mutex_lock(&thread->lock);
    *tally = thread->tally;
    pthread_mutex_unlock(&thread->lock);
    return thread->config.subscriber != NULL;
}
