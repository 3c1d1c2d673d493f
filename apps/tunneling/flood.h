/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "control/app.h"

/*
 * Which other nodes and vteps hear what is broadcast on a network by a port of this node: one entry of 56 FLOOD for
 * each address at which there is a port of the network.
 *
 * Invariant: the entries depend on the set of places (df_compile_places()), on the rows of these chassis and on whether
 * they live. A port more at a known place compiles nothing here.
 */

/** For a network that goes by tunnels, when this node has an end of them. */
void df_flood_compile(struct df_compile *c, const Df__LogicalSwitch *lswitch, const struct df_segment *segment);
