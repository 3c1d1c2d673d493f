/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "dbsync/drivers/redis/link.h"
#include "dbsync/net/line.h"

/* What the files of link.h share: link.c passes bytes and keeps the pauses, link_drive.c makes connections. */

#define DF_REDIS_HOPS_MAX 5 /* from server to server, before it counts as a failure */

enum df_redis_link_state { DOWN, CONNECTING, GREETING, STANDS };

struct df_redis_link {
    struct df_redis_access access;
    int poller;
    enum df_redis_link_state state;
    struct df_line *line;
    char name[DF_REDIS_HOST_MAX + 8]; /* host:port of whom it leads to */
    struct df_redis_reader *reader;
    char *out; /* queued from out_done to out_len */
    size_t out_len, out_done, out_max;

    /* The attempt. */
    struct df_redis_point target; /* whom we talk to */
    bool to_sentinel;
    bool has_lead; /* target was named by a Sentinel or another server */
    unsigned hops;
    unsigned step; /* of the greeting: the next answer */
    uint64_t end_ms;
    struct df_redis_greeting greeting;

    /* The round. */
    size_t point, tried;
    unsigned pause_ms;
    uint64_t not_before_ms;
    unsigned seed;
    bool is_proven; /* the connection has answered a request */
    int last_rc;
    struct df_error last; /* of the last round, of all its end points */
};

/** Tells the poller of a new socket, of one that waits for something else, or of one that goes. */
void df_redis_link_poll(const struct df_redis_link *link, int operation);

/** df_redis_link_receive(), but leaves the link as it is where it fails. */
int df_redis_link_pass_on(struct df_redis_link *link, redisReply **reply, struct df_error *error);
