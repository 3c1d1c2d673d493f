/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

/* Neighbour discovery as it lies on the wire (RFC 4861 section 4), for the parser and for the answer. */

enum df_nd_type {
    DF_ND_ROUTER_SOLICITATION = 133,
    DF_ND_ROUTER_ADVERTISEMENT = 134,
    DF_ND_SOLICITATION = 135,
    DF_ND_ADVERTISEMENT = 136,
    DF_ND_REDIRECT = 137,
};

enum df_nd_flags { DF_ND_ROUTER = 0x80, DF_ND_SOLICITED = 0x40, DF_ND_OVERRIDE = 0x20 };

#define DF_ND_HOP_LIMIT 255 /* proves that no router forwarded it */

/* Neighbour solicitation and advertisement; options follow. */
struct df_nd_message {
    uint8_t type;
    uint8_t code;
    uint8_t checksum[2];
    uint8_t flags; /* enum df_nd_flags; 0 in a solicitation */
    uint8_t reserved[3];
    uint8_t target[16];
};

enum df_nd_option_type { DF_ND_SOURCE_LLADDR = 1, DF_ND_TARGET_LLADDR = 2 };

struct df_nd_lladdr_option {
    uint8_t type; /* enum df_nd_option_type */
    uint8_t len;  /* 1, in units of 8 bytes */
    uint8_t mac[6];
};
