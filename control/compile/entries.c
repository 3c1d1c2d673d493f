/* SPDX-License-Identifier: Apache-2.0 */
#include "control/compile/entries.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

#include "control/log.h"
#include "control/model/alloc.h"
#include "fastpath/rcu.h"

struct df_origin_held {
    struct df_origin origin;
    size_t holders; /* the unit, and each emission */
    struct rcu_head rcu;
};

struct slot_key {
    uint16_t table;
    uint16_t key_len;
    uint8_t key[DF_KEY_MAX];
};

/* What becomes of one (table, key). */
struct slot {
    UT_hash_handle hh;
    struct df_emission **candidate; /* best first; &only while there is room for one */
    struct df_emission *only;
    uint32_t n, room;
    struct df_emission *in_force;
    char *refused;            /* why the datapath does not take the winner, or NULL */
    struct slot *prev, *next; /* touched since the last commit */
    bool touched;
    bool failed; /* in the commit that goes on */
    struct slot_key key;
};

/* One candidate. It is freed when it is neither wanted nor in force. */
struct df_emission {
    struct df_emission *next; /* of the unit */
    struct slot *slot;
    struct df_unit *unit; /* NULL: not wanted any more */
    struct df_origin_held *origin;
    unsigned rank;
    bool stale; /* of the compile before this one */
    uint32_t value_len;
    uint8_t value[];
};

struct df_entries {
    struct slot *slots;
    struct slot *touched;
    size_t refused;
    size_t unlogged; /* refusals of this commit beyond those that were logged */
    size_t logged;
};

/* A table that is full refuses thousands. */
#define LOG_MAX 8

struct df_entries *df_entries_new(void)
{
    return df_alloc(sizeof(struct df_entries));
}

/* ---- Origins */

static void origin_free(struct rcu_head *head)
{
    free(caa_container_of(head, struct df_origin_held, rcu));
}

static void origin_release(struct df_origin_held *origin)
{
    if (origin && --origin->holders == 0)
        df_rcu_call(&origin->rcu, origin_free);
}

static struct df_origin_held *origin_of(struct df_unit *unit)
{
    if (!unit->origin) {
        struct df_origin_held *held = df_alloc(sizeof(*held));
        struct df_origin *origin = &held->origin;
        origin->app = unit->rule->app->name;
        origin->table = df_schema_table(unit->object->table)->name;
        memcpy(origin->id, unit->object->id, strnlen(unit->object->id, sizeof(origin->id) - 1));
        held->holders = 1;
        unit->origin = held;
    }
    /* Read by traces on this thread only, so a plain store does. */
    unit->origin->origin.version = unit->object->version;
    return unit->origin;
}

/* ---- Slots */

static struct slot *slot_want(struct df_entries *entries, uint16_t table, const void *key, uint16_t key_len)
{
    struct slot_key wanted = {.table = table, .key_len = key_len};
    struct slot *slot;
    memcpy(wanted.key, key, key_len);
    unsigned len = (unsigned)(offsetof(struct slot_key, key) + key_len);
    /* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult,clang-analyzer-core.uninitialized.Assign) */
    HASH_FIND(hh, entries->slots, &wanted, len, slot); /* all of wanted is set */
    if (slot)
        return slot;
    slot = df_alloc(sizeof(*slot));
    slot->key = wanted;
    slot->candidate = &slot->only;
    slot->room = 1;
    HASH_ADD_KEYPTR(hh, entries->slots, &slot->key, len, slot);
    return slot;
}

static void touch(struct df_entries *entries, struct slot *slot)
{
    if (slot->touched)
        return;
    slot->touched = true;
    DL_APPEND(entries->touched, slot);
}

static void set_refused(struct df_entries *entries, struct slot *slot, const char *why)
{
    entries->refused += (why != NULL) - (slot->refused != NULL);
    char *text = df_strdup(why);
    free(slot->refused);
    slot->refused = text;
}

static void slot_free(struct df_entries *entries, struct slot *slot)
{
    HASH_DEL(entries->slots, slot);
    set_refused(entries, slot, NULL);
    if (slot->candidate != &slot->only)
        free(slot->candidate);
    free(slot);
}

static struct df_emission *winner(const struct slot *slot)
{
    return slot->n ? slot->candidate[0] : NULL;
}

/* ---- Candidates */

/* Who wins between units at one rank; never 0 for two units. */
static int compare_units(const struct df_unit *a, const struct df_unit *b)
{
    if (a == b)
        return 0;
    if (a->object->table != b->object->table)
        return a->object->table < b->object->table ? -1 : 1;
    int ids = strcmp(a->object->id, b->object->id);
    if (ids != 0)
        return ids;
    return a->rule->order < b->rule->order ? -1 : 1;
}

/* Where the unit's candidate of that rank is, or would be. */
static uint32_t place(const struct slot *slot, unsigned rank, const struct df_unit *unit, bool *found)
{
    uint32_t low = 0, high = slot->n;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct df_emission *other = slot->candidate[middle];
        int order = rank != other->rank ? (rank < other->rank ? -1 : 1) : compare_units(unit, other->unit);
        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    *found = false;
    return low;
}

static void slot_grow(struct slot *slot)
{
    if (slot->n < slot->room)
        return;
    struct df_emission **old = slot->candidate == &slot->only ? NULL : slot->candidate;
    slot->candidate = df_realloc(old, 2 * slot->room * sizeof(*slot->candidate));
    if (!old)
        slot->candidate[0] = slot->only;
    slot->room *= 2;
}

static void slot_insert(struct slot *slot, uint32_t at, struct df_emission *emission)
{
    slot_grow(slot);
    memmove(&slot->candidate[at + 1], &slot->candidate[at], (slot->n - at) * sizeof(*slot->candidate));
    slot->candidate[at] = emission;
    slot->n++;
}

static void slot_remove(struct slot *slot, const struct df_emission *emission)
{
    bool found;
    uint32_t at = place(slot, emission->rank, emission->unit, &found);
    if (!found || slot->candidate[at] != emission)
        return; /* replaced by a later value */
    slot->n--;
    memmove(&slot->candidate[at], &slot->candidate[at + 1], (slot->n - at) * sizeof(*slot->candidate));
}

static void emission_free(struct df_emission *emission)
{
    origin_release(emission->origin);
    free(emission);
}

/* No longer wanted; what is in force is kept for df_entries_committed(). */
static void withdraw(struct df_entries *entries, struct df_emission *emission)
{
    struct slot *slot = emission->slot;
    slot_remove(slot, emission);
    touch(entries, slot);
    emission->unit = NULL;
    if (slot->in_force != emission)
        emission_free(emission);
}

static struct df_emission *emission_new(struct df_unit *unit, struct slot *slot, unsigned rank, const void *value,
                                        uint32_t value_len)
{
    struct df_emission *emission = df_alloc(sizeof(*emission) + value_len);
    emission->slot = slot;
    emission->unit = unit;
    emission->origin = origin_of(unit);
    emission->origin->holders++;
    emission->rank = rank;
    emission->value_len = value_len;
    if (value_len)
        memcpy(emission->value, value, value_len);
    LL_PREPEND(unit->emitted, emission);
    return emission;
}

static bool same_value(const struct df_emission *a, const void *value, uint32_t value_len)
{
    return a->value_len == value_len && (value_len == 0 || memcmp(a->value, value, value_len) == 0);
}

void df_entries_begin(struct df_unit *unit)
{
    for (struct df_emission *emission = unit->emitted; emission; emission = emission->next)
        emission->stale = true;
}

void df_entries_emit(struct df_entries *entries, struct df_unit *unit, unsigned rank, uint16_t table, const void *key,
                     uint16_t key_len, const void *value, uint32_t value_len)
{
    struct slot *slot = slot_want(entries, table, key, key_len);
    bool found;
    uint32_t at = place(slot, rank, unit, &found);
    if (!found) {
        slot_insert(slot, at, emission_new(unit, slot, rank, value, value_len));
        touch(entries, slot);
        return;
    }
    struct df_emission *old = slot->candidate[at];
    bool again = !old->stale;
    old->stale = false;
    if (again || same_value(old, value, value_len))
        return;
    /* The place in the list stays, what stands there is another. */
    slot->candidate[at] = emission_new(unit, slot, rank, value, value_len);
    touch(entries, slot);
    old->stale = true;
}

void df_entries_end(struct df_entries *entries, struct df_unit *unit)
{
    struct df_emission **at = &unit->emitted;
    while (*at) {
        struct df_emission *emission = *at;
        if (!emission->stale) {
            at = &emission->next;
            continue;
        }
        *at = emission->next;
        withdraw(entries, emission);
    }
    if (unit->origin)
        unit->origin->origin.version = unit->object->version;
    if (!unit->object->message)
        df_entries_forget(unit);
}

void df_entries_forget(struct df_unit *unit)
{
    origin_release(unit->origin);
    unit->origin = NULL;
}

/* ---- Commit */

static struct df_entry entry_of(const struct slot *slot, const struct df_emission *emission)
{
    struct df_entry entry = {
        .table = slot->key.table,
        .key_len = slot->key.key_len,
        .value_len = emission->value_len,
        .value = emission->value,
        .origin = &emission->origin->origin,
    };
    memcpy(entry.key, slot->key.key, sizeof(entry.key));
    return entry;
}

static bool differs(const struct df_emission *wanted, const struct df_emission *in_force)
{
    if (wanted == in_force)
        return false;
    if (!wanted || !in_force || wanted->origin != in_force->origin)
        return true;
    return !same_value(wanted, in_force->value, in_force->value_len);
}

struct df_txn *df_entries_changes(struct df_entries *entries)
{
    struct df_txn *txn = NULL;
    struct slot *slot;
    DL_FOREACH(entries->touched, slot) {
        struct df_emission *wanted = winner(slot);
        if (!differs(wanted, slot->in_force))
            continue;
        if (!txn)
            txn = df_txn_new();
        struct df_entry entry = entry_of(slot, wanted ? wanted : slot->in_force);
        if (wanted)
            df_txn_put(txn, &entry);
        else
            df_txn_del(txn, &entry);
    }
    return txn;
}

static void log_refusal(struct df_entries *entries, const struct df_entry *entry, const char *why)
{
    const struct df_origin *origin = entry->origin;
    if (entries->logged == LOG_MAX) {
        entries->unlogged++;
        return;
    }
    entries->logged++;
    df_log(DF_LOG_ERROR, "%s '%s': %s: the datapath refuses its entry in table %u: %s", origin->table, origin->id,
           origin->app, entry->table, why);
}

void df_entries_failed(const struct df_entry *entry, const struct df_error *error, void *arg)
{
    struct df_entries *entries = arg;
    struct slot *slot = slot_want(entries, entry->table, entry->key, entry->key_len);
    slot->failed = true;
    if (slot->refused && strcmp(slot->refused, error->text) == 0)
        return;
    log_refusal(entries, entry, error->text);
    set_refused(entries, slot, error->text);
}

/* A delete that failed found nothing to delete; a put that failed left what was there. */
static void settle(struct df_entries *entries, struct slot *slot)
{
    struct df_emission *old = slot->in_force;
    struct df_emission *wanted = winner(slot);
    if (!slot->failed || !wanted) {
        set_refused(entries, slot, NULL);
        slot->in_force = wanted;
        if (old && old != wanted && !old->unit)
            emission_free(old);
    }
    slot->failed = false;
    if (slot->n == 0 && !slot->in_force)
        slot_free(entries, slot);
}

void df_entries_committed(struct df_entries *entries)
{
    struct slot *slot, *next;
    DL_FOREACH_SAFE(entries->touched, slot, next) {
        DL_DELETE(entries->touched, slot);
        slot->touched = false;
        settle(entries, slot);
    }
    if (entries->unlogged)
        df_log(DF_LOG_ERROR, "the datapath refuses %zu entries more", entries->unlogged);
    entries->unlogged = 0;
    entries->logged = 0;
}

size_t df_entries_refused(const struct df_entries *entries)
{
    return entries->refused;
}

void df_entries_retry(struct df_entries *entries)
{
    for (struct slot *slot = entries->slots; slot; slot = slot->hh.next)
        if (slot->refused)
            touch(entries, slot);
}

const char *df_entries_refusal(const struct df_unit *unit)
{
    for (const struct df_emission *emission = unit->emitted; emission; emission = emission->next)
        if (emission->slot->refused && winner(emission->slot) == emission)
            return emission->slot->refused;
    return NULL;
}

void df_entries_free(struct df_entries *entries)
{
    struct slot *slot, *next;
    HASH_ITER(hh, entries->slots, slot, next) {
        slot->n = 0;
        if (slot->in_force)
            emission_free(slot->in_force);
        slot_free(entries, slot);
    }
    free(entries);
}
