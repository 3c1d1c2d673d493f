/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <openssl/ssl.h>
#include <stdbool.h>

#include "dbsync/driver.h"

/*
 * TLS of one handle. It never raises SIGPIPE, and another handle of the process may have other certificates.
 *
 * As with every program that speaks OVSDB by TLS, a server is one when its certificate is signed by the CA; its name is
 * not compared, since certificates made by ovs-pki name no host. So that CA should sign nothing else, and certificates
 * of clients should say that they are for clients (extended key usage), which makes them useless for a server.
 */

struct df_ovsdb_tls;

/** Reads the files that config names. @return 0; -EINVAL or -EACCES with a message */
int df_ovsdb_tls_new(const struct df_db_config *config, struct df_ovsdb_tls **tls, struct df_error *error);
void df_ovsdb_tls_free(struct df_ovsdb_tls *tls);

/** A session on a connected socket, which stays the caller's; NULL when there is no memory. */
SSL *df_ovsdb_tls_session(struct df_ovsdb_tls *tls, int fd);
