/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <event2/event.h>
#include <stdbool.h>

#include "control/controller.h"
#include "control/daemon/sync.h"

/*
 * A controller on an event loop, with its line to the database: what df-switchd has one of, and a simulation many.
 *
 * Invariant: whatever makes the controller due is settled by a later turn of the loop, and what it wants to try again is
 * settled at its time.
 *
 * Any number of nodes may share a loop. The loop's thread.
 */

struct df_node;

struct df_node_config {
    struct event_base *base;
    struct df_controller_config controller; /* self is the node's to fill */
    const Df__Chassis *chassis;             /* what it says of itself; copied */
    /* Around all work, as in rpc/server.h. */
    void (*before)(void *arg);
    void (*after)(void *arg);
    /** After each settle. wants_more: the database will be asked for what was not known to be needed before. */
    void (*settled)(void *arg, bool wants_more);
    void *arg;
};

/** Makes the controller and connects to nothing yet. Inside of work, as df_node_free(). As df_controller_new(). */
int df_node_new(const struct df_node_config *config, struct df_node **node, struct df_error *error);

/**
 * Opens the line to the database and settles what comes, before it calls sync->changed. Of sync these are the node's to
 * fill: base, host, controller, before, after. -ENOMEM.
 */
int df_node_connect(struct df_node *node, const struct df_sync_config *sync);

/** Disconnects and frees the controller. NULL is fine. */
void df_node_free(struct df_node *node);

/** Gives up the line to the database, and with it the lease; the controller goes on. NULL is fine. */
void df_node_disconnect(struct df_node *node);

/** Something made it due: settles in the next turn of the loop. */
void df_node_settle_soon(struct df_node *node);

struct df_controller *df_node_controller(const struct df_node *node);

/** NULL before df_node_connect(). */
struct df_sync *df_node_sync(const struct df_node *node);
