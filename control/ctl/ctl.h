/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "control/rpc/client.h"

/*
 * df-ctl: one command, one or more RPC calls, and what comes back as a table for people or as JSON for programs.
 *
 * A command fetches one JSON document; with --json that is what is printed, otherwise the command's print function
 * shows it. So both say the same.
 */

struct ctl {
    struct df_rpc_client *client;
    bool json;
    bool all;                                /* drops: also those that are 0 */
    bool programmed;                         /* wait: no guest need be attached */
    bool watching;                           /* not the first round of --watch */
    double interval;                         /* seconds of --watch, and between two samples of a rate */
    long limit;                              /* flows, conn; 0: the default */
    const char *port, *addr, *proto, *state; /* conn: filters, NULL: any */
    const char *by;                          /* conn count, conn top */
    json_int_t version;                      /* wait; 0: the newest */
    double timeout;                          /* wait, seconds */
    int n_args;
    char **args;    /* behind the command */
    json_t *before; /* workers: the sample of the round before */
};

struct command {
    const char *name;
    const char *arguments; /* "PORT PACKET" */
    const char *summary;
    const char *help; /* more lines for --help, or NULL */
    int min_args, max_args;
    json_t *(*fetch)(struct ctl *ctl, struct df_error *error); /* NULL: failed */
    void (*print)(const struct ctl *ctl, json_t *json);
    /** Instead of both, for what is too much for one document: prints as it comes. 0, or -1 with the reason. */
    int (*run)(struct ctl *ctl, struct df_error *error);
};

extern const struct command ctl_commands[]; /* commands.c; ends with a NULL name */

/** Prints a document as --json wants it; takes it over. */
void print_json(const struct ctl *ctl, json_t *json);

/** Calls a method; params is taken over. */
json_t *ctl_call(struct ctl *ctl, const char *method, json_t *params, struct df_error *error);

/* ---- table.c: printing */

struct column {
    const char *heading;
    const char *path; /* into the row: "port", "binding.type" */
    bool right;       /* numbers */
    const char *name; /* path of a name to be shown with the number, "3 (web1)", or NULL */
    size_t items;     /* of a list, that are shown: the others become "+997"; 0: all */
};

/** Prints a list of objects; columns end with a NULL heading. Says `nothing` when the list is empty. */
void print_table(const struct column *columns, json_t *rows, const char *nothing);

/** Prints "name: value" lines, tables of lists of objects below them; for reports without columns of their own. */
void print_object(json_t *object, int indent);

/** One cell of a line: cut of control characters, as names come from a database; the last one ends the line. */
void print_cell(const char *text, int width, bool right, bool last);

/** The value at a dotted path, or NULL. */
json_t *json_at(json_t *json, const char *path);

/** A value in words: text, number, yes or no, a,b,c, or key=value. The caller frees it. */
char *value_text(json_t *value);

/** "key=value (name) ..." of an object of table fields. The caller frees it. */
char *fields_text(json_t *object);

/* ---- commands of their own files */
json_t *fetch_show(struct ctl *ctl, struct df_error *error);
void print_show(const struct ctl *ctl, json_t *json);
json_t *fetch_underlay(struct ctl *ctl, struct df_error *error);
void print_underlay(const struct ctl *ctl, json_t *json);
json_t *fetch_chassis(struct ctl *ctl, struct df_error *error);
void print_chassis(const struct ctl *ctl, json_t *json);
json_t *fetch_workers(struct ctl *ctl, struct df_error *error);
void print_workers(const struct ctl *ctl, json_t *json);
json_t *fetch_secgroup(struct ctl *ctl, struct df_error *error);
void print_secgroup(const struct ctl *ctl, json_t *json);
json_t *fetch_table(struct ctl *ctl, struct df_error *error);
void print_entries(const struct ctl *ctl, json_t *json);
json_t *fetch_trace(struct ctl *ctl, struct df_error *error);
void print_trace(const struct ctl *ctl, json_t *json);
int run_conn(struct ctl *ctl, struct df_error *error);
