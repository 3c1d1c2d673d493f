/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

#include "tests/unit/fastpath/table_test.h"

/* The exact-match table, with keys and values of its own. */

struct test_key {
    uint32_t a;
    uint16_t b;
    uint8_t c, d;
};

struct test_value {
    uint64_t number;
    uint64_t complement; /* of number: a torn value shows */
};

#define NUMBER 250

static const struct df_table_ops ops = {
    .desc = {.number = NUMBER,
             .name = "test",
             .key_size = sizeof(struct test_key),
             .value_size = sizeof(struct test_value),
             .item_size = 4},
    DF_EXACT_OPS,
};
static struct df_table table = {.ops = &ops};
static uint32_t max = 100;

static void setup(void)
{
    df_hash_init();
    df_rcu_register();
    cr_assert_eq(df_exact_init(&table.state, &ops, max), 0);
    walk_reset();
}

static void teardown(void)
{
    df_exact_fini(table.state);
    df_rcu_barrier();
    df_rcu_unregister();
}

TestSuite(exact, .init = setup, .fini = teardown);

static struct df_entry entry(const struct test_key *key, const struct test_value *value)
{
    return entry_of(NUMBER, key, sizeof(*key), value, sizeof(*value));
}

static int put_number(uint32_t a, uint64_t number)
{
    struct test_key key = {.a = a};
    struct test_value value = {number, ~number};
    struct df_entry made = entry(&key, &value);
    return df_exact_put(table.state, &made);
}

static int del_number(uint32_t a)
{
    struct test_key key = {.a = a};
    struct df_entry made = entry(&key, NULL);
    return df_exact_del(table.state, &made);
}

static const struct test_value *find(uint32_t a)
{
    struct test_key key = {.a = a};
    return df_exact_find(table.state, &walk, &key, NULL);
}

static uint16_t slot_of(uint32_t a)
{
    struct test_key key = {.a = a};
    return df_stamp_slot(df_stamp_mark(NUMBER, df_hash_bytes(&key, sizeof(key))));
}

static uint32_t stamp_of(uint32_t a)
{
    return atomic_load(&df_stamp_array[slot_of(a)].value);
}

Test(exact, finds_what_was_put_and_nothing_else)
{
    cr_assert_null(find(1));
    cr_assert_eq(put_number(1, 11), 0);
    cr_assert_eq(put_number(2, 22), 0);
    cr_assert_eq(find(1)->number, 11);
    cr_assert_eq(find(2)->number, 22);
    cr_assert_null(find(3));
    cr_assert_eq(df_exact_count(table.state), 2);
}

Test(exact, every_byte_of_a_key_counts)
{
    struct test_key key = {.a = 1, .d = 9};
    struct test_value value = {1, 2};
    struct df_entry made = entry(&key, &value);
    cr_assert_eq(df_exact_put(table.state, &made), 0);
    cr_assert_not_null(df_exact_find(table.state, &walk, &key, NULL));
    key.d = 8;
    cr_assert_null(df_exact_find(table.state, &walk, &key, NULL));
}

Test(exact, replaces)
{
    cr_assert_eq(put_number(1, 11), 0);
    const struct test_value *old = find(1);
    cr_assert_eq(put_number(1, 12), 0);
    cr_assert_eq(find(1)->number, 12);
    cr_assert_eq(df_exact_count(table.state), 1);
    /* This thread is a reader that has not been quiescent since: what it found is still there. */
    cr_assert_eq(old->number, 11);
}

Test(exact, copies_key_and_value)
{
    struct test_key key = {.a = 1};
    struct test_value value = {11, 0};
    struct df_entry made = entry(&key, &value);
    cr_assert_eq(df_exact_put(table.state, &made), 0);
    value.number = 99;
    cr_assert_eq(find(1)->number, 11);
}

Test(exact, deletes)
{
    cr_assert_eq(put_number(1, 11), 0);
    cr_assert_eq(del_number(2), -ENOENT);
    cr_assert_eq(del_number(1), 0);
    cr_assert_null(find(1));
    cr_assert_eq(df_exact_count(table.state), 0);
    cr_assert_eq(del_number(1), -ENOENT);
}

Test(exact, is_full_at_its_limit_and_still_replaces)
{
    for (uint32_t a = 0; a < max; a++)
        cr_assert_eq(put_number(a, a), 0);
    cr_assert_eq(put_number(max, 1), -ENOSPC);
    cr_assert_null(find(max));
    cr_assert_eq(put_number(5, 55), 0);
    cr_assert_eq(find(5)->number, 55);
    cr_assert_eq(del_number(6), 0);
    cr_assert_eq(put_number(max, 1), 0);
    cr_assert_eq(df_exact_count(table.state), max);
}

Test(exact, refuses_keys_and_values_of_another_size)
{
    struct test_key key = {.a = 1};
    uint8_t value[sizeof(struct test_value) + 8] = {0};
    struct df_entry short_key = entry_of(NUMBER, &key, sizeof(key) - 1, value, sizeof(struct test_value));
    struct df_entry short_value = entry_of(NUMBER, &key, sizeof(key), value, sizeof(struct test_value) - 1);
    struct df_entry half_item = entry_of(NUMBER, &key, sizeof(key), value, sizeof(struct test_value) + 2);
    struct df_entry two_items = entry_of(NUMBER, &key, sizeof(key), value, sizeof(struct test_value) + 8);
    cr_assert_eq(df_exact_put(table.state, &short_key), -EINVAL);
    cr_assert_eq(df_exact_del(table.state, &short_key), -ENOENT);
    cr_assert_eq(df_exact_put(table.state, &short_value), -EINVAL);
    cr_assert_eq(df_exact_put(table.state, &half_item), -EINVAL);
    cr_assert_eq(df_exact_put(table.state, &two_items), 0);
    uint32_t len = 0;
    cr_assert_not_null(df_exact_find(table.state, &walk, &key, &len));
    cr_assert_eq(len, sizeof(struct test_value) + 8);
}

Test(exact, records_the_slot_of_a_hit_and_of_a_miss)
{
    uint16_t slot = slot_of(1);
    cr_assert_null(find(1));
    cr_assert_eq(walk.stamps.n, 1);
    cr_assert_eq(walk.stamps.slot[0], slot);
    cr_assert_eq(put_number(1, 11), 0);
    cr_assert_not_null(find(1));
    cr_assert_eq(walk.stamps.n, 2);
    cr_assert_eq(walk.stamps.slot[1], slot);
}

Test(exact, each_change_bumps_its_own_stamp_once)
{
    uint32_t other = 2;
    while (slot_of(other) == slot_of(1)) /* two keys may share a slot */
        other++;
    cr_assert_null(find(1)); /* a change is told to those who asked */
    cr_assert_null(find(other));
    uint32_t one = stamp_of(1), two = stamp_of(other), changes = df_stamps_now();
    cr_assert_eq(put_number(1, 11), 0);
    cr_assert_eq(stamp_of(1), one + 1);
    cr_assert_eq(put_number(1, 12), 0);
    cr_assert_eq(stamp_of(1), one + 2);
    cr_assert_eq(del_number(1), 0);
    cr_assert_eq(stamp_of(1), one + 3);
    cr_assert_eq(del_number(1), -ENOENT);
    cr_assert_eq(stamp_of(1), one + 3, "nothing changed");
    cr_assert_eq(stamp_of(other), two);
    cr_assert_eq(df_stamps_now(), changes + 3);
}

Test(exact, a_change_of_what_nobody_looked_up_is_told_to_nobody)
{
    uint32_t changes = df_stamps_now();
    cr_assert_eq(put_number(1, 11), 0);
    cr_assert_eq(del_number(1), 0);
    cr_assert_eq(df_stamps_now(), changes);
}

static int sum_up(const struct df_entry *found, uint64_t hits, void *arg)
{
    const struct test_value *value = found->value;
    (void)hits;
    *(uint64_t *)arg += value->number;
    return value->number == 1000 ? -EINTR : 0;
}

Test(exact, for_each_sees_every_entry_until_it_is_stopped)
{
    uint64_t sum = 0;
    for (uint32_t a = 1; a <= 50; a++)
        cr_assert_eq(put_number(a, a), 0);
    cr_assert_eq(df_exact_for_each(table.state, sum_up, &sum), 0);
    cr_assert_eq(sum, 50 * 51 / 2);
    cr_assert_eq(put_number(51, 1000), 0);
    cr_assert_eq(df_exact_for_each(table.state, sum_up, &sum), -EINTR);
}

/* ---- trace */

struct listener {
    struct df_trace trace;
    unsigned hits, misses;
    uint32_t last_a;
    const struct df_origin *origin;
};

static void heard_table(struct df_trace *trace, uint16_t number, const struct df_walk *at)
{
    (void)trace, (void)number, (void)at;
}

static void heard_next(struct df_trace *trace, uint16_t number, uint16_t next, const struct df_walk *at)
{
    (void)trace, (void)number, (void)next, (void)at;
}

static void heard_lookup(struct df_trace *trace, const struct df_table *in, const void *key, uint16_t key_len,
                         const struct df_entry *found)
{
    struct listener *listener = (struct listener *)trace;
    cr_assert_eq(in, &table);
    cr_assert_eq(key_len, sizeof(struct test_key));
    listener->last_a = ((const struct test_key *)key)->a;
    listener->origin = found != NULL ? found->origin : NULL;
    *(found != NULL ? &listener->hits : &listener->misses) += 1;
}

Test(exact, a_trace_hears_of_hits_and_misses)
{
    struct listener listener = {.trace = {.enter = heard_table, .lookup = heard_lookup, .leave = heard_next}};
    walk.table = &table;
    walk.trace = &listener.trace;
    cr_assert_eq(put_number(1, 11), 0);
    cr_assert_null(find(7));
    cr_assert_eq(listener.misses, 1);
    cr_assert_eq(listener.last_a, 7);
    cr_assert_not_null(find(1));
    cr_assert_eq(listener.hits, 1);
    cr_assert_str_eq(listener.origin->id, "one");
}

/* ---- growth and concurrency */

static void setup_large(void)
{
    max = 200000;
    setup();
}

TestSuite(exact_large, .init = setup_large, .fini = teardown);

Test(exact_large, grows_far_beyond_its_first_size)
{
    for (uint32_t a = 0; a < max; a++)
        cr_assert_eq(put_number(a, a), 0);
    for (uint32_t a = 0; a < max; a++)
        cr_assert_eq(find(a)->number, a);
    cr_assert_null(find(max));
    cr_assert_eq(df_exact_count(table.state), max);
}

/* What was taken out must not hide what is behind it, nor what was put in its place. */
Test(exact_large, agrees_with_the_model_through_coming_and_going)
{
    enum { KEYS = 3000 };
    static uint64_t model[KEYS]; /* the number of each key; 0: not there */
    uint32_t state = 1;
    for (unsigned round = 1; round <= 40; round++) {
        for (unsigned i = 0; i < KEYS; i++) {
            state = state * 1664525u + 1013904223u;
            uint32_t a = (state >> 8) % KEYS;
            bool goes = model[a] != 0 && state >> 31;
            cr_assert_eq(goes ? del_number(a) : put_number(a, round), 0);
            model[a] = goes ? 0 : round;
        }
        for (uint32_t a = 0; a < KEYS; a++) {
            const struct test_value *value = find(a);
            cr_assert_eq(value != NULL ? value->number : 0, model[a], "round %u, key %u", round, a);
        }
        df_rcu_quiescent();
    }
}

#define CHANGES 30000

static atomic_bool writer_ended;

/*
 * Key 1 is always there, its number is the count of its changes; key 2 comes and goes; others make the table grow.
 * What the reader finds is whole, and never older than the stamp it read before.
 */
static void *read_on(void *arg)
{
    uint64_t *wrong = arg;
    struct df_walk own = {0};
    struct test_key one = {.a = 1}, two = {.a = 2};
    df_rcu_register();
    while (!atomic_load(&writer_ended)) {
        df_stamps_begin(&own.stamps);
        const struct test_value *value = df_exact_find(table.state, &own, &one, NULL);
        if (value == NULL || value->number != ~value->complement || value->number < own.stamps.sum)
            ++*wrong;
        value = df_exact_find(table.state, &own, &two, NULL);
        if (value != NULL && value->number != ~value->complement)
            ++*wrong;
        df_rcu_quiescent();
    }
    df_rcu_unregister();
    return NULL;
}

/* Another key's change, unless it would count as one of key 1's. */
static void change_other(uint32_t a, uint64_t number)
{
    if (slot_of(a) == slot_of(1))
        return;
    cr_assert_eq(number != 0 ? put_number(a, number) : del_number(a), 0);
}

Test(exact_large, readers_never_see_half_a_change)
{
    pthread_t readers[2];
    uint64_t wrong[2] = {0};
    cr_assert_null(find(1));
    cr_assert_eq(put_number(1, 1), 0);
    cr_assert_eq(stamp_of(1), 1);
    for (unsigned i = 0; i < 2; i++)
        cr_assert_eq(pthread_create(&readers[i], NULL, read_on, &wrong[i]), 0);
    for (uint32_t n = 2; n < CHANGES; n++) {
        cr_assert_eq(put_number(1, n), 0);
        change_other(2, n % 2 == 0 ? n : 0);
        change_other(n + 10, n);
        df_rcu_quiescent();
    }
    atomic_store(&writer_ended, true);
    df_rcu_offline();
    for (unsigned i = 0; i < 2; i++)
        pthread_join(readers[i], NULL);
    df_rcu_online();
    cr_assert_eq(wrong[0] + wrong[1], 0);
}

#define RACES 100000

static _Atomic uint32_t race;    /* the key that is about to be put */
static uint32_t seen_sum[RACES]; /* of the reader's look-up of each key */
static bool seen[RACES];

static void *ask_in_step(void *arg)
{
    struct df_walk own = {0};
    (void)arg;
    df_rcu_register();
    for (uint32_t a = 0; a < RACES; a++) {
        struct test_key key = {.a = a};
        while (atomic_load(&race) < a)
            df_rcu_quiescent();
        df_stamps_begin(&own.stamps);
        seen[a] = df_exact_find(table.state, &own, &key, NULL) != NULL;
        seen_sum[a] = own.stamps.sum;
    }
    df_rcu_unregister();
    return NULL;
}

/* Each key is asked for for the first time while it is put for the first time. */
Test(exact_large, who_asks_during_a_change_sees_it_or_is_told)
{
    pthread_t reader;
    unsigned missed = 0;
    cr_assert_eq(pthread_create(&reader, NULL, ask_in_step, NULL), 0);
    for (uint32_t a = 0; a < RACES; a++) {
        atomic_store(&race, a);
        cr_assert_eq(put_number(a, 1), 0);
        df_rcu_quiescent();
    }
    df_rcu_offline();
    pthread_join(reader, NULL);
    df_rcu_online();
    for (uint32_t a = 0; a < RACES; a++)
        missed += !seen[a] && seen_sum[a] == stamp_of(a);
    cr_assert_eq(missed, 0);
}
