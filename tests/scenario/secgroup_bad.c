/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scenario/groups.h"

/*
 * Rules that cannot be: one of them matches nothing, the rest of its group holds, and `df-ctl show` lists it. They are
 * written past the checks of the database's own programs, as an older or a careless one could.
 */

static void up(void)
{
    lab_up_secgroup();
    lab_model(MODEL_NETWORKS);
    lab_model(GROUPS(GROUP("sender", OUT4("out4", "") "," OUT6("out6", ""))));
    lab_model(PORTS(VM1_IN("'sender'") "," VM2_IN("'receiver'")));
}

TestSuite(secgroup_bad, .init = up, .fini = lab_down);

/* The group "receiver" of a good rule for UDP port 53, the bad one, and a good one for UDP port 54. */
static void write_group(Df__SecurityGroupRule *bad)
{
    Df__SecurityGroupRule good[2] = {DF__SECURITY_GROUP_RULE__INIT, DF__SECURITY_GROUP_RULE__INIT};
    for (unsigned i = 0; i < 2; i++) {
        good[i].id = (char *)(i ? "good-54" : "good-53");
        good[i].direction = (char *)"ingress";
        good[i].ethertype = (char *)"IPv4";
        good[i].protocol = (char *)"udp";
        good[i].has_port_range_min = good[i].has_port_range_max = true;
        good[i].port_range_min = good[i].port_range_max = 53 + i;
    }
    Df__SecurityGroup group = DF__SECURITY_GROUP__INIT;
    group.id = (char *)"receiver";
    group.topic = (char *)"red";
    group.n_rules = 3;
    group.rules = (Df__SecurityGroupRule *[]){&good[0], bad, &good[1]};
    uint8_t bytes[1000];
    lab_write_row("secgroup", "receiver", bytes, protobuf_c_message_pack(&group.base, bytes));
}

/* The report of what is wrong names the group and the rule. */
static void expect_shown(bool shown)
{
    struct df_error error = {""};
    json_t *report = df_controller_report(lab_controller(), "show", NULL, &error);
    char *text = json_dumps(json_object_get(report, "problems"), JSON_COMPACT);
    json_int_t n_bad = json_integer_value(json_object_get(report, "n_bad"));
    json_decref(report);
    cr_assert_eq(n_bad, 0, "the group as a whole is left out");
    cr_assert_eq(strstr(text, "the-bad-one") != NULL && strstr(text, "receiver") != NULL, shown, "%s", text);
    free(text);
}

#define UDP(port) "udp,tp_src=4000,tp_dst=" port VM1_VM2

static void the_rest_holds(void)
{
    expect_shown(true);
    lab_passes("vm1", UDP("53"), "vm2");
    lab_passes("vm1", UDP("54"), "vm2");
    lab_refused("vm1", UDP("55"), "sg_ingress");
    lab_refused("vm1", "tcp,tp_src=1,tp_dst=53" VM1_VM2, "sg_ingress");
    lab_refused("vm1", "ip,nw_proto=47,len=20" VM1_VM2, "sg_ingress");
    lab_refused("vm1", "icmp,icmp_type=8" VM1_VM2, "sg_ingress");
    lab_refused("vm1", "udp6,tp_src=1,tp_dst=53" VM1_VM2_6, "sg_ingress");
    lab_model(GROUPS(GROUP("receiver", IN4("good", ""))));
    expect_shown(false);
    lab_passes("vm1", UDP("55"), "vm2");
}

static Df__SecurityGroupRule rule(const char *ethertype, const char *protocol)
{
    Df__SecurityGroupRule rule = DF__SECURITY_GROUP_RULE__INIT;
    rule.id = (char *)"the-bad-one";
    rule.direction = (char *)"ingress";
    rule.ethertype = (char *)ethertype;
    rule.protocol = (char *)protocol;
    return rule;
}

Test(secgroup_bad, ports_of_a_protocol_that_has_none)
{
    Df__SecurityGroupRule bad = rule("IPv4", "gre");
    bad.has_port_range_min = bad.has_port_range_max = true;
    bad.port_range_min = bad.port_range_max = 53;
    write_group(&bad);
    the_rest_holds();
}

Test(secgroup_bad, ports_of_any_protocol)
{
    Df__SecurityGroupRule bad = rule("IPv4", NULL);
    bad.has_port_range_min = bad.has_port_range_max = true;
    bad.port_range_min = bad.port_range_max = 55;
    write_group(&bad);
    the_rest_holds();
}

Test(secgroup_bad, a_range_that_is_empty)
{
    Df__SecurityGroupRule bad = rule("IPv4", "tcp");
    bad.has_port_range_min = bad.has_port_range_max = true;
    bad.port_range_min = 53;
    bad.port_range_max = 52;
    write_group(&bad);
    the_rest_holds();
}

Test(secgroup_bad, an_icmp_code_without_a_type)
{
    Df__SecurityGroupRule bad = rule("IPv4", "icmp");
    bad.has_port_range_max = true;
    bad.port_range_max = 0;
    write_group(&bad);
    the_rest_holds();
}

Test(secgroup_bad, an_icmp_type_that_is_none)
{
    Df__SecurityGroupRule bad = rule("IPv4", "icmp");
    bad.has_port_range_min = true;
    bad.port_range_min = 264; /* 8, in eight bits */
    write_group(&bad);
    the_rest_holds();
}

Test(secgroup_bad, a_prefix_of_the_other_family)
{
    Df__SecurityGroupRule bad = rule("IPv4", NULL);
    bad.remote_ip_prefix = (char *)"::/0";
    write_group(&bad);
    the_rest_holds();
    bad = rule("IPv6", NULL);
    bad.remote_ip_prefix = (char *)"0.0.0.0/0";
    write_group(&bad);
    the_rest_holds();
}

Test(secgroup_bad, an_extension_header_of_ip6_as_protocol)
{
    Df__SecurityGroupRule bad = rule("IPv6", "ah");
    write_group(&bad);
    the_rest_holds();
}

Test(secgroup_bad, a_rule_with_two_remotes)
{
    Df__SecurityGroupRule bad = rule("IPv4", "icmp");
    bad.remote_ip_prefix = (char *)"10.1.0.0/24";
    bad.remote_group_id = (char *)"sender"; /* two remotes */
    write_group(&bad);
    the_rest_holds();
}

Test(secgroup_bad, a_direction_that_is_none)
{
    Df__SecurityGroupRule bad = rule("IPv4", NULL);
    bad.direction = (char *)"in";
    write_group(&bad);
    the_rest_holds();
    bad.direction = NULL;
    write_group(&bad);
    the_rest_holds();
}

Test(secgroup_bad, an_ethertype_that_is_none)
{
    Df__SecurityGroupRule bad = rule("ipv4", NULL);
    write_group(&bad);
    the_rest_holds();
    bad.ethertype = NULL;
    write_group(&bad);
    the_rest_holds();
}

Test(secgroup_bad, a_prefix_that_is_none)
{
    Df__SecurityGroupRule bad = rule("IPv4", "tcp");
    bad.remote_ip_prefix = (char *)"10.0.0.0/33";
    write_group(&bad);
    the_rest_holds();
}

Test(secgroup_bad, a_port_that_is_none)
{
    Df__SecurityGroupRule bad = rule("IPv4", "tcp");
    bad.has_port_range_min = bad.has_port_range_max = true;
    bad.port_range_min = 1;
    bad.port_range_max = 70000;
    write_group(&bad);
    the_rest_holds();
}

/* What the same write took away is gone as well: no older version of the group stays in force. */
Test(secgroup_bad, a_protocol_that_is_unknown)
{
    static const char *const unknown[] = {"mptcp", "256", "", "\xff\x1b", "udp "};
    Df__SecurityGroupRule bad = rule("IPv4", NULL);
    for (unsigned i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        lab_model(GROUPS(GROUP("receiver", IN4("older", PROTOCOL("udp")))));
        lab_passes("vm1", UDP("55"), "vm2");
        bad.protocol = (char *)unknown[i];
        write_group(&bad);
        the_rest_holds();
    }
}

Test(secgroup_bad, a_remote_group_that_is_no_id)
{
    Df__SecurityGroupRule bad = rule("IPv4", NULL);
    bad.remote_group_id = (char *)"";
    write_group(&bad);
    the_rest_holds();
    bad.remote_group_id = (char *)"a\nb";
    write_group(&bad);
    the_rest_holds();
}

Test(secgroup_bad, the_id_of_another_rule)
{
    Df__SecurityGroupRule bad = rule("IPv4", "tcp");
    bad.id = (char *)"good-53";
    write_group(&bad);
    struct df_error error = {""};
    json_t *report = df_controller_report(lab_controller(), "show", NULL, &error);
    char *text = json_dumps(json_object_get(report, "problems"), JSON_COMPACT);
    cr_assert_not_null(strstr(text, "rule good-53: id: the group has it more than once"), "%s", text);
    free(text);
    json_decref(report);
    lab_passes("vm1", UDP("53"), "vm2");
    lab_refused("vm1", "tcp,tp_src=1,tp_dst=53" VM1_VM2, "sg_ingress");
}

/* A row that is no group at all changes nothing: what is in force stays so. Of a group that is new it is nothing. */
Test(secgroup_bad, a_row_that_is_no_group)
{
    lab_model(GROUPS(GROUP("receiver", IN4("older", PROTOCOL("udp")))));
    lab_write_row("secgroup", "receiver", "\xff\xff", 2);
    lab_passes("vm1", UDP("53"), "vm2");
    lab_refused("vm1", "tcp,tp_src=1,tp_dst=53" VM1_VM2, "sg_ingress");
    lab_delete("secgroup", "receiver");
    lab_refused("vm1", UDP("53"), "sg_ingress");
    lab_write_row("secgroup", "receiver", "\xff\xff", 2);
    lab_refused("vm1", UDP("53"), "sg_ingress");
}

Test(secgroup_bad, more_rules_than_a_group_may_have_are_named)
{
    char *text = malloc(400000);
    size_t n = (size_t)sprintf(text, "{'secgroup': [{'id': 'receiver', 'topic': 'red', 'rules': [");
    for (unsigned i = 0; i < DF_SECURITY_GROUP_RULES_MAX + 10; i++)
        n += (size_t)sprintf(text + n, "%s" IN4("r%u", ", 'protocol': 'udp'" RANGE("%u", "%u")), i ? "," : "", i,
                             1000 + i, 1000 + i);
    sprintf(text + n, "]}]}");
    lab_model(text);
    free(text);
    struct df_error error = {""};
    json_t *report = df_controller_report(lab_controller(), "show", NULL, &error);
    cr_assert_gt(json_integer_value(json_object_get(report, "n_problems")), 0, "nothing is said of the rules left out");
    json_decref(report);
    lab_passes("vm1", UDP("1000"), "vm2");
}
