/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <string.h>

#include "control/app.h"

/*
 * What apps agree on about logical ports: which of them a packet can be meant for, and whose addresses belong to
 * another app.
 */

/*
 * Is somebody behind the port? A port without a binding is a reservation: Neutron makes one for a virtual address that
 * others carry in their allowed address pairs, and to answer for it would take the address away from them. The
 * exception is the DHCP port, which is never bound because every node is the server.
 */
static inline bool df_lport_has_station(const Df__LogicalPort *lport)
{
    const Df__PortBinding *binding = lport->binding;
    if (!lport->enabled)
        return false;
    if (lport->device_owner && strcmp(lport->device_owner, "network:dhcp") == 0)
        return true;
    if (!binding)
        return false;
    return (binding->chassis && binding->chassis[0]) || (binding->vtep_address && binding->vtep_address[0]);
}

/*
 * Do the port's MAC and addresses belong to a router or a floating IP? Then the app that does those answers for them
 * (l3: from lrouter.ports), not the port's owner.
 */
static inline bool df_lport_is_routers(const Df__LogicalPort *lport)
{
    static const char *const owners[] = {"network:router_interface", "network:router_interface_distributed",
                                         "network:ha_router_replicated_interface", "network:floatingip"};
    for (size_t i = 0; lport->device_owner && i < sizeof(owners) / sizeof(owners[0]); i++) {
        if (strcmp(lport->device_owner, owners[i]) == 0)
            return true;
    }
    return false;
}

/* Does the port deliver to a station of its own on this network? What l2 and l3 make entries for. */
static inline bool df_lport_is_reachable(const Df__LogicalPort *lport)
{
    return df_lport_has_station(lport) && !df_lport_is_routers(lport) && lport->lswitch;
}

/* Where an allowed address pair names no MAC, the port's first one is meant. NULL: the port has none either. */
static inline const char *df_lport_pair_mac(const Df__LogicalPort *lport, const Df__AddressPair *pair)
{
    if (pair->mac_address && pair->mac_address[0])
        return pair->mac_address;
    return lport->n_macs ? lport->macs[0] : NULL;
}

/* The IPv6 link-local address made from a MAC (RFC 4291 section 2.5.6 and appendix A). */
static inline struct df_ip df_link_local(const struct df_mac *mac)
{
    const uint8_t *m = mac->byte;
    return (struct df_ip){
        .byte = {0xfe, 0x80, 0, 0, 0, 0, 0, 0, m[0] ^ 0x02, m[1], m[2], 0xff, 0xfe, m[3], m[4], m[5]}};
}
