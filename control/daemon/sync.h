/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <event2/event.h>
#include <stdbool.h>

#include "control/controller.h"
#include "dbsync/pubsub/subscriber.h"

/*
 * The daemon's line to the northbound database, on the control thread's side: feeds the changes that the database's
 * thread brings (db_thread.h) to the controller, and what the node has to say of itself to that thread.
 *
 * Invariant: a database that is away, empty or broken deletes nothing and stops nothing. It is logged when it goes and
 * when it comes back, not in between. Whoever holds the lease on chassis-HOST is the one df-switchd of that name:
 * another one opens no port and writes nothing until the lease is its own, unless this process has held it before; then
 * it says so and goes on forwarding.
 *
 * Control thread.
 */

struct df_sync;

struct df_sync_config {
    struct event_base *base;
    const char *driver;
    struct df_db_config database;
    const char *host;
    const char *owner;                             /* see db_thread.h */
    const struct df_subscriber_config *subscriber; /* likewise */
    struct df_controller *controller;
    /** Changes were taken (also at the first answer, when there were none): settle. */
    void (*changed)(void *arg);
    /** The database went away, or was not there at the first attempt: go on without. */
    void (*away)(void *arg);
    void *arg;
    /* Around all work, as in rpc/server.h. */
    void (*before)(void *arg);
    void (*after)(void *arg);
};

/** Tries at once. NULL: out of memory, or no thread. Strings stay the caller's. */
struct df_sync *df_sync_new(const struct df_sync_config *config);

/** Gives the lease back and closes the database. NULL is fine. */
void df_sync_free(struct df_sync *sync);

/** After each df_controller_settle(): follows what the node wants to hear of. Returns whether that is more than before. */
bool df_sync_settled(struct df_sync *sync);

/** The database is away; changes may come all the same, by publishers. */
bool df_sync_is_away(const struct df_sync *sync);

/** Another df-switchd has this host's name. */
bool df_sync_has_rival(const struct df_sync *sync);

/** For struct df_self_config: arg is a struct df_sync ** that may point to NULL, and then nothing is posted. */
void df_sync_post(void *sync, enum df_nb_table table, const char *id, const ProtobufCMessage *object);
void df_sync_bury(void *sync, const char *host);
void df_sync_spare(void *sync, const char *host);

/** {"driver", "location", "state": "connecting" | "in sync" | "away", "error": why, if away, "rival": another
 * df-switchd that has this host's name, if one has, "publishers": what came from them, if the node listens to any
 * (struct df_subscriber_tally)}; the caller's. */
json_t *df_sync_report(const struct df_sync *sync);
