/* SPDX-License-Identifier: Apache-2.0 */
#include "control/rpc/server_private.h"

#include <event2/buffer.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int append(const char *text, size_t len, void *output)
{
    return evbuffer_add(output, text, len);
}

static void send_line(struct connection *connection, json_t *json)
{
    struct evbuffer *output = bufferevent_get_output(connection->bev);
    if (json_dump_callback(json, append, output, JSON_COMPACT) == 0)
        evbuffer_add(output, "\n", 1);
}

static json_t *error_object(json_t *id, enum df_rpc_code code, const char *text)
{
    /* A message may quote bytes of a client or a device that are no UTF-8, which JSON cannot carry. */
    json_t *message = json_string(text);
    if (!message)
        message = json_string("the error message is not UTF-8");
    return json_pack("{s:s, s:O?, s:{s:i, s:o}}", "jsonrpc", "2.0", "id", id ? id : json_null(), "error", "code",
                     (int)code, "message", message);
}

void df_rpc_send_error(struct connection *connection, enum df_rpc_code code, const char *text)
{
    json_t *answer = error_object(NULL, code, text);
    send_line(connection, answer);
    json_decref(answer);
}

/* Takes over answer, which is NULL for a call that gets none. */
static void deliver(struct connection *connection, struct batch *batch, json_t *answer)
{
    if (!batch) {
        if (answer)
            send_line(connection, answer);
        json_decref(answer);
        return;
    }
    if (answer)
        json_array_append_new(batch->answers, answer);
    if (--batch->pending > 0)
        return;
    if (json_array_size(batch->answers) > 0)
        send_line(connection, batch->answers);
    json_decref(batch->answers);
    free(batch);
}

static void call_free(struct df_rpc_call *call)
{
    call->connection->pending--;
    LIST_REMOVE(call, link);
    json_decref(call->request);
    free(call);
}

static void finish(struct df_rpc_call *call, json_t *answer)
{
    struct connection *connection = call->connection;
    deliver(connection, call->batch, answer);
    call_free(call);
    df_rpc_connection_resume(connection);
}

void df_rpc_reply(struct df_rpc_call *call, json_t *result)
{
    if (!result) {
        df_rpc_fail(call, DF_RPC_INTERNAL, "the server could not make the answer");
        return;
    }
    json_t *answer = call->id ? json_pack("{s:s, s:O, s:O}", "jsonrpc", "2.0", "id", call->id, "result", result) : NULL;
    json_decref(result);
    finish(call, answer);
}

void df_rpc_fail(struct df_rpc_call *call, enum df_rpc_code code, const char *format, ...)
{
    char text[DF_ERROR_MAX + 64];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    finish(call, call->id ? error_object(call->id, code, text) : NULL);
}

void df_rpc_call_keep(struct df_rpc_call *call, void (*cancelled)(void *arg), void *arg)
{
    call->cancelled = cancelled;
    call->cancelled_arg = arg;
}

void df_rpc_call_cancel(struct df_rpc_call *call)
{
    if (call->cancelled)
        call->cancelled(call->cancelled_arg);
    deliver(call->connection, call->batch, NULL);
    call_free(call);
}

/* What makes an object no request (JSON-RPC 2.0 section 4), or NULL. */
static const char *request_problem(json_t *request)
{
    if (!json_is_object(request))
        return "a request is an object";
    const char *version = json_string_value(json_object_get(request, "jsonrpc"));
    if (!version || strcmp(version, "2.0") != 0)
        return "\"jsonrpc\" must be \"2.0\"";
    if (!json_is_string(json_object_get(request, "method")))
        return "\"method\" must be a string";
    json_t *params = json_object_get(request, "params");
    if (params && !json_is_object(params) && !json_is_array(params))
        return "\"params\" must be an object or an array";
    json_t *id = json_object_get(request, "id");
    if (id && !json_is_string(id) && !json_is_number(id) && !json_is_null(id))
        return "\"id\" must be a string, a number or null";
    return NULL;
}

static const struct df_rpc_method *find_method(const struct df_rpc_server *server, const char *name)
{
    for (const struct df_rpc_method *method = server->methods; method->name; method++)
        if (strcmp(method->name, name) == 0)
            return method;
    return NULL;
}

static void take_request(struct connection *connection, struct batch *batch, json_t *request)
{
    const char *problem = request_problem(request);
    if (problem) {
        deliver(connection, batch, error_object(NULL, DF_RPC_INVALID_REQUEST, problem));
        return;
    }
    struct df_rpc_call *call = calloc(1, sizeof(*call));
    if (!call) {
        deliver(connection, batch, error_object(json_object_get(request, "id"), DF_RPC_INTERNAL, "out of memory"));
        return;
    }
    call->connection = connection;
    call->batch = batch;
    call->request = json_incref(request);
    call->id = json_object_get(request, "id");
    LIST_INSERT_HEAD(&connection->calls, call, link);
    connection->pending++;
    const char *name = json_string_value(json_object_get(request, "method"));
    const struct df_rpc_method *method = find_method(connection->server, name);
    if (method)
        method->run(call, json_object_get(request, "params"), connection->server->arg);
    else
        df_rpc_fail(call, DF_RPC_NO_METHOD, "there is no method `%.64s'", name);
}

static void take_batch(struct connection *connection, json_t *requests)
{
    size_t n = json_array_size(requests);
    if (n == 0 || n > DF_RPC_BATCH_MAX) {
        df_rpc_send_error(connection, DF_RPC_INVALID_REQUEST,
                          n == 0 ? "the batch is empty" : "the batch has more than 64 requests");
        return;
    }
    struct batch *batch = calloc(1, sizeof(*batch));
    if (!batch || !(batch->answers = json_array())) {
        free(batch);
        df_rpc_send_error(connection, DF_RPC_INTERNAL, "out of memory");
        return;
    }
    batch->pending = (unsigned)n;
    for (size_t i = 0; i < n; i++)
        take_request(connection, batch, json_array_get(requests, i));
}

void df_rpc_take_line(struct connection *connection, const char *line, size_t len)
{
    json_error_t why;
    json_t *json = json_loadb(line, len, JSON_REJECT_DUPLICATES, &why);
    if (json_is_array(json)) {
        take_batch(connection, json);
    } else if (json) {
        take_request(connection, NULL, json);
    } else {
        char text[JSON_ERROR_TEXT_LENGTH + 32];
        snprintf(text, sizeof(text), "not JSON at byte %d: %s", why.position, why.text);
        df_rpc_send_error(connection, DF_RPC_PARSE_ERROR, text);
    }
    json_decref(json);
}
