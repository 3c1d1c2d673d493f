/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "fastpath/tables/table.h"

/* Asking table 203 from another table, and from the flow cache. */

/**
 * Looks a tunnel end point up, records the stamp in the walk, and tells a trace. Worker or trace, between quiescent
 * states.
 *
 * @return NULL: no node has that address
 */
const struct df_peer_value *df_peers_find(struct df_walk *walk, const struct df_ip *ip);

/**
 * A number by which the flow cache knows the peer that has the address, or 0: nobody has. It is another one after the
 * entry was replaced, and nobody else ever gets it: a cached flow that has it speaks of this peer, and of no other.
 * Worker, between quiescent states.
 */
uint32_t df_peers_number(const struct df_ip *ip);
