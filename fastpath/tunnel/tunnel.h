/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <netinet/in.h>
#include <rte_byteorder.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_udp.h>
#include <stdbool.h>
#include <stdint.h>

#include "fastpath/drop.h"
#include "fastpath/packet/addr.h"
#include "fastpath/packet/checksum.h"
#include "fastpath/packet/packet.h"
#include "fastpath/pipeline.h"
#include "fastpath/tunnel/ecn.h"
#include "fastpath/tunnel/wire.h"

/*
 * Tunnels: VXLAN (RFC 7348), Geneve (RFC 8926) and GRE with a key (RFC 2784, RFC 2890), over IPv4 and IPv6, by one
 * underlay port with or without a VLAN tag.
 *
 * Invariants:
 * - What a worker takes off a frame is exactly what df_tunnel_read() checked: an Ethernet header for this node, the tag
 *   of the underlay and no other, an IP header without options or extension headers that is no fragment and is for this
 *   node, and the header of a type that this node speaks, with a key.
 * - The outer headers for a peer by one type are kept ready in a line of 128 bytes, from which a packet differs in
 *   lengths, checksums, entropy, key and ECN only. A line is written by the control thread before the entry that names
 *   it is published, and not written again before a grace period after that entry is gone.
 *
 * VXLAN over untagged IPv4 is read and written inline and from one cache line; all else by decap.c and encap.c.
 */

#define DF_VXLAN_OVERHEAD 50 /* Ethernet, IPv4, UDP, VXLAN; of Geneve without options too */
#define DF_TUNNEL_IP6_MORE 20
#define DF_TUNNEL_HEADERS_MAX (DF_VXLAN_OVERHEAD + DF_TUNNEL_IP6_MORE + RTE_VLAN_HLEN) /* of what is sent */

#define DF_PEERS_MAX 16384
#define DF_PEER_HEADERS_MAX (DF_PEERS_MAX * (DF_TUNNEL_TYPES - 1))
_Static_assert(DF_PEER_HEADERS_MAX <= UINT16_MAX, "an index has 16 bits");

extern const char *const df_tunnel_type_names[]; /* by enum df_tunnel_type; ends with NULL */
extern const char *const df_tunnel_set_names[];  /* by set of DF_TUNNEL_BIT(); ends with NULL */

/** The type of that name, or 0. */
enum df_tunnel_type df_tunnel_type_of(const char *name);

/** The longest key of a type. */
static inline uint32_t df_tunnel_key_max(enum df_tunnel_type type)
{
    return type == DF_TUNNEL_GRE ? UINT32_MAX : DF_VNI_MAX;
}

/* This node's end. Does not change while a worker can have a packet of the port. */
struct df_underlay {
    uint16_t port;      /* datapath port; 0: there is none */
    uint16_t vlan;      /* tag that all frames have; 0: untagged */
    uint16_t exception; /* datapath port that takes what is for no tunnel; 0: none */
    uint16_t types;     /* DF_TUNNEL_BIT() of those that are spoken here */
    uint32_t ip4;       /* network order; 0: none */
    struct df_ip ip6;   /* zero: none */
    struct df_mac mac;
};
extern struct df_underlay df_underlay;

/* The outer destination port of what is read inline; where nothing is, a number that no port has. */
extern uint32_t df_tunnel_inline_port;

/** Control thread, while the port is not published (worker.h), nor the one before it. NULL: there is none. */
void df_underlay_set(const struct df_underlay *underlay);

/** Is it the port that tunnels come in by? Any thread. */
static inline bool df_underlay_is(uint16_t port)
{
    return port == df_underlay.port && port != 0;
}

/** Is it the port by which the host's own traffic goes? Any thread. */
static inline bool df_underlay_is_exception(uint16_t port)
{
    return port == df_underlay.exception && port != 0;
}

/* ---- Taking outer headers off */

/* What the outer headers of a frame said. */
struct df_tunnel_in {
    uint32_t src4; /* the peer, network order; 0 over IPv6 */
    uint32_t key;
    uint16_t len; /* bytes of outer headers, to be taken off */
    uint8_t type; /* enum df_tunnel_type */
    uint8_t ecn;  /* of the outer IP header */
    bool ip6;
    struct df_ip src6; /* the peer; not set over IPv4 */
};

/* VXLAN over untagged IPv4, as it lies in a frame. */
struct df_tunnel_outer {
    struct df_mac dst, src;
    rte_be16_t eth_type;
    struct rte_ipv4_hdr ip;
    struct rte_udp_hdr udp;
    struct df_vni_header vni;
} __attribute__((packed));
_Static_assert(sizeof(struct df_tunnel_outer) == DF_VXLAN_OVERHEAD, "RFC 7348 section 5");

/** df_tunnel_read() for every type and family. */
enum df_drop df_tunnel_read_any(const uint8_t *frame, uint32_t len, struct df_tunnel_in *in);

/* What is passed by reference cannot be kept in registers: only what is read here is. */
static inline enum df_drop df_tunnel_read_other(const uint8_t *frame, uint32_t len, struct df_tunnel_in *in)
{
    struct df_tunnel_in any;
    enum df_drop drop = df_tunnel_read_any(frame, len, &any);
    *in = any;
    return drop;
}

/**
 * Reads the outer headers of a frame that came in by the underlay. Any thread.
 *
 * Bytes behind the IP packet are malformed: no frame of a tunnel is so short that it must be padded. The checksum of
 * VXLAN's UDP is ignored, which RFC 7348 section 5 leaves to the receiver: it would take reading every byte, and the
 * packet inside has checksums of its own. Geneve's is verified where it is not zero (RFC 8926 section 3.3), so is
 * GRE's. Zero is taken over IPv6 too (RFC 6935, RFC 6936): a packet that went astray is from no peer, or has no key.
 *
 * @param len of the whole frame, all of it readable
 * @return DF_DROP_NONE: in->len bytes are to be taken off, and at least an Ethernet header is behind them;
 *         UNDERLAY_OTHER: it is for no tunnel of this node; or what is wrong, one of TUNNEL_. key and sources are 0 for these
 */
static inline enum df_drop df_tunnel_read(const uint8_t *frame, uint32_t len, struct df_tunnel_in *in)
{
    const struct df_tunnel_outer *outer = (const void *)frame;
    if (unlikely(len < DF_VXLAN_OVERHEAD + RTE_ETHER_HDR_LEN))
        return df_tunnel_read_other(frame, len, in);
    uint32_t ip_len = rte_be_to_cpu_16(outer->ip.total_length);
    bool good = df_mac_equal(&outer->dst, &df_underlay.mac) && outer->eth_type == RTE_BE16(RTE_ETHER_TYPE_IPV4) &&
                outer->ip.version_ihl == RTE_IPV4_VHL_DEF && outer->ip.dst_addr == df_underlay.ip4 &&
                outer->ip.next_proto_id == IPPROTO_UDP && outer->udp.dst_port == df_tunnel_inline_port &&
                (outer->ip.fragment_offset & RTE_BE16(RTE_IPV4_HDR_MF_FLAG | RTE_IPV4_HDR_OFFSET_MASK)) == 0 &&
                ip_len == len - RTE_ETHER_HDR_LEN &&
                rte_be_to_cpu_16(outer->udp.dgram_len) == ip_len - sizeof(outer->ip) &&
                (outer->vni.first & DF_VXLAN_FLAG_VNI) != 0 && df_checksum(&outer->ip, sizeof(outer->ip)) == 0;
    if (unlikely(!good))
        return df_tunnel_read_other(frame, len, in);
    in->src4 = outer->ip.src_addr;
    in->key = rte_be_to_cpu_32(outer->vni.vni) >> DF_VNI_SHIFT;
    in->len = DF_VXLAN_OVERHEAD;
    in->type = DF_TUNNEL_VXLAN;
    in->ecn = outer->ip.type_of_service & DF_ECN_MASK;
    in->ip6 = false;
    return DF_DROP_NONE;
}

static inline struct df_ip df_tunnel_peer(const struct df_tunnel_in *in)
{
    return in->ip6 ? in->src6 : df_ip_from4(in->src4);
}

/* ---- Putting them in front */

/* How the headers of a line are made, or-ed. */
enum df_peer_form {
    DF_PEER_INLINE = 1, /* UDP over untagged IPv4: nothing else is set */
    DF_PEER_IP6 = 2,
    DF_PEER_UDP_CHECKSUM = 4,
};

/* The outer headers for a peer, in network order, with zeroes for what a packet brings. */
struct df_peer_header {
    uint8_t form;       /* enum df_peer_form */
    uint8_t type;       /* enum df_tunnel_type */
    uint8_t len;        /* of the headers */
    uint8_t l3;         /* where the IP header is */
    uint16_t inner_mtu; /* the longest IP packet inside, without a tag, that gets there whole; 0: not known */
    /* One's complement sums of what is fixed, as it lies in memory: of the IPv4 header, and of UDP's checksum. */
    uint16_t ip_sum;
    uint32_t udp_sum;
    uint8_t bytes[DF_TUNNEL_HEADERS_MAX];
    uint8_t pad[2];
    struct df_ip peer; /* for people */
    uint8_t pad2[24];
} __attribute__((aligned(64)));
_Static_assert(offsetof(struct df_peer_header, bytes) + DF_VXLAN_OVERHEAD <= 64, "VXLAN over IPv4 is in one line");
_Static_assert(sizeof(struct df_peer_header) == 128, "two lines");
extern struct df_peer_header df_peer_headers[DF_PEER_HEADERS_MAX]; /* by index; 0 is none */

/**
 * Fills a line for the peer and a type, from an entry of table 203: no fragmentation on the way (RFC 7348 section 4.3)
 * and so no identification (RFC 6864), TTL 64. DSCP is 0: a guest does not choose its class in the provider's network
 * (the pipe model of RFC 2983). Both addresses are of one family. Control thread, before the line is used.
 */
void df_peer_header_fill(struct df_peer_header *header, enum df_tunnel_type type, const struct df_ip *peer,
                         const struct df_peer_value *value);

/** A line that nobody has, or 0. Control thread. */
uint16_t df_peer_header_take(void);

/** Gives a line back that nobody can have found, or a grace period after. Any thread; 0 is ignored. */
void df_peer_header_give(uint16_t index);

/** df_tunnel_push() for every type and family. */
bool df_tunnel_push_any(struct rte_mbuf *mbuf, const struct df_peer_header *header, uint32_t key, uint16_t entropy);

/**
 * Puts the outer headers for a peer in front of a packet, with the packet's own ECN (RFC 6040 section 4.1). Worker,
 * between quiescent states; nobody else may have the mbuf's data, which lies in one piece.
 *
 * @param peer    index of df_peer_headers, from a look-up since the last quiescent state
 * @param key     VNI, or the key of GRE; not over df_tunnel_key_max()
 * @param entropy from df_tunnel_entropy(): UDP's source port, and over IPv6 the flow label (RFC 6438)
 * @return false: the mbuf has not enough headroom, and is as it was
 */
static inline bool df_tunnel_push(struct rte_mbuf *mbuf, uint16_t peer, uint32_t key, uint16_t entropy)
{
    const struct df_peer_header *header = &df_peer_headers[peer];
    if (header->form != DF_PEER_INLINE)
        return df_tunnel_push_any(mbuf, header, key, entropy);
    uint8_t ecn = df_ecn_of(rte_pktmbuf_mtod(mbuf, uint8_t *), mbuf->data_len);
    struct df_tunnel_outer *outer = (void *)rte_pktmbuf_prepend(mbuf, DF_VXLAN_OVERHEAD);
    if (unlikely(outer == NULL))
        return false;
    rte_be16_t ip_len = rte_cpu_to_be_16((uint16_t)(mbuf->pkt_len - RTE_ETHER_HDR_LEN));
    uint32_t sum = (uint32_t)header->ip_sum + ip_len + rte_cpu_to_be_16(ecn);
    memcpy(outer, header->bytes, DF_VXLAN_OVERHEAD);
    sum = (sum & 0xffff) + (sum >> 16);
    outer->ip.type_of_service = ecn;
    outer->ip.total_length = ip_len;
    outer->ip.hdr_checksum = (rte_be16_t) ~(sum + (sum >> 16)); /* RFC 1624 equation 3, from a length of zero */
    outer->udp.src_port = rte_cpu_to_be_16(entropy);
    outer->udp.dgram_len =
        rte_cpu_to_be_16((uint16_t)(mbuf->pkt_len - RTE_ETHER_HDR_LEN - (uint32_t)sizeof(outer->ip)));
    outer->vni.vni = rte_cpu_to_be_32(key << DF_VNI_SHIFT);
    return true;
}

/**
 * The source port for a packet, 49152 to 65535, the same for all packets of a flow: by which routers and network cards
 * spread flows (RFC 7348 section 5). By the 5-tuple; of fragments by the addresses alone, because the later ones have
 * no ports; of what is not IP by the MACs. GRE over IPv4 has no place for it. Any thread.
 */
uint16_t df_tunnel_entropy(const struct df_packet *inner);
