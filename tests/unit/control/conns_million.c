/* SPDX-License-Identifier: Apache-2.0 */
#include "control/datapath/fastpath_conns.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fastpath/lookup/hash.h"
#include "fastpath/rcu.h"

/*
 * A million connections for people while a worker runs: residents live all along, and the worker looks them up and
 * moves them on; guests are begun and ended by it, in entries that are used again and again. This thread is the control
 * thread: it makes pages and ages the table. Whatever the worker does, each resident is listed once, counted once, and
 * ranked by what it sent; and a page stays short.
 */

#define NOW 5000
#define RESIDENTS 1000000u
#define MAX 1160000u /* with so much room nothing is evicted */
#define PORTS 16     /* of residents */
#define GUEST_PORT 17
#define GUESTS 1024u /* at a time */
#define TOUCHED 16   /* residents in a round */
#define BEGUN 16     /* guests in a round */
#define CHAMPIONS 100
#define CHAMPION_PACKETS (1u << 30)
#define LISTED 262144u /* residents in 10.4.0.0/14, from that number on: rows take most of the time */
#define DELETED 65536u /* residents in 10.0.0.0/16 */

static struct df_conn_key key_of(uint32_t address, uint16_t port)
{
    return (struct df_conn_key){.src = df_ip_from4(htonl(address)),
                                .dst = df_ip_from4(htonl(0x0aff0001)),
                                .l4_src = 1024,
                                .l4_dst = 53,
                                .zone = df_conn_zone(port),
                                .ip_proto = IPPROTO_UDP};
}

static struct df_conn_key resident_key(uint32_t i)
{
    return key_of(0x0a000000 + i, (uint16_t)(i % PORTS + 1));
}

static struct df_packet packet_of(const struct df_conn_key *key)
{
    return (struct df_packet){.bits = DF_PACKET_IP4 | DF_PACKET_L4,
                              .ip_proto = key->ip_proto,
                              .ip_src = key->src,
                              .ip_dst = key->dst,
                              .l4_src = key->l4_src,
                              .l4_dst = key->l4_dst};
}

/* NULL: the table is full. */
static struct df_conn *begin(const struct df_conn_key *key)
{
    struct df_packet packet = packet_of(key);
    struct df_conn *conn = NULL;
    return df_conn_begin(0, key, df_conn_hash(key), &packet, NOW, NULL, &conn) == 0 ? conn : NULL;
}

/* ---- the worker */

struct worker {
    pthread_t thread;
    _Atomic bool stop;
    _Atomic uint64_t rounds;
    uint32_t random;
    df_conn_ref guest[GUESTS];  /* a ring */
    uint32_t n_begun, n_ended;  /* guests */
    uint32_t n_lost, n_replies; /* residents that were not found, and replies of others */
};

static uint32_t draw(uint32_t *state, uint32_t below)
{
    *state = *state * 1664525 + 1013904223;
    return (uint32_t)((uint64_t)*state * below >> 32);
}

static struct df_conn_key reverse_of(const struct df_conn_key *key)
{
    struct df_conn_key reverse = *key;
    reverse.src = key->dst;
    reverse.dst = key->src;
    reverse.l4_src = key->l4_dst;
    reverse.l4_dst = key->l4_src;
    return reverse;
}

static void touch_resident(struct worker *worker)
{
    uint32_t i = draw(&worker->random, RESIDENTS);
    struct df_conn_key key = resident_key(i);
    bool reply;
    if (draw(&worker->random, 2))
        key = reverse_of(&key);
    struct df_conn *conn = df_conn_find(&key, df_conn_hash(&key), NOW, &reply);
    if (conn == NULL) {
        worker->n_lost += i >= DELETED;
        return;
    }
    struct df_packet packet = packet_of(&key);
    df_conn_advance(conn, reply, &packet, NOW);
    df_conn_count(conn, reply, 1, 64);
    worker->n_replies += reply;
}

static void begin_guest(struct worker *worker)
{
    struct df_conn_key key = key_of(0x0b000000 + worker->n_begun, GUEST_PORT);
    struct df_conn *conn = begin(&key);
    if (conn == NULL)
        return; /* until the aging brings entries back */
    df_conn_ref *place = &worker->guest[worker->n_begun++ % GUESTS];
    struct df_conn *oldest = df_conn_at(*place);
    *place = df_conn_reference(conn);
    if (oldest == NULL)
        return;
    df_conn_take_back(0, oldest);
    worker->n_ended++;
}

static void *work(void *arg)
{
    struct worker *worker = arg;
    df_rcu_register();
    while (!atomic_load_explicit(&worker->stop, memory_order_relaxed)) {
        for (unsigned i = 0; i < TOUCHED; i++)
            touch_resident(worker);
        for (unsigned i = 0; i < BEGUN; i++)
            begin_guest(worker);
        atomic_fetch_add_explicit(&worker->rounds, 1, memory_order_relaxed);
        df_rcu_quiescent();
    }
    df_rcu_unregister();
    return NULL;
}

/* What the control thread does between two pages, in which the worker has a whole round. */
static void go_on(struct worker *worker)
{
    uint64_t until = atomic_load_explicit(&worker->rounds, memory_order_relaxed) + 2;
    df_conns_age(NOW, df_conns_age_budget());
    df_rcu_offline();
    while (atomic_load_explicit(&worker->rounds, memory_order_relaxed) < until)
        sched_yield();
    df_rcu_online();
}

static struct df_conns_tally tally_now(void)
{
    struct df_conns_tally tally;
    df_conns_tally(&tally);
    return tally;
}

/* Returns when entries are used again for sure, because more connections began than there are entries. */
static void start(struct worker *worker)
{
    *worker = (struct worker){.random = 1};
    cr_assert_eq(pthread_create(&worker->thread, NULL, work, worker), 0);
    while (tally_now().begun <= MAX + GUESTS)
        go_on(worker);
}

static void stop(struct worker *worker)
{
    atomic_store(&worker->stop, true);
    df_rcu_offline();
    pthread_join(worker->thread, NULL);
    df_rcu_online();
}

/* ---- pages */

static double cpu_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* A page is a fraction of a millisecond; with sanitizers or beside others a few, and never the whole table's 20. */
static void expect_short(const char *what, double *took, size_t n)
{
    qsort(took, n, sizeof(took[0]), by_size);
    fprintf(stderr, "%s: %zu pages, median %.3f ms, p99 %.3f ms, longest %.3f ms\n", what, n, took[n / 2],
            took[n * 99 / 100], took[n - 1]);
    cr_expect_lt(took[n / 2], 8, "%s: a page takes %.3f ms", what, took[n / 2]);
    cr_expect_lt(took[n * 99 / 100], 25, "%s: a page takes %.3f ms", what, took[n * 99 / 100]);
}

/* Asks for page after page, with a round of the worker, if there is one, after each so many entries. */
static void each_page(const char *what, const char *params, struct worker *worker,
                      json_t *(*make)(const struct df_conns_query *query, uint32_t now_ms), void (*see)(json_t *page))
{
    static double took[MAX / DF_CONNS_PAGE_ROWS + 1];
    struct df_conns_query ask;
    struct df_error error;
    size_t n = 0;
    json_t *json = json_loads(params, 0, NULL);
    cr_assert_eq(df_conns_query_read(json, &ask, &error), 0, "%s: %s", params, error.text);
    do {
        uint32_t slice = ask.from / DF_CONNS_PAGE_ENTRIES;
        double before = cpu_ms();
        json_t *page = make(&ask, NOW);
        cr_assert_lt(n, sizeof(took) / sizeof(took[0]));
        took[n++] = cpu_ms() - before;
        see(page);
        ask.from = (uint32_t)json_integer_value(json_object_get(page, "next"));
        json_decref(page);
        if (worker != NULL && ask.from / DF_CONNS_PAGE_ENTRIES != slice)
            go_on(worker);
    } while (ask.from != 0);
    json_decref(json);
    expect_short(what, took, n);
}

static json_int_t number_at(json_t *json, const char *field)
{
    return json_integer_value(json_object_get(json, field));
}

/* Number of the resident that a row is, or RESIDENTS: it is a guest. */
static uint32_t resident_of(json_t *row)
{
    struct in_addr src = {0};
    if (number_at(row, "port") == GUEST_PORT)
        return RESIDENTS;
    int rc = inet_pton(AF_INET, json_string_value(json_object_get(row, "ip_src")), &src);
    uint32_t i = ntohl(src.s_addr) - 0x0a000000;
    if (rc != 1 || i >= RESIDENTS || i % PORTS + 1 != number_at(row, "port"))
        cr_assert_fail("a row is a mix of two");
    return i;
}

/* ---- what is seen of them */

static uint8_t seen[RESIDENTS];

static void see_rows(json_t *page)
{
    size_t n;
    json_t *row;
    json_array_foreach(json_object_get(page, "connections"), n, row) {
        uint32_t i = resident_of(row);
        if (i < RESIDENTS)
            seen[i]++;
    }
}

static json_int_t counts[GUEST_PORT + 1];

static void see_counts(json_t *page)
{
    size_t n;
    json_t *row;
    json_array_foreach(json_object_get(page, "counts"), n, row) {
        json_int_t port = number_at(row, "port");
        cr_assert(port > 0 && port <= GUEST_PORT);
        counts[port] += number_at(row, "connections");
    }
}

static unsigned n_champions;

static void see_ranks(json_t *page)
{
    size_t n;
    json_t *row;
    json_int_t last = INT64_MAX;
    json_array_foreach(json_object_get(page, "connections"), n, row) {
        json_int_t packets = number_at(row, "packets") + number_at(row, "reply_packets");
        cr_assert_leq(packets, last);
        last = packets;
        if (packets < CHAMPION_PACKETS)
            continue;
        cr_assert_eq(resident_of(row) % (RESIDENTS / CHAMPIONS), 0);
        n_champions++;
    }
}

static void see_nothing(json_t *page)
{
    cr_assert_eq(json_array_size(json_object_get(page, "connections")), 0);
}

static json_int_t n_deleted;

static void see_deleted(json_t *page)
{
    n_deleted += number_at(page, "deleted");
}

/* ---- */

static void up(void)
{
    struct df_conns_config config = {
        .max = MAX, .max_per_port = MAX, .n_workers = 1, .tcp_pick_up = true, .timeouts = df_conn_timeouts_default};
    df_rcu_register();
    df_hash_init();
    cr_assert_eq(df_conns_init(&config), 0);
    for (uint32_t i = 0; i < RESIDENTS; i++) {
        struct df_conn_key key = resident_key(i);
        struct df_conn *conn = begin(&key);
        if (conn == NULL)
            cr_assert_fail("resident %u finds no room", i);
        if (i % (RESIDENTS / CHAMPIONS) == 0)
            df_conn_count(conn, i % 3 == 0, CHAMPION_PACKETS, 1);
    }
}

static void down(void)
{
    df_rcu_barrier();
    df_conns_fini();
    df_rcu_unregister();
}

static void expect_residents_are_right(struct worker *worker)
{
    each_page("list", "{\"addr\": \"10.4.0.0/14\"}", worker, df_conns_list_page, see_rows);
    for (uint32_t i = LISTED; i < 2 * LISTED; i++)
        if (seen[i] != 1)
            cr_assert_fail("resident %u is listed %u times", i, seen[i]);
    each_page("count", "{\"by\": \"port\"}", worker, df_conns_count_page, see_counts);
    for (unsigned port = 1; port <= PORTS; port++)
        cr_expect_eq(counts[port], RESIDENTS / PORTS, "port %u: %lld", port, (long long)counts[port]);
    each_page("top", "{\"limit\": 128}", worker, df_conns_top_page, see_ranks);
    cr_expect_eq(n_champions, CHAMPIONS, "%u", n_champions);
    each_page("list of nothing", "{\"proto\": \"tcp\"}", worker, df_conns_list_page, see_nothing);
}

Test(conns_million, pages_are_right_and_short_while_a_worker_runs, .timeout = 290)
{
    static struct worker worker;
    up();
    start(&worker);
    uint64_t begun = tally_now().begun;
    expect_residents_are_right(&worker);
    cr_expect_gt(tally_now().begun, begun + GUESTS, "they hardly changed meanwhile");
    each_page("delete some", "{\"addr\": \"10.0.0.0/16\"}", &worker, df_conns_delete_page, see_deleted);
    cr_expect_eq(n_deleted, DELETED);
    stop(&worker);

    struct df_conns_tally tally = tally_now();
    cr_expect_eq(worker.n_lost, 0, "%u residents were not found", worker.n_lost);
    cr_expect_gt(worker.n_replies, 0);
    cr_expect_eq(tally.begun, RESIDENTS + worker.n_begun);
    cr_expect_eq(tally.replaced, worker.n_ended);
    cr_expect_eq(tally.killed, DELETED);
    cr_expect_eq(tally.timed_out + tally.evicted, 0);
    cr_expect_eq(tally.live, RESIDENTS - DELETED + worker.n_begun - worker.n_ended);
    each_page("delete", "{\"all\": true}", NULL, df_conns_delete_page, see_deleted);
    cr_expect_eq(n_deleted, RESIDENTS + worker.n_begun - worker.n_ended);
    each_page("list of none", "{}", NULL, df_conns_list_page, see_nothing);
    down();
}
