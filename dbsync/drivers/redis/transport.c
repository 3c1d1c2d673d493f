/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/redis/transport.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dbsync/drivers/redis/tls.h"

/* A peer that is gone without a word is noticed by time-outs of requests; this is for idle connections. */
#define KEEPALIVE_S 30

struct df_redis_transport {
    int fd;
    SSL *ssl;
    bool connected; /* TCP is; TLS may not be */
    char name[DF_REDIS_HOST_MAX + 8];
};

static int line_error(const struct df_redis_transport *transport, int code, struct df_error *error)
{
    return df_error_set(error, -code, "redis at %s: %s", transport->name, strerror(code));
}

static int open_socket(const struct df_redis_point *point)
{
    int on = 1, idle = KEEPALIVE_S;
    int fd = socket(point->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    if (connect(fd, (const struct sockaddr *)&point->address, point->len) == 0 || errno == EINPROGRESS)
        return fd;
    int rc = -errno;
    close(fd);
    return rc;
}

int df_redis_transport_open(const struct df_redis_point *point, SSL_CTX *tls, struct df_redis_transport **transport,
                            struct df_error *error)
{
    struct df_redis_transport *new = calloc(1, sizeof *new);
    if (!new)
        return df_error_set(error, -ENOMEM, "out of memory");
    bool is_v6 = strchr(point->host, ':');
    snprintf(new->name, sizeof new->name, is_v6 ? "[%s]:%s" : "%s:%s", point->host, point->port);
    int rc = 0;
    new->fd = open_socket(point);
    if (new->fd < 0)
        rc = line_error(new, -new->fd, error);
    else if (tls && !(new->ssl = df_redis_tls_wrap(tls, new->fd, point->host)))
        rc = df_error_set(error, -ENOMEM, "out of memory");
    if (rc)
        df_redis_transport_close(new);
    else
        *transport = new;
    return rc;
}

static int finish_tcp(struct df_redis_transport *transport, struct df_error *error)
{
    struct pollfd fd = {.fd = transport->fd, .events = POLLOUT};
    int code = 0;
    socklen_t len = sizeof code;
    if (poll(&fd, 1, 0) != 1)
        return -EAGAIN;
    if (getsockopt(transport->fd, SOL_SOCKET, SO_ERROR, &code, &len))
        code = errno;
    if (code)
        return line_error(transport, code, error);
    transport->connected = true;
    return 0;
}

int df_redis_transport_connect(struct df_redis_transport *transport, struct df_error *error)
{
    int rc = transport->connected ? 0 : finish_tcp(transport, error);
    if (rc || !transport->ssl)
        return rc;
    ERR_clear_error();
    errno = 0;
    int result = SSL_do_handshake(transport->ssl);
    return result == 1 ? 0 : df_redis_tls_error(transport->ssl, result, transport->name, error);
}

ssize_t df_redis_transport_read(struct df_redis_transport *transport, void *data, size_t len, struct df_error *error)
{
    if (len > INT_MAX)
        len = INT_MAX;
    if (transport->ssl) {
        ERR_clear_error();
        errno = 0;
        int result = SSL_read(transport->ssl, data, (int)len);
        return result > 0 ? result : df_redis_tls_error(transport->ssl, result, transport->name, error);
    }
    ssize_t n = recv(transport->fd, data, len, 0);
    if (n > 0)
        return n;
    if (n == 0)
        return df_error_set(error, -ECONNRESET, "redis at %s closed the connection", transport->name);
    return errno == EAGAIN || errno == EINTR ? -EAGAIN : line_error(transport, errno, error);
}

ssize_t df_redis_transport_write(struct df_redis_transport *transport, const void *data, size_t len,
                                 struct df_error *error)
{
    if (len > INT_MAX)
        len = INT_MAX;
    if (transport->ssl) {
        ERR_clear_error();
        errno = 0;
        int result = SSL_write(transport->ssl, data, (int)len);
        return result > 0 ? result : df_redis_tls_error(transport->ssl, result, transport->name, error);
    }
    ssize_t n = send(transport->fd, data, len, MSG_NOSIGNAL);
    if (n > 0)
        return n;
    return errno == EAGAIN || errno == EINTR ? -EAGAIN : line_error(transport, errno, error);
}

const char *df_redis_transport_name(const struct df_redis_transport *transport)
{
    return transport->name;
}

int df_redis_transport_fd(const struct df_redis_transport *transport)
{
    return transport->fd;
}

short df_redis_transport_events(const struct df_redis_transport *transport, bool has_output)
{
    if (!transport->connected)
        return POLLOUT;
    bool wants_write = has_output || (transport->ssl && SSL_want_write(transport->ssl));
    return (short)(POLLIN | (wants_write ? POLLOUT : 0));
}

void df_redis_transport_close(struct df_redis_transport *transport)
{
    if (!transport)
        return;
    SSL_free(transport->ssl);
    if (transport->fd >= 0)
        close(transport->fd);
    free(transport);
}
