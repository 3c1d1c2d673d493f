/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "node.h"

/* What the node needs is read from its reports. */

TestSuite(relevance, .init = node_init);

static struct node node;

static void up(void)
{
    static const struct df_app *const apps[] = {&node_l2, &node_sec, NULL};
    node_up(&node, apps);
}

static const char *needed(const char *what)
{
    static char text[512];
    size_t i, used = 0;
    json_t *item, *list = df_controller_report(node.controller, what, NULL, NULL);
    text[0] = '\0';
    json_array_foreach(list, i, item)
        used +=
            (size_t)snprintf(text + used, sizeof(text) - used, "%s ", json_string_value(json_object_get(item, "id")));
    json_decref(list);
    return text;
}

static void network(const char *id, unsigned key)
{
    node_setf(&node, DF_NB_LSWITCH, "{'id': '%s', 'unique_key': %u}", id, key);
}

static void port(const char *id, unsigned key, const char *lswitch, const char *host)
{
    node_setf(&node, DF_NB_LPORT,
              "{'id': '%s', 'unique_key': %u, 'lswitch': '%s', 'macs': ['02:00:00:00:00:%02x'], 'binding': "
              "{'type': 'chassis', 'chassis': '%s', 'vif_type': 'tap'}}",
              id, key, lswitch, key, host);
}

/* A router on two networks. */
static void router(const char *id, unsigned key, const char *left, const char *right, const char *more)
{
    node_setf(&node, DF_NB_LROUTER,
              "{'id': '%s', 'unique_key': %u, 'ports': [{'id': '%s-l', 'mac': '02:00:00:00:01:01', 'lswitch': '%s', "
              "'network': '10.0.0.1/24'}, {'id': '%s-r', 'mac': '02:00:00:00:01:02', 'lswitch': '%s', 'network': "
              "'10.1.0.1/24'}]%s}",
              id, key, id, left, id, right, more);
}

static void chain(void)
{
    up();
    network("a", 1);
    network("b", 2);
    network("c", 3);
    network("z", 9);
    router("ab", 1, "a", "b", "");
    router("bc", 2, "b", "c", "");
    node_settle(&node);
}

Test(relevance, nothing_is_needed_without_a_local_port)
{
    chain();
    port("p", 1, "a", "elsewhere");
    node_settle(&node);
    cr_assert_str_eq(needed("networks"), "");
    cr_assert_str_eq(needed("routers"), "");
    node_down(&node);
}

Test(relevance, routers_lead_from_network_to_network)
{
    chain();
    port("p", 1, "a", "here");
    node_settle(&node);
    cr_assert_str_eq(needed("networks"), "a b c ");
    cr_assert_str_eq(needed("routers"), "ab bc ");
    node_down(&node);
}

Test(relevance, the_last_local_port_takes_it_all_along)
{
    chain();
    port("p", 1, "a", "here");
    port("q", 2, "a", "here");
    node_settle(&node);
    node_delete(&node, DF_NB_LPORT, "p");
    node_settle(&node);
    cr_assert_str_eq(needed("networks"), "a b c ");
    port("q", 2, "a", "elsewhere");
    node_settle(&node);
    cr_assert_str_eq(needed("networks"), "");
    node_down(&node);
}

Test(relevance, a_disabled_port_needs_nothing)
{
    chain();
    node_set(&node, DF_NB_LPORT,
             "{'id': 'p', 'unique_key': 1, 'lswitch': 'a', 'enabled': false, 'binding': "
             "{'type': 'chassis', 'chassis': 'here', 'vif_type': 'tap'}}");
    node_settle(&node);
    cr_assert_str_eq(needed("networks"), "");
    node_down(&node);
}

Test(relevance, a_disabled_router_leads_nowhere)
{
    chain();
    port("p", 1, "a", "here");
    router("ab", 1, "a", "b", ", 'enabled': false");
    node_settle(&node);
    cr_assert_str_eq(needed("networks"), "a ");
    router("ab", 1, "a", "b", "");
    node_settle(&node);
    cr_assert_str_eq(needed("networks"), "a b c ");
    node_down(&node);
}

Test(relevance, a_router_that_moves_changes_what_is_reached)
{
    chain();
    port("p", 1, "a", "here");
    node_settle(&node);
    router("ab", 1, "a", "z", "");
    node_settle(&node);
    cr_assert_str_eq(needed("networks"), "a z ");
    node_delete(&node, DF_NB_LROUTER, "ab");
    node_settle(&node);
    cr_assert_str_eq(needed("networks"), "a ");
    node_down(&node);
}

Test(relevance, a_network_that_has_no_row_yet_is_needed_by_its_id)
{
    up();
    port("p", 1, "a", "here");
    router("ab", 1, "a", "b", "");
    node_settle(&node);
    cr_assert_str_eq(needed("networks"), "a b ");
    node_down(&node);
}

Test(relevance, when_it_flips_the_ports_of_the_network_are_compiled_and_no_others)
{
    up();
    network("a", 1);
    network("b", 2);
    for (unsigned i = 1; i <= 20; i++) {
        char id[16];
        snprintf(id, sizeof(id), "r%u", i);
        port(id, i, i <= 10 ? "a" : "b", "elsewhere");
    }
    node_settle(&node);
    cr_assert_eq(node_count(&node, DF_TABLE_L2), 0);
    port("p", 50, "a", "here");
    /* p in l2, sec and binding; the ten ports of a in l2. */
    cr_assert_eq(node_compiles(&node), 3 + 10);
    cr_assert_eq(node_count(&node, DF_TABLE_L2), 11);
    port("q", 51, "a", "here");
    cr_assert_eq(node_compiles(&node), 3);
    node_delete(&node, DF_NB_LPORT, "p");
    cr_assert_eq(node_compiles(&node), 0);
    node_delete(&node, DF_NB_LPORT, "q");
    cr_assert_eq(node_compiles(&node), 10);
    cr_assert_eq(node_count(&node, DF_TABLE_L2), 0);
    node_down(&node);
}
