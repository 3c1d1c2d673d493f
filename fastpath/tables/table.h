/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "fastpath/pipeline.h"
#include "fastpath/walk.h"

/*
 * A pipeline table of the DPDK data plane: its descriptor, its look-up structure and decide().
 *
 * Each file in fastpath/tables/ defines one `const struct df_table_ops df_table_<name>`; table.c lists them. A service
 * that brings a table of its own calls df_table_register() from its init.
 *
 * Threads: decide() runs on every worker and in trace, between two quiescent states, and never blocks or allocates.
 * put(), del(), flush() and for_each() run on the control thread alone.
 */

struct df_table_ops {
    struct df_table_desc desc;
    /** Makes the look-up structure of at most max entries; *state is the table's. */
    int (*init)(void **state, const struct df_table_ops *ops, uint32_t max);
    void (*fini)(void *state);
    /**
     * Adds or replaces; copies key and value. -ENOSPC: the table is full (max entries), -EINVAL: malformed value.
     * Bumps stamps once the new entry can be found.
     */
    int (*put)(void *state, const struct df_entry *entry);
    int (*del)(void *state, const struct df_entry *entry); /* -ENOENT */
    /** Publishes what put and del have gathered, where a table compiles (routes); NULL where they publish at once. */
    int (*flush)(void *state);
    /** Calls cb with every entry, until it returns non-zero. */
    int (*for_each)(void *state, int (*cb)(const struct df_entry *entry, uint64_t hits, void *arg), void *arg);
    uint32_t (*count)(void *state);
    /** What the packet meets here; returns the next table or DF_TABLE_END. */
    uint16_t (*decide)(void *state, struct df_walk *walk);
};

/* A field of a descriptor, by the struct it is in. */
#define DF_FIELD(STRUCT, MEMBER, KIND)                                                                                 \
    {                                                                                                                  \
        .name = #MEMBER, .kind = KIND, .offset = offsetof(struct STRUCT, MEMBER),                                      \
        .size = sizeof(((struct STRUCT *)0)->MEMBER)                                                                   \
    }
#define DF_FIELD_LEN(STRUCT, MEMBER, LEN)                                                                              \
    {                                                                                                                  \
        .name = #MEMBER, .kind = DF_FIELD_PREFIX, .offset = offsetof(struct STRUCT, MEMBER),                           \
        .size = sizeof(((struct STRUCT *)0)->MEMBER), .len_offset = offsetof(struct STRUCT, LEN),                      \
        .len_size = sizeof(((struct STRUCT *)0)->LEN)                                                                  \
    }
#define DF_FIELD_NAMES(STRUCT, MEMBER, NAMES)                                                                          \
    {                                                                                                                  \
        .name = #MEMBER, .kind = DF_FIELD_ENUM, .offset = offsetof(struct STRUCT, MEMBER),                             \
        .size = sizeof(((struct STRUCT *)0)->MEMBER), .names = NAMES                                                   \
    }
#define DF_FIELD_END                                                                                                   \
    {                                                                                                                  \
        .name = NULL                                                                                                   \
    }

/* Where a service's own table stands in the walk (df_table_desc.order): between SERVICES and L2. */
#define DF_ORDER_SERVICE 80

struct df_table {
    const struct df_table_ops *ops;
    void *state;
};

/**
 * Registers a table of a service, and makes it when the others are made already. -EEXIST, -EINVAL for a number that is
 * not a service's, or what its init returns. Control thread, while no entry leads there. ops stays where it is for
 * ever.
 */
int df_table_register(const struct df_table_ops *ops);

/** Makes every registered table; max entries in each. Control thread, once. */
int df_tables_init(uint32_t max);
void df_tables_fini(void);

/** The table of that number, or NULL. */
const struct df_table *df_table(uint16_t number);

/** Have the entry's key and value the sizes that the table's descriptor says? */
bool df_table_entry_fits(const struct df_table_desc *desc, const struct df_entry *entry);

/*
 * The ready-made exact-match table, which is all that most tables need: put, del, for_each and count for
 * df_table_ops, and the look-up for decide().
 */
int df_exact_init(void **state, const struct df_table_ops *ops, uint32_t max);
void df_exact_fini(void *state);
int df_exact_put(void *state, const struct df_entry *entry);
int df_exact_del(void *state, const struct df_entry *entry);
int df_exact_for_each(void *state, int (*cb)(const struct df_entry *entry, uint64_t hits, void *arg), void *arg);
uint32_t df_exact_count(void *state);

#define DF_EXACT_OPS                                                                                                   \
    .init = df_exact_init, .fini = df_exact_fini, .put = df_exact_put, .del = df_exact_del,                            \
    .for_each = df_exact_for_each, .count = df_exact_count

/**
 * Looks key up, records its stamp in the walk and, in a trace, the entry that matched.
 *
 * @param key the table's key struct, key_size bytes
 * @return the value, valid until the next quiescent state, or NULL; *value_len (may be NULL) its length in bytes
 */
const void *df_exact_find(void *state, struct df_walk *walk, const void *key, uint32_t *value_len);

/** Tells a trace of a look-up that was not df_exact_find's; entry NULL for a miss. No-op on a worker. */
void df_walk_trace_entry(struct df_walk *walk, const void *key, const struct df_entry *entry);
