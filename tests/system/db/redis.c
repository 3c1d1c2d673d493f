/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/drivers.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/system/db/program.h"
#include "tests/system/db/store.h"

/* What only the redis driver promises, with one server. */

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

TestSuite(redis, .init = set_up, .fini = tear_down);

/* redis-cli, as an operator or a disturbing neighbour has it. */
static void cli(const char *what)
{
    cr_assert_eq(server_command(store.server, "redis-cli -e -p %u %s", store.server->members[0].port, what), 0, "%s",
                 what);
}

static uint64_t put(const char *id, const char *text, const char *topics)
{
    struct df_error error = {""};
    size_t failed;
    uint64_t revision = 0;
    struct df_db_op op = {.table = "t", .id = id, .data = text, .len = text ? strlen(text) : 0, .topics = topics};
    cr_assert_eq(store.driver->commit(db, &op, 1, &failed, &revision, &error), 0, "%s", error.text);
    return revision;
}

static int ignore(const struct df_db_row *row, void *arg)
{
    (void)row;
    (void)arg;
    return 0;
}

static int count(const struct df_db_row *row, void *arg)
{
    (void)row;
    ++*(int *)arg;
    return 0;
}

/* Topics. */

static int note(const struct df_db_row *row, void *arg)
{
    char *told = arg;
    size_t used = strlen(told);
    snprintf(told + used, 256 - used, "%s%s ", row->id, row->data ? "" : "-");
    return 0;
}

static const char *follow(struct df_db *reader, const char *const *topics, size_t n)
{
    static char told[256];
    struct df_error error = {""};
    told[0] = '\0';
    cr_assert_eq(store.driver->follow(reader, topics, n, note, told, &error), 0, "%s", error.text);
    return told;
}

static struct df_db *follower(const char *const *topics, size_t n, uint64_t *at)
{
    struct df_db *reader = store_open(&store);
    follow(reader, topics, n);
    store_snapshot(&store, reader, at);
    return reader;
}

Test(redis, a_row_that_changes_its_topics_goes_and_comes)
{
    const char *const a[] = {"a"}, *const b[] = {"b"}, *const both[] = {"a", "b"};
    uint64_t at_a, at_b, at_both;
    put("1", "x", "a");
    struct df_db *of_a = follower(a, 1, &at_a), *of_b = follower(b, 1, &at_b), *of_both = follower(both, 2, &at_both);
    put("1", "y", "b");
    put("1", "z", NULL);
    put("1", "w", "b");
    store_expect_watch(&store, of_a, &at_a, "t/1- t/1=z t/1- ");
    store_expect_watch(&store, of_b, &at_b, "t/1=y t/1=z t/1=w ");
    store_expect_watch(&store, of_both, &at_both, "t/1=y t/1=z t/1=w ");
    store.driver->close(of_a);
    store.driver->close(of_b);
    store.driver->close(of_both);
}

Test(redis, one_transaction_of_several_topics_is_told_whole_and_once)
{
    const char *const topics[] = {"a", "b", "c"};
    struct df_error error;
    uint64_t at, revision;
    size_t failed;
    struct df_db *reader = follower(topics, 3, &at);
    const struct df_db_op ops[] = {{.table = "t", .id = "1", .data = "x", .len = 1, .topics = "c"},
                                   {.table = "t", .id = "2", .data = "x", .len = 1, .topics = "a b c"},
                                   {.table = "t", .id = "3", .data = "x", .len = 1},
                                   {.table = "t", .id = "4", .data = "x", .len = 1, .topics = "d"},
                                   {.table = "t", .id = "5", .data = "x", .len = 1, .topics = "b"}};
    cr_assert_eq(store.driver->commit(db, ops, 5, &failed, &revision, &error), 0);
    store_expect_watch(&store, reader, &at, "t/1=x t/2=x t/3=x t/5=x ");
    cr_expect_eq(at, revision);
    store.driver->close(reader);
}

/* The log. */

enum { BLOB = 1 << 20 };

Test(redis, a_watcher_too_far_behind_is_told_so_and_the_log_is_bounded)
{
    char *blob = calloc(1, BLOB), topic[16];
    uint64_t at, revision;
    size_t failed;
    struct df_error error;
    store_snapshot(&store, db, &at);
    for (int i = 0; i < 40; i++) {
        snprintf(topic, sizeof topic, "topic%d", i);
        const struct df_db_op op = {.table = "t", .id = "same", .data = blob, .len = BLOB, .topics = topic};
        cr_assert_eq(store.driver->commit(db, &op, 1, &failed, &revision, &error), 0);
    }
    free(blob);
    cr_expect_eq(store_watch_until(&store, db, &at, ignore, NULL), -ESTALE);
    uint16_t port = store.server->members[0].port;
    cr_expect_eq(
        server_command(store.server, "test $(redis-cli -p %u hget '{dragonflow}:meta' log_bytes) -le 67108864", port),
        0);
    cr_expect_eq(server_command(store.server, "test $(redis-cli -p %u keys '{dragonflow}:log:*' | wc -l) -lt 40", port),
                 0, "streams of topics without entries are kept");
    store_snapshot(&store, db, &at);
    put("after", "x", NULL);
    store_expect_watch(&store, db, &at, "t/after=x ");
}

/* A server that comes back without what it had acknowledged. */

static void forget_writes(void)
{
    server_kill(store.server, 0);
    server_command(store.server, "rm -rf m0/appendonlydir && cp -a m0/kept m0/appendonlydir");
    server_run(store.server, 0);
}

Test(redis, lost_writes_are_a_gap_to_those_who_saw_them_and_to_no_others)
{
    uint64_t saw, did_not_see;
    struct df_db *one = store_open(&store), *other = store_open(&store);
    put("1", "x", NULL);
    store_snapshot(&store, other, &did_not_see);
    server_command(store.server, "rm -rf m0/kept && cp -a m0/appendonlydir m0/kept");
    put("2", "lost", NULL);
    put("3", "lost", NULL);
    store_snapshot(&store, one, &saw);
    forget_writes();
    struct df_db *writer = store_open(&store);
    cr_expect_str_eq(store_snapshot(&store, writer, NULL), "t/1=x ");
    /* As many as were lost and more, so that plain counting would reach the same revisions. */
    for (int i = 0; i < 5; i++)
        store_put(&store, writer, "t", "4", "new", 3);
    cr_expect_eq(store_watch_until(&store, one, &saw, ignore, NULL), -ESTALE);
    store_expect_watch(&store, other, &did_not_see, "t/4=new t/4=new t/4=new t/4=new t/4=new ");
    cr_expect_str_eq(store_snapshot(&store, one, &saw), "t/1=x t/4=new ");
    store.driver->close(writer);
    store.driver->close(one);
    store.driver->close(other);
}

Test(redis, what_a_server_wrote_that_is_lost_whole_is_a_gap)
{
    uint64_t saw;
    struct df_db *one = store_open(&store);
    put("1", "x", NULL);
    server_command(store.server, "rm -rf m0/kept && cp -a m0/appendonlydir m0/kept");
    forget_writes();
    struct df_db *first = store_open(&store);
    store_put(&store, first, "t", "2", "lost", 4);
    store_snapshot(&store, one, &saw);
    forget_writes();
    struct df_db *second = store_open(&store);
    for (int i = 0; i < 3; i++)
        store_put(&store, second, "t", "4", "new", 3);
    cr_expect_eq(store_watch_until(&store, one, &saw, ignore, NULL), -ESTALE);
    store.driver->close(first);
    store.driver->close(second);
    store.driver->close(one);
}

Test(redis, a_database_that_was_flushed_is_not_a_stream_of_deletes)
{
    struct df_error error = {""};
    uint64_t at, revision;
    size_t failed;
    int told = 0;
    put("1", "x", NULL);
    store_snapshot(&store, db, &at);
    store_idle(&store, db, &at);
    cli("flushall");
    cr_expect_eq(store_watch_until(&store, db, &at, count, &told), -ENODEV);
    cr_expect_eq(store_get(&store, db, "t", "1", NULL), -ENODEV);
    cr_expect_eq(store.driver->snapshot(db, count, &told, &revision, &error), -ENODEV);
    const struct df_db_op op = {.table = "t", .id = "1", .data = "x", .len = 1};
    cr_expect_eq(store.driver->commit(db, &op, 1, &failed, &revision, &error), -ENODEV);
    cr_expect_not_null(strstr(error.text, "opened again"), "%s", error.text);
    cr_expect_eq(told, 0);
    struct df_db *fresh = store_create(&store);
    cr_expect_eq(store_get(&store, db, "t", "1", NULL), -ENODEV, "it is another one");
    store.driver->close(fresh);
}

Test(redis, a_newer_layout_is_refused)
{
    struct df_error error = {""};
    struct df_db *other;
    cli("hset '{dragonflow}:meta' version 2");
    cr_expect_eq(store.driver->open(&store.exists, &other, &error), -ENOTSUP);
    cr_expect_not_null(strstr(error.text, "upgrade the program"), "%s", error.text);
}

Test(redis, flushed_scripts_and_killed_clients_are_made_good)
{
    uint64_t at;
    store_snapshot(&store, db, &at);
    store_idle(&store, db, &at);
    cli("script flush");
    put("1", "x", NULL);
    store_expect_watch(&store, db, &at, "t/1=x ");
    cli("client kill type normal");
    cr_expect_eq(store_get(&store, db, "t", "1", NULL), 0);
    put("2", "x", NULL);
    store_expect_watch(&store, db, &at, "t/2=x ");
}

/* Leases. */

/* A watcher has looked: the lease's time to live is marked. */
static void watch_until_forgiven(uint64_t *at)
{
    int tries = 0;
    do {
        cr_assert_lt(++tries, 100);
        cr_assert_eq(store_idle(&store, db, at), 0);
    } while (server_command(store.server, "redis-cli -p %u hvals '{dragonflow}:ttls' | grep -q -- -10000",
                            store.server->members[0].port));
}

Test(redis, leases_outlive_a_time_in_which_nobody_was_heard)
{
    struct df_error error;
    uint64_t at;
    cr_assert_eq(store.driver->lease(db, "host1", "me", 10, &error), 0);
    cr_expect_str_eq(store_snapshot(&store, db, &at), "_lease/host1=me ");
    /* As after an hour's absence: the lease has long ended by the clock, and so was everybody's. */
    cli("eval \"redis.call('zadd', KEYS[1], 1, '_lease'..string.char(0)..'host1') "
        "redis.call('hset', KEYS[2], 'seen', 1)\" 2 '{dragonflow}:leases' '{dragonflow}:meta'");
    watch_until_forgiven(&at);
    cr_expect_str_eq(store_snapshot(&store, db, &at), "_lease/host1=me ");
    /* It has its time again once: whoever stays silent then is dead. */
    cli("eval \"redis.call('zadd', KEYS[1], 1, '_lease'..string.char(0)..'host1')\" 1 '{dragonflow}:leases'");
    store_expect_watch(&store, db, &at, "_lease/host1- ");
}

static int ready[2];

static void hold(const struct store *at, struct df_db *own)
{
    struct df_error error;
    char rc = (char)at->driver->lease(own, "host1", "child", 1, &error);
    if (write(ready[1], &rc, 1) == 1)
        pause();
}

Test(redis, those_who_only_watch_hear_of_a_death)
{
    uint64_t at;
    char rc;
    cr_assert_eq(pipe(ready), 0);
    pid_t child = store_fork(&store, hold);
    cr_assert_eq(read(ready[0], &rc, 1), 1);
    cr_assert_eq(rc, 0);
    cr_expect_str_eq(store_snapshot(&store, db, &at), "_lease/host1=child ");
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    store_expect_watch(&store, db, &at, "_lease/host1- ");
}

/* Limits, and what others may have written. */

Test(redis, what_is_over_a_limit_is_refused)
{
    char id[200], *blob = calloc(1, BLOB + 1);
    struct df_error error;
    size_t failed;
    uint64_t revision;
    memset(id, 'x', sizeof id - 1);
    id[sizeof id - 1] = '\0';
    const struct {
        struct df_db_op op;
        int rc;
    } cases[] = {{{.table = "t", .id = "a", .data = blob, .len = BLOB + 1}, -E2BIG},
                 {{.table = "t", .id = id, .data = "x", .len = 1}, -EINVAL},
                 {{.table = "", .id = "a", .data = "x", .len = 1}, -EINVAL},
                 {{.table = "t", .id = "", .data = "x", .len = 1}, -EINVAL},
                 {{.table = "_lease", .id = "a", .data = "x", .len = 1}, -EINVAL},
                 {{.table = "t", .id = "a", .data = "x", .len = 1, .topics = "a  b"}, -EINVAL},
                 {{.table = "t", .id = "a", .data = "x", .len = 1, .topics = " a"}, -EINVAL}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        cr_expect_eq(store.driver->commit(db, &cases[i].op, 1, &failed, &revision, &error), cases[i].rc, "case %zu", i);
    const struct df_db_op twice[] = {{.table = "t", .id = "a", .data = "x", .len = 1}, {.table = "t", .id = "a"}};
    cr_expect_eq(store.driver->commit(db, twice, 2, &failed, &revision, &error), -EINVAL);
    cr_expect_str_eq(store_snapshot(&store, db, NULL), "");
    free(blob);
}

Test(redis, garbage_is_an_error_and_not_a_row)
{
    struct df_error error;
    uint64_t at, revision;
    put("1", "x", NULL);
    store_snapshot(&store, db, &at);
    cli("eval \"redis.call('hset', KEYS[1], 't'..string.char(0)..'1', 'junk')\" 1 '{dragonflow}:rows'");
    cr_expect_eq(store_get(&store, db, "t", "1", NULL), -EPROTO);
    cr_expect_eq(store.driver->snapshot(db, ignore, NULL, &revision, &error), -EPROTO);
    cr_expect_not_null(strstr(error.text, "dump"), "%s", error.text);
    cli("xadd '{dragonflow}:log' 1000-0 t junk");
    cr_expect_eq(store_watch_until(&store, db, &at, ignore, NULL), -EPROTO);
}

Test(redis, a_commit_that_wants_replicas_is_not_done_without)
{
    struct df_error error = {""};
    struct df_db_config config = store.exists;
    struct df_db *careful;
    char location[sizeof store.server->location + 16];
    size_t failed;
    uint64_t revision;
    snprintf(location, sizeof location, "%s?replicas=1", config.location);
    config.location = location;
    config.timeout_ms = 2000;
    cr_assert_eq(store.driver->open(&config, &careful, &error), 0, "%s", error.text);
    const struct df_db_op op = {.table = "t", .id = "a", .data = "x", .len = 1};
    cr_expect_eq(store.driver->commit(careful, &op, 1, &failed, &revision, &error), -EHOSTDOWN);
    cr_expect_not_null(strstr(error.text, "0 of 1 replicas"), "%s", error.text);
    cr_expect_eq(store_get(&store, careful, "t", "a", NULL), -ENOENT);
    store.driver->close(careful);
}

Test(redis, a_server_may_have_a_name)
{
    struct df_error error = {""};
    struct df_db_config config = store.exists;
    struct df_db *named;
    char location[64];
    snprintf(location, sizeof location, "localhost:%u", store.server->members[0].door);
    config.location = location;
    cr_assert_eq(store.driver->open(&config, &named, &error), 0, "%s", error.text);
    store.driver->close(named);
}

int main(int argc, char **argv)
{
    return program_main(argc, argv);
}
