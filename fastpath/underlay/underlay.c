/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/underlay/underlay.h"

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <rte_arp.h>

#include "fastpath/packet/nd.h"
#include "fastpath/tables/peers.h"
#include "fastpath/tunnel/tunnel.h"

#define GENEVE_PORT 6081 /* IANA */

#define VLAN_ID 0xfff /* of a tag; the rest is its priority */

/* ---- Is it for this node? */

/* A tag without an identifier only gives a priority (IEEE 802.1Q section 6.9.1). */
static bool is_of_our_vlan(const struct df_packet *packet)
{
    uint16_t vlan = packet->n_vlans != 0 ? packet->vlan[0] & VLAN_ID : 0;
    return packet->n_vlans <= 1 && vlan == df_underlay.vlan;
}

static bool is_for_us(const struct df_mac *mac)
{
    return df_mac_is_group(mac) || df_mac_equal(mac, &df_underlay.mac);
}

static bool is_our_ip(const struct df_ip *ip)
{
    if (df_ip_is4(ip))
        return df_underlay.ip4 != 0 && ip->word[3] == df_underlay.ip4;
    return !df_ip_is_zero(ip) && df_ip_equal(ip, &df_underlay.ip6);
}

/* ---- Verdicts; each is complete */

static bool answer(struct df_walk *walk, enum df_answer kind)
{
    walk->verdict.kind = DF_VERDICT_ANSWER;
    walk->verdict.answer = (uint8_t)kind;
    walk->verdict.answer_mac = df_underlay.mac;
    return true;
}

/* The host's, if there is a way to it. */
static void give_to_host(struct df_walk *walk)
{
    if (df_underlay.exception != 0)
        walk->verdict.kind = DF_VERDICT_HOST;
    else
        df_walk_drop(walk, DF_DROP_UNDERLAY_OTHER);
}

/* Both resolve, and both listen: the controller gets a copy of what the host gets. */
static bool tell_both(struct df_walk *walk, uint32_t what)
{
    walk->verdict.punt_app = what;
    walk->verdict.kind = df_underlay.exception != 0 ? DF_VERDICT_HOST : DF_VERDICT_PUNT;
    return true;
}

static bool tell_controller(struct df_walk *walk, uint32_t what)
{
    df_walk_punt(walk, what);
    return true;
}

/* ---- Who has an address. False: it is the host's. */

/*
 * Who asks says who it is, too (RFC 826, RFC 4861 section 7.2.3). The controller is told unless the peer is known to be
 * there: thousands may ask again and again.
 */
static bool answer_to(struct df_walk *walk, enum df_answer kind, const struct df_ip *who, const struct df_mac *mac)
{
    const struct df_peer_value *peer = df_peers_find(walk, who);
    if (df_underlay_asked(who) && (peer == NULL || !df_mac_equal(&peer->dst, mac)))
        walk->verdict.punt_app = DF_PUNT_NEIGHBOUR;
    return answer(walk, kind);
}

/*
 * What is said of our own address by another, or of one that was asked about: in a reply, or in what announces it (RFC
 * 5227 section 3: the sender asks for itself).
 */
static bool take_arp(struct df_walk *walk)
{
    const struct df_packet *packet = &walk->parsed;
    struct df_ip sender = df_ip_from4(packet->arp.spa), target = df_ip_from4(packet->arp.tpa);
    bool is_request = packet->arp.op == RTE_ARP_OP_REQUEST;
    if (is_our_ip(&sender))
        return !df_mac_equal(&packet->arp.sha, &df_underlay.mac) && tell_both(walk, DF_PUNT_NEIGHBOUR);
    if (is_request && is_our_ip(&target))
        return answer_to(walk, DF_ANSWER_ARP, &sender, &packet->arp.sha);
    bool says = !is_request || packet->arp.spa == packet->arp.tpa;
    return says && df_underlay_asked(&sender) && tell_both(walk, DF_PUNT_NEIGHBOUR);
}

static bool take_nd(struct df_walk *walk)
{
    const struct df_packet *packet = &walk->parsed;
    bool is_ours = is_our_ip(&packet->nd.target);
    if (packet->l4_dst == DF_ND_SOLICITATION) {
        if (!is_ours || df_mac_equal(&packet->eth_src, &df_underlay.mac))
            return false;
        return packet->nd.has_lladdr ? answer_to(walk, DF_ANSWER_ND, &packet->ip_src, &packet->nd.lladdr)
                                     : answer(walk, DF_ANSWER_ND);
    }
    return (is_ours || df_underlay_asked(&packet->nd.target)) && tell_both(walk, DF_PUNT_NEIGHBOUR);
}

/* ---- Errors about packets of our tunnels */

static bool is_tunnel(const struct df_packet *packet)
{
    if (packet->quoted.ip_proto == IPPROTO_GRE)
        return true;
    return packet->quoted.ip_proto == IPPROTO_UDP && packet->quoted.whole &&
           (packet->quoted.l4_dst == DF_VXLAN_PORT || packet->quoted.l4_dst == GENEVE_PORT);
}

/* RFC 1191 section 3, RFC 8201 section 4. */
static bool says_too_big(const struct df_packet *packet)
{
    if (!(packet->bits & DF_PACKET_ICMP_ERROR))
        return false;
    if (packet->bits & DF_PACKET_IP4)
        return packet->l4_dst == ICMP_DEST_UNREACH && packet->icmp_code == ICMP_FRAG_NEEDED;
    return packet->l4_dst == ICMP6_PACKET_TOO_BIG;
}

static bool take_error(struct df_walk *walk)
{
    const struct df_packet *packet = &walk->parsed;
    if (!says_too_big(packet) || !is_tunnel(packet) || !is_our_ip(&packet->quoted.src) ||
        df_peers_find(walk, &packet->quoted.dst) == NULL)
        return false;
    return tell_controller(walk, DF_PUNT_PATH_MTU);
}

/* RFC 3810 section 5.1; the controller looks at the rest. */
static bool is_mld_query(const struct df_packet *packet)
{
    return (packet->bits & (DF_PACKET_IP6 | DF_PACKET_L4 | DF_PACKET_OPTIONS)) ==
               (DF_PACKET_IP6 | DF_PACKET_L4 | DF_PACKET_OPTIONS) &&
           packet->ip_proto == IPPROTO_ICMPV6 && packet->l4_dst == MLD_LISTENER_QUERY && packet->ip_ttl == 1;
}

static bool is_echo(const struct df_packet *packet)
{
    uint16_t request = packet->bits & DF_PACKET_IP4 ? ICMP_ECHO : ICMP6_ECHO_REQUEST;
    return (packet->bits & DF_PACKET_ICMP_ECHO) && packet->l4_dst == request;
}

static bool take_ip(struct df_walk *walk)
{
    const struct df_packet *packet = &walk->parsed;
    if (!df_mac_equal(&packet->eth_dst, &df_underlay.mac) || !is_our_ip(&packet->ip_dst))
        return false;
    if (take_error(walk))
        return true;
    return df_underlay.exception == 0 && is_echo(packet) && answer(walk, DF_ANSWER_ECHO);
}

static bool take(struct df_walk *walk)
{
    const struct df_packet *packet = &walk->parsed;
    if (packet->bits & DF_PACKET_ARP)
        return take_arp(walk);
    if (packet->bits & DF_PACKET_ND)
        return take_nd(walk);
    if (is_mld_query(packet) && !df_ip_is_zero(&df_underlay.ip6))
        return tell_both(walk, DF_PUNT_MLD);
    return (packet->bits & (DF_PACKET_IP4 | DF_PACKET_IP6)) && take_ip(walk);
}

void df_underlay_take(struct df_walk *walk, const uint8_t *data, uint32_t len)
{
    enum df_drop malformed = df_packet_parse(data, len, &walk->parsed);
    walk->packet = walk->parsed;
    walk->uncacheable = true;
    if (len < RTE_ETHER_HDR_LEN || malformed == DF_DROP_BAD_ETHERNET || !is_for_us(&walk->parsed.eth_dst))
        df_walk_drop(walk, DF_DROP_UNDERLAY_OTHER);
    else if (malformed != DF_DROP_NONE || !is_of_our_vlan(&walk->parsed) || !take(walk))
        give_to_host(walk);
}

/* The host is trusted as the node itself: its frames leave as they are. */
void df_underlay_from_host(struct df_walk *walk, const uint8_t *data, uint32_t len)
{
    df_packet_parse(data, len, &walk->parsed); /* for a trace; what is wrong is the host's */
    walk->packet = walk->parsed;
    walk->uncacheable = true;
    if (len < RTE_ETHER_HDR_LEN)
        df_walk_drop(walk, DF_DROP_TRUNCATED);
    else
        walk->verdict.kind = DF_VERDICT_HOST;
}

uint16_t df_underlay_no_way(struct df_walk *walk, enum df_peer_reach reach)
{
    switch (reach) {
    case DF_PEER_RESOLVING:
        /* A copy of a flood cannot wait: the packet would be flooded again. */
        return walk->flooded ? df_walk_drop(walk, DF_DROP_PEER_UNRESOLVED) : df_walk_punt(walk, DF_PUNT_UNRESOLVED);
    case DF_PEER_FAILED:
        return df_walk_drop(walk, DF_DROP_RESOLVE_FAILED);
    default:
        return df_walk_drop(walk, DF_DROP_TUNNEL_UNREACHABLE);
    }
}
