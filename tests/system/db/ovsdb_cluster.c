/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "tests/system/db/program.h"
#include "tests/system/db/server_private.h"
#include "tests/system/db/store.h"

/* What a watch does that goes from one member of a RAFT cluster to another. */

#define WAIT_SECONDS 30

enum { BLOB = 512 << 10, BLOBS = 8 /* all of them are in the log, which keeps more than that (plan.h) */ };

static struct store store;

static void set_up(void)
{
    store_make(&store);
}

TestSuite(ovsdb_cluster, .init = set_up, .timeout = 120);

/* A handle at one member that does not go through its door. */
static struct df_db *open_behind_the_door(unsigned m)
{
    char location[64];
    struct df_error error = {""};
    struct df_db *db = NULL;
    struct df_db_config config = store.exists;
    snprintf(location, sizeof location, "tcp:127.0.0.1:%u", store.server->members[m].port);
    config.location = location;
    cr_assert_eq(store.driver->open(&config, &db, &error), 0, "%s", error.text);
    return db;
}

static uint64_t answered(unsigned m)
{
    return atomic_load(&store.server->members[m].tally.answered);
}

static uint64_t answered_by_all(void)
{
    uint64_t sum = 0;
    for (unsigned m = 0; m < store.server->n; m++)
        sum += answered(m);
    return sum;
}

/* A handle that watches, and whose member that is. */
static struct df_db *watch(uint64_t *at, unsigned *m)
{
    uint64_t before[SERVER_MEMBERS];
    for (unsigned i = 0; i < store.server->n; i++)
        before[i] = answered(i);
    struct df_db *watcher = store_open(&store);
    store_snapshot(&store, watcher, at);
    *m = 0;
    while (*m < store.server->n && answered(*m) < before[*m] + BLOB)
        ++*m;
    cr_assert_lt(*m, store.server->n, "no member has sent the snapshot");
    return watcher;
}

static void write_blobs(struct df_db *writer)
{
    static char blob[BLOB];
    char id[16];
    memset(blob, 'x', sizeof blob);
    for (unsigned i = 0; i < BLOBS; i++) {
        snprintf(id, sizeof id, "blob%u", i);
        store_put(&store, writer, "t", id, blob, sizeof blob);
    }
}

/* A member that lags behind does not know the last transaction that the watch has seen. */
static void wait_for_all(uint64_t revision)
{
    for (unsigned m = 0; m < store.server->n; m++) {
        uint64_t end = 0, at = 0;
        struct df_db *db = open_behind_the_door(m);
        while (store_get(&store, db, "t", "a", &at) || at < revision)
            cr_assert(server_wait(&end), "member %u lags behind", m);
        store.driver->close(db);
    }
}

Test(ovsdb_cluster, a_watch_goes_on_at_another_member_which_sends_it_what_it_missed_and_no_more)
{
    uint64_t at, before;
    unsigned m;
    store.driver->close(store_create(&store));
    struct df_db *writer = open_behind_the_door(server_leader(store.server));
    write_blobs(writer);
    struct df_db *watcher = watch(&at, &m);
    store_put(&store, writer, "t", "a", "1", 1);
    store_expect_watch(&store, watcher, &at, "t/a=1 ");
    server_cut(store.server, m);
    wait_for_all(store_put(&store, writer, "t", "a", "2", 1));
    before = answered_by_all();
    struct store_told told = {.until = "t/a=2 ", .seconds = WAIT_SECONDS};
    while (!store_watch_some(&store, watcher, &at, &told))
        ;
    cr_expect_str_eq(told.text, "t/a=2 ", "%d: %s", told.rc, told.text);
    cr_expect_lt(answered_by_all() - before, (uint64_t)BLOB, "%llu bytes: the log was sent anew",
                 (unsigned long long)(answered_by_all() - before));
    store.driver->close(watcher);
    store.driver->close(writer);
}

int main(int argc, char **argv)
{
    return program_main(argc, argv);
}
