/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/fastpath/conn_lab.h"

#include <sys/mman.h>
#include <sys/resource.h>

/*
 * The aging: what it takes down and when, who goes first when room runs out, when an entry is used again, and what
 * memory it makes ready.
 */

#define MAX 1600 /* room runs out from 202 on for what had no reply, and from 101 on for what is closing */

static void open_lab(void)
{
    lab_config.tcp_pick_up = true;
    lab_open(MAX, MAX);
}

TestSuite(conn_age, .init = open_lab, .fini = lab_close);

static enum outcome sent(struct df_packet packet)
{
    return lab_send(&packet);
}

static void fill(uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++)
        cr_assert_eq(sent(lab_udp_nth(i)), BEGUN);
}

static bool lives(struct df_packet packet)
{
    return lab_find(&packet) != NULL;
}

/* ---- time-outs */

Test(conn_age, what_timed_out_is_taken_down)
{
    cr_assert_eq(sent(lab_udp_nth(1)), BEGUN);
    cr_assert_eq(sent(lab_tcp(false, ACK, 1, 1)), BEGUN);
    cr_assert_eq(lab_age(), 0);
    lab_now_ms += 30000;
    cr_assert_eq(lab_age(), 0);
    lab_now_ms += 1;
    cr_assert_eq(lab_age(), 1);
    cr_assert_eq(lab_tally().timed_out, 1);
    cr_assert_eq(lab_tally().live, 1);
    lab_now_ms += 300000 - 30000;
    cr_assert_eq(lab_age(), 1);
    cr_assert_eq(df_conns_of_port(LAB_PORT), 0);
}

Test(conn_age, an_established_connection_waits_for_days)
{
    cr_assert_eq(sent(lab_tcp(false, ACK, 1, 1)), BEGUN);
    cr_assert_eq(sent(lab_tcp(true, ACK, 1, 1)), PASSED);
    lab_now_ms += 432000000;
    cr_assert_eq(lab_age(), 0);
    lab_now_ms += 1;
    cr_assert_eq(lab_age(), 1);
}

/* Packets of a steady connection are noted late: none is taken down early for that. */
Test(conn_age, what_is_noted_late_is_taken_down_late)
{
    lab_close();
    lab_config.seen_late_ms = 4000;
    open_lab();
    lab_config.seen_late_ms = 0;
    cr_assert_eq(sent(lab_udp_nth(1)), BEGUN);
    lab_now_ms += 34000;
    cr_assert_eq(lab_age(), 0);
    lab_now_ms += 1;
    cr_assert_eq(lab_age(), 1);
    cr_assert_eq(sent(lab_tcp(false, SYN, 1, 0)), BEGUN, "it is not steady, so each packet is noted");
    lab_now_ms += 120001;
    cr_assert_eq(lab_age(), 1);
}

Test(conn_age, it_ends_the_cached_flow)
{
    _Atomic uint8_t flow = 1;
    cr_assert_eq(sent(lab_udp_nth(1)), BEGUN);
    df_conn_set_flow(lab_conn, false, &flow);
    lab_now_ms += 30001;
    lab_age();
    cr_assert_eq(flow, 0);
}

/* ---- in slices */

Test(conn_age, it_looks_at_as_many_as_it_is_told_and_goes_on_from_there)
{
    fill(0, 100);
    lab_now_ms += 30001;
    uint32_t ended = 0;
    for (unsigned i = 0; i < 10; i++) {
        uint32_t now = df_conns_age(lab_now_ms, 10);
        cr_assert_leq(now, 10);
        ended += now;
    }
    cr_assert(ended > 80 && ended <= 100);
    ended += df_conns_age(lab_now_ms, UINT32_MAX);
    cr_assert_eq(ended, 100);
}

Test(conn_age, all_are_looked_at_in_a_second)
{
    cr_assert_geq(df_conns_age_budget(), 1);
    fill(0, 1000);
    lab_now_ms += 30001;
    uint32_t ended = 0;
    for (unsigned i = 0; i < 100; i++)
        ended += df_conns_age(lab_now_ms, df_conns_age_budget());
    cr_assert_eq(ended, 1000);
}

Test(conn_age, an_empty_table)
{
    cr_assert_eq(df_conns_age(lab_now_ms, 0), 0);
    cr_assert_eq(df_conns_age(lab_now_ms, UINT32_MAX), 0);
}

/* ---- using entries again */

Test(conn_age, an_entry_is_used_again_only_after_a_grace_period)
{
    fill(0, MAX);
    cr_assert_eq(sent(lab_udp_nth(MAX)), TABLE_FULL);
    lab_now_ms += 30001;
    /* This thread holds connections that it found until its next quiescent state, as a worker does. */
    df_conns_age(lab_now_ms, UINT32_MAX);
    cr_assert_eq(lab_tally().live, 0);
    cr_assert_eq(sent(lab_udp_nth(MAX)), TABLE_FULL);
    df_rcu_barrier();
    fill(0, MAX);
}

Test(conn_age, what_dies_while_others_wait_for_a_grace_period_is_not_lost)
{
    for (unsigned round = 0; round < 5; round++) {
        fill(0, MAX);
        for (unsigned slice = 0; slice < 4; slice++) {
            lab_now_ms += 30001;
            df_conns_age(lab_now_ms, MAX / 4);
        }
        df_rcu_barrier();
        lab_age();
        lab_age();
    }
    cr_assert_eq(lab_tally().begun, 5 * MAX);
    cr_assert_eq(lab_tally().timed_out, 5 * MAX);
}

Test(conn_age, what_a_worker_took_down_comes_back_too)
{
    for (unsigned i = 0; i < 2 * MAX; i++) {
        enum outcome outcome = sent(lab_tcp(false, SYN, i, 0));
        cr_assert(outcome == BEGUN || outcome == BEGUN_ANEW);
        cr_assert_eq(sent(lab_tcp(true, RST | ACK, 0, i + 1)), PASSED);
        if (i % 100 == 0)
            lab_age();
    }
    cr_assert_eq(lab_tally().live, 1);
}

/* ---- when room runs out */

Test(conn_age, while_there_is_room_nothing_is_evicted)
{
    fill(0, MAX - 202);
    lab_now_ms += 29999;
    cr_assert_eq(lab_age(), 0);
    cr_assert_eq(lab_tally().evicted, 0);
}

Test(conn_age, the_longest_idle_go_first_and_no_more_than_need_be)
{
    fill(0, 100);
    lab_now_ms += 20000;
    fill(100, MAX - 150); /* half of the patience is left */
    cr_assert_gt(lab_age(), 0);
    uint32_t evicted = (uint32_t)lab_tally().evicted;
    cr_assert_lt(evicted, 100);
    for (uint32_t i = 100; i < MAX - 150; i++)
        cr_assert(lives(lab_udp_nth(i)), "younger than all that went");
    lab_age();
    cr_assert_eq(lab_tally().evicted, evicted, "now there is room");
}

/* A table with little room, of TCP connections of each kind. */
static void fill_with_tcp(uint32_t from, uint32_t to, enum df_conn_state state)
{
    for (uint32_t i = from; i < to; i++) {
        cr_assert_eq(sent(lab_tcp_nth(i, false, SYN, 1, 0)), BEGUN);
        if (state == DF_CONN_TCP_SYN_SENT)
            continue;
        cr_assert_eq(sent(lab_tcp_nth(i, true, SYN | ACK, 1, 2)), PASSED);
        cr_assert_eq(sent(lab_tcp_nth(i, false, ACK, 2, 2)), PASSED);
        if (state == DF_CONN_TCP_FIN_WAIT)
            cr_assert_eq(sent(lab_tcp_nth(i, false, FIN | ACK, 2, 2)), PASSED);
        cr_assert_eq(lab_state(), state);
    }
}

static unsigned count(uint32_t from, uint32_t to)
{
    unsigned n = 0;
    for (uint32_t i = from; i < to; i++)
        n += lives(lab_tcp_nth(i, false, ACK, 0, 0));
    return n;
}

Test(conn_age, what_never_had_a_reply_goes_before_what_is_closing)
{
    fill_with_tcp(0, 500, DF_CONN_TCP_FIN_WAIT);
    fill_with_tcp(500, 1000, DF_CONN_TCP_ESTABLISHED);
    fill_with_tcp(1000, MAX - 110, DF_CONN_TCP_SYN_SENT);
    lab_now_ms += 50000;
    cr_assert_gt(lab_age(), 0);
    cr_assert_eq(count(0, 500), 500);
    cr_assert_eq(count(500, 1000), 500);
    cr_assert_lt(count(1000, MAX - 110), MAX - 110 - 1000);
}

Test(conn_age, then_what_is_closing_and_never_an_established_one)
{
    fill_with_tcp(0, 800, DF_CONN_TCP_FIN_WAIT);
    fill_with_tcp(800, MAX, DF_CONN_TCP_ESTABLISHED);
    lab_now_ms += 50000;
    cr_assert_gt(lab_age(), 0);
    cr_assert_eq(count(800, MAX), MAX - 800);
    unsigned closing = count(0, 800);
    cr_assert_lt(closing, 800);
    cr_assert_gt(closing, 800 - 110, "no more than need be");
    cr_assert_eq(sent(lab_udp(false)), BEGUN);
}

Test(conn_age, a_table_of_established_connections_stays_full)
{
    fill_with_tcp(0, MAX, DF_CONN_TCP_ESTABLISHED);
    lab_now_ms += 400000000;
    cr_assert_eq(lab_age(), 0);
    cr_assert_eq(sent(lab_udp(false)), TABLE_FULL);
    cr_assert_eq(count(0, MAX), MAX);
}

/* What a scan leaves behind is gone before it takes the last room. */
Test(conn_age, a_flood_of_what_has_no_reply_leaves_room)
{
    fill_with_tcp(0, 100, DF_CONN_TCP_ESTABLISHED);
    for (unsigned round = 0; round < 50; round++) {
        for (uint32_t i = 0; i < 100; i++)
            cr_assert_eq(sent(lab_udp_nth(round * 100 + i)), BEGUN, "round %u", round);
        lab_now_ms += 100;
        lab_age();
    }
    cr_assert_gt(lab_tally().evicted, 0);
    cr_assert_eq(count(0, 100), 100);
}

/* ---- when a port's room runs out */

static void open_ports(void)
{
    lab_config.tcp_pick_up = true;
    lab_open(10 * MAX, MAX);
}

TestSuite(conn_age_port, .init = open_ports, .fini = lab_close);

Test(conn_age_port, a_flood_of_what_has_no_reply_leaves_it_room)
{
    fill_with_tcp(0, 100, DF_CONN_TCP_ESTABLISHED);
    for (unsigned round = 0; round < 50; round++) {
        for (uint32_t i = 0; i < 100; i++)
            cr_assert_eq(sent(lab_udp_nth(round * 100 + i)), BEGUN, "round %u", round);
        lab_now_ms += 100;
        lab_age();
    }
    cr_assert_gt(lab_tally().evicted, 0);
    cr_assert_eq(count(0, 100), 100);
    cr_assert_gt(df_conns_of_port(LAB_PORT), MAX - 250, "no more than need be");
}

Test(conn_age_port, what_never_had_a_reply_goes_before_what_is_closing)
{
    fill_with_tcp(0, 500, DF_CONN_TCP_FIN_WAIT);
    fill_with_tcp(500, MAX - 110, DF_CONN_TCP_SYN_SENT);
    lab_now_ms += 50000;
    cr_assert_gt(lab_age(), 0);
    cr_assert_eq(count(0, 500), 500);
    cr_assert_lt(count(500, MAX - 110), MAX - 110 - 500);
}

Test(conn_age_port, one_of_established_connections_stays_full)
{
    fill_with_tcp(0, MAX, DF_CONN_TCP_ESTABLISHED);
    lab_now_ms += 400000000;
    cr_assert_eq(lab_age(), 0);
    cr_assert_eq(sent(lab_udp(false)), PORT_LIMIT);
}

Test(conn_age_port, it_costs_no_other_port)
{
    struct df_packet packet = lab_udp(false);
    struct df_conn_key key;
    struct df_conn *conn;
    df_conn_key_of(&packet, df_conn_zone(LAB_PORT + 1), &key);
    cr_assert_eq(df_conn_begin(0, &key, df_conn_hash(&key), &packet, lab_now_ms, NULL, &conn), 0);
    lab_now_ms += 20000; /* the longest idle of all */
    fill(0, MAX);
    lab_age();
    cr_assert_gt(lab_tally().evicted, 0);
    cr_assert_eq(df_conns_of_port(LAB_PORT + 1), 1);
}

Test(conn_age_port, one_that_may_have_a_handful_has_them)
{
    lab_close();
    lab_open(MAX, 4);
    fill(0, 4);
    lab_now_ms += 29000;
    cr_assert_eq(lab_age(), 0);
    cr_assert_eq(df_conns_of_port(LAB_PORT), 4);
}

/* ---- memory that is made ready */

#define BIG (1u << 18)
#define AHEAD 65536u
#define PAGE 4096u
#define HUGE_PAGE (2u * 1024 * 1024) /* where there are some, memory comes by them */
#define PAGES(entries) ((unsigned)((entries) * sizeof(struct df_conn) / PAGE))

static void open_big(void)
{
    lab_open(BIG, BIG);
}

TestSuite(conn_ahead, .init = open_big, .fini = lab_close);

/* Pages that there are of these entries. */
static unsigned present(uint32_t from, uint32_t to)
{
    static unsigned char is[PAGES(BIG)];
    unsigned n = 0;
    cr_assert_eq(mincore(&df_conn_array[from], (to - from) * sizeof(struct df_conn), is), 0);
    for (unsigned i = 0; i < PAGES(to - from); i++)
        n += is[i] & 1;
    return n;
}

Test(conn_ahead, entries_are_made_ready_a_little_at_a_time_and_so_many_ahead)
{
    unsigned before = present(0, BIG);
    cr_assert_eq(before, 0);
    for (unsigned i = 0; i < 100; i++) {
        df_conns_age(lab_now_ms, 1);
        unsigned now = present(0, BIG);
        cr_assert_leq(now - before, 2 * HUGE_PAGE / PAGE, "call %u: %u pages", i, now - before); /* 1 MiB touches two */
        before = now;
    }
    cr_assert_eq(present(0, AHEAD), PAGES(AHEAD));
    uint32_t slack = HUGE_PAGE / sizeof(struct df_conn);
    cr_assert_eq(present(AHEAD + slack, BIG), 0);
    fill(0, AHEAD);
    for (unsigned i = 0; i < 100; i++)
        df_conns_age(lab_now_ms, 1);
    cr_assert_eq(present(0, 2 * AHEAD), PAGES(2 * AHEAD));
    cr_assert_eq(present(2 * AHEAD + slack, BIG), 0);
}

Test(conn_ahead, no_more_than_there_are)
{
    fill(0, BIG - AHEAD);
    for (unsigned i = 0; i < 100; i++)
        df_conns_age(lab_now_ms, 1);
    cr_assert_eq(present(0, BIG), PAGES(BIG));
    fill(BIG - AHEAD, BIG);
    df_conns_age(lab_now_ms, 0);
    cr_assert_eq(sent(lab_udp_nth(BIG)), TABLE_FULL);
}

static long faults_of_filling(void)
{
    struct rusage usage;
    cr_assert_eq(getrusage(RUSAGE_THREAD, &usage), 0);
    long before = usage.ru_minflt;
    fill(0, AHEAD - 1000);
    getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_minflt - before;
}

Test(conn_ahead, a_worker_does_not_wait_for_pages)
{
    long not_ready = faults_of_filling();
    lab_close();
    open_big();
    for (unsigned i = 0; i < 100; i++)
        df_conns_age(lab_now_ms, 1);
    long ready = faults_of_filling();
    cr_assert_leq(4 * ready, not_ready, "%ld page faults, %ld without aging", ready, not_ready);
}
