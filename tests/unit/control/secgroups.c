/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node.h"

/* The app secgroup on a whole node: what is needed, how much work a change is, and what is reported. */

extern const struct df_app df_app; /* secgroup */

TestSuite(secgroups, .init = node_init);

static struct node node;

/* The app alone: an lport has two units then, its and that of binding. */
static void up_alone(void)
{
    static const struct df_app *const apps[] = {&df_app, NULL};
    node_up(&node, apps);
    node_set(&node, DF_NB_LSWITCH, "{'id': 'net', 'unique_key': 1}");
}

static void up(void)
{
    static const struct df_app *const apps[] = {&node_l2, &node_sec, &df_app, NULL};
    node_up(&node, apps);
    node_set(&node, DF_NB_LSWITCH, "{'id': 'net', 'unique_key': 1}");
}

/* A port with a group; more is further fields with a comma in front. */
static void port_on(const char *lswitch, unsigned key, const char *host, const char *group, const char *more)
{
    node_setf(&node, DF_NB_LPORT,
              "{'id': 'p%u', 'unique_key': %u, 'lswitch': '%s', 'macs': ['02:00:00:00:%02x:%02x'], "
              "'ips': ['10.0.%u.%u'], 'security_groups': ['%s'], 'binding': {'type': 'chassis', 'chassis': '%s', "
              "'vif_type': 'tap'}%s}",
              key, key, lswitch, key >> 8 & 0xff, key & 0xff, key >> 8 & 0xff, key & 0xff, group, host, more);
}

static void port(unsigned key, const char *host, const char *group, const char *more)
{
    port_on("net", key, host, group, more);
}

static void group(const char *id, const char *rules)
{
    node_setf(&node, DF_NB_SECGROUP, "{'id': '%s', 'name': '%s-name', 'rules': [%s]}", id, id, rules);
}

#define IN(id, more) "{'id': '" id "', 'direction': 'ingress', 'ethertype': 'IPv4'" more "}"
#define FROM(group) ", 'remote_group_id': '" group "'"
#define FROM_ADDRESSES(group) ", 'remote_address_group_id': '" group "'"

static uint32_t groups_in_force(void)
{
    node_settle(&node);
    cr_expect_eq(node_count(&node, DF_TABLE_INGRESS_SECURITY_GROUP), node_count(&node, DF_TABLE_EGRESS_SECURITY_GROUP));
    return node_count(&node, DF_TABLE_INGRESS_SECURITY_GROUP);
}

static uint32_t members(void)
{
    node_settle(&node);
    return node_count(&node, DF_TABLE_ADDRESS_SET);
}

/* Compile calls and entries put and deleted since the last settle. */
static void expect_work(uint64_t compiles, uint64_t puts, uint64_t dels)
{
    struct df_controller_work before = df_controller_work(node.controller);
    node_settle(&node);
    struct df_controller_work work = df_controller_work(node.controller);
    cr_expect_eq(work.compiles - before.compiles, compiles, "%lu compiles", (long)(work.compiles - before.compiles));
    cr_expect_eq(work.puts - before.puts, puts, "%lu puts", (long)(work.puts - before.puts));
    cr_expect_eq(work.dels - before.dels, dels, "%lu deletes", (long)(work.dels - before.dels));
}

/* ---- What is needed */

Test(secgroups, rules_are_needed_while_a_port_of_this_node_has_the_group)
{
    up();
    group("web", IN("any", ""));
    group("other", IN("any", ""));
    cr_assert_eq(groups_in_force(), 0);
    port(1, "elsewhere", "web", "");
    cr_assert_eq(groups_in_force(), 0);
    port(2, "here", "web", "");
    cr_assert_eq(groups_in_force(), 1);
    port(3, "here", "web", "");
    node_delete(&node, DF_NB_LPORT, "p2");
    cr_assert_eq(groups_in_force(), 1);
    port(3, "elsewhere", "web", "");
    cr_assert_eq(groups_in_force(), 0);
    port(3, "here", "other", "");
    cr_assert_eq(groups_in_force(), 1);
    node_delete(&node, DF_NB_SECGROUP, "other");
    cr_assert_eq(groups_in_force(), 0);
    node_down(&node);
}

Test(secgroups, a_disabled_port_needs_its_groups_one_without_port_security_does_not)
{
    up();
    group("web", IN("any", ""));
    port(1, "here", "web", ", 'enabled': false");
    cr_assert_eq(groups_in_force(), 1);
    port(1, "here", "web", ", 'port_security_enabled': false");
    cr_assert_eq(groups_in_force(), 0);
    port(1, "here", "web", "");
    cr_assert_eq(groups_in_force(), 1);
    node_down(&node);
}

Test(secgroups, members_are_needed_while_a_rule_in_force_names_the_group)
{
    up();
    port(1, "elsewhere", "db", "");
    port(2, "elsewhere", "db", "");
    group("db", "");
    group("web", IN("db", FROM("db")));
    cr_assert_eq(members(), 0, "web is no local port's");
    port(3, "here", "web", "");
    cr_assert_eq(members(), 2);
    port(2, "elsewhere", "web", "");
    cr_assert_eq(members(), 1);
    group("web", IN("db", FROM("db")) "," IN("web", FROM("web")));
    cr_assert_eq(members(), 3, "p1 in db, p2 and p3 in web");
    group("web", IN("web", FROM("web")));
    cr_assert_eq(members(), 2);
    node_delete(&node, DF_NB_SECGROUP, "web");
    cr_assert_eq(members(), 0);
    group("web", IN("db", FROM("db")));
    cr_assert_eq(members(), 1);
    node_delete(&node, DF_NB_LPORT, "p3");
    cr_assert_eq(members(), 0);
    node_down(&node);
}

Test(secgroups, members_of_a_group_that_has_no_row_are_members)
{
    up();
    port(1, "elsewhere", "ghost", "");
    port(2, "here", "web", "");
    group("web", IN("ghost", FROM("ghost")));
    cr_assert_eq(members(), 1);
    node_down(&node);
}

Test(secgroups, address_groups_are_needed_likewise)
{
    up();
    node_set(&node, DF_NB_ADDRESS_GROUP, "{'id': 'friends', 'addresses': ['192.0.2.0/24', '2001:db8::/32']}");
    group("web", IN("friends", FROM_ADDRESSES("friends")));
    cr_assert_eq(members(), 0);
    port(1, "here", "web", "");
    cr_assert_eq(members(), 2);
    node_set(&node, DF_NB_ADDRESS_GROUP, "{'id': 'friends', 'addresses': ['192.0.2.0/24']}");
    expect_work(1, 0, 1);
    group("web", IN("any", ""));
    cr_assert_eq(members(), 0);
    node_down(&node);
}

Test(secgroups, whatever_comes_first_the_end_is_the_same)
{
    up();
    port(1, "here", "web", "");
    port(2, "elsewhere", "db", "");
    cr_assert_eq(groups_in_force(), 0);
    cr_assert_eq(members(), 0);
    group("web", IN("db", FROM("db")) "," IN("friends", FROM_ADDRESSES("friends")));
    cr_assert_eq(groups_in_force(), 1);
    cr_assert_eq(members(), 1);
    node_set(&node, DF_NB_ADDRESS_GROUP, "{'id': 'friends', 'addresses': ['192.0.2.0/24']}");
    cr_assert_eq(members(), 2);
    node_down(&node);
}

/* ---- Whose members: those in the domain of a port of this node */

/*
 * The domain in which the port is a member of the group by its address, or 0; of two there are, a test would find none.
 */
static uint32_t member_in(unsigned key, uint32_t group)
{
    char text[32];
    struct df_address_set_key at = {.set = group, .prefix_len = 128};
    uint32_t found = 0;
    snprintf(text, sizeof(text), "10.0.%u.%u", key >> 8 & 0xff, key & 0xff);
    cr_assert_eq(df_ip_parse(text, &at.ip), 0);
    node_settle(&node);
    for (at.domain = 1; at.domain < 10; at.domain++)
        if (node_entry(&node, DF_TABLE_ADDRESS_SET, &at, sizeof(at)))
            found = found * 10 + at.domain;
    return found;
}

static uint32_t domain_of(unsigned key)
{
    struct df_conntrack_key at = {.lport = key};
    node_settle(&node);
    const struct df_entry *entry = node_entry(&node, DF_TABLE_INGRESS_CONNTRACK, &at, sizeof(at));
    cr_assert_not_null(entry);
    return ((const struct df_conntrack_value *)entry->value)->domain;
}

static void router(const char *id, const char *left, const char *right)
{
    node_setf(&node, DF_NB_LROUTER,
              "{'id': '%s', 'unique_key': 7, 'ports': [{'id': '%s-l', 'mac': '02:00:00:00:01:01', 'lswitch': '%s', "
              "'network': '10.0.0.1/24'}, {'id': '%s-r', 'mac': '02:00:00:00:01:02', 'lswitch': '%s', 'network': "
              "'10.1.0.1/24'}]}",
              id, id, left, id, right);
}

/* Networks net (1), b (2) and c (3); a port here on net, and members on each. */
static void three_networks(void)
{
    up_alone();
    node_set(&node, DF_NB_LSWITCH, "{'id': 'b', 'unique_key': 2}");
    node_set(&node, DF_NB_LSWITCH, "{'id': 'c', 'unique_key': 3}");
    group("big", IN("big", FROM("big")));
    port(1, "here", "big", "");
    port(11, "elsewhere", "big", "");
    port_on("b", 12, "elsewhere", "big", "");
    port_on("c", 13, "elsewhere", "big", "");
}

Test(secgroups, members_in_a_domain_without_a_port_of_this_node_are_not_needed)
{
    three_networks();
    cr_expect_eq(members(), 2);
    cr_expect_eq(member_in(11, 1), 1);
    cr_expect_eq(member_in(12, 1), 0);
    port_on("b", 2, "here", "other", "");
    cr_expect_eq(member_in(12, 1), 2, "it is, and in its own domain");
    cr_expect_eq(member_in(11, 1), 1);
    cr_expect_eq(domain_of(1), 1);
    cr_expect_eq(domain_of(2), 2);
    cr_expect_eq(member_in(13, 1), 0);
    node_delete(&node, DF_NB_LPORT, "p2");
    cr_expect_eq(member_in(12, 1), 0);
    node_down(&node);
}

Test(secgroups, a_router_makes_two_domains_one_and_leaves_two_behind)
{
    three_networks();
    port_on("b", 2, "here", "other", "");
    router("r", "b", "c");
    cr_expect_eq(domain_of(2), 2);
    cr_expect_eq(member_in(13, 1), 2);
    router("s", "net", "c");
    for (unsigned key = 11; key <= 13; key++)
        cr_expect_eq(member_in(key, 1), 1, "p%u", key);
    cr_expect_eq(domain_of(2), 1);
    node_delete(&node, DF_NB_LROUTER, "r");
    cr_expect_eq(domain_of(2), 2);
    cr_expect_eq(member_in(12, 1), 2);
    cr_expect_eq(member_in(13, 1), 1);
    node_delete(&node, DF_NB_LROUTER, "s");
    cr_expect_eq(member_in(13, 1), 0);
    node_down(&node);
}

Test(secgroups, the_addresses_of_an_address_group_are_in_no_domain)
{
    three_networks();
    node_set(&node, DF_NB_ADDRESS_GROUP, "{'id': 'friends', 'addresses': ['192.0.2.1']}");
    node_settle(&node);
    group("big", IN("friends", FROM_ADDRESSES("friends")));
    struct df_address_set_key at = {.set = 2, .prefix_len = 128};
    cr_assert_eq(df_ip_parse("192.0.2.1", &at.ip), 0);
    cr_expect_eq(members(), 1);
    cr_expect_not_null(node_entry(&node, DF_TABLE_ADDRESS_SET, &at, sizeof(at)));
    node_down(&node);
}

Test(secgroups, a_router_that_joins_two_domains_compiles_the_ports_of_one_once)
{
    three_networks();
    for (unsigned i = 20; i < 120; i++)
        port_on(i % 2 ? "net" : "b", i, "elsewhere", i % 4 < 2 ? "big" : "unasked", "");
    port_on("b", 2, "here", "big", "");
    node_settle(&node);
    router("r", "net", "b");
    /* The 25 members on b that a rule asks for, p12, and p2, which also has an entry in each conntrack table. */
    expect_work(27, 27 + 2, 27);
    router("s", "net", "b");
    expect_work(0, 0, 0);
    node_delete(&node, DF_NB_LROUTER, "r");
    expect_work(0, 0, 0);
    node_delete(&node, DF_NB_LROUTER, "s");
    expect_work(27, 27 + 2, 27);
    node_down(&node);
}

/* ---- How much work a change is */

#define MANY 10000

static void many_members(void)
{
    up_alone();
    group("big", IN("big", FROM("big")));
    port(1, "here", "big", "");
    for (unsigned i = 2; i <= MANY; i++)
        port(i, "elsewhere", "big", "");
    node_settle(&node);
    cr_assert_eq(node_count(&node, DF_TABLE_ADDRESS_SET), MANY);
}

Test(secgroups, a_member_that_joins_ten_thousand_is_one_entry)
{
    many_members();
    port(MANY + 1, "elsewhere", "big", "");
    expect_work(2, 1, 0); /* its own two units: of no other port, and not of the group */
    node_delete(&node, DF_NB_LPORT, "p10001");
    expect_work(0, 0, 1);
    node_down(&node);
}

Test(secgroups, a_rule_more_compiles_the_group_once_and_no_member)
{
    many_members();
    group("big", IN("big", FROM("big")) "," IN("more", ""));
    expect_work(1, 1, 0); /* of the two tables the one whose rules changed */
    node_down(&node);
}

Test(secgroups, however_many_ports_have_it_a_group_is_compiled_once)
{
    up_alone();
    group("web", IN("any", ""));
    for (unsigned i = 1; i <= 500; i++)
        port(i, "here", "web", "");
    node_settle(&node);
    group("web", "");
    expect_work(1, 1, 0);
    port(501, "here", "web", "");
    expect_work(2, 2, 0); /* its entries in the two conntrack tables */
    group("other", IN("any", FROM("web")));
    expect_work(1, 0, 0);
    node_down(&node);
}

/* ---- Entries */

static const struct df_security_group_value *rules_in_force(void)
{
    node_settle(&node);
    struct df_security_group_key key = {.group = 1};
    const struct df_entry *entry = node_entry(&node, DF_TABLE_INGRESS_SECURITY_GROUP, &key, sizeof(key));
    cr_assert_not_null(entry);
    return entry->value;
}

Test(secgroups, a_rule_keeps_its_number_when_it_comes_again)
{
    up();
    port(1, "here", "web", "");
    group("web", IN("a", "") "," IN("b", ""));
    uint32_t a = rules_in_force()->rule[0].rule;
    uint32_t b = rules_in_force()->rule[1].rule;
    cr_assert_neq(a, b);
    group("web", IN("b", ""));
    cr_assert_eq(rules_in_force()->n_rules, 1);
    cr_assert_eq(rules_in_force()->rule[0].rule, b);
    group("web", IN("b", "") "," IN("a", ""));
    cr_assert_eq(rules_in_force()->rule[1].rule, a);
    node_delete(&node, DF_NB_SECGROUP, "web");
    node_settle(&node);
    group("web", IN("a", ""));
    cr_assert_eq(rules_in_force()->rule[0].rule, a);
    node_down(&node);
}

Test(secgroups, rules_of_one_id_in_two_groups_are_two)
{
    up();
    port(1, "here", "web", "");
    group("web", IN("a", ""));
    uint32_t in_web = rules_in_force()->rule[0].rule;
    port(2, "here", "db", "");
    group("db", IN("a", ""));
    node_settle(&node);
    struct df_security_group_key key = {.group = 2};
    const struct df_entry *entry = node_entry(&node, DF_TABLE_INGRESS_SECURITY_GROUP, &key, sizeof(key));
    cr_assert_not_null(entry);
    cr_assert_neq(((const struct df_security_group_value *)entry->value)->rule[0].rule, in_web);
    node_down(&node);
}

/* ---- Reports */

static json_t *report(const char *what, const char *name)
{
    struct df_error error = {""};
    json_t *params = json_pack("{s:s*}", "name", name);
    json_t *json = df_controller_report(node.controller, what, params, &error);
    json_decref(params);
    cr_assert_not_null(json, "%s", error.text);
    return json;
}

static const char *text_of(json_t *json, const char *field)
{
    const char *text = json_string_value(json_object_get(json, field));
    return text ? text : "";
}

static void expect_json(json_t *json, const char *wanted)
{
    char *text = json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
    cr_expect_str_eq(text, wanted);
    free(text);
}

Test(secgroups, the_list_has_those_of_local_ports)
{
    up();
    group("web", IN("good", "") "," IN("bad", ", 'protocol': 'esp', 'port_range_min': 1, 'port_range_max': 2"));
    group("unused", "");
    port(1, "here", "web", ", 'name': 'one'");
    port(2, "elsewhere", "web", "");
    port(3, "here", "ghost", "");
    node_settle(&node);
    json_t *list = report("secgroups", NULL);
    expect_json(list, "[{\"id\":\"ghost\",\"members\":1,\"name\":\"ghost\",\"ports\":[\"p3\"],\"problems\":0,"
                      "\"rules\":0,\"state\":\"missing\",\"stateful\":null},"
                      "{\"id\":\"web\",\"members\":2,\"name\":\"web-name\",\"ports\":[\"one\"],\"problems\":1,"
                      "\"rules\":2,\"state\":\"in force\",\"stateful\":true}]");
    json_decref(list);
    node_down(&node);
}

Test(secgroups, rules_are_told_in_words_with_hits_and_what_is_wrong)
{
    static const struct {
        const char *rule, *words;
    } rules[] = {
        {IN("a", ""), "ingress IPv4 any protocol"},
        {IN("b", ", 'protocol': 'tcp', 'port_range_min': 22, 'port_range_max': 22, 'remote_ip_prefix': '10.0.0.0/8'"),
         "ingress IPv4 tcp port 22 from 10.0.0.0/8"},
        {IN("c", ", 'protocol': '17', 'port_range_min': 1, 'port_range_max': 9" FROM("web")),
         "ingress IPv4 protocol 17 ports 1 to 9 from group web-name"},
        {IN("d", ", 'protocol': 'icmp', 'port_range_min': 8, 'port_range_max': 0"), "ingress IPv4 icmp type 8 code 0"},
        {"{'id': 'e', 'direction': 'egress', 'ethertype': 'IPv6', 'protocol': 'icmp', 'port_range_min': "
         "128" FROM_ADDRESSES("friends") "}",
         "egress IPv6 icmp type 128 to address group friends"},
    };
    up();
    port(1, "here", "web", "");
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        group("web", rules[i].rule);
        node_settle(&node);
        json_t *json = report("secgroup", "web-name");
        json_t *rule = json_array_get(json_object_get(json, "rules"), 0);
        cr_expect_str_eq(text_of(rule, "words"), rules[i].words);
        cr_expect(json_is_null(json_object_get(rule, "hits")), "this datapath counts none");
        cr_expect(json_is_null(json_object_get(rule, "problem")));
        json_decref(json);
    }
    node_down(&node);
}

Test(secgroups, a_bad_rule_is_shown_beside_the_good_ones)
{
    up();
    port(1, "here", "web", "");
    group("web", IN("good", "") "," IN("bad", ", 'protocol': 'icmp', 'port_range_max': 1"));
    node_settle(&node);
    cr_expect_eq(rules_in_force()->n_rules, 1);
    json_t *json = report("secgroup", "web");
    json_t *rules = json_object_get(json, "rules");
    cr_expect(json_is_null(json_object_get(json_array_get(rules, 0), "problem")));
    cr_expect(strstr(text_of(json_array_get(rules, 1), "problem"), "needs a type"));
    cr_expect_eq(json_array_size(json_object_get(json, "problems")), 1);
    json_decref(json);

    json_t *show = report("show", NULL);
    char *problems = json_dumps(json_object_get(show, "problems"), JSON_COMPACT);
    cr_expect(strstr(problems, "\"id\":\"web\"") && strstr(problems, "rule bad: "), "%s", problems);
    free(problems);
    json_decref(show);
    node_down(&node);
}

Test(secgroups, a_group_is_found_by_id_before_name_and_never_by_half)
{
    up();
    node_set(&node, DF_NB_SECGROUP, "{'id': 'one', 'name': 'two'}");
    node_set(&node, DF_NB_SECGROUP, "{'id': 'two', 'name': 'same'}");
    node_set(&node, DF_NB_SECGROUP, "{'id': 'three', 'name': 'same'}");
    node_settle(&node);
    json_t *json = report("secgroup", "two");
    cr_expect_str_eq(text_of(json, "id"), "two");
    cr_expect_str_eq(text_of(json, "state"), "not needed");
    json_decref(json);
    static const struct {
        const char *name, *error;
    } refused[] = {{"tw", "there is no secgroup with the id or name 'tw'"}, {"same", "'same' may be secgroup"}};
    for (size_t i = 0; i < 2; i++) {
        struct df_error error = {""};
        json_t *params = json_pack("{s:s}", "name", refused[i].name);
        cr_expect_null(df_controller_report(node.controller, "secgroup", params, &error));
        cr_expect(strstr(error.text, refused[i].error), "%s", error.text);
        json_decref(params);
    }
    node_down(&node);
}

Test(secgroups, numbers_have_names)
{
    up();
    port(1, "here", "web", "");
    group("web", IN("ssh", ", 'protocol': 'tcp'"));
    uint32_t number = rules_in_force()->rule[0].rule;
    cr_expect_str_eq(df_controller_group_name(node.controller, 1), "web-name");
    cr_expect_null(df_controller_group_name(node.controller, 2));
    cr_expect_null(df_controller_group_name(node.controller, 0));
    cr_expect_str_eq(df_controller_rule_name(node.controller, number), "ssh");
    json_t *rule = df_controller_rule(node.controller, number);
    expect_json(rule, "{\"group\":\"web\",\"group_name\":\"web-name\",\"id\":\"ssh\",\"number\":1,\"words\":\"ingress "
                      "IPv4 tcp\"}");
    json_decref(rule);
    cr_expect_null(df_controller_rule(node.controller, number + 1));
    cr_expect_null(df_controller_rule(node.controller, 0));
    group("web", "");
    node_settle(&node);
    rule = df_controller_rule(node.controller, number);
    cr_expect_str_eq(text_of(rule, "id"), "ssh", "a connection may still have it");
    cr_expect(json_is_null(json_object_get(rule, "words")));
    json_decref(rule);
    node_down(&node);
}
