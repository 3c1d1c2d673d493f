/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/cache/stamps.h"

#include <criterion/criterion.h>

static uint32_t sum_now(const struct df_stamps *stamps)
{
    uint32_t sum = 0;
    for (unsigned i = 0; i < stamps->n; i++)
        sum += atomic_load(&df_stamp_array[stamps->slot[i]].value);
    return sum;
}

static struct df_stamps of_three_slots(void)
{
    struct df_stamps stamps;
    df_stamps_begin(&stamps);
    df_stamps_add(&stamps, 7);
    df_stamps_add(&stamps, 8);
    df_stamps_add(&stamps, 65535);
    return stamps;
}

Test(stamps, nothing_changed)
{
    struct df_stamps stamps = of_three_slots();
    cr_assert_eq(stamps.n, 3);
    cr_assert_eq(stamps.counter, df_stamps_now());
    cr_assert_eq(stamps.sum, sum_now(&stamps));
}

Test(stamps, a_change_of_a_recorded_slot_shows)
{
    struct df_stamps stamps = of_three_slots();
    df_stamps_bump(8);
    cr_assert_neq(stamps.counter, df_stamps_now());
    cr_assert_neq(stamps.sum, sum_now(&stamps));
}

Test(stamps, a_change_of_another_slot_moves_the_counter_alone)
{
    struct df_stamps stamps = of_three_slots(), others;
    df_stamps_begin(&others);
    df_stamps_add(&others, 9);
    df_stamps_bump(9);
    cr_assert_neq(stamps.counter, df_stamps_now());
    cr_assert_eq(stamps.sum, sum_now(&stamps));
}

Test(stamps, a_change_that_nobody_asked_for_moves_nothing)
{
    struct df_stamps stamps = of_three_slots();
    df_stamps_bump(9);
    df_stamps_bump(8 | 1u << 16); /* slot 8, and another key's bits */
    cr_assert_eq(stamps.counter, df_stamps_now());
    cr_assert_eq(stamps.sum, sum_now(&stamps));
}

Test(stamps, who_asks_after_a_change_is_told_of_the_next)
{
    df_stamps_bump(9);
    struct df_stamps stamps;
    df_stamps_begin(&stamps);
    df_stamps_add(&stamps, 9);
    df_stamps_bump(9);
    cr_assert_neq(stamps.counter, df_stamps_now());
    cr_assert_neq(stamps.sum, sum_now(&stamps));
}

Test(stamps, forgetting_ends_older_decisions_and_no_newer_ones)
{
    struct df_stamps before = of_three_slots();
    cr_assert(df_stamps_remembered(before.counter));
    df_stamps_forget();
    struct df_stamps after = of_three_slots();
    cr_assert_neq(before.counter, df_stamps_now(), "it must be looked at");
    cr_assert_not(df_stamps_remembered(before.counter));
    cr_assert(df_stamps_remembered(after.counter));
    df_stamps_bump(8);
    cr_assert_neq(after.sum, sum_now(&after), "asked again, told again");
}

Test(stamps, a_counter_that_went_round_is_no_older)
{
    atomic_store(&df_stamp_changes, UINT32_MAX - 1);
    df_stamps_forget();
    struct df_stamps stamps = of_three_slots();
    df_stamps_bump(7);
    df_stamps_bump(7);
    cr_assert_lt(df_stamps_now(), stamps.counter);
    cr_assert(df_stamps_remembered(stamps.counter));
    cr_assert(df_stamps_remembered(df_stamps_now()));
}

static void ask_and_change(uint32_t mark)
{
    struct df_stamps stamps;
    df_stamps_begin(&stamps);
    df_stamps_add(&stamps, mark);
    df_stamps_bump(mark);
}

/* As after a scan of addresses: nearly every key looks as if it had been asked for. */
Test(stamps, too_much_asked_is_forgotten)
{
    uint32_t forgotten = atomic_load(&df_stamps_forgotten);
    for (uint32_t i = 0; i < 6 * DF_STAMP_SLOTS; i++)
        ask_and_change(i * 0x9e3779b1u);
    cr_assert_neq(atomic_load(&df_stamps_forgotten), forgotten);
}

Test(stamps, little_asked_is_remembered)
{
    uint32_t forgotten = atomic_load(&df_stamps_forgotten);
    for (uint32_t i = 0; i < 6 * DF_STAMP_SLOTS; i++)
        ask_and_change(i % 1000 * 0x9e3779b1u);
    cr_assert_eq(atomic_load(&df_stamps_forgotten), forgotten);
}

Test(stamps, changes_never_cancel_out)
{
    struct df_stamps stamps = of_three_slots();
    for (unsigned i = 0; i < 1000; i++) {
        df_stamps_bump(i % 2 ? 7 : 65535);
        cr_assert_neq(stamps.sum, sum_now(&stamps));
    }
}

Test(stamps, begun_after_a_change_they_hold)
{
    df_stamps_bump(7);
    struct df_stamps stamps = of_three_slots();
    cr_assert_eq(stamps.counter, df_stamps_now());
    cr_assert_eq(stamps.sum, sum_now(&stamps));
}

Test(stamps, too_many_are_noted_and_stay_noted)
{
    struct df_stamps stamps;
    df_stamps_begin(&stamps);
    for (uint16_t i = 0; i < DF_STAMPS_MAX; i++)
        df_stamps_add(&stamps, i);
    cr_assert_eq(stamps.n, DF_STAMPS_MAX);
    df_stamps_add(&stamps, 100);
    cr_assert_eq(stamps.n, DF_STAMPS_MAX + 1);
    df_stamps_add(&stamps, 101);
    cr_assert_eq(stamps.n, DF_STAMPS_MAX + 1);
}

Test(stamps, the_same_key_of_two_tables_has_two_slots)
{
    df_hash_init();
    for (uint32_t key = 0; key < 1000; key++) {
        uint64_t hash = df_hash_bytes(&key, sizeof(key));
        cr_assert_neq(df_stamp_slot(df_stamp_mark(55, hash)), df_stamp_slot(df_stamp_mark(65, hash)));
        cr_assert_eq(df_stamp_mark(55, hash), df_stamp_mark(55, hash));
    }
}

/* 1,000 keys in 65,536 slots: about 8 collisions are due, 40 would mean that the hash does not spread. */
Test(stamps, keys_spread_over_the_slots)
{
    static uint8_t used[DF_STAMP_SLOTS];
    unsigned collisions = 0;
    df_hash_init();
    for (uint32_t key = 0; key < 1000; key++)
        collisions += used[df_stamp_slot(df_stamp_mark(55, df_hash_bytes(&key, sizeof(key))))]++ != 0;
    cr_assert_lt(collisions, 40);
}
