/* SPDX-License-Identifier: Apache-2.0 */
#include "control/compile/groups.h"

/* ---- Members: asked for by rules */

static void count_remote(struct df_store *store, enum df_nb_table table, const char *id, int by)
{
    if (!id || !*id)
        return;
    struct df_object *group = df_store_want(store, table, id);
    uint32_t before = group->remote_of;
    group->remote_of += (uint32_t)by;
    if (!before != !group->remote_of)
        df_watched_fire(&group->members_needed_by);
    df_object_trim(group);
}

static void count_remotes(struct df_store *store, const Df__SecurityGroup *group, int by)
{
    for (size_t i = 0; group && i < group->n_rules; i++) {
        count_remote(store, DF_NB_SECGROUP, group->rules[i]->remote_group_id, by);
        count_remote(store, DF_NB_ADDRESS_GROUP, group->rules[i]->remote_address_group_id, by);
    }
}

/* ---- Rules: asked for by ports */

static void count_group(struct df_store *store, const char *id, int by)
{
    struct df_object *group = df_store_want(store, DF_NB_SECGROUP, id);
    uint32_t before = group->local_ports;
    group->local_ports += (uint32_t)by;
    if (!before != !group->local_ports) {
        df_watched_fire(&group->needed_by);
        count_remotes(store, (const Df__SecurityGroup *)group->message, by);
    }
    df_object_trim(group);
}

void df_groups_count_port(struct df_store *store, const Df__LogicalPort *lport, int by)
{
    for (size_t i = 0; lport && i < lport->n_security_groups; i++)
        if (lport->security_groups[i][0])
            count_group(store, lport->security_groups[i], by);
}

void df_groups_rules_change(struct df_store *store, const Df__SecurityGroup *old, const Df__SecurityGroup *new)
{
    const struct df_object *group = df_store_find(store, DF_NB_SECGROUP, new ? new->id : old->id);
    if (!group || group->local_ports == 0)
        return;
    /* The new ones first: what both name is not unneeded in between. */
    count_remotes(store, new, 1);
    count_remotes(store, old, -1);
}

/* ---- From scratch */

static void forget(struct df_object *group, void *arg)
{
    (void)arg;
    group->local_ports = 0;
    group->remote_of = 0;
}

void df_groups_forget(struct df_store *store)
{
    df_store_each(store, DF_NB_SECGROUP, forget, NULL);
    df_store_each(store, DF_NB_ADDRESS_GROUP, forget, NULL);
}

static void trim(struct df_object *group, void *arg)
{
    (void)arg;
    df_object_trim(group);
}

void df_groups_trim(struct df_store *store)
{
    df_store_each(store, DF_NB_SECGROUP, trim, NULL);
    df_store_each(store, DF_NB_ADDRESS_GROUP, trim, NULL);
}
