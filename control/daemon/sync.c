/* SPDX-License-Identifier: Apache-2.0 */
#include "control/daemon/sync.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/log.h"

#define LEASE_TTL_S 30
#define PAUSE_FIRST_MS 100
#define PAUSE_MAX_MS 10000
#define POLL_MS 1000 /* where the driver has no descriptor to wait for */

enum state { CONNECTING, IN_SYNC, AWAY };

struct df_sync {
    struct df_sync_config config;
    struct df_nb *nb;
    struct event *readable;
    struct event *retry; /* also the poll of a driver without a descriptor */
    struct event *renew;
    int fd; /* that readable waits for; -1: none */
    unsigned pause_ms;
    enum state state;
    bool leased;     /* has been held by this process */
    bool lease_lost; /* and somebody else has it now; logged */
    char lease[300];
    char owner[300];
    struct df_error error; /* why it is away */
};

static void schedule(struct event *event, unsigned ms)
{
    struct timeval delay = {.tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000};
    evtimer_add(event, &delay);
}

static void stop_waiting(struct df_sync *sync)
{
    if (sync->readable)
        event_free(sync->readable);
    sync->readable = NULL;
    sync->fd = -1;
}

static void went_away(struct df_sync *sync)
{
    enum state before = sync->state;
    sync->state = AWAY;
    stop_waiting(sync);
    schedule(sync->retry, sync->pause_ms);
    sync->pause_ms = sync->pause_ms * 2 < PAUSE_MAX_MS ? sync->pause_ms * 2 : PAUSE_MAX_MS;
    if (before == AWAY)
        return;
    df_log(DF_LOG_WARNING, "the database is away: %s; going on with what is known, and trying again", sync->error.text);
    sync->config.away(sync->config.arg);
}

static void came_back(struct df_sync *sync)
{
    if (sync->state != IN_SYNC)
        df_log(DF_LOG_INFO, "in sync with the database %s:%s", sync->config.driver, sync->config.database.location);
    sync->state = IN_SYNC;
    sync->pause_ms = PAUSE_FIRST_MS;
}

/* 0, or a negative errno with sync->error. */
static int take_lease(struct df_sync *sync)
{
    int rc = df_nb_lease(sync->nb, sync->lease, sync->owner, LEASE_TTL_S, &sync->error);
    if (rc == 0 && sync->lease_lost)
        df_log(DF_LOG_INFO, "host %s is this process's again", sync->config.host);
    if (rc == 0) {
        sync->leased = true;
        sync->lease_lost = false;
    }
    if (rc != -EBUSY)
        return rc;
    if (!sync->leased) {
        sync->config.refused(sync->config.arg, &sync->error);
        return rc;
    }
    if (!sync->lease_lost)
        df_log(DF_LOG_ERROR,
               "host %s: another df-switchd took the name while this one could not reach the database "
               "(%s); stop one of them, or set [df] host",
               sync->config.host, sync->error.text);
    sync->lease_lost = true;
    return 0;
}

static void take_change(struct df_nb_change *change, void *arg)
{
    df_controller_change(((struct df_sync *)arg)->config.controller, change);
}

static void on_readable(evutil_socket_t fd, short what, void *arg);

/* Waits for news; the descriptor may be another one after a reconnect. */
static void wait_for_news(struct df_sync *sync)
{
    int fd = df_nb_sync_fd(sync->nb);
    if (fd < 0) {
        schedule(sync->retry, POLL_MS);
        return;
    }
    if (fd == sync->fd)
        return;
    stop_waiting(sync);
    sync->readable = event_new(sync->config.base, fd, EV_READ | EV_PERSIST, on_readable, sync);
    if (!sync->readable || event_add(sync->readable, NULL) != 0) {
        schedule(sync->retry, POLL_MS);
        return;
    }
    sync->fd = fd;
}

static int open_database(struct df_sync *sync)
{
    if (!sync->nb) {
        int rc = df_nb_open(sync->config.driver, &sync->config.database, &sync->nb, &sync->error);
        return rc != 0 ? rc : take_lease(sync);
    }
    return sync->leased ? 0 : take_lease(sync);
}

/* The database was removed or replaced: this handle never sees the new one, in which the lease is taken anew. */
static void abandon(struct df_sync *sync)
{
    stop_waiting(sync);
    df_nb_close(sync->nb);
    sync->nb = NULL;
}

static void attempt(struct df_sync *sync)
{
    int rc = open_database(sync);
    if (rc == -EBUSY && !sync->leased)
        return; /* refused: the daemon ends */
    if (rc == 0)
        rc = df_nb_sync(sync->nb, take_change, sync, &sync->error);
    if (rc == -ENODEV)
        abandon(sync);
    if (rc < 0) {
        went_away(sync);
        return;
    }
    bool first = sync->state != IN_SYNC;
    came_back(sync);
    wait_for_news(sync);
    if (rc > 0 || first)
        sync->config.changed(sync->config.arg);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    struct df_sync *sync = arg;
    (void)fd;
    (void)what;
    sync->config.before(sync->config.arg);
    attempt(sync);
    sync->config.after(sync->config.arg);
}

static void on_renew(evutil_socket_t fd, short what, void *arg)
{
    struct df_sync *sync = arg;
    (void)fd;
    (void)what;
    if (sync->nb && sync->leased)
        take_lease(sync); /* a database that is away shows in the sync too, and is logged there */
    schedule(sync->renew, LEASE_TTL_S * 1000 / 3);
}

struct df_sync *df_sync_new(const struct df_sync_config *config)
{
    struct df_sync *sync = calloc(1, sizeof(*sync));
    if (!sync)
        return NULL;
    sync->config = *config;
    sync->fd = -1;
    sync->pause_ms = PAUSE_FIRST_MS;
    snprintf(sync->lease, sizeof(sync->lease), "chassis-%s", config->host);
    snprintf(sync->owner, sizeof(sync->owner), "df-switchd pid %d on %s", (int)getpid(), config->host);
    sync->retry = evtimer_new(config->base, on_readable, sync);
    sync->renew = evtimer_new(config->base, on_renew, sync);
    if (!sync->retry || !sync->renew) {
        df_sync_free(sync);
        return NULL;
    }
    schedule(sync->retry, 0);
    schedule(sync->renew, LEASE_TTL_S * 1000 / 3);
    return sync;
}

void df_sync_free(struct df_sync *sync)
{
    if (!sync)
        return;
    stop_waiting(sync);
    if (sync->retry)
        event_free(sync->retry);
    if (sync->renew)
        event_free(sync->renew);
    if (sync->nb && sync->leased && !sync->lease_lost)
        df_nb_release(sync->nb, sync->lease, NULL);
    if (sync->nb)
        df_nb_close(sync->nb);
    free(sync);
}

json_t *df_sync_report(const struct df_sync *sync)
{
    static const char *const names[] = {"connecting", "in sync", "away"};
    return json_pack("{s:s, s:s, s:s, s:s*}", "driver", sync->config.driver, "location", sync->config.database.location,
                     "state", names[sync->state], "error", sync->state == AWAY ? sync->error.text : NULL);
}
