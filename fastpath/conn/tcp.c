/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/conn/tcp_numbers.h"

/*
 * TCP (RFC 9293 section 3.3.2), as it looks from between the two ends.
 *
 * State                What was seen                                        The ends are at most in
 * SYN_SENT             a SYN                                                SYN-SENT, LISTEN
 * SYN_SENT2            a SYN from either end (section 3.5, figure 7)        SYN-SENT, SYN-RECEIVED
 * SYN_RECV             a SYN and its SYN+ACK                                ESTABLISHED, SYN-RECEIVED
 * ESTABLISHED          and the ACK of that                                  ESTABLISHED
 * PICKED_UP            a segment in mid-stream, from the original end only  any
 * FIN_WAIT             a FIN                                                FIN-WAIT-1, CLOSE-WAIT
 * CLOSE_WAIT           and the other end's ACK                              FIN-WAIT-2, CLOSE-WAIT
 * LAST_ACK             and the other end's FIN                              FIN-WAIT-2 or CLOSING, LAST-ACK
 * TIME_WAIT            and the ACK of that                                  TIME-WAIT, CLOSED
 * CLOSE                a RST                                                CLOSED, or as before
 *
 * Who gets a reset in its window heeds it only if it has the very number that is expected next, and otherwise answers
 * with a challenge and goes on (RFC 5961 section 3.2). That number is not known here to the byte (tcp_numbers.h). So
 * after a reset that may not be heeded the word says which state was before, and the connection is judged as if it was
 * in that, but has CLOSE's time-out. It goes back to that state with the next segment of either end. Were they in flight,
 * and the connection is gone, then they are answered by a reset that has the number which they told.
 */

#define FIN 0x01
#define SYN 0x02
#define RST 0x04
#define ACK 0x10

/* What a segment is. Of a combination that no TCP sends none of this (RFC 9293 section 3.10.7, RFC 5961). */
enum segment { A_SYNACK, A_FIN, AN_ACK, A_RST, SEGMENTS, A_SYN = SEGMENTS, NONSENSE };

static enum segment segment_of(const struct df_packet *packet)
{
    switch (packet->tcp.flags & (FIN | SYN | RST | ACK)) {
    case SYN:
        return A_SYN;
    case SYN | ACK:
        return A_SYNACK;
    case FIN | ACK:
        return A_FIN;
    case ACK:
        return AN_ACK;
    case RST:
    case RST | ACK:
        return A_RST;
    default:
        return NONSENSE;
    }
}

/* ---- the state before a reset that may not be heeded */

#define BEFORE_RESET (0xfu << CONN_BEFORE_RESET_AT) /* 0: none, else from 1 on in the order of states */

static uint32_t with_reset(uint32_t word)
{
    uint32_t before = DF_CONN_STATE(word) - (uint32_t)DF_CONN_TCP_SYN_SENT + 1;
    return conn_with_state(word, DF_CONN_TCP_CLOSE) | before << CONN_BEFORE_RESET_AT;
}

static uint32_t without_reset(uint32_t word)
{
    uint32_t before = (word & BEFORE_RESET) >> CONN_BEFORE_RESET_AT;
    if (DF_CONN_STATE(word) != DF_CONN_TCP_CLOSE || before == 0)
        return word;
    return conn_with_state(word & ~BEFORE_RESET, (uint8_t)(before - 1 + DF_CONN_TCP_SYN_SENT));
}

/* ---- the tables: the state after a segment, or one of these */

enum { STAY = 0xff, ANEW = 0xfe, BAD = 0xfd };

#define SR DF_CONN_TCP_SYN_RECV
#define ES DF_CONN_TCP_ESTABLISHED
#define FW DF_CONN_TCP_FIN_WAIT
#define CW DF_CONN_TCP_CLOSE_WAIT
#define LA DF_CONN_TCP_LAST_ACK
#define TW DF_CONN_TCP_TIME_WAIT
#define CL DF_CONN_TCP_CLOSE
#define S2 DF_CONN_TCP_SYN_SENT2
#define ROW(state) [DF_CONN_TCP_##state - DF_CONN_TCP_SYN_SENT]
#define ROWS (DF_CONN_TCP_PICKED_UP - DF_CONN_TCP_SYN_SENT + 1)
_Static_assert(ROWS <= 0xf, "BEFORE_RESET");

/*
 * A SYN. In a connection that goes on, the one who gets it answers with a challenge (RFC 9293 section 3.10.7.4, RFC
 * 5961 section 4), so it passes and changes nothing. Not in the reply direction: it would reach a port that was let
 * out, not in. Where nothing is left, or was never confirmed, it begins another connection (RFC 9293 section 3.6.1).
 */
/* clang-format off */
static const uint8_t after_syn[ROWS][2] = {
    /*                  original, reply */
    ROW(SYN_SENT) =    {STAY, S2},
    ROW(SYN_SENT2) =   {STAY, STAY},
    ROW(SYN_RECV) =    {STAY, BAD},
    ROW(ESTABLISHED) = {STAY, BAD},
    ROW(PICKED_UP) =   {ANEW, ANEW},
    ROW(FIN_WAIT) =    {STAY, BAD},
    ROW(CLOSE_WAIT) =  {STAY, BAD},
    ROW(LAST_ACK) =    {STAY, BAD},
    ROW(TIME_WAIT) =   {ANEW, ANEW},
    ROW(CLOSE) =       {ANEW, ANEW},
};
/* clang-format on */

/*
 * Every other segment: from the original end, and from the other; once there was a FIN: from the end whose FIN was
 * first, and from the other. FIN is with ACK, and whether there is data does not matter.
 */
/* clang-format off */
static const uint8_t after_segment[ROWS][2][SEGMENTS] = {
    /*                   SYN+ACK FIN   ACK   RST     SYN+ACK FIN   ACK   RST */
    /* Before the SYN is answered nothing but its answer counts; an ACK is for an older connection and will be answered
       by a reset (RFC 9293 section 3.5.1, figure 9). */
    ROW(SYN_SENT) =    {{BAD,  BAD,  BAD,  CL},    {SR,   BAD,  STAY, CL}},
    ROW(SYN_SENT2) =   {{SR,   BAD,  BAD,  CL},    {SR,   BAD,  STAY, CL}},
    ROW(SYN_RECV) =    {{STAY, FW,   ES,   CL},    {STAY, FW,   STAY, CL}},
    /* The end that answers a SYN here has lost its memory: a handshake anew (RFC 9293 section 3.5.1). */
    ROW(ESTABLISHED) = {{BAD,  FW,   STAY, CL},    {SR,   FW,   STAY, CL}},
    ROW(PICKED_UP) =   {{BAD,  FW,   STAY, CL},    {BAD,  FW,   ES,   CL}},
    /* Who closed first stands left from here on (RFC 9293 section 3.6, figures 12 and 13). */
    ROW(FIN_WAIT) =    {{SR,   STAY, STAY, CL},    {SR,   LA,   CW,   CL}},
    ROW(CLOSE_WAIT) =  {{SR,   STAY, STAY, CL},    {SR,   LA,   STAY, CL}},
    ROW(LAST_ACK) =    {{SR,   STAY, TW,   CL},    {SR,   STAY, STAY, CL}},
    ROW(TIME_WAIT) =   {{STAY, STAY, STAY, CL},    {STAY, STAY, STAY, CL}},
    ROW(CLOSE) =       {{STAY, STAY, STAY, STAY},  {STAY, STAY, STAY, STAY}},
};
/* clang-format on */

static bool is_closing(uint8_t state)
{
    return state == FW || state == CW || state == LA;
}

/* Of a connection that is closing: is the segment from the end whose FIN was first? */
static bool is_of_closer(uint32_t word, bool reply)
{
    return reply == ((word & CONN_CLOSED_BY_REPLY) != 0);
}

static uint8_t look_up(uint32_t word, bool reply, enum segment segment)
{
    uint8_t state = DF_CONN_STATE(word);
    unsigned row = state - (unsigned)DF_CONN_TCP_SYN_SENT;
    if (row >= ROWS) /* it was taken down this moment */
        return segment == NONSENSE ? BAD : STAY;
    if (segment == NONSENSE)
        return BAD;
    if (segment == A_SYN)
        return after_syn[row][reply];
    bool other = is_closing(state) ? !is_of_closer(word, reply) : reply;
    return after_segment[row][other][segment];
}

/* ---- sequence numbers */

/*
 * Would the one who gets the segment take it for a part of the connection? What it would not changes nothing: it may
 * come from anybody who knows the tuple. Not of SYNs and resets.
 */
static bool is_taken(const struct df_conn *conn, uint32_t word, bool reply, enum segment segment,
                     const struct df_packet *packet)
{
    switch (DF_CONN_STATE(word)) {
    case DF_CONN_TCP_SYN_SENT:
    case S2: /* what does not acknowledge the SYN is answered by a reset (RFC 9293 section 3.10.7.3) */
        return segment == A_SYNACK && df_tcp_acknowledges_syn(conn, reply, packet);
    case SR:
        if (!reply)
            return df_tcp_completes_handshake(conn, packet);
        if (segment == A_SYNACK)
            return df_tcp_repeats_answer(conn, packet);
        break;
    case DF_CONN_TCP_PICKED_UP: /* of the other end nothing is known before its first acknowledgement */
        if (segment == AN_ACK)
            return true;
        break;
    default:
        if (segment == A_SYNACK)
            return df_tcp_answers_later_syn(conn, reply, packet);
    }
    return df_tcp_is_in_window(conn, reply, packet);
}

/*
 * A handshake is completed by who got the SYN+ACK alone: otherwise two packets from an address that is somebody else's
 * would make a connection that lives for days. Where it does not acknowledge the SYN+ACK it is no part of a connection,
 * as Linux has it, and the end that it is for would reset it (RFC 9293 section 3.10.7.4).
 */
static bool is_forged(const struct df_conn *conn, uint32_t word, bool reply, enum segment segment,
                      const struct df_packet *packet)
{
    return DF_CONN_STATE(word) == SR && !reply && segment < A_RST && !is_taken(conn, word, reply, segment, packet);
}

/* A reset lies in the window of who gets it (RFC 5961 section 3.2), or acknowledges the SYN that it refuses. */
static bool reset_counts(const struct df_conn *conn, uint32_t word, bool reply, const struct df_packet *packet)
{
    if (DF_CONN_STATE(word) == DF_CONN_TCP_SYN_SENT && reply)
        return df_tcp_acknowledges_syn(conn, reply, packet);
    return df_tcp_answers_later_syn(conn, reply, packet) || df_tcp_is_in_window(conn, reply, packet);
}

/* Who is challenged while it asks for a connection resets what its peer still has, and may go on asking (figure 9). */
static bool reset_is_heeded(const struct df_conn *conn, uint32_t word, bool reply, const struct df_packet *packet)
{
    if (DF_CONN_STATE(word) == DF_CONN_TCP_SYN_SENT)
        return reply;
    return df_tcp_answers_later_syn(conn, reply, packet) || df_tcp_is_expected(conn, reply, packet);
}

/* ---- what the connection table asks */

static uint8_t first(const struct df_packet *packet)
{
    enum segment segment = segment_of(packet);
    if (segment == A_SYN)
        return DF_CONN_TCP_SYN_SENT;
    if (!df_conn_table.config.tcp_pick_up)
        return DF_CONN_FREE;
    if (segment == A_FIN)
        return FW;
    return segment == AN_ACK ? DF_CONN_TCP_PICKED_UP : DF_CONN_FREE;
}

static enum df_conn_judgement judge(const struct df_conn *conn, uint32_t word, bool reply,
                                    const struct df_packet *packet)
{
    enum segment segment = segment_of(packet);
    word = without_reset(word);
    uint8_t after = look_up(word, reply, segment);
    if (after == BAD)
        return DF_CONN_INVALID;
    if (after == ANEW)
        return DF_CONN_ANEW;
    if (segment == A_RST && !reset_counts(conn, word, reply, packet))
        return DF_CONN_RST_WINDOW;
    return is_forged(conn, word, reply, segment, packet) ? DF_CONN_INVALID : DF_CONN_PASS;
}

/*
 * Who goes on behind its FIN has not sent one: that was forged, by somebody who guessed a number in the window.
 */
static bool goes_on(const struct df_conn *conn, uint32_t word, bool reply, enum segment segment,
                    const struct df_packet *packet)
{
    uint8_t state = DF_CONN_STATE(word);
    return segment == AN_ACK && (state == FW || state == CW) && is_of_closer(word, reply) &&
           df_tcp_is_past_end(conn, reply, packet);
}

static uint32_t after_reset(const struct df_conn *conn, uint32_t word, bool reply, const struct df_packet *packet)
{
    uint32_t before = without_reset(word);
    if (!reset_counts(conn, before, reply, packet))
        return word;
    return reset_is_heeded(conn, before, reply, packet) ? conn_with_state(before, CL) : with_reset(before);
}

static uint32_t after_taken(const struct df_conn *conn, uint32_t word, bool reply, enum segment segment,
                            const struct df_packet *packet)
{
    uint8_t after = look_up(word, reply, segment);
    if (goes_on(conn, word, reply, segment, packet))
        return conn_with_state(word & ~CONN_CLOSED_BY_REPLY, ES);
    if (after == STAY)
        return word;
    if (after == SR)
        word &= ~CONN_CLOSED_BY_REPLY;
    if (after == FW && reply)
        word |= CONN_CLOSED_BY_REPLY;
    return conn_with_state(word, after);
}

static uint32_t next(const struct df_conn *conn, uint32_t word, bool reply, const struct df_packet *packet)
{
    enum segment segment = segment_of(packet);
    uint32_t before = without_reset(word);
    uint8_t after = look_up(before, reply, segment);
    if (after == BAD || after == ANEW)
        return word;
    if (segment < A_RST)
        return is_taken(conn, before, reply, segment, packet) ? after_taken(conn, before, reply, segment, packet)
                                                              : word;
    if (segment == A_RST)
        return after == STAY ? word : after_reset(conn, word, reply, packet);
    if (after == STAY)
        return DF_CONN_STATE(before) == DF_CONN_TCP_SYN_SENT ? before : word;
    return conn_with_state(before, after);
}

/* ---- noting */

/* One that comes when the SYN was answered says nothing of this connection, unless it is answered. */
static void note_syn(struct df_conn *conn, uint8_t state, bool reply, const struct df_packet *packet)
{
    if (state == DF_CONN_TCP_SYN_SENT || state == S2)
        df_tcp_note_syn(conn, reply, packet);
    else if (!reply && (state == ES || is_closing(state)))
        df_tcp_note_later_syn(conn, packet);
}

static void note_segment(struct df_conn *conn, uint32_t word, bool reply, const struct df_packet *packet)
{
    bool end_stays =
        is_closing(DF_CONN_STATE(word)) && is_of_closer(word, reply) && !df_tcp_is_past_end(conn, reply, packet);
    df_tcp_note_segment(conn, reply, packet, end_stays);
}

/* A reset says nothing of its sender. */
static void note(struct df_conn *conn, uint32_t word, bool reply, const struct df_packet *packet)
{
    enum segment segment = segment_of(packet);
    word = without_reset(word);
    uint8_t state = DF_CONN_STATE(word);
    if (segment == A_SYN)
        note_syn(conn, state, reply, packet);
    else if (segment < A_RST && is_taken(conn, word, reply, segment, packet))
        segment == A_SYNACK ? df_tcp_note_syn_ack(conn, reply, packet, state == SR)
                            : note_segment(conn, word, reply, packet);
    else if (segment < A_RST && state == DF_CONN_TCP_SYN_SENT) /* so that the reset that answers it is known */
        df_conn_note_ack(conn, reply, packet->tcp.ack, packet->tcp.window);
}

const struct conn_protocol df_conn_tcp = {.first = first, .judge = judge, .next = next, .note = note};
