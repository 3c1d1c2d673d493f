/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dbsync/drivers/etcd/etcd.h"
#include "dbsync/drivers/etcd/etcd.pb-c.h"
#include "dbsync/drivers/etcd/seen.h"

#define PAGE_ROWS 2000

void df_etcd_range_places(struct df_etcd_range *range, enum df_etcd_place from, enum df_etcd_place to)
{
    df_etcd_key_first(&range->from, from, NULL);
    df_etcd_key_end(&range->to, to, NULL);
}

void df_etcd_range_topic(struct df_etcd_range *range, const char *topic)
{
    df_etcd_key_first(&range->from, DF_ETCD_COPY, topic);
    df_etcd_key_end(&range->to, DF_ETCD_COPY, topic);
}

/* Pages. */

struct reading {
    struct df_db *db;
    struct df_etcd_key from, to;
    uint64_t revision;
    int64_t limit;
    struct df_etcd_page page;
};

static int ask_page(struct reading *reading, struct df_etcd_answer *answer, struct df_error *error)
{
    DfEtcd__RangeRequest request = DF_ETCD__RANGE_REQUEST__INIT;
    request.key = (ProtobufCBinaryData){reading->from.len, reading->from.bytes};
    request.range_end = (ProtobufCBinaryData){reading->to.len, reading->to.bytes};
    request.limit = reading->limit;
    request.revision = (int64_t)reading->revision;
    return df_etcd_client_call(reading->db->client, DF_ETCD_READ, "/etcdserverpb.KV/Range", &request.base, answer,
                               error);
}

/* Rows may be so large that a page does not fit into an answer: then it is asked for fewer. */
static int read_page(struct reading *reading, df_etcd_row_cb cb, void *arg, struct df_error *error)
{
    struct df_etcd_answer answer;
    int rc;
    while ((rc = ask_page(reading, &answer, error)) == -EMSGSIZE && reading->limit > 1)
        reading->limit = reading->limit / 8 + 1;
    if (rc)
        return rc == -EMSGSIZE ? -EPROTO : rc;
    rc = df_etcd_decode_page(answer.data, answer.len, &reading->page, cb, arg);
    free(answer.data);
    return df_etcd_bad_answer(reading->db, rc, error);
}

/* The least key behind another is that one with a 0 behind it. */
static void move_on(struct reading *reading)
{
    reading->from = reading->page.last;
    if (reading->from.len < sizeof reading->from.bytes)
        reading->from.bytes[reading->from.len++] = 0;
}

int df_etcd_read(struct df_db *db, const struct df_etcd_range *range, uint64_t *revision, df_etcd_row_cb cb, void *arg,
                 struct df_error *error)
{
    struct reading reading = {.db = db, .from = range->from, .to = range->to, .revision = *revision};
    reading.limit = PAGE_ROWS;
    int rc;
    while ((rc = read_page(&reading, cb, arg, error)) == 0) {
        if (!reading.revision)
            reading.revision = reading.page.revision;
        df_etcd_learn(db, reading.revision);
        if (!reading.page.more)
            break;
        move_on(&reading);
    }
    if (rc == -ESTALE) /* compacted while it was read, which takes no longer than a moment */
        return df_error_set(error, -EIO, "etcd at %s: it was compacted while it was read",
                            df_etcd_client_location(db->client));
    *revision = reading.revision;
    return rc;
}

/* Snapshots. */

struct telling {
    const struct df_db *db;
    df_db_row_cb cb;
    void *arg;
};

int df_etcd_tell(const struct df_etcd_row *row, df_db_row_cb cb, void *arg)
{
    struct df_db_row told = {.table = row->name.table, .id = row->name.id, .revision = row->revision};
    if (!row->deleted) {
        told.data = row->data;
        told.len = row->len;
    }
    return cb(&told, arg);
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

bool df_etcd_follows(const struct df_db *db, const char *topic)
{
    return db->n_topics && bsearch(&topic, db->topics, db->n_topics, sizeof db->topics[0], compare);
}

struct first {
    const struct df_db *db;
    const char *topic;
};

/* Stops at the first topic that is followed: 1 when it is the one that is meant. */
static int is_first(const char *topic, void *arg)
{
    const struct first *first = arg;
    if (!df_etcd_follows(first->db, topic))
        return 0;
    return strcmp(topic, first->topic) == 0 ? 1 : -1;
}

/* A row is told from one of its places, the first of those that are read. */
static bool is_told_here(const struct df_db *db, const struct df_etcd_row *row)
{
    struct first first = {db, row->name.topic};
    switch (row->name.place) {
    case DF_ETCD_SHARED:
        return db->follows || !row->places.topics[0];
    case DF_ETCD_COPY:
        return !row->places.shared &&
               (!row->places.topics[0] || df_etcd_places_each(row->places.topics, is_first, &first) == 1);
    default:
        return true;
    }
}

static int tell_row(const struct df_etcd_row *row, void *arg)
{
    const struct telling *telling = arg;
    return is_told_here(telling->db, row) ? df_etcd_tell(row, telling->cb, telling->arg) : 0;
}

int df_etcd_snapshot(struct df_db *db, df_db_row_cb cb, void *arg, uint64_t *revision, struct df_error *error)
{
    struct telling telling = {db, cb, arg};
    struct df_etcd_range range;
    uint64_t at = 0;
    df_etcd_range_places(&range, DF_ETCD_LEASE, db->follows ? DF_ETCD_SHARED : DF_ETCD_TOPICAL);
    int rc = df_etcd_read(db, &range, &at, tell_row, &telling, error);
    for (size_t i = 0; i < db->n_topics && rc == 0; i++) {
        df_etcd_range_topic(&range, db->topics[i]);
        rc = df_etcd_read(db, &range, &at, tell_row, &telling, error);
    }
    if (rc)
        return rc;
    *revision = at;
    df_etcd_watch_reset(db, at);
    return 0;
}

/* One row. */

struct getting {
    struct df_db *db;
    df_db_row_cb cb;
    void *arg;
    bool found;
};

/* Of a row in two places the newer content counts; they are equal, unless somebody meddled. */
static int get_row(const struct df_etcd_row *row, void *arg)
{
    struct getting *getting = arg;
    if (getting->found)
        return 0;
    getting->found = true;
    struct df_etcd_state state = {.revision = row->revision, .places = row->places};
    if (row->name.place != DF_ETCD_LEASE)
        df_etcd_seen_note(getting->db->seen, row->name.table, row->name.id, &state);
    return df_etcd_tell(row, getting->cb, getting->arg);
}

static int ask_row(struct df_db *db, const struct df_etcd_key keys[2], size_t n, struct df_etcd_answer *answer,
                   struct df_error *error)
{
    DfEtcd__RangeRequest ranges[2] = {DF_ETCD__RANGE_REQUEST__INIT, DF_ETCD__RANGE_REQUEST__INIT};
    DfEtcd__RequestOp ops[2] = {DF_ETCD__REQUEST_OP__INIT, DF_ETCD__REQUEST_OP__INIT}, *list[2];
    DfEtcd__TxnRequest request = DF_ETCD__TXN_REQUEST__INIT;
    for (size_t i = 0; i < n; i++) {
        ranges[i].key = (ProtobufCBinaryData){keys[i].len, (uint8_t *)(uintptr_t)keys[i].bytes};
        ops[i].request_case = DF_ETCD__REQUEST_OP__REQUEST_REQUEST_RANGE;
        ops[i].request_range = &ranges[i];
        list[i] = &ops[i];
    }
    request.n_success = n;
    request.success = list;
    return df_etcd_client_call(db->client, DF_ETCD_READ, "/etcdserverpb.KV/Txn", &request.base, answer, error);
}

int df_etcd_get(struct df_db *db, const char *table, const char *id, df_db_row_cb cb, void *arg, struct df_error *error)
{
    struct df_etcd_key keys[2];
    struct df_etcd_answer answer;
    struct df_etcd_verdict verdict;
    struct getting getting = {.db = db, .cb = cb, .arg = arg};
    bool is_lease = strcmp(table, DF_DB_LEASES) == 0;
    if (df_etcd_key_make(&keys[0], is_lease ? DF_ETCD_LEASE : DF_ETCD_TOPICAL, NULL, table, id) ||
        (!is_lease && df_etcd_key_make(&keys[1], DF_ETCD_SHARED, NULL, table, id)))
        return df_error_set(error, -ENOENT, "%s '%s' does not exist", table, id);
    int rc = ask_row(db, keys, is_lease ? 1 : 2, &answer, error);
    if (rc)
        return rc;
    rc = df_etcd_decode_txn(answer.data, answer.len, &verdict, get_row, &getting);
    free(answer.data);
    if (rc)
        return df_etcd_bad_answer(db, rc, error);
    df_etcd_learn(db, verdict.revision);
    if (getting.found)
        return 0;
    if (!is_lease)
        df_etcd_seen_note(db->seen, table, id, &(struct df_etcd_state){0});
    return df_error_set(error, -ENOENT, "%s '%s' does not exist", table, id);
}
