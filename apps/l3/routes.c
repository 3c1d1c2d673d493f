/* SPDX-License-Identifier: Apache-2.0 */
#include "apps/l3/routes.h"

#include <stdio.h>
#include <stdlib.h>

void df_routes_add(struct df_routes *routes, const struct df_ip *ip, unsigned bits, struct df_l3_hop hop)
{
    if (routes->n == routes->room) {
        size_t room = routes->room ? 2 * routes->room : 16;
        struct df_route *grown = reallocarray(routes->route, room, sizeof(*grown));
        if (!grown) {
            routes->failed = true;
            return;
        }
        routes->route = grown;
        routes->room = room;
    }
    struct df_route *route = &routes->route[routes->n];
    *route = (struct df_route){.prefix = *ip, .bits = bits, .order = (uint32_t)routes->n, .hop = hop};
    df_ip_mask(&route->prefix, bits);
    routes->n++;
}

static int by_length(const void *left, const void *right)
{
    const struct df_route *a = left;
    const struct df_route *b = right;
    if (a->bits != b->bits)
        return a->bits > b->bits ? -1 : 1;
    return a->order < b->order ? -1 : 1;
}

void df_routes_connect(struct df_routes *routes)
{
    if (routes->n)
        qsort(routes->route, routes->n, sizeof(routes->route[0]), by_length);
    routes->n_connected = routes->n;
}

/* The connected network that the next hop is on, or NULL. The router's own address is not a next hop. */
static const struct df_route *find_connected(const struct df_routes *routes, const struct df_ip *nexthop)
{
    for (size_t i = 0; i < routes->n_connected; i++) {
        const struct df_route *route = &routes->route[i];
        if (df_ip_in_prefix(nexthop, &route->prefix, route->bits))
            return route->hop.kind == DF_ROUTE_CONNECTED ? route : NULL;
    }
    return NULL;
}

void df_routes_add_extra(struct df_compile *c, struct df_routes *routes, const Df__HostRoute *extra)
{
    const char *destination = extra->destination ? extra->destination : "(none)";
    const char *nexthop = extra->nexthop ? extra->nexthop : "(none)";
    struct df_ip prefix, hop_ip;
    unsigned bits;
    if (df_prefix_parse(destination, &prefix, &bits) < 0 || df_ip_parse(nexthop, &hop_ip) < 0) {
        df_compile_problem(c, "routes: %s via %s is not a prefix and an address; correct it", destination, nexthop);
        return;
    }
    if (df_ip_is4(&prefix) != df_ip_is4(&hop_ip)) {
        df_compile_problem(c, "routes: %s via %s: the next hop is of the other IP version", destination, nexthop);
        return;
    }
    const struct df_route *connected = find_connected(routes, &hop_ip);
    if (!connected) {
        if (!routes->partial)
            df_compile_problem(c,
                               "routes: %s via %s: the next hop is on none of the router's networks, or the router "
                               "itself; correct it or add a port there",
                               destination, nexthop);
        return;
    }
    struct df_l3_hop hop = connected->hop;
    hop.kind = DF_ROUTE_VIA;
    hop.ip = hop_ip;
    df_routes_add(routes, &prefix, bits, hop);
}

static int by_destination(const void *left, const void *right)
{
    const struct df_route *a = left;
    const struct df_route *b = right;
    int order = memcmp(&a->prefix, &b->prefix, sizeof(a->prefix));
    if (order != 0)
        return order;
    if (a->bits != b->bits)
        return a->bits < b->bits ? -1 : 1;
    if (a->hop.kind != b->hop.kind)
        return a->hop.kind < b->hop.kind ? -1 : 1;
    return a->order < b->order ? -1 : 1;
}

static bool same_destination(const struct df_route *a, const struct df_route *b)
{
    return a->bits == b->bits && df_ip_equal(&a->prefix, &b->prefix);
}

#define DESTINATION_TEXT (DF_IP_TEXT + 4)

static const char *destination_text(const struct df_route *route, char text[DESTINATION_TEXT])
{
    char ip[DF_IP_TEXT];
    snprintf(text, DESTINATION_TEXT, "%s/%u", df_ip_text(&route->prefix, ip),
             df_ip_is4(&route->prefix) ? route->bits - 96 : route->bits);
    return text;
}

/* Two ports may have one MAC and so one link-local address, each on its own network: nothing is wrong with that. */
static bool is_duplicate(const struct df_route *first, const struct df_route *second)
{
    bool link_local = first->prefix.byte[0] == 0xfe && (first->prefix.byte[1] & 0xc0) == 0x80;
    return first->hop.kind == second->hop.kind && first->hop.lport != second->hop.lport && !link_local;
}

/* An own address or connected network hides what else leads to the same destination. */
static void name_hidden(struct df_compile *c, const struct df_route *group, size_t n)
{
    char text[DESTINATION_TEXT];
    for (size_t i = 1; i < n; i++) {
        if (group[i].hop.kind == DF_ROUTE_VIA)
            df_compile_problem(c, "routes: %s is the router's own or connected; remove the route",
                               destination_text(&group[i], text));
        else if (is_duplicate(&group[0], &group[i]))
            df_compile_problem(c, "ports: %s is on two ports; the first one holds", destination_text(&group[i], text));
    }
}

static bool has_hop(const struct df_l3_value *value, const struct df_l3_hop *hop)
{
    for (size_t i = 0; i < value->n_hops; i++) {
        if (memcmp(&value->hop[i], hop, sizeof(*hop)) == 0)
            return true;
    }
    return false;
}

static void fill_hops(struct df_compile *c, const struct df_route *group, size_t n, struct df_l3_value *value)
{
    char text[DESTINATION_TEXT];
    for (size_t i = 0; i < n; i++) {
        if (has_hop(value, &group[i].hop))
            continue;
        if (value->n_hops == DF_L3_HOPS_MAX) {
            df_compile_problem(c, "routes: %s has more than %d next hops; the first ones hold",
                               destination_text(&group[i], text), DF_L3_HOPS_MAX);
            return;
        }
        value->hop[value->n_hops++] = group[i].hop;
    }
}

static void emit_destination(struct df_compile *c, uint32_t router, const struct df_route *group, size_t n)
{
    union {
        struct df_l3_value value;
        uint8_t room[sizeof(struct df_l3_value) + DF_L3_HOPS_MAX * sizeof(struct df_l3_hop)];
    } u = {.room = {0}};
    if (group[0].hop.kind == DF_ROUTE_VIA) {
        fill_hops(c, group, n, &u.value);
    } else {
        name_hidden(c, group, n);
        fill_hops(c, group, 1, &u.value);
    }
    struct df_l3_key key = {.router = router, .prefix_len = group[0].bits, .prefix = group[0].prefix};
    df_compile_emit(c, DF_TABLE_L3, &key, sizeof(key), &u.value,
                    (uint32_t)(sizeof(u.value) + u.value.n_hops * sizeof(u.value.hop[0])));
}

void df_routes_emit(struct df_compile *c, struct df_routes *routes, uint32_t router)
{
    if (routes->failed) {
        df_compile_problem(c, "routes: no memory to compile them; none is in force");
        return;
    }
    if (routes->n)
        qsort(routes->route, routes->n, sizeof(routes->route[0]), by_destination);
    for (size_t i = 0; i < routes->n;) {
        size_t n = 1;
        while (i + n < routes->n && same_destination(&routes->route[i], &routes->route[i + n]))
            n++;
        emit_destination(c, router, &routes->route[i], n);
        i += n;
    }
}

void df_routes_free(struct df_routes *routes)
{
    free(routes->route);
}
