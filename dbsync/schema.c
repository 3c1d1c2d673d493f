/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/schema.h"

#include <pthread.h>
#include <string.h>

#include "dbsync/field.h"
#include "dbsync/rule.h"

#define NETWORK_TYPES "local flat vlan vxlan geneve gre"
#define IPV6_MODES "slaac dhcpv6-stateful dhcpv6-stateless"
#define VIF_TYPES "vhostuser tap veth afxdp memif ethdev none"
#define CHILD_TYPES "vlan macvlan ipvlan"
#define QOS_TYPES "bandwidth_limit dscp_marking minimum_bandwidth packet_rate_limit"

/* FIELD(C type, descriptor's name, field, kind, further members). A field that does not exist does not compile. */
#define FIELD(type, lower, field, what, ...)                                                                           \
    {                                                                                                                  \
        .message = &df__##lower##__descriptor, .offset = offsetof(Df__##type, field), .kind = DF_KIND_##what,          \
        ##__VA_ARGS__                                                                                                  \
    }
#define REQUIRED .required = true
#define TO(table) .refers = DF_NB_##table
#define WORDS(list) .words = list
#define RANGE(least, most) .min = (least), .max = (most)
#define UP_TO(most) .max = (most)

/* The rules of one message follow each other. */
/* clang-format off */
static const struct df_rule rules[] = {
    FIELD(Chassis, chassis, ip, HOST),
    FIELD(Chassis, chassis, ips, HOST),
    FIELD(Chassis, chassis, external_host_ip, HOST),
    FIELD(Chassis, chassis, tunnel_types, WORD, WORDS("vxlan geneve gre")),
    FIELD(Chassis, chassis, datapath, WORD, WORDS("fastpath openflow")),

    FIELD(Service, service, chassis, REF, TO(CHASSIS), REQUIRED),
    FIELD(Service, service, binary, TEXT, UP_TO(DF_TEXT_MAX), REQUIRED),

    FIELD(Publisher, publisher, uri, TEXT, UP_TO(DF_TEXT_MAX), REQUIRED),

    FIELD(QosPolicyRule, qos_policy_rule, id, ID),
    FIELD(QosPolicyRule, qos_policy_rule, type, WORD, WORDS(QOS_TYPES), REQUIRED),
    FIELD(QosPolicyRule, qos_policy_rule, direction, WORD, WORDS("ingress egress")),
    FIELD(QosPolicyRule, qos_policy_rule, dscp_mark, NUMBER, RANGE(0, 63)),

    FIELD(AddressGroup, address_group, addresses, REMOTE),

    /* What these fields are to each other is for the service to judge: a rule that cannot be must not take its group
     * along, and Neutron keeps a prefix as the user wrote it. */
    FIELD(SecurityGroup, security_group, rules, PARTS),
    FIELD(SecurityGroupRule, security_group_rule, id, ID),
    FIELD(SecurityGroupRule, security_group_rule, direction, WORD, WORDS("ingress egress"), REQUIRED),
    FIELD(SecurityGroupRule, security_group_rule, ethertype, WORD, WORDS("IPv4 IPv6"), REQUIRED),
    FIELD(SecurityGroupRule, security_group_rule, protocol, PROTOCOL),
    FIELD(SecurityGroupRule, security_group_rule, port_range_min, NUMBER, RANGE(0, 65535)),
    FIELD(SecurityGroupRule, security_group_rule, port_range_max, NUMBER, RANGE(0, 65535)),
    FIELD(SecurityGroupRule, security_group_rule, remote_group_id, REF, TO(SECGROUP)),
    FIELD(SecurityGroupRule, security_group_rule, remote_ip_prefix, REMOTE),
    FIELD(SecurityGroupRule, security_group_rule, remote_address_group_id, REF, TO(ADDRESS_GROUP)),

    FIELD(LogicalSwitch, logical_switch, unique_key, NUMBER, RANGE(1, UINT32_MAX)),
    FIELD(LogicalSwitch, logical_switch, network_type, WORD, WORDS(NETWORK_TYPES)),
    FIELD(LogicalSwitch, logical_switch, mtu, NUMBER, RANGE(68, 65535)),
    FIELD(LogicalSwitch, logical_switch, qos_policy, REF, TO(QOSPOLICY)),

    FIELD(HostRoute, host_route, destination, PREFIX, REQUIRED),
    FIELD(HostRoute, host_route, nexthop, IP, REQUIRED),

    FIELD(Subnet, subnet, lswitch, REF, TO(LSWITCH), REQUIRED),
    FIELD(Subnet, subnet, cidr, PREFIX, REQUIRED),
    FIELD(Subnet, subnet, gateway_ip, HOST),
    FIELD(Subnet, subnet, dhcp_ip, HOST),
    FIELD(Subnet, subnet, dns_nameservers, IP),
    FIELD(Subnet, subnet, ipv6_ra_mode, WORD, WORDS(IPV6_MODES)),
    FIELD(Subnet, subnet, ipv6_address_mode, WORD, WORDS(IPV6_MODES)),

    FIELD(LogicalPort, logical_port, unique_key, NUMBER, RANGE(1, UINT32_MAX)),
    FIELD(LogicalPort, logical_port, lswitch, REF, TO(LSWITCH), REQUIRED),
    FIELD(LogicalPort, logical_port, macs, MAC),
    FIELD(LogicalPort, logical_port, ips, HOST),
    FIELD(LogicalPort, logical_port, subnets, REF, TO(LSUBNET)),
    FIELD(LogicalPort, logical_port, security_groups, REF, TO(SECGROUP)),
    FIELD(LogicalPort, logical_port, qos_policy, REF, TO(QOSPOLICY)),

    FIELD(PortBinding, port_binding, type, WORD, WORDS("chassis vtep")),
    FIELD(PortBinding, port_binding, chassis, REF, TO(CHASSIS)),
    FIELD(PortBinding, port_binding, vtep_address, HOST),
    FIELD(PortBinding, port_binding, vif_type, WORD, WORDS(VIF_TYPES)),
    FIELD(PortBinding, port_binding, vif_mode, WORD, WORDS("client server")),
    FIELD(PortBinding, port_binding, additional_chassis, REF, TO(CHASSIS)),

    FIELD(AddressPair, address_pair, ip_address, IP_PREFIX, REQUIRED),
    FIELD(AddressPair, address_pair, mac_address, MAC),

    FIELD(DhcpParams, dhcp_params, opts, MAP),
    FIELD(DhcpParams, dhcp_params, siaddr, HOST),
    FIELD(DhcpParams, dhcp_params, opts_v6, MAP),
    FIELD(DhcpOption, dhcp_option, key, ID, REQUIRED),
    FIELD(DhcpOption, dhcp_option, value, TEXT, UP_TO(1024), REQUIRED),

    FIELD(LogicalRouter, logical_router, unique_key, NUMBER, RANGE(1, UINT32_MAX)),
    FIELD(LogicalRouterPort, logical_router_port, id, ID, REQUIRED),
    FIELD(LogicalRouterPort, logical_router_port, unique_key, NUMBER, RANGE(1, UINT32_MAX)),
    FIELD(LogicalRouterPort, logical_router_port, mac, MAC, REQUIRED),
    FIELD(LogicalRouterPort, logical_router_port, lswitch, REF, TO(LSWITCH), REQUIRED),
    FIELD(LogicalRouterPort, logical_router_port, network, INTERFACE, REQUIRED),
    FIELD(LogicalRouterPort, logical_router_port, networks, INTERFACE),

    FIELD(Gateway, gateway, lport, REF, TO(LPORT)),
    FIELD(Gateway, gateway, lswitch, REF, TO(LSWITCH)),
    FIELD(Gateway, gateway, mac, MAC),
    FIELD(Gateway, gateway, ips, HOST),
    FIELD(Gateway, gateway, next_hops, HOST),
    FIELD(Gateway, gateway, chassis, REF, TO(CHASSIS)),

    FIELD(FloatingIp, floating_ip, floating_ip_address, HOST),
    FIELD(FloatingIp, floating_ip, fixed_ip_address, HOST),
    FIELD(FloatingIp, floating_ip, lport, REF, TO(LPORT)),
    FIELD(FloatingIp, floating_ip, floating_lport, REF, TO(LPORT)),
    FIELD(FloatingIp, floating_ip, lrouter, REF, TO(LROUTER)),
    FIELD(FloatingIp, floating_ip, qos_policy, REF, TO(QOSPOLICY)),

    FIELD(PortForwarding, port_forwarding, protocol, PROTOCOL, REQUIRED),
    FIELD(PortForwarding, port_forwarding, external_port_min, NUMBER, RANGE(1, 65535), REQUIRED),
    FIELD(PortForwarding, port_forwarding, external_port_max, NUMBER, RANGE(1, 65535)),
    FIELD(PortForwarding, port_forwarding, internal_ip, HOST, REQUIRED),
    FIELD(PortForwarding, port_forwarding, internal_port_min, NUMBER, RANGE(1, 65535), REQUIRED),
    FIELD(PortForwarding, port_forwarding, lport, REF, TO(LPORT)),

    FIELD(ChildPortSegmentation, child_port_segmentation, parent, REF, TO(LPORT), REQUIRED),
    FIELD(ChildPortSegmentation, child_port_segmentation, port, REF, TO(LPORT), REQUIRED),
    FIELD(ChildPortSegmentation, child_port_segmentation, segmentation_type, WORD, WORDS(CHILD_TYPES), REQUIRED),

    FIELD(ActivePort, active_port, ip, HOST, REQUIRED),
    FIELD(ActivePort, active_port, network, REF, TO(LSWITCH), REQUIRED),
    FIELD(ActivePort, active_port, detected_mac, MAC),
    FIELD(ActivePort, active_port, detected_lport, REF, TO(LPORT)),

    FIELD(SfcPortPair, sfc_port_pair, ingress_port, REF, TO(LPORT), REQUIRED),
    FIELD(SfcPortPair, sfc_port_pair, egress_port, REF, TO(LPORT), REQUIRED),
    FIELD(SfcPortPair, sfc_port_pair, correlation_mechanism, WORD, WORDS("none mpls nsh")),
    FIELD(SfcPortPairGroup, sfc_port_pair_group, port_pairs, REF, TO(SFC_PORTPAIR)),
    FIELD(SfcFlowClassifier, sfc_flow_classifier, ether_type, WORD, WORDS("IPv4 IPv6")),
    FIELD(SfcFlowClassifier, sfc_flow_classifier, protocol, PROTOCOL),
    FIELD(SfcFlowClassifier, sfc_flow_classifier, source_cidr, PREFIX),
    FIELD(SfcFlowClassifier, sfc_flow_classifier, dest_cidr, PREFIX),
    FIELD(SfcFlowClassifier, sfc_flow_classifier, source_transport_ports, NUMBER, RANGE(0, 65535)),
    FIELD(SfcFlowClassifier, sfc_flow_classifier, dest_transport_ports, NUMBER, RANGE(0, 65535)),
    FIELD(SfcFlowClassifier, sfc_flow_classifier, source_port, REF, TO(LPORT)),
    FIELD(SfcFlowClassifier, sfc_flow_classifier, dest_port, REF, TO(LPORT)),
    FIELD(SfcPortChain, sfc_port_chain, protocol, WORD, WORDS("mpls nsh")),
    FIELD(SfcPortChain, sfc_port_chain, port_pair_groups, REF, TO(SFC_PORTPAIRGROUP)),
    FIELD(SfcPortChain, sfc_port_chain, flow_classifiers, REF, TO(SFC_FLOWCLASSIFIER)),

    FIELD(BgpPeer, bgp_peer, peer_ip, HOST, REQUIRED),
    FIELD(BgpPeer, bgp_peer, remote_as, NUMBER, RANGE(1, UINT32_MAX), REQUIRED),
    FIELD(BgpSpeaker, bgp_speaker, local_as, NUMBER, RANGE(1, UINT32_MAX), REQUIRED),
    FIELD(BgpSpeaker, bgp_speaker, peers, REF, TO(BGP_PEER)),
    FIELD(BgpSpeaker, bgp_speaker, ip_version, NUMBER, RANGE(4, 6)),

    FIELD(Migration, migration, lport, REF, TO(LPORT), REQUIRED),
    FIELD(Migration, migration, dest_chassis, REF, TO(CHASSIS), REQUIRED),

    FIELD(PortStatus, port_status, lport, REF, TO(LPORT), REQUIRED),
    FIELD(PortStatus, port_status, chassis, REF, TO(CHASSIS), REQUIRED),
    FIELD(PortStatus, port_status, reason, TEXT, UP_TO(1024)),
};
/* clang-format on */

static const struct df_rule id_rule = {.kind = DF_KIND_ID};
static const struct df_rule text_rule = {.kind = DF_KIND_TEXT, .max = DF_TEXT_MAX};
/* JSON's integers are signed. */
static const struct df_rule number_rule = {.kind = DF_KIND_NUMBER, .max = INT64_MAX};

/* The rules of one message: they follow each other in the list. */
struct span {
    const ProtobufCMessageDescriptor *message;
    const struct df_rule *first;
    size_t n;
};

#define N_RULES (sizeof rules / sizeof rules[0])

static struct span spans[N_RULES];
static size_t n_spans;

static void find_spans(void)
{
    for (size_t i = 0; i < N_RULES; i++) {
        if (n_spans == 0 || spans[n_spans - 1].message != rules[i].message)
            spans[n_spans++] = (struct span){rules[i].message, &rules[i], 0};
        spans[n_spans - 1].n++;
    }
}

static const struct span *span_of(const ProtobufCMessageDescriptor *message)
{
    static const struct span none;
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, find_spans);
    for (size_t i = 0; i < n_spans; i++)
        if (spans[i].message == message)
            return &spans[i];
    return &none;
}

const struct df_rule *df_rule_of(const ProtobufCMessageDescriptor *message, const ProtobufCFieldDescriptor *field)
{
    const struct span *span = span_of(message);
    for (size_t i = 0; i < span->n; i++)
        if (span->first[i].offset == field->offset)
            return &span->first[i];
    if (field->type != PROTOBUF_C_TYPE_STRING)
        return &number_rule;
    return strcmp(field->name, "id") == 0 ? &id_rule : &text_rule;
}

#define TABLE(table, table_name, lower, ...)                                                                           \
    [DF_NB_##table] = {.name = #table_name, .descriptor = &df__##lower##__descriptor, ##__VA_ARGS__}
#define T .has_topic = true
#define V .has_version = true
#define K .has_unique_key = true
#define N .has_name = true

static const struct df_schema_table tables[DF_NB_TABLES] = {
    TABLE(CHASSIS, chassis, chassis),
    TABLE(SERVICE, service, service),
    TABLE(PUBLISHER, publisher, publisher, N),
    TABLE(QOSPOLICY, qospolicy, qos_policy, T, V, N),
    TABLE(ADDRESS_GROUP, address_group, address_group, T, V, N),
    TABLE(SECGROUP, secgroup, security_group, T, V, N),
    TABLE(LSWITCH, lswitch, logical_switch, T, V, K, N),
    TABLE(LSUBNET, lsubnet, subnet, T, V, N),
    TABLE(LPORT, lport, logical_port, T, V, K, N),
    TABLE(LROUTER, lrouter, logical_router, T, V, K, N),
    TABLE(FLOATINGIP, floatingip, floating_ip, T, V, N),
    TABLE(CHILD_PORT_SEGMENTATION, child_port_segmentation, child_port_segmentation, T),
    TABLE(ACTIVEPORT, activeport, active_port, T),
    TABLE(SFC_PORTPAIR, sfc_portpair, sfc_port_pair, T, N),
    TABLE(SFC_PORTPAIRGROUP, sfc_portpairgroup, sfc_port_pair_group, T, N),
    TABLE(SFC_FLOWCLASSIFIER, sfc_flowclassifier, sfc_flow_classifier, T, N),
    TABLE(SFC_PORTCHAIN, sfc_portchain, sfc_port_chain, T, N),
    TABLE(BGP_PEER, bgp_peer, bgp_peer, T, N),
    TABLE(BGP_SPEAKER, bgp_speaker, bgp_speaker, T, N),
    TABLE(MIGRATION, migration, migration),
    TABLE(PORT_STATUS, port_status, port_status),
};

const struct df_schema_table *df_schema_table(enum df_nb_table table)
{
    return &tables[table];
}

enum df_nb_table df_schema_find(const char *name)
{
    enum df_nb_table table = 0;
    while (table < DF_NB_TABLES && strcmp(tables[table].name, name) != 0)
        table++;
    return table;
}

static const char *string_of(const ProtobufCMessage *object, const char *name)
{
    const ProtobufCFieldDescriptor *field = df_field_find(object, name);
    return field ? df_field_string(object, field, 0) : NULL;
}

static uint64_t number_of(const ProtobufCMessage *object, const char *name)
{
    const ProtobufCFieldDescriptor *field = df_field_find(object, name);
    return field && df_field_count(object, field) ? df_field_uint(object, field, 0) : 0;
}

const char *df_schema_id(const ProtobufCMessage *object)
{
    return string_of(object, "id");
}

uint64_t df_schema_version(const ProtobufCMessage *object)
{
    return number_of(object, "version");
}

uint32_t df_schema_unique_key(const ProtobufCMessage *object)
{
    return (uint32_t)number_of(object, "unique_key");
}

const char *df_schema_name(const ProtobufCMessage *object)
{
    return string_of(object, "name");
}

const char *df_schema_topic(const ProtobufCMessage *object)
{
    return string_of(object, "topic");
}
