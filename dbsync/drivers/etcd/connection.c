/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/etcd/client_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "dbsync/drivers/etcd/decode.h"
#include "dbsync/drivers/etcd/etcd.pb-c.h"

#define PAUSE_MAX_MS 5000
#define GOOD_AFTER_MS 1000 /* a connection that lived so long was a good one, if it answered nothing */

void df_etcd_client_disconnect(struct df_etcd_client *client)
{
    df_etcd_session_free(client->session);
    df_line_close(client->line);
    client->session = NULL;
    client->line = NULL;
    client->state = DOWN;
    client->polled = 0;
    free(client->login_answer.data);
    client->login_answer = (struct df_etcd_answer){0};
}

static unsigned jitter(unsigned ms)
{
    unsigned random = 0;
    if (getrandom(&random, sizeof random, GRND_NONBLOCK) < 0)
        random = (unsigned)df_etcd_now();
    return ms / 2 + random % (ms / 2 + 1);
}

void df_etcd_client_leave(struct df_etcd_client *client, int code, const struct df_error *error)
{
    uint64_t now = df_etcd_now();
    bool was_good = client->state == READY && (client->proven || now - client->ready_at >= GOOD_AFTER_MS);
    client->rc = code;
    client->error = *error;
    df_etcd_client_disconnect(client);
    client->at = (client->at + 1) % client->endpoints.n;
    client->next_try = now;
    if (was_good) {
        client->failures = 0;
        client->pause_ms = DF_ETCD_PAUSE_MIN_MS;
    } else if (++client->failures >= client->endpoints.n) {
        client->failures = 0;
        client->next_try = now + jitter(client->pause_ms);
        client->pause_ms = client->pause_ms * 2 > PAUSE_MAX_MS ? PAUSE_MAX_MS : client->pause_ms * 2;
    }
    df_etcd_client_set_timer(client, client->next_try + 1);
}

/* What is said of an attempt that took too long. */
int df_etcd_client_too_late(const struct df_etcd_client *client, struct df_error *error)
{
    return df_error_set(error, -ETIMEDOUT, "etcd at %s: no answer within %u ms: is it there, and running?",
                        client->endpoints.list[client->at].name, client->timeout_ms);
}

unsigned df_etcd_client_share(const struct df_etcd_client *client, unsigned ms)
{
    size_t n = client->endpoints.n < 3 ? client->endpoints.n : 3;
    return ms / (unsigned)n;
}

static int open_line(struct df_etcd_client *client, const struct df_etcd_endpoint *endpoint, struct df_error *error)
{
    char name[sizeof endpoint->name + sizeof "etcd at "];
    snprintf(name, sizeof name, "etcd at %s", endpoint->name);
    return df_line_open(name, &endpoint->address, client->tls, endpoint->host, &client->line, error);
}

static int begin(struct df_etcd_client *client, bool may_wait, struct df_error *error)
{
    struct df_etcd_endpoint *endpoint = &client->endpoints.list[client->at];
    unsigned time = df_etcd_client_share(client, client->timeout_ms);
    int rc = 0;
    client->attempt_ends = df_etcd_now() + time;
    if (!endpoint->address.len)
        rc = df_etcd_endpoint_resolve(endpoint, may_wait ? time : 0, error);
    if (rc == 0)
        rc = open_line(client, endpoint, error);
    if (rc)
        return rc;
    client->state = CONNECTING;
    return 0;
}

int df_etcd_client_login(struct df_etcd_client *client, struct df_error *error)
{
    DfEtcd__AuthenticateRequest request = DF_ETCD__AUTHENTICATE_REQUEST__INIT;
    request.name = client->user;
    request.password = client->password ? client->password : "";
    free(client->token);
    client->token = NULL;
    client->login = (struct df_etcd_call){
        .on_message = df_etcd_keep_answer, .on_end = df_etcd_call_ended, .arg = &client->login_answer};
    client->attempt_ends = df_etcd_now() + df_etcd_client_share(client, client->timeout_ms);
    client->state = LOGIN;
    return df_etcd_client_start(client, &client->login, "/etcdserverpb.Auth/Authenticate", &request.base, false, error);
}

static void get_ready(struct df_etcd_client *client)
{
    client->state = READY;
    client->generation++;
    client->proven = false;
    client->ready_at = client->heard_at = df_etcd_now();
}

/* etcd without users has nothing against a user. */
static int finish_login(struct df_etcd_client *client, struct df_error *error)
{
    const struct df_etcd_call *login = &client->login;
    const char *name = client->endpoints.list[client->at].name;
    if (!login->answered)
        return df_error_set(error, -ECONNRESET, "etcd at %s: it broke off the login", name);
    bool no_users = login->status == DF_ETCD_FAILED_PRECONDITION;
    if (login->status != DF_ETCD_OK && !no_users)
        return df_etcd_status_error(login->status, login->text, name, error);
    if (!no_users) {
        client->token = df_etcd_decode_token(client->login_answer.data, client->login_answer.len);
        if (!client->token)
            return df_error_set(error, -EPROTO, "etcd at %s: its answer to the login cannot be read", name);
    }
    get_ready(client);
    return 0;
}

static int connected(struct df_etcd_client *client, struct df_error *error)
{
    struct df_line *line = client->line;
    client->line = NULL;
    int rc =
        df_etcd_session_new(line, &client->endpoints.list[client->at], client->tls != NULL, &client->session, error);
    if (rc)
        return rc;
    if (client->user)
        return df_etcd_client_login(client, error);
    get_ready(client);
    return 0;
}

static int step_connecting(struct df_etcd_client *client, struct df_error *error)
{
    int rc = df_line_connect(client->line, error);
    if (rc == 0)
        return connected(client, error);
    if (rc != -EAGAIN)
        return rc;
    return df_etcd_now() >= client->attempt_ends ? df_etcd_client_too_late(client, error) : 0;
}

static int step_login(struct df_etcd_client *client, struct df_error *error)
{
    int rc = df_etcd_session_step(client->session, error);
    if (rc == 0 && client->login.ended)
        return finish_login(client, error);
    return rc == 0 && df_etcd_now() >= client->attempt_ends ? df_etcd_client_too_late(client, error) : rc;
}

static int step_ready(struct df_etcd_client *client, struct df_error *error)
{
    int rc = df_etcd_session_step(client->session, error);
    uint64_t heard = df_etcd_session_heard(client->session);
    if (heard != client->heard)
        client->heard_at = df_etcd_now();
    client->heard = heard;
    return rc;
}

/* One state on. A failure leaves the end point. */
void df_etcd_client_step_once(struct df_etcd_client *client, bool may_wait)
{
    struct df_error error = {""};
    int rc = 0;
    if (client->state == DOWN)
        rc = begin(client, may_wait, &error);
    if (rc == 0 && client->state == CONNECTING)
        rc = step_connecting(client, &error);
    if (rc == 0 && client->state == LOGIN)
        rc = step_login(client, &error);
    if (rc == 0 && client->state == READY)
        rc = step_ready(client, &error);
    if (rc)
        df_etcd_client_leave(client, rc, &error);
}

int df_etcd_client_try(struct df_etcd_client *client, bool may_wait, struct df_error *error)
{
    size_t tries = client->endpoints.n + 1;
    while (tries--) {
        if (client->state == DOWN && df_etcd_now() < client->next_try)
            break;
        df_etcd_client_step_once(client, may_wait);
        if (client->state != DOWN)
            break;
    }
    df_etcd_client_update_poll(client);
    if (client->state == CONNECTING || client->state == LOGIN)
        df_etcd_client_set_timer(client, client->attempt_ends);
    if (client->state != DOWN)
        return client->state == READY;
    return df_error_set(error, client->rc, "%s", client->error.text);
}

int df_etcd_client_step(struct df_etcd_client *client, struct df_error *error)
{
    uint64_t expirations;
    ssize_t n = read(client->timer_fd, &expirations, sizeof expirations);
    if (n > 0)
        client->alarm = 0;
    return df_etcd_client_try(client, false, error);
}
