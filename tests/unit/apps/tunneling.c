/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/apps/fake.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define MAC "fa:16:3e:00:00:01"
#define VNI 5000

static struct df_underlay_end end;

static Df__LogicalSwitch net = LSWITCH(.id = "net", .unique_key = 7, .network_type = "vxlan", .has_segmentation_id = 1,
                                       .segmentation_id = VNI, .has_mtu = 1, .mtu = 1450);
static Df__Chassis node2 = CHASSIS(.id = "node2", .ip = "192.0.2.2", LIST(tunnel_types, "geneve", "vxlan"));

static void node(void)
{
    fake_reset();
    end = (struct df_underlay_end){.name = "up0",
                                   .port = 1023,
                                   .vlan = 9,
                                   .mtu = 1500,
                                   .ip4 = fake_ip("192.0.2.1"),
                                   .types = {DF_TUNNEL_GENEVE, DF_TUNNEL_VXLAN, DF_TUNNEL_GRE},
                                   .udp6_checksum = true};
    fake_set_underlay(&end);
    fake_add(DF_NB_LSWITCH, &net);
    fake_add(DF_NB_CHASSIS, &node2);
}

TestSuite(tunneling, .init = node);

static Df__LogicalPort vm(const char *chassis)
{
    static char *macs[] = {MAC, "fa:16:3e:00:00:02"};
    static char *ips[] = {"10.0.0.5"};
    static Df__PortBinding binding;
    binding = (Df__PortBinding){
        .base = PROTOBUF_C_MESSAGE_INIT(&df__port_binding__descriptor), .type = "chassis", .chassis = (char *)chassis};
    if (strcmp(chassis, "node1") != 0)
        fake_set_remote("vm");
    return (Df__LogicalPort)LPORT(.id = "vm", .unique_key = 3, .lswitch = "net", .n_macs = 2, .macs = macs, .n_ips = 1,
                                  .ips = ips, .binding = &binding);
}

static const struct df_egress_value *egress(void)
{
    return FAKE_VALUE(DF_TABLE_EGRESS, (struct df_egress_key){.lport = 3});
}

static const struct df_peer_value *peer(const char *ip)
{
    return FAKE_VALUE(DF_TABLE_PEERS, (struct df_peer_key){.ip = fake_ip(ip)});
}

/* ---- ports */

Test(tunneling, a_port_on_another_node_is_behind_its_chassis_by_the_networks_key)
{
    Df__LogicalPort lport = vm("node2");
    fake_compile(DF_NB_LPORT, &lport);
    const struct df_egress_value *value = egress();
    cr_assert_not_null(value);
    struct df_ip ip = fake_ip("192.0.2.2");
    cr_assert_eq(value->kind, DF_EGRESS_TUNNEL);
    cr_assert_eq(value->tunnel_type, DF_TUNNEL_VXLAN);
    cr_assert_eq(value->tunnel_key, VNI);
    cr_assert(df_ip_equal(&value->peer, &ip));
    cr_assert(fake_was_read(DF_NB_CHASSIS, "node2"), "when it moves to another address the way changes");
    cr_assert_eq(fake_count(DF_TABLE_INGRESS_LOOKUP), 0);
    cr_assert_eq(fake_problems(), 0);
}

Test(tunneling, a_local_port_is_found_by_its_macs_from_a_tunnel)
{
    Df__LogicalPort lport = vm("node1");
    lport.n_allowed_address_pairs = 2;
    lport.allowed_address_pairs = (Df__AddressPair *[]){PAIR("10.0.0.9", "fa:16:3e:00:00:09"), PAIR("10.0.0.10", NULL)};
    fake_compile(DF_NB_LPORT, &lport);
    static const char *const macs[] = {MAC, "fa:16:3e:00:00:02", "fa:16:3e:00:00:09"};
    for (unsigned i = 0; i < 3; i++) {
        const struct df_ingress_lookup_value *value =
            FAKE_VALUE(DF_TABLE_INGRESS_LOOKUP, (struct df_ingress_lookup_key){.network = 7, .mac = fake_mac(macs[i])});
        cr_assert(value && value->lport == 3, "%s", macs[i]);
    }
    cr_assert_eq(fake_count(DF_TABLE_INGRESS_LOOKUP), 3);
    cr_assert_eq(fake_count(DF_TABLE_EGRESS), 0, "that way is the binding's to say");
}

Test(tunneling, a_pairs_mac_gives_way_to_a_port_that_has_it)
{
    struct df_ingress_lookup_key key = {.network = 7, .mac = fake_mac("fa:16:3e:00:00:09")};
    Df__LogicalPort lport = vm("node1");
    lport.n_allowed_address_pairs = 1;
    lport.allowed_address_pairs = (Df__AddressPair *[]){PAIR("10.0.0.9", "fa:16:3e:00:00:09")};
    fake_compile(DF_NB_LPORT, &lport);
    const struct fake_entry *entry = fake_find(DF_TABLE_INGRESS_LOOKUP, &key, sizeof(key));
    key.mac = fake_mac(MAC);
    cr_assert_gt(entry->rank, fake_find(DF_TABLE_INGRESS_LOOKUP, &key, sizeof(key))->rank);
}

Test(tunneling, ports_that_no_packet_is_meant_for_have_no_way)
{
    Df__LogicalPort off = vm("node2"), router = vm("node2"), unbound = vm("node2");
    off.enabled = 0;
    router.device_owner = "network:router_interface";
    unbound.binding = NULL;
    fake_compile(DF_NB_LPORT, &off);
    fake_compile(DF_NB_LPORT, &router);
    fake_compile(DF_NB_LPORT, &unbound);
    cr_assert_eq(fake_count(DF_TABLE_EGRESS) + fake_count(DF_TABLE_INGRESS_LOOKUP), 0);
}

Test(tunneling, networks_that_are_not_needed_or_have_no_tunnels_give_nothing)
{
    static char *const types[] = {"local", "flat", "vlan", "stt", NULL};
    Df__LogicalPort far = vm("node2");
    fake_set_unneeded("net");
    fake_compile(DF_NB_LPORT, &far);
    fake_compile(DF_NB_LSWITCH, &net);
    fake_set_unneeded(NULL);
    for (unsigned i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        net.network_type = types[i];
        fake_set_remote("vm");
        fake_compile(DF_NB_LPORT, &far);
        fake_set_remote(NULL);
        fake_compile(DF_NB_LPORT, &far);
        fake_compile(DF_NB_LSWITCH, &net);
    }
    cr_assert_eq(fake_count(DF_TABLE_EGRESS), 0);
    cr_assert_eq(fake_count(DF_TABLE_INGRESS_LOOKUP), 0);
    cr_assert_eq(fake_count(DF_TABLE_TUNNEL), 0);
}

Test(tunneling, a_missing_chassis_is_waited_for_without_a_problem)
{
    Df__LogicalPort lport = vm("node9");
    fake_compile(DF_NB_LPORT, &lport);
    cr_assert_null(egress());
    cr_assert(fake_was_read(DF_NB_CHASSIS, "node9"));
    cr_assert_eq(fake_problems(), 0);
}

static void expect_no_way(Df__Chassis chassis, const char *part)
{
    chassis.id = "other";
    fake_add(DF_NB_CHASSIS, &chassis);
    Df__LogicalPort lport = vm("other");
    fake_compile(DF_NB_LPORT, &lport);
    cr_assert_null(egress());
    cr_assert(fake_has_problem("chassis other", part), "no problem with '%s' in it", part);
    node();
}

Test(tunneling, a_chassis_that_cannot_be_reached_is_named)
{
    end.types[1] = 0; /* geneve alone */
    expect_no_way((Df__Chassis)CHASSIS(.ip = "192.0.2.3", LIST(tunnel_types, "vxlan", "gre")), "none in common");
    expect_no_way((Df__Chassis)CHASSIS(.ip = "192.0.2.3"), "none in common");
    expect_no_way((Df__Chassis)CHASSIS(.ip = "192.0.2.3", LIST(tunnel_types, "stt")), "none in common");
    expect_no_way((Df__Chassis)CHASSIS(.ip = "nowhere", LIST(tunnel_types, "vxlan")), "nowhere is not the address");
    expect_no_way((Df__Chassis)CHASSIS(LIST(tunnel_types, "vxlan")), "not the address of one station");
    expect_no_way((Df__Chassis)CHASSIS(.ip = "239.1.1.1", LIST(tunnel_types, "vxlan")), "not the address of one");
    expect_no_way((Df__Chassis)CHASSIS(.ip = "2001:db8::3", LIST(tunnel_types, "vxlan")), "family");
    expect_no_way((Df__Chassis)CHASSIS(.ip = "192.0.2.1", LIST(tunnel_types, "vxlan")), "this node's own");
}

/* ---- types */

static void expect_type(Df__Chassis chassis, enum df_tunnel_type type)
{
    chassis.id = "other";
    chassis.ip = "192.0.2.3";
    fake_add(DF_NB_CHASSIS, &chassis);
    Df__LogicalPort lport = vm("other");
    fake_compile(DF_NB_LPORT, &lport);
    const struct df_egress_value *value = egress();
    cr_assert_not_null(value);
    cr_assert_eq(value->tunnel_type, type);
    cr_assert_eq(value->tunnel_key, net.segmentation_id, "the key is the network's in every type");
    cr_assert_eq(fake_problems(), 0);
    node();
}

Test(tunneling, a_network_goes_by_its_own_type_where_both_speak_it)
{
    static const struct {
        char *network_type;
        enum df_tunnel_type type;
    } own[] = {{"vxlan", DF_TUNNEL_VXLAN}, {"geneve", DF_TUNNEL_GENEVE}, {"gre", DF_TUNNEL_GRE}};
    for (unsigned i = 0; i < 3; i++) {
        net.network_type = own[i].network_type;
        expect_type((Df__Chassis)CHASSIS(LIST(tunnel_types, "gre", "vxlan", "geneve")), own[i].type);
        expect_type((Df__Chassis)CHASSIS(LIST(tunnel_types, own[i].network_type)), own[i].type);
    }
}

Test(tunneling, it_goes_by_the_best_that_both_speak_where_they_do_not)
{
    net.network_type = "geneve";
    expect_type((Df__Chassis)CHASSIS(LIST(tunnel_types, "gre", "vxlan")), DF_TUNNEL_VXLAN);
    expect_type((Df__Chassis)CHASSIS(LIST(tunnel_types, "gre")), DF_TUNNEL_GRE);
    net.network_type = "gre";
    expect_type((Df__Chassis)CHASSIS(LIST(tunnel_types, "vxlan", "geneve")), DF_TUNNEL_GENEVE);
}

Test(tunneling, a_type_that_this_node_does_not_speak_is_not_taken)
{
    end.types[0] = DF_TUNNEL_GRE;
    end.types[1] = DF_TUNNEL_VXLAN;
    end.types[2] = 0;
    Df__Chassis chassis = CHASSIS(.id = "other", .ip = "192.0.2.3", LIST(tunnel_types, "geneve", "vxlan", "gre"));
    fake_add(DF_NB_CHASSIS, &chassis);
    net.network_type = "geneve";
    Df__LogicalPort lport = vm("other");
    fake_compile(DF_NB_LPORT, &lport);
    cr_assert_eq(egress()->tunnel_type, DF_TUNNEL_GRE, "its own best");
    fake_compile(DF_NB_CHASSIS, &chassis);
    cr_assert_eq(peer("192.0.2.3")->types, DF_TUNNEL_BIT(DF_TUNNEL_GRE) | DF_TUNNEL_BIT(DF_TUNNEL_VXLAN));
}

Test(tunneling, a_key_of_more_than_24_bits_goes_by_gre_alone)
{
    net.network_type = "gre";
    net.segmentation_id = 0x1000000;
    expect_type((Df__Chassis)CHASSIS(LIST(tunnel_types, "gre", "vxlan")), DF_TUNNEL_GRE);
    fake_compile(DF_NB_LSWITCH, &net);
    cr_assert_eq(fake_problems(), 0);
    expect_no_way((Df__Chassis)CHASSIS(.ip = "192.0.2.3", LIST(tunnel_types, "vxlan")), "16777216");
}

/* ---- vteps */

static Df__LogicalPort at_vtep(char *address)
{
    static Df__PortBinding binding;
    Df__LogicalPort lport = vm("node2");
    binding = (Df__PortBinding){
        .base = PROTOBUF_C_MESSAGE_INIT(&df__port_binding__descriptor), .type = "vtep", .vtep_address = address};
    lport.binding = &binding;
    return lport;
}

Test(tunneling, a_port_at_a_vtep_is_behind_its_address_by_vxlan)
{
    Df__LogicalPort lport = at_vtep("192.0.2.50");
    fake_compile(DF_NB_LPORT, &lport);
    struct df_ip ip = fake_ip("192.0.2.50");
    const struct df_egress_value *value = egress();
    cr_assert_not_null(value);
    cr_assert(value->kind == DF_EGRESS_TUNNEL && value->tunnel_type == DF_TUNNEL_VXLAN && value->tunnel_key == VNI);
    cr_assert(df_ip_equal(&value->peer, &ip));
    const struct df_peer_value *at = peer("192.0.2.50");
    cr_assert(at && at->reachable == DF_PEER_REACHABLE && at->vlan == 9 && at->mtu == 1500);
    cr_assert(at->vtep && at->types == DF_TUNNEL_BIT(DF_TUNNEL_VXLAN), "nothing else comes from there");
    cr_assert_eq(fake_problems(), 0);
}

Test(tunneling, a_chassis_of_the_same_address_goes_before_a_vtep)
{
    Df__LogicalPort lport = at_vtep("192.0.2.2");
    fake_compile(DF_NB_LPORT, &lport);
    fake_compile(DF_NB_CHASSIS, &node2);
    cr_assert_eq(fake_count(DF_TABLE_PEERS), 2);
    cr_assert_eq(peer("192.0.2.2")->types, DF_TUNNEL_BIT(DF_TUNNEL_GENEVE) | DF_TUNNEL_BIT(DF_TUNNEL_VXLAN));
}

static void expect_no_vtep(char *address, const char *part)
{
    Df__LogicalPort lport = at_vtep(address);
    fake_compile(DF_NB_LPORT, &lport);
    cr_assert(fake_has_problem("vtep", part), "no problem with '%s' in it", part);
    cr_assert_eq(fake_count(DF_TABLE_EGRESS) + fake_count(DF_TABLE_PEERS), 0);
    node();
}

Test(tunneling, a_vtep_that_cannot_be_reached_is_named)
{
    expect_no_vtep("192.0.2.1", "this node's own");
    expect_no_vtep("239.0.0.1", "not the address of one station");
    expect_no_vtep("host1", "not the address of one station");
    expect_no_vtep("2001:db8::50", "family");
    net.network_type = "geneve";
    expect_no_vtep("192.0.2.50", "of type geneve");
    net.network_type = "vxlan";
    end.types[0] = DF_TUNNEL_GENEVE;
    end.types[1] = 0;
    expect_no_vtep("192.0.2.50", "[df] tunnel_types");
    fake_set_underlay(NULL);
    expect_no_vtep("192.0.2.50", "[df] underlay_port");
}

Test(tunneling, without_an_underlay_a_port_elsewhere_is_a_problem_and_nothing_else)
{
    fake_set_underlay(NULL);
    Df__LogicalPort near = vm("node1");
    fake_compile(DF_NB_LPORT, &near);
    fake_compile(DF_NB_LSWITCH, &net);
    fake_compile(DF_NB_CHASSIS, &node2);
    cr_assert_eq(fake_problems(), 0);
    Df__LogicalPort far = vm("node2");
    fake_compile(DF_NB_LPORT, &far);
    cr_assert(fake_has_problem("node2", "[df] underlay_port"));
    cr_assert_eq(fake_count(DF_TABLE_EGRESS), 0);
    cr_assert_eq(fake_count(DF_TABLE_INGRESS_LOOKUP), 0);
    cr_assert_eq(fake_count(DF_TABLE_TUNNEL), 0);
    cr_assert_eq(fake_count(DF_TABLE_PEERS), 0);
}

/* ---- networks */

Test(tunneling, a_network_has_its_key)
{
    fake_compile(DF_NB_LSWITCH, &net);
    const struct df_tunnel_value *value =
        FAKE_VALUE(DF_TABLE_TUNNEL, (struct df_tunnel_key){.tunnel_type = DF_TUNNEL_VXLAN, .tunnel_key = VNI});
    cr_assert(value && value->network == 7);
    cr_assert_eq(fake_problems(), 0);
}

Test(tunneling, a_network_without_a_key_and_one_whose_key_does_not_fit_are_named)
{
    net.segmentation_id = 0xffffff;
    fake_compile(DF_NB_LSWITCH, &net);
    cr_assert_eq(fake_count(DF_TABLE_TUNNEL), 1);
    net.segmentation_id++;
    fake_compile(DF_NB_LSWITCH, &net);
    cr_assert_eq(fake_count(DF_TABLE_TUNNEL), 1);
    net.has_segmentation_id = 0;
    fake_compile(DF_NB_LSWITCH, &net);
    cr_assert_eq(fake_count(DF_TABLE_TUNNEL), 1);
    cr_assert_eq(fake_problems(), 2);
    cr_assert(fake_has_problem("segmentation_id", NULL));
}

Test(tunneling, each_type_of_network_has_keys_of_its_own)
{
    static char *const names[] = {"geneve", "gre"};
    static const enum df_tunnel_type types[] = {DF_TUNNEL_GENEVE, DF_TUNNEL_GRE};
    end.types[0] = DF_TUNNEL_VXLAN; /* what this node does not speak it hears by another */
    end.types[1] = 0;
    for (unsigned i = 0; i < 2; i++) {
        net.network_type = names[i];
        fake_compile(DF_NB_LSWITCH, &net);
        const struct df_tunnel_value *value =
            FAKE_VALUE(DF_TABLE_TUNNEL, (struct df_tunnel_key){.tunnel_type = types[i], .tunnel_key = VNI});
        cr_assert(value && value->network == 7, "%s", names[i]);
    }
    cr_assert_eq(fake_count(DF_TABLE_TUNNEL), 2);
    cr_assert_eq(fake_problems(), 0);
}

Test(tunneling, an_mtu_that_does_not_fit_the_underlay_is_named)
{
    net.mtu = 1451;
    fake_compile(DF_NB_LSWITCH, &net);
    cr_assert(fake_has_problem("1451", "1500"));
    cr_assert_eq(fake_count(DF_TABLE_TUNNEL), 1, "what is shorter gets through");
    net.mtu = UINT32_MAX;
    fake_compile(DF_NB_LSWITCH, &net);
    cr_assert_eq(fake_problems(), 2);
}

Test(tunneling, what_must_fit_depends_on_type_and_family)
{
    static const struct {
        char *network_type;
        uint32_t mtu4;
    } longest[] = {{"vxlan", 1450}, {"geneve", 1450}, {"gre", 1458}};
    for (unsigned ip6 = 0; ip6 < 2; ip6++) {
        for (unsigned i = 0; i < 3; i++) {
            net.network_type = longest[i].network_type;
            net.mtu = longest[i].mtu4 - 20 * ip6;
            fake_compile(DF_NB_LSWITCH, &net);
            cr_assert_eq(fake_problems(), 3 * ip6 + i);
            net.mtu++;
            fake_compile(DF_NB_LSWITCH, &net);
            cr_assert_eq(fake_problems(), 3 * ip6 + i + 1, "%s", longest[i].network_type);
        }
        end.ip6 = fake_ip("2001:db8::1");
        end.ip4 = (struct df_ip){.word = {0}};
    }
}

/* ---- nodes */

Test(tunneling, another_node_is_a_peer_at_its_neighbours_mac)
{
    fake_compile(DF_NB_CHASSIS, &node2);
    const struct df_peer_value *value = peer("192.0.2.2");
    struct df_mac src = fake_mac(FAKE_UNDERLAY_MAC), dst = fake_mac("02:00:00:00:01:02");
    cr_assert_not_null(value);
    cr_assert_eq(value->port, 1023);
    cr_assert_eq(value->reachable, 1);
    cr_assert_eq(value->types, DF_TUNNEL_BIT(DF_TUNNEL_GENEVE) | DF_TUNNEL_BIT(DF_TUNNEL_VXLAN));
    cr_assert(value->vlan == 9 && value->mtu == 1500 && value->udp6_checksum == 1);
    cr_assert(df_ip_equal(&value->local_ip, &end.ip4));
    cr_assert(df_mac_equal(&value->src, &src));
    cr_assert(df_mac_equal(&value->dst, &dst));
    cr_assert_eq(fake_problems(), 0);
}

Test(tunneling, a_dead_node_is_no_peer)
{
    fake_set_dead("node2");
    fake_compile(DF_NB_CHASSIS, &node2);
    cr_assert_null(peer("192.0.2.2"));
    cr_assert_eq(fake_problems(), 0);
}

Test(tunneling, a_node_without_a_mac_is_a_peer_that_cannot_be_reached)
{
    Df__Chassis chassis = CHASSIS(.id = "node99", .ip = "192.0.2.99", LIST(tunnel_types, "vxlan"));
    fake_compile(DF_NB_CHASSIS, &chassis);
    const struct df_peer_value *value = peer("192.0.2.99");
    cr_assert(value && value->reachable == 0);
    cr_assert(fake_has_problem("192.0.2.99", "underlay_neighbours"));
}

Test(tunneling, a_peer_has_the_mtu_of_its_path)
{
    Df__Chassis chassis = CHASSIS(.id = "node98", .ip = "192.0.2.98", LIST(tunnel_types, "vxlan"));
    fake_compile(DF_NB_CHASSIS, &chassis);
    cr_assert_eq(peer("192.0.2.98")->mtu, FAKE_PATH_MTU);
}

Test(tunneling, a_peer_is_spoken_to_from_the_address_of_its_family)
{
    Df__Chassis chassis = CHASSIS(.id = "node6", .ip = "2001:db8::3", LIST(tunnel_types, "gre"));
    end.ip6 = fake_ip("2001:db8::1");
    fake_compile(DF_NB_CHASSIS, &node2);
    fake_compile(DF_NB_CHASSIS, &chassis);
    cr_assert(df_ip_equal(&peer("192.0.2.2")->local_ip, &end.ip4));
    cr_assert(df_ip_equal(&peer("2001:db8::3")->local_ip, &end.ip6));
    cr_assert_eq(fake_problems(), 0);
}

Test(tunneling, this_node_and_nodes_without_a_common_type_are_no_peers)
{
    Df__Chassis chassis[] = {
        CHASSIS(.id = "node1", .ip = "192.0.2.1", LIST(tunnel_types, "vxlan")),
        CHASSIS(.id = "a", .ip = "192.0.2.3", LIST(tunnel_types, "stt")),
        CHASSIS(.id = "b", .ip = "192.0.2.4"),
        CHASSIS(.id = "c", LIST(tunnel_types, "vxlan")),
        CHASSIS(.id = "d", .ip = "2001:db8::3", LIST(tunnel_types, "vxlan")),
        CHASSIS(.id = "e", .ip = "192.0.2.5", LIST(tunnel_types, "gre")),
    };
    end.types[2] = 0;
    for (unsigned i = 0; i < sizeof(chassis) / sizeof(chassis[0]); i++)
        fake_compile(DF_NB_CHASSIS, &chassis[i]);
    cr_assert_eq(fake_count(DF_TABLE_PEERS), 0);
}

/* ---- Who hears a network's broadcast */

static const struct df_flood_value *flood(const char *ip)
{
    return FAKE_VALUE(DF_TABLE_FLOOD, (struct df_flood_key){.network = 7, .peer = fake_ip(ip)});
}

static void flood_to(const struct df_compile_place *place)
{
    fake_set_places(place, 1);
    fake_compile(DF_NB_LSWITCH, &net);
}

Test(tunneling, a_node_with_a_port_hears_the_network_by_the_type_of_its_ports)
{
    flood_to(&(const struct df_compile_place){.chassis = "node2"});
    const struct df_flood_value *value = flood("192.0.2.2");
    cr_assert(value && value->tunnel_type == DF_TUNNEL_VXLAN && value->tunnel_key == VNI && value->unknown == 0);
    cr_assert(fake_was_read(DF_NB_CHASSIS, "node2"), "when it moves to another address the copy does");
    cr_assert_eq(fake_problems(), 0);
}

Test(tunneling, where_a_port_may_have_any_mac_unknown_ones_are_heard)
{
    static const struct df_compile_place places[] = {{.chassis = "node2"}, {.chassis = "twin", .is_open = true}};
    Df__Chassis twin = CHASSIS(.id = "twin", .ip = "192.0.2.2", LIST(tunnel_types, "vxlan"));
    fake_add(DF_NB_CHASSIS, &twin);
    fake_set_places(places, 2);
    fake_compile(DF_NB_LSWITCH, &net);
    cr_assert_eq(flood("192.0.2.2")->unknown, 1, "of two at one address too");
}

Test(tunneling, a_vtep_hears_networks_of_its_type)
{
    const struct df_compile_place place = {.vtep_address = "192.0.2.50"};
    flood_to(&place);
    cr_assert(flood("192.0.2.50") && flood("192.0.2.50")->tunnel_type == DF_TUNNEL_VXLAN);
    node();
    net.network_type = "geneve";
    flood_to(&place);
    cr_assert_eq(fake_count(DF_TABLE_FLOOD), 0);
}

Test(tunneling, what_no_tunnel_leads_to_hears_nothing_and_its_ports_say_why)
{
    static const struct df_compile_place places[] = {{.chassis = "missing"},
                                                     {.chassis = "no-type"},
                                                     {.chassis = "no-way"},
                                                     {.chassis = "node2"},
                                                     {.vtep_address = "fe80"}};
    Df__Chassis no_type = CHASSIS(.id = "no-type", .ip = "192.0.2.3", LIST(tunnel_types, "stt"));
    Df__Chassis no_way = CHASSIS(.id = "no-way", .ip = "2001:db8::3", LIST(tunnel_types, "vxlan"));
    fake_add(DF_NB_CHASSIS, &no_type);
    fake_add(DF_NB_CHASSIS, &no_way);
    fake_set_dead("node2");
    fake_set_places(places, 5);
    fake_compile(DF_NB_LSWITCH, &net);
    cr_assert_eq(fake_count(DF_TABLE_FLOOD), 0);
    cr_assert_eq(fake_problems(), 0);
    fake_set_underlay(NULL);
    fake_compile(DF_NB_LSWITCH, &net);
    cr_assert_eq(fake_count(DF_TABLE_FLOOD), 0);
}

/* ---- Nodes with several addresses */

#define DUAL(...) CHASSIS(.id = "dual", LIST(tunnel_types, "vxlan"), __VA_ARGS__)
#define OWN4 "192.0.2.1"
#define OWN6 "2001:db8::1"

/* The way to a port there, and what is taken from there. */
static void expect_ends(Df__Chassis chassis, const char *own4, const char *own6, const char *sent, const char *heard)
{
    end.ip4 = own4 ? fake_ip(own4) : (struct df_ip){{{0}}};
    end.ip6 = own6 ? fake_ip(own6) : (struct df_ip){{{0}}};
    fake_add(DF_NB_CHASSIS, &chassis);
    fake_compile(DF_NB_CHASSIS, &chassis);
    Df__LogicalPort lport = vm("dual");
    fake_compile(DF_NB_LPORT, &lport);
    struct df_ip ip = fake_ip(sent);
    cr_assert(egress() && df_ip_equal(&egress()->peer, &ip), "%s", sent);
    cr_assert(peer(sent) && peer(sent)->reachable == DF_PEER_REACHABLE, "%s", sent);
    if (heard)
        cr_assert(peer(heard) && peer(heard)->reachable == DF_PEER_HEARD, "%s", heard);
    cr_assert_eq(fake_count(DF_TABLE_PEERS), heard ? 2 : 1);
    cr_assert_eq(fake_problems(), 0);
    node();
}

Test(tunneling, a_node_is_sent_to_at_its_first_address_of_a_family_that_is_ours)
{
    expect_ends((Df__Chassis)DUAL(.ip = "192.0.2.7", LIST(ips, "192.0.2.7", "2001:db8::7")), OWN4, OWN6, "192.0.2.7",
                "2001:db8::7");
    expect_ends((Df__Chassis)DUAL(.ip = "2001:db8::7", LIST(ips, "2001:db8::7", "192.0.2.7")), OWN4, OWN6,
                "2001:db8::7", "192.0.2.7");
    expect_ends((Df__Chassis)DUAL(.ip = "192.0.2.7", LIST(ips, "192.0.2.7", "2001:db8::7")), OWN4, NULL, "192.0.2.7",
                NULL);
    expect_ends((Df__Chassis)DUAL(.ip = "192.0.2.7", LIST(ips, "192.0.2.7", "2001:db8::7")), NULL, OWN6, "2001:db8::7",
                NULL);
    expect_ends((Df__Chassis)DUAL(.ip = "192.0.2.7"), OWN4, OWN6, "192.0.2.7", NULL);
    expect_ends((Df__Chassis)DUAL(LIST(ips, "2001:db8::7")), OWN4, OWN6, "2001:db8::7", NULL);
}

Test(tunneling, between_families_there_is_no_way)
{
    Df__Chassis chassis = DUAL(.ip = "2001:db8::7", LIST(ips, "2001:db8::7"));
    fake_add(DF_NB_CHASSIS, &chassis);
    fake_compile(DF_NB_CHASSIS, &chassis);
    Df__LogicalPort lport = vm("dual");
    fake_compile(DF_NB_LPORT, &lport);
    cr_assert_null(egress());
    cr_assert_eq(fake_count(DF_TABLE_PEERS), 0);
    cr_assert(fake_has_problem("chassis dual", "family"));
}

Test(tunneling, a_bad_address_is_named_and_the_others_hold)
{
    Df__Chassis chassis = DUAL(.ip = "192.0.2.7", LIST(ips, "239.0.0.7", "192.0.2.8"));
    fake_compile(DF_NB_CHASSIS, &chassis);
    cr_assert(fake_has_problem("ips: 239.0.0.7", "not the address of one station"));
    cr_assert_eq(fake_problems(), 1);
    cr_assert_eq(peer("192.0.2.7")->reachable, DF_PEER_REACHABLE);
    cr_assert_eq(peer("192.0.2.8")->reachable, DF_PEER_HEARD);
    node();
    chassis.ip = "ff02::1";
    fake_compile(DF_NB_CHASSIS, &chassis);
    cr_assert(fake_has_problem("ip: ff02::1", NULL));
    cr_assert_eq(peer("192.0.2.8")->reachable, DF_PEER_REACHABLE);
}

Test(tunneling, of_many_addresses_the_first_are_used_and_that_is_said)
{
    static char *ips[12];
    static char text[12][16];
    for (unsigned i = 0; i < 12; i++) {
        snprintf(text[i], sizeof(text[i]), "192.0.2.%u", 20 + i);
        ips[i] = text[i];
    }
    Df__Chassis chassis = DUAL(.ip = "192.0.2.20", .n_ips = 12, .ips = ips);
    fake_compile(DF_NB_CHASSIS, &chassis);
    cr_assert_not_null(peer("192.0.2.27"));
    cr_assert_null(peer("192.0.2.28"));
    cr_assert(fake_has_problem("ips: the first 8", NULL));
}
