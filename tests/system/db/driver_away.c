/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/system/db/server_private.h"
#include "tests/system/db/store.h"

/* What driver.h says of databases that are away for a while. They are told through the driver, so an embedded one is left out. */

#define TIMEOUT_MS 400
#define TRIED_MS 1000
#define TRIES 10 /* with pauses of 50 ms at least, then twice as long and so on, there are 5 in that time */

static struct store store;
static struct df_db *patient; /* with the default time-out, for what is no part of the question */
static struct df_db *db;

static void set_up(void)
{
    store_make(&store);
    if (!store.server->n)
        cr_skip_test("%s has no server", store.driver->name);
    patient = store_create(&store);
    store.exists.timeout_ms = TIMEOUT_MS;
    db = store_open(&store);
}

static void tear_down(void)
{
    store.driver->close(db);
    store.driver->close(patient);
}

TestSuite(away, .init = set_up, .fini = tear_down);

static void all(void (*body)(struct server *server, unsigned m))
{
    for (unsigned m = 0; m < store.server->n; m++)
        body(store.server, m);
}

static bool is_away(int rc)
{
    return rc < 0 && rc != -ENOENT && rc != -EACCES && rc != -EPROTO && rc != -EINVAL && rc != -ESTALE && rc != -EAGAIN;
}

/* Calls again until it works or patience ends, and reads before it writes again what may have been done (driver.h). */
static int put_at_last(const char *id, const char *text)
{
    uint64_t end = server_now_ms() + 2 * STORE_PATIENCE_MS;
    char found[16] = "";
    int rc;
    while ((rc = store_try(&store, db, id, text, DF_DB_ANY, 0)) && server_now_ms() < end) {
        int read = rc;
        while (rc == -EINPROGRESS && is_away(read = store_get(&store, db, "t", id, NULL)) && server_now_ms() < end)
            server_pause_ms(20);
        if (rc == -EINPROGRESS && read == 0)
            store_get_at_last(&store, db, "t", id, found, sizeof found);
        if (strcmp(found, text) == 0)
            return 0;
        server_pause_ms(20);
    }
    return rc;
}

static int get(void)
{
    return store_get(&store, db, "t", "a", NULL);
}

static struct df_error opening;

static int open_another(void)
{
    struct df_db *other;
    return store.driver->open(&store.exists, &other, &opening);
}

/* The shortest of a few times, as the machine may be busy in one of them, that a call takes which cannot but fail. */
static uint64_t time_in_vain(int (*call)(void))
{
    uint64_t shortest = UINT64_MAX;
    for (int i = 0; i < 3; i++) {
        uint64_t begin = server_now_ms();
        int rc = call();
        uint64_t took = server_now_ms() - begin;
        cr_expect(is_away(rc), "%d", rc);
        shortest = took < shortest ? took : shortest;
    }
    return shortest;
}

/* Watches until there is nothing to be told. A busy machine may lose its line once. */
static void expect_idle(struct df_db *watcher, uint64_t *at)
{
    uint64_t end = server_now_ms() + 2 * STORE_PATIENCE_MS;
    int rc;
    while ((rc = store_idle(&store, watcher, at)) && server_now_ms() < end)
        if (rc == -ESTALE)
            store_snapshot(&store, watcher, at);
    cr_expect_eq(rc, 0);
}

Test(away, a_call_says_which_end_point_and_is_quick_about_it_the_second_time)
{
    all(server_cut);
    cr_expect_leq(time_in_vain(open_another), 3 * TIMEOUT_MS);
    cr_expect(store_names_door(&store, opening.text), "the end point is missing: %s", opening.text);
    cr_expect(is_away(get()));
    cr_expect(is_away(get()));
    cr_expect_leq(time_in_vain(get), 2 * TIMEOUT_MS);
}

Test(away, a_server_that_says_nothing_holds_nobody_up)
{
    uint64_t took = UINT64_MAX;
    for (int i = 0; i < 3 && took > 2 * TIMEOUT_MS; i++) { /* the machine may be busy in one of them */
        all(server_pause);
        uint64_t begin = server_now_ms();
        cr_expect(is_away(get()));
        took = server_now_ms() - begin;
        all(server_continue);
        cr_expect_eq(put_at_last("a", "1"), 0);
    }
    cr_expect_leq(took, 2 * TIMEOUT_MS);
}

/*
 * Whichever server is the first to be back may lead then, so each must have what was acknowledged. That is said by how
 * it is opened.
 */
Test(away, a_handle_lives_through_a_restart_of_the_server)
{
    uint64_t at;
    store_keep_acknowledged(&store);
    store.driver->close(db);
    db = store_open(&store);
    struct df_db *watcher = store_open(&store), *careful = store_create(&store);
    store_put(&store, careful, "t", "a", "1", 1);
    store.driver->close(careful);
    store_snapshot(&store, watcher, &at);
    expect_idle(watcher, &at);
    all(server_kill);
    cr_expect(is_away(store_try(&store, db, "a", "2", DF_DB_ANY, 0)));
    for (unsigned m = 0; m < store.server->n; m++)
        server_begin(store.server, m);
    all(server_run);
    if (server_kind(store.server)->settle)
        server_kind(store.server)->settle(store.server);
    cr_expect_eq(put_at_last("b", "2"), 0);
    store_expect_row(&store, db, "t", "a", "1", 1);
    /* It goes on where it was, or says that it cannot. */
    struct store_told told = {.until = "t/b=2 ", .seconds = 15};
    while (!store_watch_some(&store, watcher, &at, &told))
        ;
    if (told.rc == -ESTALE)
        cr_expect_str_eq(store_snapshot(&store, watcher, &at), "t/a=1 t/b=2 ");
    else
        cr_expect_str_eq(told.text, "t/b=2 ");
    expect_idle(watcher, &at);
    store.driver->close(watcher);
}

Test(away, a_watch_tells_nothing_and_says_so_while_its_server_is_away)
{
    uint64_t at;
    store_put(&store, patient, "t", "a", "1", 1);
    store_snapshot(&store, db, &at);
    expect_idle(db, &at);
    all(server_cut);
    struct store_told told = {.until = "t/a- ", .seconds = 5};
    while (!store_watch_some(&store, db, &at, &told) && told.rc == 0)
        ;
    cr_expect_str_eq(told.text, "");
    cr_expect(is_away(told.rc), "%d", told.rc);
    all(server_mend);
    told = (struct store_told){.until = "t/b=1 ", .seconds = 15};
    cr_expect_eq(put_at_last("b", "1"), 0);
    while (!store_watch_some(&store, db, &at, &told))
        ;
    cr_expect(told.rc == -ESTALE || strcmp(told.text, "t/b=1 ") == 0, "%d %s", told.rc, told.text);
}

/* Its door takes connections, and closes them. Who asks all the time is answered all the time. */
Test(away, a_server_that_is_away_is_tried_with_growing_pauses)
{
    if (store.server->n > 1)
        cr_skip_test("one server shows it");
    if (strcmp(store.driver->name, "zookeeper") == 0)
        cr_skip_test("its library tries by itself");
    all(server_kill);
    _Atomic unsigned *connections = &store.server->members[0].tally.connections;
    unsigned before = atomic_load(connections), n = 0;
    uint64_t begin = server_now_ms(), now = begin;
    while (now < begin + TRIED_MS || (n < 3 && now < begin + 2 * STORE_PATIENCE_MS)) {
        cr_expect(is_away(store_get(&store, db, "t", "a", NULL)));
        server_pause_ms(1);
        n = atomic_load(connections) - before;
        now = server_now_ms();
    }
    cr_expect_geq(n, 3, "it is not tried again");
    cr_expect_leq(n, TRIES, "%u connections in %u ms", n, (unsigned)(now - begin));
}

Test(away, a_write_without_an_answer_is_open)
{
    store_put(&store, patient, "t", "a", "1", 1);
    all(server_swallow);
    int rc = store_try(&store, db, "a", "2", DF_DB_ANY, 0);
    cr_expect(is_away(rc), "%d", rc);
    all(server_mend);
    char text[8];
    store_get_at_last(&store, db, "t", "a", text, sizeof text);
    /* Any other error promises that it was not done. */
    cr_expect(strcmp(text, "1") == 0 || (strcmp(text, "2") == 0 && rc == -EINPROGRESS), "%d, a=%s", rc, text);
    cr_expect_eq(put_at_last("a", "3"), 0);
    store_expect_row(&store, db, "t", "a", "3", 1);
}
