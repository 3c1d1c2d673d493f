/* SPDX-License-Identifier: Apache-2.0 */
#include "apps/lport.h"
#include "apps/tunneling/flood.h"
#include "apps/tunneling/way.h"

/*
 * tunneling: the way to ports on other nodes, and what comes from there.
 *
 * The tunnel key on the wire is the network's segmentation_id, whatever the type; which port a packet is for, the
 * receiving node finds by its MAC. So an lport on another node gives itself to 75 EGRESS, a local one its MACs to 100
 * INGRESS_LOOKUP, a network its key to 202 TUNNEL, and another node its end point to 203 PEERS. Networks of type local,
 * flat and vlan have no tunnels.
 *
 * Which way that is, way.h says, and who hears a network's broadcast, flood.h.
 */

enum { RANK_OWN, RANK_PAIR };
enum { RANK_CHASSIS, RANK_VTEP, RANK_HEARD };

#define IP6_OVERHEAD 20 /* of an outer IPv6 header over an IPv4 one */

static bool is(const char *text, const char *word)
{
    return text && strcmp(text, word) == 0;
}

/* ---- Networks */

static void check_mtu(struct df_compile *c, const Df__LogicalSwitch *lswitch, const struct df_underlay_end *end)
{
    enum df_tunnel_type type = df_way_type_of(lswitch->network_type);
    unsigned overhead =
        df_way_types[df_underlay_end_types(end) & DF_TUNNEL_BIT(type) ? type : DF_TUNNEL_VXLAN].overhead;
    overhead += df_ip_is_zero(&end->ip4) ? IP6_OVERHEAD : 0;
    if (lswitch->has_mtu && (uint64_t)lswitch->mtu + overhead > end->mtu)
        df_compile_problem(c,
                           "mtu %u and %u bytes of outer headers do not fit the underlay's mtu of %u: lower the "
                           "network's mtu, or raise [df] underlay_mtu",
                           lswitch->mtu, overhead, end->mtu);
}

static void compile_lswitch(struct df_compile *c, const ProtobufCMessage *object)
{
    const Df__LogicalSwitch *lswitch = (const Df__LogicalSwitch *)object;
    const struct df_underlay_end *end = df_compile_underlay(c);
    enum df_tunnel_type type = df_way_type_of(lswitch->network_type);
    struct df_segment segment;
    if (!df_compile_needs_network(c, lswitch->id) || !df_compile_segment(c, lswitch->id, &segment) || type == 0)
        return;
    if (!df_way_is_tunnelled(&segment)) {
        df_compile_problem(c, "network_type %s needs a segmentation_id of at most %u", df_way_types[type].name,
                           df_way_types[type].key_max);
        return;
    }
    if (!end)
        return;
    check_mtu(c, lswitch, end);
    struct df_tunnel_key key = {.tunnel_type = type, .tunnel_key = segment.segmentation_id};
    struct df_tunnel_value value = {.network = segment.network};
    df_compile_emit(c, DF_TABLE_TUNNEL, &key, sizeof(key), &value, sizeof(value));
    df_flood_compile(c, lswitch, &segment);
}

/* ---- Nodes */

static struct df_peer_value peer_value(struct df_compile *c, const struct df_ip *ip, unsigned set)
{
    const struct df_underlay_end *end = df_compile_underlay(c);
    return (struct df_peer_value){
        .local_ip = df_underlay_end_ip(end, ip),
        .src = df_compile_underlay_mac(c),
        .port = end->port,
        .types = (uint16_t)set,
        .vlan = end->vlan,
        .mtu = end->mtu,
        .udp6_checksum = end->udp6_checksum,
    };
}

static void put_peer(struct df_compile *c, unsigned rank, const struct df_ip *ip, const struct df_peer_value *value)
{
    struct df_peer_key key = {.ip = *ip};
    df_compile_emit_ranked(c, rank, DF_TABLE_PEERS, &key, sizeof(key), value, sizeof(*value));
}

/* text is how the object calls the address: "its ip". */
static void emit_peer(struct df_compile *c, unsigned rank, const struct df_ip *ip, struct df_peer_value *value,
                      const char *text)
{
    value->mtu = df_compile_path_mtu(c, ip);
    value->reachable = (uint16_t)df_compile_neighbour(c, ip, &value->dst);
    if (value->reachable == DF_PEER_UNREACHABLE)
        df_compile_problem(c,
                           "no way leads to %s: set [df] underlay_gateway, or correct the prefix length of [df] "
                           "local_ip, or add it to [df] underlay_neighbours",
                           text);
    if (value->reachable == DF_PEER_FAILED)
        df_compile_problem(c, "nobody answers for the MAC of %s or of the gateway to it; see df-ctl underlay", text);
    put_peer(c, rank, ip, value);
}

/* A further address of a node: it may send from there, and nobody asks who has it. */
static void emit_heard(struct df_compile *c, const struct df_ip *ip, unsigned set)
{
    struct df_peer_value value = peer_value(c, ip, set);
    value.reachable = DF_PEER_HEARD;
    put_peer(c, RANK_HEARD, ip, &value);
}

static void compile_chassis(struct df_compile *c, const ProtobufCMessage *object)
{
    const Df__Chassis *chassis = (const Df__Chassis *)object;
    const struct df_underlay_end *end = df_compile_underlay(c);
    struct df_ip sent_to = {{{0}}};
    const char *address;
    unsigned set = end ? df_way_shared_types(end, chassis) : 0;
    if (set == 0) /* ports that are there say so */
        return;
    if (df_compile_is_dead(c, chassis->id)) /* what is sent there is dropped by name, until it lives again */
        return;
    if (chassis->n_ips >= DF_WAY_IPS_MAX)
        df_compile_problem(c, "ips: the first %u are used, and the others are not", DF_WAY_IPS_MAX - 1);
    for (size_t i = 0; (address = df_way_ip(chassis, i)); i++) {
        struct df_ip ip;
        enum df_way_fault fault = df_way_check(end, address, &ip);
        const char *field = address == chassis->ip ? "ip" : "ips";
        if (fault == DF_WAY_NO_STATION)
            df_compile_problem(c, "%s: %s %s", field, address, df_way_fault_text(fault));
        if (fault != DF_WAY_GOOD)
            continue;
        char text[64];
        snprintf(text, sizeof(text), "its ip %s", address);
        if (df_ip_is_zero(&sent_to)) {
            struct df_peer_value value = peer_value(c, &ip, set);
            emit_peer(c, RANK_CHASSIS, &ip, &value, text);
            sent_to = ip;
        } else if (!df_ip_equal(&ip, &sent_to)) {
            emit_heard(c, &ip, set);
        }
    }
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

static void emit_way(struct df_compile *c, const Df__LogicalPort *lport, enum df_tunnel_type type,
                     const struct df_segment *segment, const struct df_ip *peer)
{
    struct df_egress_key key = {.lport = lport->unique_key};
    struct df_egress_value value = {
        .kind = DF_EGRESS_TUNNEL, .tunnel_type = type, .tunnel_key = segment->segmentation_id, .peer = *peer};
    df_compile_emit(c, DF_TABLE_EGRESS, &key, sizeof(key), &value, sizeof(value));
}

static void emit_on_chassis(struct df_compile *c, const Df__LogicalPort *lport, const struct df_segment *segment,
                            const struct df_underlay_end *end)
{
    const char *id = lport->binding->chassis;
    const Df__Chassis *chassis = (const Df__Chassis *)df_compile_read(c, DF_NB_CHASSIS, id);
    struct df_ip ip;
    if (!chassis)
        return;
    unsigned set = df_way_shared_types(end, chassis);
    enum df_tunnel_type type = df_way_choose_type(end, set, segment);
    enum df_way_fault fault = df_way_choose_ip(end, chassis, &ip);
    const char *first = df_way_ip(chassis, 0);
    if (set == 0)
        df_compile_problem(
            c,
            "chassis %s: its tunnel_types and this node's [df] tunnel_types have none in common; add one, "
            "or move the port",
            id);
    else if (type == 0)
        df_compile_problem(c,
                           "chassis %s: segmentation_id %u of the network fits gre alone, which is not in both its "
                           "tunnel_types and this node's [df] tunnel_types; add it, or lower the segmentation_id",
                           id, segment->segmentation_id);
    else if (fault != DF_WAY_GOOD)
        df_compile_problem(c, "chassis %s: its ip %s %s", id, first ? first : "", df_way_fault_text(fault));
    else
        emit_way(c, lport, type, segment, &ip);
}

/* A device that is no node of ours. Only networks of type vxlan lead to it, so what comes from there is of no other. */
static void emit_at_vtep(struct df_compile *c, const Df__LogicalPort *lport, const struct df_segment *segment,
                         const struct df_underlay_end *end)
{
    struct df_ip ip;
    char text[80];
    const char *address = lport->binding->vtep_address;
    enum df_way_fault fault = df_way_check(end, address, &ip);
    snprintf(text, sizeof(text), "its vtep_address %.50s", address);
    if (df_way_type_of(segment->network_type) != DF_TUNNEL_VXLAN)
        df_compile_problem(c, "%s: a vtep speaks vxlan, and its network is of type %s", text, segment->network_type);
    else if (!(df_underlay_end_types(end) & DF_TUNNEL_BIT(DF_TUNNEL_VXLAN)))
        df_compile_problem(c, "%s: a vtep speaks vxlan, which is not in [df] tunnel_types; add it", text);
    else if (fault != DF_WAY_GOOD)
        df_compile_problem(c, "%s %s", text, df_way_fault_text(fault));
    else {
        emit_way(c, lport, DF_TUNNEL_VXLAN, segment, &ip);
        struct df_peer_value value = peer_value(c, &ip, DF_TUNNEL_BIT(DF_TUNNEL_VXLAN));
        value.vtep = 1;
        emit_peer(c, RANK_VTEP, &ip, &value, text);
    }
}

static void emit_remote(struct df_compile *c, const Df__LogicalPort *lport, const struct df_segment *segment,
                        const struct df_underlay_end *end)
{
    const Df__PortBinding *binding = lport->binding;
    bool at_vtep = binding && is(binding->type, "vtep");
    const char *where = !binding ? NULL : at_vtep ? binding->vtep_address : binding->chassis;
    if (!where || !where[0])
        return;
    if (!end)
        df_compile_problem(c, "is on %s %s, and this node has no tunnels; set [df] underlay_port and local_ip",
                           at_vtep ? "vtep" : "chassis", where);
    else if (at_vtep)
        emit_at_vtep(c, lport, segment, end);
    else
        emit_on_chassis(c, lport, segment, end);
}

static void compile_lport(struct df_compile *c, const ProtobufCMessage *object)
{
    const Df__LogicalPort *lport = (const Df__LogicalPort *)object;
    if (!df_lport_is_reachable(lport) || !df_compile_needs_network(c, lport->lswitch))
        return;
    struct df_segment segment;
    if (!df_compile_segment(c, lport->lswitch, &segment) || !df_way_is_tunnelled(&segment))
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
    .summary = "VXLAN, Geneve and GRE to and from the other nodes",
    .rules = rules,
};
