/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dbsync/drivers/log_store/body.h"
#include "dbsync/drivers/zookeeper/entry.h"
#include "dbsync/drivers/zookeeper/write.h"

/*
 * A commit reads the state and its rows, and writes under the condition that the state is still that one: all commits
 * are in one order. Who is overtaken reads again, so -EAGAIN is said of rows that were changed, not of a lost race.
 */

#define LOG_ENTRIES 4096
#define LOG_BYTES ((uint64_t)32 << 20) /* ZooKeeper keeps everything in memory */
#define TRIM_MAX 8                     /* transactions that a commit drops, so that a log over its limits shrinks */
#define BODY_IN_NODE ((size_t)400 << 10)

struct commit {
    struct df_zk *zk;
    const struct df_db_op *ops;
    size_t n, failed;
    uint64_t revision;
    /* Of one attempt. */
    struct df_zk_read *reads;
    struct df_zk_state state;
    int32_t version;
    bool synced; /* what is read is not older than the call */
    char *body;  /* with the letter before it, as in the node */
    size_t len;  /* of the body */
    size_t changes;
    struct df_zk_entry trimmed[TRIM_MAX];
    size_t n_trimmed;
};

static void forget(struct commit *commit)
{
    for (size_t i = 0; i < commit->n; i++)
        df_zk_read_clear(&commit->reads[i]);
    for (size_t i = 0; i < commit->n_trimmed; i++)
        df_zk_entry_clear(&commit->trimmed[i]);
    commit->n_trimmed = 0;
    free(commit->body);
    commit->body = NULL;
}

static int read_all(struct commit *commit, struct df_error *error)
{
    struct df_zk *zk = commit->zk;
    if (commit->synced)
        df_zk_drop(df_zk_sync(zk->session, DF_ZK_ASK));
    struct df_zk_request *asked = df_zk_ask_state(zk, DF_ZK_ASK);
    int rc = 0;
    for (size_t i = 0; i < commit->n && rc == 0; i++)
        rc = df_zk_read_begin(zk, &commit->reads[i], commit->ops[i].table, commit->ops[i].id, error);
    int state_rc = df_zk_take_state(zk, asked, &commit->state, &commit->version, error);
    rc = rc ? rc : state_rc;
    if (rc == 0 && commit->state.pending)
        return 0;
    for (size_t i = 0; i < commit->n && rc == 0; i++)
        rc = df_zk_read_end(zk, &commit->reads[i], commit->ops[i].table, commit->ops[i].id, false, error);
    return rc;
}

static bool is_expected(const struct df_db_op *op, const struct df_zk_read *now)
{
    switch (op->expect) {
    case DF_DB_ABSENT:
        return !now->exists;
    case DF_DB_REVISION:
        return now->exists && now->row.revision == op->revision;
    default:
        return true;
    }
}

static int check_expected(struct commit *commit, struct df_error *error)
{
    for (size_t i = 0; i < commit->n; i++)
        if (!is_expected(&commit->ops[i], &commit->reads[i])) {
            commit->failed = i;
            return df_error_set(error, -EAGAIN, "%s '%s' was changed by another writer", commit->ops[i].table,
                                commit->ops[i].id);
        }
    return 0;
}

/* To delete what is not there is no change. */
static bool is_change(const struct commit *commit, size_t i)
{
    return commit->ops[i].data || commit->reads[i].exists;
}

static int make_body(struct commit *commit, struct df_error *error)
{
    commit->len = commit->changes = 0;
    for (size_t i = 0; i < commit->n; i++)
        if (is_change(commit, i)) {
            commit->len += df_body_size(&commit->ops[i]);
            commit->changes++;
        }
    commit->body = malloc(commit->len + 1);
    if (!commit->body)
        return df_zk_no_memory(error);
    char *to = commit->body;
    *to++ = 'B';
    for (size_t i = 0; i < commit->n; i++)
        if (is_change(commit, i))
            to = df_body_put(to, &commit->ops[i]);
    return 0;
}

/* The oldest transactions, if the log is over its limits. Who else drops them at this moment has moved the state. */
static int read_trimmed(struct commit *commit, struct df_error *error)
{
    const struct df_zk_state *state = &commit->state;
    uint64_t entries = state->revision + 1 - state->oldest;
    if (entries < LOG_ENTRIES && state->bytes + commit->len <= LOG_BYTES)
        return 0;
    int rc = 0;
    while (commit->n_trimmed < TRIM_MAX && commit->n_trimmed < entries && rc == 0) {
        struct df_zk_entry *entry = &commit->trimmed[commit->n_trimmed];
        rc = df_zk_entry_begin(commit->zk, entry, state->oldest + commit->n_trimmed++, DF_ZK_ASK, error);
    }
    for (size_t i = 0; i < commit->n_trimmed && rc == 0; i++) {
        struct df_zk_entry *entry = &commit->trimmed[i];
        int code = df_zk_wait(entry->node);
        if (code)
            rc = code == ZNONODE ? -ESTALE : df_zk_session_error(commit->zk->session, code, error);
        else if (df_zk_log_take(&entry->log, entry->node->data, entry->node->len))
            rc = df_zk_malformed(commit->zk, "log", error);
    }
    return rc;
}

/* Drops just as many as it must. */
static int add_trims(struct commit *commit, struct df_zk_multi *multi, struct df_zk_state *next)
{
    char path[DF_ZK_PATH_MAX];
    int rc = ZOK;
    for (size_t i = 0; i < commit->n_trimmed && rc == ZOK; i++) {
        const struct df_zk_entry *entry = &commit->trimmed[i];
        if (next->revision + 1 - next->oldest <= LOG_ENTRIES && next->bytes <= LOG_BYTES)
            break;
        rc = df_zk_multi_delete(multi, df_zk_path_log(&commit->zk->place, entry->revision, path));
        for (unsigned k = 0; k < entry->log.pieces && rc == ZOK; k++)
            rc = df_zk_multi_delete(multi, df_zk_path_piece(&commit->zk->place, entry->log.stage, k, path));
        next->oldest++;
        next->bytes -= next->bytes < entry->log.len ? next->bytes : entry->log.len;
    }
    return rc;
}

/* What makes the transaction one: its log node, and the state by its version. */
static int add_head(struct commit *commit, struct df_zk_multi *multi, const char *node, size_t len, bool pending)
{
    char path[DF_ZK_PATH_MAX], text[DF_ZK_STATE_MAX];
    struct df_zk_state next = commit->state;
    next.revision++;
    next.bytes += commit->len;
    next.pending = pending;
    int rc = df_zk_multi_create(multi, df_zk_path_log(&commit->zk->place, next.revision, path), node, len, 0);
    if (rc == ZOK)
        rc = add_trims(commit, multi, &next);
    if (rc == ZOK)
        rc = df_zk_multi_set(multi, df_zk_path(&commit->zk->place, "state", path), text, df_zk_state_put(text, &next),
                             commit->version);
    return rc;
}

static int add_rows(struct commit *commit, struct df_zk_multi *multi)
{
    int rc = 0;
    for (size_t i = 0; i < commit->n && rc == 0; i++) {
        const struct df_db_op *op = &commit->ops[i];
        struct df_db_row row = {op->table, op->id, op->data, op->len, commit->state.revision + 1};
        if (is_change(commit, i))
            rc = df_zk_write_row(commit->zk, multi, &row, &commit->reads[i]);
    }
    return rc ? ZSYSTEMERROR : ZOK;
}

/* 1: it does not fit into one packet. */
static int commit_at_once(struct commit *commit, int *code)
{
    struct df_zk_multi multi;
    if (commit->len > BODY_IN_NODE)
        return 1;
    df_zk_multi_init(&multi, commit->zk->session);
    *code = add_head(commit, &multi, commit->body, commit->len + 1, false);
    if (*code == ZOK)
        *code = add_rows(commit, &multi);
    bool fits = multi.bytes <= DF_ZK_MULTI_BYTES;
    if (*code == ZOK && fits)
        *code = df_zk_multi_run(&multi);
    df_zk_multi_clear(&multi);
    return !fits;
}

static int commit_in_pieces(struct commit *commit, int *code, struct df_error *error)
{
    char stage[DF_ZK_STAGE_NAME_MAX], node[DF_ZK_LOG_STAGED_MAX];
    struct df_zk_multi multi;
    int rc = df_zk_stage(commit->zk, &commit->state, commit->body + 1, commit->len, stage, error);
    if (rc)
        return rc;
    df_zk_multi_init(&multi, commit->zk->session);
    *code = add_head(commit, &multi, node, df_zk_log_put_staged(node, commit->len, stage), true);
    if (*code == ZOK)
        *code = df_zk_multi_run(&multi);
    df_zk_multi_clear(&multi);
    if (*code != ZOK && !df_zk_is_lost(*code))
        df_zk_unstage(commit->zk, stage, commit->len);
    return 0;
}

/* Rows of a transaction that is committed; whoever writes next does what fails here. */
static void finish(struct commit *commit)
{
    struct df_zk_state state;
    int32_t version;
    int rc = df_zk_take_state(commit->zk, df_zk_ask_state(commit->zk, DF_ZK_ASK), &state, &version, NULL);
    if (rc == 0 && state.pending && state.revision == commit->revision)
        df_zk_apply(commit->zk, &state, version, NULL);
}

/* -ESTALE: overtaken. */
static int write_all(struct commit *commit, struct df_error *error)
{
    int code = ZOK, rc = 0;
    bool large = commit_at_once(commit, &code);
    if (large)
        rc = commit_in_pieces(commit, &code, error);
    if (rc)
        return rc;
    if (code == ZBADVERSION || code == ZNODEEXISTS || code == ZNONODE)
        return -ESTALE;
    if (df_zk_is_lost(code))
        return df_error_set(error, -EINPROGRESS, "zookeeper:%s: the answer to a commit was lost: it may have been done",
                            commit->zk->place.text);
    if (code)
        return df_zk_session_error(commit->zk->session, code, error);
    commit->revision = commit->state.revision + 1;
    if (large)
        finish(commit);
    return 0;
}

static int commit_once(struct df_zk *zk, void *arg, struct df_error *error)
{
    struct commit *commit = arg;
    int rc = read_all(commit, error);
    if (rc == 0 && commit->state.pending) {
        rc = df_zk_apply(zk, &commit->state, commit->version, error);
        rc = rc ? rc : -ESTALE;
    }
    if (rc == 0)
        rc = check_expected(commit, error);
    if (rc == -EAGAIN && !commit->synced)
        rc = -ESTALE;
    if (rc == 0)
        rc = make_body(commit, error);
    if (rc == 0 && commit->changes)
        rc = read_trimmed(commit, error);
    if (rc == 0 && commit->changes)
        rc = write_all(commit, error);
    else if (rc == 0)
        commit->revision = commit->state.revision;
    commit->synced = true;
    forget(commit);
    return rc;
}

int df_zk_commit(struct df_zk *zk, const struct df_db_op *ops, size_t n, size_t *failed, uint64_t *revision,
                 struct df_error *error)
{
    int rc = df_body_check(ops, n, error);
    if (rc)
        return rc;
    struct commit commit = {.zk = zk, .ops = ops, .n = n, .reads = calloc(n + 1, sizeof *commit.reads)};
    if (!commit.reads)
        return df_zk_no_memory(error);
    rc = df_zk_retry(zk, commit_once, &commit, error);
    if (rc == -ESTALE)
        rc = df_error_set(error, -ETIMEDOUT, "zookeeper:%s: other writers were quicker for %u ms", zk->place.text,
                          zk->timeout_ms);
    *failed = commit.failed;
    *revision = commit.revision;
    free(commit.reads);
    return rc;
}
