/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "fastpath/tables/table.h"

/*
 * Asking table 203 from another table.
 *
 * Invariant: the index that a look-up gives names a line of df_peer_headers that stays as it is until the worker's next
 * quiescent state. A replaced entry has another line, and its old one is not written before a grace period.
 */

/**
 * Looks a tunnel end point up, records the stamp in the walk, and tells a trace. Worker or trace, between quiescent
 * states.
 *
 * @param index may be NULL; of df_peer_headers
 * @return NULL: no node has that address
 */
const struct df_peer_value *df_peers_find(struct df_walk *walk, const struct df_ip *ip, uint16_t *index);
