/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "control/controller.h"
#include "control/trace/tables.h"
#include "control/trace/words.h"

/*
 * Names as the controller and its tables have them: for printing entries, and for packets in words that name ports.
 *
 * A next hop is found as the data plane would find it: in the entries of the port's network, then at the gateway of its
 * subnets. Control thread; the structs point to the resolver, which outlives them.
 */

struct df_resolver {
    struct df_controller *controller;
    struct df_datapath *dp;
    const char *lport; /* id of the port that sends, for words; valid as long as the resolver is used */
};

/** Names for df_table_entry_json() and df_trace_frame(). */
struct df_names df_resolver_names(struct df_resolver *resolver);

/** Names and defaults for df_words_to_frame(). */
struct df_words_names df_resolver_words(struct df_resolver *resolver);
