/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "control/binding/local_ports.h"
#include "control/compile/relevance.h"
#include "control/model/store.h"

/*
 * Selective topology: the topics (dbsync/topics.h) that this node has to follow, so that it hears of all that its ports
 * need and of little else.
 *
 * Invariant: the list is a function of the model that is known, and grows with it until nothing new is needed: the
 * ports of this node, then their networks and groups, then the routers on these networks and the networks behind them.
 * What is needed by what is not known yet comes when that is known.
 *
 * Control thread.
 */

struct df_interest;

struct df_interest *df_interest_new(struct df_store *store, const struct df_relevance *relevance, const char *host);
void df_interest_free(struct df_interest *interest);

/** Is a port bound to this node, as far as is known? If none is, nothing is needed, and no rows are what is to be told. */
bool df_interest_has_port(const struct df_interest *interest);

/**
 * Works the list out again, if anything changed that it follows from: a remote port's change costs nothing here.
 *
 * @param n      how many there are
 * @param less   set if a topic of the last list is not in it; unchanged otherwise
 * @return NULL: it is what it was; else the list, sorted, valid until the next call
 */
const char *const *df_interest_update(struct df_interest *interest, size_t *n, bool *less);
