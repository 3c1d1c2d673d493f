/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

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
};

#define DF_PACKET_VLANS_MAX 2

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
    };
};

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
