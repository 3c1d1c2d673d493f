/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/zookeeper/session.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "dbsync/drivers/zookeeper/probe.h"
#include "dbsync/drivers/zookeeper/session_private.h"

#define PAUSE_MIN_MS 100
#define PAUSE_MAX_MS 5000
#define LINGER_MS 4000

uint64_t df_zk_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void df_zk_ring(struct df_zk_session *session)
{
    uint64_t one = 1;
    if (session->config.bell >= 0 && write(session->config.bell, &one, sizeof one) < 0)
        return; /* it is full, so it rings already */
}

/* Called by the library's thread, for the session and for the two nodes that are watched. */
static void on_event(zhandle_t *zh, int type, int state, const char *path, void *context)
{
    struct df_zk_session *session = context;
    (void)zh;
    (void)path;
    pthread_mutex_lock(&session->lock);
    if (type == ZOO_SESSION_EVENT)
        session->state = state;
    else
        session->fired |= type == ZOO_CHILD_EVENT ? DF_ZK_FIRED_LEASES : DF_ZK_FIRED_STATE;
    pthread_cond_broadcast(&session->changed);
    pthread_mutex_unlock(&session->lock);
    df_zk_ring(session);
}

static int get_state(struct df_zk_session *session)
{
    pthread_mutex_lock(&session->lock);
    int state = session->state;
    pthread_mutex_unlock(&session->lock);
    return state;
}

static char *credentials(const struct df_zk_session_config *config)
{
    char *text = NULL;
    if (asprintf(&text, "%s:%s", config->user, config->password ? config->password : "") < 0)
        return NULL;
    return text;
}

int df_zk_session_new(const struct df_zk_session_config *config, struct df_zk_session **result, struct df_error *error)
{
    struct df_zk_session *session = calloc(1, sizeof *session);
    if (!session)
        return df_error_set(error, -ENOMEM, "out of memory");
    session->config = *config;
    if (config->user && !(session->credentials = credentials(config))) {
        free(session);
        return df_error_set(error, -ENOMEM, "out of memory");
    }
    zoo_set_debug_level((ZooLogLevel)0); /* a library does not write to its program's standard error */
    pthread_mutex_init(&session->lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&session->changed, &attr);
    pthread_condattr_destroy(&attr);
    *result = session;
    return 0;
}

static void end_session(struct df_zk_session *session)
{
    if (session->zh)
        zookeeper_close(session->zh);
    session->zh = NULL;
    session->state = 0;
    session->lost_ms = 0;
}

void df_zk_session_free(struct df_zk_session *session)
{
    if (!session)
        return;
    end_session(session);
    pthread_cond_destroy(&session->changed);
    pthread_mutex_destroy(&session->lock);
    free(session->credentials);
    free(session->addresses);
    free(session);
}

/* Notes what failed, for the calls until the next attempt, which is in the pause's half to whole. */
static int failed(struct df_zk_session *session, int rc, const char *what, struct df_error *error)
{
    unsigned random = 0;
    if (getrandom(&random, sizeof random, GRND_NONBLOCK) < 0)
        random = (unsigned)df_zk_now_ms();
    unsigned pause = session->pause_ms ? session->pause_ms : PAUSE_MIN_MS;
    session->next_ms = df_zk_now_ms() + pause / 2 + random % (pause / 2 + 1);
    session->pause_ms = pause * 2 > PAUSE_MAX_MS ? PAUSE_MAX_MS : pause * 2;
    session->last_rc = rc;
    snprintf(session->last, sizeof session->last, "%s", what);
    return df_error_set(error, rc, "%s", what);
}

static int no_access(struct df_zk_session *session, struct df_error *error)
{
    char what[DF_ERROR_MAX];
    snprintf(what, sizeof what, "zookeeper:%s does not let user '%s' in: check user and password",
             session->config.place->text, session->config.user ? session->config.user : "");
    return failed(session, -EACCES, what, error);
}

static int begin_session(struct df_zk_session *session, struct df_error *error)
{
    char what[DF_ERROR_MAX];
    session->serial++;
    session->fired = 0;
    session->state = ZOO_CONNECTING_STATE;
    session->lost_ms = df_zk_now_ms();
    session->zh =
        zookeeper_init2(session->addresses, on_event, (int)session->config.session_ms, NULL, session, 0, NULL);
    if (session->zh) /* or it looks up its addresses, which are numbers, each time that it polls */
        zoo_set_servers_resolution_delay(session->zh, -1);
    if (session->zh && session->credentials)
        zoo_add_auth(session->zh, "digest", session->credentials, (int)strlen(session->credentials), NULL, NULL);
    if (session->zh)
        return 0;
    snprintf(what, sizeof what, "zookeeper:%s: %s", session->config.place->text, strerror(errno));
    return failed(session, -EIO, what, error);
}

/* What the library does not say: which host refuses. Blocks, and finds out addresses for attempts that must not. */
static int probe(struct df_zk_session *session, struct df_error *error)
{
    struct df_error why;
    char *addresses;
    int rc = df_zk_probe(session->config.place->hosts, session->config.timeout_ms, &addresses, &why);
    if (rc)
        return failed(session, rc, why.text, error);
    free(session->addresses);
    session->addresses = addresses;
    return 0;
}

/*
 * Whether the session is over: by the server's word, or as we did not hear of it for longer than it lives. Until then
 * the library tries by itself, and finds a server that comes back within a fraction of a second.
 */
static bool is_over(struct df_zk_session *session, int state)
{
    uint64_t now = df_zk_now_ms();
    if (state == ZOO_CONNECTED_STATE)
        session->lost_ms = 0;
    else if (session->lost_ms == 0)
        session->lost_ms = now;
    return state == ZOO_EXPIRED_SESSION_STATE || state == ZOO_AUTH_FAILED_STATE ||
           (session->lost_ms && now - session->lost_ms > session->config.session_ms + LINGER_MS);
}

/* -EKEYEXPIRED: the session was over when the server was found again, and it takes a new one. */
static int wait_connected(struct df_zk_session *session, struct df_error *error)
{
    char what[DF_ERROR_MAX];
    struct timespec end = df_zk_deadline(session->config.timeout_ms);
    int rc = 0;
    pthread_mutex_lock(&session->lock);
    while (session->state != ZOO_CONNECTED_STATE && session->state != ZOO_AUTH_FAILED_STATE &&
           session->state != ZOO_EXPIRED_SESSION_STATE && rc == 0)
        rc = pthread_cond_timedwait(&session->changed, &session->lock, &end);
    int state = session->state;
    pthread_mutex_unlock(&session->lock);
    if (state == ZOO_AUTH_FAILED_STATE)
        return no_access(session, error);
    if (state == ZOO_EXPIRED_SESSION_STATE)
        return df_error_set(error, -EKEYEXPIRED, "zookeeper:%s: the session ended", session->config.place->text);
    if (state == ZOO_CONNECTED_STATE) {
        session->pause_ms = 0;
        session->lost_ms = 0;
        return 0;
    }
    snprintf(what, sizeof what, "zookeeper:%s took the connection and has not answered for %u ms",
             session->config.place->text, session->config.timeout_ms);
    return failed(session, -ETIMEDOUT, what, error);
}

int df_zk_session_ready(struct df_zk_session *session, struct df_error *error)
{
    int state = get_state(session);
    if (session->zh && state == ZOO_CONNECTED_STATE)
        return 0;
    if (session->zh && is_over(session, state))
        end_session(session);
    if (df_zk_now_ms() < session->next_ms)
        return df_error_set(error, session->last_rc, "%s", session->last);
    int rc = probe(session, error);
    if (rc == 0 && !session->zh)
        rc = begin_session(session, error);
    if (rc == 0)
        rc = wait_connected(session, error);
    if (rc != -EKEYEXPIRED)
        return rc;
    end_session(session);
    rc = begin_session(session, error);
    return rc ? rc : wait_connected(session, error);
}

static unsigned left_ms(uint64_t until)
{
    uint64_t now = df_zk_now_ms();
    return until > now ? (unsigned)(until - now) + 1 : 1;
}

int df_zk_session_poll(struct df_zk_session *session, unsigned *again_ms, struct df_error *error)
{
    char what[DF_ERROR_MAX];
    int state = get_state(session);
    *again_ms = 0;
    if (session->zh && is_over(session, state)) {
        bool expired = state == ZOO_EXPIRED_SESSION_STATE;
        end_session(session);
        snprintf(what, sizeof what, "zookeeper:%s does not answer", session->config.place->text);
        if (!expired)
            failed(session, state == ZOO_AUTH_FAILED_STATE ? -EACCES : -ETIMEDOUT, what, error);
    }
    if (session->zh && state == ZOO_CONNECTED_STATE) {
        session->pause_ms = 0;
        return 0;
    }
    int rc = 0;
    if (!session->zh && df_zk_now_ms() >= session->next_ms)
        rc = begin_session(session, error);
    *again_ms = session->zh ? left_ms(session->lost_ms + session->config.session_ms + LINGER_MS + 1)
                            : left_ms(session->next_ms);
    return rc ? rc
              : df_error_set(error, -ETIMEDOUT, "zookeeper:%s: the connection is lost, trying again",
                             session->config.place->text);
}

uint64_t df_zk_session_serial(const struct df_zk_session *session)
{
    return session->serial;
}

unsigned df_zk_session_fired(struct df_zk_session *session)
{
    pthread_mutex_lock(&session->lock);
    unsigned fired = session->fired;
    session->fired = 0;
    pthread_mutex_unlock(&session->lock);
    return fired;
}

int64_t df_zk_session_id(const struct df_zk_session *session)
{
    return session->zh ? zoo_client_id(session->zh)->client_id : 0;
}

unsigned df_zk_session_granted_ms(const struct df_zk_session *session)
{
    return session->zh ? (unsigned)zoo_recv_timeout(session->zh) : 0;
}

const struct ACL_vector *df_zk_session_acl(const struct df_zk_session *session)
{
    return session->credentials ? &ZOO_CREATOR_ALL_ACL : &ZOO_OPEN_ACL_UNSAFE;
}

bool df_zk_is_lost(int code)
{
    return code == ZCONNECTIONLOSS || code == ZOPERATIONTIMEOUT || code == ZSESSIONEXPIRED || code == ZSESSIONMOVED ||
           code == ZINVALIDSTATE || code == ZCLOSING;
}

int df_zk_session_error(const struct df_zk_session *session, int code, struct df_error *error)
{
    const char *at = session->config.place->text;
    if (df_zk_is_lost(code))
        return df_error_set(error, -ETIMEDOUT, "zookeeper:%s: no answer: %s", at, zerror(code));
    switch (code) {
    case ZNOAUTH:
    case ZAUTHFAILED:
    case ZINVALIDACL:
        return df_error_set(error, -EACCES, "zookeeper:%s: not allowed to %s: check user and password", at,
                            session->credentials ? session->config.user : "who has no user and password");
    case ZNONODE:
        return df_error_set(error, -ENODEV, "zookeeper:%s: the database was removed: it must be opened again", at);
    case ZMARSHALLINGERROR:
        return df_error_set(error, -EPROTO, "zookeeper:%s: an answer that cannot be understood", at);
    case ZNOTREADONLY:
        return df_error_set(error, -EROFS, "zookeeper:%s: the server has no quorum and is for reading only", at);
    default:
        return df_error_set(error, -EIO, "zookeeper:%s: %s", at, zerror(code));
    }
}
