/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <criterion/criterion.h>

#include "fastpath/lookup/hash.h"
#include "fastpath/rcu.h"
#include "fastpath/tables/table.h"
#include "tests/unit/fastpath/frame.h"

/*
 * One table alone: entries and headers in, the next table and the verdict out. No port, no EAL.
 *
 *     must_put(DF_TABLE_ARP, &key, &value);
 *     frame_arp(...);
 *     cr_assert_eq(visit(DF_TABLE_ARP), DF_TABLE_L2);
 */

#define TABLE_TEST_MAX 1000 /* entries per table */

static struct test_frame frame;
static struct df_walk walk;
static struct df_output outputs[8];

static inline void tables_setup(void)
{
    df_hash_init();
    df_rcu_register();
    cr_assert_eq(df_tables_init(TABLE_TEST_MAX), 0);
}

static inline void tables_teardown(void)
{
    df_tables_fini();
    df_rcu_unregister();
}

static inline struct df_entry entry_of(uint16_t table, const void *key, size_t key_len, const void *value,
                                       size_t value_len)
{
    static const struct df_origin origin = {.app = "test", .table = "lport", .id = "one", .version = 1};
    struct df_entry entry = {.table = table,
                             .key_len = (uint16_t)key_len,
                             .value_len = (uint32_t)value_len,
                             .value = value,
                             .origin = &origin};
    memcpy(entry.key, key, key_len);
    return entry;
}

static inline int flush(uint16_t number)
{
    const struct df_table *table = df_table(number);
    return table->ops->flush != NULL ? table->ops->flush(table->state) : 0;
}

static inline int put_len(uint16_t number, const void *key, size_t key_len, const void *value, size_t value_len)
{
    struct df_entry entry = entry_of(number, key, key_len, value, value_len);
    int rc = df_table(number)->ops->put(df_table(number)->state, &entry);
    return rc != 0 ? rc : flush(number);
}

static inline int del_len(uint16_t number, const void *key, size_t key_len)
{
    struct df_entry entry = entry_of(number, key, key_len, NULL, 0);
    int rc = df_table(number)->ops->del(df_table(number)->state, &entry);
    return rc != 0 ? rc : flush(number);
}

/* Puts, replaces and deletes one entry, in force at once. */
#define try_put(table, key, value) put_len(table, key, sizeof(*(key)), value, sizeof(*(value)))
#define must_put(table, key, value) cr_assert_eq(try_put(table, key, value), 0)
#define must_del(table, key) cr_assert_eq(del_len(table, key, sizeof(*(key))), 0)

/* A port whose security groups are off: whatever it sends and gets passes. */
static inline void groups_off(uint32_t lport)
{
    struct df_conntrack_key key = {.lport = lport};
    struct df_conntrack_value off = {.enabled = 0};
    must_put(DF_TABLE_INGRESS_CONNTRACK, &key, &off);
    must_put(DF_TABLE_EGRESS_CONNTRACK, &key, &off);
}

/* A walk that is about to begin; registers may be set. */
static inline void walk_reset(void)
{
    walk = (struct df_walk){.outputs = outputs, .outputs_max = sizeof(outputs) / sizeof(outputs[0])};
    df_stamps_begin(&walk.stamps);
}

/* The frame becomes the walk's packet. */
static inline void walk_parse(void)
{
    walk_reset();
    enum df_drop drop = df_packet_parse(frame.byte, frame.len, &walk.packet);
    cr_assert_eq(drop, DF_DROP_NONE, "the test's own frame is malformed: %s", df_drop_name(drop));
}

/* What the table decides. */
static inline uint16_t visit(uint16_t number)
{
    walk.table = df_table(number);
    return walk.table->ops->decide(walk.table->state, &walk);
}

static inline void expect_next_(uint16_t table, uint16_t wanted, int line)
{
    uint16_t next = visit(table);
    cr_assert_eq(next, wanted, "line %d: next table is %u, wanted %u (%s)", line, next, wanted,
                 df_drop_name(walk.verdict.drop));
}

static inline void expect_drop_(uint16_t table, enum df_drop wanted, int line)
{
    uint16_t next = visit(table);
    cr_assert_eq(next, DF_TABLE_END, "line %d: next table is %u, wanted a drop: %s", line, next, df_drop_name(wanted));
    cr_assert_eq(walk.verdict.kind, DF_VERDICT_DROP, "line %d: verdict is %u", line, walk.verdict.kind);
    cr_assert_eq(walk.verdict.drop, wanted, "line %d: %s, wanted %s", line, df_drop_name(walk.verdict.drop),
                 df_drop_name(wanted));
}

static inline void expect_answer_(uint16_t table, enum df_answer wanted, int line)
{
    cr_assert_eq(visit(table), DF_TABLE_END, "line %d: goes on (%s)", line, df_drop_name(walk.verdict.drop));
    cr_assert_eq(walk.verdict.kind, DF_VERDICT_ANSWER, "line %d: verdict is %u (%s)", line, walk.verdict.kind,
                 df_drop_name(walk.verdict.drop));
    cr_assert_eq(walk.verdict.answer, wanted, "line %d: answer is %u", line, walk.verdict.answer);
}

#define expect_next(table, wanted) expect_next_(table, wanted, __LINE__)
#define expect_drop(table, wanted) expect_drop_(table, DF_DROP_##wanted, __LINE__)
#define expect_answer(table, wanted) expect_answer_(table, DF_ANSWER_##wanted, __LINE__)

static inline struct df_ip ip4(const char *text)
{
    uint32_t be32;
    cr_assert_eq(inet_pton(AF_INET, text, &be32), 1);
    return df_ip_from4(be32);
}

static inline struct df_ip ip6(const char *text)
{
    struct df_ip ip;
    cr_assert_eq(inet_pton(AF_INET6, text, &ip), 1);
    return ip;
}

static inline struct df_mac mac(const char *bytes)
{
    struct df_mac made;
    memcpy(&made, bytes, sizeof(made));
    return made;
}

#define GUEST_MAC mac(TEST_GUEST_MAC)
#define ROUTER_MAC mac(TEST_ROUTER_MAC)
