/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node.h"
#include "control/nodes/liveness.h"

/* Which nodes are dead, what a node says of itself, and what it wants to hear of. */

static struct node node;
static char posted[4096];
static Df__Chassis own = DF__CHASSIS__INIT;

/* Each chassis: an entry while it lives. */
static void alive_chassis(struct df_compile *c, const ProtobufCMessage *object)
{
    const char *id = df_schema_id(object);
    struct df_conntrack_key key = {.lport = (uint32_t)id[strlen(id) - 1]};
    struct df_conntrack_value value = {0};
    if (!df_compile_is_dead(c, id))
        df_compile_emit(c, DF_TABLE_EGRESS_CONNTRACK, &key, sizeof(key), &value, sizeof(value));
}

static const struct df_app_rule alive_rules[] = {{DF_NB_CHASSIS, alive_chassis}, {DF_NB_TABLES, NULL}};
static const struct df_app alive_app = {.abi = DF_APP_ABI, .name = "alive", .rules = alive_rules};

static void note(const char *format, const char *a, const char *b)
{
    size_t used = strlen(posted);
    snprintf(posted + used, sizeof(posted) - used, format, a, b);
}

static void post(void *arg, enum df_nb_table table, const char *id, const ProtobufCMessage *object)
{
    (void)arg;
    note(object ? "%s/%s " : "-%s/%s ", df_schema_table(table)->name, id);
    if (table == DF_NB_PORT_STATUS && object)
        note("(%s%s) ", ((const Df__PortStatus *)object)->attached ? "attached" : "",
             ((const Df__PortStatus *)object)->reason);
}

static void bury(void *arg, const char *host)
{
    (void)arg;
    note("bury %s%s ", host, "");
}

static void spare(void *arg, const char *host)
{
    (void)arg;
    note("spare %s%s ", host, "");
}

/* What was posted since the last call. */
static const char *posts(void)
{
    static char text[sizeof(posted)];
    strcpy(text, posted);
    posted[0] = '\0';
    return text;
}

static void up(void)
{
    static const struct df_app *const apps[] = {&alive_app, &node_l2, &node_sec, NULL};
    static const struct df_self_config self = {
        .host = "here", .chassis = &own, .post = post, .bury = bury, .spare = spare};
    node_init();
    node_now = 1000000;
    own.id = "here";
    node_self = &self;
    node_up(&node, apps);
}

TestSuite(nodes, .init = up);

static void lease(const char *host, const char *owner)
{
    char name[64];
    snprintf(name, sizeof(name), "chassis-%s", host);
    struct df_nb_change change = {
        .event = owner ? DF_NB_LEASE_HELD : DF_NB_LEASE_ENDED, .table = DF_NB_TABLES, .id = name, .owner = owner};
    df_controller_change(node.controller, &change);
}

static void chassis(const char *host, bool registered)
{
    node_setf(&node, DF_NB_CHASSIS, "{'id': '%s', 'ip': '192.0.2.1'}", host);
    if (registered)
        node_setf(&node, DF_NB_SERVICE, "{'id': 's-%s', 'chassis': '%s', 'binary': 'df-switchd'}", host, host);
}

static void local_port(const char *id, unsigned key, const char *host)
{
    node_setf(&node, DF_NB_LPORT,
              "{'id': '%s', 'unique_key': %u, 'version': 1, 'lswitch': 'net', 'macs': ['02:00:00:00:00:%02x'], "
              "'binding': {'type': 'chassis', 'chassis': '%s', 'vif_type': 'tap'}}",
              id, key, key, host);
}

static bool lives(const char *host)
{
    struct df_conntrack_key key = {.lport = (uint32_t)host[strlen(host) - 1]};
    node_settle(&node);
    return node_entry(&node, DF_TABLE_EGRESS_CONNTRACK, &key, sizeof(key)) != NULL;
}

Test(nodes, one_that_registered_and_holds_no_lease_is_dead_after_the_grace_time)
{
    chassis("n1", true);
    lease("n1", "somebody");
    cr_expect(lives("n1"));
    lease("n1", NULL);
    node_now += DF_LIVENESS_GRACE_MS - 1;
    cr_expect(lives("n1"));
    cr_expect_eq(df_controller_next_due_ms(node.controller), (int64_t)node_now + 1);
    node_now += 1;
    cr_expect_not(lives("n1"));
    lease("n1", "somebody");
    cr_expect(lives("n1"), "it came back");
    node_down(&node);
}

Test(nodes, a_new_holder_within_the_grace_time_is_no_death)
{
    chassis("n1", true);
    lease("n1", "first");
    lease("n1", NULL);
    node_now += DF_LIVENESS_GRACE_MS - 1;
    cr_expect(lives("n1"));
    lease("n1", "second");
    node_now += 10 * DF_LIVENESS_GRACE_MS;
    cr_expect(lives("n1"));
    node_down(&node);
}

Test(nodes, one_that_never_registered_does_not_die)
{
    chassis("n2", false);
    node_now += 3600 * 1000;
    cr_expect(lives("n2"));
    node_down(&node);
}

Test(nodes, this_one_is_never_dead_to_itself)
{
    chassis("here", true);
    node_now += 3600 * 1000;
    cr_expect(lives("here"));
    node_down(&node);
}

Test(nodes, nobody_dies_while_the_database_is_away)
{
    chassis("n1", true);
    lease("n1", "somebody");
    cr_expect(lives("n1"));
    df_controller_database(node.controller, true);
    lease("n1", NULL);
    node_now += 3600 * 1000;
    cr_expect(lives("n1"));
    cr_expect_eq(df_controller_next_due_ms(node.controller), -1);
    df_controller_database(node.controller, false);
    node_now += DF_LIVENESS_RETURN_MS - 1;
    cr_expect(lives("n1"), "its holder may not be back yet");
    node_now += 1;
    cr_expect_not(lives("n1"));
    node_down(&node);
}

Test(nodes, a_snapshot_without_its_lease_ends_it)
{
    chassis("n1", true);
    lease("n1", "somebody");
    cr_expect(lives("n1"));
    node_snapshot(&node, DF_NB_SNAPSHOT_BEGIN);
    chassis("n1", true);
    node_setf(&node, DF_NB_LSWITCH, "{'id': 'x', 'unique_key': 1}");
    node_snapshot(&node, DF_NB_SNAPSHOT_END);
    cr_expect(lives("n1"));
    node_now += DF_LIVENESS_GRACE_MS;
    cr_expect_not(lives("n1"));
    node_down(&node);
}

/* A network, ports here and on n1, and two nodes that hold their leases; as a snapshot tells them. */
static void tell_model(const char *absent)
{
    node_setf(&node, DF_NB_LSWITCH, "{'id': 'net', 'unique_key': 1}");
    local_port("p1", 1, "here");
    local_port("p2", 2, "n1");
    for (const char *const *host = (const char *const[]){"n1", "n2", NULL}; *host; host++) {
        chassis(*host, true);
        if (!absent || strcmp(*host, absent) != 0)
            lease(*host, "somebody");
    }
}

static void tell_snapshot(const char *absent)
{
    node_snapshot(&node, DF_NB_SNAPSHOT_BEGIN);
    tell_model(absent);
    node_snapshot(&node, DF_NB_SNAPSHOT_END);
    df_controller_database(node.controller, false);
    node_settle(&node);
}

static void expect_no_change(const char *dump, const struct df_controller_work *before, const char *when)
{
    struct df_controller_work now = df_controller_work(node.controller);
    char *text = node_dump(&node);
    cr_expect_str_eq(text, dump, "%s", when);
    cr_expect_eq(now.puts, before->puts, "%s", when);
    cr_expect_eq(now.dels, before->dels, "%s", when);
    free(text);
}

/* An hour without a database, in which the node looks at its clock each second; all have it back with the same model. */
Test(nodes, an_hour_without_the_database_changes_no_entry)
{
    tell_snapshot(NULL);
    struct df_controller_work before = df_controller_work(node.controller);
    char *dump = node_dump(&node);
    cr_assert_not_null(strstr(dump, "of alive chassis n1"), "%s", dump);
    df_controller_database(node.controller, true);
    for (unsigned second = 0; second < 3600; second++) {
        node_now += 1000;
        node_settle(&node);
    }
    expect_no_change(dump, &before, "while it is away");
    tell_snapshot(NULL);
    expect_no_change(dump, &before, "when it is back");
    node_now += 3600 * 1000;
    node_settle(&node);
    expect_no_change(dump, &before, "and later");
    free(dump);
    node_down(&node);
}

Test(nodes, only_one_that_does_not_come_back_with_the_database_is_withdrawn)
{
    tell_snapshot(NULL);
    struct df_controller_work before = df_controller_work(node.controller);
    char *dump = node_dump(&node);
    df_controller_database(node.controller, true);
    node_now += 3600 * 1000;
    node_settle(&node);
    tell_snapshot("n2");
    node_now += DF_LIVENESS_RETURN_MS - 1;
    node_settle(&node);
    expect_no_change(dump, &before, "it may come yet");
    node_now += 1;
    cr_expect_not(lives("n2"));
    cr_expect(lives("n1"));
    cr_expect_eq(df_controller_work(node.controller).dels, before.dels + 1, "nothing else goes");
    cr_expect_eq(df_controller_work(node.controller).puts, before.puts);
    lease("n2", "somebody");
    node_settle(&node);
    char *after = node_dump(&node);
    cr_expect_str_eq(after, dump, "it came back");
    free(after);
    free(dump);
    node_down(&node);
}

/* What show says of that name. */
static json_int_t shown(const char *field)
{
    json_t *report = df_controller_report(node.controller, "show", NULL, NULL);
    json_int_t value = json_integer_value(json_object_get(report, field));
    json_decref(report);
    return value;
}

static void strangers(unsigned from, unsigned n, const char *owner)
{
    char host[32];
    for (unsigned i = from; i < from + n; i++) {
        snprintf(host, sizeof(host), "stranger-%u", i);
        lease(host, owner);
    }
}

Test(nodes, of_hosts_without_a_chassis_a_limited_number_of_leases_is_noted)
{
    strangers(0, DF_LIVENESS_STRANGERS_MAX, "somebody");
    cr_expect_eq(shown("ignored_leases"), 0);
    strangers(DF_LIVENESS_STRANGERS_MAX, 3, "somebody");
    cr_expect_eq(shown("ignored_leases"), 3);
    strangers(0, 1, "another");
    cr_expect_eq(shown("ignored_leases"), 3, "it is noted already");
    chassis("n1", true);
    lease("n1", "somebody");
    cr_expect_eq(shown("ignored_leases"), 3, "it is a chassis");
    node_now += DF_LIVENESS_GRACE_MS;
    cr_expect(lives("n1"));
    node_down(&node);
}

Test(nodes, a_host_without_a_chassis_is_forgotten_with_its_lease)
{
    for (unsigned i = 0; i < 3; i++) {
        strangers(i * DF_LIVENESS_STRANGERS_MAX, DF_LIVENESS_STRANGERS_MAX, "somebody");
        node_settle(&node);
        strangers(i * DF_LIVENESS_STRANGERS_MAX, DF_LIVENESS_STRANGERS_MAX, NULL);
        node_settle(&node);
    }
    cr_expect_eq(shown("ignored_leases"), 0);
    node_down(&node);
}

Test(nodes, a_chassis_that_holds_a_lease_and_goes_is_a_stranger_then)
{
    chassis("n1", true);
    lease("n1", "somebody");
    node_settle(&node);
    node_delete(&node, DF_NB_CHASSIS, "n1");
    node_settle(&node);
    strangers(0, DF_LIVENESS_STRANGERS_MAX, "somebody");
    cr_expect_eq(shown("ignored_leases"), 1);
    chassis("n1", true);
    node_settle(&node);
    strangers(DF_LIVENESS_STRANGERS_MAX, 1, "somebody");
    cr_expect_eq(shown("ignored_leases"), 1);
    node_down(&node);
}

Test(nodes, exactly_one_living_node_buries_a_dead_one)
{
    static const char *const hosts[] = {"a", "b", "c", "d", "e", "f", "g"};
    unsigned undertakers = 0;
    for (size_t me = 0; me < 7; me++) {
        struct df_store *store = df_store_new();
        struct df_liveness *liveness = df_liveness_new(store, hosts[me]);
        for (size_t i = 0; i < 7; i++) {
            char name[64];
            snprintf(name, sizeof(name), "chassis-%s", hosts[i]);
            struct df_nb_change change = {
                .event = DF_NB_LEASE_HELD, .table = DF_NB_TABLES, .id = name, .owner = "somebody"};
            df_liveness_take(liveness, &change, node_now);
        }
        undertakers += df_liveness_is_undertaker(liveness, "dead");
        df_liveness_free(liveness);
        df_store_close(store);
        df_store_free(store);
    }
    cr_expect_eq(undertakers, 1, "%u", undertakers);
    node_down(&node);
}

Test(nodes, a_dead_one_is_buried_once_the_database_is_there)
{
    chassis("n1", true);
    lease("n1", "somebody");
    node_settle(&node);
    df_controller_database(node.controller, false);
    node_settle(&node);
    posts();
    lease("n1", NULL);
    node_now += DF_LIVENESS_RETURN_MS;
    node_settle(&node);
    cr_expect_str_eq(posts(), "bury n1 ");
    node_down(&node);
}

/* n1 is dead and buried. */
static void die(void)
{
    chassis("n1", true);
    lease("n1", "somebody");
    node_settle(&node);
    df_controller_database(node.controller, false);
    node_settle(&node);
    lease("n1", NULL);
    node_now += DF_LIVENESS_RETURN_MS;
    node_settle(&node);
    cr_assert_str_eq(posts(), "chassis/here service/df-switchd-here bury n1 ");
}

Test(nodes, a_dead_one_is_buried_once_and_spared_when_it_is_back)
{
    die();
    chassis("n2", true);
    node_settle(&node);
    node_now += DF_LIVENESS_GRACE_MS;
    node_settle(&node);
    cr_expect_str_eq(posts(), "bury n2 ", "and n1 not once more");
    lease("n1", "somebody");
    node_settle(&node);
    cr_expect_str_eq(posts(), "spare n1 spare n2 ", "n1 buries n2 now");
    lease("n1", NULL);
    node_settle(&node);
    cr_expect_str_eq(posts(), "", "it is only lost");
    node_now += DF_LIVENESS_GRACE_MS;
    node_settle(&node);
    cr_expect_str_eq(posts(), "bury n1 bury n2 ");
    node_down(&node);
}

Test(nodes, a_dead_one_whose_chassis_is_deleted_is_spared)
{
    die();
    node_delete(&node, DF_NB_CHASSIS, "n1");
    node_settle(&node);
    cr_expect_str_eq(posts(), "spare n1 ");
    node_down(&node);
}

/* ---- What it knows of them */

/* "STATE SINCE_MS OWNER PORTS", with - for null. */
static const char *described(const char *host)
{
    static char text[256];
    node_settle(&node);
    json_t *item, *list = df_controller_report(node.controller, "chassis", NULL, NULL);
    size_t i;
    strcpy(text, "not there");
    json_array_foreach(list, i, item) {
        const char *owner = json_string_value(json_object_get(item, "owner"));
        json_t *since = json_object_get(item, "since_ms");
        if (strcmp(json_string_value(json_object_get(item, "id")), host) == 0)
            snprintf(text, sizeof(text), "%s %s%lld %s %lld", json_string_value(json_object_get(item, "state")),
                     json_is_null(since) ? "-" : "", json_integer_value(since), owner ? owner : "-",
                     json_integer_value(json_object_get(item, "ports")));
    }
    json_decref(list);
    return text;
}

Test(nodes, each_is_reported_with_its_state_and_since_when)
{
    cr_expect_str_eq(described("n1"), "not there");
    chassis("n2", false);
    cr_expect_str_eq(described("n2"), "unregistered -0 - 0");
    chassis("here", true);
    lease("here", "me");
    chassis("n1", true);
    lease("n1", "somebody");
    node_now += 1000;
    cr_expect_str_eq(described("n1"), "alive 1000 somebody 0");
    cr_expect_str_eq(described("here"), "this node 1000 me 0");
    lease("n1", "somebody");
    cr_expect_str_eq(described("n1"), "alive 1000 somebody 0", "told again, it is held since then");
    lease("n1", NULL);
    node_now += 10;
    cr_expect_str_eq(described("n1"), "lost 10 - 0");
    node_now += DF_LIVENESS_GRACE_MS;
    cr_expect_str_eq(described("n1"), "dead 3010 - 0");
    lease("n1", "another");
    cr_expect_str_eq(described("n1"), "alive 0 another 0");
    node_set(&node, DF_NB_LPORT,
             "{'id': 'p', 'unique_key': 1, 'lswitch': 'net', 'macs': ['02:00:00:00:00:01'], 'binding': {'type': "
             "'chassis', 'chassis': 'n1'}}");
    cr_expect_str_eq(described("n1"), "alive 0 another 1");
    node_down(&node);
}

Test(nodes, without_an_underlay_no_tunnel_leads_to_them)
{
    node_set(&node, DF_NB_CHASSIS, "{'id': 'n1', 'ip': '192.0.2.1', 'tunnel_types': ['geneve', 'vxlan']}");
    node_settle(&node);
    json_t *list = df_controller_report(node.controller, "chassis", NULL, NULL);
    json_t *item = json_array_get(list, 0);
    cr_expect_eq(json_array_size(json_object_get(item, "tunnel_types")), 2);
    cr_expect(json_is_null(json_object_get(item, "tunnel_type")));
    cr_expect(json_is_null(json_object_get(item, "path_mtu")));
    cr_expect_eq(json_array_size(json_object_get(item, "ips")), 1, "it says no more than its ip");
    json_decref(list);
    node_down(&node);
}

/* ---- Another one of its own name */

Test(nodes, no_port_is_open_while_another_has_its_name)
{
    node_setf(&node, DF_NB_LSWITCH, "{'id': 'net', 'unique_key': 1}");
    node_setf(&node, DF_NB_LPORT,
              "{'id': 'p', 'unique_key': 1, 'version': 1, 'lswitch': 'net', 'macs': ['02:00:00:00:00:01'], 'binding': "
              "{'type': 'chassis', 'chassis': 'here', 'vif_type': 'tap'}}");
    df_controller_rival(node.controller, "another has it");
    node_settle(&node);
    cr_expect_str_eq(node_reason(&node, "p"), "another has it");
    cr_expect_eq(node_count(&node, DF_TABLE_CLASSIFICATION), 0, "nothing is let in");
    df_controller_rival(node.controller, NULL);
    node_settle(&node);
    cr_expect_str_eq(node_reason(&node, "p"), "");
    cr_expect_eq(node_count(&node, DF_TABLE_CLASSIFICATION), 1);
    node_down(&node);
}

Test(nodes, a_dead_one_is_not_buried_while_another_has_its_name)
{
    chassis("n1", true);
    lease("n1", "somebody");
    node_settle(&node);
    df_controller_database(node.controller, false);
    df_controller_rival(node.controller, "another has it");
    node_settle(&node);
    posts();
    lease("n1", NULL);
    node_now += DF_LIVENESS_RETURN_MS;
    node_settle(&node);
    cr_expect_str_eq(posts(), "");
    df_controller_rival(node.controller, NULL);
    cr_expect_str_eq(posts(), "bury n1 ");
    node_down(&node);
}

/* ---- What a node says of itself */

Test(nodes, nothing_is_said_before_the_database_is_there)
{
    node_setf(&node, DF_NB_LSWITCH, "{'id': 'net', 'unique_key': 1}");
    local_port("p", 1, "here");
    node_settle(&node);
    cr_expect_str_eq(posts(), "");
    df_controller_database(node.controller, false);
    node_settle(&node);
    cr_expect_str_eq(posts(), "chassis/here service/df-switchd-here port_status/p (attached) ");
    node_down(&node);
}

Test(nodes, the_status_of_a_port_is_said_when_it_changes_and_withdrawn_when_it_goes)
{
    df_controller_database(node.controller, false);
    local_port("p", 1, "here");
    node_settle(&node);
    const char *said = posts();
    cr_expect(strstr(said, "port_status/p (") && !strstr(said, "port_status/p (attached)"),
              "it waits for its network: %s", said);
    node_settle(&node);
    cr_expect_str_eq(posts(), "");
    node_setf(&node, DF_NB_LSWITCH, "{'id': 'net', 'unique_key': 1}");
    node_settle(&node);
    cr_expect_str_eq(posts(), "", "it was looked at a moment ago");
    node_now = (uint64_t)df_controller_next_due_ms(node.controller);
    node_settle(&node);
    cr_expect_str_eq(posts(), "port_status/p (attached) ");
    local_port("p", 1, "there");
    node_now += 1000;
    node_settle(&node);
    cr_expect_str_eq(posts(), "-port_status/p ");
    node_down(&node);
}

Test(nodes, all_is_said_again_when_the_database_comes_back)
{
    node_setf(&node, DF_NB_LSWITCH, "{'id': 'net', 'unique_key': 1}");
    local_port("p", 1, "here");
    df_controller_database(node.controller, false);
    node_settle(&node);
    posts();
    df_controller_database(node.controller, true);
    node_now += 1000;
    node_settle(&node);
    cr_expect_str_eq(posts(), "");
    df_controller_database(node.controller, false);
    node_settle(&node);
    cr_expect_str_eq(posts(), "chassis/here service/df-switchd-here port_status/p (attached) ");
    node_down(&node);
}

static void hear(const char *status)
{
    node_set(&node, DF_NB_PORT_STATUS, status);
    node_now += 1000;
    node_settle(&node);
}

Test(nodes, what_another_says_of_its_port_is_set_right)
{
    node_setf(&node, DF_NB_LSWITCH, "{'id': 'net', 'unique_key': 1}");
    local_port("p", 1, "here");
    df_controller_database(node.controller, false);
    node_settle(&node);
    posts();
    hear("{'id': 'p', 'lport': 'p', 'chassis': 'here', 'attached': false, 'reason': 'chassis here is dead'}");
    cr_expect_str_eq(posts(), "port_status/p (attached) ");
    hear("{'id': 'p', 'lport': 'p', 'chassis': 'here', 'desired_version': 1, 'applied_version': 1, 'attached': true}");
    cr_expect_str_eq(posts(), "", "that is what it says");
    hear("{'id': 'p', 'lport': 'p', 'chassis': 'there', 'attached': false, 'reason': 'chassis there is dead'}");
    cr_expect_str_eq(posts(), "", "it is not said of this node");
    hear("{'id': 'q', 'lport': 'q', 'chassis': 'here', 'attached': false, 'reason': 'chassis here is dead'}");
    cr_expect_str_eq(posts(), "", "it has no such port");
    node_down(&node);
}

Test(nodes, a_database_in_which_there_are_only_nodes_is_empty)
{
    node_setf(&node, DF_NB_LSWITCH, "{'id': 'net', 'unique_key': 1}");
    local_port("p", 1, "here");
    node_settle(&node);
    node_snapshot(&node, DF_NB_SNAPSHOT_BEGIN);
    chassis("here", true);
    node_setf(&node, DF_NB_PORT_STATUS, "{'id': 'p', 'lport': 'p', 'chassis': 'here'}");
    node_snapshot(&node, DF_NB_SNAPSHOT_END);
    node_settle(&node);
    cr_expect_str_eq(node_reason(&node, "p"), "", "and nothing is deleted");
    node_down(&node);
}

/* ---- What it wants to hear of */

static const char *interest(bool *less)
{
    static char text[1024];
    size_t n = 0;
    node_settle(&node);
    const char *const *topics = df_controller_interest(node.controller, &n, less);
    if (!topics)
        return "as before";
    text[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        strcat(text, topics[i]);
        strcat(text, " ");
    }
    return text;
}

static void up_selective(void)
{
    node_selective = true;
    up();
}

TestSuite(interest, .init = up_selective);

Test(interest, grows_with_what_is_known)
{
    bool less;
    cr_expect_str_eq(interest(&less), "chassis:here ");
    node_set(&node, DF_NB_LPORT,
             "{'id': 'p', 'unique_key': 1, 'topic': 'tenant', 'lswitch': 'a', 'qos_policy': 'q', 'security_groups': "
             "['g'], 'macs': ['02:00:00:00:00:01'], 'binding': {'type': 'chassis', 'chassis': 'here'}}");
    cr_expect_str_eq(interest(&less), "chassis:here network:a project:tenant qospolicy:q secgroup:g ");
    node_set(&node, DF_NB_LSWITCH, "{'id': 'a', 'unique_key': 1}");
    node_set(&node, DF_NB_SECGROUP,
             "{'id': 'g', 'rules': [{'id': 'r', 'direction': 'ingress', 'ethertype': 'IPv4', "
             "'remote_address_group_id': 'ag'}]}");
    cr_expect_str_eq(interest(&less), "address_group:ag chassis:here network:a project:tenant qospolicy:q secgroup:g ");
    node_set(&node, DF_NB_LSWITCH, "{'id': 'b', 'unique_key': 2}");
    node_set(&node, DF_NB_LROUTER,
             "{'id': 'r', 'unique_key': 1, 'ports': [{'id': 'i1', 'mac': '02:00:00:00:01:01', 'lswitch': 'a', "
             "'network': '10.0.0.1/24'}, {'id': 'i2', 'mac': '02:00:00:00:01:02', 'lswitch': 'b', 'network': "
             "'10.1.0.1/24'}]}");
    cr_expect_str_eq(interest(&less),
                     "address_group:ag chassis:here network:a network:b project:tenant qospolicy:q secgroup:g ");
    cr_expect_not(less);
    cr_expect_str_eq(interest(&less), "as before");
    node_down(&node);
}

Test(interest, says_when_something_is_not_wanted_any_more)
{
    bool less;
    node_setf(&node, DF_NB_LSWITCH, "{'id': 'net', 'unique_key': 1}");
    local_port("p", 1, "here");
    cr_expect_str_eq(interest(&less), "chassis:here network:net ");
    cr_expect_not(less);
    local_port("p", 1, "there");
    cr_expect_str_eq(interest(&less), "chassis:here ");
    cr_expect(less);
    node_down(&node);
}
