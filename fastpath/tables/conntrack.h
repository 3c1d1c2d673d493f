/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "fastpath/pipeline.h"
#include "fastpath/walk.h"

/**
 * What tables 10 and 105 make of a packet, once they found the port's entry: becomes walk->conntrack, and the packet's
 * connection is looked up.
 *
 * @return the next table, or DF_TABLE_END
 */
uint16_t df_conntrack_follow(struct df_walk *walk, enum df_track_side side, const struct df_conntrack_value *value);
