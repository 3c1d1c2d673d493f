/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/tunnel/tunnel.h"

/*
 * Outer headers of every type and family, header by header.
 *
 * What is wrong with the IP header is remembered until the header behind it shows that the packet is a tunnel's: a
 * frame that is not has UNDERLAY_OTHER, whatever else it is.
 */

#define IP6_EXTENSIONS_MAX 8
#define IP6_EXTENSION_LEN 8 /* of the shortest, and its unit */
#define VLAN_ID_MASK 0x0fff

struct reader {
    const uint8_t *frame;
    uint32_t len;
    uint32_t at; /* of the next header; never over len */
    uint32_t ip; /* where the IP header is */
    rte_be16_t eth_type;
    uint8_t proto;
    enum df_drop fault; /* of the IP header */
    struct df_tunnel_in *in;
};

static bool has(const struct reader *r, uint32_t len)
{
    return r->len - r->at >= len;
}

static const void *here(const struct reader *r)
{
    return r->frame + r->at;
}

static void find_fault(struct reader *r, enum df_drop fault)
{
    if (r->fault == DF_DROP_NONE)
        r->fault = fault;
}

/* ---- Each returns false where the frame is for no tunnel of this node */

static bool read_ethernet(struct reader *r)
{
    const struct rte_ether_hdr *ether = here(r);
    if (!has(r, sizeof(*ether)) || memcmp(&ether->dst_addr, &df_underlay.mac, sizeof(df_underlay.mac)) != 0)
        return false;
    r->eth_type = ether->ether_type;
    r->at += (uint32_t)sizeof(*ether);
    if (r->eth_type != RTE_BE16(RTE_ETHER_TYPE_VLAN))
        return df_underlay.vlan == 0;
    const struct rte_vlan_hdr *tag = here(r);
    if (!has(r, sizeof(*tag)) || (rte_be_to_cpu_16(tag->vlan_tci) & VLAN_ID_MASK) != df_underlay.vlan)
        return false; /* one with VLAN 0 has a priority only, and is as good as untagged (IEEE 802.1Q) */
    r->eth_type = tag->eth_proto;
    r->at += (uint32_t)sizeof(*tag);
    return true;
}

static bool read_ip4(struct reader *r)
{
    const struct rte_ipv4_hdr *ip = here(r);
    if (!has(r, sizeof(*ip)) || ip->version_ihl >> 4 != 4 || df_underlay.ip4 == 0 || ip->dst_addr != df_underlay.ip4)
        return false;
    uint32_t header_len = rte_ipv4_hdr_len(ip);
    if (header_len < sizeof(*ip) || !has(r, header_len) ||
        (ip->fragment_offset & RTE_BE16(RTE_IPV4_HDR_OFFSET_MASK)) != 0)
        return false; /* a later fragment does not show whose it is */
    if (ip->fragment_offset & RTE_BE16(RTE_IPV4_HDR_MF_FLAG))
        find_fault(r, DF_DROP_TUNNEL_FRAGMENT);
    if (header_len != sizeof(*ip) || rte_be_to_cpu_16(ip->total_length) != r->len - r->at ||
        df_checksum(ip, header_len) != 0)
        find_fault(r, DF_DROP_TUNNEL_MALFORMED);
    r->in->src4 = ip->src_addr;
    r->in->ecn = ip->type_of_service & DF_ECN_MASK;
    r->proto = ip->next_proto_id;
    r->at += header_len;
    return true;
}

/* They are stepped over, only to see whose packet it is. */
static bool skip_extension(struct reader *r)
{
    const uint8_t *extension = here(r);
    if (!has(r, IP6_EXTENSION_LEN))
        return false;
    uint32_t len = IP6_EXTENSION_LEN;
    if (r->proto == IPPROTO_FRAGMENT) {
        if (extension[2] != 0 || extension[3] & 0xf8)
            return false;
        find_fault(r, DF_DROP_TUNNEL_FRAGMENT);
    } else {
        len *= 1u + extension[1];
        find_fault(r, DF_DROP_TUNNEL_EXTENSION);
    }
    if (!has(r, len))
        return false;
    r->proto = extension[0];
    r->at += len;
    return true;
}

static bool is_extension(uint8_t proto)
{
    return proto == IPPROTO_HOPOPTS || proto == IPPROTO_ROUTING || proto == IPPROTO_DSTOPTS ||
           proto == IPPROTO_FRAGMENT;
}

static bool read_ip6(struct reader *r)
{
    const struct rte_ipv6_hdr *ip = here(r);
    if (!has(r, sizeof(*ip)) || df_ip_is_zero(&df_underlay.ip6) ||
        memcmp(ip->dst_addr, &df_underlay.ip6, sizeof(ip->dst_addr)) != 0)
        return false;
    uint32_t first = rte_be_to_cpu_32(ip->vtc_flow);
    if (first >> 28 != 6)
        return false;
    r->in->ip6 = true;
    r->in->ecn = (uint8_t)(first >> 20) & DF_ECN_MASK;
    memcpy(&r->in->src6, ip->src_addr, sizeof(r->in->src6));
    r->proto = ip->proto;
    r->at += (uint32_t)sizeof(*ip);
    if (rte_be_to_cpu_16(ip->payload_len) != r->len - r->at)
        find_fault(r, DF_DROP_TUNNEL_MALFORMED);
    for (unsigned i = 0; is_extension(r->proto); i++) {
        if (i == IP6_EXTENSIONS_MAX || !skip_extension(r))
            return false;
    }
    return true;
}

static bool read_ip(struct reader *r)
{
    r->ip = r->at;
    if (r->eth_type == RTE_BE16(RTE_ETHER_TYPE_IPV4))
        return read_ip4(r);
    return r->eth_type == RTE_BE16(RTE_ETHER_TYPE_IPV6) && read_ip6(r);
}

static bool is_spoken(enum df_tunnel_type type)
{
    return df_underlay.types & DF_TUNNEL_BIT(type);
}

static enum df_tunnel_type type_of_udp(const struct reader *r)
{
    const struct rte_udp_hdr *udp = here(r);
    if (!has(r, offsetof(struct rte_udp_hdr, dgram_len)))
        return 0;
    if (udp->dst_port == RTE_BE16(DF_VXLAN_PORT))
        return DF_TUNNEL_VXLAN;
    return udp->dst_port == RTE_BE16(DF_GENEVE_PORT) ? DF_TUNNEL_GENEVE : 0;
}

/* GRE without a key, or with something else than Ethernet in it, may be the host's. */
static enum df_tunnel_type type_of_gre(const struct reader *r)
{
    const struct df_gre_header *gre = here(r);
    if (!has(r, sizeof(*gre)) || (gre->flags & (DF_GRE_VERSION | DF_GRE_KEY)) != DF_GRE_KEY)
        return 0;
    return gre->protocol == DF_GRE_ETHERNET ? DF_TUNNEL_GRE : 0;
}

static bool find_type(struct reader *r)
{
    enum df_tunnel_type type = 0;
    if (r->proto == IPPROTO_UDP)
        type = type_of_udp(r);
    else if (r->proto == IPPROTO_GRE)
        type = type_of_gre(r);
    r->in->type = (uint8_t)type;
    return type != 0 && is_spoken(type);
}

/* ---- Each says what is wrong with the header of a tunnel */

static bool udp_checksum_is_good(const struct reader *r, const struct rte_udp_hdr *udp, uint32_t len)
{
    const uint8_t *ip = r->frame + r->ip;
    if (udp->dgram_cksum == 0)
        return true;
    if (r->in->ip6)
        return df_checksum_ip6(ip + offsetof(struct rte_ipv6_hdr, src_addr),
                               ip + offsetof(struct rte_ipv6_hdr, dst_addr), IPPROTO_UDP, udp, len) == 0;
    uint64_t sum = df_checksum_add((uint64_t)rte_cpu_to_be_16(IPPROTO_UDP) + udp->dgram_len,
                                   ip + offsetof(struct rte_ipv4_hdr, src_addr), 2 * sizeof(uint32_t));
    return df_checksum_finish(df_checksum_add(sum, udp, len)) == 0;
}

static enum df_drop read_vxlan(struct reader *r, const struct df_vni_header *vxlan)
{
    r->at += (uint32_t)sizeof(*vxlan);
    return vxlan->first & DF_VXLAN_FLAG_VNI ? DF_DROP_NONE : DF_DROP_TUNNEL_MALFORMED;
}

/* RFC 8926 section 3.4. Options that need not be understood are not looked at. */
static enum df_drop read_geneve(struct reader *r, const struct df_vni_header *geneve)
{
    uint32_t options_len = (rte_be_to_cpu_32(geneve->first) & DF_GENEVE_OPTIONS) >> DF_GENEVE_OPTIONS_SHIFT;
    r->at += (uint32_t)sizeof(*geneve);
    if ((geneve->first & DF_GENEVE_VERSION) || !has(r, options_len))
        return DF_DROP_TUNNEL_MALFORMED;
    r->at += options_len;
    if (geneve->first & DF_GENEVE_CONTROL)
        return DF_DROP_TUNNEL_CONTROL;
    if (geneve->first & DF_GENEVE_CRITICAL)
        return DF_DROP_TUNNEL_OPTION;
    return (geneve->first & DF_GENEVE_PROTOCOL) == DF_GENEVE_ETHERNET ? DF_DROP_NONE : DF_DROP_TUNNEL_PAYLOAD;
}

static enum df_drop read_udp(struct reader *r)
{
    const struct rte_udp_hdr *udp = here(r);
    const struct df_vni_header *vni = (const void *)(udp + 1);
    uint32_t len = r->len - r->at;
    if (!has(r, sizeof(*udp) + sizeof(*vni)) || rte_be_to_cpu_16(udp->dgram_len) != len)
        return DF_DROP_TUNNEL_MALFORMED;
    if (r->in->type == DF_TUNNEL_GENEVE && !udp_checksum_is_good(r, udp, len))
        return DF_DROP_TUNNEL_CHECKSUM;
    r->at += (uint32_t)sizeof(*udp);
    r->in->key = rte_be_to_cpu_32(vni->vni) >> DF_VNI_SHIFT;
    return r->in->type == DF_TUNNEL_GENEVE ? read_geneve(r, vni) : read_vxlan(r, vni);
}

/* A sequence number is not looked at: nobody here needs packets in order, and RFC 2890 section 2.2 lets it be so. */
static enum df_drop read_gre(struct reader *r)
{
    const struct df_gre_header *gre = here(r);
    uint32_t key_at = sizeof(*gre) + (gre->flags & DF_GRE_CHECKSUM ? 4 : 0);
    uint32_t header_len = key_at + 4 + (gre->flags & DF_GRE_SEQUENCE ? 4 : 0);
    rte_be32_t key;
    if ((gre->flags & DF_GRE_REFUSED) || !has(r, header_len))
        return DF_DROP_TUNNEL_MALFORMED;
    if ((gre->flags & DF_GRE_CHECKSUM) && df_checksum(gre, r->len - r->at) != 0)
        return DF_DROP_TUNNEL_CHECKSUM;
    memcpy(&key, r->frame + r->at + key_at, sizeof(key));
    r->in->key = rte_be_to_cpu_32(key);
    r->at += header_len;
    return DF_DROP_NONE;
}

static enum df_drop read_all(struct reader *r)
{
    if (!read_ethernet(r) || !read_ip(r) || !find_type(r))
        return DF_DROP_UNDERLAY_OTHER;
    if (r->fault != DF_DROP_NONE)
        return r->fault;
    enum df_drop fault = r->in->type == DF_TUNNEL_GRE ? read_gre(r) : read_udp(r);
    if (fault == DF_DROP_NONE && !has(r, RTE_ETHER_HDR_LEN))
        return DF_DROP_TUNNEL_MALFORMED;
    return fault;
}

enum df_drop df_tunnel_read_any(const uint8_t *frame, uint32_t len, struct df_tunnel_in *in)
{
    struct reader r = {.frame = frame, .len = len, .in = in};
    *in = (struct df_tunnel_in){0};
    enum df_drop drop = read_all(&r);
    if (drop != DF_DROP_NONE)
        *in = (struct df_tunnel_in){0};
    in->len = drop == DF_DROP_NONE ? (uint16_t)r.at : 0;
    return drop;
}
