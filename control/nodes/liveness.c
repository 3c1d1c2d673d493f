/* SPDX-License-Identifier: Apache-2.0 */
#include "control/nodes/liveness.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "control/log.h"
#include "control/model/alloc.h"

static_assert(DF_LIVENESS_TTL_S * 4000 / 3 + DF_LIVENESS_GRACE_MS < 10000, "ten seconds are promised");

/* A node that holds its lease, or did. */
struct node {
    UT_hash_handle hh;
    char *owner;       /* NULL: nobody holds it */
    uint64_t since_ms; /* since when that is so */
    bool told;         /* in the snapshot under way */
    bool stranger;     /* there was no chassis row when it was last looked */
    char host[];
};

struct df_liveness {
    struct df_store *store;
    char *host;
    struct node *nodes;
    size_t n_strangers;
    uint64_t ignored; /* leases of more strangers */
    bool away;
    uint64_t back_ms; /* until then a missing lease means nothing */
    int64_t next_ms;
    bool stale;
};

struct df_liveness *df_liveness_new(struct df_store *store, const char *host)
{
    struct df_liveness *liveness = df_alloc(sizeof(*liveness));
    liveness->store = store;
    liveness->host = df_strdup(host);
    liveness->next_ms = -1;
    return liveness;
}

static struct node *find(const struct df_liveness *liveness, const char *host)
{
    struct node *node;
    HASH_FIND_STR(liveness->nodes, host, node);
    return node;
}

/* One that is not there yet was lost just now. */
static struct node *want(struct df_liveness *liveness, const char *host, uint64_t now_ms)
{
    struct node *node = find(liveness, host);
    if (node)
        return node;
    size_t len = strlen(host) + 1;
    node = df_alloc(sizeof(*node) + len);
    memcpy(node->host, host, len);
    node->since_ms = now_ms;
    HASH_ADD_STR(liveness->nodes, host, node);
    return node;
}

/* ---- Those of whom there is no chassis row */

static bool has_chassis(const struct df_liveness *liveness, const char *host)
{
    const struct df_object *chassis = df_store_find(liveness->store, DF_NB_CHASSIS, host);
    return chassis && chassis->message;
}

static void set_stranger(struct df_liveness *liveness, struct node *node, bool stranger)
{
    if (stranger != node->stranger)
        liveness->n_strangers += stranger ? 1 : (size_t)-1;
    node->stranger = stranger;
}

static void forget(struct df_liveness *liveness, struct node *node)
{
    set_stranger(liveness, node, false);
    HASH_DEL(liveness->nodes, node);
    free(node->owner);
    free(node);
}

void df_liveness_free(struct df_liveness *liveness)
{
    struct node *node, *next;
    if (!liveness)
        return;
    HASH_ITER(hh, liveness->nodes, node, next)
        forget(liveness, node);
    free(liveness->host);
    free(liveness);
}

/* Lease names are what others wrote: those that no row speaks of must not fill the memory. */
static void forget_strangers(struct df_liveness *liveness)
{
    struct node *node, *next;
    HASH_ITER(hh, liveness->nodes, node, next) {
        set_stranger(liveness, node, !has_chassis(liveness, node->host));
        if (node->stranger && !node->owner)
            forget(liveness, node);
    }
}

static bool is_one_too_many(struct df_liveness *liveness, const char *host)
{
    if (liveness->n_strangers < DF_LIVENESS_STRANGERS_MAX || find(liveness, host) || has_chassis(liveness, host))
        return false;
    if (liveness->ignored++ == 0)
        df_log(DF_LOG_WARNING,
               "lease " DF_LIVENESS_LEASE
               "%s and others are ignored: %d hosts that are no chassis hold one: who writes "
               "them?",
               host, DF_LIVENESS_STRANGERS_MAX);
    return true;
}

uint64_t df_liveness_ignored(const struct df_liveness *liveness)
{
    return liveness->ignored;
}

/* ---- What the database tells */

static void lose(struct df_liveness *liveness, struct node *node, uint64_t now_ms)
{
    if (!node->owner)
        return;
    free(node->owner);
    node->owner = NULL;
    node->since_ms = now_ms;
    liveness->stale = true;
}

static void take_lease(struct df_liveness *liveness, const struct df_nb_change *change, uint64_t now_ms)
{
    size_t prefix = strlen(DF_LIVENESS_LEASE);
    if (strncmp(change->id, DF_LIVENESS_LEASE, prefix) != 0)
        return;
    const char *host = change->id + prefix;
    struct node *node = find(liveness, host);
    bool held = change->event == DF_NB_LEASE_HELD;
    if (node) {
        node->told = node->told || held;
        if (held && node->owner && strcmp(node->owner, change->owner) == 0)
            return;
        lose(liveness, node, now_ms);
    }
    if (!held || is_one_too_many(liveness, host))
        return;
    node = want(liveness, host, now_ms);
    if (!has_chassis(liveness, host))
        set_stranger(liveness, node, true);
    node->owner = df_strdup(change->owner);
    node->told = true;
    node->since_ms = now_ms;
    liveness->stale = true;
}

static void begin_snapshot(struct df_liveness *liveness)
{
    for (struct node *node = liveness->nodes; node; node = node->hh.next)
        node->told = false;
}

static void end_snapshot(struct df_liveness *liveness, uint64_t now_ms)
{
    for (struct node *node = liveness->nodes; node; node = node->hh.next)
        if (!node->told)
            lose(liveness, node, now_ms);
    liveness->stale = true;
}

void df_liveness_take(struct df_liveness *liveness, const struct df_nb_change *change, uint64_t now_ms)
{
    if (change->event == DF_NB_SNAPSHOT_BEGIN)
        begin_snapshot(liveness);
    else if (change->event == DF_NB_SNAPSHOT_END)
        end_snapshot(liveness, now_ms);
    else if (change->event == DF_NB_LEASE_HELD || change->event == DF_NB_LEASE_ENDED)
        take_lease(liveness, change, now_ms);
    else if (change->table == DF_NB_SERVICE || change->table == DF_NB_CHASSIS)
        liveness->stale = true;
}

void df_liveness_database(struct df_liveness *liveness, bool away, uint64_t now_ms)
{
    if (liveness->away == away)
        return;
    liveness->away = away;
    liveness->stale = true;
    if (!away)
        liveness->back_ms = now_ms + DF_LIVENESS_RETURN_MS;
}

/* ---- Who is dead */

struct settling {
    struct df_liveness *liveness;
    uint64_t now_ms;
    bool changed;
};

static void wait_until(struct df_liveness *liveness, uint64_t ms)
{
    if (liveness->next_ms < 0 || (uint64_t)liveness->next_ms > ms)
        liveness->next_ms = (int64_t)ms;
}

static bool is_dead(struct df_liveness *liveness, const char *host, uint64_t now_ms)
{
    struct node *node = want(liveness, host, now_ms);
    if (node->owner || strcmp(host, liveness->host) == 0)
        return false;
    uint64_t dies_ms = node->since_ms + DF_LIVENESS_GRACE_MS;
    if (dies_ms < liveness->back_ms)
        dies_ms = liveness->back_ms;
    if (now_ms < dies_ms)
        wait_until(liveness, dies_ms);
    return now_ms >= dies_ms;
}

/* Has a df-switchd of that chassis registered? */
static bool is_registered(struct df_object *chassis)
{
    size_t n;
    struct df_referrers *services = df_object_referrers(chassis, DF_NB_SERVICE, "chassis");
    struct df_object *const *service = df_referrers_sorted(services, &n);
    for (size_t i = 0; i < n; i++) {
        const Df__Service *message = (const Df__Service *)service[i]->message;
        if (message->binary && strcmp(message->binary, DF_LIVENESS_BINARY) == 0)
            return true;
    }
    return false;
}

static void settle_chassis(struct df_object *chassis, void *arg)
{
    struct settling *settling = arg;
    bool dead =
        chassis->message && is_registered(chassis) && is_dead(settling->liveness, chassis->id, settling->now_ms);
    if (dead == chassis->dead)
        return;
    df_log(dead ? DF_LOG_WARNING : DF_LOG_INFO, "chassis %s is %s", chassis->id,
           dead ? "dead: its df-switchd does not reach the database any more" : "alive again");
    chassis->dead = dead;
    settling->changed = true;
    df_watched_fire(&chassis->alive);
}

bool df_liveness_settle(struct df_liveness *liveness, uint64_t now_ms)
{
    struct settling settling = {.liveness = liveness, .now_ms = now_ms};
    bool due = liveness->next_ms >= 0 && (uint64_t)liveness->next_ms <= now_ms;
    if (liveness->away || (!liveness->stale && !due))
        return false;
    liveness->stale = false;
    liveness->next_ms = -1;
    df_store_each(liveness->store, DF_NB_CHASSIS, settle_chassis, &settling);
    forget_strangers(liveness);
    return settling.changed;
}

int64_t df_liveness_next_ms(const struct df_liveness *liveness)
{
    return liveness->away ? -1 : liveness->next_ms;
}

/* ---- Asking */

static enum df_liveness_state state_of(const struct df_liveness *liveness, struct df_object *chassis, bool held)
{
    if (strcmp(chassis->id, liveness->host) == 0)
        return DF_LIVENESS_SELF;
    if (chassis->dead)
        return DF_LIVENESS_DEAD;
    if (held)
        return DF_LIVENESS_ALIVE;
    return is_registered(chassis) ? DF_LIVENESS_LOST : DF_LIVENESS_UNREGISTERED;
}

void df_liveness_describe(const struct df_liveness *liveness, struct df_object *chassis, struct df_liveness_info *info)
{
    const struct node *node = find(liveness, chassis->id);
    *info = (struct df_liveness_info){.state = state_of(liveness, chassis, node && node->owner)};
    if (!node || info->state == DF_LIVENESS_UNREGISTERED)
        return;
    info->owner = node->owner;
    info->has_since = true;
    info->since_ms = node->since_ms;
}

const char *df_liveness_state_name(enum df_liveness_state state)
{
    static const char *const names[] = {"this node", "alive", "lost", "dead", "unregistered"};
    return names[state];
}

/* ---- Who buries */

/* FNV-1a: the same on every node, whatever its byte order. */
static uint64_t rank_of(const char *host, const char *dead)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (const char *text = host; text; text = text == host ? dead : NULL)
        for (const char *at = text; *at; at++)
            hash = (hash ^ (unsigned char)*at) * 0x100000001b3u;
    return hash;
}

bool df_liveness_is_undertaker(const struct df_liveness *liveness, const char *dead)
{
    uint64_t own = rank_of(liveness->host, dead);
    for (const struct node *node = liveness->nodes; node; node = node->hh.next)
        if (node->owner && strcmp(node->host, liveness->host) != 0 && rank_of(node->host, dead) > own)
            return false;
    return true;
}
