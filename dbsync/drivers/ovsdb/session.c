/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/ovsdb/session_private.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "dbsync/drivers/ovsdb/answer.h"
#include "dbsync/net/tls.h"

#define SHORT_MS 1000 /* a connection that lasted no longer was none */
#define BEHIND_MS 10000

uint64_t df_ovsdb_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static struct df_ovsdb_endpoint *endpoint_of(struct df_ovsdb_session *session)
{
    return &session->endpoints[session->current];
}

const char *df_ovsdb_session_place(const struct df_ovsdb_session *session)
{
    return session->endpoints[session->current].text;
}

bool df_ovsdb_session_is_ready(const struct df_ovsdb_session *session)
{
    return session->state == READY;
}

uint64_t df_ovsdb_session_deadline(const struct df_ovsdb_session *session)
{
    return df_ovsdb_now_ms() + session->timeout_ms;
}

bool df_ovsdb_session_leave(struct df_ovsdb_session *session, bool is_behind)
{
    uint64_t now = df_ovsdb_now_ms();
    if (!is_behind)
        session->behind_since = 0;
    else if (!session->behind_since)
        session->behind_since = now;
    return is_behind && now - session->behind_since < BEHIND_MS;
}

/* Options that cannot work are refused rather than left out. */
static int check_config(struct df_ovsdb_session *session, bool *wants_tls, struct df_error *error)
{
    const struct df_db_config *config = session->config;
    bool has_files = (config->ca && *config->ca) || (config->cert && *config->cert);
    *wants_tls = false;
    for (unsigned i = 0; i < session->n; i++) {
        struct df_ovsdb_endpoint *endpoint = &session->endpoints[i];
        if (endpoint->is_bare && has_files)
            endpoint->transport = DF_OVSDB_SSL;
        *wants_tls |= endpoint->transport == DF_OVSDB_SSL;
        if (has_files && endpoint->transport == DF_OVSDB_TCP)
            return df_error_set(error, -EINVAL,
                                "%s: certificates are configured, but this is no TLS: write ssl:", endpoint->text);
    }
    if (*wants_tls && !(config->ca && *config->ca))
        return df_error_set(error, -EINVAL, "%s: ssl: needs the certificate of the CA that signed the server's",
                            config->location);
    if ((config->user && *config->user) || (config->password && *config->password))
        return df_error_set(error, -EINVAL, "%s: OVSDB knows no passwords: use ssl: with a certificate and a key",
                            config->location);
    return 0;
}

static int make_descriptors(struct df_ovsdb_session *session, struct df_error *error)
{
    session->epoll = epoll_create1(EPOLL_CLOEXEC);
    session->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN};
    if (session->epoll < 0 || session->timer < 0 || epoll_ctl(session->epoll, EPOLL_CTL_ADD, session->timer, &event))
        return df_error_set(error, -errno, "no descriptor for a database: %s", strerror(errno));
    return 0;
}

int df_ovsdb_session_new(const struct df_db_config *config, const struct df_ovsdb_handler *handler, void *arg,
                         struct df_ovsdb_session **session, struct df_error *error)
{
    struct df_ovsdb_session *new = calloc(1, sizeof *new);
    if (!new)
        return df_error_set(error, -ENOMEM, "out of memory");
    *new = (struct df_ovsdb_session){.config = config, .handler = handler, .arg = arg, .epoll = -1, .timer = -1};
    new->timeout_ms = config->timeout_ms ? config->timeout_ms : DF_DB_TIMEOUT_MS;
    bool wants_tls;
    int rc = df_ovsdb_location_parse(config->location, new->endpoints, error);
    if (rc < 0)
        goto err;
    new->n = (unsigned)rc;
    rc = check_config(new, &wants_tls, error);
    if (rc == 0 && wants_tls)
        rc = df_tls_new(config, config->location, &new->tls, error);
    if (rc == 0)
        rc = make_descriptors(new, error);
    if (rc)
        goto err;
    *session = new;
    return 0;
err:
    df_ovsdb_session_free(new);
    return rc;
}

void df_ovsdb_session_free(struct df_ovsdb_session *session)
{
    df_ovsdb_rpc_close(&session->rpc);
    SSL_CTX_free(session->tls);
    if (session->epoll >= 0)
        close(session->epoll);
    if (session->timer >= 0)
        close(session->timer);
    free(session);
}

/* Failure. */

static void pause_attempts(struct df_ovsdb_session *session, uint64_t now)
{
    unsigned pause = session->pause_ms * 2;
    if (pause < DF_OVSDB_PAUSE_MIN_MS)
        pause = DF_OVSDB_PAUSE_MIN_MS;
    session->pause_ms = pause < DF_OVSDB_PAUSE_MAX_MS ? pause : DF_OVSDB_PAUSE_MAX_MS;
    session->next_attempt = now + session->pause_ms * 3 / 4 + arc4random_uniform(session->pause_ms / 2);
    session->tried = 0;
}

/* Whose turn it is after an end point failed, and when. */
static void choose_next(struct df_ovsdb_session *session, bool was_ready)
{
    uint64_t now = df_ovsdb_now_ms();
    struct df_ovsdb_endpoint *endpoint = endpoint_of(session);
    /* A server that lets us in only to throw us out again gets its pauses, too. */
    bool was_short = was_ready && now - session->ready_since < SHORT_MS;
    if (was_ready) {
        session->tried = 0;
        session->pause_ms = was_short ? session->pause_ms : 0;
    } else if (endpoint->next < endpoint->n) {
        return;
    } else {
        session->tried++;
    }
    session->current = (session->current + 1) % session->n;
    if (session->tried == session->n || was_short)
        pause_attempts(session, now);
}

/* Of a round that failed, what each end point said. */
static void keep_failure(struct df_ovsdb_session *session, int code, const struct df_error *error)
{
    const char *place = df_ovsdb_session_place(session);
    struct df_error before = session->failure_text;
    bool has_place = strncmp(error->text, place, strlen(place)) == 0;
    df_error_set(&session->failure_text, code, "%s%s%s%s%s", session->tried ? before.text : "",
                 session->tried ? "; " : "", has_place ? "" : place, has_place ? "" : ": ", error->text);
    /* -ENOENT is for who opens a database; to who has had one it is the loss of it, and no answer about a row. */
    session->failure = code == -ENOENT && session->was_ready ? -ENODEV : code;
}

int df_ovsdb_session_fail(struct df_ovsdb_session *session, int code, const struct df_error *error)
{
    bool was_ready = session->state == READY;
    session->tried = was_ready ? 0 : session->tried;
    keep_failure(session, code, error);
    session->state = IDLE;
    session->polled = 0;
    session->asked = 0;
    endpoint_of(session)->next = was_ready ? endpoint_of(session)->n : endpoint_of(session)->next;
    df_ovsdb_rpc_close(&session->rpc);
    choose_next(session, was_ready);
    if (was_ready)
        session->handler->lost(session->arg);
    return session->failure;
}

int df_ovsdb_session_tell_failure(const struct df_ovsdb_session *session, struct df_error *error)
{
    if (error)
        *error = session->failure_text;
    return session->failure;
}

/* Connecting. */

static int begin(struct df_ovsdb_session *session, bool may_block, struct df_error *error)
{
    struct df_ovsdb_endpoint *endpoint = endpoint_of(session);
    uint64_t now = df_ovsdb_now_ms();
    unsigned time = (session->timeout_ms + session->n - 1) / session->n;
    session->attempt_ends = now + time;
    session->heard = now;
    session->state = CONNECTING;
    session->lacks_database = false;
    int rc = df_ovsdb_endpoint_resolve(endpoint, may_block ? time : 0, error);
    if (rc)
        return rc;
    const struct df_net_address *to = &endpoint->addresses[endpoint->next++];
    /* Certificates of ovs-pki name no host (session.h). */
    return df_line_open(endpoint->text, to, endpoint->transport == DF_OVSDB_SSL ? session->tls : NULL, NULL,
                        &session->rpc.line, error);
}

static int become_ready(struct df_ovsdb_session *session, const json_t *updates, struct df_error *error)
{
    uint64_t now = df_ovsdb_now_ms();
    int rc = df_ovsdb_answer_server(updates, error);
    /* ovsdb-server takes connections before it has read its databases, which takes as long as they are large. */
    session->lacks_database = rc == -ENOENT;
    if (session->lacks_database)
        return 0;
    if (rc)
        return rc;
    session->state = READY;
    session->was_ready = true;
    session->ready_since = now;
    session->tried = 0;
    return session->handler->ready(session->arg, error);
}

static int server_answered(void *arg, json_t *result, json_t *refusal, struct df_error *error)
{
    struct df_ovsdb_session *session = arg;
    if (!error)
        return 0;
    if (refusal)
        return df_error_set(error, -EPROTO, "the server has no database _Server: ovsdb-server 2.9 or later is needed");
    return become_ready(session, result, error);
}

static int greet(struct df_ovsdb_session *session, struct df_error *error)
{
    json_t *params = json_pack("[s, s, {s:[{s:[s,s,s,s], s:[[s,s,s]]}]}]", "_Server", "_Server", "Database", "columns",
                               "name", "model", "connected", "schema", "where", "name", "==", DF_OVSDB_DATABASE);
    session->state = GREETING;
    return df_ovsdb_rpc_ask(&session->rpc, "monitor_cond", params, server_answered, session, error);
}

/* Talking. */

static int notified(void *arg, const char *method, json_t *params, json_t *id, struct df_error *error)
{
    struct df_ovsdb_session *session = arg;
    if (id && strcmp(method, "echo") == 0)
        return df_ovsdb_rpc_say(&session->rpc, json_pack("{s:O, s:O, s:n}", "id", id, "result", params, "error"),
                                error);
    const char *monitor = json_string_value(json_array_get(params, 0));
    if (monitor && strcmp(monitor, "_Server") == 0)
        return session->state == READY ? df_ovsdb_answer_server_update(json_array_get(params, 1), error)
                                       : become_ready(session, json_array_get(params, 1), error);
    return session->handler->notify(session->arg, method, params, error);
}

static int echoed(void *arg, json_t *result, json_t *refusal, struct df_error *error)
{
    (void)result;
    (void)refusal;
    (void)error;
    ((struct df_ovsdb_session *)arg)->asked = 0;
    return 0;
}

static int check_silence(struct df_ovsdb_session *session, struct df_error *error)
{
    uint64_t now = df_ovsdb_now_ms();
    if (session->state != READY) {
        if (now < session->attempt_ends)
            return 0;
        if (session->lacks_database) /* says so */
            return df_ovsdb_answer_server(NULL, error);
        return df_error_set(error, -ETIMEDOUT, "%s: no answer: is ovsdb-server well, and can it be reached?",
                            df_ovsdb_session_place(session));
    }
    if (session->asked && now - session->asked >= session->timeout_ms)
        return df_error_set(error, -ETIMEDOUT, "%s: the server does not answer any more",
                            df_ovsdb_session_place(session));
    if (session->asked || now - session->heard < session->timeout_ms)
        return 0;
    session->asked = now;
    return df_ovsdb_rpc_ask(&session->rpc, "echo", json_array(), echoed, session, error);
}

int df_ovsdb_session_talk(struct df_ovsdb_session *session, struct df_error *error)
{
    ssize_t rc = 0;
    if (session->state == CONNECTING) {
        rc = df_line_connect(session->rpc.line, error);
        if (rc == 0)
            rc = greet(session, error);
        else if (rc == -EAGAIN)
            return check_silence(session, error);
    }
    if (rc == 0)
        rc = df_ovsdb_rpc_flush(&session->rpc, error);
    if (rc == 0)
        rc = df_ovsdb_rpc_receive(&session->rpc, notified, session, error);
    if (rc > 0) {
        session->heard = df_ovsdb_now_ms();
        session->asked = 0;
    }
    if (rc >= 0)
        rc = check_silence(session, error);
    return rc < 0 ? (int)rc : df_ovsdb_rpc_flush(&session->rpc, error);
}

void df_ovsdb_session_poll_for(struct df_ovsdb_session *session)
{
    if (session->state == IDLE)
        return;
    short events = df_ovsdb_rpc_events(&session->rpc);
    struct epoll_event event = {.events = (uint32_t)events}; /* poll's numbers are epoll's */
    if (events == session->polled)
        return;
    epoll_ctl(session->epoll, session->polled ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, df_line_fd(session->rpc.line), &event);
    session->polled = events;
}

static int run(struct df_ovsdb_session *session, bool may_block, struct df_error *error)
{
    struct df_error failed = {""};
    for (;;) {
        int rc = 0;
        if (session->state == IDLE && df_ovsdb_now_ms() < session->next_attempt)
            return df_ovsdb_session_tell_failure(session, error);
        if (session->state == IDLE)
            rc = begin(session, may_block, &failed);
        if (rc == 0)
            rc = df_ovsdb_session_talk(session, &failed);
        if (rc == 0) {
            df_ovsdb_session_poll_for(session);
            return session->state == READY ? 0 : -EAGAIN;
        }
        df_ovsdb_session_fail(session, rc, &failed);
        if (!may_block)
            return df_ovsdb_session_tell_failure(session, error);
    }
}

int df_ovsdb_session_run(struct df_ovsdb_session *session, struct df_error *error)
{
    return run(session, false, error);
}

void df_ovsdb_session_wait_for_line(struct df_ovsdb_session *session, uint64_t deadline)
{
    uint64_t now = df_ovsdb_now_ms();
    uint64_t end = session->state == READY || deadline < session->attempt_ends ? deadline : session->attempt_ends;
    struct pollfd fd = {.fd = df_line_fd(session->rpc.line), .events = df_ovsdb_rpc_events(&session->rpc)};
    poll(&fd, 1, end > now ? (int)(end - now) : 0);
}

/* To who has had a database its server is loading it still. */
static int give_up(struct df_ovsdb_session *session, struct df_error *error)
{
    struct df_error lacking;
    if (session->lacks_database && !session->was_ready) {
        df_ovsdb_session_fail(session, df_ovsdb_answer_server(NULL, &lacking), &lacking);
        return df_ovsdb_session_tell_failure(session, error);
    }
    return df_error_set(error, -ETIMEDOUT, "%s: no answer in time: is ovsdb-server well?",
                        df_ovsdb_session_place(session));
}

int df_ovsdb_session_connect(struct df_ovsdb_session *session, uint64_t deadline, struct df_error *error)
{
    for (;;) {
        int rc = run(session, true, error);
        if (rc != -EAGAIN)
            return rc;
        if (df_ovsdb_now_ms() >= deadline)
            return give_up(session, error);
        df_ovsdb_session_wait_for_line(session, deadline);
    }
}

/* Waking. */

int df_ovsdb_session_fd(struct df_ovsdb_session *session)
{
    return session->epoll;
}

void df_ovsdb_session_wake_at(struct df_ovsdb_session *session, uint64_t at)
{
    uint64_t own = session->next_attempt;
    if (session->state == CONNECTING || session->state == GREETING)
        own = session->attempt_ends;
    else if (session->state == READY)
        own = (session->asked ? session->asked : session->heard) + session->timeout_ms;
    at = own < at ? own : at;
    struct itimerspec when = {.it_value.tv_sec = (time_t)(at / 1000)};
    when.it_value.tv_nsec = (long)(at % 1000) * 1000000 + 1; /* zero would mean never */
    timerfd_settime(session->timer, TFD_TIMER_ABSTIME, &when, NULL);
    df_ovsdb_session_poll_for(session);
}
