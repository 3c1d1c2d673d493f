/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/apps/fake.h"

#include <criterion/criterion.h>

#define MAC "fa:16:3e:00:00:01"
#define VNI 5000

static struct df_underlay_end end = {.name = "up0", .port = 1023, .mtu = 1500};

static Df__LogicalSwitch net = LSWITCH(.id = "net", .unique_key = 7, .network_type = "vxlan", .has_segmentation_id = 1,
                                       .segmentation_id = VNI, .has_mtu = 1, .mtu = 1450);
static Df__Chassis node2 = CHASSIS(.id = "node2", .ip = "192.0.2.2", LIST(tunnel_types, "geneve", "vxlan"));

static void node(void)
{
    fake_reset();
    end.ip = fake_ip("192.0.2.1");
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
    Df__LogicalPort off = vm("node2"), router = vm("node2"), unbound = vm("node2"), vtep = vm("node2");
    off.enabled = 0;
    router.device_owner = "network:router_interface";
    unbound.binding = NULL;
    Df__PortBinding at = *vtep.binding;
    at.type = "vtep";
    at.chassis = NULL;
    at.vtep_address = "192.0.2.50";
    vtep.binding = &at;
    fake_compile(DF_NB_LPORT, &off);
    fake_compile(DF_NB_LPORT, &router);
    fake_compile(DF_NB_LPORT, &unbound);
    fake_compile(DF_NB_LPORT, &vtep);
    cr_assert_eq(fake_count(DF_TABLE_EGRESS) + fake_count(DF_TABLE_INGRESS_LOOKUP), 0);
}

Test(tunneling, networks_that_are_not_needed_or_have_no_tunnels_give_nothing)
{
    static char *const types[] = {"local", "flat", "vlan", "geneve", "gre", NULL};
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
    expect_no_way((Df__Chassis)CHASSIS(.ip = "192.0.2.3", LIST(tunnel_types, "geneve")), "vxlan is not in its tunnel");
    expect_no_way((Df__Chassis)CHASSIS(.ip = "192.0.2.3"), "vxlan is not in its tunnel_types");
    expect_no_way((Df__Chassis)CHASSIS(.ip = "nowhere", LIST(tunnel_types, "vxlan")), "not an IPv4 address");
    expect_no_way((Df__Chassis)CHASSIS(LIST(tunnel_types, "vxlan")), "not an IPv4 address");
    expect_no_way((Df__Chassis)CHASSIS(.ip = "2001:db8::3", LIST(tunnel_types, "vxlan")), "not an IPv4 address");
    expect_no_way((Df__Chassis)CHASSIS(.ip = "192.0.2.1", LIST(tunnel_types, "vxlan")), "this node's own ip");
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

Test(tunneling, types_that_are_not_there_yet_are_named)
{
    net.network_type = "geneve";
    fake_compile(DF_NB_LSWITCH, &net);
    net.network_type = "gre";
    fake_compile(DF_NB_LSWITCH, &net);
    cr_assert(fake_has_problem("geneve", "not supported yet"));
    cr_assert(fake_has_problem("gre", "not supported yet"));
    net.network_type = "vlan";
    fake_compile(DF_NB_LSWITCH, &net);
    cr_assert_eq(fake_problems(), 2);
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

/* ---- nodes */

Test(tunneling, another_node_is_a_peer_at_its_neighbours_mac)
{
    fake_compile(DF_NB_CHASSIS, &node2);
    const struct df_peer_value *value = peer("192.0.2.2");
    struct df_mac src = fake_mac(FAKE_UNDERLAY_MAC), dst = fake_mac("02:00:00:00:01:02");
    cr_assert_not_null(value);
    cr_assert_eq(value->port, 1023);
    cr_assert_eq(value->reachable, 1);
    cr_assert(df_ip_equal(&value->local_ip, &end.ip));
    cr_assert(df_mac_equal(&value->src, &src));
    cr_assert(df_mac_equal(&value->dst, &dst));
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

Test(tunneling, this_node_and_nodes_without_vxlan_are_no_peers)
{
    Df__Chassis chassis[] = {
        CHASSIS(.id = "node1", .ip = "192.0.2.1", LIST(tunnel_types, "vxlan")),
        CHASSIS(.id = "a", .ip = "192.0.2.3", LIST(tunnel_types, "geneve")),
        CHASSIS(.id = "b", .ip = "192.0.2.4"),
        CHASSIS(.id = "c", LIST(tunnel_types, "vxlan")),
        CHASSIS(.id = "d", .ip = "2001:db8::3", LIST(tunnel_types, "vxlan")),
    };
    for (unsigned i = 0; i < sizeof(chassis) / sizeof(chassis[0]); i++)
        fake_compile(DF_NB_CHASSIS, &chassis[i]);
    cr_assert_eq(fake_count(DF_TABLE_PEERS), 0);
}
