/* SPDX-License-Identifier: Apache-2.0 */
#include "control/daemon/config_values.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LIST_MAX 1024

static void *field(const struct df_config *config, const struct df_config_key *key)
{
    return (char *)config + key->offset;
}

bool df_config_is_list(const struct df_config_key *key)
{
    return key->type == DF_CONFIG_COMMAS || key->type == DF_CONFIG_WORDS;
}

static int refuse(struct df_config_problem *problem, const char *value, const char *why)
{
    snprintf(problem->text, sizeof(problem->text), "%s, not `%.100s'", why, value);
    return -EINVAL;
}

static int set_uint(uint32_t *to, const struct df_config_key *key, const char *value, struct df_config_problem *problem)
{
    char *end;
    errno = 0;
    unsigned long number = strtoul(value, &end, 10);
    if (*value < '0' || *value > '9' || *end || errno || number < key->min || number > key->max) {
        char why[80];
        snprintf(why, sizeof(why), "must be a number from %u to %u", key->min, key->max);
        return refuse(problem, value, why);
    }
    *to = (uint32_t)number;
    return 0;
}

static int set_bool(bool *to, const char *value, struct df_config_problem *problem)
{
    bool yes = strcmp(value, "true") == 0;
    if (!yes && strcmp(value, "false") != 0)
        return refuse(problem, value, "must be true or false");
    *to = yes;
    return 0;
}

static int set_text(char **to, const struct df_config_key *key, const char *value, struct df_config_problem *problem)
{
    const char *why = key->check ? key->check(value) : NULL;
    if (why)
        return refuse(problem, value, why);
    free(*to);
    *to = strdup(value);
    return *to ? 0 : -ENOMEM;
}

static int set_choice(char **to, const struct df_config_key *key, const char *value, struct df_config_problem *problem)
{
    size_t len = strlen(value);
    for (const char *at = key->choices; at; at = strchr(at, '|') ? strchr(at, '|') + 1 : NULL)
        if (strcspn(at, "|") == len && memcmp(at, value, len) == 0)
            return set_text(to, key, value, problem);
    char why[100];
    snprintf(why, sizeof(why), "must be one of %s", key->choices);
    return refuse(problem, value, why);
}

static void free_list(char **list)
{
    for (size_t i = 0; list && list[i]; i++)
        free(list[i]);
    free(list);
}

static int set_list(char ***to, const struct df_config_key *key, const char *value, struct df_config_problem *problem)
{
    const char *separators = key->type == DF_CONFIG_COMMAS ? ", \t" : " \t";
    char **list = calloc(LIST_MAX + 1, sizeof(*list));
    char *copy = strdup(value);
    char *rest = copy;
    char *item;
    size_t n = 0;
    int rc = list && copy ? 0 : -ENOMEM;
    while (rc == 0 && (item = strsep(&rest, separators))) {
        const char *why = *item && key->check ? key->check(item) : NULL;
        if (why || n == LIST_MAX)
            rc = refuse(problem, item, why ? why : "has too many items");
        else if (*item && !(list[n++] = strdup(item)))
            rc = -ENOMEM;
    }
    free(copy);
    if (rc != 0) {
        free_list(list);
        return rc;
    }
    free_list(*to);
    *to = list;
    return 0;
}

int df_config_set_value(struct df_config *config, const struct df_config_key *key, const char *value,
                        struct df_config_problem *problem)
{
    switch (key->type) {
    case DF_CONFIG_TEXT:
        return set_text(field(config, key), key, value, problem);
    case DF_CONFIG_BOOL:
        return set_bool(field(config, key), value, problem);
    case DF_CONFIG_UINT:
        return set_uint(field(config, key), key, value, problem);
    case DF_CONFIG_CHOICE:
        return set_choice(field(config, key), key, value, problem);
    case DF_CONFIG_COMMAS:
    case DF_CONFIG_WORDS:
        return set_list(field(config, key), key, value, problem);
    }
    return -EINVAL;
}

static bool lists_equal(char **a, char **b)
{
    for (; *a && *b; a++, b++)
        if (strcmp(*a, *b) != 0)
            return false;
    return *a == *b;
}

bool df_config_values_equal(const struct df_config *a, const struct df_config *b, const struct df_config_key *key)
{
    switch (key->type) {
    case DF_CONFIG_BOOL:
        return *(bool *)field(a, key) == *(bool *)field(b, key);
    case DF_CONFIG_UINT:
        return *(uint32_t *)field(a, key) == *(uint32_t *)field(b, key);
    case DF_CONFIG_TEXT:
    case DF_CONFIG_CHOICE:
        return strcmp(*(char **)field(a, key), *(char **)field(b, key)) == 0;
    case DF_CONFIG_COMMAS:
    case DF_CONFIG_WORDS:
        return lists_equal(*(char ***)field(a, key), *(char ***)field(b, key));
    }
    return true;
}

void df_config_free_value(struct df_config *config, const struct df_config_key *key)
{
    if (df_config_is_list(key))
        free_list(*(char ***)field(config, key));
    else if (key->type == DF_CONFIG_TEXT || key->type == DF_CONFIG_CHOICE)
        free(*(char **)field(config, key));
}
