/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/conn/internal.h"
#include "fastpath/packet/icmp.h"

/* The tuple of a packet: who, to whom, and what tells its conversation from others between the two. */

static bool is_icmp(const struct df_packet *packet, uint8_t ip_proto)
{
    return packet->bits & DF_PACKET_IP4 ? ip_proto == IPPROTO_ICMP : ip_proto == IPPROTO_ICMPV6;
}

bool df_conn_key_of(const struct df_packet *packet, uint32_t zone, struct df_conn_key *key)
{
    if (!(packet->bits & (DF_PACKET_IP4 | DF_PACKET_IP6)) || (packet->bits & DF_PACKET_ICMP_ERROR) ||
        df_packet_needs_first(packet))
        return false;
    *key = (struct df_conn_key){
        .src = packet->ip_src,
        .dst = packet->ip_dst,
        .zone = zone,
        .ip_proto = packet->ip_proto,
    };
    if (df_packet_proto_has_ports(packet->ip_proto)) {
        key->l4_src = packet->l4_src;
        key->l4_dst = packet->l4_dst;
    } else if (is_icmp(packet, packet->ip_proto) && df_icmp_is_echo(packet->ip_proto, (uint8_t)packet->l4_dst)) {
        key->l4_src = packet->icmp_id;
        key->l4_dst = packet->icmp_id;
    }
    return true;
}

bool df_conn_key_of_quoted(const struct df_packet *packet, uint32_t zone, struct df_conn_key *key)
{
    if (!(packet->bits & DF_PACKET_ICMP_ERROR) || !packet->quoted.whole || packet->quoted.is_error)
        return false;
    *key = (struct df_conn_key){
        .src = packet->quoted.src,
        .dst = packet->quoted.dst,
        .zone = zone,
        .ip_proto = packet->quoted.ip_proto,
    };
    if (df_packet_proto_has_ports(key->ip_proto) || is_icmp(packet, key->ip_proto)) {
        key->l4_src = packet->quoted.l4_src;
        key->l4_dst = packet->quoted.l4_dst;
    }
    return true;
}
