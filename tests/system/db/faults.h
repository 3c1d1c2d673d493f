/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include "tests/system/db/store.h"

/*
 * The processes that use a database while its server is tormented. They count: a row for each writer alone, and one for
 * all. Every count is the one before and one, by compare-and-swap, so whoever sees them sees when one is missing.
 * A process that sees something that must not be says so and ends with a failure.
 */

enum { FAULTS_WRITERS = 2, FAULTS_WATCHERS = 2, FAULTS_ROWS = FAULTS_WRITERS + 1 };

struct faults_shared {
    _Atomic int ready;    /* processes that have opened the database */
    _Atomic bool enough;  /* writers end */
    _Atomic bool settled; /* `final` is there, watchers compare and end */
    struct {
        _Atomic uint64_t acked, own_acked; /* of the common counter, and of its own */
        uint64_t open, own_open;           /* without an answer */
    } writers[FAULTS_WRITERS];
    struct {
        uint64_t told, gaps;
    } watchers[FAULTS_WATCHERS];
    uint64_t final[FAULTS_ROWS];
};

/** Rows 0 to FAULTS_WRITERS - 1 are the writers' own, the one behind them is everybody's. */
void faults_row_id(int row, char id[8]);

typedef void (*faults_body)(const struct store *store, struct df_db *db, struct faults_shared *shared, int i);

pid_t faults_fork(const struct store *store, struct faults_shared *shared, faults_body body, int i);

void faults_write(const struct store *store, struct df_db *db, struct faults_shared *shared, int i);
void faults_watch(const struct store *store, struct df_db *db, struct faults_shared *shared, int i);
