/* SPDX-License-Identifier: Apache-2.0 */
#include "director.h"

#include "control/log.h"
#include "dbsync/pubsub/announcer.h"
#include "fastpath/rcu.h"

#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * df-simulate: many nodes in one process, on a database that is there already. scripts/simulate starts that, and this
 * with what is to be measured.
 */

struct options {
    struct cloud cloud;
    unsigned dies;
    unsigned rounds, seconds;
    const char *database, *publisher, *announce, *apps_dir;
    bool selective, load;
    const char **scenarios;
};

struct program {
    const struct options *options;
    struct director_options director;
    struct farm_config farm;
    char *driver; /* with the location behind it */
    const char *publishers[2];
    struct df_subscriber_config subscriber;
    struct farm *running;
    struct df_nb *nb;
    struct df_announcer *announcer;
    int rc;
};

static const char usage_text[] =
    "usage: df-simulate --db DRIVER:LOCATION --apps-dir DIRECTORY [OPTION]... SCENARIO...\n"
    "Runs many nodes of a generated cloud in one process, and says what scenarios took: a JSON object a line.\n"
    "\n"
    "      --nodes N          that are simulated (200)\n"
    "      --chassis N        that the cloud has; no less (as --nodes)\n"
    "      --tenants N        (200)\n"
    "      --ports N          of all tenants together (20000)\n"
    "      --spread N         nodes that a tenant has ports on (10)\n"
    "      --here N           only the first N tenants have ports on simulated nodes (all)\n"
    "      --group N          one more tenant, with so many ports in one group, on all chassis\n"
    "      --node-dies N      the last N nodes are a process of their own, which scenario die kills\n"
    "      --selective        nodes hear only of what their ports need\n"
    "      --publisher HOST:PORT   hear of changes by that df-publisher\n"
    "      --announce ENDPOINT     push one's own changes to it\n"
    "      --rounds N         changes of each kind (100)\n"
    "      --seconds N        of scenario idle (10)\n"
    "      --no-load          the cloud is in the database already\n"
    "\n"
    "Scenarios, in the order in which they are to be run, start first; without one the cloud is only written:\n";

enum {
    NODES = 1,
    CHASSIS,
    TENANTS,
    PORTS,
    SPREAD,
    HERE,
    GROUP,
    DIES,
    ROUNDS,
    SECONDS,
    NUMBERS,
    DB,
    PUBLISHER,
    ANNOUNCE,
    APPS
};

static const struct option longs[] = {
    {"nodes", required_argument, NULL, NODES},
    {"chassis", required_argument, NULL, CHASSIS},
    {"tenants", required_argument, NULL, TENANTS},
    {"ports", required_argument, NULL, PORTS},
    {"spread", required_argument, NULL, SPREAD},
    {"here", required_argument, NULL, HERE},
    {"group", required_argument, NULL, GROUP},
    {"node-dies", required_argument, NULL, DIES},
    {"rounds", required_argument, NULL, ROUNDS},
    {"seconds", required_argument, NULL, SECONDS},
    {"db", required_argument, NULL, DB},
    {"publisher", required_argument, NULL, PUBLISHER},
    {"announce", required_argument, NULL, ANNOUNCE},
    {"apps-dir", required_argument, NULL, APPS},
    {"selective", no_argument, NULL, 's'},
    {"no-load", no_argument, NULL, 'l'},
    {"help", no_argument, NULL, 'h'},
    {0},
};

static int complain(const char *what, const char *about)
{
    fprintf(stderr, "df-simulate: %s%s\n", what, about);
    return -EINVAL;
}

static int take_number(struct options *options, int option, const char *text)
{
    unsigned *const numbers[NUMBERS] = {
        [NODES] = &options->cloud.nodes,     [CHASSIS] = &options->cloud.chassis,
        [TENANTS] = &options->cloud.tenants, [PORTS] = &options->cloud.ports,
        [SPREAD] = &options->cloud.spread,   [GROUP] = &options->cloud.group,
        [HERE] = &options->cloud.here,       [DIES] = &options->dies,
        [ROUNDS] = &options->rounds,         [SECONDS] = &options->seconds,
    };
    char *end;
    errno = 0;
    unsigned long number = strtoul(text, &end, 10);
    if (errno || end == text || *end || number > 1000000)
        return complain("not a number up to 1000000: ", text);
    *numbers[option] = (unsigned)number;
    return 0;
}

static int take_option(struct options *options, int option)
{
    switch (option) {
    case DB:
        options->database = optarg;
        return 0;
    case PUBLISHER:
        options->publisher = optarg;
        return 0;
    case ANNOUNCE:
        options->announce = optarg;
        return 0;
    case APPS:
        options->apps_dir = optarg;
        return 0;
    case 's':
        options->selective = true;
        return 0;
    case 'l':
        options->load = false;
        return 0;
    case 'h':
        printf("%s%s", usage_text, director_help);
        exit(EXIT_SUCCESS);
    default:
        return option > 0 && option < NUMBERS ? take_number(options, option, optarg) : -EINVAL;
    }
}

/* Port numbers of a tenant are places in its networks; and a shape that divides by nothing. */
static int check_options(struct options *options)
{
    struct cloud *cloud = &options->cloud;
    if (cloud->chassis == 0)
        cloud->chassis = cloud->nodes;
    if (!options->database || !strchr(options->database, ':') || !options->apps_dir)
        return complain("--db DRIVER:LOCATION and --apps-dir are needed; --help says more", "");
    if (cloud->nodes == 0 || cloud->tenants == 0 || cloud->spread == 0 || options->rounds == 0 || options->seconds == 0)
        return complain("--nodes, --tenants, --spread, --rounds and --seconds are 1 at least", "");
    if (cloud->nodes > cloud->chassis || cloud->spread > cloud->chassis || options->dies >= cloud->nodes)
        return complain("--nodes and --spread are not more than --chassis, and --node-dies less than --nodes", "");
    if (cloud->here > 0 && cloud->nodes + cloud->spread > cloud->chassis)
        return complain("--here wants --chassis of --nodes and --spread at least", "");
    if (cloud->chassis > 60000 || cloud->ports / cloud->tenants > 100000 || cloud->tenants > 60000)
        return complain("at most 60000 chassis, 60000 tenants, and 100000 ports of a tenant", "");
    for (const char **name = options->scenarios; *name; name++)
        if (!director_knows(*name))
            return complain("no scenario has this name: ", *name);
    return 0;
}

static int parse(int argc, char **argv, struct options *options)
{
    int option, rc = 0;
    while (rc == 0 && (option = getopt_long(argc, argv, "h", longs, NULL)) != -1)
        rc = take_option(options, option);
    options->scenarios = (const char **)(uintptr_t)(argv + optind);
    return rc ? rc : check_options(options);
}

/* ---- */

static void on_progress(size_t n)
{
    if (n % 5000 == 0)
        fprintf(stderr, "simulate: %zu objects written\n", n);
}

static int open_database(struct program *program)
{
    struct df_error error;
    int rc = df_nb_open(program->driver, &program->farm.database, &program->nb, &error);
    if (rc == 0 && program->options->announce)
        rc = df_announcer_new(program->options->announce, &program->announcer, &error);
    if (rc == 0 && program->options->load)
        rc = cloud_write(&program->options->cloud, program->nb, on_progress, &error);
    if (rc == 0)
        df_nb_set_announcer(program->nb, program->announcer);
    return rc ? complain(error.text, "") : 0;
}

static void *direct(void *arg)
{
    struct program *program = arg;
    program->rc = director_run(&program->director, program->running, program->nb);
    farm_stop(program->running);
    return NULL;
}

static int run_farm(struct program *program)
{
    pthread_t director;
    df_rcu_register();
    program->rc = -1;
    program->running = farm_new(&program->farm);
    if (program->running) {
        if (pthread_create(&director, NULL, direct, program) == 0) {
            farm_run(program->running);
            pthread_join(director, NULL);
        }
        farm_free(program->running);
    }
    df_rcu_unregister();
    return program->rc;
}

/* The nodes that are to die: they start when told so, and live until they are killed. */
static _Noreturn void be_others(struct program *program, int go_fd, int ready_fd)
{
    static const char *const scenarios[] = {"start", "stay", NULL};
    char byte;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (read(go_fd, &byte, 1) != 1)
        _exit(EXIT_FAILURE);
    program->farm.first = program->options->cloud.nodes - program->options->dies;
    program->farm.n = program->options->dies;
    program->director.scenarios = scenarios;
    program->director.ready_fd = ready_fd;
    if (!freopen("/dev/null", "w", stdout))
        _exit(EXIT_FAILURE);
    run_farm(program);
    _exit(EXIT_FAILURE);
}

/* Before there is any thread. */
static int fork_others(struct program *program)
{
    int go[2], ready[2];
    if (pipe(go) != 0 || pipe(ready) != 0)
        return complain("pipe: ", strerror(errno));
    program->director.others = fork();
    if (program->director.others < 0)
        return complain("fork: ", strerror(errno));
    if (program->director.others == 0) {
        close(go[1]);
        be_others(program, go[0], ready[1]);
    }
    close(go[0]);
    close(ready[1]);
    program->director.go_fd = go[1];
    program->director.ready_fd = ready[0];
    program->director.n_others = program->options->dies;
    return 0;
}

static void log_subscriber(void *arg, const char *text)
{
    (void)arg;
    df_log(DF_LOG_WARNING, "%s", text);
}

static void set_up(struct program *program, const struct options *options)
{
    *program = (struct program){.options = options, .driver = strdup(options->database)};
    char *location = strchr(program->driver, ':');
    *location++ = '\0';
    program->publishers[0] = options->publisher;
    program->subscriber = (struct df_subscriber_config){.publishers = program->publishers, .log = log_subscriber};
    program->farm = (struct farm_config){.cloud = &options->cloud,
                                         .n = options->cloud.nodes - options->dies,
                                         .driver = program->driver,
                                         .database = {.location = location, .create = true},
                                         .subscriber = options->publisher ? &program->subscriber : NULL,
                                         .selective = options->selective,
                                         .apps_dir = options->apps_dir};
    program->director = (struct director_options){.cloud = &options->cloud,
                                                  .driver = program->driver,
                                                  .database = program->farm.database,
                                                  .rounds = options->rounds,
                                                  .seconds = options->seconds,
                                                  .scenarios = options->scenarios};
}

static void raise_limits(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int main(int argc, char **argv)
{
    struct options options = {.cloud = {.nodes = 200, .tenants = 200, .ports = 20000, .spread = 10},
                              .rounds = 100,
                              .seconds = 10,
                              .load = true};
    struct program program;
    if (parse(argc, argv, &options))
        return 2;
    raise_limits();
    df_log_set_level(DF_LOG_ERROR);
    set_up(&program, &options);
    int rc = options.dies ? fork_others(&program) : 0;
    if (rc == 0)
        rc = open_database(&program);
    if (rc == 0 && options.scenarios[0])
        rc = run_farm(&program);
    df_nb_close(program.nb);
    df_announcer_free(program.announcer);
    if (program.director.others > 0) {
        kill(program.director.others, SIGKILL);
        waitpid(program.director.others, NULL, 0);
    }
    free(program.driver);
    return rc ? EXIT_FAILURE : EXIT_SUCCESS;
}
