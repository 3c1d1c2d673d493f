/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/lmdb/row.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

int df_lmdb_row_key(const char *table, const char *id, struct df_lmdb_row_key *key)
{
    if (!*table || !*id || strchr(table, '/'))
        return EINVAL;
    int n = snprintf(key->text, sizeof key->text, "%s/%s", table, id);
    if (n < 0 || (size_t)n >= sizeof key->text)
        return EINVAL;
    key->val.mv_data = key->text;
    key->val.mv_size = (size_t)n;
    return 0;
}

int df_lmdb_row_name(const MDB_val *key, struct df_lmdb_row_name *name)
{
    if (key->mv_size >= sizeof name->text)
        return MDB_CORRUPTED;
    memcpy(name->text, key->mv_data, key->mv_size);
    name->text[key->mv_size] = '\0';
    char *slash = strchr(name->text, '/');
    if (!slash)
        return MDB_CORRUPTED;
    *slash = '\0';
    name->table = name->text;
    name->id = slash + 1;
    return 0;
}

static int value_revision(const MDB_val *value, uint64_t *revision)
{
    if (value->mv_size < sizeof *revision)
        return MDB_CORRUPTED;
    memcpy(revision, value->mv_data, sizeof *revision);
    *revision = be64toh(*revision);
    return 0;
}

int df_lmdb_row_tell(const MDB_val *key, const MDB_val *value, df_db_row_cb cb, void *arg)
{
    struct df_lmdb_row_name name;
    struct df_db_row row = {0};
    int rc = df_lmdb_row_name(key, &name);
    if (rc == 0)
        rc = value_revision(value, &row.revision);
    if (rc)
        return rc;
    row.table = name.table;
    row.id = name.id;
    row.data = (const char *)value->mv_data + sizeof row.revision;
    row.len = value->mv_size - sizeof row.revision;
    return cb(&row, arg);
}

int df_lmdb_row_revision(MDB_txn *txn, MDB_dbi rows, MDB_val *key, uint64_t *revision)
{
    MDB_val value;
    int rc = mdb_get(txn, rows, key, &value);
    if (rc == MDB_NOTFOUND) {
        *revision = 0;
        return 0;
    }
    return rc ? rc : value_revision(&value, revision);
}

int df_lmdb_row_put(MDB_txn *txn, MDB_dbi rows, MDB_val *key, uint64_t revision, const void *data, size_t len)
{
    uint64_t be = htobe64(revision);
    MDB_val value = {sizeof be + len, NULL};
    int rc = mdb_put(txn, rows, key, &value, MDB_RESERVE);
    if (rc)
        return rc;
    memcpy(value.mv_data, &be, sizeof be);
    if (len)
        memcpy((char *)value.mv_data + sizeof be, data, len);
    return 0;
}
