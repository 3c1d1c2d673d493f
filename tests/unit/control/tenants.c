/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dbsync/topics.h"
#include "node.h"

/*
 * Selective topology where what a port needs belongs to others: tenant a's port is on tenant b's shared network, whose
 * router has its gateway on tenant c's external one. A node with the daemon's apps hears by topics alone, and must have
 * the tables of one that hears everything.
 */

enum { ROWS_MAX = 64 };

struct row {
    enum df_nb_table table;
    char id[16], tenant[8];
    char *json;   /* with ' for "; NULL: it was deleted */
    char *topics; /* NULL: everybody's */
    uint64_t revision;
};

/* The database, and whom it tells. */
static struct row rows[ROWS_MAX];
static size_t n_rows;
static uint64_t revision;
static struct node node;
static char **followed;
static size_t n_followed;

/* ---- The cloud */

#define NETWORK(id, key, tenant, external)                                                                             \
    {                                                                                                                  \
        DF_NB_LSWITCH, "{'id': '" id "', 'topic': '" tenant "', 'unique_key': " key ", 'network_type': 'vxlan', "      \
                       "'segmentation_id': 500" key ", 'mtu': 1450, 'is_external': " external "}"                      \
    }
#define SUBNET(network, tenant, net)                                                                                   \
    {                                                                                                                  \
        DF_NB_LSUBNET, "{'id': '" network "-4', 'topic': '" tenant "', 'lswitch': '" network "', 'cidr': '" net        \
                       ".0/24', 'gateway_ip': '" net ".1', 'dhcp_ip': '" net ".2', 'enable_dhcp': true}"               \
    }
#define PORT(id, key, tenant, network, ip, fields)                                                                     \
    {                                                                                                                  \
        DF_NB_LPORT,                                                                                                   \
            "{'id': '" id "', 'topic': '" tenant "', 'unique_key': " key ", 'lswitch': '" network                      \
            "', 'subnets': ['" network "-4'], 'macs': ['02:00:00:00:00:" key "'], 'ips': ['" ip "']" fields "}"        \
    }
#define IN_GROUP(group) ", 'security_groups': ['" group "']"
#define AT(host) ", 'binding': {'type': 'chassis', 'chassis': '" host "', 'vif_type': 'tap'}"
#define GROUP(id, tenant, rules)                                                                                       \
    {                                                                                                                  \
        DF_NB_SECGROUP, "{'id': '" id "', 'topic': '" tenant "', 'rules': [" rules "]}"                                \
    }
#define RULE(id, direction, more) "{'id': '" id "', 'direction': '" direction "', 'ethertype': 'IPv4'" more "}"

#define A1 PORT("a1", "11", "a", "shared", "10.1.0.11", IN_GROUP("web") AT("here"))

struct seed {
    enum df_nb_table table;
    const char *json;
};

static const struct seed cloud[] = {
    {DF_NB_CHASSIS, "{'id': 'there', 'ip': '192.0.2.9', 'tunnel_types': ['vxlan']}"},
    NETWORK("shared", "1", "b", "false"),
    NETWORK("inner", "2", "b", "false"),
    NETWORK("outside", "3", "c", "true"),
    NETWORK("other", "4", "a", "false"),
    SUBNET("shared", "b", "10.1.0"),
    SUBNET("inner", "b", "10.2.0"),
    SUBNET("outside", "c", "10.9.0"),
    SUBNET("other", "a", "10.4.0"),
    {DF_NB_LROUTER,
     "{'id': 'r', 'topic': 'b', 'unique_key': 1, 'ports': [{'id': 'r-shared', 'mac': '02:00:00:00:00:31', 'lswitch': "
     "'shared', 'network': '10.1.0.1/24'}, {'id': 'r-inner', 'mac': '02:00:00:00:00:32', 'lswitch': 'inner', "
     "'network': "
     "'10.2.0.1/24'}], 'gateways': [{'lport': 'r-out', 'lswitch': 'outside', 'mac': '02:00:00:00:00:33', 'ips': "
     "['10.9.0.5'], 'next_hops': ['10.9.0.1']}]}"},
    PORT("r-shared", "31", "b", "shared", "10.1.0.1", ", 'device_owner': 'network:router_interface'"),
    PORT("r-inner", "32", "b", "inner", "10.2.0.1", ", 'device_owner': 'network:router_interface'"),
    PORT("r-out", "33", "b", "outside", "10.9.0.5", ", 'device_owner': 'network:router_gateway'"),
    GROUP("web", "a",
          RULE("w1", "ingress", ", 'remote_group_id': 'clients'") "," RULE(
              "w2", "ingress", ", 'remote_address_group_id': 'office'") "," RULE("w3", "egress", "")),
    GROUP("clients", "b", ""),
    GROUP("mine", "b", RULE("m1", "ingress", "")),
    GROUP("public", "c", RULE("p1", "ingress", ", 'remote_group_id': 'clients'")),
    {DF_NB_ADDRESS_GROUP, "{'id': 'office', 'topic': 'c', 'addresses': ['203.0.113.7']}"},
    A1,
    PORT("b1", "12", "b", "shared", "10.1.0.12", IN_GROUP("mine") AT("here")),
    PORT("c1", "13", "c", "outside", "10.9.0.13", IN_GROUP("public") AT("here")),
    PORT("m1", "21", "b", "shared", "10.1.0.21", IN_GROUP("clients") AT("there")),
    PORT("m2", "22", "b", "inner", "10.2.0.22", IN_GROUP("clients") AT("there")),
    PORT("m3", "23", "c", "outside", "10.9.0.23", IN_GROUP("clients") AT("there")),
    PORT("m4", "24", "a", "other", "10.4.0.24", IN_GROUP("clients") AT("there")),
};

/* ---- The database */

static struct row *row_of(enum df_nb_table table, const char *id)
{
    for (size_t i = 0; i < n_rows; i++)
        if (rows[i].table == table && strcmp(rows[i].id, id) == 0)
            return &rows[i];
    cr_assert_lt(n_rows, ROWS_MAX);
    rows[n_rows] = (struct row){.table = table};
    snprintf(rows[n_rows].id, sizeof(rows[n_rows].id), "%s", id);
    return &rows[n_rows++];
}

static bool is_heard(const struct row *row)
{
    bool heard = !row->topics;
    for (size_t i = 0; i < n_followed; i++)
        heard = heard || df_topics_have(row->topics, followed[i]);
    return row->json && heard;
}

static void tell(struct node *to, const struct row *row)
{
    node_set_at(to, row->table, row->json, row->revision);
}

static void forget(struct row *row)
{
    free(row->json);
    free(row->topics);
    row->json = row->topics = NULL;
}

static void write_row(const struct seed *seed)
{
    struct df_error error;
    ProtobufCMessage *object;
    char *text = strdup(seed->json);
    for (char *at = text; (at = strchr(at, '\''));)
        *at = '"';
    json_t *json = json_loads(text, 0, NULL);
    cr_assert_eq(df_schema_from_json(seed->table, json, &object, &error), 0, "%s", error.text);
    struct row *row = row_of(seed->table, df_schema_id(object));
    forget(row);
    snprintf(row->tenant, sizeof(row->tenant), "%s", df_schema_topic(object) ? df_schema_topic(object) : "");
    row->json = strdup(seed->json);
    row->revision = ++revision;
    cr_assert_eq(df_topics_of(seed->table, object, &row->topics), 0);
    protobuf_c_message_free_unpacked(object, NULL);
    json_decref(json);
    free(text);
}

/* ---- The way to the node */

static void settle(void)
{
    node_settle(&node);
    cr_assert_eq(df_controller_recompile(node.controller), 0, "a recompile changed something");
}

static void free_followed(char **topics, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(topics[i]);
    free(topics);
}

/* Takes the node's topics, and tells the rows of those that are new. False: they are as before. */
static bool follow(void)
{
    bool less, was_heard[ROWS_MAX];
    size_t n;
    const char *const *topics = df_controller_interest(node.controller, &n, &less);
    if (!topics)
        return false;
    for (size_t i = 0; i < n_rows; i++)
        was_heard[i] = is_heard(&rows[i]);
    free_followed(followed, n_followed);
    followed = calloc(n + 1, sizeof(*followed));
    n_followed = n;
    for (size_t i = 0; i < n; i++)
        followed[i] = strdup(topics[i]);
    for (size_t i = 0; i < n_rows; i++)
        if (!was_heard[i] && is_heard(&rows[i]))
            tell(&node, &rows[i]);
    return true;
}

static void hear(void)
{
    do
        settle();
    while (follow());
}

static void put(const struct seed *seed)
{
    write_row(seed);
    struct row *row = &rows[0];
    while (row->revision != revision)
        row++;
    if (is_heard(row))
        tell(&node, row);
    hear();
}

static void take_away(enum df_nb_table table, const char *id)
{
    struct row *row = row_of(table, id);
    bool heard = is_heard(row);
    forget(row);
    if (heard)
        node_delete(&node, table, id);
    hear();
}

/* What is of no interest any more is not told, and so forgotten. */
static void clean_up(void)
{
    node_snapshot(&node, DF_NB_SNAPSHOT_BEGIN);
    for (size_t i = 0; i < n_rows; i++)
        if (is_heard(&rows[i]))
            tell(&node, &rows[i]);
    node_snapshot(&node, DF_NB_SNAPSHOT_END);
    hear();
}

/* ---- What is as it should be */

static const char *const apps[] = {"l2", "l3", "portsec", "dhcp", "secgroup", "tunneling", NULL};

/* What a node has that is told of tenant's rows alone and of what has none; NULL: of all. The caller's. */
static char *tables_of_one_told(const char *tenant)
{
    struct node other;
    node_selective = false;
    node_up(&other, NULL);
    for (size_t i = n_rows; i-- > 0;)
        if (rows[i].json && (!tenant || !rows[i].tenant[0] || strcmp(rows[i].tenant, tenant) == 0))
            tell(&other, &rows[i]);
    node_settle(&other);
    char *dump = node_dump(&other);
    node_down(&other);
    return dump;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/*
 * Groups and rules have numbers of the node's own, by the order in which it heard of them: of secgroup's entries only
 * table and origin are the same everywhere. The caller's.
 */
static char *without_numbers(const char *dump)
{
    enum { LINES_MAX = 512 };
    char *line[LINES_MAX], *copy = strdup(dump), *text = calloc(1, strlen(dump) + 1), *at;
    size_t n = 0;
    for (char *next = strtok_r(copy, "\n", &at); next && n < LINES_MAX; next = strtok_r(NULL, "\n", &at)) {
        char *origin = strstr(next, " of secgroup ");
        if (origin)
            memmove(strchr(next, ' '), origin, strlen(origin) + 1);
        line[n++] = next;
    }
    cr_assert_lt(n, LINES_MAX);
    qsort(line, n, sizeof(line[0]), by_text);
    for (size_t i = 0; i < n; i++)
        strcat(strcat(text, line[i]), "\n");
    free(copy);
    return text;
}

/* The tables, which are those of one that is told everything. The caller's. */
static char *tables(const char *when)
{
    char *dump = node_dump(&node), *whole = tables_of_one_told(NULL);
    char *got = without_numbers(dump), *expected = without_numbers(whole);
    cr_assert_str_eq(got, expected, "%s", when);
    free(expected);
    free(got);
    free(whole);
    return dump;
}

static void expect_tables(const char *when)
{
    free(tables(when));
}

static bool has(const char *dump, const char *origin)
{
    char text[64];
    snprintf(text, sizeof(text), " of %s v", origin);
    return strstr(dump, text) != NULL;
}

static json_int_t known(const char *table)
{
    json_t *report = df_controller_report(node.controller, "show", NULL, NULL);
    json_int_t n = json_integer_value(json_object_get(json_object_get(report, "objects"), table));
    json_decref(report);
    return n;
}

static void expect_known(json_int_t lswitches, json_int_t lrouters, json_int_t lports)
{
    cr_expect_eq(known("lswitch"), lswitches, "%lld networks", known("lswitch"));
    cr_expect_eq(known("lsubnet"), lswitches, "%lld subnets", known("lsubnet"));
    cr_expect_eq(known("lrouter"), lrouters, "%lld routers", known("lrouter"));
    cr_expect_eq(known("lport"), lports, "%lld ports", known("lport"));
}

static void expect_topics(const char *expected)
{
    char text[512] = "";
    for (size_t i = 0; i < n_followed; i++)
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s", i ? " " : "", followed[i]);
    cr_expect_str_eq(text, expected);
}

/* Each line of before that is not in after is of that port or of its group, and there are some. */
static void expect_only_gone(char *before, const char *after, const char *lport, const char *group)
{
    size_t gone = 0;
    char *at, *line = strtok_r(before, "\n", &at);
    for (; line; line = strtok_r(NULL, "\n", &at)) {
        if (strstr(after, line))
            continue;
        cr_expect(strstr(line, lport) || strstr(line, group), "%s", line);
        gone++;
    }
    cr_expect_gt(gone, 0);
}

static void up(void)
{
    static const char *const ips[] = {"192.0.2.1", NULL}, *const neighbours[] = {"*=02:00:00:00:ff:02", NULL};
    static const char *const types[] = {"vxlan", NULL};
    static const struct df_underlay_config underlay = {
        .port = "up0", .local_ips = ips, .neighbours = neighbours, .types = types, .mtu = 1500};
    node_init();
    node_load = apps;
    node_underlay = &underlay;
    node_selective = true;
    node_up(&node, NULL);
    hear();
    for (size_t i = 0; i < sizeof(cloud) / sizeof(cloud[0]); i++)
        put(&cloud[i]);
}

static void down(void)
{
    node_down(&node);
    free_followed(followed, n_followed);
    for (size_t i = 0; i < n_rows; i++)
        forget(&rows[i]);
}

TestSuite(tenants, .init = up, .fini = down);

#define OF_A "address_group:office chassis:here network:inner network:shared project:a secgroup:web"

Test(tenants, what_topics_tell_is_all_that_the_ports_need)
{
    char *dump = tables("all ports are here");
    expect_topics("address_group:office chassis:here network:inner network:outside network:shared project:a project:b "
                  "project:c secgroup:mine secgroup:public secgroup:web");
    expect_known(3, 1, 9);
    cr_expect(has(dump, "l2 lport m1") && has(dump, "l2 lport m3"), "%s", dump);
    cr_expect(has(dump, "l3 lrouter r") && has(dump, "l3 lport m2"), "%s", dump);
    cr_expect(has(dump, "secgroup lport m1") && has(dump, "secgroup lport m2") && has(dump, "secgroup lport m3"));
    cr_expect(has(dump, "secgroup address_group office"), "%s", dump);
    free(dump);
}

Test(tenants, what_the_tenant_has_would_not_be)
{
    char *all = tables("all ports are here"), *own = tables_of_one_told("a");
    cr_expect(has(all, "portsec lport a1") && has(own, "portsec lport a1"), "%s", own);
    cr_expect_not(has(own, "l3 lrouter r"));
    cr_expect_not(has(own, "secgroup lport m1"));
    cr_expect_not(has(own, "secgroup address_group office"));
    free(own);
    free(all);
}

Test(tenants, the_last_port_of_a_network_s_tenant_takes_only_its_own_entries_along)
{
    char *before = tables("all ports are here");
    take_away(DF_NB_LPORT, "b1");
    char *after = tables("b1 is gone");
    expect_only_gone(before, after, "b1", "secgroup mine");
    clean_up();
    char *clean = tables("and what was its alone is forgotten");
    cr_expect_str_eq(clean, after);
    expect_known(3, 1, 8);
    expect_topics("address_group:office chassis:here network:inner network:outside network:shared project:a project:c "
                  "secgroup:public secgroup:web");
    free(clean);
    free(after);
    free(before);
}

Test(tenants, an_external_network_goes_with_the_last_port_on_it_and_no_router)
{
    take_away(DF_NB_LPORT, "b1");
    take_away(DF_NB_LPORT, "c1");
    expect_tables("c1 is gone");
    expect_known(3, 1, 7);
    expect_topics(OF_A);
    clean_up();
    char *dump = tables("the external network is forgotten");
    expect_known(2, 1, 5);
    cr_expect(has(dump, "l3 lrouter r") && has(dump, "secgroup lport m1") && has(dump, "secgroup lport m2"));
    cr_expect_not(has(dump, "secgroup lport m3"), "it is in no domain that is here");
    free(dump);
}

Test(tenants, with_the_last_port_of_all_everything_is_forgotten)
{
    take_away(DF_NB_LPORT, "b1");
    take_away(DF_NB_LPORT, "c1");
    take_away(DF_NB_LPORT, "a1");
    expect_tables("no port is here");
    expect_topics("chassis:here");
    expect_known(3, 1, 6);
    clean_up();
    expect_tables("nothing is known");
    expect_known(0, 0, 0);
    cr_expect_eq(known("secgroup") + known("address_group"), 0);
    cr_expect_eq(known("chassis"), 1, "it is everybody's");
}

Test(tenants, what_went_while_nobody_asked_for_it_is_not_there_when_a_port_comes_back)
{
    take_away(DF_NB_LPORT, "b1");
    take_away(DF_NB_LPORT, "c1");
    take_away(DF_NB_LPORT, "a1");
    clean_up();
    take_away(DF_NB_LPORT, "m1");
    take_away(DF_NB_LSWITCH, "inner");
    put(&(struct seed)A1);
    char *dump = tables("a1 is back");
    expect_topics(OF_A);
    cr_expect_not(has(dump, "secgroup lport m1"), "%s", dump);
    cr_expect(has(dump, "l3 lrouter r"), "%s", dump);
    free(dump);
}

Test(tenants, an_empty_database_takes_nothing_away_while_a_port_is_here)
{
    char *before = tables("all ports are here");
    node_snapshot(&node, DF_NB_SNAPSHOT_BEGIN);
    node_snapshot(&node, DF_NB_SNAPSHOT_END);
    settle();
    char *after = node_dump(&node);
    cr_expect_str_eq(after, before);
    expect_known(3, 1, 9);
    clean_up();
    free(after);
    free(before);
}
