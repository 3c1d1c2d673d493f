/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/tables/security_group.h"

#include <errno.h>
#include <stdlib.h>

#include "fastpath/tables/builtin.h"
#include "fastpath/tables/security_group_internal.h"

/* Tables 15 and 110: the rules of security groups for what their ports send and get. */

/* ---- control thread */

static int init(void **state, const struct df_table_ops *ops, uint32_t max)
{
    struct sg_groups *groups = malloc(sizeof(*groups));
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
    struct sg_policy *policy = caa_container_of(head, struct sg_policy, rcu);
    df_rules_free(policy->rules);
    free(policy);
}

static void group_free(struct rcu_head *head)
{
    free(caa_container_of(head, struct sg_group, rcu));
}

static const struct df_security_group_value no_rules;

static const struct df_security_group_value *value_of(const struct sg_policy *policy)
{
    return policy != NULL ? policy->entry.value : &no_rules;
}

/*
 * Is there such a rule among the first n? Most changes add, remove or replace one rule in a list that else stays in
 * order, so each search begins where the last one ended, at *at.
 */
static bool search(const struct df_security_group_value *value, uint32_t n, uint32_t *at,
                   const struct df_security_group_rule *rule, size_t size)
{
    for (uint32_t tried = 0; tried < n; tried++) {
        if (memcmp(rule, &value->rule[*at], size) == 0)
            return true;
        *at = *at + 1 < n ? *at + 1 : 0;
    }
    return false;
}

/* Tells the decisions that a rule allowed which is not there any more as it was. */
static void tell_rules(const struct df_table_ops *ops, const struct sg_policy *old, const struct sg_policy *policy)
{
    const struct df_security_group_value *was = value_of(old), *is = value_of(policy);
    uint32_t n = is->stateful == was->stateful ? is->n_rules : 0, at = 0;
    for (uint32_t i = 0; i < was->n_rules; i++)
        if (!search(is, n, &at, &was->rule[i], sizeof(was->rule[i])))
            df_stamps_bump(sg_rule_mark(ops, was->rule[i].rule));
}

/* Rules that come to the group have not been hit; what an old number of theirs counted was another rule's. */
static void clear_hits(const struct sg_policy *old, const struct sg_policy *policy)
{
    const struct df_security_group_value *was = value_of(old), *is = value_of(policy);
    uint32_t at = 0;
    for (uint32_t i = 0; i < is->n_rules; i++)
        if (!search(was, was->n_rules, &at, &is->rule[i], sizeof(is->rule[i].rule)))
            df_security_group_hits_clear(is->rule[i].rule);
}

/*
 * policy NULL: none. Tells the caches, and only then lets go of its predecessor. The group's stamps are those of
 * decisions that no rule allowed; security_group_ask.c says why the rules' come after the publication.
 */
static void policy_replace(const struct sg_groups *groups, struct sg_group *group, struct sg_policy *policy)
{
    struct sg_policy *old = group->policy;
    clear_hits(old, policy);
    df_rcu_publish(group->policy, policy);
    df_stamps_bump(df_stamp_mark(groups->ops->desc.number, group->id.hash.hash));
    df_stamps_bump(sg_group_mark(groups->ops, SG_ANY_GROUP));
    if (old == NULL)
        return;
    tell_rules(groups->ops, old, policy);
    df_rcu_call(&old->rcu, policy_free);
}

static void group_del(struct sg_groups *groups, struct sg_group *group)
{
    policy_replace(groups, group, NULL);
    df_hash_map_del(&groups->map, &group->id.hash);
    df_rcu_call(&group->rcu, group_free);
}

static void fini(void *state)
{
    struct sg_groups *groups = state;
    struct sg_group *group;
    uint64_t at = 0;
    while ((group = (struct sg_group *)df_hash_map_next(&groups->map, &at)) != NULL)
        group_del(groups, group);
    df_hash_map_fini(&groups->map);
    free(groups);
}

static int policy_new(struct sg_policy **policy, const struct df_entry *entry)
{
    struct sg_policy *made = malloc(sizeof(*made) + entry->value_len);
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

static struct sg_group *group_find(const struct sg_groups *groups, const struct df_entry *entry)
{
    const struct df_security_group_key *key = (const void *)entry->key;
    return df_id_map_find(&groups->map, key->group, df_id_hash(key->group));
}

static int put(void *state, const struct df_entry *entry)
{
    struct sg_groups *groups = state;
    struct sg_policy *policy;
    if (!counts_are_good(&groups->ops->desc, entry))
        return -EINVAL;
    struct sg_group *group = group_find(groups, entry);
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
    struct sg_groups *groups = state;
    struct sg_group *group = entry->key_len == sizeof(struct df_security_group_key) ? group_find(groups, entry) : NULL;
    if (group == NULL)
        return -ENOENT;
    group_del(groups, group);
    return 0;
}

static int for_each(void *state, int (*cb)(const struct df_entry *entry, uint64_t hits, void *arg), void *arg)
{
    struct sg_groups *groups = state;
    const struct sg_group *group;
    uint64_t at = 0;
    while ((group = (struct sg_group *)df_hash_map_next(&groups->map, &at)) != NULL) {
        int stop = cb(&group->policy->entry, 0, arg);
        if (stop != 0)
            return stop;
    }
    return 0;
}

static uint32_t count(void *state)
{
    return ((struct sg_groups *)state)->map.n_objects;
}

/* ---- the tables */

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
