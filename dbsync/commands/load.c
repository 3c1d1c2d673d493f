/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dbsync/commands/command.h"
#include "dbsync/commands/progress.h"

/*
 * load: the whole file is checked before anything is written; references are checked against the file and the
 * database together, but a dangling one is only a warning, for references may arrive in any order.
 */

#define WARNINGS_SHOWN 10

struct load {
    const char *file; /* its name, for messages */
    size_t n;
    enum df_nb_table *tables;
    ProtobufCMessage **objects;
    json_t *known[DF_NB_TABLES]; /* sets of ids: those of the file and of the database */
    size_t dangling;
    const ProtobufCMessage *at; /* whose references are checked */
    enum df_nb_table at_table;
};

static int check_shape(struct load *load, const json_t *json)
{
    const char *name;
    json_t *rows;
    if (!json_is_object(json))
        return df_command_fail("%s: must be an object of tables", load->file);
    size_t total = 0;
    json_object_foreach((json_t *)(uintptr_t)json, name, rows) {
        if (df_schema_find(name) == DF_NB_TABLES)
            return df_command_fail("%s: there is no table '%s'", load->file, name);
        if (!json_is_array(rows))
            return df_command_fail("%s: %s: must be a list of objects", load->file, name);
        total += json_array_size(rows);
    }
    load->tables = calloc(total + 1, sizeof *load->tables);
    load->objects = calloc(total + 1, sizeof *load->objects);
    for (enum df_nb_table table = 0; table < DF_NB_TABLES; table++)
        load->known[table] = json_object();
    if (load->tables && load->objects)
        return DF_EXIT_OK;
    df_command_fail("out of memory");
    return DF_EXIT_ERROR;
}

static int check_object(struct load *load, enum df_nb_table table, const json_t *row, size_t i)
{
    struct df_error error;
    ProtobufCMessage *object;
    const char *name = df_schema_table(table)->name;
    if (df_schema_from_json(table, row, &object, &error)) {
        if (json_is_string(json_object_get(row, "id")))
            return df_command_fail("%s: %s", load->file, error.text);
        return df_command_fail("%s: %s (number %zu of the table)", load->file, error.text, i + 1);
    }
    load->tables[load->n] = table;
    load->objects[load->n++] = object;
    const char *id = df_schema_id(object);
    if (json_object_get(load->known[table], id))
        return df_command_fail("%s: %s '%s': is there twice", load->file, name, id);
    json_object_set_new(load->known[table], id, json_true());
    return DF_EXIT_OK;
}

/* Tables in the order of references, so that a node that watches sees what is referred to first. */
static int check_objects(struct load *load, const json_t *json, struct df_progress *progress)
{
    for (enum df_nb_table table = 0; table < DF_NB_TABLES; table++) {
        const json_t *rows = json_object_get(json, df_schema_table(table)->name);
        for (size_t i = 0; i < json_array_size(rows); i++) {
            df_progress_step(progress, load->n);
            int code = check_object(load, table, json_array_get(rows, i), i);
            if (code)
                return code;
        }
    }
    return DF_EXIT_OK;
}

static int check_file(struct load *load, const json_t *json)
{
    int code = check_shape(load, json);
    if (code || !load->tables)
        return DF_EXIT_ERROR;
    struct df_progress progress;
    const char *name;
    json_t *rows;
    size_t total = 0;
    json_object_foreach((json_t *)(uintptr_t)json, name, rows)
        total += json_array_size(rows);
    df_progress_start(&progress, "checked", total);
    code = check_objects(load, json, &progress);
    df_progress_end(&progress);
    return code;
}

static void know_row(struct df_nb_change *change, void *arg)
{
    struct load *load = arg;
    json_object_set_new(load->known[change->table], change->id, json_true());
}

static void check_reference(const char *path, enum df_nb_table table, const char *id, void *arg)
{
    struct load *load = arg;
    if (json_object_get(load->known[table], id) || load->dangling++ >= WARNINGS_SHOWN)
        return;
    fprintf(stderr, "df-db: warning: %s: %s '%s': %s: there is no %s '%s' (yet)\n", load->file,
            df_schema_table(load->at_table)->name, df_schema_id(load->at), path, df_schema_table(table)->name, id);
}

static int check_references(struct load *load, struct df_nb *nb)
{
    struct df_error error;
    if (df_nb_list(nb, DF_NB_TABLES, know_row, load, &error))
        return df_command_fail("%s", error.text);
    for (size_t i = 0; i < load->n; i++) {
        load->at = load->objects[i];
        load->at_table = load->tables[i];
        df_schema_references(load->at_table, load->at, check_reference, load);
    }
    if (load->dangling > WARNINGS_SHOWN)
        fprintf(stderr, "df-db: warning: %s: and %zu more references to what does not exist\n", load->file,
                load->dangling - WARNINGS_SHOWN);
    return DF_EXIT_OK;
}

static int write_objects(struct load *load, struct df_nb *nb)
{
    struct df_error error;
    struct df_nb_batch *batch;
    struct df_progress progress;
    if (df_nb_batch_begin(nb, &batch))
        return df_command_fail("out of memory");
    df_progress_start(&progress, "written", load->n);
    int rc = 0;
    for (size_t i = 0; i < load->n && rc == 0; i++) {
        df_progress_step(&progress, i);
        rc = df_nb_batch_put(batch, load->tables[i], load->objects[i], &error);
    }
    int end = df_nb_batch_end(batch, rc ? NULL : &error);
    df_progress_end(&progress);
    return rc || end ? df_command_fail("%s", error.text) : DF_EXIT_OK;
}

static void load_free(struct load *load)
{
    for (size_t i = 0; i < load->n; i++)
        protobuf_c_message_free_unpacked(load->objects[i], NULL);
    for (enum df_nb_table table = 0; table < DF_NB_TABLES; table++)
        json_decref(load->known[table]);
    free(load->objects);
    free(load->tables);
}

static int run_load(struct df_command_context *context, int argc, char **argv)
{
    (void)argc;
    struct load load = {.file = strcmp(argv[0], "-") == 0 ? "stdin" : argv[0]};
    json_t *json = df_command_read_json(argv[0]);
    if (!json)
        return DF_EXIT_ERROR;
    int code = check_file(&load, json);
    json_decref(json);
    if (code == DF_EXIT_OK)
        code = check_references(&load, context->nb);
    if (code == DF_EXIT_OK)
        code = write_objects(&load, context->nb);
    if (code == DF_EXIT_OK && context->json)
        printf("{\"loaded\":%zu,\"dangling\":%zu}\n", load.n, load.dangling);
    else if (code == DF_EXIT_OK)
        printf("%zu objects loaded.\n", load.n);
    load_free(&load);
    return code;
}

const struct df_command df_command_load = {
    .name = "load",
    .arguments = "FILE|-",
    .summary = "Write all objects of a JSON file",
    .help =
        "The file is {\"TABLE\": [{\"id\": ...}, ...], ...}, as dump writes it. It is checked whole before anything\n"
        "is written. Objects are created or replaced; objects that the file does not name stay. A reference to\n"
        "an object that is neither in the file nor in the database is a warning.\n",
    .min_args = 1,
    .max_args = 1,
    .access = DF_COMMAND_WRITE,
    .run = run_load,
};
