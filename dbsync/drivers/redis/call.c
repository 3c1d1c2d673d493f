/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/redis/call.h"

#include <errno.h>
#include <string.h>

#include "dbsync/drivers/redis/refusal.h"

#define ATTEMPTS 3

static int ready(struct df_redis_link *link, uint64_t until_ms, struct df_error *error)
{
    int rc;
    while ((rc = df_redis_link_drive(link, error)) == -EAGAIN) {
        if (df_redis_now_ms() >= until_ms)
            return df_error_set(error, -ETIMEDOUT, "redis at %s does not answer", df_redis_link_name(link));
        df_redis_link_wait(link, until_ms);
    }
    return rc;
}

static uint64_t time_limit(const struct df_redis_link *link)
{
    return df_redis_now_ms() + df_redis_link_timeout_ms(link);
}

int df_redis_call_ready(struct df_redis_link *link, struct df_error *error)
{
    return ready(link, time_limit(link), error);
}

void df_redis_replies_free(redisReply **replies, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        freeReplyObject(replies[i]);
        replies[i] = NULL;
    }
}

/* @return 0; an error, with the link down */
static int receive(struct df_redis_link *link, uint64_t until_ms, redisReply **reply, struct df_error *error)
{
    int rc;
    while ((rc = df_redis_link_receive(link, reply, error)) == -EAGAIN) {
        if (df_redis_now_ms() >= until_ms) {
            rc = df_error_set(error, -ETIMEDOUT, "redis at %s does not answer", df_redis_link_name(link));
            df_redis_link_fail(link, rc, error);
            return rc;
        }
        df_redis_link_wait(link, until_ms);
    }
    return rc;
}

struct attempt {
    bool again;   /* nothing was done: another attempt makes sense */
    bool is_sent; /* something may have been done */
};

static int refused(struct df_redis_link *link, const char *text, bool is_first, struct attempt *attempt,
                   struct df_error *error)
{
    int rc = df_redis_refusal(text, df_redis_link_name(link), error);
    if (df_redis_refusal_is_astray(text)) {
        df_redis_link_redirect(link, text);
        attempt->again = true;
    }
    attempt->is_sent = !is_first;
    return rc;
}

static int try_once(struct df_redis_link *link, const struct df_redis_command *commands, unsigned n, uint64_t until_ms,
                    redisReply **replies, struct attempt *attempt, struct df_error *error)
{
    if (df_redis_link_stands(link) && df_redis_link_is_dead(link))
        df_redis_link_drop(link);
    int rc = ready(link, until_ms, error);
    for (unsigned i = 0; rc == 0 && i < n; i++)
        rc = df_redis_link_send(link, &commands[i], error);
    if (rc)
        return rc;
    attempt->is_sent = true;
    for (unsigned i = 0; i < n; i++) {
        rc = receive(link, until_ms, &replies[i], error);
        if (rc) {
            attempt->again = rc != -ETIMEDOUT;
            return rc;
        }
        if (replies[i]->type == REDIS_REPLY_ERROR) {
            rc = refused(link, replies[i]->str, i == 0, attempt, error);
            /* Answers to the other commands are not waited for. */
            if (i + 1 < n && df_redis_link_stands(link))
                df_redis_link_drop(link);
            return rc;
        }
    }
    return 0;
}

int df_redis_call(struct df_redis_link *link, const struct df_redis_command *commands, unsigned n,
                  enum df_redis_repeat repeat, redisReply **replies, struct df_error *error)
{
    uint64_t until_ms = time_limit(link);
    struct df_error why = {""};
    memset(replies, 0, n * sizeof *replies);
    for (unsigned i = 0;; i++) {
        struct attempt attempt = {0};
        int rc = try_once(link, commands, n, until_ms, replies, &attempt, &why);
        if (rc == 0)
            return 0;
        df_redis_replies_free(replies, n);
        if (attempt.is_sent && repeat == DF_REDIS_ONCE)
            return df_error_set(error, -EINPROGRESS, "%s: what it was asked to do may have been done", why.text);
        if (!attempt.again || i + 1 == ATTEMPTS)
            return df_error_set(error, rc, "%s", why.text);
    }
}
