/* SPDX-License-Identifier: Apache-2.0 */
#include "control/compile/compile.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node.h"

TestSuite(compile, .init = node_init);

#define BOUND "'binding': {'type': 'chassis', 'chassis': 'here', 'vif_type': 'tap'}"
#define ELSEWHERE "'binding': {'type': 'chassis', 'chassis': 'elsewhere', 'vif_type': 'tap'}"

static struct node node;

static void up(void)
{
    node_up(&node, node_apps);
}

/* ---- Order of arrival */

/* A small model in which everything refers to something. */
static const struct {
    enum df_nb_table table;
    const char *json;
} small[] = {
    {DF_NB_LSWITCH, "{'id': 'n1', 'version': 1, 'unique_key': 1, 'mtu': 1400}"},
    {DF_NB_LSWITCH, "{'id': 'n2', 'version': 2, 'unique_key': 2, 'mtu': 1450}"},
    {DF_NB_LSUBNET, "{'id': 's1', 'version': 3, 'lswitch': 'n1', 'cidr': '10.0.1.0/24', 'gateway_ip': '10.0.1.1'}"},
    {DF_NB_LROUTER, "{'id': 'r', 'version': 4, 'unique_key': 3, 'ports': ["
                    "{'id': 'rp1', 'mac': '02:00:00:00:01:01', 'lswitch': 'n1', 'network': '10.0.1.1/24'},"
                    "{'id': 'rp2', 'mac': '02:00:00:00:01:02', 'lswitch': 'n2', 'network': '10.0.2.1/24'}]}"},
    {DF_NB_LPORT,
     "{'id': 'p1', 'version': 5, 'unique_key': 4, 'lswitch': 'n1', 'macs': ['02:00:00:00:00:01'], " BOUND "}"},
    {DF_NB_LPORT,
     "{'id': 'p2', 'version': 6, 'unique_key': 5, 'lswitch': 'n2', 'macs': ['02:00:00:00:00:02'], " ELSEWHERE "}"},
    {DF_NB_LPORT,
     "{'id': 'p3', 'version': 7, 'unique_key': 6, 'lswitch': 'n2', 'macs': ['02:00:00:00:00:02'], " BOUND "}"},
};
#define N_SMALL (sizeof(small) / sizeof(small[0]))

/* settle_each: a settle after each object, or one at the end. */
static char *dump_in_order(const unsigned *order, bool settle_each)
{
    up();
    for (unsigned i = 0; i < N_SMALL; i++) {
        node_set_at(&node, small[order[i]].table, small[order[i]].json, order[i] + 1);
        if (settle_each)
            node_settle(&node);
    }
    node_settle(&node);
    char *dump = node_dump(&node);
    node_down(&node);
    return dump;
}

static void permute(unsigned *order, unsigned fixed, const char *expected, unsigned *n)
{
    if (fixed == N_SMALL) {
        char *dump = dump_in_order(order, *n % 2);
        cr_assert_str_eq(dump, expected, "in permutation %u", *n);
        free(dump);
        (*n)++;
        return;
    }
    for (unsigned i = fixed; i < N_SMALL; i++) {
        unsigned first = order[fixed];
        order[fixed] = order[i];
        order[i] = first;
        permute(order, fixed + 1, expected, n);
        order[i] = order[fixed];
        order[fixed] = first;
    }
}

Test(compile, every_order_of_arrival_ends_in_the_same_entries, .timeout = 120)
{
    unsigned order[N_SMALL], n = 0;
    for (unsigned i = 0; i < N_SMALL; i++)
        order[i] = i;
    char *expected = dump_in_order(order, false);
    cr_assert_not_null(strstr(expected, "of binding lport p1 v5"));
    permute(order, 0, expected, &n);
    cr_assert_eq(n, 5040);
    free(expected);
}

/* ---- What a change compiles */

static void big_network(unsigned n_ports)
{
    up();
    node_set(&node, DF_NB_LSWITCH, "{'id': 'n', 'unique_key': 1, 'mtu': 1400}");
    node_set(&node, DF_NB_LPORT,
             "{'id': 'local', 'unique_key': 5000, 'lswitch': 'n', 'macs': ['02:00:00:00:ff:ff'], " BOUND "}");
    for (unsigned i = 1; i <= n_ports; i++)
        node_setf(&node, DF_NB_LPORT,
                  "{'id': 'p%u', 'unique_key': %u, 'lswitch': 'n', 'macs': ['02:00:00:00:%02x:%02x'], " ELSEWHERE "}",
                  i, i, i >> 8, i & 255);
    node_settle(&node);
}

Test(compile, a_change_of_a_port_compiles_that_port_alone)
{
    big_network(1000);
    node_set(&node, DF_NB_LPORT,
             "{'id': 'p7', 'unique_key': 7, 'lswitch': 'n', 'macs': ['02:00:00:00:77:77'], " ELSEWHERE "}");
    cr_assert_eq(node_compiles(&node), 4); /* l2, sec, mtu, binding */
    node_down(&node);
}

Test(compile, an_mtu_touches_those_who_read_it_and_no_port_that_knows_the_key)
{
    big_network(1000);
    struct df_controller_work before = df_controller_work(node.controller);
    node_set(&node, DF_NB_LSWITCH, "{'id': 'n', 'unique_key': 1, 'mtu': 1300}");
    /* The network in gateway, and the one local port in mtu and binding, which asks if the network is enabled. */
    cr_assert_eq(node_compiles(&node), 3);
    struct df_controller_work after = df_controller_work(node.controller);
    cr_assert_eq(after.puts - before.puts, 1);
    cr_assert_eq(after.dels - before.dels, 0);
    node_down(&node);
}

Test(compile, a_key_touches_everybody_who_knows_it)
{
    big_network(1000);
    node_set(&node, DF_NB_LSWITCH, "{'id': 'n', 'unique_key': 2, 'mtu': 1400}");
    /* 1001 ports in l2, gateway, and the local port in mtu and binding. */
    cr_assert_eq(node_compiles(&node), 1001 + 1 + 2);
    cr_assert_eq(node_count(&node, DF_TABLE_L2), 1001);
    node_down(&node);
}

Test(compile, what_is_undone_before_the_settle_reaches_nobody)
{
    big_network(10);
    node_set(&node, DF_NB_LSWITCH, "{'id': 'n', 'unique_key': 1, 'mtu': 1300}");
    node_set(&node, DF_NB_LSWITCH, "{'id': 'n', 'unique_key': 1, 'mtu': 1400}");
    node_delete(&node, DF_NB_LPORT, "p3");
    node_set(&node, DF_NB_LPORT,
             "{'id': 'p3', 'unique_key': 3, 'lswitch': 'n', 'macs': ['02:00:00:00:00:03'], " ELSEWHERE "}");
    cr_assert_eq(node_settle(&node), 0);
    node_down(&node);
}

Test(compile, referrers_are_read_again_when_one_changes)
{
    big_network(0);
    struct df_neighbour_key key = {.network = 1, .ip = df_ip_from4(htobe32(0x0a000001))};
    node_set(&node, DF_NB_LSUBNET, "{'id': 's', 'lswitch': 'n', 'cidr': '10.0.0.0/24', 'gateway_ip': '10.0.0.1'}");
    cr_assert_eq(node_compiles(&node), 1);
    cr_assert_not_null(node_entry(&node, DF_TABLE_ARP, &key, sizeof(key)));
    node_set(&node, DF_NB_LSUBNET, "{'id': 's', 'lswitch': 'n', 'cidr': '10.0.0.0/24', 'gateway_ip': '10.0.0.2'}");
    cr_assert_eq(node_compiles(&node), 1);
    cr_assert_null(node_entry(&node, DF_TABLE_ARP, &key, sizeof(key)));
    cr_assert_eq(node_count(&node, DF_TABLE_ARP), 1);
    node_delete(&node, DF_NB_LSUBNET, "s");
    cr_assert_eq(node_compiles(&node), 1);
    cr_assert_eq(node_count(&node, DF_TABLE_ARP), 0);
    node_down(&node);
}

Test(compile, the_version_of_an_origin_moves_on_in_place)
{
    up();
    node_set(&node, DF_NB_LSWITCH, "{'id': 'n', 'unique_key': 1, 'version': 1}");
    node_set(&node, DF_NB_LPORT, "{'id': 'p', 'unique_key': 1, 'version': 10, 'lswitch': 'n', " BOUND "}");
    node_settle(&node);
    struct df_services_key key = {.eth_type = 0x0806};
    const struct df_entry *entry = node_entry(&node, DF_TABLE_SERVICES, &key, sizeof(key));
    cr_assert_eq(entry->origin->version, 1);
    cr_assert_str_eq(entry->origin->app, "gateway");
    cr_assert_str_eq(entry->origin->table, "lswitch");
    cr_assert_str_eq(entry->origin->id, "n");
    node_set(&node, DF_NB_LSWITCH, "{'id': 'n', 'unique_key': 1, 'version': 2, 'name': 'blue'}");
    cr_assert_eq(node_settle(&node), 0);
    cr_assert_eq(entry->origin->version, 2);
    node_down(&node);
}

/* ---- Missing references */

Test(compile, a_missing_reference_shows_as_waiting_and_is_used_when_it_comes)
{
    up();
    node_set(&node, DF_NB_LPORT,
             "{'id': 'p', 'unique_key': 1, 'lswitch': 'n', 'macs': ['02:00:00:00:00:01'], " BOUND "}");
    node_settle(&node);
    cr_assert_str_eq(node_reason(&node, "p"), "waiting for lswitch n");
    cr_assert_eq(node_count(&node, DF_TABLE_CLASSIFICATION), 0);
    json_t *show = df_controller_report(node.controller, "show", NULL, NULL);
    json_t *waiting = json_array_get(json_object_get(show, "waiting"), 0);
    cr_assert_eq(json_integer_value(json_object_get(show, "n_waiting")), 1);
    cr_assert_str_eq(json_string_value(json_object_get(waiting, "table")), "lswitch");
    cr_assert_str_eq(json_string_value(json_object_get(waiting, "id")), "n");
    cr_assert_eq(json_integer_value(json_object_get(waiting, "n")), 3); /* l2, mtu, binding */
    json_decref(show);

    node_set(&node, DF_NB_LSWITCH, "{'id': 'n', 'unique_key': 1}");
    node_settle(&node);
    cr_assert_str_eq(node_reason(&node, "p"), "");
    cr_assert_eq(node_count(&node, DF_TABLE_CLASSIFICATION), 1);
    show = df_controller_report(node.controller, "show", NULL, NULL);
    cr_assert_eq(json_integer_value(json_object_get(show, "n_waiting")), 0);
    json_decref(show);
    node_down(&node);
}

/* ---- Who wins */

static uint32_t mac_owner(const char *mac)
{
    struct df_l2_key key = {.network = 1};
    df_mac_parse(mac, &key.mac);
    const struct df_entry *entry = node_entry(&node, DF_TABLE_L2, &key, sizeof(key));
    return entry ? ((const struct df_l2_value *)entry->value)->lport : 0;
}

Test(compile, of_two_ports_with_one_mac_the_lower_id_has_it)
{
    big_network(0);
    node_set(&node, DF_NB_LPORT,
             "{'id': 'b', 'unique_key': 2, 'lswitch': 'n', 'macs': ['02:00:00:00:00:0a'], " ELSEWHERE "}");
    node_settle(&node);
    cr_assert_eq(mac_owner("02:00:00:00:00:0a"), 2);
    node_set(&node, DF_NB_LPORT,
             "{'id': 'a', 'unique_key': 1, 'lswitch': 'n', 'macs': ['02:00:00:00:00:0a'], " ELSEWHERE "}");
    cr_assert_eq(node_settle(&node), 1);
    cr_assert_eq(mac_owner("02:00:00:00:00:0a"), 1);
    node_set(&node, DF_NB_LPORT,
             "{'id': 'c', 'unique_key': 3, 'lswitch': 'n', 'macs': ['02:00:00:00:00:0a'], " ELSEWHERE "}");
    cr_assert_eq(node_settle(&node), 0);
    node_delete(&node, DF_NB_LPORT, "a");
    cr_assert_eq(node_settle(&node), 1);
    cr_assert_eq(mac_owner("02:00:00:00:00:0a"), 2);
    node_delete(&node, DF_NB_LPORT, "c");
    node_delete(&node, DF_NB_LPORT, "b");
    cr_assert_eq(node_settle(&node), 1);
    cr_assert_eq(mac_owner("02:00:00:00:00:0a"), 0);
    node_down(&node);
}

/* The rank of its entry is the port's name's first digit. */
static void ranked_lport(struct df_compile *c, const ProtobufCMessage *object)
{
    const Df__LogicalPort *lport = (const Df__LogicalPort *)object;
    struct df_egress_key key = {.lport = 999};
    struct df_egress_value value = {.kind = lport->unique_key};
    unsigned rank = (unsigned)(lport->name[0] - '0');
    df_compile_emit_ranked(c, rank, DF_TABLE_EGRESS, &key, sizeof(key), &value, sizeof(value));
    value.kind = 1000;
    df_compile_emit_ranked(c, rank, DF_TABLE_EGRESS, &key, sizeof(key), &value, sizeof(value));
    df_compile_emit_ranked(c, rank + 1, DF_TABLE_EGRESS, &key, sizeof(key), &value, sizeof(value));
}

static uint32_t ranked_winner(void)
{
    struct df_egress_key key = {.lport = 999};
    const struct df_entry *entry = node_entry(&node, DF_TABLE_EGRESS, &key, sizeof(key));
    return entry ? ((const struct df_egress_value *)entry->value)->kind : 0;
}

static void ranked_port(const char *id, unsigned unique_key, unsigned rank)
{
    node_setf(&node, DF_NB_LPORT, "{'id': '%s', 'unique_key': %u, 'lswitch': 'n', 'name': '%u'}", id, unique_key, rank);
}

Test(compile, rank_goes_before_id_and_the_first_of_one_object_counts)
{
    static const struct df_app_rule rules[] = {{DF_NB_LPORT, ranked_lport}, {0}};
    static const struct df_app ranked = {.abi = DF_APP_ABI, .name = "ranked", .rules = rules};
    static const struct df_app *const apps[] = {&ranked, NULL};
    node_up(&node, apps);
    ranked_port("a", 1, 5);
    node_settle(&node);
    cr_assert_eq(ranked_winner(), 1);
    ranked_port("b", 2, 4);
    node_settle(&node);
    cr_assert_eq(ranked_winner(), 2);
    ranked_port("a", 1, 3);
    node_settle(&node);
    cr_assert_eq(ranked_winner(), 1);
    ranked_port("a", 7, 4);
    node_settle(&node);
    cr_assert_eq(ranked_winner(), 7);
    node_delete(&node, DF_NB_LPORT, "a");
    node_settle(&node);
    cr_assert_eq(ranked_winner(), 2);
    node_down(&node);
}

Test(compile, an_entry_that_many_want_stays_until_the_last_of_them_goes)
{
    up();
    for (unsigned i = 1; i <= 200; i++) {
        node_setf(&node, DF_NB_LSWITCH, "{'id': 'n%u', 'unique_key': %u}", i, i);
        node_setf(&node, DF_NB_LPORT, "{'id': 'p%u', 'unique_key': %u, 'lswitch': 'n%u', " BOUND "}", i, i, i);
    }
    node_settle(&node);
    cr_assert_eq(node_count(&node, DF_TABLE_SERVICES), 1);
    for (unsigned i = 1; i <= 200; i++) {
        char id[16];
        snprintf(id, sizeof(id), "n%u", i);
        cr_assert_eq(node_count(&node, DF_TABLE_SERVICES), 1);
        node_delete(&node, DF_NB_LSWITCH, id);
        node_settle(&node);
    }
    cr_assert_eq(node_count(&node, DF_TABLE_SERVICES), 0);
    node_down(&node);
}

/* ---- Notes */

Test(compile, a_problem_is_shown_while_it_lasts)
{
    big_network(0);
    node_set(&node, DF_NB_LSWITCH, "{'id': 'n', 'unique_key': 1, 'mtu': 9500}");
    node_settle(&node);
    json_t *show = df_controller_report(node.controller, "show", NULL, NULL);
    json_t *problem = json_array_get(json_object_get(show, "problems"), 0);
    cr_assert_str_eq(json_string_value(json_object_get(problem, "id")), "local");
    cr_assert_str_eq(json_string_value(json_object_get(problem, "app")), "mtu");
    cr_assert_str_eq(json_string_value(json_object_get(problem, "text")), "mtu 9500 is too much");
    json_decref(show);
    node_set(&node, DF_NB_LSWITCH, "{'id': 'n', 'unique_key': 1, 'mtu': 1500}");
    node_settle(&node);
    show = df_controller_report(node.controller, "show", NULL, NULL);
    cr_assert_eq(json_integer_value(json_object_get(show, "n_problems")), 0);
    json_decref(show);
    node_down(&node);
}

static void careless_lport(struct df_compile *c, const ProtobufCMessage *object)
{
    static const uint8_t key[DF_KEY_MAX + 1];
    (void)object;
    cr_assert_null(df_compile_read(c, DF_NB_LSWITCH, NULL));
    cr_assert_eq(df_compile_key(c, DF_NB_LSWITCH, ""), 0);
    cr_assert(!df_compile_needs_network(c, NULL));
    df_compile_referrers(c, DF_NB_LPORT, "no.such", "n", NULL, NULL);
    df_compile_emit(c, DF_TABLE_EGRESS, key, sizeof(key), NULL, 0);
    df_compile_emit(c, 300, key, 4, NULL, 0);
}

Test(compile, an_app_that_asks_nonsense_harms_nobody)
{
    static const struct df_app_rule rules[] = {{DF_NB_LPORT, careless_lport}, {0}};
    static const struct df_app careless = {.abi = DF_APP_ABI, .name = "careless", .rules = rules};
    static const struct df_app *const apps[] = {&careless, NULL};
    node_up(&node, apps);
    node_set(&node, DF_NB_LPORT, "{'id': 'p', 'lswitch': 'n'}");
    cr_assert_eq(node_settle(&node), 0);
    json_t *show = df_controller_report(node.controller, "show", NULL, NULL);
    cr_assert_eq(json_integer_value(json_object_get(show, "n_problems")), 3);
    json_decref(show);
    node_down(&node);
}

/* ---- The property: whatever happened, incremental is what from scratch is */

#define N_NETWORKS 4
#define N_SUBNETS 5
#define N_ROUTERS 3
#define N_PORTS 14
#define N_OBJECTS (N_NETWORKS + N_SUBNETS + N_ROUTERS + N_PORTS)

struct thing {
    enum df_nb_table table;
    char id[16];
    char *json; /* NULL: it is not there */
    uint64_t revision;
};

struct world {
    struct thing thing[N_OBJECTS];
    uint64_t clock;
    unsigned seed;
};

static unsigned pick(struct world *world, unsigned n)
{
    return (unsigned)rand_r(&world->seed) % n;
}

static void name_things(struct world *world)
{
    for (unsigned i = 0; i < N_OBJECTS; i++) {
        struct thing *thing = &world->thing[i];
        thing->table = i < N_NETWORKS                           ? DF_NB_LSWITCH
                       : i < N_NETWORKS + N_SUBNETS             ? DF_NB_LSUBNET
                       : i < N_NETWORKS + N_SUBNETS + N_ROUTERS ? DF_NB_LROUTER
                                                                : DF_NB_LPORT;
        snprintf(thing->id, sizeof(thing->id), "x%02u", i);
    }
}

static char *router_ports(struct world *world)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    unsigned n = pick(world, 3);
    for (unsigned i = 0; i < n; i++)
        fprintf(out, "%s{'id': 'rp%u', 'mac': '02:00:00:00:01:01', 'lswitch': 'x%02u', 'network': '10.%u.0.1/24'}",
                i ? ", " : "", i, pick(world, N_NETWORKS), i);
    fclose(out);
    return text;
}

static void write_port(struct world *world, unsigned i, FILE *out)
{
    static const char *const vifs[] = {"tap", "vhostuser", "ethdev", "none"};
    bool local = pick(world, 3) != 0;
    fprintf(out, ", 'unique_key': %u, 'lswitch': 'x%02u'", i + 1, pick(world, N_NETWORKS));
    if (pick(world, 8))
        fprintf(out, ", 'macs': ['02:00:00:00:00:%02x']", pick(world, 10));
    if (pick(world, 6) == 0)
        fprintf(out, ", 'security_groups': ['sg']");
    if (pick(world, 4) == 0)
        fprintf(out, ", 'port_security_enabled': false");
    if (pick(world, 8) == 0)
        fprintf(out, ", 'enabled': false");
    fprintf(out, ", 'binding': {'type': 'chassis', 'chassis': '%s', 'vif_type': '%s'", local ? "here" : "elsewhere",
            vifs[pick(world, 4)]);
    if (pick(world, 2))
        fprintf(out, ", 'vif_name': 'vif%u'", pick(world, 6));
    fprintf(out, "}");
}

static void invent(struct world *world, unsigned i)
{
    struct thing *thing = &world->thing[i];
    size_t size;
    free(thing->json);
    FILE *out = open_memstream(&thing->json, &size);
    thing->revision = ++world->clock;
    fprintf(out, "{'id': '%s', 'version': %lu", thing->id, (unsigned long)thing->revision);
    if (thing->table == DF_NB_LSWITCH) {
        fprintf(out, ", 'unique_key': %u, 'mtu': %u", i + 1 + 100 * pick(world, 2), 1400 + pick(world, 3));
    } else if (thing->table == DF_NB_LSUBNET) {
        fprintf(out, ", 'lswitch': 'x%02u', 'cidr': '10.0.0.0/24', 'gateway_ip': '10.0.0.%u'", pick(world, N_NETWORKS),
                1 + pick(world, 3));
    } else if (thing->table == DF_NB_LROUTER) {
        char *ports = router_ports(world);
        fprintf(out, ", 'unique_key': %u, 'ports': [%s]", i + 1, ports);
        if (pick(world, 5) == 0)
            fprintf(out, ", 'enabled': false");
        free(ports);
    } else {
        write_port(world, i, out);
    }
    fprintf(out, "}");
    fclose(out);
}

static void tell(struct world *world, struct node *to, unsigned i)
{
    const struct thing *thing = &world->thing[i];
    if (thing->json)
        node_set_at(to, thing->table, thing->json, thing->revision);
}

static void change_one(struct world *world, struct node *to)
{
    unsigned i = pick(world, N_OBJECTS);
    struct thing *thing = &world->thing[i];
    if (pick(world, 4) == 0) {
        free(thing->json);
        thing->json = NULL;
        node_delete(to, thing->table, thing->id);
        return;
    }
    invent(world, i);
    tell(world, to, i);
}

/* A database that was away: the world went on, then a snapshot tells all. */
static void resync(struct world *world, struct node *to)
{
    for (unsigned i = 0; i < 5; i++) {
        unsigned changed = pick(world, N_OBJECTS);
        if (pick(world, 2))
            invent(world, changed);
        else if (changed > 0) {
            free(world->thing[changed].json);
            world->thing[changed].json = NULL;
        }
    }
    if (!world->thing[0].json)
        invent(world, 0); /* an empty snapshot is another matter */
    node_snapshot(to, DF_NB_SNAPSHOT_BEGIN);
    for (unsigned i = 0; i < N_OBJECTS; i++) {
        tell(world, to, i);
        cr_assert_eq(node_settle(to), 0);
    }
    node_snapshot(to, DF_NB_SNAPSHOT_END);
}

static char *from_scratch(struct world *world)
{
    struct node fresh;
    unsigned order[N_OBJECTS];
    for (unsigned i = 0; i < N_OBJECTS; i++) {
        unsigned j = pick(world, i + 1);
        order[i] = order[j];
        order[j] = i;
    }
    node_up(&fresh, node_apps);
    for (unsigned i = 0; i < N_OBJECTS; i++)
        tell(world, &fresh, order[i]);
    node_settle(&fresh);
    char *dump = node_dump(&fresh);
    node_down(&fresh);
    return dump;
}

static void live(unsigned seed)
{
    struct world world = {.seed = seed};
    name_things(&world);
    up();
    for (unsigned round = 0; round < 40; round++) {
        unsigned n = 1 + pick(&world, 6);
        for (unsigned i = 0; i < n; i++)
            change_one(&world, &node);
        if (pick(&world, 8) == 0)
            resync(&world, &node);
        node_settle(&node);
        cr_assert_eq(df_controller_recompile(node.controller), 0, "seed %u, round %u: a recompile changed something",
                     seed, round);
        char *expected = from_scratch(&world), *dump = node_dump(&node);
        cr_assert_str_eq(dump, expected, "seed %u, round %u", seed, round);
        free(expected);
        free(dump);
    }
    node_down(&node);
    for (unsigned i = 0; i < N_OBJECTS; i++)
        free(world.thing[i].json);
}

Test(compile, incremental_is_what_from_scratch_is, .timeout = 120)
{
    for (unsigned seed = 1; seed <= 60; seed++)
        live(seed);
}
