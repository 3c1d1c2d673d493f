/* SPDX-License-Identifier: Apache-2.0 */
#include "control/daemon/wait.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#define TIMEOUT_DEFAULT_S 60
#define TIMEOUT_MAX_S 3600

struct wait {
    LIST_ENTRY(wait) link;
    struct df_waits *waits;
    struct df_rpc_call *call;
    struct event *timeout;
    char *port;
    uint64_t version;
    bool programmed; /* is enough */
};

struct df_waits {
    struct event_base *base;
    struct df_controller *controller;
    LIST_HEAD(, wait) list;
};

/* The state of the port as an answer, and whether it is what the wait is for. */
static json_t *look(const struct wait *wait, bool *done, struct df_error *error)
{
    struct df_controller *controller = wait->waits->controller;
    uint16_t port;
    const char *id;
    struct df_port_status status;
    *done = false;
    int rc = df_controller_find_port(controller, wait->port, &port, &id, error);
    if (rc == 0)
        rc = df_controller_port_status(controller, id, &status);
    if (rc != 0)
        return NULL;
    uint64_t version = wait->version ? wait->version : status.desired_version;
    *done = status.applied_version >= version && status.applied_version > 0 && *status.reason == '\0' &&
            (status.attached || wait->programmed);
    return json_pack("{s:s, s:I, s:I, s:b, s:s}", "lport", status.lport, "desired_version",
                     (json_int_t)status.desired_version, "applied_version", (json_int_t)status.applied_version,
                     "attached", status.attached, "reason", status.reason);
}

static void wait_free(void *arg)
{
    struct wait *wait = arg;
    LIST_REMOVE(wait, link);
    if (wait->timeout)
        event_free(wait->timeout);
    free(wait->port);
    free(wait);
}

static bool check(struct wait *wait)
{
    bool done;
    json_t *state = look(wait, &done, NULL);
    if (!done) {
        json_decref(state);
        return false;
    }
    struct df_rpc_call *call = wait->call;
    wait_free(wait);
    df_rpc_reply(call, state);
    return true;
}

/* What the port still lacks, or why it is not known. */
static void say_what_is_missing(const struct wait *wait, char *text, size_t size)
{
    bool done;
    struct df_error error;
    json_t *state = look(wait, &done, &error);
    json_int_t applied = json_integer_value(json_object_get(state, "applied_version"));
    json_int_t desired = json_integer_value(json_object_get(state, "desired_version"));
    json_int_t wanted = wait->version ? (json_int_t)wait->version : desired;
    const char *reason = json_string_value(json_object_get(state, "reason"));
    if (!state)
        snprintf(text, size, "%s", error.text);
    else if (reason && *reason)
        snprintf(text, size, "%s", reason);
    else if (applied < wanted || applied == 0)
        snprintf(text, size, "version %lld is in force, %lld is wanted, the database has %lld", (long long)applied,
                 (long long)wanted, (long long)desired);
    else
        snprintf(text, size, "no guest is attached");
    json_decref(state);
}

static void timed_out(evutil_socket_t fd, short what, void *arg)
{
    struct wait *wait = arg;
    (void)fd;
    (void)what;
    if (check(wait))
        return;
    char missing[DF_ERROR_MAX];
    say_what_is_missing(wait, missing, sizeof(missing));
    struct df_rpc_call *call = wait->call;
    char *port = wait->port;
    wait->port = NULL;
    wait_free(wait);
    df_rpc_fail(call, DF_RPC_TIMEOUT, "%s: not ready in time: %s", port, missing);
    free(port);
}

static struct wait *wait_new(struct df_waits *waits, struct df_rpc_call *call, const char *port)
{
    struct wait *wait = calloc(1, sizeof(*wait));
    if (!wait)
        return NULL;
    wait->waits = waits;
    wait->call = call;
    wait->port = strdup(port);
    wait->timeout = evtimer_new(waits->base, timed_out, wait);
    LIST_INSERT_HEAD(&waits->list, wait, link);
    if (wait->port && wait->timeout)
        return wait;
    wait_free(wait);
    return NULL;
}

void df_waits_add(struct df_waits *waits, struct df_rpc_call *call, json_t *params)
{
    const char *port = NULL;
    json_int_t version = 0;
    double timeout = TIMEOUT_DEFAULT_S;
    int programmed = 0;
    json_error_t why;
    if (!params || json_unpack_ex(params, &why, JSON_STRICT, "{s:s, s?I, s?F, s?b}", "lport", &port, "version",
                                  &version, "timeout", &timeout, "programmed", &programmed) != 0) {
        df_rpc_fail(call, DF_RPC_BAD_PARAMS, "wait: %s", params ? why.text : "`lport' is missing");
        return;
    }
    if (version < 0 || !(timeout >= 0 && timeout <= TIMEOUT_MAX_S)) {
        df_rpc_fail(call, DF_RPC_BAD_PARAMS, "wait: version must not be negative, and timeout be 0 to %d seconds",
                    TIMEOUT_MAX_S);
        return;
    }
    struct wait *wait = wait_new(waits, call, port);
    if (!wait) {
        df_rpc_fail(call, DF_RPC_INTERNAL, "out of memory");
        return;
    }
    wait->version = (uint64_t)version;
    wait->programmed = programmed;
    if (check(wait))
        return;
    df_rpc_call_keep(call, wait_free, wait);
    struct timeval delay = {.tv_sec = (time_t)timeout,
                            .tv_usec = (suseconds_t)((timeout - (double)(time_t)timeout) * 1e6)};
    evtimer_add(wait->timeout, &delay);
}

void df_waits_check(struct df_waits *waits)
{
    struct wait *next;
    for (struct wait *wait = LIST_FIRST(&waits->list); wait; wait = next) {
        next = LIST_NEXT(wait, link);
        check(wait);
    }
}

struct df_waits *df_waits_new(struct event_base *base, struct df_controller *controller)
{
    struct df_waits *waits = calloc(1, sizeof(*waits));
    if (!waits)
        return NULL;
    waits->base = base;
    waits->controller = controller;
    LIST_INIT(&waits->list);
    return waits;
}

void df_waits_free(struct df_waits *waits)
{
    free(waits);
}
