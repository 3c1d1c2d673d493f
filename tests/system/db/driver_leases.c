/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/system/db/server_private.h"
#include "tests/system/db/store.h"

/* What driver.h says of leases. */

/* A process that takes a lease and holds it, until it is killed. */
static pid_t start_holder(const struct store *store, const char *name, const char *owner, unsigned ttl)
{
    int ready[2];
    struct df_error error;
    char rc = 1;
    cr_assert_eq(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        struct df_db *own = store_open(store);
        rc = (char)store->driver->lease(own, name, owner, ttl, &error);
        _exit(write(ready[1], &rc, 1) == 1 ? pause() : 1);
    }
    cr_assert_eq(read(ready[0], &rc, 1), 1);
    cr_assert_eq(rc, 0);
    close(ready[0]);
    close(ready[1]);
    return child;
}

static void kill_holder(pid_t holder)
{
    kill(holder, SIGKILL);
    waitpid(holder, NULL, 0);
}

Test(leases, a_lease_has_one_owner)
{
    struct store store;
    struct df_error error;
    store_make(&store);
    const struct df_db_driver *driver = store.driver;
    struct df_db *one = store_create(&store), *two = store_open(&store);
    cr_expect_eq(driver->lease(one, "host1", "first", 10, &error), 0);
    cr_expect_eq(driver->lease(one, "host1", "first", 10, &error), 0, "its owner renews it");
    cr_expect_eq(driver->lease(two, "host1", "second", 10, &error), -EBUSY);
    cr_expect_not_null(strstr(error.text, "first"), "the holder is missing: %s", error.text);
    cr_expect_eq(driver->lease(two, "host2", "second", 10, &error), 0);
    cr_expect_eq(driver->release(two, "host1", &error), -ENOENT);
    cr_expect_eq(driver->release(one, "host1", &error), 0);
    cr_expect_eq(driver->lease(two, "host1", "second", 10, &error), 0);
    driver->close(one);
    driver->close(two);
}

Test(leases, a_lease_ends_with_its_holder)
{
    struct store store;
    struct df_error error;
    store_make(&store);
    struct df_db *db = store_create(&store);
    pid_t holder = start_holder(&store, "host1", "child", 3);
    cr_expect_eq(store.driver->lease(db, "host1", "parent", 10, &error), -EBUSY);
    kill_holder(holder);
    uint64_t end = server_now_ms() + 3 * STORE_PATIENCE_MS;
    int taken = -EBUSY;
    while (taken == -EBUSY && server_now_ms() < end) {
        taken = store.driver->lease(db, "host1", "parent", 10, &error);
        if (taken == -EBUSY)
            poll(NULL, 0, 100); /* a server waits for the time to live */
    }
    cr_expect_eq(taken, 0, "%s", error.text);
    store.driver->close(db);
}

Test(leases, watchers_are_told_who_holds_them)
{
    struct store store;
    struct df_error error;
    uint64_t at;
    store_make(&store);
    struct df_db *holder = store_create(&store), *watcher = store_open(&store);
    cr_assert_eq(store.driver->lease(holder, "host1", "me", 10, &error), 0, "%s", error.text);
    cr_expect_str_eq(store_snapshot(&store, watcher, &at), DF_DB_LEASES "/host1=me ");
    cr_assert_eq(store.driver->lease(holder, "host2", "me", 10, &error), 0, "%s", error.text);
    store_expect_watch(&store, watcher, &at, DF_DB_LEASES "/host2=me ");
    cr_assert_eq(store.driver->release(holder, "host1", &error), 0);
    store_expect_watch(&store, watcher, &at, DF_DB_LEASES "/host1- ");
    cr_expect_str_eq(store_snapshot(&store, holder, NULL), DF_DB_LEASES "/host2=me ");
    store.driver->close(holder);
    store_expect_watch(&store, watcher, &at, DF_DB_LEASES "/host2- ");
    store.driver->close(watcher);
}

Test(leases, renewing_one_tells_nobody)
{
    struct store store;
    struct df_error error;
    uint64_t at, before, after;
    store_make(&store);
    struct df_db *holder = store_create(&store), *watcher = store_open(&store);
    cr_assert_eq(store.driver->lease(holder, "host1", "me", 10, &error), 0, "%s", error.text);
    store_snapshot(&store, watcher, &at);
    store_snapshot(&store, watcher, &before);
    for (int i = 0; i < 10; i++)
        cr_expect_eq(store.driver->lease(holder, "host1", "me", 10, &error), 0, "%s", error.text);
    store_expect_watch(&store, watcher, &at, "");
    store_snapshot(&store, watcher, &after);
    cr_expect_eq(before, after, "it was written to");
    store.driver->close(holder);
    store.driver->close(watcher);
}

#define TURN_MS 200

Test(leases, the_death_of_a_holder_is_told)
{
    struct store store;
    struct df_error error;
    uint64_t at;
    store_make(&store);
    struct df_db *watcher = store_create(&store);
    unsigned ttl = server_kind(store.server)->shortest_ttl ? server_kind(store.server)->shortest_ttl : 2;
    cr_assert_eq(store.driver->lease(watcher, "own", "watcher", ttl, &error), 0, "%s", error.text);
    pid_t holder = start_holder(&store, "host1", "child", ttl);
    store_snapshot(&store, watcher, &at);
    kill_holder(holder);
    /* Those that live renew theirs, and that is all that happens. */
    struct store_told told = {.until = DF_DB_LEASES "/host1- ", .seconds = ttl * 4.0 / 3 + 1, .turn_ms = TURN_MS};
    do
        cr_expect_eq(store.driver->lease(watcher, "own", "watcher", ttl, &error), 0, "%s", error.text);
    while (!store_watch_some(&store, watcher, &at, &told));
    /* A machine that stood still for that long may have ended the watcher's own, too. */
    if (told.longest < ttl * 1000 / 2)
        cr_expect_str_eq(told.text, told.until, "after %g seconds", told.seconds);
    cr_expect_not_null(strstr(told.text, told.until), "after %g seconds: %s", told.seconds, told.text);
    store.driver->close(watcher);
}
