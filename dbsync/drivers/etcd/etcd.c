/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/etcd/etcd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dbsync/drivers/drivers.h"
#include "dbsync/drivers/etcd/etcd.pb-c.h"
#include "dbsync/drivers/etcd/seen.h"

/*
 * etcd v3 by gRPC: HTTP/2 of nghttp2, messages of protobuf-c, TLS of OpenSSL, all calls of a handle on one connection.
 * Its revisions are ours. layout.h says how rows lie in it, client.h how a connection is kept, commit.c how rows are
 * written and watch.c how they are told.
 */

int df_etcd_bad_answer(const struct df_db *db, int code, struct df_error *error)
{
    if (code == -EPROTO || code == -ENOMEM)
        return df_error_set(error, code, "etcd at %s: its answer %s", df_etcd_client_location(db->client),
                            code == -EPROTO ? "is malformed" : "is too large for the memory that there is");
    return code;
}

void df_etcd_learn(struct df_db *db, uint64_t revision)
{
    if (revision > db->known)
        db->known = revision;
}

/* The marker. */

static int read_marker(struct df_db *db, char **marker, struct df_error *error)
{
    DfEtcd__RangeRequest request = DF_ETCD__RANGE_REQUEST__INIT;
    struct df_etcd_answer answer;
    request.key = (ProtobufCBinaryData){sizeof DF_ETCD_MARKER - 1, (uint8_t *)(uintptr_t)DF_ETCD_MARKER};
    int rc = df_etcd_client_call(db->client, DF_ETCD_READ, "/etcdserverpb.KV/Range", &request.base, &answer, error);
    if (rc)
        return rc;
    rc = df_etcd_decode_value(answer.data, answer.len, marker);
    free(answer.data);
    return df_etcd_bad_answer(db, rc, error);
}

static int write_marker(struct df_db *db, struct df_error *error)
{
    DfEtcd__PutRequest request = DF_ETCD__PUT_REQUEST__INIT;
    struct df_etcd_answer answer;
    char version[16];
    int len = snprintf(version, sizeof version, "%d", DF_ETCD_MARKER_VERSION);
    request.key = (ProtobufCBinaryData){sizeof DF_ETCD_MARKER - 1, (uint8_t *)(uintptr_t)DF_ETCD_MARKER};
    request.value = (ProtobufCBinaryData){(size_t)len, (uint8_t *)version};
    int rc = df_etcd_client_call(db->client, DF_ETCD_READ, "/etcdserverpb.KV/Put", &request.base, &answer, error);
    free(answer.data);
    return rc;
}

static int check_marker(struct df_db *db, const struct df_db_config *config, struct df_error *error)
{
    char *marker, *end;
    int rc = read_marker(db, &marker, error);
    if (rc)
        return rc;
    if (!marker)
        return config->create && !config->read_only
                   ? write_marker(db, error)
                   : df_error_set(error, -ENOENT, "no database in etcd at %s: run df-db --db etcd:%s init",
                                  config->location, config->location);
    unsigned long version = strtoul(marker, &end, 10);
    if (end == marker || *end)
        rc = df_error_set(error, -EBADMSG, "etcd at %s: the version of its database (key %s) is garbled",
                          config->location, DF_ETCD_MARKER);
    else if (version > DF_ETCD_MARKER_VERSION)
        rc =
            df_error_set(error, -ENOTSUP, "etcd at %s: its database has version %lu, this program knows %d: upgrade it",
                         config->location, version, DF_ETCD_MARKER_VERSION);
    free(marker);
    return rc;
}

static void close_db(struct df_db *db)
{
    df_etcd_release_all(db);
    df_etcd_watch_free(db);
    df_etcd_client_free(db->client);
    df_etcd_seen_free(db->seen);
    for (size_t i = 0; i < db->n_topics; i++)
        free(db->topics[i]);
    free(db->topics);
    free(db);
}

static int open_db(const struct df_db_config *config, struct df_db **db, struct df_error *error)
{
    struct df_db *new = calloc(1, sizeof *new);
    if (!new || !(new->seen = df_etcd_seen_new())) {
        free(new);
        return df_error_set(error, -ENOMEM, "out of memory");
    }
    new->read_only = config->read_only;
    int rc = df_etcd_client_new(config, &new->client, error);
    if (rc) {
        df_etcd_seen_free(new->seen);
        free(new);
        return rc;
    }
    rc = check_marker(new, config, error);
    if (rc)
        close_db(new);
    else
        *db = new;
    return rc;
}

static int watch_fd(struct df_db *db)
{
    return df_etcd_client_fd(db->client);
}

const struct df_db_driver df_db_etcd_driver = {
    .name = "etcd",
    .summary = "etcd v3, one member or a cluster: HOST[:PORT],HOST[:PORT]...",
    .max_ops = DF_ETCD_OPS_MAX,
    .open = open_db,
    .close = close_db,
    .snapshot = df_etcd_snapshot,
    .get = df_etcd_get,
    .commit = df_etcd_commit,
    .watch_fd = watch_fd,
    .watch = df_etcd_watch,
    .follow = df_etcd_follow,
    .lease = df_etcd_lease,
    .release = df_etcd_release,
};
