/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "dbsync/nb.h"

/*
 * Holds the lease on this node's name (liveness.h), by a thread and a connection of its own: a node that reads much, is
 * answered slowly, or waits to write is not taken to be dead.
 *
 * Invariant: from its start to its end the lease is asked for three times in its time to live, and an answer is waited
 * for no longer than half of it. Only where another df-switchd had the name before this process ever did is that one
 * given the time to take it again (DF_LIVENESS_RETURN_MS) after the database was away.
 */

struct df_holder;

struct df_holder_config {
    const char *driver;
    struct df_db_config database;
    const char *host;
    const char *owner; /* of the lease: the same for a process that takes this one's place on this machine */
    int changed;       /* an eventfd, written when df_holder_view() tells something else; the caller's */
};

enum df_holder_state {
    DF_HOLDER_ASKING, /* there was no answer yet */
    DF_HOLDER_OURS,   /* as of the last answer */
    DF_HOLDER_LOST,   /* another one took it while this process, which had it, could not reach the database */
    DF_HOLDER_RIVALS, /* another one has it, and this process never had */
};

struct df_holder_view {
    enum df_holder_state state;
    bool away;                  /* the last request was not answered as it should be; the state is from before */
    unsigned failures;          /* such requests, so far */
    struct df_error who, error; /* who has it, for LOST and RIVALS; why it is away */
};

/** Starts it. Strings stay the caller's. NULL: no memory, no thread. */
struct df_holder *df_holder_new(const struct df_holder_config *config);

/** Gives the lease back. Waits for a request that is under way. NULL is fine. */
void df_holder_free(struct df_holder *holder);

/** As of now. Any thread. */
void df_holder_view(struct df_holder *holder, struct df_holder_view *view);

/** The database was removed or replaced: the lease is taken in the one that is there now. Any thread. */
void df_holder_reopen(struct df_holder *holder);
