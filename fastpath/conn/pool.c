/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/conn/internal.h"

#include <errno.h>

/*
 * Free entries. Those that were used before stand in a ring, the longest unused first; when there is none, the next one
 * that was never used is taken, so that no more memory is touched than is needed at a time, but for some that the
 * control thread touches ahead. Each worker takes some in advance, so that it shares a line with others once for all of
 * them.
 *
 * The ring has room for every entry. Its ends only grow, so a worker that read what lies at the head may take it if the
 * head is still the same: until then it cannot have been overwritten.
 */

#define RESERVES_OF_ALL 64 /* workers' reserves together hold one entry in as many, at most */
#define AHEAD 65536        /* entries to touch behind those that were ever used */
#define ENTRIES_OF_PAGE (uint32_t)(CONN_PAGE / sizeof(struct df_conn))

static struct {
    _Atomic uint64_t head __attribute__((aligned(64))); /* workers take here */
    _Atomic uint32_t fresh;                             /* first index that was never used */
    _Atomic uint64_t tail __attribute__((aligned(64))); /* and entries come back here */
    _Atomic uint32_t *ring __attribute__((aligned(64)));
    uint32_t mask;
    uint32_t end;   /* behind the last index */
    uint32_t batch; /* how many a worker takes at a time */
} pool;

static uint32_t touched; /* entries, whole pages of them; the control thread's */

static uint32_t power_of_two(uint32_t least)
{
    uint32_t n = 1;
    while (n < least)
        n *= 2;
    return n;
}

int df_conn_pool_init(uint32_t max, unsigned n_workers)
{
    uint32_t batch = max / (n_workers * RESERVES_OF_ALL);
    uint32_t size = power_of_two(max);
    pool.ring = df_conn_map(size * sizeof(*pool.ring));
    if (pool.ring == NULL)
        return -ENOMEM;
    pool.mask = size - 1;
    pool.end = max + 1;
    pool.batch = batch < 1 ? 1 : batch > CONN_RESERVE ? CONN_RESERVE : batch;
    atomic_store(&pool.head, 0);
    atomic_store(&pool.tail, 0);
    atomic_store(&pool.fresh, 1);
    touched = 0;
    return 0;
}

void df_conn_pool_fini(void)
{
    df_conn_unmap((void *)pool.ring, (pool.mask + 1ull) * sizeof(*pool.ring));
    pool.ring = NULL;
}

static bool refill_used(struct conn_worker *worker)
{
    uint64_t head = atomic_load_explicit(&pool.head, memory_order_acquire);
    uint32_t n;
    do {
        uint64_t left = atomic_load_explicit(&pool.tail, memory_order_acquire) - head;
        n = left < pool.batch ? (uint32_t)left : pool.batch;
        if (n == 0)
            return false;
        for (uint32_t i = 0; i < n; i++)
            worker->reserve[n - 1 - i] = atomic_load_explicit(&pool.ring[(head + i) & pool.mask], memory_order_relaxed);
    } while (!atomic_compare_exchange_weak_explicit(&pool.head, &head, head + n, memory_order_acq_rel,
                                                    memory_order_acquire));
    worker->n_reserve = n;
    return true;
}

static bool refill_fresh(struct conn_worker *worker)
{
    uint32_t first = atomic_load_explicit(&pool.fresh, memory_order_relaxed);
    uint32_t n;
    do {
        uint32_t left = pool.end - first;
        n = left < pool.batch ? left : pool.batch;
        if (n == 0)
            return false;
    } while (!atomic_compare_exchange_weak_explicit(&pool.fresh, &first, first + n, memory_order_relaxed,
                                                    memory_order_relaxed));
    for (uint32_t i = 0; i < n; i++)
        worker->reserve[n - 1 - i] = first + i;
    worker->n_reserve = n;
    return true;
}

uint32_t df_conn_pool_left(void)
{
    uint64_t head = atomic_load_explicit(&pool.head, memory_order_acquire); /* first: the tail is never behind it */
    uint32_t used = (uint32_t)(atomic_load_explicit(&pool.tail, memory_order_acquire) - head);
    return used + pool.end - atomic_load_explicit(&pool.fresh, memory_order_relaxed);
}

static bool refill(struct conn_worker *worker)
{
    if (!refill_used(worker) && !refill_fresh(worker))
        return false;
    worker->left = df_conn_pool_left();
    return true;
}

struct df_conn *df_conn_pool_take(struct conn_worker *worker)
{
    if (worker->n_reserve == 0 && !refill(worker))
        return NULL;
    struct df_conn *conn = &df_conn_array[worker->reserve[--worker->n_reserve]];
    if (worker->n_reserve > 0) { /* a connection begins soon after another */
        const uint8_t *next = (const uint8_t *)&df_conn_array[worker->reserve[worker->n_reserve - 1]];
        __builtin_prefetch(next, 1);
        __builtin_prefetch(next + 64, 1);
    }
    return conn;
}

void df_conn_pool_untake(struct conn_worker *worker, struct df_conn *conn)
{
    worker->reserve[worker->n_reserve++] = (uint32_t)(conn - df_conn_array);
}

void df_conn_pool_give(struct df_conn *conn)
{
    uint64_t tail = atomic_load_explicit(&pool.tail, memory_order_relaxed);
    atomic_store_explicit(&pool.ring[tail & pool.mask], (uint32_t)(conn - df_conn_array), memory_order_relaxed);
    atomic_store_explicit(&pool.tail, tail + 1, memory_order_release);
}

uint32_t df_conn_pool_end(void)
{
    return atomic_load_explicit(&pool.fresh, memory_order_relaxed);
}

/* Workers that were faster touched what is below the first fresh one. */
void df_conn_pool_touch(uint32_t pages)
{
    uint32_t fresh = df_conn_pool_end();
    uint32_t end = pool.end - fresh < AHEAD ? pool.end : fresh + AHEAD;
    if (touched < fresh)
        touched = fresh - fresh % ENTRIES_OF_PAGE;
    for (; pages > 0 && touched < end; pages--, touched += ENTRIES_OF_PAGE)
        conn_touch(&df_conn_array[touched].word);
}
