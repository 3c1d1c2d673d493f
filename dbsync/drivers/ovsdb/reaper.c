/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dbsync/drivers/ovsdb/private.h"

/*
 * The reaper works between the calls of its handle's watch(), which must not wait: it asks, and goes on when the answer
 * has come.
 */

#define READINGS                                                                                                       \
    8 /* in the shortest time to live: two of them and the time to live are less than the contract allows */
#define SHORTEST_MS 50
#define AGAIN_MS 20 /* after others were quicker than a deletion */

static int enlisted(void *arg, json_t *result, json_t *refusal, struct df_error *error)
{
    (void)refusal;
    (void)error;
    if (json_is_true(json_object_get(result, "locked")))
        df_ovsdb_reaper_appoint(arg);
    return 0;
}

int df_ovsdb_reaper_enlist(struct df_db *db, struct df_error *error)
{
    db->leases.is_reaper = db->leases.is_busy = false;
    if (!db->is_watched || db->config.read_only)
        return 0;
    return df_ovsdb_session_ask(db->session, "lock", json_pack("[s]", DF_OVSDB_REAPER), enlisted, db, error);
}

void df_ovsdb_reaper_appoint(struct df_db *db)
{
    db->leases.is_reaper = true;
    db->leases.next_reading = 0;
}

uint64_t df_ovsdb_reaper_due(const struct df_db *db)
{
    const struct df_ovsdb_leases *leases = &db->leases;
    if (!leases->is_reaper || leases->is_busy)
        return UINT64_MAX;
    return db->stream.leases_changed ? 0 : leases->next_reading;
}

/* Deletes one dead lease, unless its holder turns out to live, or something else was written meanwhile. */
static int deleted(void *arg, json_t *result, json_t *refusal, struct df_error *error)
{
    struct df_db *db = arg;
    (void)result;
    (void)refusal;
    (void)error;
    db->leases.is_busy = false;
    db->leases.next_reading = df_ovsdb_now_ms() + AGAIN_MS;
    return 0;
}

static int delete_dead(struct df_db *db, const struct df_ovsdb_lease *lease, const struct df_ovsdb_head *head,
                       struct df_error *error)
{
    char uuid[DF_OVSDB_UUID_LEN + 1];
    struct df_ovsdb_plan plan;
    struct df_db_op op = {.table = DF_DB_LEASES, .id = lease->name};
    struct df_ovsdb_known known = {.exists = true};
    struct df_ovsdb_wish wish = {.ops = &op, .n = 1, .known = &known};
    df_ovsdb_uuid("Lease", lease->name, strlen(lease->name), uuid);
    arc4random_buf(wish.commit_id, sizeof wish.commit_id);
    json_t *row = json_pack("{s:I}", "beats", (json_int_t)lease->beats);
    wish.demands = json_pack("[o]", df_ovsdb_demand("Lease", uuid, json_pack("[s]", "beats"), row));
    wish.deeds = json_pack("[{s:s, s:s, s:o}]", "op", "delete", "table", "Lease", "where", df_ovsdb_where(uuid));
    int rc = df_ovsdb_plan_make(&plan, &wish, head, error);
    if (rc == 0) {
        rc = df_ovsdb_session_ask(db->session, "transact", json_incref(plan.params), deleted, db, error);
        db->leases.is_busy = rc == 0;
        df_ovsdb_plan_clear(&plan);
    }
    json_decref(wish.demands);
    json_decref(wish.deeds);
    return rc;
}

/* What was not there this time is forgotten. */
static void forget_gone(struct df_ovsdb_leases *leases)
{
    struct df_ovsdb_sight *sight, *next;
    HASH_ITER(hh, leases->sights, sight, next) {
        if (sight->round == leases->round)
            continue;
        HASH_DEL(leases->sights, sight);
        free(sight);
    }
}

/* Looks at all leases; the first that is dead is in *dead. */
static int look(struct df_ovsdb_leases *leases, const json_t *rows, struct df_ovsdb_lease *dead, bool *found,
                struct df_error *error)
{
    struct df_ovsdb_lease lease;
    uint64_t now = df_ovsdb_now_ms(), shortest = UINT64_MAX;
    size_t i;
    json_t *columns;
    *found = false;
    leases->round++;
    json_array_foreach(rows, i, columns) {
        int rc = df_ovsdb_answer_lease(columns, &lease, error);
        if (rc)
            return rc;
        if (df_ovsdb_lease_see(leases, &lease, now) == 1 && !*found) {
            *found = true;
            *dead = lease;
        }
        shortest = lease.ttl * 1000 / READINGS < shortest ? lease.ttl * 1000 / READINGS : shortest;
    }
    forget_gone(leases);
    if (shortest == UINT64_MAX)
        leases->next_reading = UINT64_MAX;
    else
        leases->next_reading = now + (shortest > SHORTEST_MS ? shortest : SHORTEST_MS);
    return 0;
}

static int read_all(void *arg, json_t *result, json_t *refusal, struct df_error *error)
{
    struct df_db *db = arg;
    struct df_ovsdb_head head;
    struct df_ovsdb_lease dead;
    struct df_ovsdb_verdict verdict;
    bool found;
    db->leases.is_busy = false;
    if (!error || refusal)
        return 0;
    int rc = df_ovsdb_answer_verdict(result, 3, &verdict, error);
    if (rc == 0 && verdict.tag)
        rc = df_ovsdb_refusal(&verdict, error);
    if (rc == 0)
        rc = df_ovsdb_answer_head(json_array_get(result, 0), json_array_get(result, 1), &head, error);
    if (rc == 0)
        rc = look(&db->leases, json_object_get(json_array_get(result, 2), "rows"), &dead, &found, error);
    return rc || !found ? rc : delete_dead(db, &dead, &head, error);
}

void df_ovsdb_reaper_run(struct df_db *db)
{
    struct df_error error;
    if (!df_ovsdb_session_is_ready(db->session) || df_ovsdb_reaper_due(db) > df_ovsdb_now_ms())
        return;
    db->stream.leases_changed = false;
    json_t *params =
        json_pack("[s, o, o, o]", DF_OVSDB_DATABASE, df_ovsdb_select("Revision", NULL, json_pack("[s]", "revision")),
                  df_ovsdb_select("Meta", NULL, json_pack("[s,s,s,s,s,s]", DF_OVSDB_META_COLUMNS)),
                  df_ovsdb_select("Lease", NULL, json_pack("[s,s,s,s]", DF_OVSDB_LEASE_COLUMNS)));
    int rc = df_ovsdb_session_ask(db->session, "transact", params, read_all, db, &error);
    db->leases.is_busy = rc == 0;
    db->leases.next_reading = df_ovsdb_now_ms() + SHORTEST_MS;
}
