/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "fastpath/conn/conn.h"

/*
 * The parts of the connection table, for the files of this folder only.
 *
 * An entry's life: the pool holds it (FREE) -> a worker takes it, writes its key, links it into the index and then
 * makes its state a live one -> somebody takes it down (DEAD; the one who changes the state does what belongs to it)
 * -> the aging unlinks it, or a connection of its tuple got its slot before -> a grace period -> FREE with the next
 * generation, and back into the pool. So a reader that finds an entry in the index, or by a reference, and sees a live
 * state, reads the key of that life until its next quiescent state; and who finds a dead one in the index, too.
 */

/* ---- what is counted: each counter is written by one thread alone */

enum conn_count {
    CONN_BEGUN,
    CONN_TIMED_OUT,
    CONN_EVICTED,
    CONN_KILLED,
    CONN_REPLACED,
    CONN_REFUSED_FULL,
    CONN_REFUSED_PORT,
    CONN_COUNTS
};

struct conn_counts {
    _Atomic uint64_t n[CONN_COUNTS];
};

static inline void conn_count(struct conn_counts *counts, enum conn_count what)
{
    uint64_t n = atomic_load_explicit(&counts->n[what], memory_order_relaxed);
    atomic_store_explicit(&counts->n[what], n + 1, memory_order_relaxed);
}

/* ---- the table */

#define CONN_RESERVE 64

/* What a worker has for itself. */
struct conn_worker {
    struct conn_counts counts;
    uint32_t n_reserve;
    uint32_t left;                  /* entries that the pool had when this worker asked last */
    uint32_t reserve[CONN_RESERVE]; /* free entries */
} __attribute__((aligned(64)));

struct conn_bucket;

struct conn_table {
    struct df_conns_config config;
    struct conn_worker *worker;
    struct conn_counts control; /* what the control thread counts */
    struct conn_bucket *bucket;
    uint32_t n_buckets;
};

extern struct conn_table df_conn_table;

#define MS_MAX (INT32_MAX / 2) /* times farther apart cannot be told from the future */

/* Milliseconds since then; what another thread noted a moment ago is no time. */
static inline uint32_t conn_since(uint32_t then_ms, uint32_t now_ms)
{
    int32_t ms = (int32_t)(now_ms - then_ms);
    return ms > 0 ? (uint32_t)ms : 0;
}

static inline bool conn_is_live(uint32_t word)
{
    return DF_CONN_STATE(word) > DF_CONN_DEAD;
}

/** Memory of zeros that takes none until it is touched; NULL: none. */
void *df_conn_map(size_t size);
void df_conn_unmap(void *memory, size_t size);

#define CONN_PAGE 4096 /* bytes */

/*
 * Lets the page of a word come into being. The word, if it is 0, is written, because to read it would only map the page
 * of zeros that all share; so whoever else writes it is not disturbed.
 */
static inline void conn_touch(_Atomic uint32_t *word)
{
    uint32_t zero = 0;
    atomic_compare_exchange_strong_explicit(word, &zero, 0, memory_order_relaxed, memory_order_relaxed);
}

/** What the state of a connection with that word is: enum df_conn_is. */
uint8_t df_conn_is(uint32_t word);

/** Was it idle for longer than its state may be? */
bool df_conn_timed_out(const struct df_conn *conn, uint32_t word, uint32_t now_ms);

/** Makes a live connection a dead one, and ends its cached flows. False: somebody else did. Any thread. */
bool df_conn_take_down(struct df_conn *conn, struct conn_counts *counts, enum conn_count why);

/** Live connections of all zones. Control thread. */
uint32_t df_conn_live(void);

/* ---- index.c: where connections are by the hash of their tuple */

int df_conn_index_init(uint32_t max);
void df_conn_index_fini(void);

/** The live connection of that tuple, however long it was idle. */
struct df_conn *df_conn_index_find(const struct df_conn_key *key, uint64_t hash, bool *reply);

/** Who holds the lock of a hash is alone in adding connections of that hash. Workers. */
void df_conn_index_lock(uint64_t hash);
void df_conn_index_unlock(uint64_t hash);

/**
 * Under the lock: the connection that has the slot of the tuple, or NULL. It lives, or is dead and was not unlinked when
 * this looked.
 */
struct df_conn *df_conn_index_find_last(const struct df_conn_key *key, uint64_t hash);

/**
 * Under the lock. In the slot of `last`, a dead connection of the same tuple, unless that is NULL or was unlinked
 * meanwhile. False: there is no place, which does not happen while there are entries.
 */
bool df_conn_index_add(const struct df_conn *conn, const struct df_conn *last, uint64_t hash);

/** The control thread, without the lock. Nothing, if another connection has its slot by now. */
void df_conn_index_remove(const struct df_conn *conn, uint64_t hash);

/** Touches at most that many more pages of it. How many are left. The control thread. */
uint32_t df_conn_index_touch(uint32_t pages);

/* ---- pool.c: free entries */

int df_conn_pool_init(uint32_t max, unsigned n_workers);
void df_conn_pool_fini(void);

/** A free entry, or NULL. The worker of that reserve. */
struct df_conn *df_conn_pool_take(struct conn_worker *worker);

/** How many entries it has, but for what workers have in reserve. Any thread. */
uint32_t df_conn_pool_left(void);

/** Gives back what was taken last and is still FREE. The same worker. */
void df_conn_pool_untake(struct conn_worker *worker, struct df_conn *conn);

/** Gives back an entry that nobody can find. One thread at a time. */
void df_conn_pool_give(struct df_conn *conn);

/** Touches at most that many pages of entries that will be given out next. The control thread. */
void df_conn_pool_touch(uint32_t pages);

/** Indices from 1 to below this were ever given out. */
uint32_t df_conn_pool_end(void);

/* ---- zone.c: how many connections a port has */

/**
 * How many connections a port may have while so many entries are left: no more than that, so that some ports never take
 * the whole table, however many they are; but a 1,024th of the table, and up to its limit where that is no less than
 * the table. Any thread.
 */
uint32_t df_conn_zone_most(uint32_t left);

/** Counts a connection in; false: the port has `most` or more. Workers. */
bool df_conn_zone_enter(uint32_t zone, uint32_t most);
/** Counts it out. */
void df_conn_zone_leave(uint32_t zone);

/**
 * A connection that another one took the place of holds an entry until a grace period is over. A port that has as many
 * of those as it may have connections begins none, or a guest that replaces one and the same over and over would use up
 * everybody's entries. Worker, and who gives entries back.
 */
void df_conn_zone_replaced(uint32_t zone);
void df_conn_zone_regained(uint32_t zone);
bool df_conn_zone_is_current(uint32_t zone);
/** Forgets all counts and lives. */
void df_conn_zones_reset(void);

/* ---- age.c */

/** Nothing is dead yet, and the aging begins at the first entry. */
void df_conn_age_reset(void);

/* ---- the protocols: the connection's word (state and flags) and what a packet makes of it; each in its own file */

struct conn_protocol {
    /** State that a connection begins in with this packet; DF_CONN_FREE: it can begin none. */
    uint8_t (*first)(const struct df_packet *packet);
    enum df_conn_judgement (*judge)(const struct df_conn *conn, uint32_t word, bool reply,
                                    const struct df_packet *packet);
    /** The word after the packet; of one that judge() would not pass, the same. */
    uint32_t (*next)(const struct df_conn *conn, uint32_t word, bool reply, const struct df_packet *packet);
    /** Notes of the packet what judge() needs to know later. May be NULL. */
    void (*note)(struct df_conn *conn, uint32_t word, bool reply, const struct df_packet *packet);
};

extern const struct conn_protocol df_conn_tcp, df_conn_sctp, df_conn_udp, df_conn_icmp, df_conn_other;

/** Of the packet; NULL: later fragments of what has ports, which change nothing. */
const struct conn_protocol *df_conn_protocol(const struct df_packet *packet);

#define CONN_FLAG(bit) (1u << (16 + (bit)))
#define CONN_CLOSED_BY_REPLY CONN_FLAG(0) /* TCP: the first FIN came from the reply direction */
#define CONN_CROSSED CONN_FLAG(1)         /* ICMP: both ends ask each other under the same identifier */
#define CONN_BEFORE_RESET_AT (16 + 2)     /* TCP: four bits, see tcp.c */
#define CONN_WAS_REPLACED CONN_FLAG(14)   /* of a dead entry: df_conn_zone_replaced() */
#define CONN_UNLINKED CONN_FLAG(15)       /* of a dead entry: it waits for a grace period */

static inline uint32_t conn_with_state(uint32_t word, uint8_t state)
{
    return (word & ~0xffu) | state;
}
