/* SPDX-License-Identifier: Apache-2.0 */
#include "control/daemon/holder.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "control/clock.h"
#include "control/log.h"
#include "control/model/alloc.h"
#include "control/nodes/liveness.h"

#define RENEW_MS (DF_LIVENESS_TTL_S * 1000 / 3)
#define TIMEOUT_MS (DF_LIVENESS_TTL_S * 1000 / 2) /* another attempt is heard within the time to live */
#define PAUSE_FIRST_MS 100
#define PAUSE_MAX_MS 10000

struct df_holder {
    struct df_holder_config config;
    pthread_t thread;
    int wake;
    _Atomic bool stop, reopen;
    pthread_mutex_t lock;
    struct df_holder_view view; /* under lock; only the thread writes it */

    /* The thread's own. */
    struct df_nb *nb;
    char name[300];
    unsigned pause_ms;
    uint64_t due_ms;   /* the next attempt */
    uint64_t spare_ms; /* until then the lease is left to a rival */
};

static uint64_t now_ms(void)
{
    return df_clock_monotonic.now_ms(&df_clock_monotonic);
}

/* ---- Asking */

static void close_database(struct df_holder *holder)
{
    df_nb_close(holder->nb);
    holder->nb = NULL;
}

/* Leases ran out while the database was away. Whose it was has the time that nodes have to come back (liveness.h). */
static bool is_left_to_rival(struct df_holder *holder)
{
    return holder->view.state == DF_HOLDER_RIVALS && (holder->view.away || now_ms() < holder->spare_ms);
}

/* 0: it is ours; -EBUSY; 1: the database is there, and the lease was not asked for; or why the database is away. */
static int ask(struct df_holder *holder, struct df_error *error)
{
    int rc = holder->nb ? 0 : df_nb_open(holder->config.driver, &holder->config.database, &holder->nb, error);
    if (rc)
        return rc;
    if (!is_left_to_rival(holder))
        return df_nb_lease(holder->nb, holder->name, holder->config.owner, DF_LIVENESS_TTL_S, error);
    rc = df_nb_probe(holder->nb, error);
    if (rc)
        return rc;
    if (holder->view.away)
        holder->spare_ms = now_ms() + DF_LIVENESS_RETURN_MS;
    return 1;
}

/* ---- What came of it */

static void note_ours(const struct df_holder *holder, struct df_holder_view *view)
{
    if (view->state == DF_HOLDER_LOST)
        df_log(DF_LOG_INFO, "host %s is this process's again", holder->config.host);
    view->state = DF_HOLDER_OURS;
}

static void note_others(const struct df_holder *holder, struct df_holder_view *view, const struct df_error *who)
{
    if (view->state == DF_HOLDER_OURS)
        df_log(DF_LOG_ERROR,
               "host %s: another df-switchd took the name while this one could not reach the database "
               "(%s); stop one of them, or set [df] host",
               holder->config.host, who->text);
    bool was_ours = view->state == DF_HOLDER_OURS || view->state == DF_HOLDER_LOST;
    view->state = was_ours ? DF_HOLDER_LOST : DF_HOLDER_RIVALS;
    view->who = *who;
}

static void note(struct df_holder *holder, int rc, const struct df_error *error)
{
    struct df_holder_view view = holder->view;
    view.away = rc < 0 && rc != -EBUSY;
    if (rc == 0)
        note_ours(holder, &view);
    else if (rc == -EBUSY)
        note_others(holder, &view, error);
    else if (view.away)
        view.error = *error;
    view.failures += view.away;
    bool differs = view.state != holder->view.state || view.away || holder->view.away;
    pthread_mutex_lock(&holder->lock);
    holder->view = view;
    pthread_mutex_unlock(&holder->lock);
    if (differs)
        eventfd_write(holder->config.changed, 1);
}

static void set_due(struct df_holder *holder)
{
    if (!holder->view.away) {
        holder->pause_ms = PAUSE_FIRST_MS;
        holder->due_ms = now_ms() + RENEW_MS;
        return;
    }
    holder->due_ms = now_ms() + holder->pause_ms;
    holder->pause_ms = holder->pause_ms * 2 < PAUSE_MAX_MS ? holder->pause_ms * 2 : PAUSE_MAX_MS;
}

/* ---- The thread */

static void attempt(struct df_holder *holder)
{
    struct df_error error;
    if (atomic_exchange(&holder->reopen, false)) {
        close_database(holder);
        holder->spare_ms = now_ms() + DF_LIVENESS_RETURN_MS;
    }
    int rc = ask(holder, &error);
    if (rc == -ENODEV)
        close_database(holder);
    note(holder, rc, &error);
    set_due(holder);
}

static void wait_until_due(struct df_holder *holder)
{
    struct pollfd fd = {.fd = holder->wake, .events = POLLIN};
    eventfd_t value;
    uint64_t now;
    while (!atomic_load(&holder->stop) && !atomic_load(&holder->reopen) && (now = now_ms()) < holder->due_ms) {
        poll(&fd, 1, (int)(holder->due_ms - now));
        eventfd_read(holder->wake, &value);
    }
}

static void *run(void *arg)
{
    struct df_holder *holder = arg;
    pthread_setname_np(pthread_self(), "lease");
    while (!atomic_load(&holder->stop)) {
        attempt(holder);
        wait_until_due(holder);
    }
    if (holder->nb && holder->view.state == DF_HOLDER_OURS && !holder->view.away)
        df_nb_release(holder->nb, holder->name, NULL);
    df_nb_close(holder->nb);
    return NULL;
}

/* Signals are the control thread's. */
static int start(struct df_holder *holder)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&holder->thread, NULL, run, holder);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

struct df_holder *df_holder_new(const struct df_holder_config *config)
{
    struct df_holder *holder = df_alloc(sizeof(*holder));
    struct df_db_config *database = &holder->config.database;
    holder->config = *config;
    if (database->timeout_ms == 0 || database->timeout_ms > TIMEOUT_MS)
        database->timeout_ms = TIMEOUT_MS;
    holder->pause_ms = PAUSE_FIRST_MS;
    snprintf(holder->name, sizeof(holder->name), "%s%s", DF_LIVENESS_LEASE, config->host);
    pthread_mutex_init(&holder->lock, NULL);
    holder->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (holder->wake >= 0 && start(holder) == 0)
        return holder;
    if (holder->wake >= 0)
        close(holder->wake);
    pthread_mutex_destroy(&holder->lock);
    free(holder);
    return NULL;
}

void df_holder_free(struct df_holder *holder)
{
    if (!holder)
        return;
    atomic_store(&holder->stop, true);
    eventfd_write(holder->wake, 1);
    pthread_join(holder->thread, NULL);
    pthread_mutex_destroy(&holder->lock);
    close(holder->wake);
    free(holder);
}

void df_holder_view(struct df_holder *holder, struct df_holder_view *view)
{
    pthread_mutex_lock(&holder->lock);
    *view = holder->view;
    pthread_mutex_unlock(&holder->lock);
}

void df_holder_reopen(struct df_holder *holder)
{
    atomic_store(&holder->reopen, true);
    eventfd_write(holder->wake, 1);
}
