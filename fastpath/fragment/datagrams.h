/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "fastpath/drop.h"
#include "fastpath/fragment/fragment.h"
#include "fastpath/fragment/pieces.h"
#include "fastpath/fragment/senders.h"
#include "fastpath/fragment/shares.h"
#include "fastpath/fragment/waiting.h"

/*
 * The datagrams that are known, and their packets that wait for the first one.
 *
 * Invariants:
 * - A datagram is in the line of all by age, and in one of its sender's: `holding`, if packets of it wait and are not
 *   being released, else `others`.
 * - There is always room for one more datagram, and for one more packet if any may wait at all: where there is none,
 *   the sender who has most of it loses its oldest datagram. So nobody who has less than others loses anything to them,
 *   and whoever comes gets in.
 *
 * Private to fastpath/fragment. Threads: the worker.
 */

/* What the first fragment's transport header said. */
struct df_transport {
    uint16_t bits; /* of struct df_packet, those about transport */
    uint16_t l4_src, l4_dst;
    uint16_t icmp_id;
    uint8_t icmp_code;
    uint8_t ip_proto;
    __typeof__(((struct df_packet *)NULL)->quoted) quoted; /* or what of the union there is */
};
_Static_assert(sizeof(((struct df_packet *)NULL)->quoted) >= sizeof(((struct df_packet *)NULL)->tcp) &&
                   sizeof(((struct df_packet *)NULL)->quoted) >= sizeof(((struct df_packet *)NULL)->sctp),
               "the largest of them stands for all");

struct df_link {
    uint32_t older, newer;
};

struct df_datagram {
    struct df_fragment_key key;
    uint32_t next; /* in its bucket, or of the free ones */
    uint32_t sender;
    struct df_link by_age, by_sender;
    uint32_t born_ms;
    uint32_t next_ready;
    bool holding; /* in that line of its sender's */
    bool has_first;
    bool ready; /* among those whose packets are to be released */
    bool ended; /* fragments overlapped: nothing passes any more */
    struct df_waiting_queue held;
    struct df_transport first;
    struct df_pieces pieces;
};

struct df_datagrams {
    uint32_t n; /* df_fragments_any() reads it here */
    uint32_t max;
    uint32_t *bucket; /* max of them; index of the first datagram, or DF_LINE_NONE */
    struct df_datagram *datagram;
    uint32_t used; /* from here on none was ever used, so memory is touched as it is needed */
    uint32_t free;
    struct df_line all;

    struct df_senders senders;
    struct df_shares of_datagrams, of_packets; /* by sender */
    struct df_waiting waiting;

    df_fragments_drop *drop;
    void *drop_arg;
};

/** -ENOMEM. Control thread, as df_datagrams_fini(), which may come after it. */
int df_datagrams_init(struct df_datagrams *all, uint32_t max, uint32_t held_max);
void df_datagrams_fini(struct df_datagrams *all);

static inline uint32_t df_datagram_index(const struct df_datagrams *all, const struct df_datagram *datagram)
{
    return (uint32_t)(datagram - all->datagram);
}

/** NULL: it is not known. */
struct df_datagram *df_datagrams_find(const struct df_datagrams *all, const struct df_fragment_key *key);

/** Makes one known that is not. Whoever gives way for it does so here. */
struct df_datagram *df_datagrams_make(struct df_datagrams *all, const struct df_fragment_key *key, uint32_t now_ms);

/** No packet of it waits, and none is to be released. */
void df_datagrams_forget(struct df_datagrams *all, struct df_datagram *datagram);

/**
 * Makes room for a packet that is to wait, of a datagram of that key. Whoever gives way for it does so here: it may be
 * the datagram itself.
 *
 * @return false: none may wait
 */
bool df_datagrams_make_room(struct df_datagrams *all, const struct df_fragment_key *key);

/** A packet of the datagram waits from now on; there was room. */
void df_datagram_hold(struct df_datagrams *all, struct df_datagram *datagram, void *packet);

/** None of its packets waits from now on: they are dropped, or df_datagram_take() gives them back. */
void df_datagram_drop_held(struct df_datagrams *all, struct df_datagram *datagram, enum df_drop reason);
void df_datagram_end_wait(struct df_datagrams *all, struct df_datagram *datagram);

/** The oldest packet that the datagram held, which is the caller's again; NULL: there is none. */
void *df_datagram_take(struct df_datagrams *all, struct df_datagram *datagram);
