/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dbsync/drivers/redis/redis.h"

/*
 * Leases: see common.lua for when one ends. A lease belongs to its owner's name, so a holder that is started again takes
 * back what is its own.
 */

struct df_redis_leases {
    struct df_redis_leases *next;
    char name[DF_REDIS_NAME_MAX + 1];
    char owner[]; /* a string */
};

static struct df_redis_leases **find(struct df_redis_leases **held, const char *name)
{
    while (*held && strcmp((*held)->name, name) != 0)
        held = &(*held)->next;
    return held;
}

static void drop(struct df_redis_leases **at)
{
    struct df_redis_leases *lease = *at;
    *at = lease->next;
    free(lease);
}

static int check(struct df_db *db, const char *name, struct df_error *error)
{
    char key[DF_REDIS_KEY_MAX + 1];
    if (db->config.read_only)
        return df_error_set(error, -EROFS, "%s was opened for reading only", db->config.location);
    if (df_redis_row_key(DF_DB_LEASES, name, key) == 0)
        return df_error_set(error, -EINVAL, "lease '%s': a name has 1 to %d bytes", name, DF_REDIS_NAME_MAX);
    return 0;
}

/* Runs a script about a lease; *outcome points into *reply. */
static int call(struct df_db *db, enum df_redis_script script, const char *name, const char *owner, const char *ttl,
                redisReply **reply, const char **outcome, struct df_error *error)
{
    struct df_redis_command command = {0};
    df_redis_command_script(&command, script, db->history);
    df_redis_command_words(&command, name, owner, ttl, NULL);
    int rc = df_redis_call(db->link, &command, 1, DF_REDIS_REPEAT, reply, error);
    df_redis_command_clear(&command);
    if (rc)
        return rc;
    rc = df_redis_outcome(db, *reply, outcome, error);
    if (rc)
        df_redis_replies_free(reply, 1);
    return rc;
}

static struct df_redis_leases *new_lease(const char *name, const char *owner)
{
    size_t len = strlen(owner) + 1;
    struct df_redis_leases *lease = calloc(1, sizeof *lease + len);
    if (!lease)
        return NULL;
    snprintf(lease->name, sizeof lease->name, "%s", name);
    memcpy(lease->owner, owner, len);
    return lease;
}

static int held(const redisReply *reply, const char *name, struct df_error *error)
{
    bool is_named = df_redis_is_list(reply, 2) && df_redis_is_text(reply->element[1]);
    return df_error_set(error, -EBUSY, "lease '%s' is held by %s", name,
                        is_named ? reply->element[1]->str : "someone else");
}

int df_redis_lease_take(struct df_db *db, const char *name, const char *owner, unsigned ttl, struct df_error *error)
{
    struct df_redis_leases **mine = find(&db->leases, name), *lease = NULL;
    redisReply *reply;
    const char *outcome;
    char ms[24];
    int rc = check(db, name, error);
    if (rc)
        return rc;
    if (!*mine && !(lease = new_lease(name, owner)))
        return df_error_set(error, -ENOMEM, "out of memory");
    snprintf(ms, sizeof ms, "%llu", (unsigned long long)(ttl ? ttl : 1) * 1000);
    rc = call(db, DF_REDIS_LEASE, name, owner, ms, &reply, &outcome, error);
    if (rc == 0) {
        rc = strcmp(outcome, "held") == 0 ? held(reply, name, error) : 0;
        freeReplyObject(reply);
    }
    if (rc == -EBUSY && *mine)
        drop(mine);
    if (rc || *mine) {
        free(lease);
        return rc;
    }
    lease->next = db->leases;
    db->leases = lease;
    return 0;
}

int df_redis_lease_release(struct df_db *db, const char *name, struct df_error *error)
{
    struct df_redis_leases **mine = find(&db->leases, name);
    redisReply *reply;
    const char *outcome;
    if (!*mine)
        return df_error_set(error, -ENOENT, "lease '%s' is not held", name);
    int rc = call(db, DF_REDIS_RELEASE, name, (*mine)->owner, NULL, &reply, &outcome, error);
    if (rc)
        return rc;
    freeReplyObject(reply);
    drop(mine);
    return 0;
}

/* A database that is away is not waited for: it will see them end. */
void df_redis_lease_release_all(struct df_db *db)
{
    while (db->leases) {
        struct df_redis_leases *lease = db->leases;
        if (df_redis_link_stands(db->link))
            df_redis_lease_release(db, lease->name, NULL);
        if (db->leases == lease)
            drop(&db->leases);
    }
}
