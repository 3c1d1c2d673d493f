/* SPDX-License-Identifier: Apache-2.0 */
#include "apps/dhcp/lease.h"
#include "apps/dhcp/config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#define METADATA_IP htonl(0xa9fea9fe) /* 169.254.169.254 */

/* The IPv4 address in text, in network order; 0: it is none. */
static uint32_t ip4(const char *text)
{
    struct df_ip ip;
    return text && df_ip_parse(text, &ip) == 0 && df_ip_is4(&ip) ? ip.word[3] : 0;
}

int df_dhcp_lease_subnet(const Df__LogicalPort *lport, const Df__Subnet *(*subnet_of)(void *arg, const char *id),
                         void *arg, size_t *index, const Df__Subnet **subnet)
{
    for (size_t i = 0; i < lport->n_ips && i < lport->n_subnets; i++) {
        if (ip4(lport->ips[i]) == 0)
            continue;
        *subnet = subnet_of(arg, lport->subnets[i]);
        *index = i;
        if (*subnet && (*subnet)->enable_dhcp)
            return 0;
    }
    return -ENOENT;
}

struct df_mac df_dhcp_server_mac(uint32_t network)
{
    /* Locally administered (IEEE 802): no vendor has it, and no other network either. */
    return (struct df_mac){
        {0x02, 0xdf, (uint8_t)(network >> 24), (uint8_t)(network >> 16), (uint8_t)(network >> 8), (uint8_t)network}};
}

/* The network's DHCP port, as far as it serves the subnet. */
struct dhcp_port {
    const char *subnet;
    uint32_t ip;
    const char *mac;
};

static bool match_dhcp_port(const ProtobufCMessage *object, void *arg)
{
    const Df__LogicalPort *lport = (const Df__LogicalPort *)object;
    struct dhcp_port *port = arg;
    if (!lport->device_owner || strcmp(lport->device_owner, "network:dhcp") != 0)
        return true;
    for (size_t i = 0; i < lport->n_ips && i < lport->n_subnets; i++) {
        if (strcmp(lport->subnets[i], port->subnet) != 0 || ip4(lport->ips[i]) == 0)
            continue;
        port->ip = ip4(lport->ips[i]);
        port->mac = lport->n_macs ? lport->macs[0] : NULL;
        return false;
    }
    return true;
}

static int fill_server(const Df__LogicalPort *lport, const Df__Subnet *subnet, uint32_t network,
                       struct df_dhcp_lease *lease)
{
    struct dhcp_port port = {.subnet = subnet->id};
    df_app_model_referrers(DF_NB_LPORT, "lswitch", lport->lswitch, match_dhcp_port, &port);
    lease->server_ip = ip4(subnet->dhcp_ip);
    if (lease->server_ip == 0)
        lease->server_ip = port.ip;
    if (lease->server_ip == 0)
        lease->server_ip = ip4(subnet->gateway_ip);
    if (lease->server_ip == 0)
        return -EADDRNOTAVAIL;
    if (lease->server_ip != port.ip || !port.mac || df_mac_parse(port.mac, &lease->server_mac) < 0)
        lease->server_mac = df_dhcp_server_mac(network);
    return 0;
}

/* As in Neutron, a name server of 0.0.0.0 says that there is to be none. */
static void fill_dns(const Df__Subnet *subnet, struct df_dhcp_lease *lease)
{
    bool none = false;
    for (size_t i = 0; i < subnet->n_dns_nameservers; i++) {
        uint32_t ip = ip4(subnet->dns_nameservers[i]);
        if (ip)
            df_dhcp_value_put(&lease->dns, &ip, sizeof(ip));
        else if (strcmp(subnet->dns_nameservers[i], "0.0.0.0") == 0)
            none = true;
    }
    if (lease->dns.len == 0 && !none)
        lease->dns = df_dhcp_config.dns;
}

/*
 * RFC 3442: a client that takes option 121 ignores option 3, so the default route is in it too. The route to the
 * metadata address leads to the DHCP server: a next hop that is on the network and not the guest itself.
 */
static void fill_routes(const Df__Subnet *subnet, struct df_dhcp_lease *lease)
{
    bool has_metadata = false;
    bool has_default = false;
    for (size_t i = 0; i < subnet->n_host_routes; i++) {
        const Df__HostRoute *route = subnet->host_routes[i];
        struct df_ip to;
        unsigned bits;
        uint32_t via = ip4(route->nexthop);
        if (!via || !route->destination || df_prefix_parse(route->destination, &to, &bits) < 0 || !df_ip_is4(&to) ||
            bits < 96)
            continue;
        df_ip_mask(&to, bits);
        df_dhcp_value_put_route(&lease->routes, to.word[3], bits - 96, via);
        has_metadata |= bits == 128 && to.word[3] == METADATA_IP;
        has_default |= bits == 96;
    }
    if (df_dhcp_config.link_local_route && !has_metadata)
        df_dhcp_value_put_route(&lease->routes, METADATA_IP, 32, lease->server_ip);
    if (lease->gateway && !has_default)
        df_dhcp_value_put_route(&lease->routes, 0, 0, lease->gateway);
}

static struct df_dhcp_bytes text_bytes(const char *text)
{
    return (struct df_dhcp_bytes){(const uint8_t *)text, text ? (uint32_t)strlen(text) : 0};
}

static void fill_network(const Df__LogicalSwitch *lswitch, struct df_dhcp_lease *lease)
{
    lease->mtu = lswitch && lswitch->mtu && lswitch->mtu <= UINT16_MAX ? (uint16_t)lswitch->mtu : df_dhcp_config.mtu;
    bool named = lswitch && lswitch->dns_domain && lswitch->dns_domain[0];
    lease->domain = text_bytes(named ? lswitch->dns_domain : df_dhcp_config.dns_domain);
    /* Neutron ends a domain with a dot; option 15 is a name without. */
    if (lease->domain.len && lease->domain.data[lease->domain.len - 1] == '.')
        lease->domain.len--;
}

/* What the port itself says comes before its subnet, network and configuration. */
static void fill_own(const Df__LogicalPort *lport, struct df_dhcp_lease *lease)
{
    struct df_dhcp_buffer value;
    lease->host_name = text_bytes(lport->dns_name);
    df_dhcp_opts_read(lport->dhcp_params, &lease->opts, NULL, NULL);
    lease->siaddr = lport->dhcp_params ? ip4(lport->dhcp_params->siaddr) : 0;
    const char *siaddr = lease->opts.text[DF_DHCP_SIADDR];
    if (lease->siaddr == 0 && siaddr)
        lease->siaddr = ip4(siaddr);
    if (lease->siaddr == 0)
        lease->siaddr = lease->server_ip;
    lease->lease_s = df_dhcp_config.lease_s;
    const char *seconds = lease->opts.text[DF_DHCP_LEASE_TIME];
    if (seconds && df_dhcp_option_encode(DF_DHCP_LEASE_TIME, seconds, &value) == 0) {
        memcpy(&lease->lease_s, value.data, sizeof(lease->lease_s));
        lease->lease_s = ntohl(lease->lease_s);
    }
}

static const Df__Subnet *subnet_of(void *arg, const char *id)
{
    (void)arg;
    return (const Df__Subnet *)df_app_model_get(DF_NB_LSUBNET, id);
}

int df_dhcp_lease_find(const Df__LogicalPort *lport, uint32_t network, struct df_dhcp_lease *lease)
{
    const Df__Subnet *subnet;
    struct df_ip cidr;
    unsigned bits;
    size_t index;
    memset(lease, 0, sizeof(*lease));
    if (df_dhcp_lease_subnet(lport, subnet_of, NULL, &index, &subnet) < 0)
        return -ENOENT;
    if (!subnet->cidr || df_prefix_parse(subnet->cidr, &cidr, &bits) < 0 || !df_ip_is4(&cidr) || bits < 96)
        return -ENOENT;
    lease->address = ip4(lport->ips[index]);
    lease->prefix_len = (uint8_t)(bits - 96);
    lease->gateway = ip4(subnet->gateway_ip);
    int rc = fill_server(lport, subnet, network, lease);
    if (rc < 0)
        return rc;
    fill_dns(subnet, lease);
    fill_routes(subnet, lease);
    fill_network((const Df__LogicalSwitch *)df_app_model_get(DF_NB_LSWITCH, lport->lswitch), lease);
    fill_own(lport, lease);
    return 0;
}
