/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/apps/fake.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

TestSuite(secgroup, .init = fake_reset);

#define MAC "fa:16:3e:00:00:01"

/* A rule of group "web"; more is further fields. */
#define RULE(way, type, ...) SG_RULE(.id = "r", .direction = way, .ethertype = type, __VA_ARGS__)
#define IN4(...) RULE("ingress", "IPv4", __VA_ARGS__)
#define IN6(...) RULE("ingress", "IPv6", __VA_ARGS__)
#define RANGE(first, last)                                                                                             \
    .has_port_range_min = 1, .port_range_min = first, .has_port_range_max = 1, .port_range_max = last
#define ONLY_MIN(first) .has_port_range_min = 1, .port_range_min = first
#define ONLY_MAX(last) .has_port_range_max = 1, .port_range_max = last

static const struct df_security_group_value *rules_of(uint16_t table)
{
    return FAKE_VALUE(table, (struct df_security_group_key){.group = fake_number(DF_NB_SECGROUP, "web")});
}

static void compile_group(Df__SecurityGroupRule **rule, size_t n, bool stateful)
{
    Df__SecurityGroup group = SECGROUP(.id = "web", .n_rules = n, .rules = rule);
    group.stateful = stateful;
    fake_compile(DF_NB_SECGROUP, &group);
}

static void compile_rules(Df__SecurityGroupRule **rule, size_t n)
{
    compile_group(rule, n, true);
}

/* What the only rule of a group for ingress becomes. */
static struct df_security_group_rule compiled_in(bool stateful, Df__SecurityGroupRule *rule)
{
    fake_reset();
    compile_group(&rule, 1, stateful);
    const struct df_security_group_value *value = rules_of(DF_TABLE_INGRESS_SECURITY_GROUP);
    cr_assert_not_null(value);
    cr_assert_eq(fake_problems(), 0);
    cr_assert_eq(value->n_rules, 1);
    cr_assert_eq(rules_of(DF_TABLE_EGRESS_SECURITY_GROUP)->n_rules, 0);
    return value->rule[0];
}

static struct df_security_group_rule compiled(Df__SecurityGroupRule *rule)
{
    return compiled_in(true, rule);
}

static void expect_refused(Df__SecurityGroupRule *rule, const char *why)
{
    fake_reset();
    compile_rules(&rule, 1);
    cr_expect_eq(rules_of(DF_TABLE_INGRESS_SECURITY_GROUP)->n_rules, 0, "not refused for %s", why);
    cr_expect_eq(fake_problems(), 1);
    cr_expect(fake_has_problem("rule r:", why), "%s", why);
}

/* ---- Rules */

Test(secgroup, each_direction_has_its_rules_and_its_table)
{
    Df__SecurityGroupRule *rules[] = {
        SG_RULE(.id = "out", .direction = "egress", .ethertype = "IPv6"),
        SG_RULE(.id = "in", .direction = "ingress", .ethertype = "IPv4", .protocol = "udp"),
    };
    compile_rules(rules, 2);
    const struct df_security_group_value *egress = rules_of(DF_TABLE_EGRESS_SECURITY_GROUP);
    const struct df_security_group_value *ingress = rules_of(DF_TABLE_INGRESS_SECURITY_GROUP);
    cr_assert(egress && ingress);
    cr_assert_eq(egress->n_rules, 1);
    cr_expect_eq(egress->stateful, 1);
    cr_expect_eq(egress->rule[0].rule, fake_part_number("out"));
    cr_expect_eq(egress->rule[0].ip_version, 6);
    cr_expect_eq(egress->rule[0].any_proto, 1);
    cr_expect_eq(egress->rule[0].remote, DF_REMOTE_ANY);
    cr_assert_eq(ingress->n_rules, 1);
    cr_expect_eq(ingress->rule[0].rule, fake_part_number("in"));
    cr_expect_eq(ingress->rule[0].ip_proto, 17);
    cr_expect_neq(fake_part_number("in"), fake_part_number("out"));
}

Test(secgroup, the_entry_is_as_long_as_its_rules_and_says_stateless)
{
    Df__SecurityGroupRule *other = SG_RULE(.id = "s", .direction = "ingress", .ethertype = "IPv6");
    Df__SecurityGroup group = SECGROUP(.id = "web", OBJECTS(Df__SecurityGroupRule, rules, IN4(), other));
    group.stateful = 0;
    fake_compile(DF_NB_SECGROUP, &group);
    struct df_security_group_key key = {.group = fake_number(DF_NB_SECGROUP, "web")};
    const struct fake_entry *entry = fake_find(DF_TABLE_INGRESS_SECURITY_GROUP, &key, sizeof(key));
    cr_assert_not_null(entry);
    cr_expect_eq(entry->value_len, sizeof(struct df_security_group_value) + 2 * sizeof(struct df_security_group_rule));
    cr_expect_eq(rules_of(DF_TABLE_INGRESS_SECURITY_GROUP)->stateful, 0);
    cr_expect_eq(rules_of(DF_TABLE_EGRESS_SECURITY_GROUP)->stateful, 0);
}

Test(secgroup, a_group_that_no_local_port_has_is_not_compiled)
{
    Df__SecurityGroup group = SECGROUP(.id = "web", OBJECTS(Df__SecurityGroupRule, rules, IN4()));
    fake_set_unneeded("web");
    fake_compile(DF_NB_SECGROUP, &group);
    cr_expect_eq(fake_count(DF_TABLE_INGRESS_SECURITY_GROUP) + fake_count(DF_TABLE_EGRESS_SECURITY_GROUP), 0);
}

Test(secgroup, protocols_by_name_and_number)
{
    static const struct {
        const char *name;
        uint8_t number;
    } protocols[] = {{"ah", 51},  {"dccp", 33},  {"egp", 8},   {"esp", 50},  {"gre", 47},  {"hopopt", 0},   {"icmp", 1},
                     {"igmp", 2}, {"ipip", 4},   {"ospf", 89}, {"pgm", 113}, {"rsvp", 46}, {"sctp", 132},   {"tcp", 6},
                     {"udp", 17}, {"vrrp", 112}, {"0", 0},     {"6", 6},     {"255", 255}, {"udplite", 136}};
    for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++) {
        struct df_security_group_rule rule = compiled(IN4(.protocol = (char *)protocols[i].name));
        cr_expect_eq(rule.ip_proto, protocols[i].number, "%s is %u", protocols[i].name, rule.ip_proto);
        cr_expect_eq(rule.any_proto, 0, "%s", protocols[i].name);
        cr_expect_eq(rule.l4, DF_RULE_L4_ANY);
    }
    cr_expect_eq(compiled(IN4(.protocol = "any")).any_proto, 1);
    cr_expect_eq(compiled(IN4()).any_proto, 1);
}

Test(secgroup, names_of_icmp_are_that_of_the_family)
{
    static char *const icmp6[] = {"icmp", "icmpv6", "ipv6-icmp", "1", "58"};
    for (size_t i = 0; i < sizeof(icmp6) / sizeof(icmp6[0]); i++)
        cr_expect_eq(compiled(IN6(.protocol = icmp6[i])).ip_proto, 58, "%s", icmp6[i]);
    cr_expect_eq(compiled(IN4(.protocol = "icmp")).ip_proto, 1);
    static const struct {
        char *name;
        uint8_t number;
    } of_ip6[] = {{"ipv6-encap", 41}, {"ipv6-nonxt", 59}};
    for (size_t i = 0; i < sizeof(of_ip6) / sizeof(of_ip6[0]); i++) {
        cr_expect_eq(compiled(IN6(.protocol = of_ip6[i].name)).ip_proto, of_ip6[i].number);
        expect_refused(IN4(.protocol = of_ip6[i].name), "IPv4 has no protocol");
    }
    expect_refused(IN4(.protocol = "icmpv6"), "IPv4 has no protocol icmpv6");
    expect_refused(IN4(.protocol = "58"), "IPv4 has no protocol 58");
}

Test(secgroup, extension_headers_are_no_protocols_of_ip6)
{
    static char *const extensions[] = {"hopopt", "0",  "ipv6-route", "43",        "ipv6-frag",
                                       "44",     "ah", "51",         "ipv6-opts", "60"};
    for (size_t i = 0; i < sizeof(extensions) / sizeof(extensions[0]); i++)
        expect_refused(IN6(.protocol = extensions[i]), "is an extension header of IPv6");
    cr_expect_eq(compiled(IN4(.protocol = "ah")).ip_proto, 51, "of IPv4 it is a protocol (RFC 4302)");
    cr_expect_eq(compiled(IN6()).any_proto, 1);
}

Test(secgroup, unknown_protocols_are_refused)
{
    static char *const unknown[] = {"tpc", "256", "-1", "6x", "0x6", "1000", " 6", "", "TCP"};
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
        expect_refused(IN4(.protocol = unknown[i]), "is not an IP protocol's name or number");
}

Test(secgroup, ports)
{
    static char *const with_ports[] = {"tcp", "udp", "sctp", "udplite", "dccp", "6", "17", "33", "132", "136"};
    for (size_t i = 0; i < sizeof(with_ports) / sizeof(with_ports[0]); i++) {
        struct df_security_group_rule rule = compiled(IN4(.protocol = with_ports[i], RANGE(80, 8080)));
        cr_expect_eq(rule.l4, DF_RULE_L4_PORTS);
        cr_expect_eq(rule.first, 80);
        cr_expect_eq(rule.last, 8080);
    }
    cr_expect_eq(compiled(IN4(.protocol = "tcp", RANGE(1, 65535))).last, 65535);
    cr_expect_eq(compiled(IN4(.protocol = "tcp", RANGE(22, 22))).first, 22);
}

Test(secgroup, ports_that_cannot_be_are_refused)
{
    expect_refused(IN4(.protocol = "tcp", RANGE(2, 1)), "port_range_min 2 is above port_range_max 1");
    expect_refused(IN4(.protocol = "tcp", ONLY_MIN(80)), "belong together");
    expect_refused(IN4(.protocol = "udp", ONLY_MAX(80)), "belong together");
    expect_refused(IN4(.protocol = "tcp", RANGE(80, 65536)), "port_range_max: 65536 is not in 0 to 65535");
    expect_refused(IN4(RANGE(80, 80)), "a port range needs a protocol");
    expect_refused(IN4(.protocol = "any", RANGE(80, 80)), "a port range needs a protocol");
    expect_refused(IN4(.protocol = "esp", RANGE(80, 80)), "protocol esp has no ports");
    expect_refused(IN4(.protocol = "0", RANGE(80, 80)), "protocol 0 has no ports");
    expect_refused(IN4(.protocol = "dccp", ONLY_MIN(80)), "belong together");
}

Test(secgroup, icmp_types_and_codes)
{
    struct df_security_group_rule rule = compiled_in(false, IN4(.protocol = "icmp", ONLY_MIN(0)));
    cr_expect_eq(rule.l4, DF_RULE_L4_TYPE, "type 0 is a type");
    cr_expect_eq(rule.first, 0);
    rule = compiled_in(false, IN4(.protocol = "icmp", RANGE(3, 0)));
    cr_expect_eq(rule.l4, DF_RULE_L4_TYPE_CODE, "code 0 is a code, and may be below the type");
    cr_expect_eq(rule.first, 3);
    cr_expect_eq(rule.last, 0);
    rule = compiled(IN6(.protocol = "icmp", RANGE(128, 255)));
    cr_expect_eq(rule.ip_proto, 58);
    cr_expect_eq(rule.first, 128);
    cr_expect_eq(rule.last, 255);
    expect_refused(IN4(.protocol = "icmp", ONLY_MAX(0)), "needs a type");
    expect_refused(IN4(.protocol = "1", ONLY_MIN(256)), "256 is not an ICMP type");
    expect_refused(IN6(.protocol = "58", RANGE(1, 256)), "256 is not an ICMP code");
}

static void expect_begins(bool begins, Df__SecurityGroupRule *rule)
{
    fake_reset();
    compile_rules(&rule, 1);
    cr_expect_eq(rules_of(DF_TABLE_INGRESS_SECURITY_GROUP)->n_rules, 1, "it is in force all the same");
    cr_expect_eq(fake_has_problem("rule r:", "begins no connection"), !begins, "type %u", rule->port_range_min);
    cr_expect_eq(fake_problems(), begins ? 0 : 1);
}

Test(secgroup, icmp_that_begins_no_connection_is_named_in_a_stateful_group)
{
    expect_begins(true, IN4(.protocol = "icmp", ONLY_MIN(8)));
    expect_begins(true, IN4(.protocol = "icmp", RANGE(13, 0)));
    expect_begins(false, IN4(.protocol = "icmp", ONLY_MIN(0)));
    expect_begins(false, IN4(.protocol = "icmp", RANGE(10, 0)));
    expect_begins(false, IN4(.protocol = "icmp", ONLY_MIN(128)));
    expect_begins(true, IN6(.protocol = "icmpv6", ONLY_MIN(128)));
    expect_begins(false, IN6(.protocol = "icmpv6", ONLY_MIN(8)));
    expect_begins(true, IN4(.protocol = "icmp"));
    expect_begins(true, IN4(.protocol = "udp", RANGE(10, 10)));
}

Test(secgroup, remote_prefixes)
{
    struct df_security_group_rule rule = compiled(IN4(.remote_ip_prefix = "10.1.2.3/8"));
    struct df_ip prefix = fake_ip("10.0.0.0");
    cr_expect_eq(rule.remote, DF_REMOTE_PREFIX);
    cr_expect_eq(rule.prefix_len, 104);
    cr_expect(df_ip_equal(&rule.prefix, &prefix), "host bits are cleared");
    cr_expect_eq(compiled(IN4(.remote_ip_prefix = "10.1.2.3")).prefix_len, 128);
    rule = compiled(IN6(.remote_ip_prefix = "2001:db8::/32"));
    cr_expect_eq(rule.remote, DF_REMOTE_PREFIX);
    cr_expect_eq(rule.prefix_len, 32);
    cr_expect_eq(rule.ip_version, 6);
}

Test(secgroup, every_address_is_any)
{
    static const struct df_ip zero;
    struct df_security_group_rule four = compiled(IN4(.remote_ip_prefix = "0.0.0.0/0"));
    struct df_security_group_rule six = compiled(IN6(.remote_ip_prefix = "::/0"));
    cr_expect_eq(four.remote, DF_REMOTE_ANY);
    cr_expect_eq(four.ip_version, 4);
    cr_expect_eq(four.prefix_len, 0);
    cr_expect(df_ip_equal(&four.prefix, &zero));
    cr_expect_eq(six.remote, DF_REMOTE_ANY);
    cr_expect_eq(six.ip_version, 6);
}

Test(secgroup, prefixes_that_cannot_be_are_refused)
{
    expect_refused(IN4(.remote_ip_prefix = "::/0"), "::/0 is not IPv4");
    expect_refused(IN6(.remote_ip_prefix = "0.0.0.0/0"), "0.0.0.0/0 is not IPv6");
    expect_refused(IN6(.remote_ip_prefix = "::ffff:10.0.0.0/104"), "is not IPv6");
    expect_refused(IN4(.remote_ip_prefix = "10.0.0.0/33"), "'10.0.0.0/33' is not an address or prefix");
    expect_refused(IN4(.remote_ip_prefix = ""), "'' is not an address or prefix");
}

Test(secgroup, fields_that_cannot_be_are_refused)
{
    expect_refused(RULE("ingress", "ipv4", .protocol = "tcp"), "ethertype: 'ipv4' is not one of: IPv4 IPv6");
    expect_refused(RULE("ingress", NULL), "ethertype: is missing");
    expect_refused(RULE("in", "IPv4"), "direction: 'in' is not one of: ingress egress");
    expect_refused(RULE(NULL, "IPv4"), "direction: is missing");
    expect_refused(IN4(.remote_group_id = ""), "remote_group_id: '' is not an id");
    expect_refused(IN4(.remote_address_group_id = "a b"), "remote_address_group_id: 'a b' is not an id");
}

Test(secgroup, of_rules_with_one_id_the_first_holds)
{
    Df__SecurityGroupRule *rules[] = {
        SG_RULE(.id = "b", .direction = "ingress", .ethertype = "IPv4", .protocol = "udp"),
        SG_RULE(.id = "a", .direction = "ingress", .ethertype = "IPv4", .protocol = "tcp"),
        SG_RULE(.id = "b", .direction = "ingress", .ethertype = "IPv6"),
        SG_RULE(.direction = "ingress", .ethertype = "IPv4", .protocol = "sctp"),
        SG_RULE(.direction = "ingress", .ethertype = "IPv4", .protocol = "gre"),
        SG_RULE(.id = "b", .direction = "egress", .ethertype = "IPv4"),
    };
    compile_rules(rules, 6);
    const struct df_security_group_value *value = rules_of(DF_TABLE_INGRESS_SECURITY_GROUP);
    cr_assert_eq(value->n_rules, 4, "those without an id have none that another one could have");
    cr_expect_eq(value->rule[0].rule, fake_part_number("b"));
    cr_expect_eq(value->rule[0].ip_proto, 17);
    cr_expect_eq(value->rule[1].rule, fake_part_number("a"));
    cr_expect_eq(rules_of(DF_TABLE_EGRESS_SECURITY_GROUP)->n_rules, 0);
    cr_expect(fake_has_problem("rule b:", "more than once"));
}

Test(secgroup, remote_groups_are_sets_by_their_number)
{
    struct df_security_group_rule rule = compiled(IN4(.remote_group_id = "db"));
    cr_expect_eq(rule.remote, DF_REMOTE_SET);
    cr_expect_eq(rule.set, fake_number(DF_NB_SECGROUP, "db"));
    cr_expect_neq(rule.set, 0);
    rule = compiled(IN4(.remote_address_group_id = "db"));
    cr_expect_eq(rule.remote, DF_REMOTE_ADDRESS_GROUP);
    cr_expect_eq(rule.set, fake_number(DF_NB_ADDRESS_GROUP, "db"), "an address group is not the secgroup of that id");
    expect_refused(IN4(.remote_group_id = "db", .remote_ip_prefix = "10.0.0.0/8"), "more than one of");
    expect_refused(IN4(.remote_group_id = "db", .remote_address_group_id = "db"), "more than one of");
}

Test(secgroup, a_bad_rule_leaves_the_others_alone)
{
    Df__SecurityGroupRule *rules[] = {
        SG_RULE(.id = "good1", .direction = "ingress", .ethertype = "IPv4"),
        SG_RULE(.id = "bad", .direction = "ingress", .ethertype = "IPv4", .protocol = "gre", RANGE(1, 2)),
        SG_RULE(.id = "good2", .direction = "ingress", .ethertype = "IPv6"),
        SG_RULE(.direction = "ingress", .ethertype = "IPv4", .protocol = "icmp", ONLY_MAX(1)),
    };
    compile_rules(rules, 4);
    const struct df_security_group_value *value = rules_of(DF_TABLE_INGRESS_SECURITY_GROUP);
    cr_assert_eq(value->n_rules, 2);
    cr_expect_eq(value->rule[0].rule, fake_part_number("good1"));
    cr_expect_eq(value->rule[1].rule, fake_part_number("good2"));
    cr_expect_eq(fake_problems(), 2);
    cr_expect(fake_has_problem("rule bad:", "gre"));
    cr_expect(fake_has_problem("rule rules[3]:", "needs a type"), "a rule without an id is named by its place");
}

static void compile_many(size_t n)
{
    Df__SecurityGroupRule *one = SG_RULE(.direction = "ingress", .ethertype = "IPv4");
    Df__SecurityGroupRule **rules = calloc(n, sizeof(*rules));
    for (size_t i = 0; i < n; i++)
        rules[i] = one;
    compile_rules(rules, n);
    free(rules);
}

Test(secgroup, as_many_rules_as_an_entry_holds)
{
    compile_many(DF_SECURITY_GROUP_RULES_MAX);
    cr_expect_eq(rules_of(DF_TABLE_INGRESS_SECURITY_GROUP)->n_rules, DF_SECURITY_GROUP_RULES_MAX);
    cr_expect_eq(fake_problems(), 0);
}

Test(secgroup, of_more_rules_the_first_ones_hold)
{
    compile_many(DF_SECURITY_GROUP_RULES_MAX + 1);
    cr_expect_eq(rules_of(DF_TABLE_INGRESS_SECURITY_GROUP)->n_rules, DF_SECURITY_GROUP_RULES_MAX);
    cr_expect(fake_has_problem("more than 1536 ingress rules", "first 1536 are in force"));
}

/* ---- Ports */

static const struct df_conntrack_value *judged_by(uint16_t table)
{
    return FAKE_VALUE(table, (struct df_conntrack_key){.lport = 9});
}

Test(secgroup, a_local_port_lists_its_groups_by_number_each_once)
{
    Df__LogicalPort other = LPORT(.id = "other", .unique_key = 8, LIST(security_groups, "c"), BOUND_TO("here"));
    Df__LogicalPort port = LPORT(.id = "vm", .unique_key = 9, .lswitch = "net",
                                 LIST(security_groups, "a", "c", "b", "c"), BOUND_TO("here"));
    fake_compile(DF_NB_LPORT, &other);
    fake_compile(DF_NB_LPORT, &port);
    const struct df_conntrack_value *egress = judged_by(DF_TABLE_EGRESS_CONNTRACK);
    const struct df_conntrack_value *ingress = judged_by(DF_TABLE_INGRESS_CONNTRACK);
    cr_assert(egress && ingress);
    cr_expect_eq(egress->enabled, 1);
    cr_expect_eq(egress->port, 3);
    cr_expect_eq(egress->domain, FAKE_DOMAIN);
    cr_assert_eq(egress->n_groups, 3);
    cr_expect_eq(egress->group[0].group, fake_number(DF_NB_SECGROUP, "c"));
    cr_expect_eq(egress->group[1].group, fake_number(DF_NB_SECGROUP, "a"));
    cr_expect_eq(egress->group[2].group, fake_number(DF_NB_SECGROUP, "b"));
    struct df_conntrack_key key = {.lport = 9};
    const struct fake_entry *entry = fake_find(DF_TABLE_INGRESS_CONNTRACK, &key, sizeof(key));
    cr_expect_eq(entry->value_len, sizeof(*egress) + 3 * sizeof(egress->group[0]));
    cr_expect_eq(memcmp(egress, ingress, entry->value_len), 0);
    cr_expect_not(fake_was_read(DF_NB_SECGROUP, "a"), "a change of the group concerns no port");
}

Test(secgroup, no_group_is_an_entry_that_allows_nothing)
{
    Df__LogicalPort port = LPORT(.id = "vm", .unique_key = 9, BOUND_TO("here"));
    fake_compile(DF_NB_LPORT, &port);
    cr_assert_not_null(judged_by(DF_TABLE_INGRESS_CONNTRACK));
    cr_expect_eq(judged_by(DF_TABLE_INGRESS_CONNTRACK)->enabled, 1);
    cr_expect_eq(judged_by(DF_TABLE_INGRESS_CONNTRACK)->n_groups, 0);
}

Test(secgroup, without_port_security_nothing_is_filtered)
{
    Df__LogicalPort port = LPORT(.id = "vm", .unique_key = 9, LIST(security_groups, "a"), BOUND_TO("here"));
    port.port_security_enabled = 0;
    fake_compile(DF_NB_LPORT, &port);
    cr_assert_not_null(judged_by(DF_TABLE_EGRESS_CONNTRACK));
    cr_expect_eq(judged_by(DF_TABLE_EGRESS_CONNTRACK)->enabled, 0);
    cr_expect_eq(judged_by(DF_TABLE_EGRESS_CONNTRACK)->port, 3);
    cr_expect_eq(judged_by(DF_TABLE_EGRESS_CONNTRACK)->n_groups, 0);
}

Test(secgroup, remote_and_disabled_ports_have_no_entry)
{
    Df__LogicalPort port = LPORT(.id = "vm", .unique_key = 9, LIST(security_groups, "a"), BOUND_TO("here"));
    fake_set_remote("vm");
    fake_compile(DF_NB_LPORT, &port);
    fake_set_remote(NULL);
    port.enabled = 0;
    fake_compile(DF_NB_LPORT, &port);
    cr_expect_null(judged_by(DF_TABLE_EGRESS_CONNTRACK));
    cr_expect_null(judged_by(DF_TABLE_INGRESS_CONNTRACK));
}

Test(secgroup, of_more_groups_the_first_ones_hold)
{
    static char names[DF_CONNTRACK_GROUPS_MAX + 1][8];
    char *groups[DF_CONNTRACK_GROUPS_MAX + 1];
    for (size_t i = 0; i <= DF_CONNTRACK_GROUPS_MAX; i++) {
        snprintf(names[i], sizeof(names[i]), "g%zu", i);
        groups[i] = names[i];
        fake_set_unneeded(names[i]);
    }
    Df__LogicalPort port = LPORT(.id = "vm", .unique_key = 9, .n_security_groups = DF_CONNTRACK_GROUPS_MAX,
                                 .security_groups = groups, BOUND_TO("here"));
    fake_compile(DF_NB_LPORT, &port);
    cr_expect_eq(judged_by(DF_TABLE_EGRESS_CONNTRACK)->n_groups, DF_CONNTRACK_GROUPS_MAX);
    cr_expect_eq(fake_problems(), 0);
    fake_reset();
    port.n_security_groups++;
    fake_compile(DF_NB_LPORT, &port);
    cr_expect_eq(judged_by(DF_TABLE_EGRESS_CONNTRACK)->n_groups, DF_CONNTRACK_GROUPS_MAX);
    cr_expect(fake_has_problem("has 257 security groups", "the first 256 are in force"));
}

/* ---- Members */

static uint32_t member(enum df_nb_table table, const char *group, const char *ip, unsigned bits)
{
    const struct df_address_set_value *value = FAKE_VALUE(
        DF_TABLE_ADDRESS_SET, (struct df_address_set_key){.set = fake_number(table, group),
                                                          .domain = table == DF_NB_SECGROUP ? FAKE_DOMAIN : 0,
                                                          .prefix_len = bits,
                                                          .ip = fake_ip(ip)});
    return value ? value->lport + 1 : 0; /* 0: not in it */
}

Test(secgroup, a_member_is_its_fixed_addresses_and_its_allowed_pairs)
{
    Df__LogicalPort port = LPORT(.id = "vm", .unique_key = 9, .lswitch = "net", LIST(macs, MAC),
                                 LIST(ips, "10.0.0.5", "fd00::5"), LIST(security_groups, "a", "b"),
                                 OBJECTS(Df__AddressPair, allowed_address_pairs, PAIR("10.1.2.3/16", NULL),
                                         PAIR("fd00:1::/64", NULL), PAIR("10.0.0.99", NULL)));
    fake_compile(DF_NB_LPORT, &port);
    cr_expect_eq(fake_count(DF_TABLE_ADDRESS_SET), 10);
    cr_expect_eq(fake_count(DF_TABLE_EGRESS_CONNTRACK), 0, "it is on no node");
    static const char *const groups[] = {"a", "b"};
    for (size_t i = 0; i < 2; i++) {
        cr_expect_eq(member(DF_NB_SECGROUP, groups[i], "10.0.0.5", 128), 10);
        cr_expect_eq(member(DF_NB_SECGROUP, groups[i], "fd00::5", 128), 10);
        cr_expect_eq(member(DF_NB_SECGROUP, groups[i], "10.1.0.0", 112), 10);
        cr_expect_eq(member(DF_NB_SECGROUP, groups[i], "fd00:1::", 64), 10);
        cr_expect_eq(member(DF_NB_SECGROUP, groups[i], "10.0.0.99", 128), 10);
    }
    cr_expect_eq(member(DF_NB_SECGROUP, "a", "10.0.0.6", 128), 0);
}

Test(secgroup, a_pair_of_all_addresses_makes_nobody_a_member)
{
    Df__LogicalPort port =
        LPORT(.id = "vm", .unique_key = 9, .lswitch = "net", LIST(ips, "10.0.0.5"), LIST(security_groups, "a"),
              OBJECTS(Df__AddressPair, allowed_address_pairs, PAIR("0.0.0.0/0", NULL), PAIR("10.0.0.9/0", NULL),
                      PAIR("::/0", NULL), PAIR("fd00::9/0", NULL), PAIR("10.0.0.0/8", NULL), PAIR("0.0.0.0", NULL),
                      PAIR("::/96", NULL)));
    fake_compile(DF_NB_LPORT, &port);
    cr_expect_eq(fake_problems(), 4);
    cr_expect(fake_has_problem("allowed_address_pairs: 0.0.0.0/0 is everybody", "of secgroup 'a'"));
    cr_expect(fake_has_problem("allowed_address_pairs: 10.0.0.9/0 is everybody", NULL));
    cr_expect(fake_has_problem("allowed_address_pairs: ::/0 is everybody", NULL));
    cr_expect(fake_has_problem("allowed_address_pairs: fd00::9/0 is everybody", NULL));
    cr_expect_eq(fake_count(DF_TABLE_ADDRESS_SET), 4);
    cr_expect_eq(member(DF_NB_SECGROUP, "a", "10.0.0.5", 128), 10);
    cr_expect_eq(member(DF_NB_SECGROUP, "a", "10.0.0.0", 104), 10);
    cr_expect_eq(member(DF_NB_SECGROUP, "a", "0.0.0.0", 128), 10);
    cr_expect_eq(member(DF_NB_SECGROUP, "a", "::", 96), 10);
}

/* Whoever writes an address group says whom it means. */
Test(secgroup, an_address_group_of_all_addresses_is_everybody)
{
    Df__AddressGroup group = ADDRESS_GROUP(.id = "a", LIST(addresses, "0.0.0.0/0", "::/0"));
    fake_compile(DF_NB_ADDRESS_GROUP, &group);
    cr_expect_eq(fake_count(DF_TABLE_ADDRESS_SET), 2);
    cr_expect_eq(fake_problems(), 0);
}

Test(secgroup, port_security_and_being_disabled_do_not_matter_to_membership)
{
    Df__LogicalPort port =
        LPORT(.id = "vm", .unique_key = 9, .lswitch = "net", LIST(ips, "10.0.0.5"), LIST(security_groups, "a"));
    port.port_security_enabled = 0;
    port.enabled = 0;
    fake_compile(DF_NB_LPORT, &port);
    cr_expect_eq(member(DF_NB_SECGROUP, "a", "10.0.0.5", 128), 10);
}

Test(secgroup, members_in_a_domain_that_is_not_needed_are_left_out)
{
    Df__LogicalPort port =
        LPORT(.id = "vm", .unique_key = 9, .lswitch = "net", LIST(ips, "10.0.0.5"), LIST(security_groups, "a"));
    fake_set_unneeded("net");
    fake_compile(DF_NB_LPORT, &port);
    port.lswitch = NULL;
    fake_compile(DF_NB_LPORT, &port);
    cr_expect_eq(fake_count(DF_TABLE_ADDRESS_SET), 0);
    cr_expect_eq(fake_problems(), 0);
}

Test(secgroup, members_that_no_rule_asks_for_are_left_out)
{
    Df__LogicalPort port =
        LPORT(.id = "vm", .unique_key = 9, .lswitch = "net", LIST(ips, "10.0.0.5"), LIST(security_groups, "a", "b"));
    fake_set_unneeded("a");
    fake_compile(DF_NB_LPORT, &port);
    cr_expect_eq(fake_count(DF_TABLE_ADDRESS_SET), 1);
    cr_expect_eq(member(DF_NB_SECGROUP, "b", "10.0.0.5", 128), 10);
}

Test(secgroup, an_address_group_is_its_prefixes)
{
    Df__AddressGroup group =
        ADDRESS_GROUP(.id = "a", LIST(addresses, "192.0.2.0/24", "2001:db8::/32", "198.51.100.7/24", "203.0.113.1"));
    fake_compile(DF_NB_ADDRESS_GROUP, &group);
    cr_expect_eq(fake_count(DF_TABLE_ADDRESS_SET), 4);
    cr_expect_eq(member(DF_NB_ADDRESS_GROUP, "a", "192.0.2.0", 120), 1);
    cr_expect_eq(member(DF_NB_ADDRESS_GROUP, "a", "2001:db8::", 32), 1);
    cr_expect_eq(member(DF_NB_ADDRESS_GROUP, "a", "198.51.100.0", 120), 1);
    cr_expect_eq(member(DF_NB_ADDRESS_GROUP, "a", "203.0.113.1", 128), 1);
    fake_reset();
    fake_set_unneeded("a");
    fake_compile(DF_NB_ADDRESS_GROUP, &group);
    cr_expect_eq(fake_count(DF_TABLE_ADDRESS_SET), 0);
}

Test(secgroup, an_address_that_is_none_is_named_and_left_out)
{
    Df__LogicalPort port = LPORT(.id = "vm", .unique_key = 9, .lswitch = "net", LIST(ips, "10.0.0.5", "10.0.0"),
                                 LIST(security_groups, "a"));
    Df__AddressGroup group = ADDRESS_GROUP(.id = "a", LIST(addresses, "10.0.0.0/40"));
    fake_compile(DF_NB_LPORT, &port);
    fake_compile(DF_NB_ADDRESS_GROUP, &group);
    cr_expect_eq(fake_count(DF_TABLE_ADDRESS_SET), 1);
    cr_expect(fake_has_problem("ips: 10.0.0 is not", NULL));
    cr_expect(fake_has_problem("addresses: 10.0.0.0/40 is not", NULL));
}
