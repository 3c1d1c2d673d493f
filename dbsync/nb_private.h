/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "dbsync/nb.h"
#include "dbsync/transaction.h"

/* What the files of the NB API share. */

struct df_nb {
    const struct df_db_driver *driver;
    struct df_db *db;
    bool synced; /* revision is that of the last snapshot or change told */
    uint64_t revision;
};

/* How often a write is tried when other writers keep winning. */
#define DF_NB_ATTEMPTS 1000

/** Stages one object into a transaction, see df_nb_write(). */
int df_nb_stage(struct df_transaction *txn, enum df_nb_write how, enum df_nb_table table,
                const ProtobufCMessage *object, struct df_error *error);
