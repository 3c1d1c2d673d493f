/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/redis/watch.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "dbsync/drivers/redis/log.h"
#include "dbsync/drivers/redis/redis.h"
#include "dbsync/drivers/redis/refusal.h"

/* A cycle's length: common.lua's QUIET_MS is well above the longest one. */
#define CYCLE_MIN_MS 50
#define CYCLE_MAX_MS 2000
#define CYCLE_JITTER_MS 100

enum { ANSWERS_MAX = 3 };

struct df_redis_watch {
    struct df_db *db;
    struct df_redis_link *link;
    int poller, timer;
    unsigned seed;
    bool is_asking;
    uint64_t at;           /* the revision that the cycle asks from, and that was told */
    uint64_t complete;     /* a revision that the database had reached before the cycle began */
    uint64_t cycle_end_ms; /* an answer that has not come by then does not come */
    int64_t lease_ms;      /* until a lease may end; -1: there is none */
    unsigned n, count;     /* answers of the cycle, entries of a stream */
    unsigned got;
    redisReply *answers[ANSWERS_MAX];
    struct df_redis_batch *batch; /* not told yet */
};

int df_redis_watch_new(struct df_db *db, struct df_redis_watch **watch)
{
    struct df_redis_watch *new = calloc(1, sizeof *new);
    if (!new)
        return -ENOMEM;
    struct epoll_event event = {.events = EPOLLIN};
    int rc = 0;
    new->db = db;
    new->seed = (unsigned)df_redis_now_ms() ^ (unsigned)getpid();
    new->poller = epoll_create1(EPOLL_CLOEXEC);
    new->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (new->poller < 0 || new->timer < 0 || epoll_ctl(new->poller, EPOLL_CTL_ADD, new->timer, &event))
        rc = -errno;
    else if (!(new->link = df_redis_link_new(&db->access, new->poller)))
        rc = -ENOMEM;
    if (rc)
        df_redis_watch_free(new);
    else
        *watch = new;
    return rc;
}

static void forget(struct df_redis_watch *watch)
{
    df_redis_replies_free(watch->answers, ANSWERS_MAX);
    df_redis_batch_free(watch->batch);
    watch->batch = NULL;
    watch->got = 0;
    watch->is_asking = false;
}

void df_redis_watch_free(struct df_redis_watch *watch)
{
    if (!watch)
        return;
    forget(watch);
    df_redis_link_free(watch->link);
    if (watch->timer >= 0)
        close(watch->timer);
    if (watch->poller >= 0)
        close(watch->poller);
    free(watch);
}

int df_redis_watch_fd(const struct df_redis_watch *watch)
{
    return watch->poller;
}

/* An answer that is still to come would be taken for one to a new question: so another connection. */
void df_redis_watch_restart(struct df_redis_watch *watch)
{
    if (watch->is_asking)
        df_redis_link_drop(watch->link);
    forget(watch);
}

static void drain(const struct df_redis_watch *watch)
{
    uint64_t times;
    while (read(watch->timer, &times, sizeof times) > 0)
        ;
}

static void set_timer(const struct df_redis_watch *watch, uint64_t due_ms)
{
    struct itimerspec when = {0};
    if (due_ms == 0)
        due_ms = 1; /* 0 would stop it */
    when.it_value.tv_sec = (time_t)(due_ms / 1000);
    when.it_value.tv_nsec = (long)(due_ms % 1000) * 1000000;
    timerfd_settime(watch->timer, TFD_TIMER_ABSTIME, &when, NULL);
}

/* When to look though nothing came. */
static void arm(const struct df_redis_watch *watch)
{
    set_timer(watch, watch->is_asking ? watch->cycle_end_ms : df_redis_link_due_ms(watch->link));
}

static int no_database(const char *where, struct df_error *error)
{
    return df_error_set(error, -ENODEV, "redis at %s: the database was removed or replaced: it must be opened again",
                        where);
}

/* A link that is new: is it to the database that we know, and does its log reach back to where we are? */
static int check_greeting(struct df_redis_watch *watch, struct df_error *error)
{
    const struct df_redis_greeting *greeting = df_redis_link_greeting(watch->link);
    int rc = 0;
    if (!greeting->has_database || strcmp(greeting->history, watch->db->history) != 0)
        rc = no_database(df_redis_link_name(watch->link), error);
    else if (greeting->revision < watch->at || greeting->floor > watch->at)
        rc = -ESTALE;
    watch->complete = greeting->revision;
    watch->lease_ms = 0;
    if (rc)
        df_redis_link_drop(watch->link);
    return rc;
}

static unsigned cycle_ms(struct df_redis_watch *watch)
{
    int64_t ms = watch->lease_ms;
    if (watch->db->config.read_only || ms < 0 || ms > CYCLE_MAX_MS)
        ms = CYCLE_MAX_MS;
    if (ms < CYCLE_MIN_MS)
        ms = CYCLE_MIN_MS;
    return (unsigned)ms + (unsigned)rand_r(&watch->seed) % CYCLE_JITTER_MS;
}

static int send_read(struct df_redis_watch *watch, const char *block, unsigned count, struct df_error *error)
{
    struct df_redis_command command = {0};
    char from[24], most[12];
    snprintf(from, sizeof from, "%" PRIu64, watch->at);
    snprintf(most, sizeof most, "%u", count);
    df_redis_command_words(&command, "XREAD", "COUNT", most, NULL);
    if (block)
        df_redis_command_words(&command, "BLOCK", block, NULL);
    df_redis_view_streams(&watch->db->view, &command, from);
    int rc = df_redis_link_send(watch->link, &command, error);
    df_redis_command_clear(&command);
    return rc;
}

static int send_glance(struct df_redis_watch *watch, struct df_error *error)
{
    struct df_redis_command command = {0};
    df_redis_command_script(&command, DF_REDIS_GLANCE, watch->db->history);
    df_redis_command_word(&command, watch->db->config.read_only ? "look" : "reap");
    int rc = df_redis_link_send(watch->link, &command, error);
    df_redis_command_clear(&command);
    return rc;
}

static int ask(struct df_redis_watch *watch, struct df_error *error)
{
    const struct df_redis_view *view = &watch->db->view;
    bool several = view->is_partial && view->n > 1;
    char block[12];
    unsigned ms = cycle_ms(watch);
    snprintf(block, sizeof block, "%u", ms);
    watch->count = df_redis_view_count(view);
    watch->n = several ? 3 : 2;
    watch->got = 0;
    watch->cycle_end_ms = df_redis_now_ms() + ms + watch->db->access.timeout_ms;
    int rc = send_read(watch, block, several ? 1 : watch->count, error);
    if (rc == 0 && several)
        rc = send_read(watch, NULL, watch->count, error);
    if (rc == 0)
        rc = send_glance(watch, error);
    watch->is_asking = rc == 0;
    return rc;
}

/* A line that broke, or a server that refuses, is a connection less: the next one begins where this one was. */
static int refuse(struct df_redis_watch *watch, const char *text, struct df_error *error)
{
    int rc = df_redis_refusal(text, df_redis_link_name(watch->link), error);
    forget(watch);
    if (df_redis_refusal_is_astray(text))
        df_redis_link_redirect(watch->link, text);
    else
        df_redis_link_fail(watch->link, rc, error);
    return df_redis_refusal_is_astray(text) ? 0 : rc;
}

static int read_glance(struct df_redis_watch *watch, uint64_t *revision, uint64_t *floor, struct df_error *error)
{
    const redisReply *reply = watch->answers[watch->n - 1];
    const char *outcome;
    int rc = df_redis_outcome(watch->db, reply, &outcome, error);
    if (rc)
        return rc;
    if (!df_redis_is_list(reply, 4) || df_redis_number(reply->element[1], revision) ||
        df_redis_number(reply->element[2], floor) || reply->element[3]->type != REDIS_REPLY_INTEGER)
        return df_error_set(error, -EPROTO, "redis at %s: its state is garbled", df_redis_link_name(watch->link));
    watch->lease_ms = reply->element[3]->integer;
    return *revision < watch->at || *floor > watch->at ? -ESTALE : 0;
}

/* All answers of a cycle are here: they become a batch. */
static int end_cycle(struct df_redis_watch *watch, struct df_error *error)
{
    uint64_t revision, floor;
    int rc = read_glance(watch, &revision, &floor, error);
    if (rc == 0) {
        redisReply *log = watch->answers[watch->n - 2];
        watch->answers[watch->n - 2] = NULL;
        rc = df_redis_batch_read(log, watch->at, watch->complete, watch->count, &watch->batch, error);
    }
    df_redis_replies_free(watch->answers, ANSWERS_MAX);
    watch->is_asking = false;
    watch->complete = rc == 0 ? revision : 0;
    if (rc)
        df_redis_link_drop(watch->link);
    return rc;
}

/* @return 0: the cycle has ended; -EAGAIN; or an error, with the link down or leading elsewhere */
static int hear(struct df_redis_watch *watch, struct df_error *error)
{
    while (watch->got < watch->n) {
        redisReply *reply;
        int rc = df_redis_link_receive(watch->link, &reply, error);
        if (rc == -EAGAIN && df_redis_now_ms() < watch->cycle_end_ms)
            return rc;
        if (rc == -EAGAIN) {
            rc = df_error_set(error, -ETIMEDOUT, "redis at %s does not answer", df_redis_link_name(watch->link));
            df_redis_link_fail(watch->link, rc, error);
        }
        if (rc) {
            forget(watch);
            return rc == -EPROTO || rc == -ENOMEM ? rc : 0;
        }
        watch->answers[watch->got++] = reply;
        if (reply->type == REDIS_REPLY_ERROR) {
            char text[DF_ERROR_MAX];
            snprintf(text, sizeof text, "%s", reply->str);
            return refuse(watch, text, error);
        }
    }
    return end_cycle(watch, error);
}

/* A step nearer to news. @return 0: go on; -EAGAIN: nothing more for now; or an error */
static int step(struct df_redis_watch *watch, struct df_error *error)
{
    if (watch->is_asking)
        return hear(watch, error);
    bool stood = df_redis_link_stands(watch->link);
    int rc = df_redis_link_drive(watch->link, error);
    if (rc == 0 && !stood)
        rc = check_greeting(watch, error);
    if (rc == 0)
        rc = ask(watch, error);
    return rc;
}

static int tell(struct df_redis_watch *watch, uint64_t *revision, df_db_row_cb cb, void *arg)
{
    int rc = df_redis_batch_tell(watch->batch, revision, cb, arg);
    watch->at = *revision;
    if (rc && rc != -ESTALE)
        return rc;
    df_redis_batch_free(watch->batch);
    watch->batch = NULL;
    return rc;
}

int df_redis_watch_go_on(struct df_redis_watch *watch, uint64_t *revision, df_db_row_cb cb, void *arg,
                         struct df_error *error)
{
    struct df_error why = {""};
    int rc = 0;
    if (*revision != watch->at) {
        df_redis_watch_restart(watch);
        watch->at = *revision;
    }
    drain(watch);
    while (rc == 0)
        rc = watch->batch ? tell(watch, revision, cb, arg) : step(watch, &why);
    if (rc == -EAGAIN || rc == -ESTALE)
        arm(watch);
    else
        set_timer(watch, watch->batch ? 0 : df_redis_link_due_ms(watch->link));
    if (rc && why.text[0])
        df_error_set(error, rc, "%s", why.text);
    return rc == -EAGAIN ? 0 : rc;
}

void df_redis_watch_settle(struct df_redis_watch *watch, uint64_t revision)
{
    uint64_t until_ms = df_redis_now_ms() + watch->db->access.timeout_ms;
    struct df_error unused;
    if (revision != watch->at) {
        df_redis_watch_restart(watch);
        watch->at = revision;
    }
    while (!watch->batch && df_redis_now_ms() < until_ms) {
        int rc = step(watch, &unused);
        if ((rc && rc != -EAGAIN) || (rc && watch->is_asking))
            break;
        if (rc)
            df_redis_link_wait(watch->link, until_ms);
    }
    arm(watch);
}
