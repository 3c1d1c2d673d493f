/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "fastpath/packet/addr.h"

/*
 * The routes of one router, compiled for the longest-prefix look-up.
 *
 * Invariant: a table never changes once it is made. The control thread compiles a new one when a route changes and
 * retires the old one. A node has thousands of routers with a handful of routes each, so a table takes a few hundred
 * bytes for those, and compiling it costs no more than the routes it has.
 *
 * A trie that takes eight bits a step, one trie per family: an IPv4 look-up takes at most 4 steps (the 96 bits that all
 * mapped addresses share are skipped), an IPv6 one at most 16. Routes are pushed down to the slots they cover, so the
 * first leaf met is the answer. A node is a bitmap of 256 slots in which a bit is set where a run of slots with the
 * same content begins, the bits set before each of its four words, and one 32-bit item per run: where the child is, or
 * which route. A node of a router with few routes is a single cache line.
 *
 * An IPv4 route is one with a mapped prefix of at least 96 bits. ::/0 does not match IPv4.
 */

struct df_route_table;

struct df_route {
    struct df_ip prefix; /* bits behind the length are 0 */
    unsigned bits;       /* 0 to 128 in the mapped form */
    const void *value;   /* the caller's, not NULL */
};

/** Order in which df_route_table_new() wants routes; for qsort() of struct df_route. Equal: the same prefix. */
int df_route_compare(const void *a, const void *b);

/**
 * Compiles routes, sorted and each prefix once. Control thread.
 *
 * @return 0, -ENOMEM
 */
int df_route_table_new(struct df_route_table **table, const struct df_route *routes, uint32_t n);

/** Frees a table that nobody reads. NULL is ignored. */
void df_route_table_free(struct df_route_table *table);

/** Frees a table after a grace period. NULL is ignored. */
void df_route_table_retire(struct df_route_table *table);

/**
 * The value of the longest prefix that has the address in it, or NULL. Any registered thread between two quiescent
 * states.
 *
 * @param ip4 the packet is IPv4; not read from the address, which a guest may have put into an IPv6 packet
 */
const void *df_route_table_lookup(const struct df_route_table *table, const struct df_ip *ip, bool ip4);

/** Bytes that the table takes. */
size_t df_route_table_size(const struct df_route_table *table);
