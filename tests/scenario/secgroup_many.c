/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/rcu.h"
#include "tests/scenario/groups.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>

/*
 * A port in many groups, and a group whose rules name many others: what they deny is served by the flow cache like what
 * few deny, and no longer than they deny it. And rules that come and go, more than can be counted.
 */

#define MANY 60

TestSuite(secgroup_many, .init = lab_up_secgroup, .fini = lab_down);

static char text[262144];
static size_t length;

__attribute__((format(printf, 1, 2))) static void add(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(text + length, sizeof(text) - length, format, arguments);
    va_end(arguments);
    length += (size_t)n;
    cr_assert_lt(length, sizeof(text));
}

static void begin(const char *how)
{
    length = 0;
    add("%s", how);
}

static void end(const char *how)
{
    add("%s", how);
    lab_model(text);
}

#define DNS "udp,tp_src=4000,tp_dst=53" VM1_VM2
#define DNS_TCP "tcp,tp_src=4000,tp_dst=53,tcp_flags=ack,tcp_seq=1,tcp_ack=1" VM1_VM2
#define VM5_IN(groups) PORT("vm5", "net1", "02:00:00:00:01:15", "'10.1.0.15'", "'sub1'", IN_GROUPS(groups))

/* Where there is a connection from before, each packet walks; else the cache serves the next one. */
static void is_denied(void)
{
    for (unsigned i = 0; i < 2; i++) {
        lab_refused("vm1", DNS, "sg_ingress");
        lab_refused("vm1", DNS_TCP, "sg_ingress");
    }
}

static void is_still_denied(void)
{
    lab_refused("vm1", DNS, "sg_ingress");
    lab_expect_cached();
    lab_refused("vm1", DNS_TCP, "sg_ingress");
    lab_expect_cached();
}

/* ---- a group whose rules name many */

/* server lets in the members of friend0 to friend59, and whom the address group offices has. */
static void up_friends(void)
{
    lab_model(MODEL_NETWORKS);
    begin("{'secgroup': [" CLIENT);
    for (unsigned i = 0; i < MANY; i++)
        add("," GROUP("friend%u", ""), i, i);
    end("]}");
    begin("{'secgroup': [{'id': 'server', 'topic': 'red', 'name': 'server', 'rules': [");
    for (unsigned i = 0; i < MANY; i++)
        add(RULE("from%u", "ingress", "IPv4", FROM_GROUP("friend%u")) ",", i, i);
    add(IN4("from-offices", FROM_ADDRESSES("offices")));
    end("]}]}");
    lab_model("{'address_group': [{'id': 'offices', 'topic': 'red', 'addresses': []}]}");
    lab_model(PORTS(VM1_IN("'client'") "," VM2_IN("'server'") "," VM5_IN("'client'")));
}

Test(secgroup_many, what_many_remote_groups_deny_is_cached)
{
    up_friends();
    is_denied();
    is_still_denied();
    lab_model(PORTS(VM5_IN("'client', 'friend59'")));
    is_still_denied();
    lab_model(PORTS(VM5_IN("'client'")));
    is_still_denied();
}

Test(secgroup_many, a_member_of_the_last_of_them_is_let_in)
{
    up_friends();
    is_denied();
    lab_model(PORTS(VM1_IN("'client', 'friend59'")));
    lab_passes("vm1", DNS, "vm2");
    lab_passes("vm1", DNS_TCP, "vm2");
    lab_model(PORTS(VM1_IN("'client'")));
    is_denied();
    lab_model(PORTS(VM1_IN("'client', 'friend0'")));
    lab_passes("vm1", DNS, "vm2");
}

Test(secgroup_many, so_is_who_is_in_a_prefix_of_an_address_group)
{
    up_friends();
    is_denied();
    lab_model("{'address_group': [{'id': 'offices', 'topic': 'red', 'addresses': ['10.1.0.8/30']}]}");
    lab_passes("vm1", DNS, "vm2");
    lab_passes("vm1", DNS_TCP, "vm2");
    lab_model("{'address_group': [{'id': 'offices', 'topic': 'red', 'addresses': ['10.1.0.128/30']}]}");
    is_denied();
}

/* ---- a port in many groups */

#define GROUPS_OF_PORT 200

static void up_groups(void)
{
    lab_model(MODEL_NETWORKS);
    begin("{'secgroup': [" CLIENT);
    for (unsigned i = 0; i < GROUPS_OF_PORT; i++)
        add("," GROUP("g%u", IN4("in%u", PROTOCOL("udp") RANGE("%u", "%u"))), i, i, i, 1000 + i, 1000 + i);
    end("]}");
    begin("{'lport': [" VM1_IN("'client'") "," PORT("vm2", "net1", MAC2, "'10.1.0.12'", "'sub1'",
                                                    ", 'security_groups': ["));
    length--; /* PORT() closes the object */
    for (unsigned i = 0; i < GROUPS_OF_PORT; i++)
        add("%s'g%u'", i > 0 ? "," : "", i);
    end("]}]}");
}

Test(secgroup_many, what_many_groups_of_a_port_deny_is_cached)
{
    up_groups();
    lab_passes("vm1", "udp,tp_src=4000,tp_dst=1199" VM1_VM2, "vm2");
    is_denied();
    is_still_denied();
}

Test(secgroup_many, a_rule_of_one_of_them_lets_in)
{
    up_groups();
    is_denied();
    lab_model(GROUPS(GROUP("g199", IN4("dns", ""))));
    lab_passes("vm1", DNS, "vm2");
    lab_passes("vm1", DNS_TCP, "vm2");
    lab_model(GROUPS(GROUP("g199", "")));
    is_denied();
}

/* ---- rules that come and go */

#define RULES 1500
#define ROUNDS 46 /* together more rules than can be counted at a time */

static json_t *rules_of(const char *group)
{
    struct df_error error = {""};
    json_t *params = json_pack("{s:s}", "name", group);
    json_t *report = df_controller_report(lab_controller(), "secgroup", params, &error);
    cr_assert_not_null(report, "%s", error.text);
    json_t *rules = json_incref(json_object_get(report, "rules"));
    json_decref(report);
    json_decref(params);
    return rules;
}

static json_int_t hits_of(const char *group, size_t at)
{
    json_t *rules = rules_of(group), *hits = json_object_get(json_array_get(rules, at), "hits");
    cr_assert(json_is_integer(hits));
    json_int_t n = json_integer_value(hits);
    json_decref(rules);
    return n;
}

/* Workers have gone on, and what waited for that is done. */
static void grace_period(void)
{
    df_rcu_offline();
    df_rcu_barrier();
    df_rcu_online();
}

Test(secgroup_many, the_rules_in_force_are_counted_however_many_there_were)
{
    lab_model(MODEL_NETWORKS);
    lab_model(GROUPS(CLIENT));
    lab_model(PORTS(VM1_IN("'client'") "," VM2_IN("'server'")));
    for (unsigned round = 0; round < ROUNDS; round++) {
        begin("{'secgroup': [{'id': 'server', 'topic': 'red', 'name': 'server', 'rules': [");
        for (unsigned i = 0; i < RULES; i++)
            add("%s" IN4("r%u-%u", PROTOCOL("udp") RANGE("%u", "%u")), i ? "," : "", round, i, 1000 + i, 1000 + i);
        end("]}]}");
        cr_assert_eq(hits_of("server", 0), 0, "round %u", round);
        for (unsigned i = 0; i < 3; i++) {
            char words[128];
            snprintf(words, sizeof(words), "udp,tp_src=%u,tp_dst=1000" VM1_VM2, 2000 + 3 * round + i);
            lab_passes("vm1", words, "vm2");
        }
        cr_assert_eq(hits_of("server", 0), 3, "round %u", round);
        cr_assert_eq(hits_of("server", RULES - 1), 0);
        grace_period();
    }
}

Test(secgroup_many, a_rule_that_is_not_in_force_has_no_hits)
{
    lab_model(MODEL_NETWORKS);
    lab_model(GROUPS(GROUP("nobodys", IN4("any", "")) "," GROUP("server", IN4("ports", RANGE("1", "2")))));
    lab_model(PORTS(VM2_IN("'server'")));
    static const char *const groups[] = {"nobodys", "server"};
    for (size_t i = 0; i < 2; i++) {
        json_t *rules = rules_of(groups[i]);
        cr_assert(json_is_null(json_object_get(json_array_get(rules, 0), "hits")), "%s", groups[i]);
        json_decref(rules);
    }
}
