/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

#include "fastpath/fragment/fragment.h"

/*
 * Whose fragments are: who has a share of the room for them.
 *
 * From a port of this node it is the port's, so a guest has one share whatever addresses it uses. What comes by a
 * tunnel comes in by one port whoever sent it: it is its network's, and there of one of DF_SENDER_PARTS of the source
 * addresses, by a hash that nobody outside can compute. So a network has at most so many shares, even if its guests
 * make addresses up, and a guest that does not has one for each of its own.
 *
 * Invariant: a sender is known as long as a datagram of its is.
 *
 * Private to fastpath/fragment. Threads: the worker.
 */

#define DF_SENDER_PARTS 8
#define DF_SENDERS_NONE UINT32_MAX

/* Compared as bytes. */
struct df_sender_key {
    uint32_t tunnel_key;
    uint16_t port;
    uint8_t tunnel_type;
    uint8_t part;
};
_Static_assert(sizeof(struct df_sender_key) == 8, "no padding");

/* Datagrams in the order in which they lined up: indexes, or DF_LINE_NONE. */
#define DF_LINE_NONE UINT32_MAX
struct df_line {
    uint32_t oldest, newest;
};

struct df_sender {
    struct df_sender_key key;
    uint32_t next;                  /* in its bucket, or of the free ones */
    struct df_line holding, others; /* its datagrams: those with packets that wait, and the rest (datagrams.h) */
};

struct df_senders {
    uint32_t mask;
    uint32_t *bucket; /* index of the first sender, or DF_SENDERS_NONE */
    struct df_sender *sender;
    uint32_t used; /* from here on none was ever used, so memory is touched as it is needed */
    uint32_t free;
};

/** For max of them, a power of two. -ENOMEM. Control thread, as df_senders_fini(), which may come after it. */
int df_senders_init(struct df_senders *senders, uint32_t max);
void df_senders_fini(struct df_senders *senders);

/** Who sent the datagram of that key. */
struct df_sender_key df_sender_key_of(const struct df_fragment_key *key);

/** The number of a sender, below max; DF_SENDERS_NONE: it is not known. */
uint32_t df_senders_find(const struct df_senders *senders, const struct df_sender_key *key);

/** Makes one known that is not; there are fewer than max. */
uint32_t df_senders_add(struct df_senders *senders, const struct df_sender_key *key);

void df_senders_forget(struct df_senders *senders, uint32_t sender);
