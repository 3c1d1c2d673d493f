/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/model/store.h"

static ProtobufCMessage *parse(enum df_nb_table table, const char *text)
{
    char quoted[1024];
    snprintf(quoted, sizeof(quoted), "%s", text);
    for (char *c = quoted; *c; c++)
        if (*c == '\'')
            *c = '"';
    json_error_t json_error;
    struct df_error error = {""};
    ProtobufCMessage *object = NULL;
    json_t *json = json_loads(quoted, 0, &json_error);
    cr_assert_not_null(json, "%s", json_error.text);
    cr_assert_eq(df_schema_from_json(table, json, &object, &error), 0, "%s", error.text);
    json_decref(json);
    return object;
}

static struct df_object *set(struct df_store *store, enum df_nb_table table, const char *text)
{
    ProtobufCMessage *message = parse(table, text);
    struct df_object *object = df_store_want(store, table, df_schema_id(message));
    df_object_set(object, message, 1);
    return object;
}

/* Ids of those who refer to an object, in the order in which the store gives them. */
static const char *referrers(struct df_store *store, enum df_nb_table of, const char *id, enum df_nb_table table,
                             const char *field)
{
    static char text[256];
    struct df_object *object = df_store_find(store, of, id);
    size_t n = 0, used = 0;
    text[0] = '\0';
    if (!object)
        return text;
    struct df_object *const *member = df_referrers_sorted(df_object_referrers(object, table, field), &n);
    for (size_t i = 0; i < n; i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s ", member[i]->id);
    return text;
}

/* A watcher with nothing behind it. */
struct watcher {
    struct df_watcher watcher;
    struct df_due due;
};

static void watch(struct watcher *watcher, struct df_watched *thing, struct df_object *object)
{
    watcher->watcher.queue = &watcher->due;
    df_watch(thing, &watcher->watcher, object);
}

static bool was_fired(struct watcher *watcher)
{
    return df_due_take(&watcher->due) != NULL;
}

Test(model, an_object_is_found_by_id_and_by_key)
{
    struct df_store *store = df_store_new();
    struct df_object *object = set(store, DF_NB_LSWITCH, "{'id': 'n', 'unique_key': 7, 'version': 3}");
    cr_assert_eq(df_store_find(store, DF_NB_LSWITCH, "n"), object);
    cr_assert_eq(df_store_by_key(store, DF_NB_LSWITCH, 7), object);
    cr_assert_eq(object->version, 3);
    cr_assert_null(df_store_find(store, DF_NB_LPORT, "n"));
    cr_assert_null(df_store_by_key(store, DF_NB_LPORT, 7));
    cr_assert_eq(df_store_count(store, DF_NB_LSWITCH), 1);
    df_store_free(store);
}

Test(model, a_new_key_replaces_the_old_one)
{
    struct df_store *store = df_store_new();
    struct df_object *object = set(store, DF_NB_LSWITCH, "{'id': 'n', 'unique_key': 7}");
    set(store, DF_NB_LSWITCH, "{'id': 'n', 'unique_key': 8}");
    cr_assert_null(df_store_by_key(store, DF_NB_LSWITCH, 7));
    cr_assert_eq(df_store_by_key(store, DF_NB_LSWITCH, 8), object);
    df_object_unset(object);
    cr_assert_null(df_store_by_key(store, DF_NB_LSWITCH, 8));
    cr_assert_eq(df_store_count(store, DF_NB_LSWITCH), 0);
    df_store_free(store);
}

Test(model, referrers_come_ordered_by_id_each_once)
{
    struct df_store *store = df_store_new();
    set(store, DF_NB_LPORT, "{'id': 'p2', 'lswitch': 'n', 'ips': ['10.0.0.1', '10.0.0.2'], 'subnets': ['s', 's']}");
    set(store, DF_NB_LPORT, "{'id': 'p1', 'lswitch': 'n'}");
    set(store, DF_NB_LPORT, "{'id': 'p3', 'lswitch': 'other'}");
    cr_assert_str_eq(referrers(store, DF_NB_LSWITCH, "n", DF_NB_LPORT, "lswitch"), "p1 p2 ");
    cr_assert_str_eq(referrers(store, DF_NB_LSUBNET, "s", DF_NB_LPORT, "subnets"), "p2 ");
    cr_assert_str_eq(referrers(store, DF_NB_LSWITCH, "n", DF_NB_LSUBNET, "lswitch"), "");
    df_store_free(store);
}

Test(model, a_change_moves_the_reference)
{
    struct df_store *store = df_store_new();
    set(store, DF_NB_LPORT, "{'id': 'p', 'lswitch': 'n'}");
    cr_assert_str_eq(referrers(store, DF_NB_LSWITCH, "n", DF_NB_LPORT, "lswitch"), "p ");
    set(store, DF_NB_LPORT, "{'id': 'p', 'lswitch': 'm'}");
    cr_assert_str_eq(referrers(store, DF_NB_LSWITCH, "n", DF_NB_LPORT, "lswitch"), "");
    cr_assert_str_eq(referrers(store, DF_NB_LSWITCH, "m", DF_NB_LPORT, "lswitch"), "p ");
    df_store_free(store);
}

Test(model, fields_in_lists_are_one_field)
{
    struct df_store *store = df_store_new();
    set(store, DF_NB_LROUTER,
        "{'id': 'r', 'ports': [{'id': 'a', 'mac': '02:00:00:00:00:01', 'lswitch': 'n', 'network': '10.0.0.1/24'},"
        " {'id': 'b', 'mac': '02:00:00:00:00:02', 'lswitch': 'm', 'network': '10.1.0.1/24'}]}");
    cr_assert_str_eq(referrers(store, DF_NB_LSWITCH, "n", DF_NB_LROUTER, "ports.lswitch"), "r ");
    cr_assert_str_eq(referrers(store, DF_NB_LSWITCH, "m", DF_NB_LROUTER, "ports.lswitch"), "r ");
    df_store_free(store);
}

Test(model, what_is_only_referred_to_goes_with_the_last_reference)
{
    struct df_store *store = df_store_new();
    struct df_object *port = set(store, DF_NB_LPORT, "{'id': 'p', 'lswitch': 'n'}");
    cr_assert_not_null(df_store_find(store, DF_NB_LSWITCH, "n"));
    df_object_unset(port);
    df_object_trim(port);
    cr_assert_null(df_store_find(store, DF_NB_LSWITCH, "n"));
    cr_assert_null(df_store_find(store, DF_NB_LPORT, "p"));
    df_store_free(store);
}

Test(model, a_watched_missing_object_stays_until_the_watch_is_dropped)
{
    struct df_store *store = df_store_new();
    struct watcher watcher = {0};
    struct df_object *missing = df_store_want(store, DF_NB_LSWITCH, "n");
    watch(&watcher, &missing->read, missing);
    df_object_trim(missing);
    cr_assert_eq(df_store_find(store, DF_NB_LSWITCH, "n"), missing);
    df_watches_drop(df_watcher_renew(&watcher.watcher));
    cr_assert_null(df_store_find(store, DF_NB_LSWITCH, "n"));
    df_store_free(store);
}

Test(model, a_key_watch_fires_when_the_key_comes_changes_and_goes_and_not_else)
{
    struct df_store *store = df_store_new();
    struct watcher key = {0}, read = {0};
    struct df_object *object = df_store_want(store, DF_NB_LSWITCH, "n");
    watch(&key, &object->key, object);
    watch(&read, &object->read, object);

    set(store, DF_NB_LSWITCH, "{'id': 'n', 'unique_key': 7}");
    cr_assert(was_fired(&key) && was_fired(&read));
    set(store, DF_NB_LSWITCH, "{'id': 'n', 'unique_key': 7, 'mtu': 1400}");
    cr_assert(!was_fired(&key));
    cr_assert(was_fired(&read));
    set(store, DF_NB_LSWITCH, "{'id': 'n', 'unique_key': 8, 'mtu': 1400}");
    cr_assert(was_fired(&key) && was_fired(&read));
    df_object_unset(object);
    cr_assert(was_fired(&key) && was_fired(&read));
    df_watches_drop(df_watcher_renew(&key.watcher));
    df_watches_drop(df_watcher_renew(&read.watcher));
    df_store_free(store);
}

Test(model, a_watch_on_referrers_fires_for_members_alone)
{
    struct df_store *store = df_store_new();
    struct watcher watcher = {0};
    struct df_object *network = df_store_want(store, DF_NB_LSWITCH, "n");
    watch(&watcher, &df_object_referrers(network, DF_NB_LSUBNET, "lswitch")->watched, network);

    struct df_object *subnet = set(store, DF_NB_LSUBNET, "{'id': 's', 'lswitch': 'n', 'cidr': '10.0.0.0/24'}");
    cr_assert(was_fired(&watcher));
    set(store, DF_NB_LSUBNET, "{'id': 's', 'lswitch': 'n', 'cidr': '10.0.0.0/24', 'gateway_ip': '10.0.0.1'}");
    cr_assert(was_fired(&watcher));
    set(store, DF_NB_LSUBNET, "{'id': 't', 'lswitch': 'm', 'cidr': '10.0.0.0/24'}");
    set(store, DF_NB_LPORT, "{'id': 'p', 'lswitch': 'n'}");
    set(store, DF_NB_LSWITCH, "{'id': 'n'}");
    cr_assert(!was_fired(&watcher));
    set(store, DF_NB_LSUBNET, "{'id': 's', 'lswitch': 'm', 'cidr': '10.0.0.0/24'}");
    cr_assert(was_fired(&watcher));
    df_object_unset(subnet);
    cr_assert(!was_fired(&watcher));
    df_watches_drop(df_watcher_renew(&watcher.watcher));
    df_store_free(store);
}

Test(model, a_watcher_is_due_once_however_much_fires)
{
    struct df_store *store = df_store_new();
    struct watcher watcher = {0};
    struct df_object *object = set(store, DF_NB_LSWITCH, "{'id': 'n', 'unique_key': 7}");
    watch(&watcher, &object->key, object);
    watch(&watcher, &object->read, object);
    watch(&watcher, &object->read, object);
    set(store, DF_NB_LSWITCH, "{'id': 'n', 'unique_key': 8}");
    cr_assert_eq(watcher.due.n, 1);
    cr_assert(was_fired(&watcher));
    cr_assert(!was_fired(&watcher));
    df_watches_drop(df_watcher_renew(&watcher.watcher));
    df_store_free(store);
}

Test(model, the_end_takes_objects_that_refer_to_each_other)
{
    struct df_store *store = df_store_new();
    set(store, DF_NB_SECGROUP,
        "{'id': 'a', 'rules': [{'id': '1', 'direction': 'ingress', 'ethertype': 'IPv4',"
        " 'remote_group_id': 'b'}]}");
    set(store, DF_NB_SECGROUP,
        "{'id': 'b', 'rules': [{'id': '2', 'direction': 'ingress', 'ethertype': 'IPv4',"
        " 'remote_group_id': 'a'}, {'id': '3', 'direction': 'ingress', 'ethertype': 'IPv4',"
        " 'remote_group_id': 'b'}]}");
    cr_assert_str_eq(referrers(store, DF_NB_SECGROUP, "b", DF_NB_SECGROUP, "rules.remote_group_id"), "a b ");
    df_store_free(store);
}

Test(model, an_object_that_refers_to_itself_goes)
{
    struct df_store *store = df_store_new();
    struct df_object *group = set(store, DF_NB_SECGROUP,
                                  "{'id': 'a', 'rules': [{'id': '1', 'direction': 'ingress',"
                                  " 'ethertype': 'IPv4', 'remote_group_id': 'a'}]}");
    df_object_unset(group);
    df_object_trim(group);
    cr_assert_null(df_store_find(store, DF_NB_SECGROUP, "a"));
    df_store_free(store);
}
