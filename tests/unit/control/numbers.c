/* SPDX-License-Identifier: Apache-2.0 */
#include "control/compile/numbers.h"

#include <criterion/criterion.h>
#include <stdio.h>

#include "fastpath/rcu.h"

/* Numbers are given out, held, let go of, and given anew; not before they may be. */

static struct df_numbers *numbers;
static struct df_number_holds mine, others;

static void up(void)
{
    df_rcu_register();
    numbers = df_numbers_new();
}

static void down(void)
{
    df_number_holds_drop(&mine);
    df_number_holds_drop(&others);
    df_numbers_free(numbers);
    df_rcu_unregister();
    df_rcu_barrier();
}

TestSuite(numbers, .init = up, .fini = down);

static uint32_t hold(struct df_number_holds *holds, const char *rule)
{
    return df_numbers_hold(numbers, holds, DF_NB_SECGROUP, "web", rule);
}

static uint32_t found(const char *rule)
{
    return df_numbers_find(numbers, DF_NB_SECGROUP, "web", rule);
}

static void grace_period(void)
{
    df_rcu_offline();
    df_rcu_barrier();
    df_rcu_online();
}

/* All that nobody holds is free. */
static void all_settled(void)
{
    for (unsigned i = 0; i < 2; i++) {
        df_numbers_settled(numbers);
        grace_period();
    }
    df_numbers_settled(numbers);
}

Test(numbers, each_thing_has_one)
{
    uint32_t a = hold(&mine, "a"), b = hold(&mine, "b");
    uint32_t group = df_numbers_hold(numbers, &mine, DF_NB_SECGROUP, "web", "");
    uint32_t addresses = df_numbers_hold(numbers, &mine, DF_NB_ADDRESS_GROUP, "web", "");
    cr_assert(a && b && group && addresses);
    cr_assert(a != b && group != addresses && a != group && b != group);
    cr_assert_eq(hold(&others, "a"), a);
    cr_assert_eq(found("a"), a);
    cr_assert_eq(found("c"), 0);
    const struct df_numbered *what = df_numbers_name(numbers, b);
    cr_assert_eq(what->table, DF_NB_SECGROUP);
    cr_assert_str_eq(what->id, "web");
    cr_assert_str_eq(what->part, "b");
    cr_assert_null(df_numbers_name(numbers, 0));
    cr_assert_null(df_numbers_name(numbers, 5));
}

Test(numbers, what_somebody_holds_stays)
{
    uint32_t a = hold(&mine, "a");
    hold(&others, "a");
    hold(&others, "a");
    df_number_holds_drop(&mine);
    all_settled();
    cr_assert_eq(found("a"), a);
    cr_assert_neq(hold(&mine, "b"), a);
    df_number_holds_drop(&others);
    all_settled();
    cr_assert_eq(found("a"), 0);
    cr_assert_null(df_numbers_name(numbers, a));
    cr_assert_eq(hold(&others, "c"), a);
}

Test(numbers, not_before_the_datapath_has_settled)
{
    uint32_t a = hold(&mine, "a");
    df_number_holds_drop(&mine);
    grace_period();
    cr_assert_neq(hold(&others, "b"), a);
    cr_assert_eq(found("a"), a);
    cr_assert_not_null(df_numbers_name(numbers, a), "a trace may still name it");
}

/* This thread is a reader that holds something, as a worker is in the midst of its round. */
Test(numbers, not_before_the_grace_period_is_over)
{
    uint32_t a = hold(&mine, "a");
    df_number_holds_drop(&mine);
    df_numbers_settled(numbers);
    df_numbers_settled(numbers);
    cr_assert_eq(found("a"), a);
    cr_assert_neq(hold(&others, "b"), a);
    grace_period();
    df_numbers_settled(numbers);
    cr_assert_eq(found("a"), 0);
    cr_assert_eq(hold(&others, "c"), a);
}

Test(numbers, asked_for_again_it_is_the_same)
{
    uint32_t a = hold(&mine, "a");
    df_number_holds_drop(&mine);
    cr_assert_eq(hold(&mine, "a"), a, "before it settled");
    all_settled();
    cr_assert_eq(found("a"), a);
    df_number_holds_drop(&mine);
    df_numbers_settled(numbers);
    cr_assert_eq(hold(&mine, "a"), a, "while the grace period is waited for");
    all_settled();
    cr_assert_eq(found("a"), a);
    df_number_holds_drop(&mine);
    df_numbers_settled(numbers);
    hold(&mine, "a");
    df_number_holds_drop(&mine);
    grace_period();
    df_numbers_settled(numbers);
    cr_assert_eq(found("a"), a, "it was let go of again, and waits again");
    all_settled();
    cr_assert_eq(found("a"), 0);
}

Test(numbers, what_comes_and_goes_takes_no_more_of_them)
{
    char rule[16];
    uint32_t most = 0;
    for (unsigned i = 0; i < 20000; i++) {
        struct df_number_holds before = mine;
        mine = (struct df_number_holds){0};
        for (unsigned j = 0; j < 4; j++) {
            snprintf(rule, sizeof(rule), "r%u", i + j);
            uint32_t number = hold(&mine, rule);
            most = number > most ? number : most;
        }
        df_number_holds_drop(&before);
        df_numbers_settled(numbers);
        if (i % 100 == 0)
            grace_period();
    }
    cr_assert_leq(most, 4 + 2 * 100 + 2, "%u", most);
}
