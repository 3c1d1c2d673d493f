/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/binding/local_ports.h"
#include "node.h"

TestSuite(binding, .init = node_init);

#define NETWORK "{'id': 'n', 'unique_key': 1}"
#define PORT(id, binding, more)                                                                                        \
    "{'id': '" id "', 'unique_key': 7, 'lswitch': 'n', 'version': 3, 'macs': ['02:00:00:00:00:07'], 'binding': "       \
    "{'type': 'chassis', 'chassis': 'here', " binding "}" more "}"

static struct node node;

static void up(void)
{
    node_up(&node, node_apps);
    node_set(&node, DF_NB_LSWITCH, NETWORK);
}

static void port(const char *json)
{
    node_set(&node, DF_NB_LPORT, json);
    node_settle(&node);
}

static void expect_refused(const char *id, const char *why)
{
    struct df_port_status status;
    cr_assert_eq(df_controller_port_status(node.controller, id, &status), 0);
    cr_assert_not_null(strstr(status.reason, why), "the reason is '%s'", status.reason);
    cr_assert_eq(status.applied_version, 0);
    cr_assert_eq(node_count(&node, DF_TABLE_CLASSIFICATION), 0);
    cr_assert_eq(node_count(&node, DF_TABLE_EGRESS), 0);
    cr_assert_eq(node_count(&node, DF_TABLE_DISPATCH), 0);
}

static void expect_open(const char *id)
{
    struct df_port_status status;
    cr_assert_eq(df_controller_port_status(node.controller, id, &status), 0);
    cr_assert_str_eq(status.reason, "");
    cr_assert_eq(status.applied_version, status.desired_version);
    cr_assert(status.attached);
}

static json_t *port_report(const char *id)
{
    size_t i;
    json_t *item, *found = NULL, *list = df_controller_report(node.controller, "ports", NULL, NULL);
    json_array_foreach(list, i, item)
        if (strcmp(json_string_value(json_object_get(item, "id")), id) == 0)
            found = json_incref(item);
    json_decref(list);
    cr_assert_not_null(found);
    return found;
}

static void expect_vif(const char *id, const char *vif_name)
{
    json_t *report = port_report(id);
    cr_assert_str_eq(json_string_value(json_object_get(report, "vif_name")), vif_name);
    json_decref(report);
}

Test(binding, a_port_that_lacks_nothing_is_open_and_has_three_entries)
{
    up();
    port(PORT("p", "'vif_type': 'tap'", ""));
    expect_open("p");
    struct df_classification_key key = {.port = 1};
    const struct df_entry *entry = node_entry(&node, DF_TABLE_CLASSIFICATION, &key, sizeof(key));
    cr_assert_not_null(entry);
    const struct df_classification_value *value = entry->value;
    cr_assert_eq(value->lport, 7);
    cr_assert_eq(value->network, 1);
    struct df_dispatch_key dispatch_key = {.lport = 7};
    entry = node_entry(&node, DF_TABLE_DISPATCH, &dispatch_key, sizeof(dispatch_key));
    cr_assert_eq(((const struct df_dispatch_value *)entry->value)->port, 1);
    cr_assert_eq(node_count(&node, DF_TABLE_EGRESS), 1);
    node_down(&node);
}

Test(binding, a_port_of_another_node_or_of_a_vtep_is_none_of_ours)
{
    up();
    node_set(&node, DF_NB_LPORT,
             "{'id': 'p', 'unique_key': 7, 'lswitch': 'n', 'binding': {'type': 'chassis', 'chassis': "
             "'there', 'vif_type': 'tap'}}");
    node_set(&node, DF_NB_LPORT,
             "{'id': 'q', 'unique_key': 8, 'lswitch': 'n', 'binding': {'type': 'vtep', "
             "'vtep_address': '10.0.0.1', 'chassis': 'here', 'vif_type': 'tap'}}");
    node_set(&node, DF_NB_LPORT, "{'id': 'r', 'unique_key': 9, 'lswitch': 'n'}");
    node_settle(&node);
    cr_assert_null(node_reason(&node, "p"));
    cr_assert_null(node_reason(&node, "q"));
    cr_assert_null(node_reason(&node, "r"));
    node_down(&node);
}

Test(binding, default_interfaces_are_named_after_the_first_11_characters_of_the_id)
{
    up();
    port(PORT("0123456789abcdef", "'vif_type': 'tap'", ""));
    expect_vif("0123456789abcdef", "tap0123456789a");
    port(PORT("0123456789abcdef", "'vif_type': 'vhostuser'", ""));
    expect_vif("0123456789abcdef", "/run/df/vhu0123456789a");
    port(PORT("0123456789abcdef", "'vif_type': 'vhostuser', 'vif_name': 'mine'", ""));
    expect_vif("0123456789abcdef", "/run/df/mine");
    expect_open("0123456789abcdef");
    node_down(&node);
}

Test(binding, a_socket_outside_of_its_folder_is_refused_by_name)
{
    up();
    port(PORT("p", "'vif_type': 'vhostuser', 'vif_name': '/run/df//./sub/sock'", ""));
    expect_vif("p", "/run/df/sub/sock");
    expect_open("p");
    static const char *const types[] = {"vhostuser", "memif"};
    static const char *const names[] = {
        "/tmp/sock", "/run/df", "/run/dfx/sock", "/run/df/../x/sock", "../x/sock", "/run/df/sub/..",
        "..",        "/",       "/run/./df/.//", "/run/docker.sock",  "./."};
    for (size_t t = 0; t < 2; t++)
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
            node_setf(&node, DF_NB_LPORT, PORT("p", "'vif_type': '%s', 'vif_name': '%s'", ""), types[t], names[i]);
            node_settle(&node);
            expect_refused("p", names[i]);
            expect_refused("p", "/run/df");
            cr_assert_eq(node.dp->ops->port_del(node.dp, 1), -ENODEV, "%s is open", names[i]);
        }
    /* Devices have no folder. */
    port(PORT("p", "'vif_type': 'tap', 'vif_name': 'tap..0'", ""));
    expect_open("p");
    node_down(&node);
}

Test(binding, two_names_of_one_socket_are_one_interface)
{
    up();
    port(PORT("p", "'vif_type': 'vhostuser', 'vif_name': 'a'", ""));
    port(PORT("q", "'vif_type': 'vhostuser', 'vif_name': '/run//df/./a'", ""));
    cr_assert_str_eq(node_reason(&node, "p"), "");
    cr_assert_str_eq(node_reason(&node, "q"), "vif_name /run/df/a is that of lport p too");
    node_down(&node);
}

Test(binding, a_port_without_an_interface_is_refused)
{
    up();
    port(PORT("p", "'vif_type': 'none'", ""));
    expect_refused("p", "no vif_type");
    port(PORT("p", "'vif_name': 'tap0'", ""));
    expect_refused("p", "no vif_type");
    port(PORT("p", "'vif_type': 'veth'", ""));
    expect_refused("p", "vif_type veth needs a vif_name");
    node_down(&node);
}

Test(binding, a_disabled_port_is_closed_and_says_so)
{
    up();
    port(PORT("p", "'vif_type': 'tap'", ""));
    expect_open("p");
    port(PORT("p", "'vif_type': 'tap'", ", 'enabled': false"));
    expect_refused("p", "disabled");
    port(PORT("p", "'vif_type': 'tap'", ", 'enabled': true"));
    expect_open("p");
    node_down(&node);
}

Test(binding, security_groups_that_no_app_provides_refuse_the_port_by_name)
{
    up();
    port(PORT("p", "'vif_type': 'tap'", ", 'security_groups': ['sg']"));
    expect_refused("p", "has security groups, and no loaded app provides them");
    /* The interface is there, so that the guest sees a link. */
    cr_assert_eq(node.dp->ops->port_del(node.dp, 1), 0);
    struct df_port_spec spec = {.port = 1};
    cr_assert_eq(node.dp->ops->port_add(node.dp, &spec, NULL), 0);
    port(PORT("p", "'vif_type': 'tap'", ", 'security_groups': ['sg'], 'port_security_enabled': false"));
    expect_open("p");
    port(PORT("p", "'vif_type': 'tap'", ""));
    expect_open("p");
    node_down(&node);
}

static void expect_with(const struct df_app *const *apps, const char *why)
{
    node_up(&node, apps);
    node_set(&node, DF_NB_LSWITCH, NETWORK);
    port(PORT("p", "'vif_type': 'tap'", ""));
    if (why)
        expect_refused("p", why);
    else
        expect_open("p");
    node_down(&node);
}

static const struct df_conntrack_value *conntrack(uint16_t table)
{
    struct df_conntrack_key key = {.lport = 7};
    const struct df_entry *entry = node_entry(&node, table, &key, sizeof(key));
    return entry ? entry->value : NULL;
}

Test(binding, where_no_app_provides_security_groups_ports_are_said_to_have_none)
{
    up();
    port(PORT("p", "'vif_type': 'tap'", ""));
    expect_open("p");
    static const uint16_t tables[] = {DF_TABLE_EGRESS_CONNTRACK, DF_TABLE_INGRESS_CONNTRACK};
    for (size_t i = 0; i < 2; i++) {
        cr_assert_not_null(conntrack(tables[i]));
        cr_expect_eq(conntrack(tables[i])->enabled, 0);
        cr_expect_eq(conntrack(tables[i])->port, 1);
        cr_expect_eq(conntrack(tables[i])->n_groups, 0);
    }
    port(PORT("p", "'vif_type': 'tap'", ", 'security_groups': ['sg']"));
    expect_refused("p", "has security groups");
    cr_expect_null(conntrack(DF_TABLE_EGRESS_CONNTRACK), "refused, and nothing passes");
    node_down(&node);
}

Test(binding, what_no_app_provides_refuses_the_port_by_name)
{
    static const struct df_app groups = {.abi = DF_APP_ABI, .name = "groups", .provides = DF_APP_SECURITY_GROUPS};
    static const struct df_app *const without_l2[] = {&node_sec, NULL}, *const without_security[] = {&node_l2, NULL};
    static const struct df_app *const both[] = {&groups, &node_l2, &node_sec, NULL};
    expect_with(NULL, "no loaded app provides L2");
    expect_with(without_l2, "no loaded app provides L2; add l2 to [df] apps_list");
    expect_with(without_security, "no loaded app provides port security; add portsec to [df] apps_list");
    expect_with(both, NULL);
    node_up(&node, both);
    node_set(&node, DF_NB_LSWITCH, NETWORK);
    port(PORT("p", "'vif_type': 'tap'", ", 'security_groups': ['sg']"));
    expect_open("p");
    cr_expect_eq(node_count(&node, DF_TABLE_EGRESS_CONNTRACK), 0, "that is the app's to say");
    node_down(&node);
}

Test(binding, an_app_refuses_a_port_and_takes_it_back)
{
    up();
    port("{'id': 'p', 'unique_key': 7, 'lswitch': 'n', 'binding': {'type': 'chassis', 'chassis': 'here', 'vif_type': "
         "'tap'}}");
    expect_refused("p", "has no macs");
    port(PORT("p", "'vif_type': 'tap'", ""));
    expect_open("p");
    node_down(&node);
}

Test(binding, a_refusal_for_what_another_object_says_reaches_the_port)
{
    up();
    port(PORT("p", "'vif_type': 'tap'", ""));
    expect_open("p");
    node_set(&node, DF_NB_LSWITCH, "{'id': 'n', 'unique_key': 1, 'mtu': 1402}");
    /* The network, the port in mtu, and then in binding. */
    cr_assert_eq(node_compiles(&node), 3);
    expect_refused("p", "mtu 1402 is refused");
    node_set(&node, DF_NB_LSWITCH, "{'id': 'n', 'unique_key': 1, 'mtu': 1401}");
    cr_assert_eq(node_compiles(&node), 3);
    expect_open("p");
    node_down(&node);
}

Test(binding, a_port_without_a_key_is_refused)
{
    up();
    port("{'id': 'p', 'lswitch': 'n', 'macs': ['02:00:00:00:00:07'], 'binding': {'type': 'chassis', 'chassis': 'here', "
         "'vif_type': 'tap'}}");
    expect_refused("p", "unique_key");
    node_down(&node);
}

static void vif_port(const char *id, unsigned key, const char *vif_name)
{
    node_setf(&node, DF_NB_LPORT,
              "{'id': '%s', 'unique_key': %u, 'lswitch': 'n', 'macs': ['02:00:00:00:00:%02x'], 'binding': {'type': "
              "'chassis', 'chassis': 'here', 'vif_type': 'veth', 'vif_name': '%s'}}",
              id, key, key, vif_name);
    node_settle(&node);
}

Test(binding, of_two_ports_with_one_interface_the_lower_id_has_it)
{
    up();
    vif_port("b", 2, "eth0");
    cr_assert_str_eq(node_reason(&node, "b"), "");
    vif_port("a", 1, "eth0");
    cr_assert_str_eq(node_reason(&node, "a"), "");
    cr_assert_str_eq(node_reason(&node, "b"), "vif_name eth0 is that of lport a too");
    vif_port("c", 3, "eth0");
    cr_assert_str_eq(node_reason(&node, "c"), "vif_name eth0 is that of lport a too");
    cr_assert_eq(node_count(&node, DF_TABLE_CLASSIFICATION), 1);

    vif_port("a", 1, "eth1");
    cr_assert_str_eq(node_reason(&node, "b"), "");
    cr_assert_str_eq(node_reason(&node, "c"), "vif_name eth0 is that of lport b too");
    node_delete(&node, DF_NB_LPORT, "b");
    node_settle(&node);
    cr_assert_str_eq(node_reason(&node, "c"), "");
    node_down(&node);
}

Test(binding, ports_beyond_the_last_number_wait_for_one)
{
    up();
    for (unsigned i = 1; i <= DF_LOCAL_PORTS_MAX + 1; i++)
        node_setf(
            &node, DF_NB_LPORT,
            "{'id': 'p%04u', 'unique_key': %u, 'lswitch': 'n', 'macs': ['02:00:00:00:%02x:%02x'], 'binding': {'type': "
            "'chassis', 'chassis': 'here', 'vif_type': 'tap'}}",
            i, i, i >> 8, i & 255);
    node_settle(&node);
    cr_assert_eq(node_count(&node, DF_TABLE_CLASSIFICATION), DF_LOCAL_PORTS_MAX);
    cr_assert_not_null(strstr(node_reason(&node, "p1022"), "no port number is left"));
    node_delete(&node, DF_NB_LPORT, "p0500");
    node_settle(&node);
    cr_assert_str_eq(node_reason(&node, "p1022"), "");
    cr_assert_eq(node_count(&node, DF_TABLE_CLASSIFICATION), DF_LOCAL_PORTS_MAX);
    node_down(&node);
}

Test(binding, a_number_that_came_free_is_given_out_last)
{
    up();
    port(PORT("p", "'vif_type': 'tap'", ""));
    node_delete(&node, DF_NB_LPORT, "p");
    node_settle(&node);
    port(PORT("q", "'vif_type': 'tap'", ""));
    json_t *report = port_report("q");
    cr_assert_eq(json_integer_value(json_object_get(report, "number")), 2);
    json_decref(report);
    node_down(&node);
}

/* ---- Interfaces: what the backend is asked for */

static char asked[1024];
static bool port_add_fails;
static int port_add_code = -ENODEV;

static void note(const char *what, unsigned port_number, const char *vif)
{
    size_t len = strlen(asked);
    snprintf(asked + len, sizeof(asked) - len, "%s%u:%s ", what, port_number, vif);
}

static int noting_port_add(struct df_datapath *dp, const struct df_port_spec *spec, struct df_error *error)
{
    (void)dp;
    if (port_add_fails) {
        note("!", spec->port, spec->vif_name);
        return df_error_set(error, port_add_code, "no device %s", spec->vif_name);
    }
    note("+", spec->port, spec->vif_name);
    return 0;
}

static int noting_port_del(struct df_datapath *dp, uint16_t port_number)
{
    (void)dp;
    note("-", port_number, "");
    return 0;
}

static struct df_datapath_ops noting_ops;

static void up_noting(void)
{
    up();
    noting_ops = *node.dp->ops;
    noting_ops.port_add = noting_port_add;
    noting_ops.port_del = noting_port_del;
    node.dp->ops = &noting_ops;
}

static void expect_asked(const char *text)
{
    cr_assert_str_eq(asked, text);
    asked[0] = '\0';
}

Test(binding, another_interface_closes_the_first_and_another_mtu_does_not)
{
    up_noting();
    port(PORT("p", "'vif_type': 'veth', 'vif_name': 'eth0'", ""));
    expect_asked("+1:eth0 ");
    port(PORT("p", "'vif_type': 'veth', 'vif_name': 'eth0'", ", 'name': 'web'"));
    expect_asked("");
    node_set(&node, DF_NB_LSWITCH, "{'id': 'n', 'unique_key': 1, 'mtu': 9000}");
    node_settle(&node);
    expect_asked("");
    port(PORT("p", "'vif_type': 'veth', 'vif_name': 'eth1'", ""));
    expect_asked("-1: +1:eth1 ");
    port(PORT("p", "'vif_type': 'tap', 'vif_name': 'eth1'", ""));
    expect_asked("-1: +1:eth1 ");
    node_delete(&node, DF_NB_LPORT, "p");
    node_settle(&node);
    expect_asked("-1: ");
    node_down(&node);
}

Test(binding, an_interface_that_fails_is_tried_again_later_and_later)
{
    up_noting();
    port_add_fails = true;
    node_now = 10000;
    port(PORT("p", "'vif_type': 'veth', 'vif_name': 'eth0'", ""));
    expect_asked("!1:eth0 ");
    cr_assert_str_eq(node_reason(&node, "p"), "no device eth0");
    cr_assert_eq(df_controller_next_due_ms(node.controller), 11000);

    node_now = 10999;
    node_settle(&node);
    expect_asked("");
    uint64_t pauses[] = {1000, 2000, 4000, 8000, 16000, 30000, 30000};
    node_now = 10000;
    for (size_t i = 0; i < sizeof(pauses) / sizeof(pauses[0]); i++) {
        cr_assert_eq(df_controller_next_due_ms(node.controller), (int64_t)(node_now + pauses[i]));
        node_now += pauses[i];
        node_settle(&node);
        expect_asked("!1:eth0 ");
    }
    port_add_fails = false;
    node_now += 29999;
    node_settle(&node);
    expect_asked("");
    node_now += 1;
    node_settle(&node);
    expect_asked("+1:eth0 ");
    cr_assert_str_eq(node_reason(&node, "p"), "");
    cr_assert_eq(df_controller_next_due_ms(node.controller), -1);
    node_down(&node);
}

Test(binding, a_changed_port_that_failed_is_tried_at_once)
{
    up_noting();
    port_add_fails = true;
    port(PORT("p", "'vif_type': 'veth', 'vif_name': 'eth0'", ""));
    expect_asked("!1:eth0 ");
    port_add_fails = false;
    port(PORT("p", "'vif_type': 'veth', 'vif_name': 'eth1'", ""));
    expect_asked("+1:eth1 ");
    node_down(&node);
}

Test(binding, a_port_that_goes_while_it_fails_is_not_tried_again)
{
    up_noting();
    port_add_fails = true;
    port(PORT("p", "'vif_type': 'veth', 'vif_name': 'eth0'", ""));
    expect_asked("!1:eth0 ");
    node_delete(&node, DF_NB_LPORT, "p");
    node_settle(&node);
    cr_assert_eq(df_controller_next_due_ms(node.controller), -1);
    node_now += 100000;
    node_settle(&node);
    expect_asked("");
    node_down(&node);
}

static void device_goes(uint16_t number)
{
    df_controller_port_changed(node.controller, number,
                               &(struct df_port_state){.gone = true, .detail = "the device is gone"});
}

Test(binding, a_device_that_went_is_closed_and_opened_when_it_is_back)
{
    up_noting();
    node_now = 10000;
    port(PORT("p", "'vif_type': 'veth', 'vif_name': 'veth0'", ""));
    node_set(
        &node, DF_NB_LPORT,
        "{'id': 'q', 'unique_key': 8, 'lswitch': 'n', 'macs': ['02:00:00:00:00:08'], 'binding': {'type': 'chassis', "
        "'chassis': 'here', 'vif_type': 'tap', 'vif_name': 'tap0'}}");
    node_settle(&node);
    expect_asked("+1:veth0 +2:tap0 ");
    uint64_t compiles = df_controller_work(node.controller).compiles;

    device_goes(1);
    expect_asked("");
    cr_assert_eq(node_settle(&node), 0, "no entry changes");
    expect_asked("-1: ");
    cr_assert_str_eq(node_reason(&node, "p"), "device veth0 is gone");
    struct df_port_status status;
    cr_assert_eq(df_controller_port_status(node.controller, "p", &status), 0);
    cr_assert_not(status.attached);
    cr_assert_eq(status.applied_version, 0);
    cr_assert_eq(df_controller_next_due_ms(node.controller), 11000);
    json_t *report = port_report("p");
    cr_assert_str_eq(json_string_value(json_object_get(report, "status")), "down");
    json_decref(report);

    port_add_fails = true;
    uint64_t pauses[] = {1000, 2000, 4000};
    for (size_t i = 0; i < sizeof(pauses) / sizeof(pauses[0]); i++) {
        node_now += pauses[i] - 1;
        node_settle(&node);
        expect_asked("");
        node_now += 1;
        node_settle(&node);
        expect_asked("!1:veth0 ");
        cr_assert_str_eq(node_reason(&node, "p"), "device veth0 is gone", "and not only: no such device");
    }
    port_add_fails = false;
    node_now += 8000;
    node_settle(&node);
    expect_asked("+1:veth0 ");
    cr_assert_str_eq(node_reason(&node, "p"), "");
    cr_assert_str_eq(node_reason(&node, "q"), "");
    cr_assert_eq(df_controller_next_due_ms(node.controller), -1);
    cr_assert_eq(df_controller_work(node.controller).compiles, compiles, "nothing was compiled for it");

    /* The next time it begins with a second again. */
    device_goes(1);
    node_settle(&node);
    expect_asked("-1: ");
    cr_assert_eq(df_controller_next_due_ms(node.controller), (int64_t)node_now + 1000);
    node_down(&node);
}

Test(binding, a_device_that_comes_is_opened_at_once)
{
    up_noting();
    node_now = 10000;
    port_add_fails = true;
    port_add_code = -ENODEV;
    port(PORT("p", "'vif_type': 'veth', 'vif_name': 'veth0'", ""));
    node_settle(&node);
    expect_asked("!1:veth0 ");
    cr_assert_not(df_controller_device_came(node.controller, "veth1"));
    cr_assert_eq(df_controller_next_due_ms(node.controller), 11000);

    cr_assert(df_controller_device_came(node.controller, "veth0"));
    cr_assert_eq(df_controller_next_due_ms(node.controller), 10100, "not more often than ten times a second");
    cr_assert_not(df_controller_device_came(node.controller, "veth0"), "that is no news");
    node_now = 10100;
    node_settle(&node);
    expect_asked("!1:veth0 ");
    cr_assert_eq(df_controller_next_due_ms(node.controller), 12100);

    node_now = 11000;
    port_add_fails = false;
    cr_assert(df_controller_device_came(node.controller, NULL), "it may be any");
    node_settle(&node);
    expect_asked("+1:veth0 ");
    cr_assert_not(df_controller_device_came(node.controller, "veth0"), "it is open");
    node_down(&node);
}

Test(binding, another_reason_to_fail_is_told_while_a_device_is_gone)
{
    up_noting();
    port(PORT("p", "'vif_type': 'veth', 'vif_name': 'veth0'", ""));
    device_goes(1);
    node_settle(&node);
    port_add_fails = true;
    port_add_code = -EBUSY;
    node_now += 1000;
    node_settle(&node);
    cr_assert_str_eq(node_reason(&node, "p"), "no device veth0");
    port_add_code = -ENODEV;
    node_now += 2000;
    node_settle(&node);
    cr_assert_str_eq(node_reason(&node, "p"), "device veth0 is gone");
    node_down(&node);
}

Test(binding, a_port_that_changes_while_its_device_is_gone_does_not_wait_for_it)
{
    up_noting();
    port(PORT("p", "'vif_type': 'veth', 'vif_name': 'veth0'", ""));
    device_goes(1);
    port(PORT("p", "'vif_type': 'veth', 'vif_name': 'veth1'", ""));
    expect_asked("+1:veth0 -1: +1:veth1 ");
    device_goes(1);
    node_settle(&node);
    port(PORT("p", "'vif_type': 'veth', 'vif_name': 'veth2'", ""));
    expect_asked("-1: +1:veth2 ");
    device_goes(1);
    node_settle(&node);
    expect_asked("-1: ");
    device_goes(1); /* late news of what is closed */
    port(PORT("p", "'vif_type': 'none'", ""));
    node_now += 100000;
    node_settle(&node);
    expect_asked("");
    cr_assert_eq(df_controller_next_due_ms(node.controller), -1);
    port(PORT("p", "'vif_type': 'veth', 'vif_name': 'veth2'", ""));
    expect_asked("+1:veth2 ");
    node_delete(&node, DF_NB_LPORT, "p");
    device_goes(1);
    node_settle(&node);
    expect_asked("-1: ");
    cr_assert_eq(df_controller_next_due_ms(node.controller), -1);
    node_down(&node);
}

Test(binding, attachment_is_what_the_backend_said_last)
{
    up();
    port(PORT("p", "'vif_type': 'tap'", ""));
    struct df_port_status status;
    df_controller_port_changed(node.controller, 1,
                               &(struct df_port_state){.attached = false, .detail = "no guest yet"});
    cr_assert_eq(df_controller_port_status(node.controller, "p", &status), 0);
    cr_assert(!status.attached);
    json_t *report = port_report("p");
    cr_assert_str_eq(json_string_value(json_object_get(report, "detail")), "no guest yet");
    cr_assert_str_eq(json_string_value(json_object_get(report, "status")), "open");
    json_decref(report);
    df_controller_port_changed(node.controller, 1, &(struct df_port_state){.attached = true, .detail = ""});
    df_controller_port_changed(node.controller, 9, &(struct df_port_state){.attached = true, .detail = ""});
    df_controller_port_changed(node.controller, 65535, &(struct df_port_state){.attached = true, .detail = ""});
    cr_assert_eq(df_controller_port_status(node.controller, "p", &status), 0);
    cr_assert(status.attached);
    node_down(&node);
}
