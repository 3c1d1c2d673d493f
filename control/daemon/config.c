/* SPDX-License-Identifier: Apache-2.0 */
#include "control/daemon/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/daemon/config_checks.h"
#include "control/daemon/config_file.h"
#include "control/daemon/config_keys.h"
#include "control/daemon/config_values.h"

static const struct df_config_key *find_key(const char *section, const char *name)
{
    for (size_t i = 0; i < df_config_n_keys; i++)
        if (strcmp(df_config_keys[i].section, section) == 0 && strcmp(df_config_keys[i].name, name) == 0)
            return &df_config_keys[i];
    return NULL;
}

static bool is_own_section(const char *section)
{
    for (size_t i = 0; i < df_config_n_keys; i++)
        if (strcmp(df_config_keys[i].section, section) == 0)
            return true;
    return false;
}

static int set_defaults(struct df_config *config)
{
    struct df_config_problem problem;
    for (size_t i = 0; i < df_config_n_keys; i++) {
        int rc = df_config_set_value(config, &df_config_keys[i], df_config_keys[i].fallback, &problem);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int apply_item(struct df_config *config, struct df_config_item *item, struct df_error *error)
{
    const struct df_config_key *key = find_key(item->section, item->key);
    const char *path = config->file->path;
    if (!key && is_own_section(item->section))
        return df_error_set(error, -EINVAL, "%s:%u: [%s] has no key `%s'; dragonflow.ini(5) lists them", path,
                            item->line, item->section, item->key);
    if (!key)
        return 0;
    item->claimed = true;
    if (item->goes_on && !df_config_is_list(key))
        return df_error_set(error, -EINVAL,
                            "%s:%u: [%s] %s is not a list, but the next line goes on with it because it is indented",
                            path, item->line, item->section, item->key);
    struct df_config_problem problem = {.text = "out of memory"};
    int rc = df_config_set_value(config, key, item->value, &problem);
    if (rc != 0)
        return df_error_set(error, rc, "%s:%u: [%s] %s %s", path, item->line, item->section, item->key, problem.text);
    return 0;
}

static int fill_in_host(struct df_config *config)
{
    if (*config->host) /* NOLINT(clang-analyzer-core.NullDereference): it has its default */
        return 0;
    char name[256] = "";
    gethostname(name, sizeof(name) - 1);
    free(config->host);
    config->host = strdup(name);
    return config->host ? 0 : -ENOMEM;
}

int df_config_load(const char *path, struct df_config **config, struct df_error *error)
{
    struct df_config *made = calloc(1, sizeof(*made));
    int rc = made ? set_defaults(made) : -ENOMEM;
    if (rc != 0) {
        df_error_set(error, rc, "configuration: out of memory");
        goto err;
    }
    if (path) {
        rc = df_config_file_read(path, &made->file, error);
        for (size_t i = 0; rc == 0 && i < made->file->n; i++)
            rc = apply_item(made, &made->file->items[i], error);
        if (rc != 0)
            goto err;
    }
    rc = df_config_check(made, path, error);
    if (rc == 0)
        rc = fill_in_host(made);
    if (rc != 0)
        goto err;
    *config = made;
    return 0;
err:
    df_config_free(made);
    return rc;
}

void df_config_free(struct df_config *config)
{
    if (!config)
        return;
    for (size_t i = 0; i < df_config_n_keys; i++)
        df_config_free_value(config, &df_config_keys[i]);
    df_config_file_free(config->file);
    free(config->db_password);
    free(config);
}

const char *df_config_option(void *config, const char *section, const char *key)
{
    struct df_config *self = config;
    struct df_config_item *item = self->file ? df_config_file_find(self->file, section, key) : NULL;
    if (!item)
        return NULL;
    item->claimed = true;
    self->file->last_asked = item;
    return item->value;
}

const char *df_config_option_where(const struct df_config *config, char *text, size_t size)
{
    *text = '\0';
    if (config->file && config->file->last_asked)
        snprintf(text, size, "%s:%u", config->file->path, config->file->last_asked->line);
    return text;
}

int df_config_unclaimed(const struct df_config *config, struct df_error *error)
{
    for (size_t i = 0; config->file && i < config->file->n; i++) {
        const struct df_config_item *item = &config->file->items[i];
        if (!item->claimed)
            return df_error_set(error, -EINVAL,
                                "%s:%u: no loaded app knows [%s] %s: is it misspelt, or is its app missing in "
                                "[df] apps_list?",
                                config->file->path, item->line, item->section, item->key);
    }
    return 0;
}

/* Items of apps' sections that file has and other has not, or with another value. */
static void diff_options(struct df_config_file *file, struct df_config_file *other, bool values,
                         void (*cb)(const char *section, const char *key, bool at_run_time, void *arg), void *arg)
{
    for (size_t i = 0; file && i < file->n; i++) {
        const struct df_config_item *item = &file->items[i];
        const struct df_config_item *twin = other ? df_config_file_find(other, item->section, item->key) : NULL;
        if (!is_own_section(item->section) && (!twin || (values && strcmp(item->value, twin->value) != 0)))
            cb(item->section, item->key, false, arg);
    }
}

void df_config_diff(const struct df_config *before, const struct df_config *after,
                    void (*cb)(const char *section, const char *key, bool at_run_time, void *arg), void *arg)
{
    for (size_t i = 0; i < df_config_n_keys; i++) {
        const struct df_config_key *key = &df_config_keys[i];
        if (!df_config_values_equal(before, after, key))
            cb(key->section, key->name, key->at_run_time, arg);
    }
    diff_options(after->file, before->file, true, cb, arg);
    diff_options(before->file, after->file, false, cb, arg);
}

static void print_help(FILE *out, const struct df_config_key *key)
{
    fputs("\n# ", out);
    for (const char *at = key->help; *at; at++) {
        fputc(*at, out);
        if (*at == '\n')
            fputs("# ", out);
    }
    fputc('\n', out);
    if (key->type == DF_CONFIG_UINT)
        fprintf(out, "# A number from %u to %u.\n", key->min, key->max);
    if (key->type == DF_CONFIG_CHOICE)
        fprintf(out, "# One of %s.\n", key->choices);
    if (key->at_run_time)
        fputs("# Taken over by `systemctl reload df-switchd`.\n", out);
}

void df_config_print(FILE *out)
{
    const char *section = "";
    for (size_t i = 0; i < df_config_n_keys; i++) {
        const struct df_config_key *key = &df_config_keys[i];
        if (strcmp(section, key->section) != 0)
            fprintf(out, "%s[%s]\n", *section ? "\n" : "", key->section);
        section = key->section;
        print_help(out, key);
        fprintf(out, "#%s =%s%s\n", key->name, *key->fallback ? " " : "", key->fallback);
    }
}
