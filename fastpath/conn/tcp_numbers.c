/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/conn/tcp_numbers.h"

/* Above the window in df_conn_side.window. */
#define SHIFT_AT 16          /* of the side's window scale option */
#define HAS_SHIFT (1u << 20) /* its SYN had the option, */
#define SEEN_SYN (1u << 21)  /* if it was seen */
#define ACK_KNOWN (1u << 22)
#define END_KNOWN (1u << 23)
#define LATER_SYN (1u << 24) /* end is of a SYN that came when the connection was established */

#define WINDOW 0xffffu
#define OF_SYN (0xfu << SHIFT_AT | HAS_SHIFT | SEEN_SYN)

/* Of a connection whose SYNs were not seen: fits receive buffers up to 8 MiB, which is what hosts commonly have. */
#define SHIFT_LIKELY 7

#define SYN 0x02
#define FIN 0x01
#define ACK 0x10

static uint32_t load(const _Atomic uint32_t *number)
{
    return atomic_load_explicit(number, memory_order_relaxed);
}

static void store(_Atomic uint32_t *number, uint32_t value)
{
    atomic_store_explicit(number, value, memory_order_relaxed);
}

/* ---- asking */

/* Both ends have to offer scaling, or nobody scales (RFC 7323 section 2.2). */
static unsigned shift_of(uint32_t window, uint32_t of_other)
{
    if (!(window & of_other & SEEN_SYN))
        return SHIFT_LIKELY;
    return window & of_other & HAS_SHIFT ? window >> SHIFT_AT & 0xf : 0;
}

bool df_tcp_acknowledges_syn(const struct df_conn *conn, bool reply, const struct df_packet *packet)
{
    uint32_t least = load(&conn->side[!reply].ack), most = load(&conn->side[!reply].end); /* see df_tcp_note_syn() */
    return (packet->tcp.flags & ACK) && packet->tcp.ack - least <= most - least;
}

/* Only who got the SYN+ACK knows its number, which is more than 30 bits to guess (RFC 6528). */
bool df_tcp_completes_handshake(const struct df_conn *conn, const struct df_packet *packet)
{
    uint32_t least = load(&conn->side[0].ack), most = load(&conn->side[1].end);
    return packet->tcp.ack - least <= most - least && df_tcp_is_in_window(conn, false, packet);
}

bool df_tcp_repeats_answer(const struct df_conn *conn, const struct df_packet *packet)
{
    const struct df_conn_side *answers = &conn->side[1];
    uint32_t before = load(load(&answers->window) & ACK_KNOWN ? &answers->ack : &conn->side[0].end);
    return packet->tcp.ack - (before - DF_CONN_ACK_NOTE) <= 2 * DF_CONN_ACK_NOTE;
}

bool df_tcp_answers_later_syn(const struct df_conn *conn, bool reply, const struct df_packet *packet)
{
    const struct df_conn_side *asked = &conn->side[0];
    return reply && (packet->tcp.flags & ACK) && (load(&asked->window) & LATER_SYN) &&
           packet->tcp.ack - load(&asked->end) <= DF_CONN_ACK_NOTE; /* or some of its data, too */
}

/*
 * What the one who gets the segment expects, and how much room it has for more from there on. Where nothing was seen
 * of it, it goes on where the segment's sender was. False: neither is known.
 */
static bool find_window(const struct df_conn *conn, bool reply, uint32_t *at, uint32_t *size)
{
    const struct df_conn_side *sender = &conn->side[reply], *receiver = &conn->side[!reply];
    uint32_t window = load(&receiver->window), of_sender = load(&sender->window);
    if (window & ACK_KNOWN) {
        *at = load(&receiver->ack);
        *size = (window & WINDOW) << shift_of(window, of_sender);
        return true;
    }
    *at = load(&sender->end);
    *size = 0;
    return of_sender & END_KNOWN;
}

bool df_tcp_is_in_window(const struct df_conn *conn, bool reply, const struct df_packet *packet)
{
    uint32_t at, size;
    return !find_window(conn, reply, &at, &size) ||
           packet->tcp.seq - (at - DF_CONN_ACK_NOTE) <= size + 2 * DF_CONN_ACK_NOTE;
}

bool df_tcp_is_expected(const struct df_conn *conn, bool reply, const struct df_packet *packet)
{
    uint32_t at, size;
    return find_window(conn, reply, &at, &size) && packet->tcp.seq == at;
}

static uint32_t end_of(const struct df_packet *packet)
{
    uint8_t flags = packet->tcp.flags;
    return packet->tcp.seq + packet->tcp.payload_len + ((flags & SYN) != 0) + ((flags & FIN) != 0);
}

bool df_tcp_is_past_end(const struct df_conn *conn, bool reply, const struct df_packet *packet)
{
    return (int32_t)(end_of(packet) - load(&conn->side[reply].end)) > 0;
}

/* ---- noting */

static void set_window(struct df_conn_side *side, uint32_t keep, uint32_t bits)
{
    store(&side->window, (load(&side->window) & keep) | bits);
}

static void note_ack(struct df_conn_side *side, uint32_t ack, uint32_t window)
{
    uint32_t before = load(&side->window) & WINDOW;
    store(&side->ack, ack);
    set_window(side, ~WINDOW, ACK_KNOWN | (window > before ? window : before));
}

void df_conn_note_ack(struct df_conn *conn, bool reply, uint32_t ack, uint16_t window)
{
    note_ack(&conn->side[reply], ack, window);
}

static void note_end(struct df_conn_side *side, const struct df_packet *packet)
{
    store(&side->end, end_of(packet));
    set_window(side, ~LATER_SYN, END_KNOWN);
}

static void note_shift(struct df_conn_side *side, const struct df_packet *packet)
{
    uint32_t bits = SEEN_SYN;
    if (packet->tcp.window_shift != 0xff)
        bits |= HAS_SHIFT | (uint32_t)(packet->tcp.window_shift & 0xf) << SHIFT_AT;
    set_window(side, ~(OF_SYN | ACK_KNOWN | WINDOW), bits);
}

/* The window of a segment with SYN is not scaled (RFC 7323 section 2.2): as if it were. */
static uint32_t scaled_window(const struct df_packet *packet)
{
    return packet->tcp.window >> (packet->tcp.window_shift != 0xff ? packet->tcp.window_shift & 0xf : 0);
}

/* It acknowledges nothing, so the side's ack is free: it is what the answer to this SYN acknowledges. */
void df_tcp_note_syn(struct df_conn *conn, bool reply, const struct df_packet *packet)
{
    struct df_conn_side *side = &conn->side[reply];
    note_shift(side, packet);
    store(&side->ack, packet->tcp.seq + 1);
    note_end(side, packet);
}

/* Where both ends have acknowledged something nobody asks where one ended. */
void df_tcp_note_later_syn(struct df_conn *conn, const struct df_packet *packet)
{
    store(&conn->side[0].end, packet->tcp.seq + 1);
    set_window(&conn->side[0], ~0u, LATER_SYN);
}

/* From now on the other side's ack is what the word says: what it expects, which is what comes behind this SYN. */
void df_tcp_note_syn_ack(struct df_conn *conn, bool reply, const struct df_packet *packet, bool again)
{
    struct df_conn_side *side = &conn->side[reply], *other = &conn->side[!reply];
    bool same = again && load(&other->ack) == packet->tcp.seq + 1;
    note_shift(side, packet);
    note_ack(side, packet->tcp.ack, scaled_window(packet));
    if (!same)
        note_end(side, packet);
    store(&other->ack, packet->tcp.seq + 1);
    set_window(other, ~LATER_SYN, 0);
}

void df_tcp_note_segment(struct df_conn *conn, bool reply, const struct df_packet *packet, bool end_stays)
{
    note_ack(&conn->side[reply], packet->tcp.ack, packet->tcp.window);
    if (!end_stays)
        note_end(&conn->side[reply], packet);
}
