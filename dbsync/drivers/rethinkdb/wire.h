/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

#include "dbsync/error.h"

/*
 * A line (dbsync/net/line.h) for who waits: calls go on until end, which is of the monotonic clock in milliseconds, and
 * return -ETIMEDOUT then.
 */

struct df_wire;

/** @return 0, or what df_net_resolve(), df_line_open() and df_line_connect() say */
int df_wire_open(const char *host, const char *port, SSL_CTX *tls, uint64_t end, struct df_wire **wire,
                 struct df_error *error);
void df_wire_free(struct df_wire *wire);
int df_wire_send(struct df_wire *wire, const void *bytes, size_t len, uint64_t end, struct df_error *error);
/** Exactly len bytes. -ECONNRESET: the other end hung up. */
int df_wire_receive(struct df_wire *wire, void *to, size_t len, uint64_t end, struct df_error *error);
int df_wire_fd(const struct df_wire *wire);
/** Whether there are bytes that came already, which df_wire_fd() does not tell. */
bool df_wire_has(const struct df_wire *wire);
