/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "fastpath/packet/addr.h"
#include "fastpath/pipeline.h"

/* This node's end of tunnels, as the configuration has it: what apps know of the underlay (compile.h). */
struct df_underlay_end {
    const char *name;   /* of the port, in [fastpath] ports */
    uint16_t port;      /* in the datapath */
    uint16_t exception; /* the datapath port by which the host's own traffic goes; 0: none */
    uint16_t vlan;      /* tag of the underlay; 0: untagged */
    uint16_t mtu;       /* the longest outer IP packet */
    struct df_ip ip4;   /* zero: none in this family */
    struct df_ip ip6;
    uint8_t types[DF_TUNNEL_TYPES]; /* enum df_tunnel_type of those spoken here, the best first; ends with 0 */
    bool udp6_checksum;             /* over IPv6, what leaves has an outer UDP checksum */
};

/* Its address of the other's family; zero: none. */
static inline struct df_ip df_underlay_end_ip(const struct df_underlay_end *end, const struct df_ip *other)
{
    return df_ip_is4(other) ? end->ip4 : end->ip6;
}

/* The types as a set of DF_TUNNEL_BIT(). */
static inline uint16_t df_underlay_end_types(const struct df_underlay_end *end)
{
    unsigned set = 0;
    for (const uint8_t *type = end->types; *type != 0; type++)
        set |= DF_TUNNEL_BIT(*type);
    return (uint16_t)set;
}
