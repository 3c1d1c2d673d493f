/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/rpc/server.h"

/*
 * The RPC server reads whatever a client sends. One method answers at once, one keeps its call until the connection
 * goes; whatever is left open shows as a leak.
 */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void echo(struct df_rpc_call *call, json_t *params, void *arg)
{
    (void)arg;
    df_rpc_reply(call, params ? json_incref(params) : json_null());
}

static void cancelled(void *arg)
{
    (void)arg;
}

static void keep(struct df_rpc_call *call, json_t *params, void *arg)
{
    (void)params;
    (void)arg;
    df_rpc_call_keep(call, cancelled, NULL);
}

static const struct df_rpc_method methods[] = {{"echo", echo}, {"keep", keep}, {NULL, NULL}};

static void drain(int fd)
{
    static char sink[65536];
    while (recv(fd, sink, sizeof(sink), MSG_DONTWAIT) > 0) {
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct event_base *base = event_base_new();
    struct df_rpc_server *server = df_rpc_server_new(base, methods, NULL);
    int fds[2];
    if (!server || socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0)
        abort();
    df_rpc_server_adopt(server, fds[1]);
    while (size > 0) {
        ssize_t sent = send(fds[0], data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent > 0) {
            data += sent;
            size -= (size_t)sent;
        }
        event_base_loop(base, EVLOOP_NONBLOCK);
        drain(fds[0]);
        if (sent < 0)
            break; /* the server has closed, or reads no more of this client */
    }
    shutdown(fds[0], SHUT_WR);
    for (int i = 0; i < 4; i++)
        event_base_loop(base, EVLOOP_NONBLOCK);
    close(fds[0]);
    df_rpc_server_free(server);
    event_base_free(base);
    return 0;
}
