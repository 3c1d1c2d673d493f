/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "tests/unit/fastpath/table_test.h"

/* The registry, the descriptors, and the walk from table to table. */

TestSuite(tables, .init = tables_setup, .fini = tables_teardown);

static const uint16_t in_order_of_walk[] = {
    DF_TABLE_CLASSIFICATION,
    DF_TABLE_PORT_SECURITY,
    DF_TABLE_EGRESS_CONNTRACK,
    DF_TABLE_EGRESS_SECURITY_GROUP,
    DF_TABLE_SERVICES,
    DF_TABLE_ARP,
    DF_TABLE_ND,
    DF_TABLE_DHCP,
    DF_TABLE_L2,
    DF_TABLE_FLOOD,
    DF_TABLE_L3,
    DF_TABLE_L3_PROACTIVE,
    DF_TABLE_EGRESS,
    DF_TABLE_INGRESS_CONNTRACK,
    DF_TABLE_INGRESS_SECURITY_GROUP,
    DF_TABLE_DISPATCH,
    DF_TABLE_ADDRESS_SET,
};
#define TABLES (sizeof(in_order_of_walk) / sizeof(in_order_of_walk[0]))

Test(tables, are_found_by_number_and_by_either_name)
{
    cr_assert_eq(df_table_desc_find("l2"), df_table_desc(DF_TABLE_L2));
    cr_assert_eq(df_table_desc_find("L2_LOOKUP"), df_table_desc(DF_TABLE_L2));
    cr_assert_eq(df_table_desc_find("l2_lookup"), df_table_desc(DF_TABLE_L2));
    cr_assert_null(df_table_desc_find("l4"));
    cr_assert_null(df_table_desc(54));
    cr_assert_null(df_table(54));
    cr_assert_null(df_table(DF_TABLE_END));
    cr_assert_eq(df_table(DF_TABLE_L2)->ops->desc.number, DF_TABLE_L2);
}

Test(tables, stand_in_the_order_of_the_walk)
{
    for (unsigned i = 1; i < TABLES; i++)
        cr_assert_lt(df_table_desc(in_order_of_walk[i - 1])->order, df_table_desc(in_order_of_walk[i])->order);
}

static uint16_t end_of(const struct df_field *fields, uint16_t last_end, uint16_t size)
{
    for (; fields != NULL && fields->name != NULL; fields++) {
        uint16_t end = (uint16_t)(fields->offset + fields->size);
        cr_assert_leq(end, size, "%s", fields->name);
        if (fields->kind == DF_FIELD_PREFIX)
            cr_assert(fields->len_size != 0 && fields->len_offset + fields->len_size <= size, "%s", fields->name);
        cr_assert_eq(fields->kind == DF_FIELD_ENUM, fields->names != NULL, "%s", fields->name);
        last_end = end > last_end ? end : last_end;
    }
    return last_end;
}

Test(tables, descriptors_name_every_part_of_keys_and_values)
{
    for (unsigned i = 0; i < TABLES; i++) {
        const struct df_table_desc *desc = df_table_desc(in_order_of_walk[i]);
        cr_assert_eq(desc->number, in_order_of_walk[i]);
        cr_assert(desc->name != NULL && desc->upstream != NULL && desc->summary != NULL);
        cr_assert(desc->key_size > 0 && desc->key_size <= DF_KEY_MAX);
        /* Fields end where the struct does, but for fillers. */
        cr_assert_geq(end_of(desc->key_fields, 0, desc->key_size), desc->key_size - 2, "%s", desc->name);
        cr_assert_geq(end_of(desc->value_fields, 0, desc->value_size), desc->value_size - 4, "%s", desc->name);
        cr_assert_eq(end_of(desc->item_fields, 0, desc->item_size), desc->item_size, "%s", desc->name);
    }
}

/* ---- a service's own table */

static uint16_t to_own_table(void *state, struct df_walk *at)
{
    (void)state, (void)at;
    return DF_TABLE_FIRST_FREE;
}

static const struct df_table_ops looping = {
    .desc = {.number = DF_TABLE_FIRST_FREE, .name = "looping", .upstream = "LOOPING", .key_size = 4, .value_size = 4},
    DF_EXACT_OPS,
    .decide = to_own_table,
};

static const struct df_table_ops same_number = {.desc = {.number = DF_TABLE_FIRST_FREE, .name = "x", .upstream = "X"}};
static const struct df_table_ops of_the_switch = {.desc = {.number = DF_TABLE_DHCP, .name = "x", .upstream = "X"}};
static const struct df_table_ops behind_the_end = {.desc = {.number = DF_TABLE_END, .name = "x", .upstream = "X"}};

Test(tables, a_service_registers_its_own)
{
    cr_assert_eq(df_table_register(&of_the_switch), -EINVAL);
    cr_assert_eq(df_table_register(&behind_the_end), -EINVAL);
    cr_assert_eq(df_table_register(&looping), 0);
    cr_assert_eq(df_table_register(&looping), 0, "again, as an app does that is loaded again");
    cr_assert_eq(df_table_register(&same_number), -EEXIST);
    cr_assert_eq(df_table_desc_find("LOOPING"), &looping.desc);
    cr_assert_not_null(df_table(DF_TABLE_FIRST_FREE), "made at once, as the others are there already");
    cr_assert_eq(df_table(DF_TABLE_FIRST_FREE)->ops, &looping);
}

/* ---- the walk */

static void loop_setup(void)
{
    df_hash_init();
    df_rcu_register();
    cr_assert_eq(df_table_register(&looping), 0);
    cr_assert_eq(df_tables_init(TABLE_TEST_MAX), 0);
    walk_reset();
}

Test(tables_walk, a_loop_ends_by_name, .init = loop_setup, .fini = tables_teardown)
{
    df_walk_from(&walk, DF_TABLE_FIRST_FREE);
    cr_assert_eq(walk.verdict.kind, DF_VERDICT_DROP);
    cr_assert_eq(walk.verdict.drop, DF_DROP_LOOP);
}

Test(tables, a_walk_to_a_table_that_is_not_there_ends_by_name)
{
    walk_reset();
    df_walk_from(&walk, 54);
    cr_assert_eq(walk.verdict.drop, DF_DROP_LOOP);
}

Test(tables, a_malformed_frame_is_not_walked)
{
    walk_reset();
    walk.read_l4 = true; /* of an earlier walk: each begins anew */
    walk.verdict.n_outputs = 3;
    frame_ethernet(&frame);
    df_walk_frame(&walk, 1, frame.byte, 10);
    cr_assert_eq(walk.verdict.kind, DF_VERDICT_DROP);
    cr_assert_eq(walk.verdict.drop, DF_DROP_TRUNCATED);
    cr_assert_eq(walk.stamps.n, 0);
    cr_assert(walk.uncacheable, "what is wrong with it is not in the flow cache's key");
    cr_assert_not(walk.read_l4);
    cr_assert_eq(walk.verdict.n_outputs, 0);
}

/* Port 1 is lport 11, port 2 lport 12, both on network 5, without port security. */
static void make_network(void)
{
    for (uint16_t port = 1; port <= 2; port++) {
        uint32_t lport = 10u + port;
        struct df_classification_key in = {.port = port};
        struct df_classification_value at = {.lport = lport, .network = 5};
        struct df_port_security_key who = {.lport = lport};
        struct df_port_security_value free_port = {.enabled = 0};
        struct df_egress_key egress = {.lport = lport};
        struct df_egress_value local = {.kind = DF_EGRESS_LOCAL};
        struct df_dispatch_key dispatch = {.lport = lport};
        struct df_dispatch_value out = {.port = port};
        must_put(DF_TABLE_DISPATCH, &dispatch, &out);
        groups_off(lport);
        must_put(DF_TABLE_EGRESS, &egress, &local);
        must_put(DF_TABLE_PORT_SECURITY, &who, &free_port);
        must_put(DF_TABLE_CLASSIFICATION, &in, &at);
    }
    struct df_l2_key key = {.network = 5, .mac = ROUTER_MAC};
    struct df_l2_value second = {.lport = 12};
    must_put(DF_TABLE_L2, &key, &second);
}

static void make_tcp(void)
{
    frame_ethernet(&frame);
    frame_ip4(&frame, 6, "10.0.0.1", "10.0.0.2", 0);
    frame_tcp(&frame, 40000, 443);
    frame_close(&frame);
}

Test(tables, a_whole_walk)
{
    make_network();
    make_tcp();
    walk_reset();
    df_walk_frame(&walk, 1, frame.byte, frame.len);
    cr_assert_eq(walk.verdict.kind, DF_VERDICT_OUTPUT, "%s", df_drop_name(walk.verdict.drop));
    cr_assert_eq(walk.verdict.n_outputs, 1);
    cr_assert_eq(outputs[0].port, 2);
    cr_assert_eq(outputs[0].vlan, 0);
    cr_assert_not(walk.read_l4, "no table has a reason to look at ports");
    cr_assert_not(walk.uncacheable);
    cr_assert_eq(walk.stamps.n, 8,
                 "classification, port security, conntrack out, services, L2, egress, conntrack in, dispatch");
}

Test(tables, a_parsed_packet_walks_as_its_frame_does)
{
    struct df_packet packet;
    make_network();
    make_tcp();
    walk_reset();
    cr_assert_eq(df_packet_parse(frame.byte, frame.len, &packet), DF_DROP_NONE);
    df_walk_packet(&walk, 1, &packet);
    cr_assert_eq(walk.verdict.kind, DF_VERDICT_OUTPUT);
    cr_assert_eq(outputs[0].port, 2);
}

Test(tables, every_table_on_the_way_can_change_the_decision)
{
    make_network();
    make_tcp();
    walk_reset();
    df_walk_frame(&walk, 1, frame.byte, frame.len);
    struct df_stamps before = walk.stamps;
    struct df_l2_key key = {.network = 5, .mac = ROUTER_MAC};
    must_del(DF_TABLE_L2, &key);
    uint32_t sum = 0;
    for (unsigned i = 0; i < before.n; i++)
        sum += atomic_load(&df_stamp_array[before.slot[i]].value);
    cr_assert_neq(sum, before.sum);
}

/* ---- what a trace hears */

struct diary {
    struct df_trace trace;
    char text[512];
    uint32_t len;
};

static void note(struct df_trace *trace, const char *format, unsigned number)
{
    struct diary *diary = (struct diary *)trace;
    diary->len += (uint32_t)snprintf(diary->text + diary->len, sizeof(diary->text) - diary->len, format, number);
}

static void note_enter(struct df_trace *trace, uint16_t table, const struct df_walk *at)
{
    (void)at;
    note(trace, "%u:", table);
}

static void note_lookup(struct df_trace *trace, const struct df_table *table, const void *key, uint16_t key_len,
                        const struct df_entry *entry)
{
    (void)key, (void)table, (void)key_len;
    note(trace, entry != NULL ? "+" : "-", 0);
}

static void note_leave(struct df_trace *trace, uint16_t table, uint16_t next, const struct df_walk *at)
{
    (void)table, (void)at;
    note(trace, "%u ", next);
}

Test(tables, a_trace_hears_each_step)
{
    struct diary diary = {.trace = {.enter = note_enter, .lookup = note_lookup, .leave = note_leave}};
    make_network();
    make_tcp();
    walk_reset();
    walk.trace = &diary.trace;
    df_walk_frame(&walk, 1, frame.byte, frame.len);
    cr_assert_str_eq(diary.text, "0:+201 201:+10 10:+20 20:55 55:+75 75:+105 105:+115 115:+255 ");
}

Test(tables, a_trace_hears_each_copy_of_a_flood)
{
    struct diary diary = {.trace = {.enter = note_enter, .lookup = note_lookup, .leave = note_leave}};
    make_network();
    for (uint32_t lport = 11; lport <= 12; lport++) {
        struct df_flood_key key = {.network = 5, .lport = lport};
        struct df_flood_value value = {0};
        must_put(DF_TABLE_FLOOD, &key, &value);
    }
    make_tcp();
    memset(frame.byte, 0xff, 6);
    walk_reset();
    walk.trace = &diary.trace;
    df_walk_frame(&walk, 1, frame.byte, frame.len);
    cr_assert_str_eq(diary.text, "0:+201 201:+10 10:+20 20:55 55:56 56:+75:+105 105:+115 115:+255 255 ");
}
