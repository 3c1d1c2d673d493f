/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>

#include "control/trace/tables.h"
#include "fastpath/walk.h"

/**
 * Adds to the step of a trace what security groups made of the packet in that table, as the walk has it when it leaves:
 *
 * in 10 and 105, and in 15 and 110 where it is another one, connection: {found (new, established, reply, related),
 * state, as df_conn_state_name(), of one that is there}; not of a packet that has none and needs none
 * in 15 and 110, rule: what df_names.rule_words() says, without it {number}; null: no rule allowed the packet
 */
void df_trace_add_judgement(json_t *step, const struct df_names *names, uint16_t table, const struct df_walk *walk);
