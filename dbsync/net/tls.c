/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/net/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <string.h>
#include <unistd.h>

static bool is_given(const char *option)
{
    return option && *option;
}

static int bad_file(const char *who, const char *what, const char *file, struct df_error *error)
{
    const char *reason = access(file, R_OK) ? strerror(errno) : ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    return df_error_set(error, -EINVAL, "%s: the %s '%s' cannot be used: %s", who, what, file,
                        reason ? reason : "it is no PEM file");
}

/* Servers say this in words of their own, or not at all. */
static bool has_expired(const SSL_CTX *tls)
{
    return X509_cmp_current_time(X509_get0_notAfter(SSL_CTX_get0_certificate(tls))) < 0;
}

static int load(SSL_CTX *tls, const struct df_db_config *config, const char *who, struct df_error *error)
{
    if (SSL_CTX_load_verify_file(tls, config->ca) != 1)
        return bad_file(who, "certificate of the authority", config->ca, error);
    if (!is_given(config->cert))
        return 0;
    if (SSL_CTX_use_certificate_chain_file(tls, config->cert) != 1)
        return bad_file(who, "certificate", config->cert, error);
    if (SSL_CTX_use_PrivateKey_file(tls, config->key, SSL_FILETYPE_PEM) != 1 || SSL_CTX_check_private_key(tls) != 1)
        return bad_file(who, "private key", config->key, error);
    if (has_expired(tls))
        return df_error_set(error, -EACCES, "%s: our certificate '%s' has expired: renew it", who, config->cert);
    return 0;
}

int df_tls_new(const struct df_db_config *config, const char *who, SSL_CTX **tls, struct df_error *error)
{
    *tls = NULL;
    if (is_given(config->cert) != is_given(config->key))
        return df_error_set(error, -EINVAL, "%s: TLS needs a certificate and its key, or neither", who);
    if (!is_given(config->ca))
        return is_given(config->cert)
                   ? df_error_set(error, -EINVAL, "%s: a certificate of our own needs TLS: name the server's ca too",
                                  who)
                   : 0;
    ERR_clear_error();
    SSL_CTX *new = SSL_CTX_new(TLS_client_method());
    if (!new)
        return df_error_set(error, -ENOMEM, "out of memory");
    SSL_CTX_set_min_proto_version(new, TLS1_2_VERSION);
    SSL_CTX_set_verify(new, SSL_VERIFY_PEER, NULL);
    /* Messages have their own ends, so a server that was killed is no attack on TLS. */
    SSL_CTX_set_options(new, SSL_OP_IGNORE_UNEXPECTED_EOF);
    /* What is to be sent moves in memory between two attempts. */
    SSL_CTX_set_mode(new, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    int rc = load(new, config, who, error);
    if (rc)
        SSL_CTX_free(new);
    else
        *tls = new;
    return rc;
}
