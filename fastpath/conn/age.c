/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/conn/internal.h"
#include "fastpath/rcu.h"

/*
 * The aging: a hand goes round the entries that were ever used. What is dead is unlinked and waits for a grace period;
 * one batch of any size waits at a time, the next one is gathered meanwhile.
 */

#define CALLS_PER_SECOND 100
#define TOUCH_PAGES (1024 * 1024 / CONN_PAGE) /* in a call */

static struct {
    uint32_t hand;
    uint32_t call;              /* how many there were; 0: none yet */
    uint32_t port_most;         /* connections that a port may have as of this call */
    uint32_t unlinked;          /* first of those that were unlinked since, by index */
    _Atomic uint32_t returning; /* first of those whose grace period runs; 0: none */
    struct rcu_head rcu;
} aging;

void df_conn_age_reset(void)
{
    aging.hand = 1;
    aging.unlinked = 0;
    atomic_store(&aging.returning, 0);
}

/* ---- giving back */

static void make_free(struct df_conn *conn)
{
    struct df_conn_key key;
    uint32_t word = atomic_load_explicit(&conn->word, memory_order_relaxed);
    df_conn_key(conn, &key);
    if (word & CONN_WAS_REPLACED)
        df_conn_zone_regained(key.zone);
    uint32_t generation = (DF_CONN_GENERATION(word) + 1) & 0xff;
    atomic_store_explicit(&conn->word, generation << 8 | DF_CONN_FREE, memory_order_relaxed);
    df_conn_pool_give(conn);
}

/* A thread of liburcu. */
static void grace_is_over(struct rcu_head *head)
{
    uint32_t index = atomic_load_explicit(&aging.returning, memory_order_acquire);
    (void)head;
    while (index != 0) {
        struct df_conn *conn = &df_conn_array[index];
        index = atomic_load_explicit(&conn->next, memory_order_relaxed);
        make_free(conn);
    }
    atomic_store_explicit(&aging.returning, 0, memory_order_release);
}

static void give_back(void)
{
    if (aging.unlinked == 0 || atomic_load_explicit(&aging.returning, memory_order_acquire) != 0)
        return;
    atomic_store_explicit(&aging.returning, aging.unlinked, memory_order_release);
    aging.unlinked = 0;
    df_rcu_call(&aging.rcu, grace_is_over);
}

/* Nobody but the aging changes the word of a dead entry. */
static void unlink_dead(struct df_conn *conn, uint32_t index, uint32_t word)
{
    struct df_conn_key key;
    if (word & CONN_UNLINKED)
        return;
    df_conn_key(conn, &key);
    df_conn_index_remove(conn, df_conn_hash(&key));
    atomic_store_explicit(&conn->word, word | CONN_UNLINKED, memory_order_relaxed);
    atomic_store_explicit(&conn->next, aging.unlinked, memory_order_relaxed);
    aging.unlinked = index;
}

/* ---- deciding */

/* How many more connections there is room for, and below how many each patience is at its end. */
struct room {
    uint32_t left, step;
};

/* The room of a port as of this call, counted on from there: workers write the line that its count is in. */
struct port_room {
    uint32_t call;
    struct room room;
};

static struct port_room ports[DF_CONN_PORTS];

static struct room room_now(void)
{
    uint32_t max = df_conn_table.config.max, live = df_conn_live();
    return (struct room){.left = live < max ? max - live : 0, .step = max / 16 + 1};
}

/* Of a handful of connections none ends early: the step is 0. */
static struct room *room_of_port(uint16_t port)
{
    struct port_room *own = &ports[port];
    if (own->call != aging.call) {
        uint32_t most = aging.port_most, live = df_conns_of_port(port);
        *own = (struct port_room){aging.call, {.left = live < most ? most - live : 0, .step = most / 16}};
    }
    return &own->room;
}

/* timeout when there is room for more than least + step, and less and less of it down to nothing at least. */
static uint32_t sink(uint32_t timeout, const struct room *room, uint32_t least)
{
    if (room->left >= least + room->step)
        return timeout;
    return room->left <= least ? 0 : (uint32_t)((uint64_t)timeout * (room->left - least) / room->step);
}

static uint32_t patience(uint32_t timeout, uint8_t is, const struct room *room)
{
    if (is & DF_CONN_IS_UNREPLIED)
        return sink(timeout, room, room->step);
    return is & DF_CONN_IS_CLOSING ? sink(timeout, room, 0) : timeout;
}

static bool has_to_go(const struct df_conn *conn, uint32_t word, uint32_t now_ms, const struct room *room)
{
    uint32_t timeout = df_conn_table.config.timeouts.ms[DF_CONN_STATE(word)];
    uint32_t least = patience(timeout, df_conn_is(word), room);
    uint32_t seen_ms = atomic_load_explicit(&conn->seen_ms, memory_order_relaxed);
    return least < timeout && conn_since(seen_ms, now_ms) >= least;
}

static bool end_if_due(struct df_conn *conn, uint32_t word, uint32_t now_ms, const struct room *room)
{
    struct conn_counts *counts = &df_conn_table.control;
    struct df_conn_key key;
    df_conn_key(conn, &key);
    if (!df_conn_zone_is_current(key.zone)) /* it is none of its port's any more */
        return df_conn_take_down(conn, counts, CONN_KILLED);
    struct room *own = room_of_port(df_conn_zone_port(key.zone));
    bool ended = false;
    if (df_conn_timed_out(conn, word, now_ms))
        ended = df_conn_take_down(conn, counts, CONN_TIMED_OUT);
    else if (has_to_go(conn, word, now_ms, room) || has_to_go(conn, word, now_ms, own))
        ended = df_conn_take_down(conn, counts, CONN_EVICTED);
    own->left += ended;
    return ended;
}

/* Returns how many it took down: one or none. */
static uint32_t look_at(uint32_t index, uint32_t now_ms, struct room *room)
{
    struct df_conn *conn = &df_conn_array[index];
    uint32_t word = atomic_load_explicit(&conn->word, memory_order_acquire);
    bool ended = conn_is_live(word) && end_if_due(conn, word, now_ms, room);
    room->left += ended;
    word = atomic_load_explicit(&conn->word, memory_order_acquire);
    if (DF_CONN_STATE(word) == DF_CONN_DEAD)
        unlink_dead(conn, index, word);
    return ended;
}

/* A worker that begins a connection on a page that is not there would wait for the kernel to make it. */
static void touch_ahead(void)
{
    df_conn_pool_touch(df_conn_index_touch(TOUCH_PAGES));
}

uint32_t df_conns_age(uint32_t now_ms, uint32_t budget)
{
    uint32_t end = df_conn_pool_end(), ended = 0;
    struct room room = room_now();
    aging.call++;
    aging.port_most = df_conn_zone_most(df_conn_pool_left());
    if (budget > end - 1)
        budget = end - 1;
    for (; budget > 0; budget--, aging.hand++) {
        if (aging.hand >= end)
            aging.hand = 1;
        ended += look_at(aging.hand, now_ms, &room);
    }
    give_back();
    touch_ahead();
    return ended;
}

uint32_t df_conns_age_budget(void)
{
    return (df_conn_pool_end() - 1) / CALLS_PER_SECOND + 1;
}
