/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The virtual networks that most scenarios start from.
 *
 *   net1 10.1.0.0/24, 2001:db8:1::/64          net2 10.2.0.0/24, 2001:db8:2::/64
 *     vm1 .11  ::11  02:00:00:00:01:11            vm3 .13  ::13  02:00:00:00:02:13
 *     vm2 .12  ::12  02:00:00:00:01:12
 *     router .1  ::1  02:00:00:00:01:01           router .1  ::1  02:00:00:00:02:01
 *
 *   other 10.1.0.0/24 (the addresses of net1 again, another tenant's)
 *     vm4 .11  02:00:00:00:03:11
 */

#define MAC1 "02:00:00:00:01:11"
#define MAC2 "02:00:00:00:01:12"
#define MAC3 "02:00:00:00:02:13"
#define MAC4 "02:00:00:00:03:11"
#define ROUTER1 "02:00:00:00:01:01"
#define ROUTER2 "02:00:00:00:02:01"

#define MODEL_NETWORKS                                                                                                 \
    "{'lswitch': ["                                                                                                    \
    "  {'id': 'net1', 'topic': 'red', 'name': 'net1', 'network_type': 'local', 'mtu': 1500},"                          \
    "  {'id': 'net2', 'topic': 'red', 'name': 'net2', 'network_type': 'local', 'mtu': 1400},"                          \
    "  {'id': 'other', 'topic': 'blue', 'name': 'other', 'network_type': 'local', 'mtu': 1500}],"                      \
    " 'lsubnet': ["                                                                                                    \
    "  {'id': 'sub1', 'topic': 'red', 'lswitch': 'net1', 'cidr': '10.1.0.0/24', 'gateway_ip': '10.1.0.1',"             \
    "   'enable_dhcp': true, 'dhcp_ip': '10.1.0.2', 'dns_nameservers': ['10.1.0.3']},"                                 \
    "  {'id': 'sub1v6', 'topic': 'red', 'lswitch': 'net1', 'cidr': '2001:db8:1::/64', 'gateway_ip': '2001:db8:1::1'}," \
    "  {'id': 'sub2', 'topic': 'red', 'lswitch': 'net2', 'cidr': '10.2.0.0/24', 'gateway_ip': '10.2.0.1',"             \
    "   'enable_dhcp': false},"                                                                                        \
    "  {'id': 'sub2v6', 'topic': 'red', 'lswitch': 'net2', 'cidr': '2001:db8:2::/64', 'gateway_ip': '2001:db8:2::1'}," \
    "  {'id': 'subo', 'topic': 'blue', 'lswitch': 'other', 'cidr': '10.1.0.0/24'}]}"

#define MODEL_ROUTER                                                                                                   \
    "{'lrouter': [{'id': 'r1', 'topic': 'red', 'name': 'r1', 'ports': ["                                               \
    "  {'id': 'r1-net1', 'topic': 'red', 'unique_key': 9001, 'mac': '" ROUTER1 "', 'lswitch': 'net1',"                 \
    "   'network': '10.1.0.1/24', 'networks': ['2001:db8:1::1/64']},"                                                  \
    "  {'id': 'r1-net2', 'topic': 'red', 'unique_key': 9002, 'mac': '" ROUTER2 "', 'lswitch': 'net2',"                 \
    "   'network': '10.2.0.1/24', 'networks': ['2001:db8:2::1/64']}]}]}"

/* A local port; more is further fields, each with a comma in front. */
#define PORT(id, net, mac, ips, subnets, more)                                                                         \
    "{'id': '" id "', 'topic': 'red', 'name': '" id "', 'lswitch': '" net "', 'macs': ['" mac "'], 'ips': [" ips       \
    "], 'subnets': [" subnets "], 'binding': {'type': 'chassis', 'chassis': 'node1', 'vif_type': 'ethdev',"            \
    " 'vif_name': '" id "'}" more "}"

#define VM1 PORT("vm1", "net1", MAC1, "'10.1.0.11', '2001:db8:1::11'", "'sub1', 'sub1v6'", "")
#define VM2 PORT("vm2", "net1", MAC2, "'10.1.0.12', '2001:db8:1::12'", "'sub1', 'sub1v6'", "")
#define VM3 PORT("vm3", "net2", MAC3, "'10.2.0.13', '2001:db8:2::13'", "'sub2', 'sub2v6'", "")
#define VM4 PORT("vm4", "other", MAC4, "'10.1.0.11'", "'subo'", "")

#define MODEL_PORTS "{'lport': [" VM1 "," VM2 "," VM3 "," VM4 "]}"
