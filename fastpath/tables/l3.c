/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/lookup/route_groups.h"
#include "fastpath/tables/builtin.h"
#include "fastpath/tables/networks.h"

#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>

/* A router's routes. All routes of a router change at once (route_groups.h). */

_Static_assert(offsetof(struct df_l3_key, prefix_len) == sizeof(uint32_t) + offsetof(struct df_route_key, bits) &&
                   offsetof(struct df_l3_key, prefix) == sizeof(uint32_t) + offsetof(struct df_route_key, prefix),
               "keys are those of route_groups.h");

/* ---- control thread */

static int init(void **state, const struct df_table_ops *ops, uint32_t max)
{
    *state = df_route_groups_new(&ops->desc, max);
    return *state != NULL ? 0 : -ENOMEM;
}

static bool hops_are_good(const struct df_entry *entry)
{
    const struct df_l3_value *value = entry->value;
    size_t n = (entry->value_len - sizeof(*value)) / sizeof(value->hop[0]);
    if (value->n_hops != n || n == 0 || n > DF_L3_HOPS_MAX)
        return false;
    for (size_t i = 0; i < n; i++)
        if (value->hop[i].kind < DF_ROUTE_LOCAL || value->hop[i].kind > DF_ROUTE_VIA)
            return false;
    return true;
}

static int put(void *state, const struct df_entry *entry)
{
    if (!df_table_entry_fits(&df_table_l3.desc, entry) || !df_route_key_is_good(df_route_key(entry)) ||
        !hops_are_good(entry))
        return -EINVAL;
    return df_route_groups_put(state, entry);
}

/* ---- workers */

static const struct df_l3_value *find(const struct df_route_groups *routers, struct df_walk *walk)
{
    const struct df_packet *packet = &walk->packet;
    const struct df_entry *route =
        df_route_groups_find(routers, &walk->stamps, walk->router, &packet->ip_dst, packet->bits & DF_PACKET_IP4);
    if (walk->trace != NULL) {
        struct df_l3_key key = {.router = walk->router, .prefix_len = 128, .prefix = packet->ip_dst};
        df_walk_trace_entry(walk, &key, route);
    }
    return route != NULL ? route->value : NULL;
}

/* Multicast, limited broadcast, loopback, unspecified. */
static bool is_never_routed_to(const struct df_ip *ip)
{
    return df_ip_is_never_source(ip) || (df_ip_is4(ip) ? ip->byte[12] == 0 : df_ip_is_zero(ip));
}

/* RFC 3927 section 2.6.2, RFC 4291 section 2.5.6: routers forward neither to nor from them. */
static bool is_link_local(const struct df_ip *ip)
{
    if (df_ip_is4(ip))
        return ip->byte[12] == 169 && ip->byte[13] == 254;
    return ip->byte[0] == 0xfe && (ip->byte[1] & 0xc0) == 0x80;
}

static bool is_echo_request(const struct df_packet *packet)
{
    /* ICMP is special (services.h): reading its type needs no note. What is in fragments is not put together here. */
    if (!(packet->bits & DF_PACKET_L4) || (packet->bits & DF_PACKET_FRAGMENT))
        return false;
    if (packet->bits & DF_PACKET_IP4)
        return packet->ip_proto == IPPROTO_ICMP && packet->l4_dst == ICMP_ECHO;
    return packet->ip_proto == IPPROTO_ICMPV6 && packet->l4_dst == ICMP6_ECHO_REQUEST;
}

/* For the router's own address, whatever the TTL. */
static uint16_t to_router(struct df_walk *walk)
{
    if (!is_echo_request(&walk->packet) || is_never_routed_to(&walk->packet.ip_src))
        return df_walk_drop(walk, DF_DROP_L3_TO_ROUTER);
    walk->verdict.kind = DF_VERDICT_ANSWER;
    walk->verdict.answer = DF_ANSWER_ECHO;
    return DF_TABLE_END;
}

static uint16_t ttl_exceeded(struct df_walk *walk)
{
    return df_walk_icmp_error(walk, ICMP_TIME_EXCEEDED, ICMP_EXC_TTL, ICMP6_TIME_EXCEEDED, ICMP6_TIME_EXCEED_TRANSIT,
                              DF_DROP_L3_TTL);
}

/*
 * One way of several, the same for all packets of a flow; fragments go by addresses alone, so that they stay
 * together.
 */
static const struct df_l3_hop *choose_hop(const struct df_l3_value *value, struct df_walk *walk)
{
    const struct df_packet *packet = &walk->packet;
    if (value->n_hops == 1)
        return &value->hop[0];
    struct {
        struct df_ip src, dst;
        uint16_t l4_src, l4_dst, proto;
    } flow = {.src = packet->ip_src, .dst = packet->ip_dst, .proto = packet->ip_proto};
    bool has_ports = packet->ip_proto != IPPROTO_ICMP && packet->ip_proto != IPPROTO_ICMPV6;
    if (has_ports && (packet->bits & DF_PACKET_L4) && !(packet->bits & DF_PACKET_FRAGMENT)) {
        flow.l4_src = df_walk_l4_src(walk);
        flow.l4_dst = df_walk_l4_dst(walk);
    }
    uint64_t hash = df_hash_bytes(&flow, sizeof(flow)) >> 32;
    return &value->hop[hash * value->n_hops >> 32];
}

static uint16_t forward(struct df_walk *walk, const struct df_l3_hop *hop)
{
    uint16_t mtu = df_networks_mtu(walk, hop->network);
    if (!df_walk_fits(walk, mtu))
        return df_walk_too_big(walk, mtu);
    walk->mtu = df_mtu_min(walk->mtu, mtu);
    walk->packet.eth_src = hop->mac;
    walk->packet.ip_ttl--;
    walk->routed++;
    walk->network = hop->network;
    walk->next_hop = hop->kind == DF_ROUTE_VIA ? hop->ip : walk->packet.ip_dst;
    return DF_TABLE_L3_PROACTIVE;
}

static uint16_t decide(void *state, struct df_walk *walk)
{
    const struct df_packet *packet = &walk->packet;
    if (!(packet->bits & (DF_PACKET_IP4 | DF_PACKET_IP6)))
        return df_walk_drop(walk, DF_DROP_L3_NOT_IP);
    if (is_never_routed_to(&packet->ip_dst))
        return df_walk_drop(walk, DF_DROP_L3_MULTICAST);

    const struct df_l3_value *value = find(state, walk);
    if (value != NULL && value->hop[0].kind == DF_ROUTE_LOCAL)
        return to_router(walk);
    if (is_link_local(&packet->ip_dst) || is_link_local(&packet->ip_src))
        return df_walk_drop(walk, DF_DROP_L3_MULTICAST);
    if (is_never_routed_to(&packet->ip_src))
        return df_walk_drop(walk, DF_DROP_BAD_IP_SOURCE);
    if (packet->ip_ttl <= 1)
        return ttl_exceeded(walk);
    if (value == NULL)
        return df_walk_icmp_error(walk, ICMP_DEST_UNREACH, ICMP_NET_UNREACH, ICMP6_DST_UNREACH,
                                  ICMP6_DST_UNREACH_NOROUTE, DF_DROP_L3_NO_ROUTE);
    return forward(walk, choose_hop(value, walk));
}

static const char *const kinds[] = {
    [0] = "none", [DF_ROUTE_LOCAL] = "local", [DF_ROUTE_CONNECTED] = "connected", [DF_ROUTE_VIA] = "via", NULL};

static const struct df_field key_fields[] = {
    DF_FIELD(df_l3_key, router, DF_FIELD_UINT),
    DF_FIELD_LEN(df_l3_key, prefix, prefix_len),
    DF_FIELD_END,
};

static const struct df_field value_fields[] = {
    DF_FIELD(df_l3_value, n_hops, DF_FIELD_UINT),
    DF_FIELD_END,
};

static const struct df_field item_fields[] = {
    DF_FIELD_NAMES(df_l3_hop, kind, kinds),    DF_FIELD(df_l3_hop, network, DF_FIELD_UINT),
    DF_FIELD(df_l3_hop, lport, DF_FIELD_UINT), DF_FIELD(df_l3_hop, mac, DF_FIELD_MAC),
    DF_FIELD(df_l3_hop, ip, DF_FIELD_IP),      DF_FIELD_END,
};

const struct df_table_ops df_table_l3 = {
    .desc = {.number = DF_TABLE_L3,
             .name = "l3",
             .upstream = "L3_LOOKUP",
             .summary = "a router's routes",
             .key_size = sizeof(struct df_l3_key),
             .value_size = sizeof(struct df_l3_value),
             .item_size = sizeof(struct df_l3_hop),
             .order = DF_ORDER_L3,
             .key_fields = key_fields,
             .value_fields = value_fields,
             .item_fields = item_fields},
    .init = init,
    .fini = df_route_groups_free,
    .put = put,
    .del = df_route_groups_del,
    .flush = df_route_groups_flush,
    .for_each = df_route_groups_for_each,
    .count = df_route_groups_count,
    .decide = decide,
};
