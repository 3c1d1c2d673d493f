/* SPDX-License-Identifier: Apache-2.0 */
#include "apps/lport.h"

#include <stdlib.h>

/*
 * portsec: what a local port may send from, table 201 PORT_SECURITY.
 *
 * Pairs are every MAC of the port with every fixed address, every MAC with the IPv6 link-local address made from it
 * (a station needs it before it has any other), and the allowed address pairs with their prefixes. 0.0.0.0 and :: as
 * sources of DHCP, ARP probes and DAD are the table's business.
 *
 * A port that cannot be described is refused: it stays closed rather than half filtered.
 */

/* How many pairs the port asks for: as many as the functions below add at most. */
static size_t count_pairs(const Df__LogicalPort *lport)
{
    return lport->n_macs * (lport->n_ips + 1) + lport->n_allowed_address_pairs;
}

static void add(struct df_port_security_value *value, const struct df_mac *mac, const struct df_ip *ip, unsigned bits)
{
    value->pair[value->n_pairs++] =
        (struct df_port_security_pair){.mac = *mac, .prefix_len = (uint16_t)bits, .ip = *ip};
}

static void add_fixed(struct df_compile *c, const Df__LogicalPort *lport, struct df_port_security_value *value)
{
    for (size_t m = 0; m < lport->n_macs; m++) {
        struct df_mac mac;
        if (df_mac_parse(lport->macs[m], &mac) < 0) {
            df_compile_problem(c, "macs: %s is not a MAC address; correct it", lport->macs[m]);
            continue;
        }
        struct df_ip link_local = df_link_local(&mac);
        add(value, &mac, &link_local, 128);
        for (size_t i = 0; i < lport->n_ips; i++) {
            struct df_ip ip;
            if (df_ip_parse(lport->ips[i], &ip) == 0)
                add(value, &mac, &ip, 128);
            else if (m == 0)
                df_compile_problem(c, "ips: %s is not an IP address; correct it", lport->ips[i]);
        }
    }
}

static void add_allowed(struct df_compile *c, const Df__LogicalPort *lport, struct df_port_security_value *value)
{
    for (size_t i = 0; i < lport->n_allowed_address_pairs; i++) {
        const Df__AddressPair *allowed = lport->allowed_address_pairs[i];
        const char *mac_text = df_lport_pair_mac(lport, allowed);
        struct df_mac mac;
        struct df_ip ip;
        unsigned bits;
        if (!allowed->ip_address || df_prefix_parse(allowed->ip_address, &ip, &bits) < 0 || !mac_text ||
            df_mac_parse(mac_text, &mac) < 0) {
            df_compile_problem(c, "allowed_address_pairs: %s with MAC %s is not a pair; correct it",
                               allowed->ip_address ? allowed->ip_address : "no address",
                               mac_text ? mac_text : "missing");
            continue;
        }
        df_ip_mask(&ip, bits);
        add(value, &mac, &ip, bits);
    }
}

static void emit(struct df_compile *c, const Df__LogicalPort *lport, const struct df_port_security_value *value)
{
    struct df_port_security_key key = {.lport = lport->unique_key};
    df_compile_emit(c, DF_TABLE_PORT_SECURITY, &key, sizeof(key), value,
                    (uint32_t)(sizeof(*value) + value->n_pairs * sizeof(value->pair[0])));
}

static void compile_pairs(struct df_compile *c, const Df__LogicalPort *lport, struct df_port_security_value *value)
{
    value->enabled = 1;
    add_fixed(c, lport, value);
    add_allowed(c, lport, value);
    if (value->n_pairs == 0)
        df_compile_refuse(c, "lport %s has port security and no MAC address; set macs", lport->id);
    else
        emit(c, lport, value);
}

static void compile_lport(struct df_compile *c, const ProtobufCMessage *object)
{
    const Df__LogicalPort *lport = (const Df__LogicalPort *)object;
    if (!df_compile_is_local(c, lport))
        return;
    if (!lport->port_security_enabled) {
        emit(c, lport, &(const struct df_port_security_value){.enabled = 0});
        return;
    }
    size_t n = count_pairs(lport);
    if (n > DF_PORT_SECURITY_PAIRS_MAX) {
        df_compile_refuse(c, "lport %s may send from %zu pairs of MAC and address, more than %d; use prefixes or fewer",
                          lport->id, n, DF_PORT_SECURITY_PAIRS_MAX);
        return;
    }
    struct df_port_security_value *value = calloc(1, sizeof(*value) + n * sizeof(value->pair[0]));
    if (!value) {
        df_compile_refuse(c, "lport %s: no memory for its address pairs", lport->id);
        return;
    }
    compile_pairs(c, lport, value);
    free(value);
}

static const struct df_app_rule rules[] = {
    {DF_NB_LPORT, compile_lport},
    {DF_NB_TABLES, NULL},
};

const struct df_app df_app = {
    .abi = DF_APP_ABI,
    .name = "portsec",
    .summary = "a port sends only from its own addresses",
    .provides = DF_APP_PORT_SECURITY,
    .rules = rules,
};
