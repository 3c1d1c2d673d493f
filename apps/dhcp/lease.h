/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "apps/dhcp/options.h"
#include "control/app.h"

/*
 * What the model says about a port, as DHCP needs it. A lease is never stored: the address is the port's for as long as
 * the model says so, and every packet is answered from the model as it is then.
 *
 * IPv4 addresses are in network order.
 */

struct df_dhcp_lease {
    uint32_t address;
    uint8_t prefix_len;
    uint32_t gateway; /* 0: none */
    uint32_t server_ip;
    struct df_mac server_mac;
    uint32_t siaddr;
    uint32_t lease_s; /* seconds */
    uint16_t mtu;
    struct df_dhcp_buffer dns;    /* as option 6 */
    struct df_dhcp_buffer routes; /* as option 121 */
    struct df_dhcp_bytes domain, host_name;
    struct df_dhcp_opts opts; /* the port's own, which come before the rest */
};

/**
 * The index in lport.ips of the address that DHCP gives: the first IPv4 one whose subnet has DHCP on. subnet_of reads
 * an lsubnet, so that compile functions and punt handlers each do it their way. @return 0 and the subnet; -ENOENT:
 * none
 */
int df_dhcp_lease_subnet(const Df__LogicalPort *lport, const Df__Subnet *(*subnet_of)(void *arg, const char *id),
                         void *arg, size_t *index, const Df__Subnet **subnet);

/**
 * Fills lease from the model, in a punt handler; its texts stay the model's.
 * @return 0; -ENOENT: the port has no address that DHCP gives; -EADDRNOTAVAIL: the subnet has no server address
 */
int df_dhcp_lease_find(const Df__LogicalPort *lport, uint32_t network, struct df_dhcp_lease *lease);

/** The MAC of a network's DHCP server where no port of the model has the server's address. */
struct df_mac df_dhcp_server_mac(uint32_t network);
