/* SPDX-License-Identifier: Apache-2.0 */
#include "control/underlay/frames.h"

#include <rte_arp.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <string.h>

#include "fastpath/packet/checksum.h"
#include "fastpath/packet/nd.h"
#include "fastpath/packet/packet.h"

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h> /* its macros take names of struct df_packet: behind it */

#define PATH_MTU_MIN4 576  /* RFC 1191 section 3 allows 68, which is no MTU of a link that carries tunnels */
#define PATH_MTU_MIN6 1280 /* RFC 8201 section 4 */

static const struct df_mac everybody = {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
static const struct df_mac all_nodes_mac = {{0x33, 0x33, 0, 0, 0, 1}}; /* RFC 2464 section 7 */
static const struct df_ip all_nodes = {.byte = {0xff, 0x02, [15] = 1}};

/* ---- Writing */

static uint8_t *put(uint8_t *at, const void *bytes, size_t n)
{
    memcpy(at, bytes, n);
    return at + n;
}

static uint8_t *put16(uint8_t *at, uint16_t value)
{
    rte_be16_t be = rte_cpu_to_be_16(value);
    return put(at, &be, sizeof(be));
}

uint8_t *df_frames_put_ethernet(uint8_t *at, const struct df_frames_self *self, const struct df_mac *to, uint16_t type)
{
    at = put(at, to, sizeof(*to));
    at = put(at, &self->mac, sizeof(self->mac));
    if (self->vlan != 0)
        at = put16(put16(at, RTE_ETHER_TYPE_VLAN), self->vlan);
    return put16(at, type);
}

/* A request by self for target; answers go to all if it is for self (RFC 5227 section 3). */
static uint32_t write_arp(uint8_t *frame, const struct df_frames_self *self, const struct df_ip *target,
                          const struct df_mac *to)
{
    struct rte_arp_hdr arp = {
        .arp_hardware = RTE_BE16(RTE_ARP_HRD_ETHER),
        .arp_protocol = RTE_BE16(RTE_ETHER_TYPE_IPV4),
        .arp_hlen = sizeof(struct df_mac),
        .arp_plen = sizeof(uint32_t),
        .arp_opcode = RTE_BE16(RTE_ARP_OP_REQUEST),
        .arp_data = {.arp_sip = self->ip4.word[3], .arp_tip = target->word[3]},
    };
    memcpy(&arp.arp_data.arp_sha, &self->mac, sizeof(self->mac));
    uint8_t *at = df_frames_put_ethernet(frame, self, to, RTE_ETHER_TYPE_ARP);
    return (uint32_t)(put(at, &arp, sizeof(arp)) - frame);
}

struct nd_frame {
    struct rte_ipv6_hdr ip;
    struct df_nd_message message;
    struct df_nd_lladdr_option lladdr;
} __rte_packed;

static uint32_t write_nd(uint8_t *frame, const struct df_frames_self *self, const struct df_mac *to,
                         const struct df_ip *dst, struct df_nd_message message, uint8_t option)
{
    const uint16_t len = sizeof(message) + sizeof(struct df_nd_lladdr_option);
    struct nd_frame nd = {
        .ip = {.vtc_flow = RTE_BE32(6u << 28),
               .payload_len = rte_cpu_to_be_16(len),
               .proto = IPPROTO_ICMPV6,
               .hop_limits = DF_ND_HOP_LIMIT},
        .message = message,
        .lladdr = {.type = option, .len = 1},
    };
    memcpy(nd.ip.src_addr, &self->ip6, sizeof(self->ip6));
    memcpy(nd.ip.dst_addr, dst, sizeof(*dst));
    memcpy(nd.lladdr.mac, &self->mac, sizeof(self->mac));
    rte_be16_t checksum = df_checksum_ip6(&self->ip6, dst, IPPROTO_ICMPV6, &nd.message, len);
    memcpy(nd.message.checksum, &checksum, sizeof(checksum));
    uint8_t *at = df_frames_put_ethernet(frame, self, to, RTE_ETHER_TYPE_IPV6);
    return (uint32_t)(put(at, &nd, sizeof(nd)) - frame);
}

/* ff02::1:ffXX:XXXX (RFC 4291 section 2.7.1), at 33:33:ff:XX:XX:XX (RFC 2464 section 7). */
static uint32_t write_solicitation(uint8_t *frame, const struct df_frames_self *self, const struct df_ip *target,
                                   const struct df_mac *to)
{
    struct df_nd_message message = {.type = DF_ND_SOLICITATION};
    struct df_ip group = {.byte = {0xff, 0x02, [11] = 1, [12] = 0xff}};
    struct df_mac group_mac = {{0x33, 0x33, 0xff}};
    memcpy(message.target, target, sizeof(message.target));
    memcpy(group.byte + 13, target->byte + 13, 3);
    memcpy(group_mac.byte + 3, target->byte + 13, 3);
    return write_nd(frame, self, to ? to : &group_mac, to ? target : &group, message, DF_ND_SOURCE_LLADDR);
}

uint32_t df_frames_ask(uint8_t frame[DF_FRAMES_MAX], const struct df_frames_self *self, const struct df_ip *target,
                       const struct df_mac *to)
{
    if (df_ip_is4(target))
        return write_arp(frame, self, target, to ? to : &everybody);
    return write_solicitation(frame, self, target, to);
}

uint32_t df_frames_announce(uint8_t frame[DF_FRAMES_MAX], const struct df_frames_self *self, const struct df_ip *ip)
{
    if (df_ip_is4(ip))
        return write_arp(frame, self, ip, &everybody);
    struct df_nd_message message = {.type = DF_ND_ADVERTISEMENT, .flags = DF_ND_OVERRIDE};
    memcpy(message.target, ip, sizeof(message.target));
    return write_nd(frame, self, &all_nodes_mac, &all_nodes, message, DF_ND_TARGET_LLADDR);
}

/* ---- Reading */

static bool is_station(const struct df_mac *mac)
{
    static const struct df_mac zero;
    return !df_mac_is_group(mac) && !df_mac_equal(mac, &zero);
}

/* An answer is to this node alone, and names it. */
static void read_arp(const struct df_packet *packet, const struct df_frames_self *self, struct df_frames_answer *answer)
{
    *answer = (struct df_frames_answer){
        .ip = df_ip_from4(packet->arp.spa),
        .mac = packet->arp.sha,
        .solicited = packet->arp.op == RTE_ARP_OP_REPLY && packet->arp.tpa == self->ip4.word[3] &&
                     df_mac_equal(&packet->eth_dst, &self->mac),
        .override = true,
    };
}

/* RFC 4861 section 7.2.3: who asks says who it is, and is believed. */
static bool read_solicitation(const struct df_packet *packet, struct df_frames_answer *answer)
{
    *answer = (struct df_frames_answer){.ip = packet->ip_src, .mac = packet->nd.lladdr, .override = true};
    return packet->nd.has_lladdr && is_station(&answer->mac);
}

/* RFC 4861 section 4.4: without the option it answers who knows the MAC already. */
static bool read_advertisement(const struct df_packet *packet, struct df_frames_answer *answer)
{
    *answer = (struct df_frames_answer){
        .ip = packet->nd.target,
        .solicited = (packet->nd.flags & DF_ND_SOLICITED) != 0,
        .override = (packet->nd.flags & DF_ND_OVERRIDE) != 0,
    };
    if (packet->nd.has_lladdr)
        answer->mac = packet->nd.lladdr;
    return !packet->nd.has_lladdr || is_station(&answer->mac);
}

static bool read_nd(const struct df_packet *packet, struct df_frames_answer *answer)
{
    return packet->l4_dst == DF_ND_ADVERTISEMENT ? read_advertisement(packet, answer)
                                                 : read_solicitation(packet, answer);
}

bool df_frames_read_answer(const uint8_t *frame, uint32_t len, const struct df_frames_self *self,
                           struct df_frames_answer *answer)
{
    struct df_packet packet;
    if (df_packet_parse(frame, len, &packet) != DF_DROP_NONE)
        return false;
    if (packet.bits & DF_PACKET_ARP)
        read_arp(&packet, self, answer);
    else if (!(packet.bits & DF_PACKET_ND) || !read_nd(&packet, answer))
        return false;
    return !df_mac_equal(&answer->mac, &self->mac);
}

/* RFC 1191 section 7. */
static uint16_t guess_mtu(uint16_t quoted_len)
{
    static const uint16_t plateau[] = {32000, 17914, 8166, 4352, 2002, 1492, 1006};
    for (unsigned i = 0; i < RTE_DIM(plateau); i++)
        if (plateau[i] < quoted_len)
            return plateau[i];
    return PATH_MTU_MIN4;
}

/* A message lies where the headers in front of it end. */
static uint16_t load16(const uint8_t *at)
{
    rte_be16_t value;
    memcpy(&value, at, sizeof(value));
    return rte_be_to_cpu_16(value);
}

static uint32_t load32(const uint8_t *at)
{
    rte_be32_t value;
    memcpy(&value, at, sizeof(value));
    return rte_be_to_cpu_32(value);
}

/* The message from its type on, of which the parser saw that it has more than eight bytes. */
static uint16_t read_mtu4(const uint8_t *message)
{
    uint16_t mtu = load16(message + 6);
    uint16_t quoted_len = load16(message + 10);
    if (mtu == 0)
        mtu = guess_mtu(quoted_len);
    return mtu > PATH_MTU_MIN4 ? mtu : PATH_MTU_MIN4;
}

static uint16_t read_mtu6(const uint8_t *message)
{
    uint32_t mtu = load32(message + 4);
    mtu = RTE_MAX(mtu, (uint32_t)PATH_MTU_MIN6);
    return (uint16_t)RTE_MIN(mtu, (uint32_t)UINT16_MAX);
}

static bool checksum_is_right(const struct df_packet *packet, const uint8_t *message, uint32_t len)
{
    if (packet->bits & DF_PACKET_IP4)
        return df_checksum(message, len) == 0;
    return df_checksum_ip6(&packet->ip_src, &packet->ip_dst, IPPROTO_ICMPV6, message, len) == 0;
}

static bool says_too_big(const struct df_packet *packet)
{
    if (packet->bits & DF_PACKET_IP4)
        return packet->l4_dst == ICMP_DEST_UNREACH && packet->icmp_code == ICMP_FRAG_NEEDED;
    return packet->l4_dst == ICMP6_PACKET_TOO_BIG;
}

bool df_frames_read_too_big(const uint8_t *frame, uint32_t len, const struct df_frames_self *self,
                            struct df_frames_too_big *too_big)
{
    struct df_packet packet;
    if (df_packet_parse(frame, len, &packet) != DF_DROP_NONE || !(packet.bits & DF_PACKET_ICMP_ERROR) ||
        !says_too_big(&packet))
        return false;
    const struct df_ip *own = packet.bits & DF_PACKET_IP4 ? &self->ip4 : &self->ip6;
    const uint8_t *message = frame + packet.l4_offset;
    uint32_t message_len = (uint32_t)(packet.l3_offset + packet.l3_len - packet.l4_offset);
    if (df_ip_is_zero(own) || !df_ip_equal(&packet.quoted.src, own) ||
        !checksum_is_right(&packet, message, message_len))
        return false;
    *too_big = (struct df_frames_too_big){
        .peer = packet.quoted.dst,
        .mtu = packet.bits & DF_PACKET_IP4 ? read_mtu4(message) : read_mtu6(message),
    };
    return true;
}
