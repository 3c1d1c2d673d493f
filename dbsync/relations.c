/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/relations.h"

#include <netinet/in.h>
#include <string.h>

#include "dbsync/inet.h"

#define FAIL(field, ...) df_object_error(at, &(struct df_path){up, field, DF_PATH_NO_INDEX}, __VA_ARGS__)
#define RELATION(type)                                                                                                 \
    static int relate_##type(const struct df_object_at *at, const struct df_path *up, const Df__##type *m)

static int family(const char *text)
{
    struct df_inet inet = {0};
    df_inet_parse(text, &inet);
    return inet.family;
}

/* Of addresses that may be absent. */
static bool families_differ(const char *a, const char *b)
{
    return a && b && family(a) != family(b);
}

static bool is(const char *text, const char *word)
{
    return text && strcmp(text, word) == 0;
}

RELATION(LogicalSwitch)
{
    if (!m->has_segmentation_id)
        return 0;
    if (is(m->network_type, "vlan") && (m->segmentation_id < 1 || m->segmentation_id > 4094))
        return FAIL("segmentation_id", "%u is not a VLAN id (1 to 4094)", m->segmentation_id);
    if ((is(m->network_type, "vxlan") || is(m->network_type, "geneve")) && m->segmentation_id > 0xffffff)
        return FAIL("segmentation_id", "%u does not fit %s's 24 bits", m->segmentation_id, m->network_type);
    return 0;
}

RELATION(HostRoute)
{
    if (families_differ(m->destination, m->nexthop))
        return FAIL("nexthop", "'%s' and '%s' are of different IP versions", m->nexthop, m->destination);
    return 0;
}

RELATION(Subnet)
{
    if (families_differ(m->cidr, m->gateway_ip))
        return FAIL("gateway_ip", "'%s' and '%s' are of different IP versions", m->gateway_ip, m->cidr);
    if (families_differ(m->cidr, m->dhcp_ip))
        return FAIL("dhcp_ip", "'%s' and '%s' are of different IP versions", m->dhcp_ip, m->cidr);
    if (m->ipv6_ra_mode && family(m->cidr) != AF_INET6)
        return FAIL("ipv6_ra_mode", "'%s' is not IPv6", m->cidr);
    if (m->ipv6_address_mode && family(m->cidr) != AF_INET6)
        return FAIL("ipv6_address_mode", "'%s' is not IPv6", m->cidr);
    return 0;
}

RELATION(PortBinding)
{
    if (is(m->type, "chassis") && !m->chassis)
        return FAIL("chassis", "is missing: type is chassis");
    if (is(m->type, "vtep") && !m->vtep_address)
        return FAIL("vtep_address", "is missing: type is vtep");
    return 0;
}

RELATION(LogicalPort)
{
    if (m->n_subnets && m->n_subnets != m->n_ips)
        return FAIL("subnets", "%zu for %zu ips: there must be one for each", m->n_subnets, m->n_ips);
    return 0;
}

RELATION(PortForwarding)
{
    if (m->has_external_port_max && m->external_port_max < m->external_port_min)
        return FAIL("external_port_max", "%u is below external_port_min %u", m->external_port_max,
                    m->external_port_min);
    unsigned more = m->has_external_port_max ? m->external_port_max - m->external_port_min : 0;
    if (m->internal_port_min + more > UINT16_MAX)
        return FAIL("internal_port_min", "%u and %u more are over 65535", m->internal_port_min, more);
    return 0;
}

RELATION(QosPolicyRule)
{
    if (is(m->type, "dscp_marking") && !m->has_dscp_mark)
        return FAIL("dscp_mark", "is missing: type is %s", m->type);
    if (is(m->type, "bandwidth_limit") && !m->has_max_kbps)
        return FAIL("max_kbps", "is missing: type is %s", m->type);
    if (is(m->type, "minimum_bandwidth") && !m->has_min_kbps)
        return FAIL("min_kbps", "is missing: type is %s", m->type);
    if (is(m->type, "packet_rate_limit") && !m->has_max_kpps)
        return FAIL("max_kpps", "is missing: type is %s", m->type);
    return 0;
}

RELATION(ChildPortSegmentation)
{
    if (is(m->segmentation_type, "vlan") && (m->segmentation_id < 1 || m->segmentation_id > 4094))
        return FAIL("segmentation_id", "%u is not a VLAN id (1 to 4094)", m->segmentation_id);
    return 0;
}

static bool is_bad_range(size_t n, const uint32_t *ports)
{
    return n && (n != 2 || ports[0] > ports[1]);
}

RELATION(SfcFlowClassifier)
{
    if (is_bad_range(m->n_source_transport_ports, m->source_transport_ports))
        return FAIL("source_transport_ports", "is not [min, max]");
    if (is_bad_range(m->n_dest_transport_ports, m->dest_transport_ports))
        return FAIL("dest_transport_ports", "is not [min, max]");
    if (families_differ(m->source_cidr, m->dest_cidr))
        return FAIL("dest_cidr", "'%s' and '%s' are of different IP versions", m->dest_cidr, m->source_cidr);
    return 0;
}

RELATION(BgpSpeaker)
{
    if (m->has_ip_version && m->ip_version != 4 && m->ip_version != 6)
        return FAIL("ip_version", "%u is neither 4 nor 6", m->ip_version);
    return 0;
}

#define CASE(type, lower)                                                                                              \
    if (message->descriptor == &df__##lower##__descriptor)                                                             \
        return relate_##type(at, up, (const Df__##type *)message);

int df_relations_check(const struct df_object_at *at, const struct df_path *up, const ProtobufCMessage *message)
{
    CASE(LogicalSwitch, logical_switch)
    CASE(HostRoute, host_route)
    CASE(Subnet, subnet)
    CASE(PortBinding, port_binding)
    CASE(LogicalPort, logical_port)
    CASE(PortForwarding, port_forwarding)
    CASE(QosPolicyRule, qos_policy_rule)
    CASE(ChildPortSegmentation, child_port_segmentation)
    CASE(SfcFlowClassifier, sfc_flow_classifier)
    CASE(BgpSpeaker, bgp_speaker)
    return 0;
}
