/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "dbsync/commands/command.h"

/* watch: changes as they come, until it is interrupted. */

/* How often a database without a descriptor is asked. */
#define POLL_MS 1000

struct watch {
    enum df_nb_table table; /* DF_NB_TABLES: all */
    bool json;
    bool in_snapshot;
    bool started; /* the first snapshot is over */
    size_t told;  /* in this snapshot */
};

static const char *const event_names[] = {
    [DF_NB_SNAPSHOT_BEGIN] = "snapshot_begin", [DF_NB_SET] = "set", [DF_NB_DELETE] = "delete", [DF_NB_BAD] = "bad",
    [DF_NB_SNAPSHOT_END] = "snapshot_end",
};

static void print_event_json(const struct df_nb_change *change)
{
    json_t *json = json_pack("{s:s}", "event", event_names[change->event]);
    if (change->table < DF_NB_TABLES) {
        json_object_set_new(json, "table", json_string(df_schema_table(change->table)->name));
        json_object_set_new(json, "id", json_string(change->id));
    }
    json_object_set_new(json, "revision", json_integer((json_int_t)change->revision));
    if (change->object)
        json_object_set_new(json, "object", df_schema_to_json(change->object));
    if (change->error)
        json_object_set_new(json, "error", json_string(change->error));
    df_command_print_json(json);
    json_decref(json);
}

static void print_event(struct watch *watch, const struct df_nb_change *change)
{
    switch (change->event) {
    case DF_NB_SNAPSHOT_BEGIN:
        return;
    case DF_NB_SNAPSHOT_END:
        if (watch->started)
            printf("Changes were missed: the database was read anew, %zu objects.\n", watch->told);
        else
            fprintf(stderr, "%zu objects; watching. Ctrl-C ends it.\n", watch->told);
        return;
    default:
        break;
    }
    watch->told++;
    if (change->event == DF_NB_BAD)
        printf("%-7s %s\n", event_names[change->event], change->error);
    else if (watch->in_snapshot)
        return;
    else if (change->object && df_schema_table(change->table)->has_version)
        printf("%-7s %s '%s' version %ju\n", event_names[change->event], df_schema_table(change->table)->name,
               change->id, (uintmax_t)df_schema_version(change->object));
    else
        printf("%-7s %s '%s'\n", event_names[change->event], df_schema_table(change->table)->name, change->id);
}

static void tell(struct df_nb_change *change, void *arg)
{
    struct watch *watch = arg;
    if (change->event == DF_NB_SNAPSHOT_BEGIN) {
        watch->in_snapshot = true;
        watch->told = 0;
    }
    bool of_table = watch->table == DF_NB_TABLES || change->table == DF_NB_TABLES || change->table == watch->table;
    if (of_table && watch->json)
        print_event_json(change);
    else if (of_table)
        print_event(watch, change);
    if (change->event == DF_NB_SNAPSHOT_END) {
        watch->in_snapshot = false;
        watch->started = true;
    }
}

static int run_watch(struct df_command_context *context, int argc, char **argv)
{
    struct df_error error;
    struct watch watch = {.table = DF_NB_TABLES, .json = context->json};
    if (argc == 1 && (watch.table = df_command_table(argv[0])) == DF_NB_TABLES)
        return DF_EXIT_ERROR;
    struct pollfd poll_fd = {.fd = df_nb_sync_fd(context->nb), .events = POLLIN};
    for (bool was_away = false, is_away;; was_away = is_away) {
        int rc = df_nb_sync(context->nb, tell, &watch, &error);
        is_away = rc < 0;
        if (is_away && (!watch.started || rc == -ENODEV))
            return df_command_fail("%s", error.text);
        if (is_away && !was_away)
            fprintf(stderr, "%s; trying again\n", error.text);
        if (fflush(stdout))
            return df_command_fail("cannot write the output: %s", strerror(errno));
        poll(&poll_fd, is_away ? 0 : 1, is_away || poll_fd.fd < 0 ? POLL_MS : -1);
    }
}

const struct df_command df_command_watch = {
    .name = "watch",
    .arguments = "[TABLE]",
    .summary = "Print changes as they come",
    .help = "With --json first every object, between snapshot_begin and snapshot_end, then the changes.\n"
            "A database that goes away is tried again until it is back; one that was removed ends it.\n",
    .min_args = 0,
    .max_args = 1,
    .access = DF_COMMAND_READ,
    .run = run_watch,
};
