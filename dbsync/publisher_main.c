/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "dbsync/db_options.h"
#include "dbsync/pubsub/publisher_database.h"
#include "dbsync/pubsub/publisher_sockets.h"

/*
 * df-publisher: tells the nodes of what changed in the northbound database, on a machine of the API servers.
 *
 * One thread: it waits for writers (ipc), subscribers (tcp) and the database.
 */

#define TICK_MS 1000

struct options {
    struct df_db_options db;
    struct df_publisher_sockets_config sockets;
    const char *name, *uri;
    unsigned stats_s;
    bool json, help, version, make_keys;
};

struct program {
    const struct options *options;
    struct df_publisher_sockets *sockets;
    struct df_publisher_database *database;
    uint64_t tick_ms, stats_ms;
};

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
    (void)number;
    stop = 1;
}

/* ---- What the publisher needs of us */

static uint64_t now_ms(void *arg)
{
    struct timespec now;
    (void)arg;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int send_publication(void *arg, const char *topic, const void *data, size_t len)
{
    return df_publisher_sockets_send(((struct program *)arg)->sockets, topic, data, len);
}

static void say(void *arg, const char *text)
{
    (void)arg;
    fprintf(stderr, "df-publisher: %s\n", text);
}

static struct df_publisher *publisher_of(const struct program *program)
{
    return df_publisher_database_publisher(program->database);
}

/* ---- The loop */

static void print_stats(const struct program *program)
{
    struct df_publisher_tally t = df_publisher_tally(publisher_of(program));
    const struct {
        const char *name;
        uint64_t value;
    } values[] = {{"published", t.published},
                  {"pushed", t.pushed},
                  {"repeated", t.repeated},
                  {"left", t.left},
                  {"late", t.late},
                  {"untold", t.untold},
                  {"refused", t.refused},
                  {"dropped", t.dropped},
                  {"hellos", t.hellos},
                  {"rows", t.rows},
                  {"topics", t.topics},
                  {"not_let_in", df_publisher_sockets_not_let_in(program->sockets)},
                  {"failed", df_publisher_sockets_failed(program->sockets)}};
    bool json = program->options->json;
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        printf(json ? "%s\"%s\": %" PRIu64 : "%s%s %" PRIu64,
               i      ? ", "
               : json ? "{"
                      : "",
               values[i].name, values[i].value);
    printf(json ? "}\n" : "\n");
    fflush(stdout);
}

static void tick(struct program *program)
{
    uint64_t now = now_ms(NULL);
    if (now >= program->tick_ms) {
        program->tick_ms = now + TICK_MS;
        df_publisher_tick(publisher_of(program), now);
    }
    if (program->options->stats_s && now >= program->stats_ms) {
        program->stats_ms = now + (uint64_t)program->options->stats_s * 1000;
        print_stats(program);
    }
}

/* The database first: subscribers wait for its snapshot. */
static void serve(struct program *program)
{
    while (!stop) {
        df_publisher_database_look(program->database);
        tick(program);
        df_publisher_sockets_wait(program->sockets, df_publisher_database_fd(program->database), TICK_MS);
        df_publisher_sockets_serve(program->sockets, publisher_of(program));
    }
    print_stats(program);
}

static int start(struct program *program, struct df_error *error)
{
    const struct options *options = program->options;
    struct df_publisher_database_config database = {.name = options->name,
                                                    .uri = options->uri,
                                                    .send = send_publication,
                                                    .now_ms = now_ms,
                                                    .log = say,
                                                    .arg = program};
    int rc = df_db_options_config(&options->db, &database.driver, &database.database, error);
    if (rc == 0)
        rc = df_publisher_sockets_open(&options->sockets, &program->sockets, error);
    return rc ? rc : df_publisher_database_new(&database, &program->database, error);
}

static int run(const struct options *options)
{
    struct df_error error;
    struct program program = {.options = options};
    int rc = start(&program, &error);
    if (rc) {
        fprintf(stderr, "df-publisher: %s\n", error.text);
    } else {
        fprintf(stderr, "df-publisher: %s publishes at %s\n", options->name, options->sockets.bind);
        serve(&program);
    }
    df_publisher_database_free(program.database);
    df_publisher_sockets_close(program.sockets);
    return rc ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* ---- The command line */

static void print_usage(FILE *out)
{
    fprintf(out, "Usage: df-publisher [OPTION]...\n"
                 "Tells nodes of the changes of the northbound database, by ZeroMQ.\n\n"
                 "      --bind ENDPOINT        where subscribers connect to (tcp://*:8866)\n"
                 "      --ipc ENDPOINT         where writers of this machine push to\n"
                 "                             (" DF_PUBLISHER_IPC ")\n"
                 "      --queue MESSAGES       that may wait for one subscriber, or from one writer (100000)\n"
                 "      --name NAME            of its row in table publisher (the host name)\n"
                 "      --uri URI              in that row: where nodes find it (tcp://NAME:PORT of --bind)\n"
                 "      --secret-key FILE      serve by CURVE only, with the key in this file\n"
                 "      --clients FILE         let in only subscribers with one of these public keys, a line each\n"
                 "      --make-keys            print a new pair of keys and end\n"
                 "      --stats SECONDS        print counters that often, and at the end\n"
                 "      --json                 as JSON\n" DF_DB_OPTIONS_HELP
                 "  -V, --version              print the version and end\n"
                 "  -h, --help                 print this and end\n");
}

#define STATS_MAX_S 86400

enum { BIND = 256, IPC, QUEUE, NAME, URI, SECRET_KEY, CLIENTS, MAKE_KEYS, STATS, JSON };

static bool take_option(struct options *options, int option)
{
    switch (option) {
    case BIND:
        options->sockets.bind = optarg;
        return true;
    case IPC:
        options->sockets.ipc = optarg;
        return true;
    case QUEUE:
        return df_option_number(optarg, DF_PUBLISHER_QUEUE_MAX, &options->sockets.queue_max);
    case NAME:
        options->name = optarg;
        return true;
    case URI:
        options->uri = optarg;
        return true;
    case SECRET_KEY:
        options->sockets.secret_key_file = optarg;
        return true;
    case CLIENTS:
        options->sockets.clients_file = optarg;
        return true;
    case MAKE_KEYS:
        return options->make_keys = true;
    case STATS:
        return df_option_number(optarg, STATS_MAX_S, &options->stats_s);
    case JSON:
        return options->json = true;
    case 'h':
        return options->help = true;
    case 'V':
        return options->version = true;
    default:
        return df_db_options_take(&options->db, option, optarg);
    }
}

static bool parse(int argc, char **argv, struct options *options)
{
    static const struct option long_options[] = {{"bind", required_argument, NULL, BIND},
                                                 {"ipc", required_argument, NULL, IPC},
                                                 {"queue", required_argument, NULL, QUEUE},
                                                 {"name", required_argument, NULL, NAME},
                                                 {"uri", required_argument, NULL, URI},
                                                 {"secret-key", required_argument, NULL, SECRET_KEY},
                                                 {"clients", required_argument, NULL, CLIENTS},
                                                 {"make-keys", no_argument, NULL, MAKE_KEYS},
                                                 {"stats", required_argument, NULL, STATS},
                                                 {"json", no_argument, NULL, JSON},
                                                 {"help", no_argument, NULL, 'h'},
                                                 {"version", no_argument, NULL, 'V'},
                                                 DF_DB_OPTIONS_LONG,
                                                 {0}};
    int option;
    while ((option = getopt_long(argc, argv, "hV", long_options, NULL)) != -1)
        if (!take_option(options, option))
            return false;
    if (options->sockets.clients_file && !options->sockets.secret_key_file) {
        fprintf(stderr, "df-publisher: --clients needs --secret-key: without a key of its own it lets everybody in\n");
        return false;
    }
    return optind == argc;
}

static int inform(const struct options *options)
{
    if (options->make_keys)
        return df_publisher_make_keys(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    if (options->help)
        print_usage(stdout);
    else
        printf("df-publisher " DF_VERSION "\n");
    return EXIT_SUCCESS;
}

/* Where --bind listens, by the name that nodes know; what is not TCP has no other name. */
static void choose_uri(struct options *options)
{
    static char uri[600];
    const char *bind = options->sockets.bind, *port = strrchr(bind, ':');
    if (strncmp(bind, "tcp://", 6) == 0)
        snprintf(uri, sizeof(uri), "tcp://%.255s%.255s", options->name, port);
    else
        snprintf(uri, sizeof(uri), "%.255s", bind);
    options->uri = uri;
}

int main(int argc, char **argv)
{
    static char host[256];
    struct options options = {.sockets = {.bind = "tcp://*:8866", .ipc = DF_PUBLISHER_IPC}};
    setlocale(LC_CTYPE, "");
    if (!parse(argc, argv, &options)) {
        fprintf(stderr, "Try df-publisher --help.\n");
        return 2;
    }
    if (options.help || options.version || options.make_keys)
        return inform(&options);
    gethostname(host, sizeof(host) - 1);
    options.name = options.name ? options.name : host;
    if (!options.uri)
        choose_uri(&options);
    signal(SIGPIPE, SIG_IGN);
    struct sigaction action = {.sa_handler = on_signal}; /* no SA_RESTART: waiting ends */
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    return run(&options);
}
