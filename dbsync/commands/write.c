/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dbsync/commands/assign.h"
#include "dbsync/commands/command.h"
#include "dbsync/json.h"

/* The commands that write one object: create, set, delete. */

/* JSON that is an argument, or stdin's for "-". */
static json_t *read_argument(const char *argument)
{
    if (strcmp(argument, "-") == 0)
        return df_command_read_json(argument);
    json_error_t error;
    json_t *json = json_loads(argument, JSON_REJECT_DUPLICATES, &error);
    if (!json)
        df_command_fail("the JSON of the argument is wrong at byte %d: %s", error.position, error.text);
    return json;
}

static int print_result(const struct df_command_context *context, enum df_nb_table table, const char *id,
                        const char *done)
{
    struct df_error error;
    ProtobufCMessage *object;
    if (!context->json) {
        printf("%s '%s' %s.\n", df_schema_table(table)->name, id, done);
        return DF_EXIT_OK;
    }
    if (df_nb_get(context->nb, table, id, &object, &error))
        return df_command_fail("%s", error.text);
    json_t *json = df_schema_to_json(object);
    df_command_print_json(json);
    json_decref(json);
    protobuf_c_message_free_unpacked(object, NULL);
    return DF_EXIT_OK;
}

static int run_create(struct df_command_context *context, int argc, char **argv)
{
    (void)argc;
    struct df_error error;
    ProtobufCMessage *object;
    enum df_nb_table table = df_command_table(argv[0]);
    json_t *json = table == DF_NB_TABLES ? NULL : read_argument(argv[1]);
    if (!json)
        return DF_EXIT_ERROR;
    int rc = df_schema_from_json(table, json, &object, &error);
    json_decref(json);
    if (rc)
        return df_command_fail("%s", error.text);
    int code = DF_EXIT_OK;
    if (df_nb_write(context->nb, DF_NB_CREATE, table, object, &error))
        code = df_command_fail("%s", error.text);
    else
        code = print_result(context, table, df_schema_id(object), "created");
    protobuf_c_message_free_unpacked(object, NULL);
    return code;
}

const struct df_command df_command_create = {
    .name = "create",
    .arguments = "TABLE JSON|-",
    .summary = "Create an object",
    .help = "JSON is {\"id\": ..., \"FIELD\": VALUE, ...}. version and unique_key are assigned.\n",
    .min_args = 2,
    .max_args = 2,
    .access = DF_COMMAND_WRITE,
    .run = run_create,
};

struct set {
    enum df_nb_table table;
    const json_t *fields; /* or, when NULL, assignments */
    char **assignments;
    int n;
};

static int set_fields(const struct set *set, json_t *json, struct df_error *error)
{
    if (set->fields)
        return json_object_update(json, (json_t *)(uintptr_t)set->fields)
                   ? df_error_set(error, -EINVAL, "the JSON of the argument is not an object")
                   : 0;
    int rc = 0;
    for (int i = 0; i < set->n && rc == 0; i++)
        rc = df_assign(set->table, json, set->assignments[i], error);
    return rc;
}

/* The object goes through JSON, where every field can be set and unset; null unsets. */
static int edit_object(ProtobufCMessage **object, void *arg, struct df_error *error)
{
    const struct set *set = arg;
    ProtobufCMessage *edited;
    json_t *json = df_schema_to_json(*object);
    if (!json)
        return df_error_set(error, -ENOMEM, "out of memory");
    int rc = set_fields(set, json, error);
    if (rc == 0)
        rc = df_json_parse(set->table, json, &edited, error);
    json_decref(json);
    if (rc)
        return rc;
    protobuf_c_message_free_unpacked(*object, NULL);
    *object = edited;
    return 0;
}

static int run_set(struct df_command_context *context, int argc, char **argv)
{
    struct df_error error;
    struct set set = {.table = df_command_table(argv[0]), .assignments = argv + 2, .n = argc - 2};
    if (set.table == DF_NB_TABLES)
        return DF_EXIT_ERROR;
    json_t *json = NULL;
    if (argc == 3 && (argv[2][0] == '{' || strcmp(argv[2], "-") == 0)) {
        json = read_argument(argv[2]);
        if (!json)
            return DF_EXIT_ERROR;
        set.fields = json;
    }
    int rc = df_nb_edit(context->nb, set.table, argv[1], edit_object, &set, &error);
    json_decref(json);
    return rc ? df_command_fail("%s", error.text) : print_result(context, set.table, argv[1], "changed");
}

const struct df_command df_command_set = {
    .name = "set",
    .arguments = "TABLE ID FIELD=VALUE...",
    .summary = "Change fields of an object",
    .help =
        "FIELD may be a path, as in binding.chassis=host2. VALUE is text for a string and JSON otherwise; a list of\n"
        "strings may be written a,b,c; an empty VALUE unsets the field. Instead of FIELD=VALUE... there may be a JSON\n"
        "object, or - for stdin, whose fields replace the stored ones and where null unsets.\n",
    .min_args = 3,
    .max_args = 1000,
    .access = DF_COMMAND_WRITE,
    .run = run_set,
};

static int run_delete(struct df_command_context *context, int argc, char **argv)
{
    (void)argc;
    struct df_error error;
    enum df_nb_table table = df_command_table(argv[0]);
    if (table == DF_NB_TABLES)
        return DF_EXIT_ERROR;
    if (df_nb_delete(context->nb, table, argv[1], &error))
        return df_command_fail("%s", error.text);
    if (!context->json)
        printf("%s '%s' deleted.\n", argv[0], argv[1]);
    return DF_EXIT_OK;
}

const struct df_command df_command_delete = {
    .name = "delete",
    .arguments = "TABLE ID",
    .summary = "Delete an object",
    .help = "What refers to it stays.\n",
    .min_args = 2,
    .max_args = 2,
    .access = DF_COMMAND_WRITE,
    .run = run_delete,
};
