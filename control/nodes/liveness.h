/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "control/model/store.h"
#include "dbsync/nb.h"

/*
 * Which nodes are dead.
 *
 * A df-switchd registers once, by a row of table service, and holds the lease chassis-HOST as long as it lives and
 * reaches the database. A node that registered and whose lease nobody has held for the grace time is dead. One that
 * never registered (a switch of another make whose chassis row an operator wrote) is none of this module's business.
 *
 * Invariants:
 * - While the database is away nobody dies, and for some time after it came back a missing lease means only that its
 *   holder was not back yet: a restart of the database withdraws no tunnel.
 * - df_object.dead of a chassis is as of the last df_liveness_settle(), and who watches df_object.alive is due when it
 *   changes.
 * - What is kept is bounded by the model: a host without a chassis row is forgotten with its lease, and only
 *   DF_LIVENESS_STRANGERS_MAX of those that hold one are noted.
 *
 * Control thread.
 */

#define DF_LIVENESS_LEASE "chassis-" /* and the host name */
#define DF_LIVENESS_TTL_S 5          /* a watcher hears of the end within this and a third of it (driver.h) */
#define DF_LIVENESS_GRACE_MS 3000    /* so that a node is dead to all others within ten seconds */
#define DF_LIVENESS_RETURN_MS 20000  /* after the database came back */
#define DF_LIVENESS_BINARY "df-switchd"
#define DF_LIVENESS_STRANGERS_MAX 16384 /* leases, when they were told, of hosts without a chassis row */

struct df_liveness;

enum df_liveness_state {
    DF_LIVENESS_SELF,         /* this node */
    DF_LIVENESS_ALIVE,        /* somebody holds its lease */
    DF_LIVENESS_LOST,         /* nobody does, and it may be dead soon */
    DF_LIVENESS_DEAD,         /* tunnels to it are withdrawn */
    DF_LIVENESS_UNREGISTERED, /* no df-switchd of it registered: not judged */
};

struct df_liveness_info {
    enum df_liveness_state state;
    const char *owner; /* who holds the lease, or NULL; valid until the next event */
    bool has_since;
    uint64_t since_ms; /* since when it is held, or is not, as far as this node knows */
};

/** host: this node, which is never dead to itself. */
struct df_liveness *df_liveness_new(struct df_store *store, const char *host);
void df_liveness_free(struct df_liveness *liveness);

/** An event of df_nb_sync(), of any kind. */
void df_liveness_take(struct df_liveness *liveness, const struct df_nb_change *change, uint64_t now_ms);

/** The database went away, or is back. */
void df_liveness_database(struct df_liveness *liveness, bool away, uint64_t now_ms);

/** Decides who is dead now. Returns whether that changed. */
bool df_liveness_settle(struct df_liveness *liveness, uint64_t now_ms);

/** When somebody may be dead by time alone, in the clock's milliseconds, or -1. */
int64_t df_liveness_next_ms(const struct df_liveness *liveness);

/** How many leases were told that are not noted, as there were DF_LIVENESS_STRANGERS_MAX already. */
uint64_t df_liveness_ignored(const struct df_liveness *liveness);

/** What is known of a chassis, as of the last df_liveness_settle(). */
void df_liveness_describe(const struct df_liveness *liveness, struct df_object *chassis, struct df_liveness_info *info);
const char *df_liveness_state_name(enum df_liveness_state state);

/**
 * Is this node the one that marks the ports of a dead node? All nodes that live come to the same answer: the one whose
 * name and the dead one's hash the highest.
 */
bool df_liveness_is_undertaker(const struct df_liveness *liveness, const char *dead);
