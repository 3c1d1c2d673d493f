/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#include "fastpath/packet/packet.h"
#include "fastpath/rcu.h"

/*
 * Which packets are special: those whose transport ports (or ICMP type) the tables may look at.
 *
 * Invariant: the flow cache keys a special packet by its full 5-tuple, and never serves it a decision that is kept by
 * address pair. So a table may read the ports of a special packet, and that a packet is none, without noting that its
 * decision depends on ports (df_walk.read_l4); whatever else reads ports must note it.
 *
 * Special are ARP, ICMP and ICMPv6, what goes to a port that a service wants, and DHCP by its own ports, wanted or not.
 *
 * The set of ports that services want is a direct-mapped array, as large as it takes for no two ports to collide. The
 * services table (control thread) publishes a new one when the set changes, then bumps the stamp that each of its
 * decisions records. Readers: any registered thread between two quiescent states.
 */

enum df_dhcp_port { DF_DHCP_SERVER = 67, DF_DHCP_CLIENT = 68, DF_DHCP6_CLIENT = 546, DF_DHCP6_SERVER = 547 };

struct df_services_ports {
    struct rcu_head rcu;
    uint32_t mask;   /* slots - 1 */
    uint16_t slot[]; /* a port, or one that does not belong in this slot */
};

extern struct df_services_ports *df_services_ports; /* never NULL */

/** Does any service want UDP, TCP or SCTP to this port? */
static inline bool df_services_wants_port(uint16_t l4_dst)
{
    const struct df_services_ports *ports = df_rcu_read(df_services_ports);
    return ports->slot[l4_dst & ports->mask] == l4_dst;
}

/** Is a packet with a transport header special? l4_src, l4_dst: ports; not read for ICMP. */
static inline bool df_services_is_special(uint8_t ip_proto, uint16_t l4_src, uint16_t l4_dst)
{
    switch (ip_proto) {
    case IPPROTO_UDP:
        if (l4_src == DF_DHCP_SERVER || l4_src == DF_DHCP6_SERVER || l4_dst == DF_DHCP_SERVER)
            return true;
        return df_services_wants_port(l4_dst);
    case IPPROTO_TCP:
    case IPPROTO_SCTP:
        return df_services_wants_port(l4_dst);
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
        return true;
    default:
        return false;
    }
}

/** Is the packet special? One without a transport header (a later fragment) is not. */
static inline bool df_packet_is_special(const struct df_packet *packet)
{
    if (packet->bits & DF_PACKET_ARP)
        return true;
    return (packet->bits & DF_PACKET_L4) && df_services_is_special(packet->ip_proto, packet->l4_src, packet->l4_dst);
}
