/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/fastpath/conn_lab.h"

#include <errno.h>

/* The table: one connection for a tuple, limits, zones, references, and what the operator sees and ends. */

static void open_lab(void)
{
    lab_open(1000, 1000);
}

TestSuite(conn_table, .init = open_lab, .fini = lab_close);
TestSuite(conn_table_init);

static enum outcome sent(struct df_packet packet)
{
    return lab_send(&packet);
}

/* ---- making it */

Test(conn_table_init, without_a_table_nothing_is_found)
{
    cr_assert_not(df_conns_ready());
    cr_assert_null(df_conn_at(0));
}

Test(conn_table_init, limits_that_cannot_be)
{
    struct df_conns_config good = {.max = 1, .max_per_port = 1, .n_workers = 1, .timeouts = df_conn_timeouts_default};
    struct df_conns_config bad[5] = {good, good, good, good, good};
    bad[0].max = 0;
    bad[1].max = DF_CONN_MAX + 1;
    bad[2].max_per_port = 0;
    bad[3].n_workers = 0;
    bad[4].timeouts.ms[DF_CONN_OTHER] = 0;
    for (unsigned i = 0; i < 5; i++)
        cr_expect_eq(df_conns_init(&bad[i]), -EINVAL, "%u", i);
    bad[4].timeouts.ms[DF_CONN_OTHER] = 1u << 31;
    cr_assert_eq(df_conns_init(&bad[4]), -EINVAL);
    cr_assert_not(df_conns_ready());
    cr_assert_eq(df_conns_init(&good), 0);
    cr_assert(df_conns_ready());
    df_conns_fini();
    cr_assert_not(df_conns_ready());
    cr_assert_eq(df_conns_init(&good), 0, "and once more");
    df_conns_fini();
}

/* ---- finding */

Test(conn_table, all_are_found_in_both_directions)
{
    for (uint32_t i = 0; i < 1000; i++)
        cr_assert_eq(sent(lab_udp_nth(i)), BEGUN);
    for (uint32_t i = 0; i < 1000; i++) {
        struct df_packet packet = lab_udp_nth(i), reverse = packet;
        reverse.ip_src = packet.ip_dst;
        reverse.ip_dst = packet.ip_src;
        reverse.l4_src = packet.l4_dst;
        reverse.l4_dst = packet.l4_src;
        struct df_conn *conn = lab_find(&packet);
        cr_assert_not_null(conn);
        cr_assert_eq(lab_find(&reverse), conn);
        reverse.l4_src++;
        cr_assert_null(lab_find(&reverse));
    }
    cr_assert_eq(lab_tally().live, 1000);
}

Test(conn_table, its_key_is_the_tuple_of_who_began)
{
    struct df_packet packet = lab_udp(true);
    struct df_conn_key expected, key;
    cr_assert_eq(lab_send(&packet), BEGUN);
    df_conn_key_of(&packet, lab_zone(), &expected);
    df_conn_key(lab_conn, &key);
    cr_assert_eq(memcmp(&key, &expected, sizeof(key)), 0);
}

Test(conn_table, a_tuple_that_is_its_own_reverse)
{
    struct df_packet packet = lab_packet(47, false);
    packet.ip_dst = packet.ip_src;
    cr_assert_eq(lab_send(&packet), BEGUN);
    cr_assert_eq(lab_send(&packet), PASSED);
    cr_assert_not(lab_reply);
}

Test(conn_table, zones_are_apart)
{
    struct df_packet packet = lab_udp(false);
    struct df_conn_key key;
    bool reply;
    cr_assert_eq(lab_send(&packet), BEGUN);
    df_conn_key_of(&packet, df_conn_zone(LAB_PORT + 1), &key);
    cr_assert_null(df_conn_find(&key, df_conn_hash(&key), lab_now_ms, &reply));
}

/* Whatever the hashes are, an entry that is free has a place: here all of them are the same. */
Test(conn_table, all_in_one_bucket)
{
    enum { HASH = 12345, N = 1000 };
    struct df_packet packet = lab_udp(false);
    struct df_conn *conn;
    struct df_conn_key key;
    bool reply;
    df_conn_key_of(&packet, lab_zone(), &key);
    for (uint16_t i = 0; i < N; i++) {
        key.l4_src = i;
        cr_assert_eq(df_conn_begin(0, &key, HASH, &packet, lab_now_ms, NULL, &conn), 0);
    }
    for (uint16_t i = 0; i < N; i++) {
        key.l4_src = i;
        cr_assert_not_null(df_conn_find(&key, HASH, lab_now_ms, &reply));
    }
    key.l4_src = N;
    cr_assert_null(df_conn_find(&key, HASH, lab_now_ms, &reply));
}

/* ---- beginning */

Test(conn_table, who_comes_second_gets_the_connection_of_the_first)
{
    struct df_packet packet = lab_udp(false), reverse = lab_udp(true);
    struct df_conn_key key;
    struct df_conn *first, *second;
    df_conn_key_of(&packet, lab_zone(), &key);
    cr_assert_eq(df_conn_begin(0, &key, df_conn_hash(&key), &packet, lab_now_ms, NULL, &first), 0);
    cr_assert_eq(df_conn_begin(1, &key, df_conn_hash(&key), &packet, lab_now_ms, NULL, &second), 1);
    cr_assert_eq(first, second);
    df_conn_key_of(&reverse, lab_zone(), &key);
    cr_assert_eq(df_conn_begin(1, &key, df_conn_hash(&key), &reverse, lab_now_ms, NULL, &second), 1);
    cr_assert_eq(first, second, "also if it comes the other way");
    cr_assert_eq(lab_tally().begun, 1);
    cr_assert_eq(df_conns_of_port(LAB_PORT), 1);
}

Test(conn_table, what_is_taken_back_is_gone)
{
    struct df_packet packet = lab_udp(false);
    struct df_conn_key key;
    struct df_conn *conn;
    bool reply;
    df_conn_key_of(&packet, lab_zone(), &key);
    cr_assert_eq(df_conn_begin(0, &key, df_conn_hash(&key), &packet, lab_now_ms, NULL, &conn), 0);
    df_conn_take_back(0, conn);
    cr_assert_null(df_conn_find(&key, df_conn_hash(&key), lab_now_ms, &reply));
    cr_assert_eq(df_conns_of_port(LAB_PORT), 0);
    cr_assert_eq(lab_tally().live, 0);
    cr_assert_eq(lab_tally().replaced, 1);
}

Test(conn_table, two_replace_one_and_the_second_gets_the_new_one)
{
    struct df_packet packet = lab_udp(false);
    struct df_conn_key key;
    struct df_conn *first, *second, *third;
    df_conn_key_of(&packet, lab_zone(), &key);
    df_conn_begin(0, &key, df_conn_hash(&key), &packet, lab_now_ms, NULL, &first);
    df_conn_begin(0, &key, df_conn_hash(&key), &packet, lab_now_ms, first, &second);
    df_conn_begin(1, &key, df_conn_hash(&key), &packet, lab_now_ms, first, &third);
    cr_assert_neq(first, second);
    cr_assert_eq(second, third);
    cr_assert_eq(lab_tally().replaced, 1);
    cr_assert_eq(lab_tally().live, 1);
}

Test(conn_table, what_cannot_begin_is_refused)
{
    struct df_packet packet = lab_tcp(false, RST, 1, 0);
    struct df_conn_key key;
    struct df_conn *conn = NULL;
    df_conn_key_of(&packet, lab_zone(), &key);
    cr_assert_eq(df_conn_begin(0, &key, df_conn_hash(&key), &packet, lab_now_ms, NULL, &conn), -EINVAL);
    cr_assert_null(lab_find(&packet));
}

Test(conn_table, one_that_timed_out_is_none_and_is_taken_down_by_the_next)
{
    cr_assert_eq(sent(lab_udp(false)), BEGUN);
    struct df_conn *first = lab_conn;
    lab_now_ms += 30000;
    cr_assert_eq(sent(lab_udp(false)), PASSED, "just in time");
    lab_now_ms += 30001;
    struct df_packet packet = lab_udp(true);
    cr_assert_null(lab_find(&packet));
    cr_assert_eq(lab_send(&packet), BEGUN);
    cr_assert_neq(lab_conn, first);
    cr_assert_eq(lab_tally().timed_out, 1);
    cr_assert_eq(lab_tally().live, 1);
}

Test(conn_table, a_touch_keeps_it_alive)
{
    cr_assert_eq(sent(lab_udp(false)), BEGUN);
    for (unsigned i = 0; i < 10; i++) {
        lab_now_ms += 20000;
        df_conn_touch(lab_conn, lab_now_ms);
        cr_assert_eq(lab_age(), 0);
    }
    cr_assert_eq(sent(lab_udp(false)), PASSED);
}

Test(conn_table, a_clock_that_is_a_moment_behind_is_no_time_out)
{
    cr_assert_eq(sent(lab_udp(false)), BEGUN);
    lab_now_ms -= 5;
    cr_assert_eq(sent(lab_udp(false)), PASSED);
    cr_assert_eq(lab_age(), 0);
}

/* ---- one slot for a tuple */

#define ROUNDS 10000 /* more than all the slots that a look-up goes to */

static void open_many(void)
{
    lab_open(2 * ROUNDS, 2 * ROUNDS);
}

TestSuite(conn_table_slot, .init = open_many, .fini = lab_close);

static void expect_no_slot_is_left(const struct df_packet *packet)
{
    struct df_conn_key key;
    df_conn_kill(lab_find(packet));
    lab_age();
    cr_assert(df_conn_key_of(packet, lab_zone(), &key));
    cr_assert_not(df_conn_may_be(df_conn_hash(&key)));
}

Test(conn_table_slot, one_that_replaces_another_has_its_slot)
{
    struct df_packet syn = lab_tcp(false, SYN, 1, 0), refused = lab_tcp(true, RST | ACK, 0, 2);
    cr_assert_eq(lab_send(&syn), BEGUN);
    for (unsigned i = 1; i < ROUNDS; i++) {
        cr_assert_eq(lab_send(&refused), PASSED);
        cr_assert_eq(lab_send(&syn), BEGUN_ANEW, "round %u", i);
    }
    struct df_conn *conn = lab_conn;
    lab_age();
    cr_assert_eq(lab_find(&syn), conn, "those before it are gone, and their slot is another one's");
    expect_no_slot_is_left(&syn);
}

Test(conn_table_slot, so_has_one_that_follows_one_taken_back)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        cr_assert_eq(sent(lab_udp(i & 1)), BEGUN, "round %u", i);
        df_conn_take_back(0, lab_conn);
    }
    cr_assert_eq(sent(lab_udp(false)), BEGUN);
    lab_age();
    struct df_packet udp = lab_udp(false);
    expect_no_slot_is_left(&udp);
}

Test(conn_table_slot, also_where_that_lies_in_another_bucket)
{
    enum { HASH = 12345, N = 20 };
    struct df_packet packet = lab_udp(false);
    struct df_conn_key key;
    struct df_conn *conn[N];
    bool reply;
    df_conn_key_of(&packet, lab_zone(), &key);
    for (unsigned i = 0; i < ROUNDS; i++) {
        key.l4_src = (uint16_t)(i % N);
        cr_assert_eq(df_conn_begin(0, &key, HASH, &packet, lab_now_ms, i < N ? NULL : conn[i % N], &conn[i % N]), 0);
    }
    for (uint16_t i = 0; i < N; i++) {
        key.l4_src = i;
        cr_assert_eq(df_conn_find(&key, HASH, lab_now_ms, &reply), conn[i]);
    }
}

Test(conn_table_slot, the_aging_empties_it_for_the_next_one)
{
    struct df_packet udp = lab_udp(false);
    for (unsigned i = 0; i < 100; i++) {
        cr_assert_eq(lab_send(&udp), BEGUN);
        expect_no_slot_is_left(&udp);
    }
}

/* ---- limits */

Test(conn_table, a_full_table_refuses_and_keeps_what_is_there)
{
    unsigned begun = 0;
    while (sent(lab_udp_nth(begun)) == BEGUN)
        begun++;
    cr_assert_eq(sent(lab_udp_nth(begun)), TABLE_FULL);
    cr_assert_eq(begun, 1000);
    cr_assert_eq(lab_tally().refused_full, 2);
    for (unsigned i = 0; i < begun; i++)
        cr_assert_eq(sent(lab_udp_nth(i)), PASSED);
}

Test(conn_table, what_a_worker_has_in_reserve_is_little)
{
    struct df_conn_key key;
    struct df_packet packet = lab_udp(false);
    struct df_conn *conn;
    df_conn_key_of(&packet, lab_zone(), &key);
    cr_assert_eq(df_conn_begin(1, &key, df_conn_hash(&key), &packet, lab_now_ms, NULL, &conn), 0);
    unsigned begun = 1;
    while (sent(lab_udp_nth(begun)) == BEGUN)
        begun++;
    cr_assert_geq(begun, 1000 - 1000 / 64);
}

static void open_small_ports(void)
{
    lab_open(1000, 10);
}

TestSuite(conn_table_port, .init = open_small_ports, .fini = lab_close);

Test(conn_table_port, a_port_has_a_limit_and_it_is_nobody_elses)
{
    struct df_conn_key key;
    struct df_packet packet = lab_udp(false);
    struct df_conn *conn;
    for (unsigned i = 0; i < 10; i++)
        cr_assert_eq(sent(lab_udp_nth(i)), BEGUN);
    cr_assert_eq(sent(lab_udp_nth(10)), PORT_LIMIT);
    cr_assert_eq(sent(lab_udp_nth(3)), PASSED, "what is there goes on");
    cr_assert_eq(df_conns_of_port(LAB_PORT), 10);
    cr_assert_eq(lab_tally().refused_port, 1);
    df_conn_key_of(&packet, df_conn_zone(LAB_PORT + 1), &key);
    cr_assert_eq(df_conn_begin(0, &key, df_conn_hash(&key), &packet, lab_now_ms, NULL, &conn), 0);
}

Test(conn_table_port, one_that_ends_makes_room_at_once)
{
    for (unsigned i = 0; i < 10; i++)
        cr_assert_eq(sent(lab_udp_nth(i)), BEGUN);
    df_conn_kill(lab_conn);
    cr_assert_eq(df_conns_of_port(LAB_PORT), 9);
    cr_assert_eq(sent(lab_udp_nth(10)), BEGUN);
    cr_assert_eq(sent(lab_udp_nth(11)), PORT_LIMIT);
}

Test(conn_table_port, one_that_replaces_another_needs_no_room)
{
    for (uint32_t i = 0; i < 10; i++) {
        struct df_packet syn = lab_tcp_nth(i, false, SYN, 1, 0), refused = lab_tcp_nth(i, true, RST | ACK, 0, 2);
        cr_assert_eq(lab_send(&syn), BEGUN);
        cr_assert_eq(lab_send(&refused), PASSED);
    }
    cr_assert_eq(sent(lab_tcp_nth(3, false, SYN, 9, 0)), BEGUN_ANEW);
    cr_assert_eq(df_conns_of_port(LAB_PORT), 10);
}

/* Each SYN after a reset takes an entry, and its predecessor gives its own back only after the aging. */
Test(conn_table_port, who_replaces_one_over_and_over_uses_up_nobody_elses_entries)
{
    struct df_packet syn = lab_tcp(false, SYN, 1, 0), refused = lab_tcp(true, RST | ACK, 0, 2);
    cr_assert_eq(lab_send(&syn), BEGUN);
    for (unsigned i = 0; i < 9; i++) {
        cr_assert_eq(lab_send(&refused), PASSED);
        cr_assert_eq(lab_send(&syn), BEGUN_ANEW, "round %u", i);
    }
    cr_assert_eq(lab_send(&refused), PASSED);
    cr_assert_eq(lab_send(&syn), PORT_LIMIT);
    lab_age();
    cr_assert_eq(lab_send(&syn), BEGUN);
}

/* ---- a share for each port */

static void open_shared(void)
{
    lab_open(1000, 250);
}

TestSuite(conn_table_share, .init = open_shared, .fini = lab_close);

/* Connections that it begins until it is refused, and how it is. */
static unsigned open_from(uint16_t port, int *refusal)
{
    struct df_packet packet = lab_udp(false);
    struct df_conn_key key;
    struct df_conn *conn;
    for (unsigned i = 0;; i++) {
        packet.l4_src = (uint16_t)i;
        cr_assert(df_conn_key_of(&packet, df_conn_zone(port), &key));
        *refusal = df_conn_begin(0, &key, df_conn_hash(&key), &packet, lab_now_ms, NULL, &conn);
        if (*refusal != 0)
            return i;
    }
}

Test(conn_table_share, four_ports_do_not_take_what_a_fifth_needs)
{
    int refusal;
    for (uint16_t port = 1; port <= 10; port++) {
        unsigned before = lab_tally().port_share, n = open_from(port, &refusal);
        cr_assert_eq(refusal, -EDQUOT);
        cr_assert(n > 0 && n <= before && n + 8 >= before / 2, "port %u has %u of %u", port, n, before);
    }
    while (refusal == -EDQUOT)
        open_from((uint16_t)(20 + lab_tally().refused_port), &refusal);
    cr_assert_eq(refusal, -ENOSPC, "who has none may begin as long as there is an entry");
}

Test(conn_table_share, it_grows_again_when_others_have_ended)
{
    int refusal;
    for (uint16_t port = 1; port < 8; port++)
        open_from(port, &refusal);
    cr_assert_lt(open_from(9, &refusal), 20);
    lab_now_ms += 30001;
    lab_age();
    cr_assert_eq(open_from(9, &refusal), 250);
    cr_assert_eq(refusal, -EDQUOT);
}

/* ---- zones */

Test(conn_table_port, a_new_life_of_a_port_knows_nothing_of_the_old_one)
{
    uint32_t zone = lab_zone();
    for (unsigned i = 0; i < 10; i++)
        cr_assert_eq(sent(lab_udp_nth(i)), BEGUN);
    df_conn_zone_renew(LAB_PORT);
    cr_assert_neq(lab_zone(), zone);
    cr_assert_eq(df_conn_zone_port(lab_zone()), LAB_PORT);
    cr_assert_eq(df_conns_of_port(LAB_PORT), 0);
    for (unsigned i = 0; i < 10; i++)
        cr_assert_eq(sent(lab_udp_nth(i)), BEGUN, "with all of its limit");
    cr_assert_eq(lab_age(), 10);
    cr_assert_eq(lab_tally().killed, 10);
    cr_assert_eq(df_conns_of_port(LAB_PORT), 10, "the old ones are not counted out of it");
    for (unsigned i = 0; i < 10; i++)
        cr_assert_eq(sent(lab_udp_nth(i)), PASSED);
}

/* ---- references */

Test(conn_table, a_reference_finds_its_connection_and_no_other)
{
    cr_assert_eq(sent(lab_udp(false)), BEGUN);
    df_conn_ref ref = df_conn_reference(lab_conn);
    cr_assert_neq(ref, 0);
    cr_assert_eq(df_conn_at(ref), lab_conn);
    df_conn_kill(lab_conn);
    cr_assert_null(df_conn_at(ref), "dead");
    struct df_conn *entry = lab_conn;
    lab_age();
    cr_assert_null(df_conn_at(ref), "free");
    for (unsigned i = 0; lab_conn != entry && i < 1000; i++)
        cr_assert_eq(sent(lab_udp_nth(i)), BEGUN);
    cr_assert_eq(lab_conn, entry, "all entries are used again");
    cr_assert_null(df_conn_at(ref), "another one");
    cr_assert_neq(df_conn_reference(entry), ref);
}

/* ---- killing */

Test(conn_table, killing_ends_cached_flows_at_once)
{
    _Atomic uint8_t flow[2] = {1, 1};
    cr_assert_eq(sent(lab_udp(false)), BEGUN);
    cr_assert_eq(sent(lab_udp(true)), PASSED);
    df_conn_set_flow(lab_conn, false, &flow[0]);
    df_conn_set_flow(lab_conn, true, &flow[1]);
    cr_assert(flow[0] == 1 && flow[1] == 1);
    df_conn_kill(lab_conn);
    cr_assert(flow[0] == 0 && flow[1] == 0);
    cr_assert_eq(lab_tally().killed, 1);
    df_conn_kill(lab_conn);
    cr_assert_eq(lab_tally().killed, 1, "once");
    struct df_packet packet = lab_udp(false);
    cr_assert_null(lab_find(&packet));
    cr_assert_eq(lab_send(&packet), BEGUN);
}

Test(conn_table, the_next_connection_knows_nothing_of_the_flows_of_the_last)
{
    _Atomic uint8_t flow = 1;
    cr_assert_eq(sent(lab_udp(false)), BEGUN);
    df_conn_set_flow(lab_conn, false, &flow);
    df_conn_kill(lab_conn);
    lab_age();
    cr_assert_eq(sent(lab_udp(false)), BEGUN);
    flow = 1;
    df_conn_kill(lab_conn);
    cr_assert_eq(flow, 1);
}

Test(conn_table, what_was_killed_while_a_worker_held_it_changes_no_more)
{
    struct df_packet reply = lab_udp(true);
    cr_assert_eq(sent(lab_udp(false)), BEGUN);
    struct df_conn *held = lab_conn;
    df_conn_kill(held);
    cr_assert_eq(df_conn_judge(held, true, &reply), DF_CONN_PASS);
    df_conn_advance(held, true, &reply, lab_now_ms);
    cr_assert_eq(DF_CONN_STATE(atomic_load(&held->word)), DF_CONN_DEAD);
    struct df_packet syn = lab_tcp(false, SYN, 1, 0);
    cr_assert_eq(lab_send(&syn), BEGUN);
    df_conn_kill(lab_conn);
    cr_assert_eq(df_conn_judge(lab_conn, false, &syn), DF_CONN_PASS);
    df_conn_advance(lab_conn, false, &syn, lab_now_ms);
    cr_assert_eq(DF_CONN_STATE(atomic_load(&lab_conn->word)), DF_CONN_DEAD);
}

/* ---- showing */

struct seen {
    unsigned n, stop_after;
    uint32_t last;
    struct df_conn_info info;
};

static int see(struct df_conn *conn, const struct df_conn_info *info, void *arg)
{
    struct seen *seen = arg;
    cr_assert_eq(conn, &df_conn_array[info->index]);
    cr_assert_gt(info->index, seen->last, "each once");
    seen->last = info->index;
    seen->info = *info;
    return ++seen->n == seen->stop_after;
}

Test(conn_table, all_are_shown_once_a_few_at_a_time)
{
    struct seen seen = {0};
    for (unsigned i = 0; i < 100; i++)
        cr_assert_eq(sent(lab_udp_nth(i)), BEGUN);
    uint32_t from = 0;
    unsigned calls = 0;
    do {
        from = df_conns_each(from, 7, lab_now_ms, see, &seen);
        calls++;
    } while (from != 0);
    cr_assert_eq(seen.n, 100);
    cr_assert_geq(calls, 100 / 7);
}

Test(conn_table, showing_stops_when_told_and_goes_on_from_there)
{
    struct seen seen = {.stop_after = 3};
    for (unsigned i = 0; i < 10; i++)
        cr_assert_eq(sent(lab_udp_nth(i)), BEGUN);
    uint32_t from = df_conns_each(0, UINT32_MAX, lab_now_ms, see, &seen);
    cr_assert_eq(seen.n, 3);
    cr_assert_eq(from, seen.last + 1);
    cr_assert_eq(df_conns_each(from, UINT32_MAX, lab_now_ms, see, &seen), 0);
    cr_assert_eq(seen.n, 10);
}

Test(conn_table, what_is_no_more_is_not_shown)
{
    struct seen seen = {0};
    cr_assert_eq(sent(lab_udp_nth(1)), BEGUN);
    df_conn_kill(lab_conn);
    cr_assert_eq(sent(lab_udp_nth(2)), BEGUN);
    lab_now_ms += 30001; /* timed out, and not looked at yet */
    cr_assert_eq(sent(lab_udp_nth(3)), BEGUN);
    df_conns_each(0, UINT32_MAX, lab_now_ms, see, &seen);
    cr_assert_eq(seen.n, 1);
    cr_assert_eq(ntohl(seen.info.key.src.word[3]), 0x0b000003);
    df_conn_zone_renew(LAB_PORT);
    df_conns_each(0, UINT32_MAX, lab_now_ms, see, &(struct seen){.stop_after = 1});
    cr_assert_eq(seen.n, 1, "of a port that is gone");
}

Test(conn_table, what_is_shown)
{
    struct seen seen = {0};
    cr_assert_eq(sent(lab_udp(false)), BEGUN);
    lab_now_ms += 1000;
    cr_assert_eq(sent(lab_udp(true)), PASSED);
    df_conn_count(lab_conn, false, 3, 300);
    df_conn_count(lab_conn, true, 2, 3000000000u);
    df_conn_count(lab_conn, true, 2, 3000000000u);
    lab_now_ms += 500;
    df_conns_each(0, UINT32_MAX, lab_now_ms, see, &seen);
    cr_assert_eq(seen.info.state, DF_CONN_UDP_STREAM);
    cr_assert_eq(seen.info.age_ms, 1500);
    cr_assert_eq(seen.info.idle_ms, 500);
    cr_assert_eq(seen.info.expires_ms, 119500);
    cr_assert_eq(seen.info.packets[0], 3);
    cr_assert_eq(seen.info.packets[1], 4);
    cr_assert_eq(seen.info.bytes[0], 300);
    cr_assert_eq(seen.info.bytes[1], 6000000000ull);
    cr_assert_eq(seen.info.key.l4_src, 1000);
}

/* So many come by in minutes. */
Test(conn_table, packets_are_counted_beyond_four_billion)
{
    struct seen seen = {0};
    cr_assert_eq(sent(lab_udp(false)), BEGUN);
    for (unsigned i = 0; i < 3; i++)
        df_conn_count(lab_conn, true, 2000000000u, 0);
    df_conn_count(lab_conn, true, UINT32_MAX, 0);
    df_conns_each(0, UINT32_MAX, lab_now_ms, see, &seen);
    cr_assert_eq(seen.info.packets[1], 6000000000ull + UINT32_MAX);
    cr_assert_eq(seen.info.packets[0], 0);
    df_conn_kill(lab_conn);
    for (unsigned i = 0; i < 1000; i++) {
        lab_age();
        cr_assert_eq(sent(lab_udp(true)), BEGUN);
        cr_assert_eq(df_conn_packets(lab_conn, true), 0, "the next one in the entry begins at 0");
        df_conn_kill(lab_conn);
    }
}

static int kill_it(struct df_conn *conn, const struct df_conn_info *info, void *arg)
{
    (void)info, (void)arg;
    df_conn_kill(conn);
    return 0;
}

Test(conn_table, all_are_killed_while_they_are_shown)
{
    for (unsigned i = 0; i < 100; i++)
        cr_assert_eq(sent(lab_udp_nth(i)), BEGUN);
    cr_assert_eq(df_conns_each(0, UINT32_MAX, lab_now_ms, kill_it, NULL), 0);
    cr_assert_eq(lab_tally().live, 0);
    cr_assert_eq(df_conns_of_port(LAB_PORT), 0);
}
