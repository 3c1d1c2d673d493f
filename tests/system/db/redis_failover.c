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
#include <unistd.h>

#include "tests/system/db/program.h"
#include "tests/system/db/server_private.h"
#include "tests/system/db/store.h"

/*
 * A replica takes over, by Sentinel or in a Cluster, while one writes and one watches. Any of them may be elected, so each
 * must have what was acknowledged.
 */

#define PATIENCE_MS (2 * SERVER_READY_MS)

static struct store store;
static int acks[2];

static void set_up(void)
{
    store_make(&store);
    store_keep_acknowledged(&store);
    store.exists.timeout_ms = 1000;
    cr_assert_eq(pipe(acks), 0);
}

TestSuite(redis_failover, .init = set_up, .timeout = 500);

static uint64_t number_of(const struct df_db_row *row)
{
    char text[32] = "";
    memcpy(text, row->data, row->len < sizeof text ? row->len : sizeof text - 1);
    return strtoull(text, NULL, 10);
}

/* Writes 1, 2, 3... and says what was acknowledged. What is open is written once more, which harms nothing here. */
static void write_numbers(const struct store *at, struct df_db *db)
{
    char text[32];
    for (uint64_t n = 1;; n++) {
        snprintf(text, sizeof text, "%" PRIu64, n);
        while (store_try(at, db, "n", text, DF_DB_ANY, 0))
            poll(NULL, 0, 5);
        if (write(acks[1], &n, sizeof n) != sizeof n)
            abort();
    }
}

static uint64_t next_ack(void)
{
    uint64_t n;
    struct pollfd fd = {.fd = acks[0], .events = POLLIN};
    cr_assert_eq(poll(&fd, 1, PATIENCE_MS), 1, "the writer does not get on");
    cr_assert_eq(read(acks[0], &n, sizeof n), (ssize_t)sizeof n);
    return n;
}

static uint64_t drain_acks(void)
{
    struct pollfd fd = {.fd = acks[0], .events = POLLIN};
    uint64_t n = next_ack();
    while (poll(&fd, 1, 0) == 1)
        n = next_ack();
    return n;
}

struct replica {
    uint64_t number;
    int backwards;
};

/* The last number may not have been acknowledged when it was told; the one before it was. */
static int replicate(const struct df_db_row *row, void *arg)
{
    struct replica *replica = arg;
    uint64_t number = number_of(row);
    replica->backwards += number + 1 < replica->number;
    replica->number = number;
    return 0;
}

/* Until the number is there; a gap is made good by a snapshot, as everywhere. */
static void watch_until(struct df_db *db, uint64_t *at, struct replica *replica, uint64_t number)
{
    struct df_error error = {""};
    uint64_t end = server_now_ms() + PATIENCE_MS;
    struct pollfd fd = {.fd = store.driver->watch_fd(db), .events = POLLIN};
    while (replica->number < number) {
        cr_assert_lt(server_now_ms(), end, "%s", error.text);
        if (store.driver->watch(db, at, replicate, replica, &error) == -ESTALE)
            store.driver->snapshot(db, replicate, replica, at, &error);
        poll(&fd, 1, 100);
    }
}

static uint64_t stored_number(void)
{
    char text[32];
    struct df_db *db = store_open(&store);
    store_get_at_last(&store, db, "t", "n", text, sizeof text);
    store.driver->close(db);
    return strtoull(text, NULL, 10);
}

static void wait_for_another_leader(unsigned old)
{
    uint64_t end = 0;
    while (server_leader(store.server) == old)
        cr_assert(server_wait(&end), "nobody takes over");
}

/* The old master's end makes one replica too few for writes until it is back. */
static void take_over_from(void (*end_master)(struct server *server, unsigned m))
{
    struct replica replica = {0};
    uint64_t at;
    struct df_db *made = store_create(&store), *watcher = store_open(&store);
    store_put(&store, made, "t", "n", "0", 1);
    store.driver->close(made);
    store_snapshot(&store, watcher, &at);
    pid_t writer = store_fork(&store, write_numbers);
    watch_until(watcher, &at, &replica, 20);
    unsigned old = server_leader(store.server);
    end_master(store.server, old);
    wait_for_another_leader(old);
    uint64_t acked = drain_acks();
    cr_expect_geq(stored_number(), acked);
    watch_until(watcher, &at, &replica, acked);
    server_heal(store.server);
    watch_until(watcher, &at, &replica, drain_acks() + 20);
    kill(writer, SIGKILL);
    waitpid(writer, NULL, 0);
    acked = drain_acks();
    cr_expect_geq(stored_number(), acked);
    watch_until(watcher, &at, &replica, stored_number());
    cr_expect_eq(replica.number, stored_number());
    cr_expect_eq(replica.backwards, 0, "what was told and acknowledged was lost");
    store.driver->close(watcher);
}

Test(redis_failover, what_was_acknowledged_outlives_the_masters_death)
{
    take_over_from(server_kill);
}

Test(redis_failover, a_master_that_stands_still_is_replaced)
{
    take_over_from(server_pause);
}

int main(int argc, char **argv)
{
    return program_main_of_elections(argc, argv);
}
