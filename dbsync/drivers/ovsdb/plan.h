/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dbsync/driver.h"
#include "dbsync/drivers/ovsdb/answer.h"

/*
 * A commit as one OVSDB transaction, and what became of it. Pure.
 *
 * It applies only while table Revision has the number that the plan was made for, and raises that number by one: so
 * commits are in one order, each has a revision of its own, and what the plan knows of the database is true when it is
 * applied. What the caller demands of rows stands before that, so that a demand that fails is known to have failed
 * whatever the number. Each changed row is also inserted into the log, table Change.
 *
 * The first log row's _uuid is made from a random number of the commit: with it a commit that is sent again, because
 * its answer was lost, is known to have been done, and is never done twice.
 *
 * The log has two generations of DF_OVSDB_LOG_ROWS or DF_OVSDB_LOG_BYTES: when the newer is full, the commit that finds
 * it so drops the older one. Meta.mark is the revision at which the newer began, Meta.floor the last one of which log
 * rows may be gone.
 */

#define DF_OVSDB_LOG_ROWS 32768
#define DF_OVSDB_LOG_BYTES ((uint64_t)16 << 20)
#define DF_OVSDB_OPS_MAX 16384                 /* rows of a commit */
#define DF_OVSDB_COMMIT_MAX ((size_t)64 << 20) /* bytes of them */

/* What is known of the row of an operation. */
struct df_ovsdb_known {
    bool exists;
    uint64_t revision;
    json_t *topics; /* as the row has them; borrowed; NULL: none */
};

struct df_ovsdb_wish {
    const struct df_db_op *ops;
    size_t n;
    const struct df_ovsdb_known *known; /* as of head's revision, one an operation; NULL: what the demands say */
    json_t *demands;                    /* further waits, or NULL; borrowed */
    json_t *deeds;                      /* further operations, or NULL; borrowed */
    unsigned char commit_id[16];        /* random */
};

/* The operations that every plan begins with. */
enum { DF_OVSDB_SELECT_OWN, DF_OVSDB_SELECT_REVISION, DF_OVSDB_SELECT_META, DF_OVSDB_WAIT_OWN, DF_OVSDB_FIRST_STEP };

enum df_ovsdb_role { DF_OVSDB_ROLE_OTHER, DF_OVSDB_ROLE_DEMAND, DF_OVSDB_ROLE_TOPICS, DF_OVSDB_ROLE_FURTHER };

struct df_ovsdb_step {
    uint32_t op;
    enum df_ovsdb_role role;
};

struct df_ovsdb_plan {
    json_t *params; /* of the request "transact" */
    struct df_ovsdb_step *steps;
    size_t n, max;
    size_t changes, bytes;      /* of the log */
    struct df_ovsdb_head after; /* how far the database is when it is done */
};

/** @return 0; -EINVAL, -E2BIG or -ENOMEM with a message */
int df_ovsdb_plan_make(struct df_ovsdb_plan *plan, const struct df_ovsdb_wish *wish, const struct df_ovsdb_head *head,
                       struct df_error *error);
void df_ovsdb_plan_clear(struct df_ovsdb_plan *plan);

/* DONE: head is of after that, revision the commit's. RACED: others were quicker, head says how far they are. */
enum df_ovsdb_fate {
    DF_OVSDB_DONE,
    DF_OVSDB_RACED,
    DF_OVSDB_DEMAND,  /* operation `op` did not find what it demands */
    DF_OVSDB_TOPICS,  /* a row has other topics than the plan assumed: it must be read */
    DF_OVSDB_FURTHER, /* a further wait */
    DF_OVSDB_FAILED,  /* rc says how, with a message */
};

struct df_ovsdb_outcome {
    enum df_ovsdb_fate fate;
    struct df_ovsdb_head head;
    uint64_t revision;
    size_t op;
    int rc;
};

struct df_ovsdb_outcome df_ovsdb_plan_judge(const struct df_ovsdb_plan *plan, const json_t *result,
                                            struct df_error *error);

/** The request that reads what slow plans know: head, the commit's own trace, and the rows of operations. */
json_t *df_ovsdb_plan_reading(const struct df_ovsdb_wish *wish);

/*
 * What its result says. *revision is the commit's, when it was done before; else 0, and known[] is filled, whose topics
 * live as long as the result.
 */
int df_ovsdb_plan_read(const struct df_ovsdb_wish *wish, const json_t *result, struct df_ovsdb_head *head,
                       struct df_ovsdb_known known[], uint64_t *revision, struct df_error *error);

/** The words of topics as a set of OVSDB; NULL: no memory. */
json_t *df_ovsdb_topics(const char *words);

/* Parts of requests. */

/** {"op": "select"} of these columns, of the row of that _uuid or, where it is NULL, of all. columns is taken. */
json_t *df_ovsdb_select(const char *table, const char *uuid, json_t *columns);

/** {"op": "wait"}: the row (NULL: no row) has these values now. columns and row are taken. */
json_t *df_ovsdb_demand(const char *table, const char *uuid, json_t *columns, json_t *row);

/** [["_uuid", "==", ["uuid", UUID]]] */
json_t *df_ovsdb_where(const char *uuid);

/** What a refused operation means: a negative errno with a message. */
int df_ovsdb_refusal(const struct df_ovsdb_verdict *verdict, struct df_error *error);
