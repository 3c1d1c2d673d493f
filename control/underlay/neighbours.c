/* SPDX-License-Identifier: Apache-2.0 */
#include "control/underlay/neighbours.h"

#include <stdlib.h>

#include "control/log.h"
#include "control/model/address.h"
#include "control/model/alloc.h"
#include "fastpath/lookup/hash.h"

/* RFC 4861 section 10: RETRANS_TIMER, MAX_MULTICAST_SOLICIT, MAX_UNICAST_SOLICIT. */
#define RETRANS_MS 1000
#define BROADCASTS 3
#define UNICASTS 3

/* Twice that section's REACHABLE_TIME: who is dead is known by its lease, and thousands may be asked. */
#define REACHABLE_MS 60000

#define BACKOFF_FIRST_MS 2000
#define BACKOFF_MOST_MS 32000
#define CHANGE_PAUSE_MS 1000
#define RUN_MS 100
#define BUCKETS 1024

struct df_neighbours {
    struct df_neighbours_ops ops;
    struct df_neighbours_counters counters;
    size_t n;
    uint64_t run_ms; /* not before; 0: there is nothing to do */
    size_t turn;     /* the bucket at which a run begins: the one at which the last one had to end */
    struct df_neighbour *bucket[BUCKETS];
};

static const struct df_mac no_mac;

static uint64_t hash_of(const struct df_ip *ip)
{
    return df_hash_bytes(ip, sizeof(*ip));
}

static struct df_neighbour **bucket_of(struct df_neighbours *neighbours, const struct df_ip *ip)
{
    return &neighbours->bucket[hash_of(ip) % BUCKETS];
}

static struct df_neighbour *find(struct df_neighbours *neighbours, const struct df_ip *ip)
{
    struct df_neighbour *neighbour = *bucket_of(neighbours, ip);
    while (neighbour && !df_ip_equal(&neighbour->ip, ip))
        neighbour = neighbour->next;
    return neighbour;
}

static bool is_known(const struct df_neighbour *neighbour)
{
    return !df_mac_equal(&neighbour->mac, &no_mac);
}

/* Something is to be done at that time. */
static void wake(struct df_neighbours *neighbours, struct df_neighbour *neighbour, uint64_t at_ms)
{
    neighbour->next_ms = at_ms;
    if (neighbours->run_ms == 0 || at_ms < neighbours->run_ms)
        neighbours->run_ms = at_ms ? at_ms : 1;
}

/* ---- Who is wanted */

struct df_neighbours *df_neighbours_new(const struct df_neighbours_ops *ops)
{
    struct df_neighbours *neighbours = df_alloc(sizeof(*neighbours));
    neighbours->ops = *ops;
    return neighbours;
}

void df_neighbours_free(struct df_neighbours *neighbours)
{
    for (size_t i = 0; i < BUCKETS; i++) {
        struct df_neighbour *neighbour;
        while ((neighbour = neighbours->bucket[i])) {
            neighbours->bucket[i] = neighbour->next;
            neighbours->ops.listen(neighbours->ops.arg, &neighbour->ip, false);
            free(neighbour);
        }
    }
    free(neighbours);
}

struct df_neighbour *df_neighbours_want(struct df_neighbours *neighbours, const struct df_ip *ip)
{
    struct df_neighbour *neighbour = find(neighbours, ip);
    if (neighbour) {
        neighbour->wanted++;
        return neighbour;
    }
    if (neighbours->n == DF_NEIGHBOURS_MAX)
        return NULL;
    neighbour = df_alloc(sizeof(*neighbour));
    *neighbour = (struct df_neighbour){.ip = *ip, .wanted = 1, .next = *bucket_of(neighbours, ip)};
    *bucket_of(neighbours, ip) = neighbour;
    neighbours->n++;
    neighbours->ops.listen(neighbours->ops.arg, ip, true);
    wake(neighbours, neighbour, 0);
    return neighbour;
}

void df_neighbours_unwant(struct df_neighbours *neighbours, struct df_neighbour *neighbour)
{
    if (--neighbour->wanted != 0)
        return;
    struct df_neighbour **link = bucket_of(neighbours, &neighbour->ip);
    while (*link != neighbour)
        link = &(*link)->next;
    *link = neighbour->next;
    neighbours->n--;
    neighbours->ops.listen(neighbours->ops.arg, &neighbour->ip, false);
    free(neighbour);
}

void df_neighbours_urge(struct df_neighbours *neighbours, struct df_neighbour *neighbour)
{
    if (neighbour->is_urgent || is_known(neighbour))
        return;
    neighbour->is_urgent = true;
    if (neighbour->unanswered == 0)
        wake(neighbours, neighbour, 0);
}

/* ---- What is said */

/* A quarter of it earlier or later, so that those who were asked together are not asked together for ever. */
static uint64_t reachable_ms(const struct df_neighbour *neighbour)
{
    return REACHABLE_MS * 3 / 4 + hash_of(&neighbour->ip) % (REACHABLE_MS / 2);
}

static void confirm(struct df_neighbours *neighbours, struct df_neighbour *neighbour, uint64_t now_ms)
{
    neighbour->state = DF_NEIGHBOUR_REACHABLE;
    neighbour->confirmed_ms = now_ms;
    neighbour->unanswered = 0;
    wake(neighbours, neighbour, now_ms + reachable_ms(neighbour));
}

/* It is asked whether that is so, and used meanwhile. */
static void doubt(struct df_neighbours *neighbours, struct df_neighbour *neighbour, uint64_t at_ms)
{
    neighbour->state = DF_NEIGHBOUR_PROBING;
    neighbour->unanswered = 0;
    wake(neighbours, neighbour, at_ms);
}

static void set_mac(struct df_neighbour *neighbour, const struct df_mac *mac, uint64_t now_ms)
{
    char ip[DF_IP_TEXT], was[DF_MAC_TEXT], is[DF_MAC_TEXT];
    neighbour->changed_ms = is_known(neighbour) ? now_ms : 0;
    if (is_known(neighbour))
        df_log(DF_LOG_INFO, "underlay: %s moved from %s to %s", df_ip_text(&neighbour->ip, ip),
               df_mac_text(&neighbour->mac, was), df_mac_text(mac, is));
    else if (neighbour->state == DF_NEIGHBOUR_FAILED)
        df_log(DF_LOG_INFO, "underlay: %s answers", df_ip_text(&neighbour->ip, ip));
    neighbour->mac = *mac;
    neighbour->is_urgent = false;
}

/* It says another MAC than is known, or the first. False: it is not believed for the time being. */
static bool take_mac(struct df_neighbours *neighbours, struct df_neighbour *neighbour,
                     const struct df_frames_answer *answer, uint64_t now_ms)
{
    if (is_known(neighbour) && !answer->override) { /* RFC 4861 section 7.2.5 */
        doubt(neighbours, neighbour, now_ms);
        return false;
    }
    if (is_known(neighbour) && neighbour->changed_ms && now_ms - neighbour->changed_ms < CHANGE_PAUSE_MS) {
        neighbours->counters.held_back++;
        doubt(neighbours, neighbour, neighbour->changed_ms + CHANGE_PAUSE_MS);
        neighbour->unanswered = UNICASTS; /* all are asked: whoever has it now need not be where it was */
        return false;
    }
    set_mac(neighbour, &answer->mac, now_ms);
    return true;
}

void df_neighbours_take(struct df_neighbours *neighbours, const struct df_frames_answer *answer, uint64_t now_ms)
{
    struct df_neighbour *neighbour = find(neighbours, &answer->ip);
    if (!neighbour) {
        neighbours->counters.unasked++;
        return;
    }
    neighbours->counters.answers++;
    bool is_news = !df_mac_equal(&answer->mac, &no_mac) && !df_mac_equal(&answer->mac, &neighbour->mac);
    if (!is_news && !is_known(neighbour))
        return;
    if (is_news && !take_mac(neighbours, neighbour, answer, now_ms))
        return;
    if (answer->solicited)
        confirm(neighbours, neighbour, now_ms);
    else if (is_news)
        doubt(neighbours, neighbour, now_ms);
    if (is_news)
        neighbours->ops.changed(neighbours->ops.arg, neighbour);
}

void df_neighbours_link_up(struct df_neighbours *neighbours, uint64_t now_ms)
{
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct df_neighbour *neighbour = neighbours->bucket[i]; neighbour; neighbour = neighbour->next) {
            neighbour->unanswered = 0;
            if (is_known(neighbour))
                neighbour->state = DF_NEIGHBOUR_PROBING;
            wake(neighbours, neighbour, now_ms);
        }
    }
}

/* ---- Asking */

static void ask(struct df_neighbours *neighbours, struct df_neighbour *neighbour, const struct df_mac *to,
                uint64_t next_ms)
{
    neighbour->unanswered++;
    neighbour->next_ms = next_ms;
    neighbours->counters.asked++;
    neighbours->ops.ask(neighbours->ops.arg, &neighbour->ip, to);
}

static void fail(struct df_neighbours *neighbours, struct df_neighbour *neighbour, uint64_t now_ms)
{
    char ip[DF_IP_TEXT];
    df_log(DF_LOG_WARNING, "underlay: %s does not answer; what goes by it is dropped until it does",
           df_ip_text(&neighbour->ip, ip));
    neighbour->state = DF_NEIGHBOUR_FAILED;
    neighbour->mac = no_mac;
    neighbour->unanswered = 0;
    neighbour->is_urgent = false;
    neighbour->next_ms = now_ms + BACKOFF_FIRST_MS;
    neighbours->ops.changed(neighbours->ops.arg, neighbour);
}

static uint64_t backoff_ms(const struct df_neighbour *neighbour)
{
    unsigned doublings = neighbour->unanswered < 4 ? neighbour->unanswered + 1 : 4;
    uint64_t ms = (uint64_t)BACKOFF_FIRST_MS << doublings;
    return ms < BACKOFF_MOST_MS ? ms : BACKOFF_MOST_MS;
}

/* What is due of one. */
static void step(struct df_neighbours *neighbours, struct df_neighbour *neighbour, uint64_t now_ms)
{
    switch (neighbour->state) {
    case DF_NEIGHBOUR_ASKING:
        if (neighbour->unanswered < BROADCASTS)
            ask(neighbours, neighbour, NULL, now_ms + RETRANS_MS);
        else
            fail(neighbours, neighbour, now_ms);
        return;
    case DF_NEIGHBOUR_REACHABLE:
        neighbour->state = DF_NEIGHBOUR_PROBING;
        /* fall through */
    case DF_NEIGHBOUR_PROBING:
        if (neighbour->unanswered < UNICASTS + BROADCASTS)
            ask(neighbours, neighbour, neighbour->unanswered < UNICASTS ? &neighbour->mac : NULL, now_ms + RETRANS_MS);
        else
            fail(neighbours, neighbour, now_ms);
        return;
    case DF_NEIGHBOUR_FAILED:
        ask(neighbours, neighbour, NULL, now_ms + backoff_ms(neighbour));
        return;
    }
}

/* Those that are due and urgent, or due and not. */
static unsigned run_some(struct df_neighbours *neighbours, bool urgent, unsigned room, uint64_t now_ms)
{
    unsigned n = 0;
    size_t first = neighbours->turn;
    for (size_t i = 0; i < BUCKETS && n < room; i++) {
        neighbours->turn = (first + i) % BUCKETS;
        struct df_neighbour *neighbour = neighbours->bucket[neighbours->turn];
        for (; neighbour && n < room; neighbour = neighbour->next) {
            if (neighbour->is_urgent != urgent || neighbour->next_ms > now_ms)
                continue;
            step(neighbours, neighbour, now_ms);
            n++;
        }
    }
    return n;
}

static uint64_t earliest_ms(const struct df_neighbours *neighbours)
{
    uint64_t at_ms = 0;
    for (size_t i = 0; i < BUCKETS; i++)
        for (const struct df_neighbour *neighbour = neighbours->bucket[i]; neighbour; neighbour = neighbour->next)
            if (at_ms == 0 || neighbour->next_ms < at_ms)
                at_ms = neighbour->next_ms ? neighbour->next_ms : 1;
    return at_ms;
}

void df_neighbours_run(struct df_neighbours *neighbours, uint64_t now_ms)
{
    if (neighbours->run_ms == 0 || now_ms < neighbours->run_ms)
        return;
    unsigned n = run_some(neighbours, true, DF_NEIGHBOURS_PER_RUN, now_ms);
    n += run_some(neighbours, false, DF_NEIGHBOURS_PER_RUN - n, now_ms);
    neighbours->run_ms = earliest_ms(neighbours);
    if (n == DF_NEIGHBOURS_PER_RUN && neighbours->run_ms < now_ms + RUN_MS)
        neighbours->run_ms = now_ms + RUN_MS;
}

/* ---- Looking */

int64_t df_neighbours_next_ms(const struct df_neighbours *neighbours)
{
    return neighbours->run_ms ? (int64_t)neighbours->run_ms : -1;
}

struct df_neighbours_counters df_neighbours_counters(const struct df_neighbours *neighbours)
{
    return neighbours->counters;
}

void df_neighbours_each(const struct df_neighbours *neighbours,
                        void (*cb)(const struct df_neighbour *neighbour, void *arg), void *arg)
{
    for (size_t i = 0; i < BUCKETS; i++)
        for (const struct df_neighbour *neighbour = neighbours->bucket[i]; neighbour; neighbour = neighbour->next)
            cb(neighbour, arg);
}

const char *df_neighbour_state_name(enum df_neighbour_state state)
{
    static const char *const names[] = {
        [DF_NEIGHBOUR_ASKING] = "asking",
        [DF_NEIGHBOUR_REACHABLE] = "reachable",
        [DF_NEIGHBOUR_PROBING] = "probing",
        [DF_NEIGHBOUR_FAILED] = "failed",
    };
    return names[state];
}
