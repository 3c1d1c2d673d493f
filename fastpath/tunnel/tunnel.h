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

/*
 * Tunnels: VXLAN (RFC 7348) over IPv4, one underlay port.
 *
 * Invariants:
 * - What a worker takes off a frame is exactly what df_tunnel_read() checked: an Ethernet header, an IPv4 header
 *   without options that is no fragment and is for this node, a UDP header for VXLAN's port, a VXLAN header with a VNI.
 * - The outer headers for a peer are kept ready in one cache line, from which a packet differs in lengths, source port
 *   and key only. A line is written by the control thread before the entry that names it is published, and not written
 *   again before a grace period after that entry is gone.
 */

#define DF_VXLAN_PORT 4789   /* IANA */
#define DF_VXLAN_OVERHEAD 50 /* Ethernet, IPv4, UDP, VXLAN */
#define DF_PEERS_MAX 16384

extern const char *const df_tunnel_type_names[]; /* by enum df_tunnel_type; ends with NULL */

/* This node's end. Does not change while a worker can have a packet of the port. */
struct df_underlay {
    uint16_t port; /* datapath port; 0: there is none */
    uint32_t ip;   /* network order */
    struct df_mac mac;
};
extern struct df_underlay df_underlay;

/** Control thread, while the port is not published (worker.h), nor the one before it. NULL: there is none. */
void df_underlay_set(const struct df_underlay *underlay);

/* What the outer headers of a frame said. */
struct df_tunnel_in {
    uint32_t src; /* the peer, network order */
    uint32_t key; /* VNI */
};

/** Is it the port that tunnels come in by? Any thread. */
static inline bool df_underlay_is(uint16_t port)
{
    return port == df_underlay.port && port != 0;
}

/* The shortest frame that can be one: outer headers and an inner Ethernet header. */
#define DF_VXLAN_FRAME_MIN (DF_VXLAN_OVERHEAD + RTE_ETHER_HDR_LEN)

/* The outer headers, as they lie in a frame. */
struct df_tunnel_outer {
    struct df_mac dst, src;
    rte_be16_t eth_type;
    struct rte_ipv4_hdr ip;
    struct rte_udp_hdr udp;
    rte_be32_t vxlan_flags; /* the I flag; the rest is reserved */
    rte_be32_t vni;         /* and 8 reserved bits behind it */
} __attribute__((packed));
_Static_assert(sizeof(struct df_tunnel_outer) == DF_VXLAN_OVERHEAD, "RFC 7348 section 5");

#define DF_VXLAN_FLAG_VNI RTE_BE32(0x08000000) /* I: the VNI is valid */
#define DF_VXLAN_VNI_SHIFT 8
#define DF_VXLAN_VNI_MAX 0xffffff

/**
 * Why df_tunnel_read() does not take a frame: UNDERLAY_OTHER or TUNNEL_MALFORMED. One that was not checked whether it
 * is good may get either.
 */
enum df_drop df_tunnel_refusal(const uint8_t *frame, uint32_t len);

/**
 * Reads the outer headers of a frame that came in by the underlay. Any thread.
 *
 * Reserved bits are ignored (RFC 7348 section 5). So is the UDP checksum, which that section leaves to the receiver:
 * it would take reading every byte, and the packet inside has checksums of its own. Bytes behind the IP packet are
 * malformed: no frame of a tunnel is so short that it must be padded.
 *
 * @param len of the whole frame, all of it readable
 * @return DF_DROP_NONE: DF_VXLAN_OVERHEAD bytes are to be taken off, and at least an Ethernet header is behind them;
 *         UNDERLAY_OTHER: it is for nobody here; TUNNEL_MALFORMED. in is zero for these two
 */
static inline enum df_drop df_tunnel_read(const uint8_t *frame, uint32_t len, struct df_tunnel_in *in)
{
    const struct df_tunnel_outer *outer = (const void *)frame;
    *in = (struct df_tunnel_in){0};
    if (unlikely(len < DF_VXLAN_FRAME_MIN))
        return df_tunnel_refusal(frame, len);
    uint32_t ip_len = rte_be_to_cpu_16(outer->ip.total_length);
    bool good = df_mac_equal(&outer->dst, &df_underlay.mac) && outer->eth_type == RTE_BE16(RTE_ETHER_TYPE_IPV4) &&
                outer->ip.version_ihl == RTE_IPV4_VHL_DEF && outer->ip.dst_addr == df_underlay.ip &&
                outer->ip.next_proto_id == IPPROTO_UDP && outer->udp.dst_port == RTE_BE16(DF_VXLAN_PORT) &&
                (outer->ip.fragment_offset & RTE_BE16(RTE_IPV4_HDR_MF_FLAG | RTE_IPV4_HDR_OFFSET_MASK)) == 0 &&
                ip_len == len - RTE_ETHER_HDR_LEN &&
                rte_be_to_cpu_16(outer->udp.dgram_len) == ip_len - sizeof(outer->ip) &&
                (outer->vxlan_flags & DF_VXLAN_FLAG_VNI) != 0 && df_checksum(&outer->ip, sizeof(outer->ip)) == 0;
    if (unlikely(!good))
        return df_tunnel_refusal(frame, len);
    in->src = outer->ip.src_addr;
    in->key = rte_be_to_cpu_32(outer->vni) >> DF_VXLAN_VNI_SHIFT;
    return DF_DROP_NONE;
}

/* The outer headers for a peer, in network order, with zeroes for what a packet brings. */
struct df_peer_header {
    uint8_t bytes[DF_VXLAN_OVERHEAD];
    uint16_t ip_sum; /* one's complement sum of the IPv4 header without length and checksum, as it lies in memory */
    uint8_t pad[12];
} __attribute__((aligned(64)));
_Static_assert(sizeof(struct df_peer_header) == 64, "one line");
extern struct df_peer_header df_peer_headers[DF_PEERS_MAX]; /* by index; 0 is none */

/**
 * Fills a line: no fragmentation on the way (RFC 7348 section 4.3) and so no identification (RFC 6864), TTL 64, TOS 0
 * whatever the packet's own is, no UDP checksum. Addresses in network order. Control thread, before the line is used.
 */
void df_peer_header_fill(struct df_peer_header *header, const struct df_mac *dst, const struct df_mac *src,
                         uint32_t dst_ip, uint32_t src_ip);

/** A line that nobody has, or 0. Control thread. */
uint16_t df_peer_header_take(void);

/** Gives a line back that nobody can have found, or a grace period after. Any thread; 0 is ignored. */
void df_peer_header_give(uint16_t index);

/**
 * Puts the outer headers for a peer in front of a packet. Worker, between quiescent states; nobody else may have the
 * mbuf's data.
 *
 * @param peer    index of df_peer_headers, from a look-up since the last quiescent state
 * @param key     VNI
 * @param entropy source port, from df_tunnel_entropy()
 * @return false: the mbuf has not enough headroom, and is as it was
 */
static inline bool df_tunnel_push(struct rte_mbuf *mbuf, uint16_t peer, uint32_t key, uint16_t entropy)
{
    const struct df_peer_header *header = &df_peer_headers[peer];
    struct df_tunnel_outer *outer = (void *)rte_pktmbuf_prepend(mbuf, DF_VXLAN_OVERHEAD);
    if (unlikely(outer == NULL))
        return false;
    rte_be16_t ip_len = rte_cpu_to_be_16((uint16_t)(mbuf->pkt_len - RTE_ETHER_HDR_LEN));
    uint32_t sum = (uint32_t)header->ip_sum + ip_len;
    memcpy(outer, header->bytes, DF_VXLAN_OVERHEAD);
    outer->ip.total_length = ip_len;
    outer->ip.hdr_checksum = (rte_be16_t) ~(sum + (sum >> 16)); /* RFC 1624 equation 3, from a length of zero */
    outer->udp.src_port = rte_cpu_to_be_16(entropy);
    outer->udp.dgram_len =
        rte_cpu_to_be_16((uint16_t)(mbuf->pkt_len - RTE_ETHER_HDR_LEN - (uint32_t)sizeof(outer->ip)));
    outer->vni = rte_cpu_to_be_32(key << DF_VXLAN_VNI_SHIFT);
    return true;
}

/**
 * The source port for a packet, 49152 to 65535, the same for all packets of a flow: by which routers and network cards
 * spread flows (RFC 7348 section 5). By the 5-tuple; of fragments by the addresses alone, because the later ones have
 * no ports; of what is not IP by the MACs. Any thread.
 */
uint16_t df_tunnel_entropy(const struct df_packet *inner);
