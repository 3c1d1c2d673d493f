/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "dbsync/drivers/log_store/kv.h"

/*
 * RethinkDB as a key-value store: one table, `dragonflow` in the database of the location; a document is {id: key or
 * its digest, k: key, s: stamp, d: value}. RethinkDB changes one document at a time, so a condition on a stamp is a
 * replace by a function, which it does under the document's lock. News is a changefeed of the state's document.
 */

extern const struct df_kv_ops df_rethinkdb_kv;
