/* SPDX-License-Identifier: Apache-2.0 */
#include "control/apps_load.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/model/alloc.h"

/* A name becomes part of a path, so it may not lead elsewhere. */
static bool is_name(const char *name)
{
    return *name && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") == strlen(name);
}

static int open_module(const char *apps_dir, const char *name, void **handle, struct df_error *error)
{
    char path[PATH_MAX];
    if (!is_name(name))
        return df_error_set(error, -EINVAL, "app '%s': a name has a-z, 0-9 and _; correct [df] apps_list", name);
    int n = snprintf(path, sizeof(path), "%s/df_app_%s.so", apps_dir ? apps_dir : ".", name);
    if (n < 0 || (size_t)n >= sizeof(path))
        return df_error_set(error, -ENAMETOOLONG, "app %s: its path is too long; correct [df] apps_dir", name);
    if (access(path, R_OK) < 0)
        return df_error_set(error, -errno,
                            "app %s: %s: %s; correct [df] apps_list, or let [df] apps_dir name the folder it is in",
                            name, path, strerror(errno));
    /* Never unmapped: workers may be in a table that the app has registered, and the datapath outlives the
     * controller. */
    *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (!*handle)
        return df_error_set(error, -ENOEXEC, "app %s: %s; build it against this df-switchd", name, dlerror());
    return 0;
}

static int find_app(void *handle, const char *name, const struct df_app **app, struct df_error *error)
{
    *app = dlsym(handle, "df_app");
    if (!*app)
        return df_error_set(error, -ENOEXEC, "app %s: the module has no symbol df_app; is it a Dragonflow app?", name);
    if ((*app)->abi != DF_APP_ABI)
        return df_error_set(error, -ENOEXEC, "app %s: built for ABI %u, this df-switchd has %u; build it anew", name,
                            (*app)->abi, DF_APP_ABI);
    if (!(*app)->name || strcmp((*app)->name, name) != 0)
        return df_error_set(error, -ENOEXEC, "app %s: the module calls itself '%s'; rename the file", name,
                            (*app)->name ? (*app)->name : "");
    return 0;
}

static int set_options(const struct df_controller_config *config, const struct df_app *app, struct df_error *error)
{
    for (const struct df_app_option *option = app->options; option && option->key; option++) {
        const char *value = config->option ? config->option(config->option_arg, option->section, option->key) : NULL;
        if (!value)
            value = option->fallback;
        int err = option->set(value);
        if (err < 0)
            return df_error_set(error, err, "app %s: [%s] %s: '%s' is not a value for it (%s)", app->name,
                                option->section, option->key, value ? value : "", option->help);
    }
    return 0;
}

static int start(const struct df_controller_config *config, const struct df_app *app, struct df_error *error)
{
    int err = set_options(config, app, error);
    if (err == 0 && app->init) {
        err = app->init();
        if (err < 0)
            df_error_set(error, err,
                         "app %s: it cannot start: %s; see the messages before, or take it off [df] apps_list",
                         app->name, strerror(-err));
    }
    return err;
}

static void append(struct df_apps *apps, const struct df_app *app, void *handle)
{
    apps->app = df_realloc(apps->app, (apps->n + 1) * sizeof(*apps->app));
    apps->handle = df_realloc(apps->handle, (apps->n + 1) * sizeof(*apps->handle));
    apps->app[apps->n] = app;
    apps->handle[apps->n] = handle;
    apps->n++;
}

static int load(const struct df_controller_config *config, const char *name, struct df_apps *apps,
                struct df_error *error)
{
    void *handle = NULL;
    const struct df_app *app = NULL;
    for (size_t i = 0; i < apps->n; i++)
        if (strcmp(apps->app[i]->name, name) == 0)
            return df_error_set(error, -EEXIST, "app %s: it is there already; name it once in [df] apps_list", name);
    int err = open_module(config->apps_dir, name, &handle, error);
    if (err == 0)
        err = find_app(handle, name, &app, error);
    if (err == 0)
        err = start(config, app, error);
    if (err == 0)
        append(apps, app, handle);
    else if (handle)
        dlclose(handle);
    return err;
}

int df_apps_load(const struct df_controller_config *config, const struct df_app *last, struct df_apps *apps,
                 struct df_error *error)
{
    int err = 0;
    *apps = (struct df_apps){0};
    for (size_t i = 0; config->builtin && config->builtin[i] && err == 0; i++) {
        err = start(config, config->builtin[i], error);
        append(apps, config->builtin[i], NULL);
    }
    for (size_t i = 0; config->apps && config->apps[i] && err == 0; i++)
        err = load(config, config->apps[i], apps, error);
    if (err < 0) {
        df_apps_unload(apps);
        return err;
    }
    append(apps, last, NULL);
    return 0;
}

void df_apps_unload(struct df_apps *apps)
{
    for (size_t i = apps->n; i > 0; i--)
        if (apps->handle[i - 1])
            dlclose(apps->handle[i - 1]);
    free(apps->app);
    free(apps->handle);
    *apps = (struct df_apps){0};
}
