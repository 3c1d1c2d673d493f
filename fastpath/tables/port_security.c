/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <rte_arp.h>

#include "fastpath/packet/nd.h"
#include "fastpath/tables/builtin.h"
#include "fastpath/tables/services.h"

/*
 * Anti-spoofing, as Neutron promises it: a port sends only from its own MACs and addresses and its allowed address
 * pairs, says only what is true in ARP and ND, and is neither a DHCP server nor a router. A relay's DHCP goes from
 * server port to server port (RFC 2131 section 4.1, RFC 8415 section 7.2): to clients alone a server speaks.
 *
 * Ports and ICMP types are read of special packets only (services.h), so that a decision about others holds for their
 * address pair. A decision that read more of ARP or ND than the flow cache has in its key is not cached.
 */

static bool mac_is_known(const struct df_port_security_value *ports, const struct df_mac *mac)
{
    for (uint32_t i = 0; i < ports->n_pairs; i++)
        if (df_mac_equal(&ports->pair[i].mac, mac))
            return true;
    return false;
}

/* ::/0 is every IPv6 address and no IPv4 one, though it has their mapped form in it. */
static bool pair_has(const struct df_port_security_pair *pair, const struct df_ip *ip)
{
    bool pair_ip4 = pair->prefix_len >= 96 && df_ip_is4(&pair->ip);
    return pair_ip4 == df_ip_is4(ip) && df_ip_in_prefix(ip, &pair->ip, pair->prefix_len);
}

static bool may_send_from(const struct df_port_security_value *ports, const struct df_mac *mac, const struct df_ip *ip)
{
    for (uint32_t i = 0; i < ports->n_pairs; i++)
        if (df_mac_equal(&ports->pair[i].mac, mac) && pair_has(&ports->pair[i], ip))
            return true;
    return false;
}

/* Is ip the link-local address that its owner forms from mac (RFC 4291 appendix A)? */
static bool is_link_local_of(const struct df_ip *ip, const struct df_mac *mac)
{
    const uint8_t *m = mac->byte;
    const struct df_ip own = {
        .byte = {0xfe, 0x80, 0, 0, 0, 0, 0, 0, m[0] ^ 2, m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5]}};
    return df_ip_equal(ip, &own);
}

static bool may_be_at(const struct df_port_security_value *ports, const struct df_mac *mac, const struct df_ip *ip)
{
    return may_send_from(ports, mac, ip) || is_link_local_of(ip, mac);
}

static enum df_drop check_arp(const struct df_port_security_value *ports, const struct df_packet *packet)
{
    struct df_ip sender = df_ip_from4(packet->arp.spa);
    if (!df_mac_equal(&packet->arp.sha, &packet->eth_src))
        return DF_DROP_SPOOFED_ARP;
    /* A probe claims nothing (RFC 5227 section 1.1). */
    if (packet->arp.spa == 0 && packet->arp.op == RTE_ARP_OP_REQUEST)
        return DF_DROP_NONE;
    return may_send_from(ports, &packet->eth_src, &sender) ? DF_DROP_NONE : DF_DROP_SPOOFED_ARP;
}

static bool is_special_udp(const struct df_packet *packet)
{
    return packet->ip_proto == IPPROTO_UDP && df_packet_is_special(packet);
}

static enum df_drop check_ip4(const struct df_port_security_value *ports, const struct df_packet *packet)
{
    bool special = is_special_udp(packet);
    if (special && packet->l4_src == DF_DHCP_SERVER && packet->l4_dst == DF_DHCP_CLIENT)
        return DF_DROP_ROGUE_DHCP;
    if (may_send_from(ports, &packet->eth_src, &packet->ip_src))
        return DF_DROP_NONE;
    /* A client that has no address yet (RFC 2131 section 4.1). */
    bool client = special && packet->l4_src == DF_DHCP_CLIENT && packet->l4_dst == DF_DHCP_SERVER;
    return client && packet->ip_src.word[3] == 0 ? DF_DROP_NONE : DF_DROP_SPOOFED_IPV4;
}

/* The type of an ICMPv6 message, 0 (which is reserved) for everything else. */
static uint16_t icmp6_type(const struct df_packet *packet)
{
    return packet->ip_proto == IPPROTO_ICMPV6 && (packet->bits & DF_PACKET_L4) ? packet->l4_dst : 0;
}

/* From the unspecified address: duplicate address detection (RFC 4862 section 5.4.2) and MLD (RFC 3590 section 4). */
static bool may_be_unspecified(uint16_t type)
{
    return type == DF_ND_SOLICITATION || type == MLD_LISTENER_REPORT || type == MLD_LISTENER_REDUCTION ||
           type == 143 /* MLDv2 report, RFC 3810 */;
}

static enum df_drop check_nd(const struct df_port_security_value *ports, struct df_walk *walk, uint16_t type)
{
    const struct df_packet *packet = &walk->packet;
    if (type != DF_ND_SOLICITATION && type != DF_ND_ADVERTISEMENT)
        return DF_DROP_NONE;
    walk->uncacheable = true;
    if (!(packet->bits & DF_PACKET_ND)) /* nobody can say what is in it */
        return DF_DROP_SPOOFED_ND;
    const struct df_mac *lladdr = packet->nd.has_lladdr ? &packet->nd.lladdr : &packet->eth_src;
    if (type == DF_ND_SOLICITATION)
        return df_mac_equal(lladdr, &packet->eth_src) ? DF_DROP_NONE : DF_DROP_SPOOFED_ND;
    bool own = mac_is_known(ports, lladdr) && may_be_at(ports, &packet->eth_src, &packet->nd.target);
    return own ? DF_DROP_NONE : DF_DROP_SPOOFED_ND;
}

static enum df_drop check_ip6(const struct df_port_security_value *ports, struct df_walk *walk)
{
    const struct df_packet *packet = &walk->packet;
    uint16_t type = icmp6_type(packet);
    if (is_special_udp(packet) && packet->l4_src == DF_DHCP6_SERVER && packet->l4_dst == DF_DHCP6_CLIENT)
        return DF_DROP_ROGUE_DHCP;
    if (type == DF_ND_ROUTER_ADVERTISEMENT || type == DF_ND_REDIRECT)
        return DF_DROP_ROGUE_RA;
    bool unspecified = df_ip_is_zero(&packet->ip_src) && may_be_unspecified(type);
    if (!unspecified && !may_be_at(ports, &packet->eth_src, &packet->ip_src))
        return DF_DROP_SPOOFED_IPV6;
    return check_nd(ports, walk, type);
}

static enum df_drop check(const struct df_port_security_value *ports, struct df_walk *walk)
{
    const struct df_packet *packet = &walk->packet;
    if (!mac_is_known(ports, &packet->eth_src))
        return DF_DROP_SPOOFED_MAC;
    if (packet->bits & DF_PACKET_IP4)
        return check_ip4(ports, packet);
    if (packet->bits & DF_PACKET_IP6)
        return check_ip6(ports, walk);
    if (!(packet->bits & DF_PACKET_ARP))
        return DF_DROP_ETHERTYPE;
    walk->uncacheable = true;
    return check_arp(ports, packet);
}

static uint16_t decide(void *state, struct df_walk *walk)
{
    struct df_port_security_key key = {.lport = walk->in_lport};
    const struct df_port_security_value *ports = df_exact_find(state, walk, &key, NULL);
    if (ports == NULL)
        return df_walk_drop(walk, DF_DROP_PORT_NOT_PROGRAMMED);
    enum df_drop drop = ports->enabled ? check(ports, walk) : DF_DROP_NONE;
    return drop == DF_DROP_NONE ? DF_TABLE_EGRESS_CONNTRACK : df_walk_drop(walk, drop);
}

/* The value's count is what the walk trusts: it must be that of the pairs that are there. */
static int put(void *state, const struct df_entry *entry)
{
    if (!df_table_entry_fits(&df_table_port_security.desc, entry))
        return -EINVAL;
    const struct df_port_security_value *ports = entry->value;
    size_t n = (entry->value_len - sizeof(*ports)) / sizeof(ports->pair[0]);
    if (ports->n_pairs != n || n > DF_PORT_SECURITY_PAIRS_MAX)
        return -EINVAL;
    for (size_t i = 0; i < n; i++)
        if (ports->pair[i].prefix_len > 128)
            return -EINVAL;
    return df_exact_put(state, entry);
}

static const struct df_field key_fields[] = {
    DF_FIELD(df_port_security_key, lport, DF_FIELD_UINT),
    DF_FIELD_END,
};

static const struct df_field value_fields[] = {
    DF_FIELD(df_port_security_value, enabled, DF_FIELD_UINT),
    DF_FIELD(df_port_security_value, n_pairs, DF_FIELD_UINT),
    DF_FIELD_END,
};

static const struct df_field item_fields[] = {
    DF_FIELD(df_port_security_pair, mac, DF_FIELD_MAC),
    DF_FIELD_LEN(df_port_security_pair, ip, prefix_len),
    DF_FIELD_END,
};

const struct df_table_ops df_table_port_security = {
    .desc = {.number = DF_TABLE_PORT_SECURITY,
             .name = "port_security",
             .upstream = "PORT_SECURITY",
             .summary = "from which addresses a port may send",
             .key_size = sizeof(struct df_port_security_key),
             .value_size = sizeof(struct df_port_security_value),
             .item_size = sizeof(struct df_port_security_pair),
             .order = DF_ORDER_PORT_SECURITY,
             .key_fields = key_fields,
             .value_fields = value_fields,
             .item_fields = item_fields},
    .init = df_exact_init,
    .fini = df_exact_fini,
    .put = put,
    .del = df_exact_del,
    .for_each = df_exact_for_each,
    .count = df_exact_count,
    .decide = decide,
};
