/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "dbsync/drivers/zookeeper/session.h"

/*
 * A multi in the making: ZooKeeper does all of its operations or none. Paths and data are copied. Functions return a
 * code of the library; ZSYSTEMERROR: out of memory.
 */

/* What servers take in one packet is jute.maxbuffer, 1 MiB unless configured; this leaves room for heads. */
#define DF_ZK_MULTI_BYTES ((size_t)900 << 10)

struct df_zk_multi {
    struct df_zk_session *session;
    const struct ACL_vector *acl; /* of what is created; df_zk_session_acl() unless set after init */
    zoo_op_t *ops;
    char **copies; /* of paths and data, two for each */
    size_t n, max;
    size_t bytes; /* of the packet, more or less */
};

void df_zk_multi_init(struct df_zk_multi *multi, struct df_zk_session *session);
void df_zk_multi_clear(struct df_zk_multi *multi);

int df_zk_multi_create(struct df_zk_multi *multi, const char *path, const char *data, size_t len, int flags);
/** version -1: any. */
int df_zk_multi_set(struct df_zk_multi *multi, const char *path, const char *data, size_t len, int version);
int df_zk_multi_delete(struct df_zk_multi *multi, const char *path);
/** Nothing is done unless the node has this version. */
int df_zk_multi_check(struct df_zk_multi *multi, const char *path, int version);

/** Sends it and waits; what made it fail. */
int df_zk_multi_run(struct df_zk_multi *multi);
