/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dbsync/drivers/etcd/etcd.h"
#include "dbsync/drivers/etcd/note.h"
#include "tests/system/db/program.h"
#include "tests/system/db/server_private.h"
#include "tests/system/db/store.h"

/* What only etcd makes difficult: compactions, large transactions, keys that anybody writes. */

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

TestSuite(etcd, .init = set_up, .fini = tear_down);

#define ETCDCTL "ETCDCTL_API=3 etcdctl --endpoints 127.0.0.1:%u "

static void control(const char *what)
{
    cr_assert_eq(server_command(store.server, ETCDCTL "%s", store.server->members[0].port, what), 0);
}

static int ignore(const struct df_db_row *row, void *arg)
{
    (void)row;
    ++*(int *)arg;
    return 0;
}

Test(etcd, a_compaction_is_a_gap)
{
    uint64_t start, at;
    char what[64];
    int rows = 0;
    store_snapshot(&store, db, &start);
    uint64_t last = 0;
    for (int i = 0; i < 10; i++)
        last = store_put(&store, db, "t", "a", "x", 1);
    snprintf(what, sizeof what, "compaction %llu", (unsigned long long)last);
    control(what);
    at = start;
    cr_expect_eq(store_watch_until(&store, db, &at, ignore, &rows), -ESTALE);
    cr_expect_eq(rows, 0);
    cr_expect_eq(at, start);
    cr_expect_str_eq(store_snapshot(&store, db, &at), "t/a=x ");
    store_put(&store, db, "t", "a", "y", 1);
    store_expect_watch(&store, db, &at, "t/a=y ");
}

Test(etcd, a_database_of_a_newer_version_is_refused)
{
    struct df_error error;
    struct df_db *other;
    control("put " DF_ETCD_MARKER " 2");
    cr_expect_eq(store.driver->open(&store.exists, &other, &error), -ENOTSUP);
    cr_expect_not_null(strstr(error.text, "upgrade"), "%s", error.text);
    control("put " DF_ETCD_MARKER " none");
    cr_expect_eq(store.driver->open(&store.exists, &other, &error), -EBADMSG);
}

enum { MANY = DF_ETCD_OPS_MAX + 1 };

static int commit_many(size_t n, const char *topics, size_t len, struct df_error *error)
{
    static char ids[MANY][8];
    struct df_db_op ops[MANY];
    char *data = calloc(1, len + 1);
    size_t failed;
    uint64_t revision;
    for (size_t i = 0; i < n; i++) {
        snprintf(ids[i], sizeof ids[i], "r%zu", i);
        ops[i] = (struct df_db_op){.table = "t", .id = ids[i], .data = data, .len = len, .topics = topics};
    }
    int rc = store.driver->commit(db, ops, n, &failed, &revision, error);
    free(data);
    return rc;
}

Test(etcd, a_commit_may_have_as_many_rows_as_it_says_with_many_topics)
{
    char topics[DF_ETCD_TOPICS_MAX * 4] = "";
    struct df_error error;
    uint64_t at;
    int rows = 0;
    for (int i = 0; i < DF_ETCD_TOPICS_MAX; i++)
        snprintf(topics + strlen(topics), sizeof topics - strlen(topics), "%sT%d", i ? " " : "", i);
    cr_expect_eq(commit_many(DF_ETCD_OPS_MAX, topics, 10, &error), 0, "%s", error.text);
    cr_expect_eq(commit_many(DF_ETCD_OPS_MAX, topics, 20, &error), 0, "%s", error.text);
    cr_assert_eq(store.driver->snapshot(db, ignore, &rows, &at, &error), 0);
    cr_expect_eq(rows, DF_ETCD_OPS_MAX);
    cr_expect_eq(commit_many(MANY, NULL, 10, &error), -E2BIG);
    cr_expect_eq(commit_many(DF_ETCD_OPS_MAX, NULL, 100000, &error), -E2BIG, "%s", error.text);
    cr_expect_eq(commit_many(1, NULL, DF_ETCD_DATA_MAX + 1, &error), -EMSGSIZE);
}

Test(etcd, a_snapshot_of_large_rows_comes_in_pages_that_fit)
{
    char id[8], *blob = calloc(1, DF_ETCD_DATA_MAX);
    struct df_error error;
    uint64_t at;
    int rows = 0;
    for (int i = 0; i < 30; i++) {
        snprintf(id, sizeof id, "b%d", i);
        store_put(&store, db, "t", id, blob, DF_ETCD_DATA_MAX);
    }
    free(blob);
    cr_expect_eq(store.driver->snapshot(db, ignore, &rows, &at, &error), 0, "%s", error.text);
    cr_expect_eq(rows, 30);
}

enum { WATCHED = 1000, ROWS = 10 }; /* etcd brings watches that are behind up to date 512 at a time */

/* Ten rows, each of a topic of its own, in one transaction. */
static void commit_whole(const char *text)
{
    char ids[ROWS][8], topics[ROWS][8];
    struct df_db_op ops[ROWS];
    struct df_error error;
    size_t failed;
    uint64_t revision;
    for (int i = 0; i < ROWS; i++) {
        snprintf(ids[i], sizeof ids[i], "w%d", i);
        snprintf(topics[i], sizeof topics[i], "T%d", i * (WATCHED / ROWS));
        ops[i] = (struct df_db_op){.table = "t",
                                   .id = ids[i],
                                   .data = text,
                                   .len = text ? strlen(text) : 0,
                                   .topics = text ? topics[i] : NULL};
    }
    ops[0].topics = NULL; /* everybody's */
    cr_assert_eq(store.driver->commit(db, ops, ROWS, &failed, &revision, &error), 0, "%s", error.text);
}

static struct df_db *follow_many(void)
{
    static char list[WATCHED * 8];
    struct df_db *follower = store_open(&store);
    list[0] = '\0';
    for (int i = 0; i < WATCHED; i++)
        snprintf(list + strlen(list), sizeof list - strlen(list), "%sT%d", i ? " " : "", i);
    store_follow(&store, follower, list);
    return follower;
}

Test(etcd, a_transaction_of_many_topics_is_told_whole)
{
    uint64_t at;
    struct df_db *follower = follow_many();
    struct df_error error;
    store_snapshot(&store, follower, &at);
    commit_whole("1");
    commit_whole("2");
    commit_whole(NULL);
    uint64_t end = server_now_ms() + 2 * STORE_PATIENCE_MS;
    for (int told = 0, rows = 0; told < 3 * ROWS; told += rows) {
        struct pollfd fd = {.fd = store.driver->watch_fd(follower), .events = POLLIN};
        poll(&fd, 1, 100);
        rows = 0;
        cr_assert_eq(store.driver->watch(follower, &at, ignore, &rows, &error), 0, "%s", error.text);
        cr_assert_eq(rows % ROWS, 0, "%d rows were told together", rows);
        cr_assert_lt(server_now_ms(), end, "%d rows were told", told);
    }
    store.driver->close(follower);
}

/* A note that promises what does not come. */
static void put_false_note(void)
{
    struct df_etcd_note note = {0};
    uint8_t bytes[DF_ETCD_NOTE_BYTES];
    char value[128] = "";
    df_etcd_note_add(&note, "A");
    df_etcd_note_add(&note, "B");
    size_t len = df_etcd_note_write(&note, bytes);
    for (size_t i = 0; i < len; i++)
        snprintf(value + strlen(value), sizeof value - strlen(value), "\\%03o", bytes[i]);
    cr_assert_eq(server_command(store.server,
                                "curl -fsS 127.0.0.1:%u/v3/kv/put -d '{\"key\":\"'$(printf '" DF_ETCD_PREFIX
                                "c/A\\000' | base64 -w0)'\",\"value\":\"'$(printf '%s' | base64 -w0)'\"}'",
                                store.server->members[0].port, value),
                 0);
}

Test(etcd, who_waits_in_vain_for_a_part_of_a_transaction_has_a_gap)
{
    uint64_t at;
    int rows = 0;
    store.exists.timeout_ms = 1000; /* it waits for twice as long */
    struct df_db *follower = store_open(&store);
    store_follow(&store, follower, "A B");
    store_snapshot(&store, follower, &at);
    put_false_note();
    cr_expect_eq(store_watch_until(&store, follower, &at, ignore, &rows), -ESTALE);
    store_snapshot(&store, follower, &at);
    cr_expect_eq(store_idle(&store, follower, &at), 0);
    store.driver->close(follower);
}

Test(etcd, what_others_wrote_is_no_harm)
{
    uint64_t at;
    store_snapshot(&store, db, &at);
    control("put /elsewhere x");
    control("put " DF_ETCD_PREFIX "n/no-row x");
    control("put " DF_ETCD_PREFIX "x/t x");
    /* A row whose value is not ours is told as it is: whoever reads it says what is wrong with it. */
    cr_assert_eq(server_command(store.server,
                                "printf '" DF_ETCD_PREFIX "n/t\\0a' >key && printf garbage | curl -fsS "
                                "127.0.0.1:%u/v3/kv/put -d '{\"key\":\"'$(base64 -w0 key)'\",\"value\":\"'"
                                "$(base64 -w0)'\"}'",
                                store.server->members[0].port),
                 0);
    store_expect_watch(&store, db, &at, "t/a=garbage ");
    cr_expect_str_eq(store_snapshot(&store, db, NULL), "t/a=garbage ");
    store_put(&store, db, "t", "a", "good", 4);
    store_expect_watch(&store, db, &at, "t/a=good ");
}

Test(etcd, names_have_a_limit)
{
    char id[DF_ETCD_NAME_MAX + 2];
    memset(id, 'x', sizeof id);
    id[DF_ETCD_NAME_MAX + 1] = '\0';
    cr_expect_eq(store_try(&store, db, id, "x", DF_DB_ANY, 0), -EINVAL);
    id[DF_ETCD_NAME_MAX] = '\0';
    cr_expect_eq(store_try(&store, db, id, "x", DF_DB_ANY, 0), 0);
    cr_expect_eq(store_try(&store, db, "", "x", DF_DB_ANY, 0), -EINVAL);
    cr_expect_eq(store_try(&store, db, "\x01 /\xff%", "x", DF_DB_ABSENT, 0), 0);
    store_expect_row(&store, db, "t", "\x01 /\xff%", "x", 1);
}

Test(etcd, locations_that_are_none_are_told)
{
    static const char *const bad[] = {"",       ",",    "host:",  "host:0", "host:65536",
                                      "host:x", "[::1", "[::1]x", "a,,b",   ":1"};
    struct df_error error;
    struct df_db *other;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct df_db_config config = {.location = bad[i], .timeout_ms = 100};
        cr_expect_eq(store.driver->open(&config, &other, &error), -EINVAL, "%s", bad[i]);
        cr_expect_not_null(strstr(error.text, "HOST[:PORT]"), "%s", error.text);
    }
}

int main(int argc, char **argv)
{
    return program_main(argc, argv);
}
