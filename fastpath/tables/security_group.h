/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "fastpath/walk.h"

/*
 * How often each security group rule allowed something: a packet that began a connection, or, of a stateless group, a
 * packet that walked the tables.
 *
 * Counters are by the rule's number, one array for each worker, so that no line is shared for writing. A rule counts from
 * nothing when it comes to its group. Its number was perhaps another one's before (control/compile/numbers.h), but not
 * without a grace period between them, so nobody counts for that one any more. A rule with a number that is too high is
 * not counted: there is one only where more rules are in force.
 */

#define DF_RULES_COUNTED 65536

/** Counts one more. A worker whose number that is; of DF_WALK_NOBODY nothing is counted. */
void df_security_group_hit(unsigned worker, uint32_t rule);

/** Begins at 0 again. Control thread, while no worker has the rule. */
void df_security_group_hits_clear(uint32_t rule);

/** The sum over workers. Any thread. */
uint64_t df_security_group_hits(uint32_t rule);

/** What tables 15 and 110 make of a packet that df_conntrack_follow() sent there. The next table, or DF_TABLE_END. */
uint16_t df_security_group_judge(struct df_walk *walk, enum df_track_side side);
