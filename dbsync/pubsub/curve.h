/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "dbsync/error.h"

/*
 * Who may connect to a CURVE socket (RFC 26 and 27 of ZeroMQ): the keys of a file, or anybody who has the server's
 * public key. Without a gate ZeroMQ would let in any key.
 */

struct df_curve_gate;

/** Key of a line "secret KEY", or of a file with nothing but the key. error names the file and the remedy. */
int df_curve_read_key(const char *path, const char *what, char key[41], struct df_error *error);

/** Before the socket is bound. clients_file NULL: any key is let in. */
int df_curve_gate_open(void *context, void *socket, const char *secret_key_file, const char *clients_file,
                       struct df_curve_gate **gate, struct df_error *error);
void df_curve_gate_close(struct df_curve_gate *gate);

/** To poll for reading; then df_curve_gate_serve(). */
void *df_curve_gate_socket(struct df_curve_gate *gate);

/** Answers who asks to be let in; whom it does not let in is counted, and logged from time to time. */
void df_curve_gate_serve(struct df_curve_gate *gate);
uint64_t df_curve_gate_refused(const struct df_curve_gate *gate);
