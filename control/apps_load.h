/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "control/controller.h"

/*
 * Apps from shared objects: df_app_NAME.so in the folder for apps, one `const struct df_app df_app` in each.
 *
 * Invariant: an app in the list has the ABI of this daemon, knows its options and is initialised. One that cannot be
 * loaded stops the start, because ports would else be without what it does.
 */

struct df_apps {
    const struct df_app **app; /* in the order of the list; app id i + 1 */
    void **handle;             /* of dlopen(); NULL for one that is built in */
    size_t n;
};

/** Built-in apps of the configuration, then those of its list, then `last`. On an error nothing is left loaded. */
int df_apps_load(const struct df_controller_config *config, const struct df_app *last, struct df_apps *apps,
                 struct df_error *error);

/** Lets go of the apps. Their code and names stay mapped: origins and tables point to them for longer. */
void df_apps_unload(struct df_apps *apps);
