/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "dbsync/path.h"

/** Checks the fields of one message against each other; each by itself is known to be good. */
int df_relations_check(const struct df_object_at *at, const struct df_path *up, const ProtobufCMessage *message);
