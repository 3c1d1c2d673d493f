/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/driver.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/system/db/program.h"
#include "tests/system/db/server_private.h"
#include "tests/system/db/store.h"

/* The contract of driver.h, one test a sentence. Every driver of the build runs through all of them. */

Test(driver, there_is_no_database_until_one_is_made)
{
    struct store store;
    struct df_error error;
    struct df_db *db;
    store_make(&store);
    cr_expect_eq(store.driver->open(&store.exists, &db, &error), -ENOENT);
    cr_expect_not_null(strstr(error.text, "df-db"), "the remedy is missing: %s", error.text);
    db = store_create(&store);
    store.driver->close(db);
    db = store_open(&store);
    store.driver->close(db);
}

Test(driver, a_row_comes_back_as_it_was_written)
{
    struct store store;
    store_make(&store);
    struct df_db *db = store_create(&store);
    size_t large = 1 << 20;
    char *blob = malloc(large);
    for (size_t i = 0; i < large; i++)
        blob[i] = (char)(i * 7);
    store_put(&store, db, "t", "large", blob, large);
    store_put(&store, db, "t", "empty", "", 0);
    store_put(&store, db, "t", "zeros", "\0\0", 2);
    store_expect_row(&store, db, "t", "large", blob, large);
    store_expect_row(&store, db, "t", "empty", "", 0);
    store_expect_row(&store, db, "t", "zeros", "\0\0", 2);
    cr_expect_eq(store_get(&store, db, "t", "other", NULL), -ENOENT);
    cr_expect_eq(store_get(&store, db, "u", "large", NULL), -ENOENT);
    free(blob);
    store.driver->close(db);
}

Test(driver, a_deleted_row_is_gone)
{
    struct store store;
    store_make(&store);
    struct df_db *db = store_create(&store);
    store_put(&store, db, "t", "a", "1", 1);
    store_put(&store, db, "t", "b", "1", 1);
    uint64_t revision = store_delete(&store, db, "t", "a");
    cr_expect_eq(store_get(&store, db, "t", "a", NULL), -ENOENT);
    cr_expect_str_eq(store_snapshot(&store, db, NULL), "t/b=1 ");
    cr_expect_eq(store_delete(&store, db, "t", "a"), revision, "nothing changed");
    store.driver->close(db);
}

Test(driver, a_commit_is_all_or_nothing)
{
    struct store store;
    struct df_error error;
    size_t failed = 9;
    uint64_t revision;
    store_make(&store);
    struct df_db *db = store_create(&store);
    store_put(&store, db, "t", "b", "old", 3);
    const struct df_db_op ops[] = {
        {.table = "t", .id = "a", .data = "new", .len = 3},
        {.table = "t", .id = "b", .data = "new", .len = 3, .expect = DF_DB_ABSENT},
    };
    cr_expect_eq(store.driver->commit(db, ops, 2, &failed, &revision, &error), -EAGAIN);
    cr_expect_eq(failed, 1);
    cr_expect_not_null(strstr(error.text, "'b'"), "%s", error.text);
    cr_expect_str_eq(store_snapshot(&store, db, NULL), "t/b=old ");
    store.driver->close(db);
}

Test(driver, a_write_may_demand_the_revision_of_its_row)
{
    struct store store;
    store_make(&store);
    struct df_db *db = store_create(&store);
    cr_expect_eq(store_try(&store, db, "a", "1", DF_DB_REVISION, 1), -EAGAIN, "there is no row");
    cr_expect_eq(store_try(&store, db, "a", "1", DF_DB_ABSENT, 0), 0);
    cr_expect_eq(store_try(&store, db, "a", "2", DF_DB_ABSENT, 0), -EAGAIN);
    uint64_t first;
    cr_assert_eq(store_get(&store, db, "t", "a", &first), 0);
    cr_expect_eq(store_try(&store, db, "a", "2", DF_DB_REVISION, first), 0);
    cr_expect_eq(store_try(&store, db, "a", "3", DF_DB_REVISION, first), -EAGAIN);
    cr_expect_eq(store_try(&store, db, "a", NULL, DF_DB_REVISION, first), -EAGAIN);
    cr_expect_str_eq(store_snapshot(&store, db, NULL), "t/a=2 ");
    store.driver->close(db);
}

Test(driver, revisions_grow_and_rows_remember_theirs)
{
    struct store store;
    store_make(&store);
    struct df_db *one = store_create(&store), *two = store_open(&store);
    uint64_t last = 0, row;
    for (int i = 0; i < 10; i++) {
        uint64_t revision = store_put(&store, i % 2 ? one : two, "t", i < 5 ? "a" : "b", "x", 1);
        cr_expect_gt(revision, last);
        last = revision;
        cr_assert_eq(store_get(&store, one, "t", i < 5 ? "a" : "b", &row), 0);
        cr_expect_eq(row, revision);
        store_snapshot(&store, two, &row);
        cr_expect_eq(row, revision);
    }
    store.driver->close(one);
    store.driver->close(two);
}

Test(driver, a_watch_tells_every_transaction_once_whole_and_in_order)
{
    struct store store;
    struct df_error error;
    store_make(&store);
    struct df_db *writer = store_create(&store), *watcher = store_open(&store);
    uint64_t at, revision;
    size_t failed;
    store_put(&store, writer, "t", "a", "0", 1);
    store_snapshot(&store, watcher, &at);
    store_expect_watch(&store, watcher, &at, "");

    const struct df_db_op pair[] = {{.table = "t", .id = "x", .data = "1", .len = 1}, {.table = "t", .id = "a"}};
    store_put(&store, writer, "t", "a", "1", 1);
    store_put(&store, writer, "t", "a", "2", 1);
    cr_assert_eq(store.driver->commit(writer, pair, 2, &failed, &revision, &error), 0);
    store_put(&store, writer, "t", "a", "3", 1);
    store_expect_watch(&store, watcher, &at, "t/a=1 t/a=2 t/x=1 t/a- t/a=3 ");
    store_expect_watch(&store, watcher, &at, "");
    store.driver->close(writer);
    store.driver->close(watcher);
}

static int stop_at_second(const struct df_db_row *row, void *arg)
{
    (void)row;
    return ++*(int *)arg == 2 ? 7 : 0;
}

Test(driver, a_watch_that_was_stopped_tells_the_transaction_again)
{
    struct store store;
    struct df_error error;
    store_make(&store);
    struct df_db *db = store_create(&store);
    uint64_t at, revision;
    size_t failed;
    int rows = 0;
    store_snapshot(&store, db, &at);
    const struct df_db_op pair[] = {{.table = "t", .id = "x", .data = "1", .len = 1},
                                    {.table = "t", .id = "y", .data = "1", .len = 1}};
    cr_assert_eq(store.driver->commit(db, pair, 2, &failed, &revision, &error), 0);
    cr_expect_eq(store_watch_until(&store, db, &at, stop_at_second, &rows), 7);
    store_expect_watch(&store, db, &at, "t/x=1 t/y=1 ");
    store.driver->close(db);
}

Test(driver, a_revision_that_the_database_does_not_know_is_a_gap)
{
    struct store store;
    store_make(&store);
    struct df_db *db = store_create(&store);
    uint64_t at = store_put(&store, db, "t", "a", "1", 1) + 1000;
    int rows = 0;
    cr_expect_eq(store_watch_until(&store, db, &at, stop_at_second, &rows), -ESTALE);
    store.driver->close(db);
}

Test(driver, the_descriptor_polls_when_another_process_has_written)
{
    struct store store;
    store_make(&store);
    struct df_db *db = store_create(&store);
    uint64_t at;
    struct pollfd fd = {.fd = store.driver->watch_fd(db), .events = POLLIN};
    if (fd.fd < 0)
        cr_skip_test("%s has no descriptor", store.driver->name);
    store_snapshot(&store, db, &at);
    uint64_t end = server_now_ms() + STORE_PATIENCE_MS;
    int rings; /* it may, while the watch is set up */
    do
        cr_assert_eq(store_idle(&store, db, &at), 0);
    while ((rings = poll(&fd, 1, 200)) && server_now_ms() < end);
    cr_expect_eq(rings, 0);
    pid_t child = store_fork(&store, store_put_in_child);
    store_wait(child);
    cr_expect_eq(poll(&fd, 1, 5000), 1);
    store_expect_watch(&store, db, &at, "t/child=1 ");
    store.driver->close(db);
}

struct nested {
    const struct store *store;
    struct df_db *writer;
    int rows;
};

static int write_while_reading(const struct df_db_row *row, void *arg)
{
    struct nested *nested = arg;
    (void)row;
    if (nested->rows++ == 0) {
        store_put(nested->store, nested->writer, "t", "c", "new", 3);
        store_delete(nested->store, nested->writer, "t", "b");
    }
    return 0;
}

Test(driver, a_snapshot_neither_sees_nor_stops_a_writer)
{
    struct store store;
    struct df_error error;
    uint64_t at;
    store_make(&store);
    struct df_db *reader = store_create(&store), *writer = store_open(&store);
    store_put(&store, writer, "t", "a", "1", 1);
    store_put(&store, writer, "t", "b", "1", 1);
    struct nested nested = {&store, writer, 0};
    cr_assert_eq(store.driver->snapshot(reader, write_while_reading, &nested, &at, &error), 0);
    cr_expect_eq(nested.rows, 2);
    store_expect_watch(&store, reader, &at, "t/c=new t/b- ");
    store.driver->close(reader);
    store.driver->close(writer);
}

Test(driver, a_handle_for_reading_does_not_write)
{
    struct store store;
    struct df_error error;
    struct df_db *db;
    size_t failed;
    uint64_t revision;
    store_make(&store);
    store.driver->close(store_create(&store));
    struct df_db_config config = store.exists;
    config.read_only = true;
    cr_assert_eq(store.driver->open(&config, &db, &error), 0);
    const struct df_db_op op = {.table = "t", .id = "a", .data = "1", .len = 1};
    cr_expect_eq(store.driver->commit(db, &op, 1, &failed, &revision, &error), -EROFS);
    cr_expect_str_eq(store_snapshot(&store, db, NULL), "");
    store.driver->close(db);
}

Test(untried, who_never_met_a_real_server_says_so)
{
    const struct df_db_driver *driver = df_db_driver_find(server_kind(server_here())->driver);
    bool has_stand_in = strcmp(driver->name, "rethinkdb") == 0 || strcmp(driver->name, "ramcloud") == 0;
    cr_expect_eq(driver->untried && strstr(driver->untried, "never tried with a real"), has_stand_in);
}

int main(int argc, char **argv)
{
    return program_main(argc, argv);
}
