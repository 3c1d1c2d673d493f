/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#include "dbsync/drivers/redis/greeting.h"
#include "dbsync/drivers/redis/link_private.h"
#include "dbsync/drivers/redis/row.h"

/* From nothing to a connection that stands, state by state. */

static int send_greeting(struct df_redis_link *link, struct df_error *error)
{
    struct df_redis_command command = {0};
    int rc = 0;
    for (unsigned i = 0; rc == 0 && df_redis_greeting_command(&link->access, link->to_sentinel, i, &command); i++) {
        rc = df_redis_link_send(link, &command, error);
        df_redis_command_clear(&command);
    }
    link->step = 0;
    link->greeting = (struct df_redis_greeting){0};
    return rc;
}

static int open_line(struct df_redis_link *link, struct df_error *error)
{
    const struct df_redis_point *to = &link->target;
    char name[sizeof link->name + sizeof "redis at "];
    snprintf(link->name, sizeof link->name, strchr(to->host, ':') ? "[%s]:%s" : "%s:%s", to->host, to->port);
    snprintf(name, sizeof name, "redis at %s", link->name);
    return df_line_open(name, &to->address, link->access.tls, to->host, &link->line, error);
}

static int start(struct df_redis_link *link, struct df_error *error)
{
    struct df_redis_place *place = link->access.place;
    unsigned time = link->access.timeout_ms / (place->n < 3 ? (unsigned)place->n : 3);
    struct df_redis_point *point = link->has_lead ? &link->target : &place->points[link->point];
    link->end_ms = df_redis_now_ms() + time;
    int rc = df_redis_point_resolve(point, link->poller < 0 ? time : 0, error);
    if (rc)
        return rc;
    link->target = *point;
    link->to_sentinel = place->mode == DF_REDIS_SENTINEL && !link->has_lead;
    link->is_proven = false;
    link->reader = df_redis_reader_new();
    if (!link->reader)
        return df_error_set(error, -ENOMEM, "out of memory");
    rc = open_line(link, error);
    if (rc)
        return rc;
    df_redis_link_poll(link, EPOLL_CTL_ADD);
    link->state = CONNECTING;
    return 0;
}

static int connect_on(struct df_redis_link *link, struct df_error *error)
{
    int rc = df_line_connect(link->line, error);
    if (rc == -EAGAIN)
        df_redis_link_poll(link, EPOLL_CTL_MOD);
    if (rc == 0)
        rc = send_greeting(link, error);
    if (rc == 0)
        link->state = GREETING;
    return rc;
}

/* The master that a Sentinel named is who we go to now. */
static void follow_lead(struct df_redis_link *link, const struct df_redis_point *master)
{
    df_redis_link_drop(link);
    link->target = *master;
    link->has_lead = true;
}

static int end_greeting(struct df_redis_link *link, struct df_error *error)
{
    if (!link->greeting.is_master)
        return df_error_set(error, -EHOSTDOWN, "redis at %s is a replica: the master is wanted",
                            df_redis_link_name(link));
    if (link->greeting.has_database && link->greeting.version > DF_REDIS_VERSION)
        return df_error_set(error, -ENOTSUP,
                            "redis at %s: the database has layout %llu, this program knows %d: "
                            "upgrade the program",
                            df_redis_link_name(link), (unsigned long long)link->greeting.version, DF_REDIS_VERSION);
    link->state = STANDS;
    link->tried = 0;
    return 0;
}

static int read_answer(struct df_redis_link *link, const redisReply *reply, struct df_error *error)
{
    const char *name = df_redis_link_name(link);
    struct df_redis_command next = {0};
    struct df_redis_point master = {0};
    int rc = link->to_sentinel ? df_redis_greeting_read_sentinel(&master, link->step, reply, name, error)
                               : df_redis_greeting_read(&link->greeting, link->step, reply, name, error);
    if (rc && reply->type == REDIS_REPLY_ERROR && strncmp(reply->str, "MOVED", strlen("MOVED")) == 0 &&
        link->access.place->mode == DF_REDIS_CLUSTER && link->hops < DF_REDIS_HOPS_MAX) {
        df_redis_link_redirect(link, reply->str);
        return link->has_lead ? 0 : rc;
    }
    if (rc)
        return rc;
    bool is_last = !df_redis_greeting_command(&link->access, link->to_sentinel, ++link->step, &next);
    df_redis_command_clear(&next);
    if (is_last && link->to_sentinel)
        follow_lead(link, &master);
    else if (is_last)
        return end_greeting(link, error);
    return 0;
}

static int greet_on(struct df_redis_link *link, struct df_error *error)
{
    redisReply *reply;
    int rc = df_redis_link_pass_on(link, &reply, error);
    if (rc)
        return rc;
    rc = read_answer(link, reply, error);
    freeReplyObject(reply);
    return rc;
}

static int go_on(struct df_redis_link *link, struct df_error *error)
{
    switch (link->state) {
    case DOWN:
        return start(link, error);
    case CONNECTING:
        return connect_on(link, error);
    default:
        return greet_on(link, error);
    }
}

int df_redis_link_drive(struct df_redis_link *link, struct df_error *error)
{
    while (link->state != STANDS) {
        if (link->state == DOWN && df_redis_now_ms() < link->not_before_ms)
            return df_error_set(error, link->last_rc, "%s", link->last.text);
        struct df_error why = {""};
        int rc = go_on(link, &why);
        if (rc == -EAGAIN && df_redis_now_ms() < link->end_ms)
            return -EAGAIN;
        if (rc == -EAGAIN)
            rc = df_error_set(&why, -ETIMEDOUT, "redis at %s does not answer", df_redis_link_name(link));
        if (rc)
            df_redis_link_fail(link, rc, &why);
    }
    return 0;
}
