/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/topics.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* Whom a row concerns. */

static const char *topics_of(enum df_nb_table table, const char *text)
{
    static char kept[1024];
    struct df_error error;
    ProtobufCMessage *object;
    char *topics;
    json_t *json = json_loads(text, 0, NULL);
    cr_assert_eq(df_schema_from_json(table, json, &object, &error), 0, "%s", error.text);
    cr_assert_eq(df_topics_of(table, object, &topics), 0);
    snprintf(kept, sizeof(kept), "%s", topics ? topics : "everybody");
    free(topics);
    protobuf_c_message_free_unpacked(object, NULL);
    json_decref(json);
    return kept;
}

Test(topics, a_network_and_what_is_on_it_are_the_networks)
{
    cr_expect_str_eq(topics_of(DF_NB_LSWITCH, "{\"id\": \"n\", \"topic\": \"t\"}"), "network:n");
    cr_expect_str_eq(topics_of(DF_NB_LSUBNET, "{\"id\": \"s\", \"lswitch\": \"n\", \"cidr\": \"10.0.0.0/24\"}"),
                     "network:n");
    cr_expect_str_eq(topics_of(DF_NB_LPORT, "{\"id\": \"p\", \"lswitch\": \"n\"}"), "network:n");
}

Test(topics, a_port_is_the_nodes_that_it_is_on_and_moves_to)
{
    cr_expect_str_eq(topics_of(DF_NB_LPORT, "{\"id\": \"p\", \"lswitch\": \"n\", \"binding\": {\"type\": \"chassis\", "
                                            "\"chassis\": \"h1\", \"additional_chassis\": \"h2\"}}"),
                     "network:n chassis:h1 chassis:h2");
}

#define ROUTER_PORT(id, lswitch)                                                                                       \
    "{\"id\": \"" id "\", \"lswitch\": \"" lswitch "\", \"mac\": \"02:00:00:00:00:01\", \"network\": \"10.0.0.1/24\"}"

Test(topics, a_router_is_all_its_networks_each_once)
{
    cr_expect_str_eq(topics_of(DF_NB_LROUTER,
                               "{\"id\": \"r\", \"ports\": [" ROUTER_PORT("1", "a") ", " ROUTER_PORT(
                                   "2", "b") ", " ROUTER_PORT("3", "a") "], \"gateways\": [{\"lswitch\": "
                                                                        "\"ext\", \"lport\": \"g\"}]}"),
                     "network:a network:b network:ext");
}

Test(topics, groups_and_policies_are_their_own)
{
    cr_expect_str_eq(topics_of(DF_NB_SECGROUP, "{\"id\": \"g\", \"topic\": \"t\"}"), "secgroup:g");
    cr_expect_str_eq(topics_of(DF_NB_ADDRESS_GROUP, "{\"id\": \"g\"}"), "address_group:g");
    cr_expect_str_eq(topics_of(DF_NB_QOSPOLICY, "{\"id\": \"q\"}"), "qospolicy:q");
}

Test(topics, the_rest_is_its_projects_or_everybodys)
{
    cr_expect_str_eq(topics_of(DF_NB_FLOATINGIP, "{\"id\": \"f\", \"topic\": \"a b\"}"), "project:a_b");
    cr_expect_str_eq(topics_of(DF_NB_CHASSIS, "{\"id\": \"h\"}"), "everybody");
}

/*
 * Who marks the ports of a dead node asks for what that one said. The node itself asks only where another one may have
 * said that it is dead.
 */
Test(topics, the_status_of_a_port_is_its_nodes_while_it_is_not_attached)
{
    cr_expect_str_eq(topics_of(DF_NB_PORT_STATUS, "{\"id\": \"p\", \"lport\": \"p\", \"chassis\": \"h\"}"),
                     "status:h chassis:h");
    cr_expect_str_eq(
        topics_of(DF_NB_PORT_STATUS, "{\"id\": \"p\", \"lport\": \"p\", \"chassis\": \"h\", \"attached\": true}"),
        "status:h");
}

Test(topics, a_word_is_found_whole_only)
{
    cr_expect(df_topics_have("ab cd ef", "ab"));
    cr_expect(df_topics_have("ab cd ef", "cd"));
    cr_expect(df_topics_have("ab cd ef", "ef"));
    cr_expect_not(df_topics_have("ab cd ef", "c"));
    cr_expect_not(df_topics_have("ab cd ef", "b"));
    cr_expect_not(df_topics_have(NULL, "ab"));
}

/* A database and a publisher refuse what is longer. */
Test(topics, one_that_is_too_long_is_cut_between_characters)
{
    char id[256], *topic;
    memset(id, 'x', 255);
    id[255] = '\0';
    topic = df_topic("project", id);
    cr_expect_eq(strlen(topic), DF_TOPIC_MAX);
    free(topic);
    memcpy(id + DF_TOPIC_MAX - strlen("project:") - 1, "\xe2\x82\xac", 3); /* one byte of it would fit */
    topic = df_topic("project", id);
    cr_expect_eq(strlen(topic), DF_TOPIC_MAX - 1);
    cr_expect_eq(topic[strlen(topic) - 1], 'x');
    free(topic);
}
