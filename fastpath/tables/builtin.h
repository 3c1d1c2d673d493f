/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "fastpath/tables/table.h"

/* The tables that come with the switch, each in the file of its name, in the order of the walk. */
extern const struct df_table_ops df_table_classification;
extern const struct df_table_ops df_table_port_security;
extern const struct df_table_ops df_table_egress_conntrack;
extern const struct df_table_ops df_table_egress_security_group;
extern const struct df_table_ops df_table_services;
extern const struct df_table_ops df_table_arp;
extern const struct df_table_ops df_table_nd;
extern const struct df_table_ops df_table_dhcp;
extern const struct df_table_ops df_table_l2;
extern const struct df_table_ops df_table_flood;
extern const struct df_table_ops df_table_l3;
extern const struct df_table_ops df_table_l3_proactive;
extern const struct df_table_ops df_table_egress;
extern const struct df_table_ops df_table_peers;
extern const struct df_table_ops df_table_tunnel;
extern const struct df_table_ops df_table_ingress_lookup;
extern const struct df_table_ops df_table_ingress_conntrack;
extern const struct df_table_ops df_table_ingress_security_group;
extern const struct df_table_ops df_table_dispatch;
extern const struct df_table_ops df_table_address_set;
extern const struct df_table_ops df_table_networks;

/* Their places in the walk (df_table_desc.order). */
enum df_table_order {
    DF_ORDER_CLASSIFICATION = 10,
    DF_ORDER_TUNNEL = 15,
    DF_ORDER_PORT_SECURITY = 20,
    DF_ORDER_EGRESS_CONNTRACK = 22,
    DF_ORDER_EGRESS_SECURITY_GROUP = 24,
    DF_ORDER_SERVICES = 30,
    DF_ORDER_ARP = 40,
    DF_ORDER_ND = 50,
    DF_ORDER_DHCP = 60,
    /* DF_ORDER_SERVICE of table.h */
    DF_ORDER_L2 = 100,
    DF_ORDER_FLOOD = 110,
    DF_ORDER_L3 = 120,
    DF_ORDER_L3_PROACTIVE = 130,
    DF_ORDER_EGRESS = 140,
    DF_ORDER_PEERS = 142,
    DF_ORDER_INGRESS_LOOKUP = 144,
    DF_ORDER_INGRESS_CONNTRACK = 146,
    DF_ORDER_INGRESS_SECURITY_GROUP = 148,
    DF_ORDER_DISPATCH = 150,
    DF_ORDER_NETWORKS = 155,    /* read by l3 and peers: put before them, deleted after */
    DF_ORDER_ADDRESS_SET = 160, /* read by both security group tables: put before them, deleted after */
};
