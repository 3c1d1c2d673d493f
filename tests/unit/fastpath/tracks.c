/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/worker/tracks.h"

#include <inttypes.h>

#include "fastpath/tables/security_group.h"
#include "tests/unit/fastpath/groups.h"

/*
 * Two workers whose walks decide about packets of one tuple before either of them carries out what it decided: worker 0
 * then wins, worker 1 loses. Between the two guests there are two connections, the sender's and the receiver's, so each
 * race is run in both zones at once.
 *
 *     decides(WINNER, A_TO_B, udp);
 *     decides(LOSER, B_TO_A, udp);
 *     carries_out(WINNER);
 *     carries_out(LOSER);
 */

enum { WINNER, LOSER, WORKERS };
enum to { A_TO_B, B_TO_A };

#define PORT_OF_A 1
#define PORT_OF_B 2
#define NETWORK 5
#define RULE_OUT 201
#define RULE_IN 202

static struct df_walk walks[WORKERS];
static struct df_output outputs_of[WORKERS][8];

/* Port n has lport 10 + n with MAC 02:00:00:00:00:0n and address 10.0.0.n. */
static void guest_put(uint16_t port)
{
    uint32_t lport = 10u + port;
    struct df_classification_key in = {.port = port};
    struct df_classification_value is = {.lport = lport, .network = NETWORK};
    struct df_port_security_key open_key = {.lport = lport};
    struct df_port_security_value open = {.enabled = 0};
    struct df_l2_key mac_key = {.network = NETWORK, .mac = {{2, 0, 0, 0, 0, (uint8_t)port}}};
    struct df_l2_value has_mac = {.lport = lport};
    struct df_egress_key egress = {.lport = lport};
    struct df_egress_value local = {.kind = DF_EGRESS_LOCAL};
    struct df_dispatch_key dispatch = {.lport = lport};
    struct df_dispatch_value to = {.port = port};
    must_put(DF_TABLE_CLASSIFICATION, &in, &is);
    must_put(DF_TABLE_PORT_SECURITY, &open_key, &open);
    must_put(DF_TABLE_L2, &mac_key, &has_mac);
    must_put(DF_TABLE_EGRESS, &egress, &local);
    must_put(DF_TABLE_DISPATCH, &dispatch, &to);
    cr_assert_eq(conntrack_put_at(port, lport, 1, 1, 1, (uint32_t[]){GROUP}), 0);
}

static void up_with(uint32_t max, uint32_t max_per_port)
{
    const struct df_conns_config config = {.max = max,
                                           .max_per_port = max_per_port,
                                           .n_workers = WORKERS,
                                           .tcp_pick_up = true,
                                           .timeouts = df_conn_timeouts_default};
    tables_setup();
    cr_assert_eq(df_conns_init(&config), 0);
    guest_put(PORT_OF_A);
    guest_put(PORT_OF_B);
    only_rule(OUT, GROUP, 1, .rule = RULE_OUT, .ip_version = 4, .any_proto = 1);
    only_rule(IN, GROUP, 1, .rule = RULE_IN, .ip_version = 4, .any_proto = 1);
}

static void up(void)
{
    up_with(1000, 500);
}

static void down(void)
{
    df_tables_fini();
    df_rcu_barrier();
    df_conns_fini();
    df_rcu_unregister();
}

TestSuite(tracks, .init = up, .fini = down);

/* ---- packets */

static void open_frame(enum to to, unsigned proto)
{
    frame_ethernet(&frame);
    memcpy(frame.byte, ((uint8_t[]){2, 0, 0, 0, 0, to == A_TO_B ? 2 : 1, 2, 0, 0, 0, 0, to == A_TO_B ? 1 : 2}), 12);
    frame_ip4(&frame, proto, to == A_TO_B ? "10.0.0.1" : "10.0.0.2", to == A_TO_B ? "10.0.0.2" : "10.0.0.1", 0);
}

static void udp(enum to to)
{
    open_frame(to, 17);
    frame_udp(&frame, to == A_TO_B ? 1000 : 80, to == A_TO_B ? 80 : 1000, 4);
}

static void tcp(enum to to, unsigned flags)
{
    open_frame(to, 6);
    frame_tcp(&frame, to == A_TO_B ? 1000 : 80, to == A_TO_B ? 80 : 1000);
    frame_tcp_flags(&frame, flags);
}

static void syn(enum to to)
{
    tcp(to, SYN);
}

static void syn_ack(enum to to)
{
    tcp(to, SYN | ACK);
}

static void ack(enum to to)
{
    tcp(to, ACK);
}

static void fin(enum to to)
{
    tcp(to, FIN | ACK);
}

/* Both ends have the same identifier. */
static void question(enum to to)
{
    open_frame(to, 1);
    frame_icmp(&frame, 8, 0, 24);
}

static void answer(enum to to)
{
    open_frame(to, 1);
    frame_icmp(&frame, 0, 0, 24);
}

/* ---- a worker */

static void walk_of(unsigned worker, enum to to, void (*make)(enum to to))
{
    struct df_walk *its = &walks[worker];
    make(to);
    frame_close(&frame);
    *its = (struct df_walk){.outputs = outputs_of[worker], .outputs_max = 8, .worker = worker, .now_ms = 1000};
    df_walk_frame(its, to == A_TO_B ? PORT_OF_A : PORT_OF_B, frame.byte, frame.len);
}

static void decides(unsigned worker, enum to to, void (*make)(enum to to))
{
    const struct df_walk *its = &walks[worker];
    walk_of(worker, to, make);
    cr_assert_eq(its->verdict.kind, DF_VERDICT_OUTPUT, "%s", df_drop_name(its->verdict.drop));
    cr_assert_eq(outputs_of[worker][0].port, to == A_TO_B ? PORT_OF_B : PORT_OF_A);
}

static void carries_out(unsigned worker)
{
    struct df_walk *its = &walks[worker];
    cr_assert(df_tracks_carry_out(its), "worker %u: %s", worker, df_drop_name(its->verdict.drop));
    cr_assert_eq(its->verdict.kind, DF_VERDICT_OUTPUT);
    df_tracks_count(its, 1, 100);
}

/* Both have decided before the first one acts. */
static void race(enum to winners, void (*winner)(enum to to), enum to losers, void (*loser)(enum to to))
{
    decides(WINNER, winners, winner);
    decides(LOSER, losers, loser);
    cr_assert(walks[LOSER].track[OUT].begin && walks[LOSER].track[IN].begin, "its walk found a connection");
    carries_out(WINNER);
    carries_out(LOSER);
}

/* Alone, without a race. */
static void passes(enum to to, void (*make)(enum to to))
{
    decides(WINNER, to, make);
    carries_out(WINNER);
}

static void refused(enum to to, void (*make)(enum to to), enum df_drop reason)
{
    walk_of(WINNER, to, make);
    cr_assert_eq(walks[WINNER].verdict.kind, DF_VERDICT_DROP);
    cr_assert_eq(walks[WINNER].verdict.drop, reason, "%s", df_drop_name(walks[WINNER].verdict.drop));
}

/* ---- what came of it */

static struct df_conn_info shown[8];
static struct df_conn *conns[8];
static unsigned n_shown;

static int show(struct df_conn *conn, const struct df_conn_info *info, void *arg)
{
    (void)arg;
    cr_assert_lt(n_shown, 8);
    conns[n_shown] = conn;
    shown[n_shown++] = *info;
    return 0;
}

static void show_all(void)
{
    n_shown = 0;
    df_conns_each(1, UINT32_MAX, 1000, show, NULL);
}

/* One connection in each zone, both alike: who began it, its state, and what was counted of either direction. */
static void expect_one(enum to began, enum df_conn_state state, uint32_t packets, uint32_t replies)
{
    show_all();
    cr_assert_eq(n_shown, 2, "%u connections in two zones", n_shown);
    cr_assert_eq(df_conns_of_port(PORT_OF_A), 1);
    cr_assert_eq(df_conns_of_port(PORT_OF_B), 1);
    struct df_ip first = ip4(began == A_TO_B ? "10.0.0.1" : "10.0.0.2");
    for (unsigned i = 0; i < n_shown; i++) {
        cr_assert(df_ip_equal(&shown[i].key.src, &first), "the other one began it");
        cr_assert_eq(shown[i].state, state, "%s", df_conn_state_name(shown[i].state));
        cr_assert_eq(shown[i].packets[0], packets, "%" PRIu64 " packets", shown[i].packets[0]);
        cr_assert_eq(shown[i].packets[1], replies, "%" PRIu64 " replies", shown[i].packets[1]);
        cr_assert_eq(shown[i].bytes[0], 100 * packets);
        cr_assert_eq(shown[i].bytes[1], 100 * replies);
    }
}

static struct df_conns_tally tally(void)
{
    struct df_conns_tally now;
    df_conns_tally(&now);
    return now;
}

/* Beginnings are counted by the table in either zone, and by the rules that allowed them. */
static void expect_begun(uint64_t n)
{
    cr_assert_eq(tally().begun, 2 * n, "%lu connections began", (unsigned long)tally().begun);
    cr_assert_eq(df_security_group_hits(RULE_OUT), n, "%lu hits", (unsigned long)df_security_group_hits(RULE_OUT));
    cr_assert_eq(df_security_group_hits(RULE_IN), n, "%lu hits", (unsigned long)df_security_group_hits(RULE_IN));
}

static void expect_joined(bool reply)
{
    for (unsigned side = 0; side < DF_TRACK_SIDES; side++) {
        const struct df_track *won = &walks[WINNER].track[reply ? 1 - side : side]; /* of the same zone */
        const struct df_track *lost = &walks[LOSER].track[side];
        cr_assert_eq(lost->conn, won->conn, "it has one of its own");
        cr_assert_eq(lost->reply, reply);
        cr_assert_not(lost->began);
    }
    cr_assert_not(df_tracks_last(&walks[LOSER]), "it may be cached, though its rules were asked of another connection");
}

/* ---- without a race */

Test(tracks, what_is_delivered_begins_and_moves_on_a_connection_at_either_end)
{
    passes(A_TO_B, udp);
    cr_assert_not(df_tracks_last(&walks[WINNER]));
    expect_one(A_TO_B, DF_CONN_UDP_SINGLE, 1, 0);
    passes(B_TO_A, udp);
    expect_one(A_TO_B, DF_CONN_UDP_STREAM, 1, 1);
    passes(B_TO_A, udp);
    cr_assert(df_tracks_last(&walks[WINNER]));
    expect_one(A_TO_B, DF_CONN_UDP_STREAM, 1, 2);
    expect_begun(1);
}

Test(tracks, what_begins_anew_is_counted_for_its_own_direction)
{
    passes(A_TO_B, question);
    passes(B_TO_A, question);
    expect_one(B_TO_A, DF_CONN_ICMP, 1, 0);
    expect_begun(2);
}

/* ---- lost races */

Test(tracks, who_loses_a_race_of_one_direction_joins)
{
    race(A_TO_B, udp, A_TO_B, udp);
    expect_joined(false);
    expect_one(A_TO_B, DF_CONN_UDP_SINGLE, 2, 0);
    expect_begun(1);
}

Test(tracks, who_loses_a_race_of_the_other_direction_is_its_reply)
{
    race(A_TO_B, udp, B_TO_A, udp);
    expect_joined(true);
    expect_one(A_TO_B, DF_CONN_UDP_STREAM, 1, 1);
    expect_begun(1);
}

Test(tracks, a_syn_that_is_sent_again_joins)
{
    race(A_TO_B, syn, A_TO_B, syn);
    expect_joined(false);
    expect_one(A_TO_B, DF_CONN_TCP_SYN_SENT, 2, 0);
    passes(B_TO_A, syn_ack);
    passes(A_TO_B, ack);
    expect_one(A_TO_B, DF_CONN_TCP_ESTABLISHED, 3, 1);
    expect_begun(1);
}

Test(tracks, two_syns_that_cross_are_one_simultaneous_open)
{
    race(A_TO_B, syn, B_TO_A, syn);
    expect_joined(true);
    expect_one(A_TO_B, DF_CONN_TCP_SYN_SENT2, 1, 1);
    passes(A_TO_B, syn_ack);
    passes(B_TO_A, ack);
    expect_begun(1);
}

Test(tracks, both_directions_in_mid_stream_are_one_established_connection)
{
    race(A_TO_B, ack, B_TO_A, ack);
    expect_joined(true);
    expect_one(A_TO_B, DF_CONN_TCP_ESTABLISHED, 1, 1);
    expect_begun(1);
}

Test(tracks, in_mid_stream_a_fin_moves_on_what_it_joins)
{
    race(A_TO_B, ack, A_TO_B, fin);
    expect_joined(false);
    expect_one(A_TO_B, DF_CONN_TCP_FIN_WAIT, 2, 0);
    expect_begun(1);
}

/* ---- judged by the connection that was there first */

static void expect_in_place(enum to began, enum df_conn_state state)
{
    expect_one(began, state, 1, 0);
    expect_begun(2);
    cr_assert_eq(tally().replaced, 2, "two connections of one tuple");
    cr_assert(walks[LOSER].track[OUT].began && walks[LOSER].track[IN].began);
}

Test(tracks, a_syn_takes_the_place_of_what_was_picked_up)
{
    race(A_TO_B, ack, A_TO_B, syn);
    expect_in_place(A_TO_B, DF_CONN_TCP_SYN_SENT);
    passes(B_TO_A, syn_ack);
}

Test(tracks, a_syn_of_the_other_direction_does_so_too)
{
    race(A_TO_B, ack, B_TO_A, syn);
    expect_in_place(B_TO_A, DF_CONN_TCP_SYN_SENT);
    passes(A_TO_B, syn_ack);
}

Test(tracks, questions_that_cross_are_both_answered)
{
    race(A_TO_B, question, B_TO_A, question);
    expect_in_place(B_TO_A, DF_CONN_ICMP);
    passes(A_TO_B, answer);
    passes(B_TO_A, answer);
    expect_begun(2);
}

/* A FIN may begin a connection, but is no answer to a SYN. */
Test(tracks, what_does_not_fit_the_connection_it_joins_is_dropped)
{
    decides(WINNER, A_TO_B, syn);
    decides(LOSER, B_TO_A, fin);
    carries_out(WINNER);
    cr_assert_not(df_tracks_carry_out(&walks[LOSER]));
    cr_assert_eq(walks[LOSER].verdict.kind, DF_VERDICT_DROP);
    cr_assert_eq(walks[LOSER].verdict.drop, DF_DROP_CONN_INVALID, "%s", df_drop_name(walks[LOSER].verdict.drop));
    expect_one(A_TO_B, DF_CONN_TCP_SYN_SENT, 1, 0);
    expect_begun(1);
    refused(B_TO_A, fin, DF_DROP_CONN_INVALID);
}

/* The winner's connection of B's zone is gone by then, so the loser begins there before it is dropped. */
Test(tracks, what_began_for_a_packet_that_is_dropped_is_taken_back)
{
    decides(WINNER, A_TO_B, syn);
    decides(LOSER, B_TO_A, fin);
    carries_out(WINNER);
    df_conn_kill(walks[WINNER].track[IN].conn);
    cr_assert_not(df_tracks_carry_out(&walks[LOSER]));
    cr_assert_eq(walks[LOSER].verdict.drop, DF_DROP_CONN_INVALID, "%s", df_drop_name(walks[LOSER].verdict.drop));
    cr_assert(walks[LOSER].track[OUT].began, "so there was nothing to take back");
    cr_assert_eq(df_conns_of_port(PORT_OF_A), 1);
    cr_assert_eq(df_conns_of_port(PORT_OF_B), 0);
    cr_assert_eq(tally().replaced, 1);
    cr_assert_eq(df_security_group_hits(RULE_OUT), 1, "what was taken back is a hit");
}

/* ---- other ends of a race */

Test(tracks, a_connection_that_ended_before_it_could_be_joined_is_none)
{
    decides(WINNER, A_TO_B, udp);
    decides(LOSER, A_TO_B, udp);
    carries_out(WINNER);
    df_conn_kill(walks[WINNER].track[OUT].conn);
    df_conn_kill(walks[WINNER].track[IN].conn);
    carries_out(LOSER);
    expect_one(A_TO_B, DF_CONN_UDP_SINGLE, 1, 0);
    expect_begun(2);
}

TestSuite(tracks_limit, .fini = down);

Test(tracks_limit, who_joins_needs_no_room)
{
    up_with(1000, 1);
    race(A_TO_B, udp, B_TO_A, udp);
    expect_joined(true);
    expect_one(A_TO_B, DF_CONN_UDP_STREAM, 1, 1);
    cr_assert_eq(tally().refused_port, 0);
}

Test(tracks_limit, who_joins_needs_no_entry)
{
    up_with(2, 500);
    race(A_TO_B, udp, B_TO_A, udp);
    expect_joined(true);
    expect_one(A_TO_B, DF_CONN_UDP_STREAM, 1, 1);
    cr_assert_eq(tally().refused_full, 0);
}

/* It would take the winner's place, and that takes an entry. */
Test(tracks_limit, who_does_not_join_needs_one)
{
    up_with(2, 500);
    decides(WINNER, A_TO_B, question);
    decides(LOSER, B_TO_A, question);
    carries_out(WINNER);
    cr_assert_not(df_tracks_carry_out(&walks[LOSER]));
    cr_assert_eq(walks[LOSER].verdict.drop, DF_DROP_CONN_TABLE_FULL, "%s", df_drop_name(walks[LOSER].verdict.drop));
    expect_one(A_TO_B, DF_CONN_ICMP, 1, 0);
    cr_assert_eq(tally().refused_full, 1);
    passes(B_TO_A, answer);
}
