/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "control/ctl/ctl.h"
#include "control/daemon/build_info.h"

#define SOCKET_DEFAULT "/run/dragonflow/df.sock"
#define USAGE_ERROR 2
#define ANSWER_TIMEOUT_MS 30000
#define LIMIT_MAX 16777215 /* connections that there can be */

enum {
    OPTION_ALL = 256,
    OPTION_LIMIT,
    OPTION_VERSION,
    OPTION_TIMEOUT,
    OPTION_PROGRAMMED,
    OPTION_PORT,
    OPTION_ADDR,
    OPTION_PROTO,
    OPTION_STATE,
    OPTION_BY
};

static const struct option options[] = {
    {"socket", required_argument, NULL, 's'},
    {"json", no_argument, NULL, 'j'},
    {"watch", optional_argument, NULL, 'w'},
    {"help", no_argument, NULL, 'h'},
    {"all", no_argument, NULL, OPTION_ALL},
    {"limit", required_argument, NULL, OPTION_LIMIT},
    {"version", optional_argument, NULL, OPTION_VERSION},
    {"timeout", required_argument, NULL, OPTION_TIMEOUT},
    {"programmed", no_argument, NULL, OPTION_PROGRAMMED},
    {"port", required_argument, NULL, OPTION_PORT},
    {"addr", required_argument, NULL, OPTION_ADDR},
    {"proto", required_argument, NULL, OPTION_PROTO},
    {"state", required_argument, NULL, OPTION_STATE},
    {"by", required_argument, NULL, OPTION_BY},
    {0},
};

struct arguments {
    const char *socket;
    bool help, watch, version;
};

static void print_usage(FILE *out)
{
    fputs("Usage: df-ctl [OPTION]... COMMAND [ARGUMENT]...\n"
          "Asks df-switchd of this node.\n\n",
          out);
    for (const struct command *command = ctl_commands; command->name; command++)
        fprintf(out, "  %-10s %s\n", command->name, command->summary);
    fputs("\n"
          "  -s, --socket PATH      the daemon's socket (" SOCKET_DEFAULT ")\n"
          "  -j, --json             print JSON\n"
          "  -w, --watch [SECONDS]  print again every SECONDS (1)\n"
          "  -h, --help             print this, or the help of COMMAND\n"
          "      --version          print the version of df-ctl\n",
          out);
}

static void print_command_help(const struct command *command)
{
    printf("Usage: df-ctl [OPTION]... %s%s%s\n%s.\n", command->name, *command->arguments ? " " : "", command->arguments,
           command->summary);
    if (command->help)
        printf("\n%s", command->help);
}

/* The argument of an option that may stand behind it in a word of its own, when that is a number. */
static const char *optional_number(char **argv)
{
    if (optarg)
        return optarg;
    const char *next = argv[optind];
    if (!next || !*next || strspn(next, "0123456789.") != strlen(next))
        return NULL;
    optind++;
    return next;
}

static int read_number(const char *option, const char *text, double max, double *to)
{
    char *end;
    double number = strtod(text, &end);
    if (end == text || *end || !(number >= 0 && number <= max)) {
        fprintf(stderr, "df-ctl: --%s %s: must be a number from 0 to %.0f\n", option, text, max);
        return -1;
    }
    *to = number;
    return 0;
}

static int take_watch(struct ctl *ctl, struct arguments *arguments, char **argv)
{
    const char *seconds = optional_number(argv);
    arguments->watch = true;
    if (seconds && read_number("watch", seconds, 86400, &ctl->interval) != 0)
        return -1;
    if (ctl->interval < 0.1)
        ctl->interval = 0.1;
    return 0;
}

static int take_version(struct ctl *ctl, struct arguments *arguments, char **argv)
{
    double number = 0;
    const char *text = optional_number(argv);
    arguments->version = text == NULL;
    int rc = text ? read_number("version", text, 9e15, &number) : 0;
    ctl->version = (json_int_t)number;
    return rc;
}

/* What connections are asked for. False: it is another option. */
static bool take_filter(int option, struct ctl *ctl)
{
    switch (option) {
    case OPTION_PORT:
        ctl->port = optarg;
        return true;
    case OPTION_ADDR:
        ctl->addr = optarg;
        return true;
    case OPTION_PROTO:
        ctl->proto = optarg;
        return true;
    case OPTION_STATE:
        ctl->state = optarg;
        return true;
    case OPTION_BY:
        ctl->by = optarg;
        return true;
    default:
        return false;
    }
}

static int take_option(int option, struct ctl *ctl, struct arguments *arguments, char **argv)
{
    double number = 0;
    int rc = 0;
    switch (option) {
    case 's':
        arguments->socket = optarg;
        break;
    case 'j':
        ctl->json = true;
        break;
    case 'w':
        return take_watch(ctl, arguments, argv);
    case 'h':
        arguments->help = true;
        break;
    case OPTION_ALL:
        ctl->all = true;
        break;
    case OPTION_LIMIT:
        rc = read_number("limit", optarg, LIMIT_MAX, &number);
        ctl->limit = (long)number;
        break;
    case OPTION_VERSION:
        return take_version(ctl, arguments, argv);
    case OPTION_TIMEOUT:
        return read_number("timeout", optarg, 3600, &ctl->timeout);
    case OPTION_PROGRAMMED:
        ctl->programmed = true;
        break;
    default:
        if (take_filter(option, ctl))
            return 0;
        fputs("Try df-ctl --help.\n", stderr);
        return -1;
    }
    return rc;
}

static const struct command *find_command(const char *name)
{
    for (const struct command *command = ctl_commands; command->name; command++)
        if (strcmp(command->name, name) == 0)
            return command;
    fprintf(stderr, "df-ctl: there is no command `%s'; df-ctl --help lists them\n", name);
    return NULL;
}

json_t *ctl_call(struct ctl *ctl, const char *method, json_t *params, struct df_error *error)
{
    int timeout_ms = ANSWER_TIMEOUT_MS + (strcmp(method, "wait") == 0 ? (int)(ctl->timeout * 1000) : 0);
    return df_rpc_client_call(ctl->client, method, params, timeout_ms, NULL, error);
}

void print_json(const struct ctl *ctl, json_t *json)
{
    json_dumpf(json, stdout, ctl->watching ? JSON_COMPACT : JSON_INDENT(2));
    putchar('\n');
    json_decref(json);
}

/* One document of the daemon's, shown whole. */
static int fetch_and_print(struct ctl *ctl, const struct command *command, struct df_error *error)
{
    json_t *json = command->fetch(ctl, error);
    if (!json)
        return -1;
    if (ctl->json) {
        print_json(ctl, json);
    } else {
        command->print(ctl, json);
        json_decref(json);
    }
    return 0;
}

static int run_once(struct ctl *ctl, const struct command *command)
{
    struct df_error error;
    int rc = command->run ? command->run(ctl, &error) : fetch_and_print(ctl, command, &error);
    fflush(stdout);
    if (rc != 0)
        fprintf(stderr, "df-ctl: %s\n", error.text);
    return rc != 0 || ferror(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* JSON is one document a line then, for a program to read as it comes; people get a fresh screen. */
static int run_again_and_again(struct ctl *ctl, const struct command *command)
{
    struct timespec pause = {.tv_sec = (time_t)ctl->interval,
                             .tv_nsec = (long)((ctl->interval - (double)(time_t)ctl->interval) * 1e9)};
    for (;;) {
        if (!ctl->json)
            printf("\033[H\033[2Jdf-ctl %s, every %g s\n\n", command->name, ctl->interval);
        int rc = run_once(ctl, command);
        if (rc != EXIT_SUCCESS)
            return rc;
        ctl->watching = true;
        nanosleep(&pause, NULL);
    }
}

static int run(struct ctl *ctl, const struct arguments *arguments, const struct command *command)
{
    struct df_error error;
    if (df_rpc_client_open(arguments->socket, &ctl->client, &error) != 0) {
        fprintf(stderr, "df-ctl: %s\n", error.text);
        return EXIT_FAILURE;
    }
    int rc = arguments->watch ? run_again_and_again(ctl, command) : run_once(ctl, command);
    json_decref(ctl->before);
    df_rpc_client_close(ctl->client);
    return rc;
}

int main(int argc, char **argv)
{
    struct ctl ctl = {.interval = 1, .timeout = 60};
    struct arguments arguments = {.socket = SOCKET_DEFAULT};
    int option;
    while ((option = getopt_long(argc, argv, "s:jw::h", options, NULL)) != -1)
        if (take_option(option, &ctl, &arguments, argv) != 0)
            return USAGE_ERROR;
    if (optind == argc) {
        if (arguments.version)
            puts("df-ctl " DF_VERSION);
        else
            print_usage(arguments.help ? stdout : stderr);
        return arguments.version || arguments.help ? EXIT_SUCCESS : USAGE_ERROR;
    }
    const struct command *command = find_command(argv[optind]);
    if (!command)
        return USAGE_ERROR;
    if (arguments.help) {
        print_command_help(command);
        return EXIT_SUCCESS;
    }
    ctl.args = argv + optind + 1;
    ctl.n_args = argc - optind - 1;
    if (ctl.n_args < command->min_args || ctl.n_args > command->max_args) {
        fprintf(stderr, "Usage: df-ctl %s %s\n", command->name, command->arguments);
        return USAGE_ERROR;
    }
    return run(&ctl, &arguments, command);
}
