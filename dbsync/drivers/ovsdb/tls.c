/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/ovsdb/tls.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct df_ovsdb_tls {
    SSL_CTX *context;
    BIO_METHOD *method;
};

/* OpenSSL's own BIO of a socket writes with write(), which raises SIGPIPE where the peer has gone. */

static int socket_of(BIO *bio)
{
    return (int)(intptr_t)BIO_get_data(bio);
}

static int socket_write(BIO *bio, const char *from, int len)
{
    ssize_t n = send(socket_of(bio), from, (size_t)len, MSG_NOSIGNAL);
    BIO_clear_retry_flags(bio);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        BIO_set_retry_write(bio);
    return (int)n;
}

static int socket_read(BIO *bio, char *to, int max)
{
    ssize_t n = recv(socket_of(bio), to, (size_t)max, 0);
    BIO_clear_retry_flags(bio);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        BIO_set_retry_read(bio);
    else if (n == 0)
        BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
    return (int)n;
}

static long socket_control(BIO *bio, int what, long number, void *pointer)
{
    (void)number;
    (void)pointer;
    if (what == BIO_CTRL_EOF)
        return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
    return what == BIO_CTRL_FLUSH || what == BIO_CTRL_DUP;
}

static BIO_METHOD *socket_method(void)
{
    BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "df_ovsdb socket");
    if (method) {
        BIO_meth_set_write(method, socket_write);
        BIO_meth_set_read(method, socket_read);
        BIO_meth_set_ctrl(method, socket_control);
    }
    return method;
}

SSL *df_ovsdb_tls_session(struct df_ovsdb_tls *tls, int fd)
{
    SSL *ssl = SSL_new(tls->context);
    BIO *bio = ssl ? BIO_new(tls->method) : NULL;
    if (!bio) {
        SSL_free(ssl);
        return NULL;
    }
    BIO_set_data(bio, (void *)(intptr_t)fd);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    return ssl;
}

static int bad_file(const char *what, const char *file, struct df_error *error)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;
    ERR_clear_error();
    return df_error_set(error, -EINVAL, "%s '%s' cannot be used: %s", what, file, reason ? reason : "no PEM file");
}

static int load(SSL_CTX *context, const struct df_db_config *config, struct df_error *error)
{
    if (!config->ca || !*config->ca)
        return df_error_set(error, -EINVAL, "%s: ssl: needs the certificate of the CA that signed the server's",
                            config->location);
    if (!SSL_CTX_load_verify_file(context, config->ca))
        return bad_file("the CA's certificate", config->ca, error);
    if (!config->cert || !*config->cert)
        return 0;
    if (!SSL_CTX_use_certificate_chain_file(context, config->cert))
        return bad_file("the certificate", config->cert, error);
    const char *key = config->key && *config->key ? config->key : config->cert;
    if (!SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) || !SSL_CTX_check_private_key(context))
        return bad_file("the private key", key, error);
    return 0;
}

int df_ovsdb_tls_new(const struct df_db_config *config, struct df_ovsdb_tls **tls, struct df_error *error)
{
    *tls = calloc(1, sizeof **tls);
    int rc = -ENOMEM;
    if (!*tls || !((*tls)->context = SSL_CTX_new(TLS_client_method())) || !((*tls)->method = socket_method())) {
        df_error_set(error, rc, "out of memory");
        goto err;
    }
    SSL_CTX *context = (*tls)->context;
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    /* Messages have their own ends, so a server that was killed is no attack on TLS. */
    SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
    /* What is to be sent moves in memory between two attempts. */
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    rc = load(context, config, error);
    if (rc)
        goto err;
    return 0;
err:
    df_ovsdb_tls_free(*tls);
    *tls = NULL;
    return rc;
}

void df_ovsdb_tls_free(struct df_ovsdb_tls *tls)
{
    if (!tls)
        return;
    SSL_CTX_free(tls->context);
    BIO_meth_free(tls->method);
    free(tls);
}
