/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/tables/address_set.h"

#include <errno.h>

#include "fastpath/lookup/route_groups.h"
#include "fastpath/tables/builtin.h"

/*
 * The addresses of remote groups and address groups.
 *
 * Invariant: a single address is an entry of its own, in force at once, with a stamp of its own and one that it shares
 * with the same address in all sets: a member that joins a set of 100,000 is one entry, and concerns only decisions
 * about its address. Prefixes are compiled per set and domain (route_groups.h), and all share one stamp beside those.
 *
 * No packet walks through this table: the rules of security groups ask it.
 */

#define ID_SIZE offsetof(struct df_address_set_key, prefix_len)
_Static_assert(offsetof(struct df_address_set_key, set) == 0 &&
                   offsetof(struct df_address_set_key, domain) == sizeof(uint32_t) && ID_SIZE == 2 * sizeof(uint32_t) &&
                   offsetof(struct df_address_set_key, ip) == ID_SIZE + offsetof(struct df_route_key, prefix),
               "keys are those of route_groups.h");

#define SINGLE 128 /* prefix_len of a single address */

/* ---- stamps */

static uint32_t mark_of(uint64_t hash)
{
    return df_stamp_mark(DF_TABLE_ADDRESS_SET, hash);
}

static uint32_t mark_in_any_set(const struct df_ip *ip)
{
    return mark_of(df_hash_bytes(ip, sizeof(*ip)));
}

/* No set has the number 0. */
static uint32_t mark_of_any_prefix(void)
{
    return mark_of(df_id_hash(df_route_id(0, 0)));
}

/* ---- control thread */

static int init(void **state, const struct df_table_ops *ops, uint32_t max)
{
    *state = df_route_groups_new(&ops->desc, max);
    return *state != NULL ? 0 : -ENOMEM;
}

/* The address has been published or taken out: tell the caches, and only then let go of its predecessor. */
static void address_changed(const struct df_entry *entry, uint64_t hash, struct df_entry_node *old)
{
    df_stamps_bump(mark_of(hash));
    df_stamps_bump(mark_in_any_set(&df_route_key(entry)->prefix));
    df_entry_node_retire(old);
}

static int put(void *state, const struct df_entry *entry)
{
    struct df_route_groups *sets = state;
    struct df_entry_node *old;
    if (!df_table_entry_fits(&df_table_address_set.desc, entry) || !df_route_key_is_good(df_route_key(entry)))
        return -EINVAL;
    if (df_route_key(entry)->bits != SINGLE)
        return df_route_groups_put(sets, entry);
    uint64_t hash = df_hash_bytes(entry->key, entry->key_len);
    int rc = df_entry_map_put(&sets->groups->entries, entry, hash, NULL, &old);
    if (rc == 0)
        address_changed(entry, hash, old);
    return rc;
}

static int del(void *state, const struct df_entry *entry)
{
    struct df_route_groups *sets = state;
    struct df_entry_node *old;
    if (entry->key_len != sizeof(struct df_address_set_key))
        return -ENOENT;
    if (df_route_key(entry)->bits != SINGLE)
        return df_route_groups_del(sets, entry);
    uint64_t hash = df_hash_bytes(entry->key, entry->key_len);
    int rc = df_entry_map_del(&sets->groups->entries, entry, hash, &old);
    if (rc == 0)
        address_changed(entry, hash, old);
    return rc;
}

/* From here on all prefixes that are due are in force, or those that could be compiled. */
static int flush(void *state)
{
    const struct df_route_groups *sets = state;
    bool due = sets->groups->due != NULL;
    int rc = df_route_groups_flush(state);
    if (due)
        df_stamps_bump(mark_of_any_prefix());
    return rc;
}

/* ---- workers */

static const struct df_entry *find_single(const struct df_route_groups *sets, struct df_stamps *stamps,
                                          const struct df_address_set_key *key)
{
    uint64_t hash = df_hash_bytes(key, sizeof(*key));
    if (stamps != NULL)
        df_stamps_add(stamps, mark_of(hash));
    const struct df_entry_node *node = df_entry_map_find(&sets->groups->entries, key, hash);
    return node != NULL ? &node->entry : NULL;
}

/* stamps: where what the answer depends on is recorded, or NULL. */
static bool has(struct df_walk *walk, struct df_stamps *stamps, uint32_t set, uint32_t domain, const struct df_ip *ip)
{
    const struct df_table *table = df_table(DF_TABLE_ADDRESS_SET);
    const struct df_route_groups *sets = table->state;
    const struct df_address_set_key key = {.set = set, .domain = domain, .prefix_len = SINGLE, .ip = *ip};
    const struct df_entry *entry = find_single(sets, stamps, &key);
    if (entry == NULL)
        entry = df_route_groups_find(sets, stamps, df_route_id(set, domain), ip, df_ip_is4(ip));
    if (walk->trace != NULL)
        walk->trace->lookup(walk->trace, table, &key, sizeof(key), entry);
    return entry != NULL;
}

bool df_address_set_has(struct df_walk *walk, uint32_t set, uint32_t domain, const struct df_ip *ip)
{
    return has(walk, NULL, set, domain, ip);
}

bool df_address_set_depend(struct df_walk *walk, uint32_t set, uint32_t domain, const struct df_ip *ip)
{
    return has(walk, &walk->stamps, set, domain, ip);
}

void df_address_sets_depend(struct df_walk *walk, const struct df_ip *ip)
{
    df_stamps_add(&walk->stamps, mark_in_any_set(ip));
    df_stamps_add(&walk->stamps, mark_of_any_prefix());
}

/* Nothing leads here. */
static uint16_t decide(void *state, struct df_walk *walk)
{
    (void)state;
    return df_walk_drop(walk, DF_DROP_LOOP);
}

static const struct df_field key_fields[] = {
    DF_FIELD(df_address_set_key, set, DF_FIELD_UINT),
    DF_FIELD(df_address_set_key, domain, DF_FIELD_UINT),
    DF_FIELD_LEN(df_address_set_key, ip, prefix_len),
    DF_FIELD_END,
};

static const struct df_field value_fields[] = {
    DF_FIELD(df_address_set_value, lport, DF_FIELD_UINT),
    DF_FIELD_END,
};

const struct df_table_ops df_table_address_set = {
    .desc = {.number = DF_TABLE_ADDRESS_SET,
             .name = "address_set",
             .upstream = "ADDRESS_SET",
             .summary = "the addresses of remote groups and address groups",
             .key_size = sizeof(struct df_address_set_key),
             .value_size = sizeof(struct df_address_set_value),
             .order = DF_ORDER_ADDRESS_SET,
             .key_fields = key_fields,
             .value_fields = value_fields},
    .init = init,
    .fini = df_route_groups_free,
    .put = put,
    .del = del,
    .flush = flush,
    .for_each = df_route_groups_for_each,
    .count = df_route_groups_count,
    .decide = decide,
};
