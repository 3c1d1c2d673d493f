/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "tests/scenario/lab.h"
#include "tests/scenario/models.h"

/*
 * Security groups for the networks of models.h, and packets between their ports.
 *
 * vm1 is a client and vm2 a server, each in one group: what vm1 sends passes, nothing is let in to it; vm2 is let in
 * what its group says, and may send nothing. So an answer passes by its connection alone.
 */

/* A rule; more is further fields, each with a comma in front. IN is ingress: what the guest gets. */
#define RULE(id, direction, ethertype, more)                                                                           \
    "{'id': '" id "', 'direction': '" direction "', 'ethertype': '" ethertype "'" more "}"
#define IN4(id, more) RULE(id, "ingress", "IPv4", more)
#define IN6(id, more) RULE(id, "ingress", "IPv6", more)
#define OUT4(id, more) RULE(id, "egress", "IPv4", more)
#define OUT6(id, more) RULE(id, "egress", "IPv6", more)

#define PROTOCOL(name) ", 'protocol': '" name "'"
#define RANGE(first, last) ", 'port_range_min': " first ", 'port_range_max': " last
#define FROM_PREFIX(prefix) ", 'remote_ip_prefix': '" prefix "'"
#define FROM_GROUP(group) ", 'remote_group_id': '" group "'"
#define FROM_ADDRESSES(group) ", 'remote_address_group_id': '" group "'"

#define GROUP_WITH(id, rules, more) "{'id': '" id "', 'topic': 'red', 'name': '" id "', 'rules': [" rules "]" more "}"
#define GROUP(id, rules) GROUP_WITH(id, rules, "")
#define GROUPS(groups) "{'secgroup': [" groups "]}"

#define CLIENT GROUP("client", OUT4("client-4", "") "," OUT6("client-6", ""))
#define EVERYTHING                                                                                                     \
    GROUP("everything", OUT4("everything-out4", "") "," OUT6("everything-out6", "") "," IN4(                           \
                            "everything-in4", "") "," IN6("everything-in6", ""))

/* The ports of models.h with groups; groups as in JSON: "'client', 'server'". */
#define IN_GROUPS(groups) ", 'security_groups': [" groups "]"
#define VM1_IN(groups) PORT("vm1", "net1", MAC1, "'10.1.0.11', '2001:db8:1::11'", "'sub1', 'sub1v6'", IN_GROUPS(groups))
#define VM2_IN(groups) PORT("vm2", "net1", MAC2, "'10.1.0.12', '2001:db8:1::12'", "'sub1', 'sub1v6'", IN_GROUPS(groups))
#define VM3_IN(groups) PORT("vm3", "net2", MAC3, "'10.2.0.13', '2001:db8:2::13'", "'sub2', 'sub2v6'", IN_GROUPS(groups))
#define VM4_IN(groups) PORT("vm4", "other", MAC4, "'10.1.0.11'", "'subo'", IN_GROUPS(groups))
#define PORTS(ports) "{'lport': [" ports "]}"

/* A port whose security is off. */
#define OPEN ", 'port_security_enabled': false"

/* Addresses of a packet between vm1 and vm2. */
#define VM1_VM2 ",dl_src=" MAC1 ",dl_dst=" MAC2 ",nw_src=10.1.0.11,nw_dst=10.1.0.12"
#define VM2_VM1 ",dl_src=" MAC2 ",dl_dst=" MAC1 ",nw_src=10.1.0.12,nw_dst=10.1.0.11"
#define VM1_VM2_6 ",dl_src=" MAC1 ",dl_dst=" MAC2 ",ipv6_src=2001:db8:1::11,ipv6_dst=2001:db8:1::12"
#define VM2_VM1_6 ",dl_src=" MAC2 ",dl_dst=" MAC1 ",ipv6_src=2001:db8:1::12,ipv6_dst=2001:db8:1::11"
