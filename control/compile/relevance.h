/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "control/model/store.h"

/*
 * What this node needs of the model: networks with a local port, routers that are attached to a needed network, and all
 * networks of those routers, and so on; the rules of the secgroups of local ports, and the members of the groups that
 * these rules name (groups.h); and where else the ports of networks with a local port are (places.h).
 *
 * Networks that routers connect, directly or over others, are a domain: within one, an address is one station's. Its
 * number is the smallest unique_key of its networks, so the model alone says what it is. A router's gateway to an
 * external network connects nothing here: there, addresses are translated.
 *
 * Invariant: after df_relevance_update() df_object.needed of networks and routers, and df_object.domain_key of needed
 * networks (of others it is 0), are what a search from scratch finds, and who asked about a network whose answer changed
 * is due. The search is made only when a network got its first or lost its last local port, the networks of a router
 * changed, or the unique_key of a needed network.
 *
 * Control thread.
 */

struct df_relevance;

/** host: this node's chassis id. */
struct df_relevance *df_relevance_new(struct df_store *store, const char *host);
void df_relevance_free(struct df_relevance *relevance);

/** Is the port bound to this node, enabled or not? */
bool df_relevance_is_bound(const struct df_relevance *relevance, const Df__LogicalPort *lport);

/** Is it bound to this node and enabled? */
bool df_relevance_is_local(const struct df_relevance *relevance, const Df__LogicalPort *lport);

/** To be told before an object changes; either message may be NULL. */
void df_relevance_changes(struct df_relevance *relevance, enum df_nb_table table, const ProtobufCMessage *old,
                          const ProtobufCMessage *new);

/** Searches if anything asks for it. */
void df_relevance_update(struct df_relevance *relevance);

/** Counts and searches from scratch: what a restart would find. */
void df_relevance_recount(struct df_relevance *relevance);

/**
 * Grows when a port of this node, a security group, or what the node needs changes: what else follows from these is as
 * it was while this is.
 */
uint64_t df_relevance_moves(const struct df_relevance *relevance);

/** Networks and routers that this node needs. */
size_t df_relevance_count(const struct df_relevance *relevance, enum df_nb_table table);
