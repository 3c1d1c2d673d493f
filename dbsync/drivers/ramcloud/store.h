/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "dbsync/drivers/log_store/kv.h"

/*
 * RAMCloud as a key-value store: a table for each folder of keys, called dragonflow.FOLDER; an object is the stamp, 8
 * bytes in big endian, and the value. A condition on a stamp is made of a read and a write that demands the version
 * that was read. The library waits for a cluster that is away as long as it takes; nothing here can bound that. It tells
 * of nothing, so a watcher asks for the version of the state 20 times a second.
 */

extern const struct df_kv_ops df_ramcloud_kv;
