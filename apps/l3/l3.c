/* SPDX-License-Identifier: Apache-2.0 */
#include "apps/l3/routes.h"
#include "apps/lport.h"

#include <stdlib.h>

/*
 * l3: distributed routing. Every node that needs a router's networks has the whole router.
 *
 * A router's port gives its MAC to 55 L2_LOOKUP (what is sent to it is routed), its addresses to 25 ARP, 45 IPV6_ND
 * and 65 L3_PROACTIVE_LOOKUP (so another router's next hop through this one is routed again), and the router's routes
 * to 60 L3_LOOKUP. An lport gives its addresses to 65, where a routed packet finds its destination's MAC.
 */

enum { RANK_OWN, RANK_PAIR };

/* One port of the router, as far as this node needs it. */
struct router_port {
    const Df__LogicalRouterPort *port;
    uint32_t router, network, lport;
    struct df_mac mac;
    struct df_ip ip4, ip6; /* the first address in each family; zero: none */
};

static void emit_l2(struct df_compile *c, const struct router_port *p)
{
    struct df_l2_key key = {.network = p->network, .mac = p->mac};
    struct df_l2_value value = {.lport = p->lport, .router = p->router, .ip4 = p->ip4, .ip6 = p->ip6};
    df_compile_emit(c, DF_TABLE_L2, &key, sizeof(key), &value, sizeof(value));
}

static void emit_neighbour(struct df_compile *c, const struct router_port *p, const struct df_ip *ip)
{
    struct df_neighbour_key key = {.network = p->network, .ip = *ip};
    struct df_neighbour_value value = {.lport = p->lport, .mac = p->mac, .is_router = 1};
    df_compile_emit(c, df_ip_is4(ip) ? DF_TABLE_ARP : DF_TABLE_ND, &key, sizeof(key), &value, sizeof(value));
}

static void emit_proactive(struct df_compile *c, const struct router_port *p, const struct df_ip *ip)
{
    struct df_l3_proactive_key key = {.network = p->network, .ip = *ip};
    struct df_l3_proactive_value value = {.lport = p->lport, .router = p->router, .mac = p->mac};
    df_compile_emit(c, DF_TABLE_L3_PROACTIVE, &key, sizeof(key), &value, sizeof(value));
}

static struct df_l3_hop hop_of(const struct router_port *p, enum df_route_kind kind)
{
    return (struct df_l3_hop){.network = p->network, .lport = p->lport, .mac = p->mac, .kind = (uint16_t)kind};
}

static void add_address(struct df_compile *c, struct df_routes *routes, struct router_port *p, const char *text)
{
    struct df_ip ip;
    unsigned bits;
    if (df_prefix_parse(text, &ip, &bits) < 0) {
        df_compile_problem(c, "ports: %s: network %s is not an address with a prefix length; correct it", p->port->id,
                           text);
        return;
    }
    struct df_ip *first = df_ip_is4(&ip) ? &p->ip4 : &p->ip6;
    if (df_ip_is_zero(first))
        *first = ip;
    emit_neighbour(c, p, &ip);
    emit_proactive(c, p, &ip);
    df_routes_add(routes, &ip, 128, hop_of(p, DF_ROUTE_LOCAL));
    df_routes_add(routes, &ip, bits, hop_of(p, DF_ROUTE_CONNECTED));
}

/*
 * Hosts speak ND to the link-local address of a router, and take it for their default route (RFC 4861 section 6.3.4).
 */
static void add_link_local(struct df_compile *c, struct df_routes *routes, const struct router_port *p)
{
    struct df_ip ip = df_link_local(&p->mac);
    emit_neighbour(c, p, &ip);
    df_routes_add(routes, &ip, 128, hop_of(p, DF_ROUTE_LOCAL));
}

/* Fills p with what identifies the port in tables; false: not needed here, not known yet, or malformed. */
static bool identify(struct df_compile *c, const Df__LogicalRouterPort *port, struct router_port *p)
{
    p->port = port;
    if (!port->id || !port->lswitch || !port->mac || df_mac_parse(port->mac, &p->mac) < 0) {
        df_compile_problem(c, "ports: %s needs an id, an lswitch and a MAC address", port->id ? port->id : "a port");
        return false;
    }
    if (!df_compile_needs_network(c, port->lswitch))
        return false;
    p->network = df_compile_key(c, DF_NB_LSWITCH, port->lswitch);
    p->lport = port->unique_key ? port->unique_key : df_compile_key(c, DF_NB_LPORT, port->id);
    return p->network && p->lport;
}

static void add_port(struct df_compile *c, struct df_routes *routes, uint32_t router, const Df__LogicalRouterPort *port)
{
    struct router_port p = {.router = router};
    if (!identify(c, port, &p)) {
        routes->partial = true;
        return;
    }
    if (port->network)
        add_address(c, routes, &p, port->network);
    for (size_t i = 0; i < port->n_networks; i++)
        add_address(c, routes, &p, port->networks[i]);
    if (!df_ip_is_zero(&p.ip6))
        add_link_local(c, routes, &p);
    emit_l2(c, &p);
}

static void compile_lrouter(struct df_compile *c, const ProtobufCMessage *object)
{
    const Df__LogicalRouter *lrouter = (const Df__LogicalRouter *)object;
    if (!lrouter->enabled)
        return;
    struct df_routes routes = {0};
    for (size_t i = 0; i < lrouter->n_ports; i++)
        add_port(c, &routes, lrouter->unique_key, lrouter->ports[i]);
    df_routes_connect(&routes);
    for (size_t i = 0; i < lrouter->n_routes; i++)
        df_routes_add_extra(c, &routes, lrouter->routes[i]);
    df_routes_emit(c, &routes, lrouter->unique_key);
    df_routes_free(&routes);
}

static void emit_station(struct df_compile *c, unsigned rank, struct df_l3_proactive_key key, const char *mac,
                         uint32_t lport)
{
    struct df_l3_proactive_value value = {.lport = lport};
    if (mac && df_mac_parse(mac, &value.mac) == 0)
        df_compile_emit_ranked(c, rank, DF_TABLE_L3_PROACTIVE, &key, sizeof(key), &value, sizeof(value));
}

/* What is malformed here is named by l2, which reads the same fields. */
static void compile_lport(struct df_compile *c, const ProtobufCMessage *object)
{
    const Df__LogicalPort *lport = (const Df__LogicalPort *)object;
    if (!df_lport_is_reachable(lport) || !df_compile_needs_network(c, lport->lswitch))
        return;
    struct df_l3_proactive_key key = {.network = df_compile_key(c, DF_NB_LSWITCH, lport->lswitch)};
    if (key.network == 0)
        return;
    const char *mac = lport->n_macs ? lport->macs[0] : NULL;
    for (size_t i = 0; i < lport->n_ips; i++) {
        if (df_ip_parse(lport->ips[i], &key.ip) == 0)
            emit_station(c, RANK_OWN, key, mac, lport->unique_key);
    }
    for (size_t i = 0; i < lport->n_allowed_address_pairs; i++) {
        const Df__AddressPair *pair = lport->allowed_address_pairs[i];
        unsigned bits;
        if (pair->ip_address && df_prefix_parse(pair->ip_address, &key.ip, &bits) == 0 && bits == 128)
            emit_station(c, RANK_PAIR, key, df_lport_pair_mac(lport, pair), lport->unique_key);
    }
}

static const struct df_app_rule rules[] = {
    {DF_NB_LROUTER, compile_lrouter},
    {DF_NB_LPORT, compile_lport},
    {DF_NB_TABLES, NULL},
};

const struct df_app df_app = {
    .abi = DF_APP_ABI,
    .name = "l3",
    .summary = "distributed routing between networks, extra routes, ECMP",
    .rules = rules,
};
