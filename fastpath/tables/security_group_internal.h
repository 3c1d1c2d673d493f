/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "fastpath/lookup/id_map.h"
#include "fastpath/tables/rules.h"
#include "fastpath/tables/table.h"

/*
 * The parts of tables 15 and 110, for the files of security groups only: security_group.c keeps the entries,
 * security_group_ask.c asks their rules, security_group_judge.c makes of the answer what becomes of a packet.
 *
 * Invariant: a group's policy, its compiled rules with the entry they are from, is replaced as a whole.
 */

struct sg_policy {
    struct rcu_head rcu;
    struct df_entry entry; /* its value is the member of that name */
    struct df_rules *rules;
    uint64_t value[];
};

struct sg_group {
    struct df_id_object id;
    struct sg_policy *policy; /* RCU */
    struct rcu_head rcu;
};

/* State of either table. */
struct sg_groups {
    struct df_hash_map map;
    uint32_t max;
    const struct df_table_ops *ops;
};

/* What a decision depends on that one rule allowed. */
static inline uint32_t sg_rule_mark(const struct df_table_ops *ops, uint32_t rule)
{
    return df_stamp_mark(ops->desc.number, df_id_hash(rule));
}

/* What a decision depends on for which the rules of one group were asked, and of many: no group has the number 0. */
static inline uint32_t sg_group_mark(const struct df_table_ops *ops, uint32_t group)
{
    return df_stamp_mark(ops->desc.number, df_id_hash(group));
}

#define SG_ANY_GROUP 0

/* Kinds of groups, or-ed. */
enum { SG_STATEFUL = 1, SG_STATELESS = 2, SG_BOTH = SG_STATEFUL | SG_STATELESS };

/**
 * The number of a rule for that direction that matches, or 0; of the port's groups of that kind. Records in the walk
 * what the answer depends on.
 *
 * @param kinds the kinds of groups there are, or-ed into it; all of them where 0 is returned or stateless ones are
 *              asked for. A group without an entry may be either
 */
uint32_t df_security_group_ask(struct df_walk *walk, enum df_track_side direction,
                               const struct df_rules_question *question, unsigned kind, unsigned *kinds);
