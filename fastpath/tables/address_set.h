/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "fastpath/walk.h"

/*
 * What address sets have in them, for the rules of security groups. Any registered thread between two quiescent states.
 *
 * A decision depends on what it was told here in one of two ways. That an address is in a set depends on that set alone:
 * df_address_set_depend(). That it is in none of many depends on all of them, which would be two stamps for each: so
 * df_address_sets_depend() records two that stand for all sets, one for entries of that very address, and one for
 * prefixes. A member that joins or leaves still ends no decisions but those about its address; a prefix that does so,
 * which is rare, ends all that none of some sets let pass.
 */

/**
 * Has the address set that address in it, in that domain? 0.0.0.0/0 has no IPv6 address in it, and ::/0 no IPv4 one.
 * Tells a trace; the caller records what it depends on.
 *
 * @param set, domain key of table 204
 */
bool df_address_set_has(struct df_walk *walk, uint32_t set, uint32_t domain, const struct df_ip *ip);

/** As df_address_set_has(), and records in the walk what the answer depends on. */
bool df_address_set_depend(struct df_walk *walk, uint32_t set, uint32_t domain, const struct df_ip *ip);

/** Records in the walk what all answers about that address depend on. Call it before asking. */
void df_address_sets_depend(struct df_walk *walk, const struct df_ip *ip);
