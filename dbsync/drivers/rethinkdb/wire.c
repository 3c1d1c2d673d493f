/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/rethinkdb/wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "dbsync/net/resolve.h"

struct df_wire {
    int fd;
    const char *host, *port;
    SSL_CTX *ctx;
    SSL *ssl; /* NULL: no TLS */
    char buffer[16384];
    size_t at, len; /* of what came and was not taken */
};

static unsigned ms_until(uint64_t end)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    uint64_t ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    return ms < end ? (unsigned)(end - ms) : 0;
}

static int wait_for(struct df_wire *wire, short events, uint64_t end, struct df_error *error)
{
    struct pollfd fd = {.fd = wire->fd, .events = events};
    unsigned ms = ms_until(end);
    if (ms && poll(&fd, 1, (int)ms) == 1)
        return 0;
    return df_error_set(error, -ETIMEDOUT, "rethinkdb at %s:%s does not answer", wire->host, wire->port);
}

static int broken(struct df_wire *wire, int code, struct df_error *error)
{
    return df_error_set(error, -code, "rethinkdb at %s:%s: %s: check the location and that the server runs", wire->host,
                        wire->port, strerror(code));
}

static int connect_one(struct df_wire *wire, const struct df_net_address *to, uint64_t end, struct df_error *error)
{
    int code = 0, on = 1;
    socklen_t len = sizeof code;
    wire->fd = socket(to->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (wire->fd < 0)
        return broken(wire, errno, error);
    setsockopt(wire->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* a question is a head and a body */
    if (connect(wire->fd, (const struct sockaddr *)&to->address, to->len) && errno != EINPROGRESS)
        code = errno;
    int rc = code ? 0 : wait_for(wire, POLLOUT, end, error);
    if (rc == 0 && code == 0)
        getsockopt(wire->fd, SOL_SOCKET, SO_ERROR, &code, &len);
    if (rc == 0 && code)
        rc = broken(wire, code, error);
    if (rc) {
        close(wire->fd);
        wire->fd = -1;
    }
    return rc;
}

static int connect_any(struct df_wire *wire, uint64_t end, struct df_error *error)
{
    const char *why;
    struct df_net_address found[DF_NET_ADDRESSES_MAX];
    int n = df_net_resolve(wire->host, wire->port, ms_until(end), found, DF_NET_ADDRESSES_MAX, &why);
    if (n < 0)
        return df_error_set(error, n, "rethinkdb at %s:%s: %s", wire->host, wire->port, why);
    int rc = -ECONNREFUSED;
    for (int i = 0; i < n && rc; i++)
        rc = connect_one(wire, &found[i], end, error);
    return rc;
}

static int send_all(struct df_wire *wire, const char *bytes, size_t len, uint64_t end, struct df_error *error)
{
    while (len) {
        ssize_t n = send(wire->fd, bytes, len, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return broken(wire, errno, error);
        if (n > 0) {
            bytes += n;
            len -= (size_t)n;
        }
        int rc = len ? wait_for(wire, POLLOUT, end, error) : 0;
        if (rc)
            return rc;
    }
    return 0;
}

/* Waits for bytes and gives what there is. */
static int receive_some(struct df_wire *wire, char *to, size_t max, size_t *len, uint64_t end, struct df_error *error)
{
    for (;;) {
        ssize_t n = recv(wire->fd, to, max, 0);
        if (n > 0) {
            *len = (size_t)n;
            return 0;
        }
        if (n == 0)
            return broken(wire, ECONNRESET, error);
        if (errno != EAGAIN && errno != EINTR)
            return broken(wire, errno, error);
        int rc = wait_for(wire, POLLIN, end, error);
        if (rc)
            return rc;
    }
}

/* TLS: what it wants to send is sent, and what it waits for is given to it. */
static int pump(struct df_wire *wire, int result, uint64_t end, struct df_error *error)
{
    char bytes[16384];
    size_t len;
    int n, rc = 0, why = SSL_get_error(wire->ssl, result);
    while (rc == 0 && (n = BIO_read(SSL_get_wbio(wire->ssl), bytes, sizeof bytes)) > 0)
        rc = send_all(wire, bytes, (size_t)n, end, error);
    if (rc || result > 0)
        return rc;
    if (why == SSL_ERROR_WANT_READ) {
        rc = receive_some(wire, bytes, sizeof bytes, &len, end, error);
        return rc ? rc : BIO_write(SSL_get_rbio(wire->ssl), bytes, (int)len) > 0 ? 0 : -ENOMEM;
    }
    if (why == SSL_ERROR_ZERO_RETURN)
        return broken(wire, ECONNRESET, error);
    long verify = SSL_get_verify_result(wire->ssl);
    return df_error_set(error, -EACCES, "rethinkdb at %s:%s: TLS: %s: check ca, cert and key", wire->host, wire->port,
                        verify != X509_V_OK ? X509_verify_cert_error_string(verify)
                                            : ERR_reason_error_string(ERR_peek_last_error()));
}

static int load_certificates(struct df_wire *wire, const struct df_db_config *config, struct df_error *error)
{
    const char *bad = NULL;
    if (config->ca && SSL_CTX_load_verify_locations(wire->ctx, config->ca, NULL) != 1)
        bad = config->ca;
    else if (config->cert && SSL_CTX_use_certificate_chain_file(wire->ctx, config->cert) != 1)
        bad = config->cert;
    else if (config->key && SSL_CTX_use_PrivateKey_file(wire->ctx, config->key, SSL_FILETYPE_PEM) != 1)
        bad = config->key;
    return bad ? df_error_set(error, -EINVAL, "%s: not a PEM file that can be used: %s", bad,
                              ERR_reason_error_string(ERR_peek_last_error()))
               : 0;
}

static bool expect_name(SSL *ssl, const char *host)
{
    unsigned char address[16];
    if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1)
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    return SSL_set1_host(ssl, host) == 1 && SSL_set_tlsext_host_name(ssl, host) == 1;
}

static int begin_tls(struct df_wire *wire, const struct df_db_config *config, uint64_t end, struct df_error *error)
{
    wire->ctx = SSL_CTX_new(TLS_client_method());
    int rc = wire->ctx ? load_certificates(wire, config, error) : -ENOMEM;
    if (rc)
        return rc;
    SSL_CTX_set_min_proto_version(wire->ctx, TLS1_2_VERSION);
    if (config->ca)
        SSL_CTX_set_verify(wire->ctx, SSL_VERIFY_PEER, NULL);
    wire->ssl = SSL_new(wire->ctx);
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
    if (!wire->ssl || !in || !out || !expect_name(wire->ssl, wire->host)) {
        BIO_free(in);
        BIO_free(out);
        return df_error_set(error, -ENOMEM, "out of memory");
    }
    SSL_set_bio(wire->ssl, in, out);
    ERR_clear_error();
    int result;
    do {
        result = SSL_connect(wire->ssl);
        rc = pump(wire, result, end, error);
    } while (rc == 0 && result <= 0);
    return rc;
}

int df_wire_open(const char *host, const char *port, const struct df_db_config *config, uint64_t end,
                 struct df_wire **result, struct df_error *error)
{
    struct df_wire *wire = calloc(1, sizeof *wire);
    if (!wire)
        return df_error_set(error, -ENOMEM, "out of memory");
    wire->fd = -1;
    wire->host = host;
    wire->port = port;
    int rc = connect_any(wire, end, error);
    if (rc == 0 && (config->ca || config->cert))
        rc = begin_tls(wire, config, end, error);
    if (rc)
        df_wire_free(wire);
    else
        *result = wire;
    return rc;
}

void df_wire_free(struct df_wire *wire)
{
    if (!wire)
        return;
    SSL_free(wire->ssl);
    SSL_CTX_free(wire->ctx);
    if (wire->fd >= 0)
        close(wire->fd);
    free(wire);
}

int df_wire_send(struct df_wire *wire, const void *bytes, size_t len, uint64_t end, struct df_error *error)
{
    if (!wire->ssl)
        return send_all(wire, bytes, len, end, error);
    ERR_clear_error();
    int rc = 0, result = 0;
    while (rc == 0 && result <= 0 && len) {
        result = SSL_write(wire->ssl, bytes, (int)len);
        rc = pump(wire, result, end, error);
    }
    return rc;
}

static int fill(struct df_wire *wire, char *to, size_t max, size_t *len, uint64_t end, struct df_error *error)
{
    if (!wire->ssl)
        return receive_some(wire, to, max, len, end, error);
    ERR_clear_error();
    int rc = 0, result = 0;
    while (rc == 0 && result <= 0) {
        result = SSL_read(wire->ssl, to, (int)max);
        rc = pump(wire, result, end, error);
    }
    *len = result > 0 ? (size_t)result : 0;
    return rc;
}

int df_wire_receive(struct df_wire *wire, void *to, size_t len, uint64_t end, struct df_error *error)
{
    char *at = to;
    while (len) {
        int rc = 0;
        if (wire->at == wire->len) {
            wire->at = wire->len = 0;
            rc = fill(wire, wire->buffer, sizeof wire->buffer, &wire->len, end, error);
        }
        if (rc)
            return rc;
        size_t n = wire->len - wire->at < len ? wire->len - wire->at : len;
        memcpy(at, wire->buffer + wire->at, n);
        wire->at += n;
        at += n;
        len -= n;
    }
    return 0;
}

int df_wire_fd(const struct df_wire *wire)
{
    return wire->fd;
}

bool df_wire_has(const struct df_wire *wire)
{
    return wire->at < wire->len || (wire->ssl && SSL_has_pending(wire->ssl));
}
