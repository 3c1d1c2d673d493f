/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "fastpath/walk.h"

/**
 * Has the address set that address in it, in that domain? Records the stamps of the look-ups in the walk, and tells a
 * trace. 0.0.0.0/0 has no IPv6 address in it, and ::/0 no IPv4 one. Any registered thread between two quiescent states.
 *
 * @param set, domain key of table 204
 */
bool df_address_set_has(struct df_walk *walk, uint32_t set, uint32_t domain, const struct df_ip *ip);
