/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "dbsync/drivers/etcd/decode.h"

/*
 * Rows that a handle has read or written lately: where they are and their revision, so that the write that follows a
 * read needs no other one. It may be wrong, for others write too: etcd compares.
 */

struct df_etcd_seen;

/* What is known of a row. */
struct df_etcd_state {
    uint64_t revision; /* 0: it is not there */
    struct df_etcd_places places;
};

struct df_etcd_seen *df_etcd_seen_new(void);
void df_etcd_seen_free(struct df_etcd_seen *seen);

/** False: nothing is known. */
bool df_etcd_seen_find(const struct df_etcd_seen *seen, const char *table, const char *id, struct df_etcd_state *state);
void df_etcd_seen_note(struct df_etcd_seen *seen, const char *table, const char *id, const struct df_etcd_state *state);
