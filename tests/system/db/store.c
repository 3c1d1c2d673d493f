/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/system/db/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* A child has no test to fail: it dies, and its parent sees that. */
static void insist(int rc, const char *what, const struct df_error *error)
{
    if (rc == 0)
        return;
    fprintf(stderr, "%s: %s: %s\n", what, strerror(-rc), error->text);
    abort();
}

static void free_drivers(struct criterion_test_params *params)
{
    cr_free(params->params);
}

struct criterion_test_params store_each_driver(void)
{
    size_t n = 0;
    while (df_db_driver_at(n))
        n++;
    struct store_driver *drivers = cr_malloc(n * sizeof *drivers);
    for (size_t i = 0; i < n; i++)
        snprintf(drivers[i].name, sizeof drivers[i].name, "%s", df_db_driver_at(i)->name);
    return cr_make_param_array(struct store_driver, drivers, n, free_drivers);
}

void store_make(struct store *store, const struct store_driver *driver)
{
    store->driver = df_db_driver_find(driver->name);
    place_make(&store->place);
}

void store_remove(struct store *store)
{
    place_remove(&store->place);
}

struct df_db *store_create(const struct store *store)
{
    struct df_error error = {""};
    struct df_db *db;
    insist(store->driver->open(&store->place.create, &db, &error), "create", &error);
    return db;
}

struct df_db *store_open(const struct store *store)
{
    struct df_error error = {""};
    struct df_db *db;
    insist(store->driver->open(&store->place.exists, &db, &error), "open", &error);
    return db;
}

static uint64_t commit(const struct store *store, struct df_db *db, const struct df_db_op *op)
{
    struct df_error error = {""};
    size_t failed;
    uint64_t revision = 0;
    insist(store->driver->commit(db, op, 1, &failed, &revision, &error), "commit", &error);
    return revision;
}

uint64_t store_put(const struct store *store, struct df_db *db, const char *table, const char *id, const void *data,
                   size_t len)
{
    return commit(store, db, &(struct df_db_op){.table = table, .id = id, .data = data, .len = len});
}

uint64_t store_delete(const struct store *store, struct df_db *db, const char *table, const char *id)
{
    return commit(store, db, &(struct df_db_op){.table = table, .id = id});
}

int store_try(const struct store *store, struct df_db *db, const char *id, const char *text, enum df_db_expect expect,
              uint64_t revision)
{
    struct df_error error;
    size_t failed;
    uint64_t committed;
    struct df_db_op op = {.table = "t", .id = id, .data = text, .expect = expect, .revision = revision};
    op.len = text ? strlen(text) : 0;
    return store->driver->commit(db, &op, 1, &failed, &committed, &error);
}

struct row {
    void *data;
    size_t len;
    uint64_t revision;
};

static int keep(const struct df_db_row *row, void *arg)
{
    struct row *kept = arg;
    kept->data = malloc(row->len + 1);
    memcpy(kept->data, row->data, row->len);
    kept->len = row->len;
    kept->revision = row->revision;
    return 0;
}

int store_get(const struct store *store, struct df_db *db, const char *table, const char *id, uint64_t *revision)
{
    struct df_error error;
    struct row row = {0};
    int rc = store->driver->get(db, table, id, keep, &row, &error);
    if (revision)
        *revision = row.revision;
    free(row.data);
    return rc;
}

void store_expect_row(const struct store *store, struct df_db *db, const char *table, const char *id, const void *data,
                      size_t len)
{
    struct df_error error;
    struct row row = {0};
    cr_assert_eq(store->driver->get(db, table, id, keep, &row, &error), 0, "%s", error.text);
    cr_expect(row.len == len && memcmp(row.data, data, len) == 0, "%s/%s", table, id);
    free(row.data);
}

static char told[65536];

static int tell(const struct df_db_row *row, void *arg)
{
    (void)arg;
    size_t used = strlen(told);
    if (row->data)
        snprintf(told + used, sizeof told - used, "%s/%s=%.*s ", row->table, row->id, (int)row->len,
                 (const char *)row->data);
    else
        snprintf(told + used, sizeof told - used, "%s/%s- ", row->table, row->id);
    return 0;
}

const char *store_snapshot(const struct store *store, struct df_db *db, uint64_t *revision)
{
    struct df_error error = {""};
    uint64_t unused;
    told[0] = '\0';
    insist(store->driver->snapshot(db, tell, NULL, revision ? revision : &unused, &error), "snapshot", &error);
    return told;
}

const char *store_watch(const struct store *store, struct df_db *db, uint64_t *revision)
{
    struct df_error error = {""};
    told[0] = '\0';
    insist(store->driver->watch(db, revision, tell, NULL, &error), "watch", &error);
    return told;
}

pid_t store_fork(const struct store *store, void (*body)(const struct store *store, struct df_db *db))
{
    pid_t child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        struct df_db *db = store_open(store);
        body(store, db);
        store->driver->close(db);
        _exit(0);
    }
    return child;
}

void store_wait(pid_t child)
{
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "a child ended with status %x", status);
}

void store_put_in_child(const struct store *store, struct df_db *db)
{
    store_put(store, db, "t", "child", "1", 1);
}
