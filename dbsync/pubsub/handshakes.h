/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dbsync/error.h"

/*
 * Handshakes that fail on a socket: who has no key, or the key of another server, or speaks another protocol, gets nowhere,
 * and is not even asked for at the gate (curve.h). ZeroMQ does not tell who it was.
 */

struct df_handshakes;

/** Before the socket is bound. has_key: it asks for one. */
int df_handshakes_watch(void *context, void *socket, bool has_key, struct df_handshakes **handshakes,
                        struct df_error *error);

/** Before the socket is closed. NULL is fine. */
void df_handshakes_close(struct df_handshakes *handshakes);

/** To poll for reading; then df_handshakes_serve(). */
void *df_handshakes_socket(struct df_handshakes *handshakes);

/** Counts what failed, and logs it from time to time. */
void df_handshakes_serve(struct df_handshakes *handshakes);
uint64_t df_handshakes_failed(const struct df_handshakes *handshakes);
