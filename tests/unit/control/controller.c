/* SPDX-License-Identifier: Apache-2.0 */
#include "control/controller.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node.h"

TestSuite(controller, .init = node_init);

#define BOUND "'binding': {'type': 'chassis', 'chassis': 'here', 'vif_type': 'tap'}"
#define NETWORK "{'id': 'n', 'unique_key': 1, 'version': 1, 'mtu': 1400, 'name': 'blue'}"
#define PORT1                                                                                                          \
    "{'id': 'aa-port-1', 'unique_key': 11, 'version': 2, 'name': 'web', 'lswitch': 'n', 'ips': ['10.0.0.1'], "         \
    "'subnets': ['s'], 'macs': ['02:00:00:00:00:01'], " BOUND "}"
#define PORT2                                                                                                          \
    "{'id': 'aa-port-2', 'unique_key': 12, 'version': 3, 'name': 'db', 'lswitch': 'n', 'macs': "                       \
    "['02:00:00:00:00:02'], " BOUND "}"

static struct node node;

static void up(void)
{
    node_up(&node, node_apps);
    node_set_at(&node, DF_NB_LSWITCH, NETWORK, 1);
    node_set_at(&node, DF_NB_LPORT, PORT1, 2);
    node_set_at(&node, DF_NB_LPORT, PORT2, 3);
    node_settle(&node);
}

static json_t *report(const char *what)
{
    struct df_error error = {""};
    json_t *json = df_controller_report(node.controller, what, NULL, &error);
    cr_assert_not_null(json, "%s", error.text);
    return json;
}

static json_int_t shown(const char *field)
{
    json_t *show = report("show");
    json_int_t value = json_integer_value(json_object_get(show, field));
    json_decref(show);
    return value;
}

/* ---- Snapshots */

Test(controller, nothing_is_applied_inside_a_snapshot)
{
    node_up(&node, node_apps);
    node_snapshot(&node, DF_NB_SNAPSHOT_BEGIN);
    node_set_at(&node, DF_NB_LSWITCH, NETWORK, 1);
    node_set_at(&node, DF_NB_LPORT, PORT1, 2);
    cr_assert_eq(node_settle(&node), 0);
    cr_assert_eq(df_controller_recompile(node.controller), 0);
    cr_assert_eq(df_controller_work(node.controller).compiles, 0);
    node_snapshot(&node, DF_NB_SNAPSHOT_END);
    cr_assert_gt(node_settle(&node), 0);
    cr_assert_str_eq(node_reason(&node, "aa-port-1"), "");
    node_down(&node);
}

Test(controller, a_snapshot_deletes_what_it_does_not_tell)
{
    up();
    node_snapshot(&node, DF_NB_SNAPSHOT_BEGIN);
    node_set_at(&node, DF_NB_LSWITCH, NETWORK, 1);
    node_set_at(&node, DF_NB_LPORT, PORT2, 3);
    node_snapshot(&node, DF_NB_SNAPSHOT_END);
    node_settle(&node);
    cr_assert_null(node_reason(&node, "aa-port-1"));
    cr_assert_str_eq(node_reason(&node, "aa-port-2"), "");
    cr_assert_eq(node_count(&node, DF_TABLE_CLASSIFICATION), 1);
    node_down(&node);
}

Test(controller, a_snapshot_of_what_is_known_compiles_nothing)
{
    up();
    node_snapshot(&node, DF_NB_SNAPSHOT_BEGIN);
    node_set_at(&node, DF_NB_LSWITCH, NETWORK, 1);
    node_set_at(&node, DF_NB_LPORT, PORT1, 2);
    node_set_at(&node, DF_NB_LPORT, PORT2, 3);
    node_snapshot(&node, DF_NB_SNAPSHOT_END);
    cr_assert_eq(node_compiles(&node), 0);
    node_down(&node);
}

Test(controller, another_content_at_the_same_revision_is_a_change)
{
    up();
    node_snapshot(&node, DF_NB_SNAPSHOT_BEGIN);
    node_set_at(&node, DF_NB_LSWITCH, "{'id': 'n', 'unique_key': 1, 'version': 1, 'mtu': 1300, 'name': 'blue'}", 1);
    node_set_at(&node, DF_NB_LPORT, PORT1, 2);
    node_set_at(&node, DF_NB_LPORT, PORT2, 3);
    node_snapshot(&node, DF_NB_SNAPSHOT_END);
    cr_assert_eq(node_compiles(&node), 5); /* the network in gateway, both ports in mtu and binding */
    node_down(&node);
}

Test(controller, a_snapshot_that_begins_again_counts_from_its_second_beginning)
{
    up();
    node_snapshot(&node, DF_NB_SNAPSHOT_BEGIN);
    node_set_at(&node, DF_NB_LSWITCH, NETWORK, 1);
    node_set_at(&node, DF_NB_LPORT, PORT1, 2);
    node_snapshot(&node, DF_NB_SNAPSHOT_BEGIN);
    node_set_at(&node, DF_NB_LSWITCH, NETWORK, 1);
    node_set_at(&node, DF_NB_LPORT, PORT2, 3);
    node_snapshot(&node, DF_NB_SNAPSHOT_END);
    node_settle(&node);
    cr_assert_null(node_reason(&node, "aa-port-1"));
    cr_assert_str_eq(node_reason(&node, "aa-port-2"), "");
    node_down(&node);
}

Test(controller, an_empty_snapshot_deletes_nothing_and_the_next_full_one_does)
{
    up();
    node_snapshot(&node, DF_NB_SNAPSHOT_BEGIN);
    node_snapshot(&node, DF_NB_SNAPSHOT_END);
    cr_assert_eq(node_settle(&node), 0);
    cr_assert_str_eq(node_reason(&node, "aa-port-1"), "");
    json_t *show = report("show");
    cr_assert(json_is_true(json_object_get(show, "held")));
    json_decref(show);
    node_snapshot(&node, DF_NB_SNAPSHOT_BEGIN);
    node_set_at(&node, DF_NB_LSWITCH, NETWORK, 1);
    node_snapshot(&node, DF_NB_SNAPSHOT_END);
    node_settle(&node);
    cr_assert_null(node_reason(&node, "aa-port-1"));
    show = report("show");
    cr_assert(json_is_false(json_object_get(show, "held")));
    json_decref(show);
    node_down(&node);
}

/* ---- Bad rows */

Test(controller, a_bad_row_leaves_the_old_version_in_force_and_is_shown_until_it_is_mended)
{
    up();
    char *before = node_dump(&node);
    node_bad(&node, DF_NB_LPORT, "aa-port-1", "lport 'aa-port-1': macs[0]: is not a MAC address");
    cr_assert_eq(node_settle(&node), 0);
    char *after = node_dump(&node);
    cr_assert_str_eq(before, after);
    json_t *show = report("show");
    json_t *bad = json_array_get(json_object_get(show, "bad"), 0);
    cr_assert_eq(json_integer_value(json_object_get(show, "n_bad")), 1);
    cr_assert_str_eq(json_string_value(json_object_get(bad, "table")), "lport");
    cr_assert_str_eq(json_string_value(json_object_get(bad, "id")), "aa-port-1");
    cr_assert_not_null(strstr(json_string_value(json_object_get(bad, "error")), "macs[0]"));
    cr_assert(json_is_true(json_object_get(bad, "in_force")));
    json_decref(show);
    node_set_at(&node, DF_NB_LPORT, PORT1, 9);
    node_settle(&node);
    cr_assert_eq(shown("n_bad"), 0);
    free(before);
    free(after);
    node_down(&node);
}

Test(controller, a_row_that_was_bad_from_the_start_is_left_out_until_it_goes)
{
    up();
    node_bad(&node, DF_NB_LPORT, "never", "lport 'never': cannot be read");
    node_settle(&node);
    cr_assert_eq(shown("n_bad"), 1);
    cr_assert_null(node_reason(&node, "never"));
    node_delete(&node, DF_NB_LPORT, "never");
    node_settle(&node);
    cr_assert_eq(shown("n_bad"), 0);
    node_down(&node);
}

Test(controller, a_snapshot_with_a_bad_row_does_not_delete_its_object)
{
    up();
    node_snapshot(&node, DF_NB_SNAPSHOT_BEGIN);
    node_set_at(&node, DF_NB_LSWITCH, NETWORK, 1);
    node_bad(&node, DF_NB_LPORT, "aa-port-1", "lport 'aa-port-1': cannot be read");
    node_snapshot(&node, DF_NB_SNAPSHOT_END);
    node_settle(&node);
    cr_assert_str_eq(node_reason(&node, "aa-port-1"), "");
    cr_assert_null(node_reason(&node, "aa-port-2"));
    node_snapshot(&node, DF_NB_SNAPSHOT_BEGIN);
    node_set_at(&node, DF_NB_LSWITCH, NETWORK, 1);
    node_snapshot(&node, DF_NB_SNAPSHOT_END);
    node_settle(&node);
    cr_assert_null(node_reason(&node, "aa-port-1"));
    cr_assert_eq(shown("n_bad"), 0);
    node_down(&node);
}

Test(controller, a_delete_of_what_is_not_there_is_nothing)
{
    up();
    node_delete(&node, DF_NB_LPORT, "nobody");
    cr_assert_eq(node_settle(&node), 0);
    node_down(&node);
}

/* ---- Entries that the datapath will not take */

static bool full;
static unsigned refused_puts;
static const struct df_datapath_ops *null_ops;

static int put_unless_full(struct df_datapath *dp, const struct df_entry *entry, struct df_error *error)
{
    if (full && entry->table == DF_TABLE_PORT_SECURITY) {
        refused_puts++;
        return df_error_set(error, -ENOSPC, "the table is full");
    }
    return null_ops->put(dp, entry, error);
}

Test(controller, a_refused_entry_shows_at_its_port_and_is_tried_again)
{
    static struct df_datapath_ops ops;
    node_up(&node, node_apps);
    null_ops = node.dp->ops;
    ops = *null_ops;
    ops.put = put_unless_full;
    node.dp->ops = &ops;
    full = true;
    node_now = 5000;
    node_set_at(&node, DF_NB_LSWITCH, NETWORK, 1);
    node_set_at(&node, DF_NB_LPORT, PORT1, 2);
    node_settle(&node);
    cr_assert_eq(df_controller_work(node.controller).refused, 1);
    cr_assert_str_eq(node_reason(&node, "aa-port-1"), "the table is full");
    cr_assert_eq(shown("n_problems"), 1);
    cr_assert_eq(df_controller_next_due_ms(node.controller), 6000);
    node_now = 5999;
    node_settle(&node);
    cr_assert_eq(refused_puts, 1);
    node_now = 6000;
    node_settle(&node);
    cr_assert_eq(refused_puts, 2);
    cr_assert_eq(df_controller_next_due_ms(node.controller), 8000);
    full = false;
    node_now = 8000;
    cr_assert_eq(node_settle(&node), 1);
    cr_assert_eq(df_controller_next_due_ms(node.controller), -1);
    cr_assert_str_eq(node_reason(&node, "aa-port-1"), "");
    node_down(&node);
}

Test(controller, a_refused_entry_that_is_not_wanted_any_more_is_forgotten)
{
    static struct df_datapath_ops ops;
    node_up(&node, node_apps);
    null_ops = node.dp->ops;
    ops = *null_ops;
    ops.put = put_unless_full;
    node.dp->ops = &ops;
    full = true;
    node_set_at(&node, DF_NB_LSWITCH, NETWORK, 1);
    node_set_at(&node, DF_NB_LPORT, PORT1, 2);
    node_settle(&node);
    node_delete(&node, DF_NB_LPORT, "aa-port-1");
    node_settle(&node);
    cr_assert_eq(df_controller_next_due_ms(node.controller), -1);
    cr_assert_eq(shown("n_problems"), 0);
    node_down(&node);
}

/* ---- Punts */

static struct df_punt punted;
static char punted_from[64];

static void take_punt(const struct df_punt *punt)
{
    const Df__LogicalSwitch *network = (const Df__LogicalSwitch *)df_app_model_get(DF_NB_LSWITCH, "n");
    punted = *punt;
    snprintf(punted_from, sizeof(punted_from), "%s on %s", punt->lport_id, network->name);
    cr_assert_eq(df_app_packet_out(punt->port, punt->frame, punt->len), 0);
    cr_assert_eq(df_app_packet_out(1000, punt->frame, punt->len), -ENODEV);
}

Test(controller, a_punted_packet_reaches_its_app_with_the_port_it_came_from)
{
    static const struct df_app taker = {.abi = DF_APP_ABI, .name = "taker", .punt = take_punt};
    static const struct df_app *const apps[] = {&node_l2, &node_sec, &taker, NULL};
    uint8_t frame[60] = {0};
    node_up(&node, apps);
    node_set(&node, DF_NB_LSWITCH, NETWORK);
    node_set(&node, DF_NB_LPORT, PORT1);
    node_settle(&node);
    node_now = 777;
    df_controller_punt(node.controller, 3, 11, 1, frame, sizeof(frame));
    cr_assert_str_eq(punted_from, "aa-port-1 on blue");
    cr_assert_eq(punted.port, 1);
    cr_assert_eq(punted.lport, 11);
    cr_assert_eq(punted.network, 1);
    cr_assert_eq(punted.len, 60);
    cr_assert_eq(punted.now_ms, 777);

    memset(&punted, 0, sizeof(punted));
    df_controller_punt(node.controller, 3, 99, 1, frame, sizeof(frame));
    df_controller_punt(node.controller, 0, 11, 1, frame, sizeof(frame));
    df_controller_punt(node.controller, 1, 11, 1, frame, sizeof(frame));
    df_controller_punt(node.controller, 17, 11, 1, frame, sizeof(frame));
    cr_assert_null(punted.lport_id);
    cr_assert_eq(shown("unknown_punts"), 4);
    node_down(&node);
    cr_assert_null(df_app_model_get(DF_NB_LSWITCH, "n"));
    cr_assert_eq(df_app_packet_out(1, frame, sizeof(frame)), -ENODEV);
}

/* ---- Names */

Test(controller, keys_have_names)
{
    up();
    node_set(&node, DF_NB_LROUTER,
             "{'id': 'r', 'unique_key': 5, 'ports': [{'id': 'r-n', 'unique_key': 77, 'mac': "
             "'02:00:00:00:01:01', 'lswitch': 'n', 'network': '10.0.0.254/24'}]}");
    cr_assert_str_eq(df_controller_lport_name(node.controller, 11), "web");
    cr_assert_str_eq(df_controller_lport_name(node.controller, 77), "r-n");
    cr_assert_null(df_controller_lport_name(node.controller, 0));
    cr_assert_null(df_controller_lport_name(node.controller, 1));
    cr_assert_str_eq(df_controller_network_name(node.controller, 1), "blue");
    cr_assert_null(df_controller_network_name(node.controller, 2));
    cr_assert_str_eq(df_controller_router_name(node.controller, 5), "r");
    node_down(&node);
}

static int find(const char *text, const char **id)
{
    uint16_t port = 0;
    struct df_error error;
    int err = df_controller_find_port(node.controller, text, &port, id, &error);
    cr_assert(err != 0 || port != 0);
    return err;
}

Test(controller, ports_are_found_by_id_prefix_and_name)
{
    const char *id = NULL;
    up();
    cr_assert_eq(find("aa-port-2", &id), 0);
    cr_assert_str_eq(id, "aa-port-2");
    cr_assert_eq(find("web", &id), 0);
    cr_assert_str_eq(id, "aa-port-1");
    cr_assert_eq(find("aa-port", &id), -EEXIST);
    cr_assert_eq(find("bb", &id), -ENOENT);
    cr_assert_eq(find("", &id), -ENOENT);
    node_set(&node, DF_NB_LPORT,
             "{'id': 'aa', 'unique_key': 13, 'lswitch': 'n', 'name': 'db', 'macs': "
             "['02:00:00:00:00:03'], " BOUND "}");
    node_settle(&node);
    cr_assert_eq(find("aa", &id), 0); /* a whole id goes before prefixes */
    cr_assert_str_eq(id, "aa");
    cr_assert_eq(find("db", &id), -EEXIST);
    node_down(&node);
}

/* ---- Reports */

Test(controller, a_port_is_reported_with_what_people_ask_for)
{
    up();
    json_t *ports = report("ports");
    cr_assert_eq(json_array_size(ports), 2);
    char *text = json_dumps(json_array_get(ports, 0), JSON_SORT_KEYS);
    cr_assert_str_eq(text,
                     "{\"applied_version\": 2, \"attached\": true, \"desired_version\": 2, \"detail\": \"\", "
                     "\"id\": \"aa-port-1\", \"ips\": [\"10.0.0.1\"], \"lswitch\": \"n\", "
                     "\"macs\": [\"02:00:00:00:00:01\"], \"name\": \"web\", \"network\": \"blue\", \"number\": 1, "
                     "\"reason\": \"\", \"rx_bytes\": 0, \"rx_drops\": 0, \"rx_packets\": 0, \"status\": \"open\", "
                     "\"tx_bytes\": 0, \"tx_drops\": 0, \"tx_packets\": 0, \"unique_key\": 11, "
                     "\"vif_name\": \"tapaa-port-1\", \"vif_type\": \"tap\"}");
    free(text);
    json_decref(ports);
    node_down(&node);
}

Test(controller, the_other_reports_are_there_and_an_unknown_one_is_an_error)
{
    static const char *const names[] = {"show", "networks", "routers", "apps", "version"};
    struct df_error error = {""};
    up();
    node_set(&node, DF_NB_LROUTER,
             "{'id': 'r', 'unique_key': 5, 'routes': [{'destination': '0.0.0.0/0', 'nexthop': "
             "'10.0.0.9'}], 'ports': [{'id': 'r-n', 'unique_key': 77, 'mac': "
             "'02:00:00:00:01:01', 'lswitch': 'n', 'network': '10.0.0.254/24'}]}");
    node_settle(&node);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        json_decref(report(names[i]));
    cr_assert_eq(shown("networks"), 1);
    cr_assert_eq(shown("routers"), 1);
    cr_assert_null(df_controller_report(node.controller, "nothing", NULL, &error));
    cr_assert_str_eq(error.text, "there is no report 'nothing'");
    node_down(&node);
}

/* ---- Loading apps */

static const char *mood;

static const char *option(void *arg, const char *section, const char *key)
{
    (void)arg;
    return strcmp(section, "df_picky_app") == 0 && strcmp(key, "mood") == 0 ? mood : NULL;
}

static int load(const char *first, const char *second, struct df_error *error)
{
    const char *const apps[] = {first, second, NULL};
    struct df_controller_config config = {
        .host = "here", .apps_dir = TEST_APPS_DIR, .apps = apps, .dp = node.dp, .option = option};
    node.controller = NULL;
    return df_controller_new(&config, &node.controller, error);
}

static void expect_unloadable(const char *first, const char *second, int code, const char *why)
{
    struct df_error error = {""};
    cr_assert_eq(load(first, second, &error), code, "%s", error.text);
    cr_assert_not_null(strstr(error.text, why), "the error is '%s'", error.text);
    cr_assert_null(node.controller);
}

Test(controller, an_app_is_loaded_and_told_its_options)
{
    struct df_error error = {""};
    cr_assert_eq(load("picky", NULL, &error), 0, "%s", error.text);
    json_t *apps = report("apps");
    json_t *picky = json_array_get(apps, 0);
    cr_assert_eq(json_integer_value(json_object_get(picky, "id")), 1);
    cr_assert_str_eq(json_string_value(json_object_get(picky, "name")), "picky");
    cr_assert_str_eq(json_string_value(json_object_get(json_object_get(picky, "state"), "told")), "good by default");
    cr_assert_str_eq(json_string_value(json_object_get(json_array_get(apps, 1), "name")), "binding");
    json_decref(apps);
    df_controller_free(node.controller);
    mood = "good enough";
    cr_assert_eq(load("picky", NULL, &error), 0, "%s", error.text);
    df_controller_free(node.controller);
}

Test(controller, an_app_that_cannot_be_loaded_stops_the_start_with_a_remedy)
{
    expect_unloadable("missing", NULL, -ENOENT, "df_app_missing.so: No such file or directory; correct [df] apps_list");
    expect_unloadable("../etc", NULL, -EINVAL, "a name has a-z");
    expect_unloadable("", NULL, -EINVAL, "a name has a-z");
    expect_unloadable("other_abi", NULL, -ENOEXEC, "built for ABI 2, this df-switchd has 1");
    expect_unloadable("other_name", NULL, -ENOEXEC, "calls itself 'something_else'");
    expect_unloadable("not_an_app", NULL, -ENOEXEC, "no symbol df_app");
    expect_unloadable("picky", "picky", -EEXIST, "it is there already");
    expect_unloadable("picky", "missing", -ENOENT, "df_app_missing.so");
    mood = "bad";
    expect_unloadable("picky", NULL, -EINVAL, "[df_picky_app] mood: 'bad' is not a value for it (how it is)");
    mood = "good but broken";
    expect_unloadable("picky", NULL, -ENODEV, "app picky: it cannot start: No such device");
}
