/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <openssl/ssl.h>
#include <stdbool.h>

#include "dbsync/driver.h"
#include "dbsync/drivers/etcd/endpoint.h"

/*
 * A connection to a member: bytes by TCP, inside TLS where the configuration names a CA. Nothing here ever waits.
 * OpenSSL works on memory, so that sockets are only written to without SIGPIPE.
 */

struct df_etcd_line;

/** What all connections of a handle share; *tls is NULL without a CA. -EINVAL, -EACCES: a file cannot be used. */
int df_etcd_tls_new(const struct df_db_config *config, SSL_CTX **tls, struct df_error *error);

/** Begins to connect; the end point is resolved. It must live as long as the line. */
int df_etcd_line_open(const struct df_etcd_endpoint *to, SSL_CTX *tls, struct df_etcd_line **line,
                      struct df_error *error);
void df_etcd_line_close(struct df_etcd_line *line);

/**
 * Goes on with what is to be done before bytes can pass.
 * @return 1 when they can, 0 when the socket must be waited for, or a negative errno with a text
 */
int df_etcd_line_step(struct df_etcd_line *line, struct df_error *error);

int df_etcd_line_fd(const struct df_etcd_line *line);
/** Whether it has something to write, so that the socket must be waited for to be writable, too. */
bool df_etcd_line_wants_out(const struct df_etcd_line *line);

/** Bytes read, 0: none now, or a negative errno with a text; an end of the stream is -ECONNRESET. */
ssize_t df_etcd_line_read(struct df_etcd_line *line, void *data, size_t size, struct df_error *error);

/** Bytes taken (0: not now), or a negative errno with a text. */
ssize_t df_etcd_line_write(struct df_etcd_line *line, const void *data, size_t len, struct df_error *error);
