/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dbsync/commands/command.h"

/* df-db: the northbound database by hand. Commands are in commands/. */

#define DEFAULT_DB "lmdb:/var/lib/dragonflow/nb"

static const struct df_command *const commands[] = {
    &df_command_init,   &df_command_load, &df_command_dump,   &df_command_list,  &df_command_get,
    &df_command_create, &df_command_set,  &df_command_delete, &df_command_watch, &df_command_drivers,
};

#define N_COMMANDS (sizeof commands / sizeof commands[0])

struct options {
    const char *db;
    bool json, help, version;
};

static void print_options(FILE *to)
{
    fprintf(to, "Options:\n"
                "      --db DRIVER:LOCATION  the database (default: $DF_DB, or " DEFAULT_DB ")\n"
                "      --json                print JSON, for programs\n"
                "  -h, --help                print help, also for a command\n"
                "  -V, --version             print the version\n");
}

static void print_usage(FILE *to)
{
    fprintf(to, "Usage: df-db [OPTION...] COMMAND [ARGUMENT...]\n"
                "Reads and writes the northbound database.\n\nCommands:\n");
    for (size_t i = 0; i < N_COMMANDS; i++)
        fprintf(to, "  %-7s %-22s %s\n", commands[i]->name, commands[i]->arguments, commands[i]->summary);
    fputc('\n', to);
    print_options(to);
}

static int print_command_usage(FILE *to, const struct df_command *command)
{
    fprintf(to, "Usage: df-db [OPTION...] %s %s\n%s.\n%s\n", command->name, command->arguments, command->summary,
            command->help);
    print_options(to);
    return to == stdout ? DF_EXIT_OK : DF_EXIT_USAGE;
}

static bool parse_options(int argc, char **argv, struct options *options)
{
    enum { OPTION_DB = 256, OPTION_JSON };
    static const struct option long_options[] = {
        {"db", required_argument, NULL, OPTION_DB},
        {"json", no_argument, NULL, OPTION_JSON},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        {0},
    };
    int option;
    while ((option = getopt_long(argc, argv, "hV", long_options, NULL)) != -1) {
        switch (option) {
        case OPTION_DB:
            options->db = optarg;
            break;
        case OPTION_JSON:
            options->json = true;
            break;
        case 'h':
            options->help = true;
            break;
        case 'V':
            options->version = true;
            break;
        default:
            return false;
        }
    }
    return true;
}

static const struct df_command *find_command(const char *name)
{
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

/* Cuts "driver:location" in two, in place. */
static bool split_db(char *db, struct df_command_context *context)
{
    char *colon = strchr(db, ':');
    if (!colon || colon == db || !colon[1])
        return false;
    *colon = '\0';
    context->driver = db;
    context->location = colon + 1;
    return true;
}

static int run_command(const struct df_command *command, struct df_command_context *context, int argc, char **argv)
{
    struct df_error error;
    if (command->access != DF_COMMAND_NO_DB) {
        struct df_db_config config = {
            .location = context->location,
            .create = command->access == DF_COMMAND_CREATE,
            .read_only = command->access == DF_COMMAND_READ,
        };
        if (df_nb_open(context->driver, &config, &context->nb, &error))
            return df_command_fail("%s", error.text);
    }
    int code = command->run(context, argc, argv);
    df_nb_close(context->nb);
    if (code == DF_EXIT_OK && (fflush(stdout) || ferror(stdout)))
        code = df_command_fail("cannot write the output");
    return code;
}

static int start_command(const struct options *options, int argc, char **argv)
{
    struct df_command_context context = {.json = options->json};
    const struct df_command *command = find_command(argv[0]);
    if (!command) {
        df_command_fail("there is no command '%s'; see df-db --help", argv[0]);
        return DF_EXIT_USAGE;
    }
    if (options->help)
        return print_command_usage(stdout, command);
    if (argc - 1 < command->min_args || argc - 1 > command->max_args)
        return print_command_usage(stderr, command);

    const char *db = options->db ? options->db : getenv("DF_DB");
    char *copy = strdup(db ? db : DEFAULT_DB);
    if (!copy)
        return df_command_fail("out of memory");
    int code = DF_EXIT_USAGE;
    if (split_db(copy, &context))
        code = run_command(command, &context, argc - 1, argv + 1);
    else
        df_command_fail("the database must be DRIVER:LOCATION, not '%s'", db);
    free(copy);
    return code;
}

int main(int argc, char **argv)
{
    struct options options = {0};
    setlocale(LC_CTYPE, "");
    if (!parse_options(argc, argv, &options)) {
        fprintf(stderr, "Try df-db --help.\n");
        return DF_EXIT_USAGE;
    }
    if (options.version) {
        printf("df-db " DF_VERSION "\n");
        return DF_EXIT_OK;
    }
    if (optind < argc)
        return start_command(&options, argc - optind, argv + optind);
    print_usage(options.help ? stdout : stderr);
    return options.help ? DF_EXIT_OK : DF_EXIT_USAGE;
}
