/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dbsync/commands/command.h"
#include "dbsync/db_options.h"
#include "dbsync/pubsub/announcer.h"

/* df-db: the northbound database by hand. Commands are in commands/. */

static const struct df_command *const commands[] = {
    &df_command_init,   &df_command_load, &df_command_dump,   &df_command_list,  &df_command_get,
    &df_command_create, &df_command_set,  &df_command_delete, &df_command_watch, &df_command_drivers,
};

#define N_COMMANDS (sizeof commands / sizeof commands[0])

struct options {
    struct df_db_options db;
    const char *announce; /* endpoint of a publisher; NULL: none */
    bool json, help, version;
};

static void print_options(FILE *to)
{
    fprintf(to, "Options:\n" DF_DB_OPTIONS_HELP
                "      --announce ENDPOINT    tell a df-publisher of this machine of writes (its --ipc)\n"
                "      --json                 print JSON, for programs\n"
                "  -h, --help                 print help, also for a command\n"
                "  -V, --version              print the version\n");
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
    enum { OPTION_JSON = 256, OPTION_ANNOUNCE };
    static const struct option long_options[] = {
        DF_DB_OPTIONS_LONG,
        {"announce", required_argument, NULL, OPTION_ANNOUNCE},
        {"json", no_argument, NULL, OPTION_JSON},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        {0},
    };
    int option;
    while ((option = getopt_long(argc, argv, "hV", long_options, NULL)) != -1) {
        switch (option) {
        case OPTION_ANNOUNCE:
            options->announce = optarg;
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
            if (!df_db_options_take(&options->db, option, optarg))
                return false;
            break;
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

/* Opens the database as the command wants it, and tells a publisher of its writes if there is one to be told. */
static int open_database(const struct df_command *command, const struct options *options,
                         struct df_command_context *context, struct df_announcer **announcer)
{
    struct df_error error;
    struct df_db_config config;
    const struct df_db_driver *driver;
    *announcer = NULL;
    int rc = df_db_options_config(&options->db, &driver, &config, &error);
    if (rc) {
        df_command_fail("%s", error.text);
        return rc == -EINVAL ? DF_EXIT_USAGE : DF_EXIT_ERROR;
    }
    config.create = command->access == DF_COMMAND_CREATE;
    config.read_only = command->access == DF_COMMAND_READ;
    context->driver = driver->name;
    context->location = config.location;
    rc = df_nb_open(driver->name, &config, &context->nb, &error);
    if (rc == 0 && options->announce)
        rc = df_announcer_new(options->announce, announcer, &error);
    if (rc)
        return df_command_fail("%s", error.text);
    df_nb_set_announcer(context->nb, *announcer);
    return DF_EXIT_OK;
}

/* No failure: it is written, and news of it takes a little longer. */
static void say_dropped(const struct df_announcer *announcer, const char *endpoint)
{
    struct df_announcer_tally tally = df_announcer_tally(announcer);
    if (tally.dropped)
        fprintf(stderr,
                "df-db: %" PRIu64 " of %" PRIu64
                " transactions were too large for the publisher at %s, or too many at a "
                "time: it hears of them from the database\n",
                tally.dropped, tally.pushed + tally.dropped, endpoint);
}

static int run_command(const struct df_command *command, const struct options *options,
                       struct df_command_context *context, int argc, char **argv)
{
    struct df_announcer *announcer = NULL;
    int code = DF_EXIT_OK;
    if (command->access != DF_COMMAND_NO_DB)
        code = open_database(command, options, context, &announcer);
    if (code == DF_EXIT_OK)
        code = command->run(context, argc, argv);
    df_nb_close(context->nb);
    if (announcer)
        say_dropped(announcer, options->announce);
    df_announcer_free(announcer);
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

    return run_command(command, options, &context, argc - 1, argv + 1);
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
