/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/cache/ways.h"

#include <errno.h>

#include "fastpath/cache/map.h"
#include "fastpath/ports/port.h"
#include "fastpath/tables/conntrack.h"
#include "fastpath/tables/security_group.h"
#include "fastpath/tables/services.h"
#include "fastpath/tunnel/tunnel.h"
#include "fastpath/walk.h"

#define INDEX_BITS 18
#define INDEX_MASK ((1u << INDEX_BITS) - 1)
#define WAYS_MAX (1u << (INDEX_BITS - 1))

int df_ways_init(struct df_ways *ways, uint32_t n)
{
    *ways = (struct df_ways){0};
    if (n == 0)
        return 0;
    uint32_t buckets = 1;
    ways->n = (n < WAYS_MAX ? n : WAYS_MAX) + 1;
    while (buckets * DF_WAYS_IN_BUCKET < 2 * ways->n)
        buckets *= 2;
    ways->bucket_mask = buckets - 1;
    ways->way = df_cache_map(ways->n * sizeof(*ways->way));
    ways->bucket = df_cache_map(buckets * sizeof(*ways->bucket));
    if (ways->way != NULL && ways->bucket != NULL)
        return 0;
    df_ways_fini(ways);
    return -ENOMEM;
}

void df_ways_fini(struct df_ways *ways)
{
    df_cache_unmap(ways->way, ways->n * sizeof(*ways->way));
    df_cache_unmap(ways->bucket, (ways->bucket_mask + 1ull) * sizeof(*ways->bucket));
    *ways = (struct df_ways){0};
}

/* ---- finding */

static inline struct df_ways_bucket *bucket_of(const struct df_ways *ways, uint64_t hash)
{
    return &ways->bucket[hash & ways->bucket_mask];
}

static inline uint32_t tag_of(uint64_t hash)
{
    return (uint32_t)(hash >> 32) & ~INDEX_MASK;
}

/* Bit n: slot n may be of that hash. */
static inline uint32_t slots_of(const struct df_ways_bucket *bucket, uint64_t hash)
{
    uint32_t tag = tag_of(hash), mask = 0;
    for (unsigned i = 0; i < DF_WAYS_IN_BUCKET; i++)
        mask |= (uint32_t)((bucket->slot[i] & ~INDEX_MASK) == tag && bucket->slot[i] != 0) << i;
    return mask;
}

void df_ways_prefetch(const struct df_ways *ways, uint64_t hash)
{
    __builtin_prefetch(bucket_of(ways, hash));
}

void df_ways_prefetch_way(const struct df_ways *ways, uint64_t hash)
{
    const struct df_ways_bucket *bucket = bucket_of(ways, hash);
    for (uint32_t mask = slots_of(bucket, hash); mask != 0; mask &= mask - 1) {
        const uint8_t *way = (const void *)&ways->way[bucket->slot[__builtin_ctz(mask)] & INDEX_MASK];
        __builtin_prefetch(way);
        __builtin_prefetch(way + 64);
        __builtin_prefetch(way + 128);
    }
}

/*
 * Of a protocol with ports, so that who chooses by more than addresses reads them and says so; and that no service
 * wants, nor a group; and of a peer whose address a way has room for.
 */
static bool is_plain(const struct df_walk *walk)
{
    const struct df_packet *packet = &walk->packet;
    uint16_t more = packet->bits & (uint16_t) ~(DF_PACKET_IP4 | DF_PACKET_IP6 | DF_PACKET_L4 | DF_PACKET_DF);
    bool ports = packet->ip_proto == IPPROTO_TCP || packet->ip_proto == IPPROTO_UDP || packet->ip_proto == IPPROTO_SCTP;
    return more == 0 && ports && (packet->bits & DF_PACKET_L4) && packet->n_vlans == 0 &&
           (walk->tunnel_type == 0 || df_ip_is4(&walk->tunnel_peer)) && !df_mac_is_group(&packet->eth_dst) &&
           !df_packet_is_special(packet);
}

static uint32_t peer_of(const struct df_walk *walk)
{
    return walk->tunnel_type != 0 ? walk->tunnel_peer.word[3] : 0;
}

#define TYPE_SHIFT 12
_Static_assert(DF_PORTS_MAX <= 1 << TYPE_SHIFT && DF_TUNNEL_TYPES <= 1 << (16 - TYPE_SHIFT), "both fit 16 bits");

static uint16_t way_from(const struct df_walk *walk)
{
    return (uint16_t)(walk->in_port | walk->tunnel_type << TYPE_SHIFT);
}

static bool is_way_of(const struct df_way *way, const struct df_walk *walk)
{
    const struct df_packet *packet = &walk->packet;
    return way->kept && way->from == way_from(walk) && way->from_key == walk->tunnel_key &&
           way->from_peer == peer_of(walk) && df_ip_equal(&way->src, &packet->ip_src) &&
           df_ip_equal(&way->dst, &packet->ip_dst) && df_mac_equal(&way->eth_dst, &packet->eth_dst) &&
           df_mac_equal(&way->eth_src, &packet->eth_src);
}

static struct df_way *find(const struct df_ways *ways, const struct df_walk *walk, uint64_t hash)
{
    const struct df_ways_bucket *bucket = bucket_of(ways, hash);
    for (uint32_t mask = slots_of(bucket, hash); mask != 0; mask &= mask - 1) {
        struct df_way *way = &ways->way[bucket->slot[__builtin_ctz(mask)] & INDEX_MASK];
        if (is_way_of(way, walk))
            return way;
    }
    return NULL;
}

/* What changed since the walk began the walk's own counter does not know. */
static bool holds(struct df_way *way, uint32_t changes)
{
    if (df_stamps_now() != changes)
        return false;
    if (way->changes == changes)
        return true;
    if (!df_stamps_remembered(way->changes) || df_stamps_sum(way->stamp, way->n_stamps) != way->sum)
        return false;
    way->changes = changes;
    return true;
}

/* ---- going */

/* False: the walk is at its end. */
static bool judge(struct df_walk *walk, const struct df_way *way, enum df_track_side side)
{
    if (way->conntrack[side] == NULL)
        return true;
    uint16_t next = df_conntrack_follow(walk, side, way->conntrack[side]);
    if (next == DF_TABLE_EGRESS_SECURITY_GROUP || next == DF_TABLE_INGRESS_SECURITY_GROUP)
        next = df_security_group_judge(walk, side);
    return next != DF_TABLE_END;
}

static void pass_middle(struct df_walk *walk, const struct df_way *way)
{
    struct df_packet *packet = &walk->packet;
    packet->eth_dst = way->out_dst;
    packet->eth_src = way->out_src;
    packet->ip_ttl = (uint8_t)(packet->ip_ttl - way->ttl_less);
    walk->routed = way->ttl_less;
    walk->out_lport = way->out_lport;
    walk->network = way->network;
    walk->mtu = way->mtu;
}

static void go(struct df_walk *walk, struct df_way *way)
{
    walk->way = way;
    walk->in_lport = way->in_lport;
    if (!judge(walk, way, DF_TRACK_EGRESS))
        return;
    pass_middle(walk, way);
    if (!judge(walk, way, DF_TRACK_INGRESS))
        return;
    df_walk_deliver(walk, (struct df_output){.port = way->out_port,
                                             .peer = way->peer,
                                             .entropy = way->peer != 0 ? df_tunnel_entropy(&walk->packet) : 0,
                                             .tunnel_key = way->tunnel_key,
                                             .mtu = way->mtu});
}

/* Neither do hops run out on the way, nor is it for a table to say what becomes of a packet that does not fit. */
static bool can_go_whole(const struct df_walk *walk, const struct df_way *way)
{
    return walk->packet.ip_ttl > way->ttl_less && (way->mtu == 0 || walk->packet.l3_len <= way->mtu);
}

bool df_ways_go(struct df_walk *walk)
{
    if (!is_plain(walk))
        return false;
    uint64_t hash = df_ways_hash(&walk->packet.ip_src, &walk->packet.ip_dst);
    struct df_way *way = find(walk->ways, walk, hash);
    if (way != NULL && can_go_whole(walk, way) && holds(way, walk->stamps.counter)) {
        go(walk, way);
        return true;
    }
    walk->draft = (struct df_way_draft){.wanted = true, .hash = hash, .way = way, .from_key = walk->tunnel_key};
    return false;
}

void df_ways_add_stamps(struct df_walk *walk)
{
    if (walk->way != NULL)
        df_stamps_add_known(&walk->stamps, walk->way->stamp, walk->way->n_stamps, walk->way->sum);
}

/* ---- learning */

static bool may_be_kept(const struct df_walk *walk)
{
    const struct df_verdict *verdict = &walk->verdict;
    return verdict->kind == DF_VERDICT_OUTPUT && verdict->n_outputs == 1 && verdict->drop == DF_DROP_NONE &&
           walk->outputs[0].vlan == 0 && !walk->read_l4 && !walk->uncacheable && !walk->flooded &&
           walk->stamps.n <= DF_STAMPS_MAX;
}

/* The walk's stamps but for those of the judges, who are asked anew each time. */
static bool take_stamps(struct df_way *way, const struct df_walk *walk)
{
    const struct df_judged *judged = walk->draft.judged;
    unsigned n = 0;
    way->sum = walk->stamps.sum - judged[0].sum - judged[1].sum;
    for (unsigned i = 0; i < walk->stamps.n; i++) {
        if ((i >= judged[0].from && i < judged[0].to) || (i >= judged[1].from && i < judged[1].to))
            continue;
        if (n == DF_WAY_STAMPS_MAX)
            return false;
        way->stamp[n++] = walk->stamps.slot[i];
    }
    way->n_stamps = (uint16_t)n;
    return true;
}

/* A slot of the bucket: one that is free or whose way is another one's by now, or else one by chance. */
static uint32_t *slot_for(struct df_ways *ways, struct df_ways_bucket *bucket, uint64_t hash)
{
    for (unsigned i = 0; i < DF_WAYS_IN_BUCKET; i++) {
        uint32_t *slot = &bucket->slot[i];
        const struct df_way *way = &ways->way[*slot & INDEX_MASK];
        if (*slot == 0 || bucket_of(ways, df_ways_hash(&way->src, &way->dst)) != bucket)
            return slot;
    }
    return &bucket->slot[hash >> 16 & (DF_WAYS_IN_BUCKET - 1)];
}

/* Where to keep a way that is not known: in place of the oldest. */
static struct df_way *place(struct df_ways *ways, uint64_t hash)
{
    ways->next = ways->next + 1 < ways->n ? ways->next + 1 : 1;
    struct df_way *way = &ways->way[ways->next];
    way->kept = false;
    *slot_for(ways, bucket_of(ways, hash), hash) = tag_of(hash) | ways->next;
    return way;
}

void df_ways_learn(struct df_walk *walk)
{
    const struct df_way_draft *draft = &walk->draft;
    const struct df_packet *was = &walk->parsed, *is = &walk->packet;
    const struct df_output *output = &walk->outputs[0];
    struct df_way made;
    if (!may_be_kept(walk) || !take_stamps(&made, walk))
        return;
    struct df_way *way = draft->way != NULL ? draft->way : place(walk->ways, draft->hash);
    *way = (struct df_way){
        .src = was->ip_src,
        .dst = was->ip_dst,
        .eth_dst = was->eth_dst,
        .eth_src = was->eth_src,
        .from_key = draft->from_key,
        .from_peer = peer_of(walk),
        .from = way_from(walk),
        .kept = true,
        .ttl_less = (uint8_t)(was->ip_ttl - is->ip_ttl),
        .changes = walk->stamps.counter,
        .sum = made.sum,
        .conntrack = {draft->conntrack[DF_TRACK_EGRESS], draft->conntrack[DF_TRACK_INGRESS]},
        .out_dst = is->eth_dst,
        .out_src = is->eth_src,
        .in_lport = walk->in_lport,
        .out_lport = walk->out_lport,
        .network = walk->network,
        .tunnel_key = output->tunnel_key,
        .out_port = output->port,
        .peer = output->peer,
        .n_stamps = made.n_stamps,
        .mtu = output->mtu,
    };
    memcpy(way->stamp, made.stamp, made.n_stamps * sizeof(made.stamp[0]));
}
