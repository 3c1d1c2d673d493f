/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Chunk types of SCTP that say something about an association (RFC 9260 section 3.2). */
enum df_sctp_chunk {
    DF_SCTP_DATA = 0,
    DF_SCTP_INIT = 1,
    DF_SCTP_INIT_ACK = 2,
    DF_SCTP_SACK = 3,
    DF_SCTP_HEARTBEAT = 4,
    DF_SCTP_HEARTBEAT_ACK = 5,
    DF_SCTP_ABORT = 6,
    DF_SCTP_SHUTDOWN = 7,
    DF_SCTP_SHUTDOWN_ACK = 8,
    DF_SCTP_ERROR = 9,
    DF_SCTP_COOKIE_ECHO = 10,
    DF_SCTP_COOKIE_ACK = 11,
    DF_SCTP_SHUTDOWN_COMPLETE = 14,
};

#define DF_SCTP_CHUNK_HEADER_LEN 4 /* type, flags, length */

/** Is it one that an established association exchanges all the time, and that changes nothing? */
static inline bool df_sctp_is_steady(uint8_t chunk)
{
    const uint32_t steady =
        1u << DF_SCTP_DATA | 1u << DF_SCTP_SACK | 1u << DF_SCTP_HEARTBEAT | 1u << DF_SCTP_HEARTBEAT_ACK;
    return chunk < 32 && (steady >> chunk & 1);
}
