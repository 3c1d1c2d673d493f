/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dbsync/drivers/zookeeper/session_private.h"

/*
 * A request is freed by whoever comes last: the library's thread with the answer, or the one who asked and dropped it.
 */

struct timespec df_zk_deadline(unsigned ms)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += ms / 1000;
    at.tv_nsec += (long)(ms % 1000) * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000;
    }
    return at;
}

static void free_request(struct df_zk_request *request)
{
    for (size_t i = 0; i < request->n_names; i++)
        free(request->names[i]);
    free(request->names);
    free(request->data);
    free(request->results);
    free(request);
}

static struct df_zk_request *request_new(struct df_zk_session *session, int how)
{
    struct df_zk_request *request = calloc(1, sizeof *request);
    if (request) {
        request->session = session;
        request->ring = how & DF_ZK_ASK_RING;
    }
    return request;
}

/* The answer is complete. */
static void finish(struct df_zk_request *request, int rc)
{
    struct df_zk_session *session = request->session;
    pthread_mutex_lock(&session->lock);
    request->rc = rc;
    request->done = true;
    bool dropped = request->dropped, ring = request->ring;
    if (!dropped)
        pthread_cond_broadcast(&session->changed);
    pthread_mutex_unlock(&session->lock);
    if (dropped)
        free_request(request);
    if (ring)
        df_zk_ring(session);
}

/* What the library did not take has its answer at once. */
static struct df_zk_request *asked(struct df_zk_request *request, int rc)
{
    if (rc != ZOK)
        finish(request, rc);
    return request;
}

static void on_data(int rc, const char *value, int len, const struct Stat *stat, const void *arg)
{
    struct df_zk_request *request = (struct df_zk_request *)(uintptr_t)arg;
    if (rc == ZOK && len > 0) {
        request->data = malloc((size_t)len);
        if (request->data) {
            memcpy(request->data, value, (size_t)len);
            request->len = (size_t)len;
        } else {
            rc = ZSYSTEMERROR;
        }
    }
    if (rc == ZOK && stat)
        request->stat = *stat;
    finish(request, rc);
}

struct df_zk_request *df_zk_get(struct df_zk_session *session, const char *path, int how)
{
    struct df_zk_request *request = request_new(session, how);
    return request ? asked(request, zoo_aget(session->zh, path, how & DF_ZK_ASK_WATCH, on_data, request)) : NULL;
}

static void on_names(int rc, const struct String_vector *names, const void *arg)
{
    struct df_zk_request *request = (struct df_zk_request *)(uintptr_t)arg;
    size_t n = rc == ZOK && names && names->count > 0 ? (size_t)names->count : 0;
    request->names = n ? calloc(n, sizeof *request->names) : NULL;
    for (size_t i = 0; i < n && request->names; i++) {
        request->names[i] = strdup(names->data[i]);
        request->n_names += request->names[i] != NULL;
        if (!request->names[i])
            break;
    }
    finish(request, request->n_names == n ? rc : ZSYSTEMERROR);
}

struct df_zk_request *df_zk_children(struct df_zk_session *session, const char *path, int how)
{
    struct df_zk_request *request = request_new(session, how);
    return request ? asked(request, zoo_aget_children(session->zh, path, how & DF_ZK_ASK_WATCH, on_names, request))
                   : NULL;
}

static void on_sync(int rc, const char *path, const void *arg)
{
    (void)path;
    finish((struct df_zk_request *)(uintptr_t)arg, rc);
}

struct df_zk_request *df_zk_sync(struct df_zk_session *session, int how)
{
    struct df_zk_request *request = request_new(session, how);
    return request ? asked(request, zoo_async(session->zh, session->config.place->root, on_sync, request)) : NULL;
}

static void on_done(int rc, const void *arg)
{
    finish((struct df_zk_request *)(uintptr_t)arg, rc);
}

struct df_zk_request *df_zk_multi(struct df_zk_session *session, const zoo_op_t *ops, int n, int how)
{
    struct df_zk_request *request = request_new(session, how);
    if (request && !(request->results = calloc((size_t)n, sizeof *request->results))) {
        free(request);
        return NULL;
    }
    return request ? asked(request, zoo_amulti(session->zh, n, ops, request->results, on_done, request)) : NULL;
}

bool df_zk_is_done(struct df_zk_request *request)
{
    pthread_mutex_lock(&request->session->lock);
    bool done = request->done;
    pthread_mutex_unlock(&request->session->lock);
    return done;
}

int df_zk_wait(struct df_zk_request *request)
{
    struct df_zk_session *session = request->session;
    struct timespec end = df_zk_deadline(session->config.timeout_ms);
    pthread_mutex_lock(&session->lock);
    int rc = 0;
    while (!request->done && rc == 0)
        rc = pthread_cond_timedwait(&session->changed, &session->lock, &end);
    rc = request->done ? request->rc : ZOPERATIONTIMEOUT;
    pthread_mutex_unlock(&session->lock);
    return rc;
}

void df_zk_drop(struct df_zk_request *request)
{
    if (!request)
        return;
    pthread_mutex_lock(&request->session->lock);
    bool done = request->done;
    request->dropped = true;
    pthread_mutex_unlock(&request->session->lock);
    if (done)
        free_request(request);
}
