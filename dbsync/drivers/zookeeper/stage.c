/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "dbsync/drivers/zookeeper/entry.h"
#include "dbsync/drivers/zookeeper/write.h"

/*
 * Pieces are called BASE-RANDOM-I, where BASE is the revision that their transaction was made for, so that only the log
 * node of BASE + 1 can refer to them. When the log does not go back so far, nobody does.
 */

static int write_piece(struct df_zk *zk, const char *stage, unsigned i, const char *data, size_t len,
                       struct df_error *error)
{
    char path[DF_ZK_PATH_MAX];
    struct df_zk_multi multi;
    df_zk_multi_init(&multi, zk->session);
    int rc = df_zk_multi_create(&multi, df_zk_path_piece(&zk->place, stage, i, path), data, len, 0);
    if (rc == ZOK)
        rc = df_zk_multi_run(&multi);
    df_zk_multi_clear(&multi);
    return rc ? df_zk_session_error(zk->session, rc, error) : 0;
}

static unsigned pieces_of(size_t len)
{
    return (unsigned)((len + DF_ZK_PIECE - 1) / DF_ZK_PIECE);
}

static void delete_node(struct df_zk *zk, const char *path)
{
    struct df_zk_multi multi;
    df_zk_multi_init(&multi, zk->session);
    if (df_zk_multi_delete(&multi, path) == ZOK)
        df_zk_multi_run(&multi);
    df_zk_multi_clear(&multi);
}

void df_zk_unstage(struct df_zk *zk, const char *stage, size_t len)
{
    char path[DF_ZK_PATH_MAX];
    for (unsigned i = 0; i < pieces_of(len); i++)
        delete_node(zk, df_zk_path_piece(&zk->place, stage, i, path));
}

static void reap(struct df_zk *zk, const struct df_zk_state *state)
{
    char path[DF_ZK_PATH_MAX];
    struct df_zk_request *list = df_zk_children(zk->session, df_zk_path(&zk->place, "stage", path), DF_ZK_ASK);
    size_t n = list && df_zk_wait(list) == ZOK ? list->n_names : 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t base;
        if (sscanf(list->names[i], "%16" SCNx64 "-", &base) == 1 && base + 1 < state->oldest)
            delete_node(zk, df_zk_path_name(&zk->place, "stage", list->names[i], NULL, path));
    }
    df_zk_drop(list);
}

int df_zk_stage(struct df_zk *zk, const struct df_zk_state *state, const char *body, size_t len,
                char stage[DF_ZK_STAGE_NAME_MAX], struct df_error *error)
{
    uint64_t random;
    if (getrandom(&random, sizeof random, 0) != sizeof random)
        return df_error_set(error, -errno, "no random numbers: %s", strerror(errno));
    reap(zk, state);
    snprintf(stage, DF_ZK_STAGE_NAME_MAX, "%" PRIx64 "-%016" PRIx64, state->revision, random);
    int rc = 0;
    for (unsigned i = 0; i < pieces_of(len) && rc == 0; i++) {
        size_t at = i * DF_ZK_PIECE, left = len - at;
        rc = write_piece(zk, stage, i, body + at, left < DF_ZK_PIECE ? left : DF_ZK_PIECE, error);
    }
    return rc;
}
