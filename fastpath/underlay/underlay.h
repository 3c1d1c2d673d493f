/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "fastpath/pipeline.h"
#include "fastpath/walk.h"

/*
 * The node's own end of the underlay: what comes in by it and is no tunnel's, and what the host sends by the exception
 * port. Who has which address is in tunnel.h (struct df_underlay).
 *
 * Invariants:
 * - Exactly one answers: requests for the MAC of the node's address (ARP, neighbour solicitation, their probes for
 *   duplicates) are answered by the worker and never seen by the host; the controller gets a copy where who asks is an
 *   address that it asked about, and the MAC is news. Everything else is the host's if there is an
 *   exception port; without one, ICMP echo is answered here too, and the rest dropped.
 * - The controller is told only what somebody says about an address that it asked about (asked.c), or about the node's
 *   own, errors that quote a packet of a tunnel of ours, and queries for multicast listeners where the node has an IPv6
 *   address. The host gets these too.
 * - Frames of the underlay's VLAN alone are the node's. The host has them as they are on the wire, with all tags.
 * - Nothing of it is cached.
 *
 * Worker, between quiescent states, unless it says otherwise.
 */

/* Whom a packet is punted to, where it is no app's id: the controller's own. */
#define DF_PUNT_MLD (UINT32_MAX - 3)       /* a router asks who listens to multicast groups */
#define DF_PUNT_NEIGHBOUR (UINT32_MAX - 2) /* who has an address */
#define DF_PUNT_PATH_MTU (UINT32_MAX - 1)  /* an ICMP error: too long a packet for a link on its way */
#define DF_PUNT_UNRESOLVED                                                                                             \
    (UINT32_MAX - 0) /* for a peer in DF_PEER_RESOLVING, whose address is in front of the frame */
#define DF_PUNT_OWN_FIRST DF_PUNT_MLD

/** Decides on a frame that came in by the underlay and is no tunnel's; the verdict is complete. */
void df_underlay_take(struct df_walk *walk, const uint8_t *data, uint32_t len);

/** Decides on a frame that the host sends; the verdict is complete. */
void df_underlay_from_host(struct df_walk *walk, const uint8_t *data, uint32_t len);

/** Ends the walk to a peer that is not DF_PEER_REACHABLE; the walk knows its address. */
uint16_t df_underlay_no_way(struct df_walk *walk, enum df_peer_reach reach);

/**
 * What is said of the address is punted, from now on or, after as many calls with off, no more. Control thread; an
 * address that shares its place with one that was asked about may be punted too.
 */
void df_underlay_listen(const struct df_ip *ip, bool on);

/** Is it punted? Any thread. */
bool df_underlay_asked(const struct df_ip *ip);
