/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/conn/internal.h"
#include "fastpath/packet/sctp.h"

/*
 * SCTP (RFC 9260 section 4), as it looks from between the two ends.
 *
 * State               What was seen                                   The ends are in
 * COOKIE_WAIT         INIT, or also INIT ACK                          COOKIE-WAIT, CLOSED
 * COOKIE_ECHOED       and COOKIE ECHO                                 COOKIE-ECHOED, CLOSED or ESTABLISHED
 * ESTABLISHED         and COOKIE ACK                                  ESTABLISHED
 * HEARTBEAT_SENT      a HEARTBEAT where nothing else was              ESTABLISHED, by another path
 * SHUTDOWN_SENT       SHUTDOWN from the original end                  SHUTDOWN-SENT, SHUTDOWN-RECEIVED
 * SHUTDOWN_RECD       SHUTDOWN from the other end                     SHUTDOWN-RECEIVED, SHUTDOWN-SENT
 * SHUTDOWN_ACK_SENT   and SHUTDOWN ACK                                SHUTDOWN-SENT, SHUTDOWN-ACK-SENT
 * CLOSED              SHUTDOWN COMPLETE, or ABORT                     CLOSED
 *
 * An association's tags lie in the words of struct df_conn_side: ack is the verification tag that packets of that
 * direction carry, 0: not known; end is the one that INIT or INIT ACK of the other direction announced, until COOKIE
 * ACK puts it in force. So an INIT, for which nothing has to be known, changes nothing of an association that is there
 * (RFC 9260 section 5.2).
 */

enum chunk {
    INIT,
    INIT_ACK,
    COOKIE_ECHO,
    COOKIE_ACK,
    SHUTDOWN,
    SHUTDOWN_ACK,
    COMPLETE,
    ABORT,
    HEARTBEAT,
    PLAIN, /* DATA, SACK, HEARTBEAT ACK, ERROR and all that is not known: for the ends alone */
    CHUNKS
};

static enum chunk chunk_of(const struct df_packet *packet)
{
    switch (packet->sctp.chunk) {
    case DF_SCTP_INIT:
        return INIT;
    case DF_SCTP_INIT_ACK:
        return INIT_ACK;
    case DF_SCTP_COOKIE_ECHO:
        return COOKIE_ECHO;
    case DF_SCTP_COOKIE_ACK:
        return COOKIE_ACK;
    case DF_SCTP_SHUTDOWN:
        return SHUTDOWN;
    case DF_SCTP_SHUTDOWN_ACK:
        return SHUTDOWN_ACK;
    case DF_SCTP_SHUTDOWN_COMPLETE:
        return COMPLETE;
    case DF_SCTP_ABORT:
        return ABORT;
    case DF_SCTP_HEARTBEAT:
        return HEARTBEAT;
    default:
        return PLAIN;
    }
}

/* ---- the table: the state after a packet, by its direction and the chunk that counts, or one of these */

enum { STAY = 0xff, ANEW = 0xfe, BAD = 0xfd };

#define CL DF_CONN_SCTP_CLOSED
#define CE DF_CONN_SCTP_COOKIE_ECHOED
#define ES DF_CONN_SCTP_ESTABLISHED
#define SS DF_CONN_SCTP_SHUTDOWN_SENT
#define SR DF_CONN_SCTP_SHUTDOWN_RECD
#define SA DF_CONN_SCTP_SHUTDOWN_ACK_SENT
#define ROW(state) [DF_CONN_SCTP_##state - DF_CONN_SCTP_CLOSED]
#define ROWS (DF_CONN_SCTP_HEARTBEAT_SENT - DF_CONN_SCTP_CLOSED + 1)

/* clang-format off */
static const uint8_t after_chunk[ROWS][2][CHUNKS] = {
    /* INIT  I.ACK  C.ECHO C.ACK SHUTD. S.ACK S.COMP ABORT H.BEAT PLAIN   from the original end, and from the other */
    /* Either end may begin, or both at once (sections 5.1, 5.2.1). */
    ROW(COOKIE_WAIT) =
    {{STAY, STAY,  CE,    BAD,  BAD,   BAD,  BAD,   CL,   BAD,   BAD},
     {STAY, STAY,  CE,    BAD,  BAD,   BAD,  BAD,   CL,   BAD,   BAD}},
    ROW(COOKIE_ECHOED) =
    {{STAY, STAY,  STAY,  ES,   STAY,  STAY, STAY,  CL,   STAY,  STAY},
     {STAY, STAY,  STAY,  ES,   STAY,  STAY, STAY,  CL,   STAY,  STAY}},
    /* An end that restarted sends INIT, and all that follows (section 5.2.2). */
    ROW(ESTABLISHED) =
    {{STAY, STAY,  STAY,  STAY, SS,    STAY, STAY,  CL,   STAY,  STAY},
     {STAY, STAY,  STAY,  STAY, SR,    STAY, STAY,  CL,   STAY,  STAY}},
    /* Section 9.2. Data that is on its way goes on. */
    ROW(SHUTDOWN_SENT) =
    {{STAY, STAY,  STAY,  STAY, STAY,  SA,   STAY,  CL,   STAY,  STAY},
     {STAY, STAY,  STAY,  STAY, STAY,  SA,   STAY,  CL,   STAY,  STAY}},
    ROW(SHUTDOWN_RECD) =
    {{STAY, STAY,  STAY,  STAY, STAY,  SA,   STAY,  CL,   STAY,  STAY},
     {STAY, STAY,  STAY,  STAY, STAY,  SA,   STAY,  CL,   STAY,  STAY}},
    ROW(SHUTDOWN_ACK_SENT) =
    {{STAY, STAY,  STAY,  STAY, STAY,  STAY, CL,    CL,   STAY,  STAY},
     {STAY, STAY,  STAY,  STAY, STAY,  STAY, CL,    CL,   STAY,  STAY}},
    /* What comes late passes, for an answer as section 8.4 has it. */
    ROW(CLOSED) =
    {{ANEW, BAD,   BAD,   BAD,  STAY,  STAY, STAY,  STAY, BAD,   STAY},
     {ANEW, BAD,   BAD,   BAD,  STAY,  STAY, STAY,  STAY, BAD,   STAY}},
    /* Another path of an association (section 8.3): it is there once the other end has sent something. */
    ROW(HEARTBEAT_SENT) =
    {{ANEW, BAD,   BAD,   BAD,  STAY,  STAY, STAY,  CL,   STAY,  STAY},
     {ANEW, BAD,   BAD,   BAD,  SR,    ES,   ES,    CL,   ES,    ES}},
};
/* clang-format on */

static uint8_t look_up(uint32_t word, bool reply, enum chunk chunk)
{
    unsigned row = DF_CONN_STATE(word) - (unsigned)DF_CONN_SCTP_CLOSED;
    return row < ROWS ? after_chunk[row][reply][chunk] : STAY; /* STAY: it was taken down this moment */
}

/* ---- verification tags (section 8.5) */

static uint32_t in_force(const struct df_conn_side *side)
{
    return atomic_load_explicit(&side->ack, memory_order_relaxed);
}

static uint32_t announced(const struct df_conn_side *side)
{
    return atomic_load_explicit(&side->end, memory_order_relaxed);
}

/* While no tag is in force, the one that was announced counts. */
static bool is_tag_of(uint32_t tag, const struct df_conn_side *side)
{
    return tag == (in_force(side) != 0 ? in_force(side) : announced(side));
}

/* By another path, where there was no INIT, the first packet that has it tells: note(). */
static bool is_untold(const struct df_conn_side *side)
{
    return in_force(side) == 0 && announced(side) == 0;
}

static bool tag_is_right(const struct df_conn *conn, bool reply, enum chunk chunk, const struct df_packet *packet)
{
    const struct df_conn_side *own = &conn->side[reply], *other = &conn->side[!reply];
    uint32_t tag = packet->sctp.tag;
    if (chunk == INIT)
        return tag == 0 && packet->sctp.initiate_tag != 0;
    if (tag == 0)
        return false;
    switch (chunk) {
    case INIT_ACK:
        return tag == announced(own) && packet->sctp.initiate_tag != 0;
    case COOKIE_ECHO:
    case COOKIE_ACK: /* of an association that begins or restarts */
        return tag == announced(own) || tag == in_force(own);
    case ABORT:
    case COMPLETE: /* who does not know its own sends back the one of the packet it answers: the T bit */
        return is_tag_of(tag, own) || is_tag_of(tag, other) || (is_untold(own) && in_force(other) != 0);
    default:
        return is_tag_of(tag, own) || is_untold(own);
    }
}

/* ---- what the connection table asks */

static uint8_t first(const struct df_packet *packet)
{
    enum chunk chunk = chunk_of(packet);
    if (!packet->sctp.has_chunk)
        return DF_CONN_FREE;
    if (chunk == INIT && packet->sctp.tag == 0 && packet->sctp.initiate_tag != 0)
        return DF_CONN_SCTP_COOKIE_WAIT;
    return chunk == HEARTBEAT && packet->sctp.tag != 0 ? DF_CONN_SCTP_HEARTBEAT_SENT : DF_CONN_FREE;
}

static enum df_conn_judgement judge(const struct df_conn *conn, uint32_t word, bool reply,
                                    const struct df_packet *packet)
{
    enum chunk chunk = chunk_of(packet);
    uint8_t after = look_up(word, reply, chunk);
    if (!packet->sctp.has_chunk || after == BAD || !tag_is_right(conn, reply, chunk, packet))
        return DF_CONN_INVALID;
    return after == ANEW ? DF_CONN_ANEW : DF_CONN_PASS;
}

static uint32_t next(const struct df_conn *conn, uint32_t word, bool reply, const struct df_packet *packet)
{
    (void)conn;
    uint8_t after = look_up(word, reply, chunk_of(packet));
    return after >= BAD ? word : conn_with_state(word, after);
}

static void put_in_force(struct df_conn_side *side)
{
    uint32_t tag = announced(side);
    if (tag == 0)
        return;
    atomic_store_explicit(&side->ack, tag, memory_order_relaxed);
    atomic_store_explicit(&side->end, 0, memory_order_relaxed);
}

static void note(struct df_conn *conn, uint32_t word, bool reply, const struct df_packet *packet)
{
    struct df_conn_side *own = &conn->side[reply], *other = &conn->side[!reply];
    (void)word;
    switch (chunk_of(packet)) {
    case INIT:
    case INIT_ACK:
        atomic_store_explicit(&other->end, packet->sctp.initiate_tag, memory_order_relaxed);
        break;
    case COOKIE_ACK:
        if (packet->sctp.tag == announced(own)) {
            put_in_force(own);
            put_in_force(other);
        }
        break;
    case ABORT:
    case COMPLETE:
        break;
    default:
        if (is_untold(own))
            atomic_store_explicit(&own->ack, packet->sctp.tag, memory_order_relaxed);
    }
}

const struct conn_protocol df_conn_sctp = {.first = first, .judge = judge, .next = next, .note = note};
