/* SPDX-License-Identifier: Apache-2.0 */
#include "apps/lport.h"

/*
 * tunneling: the way to ports on other nodes, and what comes from there.
 *
 * The tunnel key on the wire is the network's segmentation_id; which port a packet is for, the receiving node finds by
 * its MAC. So an lport on another node gives itself to 75 EGRESS, a local one its MACs to 100 INGRESS_LOOKUP, a network
 * its key to 202 TUNNEL, and another node its end point to 203 PEERS. Networks of type local, flat and vlan have no
 * tunnels.
 */

enum { RANK_OWN, RANK_PAIR };

#define VNI_MAX 0xffffff
#define VXLAN_OVERHEAD 50 /* of the outer IP packet over the inner one: Ethernet, IPv4, UDP, VXLAN */

static bool is(const char *text, const char *word)
{
    return text && strcmp(text, word) == 0;
}

static bool is_tunnelled(const struct df_segment *segment)
{
    return is(segment->network_type, "vxlan") && segment->has_segmentation_id && segment->segmentation_id <= VNI_MAX;
}

/* ---- Networks */

static void check_mtu(struct df_compile *c, const Df__LogicalSwitch *lswitch, const struct df_underlay_end *end)
{
    if (lswitch->has_mtu && (uint64_t)lswitch->mtu + VXLAN_OVERHEAD > end->mtu)
        df_compile_problem(c,
                           "mtu %u and %u bytes of outer headers do not fit the underlay's mtu of %u: lower the "
                           "network's mtu, or raise [df] underlay_mtu",
                           lswitch->mtu, VXLAN_OVERHEAD, end->mtu);
}

static void compile_lswitch(struct df_compile *c, const ProtobufCMessage *object)
{
    const Df__LogicalSwitch *lswitch = (const Df__LogicalSwitch *)object;
    const struct df_underlay_end *end = df_compile_underlay(c);
    struct df_segment segment;
    if (!df_compile_needs_network(c, lswitch->id) || !df_compile_segment(c, lswitch->id, &segment))
        return;
    if (is(lswitch->network_type, "geneve") || is(lswitch->network_type, "gre"))
        df_compile_problem(c, "network_type %s is not supported yet; use vxlan", lswitch->network_type);
    if (!is(lswitch->network_type, "vxlan"))
        return;
    if (!is_tunnelled(&segment)) {
        df_compile_problem(c, "network_type vxlan needs a segmentation_id of at most %u", VNI_MAX);
        return;
    }
    if (!end)
        return;
    check_mtu(c, lswitch, end);
    struct df_tunnel_key key = {.tunnel_type = DF_TUNNEL_VXLAN, .tunnel_key = segment.segmentation_id};
    struct df_tunnel_value value = {.network = segment.network};
    df_compile_emit(c, DF_TABLE_TUNNEL, &key, sizeof(key), &value, sizeof(value));
}

/* ---- Nodes */

static bool speaks_vxlan(const Df__Chassis *chassis)
{
    for (size_t i = 0; i < chassis->n_tunnel_types; i++)
        if (strcmp(chassis->tunnel_types[i], "vxlan") == 0)
            return true;
    return false;
}

static bool has_end_point(const Df__Chassis *chassis, struct df_ip *ip)
{
    return chassis->ip && df_ip_parse(chassis->ip, ip) == 0 && df_ip_is4(ip) && speaks_vxlan(chassis);
}

static void compile_chassis(struct df_compile *c, const ProtobufCMessage *object)
{
    const Df__Chassis *chassis = (const Df__Chassis *)object;
    const struct df_underlay_end *end = df_compile_underlay(c);
    struct df_peer_key key;
    if (!end || !has_end_point(chassis, &key.ip) || df_ip_equal(&key.ip, &end->ip))
        return;
    struct df_peer_value value = {.local_ip = end->ip, .src = df_compile_underlay_mac(c), .port = end->port};
    value.reachable = df_compile_neighbour(c, &key.ip, &value.dst);
    if (!value.reachable)
        df_compile_problem(c, "no MAC is known for its ip %s; add it to [df] underlay_neighbours", chassis->ip);
    df_compile_emit(c, DF_TABLE_PEERS, &key, sizeof(key), &value, sizeof(value));
}

/* ---- Ports */

static void emit_mac(struct df_compile *c, unsigned rank, uint32_t network, const char *text, uint32_t lport)
{
    struct df_ingress_lookup_key key = {.network = network};
    struct df_ingress_lookup_value value = {.lport = lport};
    if (df_mac_parse(text, &key.mac) == 0) /* l2 says so where it is none */
        df_compile_emit_ranked(c, rank, DF_TABLE_INGRESS_LOOKUP, &key, sizeof(key), &value, sizeof(value));
}

static void emit_local(struct df_compile *c, const Df__LogicalPort *lport, uint32_t network)
{
    for (size_t i = 0; i < lport->n_macs; i++)
        emit_mac(c, RANK_OWN, network, lport->macs[i], lport->unique_key);
    for (size_t i = 0; i < lport->n_allowed_address_pairs; i++) {
        const char *mac = lport->allowed_address_pairs[i]->mac_address;
        if (mac && mac[0])
            emit_mac(c, RANK_PAIR, network, mac, lport->unique_key);
    }
}

/* The end point of the node that the port is on. False: there is no way to it, and why was said. */
static bool find_peer(struct df_compile *c, const char *id, const struct df_underlay_end *end, struct df_ip *ip)
{
    const Df__Chassis *chassis = (const Df__Chassis *)df_compile_read(c, DF_NB_CHASSIS, id);
    if (!chassis)
        return false;
    if (!has_end_point(chassis, ip)) {
        df_compile_problem(c, "chassis %s: %s", id,
                           !speaks_vxlan(chassis) ? "vxlan is not in its tunnel_types; add it, or move the port"
                                                  : "its ip is not an IPv4 address; correct it");
        return false;
    }
    if (df_ip_equal(ip, &end->ip)) {
        df_compile_problem(c, "chassis %s has this node's own ip %s; correct it, or [df] local_ip", id, chassis->ip);
        return false;
    }
    return true;
}

static void emit_remote(struct df_compile *c, const Df__LogicalPort *lport, const struct df_segment *segment,
                        const struct df_underlay_end *end)
{
    const Df__PortBinding *binding = lport->binding;
    struct df_egress_key key = {.lport = lport->unique_key};
    struct df_egress_value value = {
        .kind = DF_EGRESS_TUNNEL, .tunnel_type = DF_TUNNEL_VXLAN, .tunnel_key = segment->segmentation_id};
    if (!binding || is(binding->type, "vtep") || !binding->chassis || !binding->chassis[0])
        return;
    if (!end) {
        df_compile_problem(c, "is on chassis %s, and this node has no tunnels; set [df] underlay_port and local_ip",
                           binding->chassis);
        return;
    }
    if (find_peer(c, binding->chassis, end, &value.peer))
        df_compile_emit(c, DF_TABLE_EGRESS, &key, sizeof(key), &value, sizeof(value));
}

static void compile_lport(struct df_compile *c, const ProtobufCMessage *object)
{
    const Df__LogicalPort *lport = (const Df__LogicalPort *)object;
    if (!df_lport_is_reachable(lport) || !df_compile_needs_network(c, lport->lswitch))
        return;
    struct df_segment segment;
    if (!df_compile_segment(c, lport->lswitch, &segment) || !is_tunnelled(&segment))
        return;
    const struct df_underlay_end *end = df_compile_underlay(c);
    if (!df_compile_is_local(c, lport))
        emit_remote(c, lport, &segment, end);
    else if (end)
        emit_local(c, lport, segment.network);
}

static const struct df_app_rule rules[] = {
    {DF_NB_LSWITCH, compile_lswitch},
    {DF_NB_CHASSIS, compile_chassis},
    {DF_NB_LPORT, compile_lport},
    {DF_NB_TABLES, NULL},
};

const struct df_app df_app = {
    .abi = DF_APP_ABI,
    .name = "tunneling",
    .summary = "VXLAN to and from the other nodes",
    .rules = rules,
};
