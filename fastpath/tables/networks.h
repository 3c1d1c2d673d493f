/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "fastpath/tables/table.h"

/* Asking table 205 from another table. */

/**
 * The longest IP packet on a network, or 0: any. Records the stamp in the walk, and tells a trace. Worker or trace,
 * between quiescent states.
 */
uint16_t df_networks_mtu(struct df_walk *walk, uint32_t network);
