/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>

#include "dbsync/nb.h"

/* A command of df-db: what it is called, what its --help says and what it does. */

/* Exit codes. */
enum { DF_EXIT_OK, DF_EXIT_ERROR, DF_EXIT_USAGE };

struct df_command_context {
    const char *driver;
    const char *location;
    bool json;
    struct df_nb *nb; /* open when the command wants it */
};

enum df_command_access { DF_COMMAND_NO_DB, DF_COMMAND_READ, DF_COMMAND_WRITE, DF_COMMAND_CREATE };

struct df_command {
    const char *name;
    const char *arguments; /* as in "TABLE ID" */
    const char *summary;   /* one line */
    const char *help;      /* further lines, or "" */
    int min_args, max_args;
    enum df_command_access access;
    int (*run)(struct df_command_context *context, int argc, char **argv); /* the arguments; returns an exit code */
};

extern const struct df_command df_command_init, df_command_load, df_command_dump, df_command_list, df_command_get,
    df_command_create, df_command_set, df_command_delete, df_command_watch, df_command_drivers;

/* What commands share. */

/** Prints "df-db: ..." and returns DF_EXIT_ERROR. */
int df_command_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** Says of an object that is stored what a write of it would be refused for. False: nothing. */
bool df_command_warn(enum df_nb_table table, const ProtobufCMessage *object);

/** The table of that name; when there is none says so and returns DF_NB_TABLES. */
enum df_nb_table df_command_table(const char *name);

/** Reads JSON from a file, or stdin for "-"; on failure says where it is wrong and returns NULL. */
json_t *df_command_read_json(const char *path);

/** Prints JSON for programs: one line. */
void df_command_print_json(const json_t *json);
