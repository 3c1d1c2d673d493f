/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "dbsync/nb.h"

/*
 * Rows that this node wants written, from the control thread to the database's thread.
 *
 * Invariant: of each row only what was wanted last is kept, so the box is never larger than what a node says of itself,
 * however long the database is away. A row is given up only when it was written, or can never be.
 *
 * Any thread.
 */

struct df_outbox;

/** driver and database: for what needs a handle of its own; strings stay the caller's. */
struct df_outbox *df_outbox_new(const char *driver, const struct df_db_config *database);
void df_outbox_free(struct df_outbox *outbox);

/** Wants the row; copied. object NULL: wants it gone, if its chassis is this node. */
void df_outbox_put(struct df_outbox *outbox, enum df_nb_table table, const char *id, const ProtobufCMessage *object);

/** Wants the status of all ports of a dead node to say so; that is a row for each of them. */
void df_outbox_bury(struct df_outbox *outbox, const char *host);

/** It lives: no more of its ports is marked, but for one that is being written in this moment. */
void df_outbox_spare(struct df_outbox *outbox, const char *host);

/**
 * Writes one row that is wanted: whoever has to hear of changes as well looks for them in between. The thread that nb
 * belongs to.
 *
 * @return 1: there are more; 0: that was all; or a negative errno with error: call again later
 */
int df_outbox_write(struct df_outbox *outbox, struct df_nb *nb, const char *host, struct df_error *error);
