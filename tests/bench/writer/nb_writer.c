/* SPDX-License-Identifier: Apache-2.0 */

/*
 * nb_writer: changes ports of a northbound database in LMDB, for measurements. df-db would do, but its start takes longer
 * than what is measured.
 *
 *   nb_writer DATABASE turn LPORT MAC MAC TIMES CTL
 *     Gives the port the one MAC and the other in turn, each when the change before is in force: when the replay port
 *     whose control page is CTL has been sent the first frame to the new MAC. Prints a line for each change, in
 *     nanoseconds from the start of the write: "COMMITTED IN_FORCE", when the write returned and when that frame came.
 *
 *   nb_writer DATABASE churn LSWITCH NETWORK RATE SECONDS [MEMBERS RULES]
 *     Makes, changes and deletes ports with addresses behind NETWORK, RATE changes each second, each a transaction of its own.
 *     None are left. With the ids of two security groups the ports are members of the one, and every other change adds a
 *     rule to the other, or removes it. Prints "CHANGES NANOSECONDS CPU_NANOSECONDS".
 */

#include "dbsync/nb.h"

#include "replay_ctl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#define NS_PER_S UINT64_C(1000000000)
#define IN_FORCE_NS_MOST NS_PER_S
#define QUIET_NS (5 * 1000 * 1000) /* between two changes: the switch is at rest again */
#define CHURN_PORTS 100            /* there at once: more than the switch may be behind */
#define CHURN_MEMBERS 20           /* with groups, as then it is slow */

static int fail(const char *what)
{
    fprintf(stderr, "nb_writer: %s\n", what);
    return EXIT_FAILURE;
}

static uint64_t now_ns(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static void sleep_until(uint64_t ns)
{
    struct timespec at = {.tv_sec = (time_t)(ns / NS_PER_S), .tv_nsec = (long)(ns % NS_PER_S)};

    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
        ;
}

/* ---- turn */

struct turn {
    struct df_nb *nb;
    const struct replay_ctl *ctl;
    char *lport, *macs[2];
};

static const struct replay_ctl *map_ctl(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    void *page = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(struct replay_ctl), PROT_READ, MAP_SHARED, fd, 0);

    if (fd >= 0)
        close(fd);
    return page == MAP_FAILED ? NULL : page;
}

/* The queue that frames are sent by, which is one if one worker sends. */
static const struct replay_counters *sender(const struct replay_ctl *ctl)
{
    for (unsigned i = 0; i < REPLAY_LINES; i++)
        if (__atomic_load_n(&ctl->tx[i].packets, __ATOMIC_RELAXED) != 0)
            return &ctl->tx[i];
    return &ctl->tx[0];
}

static bool wait_for_turn(const struct replay_counters *counters, uint64_t turns)
{
    uint64_t deadline = now_ns(CLOCK_MONOTONIC) + IN_FORCE_NS_MOST;

    do
        sleep_until(now_ns(CLOCK_MONOTONIC) + QUIET_NS);
    while (__atomic_load_n(&counters->turns, __ATOMIC_ACQUIRE) == turns && now_ns(CLOCK_MONOTONIC) < deadline);
    return __atomic_load_n(&counters->turns, __ATOMIC_ACQUIRE) == turns + 1;
}

static int turn_once(const struct turn *turn, unsigned number)
{
    const struct replay_counters *counters = sender(turn->ctl);
    uint64_t turns = __atomic_load_n(&counters->turns, __ATOMIC_ACQUIRE);
    double ns_per_tick = (double)NS_PER_S / (double)turn->ctl->tsc_hz;
    Df__LogicalPort lport = DF__LOGICAL_PORT__INIT;
    struct df_error error;
    uint64_t begun, committed;

    lport.id = turn->lport;
    lport.macs = (char **)(uintptr_t)&turn->macs[number % 2];
    lport.n_macs = 1;
    begun = __rdtsc();
    if (df_nb_write(turn->nb, DF_NB_UPDATE, DF_NB_LPORT, &lport.base, &error) != 0)
        return fail(error.text);
    committed = __rdtsc();
    if (!wait_for_turn(counters, turns))
        return fail("frames do not go from the old address to the new one, once");
    printf("%.0f %.0f\n", (double)(committed - begun) * ns_per_tick,
           (double)(counters->turn_tsc - begun) * ns_per_tick);
    return EXIT_SUCCESS;
}

static int run_turn(struct df_nb *nb, char **args)
{
    struct turn turn = {.nb = nb, .ctl = map_ctl(args[4]), .lport = args[0], .macs = {args[1], args[2]}};
    unsigned times = (unsigned)strtoul(args[3], NULL, 10);
    int code = EXIT_SUCCESS;

    if (turn.ctl == NULL)
        return fail("the control page cannot be mapped");
    for (unsigned i = 0; i < times && code == EXIT_SUCCESS; i++)
        code = turn_once(&turn, i);
    return code;
}

/* ---- churn */

struct churn {
    struct df_nb *nb;
    char *lswitch;
    char *members, *rules; /* security groups, or NULL */
    uint32_t network;      /* host byte order */
    unsigned ports;
};

/* The port in its first shape or, changed, in its second: with another name, MAC and address. */
static int write_port(const struct churn *churn, enum df_nb_write how, unsigned number, unsigned shape,
                      struct df_error *error)
{
    Df__LogicalPort lport = DF__LOGICAL_PORT__INIT;
    Df__PortBinding binding = DF__PORT_BINDING__INIT;
    unsigned place = 2 * number + shape;
    struct in_addr address = {.s_addr = htonl(churn->network + place)};
    char id[32], name[32], mac[32], ip[INET_ADDRSTRLEN], subnet[80];

    snprintf(id, sizeof(id), "churn-%u", number);
    snprintf(name, sizeof(name), "churn-%u-%u", number, shape);
    snprintf(mac, sizeof(mac), "fa:16:3e:04:%02x:%02x", place >> 8, place & 0xff);
    snprintf(subnet, sizeof(subnet), "%.60s-subnet", churn->lswitch);
    inet_ntop(AF_INET, &address, ip, sizeof(ip));
    binding.type = (char[]){"chassis"};
    binding.chassis = (char[]){"elsewhere"};
    lport.id = id;
    lport.name = name;
    lport.topic = (char[]){"bench"};
    lport.lswitch = churn->lswitch;
    lport.macs = (char *[]){mac};
    lport.ips = (char *[]){ip};
    lport.subnets = (char *[]){subnet};
    lport.n_macs = lport.n_ips = lport.n_subnets = 1;
    lport.security_groups = (char **)(uintptr_t)&churn->members;
    lport.n_security_groups = churn->members != NULL;
    lport.binding = &binding;
    return df_nb_write(churn->nb, how, DF_NB_LPORT, &lport.base, error);
}

static int delete_port(const struct churn *churn, unsigned number, struct df_error *error)
{
    char id[32];

    snprintf(id, sizeof(id), "churn-%u", number);
    return df_nb_delete(churn->nb, DF_NB_LPORT, id, error);
}

/* All ports are made, then all changed, then all deleted, and so on: no change of a port follows closely on its last one,
 * so that none is saved by a switch that takes several at once. */
static int churn_port(const struct churn *churn, uint64_t change, struct df_error *error)
{
    unsigned number = (unsigned)(change % churn->ports);

    switch (change / churn->ports % 3) {
    case 0:
        return write_port(churn, DF_NB_CREATE, number, 0, error);
    case 1:
        return write_port(churn, DF_NB_UPDATE, number, 1, error);
    default:
        return delete_port(churn, number, error);
    }
}

/* What the group has for good, and one rule more or not. */
static int churn_rule(const struct churn *churn, uint64_t change, struct df_error *error)
{
    Df__SecurityGroup group = DF__SECURITY_GROUP__INIT;
    Df__SecurityGroupRule rules[2] = {DF__SECURITY_GROUP_RULE__INIT, DF__SECURITY_GROUP_RULE__INIT};
    char ids[2][80], ethertype[] = "IPv4";

    for (unsigned i = 0; i < 2; i++) {
        snprintf(ids[i], sizeof(ids[i]), "%.60s-churn-%u", churn->rules, i);
        rules[i].id = ids[i];
        rules[i].ethertype = ethertype;
    }
    rules[0].direction = (char[]){"egress"};
    rules[1].direction = (char[]){"ingress"};
    rules[1].protocol = (char[]){"tcp"};
    rules[1].has_port_range_min = rules[1].has_port_range_max = 1;
    rules[1].port_range_min = rules[1].port_range_max = 8080;
    group.id = churn->rules;
    group.rules = (Df__SecurityGroupRule *[]){&rules[0], &rules[1]};
    group.n_rules = 1 + change % 2;
    return df_nb_write(churn->nb, DF_NB_UPDATE, DF_NB_SECGROUP, &group.base, error);
}

static int churn_once(const struct churn *churn, uint64_t change, struct df_error *error)
{
    if (churn->rules == NULL)
        return churn_port(churn, change, error);
    return change % 2 != 0 ? churn_rule(churn, change / 2, error) : churn_port(churn, change / 2, error);
}

static int run_churn(struct df_nb *nb, char **args, char **groups)
{
    struct churn churn = {.nb = nb, .lswitch = args[0], .ports = CHURN_PORTS};
    uint64_t rate = strtoull(args[2], NULL, 10), round, changes, begun;
    struct df_error error;
    struct in_addr network;

    if (rate == 0 || inet_pton(AF_INET, args[1], &network) != 1)
        return fail("churn wants an IPv4 address and a rate above 0");
    churn.network = ntohl(network.s_addr);
    if (groups != NULL) {
        churn.members = groups[0];
        churn.rules = groups[1];
        churn.ports = CHURN_MEMBERS;
    }
    round = 3 * churn.ports * (groups != NULL ? 2 : 1);
    changes = (uint64_t)((double)rate * strtod(args[3], NULL)) / round * round + round;
    begun = now_ns(CLOCK_MONOTONIC);
    for (uint64_t change = 0; change < changes; change++) {
        sleep_until(begun + change * NS_PER_S / rate);
        if (churn_once(&churn, change, &error) != 0)
            return fail(error.text);
    }
    printf("%" PRIu64 " %" PRIu64 " %" PRIu64 "\n", changes, now_ns(CLOCK_MONOTONIC) - begun,
           now_ns(CLOCK_PROCESS_CPUTIME_ID));
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    struct df_db_config config = {.location = argc > 1 ? argv[1] : NULL};
    bool turn = argc == 8 && strcmp(argv[2], "turn") == 0;
    bool churn = (argc == 7 || argc == 9) && strcmp(argv[2], "churn") == 0;
    struct df_error error;
    struct df_nb *nb;
    int code;

    if (!turn && !churn)
        return fail("usage: nb_writer DATABASE turn LPORT MAC MAC TIMES CTL\n"
                    "       nb_writer DATABASE churn LSWITCH NETWORK RATE SECONDS [MEMBERS RULES]");
    if (df_nb_open("lmdb", &config, &nb, &error) != 0)
        return fail(error.text);
    code = turn ? run_turn(nb, argv + 3) : run_churn(nb, argv + 3, argc == 9 ? argv + 7 : NULL);
    df_nb_close(nb);
    return code;
}
