/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "fastpath/packet/addr.h"

/* This node's end of tunnels, as the configuration has it: what apps know of the underlay (compile.h). */
struct df_underlay_end {
    const char *name; /* of the port, in [fastpath] ports */
    uint16_t port;    /* in the datapath */
    uint16_t mtu;     /* the longest outer IP packet */
    struct df_ip ip;  /* IPv4 */
};
