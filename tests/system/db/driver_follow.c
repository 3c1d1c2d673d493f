/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "tests/system/db/store.h"

/* What driver.h says of topics. */

static struct store store;
static struct df_db *writer, *watcher;

static void set_up(void)
{
    store_make(&store);
    if (!store.driver->follow)
        cr_skip_test("%s tells everybody of everything", store.driver->name);
    writer = store_create(&store);
    watcher = store_open(&store);
}

static void tear_down(void)
{
    store.driver->close(writer);
    store.driver->close(watcher);
}

TestSuite(follow, .init = set_up, .fini = tear_down);

static void put(const char *id, const char *text, const char *topics)
{
    struct df_error error;
    size_t failed;
    uint64_t revision;
    struct df_db_op op = {.table = "t", .id = id, .data = text, .len = text ? strlen(text) : 0, .topics = topics};
    cr_assert_eq(store.driver->commit(writer, &op, 1, &failed, &revision, &error), 0, "%s", error.text);
}

static bool has(const char *told, const char *row)
{
    return strstr(told, row) != NULL;
}

Test(follow, a_snapshot_has_what_is_followed_and_what_is_everybodys)
{
    struct df_error error;
    put("a", "1", "A");
    put("b", "1", "B");
    put("ab", "1", "A B");
    put("all", "1", "");
    cr_assert_eq(store.driver->lease(writer, "host1", "me", 10, &error), 0);
    store_follow(&store, watcher, "A");
    const char *told = store_snapshot(&store, watcher, NULL);
    cr_expect(has(told, "t/a=1 ") && has(told, "t/ab=1 ") && has(told, "t/all=1 "), "%s", told);
    cr_expect(has(told, DF_DB_LEASES "/host1=me "), "%s", told);
    cr_expect(!has(told, "t/b="), "%s", told);
    cr_expect_eq(strstr(strstr(told, "t/ab=") + 1, "t/ab="), NULL, "twice: %s", told);
}

Test(follow, a_watch_tells_of_what_is_followed_and_no_more)
{
    struct df_error error;
    uint64_t at;
    store_follow(&store, watcher, "A");
    store_snapshot(&store, watcher, &at);
    put("b", "1", "B");
    put("a", "1", "A");
    put("ab", "1", "B A");
    put("all", "1", NULL);
    store_expect_watch(&store, watcher, &at, "t/a=1 t/ab=1 t/all=1 ");
    put("b", NULL, NULL);
    put("ab", NULL, NULL);
    cr_assert_eq(store.driver->lease(writer, "host1", "me", 10, &error), 0);
    store_expect_watch(&store, watcher, &at, "t/ab- " DF_DB_LEASES "/host1=me ");
}

Test(follow, rows_of_a_new_topic_are_told_at_once)
{
    uint64_t at;
    put("a", "1", "A");
    put("b", "1", "B");
    put("c", "1", "C");
    store_follow(&store, watcher, "A");
    store_snapshot(&store, watcher, &at);
    put("a", "2", "A");
    cr_expect_str_eq(store_follow(&store, watcher, "A B"), "t/b=1 ");
    put("b", "2", "B");
    put("c", "2", "C");
    put("a", "3", "A");
    store_expect_watch(&store, watcher, &at, "t/a=2 t/b=2 t/a=3 ");
    cr_expect_str_eq(store_follow(&store, watcher, "B"), "");
    put("a", "4", "A");
    put("b", "3", "B");
    store_expect_watch(&store, watcher, &at, "t/b=3 ");
}

Test(follow, a_row_may_change_its_topics)
{
    uint64_t at, other;
    struct df_db *both = store_open(&store);
    put("x", "1", "A");
    store_follow(&store, watcher, "B");
    store_follow(&store, both, "A B");
    store_snapshot(&store, watcher, &at);
    store_snapshot(&store, both, &other);
    put("x", "2", "B");
    store_expect_watch(&store, watcher, &at, "t/x=2 ");
    store_expect_watch(&store, both, &other, "t/x=2 ");
    put("x", "3", "");
    store_expect_watch(&store, watcher, &at, "t/x=3 ");
    store_expect_watch(&store, both, &other, "t/x=3 ");
    put("x", NULL, NULL);
    store_expect_watch(&store, watcher, &at, "t/x- ");
    store_expect_watch(&store, both, &other, "t/x- ");
    store.driver->close(both);
}

Test(follow, a_thousand_topics_are_followed)
{
    enum { TOPICS = 1000 };
    static char list[TOPICS * 8];
    uint64_t at;
    for (int i = 0; i < TOPICS; i++)
        snprintf(list + strlen(list), sizeof list - strlen(list), "%sT%d", i ? " " : "", i);
    put("x", "1", "T0");
    put("y", "1", "T999");
    put("z", "1", "T1000");
    store_follow(&store, watcher, list);
    const char *told = store_snapshot(&store, watcher, &at);
    cr_expect(has(told, "t/x=1 ") && has(told, "t/y=1 ") && !has(told, "t/z"), "%s", told);
    put("x", "2", "T500");
    store_expect_watch(&store, watcher, &at, "t/x=2 ");
}
