/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/fragment/datagrams.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fastpath/lookup/hash.h"

int df_datagrams_init(struct df_datagrams *all, uint32_t max, uint32_t held_max)
{
    all->max = max;
    all->free = DF_LINE_NONE;
    all->all = (struct df_line){DF_LINE_NONE, DF_LINE_NONE};
    all->bucket = malloc(max * sizeof(*all->bucket));
    all->datagram = calloc(max, sizeof(*all->datagram));
    if (all->bucket == NULL || all->datagram == NULL)
        return -ENOMEM;
    memset(all->bucket, 0xff, max * sizeof(*all->bucket)); /* DF_LINE_NONE */
    if (df_senders_init(&all->senders, max) != 0 || df_shares_init(&all->of_datagrams, max, max) != 0 ||
        df_shares_init(&all->of_packets, max, held_max) != 0)
        return -ENOMEM;
    return df_waiting_init(&all->waiting, held_max);
}

void df_datagrams_fini(struct df_datagrams *all)
{
    free(all->bucket);
    free(all->datagram);
    df_senders_fini(&all->senders);
    df_shares_fini(&all->of_datagrams);
    df_shares_fini(&all->of_packets);
    df_waiting_fini(&all->waiting);
}

/* ---- lines */

static struct df_link *link_of(struct df_datagrams *all, const struct df_line *line, uint32_t index)
{
    struct df_datagram *datagram = &all->datagram[index];
    return line == &all->all ? &datagram->by_age : &datagram->by_sender;
}

static void line_up(struct df_datagrams *all, struct df_line *line, uint32_t index)
{
    *link_of(all, line, index) = (struct df_link){.older = line->newest, .newer = DF_LINE_NONE};
    if (line->newest == DF_LINE_NONE)
        line->oldest = index;
    else
        link_of(all, line, line->newest)->newer = index;
    line->newest = index;
}

static void step_out(struct df_datagrams *all, struct df_line *line, uint32_t index)
{
    struct df_link link = *link_of(all, line, index);
    if (link.older == DF_LINE_NONE)
        line->oldest = link.newer;
    else
        link_of(all, line, link.older)->newer = link.newer;
    if (link.newer == DF_LINE_NONE)
        line->newest = link.older;
    else
        link_of(all, line, link.newer)->older = link.older;
}

static struct df_line *senders_line(struct df_datagrams *all, const struct df_datagram *datagram)
{
    struct df_sender *sender = &all->senders.sender[datagram->sender];
    return datagram->holding ? &sender->holding : &sender->others;
}

static void set_holding(struct df_datagrams *all, struct df_datagram *datagram, bool holding)
{
    uint32_t index = df_datagram_index(all, datagram);
    if (datagram->holding == holding)
        return;
    step_out(all, senders_line(all, datagram), index);
    datagram->holding = holding;
    line_up(all, senders_line(all, datagram), index);
}

/* ---- who gives way */

/* All that is known of it goes, and all that waits. */
static void push_out(struct df_datagrams *all, uint32_t index)
{
    df_datagram_drop_held(all, &all->datagram[index], DF_DROP_FRAG_LIMIT);
    df_datagrams_forget(all, &all->datagram[index]);
}

/* The older one of the two that are first in their lines. */
static uint32_t oldest_of(const struct df_datagrams *all, const struct df_sender *sender, uint32_t now_ms)
{
    uint32_t one = sender->holding.oldest, other = sender->others.oldest;
    if (one == DF_LINE_NONE || other == DF_LINE_NONE)
        return one == DF_LINE_NONE ? other : one;
    return now_ms - all->datagram[one].born_ms >= now_ms - all->datagram[other].born_ms ? one : other;
}

static uint32_t sender_of(const struct df_datagrams *all, const struct df_fragment_key *key)
{
    struct df_sender_key sender = df_sender_key_of(key);
    return df_senders_find(&all->senders, &sender);
}

bool df_datagrams_make_room(struct df_datagrams *all, const struct df_fragment_key *key)
{
    if (!df_waiting_is_full(&all->waiting))
        return true;
    uint32_t greediest = df_shares_greediest(&all->of_packets, sender_of(all, key));
    if (greediest == DF_SHARES_NOBODY)
        return false;
    push_out(all, all->senders.sender[greediest].holding.oldest);
    return true;
}

/* ---- datagrams */

static uint32_t *bucket_of(const struct df_datagrams *all, const struct df_fragment_key *key)
{
    return &all->bucket[df_hash_bytes(key, sizeof(*key)) & (all->max - 1)];
}

struct df_datagram *df_datagrams_find(const struct df_datagrams *all, const struct df_fragment_key *key)
{
    if (all->n == 0)
        return NULL;
    uint32_t index = *bucket_of(all, key);
    while (index != DF_LINE_NONE && memcmp(&all->datagram[index].key, key, sizeof(*key)) != 0)
        index = all->datagram[index].next;
    return index == DF_LINE_NONE ? NULL : &all->datagram[index];
}

static uint32_t take_free(struct df_datagrams *all)
{
    uint32_t index = all->free;
    if (index == DF_LINE_NONE)
        return all->used++;
    all->free = all->datagram[index].next;
    return index;
}

static void belong(struct df_datagrams *all, struct df_datagram *datagram)
{
    struct df_sender_key key = df_sender_key_of(&datagram->key);
    datagram->sender = df_senders_find(&all->senders, &key);
    if (datagram->sender == DF_SENDERS_NONE)
        datagram->sender = df_senders_add(&all->senders, &key);
    df_shares_add(&all->of_datagrams, datagram->sender);
    line_up(all, senders_line(all, datagram), df_datagram_index(all, datagram));
}

struct df_datagram *df_datagrams_make(struct df_datagrams *all, const struct df_fragment_key *key, uint32_t now_ms)
{
    if (all->n == all->max) {
        uint32_t greediest = df_shares_greediest(&all->of_datagrams, sender_of(all, key));
        push_out(all, oldest_of(all, &all->senders.sender[greediest], now_ms));
    }
    uint32_t index = take_free(all), *bucket = bucket_of(all, key);
    struct df_datagram *datagram = &all->datagram[index];
    memset(datagram, 0, offsetof(struct df_datagram, pieces.piece));
    datagram->key = *key;
    datagram->next = *bucket;
    datagram->born_ms = now_ms;
    datagram->held = df_waiting_empty;
    *bucket = index;
    all->n++;
    line_up(all, &all->all, index);
    belong(all, datagram);
    return datagram;
}

void df_datagrams_forget(struct df_datagrams *all, struct df_datagram *datagram)
{
    uint32_t index = df_datagram_index(all, datagram);
    uint32_t *link = bucket_of(all, &datagram->key);
    while (*link != index)
        link = &all->datagram[*link].next;
    *link = datagram->next;
    step_out(all, &all->all, index);
    step_out(all, senders_line(all, datagram), index);
    df_shares_take(&all->of_datagrams, datagram->sender);
    if (all->of_datagrams.of[datagram->sender].n == 0)
        df_senders_forget(&all->senders, datagram->sender);
    datagram->next = all->free;
    all->free = index;
    all->n--;
}

/* ---- their packets */

void df_datagram_hold(struct df_datagrams *all, struct df_datagram *datagram, void *packet)
{
    df_waiting_put(&all->waiting, &datagram->held, packet);
    df_shares_add(&all->of_packets, datagram->sender);
    set_holding(all, datagram, true);
}

void df_datagram_end_wait(struct df_datagrams *all, struct df_datagram *datagram)
{
    set_holding(all, datagram, false);
}

void *df_datagram_take(struct df_datagrams *all, struct df_datagram *datagram)
{
    void *packet = df_waiting_take(&all->waiting, &datagram->held);
    if (packet != NULL)
        df_shares_take(&all->of_packets, datagram->sender);
    return packet;
}

void df_datagram_drop_held(struct df_datagrams *all, struct df_datagram *datagram, enum df_drop reason)
{
    void *packet;
    while ((packet = df_datagram_take(all, datagram)) != NULL)
        all->drop(packet, datagram->key.port, reason, all->drop_arg);
    df_datagram_end_wait(all, datagram);
}
