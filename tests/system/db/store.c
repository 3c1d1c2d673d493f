/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/system/db/store.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/system/db/server_private.h"

/* A child has no test to fail: it dies, and its parent sees that. */
static void insist(int rc, const char *what, const struct df_error *error)
{
    if (rc == 0)
        return;
    fprintf(stderr, "%s: %s: %s\n", what, strerror(-rc), error->text);
    abort();
}

void store_find(struct store *store)
{
    struct server *server = server_here();
    *store = (struct store){.driver = df_db_driver_find(server_kind(server)->driver), .server = server};
    if (!store->driver)
        server_fail("the driver %s is not in this build", server_kind(server)->driver);
    store->exists = store->create = server_config(server);
    store->create.create = true;
}

void store_make(struct store *store)
{
    server_restore(server_here());
    store_find(store);
}

void store_keep_acknowledged(struct store *store)
{
    static char location[SERVER_TEXT + 32];
    const char *option = server_kind(store->server)->keeps_acknowledged;
    snprintf(location, sizeof location, "%s%s", store->server->location, option ? option : "");
    store->exists.location = store->create.location = location;
}

struct df_db *store_create(const struct store *store)
{
    struct df_error error = {""};
    struct df_db *db;
    insist(store->driver->open(&store->create, &db, &error), "create", &error);
    return db;
}

/* With a time-out of its own a test asks again, as users do: a busy machine may be slower once. */
static bool goes_on(const struct store *store, int rc, uint64_t begin_ms)
{
    return rc != 0 && store->exists.timeout_ms && server_now_ms() < begin_ms + STORE_PATIENCE_MS;
}

struct df_db *store_open(const struct store *store)
{
    struct df_error error = {""};
    struct df_db *db;
    uint64_t begin = server_now_ms();
    int rc;
    do
        rc = store->driver->open(&store->exists, &db, &error);
    while (goes_on(store, rc, begin));
    insist(rc, "open", &error);
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
    uint64_t begin = server_now_ms();
    int rc;
    do
        rc = store->driver->get(db, table, id, keep, &row, &error);
    while (goes_on(store, rc, begin));
    cr_assert_eq(rc, 0, "%s", error.text);
    cr_expect(row.len == len && memcmp(row.data, data, len) == 0, "%s/%s", table, id);
    free(row.data);
}

/* Appends a row to a text. */
static void print(const struct df_db_row *row, char *text, size_t size)
{
    size_t used = strlen(text);
    if (row->data)
        snprintf(text + used, size - used, "%s/%s=%.*s ", row->table, row->id, (int)row->len, (const char *)row->data);
    else
        snprintf(text + used, size - used, "%s/%s- ", row->table, row->id);
}

static char told[65536];

static int tell(const struct df_db_row *row, void *arg)
{
    (void)arg;
    print(row, told, sizeof told);
    return 0;
}

const char *store_snapshot(const struct store *store, struct df_db *db, uint64_t *revision)
{
    struct df_error error = {""};
    uint64_t unused, begin = server_now_ms();
    int rc;
    do {
        told[0] = '\0';
        rc = store->driver->snapshot(db, tell, NULL, revision ? revision : &unused, &error);
    } while (goes_on(store, rc, begin));
    insist(rc, "snapshot", &error);
    return told;
}

/* Whether watch() has told something; what it has not told yet may be on its way. */
static int watch(const struct store *store, struct df_db *db, uint64_t *revision, df_db_row_cb cb, void *arg)
{
    struct df_error error = {""};
    struct pollfd fd = {.fd = store->driver->watch_fd(db), .events = POLLIN};
    poll(&fd, fd.fd >= 0, 10);
    return store->driver->watch(db, revision, cb, arg, &error);
}

void store_expect_watch(const struct store *store, struct df_db *db, uint64_t *revision, const char *text)
{
    uint64_t end = server_now_ms() + STORE_PATIENCE_MS;
    int rc;
    told[0] = '\0';
    do
        rc = watch(store, db, revision, tell, NULL);
    while (rc == 0 && strcmp(told, text) != 0 && server_now_ms() < end);
    if (rc == 0)
        rc = store_idle(store, db, revision);
    cr_expect_eq(rc, 0);
    cr_expect_str_eq(told, text);
}

int store_idle(const struct store *store, struct df_db *db, uint64_t *revision)
{
    int rc = 0;
    for (int i = 0; i < 5 && rc == 0; i++)
        rc = watch(store, db, revision, tell, NULL);
    return rc;
}

int store_watch_until(const struct store *store, struct df_db *db, uint64_t *revision, df_db_row_cb cb, void *arg)
{
    uint64_t end = server_now_ms() + STORE_PATIENCE_MS;
    int rc;
    do
        rc = watch(store, db, revision, cb, arg);
    while (rc == 0 && server_now_ms() < end);
    return rc;
}

static int tell_some(const struct df_db_row *row, void *arg)
{
    struct store_told *some = arg;
    print(row, some->text, sizeof some->text);
    return 0;
}

bool store_watch_some(const struct store *store, struct df_db *db, uint64_t *revision, struct store_told *some)
{
    if (some->end == 0) {
        some->looked = server_now_ms();
        some->end = some->looked + (uint64_t)(some->seconds * 1000);
    }
    some->rc = watch(store, db, revision, tell_some, some);
    uint64_t now = server_now_ms(), turn = now - some->looked;
    some->looked = now;
    some->longest = turn > some->longest ? turn : some->longest;
    if (some->turn_ms && turn > some->turn_ms)
        some->end = now + (uint64_t)(some->seconds * 1000);
    return some->rc == -ESTALE || strcmp(some->text, some->until) == 0 || now > some->end;
}

const char *store_follow(const struct store *store, struct df_db *db, const char *topics)
{
    enum { TOPICS = 2000 };
    struct df_error error = {""};
    static const char *list[TOPICS];
    char *words = strdup(topics), *at;
    size_t n = 0;
    for (char *word = strtok_r(words, " ", &at); word && n < TOPICS; word = strtok_r(NULL, " ", &at))
        list[n++] = word;
    uint64_t begin = server_now_ms();
    int rc;
    do {
        told[0] = '\0';
        rc = store->driver->follow(db, list, n, tell, NULL, &error);
    } while (goes_on(store, rc, begin));
    insist(rc, "follow", &error);
    free(words);
    return told;
}

void store_get_at_last(const struct store *store, struct df_db *db, const char *table, const char *id, char *text,
                       size_t size)
{
    struct df_error error = {""};
    struct row row = {0};
    uint64_t end = server_now_ms() + 2 * STORE_PATIENCE_MS;
    int rc;
    while ((rc = store->driver->get(db, table, id, keep, &row, &error)) && server_now_ms() < end)
        server_pause_ms(20);
    insist(rc, "get", &error);
    snprintf(text, size, "%.*s", (int)row.len, (char *)row.data);
    free(row.data);
}

bool store_names_door(const struct store *store, const char *text)
{
    char door[16];
    bool named = false;
    for (unsigned m = 0; m < store->server->n; m++) {
        snprintf(door, sizeof door, ":%u", store->server->members[m].door);
        named |= strstr(text, door) != NULL;
    }
    return named;
}

pid_t store_fork(const struct store *store, void (*body)(const struct store *store, struct df_db *db))
{
    pid_t child = fork();
    if (child == 0) {
        struct df_db *db = store_open(store);
        body(store, db);
        store->driver->close(db);
        _exit(0);
    }
    cr_assert_gt(child, 0);
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
