/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "dbsync/schema.h"

/*
 * Topics: whom a row concerns, in words that a database and a publisher can filter by. They are derived from the object
 * alone, so every writer and every reader comes to the same ones.
 *
 *   network:ID          the network, its subnets and ports, the routers that are attached to it
 *   chassis:HOST        ports that are bound to the node, or are to move there; what is said of its ports that are not
 *                       attached, as another node may have said that they are dead
 *   secgroup:ID, address_group:ID, qospolicy:ID   the object
 *   project:ID          what is left and belongs to a project
 *   status:HOST         what the node says of its ports: for who marks them when it is dead. Rows of versions before there
 *                       was this topic have "status" instead
 *
 * They go by what a port needs, and not by its tenant alone: ports of a shared or external network belong to many
 * tenants, and a node with one of them needs all. What has no topic concerns everybody: chassis, for one.
 */

#define DF_TOPIC_STATUS "status"
#define DF_TOPIC_MAX 127 /* bytes: what every database and publisher carries */

/**
 * The topics of an object, separated by single spaces, each once.
 *
 * @param topics the caller's, of malloc; NULL: it has none
 * @return -ENOMEM
 */
int df_topics_of(enum df_nb_table table, const ProtobufCMessage *object, char **topics);

/**
 * "KIND:ID" as a topic: what could separate topics becomes "_", and what is longer than DF_TOPIC_MAX is cut (ids are
 * not, names of projects may be): then two share a topic, and each hears of both. The caller's, of malloc; NULL: out of
 * memory.
 */
char *df_topic(const char *kind, const char *id);

/** Is the word one of topics? NULL has none. */
bool df_topics_have(const char *topics, const char *word);
