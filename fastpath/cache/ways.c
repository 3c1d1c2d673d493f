/* SPDX-License-Identifier: Apache-2.0 */
#include "fastpath/cache/ways.h"

#include <errno.h>
#include <stdlib.h>

#include "fastpath/tables/services.h"
#include "fastpath/walk.h"

int df_ways_init(struct df_ways *ways, uint32_t n)
{
    *ways = (struct df_ways){0};
    if (n == 0)
        return 0;
    uint32_t room = 1;
    while (room < n)
        room *= 2;
    ways->way = aligned_alloc(sizeof(*ways->way), room * sizeof(*ways->way));
    if (ways->way == NULL)
        return -ENOMEM;
    memset(ways->way, 0, room * sizeof(*ways->way));
    ways->mask = room - 1;
    return 0;
}

void df_ways_fini(struct df_ways *ways)
{
    free(ways->way);
    *ways = (struct df_ways){0};
}

static uint32_t place(const struct df_ways *ways, const struct df_ip *src, const struct df_ip *dst)
{
    uint64_t word[4];
    memcpy(word, src, sizeof(*src));
    memcpy(word + 2, dst, sizeof(*dst));
    uint64_t hash = df_hash_mix(word[0] ^ word[1] ^ df_hash_secret[0],
                                word[2] ^ (word[3] << 32 | word[3] >> 32) ^ df_hash_secret[1]);
    return (uint32_t)hash & ways->mask;
}

void df_ways_prefetch(const struct df_ways *ways, const struct df_ip *src, const struct df_ip *dst)
{
    const struct df_way *way = &ways->way[place(ways, src, dst)];
    __builtin_prefetch(way);
    __builtin_prefetch((const uint8_t *)way + 64);
}

/*
 * Of a protocol with ports, so that who chooses by more than addresses reads them and says so; and that no service
 * wants, nor a group.
 */
static bool is_plain(const struct df_walk *walk)
{
    const struct df_packet *packet = &walk->packet;
    uint16_t more = packet->bits & (uint16_t) ~(DF_PACKET_IP4 | DF_PACKET_IP6 | DF_PACKET_L4);
    bool ports = packet->ip_proto == IPPROTO_TCP || packet->ip_proto == IPPROTO_UDP || packet->ip_proto == IPPROTO_SCTP;
    return more == 0 && ports && (packet->bits & DF_PACKET_L4) && walk->parsed.n_vlans == 0 && walk->tunnel_type == 0 &&
           !df_mac_is_group(&packet->eth_dst) && !df_packet_is_special(packet);
}

static bool is_way_of(const struct df_way *way, const struct df_walk *walk)
{
    const struct df_packet *packet = &walk->packet;
    return way->in_lport == walk->in_lport && way->in_network == walk->network &&
           df_ip_equal(&way->src, &packet->ip_src) && df_ip_equal(&way->dst, &packet->ip_dst) &&
           df_mac_equal(&way->eth_dst, &packet->eth_dst) && df_mac_equal(&way->eth_src, &packet->eth_src) &&
           packet->ip_ttl > way->ttl_less;
}

static bool holds(struct df_way *way, uint32_t changes)
{
    if (way->changes == changes)
        return true;
    uint32_t sum = 0;
    for (unsigned i = 0; i < way->n_stamps; i++)
        sum += atomic_load_explicit(&df_stamp_array[way->stamp[i]].value, memory_order_acquire);
    if (!df_stamps_remembered(way->changes) || sum != way->sum)
        return false;
    way->changes = changes;
    return true;
}

/* The stamps of the way become the walk's: their sum is what it was. */
static void go(struct df_walk *walk, const struct df_way *way)
{
    struct df_packet *packet = &walk->packet;
    packet->eth_dst = way->out_dst;
    packet->eth_src = way->out_src;
    packet->ip_ttl = (uint8_t)(packet->ip_ttl - way->ttl_less);
    walk->routed = way->ttl_less;
    walk->out_lport = way->out_lport;
    walk->network = way->network;
    walk->out_tunnel_type = way->tunnel_type;
    walk->tunnel_key = way->tunnel_key;
    if (way->peer != 0)
        walk->tunnel_peer = df_ip_from4(way->peer);
    memcpy(walk->stamps.slot + walk->stamps.n, way->stamp, way->n_stamps * sizeof(way->stamp[0]));
    walk->stamps.n = (uint16_t)(walk->stamps.n + way->n_stamps);
    walk->stamps.sum += way->sum;
}

uint16_t df_ways_take(struct df_walk *walk)
{
    struct df_ways *ways = walk->ways;
    walk->way = NULL;
    if (!is_plain(walk) || walk->stamps.n + DF_WAY_STAMPS_MAX > DF_STAMPS_MAX)
        return DF_TABLE_SERVICES;
    struct df_way *way = &ways->way[place(ways, &walk->packet.ip_src, &walk->packet.ip_dst)];
    /* What changed since the walk began the walk's own counter does not know. */
    if (is_way_of(way, walk) && df_stamps_now() == walk->stamps.counter && holds(way, walk->stamps.counter)) {
        go(walk, way);
        return way->next;
    }
    walk->way = way;
    walk->way_stamps = walk->stamps.n;
    walk->way_sum = walk->stamps.sum;
    walk->way_network = walk->network;
    walk->way_l4 = walk->read_l4;
    walk->read_l4 = false;
    return DF_TABLE_SERVICES;
}

static bool may_be_kept(const struct df_walk *walk, uint16_t next)
{
    return (next == DF_TABLE_INGRESS_CONNTRACK || next == DF_TABLE_PEERS) && !walk->read_l4 && !walk->uncacheable &&
           !walk->flooded && walk->stamps.n - walk->way_stamps <= DF_WAY_STAMPS_MAX &&
           (next != DF_TABLE_PEERS || df_ip_is4(&walk->tunnel_peer));
}

void df_ways_learn(struct df_walk *walk, uint16_t next)
{
    struct df_way *way = walk->way;
    const struct df_packet *was = &walk->parsed, *is = &walk->packet;
    walk->way = NULL;
    if (may_be_kept(walk, next)) {
        *way = (struct df_way){
            .src = is->ip_src,
            .dst = is->ip_dst,
            .eth_dst = was->eth_dst,
            .eth_src = was->eth_src,
            .in_lport = walk->in_lport,
            .in_network = walk->way_network,
            .out_dst = is->eth_dst,
            .out_src = is->eth_src,
            .changes = walk->stamps.counter,
            .sum = walk->stamps.sum - walk->way_sum,
            .out_lport = walk->out_lport,
            .network = walk->network,
            .tunnel_key = walk->tunnel_key,
            .peer = next == DF_TABLE_PEERS ? walk->tunnel_peer.word[3] : 0,
            .ttl_less = (uint8_t)(was->ip_ttl - is->ip_ttl),
            .n_stamps = (uint8_t)(walk->stamps.n - walk->way_stamps),
            .next = (uint8_t)next,
            .tunnel_type = walk->out_tunnel_type,
        };
        memcpy(way->stamp, walk->stamps.slot + walk->way_stamps, way->n_stamps * sizeof(way->stamp[0]));
    }
    walk->read_l4 = walk->read_l4 || walk->way_l4;
}
