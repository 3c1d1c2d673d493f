/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/fragment/fragment.h"
#include "fastpath/fragment/pieces.h"
#include "fastpath/fragment/waiting.h"
#include "fastpath/lookup/hash.h"

#include <rte_common.h>
#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX
#define EXPIRE_MAX 32 /* packets that df_fragments_expire() gives back, or datagrams that it forgets, at a time */

/* The bits of a packet that say what its transport header said. */
#define TRANSPORT_BITS (DF_PACKET_L4 | DF_PACKET_ICMP_ECHO | DF_PACKET_ICMP_ERROR)

/* What the first fragment's transport header said. */
struct transport {
    uint16_t bits; /* TRANSPORT_BITS */
    uint16_t l4_src, l4_dst;
    uint16_t icmp_id;
    uint8_t icmp_code;
    uint8_t ip_proto;
    __typeof__(((struct df_packet *)NULL)->quoted) quoted; /* or what of the union there is */
};
_Static_assert(sizeof(((struct df_packet *)NULL)->quoted) >= sizeof(((struct df_packet *)NULL)->tcp) &&
                   sizeof(((struct df_packet *)NULL)->quoted) >= sizeof(((struct df_packet *)NULL)->sctp),
               "the largest of them stands for all");

struct datagram {
    struct df_fragment_key key;
    uint32_t next;         /* in its bucket, or of the free ones */
    uint32_t older, newer; /* by the time that they were noted */
    uint32_t born_ms;
    uint32_t next_ready;
    bool has_first;
    bool ready; /* among those whose packets are to be released */
    bool ended; /* fragments overlapped: nothing passes any more */
    struct df_waiting_queue held;
    struct transport first;
    struct df_pieces pieces;
};

struct df_fragments {
    uint32_t n_datagrams; /* df_fragments_any() reads it here */
    uint32_t datagrams_max, timeout_ms;

    uint32_t *bucket; /* datagrams_max of them; index of the first datagram, or NONE */
    struct datagram *datagrams;
    uint32_t datagrams_used; /* from here on none was ever used, so memory is touched as it is needed */
    uint32_t free_datagram;
    uint32_t oldest, newest;
    uint32_t ready; /* the first whose packets are to be released */

    struct df_waiting waiting;
    struct df_waiting_queue refused; /* packets of datagrams that ended */

    uint32_t datagrams_of[DF_PORTS_MAX]; /* by port */
};
_Static_assert(offsetof(struct df_fragments, n_datagrams) == 0, "df_fragments_any() reads the first member");

/* ---- datagrams */

static uint32_t index_of(const struct df_fragments *f, const struct datagram *datagram)
{
    return (uint32_t)(datagram - f->datagrams);
}

static uint32_t *bucket_of(const struct df_fragments *f, const struct df_fragment_key *key)
{
    return &f->bucket[df_hash_bytes(key, sizeof(*key)) & (f->datagrams_max - 1)];
}

static struct datagram *find(const struct df_fragments *f, const struct df_fragment_key *key)
{
    if (f->n_datagrams == 0)
        return NULL;
    uint32_t index = *bucket_of(f, key);
    while (index != NONE && memcmp(&f->datagrams[index].key, key, sizeof(*key)) != 0)
        index = f->datagrams[index].next;
    return index == NONE ? NULL : &f->datagrams[index];
}

/* NULL: the port has its share. */
static struct datagram *make(struct df_fragments *f, const struct df_fragment_key *key, uint32_t now_ms)
{
    if (df_waiting_has_share(f->datagrams_of[key->port], f->datagrams_max - f->n_datagrams))
        return NULL;
    uint32_t index = f->free_datagram;
    if (index != NONE)
        f->free_datagram = f->datagrams[index].next;
    else
        index = f->datagrams_used++;

    struct datagram *datagram = &f->datagrams[index];
    uint32_t *bucket = bucket_of(f, key);
    memset(datagram, 0, offsetof(struct datagram, pieces.piece));
    datagram->key = *key;
    datagram->next = *bucket;
    datagram->older = f->newest;
    datagram->newer = NONE;
    datagram->born_ms = now_ms;
    datagram->held = df_waiting_empty;
    *bucket = index;
    *(f->newest == NONE ? &f->oldest : &f->datagrams[f->newest].newer) = index;
    f->newest = index;
    f->n_datagrams++;
    f->datagrams_of[key->port]++;
    return datagram;
}

/* No packet of it waits, and none is to be released. */
static void forget(struct df_fragments *f, struct datagram *datagram)
{
    uint32_t index = index_of(f, datagram);
    uint32_t *link = bucket_of(f, &datagram->key);
    while (*link != index)
        link = &f->datagrams[*link].next;
    *link = datagram->next;
    *(datagram->older == NONE ? &f->oldest : &f->datagrams[datagram->older].newer) = datagram->newer;
    *(datagram->newer == NONE ? &f->newest : &f->datagrams[datagram->newer].older) = datagram->older;
    datagram->next = f->free_datagram;
    f->free_datagram = index;
    f->n_datagrams--;
    f->datagrams_of[datagram->key.port]--;
}

static bool timed_out(const struct df_fragments *f, const struct datagram *datagram, uint32_t now_ms)
{
    return now_ms - datagram->born_ms >= f->timeout_ms;
}

/* Once all of it went by there is nothing left to know. */
static void forget_complete(struct df_fragments *f, struct datagram *datagram)
{
    bool busy = datagram->ready || datagram->ended || datagram->held.first != DF_WAITING_NONE;
    if (!busy && datagram->has_first && df_pieces_are_complete(&datagram->pieces))
        forget(f, datagram);
}

/* RFC 5722 section 4: all of it is discarded, also what is yet to come. */
static void end(struct df_fragments *f, struct datagram *datagram)
{
    datagram->ended = true;
    df_waiting_move(&f->waiting, &datagram->held, &f->refused);
}

static enum df_drop note(struct df_fragments *f, struct datagram *datagram, const struct df_packet *packet)
{
    bool more = packet->bits & DF_PACKET_MORE_FRAGMENTS;
    switch (df_pieces_add(&datagram->pieces, packet->fragment_offset, packet->fragment_len, more)) {
    case DF_PIECE_NEW:
        return DF_DROP_NONE;
    case DF_PIECE_TOO_MANY:
        return DF_DROP_FRAG_LIMIT;
    case DF_PIECE_OVERLAP:
        end(f, datagram);
        break;
    case DF_PIECE_DUPLICATE: /* alone: RFC 8200 section 4.5 */
        break;
    }
    return DF_DROP_FRAG_OVERLAP;
}

/* ---- what the first fragment says for the later ones */

static void remember(struct transport *first, const struct df_packet *packet)
{
    *first = (struct transport){.bits = packet->bits & TRANSPORT_BITS,
                                .l4_src = packet->l4_src,
                                .l4_dst = packet->l4_dst,
                                .icmp_id = packet->icmp_id,
                                .icmp_code = packet->icmp_code,
                                .ip_proto = packet->ip_proto,
                                .quoted = packet->quoted};
}

static void tell(const struct transport *first, struct df_packet *packet)
{
    packet->bits |= first->bits | DF_PACKET_L4; /* also of a protocol without ports: they are known to be none */
    packet->l4_src = first->l4_src;
    packet->l4_dst = first->l4_dst;
    packet->icmp_id = first->icmp_id;
    packet->icmp_code = first->icmp_code;
    packet->ip_proto = first->ip_proto;
    packet->quoted = first->quoted;
}

/* ---- the contract */

static bool allocate(struct df_fragments *f, const struct df_fragments_config *config)
{
    f->bucket = malloc(f->datagrams_max * sizeof(*f->bucket));
    f->datagrams = calloc(f->datagrams_max, sizeof(*f->datagrams));
    if (f->bucket == NULL || f->datagrams == NULL)
        return false;
    memset(f->bucket, 0xff, f->datagrams_max * sizeof(*f->bucket)); /* NONE */
    return df_waiting_init(&f->waiting, config->held_max, config->held_per_port) == 0;
}

struct df_fragments *df_fragments_new(const struct df_fragments_config *config)
{
    struct df_fragments *f = calloc(1, sizeof(*f));
    if (f == NULL)
        return NULL;
    f->datagrams_max = rte_align32pow2(RTE_MAX(config->datagrams_max, 1u));
    f->timeout_ms = config->timeout_ms;
    f->free_datagram = f->oldest = f->newest = f->ready = NONE;
    f->refused = df_waiting_empty;
    if (allocate(f, config))
        return f;
    df_fragments_free(f, NULL, NULL);
    return NULL;
}

static void drop_queue(struct df_fragments *f, struct df_waiting_queue *queue, void (*drop)(void *packet, void *arg),
                       void *arg)
{
    uint16_t port;
    void *packet;
    while ((packet = df_waiting_take(&f->waiting, queue, &port)) != NULL)
        drop(packet, arg);
}

void df_fragments_free(struct df_fragments *f, void (*drop)(void *packet, void *arg), void *arg)
{
    if (f == NULL)
        return;
    for (uint32_t index = f->oldest; index != NONE; index = f->datagrams[index].newer)
        drop_queue(f, &f->datagrams[index].held, drop, arg);
    drop_queue(f, &f->refused, drop, arg);
    free(f->bucket);
    free(f->datagrams);
    df_waiting_fini(&f->waiting);
    free(f);
}

void df_fragment_key(const struct df_packet *packet, uint16_t port, uint8_t tunnel_type, uint32_t tunnel_key,
                     struct df_fragment_key *key)
{
    *key = (struct df_fragment_key){.src = packet->ip_src,
                                    .dst = packet->ip_dst,
                                    .id = packet->fragment_id,
                                    .tunnel_type = tunnel_type,
                                    .tunnel_key = tunnel_key,
                                    .port = port,
                                    .ip_proto = packet->bits & DF_PACKET_IP4 ? packet->ip_proto : 0};
}

enum df_drop df_fragments_see(struct df_fragments *f, const struct df_fragment_key *key, struct df_packet *packet,
                              uint32_t now_ms)
{
    struct datagram *datagram = find(f, key);
    if (datagram == NULL)
        return DF_DROP_NONE;
    if (timed_out(f, datagram, now_ms))
        return DF_DROP_FRAG_TIMEOUT;
    enum df_drop drop = datagram->ended ? DF_DROP_FRAG_OVERLAP : note(f, datagram, packet);
    if (drop != DF_DROP_NONE)
        return drop;
    if (datagram->has_first && (packet->bits & DF_PACKET_LATER_FRAGMENT)) {
        tell(&datagram->first, packet);
        forget_complete(f, datagram);
    }
    return DF_DROP_NONE;
}

enum df_drop df_fragments_hold(struct df_fragments *f, const struct df_fragment_key *key,
                               const struct df_packet *packet, void *mbuf, uint32_t now_ms)
{
    struct datagram *datagram = find(f, key);
    if (!df_waiting_may(&f->waiting, key->port))
        return DF_DROP_FRAG_LIMIT;
    if (datagram == NULL) {
        datagram = make(f, key, now_ms);
        if (datagram == NULL)
            return DF_DROP_FRAG_LIMIT;
        note(f, datagram, packet);
    }
    if (datagram->ended)
        return DF_DROP_FRAG_OVERLAP;
    df_waiting_put(&f->waiting, &datagram->held, mbuf, key->port);
    return DF_DROP_NONE;
}

void df_fragments_first(struct df_fragments *f, const struct df_fragment_key *key, const struct df_packet *packet,
                        uint32_t now_ms)
{
    struct datagram *datagram = find(f, key);
    if (datagram == NULL) {
        datagram = make(f, key, now_ms);
        if (datagram == NULL)
            return;
        note(f, datagram, packet);
    }
    if (!datagram->has_first)
        remember(&datagram->first, packet);
    datagram->has_first = true;
    if (datagram->held.first != DF_WAITING_NONE && !datagram->ready) {
        datagram->ready = true;
        datagram->next_ready = f->ready;
        f->ready = index_of(f, datagram);
    }
    forget_complete(f, datagram);
}

void *df_fragments_release(struct df_fragments *f)
{
    uint16_t port;
    while (f->ready != NONE) {
        struct datagram *datagram = &f->datagrams[f->ready];
        void *packet = df_waiting_take(&f->waiting, &datagram->held, &port);
        if (packet != NULL)
            return packet;
        f->ready = datagram->next_ready;
        datagram->ready = false;
        forget_complete(f, datagram); /* not before: the packet that was released last asked for its ports */
    }
    return NULL;
}

enum df_drop df_fragments_recall(const struct df_fragments *f, const struct df_fragment_key *key,
                                 struct df_packet *packet)
{
    const struct datagram *datagram = find(f, key);
    if (datagram == NULL || !datagram->has_first)
        return DF_DROP_FRAG_TIMEOUT;
    if (datagram->ended)
        return DF_DROP_FRAG_OVERLAP;
    tell(&datagram->first, packet);
    return DF_DROP_NONE;
}

/* Gives back at most budget packets of a queue; returns what is left of the budget. */
static uint32_t drop_some(struct df_fragments *f, struct df_waiting_queue *queue, uint32_t budget, enum df_drop reason,
                          void (*drop)(void *packet, uint16_t port, enum df_drop reason, void *arg), void *arg)
{
    uint16_t port;
    void *packet;
    while (budget > 0 && (packet = df_waiting_take(&f->waiting, queue, &port)) != NULL) {
        drop(packet, port, reason, arg);
        budget--;
    }
    return budget;
}

void df_fragments_expire(struct df_fragments *f, uint32_t now_ms,
                         void (*drop)(void *packet, uint16_t port, enum df_drop reason, void *arg), void *arg)
{
    uint32_t budget = drop_some(f, &f->refused, EXPIRE_MAX, DF_DROP_FRAG_OVERLAP, drop, arg);
    while (budget > 0 && f->oldest != NONE) {
        struct datagram *datagram = &f->datagrams[f->oldest];
        if (!timed_out(f, datagram, now_ms) || datagram->ready)
            return;
        budget = drop_some(f, &datagram->held, budget, DF_DROP_FRAG_TIMEOUT, drop, arg);
        if (budget == 0)
            return;
        forget(f, datagram);
        budget--;
    }
}
