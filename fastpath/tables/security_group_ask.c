/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/tables/security_group_internal.h"

#include "fastpath/tables/address_set.h"
#include "fastpath/tables/builtin.h"

/*
 * Which rule of a port's groups allows something, and what that answer depends on.
 *
 * Invariant: rules only allow, so what one allows depends on that rule alone; what none allows depends on all groups of
 * the port and on all sets that their rules name, but by few stamps, however many those are.
 */

/*
 * A port in more groups than that depends on all groups there are, by one stamp. Where it has stateful and stateless
 * ones each may be asked twice on a side, and the rest of a walk takes about 15 of DF_STAMPS_MAX.
 */
#define GROUPS_APART_MAX 6

static const uint16_t rules_of[DF_TRACK_SIDES] = {
    [DF_TRACK_EGRESS] = DF_TABLE_EGRESS_SECURITY_GROUP,
    [DF_TRACK_INGRESS] = DF_TABLE_INGRESS_SECURITY_GROUP,
};

static const struct sg_policy *policy_read(const struct df_table *table, uint32_t number, uint64_t hash)
{
    const struct sg_groups *groups = table->state;
    const struct sg_group *group = df_id_map_find(&groups->map, number, hash);
    return group != NULL ? df_rcu_read(group->policy) : NULL;
}

/* apart: the decision depends on that group; else on what the caller has recorded. */
static const struct sg_policy *policy_find(const struct df_table *table, struct df_walk *walk, uint32_t number,
                                           bool apart)
{
    const struct df_security_group_key key = {.group = number};
    if (apart)
        df_stamps_add(&walk->stamps, sg_group_mark(table->ops, number));
    const struct sg_policy *policy = policy_read(table, number, df_id_hash(number));
    if (walk->trace != NULL)
        walk->trace->lookup(walk->trace, table, &key, sizeof(key), policy != NULL ? &policy->entry : NULL);
    return policy;
}

static unsigned kind_of(const struct sg_policy *policy)
{
    const struct df_security_group_value *value = policy->entry.value;
    return value->stateful ? SG_STATEFUL : SG_STATELESS;
}

/* ---- rulings: what was found, for the next packet that goes the same way (cache/ways.h) */

static struct df_ruling *ruling_of(const struct df_walk *walk, enum df_track_side direction)
{
    return walk->way != NULL ? &walk->way->ruling[direction] : NULL;
}

/* Addresses are the way's. */
static bool is_ruled(const struct df_ruling *ruling, const struct df_walk *walk,
                     const struct df_rules_question *question, unsigned kind)
{
    return ruling->by == walk->conntrack && ruling->kind == kind && ruling->ip_proto == question->ip_proto &&
           (!ruling->read_l4 || ruling->l4 == question->l4);
}

static bool ruling_holds(struct df_ruling *ruling, uint32_t changes)
{
    if (ruling->changes == changes)
        return true;
    if (!df_stamps_remembered(ruling->changes) || df_stamps_sum(ruling->stamp, ruling->n_stamps) != ruling->sum)
        return false;
    ruling->changes = changes;
    return true;
}

/* The rule that was found for such a question before, or 0. */
static uint32_t ruling_recall(struct df_walk *walk, struct df_ruling *ruling, const struct df_rules_question *question,
                              unsigned kind)
{
    if (!is_ruled(ruling, walk, question, kind) || !ruling_holds(ruling, walk->stamps.counter))
        return 0;
    df_stamps_add_known(&walk->stamps, ruling->stamp, ruling->n_stamps, ruling->sum);
    walk->read_l4 |= ruling->read_l4;
    return ruling->rule;
}

/* before: of the stamps, those behind are the ruling's. */
static void ruling_keep(struct df_ruling *ruling, const struct df_walk *walk, const struct df_rules_question *question,
                        unsigned kind, uint32_t rule, const struct df_stamps_mark *before)
{
    unsigned n = walk->stamps.n - before->n;
    if (n > DF_RULING_STAMPS_MAX || walk->stamps.n > DF_STAMPS_MAX)
        return;
    *ruling = (struct df_ruling){.by = walk->conntrack,
                                 .changes = walk->stamps.counter,
                                 .sum = walk->stamps.sum - before->sum,
                                 .rule = rule,
                                 .l4 = question->l4,
                                 .ip_proto = question->ip_proto,
                                 .kind = kind & SG_BOTH,
                                 .read_l4 = walk->read_l4,
                                 .n_stamps = n & 0x1f};
    memcpy(ruling->stamp, walk->stamps.slot + before->n, n * sizeof(ruling->stamp[0]));
}

/*
 * The number of a rule that matches, or 0, as df_security_group_ask() finds it; but the decision then depends on that
 * rule alone. Rules only allow, so what one allows stays allowed, whatever becomes of the others. Only after the rule
 * was found its stamp can be recorded: so it is looked at again whether the group still is as it was, and the address in
 * the set. In a trace there is no short way.
 */
static uint32_t ask_one(struct df_walk *walk, enum df_track_side direction, const struct df_rules_question *question,
                        unsigned kind)
{
    const struct df_table *table = df_table(rules_of[direction]);
    const struct df_conntrack_value *port = walk->conntrack;
    const struct df_stamps_mark before = df_stamps_mark_now(&walk->stamps);
    for (uint32_t i = 0; i < port->n_groups; i++) {
        uint32_t number = port->group[i].group;
        uint64_t hash = df_id_hash(number);
        const struct sg_policy *policy = policy_read(table, number, hash);
        if (policy == NULL || !(kind_of(policy) & kind))
            continue;
        struct df_rules_answer answer = df_rules_match(policy->rules, walk, question);
        if (answer.rule == 0)
            continue;
        df_stamps_add(&walk->stamps, sg_rule_mark(table->ops, answer.rule));
        if (policy_read(table, number, hash) == policy &&
            (answer.set == 0 || df_address_set_depend(walk, answer.set, answer.domain, &question->remote)))
            return answer.rule;
        df_stamps_back_to(&walk->stamps, &before);
        break;
    }
    return 0;
}

/* The same, from memory if it can be. */
static uint32_t ask_short(struct df_walk *walk, enum df_track_side direction, const struct df_rules_question *question,
                          unsigned kind)
{
    struct df_ruling *ruling = ruling_of(walk, direction);
    const struct df_stamps_mark before = df_stamps_mark_now(&walk->stamps);
    bool read_l4 = walk->read_l4;
    uint32_t rule = ruling != NULL ? ruling_recall(walk, ruling, question, kind) : 0;
    if (rule != 0)
        return rule;
    walk->read_l4 = false;
    rule = ask_one(walk, direction, question, kind);
    if (rule != 0 && ruling != NULL)
        ruling_keep(ruling, walk, question, kind, rule, &before);
    walk->read_l4 |= read_l4;
    return rule;
}

uint32_t df_security_group_ask(struct df_walk *walk, enum df_track_side direction,
                               const struct df_rules_question *question, unsigned kind, unsigned *kinds)
{
    const struct df_table *table = df_table(rules_of[direction]);
    const struct df_conntrack_value *port = walk->conntrack;
    uint32_t rule = walk->trace == NULL ? ask_short(walk, direction, question, kind) : 0;
    if (rule != 0 && kind != SG_STATELESS)
        return rule;
    bool apart = port->n_groups <= GROUPS_APART_MAX;
    if (!apart)
        df_stamps_add(&walk->stamps, sg_group_mark(table->ops, SG_ANY_GROUP));
    if (rule == 0)
        df_address_sets_depend(walk, &question->remote);
    for (uint32_t i = 0; i < port->n_groups && (rule == 0 || kind == SG_STATELESS); i++) {
        const struct sg_policy *policy = policy_find(table, walk, port->group[i].group, apart);
        if (policy == NULL) {
            *kinds |= SG_BOTH;
            continue;
        }
        unsigned own = kind_of(policy);
        *kinds |= own;
        if (rule == 0 && (own & kind))
            rule = df_rules_match(policy->rules, walk, question).rule;
    }
    return rule;
}
