/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "fastpath/cache/stamps.h"
#include "fastpath/packet/addr.h"

/*
 * Ways: all of a walk that asks nothing about ports, by address pair.
 *
 * Motivation: the first packets of a connection walk, and so do those that move it on: of a short one all of them. Of
 * two hosts that open their hundredth connection only the connection and the judgement of the rules are new. A walk that
 * finds its way looks up the connection, asks for the judgement, and is at its end.
 *
 * Invariant: a way says where the tables would lead a plain packet with these MACs and addresses that comes in here, if
 * the judges on it, tables 15 and 110, let it pass; and by which entry of tables 10 and 105 they judge. It does so as
 * long as its stamps hold. What reads ports on the way (ECMP, a service that wants the packet), floods, answers or drops
 * makes none. It is a cache: losing a way costs a longer walk.
 *
 * A way also remembers what rule allowed its packets last, each in its direction (struct df_ruling).
 *
 * One per worker, private to it. Ways lie one beside the other in the order in which they were learned, so that few of
 * them are on few pages; a full set gives up its oldest. Where a way is an index says: buckets of one line. A trace
 * takes no ways, so it shows every table.
 */

struct df_walk;
struct df_conntrack_value;

#define DF_WAY_STAMPS_MAX 32
#define DF_RULING_STAMPS_MAX 4

/*
 * A rule that allowed something on the way, as a judge found it: valid as long as the way and the stamps of its own,
 * which are of that rule and of the address in its set (tables/security_group_ask.c).
 */
struct df_ruling {
    const struct df_conntrack_value *by; /* whose groups were asked; NULL: there is no ruling */
    uint32_t changes;                    /* change counter at which the sum was last good */
    uint32_t sum;
    uint32_t rule;
    uint16_t l4; /* what was asked about; it only counts if the rules read it */
    uint8_t ip_proto;
    uint8_t kind : 2; /* of groups that were asked */
    uint8_t read_l4 : 1;
    uint8_t n_stamps : 5;
    uint16_t stamp[DF_RULING_STAMPS_MAX];
};
_Static_assert(sizeof(struct df_ruling) == 32, "two in a line");

struct df_way {
    /* Of which packets. */
    struct df_ip src, dst;
    struct df_mac eth_dst, eth_src;
    uint32_t from_key;  /* tunnel key that they come with, */
    uint32_t from_peer; /* and from whom, network order; 0: from a local port */
    uint16_t from;      /* by which port, and above that enum df_tunnel_type; see way_from() */
    bool kept;          /* there is one */
    uint8_t ttl_less;
    uint32_t changes; /* change counter at which the sum was last good */
    uint32_t sum;
    /* Where they go. */
    const struct df_conntrack_value *conntrack[2]; /* who judges, by enum df_track_side; NULL: nobody */
    struct df_mac out_dst, out_src;
    uint32_t in_lport, out_lport, network;
    uint32_t tunnel_key;
    uint16_t out_port;
    uint16_t peer; /* index of df_peer_headers; 0: none */
    uint16_t n_stamps;
    uint16_t mtu; /* the longest IP packet that gets there; 0: any */
    uint16_t pad[2];
    /* What was said about them, by enum df_track_side of the rules that were asked. */
    struct df_ruling ruling[2];
    /* Seldom needed. */
    uint16_t stamp[DF_WAY_STAMPS_MAX];
} __attribute__((aligned(64)));
_Static_assert(sizeof(struct df_way) == 256, "four lines");

#define DF_WAYS_IN_BUCKET 16

struct df_ways_bucket {
    uint32_t slot[DF_WAYS_IN_BUCKET]; /* index of a way, and above that bits of its hash; 0: free */
} __attribute__((aligned(64)));

struct df_ways {
    struct df_way *way; /* NULL: none are kept */
    struct df_ways_bucket *bucket;
    uint32_t n; /* ways that there is room for, and one that is never used: the first */
    uint32_t next;
    uint32_t bucket_mask;
};

/** Makes room for at least n ways, at most 131,072; 0: none are kept. -ENOMEM. Control thread. */
int df_ways_init(struct df_ways *ways, uint32_t n);
void df_ways_fini(struct df_ways *ways);

static inline uint64_t df_ways_hash(const struct df_ip *src, const struct df_ip *dst)
{
    uint64_t word[4];
    memcpy(word, src, sizeof(*src));
    memcpy(word + 2, dst, sizeof(*dst));
    return df_hash_end(df_hash_mix(word[0] ^ word[1] ^ df_hash_secret[0],
                                   word[2] ^ (word[3] << 32 | word[3] >> 32) ^ df_hash_secret[1]));
}

/** Fetches what a walk between two addresses reads first; and, when that is there, what it reads then. */
void df_ways_prefetch(const struct df_ways *ways, uint64_t hash);
void df_ways_prefetch_way(const struct df_ways *ways, uint64_t hash);

/**
 * Goes the whole way of a walk that is about to begin at its first table, if it is known. The judges on it are asked,
 * and so the verdict is complete.
 *
 * The stamps of the way are not among the walk's yet: df_ways_add_stamps().
 *
 * @return false: it is not; the walk is as it was, and if walk->draft.wanted, df_ways_learn() waits for what it finds
 */
bool df_ways_go(struct df_walk *walk);

/** The walk has its verdict: keeps the way that it went, if it may be kept. */
void df_ways_learn(struct df_walk *walk);

/** Adds what the way depends on, for who keeps the decision. */
void df_ways_add_stamps(struct df_walk *walk);
