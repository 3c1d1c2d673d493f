/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/redis/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

/* The BIO. */

static pthread_once_t bio_once = PTHREAD_ONCE_INIT;
static BIO_METHOD *bio_method; /* made once, for the life of the process */

static int bio_fd(BIO *bio)
{
    return (int)(intptr_t)BIO_get_data(bio);
}

static int bio_write(BIO *bio, const char *data, int len)
{
    ssize_t n = send(bio_fd(bio), data, (size_t)len, MSG_NOSIGNAL);
    BIO_clear_retry_flags(bio);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        BIO_set_retry_write(bio);
    return (int)n;
}

static int bio_read(BIO *bio, char *data, int len)
{
    ssize_t n = recv(bio_fd(bio), data, (size_t)len, 0);
    BIO_clear_retry_flags(bio);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        BIO_set_retry_read(bio);
    return (int)n;
}

static long bio_ctrl(BIO *bio, int command, long larg, void *parg)
{
    (void)bio;
    (void)larg;
    (void)parg;
    return command == BIO_CTRL_FLUSH;
}

static void make_bio_method(void)
{
    bio_method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "dragonflow");
    if (!bio_method)
        return;
    BIO_meth_set_write(bio_method, bio_write);
    BIO_meth_set_read(bio_method, bio_read);
    BIO_meth_set_ctrl(bio_method, bio_ctrl);
}

/* The context. */

static const char *reason(void)
{
    const char *text = ERR_reason_error_string(ERR_peek_last_error());
    return text ? text : "it cannot be read";
}

static int load_own(SSL_CTX *ctx, const struct df_db_config *config, struct df_error *error)
{
    if (!config->cert || !config->key)
        return df_error_set(error, -EINVAL, "TLS needs a certificate and its key, or neither");
    if (SSL_CTX_use_certificate_chain_file(ctx, config->cert) != 1)
        return df_error_set(error, -EINVAL, "certificate %s: %s", config->cert, reason());
    if (SSL_CTX_use_PrivateKey_file(ctx, config->key, SSL_FILETYPE_PEM) != 1)
        return df_error_set(error, -EINVAL, "key %s of certificate %s: %s", config->key, config->cert, reason());
    return 0;
}

static int load(SSL_CTX *ctx, const struct df_db_config *config, struct df_error *error)
{
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    if (SSL_CTX_load_verify_locations(ctx, config->ca, NULL) != 1)
        return df_error_set(error, -EINVAL, "certificate authority %s: %s", config->ca, reason());
    return config->cert || config->key ? load_own(ctx, config, error) : 0;
}

int df_redis_tls_new(const struct df_db_config *config, SSL_CTX **tls, struct df_error *error)
{
    *tls = NULL;
    if (!config->ca && (config->cert || config->key))
        return df_error_set(error, -EINVAL, "a certificate of our own needs TLS: name the server's authority (ca) too");
    if (!config->ca)
        return 0;
    pthread_once(&bio_once, make_bio_method);
    ERR_clear_error();
    *tls = SSL_CTX_new(TLS_client_method());
    if (!*tls || !bio_method)
        return df_error_set(error, -ENOMEM, "out of memory");
    return load(*tls, config, error);
}

static int expect_host(SSL *ssl, const char *host)
{
    unsigned char address[sizeof(struct in6_addr)];
    if (inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1)
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host);
    return SSL_set1_host(ssl, host) && SSL_set_tlsext_host_name(ssl, host);
}

SSL *df_redis_tls_wrap(SSL_CTX *tls, int fd, const char *host)
{
    SSL *ssl = SSL_new(tls);
    BIO *bio = BIO_new(bio_method);
    if (!ssl || !bio || expect_host(ssl, host) != 1) {
        SSL_free(ssl);
        BIO_free(bio);
        return NULL;
    }
    BIO_set_data(bio, (void *)(intptr_t)fd);
    BIO_set_init(bio, 1);
    SSL_set_bio(ssl, bio, bio);
    SSL_set_connect_state(ssl);
    return ssl;
}

int df_redis_tls_error(const SSL *ssl, int result, const char *where, struct df_error *error)
{
    int saved = errno, kind = SSL_get_error(ssl, result);
    long verified = SSL_get_verify_result(ssl);
    if (kind == SSL_ERROR_WANT_READ || kind == SSL_ERROR_WANT_WRITE)
        return -EAGAIN;
    if (verified != X509_V_OK)
        return df_error_set(error, -EACCES,
                            "redis at %s: its certificate is refused: %s: renew it, or name the right ca", where,
                            X509_verify_cert_error_string(verified));
    if (kind == SSL_ERROR_SSL && ERR_GET_REASON(ERR_peek_last_error()) > SSL_AD_REASON_OFFSET)
        return df_error_set(error, -EACCES, "redis at %s does not let us in: %s: check the certificate and key", where,
                            reason());
    if (kind == SSL_ERROR_SSL && ERR_GET_REASON(ERR_peek_last_error()) != SSL_R_UNEXPECTED_EOF_WHILE_READING)
        return df_error_set(error, -EPROTO, "redis at %s: %s: does it speak TLS at this port?", where, reason());
    if (kind == SSL_ERROR_SYSCALL && saved)
        return df_error_set(error, -saved, "redis at %s: %s", where, strerror(saved));
    return df_error_set(error, -ECONNRESET, "redis at %s closed the connection", where);
}
