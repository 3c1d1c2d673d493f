/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/ramcloud/store.h"

#include <CRamCloud.h>
#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_CLUSTER "main"
#define TABLE_PREFIX "dragonflow."
#define ASK_MS 50
#define OBJECT_MAX (8 + DF_KV_BYTES_MAX)

static const char *const folders[] = {"state", "log", "row", "rest", "piece", "lease", "beat"};

enum { FOLDERS = sizeof folders / sizeof folders[0] };

struct df_kv {
    char *locator, *cluster;
    const char *location;
    struct rc_client *client; /* NULL: not connected */
    uint64_t tables[FOLDERS];
    bool has_tables;
    uint64_t seen; /* version of the state */
    char object[OBJECT_MAX];
};

static int explain(const struct df_kv *kv, Status status, struct df_error *error)
{
    switch (status) {
    case STATUS_OK:
        return 0;
    case STATUS_OBJECT_DOESNT_EXIST:
        return -ENOENT;
    case STATUS_OBJECT_EXISTS:
    case STATUS_WRONG_VERSION:
        return -EAGAIN;
    case STATUS_TABLE_DOESNT_EXIST:
    case STATUS_UNKNOWN_TABLE:
        return df_error_set(error, -ENODEV, "ramcloud:%s: the tables were removed: the database must be opened again",
                            kv->location);
    case STATUS_COULDNT_CONNECT:
        return df_error_set(error, -ECONNREFUSED, "ramcloud:%s: no coordinator there: check the locator", kv->location);
    case STATUS_TIMEOUT:
    case STATUS_RETRY:
    case STATUS_SERVICE_NOT_AVAILABLE:
        return df_error_set(error, -ETIMEDOUT, "ramcloud:%s: the cluster does not answer", kv->location);
    default:
        return df_error_set(error, -EPROTO, "ramcloud:%s: status %d", kv->location, (int)status);
    }
}

static int open_kv(const struct df_db_config *config, struct df_kv **result, struct df_error *error)
{
    if (config->user || config->ca || config->cert || config->key)
        return df_error_set(error, -ENOTSUP, "ramcloud:%s: RAMCloud knows neither users nor TLS: configure none",
                            config->location);
    const char *cluster = strrchr(config->location, '#');
    size_t len = cluster ? (size_t)(cluster - config->location) : strlen(config->location);
    if (len == 0 || (cluster && !cluster[1]))
        return df_error_set(error, -EINVAL, "ramcloud:%s: a location is the coordinator's LOCATOR or LOCATOR#CLUSTER",
                            config->location);
    struct df_kv *kv = calloc(1, sizeof *kv);
    if (kv) {
        kv->locator = strndup(config->location, len);
        kv->cluster = strdup(cluster ? cluster + 1 : DEFAULT_CLUSTER);
        kv->location = config->location;
    }
    if (!kv || !kv->locator || !kv->cluster) {
        if (kv) {
            free(kv->locator);
            free(kv->cluster);
        }
        free(kv);
        return df_error_set(error, -ENOMEM, "out of memory");
    }
    *result = kv;
    return 0;
}

static void close_kv(struct df_kv *kv)
{
    if (kv->client)
        rc_disconnect(kv->client);
    free(kv->locator);
    free(kv->cluster);
    free(kv);
}

static int find_table(struct df_kv *kv, unsigned i, bool make, struct df_error *error)
{
    char name[32];
    snprintf(name, sizeof name, TABLE_PREFIX "%s", folders[i]);
    Status status = rc_getTableId(kv->client, name, &kv->tables[i]);
    if (status == STATUS_TABLE_DOESNT_EXIST && make) {
        status = rc_createTable(kv->client, name, 1);
        if (status == STATUS_OK)
            status = rc_getTableId(kv->client, name, &kv->tables[i]);
    }
    return status == STATUS_TABLE_DOESNT_EXIST ? -ENOENT : explain(kv, status, error);
}

static int prepare(struct df_kv *kv, bool make, struct df_error *error)
{
    int rc = 0;
    if (!kv->client)
        rc = explain(kv, rc_connect(kv->locator, kv->cluster, &kv->client), error);
    for (unsigned i = 0; i < FOLDERS && rc == 0; i++)
        rc = find_table(kv, i, make, error);
    kv->has_tables = rc == 0;
    return rc;
}

static int table_of(struct df_kv *kv, const char *key, uint64_t *table, struct df_error *error)
{
    int rc = kv->has_tables ? 0 : prepare(kv, false, error);
    size_t len = strcspn(key, "/");
    for (unsigned i = 0; i < FOLDERS && rc == 0; i++)
        if (strlen(folders[i]) == len && memcmp(folders[i], key, len) == 0) {
            *table = kv->tables[i];
            return 0;
        }
    return rc ? rc : -ENOENT;
}

/* Into kv->object. */
static int read_object(struct df_kv *kv, uint64_t table, const char *key, uint64_t *version, uint64_t *stamp,
                       size_t *len, struct df_error *error)
{
    uint32_t actual = 0;
    Status status =
        rc_read(kv->client, table, key, (uint16_t)strlen(key), NULL, version, kv->object, OBJECT_MAX, &actual);
    int rc = explain(kv, status, error);
    if (rc)
        return rc;
    if (actual < sizeof *stamp || actual > OBJECT_MAX)
        return df_error_set(error, -EPROTO, "ramcloud:%s: %s has %u bytes", kv->location, key, actual);
    memcpy(stamp, kv->object, sizeof *stamp);
    *stamp = be64toh(*stamp);
    *len = actual - sizeof *stamp;
    return 0;
}

static int read_kv(struct df_kv *kv, const char *key, struct df_kv_value *value, struct df_error *error)
{
    uint64_t table, version;
    int rc = table_of(kv, key, &table, error);
    if (rc == 0)
        rc = read_object(kv, table, key, &version, &value->stamp, &value->len, error);
    if (rc)
        return rc;
    value->data = malloc(value->len + 1);
    if (!value->data)
        return df_error_set(error, -ENOMEM, "out of memory");
    memcpy(value->data, kv->object + sizeof value->stamp, value->len);
    return 0;
}

/* What must not be for a write to go through, when there must be this stamp. */
static int rules_for(struct df_kv *kv, uint64_t table, const char *key, uint64_t stamp, struct RejectRules *rules,
                     struct df_error *error)
{
    uint64_t version, now;
    size_t len;
    *rules = (struct RejectRules){.exists = stamp == 0};
    if (stamp == 0)
        return 0;
    int rc = read_object(kv, table, key, &version, &now, &len, error);
    if (rc || now != stamp)
        return rc == -ENOENT || rc == 0 ? -EAGAIN : rc;
    *rules = (struct RejectRules){.givenVersion = version, .versionNeGiven = 1, .doesntExist = 1};
    return 0;
}

static int swap(struct df_kv *kv, const char *key, uint64_t stamp, const struct df_kv_value *value,
                struct df_error *error)
{
    struct RejectRules rules;
    uint64_t table, version, be = htobe64(value->stamp);
    int rc = table_of(kv, key, &table, error);
    if (rc == 0)
        rc = rules_for(kv, table, key, stamp, &rules, error);
    if (rc)
        return rc;
    if (value->len > DF_KV_BYTES_MAX)
        return df_error_set(error, -EINVAL, "ramcloud:%s: %s has %zu bytes", kv->location, key, value->len);
    memcpy(kv->object, &be, sizeof be);
    if (value->len)
        memcpy(kv->object + sizeof be, value->data, value->len);
    rc = explain(kv,
                 rc_write(kv->client, table, key, (uint16_t)strlen(key), kv->object, (uint32_t)(sizeof be + value->len),
                          &rules, &version),
                 error);
    return rc == -ENOENT ? -EAGAIN : rc == -ETIMEDOUT ? -EINPROGRESS : rc;
}

static int drop(struct df_kv *kv, const char *key, uint64_t stamp, struct df_error *error)
{
    struct RejectRules rules;
    uint64_t table, version;
    int rc = table_of(kv, key, &table, error);
    if (rc == 0)
        rc = rules_for(kv, table, key, stamp, &rules, error);
    if (rc)
        return rc;
    rc = explain(kv, rc_remove(kv->client, table, key, (uint16_t)strlen(key), &rules, &version), error);
    return rc == -ENOENT ? -EAGAIN : rc == -ETIMEDOUT ? -EINPROGRESS : rc;
}

static int tell(const void *key, uint32_t key_len, const void *data, uint32_t len, df_kv_cb cb, void *arg)
{
    char text[DF_KV_KEY_MAX];
    struct df_kv_value value = {.data = (char *)(uintptr_t)data + sizeof value.stamp};
    if (key_len >= sizeof text || len < sizeof value.stamp || len > OBJECT_MAX)
        return 0; /* nothing that was written here */
    memcpy(text, key, key_len);
    text[key_len] = '\0';
    memcpy(&value.stamp, data, sizeof value.stamp);
    value.stamp = be64toh(value.stamp);
    value.len = len - sizeof value.stamp;
    return cb(text, &value, arg);
}

static int scan(struct df_kv *kv, const char *folder, df_kv_cb cb, void *arg, struct df_error *error)
{
    uint64_t table;
    void *state;
    int rc = table_of(kv, folder, &table, error);
    if (rc)
        return rc;
    rc_enumerateTablePrepare(kv->client, table, 0, &state);
    while (rc == 0) {
        uint32_t key_len = 0, len = 0;
        const void *key = NULL, *data = NULL;
        rc = explain(kv, rc_enumerateTableNext(kv->client, state, &key_len, &key, &len, &data), error);
        if (rc || !key)
            break;
        rc = tell(key, key_len, data, len, cb, arg);
    }
    rc_enumerateTableFinalize(state);
    return rc;
}

static int wait_kv(struct df_kv *kv, int wake, unsigned ms, struct df_error *error)
{
    struct pollfd fd = {.fd = wake, .events = POLLIN};
    uint64_t table, version = kv->seen, stamp;
    size_t len;
    int rc = table_of(kv, "state", &table, error);
    for (unsigned waited = 0; rc == 0 && version == kv->seen && waited < ms; waited += ASK_MS) {
        if (poll(&fd, 1, ASK_MS) == 1)
            return 0;
        rc = read_object(kv, table, "state", &version, &stamp, &len, error);
    }
    kv->seen = version;
    return rc == -ENOENT ? 0 : rc;
}

const struct df_kv_ops df_ramcloud_kv = {
    .name = "ramcloud",
    .open = open_kv,
    .close = close_kv,
    .prepare = prepare,
    .read = read_kv,
    .swap = swap,
    .drop = drop,
    .scan = scan,
    .wait = wait_kv,
};
