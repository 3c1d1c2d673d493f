/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <openssl/ssl.h>

#include "dbsync/driver.h"

/*
 * TLS as a configuration wants it, 1.2 or later: the server's certificate is signed by `ca`; with `cert` and `key` we show
 * one too. Another handle of the process may have other certificates.
 */

/**
 * Reads the files that config names.
 *
 * @param who for messages: which database
 * @param tls to be given to df_line_open() any number of times, SSL_CTX_free() it; NULL where config names no ca
 * @return 0; -EINVAL with the file and what is wrong with it; -EACCES when our certificate has expired; -ENOMEM
 */
int df_tls_new(const struct df_db_config *config, const char *who, SSL_CTX **tls, struct df_error *error);
