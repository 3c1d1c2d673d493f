/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "fastpath/tables/security_group.h"
#include "tests/unit/fastpath/groups.h"

/* What rules match. No connection is tracked here: each packet is judged alone (conntrack.c has the rest). */

static void setup(void)
{
    tables_setup();
    guest_in(1, (uint32_t[]){GROUP});
}

TestSuite(security_group, .init = setup, .fini = tables_teardown);

#define PEER "10.0.0.2"
#define PEER6 "2001:db8::2"

Test(security_group, a_group_without_rules_allows_nothing)
{
    make_tcp(OUT, PEER, 40000, 443, SYN);
    expect_denied(OUT, SG_EGRESS);
    make_tcp(IN, PEER, 40000, 443, SYN);
    expect_denied(IN, SG_INGRESS);
    rules_put(OUT, GROUP, 1, 0, NULL);
    make_tcp(OUT, PEER, 40000, 443, SYN);
    expect_denied(OUT, SG_EGRESS);
}

Test(security_group, no_group_allows_nothing)
{
    only_rule(OUT, GROUP, 1, ANY4);
    only_rule(IN, GROUP, 1, ANY4);
    guest_in(0, NULL);
    make_udp(OUT, PEER, 40000, 53);
    expect_denied(OUT, SG_EGRESS);
    make_udp(IN, PEER, 40000, 53);
    expect_denied(IN, SG_INGRESS);
}

Test(security_group, any_protocol_of_one_version)
{
    only_rule(OUT, GROUP, 1, ANY4);
    make_tcp(OUT, PEER, 40000, 443, SYN);
    expect_pass(OUT);
    cr_assert_eq(walk.rule[OUT], 100);
    make_udp(OUT, PEER, 40000, 53);
    expect_pass(OUT);
    make_icmp(OUT, PEER, 8, 0);
    expect_pass(OUT);
    make_proto(OUT, PEER, 47);
    expect_pass(OUT);
    make_tcp(OUT, PEER6, 40000, 443, SYN);
    expect_denied(OUT, SG_EGRESS);
    make_tcp(IN, PEER, 40000, 443, SYN);
    expect_denied(IN, SG_INGRESS);
}

Test(security_group, protocols)
{
    only_rule(IN, GROUP, 1, PROTO4(6));
    make_tcp(IN, PEER, 40000, 443, SYN);
    expect_pass(IN);
    make_udp(IN, PEER, 40000, 443);
    expect_denied(IN, SG_INGRESS);
    make_tcp(IN, PEER6, 40000, 443, SYN);
    expect_denied(IN, SG_INGRESS);
}

Test(security_group, protocols_by_number)
{
    static const unsigned numbers[] = {2, 41, 47, 50, 89, 132, 253, 255};
    for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        only_rule(IN, GROUP, 1, PROTO4((uint8_t)numbers[i]));
        make_proto(IN, PEER, numbers[i]);
        expect_pass(IN);
        make_proto(IN, PEER, numbers[i] - 1);
        expect_denied(IN, SG_INGRESS);
    }
    only_rule(IN, GROUP, 1, PROTO4(0));
    make_proto(IN, PEER, 0);
    expect_pass(IN);
    make_udp(IN, PEER, 1, 2);
    expect_denied(IN, SG_INGRESS);
}

Test(security_group, the_edges_of_port_ranges)
{
    only_rule(IN, GROUP, 1, PROTO4(17), TO_PORTS(1000, 2000));
    static const struct {
        unsigned port;
        bool passes;
    } edges[] = {{999, false}, {1000, true}, {1500, true}, {2000, true}, {2001, false}, {0, false}, {65535, false}};
    for (unsigned i = 0; i < sizeof(edges) / sizeof(edges[0]); i++) {
        make_udp(IN, PEER, 1500, edges[i].port); /* the source port is never asked for */
        cr_assert_eq(through(IN) == DF_TABLE_DISPATCH, edges[i].passes, "port %u", edges[i].port);
        cr_assert(walk.read_l4);
    }
    make_tcp(IN, PEER, 1500, 1500, SYN);
    expect_denied(IN, SG_INGRESS);
}

Test(security_group, the_first_and_the_last_port)
{
    only_rule(IN, GROUP, 1, PROTO4(17), TO_PORTS(0, 0));
    make_udp(IN, PEER, 9, 0);
    expect_pass(IN);
    make_udp(IN, PEER, 9, 1);
    expect_denied(IN, SG_INGRESS);
    only_rule(IN, GROUP, 1, PROTO4(17), TO_PORTS(65535, 65535));
    make_udp(IN, PEER, 9, 65535);
    expect_pass(IN);
    make_udp(IN, PEER, 9, 65534);
    expect_denied(IN, SG_INGRESS);
}

Test(security_group, overlapping_port_ranges)
{
    const struct df_security_group_rule rules[] = {
        {.rule = 1, .ip_version = 4, .ip_proto = 17, TO_PORTS(10, 20)},
        {.rule = 2, .ip_version = 4, .ip_proto = 17, TO_PORTS(15, 30)},
        {.rule = 3, .ip_version = 4, .ip_proto = 17, TO_PORTS(40, 40)},
    };
    rules_put(IN, GROUP, 1, 3, rules);
    for (unsigned port = 0; port < 50; port++) {
        make_udp(IN, PEER, 9, port);
        cr_assert_eq(through(IN) == DF_TABLE_DISPATCH, (port >= 10 && port <= 30) || port == 40, "port %u", port);
    }
    make_udp(IN, PEER, 9, 12);
    expect_pass(IN);
    cr_assert_eq(walk.rule[IN], 1);
    make_udp(IN, PEER, 9, 25);
    expect_pass(IN);
    cr_assert_eq(walk.rule[IN], 2);
}

Test(security_group, icmp_type_and_code)
{
    only_rule(IN, GROUP, 1, PROTO4(1), OF_TYPE(0)); /* type 0 is a type */
    make_icmp(IN, PEER, 0, 0);
    expect_pass(IN);
    make_icmp(IN, PEER, 8, 0);
    expect_denied(IN, SG_INGRESS);
    only_rule(IN, GROUP, 1, PROTO4(1), OF_CODE(8, 0));
    make_icmp(IN, PEER, 8, 0);
    expect_pass(IN);
    make_icmp(IN, PEER, 8, 1);
    expect_denied(IN, SG_INGRESS);
    only_rule(IN, GROUP, 1, PROTO4(1), OF_TYPE(13));
    make_icmp(IN, PEER, 13, 255);
    expect_pass(IN);
    make_icmp(IN, PEER, 14, 0);
    expect_denied(IN, SG_INGRESS);
    only_rule(IN, GROUP, 1, PROTO4(1), OF_TYPE(255));
    make_icmp(IN, PEER, 255, 255);
    expect_pass(IN);
}

Test(security_group, icmp6_type)
{
    only_rule(IN, GROUP, 1, PROTO6(58), OF_TYPE(128));
    make_icmp(IN, PEER6, 128, 0);
    expect_pass(IN);
    make_icmp(IN, PEER6, 129, 0);
    expect_denied(IN, SG_INGRESS);
}

Test(security_group, icmp_in_the_wrong_ip_is_just_a_number)
{
    only_rule(IN, GROUP, 1, PROTO6(1));
    make_proto(IN, PEER6, 1);
    expect_pass(IN);
    only_rule(IN, GROUP, 1, PROTO4(58));
    make_proto(IN, PEER, 58);
    expect_pass(IN);
    make_icmp(IN, PEER, 8, 0);
    expect_denied(IN, SG_INGRESS);
}

Test(security_group, the_transport_behind_an_extension_header)
{
    only_rule(IN, GROUP, 1, PROTO6(17), TO_PORTS(53, 53));
    for (unsigned port = 52; port < 55; port++) {
        frame_open(IN, 60 /* destination options */, PEER6);
        frame_bytes(&frame, "\x11\x00\x01\x04\x00\x00\x00\x00", 8);
        frame_udp(&frame, 9, port, 4);
        frame_set16(&frame, frame.l4 + 8 + 6, 0xabcd);
        frame_shut(IN);
        cr_assert_eq(through(IN) == DF_TABLE_DISPATCH, port == 53, "port %u", port);
    }
}

Test(security_group, remote_prefixes)
{
    only_rule(OUT, GROUP, 1, ANY4, IN_PREFIX(ip4("10.1.0.0"), 112));
    make_udp(OUT, "10.1.255.255", 9, 9);
    expect_pass(OUT);
    make_udp(OUT, "10.2.0.0", 9, 9);
    expect_denied(OUT, SG_EGRESS);
    only_rule(IN, GROUP, 1, ANY6, IN_PREFIX(ip6("2001:db8:1::"), 48));
    make_udp(IN, "2001:db8:1:ffff::1", 9, 9);
    expect_pass(IN);
    make_udp(IN, "2001:db8:2::", 9, 9);
    expect_denied(IN, SG_INGRESS);
}

Test(security_group, every_address_of_a_version)
{
    only_rule(IN, GROUP, 1, ANY4, IN_PREFIX(ip4("0.0.0.0"), 96));
    make_udp(IN, PEER, 9, 9);
    expect_pass(IN);
    make_udp(IN, PEER6, 9, 9);
    expect_denied(IN, SG_INGRESS);
    only_rule(IN, GROUP, 1, ANY6, IN_PREFIX(ip6("::"), 0));
    make_udp(IN, PEER6, 9, 9);
    expect_pass(IN);
    make_udp(IN, PEER, 9, 9);
    expect_denied(IN, SG_INGRESS);
}

/* A longer prefix does not hide what a shorter one around it allows. */
Test(security_group, nested_prefixes)
{
    const struct df_security_group_rule rules[] = {
        {.rule = 1, .ip_version = 4, .ip_proto = 17, TO_PORTS(1, 1), IN_PREFIX(ip4("10.0.0.0"), 104)},
        {.rule = 2, .ip_version = 4, .ip_proto = 17, TO_PORTS(2, 2), IN_PREFIX(ip4("10.1.0.0"), 112)},
        {.rule = 3, .ip_version = 4, .ip_proto = 17, TO_PORTS(3, 3), IN_PREFIX(ip4("10.1.1.1"), 128)},
        {.rule = 4, .ip_version = 4, .ip_proto = 17, TO_PORTS(4, 4), IN_PREFIX(ip4("10.1.0.0"), 112)},
    };
    rules_put(IN, GROUP, 1, 4, rules);
    static const char *const from[] = {"10.1.1.1", "10.1.1.2", "10.2.0.0", "11.0.0.0"};
    static const unsigned most[] = {4, 4, 1, 0}, missing[] = {0, 3, 0, 0};
    for (unsigned i = 0; i < 4; i++)
        for (unsigned port = 1; port <= 4; port++) {
            make_udp(IN, from[i], 9, port);
            bool passes = port <= most[i] && port != missing[i];
            cr_assert_eq(through(IN) == DF_TABLE_DISPATCH, passes, "%s port %u", from[i], port);
            cr_assert_eq(walk.rule[IN], passes ? port : 0);
        }
}

Test(security_group, remote_sets)
{
    only_rule(IN, GROUP, 1, ANY4, IN_SET(7));
    make_udp(IN, PEER, 9, 9);
    expect_denied(IN, SG_INGRESS); /* nobody is in it */
    member_put(7, ip4(PEER), 128);
    make_udp(IN, PEER, 9, 9);
    expect_pass(IN);
    make_udp(IN, "10.0.0.3", 9, 9);
    expect_denied(IN, SG_INGRESS);
    member_put(7, ip6(PEER6), 128);
    make_udp(IN, PEER6, 9, 9);
    expect_denied(IN, SG_INGRESS); /* the rule is for IPv4 */
    member_del(7, ip4(PEER), 128);
    make_udp(IN, PEER, 9, 9);
    expect_denied(IN, SG_INGRESS);
}

/* The guest's network is in that domain now. */
static void guest_moves(uint32_t domain)
{
    union {
        struct df_conntrack_value value;
        uint32_t room[8];
    } at = {.value = {.enabled = 1, .port = GUEST_PORT, .domain = domain, .n_groups = 1}};
    struct df_conntrack_key key = {.lport = GUEST};
    at.value.group[0].group = GROUP;
    size_t len = sizeof(at.value) + sizeof(at.value.group[0]);
    cr_assert_eq(put_len(DF_TABLE_INGRESS_CONNTRACK, &key, sizeof(key), &at, len), 0);
}

Test(security_group, a_remote_set_is_its_members_in_the_guests_domain)
{
    only_rule(IN, GROUP, 1, ANY4, IN_SET(7));
    member_put_in(DOMAIN + 1, 7, ip4(PEER), 128);
    member_put_in(DOMAIN + 1, 7, ip4("10.1.0.0"), 112);
    member_put_in(0, 7, ip4(PEER), 128);
    make_udp(IN, PEER, 9, 9);
    expect_denied(IN, SG_INGRESS);
    struct df_stamps stamps = walk.stamps;
    guest_moves(DOMAIN + 1);
    cr_assert_not(holds(&stamps));
    make_udp(IN, PEER, 9, 9);
    expect_pass(IN);
    stamps = walk.stamps;
    make_udp(IN, "10.1.2.3", 9, 9);
    expect_pass(IN);
    guest_moves(DOMAIN);
    cr_assert_not(holds(&stamps), "what a member of that domain was allowed");
    make_udp(IN, "10.1.2.3", 9, 9);
    expect_denied(IN, SG_INGRESS);
}

Test(security_group, an_address_group_is_the_same_in_every_domain)
{
    only_rule(IN, GROUP, 1, ANY4, IN_ADDRESS_GROUP(7));
    member_put_in(DOMAIN, 7, ip4(PEER), 128); /* a secgroup's, if there were one of that number */
    make_udp(IN, PEER, 9, 9);
    expect_denied(IN, SG_INGRESS);
    member_put_in(0, 7, ip4(PEER), 128);
    for (uint32_t domain = DOMAIN; domain < DOMAIN + 2; domain++) {
        guest_moves(domain);
        make_udp(IN, PEER, 9, 9);
        expect_pass(IN);
    }
}

/* A number is one of either kind only; if it were of both, they would still be two sets. */
Test(security_group, a_group_and_an_address_group_of_one_number)
{
    const struct df_security_group_rule rules[] = {
        {.rule = 1, .ip_version = 4, .any_proto = 1, IN_SET(7)},
        {.rule = 2, .ip_version = 4, .any_proto = 1, IN_ADDRESS_GROUP(7)},
    };
    rules_put(IN, GROUP, 1, 2, rules);
    member_put_in(0, 7, ip4(PEER), 128);
    make_udp(IN, PEER, 9, 9);
    expect_pass(IN);
    cr_assert_eq(walk.rule[IN], 2);
    member_put(7, ip4("10.0.0.3"), 128);
    make_udp(IN, "10.0.0.3", 9, 9);
    expect_pass(IN);
    cr_assert_eq(walk.rule[IN], 1);
}

Test(security_group, several_sets_and_ports)
{
    const struct df_security_group_rule rules[] = {
        {.rule = 1, .ip_version = 4, .ip_proto = 17, TO_PORTS(1, 1), IN_SET(7)},
        {.rule = 2, .ip_version = 4, .ip_proto = 17, TO_PORTS(1, 2), IN_SET(8)},
        {.rule = 3, .ip_version = 4, .ip_proto = 17, TO_PORTS(3, 3), IN_SET(7)},
    };
    rules_put(IN, GROUP, 1, 3, rules);
    member_put(7, ip4("10.0.0.7"), 128);
    member_put(8, ip4("10.0.0.8"), 128);
    static const char *const from[] = {"10.0.0.7", "10.0.0.8", "10.0.0.9"};
    static const uint32_t rule[3][3] = {{1, 0, 3}, {2, 2, 0}, {0, 0, 0}};
    for (unsigned i = 0; i < 3; i++)
        for (unsigned port = 1; port <= 3; port++) {
            make_udp(IN, from[i], 9, port);
            through(IN);
            cr_assert_eq(walk.rule[IN], rule[i][port - 1], "%s port %u", from[i], port);
        }
}

static unsigned asked; /* look-ups in address sets */

static void note_enter(struct df_trace *trace, uint16_t table, const struct df_walk *its)
{
    (void)trace, (void)table, (void)its;
}

static void note_leave(struct df_trace *trace, uint16_t table, uint16_t next, const struct df_walk *its)
{
    (void)trace, (void)table, (void)next, (void)its;
}

static void note_lookup(struct df_trace *trace, const struct df_table *table, const void *key, uint16_t key_len,
                        const struct df_entry *entry)
{
    (void)trace, (void)key, (void)key_len, (void)entry;
    asked += table->ops->desc.number == DF_TABLE_ADDRESS_SET;
}

Test(security_group, each_set_is_asked_once)
{
    struct df_trace trace = {.enter = note_enter, .lookup = note_lookup, .leave = note_leave};
    struct df_security_group_rule rules[100];
    for (uint32_t i = 0; i < 100; i++)
        rules[i] = (struct df_security_group_rule){PROTO4(17), TO_PORTS(i, 200), IN_SET(7 + i % 2)};
    rules_put(IN, GROUP, 1, 100, rules);
    make_udp(IN, PEER, 9, 150);
    walk.trace = &trace;
    expect_denied(IN, SG_INGRESS);
    cr_assert_eq(asked, 2);
}

#define MANY_SETS 100

static void rules_for_many_sets(void)
{
    struct df_security_group_rule rules[MANY_SETS];
    for (uint32_t i = 0; i < MANY_SETS; i++)
        rules[i] = (struct df_security_group_rule){.rule = 1 + i, .ip_version = 4, .ip_proto = 17, IN_SET(1 + i)};
    rules_put(IN, GROUP, 1, MANY_SETS, rules);
}

static struct df_stamps stamps_of_denial(void)
{
    make_udp(IN, PEER, 9, 9);
    expect_denied(IN, SG_INGRESS);
    cr_assert_leq(walk.stamps.n, 1 + 1 + 2, "port, group, the address and the prefixes");
    return walk.stamps;
}

/* A decision that is cached has only so many stamps. */
Test(security_group, what_no_rule_allows_depends_on_all_sets_by_two_stamps)
{
    rules_for_many_sets();
    struct df_stamps stamps = stamps_of_denial();
    member_put(MANY_SETS, ip4("10.0.0.3"), 128);
    cr_assert(holds(&stamps), "what a set says of another address");
    member_put(MANY_SETS, ip4(PEER), 128);
    cr_assert_not(holds(&stamps), "a member");
    expect_pass(IN);
    member_del(MANY_SETS, ip4(PEER), 128);
    stamps = stamps_of_denial();
    member_put(1, ip4("10.0.0.0"), 120);
    cr_assert_not(holds(&stamps), "a prefix");
    expect_pass(IN);
    member_del(1, ip4("10.0.0.0"), 120);
    stamps = stamps_of_denial();
    rules_del(IN, GROUP);
    cr_assert_not(holds(&stamps), "the group");
}

Test(security_group, what_one_of_many_sets_allows_depends_on_that_one)
{
    rules_for_many_sets();
    member_put(MANY_SETS, ip4(PEER), 128);
    make_udp(IN, PEER, 9, 9);
    expect_pass(IN);
    struct df_stamps stamps = walk.stamps;
    cr_assert_eq(stamps.n, 1 + 1 + 1, "port, rule, and the address in its set");
    for (uint32_t set = 1; set < MANY_SETS; set++)
        member_put(set, ip4(PEER), 128);
    member_put(1, ip4("10.0.0.0"), 120);
    cr_assert(holds(&stamps), "sets of other rules");
    member_del(MANY_SETS, ip4(PEER), 128);
    cr_assert_not(holds(&stamps));
}

Test(security_group, what_no_rule_of_many_groups_allows_depends_on_all_groups_by_one_stamp)
{
    uint32_t groups[DF_CONNTRACK_GROUPS_MAX];
    for (uint32_t i = 0; i < DF_CONNTRACK_GROUPS_MAX; i++)
        groups[i] = 1 + i;
    guest_in(DF_CONNTRACK_GROUPS_MAX, groups);
    struct df_stamps stamps = stamps_of_denial();
    only_rule(OUT, 1, 1, ANY4);
    cr_assert(holds(&stamps), "rules of the other way");
    only_rule(IN, 1, 1, PROTO4(6));
    cr_assert_not(holds(&stamps), "a group that comes");
    stamps = stamps_of_denial();
    rules_del(IN, 1);
    cr_assert_not(holds(&stamps), "a group that goes");
    stamps = stamps_of_denial();
    only_rule(IN, DF_CONNTRACK_GROUPS_MAX, 1, ANY4);
    cr_assert_not(holds(&stamps), "a rule");
    make_udp(IN, PEER, 9, 9);
    expect_pass(IN);
    cr_assert_eq(walk.stamps.n, 1 + 1, "port and rule");
}

Test(security_group, any_rule_of_any_group)
{
    guest_in(2, (uint32_t[]){GROUP, OTHER_GROUP});
    only_rule(IN, GROUP, 1, PROTO4(17));
    only_rule(IN, OTHER_GROUP, 1, PROTO4(6));
    make_udp(IN, PEER, 9, 9);
    expect_pass(IN);
    make_tcp(IN, PEER, 9, 9, SYN);
    expect_pass(IN);
    make_proto(IN, PEER, 47);
    expect_denied(IN, SG_INGRESS);
    rules_del(IN, OTHER_GROUP);
    make_tcp(IN, PEER, 9, 9, SYN);
    expect_denied(IN, SG_INGRESS);
}

Test(security_group, ports_are_noted_only_where_they_matter)
{
    only_rule(IN, GROUP, 0, ANY4);
    make_udp(IN, PEER, 9, 9);
    expect_pass(IN);
    cr_assert_not(walk.read_l4);
    only_rule(IN, GROUP, 0, PROTO4(17), TO_PORTS(0, 65535));
    make_udp(IN, PEER, 9, 9);
    expect_pass(IN);
    cr_assert_not(walk.read_l4, "all of them");
    only_rule(IN, GROUP, 0, PROTO4(17), TO_PORTS(0, 65534));
    make_udp(IN, PEER, 9, 9);
    expect_pass(IN);
    cr_assert(walk.read_l4);
    make_tcp(IN, PEER, 9, 9, SYN);
    expect_denied(IN, SG_INGRESS);
    cr_assert_not(walk.read_l4, "no rule for TCP");
}

/* ---- what changes */

Test(security_group, a_change_ends_decisions_that_asked_the_group)
{
    only_rule(IN, GROUP, 1, ANY4);
    make_udp(IN, PEER, 9, 9);
    expect_pass(IN);
    struct df_stamps stamps = walk.stamps;
    only_rule(IN, OTHER_GROUP, 1, ANY4);
    only_rule(OUT, GROUP, 1, ANY4);
    cr_assert(holds(&stamps), "of another group, and of the other way");
    only_rule(IN, GROUP, 1, ANY6);
    cr_assert_not(holds(&stamps));
    make_udp(IN, PEER, 9, 9);
    expect_denied(IN, SG_INGRESS);
    stamps = walk.stamps;
    rules_del(IN, GROUP);
    cr_assert_not(holds(&stamps));
}

Test(security_group, what_a_rule_allows_depends_on_that_rule_alone)
{
    struct df_security_group_rule rules[] = {
        {.rule = 1, .ip_version = 4, .ip_proto = 6, TO_PORTS(80, 80)},
        {.rule = 2, .ip_version = 4, .ip_proto = 17, IN_SET(7)},
        {.rule = 3, .ip_version = 4, .ip_proto = 17, IN_SET(8)},
    };
    member_put(8, ip4(PEER), 128);
    rules_put(IN, GROUP, 1, 3, rules);
    make_udp(IN, PEER, 9, 9);
    expect_pass(IN);
    struct df_stamps stamps = walk.stamps;
    rules_put(IN, GROUP, 1, 1, rules + 2);
    cr_assert(holds(&stamps), "others went");
    rules_put(IN, GROUP, 1, 3, rules);
    member_put(7, ip4(PEER), 128);
    cr_assert(holds(&stamps), "others came");
    rules[2].ip_proto = 6;
    rules_put(IN, GROUP, 1, 3, rules);
    cr_assert_not(holds(&stamps), "it is another one now");
}

Test(security_group, what_a_rule_allows_ends_with_the_rule_the_member_or_the_kind_of_the_group)
{
    const struct df_security_group_rule rules[] = {{.rule = 1, .ip_version = 4, .ip_proto = 17, IN_SET(7)},
                                                   {.rule = 2, .ip_version = 4, .ip_proto = 6}};
    for (unsigned change = 0; change < 4; change++) {
        member_put(7, ip4(PEER), 128);
        rules_put(IN, GROUP, 1, 2, rules);
        make_udp(IN, PEER, 9, 9);
        expect_pass(IN);
        struct df_stamps stamps = walk.stamps;
        if (change == 0)
            rules_put(IN, GROUP, 1, 1, rules + 1);
        else if (change == 1)
            member_del(7, ip4(PEER), 128);
        else if (change == 2)
            rules_put(IN, GROUP, 0, 2, rules);
        else
            rules_del(IN, GROUP);
        cr_assert_not(holds(&stamps), "change %u", change);
    }
}

Test(security_group, a_group_that_appears_ends_decisions_that_missed_it)
{
    make_udp(IN, PEER, 9, 9);
    expect_denied(IN, SG_INGRESS);
    struct df_stamps stamps = walk.stamps;
    only_rule(IN, GROUP, 1, ANY4);
    cr_assert_not(holds(&stamps));
}

Test(security_group, a_member_that_joins_ends_decisions_about_it)
{
    only_rule(IN, GROUP, 1, ANY4, IN_SET(7));
    make_udp(IN, PEER, 9, 9);
    expect_denied(IN, SG_INGRESS);
    struct df_stamps stamps = walk.stamps;
    member_put(7, ip4("10.0.0.3"), 128);
    cr_assert(holds(&stamps));
    member_put(7, ip4(PEER), 128);
    cr_assert_not(holds(&stamps));
}

Test(security_group, hits)
{
    only_rule(IN, GROUP, 1, ANY4);
    uint64_t before = df_security_group_hits(100);
    make_udp(IN, PEER, 9, 9);
    walk.worker = 1;
    expect_pass(IN);
    walk.worker = 63;
    expect_pass(IN);
    cr_assert_eq(df_security_group_hits(100), before + 2);
    walk.worker = DF_WALK_NOBODY;
    expect_pass(IN);
    make_tcp(IN, PEER6, 9, 9, SYN);
    walk.worker = 1;
    expect_denied(IN, SG_INGRESS);
    cr_assert_eq(df_security_group_hits(100), before + 2);
    only_rule(IN, GROUP, 1, .rule = DF_RULES_COUNTED, .ip_version = 4, .any_proto = 1);
    make_udp(IN, PEER, 9, 9);
    walk.worker = 1;
    expect_pass(IN);
    cr_assert_eq(df_security_group_hits(DF_RULES_COUNTED), 0);
}

/* Its number may have been another rule's. */
Test(security_group, a_rule_counts_from_nothing_when_it_comes_to_its_group)
{
    make_udp(IN, PEER, 9, 9);
    walk.worker = 2;
    for (unsigned i = 0; i < 2; i++) {
        only_rule(IN, GROUP, 1, ANY4);
        cr_assert_eq(df_security_group_hits(100), 0);
        expect_pass(IN);
        only_rule(IN, GROUP, 1, ANY4, IN_PREFIX(ip4("10.0.0.0"), 104));
        expect_pass(IN);
        cr_assert_eq(df_security_group_hits(100), 2, "it was changed, and stayed");
        if (i == 0)
            only_rule(IN, GROUP, 1, PROTO4(17));
        else
            rules_del(IN, GROUP);
    }
    only_rule(IN, GROUP, 1, ANY4);
    cr_assert_eq(df_security_group_hits(100), 0);
}

/* ---- what is refused */

#define refused(...)                                                                                                   \
    cr_assert_eq(try_rules(IN, GROUP, 1, 1, 1, &(const struct df_security_group_rule){__VA_ARGS__}), -EINVAL)

Test(security_group, malformed_rules_are_refused)
{
    refused(.rule = 0, .ip_version = 4, .any_proto = 1);
    refused(.rule = 1, .ip_version = 5, .any_proto = 1);
    refused(.rule = 1, .ip_version = 4, .any_proto = 2);
    refused(PROTO4(17), .l4 = 4);
    refused(PROTO4(17), TO_PORTS(2, 1));
    refused(PROTO4(47), TO_PORTS(1, 1));
    refused(PROTO4(1), TO_PORTS(1, 1));
    refused(ANY4, TO_PORTS(1, 1));
    refused(PROTO4(17), OF_TYPE(8));
    refused(PROTO4(58), OF_TYPE(8));
    refused(PROTO6(1), OF_TYPE(8));
    refused(ANY4, OF_TYPE(8));
    refused(PROTO4(1), OF_TYPE(256));
    refused(PROTO4(1), OF_CODE(256, 0));
    refused(PROTO4(1), OF_CODE(8, 256));
    refused(ANY4, .remote = 3);
    refused(ANY4, IN_SET(0));
    refused(ANY4, IN_PREFIX(ip4("10.0.0.0"), 129));
    refused(ANY4, IN_PREFIX(ip4("10.0.0.1"), 120));
    refused(ANY4, IN_PREFIX(ip6("2001:db8::"), 32));
    refused(ANY4, IN_PREFIX(ip6("::"), 0));
    refused(ANY6, IN_PREFIX(ip4("10.0.0.0"), 120));
    cr_assert_eq(
        df_table(DF_TABLE_INGRESS_SECURITY_GROUP)->ops->count(df_table(DF_TABLE_INGRESS_SECURITY_GROUP)->state), 0);
}

Test(security_group, what_is_refused_leaves_what_was)
{
    only_rule(IN, GROUP, 1, ANY4);
    refused(ANY4, IN_SET(0));
    make_udp(IN, PEER, 9, 9);
    expect_pass(IN);
}

Test(security_group, wrong_counts_are_refused)
{
    static struct df_security_group_rule rules[DF_SECURITY_GROUP_RULES_MAX + 1];
    struct df_security_group_key key = {.group = OTHER_GROUP};
    cr_assert_eq(try_rules(IN, GROUP, 1, 2, 1, &(struct df_security_group_rule){ANY4}), -EINVAL);
    cr_assert_eq(try_rules(IN, GROUP, 1, 0, 1, &(struct df_security_group_rule){ANY4}), -EINVAL);
    for (uint32_t i = 0; i <= DF_SECURITY_GROUP_RULES_MAX; i++)
        rules[i] = (struct df_security_group_rule){.rule = i + 1, .ip_version = 4, .any_proto = 1};
    cr_assert_neq(try_rules(IN, GROUP, 1, DF_SECURITY_GROUP_RULES_MAX + 1, DF_SECURITY_GROUP_RULES_MAX + 1, rules), 0);
    cr_assert_eq(del_len(DF_TABLE_INGRESS_SECURITY_GROUP, &key, sizeof(key)), -ENOENT);
    cr_assert_eq(del_len(DF_TABLE_INGRESS_SECURITY_GROUP, &key, 1), -ENOENT);
}

static int count_entry(const struct df_entry *entry, uint64_t hits, void *arg)
{
    (void)hits;
    const struct df_security_group_value *value = entry->value;
    cr_assert_eq(value->n_rules, 1);
    ++*(uint32_t *)arg;
    return 0;
}

Test(security_group, a_full_table_refuses_new_groups_and_takes_changes)
{
    const struct df_table *table = df_table(DF_TABLE_INGRESS_SECURITY_GROUP);
    const struct df_security_group_rule rule = {ANY4};
    uint32_t seen = 0;
    for (uint32_t group = 1; group <= TABLE_TEST_MAX; group++)
        rules_put(IN, group, 1, 1, &rule);
    cr_assert_eq(try_rules(IN, TABLE_TEST_MAX + 1, 1, 1, 1, &rule), -ENOSPC);
    cr_assert_eq(try_rules(IN, 1, 1, 1, 1, &rule), 0);
    cr_assert_eq(table->ops->count(table->state), TABLE_TEST_MAX);
    table->ops->for_each(table->state, count_entry, &seen);
    cr_assert_eq(seen, TABLE_TEST_MAX);
}

/* ---- against a plain reading of the rules */

static uint64_t seed = 1;

static unsigned draw(unsigned n)
{
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    return (unsigned)(seed >> 33) % n;
}

static struct df_ip draw_ip(bool four)
{
    struct df_ip ip = four ? ip4("10.0.0.0") : ip6("2001:db8::");
    ip.byte[14] = (uint8_t)draw(4);
    ip.byte[15] = (uint8_t)draw(8);
    return ip;
}

static struct df_security_group_rule draw_rule(uint32_t number)
{
    static const uint8_t protos[] = {6, 17, 132, 47, 136, 33};
    struct df_security_group_rule rule = {.rule = number, .ip_version = draw(2) ? 4 : 6, .ip_proto = protos[draw(6)]};
    bool four = rule.ip_version == 4;
    if (draw(8) == 0)
        rule.any_proto = 1;
    else if (draw(5) == 0)
        rule.ip_proto = four ? 1 : 58;
    if (!rule.any_proto && (rule.ip_proto == 1 || rule.ip_proto == 58)) {
        rule.l4 = draw(2) ? DF_RULE_L4_TYPE : DF_RULE_L4_TYPE_CODE;
        rule.first = (uint16_t)draw(3);
        rule.last = (uint16_t)draw(3);
    } else if (!rule.any_proto && rule.ip_proto != 47 && draw(4) != 0) {
        rule.l4 = DF_RULE_L4_PORTS;
        rule.first = (uint16_t)draw(20);
        rule.last = (uint16_t)(rule.first + draw(10));
    }
    rule.remote = (uint16_t)draw(4);
    rule.set = rule.remote == DF_REMOTE_SET || rule.remote == DF_REMOTE_ADDRESS_GROUP ? 1 + draw(3) : 0;
    if (rule.remote == DF_REMOTE_PREFIX) {
        unsigned behind = draw(11);
        rule.prefix = draw_ip(four);
        rule.prefix_len = (uint16_t)(128 - behind);
        for (unsigned bit = 128 - behind; bit < 128; bit++)
            rule.prefix.byte[bit / 8] &= (uint8_t) ~(0x80 >> bit % 8);
    }
    return rule;
}

/* Set n has the addresses whose last byte can be divided by n + 1; address group n those where 1 is left. */
static bool in_set(uint32_t set, const struct df_ip *ip)
{
    return ip->byte[15] % (set + 1) == 0;
}

static bool in_address_group(uint32_t set, const struct df_ip *ip)
{
    return ip->byte[15] % (set + 1) == 1;
}

static bool matches(const struct df_security_group_rule *rule, const struct df_rules_question *question)
{
    unsigned type = question->l4 >> 8, code = question->l4 & 0xff;
    if ((rule->ip_version == 4) != question->ip4 || (!rule->any_proto && rule->ip_proto != question->ip_proto))
        return false;
    if (rule->l4 == DF_RULE_L4_PORTS && (question->l4 < rule->first || question->l4 > rule->last))
        return false;
    if ((rule->l4 == DF_RULE_L4_TYPE || rule->l4 == DF_RULE_L4_TYPE_CODE) && type != rule->first)
        return false;
    if (rule->l4 == DF_RULE_L4_TYPE_CODE && code != rule->last)
        return false;
    if (rule->remote == DF_REMOTE_PREFIX)
        return df_ip_in_prefix(&question->remote, &rule->prefix, rule->prefix_len);
    if (rule->remote == DF_REMOTE_ADDRESS_GROUP)
        return in_address_group(rule->set, &question->remote);
    return rule->remote == DF_REMOTE_ANY || (question->domain == DOMAIN && in_set(rule->set, &question->remote));
}

static struct df_rules_question draw_question(void)
{
    static const uint8_t protos[] = {6, 17, 132, 47, 1, 58, 89, 136, 33};
    struct df_rules_question question = {.ip4 = draw(2), .ip_proto = protos[draw(9)], .l4 = (uint16_t)draw(35)};
    bool icmp = question.ip_proto == (question.ip4 ? 1 : 58);
    if (icmp)
        question.l4 = df_rules_l4_icmp((uint16_t)draw(4), (uint8_t)draw(4));
    question.remote = draw_ip(question.ip4);
    question.domain = draw(4) ? DOMAIN : DOMAIN + 1; /* in which nobody is */
    return question;
}

static void members_of_all_sets(void)
{
    for (uint32_t set = 1; set <= 3; set++)
        for (unsigned i = 0; i < 64; i++) {
            struct df_ip four = ip4("10.0.0.0"), six = ip6("2001:db8::");
            four.byte[14] = six.byte[14] = (uint8_t)(i / 8);
            four.byte[15] = six.byte[15] = (uint8_t)(i % 8);
            if (i < 32 && (in_set(set, &four) || in_address_group(set, &four))) {
                uint32_t domain = in_set(set, &four) ? DOMAIN : 0;
                member_put_in(domain, set, four, 128);
                member_put_in(domain, set, six, 128);
            }
        }
}

static bool is_one_of(const struct df_security_group_value *value, uint32_t number,
                      const struct df_rules_question *question)
{
    return number >= 1 && number <= value->n_rules && matches(&value->rule[number - 1], question);
}

static void compare(const struct df_security_group_value *value, unsigned round)
{
    struct df_rules *rules;
    cr_assert_eq(df_rules_new(&rules, value), 0);
    for (unsigned i = 0; i < 200; i++) {
        struct df_rules_question question = draw_question();
        bool wanted = false;
        for (uint32_t r = 0; r < value->n_rules; r++)
            wanted |= matches(&value->rule[r], &question);
        walk_reset();
        uint32_t found = df_rules_match(rules, &walk, &question).rule;
        cr_assert_eq(found != 0, wanted, "round %u, question %u", round, i);
        cr_assert(found == 0 || is_one_of(value, found, &question), "round %u: rule %u does not match", round, found);
    }
    df_rules_free(rules);
}

Test(security_group, random_rules_mean_what_they_say)
{
    static const uint32_t sizes[] = {0, 1, 2, 5, 10, 63, 64, 65, 130, 300};
    members_of_all_sets();
    for (unsigned round = 0; round < 100; round++) {
        uint32_t n = sizes[round % 10];
        struct df_security_group_value *value = calloc(1, sizeof(*value) + n * sizeof(value->rule[0]));
        value->n_rules = n;
        for (uint32_t i = 0; i < n; i++)
            value->rule[i] = draw_rule(i + 1);
        compare(value, round);
        free(value);
    }
}
