/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "control/underlay/frames.h"

/*
 * Neighbours: who on the underlay has which MAC (RFC 826, RFC 4861 section 7), for the addresses that somebody wants.
 *
 *   asking ──answer──► reachable ──60 s──► probing ──answer──► reachable
 *     │ 3 unanswered                          │ 3 to itself and 3 to all unanswered
 *     └──────────────────► failed ◄───────────┘        asked again after 2, 4, ... 32 s
 *
 * Invariants:
 * - There is a neighbour while somebody wants it and no longer; what is said of another address changes nothing.
 * - A MAC that was known is used until six questions went unanswered. Another one is taken over at once if it is said
 *   by who may say so (a changed gateway), and not again within a second.
 * - At most DF_NEIGHBOURS_PER_RUN questions are asked in 100 ms; those for which packets wait come first.
 *
 * Control thread. Times are of the caller's clock, in milliseconds.
 */

#define DF_NEIGHBOURS_PER_RUN 16
#define DF_NEIGHBOURS_MAX 16384

enum df_neighbour_state { DF_NEIGHBOUR_ASKING, DF_NEIGHBOUR_REACHABLE, DF_NEIGHBOUR_PROBING, DF_NEIGHBOUR_FAILED };

struct df_neighbour {
    struct df_ip ip;
    enum df_neighbour_state state;
    struct df_mac mac; /* zero: not known */
    uint64_t confirmed_ms;
    uint64_t changed_ms; /* from one MAC to another; 0: not yet */
    uint64_t next_ms;    /* when there is something to do */
    uint32_t unanswered;
    uint32_t wanted;           /* how often */
    bool is_urgent;            /* packets wait */
    struct df_neighbour *next; /* of the same hash */
    void *wanted_by;           /* the caller's */
};

struct df_neighbours_ops {
    /** Asks for an address; to: its MAC, or NULL: everybody. */
    void (*ask)(void *arg, const struct df_ip *ip, const struct df_mac *to);
    /** Its MAC became known, changed, or is not known any more. It may not be given up in the call. */
    void (*changed)(void *arg, struct df_neighbour *neighbour);
    /** What is said of that address is to be told to df_neighbours_take(), or no more. */
    void (*listen)(void *arg, const struct df_ip *ip, bool on);
    void *arg;
};

struct df_neighbours_counters {
    uint64_t asked, answers, unasked; /* questions sent; what was said of addresses that are wanted, and of others */
    uint64_t held_back;               /* changes of a MAC within a second of the last one */
};

struct df_neighbours;

struct df_neighbours *df_neighbours_new(const struct df_neighbours_ops *ops);
void df_neighbours_free(struct df_neighbours *neighbours);

/** Wants an address, once more. NULL: there are as many as may be. */
struct df_neighbour *df_neighbours_want(struct df_neighbours *neighbours, const struct df_ip *ip);

/** Wants it once less. */
void df_neighbours_unwant(struct df_neighbours *neighbours, struct df_neighbour *neighbour);

/** A packet waits for it. */
void df_neighbours_urge(struct df_neighbours *neighbours, struct df_neighbour *neighbour);

/** Somebody said something. */
void df_neighbours_take(struct df_neighbours *neighbours, const struct df_frames_answer *answer, uint64_t now_ms);

/** The link came up: all are asked for anew, and what was known holds meanwhile. */
void df_neighbours_link_up(struct df_neighbours *neighbours, uint64_t now_ms);

/** Asks what is due, if anything is. */
void df_neighbours_run(struct df_neighbours *neighbours, uint64_t now_ms);

/** When df_neighbours_run() has something to do, maybe in the past; -1: never by itself. */
int64_t df_neighbours_next_ms(const struct df_neighbours *neighbours);

struct df_neighbours_counters df_neighbours_counters(const struct df_neighbours *neighbours);
void df_neighbours_each(const struct df_neighbours *neighbours,
                        void (*cb)(const struct df_neighbour *neighbour, void *arg), void *arg);
const char *df_neighbour_state_name(enum df_neighbour_state state);
