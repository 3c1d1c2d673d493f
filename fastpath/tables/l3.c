/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <stdlib.h>

#include "fastpath/lookup/groups.h"
#include "fastpath/lookup/route_table.h"
#include "fastpath/tables/builtin.h"

/*
 * A router's routes.
 *
 * Invariant: workers look a destination up in the router's compiled routes, which point to entries. put and del
 * change the entries and note that the router is due; flush compiles one new table per router, publishes it, bumps
 * the router's stamp, and only then retires the old table and the entries that are gone. So the routes of a router
 * change all at once, at a cost bounded by that router's routes.
 */

struct router {
    struct df_group group;
    struct df_route_table *table; /* RCU; NULL: not compiled yet */

    /* The writer's. */
    struct df_entry_node **routes; /* all since the last flush, also those that are gone */
    uint32_t n, room;
};

/* ---- control thread */

static int init(void **state, const struct df_table_ops *ops, uint32_t max)
{
    *state = df_groups_new(ops->desc.key_size, max);
    return *state != NULL ? 0 : -ENOMEM;
}

static void router_free(struct rcu_head *head)
{
    struct router *router = caa_container_of(head, struct router, group.rcu);
    free(router->routes);
    free(router);
}

/* After this nobody finds the routes that are gone. */
static void table_replace(struct router *router, struct df_route_table *table)
{
    struct df_route_table *old = router->table;
    df_rcu_publish(router->table, table);
    df_stamps_bump(df_stamp_mark(DF_TABLE_L3, df_id_hash(router->group.id.id)));
    df_route_table_retire(old);
}

/* Retires the routes that are gone; the others move together. */
static void routes_sweep(struct router *router)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < router->n; i++) {
        if (router->routes[i]->gone)
            df_entry_node_retire(router->routes[i]);
        else
            router->routes[kept++] = router->routes[i];
    }
    router->n = kept;
}

static void router_del(struct df_groups *routers, struct df_group *group)
{
    table_replace((struct router *)group, NULL);
    routes_sweep((struct router *)group);
    df_group_remove(routers, group, router_free);
}

static void fini(void *state)
{
    df_groups_free(state, router_del);
}

static int routes_reserve(struct router *router)
{
    if (router->n < router->room)
        return 0;
    uint32_t room = router->room * 2 + 4;
    struct df_entry_node **routes = realloc(router->routes, room * sizeof(*routes));
    if (routes == NULL)
        return -ENOMEM;
    router->routes = routes;
    router->room = room;
    return 0;
}

static bool prefix_is_good(const struct df_l3_key *key)
{
    if (key->prefix_len > 128)
        return false;
    for (uint32_t bit = key->prefix_len; bit < 128; bit++)
        if (key->prefix.byte[bit / 8] & 0x80 >> bit % 8)
            return false;
    return true;
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
    struct df_groups *routers = state;
    struct df_entry_node *fresh, *old;
    const struct df_l3_key *key = (const void *)entry->key;
    if (!df_table_entry_fits(&df_table_l3.desc, entry) || !prefix_is_good(key) || !hops_are_good(entry))
        return -EINVAL;
    /* It is due also if the entry is refused: a router without routes goes at the next flush. */
    struct router *router = df_group_get(routers, key->router, sizeof(*router));
    if (router == NULL)
        return -ENOMEM;
    int rc = routes_reserve(router);
    if (rc == 0)
        rc = df_entry_map_put(&routers->entries, entry, df_hash_bytes(key, sizeof(*key)), &fresh, &old);
    if (rc == 0)
        router->routes[router->n++] = fresh; /* the one it replaced is in the list, and gone */
    return rc;
}

static int del(void *state, const struct df_entry *entry)
{
    struct df_groups *routers = state;
    struct df_entry_node *old;
    const struct df_l3_key *key = (const void *)entry->key;
    int rc = df_entry_map_del(&routers->entries, entry, df_hash_bytes(key, sizeof(*key)), &old);
    if (rc == 0)
        df_group_due(routers, df_group_find(routers, key->router, df_id_hash(key->router)));
    return rc;
}

/* The router's routes as the compiler wants them; the caller frees. */
static struct df_route *routes_sorted(const struct router *router, uint32_t *n)
{
    struct df_route *routes = malloc((router->n + 1) * sizeof(*routes));
    *n = 0;
    for (uint32_t i = 0; i < router->n && routes != NULL; i++) {
        const struct df_entry_node *route = router->routes[i];
        const struct df_l3_key *key = (const void *)route->entry.key;
        if (!route->gone)
            routes[(*n)++] = (struct df_route){.prefix = key->prefix, .bits = key->prefix_len, .value = route};
    }
    if (*n > 1)
        qsort(routes, *n, sizeof(*routes), df_route_compare);
    return routes;
}

/* When it fails the old routes stay in force until a flush succeeds. */
static int router_flush(struct df_groups *routers, struct df_group *group)
{
    uint32_t n;
    struct router *router = (struct router *)group;
    struct df_route_table *table = NULL;
    struct df_route *routes = routes_sorted(router, &n);
    if (routes == NULL)
        return -ENOMEM;
    int rc = n > 0 ? df_route_table_new(&table, routes, n) : 0;
    free(routes);
    if (rc != 0)
        return rc;
    if (n == 0) {
        router_del(routers, group);
        return 0;
    }
    table_replace(router, table);
    routes_sweep(router);
    return 0;
}

static int flush(void *state)
{
    return df_groups_flush(state, router_flush);
}

/* ---- workers */

static const struct df_l3_value *find(struct df_groups *routers, struct df_walk *walk)
{
    const struct df_packet *packet = &walk->packet;
    uint64_t hash = df_id_hash(walk->router);
    df_stamps_add(&walk->stamps, df_stamp_mark(DF_TABLE_L3, hash));
    const struct router *router = df_group_find(routers, walk->router, hash);
    const struct df_route_table *table = router != NULL ? df_rcu_read(router->table) : NULL;
    const struct df_entry_node *route = NULL;
    if (table != NULL)
        route = df_route_table_lookup(table, &packet->ip_dst, packet->bits & DF_PACKET_IP4);
    if (walk->trace != NULL) {
        struct df_l3_key key = {.router = walk->router, .prefix_len = 128, .prefix = packet->ip_dst};
        df_walk_trace_entry(walk, &key, route != NULL ? &route->entry : NULL);
    }
    return route != NULL ? route->entry.value : NULL;
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
    .fini = fini,
    .put = put,
    .del = del,
    .flush = flush,
    .for_each = df_groups_for_each,
    .count = df_groups_count,
    .decide = decide,
};
