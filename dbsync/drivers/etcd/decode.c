/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/etcd/decode.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dbsync/drivers/etcd/etcd.pb-c.h"

#define TOKEN_MAX 4096

static bool is_header(const DfEtcd__Header *header)
{
    return header && header->revision > 0;
}

static int tell(const DfEtcd__KeyValue *kv, bool deleted, df_etcd_row_cb cb, void *arg)
{
    struct df_etcd_row row;
    size_t begin = 0;
    if (!df_etcd_key_parse(kv->key.data, kv->key.len, &row.name))
        return 0;
    if (kv->mod_revision <= 0)
        return -EPROTO;
    row.revision = (uint64_t)kv->mod_revision;
    row.deleted = deleted;
    row.is_note = false;
    row.lease = kv->lease;
    if (row.name.place == DF_ETCD_LEASE)
        row.places = (struct df_etcd_places){.shared = true};
    else if (deleted || !df_etcd_value_parse(kv->value.data, kv->value.len, &row.places, &begin))
        row.places = (struct df_etcd_places){.shared = row.name.place == DF_ETCD_SHARED};
    row.data = kv->value.data ? kv->value.data + begin : (const uint8_t *)"";
    row.len = kv->value.len - begin;
    return cb(&row, arg);
}

/* In what a watch says: a note, or a row. */
static int tell_event(const DfEtcd__Event *event, df_etcd_row_cb cb, void *arg)
{
    const DfEtcd__KeyValue *kv = event->kv;
    bool deleted = event->type == DF_ETCD__EVENT__TYPE__DELETE;
    if (!kv)
        return -EPROTO;
    if (deleted || kv->mod_revision <= 0 || !df_etcd_key_is_note(kv->key.data, kv->key.len))
        return tell(kv, deleted, cb, arg);
    struct df_etcd_row note = {.revision = (uint64_t)kv->mod_revision,
                               .is_note = true,
                               .name = {.table = "", .id = "", .topic = ""},
                               .data = kv->value.data ? kv->value.data : (const uint8_t *)"",
                               .len = kv->value.len};
    return cb(&note, arg);
}

static int tell_all(const DfEtcd__RangeResponse *range, df_etcd_row_cb cb, void *arg)
{
    int rc = 0;
    for (size_t i = 0; i < range->n_kvs && rc == 0; i++)
        rc = tell(range->kvs[i], false, cb, arg);
    return rc;
}

int df_etcd_decode_page(const uint8_t *bytes, size_t len, struct df_etcd_page *page, df_etcd_row_cb cb, void *arg)
{
    DfEtcd__RangeResponse *range = df_etcd__range_response__unpack(NULL, len, bytes);
    if (!range)
        return -EPROTO;
    const DfEtcd__KeyValue *last = range->n_kvs ? range->kvs[range->n_kvs - 1] : NULL;
    int rc = 0;
    if (!is_header(range->header) || (range->more && !last) || (last && last->key.len > sizeof page->last.bytes))
        rc = -EPROTO;
    if (rc == 0) {
        page->revision = (uint64_t)range->header->revision;
        page->keys = range->n_kvs;
        page->more = range->more;
        page->last.len = last ? last->key.len : 0;
        if (page->last.len)
            memcpy(page->last.bytes, last->key.data, last->key.len);
        rc = tell_all(range, cb, arg);
    }
    df_etcd__range_response__free_unpacked(range, NULL);
    return rc;
}

int df_etcd_decode_value(const uint8_t *bytes, size_t len, char **value)
{
    DfEtcd__RangeResponse *range = df_etcd__range_response__unpack(NULL, len, bytes);
    if (!range)
        return -EPROTO;
    int rc = is_header(range->header) && range->n_kvs <= 1 ? 0 : -EPROTO;
    *value = NULL;
    if (rc == 0 && range->n_kvs) {
        const ProtobufCBinaryData *data = &range->kvs[0]->value;
        *value = strndup(data->data ? (const char *)data->data : "", data->len);
        rc = *value ? 0 : -ENOMEM;
    }
    df_etcd__range_response__free_unpacked(range, NULL);
    return rc;
}

int df_etcd_decode_txn(const uint8_t *bytes, size_t len, struct df_etcd_verdict *verdict, df_etcd_row_cb cb, void *arg)
{
    DfEtcd__TxnResponse *txn = df_etcd__txn_response__unpack(NULL, len, bytes);
    if (!txn)
        return -EPROTO;
    int rc = is_header(txn->header) ? 0 : -EPROTO;
    if (rc == 0) {
        verdict->revision = (uint64_t)txn->header->revision;
        verdict->succeeded = txn->succeeded;
    }
    for (size_t i = 0; i < txn->n_responses && rc == 0; i++)
        if (txn->responses[i]->response_case == DF_ETCD__RESPONSE_OP__RESPONSE_RESPONSE_RANGE)
            rc = tell_all(txn->responses[i]->response_range, cb, arg);
    df_etcd__txn_response__free_unpacked(txn, NULL);
    return rc;
}

static void read_news(const DfEtcd__WatchResponse *response, struct df_etcd_news *news)
{
    *news = (struct df_etcd_news){
        .watch = response->watch_id,
        .revision = response->header->revision > 0 ? (uint64_t)response->header->revision : 0,
        .created = response->created,
        .canceled = response->canceled,
        .compacted = response->compact_revision > 0,
        .partial = response->fragment,
        .no_rights = strstr(response->cancel_reason, "permission denied") != NULL,
    };
}

int df_etcd_decode_news(const uint8_t *bytes, size_t len, struct df_etcd_news *news,
                        int (*begin)(const struct df_etcd_news *news, void *arg), df_etcd_row_cb cb, void *arg)
{
    DfEtcd__WatchResponse *response = df_etcd__watch_response__unpack(NULL, len, bytes);
    if (!response)
        return -EPROTO;
    /* One that ends a watch has no revision. */
    bool is_good = is_header(response->header) || (response->header && response->canceled);
    int rc = is_good ? 0 : -EPROTO;
    if (rc == 0) {
        read_news(response, news);
        rc = begin(news, arg);
    }
    for (size_t i = 0; i < response->n_events && rc == 0; i++)
        rc = tell_event(response->events[i], cb, arg);
    df_etcd__watch_response__free_unpacked(response, NULL);
    return rc;
}

int df_etcd_decode_lease(const uint8_t *bytes, size_t len, int64_t *id, int64_t *ttl)
{
    DfEtcd__LeaseKeepAliveResponse *lease = df_etcd__lease_keep_alive_response__unpack(NULL, len, bytes);
    if (!lease)
        return -EPROTO;
    *id = lease->id;
    *ttl = lease->ttl;
    df_etcd__lease_keep_alive_response__free_unpacked(lease, NULL);
    return *id ? 0 : -EPROTO;
}

/* It becomes a header's value, so it must be of what those may be made of (RFC 9110, 5.5). */
static bool is_token(const char *token)
{
    size_t len = strlen(token);
    for (size_t i = 0; i < len; i++)
        if (!isgraph((unsigned char)token[i]))
            return false;
    return len > 0 && len <= TOKEN_MAX;
}

char *df_etcd_decode_token(const uint8_t *bytes, size_t len)
{
    DfEtcd__AuthenticateResponse *answer = df_etcd__authenticate_response__unpack(NULL, len, bytes);
    if (!answer)
        return NULL;
    char *token = is_token(answer->token) ? strdup(answer->token) : NULL;
    df_etcd__authenticate_response__free_unpacked(answer, NULL);
    return token;
}
