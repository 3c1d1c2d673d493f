/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/apps/fake.h"

#include <criterion/criterion.h>
#include <stdio.h>

TestSuite(l3, .init = fake_reset);

#define ROUTER 3
#define BLUE_MAC "fa:16:3e:00:01:01"
#define RED_MAC "fa:16:3e:00:02:01"

static Df__LogicalSwitch blue = LSWITCH(.id = "blue", .unique_key = 5);
static Df__LogicalSwitch red = LSWITCH(.id = "red", .unique_key = 6);

/* Blue is dual stack, red is not. */
#define BLUE_PORT                                                                                                      \
    ROUTER_PORT(.id = "rp-blue", .unique_key = 51, .mac = BLUE_MAC, .lswitch = "blue", .network = "10.1.0.1/24",       \
                LIST(networks, "fd00:1::1/64"))
#define RED_PORT                                                                                                       \
    ROUTER_PORT(.id = "rp-red", .unique_key = 61, .mac = RED_MAC, .lswitch = "red", .network = "10.2.0.1/24")
#define TWO_NETWORKS .id = "r", .unique_key = ROUTER, OBJECTS(Df__LogicalRouterPort, ports, BLUE_PORT, RED_PORT)

static void compile(const Df__LogicalRouter *router)
{
    fake_add(DF_NB_LSWITCH, &blue);
    fake_add(DF_NB_LSWITCH, &red);
    fake_compile(DF_NB_LROUTER, router);
}

/* An IPv4 prefix length is given as for IPv4. */
static const struct df_l3_value *route_to(const char *prefix, unsigned bits)
{
    struct df_ip ip = fake_ip(prefix);
    return FAKE_VALUE(
        DF_TABLE_L3,
        (struct df_l3_key){.router = ROUTER, .prefix_len = df_ip_is4(&ip) ? 96 + bits : bits, .prefix = ip});
}

static void expect_route(const char *prefix, unsigned bits, enum df_route_kind kind, uint32_t network, uint32_t lport)
{
    const struct df_l3_value *route = route_to(prefix, bits);
    cr_assert_not_null(route, "no route to %s/%u", prefix, bits);
    cr_expect_eq(route->n_hops, 1);
    cr_expect_eq(route->hop[0].kind, kind);
    cr_expect_eq(route->hop[0].network, network);
    cr_expect_eq(route->hop[0].lport, lport);
}

Test(l3, router_mac_leads_to_the_router)
{
    Df__LogicalRouter router = LROUTER(TWO_NETWORKS);
    compile(&router);
    const struct df_l2_value *l2 = FAKE_VALUE(DF_TABLE_L2, (struct df_l2_key){.network = 5, .mac = fake_mac(BLUE_MAC)});
    cr_assert_not_null(l2);
    struct df_ip ip4 = fake_ip("10.1.0.1");
    struct df_ip ip6 = fake_ip("fd00:1::1");
    cr_expect_eq(l2->router, ROUTER);
    cr_expect_eq(l2->lport, 51);
    cr_expect(df_ip_equal(&l2->ip4, &ip4));
    cr_expect(df_ip_equal(&l2->ip6, &ip6));

    l2 = FAKE_VALUE(DF_TABLE_L2, (struct df_l2_key){.network = 6, .mac = fake_mac(RED_MAC)});
    cr_assert_not_null(l2);
    cr_expect(df_ip_is_zero(&l2->ip6), "red has no IPv6");
}

Test(l3, router_addresses_are_answered_for)
{
    Df__LogicalRouter router = LROUTER(TWO_NETWORKS);
    compile(&router);
    const struct df_neighbour_value *arp =
        FAKE_VALUE(DF_TABLE_ARP, (struct df_neighbour_key){.network = 5, .ip = fake_ip("10.1.0.1")});
    cr_assert_not_null(arp);
    cr_expect_eq(arp->is_router, 1);
    cr_expect_eq(arp->lport, 51);
    cr_expect_not_null(FAKE_VALUE(DF_TABLE_ND, (struct df_neighbour_key){.network = 5, .ip = fake_ip("fd00:1::1")}));
    cr_expect_not_null(
        FAKE_VALUE(DF_TABLE_ND, (struct df_neighbour_key){.network = 5, .ip = fake_ip("fe80::f816:3eff:fe00:101")}));
    cr_expect_eq(fake_count(DF_TABLE_ND), 2, "and no link-local address on red, which has no IPv6");
}

Test(l3, own_and_connected_routes)
{
    Df__LogicalRouter router = LROUTER(TWO_NETWORKS);
    compile(&router);
    expect_route("10.1.0.1", 32, DF_ROUTE_LOCAL, 5, 51);
    expect_route("10.1.0.0", 24, DF_ROUTE_CONNECTED, 5, 51);
    expect_route("10.2.0.0", 24, DF_ROUTE_CONNECTED, 6, 61);
    expect_route("fd00:1::1", 128, DF_ROUTE_LOCAL, 5, 51);
    expect_route("fd00:1::", 64, DF_ROUTE_CONNECTED, 5, 51);
    expect_route("fe80::f816:3eff:fe00:101", 128, DF_ROUTE_LOCAL, 5, 51);
    cr_expect_eq(fake_count(DF_TABLE_L3), 7);
    struct df_mac mac = fake_mac(RED_MAC);
    cr_expect(df_mac_equal(&route_to("10.2.0.0", 24)->hop[0].mac, &mac));
    cr_expect_eq(fake_problems(), 0);
}

Test(l3, an_address_without_length_is_own_and_not_connected)
{
    Df__LogicalRouter router = LROUTER(.id = "r", .unique_key = ROUTER,
                                       OBJECTS(Df__LogicalRouterPort, ports,
                                               ROUTER_PORT(.id = "p", .unique_key = 51, .mac = BLUE_MAC,
                                                           .lswitch = "blue", .network = "10.9.0.1/32")));
    compile(&router);
    expect_route("10.9.0.1", 32, DF_ROUTE_LOCAL, 5, 51);
    cr_expect_eq(fake_count(DF_TABLE_L3), 1);
    cr_expect_eq(fake_problems(), 0);
}

Test(l3, extra_route_by_its_next_hop)
{
    Df__LogicalRouter router =
        LROUTER(TWO_NETWORKS, OBJECTS(Df__HostRoute, routes, ROUTE("0.0.0.0/0", "10.2.0.254"),
                                      ROUTE("192.168.77.5/16", "10.1.0.9"), ROUTE("::/0", "fd00:1::fe")));
    compile(&router);
    expect_route("0.0.0.0", 0, DF_ROUTE_VIA, 6, 61);
    struct df_ip hop = fake_ip("10.2.0.254");
    cr_expect(df_ip_equal(&route_to("0.0.0.0", 0)->hop[0].ip, &hop));
    expect_route("192.168.0.0", 16, DF_ROUTE_VIA, 5, 51);
    expect_route("::", 0, DF_ROUTE_VIA, 5, 51);
    cr_expect_eq(fake_problems(), 0);
}

Test(l3, equal_destinations_are_ecmp_and_a_hop_counts_once)
{
    Df__LogicalRouter router =
        LROUTER(TWO_NETWORKS, OBJECTS(Df__HostRoute, routes, ROUTE("10.8.0.0/16", "10.2.0.9"),
                                      ROUTE("10.8.0.0/16", "10.1.0.9"), ROUTE("10.8.0.0/16", "10.2.0.9")));
    compile(&router);
    const struct df_l3_value *route = route_to("10.8.0.0", 16);
    cr_assert_not_null(route);
    cr_expect_eq(route->n_hops, 2);
    cr_expect_eq(route->hop[0].network, 6);
    cr_expect_eq(route->hop[1].network, 5);
}

Test(l3, unusable_routes_are_named_and_the_rest_holds)
{
    Df__LogicalRouter router =
        LROUTER(TWO_NETWORKS,
                OBJECTS(Df__HostRoute, routes, ROUTE("10.3.0.0/16", "172.16.0.1"), ROUTE("10.300.0.0/16", "10.1.0.9"),
                        ROUTE("10.4.0.0/16", "fd00:1::9"), ROUTE("10.5.0.0/16", "10.1.0.1"),
                        ROUTE("10.2.0.0/24", "10.1.0.9"), ROUTE("10.6.0.0/16", "10.1.0.9")));
    compile(&router);
    cr_expect(fake_has_problem("10.3.0.0/16", "172.16.0.1"));
    cr_expect(fake_has_problem("10.300.0.0/16", "10.1.0.9"));
    cr_expect(fake_has_problem("10.4.0.0/16", "other IP version"));
    cr_expect(fake_has_problem("10.5.0.0/16", "the router itself"));
    cr_expect(fake_has_problem("10.2.0.0/24", "connected"));
    cr_expect_eq(fake_problems(), 5);
    expect_route("10.2.0.0", 24, DF_ROUTE_CONNECTED, 6, 61);
    expect_route("10.6.0.0", 16, DF_ROUTE_VIA, 5, 51);
    cr_expect_null(route_to("10.3.0.0", 16));
}

Test(l3, more_next_hops_than_there_is_room_for)
{
    static char vias[DF_L3_HOPS_MAX + 1][16];
    static Df__HostRoute extra[DF_L3_HOPS_MAX + 1];
    static Df__HostRoute *routes[DF_L3_HOPS_MAX + 1];
    for (int i = 0; i <= DF_L3_HOPS_MAX; i++) {
        snprintf(vias[i], sizeof(vias[i]), "10.1.0.%d", 100 + i);
        extra[i] = *ROUTE("10.8.0.0/16", vias[i]);
        routes[i] = &extra[i];
    }
    Df__LogicalRouter router = LROUTER(TWO_NETWORKS, .n_routes = DF_L3_HOPS_MAX + 1, .routes = routes);
    compile(&router);
    cr_assert_not_null(route_to("10.8.0.0", 16));
    cr_expect_eq(route_to("10.8.0.0", 16)->n_hops, DF_L3_HOPS_MAX);
    cr_expect(fake_has_problem("10.8.0.0/16", "64"));
    cr_expect_eq(fake_problems(), 1);
}

Test(l3, a_prefix_on_two_ports_is_named)
{
    Df__LogicalRouter router = LROUTER(.id = "r", .unique_key = ROUTER,
                                       OBJECTS(Df__LogicalRouterPort, ports, BLUE_PORT,
                                               ROUTER_PORT(.id = "rp-red", .unique_key = 61, .mac = RED_MAC,
                                                           .lswitch = "red", .network = "10.1.0.2/24")));
    compile(&router);
    expect_route("10.1.0.0", 24, DF_ROUTE_CONNECTED, 5, 51);
    cr_expect(fake_has_problem("10.1.0.0/24", "two ports"));
    cr_expect_eq(fake_problems(), 1);
}

Test(l3, next_hop_through_a_router_is_routed_again)
{
    Df__LogicalRouter router = LROUTER(TWO_NETWORKS);
    compile(&router);
    const struct df_l3_proactive_value *value =
        FAKE_VALUE(DF_TABLE_L3_PROACTIVE, (struct df_l3_proactive_key){.network = 6, .ip = fake_ip("10.2.0.1")});
    cr_assert_not_null(value);
    cr_expect_eq(value->router, ROUTER);
    cr_expect_eq(value->lport, 61);
}

Test(l3, disabled_router_has_no_entries)
{
    Df__LogicalRouter router = LROUTER(TWO_NETWORKS);
    router.enabled = 0;
    compile(&router);
    cr_expect_eq(fake_count(DF_TABLE_L2), 0);
    cr_expect_eq(fake_count(DF_TABLE_L3), 0);
}

Test(l3, port_whose_network_is_missing_waits_with_its_routes)
{
    Df__LogicalRouter router = LROUTER(TWO_NETWORKS, OBJECTS(Df__HostRoute, routes, ROUTE("0.0.0.0/0", "10.2.0.254")));
    fake_add(DF_NB_LSWITCH, &blue);
    fake_compile(DF_NB_LROUTER, &router);
    expect_route("10.1.0.0", 24, DF_ROUTE_CONNECTED, 5, 51);
    cr_expect_null(route_to("10.2.0.0", 24));
    cr_expect_eq(fake_problems(), 0, "a route by a network that is to come is no mistake yet");
}

Test(l3, router_port_takes_the_key_of_its_lport)
{
    Df__LogicalPort lport = LPORT(.id = "rp", .unique_key = 77, .lswitch = "blue");
    Df__LogicalRouter router =
        LROUTER(.id = "r", .unique_key = ROUTER,
                OBJECTS(Df__LogicalRouterPort, ports,
                        ROUTER_PORT(.id = "rp", .mac = BLUE_MAC, .lswitch = "blue", .network = "10.1.0.1/24")));
    fake_add(DF_NB_LPORT, &lport);
    compile(&router);
    expect_route("10.1.0.0", 24, DF_ROUTE_CONNECTED, 5, 77);
}

static const struct fake_entry *station(const char *ip)
{
    struct df_l3_proactive_key key = {.network = 5, .ip = fake_ip(ip)};
    return fake_find(DF_TABLE_L3_PROACTIVE, &key, sizeof(key));
}

Test(l3, lport_addresses_and_single_pairs_can_be_routed_to)
{
    Df__LogicalPort lport =
        LPORT(.id = "vm", .unique_key = 9, .lswitch = "blue", LIST(macs, "fa:16:3e:00:00:01"),
              LIST(ips, "10.1.0.5", "fd00:1::5"), BOUND_TO("there"),
              OBJECTS(Df__AddressPair, allowed_address_pairs, PAIR("10.1.0.100", "00:00:5e:00:01:07"),
                      PAIR("10.1.128.0/17", NULL), PAIR("10.1.0.101", NULL)));
    fake_add(DF_NB_LSWITCH, &blue);
    fake_compile(DF_NB_LPORT, &lport);
    cr_assert(station("10.1.0.5") && station("fd00:1::5") && station("10.1.0.100") && station("10.1.0.101"));
    cr_expect_eq(fake_count(DF_TABLE_L3_PROACTIVE), 4, "and none for the prefix");
    cr_expect_eq(station("10.1.0.5")->rank, 0);
    cr_expect_eq(station("10.1.0.100")->rank, 1);
    const struct df_l3_proactive_value *pair = (const void *)station("10.1.0.100")->value;
    struct df_mac mac = fake_mac("00:00:5e:00:01:07");
    cr_expect(df_mac_equal(&pair->mac, &mac));
    cr_expect_eq(pair->lport, 9);
    cr_expect_eq(pair->router, 0);
}

Test(l3, disabled_unbound_and_router_lports_cannot)
{
    Df__LogicalPort lport = LPORT(.id = "vm", .unique_key = 9, .lswitch = "blue", LIST(macs, "fa:16:3e:00:00:01"),
                                  LIST(ips, "10.1.0.5"), BOUND_TO("there"));
    fake_add(DF_NB_LSWITCH, &blue);
    lport.enabled = 0;
    fake_compile(DF_NB_LPORT, &lport);
    lport.enabled = 1;
    lport.device_owner = "network:router_interface";
    fake_compile(DF_NB_LPORT, &lport);
    lport.device_owner = NULL;
    lport.binding = NULL;
    fake_compile(DF_NB_LPORT, &lport);
    cr_expect_eq(fake_count(DF_TABLE_L3_PROACTIVE), 0);
}
