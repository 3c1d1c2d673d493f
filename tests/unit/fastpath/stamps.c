/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/cache/stamps.h"

#include <criterion/criterion.h>

static uint32_t sum_now(const struct df_stamps *stamps)
{
    uint32_t sum = 0;
    for (unsigned i = 0; i < stamps->n; i++)
        sum += atomic_load(&df_stamp_array[stamps->slot[i]]);
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
    struct df_stamps stamps = of_three_slots();
    df_stamps_bump(9);
    cr_assert_neq(stamps.counter, df_stamps_now());
    cr_assert_eq(stamps.sum, sum_now(&stamps));
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
        cr_assert_neq(df_stamp_slot(55, hash), df_stamp_slot(65, hash));
        cr_assert_eq(df_stamp_slot(55, hash), df_stamp_slot(55, hash));
    }
}

/* 1,000 keys in 65,536 slots: about 8 collisions are due, 40 would mean that the hash does not spread. */
Test(stamps, keys_spread_over_the_slots)
{
    static uint8_t used[DF_STAMP_SLOTS];
    unsigned collisions = 0;
    df_hash_init();
    for (uint32_t key = 0; key < 1000; key++)
        collisions += used[df_stamp_slot(55, df_hash_bytes(&key, sizeof(key)))]++ != 0;
    cr_assert_lt(collisions, 40);
}
