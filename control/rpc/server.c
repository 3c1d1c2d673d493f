/* SPDX-License-Identifier: Apache-2.0 */
#include "control/rpc/server_private.h"

#include <errno.h>
#include <event2/buffer.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static void connection_free(struct connection *connection)
{
    struct df_rpc_call *call;
    while ((call = LIST_FIRST(&connection->calls)))
        df_rpc_call_cancel(call);
    LIST_REMOVE(connection, link);
    connection->server->n_connections--;
    bufferevent_free(connection->bev);
    free(connection);
}

static bool held_back(const struct connection *connection)
{
    return connection->pending >= DF_RPC_PENDING_MAX ||
           evbuffer_get_length(bufferevent_get_output(connection->bev)) >= DF_RPC_OUTPUT_MAX;
}

/* Output that is there goes out; then connection_written() frees the connection. */
static void close_after_output(struct connection *connection)
{
    connection->closing = true;
    bufferevent_disable(connection->bev, EV_READ);
    struct df_rpc_call *call;
    while ((call = LIST_FIRST(&connection->calls)))
        df_rpc_call_cancel(call);
    bufferevent_trigger(connection->bev, EV_WRITE, 0);
}

/* Takes the lines that are there, as long as the client keeps within its limits. */
static void take_lines(struct connection *connection)
{
    struct df_rpc_server *server = connection->server;
    struct evbuffer *input = bufferevent_get_input(connection->bev);
    connection->reading = true;
    server->before(server->arg);
    while (!connection->closing && !held_back(connection)) {
        size_t len;
        char *line = evbuffer_readln(input, &len, EVBUFFER_EOL_LF);
        if (!line)
            break;
        if (len > 0)
            df_rpc_take_line(connection, line, len);
        free(line);
    }
    server->after(server->arg);
    connection->reading = false;
}

static void connection_read(struct bufferevent *bev, void *arg)
{
    struct connection *connection = arg;
    take_lines(connection);
    if (connection->closing)
        return;
    if (held_back(connection)) {
        bufferevent_disable(bev, EV_READ);
    } else if (evbuffer_get_length(bufferevent_get_input(bev)) >= DF_RPC_REQUEST_MAX) {
        df_rpc_send_error(connection, DF_RPC_INVALID_REQUEST, "the request is longer than 1 MiB");
        close_after_output(connection);
    }
}

static void connection_written(struct bufferevent *bev, void *arg)
{
    struct connection *connection = arg;
    if (connection->closing && evbuffer_get_length(bufferevent_get_output(bev)) == 0)
        connection_free(connection);
    else
        df_rpc_connection_resume(connection);
}

/* Deferred, so that it never runs below the code that answers a call. */
void df_rpc_connection_resume(struct connection *connection)
{
    bool stopped = !(bufferevent_get_enabled(connection->bev) & EV_READ);
    if (connection->reading || connection->closing || !stopped || held_back(connection))
        return;
    bufferevent_enable(connection->bev, EV_READ);
    bufferevent_trigger(connection->bev, EV_READ, BEV_TRIG_IGNORE_WATERMARKS | BEV_TRIG_DEFER_CALLBACKS);
}

static void connection_event(struct bufferevent *bev, short what, void *arg)
{
    struct connection *connection = arg;
    (void)bev;
    if ((what & BEV_EVENT_EOF) && !connection->closing) {
        take_lines(connection);
        close_after_output(connection);
    } else {
        connection_free(connection);
    }
}

static int refuse_connection(int fd)
{
    static const char text[] = "{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32004,"
                               "\"message\":\"too many connections\"}}\n";
    ssize_t sent = send(fd, text, sizeof(text) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    (void)sent; /* a courtesy: the connection goes either way */
    close(fd);
    return -EMFILE;
}

int df_rpc_server_adopt(struct df_rpc_server *server, int fd)
{
    if (server->n_connections == DF_RPC_CONNECTIONS_MAX)
        return refuse_connection(fd);
    struct connection *connection = calloc(1, sizeof(*connection));
    struct bufferevent *bev = NULL;
    evutil_make_socket_nonblocking(fd);
    if (connection)
        bev = bufferevent_socket_new(server->base, fd, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
    if (!bev) {
        free(connection);
        close(fd);
        return -ENOMEM;
    }
    connection->server = server;
    connection->bev = bev;
    LIST_INIT(&connection->calls);
    LIST_INSERT_HEAD(&server->connections, connection, link);
    server->n_connections++;
    struct timeval timeout = {.tv_sec = DF_RPC_WRITE_TIMEOUT_S};
    bufferevent_set_timeouts(bev, NULL, &timeout);
    bufferevent_setcb(bev, connection_read, connection_written, connection_event, connection);
    bufferevent_setwatermark(bev, EV_READ, 0, DF_RPC_REQUEST_MAX);
    bufferevent_enable(bev, EV_READ | EV_WRITE);
    return 0;
}

static void accepted(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address, int len, void *arg)
{
    (void)listener;
    (void)address;
    (void)len;
    df_rpc_server_adopt(arg, fd);
}

static void nothing(void *arg)
{
    (void)arg;
}

struct df_rpc_server *df_rpc_server_new(struct event_base *base, const struct df_rpc_method *methods, void *arg)
{
    struct df_rpc_server *server = calloc(1, sizeof(*server));
    if (!server)
        return NULL;
    server->base = base;
    server->methods = methods;
    server->arg = arg;
    server->before = server->after = nothing;
    server->lock_fd = -1;
    LIST_INIT(&server->connections);
    return server;
}

void df_rpc_server_around(struct df_rpc_server *server, void (*before)(void *arg), void (*after)(void *arg))
{
    server->before = before;
    server->after = after;
}

static int make_directory(const char *path, struct df_error *error)
{
    char folder[sizeof(((struct sockaddr_un *)0)->sun_path)];
    snprintf(folder, sizeof(folder), "%s", path);
    char *slash = strrchr(folder, '/');
    if (!slash || slash == folder)
        return 0;
    *slash = '\0';
    if (mkdir(folder, 0755) != 0 && errno != EEXIST)
        return df_error_set(error, -errno, "%s: cannot make the directory: %s", folder, strerror(errno));
    return 0;
}

/* The lock goes with the process, however it ends; its file stays, for a removed one could be locked twice. */
static int take_lock(struct df_rpc_server *server, const char *path, struct df_error *error)
{
    char name[PATH_MAX];
    snprintf(name, sizeof(name), "%s.lock", path);
    int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return df_error_set(error, -errno, "%s: %s%s", name, strerror(errno),
                            errno == EACCES ? "; df-switchd must run as root" : "");
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        char pid[16] = "";
        ssize_t len = pread(fd, pid, sizeof(pid) - 1, 0);
        close(fd);
        pid[strspn(pid, "0123456789")] = '\0';
        return df_error_set(error, -EADDRINUSE,
                            "%s: another df-switchd (pid %s) listens there; stop it, or set [rpc] socket to another "
                            "path",
                            path, len > 0 && *pid ? pid : "unknown");
    }
    server->lock_fd = fd;
    if (ftruncate(fd, 0) != 0 || dprintf(fd, "%d\n", (int)getpid()) < 0)
        return df_error_set(error, -errno, "%s: %s", name, strerror(errno));
    return 0;
}

static int bind_socket(const char *path, struct df_error *error)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return df_error_set(error, -errno, "%s: %s", path, strerror(errno));
    struct stat status;
    if (lstat(path, &status) == 0 && S_ISSOCK(status.st_mode))
        unlink(path);
    mode_t mask = umask(0177);
    int rc = bind(fd, (struct sockaddr *)&address, sizeof(address));
    umask(mask);
    if (rc != 0) {
        rc = df_error_set(error, -errno, "%s: cannot listen there: %s", path, strerror(errno));
        close(fd);
        return rc;
    }
    return fd;
}

int df_rpc_server_listen(struct df_rpc_server *server, const char *path, struct df_error *error)
{
    if (strlen(path) >= sizeof(((struct sockaddr_un *)0)->sun_path))
        return df_error_set(error, -ENAMETOOLONG, "%s: longer than a unix socket's path may be", path);
    int rc = make_directory(path, error);
    if (rc == 0)
        rc = take_lock(server, path, error);
    if (rc != 0)
        return rc;
    int fd = bind_socket(path, error);
    if (fd < 0)
        return fd;
    server->path = strdup(path);
    server->listener =
        evconnlistener_new(server->base, accepted, server, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 16, fd);
    if (!server->path || !server->listener) {
        if (!server->listener)
            close(fd);
        return df_error_set(error, -ENOMEM, "%s: out of memory", path);
    }
    return 0;
}

void df_rpc_server_free(struct df_rpc_server *server)
{
    if (!server)
        return;
    struct connection *connection;
    while ((connection = LIST_FIRST(&server->connections)))
        connection_free(connection);
    if (server->listener)
        evconnlistener_free(server->listener);
    if (server->path)
        unlink(server->path);
    free(server->path);
    if (server->lock_fd >= 0)
        close(server->lock_fd);
    free(server);
}
