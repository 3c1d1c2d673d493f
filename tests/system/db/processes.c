/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/system/db/program.h"
#include "tests/system/db/server_private.h"
#include "tests/system/db/store.h"

/* Several processes on one database, and the death of one at any moment. Every driver runs through all of it. */

struct counter {
    uint64_t value, revision;
};

static int read_counter(const struct df_db_row *row, void *arg)
{
    struct counter *counter = arg;
    char text[32] = "";
    memcpy(text, row->data, row->len < sizeof text ? row->len : sizeof text - 1);
    counter->value = strtoull(text, NULL, 10);
    counter->revision = row->revision;
    return 0;
}

static uint64_t get_counter(const struct store *store, struct df_db *db, const char *id, uint64_t *revision)
{
    struct df_error error;
    struct counter counter = {0};
    int rc = store->driver->get(db, "t", id, read_counter, &counter, &error);
    if (rc && rc != -ENOENT)
        abort();
    if (revision)
        *revision = counter.revision;
    return counter.value;
}

enum { INCREMENTS = 100, WRITERS = 4 };

static void increment(const struct store *store, struct df_db *db)
{
    char text[32];
    for (int done = 0; done < INCREMENTS;) {
        uint64_t revision, value = get_counter(store, db, "n", &revision);
        snprintf(text, sizeof text, "%" PRIu64, value + 1);
        int rc = store_try(store, db, "n", text, revision ? DF_DB_REVISION : DF_DB_ABSENT, revision);
        if (rc != 0 && rc != -EAGAIN)
            abort();
        done += rc == 0;
    }
}

Test(processes, compare_and_swap_loses_nothing)
{
    struct store store;
    pid_t children[WRITERS];
    store_make(&store);
    store.driver->close(store_create(&store));
    for (int i = 0; i < WRITERS; i++)
        children[i] = store_fork(&store, increment);
    for (int i = 0; i < WRITERS; i++)
        store_wait(children[i]);
    struct df_db *db = store_open(&store);
    cr_expect_eq(get_counter(&store, db, "n", NULL), INCREMENTS * WRITERS);
    store.driver->close(db);
}

enum { CHANGES = 300, WATCHERS = 3 };

static int ready[2];

static int follow(const struct df_db_row *row, void *arg)
{
    uint64_t *last = arg;
    struct counter counter;
    if (strcmp(row->id, "n") != 0)
        return 0;
    read_counter(row, &counter);
    if (counter.value != *last + 1)
        abort();
    *last = counter.value;
    return 0;
}

/* Sees every number once and in order, woken by nothing but the descriptor. */
static void watch_numbers(const struct store *store, struct df_db *db)
{
    struct df_error error;
    uint64_t at, last = 0;
    struct pollfd fd = {.fd = store->driver->watch_fd(db), .events = POLLIN};
    store_snapshot(store, db, &at);
    if (write(ready[1], "r", 1) != 1)
        abort();
    while (last < CHANGES) {
        if (fd.fd >= 0 && poll(&fd, 1, 30000) != 1)
            abort();
        if (store->driver->watch(db, &at, follow, &last, &error))
            abort();
    }
}

static void write_numbers(const struct store *store, struct df_db *db)
{
    char text[32];
    for (int i = 1; i <= CHANGES; i++) {
        snprintf(text, sizeof text, "%d", i);
        store_put(store, db, "t", "n", text, strlen(text));
    }
}

static void write_noise(const struct store *store, struct df_db *db)
{
    for (int i = 0; i < CHANGES; i++)
        store_put(store, db, "t", "noise", "x", 1);
}

Test(processes, watchers_see_every_change_once_and_in_order)
{
    struct store store;
    pid_t children[WATCHERS + 2];
    char byte;
    store_make(&store);
    store.driver->close(store_create(&store));
    cr_assert_eq(pipe(ready), 0);
    for (int i = 0; i < WATCHERS; i++)
        children[i] = store_fork(&store, watch_numbers);
    for (int i = 0; i < WATCHERS; i++)
        cr_assert_eq(read(ready[0], &byte, 1), 1);
    children[WATCHERS] = store_fork(&store, write_numbers);
    children[WATCHERS + 1] = store_fork(&store, write_noise);
    for (int i = 0; i < WATCHERS + 2; i++)
        store_wait(children[i]);
}

/* Death. */

enum { ROUNDS = 100, ROWS = 8 };

/* Transaction n sets every row to n, in an order and with sizes of its own, and says so when it is committed. */
static void write_transaction(const struct store *store, struct df_db *db, uint64_t n)
{
    struct df_error error;
    struct df_db_op ops[ROWS];
    static char ids[ROWS][8], texts[ROWS][8192];
    size_t failed;
    uint64_t revision;
    for (unsigned i = 0; i < ROWS; i++) {
        unsigned row = (i + (unsigned)n) % ROWS;
        snprintf(ids[i], sizeof ids[i], "r%u", row);
        memset(texts[i], 0, sizeof texts[i]);
        snprintf(texts[i], sizeof texts[i], "%" PRIu64, n);
        ops[i] = (struct df_db_op){.table = "t", .id = ids[i], .data = texts[i]};
        ops[i].len = 32 + (n * 977 + i * 131) % (sizeof texts[i] - 32);
    }
    if (store->driver->commit(db, ops, ROWS, &failed, &revision, &error))
        abort();
}

static int acks[2];

static void write_for_ever(const struct store *store, struct df_db *db)
{
    for (uint64_t n = get_counter(store, db, "r0", NULL) + 1;; n++) {
        write_transaction(store, db, n);
        if (write(acks[1], &n, sizeof n) != sizeof n)
            abort();
    }
}

/* What a process that lives through it all has been told. */
struct replica {
    uint64_t revision;
    uint64_t rows[ROWS];
};

static int replicate(const struct df_db_row *row, void *arg)
{
    struct replica *replica = arg;
    struct counter counter;
    if (row->id[0] != 'r')
        return 0;
    read_counter(row, &counter);
    replica->rows[atoi(row->id + 1) % ROWS] = counter.value;
    return 0;
}

static bool are_same(const struct replica *one, const struct replica *two)
{
    return memcmp(one->rows, two->rows, sizeof one->rows) == 0;
}

/* Watches until the replica is what the database is. The last word of the dead may still be on its way, so one looks again. */
static int catch_up(const struct store *store, struct df_db *db, struct replica *replica, struct df_db *other,
                    struct replica *fresh)
{
    struct df_error error;
    struct pollfd fd = {.fd = store->driver->watch_fd(db), .events = POLLIN};
    uint64_t end = server_now_ms() + STORE_PATIENCE_MS;
    int rc = 0;
    while (rc == 0 && server_now_ms() < end) {
        rc = store->driver->watch(db, &replica->revision, replicate, replica, &error);
        if (are_same(replica, fresh))
            break;
        poll(&fd, fd.fd >= 0, 10);
        if (rc == 0)
            rc = store->driver->snapshot(other, replicate, fresh, &fresh->revision, &error);
    }
    return rc;
}

/* Returns the last number that the dead one was told to be committed. */
static uint64_t drain_acks(uint64_t acked)
{
    struct pollfd fd = {.fd = acks[0], .events = POLLIN};
    while (poll(&fd, 1, 0) == 1)
        if (read(acks[0], &acked, sizeof acked) != sizeof acked)
            abort();
    return acked;
}

/* A writer, killed somewhere in its work. Returns what it had been told. */
static uint64_t live_and_die(const struct store *store, uint64_t acked, unsigned *seed)
{
    pid_t child = store_fork(store, write_for_ever);
    cr_assert_eq(read(acks[0], &acked, sizeof acked), (ssize_t)sizeof acked);
    struct timespec a_while = {.tv_nsec = rand_r(seed) % 10000000};
    nanosleep(&a_while, NULL);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    return drain_acks(acked);
}

Test(processes, killed_writers_leave_whole_transactions_and_lose_none, .timeout = 120)
{
    struct store store;
    struct df_error error;
    struct replica replica = {0}, fresh = {0};
    uint64_t acked = 0;
    unsigned seed = 1;
    store_make(&store);
    struct df_db *db = store_create(&store);
    cr_assert_eq(pipe(acks), 0);
    cr_assert_eq(store.driver->snapshot(db, replicate, &replica, &replica.revision, &error), 0);
    for (int round = 0; round < ROUNDS; round++) {
        acked = live_and_die(&store, acked, &seed);
        struct df_db *other = store_open(&store);
        store_put(&store, other, "t", "other", "alive", 5);
        cr_assert_eq(store.driver->snapshot(other, replicate, &fresh, &fresh.revision, &error), 0, "%s", error.text);
        cr_assert_eq(catch_up(&store, db, &replica, other, &fresh), 0, "round %d", round);
        store.driver->close(other);
        uint64_t last = fresh.rows[0];
        cr_assert(last == acked || last == acked + 1, "round %d: %" PRIu64 " after %" PRIu64, round, last, acked);
        for (int i = 0; i < ROWS; i++)
            cr_assert_eq(fresh.rows[i], last, "round %d: half a transaction", round);
        cr_assert(are_same(&fresh, &replica), "round %d: the watcher and the database differ", round);
    }
    store.driver->close(db);
}

static int die_reading(const struct df_db_row *row, void *arg)
{
    (void)row;
    (void)arg;
    return raise(SIGKILL);
}

static void read_and_die(const struct store *store, struct df_db *db)
{
    struct df_error error;
    uint64_t revision;
    store->driver->snapshot(db, die_reading, NULL, &revision, &error);
}

Test(processes, killed_readers_are_in_nobodys_way)
{
    struct store store;
    store_make(&store);
    struct df_db *db = store_create(&store);
    store_put(&store, db, "t", "a", "1", 1);
    /* More than an embedded database has room for at once; a server sees connections come and go all day. */
    int readers = store.server->n ? 50 : 1100;
    for (int i = 0; i < readers; i++) {
        int status;
        pid_t child = store_fork(&store, read_and_die);
        waitpid(child, &status, 0);
        cr_assert(WIFSIGNALED(status));
    }
    cr_expect_str_eq(store_snapshot(&store, db, NULL), "t/a=1 ");
    store_put(&store, db, "t", "a", "2", 1);
    store.driver->close(db);
}

int main(int argc, char **argv)
{
    return program_main(argc, argv);
}
