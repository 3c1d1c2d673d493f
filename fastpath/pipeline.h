/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fastpath/packet/addr.h"

/*
 * The pipeline is the contract between apps and backends.
 *
 * An app emits table entries: a table, a key and a value of the structs below, nothing else; it does not know which
 * backend runs. A backend implements put and delete of an entry for each table. Table numbers and names are upstream
 * Dragonflow's.
 *
 * Keys are compared as bytes: zero the whole struct before filling it (`= {0}` does, no struct here has padding).
 * Integers are in host byte order, addresses in network order (addr.h). lport, network and router are the
 * unique_keys of the model; 0 is none. port is the datapath's port number, given out by the controller.
 *
 *   0 classification ─► 201 port_security ─► 10 egress_conntrack ─► 15 egress_security_group ─► 20 services
 *
 *   20 services ─┬─► 25 arp ──┐
 *                ├─► 45 nd ───┤ (a service may bring a table of its own)
 *                ├─► 30 dhcp ─┤
 *                └────────────┴─► 55 l2 ─► 60 l3 ─► 65 l3_proactive ─► 75 egress ─┬─► 203 peers ─► another node
 *                                    └───► 56 flood ─► 75 or 203 for each copy     └─► 105
 *   202 tunnel (from another node) ─► 100 ingress_lookup ─► 105
 *
 *   105 ingress_conntrack ─► 110 ingress_security_group ─► 115 dispatch ─► a port
 *
 * Egress and ingress of security groups are seen from the guest, as Neutron does: egress is what it sends.
 */

enum df_table_id {
    DF_TABLE_CLASSIFICATION = 0, /* INGRESS_CLASSIFICATION_DISPATCH */
    DF_TABLE_EGRESS_CONNTRACK = 10,
    DF_TABLE_EGRESS_SECURITY_GROUP = 15,
    DF_TABLE_SERVICES = 20, /* SERVICES_CLASSIFICATION */
    DF_TABLE_ARP = 25,
    DF_TABLE_DHCP = 30,
    DF_TABLE_ND = 45, /* IPV6_ND */
    DF_TABLE_L2 = 55, /* L2_LOOKUP */
    DF_TABLE_FLOOD = 56,
    DF_TABLE_L3 = 60,           /* L3_LOOKUP */
    DF_TABLE_L3_PROACTIVE = 65, /* L3_PROACTIVE_LOOKUP */
    DF_TABLE_EGRESS = 75,
    DF_TABLE_INGRESS_LOOKUP = 100, /* INGRESS_DESTINATION_PORT_LOOKUP */
    DF_TABLE_INGRESS_CONNTRACK = 105,
    DF_TABLE_INGRESS_SECURITY_GROUP = 110,
    DF_TABLE_DISPATCH = 115, /* INGRESS_DISPATCH */
    DF_TABLE_PORT_SECURITY = 201,
    DF_TABLE_TUNNEL = 202,
    DF_TABLE_PEERS = 203,
    DF_TABLE_ADDRESS_SET = 204,
    DF_TABLE_NETWORKS = 205,
    DF_TABLE_FIRST_FREE = 210, /* a service's own tables: 210 to 254 */
    DF_TABLE_END = 255,        /* the verdict is complete */
    DF_TABLE_MAX = 255,
};

/* ---- 0 INGRESS_CLASSIFICATION_DISPATCH: which logical port a packet comes from. Put last: it opens the port. */
struct df_classification_key {
    uint16_t port;
    uint16_t vlan; /* 0: untagged */
};
struct df_classification_value {
    uint32_t lport;
    uint32_t network;
};

/* ---- 201 PORT_SECURITY: anti-spoofing. A port without an entry forwards nothing. */
struct df_port_security_key {
    uint32_t lport;
};
struct df_port_security_pair {
    struct df_mac mac;
    uint16_t prefix_len; /* 0 to 128, in the mapped form of addr.h */
    struct df_ip ip;     /* the port may send from mac with a source in ip/prefix_len */
};
#define DF_PORT_SECURITY_PAIRS_MAX 1024
struct df_port_security_value {
    uint32_t enabled; /* 0: everything passes and pairs are not looked at */
    uint32_t n_pairs;
    struct df_port_security_pair pair[];
};

/*
 * ---- 10 EGRESS_CONNTRACK and 105 INGRESS_CONNTRACK: which security groups judge what a local port sends, and what it
 * gets. Same structs. A local port without an entry sends and gets nothing.
 */
struct df_conntrack_key {
    uint32_t lport;
};
struct df_conntrack_group {
    uint32_t group; /* key of 15 and 110 */
};
#define DF_CONNTRACK_GROUPS_MAX 256
struct df_conntrack_value {
    uint32_t enabled;  /* 0: everything passes, nothing is tracked, groups are not looked at */
    uint32_t port;     /* datapath port: the zone of its connections, and whose limit they count against */
    uint32_t domain;   /* of its network, from df_compile_domain(): whose members of remote groups are meant; 0: none */
    uint32_t n_groups; /* none: nothing passes but what Neutron always lets pass */
    struct df_conntrack_group group[];
};

/*
 * ---- 15 EGRESS_SECURITY_GROUP and 110 INGRESS_SECURITY_GROUP: the rules of a security group for one direction. Rules
 * only allow. Same structs. A group without an entry allows nothing.
 */
struct df_security_group_key {
    uint32_t group; /* df_compile_number() of the secgroup */
};
enum df_rule_remote {
    DF_REMOTE_ANY = 0,
    DF_REMOTE_PREFIX = 1,        /* in prefix/prefix_len */
    DF_REMOTE_SET = 2,           /* in the address set of a secgroup, in the domain of the port that is judged */
    DF_REMOTE_ADDRESS_GROUP = 3, /* in the address set of an address_group, wherever that is */
};
enum df_rule_l4 {
    DF_RULE_L4_ANY = 0,
    DF_RULE_L4_PORTS = 1,     /* destination port of TCP, UDP, SCTP is first to last */
    DF_RULE_L4_TYPE = 2,      /* ICMP, ICMPv6: type is first */
    DF_RULE_L4_TYPE_CODE = 3, /* type is first, code is last */
};
struct df_security_group_rule {
    uint32_t rule;      /* df_compile_part_number() of it: counts its hits, names it in a trace */
    uint8_t ip_version; /* 4 or 6 */
    uint8_t any_proto;  /* 1: ip_proto is not looked at */
    uint8_t ip_proto;
    uint8_t l4; /* enum df_rule_l4 */
    uint16_t first, last;
    uint16_t remote;     /* enum df_rule_remote */
    uint16_t prefix_len; /* in the mapped form of addr.h */
    uint32_t set;        /* of either kind: key of 204 */
    struct df_ip prefix; /* bits behind prefix_len are 0 */
};
#define DF_SECURITY_GROUP_RULES_MAX 1536
struct df_security_group_value {
    uint32_t stateful;
    uint32_t n_rules;
    struct df_security_group_rule rule[];
};

/* ---- 20 SERVICES_CLASSIFICATION: which service's table a packet goes to before L2. */
struct df_services_key {
    uint16_t eth_type;
    uint8_t ip_proto; /* 0 for ARP */
    uint8_t zero;
    uint16_t l4_dst; /* UDP, TCP, SCTP: destination port; ICMP, ICMPv6: type */
};
struct df_services_value {
    uint16_t table; /* next table */
};

/* ---- 25 ARP and 45 IPV6_ND: who answers for an address. Same structs. */
struct df_neighbour_key {
    uint32_t network;
    struct df_ip ip;
};
struct df_neighbour_value {
    uint32_t lport; /* its owner: never answered to himself */
    struct df_mac mac;
    uint16_t is_router; /* R flag of the advertisement (RFC 4861 section 4.4) */
};

/* ---- 30 DHCP: ports that are served; the packet goes to the app. */
struct df_dhcp_key {
    uint32_t lport;
    uint16_t ip_version; /* 4 or 6 */
    uint16_t zero;
};
struct df_dhcp_value {
    uint32_t app; /* df_app_id of the app that answers, from df_compile_app_id() */
};

/* ---- 55 L2_LOOKUP: who has a MAC on a network. */
struct df_l2_key {
    uint32_t network;
    struct df_mac mac;
    uint16_t zero;
};
struct df_l2_value {
    uint32_t lport;  /* the port, or the router's port */
    uint32_t router; /* 0: deliver to lport; else route */
    struct df_ip
        ip4; /* router only: its first address in each family on this network, source of ICMP errors; zero: none */
    struct df_ip ip6;
};

/*
 * ---- 56 FLOOD (ours): who hears a network's broadcast, multicast and unknown unicast: a local port, or a peer, which
 * gets one copy for all ports that are there. What came by a tunnel goes to local ports alone (split horizon).
 */
#define DF_FLOOD_PEERS_MAX 1024 /* of a network; the others, by the order of their addresses, get nothing */
struct df_flood_key {
    uint32_t network;
    uint32_t lport;    /* 0: a peer */
    struct df_ip peer; /* key of 203; zero: a local port */
};
struct df_flood_value {
    uint32_t unknown; /* 1: takes unknown unicast too (port security is off, so somebody there may have any MAC) */
    /* A peer's, else zero; as in 75 */
    uint32_t tunnel_type;
    uint32_t tunnel_key;
};

/* ---- 60 L3_LOOKUP: a router's routes. */
enum df_route_kind {
    DF_ROUTE_LOCAL = 1, /* the router's own address */
    DF_ROUTE_CONNECTED, /* the destination is on the hop's network */
    DF_ROUTE_VIA,       /* the hop's ip is the next hop, on the hop's network */
};
struct df_l3_key {
    uint32_t router;
    uint32_t prefix_len; /* 0 to 128 in the mapped form: an IPv4 default route is ::ffff:0.0.0.0/96 */
    struct df_ip prefix; /* bits behind prefix_len are 0 */
};
struct df_l3_hop {
    uint32_t network;
    uint32_t lport;    /* the router's port on that network */
    struct df_mac mac; /* its MAC: the source of the routed frame */
    uint16_t kind;     /* enum df_route_kind */
    struct df_ip ip;   /* DF_ROUTE_VIA: next hop */
};
#define DF_L3_HOPS_MAX 64
struct df_l3_value { /* value length = n_hops structs: more than one is ECMP by the 5-tuple */
    uint32_t n_hops;
    uint32_t zero;
    struct df_l3_hop hop[];
};

/* ---- 65 L3_PROACTIVE_LOOKUP: who has an address on a network. */
struct df_l3_proactive_key {
    uint32_t network;
    struct df_ip ip;
};
struct df_l3_proactive_value {
    uint32_t lport;
    uint32_t router; /* 0, or the router whose port this is: the packet is routed again */
    struct df_mac mac;
    uint16_t zero;
};

/* ---- 75 EGRESS: the way to a port. */
enum df_egress_kind {
    DF_EGRESS_LOCAL = 1,
    DF_EGRESS_TUNNEL, /* on another node: to peer, by the key of the network */
};
enum df_tunnel_type {
    DF_TUNNEL_VXLAN = 1, /* RFC 7348 */
    DF_TUNNEL_GENEVE,    /* RFC 8926 */
    DF_TUNNEL_GRE,       /* RFC 2784 with the key of RFC 2890 */
    DF_TUNNEL_TYPES,
};
#define DF_TUNNEL_BIT(type) (1u << ((type)-1)) /* in a set of types */
#define DF_TUNNEL_ALL (DF_TUNNEL_BIT(DF_TUNNEL_TYPES) - 1)
struct df_egress_key {
    uint32_t lport;
};
struct df_egress_value {
    uint32_t kind; /* enum df_egress_kind */
    /* DF_EGRESS_TUNNEL, else zero */
    uint32_t tunnel_type; /* enum df_tunnel_type */
    uint32_t tunnel_key;  /* the network's segmentation_id, whatever the type: a VNI, or the key of GRE */
    struct df_ip peer;    /* key of 203 */
};

/* ---- 100 INGRESS_DESTINATION_PORT_LOOKUP: which local port has a MAC, for what comes from a tunnel. */
struct df_ingress_lookup_key {
    uint32_t network;
    struct df_mac mac;
    uint16_t zero;
};
struct df_ingress_lookup_value {
    uint32_t lport;
};

/* ---- 115 INGRESS_DISPATCH: the datapath port of a local logical port. */
struct df_dispatch_key {
    uint32_t lport;
};
struct df_dispatch_value {
    uint16_t port;
    uint16_t vlan; /* 0: untagged */
};

/*
 * ---- 202 TUNNEL (ours): which network a tunnel key is, of the networks whose own type it is. What comes by another
 * type than the network's is told by what the peer cannot speak (203).
 */
struct df_tunnel_key {
    uint32_t tunnel_type; /* enum df_tunnel_type: the network's network_type */
    uint32_t tunnel_key;
};
struct df_tunnel_value {
    uint32_t network;
};

/* ---- 203 PEERS (ours): the nodes that tunnels lead to and come from. */
enum df_peer_reach {
    DF_PEER_UNREACHABLE = 0, /* no way leads to it */
    DF_PEER_REACHABLE = 1,
    DF_PEER_RESOLVING = 2, /* the controller asks who has its address, or its gateway's */
    DF_PEER_FAILED = 3,    /* nobody answered */
    DF_PEER_HEARD = 4,     /* a further address of a node, that packets come from and none are sent to */
};
#define DF_PEER_MTU_MIN 576 /* RFC 791: what every host takes; of IPv6 it is 1280 */
struct df_peer_key {
    struct df_ip ip; /* their tunnel end point */
};
struct df_peer_value {
    struct df_ip local_ip;  /* ours, of the same family: source of the outer header */
    struct df_mac src, dst; /* of the outer frame */
    uint16_t port;          /* datapath port of the underlay */
    uint16_t reachable;     /* enum df_peer_reach; dst is zero if it is not */
    uint16_t types; /* DF_TUNNEL_BIT() of those that both ends speak: networks of these types come by their own */
    uint16_t vlan;  /* tag of the outer frame; 0: untagged */
    uint16_t mtu;   /* the longest outer IP packet that gets there, at least DF_PEER_MTU_MIN; 0: not known */
    uint8_t udp6_checksum; /* over IPv6, outer UDP has a checksum */
    uint8_t vtep;          /* no node but a device: it speaks VXLAN, and of networks of that type alone */
};

/*
 * ---- 204 ADDRESS_SET (ours): the addresses of a remote group or address group. An address is somebody's within a
 * domain, which is networks that routers connect; in another one the same address is somebody else's.
 */
struct df_address_set_key {
    uint32_t set;        /* df_compile_number() of the secgroup or address_group */
    uint32_t domain;     /* of the member's network; 0: an address group's, which is meant in all domains */
    uint32_t prefix_len; /* 0 to 128 in the mapped form; a single address has 128 */
    struct df_ip ip;     /* bits behind prefix_len are 0 */
};
struct df_address_set_value {
    uint32_t lport; /* whose address it is; 0: an address group's */
};

/*
 * ---- 205 NETWORKS (ours): how long packets on a network may be. Of those that a router sends there, and those that go
 * to another node; between two ports of this node the network is a wire. No entry: as long as they like.
 */
struct df_network_key {
    uint32_t network;
};
#define DF_NETWORK_MTU_MIN 68 /* RFC 791 section 3.2: what every link carries */
struct df_network_value {
    uint32_t mtu; /* bytes of the longest IP packet, DF_NETWORK_MTU_MIN to 65535 */
};

#define DF_KEY_MAX 32            /* bytes of the longest key */
#define DF_VALUE_MAX (64 * 1024) /* bytes of the longest value */

/*
 * Where an entry comes from, for trace, dumps and logs. Owned by the controller's compiler, which frees it after a
 * grace period; version moves on in place when the object changes and the entry does not.
 */
struct df_origin {
    const char *app;   /* "l2" */
    const char *table; /* NB table: "lport" */
    char id[64];
    uint64_t version;
};

/* One entry as it travels from an app to a backend. */
struct df_entry {
    uint16_t table; /* enum df_table_id, or a service's own */
    uint16_t key_len;
    uint32_t value_len;
    uint8_t key[DF_KEY_MAX]; /* bytes behind key_len are 0 */
    const void *value;
    const struct df_origin *origin;
};

/*
 * How a table's keys and values are shown: one descriptor, from which `df-ctl table`, trace and documentation print and
 * JSON is made. Offsets are into the structs above.
 */
enum df_field_kind { DF_FIELD_UINT, DF_FIELD_HEX, DF_FIELD_MAC, DF_FIELD_IP, DF_FIELD_PREFIX, DF_FIELD_ENUM };

struct df_field {
    const char *name;
    enum df_field_kind kind;
    uint16_t offset;
    uint16_t size;
    uint16_t len_offset; /* DF_FIELD_PREFIX: where the length is; its size is len_size */
    uint16_t len_size;
    const char *const *names; /* DF_FIELD_ENUM: by value, NULL where there is none */
};

struct df_table_desc {
    uint16_t number;
    const char *name;     /* "l2" */
    const char *upstream; /* "L2_LOOKUP" */
    const char *summary;
    uint16_t key_size;
    uint16_t value_size; /* of the fixed part */
    uint16_t item_size;  /* of one item behind it, 0: none; the item count is value_len's rest */
    uint16_t order;      /* place in the walk: entries are put from the highest to the lowest, deleted the other way */
    const struct df_field *key_fields; /* each list ends with a NULL name */
    const struct df_field *value_fields;
    const struct df_field *item_fields;
};

/** The descriptor of a table that is registered, or NULL. Any thread. */
const struct df_table_desc *df_table_desc(uint16_t number);

/** The table of that name or upstream name (any case), or NULL. */
const struct df_table_desc *df_table_desc_find(const char *name);
