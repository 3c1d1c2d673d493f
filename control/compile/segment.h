/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "control/compile/compile.h"
#include "control/model/store.h"

/*
 * What networks are on the wire, inside compile/.
 *
 * Invariant: who asked about the segment of a network is due when it changed, and not when anything else did.
 */

struct df_segment df_segment_of(const Df__LogicalSwitch *lswitch);

/** Before an object changes, of any table; NULL: it goes. */
void df_segment_changes(struct df_object *object, const ProtobufCMessage *new);
