/* SPDX-License-Identifier: Apache-2.0 */
#include "control/datapath/null.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "control/model/alloc.h"

#define PORTS_MAX 1024

struct null_key {
    uint16_t table;
    uint16_t key_len;
    uint8_t key[DF_KEY_MAX];
};

struct null_entry {
    UT_hash_handle hh;
    struct null_key key;
    struct df_entry entry;
    uint8_t value[];
};

struct null_datapath {
    struct df_datapath base;
    struct null_entry *entries;
    uint32_t count[DF_TABLE_MAX + 1];
    bool port[PORTS_MAX];
};

static struct null_datapath *null_of(struct df_datapath *dp)
{
    return (struct null_datapath *)dp;
}

static struct null_entry *find(struct null_datapath *null, const struct df_entry *entry)
{
    struct null_key key = {.table = entry->table, .key_len = entry->key_len};
    struct null_entry *found;
    memcpy(key.key, entry->key, entry->key_len);
    /* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): all of key is set */
    HASH_FIND(hh, null->entries, &key, sizeof(key), found);
    return found;
}

static void forget(struct null_datapath *null, struct null_entry *entry)
{
    HASH_DEL(null->entries, entry);
    null->count[entry->key.table]--;
    free(entry);
}

static int null_put(struct df_datapath *dp, const struct df_entry *entry, struct df_error *error)
{
    struct null_datapath *null = null_of(dp);
    if (entry->table > DF_TABLE_MAX || entry->key_len > DF_KEY_MAX)
        return df_error_set(error, -EINVAL, "null: no table has that number, or no key that length");
    struct null_entry *old = find(null, entry);
    if (old)
        forget(null, old);
    struct null_entry *kept = df_alloc(sizeof(*kept) + entry->value_len);
    kept->key = (struct null_key){.table = entry->table, .key_len = entry->key_len};
    memcpy(kept->key.key, entry->key, entry->key_len);
    kept->entry = *entry;
    kept->entry.value = kept->value;
    if (entry->value_len)
        memcpy(kept->value, entry->value, entry->value_len);
    HASH_ADD(hh, null->entries, key, sizeof(kept->key), kept);
    null->count[entry->table]++;
    return 0;
}

static int null_del(struct df_datapath *dp, const struct df_entry *entry, struct df_error *error)
{
    struct null_entry *old = find(null_of(dp), entry);
    if (!old)
        return df_error_set(error, -ENOENT, "null: table %u has no such entry", entry->table);
    forget(null_of(dp), old);
    return 0;
}

static int null_flush(struct df_datapath *dp, uint16_t table)
{
    (void)dp;
    (void)table;
    return 0;
}

static int null_port_add(struct df_datapath *dp, const struct df_port_spec *spec, struct df_error *error)
{
    struct null_datapath *null = null_of(dp);
    if (spec->port == 0 || spec->port >= PORTS_MAX)
        return df_error_set(error, -EINVAL, "null: port numbers are 1 to %u", PORTS_MAX - 1);
    if (null->port[spec->port])
        return df_error_set(error, -EEXIST, "null: port %u is open already", spec->port);
    null->port[spec->port] = true;
    return 0;
}

static bool is_open(const struct null_datapath *null, uint16_t port)
{
    return port < PORTS_MAX && null->port[port];
}

static int null_port_del(struct df_datapath *dp, uint16_t port)
{
    if (!is_open(null_of(dp), port))
        return -ENODEV;
    null_of(dp)->port[port] = false;
    return 0;
}

static int null_port_state(struct df_datapath *dp, uint16_t port, struct df_port_state *state)
{
    if (!is_open(null_of(dp), port))
        return -ENODEV;
    *state = (struct df_port_state){.attached = true, .detail = ""};
    return 0;
}

static int null_port_stats(struct df_datapath *dp, uint16_t port, struct df_port_stats *stats)
{
    if (!is_open(null_of(dp), port))
        return -ENODEV;
    *stats = (struct df_port_stats){0};
    return 0;
}

static int null_packet_out(struct df_datapath *dp, uint16_t port, const uint8_t *frame, uint32_t len)
{
    (void)frame;
    (void)len;
    return is_open(null_of(dp), port) ? 0 : -ENODEV;
}

static int null_for_each(struct df_datapath *dp, uint16_t table,
                         int (*cb)(const struct df_entry *entry, uint64_t hits, void *arg), void *arg)
{
    struct null_entry *entry, *next;
    HASH_ITER(hh, null_of(dp)->entries, entry, next) {
        if (entry->key.table != table)
            continue;
        int stop = cb(&entry->entry, 0, arg);
        if (stop)
            return stop;
    }
    return 0;
}

static uint32_t null_count(struct df_datapath *dp, uint16_t table)
{
    return table <= DF_TABLE_MAX ? null_of(dp)->count[table] : 0;
}

static json_t *null_report(struct df_datapath *dp, const char *what, json_t *params, struct df_error *error)
{
    (void)dp;
    (void)params;
    df_error_set(error, -ENOENT, "the null backend has no report '%s'", what);
    return NULL;
}

static void null_close(struct df_datapath *dp)
{
    struct null_datapath *null = null_of(dp);
    struct null_entry *entry, *next;
    HASH_ITER(hh, null->entries, entry, next)
        forget(null, entry);
    free(null);
}

static const struct df_datapath_ops null_ops = {
    .name = "null",
    .put = null_put,
    .del = null_del,
    .flush = null_flush,
    .port_add = null_port_add,
    .port_del = null_port_del,
    .port_state = null_port_state,
    .port_stats = null_port_stats,
    .packet_out = null_packet_out,
    .for_each = null_for_each,
    .count = null_count,
    .report = null_report,
    .close = null_close,
};

struct df_datapath *df_datapath_null_open(void)
{
    struct null_datapath *null = df_alloc(sizeof(*null));
    null->base.ops = &null_ops;
    return &null->base;
}
