/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <zookeeper/zookeeper.h>

#include "dbsync/drivers/zookeeper/place.h"
#include "dbsync/error.h"

/*
 * A session with ZooKeeper, and what is asked in it. It belongs to one thread. The library has two threads of its own
 * for each; what they call back ends here under a lock, and rings the session's bell where somebody watches.
 *
 * A lost connection is the library's to mend, at any of the hosts, as long as the session lives. A session that is over,
 * or that could not be begun, is begun anew in pauses that grow from 100 ms to 5 s; in between what failed last is said
 * at once. A new session has no watches: df_zk_session_serial() changes.
 */

struct df_zk_session;

struct df_zk_session_config {
    const struct df_zk_place *place;
    const char *user, *password; /* NULL: none */
    unsigned session_ms;         /* what to ask for; the server has limits of its own */
    unsigned timeout_ms;         /* of each wait */
    int bell;                    /* an eventfd, or -1 */
};

/* What watches told since they were asked. */
enum { DF_ZK_FIRED_STATE = 1, DF_ZK_FIRED_LEASES = 2 };

int df_zk_session_new(const struct df_zk_session_config *config, struct df_zk_session **session,
                      struct df_error *error);
void df_zk_session_free(struct df_zk_session *session);

/** Waits for the connection, at most for timeout_ms. @return 0, -ECONNREFUSED, -ETIMEDOUT, -EACCES, -EINVAL */
int df_zk_session_ready(struct df_zk_session *session, struct df_error *error);

/**
 * Whether there is a connection, without waiting; begins and ends attempts where it is time for that.
 * @param again_ms when to call this again, though nothing rang; 0: no need
 */
int df_zk_session_poll(struct df_zk_session *session, unsigned *again_ms, struct df_error *error);

uint64_t df_zk_session_serial(const struct df_zk_session *session);
unsigned df_zk_session_fired(struct df_zk_session *session);
int64_t df_zk_session_id(const struct df_zk_session *session);
unsigned df_zk_session_granted_ms(const struct df_zk_session *session);

/** A negative errno with a text for a code of the library that is none of what the caller expects. */
int df_zk_session_error(const struct df_zk_session *session, int code, struct df_error *error);

/** Who may do what with nodes that this session makes: whoever has its user and password, or all. */
const struct ACL_vector *df_zk_session_acl(const struct df_zk_session *session);

/* What is asked, and the answer when it is done: rc is a code of the library. */
struct df_zk_request {
    int rc;
    struct Stat stat;
    char *data;
    size_t len;
    char **names;
    size_t n_names;
    /* session.c's own */
    struct df_zk_session *session;
    zoo_op_result_t *results;
    bool done, dropped, ring;
};

/* What to do with the answer but to wait for it. */
enum df_zk_ask { DF_ZK_ASK = 0, DF_ZK_ASK_WATCH = 1, DF_ZK_ASK_RING = 2 };

/*
 * They do not wait; NULL: out of memory. The connection must have been there a moment ago, or the answer is that it was
 * lost. Requests of a session are answered in their order. Drop each, done or not, before the session is freed.
 */
struct df_zk_request *df_zk_get(struct df_zk_session *session, const char *path, int how);
struct df_zk_request *df_zk_children(struct df_zk_session *session, const char *path, int how);
/** What is read after it is not older than this moment. */
struct df_zk_request *df_zk_sync(struct df_zk_session *session, int how);
struct df_zk_request *df_zk_multi(struct df_zk_session *session, const zoo_op_t *ops, int n, int how);

bool df_zk_is_done(struct df_zk_request *request);
/** Waits, at most for timeout_ms from now; ZOPERATIONTIMEOUT when it is not done then. */
int df_zk_wait(struct df_zk_request *request);
void df_zk_drop(struct df_zk_request *request);

/** Whether a code says that the connection or the session went: what was asked may or may not have been done. */
bool df_zk_is_lost(int code);

uint64_t df_zk_now_ms(void); /* monotonic */
