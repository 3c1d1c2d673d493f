/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <sys/types.h>

#include "dbsync/driver.h"
#include "tests/unit/dbsync/place.h"

/* A database as the tests of drivers use one: short calls that fail the test when the driver fails. */

struct store_driver {
    char name[16];
};

struct store {
    const struct df_db_driver *driver;
    struct place place;
};

/** The drivers of the build, as parameters of a test. */
struct criterion_test_params store_each_driver(void);

void store_make(struct store *store, const struct store_driver *driver);
void store_remove(struct store *store);

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

/* Rows as text "table/id=data " or "table/id- " for a deleted one; of the last call. */
const char *store_snapshot(const struct store *store, struct df_db *db, uint64_t *revision);
const char *store_watch(const struct store *store, struct df_db *db, uint64_t *revision);

/** Runs body with a handle of its own in a child process. */
pid_t store_fork(const struct store *store, void (*body)(const struct store *store, struct df_db *db));
/** Waits for it and expects success. */
void store_wait(pid_t child);
/** A body: writes t/child=1. */
void store_put_in_child(const struct store *store, struct df_db *db);
