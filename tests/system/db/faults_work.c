/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/system/db/faults.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/system/db/server_private.h"

#define SETTLE_MS 20000 /* for a watcher to be up to date when all is well again */

void faults_row_id(int row, char id[8])
{
    snprintf(id, 8, "c%d", row);
}

static int row_of(const struct df_db_row *row)
{
    return strcmp(row->table, "t") == 0 && row->id[0] == 'c' ? atoi(row->id + 1) : FAULTS_ROWS;
}

pid_t faults_fork(const struct store *store, struct faults_shared *shared, faults_body body, int i)
{
    pid_t child = fork();
    if (child == 0) {
        struct df_db *db = store_open(store);
        atomic_fetch_add(&shared->ready, 1);
        body(store, db, shared, i);
        store->driver->close(db);
        _exit(0);
    }
    cr_assert_gt(child, 0);
    return child;
}

/* May what was seen, but not acknowledged, be gone? */
static bool takes_back(const struct store *store)
{
    return server_kind(store->server)->keeps_acknowledged != NULL;
}

/* Writers. */

struct count {
    uint64_t value, revision;
};

static uint64_t number(const struct df_db_row *row)
{
    char text[32] = "";
    memcpy(text, row->data, row->len < sizeof text ? row->len : sizeof text - 1);
    return strtoull(text, NULL, 10);
}

static int read_count(const struct df_db_row *row, void *arg)
{
    struct count *count = arg;
    count->value = number(row);
    count->revision = row->revision;
    return 0;
}

/* Reads and adds one. Returns what commit said, or 1 when it could not even be read; *value is what it tried to write. */
static int add_one(const struct store *store, struct df_db *db, int row, struct count *count)
{
    struct df_error error;
    char id[8], text[32];
    faults_row_id(row, id);
    int rc = store->driver->get(db, "t", id, read_count, count, &error);
    if (rc == -ENOENT)
        server_fail("%s is gone", id);
    if (rc)
        return 1;
    snprintf(text, sizeof text, "%" PRIu64, count->value + 1);
    return store_try(store, db, id, text, DF_DB_REVISION, count->revision);
}

/* Of its own row it knows what it must find: what was acknowledged, or what had no answer since. */
static int add_to_own(const struct store *store, struct df_db *db, int row, struct count *known)
{
    struct count count = {0};
    int rc = add_one(store, db, row, &count);
    if (rc == 1)
        return rc;
    if (count.value < known->value || count.value > known->revision)
        server_fail("row %d is %" PRIu64 ", not from %" PRIu64 " to %" PRIu64, row, count.value, known->value,
                    known->revision);
    if (rc == 0)
        *known = (struct count){count.value + 1, count.value + 1};
    else if (rc == -EINPROGRESS)
        *known = (struct count){takes_back(store) ? known->value : count.value,
                                count.value < known->revision ? known->revision : count.value + 1};
    else if (rc == -EAGAIN && known->value == known->revision)
        server_fail("row %d was changed by somebody else", row);
    return rc;
}

void faults_write(const struct store *store, struct df_db *db, struct faults_shared *shared, int i)
{
    struct count own = {0}, count; /* own: at least `value`, at most `revision` */
    while (!atomic_load(&shared->enough)) {
        shared->writers[i].own_open += add_to_own(store, db, i, &own) == -EINPROGRESS;
        atomic_store(&shared->writers[i].own_acked, own.value);
        int rc = add_one(store, db, FAULTS_WRITERS, &count);
        shared->writers[i].acked += rc == 0;
        shared->writers[i].open += rc == -EINPROGRESS;
        server_pause_ms(rc == 0 ? 1 : 10);
    }
}

/* Watchers. */

struct replica {
    struct count rows[FAULTS_ROWS];
    uint64_t least[FAULTS_ROWS]; /* what was acknowledged before the snapshot began */
    bool in_snapshot, takes_back;
    uint64_t told;
};

static void note_acknowledged(struct replica *replica, struct faults_shared *shared)
{
    replica->least[FAULTS_WRITERS] = 0;
    for (int i = 0; i < FAULTS_WRITERS; i++) {
        replica->least[i] = atomic_load(&shared->writers[i].own_acked);
        replica->least[FAULTS_WRITERS] += atomic_load(&shared->writers[i].acked);
    }
}

/* A change is the next one; a snapshot has no less than before, or than must be left. */
static bool follows(const struct replica *replica, int i, const struct count *now)
{
    const struct count *before = &replica->rows[i];
    if (replica->in_snapshot && replica->takes_back)
        return now->value >= replica->least[i];
    return (replica->in_snapshot ? now->value >= before->value : now->value == before->value + 1) &&
           now->revision >= before->revision;
}

static int replicate(const struct df_db_row *row, void *arg)
{
    struct replica *replica = arg;
    int i = row_of(row);
    if (i >= FAULTS_ROWS)
        return 0;
    if (!row->data)
        server_fail("%s was deleted", row->id);
    struct count *count = &replica->rows[i], now = {number(row), row->revision};
    if (!follows(replica, i, &now))
        server_fail("%s: %" PRIu64 " (revision %" PRIu64 ") after %" PRIu64 " (revision %" PRIu64 ")%s", row->id,
                    now.value, now.revision, count->value, count->revision,
                    replica->in_snapshot ? ", in a snapshot" : "");
    *count = now;
    replica->told++;
    return 0;
}

static bool is_final(const struct replica *replica, const struct faults_shared *shared)
{
    for (int i = 0; i < FAULTS_ROWS; i++)
        if (replica->rows[i].value != shared->final[i])
            return false;
    return true;
}

/* One step of a replica: a snapshot where it needs one, else what watch() tells. */
static void keep_up(const struct store *store, struct df_db *db, struct faults_shared *shared, struct replica *replica,
                    uint64_t *at, bool *synced)
{
    struct df_error error;
    uint64_t before = *at;
    int rc;
    if (*synced) {
        rc = store->driver->watch(db, at, replicate, replica, &error);
        if (*at < before)
            server_fail("revision %" PRIu64 " after %" PRIu64, *at, before);
        *synced = rc != -ESTALE;
    } else {
        note_acknowledged(replica, shared);
        replica->in_snapshot = true;
        rc = store->driver->snapshot(db, replicate, replica, at, &error);
        *synced = rc == 0;
        replica->in_snapshot = false;
    }
}

void faults_watch(const struct store *store, struct df_db *db, struct faults_shared *shared, int i)
{
    struct replica replica = {.takes_back = takes_back(store)};
    struct pollfd fd = {.fd = store->driver->watch_fd(db), .events = POLLIN};
    uint64_t at = 0, end = 0;
    bool synced = false, was_synced = false;
    while (!atomic_load(&shared->settled) || !is_final(&replica, shared)) {
        keep_up(store, db, shared, &replica, &at, &synced);
        shared->watchers[i].gaps += was_synced && !synced;
        was_synced = synced;
        shared->watchers[i].told = replica.told;
        if (atomic_load(&shared->settled) && end == 0)
            end = server_now_ms() + SETTLE_MS;
        if (end && server_now_ms() > end)
            server_fail("watcher %d is not up to date", i);
        poll(&fd, fd.fd >= 0, synced ? 100 : 20);
    }
}
