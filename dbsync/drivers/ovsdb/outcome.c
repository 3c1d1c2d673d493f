/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>

#include "dbsync/drivers/ovsdb/plan.h"

/* What became of a plan. */

/* Tags of errors: RFC 7047, 3.1 and 5.2; "cluster error" and "I/O error" are ovsdb-server's own. */
int df_ovsdb_refusal(const struct df_ovsdb_verdict *verdict, struct df_error *error)
{
    const char *details = verdict->details ? verdict->details : "";
    static const struct {
        const char *tag, *remedy;
        int rc;
    } tags[] = {
        {"permission error", "give our certificate's name the rights to write (RBAC), or use ssl: with one", -EACCES},
        {"not allowed", "ovsdb-server serves this database for reading only (is it a backup server?)", -EACCES},
        {"duplicate uuid", "a commit writes a row only once", -EINVAL},
        {"resources exhausted", "ovsdb-server is short of memory or disk", -ENOSPC},
        {"I/O error", "is the server's disk full?", -EIO},
        {"cluster error", "the cluster may have done it or not", -EINPROGRESS},
    };
    for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++)
        if (strcmp(verdict->tag, tags[i].tag) == 0)
            return df_error_set(error, tags[i].rc, "the server refuses: %s: %s: %s", verdict->tag, details,
                                tags[i].remedy);
    return df_error_set(error, -EPROTO, "the server refuses: %s: %s", verdict->tag, details);
}

static struct df_ovsdb_outcome failed(int rc)
{
    return (struct df_ovsdb_outcome){.fate = DF_OVSDB_FAILED, .rc = rc};
}

/* The transaction stopped at a wait. */
static enum df_ovsdb_fate fate_of(enum df_ovsdb_role role)
{
    switch (role) {
    case DF_OVSDB_ROLE_DEMAND:
        return DF_OVSDB_DEMAND;
    case DF_OVSDB_ROLE_TOPICS:
        return DF_OVSDB_TOPICS;
    case DF_OVSDB_ROLE_FURTHER:
        return DF_OVSDB_FURTHER;
    default:
        return DF_OVSDB_RACED;
    }
}

struct df_ovsdb_outcome df_ovsdb_plan_judge(const struct df_ovsdb_plan *plan, const json_t *result,
                                            struct df_error *error)
{
    struct df_ovsdb_outcome outcome = {.fate = DF_OVSDB_DONE, .revision = plan->after.revision};
    struct df_ovsdb_verdict verdict;
    int rc = df_ovsdb_answer_verdict(result, plan->n, &verdict, error);
    if (rc)
        return failed(rc);
    if (verdict.tag && verdict.at < DF_OVSDB_WAIT_OWN)
        return failed(df_ovsdb_refusal(&verdict, error));
    uint64_t own;
    rc = df_ovsdb_answer_head(json_array_get(result, DF_OVSDB_SELECT_REVISION),
                              json_array_get(result, DF_OVSDB_SELECT_META), &outcome.head, error);
    if (rc == 0)
        rc = df_ovsdb_answer_number(json_array_get(result, DF_OVSDB_SELECT_OWN), "revision", &own, error);
    if (rc)
        return failed(rc);
    if (own) { /* it had been done, and its answer was lost */
        outcome.revision = own;
        return outcome;
    }
    if (!verdict.tag) {
        outcome.head = plan->after;
        return outcome;
    }
    if (strcmp(verdict.tag, "timed out") != 0 || verdict.at >= plan->n)
        return failed(df_ovsdb_refusal(&verdict, error));
    outcome.fate = fate_of(plan->steps[verdict.at].role);
    outcome.op = plan->steps[verdict.at].op;
    return outcome;
}

int df_ovsdb_plan_read(const struct df_ovsdb_wish *wish, const json_t *result, struct df_ovsdb_head *head,
                       struct df_ovsdb_known known[], uint64_t *revision, struct df_error *error)
{
    struct df_ovsdb_verdict verdict;
    int rc = df_ovsdb_answer_verdict(result, DF_OVSDB_WAIT_OWN + wish->n, &verdict, error);
    if (rc == 0 && verdict.tag)
        rc = df_ovsdb_refusal(&verdict, error);
    if (rc == 0)
        rc = df_ovsdb_answer_head(json_array_get(result, DF_OVSDB_SELECT_REVISION),
                                  json_array_get(result, DF_OVSDB_SELECT_META), head, error);
    if (rc == 0)
        rc = df_ovsdb_answer_number(json_array_get(result, DF_OVSDB_SELECT_OWN), "revision", revision, error);
    for (size_t i = 0; i < wish->n && rc == 0; i++) {
        const json_t *one = json_array_get(result, DF_OVSDB_WAIT_OWN + i);
        json_t *columns = json_array_get(json_object_get(one, "rows"), 0);
        rc = df_ovsdb_answer_number(one, "revision", &known[i].revision, error);
        known[i].exists = columns != NULL;
        known[i].topics = json_object_get(columns, "topics");
    }
    return rc;
}
