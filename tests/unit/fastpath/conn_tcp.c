/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/fastpath/conn_lab.h"

/* The states of TCP: what begins a connection, what moves it on, what is no part of it. */

#define A_ISN 1000u
#define B_ISN 0xfffffff0u /* its numbers wrap around */

static void open_picking_up(void)
{
    lab_config.tcp_pick_up = true;
    lab_open(100, 100);
}

static void open_strict(void)
{
    lab_config.tcp_pick_up = false;
    lab_open(100, 100);
}

TestSuite(conn_tcp, .init = open_picking_up, .fini = lab_close);
TestSuite(conn_tcp_strict, .init = open_strict, .fini = lab_close);

static enum outcome a(uint8_t flags, uint32_t seq, uint32_t ack)
{
    struct df_packet packet = lab_tcp(false, flags, seq, ack);
    return lab_send(&packet);
}

static enum outcome b(uint8_t flags, uint32_t seq, uint32_t ack)
{
    struct df_packet packet = lab_tcp(true, flags, seq, ack);
    return lab_send(&packet);
}

static void sends(enum outcome outcome, enum df_conn_state state)
{
    cr_expect_eq(outcome, PASSED);
    cr_expect_eq(lab_state(), state, "%s", df_conn_state_name(lab_state()));
}

static void syn(void)
{
    cr_assert_eq(a(SYN, A_ISN, 0), BEGUN);
    cr_assert_eq(lab_state(), DF_CONN_TCP_SYN_SENT);
}

static void syn_ack(void)
{
    syn();
    sends(b(SYN | ACK, B_ISN, A_ISN + 1), DF_CONN_TCP_SYN_RECV);
    cr_assert(lab_reply);
}

static void handshake(void)
{
    syn_ack();
    sends(a(ACK, A_ISN + 1, B_ISN + 1), DF_CONN_TCP_ESTABLISHED);
}

static void establish(uint8_t shift_a, uint8_t shift_b)
{
    struct df_packet packet = lab_tcp(false, SYN, A_ISN, 0);
    packet.tcp.window_shift = shift_a;
    cr_assert_eq(lab_send(&packet), BEGUN);
    packet = lab_tcp(true, SYN | ACK, B_ISN, A_ISN + 1);
    packet.tcp.window_shift = shift_b;
    cr_assert_eq(lab_send(&packet), PASSED);
    cr_assert_eq(a(ACK, A_ISN + 1, B_ISN + 1), PASSED);
    cr_assert_eq(b(ACK, B_ISN + 1, A_ISN + 1), PASSED);
}

/* ---- opening */

Test(conn_tcp, handshake)
{
    handshake();
    struct df_conn *conn = lab_conn;
    sends(a(ACK | PSH, A_ISN + 1, B_ISN + 1), DF_CONN_TCP_ESTABLISHED);
    sends(b(ACK, B_ISN + 1, A_ISN + 1), DF_CONN_TCP_ESTABLISHED);
    cr_assert_eq(lab_conn, conn, "both directions are one connection");
    cr_assert_eq(lab_tally().begun, 1);
}

Test(conn_tcp, only_an_established_connection_is_steady)
{
    syn();
    cr_assert_not(df_conn_is_steady(lab_conn, false));
    sends(b(SYN | ACK, B_ISN, A_ISN + 1), DF_CONN_TCP_SYN_RECV);
    cr_assert_not(df_conn_is_steady(lab_conn, false));
    sends(a(ACK, A_ISN + 1, B_ISN + 1), DF_CONN_TCP_ESTABLISHED);
    cr_assert(df_conn_is_steady(lab_conn, false));
    cr_assert(df_conn_is_steady(lab_conn, true));
    sends(b(FIN | ACK, B_ISN + 1, A_ISN + 1), DF_CONN_TCP_FIN_WAIT);
    cr_assert_not(df_conn_is_steady(lab_conn, false));
    cr_assert_not(df_conn_is_steady(lab_conn, true));
}

Test(conn_tcp, a_syn_and_its_answer_may_be_sent_again)
{
    syn();
    sends(a(SYN, A_ISN, 0), DF_CONN_TCP_SYN_SENT);
    sends(b(SYN | ACK, B_ISN, A_ISN + 1), DF_CONN_TCP_SYN_RECV);
    sends(a(SYN, A_ISN, 0), DF_CONN_TCP_SYN_RECV);
    sends(b(SYN | ACK, B_ISN, A_ISN + 1), DF_CONN_TCP_SYN_RECV);
    sends(a(ACK, A_ISN + 1, B_ISN + 1), DF_CONN_TCP_ESTABLISHED);
    sends(b(SYN | ACK, B_ISN, A_ISN + 1), DF_CONN_TCP_ESTABLISHED);
}

Test(conn_tcp, before_the_answer_the_original_end_has_nothing_to_say)
{
    syn();
    cr_assert_eq(a(ACK, A_ISN + 1, B_ISN + 1), INVALID);
    cr_assert_eq(a(FIN | ACK, A_ISN + 1, B_ISN + 1), INVALID);
    cr_assert_eq(a(SYN | ACK, A_ISN, B_ISN + 1), INVALID);
    cr_assert_eq(b(FIN | ACK, B_ISN, A_ISN + 1), INVALID);
    cr_assert_eq(lab_state(), DF_CONN_TCP_SYN_SENT);
}

Test(conn_tcp, only_the_original_end_completes_the_handshake)
{
    syn_ack();
    sends(b(ACK, B_ISN + 1, A_ISN + 1), DF_CONN_TCP_SYN_RECV);
    sends(a(ACK, A_ISN + 1, B_ISN + 1), DF_CONN_TCP_ESTABLISHED);
}

Test(conn_tcp, simultaneous_open)
{
    syn();
    sends(b(SYN, B_ISN, 0), DF_CONN_TCP_SYN_SENT2);
    sends(b(SYN, B_ISN, 0), DF_CONN_TCP_SYN_SENT2);
    sends(a(SYN, A_ISN, 0), DF_CONN_TCP_SYN_SENT2);
    cr_assert_eq(a(ACK, A_ISN + 1, B_ISN + 1), INVALID);
    sends(b(SYN | ACK, B_ISN, A_ISN + 1), DF_CONN_TCP_SYN_RECV);
    sends(a(SYN | ACK, A_ISN, B_ISN + 1), DF_CONN_TCP_SYN_RECV);
    sends(b(ACK, B_ISN + 1, A_ISN + 1), DF_CONN_TCP_SYN_RECV);
    sends(a(ACK, A_ISN + 1, B_ISN + 1), DF_CONN_TCP_ESTABLISHED);
}

Test(conn_tcp, simultaneous_open_answered_by_the_original_end_first)
{
    syn();
    sends(b(SYN, B_ISN, 0), DF_CONN_TCP_SYN_SENT2);
    sends(a(SYN | ACK, A_ISN, B_ISN + 1), DF_CONN_TCP_SYN_RECV);
    sends(a(ACK, A_ISN + 1, B_ISN + 1), DF_CONN_TCP_ESTABLISHED);
}

/* ---- a handshake that somebody forges who does not get what is sent to his address */

Test(conn_tcp, only_who_got_the_syn_ack_completes_the_handshake)
{
    syn_ack();
    cr_assert_eq(a(ACK, 3000000000, 777), INVALID);
    cr_assert_eq(a(ACK, A_ISN + 1, B_ISN), INVALID);
    cr_assert_eq(a(ACK, A_ISN + 1, B_ISN + 2), INVALID, "nothing was sent behind the SYN");
    cr_assert_eq(a(ACK | PSH, A_ISN + 1, 777), INVALID, "with data neither");
    cr_assert_eq(lab_state(), DF_CONN_TCP_SYN_RECV);
    sends(a(ACK, A_ISN + 1, B_ISN + 1), DF_CONN_TCP_ESTABLISHED);
}

Test(conn_tcp, nor_is_it_completed_far_from_the_own_syn)
{
    syn_ack();
    cr_assert_eq(a(ACK, A_ISN + 1 + 1000 + DF_CONN_ACK_NOTE + 1, B_ISN + 1), INVALID);
    cr_assert_eq(a(ACK, A_ISN + 1 - DF_CONN_ACK_NOTE - 1, B_ISN + 1), INVALID);
    cr_assert_eq(lab_state(), DF_CONN_TCP_SYN_RECV);
}

Test(conn_tcp, nor_is_it_closed_or_crossed_instead)
{
    syn_ack();
    cr_assert_eq(a(FIN | ACK, A_ISN + 1, 777), INVALID);
    cr_assert_eq(a(SYN | ACK, A_ISN, 777), INVALID);
    cr_assert_eq(a(ACK, A_ISN + 1, 778), INVALID, "the one before told nothing");
    cr_assert_eq(a(SYN | ACK, A_ISN, B_ISN - 100), INVALID);
    cr_assert_eq(a(ACK, A_ISN + 1, B_ISN - 100), INVALID);
    cr_assert_eq(lab_state(), DF_CONN_TCP_SYN_RECV);
    sends(a(FIN | ACK, A_ISN + 1, B_ISN + 1), DF_CONN_TCP_FIN_WAIT);
}

Test(conn_tcp, a_syn_after_its_answer_does_not_change_what_completes_the_handshake)
{
    syn_ack();
    sends(a(SYN, A_ISN, 0), DF_CONN_TCP_SYN_RECV);
    cr_assert_eq(a(ACK, A_ISN + 1, A_ISN + 1), INVALID);
    sends(a(SYN, 777, 0), DF_CONN_TCP_SYN_RECV);
    cr_assert_eq(a(ACK, 778, 778), INVALID);
    sends(a(ACK, A_ISN + 1, B_ISN + 1), DF_CONN_TCP_ESTABLISHED);
}

Test(conn_tcp, an_answer_that_does_not_acknowledge_the_syn_changes_nothing)
{
    syn();
    sends(b(SYN | ACK, 5000, A_ISN), DF_CONN_TCP_SYN_SENT);
    sends(b(SYN | ACK, 5000, A_ISN + 2), DF_CONN_TCP_SYN_SENT);
    sends(b(SYN | ACK, B_ISN, A_ISN + 1), DF_CONN_TCP_SYN_RECV);
    sends(b(SYN | ACK, 5000, 777777), DF_CONN_TCP_SYN_RECV);
    cr_assert_eq(a(ACK, A_ISN + 1, 5001), INVALID);
    sends(a(ACK, A_ISN + 1, B_ISN + 1), DF_CONN_TCP_ESTABLISHED);
}

/* Without a state of its own, as with SYN cookies (RFC 4987 section 3.6), a server may begin elsewhere next time. */
Test(conn_tcp, an_answer_that_is_sent_again_may_have_another_number)
{
    syn_ack();
    sends(b(SYN | ACK, 5000, A_ISN + 1), DF_CONN_TCP_SYN_RECV);
    cr_assert_eq(a(ACK, A_ISN + 1, B_ISN + 1), INVALID);
    sends(a(ACK, A_ISN + 1, 5001), DF_CONN_TCP_ESTABLISHED);
}

Test(conn_tcp, the_first_acknowledgement_may_be_lost)
{
    syn_ack();
    sends(a(ACK | PSH, A_ISN + 1 + 1000, B_ISN + 1), DF_CONN_TCP_ESTABLISHED);
}

/* RFC 7413: data on the SYN, and from the server before the handshake is complete. */
Test(conn_tcp, fast_open)
{
    struct df_packet packet = lab_tcp(false, SYN, A_ISN, 0);
    packet.tcp.payload_len = 500;
    cr_assert_eq(lab_send(&packet), BEGUN);
    sends(b(SYN | ACK, B_ISN, A_ISN + 501), DF_CONN_TCP_SYN_RECV);
    packet = lab_tcp(true, ACK, B_ISN + 1, A_ISN + 501);
    packet.tcp.payload_len = 1400;
    sends(lab_send(&packet), DF_CONN_TCP_SYN_RECV);
    sends(b(SYN | ACK, B_ISN, A_ISN + 501), DF_CONN_TCP_SYN_RECV);
    cr_assert_eq(a(ACK, A_ISN + 501, B_ISN + 1402), INVALID);
    sends(a(ACK, A_ISN + 501, B_ISN + 1401), DF_CONN_TCP_ESTABLISHED);
}

Test(conn_tcp, fast_open_of_which_the_server_takes_no_data)
{
    struct df_packet packet = lab_tcp(false, SYN, A_ISN, 0);
    packet.tcp.payload_len = 500;
    cr_assert_eq(lab_send(&packet), BEGUN);
    sends(b(SYN | ACK, B_ISN, A_ISN + 1), DF_CONN_TCP_SYN_RECV);
    sends(a(ACK | PSH, A_ISN + 1, B_ISN + 1), DF_CONN_TCP_ESTABLISHED);
}

Test(conn_tcp, a_simultaneous_open_is_forged_no_easier)
{
    syn();
    sends(b(SYN, B_ISN, 0), DF_CONN_TCP_SYN_SENT2);
    sends(a(SYN | ACK, A_ISN, 777), DF_CONN_TCP_SYN_SENT2);
    sends(b(SYN | ACK, B_ISN, 777), DF_CONN_TCP_SYN_SENT2);
    sends(b(SYN | ACK, B_ISN, A_ISN + 1), DF_CONN_TCP_SYN_RECV);
    cr_assert_eq(a(ACK, A_ISN + 1, 777), INVALID);
    cr_assert_eq(lab_state(), DF_CONN_TCP_SYN_RECV);
}

/* ---- an end that lost its memory */

/* RFC 9293 section 3.5.1, figure 9: the other end still knows an older connection. */
Test(conn_tcp, half_open_on_the_other_side)
{
    syn();
    sends(b(ACK, 5000, 9000), DF_CONN_TCP_SYN_SENT);
    sends(a(RST, 9000, 0), DF_CONN_TCP_CLOSE);
    sends(a(SYN, A_ISN, 0), DF_CONN_TCP_SYN_SENT);
    sends(b(SYN | ACK, B_ISN, A_ISN + 1), DF_CONN_TCP_SYN_RECV);
}

/* A host that lost its memory opens the connection again: challenge, reset, SYN (RFC 5961 section 4). */
Test(conn_tcp, a_syn_in_an_established_connection_changes_nothing)
{
    handshake();
    sends(b(ACK, B_ISN + 1, A_ISN + 1), DF_CONN_TCP_ESTABLISHED);
    sends(a(SYN, 777, 0), DF_CONN_TCP_ESTABLISHED);
    sends(b(ACK, B_ISN + 1, A_ISN + 1), DF_CONN_TCP_ESTABLISHED);
    sends(a(RST, A_ISN + 1, 0), DF_CONN_TCP_CLOSE);
    cr_assert_eq(a(SYN, 777, 0), BEGUN_ANEW);
    cr_assert_eq(lab_state(), DF_CONN_TCP_SYN_SENT);
    cr_assert_eq(lab_tally().replaced, 1);
    cr_assert_eq(lab_tally().live, 1);
}

/* The server lost its memory: it answers the SYN of a client that did, too. */
static void handshake_on_an_established_tuple(void)
{
    sends(a(SYN, 900000, 0), DF_CONN_TCP_ESTABLISHED);
    sends(b(SYN | ACK, 3000000000, 900001), DF_CONN_TCP_SYN_RECV);
    sends(a(ACK, 900001, 3000000001), DF_CONN_TCP_ESTABLISHED);
}

Test(conn_tcp, a_session_anew_is_judged_by_its_own_numbers)
{
    handshake();
    handshake_on_an_established_tuple();
    cr_assert_eq(a(RST | ACK, A_ISN + 1, B_ISN + 1), OUTSIDE);
    cr_assert_eq(b(RST | ACK, B_ISN + 1, A_ISN + 1), OUTSIDE);
    sends(a(RST | ACK, 900001, 3000000001), DF_CONN_TCP_CLOSE);
}

Test(conn_tcp, a_session_anew_while_the_one_before_is_closing)
{
    handshake();
    sends(b(FIN | ACK, B_ISN + 1, A_ISN + 1), DF_CONN_TCP_FIN_WAIT);
    sends(a(SYN, 900000, 0), DF_CONN_TCP_FIN_WAIT);
    sends(b(SYN | ACK, 3000000000, 900001), DF_CONN_TCP_SYN_RECV);
    cr_assert_eq(a(ACK, 900001, 777), INVALID);
    sends(a(ACK, 900001, 3000000001), DF_CONN_TCP_ESTABLISHED);
    sends(a(FIN | ACK, 900001, 3000000001), DF_CONN_TCP_FIN_WAIT);
    sends(b(ACK, 3000000001, 900002), DF_CONN_TCP_CLOSE_WAIT);
}

Test(conn_tcp, a_syn_ack_that_answers_no_later_syn_changes_nothing)
{
    handshake();
    sends(b(SYN | ACK, 3000000000, 900001), DF_CONN_TCP_ESTABLISHED);
    sends(a(SYN, 900000, 0), DF_CONN_TCP_ESTABLISHED);
    sends(b(SYN | ACK, 3000000000, 900000), DF_CONN_TCP_ESTABLISHED);
    sends(b(ACK, B_ISN + 1, A_ISN + 1), DF_CONN_TCP_ESTABLISHED); /* the challenge of one that remembers */
    sends(b(FIN | ACK, B_ISN + 1, A_ISN + 1), DF_CONN_TCP_FIN_WAIT);
}

Test(conn_tcp, a_reset_that_refuses_a_later_syn)
{
    handshake();
    cr_assert_eq(b(RST | ACK, 0x40000000, 900001), OUTSIDE);
    sends(a(SYN, 900000, 0), DF_CONN_TCP_ESTABLISHED);
    cr_assert_eq(b(RST | ACK, 0x40000000, 900000), OUTSIDE);
    sends(b(RST | ACK, 0x40000000, 900001), DF_CONN_TCP_CLOSE);
    sends(a(ACK, A_ISN + 1, B_ISN + 1), DF_CONN_TCP_CLOSE);
}

Test(conn_tcp, a_syn_from_the_other_end_is_no_part_of_it)
{
    syn_ack();
    cr_assert_eq(b(SYN, B_ISN, 0), INVALID);
    sends(a(ACK, A_ISN + 1, B_ISN + 1), DF_CONN_TCP_ESTABLISHED);
    cr_assert_eq(b(SYN, B_ISN, 0), INVALID);
    cr_assert_eq(a(SYN | ACK, A_ISN, 1), INVALID);
    sends(a(FIN | ACK, A_ISN + 1, B_ISN + 1), DF_CONN_TCP_FIN_WAIT);
    cr_assert_eq(b(SYN, B_ISN, 0), INVALID);
}

Test(conn_tcp, nonsense_flags)
{
    static const uint8_t nonsense[] = {
        0,
        FIN,
        PSH,
        URG,
        SYN | FIN,
        SYN | RST,
        SYN | FIN | ACK,
        SYN | RST | ACK,
        RST | FIN,
        RST | FIN | ACK,
        0x3f,
        FIN | PSH | URG,
    };
    for (size_t i = 0; i < sizeof(nonsense); i++)
        cr_expect_eq(a(nonsense[i], 1, 1), INVALID, "flags %#x begin nothing", nonsense[i]);
    handshake();
    for (size_t i = 0; i < sizeof(nonsense); i++) {
        cr_expect_eq(a(nonsense[i], A_ISN + 1, B_ISN + 1), INVALID, "flags %#x", nonsense[i]);
        cr_expect_eq(b(nonsense[i], B_ISN + 1, A_ISN + 1), INVALID, "flags %#x", nonsense[i]);
    }
    cr_assert_eq(lab_state(), DF_CONN_TCP_ESTABLISHED);
}

Test(conn_tcp, push_and_urgent_mean_nothing)
{
    cr_assert_eq(a(SYN | URG, A_ISN, 0), BEGUN);
    sends(b(SYN | ACK | PSH, B_ISN, A_ISN + 1), DF_CONN_TCP_SYN_RECV);
    sends(a(ACK | URG | PSH, A_ISN + 1, B_ISN + 1), DF_CONN_TCP_ESTABLISHED);
}

/* ---- closing */

static void closes_from(enum outcome (*one)(uint8_t, uint32_t, uint32_t),
                        enum outcome (*two)(uint8_t, uint32_t, uint32_t))
{
    sends(one(FIN | ACK, 1, 1), DF_CONN_TCP_FIN_WAIT);
    sends(one(FIN | ACK, 1, 1), DF_CONN_TCP_FIN_WAIT);
    sends(one(ACK, 1, 1), DF_CONN_TCP_FIN_WAIT);
    sends(two(ACK, 1, 2), DF_CONN_TCP_CLOSE_WAIT);
    sends(two(ACK, 1, 2), DF_CONN_TCP_CLOSE_WAIT); /* it may go on sending */
    sends(one(ACK, 2, 1), DF_CONN_TCP_CLOSE_WAIT);
    sends(one(FIN | ACK, 1, 1), DF_CONN_TCP_CLOSE_WAIT); /* once more */
    sends(two(FIN | ACK, 1, 2), DF_CONN_TCP_LAST_ACK);
    sends(two(FIN | ACK, 1, 2), DF_CONN_TCP_LAST_ACK);
    sends(two(ACK, 1, 2), DF_CONN_TCP_LAST_ACK);
    sends(one(ACK, 2, 2), DF_CONN_TCP_TIME_WAIT);
    sends(two(FIN | ACK, 1, 2), DF_CONN_TCP_TIME_WAIT);
    sends(one(ACK, 2, 2), DF_CONN_TCP_TIME_WAIT);
}

Test(conn_tcp, close_from_the_original_end)
{
    handshake();
    closes_from(a, b);
}

Test(conn_tcp, close_from_the_other_end)
{
    handshake();
    closes_from(b, a);
}

Test(conn_tcp, close_with_fin_and_ack_at_once)
{
    handshake();
    sends(a(FIN | ACK, 1, 1), DF_CONN_TCP_FIN_WAIT);
    sends(b(FIN | ACK, 1, 2), DF_CONN_TCP_LAST_ACK);
    sends(a(ACK, 2, 2), DF_CONN_TCP_TIME_WAIT);
}

Test(conn_tcp, close_before_the_handshake_is_complete)
{
    syn_ack();
    sends(b(FIN | ACK, B_ISN + 1, A_ISN + 1), DF_CONN_TCP_FIN_WAIT);
    sends(a(FIN | ACK, 1, 1), DF_CONN_TCP_LAST_ACK);
    sends(a(ACK, 1, 1), DF_CONN_TCP_LAST_ACK);
    sends(b(ACK, 1, 1), DF_CONN_TCP_TIME_WAIT);
}

/* ---- a FIN that somebody forges who knows the tuple only */

Test(conn_tcp, a_fin_outside_the_window_passes_and_changes_nothing)
{
    _Atomic uint8_t flow = 1;
    establish(NO_SHIFT, NO_SHIFT);
    df_conn_set_flow(lab_conn, false, &flow);
    sends(a(FIN | ACK, 2000000000, 3000000000), DF_CONN_TCP_ESTABLISHED);
    sends(b(ACK, B_ISN + 1, A_ISN + 1), DF_CONN_TCP_ESTABLISHED);
    sends(a(FIN | ACK, A_ISN + 1 + 1000 + DF_CONN_ACK_NOTE + 1, B_ISN + 1), DF_CONN_TCP_ESTABLISHED);
    sends(b(FIN | ACK, B_ISN - DF_CONN_ACK_NOTE, A_ISN + 1), DF_CONN_TCP_ESTABLISHED);
    cr_assert_eq(flow, 1, "it is still served from the cache");
}

Test(conn_tcp, what_is_outside_the_window_does_not_move_it)
{
    establish(NO_SHIFT, NO_SHIFT);
    sends(a(ACK, 2000000000, 3000000000), DF_CONN_TCP_ESTABLISHED);
    sends(a(FIN | ACK, 2000000000, 3000000000), DF_CONN_TCP_ESTABLISHED);
    sends(b(FIN | ACK, B_ISN + 1, A_ISN + 1), DF_CONN_TCP_FIN_WAIT);
}

Test(conn_tcp, a_fin_at_the_ends_of_the_window)
{
    establish(NO_SHIFT, NO_SHIFT);
    sends(a(FIN | ACK, A_ISN + 1 + 1000 + DF_CONN_ACK_NOTE, B_ISN + 1), DF_CONN_TCP_FIN_WAIT);
}

Test(conn_tcp, the_second_fin_and_the_last_acknowledgement_are_checked_too)
{
    establish(NO_SHIFT, NO_SHIFT);
    sends(a(FIN | ACK, A_ISN + 1, B_ISN + 1), DF_CONN_TCP_FIN_WAIT);
    sends(b(ACK, B_ISN + 1000000, A_ISN + 2), DF_CONN_TCP_FIN_WAIT);
    sends(b(FIN | ACK, B_ISN + 1000000, A_ISN + 2), DF_CONN_TCP_FIN_WAIT);
    sends(b(FIN | ACK, B_ISN + 1, A_ISN + 2), DF_CONN_TCP_LAST_ACK);
    sends(a(ACK, A_ISN + 1000000, B_ISN + 2), DF_CONN_TCP_LAST_ACK);
    sends(a(ACK, A_ISN + 2, B_ISN + 2), DF_CONN_TCP_TIME_WAIT);
}

/* The flow cache serves what a sends and what b acknowledges of it. */
Test(conn_tcp, a_fin_where_the_session_went_on_in_the_cache)
{
    establish(NO_SHIFT, NO_SHIFT);
    for (uint32_t sent = DF_CONN_ACK_NOTE; sent <= 10 * DF_CONN_ACK_NOTE; sent += DF_CONN_ACK_NOTE)
        df_conn_note_ack(lab_conn, true, A_ISN + sent, 500);
    sends(a(FIN | ACK, A_ISN + 11 * DF_CONN_ACK_NOTE, B_ISN + 1), DF_CONN_TCP_FIN_WAIT);
}

/* A receiver that was slow offers room again: nothing new is acknowledged, so it was not noted. */
Test(conn_tcp, a_fin_behind_what_a_window_had_room_for_that_was_shut)
{
    establish(4, 4);
    df_conn_note_ack(lab_conn, true, A_ISN + 1, 60000);
    df_conn_note_ack(lab_conn, true, A_ISN + 1 + 500000, 0);
    sends(a(FIN | ACK, A_ISN + 1 + 500000 + (60000 << 4), B_ISN + 1), DF_CONN_TCP_FIN_WAIT);
}

Test(conn_tcp, who_goes_on_behind_a_fin_has_not_sent_it)
{
    establish(NO_SHIFT, NO_SHIFT);
    sends(a(FIN | ACK, A_ISN + 500, B_ISN + 1), DF_CONN_TCP_FIN_WAIT);
    sends(b(ACK, B_ISN + 1, A_ISN + 1), DF_CONN_TCP_CLOSE_WAIT);
    sends(a(ACK, A_ISN + 1, B_ISN + 1), DF_CONN_TCP_CLOSE_WAIT);
    sends(a(ACK, A_ISN + 501, B_ISN + 1), DF_CONN_TCP_CLOSE_WAIT);
    sends(a(ACK, A_ISN + 502, B_ISN + 1), DF_CONN_TCP_ESTABLISHED);
    sends(b(FIN | ACK, B_ISN + 1, A_ISN + 1), DF_CONN_TCP_FIN_WAIT);
    sends(a(ACK, A_ISN + 502, B_ISN + 2), DF_CONN_TCP_CLOSE_WAIT);
}

Test(conn_tcp, what_is_sent_again_before_a_fin_is_not_behind_it)
{
    establish(NO_SHIFT, NO_SHIFT);
    sends(b(FIN | ACK, B_ISN + 500, A_ISN + 1), DF_CONN_TCP_FIN_WAIT);
    sends(b(ACK, B_ISN + 100, A_ISN + 1), DF_CONN_TCP_FIN_WAIT);
    sends(b(ACK, B_ISN + 501, A_ISN + 1), DF_CONN_TCP_FIN_WAIT);
    sends(a(ACK, A_ISN + 1, B_ISN + 501), DF_CONN_TCP_CLOSE_WAIT);
    sends(b(ACK, B_ISN + 501, A_ISN + 1), DF_CONN_TCP_CLOSE_WAIT);
}

/* ---- the end */

Test(conn_tcp, a_syn_on_a_closed_tuple_begins_anew)
{
    handshake();
    struct df_conn *first = lab_conn;
    closes_from(a, b);
    cr_assert_eq(a(SYN, 5, 0), BEGUN_ANEW);
    cr_assert_neq(lab_conn, first);
    cr_assert_eq(lab_state(), DF_CONN_TCP_SYN_SENT);
    cr_assert_eq(lab_tally().live, 1);
}

Test(conn_tcp, a_syn_on_a_closed_tuple_begins_anew_from_the_other_end_too)
{
    handshake();
    closes_from(a, b);
    cr_assert_eq(b(SYN, 5, 0), BEGUN_ANEW);
    cr_assert_not(lab_reply, "now that is the original direction");
    sends(a(SYN | ACK, 1, 6), DF_CONN_TCP_SYN_RECV);
    cr_assert(lab_reply);
}

Test(conn_tcp, nothing_else_begins_on_a_closed_tuple)
{
    handshake();
    closes_from(a, b);
    sends(b(SYN | ACK, 1, 1), DF_CONN_TCP_TIME_WAIT);
    cr_assert_eq(lab_tally().begun, 1);
}

Test(conn_tcp, time_outs_by_state)
{
    static const struct {
        uint32_t ms;
        enum df_conn_state state;
    } expected[] = {
        {120000, DF_CONN_TCP_SYN_SENT},
        {60000, DF_CONN_TCP_SYN_RECV},
        {432000000, DF_CONN_TCP_ESTABLISHED},
        {120000, DF_CONN_TCP_FIN_WAIT},
        {60000, DF_CONN_TCP_CLOSE_WAIT},
        {30000, DF_CONN_TCP_LAST_ACK},
        {120000, DF_CONN_TCP_TIME_WAIT},
        {10000, DF_CONN_TCP_CLOSE},
        {30000, DF_CONN_UDP_SINGLE},
        {120000, DF_CONN_UDP_STREAM},
        {30000, DF_CONN_ICMP},
        {10000, DF_CONN_SCTP_CLOSED},
        {3000, DF_CONN_SCTP_COOKIE_WAIT},
        {210000, DF_CONN_SCTP_ESTABLISHED},
        {600000, DF_CONN_OTHER},
    };
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
        cr_expect_eq(df_conn_timeouts_default.ms[expected[i].state], expected[i].ms, "%s",
                     df_conn_state_name(expected[i].state));
}

/* ---- picking up */

Test(conn_tcp, picked_up_in_mid_stream)
{
    cr_assert_eq(a(ACK, 100, 200), BEGUN);
    cr_assert_eq(lab_state(), DF_CONN_TCP_PICKED_UP);
    cr_assert(df_conn_is_steady(lab_conn, false));
    cr_assert_not(df_conn_is_steady(lab_conn, true));
    sends(a(ACK, 100, 200), DF_CONN_TCP_PICKED_UP);
    sends(b(ACK, 200, 100), DF_CONN_TCP_ESTABLISHED);
    cr_assert(df_conn_is_steady(lab_conn, true));
}

Test(conn_tcp, picked_up_from_the_end_that_answers)
{
    cr_assert_eq(b(ACK, 100, 200), BEGUN);
    cr_assert_not(lab_reply);
    sends(a(ACK | PSH, 200, 100), DF_CONN_TCP_ESTABLISHED);
    cr_assert(lab_reply);
}

Test(conn_tcp, picked_up_by_a_fin)
{
    cr_assert_eq(a(FIN | ACK, 100, 200), BEGUN);
    cr_assert_eq(lab_state(), DF_CONN_TCP_FIN_WAIT);
    sends(b(FIN | ACK, 200, 101), DF_CONN_TCP_LAST_ACK);
    sends(a(ACK, 101, 201), DF_CONN_TCP_TIME_WAIT);
}

/* Who guesses the tuple of somebody's next connection does not keep it from coming about. */
Test(conn_tcp, what_was_picked_up_and_never_answered_gives_way_to_a_syn)
{
    cr_assert_eq(a(ACK, 100, 200), BEGUN);
    cr_assert_eq(b(SYN, 5, 0), BEGUN_ANEW);
    cr_assert_eq(lab_state(), DF_CONN_TCP_SYN_SENT);
}

Test(conn_tcp, a_syn_ack_or_a_reset_is_not_picked_up)
{
    cr_assert_eq(a(SYN | ACK, 100, 200), INVALID);
    cr_assert_eq(a(RST, 100, 0), INVALID);
    cr_assert_eq(a(RST | ACK, 100, 200), INVALID);
    cr_assert_eq(lab_tally().begun, 0);
}

Test(conn_tcp_strict, nothing_is_picked_up)
{
    cr_assert_eq(a(ACK, 100, 200), INVALID);
    cr_assert_eq(a(FIN | ACK, 100, 200), INVALID);
    cr_assert_eq(lab_tally().begun, 0);
    handshake();
}

/* ---- resets */

/* b resets: is it inside a's window when it is that far behind what a expects? */
static enum outcome reset_by_b(uint32_t distance)
{
    return b(RST, B_ISN + 1 + distance, 0);
}

Test(conn_tcp, a_reset_that_refuses)
{
    syn();
    sends(b(RST | ACK, 0, A_ISN + 1), DF_CONN_TCP_CLOSE);
}

Test(conn_tcp, a_reset_that_does_not_acknowledge_the_syn)
{
    syn();
    cr_assert_eq(b(RST | ACK, 0, A_ISN), OUTSIDE);
    cr_assert_eq(b(RST | ACK, 0, A_ISN + 2), OUTSIDE);
    cr_assert_eq(b(RST, A_ISN + 1, A_ISN + 1), OUTSIDE, "without ACK it acknowledges nothing");
    cr_assert_eq(lab_state(), DF_CONN_TCP_SYN_SENT);
}

Test(conn_tcp, a_reset_of_a_syn_with_data_acknowledges_it_with_the_data_or_without)
{
    static const enum outcome expected[] = {OUTSIDE, PASSED, PASSED, PASSED, OUTSIDE};
    struct df_packet packet = lab_tcp(false, SYN, UINT32_MAX, 0);
    packet.tcp.payload_len = 2;
    for (uint32_t ack = 0; ack < 5; ack++) {
        cr_expect_leq(lab_send(&packet), BEGUN_ANEW);
        cr_expect_eq(b(RST | ACK, 0, UINT32_MAX + ack), expected[ack], "%u", ack);
    }
}

Test(conn_tcp, the_original_end_gives_up)
{
    syn();
    cr_assert_eq(a(RST, A_ISN + 1 + 2 * DF_CONN_ACK_NOTE, 0), OUTSIDE);
    sends(a(RST, A_ISN + 1, 0), DF_CONN_TCP_CLOSE);
}

Test(conn_tcp, a_reset_after_the_handshake_from_an_end_whose_receiver_said_nothing_yet)
{
    syn_ack();
    cr_assert_eq(b(RST, B_ISN + 1 + 2 * DF_CONN_ACK_NOTE, 0), OUTSIDE);
    cr_assert_eq(b(RST, B_ISN + 1 - 2 * DF_CONN_ACK_NOTE, 0), OUTSIDE);
    sends(b(RST, B_ISN + 1, 0), DF_CONN_TCP_CLOSE);
}

Test(conn_tcp, a_reset_inside_the_window)
{
    establish(NO_SHIFT, NO_SHIFT);
    sends(reset_by_b(0), DF_CONN_TCP_CLOSE);
}

Test(conn_tcp, a_reset_at_the_ends_of_the_window)
{
    establish(NO_SHIFT, NO_SHIFT);
    cr_assert_eq(reset_by_b(1000 + DF_CONN_ACK_NOTE + 1), OUTSIDE);
    cr_assert_eq(reset_by_b(0u - DF_CONN_ACK_NOTE - 1), OUTSIDE);
    cr_assert_eq(lab_state(), DF_CONN_TCP_ESTABLISHED);
    sends(reset_by_b(1000 + DF_CONN_ACK_NOTE), DF_CONN_TCP_CLOSE);
    sends(reset_by_b(0u - DF_CONN_ACK_NOTE), DF_CONN_TCP_CLOSE);
}

Test(conn_tcp, the_window_is_scaled_by_the_shift_of_its_side)
{
    establish(4, 0);
    cr_assert_eq(reset_by_b((1000 << 4) + DF_CONN_ACK_NOTE + 1), OUTSIDE);
    sends(reset_by_b((1000 << 4) + DF_CONN_ACK_NOTE), DF_CONN_TCP_CLOSE);
}

Test(conn_tcp, nobody_scales_if_one_does_not)
{
    establish(4, NO_SHIFT);
    cr_assert_eq(reset_by_b((1000 << 4) + DF_CONN_ACK_NOTE), OUTSIDE);
    cr_assert_eq(a(RST, A_ISN + 1 + 1000 + DF_CONN_ACK_NOTE + 1, 0), OUTSIDE);
    sends(a(RST, A_ISN + 1 + 1000 + DF_CONN_ACK_NOTE, 0), DF_CONN_TCP_CLOSE);
}

Test(conn_tcp, the_window_moves_with_what_is_acknowledged)
{
    establish(NO_SHIFT, NO_SHIFT);
    uint32_t far = B_ISN + 1 + 1000000;
    cr_assert_eq(b(RST, far, 0), OUTSIDE);
    df_conn_note_ack(lab_conn, false, far, 2000);
    cr_assert_eq(reset_by_b(0), OUTSIDE);
    cr_assert_eq(b(RST, far + 2000 + DF_CONN_ACK_NOTE + 1, 0), OUTSIDE);
    sends(b(RST, far + 2000, 0), DF_CONN_TCP_CLOSE);
}

Test(conn_tcp, a_note_of_the_fast_path_keeps_the_shift)
{
    establish(4, 4);
    df_conn_note_ack(lab_conn, false, B_ISN + 1, 1000);
    cr_assert_eq(reset_by_b((1000 << 4) + DF_CONN_ACK_NOTE + 1), OUTSIDE);
    sends(reset_by_b((1000 << 4) + DF_CONN_ACK_NOTE), DF_CONN_TCP_CLOSE);
}

Test(conn_tcp, a_late_syn_does_not_move_the_window)
{
    establish(NO_SHIFT, NO_SHIFT);
    struct df_packet late = lab_tcp(false, SYN, 123456, 0);
    late.tcp.window_shift = 14;
    cr_assert_eq(lab_send(&late), PASSED);
    cr_assert_eq(reset_by_b(1000 + DF_CONN_ACK_NOTE + 1), OUTSIDE);
    sends(reset_by_b(1000), DF_CONN_TCP_CLOSE);
}

Test(conn_tcp, a_reset_of_what_was_picked_up)
{
    cr_assert_eq(a(ACK, 100, 1000000), BEGUN);
    cr_assert_eq(b(RST, 1000000 + (1000 << 7) + DF_CONN_ACK_NOTE + 1, 0), OUTSIDE);
    cr_assert_eq(a(RST, 100 + DF_CONN_ACK_NOTE + 1, 0), OUTSIDE, "of b nothing is known but that a sent this");
    cr_assert_eq(lab_state(), DF_CONN_TCP_PICKED_UP);
    sends(a(RST, 100, 0), DF_CONN_TCP_CLOSE);
}

Test(conn_tcp, a_reset_after_a_reset_is_checked_too)
{
    establish(NO_SHIFT, NO_SHIFT);
    sends(reset_by_b(0), DF_CONN_TCP_CLOSE);
    cr_assert_eq(reset_by_b(500000), OUTSIDE);
}

/* ---- a reset in the window, but not with the number that is expected next (RFC 5961 section 3.2) */

Test(conn_tcp, who_does_not_heed_a_reset_goes_on)
{
    _Atomic uint8_t flow = 1;
    establish(NO_SHIFT, NO_SHIFT);
    sends(reset_by_b(500), DF_CONN_TCP_CLOSE);
    sends(a(ACK, A_ISN + 1, B_ISN + 1), DF_CONN_TCP_ESTABLISHED); /* the challenge */
    df_conn_set_flow(lab_conn, false, &flow);
    cr_assert_eq(flow, 1, "it can be cached again");
    sends(b(ACK, B_ISN + 1, A_ISN + 1), DF_CONN_TCP_ESTABLISHED);
}

Test(conn_tcp, the_challenge_may_be_lost_or_not_be_sent)
{
    establish(NO_SHIFT, NO_SHIFT);
    sends(reset_by_b(500), DF_CONN_TCP_CLOSE);
    sends(reset_by_b(600), DF_CONN_TCP_CLOSE);
    sends(b(ACK | PSH, B_ISN + 1, A_ISN + 1), DF_CONN_TCP_ESTABLISHED);
}

Test(conn_tcp, nobody_goes_on_after_a_reset_that_was_expected)
{
    establish(NO_SHIFT, NO_SHIFT);
    sends(reset_by_b(0), DF_CONN_TCP_CLOSE);
    sends(a(ACK, A_ISN + 1, B_ISN + 1), DF_CONN_TCP_CLOSE);
    sends(b(ACK, B_ISN + 1, A_ISN + 1), DF_CONN_TCP_CLOSE);
    sends(reset_by_b(500), DF_CONN_TCP_CLOSE);
    sends(a(ACK, A_ISN + 1, B_ISN + 1), DF_CONN_TCP_CLOSE);
}

Test(conn_tcp, after_a_reset_in_doubt_comes_one_that_is_expected)
{
    establish(NO_SHIFT, NO_SHIFT);
    sends(reset_by_b(500), DF_CONN_TCP_CLOSE);
    sends(reset_by_b(0), DF_CONN_TCP_CLOSE);
    sends(a(ACK, A_ISN + 1, B_ISN + 1), DF_CONN_TCP_CLOSE);
}

/* a resets while it sends: what b acknowledges of it passes the reset, and a, which is closed, resets that. */
Test(conn_tcp, what_was_in_flight_when_it_was_reset_does_not_keep_it)
{
    establish(NO_SHIFT, NO_SHIFT);
    sends(a(RST | ACK, A_ISN + 801, B_ISN + 1), DF_CONN_TCP_CLOSE);
    sends(b(ACK, B_ISN + 1, A_ISN + 401), DF_CONN_TCP_ESTABLISHED);
    sends(b(ACK, B_ISN + 1, A_ISN + 801), DF_CONN_TCP_ESTABLISHED);
    sends(a(RST, A_ISN + 401, 0), DF_CONN_TCP_CLOSE);
    sends(a(RST, A_ISN + 801, 0), DF_CONN_TCP_CLOSE);
    sends(b(ACK, B_ISN + 1, A_ISN + 801), DF_CONN_TCP_CLOSE);
}

Test(conn_tcp, a_reset_in_doubt_has_the_time_out_of_a_reset)
{
    establish(NO_SHIFT, NO_SHIFT);
    sends(reset_by_b(500), DF_CONN_TCP_CLOSE);
    lab_now_ms += df_conn_timeouts_default.ms[DF_CONN_TCP_CLOSE] + 1;
    cr_assert_eq(lab_age(), 1);
}

Test(conn_tcp, what_is_outside_the_window_does_not_undo_a_reset)
{
    establish(NO_SHIFT, NO_SHIFT);
    sends(reset_by_b(500), DF_CONN_TCP_CLOSE);
    sends(a(ACK, A_ISN + 1000000, B_ISN + 1), DF_CONN_TCP_CLOSE);
    cr_assert_eq(a(SYN | ACK, A_ISN + 1, B_ISN + 1), INVALID);
}

Test(conn_tcp, no_syn_takes_the_place_of_what_a_reset_may_have_left)
{
    establish(NO_SHIFT, NO_SHIFT);
    sends(reset_by_b(500), DF_CONN_TCP_CLOSE);
    cr_assert_eq(b(SYN, 777, 0), INVALID);
    sends(a(SYN, 777, 0), DF_CONN_TCP_CLOSE);
    sends(b(ACK, B_ISN + 1, A_ISN + 1), DF_CONN_TCP_ESTABLISHED);
}

Test(conn_tcp, what_is_closing_goes_on_closing_after_a_reset_in_doubt)
{
    establish(NO_SHIFT, NO_SHIFT);
    sends(b(FIN | ACK, B_ISN + 1, A_ISN + 1), DF_CONN_TCP_FIN_WAIT);
    sends(a(RST, A_ISN + 500, 0), DF_CONN_TCP_CLOSE);
    sends(a(ACK, A_ISN + 1, B_ISN + 2), DF_CONN_TCP_CLOSE_WAIT);
    sends(a(FIN | ACK, A_ISN + 1, B_ISN + 2), DF_CONN_TCP_LAST_ACK);
    sends(b(RST, B_ISN + 500, 0), DF_CONN_TCP_CLOSE);
    sends(b(ACK, B_ISN + 2, A_ISN + 2), DF_CONN_TCP_TIME_WAIT);
}

Test(conn_tcp, a_handshake_goes_on_after_a_reset_in_doubt)
{
    syn();
    sends(a(RST, A_ISN + 1, 0), DF_CONN_TCP_CLOSE);
    sends(b(SYN | ACK, B_ISN, A_ISN + 1), DF_CONN_TCP_SYN_RECV);
    sends(a(RST, A_ISN + 2, 0), DF_CONN_TCP_CLOSE);
    cr_assert_eq(a(ACK, A_ISN + 1, 777), INVALID);
    sends(a(ACK, A_ISN + 1, B_ISN + 1), DF_CONN_TCP_ESTABLISHED);
}

/* ---- fragments */

Test(conn_tcp, later_fragments_follow_the_first_one_and_begin_nothing)
{
    struct df_packet later = lab_tcp(false, 0, 0, 0);
    later.bits |= DF_PACKET_FRAGMENT | DF_PACKET_LATER_FRAGMENT;
    cr_assert_eq(lab_send(&later), INVALID);
    handshake();
    sends(lab_send(&later), DF_CONN_TCP_ESTABLISHED);
    later.tcp.flags = RST; /* what the union holds is not of a TCP header */
    sends(lab_send(&later), DF_CONN_TCP_ESTABLISHED);
}

/* ---- cached flows */

Test(conn_tcp, the_first_fin_ends_the_cached_flows_of_both_directions)
{
    _Atomic uint8_t flow[2] = {1, 1};
    handshake();
    df_conn_set_flow(lab_conn, false, &flow[0]);
    df_conn_set_flow(lab_conn, true, &flow[1]);
    sends(a(ACK, A_ISN + 1, B_ISN + 1), DF_CONN_TCP_ESTABLISHED);
    cr_assert(flow[0] == 1 && flow[1] == 1);
    sends(a(FIN | ACK, A_ISN + 1, B_ISN + 1), DF_CONN_TCP_FIN_WAIT);
    cr_assert(flow[0] == 0 && flow[1] == 0);
}

Test(conn_tcp, a_flow_that_comes_too_late_ends_at_once)
{
    _Atomic uint8_t flow = 1;
    handshake();
    sends(a(FIN | ACK, A_ISN + 1, B_ISN + 1), DF_CONN_TCP_FIN_WAIT);
    df_conn_set_flow(lab_conn, false, &flow);
    cr_assert_eq(flow, 0);
}
