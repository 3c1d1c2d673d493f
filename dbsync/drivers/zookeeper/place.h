/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "dbsync/error.h"

/*
 * Where a database is in ZooKeeper, and how its nodes are called. Below the root, /dragonflow unless configured:
 *
 *   (the root)        "dragonflow northbound 1"
 *   state             what the last transaction was, see node.h; whoever writes it by its version commits
 *   log/REVISION      a transaction, see node.h
 *   rows/HH/T,I       the row of table T and id I, in the bucket of its hash: a list of nodes must fit into a packet
 *   tail/T,I          the rest of a row that does not fit into a node
 *   stage/NAME        a piece of a transaction that does not fit into a packet
 *   lock/NAME         ephemeral: who holds the lease
 *   lease/NAME,OWNER  ephemeral: the same to be told from one list
 */

#define DF_ZK_BUCKETS 64
#define DF_ZK_ROOT_MAX 128
#define DF_ZK_HOSTS 16
#define DF_ZK_NAME_MAX (3 * 128)                                  /* escaped */
#define DF_ZK_PATH_MAX (DF_ZK_ROOT_MAX + 2 * DF_ZK_NAME_MAX + 32) /* with the end */

struct df_zk_place {
    char *text; /* as it was configured, for messages */
    char *hosts;
    char root[DF_ZK_ROOT_MAX];
};

/**
 * Takes a location apart: HOST[:PORT],HOST[:PORT]...[/ROOT], IPv6 addresses in brackets.
 * @return 0, -EINVAL with a text, -ENOMEM. Free with df_zk_place_clear(), also after an error.
 */
int df_zk_place_parse(struct df_zk_place *place, const char *location, struct df_error *error);
void df_zk_place_clear(struct df_zk_place *place);

/* Paths; each returns path. Names are within their limits. */

/** root/name; an empty name is the root itself. */
const char *df_zk_path(const struct df_zk_place *place, const char *name, char path[DF_ZK_PATH_MAX]);
const char *df_zk_path_log(const struct df_zk_place *place, uint64_t revision, char path[DF_ZK_PATH_MAX]);
const char *df_zk_path_bucket(const struct df_zk_place *place, unsigned bucket, char path[DF_ZK_PATH_MAX]);
const char *df_zk_path_row(const struct df_zk_place *place, const char *table, const char *id,
                           char path[DF_ZK_PATH_MAX]);
const char *df_zk_path_tail(const struct df_zk_place *place, const char *table, const char *id,
                            char path[DF_ZK_PATH_MAX]);
/** folder/NAME with the name escaped, or folder/NAME,OWNER. */
const char *df_zk_path_name(const struct df_zk_place *place, const char *folder, const char *name, const char *owner,
                            char path[DF_ZK_PATH_MAX]);

/**
 * Takes the name of a node, A,B with both escaped, apart. first and second have room for max bytes and an end.
 * @return 0 or -EBADMSG
 */
int df_zk_name_split(const char *name, char *first, char *second, size_t max);
