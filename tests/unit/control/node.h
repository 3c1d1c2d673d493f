/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "control/controller.h"

/*
 * A node to test the controller with: the null backend, a clock turned by hand, and small apps that read the model in
 * each way that there is. Objects are written as JSON with ' for ".
 *
 *   l2       provides L2. Each lport whose network is needed: an l2 entry; depends on the network's key alone.
 *   sec      provides port security. Each local lport: a port_security entry; refuses a port without macs.
 *   mtu      Each local lport: a dhcp entry whose value is the network's MTU; reads the network. Refuses the port when
 *            the MTU is NODE_REFUSED_MTU, has a problem with it above 9000.
 *   gateway  Each needed network: an arp entry for the gateway of each of its subnets; reads the subnets. And a
 *   services
 *            entry, the same from all of them.
 */

#define NODE_REFUSED_MTU 1402

struct node {
    struct df_controller *controller;
    struct df_datapath *dp;
};

extern const struct df_app node_l2, node_sec, node_mtu, node_gateway;

/* All four; NULL at the end. */
extern const struct df_app *const node_apps[];

/* What node_up() makes of the node: what it writes of itself (NULL: nothing), and whether it is selective. */
extern const struct df_self_config *node_self;
extern bool node_selective;

/* Its underlay; NULL: none. */
extern const struct df_underlay_config *node_underlay;

/* Apps of the product to load besides, by name, ends with NULL; NULL: none. The test exports what they call. */
extern const char *const *node_load;

/* Milliseconds of the clock. */
extern uint64_t node_now;

/** Registers the thread with RCU. As Criterion's .init. */
void node_init(void);

void node_up(struct node *node, const struct df_app *const *apps);

/** On another datapath than the null backend; node_down() closes it. */
void node_up_on(struct node *node, const struct df_app *const *apps, struct df_datapath *dp);

/** Ends with the oracle: a full recompile changes nothing. */
void node_down(struct node *node);

/* One event each; nothing is settled. */
void node_set(struct node *node, enum df_nb_table table, const char *json);
void node_set_at(struct node *node, enum df_nb_table table, const char *json, uint64_t revision);
void node_delete(struct node *node, enum df_nb_table table, const char *id);
void node_bad(struct node *node, enum df_nb_table table, const char *id, const char *why);
void node_snapshot(struct node *node, enum df_nb_event event);

/** node_set(), with printf. */
void node_setf(struct node *node, enum df_nb_table table, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

size_t node_settle(struct node *node);

/** Compile calls that a settle takes. */
uint64_t node_compiles(struct node *node);

/**
 * All entries with their origins, and the status of all ports, sorted, as text; the datapath's port numbers are left
 * out: they depend on the order of arrival. The caller frees it.
 */
char *node_dump(struct node *node);

/** The entry of that key, or NULL. */
const struct df_entry *node_entry(struct node *node, uint16_t table, const void *key, size_t key_len);

/** Why the port is not open; "" when it is, NULL when it is none of this node's. */
const char *node_reason(struct node *node, const char *lport);

uint32_t node_count(struct node *node, uint16_t table);
