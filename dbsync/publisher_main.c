/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "dbsync/db_options.h"
#include "dbsync/nb.h"
#include "dbsync/pubsub/publisher_sockets.h"

/*
 * df-publisher: tells the nodes of what changed in the northbound database, on a machine of the API servers.
 *
 * One thread: it waits for writers (ipc), subscribers (tcp) and the database.
 */

#define RETRY_MS 1000
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
    char id[64]; /* new with each start */
    struct df_publisher *publisher;
    struct df_publisher_sockets *sockets;
    const struct df_db_driver *driver;
    struct df_db_config config;
    struct df_db *db;
    bool synced, registered, away;
    uint64_t revision, retry_ms, tick_ms, stats_ms;
};

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
    (void)number;
    stop = 1;
}

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- The publisher */

static int send_publication(void *arg, const char *topic, const void *data, size_t len)
{
    return df_publisher_sockets_send(((struct program *)arg)->sockets, topic, data, len);
}

static int make_id(struct program *program)
{
    uint64_t random[2];
    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
        return -EIO;
    snprintf(program->id, sizeof(program->id), "%016" PRIx64 "%016" PRIx64, random[0], random[1]);
    return 0;
}

/* With an id of its own: to those who listen it is another one, so they take a snapshot. */
static int begin(struct program *program, struct df_error *error)
{
    struct df_publisher *publisher =
        make_id(program) == 0 ? df_publisher_new(program->id, send_publication, program) : NULL;
    if (!publisher)
        return df_error_set(error, -ENOMEM, "out of memory");
    df_publisher_free(program->publisher);
    program->publisher = publisher;
    return 0;
}

/* ---- The database */

static int snapshot_row(const struct df_db_row *row, void *arg)
{
    return df_publisher_snapshot_row(((struct program *)arg)->publisher, row);
}

static int change_row(const struct df_db_row *row, void *arg)
{
    return df_publisher_change(((struct program *)arg)->publisher, row);
}

/* A database that was replaced, or put back, counts revisions anew: what is known by the old ones means nothing. */
static int take_snapshot(struct program *program, struct df_error *error)
{
    uint64_t before = program->revision;
    program->driver->watch_fd(program->db); /* before, so that nothing is missed */
    df_publisher_snapshot_begin(program->publisher);
    int rc = program->driver->snapshot(program->db, snapshot_row, program, &program->revision, error);
    if (rc == 0)
        rc = df_publisher_snapshot_end(program->publisher, program->revision);
    program->synced = rc == 0 && program->revision >= before;
    if (rc || program->synced)
        return rc;
    fprintf(stderr, "df-publisher: the database went back from revision %" PRIu64 " to %" PRIu64 ": beginning anew\n",
            before, program->revision);
    return begin(program, error);
}

/* The row is for operators: what publishers there are, and since when. */
static int register_self(const struct program *program, struct df_error *error)
{
    struct df_nb *nb;
    Df__Publisher row = DF__PUBLISHER__INIT;
    row.id = (char *)(uintptr_t)program->options->name;
    row.name = row.id;
    row.uri = (char *)(uintptr_t)program->options->uri;
    row.has_last_activity_timestamp = true;
    row.last_activity_timestamp = (uint64_t)time(NULL);
    int rc = df_nb_open(program->driver->name, &program->config, &nb, error);
    if (rc)
        return rc;
    rc = df_nb_write(nb, DF_NB_PUT, DF_NB_PUBLISHER, &row.base, error);
    df_nb_close(nb);
    return rc;
}

static int read_database(struct program *program, struct df_error *error)
{
    int rc = program->db ? 0 : program->driver->open(&program->config, &program->db, error);
    if (rc)
        return rc;
    rc = -ESTALE;
    if (program->synced)
        rc = program->driver->watch(program->db, &program->revision, change_row, program, error);
    if (rc == -ESTALE)
        rc = take_snapshot(program, error);
    if (rc == 0)
        rc = df_publisher_flush(program->publisher);
    if (rc == 0 && !program->registered) {
        rc = register_self(program, error);
        program->registered = rc == 0;
    }
    return rc;
}

static void look_at_database(struct program *program)
{
    struct df_error error = {""};
    if (now_ms() < program->retry_ms)
        return;
    int rc = read_database(program, &error);
    if (rc && !program->away)
        fprintf(stderr, "df-publisher: the database is away: %s; publishing what writers push, and trying again\n",
                error.text);
    if (rc == 0 && program->away)
        fprintf(stderr, "df-publisher: the database is back\n");
    program->away = rc != 0;
    program->retry_ms = rc ? now_ms() + RETRY_MS : 0;
    if (rc == -ENODEV) {
        program->driver->close(program->db);
        program->db = NULL;
        program->synced = program->registered = false;
        program->revision = 0;
        begin(program, NULL);
    }
}

/* ---- The loop */

static void print_stats(const struct program *program)
{
    struct df_publisher_tally t = df_publisher_tally(program->publisher);
    const struct {
        const char *name;
        uint64_t value;
    } values[] = {{"published", t.published},
                  {"pushed", t.pushed},
                  {"repeated", t.repeated},
                  {"late", t.late},
                  {"untold", t.untold},
                  {"refused", t.refused},
                  {"dropped", t.dropped},
                  {"hellos", t.hellos},
                  {"rows", t.rows},
                  {"topics", t.topics},
                  {"not_let_in", df_publisher_sockets_not_let_in(program->sockets)}};
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
    uint64_t now = now_ms();
    if (now >= program->tick_ms) {
        program->tick_ms = now + TICK_MS;
        df_publisher_tick(program->publisher, now);
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
        look_at_database(program);
        tick(program);
        int fd = program->db && program->synced ? program->driver->watch_fd(program->db) : -1;
        df_publisher_sockets_wait(program->sockets, fd, TICK_MS);
        df_publisher_sockets_serve(program->sockets, program->publisher);
    }
    print_stats(program);
}

static int start(struct program *program, struct df_error *error)
{
    const struct options *options = program->options;
    int rc = df_db_options_config(&options->db, &program->driver, &program->config, error);
    if (rc == 0)
        rc = df_publisher_sockets_open(&options->sockets, &program->sockets, error);
    if (rc)
        return rc;
    return begin(program, error);
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
    if (program.db)
        program.driver->close(program.db);
    df_publisher_free(program.publisher);
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
                 "      --name NAME            of its row in table publisher (the host name)\n"
                 "      --uri URI              in that row: where nodes find it (tcp://NAME:8866)\n"
                 "      --secret-key FILE      serve by CURVE only, with the key in this file\n"
                 "      --clients FILE         let in only subscribers with one of these public keys, a line each\n"
                 "      --make-keys            print a new pair of keys and end\n"
                 "      --stats SECONDS        print counters that often, and at the end\n"
                 "      --json                 as JSON\n" DF_DB_OPTIONS_HELP
                 "  -V, --version              print the version and end\n"
                 "  -h, --help                 print this and end\n");
}

enum { BIND = 256, IPC, NAME, URI, SECRET_KEY, CLIENTS, MAKE_KEYS, STATS, JSON };

static bool take_option(struct options *options, int option)
{
    switch (option) {
    case BIND:
        options->sockets.bind = optarg;
        return true;
    case IPC:
        options->sockets.ipc = optarg;
        return true;
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
        options->stats_s = (unsigned)strtoul(optarg, NULL, 10);
        return options->stats_s > 0;
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

int main(int argc, char **argv)
{
    static char host[256], uri[300];
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
    snprintf(uri, sizeof(uri), "tcp://%.250s:%d", options.name, DF_PUBLISHER_PORT);
    options.uri = options.uri ? options.uri : uri;
    signal(SIGPIPE, SIG_IGN);
    struct sigaction action = {.sa_handler = on_signal}; /* no SA_RESTART: waiting ends */
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    return run(&options);
}
