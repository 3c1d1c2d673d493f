/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "dbsync/driver.h"

/*
 * A key-value store that can write one key under a condition and nothing more than that: what a database must at least
 * be for the log store to make the contract of driver.h of it.
 *
 * A value has a stamp, a number from 1 to DF_KV_STAMP_MAX. Keys are text of printable characters, up to DF_KV_KEY_MAX
 * bytes; the part before the slash says what they are for. Calls block for the time-out and belong to one thread; the
 * store connects again by itself, as driver.h says. Errors have their text, but for those that say what was found:
 * -ENOENT and -EAGAIN.
 */

#define DF_KV_KEY_MAX 800
#define DF_KV_STAMP_MAX (((uint64_t)1 << 53) - 1) /* what JSON's numbers carry */
#define DF_KV_BYTES_MAX ((size_t)768 << 10)

struct df_kv;

struct df_kv_value {
    uint64_t stamp;
    char *data; /* free() it */
    size_t len;
};

/* Return non-zero to stop. value is the store's. */
typedef int (*df_kv_cb)(const char *key, const struct df_kv_value *value, void *arg);

struct df_kv_ops {
    const char *name;
    /** Takes the configuration; connects later. */
    int (*open)(const struct df_db_config *config, struct df_kv **kv, struct df_error *error);
    void (*close)(struct df_kv *kv);
    /** Makes what must be there before a key can be written; -ENOENT: it is not there, and make is false. */
    int (*prepare)(struct df_kv *kv, bool make, struct df_error *error);
    /** -ENOENT */
    int (*read)(struct df_kv *kv, const char *key, struct df_kv_value *value, struct df_error *error);
    /**
     * Writes if the stamp is this one; 0: if the key is not there. -EAGAIN: it is not this one. -EINPROGRESS: the answer
     * was lost.
     */
    int (*swap)(struct df_kv *kv, const char *key, uint64_t stamp, const struct df_kv_value *value,
                struct df_error *error);
    /** Removes if the stamp is this one. -EAGAIN: it is another one, or there is no such key. -EINPROGRESS. */
    int (*drop)(struct df_kv *kv, const char *key, uint64_t stamp, struct df_error *error);
    /** Tells all that begins with folder, which ends with a slash, in any order. cb may call read(). */
    int (*scan)(struct df_kv *kv, const char *folder, df_kv_cb cb, void *arg, struct df_error *error);
    /**
     * Waits until "state" may have been written since the last call, wake is readable, or ms are over, and returns 0.
     * Where it costs nothing it comes back for what is written below "lease/", too.
     */
    int (*wait)(struct df_kv *kv, int wake, unsigned ms, struct df_error *error);
};
