/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/tables/security_group.h"

#include <errno.h>
#include <netinet/in.h>
#include <rte_tcp.h>
#include <stdlib.h>

#include "fastpath/eal.h"
#include "fastpath/lookup/id_map.h"
#include "fastpath/packet/icmp.h"
#include "fastpath/tables/address_set.h"
#include "fastpath/tables/builtin.h"
#include "fastpath/tables/rules.h"

/*
 * The rules of security groups, and what they make of a packet: of what a port sends (15) and gets (110).
 *
 * Invariants:
 * - A group's policy, its compiled rules with the entry they are from, is replaced as a whole.
 * - Each walk of a packet of a connection judges the connection's original direction by the rules of today, whichever
 *   way the packet goes: by the egress rules of the port whose zone it is if that one began it, else by its ingress
 *   rules. So a removed rule cuts a connection both ways, and no other one.
 * - The rules of stateful groups are asked first, those of stateless groups about the packet itself, without a
 *   connection. A packet is allowed when any rule allows it.
 */

struct policy {
    struct rcu_head rcu;
    struct df_entry entry; /* its value is the member of that name */
    struct df_rules *rules;
    uint64_t value[];
};

struct group {
    struct df_id_object id;
    struct policy *policy; /* RCU */
    struct rcu_head rcu;
};

struct groups {
    struct df_hash_map map;
    uint32_t max;
    const struct df_table_ops *ops;
};

/* ---- hits */

/* By worker and rule. What no rule has is never touched, and takes no memory. */
static _Atomic uint64_t hits[DF_EAL_WORKERS_MAX][DF_RULES_COUNTED] __attribute__((aligned(64)));

void df_security_group_hit(unsigned worker, uint32_t rule)
{
    if (worker >= DF_EAL_WORKERS_MAX || rule >= DF_RULES_COUNTED)
        return;
    _Atomic uint64_t *counter = &hits[worker][rule]; /* that worker alone writes it */
    uint64_t now = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, now + 1, memory_order_relaxed);
}

uint64_t df_security_group_hits(uint32_t rule)
{
    uint64_t sum = 0;
    for (unsigned worker = 0; worker < DF_EAL_WORKERS_MAX && rule < DF_RULES_COUNTED; worker++)
        sum += atomic_load_explicit(&hits[worker][rule], memory_order_relaxed);
    return sum;
}

/* ---- control thread */

static int init(void **state, const struct df_table_ops *ops, uint32_t max)
{
    struct groups *groups = malloc(sizeof(*groups));
    if (groups == NULL)
        return -ENOMEM;
    groups->max = max;
    groups->ops = ops;
    int rc = df_hash_map_init(&groups->map);
    if (rc == 0)
        *state = groups;
    else
        free(groups);
    return rc;
}

static void policy_free(struct rcu_head *head)
{
    struct policy *policy = caa_container_of(head, struct policy, rcu);
    df_rules_free(policy->rules);
    free(policy);
}

static void group_free(struct rcu_head *head)
{
    free(caa_container_of(head, struct group, rcu));
}

/* What a decision depends on that one rule allowed. */
static uint32_t rule_mark(const struct df_table_ops *ops, uint32_t rule)
{
    return df_stamp_mark(ops->desc.number, df_id_hash(rule));
}

/*
 * Tells the decisions that a rule allowed which is not there any more as it was. Most changes add, remove or replace
 * one rule in a list that else stays in order, so each search begins where the last one ended.
 */
static void tell_rules(const struct df_table_ops *ops, const struct policy *old, const struct policy *policy)
{
    static const struct df_security_group_value none;
    const struct df_security_group_value *was = old->entry.value;
    const struct df_security_group_value *is = policy != NULL ? policy->entry.value : &none;
    uint32_t n = is->stateful == was->stateful ? is->n_rules : 0, at = 0;
    for (uint32_t i = 0; i < was->n_rules; i++) {
        uint32_t tried = 0;
        while (tried < n && memcmp(&was->rule[i], &is->rule[at], sizeof(is->rule[at])) != 0) {
            at = at + 1 < n ? at + 1 : 0;
            tried++;
        }
        if (tried == n)
            df_stamps_bump(rule_mark(ops, was->rule[i].rule));
    }
}

/*
 * policy NULL: none. Tells the caches, and only then lets go of its predecessor. The group's stamp is the one of
 * decisions that no rule allowed; ask_one() says why the rules' come after the publication.
 */
static void policy_replace(const struct groups *groups, struct group *group, struct policy *policy)
{
    struct policy *old = group->policy;
    df_rcu_publish(group->policy, policy);
    df_stamps_bump(df_stamp_mark(groups->ops->desc.number, group->id.hash.hash));
    if (old == NULL)
        return;
    tell_rules(groups->ops, old, policy);
    df_rcu_call(&old->rcu, policy_free);
}

static void group_del(struct groups *groups, struct group *group)
{
    policy_replace(groups, group, NULL);
    df_hash_map_del(&groups->map, &group->id.hash);
    df_rcu_call(&group->rcu, group_free);
}

static void fini(void *state)
{
    struct groups *groups = state;
    struct group *group;
    uint64_t at = 0;
    while ((group = (struct group *)df_hash_map_next(&groups->map, &at)) != NULL)
        group_del(groups, group);
    df_hash_map_fini(&groups->map);
    free(groups);
}

static int policy_new(struct policy **policy, const struct df_entry *entry)
{
    struct policy *made = malloc(sizeof(*made) + entry->value_len);
    if (made == NULL)
        return -ENOMEM;
    made->entry = *entry;
    made->entry.value = memcpy(made->value, entry->value, entry->value_len);
    int rc = df_rules_new(&made->rules, made->entry.value);
    if (rc != 0) {
        free(made);
        return rc;
    }
    *policy = made;
    return 0;
}

static bool counts_are_good(const struct df_table_desc *desc, const struct df_entry *entry)
{
    if (!df_table_entry_fits(desc, entry))
        return false;
    const struct df_security_group_value *value = entry->value;
    size_t n = (entry->value_len - sizeof(*value)) / sizeof(value->rule[0]);
    return value->n_rules == n && n <= DF_SECURITY_GROUP_RULES_MAX;
}

static struct group *group_find(const struct groups *groups, const struct df_entry *entry)
{
    const struct df_security_group_key *key = (const void *)entry->key;
    return df_id_map_find(&groups->map, key->group, df_id_hash(key->group));
}

static int put(void *state, const struct df_entry *entry)
{
    struct groups *groups = state;
    struct policy *policy;
    if (!counts_are_good(&groups->ops->desc, entry))
        return -EINVAL;
    struct group *group = group_find(groups, entry);
    if (group == NULL && groups->map.n_objects >= groups->max)
        return -ENOSPC;
    int rc = policy_new(&policy, entry);
    if (rc != 0)
        return rc;
    if (group == NULL)
        group = df_id_map_add(&groups->map, ((const struct df_security_group_key *)(const void *)entry->key)->group,
                              sizeof(*group));
    if (group == NULL) {
        policy_free(&policy->rcu);
        return -ENOMEM;
    }
    policy_replace(groups, group, policy);
    return 0;
}

static int del(void *state, const struct df_entry *entry)
{
    struct groups *groups = state;
    struct group *group = entry->key_len == sizeof(struct df_security_group_key) ? group_find(groups, entry) : NULL;
    if (group == NULL)
        return -ENOENT;
    group_del(groups, group);
    return 0;
}

static int for_each(void *state, int (*cb)(const struct df_entry *entry, uint64_t hits, void *arg), void *arg)
{
    struct groups *groups = state;
    const struct group *group;
    uint64_t at = 0;
    while ((group = (struct group *)df_hash_map_next(&groups->map, &at)) != NULL) {
        int stop = cb(&group->policy->entry, 0, arg);
        if (stop != 0)
            return stop;
    }
    return 0;
}

static uint32_t count(void *state)
{
    return ((struct groups *)state)->map.n_objects;
}

/* ---- asking the rules */

/* Kinds of groups, or-ed. */
enum { STATEFUL = 1, STATELESS = 2, BOTH = STATEFUL | STATELESS };

static const uint16_t rules_of[DF_TRACK_SIDES] = {
    [DF_TRACK_EGRESS] = DF_TABLE_EGRESS_SECURITY_GROUP,
    [DF_TRACK_INGRESS] = DF_TABLE_INGRESS_SECURITY_GROUP,
};
static const enum df_drop no_rule[DF_TRACK_SIDES] = {
    [DF_TRACK_EGRESS] = DF_DROP_SG_EGRESS,
    [DF_TRACK_INGRESS] = DF_DROP_SG_INGRESS,
};

static const struct policy *policy_read(const struct df_table *table, uint32_t number, uint64_t hash)
{
    const struct groups *groups = table->state;
    const struct group *group = df_id_map_find(&groups->map, number, hash);
    return group != NULL ? df_rcu_read(group->policy) : NULL;
}

static const struct policy *policy_find(const struct df_table *table, struct df_walk *walk, uint32_t number)
{
    const struct df_security_group_key key = {.group = number};
    uint64_t hash = df_id_hash(number);
    df_stamps_add(&walk->stamps, df_stamp_mark(table->ops->desc.number, hash));
    const struct policy *policy = policy_read(table, number, hash);
    if (walk->trace != NULL)
        walk->trace->lookup(walk->trace, table, &key, sizeof(key), policy != NULL ? &policy->entry : NULL);
    return policy;
}

static unsigned kind_of(const struct policy *policy)
{
    const struct df_security_group_value *value = policy->entry.value;
    return value->stateful ? STATEFUL : STATELESS;
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
                                 .kind = kind & BOTH,
                                 .read_l4 = walk->read_l4,
                                 .n_stamps = n & 0x1f};
    memcpy(ruling->stamp, walk->stamps.slot + before->n, n * sizeof(ruling->stamp[0]));
}

/*
 * The number of a rule that matches, or 0, as ask() below finds it; but the decision then depends on that rule alone.
 * Rules only allow, so what one allows stays allowed, whatever becomes of the others. Only after the rule was found its
 * stamp can be recorded: so it is looked at again whether the group still is as it was, and the address in the set.
 * In a trace there is no short way.
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
        const struct policy *policy = policy_read(table, number, hash);
        if (policy == NULL || !(kind_of(policy) & kind))
            continue;
        struct df_rules_answer answer = df_rules_match(policy->rules, walk, question);
        if (answer.rule == 0)
            continue;
        df_stamps_back_to(&walk->stamps, &before);
        df_stamps_add(&walk->stamps, rule_mark(table->ops, answer.rule));
        if (policy_read(table, number, hash) == policy &&
            (answer.set == 0 || df_address_set_has(walk, answer.set, answer.domain, &question->remote)))
            return answer.rule;
        break;
    }
    df_stamps_back_to(&walk->stamps, &before);
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

/*
 * The number of a rule for that direction that matches, or 0; of the port's groups of that kind.
 *
 * @param kinds the kinds of groups there are, or-ed into it; all of them where 0 is returned or stateless ones are
 *              asked for. A group without an entry may be either
 */
static uint32_t ask(struct df_walk *walk, enum df_track_side direction, const struct df_rules_question *question,
                    unsigned kind, unsigned *kinds)
{
    const struct df_table *table = df_table(rules_of[direction]);
    const struct df_conntrack_value *port = walk->conntrack;
    uint32_t rule = walk->trace == NULL ? ask_short(walk, direction, question, kind) : 0;
    if (rule != 0 && kind != STATELESS)
        return rule;
    for (uint32_t i = 0; i < port->n_groups && (rule == 0 || kind == STATELESS); i++) {
        const struct policy *policy = policy_find(table, walk, port->group[i].group);
        if (policy == NULL) {
            *kinds |= BOTH;
            continue;
        }
        unsigned own = kind_of(policy);
        *kinds |= own;
        if (rule == 0 && (own & kind))
            rule = df_rules_match(policy->rules, walk, question).rule;
    }
    return rule;
}

static uint16_t icmp_l4(const struct df_packet *packet)
{
    return df_rules_l4_icmp(packet->l4_dst, packet->icmp_code);
}

static bool is_icmp(const struct df_packet *packet)
{
    return packet->ip_proto == (packet->bits & DF_PACKET_IP4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
}

/* About the packet as it goes. The rules note it when ports mattered. */
static struct df_rules_question about_packet(const struct df_walk *walk, enum df_track_side side)
{
    const struct df_packet *packet = &walk->packet;
    struct df_rules_question question = {
        .remote = side == DF_TRACK_EGRESS ? packet->ip_dst : packet->ip_src,
        .domain = walk->conntrack->domain,
        .ip_proto = packet->ip_proto,
        .ip4 = packet->bits & DF_PACKET_IP4,
    };
    if (packet->bits & DF_PACKET_L4)
        question.l4 = is_icmp(packet) ? icmp_l4(packet) : packet->l4_dst;
    return question;
}

/* The question that an ICMP message answers (RFC 792, RFC 950, RFC 4443, RFC 4620), or the message itself. */
static uint16_t icmp_l4_of_question(const struct df_packet *packet)
{
    bool ip4 = packet->bits & DF_PACKET_IP4;
    switch (packet->l4_dst) {
    case DF_ICMP_ECHO_REPLY:
        return ip4 ? df_rules_l4_icmp(DF_ICMP_ECHO_REQUEST, 0) : icmp_l4(packet);
    case 14: /* timestamp */
    case 16: /* information */
    case 18: /* address mask */
        return ip4 ? df_rules_l4_icmp(packet->l4_dst - 1, 0) : icmp_l4(packet);
    case DF_ICMP6_ECHO_REPLY:
    case 140: /* node information */
        return ip4 ? icmp_l4(packet) : df_rules_l4_icmp(packet->l4_dst - 1, 0);
    default:
        return icmp_l4(packet);
    }
}

/* About the packet that began the connection, in that direction. A quoted ICMP message is taken for an echo. */
static struct df_rules_question about_original(const struct df_walk *walk, const struct df_track *track,
                                               enum df_track_side direction)
{
    const struct df_conn_key *key = &track->key; /* the connection's or the reverse of it */
    bool reverse = track->related ? !track->reply : track->reply;
    const struct df_ip *src = reverse ? &key->dst : &key->src, *dst = reverse ? &key->src : &key->dst;
    struct df_rules_question question = {
        .remote = direction == DF_TRACK_EGRESS ? *dst : *src,
        .domain = walk->conntrack->domain,
        .l4 = reverse ? key->l4_src : key->l4_dst,
        .ip_proto = key->ip_proto,
        .ip4 = df_ip_is4(&key->src),
    };
    if (key->ip_proto != (question.ip4 ? IPPROTO_ICMP : IPPROTO_ICMPV6))
        return question;
    uint16_t echo = question.ip4 ? DF_ICMP_ECHO_REQUEST : DF_ICMP6_ECHO_REQUEST;
    question.l4 = track->related ? df_rules_l4_icmp(echo, 0) : icmp_l4_of_question(&walk->packet);
    return question;
}

/* ---- judging */

static uint16_t pass(struct df_walk *walk, enum df_track_side side, uint32_t rule)
{
    walk->rule[side] = rule;
    return side == DF_TRACK_EGRESS ? DF_TABLE_SERVICES : DF_TABLE_DISPATCH;
}

/* Without connections: any rule of any group about the packet itself. */
static uint16_t judge_alone(struct df_walk *walk, enum df_track_side side)
{
    unsigned kinds = 0;
    struct df_rules_question question = about_packet(walk, side);
    uint32_t rule = ask(walk, side, &question, BOTH, &kinds);
    if (rule == 0)
        return df_walk_drop(walk, no_rule[side]);
    df_security_group_hit(walk->worker, rule);
    return pass(walk, side, rule);
}

/* A rule that lets it begin a connection, in place of the one it has, if any. */
static uint32_t judge_anew(struct df_walk *walk, enum df_track_side side, unsigned *kinds)
{
    struct df_rules_question question = about_packet(walk, side);
    uint32_t rule = ask(walk, side, &question, STATEFUL, kinds);
    walk->track[side].begin = rule != 0;
    return rule;
}

static enum df_track_side other_of(enum df_track_side side)
{
    return side == DF_TRACK_EGRESS ? DF_TRACK_INGRESS : DF_TRACK_EGRESS;
}

static uint32_t judge_original(struct df_walk *walk, enum df_track_side side, unsigned *kinds)
{
    const struct df_track *track = &walk->track[side];
    enum df_track_side direction = track->reply ? other_of(side) : side;
    struct df_rules_question question = about_original(walk, track, direction);
    return ask(walk, direction, &question, STATEFUL, kinds);
}

static bool is_pure_syn(const struct df_packet *packet)
{
    const uint8_t control = RTE_TCP_SYN_FLAG | RTE_TCP_ACK_FLAG | RTE_TCP_RST_FLAG | RTE_TCP_FIN_FLAG;
    return packet->ip_proto == IPPROTO_TCP &&
           (packet->bits & (DF_PACKET_L4 | DF_PACKET_LATER_FRAGMENT)) == DF_PACKET_L4 &&
           (packet->tcp.flags & control) == RTE_TCP_SYN_FLAG;
}

/* A packet of a connection. When that one is not allowed any more, a SYN may begin another in its place. */
static uint32_t judge_part(struct df_walk *walk, enum df_track_side side, unsigned *kinds, enum df_drop *reason)
{
    const struct df_track *track = &walk->track[side];
    enum df_conn_judgement is = df_conn_judge(track->conn, track->reply, &walk->packet);
    bool syn = is_pure_syn(&walk->packet);
    if (is == DF_CONN_ANEW)
        return judge_anew(walk, side, kinds);
    uint32_t rule = is == DF_CONN_PASS || syn ? judge_original(walk, side, kinds) : 0;
    if (rule == 0 && syn)
        return judge_anew(walk, side, kinds);
    if (is == DF_CONN_PASS)
        return rule;
    *kinds = 0; /* not all of them were looked at */
    *reason = is == DF_CONN_RST_WINDOW ? DF_DROP_CONN_RST_WINDOW : DF_DROP_CONN_INVALID;
    return 0;
}

/* By the rules of stateful groups. 0: none lets it pass, and reason says more where there is more to say. */
static uint32_t judge_stateful(struct df_walk *walk, enum df_track_side side, unsigned *kinds, enum df_drop *reason)
{
    const struct df_track *track = &walk->track[side];
    if (track->related)
        return judge_original(walk, side, kinds);
    if (track->conn != NULL)
        return judge_part(walk, side, kinds, reason);
    if (walk->packet.bits & DF_PACKET_ICMP_ERROR) {
        *reason = DF_DROP_CONN_UNRELATED;
        return 0;
    }
    if (df_conn_can_begin(&walk->packet))
        return judge_anew(walk, side, kinds);
    *reason = DF_DROP_CONN_INVALID;
    return 0;
}

/*
 * A packet that no rule lets pass, where a connection would: the flow cache may keep that as long as there is none. Which
 * packet of SCTP may begin an association says more than its key has.
 */
static void note_no_connection(struct df_walk *walk, const struct df_track *track)
{
    const struct df_track *other = &walk->track[DF_TRACK_EGRESS];
    bool none = track->conn == NULL && (other == track || !other->tracked || other->conn == NULL);
    if (none && !(walk->packet.bits & DF_PACKET_ICMP_ERROR) && walk->packet.ip_proto != IPPROTO_SCTP) {
        walk->unless_conn = true;
        walk->conn_hash = track->hash;
        walk->read_l4 = walk->read_l4 || (walk->packet.bits & DF_PACKET_L4) != 0;
    } else {
        walk->uncacheable = true;
    }
}

/*
 * By the rules of stateless groups, when no others let it pass. Where there are both, a connection that comes to be
 * may change the outcome, and no stamp would tell; where there are only stateless ones, none can.
 */
static uint16_t judge_stateless(struct df_walk *walk, enum df_track_side side, unsigned kinds, enum df_drop reason)
{
    uint32_t rule = 0;
    struct df_track *track = &walk->track[side];
    track->tracked = false;
    if (kinds != STATEFUL) {
        struct df_rules_question question = about_packet(walk, side);
        rule = ask(walk, side, &question, STATELESS, &kinds);
    }
    if ((kinds & STATEFUL) && rule == 0)
        note_no_connection(walk, track);
    else if (kinds & STATEFUL)
        walk->uncacheable = true;
    if (rule == 0)
        return df_walk_drop(walk, kinds & STATEFUL ? reason : no_rule[side]);
    df_security_group_hit(walk->worker, rule);
    return pass(walk, side, rule);
}

static uint16_t judge_tracked(struct df_walk *walk, enum df_track_side side)
{
    unsigned kinds = 0;
    enum df_drop reason = no_rule[side];
    uint32_t rule = judge_stateful(walk, side, &kinds, &reason);
    if (rule == 0)
        return judge_stateless(walk, side, kinds, reason);
    if (walk->packet.bits & DF_PACKET_L4)
        walk->read_l4 = true; /* ports say which connection it is */
    return pass(walk, side, rule);
}

uint16_t df_security_group_judge(struct df_walk *walk, enum df_track_side side)
{
    return walk->track[side].tracked ? judge_tracked(walk, side) : judge_alone(walk, side);
}

static uint16_t decide_egress(void *state, struct df_walk *walk)
{
    (void)state;
    return df_security_group_judge(walk, DF_TRACK_EGRESS);
}

static uint16_t decide_ingress(void *state, struct df_walk *walk)
{
    (void)state;
    return df_security_group_judge(walk, DF_TRACK_INGRESS);
}

/* ---- the tables */

static const char *const l4s[] = {[DF_RULE_L4_ANY] = "any",
                                  [DF_RULE_L4_PORTS] = "ports",
                                  [DF_RULE_L4_TYPE] = "type",
                                  [DF_RULE_L4_TYPE_CODE] = "type_code",
                                  NULL};
static const char *const remotes[] = {[DF_REMOTE_ANY] = "any",
                                      [DF_REMOTE_PREFIX] = "prefix",
                                      [DF_REMOTE_SET] = "group",
                                      [DF_REMOTE_ADDRESS_GROUP] = "address_group",
                                      NULL};

static const struct df_field key_fields[] = {
    DF_FIELD(df_security_group_key, group, DF_FIELD_UINT),
    DF_FIELD_END,
};

static const struct df_field value_fields[] = {
    DF_FIELD(df_security_group_value, stateful, DF_FIELD_UINT),
    DF_FIELD(df_security_group_value, n_rules, DF_FIELD_UINT),
    DF_FIELD_END,
};

static const struct df_field item_fields[] = {
    DF_FIELD(df_security_group_rule, rule, DF_FIELD_UINT),
    DF_FIELD(df_security_group_rule, ip_version, DF_FIELD_UINT),
    DF_FIELD(df_security_group_rule, any_proto, DF_FIELD_UINT),
    DF_FIELD(df_security_group_rule, ip_proto, DF_FIELD_UINT),
    DF_FIELD_NAMES(df_security_group_rule, l4, l4s),
    DF_FIELD(df_security_group_rule, first, DF_FIELD_UINT),
    DF_FIELD(df_security_group_rule, last, DF_FIELD_UINT),
    DF_FIELD_NAMES(df_security_group_rule, remote, remotes),
    DF_FIELD(df_security_group_rule, set, DF_FIELD_UINT),
    DF_FIELD_LEN(df_security_group_rule, prefix, prefix_len),
    DF_FIELD_END,
};

const struct df_table_ops df_table_egress_security_group = {
    .desc = {.number = DF_TABLE_EGRESS_SECURITY_GROUP,
             .name = "egress_security_group",
             .upstream = "EGRESS_SECURITY_GROUP",
             .summary = "what a security group lets its ports send",
             .key_size = sizeof(struct df_security_group_key),
             .value_size = sizeof(struct df_security_group_value),
             .item_size = sizeof(struct df_security_group_rule),
             .order = DF_ORDER_EGRESS_SECURITY_GROUP,
             .key_fields = key_fields,
             .value_fields = value_fields,
             .item_fields = item_fields},
    .init = init,
    .fini = fini,
    .put = put,
    .del = del,
    .for_each = for_each,
    .count = count,
    .decide = decide_egress,
};

const struct df_table_ops df_table_ingress_security_group = {
    .desc = {.number = DF_TABLE_INGRESS_SECURITY_GROUP,
             .name = "ingress_security_group",
             .upstream = "INGRESS_SECURITY_GROUP",
             .summary = "what a security group lets its ports get",
             .key_size = sizeof(struct df_security_group_key),
             .value_size = sizeof(struct df_security_group_value),
             .item_size = sizeof(struct df_security_group_rule),
             .order = DF_ORDER_INGRESS_SECURITY_GROUP,
             .key_fields = key_fields,
             .value_fields = value_fields,
             .item_fields = item_fields},
    .init = init,
    .fini = fini,
    .put = put,
    .del = del,
    .for_each = for_each,
    .count = count,
    .decide = decide_ingress,
};
