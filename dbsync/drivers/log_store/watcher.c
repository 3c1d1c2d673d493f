/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "dbsync/drivers/log_store/store_private.h"
#include "dbsync/drivers/log_store/told.h"

/*
 * A thread that follows the log and the leases for a handle, so that watch() never waits. What it has read waits in a
 * queue with a limit; then it does not read on. The handle says from where by `from` and a new `round`; what belongs to
 * an older round is dropped.
 */

#define QUEUE_MAX 1024
#define QUEUE_BYTES ((size_t)32 << 20)
#define IDLE_MS 2000
#define PAUSE_MIN_MS 100
#define PAUSE_MAX_MS 5000

struct item {
    struct item *next;
    struct df_entry entry; /* of a transaction */
    struct df_told leases; /* the list as it is now */
    bool has_leases;
    int rc; /* or what went wrong */
    struct df_error error;
};

struct df_watcher {
    struct df_store store; /* the thread's */
    int bell, wake;
    pthread_t thread;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t changed;
    bool quit, wanted;
    uint64_t round, from;
    struct item *first, **last;
    size_t n, bytes;
    /* The handle's. */
    uint64_t at;
    struct df_told told;
};

struct step {
    struct df_watcher *watcher;
    struct df_leases *leases;
    struct df_told list, pushed;
    uint64_t round, from;
    bool told; /* pushed is what the handle knows */
    unsigned again_ms, pause_ms;
};

static void ring(int fd)
{
    uint64_t one = 1;
    if (write(fd, &one, sizeof one) < 0)
        return; /* it rings already */
}

static void quiet(int fd)
{
    uint64_t count;
    if (read(fd, &count, sizeof count) < 0)
        return; /* it was quiet */
}

static void free_item(struct item *item)
{
    df_entry_clear(&item->entry);
    df_told_clear(&item->leases);
    free(item);
}

static void pop(struct df_watcher *watcher)
{
    struct item *item = watcher->first;
    watcher->first = item->next;
    if (!watcher->first)
        watcher->last = &watcher->first;
    watcher->n--;
    watcher->bytes -= item->entry.record.len;
    pthread_cond_signal(&watcher->changed);
    free_item(item);
}

/* Waits for room. False: the item is of an older round, or the end. The item becomes the queue's, or is freed. */
static bool push(struct step *step, struct item *item)
{
    struct df_watcher *watcher = step->watcher;
    pthread_mutex_lock(&watcher->lock);
    while (!watcher->quit && watcher->round == step->round && watcher->n &&
           (watcher->n >= QUEUE_MAX || watcher->bytes + item->entry.record.len > QUEUE_BYTES))
        pthread_cond_wait(&watcher->changed, &watcher->lock);
    bool current = !watcher->quit && watcher->round == step->round;
    if (current) {
        *watcher->last = item;
        watcher->last = &item->next;
        watcher->n++;
        watcher->bytes += item->entry.record.len;
        if (item->rc == -ESTALE)
            watcher->wanted = false;
    }
    pthread_mutex_unlock(&watcher->lock);
    if (current)
        ring(watcher->bell);
    else
        free_item(item);
    return current;
}

static bool push_error(struct step *step, int rc, const struct df_error *error)
{
    struct item *item = calloc(1, sizeof *item);
    if (!item)
        return false;
    item->rc = rc;
    item->error = *error;
    return push(step, item);
}

/* One transaction; the last one may be in the state only. */
static int push_entry(struct step *step, uint64_t revision, struct df_state *state, struct df_error *error)
{
    const struct df_store *store = &step->watcher->store;
    struct item *item = calloc(1, sizeof *item);
    if (!item)
        return df_store_no_memory(error);
    int rc;
    if (revision == state->record.revision) {
        rc = df_entry_of_state(store, state, &item->entry, error);
        item->entry.value = state->value; /* which the body may point into */
        state->value = (struct df_kv_value){0};
    } else {
        rc = df_entry_read(store, revision, &item->entry, error);
    }
    if (rc)
        free_item(item);
    else
        rc = push(step, item) ? 0 : -ECANCELED;
    return rc;
}

static int follow_log(struct step *step, struct df_error *error)
{
    const struct df_store *store = &step->watcher->store;
    struct df_state state;
    int rc = df_state_read(store, &state, error);
    if (rc)
        return rc;
    uint64_t last = state.record.revision;
    if (step->from > last || step->from + 1 < state.record.oldest)
        rc = df_error_set(error, -ESTALE, "%s:%s: the log does not have what came after revision %llu",
                          store->ops->name, store->location, (unsigned long long)step->from);
    while (rc == 0 && step->from < last) {
        rc = push_entry(step, step->from + 1, &state, error);
        step->from += rc == 0;
    }
    df_state_clear(&state);
    return rc;
}

static int keep_lease(const struct df_db_row *row, void *arg)
{
    return df_told_add(arg, row->id, row->data);
}

static int follow_leases(struct step *step, struct df_error *error)
{
    df_told_clear(&step->list);
    int rc = df_leases_scan(&step->watcher->store, step->leases, step->from, keep_lease, &step->list, &step->again_ms,
                            error);
    if (rc || (step->told && df_told_same(&step->list, &step->pushed)))
        return rc;
    struct item *item = calloc(1, sizeof *item);
    if (!item)
        return df_store_no_memory(error);
    item->has_leases = true;
    for (size_t i = 0; i < step->list.n && rc == 0; i++)
        rc = df_told_add(&item->leases, step->list.leases[i].name, step->list.leases[i].owner);
    step->told = push(step, item);
    df_told_clear(&step->pushed);
    step->pushed = step->list;
    step->list = (struct df_told){0};
    return rc;
}

/* False: there is nothing to do any more. */
static bool next_round(struct step *step)
{
    struct df_watcher *watcher = step->watcher;
    pthread_mutex_lock(&watcher->lock);
    while (!watcher->quit && !watcher->wanted)
        pthread_cond_wait(&watcher->changed, &watcher->lock);
    if (step->round != watcher->round) {
        step->round = watcher->round;
        step->from = watcher->from;
        step->told = false;
    }
    bool goes_on = !watcher->quit;
    pthread_mutex_unlock(&watcher->lock);
    return goes_on;
}

static void *follow(void *arg)
{
    struct df_watcher *watcher = arg;
    struct step step = {.watcher = watcher, .leases = df_leases_new(), .pause_ms = PAUSE_MIN_MS};
    while (step.leases && next_round(&step)) {
        struct df_error error = {""};
        int rc = follow_log(&step, &error);
        if (rc == 0)
            rc = follow_leases(&step, &error);
        if (rc == 0) {
            unsigned ms = step.again_ms < IDLE_MS ? step.again_ms : IDLE_MS;
            rc = watcher->store.ops->wait(watcher->store.kv, watcher->wake, ms, &error);
        }
        quiet(watcher->wake);
        if (rc == 0 || rc == -ECANCELED) {
            step.pause_ms = PAUSE_MIN_MS;
            continue;
        }
        push_error(&step, rc, &error);
        struct pollfd wake = {.fd = watcher->wake, .events = POLLIN};
        poll(&wake, 1, (int)step.pause_ms);
        step.pause_ms = step.pause_ms * 2 < PAUSE_MAX_MS ? step.pause_ms * 2 : PAUSE_MAX_MS;
    }
    df_told_clear(&step.list);
    df_told_clear(&step.pushed);
    df_leases_free(step.leases);
    return NULL;
}

int df_watcher_new(const struct df_kv_ops *ops, const struct df_db_config *config, struct df_watcher **result,
                   struct df_error *error)
{
    struct df_watcher *watcher = calloc(1, sizeof *watcher);
    if (!watcher)
        return df_store_no_memory(error);
    watcher->store = (struct df_store){.ops = ops, .location = config->location};
    watcher->last = &watcher->first;
    pthread_mutex_init(&watcher->lock, NULL);
    pthread_cond_init(&watcher->changed, NULL);
    watcher->bell = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    watcher->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    int rc = watcher->bell < 0 || watcher->wake < 0
                 ? df_error_set(error, -errno, "no descriptors to watch a database with: %s", strerror(errno))
                 : ops->open(config, &watcher->store.kv, error);
    if (rc == 0 && (rc = -pthread_create(&watcher->thread, NULL, follow, watcher)))
        df_error_set(error, rc, "no thread to watch a database with: %s", strerror(-rc));
    if (rc)
        watcher->quit = true;
    *result = watcher;
    if (rc) {
        df_watcher_free(watcher);
        *result = NULL;
    }
    return rc;
}

static void end_thread(struct df_watcher *watcher)
{
    pthread_mutex_lock(&watcher->lock);
    bool runs = !watcher->quit;
    watcher->quit = true;
    pthread_cond_signal(&watcher->changed);
    pthread_mutex_unlock(&watcher->lock);
    ring(watcher->wake);
    if (runs)
        pthread_join(watcher->thread, NULL);
}

void df_watcher_free(struct df_watcher *watcher)
{
    if (!watcher)
        return;
    end_thread(watcher);
    while (watcher->first)
        pop(watcher);
    if (watcher->store.kv)
        watcher->store.ops->close(watcher->store.kv);
    if (watcher->bell >= 0)
        close(watcher->bell);
    if (watcher->wake >= 0)
        close(watcher->wake);
    pthread_cond_destroy(&watcher->changed);
    pthread_mutex_destroy(&watcher->lock);
    df_told_clear(&watcher->told);
    free(watcher);
}

int df_watcher_fd(const struct df_watcher *watcher)
{
    return watcher->bell;
}

/* Everything again, from this revision on. */
static void begin_round(struct df_watcher *watcher, uint64_t revision)
{
    pthread_mutex_lock(&watcher->lock);
    while (watcher->first)
        pop(watcher);
    watcher->round++;
    watcher->from = watcher->at = revision;
    watcher->wanted = true;
    pthread_cond_signal(&watcher->changed);
    pthread_mutex_unlock(&watcher->lock);
    ring(watcher->wake);
}

void df_watcher_start(struct df_watcher *watcher, uint64_t revision)
{
    quiet(watcher->bell);
    begin_round(watcher, revision);
}

int df_watcher_tell_leases(struct df_watcher *watcher, struct df_told *leases, uint64_t revision, df_db_row_cb cb,
                           void *arg)
{
    return df_told_tell(&watcher->told, leases, revision, cb, arg);
}

void df_watcher_forget_leases(struct df_watcher *watcher)
{
    df_told_clear(&watcher->told);
}

/* The first of the queue, which only the handle takes away; the thread only adds behind. */
static struct item *first(struct df_watcher *watcher)
{
    pthread_mutex_lock(&watcher->lock);
    struct item *item = watcher->first;
    pthread_mutex_unlock(&watcher->lock);
    return item;
}

static int take(struct df_watcher *watcher, struct item *item, uint64_t *revision, df_db_row_cb cb, void *arg,
                struct df_error *error)
{
    int rc = item->rc;
    if (rc)
        df_error_set(error, rc, "%s", item->error.text);
    else if (item->has_leases)
        rc = df_told_tell(&watcher->told, &item->leases, *revision, cb, arg);
    else
        rc = df_body_tell(item->entry.body, item->entry.record.len, item->entry.record.revision, cb, arg);
    if (rc && !item->rc) {
        ring(watcher->bell); /* what was stopped is still there */
        return rc;
    }
    if (rc == 0 && !item->has_leases)
        *revision = watcher->at = item->entry.record.revision;
    pthread_mutex_lock(&watcher->lock);
    pop(watcher);
    pthread_mutex_unlock(&watcher->lock);
    return rc;
}

int df_watcher_go(struct df_watcher *watcher, uint64_t *revision, df_db_row_cb cb, void *arg, struct df_error *error)
{
    quiet(watcher->bell);
    pthread_mutex_lock(&watcher->lock);
    bool follows = watcher->at == *revision && (watcher->wanted || watcher->first);
    pthread_mutex_unlock(&watcher->lock);
    if (!follows)
        begin_round(watcher, *revision);
    struct item *item;
    int rc = 0;
    while (rc == 0 && (item = first(watcher)))
        rc = take(watcher, item, revision, cb, arg, error);
    if (rc && first(watcher))
        ring(watcher->bell);
    return rc;
}
