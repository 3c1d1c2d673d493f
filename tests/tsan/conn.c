/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/conn/conn.h"
#include "fastpath/rcu.h"

#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * Two workers race for the same new tuples: both have to get one connection. Then they begin, move on and touch
 * connections of tuples that they share, both directions, while a third thread ages, kills, shows, and gives ports new
 * lives. Built with ThreadSanitizer and without DPDK. After each round, when all stand still, the table has to be
 * sound.
 *
 * ThreadSanitizer does not know grace periods, and need not: all that is written twice is atomic. What liburcu does
 * with its own memory it does not know either.
 */

#define ROUNDS 10      /* and more until a connection ended in each way: who meets whom is the scheduler's choice */
#define ROUNDS_MAX 500 /* but then something never happens */
#define STEPS 20000    /* packets of a worker in a round, and more until */
#define ACTIONS 60     /* the control thread has done this */
#define WORKERS 2
#define PORTS 64   /* half of the packets are of the first one */
#define SOURCES 20 /* of each port, by three protocols */
#define MAX 2048   /* less than the ports together may have */
#define MAX_PER_PORT 40
#define REFS 16
#define RACES 1500 /* tuples that both workers begin with at the same moment */
#define RACE_PORT 100

static const uint8_t tcp_flags[] = {0x02, 0x02, 0x12, 0x10, 0x10, 0x11, 0x04, 0x14, 0x03};

static pthread_barrier_t round_begins, round_ends;
static _Atomic uint32_t clock_ms = 1000;
static _Atomic bool enough, last_round;
static _Atomic uint8_t flows[WORKERS][REFS];

/* ThreadSanitizer asks for it. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
    return "race:urcu_qsbr_\ncalled_from_lib:liburcu-qsbr.so\n";
}

static void check(bool holds, const char *what)
{
    if (!holds) {
        fprintf(stderr, "%s\n", what);
        abort();
    }
}

static uint32_t draw(uint32_t *state, uint32_t below)
{
    *state = *state * 1664525 + 1013904223;
    return (*state >> 8) % below;
}

static _Atomic unsigned at_start; /* how often a worker came to the start of a race */
static struct df_conn *won[WORKERS][RACES];

/* ---- a worker */

struct worker {
    unsigned index;
    uint32_t random;
    df_conn_ref ref[REFS];
    uint64_t refused, began;
};

static struct df_packet draw_packet(uint32_t *random)
{
    static const uint8_t protos[] = {IPPROTO_TCP, IPPROTO_TCP, IPPROTO_UDP, 47};
    struct df_ip a = df_ip_from4(htonl(0x0a000000 + draw(random, SOURCES))), b = df_ip_from4(htonl(0x0b000000));
    bool back = draw(random, 2);
    struct df_packet packet = {
        .bits = DF_PACKET_IP4 | DF_PACKET_L4,
        .ip_proto = protos[draw(random, sizeof(protos))],
        .ip_src = back ? b : a,
        .ip_dst = back ? a : b,
        .l4_src = 9,
        .l4_dst = 9,
    };
    packet.tcp.flags = tcp_flags[draw(random, sizeof(tcp_flags))];
    packet.tcp.seq = !(packet.tcp.flags & 0x02); /* both ends begin at 0 */
    packet.tcp.ack = (packet.tcp.flags & 0x10) != 0;
    packet.tcp.window = 100;
    packet.tcp.window_shift = 0xff;
    return packet;
}

/* What a cached flow does. */
static void touch(struct worker *worker, uint32_t now_ms)
{
    struct df_conn *conn = df_conn_at(worker->ref[draw(&worker->random, REFS)]);
    if (conn == NULL)
        return;
    df_conn_touch(conn, now_ms);
    df_conn_count(conn, worker->random & 1, 1, 64);
    df_conn_note_ack(conn, worker->random & 1, worker->random, 10);
}

static void remember(struct worker *worker, struct df_conn *conn, bool reply)
{
    unsigned slot = draw(&worker->random, REFS);
    worker->ref[slot] = df_conn_reference(conn);
    atomic_store_explicit(&flows[worker->index][slot], 1, memory_order_relaxed);
    df_conn_set_flow(conn, reply, &flows[worker->index][slot]);
}

static void begin(struct worker *worker, const struct df_conn_key *key, uint64_t hash, const struct df_packet *packet,
                  uint32_t now_ms, struct df_conn *anew)
{
    struct df_conn *conn = NULL;
    if (df_conn_begin(worker->index, key, hash, packet, now_ms, anew, &conn) < 0) {
        worker->refused++;
        return;
    }
    struct df_conn_key its, reverse = *key;
    df_conn_key(conn, &its);
    reverse.src = key->dst;
    reverse.dst = key->src;
    check(memcmp(&its, key, sizeof(its)) == 0 || memcmp(&its, &reverse, sizeof(its)) == 0, "begun for another tuple");
    worker->began++;
}

static void take_packet(struct worker *worker)
{
    struct df_packet packet = draw_packet(&worker->random);
    uint32_t now_ms = atomic_load_explicit(&clock_ms, memory_order_relaxed);
    struct df_conn_key key;
    bool reply = false;
    uint16_t port = (uint16_t)(draw(&worker->random, 2) * draw(&worker->random, PORTS));
    check(df_conn_key_of(&packet, df_conn_zone(port), &key), "no tuple");
    uint64_t hash = df_conn_hash(&key);
    struct df_conn *conn = df_conn_find(&key, hash, now_ms, &reply);
    if (conn == NULL) {
        if (df_conn_can_begin(&packet))
            begin(worker, &key, hash, &packet, now_ms, NULL);
        return;
    }
    enum df_conn_judgement judgement = df_conn_judge(conn, reply, &packet);
    if (judgement == DF_CONN_ANEW)
        begin(worker, &key, hash, &packet, now_ms, conn);
    if (judgement != DF_CONN_PASS)
        return;
    df_conn_advance(conn, reply, &packet, now_ms);
    if (df_conn_is_steady(conn, reply))
        remember(worker, conn, reply);
}

/* A key of its own, of a protocol by addresses, so that a port does not have too many. */
static struct df_conn_key nth_key(uint32_t n)
{
    return (struct df_conn_key){
        .src = df_ip_from4(n),
        .zone = df_conn_zone((uint16_t)(RACE_PORT + n / MAX_PER_PORT)),
        .ip_proto = 47,
    };
}

static void race(struct worker *worker)
{
    struct df_packet packet = {.bits = DF_PACKET_IP4, .ip_proto = 47};
    uint32_t now_ms = atomic_load(&clock_ms);
    for (unsigned n = 0; n < RACES; n++) {
        struct df_conn_key key = nth_key(n);
        uint64_t hash = df_conn_hash(&key);
        atomic_fetch_add(&at_start, 1);
        for (unsigned spins = 0; atomic_load(&at_start) < WORKERS * (n + 1); spins++)
            if (spins > 10000)
                sched_yield();
        check(df_conn_begin(worker->index, &key, hash, &packet, now_ms, NULL, &won[worker->index][n]) >= 0, "refused");
    }
}

static void run(struct worker *worker)
{
    for (unsigned step = 0; step < STEPS || !atomic_load(&enough); step++) {
        take_packet(worker);
        touch(worker, atomic_load_explicit(&clock_ms, memory_order_relaxed));
        if (step % 32 == 0)
            df_rcu_quiescent();
    }
}

static void in_round(struct worker *worker, void (*fn)(struct worker *worker))
{
    df_rcu_offline();
    pthread_barrier_wait(&round_begins);
    df_rcu_online();
    fn(worker);
    df_rcu_offline();
    pthread_barrier_wait(&round_ends);
    df_rcu_online();
}

/* On a CPU of its own, where there are as many: or the two would hardly ever meet. */
static void settle(unsigned index)
{
    cpu_set_t all, own;
    CPU_ZERO(&own);
    if (sched_getaffinity(0, sizeof(all), &all) != 0 || CPU_COUNT(&all) < WORKERS)
        return;
    for (unsigned cpu = 0, nth = 0; cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &all) && nth++ == index)
            CPU_SET(cpu, &own);
    sched_setaffinity(0, sizeof(own), &own);
}

static void *work(void *arg)
{
    struct worker *worker = arg;
    settle(worker->index);
    df_rcu_register();
    in_round(worker, race);
    while (!atomic_load(&last_round))
        in_round(worker, run);
    df_rcu_unregister();
    return NULL;
}

/* ---- the control thread */

struct shown {
    unsigned n;
    struct df_conn_key key[MAX];
};

static int kill_some(struct df_conn *conn, const struct df_conn_info *info, void *arg)
{
    uint32_t *random = arg;
    check(info->state > DF_CONN_DEAD && info->state < DF_CONN_STATES, "shown in a state that is none");
    uint16_t l4 = info->key.ip_proto == 47 ? 0 : 9;
    check(info->key.l4_src == l4 && info->key.l4_dst == l4, "shown with half a key");
    if (draw(random, 1000) == 0)
        df_conn_kill(conn);
    return 0;
}

static void control_while_they_work(uint32_t *random)
{
    for (unsigned i = 0; i < ACTIONS; i++) {
        atomic_fetch_add_explicit(&clock_ms, draw(random, 50), memory_order_relaxed);
        df_conns_age(atomic_load_explicit(&clock_ms, memory_order_relaxed), 1 + draw(random, MAX / 2));
        df_conns_each(draw(random, MAX), MAX / 8, atomic_load_explicit(&clock_ms, memory_order_relaxed), kill_some,
                      random);
        if (draw(random, 50) == 0)
            df_conn_zone_renew((uint16_t)draw(random, PORTS));
        df_rcu_quiescent();
    }
}

static bool are_one(const struct df_conn_key *a, const struct df_conn_key *b)
{
    struct df_conn_key reverse = *b;
    reverse.src = b->dst;
    reverse.dst = b->src;
    return memcmp(a, b, sizeof(*a)) == 0 || memcmp(a, &reverse, sizeof(*a)) == 0;
}

static int collect(struct df_conn *conn, const struct df_conn_info *info, void *arg)
{
    struct shown *shown = arg;
    bool reply;
    struct df_conn *found = df_conn_find(&info->key, df_conn_hash(&info->key), atomic_load(&clock_ms), &reply);
    check(found == conn && !reply, "a live connection is not found, or another one in its place");
    for (unsigned i = 0; i < shown->n; i++)
        check(!are_one(&shown->key[i], &info->key), "two live connections of one tuple");
    shown->key[shown->n++] = info->key;
    return 0;
}

static uint64_t ended(const struct df_conns_tally *tally)
{
    return tally->timed_out + tally->evicted + tally->killed + tally->replaced;
}

/* Nobody works. What timed out goes first, since it is not shown. */
static void check_table(void)
{
    struct df_conns_tally tally;
    struct shown shown = {0};
    df_conns_age(atomic_load(&clock_ms), UINT32_MAX);
    df_conns_tally(&tally);
    check(df_conns_each(0, UINT32_MAX, atomic_load(&clock_ms), collect, &shown) == 0, "there is no end");
    check(tally.live == shown.n, "live and shown are not as many");
    check(tally.begun == tally.live + ended(&tally), "begun and ended do not add up");
    uint32_t of_ports = 0;
    for (uint16_t port = 0; port < PORTS; port++) {
        check(df_conns_of_port(port) <= MAX_PER_PORT, "a port has more than it may");
        of_ports += df_conns_of_port(port);
    }
    check(of_ports == shown.n, "live and counted by port are not as many");
}

static void check_races(void)
{
    struct df_conns_tally tally;
    pthread_barrier_wait(&round_begins);
    pthread_barrier_wait(&round_ends);
    for (unsigned n = 0; n < RACES; n++)
        check(won[0][n] == won[1][n], "two connections of one tuple");
    df_conns_tally(&tally);
    check(tally.begun == RACES, "begun and raced for are not as many");
}

static void end_all(void)
{
    atomic_fetch_add(&clock_ms, df_conn_timeouts_default.ms[DF_CONN_TCP_ESTABLISHED]); /* longer than any here */
    for (unsigned i = 0; i < 3; i++) {
        df_conns_age(atomic_load(&clock_ms), UINT32_MAX);
        df_rcu_barrier();
    }
}

/* Whoever gave a slot away and whoever emptied it at the same moment, nobody forgot one. */
static void check_no_slot_is_left(void)
{
    static const uint8_t protos[] = {IPPROTO_TCP, IPPROTO_UDP, 47};
    for (uint32_t n = 0; n < SOURCES * sizeof(protos); n++) {
        struct df_conn_key key = {
            .src = df_ip_from4(htonl(0x0a000000 + n % SOURCES)),
            .dst = df_ip_from4(htonl(0x0b000000)),
            .ip_proto = protos[n / SOURCES],
        };
        key.l4_src = key.l4_dst = key.ip_proto == 47 ? 0 : 9;
        check(!df_conn_may_be(df_conn_hash(&key)), "a slot is left");
    }
}

/* All entries but the workers' reserves come back. */
static void check_nothing_is_lost(void)
{
    struct df_packet packet = {.bits = DF_PACKET_IP4, .ip_proto = 47};
    struct df_conn_key key = nth_key(0);
    struct df_conn *conn;
    unsigned n = 0;
    while (df_conn_begin(0, &key, df_conn_hash(&key), &packet, atomic_load(&clock_ms), NULL, &conn) == 0)
        key = nth_key(++n);
    check(n >= MAX - WORKERS * (MAX / 64), "entries are lost");
}

/* ---- */

static bool ended_each_way(void)
{
    struct df_conns_tally tally;
    df_conns_tally(&tally);
    return tally.timed_out > 0 && tally.killed > 0 && tally.replaced > 0 && tally.evicted > 0;
}

static void run_rounds(void)
{
    uint32_t random = 3;
    unsigned round = 0;
    do {
        check(round < ROUNDS_MAX, "connections never end in one of the ways");
        atomic_store(&enough, false);
        pthread_barrier_wait(&round_begins);
        control_while_they_work(&random);
        atomic_store(&last_round, ++round >= ROUNDS && ended_each_way());
        atomic_store(&enough, true);
        pthread_barrier_wait(&round_ends);
        check_table();
    } while (!atomic_load(&last_round));
}

static void check_tally(const struct worker *workers)
{
    struct df_conns_tally tally;
    uint64_t refused = 0, began = RACES;
    for (unsigned i = 0; i < WORKERS; i++) {
        refused += workers[i].refused;
        began += workers[i].began;
    }
    df_conns_tally(&tally);
    check(refused == tally.refused_full + tally.refused_port, "refused and counted are not as many");
    check(tally.begun <= began && tally.begun > began / 2, "begun and counted do not fit");
    printf("begun %llu, timed out %llu, evicted %llu, killed %llu, replaced %llu, refused %llu\n",
           (unsigned long long)tally.begun, (unsigned long long)tally.timed_out, (unsigned long long)tally.evicted,
           (unsigned long long)tally.killed, (unsigned long long)tally.replaced, (unsigned long long)refused);
}

int main(void)
{
    struct df_conns_config config = {.max = MAX,
                                     .max_per_port = MAX_PER_PORT,
                                     .n_workers = WORKERS,
                                     .tcp_pick_up = true,
                                     .timeouts = df_conn_timeouts_default};
    struct worker workers[WORKERS] = {{.index = 0, .random = 1}, {.index = 1, .random = 2}};
    pthread_t threads[WORKERS];
    for (unsigned state = DF_CONN_DEAD + 1; state < DF_CONN_STATES; state++)
        config.timeouts.ms[state] = config.timeouts.ms[state] / 200 + 1;
    df_hash_init();
    df_rcu_register();
    check(df_conns_init(&config) == 0, "no memory");
    pthread_barrier_init(&round_begins, NULL, WORKERS + 1);
    pthread_barrier_init(&round_ends, NULL, WORKERS + 1);
    for (unsigned i = 0; i < WORKERS; i++)
        check(pthread_create(&threads[i], NULL, work, &workers[i]) == 0, "no thread");
    check_races();
    end_all();
    run_rounds();
    for (unsigned i = 0; i < WORKERS; i++)
        pthread_join(threads[i], NULL);
    check_tally(workers);
    end_all();
    check_no_slot_is_left();
    check_nothing_is_lost();
    df_conns_fini();
    df_rcu_unregister();
    return 0;
}
