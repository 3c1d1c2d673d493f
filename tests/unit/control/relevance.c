/* SPDX-License-Identifier: Apache-2.0 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "node.h"

/* What the node needs is read from its reports. */

TestSuite(relevance, .init = node_init);

static struct node node;

/* Each lport: what the domain of its network is. */
static void domain_lport(struct df_compile *c, const ProtobufCMessage *object)
{
    const Df__LogicalPort *lport = (const Df__LogicalPort *)object;
    struct df_conntrack_key key = {.lport = lport->unique_key};
    struct df_conntrack_value value = {.domain = df_compile_domain(c, lport->lswitch)};
    df_compile_emit(c, DF_TABLE_EGRESS_CONNTRACK, &key, sizeof(key), &value, sizeof(value));
}

static const struct df_app_rule domain_rules[] = {{DF_NB_LPORT, domain_lport}, {0}};
static const struct df_app domain_app = {.abi = DF_APP_ABI, .name = "domain", .rules = domain_rules};

static void up_domains(void)
{
    static const struct df_app *const apps[] = {&domain_app, NULL};
    node_up(&node, apps);
}

static uint32_t domain_of(unsigned lport)
{
    struct df_conntrack_key key = {.lport = lport};
    node_settle(&node);
    const struct df_entry *entry = node_entry(&node, DF_TABLE_EGRESS_CONNTRACK, &key, sizeof(key));
    cr_assert_not_null(entry);
    return ((const struct df_conntrack_value *)entry->value)->domain;
}

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

/* ---- Domains */

/* Networks a (5), b (3), c (8) and z (9), on each a port elsewhere of the number of its network; nothing is needed. */
static void four_networks(void)
{
    up_domains();
    network("a", 5);
    network("b", 3);
    network("c", 8);
    network("z", 9);
    port("pa", 5, "a", "elsewhere");
    port("pb", 3, "b", "elsewhere");
    port("pc", 8, "c", "elsewhere");
    port("pz", 9, "z", "elsewhere");
    node_settle(&node);
}

static void expect_domains(uint32_t a, uint32_t b, uint32_t c, uint32_t z)
{
    cr_expect_eq(domain_of(5), a, "a is in domain %u, not %u", domain_of(5), a);
    cr_expect_eq(domain_of(3), b, "b is in domain %u, not %u", domain_of(3), b);
    cr_expect_eq(domain_of(8), c, "c is in domain %u, not %u", domain_of(8), c);
    cr_expect_eq(domain_of(9), z, "z is in domain %u, not %u", domain_of(9), z);
}

Test(relevance, a_domain_is_the_networks_that_routers_connect_by_their_smallest_key)
{
    four_networks();
    expect_domains(0, 0, 0, 0);
    port("la", 50, "a", "here");
    port("lz", 51, "z", "here");
    expect_domains(5, 0, 0, 9);
    router("ac", 1, "a", "c", "");
    expect_domains(5, 0, 5, 9);
    router("cb", 2, "c", "b", "");
    expect_domains(3, 3, 3, 9);
    router("bz", 3, "b", "z", "");
    expect_domains(3, 3, 3, 3);
    node_down(&node);
}

Test(relevance, a_domain_that_is_cut_is_two_and_one_that_is_not_needed_none)
{
    four_networks();
    port("la", 50, "a", "here");
    port("lz", 51, "z", "here");
    router("ab", 1, "a", "b", "");
    router("bc", 2, "b", "c", "");
    router("cz", 3, "c", "z", "");
    expect_domains(3, 3, 3, 3);
    router("bc", 2, "b", "c", ", 'enabled': false");
    expect_domains(3, 3, 8, 8);
    node_delete(&node, DF_NB_LROUTER, "ab");
    expect_domains(5, 0, 8, 8);
    node_delete(&node, DF_NB_LPORT, "lz");
    expect_domains(5, 0, 0, 0);
    node_down(&node);
}

Test(relevance, a_domain_is_numbered_anew_when_a_key_comes_changes_or_goes)
{
    four_networks();
    router("ab", 1, "a", "b", "");
    router("ay", 2, "a", "y", "");
    port("la", 50, "a", "here");
    expect_domains(3, 3, 0, 0);
    network("y", 2);
    expect_domains(2, 2, 0, 0);
    network("y", 12);
    expect_domains(3, 3, 0, 0);
    node_delete(&node, DF_NB_LSWITCH, "b");
    expect_domains(5, 5, 0, 0);
    node_delete(&node, DF_NB_LSWITCH, "a");
    node_delete(&node, DF_NB_LSWITCH, "y");
    expect_domains(0, 0, 0, 0);
    network("b", 3);
    expect_domains(3, 3, 0, 0);
    node_down(&node);
}

Test(relevance, only_those_whose_domain_changed_are_compiled)
{
    four_networks();
    port("la", 50, "a", "here");
    port("lb", 51, "b", "here");
    node_settle(&node);
    router("ab", 1, "a", "b", "");
    cr_assert_eq(node_compiles(&node), 2); /* pa and la: b's number stays */
    router("ba", 2, "b", "a", "");
    cr_assert_eq(node_compiles(&node), 0);
    node_delete(&node, DF_NB_LROUTER, "ab");
    cr_assert_eq(node_compiles(&node), 0);
    network("c", 1);
    cr_assert_eq(node_compiles(&node), 0); /* it is in another domain */
    router("bc", 3, "b", "c", "");
    cr_assert_eq(node_compiles(&node), 5); /* all but pz */
    node_down(&node);
}
