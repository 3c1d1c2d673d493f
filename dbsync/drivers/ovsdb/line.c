/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/ovsdb/line.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Errors of the system, in words that say what to do. */
static int explain(const struct df_ovsdb_endpoint *endpoint, int code, struct df_error *error)
{
    const char *remedy = "";
    if (code == ECONNREFUSED || code == ENOENT)
        remedy = ": is ovsdb-server running, and listening there?";
    else if (code == EACCES)
        remedy = ": run as a user who may use the socket";
    if (code == ENOENT) /* a socket that is not there; -ENOENT would say that there is no database */
        code = ECONNREFUSED;
    return df_error_set(error, -code, "%s: %s%s", endpoint->text, strerror(code), remedy);
}

/* Why OpenSSL did not go on. Refusals of a certificate, on either side, are -EACCES. */
static int explain_tls(struct df_ovsdb_line *line, const struct df_ovsdb_endpoint *endpoint, struct df_error *error)
{
    long verified = SSL_get_verify_result(line->ssl);
    unsigned long code = ERR_peek_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    ERR_clear_error();
    if (verified != X509_V_OK)
        return df_error_set(error, -EACCES, "%s: the server's certificate: %s: renew it, or name the CA that signed it",
                            endpoint->text, X509_verify_cert_error_string(verified));
    /* An alert of the peer is its number and this, RFC 8446, 6. */
    if (ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) > SSL_AD_REASON_OFFSET)
        return df_error_set(error, -EACCES, "%s: the server refuses us: %s: check our certificate, key and its CA",
                            endpoint->text, reason ? reason : "alert");
    return df_error_set(error, -EPROTO, "%s: TLS: %s: does the server speak TLS on that port?", endpoint->text,
                        reason ? reason : "the connection ended");
}

/* What an OpenSSL call that did not succeed means. */
static int tls_result(struct df_ovsdb_line *line, const struct df_ovsdb_endpoint *endpoint, int rc,
                      struct df_error *error)
{
    int saved = errno;
    switch (SSL_get_error(line->ssl, rc)) {
    case SSL_ERROR_WANT_READ:
        line->events = POLLIN;
        return -EAGAIN;
    case SSL_ERROR_WANT_WRITE:
        line->events = POLLIN | POLLOUT;
        return -EAGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    case SSL_ERROR_SYSCALL:
        return explain(endpoint, saved ? saved : ECONNRESET, error);
    default:
        return explain_tls(line, endpoint, error);
    }
}

int df_ovsdb_line_open(struct df_ovsdb_line *line, struct df_ovsdb_endpoint *endpoint, struct df_ovsdb_tls *tls,
                       struct df_error *error)
{
    const struct sockaddr *address = (const struct sockaddr *)&endpoint->addresses[endpoint->next].address;
    socklen_t length = endpoint->addresses[endpoint->next++].len;
    *line = (struct df_ovsdb_line){.events = POLLOUT};
    line->fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (line->fd < 0)
        return explain(endpoint, errno, error);
    int one = 1;
    if (address->sa_family != AF_UNIX)
        setsockopt(line->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(line->fd, address, length) && errno != EINPROGRESS)
        return explain(endpoint, errno, error);
    if (endpoint->transport != DF_OVSDB_SSL)
        return 0;
    line->ssl = df_ovsdb_tls_session(tls, line->fd);
    return line->ssl ? 0 : df_error_set(error, -ENOMEM, "out of memory");
}

int df_ovsdb_line_connect(struct df_ovsdb_line *line, const struct df_ovsdb_endpoint *endpoint, struct df_error *error)
{
    int code = 0;
    socklen_t size = sizeof code;
    struct pollfd fd = {.fd = line->fd, .events = POLLOUT};
    if (line->events == POLLOUT) { /* TCP's part is not over */
        if (poll(&fd, 1, 0) == 0)
            return -EAGAIN;
        if (getsockopt(line->fd, SOL_SOCKET, SO_ERROR, &code, &size) == 0 && code)
            return explain(endpoint, code, error);
    }
    line->events = POLLIN;
    if (!line->ssl)
        return 0;
    errno = 0;
    ERR_clear_error();
    int rc = SSL_connect(line->ssl);
    if (rc == 1)
        return 0;
    rc = tls_result(line, endpoint, rc, error);
    return rc ? rc : explain(endpoint, ECONNRESET, error);
}

ssize_t df_ovsdb_line_read(struct df_ovsdb_line *line, const struct df_ovsdb_endpoint *endpoint, void *to, size_t max,
                           struct df_error *error)
{
    errno = 0;
    if (line->ssl) {
        ERR_clear_error();
        int rc = SSL_read(line->ssl, to, max > INT_MAX ? INT_MAX : (int)max);
        return rc > 0 ? rc : tls_result(line, endpoint, rc, error);
    }
    ssize_t n = recv(line->fd, to, max, 0);
    if (n >= 0)
        return n;
    return errno == EAGAIN || errno == EINTR ? -EAGAIN : explain(endpoint, errno, error);
}

ssize_t df_ovsdb_line_write(struct df_ovsdb_line *line, const struct df_ovsdb_endpoint *endpoint, const void *from,
                            size_t len, struct df_error *error)
{
    errno = 0;
    line->events = POLLIN;
    if (line->ssl) {
        ERR_clear_error();
        int rc = SSL_write(line->ssl, from, len > INT_MAX ? INT_MAX : (int)len);
        if (rc > 0)
            return rc;
        rc = tls_result(line, endpoint, rc, error);
        return rc ? rc : explain(endpoint, EPIPE, error);
    }
    ssize_t n = send(line->fd, from, len, MSG_NOSIGNAL);
    if (n >= 0)
        return n;
    if (errno != EAGAIN && errno != EINTR)
        return explain(endpoint, errno, error);
    line->events = POLLIN | POLLOUT;
    return -EAGAIN;
}

void df_ovsdb_line_close(struct df_ovsdb_line *line)
{
    SSL_free(line->ssl);
    if (line->fd >= 0)
        close(line->fd);
    *line = (struct df_ovsdb_line){.fd = -1};
}
