/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/zookeeper/zk.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "dbsync/drivers/zookeeper/multi.h"

int df_zk_malformed(const struct df_zk *zk, const char *path, struct df_error *error)
{
    return df_error_set(error, -EPROTO, "zookeeper:%s: %s has what Dragonflow does not write: restore it from a dump",
                        zk->place.text, path);
}

int df_zk_no_memory(struct df_error *error)
{
    return df_error_set(error, -ENOMEM, "out of memory");
}

struct df_zk_request *df_zk_ask_state(struct df_zk *zk, int how)
{
    char path[DF_ZK_PATH_MAX];
    return df_zk_get(zk->session, df_zk_path(&zk->place, "state", path), how);
}

int df_zk_take_state(struct df_zk *zk, struct df_zk_request *request, struct df_zk_state *state, int32_t *version,
                     struct df_error *error)
{
    if (!request)
        return df_zk_no_memory(error);
    int rc = df_zk_wait(request);
    if (rc)
        rc = df_zk_session_error(zk->session, rc, error);
    else if (df_zk_state_take(state, request->data, request->len))
        rc = df_zk_malformed(zk, "state", error);
    else if (version)
        *version = request->stat.version;
    df_zk_drop(request);
    return rc;
}

int df_zk_retry(struct df_zk *zk, int (*once)(struct df_zk *zk, void *arg, struct df_error *error), void *arg,
                struct df_error *error)
{
    uint64_t end = df_zk_now_ms() + zk->timeout_ms;
    int rc;
    do {
        rc = df_zk_session_ready(zk->session, error);
        if (rc == 0)
            rc = once(zk, arg, error);
        else
            return rc;
    } while ((rc == -ETIMEDOUT || rc == -ESTALE) && df_zk_now_ms() < end);
    return rc;
}

/* Whether the root says that it is a database of ours. */
static int check_marker(struct df_zk *zk, void *arg, struct df_error *error)
{
    char path[DF_ZK_PATH_MAX];
    unsigned version;
    (void)arg;
    df_zk_path(&zk->place, "", path);
    struct df_zk_request *sync = df_zk_sync(zk->session, DF_ZK_ASK), *request = df_zk_get(zk->session, path, DF_ZK_ASK);
    df_zk_drop(sync);
    if (!request)
        return df_zk_no_memory(error);
    int rc = df_zk_wait(request);
    if (rc == ZNONODE)
        rc = df_error_set(error, -ENOENT, "no database in %s of zookeeper at %s: run df-db --db zookeeper:%s init",
                          path, zk->place.hosts, zk->place.text);
    else if (rc)
        rc = df_zk_session_error(zk->session, rc, error);
    else if (df_zk_marker_take(&version, request->data, request->len))
        rc = df_error_set(error, -EPROTO,
                          "zookeeper:%s: %s is something else than a database of Dragonflow: configure "
                          "another root, HOST/ROOT",
                          zk->place.text, path);
    else if (version != DF_ZK_VERSION)
        rc = df_error_set(error, -EPROTO,
                          "zookeeper:%s: the database is of version %u, and this program knows "
                          "version %d: upgrade it",
                          zk->place.text, version, DF_ZK_VERSION);
    df_zk_drop(request);
    return rc;
}

int df_zk_check(struct df_zk *zk, struct df_error *error)
{
    return df_zk_retry(zk, check_marker, NULL, error);
}

/* Revisions go on where no database before this one can have been, so that none is used again. */
static struct df_zk_state first_state(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t us = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
    return (struct df_zk_state){.revision = us, .oldest = us + 1};
}

static int add_nodes(struct df_zk *zk, struct df_zk_multi *multi)
{
    static const char *const folders[] = {"log", "rows", "tail", "stage", "lock", "lease"};
    char path[DF_ZK_PATH_MAX], text[DF_ZK_STATE_MAX];
    struct df_zk_state state = first_state();
    int rc = df_zk_multi_create(multi, df_zk_path(&zk->place, "", path), text, df_zk_marker_put(text), 0);
    for (size_t i = 0; i < sizeof folders / sizeof folders[0] && rc == 0; i++)
        rc = df_zk_multi_create(multi, df_zk_path(&zk->place, folders[i], path), "", 0, 0);
    for (unsigned i = 0; i < DF_ZK_BUCKETS && rc == 0; i++)
        rc = df_zk_multi_create(multi, df_zk_path_bucket(&zk->place, i, path), "", 0, 0);
    if (rc == 0)
        rc = df_zk_multi_create(multi, df_zk_path(&zk->place, "state", path), text, df_zk_state_put(text, &state), 0);
    return rc;
}

/* The nodes above the root are anybody's; the last one's absence is told by the multi. */
static int make_parents(struct df_zk *zk, struct df_error *error)
{
    char path[DF_ZK_PATH_MAX];
    df_zk_path(&zk->place, "", path);
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        struct df_zk_multi multi;
        df_zk_multi_init(&multi, zk->session);
        multi.acl = &ZOO_OPEN_ACL_UNSAFE;
        *slash = '\0';
        int rc = df_zk_multi_create(&multi, path, "", 0, 0);
        rc = rc ? rc : df_zk_multi_run(&multi);
        df_zk_multi_clear(&multi);
        *slash = '/';
        if (rc != ZOK && rc != ZNODEEXISTS)
            return df_zk_session_error(zk->session, rc, error);
    }
    return 0;
}

static int make_nodes(struct df_zk *zk, void *arg, struct df_error *error)
{
    (void)arg;
    int rc = make_parents(zk, error);
    if (rc)
        return rc;
    struct df_zk_multi multi;
    df_zk_multi_init(&multi, zk->session);
    rc = add_nodes(zk, &multi);
    rc = rc ? rc : df_zk_multi_run(&multi);
    df_zk_multi_clear(&multi);
    return rc == ZOK || rc == ZNODEEXISTS ? check_marker(zk, NULL, error) : df_zk_session_error(zk->session, rc, error);
}

int df_zk_create(struct df_zk *zk, struct df_error *error)
{
    int rc = df_zk_check(zk, error);
    return rc == -ENOENT ? df_zk_retry(zk, make_nodes, NULL, error) : rc;
}
