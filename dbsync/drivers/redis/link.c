/* SPDX-License-Identifier: Apache-2.0 */
#include "dbsync/drivers/redis/link.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#include "dbsync/drivers/redis/greeting.h"
#include "dbsync/drivers/redis/link_private.h"

#define PAUSE_FIRST_MS 100
#define PAUSE_MAX_MS 5000
#define CHUNK ((size_t)64 << 10)

uint64_t df_redis_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

struct df_redis_link *df_redis_link_new(const struct df_redis_access *access, int poller)
{
    struct df_redis_link *link = calloc(1, sizeof *link);
    if (!link)
        return NULL;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    link->access = *access;
    link->poller = poller;
    link->seed = (unsigned)now.tv_nsec ^ (unsigned)(uintptr_t)link;
    return link;
}

void df_redis_link_poll(const struct df_redis_link *link, int operation)
{
    if (link->poller < 0)
        return;
    bool has_output = link->out_done < link->out_len;
    struct epoll_event event = {.events = (uint32_t)df_line_events(link->line, has_output)};
    epoll_ctl(link->poller, operation, df_line_fd(link->line), &event);
}

void df_redis_link_drop(struct df_redis_link *link)
{
    if (link->line)
        df_redis_link_poll(link, EPOLL_CTL_DEL);
    df_line_close(link->line);
    df_redis_reader_free(link->reader);
    link->line = NULL;
    link->reader = NULL;
    link->out_len = link->out_done = 0;
    link->state = DOWN;
    link->has_lead = false;
}

void df_redis_link_free(struct df_redis_link *link)
{
    if (!link)
        return;
    df_redis_link_drop(link);
    free(link->out);
    free(link);
}

/* Half of the pause and up to all of it, so that those who lost a server do not come back all at once. */
static void begin_pause(struct df_redis_link *link)
{
    link->pause_ms = link->pause_ms ? link->pause_ms * 2 : PAUSE_FIRST_MS;
    if (link->pause_ms > PAUSE_MAX_MS)
        link->pause_ms = PAUSE_MAX_MS;
    unsigned half = link->pause_ms / 2;
    link->not_before_ms = df_redis_now_ms() + half + (unsigned)rand_r(&link->seed) % (half + 1);
    link->tried = 0;
}

/* What the end points of a round say, one after the other, as far as there is room. */
static void note_failure(struct df_redis_link *link, const struct df_error *why)
{
    size_t used = link->tried ? strlen(link->last.text) : 0;
    snprintf(link->last.text + used, sizeof link->last.text - used, "%s%s", used ? "; " : "", why->text);
}

void df_redis_link_fail(struct df_redis_link *link, int rc, const struct df_error *why)
{
    df_redis_link_drop(link);
    link->hops = 0;
    link->last_rc = rc;
    note_failure(link, why);
    link->point = (link->point + 1) % link->access.place->n;
    if (++link->tried >= link->access.place->n)
        begin_pause(link);
}

/* Queueing and passing on. */

static int queue(struct df_redis_link *link, const char *data, size_t len)
{
    if (link->out_done == link->out_len)
        link->out_done = link->out_len = 0;
    if (link->out_max - link->out_len < len) {
        size_t max = link->out_len + len + 4096;
        char *out = realloc(link->out, max);
        if (!out)
            return -ENOMEM;
        link->out = out;
        link->out_max = max;
    }
    memcpy(link->out + link->out_len, data, len);
    link->out_len += len;
    return 0;
}

int df_redis_link_send(struct df_redis_link *link, const struct df_redis_command *command, struct df_error *error)
{
    size_t len;
    const char *sha = command->is_script ? link->greeting.scripts[command->script] : "";
    char *text = df_redis_command_format(command, sha, link->greeting.run, &len);
    int rc = text ? queue(link, text, len) : -ENOMEM;
    free(text);
    return rc ? df_error_set(error, rc, "out of memory") : 0;
}

static int write_queued(struct df_redis_link *link, struct df_error *error)
{
    while (link->out_done < link->out_len) {
        ssize_t n = df_line_write(link->line, link->out + link->out_done, link->out_len - link->out_done, error);
        if (n < 0)
            return n == -EAGAIN ? 0 : (int)n;
        link->out_done += (size_t)n;
    }
    if (link->out_max > CHUNK * 4) { /* a large commit was */
        free(link->out);
        link->out = NULL;
        link->out_max = link->out_len = link->out_done = 0;
    }
    return 0;
}

/*
 * A peer that closes has often said why, so what cannot be written is no reason not to read.
 * @return 0: an answer; -EAGAIN; or an error, with the link as it was
 */
int df_redis_link_pass_on(struct df_redis_link *link, redisReply **reply, struct df_error *error)
{
    char chunk[CHUNK];
    int written = write_queued(link, error), rc = 0;
    while (rc == 0) {
        rc = df_redis_reader_next(link->reader, reply, error);
        if (rc != -EAGAIN)
            break;
        ssize_t n = df_line_read(link->line, chunk, sizeof chunk, error);
        rc = n < 0 ? (int)n : df_redis_reader_feed(link->reader, chunk, (size_t)n, error);
    }
    if (rc == -EAGAIN && written)
        return written;
    if (rc == -EAGAIN)
        df_redis_link_poll(link, EPOLL_CTL_MOD);
    return rc;
}

int df_redis_link_receive(struct df_redis_link *link, redisReply **reply, struct df_error *error)
{
    struct df_error why = {""};
    int rc = df_redis_link_pass_on(link, reply, &why);
    if (rc == 0) {
        link->is_proven = true;
        link->pause_ms = 0;
        link->hops = 0;
    } else if (rc != -EAGAIN) {
        df_error_set(error, rc, "%s", why.text);
        if (link->is_proven)
            df_redis_link_drop(link);
        else /* it let us in, and no more */
            df_redis_link_fail(link, rc, &why);
    }
    return rc;
}

bool df_redis_link_is_dead(struct df_redis_link *link)
{
    char byte;
    ssize_t n = df_line_read(link->line, &byte, 1, NULL);
    return n != -EAGAIN;
}

void df_redis_link_redirect(struct df_redis_link *link, const char *refusal)
{
    struct df_redis_point point;
    bool has_lead = link->access.place->mode == DF_REDIS_CLUSTER && link->hops < DF_REDIS_HOPS_MAX &&
                    df_redis_greeting_read_moved(refusal, link->target.host, &point) == 0;
    df_redis_link_drop(link);
    if (has_lead) {
        link->target = point;
        link->hops++;
        link->has_lead = true;
    }
}

bool df_redis_link_stands(const struct df_redis_link *link)
{
    return link->state == STANDS;
}

uint64_t df_redis_link_due_ms(const struct df_redis_link *link)
{
    switch (link->state) {
    case DOWN:
        return link->not_before_ms;
    case STANDS:
        return UINT64_MAX;
    default:
        return link->end_ms;
    }
}

const struct df_redis_greeting *df_redis_link_greeting(const struct df_redis_link *link)
{
    return &link->greeting;
}

unsigned df_redis_link_timeout_ms(const struct df_redis_link *link)
{
    return link->access.timeout_ms;
}

const char *df_redis_link_name(const struct df_redis_link *link)
{
    return link->name;
}

void df_redis_link_wait(const struct df_redis_link *link, uint64_t until_ms)
{
    uint64_t now = df_redis_now_ms(), due = df_redis_link_due_ms(link);
    if (due < until_ms)
        until_ms = due;
    struct pollfd fd = {.fd = -1};
    if (link->line) {
        fd.fd = df_line_fd(link->line);
        fd.events = df_line_events(link->line, link->out_done < link->out_len);
    }
    poll(&fd, 1, until_ms > now ? (int)(until_ms - now) : 0);
}
