/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dbsync/drivers/etcd/build.h"

/*
 * A commit writes each row in all its places, so it must know them, and says so: its one request to etcd is "if every
 * row is as I know it, write all of this, else tell me how they are". Where it knew wrong and nobody demanded
 * otherwise, it tries again with what it was told.
 */

#define ATTEMPTS 1000

static int send_txn(struct df_etcd_build *build, struct df_etcd_shelf *shelf, struct df_etcd_answer *answer,
                    struct df_error *error)
{
    DfEtcd__TxnRequest request = DF_ETCD__TXN_REQUEST__INIT;
    shelf->list = calloc(build->n_writes + 1, sizeof shelf->list[0]);
    if (!shelf->list)
        return df_error_set(error, -ENOMEM, "out of memory");
    for (size_t i = 0; i < build->n_writes; i++)
        shelf->list[i] = &build->writes[i].op;
    request.n_compare = build->n_compares;
    request.compare = build->compare_list;
    request.n_failure = 2 * build->n;
    request.failure = build->read_list;
    request.n_success = build->n_writes;
    request.success = shelf->list;
    int rc = build->n_writes > DF_ETCD_TXN_OPS ? df_etcd_build_nest(build, shelf, &request) : 0;
    if (rc)
        df_error_set(error, rc, "etcd: %zu rows with all their topics are too much for one transaction", build->n);
    else
        rc =
            df_etcd_client_call(build->db->client, DF_ETCD_WRITE, "/etcdserverpb.KV/Txn", &request.base, answer, error);
    free(shelf->list);
    return rc;
}

/* What etcd says of the rows takes the place of what was believed. */
static int learn_row(const struct df_etcd_row *row, void *arg)
{
    struct df_etcd_build *build = arg;
    for (size_t i = 0; i < build->n; i++) {
        if (strcmp(build->ops[i].table, row->name.table) != 0 || strcmp(build->ops[i].id, row->name.id) != 0)
            continue;
        if (row->revision > build->states[i].revision || row->name.place == DF_ETCD_TOPICAL) {
            build->states[i].revision = row->revision;
            build->states[i].places = row->places;
        }
    }
    return 0;
}

static void forget_rows(struct df_etcd_build *build)
{
    memset(build->states, 0, build->n * sizeof build->states[0]);
}

static bool is_expected(const struct df_db_op *op, uint64_t revision)
{
    switch (op->expect) {
    case DF_DB_ABSENT:
        return revision == 0;
    case DF_DB_REVISION:
        return revision != 0 && revision == op->revision;
    default:
        return true;
    }
}

static int check_expectations(const struct df_etcd_build *build, size_t *failed, struct df_error *error)
{
    for (size_t i = 0; i < build->n; i++) {
        const struct df_db_op *op = &build->ops[i];
        if (is_expected(op, build->states[i].revision))
            continue;
        *failed = i;
        return df_error_set(error, -EAGAIN, "%s '%s' was changed by another writer", op->table, op->id);
    }
    return 0;
}

/* Reads the rows that nothing is known of; all of them, as one of them costs as much. */
static int read_states(struct df_etcd_build *build, struct df_error *error)
{
    DfEtcd__TxnRequest request = DF_ETCD__TXN_REQUEST__INIT;
    struct df_etcd_answer answer;
    struct df_etcd_verdict verdict;
    request.n_success = 2 * build->n;
    request.success = build->read_list;
    int rc =
        df_etcd_client_call(build->db->client, DF_ETCD_READ, "/etcdserverpb.KV/Txn", &request.base, &answer, error);
    if (rc)
        return rc;
    forget_rows(build);
    rc = df_etcd_decode_txn(answer.data, answer.len, &verdict, learn_row, build);
    free(answer.data);
    if (rc == 0)
        df_etcd_learn(build->db, verdict.revision);
    return df_etcd_bad_answer(build->db, rc, error);
}

/* What must be so for the commit to go through needs not be read. */
static bool know(struct df_etcd_build *build, size_t i)
{
    const struct df_db_op *op = &build->ops[i];
    bool seen = df_etcd_seen_find(build->db->seen, op->table, op->id, &build->states[i]);
    if (op->expect == DF_DB_ABSENT) {
        build->states[i] = (struct df_etcd_state){0};
        return true;
    }
    return seen && is_expected(op, build->states[i].revision);
}

static int prepare(struct df_etcd_build *build, size_t *failed, struct df_error *error)
{
    bool known = true;
    for (size_t i = 0; i < build->n; i++)
        known &= know(build, i);
    int rc = known ? 0 : read_states(build, error);
    return rc || known ? rc : check_expectations(build, failed, error);
}

static void note_rows(struct df_etcd_build *build, uint64_t revision)
{
    for (size_t i = 0; i < build->n; i++) {
        struct df_etcd_state *next = &build->next[i];
        next->revision = revision;
        if (!build->ops[i].data)
            *next = (struct df_etcd_state){0};
        df_etcd_seen_note(build->db->seen, build->ops[i].table, build->ops[i].id, next);
    }
}

/* One attempt. 1: the rows were not as they were believed to be, and now it is known how they are. */
static int attempt(struct df_etcd_build *build, struct df_etcd_shelf *shelf, uint64_t *revision, struct df_error *error)
{
    struct df_etcd_answer answer;
    struct df_etcd_verdict verdict;
    df_etcd_build_compares(build);
    int rc = df_etcd_build_writes(build);
    if (rc == -E2BIG)
        return df_error_set(error, rc, "etcd: the rows of one transaction have more than %d topics",
                            DF_ETCD_NOTE_RANGES);
    if (rc)
        return df_error_set(error, rc, "out of memory");
    rc = send_txn(build, shelf, &answer, error);
    if (rc)
        return rc;
    forget_rows(build);
    rc = df_etcd_decode_txn(answer.data, answer.len, &verdict, learn_row, build);
    free(answer.data);
    if (rc)
        return df_error_set(error, -EINPROGRESS,
                            "etcd at %s: it may or may not have been done: the answer cannot be read",
                            df_etcd_client_location(build->db->client));
    df_etcd_learn(build->db, verdict.revision);
    if (!verdict.succeeded)
        return 1;
    *revision = verdict.revision;
    note_rows(build, verdict.revision);
    return 0;
}

static int run(struct df_etcd_build *build, size_t *failed, uint64_t *revision, struct df_error *error)
{
    struct df_etcd_shelf *shelf = malloc(sizeof *shelf);
    int rc = shelf ? prepare(build, failed, error) : df_error_set(error, -ENOMEM, "out of memory");
    for (int i = 0; i < ATTEMPTS && rc == 0; i++) {
        rc = attempt(build, shelf, revision, error);
        if (rc != 1)
            break;
        rc = check_expectations(build, failed, error);
        if (rc == 0 && i == ATTEMPTS - 1)
            rc = df_error_set(error, -ETIMEDOUT, "etcd: other writers keep being quicker");
    }
    free(shelf);
    return rc;
}

static void build_free(struct df_etcd_build *build)
{
    for (size_t i = 0; i < build->n; i++)
        free(build->values[i]);
    free(build->states);
    free(build->next);
    free(build->writes);
    free(build);
}

static int build_new(struct df_db *db, const struct df_db_op *ops, size_t n, struct df_etcd_build **build)
{
    struct df_etcd_build *new = calloc(1, sizeof *new);
    if (!new)
        return -ENOMEM;
    *build = new;
    new->db = db;
    new->ops = ops;
    new->n = n;
    new->states = calloc(n + 1, sizeof new->states[0]);
    new->next = calloc(n + 1, sizeof new->next[0]);
    return new->states &&new->next ? 0 : -ENOMEM;
}

static int check_sizes(const struct df_db_op *ops, size_t n, struct df_error *error)
{
    if (n > DF_ETCD_OPS_MAX)
        return df_error_set(error, -E2BIG, "etcd: %zu rows in one transaction are more than %d", n, DF_ETCD_OPS_MAX);
    for (size_t i = 0; i < n; i++)
        if (ops[i].len > DF_ETCD_DATA_MAX)
            return df_error_set(error, -EMSGSIZE, "%s '%s': %zu bytes are more than etcd takes: at most %d",
                                ops[i].table, ops[i].id, ops[i].len, DF_ETCD_DATA_MAX);
    return 0;
}

int df_etcd_commit(struct df_db *db, const struct df_db_op *ops, size_t n, size_t *failed, uint64_t *revision,
                   struct df_error *error)
{
    struct df_etcd_build *build = NULL;
    if (db->read_only)
        return df_error_set(error, -EROFS, "etcd at %s was opened for reading only",
                            df_etcd_client_location(db->client));
    int rc = check_sizes(ops, n, error);
    if (rc)
        return rc;
    rc = build_new(db, ops, n, &build);
    if (rc == 0) {
        rc = df_etcd_build_keys(build, failed);
        if (rc)
            df_error_set(error, rc, "%s '%s': table and id have from 1 to %d bytes, and leases are not written",
                         ops[*failed].table, ops[*failed].id, DF_ETCD_NAME_MAX);
    } else {
        df_error_set(error, rc, "out of memory");
    }
    if (rc == 0) {
        df_etcd_build_reads(build);
        rc = run(build, failed, revision, error);
    }
    if (build)
        build_free(build);
    return rc;
}
