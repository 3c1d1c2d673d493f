/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "dbsync/driver.h"
#include "tests/system/db/server.h"

#include <criterion/criterion.h>
#include <sys/types.h>

/* A database as the tests of drivers use one: short calls that fail the test when the driver fails. */

struct store {
    const struct df_db_driver *driver;
    struct server *server;
    struct df_db_config create; /* to make a database, to write */
    struct df_db_config exists; /* to open the one that is there */
};

/** The program's server, in good health and empty. */
void store_make(struct store *store);
/** The program's server as it is. */
void store_find(struct store *store);
/** Adds to the location what it takes for the driver to promise that nothing acknowledged is lost. */
void store_keep_acknowledged(struct store *store);

struct df_db *store_create(const struct store *store);
struct df_db *store_open(const struct store *store);

/* Write one row; they return the commit's revision. */
uint64_t store_put(const struct store *store, struct df_db *db, const char *table, const char *id, const void *data,
                   size_t len);
uint64_t store_delete(const struct store *store, struct df_db *db, const char *table, const char *id);

/** Writes (text) or deletes (NULL) a row of table "t" with an expectation; returns what commit returns. */
int store_try(const struct store *store, struct df_db *db, const char *id, const char *text, enum df_db_expect expect,
              uint64_t revision);

/** What get returns; revision may be NULL. */
int store_get(const struct store *store, struct df_db *db, const char *table, const char *id, uint64_t *revision);
void store_expect_row(const struct store *store, struct df_db *db, const char *table, const char *id, const void *data,
                      size_t len);

/* Rows as text "table/id=data " or "table/id- " for a deleted one. Leases are among them. */

/** Valid until the next call of anything here. */
const char *store_snapshot(const struct store *store, struct df_db *db, uint64_t *revision);

#define STORE_PATIENCE_MS 5000 /* what a server and its network may take to tell of something */

/** Watches until this was told, and that nothing else is. */
void store_expect_watch(const struct store *store, struct df_db *db, uint64_t *revision, const char *text);

/** Watches for some 50 ms where there is nothing to tell; returns what watch() says. */
int store_idle(const struct store *store, struct df_db *db, uint64_t *revision);

/** Watches until watch() returns something else than 0, or patience ends. */
int store_watch_until(const struct store *store, struct df_db *db, uint64_t *revision, df_db_row_cb cb, void *arg);

/* What a watch has told up to now, and until when it is asked. */
struct store_told {
    const char *until;    /* the text that is waited for */
    double seconds;       /* at most */
    unsigned turn_ms;     /* after a turn that takes longer, as the machine was busy, the time begins anew; 0: never */
    int rc;               /* what watch() said last */
    uint64_t longest;     /* turn so far, in ms */
    uint64_t end, looked; /* of the function's own */
    char text[4096];
};

/** Watches for a moment; true when that was told, when there is a gap, or time is over. */
bool store_watch_some(const struct store *store, struct df_db *db, uint64_t *revision, struct store_told *told);

/** Follows topics, separated by single spaces; returns what was told at once, as text. */
const char *store_follow(const struct store *store, struct df_db *db, const char *topics);

/** Reads a row's text as soon as the database is there again, and fails when it does not come. */
void store_get_at_last(const struct store *store, struct df_db *db, const char *table, const char *id, char *text,
                       size_t size);

/** Whether a text names the door of one of the server's members. */
bool store_names_door(const struct store *store, const char *text);

/** Runs body with a handle of its own in a child process. */
pid_t store_fork(const struct store *store, void (*body)(const struct store *store, struct df_db *db));
/** Waits for it and expects success. */
void store_wait(pid_t child);
/** A body: writes t/child=1. */
void store_put_in_child(const struct store *store, struct df_db *db);
