/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/net/line.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dbsync/net/line_bio.h"

#define NAME_MAX_LEN 288
/* A server that is gone without a word is noticed by time-outs of requests; this is for idle connections. */
#define KEEPALIVE_S 30

struct df_line {
    int fd;
    SSL *ssl;       /* NULL: plain */
    bool connected; /* the socket is; TLS may not be */
    bool answered;  /* by TLS: it let us in */
    bool hung_up;   /* a write failed as the server is gone */
    char name[NAME_MAX_LEN];
};

/* ---- Errors */

static int explain(const struct df_line *line, int code, struct df_error *error)
{
    const char *remedy = "";
    if (code == ECONNREFUSED || code == ENOENT)
        remedy = ": is the server running, and listening there?";
    else if (code == EACCES)
        remedy = ": run as a user who may use the socket";
    if (code == ENOENT) /* a socket that is not there; -ENOENT would say that there is no database */
        code = ECONNREFUSED;
    return df_error_set(error, -code, "%s: %s%s", line->name, strerror(code), remedy);
}

/* In TLS 1.3 a server that wants a certificate finds out when the client thinks that all is well; not all say why. */
static int closed(const struct df_line *line, struct df_error *error)
{
    bool may_want_certificate = line->ssl && !line->answered && !SSL_get_certificate(line->ssl);
    return df_error_set(error, -ECONNRESET, "%s: it closed the connection%s", line->name,
                        may_want_certificate ? ": if it wants a certificate, give cert and key" : "");
}

/* Why OpenSSL does not go on. What is about certificates is not mended by trying again with the same ones. */
static int explain_tls(const struct df_line *line, struct df_error *error)
{
    long verified = SSL_get_verify_result(line->ssl);
    unsigned long code = ERR_peek_error();
    const char *reason = ERR_reason_error_string(code);
    ERR_clear_error();
    if (verified != X509_V_OK)
        return df_error_set(error, -EACCES, "%s: its certificate is refused: %s: renew it, or name the right ca",
                            line->name, X509_verify_cert_error_string(verified));
    /* An alert of the peer is its number and this, RFC 8446, 6. */
    if (ERR_GET_LIB(code) == ERR_LIB_SSL && ERR_GET_REASON(code) > SSL_AD_REASON_OFFSET)
        return df_error_set(error, -EACCES, "%s: the server refuses us: %s: check the certificate and key", line->name,
                            reason ? reason : "alert");
    return df_error_set(error, -EPROTO, "%s: TLS: %s: does it speak TLS there?", line->name,
                        reason ? reason : "the stream broke off");
}

/* What an SSL_ function meant that did not succeed. */
static int tls_failed(const struct df_line *line, int result, struct df_error *error)
{
    int saved = errno;
    switch (SSL_get_error(line->ssl, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return -EAGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return closed(line, error);
    case SSL_ERROR_SYSCALL:
        return saved ? explain(line, saved, error) : closed(line, error);
    default:
        return explain_tls(line, error);
    }
}

static void before_tls(void)
{
    ERR_clear_error();
    errno = 0;
}

/* ---- Opening */

static int open_socket(struct df_line *line, const struct df_net_address *to)
{
    int on = 1, idle = KEEPALIVE_S;
    line->fd = socket(to->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (line->fd < 0)
        return errno;
    if (to->address.ss_family != AF_UNIX) {
        setsockopt(line->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        setsockopt(line->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
        setsockopt(line->fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    }
    return connect(line->fd, (const struct sockaddr *)&to->address, to->len) && errno != EINPROGRESS ? errno : 0;
}

/* The server must be who it is said to be (RFC 9110, 4.3.4). */
static bool demand_host(SSL *ssl, const char *host)
{
    if (!host || X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1)
        return true;
    return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

static bool begin_tls(struct df_line *line, SSL_CTX *tls, const char *host)
{
    line->ssl = SSL_new(tls);
    BIO *bio = line->ssl ? df_line_bio_new(line->fd, &line->hung_up) : NULL;
    if (!bio)
        return false;
    SSL_set_bio(line->ssl, bio, bio);
    SSL_set_connect_state(line->ssl);
    return demand_host(line->ssl, host);
}

int df_line_open(const char *name, const struct df_net_address *to, SSL_CTX *tls, const char *host,
                 struct df_line **line, struct df_error *error)
{
    struct df_line *new = calloc(1, sizeof *new);
    if (!new)
        return df_error_set(error, -ENOMEM, "out of memory");
    snprintf(new->name, sizeof new->name, "%s", name);
    int code = open_socket(new, to);
    int rc = code ? explain(new, code, error) : 0;
    if (rc == 0 && tls && !begin_tls(new, tls, host))
        rc = df_error_set(error, -ENOMEM, "out of memory");
    if (rc)
        df_line_close(new);
    else
        *line = new;
    return rc;
}

void df_line_close(struct df_line *line)
{
    if (!line)
        return;
    SSL_free(line->ssl);
    if (line->fd >= 0)
        close(line->fd);
    free(line);
}

static int finish_socket(struct df_line *line, struct df_error *error)
{
    struct pollfd fd = {.fd = line->fd, .events = POLLOUT};
    int code = 0;
    socklen_t len = sizeof code;
    if (poll(&fd, 1, 0) != 1)
        return -EAGAIN;
    if (getsockopt(line->fd, SOL_SOCKET, SO_ERROR, &code, &len))
        code = errno;
    line->connected = code == 0;
    return code ? explain(line, code, error) : 0;
}

int df_line_connect(struct df_line *line, struct df_error *error)
{
    int rc = line->connected ? 0 : finish_socket(line, error);
    if (rc || !line->ssl)
        return rc;
    before_tls();
    int result = SSL_do_handshake(line->ssl);
    return result == 1 ? 0 : tls_failed(line, result, error);
}

/* ---- Passing bytes */

ssize_t df_line_read(struct df_line *line, void *to, size_t max, struct df_error *error)
{
    if (max > INT_MAX)
        max = INT_MAX;
    if (line->ssl) {
        before_tls();
        int result = SSL_read(line->ssl, to, (int)max);
        line->answered |= result > 0;
        return result > 0 ? result : tls_failed(line, result, error);
    }
    ssize_t n = recv(line->fd, to, max, 0);
    if (n > 0)
        return n;
    if (n == 0)
        return closed(line, error);
    return errno == EAGAIN || errno == EINTR ? -EAGAIN : explain(line, errno, error);
}

ssize_t df_line_write(struct df_line *line, const void *from, size_t len, struct df_error *error)
{
    if (len > INT_MAX)
        len = INT_MAX;
    if (line->ssl) {
        before_tls();
        int result = SSL_write(line->ssl, from, (int)len);
        return result > 0 ? result : tls_failed(line, result, error);
    }
    ssize_t n = df_line_send(line->fd, &line->hung_up, from, len);
    return n > 0 ? n : errno == EAGAIN ? -EAGAIN : explain(line, errno, error);
}

bool df_line_has_more(const struct df_line *line)
{
    return line->ssl && SSL_has_pending(line->ssl);
}

int df_line_fd(const struct df_line *line)
{
    return line->fd;
}

short df_line_events(const struct df_line *line, bool has_output)
{
    if (!line->connected)
        return POLLOUT;
    bool wants_out = has_output || (line->ssl && SSL_want_write(line->ssl));
    return (short)(POLLIN | (wants_out ? POLLOUT : 0));
}

const char *df_line_name(const struct df_line *line)
{
    return line->name;
}
