/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/conn/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

struct conn_table df_conn_table;

/* Entry 0 is never used, so reference 0 finds nothing, also where there is no table. */
static struct df_conn none;
struct df_conn *df_conn_array = &none;

#define X(ENUM, name, seconds, is) [DF_CONN_##ENUM] = 1000u * (seconds),
const struct df_conn_timeouts df_conn_timeouts_default = {.ms = {DF_CONN_STATE_LIST(X)}};
#undef X

static const struct {
    const char *name;
    uint8_t is;
} states[DF_CONN_STATES] = {
#define X(ENUM, name, seconds, is) [DF_CONN_##ENUM] = {name, is},
    DF_CONN_STATE_LIST(X)
#undef X
};

const char *df_conn_state_name(enum df_conn_state state)
{
    return state < DF_CONN_STATES ? states[state].name : "?";
}

uint8_t df_conn_is(uint32_t word)
{
    return states[DF_CONN_STATE(word)].is;
}

/* ---- the table */

void *df_conn_map(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        return NULL;
    madvise(memory, size, MADV_HUGEPAGE); /* or not: then it is slower */
    return memory;
}

void df_conn_unmap(void *memory, size_t size)
{
    if (memory != NULL)
        munmap(memory, size);
}

static size_t array_size(void)
{
    return (df_conn_table.config.max + 1ull) * sizeof(struct df_conn);
}

static bool is_sound(const struct df_conns_config *config)
{
    for (unsigned state = DF_CONN_DEAD + 1; state < DF_CONN_STATES; state++)
        if (config->timeouts.ms[state] == 0 || config->timeouts.ms[state] > MS_MAX - config->seen_late_ms)
            return false;
    return config->seen_late_ms < MS_MAX && config->max > 0 && config->max <= DF_CONN_MAX && config->max_per_port > 0 &&
           config->n_workers > 0;
}

/* No connection is idle before its time-out is over, so what it was not yet seen to do counts for it. */
static void lengthen_timeouts(struct df_conns_config *config)
{
    for (unsigned state = DF_CONN_DEAD + 1; state < DF_CONN_STATES; state++)
        if (df_conn_is(state) & (DF_CONN_IS_STEADY | DF_CONN_IS_STEADY_REPLY))
            config->timeouts.ms[state] += config->seen_late_ms;
}

static void fini(void)
{
    df_conn_pool_fini();
    df_conn_index_fini();
    free(df_conn_table.worker);
    if (df_conn_array != &none)
        df_conn_unmap(df_conn_array, array_size());
    df_conn_array = &none;
    df_conn_table = (struct conn_table){0};
}

static int init_parts(const struct df_conns_config *config)
{
    size_t size = config->n_workers * sizeof(*df_conn_table.worker);
    df_conn_table.worker = aligned_alloc(64, size);
    if (df_conn_table.worker == NULL)
        return -ENOMEM;
    memset(df_conn_table.worker, 0, size);
    struct df_conn *array = df_conn_map(array_size());
    if (array == NULL)
        return -ENOMEM;
    df_conn_array = array;
    int rc = df_conn_index_init(config->max);
    return rc != 0 ? rc : df_conn_pool_init(config->max, config->n_workers);
}

int df_conns_init(const struct df_conns_config *config)
{
    if (!is_sound(config))
        return -EINVAL;
    df_conn_table.config = *config;
    lengthen_timeouts(&df_conn_table.config);
    int rc = init_parts(config);
    if (rc != 0) {
        fini();
        return rc;
    }
    df_conn_zones_reset();
    df_conn_age_reset();
    return 0;
}

void df_conns_fini(void)
{
    fini();
}

bool df_conns_ready(void)
{
    return df_conn_array != &none;
}

/* ---- looking up */

void df_conn_key(const struct df_conn *conn, struct df_conn_key *key)
{
    uint64_t word[6];
    for (unsigned i = 0; i < 6; i++)
        word[i] = atomic_load_explicit(&conn->key[i], memory_order_acquire);
    memcpy(key, word, sizeof(*key));
}

bool df_conn_timed_out(const struct df_conn *conn, uint32_t word, uint32_t now_ms)
{
    uint32_t seen_ms = atomic_load_explicit(&conn->seen_ms, memory_order_relaxed);
    return conn_since(seen_ms, now_ms) > df_conn_table.config.timeouts.ms[DF_CONN_STATE(word)];
}

static bool is_over(const struct df_conn *conn, uint32_t now_ms)
{
    return df_conn_timed_out(conn, atomic_load_explicit(&conn->word, memory_order_relaxed), now_ms);
}

struct df_conn *df_conn_find(const struct df_conn_key *key, uint64_t hash, uint32_t now_ms, bool *reply)
{
    struct df_conn *conn = df_conn_index_find(key, hash, reply);
    return conn != NULL && !is_over(conn, now_ms) ? conn : NULL;
}

df_conn_ref df_conn_reference(const struct df_conn *conn)
{
    uint32_t word = atomic_load_explicit(&conn->word, memory_order_relaxed);
    return DF_CONN_GENERATION(word) << 24 | (uint32_t)(conn - df_conn_array);
}

/* ---- taking down */

static void end_flow(struct df_conn *conn, unsigned direction)
{
    _Atomic uint8_t *flow = atomic_load_explicit(&conn->flow[direction], memory_order_seq_cst);
    if (flow != NULL)
        atomic_store_explicit(flow, 0, memory_order_release);
}

bool df_conn_take_down(struct df_conn *conn, struct conn_counts *counts, enum conn_count why)
{
    struct df_conn_key key;
    uint32_t flags = why == CONN_REPLACED ? CONN_WAS_REPLACED : 0;
    uint32_t word = atomic_load_explicit(&conn->word, memory_order_acquire);
    do {
        if (!conn_is_live(word))
            return false;
        df_conn_key(conn, &key);
    } while (!atomic_compare_exchange_weak_explicit(&conn->word, &word, conn_with_state(word, DF_CONN_DEAD) | flags,
                                                    memory_order_seq_cst, memory_order_acquire));
    if (flags != 0)
        df_conn_zone_replaced(key.zone);
    df_conn_zone_leave(key.zone);
    conn_count(counts, why);
    end_flow(conn, 0);
    end_flow(conn, 1);
    return true;
}

void df_conn_kill(struct df_conn *conn)
{
    df_conn_take_down(conn, &df_conn_table.control, CONN_KILLED);
}

/* The flow is noted first and the state looked at then; who changes the state does it the other way round. */
void df_conn_set_flow(struct df_conn *conn, bool reply, _Atomic uint8_t *flow)
{
    atomic_store_explicit(&conn->flow[reply], flow, memory_order_seq_cst);
    uint32_t word = atomic_load_explicit(&conn->word, memory_order_seq_cst);
    if (flow != NULL && !(df_conn_is(word) & (reply ? DF_CONN_IS_STEADY_REPLY : DF_CONN_IS_STEADY)))
        atomic_store_explicit(flow, 0, memory_order_release);
}

/* ---- beginning */

/*
 * What happens between two workers that begin with the same tuple happens under the lock of its bucket; the rest
 * before.
 */
static void prepare(struct df_conn *conn, const struct df_conn_key *key, uint32_t now_ms)
{
    uint64_t word[6];
    memcpy(word, key, sizeof(word));
    for (unsigned i = 0; i < 6; i++) /* release: who reads one of them sees that the entry was free, or its next life */
        atomic_store_explicit(&conn->key[i], word[i], memory_order_release);
    atomic_store_explicit(&conn->seen_ms, now_ms, memory_order_relaxed);
    atomic_store_explicit(&conn->born_ms, now_ms, memory_order_relaxed);
    for (unsigned direction = 0; direction < 2; direction++) {
        struct df_conn_side *side = &conn->side[direction];
        atomic_store_explicit(&side->ack, 0, memory_order_relaxed);
        atomic_store_explicit(&side->end, 0, memory_order_relaxed);
        atomic_store_explicit(&side->window, 0, memory_order_relaxed);
        atomic_store_explicit(&conn->packets[direction], 0, memory_order_relaxed);
        atomic_store_explicit(&conn->packets_high[direction], 0, memory_order_relaxed);
        atomic_store_explicit(&conn->bytes[direction], 0, memory_order_relaxed);
        atomic_store_explicit(&conn->flow[direction], NULL, memory_order_relaxed);
    }
}

/*
 * The packet was one of a direction that is steady after it, or not. Other workers may note the same side: then a packet
 * more or less has to walk.
 */
static void note_plain(struct df_conn *conn, bool reply, uint32_t word)
{
    _Atomic uint32_t *noted = &conn->side[reply].window;
    if (!(df_conn_is(word) & (reply ? DF_CONN_IS_STEADY_REPLY : DF_CONN_IS_STEADY)))
        return;
    uint32_t window = atomic_load_explicit(noted, memory_order_relaxed);
    if (window & DF_CONN_PLAIN_TWICE)
        return;
    window |= window & DF_CONN_PLAIN_ONCE ? DF_CONN_PLAIN_TWICE : DF_CONN_PLAIN_ONCE;
    atomic_store_explicit(noted, window, memory_order_relaxed);
}

/* What this worker knows of the pool may be old; there is no more than its reserve that it does not know of. */
static bool enter_zone(struct conn_worker *worker, uint32_t zone)
{
    if (df_conn_zone_enter(zone, df_conn_zone_most(worker->left)))
        return true;
    worker->left = df_conn_pool_left();
    return df_conn_zone_enter(zone, df_conn_zone_most(worker->left));
}

static int link_in(struct conn_worker *worker, struct df_conn *conn, const struct df_conn *last,
                   const struct df_conn_key *key, uint64_t hash, uint32_t word)
{
    if (!enter_zone(worker, key->zone)) {
        conn_count(&worker->counts, CONN_REFUSED_PORT);
        return -EDQUOT;
    }
    if (!df_conn_index_add(conn, last, hash)) {
        df_conn_zone_leave(key->zone);
        conn_count(&worker->counts, CONN_REFUSED_FULL);
        return -ENOSPC;
    }
    /* Last: who sees it live finds it in the index, and can take it down. */
    atomic_store_explicit(&conn->word, word, memory_order_release);
    conn_count(&worker->counts, CONN_BEGUN);
    return 0;
}

/* Under the lock: is the tuple another one's? False: last, the one that had it before or NULL, is dead now. */
static bool is_taken(struct conn_worker *worker, struct df_conn *last, uint32_t now_ms, const struct df_conn *anew)
{
    if (last == NULL)
        return false;
    uint32_t word = atomic_load_explicit(&last->word, memory_order_relaxed);
    if (!conn_is_live(word))
        return false;
    bool over = df_conn_timed_out(last, word, now_ms);
    if (last != anew && !over)
        return true;
    df_conn_take_down(last, &worker->counts, over ? CONN_TIMED_OUT : CONN_REPLACED);
    return false;
}

/* The word of an entry that is free, for the connection that begins in it. */
static uint32_t first_word(const struct df_conn *conn, uint8_t state, uint32_t flags)
{
    uint32_t word = atomic_load_explicit(&conn->word, memory_order_relaxed);
    return DF_CONN_GENERATION(word) << 8 | state | flags;
}

/* Without an entry: who lost a race needs none, since it joins what another worker began meanwhile. */
static int join_or_refuse(struct conn_worker *worker, const struct df_conn_key *key, uint64_t hash, uint32_t now_ms,
                          const struct df_conn *anew, struct df_conn **conn)
{
    bool reply;
    struct df_conn *other = df_conn_find(key, hash, now_ms, &reply);
    if (other != NULL && other != anew) {
        *conn = other;
        return 1;
    }
    conn_count(&worker->counts, CONN_REFUSED_FULL);
    return -ENOSPC;
}

int df_conn_begin(unsigned worker, const struct df_conn_key *key, uint64_t hash, const struct df_packet *packet,
                  uint32_t now_ms, struct df_conn *anew, struct df_conn **conn)
{
    struct conn_worker *self = &df_conn_table.worker[worker];
    const struct conn_protocol *protocol = df_conn_protocol(packet);
    uint8_t state = protocol != NULL ? protocol->first(packet) : DF_CONN_FREE;
    int rc = 0;
    if (state == DF_CONN_FREE)
        return -EINVAL;
    struct df_conn *fresh = df_conn_pool_take(self);
    if (fresh == NULL)
        return join_or_refuse(self, key, hash, now_ms, anew, conn);
    uint32_t word = first_word(fresh, state, anew != NULL && protocol == &df_conn_icmp ? CONN_CROSSED : 0);
    prepare(fresh, key, now_ms);
    if (protocol->note != NULL)
        protocol->note(fresh, word, false, packet);
    note_plain(fresh, false, word);
    df_conn_index_lock(hash);
    struct df_conn *last = df_conn_index_find_last(key, hash);
    *conn = last;
    if (!is_taken(self, last, now_ms, anew)) {
        rc = link_in(self, fresh, last, key, hash, word);
        *conn = rc == 0 ? fresh : NULL;
    }
    df_conn_index_unlock(hash);
    if (*conn == fresh)
        return 0;
    df_conn_pool_untake(self, fresh);
    return rc != 0 ? rc : 1;
}

void df_conn_take_back(unsigned worker, struct df_conn *conn)
{
    df_conn_take_down(conn, &df_conn_table.worker[worker].counts, CONN_REPLACED);
}

/* ---- moving on */

/* Ends the cached flows of directions in which the connection is steady no more. */
static void end_unsteady(struct df_conn *conn, uint32_t before, uint32_t after)
{
    unsigned lost = df_conn_is(before) & ~df_conn_is(after);
    if (lost & DF_CONN_IS_STEADY)
        end_flow(conn, 0);
    if (lost & DF_CONN_IS_STEADY_REPLY)
        end_flow(conn, 1);
}

void df_conn_advance(struct df_conn *conn, bool reply, const struct df_packet *packet, uint32_t now_ms)
{
    const struct conn_protocol *protocol = df_conn_protocol(packet);
    uint32_t word = atomic_load_explicit(&conn->word, memory_order_acquire);
    uint32_t next = word;
    df_conn_touch(conn, now_ms);
    if (protocol == NULL)
        return;
    do {
        if (!conn_is_live(word))
            return;
        next = protocol->next(conn, word, reply, packet);
    } while (next != word && !atomic_compare_exchange_weak_explicit(&conn->word, &word, next, memory_order_seq_cst,
                                                                    memory_order_acquire));
    if (protocol->note != NULL)
        protocol->note(conn, word, reply, packet);
    note_plain(conn, reply, next);
    if (next != word)
        end_unsteady(conn, word, next);
}
