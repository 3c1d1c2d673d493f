/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/conn/internal.h"

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
 * CLOSE                a RST                                                CLOSED
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
    ROW(ESTABLISHED) = {{BAD,  FW,   STAY, CL},    {STAY, FW,   STAY, CL}},
    ROW(PICKED_UP) =   {{BAD,  FW,   STAY, CL},    {BAD,  FW,   ES,   CL}},
    /* Who closed first stands left from here on (RFC 9293 section 3.6, figures 12 and 13). */
    ROW(FIN_WAIT) =    {{STAY, STAY, STAY, CL},    {STAY, LA,   CW,   CL}},
    ROW(CLOSE_WAIT) =  {{STAY, STAY, STAY, CL},    {STAY, LA,   STAY, CL}},
    ROW(LAST_ACK) =    {{STAY, STAY, TW,   CL},    {STAY, STAY, STAY, CL}},
    ROW(TIME_WAIT) =   {{STAY, STAY, STAY, CL},    {STAY, STAY, STAY, CL}},
    ROW(CLOSE) =       {{STAY, STAY, STAY, STAY},  {STAY, STAY, STAY, STAY}},
};
/* clang-format on */

static bool is_closing(uint8_t state)
{
    return state == FW || state == CW || state == LA;
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
    bool other = is_closing(state) ? reply != ((word & CONN_CLOSED_BY_REPLY) != 0) : reply;
    return after_segment[row][other][segment];
}

/* ---- resets */

/* Above the window in df_conn_side.window. */
#define SHIFT_AT 16          /* of the side's window scale option */
#define HAS_SHIFT (1u << 20) /* its SYN had the option, */
#define SEEN_SYN (1u << 21)  /* if it was seen */
#define ACK_KNOWN (1u << 22)
#define END_KNOWN (1u << 23)
#define OF_SYN (0xfu << SHIFT_AT | HAS_SHIFT | SEEN_SYN)

/* Of a connection whose SYNs were not seen: fits receive buffers up to 8 MiB, which is what hosts commonly have. */
#define SHIFT_LIKELY 7

/* Both ends have to offer scaling, or nobody scales (RFC 7323 section 2.2). */
static unsigned shift_of(uint32_t window, uint32_t of_other)
{
    if (!(window & of_other & SEEN_SYN))
        return SHIFT_LIKELY;
    return window & of_other & HAS_SHIFT ? window >> SHIFT_AT & 0xf : 0;
}

/* A reset that answers a SYN acknowledges it, with all of its data or less (RFC 9293 section 3.10.7.3, RFC 7413). */
static bool acknowledges_syn(const struct df_conn *conn, const struct df_packet *packet)
{
    uint32_t least = atomic_load_explicit(&conn->side[0].ack, memory_order_relaxed); /* see note_syn() */
    uint32_t most = atomic_load_explicit(&conn->side[0].end, memory_order_relaxed);
    return (packet->tcp.flags & ACK) && packet->tcp.ack - least <= most - least;
}

/*
 * Every other reset lies in the window of who gets it (RFC 5961 section 3.2), as far as that was noted. Where nothing
 * was seen of the receiver it goes on where its sender was.
 */
static bool reset_is_in_window(const struct df_conn *conn, uint32_t word, bool reply, const struct df_packet *packet)
{
    const struct df_conn_side *sender = &conn->side[reply], *receiver = &conn->side[!reply];
    uint32_t window = atomic_load_explicit(&receiver->window, memory_order_relaxed);
    uint32_t of_sender = atomic_load_explicit(&sender->window, memory_order_relaxed);
    uint32_t at = atomic_load_explicit(&sender->end, memory_order_relaxed), size = 0;
    if (DF_CONN_STATE(word) == DF_CONN_TCP_SYN_SENT && reply)
        return acknowledges_syn(conn, packet);
    if (window & ACK_KNOWN) {
        at = atomic_load_explicit(&receiver->ack, memory_order_relaxed);
        size = (window & 0xffff) << shift_of(window, of_sender);
    } else if (!(of_sender & END_KNOWN)) {
        return false;
    }
    return packet->tcp.seq - (at - DF_CONN_ACK_NOTE) <= size + 2 * DF_CONN_ACK_NOTE;
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
    uint8_t after = look_up(word, reply, segment);
    if (after == BAD)
        return DF_CONN_INVALID;
    if (after == ANEW)
        return DF_CONN_ANEW;
    if (segment == A_RST && !reset_is_in_window(conn, word, reply, packet))
        return DF_CONN_RST_WINDOW;
    return DF_CONN_PASS;
}

static uint32_t next(uint32_t word, bool reply, const struct df_packet *packet)
{
    uint8_t after = look_up(word, reply, segment_of(packet));
    if (after >= BAD)
        return word;
    if (after == FW && reply)
        word |= CONN_CLOSED_BY_REPLY;
    return conn_with_state(word, after);
}

/* ---- noting */

static void set_window(struct df_conn_side *side, uint32_t keep, uint32_t bits)
{
    uint32_t window = atomic_load_explicit(&side->window, memory_order_relaxed);
    atomic_store_explicit(&side->window, (window & keep) | bits, memory_order_relaxed);
}

/* Of a side whose SYN acknowledges nothing, ack is what its SYN's answer acknowledges. */
static void note_syn(struct df_conn_side *side, const struct df_packet *packet)
{
    uint32_t bits = SEEN_SYN;
    if (packet->tcp.window_shift != 0xff)
        bits |= HAS_SHIFT | (uint32_t)(packet->tcp.window_shift & 0xf) << SHIFT_AT;
    set_window(side, ~(OF_SYN | ACK_KNOWN), bits);
    atomic_store_explicit(&side->ack, packet->tcp.seq + 1, memory_order_relaxed);
}

static void note_end(struct df_conn_side *side, const struct df_packet *packet)
{
    uint8_t flags = packet->tcp.flags;
    uint32_t len = packet->tcp.payload_len + (uint32_t)((flags & SYN) != 0) + (uint32_t)((flags & FIN) != 0);
    atomic_store_explicit(&side->end, packet->tcp.seq + len, memory_order_relaxed);
    set_window(side, ~0u, END_KNOWN);
}

void df_conn_note_ack(struct df_conn *conn, bool reply, uint32_t ack, uint16_t window)
{
    struct df_conn_side *side = &conn->side[reply];
    atomic_store_explicit(&side->ack, ack, memory_order_relaxed);
    set_window(side, ~0xffffu, ACK_KNOWN | window);
}

/* A reset says nothing of its sender, and a SYN that comes too late nothing of this connection. */
static void note(struct df_conn *conn, uint32_t word, bool reply, const struct df_packet *packet)
{
    uint8_t state = DF_CONN_STATE(word), flags = packet->tcp.flags;
    bool opening = state == DF_CONN_TCP_SYN_SENT || state == S2 || state == SR;
    if ((flags & RST) || ((flags & SYN) && !opening))
        return;
    if (flags & SYN)
        note_syn(&conn->side[reply], packet);
    if (flags & ACK)
        df_conn_note_ack(conn, reply, packet->tcp.ack, packet->tcp.window);
    note_end(&conn->side[reply], packet);
}

const struct conn_protocol df_conn_tcp = {.first = first, .judge = judge, .next = next, .note = note};
