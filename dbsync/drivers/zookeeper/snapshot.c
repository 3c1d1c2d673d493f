/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/zookeeper/snapshot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dbsync/drivers/log_store/body.h"
#include "dbsync/drivers/zookeeper/entry.h"
#include "dbsync/drivers/zookeeper/read.h"

#define WINDOW 256 /* rows under way at once */

struct name {
    char table[DF_BODY_NAME_MAX + 1], id[DF_BODY_NAME_MAX + 1];
    struct df_zk_read read;
};

struct reader {
    struct df_zk *zk;
    struct df_zk_snapshot *snapshot;
    struct df_error *error;
    struct name names[WINDOW];
    size_t begun, ended; /* numbers of rows */
};

static int end_row(struct reader *reader)
{
    struct name *name = &reader->names[reader->ended++ % WINDOW];
    struct df_zk_read *read = &name->read;
    int rc = df_zk_read_end(reader->zk, read, name->table, name->id, true, reader->error);
    if (rc == 0 && read->exists) {
        struct df_db_row row = {name->table, name->id, read->row.data, read->row.len, read->row.revision};
        if (df_rows_add(&reader->snapshot->rows, &row, read->torn))
            rc = df_zk_no_memory(reader->error);
    }
    df_zk_read_clear(read);
    return rc;
}

static int begin_row(struct reader *reader, const char *node)
{
    struct name *name = &reader->names[reader->begun % WINDOW];
    if (df_zk_name_split(node, name->table, name->id, DF_BODY_NAME_MAX))
        return df_zk_malformed(reader->zk, node, reader->error);
    int rc = df_zk_read_begin(reader->zk, &name->read, name->table, name->id, reader->error);
    reader->begun++;
    return rc;
}

static int read_bucket(struct reader *reader, const struct df_zk_request *list)
{
    int rc = list->rc ? df_zk_session_error(reader->zk->session, list->rc, reader->error) : 0;
    for (size_t i = 0; i < list->n_names && rc == 0; i++) {
        if (reader->begun - reader->ended == WINDOW)
            rc = end_row(reader);
        if (rc == 0)
            rc = begin_row(reader, list->names[i]);
    }
    return rc;
}

static int read_buckets(struct reader *reader, struct df_zk_request *lists[DF_ZK_BUCKETS])
{
    char path[DF_ZK_PATH_MAX];
    int rc = 0;
    for (unsigned i = 0; i < DF_ZK_BUCKETS && rc == 0; i++) {
        df_zk_path_bucket(&reader->zk->place, i, path);
        lists[i] = df_zk_children(reader->zk->session, path, DF_ZK_ASK);
        rc = lists[i] ? 0 : df_zk_no_memory(reader->error);
    }
    for (unsigned i = 0; i < DF_ZK_BUCKETS && rc == 0; i++) {
        int code = df_zk_wait(lists[i]);
        rc = code ? df_zk_session_error(reader->zk->session, code, reader->error) : read_bucket(reader, lists[i]);
    }
    while (rc == 0 && reader->ended < reader->begun)
        rc = end_row(reader);
    return rc;
}

static int read_rows(struct df_zk *zk, struct df_zk_snapshot *snapshot, struct df_error *error)
{
    struct df_zk_request *lists[DF_ZK_BUCKETS] = {0};
    struct reader *reader = calloc(1, sizeof *reader);
    if (!reader)
        return df_zk_no_memory(error);
    reader->zk = zk;
    reader->snapshot = snapshot;
    reader->error = error;
    int rc = read_buckets(reader, lists);
    for (; reader->ended < reader->begun; reader->ended++)
        df_zk_read_clear(&reader->names[reader->ended % WINDOW].read);
    for (unsigned i = 0; i < DF_ZK_BUCKETS; i++)
        df_zk_drop(lists[i]);
    free(reader);
    return rc;
}

/* What was committed in the meantime. */
static int repair_all(struct df_zk *zk, struct df_zk_snapshot *snapshot, uint64_t base, struct df_error *error)
{
    int rc = 0;
    for (uint64_t revision = base + 1; revision <= snapshot->end.revision && rc == 0; revision++) {
        struct df_zk_entry entry;
        rc = df_zk_entry_read(zk, revision, &entry, error);
        if (rc == 0 && df_zk_entry_tell(&entry, df_rows_change, &snapshot->rows))
            rc = df_zk_no_memory(error);
        df_zk_entry_clear(&entry);
    }
    const char *torn = rc == 0 ? df_rows_torn(&snapshot->rows) : NULL;
    return torn ? df_zk_malformed(zk, torn, error) : rc;
}

static int ask_leases(struct df_zk *zk, struct df_zk_request **request, struct df_error *error)
{
    char path[DF_ZK_PATH_MAX];
    *request = df_zk_children(zk->session, df_zk_path(&zk->place, "lease", path), DF_ZK_ASK_WATCH);
    return *request ? 0 : df_zk_no_memory(error);
}

int df_zk_leases_of(const struct df_zk_request *list, struct df_told *leases)
{
    int rc = 0;
    for (size_t i = 0; i < list->n_names && rc == 0; i++) {
        char name[DF_BODY_NAME_MAX + 1], owner[DF_BODY_NAME_MAX + 1];
        if (df_zk_name_split(list->names[i], name, owner, DF_BODY_NAME_MAX) == 0)
            rc = df_told_add(leases, name, owner);
    }
    return rc;
}

static int take_leases(struct df_zk *zk, struct df_zk_snapshot *snapshot, struct df_zk_request *request,
                       struct df_error *error)
{
    int code = df_zk_wait(request);
    if (code)
        return df_zk_session_error(zk->session, code, error);
    return df_zk_leases_of(request, &snapshot->leases) ? df_zk_no_memory(error) : 0;
}

static int take_once(struct df_zk *zk, void *arg, struct df_error *error)
{
    struct df_zk_snapshot *snapshot = arg;
    struct df_zk_state begin;
    struct df_zk_request *leases = NULL;
    df_zk_snapshot_clear(snapshot);
    df_zk_drop(df_zk_sync(zk->session, DF_ZK_ASK));
    int rc = df_zk_take_state(zk, df_zk_ask_state(zk, DF_ZK_ASK), &begin, NULL, error);
    if (rc == 0)
        rc = read_rows(zk, snapshot, error);
    if (rc == 0)
        rc = df_zk_take_state(zk, df_zk_ask_state(zk, DF_ZK_ASK_WATCH), &snapshot->end, NULL, error);
    if (rc == 0)
        rc = repair_all(zk, snapshot, begin.pending ? begin.revision - 1 : begin.revision, error);
    if (rc == 0)
        rc = ask_leases(zk, &leases, error);
    if (rc == 0)
        rc = take_leases(zk, snapshot, leases, error);
    df_zk_drop(leases);
    return rc;
}

int df_zk_snapshot_take(struct df_zk *zk, struct df_zk_snapshot *snapshot, struct df_error *error)
{
    *snapshot = (struct df_zk_snapshot){0};
    int rc = df_zk_retry(zk, take_once, snapshot, error);
    return rc == -ESTALE ? -ETIMEDOUT : rc;
}

void df_zk_snapshot_clear(struct df_zk_snapshot *snapshot)
{
    df_rows_clear(&snapshot->rows);
    df_told_clear(&snapshot->leases);
    *snapshot = (struct df_zk_snapshot){0};
}
