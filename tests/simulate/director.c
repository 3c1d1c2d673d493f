/* SPDX-License-Identifier: Apache-2.0 */
#include "director.h"

#include "series.h"
#include "views.h"

#include "control/model/alloc.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define START_S 120 /* no start takes longer, or something is wrong */
#define CHANGE_S 60
#define DEATH_S 30

/* What each node should have: local ports, and ports that it knows a way to. */
struct counts {
    uint32_t local, ways;
};

struct director {
    const struct director_options *options;
    const struct cloud *cloud;
    struct farm *farm;
    struct df_nb *nb;
    struct usage own;      /* connections that are not the nodes' */
    struct counts *counts; /* by number */
    bool *affected;        /* by number: whether it should hear of the change that is being made */
    unsigned n_affected;
    uint32_t key; /* of the lport that changes */
    uint64_t version;
    uint32_t peers; /* ends of tunnels that are left */
};

/* ---- Saying */

static void say(json_t *json)
{
    json_dumpf(json, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
    putchar('\n');
    fflush(stdout);
    json_decref(json);
}

static int fail(const char *what, unsigned done, unsigned wanted)
{
    fprintf(stderr, "simulate: %s: on %u nodes of %u it never came to be\n", what, done, wanted);
    return -1;
}

static int fail_write(const struct df_error *error)
{
    fprintf(stderr, "simulate: cannot write: %s\n", error->text);
    return -1;
}

/* Where nodes stand that should have come to have all; for who must find out why they did not. */
static void print_missing(struct farm *farm, void *arg)
{
    const struct director *director = arg;
    for (unsigned i = 0; i < farm_size(farm); i++) {
        struct farm_node node = farm_node(farm, i);
        struct counts wants = director->counts[node.number];
        uint32_t local = node.dp->ops->count(node.dp, DF_TABLE_CLASSIFICATION);
        uint32_t ways = node.dp->ops->count(node.dp, DF_TABLE_EGRESS);
        if (director->affected[node.number] && (local != wants.local || ways != wants.ways))
            fprintf(stderr, "simulate: node %u: %u local ports of %u, %u of %u in all\n", node.number, local,
                    wants.local, ways, wants.ways);
    }
}

static int fail_farm(struct director *director, const char *what, unsigned done, unsigned wanted)
{
    farm_call(director->farm, print_missing, director);
    return fail(what, done, wanted);
}

/* ---- What was used */

struct cost {
    struct director *director;
    struct usage from;
    uint64_t director_ns, control_ns, events;
};

static uint64_t thread_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void ask_control(struct farm *farm, void *arg)
{
    struct cost *cost = arg;
    cost->control_ns = farm_control_ns(farm);
    cost->events = farm_events(farm);
}

static struct cost cost_begin(struct director *director)
{
    struct cost cost = {.director = director};
    farm_call(director->farm, ask_control, &cost);
    usage_take(&cost.from);
    cost.director_ns = thread_ns();
    return cost;
}

/* What a node used for each of `changes`. */
static json_t *cost_end(struct cost *cost, unsigned changes)
{
    struct cost end = {0};
    uint64_t director_ns = thread_ns() - cost->director_ns;
    usage_take(&end.from);
    farm_call(cost->director->farm, ask_control, &end);
    struct usage_bytes bytes = usage_bytes(&cost->from, &end.from, &cost->director->own);
    double n = (double)farm_size(cost->director->farm) * changes;
    json_t *json =
        json_pack("{s:f, s:f, s:f, s:f, s:f, s:f}", "cpu_us",
                  (double)(end.from.cpu_ns - cost->from.cpu_ns - director_ns) / n / 1e3, "control_us",
                  (double)(end.control_ns - cost->control_ns) / n / 1e3, "received", (double)bytes.received / n, "sent",
                  (double)bytes.sent / n, "events", (double)(end.events - cost->events) / n, "seconds",
                  (double)(end.from.wall_ns - cost->from.wall_ns) / 1e9);
    usage_free(&cost->from);
    usage_free(&end.from);
    return json;
}

/* ---- What nodes should have */

/* So many ports more of the tenant, which all know that have one themselves. */
static void count_ways(struct director *director, const struct cloud_tenant *tenant, int more)
{
    for (unsigned node = 0; node < director->cloud->chassis; node++)
        if (cloud_local_ports(director->cloud, tenant, node) > 0)
            director->counts[node].ways += (uint32_t)more;
}

static void count_all(struct director *director)
{
    const struct cloud *cloud = director->cloud;
    for (unsigned t = 0; t < cloud_tenants(cloud); t++) {
        struct cloud_tenant tenant = cloud_tenant(cloud, t);
        count_ways(director, &tenant, (int)tenant.ports);
        for (unsigned node = 0; node < cloud->chassis; node++)
            director->counts[node].local += cloud_local_ports(cloud, &tenant, node);
    }
}

/* Those nodes of the farm that have ports of the tenant. */
static void affect(struct director *director, const struct cloud_tenant *tenant)
{
    director->n_affected = 0;
    for (unsigned i = 0; i < farm_size(director->farm); i++) {
        unsigned node = farm_node(director->farm, i).number;
        director->affected[node] = !tenant || cloud_local_ports(director->cloud, tenant, node) > 0;
        director->n_affected += director->affected[node];
    }
}

static void affect_too(struct director *director, unsigned node)
{
    director->n_affected += !director->affected[node];
    director->affected[node] = true;
}

/* For farm_watch(). */
static bool has_local(const struct farm_node *node, void *arg)
{
    const struct director *director = arg;
    return director->affected[node->number] &&
           node->dp->ops->count(node->dp, DF_TABLE_CLASSIFICATION) == director->counts[node->number].local;
}

static bool has_all(const struct farm_node *node, void *arg)
{
    const struct director *director = arg;
    return has_local(node, arg) &&
           node->dp->ops->count(node->dp, DF_TABLE_EGRESS) == director->counts[node->number].ways;
}

static bool has_version(const struct farm_node *node, void *arg)
{
    const struct director *director = arg;
    const Df__LogicalPort *lport =
        director->affected[node->number] ? df_controller_lport(node->controller, director->key) : NULL;
    return lport && lport->version >= director->version;
}

static bool has_fewer_peers(const struct farm_node *node, void *arg)
{
    const struct director *director = arg;
    return node->dp->ops->count(node->dp, DF_TABLE_PEERS) <= director->peers;
}

/* ---- Start */

static void connect_all(struct farm *farm, void *arg)
{
    (void)arg;
    farm_connect(farm);
}

static json_t *times_since(const struct director *director, uint64_t since_ns)
{
    struct series series = {0};
    for (unsigned i = 0; i < farm_size(director->farm); i++) {
        struct farm_mark mark = farm_mark(director->farm, i);
        if (mark.done)
            series_add(&series, mark.in_force_ns > since_ns ? mark.in_force_ns - since_ns : 0);
    }
    return series_json(&series);
}

/*
 * Until nothing is said but what keeps leases: nodes write the status of their ports after they started, and what is
 * measured next is not that. In seconds, START_S at most; a node sends less than so much in a second when idle, which
 * only a second of waiting can tell.
 */
#define QUIET_BYTES 400

static double wait_until_quiet(struct director *director)
{
    struct usage from, to;
    double n = (double)farm_size(director->farm), per_second = 0;
    uint64_t begun_ns = farm_now_ns();
    usage_take(&from);
    do {
        sleep(1);
        usage_take(&to);
        struct usage_bytes bytes = usage_bytes(&from, &to, &director->own);
        per_second = (double)bytes.sent / n / ((double)(to.wall_ns - from.wall_ns) / 1e9);
        usage_free(&from);
        from = to;
    } while (per_second > QUIET_BYTES && farm_now_ns() - begun_ns < START_S * UINT64_C(1000000000));
    usage_free(&from);
    return (double)(farm_now_ns() - begun_ns) / 1e9;
}

static int start(struct director *director)
{
    unsigned n = farm_size(director->farm), node = farm_node(director->farm, 0).number;
    usage_forget_peak();
    struct cost cost = cost_begin(director);
    uint64_t resident = cost.from.resident, begun_ns = farm_now_ns();
    affect(director, NULL);
    farm_watch(director->farm, has_all, director);
    farm_call(director->farm, connect_all, NULL);
    unsigned done = farm_wait(director->farm, n, START_S);
    struct usage now;
    usage_take(&now);
    double memory = (double)(now.resident - resident) / n, peak = (double)(now.peak - resident) / n;
    usage_free(&now);
    json_t *cost_in_force = cost_end(&cost, 1);
    struct cost cost_quiet = cost_begin(director);
    double quiet_s = wait_until_quiet(director);
    say(json_pack("{s:s, s:i, s:i, s:i, s:o, s:f, s:f, s:o, s:f, s:o}", "scenario", "start", "nodes", (int)n, "ports",
                  (int)director->counts[node].ways, "local", (int)director->counts[node].local, "ms",
                  times_since(director, begun_ns), "memory", memory, "memory_peak", peak, "cost", cost_in_force,
                  "quiet_s", quiet_s, "cost_quiet", cost_end(&cost_quiet, 1)));
    return done == n ? 0 : fail_farm(director, "start", done, n);
}

/* ---- Changes */

struct change {
    struct series written, committed, event, all; /* to in force: since the write, its return, the node's event */
    uint64_t begun_ns, committed_ns;
};

static void change_forget(struct change *change)
{
    json_decref(series_json(&change->written));
    json_decref(series_json(&change->committed));
    json_decref(series_json(&change->event));
    json_decref(series_json(&change->all));
}

static void change_begin(struct director *director, struct change *change, farm_is_so is_so)
{
    farm_watch(director->farm, is_so, director);
    change->begun_ns = farm_now_ns();
}

/* Waits for all that are affected; only: times are kept of that node alone, if it is one of the farm. */
static int change_end(struct director *director, struct change *change, int only, const char *what)
{
    uint64_t last_ns = 0;
    change->committed_ns = farm_now_ns();
    unsigned done = farm_wait(director->farm, director->n_affected, CHANGE_S);
    for (unsigned i = 0; i < farm_size(director->farm); i++) {
        struct farm_mark mark = farm_mark(director->farm, i);
        if (!mark.done || (only >= 0 && (unsigned)only != i))
            continue;
        series_add(&change->written, mark.in_force_ns - change->begun_ns);
        series_add(&change->committed,
                   mark.in_force_ns > change->committed_ns ? mark.in_force_ns - change->committed_ns : 0);
        series_add(&change->event, mark.in_force_ns - mark.event_ns);
        last_ns = mark.in_force_ns > last_ns ? mark.in_force_ns : last_ns;
    }
    if (last_ns)
        series_add(&change->all, last_ns - change->begun_ns);
    return done >= director->n_affected ? 0 : fail_farm(director, what, done, director->n_affected);
}

static void change_say(struct director *director, struct change *change, const char *what, json_t *cost)
{
    json_t *committed = series_json(&change->committed), *event = series_json(&change->event);
    say(json_pack("{s:s, s:i, s:i, s:i, s:o, s:o, s:o, s:o, s:o}", "scenario", what, "nodes",
                  (int)farm_size(director->farm), "heard", (int)director->n_affected, "ports",
                  (int)director->counts[0].ways, "write_ms", series_json(&change->written), "commit_ms", committed,
                  "event_ms", event, "all_ms", series_json(&change->all), "cost", cost));
}

static int add_port(struct director *director, const struct cloud_tenant *tenant, unsigned port, unsigned node)
{
    struct df_error error;
    return cloud_write_port(director->nb, tenant, port, node, 0, &error) ? fail_write(&error) : 0;
}

static int remove_port(struct director *director, const struct cloud_tenant *tenant, unsigned port)
{
    char id[CLOUD_ID];
    struct df_error error;
    cloud_port_id(tenant, port, id);
    return df_nb_delete(director->nb, DF_NB_LPORT, id, &error) ? fail_write(&error) : 0;
}

/* A plain tenant that the node has ports of, or has none of. */
static bool find_tenant(const struct director *director, unsigned node, bool hosted, unsigned from,
                        struct cloud_tenant *found)
{
    const struct cloud *cloud = director->cloud;
    for (unsigned i = 0; i < cloud->tenants; i++) {
        *found = cloud_tenant(cloud, (from + i) % cloud->tenants);
        if ((cloud_local_ports(cloud, found, node) > 0) == hosted)
            return true;
    }
    return false;
}

/* ---- bind: a port comes to a node that has others of its network; its other nodes hear of it too. */

static int bind_once(struct director *director, struct change *change, unsigned number)
{
    unsigned node = number % farm_size(director->farm);
    struct cloud_tenant tenant;
    if (!find_tenant(director, node, true, 0, &tenant))
        return fail("bind: no tenant has ports there", 0, 1);
    unsigned port = tenant.ports + number;
    affect(director, &tenant);
    count_ways(director, &tenant, 1);
    director->counts[node].local++;
    change_begin(director, change, has_all);
    if (add_port(director, &tenant, port, node) || change_end(director, change, (int)node, "bind"))
        return -1;
    count_ways(director, &tenant, -1);
    director->counts[node].local--;
    farm_watch(director->farm, has_all, director);
    if (remove_port(director, &tenant, port))
        return -1;
    unsigned done = farm_wait(director->farm, director->n_affected, CHANGE_S);
    return done == director->n_affected ? 0 : fail_farm(director, "bind: the port is gone", done, director->n_affected);
}

static int bind_ports(struct director *director)
{
    struct change change = {0};
    struct cost cost = cost_begin(director);
    int rc = 0;
    for (unsigned i = 0; i < director->options->rounds && rc == 0; i++)
        rc = bind_once(director, &change, i);
    change_say(director, &change, "bind", cost_end(&cost, 2 * director->options->rounds));
    return rc;
}

/* ---- bind-new: a port comes to a node that knew nothing of its tenant. It stays. */

static int bind_new_once(struct director *director, struct change *change, unsigned number, farm_is_so is_so)
{
    unsigned node = number % farm_size(director->farm);
    struct cloud_tenant tenant;
    if (!find_tenant(director, node, false, number, &tenant))
        return 0; /* it knows all */
    affect(director, &tenant);
    affect_too(director, node);
    count_ways(director, &tenant, 1);
    director->counts[node].local++;
    director->counts[node].ways += tenant.ports + 1;
    change_begin(director, change, is_so);
    if (add_port(director, &tenant, tenant.ports + director->options->rounds, node) ||
        change_end(director, change, (int)node, "bind-new"))
        return -1;
    count_ways(director, &tenant, -1);
    director->counts[node].local--;
    director->counts[node].ways -= tenant.ports + 1;
    affect(director, &tenant);
    affect_too(director, node);
    farm_watch(director->farm, has_all, director);
    if (remove_port(director, &tenant, tenant.ports + director->options->rounds))
        return -1;
    unsigned done = farm_wait(director->farm, director->n_affected, CHANGE_S);
    return done == director->n_affected ? 0
                                        : fail_farm(director, "bind-new: the port is gone", done, director->n_affected);
}

/* Once until the port is in force, and once until all of its network is. A node and a tenant meet once. */
static int bind_new(struct director *director)
{
    unsigned n = director->options->rounds < director->cloud->tenants / 2 ? director->options->rounds
                                                                          : director->cloud->tenants / 2;
    struct change port = {0}, network = {0};
    int rc = 0;
    for (unsigned i = 0; i < n && rc == 0; i++)
        rc = bind_new_once(director, i % 2 ? &network : &port, i, i % 2 ? has_all : has_local);
    change_say(director, &port, "bind-new", json_null());
    change_say(director, &network, "bind-new-network", json_null());
    return rc;
}

/* ---- few, many: a port changes, and so many nodes have another one of its network. */

static int change_port(struct director *director, const struct cloud_tenant *tenant, unsigned turn,
                       struct change *change, const char *what)
{
    unsigned port = turn / 2 % tenant->ports;
    char id[CLOUD_ID];
    struct df_error error;
    ProtobufCMessage *stored;
    cloud_port_id(tenant, port, id);
    if (df_nb_get(director->nb, DF_NB_LPORT, id, &stored, &error))
        return fail_write(&error);
    director->key = ((const Df__LogicalPort *)stored)->unique_key;
    director->version = ((const Df__LogicalPort *)stored)->version + 1;
    protobuf_c_message_free_unpacked(stored, NULL);
    affect(director, tenant);
    change_begin(director, change, has_version);
    if (cloud_write_port(director->nb, tenant, port, port, turn + 1, &error))
        return fail_write(&error);
    return change_end(director, change, -1, what);
}

static int hear(struct director *director, struct cloud_tenant tenant, const char *what)
{
    struct change change = {0};
    struct cost cost = cost_begin(director);
    int rc = 0;
    for (unsigned i = 0; i < director->options->rounds && rc == 0; i++)
        rc = change_port(director, &tenant, i, &change, what);
    change_say(director, &change, what, cost_end(&cost, director->options->rounds));
    return rc;
}

static int few(struct director *director)
{
    return hear(director, cloud_few(director->cloud), "few");
}

static int many(struct director *director)
{
    return hear(director, cloud_many(director->cloud), "many");
}

/* ---- join: a port elsewhere becomes a member of the large group, and leaves it. */

static int join_once(struct director *director, struct change *change, unsigned number)
{
    struct cloud_tenant tenant = cloud_group(director->cloud);
    unsigned port = tenant.ports + number;
    affect(director, &tenant);
    count_ways(director, &tenant, 1);
    change_begin(director, change, has_all);
    if (add_port(director, &tenant, port, director->cloud->chassis - 1) || change_end(director, change, -1, "join"))
        return -1;
    count_ways(director, &tenant, -1);
    farm_watch(director->farm, has_all, director);
    if (remove_port(director, &tenant, port))
        return -1;
    unsigned done = farm_wait(director->farm, director->n_affected, CHANGE_S);
    return done == director->n_affected ? 0
                                        : fail_farm(director, "join: the member is gone", done, director->n_affected);
}

static int join(struct director *director)
{
    struct change change = {0};
    if (director->cloud->group == 0)
        return fail("join wants --group", 0, 1);
    struct cost cost = cost_begin(director);
    int rc = 0;
    for (unsigned i = 0; i < director->options->rounds && rc == 0; i++)
        rc = join_once(director, &change, i);
    change_say(director, &change, "join", cost_end(&cost, 2 * director->options->rounds));
    return rc;
}

/* ---- foreign: ports change that no node of the farm has to know of. One that all hear of says that it is over. */

static int foreign(struct director *director)
{
    struct cloud_tenant tenant;
    struct change change = {0};
    struct df_error error;
    unsigned number = 0;
    do {
        if (number == director->cloud->tenants)
            return fail("foreign: each tenant has a port here; more --tenants or --chassis", 0, 1);
        tenant = cloud_tenant(director->cloud, number++);
        affect(director, &tenant);
    } while (director->n_affected > 0);
    struct cost cost = cost_begin(director);
    int rc = 0;
    for (unsigned i = 0; i < director->options->rounds && rc == 0; i++)
        if (cloud_write_port(director->nb, &tenant, i % tenant.ports, tenant.first, i + 1, &error))
            rc = fail_write(&error);
    struct cloud_tenant all = cloud_many(director->cloud);
    if (rc == 0)
        rc = change_port(director, &all, 0, &change, "foreign");
    change_say(director, &change, "foreign", cost_end(&cost, director->options->rounds));
    return rc;
}

/* ---- idle: what it costs to live, for so long. Nothing is waited for: the time is what is measured. */

static int idle(struct director *director)
{
    struct cost cost = cost_begin(director);
    sleep(director->options->seconds);
    say(json_pack("{s:s, s:i, s:o}", "scenario", "idle", "nodes", (int)farm_size(director->farm), "cost",
                  cost_end(&cost, director->options->seconds)));
    return 0;
}

/* ---- die: the nodes of another process die at once; the farm's withdraw the ways to them. */

static void count_peers(struct farm *farm, void *arg)
{
    struct director *director = arg;
    struct farm_node node = farm_node(farm, 0);
    director->peers = node.dp->ops->count(node.dp, DF_TABLE_PEERS);
}

static int die(struct director *director)
{
    const struct director_options *options = director->options;
    struct cloud_tenant all = cloud_many(director->cloud);
    struct change change = {0};
    char byte = 0;
    if (options->n_others == 0)
        return fail("die wants --node-dies", 0, 1);
    if (write(options->go_fd, &byte, 1) != 1 || read(options->ready_fd, &byte, 1) != 1)
        return fail("die: the other process starts", 0, 1);
    /* Who heard of this heard of them before. */
    if (change_port(director, &all, 0, &change, "die: all are there"))
        return -1;
    farm_call(director->farm, count_peers, director);
    director->peers -= options->n_others;
    farm_watch(director->farm, has_fewer_peers, director);
    uint64_t begun_ns = farm_now_ns();
    kill(options->others, SIGKILL);
    unsigned done = farm_wait(director->farm, farm_size(director->farm), DEATH_S);
    json_t *ms = times_since(director, begun_ns);
    say(json_pack("{s:s, s:i, s:i, s:o}", "scenario", "die", "nodes", (int)farm_size(director->farm), "dead",
                  (int)options->n_others, "ms", ms));
    change_forget(&change);
    return done == farm_size(director->farm) ? 0 : fail("die: withdrawn", done, farm_size(director->farm));
}

/* Those who are to be killed: they say that they are there, and wait for it. */
static int stay(struct director *director)
{
    char byte = 0;
    if (write(director->options->ready_fd, &byte, 1) != 1)
        return -1;
    for (;;)
        pause();
}

/* ---- check: what the nodes know is what they should know. */

struct check {
    struct df_nb *nb;
    unsigned wrong;
};

static void check_views(struct farm *farm, void *arg)
{
    struct check *check = arg;
    check->wrong = views_check(farm, check->nb);
}

static int check(struct director *director)
{
    struct check check = {0};
    struct df_error error;
    if (df_nb_open(director->options->driver, &director->options->database, &check.nb, &error))
        return fail_write(&error);
    farm_call(director->farm, check_views, &check);
    df_nb_close(check.nb);
    say(json_pack("{s:s, s:i, s:i}", "scenario", "check", "nodes", (int)farm_size(director->farm), "wrong",
                  (int)check.wrong));
    return check.wrong == 0 ? 0 : -1;
}

/* ---- */

static const struct scenario {
    const char *name;
    int (*run)(struct director *director);
} scenarios[] = {
    {"start", start}, {"bind", bind_ports}, {"bind-new", bind_new}, {"few", few},
    {"many", many},   {"join", join},       {"foreign", foreign},   {"idle", idle},
    {"die", die},     {"check", check},     {"stay", stay},
};

const char director_help[] =
    "  start      all nodes start at once, until all is in force that they have to know\n"
    "  bind       a port comes to a node that has others of its network, and goes\n"
    "  bind-new   a port comes to a node that knew nothing of its tenant, and goes\n"
    "  few        a port changes that 50 nodes hear of\n"
    "  many       a port changes that all nodes hear of\n"
    "  join       a port elsewhere becomes a member of the group of --group ports, and leaves it\n"
    "  foreign    ports change that no node has to know of\n"
    "  idle       nothing happens\n"
    "  die        the nodes of --node-dies are killed, until all others have withdrawn the ways to them\n"
    "  check      each node's tables are compared with those of one that hears of the whole cloud\n";

static const struct scenario *find_scenario(const char *name)
{
    for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++)
        if (strcmp(scenarios[i].name, name) == 0)
            return &scenarios[i];
    return NULL;
}

bool director_knows(const char *scenario)
{
    return find_scenario(scenario) != NULL;
}

int director_run(const struct director_options *options, struct farm *farm, struct df_nb *nb)
{
    struct director director = {.options = options, .cloud = options->cloud, .farm = farm, .nb = nb};
    director.counts = df_alloc(options->cloud->chassis * sizeof(*director.counts));
    director.affected = df_alloc(options->cloud->chassis * sizeof(*director.affected));
    count_all(&director);
    usage_take(&director.own);
    int rc = 0;
    for (const char *const *name = options->scenarios; *name && rc == 0; name++)
        rc = find_scenario(*name)->run(&director);
    usage_free(&director.own);
    free(director.affected);
    free(director.counts);
    return rc;
}
