/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "dbsync/drivers/zookeeper/zk.h"

/* One transaction as it is in the log, in one node or in pieces. It can be read without waiting. */

struct df_zk_entry {
    uint64_t revision; /* 0: none */
    struct df_zk_request *node, *pieces[DF_ZK_PIECES_MAX];
    struct df_zk_log log; /* points into node, or to body */
    char *body;           /* of one in pieces, put together */
    bool ready;
};

/** Asks for it. how: DF_ZK_ASK_RING or 0, for each answer. */
int df_zk_entry_begin(struct df_zk *zk, struct df_zk_entry *entry, uint64_t revision, int how, struct df_error *error);

/**
 * Goes on with what has been answered. *next is the request that it waits for; NULL: entry->log.body is there.
 * @return -ESTALE: it is not in the log
 */
int df_zk_entry_go(struct df_zk *zk, struct df_zk_entry *entry, int how, struct df_zk_request **next,
                   struct df_error *error);

/** Reads it and waits. Clear it, also after an error. */
int df_zk_entry_read(struct df_zk *zk, uint64_t revision, struct df_zk_entry *entry, struct df_error *error);

/** Tells what it changed. @return 0 or what cb returned */
int df_zk_entry_tell(const struct df_zk_entry *entry, df_db_row_cb cb, void *arg);

void df_zk_entry_clear(struct df_zk_entry *entry);

/** The path of a piece; returns path. */
const char *df_zk_path_piece(const struct df_zk_place *place, const char *stage, unsigned i, char path[DF_ZK_PATH_MAX]);
