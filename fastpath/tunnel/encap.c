/* SPDX-License-Identifier: Apache-2.0 */
#include <stdatomic.h>

#include "fastpath/tunnel/tunnel.h"

/* The lines of outer headers: who has them, how they are filled, and how a packet is put behind one. */

#define OUTER_TTL 64
#define IP6_LABEL_MASK 0xfffff
#define IP6_ECN_SHIFT 20

struct df_peer_header df_peer_headers[DF_PEER_HEADERS_MAX];

/* A callback of RCU gives back what the control thread takes. */
static _Atomic bool taken[DF_PEER_HEADERS_MAX];

uint16_t df_peer_header_take(void)
{
    static uint16_t last;
    for (unsigned tries = 1; tries < DF_PEER_HEADERS_MAX; tries++) {
        last = last + 1 < DF_PEER_HEADERS_MAX ? (uint16_t)(last + 1) : 1;
        if (atomic_load_explicit(&taken[last], memory_order_acquire))
            continue;
        atomic_store_explicit(&taken[last], true, memory_order_relaxed);
        return last;
    }
    return 0;
}

void df_peer_header_give(uint16_t index)
{
    atomic_store_explicit(&taken[index], false, memory_order_release);
}

/* ---- Filling */

static uint8_t *add(struct df_peer_header *header, const void *bytes, size_t len)
{
    uint8_t *at = memcpy(header->bytes + header->len, bytes, len);
    header->len = (uint8_t)(header->len + len);
    return at;
}

static void add_ethernet(struct df_peer_header *header, const struct df_peer_value *value)
{
    rte_be16_t type = header->form & DF_PEER_IP6 ? RTE_BE16(RTE_ETHER_TYPE_IPV6) : RTE_BE16(RTE_ETHER_TYPE_IPV4);
    add(header, &value->dst, sizeof(value->dst));
    add(header, &value->src, sizeof(value->src));
    if (value->vlan != 0) {
        rte_be16_t tag[2] = {RTE_BE16(RTE_ETHER_TYPE_VLAN), rte_cpu_to_be_16(value->vlan)};
        add(header, tag, sizeof(tag));
    }
    add(header, &type, sizeof(type));
    header->l3 = header->len;
}

static void add_ip4(struct df_peer_header *header, const struct df_ip *peer, const struct df_ip *local, uint8_t proto)
{
    struct rte_ipv4_hdr ip = {.version_ihl = RTE_IPV4_VHL_DEF,
                              .fragment_offset = RTE_BE16(RTE_IPV4_HDR_DF_FLAG),
                              .time_to_live = OUTER_TTL,
                              .next_proto_id = proto,
                              .src_addr = local->word[3],
                              .dst_addr = peer->word[3]};
    add(header, &ip, sizeof(ip));
    header->ip_sum = (uint16_t)~df_checksum(&ip, sizeof(ip));
}

static void add_ip6(struct df_peer_header *header, const struct df_ip *peer, const struct df_ip *local, uint8_t proto)
{
    struct rte_ipv6_hdr ip = {.proto = proto, .hop_limits = OUTER_TTL};
    memcpy(ip.src_addr, local, sizeof(ip.src_addr));
    memcpy(ip.dst_addr, peer, sizeof(ip.dst_addr));
    add(header, &ip, sizeof(ip));
}

static void add_udp(struct df_peer_header *header, enum df_tunnel_type type)
{
    bool geneve = type == DF_TUNNEL_GENEVE;
    struct rte_udp_hdr udp = {.dst_port = geneve ? RTE_BE16(DF_GENEVE_PORT) : RTE_BE16(DF_VXLAN_PORT)};
    struct df_vni_header vni = {.first = geneve ? DF_GENEVE_ETHERNET : DF_VXLAN_FLAG_VNI};
    add(header, &udp, sizeof(udp));
    add(header, &vni, sizeof(vni));
}

/* RFC 8200 section 8.1: of the pseudo-header and the two headers, without lengths, source port and VNI. */
static uint32_t udp_sum_of(const struct df_peer_header *header)
{
    const uint8_t *ip = header->bytes + header->l3;
    uint64_t sum = df_checksum_add(rte_cpu_to_be_16(IPPROTO_UDP), ip + offsetof(struct rte_ipv6_hdr, src_addr),
                                   2 * sizeof(struct df_ip));
    sum = df_checksum_add(sum, ip + sizeof(struct rte_ipv6_hdr),
                          sizeof(struct rte_udp_hdr) + sizeof(struct df_vni_header));
    return (uint16_t)~df_checksum_finish(sum);
}

void df_peer_header_fill(struct df_peer_header *header, enum df_tunnel_type type, const struct df_ip *peer,
                         const struct df_peer_value *value)
{
    static const struct df_gre_key_header gre = {.base = {.flags = DF_GRE_KEY, .protocol = DF_GRE_ETHERNET}};
    bool ip6 = !df_ip_is4(peer), udp = type != DF_TUNNEL_GRE;
    uint8_t proto = udp ? IPPROTO_UDP : IPPROTO_GRE;
    *header = (struct df_peer_header){.type = (uint8_t)type, .form = ip6 ? DF_PEER_IP6 : 0, .peer = *peer};
    add_ethernet(header, value);
    if (ip6)
        add_ip6(header, peer, &value->local_ip, proto);
    else
        add_ip4(header, peer, &value->local_ip, proto);
    if (udp)
        add_udp(header, type);
    else
        add(header, &gre, sizeof(gre));
    unsigned overhead = (unsigned)(header->len - header->l3) + RTE_ETHER_HDR_LEN;
    if (value->mtu != 0)
        header->inner_mtu = (uint16_t)(value->mtu - overhead);
    if (udp && !ip6 && value->vlan == 0)
        header->form = DF_PEER_INLINE;
    if (udp && ip6 && value->udp6_checksum) {
        header->form |= DF_PEER_UDP_CHECKSUM;
        header->udp_sum = udp_sum_of(header);
    }
}

/* ---- Putting in front */

static void write_ip4(uint8_t *at, const struct df_peer_header *header, uint16_t len, uint8_t ecn)
{
    struct rte_ipv4_hdr *ip = (void *)at;
    ip->type_of_service = ecn;
    ip->total_length = rte_cpu_to_be_16(len);
    ip->hdr_checksum = df_checksum_finish((uint64_t)header->ip_sum + ip->total_length + rte_cpu_to_be_16(ecn));
}

static void write_ip6(uint8_t *at, uint16_t len, uint8_t ecn, uint16_t entropy)
{
    struct rte_ipv6_hdr *ip = (void *)at;
    uint32_t first = 6u << 28 | (uint32_t)ecn << IP6_ECN_SHIFT | (entropy & IP6_LABEL_MASK);
    ip->vtc_flow = rte_cpu_to_be_32(first);
    ip->payload_len = rte_cpu_to_be_16((uint16_t)(len - sizeof(*ip)));
}

/* len: of the datagram, all of which lies behind at */
static void write_udp(uint8_t *at, const struct df_peer_header *header, uint16_t len, uint32_t key, uint16_t entropy)
{
    struct rte_udp_hdr *udp = (void *)at;
    struct df_vni_header *vni = (void *)(udp + 1);
    udp->src_port = rte_cpu_to_be_16(entropy);
    udp->dgram_len = rte_cpu_to_be_16(len);
    vni->vni = rte_cpu_to_be_32(key << DF_VNI_SHIFT);
    if (!(header->form & DF_PEER_UDP_CHECKSUM))
        return;
    uint64_t sum = (uint64_t)header->udp_sum + 2u * udp->dgram_len + udp->src_port + vni->vni;
    rte_be16_t checksum =
        df_checksum_finish(df_checksum_add(sum, vni + 1, (uint32_t)(len - sizeof(*udp) - sizeof(*vni))));
    udp->dgram_cksum = checksum != 0 ? checksum : 0xffff; /* zero would say that there is none */
}

bool df_tunnel_push_any(struct rte_mbuf *mbuf, const struct df_peer_header *header, uint32_t key, uint16_t entropy)
{
    uint8_t ecn = df_ecn_of(rte_pktmbuf_mtod(mbuf, uint8_t *), mbuf->data_len);
    uint8_t *outer = (uint8_t *)rte_pktmbuf_prepend(mbuf, header->len);
    if (unlikely(outer == NULL))
        return false;
    bool ip6 = header->form & DF_PEER_IP6;
    uint8_t *ip = outer + header->l3;
    uint8_t *l4 = ip + (ip6 ? sizeof(struct rte_ipv6_hdr) : sizeof(struct rte_ipv4_hdr));
    uint16_t len = (uint16_t)(mbuf->pkt_len - header->l3);
    memcpy(outer, header->bytes, header->len);
    if (ip6)
        write_ip6(ip, len, ecn, entropy);
    else
        write_ip4(ip, header, len, ecn);
    if (header->type == DF_TUNNEL_GRE)
        ((struct df_gre_key_header *)(void *)l4)->key = rte_cpu_to_be_32(key);
    else
        write_udp(l4, header, (uint16_t)(len - (l4 - ip)), key, entropy);
    return true;
}
