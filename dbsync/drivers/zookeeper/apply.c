/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dbsync/drivers/zookeeper/entry.h"
#include "dbsync/drivers/zookeeper/write.h"

/*
 * Several may apply the same transaction at once: each multi checks that the state still is the one that says so, each
 * row is written once only, by its revision, and who comes second reads again.
 */

#define SLICE_ROWS 256
#define ATTEMPTS 100 /* of a slice that others are writing, too */
#define SLICE_BYTES ((size_t)256 << 10)

int df_zk_write_row(struct df_zk *zk, struct df_zk_multi *multi, const struct df_db_row *row,
                    const struct df_zk_read *now)
{
    char path[DF_ZK_PATH_MAX];
    int rc = ZOK;
    df_zk_path_row(&zk->place, row->table, row->id, path);
    if (!row->data) {
        rc = df_zk_multi_delete(multi, path);
    } else {
        size_t here = row->len < DF_ZK_PIECE ? row->len : DF_ZK_PIECE;
        char *data = malloc(DF_ZK_HEAD_MAX + here);
        if (!data)
            return -ENOMEM;
        size_t head = df_zk_row_put(data, row->revision, row->len);
        if (here)
            memcpy(data + head, row->data, here);
        rc = now->exists ? df_zk_multi_set(multi, path, data, head + here, -1)
                         : df_zk_multi_create(multi, path, data, head + here, 0);
        free(data);
    }
    if (rc == ZOK && now->has_tail && (!row->data || row->len <= DF_ZK_PIECE))
        rc = df_zk_multi_delete(multi, df_zk_path_tail(&zk->place, row->table, row->id, path));
    return rc == ZOK ? 0 : -ENOMEM;
}

/* Rows of a body to be written together. Names and data are of the body's own memory only while it is told. */
struct slice {
    struct df_zk *zk;
    const struct df_zk_state *state;
    int32_t version;
    struct df_error *error;
    struct df_db_row rows[SLICE_ROWS];
    struct df_zk_read reads[SLICE_ROWS];
    char *names[2 * SLICE_ROWS];
    size_t n, bytes;
};

static int begin_multi(struct slice *slice, struct df_zk_multi *multi)
{
    char path[DF_ZK_PATH_MAX];
    df_zk_multi_init(multi, slice->zk->session);
    return df_zk_multi_check(multi, df_zk_path(&slice->zk->place, "state", path), slice->version);
}

/* The part of a large row that needs a packet of its own, before the row, whose head says that it belongs to it. */
static int write_tail(struct slice *slice, const struct df_db_row *row, const char *path, bool exists)
{
    struct df_zk_multi multi;
    size_t rest = row->len - DF_ZK_PIECE;
    char *data = malloc(DF_ZK_HEAD_MAX + rest);
    if (!data)
        return ZSYSTEMERROR;
    size_t head = df_zk_row_put(data, row->revision, row->len);
    memcpy(data + head, (const char *)row->data + DF_ZK_PIECE, rest);
    int rc = begin_multi(slice, &multi);
    if (rc == ZOK)
        rc = exists ? df_zk_multi_set(&multi, path, data, head + rest, -1)
                    : df_zk_multi_create(&multi, path, data, head + rest, 0);
    if (rc == ZOK)
        rc = df_zk_multi_run(&multi);
    df_zk_multi_clear(&multi);
    free(data);
    return rc;
}

/* The row may say nothing of a tail that one who died has written. */
static int find_and_write_tail(struct slice *slice, const struct df_db_row *row)
{
    char path[DF_ZK_PATH_MAX];
    df_zk_path_tail(&slice->zk->place, row->table, row->id, path);
    struct df_zk_request *tail = df_zk_get(slice->zk->session, path, DF_ZK_ASK);
    if (!tail)
        return ZSYSTEMERROR;
    int rc = df_zk_wait(tail);
    df_zk_drop(tail);
    return rc == ZOK || rc == ZNONODE ? write_tail(slice, row, path, rc == ZOK) : rc;
}

static int read_slice(struct slice *slice)
{
    int rc = 0;
    size_t begun = 0;
    for (; begun < slice->n && rc == 0; begun++)
        rc = df_zk_read_begin(slice->zk, &slice->reads[begun], slice->rows[begun].table, slice->rows[begun].id,
                              slice->error);
    for (size_t i = 0; i < begun && rc == 0; i++)
        rc = df_zk_read_end(slice->zk, &slice->reads[i], slice->rows[i].table, slice->rows[i].id, false, slice->error);
    return rc;
}

/* A code of the library: ZBADVERSION says that somebody else has applied all of it. */
static int write_slice(struct slice *slice)
{
    struct df_zk_multi multi;
    int rc = begin_multi(slice, &multi);
    for (size_t i = 0; i < slice->n && rc == ZOK; i++) {
        const struct df_db_row *row = &slice->rows[i];
        const struct df_zk_read *now = &slice->reads[i];
        if (now->exists ? now->row.revision >= row->revision : !row->data)
            continue;
        if (row->data && row->len > DF_ZK_PIECE)
            rc = find_and_write_tail(slice, row);
        if (rc == ZOK && df_zk_write_row(slice->zk, &multi, row, now))
            rc = ZSYSTEMERROR;
    }
    if (rc == ZOK && multi.n > 1)
        rc = df_zk_multi_run(&multi);
    df_zk_multi_clear(&multi);
    return rc;
}

/* 0, or -EALREADY: the transaction is applied. */
static int flush(struct slice *slice)
{
    int rc, code = ZNODEEXISTS, attempts = 0;
    do {
        rc = read_slice(slice);
        if (rc == 0)
            code = write_slice(slice);
        for (size_t i = 0; i < slice->n; i++)
            df_zk_read_clear(&slice->reads[i]);
    } while (rc == 0 && (code == ZNODEEXISTS || code == ZNONODE) && ++attempts < ATTEMPTS);
    for (size_t i = 0; i < 2 * slice->n; i++)
        free(slice->names[i]);
    slice->n = slice->bytes = 0;
    if (rc || code == ZOK)
        return rc;
    return code == ZBADVERSION ? -EALREADY : df_zk_session_error(slice->zk->session, code, slice->error);
}

static int add(const struct df_db_row *row, void *arg)
{
    struct slice *slice = arg;
    int rc = 0;
    if (slice->n == SLICE_ROWS || slice->bytes + row->len > SLICE_BYTES)
        rc = flush(slice);
    if (rc)
        return rc;
    char **names = &slice->names[2 * slice->n];
    names[0] = strdup(row->table);
    names[1] = strdup(row->id);
    slice->rows[slice->n] = *row;
    slice->rows[slice->n].table = names[0];
    slice->rows[slice->n].id = names[1];
    slice->n++;
    slice->bytes += row->len;
    return names[0] && names[1] ? 0 : df_zk_no_memory(slice->error);
}

static int end_pending(struct slice *slice)
{
    char path[DF_ZK_PATH_MAX], text[DF_ZK_STATE_MAX];
    struct df_zk_state state = *slice->state;
    struct df_zk_multi multi;
    state.pending = false;
    df_zk_multi_init(&multi, slice->zk->session);
    int rc = df_zk_multi_set(&multi, df_zk_path(&slice->zk->place, "state", path), text, df_zk_state_put(text, &state),
                             slice->version);
    if (rc == ZOK)
        rc = df_zk_multi_run(&multi);
    df_zk_multi_clear(&multi);
    return rc == ZOK || rc == ZBADVERSION ? 0 : df_zk_session_error(slice->zk->session, rc, slice->error);
}

int df_zk_apply(struct df_zk *zk, const struct df_zk_state *state, int32_t version, struct df_error *error)
{
    struct df_zk_entry entry;
    struct slice *slice = calloc(1, sizeof *slice);
    if (!slice)
        return df_zk_no_memory(error);
    *slice = (struct slice){.zk = zk, .state = state, .version = version, .error = error};
    int rc = df_zk_entry_read(zk, state->revision, &entry, error);
    if (rc == 0)
        rc = df_zk_entry_tell(&entry, add, slice);
    int flushed = flush(slice);
    rc = rc ? rc : flushed;
    if (rc == 0)
        rc = end_pending(slice);
    df_zk_entry_clear(&entry);
    free(slice);
    return rc == -EALREADY || rc == -ESTALE ? 0 : rc;
}
