/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/log_store/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "dbsync/drivers/log_store/rows.h"
#include "dbsync/drivers/log_store/store_private.h"

struct df_db {
    struct df_store store;
    struct df_leases *leases, *scanned; /* held, and seen by snapshots */
    struct df_watcher *watcher;         /* NULL until it is asked for */
    struct df_db_config config;
    char *texts[6]; /* that config points to */
    bool read_only;
};

int df_store_no_memory(struct df_error *error)
{
    return df_error_set(error, -ENOMEM, "out of memory");
}

int df_store_malformed(const struct df_store *store, const char *key, struct df_error *error)
{
    return df_error_set(error, -EPROTO, "%s:%s: %s has what Dragonflow does not write: restore it from a dump",
                        store->ops->name, store->location, key);
}

uint64_t df_store_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t df_store_random(void)
{
    uint64_t random = 0;
    if (getrandom(&random, sizeof random, 0) != sizeof random)
        random = df_store_now_ms() ^ (uint64_t)(uintptr_t)&random;
    random &= DF_KV_STAMP_MAX;
    return random ? random : 1;
}

static int copy_config(struct df_db *db, const struct df_db_config *config, struct df_error *error)
{
    const char **texts[] = {&db->config.location, &db->config.user, &db->config.password,
                            &db->config.ca,       &db->config.cert, &db->config.key};
    db->config = *config;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        db->texts[i] = *texts[i] ? strdup(*texts[i]) : NULL;
        if (*texts[i] && !db->texts[i])
            return df_store_no_memory(error);
        *texts[i] = db->texts[i];
    }
    return 0;
}

void df_log_store_close(struct df_db *db)
{
    if (db->leases)
        df_leases_release_all(&db->store, db->leases);
    df_watcher_free(db->watcher);
    if (db->leases)
        df_leases_free(db->leases);
    if (db->scanned)
        df_leases_free(db->scanned);
    if (db->store.kv)
        db->store.ops->close(db->store.kv);
    for (size_t i = 0; i < sizeof db->texts / sizeof db->texts[0]; i++)
        free(db->texts[i]);
    free(db);
}

static int find_database(struct df_db *db, bool create, struct df_error *error)
{
    const struct df_store *store = &db->store;
    struct df_state state;
    int rc = store->ops->prepare(store->kv, create, error);
    if (rc == 0 && create)
        rc = df_store_create(store, error);
    if (rc == 0)
        rc = df_state_read(store, &state, error);
    if (rc == 0)
        df_state_clear(&state);
    if (rc == -ENOENT || rc == -ENODEV)
        return df_error_set(error, -ENOENT, "no database in %s at %s: run df-db --db %s:%s init", store->ops->name,
                            store->location, store->ops->name, store->location);
    return rc;
}

int df_log_store_open(const struct df_kv_ops *ops, const struct df_db_config *config, struct df_db **result,
                      struct df_error *error)
{
    struct df_db *db = calloc(1, sizeof *db);
    if (!db)
        return df_store_no_memory(error);
    int rc = copy_config(db, config, error);
    db->store = (struct df_store){.ops = ops, .location = db->config.location};
    db->store.timeout_ms = config->timeout_ms ? config->timeout_ms : DF_DB_TIMEOUT_MS;
    db->read_only = config->read_only;
    db->leases = df_leases_new();
    db->scanned = df_leases_new();
    if (rc == 0 && (!db->leases || !db->scanned))
        rc = df_store_no_memory(error);
    if (rc == 0)
        rc = ops->open(&db->config, &db->store.kv, error);
    if (rc == 0)
        rc = find_database(db, config->create, error);
    if (rc)
        df_log_store_close(db);
    else
        *result = db;
    return rc;
}

/* Reading. */

struct snapshot {
    const struct df_store *store;
    struct df_rows rows;
    struct df_told leases;
    struct df_error *error;
};

static int add_row(const struct df_db_row *row, void *arg)
{
    struct snapshot *snapshot = arg;
    return row->data && df_rows_add(&snapshot->rows, row, false) ? df_store_no_memory(snapshot->error) : 0;
}

/* Of a row that is being written, the log has all of it. */
static int add_stored(const char *key, const struct df_kv_value *value, void *arg)
{
    struct snapshot *snapshot = arg;
    struct df_stored stored;
    struct df_kv_value copy = {value->stamp, malloc(value->len + 1), value->len};
    if (!copy.data)
        return df_store_no_memory(snapshot->error);
    memcpy(copy.data, value->data, value->len);
    int rc = df_stored_take(snapshot->store, key, copy, &stored, snapshot->error);
    if (rc == 0 && stored.change)
        rc = df_body_tell(stored.change, stored.len, stored.revision, add_row, snapshot);
    df_stored_clear(&stored);
    return rc;
}

static int repair(struct snapshot *snapshot, uint64_t from, uint64_t to)
{
    int rc = 0;
    for (uint64_t revision = from; revision <= to && rc == 0; revision++) {
        struct df_entry entry;
        rc = df_entry_read(snapshot->store, revision, &entry, snapshot->error);
        if (rc == 0 && df_body_tell(entry.body, entry.record.len, revision, df_rows_change, &snapshot->rows))
            rc = df_store_no_memory(snapshot->error);
        df_entry_clear(&entry);
    }
    return rc;
}

static int repair_last(struct snapshot *snapshot, const struct df_state *state)
{
    struct df_entry entry;
    int rc = df_entry_of_state(snapshot->store, state, &entry, snapshot->error);
    if (rc == 0 && df_body_tell(entry.body, entry.record.len, entry.record.revision, df_rows_change, &snapshot->rows))
        rc = df_store_no_memory(snapshot->error);
    df_entry_clear(&entry);
    return rc;
}

static int read_rows(struct snapshot *snapshot, uint64_t *revision)
{
    const struct df_store *store = snapshot->store;
    struct df_state begin, end;
    int rc = df_state_read(store, &begin, snapshot->error);
    if (rc)
        return rc;
    uint64_t from = begin.record.revision + begin.applied;
    df_state_clear(&begin);
    rc = store->ops->scan(store->kv, "row/", add_stored, snapshot, snapshot->error);
    if (rc == 0)
        rc = df_state_read(store, &end, snapshot->error);
    if (rc)
        return rc;
    *revision = end.record.revision;
    if (from <= end.record.revision)
        rc = repair(snapshot, from, end.record.revision - 1);
    if (rc == 0 && from <= end.record.revision)
        rc = repair_last(snapshot, &end);
    df_state_clear(&end);
    return rc;
}

static int keep_lease(const struct df_db_row *row, void *arg)
{
    return df_told_add(arg, row->id, row->data);
}

static int take_snapshot(struct df_db *db, struct snapshot *snapshot, uint64_t *revision, struct df_error *error)
{
    unsigned again_ms;
    uint64_t end = df_store_now_ms() + db->store.timeout_ms;
    int rc;
    do {
        df_rows_clear(&snapshot->rows);
        rc = read_rows(snapshot, revision);
    } while (rc == -ESTALE && df_store_now_ms() < end);
    if (rc == 0)
        rc = df_leases_scan(&db->store, db->scanned, *revision, keep_lease, &snapshot->leases, &again_ms, error);
    return rc == -ESTALE ? -ETIMEDOUT : rc;
}

static int need_watcher(struct df_db *db, struct df_error *error)
{
    return db->watcher ? 0 : df_watcher_new(db->store.ops, &db->config, &db->watcher, error);
}

int df_log_store_snapshot(struct df_db *db, df_db_row_cb cb, void *arg, uint64_t *revision, struct df_error *error)
{
    struct snapshot snapshot = {.store = &db->store, .error = error};
    uint64_t at = 0;
    int rc = take_snapshot(db, &snapshot, &at, error);
    if (rc == 0)
        rc = df_rows_tell(&snapshot.rows, cb, arg);
    if (rc == 0)
        rc = need_watcher(db, error);
    if (rc == 0) {
        df_watcher_start(db->watcher, at);
        df_watcher_forget_leases(db->watcher);
        rc = df_watcher_tell_leases(db->watcher, &snapshot.leases, at, cb, arg);
    }
    if (rc == 0)
        *revision = at;
    df_rows_clear(&snapshot.rows);
    df_told_clear(&snapshot.leases);
    return rc;
}

struct get {
    const char *table, *id;
    df_db_row_cb cb;
    void *arg;
    bool found, exists;
    int told;
};

static int tell_wanted(const struct df_db_row *row, void *arg)
{
    struct get *get = arg;
    if (strcmp(row->table, get->table) != 0 || strcmp(row->id, get->id) != 0)
        return 0;
    get->found = true;
    get->exists = row->data;
    get->told = row->data ? get->cb(row, get->arg) : 0;
    return 0;
}

/* In the last transaction, if that may not be applied yet, or else in its own place. */
static int get_once(struct df_db *db, struct get *get, struct df_error *error)
{
    struct df_state state;
    struct df_entry entry = {0};
    struct df_stored stored = {0};
    int rc = df_state_read(&db->store, &state, error);
    if (rc)
        return rc;
    if (!state.applied)
        rc = df_entry_of_state(&db->store, &state, &entry, error);
    if (rc == 0 && !state.applied)
        df_body_tell(entry.body, entry.record.len, entry.record.revision, tell_wanted, get);
    if (rc == 0 && !get->found)
        rc = df_stored_read(&db->store, get->table, get->id, &stored, error);
    if (rc == 0 && stored.revision && !stored.change)
        rc = -ESTALE;
    if (rc == 0 && stored.change)
        df_body_tell(stored.change, stored.len, stored.revision, tell_wanted, get);
    df_stored_clear(&stored);
    df_entry_clear(&entry);
    df_state_clear(&state);
    return rc;
}

int df_log_store_get(struct df_db *db, const char *table, const char *id, df_db_row_cb cb, void *arg,
                     struct df_error *error)
{
    struct get get = {.table = table, .id = id, .cb = cb, .arg = arg};
    const struct df_db_op name = {.table = table, .id = id};
    uint64_t end = df_store_now_ms() + db->store.timeout_ms;
    int rc = df_body_check(&name, 1, NULL) ? -ENOENT : -ESTALE;
    while (rc == -ESTALE && df_store_now_ms() < end)
        rc = get_once(db, &get, error);
    if (rc == -ENOENT || (rc == 0 && !get.exists))
        return df_error_set(error, -ENOENT, "%s '%s' does not exist", table, id);
    if (rc == -ESTALE)
        return df_error_set(error, -ETIMEDOUT, "%s '%s' is written all the time", table, id);
    return rc ? rc : get.told;
}

/* The others. */

int df_log_store_commit(struct df_db *db, const struct df_db_op *ops, size_t n, size_t *failed, uint64_t *revision,
                        struct df_error *error)
{
    if (db->read_only)
        return df_error_set(error, -EROFS, "%s:%s was opened for reading only", db->store.ops->name,
                            db->store.location);
    return df_store_commit(&db->store, ops, n, failed, revision, error);
}

int df_log_store_watch_fd(struct df_db *db)
{
    return need_watcher(db, NULL) ? -1 : df_watcher_fd(db->watcher);
}

int df_log_store_watch(struct df_db *db, uint64_t *revision, df_db_row_cb cb, void *arg, struct df_error *error)
{
    int rc = need_watcher(db, error);
    return rc ? rc : df_watcher_go(db->watcher, revision, cb, arg, error);
}

int df_log_store_lease(struct df_db *db, const char *name, const char *owner, unsigned ttl, struct df_error *error)
{
    return df_leases_take(&db->store, db->leases, name, owner, ttl, error);
}

int df_log_store_release(struct df_db *db, const char *name, struct df_error *error)
{
    return df_leases_release(&db->store, db->leases, name, error);
}
