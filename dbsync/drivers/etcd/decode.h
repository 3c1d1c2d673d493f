/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "dbsync/drivers/etcd/layout.h"

/*
 * What etcd says, from bytes. Pure functions: whatever the bytes are, they answer with what they hold or with -EPROTO,
 * and tell nothing that was not checked.
 */

struct df_etcd_row {
    struct df_etcd_name name;
    uint64_t revision; /* of its last write, or of its deletion */
    bool deleted;
    int64_t lease;
    const uint8_t *data;
    size_t len;
    struct df_etcd_places places;
    bool is_note; /* and no row: it has no name, and data is the note. Only news has some */
};

/* Return other than 0 to stop; the function returns it. Pointers in row die with the call. */
typedef int (*df_etcd_row_cb)(const struct df_etcd_row *row, void *arg);

struct df_etcd_page {
    uint64_t revision; /* of the database */
    size_t keys;       /* also of those that are no rows */
    bool more;
    struct df_etcd_key last;
};

/** A RangeResponse. What is no row or lease is skipped. */
int df_etcd_decode_page(const uint8_t *bytes, size_t len, struct df_etcd_page *page, df_etcd_row_cb cb, void *arg);

/** A RangeResponse for one key that is no row: its value, malloc()ed and ended by 0, or NULL. */
int df_etcd_decode_value(const uint8_t *bytes, size_t len, char **value);

struct df_etcd_verdict {
    uint64_t revision;
    bool succeeded;
};

/** A TxnResponse; the rows of its ranges are told, in order. */
int df_etcd_decode_txn(const uint8_t *bytes, size_t len, struct df_etcd_verdict *verdict, df_etcd_row_cb cb, void *arg);

struct df_etcd_news {
    int64_t watch;
    uint64_t revision;
    bool created, canceled, compacted, partial; /* partial: more events of these transactions follow */
    bool no_rights;
};

/** A WatchResponse: first says what it is, then cb is told its events. */
int df_etcd_decode_news(const uint8_t *bytes, size_t len, struct df_etcd_news *news,
                        int (*begin)(const struct df_etcd_news *news, void *arg), df_etcd_row_cb cb, void *arg);

/** A LeaseGrantResponse or LeaseKeepAliveResponse, which are alike: id and seconds. */
int df_etcd_decode_lease(const uint8_t *bytes, size_t len, int64_t *id, int64_t *ttl);

/** An AuthenticateResponse: the token, malloc()ed; NULL: it has none. */
char *df_etcd_decode_token(const uint8_t *bytes, size_t len);
