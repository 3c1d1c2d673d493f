/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <uthash.h>

#include "control/model/store.h"

/*
 * Where else the ports of a network are: on which other nodes, and at which vteps. Inside compile/.
 *
 * Invariants:
 * - df_object.placed of a network that is kept is what counting its enabled ports that are bound elsewhere finds;
 *   networks that are not kept have none. compile/relevance keeps those with a local port.
 * - Who asked for the places of a network is due when one comes or goes, or begins or ceases to have a port without
 *   port security; and not when a port comes to a place that stays as it is, so that such a port costs one look-up
 *   however many there are.
 *
 * Control thread.
 */

struct df_place {
    UT_hash_handle hh;
    uint32_t ports;
    uint32_t open_ports; /* of these, without port security */
    bool is_vtep;
    const char *where; /* the chassis, or the vtep's address; in key */
    char key[];
};

/** Before an lport changes; either may be NULL. host: this node, which is no place. */
void df_places_change(struct df_store *store, const char *host, const Df__LogicalPort *old, const Df__LogicalPort *new);

/** From now on the network's places are kept, or not. */
void df_places_keep(struct df_object *network, const char *host, bool keep);

/** The places of the network, ordered by kind and name, by hh.next. NULL: none, or they are not kept. */
const struct df_place *df_places_sorted(struct df_object *network);
