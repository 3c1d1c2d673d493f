/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/conn/internal.h"
#include "fastpath/packet/icmp.h"

/* What has no states of its own: a connection has had a reply, or not yet. */

/* The state that a reply leads to, from each that waits for one. */
static const uint8_t replied[DF_CONN_STATES] = {
    [DF_CONN_UDP_SINGLE] = DF_CONN_UDP_STREAM,
    [DF_CONN_ICMP] = DF_CONN_ICMP_REPLIED,
    [DF_CONN_OTHER] = DF_CONN_OTHER_REPLIED,
};

static uint32_t next(const struct df_conn *conn, uint32_t word, bool reply, const struct df_packet *packet)
{
    uint8_t state = replied[DF_CONN_STATE(word)];
    (void)conn, (void)packet;
    return reply && state != 0 ? conn_with_state(word, state) : word;
}

static enum df_conn_judgement judge_any(const struct df_conn *conn, uint32_t word, bool reply,
                                        const struct df_packet *packet)
{
    (void)conn, (void)word, (void)reply, (void)packet;
    return DF_CONN_PASS;
}

static uint8_t first_udp(const struct df_packet *packet)
{
    (void)packet;
    return DF_CONN_UDP_SINGLE;
}

static uint8_t first_other(const struct df_packet *packet)
{
    (void)packet;
    return DF_CONN_OTHER;
}

/* ---- ICMP: a question begins, its answer belongs, and nothing else does either */

enum icmp_kind { ICMP_NEITHER, ICMP_QUESTION, ICMP_ANSWER };

/* RFC 792: echo, timestamp, information; RFC 950: address mask. */
static const uint8_t icmp4[256] = {
    [8] = ICMP_QUESTION,  [0] = ICMP_ANSWER,  [13] = ICMP_QUESTION, [14] = ICMP_ANSWER,
    [15] = ICMP_QUESTION, [16] = ICMP_ANSWER, [17] = ICMP_QUESTION, [18] = ICMP_ANSWER,
};

/* RFC 4443: echo; RFC 4620: node information. */
static const uint8_t icmp6[256] = {
    [128] = ICMP_QUESTION,
    [129] = ICMP_ANSWER,
    [139] = ICMP_QUESTION,
    [140] = ICMP_ANSWER,
};

static uint8_t kind_of(const struct df_packet *packet)
{
    uint8_t type = (uint8_t)packet->l4_dst;
    return packet->bits & DF_PACKET_IP4 ? icmp4[type] : icmp6[type];
}

static uint8_t first_icmp(const struct df_packet *packet)
{
    return kind_of(packet) == ICMP_QUESTION ? DF_CONN_ICMP : DF_CONN_FREE;
}

/*
 * Some systems give all their echoes the same identifier. When two of them ask each other, the one that asks last is
 * judged as the one that begins, and takes the tuple over; an answer that the other still waits for may pass then.
 */
static enum df_conn_judgement judge_icmp(const struct df_conn *conn, uint32_t word, bool reply,
                                         const struct df_packet *packet)
{
    (void)conn;
    switch (kind_of(packet)) {
    case ICMP_QUESTION:
        return reply ? DF_CONN_ANEW : DF_CONN_PASS;
    case ICMP_ANSWER:
        return reply || (word & CONN_CROSSED) ? DF_CONN_PASS : DF_CONN_INVALID;
    default:
        return DF_CONN_INVALID;
    }
}

static uint32_t next_icmp(const struct df_conn *conn, uint32_t word, bool reply, const struct df_packet *packet)
{
    return kind_of(packet) == ICMP_ANSWER ? next(conn, word, reply, packet) : word;
}

const struct conn_protocol df_conn_udp = {.first = first_udp, .judge = judge_any, .next = next};
const struct conn_protocol df_conn_icmp = {.first = first_icmp, .judge = judge_icmp, .next = next_icmp};
const struct conn_protocol df_conn_other = {.first = first_other, .judge = judge_any, .next = next};
