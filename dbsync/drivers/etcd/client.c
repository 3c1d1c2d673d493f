/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/etcd/client_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "dbsync/net/tls.h"

uint64_t df_etcd_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* The descriptor. */

static int make_descriptors(struct df_etcd_client *client)
{
    client->poll_fd = epoll_create1(EPOLL_CLOEXEC);
    client->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    client->bell_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    struct epoll_event timer = {.events = EPOLLIN}, bell = {.events = EPOLLIN};
    if (client->poll_fd < 0 || client->timer_fd < 0 || client->bell_fd < 0 ||
        epoll_ctl(client->poll_fd, EPOLL_CTL_ADD, client->timer_fd, &timer) ||
        epoll_ctl(client->poll_fd, EPOLL_CTL_ADD, client->bell_fd, &bell))
        return -errno;
    return 0;
}

void df_etcd_client_set_timer(struct df_etcd_client *client, uint64_t at)
{
    struct itimerspec when = {.it_value = {.tv_sec = (time_t)(at / 1000), .tv_nsec = (long)(at % 1000) * 1000000}};
    if (client->alarm == at)
        return;
    client->alarm = at;
    timerfd_settime(client->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

void df_etcd_client_alarm(struct df_etcd_client *client, unsigned ms)
{
    df_etcd_client_set_timer(client, df_etcd_now() + ms + 1);
}

void df_etcd_client_ring(struct df_etcd_client *client, bool on)
{
    uint64_t one = 1;
    ssize_t n = on ? write(client->bell_fd, &one, sizeof one) : read(client->bell_fd, &one, sizeof one);
    (void)n; /* it rings already, or does not */
}

uint32_t df_etcd_client_wanted(const struct df_etcd_client *client)
{
    short events = client->session ? df_etcd_session_events(client->session) : df_line_events(client->line, false);
    return (uint32_t)events; /* poll's numbers are epoll's */
}

int df_etcd_client_socket(const struct df_etcd_client *client)
{
    if (client->session)
        return df_etcd_session_fd(client->session);
    return client->line ? df_line_fd(client->line) : -1;
}

/* A closed socket leaves the set by itself. */
void df_etcd_client_update_poll(struct df_etcd_client *client)
{
    int fd = df_etcd_client_socket(client);
    if (fd < 0)
        return;
    struct epoll_event event = {.events = df_etcd_client_wanted(client)};
    if (event.events == client->polled)
        return;
    epoll_ctl(client->poll_fd, client->polled ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event);
    client->polled = event.events;
}

/* The client itself. */

static char *copy(const char *text, bool *failed)
{
    char *new = text ? strdup(text) : NULL;
    *failed |= text && !new;
    return new;
}

int df_etcd_client_new(const struct df_db_config *config, struct df_etcd_client **client, struct df_error *error)
{
    static const unsigned char h2[] = {2, 'h', '2'};
    bool failed = false;
    struct df_etcd_client *new = calloc(1, sizeof *new);
    if (!new)
        return df_error_set(error, -ENOMEM, "out of memory");
    new->poll_fd = new->timer_fd = new->bell_fd = -1;
    new->pause_ms = DF_ETCD_PAUSE_MIN_MS;
    new->timeout_ms = config->timeout_ms ? config->timeout_ms : DF_DB_TIMEOUT_MS;
    new->location = copy(config->location, &failed);
    new->user = copy(config->user, &failed);
    new->password = copy(config->password, &failed);
    int rc = failed ? df_error_set(error, -ENOMEM, "out of memory")
                    : df_etcd_endpoints_parse(config->location, &new->endpoints, error);
    if (rc == 0)
        rc = df_tls_new(config, "etcd", &new->tls, error);
    if (new->tls)
        SSL_CTX_set_alpn_protos(new->tls, h2, sizeof h2);
    if (rc == 0) {
        rc = make_descriptors(new);
        if (rc)
            df_error_set(error, rc, "etcd: %s", strerror(-rc));
    }
    if (rc)
        df_etcd_client_free(new);
    else
        *client = new;
    return rc;
}

static void close_if_open(int fd)
{
    if (fd >= 0)
        close(fd);
}

void df_etcd_client_free(struct df_etcd_client *client)
{
    df_etcd_client_disconnect(client);
    close_if_open(client->poll_fd);
    close_if_open(client->timer_fd);
    close_if_open(client->bell_fd);
    SSL_CTX_free(client->tls);
    free(client->token);
    free(client->location);
    free(client->user);
    free(client->password);
    free(client);
}

const char *df_etcd_client_location(const struct df_etcd_client *client)
{
    return client->location;
}

int df_etcd_client_fd(const struct df_etcd_client *client)
{
    return client->poll_fd;
}

uint64_t df_etcd_client_generation(const struct df_etcd_client *client)
{
    return client->generation;
}

unsigned df_etcd_client_silence(const struct df_etcd_client *client)
{
    return (unsigned)(df_etcd_now() - client->heard_at);
}

unsigned df_etcd_client_timeout(const struct df_etcd_client *client)
{
    return client->timeout_ms;
}
