/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <zookeeper/zookeeper.h>

#include "tests/system/db/program.h"
#include "tests/system/db/store.h"

/* What ZooKeeper makes difficult: transactions larger than its packets, a log that is ours, nodes that anybody writes. */

static struct store store;
static struct df_db *db;
static zhandle_t *zh; /* around the driver */

static void set_up(void)
{
    char address[32];
    store_make(&store);
    db = store_create(&store);
    snprintf(address, sizeof address, "127.0.0.1:%u", store.server->members[0].port);
    zh = zookeeper_init(address, NULL, 10000, NULL, NULL, 0);
    cr_assert_not_null(zh);
    zoo_set_servers_resolution_delay(zh, -1); /* looking up addresses all the time, it holds locks while others fork */
}

static void tear_down(void)
{
    zookeeper_close(zh);
    store.driver->close(db);
}

TestSuite(zookeeper, .init = set_up, .fini = tear_down);

static void write_node(const char *path, const char *text)
{
    cr_assert_eq(zoo_set(zh, path, text, (int)strlen(text), -1), ZOK, "%s", path);
}

static int children(const char *path)
{
    struct String_vector names = {0};
    cr_assert_eq(zoo_get_children(zh, path, 0, &names), ZOK);
    int n = names.count;
    deallocate_String_vector(&names);
    return n;
}

/* Transactions in pieces. */

enum { ROWS = 400, BYTES = 3000, LARGE = 700 << 10 };

static char ids[ROWS][8];
static char texts[ROWS][BYTES];
static char large[LARGE];

/* Sets every row to number, and one to more than fits into a node. */
static int commit_number(const struct store *at, struct df_db *own, int number)
{
    static struct df_db_op ops[ROWS + 1];
    struct df_error error;
    size_t failed;
    uint64_t revision;
    for (int i = 0; i < ROWS; i++) {
        snprintf(ids[i], sizeof ids[i], "%d", i);
        snprintf(texts[i], sizeof texts[i], "%d", number);
        ops[i] = (struct df_db_op){.table = "t", .id = ids[i], .data = texts[i], .len = sizeof texts[i]};
    }
    snprintf(large, sizeof large, "%d", number);
    ops[ROWS] = (struct df_db_op){.table = "t", .id = "large", .data = large, .len = sizeof large};
    return at->driver->commit(own, ops, ROWS + 1, &failed, &revision, &error);
}

struct seen {
    int rows, number;
    uint64_t revision;
};

static int see(const struct df_db_row *row, void *arg)
{
    struct seen *seen = arg;
    if (strcmp(row->table, "t") != 0)
        return 0;
    cr_assert_not_null(row->data);
    int number = atoi(row->data);
    cr_assert_eq(row->len, strcmp(row->id, "large") == 0 ? LARGE : BYTES);
    cr_assert(seen->rows == 0 || number == seen->number, "half a transaction: %s is %d beside %d", row->id, number,
              seen->number);
    seen->number = number;
    seen->rows++;
    return 0;
}

static struct seen look(void)
{
    struct seen seen = {0};
    struct df_error error;
    cr_assert_eq(store.driver->snapshot(db, see, &seen, &seen.revision, &error), 0, "%s", error.text);
    return seen;
}

Test(zookeeper, a_transaction_larger_than_a_packet_is_told_whole)
{
    struct df_error error;
    struct seen seen = look(), told = {0};
    uint64_t at = seen.revision;
    struct pollfd fd = {.fd = store.driver->watch_fd(db), .events = POLLIN};
    struct df_db *writer = store_open(&store);
    cr_assert_eq(commit_number(&store, writer, 1), 0);
    while (at == seen.revision) {
        cr_assert_eq(poll(&fd, 1, 10000), 1);
        cr_assert_eq(store.driver->watch(db, &at, see, &told, &error), 0);
    }
    cr_expect_eq(told.rows, ROWS + 1);
    cr_assert_eq(commit_number(&store, writer, 2), 0);
    seen = look();
    cr_expect_eq(seen.rows, ROWS + 1);
    cr_expect_eq(seen.number, 2);
    store_delete(&store, writer, "t", "large");
    cr_expect_eq(look().rows, ROWS);
    cr_expect_eq(children("/dragonflow/tail"), 0, "what belonged to the row is left over");
    store.driver->close(writer);
}

static void write_for_ever(const struct store *at, struct df_db *own)
{
    for (int number = 1; commit_number(at, own, number) == 0; number++)
        ;
    abort();
}

Test(zookeeper, a_transaction_whose_writer_died_is_whole_and_finished_by_the_next, .timeout = 60)
{
    unsigned seed = 7;
    cr_assert_eq(commit_number(&store, db, 0), 0);
    for (int round = 0; round < 8; round++) {
        pid_t child = store_fork(&store, write_for_ever);
        struct timespec a_while = {.tv_nsec = 10000000 + rand_r(&seed) % 150000000};
        nanosleep(&a_while, NULL);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        struct seen seen = look();
        cr_assert_eq(seen.rows, ROWS + 1, "round %d", round);
        uint64_t row;
        cr_assert_eq(store_get(&store, db, "t", "large", &row), 0);
        cr_assert_leq(row, seen.revision);
        store_put(&store, db, "u", "other", "x", 1);
        cr_assert_eq(look().number, seen.number, "round %d", round);
    }
}

static int ignore(const struct df_db_row *row, void *arg)
{
    (void)row;
    (void)arg;
    return 0;
}

Test(zookeeper, the_log_is_bounded_and_who_is_behind_is_told_so, .timeout = 60)
{
    enum { BLOB = 1 << 20, BLOBS = 40 };
    char *blob = calloc(1, BLOB);
    uint64_t start = look().revision, at = start, last = 0;
    for (int i = 0; i < BLOBS; i++)
        last = store_put(&store, db, "t", "same", blob, BLOB);
    free(blob);
    cr_expect_eq(store_watch_until(&store, db, &at, ignore, NULL), -ESTALE);
    cr_expect_eq(at, start);
    at = last - 2;
    cr_expect_eq(store_watch_until(&store, db, &at, ignore, NULL), 0);
    cr_expect_eq(at, last);
    cr_expect_leq(children("/dragonflow/log"), 32);
    cr_expect_leq(children("/dragonflow/stage"), 3 * 32, "pieces of transactions that are dropped are left over");
}

/* What others have written. */

static int get_row(struct df_error *error)
{
    return store.driver->get(db, "t", "a", ignore, NULL, error);
}

Test(zookeeper, a_node_that_is_none_of_ours_is_an_error_that_names_it)
{
    struct df_error error;
    uint64_t at;
    store_put(&store, db, "t", "a", "1", 1);
    struct String_vector buckets = {0}, rows = {0};
    cr_assert_eq(zoo_get_children(zh, "/dragonflow/rows", 0, &buckets), ZOK);
    for (int i = 0; i < buckets.count && rows.count == 0; i++) {
        char path[64];
        snprintf(path, sizeof path, "/dragonflow/rows/%s", buckets.data[i]);
        cr_assert_eq(zoo_get_children(zh, path, 0, &rows), ZOK);
        snprintf(path, sizeof path, "/dragonflow/rows/%s/t,a", buckets.data[i]);
        if (rows.count)
            write_node(path, "garbage");
    }
    deallocate_String_vector(&buckets);
    deallocate_String_vector(&rows);
    cr_expect_eq(get_row(&error), -EPROTO);
    cr_expect_not_null(strstr(error.text, "t,a"), "%s", error.text);
    cr_expect_eq(store.driver->snapshot(db, ignore, NULL, &at, &error), -EPROTO);
    write_node("/dragonflow/state", "12 garbage");
    cr_expect_eq(get_row(&error), -EPROTO);
    cr_expect_not_null(strstr(error.text, "state"), "%s", error.text);
}

Test(zookeeper, a_transaction_that_is_none_of_ours_is_an_error)
{
    char path[64];
    uint64_t at = look().revision, revision = store_put(&store, db, "t", "a", "1", 1);
    snprintf(path, sizeof path, "/dragonflow/log/%llu", (unsigned long long)revision);
    write_node(path, "Bgarbage");
    cr_expect_eq(store_watch_until(&store, db, &at, ignore, NULL), -EPROTO);
}

static int open_it(const struct df_db_config *config, struct df_error *error)
{
    struct df_db *other = NULL;
    int rc = store.driver->open(config, &other, error);
    if (rc == 0)
        store.driver->close(other);
    return rc;
}

Test(zookeeper, a_root_of_something_else_or_of_a_newer_version_is_refused)
{
    struct df_error error;
    write_node("/dragonflow", "dragonflow northbound 2");
    cr_expect_eq(open_it(&store.exists, &error), -EPROTO);
    cr_expect_not_null(strstr(error.text, "version 2"), "%s", error.text);
    write_node("/dragonflow", "somebody's");
    cr_expect_eq(open_it(&store.create, &error), -EPROTO);
}

Test(zookeeper, a_database_that_was_removed_is_no_stream_of_deletes)
{
    struct df_error error;
    uint64_t at;
    store_put(&store, db, "t", "a", "1", 1);
    store_snapshot(&store, db, &at);
    cr_assert_eq(zoo_delete(zh, "/dragonflow/state", -1), ZOK);
    cr_expect_eq(store.driver->snapshot(db, ignore, NULL, &at, &error), -ENODEV);
    cr_expect_eq(store_watch_until(&store, db, &at, ignore, NULL), -ENODEV);
    cr_expect_eq(store_try(&store, db, "b", "1", DF_DB_ANY, 0), -ENODEV);
}

Test(zookeeper, there_may_be_several_databases_below_roots_of_their_own)
{
    struct df_error error;
    struct df_db_config config = store.create;
    char location[600];
    struct df_db *other;
    snprintf(location, sizeof location, "%s/dragonflow/of/another", store.create.location);
    config.location = location;
    cr_assert_eq(store.driver->open(&config, &other, &error), 0, "%s", error.text);
    store_put(&store, other, "t", "there", "1", 1);
    cr_expect_str_eq(store_snapshot(&store, db, NULL), "");
    cr_expect_str_eq(store_snapshot(&store, other, NULL), "t/there=1 ");
    store.driver->close(other);
}

Test(zookeeper, names_are_any_bytes_that_fit)
{
    char id[130];
    for (int i = 0; i < 128; i++)
        id[i] = (char)(i + 1);
    id[128] = '\0';
    cr_expect_eq(store_try(&store, db, id, "x", DF_DB_ABSENT, 0), 0);
    cr_expect_eq(store_try(&store, db, "\xff\xfe,/%..", "x", DF_DB_ABSENT, 0), 0);
    store_expect_row(&store, db, "t", id, "x", 1);
    cr_expect_not_null(strstr(store_snapshot(&store, db, NULL), "t/\xff\xfe,/%..=x "));
    id[128] = 'x';
    id[129] = '\0';
    cr_expect_eq(store_try(&store, db, id, "x", DF_DB_ANY, 0), -EINVAL);
    cr_expect_eq(store_try(&store, db, "", "x", DF_DB_ANY, 0), -EINVAL);
}

Test(zookeeper, a_bad_configuration_is_explained)
{
    struct df_error error;
    static const char *const bad[] = {"",      ",",     "host:", "host:0",     "host:70000", "[::1",
                                      ":2181", "h:1:2", "h//x",  "h:2181/a b", "h/../x",     "[]:1"};
    struct df_db_config config = {0};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        config.location = bad[i];
        cr_expect_eq(open_it(&config, &error), -EINVAL, "'%s'", bad[i]);
        cr_expect_not_null(strstr(error.text, "HOST"), "no remedy: %s", error.text);
    }
    config = store.exists;
    config.ca = "ca.pem";
    cr_expect_eq(open_it(&config, &error), -ENOTSUP);
    cr_expect_not_null(strstr(error.text, "stunnel"), "%s", error.text);
}

int main(int argc, char **argv)
{
    zoo_set_debug_level((ZooLogLevel)0);
    return program_main(argc, argv);
}
