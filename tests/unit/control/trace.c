/* SPDX-License-Identifier: Apache-2.0 */
#include "control/trace/trace.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <string.h>

#include "control/model/address.h"
#include "control/trace/words.h"
#include "fastpath/conn/conn.h"
#include "fastpath/lookup/hash.h"
#include "fastpath/rcu.h"
#include "fastpath/tables/table.h"

/*
 * Two ports on network 1 and a router to network 2, written into the tables by hand:
 *
 *     lport 11 (port 1, 02::01, 10.0.0.1)   lport 12 (port 2, 02::02, 10.0.0.2)   router 5: 02::fe, 10.0.0.254
 */

static const struct df_origin origin = {.app = "l2", .table = "lport", .id = "vm2", .version = 7};

static void put(uint16_t number, const void *key, size_t key_len, const void *value, size_t value_len)
{
    const struct df_table *table = df_table(number);
    struct df_entry entry = {.table = number,
                             .key_len = (uint16_t)key_len,
                             .value_len = (uint32_t)value_len,
                             .value = value,
                             .origin = &origin};
    memcpy(entry.key, key, key_len);
    cr_assert_eq(table->ops->put(table->state, &entry), 0, "table %u", number);
    if (table->ops->flush)
        cr_assert_eq(table->ops->flush(table->state), 0);
}

#define PUT(table, key, value) put(table, &(key), sizeof(key), &(value), sizeof(value))

/* A value that is a head and one item behind it. */
static void put_with_item(uint16_t number, const void *key, size_t key_len, const void *head, size_t head_len,
                          const void *item, size_t item_len)
{
    uint8_t value[256];
    cr_assert_leq(head_len + item_len, sizeof(value));
    memcpy(value, head, head_len);
    memcpy(value + head_len, item, item_len);
    put(number, key, key_len, value, head_len + item_len);
}

#define PUT_WITH_ITEM(table, key, head, item)                                                                          \
    put_with_item(table, &(key), sizeof(key), &(head), sizeof(head), &(item), sizeof(item))

static struct df_mac mac_of(unsigned n)
{
    return (struct df_mac){{2, 0, 0, 0, 0, (uint8_t)n}};
}

/* What an lport sends, or gets, is not judged; or by the rules of group 7. */
static void judge_nothing(uint16_t table, uint32_t lport, uint16_t port)
{
    PUT(table, ((struct df_conntrack_key){.lport = lport}), ((struct df_conntrack_value){.port = port}));
}

static void judge(uint16_t table, uint32_t lport, uint16_t port)
{
    struct df_conntrack_value value = {.enabled = 1, .port = port, .n_groups = 1};
    struct df_conntrack_group group = {.group = 7};
    PUT_WITH_ITEM(table, ((struct df_conntrack_key){.lport = lport}), value, group);
}

static void put_port(uint16_t port, uint32_t lport, unsigned n)
{
    judge_nothing(DF_TABLE_EGRESS_CONNTRACK, lport, port);
    judge_nothing(DF_TABLE_INGRESS_CONNTRACK, lport, port);
    PUT(DF_TABLE_CLASSIFICATION, ((struct df_classification_key){.port = port}),
        ((struct df_classification_value){.lport = lport, .network = 1}));
    PUT(DF_TABLE_L2, ((struct df_l2_key){.network = 1, .mac = mac_of(n)}), ((struct df_l2_value){.lport = lport}));
    PUT(DF_TABLE_FLOOD, ((struct df_flood_key){.network = 1, .lport = lport}), ((struct df_flood_value){0}));
    PUT(DF_TABLE_EGRESS, ((struct df_egress_key){.lport = lport}), ((struct df_egress_value){DF_EGRESS_LOCAL}));
    PUT(DF_TABLE_DISPATCH, ((struct df_dispatch_key){.lport = lport}), ((struct df_dispatch_value){.port = port}));
    struct df_port_security_value security = {.enabled = 1, .n_pairs = 1};
    struct df_port_security_pair pair = {.mac = mac_of(n), .ip = df_ip_from4(htonl(0x0a000000 + n)), .prefix_len = 128};
    PUT_WITH_ITEM(DF_TABLE_PORT_SECURITY, ((struct df_port_security_key){lport}), security, pair);
}

static void setup(void)
{
    df_rcu_register();
    df_hash_init();
    cr_assert_eq(df_tables_init(1024), 0);
    put_port(1, 11, 1);
    put_port(2, 12, 2);
    PUT(DF_TABLE_L2, ((struct df_l2_key){.network = 1, .mac = mac_of(0xfe)}),
        ((struct df_l2_value){.lport = 20, .router = 5, .ip4 = df_ip_from4(htonl(0x0a0000fe))}));
    struct df_l3_value route = {.n_hops = 1};
    struct df_l3_hop hop = {.network = 2, .lport = 21, .mac = mac_of(0xfd), .kind = DF_ROUTE_CONNECTED};
    PUT_WITH_ITEM(DF_TABLE_L3,
                  ((struct df_l3_key){.router = 5, .prefix_len = 120, .prefix = df_ip_from4(htonl(0x0a010000))}), route,
                  hop);
    PUT(DF_TABLE_L3_PROACTIVE, ((struct df_l3_proactive_key){.network = 2, .ip = df_ip_from4(htonl(0x0a010002))}),
        ((struct df_l3_proactive_value){.lport = 12, .mac = mac_of(2)}));
}

static void teardown(void)
{
    df_tables_fini();
    df_rcu_unregister();
}

TestSuite(trace, .init = setup, .fini = teardown);

static const char *lport_name(void *arg, uint32_t key)
{
    (void)arg;
    return key == 12 ? "vm2" : NULL;
}

static const char *port_name(void *arg, uint16_t number)
{
    (void)arg;
    return number == 2 ? "vm2" : NULL;
}

static json_t *rule_words(void *arg, uint32_t number)
{
    (void)arg;
    return number == 33 ? json_pack("{s:s, s:s}", "group", "web", "id", "ping") : NULL;
}

static const struct df_names names = {.lport = lport_name, .port = port_name, .rule_words = rule_words};

static json_t *trace(const char *words)
{
    uint8_t frame[DF_WORDS_FRAME_MAX];
    size_t len = sizeof(frame);
    struct df_error error;
    cr_assert_eq(df_words_to_frame(words, NULL, frame, &len, &error), 0, "%s", error.text);
    return df_trace_frame(&names, 1, frame, (uint32_t)len, 0);
}

static json_t *step(json_t *report, const char *table)
{
    size_t i;
    json_t *step_of;
    json_array_foreach(json_object_get(report, "steps"), i, step_of)
        if (strcmp(json_string_value(json_object_get(step_of, "name")), table) == 0)
            return step_of;
    cr_assert_fail("the walk did not come to table %s", table);
    return NULL;
}

static const char *text_in(json_t *json, const char *name)
{
    const char *text = json_string_value(json_object_get(json, name));
    return text ? text : "";
}

static json_t *verdict(json_t *report)
{
    return json_object_get(report, "verdict");
}

#define FROM_VM1 "dl_src=02:00:00:00:00:01,nw_src=10.0.0.1,"

Test(trace, each_table_is_told_in_order_with_the_entry_and_its_origin)
{
    static const char *const order[] = {"classification", "port_security",     "egress_conntrack", "services", "l2",
                                        "egress",         "ingress_conntrack", "dispatch"};
    json_t *report = trace("icmp,dl_dst=02:00:00:00:00:02,nw_dst=10.0.0.2," FROM_VM1);
    json_t *steps = json_object_get(report, "steps");
    cr_assert_eq(json_array_size(steps), 8);
    for (size_t i = 0; i < 8; i++) {
        json_t *one = json_array_get(steps, i);
        cr_expect_str_eq(text_in(one, "name"), order[i]);
        cr_expect_str_eq(text_in(one, "next"), i == 7 ? "end" : order[i + 1]);
        cr_expect_eq(json_integer_value(json_object_get(one, "depth")), 0);
    }
    json_t *match = json_object_get(json_array_get(json_object_get(step(report, "l2"), "lookups"), 0), "match");
    json_t *wanted =
        json_pack("{s:{s:i, s:s}, s:{s:i, s:s, s:i, s:s, s:s}, s:{s:s, s:s, s:s, s:i}}", "key", "network", 1, "mac",
                  "02:00:00:00:00:02", "value", "lport", 12, "lport_name", "vm2", "router", 0, "ip4", "", "ip6", "",
                  "origin", "app", "l2", "table", "lport", "id", "vm2", "version", 7);
    cr_expect(json_equal(match, wanted), "%s", json_dumps(match, 0));
    json_decref(wanted);
    json_decref(report);
}

Test(trace, a_delivery_names_the_port)
{
    json_t *report = trace("icmp,dl_dst=02:00:00:00:00:02,nw_dst=10.0.0.2," FROM_VM1);
    json_t *output = json_array_get(json_object_get(verdict(report), "outputs"), 0);
    cr_expect_str_eq(text_in(verdict(report), "kind"), "output");
    cr_expect_eq(json_integer_value(json_object_get(output, "port")), 2);
    cr_expect_str_eq(text_in(output, "port_name"), "vm2");
    cr_expect_eq(json_object_size(json_object_get(verdict(report), "rewrite")), 0);
    json_decref(report);
}

Test(trace, a_route_shows_what_it_rewrites)
{
    json_t *report = trace("icmp,nw_ttl=9,dl_dst=02:00:00:00:00:fe,nw_dst=10.1.0.2," FROM_VM1);
    json_t *match = json_object_get(json_array_get(json_object_get(step(report, "l3"), "lookups"), 0), "match");
    cr_expect_str_eq(text_in(json_object_get(match, "key"), "prefix"), "10.1.0.0/24");
    cr_expect_str_eq(text_in(json_array_get(json_object_get(match, "items"), 0), "mac"), "02:00:00:00:00:fd");
    json_t *set = json_object_get(step(report, "l3"), "set");
    cr_expect_eq(json_integer_value(json_object_get(set, "network")), 2);
    json_t *rewrite = json_object_get(verdict(report), "rewrite");
    cr_expect_str_eq(text_in(rewrite, "eth_src"), "02:00:00:00:00:fd");
    cr_expect_str_eq(text_in(rewrite, "eth_dst"), "02:00:00:00:00:02");
    cr_expect_eq(json_integer_value(json_object_get(rewrite, "ttl")), 8);
    json_decref(report);
}

Test(trace, a_miss_is_told_and_a_drop_has_its_reason)
{
    json_t *report = trace("icmp,dl_dst=02:00:00:00:00:02,nw_dst=10.0.0.2,dl_src=02:00:00:00:00:01,nw_src=10.0.0.66");
    cr_expect_str_eq(text_in(verdict(report), "kind"), "drop");
    cr_expect_str_eq(text_in(verdict(report), "reason"), "spoofed_ipv4");
    cr_expect_str_eq(text_in(verdict(report), "help"), df_drop_help(DF_DROP_SPOOFED_IPV4));
    json_decref(report);

    report = trace("icmp,dl_dst=02:00:00:00:00:77,nw_dst=10.0.0.2," FROM_VM1);
    json_t *lookup = json_array_get(json_object_get(step(report, "l2"), "lookups"), 0);
    cr_expect(json_is_null(json_object_get(lookup, "match")));
    cr_expect_str_eq(text_in(json_object_get(lookup, "key"), "mac"), "02:00:00:00:00:77");
    cr_expect_str_eq(text_in(verdict(report), "kind"), "drop");
    json_decref(report);
}

/* The rules of group 7 for what is sent: those of ICMP, with that number. */
static void allow_icmp(uint16_t table, uint32_t number)
{
    struct df_security_group_value value = {.n_rules = 1};
    struct df_security_group_rule rule = {.rule = number, .ip_version = 4, .ip_proto = IPPROTO_ICMP};
    PUT_WITH_ITEM(table, ((struct df_security_group_key){.group = 7}), value, rule);
}

Test(trace, the_rule_that_allows_a_packet_is_named)
{
    judge(DF_TABLE_EGRESS_CONNTRACK, 11, 1);
    allow_icmp(DF_TABLE_EGRESS_SECURITY_GROUP, 33);
    json_t *report = trace("icmp,dl_dst=02:00:00:00:00:02,nw_dst=10.0.0.2," FROM_VM1);
    json_t *rule = json_object_get(step(report, "egress_security_group"), "rule");
    cr_expect_str_eq(text_in(rule, "id"), "ping");
    cr_expect_str_eq(text_in(rule, "group"), "web");
    cr_expect_null(json_object_get(step(report, "egress_conntrack"), "rule"), "it has none to name");
    cr_expect_null(json_object_get(step(report, "egress_conntrack"), "connection"), "nothing is tracked here");
    json_decref(report);

    allow_icmp(DF_TABLE_EGRESS_SECURITY_GROUP, 34);
    report = trace("icmp,dl_dst=02:00:00:00:00:02,nw_dst=10.0.0.2," FROM_VM1);
    rule = json_object_get(step(report, "egress_security_group"), "rule");
    cr_expect_eq(json_integer_value(json_object_get(rule, "number")), 34, "one without a name");
    json_decref(report);
}

Test(trace, it_says_that_no_rule_matched)
{
    judge(DF_TABLE_INGRESS_CONNTRACK, 12, 2);
    allow_icmp(DF_TABLE_INGRESS_SECURITY_GROUP, 33);
    json_t *report = trace("udp,tp_dst=5,dl_dst=02:00:00:00:00:02,nw_dst=10.0.0.2," FROM_VM1);
    json_t *rule = json_object_get(step(report, "ingress_security_group"), "rule");
    cr_assert_not_null(rule);
    cr_expect(json_is_null(rule));
    cr_expect_str_eq(text_in(verdict(report), "reason"), "sg_ingress");
    json_decref(report);
}

/* ---- connections */

static void with_connections(void)
{
    const struct df_conns_config config = {
        .max = 1024, .max_per_port = 1024, .n_workers = 1, .timeouts = df_conn_timeouts_default};
    setup();
    cr_assert_eq(df_conns_init(&config), 0);
    judge(DF_TABLE_EGRESS_CONNTRACK, 11, 1);
    struct df_security_group_value value = {.stateful = 1, .n_rules = 1};
    struct df_security_group_rule any = {.rule = 33, .ip_version = 4, .any_proto = 1};
    PUT_WITH_ITEM(DF_TABLE_EGRESS_SECURITY_GROUP, ((struct df_security_group_key){.group = 7}), value, any);
}

static void without_connections(void)
{
    teardown();
    df_rcu_register();
    df_rcu_barrier();
    df_conns_fini();
    df_rcu_unregister();
}

TestSuite(trace_connections, .init = with_connections, .fini = without_connections);

/* Begins the connection of the packet of these words at port 1, as a worker would. */
static void begin(const char *words)
{
    uint8_t frame[DF_WORDS_FRAME_MAX];
    size_t len = sizeof(frame);
    struct df_error error;
    struct df_packet packet;
    struct df_conn_key key;
    struct df_conn *conn;
    cr_assert_eq(df_words_to_frame(words, NULL, frame, &len, &error), 0, "%s", error.text);
    cr_assert_eq(df_packet_parse(frame, (uint32_t)len, &packet), DF_DROP_NONE);
    cr_assert(df_conn_key_of(&packet, df_conn_zone(1), &key));
    cr_assert_eq(df_conn_begin(0, &key, df_conn_hash(&key), &packet, 0, NULL, &conn), 0);
}

static void expect_found(const char *words, const char *found, const char *state)
{
    json_t *report = trace(words);
    json_t *connection = json_object_get(step(report, "egress_conntrack"), "connection");
    cr_expect_str_eq(text_in(connection, "found"), found);
    cr_expect_str_eq(text_in(connection, "state"), state);
    cr_expect_str_eq(text_in(json_object_get(step(report, "egress_security_group"), "rule"), "id"), "ping");
    json_decref(report);
}

#define UDP_FROM_VM1 "udp,tp_src=1000,tp_dst=53,dl_dst=02:00:00:00:00:02,nw_dst=10.0.0.2," FROM_VM1

Test(trace_connections, a_new_one_has_no_state_and_a_trace_begins_none)
{
    expect_found(UDP_FROM_VM1, "new", "");
    expect_found(UDP_FROM_VM1, "new", "");
}

Test(trace_connections, one_that_is_there_is_shown_with_its_state)
{
    begin(UDP_FROM_VM1);
    expect_found(UDP_FROM_VM1, "established", df_conn_state_name(DF_CONN_UDP_SINGLE));
    expect_found("udp,tp_src=1001,tp_dst=53,dl_dst=02:00:00:00:00:02,nw_dst=10.0.0.2," FROM_VM1, "new", "");
}

/* What the other end began, and no ingress rule allows; vm1 may send anything. */
static json_t *trace_reply(const char *began, const char *reply)
{
    judge(DF_TABLE_INGRESS_CONNTRACK, 11, 1);
    begin(began);
    json_t *report = trace(reply);
    json_t *connection = json_object_get(step(report, "egress_conntrack"), "connection");
    cr_expect_str_eq(text_in(connection, "found"), "reply");
    return report;
}

#define TO_VM1 "dl_src=02:00:00:00:00:02,dl_dst=02:00:00:00:00:01,nw_src=10.0.0.2,nw_dst=10.0.0.1"

Test(trace_connections, a_reply_is_judged_by_what_it_replies_to)
{
    json_t *report =
        trace_reply("tcp,tp_src=53,tp_dst=1000,tcp_flags=syn," TO_VM1,
                    "tcp,tp_src=1000,tp_dst=53,tcp_flags=syn|ack,dl_dst=02:00:00:00:00:02,nw_dst=10.0.0.2," FROM_VM1);
    json_t *of_egress = step(report, "egress_security_group");
    cr_expect(json_is_null(json_object_get(of_egress, "rule")), "no ingress rule allows the other direction");
    cr_expect_str_eq(text_in(verdict(report), "kind"), "drop");
    json_decref(report);
}

Test(trace_connections, what_may_begin_is_judged_by_itself_then)
{
    json_t *report = trace_reply("udp,tp_src=53,tp_dst=1000," TO_VM1, UDP_FROM_VM1);
    cr_expect_not(json_is_null(json_object_get(step(report, "egress_security_group"), "rule")));
    cr_expect_str_neq(text_in(verdict(report), "kind"), "drop");
    json_decref(report);
}

Test(trace, an_answer_in_place_says_what_it_is)
{
    json_t *report = trace("icmp,nw_ttl=1,dl_dst=02:00:00:00:00:fe,nw_dst=10.1.0.2," FROM_VM1);
    cr_expect_str_eq(text_in(verdict(report), "kind"), "answer");
    json_t *answer = json_object_get(verdict(report), "answer");
    cr_expect_str_eq(text_in(answer, "type"), "icmp_error");
    cr_expect_eq(json_integer_value(json_object_get(answer, "icmp_type")), 11);
    cr_expect_str_eq(text_in(answer, "from"), "10.0.0.254");
    json_decref(report);
}

static json_t *last_lookup(json_t *report, const char *table)
{
    json_t *lookups = json_object_get(step(report, table), "lookups");
    return json_array_get(lookups, json_array_size(lookups) - 1);
}

Test(trace, a_packet_that_is_too_big_is_told_with_the_mtu_and_whose_it_is)
{
#define TO_NETWORK2 "udp,len=1400,dl_dst=02:00:00:00:00:fe,nw_dst=10.1.0.2," FROM_VM1
    PUT(DF_TABLE_NETWORKS, ((struct df_network_key){.network = 2}), ((struct df_network_value){.mtu = 1300}));
    json_t *report = trace(TO_NETWORK2);
    json_t *lookup = last_lookup(report, "l3");
    cr_expect_str_eq(text_in(lookup, "table"), "networks");
    json_t *value = json_object_get(json_object_get(lookup, "match"), "value");
    cr_expect_eq(json_integer_value(json_object_get(value, "mtu")), 1300);
    json_t *answer = json_object_get(verdict(report), "answer");
    cr_expect_eq(json_integer_value(json_object_get(answer, "mtu")), 1300);
    cr_expect_eq(json_integer_value(json_object_get(answer, "icmp_code")), 4);
    cr_expect_str_eq(text_in(verdict(report), "reason"), "too_big");
    json_decref(report);

    report = trace(TO_NETWORK2 "ip_df=0");
    json_t *output = json_array_get(json_object_get(verdict(report), "outputs"), 0);
    cr_expect(json_is_true(json_object_get(output, "fragmented")));
    cr_expect_eq(json_integer_value(json_object_get(output, "mtu")), 1300);
    cr_expect_eq(json_integer_value(json_object_get(json_object_get(step(report, "l3"), "set"), "mtu")), 1300);
    json_decref(report);

    report = trace("udp,dl_dst=02:00:00:00:00:fe,nw_dst=10.1.0.2," FROM_VM1);
    output = json_array_get(json_object_get(verdict(report), "outputs"), 0);
    cr_expect_null(json_object_get(output, "fragmented"));
    cr_expect_null(json_object_get(verdict(report), "reason"));
    json_decref(report);
}

Test(trace, the_copies_of_a_flood_are_deeper)
{
    json_t *report = trace("arp,arp_op=2,dl_dst=ff:ff:ff:ff:ff:ff,dl_src=02:00:00:00:00:01,arp_spa=10.0.0.1,"
                           "arp_tpa=10.0.0.9");
    cr_expect_eq(json_integer_value(json_object_get(step(report, "flood"), "depth")), 0);
    cr_expect_eq(json_integer_value(json_object_get(step(report, "egress"), "depth")), 1);
    cr_expect_eq(json_array_size(json_object_get(verdict(report), "outputs")), 1, "not to the sender");
    json_decref(report);
}

Test(trace, a_malformed_frame_walks_nowhere)
{
    static const uint8_t stub[] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45};
    json_t *report = df_trace_frame(NULL, 1, stub, sizeof(stub), 0);
    cr_expect_eq(json_array_size(json_object_get(report, "steps")), 0);
    cr_expect_str_eq(text_in(verdict(report), "reason"), "truncated");
    json_decref(report);
}

Test(trace, nothing_is_changed_by_it)
{
    uint32_t counts[DF_TABLE_END] = {0};
    uint32_t changes = df_stamps_now();
    for (uint16_t number = 0; number < DF_TABLE_END; number++)
        if (df_table(number))
            counts[number] = df_table(number)->ops->count(df_table(number)->state);
    json_decref(trace("icmp,dl_dst=02:00:00:00:00:02,nw_dst=10.0.0.2," FROM_VM1));
    json_decref(trace("icmp,dl_dst=02:00:00:00:00:fe,nw_dst=10.1.0.2," FROM_VM1));
    cr_expect_eq(df_stamps_now(), changes);
    for (uint16_t number = 0; number < DF_TABLE_END; number++)
        if (df_table(number))
            cr_expect_eq(df_table(number)->ops->count(df_table(number)->state), counts[number]);
}

/* ---- entries of any table */

Test(trace, every_table_can_print_its_keys)
{
    static const uint8_t key[DF_KEY_MAX];
    for (uint16_t number = 0; number < DF_TABLE_END; number++) {
        const struct df_table_desc *desc = df_table_desc(number);
        if (!desc)
            continue;
        json_t *json = df_table_key_json(desc, key, desc->key_size, NULL);
        cr_expect_gt(json_object_size(json), 0, "table %s", desc->name);
        cr_expect_null(df_table_key_json(desc, key, desc->key_size - 1u, NULL), "a key of another length");
        json_decref(json);
    }
}

Test(trace, a_value_that_is_too_short_is_not_read)
{
    static const uint8_t value[4];
    struct df_entry entry = {.table = DF_TABLE_L2, .key_len = sizeof(struct df_l2_key), .value = value, .value_len = 4};
    json_t *json = df_table_entry_json(df_table_desc(DF_TABLE_L2), &entry, NULL);
    cr_expect_null(json_object_get(json, "value"));
    cr_expect_not_null(json_object_get(json, "key"));
    json_decref(json);
}
