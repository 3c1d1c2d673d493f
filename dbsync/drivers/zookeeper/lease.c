/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/zookeeper/lease.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dbsync/drivers/log_store/body.h"
#include "dbsync/drivers/zookeeper/multi.h"

#define TTL_MAX 3600 /* seconds */

struct df_zk_lease {
    struct df_zk_lease *next;
    struct df_zk_session *session;
    char *name, *owner;
    unsigned ttl;
};

static struct df_zk_lease **find(struct df_zk_lease **held, const char *name)
{
    while (*held && strcmp((*held)->name, name) != 0)
        held = &(*held)->next;
    return held;
}

static void lease_free(struct df_zk_lease *lease)
{
    df_zk_session_free(lease->session);
    free(lease->name);
    free(lease->owner);
    free(lease);
}

static int lease_new(struct df_zk *zk, const char *name, const char *owner, unsigned ttl, struct df_zk_lease **result,
                     struct df_error *error)
{
    struct df_zk_lease *lease = calloc(1, sizeof *lease);
    if (!lease || !(lease->name = strdup(name)) || !(lease->owner = strdup(owner))) {
        if (lease)
            lease_free(lease);
        return df_zk_no_memory(error);
    }
    struct df_zk_session_config config = {.place = &zk->place, .user = zk->user, .password = zk->password};
    config.session_ms = ttl * 1000;
    config.timeout_ms = zk->timeout_ms;
    config.bell = -1;
    lease->ttl = ttl;
    int rc = df_zk_session_new(&config, &lease->session, error);
    if (rc)
        lease_free(lease);
    else
        *result = lease;
    return rc;
}

static int busy(const char *name, const char *owner, size_t len, struct df_error *error)
{
    return df_error_set(error, -EBUSY, "lease '%s' is held by %.*s", name, (int)len, owner);
}

/*
 * Looks who holds the lease. @return 0: nobody, 1: this session, 2: this owner in another session, that of a process
 * that died, say; -EBUSY
 */
static int look(struct df_zk *zk, struct df_zk_session *session, const char *name, const char *owner,
                struct df_error *error)
{
    char path[DF_ZK_PATH_MAX];
    df_zk_drop(df_zk_sync(session, DF_ZK_ASK));
    struct df_zk_request *lock = df_zk_get(session, df_zk_path_name(&zk->place, "lock", name, NULL, path), DF_ZK_ASK);
    if (!lock)
        return df_zk_no_memory(error);
    int rc = df_zk_wait(lock);
    if (rc == ZNONODE)
        rc = 0;
    else if (rc)
        rc = df_zk_session_error(session, rc, error);
    else if (lock->stat.ephemeralOwner == df_zk_session_id(session))
        rc = 1;
    else if (lock->len == strlen(owner) && memcmp(lock->data, owner, lock->len) == 0)
        rc = 2;
    else
        rc = busy(name, lock->data ? lock->data : "", lock->len, error);
    df_zk_drop(lock);
    return rc;
}

/* The two nodes go or come together. */
static int change(struct df_zk *zk, const struct df_zk_lease *lease, bool drop, bool take)
{
    char lock[DF_ZK_PATH_MAX], row[DF_ZK_PATH_MAX];
    struct df_zk_multi multi;
    df_zk_path_name(&zk->place, "lock", lease->name, NULL, lock);
    df_zk_path_name(&zk->place, "lease", lease->name, lease->owner, row);
    df_zk_multi_init(&multi, lease->session);
    int rc = drop ? df_zk_multi_delete(&multi, lock) : ZOK;
    if (rc == ZOK && drop)
        rc = df_zk_multi_delete(&multi, row);
    if (rc == ZOK && take)
        rc = df_zk_multi_create(&multi, lock, lease->owner, strlen(lease->owner), ZOO_EPHEMERAL);
    if (rc == ZOK && take)
        rc = df_zk_multi_create(&multi, row, "", 0, ZOO_EPHEMERAL);
    if (rc == ZOK)
        rc = df_zk_multi_run(&multi);
    df_zk_multi_clear(&multi);
    return rc;
}

/* A server has limits for sessions; a watcher must hear of a death within the time to live and a third of it. */
static int check_granted(const struct df_zk *zk, const struct df_zk_lease *lease, struct df_error *error)
{
    unsigned granted = df_zk_session_granted_ms(lease->session);
    if (granted <= lease->ttl * 4000 / 3)
        return 0;
    return df_error_set(error, -EINVAL,
                        "zookeeper:%s: lease '%s' is for %u s, and the server has no sessions under %u ms: set its "
                        "minSessionTimeout",
                        zk->place.text, lease->name, lease->ttl, granted);
}

static int take_once(struct df_zk *zk, struct df_zk_lease *lease, struct df_error *error)
{
    int rc = df_zk_session_ready(lease->session, error);
    if (rc == 0)
        rc = check_granted(zk, lease, error);
    if (rc == 0)
        rc = look(zk, lease->session, lease->name, lease->owner, error);
    if (rc == 1 || rc < 0)
        return rc < 0 ? rc : 0;
    int code = change(zk, lease, rc == 2, true);
    if (code == ZNODEEXISTS || code == ZNONODE)
        return -ESTALE;
    return code ? df_zk_session_error(lease->session, code, error) : 0;
}

/* As it looks first, it may be done again when the answer was lost. */
static int take(struct df_zk *zk, struct df_zk_lease *lease, struct df_error *error)
{
    uint64_t end = df_zk_now_ms() + zk->timeout_ms;
    int rc;
    do
        rc = take_once(zk, lease, error);
    while ((rc == -ESTALE || rc == -ETIMEDOUT) && df_zk_now_ms() < end && df_zk_session_id(lease->session));
    return rc == -ESTALE ? -ETIMEDOUT : rc;
}

struct wanted {
    const char *name, *owner;
};

static int look_first(struct df_zk *zk, void *arg, struct df_error *error)
{
    const struct wanted *wanted = arg;
    return look(zk, zk->session, wanted->name, wanted->owner, error);
}

static int check_names(const char *name, const char *owner, unsigned ttl, struct df_error *error)
{
    const struct df_db_op names = {.table = owner, .id = name};
    if (df_body_check(&names, 1, NULL))
        return df_error_set(error, -EINVAL, "lease '%s' of '%s': names have 1 to %d bytes", name, owner,
                            DF_BODY_NAME_MAX);
    if (ttl == 0 || ttl > TTL_MAX)
        return df_error_set(error, -EINVAL, "lease '%s': a time to live is 1 to %d seconds", name, TTL_MAX);
    return 0;
}

/* Asks in the handle's session first: one who only wants to know whether it is free makes no session of its own. */
static int take_new(struct df_zk *zk, struct df_zk_lease **held, const char *name, const char *owner, unsigned ttl,
                    struct df_error *error)
{
    struct wanted wanted = {name, owner};
    struct df_zk_lease *lease = NULL;
    int rc = df_zk_retry(zk, look_first, &wanted, error);
    if (rc < 0)
        return rc;
    rc = lease_new(zk, name, owner, ttl, &lease, error);
    if (rc)
        return rc;
    rc = take(zk, lease, error);
    if (rc) {
        lease_free(lease);
        return rc;
    }
    lease->next = *held;
    *held = lease;
    return 0;
}

int df_zk_lease_take(struct df_zk *zk, struct df_zk_lease **held, const char *name, const char *owner, unsigned ttl,
                     struct df_error *error)
{
    int rc = check_names(name, owner, ttl, error);
    if (rc)
        return rc;
    struct df_zk_lease *mine = *find(held, name);
    if (mine && strcmp(mine->owner, owner) != 0)
        return busy(name, mine->owner, strlen(mine->owner), error);
    if (mine && mine->ttl == ttl)
        return take(zk, mine, error);
    if (mine)
        df_zk_lease_release(zk, held, name, NULL);
    return take_new(zk, held, name, owner, ttl, error);
}

int df_zk_lease_release(struct df_zk *zk, struct df_zk_lease **held, const char *name, struct df_error *error)
{
    struct df_zk_lease **at = find(held, name), *lease = *at;
    if (!lease)
        return df_error_set(error, -ENOENT, "lease '%s' is not held", name);
    *at = lease->next;
    int rc = df_zk_session_id(lease->session) ? change(zk, lease, true, false) : ZOK;
    rc = rc == ZOK || rc == ZNONODE ? 0 : df_zk_session_error(lease->session, rc, error);
    lease_free(lease);
    return rc;
}

void df_zk_lease_release_all(struct df_zk *zk, struct df_zk_lease **held)
{
    while (*held)
        df_zk_lease_release(zk, held, (*held)->name, NULL);
}
