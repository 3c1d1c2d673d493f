/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dbsync/drivers/etcd/etcd.h"
#include "dbsync/drivers/etcd/etcd.pb-c.h"

/*
 * A lease is one of etcd's with a key attached, which etcd deletes with it: so watchers are told, and renewing is
 * between etcd and the holder alone. Every request can be repeated: who takes a lease anew under the id that it was
 * granted learns that it has it already.
 */

struct df_etcd_lease {
    struct df_etcd_lease *next;
    char *name, *owner;
    int64_t id;
    bool held; /* else it is not known yet whether it is ours */
};

static struct df_etcd_lease **find(struct df_db *db, const char *name)
{
    struct df_etcd_lease **at = &db->leases;
    while (*at && strcmp((*at)->name, name) != 0)
        at = &(*at)->next;
    return at;
}

static void drop(struct df_etcd_lease **at)
{
    struct df_etcd_lease *lease = *at;
    *at = lease->next;
    free(lease->name);
    free(lease->owner);
    free(lease);
}

static int add(struct df_db *db, const char *name, const char *owner, int64_t id)
{
    struct df_etcd_lease *lease = calloc(1, sizeof *lease);
    if (!lease)
        return -ENOMEM;
    lease->name = strdup(name);
    lease->owner = strdup(owner);
    lease->id = id;
    lease->next = db->leases;
    db->leases = lease;
    if (lease->name && lease->owner)
        return 0;
    drop(&db->leases);
    return -ENOMEM;
}

static int call(struct df_db *db, const char *path, const ProtobufCMessage *request, struct df_etcd_answer *answer,
                struct df_error *error)
{
    return df_etcd_client_call(db->client, DF_ETCD_READ, path, request, answer, error);
}

static int grant(struct df_db *db, unsigned ttl, int64_t *id, struct df_error *error)
{
    DfEtcd__LeaseGrantRequest request = DF_ETCD__LEASE_GRANT_REQUEST__INIT;
    struct df_etcd_answer answer;
    int64_t granted;
    request.ttl = ttl ? ttl : 1;
    int rc = call(db, "/etcdserverpb.Lease/LeaseGrant", &request.base, &answer, error);
    if (rc)
        return rc;
    rc = df_etcd_decode_lease(answer.data, answer.len, id, &granted);
    free(answer.data);
    return df_etcd_bad_answer(db, rc, error);
}

static int revoke(struct df_db *db, int64_t id, struct df_error *error)
{
    DfEtcd__LeaseRequest request = DF_ETCD__LEASE_REQUEST__INIT;
    struct df_etcd_answer answer;
    request.id = id;
    int rc = call(db, "/etcdserverpb.Lease/LeaseRevoke", &request.base, &answer, error);
    free(answer.data);
    return rc == -ENOENT ? 0 : rc;
}

/* -ENOENT: it ran out. */
static int keep_alive(struct df_db *db, int64_t id, struct df_error *error)
{
    DfEtcd__LeaseRequest request = DF_ETCD__LEASE_REQUEST__INIT;
    struct df_etcd_answer answer;
    int64_t same, ttl;
    request.id = id;
    int rc = call(db, "/etcdserverpb.Lease/LeaseKeepAlive", &request.base, &answer, error);
    if (rc)
        return rc;
    rc = df_etcd_decode_lease(answer.data, answer.len, &same, &ttl);
    free(answer.data);
    if (rc == 0 && ttl <= 0)
        return -ENOENT;
    return df_etcd_bad_answer(db, rc, error);
}

/* Who has it, when it is not free. */
struct holder {
    int64_t lease;
    char owner[DF_ETCD_NAME_MAX + 1];
};

static int note_holder(const struct df_etcd_row *row, void *arg)
{
    struct holder *holder = arg;
    size_t len = row->len < sizeof holder->owner ? row->len : sizeof holder->owner - 1;
    holder->lease = row->lease;
    memcpy(holder->owner, row->data, len);
    holder->owner[len] = '\0';
    return 0;
}

/* "If there is no such key, put it with this lease, else tell me whose it is." */
static int attach(struct df_db *db, const struct df_etcd_key *key, const struct df_etcd_lease *lease,
                  struct df_error *error)
{
    DfEtcd__Compare compare = DF_ETCD__COMPARE__INIT, *compares = &compare;
    DfEtcd__RequestOp put_op = DF_ETCD__REQUEST_OP__INIT, *puts = &put_op;
    DfEtcd__RequestOp range_op = DF_ETCD__REQUEST_OP__INIT, *ranges = &range_op;
    DfEtcd__PutRequest put = DF_ETCD__PUT_REQUEST__INIT;
    DfEtcd__RangeRequest range = DF_ETCD__RANGE_REQUEST__INIT;
    DfEtcd__TxnRequest request = DF_ETCD__TXN_REQUEST__INIT;
    compare.target = DF_ETCD__COMPARE__TARGET__VERSION;
    compare.target_union_case = DF_ETCD__COMPARE__TARGET_UNION_VERSION;
    compare.key = put.key = range.key = (ProtobufCBinaryData){key->len, (uint8_t *)(uintptr_t)key->bytes};
    put.value = (ProtobufCBinaryData){strlen(lease->owner), (uint8_t *)lease->owner};
    put.lease = lease->id;
    put_op.request_case = DF_ETCD__REQUEST_OP__REQUEST_REQUEST_PUT;
    put_op.request_put = &put;
    range_op.request_case = DF_ETCD__REQUEST_OP__REQUEST_REQUEST_RANGE;
    range_op.request_range = &range;
    request.n_compare = request.n_success = request.n_failure = 1;
    request.compare = &compares;
    request.success = &puts;
    request.failure = &ranges;

    struct df_etcd_answer answer;
    struct df_etcd_verdict verdict;
    struct holder holder = {0};
    int rc = call(db, "/etcdserverpb.KV/Txn", &request.base, &answer, error);
    if (rc)
        return rc;
    rc = df_etcd_decode_txn(answer.data, answer.len, &verdict, note_holder, &holder);
    free(answer.data);
    if (rc)
        return df_etcd_bad_answer(db, rc, error);
    if (!verdict.succeeded && holder.lease != lease->id)
        return df_error_set(error, -EBUSY, "lease '%s' is held by %s", lease->name, holder.owner);
    return 0;
}

static int take(struct df_db *db, const struct df_etcd_key *key, struct df_etcd_lease **at, struct df_error *error)
{
    struct df_error unused;
    int rc = attach(db, key, *at, error);
    (*at)->held = rc == 0;
    if (rc == -EBUSY || rc == -ENOENT) {
        revoke(db, (*at)->id, &unused);
        drop(at);
    }
    return rc;
}

/* 0: it is held; -ENOENT: it must be taken; else why not even that is known. */
static int renew(struct df_db *db, const struct df_etcd_key *key, struct df_etcd_lease **at, const char *owner,
                 struct df_error *error)
{
    struct df_etcd_lease *lease = *at;
    if (!lease)
        return -ENOENT;
    if (strcmp(lease->owner, owner) != 0)
        return df_error_set(error, -EBUSY, "lease '%s' is held by %s", lease->name, lease->owner);
    int rc = keep_alive(db, lease->id, error);
    if (rc == -ENOENT)
        drop(at);
    if (rc)
        return rc;
    return lease->held ? 0 : take(db, key, at, error);
}

int df_etcd_lease(struct df_db *db, const char *name, const char *owner, unsigned ttl, struct df_error *error)
{
    struct df_etcd_key key;
    int64_t id;
    if (db->read_only)
        return df_error_set(error, -EROFS, "etcd at %s was opened for reading only",
                            df_etcd_client_location(db->client));
    if (df_etcd_key_make(&key, DF_ETCD_LEASE, NULL, NULL, name) || !*owner || strlen(owner) > DF_ETCD_NAME_MAX)
        return df_error_set(error, -EINVAL, "lease '%s': name and owner have from 1 to %d bytes", name,
                            DF_ETCD_NAME_MAX);
    int rc = renew(db, &key, find(db, name), owner, error);
    if (rc != -ENOENT)
        return rc;
    rc = grant(db, ttl, &id, error);
    if (rc)
        return rc;
    rc = add(db, name, owner, id);
    if (rc)
        return df_error_set(error, rc, "out of memory");
    return take(db, &key, &db->leases, error);
}

int df_etcd_release(struct df_db *db, const char *name, struct df_error *error)
{
    struct df_etcd_lease **at = find(db, name);
    if (!*at)
        return df_error_set(error, -ENOENT, "lease '%s' is not held", name);
    int rc = revoke(db, (*at)->id, error);
    if (rc == 0)
        drop(at);
    return rc;
}

/* Those that etcd cannot be told of end by themselves. */
void df_etcd_release_all(struct df_db *db)
{
    struct df_error unused;
    int rc = 0;
    while (db->leases) {
        if (rc == 0)
            rc = revoke(db, db->leases->id, &unused);
        drop(&db->leases);
    }
}
