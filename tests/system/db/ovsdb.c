/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dbsync/drivers/ovsdb/plan.h"
#include "tests/system/db/program.h"
#include "tests/system/db/server_private.h"
#include "tests/system/db/store.h"

/* What only the ovsdb driver promises: its log of changes, its marker, its limits. */

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

TestSuite(ovsdb, .init = set_up, .fini = tear_down, .timeout = 60);

/* Something done to the database behind the driver's back. */
static void transact(const char *operation)
{
    cr_assert_eq(server_command(store.server,
                                "ovsdb-client transact tcp:127.0.0.1:%u '[\"Dragonflow_Northbound\", %s]' | "
                                "grep -v error",
                                store.server->members[0].port, operation),
                 0);
}

/* A handle that does not go through the door. */
static struct df_db *open_behind_the_door(void)
{
    static char location[64];
    struct df_error error = {""};
    struct df_db *other = NULL;
    struct df_db_config config = store.exists;
    snprintf(location, sizeof location, "tcp:127.0.0.1:%u", store.server->members[0].port);
    config.location = location;
    cr_assert_eq(store.driver->open(&config, &other, &error), 0, "%s", error.text);
    return other;
}

static int expect_refusal(struct df_db_config config, const char *text)
{
    struct df_error error = {""};
    struct df_db *other;
    int rc = store.driver->open(&config, &other, &error);
    cr_assert_neq(rc, 0);
    cr_expect_not_null(strstr(error.text, text), "no '%s' in: %s", text, error.text);
    return rc;
}

Test(ovsdb, a_database_of_a_newer_version_is_refused)
{
    transact("{\"op\": \"update\", \"table\": \"Meta\", \"where\": [], \"row\": {\"version\": 2}}");
    cr_expect_eq(expect_refusal(store.exists, "use a newer Dragonflow"), -EPROTO);
    cr_expect_eq(expect_refusal(store.create, "use a newer Dragonflow"), -EPROTO);
}

Test(ovsdb, what_cannot_work_is_refused)
{
    struct df_db_config config = store.exists;
    config.password = "secret";
    cr_expect_eq(expect_refusal(config, "OVSDB knows no passwords"), -EINVAL);
    config = store.exists;
    config.ca = "/etc/ca.pem";
    cr_expect_eq(expect_refusal(config, "write ssl:"), -EINVAL);
    config = store.exists;
    config.location = "ssl:127.0.0.1";
    cr_expect_eq(expect_refusal(config, "certificate of the CA"), -EINVAL);
    config.location = "udp:127.0.0.1:1";
    cr_expect_eq(expect_refusal(config, "'udp:127.0.0.1:1' is no place of an OVSDB server"), -EINVAL);
    config.location = "unix:/nowhere/at/all";
    cr_expect_eq(expect_refusal(config, "is the server running"), -ECONNREFUSED);
}

static int commit(const struct df_db_op *ops, size_t n)
{
    struct df_error error;
    size_t failed;
    uint64_t revision;
    return store.driver->commit(db, ops, n, &failed, &revision, &error);
}

Test(ovsdb, limits_are_told)
{
    char id[DF_OVSDB_NAME_MAX + 2], *large = calloc(1, DF_OVSDB_DATA_MAX + 1);
    memset(id, 'x', sizeof id - 1);
    id[sizeof id - 1] = '\0';
    cr_expect_eq(store_try(&store, db, id, "x", DF_DB_ANY, 0), -EINVAL);
    cr_expect_eq(store_try(&store, db, id + 1, "x", DF_DB_ANY, 0), 0);
    cr_expect_eq(store_try(&store, db, "", "x", DF_DB_ANY, 0), -EINVAL);
    struct df_db_op op = {.table = "t", .id = "a", .data = large, .len = DF_OVSDB_DATA_MAX + 1};
    cr_expect_eq(commit(&op, 1), -E2BIG);
    op.len--;
    cr_expect_eq(commit(&op, 1), 0);
    store_expect_row(&store, db, "t", "a", large, op.len);
    struct df_db_op *many = calloc(DF_OVSDB_OPS_MAX + 1, sizeof *many);
    for (size_t i = 0; i <= DF_OVSDB_OPS_MAX; i++)
        many[i] = (struct df_db_op){.table = "t", .id = "a"};
    cr_expect_eq(commit(many, DF_OVSDB_OPS_MAX + 1), -E2BIG);
    struct df_db_op twice[] = {{.table = "t", .id = "b", .data = "1", .len = 1},
                               {.table = "t", .id = "b", .data = "2", .len = 1}};
    cr_expect_eq(commit(twice, 2), -EINVAL);
    cr_expect_eq(store_get(&store, db, "t", "b", NULL), -ENOENT);
    free(many);
    free(large);
}

Test(ovsdb, names_are_any_bytes)
{
    uint64_t at;
    const char *id = "\x01\xff \"\\\t\xc4\x80/'";
    store_put(&store, db, "a/b", id, "1", 1);
    store_put(&store, db, "a", "b", "2", 1);
    store_expect_row(&store, db, "a/b", id, "1", 1);
    store_expect_row(&store, db, "a", "b", "2", 1);
    store_snapshot(&store, db, &at);
    store_delete(&store, db, "a/b", id);
    char text[64];
    snprintf(text, sizeof text, "a/b/%s- ", id);
    store_expect_watch(&store, db, &at, text);
}

enum { BLOB = 3 << 20, GENERATION = DF_OVSDB_LOG_BYTES / BLOB + 1 /* the last one begins the next */ };

/* Generations of the log, by large rows. */
static void write_generations(struct df_db *writer, unsigned n)
{
    char *blob = calloc(1, BLOB);
    memset(blob, 'x', BLOB);
    for (unsigned i = 0; i < n * GENERATION; i++)
        store_put(&store, writer, "t", "blob", blob, BLOB);
    free(blob);
}

struct counted {
    int rows, wanted;
};

enum { ENOUGH = 7 };

static int count(const struct df_db_row *row, void *arg)
{
    struct counted *counted = arg;
    (void)row;
    return ++counted->rows == counted->wanted ? ENOUGH : 0;
}

/* Watches, also while the server is away for moments, until that many rows were told, or there is a gap. */
static int watch_rows(uint64_t *at, struct counted *counted)
{
    int rc = 0;
    for (int i = 0; i < 20 && rc != ENOUGH && rc != -ESTALE; i++) {
        rc = store_watch_until(&store, db, at, count, counted);
        poll(NULL, 0, rc == ENOUGH ? 0 : 20);
    }
    return rc;
}

Test(ovsdb, a_watcher_that_was_away_goes_on_where_it_was)
{
    uint64_t at;
    struct df_db *writer = open_behind_the_door();
    struct counted counted = {.wanted = GENERATION + 1};
    store_put(&store, writer, "t", "a", "0", 1);
    store_snapshot(&store, db, &at);
    server_cut(store.server, 0);
    write_generations(writer, 1); /* all of it is still in the log */
    store_put(&store, writer, "t", "a", "1", 1);
    server_mend(store.server, 0);
    cr_expect_eq(watch_rows(&at, &counted), ENOUGH);
    store_expect_watch(&store, db, &at, "t/a=1 ");
    store.driver->close(writer);
}

Test(ovsdb, a_watcher_that_is_slow_is_told_every_change)
{
    uint64_t at;
    struct df_db *writer = open_behind_the_door();
    struct counted counted = {.wanted = GENERATION};
    store_snapshot(&store, db, &at);
    write_generations(writer, 1); /* more than the connection holds, so the server packs them together */
    cr_expect_eq(watch_rows(&at, &counted), ENOUGH);
    store.driver->close(writer);
}

Test(ovsdb, a_watcher_too_far_behind_is_told_so)
{
    uint64_t at;
    struct df_db *writer = open_behind_the_door();
    struct counted counted = {0};
    struct df_error error;
    char line[64];
    store_snapshot(&store, db, &at);
    server_cut(store.server, 0);
    write_generations(writer, 2);
    server_ask(store.server, line, sizeof line,
               "ovsdb-client dump -f csv tcp:127.0.0.1:%u Dragonflow_Northbound Change revision | tail -n +2 | wc -l",
               store.server->members[0].port);
    cr_expect_leq(atoi(line), GENERATION + 1, "the log keeps more than it must");
    server_mend(store.server, 0);
    cr_expect_eq(watch_rows(&at, &counted), -ESTALE);
    cr_expect_eq(counted.rows, 0);
    cr_assert_eq(store.driver->snapshot(db, count, &counted, &at, &error), 0);
    cr_expect_eq(counted.rows, 1);
    store_put(&store, writer, "t", "a", "1", 1);
    store_expect_watch(&store, db, &at, "t/a=1 ");
    store.driver->close(writer);
}

Test(ovsdb, a_database_that_is_replaced_is_a_gap)
{
    uint64_t at;
    struct counted counted = {0};
    store_put(&store, db, "t", "a", "1", 1);
    store_snapshot(&store, db, &at);
    server_restore(store.server);
    struct df_db *other = store_create(&store);
    store_put(&store, other, "t", "b", "1", 1);
    cr_expect_eq(watch_rows(&at, &counted), -ESTALE);
    cr_expect_eq(counted.rows, 0);
    cr_expect_str_eq(store_snapshot(&store, db, &at), "t/b=1 ");
    store.driver->close(other);
}

static int tell_server(const char *what)
{
    return server_command(store.server, "ovs-appctl -t $PWD/m0/ctl ovsdb-server/%s", what);
}

/* One that has a large file to read takes connections, too, before it knows that database. */
Test(ovsdb, who_opens_waits_for_a_server_to_have_the_database)
{
    struct df_db_config config = store.exists;
    struct df_db *other;
    struct df_error error = {""};
    config.timeout_ms = 2000;
    cr_assert_eq(tell_server("remove-db Dragonflow_Northbound"), 0);
    uint64_t begin = server_now_ms();
    cr_expect_eq(store.driver->open(&config, &other, &error), -ENOENT, "%s", error.text);
    cr_expect_geq(server_now_ms() - begin, config.timeout_ms);
    cr_expect(strstr(error.text, "ovsdb-tool create") && store_names_door(&store, error.text), "%s", error.text);
    cr_assert_eq(tell_server("add-db nb.db"), 0);
    store.driver->close(store_open(&store));
}

int main(int argc, char **argv)
{
    return program_main(argc, argv);
}
