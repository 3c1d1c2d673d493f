/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/apps/fake.h"

#include <criterion/criterion.h>

TestSuite(l2, .init = fake_reset);

#define MAC "fa:16:3e:00:00:01"

static Df__LogicalSwitch net = LSWITCH(.id = "net", .unique_key = 5);

static Df__LogicalPort vm(void)
{
    static char *macs[] = {MAC};
    static char *ips[] = {"10.0.0.5", "fd00::5"};
    static Df__PortBinding binding = {.base = PROTOBUF_C_MESSAGE_INIT(&df__port_binding__descriptor),
                                      .chassis = "here"};
    return (Df__LogicalPort)LPORT(.id = "vm", .unique_key = 9, .lswitch = "net", .n_macs = 1, .macs = macs, .n_ips = 2,
                                  .ips = ips, .binding = &binding);
}

static const struct df_l2_value *l2_of(const char *mac)
{
    return FAKE_VALUE(DF_TABLE_L2, (struct df_l2_key){.network = 5, .mac = fake_mac(mac)});
}

static const struct df_neighbour_value *neighbour_of(uint16_t table, const char *ip)
{
    return FAKE_VALUE(table, (struct df_neighbour_key){.network = 5, .ip = fake_ip(ip)});
}

static const struct df_flood_value *flood(void)
{
    return FAKE_VALUE(DF_TABLE_FLOOD, (struct df_flood_key){.network = 5, .lport = 9});
}

Test(l2, local_port_is_found_answered_for_and_flooded_to)
{
    Df__LogicalPort port = vm();
    fake_add(DF_NB_LSWITCH, &net);
    fake_compile(DF_NB_LPORT, &port);

    cr_assert_not_null(l2_of(MAC));
    cr_expect_eq(l2_of(MAC)->lport, 9);
    cr_expect_eq(l2_of(MAC)->router, 0);
    const struct df_neighbour_value *arp = neighbour_of(DF_TABLE_ARP, "10.0.0.5");
    cr_assert_not_null(arp);
    struct df_mac mac = fake_mac(MAC);
    cr_expect(df_mac_equal(&arp->mac, &mac));
    cr_expect_eq(arp->lport, 9);
    cr_expect_eq(arp->is_router, 0);
    cr_expect_not_null(neighbour_of(DF_TABLE_ND, "fd00::5"));
    cr_expect_null(neighbour_of(DF_TABLE_ARP, "fd00::5"));
    cr_assert_not_null(flood());
    cr_expect_eq(flood()->unknown, 0);
    cr_expect_eq(fake_problems(), 0);
}

Test(l2, a_network_gives_its_mtu_if_it_has_one)
{
    Df__LogicalSwitch jumbo = net;
    struct df_network_key key = {.network = 5};
    fake_compile(DF_NB_LSWITCH, &net);
    cr_expect_null(fake_value(DF_TABLE_NETWORKS, &key, sizeof(key)));
    jumbo.has_mtu = 1;
    jumbo.mtu = 9000;
    fake_compile(DF_NB_LSWITCH, &jumbo);
    const struct df_network_value *value = fake_value(DF_TABLE_NETWORKS, &key, sizeof(key));
    cr_assert_not_null(value);
    cr_expect_eq(value->mtu, 9000);
    cr_expect_eq(fake_count(DF_TABLE_NETWORKS), 1);
    cr_expect_eq(fake_problems(), 0);
}

Test(l2, port_without_security_takes_unknown_unicast)
{
    Df__LogicalPort port = vm();
    port.port_security_enabled = 0;
    fake_add(DF_NB_LSWITCH, &net);
    fake_compile(DF_NB_LPORT, &port);
    cr_assert_not_null(flood());
    cr_expect_eq(flood()->unknown, 1);
}

Test(l2, remote_port_is_known_but_not_flooded_to)
{
    Df__LogicalPort port = vm();
    fake_set_remote("vm");
    fake_add(DF_NB_LSWITCH, &net);
    fake_compile(DF_NB_LPORT, &port);
    cr_expect_not_null(l2_of(MAC));
    cr_expect_not_null(neighbour_of(DF_TABLE_ARP, "10.0.0.5"));
    cr_expect_null(flood());
}

Test(l2, allowed_pair_mac_is_known_behind_its_owner_and_its_address_not_answered)
{
    Df__LogicalPort port = vm();
    Df__AddressPair *pairs[] = {PAIR("10.0.0.100", "00:00:5e:00:01:07"), PAIR("10.0.0.101", NULL)};
    port.n_allowed_address_pairs = 2;
    port.allowed_address_pairs = pairs;
    fake_add(DF_NB_LSWITCH, &net);
    fake_compile(DF_NB_LPORT, &port);
    struct df_l2_key key = {.network = 5, .mac = fake_mac("00:00:5e:00:01:07")};
    const struct fake_entry *entry = fake_find(DF_TABLE_L2, &key, sizeof(key));
    cr_assert_not_null(entry);
    cr_expect_eq(entry->rank, 1);
    cr_expect_eq(fake_count(DF_TABLE_L2), 2);
    cr_expect_null(neighbour_of(DF_TABLE_ARP, "10.0.0.100"));
    cr_expect_null(neighbour_of(DF_TABLE_ARP, "10.0.0.101"));
}

/* Each leaves no trace in any table. */
static void expect_nothing(const Df__LogicalPort *port)
{
    fake_add(DF_NB_LSWITCH, &net);
    fake_compile(DF_NB_LPORT, port);
    cr_expect_eq(fake_count(DF_TABLE_L2), 0);
    cr_expect_eq(fake_count(DF_TABLE_ARP), 0);
    cr_expect_eq(fake_count(DF_TABLE_ND), 0);
    cr_expect_eq(fake_count(DF_TABLE_FLOOD), 0);
}

Test(l2, disabled_port_has_no_entries)
{
    Df__LogicalPort port = vm();
    port.enabled = 0;
    expect_nothing(&port);
}

Test(l2, unneeded_network_has_no_entries)
{
    Df__LogicalPort port = vm();
    fake_set_unneeded("net");
    expect_nothing(&port);
    fake_compile(DF_NB_LSWITCH, &net);
    cr_expect_eq(fake_count(DF_TABLE_SERVICES), 0);
}

Test(l2, unbound_port_is_a_reservation_and_not_answered_for)
{
    Df__LogicalPort port = vm();
    port.binding = NULL;
    expect_nothing(&port);
}

Test(l2, router_interface_is_left_to_l3)
{
    Df__LogicalPort port = vm();
    port.device_owner = "network:router_interface";
    expect_nothing(&port);
}

Test(l2, missing_network_waits)
{
    Df__LogicalPort port = vm();
    fake_compile(DF_NB_LPORT, &port);
    cr_expect_eq(fake_count(DF_TABLE_L2), 0);
    cr_expect_eq(fake_problems(), 0);
}

Test(l2, dhcp_port_is_answered_for_though_unbound)
{
    Df__LogicalPort port = vm();
    port.binding = NULL;
    port.device_owner = "network:dhcp";
    fake_add(DF_NB_LSWITCH, &net);
    fake_compile(DF_NB_LPORT, &port);
    cr_expect_not_null(neighbour_of(DF_TABLE_ARP, "10.0.0.5"));
    cr_expect_null(flood());
}

Test(l2, malformed_addresses_are_named_and_the_rest_holds)
{
    Df__LogicalPort port = vm();
    port.macs = (char *[]){MAC, "not-a-mac"};
    port.n_macs = 2;
    port.ips = (char *[]){"10.0.0.5", "10.0.0.555"};
    fake_add(DF_NB_LSWITCH, &net);
    fake_compile(DF_NB_LPORT, &port);
    cr_expect(fake_has_problem("macs", "not-a-mac"));
    cr_expect(fake_has_problem("ips", "10.0.0.555"));
    cr_expect_eq(fake_problems(), 2);
    cr_expect_not_null(l2_of(MAC));
    cr_expect_not_null(neighbour_of(DF_TABLE_ARP, "10.0.0.5"));
}

Test(l2, services_send_arp_and_nd_to_their_tables)
{
    fake_compile(DF_NB_LSWITCH, &net);
    const struct df_services_value *arp = FAKE_VALUE(DF_TABLE_SERVICES, (struct df_services_key){.eth_type = 0x0806});
    const struct df_services_value *ns =
        FAKE_VALUE(DF_TABLE_SERVICES, (struct df_services_key){.eth_type = 0x86dd, .ip_proto = 58, .l4_dst = 135});
    const struct df_services_value *na =
        FAKE_VALUE(DF_TABLE_SERVICES, (struct df_services_key){.eth_type = 0x86dd, .ip_proto = 58, .l4_dst = 136});
    cr_assert(arp && ns && na);
    cr_expect_eq(arp->table, DF_TABLE_ARP);
    cr_expect_eq(ns->table, DF_TABLE_ND);
    cr_expect_eq(na->table, DF_TABLE_ND);
    cr_expect_eq(fake_count(DF_TABLE_SERVICES), 3);
}
