/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/conn/internal.h"
#include "fastpath/rcu.h"

#include <errno.h>

/*
 * The index: buckets of one cache line, half of whose slots are used when the table is full.
 *
 * A slot holds 40 bits of the hash and the index of an entry, so that a look-up that finds nothing touches the bucket
 * alone. A hash has a home bucket. What finds no slot there goes to one of the next buckets; how many did, and how far
 * the farthest went, is noted at home, where every look-up sees it. With seven slots and 3.5 entries on average three
 * buckets in a hundred are ever full. Guests cannot fill one on purpose: the secret in the hash keeps them from finding
 * tuples that share it, and a tuple has one slot in a zone, however often a connection of it begins, because a
 * connection gets the slot of the one before it where the aging has not emptied that yet.
 *
 * Slots are filled by compare-and-swap, since a neighbour's connections come without this bucket's lock, and emptied by
 * the control thread alone. So a slot that is to change hands may be emptied at the same moment: one of the two comes
 * first, and the other finds that the slot is not what it was.
 */

#define SLOTS 7
#define INDEX_BITS 24
#define REACH_MAX 1024 /* buckets; they cannot all be full */

struct conn_bucket {
    _Atomic uint32_t lock;
    _Atomic uint32_t away; /* connections at home here that lie elsewhere; above 16 bits: up to how far */
    _Atomic uint64_t slot[SLOTS];
} __attribute__((aligned(64)));
_Static_assert(sizeof(struct conn_bucket) == 64, "one line");

#define BUCKETS_OF_PAGE (CONN_PAGE / sizeof(struct conn_bucket))

static uint32_t touched; /* buckets; the control thread's */

int df_conn_index_init(uint32_t max)
{
    struct conn_table *table = &df_conn_table;
    table->n_buckets = (uint32_t)(((uint64_t)max * 2 + SLOTS - 1) / SLOTS);
    table->bucket = df_conn_map(table->n_buckets * sizeof(*table->bucket));
    touched = 0;
    return table->bucket != NULL ? 0 : -ENOMEM;
}

void df_conn_index_fini(void)
{
    struct conn_table *table = &df_conn_table;
    df_conn_unmap(table->bucket, table->n_buckets * sizeof(*table->bucket));
    table->bucket = NULL;
}

/* Hashes go anywhere, so a few thousand connections need all of it. */
uint32_t df_conn_index_touch(uint32_t pages)
{
    for (; pages > 0 && touched < df_conn_table.n_buckets; pages--, touched += BUCKETS_OF_PAGE)
        conn_touch(&df_conn_table.bucket[touched].lock);
    return pages;
}

static struct conn_bucket *bucket_at(uint64_t hash, uint32_t distance)
{
    uint32_t n = df_conn_table.n_buckets;
    uint32_t at = (uint32_t)((hash >> 32) * n >> 32) + distance;
    return &df_conn_table.bucket[at < n ? at : at - n];
}

static uint32_t reach_max(void)
{
    return df_conn_table.n_buckets < REACH_MAX ? df_conn_table.n_buckets : REACH_MAX;
}

static uint64_t slot_word(uint64_t hash, uint32_t index)
{
    return hash << INDEX_BITS | index;
}

/* Bit n: slot n may be of that hash. */
static inline unsigned slots_of(const struct conn_bucket *bucket, uint64_t hash)
{
    uint64_t tag = slot_word(hash, 0);
    unsigned mask = 0;
    for (unsigned i = 0; i < SLOTS; i++) {
        uint64_t slot = atomic_load_explicit(&bucket->slot[i], memory_order_relaxed);
        mask |= (unsigned)((slot ^ tag) >> INDEX_BITS == 0) << i;
    }
    return mask;
}

void df_conn_prefetch(uint64_t hash)
{
    __builtin_prefetch(bucket_at(hash, 0));
}

void df_conn_prefetch_entry(uint64_t hash)
{
    const struct conn_bucket *bucket = bucket_at(hash, 0);
    for (unsigned mask = slots_of(bucket, hash); mask != 0; mask &= mask - 1) {
        uint64_t slot = atomic_load_explicit(&bucket->slot[__builtin_ctz(mask)], memory_order_relaxed);
        const struct df_conn *conn = &df_conn_array[slot & DF_CONN_MAX];
        __builtin_prefetch(conn);
        __builtin_prefetch(&conn->side);
    }
}

/* ---- finding */

/* A tuple as the words that an entry keeps. */
struct words {
    uint64_t word[6];
};

static inline struct words words_of(const struct df_conn_key *key)
{
    struct words words;
    memcpy(&words, key, sizeof(words));
    return words;
}

static inline struct words words_of_reverse(const struct df_conn_key *key)
{
    struct df_conn_key reverse = *key;
    reverse.src = key->dst;
    reverse.dst = key->src;
    reverse.l4_src = key->l4_dst;
    reverse.l4_dst = key->l4_src;
    return words_of(&reverse);
}

static inline bool has_words(const struct df_conn *conn, const struct words *words)
{
    uint64_t differ = 0;
    for (unsigned i = 0; i < 6; i++)
        differ |= atomic_load_explicit(&conn->key[i], memory_order_relaxed) ^ words->word[i];
    return differ == 0;
}

/* The word is read first: if it is not a free one, the key is of that life. */
static inline bool is_of(const struct df_conn *conn, enum df_conn_state least, const struct df_conn_key *key,
                         bool *reply)
{
    if (DF_CONN_STATE(atomic_load_explicit(&conn->word, memory_order_acquire)) < least)
        return false;
    struct words words = words_of(key);
    *reply = false;
    if (has_words(conn, &words))
        return true;
    words = words_of_reverse(key);
    *reply = true;
    return has_words(conn, &words);
}

static inline struct df_conn *find_in(const struct conn_bucket *bucket, enum df_conn_state least,
                                      const struct df_conn_key *key, uint64_t hash, bool *reply)
{
    for (unsigned mask = slots_of(bucket, hash); mask != 0; mask &= mask - 1) {
        uint64_t slot = atomic_load_explicit(&bucket->slot[__builtin_ctz(mask)], memory_order_relaxed);
        struct df_conn *conn = &df_conn_array[slot & DF_CONN_MAX];
        if (is_of(conn, least, key, reply))
            return conn;
    }
    return NULL;
}

static inline struct df_conn *find(enum df_conn_state least, const struct df_conn_key *key, uint64_t hash, bool *reply)
{
    const struct conn_bucket *home = bucket_at(hash, 0);
    uint32_t reach = atomic_load_explicit(&home->away, memory_order_acquire) >> 16;
    struct df_conn *conn = find_in(home, least, key, hash, reply);
    for (uint32_t distance = 1; conn == NULL && distance <= reach; distance++)
        conn = find_in(bucket_at(hash, distance), least, key, hash, reply);
    return conn;
}

struct df_conn *df_conn_index_find(const struct df_conn_key *key, uint64_t hash, bool *reply)
{
    return find(DF_CONN_DEAD + 1, key, hash, reply);
}

struct df_conn *df_conn_index_find_last(const struct df_conn_key *key, uint64_t hash)
{
    bool reply;
    return find(DF_CONN_DEAD, key, hash, &reply);
}

bool df_conn_may_be(uint64_t hash)
{
    const struct conn_bucket *home = bucket_at(hash, 0);
    return slots_of(home, hash) != 0 || atomic_load_explicit(&home->away, memory_order_acquire) >> 16 != 0;
}

/* ---- adding and removing */

void df_conn_index_lock(uint64_t hash)
{
    struct conn_bucket *home = bucket_at(hash, 0);
    while (atomic_exchange_explicit(&home->lock, 1, memory_order_acquire) != 0)
        while (atomic_load_explicit(&home->lock, memory_order_relaxed) != 0)
            caa_cpu_relax();
}

void df_conn_index_unlock(uint64_t hash)
{
    atomic_store_explicit(&bucket_at(hash, 0)->lock, 0, memory_order_release);
}

static void note_away(struct conn_bucket *home, uint32_t distance)
{
    uint32_t away = atomic_load_explicit(&home->away, memory_order_relaxed), next;
    do {
        uint32_t reach = away >> 16 > distance ? away >> 16 : distance;
        next = reach << 16 | ((away & 0xffff) + 1);
    } while (
        !atomic_compare_exchange_weak_explicit(&home->away, &away, next, memory_order_acq_rel, memory_order_relaxed));
}

static void note_gone(struct conn_bucket *home)
{
    uint32_t away = atomic_load_explicit(&home->away, memory_order_relaxed), next;
    do {
        next = (away & 0xffff) > 1 ? away - 1 : 0;
    } while (
        !atomic_compare_exchange_weak_explicit(&home->away, &away, next, memory_order_acq_rel, memory_order_relaxed));
}

static bool fill_slot(struct conn_bucket *bucket, uint64_t word)
{
    for (unsigned i = 0; i < SLOTS; i++) {
        uint64_t empty = 0;
        if (atomic_load_explicit(&bucket->slot[i], memory_order_relaxed) == 0 &&
            atomic_compare_exchange_strong_explicit(&bucket->slot[i], &empty, word, memory_order_release,
                                                    memory_order_relaxed))
            return true;
    }
    return false;
}

static bool add_away(struct conn_bucket *home, uint64_t hash, uint64_t word)
{
    for (uint32_t distance = 1; distance < reach_max(); distance++) {
        /* Before it lies there, so that no look-up stops short of it. */
        note_away(home, distance);
        if (fill_slot(bucket_at(hash, distance), word))
            return true;
        note_gone(home);
    }
    return false;
}

static bool change_in(struct conn_bucket *bucket, uint64_t from, uint64_t to)
{
    for (unsigned i = 0; i < SLOTS; i++) {
        uint64_t expected = from;
        if (atomic_load_explicit(&bucket->slot[i], memory_order_relaxed) == from)
            return atomic_compare_exchange_strong_explicit(&bucket->slot[i], &expected, to, memory_order_release,
                                                           memory_order_relaxed);
    }
    return false;
}

/* Makes another word of a hash's slot. How far from home that lies, or -1: there is no such slot any more. */
static int change_slot(uint64_t hash, uint64_t from, uint64_t to)
{
    struct conn_bucket *home = bucket_at(hash, 0);
    int reach = (int)(atomic_load_explicit(&home->away, memory_order_acquire) >> 16);
    for (int distance = 0; distance <= reach; distance++)
        if (change_in(bucket_at(hash, (uint32_t)distance), from, to))
            return distance;
    return -1;
}

static uint64_t word_of(const struct df_conn *conn, uint64_t hash)
{
    return slot_word(hash, (uint32_t)(conn - df_conn_array));
}

bool df_conn_index_add(const struct df_conn *conn, const struct df_conn *last, uint64_t hash)
{
    struct conn_bucket *home = bucket_at(hash, 0);
    uint64_t word = word_of(conn, hash);
    if (last != NULL && change_slot(hash, word_of(last, hash), word) >= 0)
        return true;
    return fill_slot(home, word) || add_away(home, hash, word);
}

void df_conn_index_remove(const struct df_conn *conn, uint64_t hash)
{
    if (change_slot(hash, word_of(conn, hash), 0) > 0)
        note_gone(bucket_at(hash, 0));
}
