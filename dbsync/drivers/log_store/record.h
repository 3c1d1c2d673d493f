/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "dbsync/drivers/log_store/kv.h"

/*
 * How a database is laid out in a key-value store, and the bytes of its values. The functions are pure; those that read
 * take nothing on trust and return -EBADMSG.
 *
 *   state            stamp 2 * REVISION, or one more when that transaction is applied; a record
 *   log/REVISION     stamp REVISION; the same record
 *   row/T/I          stamp is the revision of its last write; change as in body.h, of a deleted row, too
 *   rest/T/I         what did not fit; stamp as its row has it
 *   piece/NAME.I     stamp 1; part of a body
 *   lease/NAME       stamp random, TTL and owner
 *   beat/NAME        stamp random, new with each renewal
 *
 * A transaction is committed when the state says so, which is one conditional write. After that anybody may write what
 * follows from it, any number of times: its log entry, then its rows, each if what is there is older. Nobody commits
 * the next one before.
 */

#define DF_RECORD_VERSION 1
#define DF_RECORD_PIECE ((size_t)512 << 10)
#define DF_RECORD_NAME_MAX 40
#define DF_RECORD_HEAD_MAX 96

struct df_record {
    uint64_t revision; /* of the transaction */
    uint64_t oldest;   /* in the log */
    uint64_t bytes;    /* in the log */
    const char *body;  /* NULL: it is in pieces */
    size_t len;        /* of the body, which may be 0 only in a new database */
    unsigned pieces;
    char name[DF_RECORD_NAME_MAX]; /* of the pieces */
};

/** Room for df_record_put(). */
size_t df_record_size(const struct df_record *record);
/** Returns the length. */
size_t df_record_put(char *to, const struct df_record *record);
/** -EPROTONOSUPPORT: of a newer version. body points into data. */
int df_record_take(struct df_record *record, const char *data, size_t len);

/* A row: its change, or the first piece of it with the length of all before. */
struct df_row_record {
    size_t total, len;
    const char *data;
};

#define DF_ROW_HEAD 4
void df_row_head_put(char to[DF_ROW_HEAD], size_t total);
int df_row_record_take(struct df_row_record *row, const char *data, size_t len);

struct df_lease_record {
    unsigned ttl;
    char owner[129];
};

#define DF_LEASE_RECORD_MAX 160
size_t df_lease_record_put(char to[DF_LEASE_RECORD_MAX], const struct df_lease_record *lease);
int df_lease_record_take(struct df_lease_record *lease, const char *data, size_t len);

/* Keys. Names are within their limits (body.h). */
const char *df_key_log(uint64_t revision, char key[DF_KV_KEY_MAX]);
const char *df_key_row(const char *folder, const char *table, const char *id, char key[DF_KV_KEY_MAX]);
const char *df_key_piece(const char *name, unsigned i, char key[DF_KV_KEY_MAX]);
const char *df_key_name(const char *folder, const char *name, char key[DF_KV_KEY_MAX]);
/** The name in a key of df_key_name(); -EBADMSG. */
int df_key_name_take(const char *key, char name[129]);
