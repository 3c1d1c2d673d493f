/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <pthread.h>
#include <time.h>

#include "dbsync/drivers/zookeeper/session.h"

/* What session.c and request.c share. */

struct df_zk_session {
    struct df_zk_session_config config;
    char *credentials; /* NULL: none */
    char *addresses;   /* numeric, as they were at the last look */
    zhandle_t *zh;
    pthread_mutex_t lock; /* of what the library's threads write: the next three, and requests */
    pthread_cond_t changed;
    int state; /* of zh */
    unsigned fired;
    uint64_t serial;
    uint64_t lost_ms;  /* since when there is no connection; 0: there is one */
    uint64_t next_ms;  /* not before that an attempt */
    unsigned pause_ms; /* after the next that fails; 0: none has failed */
    int last_rc;
    char last[DF_ERROR_MAX];
};

/** Absolute time for pthread_cond_timedwait() on the monotonic clock. */
struct timespec df_zk_deadline(unsigned ms);

void df_zk_ring(struct df_zk_session *session);
