/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/ovsdb/lease.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dbsync/drivers/ovsdb/private.h"

#define ATTEMPTS 8

static void lease_uuid(const char *name, char uuid[DF_OVSDB_UUID_LEN + 1])
{
    df_ovsdb_uuid("Lease", name, strlen(name), uuid);
}

/* Sights. */

void df_ovsdb_lease_forget(struct df_ovsdb_leases *leases)
{
    struct df_ovsdb_sight *sight, *next;
    HASH_ITER(hh, leases->sights, sight, next) {
        HASH_DEL(leases->sights, sight);
        free(sight);
    }
}

int df_ovsdb_lease_see(struct df_ovsdb_leases *leases, const struct df_ovsdb_lease *lease, uint64_t now)
{
    struct df_ovsdb_sight *sight;
    HASH_FIND_STR(leases->sights, lease->name, sight);
    if (!sight) {
        if (HASH_COUNT(leases->sights) >= DF_OVSDB_LEASES_MAX || !(sight = calloc(1, sizeof *sight)))
            return -ENOMEM;
        strcpy(sight->name, lease->name);
        sight->beats = ~lease->beats;
        HASH_ADD_STR(leases->sights, name, sight);
    }
    sight->ttl_ms = lease->ttl * 1000;
    if (sight->beats != lease->beats || now - sight->looked > sight->ttl_ms / 2) {
        sight->beats = lease->beats;
        sight->since = now;
    }
    sight->looked = now;
    sight->round = leases->round;
    return now - sight->since >= sight->ttl_ms;
}

/* What we hold. */

static struct df_ovsdb_held **find_held(struct df_ovsdb_leases *leases, const char *name)
{
    struct df_ovsdb_held **at = &leases->held;
    while (*at && strcmp((*at)->name, name) != 0)
        at = &(*at)->next;
    return at;
}

static void drop_held(struct df_ovsdb_leases *leases, const char *name)
{
    struct df_ovsdb_held **at = find_held(leases, name), *held = *at;
    if (!held)
        return;
    *at = held->next;
    free(held);
    leases->n_held--;
}

static int keep_held(struct df_ovsdb_leases *leases, const char *name, const char *owner, unsigned ttl)
{
    struct df_ovsdb_held *held = *find_held(leases, name);
    if (!held) {
        held = calloc(1, sizeof *held);
        if (!held)
            return -ENOMEM;
        strcpy(held->name, name);
        held->next = leases->held;
        leases->held = held;
        leases->n_held++;
    }
    strcpy(held->owner, owner);
    held->ttl = ttl;
    return 0;
}

/* Renewing. */

static json_t *is_owner(const char *uuid, const char *owner)
{
    return df_ovsdb_demand("Lease", uuid, json_pack("[s]", "owner"), json_pack("{s:o}", "owner", df_ovsdb_name(owner)));
}

/* -ENOENT: it is not ours any more. */
static int beat(struct df_db *db, const char *name, const char *owner, unsigned ttl, struct df_error *error)
{
    char uuid[DF_OVSDB_UUID_LEN + 1];
    struct df_ovsdb_verdict verdict;
    json_t *result;
    bool is_unsure;
    lease_uuid(name, uuid);
    json_t *more = json_pack("{s:s, s:s, s:o, s:[[s,s,i]]}", "op", "mutate", "table", "Lease", "where",
                             df_ovsdb_where(uuid), "mutations", "beats", "+=", 1);
    json_t *update = json_pack("{s:s, s:s, s:o, s:{s:i}}", "op", "update", "table", "Lease", "where",
                               df_ovsdb_where(uuid), "row", "ttl", ttl);
    json_t *params = json_pack("[s, o, o, o]", DF_OVSDB_DATABASE, is_owner(uuid, owner), more, update);
    int rc = df_ovsdb_transact(db, params, df_ovsdb_session_deadline(db->session), &result, &is_unsure, error);
    if (rc)
        return rc;
    rc = df_ovsdb_answer_verdict(result, 3, &verdict, error);
    if (rc == 0 && verdict.tag)
        rc = strcmp(verdict.tag, "timed out") == 0 ? -ENOENT : df_ovsdb_refusal(&verdict, error);
    json_decref(result);
    return rc;
}

/* Taking. */

/* What is there of a lease. */
struct found {
    bool has_lease, has_row;
    struct df_ovsdb_lease lease;
    uint64_t row_revision;
};

static int look(struct df_db *db, const char *name, struct found *found, struct df_error *error)
{
    char uuid[DF_OVSDB_UUID_LEN + 1], row[DF_OVSDB_UUID_LEN + 1];
    json_t *result;
    *found = (struct found){0};
    lease_uuid(name, uuid);
    df_ovsdb_row_uuid(DF_DB_LEASES, name, row);
    json_t *params = json_pack("[s, o, o]", DF_OVSDB_DATABASE,
                               df_ovsdb_select("Lease", uuid, json_pack("[s,s,s,s]", DF_OVSDB_LEASE_COLUMNS)),
                               df_ovsdb_select("Row", row, json_pack("[s]", "revision")));
    int rc = df_ovsdb_query(db, params, 2, &result, error);
    if (rc)
        return rc;
    const json_t *lease = json_array_get(json_object_get(json_array_get(result, 0), "rows"), 0);
    found->has_lease = lease != NULL;
    if (lease)
        rc = df_ovsdb_answer_lease(lease, &found->lease, error);
    if (rc == 0)
        rc = df_ovsdb_answer_number(json_array_get(result, 1), "revision", &found->row_revision, error);
    found->has_row = found->row_revision != 0;
    json_decref(result);
    return rc;
}

/* That the lease is as it was found; NULL: as somebody who wants to delete it found it. */
static json_t *unchanged(const char *uuid, const struct df_ovsdb_lease *lease)
{
    json_t *row = lease ? json_pack("{s:I}", "beats", (json_int_t)lease->beats) : NULL;
    return json_pack("[o]", df_ovsdb_demand("Lease", uuid, json_pack("[s]", "beats"), row));
}

static json_t *setting(const char *uuid, const char *name, const char *owner, unsigned ttl, bool exists)
{
    uint64_t start;
    arc4random_buf(&start, sizeof start);
    json_t *row = json_pack("{s:o, s:o, s:I, s:i}", "name", df_ovsdb_name(name), "owner", df_ovsdb_name(owner), "beats",
                            (json_int_t)(start >> 16), "ttl", ttl);
    if (exists)
        return json_pack("[{s:s, s:s, s:o, s:o}]", "op", "update", "table", "Lease", "where", df_ovsdb_where(uuid),
                         "row", row);
    return json_pack("[{s:s, s:s, s:s, s:o}]", "op", "insert", "table", "Lease", "uuid", uuid, "row", row);
}

static int write_lease(struct df_db *db, const char *name, const char *owner, unsigned ttl, const struct found *found,
                       struct df_error *error)
{
    char uuid[DF_OVSDB_UUID_LEN + 1];
    size_t failed;
    uint64_t revision;
    struct df_db_op op = {.table = DF_DB_LEASES, .id = name, .data = owner, .len = strlen(owner)};
    op.expect = found->has_row ? DF_DB_REVISION : DF_DB_ABSENT;
    op.revision = found->row_revision;
    lease_uuid(name, uuid);
    struct df_ovsdb_wish wish = {.ops = &op,
                                 .n = 1,
                                 .demands = unchanged(uuid, found->has_lease ? &found->lease : NULL),
                                 .deeds = setting(uuid, name, owner, ttl, found->has_lease)};
    int rc = df_ovsdb_commit(db, &wish, &failed, &revision, error);
    json_decref(wish.demands);
    json_decref(wish.deeds);
    return rc;
}

/* One look and what follows from it; -EAGAIN: it has changed meanwhile. */
static int try_take(struct df_db *db, const char *name, const char *owner, unsigned ttl, struct df_error *error)
{
    struct found found;
    int rc = look(db, name, &found, error);
    if (rc)
        return rc;
    bool is_ours = found.has_lease && strcmp(found.lease.owner, owner) == 0;
    if (is_ours && found.has_row) {
        rc = beat(db, name, owner, ttl, error);
        return rc == -ENOENT ? -EAGAIN : rc;
    }
    if (found.has_lease && !is_ours) {
        int dead = df_ovsdb_lease_see(&db->leases, &found.lease, df_ovsdb_now_ms());
        if (dead < 0)
            return df_error_set(error, dead, "out of memory");
        if (!dead)
            return df_error_set(error, -EBUSY, "lease '%s' is held by %s", name, found.lease.owner);
    }
    return write_lease(db, name, owner, ttl, &found, error);
}

static int check_names(const struct df_db *db, const char *name, const char *owner, struct df_error *error)
{
    if (db->config.read_only)
        return df_error_set(error, -EROFS, "%s was opened for reading only", db->config.location);
    if (!*name || strlen(name) > DF_OVSDB_NAME_MAX || !*owner || strlen(owner) > DF_OVSDB_NAME_MAX)
        return df_error_set(error, -EINVAL, "lease '%s' for '%s': names have 1 to %d bytes", name, owner,
                            DF_OVSDB_NAME_MAX);
    if (db->leases.n_held >= DF_OVSDB_HELD_MAX)
        return df_error_set(error, -ENOSPC, "lease '%s': one handle holds %d at most", name, DF_OVSDB_HELD_MAX);
    return 0;
}

int df_ovsdb_lease_take(struct df_db *db, const char *name, const char *owner, unsigned ttl, struct df_error *error)
{
    int rc = check_names(db, name, owner, error);
    if (rc)
        return rc;
    const struct df_ovsdb_held *held = *find_held(&db->leases, name);
    rc = -ENOENT;
    if (held && strcmp(held->owner, owner) == 0)
        rc = beat(db, name, owner, ttl, error);
    if (rc != -ENOENT)
        return rc;
    rc = -EAGAIN;
    for (int i = 0; i < ATTEMPTS && (rc == -EAGAIN || rc == -EINPROGRESS); i++)
        rc = try_take(db, name, owner, ttl, error);
    if (rc == 0 && keep_held(&db->leases, name, owner, ttl))
        rc = df_error_set(error, -ENOMEM, "out of memory");
    else if (rc)
        drop_held(&db->leases, name);
    return rc;
}

/* Releasing. */

static int delete_lease(struct df_db *db, const char *name, json_t *demands, struct df_error *error)
{
    char uuid[DF_OVSDB_UUID_LEN + 1];
    size_t failed;
    uint64_t revision;
    struct df_db_op op = {.table = DF_DB_LEASES, .id = name};
    lease_uuid(name, uuid);
    json_t *deeds = json_pack("[{s:s, s:s, s:o}]", "op", "delete", "table", "Lease", "where", df_ovsdb_where(uuid));
    struct df_ovsdb_wish wish = {.ops = &op, .n = 1, .demands = demands, .deeds = deeds};
    int rc = df_ovsdb_commit(db, &wish, &failed, &revision, error);
    json_decref(deeds);
    return rc;
}

int df_ovsdb_lease_release(struct df_db *db, const char *name, struct df_error *error)
{
    char uuid[DF_OVSDB_UUID_LEN + 1];
    const struct df_ovsdb_held *held = *find_held(&db->leases, name);
    if (!held)
        return df_error_set(error, -ENOENT, "lease '%s' is not held by us", name);
    lease_uuid(name, uuid);
    json_t *demands = json_pack("[o]", is_owner(uuid, held->owner));
    int rc = delete_lease(db, name, demands, error);
    json_decref(demands);
    if (rc == -EAGAIN)
        rc = df_error_set(error, -ENOENT, "lease '%s' is not held by us any more", name);
    if (rc == 0 || rc == -ENOENT)
        drop_held(&db->leases, name);
    return rc;
}

void df_ovsdb_lease_close(struct df_db *db)
{
    while (db->leases.held) {
        if (df_ovsdb_session_is_ready(db->session))
            df_ovsdb_lease_release(db, db->leases.held->name, NULL);
        if (db->leases.held)
            drop_held(&db->leases, db->leases.held->name);
    }
    df_ovsdb_lease_forget(&db->leases);
}
