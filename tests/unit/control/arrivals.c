/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dbsync/json.h"
#include "dbsync/topics.h"
#include "node.h"

/*
 * Rows of a small cloud come to a node in any order and in any portions, with and without selective topology: after each
 * portion a full recompile changes nothing, and when all came the node has what one has that was told all at once.
 *
 * Other nodes register, take their leases and lose them. DF_SEED=N runs that one alone.
 */

extern const struct df_app df_app; /* tunneling */

enum { N_CHASSIS = 3, N_NETWORKS = 4, N_ROUTERS = 2, N_PORTS = 10 };
enum { CHASSIS, SERVICE = CHASSIS + N_CHASSIS, LEASE = SERVICE + N_CHASSIS, NETWORK = LEASE + N_CHASSIS };
enum { ROUTER = NETWORK + N_NETWORKS, PORT = ROUTER + N_ROUTERS, N_ROWS = PORT + N_PORTS };

#define SEEDS 300
#define ROUNDS 12
#define DEAD_MS 5000 /* more than the grace time */

struct row {
    char id[16];
    char *json;   /* NULL: it is not there */
    char *topics; /* NULL: everybody's */
    uint64_t revision;
    bool due; /* the node has not heard of it as it is */
};

struct world {
    struct row row[N_ROWS];
    uint64_t revision;
    unsigned seed;
    bool selective;
    bool less; /* it followed more before the last snapshot */
    char **followed;
    size_t n_followed;
};

static struct node node;

static unsigned pick(struct world *world, unsigned n)
{
    return (unsigned)rand_r(&world->seed) % n;
}

static enum df_nb_table table_of(unsigned i)
{
    return i < SERVICE   ? DF_NB_CHASSIS
           : i < LEASE   ? DF_NB_SERVICE
           : i < NETWORK ? DF_NB_TABLES
           : i < ROUTER  ? DF_NB_LSWITCH
           : i < PORT    ? DF_NB_LROUTER
                         : DF_NB_LPORT;
}

/* ---- The database */

static void write_port(struct world *world, unsigned i, FILE *out)
{
    static const char *const hosts[] = {"here", "c0", "c1", "c2"};
    fprintf(out, ", 'unique_key': %u, 'lswitch': 'n%u', 'macs': ['02:00:00:00:00:%02x'], 'enabled': %s", i + 1,
            pick(world, N_NETWORKS), i, pick(world, 8) ? "true" : "false");
    fprintf(out, ", 'port_security_enabled': %s", pick(world, 4) ? "true" : "false");
    if (pick(world, 8))
        fprintf(out, ", 'binding': {'type': 'chassis', 'chassis': '%s', 'vif_type': 'tap'}", hosts[pick(world, 4)]);
    else
        fprintf(out, ", 'binding': {'type': 'vtep', 'vtep_address': '192.0.2.%u'}", 2 + pick(world, N_CHASSIS + 2));
}

static void write_fields(struct world *world, unsigned i, FILE *out)
{
    static const char *const types[] = {"vxlan", "geneve", "vlan"};
    if (i < SERVICE)
        fprintf(out, ", 'ip': '192.0.2.%u', 'tunnel_types': ['%s']", 2 + i + 10 * pick(world, 2),
                types[pick(world, 2)]);
    else if (i < LEASE)
        fprintf(out, ", 'chassis': 'c%u', 'binary': 'df-switchd'", i - SERVICE);
    else if (i < ROUTER)
        fprintf(out, ", 'unique_key': %u, 'network_type': '%s', 'segmentation_id': %u", i + 100 * pick(world, 2),
                types[pick(world, 3)], i);
    else if (i < PORT)
        fprintf(
            out,
            ", 'unique_key': %u, 'ports': [{'id': 'l%u', 'mac': '02:00:00:00:01:01', 'lswitch': 'n%u', 'network': "
            "'10.0.0.1/24'}, {'id': 'r%u', 'mac': '02:00:00:00:01:02', 'lswitch': 'n%u', 'network': '10.1.0.1/24'}]",
            i, i, pick(world, N_NETWORKS), i, pick(world, N_NETWORKS));
    else
        write_port(world, i, out);
}

static char *topics_of(enum df_nb_table table, const char *text)
{
    char *topics = NULL, *quoted = strdup(text);
    struct df_error error;
    ProtobufCMessage *object;
    for (char *at = quoted; (at = strchr(at, '\'')); at++)
        *at = '"';
    json_t *json = json_loads(quoted, 0, NULL);
    cr_assert_eq(df_schema_from_json(table, json, &object, &error), 0, "%s", error.text);
    cr_assert_eq(df_topics_of(table, object, &topics), 0);
    protobuf_c_message_free_unpacked(object, NULL);
    json_decref(json);
    free(quoted);
    return topics;
}

static void forget(struct row *row)
{
    free(row->json);
    free(row->topics);
    row->json = row->topics = NULL;
}

static void write_row(struct world *world, unsigned i)
{
    struct row *row = &world->row[i];
    size_t size;
    forget(row);
    row->revision = ++world->revision;
    row->due = true;
    if (pick(world, 4) == 0)
        return;
    FILE *out = open_memstream(&row->json, &size);
    fprintf(out, "{'id': '%s'", row->id);
    if (i >= NETWORK)
        fprintf(out, ", 'version': %lu", (unsigned long)row->revision);
    write_fields(world, i, out);
    fprintf(out, "}");
    fclose(out);
    if (table_of(i) != DF_NB_TABLES)
        row->topics = topics_of(table_of(i), row->json);
}

static void world_new(struct world *world, unsigned seed, bool selective)
{
    static const char letters[] = "cslnrp";
    static const unsigned firsts[] = {CHASSIS, SERVICE, LEASE, NETWORK, ROUTER, PORT, N_ROWS};
    *world = (struct world){.seed = seed, .selective = selective};
    for (unsigned kind = 0; letters[kind]; kind++)
        for (unsigned i = firsts[kind]; i < firsts[kind + 1]; i++)
            snprintf(world->row[i].id, sizeof(world->row[i].id), "%s%c%u", i >= LEASE && i < NETWORK ? "chassis-" : "",
                     i >= LEASE && i < NETWORK ? 'c' : letters[kind], i - firsts[kind]);
}

/* ---- The way to the node */

static bool is_followed(const struct world *world, const struct row *row, char *const *among, size_t n)
{
    for (size_t i = 0; world->selective && row->topics && i < n; i++)
        if (df_topics_have(row->topics, among[i]))
            return true;
    return !world->selective || !row->topics;
}

static void tell_lease(struct node *to, const struct row *row)
{
    struct df_nb_change change = {.event = row->json ? DF_NB_LEASE_HELD : DF_NB_LEASE_ENDED,
                                  .table = DF_NB_TABLES,
                                  .id = row->id,
                                  .owner = row->json ? "somebody" : ""};
    df_controller_change(to->controller, &change);
}

static void tell(const struct world *world, struct node *to, unsigned i, bool all)
{
    const struct row *row = &world->row[i];
    enum df_nb_table table = table_of(i);
    if (table == DF_NB_TABLES)
        tell_lease(to, row);
    else if (row->json && (all || is_followed(world, row, world->followed, world->n_followed)))
        node_set_at(to, table, row->json, row->revision);
    else if (!all)
        node_delete(to, table, row->id);
}

/* A snapshot tells no deletes, and what is not followed is swept. */
static void tell_snapshot(struct world *world)
{
    node_snapshot(&node, DF_NB_SNAPSHOT_BEGIN);
    for (unsigned i = 0; i < N_ROWS; i++)
        if (world->row[i].json && is_followed(world, &world->row[i], world->followed, world->n_followed))
            tell(world, &node, i, false);
    node_snapshot(&node, DF_NB_SNAPSHOT_END);
}

static void free_followed(struct world *world)
{
    for (size_t i = 0; i < world->n_followed; i++)
        free(world->followed[i]);
    free(world->followed);
}

/* Rows of topics that are new are told. True: there are some. */
static bool follow(struct world *world)
{
    bool less, more = false;
    size_t n;
    const char *const *topics = df_controller_interest(node.controller, &n, &less);
    if (!topics)
        return false;
    world->less = world->less || less;
    char **followed = calloc(n + 1, sizeof(*followed));
    for (size_t i = 0; i < n; i++)
        followed[i] = strdup(topics[i]);
    for (unsigned i = 0; i < N_ROWS; i++) {
        struct row *row = &world->row[i];
        bool is_new = row->topics && !is_followed(world, row, world->followed, world->n_followed) &&
                      is_followed(world, row, followed, n);
        row->due = row->due || is_new;
        more = more || is_new;
    }
    free_followed(world);
    world->followed = followed;
    world->n_followed = n;
    return more;
}

static void settle(const char *run)
{
    node_settle(&node);
    cr_assert_eq(df_controller_recompile(node.controller), 0, "%s: a recompile changed something", run);
}

/* In another order each time. */
static void shuffle(struct world *world, unsigned order[N_ROWS])
{
    for (unsigned i = 0; i < N_ROWS; i++) {
        unsigned j = pick(world, i + 1);
        order[i] = order[j];
        order[j] = i;
    }
}

/* Some of what is due. */
static void tell_some(struct world *world, unsigned percent)
{
    unsigned order[N_ROWS];
    shuffle(world, order);
    for (unsigned n = 0; n < N_ROWS; n++) {
        struct row *row = &world->row[order[n]];
        if (!row->due || pick(world, 100) >= percent)
            continue;
        row->due = false;
        tell(world, &node, order[n], false);
    }
}

/* What is followed no more stays known until a snapshot. */
static void tell_rest(struct world *world, const char *run)
{
    do {
        tell_some(world, 100);
        settle(run);
    } while (follow(world));
    if (!world->less)
        return;
    world->less = false;
    tell_snapshot(world);
    settle(run);
}

static char *from_scratch(struct world *world, const struct df_app *const *apps)
{
    struct node fresh;
    unsigned order[N_ROWS];
    shuffle(world, order);
    node_selective = false;
    node_up(&fresh, apps);
    for (unsigned n = 0; n < N_ROWS; n++)
        tell(world, &fresh, order[n], true);
    node_settle(&fresh);
    node_now += DEAD_MS;
    node_settle(&fresh);
    char *dump = node_dump(&fresh);
    node_down(&fresh);
    return dump;
}

static void live(unsigned seed, bool selective)
{
    static const char *const ips[] = {"192.0.2.1", NULL}, *const neighbours[] = {"*=02:00:00:00:ff:02", NULL};
    static const char *const types[] = {"vxlan", "geneve", NULL};
    static const struct df_underlay_config underlay = {
        .port = "up0", .local_ips = ips, .neighbours = neighbours, .types = types, .mtu = 1500};
    static const struct df_app *const apps[] = {&df_app, &node_l2, &node_sec, &node_gateway, NULL};
    struct world world;
    char run[64];
    world_new(&world, seed, selective);
    node_underlay = &underlay;
    node_selective = selective;
    node_up(&node, apps);
    follow(&world);
    for (unsigned round = 0; round < ROUNDS; round++) {
        snprintf(run, sizeof(run), "DF_SEED=%u, round %u%s", seed, round, selective ? ", selective" : "");
        for (unsigned n = pick(&world, round == 0 ? 40 : 8) + 1; n > 0; n--)
            write_row(&world, pick(&world, N_ROWS));
        for (unsigned n = pick(&world, 5); n > 0; n--) {
            tell_some(&world, 30);
            node_now += 2000 * pick(&world, 2);
            settle(run);
            follow(&world);
        }
        if (round % 3 != 2)
            continue;
        tell_rest(&world, run);
        char *expected = from_scratch(&world, apps);
        settle(run);
        char *dump = node_dump(&node);
        cr_assert_str_eq(dump, expected, "%s", run);
        free(expected);
        free(dump);
    }
    node_down(&node);
    free_followed(&world);
    for (unsigned i = 0; i < N_ROWS; i++)
        forget(&world.row[i]);
}

static void live_all(bool selective)
{
    const char *alone = getenv("DF_SEED");
    if (alone)
        live((unsigned)strtoul(alone, NULL, 10), selective);
    for (unsigned seed = 1; seed <= SEEDS && !alone; seed++)
        live(seed, selective);
}

TestSuite(arrivals, .init = node_init, .timeout = 120);

Test(arrivals, in_any_order_and_portions)
{
    live_all(false);
}

Test(arrivals, in_any_order_and_portions_with_selective_topology)
{
    live_all(true);
}
