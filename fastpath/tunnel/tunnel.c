/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/tunnel/tunnel.h"

#include "fastpath/lookup/hash.h"

#define NO_PORT 0x10000

/* IANA's dynamic ports (RFC 6335 section 6), of which there are 2 to the 14. */
#define ENTROPY_FIRST 49152
#define ENTROPY_MASK 0x3fff

struct df_underlay df_underlay;
uint32_t df_tunnel_inline_port = NO_PORT;

const char *const df_tunnel_type_names[] = {
    [0] = "none",
    [DF_TUNNEL_VXLAN] = "vxlan",
    [DF_TUNNEL_GENEVE] = "geneve",
    [DF_TUNNEL_GRE] = "gre",
    [DF_TUNNEL_TYPES] = NULL,
};

#define VXLAN DF_TUNNEL_BIT(DF_TUNNEL_VXLAN)
#define GENEVE DF_TUNNEL_BIT(DF_TUNNEL_GENEVE)
#define GRE DF_TUNNEL_BIT(DF_TUNNEL_GRE)
const char *const df_tunnel_set_names[] = {
    [0] = "none",
    [VXLAN] = "vxlan",
    [GENEVE] = "geneve",
    [GENEVE | VXLAN] = "geneve,vxlan",
    [GRE] = "gre",
    [GRE | VXLAN] = "vxlan,gre",
    [GRE | GENEVE] = "geneve,gre",
    [DF_TUNNEL_ALL] = "geneve,vxlan,gre",
    [DF_TUNNEL_ALL + 1] = NULL,
};

enum df_tunnel_type df_tunnel_type_of(const char *name)
{
    for (enum df_tunnel_type type = 1; type < DF_TUNNEL_TYPES; type++) {
        if (strcmp(df_tunnel_type_names[type], name) == 0)
            return type;
    }
    return 0;
}

void df_underlay_set(const struct df_underlay *underlay)
{
    df_underlay = underlay != NULL ? *underlay : (struct df_underlay){0};
    bool is_inline = df_underlay.vlan == 0 && df_underlay.ip4 != 0 && (df_underlay.types & VXLAN);
    df_tunnel_inline_port = is_inline ? RTE_BE16(DF_VXLAN_PORT) : NO_PORT;
}

/* What tells one flow from another; zeroes where a packet has no such thing. */
struct tuple {
    struct df_ip src, dst;
    uint16_t l4_src, l4_dst;
    uint16_t proto;
    uint16_t zero;
};

uint16_t df_tunnel_entropy(const struct df_packet *inner)
{
    struct tuple tuple = {.src = inner->ip_src, .dst = inner->ip_dst};
    if (!(inner->bits & (DF_PACKET_IP4 | DF_PACKET_IP6))) {
        memcpy(tuple.src.byte, inner->eth_src.byte, sizeof(inner->eth_src));
        memcpy(tuple.dst.byte, inner->eth_dst.byte, sizeof(inner->eth_dst));
    } else if (!(inner->bits & DF_PACKET_FRAGMENT)) {
        tuple.l4_src = inner->l4_src;
        tuple.l4_dst = inner->l4_dst;
        tuple.proto = inner->ip_proto;
    }
    return (uint16_t)(ENTROPY_FIRST | (df_hash_bytes(&tuple, sizeof(tuple)) & ENTROPY_MASK));
}
