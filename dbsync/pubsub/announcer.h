/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "dbsync/driver.h"

/*
 * Tells a publisher of this machine, by ipc, of each transaction that was committed, so that news is quick. What is not
 * told, because the publisher is not there, the queue to it is full or no message holds it, the publisher hears from the
 * database.
 */

struct df_announcer;

struct df_announcer_tally {
    uint64_t pushed;  /* transactions; the publisher may not have been there to take them */
    uint64_t dropped; /* transactions that did not fit the queue, or a message */
};

/** endpoint: as ZeroMQ has it, such as ipc:///run/...; -EINVAL. Nobody needs to be there yet. */
int df_announcer_new(const char *endpoint, struct df_announcer **announcer, struct df_error *error);

/** Waits a moment for what is still to be sent. NULL is fine. */
void df_announcer_free(struct df_announcer *announcer);

/** The operations of a commit, and its revision. Never blocks. */
void df_announcer_tell(struct df_announcer *announcer, const struct df_db_op *ops, size_t n, uint64_t revision);

struct df_announcer_tally df_announcer_tally(const struct df_announcer *announcer);
