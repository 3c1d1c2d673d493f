/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/conn/internal.h"

#include <netinet/in.h>

/* What a packet is to a connection: asks the state machine of its protocol. */

static const struct conn_protocol *by_number(const struct df_packet *packet)
{
    switch (packet->ip_proto) {
    case IPPROTO_TCP:
        return &df_conn_tcp;
    case IPPROTO_UDP:
    case IPPROTO_UDPLITE:
        return &df_conn_udp;
    case IPPROTO_SCTP:
        return &df_conn_sctp;
    case IPPROTO_ICMP: /* each of the two belongs to its own IP, and is just a number in the other */
        return packet->bits & DF_PACKET_IP4 ? &df_conn_icmp : &df_conn_other;
    case IPPROTO_ICMPV6:
        return packet->bits & DF_PACKET_IP6 ? &df_conn_icmp : &df_conn_other;
    default:
        return &df_conn_other;
    }
}

const struct conn_protocol *df_conn_protocol(const struct df_packet *packet)
{
    const struct conn_protocol *protocol = by_number(packet);
    /* It follows its datagram's first fragment, which had the header that counts. */
    if ((packet->bits & DF_PACKET_LATER_FRAGMENT) && protocol != &df_conn_other)
        return NULL;
    return protocol;
}

enum df_conn_judgement df_conn_judge(const struct df_conn *conn, bool reply, const struct df_packet *packet)
{
    const struct conn_protocol *protocol = df_conn_protocol(packet);
    if (protocol == NULL)
        return DF_CONN_PASS;
    return protocol->judge(conn, atomic_load_explicit(&conn->word, memory_order_acquire), reply, packet);
}

bool df_conn_can_begin(const struct df_packet *packet)
{
    const struct conn_protocol *protocol = df_conn_protocol(packet);
    return protocol != NULL && protocol->first(packet) != DF_CONN_FREE;
}

bool df_conn_is_steady(const struct df_conn *conn, bool reply)
{
    uint8_t is = df_conn_is(atomic_load_explicit(&conn->word, memory_order_relaxed));
    return is & (reply ? DF_CONN_IS_STEADY_REPLY : DF_CONN_IS_STEADY);
}

bool df_conn_is_lasting(const struct df_conn *conn, bool reply)
{
    return (atomic_load_explicit(&conn->side[reply].window, memory_order_relaxed) & DF_CONN_PLAIN_TWICE) &&
           df_conn_is_steady(conn, reply);
}
