/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/drivers.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dbsync/drivers/lmdb/log.h"
#include "tests/system/db/program.h"
#include "tests/system/db/store.h"

/* What only the embedded driver promises. */

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

TestSuite(lmdb, .init = set_up, .fini = tear_down);

enum { BLOBS = 120, BLOB = 1 << 20 };

static void write_blobs(const struct store *at, struct df_db *own)
{
    char id[16], *blob = calloc(1, BLOB);
    for (int i = 0; i < BLOBS; i++) {
        snprintf(id, sizeof id, "b%d", i);
        store_put(at, own, "t", id, blob, BLOB);
    }
    free(blob);
}

static int count(const struct df_db_row *row, void *arg)
{
    (void)row;
    ++*(int *)arg;
    return 0;
}

Test(lmdb, the_map_grows_in_the_writer_and_in_the_others)
{
    struct df_error error;
    uint64_t revision;
    int rows = 0;
    store_wait(store_fork(&store, write_blobs));
    cr_assert_eq(store.driver->snapshot(db, count, &rows, &revision, &error), 0, "%s", error.text);
    cr_expect_eq(rows, BLOBS);
    store_put(&store, db, "t", "after", "x", 1);
    store_expect_row(&store, db, "t", "after", "x", 1);
}

static int grow_while_reading(const struct df_db_row *row, void *arg)
{
    struct df_error error;
    size_t failed, len = (size_t)64 << 20;
    uint64_t revision;
    void *blob = calloc(1, len);
    struct df_db_op op = {.table = "t", .id = "huge", .data = blob, .len = len};
    (void)row;
    *(int *)arg = store.driver->commit(db, &op, 1, &failed, &revision, &error);
    free(blob);
    return 0;
}

Test(lmdb, growing_from_within_a_callback_is_refused)
{
    struct df_error error;
    uint64_t revision;
    int rc = 0;
    store_put(&store, db, "t", "a", "x", 1);
    cr_assert_eq(store.driver->snapshot(db, grow_while_reading, &rc, &revision, &error), 0);
    cr_expect_eq(rc, -EDEADLK);
}

static int ignore(const struct df_db_row *row, void *arg)
{
    (void)row;
    (void)arg;
    return 0;
}

Test(lmdb, a_watcher_too_far_behind_is_told_so)
{
    struct df_error error;
    uint64_t start, at, revision;
    size_t failed;
    store_snapshot(&store, db, &start);
    enum { ROWS = 4096 };
    static struct df_db_op ops[ROWS];
    static char ids[ROWS][8];
    for (int i = 0; i < ROWS; i++) {
        snprintf(ids[i], sizeof ids[i], "%d", i);
        ops[i] = (struct df_db_op){.table = "t", .id = ids[i], .data = "x", .len = 1};
    }
    for (int i = 0; i < DF_LMDB_LOG_CHANGES / ROWS; i++)
        cr_assert_eq(store.driver->commit(db, ops, ROWS, &failed, &revision, &error), 0);
    at = start;
    cr_expect_eq(store.driver->watch(db, &at, ignore, NULL, &error), 0, "the log is just full");
    store_put(&store, db, "t", "one", "more", 4);
    at = start;
    cr_expect_eq(store.driver->watch(db, &at, ignore, NULL, &error), -ESTALE);
    cr_expect_eq(at, start);
    at = start + 1;
    cr_expect_eq(store.driver->watch(db, &at, ignore, NULL, &error), 0);
}

Test(lmdb, the_log_is_bounded_in_bytes)
{
    struct stat st;
    char path[128], *blob = calloc(1, BLOB);
    for (int i = 0; i < 300; i++)
        store_put(&store, db, "t", "same", blob, BLOB);
    free(blob);
    snprintf(path, sizeof path, "%s/data.mdb", store.exists.location);
    cr_assert_eq(stat(path, &st), 0);
    cr_expect_lt(st.st_size, 200 << 20, "300 MiB were written over one row");
}

Test(lmdb, a_database_that_is_replaced_is_noticed)
{
    struct df_error error;
    uint64_t at;
    store_snapshot(&store, db, &at);
    struct pollfd fd = {.fd = store.driver->watch_fd(db), .events = POLLIN};
    store_idle(&store, db, &at);
    server_restore(server_here());
    cr_expect_eq(poll(&fd, 1, 5000), 1);
    cr_expect_eq(store.driver->watch(db, &at, ignore, NULL, &error), -ENODEV);
    struct df_db *fresh = store_create(&store);
    cr_expect_eq(store.driver->watch(db, &at, ignore, NULL, &error), -ENODEV);
    store_put(&store, fresh, "t", "a", "1", 1);
    cr_expect_str_eq(store_snapshot(&store, fresh, NULL), "t/a=1 ");
    store.driver->close(fresh);
}

Test(lmdb, names_that_would_leave_the_directory_are_refused)
{
    struct df_error error;
    cr_expect_eq(store.driver->lease(db, "../x", "me", 1, &error), -EINVAL);
    cr_expect_eq(store.driver->lease(db, "..", "me", 1, &error), -EINVAL);
    cr_expect_eq(store.driver->lease(db, "", "me", 1, &error), -EINVAL);
}

/* Where the database keeps this. */
static int lock_of(const char *name, int flags)
{
    char path[512];
    snprintf(path, sizeof path, "%s/leases%s", store.create.location, name);
    int fd = open(path, flags, 0660);
    cr_assert_geq(fd, 0, "%s: %s", path, strerror(errno));
    cr_assert_eq(flock(fd, LOCK_EX | LOCK_NB), 0);
    return fd;
}

static bool waits_for_a_lock(void)
{
    char line[256], waiter[64];
    bool waits = false;
    FILE *locks = fopen("/proc/locks", "r");
    cr_assert_not_null(locks);
    snprintf(waiter, sizeof waiter, "-> FLOCK  ADVISORY  WRITE %d ", getpid());
    while (fgets(line, sizeof line, locks))
        waits |= strstr(line, waiter) != NULL;
    fclose(locks);
    return waits;
}

struct taker {
    struct df_error error;
    int rc;
    _Atomic bool done;
};

static void *take_mine(void *arg)
{
    struct taker *taker = arg;
    taker->rc = store.driver->lease(db, "mine", "me", 1, &taker->error);
    taker->done = true;
    return NULL;
}

/* Who looks whether the holder is dead has its lock for a moment. That is no holder. */
Test(lmdb, who_looks_for_the_dead_holds_no_lease)
{
    struct taker taker = {.rc = 1};
    struct df_error error;
    pthread_t thread;
    cr_assert_eq(store.driver->lease(db, "other", "me", 1, &error), 0, "%s", error.text);
    int door = lock_of("", O_RDONLY | O_DIRECTORY), file = lock_of("/mine", O_RDWR | O_CREAT);
    cr_assert_eq(pthread_create(&thread, NULL, take_mine, &taker), 0);
    while (!taker.done && !waits_for_a_lock())
        poll(NULL, 0, 1);
    close(file);
    close(door);
    pthread_join(thread, NULL);
    cr_expect_eq(taker.rc, 0, "%s", taker.error.text);
}

Test(lmdb, a_lease_that_is_held_is_refused_at_once)
{
    struct df_error error;
    cr_assert_eq(store.driver->lease(db, "other", "me", 1, &error), 0, "%s", error.text);
    int file = lock_of("/mine", O_RDWR | O_CREAT);
    cr_expect_eq(store.driver->lease(db, "mine", "me", 1, &error), -EBUSY);
    close(file);
}

Test(lmdb, a_row_needs_a_table_and_an_id)
{
    char id[300];
    memset(id, 'x', sizeof id);
    id[299] = '\0';
    cr_expect_eq(store_try(&store, db, id, "x", DF_DB_ANY, 0), -EINVAL);
    cr_expect_eq(store_try(&store, db, "", "x", DF_DB_ANY, 0), -EINVAL);
}

int main(int argc, char **argv)
{
    return program_main(argc, argv);
}
