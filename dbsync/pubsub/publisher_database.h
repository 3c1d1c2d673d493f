/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "dbsync/driver.h"
#include "dbsync/pubsub/publisher.h"

/*
 * A publisher, and the database that it watches.
 *
 * Invariants:
 * - A database that is away is asked again after 1, 2, 4 and then each 8 seconds: a call may keep the thread for its
 *   time-out. What writers push is published for three seconds more; then the publisher is silent until it is back.
 * - A database that does not take the publisher's own row, which is for operators, is not away: that is said once, tried
 *   again after 1, 2, 4 ... 64 seconds, and keeps nothing from being published.
 * - One that was replaced, or put back, counts revisions anew. A new publisher meets it, with an id of its own, so those
 *   who listen take a snapshot.
 *
 * One thread.
 */

struct df_publisher_database;

/* Strings are the caller's, for as long as it lives. */
struct df_publisher_database_config {
    const struct df_db_driver *driver;
    struct df_db_config database;
    const char *name, *uri;                   /* the row in table publisher */
    df_publisher_send send;                   /* what each publisher sends by */
    uint64_t (*now_ms)(void *arg);            /* of a clock that only goes on */
    void (*log)(void *arg, const char *text); /* where lines for the operator go */
    void *arg;                                /* of the three */
};

/** The database may be away. -ENOMEM. */
int df_publisher_database_new(const struct df_publisher_database_config *config, struct df_publisher_database **made,
                              struct df_error *error);

/** NULL is fine. */
void df_publisher_database_free(struct df_publisher_database *database);

/** The publisher that there is until df_publisher_database_look() is called again. */
struct df_publisher *df_publisher_database_publisher(const struct df_publisher_database *database);

/** Publishes what the database has to tell, if it is time to ask it. Call each second, and when the descriptor says. */
void df_publisher_database_look(struct df_publisher_database *database);

/** To poll for reading; -1: there is nothing to wait for but time. */
int df_publisher_database_fd(const struct df_publisher_database *database);
