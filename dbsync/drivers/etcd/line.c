/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/etcd/line.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dbsync/drivers/etcd/buffer.h"

#define CHUNK 16384 /* the largest TLS record's content (RFC 8446, 5.1) */

struct df_etcd_line {
    const struct df_etcd_endpoint *to;
    int fd;
    bool connected, ready;
    SSL *ssl;                  /* NULL: plain TCP */
    BIO *in, *out;             /* OpenSSL's, of encrypted bytes */
    struct df_etcd_buffer raw; /* encrypted bytes that the socket did not take yet */
};

static int line_error(const struct df_etcd_line *line, int code, struct df_error *error)
{
    return df_error_set(error, -code, "etcd at %s: %s", line->to->name, strerror(code));
}

/* Why TLS failed; what is about certificates cannot be mended by trying again with the same ones. */
static int tls_error(const struct df_etcd_line *line, struct df_error *error)
{
    unsigned long code = ERR_peek_error();
    long verdict = SSL_get_verify_result(line->ssl);
    const char *reason = ERR_reason_error_string(code);
    ERR_clear_error();
    if (verdict != X509_V_OK)
        return df_error_set(error, -EACCES, "etcd at %s: its certificate is not good: %s: check ca and the server",
                            line->to->name, X509_verify_cert_error_string(verdict));
    if (code && ERR_GET_REASON(code) > SSL_AD_REASON_OFFSET)
        return df_error_set(error, -EACCES, "etcd at %s: it ended TLS: %s: check cert and key", line->to->name, reason);
    return df_error_set(error, -EPROTO, "etcd at %s: TLS: %s: does it speak TLS there?", line->to->name,
                        reason ? reason : "the stream broke off");
}

static int file_error(const char *path, struct df_error *error)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    return df_error_set(error, -EINVAL, "etcd: %s cannot be used: %s", path, reason ? reason : strerror(errno));
}

int df_etcd_tls_new(const struct df_db_config *config, SSL_CTX **tls, struct df_error *error)
{
    *tls = NULL;
    if (!config->ca)
        return config->cert || config->key ? df_error_set(error, -EINVAL, "etcd: cert and key need a ca") : 0;
    if (!config->cert != !config->key)
        return df_error_set(error, -EINVAL, "etcd: cert and key go together");
    SSL_CTX *new = SSL_CTX_new(TLS_client_method());
    if (!new)
        return df_error_set(error, -ENOMEM, "out of memory");
    SSL_CTX_set_min_proto_version(new, TLS1_2_VERSION);
    SSL_CTX_set_verify(new, SSL_VERIFY_PEER, NULL);
    static const unsigned char h2[] = {2, 'h', '2'};
    SSL_CTX_set_alpn_protos(new, h2, sizeof h2);
    int rc = 0;
    if (SSL_CTX_load_verify_locations(new, config->ca, NULL) != 1)
        rc = file_error(config->ca, error);
    else if (config->cert && SSL_CTX_use_certificate_chain_file(new, config->cert) != 1)
        rc = file_error(config->cert, error);
    else if (config->key && SSL_CTX_use_PrivateKey_file(new, config->key, SSL_FILETYPE_PEM) != 1)
        rc = file_error(config->key, error);
    if (rc)
        SSL_CTX_free(new);
    else
        *tls = new;
    return rc;
}

/* The server must be who the location says (RFC 9110, 4.3.4). */
static bool demand_name(SSL *ssl, const char *host)
{
    X509_VERIFY_PARAM *demand = SSL_get0_param(ssl);
    if (X509_VERIFY_PARAM_set1_ip_asc(demand, host) == 1)
        return true;
    return X509_VERIFY_PARAM_set1_host(demand, host, 0) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

static bool start_tls(struct df_etcd_line *line, SSL_CTX *tls)
{
    line->in = BIO_new(BIO_s_mem());
    line->out = BIO_new(BIO_s_mem());
    line->ssl = line->in && line->out ? SSL_new(tls) : NULL;
    if (!line->ssl) {
        BIO_free(line->in);
        BIO_free(line->out);
        return false;
    }
    SSL_set_bio(line->ssl, line->in, line->out);
    SSL_set_connect_state(line->ssl);
    SSL_set_mode(line->ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    return demand_name(line->ssl, line->to->host);
}

int df_etcd_line_open(const struct df_etcd_endpoint *to, SSL_CTX *tls, struct df_etcd_line **line,
                      struct df_error *error)
{
    int yes = 1, rc;
    struct df_etcd_line *new = calloc(1, sizeof *new);
    if (!new)
        return df_error_set(error, -ENOMEM, "out of memory");
    new->to = to;
    new->fd = socket(to->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (new->fd < 0 ||
        (connect(new->fd, (const struct sockaddr *)&to->address, to->address_len) && errno != EINPROGRESS))
        rc = line_error(new, errno, error);
    else if (tls && !start_tls(new, tls))
        rc = df_error_set(error, -ENOMEM, "out of memory");
    else
        rc = 0;
    if (rc) {
        df_etcd_line_close(new);
        return rc;
    }
    setsockopt(new->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    *line = new;
    return 0;
}

void df_etcd_line_close(struct df_etcd_line *line)
{
    if (!line)
        return;
    SSL_free(line->ssl);
    if (line->fd >= 0)
        close(line->fd);
    df_etcd_buffer_free(&line->raw);
    free(line);
}

int df_etcd_line_fd(const struct df_etcd_line *line)
{
    return line->fd;
}

bool df_etcd_line_wants_out(const struct df_etcd_line *line)
{
    return !line->connected || df_etcd_buffer_len(&line->raw) > 0;
}

/* Where the other end has gone away, what it said last is still to be read and says why: the reader finds out. */
static ssize_t socket_write(struct df_etcd_line *line, const void *data, size_t len, struct df_error *error)
{
    ssize_t n = send(line->fd, data, len, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN && errno != EINTR && errno != EPIPE && errno != ECONNRESET)
        return line_error(line, errno, error);
    return n < 0 ? 0 : n;
}

static ssize_t socket_read(struct df_etcd_line *line, void *data, size_t size, struct df_error *error)
{
    ssize_t n = recv(line->fd, data, size, 0);
    if (n == 0)
        return df_error_set(error, -ECONNRESET, "etcd at %s: it closed the connection", line->to->name);
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        return line_error(line, errno, error);
    return n < 0 ? 0 : n;
}

/* What OpenSSL has for the other end goes out, as much as the socket takes. */
static int flush(struct df_etcd_line *line, struct df_error *error)
{
    char chunk[CHUNK];
    int n;
    while ((n = BIO_read(line->out, chunk, sizeof chunk)) > 0)
        if (df_etcd_buffer_add(&line->raw, chunk, (size_t)n))
            return df_error_set(error, -ENOMEM, "out of memory");
    while (df_etcd_buffer_len(&line->raw)) {
        ssize_t sent = socket_write(line, line->raw.data + line->raw.from, df_etcd_buffer_len(&line->raw), error);
        if (sent <= 0)
            return (int)sent;
        df_etcd_buffer_take(&line->raw, (size_t)sent);
    }
    return 0;
}

/* Brings what the socket has to OpenSSL. Returns bytes, 0 or a negative errno. */
static ssize_t fetch(struct df_etcd_line *line, struct df_error *error)
{
    char chunk[CHUNK];
    ssize_t n = socket_read(line, chunk, sizeof chunk, error);
    if (n > 0 && BIO_write(line->in, chunk, (int)n) != n)
        return df_error_set(error, -ENOMEM, "out of memory");
    return n;
}

static int shake_hands(struct df_etcd_line *line, struct df_error *error)
{
    for (;;) {
        ERR_clear_error();
        int rc = SSL_do_handshake(line->ssl);
        int failed = rc == 1 ? SSL_ERROR_NONE : SSL_get_error(line->ssl, rc);
        int why = failed == SSL_ERROR_NONE || failed == SSL_ERROR_WANT_READ ? 0 : tls_error(line, error);
        int flushed = flush(line, why ? NULL : error);
        if (why || flushed)
            return why ? why : flushed;
        if (failed == SSL_ERROR_NONE)
            return 1;
        ssize_t n = fetch(line, error);
        if (n <= 0)
            return (int)n;
    }
}

static int finish_connect(struct df_etcd_line *line, struct df_error *error)
{
    int code = 0;
    socklen_t len = sizeof code;
    struct sockaddr_storage peer;
    socklen_t peer_len = sizeof peer;
    if (getsockopt(line->fd, SOL_SOCKET, SO_ERROR, &code, &len) || code)
        return line_error(line, code ? code : errno, error);
    if (getpeername(line->fd, (struct sockaddr *)&peer, &peer_len))
        return errno == ENOTCONN ? 0 : line_error(line, errno, error);
    line->connected = true;
    return 1;
}

int df_etcd_line_step(struct df_etcd_line *line, struct df_error *error)
{
    int rc = line->connected ? 1 : finish_connect(line, error);
    if (rc == 1 && line->ssl && !line->ready)
        rc = shake_hands(line, error);
    line->ready = rc == 1;
    return rc;
}

ssize_t df_etcd_line_read(struct df_etcd_line *line, void *data, size_t size, struct df_error *error)
{
    if (!line->ssl)
        return socket_read(line, data, size, error);
    for (;;) {
        ERR_clear_error();
        int n = SSL_read(line->ssl, data, size > INT32_MAX ? INT32_MAX : (int)size);
        if (n > 0)
            return n;
        int failed = SSL_get_error(line->ssl, n);
        if (failed == SSL_ERROR_ZERO_RETURN)
            return df_error_set(error, -ECONNRESET, "etcd at %s: it closed the connection", line->to->name);
        if (failed != SSL_ERROR_WANT_READ)
            return tls_error(line, error);
        ssize_t got = fetch(line, error);
        if (got <= 0)
            return got;
    }
}

ssize_t df_etcd_line_write(struct df_etcd_line *line, const void *data, size_t len, struct df_error *error)
{
    if (!line->ssl)
        return socket_write(line, data, len, error);
    int rc = flush(line, error);
    if (rc || df_etcd_buffer_len(&line->raw) || len == 0)
        return rc;
    ERR_clear_error();
    int n = SSL_write(line->ssl, data, len > CHUNK ? CHUNK : (int)len);
    if (n <= 0)
        return tls_error(line, error);
    rc = flush(line, error);
    return rc ? rc : n;
}
