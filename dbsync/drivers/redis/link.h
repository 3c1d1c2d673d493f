/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

#include "dbsync/driver.h"
#include "dbsync/drivers/redis/command.h"
#include "dbsync/drivers/redis/place.h"
#include "dbsync/drivers/redis/reply.h"

/*
 * A connection to the server that has the database, whoever that is at present: it goes from end point to end point,
 * asks Sentinels, follows a Cluster, introduces itself (password, scripts), and pauses between rounds of attempts,
 * 100 ms and longer each time up to 5 s. It is one state machine that never waits, df_redis_link_drive(); who may wait
 * polls in between (call.h).
 */

struct df_redis_link;

/* What a link needs to know; all of it outlives the link. */
struct df_redis_access {
    struct df_redis_place *place; /* addresses of its end points are filled in */
    const struct df_db_config *config;
    SSL_CTX *tls;
    unsigned timeout_ms;
};

/* What the server said when the connection was made. */
struct df_redis_greeting {
    char run[DF_REDIS_SHA_LEN + 1];                       /* names the server process */
    char scripts[DF_REDIS_SCRIPTS][DF_REDIS_SHA_LEN + 1]; /* names of our scripts */
    bool is_master;
    unsigned replicas;
    bool has_database;
    uint64_t version, revision, floor; /* of the database */
    char history[DF_REDIS_SHA_LEN + 1];
};

/**
 * @param poller an epoll descriptor in which the socket is kept, -1: none
 * @return NULL: out of memory
 */
struct df_redis_link *df_redis_link_new(const struct df_redis_access *access, int poller);
void df_redis_link_free(struct df_redis_link *link);

/** Goes on towards a connection. @return 0: it stands; -EAGAIN: poll; or why the last round of attempts failed */
int df_redis_link_drive(struct df_redis_link *link, struct df_error *error);

/** Does it stand, as far as is known? */
bool df_redis_link_stands(const struct df_redis_link *link);

/** When df_redis_link_drive() must be called though nothing polls; monotonic clock, ms. */
uint64_t df_redis_link_due_ms(const struct df_redis_link *link);

/* The following are for a link that stands. */

const struct df_redis_greeting *df_redis_link_greeting(const struct df_redis_link *link);
/** "host:port" of the server. */
const char *df_redis_link_name(const struct df_redis_link *link);

/** Queues a command. @return 0; -ENOMEM */
int df_redis_link_send(struct df_redis_link *link, const struct df_redis_command *command, struct df_error *error);

/** Writes what is queued, and reads an answer. @return 0; -EAGAIN: poll; another error: the link is down */
int df_redis_link_receive(struct df_redis_link *link, redisReply **reply, struct df_error *error);

/** Has it been closed from the other side while nothing was asked? */
bool df_redis_link_is_dead(struct df_redis_link *link);

/** Closes it: the next df_redis_link_drive() makes another one, at once. */
void df_redis_link_drop(struct df_redis_link *link);

/** The same, and the next attempt follows a refusal (refusal.h) that says where to go. */
void df_redis_link_redirect(struct df_redis_link *link, const char *refusal);

/** The same as drop, but it counts as a failed attempt at this end point: the next one is tried, after a pause if due. */
void df_redis_link_fail(struct df_redis_link *link, int rc, const struct df_error *why);

/** Waits until the link may go on, but not beyond until_ms. */
void df_redis_link_wait(const struct df_redis_link *link, uint64_t until_ms);

/** Of one request. */
unsigned df_redis_link_timeout_ms(const struct df_redis_link *link);

/** The monotonic clock, ms. */
uint64_t df_redis_now_ms(void);
