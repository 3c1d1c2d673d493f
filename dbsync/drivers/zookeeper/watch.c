/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/zookeeper/watch.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "dbsync/drivers/zookeeper/entry.h"

#define WINDOW 32 /* transactions under way at once */

struct df_zk_watch {
    int bell, timer, epoll;
    uint64_t serial; /* of the session in which the following was asked */
    struct df_zk_request *state_asked, *leases_asked;
    bool state_watched, leases_watched; /* what was answered last holds until a watch fires */
    bool leases_taken;                  /* leases_asked is answered, and not all of it told */
    bool synced;                        /* this session has caught up with the others */
    uint64_t doubted;                   /* the caller knows this revision, and state did not; 0: none */
    int stopped;                        /* what the callback said */
    struct df_zk_state state;
    struct df_told told;
    struct df_zk_entry entries[WINDOW]; /* by revision */
};

int df_zk_watch_new(int bell, struct df_zk_watch **result, struct df_error *error)
{
    struct df_zk_watch *watch = calloc(1, sizeof *watch);
    if (!watch)
        return df_zk_no_memory(error);
    struct epoll_event event = {.events = EPOLLIN};
    watch->bell = bell;
    watch->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    watch->epoll = epoll_create1(EPOLL_CLOEXEC);
    *result = watch;
    if (watch->timer < 0 || watch->epoll < 0 || epoll_ctl(watch->epoll, EPOLL_CTL_ADD, bell, &event) ||
        epoll_ctl(watch->epoll, EPOLL_CTL_ADD, watch->timer, &event))
        return df_error_set(error, -errno, "no descriptors to watch a database with: raise the limit of open files");
    return 0;
}

/* What was asked in another session, or is answered by a snapshot. */
static void forget(struct df_zk_watch *watch)
{
    df_zk_drop(watch->state_asked);
    df_zk_drop(watch->leases_asked);
    watch->state_asked = watch->leases_asked = NULL;
    watch->state_watched = watch->leases_watched = watch->leases_taken = watch->synced = false;
    watch->doubted = 0;
    for (size_t i = 0; i < WINDOW; i++)
        df_zk_entry_clear(&watch->entries[i]);
}

void df_zk_watch_free(struct df_zk_watch *watch)
{
    if (!watch)
        return;
    forget(watch);
    df_told_clear(&watch->told);
    if (watch->timer >= 0)
        close(watch->timer);
    if (watch->epoll >= 0)
        close(watch->epoll);
    free(watch);
}

int df_zk_watch_fd(const struct df_zk_watch *watch)
{
    return watch->epoll;
}

int df_zk_watch_start(struct df_zk *zk, struct df_zk_watch *watch, struct df_zk_snapshot *snapshot, df_db_row_cb cb,
                      void *arg)
{
    forget(watch);
    watch->serial = df_zk_session_serial(zk->session);
    watch->state = snapshot->end;
    watch->state_watched = watch->leases_watched = watch->synced = true;
    df_told_clear(&watch->told);
    return df_told_tell(&watch->told, &snapshot->leases, snapshot->end.revision, cb, arg);
}

static void quiet(struct df_zk_watch *watch)
{
    uint64_t count;
    if (read(watch->bell, &count, sizeof count) < 0 || read(watch->timer, &count, sizeof count) < 0)
        return; /* there was nothing to take */
}

static void set_timer(struct df_zk_watch *watch, unsigned ms)
{
    struct itimerspec at = {.it_value = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000}};
    timerfd_settime(watch->timer, 0, &at, NULL);
}

static struct df_zk_entry *entry_at(struct df_zk_watch *watch, uint64_t revision)
{
    return &watch->entries[revision % WINDOW];
}

static int ask_entry(struct df_zk *zk, struct df_zk_watch *watch, uint64_t revision, struct df_error *error)
{
    struct df_zk_entry *entry = entry_at(watch, revision);
    if (entry->revision == revision)
        return 0;
    df_zk_entry_clear(entry);
    return df_zk_entry_begin(zk, entry, revision, DF_ZK_ASK_RING, error);
}

/* Asks for the state, and for what the next transaction would be: that saves a round trip when it is there. */
static int ask_state(struct df_zk *zk, struct df_zk_watch *watch, uint64_t revision, struct df_error *error)
{
    bool is_ahead = revision > watch->state.revision;
    if (watch->state_asked || (watch->state_watched && !is_ahead))
        return 0;
    if (is_ahead || !watch->synced)
        df_zk_drop(df_zk_sync(zk->session, DF_ZK_ASK));
    watch->doubted = is_ahead ? revision : 0;
    watch->state_watched = false;
    watch->state_asked = df_zk_ask_state(zk, DF_ZK_ASK_WATCH | DF_ZK_ASK_RING);
    return watch->state_asked ? ask_entry(zk, watch, revision + 1, error) : df_zk_no_memory(error);
}

static int ask_leases(struct df_zk *zk, struct df_zk_watch *watch, struct df_error *error)
{
    char path[DF_ZK_PATH_MAX];
    if (watch->leases_asked || watch->leases_watched)
        return 0;
    df_zk_path(&zk->place, "lease", path);
    watch->leases_asked = df_zk_children(zk->session, path, DF_ZK_ASK_WATCH | DF_ZK_ASK_RING);
    return watch->leases_asked ? 0 : df_zk_no_memory(error);
}

/* A lost answer is none; it is asked for again. */
static int take_state(struct df_zk *zk, struct df_zk_watch *watch, uint64_t revision, struct df_error *error)
{
    struct df_zk_request *asked = watch->state_asked;
    if (!asked || !df_zk_is_done(asked))
        return 0;
    watch->state_asked = NULL;
    int rc = df_zk_take_state(zk, asked, &watch->state, NULL, error);
    watch->state_watched = watch->synced = rc == 0;
    if (entry_at(watch, revision + 1)->revision > watch->state.revision)
        df_zk_entry_clear(entry_at(watch, revision + 1));
    return rc == -ETIMEDOUT ? 0 : rc;
}

static void take_leases(struct df_zk_watch *watch)
{
    if (!watch->leases_asked || watch->leases_taken || !df_zk_is_done(watch->leases_asked))
        return;
    watch->leases_watched = watch->leases_taken = watch->leases_asked->rc == ZOK;
    if (!watch->leases_taken) {
        df_zk_drop(watch->leases_asked);
        watch->leases_asked = NULL;
    }
}

/* An answer comes before the event of the watch that was asked for with it, so answers are taken first. */
static int take_answers(struct df_zk *zk, struct df_zk_watch *watch, uint64_t revision, struct df_error *error)
{
    int rc = take_state(zk, watch, revision, error);
    take_leases(watch);
    unsigned fired = df_zk_session_fired(zk->session);
    if (fired & DF_ZK_FIRED_STATE)
        watch->state_watched = false;
    if (fired & DF_ZK_FIRED_LEASES)
        watch->leases_watched = false;
    return rc;
}

/* 1: it was told. */
static int tell_entry(struct df_zk *zk, struct df_zk_watch *watch, uint64_t revision, df_db_row_cb cb, void *arg,
                      struct df_error *error)
{
    struct df_zk_entry *entry = entry_at(watch, revision);
    struct df_zk_request *next;
    int rc = df_zk_entry_go(zk, entry, DF_ZK_ASK_RING, &next, error);
    if (rc)
        df_zk_entry_clear(entry);
    if (rc == -ETIMEDOUT)
        return ask_entry(zk, watch, revision, error);
    if (rc || next)
        return rc;
    watch->stopped = df_zk_entry_tell(entry, cb, arg);
    if (watch->stopped)
        return 0;
    df_zk_entry_clear(entry);
    return 1;
}

static int ask_ahead(struct df_zk *zk, struct df_zk_watch *watch, uint64_t revision, struct df_error *error)
{
    int rc = 0;
    for (uint64_t at = revision + 1; at <= watch->state.revision && at <= revision + WINDOW && rc == 0; at++)
        rc = ask_entry(zk, watch, at, error);
    return rc;
}

static int tell_log(struct df_zk *zk, struct df_zk_watch *watch, uint64_t *revision, df_db_row_cb cb, void *arg,
                    struct df_error *error)
{
    int rc = 1;
    while (*revision < watch->state.revision && rc == 1) {
        if (*revision + 1 < watch->state.oldest)
            return df_error_set(error, -ESTALE, "zookeeper:%s: the log begins after revision %" PRIu64, zk->place.text,
                                *revision);
        rc = ask_ahead(zk, watch, *revision, error);
        if (rc == 0)
            rc = tell_entry(zk, watch, *revision + 1, cb, arg, error);
        *revision += rc == 1;
    }
    return rc == 1 ? 0 : rc;
}

static int tell_leases(struct df_zk_watch *watch, uint64_t revision, df_db_row_cb cb, void *arg)
{
    struct df_told list = {0};
    if (!watch->leases_taken)
        return 0;
    int rc = df_zk_leases_of(watch->leases_asked, &list);
    if (rc == 0)
        rc = df_told_tell(&watch->told, &list, revision, cb, arg);
    df_told_clear(&list);
    if (rc)
        return rc;
    df_zk_drop(watch->leases_asked);
    watch->leases_asked = NULL;
    watch->leases_taken = false;
    return 0;
}

static int go(struct df_zk *zk, struct df_zk_watch *watch, uint64_t *revision, df_db_row_cb cb, void *arg,
              struct df_error *error)
{
    int rc = take_answers(zk, watch, *revision, error);
    if (rc == 0 && watch->state_watched && watch->doubted && watch->doubted > watch->state.revision)
        rc = df_error_set(error, -ESTALE, "zookeeper:%s: revision %" PRIu64 " is not known there", zk->place.text,
                          watch->doubted);
    watch->doubted = watch->state_watched ? 0 : watch->doubted;
    if (rc == 0)
        rc = tell_log(zk, watch, revision, cb, arg, error);
    if (rc == 0 && !watch->stopped)
        rc = ask_state(zk, watch, *revision, error);
    if (rc == 0 && !watch->stopped)
        rc = ask_leases(zk, watch, error);
    return rc;
}

int df_zk_watch_go(struct df_zk *zk, struct df_zk_watch *watch, uint64_t *revision, df_db_row_cb cb, void *arg,
                   struct df_error *error)
{
    unsigned again_ms;
    quiet(watch);
    int rc = df_zk_session_poll(zk->session, &again_ms, error);
    set_timer(watch, again_ms);
    if (watch->serial != df_zk_session_serial(zk->session))
        forget(watch);
    watch->serial = df_zk_session_serial(zk->session);
    watch->stopped = 0;
    if (rc == 0)
        rc = go(zk, watch, revision, cb, arg, error);
    if (rc == 0 && watch->stopped == 0)
        watch->stopped = tell_leases(watch, *revision, cb, arg);
    return rc ? rc : watch->stopped;
}
