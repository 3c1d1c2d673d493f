/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/conn/internal.h"

/* What the operator is shown. */

static uint64_t sum(enum conn_count what)
{
    uint64_t n = atomic_load_explicit(&df_conn_table.control.n[what], memory_order_relaxed);
    for (unsigned worker = 0; worker < df_conn_table.config.n_workers; worker++)
        n += atomic_load_explicit(&df_conn_table.worker[worker].counts.n[what], memory_order_relaxed);
    return n;
}

/*
 * Counters are read one after the other, those of ends first: so it may be more than there are, and never less than 0.
 */
uint32_t df_conn_live(void)
{
    uint64_t ended = sum(CONN_TIMED_OUT) + sum(CONN_EVICTED) + sum(CONN_KILLED) + sum(CONN_REPLACED);
    uint64_t begun = sum(CONN_BEGUN);
    return begun > ended ? (uint32_t)(begun - ended) : 0;
}

void df_conns_tally(struct df_conns_tally *tally)
{
    *tally = (struct df_conns_tally){
        .max = df_conn_table.config.max,
        .live = df_conn_live(),
        .max_per_port = df_conn_table.config.max_per_port,
        .port_share = df_conn_zone_most(df_conn_pool_left()),
        .begun = sum(CONN_BEGUN),
        .timed_out = sum(CONN_TIMED_OUT),
        .evicted = sum(CONN_EVICTED),
        .killed = sum(CONN_KILLED),
        .replaced = sum(CONN_REPLACED),
        .refused_full = sum(CONN_REFUSED_FULL),
        .refused_port = sum(CONN_REFUSED_PORT),
    };
}

/* False: none that lives, or it became another one meanwhile. */
static bool read_info(const struct df_conn *conn, uint32_t index, uint32_t now_ms, struct df_conn_info *info)
{
    uint32_t word = atomic_load_explicit(&conn->word, memory_order_acquire);
    if (!conn_is_live(word) || df_conn_timed_out(conn, word, now_ms))
        return false;
    uint32_t timeout = df_conn_table.config.timeouts.ms[DF_CONN_STATE(word)];
    *info = (struct df_conn_info){.index = index, .state = (enum df_conn_state)DF_CONN_STATE(word)};
    df_conn_key(conn, &info->key);
    info->idle_ms = conn_since(atomic_load_explicit(&conn->seen_ms, memory_order_relaxed), now_ms);
    info->age_ms = conn_since(atomic_load_explicit(&conn->born_ms, memory_order_acquire), now_ms);
    info->expires_ms = info->idle_ms < timeout ? timeout - info->idle_ms : 0;
    for (unsigned direction = 0; direction < 2; direction++) {
        info->packets[direction] = df_conn_packets(conn, direction);
        info->bytes[direction] = atomic_load_explicit(&conn->bytes[direction], memory_order_relaxed);
    }
    uint32_t after = atomic_load_explicit(&conn->word, memory_order_acquire);
    return conn_is_live(after) && DF_CONN_GENERATION(after) == DF_CONN_GENERATION(word) &&
           df_conn_zone_is_current(info->key.zone);
}

uint32_t df_conns_each(uint32_t from, uint32_t budget, uint32_t now_ms,
                       int (*cb)(struct df_conn *conn, const struct df_conn_info *info, void *arg), void *arg)
{
    uint32_t end = df_conn_pool_end();
    uint32_t index = from > 0 ? from : 1;
    for (; budget > 0 && index < end; budget--, index++) {
        struct df_conn_info info;
        if (read_info(&df_conn_array[index], index, now_ms, &info) && cb(&df_conn_array[index], &info, arg) != 0) {
            index++;
            break;
        }
    }
    return index < end ? index : 0;
}
