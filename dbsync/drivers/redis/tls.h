/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <openssl/ssl.h>

#include "dbsync/driver.h"

/*
 * TLS as a configuration wants it: the server's certificate is signed by `ca` and made out to the host that was asked
 * for; with `cert` and `key` we show one too. OpenSSL writes by our own BIO, whose send() raises no SIGPIPE.
 */

/** @return 0, with *tls NULL where the configuration wants no TLS; -EINVAL with the file and what is wrong with it */
int df_redis_tls_new(const struct df_db_config *config, SSL_CTX **tls, struct df_error *error);

/** One connection over a socket, which stays the caller's; NULL: out of memory. */
SSL *df_redis_tls_wrap(SSL_CTX *tls, int fd, const char *host);

/** What an SSL_ function meant that failed on a connection to `where`: -EAGAIN, or an error with its text. */
int df_redis_tls_error(const SSL *ssl, int result, const char *where, struct df_error *error);
