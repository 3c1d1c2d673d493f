/* SPDX-License-Identifier: Apache-2.0 */
#include "control/secgroups.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/controller_state.h"
#include "control/model/alloc.h"

/* Security groups for people: rules in words, what they were good for, who has the group. */

static bool is_set(const char *text)
{
    return text && *text;
}

static json_t *text(const char *value)
{
    return value ? json_string(value) : json_null();
}

static const Df__SecurityGroup *message_of(const struct df_object *object)
{
    return object ? (const Df__SecurityGroup *)object->message : NULL;
}

/* What people call the object. */
static const char *name_of(const struct df_controller *controller, enum df_nb_table table, const char *id)
{
    const struct df_object *object = df_store_find(controller->store, table, id);
    const char *name = object && object->message ? df_schema_name(object->message) : NULL;
    return is_set(name) ? name : id;
}

/* ---- Rules in words: "ingress IPv4 tcp ports 80 to 89 from group web" */

static bool is_icmp(const char *protocol)
{
    static const char *const names[] = {"icmp", "icmpv6", "ipv6-icmp", "1", "58"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(protocol, names[i]) == 0)
            return true;
    return false;
}

/* Also of a rule that cannot be: whoever reads it sees what stands there. */
static void put_range(FILE *out, const Df__SecurityGroupRule *rule, const char *min, const char *max)
{
    if (rule->has_port_range_min)
        fprintf(out, " %s %u", min, rule->port_range_min);
    if (rule->has_port_range_max)
        fprintf(out, " %s %u", max, rule->port_range_max);
}

static void put_l4(FILE *out, const Df__SecurityGroupRule *rule)
{
    const char *protocol = is_set(rule->protocol) ? rule->protocol : "any protocol";
    bool number = strspn(protocol, "0123456789") == strlen(protocol);
    bool one = rule->has_port_range_min && rule->has_port_range_max && rule->port_range_min == rule->port_range_max;
    fprintf(out, " %s%s", number ? "protocol " : "", protocol);
    if (is_icmp(protocol))
        put_range(out, rule, "type", "code");
    else if (one)
        fprintf(out, " port %u", rule->port_range_min);
    else
        put_range(out, rule, "ports", "to");
}

static void put_remote(FILE *out, const struct df_controller *controller, const Df__SecurityGroupRule *rule)
{
    const char *way = is_set(rule->direction) && strcmp(rule->direction, "egress") == 0 ? "to" : "from";
    if (is_set(rule->remote_ip_prefix))
        fprintf(out, " %s %s", way, rule->remote_ip_prefix);
    if (is_set(rule->remote_group_id))
        fprintf(out, " %s group %s", way, name_of(controller, DF_NB_SECGROUP, rule->remote_group_id));
    if (is_set(rule->remote_address_group_id))
        fprintf(out, " %s address group %s", way,
                name_of(controller, DF_NB_ADDRESS_GROUP, rule->remote_address_group_id));
}

static json_t *words_of(const struct df_controller *controller, const Df__SecurityGroupRule *rule)
{
    char *words = NULL;
    size_t size;
    FILE *out = open_memstream(&words, &size);
    if (!out)
        return json_null();
    fprintf(out, "%s %s", is_set(rule->direction) ? rule->direction : "?", rule->ethertype ? rule->ethertype : "?");
    put_l4(out, rule);
    put_remote(out, controller, rule);
    fclose(out);
    json_t *json = text(words);
    free(words);
    return json;
}

/* ---- Numbers in table entries */

const char *df_controller_group_name(struct df_controller *controller, uint32_t number)
{
    const struct df_numbered *what = df_numbers_name(df_compiler_objects(controller->compiler), number);
    return what ? name_of(controller, what->table, what->id) : NULL;
}

const char *df_controller_rule_name(struct df_controller *controller, uint32_t number)
{
    const struct df_numbered *what = df_numbers_name(df_compiler_parts(controller->compiler), number);
    return what ? what->part : NULL;
}

static const Df__SecurityGroupRule *find_rule(const Df__SecurityGroup *group, const char *id)
{
    char place[DF_RULE_ID_MAX];
    for (size_t i = 0; group && i < group->n_rules; i++)
        if (strcmp(df_secgroup_rule_id(group, i, place), id) == 0)
            return group->rules[i];
    return NULL;
}

json_t *df_controller_rule(struct df_controller *controller, uint32_t number)
{
    const struct df_numbered *what = df_numbers_name(df_compiler_parts(controller->compiler), number);
    if (!what || what->table != DF_NB_SECGROUP)
        return NULL;
    const struct df_object *object = df_store_find(controller->store, DF_NB_SECGROUP, what->id);
    const Df__SecurityGroupRule *rule = find_rule(message_of(object), what->part);
    return json_pack("{s:I, s:s, s:s, s:s, s:o}", "number", (json_int_t)number, "group", what->id, "group_name",
                     name_of(controller, DF_NB_SECGROUP, what->id), "id", what->part, "words",
                     rule ? words_of(controller, rule) : json_null());
}

/* ---- One group */

struct problem_search {
    const char *rule; /* NULL: of the group, or of any rule of it */
    json_t *found;    /* a list */
};

static void add_problem(const struct df_object *object, const char *app, const char *what, bool refusal, void *arg)
{
    struct problem_search *search = arg;
    size_t len = search->rule ? strlen(search->rule) : 0;
    (void)object;
    (void)app;
    (void)refusal;
    if (!search->rule)
        json_array_append_new(search->found, text(what));
    else if (strncmp(what, "rule ", 5) == 0 && strncmp(what + 5, search->rule, len) == 0 && what[5 + len] == ':')
        json_array_append_new(search->found, text(what + 5 + len + 2));
}

/* What is wrong with a rule, or with the group and its rules. */
static json_t *problems_of(const struct df_object *group, const char *rule)
{
    struct problem_search search = {rule, json_array()};
    df_compiler_notes(group, add_problem, &search);
    return search.found;
}

/* Packets that the rule let pass by itself: how often is the data plane's to say. null: it does not count them. */
static json_t *hits_of(struct df_controller *controller, const char *group, const char *rule)
{
    struct df_datapath *dp = controller->dp;
    struct df_error error;
    uint32_t number = df_numbers_find(df_compiler_parts(controller->compiler), DF_NB_SECGROUP, group, rule);
    if (number == 0 || !dp->ops->report)
        return json_null();
    json_t *params = json_pack("{s:I}", "rule", (json_int_t)number);
    json_t *report = dp->ops->report(dp, "rule_hits", params, &error);
    json_t *hits = json_incref(json_object_get(report, "hits"));
    json_decref(report);
    json_decref(params);
    return hits ? hits : json_null();
}

static json_t *rules_of(struct df_controller *controller, const struct df_object *object)
{
    json_t *list = json_array();
    const Df__SecurityGroup *group = message_of(object);
    for (size_t i = 0; group && i < group->n_rules; i++) {
        char place[DF_RULE_ID_MAX];
        const char *id = df_secgroup_rule_id(group, i, place);
        json_t *problems = problems_of(object, id);
        json_t *problem = json_array_get(problems, 0);
        json_array_append_new(
            list, json_pack("{s:s, s:o, s:o, s:O}", "id", id, "words", words_of(controller, group->rules[i]), "hits",
                            hits_of(controller, object->id, id), "problem", problem ? problem : json_null()));
        json_decref(problems);
    }
    return list;
}

/* The ports of this node that have it. */
static json_t *ports_of(struct df_controller *controller, struct df_object *group)
{
    size_t n;
    json_t *list = json_array();
    struct df_object *const *lport =
        df_referrers_sorted(df_object_referrers(group, DF_NB_LPORT, "security_groups"), &n);
    for (size_t i = 0; i < n; i++)
        if (df_relevance_is_bound(controller->relevance, (const Df__LogicalPort *)lport[i]->message))
            json_array_append_new(list, text(name_of(controller, DF_NB_LPORT, lport[i]->id)));
    return list;
}

/* What the list and the report of one group say alike. */
static json_t *head_of(struct df_controller *controller, struct df_object *object)
{
    const Df__SecurityGroup *group = message_of(object);
    size_t members = df_object_referrers(object, DF_NB_LPORT, "security_groups")->n;
    return json_pack("{s:s, s:s, s:s, s:o, s:I, s:o}", "id", object->id, "name",
                     name_of(controller, DF_NB_SECGROUP, object->id), "state",
                     !group                ? "missing"
                     : object->local_ports ? "in force"
                                           : "not needed",
                     "stateful", group ? json_boolean(group->stateful) : json_null(), "members", (json_int_t)members,
                     "ports", ports_of(controller, object));
}

/* ---- The reports */

struct group_list {
    struct df_controller *controller;
    struct df_object **object;
    size_t n;
};

/* Those that a local port has; also one that is missing. */
static void collect_needed(struct df_object *object, void *arg)
{
    struct group_list *groups = arg;
    if (!object->local_ports)
        return;
    groups->object = df_realloc(groups->object, (groups->n + 1) * sizeof(struct df_object *));
    groups->object[groups->n++] = object;
}

static int by_id(const void *a, const void *b)
{
    return strcmp((*(struct df_object *const *)a)->id, (*(struct df_object *const *)b)->id);
}

json_t *df_controller_secgroups(struct df_controller *controller)
{
    struct group_list groups = {.controller = controller};
    json_t *list = json_array();
    df_store_each(controller->store, DF_NB_SECGROUP, collect_needed, &groups);
    if (groups.n)
        qsort(groups.object, groups.n, sizeof(*groups.object), by_id);
    for (size_t i = 0; i < groups.n; i++) {
        const Df__SecurityGroup *group = message_of(groups.object[i]);
        json_t *item = head_of(controller, groups.object[i]);
        json_t *problems = problems_of(groups.object[i], NULL);
        json_object_set_new(item, "rules", json_integer(group ? (json_int_t)group->n_rules : 0));
        json_object_set_new(item, "problems", json_integer((json_int_t)json_array_size(problems)));
        json_array_append_new(list, item);
        json_decref(problems);
    }
    free(groups.object);
    return list;
}

struct name_search {
    const char *name;
    struct df_object *id, *found, *other;
};

static void match_name(struct df_object *object, void *arg)
{
    struct name_search *search = arg;
    const char *name = object->message ? df_schema_name(object->message) : NULL;
    if (strcmp(object->id, search->name) == 0)
        search->id = object;
    if (!name || strcmp(name, search->name) != 0)
        return;
    search->other = search->found;
    search->found = object;
}

static struct df_object *find_group(struct df_controller *controller, const char *name, struct df_error *error)
{
    struct name_search search = {.name = name};
    if (name)
        df_store_each(controller->store, DF_NB_SECGROUP, match_name, &search);
    if (search.id)
        return search.id;
    if (!search.found)
        df_error_set(error, -ENOENT, "there is no secgroup with the id or name '%s'; df-ctl secgroup lists them",
                     name ? name : "");
    else if (search.other)
        df_error_set(error, -EEXIST, "'%s' may be secgroup %s or %s; give the id", name, search.other->id,
                     search.found->id);
    return search.other ? NULL : search.found;
}

json_t *df_controller_secgroup(struct df_controller *controller, json_t *params, struct df_error *error)
{
    struct df_object *group = find_group(controller, json_string_value(json_object_get(params, "name")), error);
    if (!group)
        return NULL;
    json_t *item = head_of(controller, group);
    json_object_set_new(item, "rules", rules_of(controller, group));
    json_object_set_new(item, "problems", problems_of(group, NULL));
    return item;
}
