/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What is in the nodes. The functions are pure; those that read take nothing on trust and return -EBADMSG.
 *
 * A transaction that fits into one packet of ZooKeeper writes its log node, its rows and the state in one multi. One
 * that does not is written in pieces before, committed by one small multi that leaves the state pending, and then its
 * rows are written; as long as the state is pending, readers believe the log before the rows, and whoever wants to
 * write finishes it first.
 */

#define DF_ZK_VERSION 1
#define DF_ZK_PIECE ((size_t)512 << 10) /* of a row or of a transaction, in one node */
#define DF_ZK_PIECES_MAX 33             /* of a transaction */
#define DF_ZK_STAGE_NAME_MAX 64
#define DF_ZK_HEAD_MAX 16

/* Text, so that a person may read it: "REVISION OLDEST BYTES PENDING". */
struct df_zk_state {
    uint64_t revision; /* of the last transaction */
    uint64_t oldest;   /* that is still in the log; revision + 1 when it is empty */
    uint64_t bytes;    /* in the log */
    bool pending;      /* rows of the last transaction may not be written yet */
};

#define DF_ZK_STATE_MAX 96

/** Returns the length. */
size_t df_zk_state_put(char text[DF_ZK_STATE_MAX], const struct df_zk_state *state);
int df_zk_state_take(struct df_zk_state *state, const char *data, size_t len);

/** The root's text: "dragonflow northbound VERSION". */
size_t df_zk_marker_put(char text[DF_ZK_STATE_MAX]);
int df_zk_marker_take(unsigned *version, const char *data, size_t len);

/* A row: head, and as much of its data as fits. Its tail: head, and the rest. Both heads are of one size. */
struct df_zk_row {
    uint64_t revision;
    size_t total; /* bytes of the row's data, here and in the tail */
    const char *data;
    size_t len; /* here */
};

/** Writes the head for either and returns its length. */
size_t df_zk_row_put(char head[DF_ZK_HEAD_MAX], uint64_t revision, size_t total);
int df_zk_row_take(struct df_zk_row *row, const char *data, size_t len);
/** len is that of the rest, which must be what row is short of. */
int df_zk_tail_take(const struct df_zk_row *row, const char *data, size_t len, const char **rest);

/* A transaction: its body (log_store/body.h), or where the pieces of the body are: stage/NAME-0, stage/NAME-1... */
struct df_zk_log {
    const char *body; /* NULL: in pieces */
    size_t len;       /* of the body */
    unsigned pieces;
    char stage[DF_ZK_STAGE_NAME_MAX];
};

#define DF_ZK_LOG_STAGED_MAX (DF_ZK_STAGE_NAME_MAX + 32)

/** The node of a transaction in pieces; returns the length. One that is not is 'B' and the body. */
size_t df_zk_log_put_staged(char text[DF_ZK_LOG_STAGED_MAX], size_t len, const char *stage);
int df_zk_log_take(struct df_zk_log *log, const char *data, size_t len);
