/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "dbsync/drivers/ovsdb/private.h"

/* Commits and reads. */

#define AGAIN_MS 10 /* between attempts to find a server */

int df_ovsdb_transact(struct df_db *db, json_t *params, uint64_t deadline, json_t **result, bool *is_unsure,
                      struct df_error *error)
{
    struct df_ovsdb_call call;
    *is_unsure = false;
    *result = NULL;
    int rc = df_ovsdb_session_connect(db->session, deadline, error);
    if (rc) {
        json_decref(params);
        return rc;
    }
    rc = df_ovsdb_session_call(db->session, "transact", params, &call, error);
    if (rc == 0)
        rc = df_ovsdb_session_wait(db->session, &call, deadline, error);
    *is_unsure = rc && call.is_unsure;
    *result = call.result;
    return rc;
}

int df_ovsdb_query(struct df_db *db, json_t *params, size_t operations, json_t **result, struct df_error *error)
{
    struct df_ovsdb_verdict verdict;
    bool is_unsure;
    int rc = df_ovsdb_transact(db, params, df_ovsdb_session_deadline(db->session), result, &is_unsure, error);
    if (rc)
        return rc;
    rc = df_ovsdb_answer_verdict(*result, operations, &verdict, error);
    if (rc == 0 && verdict.tag)
        rc = df_ovsdb_refusal(&verdict, error);
    if (rc) {
        json_decref(*result);
        *result = NULL;
    }
    return rc;
}

int df_ovsdb_no_database(const struct df_db *db, struct df_error *error)
{
    if (*db->head.instance)
        return df_error_set(error, -ENODEV, "the northbound database in %s was removed: run df-db --db ovsdb:%s init",
                            db->config.location, db->config.location);
    return df_error_set(error, -ENOENT, "no northbound database in %s: run df-db --db ovsdb:%s init",
                        db->config.location, db->config.location);
}

int df_ovsdb_note_head(struct df_db *db, const struct df_ovsdb_head *head, struct df_error *error)
{
    if (!head->is_there)
        return df_ovsdb_no_database(db, error);
    if (head->version > DF_OVSDB_VERSION)
        return df_error_set(error, -EPROTO,
                            "%s: the database has version %llu, this program knows %d: use a newer "
                            "Dragonflow",
                            db->config.location, (unsigned long long)head->version, DF_OVSDB_VERSION);
    bool is_behind = head->revision < db->head.revision && strcmp(head->instance, db->head.instance) == 0;
    if (df_ovsdb_session_leave(db->session, is_behind))
        return df_error_set(error, -EHOSTDOWN,
                            "%s: is at revision %llu, and %llu was seen already: it is not up to date",
                            df_ovsdb_session_place(db->session), (unsigned long long)head->revision,
                            (unsigned long long)db->head.revision);
    db->head = *head;
    return 0;
}

/* A head that came with an answer: a server that is behind is left. */
static int take_head(struct df_db *db, const struct df_ovsdb_head *head, struct df_error *error)
{
    int rc = df_ovsdb_note_head(db, head, error);
    return rc == -EHOSTDOWN ? df_ovsdb_session_fail(db->session, rc, error) : rc;
}

/* One commit, over all of its attempts. */
struct work {
    struct df_ovsdb_wish *wish;
    struct df_ovsdb_known *known;
    json_t *reading; /* holds what known[] points to */
    bool must_read;
    unsigned races;
    uint64_t deadline;
    bool may_be_done; /* an answer was lost */
    uint64_t done;    /* the revision, when it is known to be done */
};

static bool is_met(const struct df_db_op *op, const struct df_ovsdb_known *known)
{
    switch (op->expect) {
    case DF_DB_ABSENT:
        return !known->exists;
    case DF_DB_REVISION:
        return known->exists && known->revision == op->revision;
    default:
        return true;
    }
}

static int unmet(const struct work *work, size_t i, size_t *failed, struct df_error *error)
{
    *failed = i;
    return df_error_set(error, -EAGAIN, "%s '%s' was changed by another writer", work->wish->ops[i].table,
                        work->wish->ops[i].id);
}

/* Reads what the rows are now. *changes: how many of the operations change anything. */
static int read_rows(struct df_db *db, struct work *work, size_t *changes, size_t *failed, struct df_error *error)
{
    const struct df_ovsdb_wish *wish = work->wish;
    struct df_ovsdb_head head;
    bool is_unsure;
    *changes = 0;
    json_decref(work->reading);
    work->reading = NULL;
    work->wish->known = NULL;
    int rc = df_ovsdb_transact(db, df_ovsdb_plan_reading(wish), work->deadline, &work->reading, &is_unsure, error);
    if (rc == 0)
        rc = df_ovsdb_plan_read(wish, work->reading, &head, work->known, &work->done, error);
    if (rc == 0)
        rc = take_head(db, &head, error);
    if (rc || work->done)
        return rc;
    for (size_t i = 0; i < wish->n; i++) {
        if (!is_met(&wish->ops[i], &work->known[i]))
            return unmet(work, i, failed, error);
        *changes += wish->ops[i].data || work->known[i].exists;
    }
    work->wish->known = work->known;
    return 0;
}

/* The more often others were quicker, the longer the pause, up to 16 ms, so that all of them come through. */
static void give_way(struct work *work)
{
    unsigned shift = work->races++;
    if (shift > 1)
        poll(NULL, 0, (int)arc4random_uniform(1u << (shift < 6 ? shift - 1 : 4)));
}

/* 1: try again. */
static int follow_up(struct df_db *db, struct work *work, const struct df_ovsdb_outcome *outcome, size_t *failed,
                     struct df_error *error)
{
    int rc = outcome->fate == DF_OVSDB_FAILED ? outcome->rc : take_head(db, &outcome->head, error);
    if (rc)
        return rc;
    switch (outcome->fate) {
    case DF_OVSDB_DONE:
        work->done = outcome->revision;
        return 0;
    case DF_OVSDB_DEMAND:
        return unmet(work, outcome->op, failed, error);
    case DF_OVSDB_FURTHER:
        *failed = 0;
        return df_error_set(error, -EAGAIN, "another was quicker");
    case DF_OVSDB_TOPICS:
        work->must_read = true;
        return 1;
    default:
        give_way(work);
        return 1;
    }
}

static int attempt(struct df_db *db, struct work *work, size_t *failed, struct df_error *error)
{
    struct df_ovsdb_plan plan;
    json_t *result;
    bool is_unsure;
    size_t changes = 1;
    int rc = work->must_read ? read_rows(db, work, &changes, failed, error) : 0;
    if (rc == 0 && !work->done && !changes)
        work->done = db->head.revision;
    if (rc || work->done)
        return rc;
    rc = df_ovsdb_plan_make(&plan, work->wish, &db->head, error);
    if (rc)
        return rc;
    rc = df_ovsdb_transact(db, json_incref(plan.params), work->deadline, &result, &is_unsure, error);
    work->may_be_done |= is_unsure;
    if (rc == 0) {
        struct df_ovsdb_outcome outcome = df_ovsdb_plan_judge(&plan, result, error);
        work->may_be_done |= outcome.fate == DF_OVSDB_FAILED && outcome.rc == -EINPROGRESS;
        rc = follow_up(db, work, &outcome, failed, error);
    }
    json_decref(result);
    df_ovsdb_plan_clear(&plan);
    return rc;
}

/* Whether another attempt can mend this: the line failed, and may be better in a moment. */
static bool is_passing(int rc)
{
    return rc == -ECONNRESET || rc == -EPIPE || rc == -ECONNREFUSED || rc == -EHOSTDOWN || rc == -ENOTCONN ||
           rc == -EINPROGRESS || rc == -ETIMEDOUT;
}

/*
 * While an answer is missing it is worth asking until the end, and a server that is behind will not be for long; else
 * the caller is told at once that nobody answers.
 */
static bool goes_on(const struct work *work, int rc)
{
    if (rc == 0 || df_ovsdb_now_ms() >= work->deadline)
        return false;
    return rc == 1 || rc == -EHOSTDOWN || (work->may_be_done && is_passing(rc));
}

static int finish(const struct work *work, int rc, struct df_error *error)
{
    char why[DF_ERROR_MAX];
    if (rc == 1) {
        df_error_set(error, rc = -ETIMEDOUT, "others write so much that a commit found no room among them");
    }
    if (rc == 0 || rc == -EAGAIN || !work->may_be_done)
        return rc;
    memcpy(why, error ? error->text : "", error ? sizeof why : 1);
    return df_error_set(error, -EINPROGRESS, "%.400s; a commit may have been done or not", why);
}

int df_ovsdb_commit(struct df_db *db, struct df_ovsdb_wish *wish, size_t *failed, uint64_t *revision,
                    struct df_error *error)
{
    struct work work = {.wish = wish, .deadline = df_ovsdb_session_deadline(db->session)};
    work.known = calloc(wish->n ? wish->n : 1, sizeof *work.known);
    if (!work.known)
        return df_error_set(error, -ENOMEM, "out of memory");
    for (size_t i = 0; i < wish->n; i++) {
        const struct df_db_op *op = &wish->ops[i];
        work.must_read |= op->expect == DF_DB_ANY || (!op->data && !op->topics);
    }
    arc4random_buf(wish->commit_id, sizeof wish->commit_id);
    int rc;
    while (goes_on(&work, rc = attempt(db, &work, failed, error)))
        if (rc < 0)
            poll(NULL, 0, AGAIN_MS);
    json_decref(work.reading);
    free(work.known);
    *revision = work.done;
    return finish(&work, rc, error);
}
