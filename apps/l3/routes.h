/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "control/app.h"

/*
 * The routes of one router while it is compiled.
 *
 * Routes are gathered in any number per destination; df_routes_emit() sorts them and makes one entry of each
 * destination: of the best kind there (own address, then connected, then next hops), hops in the order of the model.
 * Only next hops share a destination (ECMP); of own addresses and connected networks the first holds and the others
 * are named.
 *
 * A next hop is looked for in the connected networks, which therefore are all added first, then df_routes_connect() is
 * called once, then extra routes are added.
 */

struct df_route {
    struct df_ip prefix;
    uint32_t bits; /* in the mapped form */
    uint32_t order;
    struct df_l3_hop hop;
};

struct df_routes {
    struct df_route *route;
    size_t n, room;
    size_t n_connected; /* after df_routes_connect(): own and connected routes, longest prefix first */
    bool partial;       /* some port's network is not known yet: a next hop that is not found may be there */
    bool failed;        /* out of memory: nothing is emitted */
};

/** Adds a route to ip/bits; host bits are cleared. */
void df_routes_add(struct df_routes *routes, const struct df_ip *ip, unsigned bits, struct df_l3_hop hop);

/** Own and connected routes are all in: they can be searched for next hops. */
void df_routes_connect(struct df_routes *routes);

/** Adds a route of lrouter.routes; one that cannot be used is named as a problem and left out. */
void df_routes_add_extra(struct df_compile *c, struct df_routes *routes, const Df__HostRoute *extra);

/** Emits one entry per destination. Leaves the routes sorted by destination. */
void df_routes_emit(struct df_compile *c, struct df_routes *routes, uint32_t router);

void df_routes_free(struct df_routes *routes);
