/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/zookeeper/read.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dbsync/drivers/log_store/body.h"
#include "dbsync/drivers/zookeeper/entry.h"

int df_zk_read_begin(struct df_zk *zk, struct df_zk_read *read, const char *table, const char *id,
                     struct df_error *error)
{
    char path[DF_ZK_PATH_MAX];
    *read = (struct df_zk_read){0};
    read->node = df_zk_get(zk->session, df_zk_path_row(&zk->place, table, id, path), DF_ZK_ASK);
    return read->node ? 0 : df_zk_no_memory(error);
}

static int join(struct df_zk_read *read, const struct df_zk_request *tail, struct df_error *error)
{
    const char *rest;
    if (df_zk_tail_take(&read->row, tail->data, tail->len, &rest)) {
        read->torn = true;
        return 0;
    }
    read->whole = malloc(read->row.total);
    if (!read->whole)
        return df_zk_no_memory(error);
    memcpy(read->whole, read->row.data, read->row.len);
    memcpy(read->whole + read->row.len, rest, read->row.total - read->row.len);
    read->row.data = read->whole;
    read->row.len = read->row.total;
    return 0;
}

static int read_tail(struct df_zk *zk, struct df_zk_read *read, const char *table, const char *id,
                     struct df_error *error)
{
    char path[DF_ZK_PATH_MAX];
    df_zk_path_tail(&zk->place, table, id, path);
    struct df_zk_request *tail = df_zk_get(zk->session, path, DF_ZK_ASK);
    if (!tail)
        return df_zk_no_memory(error);
    int rc = df_zk_wait(tail);
    if (rc == ZOK)
        rc = join(read, tail, error);
    else if (rc == ZNONODE)
        read->torn = true, rc = 0;
    else
        rc = df_zk_session_error(zk->session, rc, error);
    df_zk_drop(tail);
    return rc;
}

int df_zk_read_end(struct df_zk *zk, struct df_zk_read *read, const char *table, const char *id, bool with_tail,
                   struct df_error *error)
{
    int rc = df_zk_wait(read->node);
    if (rc == ZNONODE)
        return 0;
    if (rc)
        return df_zk_session_error(zk->session, rc, error);
    if (df_zk_row_take(&read->row, read->node->data, read->node->len)) {
        char path[DF_ZK_PATH_MAX];
        return df_zk_malformed(zk, df_zk_path_row(&zk->place, table, id, path), error);
    }
    read->exists = true;
    read->has_tail = read->row.total > read->row.len;
    return with_tail && read->has_tail ? read_tail(zk, read, table, id, error) : 0;
}

void df_zk_read_clear(struct df_zk_read *read)
{
    df_zk_drop(read->node);
    free(read->whole);
    *read = (struct df_zk_read){0};
}

struct get {
    const char *table, *id;
    df_db_row_cb cb;
    void *arg;
    bool found, deleted;
    int told; /* what cb returned, apart from our own reasons to look again */
};

static int no_row(const struct get *get, struct df_error *error)
{
    return df_error_set(error, -ENOENT, "%s '%s' does not exist", get->table, get->id);
}

static int find(const struct df_db_row *row, void *arg)
{
    struct get *get = arg;
    if (strcmp(row->table, get->table) != 0 || strcmp(row->id, get->id) != 0)
        return 0;
    get->found = true;
    get->deleted = !row->data;
    if (row->data)
        get->told = get->cb(row, get->arg);
    return 0;
}

/* The last transaction may be in the log only. */
static int get_from_log(struct df_zk *zk, uint64_t revision, struct get *get, struct df_error *error)
{
    struct df_zk_entry entry;
    int rc = df_zk_entry_read(zk, revision, &entry, error);
    if (rc == 0)
        rc = df_zk_entry_tell(&entry, find, get);
    df_zk_entry_clear(&entry);
    return rc;
}

static int tell(struct df_zk *zk, struct get *get, struct df_zk_read *read, struct df_error *error)
{
    int rc = df_zk_read_end(zk, read, get->table, get->id, true, error);
    if (rc)
        return rc;
    if (!read->exists)
        return no_row(get, error);
    if (read->torn)
        return -ESTALE;
    struct df_db_row row = {get->table, get->id, read->row.data, read->row.len, read->row.revision};
    get->told = get->cb(&row, get->arg);
    return 0;
}

static int get_once(struct df_zk *zk, void *arg, struct df_error *error)
{
    struct get *get = arg;
    struct df_zk_state state;
    struct df_zk_read read;
    struct df_zk_request *sync = df_zk_sync(zk->session, DF_ZK_ASK), *asked = df_zk_ask_state(zk, DF_ZK_ASK);
    df_zk_drop(sync);
    int rc = df_zk_read_begin(zk, &read, get->table, get->id, error);
    int state_rc = df_zk_take_state(zk, asked, &state, NULL, error);
    rc = rc ? rc : state_rc;
    if (rc == 0 && state.pending)
        rc = get_from_log(zk, state.revision, get, error);
    if (rc == 0 && !get->found)
        rc = tell(zk, get, &read, error);
    else if (rc == 0 && get->deleted)
        rc = no_row(get, error);
    df_zk_read_clear(&read);
    return rc;
}

int df_zk_get_row(struct df_zk *zk, const char *table, const char *id, df_db_row_cb cb, void *arg,
                  struct df_error *error)
{
    struct get get = {.table = table, .id = id, .cb = cb, .arg = arg};
    const struct df_db_op name = {.table = table, .id = id};
    if (df_body_check(&name, 1, NULL))
        return no_row(&get, error);
    int rc = df_zk_retry(zk, get_once, &get, error);
    if (rc == -ESTALE)
        return df_error_set(error, -ETIMEDOUT, "zookeeper:%s: %s '%s' is written all the time", zk->place.text, table,
                            id);
    return rc ? rc : get.told;
}
