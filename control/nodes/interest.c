/* SPDX-License-Identifier: Apache-2.0 */
#include "control/nodes/interest.h"

#include <stdlib.h>
#include <string.h>

#include "control/model/alloc.h"
#include "dbsync/topics.h"

struct list {
    char **topic;
    size_t n, room;
};

struct df_interest {
    struct df_store *store;
    const struct df_relevance *relevance;
    char *host;
    struct list list; /* sorted, each once */
    uint64_t moves;   /* of relevance, when it was worked out; 0: never was */
};

struct df_interest *df_interest_new(struct df_store *store, const struct df_relevance *relevance, const char *host)
{
    struct df_interest *interest = df_alloc(sizeof(*interest));
    interest->store = store;
    interest->relevance = relevance;
    interest->host = df_strdup(host);
    return interest;
}

static void list_free(struct list *list)
{
    for (size_t i = 0; i < list->n; i++)
        free(list->topic[i]);
    free(list->topic);
    *list = (struct list){0};
}

void df_interest_free(struct df_interest *interest)
{
    if (!interest)
        return;
    list_free(&interest->list);
    free(interest->host);
    free(interest);
}

static void add(struct list *list, const char *kind, const char *id)
{
    if (!id || !*id)
        return;
    char *topic = df_topic(kind, id);
    if (!topic)
        abort(); /* as df_alloc() */
    if (list->n == list->room) {
        list->room = list->room ? 2 * list->room : 64;
        list->topic = df_realloc(list->topic, list->room * sizeof(*list->topic));
    }
    list->topic[list->n++] = topic;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort_each_once(struct list *list)
{
    size_t n = 0;
    qsort(list->topic, list->n, sizeof(*list->topic), compare);
    for (size_t i = 0; i < list->n; i++) {
        if (n > 0 && strcmp(list->topic[n - 1], list->topic[i]) == 0)
            free(list->topic[i]);
        else
            list->topic[n++] = list->topic[i];
    }
    list->n = n;
}

/* ---- What is needed */

struct search {
    struct df_interest *interest;
    struct list list;
};

static void add_network(struct df_object *network, void *arg)
{
    struct search *search = arg;
    if (network->needed || network->local_ports)
        add(&search->list, "network", network->id);
}

static void add_address_groups(struct search *search, const Df__SecurityGroup *group)
{
    for (size_t i = 0; i < group->n_rules; i++)
        add(&search->list, "address_group", group->rules[i]->remote_address_group_id);
}

static void add_local_port(struct search *search, const Df__LogicalPort *lport)
{
    struct df_store *store = search->interest->store;
    add(&search->list, "project", lport->topic);
    add(&search->list, "network", lport->lswitch);
    add(&search->list, "qospolicy", lport->qos_policy);
    for (size_t i = 0; i < lport->n_security_groups; i++) {
        const struct df_object *group = df_store_find(store, DF_NB_SECGROUP, lport->security_groups[i]);
        add(&search->list, "secgroup", lport->security_groups[i]);
        if (group && group->message)
            add_address_groups(search, (const Df__SecurityGroup *)group->message);
    }
}

static void add_if_bound(struct df_object *port, void *arg)
{
    struct search *search = arg;
    const Df__LogicalPort *lport = (const Df__LogicalPort *)port->message;
    if (lport && df_relevance_is_bound(search->interest->relevance, lport))
        add_local_port(search, lport);
}

/* The ports that are bound to this node are those that refer to its chassis. */
static void each_port(const struct df_interest *interest, void (*cb)(struct df_object *port, void *arg), void *arg)
{
    struct df_object *chassis = df_store_want(interest->store, DF_NB_CHASSIS, interest->host);
    size_t n;
    struct df_referrers *ports = df_object_referrers(chassis, DF_NB_LPORT, "binding.chassis");
    struct df_object *const *port = df_referrers_sorted(ports, &n);
    for (size_t i = 0; i < n; i++)
        cb(port[i], arg);
    df_object_trim(chassis);
}

struct count {
    const struct df_relevance *relevance;
    size_t n;
};

static void count_if_bound(struct df_object *port, void *arg)
{
    struct count *count = arg;
    const Df__LogicalPort *lport = (const Df__LogicalPort *)port->message;
    count->n += lport && df_relevance_is_bound(count->relevance, lport);
}

bool df_interest_has_port(const struct df_interest *interest)
{
    struct count count = {.relevance = interest->relevance};
    each_port(interest, count_if_bound, &count);
    return count.n > 0;
}

static bool has_all(const struct list *list, const struct list *of)
{
    for (size_t i = 0; i < of->n; i++)
        if (!bsearch(&of->topic[i], list->topic, list->n, sizeof(*list->topic), compare))
            return false;
    return true;
}

const char *const *df_interest_update(struct df_interest *interest, size_t *n, bool *less)
{
    struct search search = {.interest = interest};
    uint64_t moves = df_relevance_moves(interest->relevance) + 1;
    if (moves == interest->moves)
        return NULL;
    interest->moves = moves;
    add(&search.list, "chassis", interest->host);
    each_port(interest, add_if_bound, &search);
    df_store_each(interest->store, DF_NB_LSWITCH, add_network, &search);
    sort_each_once(&search.list);
    bool has_old = has_all(&search.list, &interest->list);
    if (has_old && search.list.n == interest->list.n) {
        list_free(&search.list);
        return NULL;
    }
    *less = *less || !has_old;
    list_free(&interest->list);
    interest->list = search.list;
    *n = interest->list.n;
    return (const char *const *)interest->list.topic;
}
