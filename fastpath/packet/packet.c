/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/packet/packet.h"
#include "fastpath/packet/parse.h"

#include <rte_arp.h>
#include <rte_common.h>
#include <rte_ether.h>

static bool is_tag(uint16_t eth_type)
{
    return eth_type == RTE_ETHER_TYPE_VLAN || eth_type == RTE_ETHER_TYPE_QINQ;
}

static enum df_drop parse_tags(const struct frame *frame, struct df_packet *packet, uint32_t *offset)
{
    while (is_tag(packet->eth_type)) {
        /* A service tag is the outer one (IEEE 802.1Q section 9.5). */
        bool inner_service_tag = packet->n_vlans > 0 && packet->eth_type == RTE_ETHER_TYPE_QINQ;
        if (packet->n_vlans == DF_PACKET_VLANS_MAX || inner_service_tag)
            return DF_DROP_BAD_VLAN;
        if (!frame_has(frame, *offset, RTE_VLAN_HLEN))
            return DF_DROP_TRUNCATED;
        packet->vlan[packet->n_vlans++] = frame_u16(frame, *offset);
        packet->eth_type = frame_u16(frame, *offset + 2);
        *offset += RTE_VLAN_HLEN;
    }
    return DF_DROP_NONE;
}

static bool is_station(const struct df_mac *mac)
{
    static const struct df_mac zero;
    return !df_mac_is_group(mac) && !df_mac_equal(mac, &zero);
}

static enum df_drop parse_ethernet(const struct frame *frame, struct df_packet *packet)
{
    uint32_t offset = RTE_ETHER_HDR_LEN;
    if (!frame_has(frame, 0, offset))
        return DF_DROP_TRUNCATED;
    memcpy(&packet->eth_dst, frame->data, sizeof(packet->eth_dst));
    memcpy(&packet->eth_src, frame->data + sizeof(packet->eth_dst), sizeof(packet->eth_src));
    packet->eth_type = frame_u16(frame, offset - 2);
    if (!is_station(&packet->eth_src))
        return DF_DROP_BAD_ETHERNET;
    enum df_drop drop = parse_tags(frame, packet, &offset);
    packet->l3_offset = (uint16_t)offset;
    return drop;
}

static bool arp_is_ethernet_ip4(const struct rte_arp_hdr *arp)
{
    return arp->arp_hardware == RTE_BE16(RTE_ARP_HRD_ETHER) && arp->arp_protocol == RTE_BE16(RTE_ETHER_TYPE_IPV4) &&
           arp->arp_hlen == sizeof(struct df_mac) && arp->arp_plen == sizeof(uint32_t);
}

static enum df_drop parse_arp(const struct frame *frame, struct df_packet *packet)
{
    struct rte_arp_hdr arp;
    if (!frame_has(frame, packet->l3_offset, sizeof(arp)))
        return DF_DROP_TRUNCATED;
    memcpy(&arp, frame->data + packet->l3_offset, sizeof(arp));
    if (!arp_is_ethernet_ip4(&arp))
        return DF_DROP_BAD_ARP;

    packet->arp.op = rte_be_to_cpu_16(arp.arp_opcode);
    memcpy(&packet->arp.sha, &arp.arp_data.arp_sha, sizeof(packet->arp.sha));
    memcpy(&packet->arp.tha, &arp.arp_data.arp_tha, sizeof(packet->arp.tha));
    packet->arp.spa = arp.arp_data.arp_sip;
    packet->arp.tpa = arp.arp_data.arp_tip;
    if (packet->arp.op != RTE_ARP_OP_REQUEST && packet->arp.op != RTE_ARP_OP_REPLY)
        return DF_DROP_BAD_ARP;
    /* RFC 1812 section 3.3.2: nobody is to believe that a station has a group address. */
    struct df_ip sender = df_ip_from4(packet->arp.spa);
    if (!is_station(&packet->arp.sha) || df_ip_is_never_source(&sender))
        return DF_DROP_BAD_ARP;
    packet->bits |= DF_PACKET_ARP;
    return DF_DROP_NONE;
}

enum df_drop df_packet_parse(const uint8_t *data, uint32_t len, struct df_packet *packet)
{
    struct frame frame = {.data = data, .end = len};
    memset(packet, 0, sizeof(*packet));
    packet->frame_len = (uint16_t)RTE_MIN(len, (uint32_t)UINT16_MAX);

    enum df_drop drop = parse_ethernet(&frame, packet);
    if (drop != DF_DROP_NONE)
        return drop;
    switch (packet->eth_type) {
    case RTE_ETHER_TYPE_IPV4:
        return df_parse_ip4(&frame, packet);
    case RTE_ETHER_TYPE_IPV6:
        return df_parse_ip6(&frame, packet);
    case RTE_ETHER_TYPE_ARP:
        return parse_arp(&frame, packet);
    default:
        return DF_DROP_NONE;
    }
}
