/* SPDX-License-Identifier: Apache-2.0 */
#include "apps/lport.h"

#include <netinet/icmp6.h>

/*
 * l2: who has a MAC on a network, who answers ARP and ND for an address, and who hears a network's broadcast.
 *
 * An lport gives its MACs to 55 L2_LOOKUP, its fixed addresses to 25 ARP and 45 IPV6_ND, and, where it is local, itself
 * to 56 FLOOD. A network gives its MTU to 205 NETWORKS. Addresses of allowed address pairs are not answered for: several ports may share one, and only the
 * one that holds it now may answer. A pair's MAC is known, but gives way to a port that has it for its own.
 */

enum { RANK_OWN, RANK_PAIR };

#define ETH_TYPE_ARP 0x0806
#define ETH_TYPE_IP6 0x86dd

static void emit_mac(struct df_compile *c, unsigned rank, uint32_t network, const char *text, uint32_t lport)
{
    struct df_l2_key key = {.network = network};
    struct df_l2_value value = {.lport = lport};
    if (df_mac_parse(text, &key.mac) < 0) {
        df_compile_problem(c, "%s: %s is not a MAC address; correct it",
                           rank == RANK_OWN ? "macs" : "allowed_address_pairs.mac_address", text);
        return;
    }
    df_compile_emit_ranked(c, rank, DF_TABLE_L2, &key, sizeof(key), &value, sizeof(value));
}

static void emit_neighbour(struct df_compile *c, uint32_t network, const char *text,
                           const struct df_neighbour_value *value)
{
    struct df_neighbour_key key = {.network = network};
    if (df_ip_parse(text, &key.ip) < 0) {
        df_compile_problem(c, "ips: %s is not an IP address; correct it", text);
        return;
    }
    df_compile_emit(c, df_ip_is4(&key.ip) ? DF_TABLE_ARP : DF_TABLE_ND, &key, sizeof(key), value, sizeof(*value));
}

static void emit_addresses(struct df_compile *c, const Df__LogicalPort *lport, uint32_t network)
{
    for (size_t i = 0; i < lport->n_macs; i++)
        emit_mac(c, RANK_OWN, network, lport->macs[i], lport->unique_key);
    for (size_t i = 0; i < lport->n_allowed_address_pairs; i++) {
        const char *mac = lport->allowed_address_pairs[i]->mac_address;
        if (mac && mac[0])
            emit_mac(c, RANK_PAIR, network, mac, lport->unique_key);
    }

    struct df_neighbour_value value = {.lport = lport->unique_key};
    if (lport->n_macs == 0 || df_mac_parse(lport->macs[0], &value.mac) < 0)
        return;
    for (size_t i = 0; i < lport->n_ips; i++)
        emit_neighbour(c, network, lport->ips[i], &value);
}

static void compile_lport(struct df_compile *c, const ProtobufCMessage *object)
{
    const Df__LogicalPort *lport = (const Df__LogicalPort *)object;
    if (!df_lport_is_reachable(lport) || !df_compile_needs_network(c, lport->lswitch))
        return;
    uint32_t network = df_compile_key(c, DF_NB_LSWITCH, lport->lswitch);
    if (network == 0)
        return;
    emit_addresses(c, lport, network);
    if (!df_compile_is_local(c, lport))
        return;
    struct df_flood_key key = {.network = network, .lport = lport->unique_key};
    struct df_flood_value value = {.unknown = !lport->port_security_enabled};
    df_compile_emit(c, DF_TABLE_FLOOD, &key, sizeof(key), &value, sizeof(value));
}

static void emit_service(struct df_compile *c, struct df_services_key key, uint16_t table)
{
    struct df_services_value value = {.table = table};
    df_compile_emit(c, DF_TABLE_SERVICES, &key, sizeof(key), &value, sizeof(value));
}

static void emit_mtu(struct df_compile *c, const Df__LogicalSwitch *lswitch)
{
    struct df_network_key key = {.network = lswitch->unique_key};
    struct df_network_value value = {.mtu = lswitch->mtu};
    if (lswitch->has_mtu && lswitch->unique_key != 0)
        df_compile_emit(c, DF_TABLE_NETWORKS, &key, sizeof(key), &value, sizeof(value));
}

/*
 * What sends ARP and ND to their tables belongs to no object of the model, so each network gives the same entries; the
 * compiler keeps one of them.
 */
static void compile_lswitch(struct df_compile *c, const ProtobufCMessage *object)
{
    const Df__LogicalSwitch *lswitch = (const Df__LogicalSwitch *)object;
    if (!df_compile_needs_network(c, lswitch->id))
        return;
    emit_mtu(c, lswitch);
    emit_service(c, (struct df_services_key){.eth_type = ETH_TYPE_ARP}, DF_TABLE_ARP);
    emit_service(
        c,
        (struct df_services_key){.eth_type = ETH_TYPE_IP6, .ip_proto = IPPROTO_ICMPV6, .l4_dst = ND_NEIGHBOR_SOLICIT},
        DF_TABLE_ND);
    emit_service(
        c, (struct df_services_key){.eth_type = ETH_TYPE_IP6, .ip_proto = IPPROTO_ICMPV6, .l4_dst = ND_NEIGHBOR_ADVERT},
        DF_TABLE_ND);
}

static const struct df_app_rule rules[] = {
    {DF_NB_LSWITCH, compile_lswitch},
    {DF_NB_LPORT, compile_lport},
    {DF_NB_TABLES, NULL},
};

const struct df_app df_app = {
    .abi = DF_APP_ABI,
    .name = "l2",
    .summary = "switching inside a network, ARP and ND answers",
    .provides = DF_APP_L2,
    .rules = rules,
};
