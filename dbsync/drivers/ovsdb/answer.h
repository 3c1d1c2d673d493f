/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "dbsync/driver.h"
#include "dbsync/drivers/ovsdb/text.h"

/*
 * What a server says, checked and made into structs. All of it is pure: JSON in, struct or -EPROTO with a message out,
 * and whatever the JSON is, nothing worse.
 */

#define DF_OVSDB_NAME_MAX 128               /* bytes of a table's name, an id, a topic */
#define DF_OVSDB_DATA_MAX ((size_t)4 << 20) /* of one row */
#define DF_OVSDB_VERSION 1                  /* of the database, in table Meta */
#define DF_OVSDB_LEASES_MAX 65536

/** The reply to the monitor of `_Server`: is our database served, and the server in touch with its cluster? */
int df_ovsdb_answer_server(const json_t *updates, struct df_error *error);

/** A change of that: -EHOSTDOWN when the server has lost its cluster. */
int df_ovsdb_answer_server_update(const json_t *updates, struct df_error *error);

/* How far the database is, from tables Revision and Meta (conf/dragonflow-nb.ovsschema says what they are). */
struct df_ovsdb_head {
    bool is_there; /* else it is no northbound database yet */
    char instance[DF_OVSDB_UUID_LEN + 1];
    uint64_t revision, version, floor, mark, log_bytes, log_rows;
};

#define DF_OVSDB_META_COLUMNS "instance", "version", "floor", "mark", "log_bytes", "log_rows"

/** From two results of selects, of Revision and of Meta. */
int df_ovsdb_answer_head(const json_t *revision, const json_t *meta, struct df_ovsdb_head *head,
                         struct df_error *error);

/* Room for one row at a time; zeroes at first. */
struct df_ovsdb_scratch {
    char table[DF_OVSDB_NAME_MAX + 1], id[DF_OVSDB_NAME_MAX + 1];
    char *data;
    size_t size;
};

void df_ovsdb_scratch_free(struct df_ovsdb_scratch *scratch);

/** A row of table Row; what it points to lives in scratch until the next call. -EPROTO, -ENOMEM */
int df_ovsdb_answer_row(const json_t *columns, struct df_ovsdb_scratch *scratch, struct df_db_row *row,
                        struct df_error *error);

/** The rows of a result of a select: an array, or NULL with a message. */
const json_t *df_ovsdb_answer_rows(const json_t *result, struct df_error *error);

/** The first column of the only row, a number; 0 where there is no row. */
int df_ovsdb_answer_number(const json_t *result, const char *column, uint64_t *number, struct df_error *error);

/* Where a transaction ended: at the first operation that was refused. */
struct df_ovsdb_verdict {
    size_t at;                 /* the number of operations when all went well */
    const char *tag, *details; /* NULL: done; they live as long as the result */
};

int df_ovsdb_answer_verdict(const json_t *result, size_t operations, struct df_ovsdb_verdict *verdict,
                            struct df_error *error);

/* A change of a row of the contract, as the log has it. */
struct df_ovsdb_change {
    uint64_t revision, sequence;
    struct df_db_row row;
};

/* What one message said about tables Change, Meta and Revision. */
struct df_ovsdb_batch {
    struct df_ovsdb_batch *next;
    size_t bytes; /* of memory */
    /* Of Meta, where has_floor and has_mark say so; of Revision where not 0. */
    bool has_floor, has_mark, has_instance;
    uint64_t floor, mark, revision;
    char instance[DF_OVSDB_UUID_LEN + 1];
    uint64_t reaches; /* everything up to this revision has been told when this batch is told */
    size_t n;
    struct df_ovsdb_change changes[]; /* by revision and sequence */
};

/** Table updates of version 2; the batch is the caller's, to free(). */
int df_ovsdb_answer_batch(const json_t *updates, struct df_ovsdb_batch **batch, struct df_error *error);

/* A lease as it stands. */
struct df_ovsdb_lease {
    char name[DF_OVSDB_NAME_MAX + 1], owner[DF_OVSDB_NAME_MAX + 1];
    uint64_t beats, ttl; /* ttl in seconds */
};

#define DF_OVSDB_LEASE_COLUMNS "name", "owner", "beats", "ttl"

int df_ovsdb_answer_lease(const json_t *columns, struct df_ovsdb_lease *lease, struct df_error *error);
