/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/system/db/program.h"
#include "tests/system/db/store.h"

/* What a client of RethinkDB sees of a table whose primary replica goes elsewhere, as the stand-in shows it. */

#define FEED_SECONDS 1.5 /* less than the time after which a watcher looks by itself */
#define TURN_MS 200

static struct store store;
static struct df_db *db;

static void set_up(void)
{
    store_make(&store);
    db = store_create(&store);
}

static void tear_down(void)
{
    store.driver->close(db);
}

TestSuite(rethinkdb, .init = set_up, .fini = tear_down);

/* Writes until a write meets it; text is what that one tried to write. */
static int write_into_move(char text[8])
{
    int rc = 0;
    server_kind(store.server)->move(store.server, 0);
    for (int i = 0; i < 1000 && rc == 0; i++) {
        snprintf(text, 8, "%d", i);
        rc = store_try(&store, db, "a", text, DF_DB_ANY, 0);
    }
    return rc;
}

Test(rethinkdb, a_write_of_which_the_server_does_not_know_is_open)
{
    char tried[8], found[8];
    int done = 0;
    for (int i = 0; i < 2; i++) {
        store_put(&store, db, "t", "a", "x", 1);
        cr_expect_eq(write_into_move(tried), -EINPROGRESS);
        store_get_at_last(&store, db, "t", "a", found, sizeof found);
        done += strcmp(found, tried) == 0;
    }
    cr_expect_eq(done, 1, "one is done, the other is not");
}

/* More than once: the first change may be found on the way to the feed. */
static void expect_feed(struct df_db *watcher)
{
    uint64_t at;
    store_snapshot(&store, watcher, &at);
    for (int i = 0; i < 3; i++) {
        struct store_told told = {.until = "t/b=1 ", .seconds = FEED_SECONDS, .turn_ms = TURN_MS};
        store_put(&store, db, "t", "b", "1", 1);
        while (!store_watch_some(&store, watcher, &at, &told))
            ;
        cr_expect_str_eq(told.text, "t/b=1 ");
    }
}

Test(rethinkdb, a_watcher_whose_feed_ends_gets_another)
{
    char text[8];
    struct df_db *watcher = store_open(&store);
    expect_feed(watcher);
    cr_expect_eq(write_into_move(text), -EINPROGRESS);
    store_get_at_last(&store, db, "t", "a", text, sizeof text);
    expect_feed(watcher);
    store.driver->close(watcher);
}

int main(int argc, char **argv)
{
    return program_main(argc, argv);
}
