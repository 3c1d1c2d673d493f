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

/* ---- Who hears its broadcast */

static void underlay_down(void)
{
    node_underlay = NULL;
    down();
}

/* "here" has an end of tunnels; node a has PORTS ports, node b one. */
static void underlay_up(void)
{
    static const char *const ips[] = {"192.0.2.1", NULL}, *const neighbours[] = {"*=02:00:00:00:ff:02", NULL};
    static const struct df_underlay_config underlay = {
        .port = "up0", .local_ips = ips, .neighbours = neighbours, .mtu = 1500};
    static const struct df_app *const apps[] = {&df_app, NULL};
    node_underlay = &underlay;
    node_init();
    node_up(&node, apps);
    node_set(&node, DF_NB_CHASSIS, "{'id': 'a', 'ip': '192.0.2.2', 'tunnel_types': ['vxlan']}");
    node_set(&node, DF_NB_CHASSIS, "{'id': 'b', 'ip': '192.0.2.3', 'tunnel_types': ['vxlan']}");
    port(0xff, "here");
    for (unsigned i = 1; i <= PORTS; i++)
        port(i + 1, "a");
    port(1, "b");
    network("vxlan", 500, 1400);
    node_settle(&node);
}

TestSuite(flood_work, .init = underlay_up, .fini = underlay_down);

static uint64_t changes(void)
{
    const struct df_datapath_work *work = &node.dp->work;
    static uint64_t last;
    uint64_t now = work->puts + work->dels, done = now - last;
    last = now;
    return done;
}

static const struct df_flood_value *flood(const char *peer)
{
    struct df_flood_key key = {.network = 1};
    cr_assert_eq(df_ip_parse(peer, &key.peer), 0);
    const struct df_entry *entry = node_entry(&node, DF_TABLE_FLOOD, &key, sizeof(key));
    return entry ? entry->value : NULL;
}

/* A port compiles for itself: here and in binding. Its way is one entry. */
#define PORT_ALONE (1 + 1)

Test(flood_work, a_port_more_on_a_known_node_is_no_change)
{
    changes();
    port(144, "a"); /* its id comes before the others' */
    cr_assert_eq(node_compiles(&node), PORT_ALONE);
    cr_assert_eq(changes(), 1, "the way to the port");
    cr_assert_eq(node_count(&node, DF_TABLE_FLOOD), 2);
    node_delete(&node, DF_NB_LPORT, "p2");
    cr_assert_eq(node_compiles(&node), 0);
    cr_assert_eq(changes(), 1);
}

Test(flood_work, a_node_comes_with_its_first_port_and_goes_with_its_last)
{
    changes();
    cr_assert_not_null(flood("192.0.2.3"));
    node_delete(&node, DF_NB_LPORT, "p1");
    cr_assert_eq(node_compiles(&node), 1, "the network");
    cr_assert_eq(changes(), 1 + 1, "the way to the port, and the node's copy");
    cr_assert_null(flood("192.0.2.3"));
    cr_assert_not_null(flood("192.0.2.2"));
    port(1, "b");
    cr_assert_eq(node_compiles(&node), PORT_ALONE + 1);
    cr_assert_eq(changes(), 1 + 1);
    cr_assert_not_null(flood("192.0.2.3"));
}

Test(flood_work, a_port_without_security_is_a_change_when_it_is_the_first_there)
{
    cr_assert_eq(flood("192.0.2.2")->unknown, 0);
    for (unsigned i = 0; i < 2; i++) {
        node_setf(&node, DF_NB_LPORT,
                  "{'id': 'open%u', 'unique_key': %u, 'lswitch': 'net', 'macs': ['02:00:00:00:00:99'], "
                  "'port_security_enabled': false, 'binding': {'type': 'chassis', 'chassis': 'a'}}",
                  i, 0x400 + i);
        cr_assert_eq(node_compiles(&node), PORT_ALONE + (i == 0 ? 1 : 0));
        cr_assert_eq(flood("192.0.2.2")->unknown, 1);
    }
    node_delete(&node, DF_NB_LPORT, "open0");
    cr_assert_eq(node_compiles(&node), 0);
    node_delete(&node, DF_NB_LPORT, "open1");
    cr_assert_eq(node_compiles(&node), 1);
    cr_assert_eq(flood("192.0.2.2")->unknown, 0);
}

Test(flood_work, a_network_without_a_local_port_has_no_copies)
{
    node_delete(&node, DF_NB_LPORT, "p255");
    node_settle(&node);
    cr_assert_eq(node_count(&node, DF_TABLE_FLOOD), 0);
    port(0xff, "here");
    node_settle(&node);
    cr_assert_eq(node_count(&node, DF_TABLE_FLOOD), 2);
    port(0xff, "a"); /* it moved away */
    node_settle(&node);
    cr_assert_eq(node_count(&node, DF_TABLE_FLOOD), 0);
}
