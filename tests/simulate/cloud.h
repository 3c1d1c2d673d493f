/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dbsync/nb.h"

/*
 * A generated cloud. Everything follows from its shape: who has which port, and what a node should know of it.
 *
 * A tenant has a router, two networks with a subnet each, and two security groups, of which one lets its own members
 * in. Its ports are dealt to `spread` nodes in turn, from `first` on. Tenant t of the plain ones begins where tenant
 * t - 1 ended, so that all nodes have as much. Behind the plain ones come those that changes are measured with:
 *
 *   few     one port on each of the first 50 nodes
 *   many    one port on each of the simulated nodes
 *   group   with that many ports, dealt to all chassis; there only if asked for
 */

struct cloud {
    unsigned chassis; /* nodes that the model knows; the simulated ones are the first of them */
    unsigned nodes;   /* that are simulated */
    unsigned tenants; /* plain ones */
    unsigned ports;   /* of all plain tenants together */
    unsigned spread;  /* nodes that a plain tenant has ports on */
    unsigned group;   /* ports of the tenant `group`; 0: there is no such tenant */
    unsigned here;    /* plain tenants that may have ports on simulated nodes, the first ones; 0: all */
};

#define CLOUD_FEW 50
#define CLOUD_ID 40   /* bytes of an id */
#define CLOUD_HOST 32 /* and of a chassis' */

struct cloud_tenant {
    unsigned number;
    unsigned ports;
    unsigned first, spread;
};

/** The number of tenants, and one of them. */
unsigned cloud_tenants(const struct cloud *cloud);
struct cloud_tenant cloud_tenant(const struct cloud *cloud, unsigned number);

/** Tenants for measuring. */
struct cloud_tenant cloud_few(const struct cloud *cloud);
struct cloud_tenant cloud_many(const struct cloud *cloud);
struct cloud_tenant cloud_group(const struct cloud *cloud);

/** Has the node a port of the tenant? And how many? */
unsigned cloud_local_ports(const struct cloud *cloud, const struct cloud_tenant *tenant, unsigned node);

/** The names of a chassis and a port. Ports of a tenant count from 0; those that do not exist yet have names as well. */
void cloud_host(unsigned node, char host[CLOUD_HOST]);
void cloud_ip(unsigned node, char ip[CLOUD_HOST]);
void cloud_port_id(const struct cloud_tenant *tenant, unsigned port, char id[CLOUD_ID]);

/** Writes one port of the tenant, bound to that node; turn changes its name and MAC. 0, or a negative errno. */
int cloud_write_port(struct df_nb *nb, const struct cloud_tenant *tenant, unsigned port, unsigned node, unsigned turn,
                     struct df_error *error);

/** Writes all of it. progress is told the number of objects written. 0, or a negative errno. */
int cloud_write(const struct cloud *cloud, struct df_nb *nb, void (*progress)(size_t n), struct df_error *error);
