/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * Where a message ends. JSON-RPC of OVSDB is one JSON object after the other with nothing between them (RFC 7047, 4),
 * so the end is the brace that closes the first one. Each byte is looked at once, however the stream is cut. Whether
 * it is JSON at all is for the parser to say.
 */

struct df_ovsdb_frame {
    size_t at; /* so far */
    unsigned depth;
    bool in_string, escaped;
};

/**
 * Looks on for the end of the message that bytes begin with.
 *
 * @param frame zeroes before the first call for a message; bytes seen before are passed again, with more behind them
 * @return its length, 0: there is more to come, -EPROTO: it is no object, or of absurd depth
 */
ssize_t df_ovsdb_frame_end(struct df_ovsdb_frame *frame, const char *bytes, size_t len);
