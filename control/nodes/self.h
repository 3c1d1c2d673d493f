/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "control/binding/local_ports.h"
#include "control/nodes/liveness.h"
#include "dbsync/schema.h"

/*
 * What this node writes to the database of itself: its chassis row, its registration (a service row), and the status of
 * its ports.
 *
 * Invariant: status is a level. What was posted last is remembered, what differs is posted; a post that is lost with
 * the database is made good by df_self_repeat(), one that another node wrote over by df_self_hear(). A row is posted whole, and whoever writes it compares it with what is
 * stored first, so a repetition costs reads.
 *
 * Control thread.
 */

struct df_self;

/**
 * Where rows go. object NULL: delete the row, if it still is this node's. It stays the caller's.
 */
typedef void (*df_self_post)(void *arg, enum df_nb_table table, const char *id, const ProtobufCMessage *object);

struct df_self_config {
    const char *host;
    const Df__Chassis *chassis; /* the row, with host as its id; copied */
    df_self_post post;
    /** A node is dead, and it is this one that marks its ports. */
    void (*bury)(void *arg, const char *host);
    /** It lives again, or another one marks them: what is not marked yet stays as it is. */
    void (*spare)(void *arg, const char *host);
    void *arg;
};

struct df_self *df_self_new(const struct df_self_config *config);
void df_self_free(struct df_self *self);

/** Posts everything, now that the database is there (again). */
void df_self_repeat(struct df_self *self);

/** Another end point or other types of tunnels: posts the row if it differs. */
void df_self_set_chassis(struct df_self *self, const Df__Chassis *chassis);

/** Posts what differs of the ports' status, if that was not done a moment ago. */
void df_self_settle(struct df_self *self, struct df_local_ports *ports, uint64_t now_ms);

/**
 * What the database says of a port. Another node that took this one for dead may have marked its port after this one
 * told of it: then it is told again.
 */
void df_self_hear(struct df_self *self, const Df__PortStatus *status);

/** Who is dead may have changed: buries whom it is this node's part to bury, and spares whom it is not any more. */
void df_self_bury(struct df_self *self, struct df_store *store, const struct df_liveness *liveness);

/** When df_self_settle() has something to post that waits, in the clock's milliseconds, or -1. */
int64_t df_self_next_ms(const struct df_self *self);
