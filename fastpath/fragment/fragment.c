/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/fragment/fragment.h"
#include "fastpath/fragment/datagrams.h"

#include <rte_common.h>
#include <stdlib.h>

#define NONE UINT32_MAX
#define EXPIRE_MAX 32 /* packets that df_fragments_expire() gives back, or datagrams that it forgets, at a time */

/* The bits of a packet that say what its transport header said. */
#define TRANSPORT_BITS (DF_PACKET_L4 | DF_PACKET_ICMP_ECHO | DF_PACKET_ICMP_ERROR)

struct df_fragments {
    struct df_datagrams all;
    uint32_t timeout_ms;
    uint32_t ready; /* the first whose packets are to be released */
};
_Static_assert(offsetof(struct df_fragments, all.n) == 0, "df_fragments_any() reads the first member");

static bool timed_out(const struct df_fragments *f, const struct df_datagram *datagram, uint32_t now_ms)
{
    return now_ms - datagram->born_ms >= f->timeout_ms;
}

/* Once all of it went by there is nothing left to know. */
static void forget_complete(struct df_fragments *f, struct df_datagram *datagram)
{
    bool busy = datagram->ready || datagram->ended || datagram->held.first != DF_WAITING_NONE;
    if (!busy && datagram->has_first && df_pieces_are_complete(&datagram->pieces))
        df_datagrams_forget(&f->all, datagram);
}

/* RFC 5722 section 4: all of it is discarded, also what is yet to come. */
static void end(struct df_fragments *f, struct df_datagram *datagram)
{
    datagram->ended = true;
    df_datagram_drop_held(&f->all, datagram, DF_DROP_FRAG_OVERLAP);
}

static enum df_drop note(struct df_fragments *f, struct df_datagram *datagram, const struct df_packet *packet)
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

static void remember(struct df_transport *first, const struct df_packet *packet)
{
    *first = (struct df_transport){.bits = packet->bits & TRANSPORT_BITS,
                                   .l4_src = packet->l4_src,
                                   .l4_dst = packet->l4_dst,
                                   .icmp_id = packet->icmp_id,
                                   .icmp_code = packet->icmp_code,
                                   .ip_proto = packet->ip_proto,
                                   .quoted = packet->quoted};
}

static void tell(const struct df_transport *first, struct df_packet *packet)
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

struct df_fragments *df_fragments_new(const struct df_fragments_config *config, df_fragments_drop *drop, void *arg)
{
    struct df_fragments *f = calloc(1, sizeof(*f));
    if (f == NULL)
        return NULL;
    f->timeout_ms = config->timeout_ms;
    f->ready = NONE;
    f->all.drop = drop;
    f->all.drop_arg = arg;
    if (df_datagrams_init(&f->all, rte_align32pow2(RTE_MAX(config->datagrams_max, 1u)), config->held_max) == 0)
        return f;
    df_fragments_free(f);
    return NULL;
}

void df_fragments_free(struct df_fragments *f)
{
    if (f == NULL)
        return;
    for (uint32_t index = f->all.all.oldest; index != DF_LINE_NONE; index = f->all.datagram[index].by_age.newer)
        df_datagram_drop_held(&f->all, &f->all.datagram[index], DF_DROP_FRAG_TIMEOUT);
    df_datagrams_fini(&f->all);
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
    struct df_datagram *datagram = df_datagrams_find(&f->all, key);
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

/* The datagram of that fragment, made known if it was not. */
static struct df_datagram *know(struct df_fragments *f, const struct df_fragment_key *key,
                                const struct df_packet *packet, uint32_t now_ms)
{
    struct df_datagram *datagram = df_datagrams_find(&f->all, key);
    if (datagram != NULL)
        return datagram;
    datagram = df_datagrams_make(&f->all, key, now_ms);
    note(f, datagram, packet);
    return datagram;
}

enum df_drop df_fragments_hold(struct df_fragments *f, const struct df_fragment_key *key,
                               const struct df_packet *packet, void *mbuf, uint32_t now_ms)
{
    bool known = df_datagrams_find(&f->all, key) != NULL;
    if (!df_datagrams_make_room(&f->all, key))
        return DF_DROP_FRAG_LIMIT;
    if (known &&
        df_datagrams_find(&f->all, key) == NULL) /* it was what gave way: without its other packets this is useless */
        return DF_DROP_FRAG_LIMIT;
    struct df_datagram *datagram = know(f, key, packet, now_ms);
    if (datagram->ended)
        return DF_DROP_FRAG_OVERLAP;
    df_datagram_hold(&f->all, datagram, mbuf);
    return DF_DROP_NONE;
}

void df_fragments_first(struct df_fragments *f, const struct df_fragment_key *key, const struct df_packet *packet,
                        uint32_t now_ms)
{
    struct df_datagram *datagram = know(f, key, packet, now_ms);
    if (!datagram->has_first)
        remember(&datagram->first, packet);
    datagram->has_first = true;
    if (datagram->held.first != DF_WAITING_NONE && !datagram->ready) {
        df_datagram_end_wait(&f->all, datagram);
        datagram->ready = true;
        datagram->next_ready = f->ready;
        f->ready = df_datagram_index(&f->all, datagram);
    }
    forget_complete(f, datagram);
}

void *df_fragments_release(struct df_fragments *f)
{
    while (f->ready != NONE) {
        struct df_datagram *datagram = &f->all.datagram[f->ready];
        void *packet = df_datagram_take(&f->all, datagram);
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
    const struct df_datagram *datagram = df_datagrams_find(&f->all, key);
    if (datagram == NULL || !datagram->has_first)
        return DF_DROP_FRAG_TIMEOUT;
    if (datagram->ended)
        return DF_DROP_FRAG_OVERLAP;
    tell(&datagram->first, packet);
    return DF_DROP_NONE;
}

void df_fragments_expire(struct df_fragments *f, uint32_t now_ms)
{
    for (uint32_t n = 0; n < EXPIRE_MAX && f->all.all.oldest != DF_LINE_NONE; n++) {
        struct df_datagram *datagram = &f->all.datagram[f->all.all.oldest];
        if (!timed_out(f, datagram, now_ms))
            return;
        void *packet = df_datagram_take(&f->all, datagram);
        if (packet != NULL)
            f->all.drop(packet, datagram->key.port, DF_DROP_FRAG_TIMEOUT, f->all.drop_arg);
        if (datagram->held.first == DF_WAITING_NONE)
            df_datagrams_forget(&f->all, datagram);
    }
}
