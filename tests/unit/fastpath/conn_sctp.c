/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/packet/sctp.h"
#include "tests/unit/fastpath/conn_lab.h"

/* The states of an SCTP association, and the tags that its packets have to carry. */

#define A_TAG 0xaaaau /* chosen by a: what b's packets carry */
#define B_TAG 0xbbbbu

static void open_lab(void)
{
    lab_open(100, 100);
}

TestSuite(conn_sctp, .init = open_lab, .fini = lab_close);

static enum outcome sent(bool from_b, uint8_t chunk, uint32_t tag, uint32_t initiate_tag)
{
    struct df_packet packet = lab_ports(IPPROTO_SCTP, from_b);
    packet.sctp.has_chunk = true;
    packet.sctp.chunk = chunk;
    packet.sctp.tag = tag;
    packet.sctp.initiate_tag = initiate_tag;
    return lab_send(&packet);
}

/* A chunk with the tag that it should have. */
static enum outcome a(uint8_t chunk)
{
    return sent(false, chunk, B_TAG, 0);
}

static enum outcome b(uint8_t chunk)
{
    return sent(true, chunk, A_TAG, 0);
}

static void sends(enum outcome outcome, enum df_conn_state state)
{
    cr_expect_eq(outcome, PASSED);
    cr_expect_eq(lab_state(), state, "%s", df_conn_state_name(lab_state()));
}

static void init(void)
{
    cr_assert_eq(sent(false, DF_SCTP_INIT, 0, A_TAG), BEGUN);
    cr_assert_eq(lab_state(), DF_CONN_SCTP_COOKIE_WAIT);
}

static void init_ack(void)
{
    init();
    sends(sent(true, DF_SCTP_INIT_ACK, A_TAG, B_TAG), DF_CONN_SCTP_COOKIE_WAIT);
}

static void establish(void)
{
    init_ack();
    sends(a(DF_SCTP_COOKIE_ECHO), DF_CONN_SCTP_COOKIE_ECHOED);
    sends(b(DF_SCTP_COOKIE_ACK), DF_CONN_SCTP_ESTABLISHED);
}

/* ---- the states */

Test(conn_sctp, from_init_to_shutdown_complete)
{
    establish();
    cr_assert(df_conn_is_steady(lab_conn, false) && df_conn_is_steady(lab_conn, true));
    sends(a(DF_SCTP_DATA), DF_CONN_SCTP_ESTABLISHED);
    sends(b(DF_SCTP_SACK), DF_CONN_SCTP_ESTABLISHED);
    sends(a(DF_SCTP_SHUTDOWN), DF_CONN_SCTP_SHUTDOWN_SENT);
    cr_assert_not(df_conn_is_steady(lab_conn, false));
    sends(b(DF_SCTP_DATA), DF_CONN_SCTP_SHUTDOWN_SENT);
    sends(b(DF_SCTP_SHUTDOWN_ACK), DF_CONN_SCTP_SHUTDOWN_ACK_SENT);
    sends(a(DF_SCTP_SHUTDOWN_COMPLETE), DF_CONN_SCTP_CLOSED);
    cr_assert_eq(lab_tally().begun, 1);
}

Test(conn_sctp, shutdown_by_the_other_end)
{
    establish();
    sends(b(DF_SCTP_SHUTDOWN), DF_CONN_SCTP_SHUTDOWN_RECD);
    sends(a(DF_SCTP_SHUTDOWN_ACK), DF_CONN_SCTP_SHUTDOWN_ACK_SENT);
    sends(b(DF_SCTP_SHUTDOWN_COMPLETE), DF_CONN_SCTP_CLOSED);
}

Test(conn_sctp, shutdown_by_both_at_once)
{
    establish();
    sends(a(DF_SCTP_SHUTDOWN), DF_CONN_SCTP_SHUTDOWN_SENT);
    sends(b(DF_SCTP_SHUTDOWN), DF_CONN_SCTP_SHUTDOWN_SENT);
    sends(a(DF_SCTP_SHUTDOWN_ACK), DF_CONN_SCTP_SHUTDOWN_ACK_SENT);
    sends(b(DF_SCTP_SHUTDOWN_ACK), DF_CONN_SCTP_SHUTDOWN_ACK_SENT);
    sends(a(DF_SCTP_SHUTDOWN_COMPLETE), DF_CONN_SCTP_CLOSED);
}

Test(conn_sctp, both_begin_at_once)
{
    init();
    sends(sent(true, DF_SCTP_INIT, 0, B_TAG), DF_CONN_SCTP_COOKIE_WAIT);
    sends(sent(true, DF_SCTP_INIT_ACK, A_TAG, B_TAG), DF_CONN_SCTP_COOKIE_WAIT);
    sends(sent(false, DF_SCTP_INIT_ACK, B_TAG, A_TAG), DF_CONN_SCTP_COOKIE_WAIT);
    sends(b(DF_SCTP_COOKIE_ECHO), DF_CONN_SCTP_COOKIE_ECHOED);
    sends(a(DF_SCTP_COOKIE_ACK), DF_CONN_SCTP_ESTABLISHED);
    sends(a(DF_SCTP_DATA), DF_CONN_SCTP_ESTABLISHED);
    sends(b(DF_SCTP_DATA), DF_CONN_SCTP_ESTABLISHED);
}

Test(conn_sctp, init_may_be_sent_again)
{
    init();
    sends(sent(false, DF_SCTP_INIT, 0, A_TAG), DF_CONN_SCTP_COOKIE_WAIT);
    sends(sent(true, DF_SCTP_INIT_ACK, A_TAG, B_TAG), DF_CONN_SCTP_COOKIE_WAIT);
    sends(a(DF_SCTP_COOKIE_ECHO), DF_CONN_SCTP_COOKIE_ECHOED);
    sends(a(DF_SCTP_COOKIE_ECHO), DF_CONN_SCTP_COOKIE_ECHOED);
}

Test(conn_sctp, there_is_no_data_before_the_cookie)
{
    init_ack();
    cr_assert_eq(a(DF_SCTP_DATA), INVALID);
    cr_assert_eq(b(DF_SCTP_DATA), INVALID);
    cr_assert_eq(a(DF_SCTP_HEARTBEAT), INVALID);
    cr_assert_eq(b(DF_SCTP_COOKIE_ACK), INVALID);
    cr_assert_eq(a(DF_SCTP_SHUTDOWN), INVALID);
    cr_assert_eq(lab_state(), DF_CONN_SCTP_COOKIE_WAIT);
}

Test(conn_sctp, only_init_and_heartbeat_begin)
{
    for (unsigned chunk = 0; chunk < 256; chunk++)
        if (chunk != DF_SCTP_INIT && chunk != DF_SCTP_HEARTBEAT)
            cr_expect_eq(a((uint8_t)chunk), INVALID, "chunk %u", chunk);
    struct df_packet none = lab_ports(IPPROTO_SCTP, false);
    none.sctp.chunk = DF_SCTP_INIT;
    none.sctp.initiate_tag = A_TAG;
    cr_assert_eq(lab_send(&none), INVALID, "no chunk at all");
    cr_assert_eq(lab_tally().begun, 0);
}

Test(conn_sctp, abort_closes_in_any_state)
{
    establish();
    sends(b(DF_SCTP_ABORT), DF_CONN_SCTP_CLOSED);
    cr_assert_eq(sent(false, DF_SCTP_INIT, 0, 5), BEGUN_ANEW);
    sends(sent(true, DF_SCTP_ABORT, 5, 0), DF_CONN_SCTP_CLOSED);
    cr_assert_eq(sent(true, DF_SCTP_INIT, 0, 6), BEGUN_ANEW, "from the other end too");
    cr_assert_eq(lab_state(), DF_CONN_SCTP_COOKIE_WAIT);
}

Test(conn_sctp, nothing_but_init_begins_on_a_closed_tuple)
{
    establish();
    sends(b(DF_SCTP_ABORT), DF_CONN_SCTP_CLOSED);
    cr_assert_eq(a(DF_SCTP_COOKIE_ECHO), INVALID);
    cr_assert_eq(a(DF_SCTP_HEARTBEAT), INVALID);
    sends(a(DF_SCTP_DATA), DF_CONN_SCTP_CLOSED);
}

Test(conn_sctp, heartbeats_on_another_path)
{
    cr_assert_eq(a(DF_SCTP_HEARTBEAT), BEGUN);
    cr_assert_eq(lab_state(), DF_CONN_SCTP_HEARTBEAT_SENT);
    sends(a(DF_SCTP_HEARTBEAT), DF_CONN_SCTP_HEARTBEAT_SENT);
    cr_assert_eq(sent(false, DF_SCTP_DATA, B_TAG + 1, 0), INVALID, "its tag is known");
    sends(b(DF_SCTP_HEARTBEAT_ACK), DF_CONN_SCTP_ESTABLISHED);
    cr_assert_eq(sent(true, DF_SCTP_DATA, A_TAG + 1, 0), INVALID, "and that of the other end");
    sends(b(DF_SCTP_DATA), DF_CONN_SCTP_ESTABLISHED);
    sends(a(DF_SCTP_DATA), DF_CONN_SCTP_ESTABLISHED);
}

/* The peer has the association, and ends it: its tag was not seen on this path before. */
Test(conn_sctp, an_abort_on_another_path_tells_its_tag)
{
    cr_assert_eq(a(DF_SCTP_HEARTBEAT), BEGUN);
    cr_assert_eq(sent(false, DF_SCTP_ABORT, B_TAG + 1, 0), INVALID, "this end's is known");
    cr_assert_eq(sent(true, DF_SCTP_ABORT, 0, 0), INVALID);
    sends(b(DF_SCTP_ABORT), DF_CONN_SCTP_CLOSED);
}

Test(conn_sctp, an_abort_on_another_path_has_the_tag_that_is_known_by_then)
{
    cr_assert_eq(a(DF_SCTP_HEARTBEAT), BEGUN);
    sends(b(DF_SCTP_HEARTBEAT_ACK), DF_CONN_SCTP_ESTABLISHED);
    cr_assert_eq(sent(true, DF_SCTP_ABORT, A_TAG + 1, 0), INVALID);
    sends(b(DF_SCTP_ABORT), DF_CONN_SCTP_CLOSED);
}

Test(conn_sctp, an_association_that_begins_is_not_aborted_by_any_tag)
{
    init();
    cr_assert_eq(sent(false, DF_SCTP_ABORT, B_TAG, 0), INVALID, "the other end has told none yet");
    cr_assert_eq(lab_state(), DF_CONN_SCTP_COOKIE_WAIT);
}

Test(conn_sctp, an_association_begins_where_a_heartbeat_had_no_answer)
{
    cr_assert_eq(a(DF_SCTP_HEARTBEAT), BEGUN);
    cr_assert_eq(b(DF_SCTP_COOKIE_ECHO), INVALID);
    cr_assert_eq(sent(true, DF_SCTP_INIT, 0, B_TAG), BEGUN_ANEW);
}

/* ---- tags */

Test(conn_sctp, init_has_no_tag_and_announces_one)
{
    cr_assert_eq(sent(false, DF_SCTP_INIT, 1, A_TAG), INVALID);
    cr_assert_eq(sent(false, DF_SCTP_INIT, 0, 0), INVALID);
    cr_assert_eq(sent(false, DF_SCTP_HEARTBEAT, 0, 0), INVALID);
    cr_assert_eq(lab_tally().begun, 0);
    establish();
    cr_assert_eq(sent(false, DF_SCTP_INIT, 1, A_TAG), INVALID);
    cr_assert_eq(sent(false, DF_SCTP_DATA, 0, 0), INVALID);
}

Test(conn_sctp, an_init_ack_answers_the_init)
{
    init();
    cr_assert_eq(sent(true, DF_SCTP_INIT_ACK, A_TAG + 1, B_TAG), INVALID);
    cr_assert_eq(sent(true, DF_SCTP_INIT_ACK, A_TAG, 0), INVALID);
    cr_assert_eq(sent(false, DF_SCTP_INIT_ACK, B_TAG, A_TAG), INVALID, "there was no INIT of the other end");
    sends(sent(true, DF_SCTP_INIT_ACK, A_TAG, B_TAG), DF_CONN_SCTP_COOKIE_WAIT);
    cr_assert_eq(sent(false, DF_SCTP_COOKIE_ECHO, B_TAG + 1, 0), INVALID);
    sends(a(DF_SCTP_COOKIE_ECHO), DF_CONN_SCTP_COOKIE_ECHOED);
    cr_assert_eq(sent(true, DF_SCTP_COOKIE_ACK, A_TAG + 1, 0), INVALID);
}

Test(conn_sctp, wrong_tags_in_an_association)
{
    static const uint8_t chunks[] = {DF_SCTP_DATA,     DF_SCTP_SACK,         DF_SCTP_ABORT,
                                     DF_SCTP_SHUTDOWN, DF_SCTP_SHUTDOWN_ACK, DF_SCTP_SHUTDOWN_COMPLETE,
                                     DF_SCTP_ERROR,    DF_SCTP_HEARTBEAT,    DF_SCTP_COOKIE_ECHO};
    establish();
    for (size_t i = 0; i < sizeof(chunks); i++) {
        cr_expect_eq(sent(false, chunks[i], B_TAG + 1, 0), INVALID, "chunk %u", chunks[i]);
        cr_expect_eq(sent(true, chunks[i], 0, 0), INVALID, "chunk %u", chunks[i]);
    }
    cr_assert_eq(sent(false, DF_SCTP_DATA, A_TAG, 0), INVALID, "the other direction's");
    cr_assert_eq(lab_state(), DF_CONN_SCTP_ESTABLISHED);
}

/* RFC 9260 section 8.5.1: who does not know the tag sends back the one it got. */
Test(conn_sctp, an_abort_may_have_the_tag_of_the_packet_it_answers)
{
    establish();
    sends(sent(true, DF_SCTP_ABORT, B_TAG, 0), DF_CONN_SCTP_CLOSED);
}

Test(conn_sctp, an_abort_that_refuses_has_the_tag_of_the_init)
{
    init();
    cr_assert_eq(sent(true, DF_SCTP_ABORT, A_TAG + 1, 0), INVALID);
    sends(sent(true, DF_SCTP_ABORT, A_TAG, 0), DF_CONN_SCTP_CLOSED);
}

/* RFC 9260 section 5.2.2. */
Test(conn_sctp, an_end_that_restarts)
{
    establish();
    sends(sent(false, DF_SCTP_INIT, 0, 7), DF_CONN_SCTP_ESTABLISHED);
    sends(sent(true, DF_SCTP_INIT_ACK, 7, 8), DF_CONN_SCTP_ESTABLISHED);
    sends(b(DF_SCTP_DATA), DF_CONN_SCTP_ESTABLISHED);
    sends(sent(false, DF_SCTP_COOKIE_ECHO, 8, 0), DF_CONN_SCTP_ESTABLISHED);
    sends(sent(true, DF_SCTP_COOKIE_ACK, 7, 0), DF_CONN_SCTP_ESTABLISHED);
    sends(sent(true, DF_SCTP_DATA, 7, 0), DF_CONN_SCTP_ESTABLISHED);
    sends(sent(false, DF_SCTP_DATA, 8, 0), DF_CONN_SCTP_ESTABLISHED);
    cr_assert_eq(b(DF_SCTP_DATA), INVALID, "the old tags are over");
}

/* Anybody can send an INIT: it has no tag that would have to be known. */
Test(conn_sctp, an_init_alone_changes_nothing)
{
    establish();
    sends(sent(true, DF_SCTP_INIT, 0, 666), DF_CONN_SCTP_ESTABLISHED);
    cr_assert_eq(sent(false, DF_SCTP_DATA, 666, 0), INVALID);
    cr_assert_eq(sent(false, DF_SCTP_ABORT, 666, 0), INVALID);
    sends(a(DF_SCTP_DATA), DF_CONN_SCTP_ESTABLISHED);
    sends(b(DF_SCTP_DATA), DF_CONN_SCTP_ESTABLISHED);
}

Test(conn_sctp, later_fragments_follow_the_first_one)
{
    struct df_packet later = lab_ports(IPPROTO_SCTP, false);
    later.bits |= DF_PACKET_FRAGMENT | DF_PACKET_LATER_FRAGMENT;
    cr_assert_eq(lab_send(&later), INVALID);
    establish();
    sends(lab_send(&later), DF_CONN_SCTP_ESTABLISHED);
}
