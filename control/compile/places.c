/* SPDX-License-Identifier: Apache-2.0 */
#include "control/compile/places.h"

#include <stdlib.h>
#include <string.h>

#include "control/model/alloc.h"

/* Where a port is; key is how the hash names it, NULL: nowhere else. */
struct at {
    char *key;
    const char *network;
    bool is_open;
};

static bool is(const char *text, const char *word)
{
    return text && strcmp(text, word) == 0;
}

/* "c" or "v", and the name: a chassis may be called as a vtep. */
static char *key_of(const char *host, const Df__PortBinding *binding)
{
    bool is_vtep = is(binding->type, "vtep");
    const char *where = is_vtep ? binding->vtep_address : binding->chassis;
    if (!where || !*where || (!is_vtep && strcmp(where, host) == 0))
        return NULL;
    size_t size = strlen(where) + 2;
    char *key = df_alloc(size);
    key[0] = is_vtep ? 'v' : 'c';
    memcpy(key + 1, where, size - 1);
    return key;
}

static struct at at_of(const char *host, const Df__LogicalPort *lport)
{
    if (!lport || !lport->enabled || !lport->binding || !lport->lswitch || !*lport->lswitch)
        return (struct at){0};
    return (struct at){
        .key = key_of(host, lport->binding), .network = lport->lswitch, .is_open = !lport->port_security_enabled};
}

static bool same(const struct at *a, const struct at *b)
{
    if (!a->key || !b->key)
        return a->key == b->key;
    return a->is_open == b->is_open && strcmp(a->key, b->key) == 0 && strcmp(a->network, b->network) == 0;
}

static struct df_place *find(const struct df_object *network, const char *key)
{
    struct df_place *place;
    HASH_FIND_STR(network->placed, key, place);
    return place;
}

static struct df_place *want(struct df_object *network, const char *key)
{
    struct df_place *place = find(network, key);
    if (place)
        return place;
    size_t size = strlen(key) + 1;
    place = df_alloc(sizeof(*place) + size);
    memcpy(place->key, key, size);
    place->is_vtep = key[0] == 'v';
    place->where = place->key + 1;
    HASH_ADD_STR(network->placed, key, place);
    return place;
}

static void drop(struct df_object *network, struct df_place *place)
{
    HASH_DEL(network->placed, place);
    free(place);
}

/* True: it is another set than before. */
static bool count(struct df_object *network, const struct at *at, int by)
{
    if (!at->key)
        return false;
    struct df_place *place = want(network, at->key);
    uint32_t ports = place->ports, open_ports = place->open_ports;
    place->ports += (uint32_t)by;
    place->open_ports += at->is_open ? (uint32_t)by : 0;
    bool changed = !ports != !place->ports || !open_ports != !place->open_ports;
    if (place->ports == 0)
        drop(network, place);
    return changed;
}

static void count_in(struct df_store *store, const struct at *at, int by)
{
    struct df_object *network = at->key ? df_store_find(store, DF_NB_LSWITCH, at->network) : NULL;
    if (network && network->keeps_places && count(network, at, by))
        df_watched_fire(&network->places);
}

/* What the new port is in is counted first: a place that both have does not go in between. */
void df_places_change(struct df_store *store, const char *host, const Df__LogicalPort *old, const Df__LogicalPort *new)
{
    struct at from = at_of(host, old), to = at_of(host, new);
    if (!same(&from, &to)) {
        count_in(store, &to, 1);
        count_in(store, &from, -1);
    }
    free(from.key);
    free(to.key);
}

/* ---- From scratch */

struct counting {
    struct df_object *network;
    const char *host;
};

static void count_lport(struct df_object *lport, void *arg)
{
    const struct counting *counting = arg;
    struct at at = at_of(counting->host, (const Df__LogicalPort *)lport->message);
    count(counting->network, &at, 1);
    free(at.key);
}

/* A port is of one network, and comes once. */
static void count_all(struct df_object *network, const char *host)
{
    struct counting counting = {network, host};
    df_referrers_each(df_object_referrers(network, DF_NB_LPORT, "lswitch"), count_lport, &counting);
}

void df_places_keep(struct df_object *network, const char *host, bool keep)
{
    struct df_place *place, *next;
    if (network->keeps_places == keep)
        return;
    network->keeps_places = keep;
    if (keep)
        count_all(network, host);
    if (network->placed)
        df_watched_fire(&network->places);
    if (keep)
        return;
    HASH_ITER(hh, network->placed, place, next)
        drop(network, place);
}

static int by_key(const struct df_place *a, const struct df_place *b)
{
    return strcmp(a->key, b->key);
}

const struct df_place *df_places_sorted(struct df_object *network)
{
    HASH_SORT(network->placed, by_key);
    return network->placed;
}
