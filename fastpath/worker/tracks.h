/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "fastpath/walk.h"

/*
 * What a packet that is delivered does to its connections.
 *
 * Invariant: a walk only notes what is to be done (struct df_track), and what it noted may be old by now: between the
 * walk and this, other workers begin and end connections of the same tuples. A packet whose walk found no connection,
 * while another worker began one, is one more packet of that: it is judged by it, and moves it on.
 *
 * The worker whose walk it is (walk->worker), before its next quiescent state.
 */

/**
 * The connections of a delivered packet begin or move on. False: there is no room for one, or it does not fit the one
 * that another worker began, and the verdict says so; what began for the packet is taken back.
 */
bool df_tracks_carry_out(struct df_walk *walk);

/** Adds to the estimates of its connections a packet that stands for so many, each of so many bytes. */
void df_tracks_count(const struct df_walk *walk, uint32_t packets, uint32_t bytes);

/** May the packet's flow be cached? Not before its connections last: most packets of a scan are the only one of theirs. */
bool df_tracks_last(const struct df_walk *walk);
