/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <netinet/in.h>
#include <rte_byteorder.h>
#include <rte_ether.h>
#include <rte_tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "fastpath/lookup/hash.h"
#include "fastpath/packet/icmp.h"
#include "fastpath/packet/nd.h"
#include "fastpath/packet/sctp.h"
#include "fastpath/tables/services.h"

/*
 * The key under which the flow cache keeps a decision, read straight from the frame.
 *
 * Only plain packets have a key: untagged IPv4 without options or IPv6 without extension headers, no fragment, with
 * lengths and header checksum right and a whole transport header, and no neighbour discovery. All others walk the
 * tables each time: what the parser refuses must have no key, or the flow of a well-formed packet would carry it.
 * Where ports are part of the key, what moves a connection on or belongs to the one that it quotes walks too: TCP with
 * SYN, FIN, RST or without ACK, SCTP with more than data, SACK and heartbeats, and ICMP errors.
 *
 * Word 0: ingress port, protocol, kind, and the transport ports, if they are part of the key. Word 1: the IPv4
 * addresses, or the IPv6 addresses folded (the flow then holds them in full).
 *
 * The ports are part of the key only where a decision can read them: on an ingress that a decision read ports for,
 * for packets that a service may want, and for ICMP (type and code, of an echo its identifier). So a million flows
 * between a thousand address pairs are a thousand entries.
 */

enum df_flow_kind {
    DF_FLOW_NONE = 0, /* no key: walk */
    DF_FLOW_IP4 = 1,
    DF_FLOW_IP6 = 2,
    DF_FLOW_BY_L4 = 4,       /* or-ed: the ports are part of the key */
    DF_FLOW_TUNNEL = 8,      /* or-ed: came by a tunnel; the key's port is the lower half of the tunnel key */
    DF_FLOW_OUTER6 = 1 << 6, /* or-ed: over IPv6; in between, DF_FLOW_TYPE_SHIFT, is its enum df_tunnel_type */
};

struct df_flow_key {
    uint64_t word[2];
};

/* Shorter frames have no key: Ethernet, the shortest IPv4 header, and eight bytes of a transport header. */
#define DF_FLOW_FRAME_MIN (RTE_ETHER_HDR_LEN + 28)

static inline uint16_t df_load16(const uint8_t *at)
{
    uint16_t value;
    memcpy(&value, at, sizeof(value));
    return value;
}

static inline uint32_t df_load32(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof(value));
    return value;
}

static inline uint64_t df_load64(const uint8_t *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof(value));
    return value;
}

static inline uint64_t df_flow_hash(const struct df_flow_key *key)
{
    return df_hash_end(df_hash_mix(key->word[0] ^ df_hash_secret[0], key->word[1] ^ df_hash_secret[1]));
}

#define DF_FLOW_KIND_SHIFT 24
#define DF_FLOW_TYPE_SHIFT 4 /* two bits, of the kind */

static inline uint64_t df_flow_word0(uint16_t port, uint8_t proto, unsigned kind, uint32_t l4)
{
    return (uint64_t)port | (uint64_t)proto << 16 | (uint64_t)kind << DF_FLOW_KIND_SHIFT | (uint64_t)l4 << 32;
}

static inline unsigned df_flow_key_kind(const struct df_flow_key *key)
{
    return (key->word[0] >> DF_FLOW_KIND_SHIFT) & 0xff;
}

/* Can the length that a whole TCP or UDP header tells be right, with l4_len bytes from its start on? */
static inline bool df_flow_key_l4_fits(const uint8_t *l4, uint32_t l4_len, uint8_t proto)
{
    uint32_t least = proto == IPPROTO_UDP ? 8 : 20;
    uint32_t len = proto == IPPROTO_UDP ? rte_be_to_cpu_16(df_load16(l4 + 4)) : (l4[12] >> 4) * 4u;
    return len - least <= l4_len - least;
}

/* The parser and the tables read more of it than its key would have (RFC 4861). */
static inline bool df_icmp6_is_nd(uint8_t type)
{
    return type >= DF_ND_ROUTER_SOLICITATION && type <= DF_ND_REDIRECT;
}

/*
 * Returns false for neighbour discovery, and for errors where a decision may depend on what they quote. l4: a whole
 * header of ICMP or ICMPv6.
 */
static inline bool df_flow_key_icmp(const uint8_t *l4, uint8_t proto, bool by_l4, uint32_t *ports)
{
    uint32_t id = df_icmp_is_echo(proto, l4[0]) ? df_load16(l4 + 4) : 0;
    *ports = df_load16(l4) | id << 16;
    return !(by_l4 && df_icmp_is_error(proto, l4[0])) && !(proto == IPPROTO_ICMPV6 && df_icmp6_is_nd(l4[0]));
}

/* Is the first chunk everyday traffic, and no control chunk behind it (RFC 9260 section 6.10: DATA comes last)? */
static inline bool df_flow_key_sctp_is_steady(const uint8_t *l4, uint32_t l4_len)
{
    if (l4_len < 12 + DF_SCTP_CHUNK_HEADER_LEN || !df_sctp_is_steady(l4[12]))
        return false;
    uint32_t second = 12 + ((rte_be_to_cpu_16(df_load16(l4 + 14)) + 3u) & ~3u);
    return l4[12] == DF_SCTP_DATA || second >= l4_len || l4[second] == DF_SCTP_DATA;
}

/* May a packet of a connection be served without a walk? What begins, ends or resets one, or cannot be, may not. */
static inline bool df_flow_key_is_steady(const uint8_t *l4, uint32_t l4_len, uint8_t proto)
{
    if (proto == IPPROTO_TCP)
        return (l4[13] & (RTE_TCP_ACK_FLAG | RTE_TCP_SYN_FLAG | RTE_TCP_FIN_FLAG | RTE_TCP_RST_FLAG)) ==
               RTE_TCP_ACK_FLAG;
    return proto != IPPROTO_SCTP || df_flow_key_sctp_is_steady(l4, l4_len);
}

/* Of a protocol that is none of the usual ones. */
static inline bool df_flow_key_other_l4(const uint8_t *l4, uint32_t l4_len, uint8_t proto, bool by_l4, uint32_t *ports,
                                        unsigned *kind)
{
    uint32_t need = proto == IPPROTO_UDPLITE ? DF_UDPLITE_HEADER_LEN : proto == IPPROTO_DCCP ? DF_DCCP_HEADER_LEN : 0;
    if (l4_len < need)
        return false;
    if (by_l4) {
        *kind |= DF_FLOW_BY_L4;
        *ports = need ? df_load32(l4) : 0; /* others have none to tell apart */
    }
    return true;
}

/*
 * Reads what of the transport header belongs to the key.
 * Returns false when the header is not whole or well formed, or the packet has to walk: l4_len bytes of the packet are
 * left for it.
 */
static inline bool df_flow_key_l4(const uint8_t *l4, uint32_t l4_len, uint8_t proto, bool by_l4, uint32_t *ports,
                                  unsigned *kind)
{
    uint32_t need;
    switch (proto) {
    case IPPROTO_UDP:
        need = 8;
        break;
    case IPPROTO_TCP:
        need = 20;
        break;
    case IPPROTO_SCTP:
        need = 12;
        break;
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
        *kind |= DF_FLOW_BY_L4;
        return l4_len >= 8 && df_flow_key_icmp(l4, proto, by_l4, ports);
    default:
        return df_flow_key_other_l4(l4, l4_len, proto, by_l4, ports, kind);
    }
    if (l4_len < need || (proto != IPPROTO_SCTP && !df_flow_key_l4_fits(l4, l4_len, proto)))
        return false;
    uint32_t both = df_load32(l4);
    if (by_l4 ||
        df_services_is_special(proto, rte_be_to_cpu_16((uint16_t)both), rte_be_to_cpu_16((uint16_t)(both >> 16)))) {
        *kind |= DF_FLOW_BY_L4;
        *ports = both;
        return df_flow_key_is_steady(l4, l4_len, proto);
    }
    return true;
}

/* Is the header checksum of an option-less IPv4 header right (RFC 1071)? */
static inline bool df_ip4_checksum_good(const uint8_t *ip)
{
    uint64_t sum =
        (uint64_t)df_load32(ip) + df_load32(ip + 4) + df_load32(ip + 8) + df_load32(ip + 12) + df_load32(ip + 16);
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return sum == 0xffff || (sum >> 16) + (sum & 0xffff) == 0xffff;
}

static inline unsigned df_flow_key_ip4(const uint8_t *frame, uint32_t len, uint16_t port, bool by_l4,
                                       struct df_flow_key *key)
{
    const uint8_t *ip = frame + RTE_ETHER_HDR_LEN;
    if (ip[0] != 0x45 || (df_load16(ip + 6) & RTE_BE16(0x3fff)))
        return DF_FLOW_NONE;
    uint32_t total = rte_be_to_cpu_16(df_load16(ip + 2));
    if (total < 20 || total + RTE_ETHER_HDR_LEN > len || !df_ip4_checksum_good(ip))
        return DF_FLOW_NONE;
    unsigned kind = DF_FLOW_IP4;
    uint32_t ports = 0;
    if (!df_flow_key_l4(ip + 20, total - 20, ip[9], by_l4, &ports, &kind))
        return DF_FLOW_NONE;
    key->word[0] = df_flow_word0(port, ip[9], kind, ports);
    key->word[1] = df_load64(ip + 12);
    return kind;
}

static inline bool df_ip6_is_extension(uint8_t next)
{
    return next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_FRAGMENT || next == IPPROTO_DSTOPTS ||
           next == IPPROTO_AH || next == IPPROTO_NONE;
}

static inline unsigned df_flow_key_ip6(const uint8_t *frame, uint32_t len, uint16_t port, bool by_l4,
                                       struct df_flow_key *key)
{
    const uint8_t *ip = frame + RTE_ETHER_HDR_LEN;
    if (len < RTE_ETHER_HDR_LEN + 40 || (ip[0] >> 4) != 6 || df_ip6_is_extension(ip[6]))
        return DF_FLOW_NONE;
    uint32_t payload = rte_be_to_cpu_16(df_load16(ip + 4));
    if (payload + RTE_ETHER_HDR_LEN + 40 > len)
        return DF_FLOW_NONE;
    unsigned kind = DF_FLOW_IP6;
    uint32_t ports = 0;
    if (!df_flow_key_l4(ip + 40, payload, ip[6], by_l4, &ports, &kind))
        return DF_FLOW_NONE;
    key->word[0] = df_flow_word0(port, ip[6], kind, ports);
    key->word[1] = df_hash_mix(df_load64(ip + 8) ^ df_hash_secret[0], df_load64(ip + 16) ^ df_hash_secret[1]) +
                   df_hash_mix(df_load64(ip + 24) ^ df_hash_secret[1], df_load64(ip + 32) ^ df_hash_secret[0]);
    return kind;
}

/**
 * Reads the key of a frame, of which len contiguous bytes are there.
 *
 * @param by_l4 the ports are part of this ingress's keys
 * @return enum df_flow_kind; DF_FLOW_NONE: it has none, walk the tables
 */
static inline unsigned df_flow_key_read(const uint8_t *frame, uint32_t len, uint16_t port, bool by_l4,
                                        struct df_flow_key *key)
{
    if (len < DF_FLOW_FRAME_MIN)
        return DF_FLOW_NONE;
    uint16_t type = df_load16(frame + 12);
    if (type == RTE_BE16(RTE_ETHER_TYPE_IPV4))
        return df_flow_key_ip4(frame, len, port, by_l4, key);
    if (type == RTE_BE16(RTE_ETHER_TYPE_IPV6))
        return df_flow_key_ip6(frame, len, port, by_l4, key);
    return DF_FLOW_NONE;
}
