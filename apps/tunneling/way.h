/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "control/app.h"

/*
 * The way to another node or a vtep: at which of its addresses, and by which type of tunnel.
 *
 * A network's packets go to a node by the network's own type where both nodes speak that, and else by the best that
 * both speak. fastpath/tables/tunnel.c has the other end of this rule: change both or none. They go to the first of its
 * addresses that is of a family in which this node has one; what it sends is taken from all of them, because it may
 * choose another family.
 */

struct df_way_type {
    const char *name;
    uint32_t key_max;
    uint16_t overhead; /* by which the outer IPv4 packet is longer than the inner one */
};
extern const struct df_way_type df_way_types[DF_TUNNEL_TYPES]; /* by enum df_tunnel_type */

/** The type of that name, or 0. */
enum df_tunnel_type df_way_type_of(const char *name);

/** Is it a network that goes by tunnels, with a key that fits its type? */
bool df_way_is_tunnelled(const struct df_segment *segment);

/** The types that this node and the other one speak, as a set of DF_TUNNEL_BIT(). */
unsigned df_way_shared_types(const struct df_underlay_end *end, const Df__Chassis *chassis);

/** Of these, the one that the network's packets go by; 0: there is none. */
enum df_tunnel_type df_way_choose_type(const struct df_underlay_end *end, unsigned set,
                                       const struct df_segment *segment);

/* Why no tunnel leads to an address. */
enum df_way_fault { DF_WAY_GOOD, DF_WAY_NO_STATION, DF_WAY_FAMILY, DF_WAY_OWN };

/** Reads the address, and says whether a tunnel can lead there. */
enum df_way_fault df_way_check(const struct df_underlay_end *end, const char *text, struct df_ip *ip);

/** What stands behind the address in a message. */
const char *df_way_fault_text(enum df_way_fault fault);

/* Addresses of a chassis that are looked at: its ip, and then its ips. */
#define DF_WAY_IPS_MAX 9

/** The i-th address of the chassis as text, or NULL: it has no more. One of ips that is ip again is there twice. */
const char *df_way_ip(const Df__Chassis *chassis, size_t i);

/** The address that the chassis' tunnels lead to; or why there is none, which is said of the first of its addresses. */
enum df_way_fault df_way_choose_ip(const struct df_underlay_end *end, const Df__Chassis *chassis, struct df_ip *ip);
