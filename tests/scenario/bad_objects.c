/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/scenario/lab.h"
#include "tests/scenario/models.h"

#include <errno.h>
#include <stdio.h>

/*
 * A model with something wrong in it: what is bad is left out alone, its older version stays in force, it is shown, and
 * it is applied when it is mended. What is missing is waited for. What cannot be filtered is not opened.
 */

static void networks(void)
{
    lab_up();
    lab_model(MODEL_NETWORKS);
    lab_model(MODEL_ROUTER);
    lab_model(MODEL_PORTS);
}

TestSuite(bad_objects, .init = networks, .fini = lab_down);

#define PING_12 "icmp,icmp_type=8,dl_src=" MAC1 ",dl_dst=" MAC2 ",nw_src=10.1.0.11,nw_dst=10.1.0.12"

static json_t *show(void)
{
    struct df_error error = {""};
    json_t *report = df_controller_report(lab_controller(), "show", NULL, &error);
    cr_assert_not_null(report, "%s", error.text);
    return report;
}

/* A list of the report, as text, has these words; n: how long it is. */
static void expect_shown(const char *list, const char *n_name, unsigned n, const char *words)
{
    json_t *report = show();
    char *text = json_dumps(json_object_get(report, list), JSON_COMPACT);
    cr_assert_eq(json_integer_value(json_object_get(report, n_name)), n, "%s is %s", list, text);
    cr_assert(words == NULL || strstr(text, words) != NULL, "not in %s: %s", text, words);
    free(text);
    json_decref(report);
}

static const char *reason_of(const char *lport)
{
    struct df_port_status status;
    int rc = df_controller_port_status(lab_controller(), lport, &status);
    return rc == 0 ? status.reason : "(no such port)";
}

static void expect_reason(const char *lport, const char *words)
{
    const char *reason = reason_of(lport);
    cr_assert_not_null(strstr(reason, words), "%s: the reason is '%s', not '%s'", lport, reason, words);
}

static void works(void)
{
    lab_send("vm1", PING_12);
    lab_expect("vm2", PING_12);
    lab_expect_silence();
    lab_expect_no_drop();
}

/* ---- Rows that cannot be read */

Test(bad_objects, a_row_of_garbage_is_left_out_alone_and_named)
{
    lab_write_row("lport", "garbage", "\xff\xff\xff\xff\xff", 5);
    expect_shown("bad", "n_bad", 1, "\"table\":\"lport\",\"id\":\"garbage\"");
    expect_shown("bad", "n_bad", 1, "\"in_force\":false");
    works();
    lab_write_row("lport", "garbage", NULL, 0);
    expect_shown("bad", "n_bad", 0, NULL);
}

Test(bad_objects, an_older_version_stays_in_force_and_the_mended_one_is_applied)
{
    works();
    lab_write_row("lport", "vm2", "\x08\x01garbage", 9);
    expect_shown("bad", "n_bad", 1, "\"id\":\"vm2\"");
    expect_shown("bad", "n_bad", 1, "\"in_force\":true");
    works();
    lab_delete("lport", "vm2");
    expect_shown("bad", "n_bad", 0, NULL);
    lab_send("vm1", PING_12);
    lab_expect_drop("l2_unknown", 1);
    lab_model("{'lport': [" VM2 "]}");
    works();
}

Test(bad_objects, a_chassis_with_a_bad_address_is_named_and_its_older_version_holds)
{
    Df__Chassis chassis = DF__CHASSIS__INIT;
    uint8_t row[256];
    chassis.id = "node2";
    chassis.ip = "192.0.2.2";
    chassis.n_ips = 2;
    chassis.ips = (char *[]){"192.0.2.2", "2001:db8::nowhere"};
    lab_model("{'chassis': [{'id': 'node2', 'ip': '192.0.2.2'}, {'id': 'node3', 'ip': '192.0.2.3'}]}");
    lab_write_row("chassis", "node2", row, df__chassis__pack(&chassis, row));
    expect_shown("bad", "n_bad", 1, "\"table\":\"chassis\",\"id\":\"node2\"");
    expect_shown("bad", "n_bad", 1, "ips[1]: '2001:db8::nowhere' is not an IP address");
    expect_shown("bad", "n_bad", 1, "\"in_force\":true");
    chassis.ips = (char *[]){"192.0.2.2", "2001:db8::2"};
    lab_write_row("chassis", "node2", row, df__chassis__pack(&chassis, row));
    expect_shown("bad", "n_bad", 0, NULL);
}

/* A row that is well formed and says what cannot be, as an older or a careless program could write it. */
static void write_lport(const char *id, const char *mac, const char *ip)
{
    Df__LogicalPort lport = DF__LOGICAL_PORT__INIT;
    lport.id = (char *)id;
    lport.lswitch = (char *)"net1";
    lport.n_macs = lport.n_ips = 1;
    lport.macs = (char *[]){(char *)mac};
    lport.ips = (char *[]){(char *)ip};
    lport.has_unique_key = true;
    lport.unique_key = 4711;
    uint8_t bytes[256];
    size_t len = protobuf_c_message_pack(&lport.base, bytes);
    lab_write_row("lport", id, bytes, len);
}

Test(bad_objects, a_field_that_cannot_be_is_named)
{
    write_lport("vm5", "02:00:00:00:01:zz", "10.1.0.99");
    expect_shown("bad", "n_bad", 1, "macs");
    write_lport("vm5", "02:00:00:00:01:99", "10.1.0.999");
    expect_shown("bad", "n_bad", 1, "ips");
    works();
    lab_model("{'lport': [" PORT("vm5", "net1", "02:00:00:00:01:99", "'10.1.0.99'", "'sub1'", "") "]}");
    expect_shown("bad", "n_bad", 0, NULL);
}

Test(bad_objects, a_table_that_is_not_known_disturbs_nobody)
{
    lab_write_row("from_the_future", "x", "y", 1);
    works();
}

Test(bad_objects, many_bad_rows_are_counted_and_the_list_is_cut)
{
    char id[16];
    for (unsigned i = 0; i < 150; i++) {
        snprintf(id, sizeof(id), "bad%u", i);
        lab_write_row("lport", id, "\xff", 1);
    }
    json_t *report = show();
    cr_assert_eq(json_integer_value(json_object_get(report, "n_bad")), 150);
    cr_assert_eq(json_array_size(json_object_get(report, "bad")), 100);
    json_decref(report);
    works();
}

/* ---- What waits */

Test(bad_objects, a_port_waits_for_its_network_and_says_so)
{
    lab_model("{'lport': [" PORT("vm5", "net5", "02:00:00:00:05:15", "'10.5.0.15'", "",
                                 "") "," PORT("vm6", "net5", "02:00:00:00:05:16", "'10.5.0.16'", "", "") "]}");
    expect_reason("vm5", "waiting for lswitch net5");
    expect_shown("waiting", "n_waiting", 1, "\"table\":\"lswitch\",\"id\":\"net5\"");
    const char *words = "udp,dl_src=02:00:00:00:05:15,dl_dst=02:00:00:00:05:16,nw_src=10.5.0.15,nw_dst=10.5.0.16";
    lab_send("vm5", words);
    lab_expect_silence();
    lab_expect_drop("no_lport", 1);
    works();
    lab_model("{'lswitch': [{'id': 'net5', 'topic': 'red', 'network_type': 'local'}]}");
    expect_shown("waiting", "n_waiting", 0, NULL);
    cr_assert_str_eq(reason_of("vm5"), "");
    lab_send("vm5", words);
    lab_expect("vm6", words);
}

Test(bad_objects, a_route_to_nowhere_is_a_problem_that_is_shown_and_the_others_hold)
{
    lab_model("{'lrouter': [{'id': 'r1', 'topic': 'red', 'name': 'r1', 'ports': ["
              "  {'id': 'r1-net1', 'topic': 'red', 'unique_key': 9001, 'mac': '" ROUTER1 "', 'lswitch': 'net1',"
              "   'network': '10.1.0.1/24'},"
              "  {'id': 'r1-net2', 'topic': 'red', 'unique_key': 9002, 'mac': '" ROUTER2 "', 'lswitch': 'net2',"
              "   'network': '10.2.0.1/24'}], 'routes': [{'destination': '30.0.0.0/24', 'nexthop': '172.16.0.1'},"
              "  {'destination': '31.0.0.0/24', 'nexthop': '10.2.0.13'}]}]}");
    expect_shown("problems", "n_problems", 1, "30.0.0.0/24 via 172.16.0.1");
    lab_send("vm1", "udp,nw_ttl=9,dl_src=" MAC1 ",dl_dst=" ROUTER1 ",nw_src=10.1.0.11,nw_dst=31.0.0.1");
    lab_expect("vm3", "udp,nw_ttl=8,dl_src=" ROUTER2 ",dl_dst=" MAC3 ",nw_src=10.1.0.11,nw_dst=31.0.0.1");
    lab_model(MODEL_ROUTER);
    expect_shown("problems", "n_problems", 0, NULL);
}

/* ---- What is not opened */

static void vm1_bound(const char *binding, const char *more)
{
    char model[1000];
    snprintf(model, sizeof(model),
             "{'lport': [{'id': 'vm1', 'topic': 'red', 'lswitch': 'net1', 'macs': ['" MAC1 "'], 'ips': ['10.1.0.11'],"
             " 'subnets': ['sub1'], 'binding': {'type': 'chassis', 'chassis': 'node1'%s}%s}]}",
             binding, more);
    lab_model(model);
}

#define VIF1 ", 'vif_type': 'ethdev', 'vif_name': 'vm1'"

static void is_closed(const char *reason)
{
    expect_reason("vm1", reason);
    lab_send("vm2", "icmp,icmp_type=8,dl_src=" MAC2 ",dl_dst=" MAC4 ",nw_src=10.1.0.12,nw_dst=10.1.0.11");
    lab_expect_silence();
    lab_expect_drop("l2_unknown", 1); /* everybody else works on */
}

Test(bad_objects, a_port_that_cannot_be_opened_says_why_and_opens_when_mended)
{
    static const struct {
        const char *binding, *more, *reason;
    } port[] = {
        {", 'vif_type': 'tap', 'vif_name': 'much-too-long-for-a-device'", "", "vif_name"},
        {", 'vif_type': 'ethdev', 'vif_name': 'unheard-of'", "", "not in [fastpath] ports"},
        {", 'vif_type': 'ethdev'", "", "needs a vif_name"},
        {", 'vif_type': 'none'", "", "no vif_type"},
        {"", "", "no vif_type"},
        {VIF1, ", 'enabled': false", "disabled"},
        {", 'vif_type': 'ethdev', 'vif_name': 'vm2'", "", "is that of"},
    };
    for (unsigned i = 0; i < sizeof(port) / sizeof(port[0]); i++) {
        vm1_bound(port[i].binding, port[i].more);
        bool other_has_it = strcmp(port[i].reason, "is that of") == 0;
        if (other_has_it)
            expect_reason("vm2", port[i].reason); /* of two, the first by id has the device */
        else
            is_closed(port[i].reason);
        lab_model("{'lport': [" VM1 "]}");
        cr_assert_str_eq(reason_of("vm1"), "", "it was %s", port[i].reason);
        works();
    }
}

Test(bad_objects, an_interface_type_that_is_none_is_refused_when_written)
{
    struct df_error error = {""};
    ProtobufCMessage *message = NULL;
    json_error_t where;
    json_t *json =
        json_loads("{\"id\": \"vm1\", \"lswitch\": \"net1\", \"binding\": {\"vif_type\": \"pigeon\"}}", 0, &where);
    int rc = df_schema_from_json(df_schema_find("lport"), json, &message, &error);
    cr_assert_lt(rc, 0);
    cr_assert_not_null(strstr(error.text, "vif_type"), "%s", error.text);
    json_decref(json);
}

Test(bad_objects, a_device_whose_mtu_is_too_large_is_tried_again_when_the_network_changes)
{
    lab_model("{'lswitch': [{'id': 'big', 'topic': 'red', 'network_type': 'local', 'mtu': 9216}],"
              " 'lport': [" PORT("vm5", "big", "02:00:00:00:05:15", "'10.5.0.15'", "", "") "]}");
    expect_reason("vm5", "vm5");
    works();
    lab_model("{'lswitch': [{'id': 'big', 'topic': 'red', 'network_type': 'local', 'mtu': 1500}]}");
    lab_turn_ms(60000);
    cr_assert_str_eq(reason_of("vm5"), "");
}

Test(bad_objects, a_port_of_too_many_address_pairs_is_refused)
{
    char model[64 * 1024];
    size_t n = (size_t)snprintf(model, sizeof(model), ", 'allowed_address_pairs': [");
    for (unsigned i = 0; i < 1100; i++)
        n += (size_t)snprintf(model + n, sizeof(model) - n, "%s{'ip_address': '10.%u.%u.1'}", i ? "," : "",
                              i / 200 + 20, i % 200);
    snprintf(model + n, sizeof(model) - n, "]");
    char *text = malloc(sizeof(model) + 1000);
    snprintf(text, sizeof(model) + 1000,
             "{'lport': [{'id': 'vm1', 'topic': 'red', 'lswitch': 'net1', 'macs': ['" MAC1 "'], 'ips': ['10.1.0.11'],"
             " 'subnets': ['sub1'], 'binding': {'type': 'chassis', 'chassis': 'node1'" VIF1 "}%s}]}",
             model);
    lab_model(text);
    free(text);
    is_closed("more than 1024");
    lab_model("{'lport': [" VM1 "]}");
    works();
}

/* ---- Apps */

static int load(const char *const *apps, struct df_error *error)
{
    struct df_controller *controller;
    struct df_controller_config config = {
        .host = "node2", .apps_dir = DF_TEST_APPS_DIR, .apps = apps, .dp = lab_datapath(), .clock = lab_clock()};
    return df_controller_new(&config, &controller, error);
}

Test(bad_objects, an_app_that_is_not_there_is_named_with_a_remedy)
{
    struct df_error error = {""};
    cr_assert_eq(load((const char *const[]){"l2", "telepathy", NULL}, &error), -ENOENT);
    cr_assert_not_null(strstr(error.text, "telepathy"), "%s", error.text);
    cr_assert_not_null(strstr(error.text, "apps_list"), "%s", error.text);
    cr_assert_eq(load((const char *const[]){"../l2", NULL}, &error), -EINVAL);
    cr_assert_not_null(strstr(error.text, "../l2"), "%s", error.text);
    cr_assert_eq(load((const char *const[]){"l2", "l2", NULL}, &error), -EEXIST);
    works();
}

static void without_port_security(void)
{
    lab_up_with((const char *const[]){"l2", "l3", NULL}, DF_TEST_APPS_DIR);
    lab_model(MODEL_NETWORKS);
    lab_model(MODEL_PORTS);
}

Test(without_portsec, no_port_opens_where_no_app_gives_port_security, .init = without_port_security, .fini = lab_down)
{
    expect_reason("vm1", "port security");
    lab_send("vm1", PING_12);
    lab_expect_silence();
    lab_expect_drop("no_lport", 1);
}
