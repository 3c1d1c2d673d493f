/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <openssl/ssl.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/types.h>

#include "dbsync/drivers/ovsdb/location.h"
#include "dbsync/drivers/ovsdb/tls.h"

/*
 * A stream of bytes to a server, by TCP, TLS or a Unix socket. It never waits: what cannot be done at once is -EAGAIN,
 * and `events` says what to poll for. It never raises SIGPIPE.
 */

struct df_ovsdb_line {
    int fd; /* -1: closed */
    SSL *ssl;
    short events;
};

/** Begins to connect to the next address of the end point; tls may be NULL where it asks for none. @return 0 or a negative errno with a message */
int df_ovsdb_line_open(struct df_ovsdb_line *line, struct df_ovsdb_endpoint *endpoint, struct df_ovsdb_tls *tls,
                       struct df_error *error);

/** Goes on connecting. @return 0: connected; -EAGAIN; or a negative errno with a message */
int df_ovsdb_line_connect(struct df_ovsdb_line *line, const struct df_ovsdb_endpoint *endpoint, struct df_error *error);

/** @return bytes read, 0 at the end of the stream, -EAGAIN, or a negative errno with a message */
ssize_t df_ovsdb_line_read(struct df_ovsdb_line *line, const struct df_ovsdb_endpoint *endpoint, void *to, size_t max,
                           struct df_error *error);

/** @return bytes written, -EAGAIN, or a negative errno with a message */
ssize_t df_ovsdb_line_write(struct df_ovsdb_line *line, const struct df_ovsdb_endpoint *endpoint, const void *from,
                            size_t len, struct df_error *error);

void df_ovsdb_line_close(struct df_ovsdb_line *line);
