/* SPDX-License-Identifier: Apache-2.0 */
#include "control/compile/relevance.h"

#include <stdlib.h>
#include <string.h>

#include "control/compile/groups.h"
#include "control/compile/places.h"
#include "control/model/alloc.h"

struct found {
    struct df_object **object;
    size_t n, room;
};

struct df_relevance {
    struct df_store *store;
    char *host;
    struct found needed; /* networks and routers, as of the last search */
    uint32_t search;
    bool stale;
    uint64_t moves; /* see df_relevance_moves() */
};

struct df_relevance *df_relevance_new(struct df_store *store, const char *host)
{
    struct df_relevance *relevance = df_alloc(sizeof(*relevance));
    relevance->store = store;
    relevance->host = df_strdup(host);
    return relevance;
}

void df_relevance_free(struct df_relevance *relevance)
{
    if (!relevance)
        return;
    for (size_t i = 0; i < relevance->needed.n; i++)
        df_places_keep(relevance->needed.object[i], relevance->host, false);
    free(relevance->needed.object);
    free(relevance->host);
    free(relevance);
}

bool df_relevance_is_bound(const struct df_relevance *relevance, const Df__LogicalPort *lport)
{
    const Df__PortBinding *binding = lport->binding;
    return binding && binding->type && binding->chassis && strcmp(binding->type, "chassis") == 0 &&
           strcmp(binding->chassis, relevance->host) == 0;
}

bool df_relevance_is_local(const struct df_relevance *relevance, const Df__LogicalPort *lport)
{
    return df_relevance_is_bound(relevance, lport) && (!lport->has_enabled || lport->enabled);
}

/* ---- What a change asks for */

/* The port, if its traffic is judged by security groups on this node; or NULL. */
static const Df__LogicalPort *filtered(const struct df_relevance *relevance, const Df__LogicalPort *lport)
{
    bool port_security = lport && (!lport->has_port_security_enabled || lport->port_security_enabled);
    return port_security && df_relevance_is_bound(relevance, lport) ? lport : NULL;
}

/* The network that a port makes this node need, or NULL. */
static const char *local_network(const struct df_relevance *relevance, const Df__LogicalPort *lport)
{
    return lport && df_relevance_is_local(relevance, lport) ? lport->lswitch : NULL;
}

static void count_port(struct df_relevance *relevance, const char *lswitch, int by)
{
    if (!lswitch)
        return;
    struct df_object *network = df_store_want(relevance->store, DF_NB_LSWITCH, lswitch);
    uint32_t before = network->local_ports;
    network->local_ports += (uint32_t)by;
    if (!before != !network->local_ports)
        relevance->stale = true;
    df_object_trim(network);
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool leads(const Df__LogicalRouter *router)
{
    return router && (!router->has_enabled || router->enabled);
}

static bool same_networks(const Df__LogicalRouter *a, const Df__LogicalRouter *b)
{
    if (leads(a) != leads(b))
        return false;
    if (!leads(a))
        return true;
    if (a->n_ports != b->n_ports)
        return false;
    for (size_t i = 0; i < a->n_ports; i++)
        if (!same_text(a->ports[i]->lswitch, b->ports[i]->lswitch))
            return false;
    return true;
}

/* What the new port needs is counted first: what both need is not unneeded in between. */
static void lport_changes(struct df_relevance *relevance, const Df__LogicalPort *old, const Df__LogicalPort *new)
{
    df_groups_count_port(relevance->store, filtered(relevance, new), 1);
    df_groups_count_port(relevance->store, filtered(relevance, old), -1);
    df_places_change(relevance->store, relevance->host, old, new);
    const char *from = local_network(relevance, old);
    const char *to = local_network(relevance, new);
    if (same_text(from, to))
        return;
    count_port(relevance, to, 1);
    count_port(relevance, from, -1);
}

static uint32_t key_of(const Df__LogicalSwitch *lswitch)
{
    return lswitch ? lswitch->unique_key : 0;
}

static void lswitch_changes(struct df_relevance *relevance, const Df__LogicalSwitch *old, const Df__LogicalSwitch *new)
{
    const struct df_object *network = df_store_find(relevance->store, DF_NB_LSWITCH, new ? new->id : old->id);
    if (network && network->needed && key_of(old) != key_of(new))
        relevance->stale = true;
}

/* Is it something that the node's own ports are made of? Whose groups a port has is not known before the port. */
static bool is_own(const struct df_relevance *relevance, enum df_nb_table table, const ProtobufCMessage *message)
{
    if (message && table == DF_NB_LPORT)
        return df_relevance_is_bound(relevance, (const Df__LogicalPort *)message);
    return table == DF_NB_SECGROUP;
}

void df_relevance_changes(struct df_relevance *relevance, enum df_nb_table table, const ProtobufCMessage *old,
                          const ProtobufCMessage *new)
{
    relevance->moves += is_own(relevance, table, old) || is_own(relevance, table, new);
    if (table == DF_NB_LPORT)
        lport_changes(relevance, (const Df__LogicalPort *)old, (const Df__LogicalPort *)new);
    else if (table == DF_NB_SECGROUP)
        df_groups_rules_change(relevance->store, (const Df__SecurityGroup *)old, (const Df__SecurityGroup *)new);
    else if (table == DF_NB_LSWITCH)
        lswitch_changes(relevance, (const Df__LogicalSwitch *)old, (const Df__LogicalSwitch *)new);
    else if (table == DF_NB_LROUTER && !same_networks((const Df__LogicalRouter *)old, (const Df__LogicalRouter *)new))
        relevance->stale = true;
}

/* ---- The search */

static void reach(struct df_relevance *relevance, struct found *found, struct df_object *object)
{
    if (!object || object->reached == relevance->search)
        return;
    object->reached = relevance->search;
    if (found->n == found->room) {
        found->room = found->room ? 2 * found->room : 64;
        found->object = df_realloc(found->object, found->room * sizeof(struct df_object *));
    }
    found->object[found->n++] = object;
}

static void reach_routers(struct df_relevance *relevance, struct found *found, struct df_object *network)
{
    size_t n;
    struct df_referrers *routers = df_object_referrers(network, DF_NB_LROUTER, "ports.lswitch");
    struct df_object *const *router = df_referrers_sorted(routers, &n);
    for (size_t i = 0; i < n; i++)
        if (leads((const Df__LogicalRouter *)router[i]->message))
            reach(relevance, found, router[i]);
}

static void reach_networks(struct df_relevance *relevance, struct found *found, const struct df_object *router)
{
    const Df__LogicalRouter *message = (const Df__LogicalRouter *)router->message;
    for (size_t i = 0; i < message->n_ports; i++)
        if (message->ports[i]->lswitch)
            reach(relevance, found, df_store_find(relevance->store, DF_NB_LSWITCH, message->ports[i]->lswitch));
}

static void set_domain(struct df_object *network, uint32_t domain)
{
    if (network->domain_key == domain)
        return;
    network->domain_key = domain;
    df_watched_fire(&network->domain);
}

/* All that is connected to the network. */
static void reach_domain(struct df_relevance *relevance, struct found *found, struct df_object *network)
{
    uint32_t domain = 0;
    size_t first = found->n;
    reach(relevance, found, network);
    for (size_t i = first; i < found->n; i++) {
        struct df_object *object = found->object[i];
        if (object->table == DF_NB_LROUTER) {
            reach_networks(relevance, found, object);
            continue;
        }
        reach_routers(relevance, found, object);
        if (object->unique_key && (!domain || object->unique_key < domain))
            domain = object->unique_key;
    }
    for (size_t i = first; i < found->n; i++)
        if (found->object[i]->table == DF_NB_LSWITCH)
            set_domain(found->object[i], domain);
}

struct seeding {
    struct df_relevance *relevance;
    struct found *found;
};

static void seed(struct df_object *network, void *arg)
{
    struct seeding *seeding = arg;
    if (network->local_ports && network->reached != seeding->relevance->search)
        reach_domain(seeding->relevance, seeding->found, network);
}

static void set_needed(struct df_object *object, bool needed)
{
    if (object->needed == needed)
        return;
    object->needed = needed;
    df_watched_fire(&object->needed_by);
}

/* Only what a local port sends goes elsewhere by broadcast. */
static void keep_places(const struct df_relevance *relevance, struct df_object *object)
{
    bool has_local_port = object->table == DF_NB_LSWITCH && object->local_ports != 0;
    df_places_keep(object, relevance->host, has_local_port);
}

void df_relevance_update(struct df_relevance *relevance)
{
    struct found found = {0}, before = relevance->needed;
    struct seeding seeding = {relevance, &found};
    if (!relevance->stale)
        return;
    relevance->stale = false;
    relevance->moves++;
    relevance->search++;
    df_store_each(relevance->store, DF_NB_LSWITCH, seed, &seeding);
    relevance->needed = found;
    for (size_t i = 0; i < found.n; i++) {
        set_needed(found.object[i], true);
        keep_places(relevance, found.object[i]);
    }
    for (size_t i = 0; i < before.n; i++) {
        struct df_object *object = before.object[i];
        if (object->reached == relevance->search)
            continue;
        set_needed(object, false);
        keep_places(relevance, object);
        set_domain(object, 0);
        df_object_trim(object);
    }
    free(before.object);
}

/* ---- From scratch */

static void forget_count(struct df_object *network, void *arg)
{
    struct df_relevance *relevance = arg;
    network->local_ports = 0;
    df_places_keep(network, relevance->host, false);
}

static void count_again(struct df_object *object, void *arg)
{
    struct df_relevance *relevance = arg;
    const Df__LogicalPort *lport = (const Df__LogicalPort *)object->message;
    count_port(relevance, local_network(relevance, lport), 1);
    df_groups_count_port(relevance->store, filtered(relevance, lport), 1);
}

static void trim(struct df_object *object, void *arg)
{
    (void)arg;
    df_object_trim(object);
}

void df_relevance_recount(struct df_relevance *relevance)
{
    df_store_each(relevance->store, DF_NB_LSWITCH, forget_count, relevance);
    df_groups_forget(relevance->store);
    df_store_each(relevance->store, DF_NB_LPORT, count_again, relevance);
    df_store_each(relevance->store, DF_NB_LSWITCH, trim, NULL);
    df_groups_trim(relevance->store);
    relevance->stale = true;
    df_relevance_update(relevance);
}

uint64_t df_relevance_moves(const struct df_relevance *relevance)
{
    return relevance->moves;
}

size_t df_relevance_count(const struct df_relevance *relevance, enum df_nb_table table)
{
    size_t n = 0;
    for (size_t i = 0; i < relevance->needed.n; i++)
        n += relevance->needed.object[i]->table == table;
    return n;
}
