/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <openssl/ssl.h>
#include <stdbool.h>
#include <sys/types.h>

#include "dbsync/error.h"
#include "dbsync/net/resolve.h"

/*
 * A stream of bytes to a server, by TCP, TLS or a Unix socket. It never waits: what cannot go on is -EAGAIN, and
 * df_line_events() says what to poll for. It never raises SIGPIPE.
 *
 * A reader reads until -EAGAIN before it polls, or asks df_line_has_more(): TLS may hold bytes that the socket does not
 * show. A line belongs to one thread. Every error has a message that begins with the line's name.
 */

struct df_line;

/**
 * Begins to connect.
 *
 * @param name for messages, such as "redis at 10.0.0.1:6379"; copied
 * @param tls  of df_tls_new(), NULL: plain. It must live as long as the line
 * @param host what the server's certificate must be made out to, a name or an address; NULL: it need only be signed
 * @return 0 or a negative errno
 */
int df_line_open(const char *name, const struct df_net_address *to, SSL_CTX *tls, const char *host,
                 struct df_line **line, struct df_error *error);

/** NULL does nothing. */
void df_line_close(struct df_line *line);

/**
 * Goes on connecting.
 * @return 0: bytes can pass; -EAGAIN; -EACCES: a certificate is refused, on either side; or another negative errno
 */
int df_line_connect(struct df_line *line, struct df_error *error);

/** @return bytes read, more than 0; -EAGAIN; -ECONNRESET: the server ended it; or another negative errno */
ssize_t df_line_read(struct df_line *line, void *to, size_t max, struct df_error *error);

/**
 * What was not taken must be offered again before anything else. Where the server has gone away, what it said last may
 * still be to be read and say why, so the first such failure is -EAGAIN.
 *
 * @return bytes taken, more than 0; -EAGAIN; or another negative errno
 */
ssize_t df_line_write(struct df_line *line, const void *from, size_t len, struct df_error *error);

/** Are there bytes that the socket does not show? */
bool df_line_has_more(const struct df_line *line);

int df_line_fd(const struct df_line *line);

/** POLLIN, POLLOUT or both; has_output: the caller has something to write. */
short df_line_events(const struct df_line *line, bool has_output);

const char *df_line_name(const struct df_line *line);
