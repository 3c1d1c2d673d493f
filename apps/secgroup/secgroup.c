/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "apps/secgroup/rule.h"
#include "control/secgroups.h"
#include "fastpath/packet/icmp.h"

/*
 * secgroup: Neutron's security groups.
 *
 * A local port names its groups in 10 EGRESS_CONNTRACK and 105 INGRESS_CONNTRACK; a group that such a port has gives
 * its rules to 15 EGRESS_SECURITY_GROUP and 110 INGRESS_SECURITY_GROUP, once for all ports. Who is in a group stands in
 * 204 ADDRESS_SET alone: a port, on whatever node, puts its addresses into the set of each of its groups that a rule in
 * force here names as remote. So a member that comes or goes is one entry, and nobody's rules are compiled again.
 *
 * An address is a member's within its domain, the networks that routers connect with its own: the same address in
 * another one is somebody else's. So a rule means the members in the domain of the port that it judges, and those in a
 * domain without a port of this node are left out. The addresses of an address group are meant in all domains.
 *
 * What a rule allows is Neutron's; one that cannot be matches nothing, and the others of its group hold.
 */

/* ---- lport: which groups judge it */

static int by_number(const void *a, const void *b)
{
    uint32_t left = ((const struct df_conntrack_group *)a)->group;
    uint32_t right = ((const struct df_conntrack_group *)b)->group;
    return (left > right) - (left < right);
}

/* The first ones that there is room for, each once, by number: the order in the model means nothing. */
static void list_groups(struct df_compile *c, const Df__LogicalPort *lport, struct df_conntrack_value *value)
{
    size_t n = lport->n_security_groups;
    if (n > DF_CONNTRACK_GROUPS_MAX) {
        df_compile_problem(c, "has %zu security groups, more than %d: the first %d are in force", n,
                           DF_CONNTRACK_GROUPS_MAX, DF_CONNTRACK_GROUPS_MAX);
        n = DF_CONNTRACK_GROUPS_MAX;
    }
    for (size_t i = 0; i < n; i++)
        value->group[i].group = df_compile_number(c, DF_NB_SECGROUP, lport->security_groups[i]);
    if (n)
        qsort(value->group, n, sizeof(value->group[0]), by_number);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || value->group[i].group != value->group[i - 1].group)
            value->group[value->n_groups++] = value->group[i];
}

static void emit_conntrack(struct df_compile *c, const Df__LogicalPort *lport, uint16_t port)
{
    union {
        struct df_conntrack_value value;
        uint8_t room[sizeof(struct df_conntrack_value) + DF_CONNTRACK_GROUPS_MAX * sizeof(struct df_conntrack_group)];
    } at = {.value = {.enabled = lport->port_security_enabled, .port = port}};
    struct df_conntrack_key key = {.lport = lport->unique_key};
    if (at.value.enabled) {
        at.value.domain = df_compile_domain(c, lport->lswitch);
        list_groups(c, lport, &at.value);
    }
    uint32_t len = (uint32_t)(sizeof(at.value) + at.value.n_groups * sizeof(at.value.group[0]));
    df_compile_emit(c, DF_TABLE_EGRESS_CONNTRACK, &key, sizeof(key), &at.value, len);
    df_compile_emit(c, DF_TABLE_INGRESS_CONNTRACK, &key, sizeof(key), &at.value, len);
}

/* ---- address sets: who is in a group */

/* key: without the address. */
static bool read_address(struct df_compile *c, struct df_address_set_key *key, const char *field, const char *text)
{
    if (!text || df_prefix_parse(text, &key->ip, &key->prefix_len) < 0) {
        df_compile_problem(c, "%s: %s is not an address or prefix; correct it", field, text ? text : "none");
        return false;
    }
    df_ip_mask(&key->ip, key->prefix_len);
    return true;
}

static void emit_address(struct df_compile *c, const struct df_address_set_key *key, uint32_t lport)
{
    struct df_address_set_value value = {.lport = lport};
    df_compile_emit(c, DF_TABLE_ADDRESS_SET, key, sizeof(*key), &value, sizeof(value));
}

static bool is_everybody(const struct df_address_set_key *key)
{
    return key->prefix_len == (df_ip_is4(&key->ip) ? 96 : 0);
}

/*
 * A pair of all addresses lets its port forward what others send, and would make a member of everybody. Neutron takes it
 * for the port's MAC instead; behind a router there is none of it left, so here it adds nobody.
 */
static void emit_pair(struct df_compile *c, struct df_address_set_key key, const Df__LogicalPort *lport,
                      const char *text, const char *group)
{
    if (!read_address(c, &key, "allowed_address_pairs", text))
        return;
    if (is_everybody(&key))
        df_compile_problem(c,
                           "allowed_address_pairs: %s is everybody, and makes nobody a member of secgroup '%s'; list "
                           "the prefixes behind the port, if rules are to let them in",
                           text, group);
    else
        emit_address(c, &key, lport->unique_key);
}

/* Fixed addresses and allowed address pairs are the port's, as Neutron has it. */
static void emit_addresses(struct df_compile *c, const Df__LogicalPort *lport, const char *group)
{
    if (!df_compile_needs_members(c, DF_NB_SECGROUP, group))
        return;
    struct df_address_set_key key = {.set = df_compile_number(c, DF_NB_SECGROUP, group),
                                     .domain = df_compile_domain(c, lport->lswitch)};
    if (!key.domain)
        return;
    for (size_t i = 0; i < lport->n_ips; i++)
        if (read_address(c, &key, "ips", lport->ips[i]))
            emit_address(c, &key, lport->unique_key);
    for (size_t i = 0; i < lport->n_allowed_address_pairs; i++)
        emit_pair(c, key, lport, lport->allowed_address_pairs[i]->ip_address, group);
}

static void compile_lport(struct df_compile *c, const ProtobufCMessage *object)
{
    const Df__LogicalPort *lport = (const Df__LogicalPort *)object;
    uint16_t port = df_compile_port(c, lport);
    if (port)
        emit_conntrack(c, lport, port);
    for (size_t i = 0; i < lport->n_security_groups; i++)
        emit_addresses(c, lport, lport->security_groups[i]);
}

static void compile_address_group(struct df_compile *c, const ProtobufCMessage *object)
{
    const Df__AddressGroup *group = (const Df__AddressGroup *)object;
    if (!df_compile_needs_members(c, DF_NB_ADDRESS_GROUP, group->id))
        return;
    struct df_address_set_key key = {.set = df_compile_number(c, DF_NB_ADDRESS_GROUP, group->id)};
    for (size_t i = 0; i < group->n_addresses; i++)
        if (read_address(c, &key, "addresses", group->addresses[i]))
            emit_address(c, &key, 0);
}

/* ---- secgroup: its rules */

static bool is_egress(const Df__SecurityGroupRule *rule)
{
    return rule->direction && strcmp(rule->direction, "egress") == 0;
}

static void add_rule(struct df_compile *c, const struct df_security_group_rule *rule,
                     struct df_security_group_value *value, const char *direction)
{
    if (value->n_rules < DF_SECURITY_GROUP_RULES_MAX)
        value->rule[value->n_rules++] = *rule;
    else
        df_compile_problem(c, "more than %d %s rules: the first %d are in force", DF_SECURITY_GROUP_RULES_MAX,
                           direction, DF_SECURITY_GROUP_RULES_MAX);
}

static void emit_rules(struct df_compile *c, uint16_t table, const char *group,
                       const struct df_security_group_value *value)
{
    struct df_security_group_key key = {.group = df_compile_number(c, DF_NB_SECGROUP, group)};
    df_compile_emit(c, table, &key, sizeof(key), value,
                    (uint32_t)(sizeof(*value) + value->n_rules * sizeof(value->rule[0])));
}

/* Where in the group a rule with that id is. */
struct place {
    const char *id;
    size_t i;
};

static int by_id(const void *a, const void *b)
{
    const struct place *left = a, *right = b;
    int order = strcmp(left->id, right->id);
    return order ? order : (left->i > right->i) - (left->i < right->i);
}

/* Marks the rules with the id of one before them: hits, traces and changes could not tell them apart. -ENOMEM. */
static int mark_doubles(const Df__SecurityGroup *group, bool *doubles)
{
    size_t n = 0;
    struct place *places = calloc(group->n_rules + 1, sizeof(*places));
    if (!places)
        return -ENOMEM;
    for (size_t i = 0; i < group->n_rules; i++)
        if (group->rules[i]->id)
            places[n++] = (struct place){group->rules[i]->id, i};
    qsort(places, n, sizeof(*places), by_id);
    for (size_t i = 1; i < n; i++)
        doubles[places[i].i] = strcmp(places[i - 1].id, places[i].id) == 0;
    free(places);
    return 0;
}

/* Such a rule is in force, and not for what its user may expect: what begins no connection is invalid by itself. */
static void name_what_begins_nothing(struct df_compile *c, const char *id, const struct df_security_group_rule *rule)
{
    bool typed = rule->l4 == DF_RULE_L4_TYPE || rule->l4 == DF_RULE_L4_TYPE_CODE;
    if (typed && !df_icmp_is_question(rule->ip_proto, (uint8_t)rule->first))
        df_compile_problem(c,
                           "rule %s: ICMP of type %u begins no connection: in a stateful group only broadcast and "
                           "multicast of it match",
                           id, rule->first);
}

static void compile_rules(struct df_compile *c, const Df__SecurityGroup *group, const bool *doubles,
                          struct df_security_group_value *egress, struct df_security_group_value *ingress)
{
    egress->stateful = ingress->stateful = group->stateful;
    for (size_t i = 0; i < group->n_rules; i++) {
        struct df_security_group_rule rule;
        char place[DF_RULE_ID_MAX];
        const char *id = df_secgroup_rule_id(group, i, place);
        if (doubles[i])
            df_compile_problem(c,
                               "rule %s: id: the group has it more than once; only the first of these rules is in "
                               "force",
                               id);
        if (doubles[i] || !rule_compile(c, group->rules[i], id, &rule))
            continue;
        if (group->stateful)
            name_what_begins_nothing(c, id, &rule);
        if (is_egress(group->rules[i]))
            add_rule(c, &rule, egress, "egress");
        else
            add_rule(c, &rule, ingress, "ingress");
    }
    emit_rules(c, DF_TABLE_EGRESS_SECURITY_GROUP, group->id, egress);
    emit_rules(c, DF_TABLE_INGRESS_SECURITY_GROUP, group->id, ingress);
}

static void compile_secgroup(struct df_compile *c, const ProtobufCMessage *object)
{
    const Df__SecurityGroup *group = (const Df__SecurityGroup *)object;
    if (!df_compile_needs_rules(c, group->id))
        return;
    size_t most = group->n_rules < DF_SECURITY_GROUP_RULES_MAX ? group->n_rules : DF_SECURITY_GROUP_RULES_MAX;
    size_t size = sizeof(struct df_security_group_value) + most * sizeof(struct df_security_group_rule);
    struct df_security_group_value *egress = calloc(1, size);
    struct df_security_group_value *ingress = calloc(1, size);
    bool *doubles = calloc(group->n_rules + 1, sizeof(*doubles));
    if (egress && ingress && doubles && mark_doubles(group, doubles) == 0)
        compile_rules(c, group, doubles, egress, ingress);
    else
        df_compile_problem(c, "no memory for its %zu rules: it allows nothing", group->n_rules);
    free(doubles);
    free(egress);
    free(ingress);
}

static const struct df_app_rule rules[] = {
    {DF_NB_LPORT, compile_lport},
    {DF_NB_SECGROUP, compile_secgroup},
    {DF_NB_ADDRESS_GROUP, compile_address_group},
    {DF_NB_TABLES, NULL},
};

const struct df_app df_app = {
    .abi = DF_APP_ABI,
    .name = "secgroup",
    .summary = "security groups: what a port may send and get",
    .provides = DF_APP_SECURITY_GROUPS,
    .rules = rules,
};
