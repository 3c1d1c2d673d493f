/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "dbsync/driver.h"

/*
 * A stream of bytes to a host, by TLS when the configuration has certificates. Calls wait until end, which is of the
 * monotonic clock in milliseconds, and return -ETIMEDOUT then. TLS goes through memory, so that every byte is sent by
 * send(), which does not raise SIGPIPE.
 */

struct df_wire;

/** @return 0, -ECONNREFUSED and what else connect() says, -ETIMEDOUT, -EACCES: a certificate, -EINVAL, -ENOMEM */
int df_wire_open(const char *host, const char *port, const struct df_db_config *config, uint64_t end,
                 struct df_wire **wire, struct df_error *error);
void df_wire_free(struct df_wire *wire);
int df_wire_send(struct df_wire *wire, const void *bytes, size_t len, uint64_t end, struct df_error *error);
/** Exactly len bytes. -ECONNRESET: the other end hung up. */
int df_wire_receive(struct df_wire *wire, void *to, size_t len, uint64_t end, struct df_error *error);
int df_wire_fd(const struct df_wire *wire);
/** Whether there are bytes that came already, which df_wire_fd() does not tell. */
bool df_wire_has(const struct df_wire *wire);
