/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/zookeeper/entry.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dbsync/drivers/log_store/body.h"

const char *df_zk_path_piece(const struct df_zk_place *place, const char *stage, unsigned i, char path[DF_ZK_PATH_MAX])
{
    char name[DF_ZK_STAGE_NAME_MAX + 16];
    snprintf(name, sizeof name, "%s-%u", stage, i);
    return df_zk_path_name(place, "stage", name, NULL, path);
}

int df_zk_entry_begin(struct df_zk *zk, struct df_zk_entry *entry, uint64_t revision, int how, struct df_error *error)
{
    char path[DF_ZK_PATH_MAX];
    *entry = (struct df_zk_entry){.revision = revision};
    entry->node = df_zk_get(zk->session, df_zk_path_log(&zk->place, revision, path), how);
    return entry->node ? 0 : df_zk_no_memory(error);
}

/* The code of an answer. */
static int answer(struct df_zk *zk, const struct df_zk_request *request, struct df_error *error)
{
    if (request->rc == ZNONODE)
        return df_error_set(error, -ESTALE, "zookeeper:%s: the transaction is not in the log any more", zk->place.text);
    return request->rc ? df_zk_session_error(zk->session, request->rc, error) : 0;
}

/* The body is there: is it one? */
static int verify(struct df_zk *zk, struct df_zk_entry *entry, struct df_error *error)
{
    char path[DF_ZK_PATH_MAX];
    if (df_body_verify(entry->log.body, entry->log.len))
        return df_zk_malformed(zk, df_zk_path_log(&zk->place, entry->revision, path), error);
    entry->ready = true;
    return 0;
}

static int take_node(struct df_zk *zk, struct df_zk_entry *entry, int how, struct df_error *error)
{
    char path[DF_ZK_PATH_MAX];
    int rc = answer(zk, entry->node, error);
    if (rc)
        return rc;
    if (df_zk_log_take(&entry->log, entry->node->data, entry->node->len))
        return df_zk_malformed(zk, df_zk_path_log(&zk->place, entry->revision, path), error);
    for (unsigned i = 0; i < entry->log.pieces; i++) {
        df_zk_path_piece(&zk->place, entry->log.stage, i, path);
        entry->pieces[i] = df_zk_get(zk->session, path, how);
        if (!entry->pieces[i])
            return df_zk_no_memory(error);
    }
    return entry->log.pieces ? 0 : verify(zk, entry, error);
}

static int take_piece(struct df_zk *zk, struct df_zk_entry *entry, unsigned i, struct df_error *error)
{
    const struct df_zk_request *piece = entry->pieces[i];
    char path[DF_ZK_PATH_MAX];
    size_t at = i * DF_ZK_PIECE, left = entry->log.len - at;
    int rc = answer(zk, piece, error);
    if (rc)
        return rc;
    if (piece->len != (left < DF_ZK_PIECE ? left : DF_ZK_PIECE))
        return df_zk_malformed(zk, df_zk_path_piece(&zk->place, entry->log.stage, i, path), error);
    memcpy(entry->body + at, piece->data, piece->len);
    return 0;
}

static int put_together(struct df_zk *zk, struct df_zk_entry *entry, struct df_error *error)
{
    entry->body = malloc(entry->log.len);
    int rc = entry->body ? 0 : df_zk_no_memory(error);
    for (unsigned i = 0; i < entry->log.pieces && rc == 0; i++)
        rc = take_piece(zk, entry, i, error);
    entry->log.body = entry->body;
    return rc ? rc : verify(zk, entry, error);
}

int df_zk_entry_go(struct df_zk *zk, struct df_zk_entry *entry, int how, struct df_zk_request **next,
                   struct df_error *error)
{
    *next = NULL;
    if (entry->ready)
        return 0;
    if (!df_zk_is_done(entry->node)) {
        *next = entry->node;
        return 0;
    }
    int rc = entry->log.pieces ? 0 : take_node(zk, entry, how, error);
    if (rc || entry->ready)
        return rc;
    for (unsigned i = 0; i < entry->log.pieces; i++)
        if (!df_zk_is_done(entry->pieces[i])) {
            *next = entry->pieces[i];
            return 0;
        }
    return put_together(zk, entry, error);
}

int df_zk_entry_read(struct df_zk *zk, uint64_t revision, struct df_zk_entry *entry, struct df_error *error)
{
    struct df_zk_request *next = NULL;
    int rc = df_zk_entry_begin(zk, entry, revision, DF_ZK_ASK, error);
    while (rc == 0) {
        rc = df_zk_entry_go(zk, entry, DF_ZK_ASK, &next, error);
        if (rc || !next)
            break;
        if (df_zk_wait(next) == ZOPERATIONTIMEOUT)
            rc = df_zk_session_error(zk->session, ZOPERATIONTIMEOUT, error);
    }
    return rc;
}

int df_zk_entry_tell(const struct df_zk_entry *entry, df_db_row_cb cb, void *arg)
{
    return df_body_tell(entry->log.body, entry->log.len, entry->revision, cb, arg);
}

void df_zk_entry_clear(struct df_zk_entry *entry)
{
    df_zk_drop(entry->node);
    for (unsigned i = 0; i < DF_ZK_PIECES_MAX; i++)
        df_zk_drop(entry->pieces[i]);
    free(entry->body);
    *entry = (struct df_zk_entry){0};
}
