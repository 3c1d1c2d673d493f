/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/lmdb/log.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#include "dbsync/drivers/lmdb/row.h"

/* Big endian, so that LMDB's byte order is the order of time. */
struct log_key {
    uint64_t revision;
    uint32_t sequence;
} __attribute__((packed));

/* The value: one of these, the row's key with its end, the data. */
enum { LOG_SET = 'S', LOG_DELETE = 'D' };

static int key_revision(const MDB_val *key, uint64_t *revision)
{
    if (key->mv_size != sizeof(struct log_key))
        return MDB_CORRUPTED;
    const struct log_key *at = key->mv_data;
    *revision = be64toh(at->revision);
    return 0;
}

/* The revision of the first or last entry; 0 when there is none. */
static int end_revision(MDB_txn *txn, MDB_dbi log, MDB_cursor_op end, uint64_t *revision)
{
    MDB_cursor *cursor;
    MDB_val key, value;
    int rc = mdb_cursor_open(txn, log, &cursor);
    if (rc)
        return rc;
    *revision = 0;
    rc = mdb_cursor_get(cursor, &key, &value, end);
    if (rc == 0)
        rc = key_revision(&key, revision);
    mdb_cursor_close(cursor);
    return rc == MDB_NOTFOUND ? 0 : rc;
}

int df_lmdb_log_revision(MDB_txn *txn, MDB_dbi log, uint64_t *revision)
{
    return end_revision(txn, log, MDB_LAST, revision);
}

int df_lmdb_log_append(MDB_txn *txn, MDB_dbi log, uint64_t revision, uint32_t sequence, const MDB_val *row,
                       const void *data, size_t len)
{
    struct log_key at = {htobe64(revision), htobe32(sequence)};
    MDB_val key = {sizeof at, &at};
    MDB_val value = {1 + row->mv_size + 1 + len, NULL};
    int rc = mdb_put(txn, log, &key, &value, MDB_APPEND | MDB_RESERVE);
    if (rc)
        return rc;
    char *to = value.mv_data;
    *to++ = data ? LOG_SET : LOG_DELETE;
    memcpy(to, row->mv_data, row->mv_size);
    to += row->mv_size;
    *to++ = '\0';
    if (data && len)
        memcpy(to, data, len);
    return 0;
}

static int is_over(MDB_txn *txn, MDB_dbi log, bool *over)
{
    MDB_stat st;
    int rc = mdb_stat(txn, log, &st);
    if (rc == 0)
        *over = st.ms_entries > DF_LMDB_LOG_CHANGES ||
                (st.ms_leaf_pages + st.ms_overflow_pages) * st.ms_psize > DF_LMDB_LOG_BYTES;
    return rc;
}

static int drop_transaction(MDB_txn *txn, MDB_dbi log, uint64_t revision)
{
    MDB_cursor *cursor;
    MDB_val key, value;
    uint64_t at = revision;
    int rc = mdb_cursor_open(txn, log, &cursor);
    if (rc)
        return rc;
    while ((rc = mdb_cursor_get(cursor, &key, &value, MDB_FIRST)) == 0) {
        rc = key_revision(&key, &at);
        if (rc || at != revision)
            break;
        rc = mdb_cursor_del(cursor, 0);
        if (rc)
            break;
    }
    mdb_cursor_close(cursor);
    return rc;
}

int df_lmdb_log_trim(MDB_txn *txn, MDB_dbi log)
{
    uint64_t newest = 0, oldest = 0;
    bool over = false;
    int rc = end_revision(txn, log, MDB_LAST, &newest);
    while (rc == 0) {
        rc = is_over(txn, log, &over);
        if (rc == 0)
            rc = end_revision(txn, log, MDB_FIRST, &oldest);
        if (rc || !over || oldest == newest)
            break;
        rc = drop_transaction(txn, log, oldest);
    }
    return rc;
}

static int tell(const MDB_val *value, uint64_t revision, df_db_row_cb cb, void *arg)
{
    const char *text = value->mv_data;
    size_t len = value->mv_size;
    const char *end = len ? memchr(text, '\0', len) : NULL;
    if (!end || (*text != LOG_SET && *text != LOG_DELETE))
        return MDB_CORRUPTED;

    MDB_val key = {(size_t)(end - text) - 1, (void *)(uintptr_t)(text + 1)};
    struct df_lmdb_row_name name;
    int rc = df_lmdb_row_name(&key, &name);
    if (rc)
        return rc;
    struct df_db_row row = {.table = name.table, .id = name.id, .revision = revision};
    if (*text == LOG_SET) {
        row.data = end + 1;
        row.len = len - (size_t)(end + 1 - text);
    }
    return cb(&row, arg);
}

static int read_from(MDB_cursor *cursor, uint64_t *revision, df_db_row_cb cb, void *arg)
{
    struct log_key from = {htobe64(*revision + 1), 0};
    MDB_val key = {sizeof from, &from}, value;
    uint64_t at, whole = *revision;
    int rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
    for (; rc == 0; rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) {
        rc = key_revision(&key, &at);
        if (rc)
            return rc;
        if (at > whole + 1)
            return -ESTALE;
        if (at == whole + 1) {
            *revision = whole;
            whole = at;
        }
        rc = tell(&value, at, cb, arg);
        if (rc)
            return rc;
    }
    if (rc != MDB_NOTFOUND)
        return rc;
    *revision = whole;
    return 0;
}

int df_lmdb_log_read(MDB_txn *txn, MDB_dbi log, uint64_t *revision, df_db_row_cb cb, void *arg)
{
    uint64_t newest;
    int rc = df_lmdb_log_revision(txn, log, &newest);
    if (rc)
        return rc;
    if (newest == *revision)
        return 0;
    if (newest < *revision)
        return -ESTALE;
    MDB_cursor *cursor;
    rc = mdb_cursor_open(txn, log, &cursor);
    if (rc)
        return rc;
    rc = read_from(cursor, revision, cb, arg);
    mdb_cursor_close(cursor);
    return rc;
}
