/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <netinet/in.h>
#include <rte_mbuf.h>

#include "fastpath/drop.h"
#include "fastpath/packet/addr.h"

/*
 * The working copy of a packet's headers.
 *
 * df_packet_parse() fills it from the frame and never reads past the frame's first segment or end; the tables read and
 * rewrite it; df_act() writes the difference back. Offsets count from the start of the frame. Integers are in host
 * byte order.
 */

enum df_packet_bits {
    DF_PACKET_IP4 = 1 << 0,
    DF_PACKET_IP6 = 1 << 1,
    DF_PACKET_ARP = 1 << 2,
    DF_PACKET_FRAGMENT = 1 << 3,       /* any fragment; IPv6 with a fragment header that is whole is none (RFC 6946) */
    DF_PACKET_LATER_FRAGMENT = 1 << 4, /* not the first one: no transport header */
    DF_PACKET_OPTIONS = 1 << 5,        /* IPv4 options or IPv6 extension headers */
    DF_PACKET_L4 = 1 << 6,             /* ports (or ICMP type and code) are set */
    DF_PACKET_ND = 1 << 7,             /* nd is set: a solicitation or advertisement that passed RFC 4861 section 7.1 */
    DF_PACKET_MORE_FRAGMENTS = 1 << 8, /* a fragment, and not the last one */
    DF_PACKET_ICMP_ERROR = 1 << 9,     /* quoted is set */
    DF_PACKET_ICMP_ECHO = 1 << 10,     /* echo request or reply: icmp_id is set */
    DF_PACKET_DF = 1 << 11,            /* IPv4 that must not be fragmented */
};

#define DF_PACKET_VLANS_MAX 2

/* Bytes of a transport header that must be there, where nothing behind the ports is read (RFC 3828; RFC 4340, X = 0). */
#define DF_UDPLITE_HEADER_LEN 8
#define DF_DCCP_HEADER_LEN 12

struct df_packet {
    struct df_mac eth_dst;
    struct df_mac eth_src;
    uint16_t eth_type;                  /* of the payload, behind the tags */
    uint16_t bits;                      /* enum df_packet_bits */
    uint16_t vlan[DF_PACKET_VLANS_MAX]; /* TCI, outermost first; 0: none */
    uint8_t n_vlans;

    uint8_t ip_proto; /* transport, behind extension headers */
    uint8_t ip_tos;
    uint8_t ip_ttl; /* hop limit */
    struct df_ip ip_src;
    struct df_ip ip_dst;

    uint16_t l3_offset;
    uint16_t l4_offset;
    uint16_t l3_len; /* IP total length, header included */
    uint16_t frame_len;
    /* Read them by df_walk_l4_src() and so on in tables: that notes that the decision depends on them. */
    uint16_t l4_src; /* ICMP: 0 */
    uint16_t l4_dst; /* ICMP, ICMPv6: type */
    uint8_t icmp_code;
    uint16_t icmp_id; /* of an echo request or reply (RFC 792, RFC 4443) */

    /* Of a fragment. */
    uint32_t fragment_id;     /* as on the wire, host order; IPv4 has 16 bits */
    uint16_t fragment_offset; /* bytes, of the first byte of this fragment's payload in the datagram */
    uint16_t fragment_len;    /* bytes of payload */

    /* Not all of a frame can be set at once: each is there with the bit or protocol that says so. */
    union {
        struct {
            uint16_t op;
            struct df_mac sha, tha;
            uint32_t spa, tpa; /* network order */
        } arp;
        struct {
            struct df_ip target;
            struct df_mac lladdr; /* source or target link-layer address option */
            uint8_t has_lladdr;
            uint8_t flags; /* R S O of an advertisement, as on the wire */
        } nd;
        struct { /* ip_proto TCP and DF_PACKET_L4 */
            uint32_t seq, ack;
            uint16_t window;
            uint16_t payload_len; /* bytes behind the header; of a fragment: in this one */
            uint8_t flags;        /* FIN SYN RST PSH ACK URG, as on the wire */
            uint8_t window_shift; /* of a SYN's window scale option (RFC 7323), at most 14; 0xff: has none */
        } tcp;
        struct {                   /* ip_proto SCTP and DF_PACKET_L4 */
            uint32_t tag;          /* verification tag */
            uint32_t initiate_tag; /* of INIT and INIT ACK */
            uint8_t chunk; /* type of the first chunk that is not DATA, SACK or HEARTBEAT (ACK), else of the first */
            bool has_chunk;
        } sctp;
        struct { /* DF_PACKET_ICMP_ERROR: the packet that an ICMP error is about, as its sender sent it */
            struct df_ip src, dst;
            uint16_t l4_src, l4_dst; /* ICMP echo: the identifier in both; 0 where the protocol has no ports */
            uint8_t ip_proto;
            bool whole;    /* ports (or identifier) were there, if the protocol has any, and it is no later fragment */
            bool is_error; /* is an ICMP error itself */
        } quoted;
    };
};

/**
 * Does the transport have ports, in the first four bytes of its header? RFC 9293, RFC 768, RFC 9260 section 3.1, RFC 3828
 * section 3.1, RFC 4340 section 5.1.
 */
static inline bool df_packet_proto_has_ports(uint8_t ip_proto)
{
    return ip_proto == IPPROTO_TCP || ip_proto == IPPROTO_UDP || ip_proto == IPPROTO_SCTP ||
           ip_proto == IPPROTO_UDPLITE || ip_proto == IPPROTO_DCCP;
}

/**
 * Is it a later fragment of which only its datagram's first fragment can tell the ports? No more once it was told
 * (fastpath/fragment): then DF_PACKET_L4 is set, also where the protocol turned out to have no ports.
 *
 * In IPv6 the next header of a later fragment says nothing for certain (RFC 8200 section 4.5); one that is an extension
 * header says that the transport is in the first fragment.
 */
static inline bool df_packet_needs_first(const struct df_packet *packet)
{
    if ((packet->bits & (DF_PACKET_LATER_FRAGMENT | DF_PACKET_L4)) != DF_PACKET_LATER_FRAGMENT)
        return false;
    switch (packet->ip_proto) {
    case IPPROTO_TCP:
    case IPPROTO_UDP:
    case IPPROTO_SCTP:
    case IPPROTO_UDPLITE:
    case IPPROTO_DCCP:
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
        return true;
    default:
        return (packet->bits & DF_PACKET_IP6) &&
               (packet->ip_proto == IPPROTO_HOPOPTS || packet->ip_proto == IPPROTO_ROUTING ||
                packet->ip_proto == IPPROTO_DSTOPTS || packet->ip_proto == IPPROTO_AH);
    }
}

/**
 * Parses a frame. Any thread; no side effect.
 *
 * IP and ARP are checked from Ethernet to the transport header, neighbour discovery to its end; other EtherTypes pass.
 * IPv4 header and neighbour discovery checksums are verified, those of transports are left to who receives them. An
 * IPv4-mapped address in an IPv6 header is malformed, so no IPv6 packet has the keys of an IPv4 one (addr.h).
 *
 * @param data first byte of the frame; any alignment
 * @param len of the whole frame, all of it readable; an IP packet that claims to be longer is malformed
 * @return DF_DROP_NONE, or why the frame is malformed (packet then holds what was read so far)
 */
enum df_drop df_packet_parse(const uint8_t *data, uint32_t len, struct df_packet *packet);
