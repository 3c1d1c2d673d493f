/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/tables/conntrack.h"

#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>

#include "fastpath/packet/nd.h"
#include "fastpath/tables/builtin.h"
#include "fastpath/tables/services.h"

/*
 * Which security groups judge a packet, and whose connection it is: of what a local port sends (10) and gets (105).
 *
 * What Neutron always lets pass goes past the groups. For everything else the connection is looked up here, and nothing
 * is decided about it: the rules are judge of that (security_group_judge.c), since it is they who say which connections hold.
 */

/* Where a packet goes from here: to its judge, or past it. */
static const uint16_t judge[DF_TRACK_SIDES] = {
    [DF_TRACK_EGRESS] = DF_TABLE_EGRESS_SECURITY_GROUP,
    [DF_TRACK_INGRESS] = DF_TABLE_INGRESS_SECURITY_GROUP,
};
static const uint16_t past[DF_TRACK_SIDES] = {
    [DF_TRACK_EGRESS] = DF_TABLE_SERVICES,
    [DF_TRACK_INGRESS] = DF_TABLE_DISPATCH,
};

/* ---- what always passes */

#define MLD2_LISTENER_REPORT 143 /* RFC 3810 section 5.2 */

static bool is_mld_or_nd(uint16_t type)
{
    switch (type) {
    case MLD_LISTENER_QUERY:
    case MLD_LISTENER_REPORT:
    case MLD_LISTENER_REDUCTION:
    case MLD2_LISTENER_REPORT:
    case DF_ND_SOLICITATION:
    case DF_ND_ADVERTISEMENT:
        return true;
    default:
        return false;
    }
}

static bool is_link_local6(const struct df_ip *ip)
{
    return ip->byte[0] == 0xfe && (ip->byte[1] & 0xc0) == 0x80;
}

/* ICMPv6 is special (services.h): reading its type needs no note. */
static bool icmp6_always_passes(const struct df_packet *packet, enum df_track_side side)
{
    uint16_t type = packet->l4_dst;
    if (is_mld_or_nd(type))
        return true;
    if (side == DF_TRACK_EGRESS)
        return type == DF_ND_ROUTER_SOLICITATION;
    /* Hosts are to discard others (RFC 4861 section 6.1.2). */
    return type == DF_ND_ROUTER_ADVERTISEMENT && is_link_local6(&packet->ip_src);
}

/*
 * A guest is a client: it asks, and is answered. A packet with these ports is special (services.h), so that another one
 * is none of them needs no note; but for what a DHCPv6 client sends.
 */
static bool is_dhcp(struct df_walk *walk, enum df_track_side side, uint16_t client, uint16_t server)
{
    const struct df_packet *packet = &walk->packet;
    if (side == DF_TRACK_INGRESS)
        return packet->l4_src == server && packet->l4_dst == client;
    if (server == DF_DHCP6_SERVER)
        walk->read_l4 = true;
    return packet->l4_src == client && packet->l4_dst == server;
}

static bool always_passes(struct df_walk *walk, enum df_track_side side)
{
    const struct df_packet *packet = &walk->packet;
    bool ip4 = packet->bits & DF_PACKET_IP4;
    if (!(packet->bits & DF_PACKET_L4))
        return false;
    if (packet->ip_proto == IPPROTO_UDP)
        return ip4 ? is_dhcp(walk, side, DF_DHCP_CLIENT, DF_DHCP_SERVER)
                   : is_dhcp(walk, side, DF_DHCP6_CLIENT, DF_DHCP6_SERVER);
    return !ip4 && packet->ip_proto == IPPROTO_ICMPV6 && icmp6_always_passes(packet, side);
}

/* ---- connections */

/* A fragment's ports are asked for, also of the first one: so that it is kept for those that follow. False: wait. */
static bool fragment_may_go_on(struct df_walk *walk)
{
    if (walk->packet.bits & DF_PACKET_FRAGMENT)
        walk->read_l4 = true;
    return !df_packet_needs_first(&walk->packet);
}

/* What goes to a group, or to all who might be meant, has no answer that comes from the one it was sent to. */
static bool is_tracked(const struct df_walk *walk, enum df_track_side side)
{
    const struct df_packet *packet = &walk->packet;
    if (side == DF_TRACK_INGRESS && walk->flooded)
        return false;
    return !df_mac_is_group(&packet->eth_dst) && !df_ip_is_never_source(&packet->ip_dst) && df_conns_ready();
}

static void find_own(struct df_walk *walk, struct df_track *track, uint32_t zone)
{
    const struct df_packet *packet = &walk->packet;
    track->tracked = df_conn_key_of(packet, zone, &track->key);
    if (!track->tracked)
        return;
    track->hash = df_conn_hash(&track->key);
    track->conn = df_conn_find(&track->key, track->hash, walk->now_ms, &track->reply);
    /* Of ICMP the flow cache's key has the identifier of an echo only. */
    bool icmp = packet->ip_proto == IPPROTO_ICMP || packet->ip_proto == IPPROTO_ICMPV6;
    if (icmp && !(packet->bits & DF_PACKET_ICMP_ECHO))
        walk->uncacheable = true;
}

/*
 * An error goes to who sent the packet that it quotes, and so the other way than that one. Without this a guest could
 * send errors to anybody.
 */
static void find_quoted(struct df_walk *walk, struct df_track *track, uint32_t zone)
{
    const struct df_packet *packet = &walk->packet;
    bool quoted_reply = false;
    track->tracked = true;
    walk->uncacheable = true; /* what it quotes is not in the flow cache's key */
    if (!df_conn_key_of_quoted(packet, zone, &track->key) || !df_ip_equal(&packet->ip_dst, &packet->quoted.src))
        return;
    track->hash = df_conn_hash(&track->key);
    track->conn = df_conn_find(&track->key, track->hash, walk->now_ms, &quoted_reply);
    track->reply = !quoted_reply;
    track->related = track->conn != NULL;
}

static void find_connection(struct df_walk *walk, struct df_track *track, uint16_t port)
{
    uint32_t zone = df_conn_zone(port);
    *track = (struct df_track){0};
    if (walk->packet.bits & DF_PACKET_ICMP_ERROR)
        find_quoted(walk, track, zone);
    else
        find_own(walk, track, zone);
}

/* ---- the tables */

uint16_t df_conntrack_follow(struct df_walk *walk, enum df_track_side side, const struct df_conntrack_value *value)
{
    const struct df_packet *packet = &walk->packet;
    walk->conntrack = value;
    walk->track[side].tracked = false;
    walk->rule[side] = 0;
    if (!value->enabled || (packet->bits & DF_PACKET_ARP))
        return past[side];
    if (!(packet->bits & (DF_PACKET_IP4 | DF_PACKET_IP6)))
        return df_walk_drop(walk, side == DF_TRACK_EGRESS ? DF_DROP_SG_EGRESS : DF_DROP_SG_INGRESS);
    if (!fragment_may_go_on(walk))
        return df_walk_hold(walk);
    if (always_passes(walk, side))
        return past[side];
    if (is_tracked(walk, side))
        find_connection(walk, &walk->track[side], (uint16_t)value->port);
    return judge[side];
}

static uint16_t decide(void *state, struct df_walk *walk, enum df_track_side side, uint32_t lport)
{
    struct df_conntrack_key key = {.lport = lport};
    const struct df_conntrack_value *value = df_exact_find(state, walk, &key, NULL);
    if (value == NULL)
        return df_walk_drop(walk, DF_DROP_SG_NOT_PROGRAMMED);
    return df_conntrack_follow(walk, side, value);
}

static uint16_t decide_egress(void *state, struct df_walk *walk)
{
    return decide(state, walk, DF_TRACK_EGRESS, walk->in_lport);
}

static uint16_t decide_ingress(void *state, struct df_walk *walk)
{
    return decide(state, walk, DF_TRACK_INGRESS, walk->out_lport);
}

/* The walk trusts the count and takes the port for a number of one. Both tables have the same structs. */
static int put(void *state, const struct df_entry *entry)
{
    if (!df_table_entry_fits(&df_table_egress_conntrack.desc, entry))
        return -EINVAL;
    const struct df_conntrack_value *value = entry->value;
    size_t n = (entry->value_len - sizeof(*value)) / sizeof(value->group[0]);
    if (value->n_groups != n || n > DF_CONNTRACK_GROUPS_MAX || value->port >= DF_CONN_PORTS)
        return -EINVAL;
    return df_exact_put(state, entry);
}

static const struct df_field key_fields[] = {
    DF_FIELD(df_conntrack_key, lport, DF_FIELD_UINT),
    DF_FIELD_END,
};

static const struct df_field value_fields[] = {
    DF_FIELD(df_conntrack_value, enabled, DF_FIELD_UINT),
    DF_FIELD(df_conntrack_value, port, DF_FIELD_UINT),
    DF_FIELD(df_conntrack_value, domain, DF_FIELD_UINT),
    DF_FIELD(df_conntrack_value, n_groups, DF_FIELD_UINT),
    DF_FIELD_END,
};

static const struct df_field item_fields[] = {
    DF_FIELD(df_conntrack_group, group, DF_FIELD_UINT),
    DF_FIELD_END,
};

const struct df_table_ops df_table_egress_conntrack = {
    .desc = {.number = DF_TABLE_EGRESS_CONNTRACK,
             .name = "egress_conntrack",
             .upstream = "EGRESS_CONNTRACK",
             .summary = "which security groups judge what a port sends",
             .key_size = sizeof(struct df_conntrack_key),
             .value_size = sizeof(struct df_conntrack_value),
             .item_size = sizeof(struct df_conntrack_group),
             .order = DF_ORDER_EGRESS_CONNTRACK,
             .key_fields = key_fields,
             .value_fields = value_fields,
             .item_fields = item_fields},
    .init = df_exact_init,
    .fini = df_exact_fini,
    .put = put,
    .del = df_exact_del,
    .for_each = df_exact_for_each,
    .count = df_exact_count,
    .decide = decide_egress,
};

const struct df_table_ops df_table_ingress_conntrack = {
    .desc = {.number = DF_TABLE_INGRESS_CONNTRACK,
             .name = "ingress_conntrack",
             .upstream = "INGRESS_CONNTRACK",
             .summary = "which security groups judge what a port gets",
             .key_size = sizeof(struct df_conntrack_key),
             .value_size = sizeof(struct df_conntrack_value),
             .item_size = sizeof(struct df_conntrack_group),
             .order = DF_ORDER_INGRESS_CONNTRACK,
             .key_fields = key_fields,
             .value_fields = value_fields,
             .item_fields = item_fields},
    .init = df_exact_init,
    .fini = df_exact_fini,
    .put = put,
    .del = df_exact_del,
    .for_each = df_exact_for_each,
    .count = df_exact_count,
    .decide = decide_ingress,
};
