/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/system/db/faults.h"
#include "tests/system/db/program.h"
#include "tests/system/db/server_private.h"

/*
 * Whatever happens to a server: no write that was acknowledged is lost, none that failed is done, and who watches ends
 * with what the database has. Writers and watchers are processes of their own (faults_work.c), in here is what happens
 * to the server: some things, one after the other, drawn from DF_SEED, which is told so that a run can be had again.
 * DF_ROUNDS says how many.
 */

enum { ROUNDS_ALONE = 25, ROUNDS_CLUSTER = 15, TIMEOUT_MS = 300, GO_ON_MS = 20000 };

static struct store store;
static unsigned seed;

static unsigned draw(unsigned below)
{
    return (unsigned)rand_r(&seed) % below;
}

static void live_on(unsigned ms)
{
    server_pause_ms(ms);
}

/* The next one goes when the last one is back: more than one at a time is more than what a cluster promises to outlive. */
static void settle(void)
{
    const struct server_kind *kind = server_kind(store.server);
    if (kind->settle)
        kind->settle(store.server);
}

/* What can happen; m is the member that it happens to. */

static void crash(unsigned m)
{
    server_kill(store.server, m);
    live_on(draw(100));
    server_run(store.server, m);
}

static void freeze(unsigned m)
{
    server_pause(store.server, m);
    live_on(TIMEOUT_MS * 4 / 3);
    server_continue(store.server, m);
}

static void cut(unsigned m)
{
    server_cut(store.server, m);
    live_on(draw(150));
    server_mend(store.server, m);
}

static void swallow(unsigned m)
{
    server_swallow(store.server, m);
    live_on(draw(200));
    server_mend(store.server, m);
}

/* Databases end, or refuse to write; both are right. One may also end when there is room again, of a write that failed. */
static void fill(unsigned m)
{
    server_fill(store.server, m);
    live_on(50 + draw(100));
    if (server_kind(store.server)->stays_full)
        server_kill(store.server, m);
    server_free(store.server, m);
    server_revive(store.server, m);
}

/* It may be back before another one leads, or after. */
static void come_back(unsigned leader)
{
    if (draw(2))
        live_on(draw(1000));
    else
        server_leader(store.server);
    server_run(store.server, leader);
    server_leader(store.server);
}

static void depose(unsigned m)
{
    (void)m;
    unsigned leader = server_leader(store.server);
    server_kill(store.server, leader);
    come_back(leader);
}

/* What it wrote last nobody else has. */
static void outrun(unsigned m)
{
    (void)m;
    unsigned leader = server_leader(store.server), followers[SERVER_MEMBERS], n = 0;
    for (unsigned i = 0; i < store.server->n; i++)
        if (server_kind(store.server)->follows(store.server, i))
            followers[n++] = i;
    for (unsigned i = 0; i < n; i++)
        server_pause(store.server, followers[i]);
    live_on(50 + draw(100));
    for (unsigned i = 0; i < n; i++)
        server_kill(store.server, followers[i]);
    server_kill(store.server, leader);
    for (unsigned i = 0; i < n; i++)
        server_run(store.server, followers[i]);
    come_back(leader);
}

static void move(unsigned m)
{
    server_kind(store.server)->move(store.server, m);
    live_on(draw(300));
}

enum { NOTHING, CLUSTER = 1, FOLLOWERS = 2, MOVES = 4 };

static const struct {
    const char *name;
    void (*happen)(unsigned m);
    unsigned needs; /* a sum */
} faults[] = {
    {"crash", crash, NOTHING},     {"freeze", freeze, NOTHING}, {"cut", cut, NOTHING},
    {"swallow", swallow, NOTHING}, {"fill", fill, NOTHING},     {"depose", depose, CLUSTER},
    {"outrun", outrun, FOLLOWERS}, {"move", move, MOVES},
};

/* One of those that this kind of server can have. */
static unsigned draw_fault(void)
{
    const struct server_kind *kind = server_kind(store.server);
    unsigned has = (store.server->n > 1 ? CLUSTER : 0u) | (kind->follows ? FOLLOWERS : 0u) | (kind->move ? MOVES : 0u);
    unsigned can[sizeof faults / sizeof faults[0]], n = 0;
    for (unsigned i = 0; i < sizeof faults / sizeof faults[0]; i++)
        if ((faults[i].needs & ~has) == 0)
            can[n++] = i;
    return can[draw(n)];
}

static uint64_t count_acknowledged(const struct faults_shared *shared)
{
    uint64_t acked = 0;
    for (int i = 0; i < FAULTS_WRITERS; i++)
        acked += atomic_load(&shared->writers[i].acked);
    return acked;
}

/* The next one meets writers that write: those that pause yet would be spared it. */
static void go_on(const struct faults_shared *shared, unsigned m)
{
    uint64_t before = count_acknowledged(shared), end = server_now_ms() + GO_ON_MS;
    while (count_acknowledged(shared) == before && server_now_ms() < end) {
        server_begin(store.server, m); /* in case it ended of what was before */
        live_on(5);
    }
    cr_assert_gt(count_acknowledged(shared), before, "all is well, and nothing is written");
}

static void happen_once(const struct faults_shared *shared, int round)
{
    unsigned i = draw_fault(), m = draw(store.server->n);
    fprintf(stderr, "round %d: %s member %u\n", round, faults[i].name, m);
    live_on(draw(100));
    faults[i].happen(m);
    settle();
    go_on(shared, m);
}

static struct faults_shared *share(void)
{
    void *shared = mmap(NULL, sizeof(struct faults_shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    cr_assert_neq(shared, MAP_FAILED);
    return shared;
}

/* The counters as they are in the end, and whether that is what the writers were told. */
static void check_counters(struct faults_shared *shared)
{
    struct df_db *db = store_open(&store);
    uint64_t acked = count_acknowledged(shared), open = 0, own_open = 0;
    char text[32], id[8];
    for (int i = 0; i < FAULTS_ROWS; i++) {
        faults_row_id(i, id);
        store_get_at_last(&store, db, "t", id, text, sizeof text);
        shared->final[i] = strtoull(text, NULL, 10);
    }
    for (int i = 0; i < FAULTS_WRITERS; i++) {
        open += shared->writers[i].open;
        own_open += shared->writers[i].own_open;
    }
    uint64_t common = shared->final[FAULTS_WRITERS];
    fprintf(stderr,
            "%" PRIu64 " writes were acknowledged, %" PRIu64 " (and %" PRIu64 ") had no answer, the counter is "
            "%" PRIu64 "\n",
            acked, open, own_open, common);
    cr_expect_geq(common, acked, "an acknowledged write was lost");
    cr_expect_leq(common, acked + open, "a write was done that was said to have failed");
    store.driver->close(db);
}

static int how_many_rounds(void)
{
    const char *given = getenv("DF_ROUNDS");
    if (given)
        return (int)strtol(given, NULL, 10);
    return store.server->n == 1 ? ROUNDS_ALONE : ROUNDS_CLUSTER;
}

static void begin(struct faults_shared *shared, pid_t writers[], pid_t watchers[])
{
    struct df_db *db = store_create(&store);
    char id[8];
    for (int i = 0; i < FAULTS_ROWS; i++) {
        faults_row_id(i, id);
        store_put(&store, db, "t", id, "0", 1);
    }
    store.driver->close(db);
    store.exists.timeout_ms = TIMEOUT_MS;
    for (int i = 0; i < FAULTS_WRITERS; i++)
        writers[i] = faults_fork(&store, shared, faults_write, i);
    for (int i = 0; i < FAULTS_WATCHERS; i++)
        watchers[i] = faults_fork(&store, shared, faults_watch, i);
    while (atomic_load(&shared->ready) < FAULTS_WRITERS + FAULTS_WATCHERS)
        server_pause_ms(1);
}

Test(faults, nothing_is_lost, .timeout = 3600)
{
    pid_t writers[FAULTS_WRITERS], watchers[FAULTS_WATCHERS];
    struct faults_shared *shared = share();
    const char *given = getenv("DF_SEED");
    seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)getpid() * 2654435761u;
    fprintf(stderr, "DF_SEED=%u\n", seed);
    store_make(&store);
    store_keep_acknowledged(&store);
    begin(shared, writers, watchers);
    int rounds = how_many_rounds();
    for (int round = 1; round <= rounds; round++)
        happen_once(shared, round);
    server_heal(store.server);
    atomic_store(&shared->enough, true);
    for (int i = 0; i < FAULTS_WRITERS; i++)
        store_wait(writers[i]);
    check_counters(shared);
    atomic_store(&shared->settled, true);
    for (int i = 0; i < FAULTS_WATCHERS; i++)
        store_wait(watchers[i]);
    for (int i = 0; i < FAULTS_WATCHERS; i++)
        fprintf(stderr, "watcher %d: %" PRIu64 " changes, %" PRIu64 " gaps\n", i, shared->watchers[i].told,
                shared->watchers[i].gaps);
}

int main(int argc, char **argv)
{
    return program_main_of_elections(argc, argv);
}
