/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>

#include "node.h"

/* The app tunneling on a whole node: how much work a change of a network is. */

extern const struct df_app df_app; /* tunneling */

#define PORTS 100

static struct node node;

static void network(const char *type, unsigned segmentation_id, unsigned mtu)
{
    node_setf(&node, DF_NB_LSWITCH,
              "{'id': 'net', 'unique_key': 1, 'network_type': '%s', 'segmentation_id': %u, 'mtu': %u}", type,
              segmentation_id, mtu);
}

static void port(unsigned key, const char *host)
{
    node_setf(&node, DF_NB_LPORT,
              "{'id': 'p%u', 'unique_key': %u, 'lswitch': 'net', 'macs': ['02:00:00:00:00:%02x'], 'binding': "
              "{'type': 'chassis', 'chassis': '%s', 'vif_type': 'tap'}}",
              key, key, key, host);
}

static void up(void)
{
    static const struct df_app *const apps[] = {&df_app, NULL};
    node_init();
    node_up(&node, apps);
    port(0xff, "here");
    for (unsigned i = 1; i <= PORTS; i++)
        port(i, "elsewhere");
    network("vxlan", 500, 1400);
    node_settle(&node);
}

static void down(void)
{
    node_down(&node);
}

TestSuite(tunneling_work, .init = up, .fini = down);

/* Binding, too, looks at the network of the local port. */
#define NETWORK_AND_BINDING (1 + 1)
#define ALL_PORTS (PORTS + 1)

Test(tunneling_work, an_mtu_concerns_the_network_and_none_of_its_ports)
{
    network("vxlan", 500, 1300);
    cr_assert_eq(node_compiles(&node), NETWORK_AND_BINDING);
}

Test(tunneling_work, what_a_network_is_on_the_wire_concerns_all_of_its_ports)
{
    network("vxlan", 501, 1400);
    cr_assert_eq(node_compiles(&node), NETWORK_AND_BINDING + ALL_PORTS);
    network("vlan", 501, 1400);
    cr_assert_eq(node_compiles(&node), NETWORK_AND_BINDING + ALL_PORTS);
    node_set(&node, DF_NB_LSWITCH, "{'id': 'net', 'unique_key': 1, 'network_type': 'vlan', 'mtu': 1400}");
    cr_assert_eq(node_compiles(&node), NETWORK_AND_BINDING + ALL_PORTS);
    node_set(&node, DF_NB_LSWITCH, "{'id': 'net', 'unique_key': 2, 'network_type': 'vlan', 'mtu': 1400}");
    cr_assert_eq(node_compiles(&node), NETWORK_AND_BINDING + ALL_PORTS);
}

Test(tunneling_work, a_network_that_goes_and_comes_again)
{
    node_delete(&node, DF_NB_LSWITCH, "net");
    cr_assert_eq(node_compiles(&node), ALL_PORTS + 1);
    network("vxlan", 500, 1400);
    cr_assert_eq(node_compiles(&node), NETWORK_AND_BINDING + ALL_PORTS);
}
