/* SPDX-License-Identifier: Apache-2.0 */
#include "control/rpc/client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define ANSWER_MAX (256u * 1024 * 1024)

struct df_rpc_client {
    int fd;
    json_int_t next_id;
    char *path;
    char *buffer; /* bytes of the answer so far */
    size_t len, size;
};

static int refused(const char *path, int code, struct df_error *error)
{
    if (code == EACCES)
        return df_error_set(error, -code, "cannot reach df-switchd at %s: permission denied; run as root", path);
    return df_error_set(error, -code, "cannot reach df-switchd at %s: is it running? (systemctl status df-switchd)",
                        path);
}

int df_rpc_client_open(const char *path, struct df_rpc_client **client, struct df_error *error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path))
        return df_error_set(error, -ENAMETOOLONG, "%s: longer than a unix socket's path may be", path);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    struct df_rpc_client *made = calloc(1, sizeof(*made));
    if (!made || !(made->path = strdup(path))) {
        free(made);
        return df_error_set(error, -ENOMEM, "out of memory");
    }
    made->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (made->fd < 0 || connect(made->fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        int rc = refused(path, errno, error);
        df_rpc_client_close(made);
        return rc;
    }
    *client = made;
    return 0;
}

void df_rpc_client_close(struct df_rpc_client *client)
{
    if (!client)
        return;
    if (client->fd >= 0)
        close(client->fd);
    free(client->path);
    free(client->buffer);
    free(client);
}

static int send_all(struct df_rpc_client *client, const char *text, size_t len, struct df_error *error)
{
    while (len > 0) {
        ssize_t sent = send(client->fd, text, len, MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR)
            return df_error_set(error, -errno, "df-switchd at %s went away: %s", client->path, strerror(errno));
        if (sent > 0) {
            text += sent;
            len -= (size_t)sent;
        }
    }
    return 0;
}

static int send_request(struct df_rpc_client *client, const char *method, json_t *params, struct df_error *error)
{
    json_t *request = json_pack("{s:s, s:I, s:s, s:o*}", "jsonrpc", "2.0", "id", ++client->next_id, "method", method,
                                "params", params);
    char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
    json_decref(request);
    if (!text)
        return df_error_set(error, -EINVAL, "%s: the parameters are not UTF-8", method);
    size_t len = strlen(text);
    text[len] = '\n'; /* in place of the terminator */
    int rc = send_all(client, text, len + 1, error);
    free(text);
    return rc;
}

static int make_room(struct df_rpc_client *client, struct df_error *error)
{
    if (client->len < client->size)
        return 0;
    size_t size = client->size ? client->size * 2 : 64 * 1024;
    char *grown = size <= ANSWER_MAX ? realloc(client->buffer, size) : NULL;
    if (!grown)
        return df_error_set(error, -E2BIG, "the answer of df-switchd is too large");
    client->buffer = grown;
    client->size = size;
    return 0;
}

/* Bytes of the line without its end, once it is whole; what is behind it stays for the next call. */
static ssize_t read_line(struct df_rpc_client *client, int timeout_ms, struct df_error *error)
{
    size_t seen = 0;
    for (;;) {
        char *end = client->len > seen ? memchr(client->buffer + seen, '\n', client->len - seen) : NULL;
        if (end)
            return end - client->buffer;
        seen = client->len;
        int rc = make_room(client, error);
        if (rc != 0)
            return rc;
        struct pollfd ready = {.fd = client->fd, .events = POLLIN};
        int n = poll(&ready, 1, timeout_ms);
        if (n == 0)
            return df_error_set(error, -ETIMEDOUT, "df-switchd at %s does not answer", client->path);
        ssize_t got = n < 0 ? n : read(client->fd, client->buffer + client->len, client->size - client->len);
        if (got == 0)
            return df_error_set(error, -ECONNRESET, "df-switchd at %s closed the connection", client->path);
        if (got < 0 && errno != EINTR)
            return df_error_set(error, -errno, "df-switchd at %s went away: %s", client->path, strerror(errno));
        if (got > 0)
            client->len += (size_t)got;
    }
}

static json_t *read_answer(struct df_rpc_client *client, int timeout_ms, struct df_error *error)
{
    ssize_t len = read_line(client, timeout_ms, error);
    if (len < 0)
        return NULL;
    json_error_t why;
    json_t *answer = json_loadb(client->buffer, (size_t)len, 0, &why);
    client->len -= (size_t)len + 1;
    memmove(client->buffer, client->buffer + len + 1, client->len);
    if (!answer)
        df_error_set(error, -EPROTO, "df-switchd at %s answered no JSON: %s", client->path, why.text);
    return answer;
}

json_t *df_rpc_client_call(struct df_rpc_client *client, const char *method, json_t *params, int timeout_ms, int *code,
                           struct df_error *error)
{
    int unused;
    code = code ? code : &unused;
    *code = DF_RPC_INTERNAL;
    json_t *answer = NULL;
    json_t *result = NULL;
    if (send_request(client, method, params, error) == 0)
        answer = read_answer(client, timeout_ms, error);
    if (!answer)
        return NULL;
    json_t *failure = json_object_get(answer, "error");
    if (failure) {
        const char *text = json_string_value(json_object_get(failure, "message"));
        *code = (int)json_integer_value(json_object_get(failure, "code"));
        df_error_set(error, -EREMOTEIO, "%s", text ? text : "df-switchd failed without a reason");
    } else {
        result = json_incref(json_object_get(answer, "result"));
        if (!result)
            df_error_set(error, -EPROTO, "df-switchd at %s answered neither result nor error", client->path);
    }
    json_decref(answer);
    return result;
}
