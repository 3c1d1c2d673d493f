/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

#include "dbsync/drivers/ovsdb/answer.h"

/*
 * Leases, in a database that has no clock. A lease is a row of the contract (table DF_DB_LEASES), by which watchers hear
 * of it, and a row of table Lease with a counter that its holder raises: a beat. Nobody watches that table, so a beat
 * costs the database one small transaction, however many watch.
 *
 * Who wants to know whether a holder lives compares its counter over a clock of its own: a lease is dead when its
 * counter did not move for its time to live, as seen by one who was in touch with the database all that time: who did
 * not look for half of it begins anew, since what held him up, such as a machine that stood still, may have held up the
 * holder. A counter begins at random, so a lease that is taken anew is not mistaken for the old one.
 *
 * Of all the handles that watch, one at each server (it has OVSDB's lock DF_OVSDB_REAPER) is the reaper: eight times
 * in the shortest time to live it reads the counters, and deletes what is dead, so that all watchers are told. When it
 * goes, the server gives the lock to the next. Others compare a counter only when they want that very lease.
 */

#define DF_OVSDB_REAPER "dragonflow_reaper"
#define DF_OVSDB_HELD_MAX 1024

struct df_db;

/* A counter as it was seen. */
struct df_ovsdb_sight {
    char name[DF_OVSDB_NAME_MAX + 1];
    uint64_t beats, ttl_ms, since, looked;
    unsigned round; /* of the reaper's readings in which it was there */
    UT_hash_handle hh;
};

struct df_ovsdb_held {
    struct df_ovsdb_held *next;
    char name[DF_OVSDB_NAME_MAX + 1], owner[DF_OVSDB_NAME_MAX + 1];
    unsigned ttl;
};

struct df_ovsdb_leases {
    struct df_ovsdb_held *held;
    size_t n_held;
    struct df_ovsdb_sight *sights;
    bool is_reaper, is_busy; /* busy: a request of the reaper is under way */
    unsigned round;
    uint64_t next_reading;
};

/** As the contract says. */
int df_ovsdb_lease_take(struct df_db *db, const char *name, const char *owner, unsigned ttl, struct df_error *error);
int df_ovsdb_lease_release(struct df_db *db, const char *name, struct df_error *error);

/** Before the handle is closed: releases what can be released at once, and frees. */
void df_ovsdb_lease_close(struct df_db *db);

/** The connection is lost: nobody is known to be silent any more. */
void df_ovsdb_lease_forget(struct df_ovsdb_leases *leases);

/**
 * Sights: a look at a lease.
 *
 * @param now in ms of the monotonic clock
 * @return whether the holder has been silent for its time to live; -ENOMEM
 */
int df_ovsdb_lease_see(struct df_ovsdb_leases *leases, const struct df_ovsdb_lease *lease, uint64_t now);

/* The reaper. */

/** Asks the server for the lock. */
int df_ovsdb_reaper_enlist(struct df_db *db, struct df_error *error);

/** The server says that we have it. */
void df_ovsdb_reaper_appoint(struct df_db *db);

/** Does what is due, without waiting. Failures end the session or are tried again. */
void df_ovsdb_reaper_run(struct df_db *db);

/** When something is due next. */
uint64_t df_ovsdb_reaper_due(const struct df_db *db);
