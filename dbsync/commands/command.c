/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/commands/command.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int df_command_fail(const char *format, ...)
{
    va_list args;
    fflush(stdout);
    fprintf(stderr, "df-db: ");
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return DF_EXIT_ERROR;
}

bool df_command_warn(enum df_nb_table table, const ProtobufCMessage *object)
{
    struct df_error error;
    if (!df_schema_check(table, object, &error))
        return false;
    df_command_fail("warning: %s", error.text);
    return true;
}

enum df_nb_table df_command_table(const char *name)
{
    enum df_nb_table table = df_schema_find(name);
    if (table != DF_NB_TABLES)
        return table;
    char names[1024] = "";
    for (enum df_nb_table t = 0; t < DF_NB_TABLES; t++) {
        size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, " %s", df_schema_table(t)->name);
    }
    df_command_fail("there is no table '%s'; tables are:%s", name, names);
    return DF_NB_TABLES;
}

json_t *df_command_read_json(const char *path)
{
    bool is_stdin = strcmp(path, "-") == 0;
    const char *name = is_stdin ? "stdin" : path;
    FILE *file = is_stdin ? stdin : fopen(path, "r");
    if (!file) {
        df_command_fail("%s: %s", name, strerror(errno));
        return NULL;
    }
    json_error_t error;
    json_t *json = json_loadf(file, JSON_REJECT_DUPLICATES, &error);
    if (!json)
        df_command_fail("%s:%d:%d: %s", name, error.line, error.column, error.text);
    if (!is_stdin)
        fclose(file);
    return json;
}

void df_command_print_json(const json_t *json)
{
    json_dumpf(json, stdout, JSON_COMPACT | JSON_ENCODE_ANY);
    putchar('\n');
}
