/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <openssl/ssl.h>
#include <sys/types.h>

#include "dbsync/drivers/redis/place.h"

/*
 * A stream of bytes to a server, plain or by TLS, which never waits: what cannot go on says -EAGAIN, and
 * df_redis_transport_events() what to poll for. A reader reads until -EAGAIN before it polls: TLS may hold bytes that
 * the socket does not show.
 */

struct df_redis_transport;

/** Begins to connect to an end point whose address is known. tls NULL: plain. */
int df_redis_transport_open(const struct df_redis_point *point, SSL_CTX *tls, struct df_redis_transport **transport,
                            struct df_error *error);

/** Goes on connecting. @return 0: it is connected; -EAGAIN; or an error */
int df_redis_transport_connect(struct df_redis_transport *transport, struct df_error *error);

/** @return the number of bytes, more than 0; -EAGAIN; or an error: also the end of the stream is one */
ssize_t df_redis_transport_read(struct df_redis_transport *transport, void *data, size_t len, struct df_error *error);
ssize_t df_redis_transport_write(struct df_redis_transport *transport, const void *data, size_t len,
                                 struct df_error *error);

/** "host:port", for messages. */
const char *df_redis_transport_name(const struct df_redis_transport *transport);

int df_redis_transport_fd(const struct df_redis_transport *transport);

/** POLLIN or POLLOUT or both; has_output: the caller has something to write. */
short df_redis_transport_events(const struct df_redis_transport *transport, bool has_output);

/** NULL does nothing. */
void df_redis_transport_close(struct df_redis_transport *transport);
