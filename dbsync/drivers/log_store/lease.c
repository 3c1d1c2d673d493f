/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "dbsync/drivers/log_store/store_private.h"

/*
 * A holder beats: it gives beat/NAME another stamp at each renewal. Whoever looks and finds the same stamp for the time
 * to live, by its own clock, ends the lease, under the condition that it still is the one that was seen. Who did not
 * look for half of that time begins anew: what held him up, such as a machine that stood still, may have held up the
 * holder.
 */

#define SCAN_MIN_MS 200
#define SCAN_MAX_MS 2000

struct seen {
    UT_hash_handle hh;
    uint64_t beat, since_ms, looked_ms;
    uint64_t mine;       /* the stamp of the lease, if this handle holds it */
    unsigned ttl, round; /* as the last scan found it */
    char owner[DF_BODY_NAME_MAX + 1];
    char name[DF_BODY_NAME_MAX + 1];
};

struct df_leases {
    struct seen *seen;
    unsigned round;
};

struct df_leases *df_leases_new(void)
{
    return calloc(1, sizeof(struct df_leases));
}

static void forget(struct df_leases *leases, struct seen *seen)
{
    HASH_DEL(leases->seen, seen);
    free(seen);
}

void df_leases_free(struct df_leases *leases)
{
    struct seen *seen, *next;
    HASH_ITER(hh, leases->seen, seen, next) {
        forget(leases, seen);
    }
    free(leases);
}

static struct seen *find(const struct df_leases *leases, const char *name)
{
    struct seen *seen;
    HASH_FIND_STR(leases->seen, name, seen);
    return seen;
}

static struct seen *find_or_add(struct df_leases *leases, const char *name)
{
    struct seen *seen = find(leases, name);
    if (seen || !(seen = calloc(1, sizeof *seen)))
        return seen;
    snprintf(seen->name, sizeof seen->name, "%s", name);
    HASH_ADD_STR(leases->seen, name, seen);
    return seen;
}

static int read_stamp(const struct df_store *store, const char *key, uint64_t *stamp, struct df_error *error)
{
    struct df_kv_value value = {0};
    int rc = store->ops->read(store->kv, key, &value, error);
    free(value.data);
    *stamp = rc ? 0 : value.stamp;
    return rc == -ENOENT ? 0 : rc;
}

/* Whether the holder has not been heard of for its time to live, as far as this handle has seen. */
static int is_dead(const struct df_store *store, struct seen *seen, unsigned ttl, struct df_error *error)
{
    char key[DF_KV_KEY_MAX];
    uint64_t beat, now = df_store_now_ms();
    int rc = read_stamp(store, df_key_name("beat", seen->name, key), &beat, error);
    if (rc)
        return rc;
    if (beat != seen->beat || seen->since_ms == 0 || now - seen->looked_ms > (uint64_t)ttl * 1000 / 2) {
        seen->beat = beat;
        seen->since_ms = now;
    }
    seen->looked_ms = now;
    return now - seen->since_ms >= (uint64_t)ttl * 1000;
}

static int beat(const struct df_store *store, const char *name, struct df_error *error)
{
    char key[DF_KV_KEY_MAX];
    uint64_t last;
    struct df_kv_value value = {df_store_random(), (char[]){"1"}, 1};
    int rc = read_stamp(store, df_key_name("beat", name, key), &last, error);
    if (rc == 0)
        rc = store->ops->swap(store->kv, key, last, &value, error);
    return rc == -EINPROGRESS || rc == -EAGAIN ? -ETIMEDOUT : rc;
}

static int busy(const char *name, const char *owner, struct df_error *error)
{
    return df_error_set(error, -EBUSY, "lease '%s' is held by %s", name, owner);
}

/* Writes the lease over what was seen, 0: nothing. -ESTALE: that has changed. */
static int write_lease(const struct df_store *store, struct df_leases *leases, const char *name, uint64_t stamp,
                       const struct df_lease_record *lease, struct df_error *error)
{
    char key[DF_KV_KEY_MAX], text[DF_LEASE_RECORD_MAX];
    struct df_kv_value value = {df_store_random(), text, df_lease_record_put(text, lease)};
    int rc = beat(store, name, error);
    if (rc == 0)
        rc = store->ops->swap(store->kv, df_key_name("lease", name, key), stamp, &value, error);
    if (rc)
        return rc == -EAGAIN || rc == -EINPROGRESS ? -ESTALE : rc;
    struct seen *seen = find_or_add(leases, name);
    if (!seen)
        return df_store_no_memory(error);
    seen->mine = value.stamp;
    snprintf(seen->owner, sizeof seen->owner, "%s", lease->owner);
    return 0;
}

static int take_from(const struct df_store *store, struct df_leases *leases, const char *name,
                     const struct df_kv_value *now, const struct df_lease_record *wanted, struct df_error *error)
{
    struct df_lease_record held;
    struct seen *seen = find_or_add(leases, name);
    if (!seen)
        return df_store_no_memory(error);
    if (df_lease_record_take(&held, now->data, now->len))
        return df_store_malformed(store, name, error);
    bool same = strcmp(held.owner, wanted->owner) == 0;
    if (same && seen->mine == now->stamp && held.ttl == wanted->ttl)
        return beat(store, name, error);
    int dead = same ? 1 : is_dead(store, seen, held.ttl, error);
    if (dead < 0)
        return dead;
    return dead ? write_lease(store, leases, name, now->stamp, wanted, error) : busy(name, held.owner, error);
}

static int take_once(const struct df_store *store, struct df_leases *leases, const char *name,
                     const struct df_lease_record *wanted, struct df_error *error)
{
    char key[DF_KV_KEY_MAX];
    struct df_kv_value now = {0};
    int rc = store->ops->read(store->kv, df_key_name("lease", name, key), &now, error);
    if (rc == -ENOENT)
        return write_lease(store, leases, name, 0, wanted, error);
    if (rc == 0)
        rc = take_from(store, leases, name, &now, wanted, error);
    free(now.data);
    return rc;
}

int df_leases_take(const struct df_store *store, struct df_leases *leases, const char *name, const char *owner,
                   unsigned ttl, struct df_error *error)
{
    const struct df_db_op names = {.table = owner, .id = name};
    struct df_lease_record wanted = {.ttl = ttl};
    if (df_body_check(&names, 1, NULL) || ttl == 0)
        return df_error_set(error, -EINVAL, "lease '%s' of '%s' for %u s: names have 1 to %d bytes, and time passes",
                            name, owner, ttl, DF_BODY_NAME_MAX);
    struct seen *seen = find(leases, name);
    if (seen && seen->mine && strcmp(seen->owner, owner) != 0)
        return busy(name, seen->owner, error);
    snprintf(wanted.owner, sizeof wanted.owner, "%s", owner);
    uint64_t end = df_store_now_ms() + store->timeout_ms;
    int rc;
    do
        rc = take_once(store, leases, name, &wanted, error);
    while (rc == -ESTALE && df_store_now_ms() < end);
    return rc == -ESTALE ? -ETIMEDOUT : rc;
}

int df_leases_release(const struct df_store *store, struct df_leases *leases, const char *name, struct df_error *error)
{
    char key[DF_KV_KEY_MAX];
    uint64_t last;
    struct seen *seen = find(leases, name);
    if (!seen || !seen->mine)
        return df_error_set(error, -ENOENT, "lease '%s' is not held", name);
    uint64_t mine = seen->mine;
    seen->mine = 0;
    int rc = store->ops->drop(store->kv, df_key_name("lease", name, key), mine, error);
    if (rc == 0 && read_stamp(store, df_key_name("beat", name, key), &last, NULL) == 0 && last)
        store->ops->drop(store->kv, key, last, NULL);
    forget(leases, seen);
    return rc == -EAGAIN ? 0 : rc;
}

void df_leases_release_all(const struct df_store *store, struct df_leases *leases)
{
    struct seen *seen, *next;
    HASH_ITER(hh, leases->seen, seen, next) {
        if (seen->mine)
            df_leases_release(store, leases, seen->name, NULL);
    }
}

struct scan {
    const struct df_store *store;
    struct df_leases *leases;
    uint64_t revision;
    df_db_row_cb cb;
    void *arg;
    struct df_error *error;
    unsigned again_ms;
    struct dead {
        struct dead *next;
        uint64_t stamp;
        struct seen *seen;
    } * dead;
};

static int look_at(const char *key, const struct df_kv_value *value, void *arg)
{
    struct scan *scan = arg;
    char name[DF_BODY_NAME_MAX + 1];
    struct df_lease_record lease;
    if (df_key_name_take(key, name) || df_lease_record_take(&lease, value->data, value->len))
        return 0;
    struct seen *seen = find_or_add(scan->leases, name);
    if (!seen)
        return df_store_no_memory(scan->error);
    seen->round = scan->leases->round;
    struct dead *candidate = malloc(sizeof *candidate);
    if (!candidate)
        return df_store_no_memory(scan->error);
    *candidate = (struct dead){scan->dead, value->stamp, seen};
    scan->dead = candidate;
    unsigned quarter = lease.ttl * 250;
    scan->again_ms = quarter < scan->again_ms ? quarter : scan->again_ms;
    seen->ttl = lease.ttl;
    struct df_db_row row = {DF_DB_LEASES, name, lease.owner, strlen(lease.owner), scan->revision};
    return scan->cb(&row, scan->arg);
}

/* Outside of the scan, which has the connection. */
static int judge(struct scan *scan, const struct dead *candidate)
{
    char key[DF_KV_KEY_MAX];
    int dead = is_dead(scan->store, candidate->seen, candidate->seen->ttl, scan->error);
    if (dead <= 0)
        return dead;
    int rc = scan->store->ops->drop(scan->store->kv, df_key_name("lease", candidate->seen->name, key), candidate->stamp,
                                    scan->error);
    scan->again_ms = 0;
    return rc == -EAGAIN || rc == -EINPROGRESS ? 0 : rc;
}

int df_leases_scan(const struct df_store *store, struct df_leases *leases, uint64_t revision, df_db_row_cb cb,
                   void *arg, unsigned *again_ms, struct df_error *error)
{
    struct scan scan = {store, leases, revision, cb, arg, error, SCAN_MAX_MS, NULL};
    struct seen *seen, *next;
    leases->round++;
    int rc = store->ops->scan(store->kv, "lease/", look_at, &scan, error);
    while (scan.dead) {
        struct dead *candidate = scan.dead;
        scan.dead = candidate->next;
        if (rc == 0)
            rc = judge(&scan, candidate);
        free(candidate);
    }
    HASH_ITER(hh, leases->seen, seen, next) {
        if (seen->round != leases->round)
            forget(leases, seen);
    }
    *again_ms = scan.again_ms > SCAN_MIN_MS || scan.again_ms == 0 ? scan.again_ms : SCAN_MIN_MS;
    return rc;
}
