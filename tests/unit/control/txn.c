/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control/datapath/datapath.h"

/* A backend that writes down what it is told, as words: "+60/7" puts, "-60/7" deletes, "!60" flushes. */
static char told[4096];
static uint32_t refuses_lport; /* entries with this first word of their key */
static uint16_t flush_fails = DF_TABLE_END;
static uint32_t last_value; /* first word of the value that was put last */

static void tell(const char *word, unsigned table, unsigned number)
{
    size_t len = strlen(told);
    if (*word == '!')
        snprintf(told + len, sizeof(told) - len, "!%u ", table);
    else
        snprintf(told + len, sizeof(told) - len, "%s%u/%u ", word, table, number);
}

static uint32_t first_word(const struct df_entry *entry)
{
    uint32_t word = 0;
    memcpy(&word, entry->key, 4);
    return word;
}

static int put(struct df_datapath *dp, const struct df_entry *entry, struct df_error *error)
{
    (void)dp;
    if (refuses_lport && first_word(entry) == refuses_lport)
        return df_error_set(error, -ENOSPC, "full");
    tell("+", entry->table, first_word(entry));
    memcpy(&last_value, entry->value, 4);
    return 0;
}

static int del(struct df_datapath *dp, const struct df_entry *entry, struct df_error *error)
{
    (void)dp;
    (void)error;
    tell("-", entry->table, first_word(entry));
    return 0;
}

static int flush(struct df_datapath *dp, uint16_t table)
{
    (void)dp;
    tell("!", table, 0);
    return table == flush_fails ? -ENOMEM : 0;
}

static const struct df_datapath_ops ops = {.name = "told", .put = put, .del = del, .flush = flush};

static struct df_entry entry_of(uint16_t table, uint32_t number)
{
    static const uint8_t value[64];
    struct df_entry entry = {.table = table, .value = value};
    const struct df_table_desc *desc = df_table_desc(table);
    entry.key_len = desc ? desc->key_size : 4;
    entry.value_len = desc ? desc->value_size : 4;
    memcpy(entry.key, &number, 4);
    return entry;
}

static void add_put(struct df_txn *txn, uint16_t table, uint32_t number)
{
    struct df_entry entry = entry_of(table, number);
    df_txn_put(txn, &entry);
}

static void add_del(struct df_txn *txn, uint16_t table, uint32_t number)
{
    struct df_entry entry = entry_of(table, number);
    df_txn_del(txn, &entry);
}

static char failures[1024];

static void failed(const struct df_entry *entry, const struct df_error *error, void *arg)
{
    size_t len = strlen(failures);
    (void)arg;
    snprintf(failures + len, sizeof(failures) - len, "%u/%u %s; ", entry->table, first_word(entry), error->text);
}

static size_t commit(struct df_datapath *dp, struct df_txn *txn)
{
    return df_datapath_commit(dp, txn, failed, NULL);
}

Test(txn, puts_go_from_the_end_of_the_walk_and_deletes_from_its_beginning)
{
    struct df_datapath dp = {.ops = &ops};
    struct df_txn *txn = df_txn_new();
    add_put(txn, DF_TABLE_CLASSIFICATION, 1);
    add_del(txn, DF_TABLE_DISPATCH, 2);
    add_put(txn, DF_TABLE_L2, 3);
    add_del(txn, DF_TABLE_CLASSIFICATION, 4);
    add_put(txn, DF_TABLE_DISPATCH, 5);
    add_del(txn, DF_TABLE_L2, 6);
    add_put(txn, DF_TABLE_PORT_SECURITY, 7);
    add_put(txn, DF_TABLE_EGRESS, 8);
    cr_assert_eq(commit(&dp, txn), 0);
    cr_assert_str_eq(told, "+115/5 !115 +75/8 !75 +55/3 !55 +201/7 !201 +0/1 !0 "
                           "-0/4 !0 -55/6 !55 -115/2 !115 ");
    cr_assert_eq(dp.work.puts, 5);
    cr_assert_eq(dp.work.dels, 3);
    cr_assert_eq(dp.work.commits, 1);
}

Test(txn, a_key_that_is_deleted_and_put_is_only_put)
{
    struct df_datapath dp = {.ops = &ops};
    struct df_txn *txn = df_txn_new();
    add_put(txn, DF_TABLE_EGRESS, 1);
    add_del(txn, DF_TABLE_EGRESS, 1);
    add_del(txn, DF_TABLE_EGRESS, 2);
    add_put(txn, DF_TABLE_EGRESS, 2);
    cr_assert_eq(commit(&dp, txn), 0);
    cr_assert_str_eq(told, "+75/1 +75/2 !75 ");
}

Test(txn, of_two_puts_of_a_key_the_later_counts)
{
    struct df_datapath dp = {.ops = &ops};
    struct df_txn *txn = df_txn_new();
    struct df_entry entry = entry_of(DF_TABLE_EGRESS, 1);
    for (uint32_t kind = 10; kind <= 12; kind++) {
        struct df_egress_value value = {.kind = kind};
        entry.value = &value;
        df_txn_put(txn, &entry);
    }
    cr_assert_eq(commit(&dp, txn), 0);
    cr_assert_str_eq(told, "+75/1 !75 ");
    cr_assert_eq(last_value, 12);
}

Test(txn, a_refused_entry_is_told_and_the_rest_goes_on)
{
    struct df_datapath dp = {.ops = &ops};
    struct df_txn *txn = df_txn_new();
    refuses_lport = 2;
    for (uint32_t i = 1; i <= 3; i++)
        add_put(txn, DF_TABLE_EGRESS, i);
    cr_assert_eq(commit(&dp, txn), 1);
    cr_assert_str_eq(told, "+75/1 +75/3 !75 ");
    cr_assert_str_eq(failures, "75/2 full; ");
    cr_assert_eq(dp.work.puts, 2);
}

Test(txn, what_cannot_be_published_is_refused)
{
    struct df_datapath dp = {.ops = &ops};
    struct df_txn *txn = df_txn_new();
    flush_fails = DF_TABLE_EGRESS;
    add_put(txn, DF_TABLE_EGRESS, 1);
    add_put(txn, DF_TABLE_DISPATCH, 1);
    cr_assert_eq(commit(&dp, txn), 1);
    cr_assert_str_eq(failures, "75/1 Cannot allocate memory; ");
}

Test(txn, entries_that_no_table_can_take_do_not_reach_the_backend)
{
    struct df_datapath dp = {.ops = &ops};
    struct df_txn *txn = df_txn_new();
    struct df_entry key = entry_of(DF_TABLE_EGRESS, 1), value = entry_of(DF_TABLE_EGRESS, 2);
    struct df_entry items = entry_of(DF_TABLE_PORT_SECURITY, 3);
    key.key_len = 3;
    value.value_len++;
    items.value_len += sizeof(struct df_port_security_pair) - 1;
    df_txn_put(txn, &key);
    df_txn_put(txn, &value);
    df_txn_put(txn, &items);
    add_put(txn, 254, 4);
    cr_assert_eq(commit(&dp, txn), 4);
    cr_assert_str_eq(told, "");
    cr_assert_not_null(strstr(failures, "there is no table 254"));
}

Test(txn, values_are_copied)
{
    struct df_datapath dp = {.ops = &ops};
    struct df_txn *txn = df_txn_new();
    static uint8_t big[DF_VALUE_MAX];
    struct df_entry entry = entry_of(DF_TABLE_PORT_SECURITY, 1);
    entry.value = big;
    entry.value_len = (uint32_t)(sizeof(struct df_port_security_value) + 1024 * sizeof(struct df_port_security_pair));
    for (uint32_t i = 1; i <= 20; i++) {
        memcpy(entry.key, &i, sizeof(i));
        df_txn_put(txn, &entry);
    }
    cr_assert_eq(commit(&dp, txn), 0, "%s", failures);
    cr_assert_eq(dp.work.puts, 20);
}

Test(txn, an_empty_one_is_no_commit)
{
    struct df_datapath dp = {.ops = &ops};
    cr_assert_eq(commit(&dp, df_txn_new()), 0);
    cr_assert_eq(dp.work.commits, 0);
}
