/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/etcd/session.h"

#include <errno.h>
#include <nghttp2/nghttp2.h>
#include <stdlib.h>
#include <string.h>

/* What may be on its way to us: a page of a snapshot must not wait for our permission to send on. */
#define STREAM_WINDOW (4 << 20)
#define SESSION_WINDOW (16 << 20)
#define HEADERS_MAX 12

struct df_etcd_session {
    nghttp2_session *http;
    struct df_line *line;
    const struct df_etcd_endpoint *to;
    bool tls;
    struct df_etcd_call *calls;
    const uint8_t *out; /* of nghttp2, not written yet */
    size_t out_len;
    int broken; /* why, when a callback found out */
    uint64_t heard;
};

static struct df_etcd_call *find(const struct df_etcd_session *session, int32_t stream)
{
    struct df_etcd_call *call = session->calls;
    while (call && call->stream != stream)
        call = call->next;
    return call;
}

static void unlink_call(struct df_etcd_call *call)
{
    struct df_etcd_call **at = &call->session->calls;
    while (*at != call)
        at = &(*at)->next;
    *at = call->next;
    df_etcd_buffer_free(&call->in);
    df_etcd_buffer_free(&call->out);
}

static void end_call(struct df_etcd_call *call)
{
    unlink_call(call);
    call->ended = true;
    call->on_end(call);
}

/* What nghttp2 calls. */

static int on_data(nghttp2_session *http, uint8_t flags, int32_t stream, const uint8_t *data, size_t len, void *arg)
{
    struct df_etcd_session *session = arg;
    struct df_etcd_call *call = find(session, stream);
    (void)flags;
    if (!call || call->too_large)
        return 0;
    int rc = df_etcd_frame_take(&call->in, data, len, call->on_message, call->arg);
    if (rc == -EMSGSIZE) {
        call->too_large = true;
        return nghttp2_submit_rst_stream(http, NGHTTP2_FLAG_NONE, stream, NGHTTP2_CANCEL);
    }
    if (rc)
        session->broken = rc;
    return rc ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

static bool is_name(const char *name, const uint8_t *bytes, size_t len)
{
    return len == strlen(name) && memcmp(name, bytes, len) == 0;
}

/* ":status" of something that is not gRPC at all (a proxy, another service), or the trailers of a call. */
static int on_header(nghttp2_session *http, const nghttp2_frame *frame, const uint8_t *name, size_t name_len,
                     const uint8_t *value, size_t value_len, uint8_t flags, void *arg)
{
    struct df_etcd_call *call = find(arg, frame->hd.stream_id);
    (void)http;
    (void)flags;
    if (!call)
        return 0;
    if (is_name("grpc-status", name, name_len)) {
        char number[8] = "";
        memcpy(number, value, value_len < sizeof number ? value_len : sizeof number - 1);
        call->status = atoi(number);
        call->answered = true;
    } else if (is_name("grpc-message", name, name_len)) {
        df_etcd_status_text((const char *)value, value_len, call->text);
    } else if (is_name(":status", name, name_len) && !is_name("200", value, value_len)) {
        call->status = DF_ETCD_UNIMPLEMENTED;
        call->answered = true;
        memcpy(call->text, "no gRPC is spoken there", sizeof "no gRPC is spoken there");
    }
    return 0;
}

static int on_close(nghttp2_session *http, int32_t stream, uint32_t code, void *arg)
{
    struct df_etcd_call *call = find(arg, stream);
    (void)http;
    (void)code;
    if (call)
        end_call(call);
    return 0;
}

static ssize_t give_data(nghttp2_session *http, int32_t stream, uint8_t *to, size_t size, uint32_t *flags,
                         nghttp2_data_source *source, void *arg)
{
    struct df_etcd_call *call = find(arg, stream);
    (void)http;
    (void)source;
    if (!call)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    size_t len = df_etcd_buffer_len(&call->out), n = len < size ? len : size;
    if (n == 0 && call->open)
        return NGHTTP2_ERR_DEFERRED;
    if (n)
        memcpy(to, call->out.data + call->out.from, n);
    df_etcd_buffer_take(&call->out, n);
    if (n == len && !call->open)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)n;
}

static int make_http(struct df_etcd_session *session)
{
    nghttp2_session_callbacks *callbacks;
    if (nghttp2_session_callbacks_new(&callbacks))
        return -ENOMEM;
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
    int rc = nghttp2_session_client_new(&session->http, callbacks, session);
    nghttp2_session_callbacks_del(callbacks);
    const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
                                               {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW}};
    if (rc == 0)
        rc = nghttp2_submit_settings(session->http, NGHTTP2_FLAG_NONE, settings, 2);
    if (rc == 0)
        rc = nghttp2_session_set_local_window_size(session->http, NGHTTP2_FLAG_NONE, 0, SESSION_WINDOW);
    return rc ? -ENOMEM : 0;
}

int df_etcd_session_new(struct df_line *line, const struct df_etcd_endpoint *to, bool tls,
                        struct df_etcd_session **session, struct df_error *error)
{
    struct df_etcd_session *new = calloc(1, sizeof *new);
    if (new) {
        new->line = line;
        new->to = to;
        new->tls = tls;
    }
    if (new &&make_http(new) == 0) {
        *session = new;
        return 0;
    }
    if (new)
        df_etcd_session_free(new);
    else
        df_line_close(line);
    return df_error_set(error, -ENOMEM, "out of memory");
}

void df_etcd_session_free(struct df_etcd_session *session)
{
    if (!session)
        return;
    while (session->calls) {
        session->calls->answered = false;
        end_call(session->calls);
    }
    nghttp2_session_del(session->http);
    df_line_close(session->line);
    free(session);
}

static nghttp2_nv header(const char *name, const char *value)
{
    return (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name,
                        .value = (uint8_t *)(uintptr_t)value,
                        .namelen = strlen(name),
                        .valuelen = strlen(value),
                        .flags = NGHTTP2_NV_FLAG_NONE};
}

/* The request headers of gRPC over HTTP/2; "hasleader" makes etcd end a watch on a member that is cut off. */
static size_t make_headers(const struct df_etcd_session *session, const char *path, const char *token, bool open,
                           nghttp2_nv headers[HEADERS_MAX])
{
    size_t n = 0;
    headers[n++] = header(":method", "POST");
    headers[n++] = header(":scheme", session->tls ? "https" : "http");
    headers[n++] = header(":authority", session->to->name);
    headers[n++] = header(":path", path);
    headers[n++] = header("te", "trailers");
    headers[n++] = header("content-type", "application/grpc");
    headers[n++] = header("user-agent", "dragonflow");
    if (open)
        headers[n++] = header("hasleader", "true");
    if (token)
        headers[n++] = header("token", token);
    return n;
}

int df_etcd_session_call(struct df_etcd_session *session, struct df_etcd_call *call, const char *path,
                         const char *token, const void *message, size_t len, bool open, struct df_error *error)
{
    nghttp2_nv headers[HEADERS_MAX];
    nghttp2_data_provider provider = {.read_callback = give_data};
    int rc = df_etcd_frame_put(&call->out, message, len);
    if (rc) {
        df_etcd_buffer_free(&call->out);
        return df_error_set(error, rc, "etcd: a request of %zu bytes: %s", len, strerror(-rc));
    }
    size_t n = make_headers(session, path, token, open, headers);
    call->open = open;
    call->session = session;
    call->stream = nghttp2_submit_request(session->http, NULL, headers, n, &provider, NULL);
    if (call->stream < 0) {
        df_etcd_buffer_free(&call->out);
        return df_error_set(error, -ECONNRESET, "etcd at %s: %s", session->to->name, nghttp2_strerror(call->stream));
    }
    call->next = session->calls;
    session->calls = call;
    return 0;
}

int df_etcd_call_send(struct df_etcd_call *call, const void *message, size_t len, struct df_error *error)
{
    if (df_etcd_frame_put(&call->out, message, len))
        return df_error_set(error, -ENOMEM, "out of memory");
    nghttp2_session_resume_data(call->session->http, call->stream);
    return 0;
}

void df_etcd_call_drop(struct df_etcd_call *call)
{
    if (call->ended || !call->session)
        return;
    nghttp2_submit_rst_stream(call->session->http, NGHTTP2_FLAG_NONE, call->stream, NGHTTP2_CANCEL);
    unlink_call(call);
    call->ended = true;
}

static int http_error(const struct df_etcd_session *session, ssize_t code, struct df_error *error)
{
    if (session->broken)
        return df_error_set(error, session->broken, "etcd at %s: it answers what cannot be read: %s", session->to->name,
                            strerror(-session->broken));
    return df_error_set(error, -EPROTO, "etcd at %s: HTTP/2: %s: does it speak TLS there, or another protocol?",
                        session->to->name, nghttp2_strerror((int)code));
}

static int send_all(struct df_etcd_session *session, struct df_error *error)
{
    ssize_t n;
    for (;;) {
        if (session->out_len == 0) {
            n = nghttp2_session_mem_send(session->http, &session->out);
            if (n < 0)
                return http_error(session, n, error);
            if (n == 0)
                return 0;
            session->out_len = (size_t)n;
        }
        n = df_line_write(session->line, session->out, session->out_len, error);
        if (n < 0)
            return n == -EAGAIN ? 0 : (int)n;
        session->out += n;
        session->out_len -= (size_t)n;
    }
}

static int receive_all(struct df_etcd_session *session, struct df_error *error)
{
    uint8_t chunk[16384];
    ssize_t n;
    while ((n = df_line_read(session->line, chunk, sizeof chunk, error)) > 0) {
        session->heard++;
        ssize_t taken = nghttp2_session_mem_recv(session->http, chunk, (size_t)n);
        if (taken < 0)
            return http_error(session, taken, error);
        /* Window updates go out at once: the other end may be waiting for them. */
        int rc = send_all(session, error);
        if (rc)
            return rc;
    }
    return n == -EAGAIN ? 0 : (int)n;
}

int df_etcd_session_step(struct df_etcd_session *session, struct df_error *error)
{
    int rc = send_all(session, error);
    if (rc == 0)
        rc = receive_all(session, error);
    if (rc == 0)
        rc = send_all(session, error);
    if (rc == 0 && !nghttp2_session_want_read(session->http) && !nghttp2_session_want_write(session->http))
        rc = df_error_set(error, -ECONNRESET, "etcd at %s: it said good-bye", session->to->name);
    return rc;
}

short df_etcd_session_events(struct df_etcd_session *session)
{
    return df_line_events(session->line, session->out_len || nghttp2_session_want_write(session->http));
}

uint64_t df_etcd_session_heard(const struct df_etcd_session *session)
{
    return session->heard;
}

int df_etcd_session_fd(const struct df_etcd_session *session)
{
    return df_line_fd(session->line);
}
