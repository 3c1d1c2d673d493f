/* SPDX-License-Identifier: Apache-2.0 */
#include "control/underlay/held.h"

#include <stdlib.h>
#include <string.h>

#include "control/model/alloc.h"

/* They are few: a list, the one that waits longest first. */
struct packet {
    struct packet *next;
    struct df_ip peer;
    uint32_t lport;
    uint32_t len;
    uint64_t until_ms;
    uint8_t frame[];
};

struct df_held {
    struct df_held_ops ops;
    struct packet *first;
    unsigned n;
};

struct df_held *df_held_new(const struct df_held_ops *ops)
{
    struct df_held *held = df_alloc(sizeof(*held));
    held->ops = *ops;
    return held;
}

unsigned df_held_count(const struct df_held *held, const struct df_ip *peer)
{
    unsigned n = 0;
    for (const struct packet *packet = held->first; packet; packet = packet->next)
        n += !peer || df_ip_equal(&packet->peer, peer);
    return n;
}

static void drop(struct df_held *held, struct packet *packet, enum df_drop reason)
{
    held->ops.drop(held->ops.arg, packet->lport, reason);
    free(packet);
}

/* How many of a port's wait for the peer; NULL: for all. */
static unsigned count_of(const struct df_held *held, const struct df_ip *peer, uint32_t lport)
{
    unsigned n = 0;
    for (const struct packet *packet = held->first; packet; packet = packet->next)
        n += packet->lport == lport && (!peer || df_ip_equal(&packet->peer, peer));
    return n;
}

/* Of those that wait for the peer, or for all, the last one of the port that has most; NULL: none has more than n. */
static struct packet **last_of_greediest(struct df_held *held, const struct df_ip *peer, unsigned n)
{
    struct packet **last = NULL;
    for (struct packet **link = &held->first; *link; link = &(*link)->next) {
        if (peer && !df_ip_equal(&(*link)->peer, peer))
            continue;
        unsigned has = count_of(held, peer, (*link)->lport);
        if (has > n || (last && has == n && (*link)->lport == (*last)->lport))
            last = link;
        n = has > n ? has : n;
    }
    return last;
}

/* False: there is no room for one more of this port's, and no port has so many more of it that it gives way. */
static bool make_room(struct df_held *held, const struct df_ip *peer, uint32_t lport)
{
    bool peer_is_full = df_held_count(held, peer) == DF_HELD_PER_PEER;
    if (!peer_is_full && held->n < DF_HELD_MAX)
        return true;
    const struct df_ip *of = peer_is_full ? peer : NULL;
    struct packet **link = last_of_greediest(held, of, count_of(held, of, lport) + 1);
    if (!link)
        return false;
    struct packet *packet = *link;
    *link = packet->next;
    held->n--;
    drop(held, packet, DF_DROP_RESOLVE_QUEUE_FULL);
    return true;
}

void df_held_put(struct df_held *held, const struct df_ip *peer, uint32_t lport, const uint8_t *frame, uint32_t len,
                 uint64_t now_ms)
{
    if (!make_room(held, peer, lport)) {
        held->ops.drop(held->ops.arg, lport, DF_DROP_RESOLVE_QUEUE_FULL);
        return;
    }
    struct packet *packet = df_alloc(sizeof(*packet) + len);
    *packet = (struct packet){.peer = *peer, .lport = lport, .len = len, .until_ms = now_ms + DF_HELD_MS};
    memcpy(packet->frame, frame, len);
    struct packet **link = &held->first;
    while (*link)
        link = &(*link)->next;
    *link = packet;
    held->n++;
}

/* Takes the first of the peer out, or NULL. */
static struct packet *take(struct df_held *held, const struct df_ip *peer)
{
    struct packet **link = &held->first;
    while (*link && !df_ip_equal(&(*link)->peer, peer))
        link = &(*link)->next;
    struct packet *packet = *link;
    if (packet) {
        *link = packet->next;
        held->n--;
    }
    return packet;
}

void df_held_release(struct df_held *held, const struct df_ip *peer)
{
    struct packet *packet;
    while ((packet = take(held, peer))) {
        held->ops.release(held->ops.arg, packet->lport, packet->frame, packet->len);
        free(packet);
    }
}

void df_held_fail(struct df_held *held, const struct df_ip *peer)
{
    struct packet *packet;
    while ((packet = take(held, peer)))
        drop(held, packet, DF_DROP_RESOLVE_FAILED);
}

void df_held_run(struct df_held *held, uint64_t now_ms)
{
    while (held->first && held->first->until_ms <= now_ms) {
        struct packet *packet = held->first;
        held->first = packet->next;
        held->n--;
        drop(held, packet, DF_DROP_RESOLVE_FAILED);
    }
}

int64_t df_held_next_ms(const struct df_held *held)
{
    return held->first ? (int64_t)held->first->until_ms : -1;
}

void df_held_free(struct df_held *held)
{
    while (held->first)
        df_held_run(held, held->first->until_ms);
    free(held);
}
