/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <event2/event.h>
#include <stdbool.h>

#include "control/controller.h"

/*
 * The daemon's line to the northbound database: opens it, holds the lease on this node's name, feeds changes to the
 * controller.
 *
 * Invariant: a database that is away, empty or broken deletes nothing and stops nothing. It is tried again with growing
 * pauses, and logged when it goes and when it comes back, not in between. Whoever holds the lease on chassis-HOST is
 * the one df-switchd of that name: another one is refused, unless this process has held it before; then it says so
 * and goes on forwarding.
 *
 * Control thread.
 */

struct df_sync;

struct df_sync_config {
    struct event_base *base;
    const char *driver;
    struct df_db_config database;
    const char *host;
    struct df_controller *controller;
    /** Changes were taken (also at the first answer, when there were none): settle. */
    void (*changed)(void *arg);
    /** The database went away, or was not there at the first attempt: go on without. */
    void (*away)(void *arg);
    /** Another process has this host's name: end. error says who. */
    void (*refused)(void *arg, const struct df_error *error);
    void *arg;
    /* Around all work, as in rpc/server.h. */
    void (*before)(void *arg);
    void (*after)(void *arg);
};

/** Tries at once, from the loop. NULL: out of memory. Strings stay the caller's. */
struct df_sync *df_sync_new(const struct df_sync_config *config);

/** Gives the lease back and closes the database. NULL is fine. */
void df_sync_free(struct df_sync *sync);

/** {"driver", "location", "state": "connecting" | "in sync" | "away", "error": why, if away}; the caller's. */
json_t *df_sync_report(const struct df_sync *sync);
