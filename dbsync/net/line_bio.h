/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <openssl/bio.h>
#include <stdbool.h>
#include <sys/types.h>

/* The sockets of line.h under OpenSSL, whose own BIO writes with write(), which raises SIGPIPE. */

/**
 * send() without SIGPIPE. errno of what may be tried again is EAGAIN alone, as it is the first time that the other end is
 * found to have gone away, which *hung_up keeps.
 */
ssize_t df_line_send(int fd, bool *hung_up, const void *from, size_t len);

/** The socket and *hung_up stay the caller's. NULL: out of memory. */
BIO *df_line_bio_new(int fd, bool *hung_up);
