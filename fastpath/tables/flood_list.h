/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "fastpath/packet/addr.h"

/*
 * The members of a network's flood, as the writer of table 56 has them.
 *
 * Invariant: they are sorted by peer and then by lport, each once, so local ports, whose peer is zero, come first.
 *
 * Control thread.
 */

struct df_flood_member {
    struct df_ip peer; /* zero: a local port */
    uint32_t lport;    /* 0: a peer */
    uint32_t tunnel_key;
    uint8_t tunnel_type;
    bool unknown; /* takes unknown unicast too */
};

/* Zeroes: empty. Its owner frees member. */
struct df_flood_list {
    struct df_flood_member *member;
    uint32_t n, room;
};

/** Makes room for one more. -ENOMEM. */
int df_flood_list_reserve(struct df_flood_list *list);

/** Adds the member, or replaces the one of its peer and lport; there is room. */
void df_flood_list_put(struct df_flood_list *list, const struct df_flood_member *member);

/** Takes the one of that peer and lport out, if there is one. */
void df_flood_list_del(struct df_flood_list *list, const struct df_flood_member *member);

/** How many of its members are local ports: the first ones. */
uint32_t df_flood_list_local(const struct df_flood_list *list);
