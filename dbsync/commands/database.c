/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "dbsync/commands/command.h"

/* The commands about the database as a whole: init and drivers. */

static int run_init(struct df_command_context *context, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    if (context->json)
        printf("{\"driver\":\"%s\"}\n", context->driver);
    else
        printf("The northbound database in %s is ready.\n", context->location);
    return DF_EXIT_OK;
}

const struct df_command df_command_init = {
    .name = "init",
    .arguments = "",
    .summary = "Make an empty database",
    .help = "A database that exists already is left as it is.\n",
    .access = DF_COMMAND_CREATE,
    .run = run_init,
};

static int run_drivers(struct df_command_context *context, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    const struct df_db_driver *driver;
    const struct df_db_absent *absent;
    json_t *list = json_array();
    for (size_t i = 0; (driver = df_db_driver_at(i)); i++) {
        json_array_append_new(list, json_pack("{s:s, s:s, s:s*}", "name", driver->name, "summary", driver->summary,
                                              "untried", driver->untried));
        if (!context->json)
            printf("%-10s %s%s%s\n", driver->name, driver->summary, driver->untried ? "; " : "",
                   driver->untried ? driver->untried : "");
    }
    for (size_t i = 0; (absent = df_db_absent_at(i)); i++) {
        json_array_append_new(list, json_pack("{s:s, s:s}", "name", absent->name, "absent", absent->why));
        if (!context->json)
            printf("%-10s not in this build: %s\n", absent->name, absent->why);
    }
    if (context->json)
        df_command_print_json(list);
    json_decref(list);
    return DF_EXIT_OK;
}

const struct df_command df_command_drivers = {
    .name = "drivers",
    .arguments = "",
    .summary = "List the database drivers",
    .help = "Those that this build lacks are listed with the reason.\n",
    .access = DF_COMMAND_NO_DB,
    .run = run_drivers,
};
