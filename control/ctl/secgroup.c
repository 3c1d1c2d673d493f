/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "control/ctl/ctl.h"

/* `df-ctl secgroup [NAME]`: the groups of this node's ports, or the rules of one and what they were good for. */

#define PORTS_SHOWN 5 /* of a group: it may have hundreds, and they are all in --json */

json_t *fetch_secgroup(struct ctl *ctl, struct df_error *error)
{
    if (ctl->n_args == 0)
        return ctl_call(ctl, "secgroups", NULL, error);
    return ctl_call(ctl, "secgroup", json_pack("{s:s}", "name", ctl->args[0]), error);
}

static void print_groups(json_t *groups)
{
    static const struct column columns[] = {
        {"NAME", "name", false, NULL},
        {"ID", "id", false, NULL},
        {"STATE", "state", false, NULL},
        {"STATEFUL", "stateful", false, NULL},
        {"RULES", "rules", true, NULL},
        {"PROBLEMS", "problems", true, NULL},
        {"MEMBERS", "members", true, NULL},
        {"PORTS HERE", "ports", false, NULL, PORTS_SHOWN},
        {0},
    };
    print_table(columns, groups, "no port of this node has a security group");
}

static void print_head(json_t *group)
{
    static const char *const fields[] = {"name", "id", "state", "stateful", "members", "ports"};
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        char *value = value_text(json_object_get(group, fields[i]));
        printf("%-9s %s\n", fields[i], value);
        free(value);
    }
}

/* Problems of rules stand beside them. */
static void print_rules(json_t *rules)
{
    static const struct column columns[] = {
        {"HITS", "hits", true, NULL},
        {"RULE", "words", false, NULL},
        {"ID", "id", false, NULL},
        {"WHY NOT", "problem", false, NULL},
        {0},
    };
    putchar('\n');
    print_table(columns, rules, "no rule: it allows nothing");
}

/* Those that are no rule's. */
static void print_problems(json_t *problems)
{
    size_t i;
    json_t *problem;
    json_array_foreach(problems, i, problem) {
        const char *text = json_string_value(problem);
        if (strncmp(text, "rule ", 5) != 0)
            printf("%s%s\n", i == 0 ? "\n" : "", text);
    }
}

void print_secgroup(const struct ctl *ctl, json_t *json)
{
    if (ctl->n_args == 0) {
        print_groups(json);
        return;
    }
    print_head(json);
    print_rules(json_object_get(json, "rules"));
    print_problems(json_object_get(json, "problems"));
}
